"""`edge-ser label`: a teacher annotates audio into a label store."""

from __future__ import annotations

import argparse
from pathlib import Path

EXAMPLES = """\
  edge-ser label recordings/ --store labels/            # the shipped teacher
  edge-ser label recordings/ --teacher my/teacher.safetensors --store labels/
A killed run continues where it stopped; a second run labels only what is new."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("audio", type=Path, nargs="+", help="folders of audio")
    parser.add_argument("--store", type=Path, required=True, help="label store folder to extend")
    parser.add_argument(
        "--teacher", default="default", help="'default' or a teacher's .safetensors"
    )


def run(args: argparse.Namespace) -> int:
    """Label; 0 also when some files were unreadable, since they are listed."""
    from edge_ser.audio.corpus import read_corpus
    from edge_ser.distillation.label_store import LabelStore
    from edge_ser.distillation.labelling import label
    from edge_ser.teachers import load_teacher

    clips = [clip for folder in args.audio for clip in read_corpus(folder)]
    teacher = load_teacher(args.teacher)
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
