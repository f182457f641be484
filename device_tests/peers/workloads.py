"""What the engines are measured on: a network, an input, and what it must give."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from device_tests.peers import conv_model
from edge_ser.bundle import Bundle
from edge_ser.bundle.golden import read_clip
from edge_ser.frontend.numpy_frontend import log_mel
from edge_ser.runtime.host import quantise
from edge_ser.runtime.tables import read_tables
from firmware_export import tflite_file
from firmware_export.targets import BACKBONE_TFLITE
from firmware_export.tflite_frames import reference_interpreter, with_frames

_SEED = 1


@dataclass(frozen=True)
class Workload:
    """One inference.

    Attributes:
        name: short, e.g. for JSON.
        title: for people.
        content: TFLite file of fixed length, one input.
        codes: that input, int8 (1, T, bands, channels).
    """

    name: str
    title: str
    content: bytes
    codes: NDArray[np.int8]

    @cached_property
    def expected(self) -> list[NDArray[np.int8]]:
        """Outputs of LiteRT's reference kernels, in the file's order."""
        reference = self._reference()
        return [reference.get_tensor(detail["index"]) for detail in reference.get_output_details()]

    @property
    def macs(self) -> int:
        """Multiply-accumulates of the convolutions."""
        return multiply_accumulates(self.content)

    def activation(self, name: str) -> NDArray[np.int8]:
        """A tensor inside the network, by name, from the reference kernels."""
        reference = self._reference()
        (index,) = (d["index"] for d in reference.get_tensor_details() if d["name"] == name)
        found: NDArray[np.int8] = reference.get_tensor(index)
        return found

    def _reference(self) -> Any:
        reference = reference_interpreter(self.content, keep_all=True)
        reference.allocate_tensors()
        reference.set_tensor(reference.get_input_details()[0]["index"], self.codes)
        reference.invoke()
        return reference


def conv_workload() -> Workload:
    """The network of seven convolutions on drawn codes."""
    content = conv_model.conv_model()
    shape = (1, conv_model.FRAMES, conv_model.BANDS, 1)
    codes = np.random.default_rng(_SEED).integers(-128, 128, shape).astype(np.int8)
    return Workload("conv-10.8M", "seven 3x3 int8 convolutions", content, codes)


def backbone_workload(bundle: Bundle) -> Workload:
    """A bundle's backbone on the loudest second of its golden speech, without context.

    A peer that runs blocks repeats the context of each; that is left out in its favour.
    """
    tables = read_tables(bundle)
    rate = tables.frontend.sample_rate
    frames = tables.frontend.frames(rate)
    clips = [read_clip(bundle, name) for name in sorted(bundle.manifest.golden.clips)]
    long = [clip for clip in clips if len(clip) >= rate]
    loudest = max(long, key=lambda clip: float(np.square(clip[:rate]).mean()))
    codes = quantise(log_mel(loudest[:rate], tables.frontend), tables.input)
    content = with_frames(bundle.read(BACKBONE_TFLITE), frames)
    title = f"backbone of {bundle.manifest.name}, 1 s of audio ({frames} frames)"
    return Workload("backbone-1s", title, content, codes[None, :, :, None])


def multiply_accumulates(content: bytes) -> int:
    """Of all convolutions of a file of fixed length."""
    model = tflite_file.parse(content)
    graph = model.subgraphs[0]
    total = 0
    for node, name in zip(graph.operators, tflite_file.operator_names(model), strict=True):
        if name == "CONV_2D":
            _, height, width, _ = (int(n) for n in graph.tensors[node.outputs[0]].shape)
            total += height * width * int(np.prod(graph.tensors[node.inputs[1]].shape))
    return total
