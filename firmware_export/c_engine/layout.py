"""How weights are laid out for a kernel family, and layers packed into the engine's tables.

A convolution kernel sums one *run* of elements: what is under it at one band, contiguous in the
stored rows (es_row.h says how they lie). A family of kernels wants channels rounded up to a
multiple, runs padded with zero weights to a multiple (what is read behind a window then counts for
nothing), and weights in the order in which they are used: run after run; or, where lanes are output
channels, four elements of each channel of a block, then the next four; or two channels in one
16-bit number, which es_tile_dsp.h takes apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_ser.errors import InputError
from firmware_export.c_engine.graph import Graph, Layer

SLIDES = 8
"""Rows that are stored before all are moved back; more cost memory, fewer cost time."""

_Q31 = 1 << 31
_SUM_BITS = 29
"""Sums and their sign, once shifted to the left: es_scaling.h needs two bits to spare."""
_MOVED_BYTES = 8
"""At most this is read and written behind the rows when they are moved back."""


@dataclass(frozen=True)
class Layout:
    """A kernel family's wishes.

    Attributes:
        name: as in the manifest.
        channel_multiple: stored channels of a cell.
        run_multiple: elements of a window in the weights.
        dsp: activations in 16 bits, weights of two channels in one number.
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
        Layout("plain", 1, 4),
        Layout("dsp", 2, 8, dsp=True, channel_block=2),
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
        positions: bands of a stored row, padding included.
        cell: of one band in one row.
        run: of one channel's weights.
        buffer: where its input is stored.
        weights: flat int8.
        bias: (channels,) int32 with the input's zero point folded in; channels_out, rounded up to
            the layout's blocks.
        weight_sums: (channels,) int32.
        multiplier, shift: (channels,), see `quantise_multiplier`.
    """

    layer: Layer
    positions: int
    cell: int
    run: int
    buffer: int
    weights: NDArray[np.int8]
    bias: NDArray[np.int32]
    weight_sums: NDArray[np.int32]
    multiplier: NDArray[np.int32]
    shift: NDArray[np.int8]

    @property
    def pitch(self) -> int:
        """Elements between neighbouring bands."""
        return self.layer.kernel[0] * self.cell

    @property
    def slide(self) -> int:
        """By how many elements a new row moves the window."""
        return self.cell if self.layer.kernel[0] > 1 else 0

    @property
    def stored(self) -> int:
        """Elements of its buffer: rows, room to slide, what kernels and moving read behind."""
        return (
            self.positions * self.pitch
            + (SLIDES + 1) * self.slide
            + max(self.run - self.layer.kernel[1] * self.pitch, _MOVED_BYTES)
        )


def round_up(value: int, multiple: int) -> int:
    """Smallest multiple that is not below."""
    return -(-value // multiple) * multiple


def quantise_multiplier(scale: float) -> tuple[int, int]:
    """A positive real as (Q31 multiplier in [2^30, 2^31), power of two), rounded as TFLite does.

    So small that nothing is left of any sum, it is 0.

    Examples:
        >>> quantise_multiplier(0.5)
        (1073741824, 0)
    """
    fraction, exponent = np.frexp(scale)
    multiplier = round_half_away(float(fraction) * _Q31)
    if multiplier == _Q31:
        multiplier, exponent = multiplier // 2, exponent + 1
    if exponent < -_SUM_BITS:
        return 0, 0
    return multiplier, int(exponent)


def round_half_away(value: float) -> int:
    """C's round()."""
    return int(np.floor(abs(value) + 0.5) * np.sign(value))


