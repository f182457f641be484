"""`edge-ser drift`: how far each step from teacher to device moves the predictions."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from edge_ser.cli.number import non_negative_int, positive_int, share

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edge_ser.bundle import Bundle
    from edge_ser.drift.assemble import Scope
    from edge_ser.drift.chain import Step
    from edge_ser.drift.measure import ClipSet
    from edge_ser.drift.report import DriftReport

EXAMPLES = """\
  edge-ser drift bundles/rpi                                # golden and probe clips
  edge-ser drift bundles/rpi --audio recordings --out report
  edge-ser drift bundles/rpi --audio recordings --labels labels/
  edge-ser drift bundles/rpi --audio recordings --fail-under 0.9995 --json   # in CI
  edge-ser drift bundles/rpi --audio recordings --stream-level    # what a running level costs
  edge-ser drift --audio recordings --edge-effects    # a stream's windows against cut-out ones
exit code: 0 every step keeps the limits, 1 one does not, 2 unusable input,
3 a package is missing, 4 the bundle was refused"""

_STREAM_LEVEL_SECONDS = 600.0
_TIME_CONSTANTS = (1.5, 3.0, 5.0, 10.0, 20.0)
_EDGE_WINDOWS = (1.0, 2.0, 5.0, 10.0)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "bundle", nargs="?", type=Path, help="folder or .tar.gz; default: the one shipped"
    )
    parser.add_argument(
        "--audio",
        type=Path,
        action="append",
        default=[],
        metavar="DIR",
        help="folder of audio (repeatable); default: the bundle's golden clips and the probes",
    )
    parser.add_argument(
        "--labels", type=Path, metavar="STORE", help="label store with the teacher's values"
    )
    parser.add_argument(
        "--teacher",
        metavar="NAME",
        help="run a teacher: 'default' or its .safetensors (default: only with --labels)",
    )
    parser.add_argument(
        "--checkpoint",
        type=Path,
        metavar="FILE",
        help="the bundle's .safetensors, for the float torch step; default: the shipped one "
        "if the bundle was made from it",
    )
    parser.add_argument(
        "--out", type=Path, default=Path("drift"), metavar="DIR", help="for the report (./drift)"
    )
    parser.add_argument(
        "--fail-under",
        type=share,
        metavar="CCC",
        help="lowest CCC against float in any dimension; default 0.999, on 200 clips or more",
    )
    parser.add_argument("--max-mae", type=share, default=0.004, help="largest MAE (0.004)")
    parser.add_argument("--max-error", type=share, default=0.02, help="largest error (0.02)")
    parser.add_argument("--limit", type=int, metavar="N", help="at most N clips, evenly spaced")
    parser.add_argument(
        "--perturbation-clips",
        type=non_negative_int,
        default=50,
        metavar="N",
        help="at most N clips under perturbations (50); 0 leaves them out",
    )
    parser.add_argument(
        "--own-length",
        action="store_true",
        help="leave clips as long as they are, instead of cutting or repeating them to the "
        "hybrid TFLite file's window; other lengths then run through backbone + host",
    )
    parser.add_argument(
        "--stream-level",
        action="store_true",
        help="instead of the report: readings with a stream's running level against readings with "
        "each window's own, for several time constants, on up to 10 minutes of --audio",
    )
    parser.add_argument(
        "--edge-effects",
        action="store_true",
        help="instead of the report: a stream's readings against the same windows cut out and "
        "read on their own, on up to 10 minutes of --audio",
    )
    parser.add_argument("--seed", type=non_negative_int, default=0, help="of the perturbations (0)")
    parser.add_argument("--threads", type=positive_int, default=1, help="per runtime (1)")
    parser.add_argument("--json", action="store_true", help="drift.json on standard output")


def run(args: argparse.Namespace) -> int:
    """Measure, write the report, say the verdict."""
    from edge_ser.bundle import open_bundle
    from edge_ser.drift.files import write
    from edge_ser.models import shipped

    with open_bundle(args.bundle or shipped("bundle")) as bundle:
        if args.stream_level:
            print(_stream_level(args, bundle))
            return 0
        if args.edge_effects:
            print(_edge_effects(args, bundle))
            return 0
        report = _measure(args, bundle)
    files = write(report, args.out)
    if args.json:
        print(json.dumps(report.to_dict(), ensure_ascii=False))
    else:
        print(_text(report))
        print("\n".join(f"  {path}" for path in files))
    return 0 if report.verdict.passed else 1


def _measure(args: argparse.Namespace, bundle: Bundle) -> DriftReport:
    from edge_ser.drift import clips as clip_sets
    from edge_ser.drift.assemble import build_report
    from edge_ser.drift.chain import (
        FLOAT_ARTEFACT,
        build_chain,
        shipped_checkpoint,
        teacher_notes,
    )

    clips, corpora, notes, teacher = _clips(args, bundle)
    chain = build_chain(
        bundle,
        teacher=teacher,
        checkpoint=args.checkpoint or shipped_checkpoint(bundle),
        golden=None if args.audio else clip_sets.golden_float_values(bundle, FLOAT_ARTEFACT),
        threads=args.threads,
    )
    name = (args.bundle or Path("the shipped bundle")).name
    if teacher:
        notes += teacher_notes(bundle, teacher)
    facts = {"bundle": f"{name}, SHA-256 {bundle.sha256}"}
    return build_report(bundle, chain, clips, corpora, _scope(args), facts, notes)


def _stream_level(args: argparse.Namespace, bundle: Bundle) -> str:
    from edge_ser.drift.stream_level import as_text, level_drift
    from edge_ser.errors import InputError
    from edge_ser.runtime import load_engine
    from edge_ser.runtime.host import BACKBONE, HostEngine

    signal = _speech(args, "--stream-level")
    engine = load_engine(bundle, artefact=BACKBONE, threads=args.threads)
    if not isinstance(engine, HostEngine):
        raise InputError(
            f"--stream-level needs a TFLite runtime, not {engine.name}",
            "pip install 'edge-ser[rpi]'",
        )
    manifest, own = bundle.manifest, bundle.manifest.frontend.level_seconds
    constants = sorted({*_TIME_CONSTANTS, own})
    rows = level_drift(engine, signal, constants, manifest.window_seconds, 5 * manifest.hop_seconds)
    return as_text(rows, own)


def _edge_effects(args: argparse.Namespace, bundle: Bundle) -> str:
    from edge_ser.drift.edge_effects import as_text, edge_effects

    signal = _speech(args, "--edge-effects")
    rows = edge_effects(bundle, None, signal, _EDGE_WINDOWS, 5 * bundle.manifest.hop_seconds)
    return as_text(rows)


def _speech(args: argparse.Namespace, option: str) -> NDArray[np.float32]:
    """The clips of --audio joined into one signal, as `join` does it."""
    from edge_ser.drift import clips as clip_sets
    from edge_ser.drift.stream_level import join
    from edge_ser.errors import InputError

    if not args.audio:
        raise InputError(f"{option} needs speech", "name a folder of it with --audio")
    files = clip_sets.find_files(args.audio, args.limit)
    audio = (clip.audio for clip in clip_sets.FileClips(files, None))
    return join(audio, _STREAM_LEVEL_SECONDS, args.seed)


def _clips(
    args: argparse.Namespace, bundle: Bundle
) -> tuple[ClipSet, tuple[str, ...], tuple[str, ...], Step | None]:
    """What to measure on, in words too, and the teacher's step."""
    from edge_ser.drift import clips as clip_sets
    from edge_ser.drift.chain import label_step, teacher_step
    from edge_ser.errors import InputError

    if args.labels and args.teacher:
        raise InputError("--labels and --teacher both name a teacher", "give one of them")
    teacher = teacher_step(args.teacher) if args.teacher else None
    if not args.audio:
        if args.labels:
            raise InputError("--labels needs the labelled audio", "add --audio DIR")
        chosen, line = _probes(bundle)
        return chosen, (line,), (), teacher
    files = clip_sets.find_files(args.audio, args.limit)
    window = None if args.own_length else clip_sets.fixed_window(bundle)
    notes = clip_sets.length_notes(window, bundle)
    if args.labels:
        teacher = label_step(*clip_sets.teacher_labels(args.labels, files))
        notes += clip_sets.LABEL_NOTE if window else ()
    return clip_sets.FileClips(files, window), clip_sets.describe(files), notes, teacher


