"""The steps that can be run here, from the teacher to the file on the device.

A workstation has them all; a device lacks torch, perhaps ONNX Runtime. What is missing is
left out by name and reason, never silently.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edge_ser.bundle import Bundle
from edge_ser.drift.measure import Predictor, Source
from edge_ser.drift.report import StepInfo
from edge_ser.errors import EnvironmentMissing, InputError
from edge_ser.runtime import available_engines, load_engine

if TYPE_CHECKING:
    from edge_ser.labelling.store import TeacherIdentity

TEACHER = "teacher"
FLOAT_TORCH = "float torch"
FLOAT_ONNX = "float ONNX"
FLOAT_ARTEFACT = "model.float.onnx"
HYBRID_ARTEFACT = "model.int8.tflite"

_ONNX_STEPS = ((FLOAT_ONNX, FLOAT_ARTEFACT), ("int8 ONNX", "model.int8.onnx"))
_TFLITE_STEPS = (("int8 TFLite", HYBRID_ARTEFACT), ("backbone + host", "backbone.int8.tflite"))
_TFLITE_ENGINES = ("litert", "tflite-runtime")


@dataclass(frozen=True)
class Step:
    """One step: what it is, and how to get its values."""

    info: StepInfo
    source: Source


@dataclass(frozen=True)
class PredictingStep(Step):
    """A step that can predict any audio."""

    source: Predictor


@dataclass(frozen=True)
class Chain:
    """Steps in order, the float one they are held against, and what is absent.

    Attributes:
        steps: in the order of the chain.
        reference: name of the float reference.
        notes: one sentence for each step that cannot be run here.
    """

    steps: tuple[Step, ...]
    reference: str
    notes: tuple[str, ...]

    @property
    def sources(self) -> dict[str, Source]:
        """Step name -> source, in order."""
        return {step.info.name: step.source for step in self.steps}

    @property
    def student_predictors(self) -> dict[str, Predictor]:
        """The steps of the student that can predict any audio; no teacher, no tables."""
        return {
            step.info.name: step.source
            for step in self.steps
            if step.info.name != TEACHER and not isinstance(step.source, Mapping)
        }


def build_chain(
    bundle: Bundle,
    teacher: Step | None = None,
    checkpoint: Path | None = None,
    golden: Mapping[str, ArrayLike] | None = None,
    threads: int = 1,
) -> Chain:
    """Every step that can be run here.

    Args:
        bundle: open.
        teacher: first step, if any.
        checkpoint: float weights of the bundle's student, if at hand.
        golden: float values by clip name, which stand in where no float model can be run.
        threads: of each runtime.

    Raises:
        EnvironmentMissing: no float reference, or no int8 engine.
        InputError: the checkpoint is not the bundle's.
    """
    notes: list[str] = []
    steps = [teacher] if teacher else []
    if checkpoint is not None:
        steps += _optional(FLOAT_TORCH, lambda: torch_step(bundle, checkpoint, threads), notes)
    else:
        notes.append(f"{FLOAT_TORCH}: left out, the checkpoint is not here (--checkpoint FILE)")
    for name, artefact in _ONNX_STEPS:
        steps += _optional(name, _loader(bundle, name, artefact, "onnxruntime", threads), notes)
    steps += _tflite_steps(bundle, threads, notes)
    names = [step.info.name for step in steps]
    if golden and FLOAT_TORCH not in names and FLOAT_ONNX not in names:
        steps.insert(1 if teacher else 0, golden_step(bundle, golden))
        names = [step.info.name for step in steps]
    reference = next((name for name in (FLOAT_TORCH, FLOAT_ONNX) if name in names), None)
    if reference is None:
        raise EnvironmentMissing(
            "there is no float reference to compare with: " + "; ".join(notes),
            "pip install 'edge-ser[onnx]', or leave out --audio to compare with the float values "
            "of the bundle's golden clips",
        )
    return Chain(tuple(steps), reference, tuple(notes))


def teacher_step(name: str) -> Step:
    """A teacher that is run on the very audio the student gets.

    Raises:
        EnvironmentMissing: torch, or the shipped teacher, is not installed.
        InputError: no such teacher.
    """
    try:
        from edge_ser.teachers import load_teacher

        teacher = load_teacher(name)
    except ImportError as error:
        raise EnvironmentMissing(
            f"running a teacher needs torch: {error}", "pip install 'edge-ser[train]'"
        ) from error
    info = StepInfo(TEACHER, teacher.id, "torch", teacher.weights_sha256)
    return Step(info, teacher.predict)


def label_step(values: Mapping[str, ArrayLike], teacher: TeacherIdentity) -> Step:
    """A teacher's values from a label store, by clip name."""
    return Step(StepInfo(TEACHER, teacher.id, "stored labels", teacher.weights_sha256), values)


