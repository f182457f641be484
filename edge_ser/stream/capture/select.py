"""From the user's options to a source. Each kind is imported only when it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_ser.stream.options import InputOptions

if TYPE_CHECKING:
    from edge_ser.stream.protocols import Source


def open_source(options: InputOptions) -> Source:
    """The source that the options name; it starts when it is entered.

    Raises:
        InputError: the options or the file cannot be used.
        EnvironmentMissing: a package or library that this source needs is not installed.
        AudioDeviceError: there is no such microphone.
    """
    if options.file is not None:
        from edge_ser.stream.capture.file_source import AudioFile

        return AudioFile(options.file, realtime=options.realtime)
    return _microphone(options)


def list_devices() -> str:
    """The microphones of this machine, for people.

    Raises:
        EnvironmentMissing: PortAudio is not installed.
        AudioDeviceError: there are none.
    """
    from edge_ser.stream.capture.devices import input_devices, table
    from edge_ser.stream.capture.portaudio import load_portaudio

    return table(input_devices(load_portaudio()))


def _microphone(options: InputOptions) -> Source:
    from edge_ser.stream.capture.devices import choose, input_devices
    from edge_ser.stream.capture.microphone import Microphone
    from edge_ser.stream.capture.portaudio import load_portaudio

    sounddevice = load_portaudio()
    return Microphone(
        sounddevice,
        choose(input_devices(sounddevice), options.device),
        rate=options.rate,
        channels=options.channels,
        reconnect=options.reconnect,
    )
