"""es_model.h and es_model.c: one bundle's network as macros and constant tables."""

from __future__ import annotations

from dataclasses import dataclass

from edge_ser import SAMPLE_RATE
from edge_ser.errors import InputError
from edge_ser.frontend.spec import FrontEndSpec
from edge_ser.runtime.tables import BackboneTables
from firmware_export.c_engine.c_text import array, float_literal, floats, integers
from firmware_export.c_engine.fixed_point import fixed_tables
from firmware_export.c_engine.graph import Graph
from firmware_export.c_engine.layout import (
    SLIDES,
    Layout,
    PackedLayer,
    pack_layers,
    stored_elements,
)
from firmware_export.c_engine.tables import exp_table, front_end_tables, head_rows

_KINDS = {"conv": "ES_CONV", "depthwise": "ES_DEPTHWISE", "max-pool": "ES_MAX_POOL"}


@dataclass(frozen=True)
class Window:
    """What a reading covers.

    Attributes:
        block_rows: log-mel rows of a block; a reading comes with each. An output frame belongs to
            the block of the first row under its stride, so blocks of an odd number differ by one.
        time_stride: log-mel rows per output frame.
        blocks: of a window.
        first_blocks: blocks before the first reading.
    """

    block_rows: int
    time_stride: int
    blocks: int
    first_blocks: int

    @classmethod
    def of(
        cls, spec: FrontEndSpec, time_stride: int, window: float, block: float, first: float
    ) -> Window:
        """From seconds.

        Args:
            spec: gives the rows per second.
            time_stride: log-mel rows per output frame.
            window, block, first: seconds of a window, of a block, before the first reading.

        Raises:
            InputError: a block is not a whole number of rows, or a window of blocks.
        """
        rows = block * spec.sample_rate / spec.hop
        blocks, firsts = window / block, first / block
        whole = (rows, blocks, firsts)
        if any(abs(number - round(number)) > 1e-6 or round(number) < 1 for number in whole):
            step = spec.hop / SAMPLE_RATE
            raise InputError(
                f"a window of {window:g} s in blocks of {block:g} s cannot be cut",
                f"a block is a multiple of {step * 1000:g} ms, a window of blocks",
            )
        if rows < time_stride:
            raise InputError(
                f"a block of {block:g} s holds no output frame",
                f"give {time_stride * spec.hop / SAMPLE_RATE:g} s or more",
            )
        return cls(round(rows), time_stride, round(blocks), round(firsts))

    @classmethod
    def whole_signal(cls) -> Window:
        """One block without end, whatever the stride: the reading comes with edge_ser_finish."""
        return cls(block_rows=0xFFFFFFFF, time_stride=1, blocks=1, first_blocks=1)


@dataclass(frozen=True)
class ModelSource:
    """The two generated files."""

    header: str
    source: str


def model_source(
    graph: Graph,
    tables: BackboneTables,
    layout: Layout,
    fixed_point: bool,
    window: Window,
    version: str,
    model_sha256: str,
) -> ModelSource:
    """Write the tables of one network.

    Args:
        graph: its layers.
        tables: its front-end, quantisation and head.
        layout: what the kernels want.
        fixed_point: the front-end where the build does not say.
        window: what a reading covers.
        version: edge-ser's.
        model_sha256: of the backbone file.

    Raises:
        InputError: something that the engine cannot hold.
    """
    packed = pack_layers(graph, layout)
    return ModelSource(
        header=_header(graph, packed, tables, layout, fixed_point, window, version, model_sha256),
        source=_source(packed, tables),
    )


