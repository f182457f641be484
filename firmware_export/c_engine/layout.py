"""How weights are laid out for a kernel family, and layers packed into the engine's tables.

A convolution kernel sums, for each row under it, one *run*: the neighbouring bands with their
channels, contiguous in a stored row. A family of kernels wants channels rounded up to a multiple,
runs padded with zero weights to a multiple (what is read behind a window then counts for nothing),
and weights in the order in which they are used: run after run, for SXTB16 each four of one as
0 2 1 3; or, where lanes are output channels, four elements of each channel of a block, then the
next four.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_ser.errors import InputError
from firmware_export.c_engine.graph import Layer

_Q31 = 1 << 31


@dataclass(frozen=True)
class Layout:
    """A kernel family's wishes.

    Attributes:
        name: as in the manifest.
        channel_multiple: stored channels of a position.
        run_multiple: elements of a kernel row in the weights.
        dsp: rows in 16 bits and weights in SXTB16's order.
        channel_block: output channels whose weights lie together; their tables are padded to it.
    """

    name: str
    channel_multiple: int
    run_multiple: int
    dsp: bool = False
    channel_block: int = 1


LAYOUTS = {
    layout.name: layout
    for layout in (
        Layout("plain", 1, 1),
        Layout("dsp", 2, 4, dsp=True),
        Layout("helium", 1, 16),
        Layout("simd", 1, 8, channel_block=16),
    )
}
"""plain: cores without any SIMD. dsp: Cortex-M4, M7, M33. helium: Cortex-M55. simd: NEON, x86."""

_FOUR = 4
"""Neighbours in a run that a lane takes at once."""


@dataclass(frozen=True)
class PackedLayer:
    """A layer as the tables of es_model.c hold it; sizes in elements of a stored row.

    Attributes:
        layer: what it was made from.
        width: of one position.
        row: of one stored row, padding and slack included.
        run: of one kernel row in the weights.
        ring: where its stored rows begin.
        weights: flat int8.
        bias: (channels,) int32 with the input's zero point folded in; channels_out, rounded up to
            the layout's blocks.
        weight_sums: (channels,) int32.
        multiplier, shift: (channels,), see `quantise_multiplier`.
    """

    layer: Layer
    width: int
    row: int
    run: int
    ring: int
    weights: NDArray[np.int8]
    bias: NDArray[np.int32]
    weight_sums: NDArray[np.int32]
    multiplier: NDArray[np.int32]
    shift: NDArray[np.int8]


def round_up(value: int, multiple: int) -> int:
    """Smallest multiple that is not below."""
    return -(-value // multiple) * multiple


def quantise_multiplier(scale: float) -> tuple[int, int]:
    """A positive real as (Q31 multiplier in [2^30, 2^31), power of two), rounded as TFLite does.

    Examples:
        >>> quantise_multiplier(0.5)
        (1073741824, 0)
    """
    fraction, exponent = np.frexp(scale)
    multiplier = round_half_away(float(fraction) * _Q31)
    if multiplier == _Q31:
        multiplier, exponent = multiplier // 2, exponent + 1
    if exponent < -31:
        return 0, 0
    return multiplier, int(exponent)


def round_half_away(value: float) -> int:
    """C's round()."""
    return int(np.floor(abs(value) + 0.5) * np.sign(value))


def pack_layer(layer: Layer, layout: Layout, ring: int) -> PackedLayer:
    """One layer in one layout.

    Args:
        layer: of the graph.
        layout: of the kernel family.
        ring: where its stored rows may begin, in elements.

    Raises:
        InputError: a scale that the fixed-point arithmetic cannot hold.
    """
    width = round_up(layer.channels_in, layout.channel_multiple)
    run = round_up(layer.kernel[1] * width, layout.run_multiple)
    positions = layer.bands_in + layer.padding.left + layer.padding.right
    row = round_up(positions * width + layout.run_multiple - 1, layout.run_multiple)
    if layer.weights is None or layer.bias is None or layer.scales is None:
        empty = np.zeros(0, np.int32)
        none = np.zeros(0, np.int8)
        return PackedLayer(layer, width, row, run, ring, none, empty, empty, empty, none)
    axes = (0, 1, 2) if layer.kind == "depthwise" else (1, 2, 3)
    sums = layer.weights.astype(np.int64).sum(axis=axes)
    bias = layer.bias.astype(np.int64) - layer.zero_in * sums
    if np.abs(bias).max(initial=0) >= _Q31:
        raise InputError(
            f"{layer.name}: a bias leaves 32 bits", "its scale is senseless: calibrate again"
        )
    pairs = [quantise_multiplier(float(scale)) for scale in layer.scales]
    if any(shift > 8 for _, shift in pairs):
        raise InputError(
            f"{layer.name} amplifies its input {max(layer.scales):.3g}-fold",
            "its output range is senseless: calibrate again",
        )
    multipliers, shifts = zip(*pairs, strict=True)
    flat = _flat_depthwise if layer.kind == "depthwise" else _flat_convolution
    return PackedLayer(
        layer=layer,
        width=width,
        row=row,
        run=run,
        ring=ring,
        weights=flat(layer.weights, width, run, layout),
        bias=_in_blocks(bias.astype(np.int32), layout),
        weight_sums=_in_blocks(sums.astype(np.int32), layout),
        multiplier=_in_blocks(np.array(multipliers, np.int32), layout),
        shift=_in_blocks(np.array(shifts, np.int8), layout),
    )


def _in_blocks(values: NDArray[Any], layout: Layout) -> NDArray[Any]:
    """With zeros behind the last output channel, up to the end of its block."""
    missing = -len(values) % layout.channel_block
    return np.pad(values, [(0, missing)] + [(0, 0)] * (values.ndim - 1))


def _flat_convolution(
    weights: NDArray[np.int8], width: int, run: int, layout: Layout
) -> NDArray[np.int8]:
    """(out, time, bands, in) -> [out][time][run], or [out/block][time][run/4][block][4]."""
    out, time, bands, channels = weights.shape
    packed = np.zeros((out, time, run), np.int8)
    padded = np.zeros((out, time, bands, width), np.int8)
    padded[..., :channels] = weights
    packed[:, :, : bands * width] = padded.reshape(out, time, -1)
    if layout.dsp:
        packed = packed.reshape(out, time, -1, _FOUR)[..., [0, 2, 1, 3]]
    if layout.channel_block > 1:
        blocks = _in_blocks(packed, layout).reshape(
            -1, layout.channel_block, time, run // _FOUR, _FOUR
        )
        packed = blocks.transpose(0, 2, 3, 1, 4)
    return packed.reshape(-1)


def _flat_depthwise(
    weights: NDArray[np.int8], width: int, run: int, layout: Layout
) -> NDArray[np.int8]:
    """(1, time, bands, channels) -> [time][bands][width]; no kernel family reorders it."""
    _, time, bands, channels = weights.shape
    packed = np.zeros((time, bands, width), np.int8)
    packed[..., :channels] = weights[0]
    return packed.reshape(-1)


def pack_layers(layers: tuple[Layer, ...], layout: Layout) -> tuple[PackedLayer, ...]:
    """All layers, their rings one behind the other, each on a 16-element boundary."""
    packed, ring = [], 0
    for layer in layers:
        packed.append(pack_layer(layer, layout, ring))
        ring = round_up(ring + layer.kernel[0] * packed[-1].row, 16)
    return tuple(packed)


def ring_elements(layers: tuple[PackedLayer, ...]) -> int:
    """Of all rings together."""
    return max(packed.ring + packed.layer.kernel[0] * packed.row for packed in layers)
