"""From the user's options to a source. Each kind is imported only when it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_ser.errors import InputError
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
    if options.pcm:
        from edge_ser.stream.capture.pipe import PcmPipe

        return PcmPipe(options.samples, live=options.realtime, descriptor=0)
    if options.rtp is not None:
        return _rtp(options, options.rtp)
    if options.udp is not None:
        return _udp(options, options.udp)
    if options.websocket is not None:
        return _websocket(options, options.websocket)
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


def _rtp(options: InputOptions, address: str) -> Source:
    from edge_ser.stream.access import is_loopback, split_address
    from edge_ser.stream.capture.datagrams import DatagramSource
    from edge_ser.stream.capture.intake import Intake
    from edge_ser.stream.capture.rtp import RtpReceiver
    from edge_ser.stream.capture.srtp import MAKE_KEY, unprotect_with

    host, _ = split_address(address)
    if options.key_file is None and not is_loopback(host):
        raise InputError(
            f"--rtp on {host} can be reached from other computers and needs an SRTP key",
            f"make one with  {MAKE_KEY}  and name the file, or listen on 127.0.0.1",
        )
    unprotect = None if options.key_file is None else unprotect_with(options.key_file)
    intake = Intake(options.samples.rate)
    receiver = RtpReceiver(options.samples, intake, unprotect)
    return DatagramSource("RTP" if unprotect is None else "SRTP", address, receiver, intake)


def _udp(options: InputOptions, address: str) -> Source:
    from edge_ser.stream.access import is_loopback, split_address
    from edge_ser.stream.capture.datagrams import DatagramSource
    from edge_ser.stream.capture.intake import Intake
    from edge_ser.stream.capture.udp import UdpReceiver

    host, _ = split_address(address)
    if not is_loopback(host):
        raise InputError(
            f"--udp on {host} would take audio from anybody on the network",
            "listen on 127.0.0.1, or use --rtp with a key or --websocket with a token",
        )
    intake = Intake(options.samples.rate)
    return DatagramSource("UDP", address, UdpReceiver(options.samples, intake), intake)


def _websocket(options: InputOptions, address: str) -> Source:
    from edge_ser.stream.access import read_secret
    from edge_ser.stream.capture.websocket import WebSocketSource

    token = None if options.key_file is None else read_secret(options.key_file)
    return WebSocketSource(address, options.samples, token)
