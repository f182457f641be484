"""The host's side of the probe protocol (device/es_probe.c), over any pair of byte streams.

A subprocess's pipes, a pseudo-terminal or a serial port: all are file descriptors here. Every
wait has a limit, and a device that dies, hangs or answers nonsense is a failed gate.
"""

from __future__ import annotations

import os
import select
import struct
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO

import numpy as np
from numpy.typing import NDArray

from edge_ser.errors import EnvironmentMissing, GateFailed, InputError

LARGEST_CHUNK = 512
BURST_UNIT = 8_000
"""Samples that one unit of `Probe.burst` pushes."""

DEFAULT_LIMIT_SECONDS = 120.0
DEFAULT_BAUD = 115_200


@dataclass(frozen=True)
class Hello:
    """What runs on the device.

    Attributes:
        version: of the edge-ser that generated the engine.
        model_sha256: of the quantised backbone.
        kernels: compiled in, e.g. "plain".
        frontend: "float" or "fixed".
        buffer_bytes: memory of one engine.
    """

    version: str
    model_sha256: str
    kernels: str
    frontend: str
    buffer_bytes: int


@dataclass(frozen=True)
class Reading:
    """The device's result, exact to the bit.

    Attributes:
        ready: whether the engine calls it valid.
        bits: of arousal, dominance and valence as float32.
        rows: output frames of the backbone since reset.
        codes_crc, outputs_crc: over all int8 log-mel rows and all int8 output frames since reset.
    """

    ready: bool
    bits: tuple[int, int, int]
    rows: int
    codes_crc: int
    outputs_crc: int

    @property
    def values(self) -> tuple[float, float, float]:
        """Arousal, dominance and valence."""
        arousal, dominance, valence = struct.unpack("<3f", struct.pack("<3I", *self.bits))
        return arousal, dominance, valence


@dataclass(frozen=True)
class Memory:
    """RAM in use; 0 where the device does not know.

    Attributes:
        stack_peak: most bytes of stack so far.
        static: bytes of everything else, the engine's buffer included.
    """

    stack_peak: int
    static: int


