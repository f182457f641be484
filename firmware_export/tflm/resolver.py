"""The operators of a model as TFLite-Micro's resolver wants them.

Derived from the file, because the resolver's size and calls must follow it: a missing one fails
on the device, an unneeded one costs flash.
"""

from __future__ import annotations

from typing import Any

from firmware_export import tflite_file
from firmware_export.tflite_admission import require_int8

ADD_METHODS = {
    "ADD": "AddAdd",
    "AVERAGE_POOL_2D": "AddAveragePool2D",
    "CONCATENATION": "AddConcatenation",
    "CONV_2D": "AddConv2D",
    "DEPTHWISE_CONV_2D": "AddDepthwiseConv2D",
    "FULLY_CONNECTED": "AddFullyConnected",
    "HARD_SWISH": "AddHardSwish",
    "LOGISTIC": "AddLogistic",
    "MAX_POOL_2D": "AddMaxPool2D",
    "MEAN": "AddMean",
    "MUL": "AddMul",
    "PAD": "AddPad",
    "PADV2": "AddPadV2",
    "RELU": "AddRelu",
    "RELU6": "AddRelu6",
    "RESHAPE": "AddReshape",
    "STRIDED_SLICE": "AddStridedSlice",
    "TRANSPOSE": "AddTranspose",
}
"""Operators with an int8 kernel in TFLite-Micro -> `MicroMutableOpResolver`'s method."""

ETHOS_U = "AddEthosU"
"""For the one custom operator that a compiled model consists of."""


def add_methods(model: Any, name: str) -> list[str]:
    """The calls that a model needs, sorted.

    Args:
        model: object tree.
        name: of its file, for messages.

    Raises:
        InputError: TFLite-Micro cannot run it; see `require_int8`.
    """
    require_int8(model, name, ADD_METHODS, "TFLite-Micro")
    return sorted({ADD_METHODS[operator] for operator in tflite_file.operator_names(model)})


def resolver_header(methods: list[str]) -> str:
    """`es_tflm_resolver.h`."""
    calls = "\n".join(f"  TF_LITE_ENSURE_STATUS(resolver.{method}());" for method in methods)
    return f"""\
// es_tflm_resolver.h: the operators of this model, no others. Generated with it.
#ifndef ES_TFLM_RESOLVER_H
#define ES_TFLM_RESOLVER_H

#include "tensorflow/lite/micro/micro_mutable_op_resolver.h"

using es_tflm_resolver = tflite::MicroMutableOpResolver<{len(methods)}>;

inline TfLiteStatus es_tflm_add_operators(es_tflm_resolver &resolver) {{
{calls}
  return kTfLiteOk;
}}

#endif
"""
