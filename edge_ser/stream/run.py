"""`edge-ser stream` without its argument parsing: assembles a session and reports on it.

Readings go to standard output; everything else (which engine runs, what is recorded, the
summary) goes to standard error, so that `--json` can be piped.
"""

from __future__ import annotations

import math
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from edge_ser.bundle import open_bundle
from edge_ser.errors import InputError
from edge_ser.models import shipped
from edge_ser.runtime import load_engine
from edge_ser.stream.analysis.windows import SHORTEST_SECONDS, WindowScheduler
from edge_ser.stream.capture.devices import choose, input_devices, table
from edge_ser.stream.capture.file_source import AudioFile
from edge_ser.stream.capture.microphone import Microphone
from edge_ser.stream.capture.portaudio import load_portaudio
from edge_ser.stream.protocols import Sink, Source
from edge_ser.stream.reading import StreamInfo
from edge_ser.stream.recorder import LONGEST_SECONDS, Recorder
from edge_ser.stream.session import Session
from edge_ser.stream.sinks.json_lines import JsonLines
from edge_ser.stream.sinks.terminal import Terminal
from edge_ser.stream.sinks.text_lines import TextLines
from edge_ser.stream.stopping import StopRequest


@dataclass(frozen=True)
class StreamOptions:
    """What the user asked for; None means the default.

    Attributes:
        file: analyse this file; None listens to the microphone.
        realtime: pace the file as if it were spoken now.
        device: number or part of the name of a microphone.
        bundle: folder or .tar.gz; None is the one inside the package.
        window_seconds, hop_seconds: None takes the bundle's.
        seconds: stop after so much audio.
        json: JSON lines in place of the view.
        record: store what the model hears in this new WAV file.
    """

    file: Path | None = None
    realtime: bool = False
    device: str | None = None
    bundle: Path | None = None
    expect_sha256: str | None = None
    engine: str | None = None
    artefact: str | None = None
    threads: int = 1
    window_seconds: float | None = None
    hop_seconds: float | None = None
    seconds: float | None = None
    json: bool = False
    record: Path | None = None


def list_devices() -> str:
    """The microphones of this machine, for people."""
    return table(input_devices(load_portaudio()))


def run_stream(options: StreamOptions) -> None:
    """Stream until the audio, the time limit or the user ends it.

    Raises:
        InputError: the options or the file cannot be used.
        EnvironmentMissing: a runtime or audio library is missing.
        BundleRefused: the bundle is corrupt or incompatible.
        AudioDeviceError: the microphone failed.
    """
    if options.seconds is not None and not SHORTEST_SECONDS <= options.seconds < math.inf:
        raise InputError(
            f"--duration {options.seconds:g} is not a time to stop after",
            f"a model needs at least {SHORTEST_SECONDS:g} s; leave it out to go on until the end",
        )
    with ExitStack() as stack:
        stop = stack.enter_context(StopRequest())
        source = _source(options)
        bundle = stack.enter_context(
            open_bundle(options.bundle or shipped("bundle"), options.expect_sha256)
        )
        manifest = bundle.manifest
        window = _first(options.window_seconds, manifest.window_seconds)
        hop = _first(options.hop_seconds, manifest.hop_seconds)
        scheduler = WindowScheduler(window, hop)
        engine = load_engine(bundle, options.engine, options.artefact, options.threads)
        recorder = None
        if options.record is not None:
            recorder = stack.enter_context(Recorder(options.record))
        info = StreamInfo(
            model=manifest.name,
            engine=engine.name,
            engine_version=engine.version,
            artefact=engine.artefact,
            source=source.label,
            source_rate=source.rate,
            window_seconds=window,
            hop_seconds=hop,
            live=source.live,
            recording=str(options.record or ""),
        )
        _announce(info)
        session = Session(
            source,
            engine,
            scheduler,
            [_sink(options, source)],
            info,
            recorder=recorder,
            seconds=options.seconds,
            stopped=lambda: stop.requested,
        )
        summary = session.run()
    _say(summary.sentence())


def _first(chosen: float | None, default: float) -> float:
    return default if chosen is None else chosen


def _source(options: StreamOptions) -> Source:
    if options.file is not None:
        return AudioFile(options.file, realtime=options.realtime)
    sounddevice = load_portaudio()
    return Microphone(sounddevice, choose(input_devices(sounddevice), options.device))


def _sink(options: StreamOptions, source: Source) -> Sink:
    if options.json:
        return JsonLines(sys.stdout)
    if source.live and sys.stdout.isatty():
        return Terminal(sys.stdout)
    return TextLines(sys.stdout)


def _announce(info: StreamInfo) -> None:
    engine = f"{info.engine} {info.engine_version}".rstrip()
    _say(
        f"{info.model} ({info.artefact}) on {engine}; audio from {info.source}; "
        f"window {info.window_seconds:g} s, hop {info.hop_seconds:g} s"
    )
    if info.recording:
        _say(f"recording what the model hears into {info.recording}, {LONGEST_SECONDS:g} s at most")


def _say(sentence: str) -> None:
    print(f"edge-ser stream: {sentence}", file=sys.stderr, flush=True)
