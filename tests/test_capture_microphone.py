"""Capture through a stand-in for PortAudio: choosing, opening, counting, failing, coming back."""

from __future__ import annotations

import builtins
import sys
import threading
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from stream_fixtures import FakeInputStream, FakePortAudio, PortAudioError, device

from edge_ser.errors import AudioDeviceError, EdgeSerError, EnvironmentMissing, InputError
from edge_ser.stream.capture.devices import choose, find_again, input_devices, table
from edge_ser.stream.capture.intake import RING_SECONDS
from edge_ser.stream.capture.microphone import Microphone, Patience
from edge_ser.stream.capture.opening import USUAL_RATES
from edge_ser.stream.capture.portaudio import explain, load_portaudio
from edge_ser.stream.capture.resampler import StreamResampler
from edge_ser.stream.capture.silence import STANDSTILL_SECONDS

QUICK = Patience(tick=0.005, first_pause=0.001, longest_pause=0.004)
STILL = Patience(tick=60)
"""Looks so seldom that a test whose device delivers nothing is over before."""

LIMIT_SECONDS = 20.0

INVALID_RATE = PortAudioError("Error opening InputStream: Invalid sample rate", -9997)
INVALID_CHANNELS = PortAudioError("Error opening InputStream: Invalid number of channels", -9998)
NO_FORMAT = PortAudioError("Error opening InputStream: Sample format not supported", -9994)


def microphone(
    fake: FakePortAudio, wanted: str | None = None, patience: Patience = STILL, **settings: Any
) -> Microphone:
    """The chosen device of the stand-in."""
    return Microphone(fake, choose(input_devices(fake), wanted), patience=patience, **settings)


def wait_until(condition: Callable[[], bool]) -> None:
    """Fails if it does not come true."""
    limit = time.monotonic() + LIMIT_SECONDS
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.002)


def heard(source: Microphone, samples: int) -> NDArray[np.float32]:
    """At least so many samples, or what there is when the source fails to give them."""
    blocks: list[NDArray[np.float32]] = []

    def enough() -> bool:
        block = source.read()
        assert block is not None
        blocks.append(block)
        return sum(map(len, blocks)) >= samples

    wait_until(enough)
    return np.concatenate(blocks)


def test_only_inputs_are_listed_and_the_default_is_marked(fake_portaudio: FakePortAudio) -> None:
    devices = input_devices(fake_portaudio)
    assert [(d.index, d.channels, d.rate, d.default) for d in devices] == [
        (1, 1, 48_000.0, True),
        (2, 32, 44_100.0, False),
    ]
    shown = table(devices)
    assert "HDMI" not in shown
    assert "→   1  USB Audio" in shown


@pytest.mark.parametrize(
    ("wanted", "index"), [(None, 1), ("1", 1), ("2", 2), ("usb", 1), ("PULSE", 2), ("hw:1,0", 1)]
)
def test_a_device_is_found_by_number_or_part_of_its_name(
    fake_portaudio: FakePortAudio, wanted: str | None, index: int
) -> None:
    assert choose(input_devices(fake_portaudio), wanted).index == index


def test_a_device_that_is_not_there_or_not_unique_is_refused(
    fake_portaudio: FakePortAudio,
) -> None:
    fake_portaudio.devices.append(device(3, "pulse monitor", inputs=2))
    devices = input_devices(fake_portaudio)
    with pytest.raises(AudioDeviceError, match="no microphone answers") as refusal:
        choose(devices, "bluetooth")
    assert "1 'USB Audio" in refusal.value.hint
    with pytest.raises(AudioDeviceError, match="no microphone answers to --device 0"):
        choose(devices, "0")
    with pytest.raises(InputError, match="fits several"):
        choose(devices, "uls")
    assert choose(devices, "pulse").index == 2  # the whole name wins over a part of one


