"""The sound track: frames, levels, speech and noise of the last minute."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge_ser import SAMPLE_RATE
from edge_ser.stream.capture.level import FLOOR_DBFS, rms_dbfs
from edge_ser.stream.meaning.detector import FRAME_SAMPLES
from edge_ser.stream.meaning.track import KEPT_SECONDS, SNR_RANGE, SoundTrack


class LoudIsSpeech:
    """A detector whose answer is known: a frame is speech when its peak exceeds 0.1."""

    name = "loud"

    def __init__(self) -> None:
        self.heard: list[NDArray[np.float32]] = []
        self.resets = 0

    def probability(self, frame: NDArray[np.float32]) -> float:
        self.heard.append(frame.copy())
        return 0.9 if np.abs(frame).max() > 0.1 else 0.1

    def reset(self) -> None:
        self.resets += 1


def noise(seconds: float, rms: float, seed: int = 0) -> NDArray[np.float32]:
    signal = rms * np.random.default_rng(seed).standard_normal(round(seconds * SAMPLE_RATE))
    return signal.astype(np.float32)


def bursts(seconds: float) -> NDArray[np.float32]:
    """Half a second of tone at -9 dBFS, half a second of noise at -60, and so on."""
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    tone = 0.5 * np.sin(2 * np.pi * 220 * time) * (time % 1.0 < 0.5)
    return (tone + noise(seconds, 1e-3)).astype(np.float32)


def answers(track: SoundTrack, stretches: list[tuple[int, int]]) -> list[tuple[object, ...]]:
    return [
        (
            track.level_dbfs(*one),
            track.speech_share(*one),
            track.speech_probability(*one),
            track.snr_db(*one),
            track.level_spread_db(*one),
        )
        for one in stretches
    ]


@settings(max_examples=40, deadline=None)
@given(cuts=st.lists(st.integers(0, 48_000), max_size=40), gap=st.booleans())
def test_any_chunking_gives_the_same_frames_and_answers(cuts: list[int], gap: bool) -> None:
    signal = bursts(3.0)
    whole, cut = LoudIsSpeech(), LoudIsSpeech()
    first, second = SoundTrack(whole), SoundTrack(cut)
    if gap:
        for track in (first, second):
            track.feed(signal[:777])
            track.reset()
    first.feed(signal)
    edges = [0, *sorted(cuts), len(signal)]
    for a, b in itertools.pairwise(edges):
        second.feed(signal[a:b])
    assert np.array_equal(np.array(whole.heard), np.array(cut.heard))
    stretches = [(0, 48_000), (16_000, 32_000), (100, 5_000), (47_000, 48_000), (0, 10)]
    assert answers(first, stretches) == answers(second, stretches)
    assert first.speech == second.speech


def test_an_answer_does_not_depend_on_what_was_heard_since() -> None:
    signal = bursts(20.0)
    early, late = SoundTrack(LoudIsSpeech()), SoundTrack(LoudIsSpeech())
    early.feed(signal[: 8 * SAMPLE_RATE + 100])
    late.feed(signal)
    stretches = [(3 * SAMPLE_RATE, 8 * SAMPLE_RATE), (7 * SAMPLE_RATE + 5, 8 * SAMPLE_RATE)]
    assert answers(early, stretches) == answers(late, stretches)


def test_level_and_speech_share_and_snr_are_what_was_made() -> None:
    track = SoundTrack(LoudIsSpeech())
    signal = bursts(10.0)
    track.feed(signal)
    assert track.level_dbfs(0, len(signal)) == pytest.approx(rms_dbfs(signal), abs=0.05)
    assert track.speech_share(0, len(signal)) == pytest.approx(0.5, abs=0.04)
    # A sine of amplitude 0.5 has a power of 0.125, the noise 1e-6; edges of the bursts cost 0.2.
    assert track.snr_db(0, len(signal)) == pytest.approx(10 * math.log10(0.125 / 1e-6), abs=0.4)
    assert track.detector_name == "loud"


@pytest.mark.parametrize("snr", [0.0, 6.0, 12.0, 20.0])
def test_snr_follows_the_noise(snr: float) -> None:
    signal = bursts(10.0)
    loud = noise(10.0, math.sqrt(0.125) * 10 ** (-snr / 20), seed=1)

    class Known(LoudIsSpeech):
        """Bursts alternate every half second, whatever the noise."""

        def probability(self, frame: NDArray[np.float32]) -> float:
            self.heard.append(frame)
            return float((len(self.heard) * FRAME_SAMPLES / SAMPLE_RATE) % 1.0 < 0.5)

    track = SoundTrack(Known())
    track.feed(signal + loud)
    assert track.snr_db(0, len(signal)) == pytest.approx(snr, abs=1.5)


def test_without_pauses_the_quietest_frames_are_the_noise() -> None:
    track = SoundTrack(LoudIsSpeech())
    track.feed(noise(5.0, 0.2))
    share, snr = track.speech_share(0, 5 * SAMPLE_RATE), track.snr_db(0, 5 * SAMPLE_RATE)
    assert share == 1.0
    assert snr is not None and snr < 0


def test_without_a_detector_speech_is_unknown_and_the_rest_is_measured() -> None:
    track = SoundTrack(None)
    signal = bursts(6.0)
    track.feed(signal)
    assert track.speech is None and track.detector_name == ""
    assert track.speech_share(0, len(signal)) is None
    assert track.speech_probability(0, len(signal)) is None
    snr = track.snr_db(0, len(signal))
    assert snr is not None and snr > 40


def test_digital_silence_has_the_floor_and_no_speech() -> None:
    track = SoundTrack(LoudIsSpeech())
    track.feed(np.zeros(5 * SAMPLE_RATE, np.float32))
    assert track.level_dbfs(0, 5 * SAMPLE_RATE) == FLOOR_DBFS
    assert track.speech_share(0, 5 * SAMPLE_RATE) == 0.0
    assert track.snr_db(0, 5 * SAMPLE_RATE) is None


def test_a_constant_offset_is_no_noise() -> None:
    plain, shifted = SoundTrack(LoudIsSpeech()), SoundTrack(LoudIsSpeech())
    plain.feed(bursts(5.0))
    shifted.feed(bursts(5.0) + np.float32(0.05))
    window = (0, 5 * SAMPLE_RATE)
    assert shifted.snr_db(*window) == pytest.approx(plain.snr_db(*window), abs=0.5)


def test_a_gap_forgets_the_past_and_keeps_the_position() -> None:
    detector = LoudIsSpeech()
    track = SoundTrack(detector)
    track.feed(bursts(2.0)[:16_700])
    track.reset()
    assert detector.resets == 1 and track.speech is None
    assert track.level_dbfs(0, 16_700) == FLOOR_DBFS
    track.feed(np.full(FRAME_SAMPLES, 0.5, np.float32))
    assert track.level_dbfs(16_700, 16_700 + FRAME_SAMPLES) == pytest.approx(-6.02, abs=0.01)
    assert track.level_dbfs(0, 16_700 + FRAME_SAMPLES - 1) == FLOOR_DBFS


def test_memory_is_bounded_and_the_last_minute_is_kept() -> None:
    track = SoundTrack(None)
    for _ in range(100):
        track.feed(noise(1.0, 0.01))
    end = 100 * SAMPLE_RATE
    assert track.level_dbfs(0, 30 * SAMPLE_RATE) == FLOOR_DBFS
    kept = round((KEPT_SECONDS - 1) * SAMPLE_RATE)
    assert track.level_dbfs(end - kept, end - kept + SAMPLE_RATE) == pytest.approx(-40, abs=0.5)
    held = [value for value in vars(track).values() if isinstance(value, np.ndarray)]
    assert sum(array.nbytes for array in held) < 100_000


@settings(max_examples=60, deadline=None)
@given(
    samples=st.lists(
        st.floats(width=32, allow_nan=True, allow_infinity=True), min_size=1, max_size=8
    ),
    start=st.integers(-(2**40), 2**40),
    length=st.integers(-5, 2**41),
)
def test_hostile_samples_and_stretches_give_finite_answers(
    samples: list[float], start: int, length: int
) -> None:
    track = SoundTrack(LoudIsSpeech())
    track.feed(np.resize(np.array(samples, np.float32), 4 * FRAME_SAMPLES))
    for value in answers(track, [(start, start + length), (0, 2048)]):
        assert all(part is None or np.isfinite(part) for part in value)  # type: ignore[call-overload]
    share, snr = track.speech_share(0, 2048), track.snr_db(0, 2048)
    assert share is not None and 0 <= share <= 1
    assert snr is None or SNR_RANGE[0] <= snr <= SNR_RANGE[1]
