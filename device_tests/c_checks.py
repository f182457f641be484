"""The C engine of a bundle on one board: every vector to the bit, memory, instructions.

The board answers over the probe protocol; what it must answer comes from `c_reference`. Emulators
give values and instruction counts, never times.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from device_tests import toolchains
from device_tests.boards import Board
from device_tests.build import Program, build, flash_bytes
from device_tests.c_reference import Expected, expect
from device_tests.instructions import Counter, read_counts
from device_tests.launch import run_command
from device_tests.probe import (
    DEFAULT_BAUD,
    Hello,
    Memory,
    Probe,
    Reading,
    open_serial,
    start_probe,
)
from device_tests.vectors import clip_vectors, short_vectors
from device_tests.versions import compiler_version, emulator_version
from edge_ser import DIMENSIONS, SAMPLE_RATE
from edge_ser.bundle import Bundle
from edge_ser.bundle.golden import read_clip
from edge_ser.errors import EdgeSerError, GateFailed, InputError
from edge_ser.runtime import load_engine
from firmware_export.c_engine import SourceOptions, write_sources
from firmware_export.targets import find_target

FLOAT_ONNX = "model.float.onnx"

_MOST_FAILURES = 5


@dataclass(frozen=True)
class Plan:
    """How much runs on a board.

    Attributes:
        vectors: short ones.
        longest: seconds of the longest of them.
        clips: long ones, compared with the float model too.
        clip_seconds: of each.
        burst_units: half seconds over which instructions are counted.
        limit_seconds: for each answer of the board.
    """

    vectors: int = 207
    longest: float = 0.25
    clips: int = 2
    clip_seconds: float = 5.0
    burst_units: int = 2
    limit_seconds: float = 600.0


FULL = Plan()
SLOW = Plan(vectors=27, longest=0.04, clips=1, clip_seconds=0.5, burst_units=1)
"""For an emulator in JavaScript: three vectors of each kind, and half a second."""


def plan_for(board: Board) -> Plan:
    """What runs there in a few minutes."""
    return SLOW if board.emulator == (toolchains.RP2040JS,) else FULL


@dataclass(frozen=True)
class BoardReport:
    """What was found on one board.

    Attributes:
        board, title, target: which.
        emulator: its name and version; "" on this machine itself.
        compiler: first line of its version, and the processor's flags.
        kernels, frontend: as the device says.
        vectors, clips: how many answered to the bit.
        failures: the first of those that did not, in words.
        float_difference: largest difference of the clips' A/D/V from the float model; None without
            a float runtime here.
        buffer: bytes of the engine's memory; stack: most bytes of stack used (0: not known);
            static: bytes of all other RAM of the test firmware (0: not known).
        flash: bytes of code and constants of the test firmware; None on Linux.
        instructions: executed for one second of audio; None where nothing counts them.
        speed: seconds of audio per second, on a real device; None on an emulated one.
    """

    board: str
    title: str
    target: str
    emulator: str
    compiler: str
    kernels: str
    frontend: str
    vectors: int
    clips: int
    failures: tuple[str, ...]
    float_difference: float | None
    buffer: int
    stack: int
    static: int
    flash: int | None
    instructions: int | None
    speed: float | None = None

    @property
    def passed(self) -> bool:
        """Something ran, and every answer was right to the bit."""
        return self.vectors + self.clips > 0 and not self.failures

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {**asdict(self), "passed": self.passed}


@dataclass(frozen=True)
class Task:
    """What a board is given: the sources of its target, and the answers it must give.

    Attributes:
        options: how the sources are written.
        short, long: vectors with their answers.
        floats: A/D/V of the float model for each long one, (clips, 3); None without one.
    """

    options: SourceOptions
    short: Sequence[Expected]
    long: Sequence[Expected]
    floats: NDArray[np.float32] | None


def options_for(board: Board, fixed_point: bool | None = None) -> SourceOptions:
    """As the exporter writes the sources of the board's target.

    Args:
        board: which.
        fixed_point: the other front-end than the target's, for comparison; None for its own.

    Raises:
        InputError: that target gets no C engine.
    """
    target = find_target(board.target)
    if target.c is None:
        raise InputError(f"the target {target.name} gets no C engine", "choose another board")
    own = target.c.frontend == "fixed"
    fixed = own if fixed_point is None else fixed_point
    return SourceOptions(layout=target.c.layout, fixed_point=fixed)


def make_task(
    bundle: Bundle,
    board: Board,
    plan: Plan,
    speech: Sequence[NDArray[np.float32]],
    fixed_point: bool | None = None,
) -> Task:
    """Vectors and their answers.

    Args:
        bundle: open.
        board: decides the front-end.
        plan: how many.
        speech: clips; see `speech_of`.
        fixed_point: see `options_for`.

    Raises:
        EdgeSerError: see `c_reference.expect`.
    """
    options = options_for(board, fixed_point)
    short = short_vectors(speech, plan.vectors, longest=plan.longest)
    long = clip_vectors(speech, plan.clips, plan.clip_seconds)
    audio = [(vector.pcm / 32_768.0).astype(np.float32) for vector in long]
    return Task(
        options,
        expect(bundle, options, short),
        expect(bundle, options, long),
        _floats(bundle, audio),
    )


def speech_of(bundle: Bundle) -> list[NDArray[np.float32]]:
    """The bundle's golden clips, loudest first: synthetic, where no recordings are at hand."""
    clips = [read_clip(bundle, name) for name in sorted(bundle.manifest.golden.clips)]
    return sorted(clips, key=lambda clip: -float(np.square(clip).mean()))