def test_no_microphone(fake_portaudio: FakePortAudio) -> None:
    fake_portaudio.devices = fake_portaudio.devices[:1]
    with pytest.raises(AudioDeviceError, match="no microphone found") as refusal:
        choose(input_devices(fake_portaudio), None)
    assert refusal.value.exit_code == 5
    with pytest.raises(AudioDeviceError):
        table(input_devices(fake_portaudio))


def test_the_first_device_serves_where_none_is_the_default(fake_portaudio: FakePortAudio) -> None:
    fake_portaudio.default.device = [-1, -1]
    assert choose(input_devices(fake_portaudio), None).index == 1
    fake_portaudio.default.device = [7, 7]
    assert choose(input_devices(fake_portaudio), None).index == 1


def test_it_opens_as_the_device_prefers_and_gives_mono_at_16_khz(
    fake_portaudio: FakePortAudio,
) -> None:
    random = np.random.default_rng(0)
    fake_portaudio.signal = random.uniform(-0.5, 0.5, (10_000, 2)).astype(np.float32)
    with microphone(fake_portaudio, "pulse") as source:
        assert (source.rate, source.label, source.live) == (44_100.0, "pulse", True)
        assert source.connected
        expected = StreamResampler(44_100).push(fake_portaudio.signal.mean(axis=1))
        block = source.read()
        assert block is not None
        np.testing.assert_array_equal(block, expected)
        assert len(heard(source, 0)) == 0
        assert source.counters.frames == 10_000
    (stream,) = fake_portaudio.streams
    assert stream.closed
    assert stream.settings["device"] == 2
    assert stream.settings["samplerate"] == 44_100.0
    assert stream.settings["channels"] == 2  # of 32
    assert stream.settings["dtype"] == "float32"


def test_overruns_overflows_and_clipping_are_counted(fake_portaudio: FakePortAudio) -> None:
    capacity = round(16_000 * RING_SECONDS)
    fake_portaudio.signal = np.zeros((capacity + 3_000, 1), dtype=np.float32)
    fake_portaudio.signal[:10] = -1.0
    fake_portaudio.overflow_blocks = 3
    with microphone(fake_portaudio, rate=16_000) as source:
        assert source.counters.dropped == 3_000
        assert source.counters.overflows == 3
        assert source.counters.clipped == 10
        assert source.counters.frames == capacity + 3_000
        assert len(heard(source, capacity)) == capacity


def test_the_callback_copies_its_input(fake_portaudio: FakePortAudio) -> None:
    with microphone(fake_portaudio, rate=16_000) as source:
        callback = fake_portaudio.streams[0].settings["callback"]
        memory = np.ones((64, 1), dtype=np.float32)
        callback(memory, 64, None, SimpleNamespace(input_overflow=False))
        memory[:] = 0  # PortAudio reuses it
        assert heard(source, 64).tolist() == [1.0] * 64


def test_a_slow_reader_never_stalls_the_callback(fake_portaudio: FakePortAudio) -> None:
    """The reader is away for 40 s of audio; the callback goes on, memory stays as it is."""
    with microphone(fake_portaudio, rate=16_000) as source:
        callback = fake_portaudio.streams[0].settings["callback"]
        status = SimpleNamespace(input_overflow=False)
        for _ in range(40):
            callback(np.ones((16_000, 1), dtype=np.float32), 16_000, None, status)
        assert source.counters.frames == 640_000
        assert source.counters.dropped == 480_000


def test_another_rate_is_tried_when_the_default_one_is_refused(
    fake_portaudio: FakePortAudio,
) -> None:
    fake_portaudio.refused = {44_100.0: INVALID_RATE}
    with microphone(fake_portaudio, "pulse") as source:
        assert source.rate == 48_000.0
    fake_portaudio.refused = dict.fromkeys(USUAL_RATES[:-1], INVALID_RATE)
    with microphone(fake_portaudio) as source:
        assert source.rate == USUAL_RATES[-1]
    fake_portaudio.refused = {None: INVALID_RATE}
    with (
        pytest.raises(AudioDeviceError, match="does not support the sample rate") as error,
        microphone(fake_portaudio),
    ):
        pass
    assert "-9997" in str(error.value)
    assert "--list-devices" in error.value.hint