def _probes(bundle: Bundle) -> tuple[ClipSet, str]:
    """Golden clips and, where scipy is there to synthesise them, the other probes."""
    from edge_ser.drift.clips import golden_clips
    from edge_ser.drift.measure import DriftClip

    golden = golden_clips(bundle)
    line = f"{len(golden)} golden clips of the bundle"
    try:
        from firmware_export.probes import probe_clips
    except ImportError:
        return golden, line
    known = set(bundle.manifest.golden.clips)
    others = [
        DriftClip(f"probe/{name}", audio)
        for name, audio in probe_clips().items()
        if name not in known
    ]
    return golden + others, f"{line} and {len(others)} probe clips, all synthesised: no speech"


def _scope(args: argparse.Namespace) -> Scope:
    from edge_ser.drift.assemble import Scope
    from edge_ser.drift.gate import CLIPS_FOR_CCC, Gate

    asked = args.fail_under is not None
    gate = Gate(
        ccc=args.fail_under if asked else 0.999,
        mae=args.max_mae,
        max=args.max_error,
        clips_for_ccc=1 if asked else CLIPS_FOR_CCC,
    )
    return Scope(
        gate=gate,
        perturbation_clips=args.perturbation_clips,
        seed=args.seed,
        progress=not args.json,
    )


def _text(report: DriftReport) -> str:
    result, verdict = report.result, report.verdict
    lines = [
        f"{report.title}: {len(result.clips)} clips, against {result.reference}",
        f"  {'step':<28} {'CCC A':>8} {'CCC D':>8} {'CCC V':>8} {'MAE':>8} {'max':>8}",
    ]
    for step, comparison in result.against_reference().items():
        ccc = " ".join(f"{figures.ccc:8.5f}" for figures in comparison.dimensions.values())
        lines.append(f"  {step:<28} {ccc} {comparison.mae:8.5f} {comparison.max:8.5f}")
    lines += [f"  warning: {line}" for line in result.warnings()]
    lines += [f"  note: {line}" for line in report.notes]
    lines += [f"  FAIL {line}" for line in verdict.failures]
    lines.append("within the limits" if verdict.passed else "NOT within the limits")
    return "\n".join(lines)
