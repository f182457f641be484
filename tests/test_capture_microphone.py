"""Capture through a stand-in for PortAudio: choosing, opening, counting, failing."""

from __future__ import annotations

import builtins
import sys
from typing import Any

import numpy as np
import pytest
from stream_fixtures import FakePortAudio, PortAudioError, device

from edge_ser.errors import AudioDeviceError, EdgeSerError, EnvironmentMissing, InputError
from edge_ser.stream.capture.devices import choose, input_devices, table
from edge_ser.stream.capture.microphone import RING_SECONDS, SILENT_DEVICE_SECONDS, Microphone
from edge_ser.stream.capture.portaudio import explain, load_portaudio


def microphone(fake: FakePortAudio, wanted: str | None = None, **settings: Any) -> Microphone:
    """The chosen device of the stand-in."""
    return Microphone(fake, choose(input_devices(fake), wanted), **settings)


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
    with pytest.raises(InputError, match="no microphone answers") as refusal:
        choose(devices, "bluetooth")
    assert "1 'USB Audio" in refusal.value.hint
    with pytest.raises(InputError, match="no microphone answers to --device 0"):
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


def test_it_opens_at_the_devices_rate_and_mixes_to_mono(fake_portaudio: FakePortAudio) -> None:
    random = np.random.default_rng(0)
    fake_portaudio.signal = random.uniform(-0.5, 0.5, (10_000, 2)).astype(np.float32)
    with microphone(fake_portaudio, "pulse") as source:
        assert (source.rate, source.label, source.live) == (44_100.0, "pulse", True)
        np.testing.assert_array_equal(source.read(), fake_portaudio.signal.mean(axis=1))
        assert len(source.read()) == 0
        assert source.counters.frames == 10_000
    (stream,) = fake_portaudio.streams
    assert stream.closed
    assert stream.settings["device"] == 2
    assert stream.settings["samplerate"] == 44_100.0
    assert stream.settings["channels"] == 2  # of 32
    assert stream.settings["dtype"] == "float32"


def test_overruns_overflows_and_clipping_are_counted(fake_portaudio: FakePortAudio) -> None:
    capacity = round(48_000 * RING_SECONDS)
    fake_portaudio.signal = np.zeros((capacity + 3_000, 1), dtype=np.float32)
    fake_portaudio.signal[:10] = -1.0
    fake_portaudio.overflow_blocks = 3
    with microphone(fake_portaudio) as source:
        assert source.counters.dropped == 3_000
        assert source.counters.overflows == 3
        assert len(source.read()) == capacity
        assert source.counters.clipped == 10
        assert source.counters.frames == capacity + 3_000


def test_the_callback_copies_its_input(fake_portaudio: FakePortAudio) -> None:
    with microphone(fake_portaudio) as source:
        callback = fake_portaudio.streams[0].settings["callback"]
        memory = np.ones((64, 1), dtype=np.float32)
        callback(memory, 64, None, type("Status", (), {"input_overflow": False}))
        memory[:] = 0  # PortAudio reuses it
        assert source.read().tolist() == [1.0] * 64


def test_another_rate_is_tried_when_the_default_one_is_refused(
    fake_portaudio: FakePortAudio,
) -> None:
    refusal = PortAudioError("Error opening InputStream: Invalid sample rate", -9997)
    fake_portaudio.refused = {44_100.0: refusal}
    with microphone(fake_portaudio, "pulse") as source:
        assert source.rate == 48_000.0
    fake_portaudio.refused = {None: refusal}
    with (
        pytest.raises(AudioDeviceError, match="does not support the sample rate") as error,
        microphone(fake_portaudio),
    ):
        pass
    assert "-9997" in str(error.value)
    assert "--list-devices" in error.value.hint


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (-9985, "busy"),
        (-9996, "no such audio device"),
        (-9998, "channels"),
        (-9999, "refused the microphone"),
        (-9987, "does not answer"),
        (-1, "cannot be used"),
    ],
)
def test_each_refusal_becomes_a_sentence_with_a_way_out(
    fake_portaudio: FakePortAudio, code: int, words: str
) -> None:
    fake_portaudio.refused = {None: PortAudioError("Error opening InputStream", code)}
    with pytest.raises(AudioDeviceError, match=words) as error, microphone(fake_portaudio):
        pass
    assert str(code) in str(error.value)
    assert "USB Audio" in str(error.value)
    assert error.value.hint


def test_a_device_that_does_not_start_is_closed_again(fake_portaudio: FakePortAudio) -> None:
    fake_portaudio.refused_start = PortAudioError("Error starting stream", -9985)
    with pytest.raises(AudioDeviceError, match="busy"), microphone(fake_portaudio):
        pass
    assert fake_portaudio.streams[0].closed


def test_host_errors_keep_the_hosts_words() -> None:
    error = PortAudioError("Error opening InputStream", -9999, (0, -13, "Permission denied"))
    assert "Permission denied" in str(explain(error, "USB"))
    assert "unknown" in str(explain(PortAudioError("unknown"), "USB"))


def test_a_device_that_vanishes_is_noticed_after_its_last_samples(
    fake_portaudio: FakePortAudio,
) -> None:
    fake_portaudio.signal = np.zeros((100, 1), dtype=np.float32)
    fake_portaudio.vanish_after_signal = True
    with microphone(fake_portaudio) as source:
        assert len(source.read()) == 100
        with pytest.raises(AudioDeviceError, match="stopped delivering"):
            source.read()


def test_a_device_that_falls_silent_without_a_word_is_noticed(
    fake_portaudio: FakePortAudio,
) -> None:
    now = 50.0
    with microphone(fake_portaudio, clock=lambda: now) as source:
        now += SILENT_DEVICE_SECONDS
        assert len(source.read()) == 0
        now += 0.1
        with pytest.raises(AudioDeviceError, match="stopped delivering"):
            source.read()


def test_a_device_that_cannot_even_close_does_not_hide_the_reason(
    fake_portaudio: FakePortAudio, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: object) -> None:
        raise PortAudioError("gone", -9988)

    with microphone(fake_portaudio):
        monkeypatch.setattr(type(fake_portaudio.streams[0]), "close", fail)


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
