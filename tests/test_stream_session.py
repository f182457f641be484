"""The loop: equality with offline prediction, skipping, limits, errors, recording, files."""

from __future__ import annotations

import logging
import threading
import tracemalloc
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import pytest
import soundfile
from conftest import synthetic_speech
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from stream_fixtures import INFO, FakeEngine, KeepingSink, window_analyser

from edge_ser.audio.files import read_audio
from edge_ser.errors import AudioDeviceError, InputError
from edge_ser.stream.analysis.inference import NewestFirstInference
from edge_ser.stream.analysis.window_analyser import WindowAnalyser
from edge_ser.stream.analysis.windows import Window, WindowScheduler
from edge_ser.stream.capture.counters import CaptureCounters
from edge_ser.stream.capture.file_source import AudioFile
from edge_ser.stream.meaning.interpret import Interpreter
from edge_ser.stream.meaning.rules import Rule
from edge_ser.stream.meaning.track import SoundTrack
from edge_ser.stream.options import RuleOptions
from edge_ser.stream.reading import Reading, Summary
from edge_ser.stream.recorder import Recorder
from edge_ser.stream.session import Session


def everything() -> Interpreter:
    """No detector, no confidence: every window is read."""
    return Interpreter(SoundTrack(None))


def analyse(
    path: Path, window: float = 5.0, hop: float = 0.5, seconds: float | None = None
) -> tuple[KeepingSink, Summary]:
    """Stream a file through the fake model."""
    sink = KeepingSink()
    session = Session(
        AudioFile(path), window_analyser(window, hop), everything(), [sink], INFO, seconds=seconds
    )
    return sink, session.run()


@pytest.mark.parametrize(("rate", "channels"), [(16_000, 1), (44_100, 2), (8_000, 1)])
def test_each_reading_is_the_offline_prediction_of_its_samples(
    tmp_path: Path, rate: int, channels: int
) -> None:
    speech = np.repeat(synthetic_speech(5.6 * rate / 16_000)[:, None], channels, axis=1)
    speech[:, 0] *= 0.5
    path = tmp_path / "speech.wav"
    soundfile.write(path, speech, rate)
    offline = read_audio(path)
    sink, summary = analyse(path)
    assert summary.windows == len(sink.readings) == 11
    assert sink.readings[-1].end_sample == len(offline)
    for reading in sink.readings:
        expected = FakeEngine().predict(offline[reading.start_sample : reading.end_sample])
        assert [reading.arousal, reading.dominance, reading.valence] == expected.tolist()
        assert reading.t == reading.end_sample / 16_000
    assert summary.skipped == summary.dropped == summary.overflows == 0


def test_duration_ends_on_the_sample(tmp_path: Path) -> None:
    path = tmp_path / "speech.wav"
    soundfile.write(path, synthetic_speech(4.0), 16_000)
    sink, summary = analyse(path, seconds=2.2)
    assert [reading.t for reading in sink.readings] == [1.0, 1.5, 2.0, 2.2]
    assert summary.seconds == 2.2
    assert summary.partial == 4


def test_a_file_between_half_a_second_and_a_second_gives_one_reading(tmp_path: Path) -> None:
    path = tmp_path / "short.wav"
    soundfile.write(path, synthetic_speech(0.6), 16_000)
    sink, _ = analyse(path)
    assert [(r.start_sample, r.end_sample, r.partial) for r in sink.readings] == [(0, 9_600, True)]


def test_a_file_that_is_too_short_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "short.wav"
    soundfile.write(path, synthetic_speech(0.3), 16_000)
    with pytest.raises(InputError, match=r"0\.30 s"):
        analyse(path)


def test_level_and_clipping_are_reported(tmp_path: Path) -> None:
    path = tmp_path / "square.wav"
    soundfile.write(path, np.ones(16_000, dtype=np.float32), 16_000, subtype="PCM_16")
    sink, summary = analyse(path)
    assert sink.readings[0].level_dbfs == pytest.approx(0.0, abs=0.001)
    assert summary.clipped == 16_000


@pytest.mark.parametrize("content", [b"", b"RIFF\x00\x00", b"no audio at all" * 100])
def test_files_that_are_not_audio_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.wav"
    path.write_bytes(content)
    with pytest.raises(InputError, match="cannot be read as audio") as refusal:
        AudioFile(path)
    assert "supported" in refusal.value.hint