def test_another_number_of_channels_is_tried(fake_portaudio: FakePortAudio) -> None:
    """An array that gives all its microphones or nothing; its mean is heard."""
    fake_portaudio.devices.append(device(3, "array", inputs=6))
    fake_portaudio.signal = np.tile(np.arange(6, dtype=np.float32) / 10, (100, 1))
    fake_portaudio.refuse = lambda settings: None if settings["channels"] == 6 else INVALID_CHANNELS
    with microphone(fake_portaudio, "array", rate=16_000) as source:
        np.testing.assert_allclose(heard(source, 100), 0.25, rtol=1e-6)
        assert fake_portaudio.streams[0].settings["channels"] == 6


@pytest.mark.parametrize("taken", ["int32", "int16"])
def test_another_sample_format_is_tried(fake_portaudio: FakePortAudio, taken: str) -> None:
    random = np.random.default_rng(0)
    fake_portaudio.signal = random.uniform(-1, 1, (1_000, 1)).astype(np.float32)
    fake_portaudio.signal[:2] = [[-1.0], [0.5]]
    fake_portaudio.refuse = lambda settings: None if settings["dtype"] == taken else NO_FORMAT
    with microphone(fake_portaudio, rate=16_000) as source:
        samples = heard(source, 1_000)
    assert samples.dtype == np.float32
    assert samples[:2].tolist() == [-1.0, 0.5]
    np.testing.assert_allclose(samples, fake_portaudio.signal[:, 0], atol=2**-15)


@pytest.mark.parametrize("refusal", [INVALID_RATE, INVALID_CHANNELS, NO_FORMAT])
def test_a_device_that_refuses_everything_is_refused_in_the_end(
    fake_portaudio: FakePortAudio, refusal: PortAudioError
) -> None:
    fake_portaudio.refused = {None: refusal}
    with pytest.raises(AudioDeviceError, match=str(refusal.args[1])), microphone(fake_portaudio):
        pass


def test_the_users_rate_and_channels_are_taken_or_refused_by_name(
    fake_portaudio: FakePortAudio,
) -> None:
    with microphone(fake_portaudio, "pulse", rate=96_000, channels=8) as source:
        assert source.rate == 96_000
        assert fake_portaudio.streams[0].settings["channels"] == 8
    fake_portaudio.refused = {96_000: INVALID_RATE}
    with (
        pytest.raises(AudioDeviceError, match="does not support") as error,
        microphone(fake_portaudio, "pulse", rate=96_000),
    ):
        pass
    assert "prefers 44100 Hz" in error.value.hint
    fake_portaudio.refused = {None: INVALID_CHANNELS}
    with (
        pytest.raises(AudioDeviceError, match="channels") as error,
        microphone(fake_portaudio, channels=4),
    ):
        pass
    assert "has 1" in error.value.hint


@pytest.mark.parametrize(
    ("code", "words", "advice"),
    [
        (-9999, "refused the microphone", "group 'audio'"),
        (-9998, "channels", "--channels"),
        (-9997, "sample rate", "pipewire-alsa"),
        (-9996, "no such audio device", "--list-devices"),
        (-9994, "sample format", "pipewire-alsa"),
        (-9993, "combine", "--list-devices"),
        (-9988, "closed underneath", "plug"),
        (-9987, "does not answer", "unplug"),
        (-9986, "audio system failed", "dmesg"),
        (-9985, "busy", "fuser"),
        (-9981, "lost input", "overflow"),
        (-1, "cannot be used", "--list-devices"),
    ],
)
def test_each_refusal_becomes_a_sentence_with_a_way_out(
    fake_portaudio: FakePortAudio, code: int, words: str, advice: str
) -> None:
    fake_portaudio.refused = {None: PortAudioError("Error opening InputStream", code)}
    with pytest.raises(AudioDeviceError, match=words) as error, microphone(fake_portaudio):
        pass
    assert str(code) in str(error.value)
    assert "USB Audio" in str(error.value)
    assert advice in error.value.hint
    assert error.value.exit_code == 5


