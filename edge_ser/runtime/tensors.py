"""Comparing what a runtime found in a model file with what the manifest says of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edge_ser.bundle.manifest import Quantisation, TensorInfo
from edge_ser.errors import BundleRefused

_HINT = "the bundle's manifest and model do not belong together: export it again"


@dataclass(frozen=True)
class FoundTensor:
    """A model's input or output; a shape entry None is a free dimension."""

    name: str
    shape: tuple[int | None, ...]
    dtype: str


def check_tensors(
    artefact: str, found: Sequence[FoundTensor], announced: Sequence[TensorInfo]
) -> None:
    """Same number, order of sizes and types; a dimension announced as free may be fixed or free.

    Names are not compared: TFLite and ONNX tools rename them.

    Raises:
        BundleRefused: they differ.
    """
    if len(found) != len(announced):
        raise BundleRefused(
            f"{artefact} has {len(found)} tensors where the manifest says {len(announced)}", _HINT
        )
    for actual, expected in zip(found, announced, strict=True):
        if actual.dtype != expected.dtype:
            raise BundleRefused(
                f"{artefact}: {expected.name} is {actual.dtype}, the manifest says "
                f"{expected.dtype}",
                _HINT,
            )
        if not _shapes_agree(actual.shape, expected.shape):
            raise BundleRefused(
                f"{artefact}: {expected.name} has shape {actual.shape}, the manifest says "
                f"{expected.shape}",
                _HINT,
            )


def check_quantisation(
    artefact: str, name: str, scale: float, zero_point: int, announced: Quantisation | None
) -> None:
    """A tensor's parameters equal the announced ones to float32's precision.

    Raises:
        BundleRefused: they differ, or none are announced.
    """
    if announced is None:
        raise BundleRefused(f"{artefact}: the manifest gives no quantisation of {name}", _HINT)
    same_scale = abs(scale - announced.scale) <= 1e-6 * announced.scale
    if not same_scale or zero_point != announced.zero_point:
        raise BundleRefused(
            f"{artefact}: {name} has scale {scale} and zero point {zero_point}, the manifest "
            f"says {announced.scale} and {announced.zero_point}",
            _HINT,
        )


def _shapes_agree(found: tuple[int | None, ...], announced: tuple[int | str, ...]) -> bool:
    if len(found) != len(announced):
        return False
    return all(
        isinstance(expected, str) or size == expected
        for size, expected in zip(found, announced, strict=True)
    )
