"""`edge-ser export`: checkpoint to verified bundle; arguments and summary only."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from edge_ser.cli.number import non_negative_int, positive_int
from edge_ser.errors import InputError

if TYPE_CHECKING:
    from calibration.cache import CalibrationCache
    from calibration.candidates import Candidate
    from firmware_export.export import ExportResult

EXAMPLES = """\
  edge-ser export --target rpi                  the shipped wav2small, no corpus needed
  edge-ser export --target rpi --audio my_clips    drift gate on 200 or more clips of yours
  edge-ser export --checkpoint run/wav2small.safetensors --calibration-audio my_clips
  edge-ser export --checkpoint run/wav2small.safetensors \\
      --calibration-audio corpus_a --calibration-audio corpus_b \\
      --licence corpus_a=CC0-1.0 --write-calibration run/wav2small.calibration.json
  edge-ser export --calibration-audio my_clips --compare-calibration
  edge-ser export --target cortex-m4            C sources, library, demo firmware for qemu
  edge-ser export --list-targets

exit codes: 0 exported and verified, 1 a size or drift gate failed (nothing is written
without --keep-failed), 2 unusable option, file or stale calibration, or a student that cannot
run on the target, 3 a package or compiler is missing
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's options."""
    parser.add_argument("--target", default="rpi", metavar="NAME", help="default: rpi")
    parser.add_argument("--list-targets", action="store_true", help="show the targets and stop")
    parser.add_argument(
        "--checkpoint",
        type=Path,
        metavar="FILE",
        help="NAME.safetensors with its card NAME.json beside it; default: the shipped student",
    )
    parser.add_argument(
        "--student",
        default="wav2small",
        metavar="NAME",
        help="which shipped student, without --checkpoint (default wav2small)",
    )
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="bundle folder; default: bundles/STUDENT-TARGET"
    )
    parser.add_argument("--force", action="store_true", help="replace an existing bundle")
    parser.add_argument(
        "--without-run", action="store_true", help="leave out run/ (wheel, installer, README)"
    )
    parser.add_argument(
        "--without-c",
        action="store_true",
        help="leave out c/: the Python engine c writes and builds its own sources",
    )
    parser.add_argument(
        "--without-binaries",
        action="store_true",
        help="only sources in c/: no library and program, no measured memory, no cross compiler",
    )
    _add_calibration(parser)
    _add_drift(parser)