def _floats(bundle: Bundle, clips: Sequence[NDArray[np.float32]]) -> NDArray[np.float32] | None:
    try:
        model = load_engine(bundle, "onnxruntime", FLOAT_ONNX)
        return np.array([model.predict(clip) for clip in clips])
    except EdgeSerError:
        return None  # no such runtime here, or a bundle without the float model


def run_board(
    board: Board,
    bundle: Bundle,
    task: Task,
    plan: Plan,
    cache: Path,
    say: Callable[[str], None] = print,
) -> BoardReport:
    """Build the probe for a board and question it.

    Args:
        board: which.
        bundle: open.
        task: of `make_task` for that board.
        plan: the same.
        cache: folder for everything that is made once.
        say: told what goes on.

    Raises:
        EnvironmentMissing: a compiler or emulator is missing.
        GateFailed: the program does not compile, or the board dies or hangs.
    """
    program = build_probe(board, bundle, task.options, cache, say)
    say(f"{board.name}: {len(task.short)} vectors, {len(task.long)} clips")
    with tempfile.TemporaryDirectory(prefix="edge-ser-count-") as scratch:
        counter = Counter(Path(scratch, "counts"), cache) if board.emulator else None
        command = run_command(program, cache, counter, say)
        with start_probe(command, plan.limit_seconds) as probe:
            answers = interrogate(probe, task, plan)
            probe.exit()
        instructions = _instructions(counter, plan) if counter else None
    return board_report(
        board,
        task,
        answers,
        emulator=emulator_version(board),
        compiler=f"{compiler_version(board, cache)} {' '.join(board.flags)}".strip(),
        flash=flash_bytes(program),
        instructions=instructions,
    )


def run_serial(
    path: str,
    board: Board,
    task: Task,
    plan: Plan,
    baud: int = DEFAULT_BAUD,
    say: Callable[[str], None] = print,
) -> BoardReport:
    """Question a real board at a serial port; it runs the probe firmware already.

    Args:
        path: e.g. /dev/ttyACM0.
        board: the table's entry that it corresponds to.
        task, plan: as for `run_board`.
        baud: bits per second.
        say: told what goes on.

    Raises:
        EnvironmentMissing: pyserial is not installed.
        InputError: the port cannot be opened.
        GateFailed: nobody answers, or with nonsense.
    """
    say(f"{path}: {len(task.short)} vectors, {len(task.long)} clips")
    with open_serial(path, baud, plan.limit_seconds) as probe:
        answers = interrogate(probe, task, plan)
    return board_report(board, task, answers, speed=plan.burst_units / 2 / answers.burst_seconds)


@dataclass(frozen=True)
class Answers:
    """What a board said.

    Attributes:
        hello, memory: of itself.
        failures: vectors and clips that differ, in words.
        values: (clips, 3) A/D/V.
        burst_seconds: wall time of the burst, meaningful on a real device only.
    """

    hello: Hello
    memory: Memory
    failures: tuple[str, ...]
    values: NDArray[np.float32]
    burst_seconds: float