@settings(max_examples=40, deadline=None)
@given(content=st.binary(max_size=200), keep=st.integers(0, 200))
def test_damaged_files_are_refused_or_read_but_never_crash(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, keep: int
) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    soundfile.write(folder / "good.wav", synthetic_speech(1.0), 16_000)
    good = (folder / "good.wav").read_bytes()
    (folder / "bad.wav").write_bytes(good[:keep] + content + good[keep + len(content) :])
    try:
        sink, _ = analyse(folder / "bad.wav")
    except InputError:
        return
    assert all(np.isfinite(reading.arousal or 0.0) for reading in sink.readings)


def test_empty_missing_and_not_finite_files_are_refused(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "empty.wav", np.zeros(0), 16_000)
    with pytest.raises(InputError, match="no samples"):
        AudioFile(tmp_path / "empty.wav")
    with pytest.raises(InputError, match="no audio file"):
        AudioFile(tmp_path / "missing.wav")
    with pytest.raises(InputError, match="no audio file"):
        AudioFile(tmp_path)
    broken = np.full(16_000, np.nan, dtype=np.float32)
    soundfile.write(tmp_path / "nan.wav", broken, 16_000, subtype="FLOAT")
    with pytest.raises(InputError, match="not finite"):
        analyse(tmp_path / "nan.wav")


def test_a_long_file_is_read_in_bounded_memory(tmp_path: Path) -> None:
    """Five minutes are 19 MB as float32; the loop holds a window or two."""
    path = tmp_path / "long.flac"
    with soundfile.SoundFile(path, "w", samplerate=16_000, channels=1) as file:
        for second in range(300):
            file.write(np.full(16_000, second / 1_000, dtype=np.float32))
    tracemalloc.start()
    try:
        _, summary = analyse(path, hop=5.0)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert summary.windows == 60
    assert peak < 4_000_000


def test_realtime_pacing_follows_the_clock(tmp_path: Path) -> None:
    path = tmp_path / "speech.wav"
    soundfile.write(path, synthetic_speech(1.0), 16_000)
    now = 100.0
    with AudioFile(path, realtime=True, clock=lambda: now) as source:
        first = source.read()
        assert source.live and first is not None and len(first) == 0
        now = 100.15
        block = source.read()
        assert block is not None and len(block) == 1_600
        again = source.read()
        assert again is not None and len(again) == 0


class LiveBlocks:
    """A live source of prepared blocks; an exception among them is raised."""

    label = "blocks"
    rate = 16_000.0
    live = True
    connected = True

    def __init__(self, blocks: list[NDArray[np.float32] | Exception | None]) -> None:
        self.counters = CaptureCounters()
        self.closed = False
        self._blocks = iter(blocks)

    def read(self) -> NDArray[np.float32] | None:
        """The next block."""
        block = next(self._blocks)
        if isinstance(block, Exception):
            raise block
        return block

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.closed = True


def test_a_slow_model_skips_to_the_newest_window() -> None:
    """While the first window is being computed four more arrive: three are skipped."""
    begun, may_go_on = threading.Event(), threading.Event()

    def wait() -> None:
        begun.set()
        assert may_go_on.wait(10)

    inference = NewestFirstInference(FakeEngine(before=wait))
    inference.submit(window_ending_at(16_000))
    assert begun.wait(10)
    for end in (24_000, 32_000, 40_000, 48_000):
        inference.submit(window_ending_at(end))
    assert inference.collect() == []
    may_go_on.set()
    assert [scored.window.end for scored in inference.finish()] == [16_000, 48_000]
    assert inference.skipped == 3
    assert inference.finish() == []


def window_ending_at(end: int) -> Window:
    """A window of ones."""
    return Window(0, end, np.ones(end, dtype=np.float32), True)


class ReleasingAtTheEnd(LiveBlocks):
    """Counts the blocks that were taken, and sets an event when there are no more."""

    def __init__(self, blocks: list[NDArray[np.float32] | Exception | None]) -> None:
        super().__init__(blocks)
        self.taken = 0
        self.ended = threading.Event()

    def read(self) -> NDArray[np.float32] | None:
        """The next block."""
        block = super().read()
        if block is None:
            self.ended.set()
        else:
            self.taken += 1
        return block