def test_a_device_that_does_not_start_is_closed_again(fake_portaudio: FakePortAudio) -> None:
    fake_portaudio.refused_start = PortAudioError("Error starting stream", -9985)
    with pytest.raises(AudioDeviceError, match="busy"), microphone(fake_portaudio):
        pass
    assert fake_portaudio.streams[0].closed


def test_host_errors_keep_the_hosts_words() -> None:
    error = PortAudioError("Error opening InputStream", -9999, (0, -13, "Permission denied"))
    assert "Permission denied" in str(explain(error, "USB"))
    assert "unknown" in str(explain(PortAudioError("unknown"), "USB"))
    assert "-9996" in str(explain(PortAudioError("Error querying device 9"), "USB"))


def test_without_reconnect_a_device_that_vanishes_is_an_error_after_its_last_samples(
    fake_portaudio: FakePortAudio,
) -> None:
    fake_portaudio.signal = np.ones((100, 1), dtype=np.float32)
    fake_portaudio.vanish_after_signal = True
    with microphone(fake_portaudio, rate=16_000, reconnect=False) as source:
        assert heard(source, 100).tolist() == [1.0] * 100
        with pytest.raises(AudioDeviceError, match="stopped delivering"):
            wait_until(lambda: source.read() is None)
        assert not source.connected
    assert fake_portaudio.streams[0].closed


def test_a_device_that_falls_silent_without_a_word_is_noticed(
    fake_portaudio: FakePortAudio,
) -> None:
    with (
        microphone(fake_portaudio, patience=QUICK, reconnect=False) as source,
        pytest.raises(AudioDeviceError, match="stopped delivering"),
    ):
        wait_until(lambda: source.read() is None)


def test_a_device_that_keeps_delivering_is_not_given_up(fake_portaudio: FakePortAudio) -> None:
    """However long the process itself stands still: looks are counted, not seconds."""
    with microphone(fake_portaudio, rate=16_000, patience=QUICK, reconnect=False) as source:
        callback = fake_portaudio.streams[0].settings["callback"]
        status = SimpleNamespace(input_overflow=False)
        for _ in range(100):
            callback(np.ones((10, 1), dtype=np.float32), 10, None, status)
            time.sleep(0.002)
        assert source.connected


class Unplugging:
    """A stand-in whose device goes and comes back, its card number changed in between.

    Its signal is 1, 2, 3 ... for one opening after the other.
    """

    def __init__(self, fake: FakePortAudio) -> None:
        self.fake = fake
        self.openings = 0
        self.attempts = 0
        self.plugged = True
        self.absent_for = 0
        fake.vanish_after_signal = True
        fake.refuse = self._opening
        fake.on_initialize = self._look

    def _opening(self, _: dict[str, Any]) -> None:
        self.openings += 1
        self.fake.signal = np.full((160, 1), self.openings, np.float32)

    def _look(self) -> None:
        self.attempts += 1
        if not self.plugged or self.attempts <= self.absent_for:
            self.fake.devices = [device(0, "HDMI output", inputs=0)]
            return
        self.fake.devices = [
            device(0, "webcam", inputs=1),
            device(4, f"USB Audio: - (hw:{self.attempts},0)", inputs=1),
        ]


def test_a_device_that_vanishes_comes_back_under_another_number(
    fake_portaudio: FakePortAudio,
) -> None:
    unplugging = Unplugging(fake_portaudio)
    unplugging.absent_for = 3
    with microphone(fake_portaudio, rate=16_000, patience=QUICK) as source:
        for opening in (1, 2, 3):
            assert heard(source, 160).tolist() == [opening] * 160
            assert source.counters.reconnects == opening - 1
        assert source.label.startswith("USB Audio")
    assert [stream.settings["device"] for stream in fake_portaudio.streams[:3]] == [1, 4, 4]
    assert all(stream.closed for stream in fake_portaudio.streams)


