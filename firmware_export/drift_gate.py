"""The drift gate at export: every artefact against the float checkpoint, on the same clips.

The measurement and its report are `edge_ser.drift`'s; here is only what an export measures
on, and that it fails.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edge_ser.audio.corpus import Clip
from edge_ser.bundle import Bundle
from edge_ser.drift import clips as drift_clips
from edge_ser.drift.assemble import Scope, build_report
from edge_ser.drift.chain import build_chain
from edge_ser.drift.gate import CLIPS_FOR_CCC
from edge_ser.drift.measure import ClipSet, DriftClip
from edge_ser.drift.report import DriftReport
from edge_ser.errors import GateFailed, InputError
from edge_ser.runtime.host import BACKBONE
from firmware_export.probes import probe_clips

_PERTURBATION_CLIPS = 8
_LAYER_CLIPS = 6
"""Enough to name the costly layer; `edge-ser drift` measures both on more."""


def real_clips(audio: Sequence[Path], limit: int) -> tuple[Clip, ...]:
    """The clips of the folders; none where no folder is given.

    Args:
        audio: folders of real clips; may be empty.
        limit: at most this many.

    Raises:
        InputError: folders without enough clips for the gate on CCC.
    """
    if not audio:
        return ()
    files = drift_clips.find_files(audio, limit)
    if len(files) < CLIPS_FOR_CCC:
        raise InputError(
            f"the drift gate needs {CLIPS_FOR_CCC} real clips, {len(files)} were found or allowed",
            "give more folders with --audio, raise --audio-clips, or leave --audio out",
        )
    return files


def measure_drift(
    bundle: Bundle, checkpoint: Path, files: tuple[Clip, ...], progress: bool
) -> DriftReport:
    """Float torch, then every artefact, on the real clips where there are some, else on probes.

    Args:
        bundle: the new one, open.
        checkpoint: the float reference.
        files: from `real_clips`.
        progress: show bars.
    """
    clips, corpora, notes = _clips(bundle, files)
    scope = Scope(
        perturbation_clips=_PERTURBATION_CLIPS, layer_clips=_LAYER_CLIPS, progress=progress
    )
    chain = build_chain(bundle, checkpoint=checkpoint)
    return build_report(bundle, chain, clips, corpora, scope, notes=notes)


def require_pass(report: DriftReport) -> None:
    """Raise unless the gate was passed.

    Raises:
        GateFailed: with every limit that was missed.
    """
    if not report.verdict.passed:
        raise GateFailed(
            "the drift gate failed: " + "; ".join(report.verdict.failures),
            "calibrate on audio nearer to yours (--calibration-audio DIR), or train longer; "
            "--keep-failed writes the bundle all the same, marked as failed",
        )


def one_sentence(report: DriftReport) -> str:
    """The worst figures over the exported files, and what they were measured on."""
    compared = report.result.against_reference()
    steps = [compared[step] for step in report.verdict.judged]
    figures = f"MAE {max(s.mae for s in steps):.4f}, max {max(s.max for s in steps):.4f}"
    if report.verdict.ccc_judged:
        figures += f", CCC {min(s.lowest_ccc for s in steps):.4f} in the worst dimension"
    return f"{figures} ({len(report.result.clips)} clips: {'; '.join(report.corpora)})"


def summary(report: DriftReport) -> dict[str, Any]:
    """For the manifest."""
    return {**report.summary(), "measured_on": list(report.corpora)}


def _clips(
    bundle: Bundle, files: tuple[Clip, ...]
) -> tuple[ClipSet, tuple[str, ...], tuple[str, ...]]:
    if not files:
        window = None if BACKBONE in bundle.manifest.models else drift_clips.fixed_window(bundle)
        probes = [
            DriftClip(f"probe/{name}", clip if window is None else np.resize(clip, window))
            for name, clip in probe_clips().items()
        ]
        line = f"{len(probes)} probe clips synthesised by edge-ser"
        return probes, (line,), drift_clips.length_notes(window, bundle)
    window = drift_clips.fixed_window(bundle)
    clips = drift_clips.FileClips(files, window)
    return clips, drift_clips.describe(files), drift_clips.length_notes(window, bundle)
