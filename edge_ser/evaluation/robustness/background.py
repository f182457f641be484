"""Background noise: talkers, places, music and white noise at 20 dB SNR, coughs at 10 dB.

As in the public suite, the ratio is of powers over the whole clip, a short cough thus louder
while it lasts; afterwards the mixture gets the clip's level, without clipping.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from edge_ser.confidence.music import music
from edge_ser.evaluation.robustness.levels import add_at_snr, at_level_of
from edge_ser.evaluation.robustness.perturbation import (
    BACKGROUND,
    Change,
    Perturbation,
    Signal,
)
from edge_ser.evaluation.robustness.sources import Sources, event, excerpt

SNR_DB = 20.0
EVENT_SNR_DB = 10.0
TALKERS = (4, 7)
TALKER_GAINS_DB = (-20, -13)


def background_noises(sources: Sources) -> tuple[Perturbation, ...]:
    """The six rows; those without recordings say so in `missing`."""
    music_kind = "recorded" if sources.music else "synthetic"
    return (
        _at_20_db("babble", "4 to 7 talkers", partial(babble, files=sources.speech),
                  _missing(sources.speech, "speech of other people")),
        _once("coughing", "a cough", sources.coughs),
        _at_20_db("environment", "a recorded noise", partial(_excerpt, files=sources.environment),
                  _missing(sources.environment, "noises")),
        _at_20_db("music", f"{music_kind} music", _music(sources)),
        _once("sneezing", "a sneeze", sources.sneezes),
        _at_20_db("white noise 20 dB", "white noise", _white),
    )  # fmt: skip


def _at_20_db(name: str, what: str, noise: Change, missing: str = "") -> Perturbation:
    change = partial(_with_noise, noise=noise, snr_db=SNR_DB)
    return Perturbation(name, BACKGROUND, f"{what} at 20 dB SNR", change, missing=missing)


def _once(name: str, what: str, files: tuple[Path, ...]) -> Perturbation:
    return Perturbation(
        name,
        BACKGROUND,
        f"{what} somewhere in the clip, at 10 dB SNR",
        partial(_with_noise, noise=partial(once, files=files), snr_db=EVENT_SNR_DB),
        missing=_missing(files, name),
    )


def _missing(files: tuple[Path, ...], what: str) -> str:
    return "" if files else f"no recordings of {what} were given"


def _with_noise(signal: Signal, random: Generator, noise: Change, snr_db: float) -> Signal:
    return at_level_of(signal, add_at_snr(signal, noise(signal, random), snr_db))


def babble(signal: Signal, random: Generator, files: tuple[Path, ...]) -> Signal:
    """Excerpts of 4 to 7 files, each up to 7 dB softer than another; all that is mixed in."""
    talkers = int(random.integers(TALKERS[0], TALKERS[1] + 1))
    mixture = np.zeros(len(signal))
    for _ in range(talkers):
        gain_db = int(random.integers(TALKER_GAINS_DB[0], TALKER_GAINS_DB[1] + 1))
        mixture += 10 ** (gain_db / 20) * excerpt(files, len(signal), random)
    return mixture.astype(np.float32)


def once(signal: Signal, random: Generator, files: tuple[Path, ...]) -> Signal:
    """One event that begins anywhere in the clip, cut at its end; silence around it."""
    sound = event(files, random)
    start = int(random.integers(len(signal)))
    track = np.zeros_like(signal)
    heard = sound[: len(signal) - start]
    track[start : start + len(heard)] = heard
    return track


def _excerpt(signal: Signal, random: Generator, files: tuple[Path, ...]) -> Signal:
    return excerpt(files, len(signal), random)


def _music(sources: Sources) -> Change:
    return partial(_excerpt, files=sources.music) if sources.music else _synthetic_music


def _synthetic_music(signal: Signal, random: Generator) -> Signal:
    return music(len(signal), random)


def _white(signal: Signal, random: Generator) -> NDArray[np.float32]:
    return random.standard_normal(len(signal)).astype(np.float32)
