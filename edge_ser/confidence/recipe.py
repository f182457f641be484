"""`edge-ser confidence` from material to parameters: scenes, readings, study, fit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from edge_ser import SAMPLE_RATE, __version__
from edge_ser.audio.attribution import attributions
from edge_ser.audio.corpus import licence_of, read_corpus
from edge_ser.bundle import open_bundle
from edge_ser.bundle.manifest import StudentInfo
from edge_ser.confidence import study
from edge_ser.confidence.detection import Detection, Listening
from edge_ser.confidence.fitting import confidences, fit
from edge_ser.confidence.material import (
    FOLDS,
    Fold,
    deal,
    load_noises,
    load_speech,
    scene_generator,
)
from edge_ser.confidence.rows import Row, Rows, readings
from edge_ser.models import shipped
from edge_ser.runtime.incremental import IncrementalEngine, load_incremental
from edge_ser.stream.meaning.confidence import SCHEMA, ConfidenceParameters
from edge_ser.stream.meaning.detector import load_detector
from edge_ser.stream.meaning.evidence import FEATURES, SOUND, VALUES
from edge_ser.teachers import Teacher, load_teacher

_CONFIRMATION = 1_000_000
"""First scene number of the confirming corpus: no scene of the fit has it."""


@dataclass(frozen=True)
class Recipe:
    """What the user asked for.

    Attributes:
        bundle: of the student; None is the one inside the package.
        audio: folders of speech whose speakers are known.
        noise: folder of backgrounds; None uses synthetic ones only.
        confirm: folder of speech that is judged once and never fitted to.
        teacher: "default", or a teacher's `.safetensors`.
        engine: that reads; None takes the first one that is installed.
        scenes: to make.
        tolerance: a value this close to the teacher's counts as right.
        min_speech, min_confidence: settings of the stream that the tables describe.
        seed: of everything random.
    """

    bundle: Path | None
    audio: tuple[Path, ...]
    noise: Path | None
    confirm: Path | None = None
    teacher: str = "default"
    engine: str | None = None
    scenes: int = 1600
    tolerance: float = 0.1
    min_speech: float = 0.3
    min_confidence: float = 0.4
    seed: int = 0


@dataclass(frozen=True)
class Result:
    """What came of it.

    Attributes:
        parameters: for the bundle.
        report: figures, ready for JSON.
    """

    parameters: ConfidenceParameters
    report: dict[str, Any]


def run(recipe: Recipe, say: Callable[[str], None] = lambda line: None) -> Result:
    """Make the scenes, judge the candidates, fit the chosen one to everything.

    Args:
        recipe: see there.
        say: told what is going on.

    Raises:
        InputError: audio that cannot be used.
        EnvironmentMissing: no runtime, or no detector.
        BundleRefused: the bundle is damaged.
    """
    teacher = load_teacher(recipe.teacher)
    random = np.random.default_rng(recipe.seed)
    student, engine = _engine(recipe)
    detector = load_detector("on")
    assert detector is not None
    listening = Listening(detector)
    noises = load_noises(recipe.noise)
    kept = [noises.pop(index) for index in range(len(noises) - 1, -1, -(FOLDS + 1))]
    folds = deal(load_speech(recipe.audio, teacher, random), noises, FOLDS, random)
    rows, detection = _read(recipe, folds, recipe.scenes, 0, engine, listening, "scenes")
    say(f"{len(rows)} readings; fitting {len(study.CANDIDATES)} candidates to {FOLDS} folds")
    right = rows.right(recipe.tolerance)
    parameters = ConfidenceParameters(
        schema=SCHEMA,
        student=student.name,
        checkpoint_sha256=student.checkpoint_sha256,
        tolerance=recipe.tolerance,
        detector=detector.name,
        with_detector=fit(rows.known, right, FEATURES),
        without_detector=fit(rows.alone, right, (*SOUND, *VALUES)),
        provenance=_provenance(recipe, teacher, engine, len(rows)),
    )
    report = _report(recipe, parameters, rows) | {"detection": detection.rates()}
    if recipe.confirm is not None:
        (fold,) = deal(load_speech([recipe.confirm], teacher, random), [], 1, random)
        unseen, _ = _read(
            recipe,
            [Fold(fold.sounds, kept)],
            recipe.scenes // 2,
            _CONFIRMATION,
            engine,
            listening,
            "confirming",
        )
        report["confirmation"] = _confirmation(recipe, recipe.confirm, parameters, unseen)
    return Result(parameters, report)


def _engine(recipe: Recipe) -> tuple[StudentInfo, IncrementalEngine]:
    with open_bundle(recipe.bundle or shipped("bundle")) as bundle:
        manifest = bundle.manifest
        engine = load_incremental(
            bundle,
            recipe.engine,
            window_seconds=manifest.window_seconds,
            hop_seconds=manifest.hop_seconds,
        )
        return manifest.student, engine


def _report(recipe: Recipe, parameters: ConfidenceParameters, rows: Rows) -> dict[str, Any]:
    """Figures of readings that the judging fit has not seen."""
    tolerance = recipe.tolerance
    found = study.candidates(rows, tolerance)
    chosen, alone = found[study.CHOSEN], found[study.ALONE]
    corpora = [str(corpus) for corpus in np.unique(rows.corpus) if corpus]
    return {
        "provenance": parameters.provenance,
        "student": parameters.student,
        "checkpoint_sha256": parameters.checkpoint_sha256,
        "detector": parameters.detector,
        "tolerance": tolerance,
        "settings": {"min_speech": recipe.min_speech, "min_confidence": recipe.min_confidence},
        "scenes": recipe.scenes,
        "readings": len(rows),
        "candidates": study.compare(rows, found, tolerance),
        "held_out": study.judge(rows, chosen, tolerance),
        "held_out_by_corpus": {
            corpus: study.judge(
                rows.where(rows.corpus == corpus), chosen[rows.corpus == corpus], tolerance
            )
            for corpus in corpora
        },
        "held_out_without_detector": study.judge(rows, alone, tolerance),
        "min_speech": study.by_min_speech(rows),
        "min_confidence": study.by_min_confidence(rows, chosen, tolerance, recipe.min_speech),
        "kinds": study.by_kind(rows, chosen, recipe.min_speech, recipe.min_confidence),
    }


def _confirmation(
    recipe: Recipe, folder: Path, parameters: ConfidenceParameters, unseen: Rows
) -> dict[str, Any]:
    """What the finished parameters are worth on speech that had no part in them."""
    sure = confidences(parameters.with_detector, unseen.known)
    return {
        "corpus": licence_of(folder),
        "readings": len(unseen),
        "judged": study.judge(unseen, sure, recipe.tolerance),
        "min_confidence": study.by_min_confidence(
            unseen, sure, recipe.tolerance, recipe.min_speech
        ),
    }


def _read(
    recipe: Recipe,
    folds: list[Fold],
    count: int,
    first: int,
    engine: IncrementalEngine,
    listening: Listening,
    what: str,
) -> tuple[Rows, Detection]:
    """Readings of `count` scenes, taken from the folds in turn."""
    detection = Detection()
    rows: list[Row] = []
    for number in tqdm(range(first, first + count), desc=what, unit="scene", disable=None):
        random = scene_generator(recipe.seed, number)
        fold = number % len(folds)
        scene = folds[fold].scene(random)
        rows += readings(scene, number, fold, engine, listening, random)
        detection.count(scene, listening.said)
    return Rows.of(rows), detection


def _provenance(
    recipe: Recipe, teacher: Teacher, engine: IncrementalEngine, count: int
) -> dict[str, Any]:
    data = [{**licence_of(folder), "use": "speech"} for folder in recipe.audio]
    credits: list[str] = []
    if recipe.noise is not None:
        data.append({**licence_of(recipe.noise), "use": "background noise"})
        credits = attributions(read_corpus(recipe.noise))
    return {
        "edge_ser": __version__,
        "teacher": {
            "id": teacher.id,
            "licence": teacher.licence,
            "weights_sha256": teacher.weights_sha256,
        },
        "data": data,
        "attribution": credits,
        "engine": f"{engine.name} {engine.version}",
        "artefact": engine.artefact,
        "window_seconds": engine.window_samples / SAMPLE_RATE,
        "hop_seconds": engine.hop_samples / SAMPLE_RATE,
        "scenes": recipe.scenes,
        "readings": count,
        "seed": recipe.seed,
    }
