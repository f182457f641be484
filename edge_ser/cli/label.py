"""`edge-ser label`: a teacher annotates audio into a label store."""

from __future__ import annotations

import argparse
from pathlib import Path

from edge_ser.cli.teacher_arguments import add_teacher_arguments, chosen_teacher
from edge_ser.errors import InputError

EXAMPLES = """\
  edge-ser label recordings/ --store labels/            # the shipped teacher
  edge-ser label recordings/ --teacher my/teacher.safetensors --store labels/
  edge-ser label recordings/ --teacher ensemble --store labels/          # the paper's, from the hub
  edge-ser label recordings/ --teacher wavlm-odyssey/ --store labels/    # a folder, offline
  edge-ser label recordings/ --teacher ensemble=wav2vec2-msp-dim/,wavlm-odyssey/ \\
      --device cuda --precision bfloat16 --store labels/
  edge-ser label --check-teacher --teacher wav2vec2-msp-dim/    # exit code 0: the paper's weights
A killed run continues where it stopped; a second run labels only what is new."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("audio", type=Path, nargs="*", help="folders of audio")
    parser.add_argument("--store", type=Path, help="label store folder to extend")
    parser.add_argument(
        "--check-teacher",
        action="store_true",
        help="compare the teacher with the outputs published with its weights, and stop: exit "
        "code 0 if they are the weights that the paper used, 1 if not, or if none were published",
    )
    add_teacher_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Label; 0 also when some files were unreadable, since they are listed."""
    if args.check_teacher:
        return _check_teacher(args)
    if not args.audio or args.store is None:
        raise InputError(
            "name the folders of audio to label, and the --store for the labels",
            "edge-ser label recordings/ --store labels/",
        )
    from edge_ser.audio.corpus import read_corpus
    from edge_ser.distillation.label_store import LabelStore
    from edge_ser.distillation.labelling import label

    clips = [clip for folder in args.audio for clip in read_corpus(folder)]
    teacher = chosen_teacher(args).load()
    result = label(clips, teacher, LabelStore(args.store))
    print(
        f"{result.labelled} clips labelled by {teacher.id} ({teacher.licence}), "
        f"{result.known} known already, {len(result.unreadable)} unreadable -> {args.store}"
    )
    for path, reason in result.unreadable[:10]:
        print(f"  skipped {path}: {reason}")
    if result.unreadable:
        print(f"  all of them: {args.store / 'unreadable.csv'}")
    return 0


def _check_teacher(args: argparse.Namespace) -> int:
    if args.audio or args.store:
        raise InputError(
            "--check-teacher hears published signals only and writes nothing",
            "leave the folders and --store away",
        )
    from edge_ser.teachers.hub import import_transformers

    import_transformers()
    from edge_ser.teachers.anchors import check_teacher, render

    teacher = chosen_teacher(args).load()
    check = check_teacher(teacher)
    print(render(check))
    return 0 if check.passed else 1
