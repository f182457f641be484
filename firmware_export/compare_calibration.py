"""Are the chosen calibration clips better than random ones, and what does headroom cost?

A table for one checkpoint. For several sizes and factors: cover of the label space, and drift of
the int8 ONNX from the float one on clips that took part in no choice. It belongs here and not to
`calibration`, because it has to export and run an int8 file for each set of ranges.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from calibration.cache import CalibrationCache
from calibration.calibrate import choose
from calibration.candidates import Candidate, calibration_audio
from calibration.headroom import HEADROOM, with_headroom
from calibration.observe import Range, merge, observe_each
from calibration.select import covering_radius, mean_distance, random_choice, standardised
from edge_ser.errors import InputError
from edge_ser.metrics import ccc
from edge_ser.students.student import Student
from firmware_export import onnx_float, onnx_int8

COUNTS = (4, 16, 64)
OTHER_HEADROOMS = (1.0, 1.25, 2.0)
RANDOM_SEEDS = 5
EVERY_KTH_IS_HELD_OUT = 4
MOST_HELD_OUT = 100


@dataclass(frozen=True)
class Row:
    """One way of choosing.

    Attributes:
        method: "chosen" or "random".
        clips: how many.
        seed: of the choice.
        headroom: factor on the observed ranges.
        radius: distance of the worst-covered candidate to its nearest chosen clip, in
            standard deviations of (A, D, V, level).
        distance: the same, mean over the candidates.
        mae, max: of A/D/V, int8 against float, on the held-out clips.
        lowest_ccc: of the worst dimension.
    """

    method: str
    clips: int
    seed: int
    headroom: float
    radius: float
    distance: float
    mae: float
    max: float
    lowest_ccc: float


@dataclass(frozen=True)
class Plan:
    """A choice to measure: method, seed, indices of the clips, factor on their ranges."""

    method: str
    seed: int
    chosen: list[int]
    headroom: float = HEADROOM


def compare(
    student: Student, candidates: Sequence[Candidate], seed: int = 0, progress: bool = False
) -> list[Row]:
    """Measure every size, chosen once and at random `RANDOM_SEEDS` times, and other headrooms.

    Args:
        student: in evaluation mode.
        candidates: every fourth is held out for the measurement.
        seed: of the choice; the random choices take the seeds after it.
        progress: show a bar on standard error.

    Raises:
        InputError: too few clips for the largest size.
    """
    spared = candidates[::EVERY_KTH_IS_HELD_OUT]
    held_out = spared[:: -(-len(spared) // MOST_HELD_OUT)]
    pool = [c for i, c in enumerate(candidates) if i % EVERY_KTH_IS_HELD_OUT]
    if len(pool) < max(COUNTS):
        raise InputError(
            f"{len(candidates)} clips are too few to compare choices of {max(COUNTS)}",
            f"give {2 * max(COUNTS)} clips or more",
        )
    ranges = observe_each(student, (calibration_audio(candidate.path) for candidate in pool))
    points = standardised([c.record.adv for c in pool], [c.level_db for c in pool])
    plans = [
        plan
        for count in COUNTS
        for plan in (
            Plan("chosen", seed, choose(pool, count, seed)),
            *(
                Plan("random", s, random_choice(len(pool), count, s))
                for s in range(seed + 1, seed + 1 + RANDOM_SEEDS)
            ),
        )
    ]
    most = choose(pool, max(COUNTS), seed)
    plans += [Plan("chosen", seed, most, factor) for factor in OTHER_HEADROOMS]
    audio = [calibration_audio(candidate.path) for candidate in held_out]
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        reference = Path(scratch, "float.onnx")
        onnx_float.convert(student, reference, {})
        truth = _predict(reference, audio)
        for plan in _with_bar(plans, progress):
            merged = with_headroom(merge([ranges[i] for i in plan.chosen]), plan.headroom)
            values = _int8_values(student, merged, reference, Path(scratch, "int8.onnx"), audio)
            errors = np.abs(values - truth)
            rows.append(
                Row(
                    plan.method,
                    len(plan.chosen),
                    plan.seed,
                    plan.headroom,
                    covering_radius(points, plan.chosen),
                    mean_distance(points, plan.chosen),
                    float(errors.mean()),
                    float(errors.max()),
                    min(ccc(truth[:, k], values[:, k]) for k in range(3)),
                )
            )
    return rows


def as_markdown(rows: Sequence[Row]) -> str:
    """One line per size and method; random choices as mean and worst over their seeds."""
    lines = [
        "| clips | choice | headroom | covering radius | mean distance | MAE | max | lowest CCC |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for kind in dict.fromkeys((row.clips, row.method, row.headroom) for row in rows):
        clips, method, headroom = kind
        group = [row for row in rows if (row.clips, row.method, row.headroom) == kind]
        if len(group) == 1:
            (row,) = group
            figures = [f"{row.radius:.2f}", f"{row.distance:.2f}", f"{row.mae:.5f}"]
            figures += [f"{row.max:.4f}", f"{row.lowest_ccc:.5f}"]
            name = method
        else:
            name = f"{method}, mean (worst) of {len(group)} seeds"
            figures = [
                _mean_and_worst([row.radius for row in group], max, 2),
                _mean_and_worst([row.distance for row in group], max, 2),
                _mean_and_worst([row.mae for row in group], max, 5),
                _mean_and_worst([row.max for row in group], max, 4),
                _mean_and_worst([row.lowest_ccc for row in group], min, 5),
            ]
        lines.append(f"| {clips} | {name} | {headroom:g} | {' | '.join(figures)} |")
    return "\n".join(lines)


def _mean_and_worst(
    values: Sequence[float], worst: Callable[[Sequence[float]], float], digits: int
) -> str:
    return f"{np.mean(values):.{digits}f} ({worst(values):.{digits}f})"


def _int8_values(
    student: Student,
    ranges: dict[str, Range],
    reference: Path,
    out: Path,
    audio: Sequence[NDArray[np.float32]],
) -> NDArray[np.float64]:
    frontend = student.config.frontend.sha256()
    cache = CalibrationCache(ranges, "", frontend, (), "comparison", 0)
    onnx_int8.convert(reference, student, cache, out, {})
    return _predict(out, audio)


def _predict(model: Path, audio: Sequence[NDArray[np.float32]]) -> NDArray[np.float64]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        model.read_bytes(), options, providers=["CPUExecutionProvider"]
    )
    rows = [session.run(None, {onnx_float.INPUT_NAME: clip[None]})[0][0] for clip in audio]
    return np.array(rows, dtype=np.float64)


def _with_bar(plans: list[Plan], progress: bool) -> Sequence[Plan]:
    if not progress:
        return plans
    from tqdm import tqdm

    bar: Sequence[Plan] = tqdm(plans, desc="comparing", unit="choice")
    return bar
