"""The options that choose a teacher, shared by the verbs that ask one."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from edge_ser.teachers import DEFAULT_TEACHER, DEVICES, PRECISIONS, TeacherChoice

if TYPE_CHECKING:
    from argparse import _ActionsContainer

_TEACHER_HELP = (
    "'default' (shipped), a teacher's .safetensors, wav2vec2-msp-dim, wavlm-odyssey, ensemble, "
    "a folder with one of the two, or ensemble=FOLDER,FOLDER (default: 'default')"
)


def add_teacher_arguments(
    parser: argparse.ArgumentParser,
    choice: _ActionsContainer | None = None,
    default: str | None = DEFAULT_TEACHER,
    precision_option: str = "--precision",
) -> None:
    """Declare `--teacher`, `--revision`, `--device` and the teacher's precision.

    Args:
        parser: of the verb.
        choice: mutually exclusive group that gets `--teacher`; the other options stand alone.
        default: of `--teacher`; None where the verb must know whether it was given.
        precision_option: another name for a verb that has a precision of its own.
    """
    group = parser.add_argument_group("teacher", "published teachers: see docs/TEACHERS.md")
    (choice or group).add_argument("--teacher", default=default, metavar="NAME", help=_TEACHER_HELP)
    group.add_argument(
        "--revision", metavar="COMMIT",
        help="commit of the teacher's hub repository (default: the pinned one)",
    )  # fmt: skip
    group.add_argument(
        "--device", choices=DEVICES, default="auto",
        help="where a published teacher runs and a student learns; auto: a GPU if there is one "
        "(default: %(default)s)",
    )  # fmt: skip
    group.add_argument(
        precision_option, dest="teacher_precision", choices=PRECISIONS, default="float32",
        help="of a published teacher (default: %(default)s)",
    )  # fmt: skip


def chosen_teacher(args: argparse.Namespace) -> TeacherChoice:
    """What the options of `add_teacher_arguments` say; nothing is loaded."""
    return TeacherChoice(
        args.teacher or DEFAULT_TEACHER, args.revision, args.device, args.teacher_precision
    )