def pack_layer(layer: Layer, layout: Layout, buffer: int) -> PackedLayer:
    """One layer in one layout.

    Args:
        layer: of the graph.
        layout: of the kernel family.
        buffer: where its input is stored, in elements.

    Raises:
        InputError: a scale that the fixed-point arithmetic cannot hold.
    """
    positions = layer.bands_in + layer.padding.left + layer.padding.right
    # A window that never moves need not be aligned anywhere but at its start.
    moves = layer.bands_out > 1 or layer.kernel[0] > 1
    cell = round_up(layer.channels_in, layout.channel_multiple if moves else 1)
    run = round_up(layer.kernel[0] * layer.kernel[1] * cell, layout.run_multiple)
    if layer.weights is None or layer.bias is None or layer.scales is None:
        empty = np.zeros(0, np.int32)
        none = np.zeros(0, np.int8)
        return PackedLayer(layer, positions, cell, run, buffer, none, empty, empty, empty, none)
    axes = (0, 1, 2) if layer.kind == "depthwise" else (1, 2, 3)
    sums = layer.weights.astype(np.int64).sum(axis=axes)
    bias = layer.bias.astype(np.int64) - layer.zero_in * sums
    largest = np.abs(bias) + 128 * np.abs(layer.weights.astype(np.int64)).sum(axis=axes)
    pairs = [quantise_multiplier(float(scale)) for scale in layer.scales]
    lefts = np.maximum([shift for _, shift in pairs], 0)
    if np.any(largest.astype(float) * 2.0**lefts >= 2.0**_SUM_BITS):
        raise InputError(
            f"{layer.name}: sums leave {_SUM_BITS} bits, or are amplified beyond them",
            "its scales are senseless: calibrate again",
        )
    multipliers, shifts = zip(*pairs, strict=True)
    flat = _flat_depthwise if layer.kind == "depthwise" else _flat_convolution
    return PackedLayer(
        layer=layer,
        positions=positions,
        cell=cell,
        run=run,
        buffer=buffer,
        weights=flat(layer.weights, cell, run, layout),
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
    weights: NDArray[np.int8], cell: int, run: int, layout: Layout
) -> NDArray[np.int8]:
    """(out, time, bands, in) -> [out][run], a run being [bands][time][cell]; see `_interleaved`."""
    out, _, _, channels = weights.shape
    cells = weights.transpose(0, 2, 1, 3).reshape(out, -1, channels)
    padded = np.zeros((out, cells.shape[1], cell), np.int8)
    padded[..., :channels] = cells
    runs = np.zeros((out, run), np.int8)
    runs[:, : cells.shape[1] * cell] = padded.reshape(out, -1)
    return _interleaved(_in_blocks(runs, layout), layout).reshape(-1)


def _interleaved(runs: NDArray[np.int8], layout: Layout) -> NDArray[Any]:
    """(channels, run), as the layout wants it: in blocks [channels/block][run/4][block][4].

    dsp: [channels/2][run] 16-bit numbers, 256 * the second channel's weight + the first one's.
    """
    blocks = runs.reshape(-1, layout.channel_block, runs.shape[1])
    if layout.dsp:
        pairs = blocks.astype(np.int16)
        return (256 * pairs[:, 1] + pairs[:, 0]).astype("<i2").view(np.int8)
    if layout.channel_block > 1:
        fours = blocks.reshape(len(blocks), layout.channel_block, -1, _FOUR)
        return fours.transpose(0, 2, 1, 3)
    return runs


def _flat_depthwise(
    weights: NDArray[np.int8], cell: int, run: int, layout: Layout
) -> NDArray[np.int8]:
    """(1, time, bands, channels) -> [bands][time][cell]; no kernel family reorders it."""
    _, time, bands, channels = weights.shape
    packed = np.zeros((bands, time, cell), np.int8)
    packed[..., :channels] = weights[0].transpose(1, 0, 2)
    return packed.reshape(-1)


def pack_layers(graph: Graph, layout: Layout) -> tuple[PackedLayer, ...]:
    """All layers, their inputs one behind the other; values and scores share theirs."""
    packed, buffer = [], 0
    for layer in graph.trunk:
        packed.append(pack_layer(layer, layout, buffer))
        buffer = round_up(buffer + packed[-1].stored, 16)
    heads = (pack_layer(layer, layout, buffer) for layer in (graph.values, graph.scores))
    return (*packed, *heads)


def stored_elements(layers: tuple[PackedLayer, ...]) -> int:
    """Of all buffers together."""
    return max(packed.buffer + packed.stored for packed in layers)
