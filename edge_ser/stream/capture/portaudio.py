"""Loading PortAudio, and its error codes as sentences with a way out.

Codes: portaudio.h, `PaErrorCode`. A running stream survives -9981 (input overflowed) and counts
it, see `CaptureCounters.overflows`.
"""

from __future__ import annotations

import contextlib
from types import ModuleType

from edge_ser.errors import AudioDeviceError, EdgeSerError, EnvironmentMissing

_LIST = "edge-ser stream --list-devices shows the microphones; choose one with --device"

_CONVERTING = (
    "choose a device that converts: 'default', 'pulse' or 'pipewire' rather than one with 'hw:' "
    "in its name (Raspberry Pi OS Lite: sudo apt install pipewire pipewire-alsa wireplumber). "
)

INVALID_DEVICE = -9996

_NO_SUCH_NUMBER = "Error querying device"
"""How sounddevice says it, without PortAudio's number for it."""

_CODES: dict[int, tuple[str, str]] = {
    -9999: (
        "the audio system refused the microphone",
        "is it plugged in (arecord -l), and may this user open it (Linux: member of group "
        "'audio', after `sudo usermod -aG audio $USER` and a new login)? " + _LIST,
    ),
    -9998: (
        "the microphone does not have that many channels",
        "leave --channels out, or give what the list shows. " + _LIST,
    ),
    -9997: ("the microphone does not support the sample rate", _CONVERTING + _LIST),
    INVALID_DEVICE: (
        "there is no such audio device any more",
        "its number may have changed: name it instead of numbering it. " + _LIST,
    ),
    -9994: ("the microphone has no sample format that can be used", _CONVERTING + _LIST),
    -9993: ("the audio system cannot combine these devices", _LIST),
    -9988: ("the audio stream was closed underneath", "plug the microphone in and start again"),
    -9987: ("the audio device does not answer", "unplug it, plug it in again, then retry"),
    -9986: (
        "the audio system failed",
        "look for the device's own words with `dmesg | tail`; a USB microphone on a weak power "
        "supply fails like this",
    ),
    -9985: (
        "the microphone is busy or has been unplugged",
        "close the program that records from it (Linux: fuser -v /dev/snd/*), choose 'default' "
        "or 'pipewire', which share a microphone, or another one with --device",
    ),
    -9981: (
        "the audio system lost input before it could be read",
        "one input overflow is survived and counted; if a stream does not start because of it, "
        "the machine is overloaded",
    ),
}


def load_portaudio() -> ModuleType:
    """The `sounddevice` module, its PortAudio initialised.

    Raises:
        EnvironmentMissing: sounddevice or the PortAudio library is not installed.
        AudioDeviceError: PortAudio is there but does not start.
    """
    try:
        import sounddevice
    except ImportError as error:
        raise EnvironmentMissing(
            f"a microphone needs the Python package sounddevice: {error}",
            "pip install 'edge-ser[rpi]'",
        ) from error
    except OSError as error:
        raise EnvironmentMissing(
            f"a microphone needs the PortAudio library: {error}",
            "Debian, Ubuntu, Raspberry Pi OS: sudo apt install libportaudio2; "
            "Fedora: sudo dnf install portaudio; macOS: brew install portaudio",
        ) from error
    except Exception as error:
        # PortAudioError itself cannot be imported from a module whose import has failed.
        if type(error).__name__ != "PortAudioError":
            raise
        raise AudioDeviceError(
            f"PortAudio does not start: {error}", "is a sound system running on this machine?"
        ) from error
    module: ModuleType = sounddevice
    return module


def restart_portaudio(sounddevice: ModuleType) -> None:
    """Let PortAudio look for devices again: it does so only when it starts. No stream may be open.

    sounddevice has no public name for this; its documentation and its maintainer point to these
    two functions.

    Raises:
        AudioDeviceError: PortAudio does not start.
    """
    # After a start that failed there is nothing to end.
    with contextlib.suppress(sounddevice.PortAudioError):
        sounddevice._terminate()
    try:
        sounddevice._initialize()
    except sounddevice.PortAudioError as error:
        raise explain(error, "PortAudio") from error


def code_of(error: Exception) -> int | None:
    """PortAudio's number of a PortAudioError, if it has one."""
    return error.args[1] if len(error.args) > 1 else None


def explain(error: Exception, device: str) -> EdgeSerError:
    """A PortAudioError as a sentence.

    Args:
        error: as raised by sounddevice: arguments (text, code?, (host API, code, text)?).
        device: its name, for the sentence.
    """
    text = str(error.args[0]) if error.args else type(error).__name__
    if len(error.args) > 2:
        text = f"{text}: {error.args[2][2]}"
    code = code_of(error)
    if code is None and text.startswith(_NO_SUCH_NUMBER):
        code = INVALID_DEVICE
    sentence, hint = ("the microphone cannot be used", _LIST)
    if code is not None:
        sentence, hint = _CODES.get(code, (sentence, hint))
    shown = "" if code is None else f", PortAudio {code}"
    return AudioDeviceError(f"{device}: {sentence} ({text}{shown})", hint)
