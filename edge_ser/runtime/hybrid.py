"""The hybrid TFLite file: waveform in, A/D/V out, one fixed clip length.

Clips of another length go through the host route, or are repeated. They are never padded with
zeros, which would change the level normalisation and with it every value.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_ser import SAMPLE_RATE
from edge_ser.bundle.reader import Bundle
from edge_ser.errors import BundleRefused, InputError
from edge_ser.runtime.engine import Kernels, check_audio
from edge_ser.runtime.host import BACKBONE, HostEngine, load_host
from edge_ser.runtime.interpreter import TfliteModel

INT8_TFLITE = "model.int8.tflite"


@dataclass(frozen=True)
class HybridEngine:
    """An `Engine` around a waveform TFLite file.

    Attributes:
        other_lengths: takes clips of other lengths; None where the student has no backbone file.
            Then a shorter clip is repeated until it fills the file's length, as calibration's
            drift figures have it, and a longer one is refused.
    """

    name: str
    version: str
    artefact: str
    kernels: Kernels
    load_seconds: float
    model: TfliteModel
    fixed_samples: int
    other_lengths: HostEngine | None

    def predict(self, audio: NDArray[np.float32]) -> NDArray[np.float32]:
        """See `Engine.predict`."""
        samples = len(check_audio(audio))
        if samples != self.fixed_samples and self.other_lengths is not None:
            return self.other_lengths.predict(audio)
        if samples > self.fixed_samples:
            raise InputError(
                f"{self.artefact} takes at most {self.fixed_samples / SAMPLE_RATE:g} s of audio, "
                f"and this bundle has no {BACKBONE} for longer clips",
                "use the engine onnxruntime, or cut the audio",
            )
        (values,) = self.model.run(np.resize(audio, self.fixed_samples)[None]).values()
        return np.array(values[0], dtype=np.float32)


def load_hybrid(
    bundle: Bundle, engine: str, version: str, artefact: str, threads: int, kernels: Kernels
) -> HybridEngine:
    """A waveform TFLite file of a bundle, with the host route for other lengths.

    Raises:
        BundleRefused: not in it, or not what the manifest says.
    """
    start = time.perf_counter()
    content = bundle.read(artefact)
    info = bundle.manifest.models[artefact]
    if info.fixed_samples is None or info.inputs[0].shape != (1, info.fixed_samples):
        raise BundleRefused(f"the manifest gives {artefact} no fixed length of waveform")
    if info.outputs[0].shape != (1, 3):
        raise BundleRefused(f"the manifest gives {artefact} no output of shape (1, 3)")
    has_backbone = BACKBONE in bundle.manifest.models
    return HybridEngine(
        name=engine,
        version=version,
        artefact=artefact,
        kernels=kernels,
        model=TfliteModel(engine, artefact, content, info, threads, kernels),
        fixed_samples=info.fixed_samples,
        other_lengths=load_host(bundle, engine, version, threads, kernels)
        if has_backbone
        else None,
        load_seconds=time.perf_counter() - start,
    )
