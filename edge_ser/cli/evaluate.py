"""`edge-ser evaluate`: a model against its teacher, and both against emotion categories."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_ser.cli.number import positive_float

if TYPE_CHECKING:
    from edge_ser.evaluation.agreement import Fold

EXAMPLES = """\
  edge-ser evaluate my/wav2small.safetensors --audio recordings/
  edge-ser evaluate bundle.tar.gz --engine litert --audio recordings/ --json scores.json
  edge-ser evaluate --fold s1.safetensors t1.safetensors emodb/03,emodb/08 \\
      --fold s2.safetensors t2.safetensors emodb/09,emodb/10 --audio data/emodb --seconds 2
A manifest.csv with path, speaker and emotion columns adds intervals over speakers and AUCs."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "model", type=Path, nargs="?", help="student .safetensors, bundle folder or .tar.gz"
    )
    parser.add_argument(
        "--fold", nargs=3, action="append", metavar=("MODEL", "TEACHER", "SPEAKERS"),
        help="cross-validation: score these speakers (comma-separated) with this pair, pool all",
    )  # fmt: skip
    parser.add_argument("--audio", type=Path, nargs="+", required=True, help="folders of audio")
    parser.add_argument(
        "--teacher", help="'default' or a teacher's .safetensors (default: 'default')"
    )
    parser.add_argument("--engine", help="runtime for a bundle (default: first one present)")
    parser.add_argument(
        "--speakers", nargs="+", metavar="CORPUS/SPEAKER", help="score only these speakers"
    )
    parser.add_argument(
        "--seconds", type=positive_float, help="use only the beginning of each file"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures")
    parser.add_argument(
        "--record-in", type=Path, metavar="CHECKPOINT",
        help="also add the figures to this checkpoint's card, under the name given by --as",
    )  # fmt: skip
    parser.add_argument("--as", dest="name", default="evaluation", help="(default: %(default)s)")


def run(args: argparse.Namespace) -> int:
    """Score, print, write."""
    from edge_ser.audio.corpus import check_distinct, read_corpus
    from edge_ser.checkpoint import record_metric
    from edge_ser.evaluation.agreement import agreement_report, predict_folds

    folds = _folds(args)
    check_distinct(args.audio)
    clips = [clip for folder in args.audio for clip in read_corpus(folder)]
    scored, model, teacher = predict_folds(folds, clips, args.engine, args.seconds)
    report = agreement_report(model, teacher, scored)
    _print(report)
    if args.json:
        args.json.write_text(json.dumps(report, indent=2) + "\n")
    if args.record_in:
        record_metric(args.record_in, args.name, report)
    return 0


def _folds(args: argparse.Namespace) -> list[Fold]:
    from edge_ser.errors import InputError
    from edge_ser.evaluation.agreement import Fold
    from edge_ser.teachers import DEFAULT_TEACHER

    if bool(args.model) == bool(args.fold):
        raise InputError(
            "give either one MODEL or one or more --fold MODEL TEACHER SPEAKERS",
            "edge-ser evaluate my/wav2small.safetensors --audio recordings/",
        )
    if args.fold and (args.speakers or args.teacher):
        raise InputError(
            "--fold names the model, its teacher and the speakers itself",
            "leave --speakers and --teacher away",
        )
    if args.model:
        folds = [Fold(args.model, args.teacher or DEFAULT_TEACHER, tuple(args.speakers or ()))]
    else:
        folds = [
            Fold(Path(model), teacher, tuple(speakers.split(",")))
            for model, teacher, speakers in args.fold
        ]
    checkpoints = [str(fold.model) for fold in folds if fold.model.suffix == ".safetensors"]
    if args.engine and checkpoints:
        raise InputError(
            f"--engine chooses the runtime of a bundle; {', '.join(checkpoints)} runs in PyTorch",
            "leave --engine away, or give a bundle folder or .tar.gz",
        )
    return folds


def _print(report: dict[str, Any]) -> None:
    print(f"{report['clips']} clips, {report['speakers']} speakers")
    print(f"  {'to the teacher':<30} {'CCC':>7} {'95 % interval':>18} {'PCC':>7} {'MAE':>7}")
    for name, figure in report["to_teacher"].items():
        value = figure["ccc"]
        interval = f"[{value['low']:.3f}, {value['high']:.3f}]"
        print(
            f"  {name:<30} {value['value']:>7.3f} {interval:>18} "
            f"{figure['pcc']:>7.3f} {figure['mae']:>7.3f}"
        )
    if "auc_model" in report:
        print(f"  {'AUC':<30} {'model':>7} {'95 % interval':>18} {'teacher':>7}")
        for name, value in report["auc_model"].items():
            interval = f"[{value['low']:.3f}, {value['high']:.3f}]"
            teacher = report["auc_teacher"][name]["value"]
            print(f"  {name:<30} {value['value']:>7.3f} {interval:>18} {teacher:>7.3f}")
