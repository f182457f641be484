"""Activation ranges of a student over clips: plain min-max.

Min-max because it needs no tuning and no clip is saturated on what was seen; moving
averages and percentiles clip loud frames. Sixteen clips settle it, see docs/CALIBRATION.md.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from edge_ser.errors import InputError
from edge_ser.frontend.torch_frontend import LogMel
from edge_ser.students.student import QuantisationPoint, Student

Range = tuple[float, float]


def observed_modules(student: Student) -> dict[str, nn.Module]:
    """Module path -> module, for every module whose output a target may quantise."""
    observed: dict[str, nn.Module] = {
        path: module
        for path, module in student.named_modules()
        if isinstance(module, LogMel | QuantisationPoint)
    }
    projections = student.get_submodule("backbone.projections")
    for name, module in projections.named_children():
        observed[f"backbone.projections.{name}"] = module
    return observed


def observe(student: Student, clips: Iterable[NDArray[Any]]) -> dict[str, Range]:
    """Smallest and largest output of each observed module.

    Args:
        student: in evaluation mode or not; its mode is restored.
        clips: each (samples,) float, about [-1, 1], at the front-end's rate.

    Returns:
        Module path -> (smallest, largest), for the keys of `observed_modules`.

    Raises:
        InputError: no clips, or values that are not finite or do not vary.
    """
    each = observe_each(student, clips)
    if not each:
        raise InputError("calibration needs at least one clip")
    return merge(each)


def observe_each(student: Student, clips: Iterable[NDArray[Any]]) -> list[dict[str, Range]]:
    """As `observe`, one dictionary per clip, so that subsets can be merged later."""
    current: dict[str, Range] = {}

    def recorder(path: str) -> Any:
        def record(module: nn.Module, inputs: Any, output: Tensor) -> None:
            low, high = torch.aminmax(output)
            current[path] = (float(low), float(high))

        return record

    modules = observed_modules(student)
    handles = [m.register_forward_hook(recorder(path)) for path, m in modules.items()]
    training = student.training
    seen = []
    try:
        student.eval()
        with torch.inference_mode():
            for clip in clips:
                student(torch.from_numpy(np.asarray(clip, dtype=np.float32))[None])
                seen.append(dict(current))
    finally:
        student.train(training)
        for handle in handles:
            handle.remove()
    return seen


def merge(each: list[dict[str, Range]]) -> dict[str, Range]:
    """The ranges that hold for every clip of `each`.

    Raises:
        InputError: a range is not finite or empty (a dead layer cannot be quantised).
    """
    merged = {}
    for path in each[0]:
        low = min(ranges[path][0] for ranges in each)
        high = max(ranges[path][1] for ranges in each)
        if not (np.isfinite(low) and np.isfinite(high) and low < high):
            raise InputError(
                f"the output of {path} ranges over {low}..{high} on the calibration clips",
                "the checkpoint is damaged, or all calibration clips are silent",
            )
        merged[path] = (low, high)
    return merged