def interrogate(probe: Probe, task: Task, plan: Plan) -> Answers:
    """All vectors, all clips, then one burst.

    Raises:
        GateFailed: no answer in time, or nonsense.
    """
    hello = probe.hello()
    failures = [line for each in task.short if (line := _difference(each, _played(probe, each)))]
    readings = [_played(probe, each) for each in task.long]
    pairs = zip(task.long, readings, strict=True)
    failures += [line for each, reading in pairs if (line := _difference(each, reading))]
    probe.reset()
    probe.push((task.long or task.short)[0].vector.pcm[:512])
    begun = time.perf_counter()
    probe.burst(plan.burst_units)
    seconds = time.perf_counter() - begun
    values = np.array([reading.values for reading in readings], np.float32).reshape(-1, 3)
    return Answers(hello, probe.memory(), tuple(failures), values, seconds)


def build_probe(
    board: Board,
    bundle: Bundle,
    options: SourceOptions,
    cache: Path,
    say: Callable[[str], None],
    flags: tuple[str, ...] = (),
) -> Program:
    """The probe with the bundle's engine for a board.

    Args:
        board: what for.
        bundle: open.
        options: of `options_for` that board.
        cache: folder for everything that is made once.
        say: told before something slow.
        flags: for the compiler, besides the target's optimisation.

    Raises:
        EnvironmentMissing: the compiler is not installed.
        GateFailed: it refused the sources.
        InputError: the target gets no C engine, or the engine cannot run the backbone.
    """
    c = find_target(board.target).c
    if c is None:
        raise InputError(f"the target {board.target} gets no C engine", "choose another board")
    with tempfile.TemporaryDirectory(prefix="edge-ser-sources-") as scratch:
        write_sources(bundle, Path(scratch), options)
        return build(board, Path(scratch), cache, options=(c.optimise, *flags), say=say)


def _played(probe: Probe, expected: Expected) -> Reading:
    vector = expected.vector
    probe.reset()
    if vector.level is not None:
        probe.set_level(*vector.level)
    probe.push(vector.pcm, vector.chunk)
    return probe.finish()


def _difference(expected: Expected, reading: Reading) -> str:
    """In words, "" if there is none."""
    wanted, name = expected.reading, expected.vector.name
    if reading == wanted:
        return ""
    if reading.rows != wanted.rows:
        return f"{name}: {reading.rows} frames instead of {wanted.rows}"
    if reading.codes_crc != wanted.codes_crc:
        return f"{name}: the front-end gives other codes"
    if reading.outputs_crc != wanted.outputs_crc:
        return f"{name}: the backbone gives other outputs"
    pairs = zip(DIMENSIONS, reading.values, wanted.values, strict=True)
    apart = [f"{dimension} {value!r} instead of {right!r}" for dimension, value, right in pairs]
    return f"{name}: {', '.join(apart)}"


def _instructions(counter: Counter, plan: Plan) -> int:
    counts = read_counts(counter.file)
    if len(counts) != 1:
        raise GateFailed(f"{len(counts)} instruction counts were written instead of one")
    return round(counts[0].total / (plan.burst_units * 8_000 / SAMPLE_RATE))


def _largest(values: NDArray[np.float32], floats: NDArray[np.float32] | None) -> float | None:
    if floats is None or not len(values):
        return None
    return float(np.abs(values - floats).max())


def board_report(
    board: Board,
    task: Task,
    answers: Answers,
    emulator: str = "",
    compiler: str = "",
    flash: int | None = None,
    instructions: int | None = None,
    speed: float | None = None,
) -> BoardReport:
    """What a board's answers to a task mean; the rest as in `BoardReport`."""
    return BoardReport(
        board=board.name,
        title=board.title,
        target=board.target,
        emulator=emulator,
        compiler=compiler,
        kernels=answers.hello.kernels,
        frontend=answers.hello.frontend,
        vectors=len(task.short),
        clips=len(task.long),
        failures=answers.failures[:_MOST_FAILURES],
        float_difference=_largest(answers.values, task.floats),
        buffer=answers.hello.buffer_bytes,
        stack=answers.memory.stack_peak,
        static=answers.memory.static,
        flash=flash,
        instructions=instructions,
        speed=speed,
    )
