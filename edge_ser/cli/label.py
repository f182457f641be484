"""`edge-ser label`: a teacher annotates audio into a label store."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from edge_ser.cli.bank_arguments import add_bank_arguments, chosen_bank
from edge_ser.cli.number import positive_int
from edge_ser.cli.teacher_arguments import add_teacher_arguments, chosen_teacher
from edge_ser.errors import InputError

if TYPE_CHECKING:
    from edge_ser.labelling.answer import Engine
    from edge_ser.labelling.label import LabellingResult
    from edge_ser.teachers import Teacher

_SHOWN = 10

EXAMPLES = """\
  edge-ser label recordings/ --store labels/            # the shipped teacher
  edge-ser label recordings/ --teacher my/teacher.safetensors --store labels/
  edge-ser label recordings/ --teacher ensemble --store labels/          # the paper's, from the hub
  edge-ser label recordings/ --teacher wavlm-odyssey/ --store labels/    # a folder, offline
  edge-ser label recordings/ --teacher ensemble=wav2vec2-msp-dim/,wavlm-odyssey/ \\
      --device cuda --precision bfloat16 --store labels/
  edge-ser label recordings/ --store labels/ --jobs 8                    # eight processes
  edge-ser label /net/recordings --store labels/ --engine ray --ray-address auto --jobs 32
  edge-ser label recordings/ --augment 30000 --noise noise/ --store labels/ --teacher ensemble
                                                         # then: edge-ser distill --labels labels/
  edge-ser label --status --store labels/                # rows, hours, teachers, quarantine
  edge-ser label --check-teacher --teacher wav2vec2-msp-dim/    # exit code 0: the paper's weights
A killed run continues where it stopped; a second run labels only what is new; what cannot be
labelled is quarantined with the reason (docs/LABELLING.md)."""


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
    parser.add_argument("--status", action="store_true", help="say what the store holds, and stop")
    parser.add_argument(
        "--engine", choices=("local", "ray"), default="local",
        help="processes on this machine, or a Ray cluster (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--jobs", type=positive_int, default=os.cpu_count() or 1,
        help="processes or Ray actors, each with a teacher and one thread (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--ray-address", metavar="ADDRESS",
        help="a running cluster: auto, or HOST:PORT (default: a local one for this run)",
    )  # fmt: skip
    parser.add_argument(
        "--retry-quarantined", action="store_true",
        help="try again what could not be labelled in earlier runs",
    )  # fmt: skip
    parser.add_argument(
        "--augment", type=positive_int, metavar="ITEMS",
        help="label so many augmented clips of the audio instead of its files: `distill --labels` "
        "makes exactly these again, and learns the teacher's answers to what the student hears",
    )  # fmt: skip
    parser.add_argument(
        "--work", type=Path, default=Path("work/label"),
        help="where augmented audio is made; needed for labelling only (default: %(default)s)",
    )  # fmt: skip
    add_bank_arguments(parser)
    add_teacher_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Label; 0 also when some files were unreadable, since they are listed, 1 when all were."""
    if args.check_teacher:
        return _check_teacher(args)
    if args.status:
        return _status(args)
    _check(args)
    from edge_ser.labelling.answer import use_one_thread
    from edge_ser.labelling.quarantine import Quarantine

    if args.retry_quarantined:
        print(f"{Quarantine(args.store).release()} quarantined files are tried again")
    use_one_thread()
    teacher = chosen_teacher(args).load()
    result = _label_bank(args, teacher) if args.augment else _label_files(args, teacher)
    print(
        f"{result.labelled} clips labelled by {teacher.id} ({teacher.licence}), "
        f"{result.known} known already, {len(result.quarantined)} in quarantine -> {args.store}"
    )
    for entry in result.quarantined[:_SHOWN]:
        print(f"  skipped {entry.path}: {entry.reason}")
    if result.quarantined:
        print(f"  all of them: {args.store / 'quarantine'}; again: --retry-quarantined")
    return 0 if result.labelled or result.known else 1


def _label_files(args: argparse.Namespace, teacher: Teacher) -> LabellingResult:
    from edge_ser.audio.corpus import read_corpus
    from edge_ser.labelling.label import label
    from edge_ser.labelling.store import LabelStore

    clips = [clip for folder in args.audio for clip in read_corpus(folder)]
    return label(clips, teacher, LabelStore(args.store), _engine(args))


def _label_bank(args: argparse.Namespace, teacher: Teacher) -> LabellingResult:
    from edge_ser.audio.bank_recipe import BankRecipe
    from edge_ser.audio.corpus import check_distinct
    from edge_ser.labelling.augmented import Augmentation, label_bank

    check_distinct(args.audio)
    spec = chosen_bank(args, args.augment)
    folder = args.work / f"bank-seed{spec.seed}"
    recipe = BankRecipe(tuple(args.audio), args.noise, folder, spec, args.jobs)
    clips, noises = recipe.sources()
    bank = recipe.build(clips, noises)
    augmentation = Augmentation(spec, spec.with_clean, len(clips), len(noises))
    return label_bank(bank, augmentation, teacher, args.store, _engine(args))


def _check(args: argparse.Namespace) -> None:
    if not args.audio or args.store is None:
        raise InputError(
            "name the folders of audio to label, and the --store for the labels",
            "edge-ser label recordings/ --store labels/",
        )
    if args.noise and not args.augment:
        raise InputError("--noise is mixed into augmented audio only", "add --augment ITEMS")
    if args.ray_address and args.engine != "ray":
        raise InputError("--ray-address is of a Ray cluster", "add --engine ray")


def _engine(args: argparse.Namespace) -> Engine | None:
    """None for this process: one job needs no other."""
    load = chosen_teacher(args).load
    if args.engine == "ray":
        from edge_ser.labelling.ray_engine import RayEngine

        return RayEngine(load, args.jobs, args.ray_address)
    if args.jobs == 1:
        return None
    from edge_ser.labelling.local_engine import LocalEngine

    return LocalEngine(load, args.jobs)


def _status(args: argparse.Namespace) -> int:
    if args.store is None or args.audio:
        raise InputError(
            "--status reads a store and labels nothing", "edge-ser label --status --store labels/"
        )
    from edge_ser.labelling.status import lines

    print("\n".join(lines(args.store)))
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