def test_reading_never_waits_while_a_device_is_away(fake_portaudio: FakePortAudio) -> None:
    """Not even when PortAudio itself hangs while it looks for the device."""
    hanging, go_on = threading.Event(), threading.Event()

    def hang() -> None:
        hanging.set()
        go_on.wait(LIMIT_SECONDS)

    fake_portaudio.on_initialize = hang
    fake_portaudio.vanish_after_signal = True
    fake_portaudio.signal = np.ones((160, 1), np.float32)
    with microphone(fake_portaudio, rate=16_000, patience=QUICK) as source:
        assert hanging.wait(LIMIT_SECONDS)
        assert not source.connected
        assert len(heard(source, 160)) == 160
        assert len(heard(source, 0)) == 0
        assert source.counters.reconnects == 0
        go_on.set()
        assert len(heard(source, 160)) == 160
        assert source.counters.reconnects == 1


def test_pauses_between_attempts_grow_to_a_bound() -> None:
    patience = Patience()
    pauses = [patience.first_pause]
    for _ in range(6):
        pauses.append(patience.pause_after(pauses[-1]))
    assert pauses == [0.5, 1.0, 2.0, 4.0, 8.0, 10.0, 10.0]
    assert patience.pause_after(0.0) == 0.5


def test_a_stream_that_ends_while_its_device_is_away(fake_portaudio: FakePortAudio) -> None:
    unplugging = Unplugging(fake_portaudio)
    unplugging.plugged = False
    with microphone(fake_portaudio, patience=Patience(first_pause=60.0)) as source:
        wait_until(lambda: not source.connected)
        begun = time.monotonic()
    assert time.monotonic() - begun < LIMIT_SECONDS


def closing_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """Streams that deliver a last block of twos while they are being closed."""
    close = FakeInputStream.close

    def closing(stream: FakeInputStream) -> None:
        late = np.full((160, 1), 2, np.float32)
        stream.settings["callback"](late, 160, None, SimpleNamespace(input_overflow=False))
        close(stream)

    monkeypatch.setattr(FakeInputStream, "close", closing)


