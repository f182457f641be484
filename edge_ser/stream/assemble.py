"""From options to the parts of a session: the model, what its values are worth, the sinks.

Optional packages are imported here at the moment when somebody asks for what needs them.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass

from edge_ser.bundle import Bundle
from edge_ser.errors import InputError
from edge_ser.runtime import load_engine
from edge_ser.runtime.incremental import load_incremental
from edge_ser.stream.actions import actions_for
from edge_ser.stream.analysis.incremental_analyser import IncrementalAnalyser
from edge_ser.stream.analysis.inference import InlineInference, NewestFirstInference
from edge_ser.stream.analysis.window_analyser import WindowAnalyser
from edge_ser.stream.analysis.windows import WindowScheduler
from edge_ser.stream.meaning.baseline import Baseline
from edge_ser.stream.meaning.confidence import load_confidence
from edge_ser.stream.meaning.detector import load_detector
from edge_ser.stream.meaning.interpret import Interpreter
from edge_ser.stream.meaning.rules import Rule, check_known
from edge_ser.stream.meaning.smoothing import Smoother
from edge_ser.stream.meaning.track import SoundTrack
from edge_ser.stream.options import MeaningOptions, ModelOptions, OutputOptions, StreamOptions
from edge_ser.stream.protocols import Analyser, Sink
from edge_ser.stream.sinks.json_lines import JsonLines
from edge_ser.stream.sinks.standard_output import standard_output
from edge_ser.stream.sinks.terminal import Terminal
from edge_ser.stream.sinks.text_lines import TextLines


@dataclass(frozen=True)
class Model:
    """An analyser, and what computes in it.

    Attributes:
        engine, version, artefact: as of `edge_ser.runtime.Engine`.
        window_seconds, hop_seconds: of its windows.
    """

    analyser: Analyser
    engine: str
    version: str
    artefact: str
    window_seconds: float
    hop_seconds: float


def model_of(options: ModelOptions, bundle: Bundle, live: bool) -> Model:
    """Load the model of a bundle.

    Args:
        live: whether windows may have to be skipped, if each is computed whole.

    Raises:
        InputError, EnvironmentMissing, BundleRefused: see `load_engine` and `load_incremental`.
    """
    window = options.window or bundle.manifest.window_seconds
    hop = options.hop or bundle.manifest.hop_seconds
    chosen = (options.engine, options.artefact, options.threads)
    if options.level == "running":
        engine = load_incremental(bundle, *chosen, window_seconds=window, hop_seconds=hop)
        analyser: Analyser = IncrementalAnalyser(engine)
        return Model(analyser, engine.name, engine.version, engine.artefact, window, hop)
    scheduler = WindowScheduler(window, hop)
    whole = load_engine(bundle, *chosen)
    inference = NewestFirstInference(whole) if live else InlineInference(whole)
    analyser = WindowAnalyser(scheduler, inference)
    return Model(analyser, whole.name, whole.version, whole.artefact, window, hop)


def interpreter_of(options: MeaningOptions, bundle: Bundle) -> Interpreter:
    """What the values of a bundle's model are worth.

    Raises:
        EnvironmentMissing: a detector is asked for and not installed.
        BundleRefused: damaged confidence parameters.
        InputError: a least confidence, and nothing that computes one.
    """
    confidence = load_confidence(bundle) if options.confidence else None
    if confidence is None and options.min_confidence is not None:
        raise InputError(
            "a least confidence is asked for, and nothing computes one",
            "this bundle has no parameters for it: edge-ser confidence fits them"
            if options.confidence
            else "leave --no-confidence out",
        )
    return Interpreter(
        SoundTrack(load_detector(options.vad)),
        confidence=confidence,
        min_speech=options.min_speech,
        min_confidence=options.min_confidence,
        smoother=None if options.smooth is None else Smoother(options.smooth),
        baseline=None if options.baseline is None else Baseline(options.baseline),
    )


def rules_of(options: StreamOptions, interpreter: Interpreter) -> list[Rule]:
    """The user's rules; one that speaks of what nothing here computes is refused.

    Raises:
        InputError: a text is no rule, or compares what this stream never knows.
    """
    rules = [Rule(rule) for rule in options.rules]
    check_known(
        rules,
        detector=bool(interpreter.track.detector_name),
        confidence=interpreter.knows_confidence,
        baseline=options.meaning.baseline is not None,
    )
    return rules


def shows_dashboard(options: OutputOptions, live: bool) -> bool:
    """Whether standard output gets the live view."""
    if options.stdout == "auto":
        return live and sys.stdout.isatty()
    return options.stdout == "dashboard"


def sinks_of(options: StreamOptions, live: bool, notes: Sequence[str]) -> list[Sink]:
    """Everybody who receives readings.

    Args:
        notes: the log's words for the dashboard.

    Raises:
        InputError: a file, an address or a secret cannot be used.
        EnvironmentMissing: a sink's package is not installed.
    """
    output = options.output
    sinks = _standard_output(output, live, notes)
    if output.json_file is not None or output.csv is not None:
        sinks += _files(output)
    if output.mqtt is not None:
        from edge_ser.stream.sinks.mqtt import Mqtt

        sinks.append(Mqtt(output.mqtt, options.rules))
    if output.osc is not None:
        from edge_ser.stream.sinks.osc import Osc

        sinks.append(Osc(output.osc))
    if output.web is not None:
        from edge_ser.stream.web.page_sink import WebPage

        sinks.append(WebPage(output.web))
    return [*sinks, *actions_for(options.rules)]


def _standard_output(options: OutputOptions, live: bool, notes: Sequence[str]) -> list[Sink]:
    if options.stdout == "none":
        return []
    output = standard_output()
    if shows_dashboard(options, live):
        return [Terminal(output, notes=notes)]
    return [JsonLines(output) if options.stdout == "json" else TextLines(output)]


def _files(options: OutputOptions) -> list[Sink]:
    from edge_ser.stream.sinks.csv_file import CsvFile
    from edge_ser.stream.sinks.json_file import JsonFile

    sinks: list[Sink] = []
    if options.json_file is not None:
        sinks.append(JsonFile(options.json_file))
    if options.csv is not None:
        sinks.append(CsvFile(options.csv))
    return sinks