def _header(
    graph: Graph,
    packed: tuple[PackedLayer, ...],
    tables: BackboneTables,
    layout: Layout,
    fixed_point: bool,
    window: Window,
    version: str,
    model_sha256: str,
) -> str:
    spec, head = tables.frontend, tables.head
    front = front_end_tables(spec, tables.input)
    features = head.channels * head.bands
    width = features + (head.channels**2 if head.second_order else 0)
    numbers = {
        "ES_VERSION": f'"{version}"',
        "ES_MODEL_SHA256": f'"{model_sha256}"',
        "ES_LAYOUT_DSP": int(layout.dsp),
        "ES_RUN_MULTIPLE": layout.run_multiple,
        "ES_CHANNEL_BLOCK": layout.channel_block,
        "ES_N_FFT": spec.n_fft,
        "ES_HOP": spec.hop,
        "ES_MELS": spec.n_mels,
        "ES_LEVEL_HOPS": spec.level_hops,
        "ES_LEVEL_EPS": float_literal(spec.level_eps),
        "ES_LOG_FLOOR": float_literal(spec.log_floor),
        "ES_CODES_PER_OCTAVE": float_literal(front.codes_per_octave),
        "ES_CODE_OFFSET": float_literal(front.code_offset),
        "ES_INPUT_ZERO": tables.input.zero_point,
        "ES_TRUNK_LAYERS": len(graph.trunk),
        "ES_VALUES_LAYER": len(graph.trunk),
        "ES_SCORES_LAYER": len(graph.trunk) + 1,
        "ES_LAYERS": len(packed),
        "ES_STORED": stored_elements(packed),
        "ES_SLIDES": SLIDES,
        "ES_LONGEST_RUN": max((p.run for p in packed if p.layer.bands_out > 1), default=1),
        "ES_CHANNELS": head.channels,
        "ES_BANDS": head.bands,
        "ES_FEATURES": features,
        "ES_SECOND_ORDER": int(head.second_order),
        "ES_HEAD_WIDTH": width,
        "ES_VALUES_SCALE": float_literal(tables.values.scale),
        "ES_VALUES_ZERO": tables.values.zero_point,
        "ES_TIME_STRIDE": f"UINT32_C({window.time_stride})",
        "ES_BLOCK_ROWS": f"UINT32_C({window.block_rows})",
        "ES_WINDOW_BLOCKS": window.blocks,
        "ES_FIRST_BLOCKS": window.first_blocks,
        **fixed_tables(spec, tables.input, front).macros(),
    }
    lines = "\n".join(f"#define {name} {value}" for name, value in numbers.items())
    return f"""/* es_model.h: generated by edge-ser {version}; do not edit. */
#ifndef ES_MODEL_H
#define ES_MODEL_H

#include <stdint.h>

#include "es_layer.h"

#ifndef ES_FRONTEND_FIXED
#define ES_FRONTEND_FIXED {int(fixed_point)}
#endif

{lines}

extern const es_layer es_layers[ES_LAYERS];
extern const float es_exp[256]; /* of each score code, relative to the largest */
extern const float es_head_weights[3 * ES_HEAD_WIDTH];
extern const float es_head_bias[3];

extern const uint16_t es_bit_reversed[ES_N_FFT / 2];
extern const uint16_t es_mel_first[ES_MELS], es_mel_count[ES_MELS];

/* Of es_frontend_float.c: window, (cosine, sine) of k turns of n_fft, mel weights. */
extern const float es_window_float[ES_N_FFT];
extern const float es_turn_float[ES_N_FFT + 2];
extern const float es_mel_float[];

/* Of es_frontend_fixed.c: the same in fixed point, and the mantissa's logarithm. */
extern const uint16_t es_window_fixed[ES_N_FFT];  /* Q16 */
extern const int32_t es_turn_fixed[ES_N_FFT + 2]; /* Q30 */
extern const uint32_t es_mel_fixed[];
extern const uint16_t es_log2_fixed[ES_LOG2_STEPS + 1];

#endif
"""


