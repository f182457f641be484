"""`edge-ser evaluate`: the test suite for dimensional SER, for any model and engine."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_ser.cli.evaluate_device import add_device_arguments, loader
from edge_ser.cli.number import non_negative_int, positive_float, positive_int
from edge_ser.cli.teacher_arguments import add_teacher_arguments, chosen_teacher

if TYPE_CHECKING:
    from edge_ser.audio.corpus import Clip
    from edge_ser.evaluation.evaluate import Evaluation, Settings
    from edge_ser.evaluation.gates import Gate
    from edge_ser.evaluation.scoring import Fold

_FILES = (".safetensors", ".onnx", ".tflite")
_RECORDINGS = ("babble", "noise", "music", "coughs", "sneezes")

EXAMPLES = """\
  edge-ser evaluate my/wav2small.safetensors --audio recordings/
  edge-ser evaluate my/wav2small.safetensors --audio data/emodb --html report.html
  edge-ser evaluate bundle.tar.gz --engine litert --audio recordings/ --json scores.json
  edge-ser evaluate model.int8.onnx --audio recordings/ --vs model.float.onnx
  edge-ser evaluate my/wav2small.safetensors --audio data/emodb --suite full --noise data/noise \\
      --babble data/speech --html report.html --gate
  edge-ser evaluate --fold s1.safetensors t1.safetensors emodb/03,emodb/08 \\
      --fold s2.safetensors t2.safetensors emodb/09,emodb/10 --audio data/emodb --seconds 2
  edge-ser evaluate my/wav2small.safetensors --audio recordings/ --gates limits.json
  edge-ser evaluate bundles/cortex-m4 --on cortex-m4 --audio recordings/ --seconds 2 --limit 20
The columns speaker, sex, emotion, arousal, dominance, valence of a manifest.csv, any of them, add
intervals over speakers, AUCs, consistency, breakdowns and human labels (docs/EVALUATION.md)."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "model", type=Path, nargs="?",
        help="student or teacher .safetensors, bundle folder or .tar.gz, .onnx or .tflite file",
    )  # fmt: skip
    parser.add_argument(
        "--fold", nargs=3, action="append", metavar=("MODEL", "TEACHER", "SPEAKERS"),
        help="cross-validation: score these speakers (comma-separated) with this pair, pool all",
    )  # fmt: skip
    parser.add_argument("--audio", type=Path, nargs="+", required=True, help="folders of audio")
    parser.add_argument("--engine", help="runtime for a bundle (default: first one present)")
    parser.add_argument(
        "--vs", type=Path, metavar="OTHER",
        help="also compare with another model: paired differences with intervals",
    )  # fmt: skip
    add_teacher_arguments(parser, default=None)
    add_device_arguments(parser)
    _add_clip_arguments(parser)
    _add_result_arguments(parser)


def _add_clip_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("clips and tests")
    group.add_argument(
        "--speakers", nargs="+", metavar="CORPUS/SPEAKER", help="score only these speakers"
    )
    group.add_argument("--seconds", type=positive_float, help="use only the beginning of each file")
    group.add_argument(
        "--limit", type=positive_int, metavar="N",
        help="score N clips at most, drawn evenly from the emotions",
    )  # fmt: skip
    group.add_argument(
        "--seed", type=non_negative_int, default=0,
        help="of --limit and the perturbations (default: %(default)s)",
    )  # fmt: skip
    group.add_argument(
        "--label-range", type=float, nargs=2, default=(0.0, 1.0), metavar=("LOW", "HIGH"),
        help="scale of the manifest's arousal, dominance, valence (default: 0 1)",
    )  # fmt: skip
    group.add_argument(
        "--suite", choices=("quick", "full"), default="quick",
        help="full adds robustness, which takes minutes (default: %(default)s)",
    )  # fmt: skip
    group.add_argument(
        "--noise", type=Path, help="full suite: folder of environmental sounds, coughs, sneezes"
    )
    group.add_argument("--babble", type=Path, help="full suite: folder of other people's speech")
    group.add_argument("--music", type=Path, help="full suite: folder of music (default: made)")
    group.add_argument("--coughs", type=Path, help="full suite: folder of coughs")
    group.add_argument("--sneezes", type=Path, help="full suite: folder of sneezes")


def _add_result_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("results")
    group.add_argument("--json", type=Path, metavar="FILE", help="write the figures")
    group.add_argument("--html", type=Path, metavar="FILE", help="write a page with pictures")
    group.add_argument(
        "--gate", action="store_true", help="exit 1 when the suite's own limits are missed"
    )
    group.add_argument(
        "--gates",
        type=Path,
        metavar="FILE",
        help="exit 1 when limits of this JSON or TOML file are missed",
    )
    group.add_argument(
        "--record-in", type=Path, metavar="CHECKPOINT",
        help="also add the figures to this checkpoint's card, under the name given by --as",
    )  # fmt: skip
    group.add_argument("--as", dest="name", default="evaluation", help="(default: %(default)s)")


