"""The whole student as one TFLite file: waveform in, arousal, dominance, valence out.

float32 [1, 80000] (5 s at 16 kHz) -> float32 [1, 3]. The convolutions run in int8 with
per-channel weights; front-end and pooled head stay float, because a logarithm and a softmax
over time do not survive int8. Nor do the activations of some students: theirs are float, over
int8 weights. The length is fixed: this graph cannot be resized. Other
lengths go through the backbone file. Faster forms of the front-end and of the head (one
strided convolution, sums before the division) were tried and measured no faster.
"""

from __future__ import annotations

from pathlib import Path

import torch

from calibration.cache import CalibrationCache
from edge_ser.students.student import Student
from firmware_export import tflite_file, tflite_float, tflite_quantise

FIXED_SAMPLES = 80_000
"""Length of the input, 5 s at 16 kHz."""

INPUT_NAME = "audio"
OUTPUT_NAME = "arousal_dominance_valence"


def convert(student: Student, cache: CalibrationCache, out: Path, metadata: dict[str, str]) -> None:
    """Write the hybrid; the same inputs give the same bytes.

    Args:
        student: in evaluation mode.
        cache: activation ranges of this student.
        out: file to write.
        metadata: goes into the file as JSON.

    Raises:
        InputError: the cache lacks a range of this network.
        EnvironmentMissing: the converters are not installed or not the tested ones.
    """
    tflite_quantise.check_ranges(student, cache.ranges)
    model = tflite_float.convert(student, torch.zeros(1, FIXED_SAMPLES))
    tflite_float.name_tensors(model, tflite_quantise.module_paths(student))
    if student.int8_activations:
        model = tflite_quantise.quantise(model, cache.ranges, whole_model=False)
    else:
        model = tflite_quantise.with_int8_weights(model)
    tflite_float.name_interface(model, [INPUT_NAME], [OUTPUT_NAME])
    tflite_file.replace_metadata(model, metadata, "waveform to arousal, dominance, valence")
    tflite_file.drop_unused_buffers(model)
    out.write_bytes(tflite_file.serialise(model))