def test_capture_goes_on_while_the_model_is_stuck() -> None:
    """The model returns only once all audio has been taken in."""
    source = ReleasingAtTheEnd([np.ones(8_000, dtype=np.float32)] * 20 + [None])
    released: list[bool] = []
    engine = FakeEngine(before=lambda: released.append(source.ended.wait(10)))
    sink = KeepingSink()
    analyser = WindowAnalyser(WindowScheduler(5.0, 0.5), NewestFirstInference(engine))
    summary = Session(source, analyser, everything(), [sink], INFO).run()
    assert released and all(released)
    assert source.taken == 20
    assert summary.seconds == 10.0
    assert summary.windows + summary.skipped == 19
    assert sink.readings[-1].end_sample == 160_000


def test_a_failing_model_ends_the_stream_with_its_error() -> None:
    def fail() -> None:
        raise InputError("the model refuses")

    silence = np.zeros(8_000, dtype=np.float32)
    source, sink = LiveBlocks([silence] * 4 + [None]), KeepingSink()
    inference = NewestFirstInference(FakeEngine(before=fail))
    analyser = WindowAnalyser(WindowScheduler(1.0, 0.5), inference)
    session = Session(source, analyser, everything(), [sink], INFO)
    with pytest.raises(InputError, match="the model refuses"):
        session.run()
    assert source.closed
    assert len(sink.summaries) == 1
    assert "inference" not in {thread.name for thread in threading.enumerate()}


def test_a_vanishing_device_still_closes_everything() -> None:
    gone = AudioDeviceError("the microphone stopped delivering audio")
    source, sink = LiveBlocks([np.zeros(32_000, dtype=np.float32), gone]), KeepingSink()
    session = Session(source, window_analyser(1.0, 0.5), everything(), [sink], INFO)
    with pytest.raises(AudioDeviceError, match="stopped delivering"):
        session.run()
    assert source.closed
    assert sink.summaries[0].seconds == 2.0
    assert "inference" not in {thread.name for thread in threading.enumerate()}


def test_a_stop_request_ends_without_an_error_even_before_the_first_window() -> None:
    source, sink = LiveBlocks([np.zeros(10, dtype=np.float32)] * 100), KeepingSink()
    polls = iter([False] * 5)
    session = Session(
        source,
        window_analyser(1.0, 0.5),
        everything(),
        [sink],
        INFO,
        stopped=lambda: next(polls, True),
    )
    assert session.run().windows == 0
    assert source.closed


class Interrupted(LiveBlocks):
    """Vanishes after its second block, comes back with the fourth."""

    def __init__(self, blocks: list[NDArray[np.float32] | Exception | None]) -> None:
        super().__init__(blocks)
        self.reads = 0

    @property
    def connected(self) -> bool:  # type: ignore[override]
        """Away between two blocks."""
        return self.reads != 3

    def read(self) -> NDArray[np.float32] | None:
        """The next block."""
        self.reads += 1
        if self.reads == 4:
            self.counters.reconnects = self.counters.gaps = 1
        return super().read()


def test_no_window_reaches_across_an_interruption(caplog: pytest.LogCaptureFixture) -> None:
    second = np.ones(16_000, dtype=np.float32)
    nothing = np.zeros(0, dtype=np.float32)
    source, sink = Interrupted([second, second, nothing, second, second, None]), KeepingSink()
    with caplog.at_level(logging.INFO, logger="edge_ser"):
        summary = Session(source, window_analyser(5.0, 0.5), everything(), [sink], INFO).run()
    spans = [(r.start_sample, r.end_sample, r.reconnects) for r in sink.readings]
    before = [(0, end, 0) for end in (16_000, 24_000, 32_000)]
    after = [(32_000, end, 1) for end in (48_000, 56_000, 64_000)]
    assert spans == before + after
    assert summary.reconnects == 1
    assert [record.getMessage() for record in caplog.records] == [
        "blocks: no audio arrives; waiting for it",
        "blocks: audio arrives again",
    ]


class Loud(SoundTrack):
    """Half of the second second is speech; nothing else is."""

    def speech_share(self, start: int, end: int) -> float | None:
        """Share of [16000, 32000)."""
        return max(0, min(end, 32_000) - max(start, 16_000)) / (end - start)