def run(args: argparse.Namespace) -> int:
    """Score, print, write; 1 when a gate fails."""
    from edge_ser.evaluation.evaluate import evaluate
    from edge_ser.evaluation.gates import read_gates
    from edge_ser.evaluation.text import lines

    own_gates = read_gates(args.gates) if args.gates else None
    folds, clips = _folds(args), _clips(args)
    settings = _settings(args, clips)
    with loader(args) as load:
        evaluation = evaluate(folds, clips, settings, load)
    report: dict[str, Any] = {"measured": _measured(args, evaluation), **evaluation.report}
    failures = _judged(args, own_gates, report)
    print("\n".join(lines(report)))
    _write(args, report, evaluation)
    return 1 if failures else 0


def _folds(args: argparse.Namespace) -> list[Fold]:
    from edge_ser.errors import InputError
    from edge_ser.evaluation.scoring import Fold

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
    choice = chosen_teacher(args)
    if args.model:
        folds = [Fold(args.model, choice, tuple(args.speakers or ()))]
    else:
        folds = [
            Fold(Path(model), replace(choice, name=teacher), tuple(speakers.split(",")))
            for model, teacher, speakers in args.fold
        ]
    files = [str(fold.model) for fold in folds if fold.model.suffix in _FILES]
    if args.on and files:
        raise InputError(
            f"a device runs a bundle; {', '.join(files)} is a single file",
            "give a bundle folder or .tar.gz: edge-ser export makes one",
        )
    if args.engine and files:
        raise InputError(
            f"--engine chooses the runtime of a bundle; {', '.join(files)} is a single file",
            "leave --engine away, or give a bundle folder or .tar.gz",
        )
    return folds


def _clips(args: argparse.Namespace) -> list[Clip]:
    from edge_ser.audio.corpus import check_distinct, read_corpus

    check_distinct(args.audio)
    return [clip for folder in args.audio for clip in read_corpus(folder)]


def _settings(args: argparse.Namespace, clips: list[Clip]) -> Settings:
    from edge_ser.errors import InputError
    from edge_ser.evaluation.evaluate import Settings
    from edge_ser.evaluation.robustness import Sources

    folders = {name: getattr(args, name) for name in _RECORDINGS}
    if args.suite == "quick" and any(folders.values()):
        given = ", ".join(f"--{name}" for name, folder in folders.items() if folder)
        raise InputError(f"{given} is for robustness only", "add --suite full")
    return Settings(
        engine=args.engine,
        seconds=args.seconds,
        limit=args.limit,
        seed=args.seed,
        scale=tuple(args.label_range),
        robustness=(
            Sources.from_folders(**folders, evaluated=clips) if args.suite == "full" else None
        ),
        other=args.vs,
    )


def _measured(args: argparse.Namespace, evaluation: Evaluation) -> dict[str, Any]:
    """What a reader must know of how it was measured; names only, as paths are private."""
    from edge_ser import __version__
    from edge_ser.audio.corpus import licence_of

    facts: dict[str, Any] = {
        "model": _title(args),
        "teacher": _teacher(args),
        "audio": "; ".join(
            f"{source['name']} ({source['licence']})" for source in map(licence_of, args.audio)
        ),
        "clips": len(evaluation.clips),
        "edge-ser": __version__,
        "seed": args.seed,
    }
    if args.on:
        facts["device"] = args.on if "://" not in args.on else "a device over ssh"
    if args.engine:
        facts["engine"] = args.engine
    if args.seconds:
        facts["seconds of each clip"] = args.seconds
    return facts


def _teacher(args: argparse.Namespace) -> str:
    if args.fold:
        return "of each fold"
    name, _, folders = chosen_teacher(args).name.partition("=")
    parts = [Path(part).name for part in (folders or name).split(",")]
    return f"{name}={','.join(parts)}" if folders else parts[0]


def _title(args: argparse.Namespace) -> str:
    if args.model:
        return args.model.resolve().name
    return f"{len(args.fold)} folds: {', '.join(Path(model).name for model, _, _ in args.fold)}"


def _judged(
    args: argparse.Namespace, own: tuple[Gate, ...] | None, report: dict[str, Any]
) -> list[str]:
    """Put the gates' verdict into the report; the failures."""
    from edge_ser.evaluation.gates import STANDARD, judge
    from edge_ser.evaluation.verdicts import flat_figures

    if own is None and not args.gate:
        return []
    figures = flat_figures(report)
    # The project's own gates hold where the clips allow them, the user's must be measurable.
    standard = [gate for gate in STANDARD if gate.figure in figures] if args.gate else []
    gates = (*standard, *(own or ()))
    failures = judge(gates, figures)
    judged = [gate.figure for gate in gates]
    report["gates"] = {"judged": judged, "failures": failures}
    return failures


def _write(args: argparse.Namespace, report: dict[str, Any], evaluation: Evaluation) -> None:
    from edge_ser.checkpoint import record_metric
    from edge_ser.evaluation.agreement import agreement_report
    from edge_ser.evaluation.page import render
    from edge_ser.evaluation.scoring import MODEL, TEACHER

    if args.json:
        args.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    if args.html:
        emotions = [clip.fields.get("emotion", "") for clip in evaluation.clips]
        page = render(report, f"Evaluation of {_title(args)}", evaluation.predictions, emotions)
        args.html.write_text(page, encoding="utf-8")
    if args.record_in:
        answers = evaluation.predictions
        figures = agreement_report(answers[MODEL], answers[TEACHER], evaluation.clips)
        record_metric(args.record_in, args.name, figures)