def teacher_notes(bundle: Bundle, step: Step) -> tuple[str, ...]:
    """Says so when the teacher measured is not the one that taught the bundle's student."""
    own = bundle.manifest.teacher
    if step.info.sha256 == own.weights_sha256:
        return ()
    return (
        f"the teacher measured here ({step.info.artefact}, SHA-256 {step.info.sha256[:12]}) is "
        f"not the one that taught this student ({own.id}, SHA-256 {own.weights_sha256[:12]})",
    )


def torch_step(bundle: Bundle, checkpoint: Path, threads: int) -> PredictingStep:
    """The student in torch, in float32.

    Raises:
        InputError: another checkpoint than the bundle was exported from.
        EnvironmentMissing: torch is not installed.
    """
    try:
        import torch

        from edge_ser.checkpoint import load_student
    except ImportError as error:
        raise EnvironmentMissing(
            "torch is not installed", "pip install 'edge-ser[train]'"
        ) from error
    student, card = load_student(checkpoint)
    expected = bundle.manifest.student.checkpoint_sha256
    if card["weights_sha256"] != expected:
        raise InputError(
            f"{checkpoint} is not the checkpoint of this bundle: SHA-256 "
            f"{card['weights_sha256'][:12]}..., not {expected[:12]}...",
            "name the checkpoint that the bundle was exported from, or leave --checkpoint out",
        )
    torch.set_num_threads(threads)

    def predict(audio: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.inference_mode():
            values: NDArray[np.float32] = student(torch.from_numpy(audio)[None])[0].numpy()
        return values

    info = StepInfo(FLOAT_TORCH, checkpoint.name, f"torch {torch.__version__}", expected)
    return PredictingStep(info, predict)


def golden_step(bundle: Bundle, values: Mapping[str, ArrayLike]) -> Step:
    """Float values that the exporter computed and stored in the manifest."""
    digest = bundle.manifest.files[FLOAT_ARTEFACT].sha256
    return Step(StepInfo(FLOAT_ONNX, FLOAT_ARTEFACT, "golden values of the bundle", digest), values)


def engine_step(bundle: Bundle, name: str, artefact: str, engine: str, threads: int) -> Step:
    """One artefact on one runtime.

    Raises:
        EnvironmentMissing: the runtime is not installed, or the bundle has no such file.
        BundleRefused: the file does not load.
    """
    if artefact not in bundle.manifest.models:
        raise EnvironmentMissing(f"the bundle has no {artefact}")
    loaded = load_engine(bundle, engine, artefact, threads)
    digest = bundle.manifest.files[artefact].sha256
    return Step(StepInfo(name, artefact, f"{loaded.name} {loaded.version}", digest), loaded.predict)


def shipped_checkpoint(bundle: Bundle) -> Path | None:
    """The checkpoint in this installation, if the bundle was exported from it."""
    from edge_ser.checkpoint import sha256_of
    from edge_ser.models import shipped

    try:
        path = shipped(f"{bundle.manifest.student.name}.safetensors")
    except EnvironmentMissing:
        return None
    matches = sha256_of(path) == bundle.manifest.student.checkpoint_sha256
    return path if matches else None


def _tflite_steps(bundle: Bundle, threads: int, notes: list[str]) -> list[Step]:
    usable = [name for name in _TFLITE_ENGINES if available_engines()[name].available]
    if not usable:
        status = available_engines()[_TFLITE_ENGINES[0]]
        notes.append(f"int8 TFLite and backbone + host: left out, {status.reason} ({status.hint})")
    steps: list[Step] = []
    for engine in usable:
        suffix = f" ({engine})" if len(usable) > 1 else ""
        for name, artefact in _TFLITE_STEPS:
            full = name + suffix
            steps += _optional(full, _loader(bundle, full, artefact, engine, threads), notes)
    return steps


def _loader(
    bundle: Bundle, name: str, artefact: str, engine: str, threads: int
) -> Callable[[], Step]:
    return lambda: engine_step(bundle, name, artefact, engine, threads)


def _optional(name: str, load: Callable[[], Step], notes: list[str]) -> list[Step]:
    """The step, or nothing and a note when its runtime or file is not here."""
    try:
        return [load()]
    except EnvironmentMissing as error:
        hint = f" ({error.hint})" if error.hint else ""
        notes.append(f"{name}: left out, {error}{hint}")
    return []
