"""Which microphones there are, and which one the user means."""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import ModuleType

from edge_ser.errors import AudioDeviceError, InputError
from edge_ser.stream.capture.portaudio import explain

NO_MICROPHONE_HINT = (
    "plug a microphone in (Linux: `arecord -l` should list it; in a container, pass /dev/snd or "
    "the PulseAudio socket in), or use --file"
)

_ALSA_CARD = re.compile(r" ?\(hw:\d+,\d+\)")


@dataclass(frozen=True)
class InputDevice:
    """A device that records.

    Attributes:
        index: PortAudio's number; may change when devices are plugged in or out.
        name, host_api: as PortAudio names them, e.g. "USB Audio: - (hw:1,0)" of "ALSA".
        channels: as many as it can record at once.
        rate: its default samples per second.
        default: whether it is used when no device is named.
    """

    index: int
    name: str
    host_api: str
    channels: int
    rate: float
    default: bool


def input_devices(sounddevice: ModuleType) -> list[InputDevice]:
    """All devices with inputs, in PortAudio's order.

    Raises:
        AudioDeviceError: PortAudio cannot tell.
    """
    try:
        apis = sounddevice.query_hostapis()
        default = int(sounddevice.default.device[0])
        if default < 0 and apis:
            default = int(apis[0]["default_input_device"])
        return [
            InputDevice(
                index=int(device["index"]),
                name=str(device["name"]),
                host_api=str(apis[device["hostapi"]]["name"]),
                channels=int(device["max_input_channels"]),
                rate=float(device["default_samplerate"]),
                default=int(device["index"]) == default,
            )
            for device in sounddevice.query_devices()
            if device["max_input_channels"] > 0
        ]
    except sounddevice.PortAudioError as error:
        raise explain(error, "audio devices") from error


def choose(devices: list[InputDevice], wanted: str | None) -> InputDevice:
    """The device that the user asked for.

    Args:
        devices: from `input_devices`.
        wanted: a number of the list, or part of a name in any case; None: the default one.

    Raises:
        AudioDeviceError: there is no microphone at all, or none answers to `wanted`: it may
            be plugged in later, so a service that is started again will find it.
        InputError: more than one answers to `wanted`.
    """
    if not devices:
        raise AudioDeviceError("no microphone found", NO_MICROPHONE_HINT)
    if wanted is None:
        return next((device for device in devices if device.default), devices[0])
    if wanted.isdecimal():
        matches = [device for device in devices if device.index == int(wanted)]
    else:
        exact = [device for device in devices if device.name.casefold() == wanted.casefold()]
        matches = exact or [
            device for device in devices if wanted.casefold() in device.name.casefold()
        ]
    if len(matches) == 1:
        return matches[0]
    if matches:
        names = ", ".join(f"{device.index} {device.name!r}" for device in matches)
        raise InputError(f"--device {wanted} fits several: {names}", "give the number")
    raise AudioDeviceError(
        f"no microphone answers to --device {wanted}",
        "there are: " + ", ".join(f"{device.index} {device.name!r}" for device in devices),
    )


def find_again(lost: InputDevice, devices: list[InputDevice]) -> InputDevice:
    """The device that was lost, among those that are there now.

    Args:
        lost: as it was; its number may belong to another device by now.
        devices: from `input_devices`, after PortAudio has looked again.

    Returns:
        The one of the same name and system; ALSA's card number within the name, "(hw:1,0)", may
        have changed if no other device answers to the rest of the name.

    Raises:
        AudioDeviceError: it is not there, or several could be it.
    """
    there = [device for device in devices if device.host_api == lost.host_api]
    same = [device for device in there if device.name == lost.name] or [
        device for device in there if _without_card(device.name) == _without_card(lost.name)
    ]
    if len(same) != 1:
        found = "is not there" if not same else f"could be any of {len(same)} devices"
        raise AudioDeviceError(f"{lost.name} {found}", NO_MICROPHONE_HINT)
    return same[0]


def _without_card(name: str) -> str:
    """ALSA numbers cards as they are plugged in: the same microphone may get another one."""
    return _ALSA_CARD.sub("", name)


def table(devices: list[InputDevice]) -> str:
    """The devices for people, the default one marked with an arrow.

    Raises:
        AudioDeviceError: there are none.
    """
    if not devices:
        raise AudioDeviceError("no microphone found", NO_MICROPHONE_HINT)
    width = max(len(device.name) for device in devices)
    lines = [f"  {'#':>3}  {'microphone':<{width}}  channels     rate  system"]
    for device in devices:
        mark = "→" if device.default else " "
        lines.append(
            f"{mark} {device.index:>3}  {device.name:<{width}}  {device.channels:>8}"
            f"  {device.rate:>7.0f}  {device.host_api}"
        )
    return "\n".join([*lines, "→ is used when no --device is given"])
