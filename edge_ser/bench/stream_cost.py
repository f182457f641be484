"""What a stream costs: incremental inference against computing every window anew, in turns.

The unit is processor time per second of audio, of all threads: what a battery and a core's other
work feel. Every round gives an engine the same new audio both ways, one after the other, so that a
machine that slows down slows both; ratios are taken within a round. Engines have their rounds one
after the other: one runs on a device, and does not find its caches full of another's.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_ser import SAMPLE_RATE
from edge_ser.bench.bar import progress_bar
from edge_ser.bench.machine import Machine, describe_machine
from edge_ser.bundle import Bundle
from edge_ser.bundle.golden import read_clip
from edge_ser.errors import EdgeSerError, EnvironmentMissing, InputError
from edge_ser.runtime import available_engines, default_artefact, load_engine, runs
from edge_ser.runtime.engine import Engine
from edge_ser.runtime.incremental import IncrementalEngine, load_incremental
from edge_ser.runtime.incremental.windows import Windows

REPORT_SCHEMA = 1
GOAL = 8.0
"""How much less processor time incremental inference must take at a hop of 0.25 s."""

_CHUNK = SAMPLE_RATE // 100
"""10 ms, as a sound card gives them."""

_WARM_UP = 2


@dataclass(frozen=True)
class StreamCost:
    """One engine, one model that computes whole windows.

    Attributes:
        engine, version: runtime.
        artefact: of the incremental engine.
        window_artefact: computes the windows it is compared with.
        incremental_ms, window_ms: processor time per second of audio, medians of the rounds.
        ratio: median over the rounds of window time / incremental time.
        lowest: a tenth of the rounds have a ratio below it.
        judged: whether the window model is the one that the engine takes unless told otherwise.
    """

    engine: str
    version: str
    artefact: str
    window_artefact: str
    incremental_ms: float
    window_ms: float
    ratio: float
    lowest: float
    judged: bool

    @property
    def met(self) -> bool:
        """Whether the goal is reached."""
        return self.ratio >= GOAL


@dataclass(frozen=True)
class StreamCosts:
    """One run.

    Attributes:
        bundle_sha256: of the bundle.
        machine: where.
        window_seconds, hop_seconds, rounds, threads: how.
        costs: one entry per engine and window model.
        absent: what could not be run, with reasons.
    """

    bundle_sha256: str
    machine: Machine
    window_seconds: float
    hop_seconds: float
    rounds: int
    threads: int
    costs: tuple[StreamCost, ...]
    absent: tuple[str, ...]

    @property
    def met(self) -> bool:
        """Whether every engine reaches the goal against the windows it would compute instead."""
        judged = [cost for cost in self.costs if cost.judged]
        return bool(judged) and all(cost.met for cost in judged)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        values = asdict(self)
        for entry, cost in zip(values["costs"], self.costs, strict=True):
            entry["met"] = cost.met
        return {"schema": REPORT_SCHEMA, "kind": "stream-cost", "goal": GOAL, **values}


@dataclass
class _Contest:
    """One engine both ways, and the processor times of its rounds in seconds."""

    incremental: IncrementalEngine
    windows: dict[str, Engine]
    incremental_times: list[float]
    window_times: dict[str, list[float]]


def measure_stream_cost(
    bundle: Bundle,
    window_seconds: float,
    hop_seconds: float,
    rounds: int,
    threads: int,
    progress: bool,
) -> StreamCosts:
    """Measure every engine that is here.

    Args:
        bundle: open.
        window_seconds, hop_seconds: of the stream.
        rounds: of a second of audio, or a hop if that is longer; some go before as a warm-up.
        threads: per runtime.
        progress: show a bar.

    Raises:
        InputError: no round, or windows that no engine can have.
        EnvironmentMissing: nothing can be run here.
    """
    if rounds < 1:
        raise InputError(f"{rounds} rounds cannot be measured", "give 1 round or more")
    contests, absent = _contests(bundle, window_seconds, hop_seconds, threads)
    machine = describe_machine()
    material = _material(bundle)
    with progress_bar(len(contests) * (_WARM_UP + rounds), progress) as bar:
        for contest in contests:
            bar.set_description(f"streaming on {contest.incremental.name}")
            sound = _Sound(material, contest.incremental)
            contest.incremental.push(sound.window)
            for turn in range(_WARM_UP + rounds):
                sound.advance()
                _round(contest, sound, kept=turn >= _WARM_UP)
                bar.update()
    costs = [cost for contest in contests for cost in _costs(contest)]
    return StreamCosts(
        bundle_sha256=bundle.sha256,
        machine=machine,
        window_seconds=window_seconds,
        hop_seconds=hop_seconds,
        rounds=rounds,
        threads=threads,
        costs=tuple(costs),
        absent=absent,
    )


class _Sound:
    """Endless audio: what is new in a round, and the windows that end in it."""

    def __init__(self, material: NDArray[np.float32], engine: IncrementalEngine) -> None:
        self._material = material
        self._hop = engine.hop_samples
        self._window = engine.window_samples
        self._hops = _hops_per_round(engine)
        self._at = 0
        self.window = self._cut(0, self._window)

    def advance(self) -> None:
        """To the next round."""
        before = self._window + self._at
        length = self._hops * self._hop
        self.new = self._cut(before, length)
        ends = range(before + self._hop, before + length + 1, self._hop)
        self.windows = [self._cut(end - self._window, self._window) for end in ends]
        self._at += length

    def _cut(self, start: int, length: int) -> NDArray[np.float32]:
        """Of the material, repeated without end."""
        return np.take(self._material, np.arange(start, start + length), mode="wrap")


def _hops_per_round(engine: IncrementalEngine) -> int:
    return max(1, round(SAMPLE_RATE / engine.hop_samples))


def _contests(
    bundle: Bundle, window_seconds: float, hop_seconds: float, threads: int
) -> tuple[list[_Contest], tuple[str, ...]]:
    # A grid that no engine takes is the user's mistake, not a runtime's.
    manifest = bundle.manifest
    Windows.of(window_seconds, hop_seconds, manifest.frontend.hop, manifest.student.time_stride)
    contests, absent = [], []
    for name, status in available_engines().items():
        if not status.available:
            absent.append(f"{name}: {status.reason}")
            continue
        try:
            incremental = load_incremental(
                bundle,
                name,
                threads=threads,
                window_seconds=window_seconds,
                hop_seconds=hop_seconds,
            )
        except EdgeSerError as error:
            absent.append(f"{name}: {error}")
            continue
        windows = {
            artefact: load_engine(bundle, name, artefact, threads)
            for artefact in _window_models(bundle, name, window_seconds)
        }
        contests.append(_Contest(incremental, windows, [], {name: [] for name in windows}))
    if not contests:
        raise EnvironmentMissing(
            f"nothing of this bundle can stream here: {'; '.join(absent)}",
            "pip install 'edge-ser[rpi]'; `edge-ser doctor` says more",
        )
    return contests, tuple(absent)


def _window_models(bundle: Bundle, engine: str, window_seconds: float) -> list[str]:
    """The int8 models with which an engine can compute windows of this length."""
    samples = round(window_seconds * SAMPLE_RATE)
    return [
        artefact
        for artefact, info in sorted(bundle.manifest.models.items())
        if "int8" in artefact and runs(engine, artefact) and info.fixed_samples in (None, samples)
    ]


def _material(bundle: Bundle) -> NDArray[np.float32]:
    clips = sorted(bundle.manifest.golden.clips)
    if not clips:
        raise InputError("the bundle has no golden clip to run", "export it again")
    return np.concatenate([read_clip(bundle, clip) for clip in clips])


def _round(contest: _Contest, sound: _Sound, kept: bool) -> None:
    """The same second of audio once in chunks and once per model as whole windows."""
    with _timed(contest.incremental_times, kept):
        for start in range(0, len(sound.new), _CHUNK):
            contest.incremental.push(sound.new[start : start + _CHUNK])
    for artefact, engine in contest.windows.items():
        with _timed(contest.window_times[artefact], kept):
            for window in sound.windows:
                engine.predict(window)


@contextmanager
def _timed(times: list[float], kept: bool) -> Iterator[None]:
    begun = time.process_time()
    yield
    if kept:
        times.append(time.process_time() - begun)


def _costs(contest: _Contest) -> Iterator[StreamCost]:
    engine, ours = contest.incremental, contest.incremental_times
    seconds = _hops_per_round(engine) * engine.hop_samples / SAMPLE_RATE
    for artefact, theirs in contest.window_times.items():
        ratios = [b / a for a, b in zip(ours, theirs, strict=True)]
        yield StreamCost(
            engine=engine.name,
            version=engine.version,
            artefact=engine.artefact,
            window_artefact=artefact,
            incremental_ms=1e3 * statistics.median(ours) / seconds,
            window_ms=1e3 * statistics.median(theirs) / seconds,
            ratio=statistics.median(ratios),
            lowest=float(np.percentile(ratios, 10)),
            judged=artefact == default_artefact(engine.name),
        )