@pytest.mark.parametrize("reconnect", [True, False])
def test_a_process_that_stood_still_opens_the_device_anew(
    fake_portaudio: FakePortAudio, reconnect: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sound server kept a few seconds and threw the rest away, without a word."""
    now = 0.0
    fake_portaudio.signal = np.ones((160, 1), np.float32)
    closing_late(monkeypatch)
    with microphone(
        fake_portaudio, rate=16_000, patience=QUICK, reconnect=reconnect, clock=lambda: now
    ) as source:
        assert len(heard(source, 160)) == 160
        now += STANDSTILL_SECONDS + 1
        # What still came of the old stream may lie behind the hole: it is not heard.
        assert heard(source, 160).tolist() == [1] * 160
        assert (source.counters.reconnects, source.counters.gaps) == (1, 1)
        assert source.counters.dropped == pytest.approx(16_000 * now, abs=200)
        assert fake_portaudio.streams[0].closed


def test_a_device_that_is_gone_after_a_standstill_is_an_error_without_reconnect(
    fake_portaudio: FakePortAudio,
) -> None:
    now = 0.0
    with microphone(fake_portaudio, patience=QUICK, reconnect=False, clock=lambda: now) as source:
        fake_portaudio.devices = []
        now += STANDSTILL_SECONDS + 1
        with pytest.raises(AudioDeviceError, match="is not there"):
            wait_until(lambda: source.read() is None)


@pytest.mark.parametrize("failing", ["initialize", "query", "open", "start"])
def test_it_goes_on_waiting_when_an_attempt_fails(
    fake_portaudio: FakePortAudio, failing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    unplugging = Unplugging(fake_portaudio)
    failures = 0

    def fail_thrice(*_: object) -> None:
        nonlocal failures
        if unplugging.openings and failures < 3:
            failures += 1
            raise PortAudioError("not yet", -9999)

    def failing_first(call: Callable[..., Any]) -> Callable[..., Any]:
        def calling(*given: Any) -> Any:
            fail_thrice()
            return call(*given)

        return calling

    with microphone(fake_portaudio, rate=16_000, patience=QUICK) as source:
        places = {
            "initialize": (fake_portaudio, "on_initialize"),
            "query": (fake_portaudio, "query_devices"),
            "open": (fake_portaudio, "refuse"),
            "start": (type(fake_portaudio.streams[0]), "start"),
        }
        place = places[failing]
        monkeypatch.setattr(*place, failing_first(getattr(*place)))
        wait_until(lambda: source.read() is not None and failures == 3)
        wait_until(lambda: source.read() is not None and source.counters.reconnects > 0)


def test_an_unexpected_failure_while_watching_ends_the_stream_with_an_error(
    fake_portaudio: FakePortAudio, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise ZeroDivisionError("a fault of ours")

    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    fake_portaudio.on_initialize = fail
    fake_portaudio.vanish_after_signal = True
    with (
        microphone(fake_portaudio, patience=QUICK) as source,
        pytest.raises(AudioDeviceError, match="a fault of ours"),
    ):
        wait_until(lambda: source.read() is None)


def test_only_the_same_microphone_is_found_again(fake_portaudio: FakePortAudio) -> None:
    usb = choose(input_devices(fake_portaudio), "usb")

    def search(*rows: dict[str, Any]) -> int:
        fake_portaudio.devices = list(rows)
        return find_again(usb, input_devices(fake_portaudio)).index

    assert search(device(7, "USB Audio: - (hw:3,0)", 1), device(8, "other (hw:1,0)", 1)) == 7
    same, twin = device(5, "USB Audio: - (hw:1,0)", 1), device(6, "USB Audio: - (hw:2,0)", 1)
    assert search(same, twin) == 5
    for rows in ([], [device(1, "webcam (hw:1,0)", 1)]):
        with pytest.raises(AudioDeviceError, match="is not there"):
            search(*rows)
    with pytest.raises(AudioDeviceError, match="any of 2"):
        search(device(5, "USB Audio: - (hw:3,0)", 1), twin)


def test_a_device_that_cannot_even_close_does_not_hide_the_reason(
    fake_portaudio: FakePortAudio, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: object) -> None:
        raise PortAudioError("gone", -9988)

    with microphone(fake_portaudio, patience=QUICK, reconnect=False) as source:
        monkeypatch.setattr(type(fake_portaudio.streams[0]), "close", fail)
        with pytest.raises(AudioDeviceError, match="stopped delivering"):
            wait_until(lambda: source.read() is None)


def fail_to_import_sounddevice(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """Make `import sounddevice` raise."""
    real_import = builtins.__import__

    def importing(name: str, *rest: Any) -> Any:
        if name == "sounddevice":
            raise error
        return real_import(name, *rest)

    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    monkeypatch.setattr(builtins, "__import__", importing)


@pytest.mark.parametrize(
    ("raised", "kind", "words"),
    [
        (ImportError("No module named 'sounddevice'"), EnvironmentMissing, "edge-ser[rpi]"),
        (OSError("PortAudio library not found"), EnvironmentMissing, "apt install libportaudio2"),
        (PortAudioError("Error initializing PortAudio", -9999), AudioDeviceError, "sound system"),
    ],
)
def test_a_missing_library_is_named_with_its_cure(
    monkeypatch: pytest.MonkeyPatch, raised: Exception, kind: type[EdgeSerError], words: str
) -> None:
    fail_to_import_sounddevice(monkeypatch, raised)
    with pytest.raises(kind) as error:
        load_portaudio()
    assert words in error.value.hint


def test_an_unexpected_failure_of_the_import_is_not_swallowed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fail_to_import_sounddevice(monkeypatch, ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        load_portaudio()