class Probe:
    """A device that answers.

    Args:
        from_device, to_device: file descriptors; the caller opens and closes them.
        limit_seconds: for each answer.
        process: the emulator, if there is one: asked why it ended.
        errors: what it wrote to its standard error.
        under_way: chunks sent ahead of their answers. More than one only where what waits is kept
            for the device: a serial port would lose it.
    """

    def __init__(
        self,
        from_device: int,
        to_device: int,
        limit_seconds: float = DEFAULT_LIMIT_SECONDS,
        process: subprocess.Popen[bytes] | None = None,
        errors: IO[bytes] | None = None,
        under_way: int = 1,
    ) -> None:
        self._from_device = from_device
        self._to_device = to_device
        self._limit = limit_seconds
        self._process = process
        self._errors = errors
        self._under_way = under_way
        self._received = b""

    def skip_to(self, wanted: str) -> None:
        """Skip what is said before a line, e.g. by a login.

        Args:
            wanted: that line.

        Raises:
            GateFailed: it does not come.
        """
        deadline = time.monotonic() + self._limit
        while (line := self._line(deadline, "")) != wanted:
            if line is None:
                raise GateFailed(self._obituary("nothing yet"))

    def hello(self) -> Hello:
        """Ask who is there."""
        name, version, model, kernels, frontend, size = self._ask(b"H", 6)
        if name != "edge-ser":
            raise GateFailed(f"the device is no edge-ser probe: it said {name!r}")
        return Hello(version, model, kernels, frontend, self._decimal(size))

    def reset(self) -> None:
        """Forget everything heard."""
        self._ask(b"R")

    def set_level(self, mean: float, variance: float) -> None:
        """A fixed level (per-clip normalisation) from the next frame on."""
        self._ask(b"L" + struct.pack("<2f", mean, variance))

    def push(self, samples: NDArray[np.int16], chunk: int = LARGEST_CHUNK) -> None:
        """Hear samples, at most `chunk` at a time.

        Args:
            samples: (n,) int16, 16 kHz.
            chunk: 1 to 512.
        """
        pieces = [samples[start : start + chunk] for start in range(0, len(samples), chunk)]
        commands = [
            b"P" + struct.pack("<H", len(piece)) + piece.astype("<i2").tobytes() for piece in pieces
        ]
        for start in range(0, len(commands), self._under_way):
            ahead = commands[start : start + self._under_way]
            deadline = time.monotonic() + self._limit
            self._send(b"".join(ahead), deadline)
            for _ in ahead:
                self._answer("P", deadline)

    def read(self) -> Reading:
        """The result so far."""
        return self._reading(b"Q")

    def finish(self) -> Reading:
        """End the signal; the final result."""
        return self._reading(b"F")

    def burst(self, units: int) -> None:
        """Push the last chunk again and again, `units` * 8000 samples; a counter counts this."""
        self._ask(b"B" + struct.pack("<H", units))

    def memory(self) -> Memory:
        """RAM in use."""
        stack, static = self._ask(b"M", 2)
        return Memory(self._decimal(stack), self._decimal(static))

    def exit(self) -> None:
        """End the device's program.

        Its answer may be lost: a pseudo-terminal drops what waits when the emulator ends.

        Raises:
            GateFailed: it answered something else, or an emulator ended with another code than 0.
        """
        deadline = time.monotonic() + self._limit
        self._send(b"X", deadline)
        line = self._line(deadline, "X")
        if line not in (None, "X"):
            raise GateFailed(f"the device answered X with {line!r}")
        if self._process is not None and self._process.wait(self._limit) != 0:
            raise GateFailed(f"the program ended with code {self._process.returncode}")

    def _reading(self, command: bytes) -> Reading:
        ready, *bits, rows, codes, outputs = self._ask(command, 7)
        arousal, dominance, valence = (self._hexadecimal(word) for word in bits)
        return Reading(
            ready == "1",
            (arousal, dominance, valence),
            self._decimal(rows),
            self._hexadecimal(codes),
            self._hexadecimal(outputs),
        )

    def _ask(self, command: bytes, words: int = 0) -> list[str]:
        """Send a command; the words of the answer after its letter."""
        deadline = time.monotonic() + self._limit
        self._send(command, deadline)
        return self._answer(chr(command[0]), deadline, words)

    def _answer(self, letter: str, deadline: float, words: int = 0) -> list[str]:
        line = self._line(deadline, letter)
        if line is None:
            raise GateFailed(self._obituary(letter))
        answer = line.split(" ")
        if answer[0] == "E":
            raise GateFailed(f"the device refused {letter}: {line[2:]}")
        if answer[0] != letter or len(answer) != 1 + words:
            raise GateFailed(f"the device answered {letter} with {line[:80]!r}")
        return answer[1:]

    def _send(self, command: bytes, deadline: float) -> None:
        left = memoryview(command)
        while left:
            self._wait([], [self._to_device], deadline, chr(command[0]))
            try:
                # No more than fits for certain: a write that waits would know no limit.
                left = left[os.write(self._to_device, left[: select.PIPE_BUF]) :]
            except BrokenPipeError:
                return  # it has ended; what it said last is still to be read

    def _line(self, deadline: float, letter: str) -> str | None:
        """The device's next line; None if it has ended."""
        while b"\n" not in self._received:
            self._wait([self._from_device], [], deadline, letter)
            piece = self._read_piece()
            if not piece:
                return None
            self._received += piece
        line, self._received = self._received.split(b"\n", 1)
        return line.decode("ascii", "replace").rstrip("\r")

    def _read_piece(self) -> bytes:
        try:
            return os.read(self._from_device, 4096)
        except OSError:  # a pseudo-terminal whose other end is closed
            return b""

    def _wait(self, read: Sequence[int], write: Sequence[int], deadline: float, to: str) -> None:
        left = deadline - time.monotonic()
        if left <= 0 or select.select(read, write, [], left) == ([], [], []):
            raise GateFailed(f"the device did not answer {to} within {self._limit:g} s")

    def _obituary(self, letter: str) -> str:
        message = f"the device closed the connection when asked {letter}"
        if self._process is None:
            return message
        code = self._process.wait(self._limit)
        return f"{message}; its program ended with code {code}{self._last_words()}"

    def _last_words(self) -> str:
        if self._errors is None:
            return ""
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()[-3:]
        return ": " + " / ".join(lines) if lines else ""

    @staticmethod
    def _decimal(word: str) -> int:
        if not word.isdecimal():
            raise GateFailed(f"the device answered {word!r} instead of a number")
        return int(word)

    @staticmethod
    def _hexadecimal(word: str) -> int:
        try:
            return int(word, 16)
        except ValueError:
            raise GateFailed(f"the device answered {word!r} instead of 8 digits") from None


@contextmanager
def start_probe(
    command: Sequence[str],
    limit_seconds: float = DEFAULT_LIMIT_SECONDS,
    under_way: int = 1,
) -> Iterator[Probe]:
    """A probe in a process of its own, ended with the context.

    Args:
        command: from `launch.run_command`.
        limit_seconds: for each answer.
        under_way: see `Probe`.
    """
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, bufsize=0
        )
        assert process.stdin is not None and process.stdout is not None
        try:
            output, input_ = process.stdout.fileno(), process.stdin.fileno()
            yield Probe(output, input_, limit_seconds, process, errors, under_way)
        finally:
            process.stdin.close()
            process.kill()
            process.wait()
            process.stdout.close()


@contextmanager
def open_serial(
    path: str, baud: int = DEFAULT_BAUD, limit_seconds: float = DEFAULT_LIMIT_SECONDS
) -> Iterator[Probe]:
    """A probe at a serial port or a pseudo-terminal.

    Args:
        path: e.g. /dev/ttyACM0.
        baud: bits per second; a pseudo-terminal ignores it.
        limit_seconds: for each answer.

    Raises:
        EnvironmentMissing: pyserial is not installed.
        InputError: the port does not exist or is in use.
    """
    try:
        import serial
    except ImportError:
        raise EnvironmentMissing(
            "a serial port needs pyserial", "pip install 'edge-ser[devices]'"
        ) from None
    try:
        port = serial.Serial(path, baud, timeout=0, exclusive=True)
    except (serial.SerialException, ValueError) as error:
        raise InputError(
            f"the serial port {path} cannot be opened: {error}",
            "is the board connected, and may this user open it (group dialout)?",
        ) from error
    with port:
        port.reset_input_buffer()
        yield Probe(port.fileno(), port.fileno(), limit_seconds)
