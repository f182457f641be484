"""`edge-ser stream` without its argument parsing: assembles a session and reports on it.

Readings go to standard output and the other sinks; everything else (which engine runs, what is
recorded, the summary) goes to the log on standard error, so that `--json` can be piped.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from edge_ser.bundle import open_bundle
from edge_ser.models import shipped
from edge_ser.stream.assemble import (
    Model,
    interpreter_of,
    model_of,
    rules_of,
    shows_dashboard,
    sinks_of,
)
from edge_ser.stream.capture.select import open_source
from edge_ser.stream.options import StreamOptions
from edge_ser.stream.protocols import Source
from edge_ser.stream.reading import StreamInfo, Summary
from edge_ser.stream.recorder import LONGEST_SECONDS, Recorder
from edge_ser.stream.service.check import check_receivers
from edge_ser.stream.service.crash import forbid_memory_dumps
from edge_ser.stream.service.logs import configure_logging
from edge_ser.stream.service.status import ServiceStatus
from edge_ser.stream.service.watchdog import Watchdog
from edge_ser.stream.session import Session
from edge_ser.stream.sinks.notes import Notes
from edge_ser.stream.stopping import StopRequest

_log = logging.getLogger(__name__)


def run_stream(options: StreamOptions, source: Source | None = None) -> Summary:
    """Stream until the audio, the time limit or the user ends it.

    Args:
        options: of the user.
        source: in place of the one that `options.input` names, for a caller with its own audio.

    Raises:
        InputError: the options or the file cannot be used.
        EnvironmentMissing: a runtime or library is missing.
        BundleRefused: the bundle is corrupt or incompatible.
        AudioDeviceError: the microphone failed.
    """
    configure_logging(options.log)
    forbid_memory_dumps()
    with ExitStack() as stack:
        stop = stack.enter_context(StopRequest())
        bundle = stack.enter_context(
            open_bundle(options.model.bundle or shipped("bundle"), options.model.expect_sha256)
        )
        live = options.input.live if source is None else source.live
        model = model_of(options.model, bundle, live)
        interpreter = interpreter_of(options.meaning, bundle)
        rules = rules_of(options, interpreter)
        # Before the source: a mistake is one on a machine without a microphone too.
        check_receivers(options)
        source = source or open_source(options.input)
        notes = Notes()
        sinks = sinks_of(options, source.live, notes.latest)
        record = options.output.record
        recorder = None if record is None else stack.enter_context(Recorder(record))
        detector = interpreter.track.detector_name
        info = _info(options, bundle.manifest.name, model, source, detector)
        _announce(info)
        if shows_dashboard(options.output, source.live) and sys.stderr.isatty():
            stack.enter_context(_words_in_view(notes))
        watchdog = Watchdog()
        if watchdog.heard:
            sinks.append(ServiceStatus(watchdog))
        session = Session(
            source,
            model.analyser,
            interpreter,
            sinks,
            info,
            rules=rules,
            recorder=recorder,
            seconds=options.duration,
            stopped=lambda: stop.requested,
            started=watchdog.ready,
            alive=watchdog.alive,
        )
        try:
            summary = session.run()
        finally:
            watchdog.stopping()
    _log.info(summary.sentence())
    return summary


def _info(
    options: StreamOptions, name: str, model: Model, source: Source, detector: str
) -> StreamInfo:
    return StreamInfo(
        model=name,
        engine=model.engine,
        engine_version=model.version,
        artefact=model.artefact,
        source=source.label,
        source_rate=source.rate,
        window_seconds=model.window_seconds,
        hop_seconds=model.hop_seconds,
        live=source.live,
        level=options.model.level,
        detector=detector,
        recording=str(options.output.record or ""),
        rules=tuple(rule.when for rule in options.rules),
    )


def _announce(info: StreamInfo) -> None:
    engine = f"{info.engine} {info.engine_version}".rstrip()
    _log.info(
        f"{info.model} ({info.artefact}) on {engine}; audio from {info.source}; "
        f"window {info.window_seconds:g} s, hop {info.hop_seconds:g} s, {info.level} level; "
        + (f"voice activity by {info.detector}" if info.detector else "every window is read")
    )
    if info.recording:
        _log.warning(
            f"recording what the model hears into {info.recording}, {LONGEST_SECONDS:g} s at most"
        )


@contextmanager
def _words_in_view(notes: Notes) -> Iterator[None]:
    """While the dashboard owns the screen, the log's words appear inside it."""
    root = logging.getLogger("edge_ser")
    handlers = root.handlers[:]
    root.handlers[:] = [notes]
    try:
        yield
    finally:
        root.handlers[:] = handlers
