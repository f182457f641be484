"""The process that streams in a soak: `edge-ser stream` itself, on endless audio.

    python -m edge_ser.bench.soak.child REQUEST.json

Everything from the analyser to the sinks is what the command assembles; only the source is the
soak's. Its readings go to standard output, its summary to the file that the request names.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from edge_ser.bench.soak.material import endless
from edge_ser.bench.soak.source import EndlessAudio
from edge_ser.stream.options import (
    InputOptions,
    LogOptions,
    MeaningOptions,
    ModelOptions,
    OutputOptions,
    RuleOptions,
    StreamOptions,
    WebOptions,
)
from edge_ser.stream.run import run_stream

RULES = (
    RuleOptions("arousal > 0.5 for 2s"),
    RuleOptions("valence < 0.45 for 10s", name="low valence"),
)
"""That hold and cease to hold many times on varied material."""

BASELINE_SECONDS = 600.0


@dataclass(frozen=True)
class Request:
    """What to stream.

    Attributes:
        bundle: folder.
        engine: None takes the first that is installed.
        hop: seconds between readings; None takes the bundle's.
        detector: whether voice activity is judged; dearer than the model itself.
        seconds: of audio.
        seed: of the material.
        files: audio among it.
        tapes: folder for the checks.
        check_seconds, outage_seconds: of audio between them.
        json_file, csv, osc, web: sinks beside standard output; see `OutputOptions`.
        summary: file for the totals.
    """

    bundle: str
    engine: str | None
    hop: float | None
    detector: bool
    seconds: float
    seed: int
    files: list[str]
    tapes: str
    check_seconds: float
    outage_seconds: float
    json_file: str
    csv: str
    osc: str
    web: str
    summary: str


def stream(request: Request) -> None:
    """Run it to its end and leave the summary."""
    source = EndlessAudio(
        endless(request.seed, [Path(file) for file in request.files]),
        seconds=request.seconds,
        tapes=Path(request.tapes),
        check_seconds=request.check_seconds,
        outage_seconds=request.outage_seconds,
        seed=request.seed,
    )
    summary = run_stream(_options(request), source)
    totals = {**asdict(summary), "frames": source.counters.frames, "given": source.given}
    Path(request.summary).write_text(json.dumps(totals))


def _options(request: Request) -> StreamOptions:
    return StreamOptions(
        input=InputOptions(pcm=True),
        model=ModelOptions(bundle=Path(request.bundle), engine=request.engine, hop=request.hop),
        # Every window is read, so that every one can be compared, whatever the detector says.
        meaning=MeaningOptions(
            vad="on" if request.detector else "off", min_speech=0.0, baseline=BASELINE_SECONDS
        ),
        rules=RULES,
        output=OutputOptions(
            stdout="json",
            json_file=Path(request.json_file),
            csv=Path(request.csv),
            osc=request.osc,
            web=WebOptions(listen=request.web),
        ),
        log=LogOptions(level="warning"),
    )


if __name__ == "__main__":
    stream(Request(**json.loads(Path(sys.argv[1]).read_text())))