def _source(packed: tuple[PackedLayer, ...], tables: BackboneTables) -> str:
    spec = tables.frontend
    front = front_end_tables(spec, tables.input)
    fixed = fixed_tables(spec, tables.input, front)
    parts = [
        _PREAMBLE,
        *(_layer_arrays(index, layer) for index, layer in enumerate(packed)),
        _layer_table(packed),
        array("const float es_exp[256]", floats(exp_table(tables.scores))),
        array(
            "const float es_head_weights[3 * ES_HEAD_WIDTH]",
            floats(head_rows(tables.head).ravel()),
        ),
        array("const float es_head_bias[3]", floats(tables.head.bias)),
        array("const uint16_t es_bit_reversed[ES_N_FFT / 2]", integers(front.bit_reversed)),
        array("const uint16_t es_mel_first[ES_MELS]", integers(front.mel_first)),
        array("const uint16_t es_mel_count[ES_MELS]", integers(front.mel_count)),
        array("const float es_window_float[ES_N_FFT]", floats(front.window)),
        array("const float es_turn_float[ES_N_FFT + 2]", floats(front.turns.ravel())),
        array("const float es_mel_float[]", floats(front.mel_weights)),
        array("const uint16_t es_window_fixed[ES_N_FFT]", integers(fixed.window)),
        array("const int32_t es_turn_fixed[ES_N_FFT + 2]", integers(fixed.turns.ravel())),
        array("const uint32_t es_mel_fixed[]", integers(fixed.mel_weights)),
        array("const uint16_t es_log2_fixed[ES_LOG2_STEPS + 1]", integers(fixed.log2)),
    ]
    return "\n".join(parts)


_PREAMBLE = """\
/* es_model.c: generated by edge-ser; do not edit. */
#include "es_model.h"

#include "kernels/es_choice.h"

#if defined(__GNUC__)
#define ES_ALIGNED __attribute__((aligned(16)))
#else
#define ES_ALIGNED
#endif

/* Where activations are multiplied as code + 128, that costs each channel 128 * its weights. */
#if ES_UNSIGNED_ACTIVATIONS
#define ES_BIAS(bias, weight_sum) ((bias) - 128 * (weight_sum))
#else
#define ES_BIAS(bias, weight_sum) (bias)
#endif
"""


def _layer_arrays(index: int, packed: PackedLayer) -> str:
    if not len(packed.weights):
        return ""
    bias = integers(packed.bias)
    if packed.layer.kind == "conv":
        sums = integers(packed.weight_sums)
        bias = [f"ES_BIAS({b}, {s})" for b, s in zip(bias, sums, strict=True)]
    return "\n".join(
        [
            f"/* {packed.layer.name} */",
            array(f"static const int8_t weights_{index}[] ES_ALIGNED", integers(packed.weights)),
            array(f"static const int32_t bias_{index}[]", bias),
            array(f"static const int32_t multiplier_{index}[]", integers(packed.multiplier)),
            array(f"static const int8_t shift_{index}[]", integers(packed.shift)),
        ]
    )


def _layer_table(packed: tuple[PackedLayer, ...]) -> str:
    entries = "\n".join(_entry(index, layer) for index, layer in enumerate(packed))
    return f"const es_layer es_layers[ES_LAYERS] = {{\n{entries}\n}};\n"


def _entry(index: int, packed: PackedLayer) -> str:
    layer = packed.layer
    has = bool(len(packed.weights))
    fields = {
        "kind": _KINDS[layer.kind],
        "kernel_t": layer.kernel[0],
        "kernel_f": layer.kernel[1],
        "stride_t": layer.stride[0],
        "stride_f": layer.stride[1],
        "pad_before_t": layer.padding.top,
        "pad_after_t": layer.padding.bottom,
        "pad_before_f": layer.padding.left,
        "bands_in": layer.bands_in,
        "channels_in": layer.channels_in,
        "bands_out": layer.bands_out,
        "channels_out": layer.channels_out,
        "positions": packed.positions,
        "cell": packed.cell,
        "pitch": packed.pitch,
        "slide": packed.slide,
        "run": packed.run,
        "buffer": packed.buffer,
        "zero_in": layer.zero_in,
        "zero_out": layer.zero_out,
        "low": layer.low,
        "high": layer.high,
        **{
            name: f"{name}_{index}" if has else "0"
            for name in ("weights", "bias", "multiplier", "shift")
        },
    }
    inside = ", ".join(f".{name} = {value}" for name, value in fields.items())
    return f"    {{ {inside} }},"