def test_windows_without_speech_have_no_values_and_rules_hear_of_all() -> None:
    source, sink = LiveBlocks([np.ones(16_000, dtype=np.float32)] * 5 + [None]), KeepingSink()
    interpreter = Interpreter(Loud(None), min_speech=0.5)
    rule = Rule(RuleOptions(when="arousal > 0.9"))
    summary = Session(
        source, window_analyser(1.0, 0.5), interpreter, [sink], INFO, rules=[rule]
    ).run()
    states = [(reading.t, reading.state) for reading in sink.readings]
    assert [t for t, state in states if state == "speech"] == [1.5, 2.0, 2.5]
    quiet = [reading for reading in sink.readings if reading.state == "no speech"]
    assert {(r.arousal, r.dominance, r.valence) for r in quiet} == {(None, None, None)}
    assert (summary.windows, summary.speech) == (9, 3)
    assert sink.events[0].active and sink.events[0].t == 1.5


def test_readings_follow_the_given_clock_and_nothing_else_does(tmp_path: Path) -> None:
    path = tmp_path / "speech.wav"
    soundfile.write(path, synthetic_speech(3.0), 16_000)
    sink = KeepingSink()
    times = iter([1e9, 1e9 + 86_400, 1e9 - 86_400, 1e9, 1e9])
    session = Session(
        AudioFile(path),
        window_analyser(1.0, 0.5),
        everything(),
        [sink],
        INFO,
        clock=lambda: next(times),
    )
    session.run()
    assert [r.time - 1e9 for r in sink.readings] == [0, 86_400, -86_400, 0, 0]
    assert [r.t for r in sink.readings] == [1.0, 1.5, 2.0, 2.5, 3.0]


def test_a_sink_that_matters_ends_the_stream_with_its_error(tmp_path: Path) -> None:
    class Gone(KeepingSink):
        essential = True

        def reading(self, reading: Reading) -> None:
            raise BrokenPipeError("nobody reads")

    path = tmp_path / "speech.wav"
    soundfile.write(path, synthetic_speech(30.0), 16_000)
    session = Session(AudioFile(path), window_analyser(1.0, 0.5), everything(), [Gone()], INFO)
    with pytest.raises(BrokenPipeError):
        session.run()


def test_meters_tell_level_and_losses() -> None:
    source, sink = LiveBlocks([np.full(1_600, 0.5, dtype=np.float32)] * 8 + [None]), KeepingSink()
    source.counters.dropped = 7
    Session(source, window_analyser(0.5, 0.5), everything(), [sink], INFO).run()
    meter = sink.meters[0]
    assert meter.level_dbfs == meter.peak_dbfs == pytest.approx(-6.02, abs=0.01)
    assert (meter.dropped, meter.recording, meter.connected) == (7, False, True)
    assert meter.speech is None
    assert [delivery.sink for delivery in meter.deliveries] == ["keeping"]
    assert sink.infos[0].source_rate == 16_000
    assert sink.readings[-1].dropped == 7


def test_a_recording_holds_exactly_the_samples_of_the_windows(tmp_path: Path) -> None:
    speech, heard = tmp_path / "speech.wav", tmp_path / "heard.wav"
    soundfile.write(speech, synthetic_speech(3.0), 22_050)
    sink = KeepingSink()
    with Recorder(heard) as recorder:
        Session(
            AudioFile(speech),
            window_analyser(1.0, 0.5),
            everything(),
            [sink],
            INFO,
            recorder=recorder,
        ).run()
    np.testing.assert_array_equal(read_audio(heard), read_audio(speech))
    last = sink.readings[-1]
    recorded = read_audio(heard)[last.start_sample : last.end_sample]
    assert FakeEngine().predict(recorded).tolist() == [last.arousal, last.dominance, last.valence]


def test_a_recording_is_bounded_and_never_overwrites(tmp_path: Path) -> None:
    path = tmp_path / "heard.wav"
    with Recorder(path, limit=1_000) as recorder:
        active = []
        for _ in range(3):
            recorder.write(np.ones(700, dtype=np.float32))
            active.append(recorder.active)
    assert active == [True, False, False]
    assert soundfile.info(path).frames == 1_000
    with Recorder(tmp_path / "nothing.wav"):
        pass
    assert not (tmp_path / "nothing.wav").exists()
    with pytest.raises(InputError, match="overwrite"):
        Recorder(path)
    with pytest.raises(InputError, match="must name a"):
        Recorder(tmp_path / "heard.mp3")
    with pytest.raises(InputError, match="cannot record"):
        Recorder(tmp_path / "no such folder" / "heard.wav")