def _add_calibration(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("calibration", "default: the cache beside the checkpoint")
    group.add_argument("--calibration", type=Path, metavar="FILE", help="another calibration cache")
    group.add_argument(
        "--calibration-audio",
        type=Path,
        action="append",
        default=[],
        metavar="DIR",
        help="recompute the ranges from audio, labelled by the teacher (repeatable)",
    )
    group.add_argument(
        "--teacher",
        default="default",
        metavar="NAME",
        help="labels the calibration audio: default, or a teacher's .safetensors",
    )
    group.add_argument(
        "--calibration-clips",
        type=positive_int,
        default=64,
        metavar="N",
        help="to choose (default 64)",
    )
    group.add_argument(
        "--licence",
        action="append",
        default=[],
        metavar="CORPUS=LICENCE",
        help="licence of a calibration corpus, for the record (repeatable)",
    )
    group.add_argument(
        "--seed", type=non_negative_int, default=0, help="of the choice of clips (default 0)"
    )
    group.add_argument(
        "--write-calibration",
        type=Path,
        metavar="FILE",
        help="write the recomputed cache to FILE and stop",
    )
    group.add_argument(
        "--compare-calibration",
        action="store_true",
        help="table of chosen against random clips on --calibration-audio, and stop",
    )


def _add_drift(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("drift gate", "default: on synthetic probe clips")
    group.add_argument(
        "--audio",
        type=Path,
        action="append",
        default=[],
        metavar="DIR",
        help="real clips to measure drift on, 200 or more (repeatable)",
    )
    group.add_argument(
        "--audio-clips", type=positive_int, default=300, metavar="N", help="at most (default 300)"
    )
    group.add_argument(
        "--keep-failed",
        action="store_true",
        help="write the bundle although the drift gate failed; its manifest says so",
    )


def run(args: argparse.Namespace) -> int:
    """Run the verb."""
    from firmware_export.targets import find_target

    if args.list_targets:
        print(_target_list())
        return 0
    find_target(args.target)
    if (args.write_calibration or args.compare_calibration) and not args.calibration_audio:
        raise InputError(
            "this needs audio to calibrate on", "name a folder of speech with --calibration-audio"
        )
    checkpoint = args.checkpoint or _shipped_checkpoint(args.student)
    if args.compare_calibration:
        return _compare(args, checkpoint)
    calibration = _calibration(args, checkpoint)
    if args.write_calibration:
        calibration.save(args.write_calibration)
        print(
            f"{args.write_calibration}: ranges over {len(calibration.clips)} clips for "
            f"{checkpoint.name}\nnext: edge-ser export --target {args.target} "
            f"--checkpoint {checkpoint} --calibration {args.write_calibration}"
        )
        return 0
    return _export(args, checkpoint, calibration)


def _export(args: argparse.Namespace, checkpoint: Path, calibration: CalibrationCache) -> int:
    from edge_ser.checkpoint import read_card
    from firmware_export.export import export_bundle
    from firmware_export.provenance import commercial_notice

    card = read_card(checkpoint)
    student = card.get("student", "student")
    result = export_bundle(
        checkpoint,
        args.target,
        args.out or Path("bundles", f"{student}-{args.target}"),
        calibration=calibration,
        audio=args.audio,
        audio_clips=args.audio_clips,
        with_run=not args.without_run,
        with_c=not args.without_c,
        with_binaries=not args.without_binaries,
        force=args.force,
        keep_failed=args.keep_failed,
        progress=True,
    )
    print(_summary(result))
    if notice := commercial_notice(card):
        print(f"licence  {notice}")
    return 0 if result.drift.verdict.passed else 1


def _target_list() -> str:
    from firmware_export.target_list import render
    from firmware_export.targets import TARGETS

    return render(TARGETS.values())


def _shipped_checkpoint(student: str) -> Path:
    from edge_ser.models import shipped
    from edge_ser.students.catalogue import STUDENTS

    if student not in STUDENTS:
        raise InputError(
            f"no student called {student!r}",
            f"known students: {', '.join(STUDENTS)}; your own weights: --checkpoint FILE",
        )
    return shipped(f"{student}.safetensors")


def _calibration(args: argparse.Namespace, checkpoint: Path) -> CalibrationCache:
    """The cache to use: given, recomputed, or the one beside the checkpoint."""
    from calibration.cache import cache_path, load

    if args.calibration and args.calibration_audio:
        raise InputError(
            "--calibration and --calibration-audio exclude each other",
            "give the cache to use, or the audio to compute a new one from",
        )
    if not args.calibration_audio:
        return load(args.calibration or cache_path(checkpoint))
    from calibration.calibrate import calibrate
    from edge_ser.checkpoint import load_student
    from firmware_export.export import require_possible
    from firmware_export.targets import find_target

    student, card = load_student(checkpoint)
    if not args.write_calibration:
        with_binaries = not args.without_binaries
        require_possible(card["student"], student, find_target(args.target), with_binaries)
    candidates = _candidates(args)
    return calibrate(student, card["weights_sha256"], candidates, args.calibration_clips, args.seed)


def _candidates(args: argparse.Namespace) -> list[Candidate]:
    from calibration.candidates import candidates
    from edge_ser.teachers import load_teacher

    licences = dict(_licence(text) for text in args.licence)
    teacher = load_teacher(args.teacher)
    return candidates(args.calibration_audio, teacher.predict, licences, progress=True)


def _licence(text: str) -> tuple[str, str]:
    corpus, equals, licence = text.partition("=")
    if not (corpus and equals and licence):
        raise InputError(
            f"--licence {text!r} is not CORPUS=LICENCE", "for example --licence emodb=CC0-1.0"
        )
    return corpus, licence


def _compare(args: argparse.Namespace, checkpoint: Path) -> int:
    from edge_ser.checkpoint import load_student
    from firmware_export.compare_calibration import as_markdown, compare

    student, _ = load_student(checkpoint)
    print(as_markdown(compare(student, _candidates(args), seed=args.seed, progress=True)))
    return 0


def _memory_lines(result: ExportResult) -> list[str]:
    """Of the C engine, where it was built."""
    words = {"c_buffer": "RAM", "c_stack": "stack", "c_flash": "flash"}
    found = [
        f"{result.memory[name].value:,.0f} bytes of {word}"
        for name, word in words.items()
        if name in result.memory
    ]
    return [f"engine   C, {', '.join(found)}"] if found else []


def _summary(result: ExportResult) -> str:
    from firmware_export.drift_gate import one_sentence

    width = max(map(len, result.sizes))
    sizes = [f"  {name:<{width}}  {size:>9,} bytes" for name, size in result.sizes.items()]
    failures = [f"  FAILED: {line}" for line in result.drift.verdict.failures]
    return "\n".join(
        [
            f"bundle   {result.folder}",
            *sizes,
            f"drift    from the float model: {one_sentence(result.drift)}",
            *failures,
            *_memory_lines(result),
            f"golden   repeated from the archive, largest difference {result.golden_error:.1e}",
            f"archive  {result.archive}",
            f"SHA-256  {result.sha256}",
            f"next     edge-ser verify {result.archive} --expect-sha256 {result.sha256}",
        ]
    )
