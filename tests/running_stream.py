"""`edge-ser stream` in a process of its own, for tests that pull things away under it.

Its standard output can be left unread, its memory and its end are watched, and its wall clock
can be set without setting the machine's.
"""

from __future__ import annotations

import fcntl
import itertools
import json
import mmap
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import numpy as np
import pytest
import soundfile
from conftest import REPOSITORY, synthetic_speech

COMMAND = [sys.executable, "-m", "edge_ser", "stream"]

PATIENCE_SECONDS = 60.0
"""For what should take a second or two: a busy machine may be slow, never wrong."""

Figure = Callable[[str, Any], None]
"""The fixture `figure`: what a test measured, for docs/RELIABILITY.md; `pytest -rP` prints it."""

END_SECONDS = 5.0
"""From SIGTERM to the end of the process, whatever hangs."""


class RunningStream:
    """The command, its output read as it comes; used as a context manager that kills what is left.

    Args:
        arguments: of `edge-ser stream`; JSON lines are asked for.
        environment: of the process; None: this one's.
        feed: whether standard input is a pipe for the test to write to.
        before: run in the child before the program, e.g. to limit what it may use.
        prefix: words before the command, e.g. ("nice", "-n", "19").

    Attributes:
        lines: of standard output, as objects.
        process: itself.
    """

    def __init__(
        self,
        *arguments: str,
        environment: dict[str, str] | None = None,
        feed: bool = False,
        before: Callable[[], None] | None = None,
        prefix: Sequence[str] = (),
    ) -> None:
        self.lines: list[dict[str, Any]] = []
        self._errors: list[str] = []
        self._may_read = threading.Event()
        self._may_read.set()
        self.process = subprocess.Popen(
            [*prefix, *COMMAND, *arguments, "--json"],
            cwd=REPOSITORY,
            env=environment,
            stdin=subprocess.PIPE if feed else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            preexec_fn=before,
        )
        assert self.process.stdout is not None and self.process.stderr is not None
        self._readers = [
            threading.Thread(target=self._read_lines, args=(self.process.stdout,), daemon=True),
            threading.Thread(target=self._read_errors, args=(self.process.stderr,), daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    @property
    def readings(self) -> list[dict[str, Any]]:
        """So far."""
        return [line for line in self.lines if line["type"] == "reading"]

    @property
    def events(self) -> list[dict[str, Any]]:
        """So far."""
        return [line for line in self.lines if line["type"] == "event"]

    @property
    def log(self) -> str:
        """Standard error so far."""
        return "".join(self._errors)

    @property
    def resident(self) -> int:
        """Bytes of memory it holds now."""
        pages = Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    @property
    def descriptors(self) -> int:
        """Files and sockets it has open now."""
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    @property
    def threads(self) -> int:
        """It has now."""
        return len(os.listdir(f"/proc/{self.process.pid}/task"))

    @property
    def page(self) -> str:
        """Where its web page is, once it says so: "http://127.0.0.1:PORT/"."""
        self.wait_for(lambda: "web page: " in self.log, "a web page")
        found = re.search(r"web page: (http://\S+)", self.log)
        assert found is not None
        return found[1]

    def health(self) -> dict[str, Any]:
        """What its health endpoint says now, whatever the status."""
        try:
            with urllib.request.urlopen(f"{self.page}health", timeout=10) as answer:
                content = answer.read()
        except urllib.error.HTTPError as refusal:
            content = refusal.read()
        found: dict[str, Any] = json.loads(content)
        return found

    @property
    def input(self) -> IO[bytes]:
        """Its standard input."""
        assert self.process.stdin is not None
        return self.process.stdin

    def wait_for(
        self, condition: Callable[[], object], what: str, seconds: float = PATIENCE_SECONDS
    ) -> None:
        """Until it holds; fails with the log if it never does or the process ends before."""
        deadline = time.monotonic() + seconds
        while not condition():
            ended = self.process.poll()
            if ended is not None and not condition():
                pytest.fail(f"ended with {ended} before {what}:\n{self.log[-3000:]}")
            if time.monotonic() > deadline:
                pytest.fail(f"no {what} within {seconds:g} s:\n{self.log[-3000:]}")
            time.sleep(0.05)

    def wait_for_readings(self, count: int, seconds: float = PATIENCE_SECONDS) -> None:
        """Until so many more have come."""
        wanted = len(self.readings) + count
        self.wait_for(lambda: len(self.readings) >= wanted, f"{count} more readings", seconds)

    def stop_reading(self) -> None:
        """Nobody takes its output any more; one block may still be taken."""
        assert self.process.stdout is not None
        fcntl.fcntl(self.process.stdout, fcntl.F_SETPIPE_SZ, mmap.PAGESIZE)
        self._may_read.clear()

    def read_again(self) -> None:
        """Somebody does."""
        self._may_read.set()

    def freeze(self, seconds: float) -> None:
        """It gets no processor for so long."""
        self.process.send_signal(signal.SIGSTOP)
        try:
            time.sleep(seconds)
        finally:
            self.process.send_signal(signal.SIGCONT)

    def terminate(self, seconds: float = END_SECONDS) -> float:
        """SIGTERM; how long it took to end, with exit code 0 and without a traceback."""
        begun = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            pytest.fail(f"did not end within {seconds:g} s of SIGTERM:\n{self.log[-3000:]}")
        took = time.monotonic() - begun
        self.finish()
        assert code == 0, self.log
        return took

    def finish(self, seconds: float = PATIENCE_SECONDS) -> None:
        """Wait for its end and for all that it wrote."""
        self.process.wait(seconds)
        self.read_again()
        for reader in self._readers:
            reader.join(seconds)
        assert "Traceback" not in self.log, self.log

    def total(self, name: str) -> int:
        """A number of the summary, e.g. "samples dropped" or "windows"; 0 if it has none."""
        found = re.search(rf"(\d+) {re.escape(name)}", self._summary())
        return int(found[1]) if found else 0

    def lost(self, sink: str) -> int:
        """What the summary says that a sink never got."""
        found = re.search(rf"{re.escape(sink)} lost (\d+)", self._summary())
        return int(found[1]) if found else 0

    def _summary(self) -> str:
        """The log's last line that counts windows."""
        return [line for line in self.log.splitlines() if " s of audio;" in line][-1]

    def _read_lines(self, output: IO[bytes]) -> None:
        waiting = b""
        while True:
            self._may_read.wait()
            block = os.read(output.fileno(), 4096)
            if not block:
                break
            *complete, waiting = (waiting + block).split(b"\n")
            self.lines += [json.loads(line) for line in complete]
        assert waiting == b"", waiting

    def _read_errors(self, output: IO[bytes]) -> None:
        for line in output:
            self._errors.append(line.decode(errors="replace"))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.read_again()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(PATIENCE_SECONDS)
        for reader in self._readers:
            reader.join(PATIENCE_SECONDS)
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            if pipe is not None and not pipe.closed:
                try:
                    pipe.close()
                except BrokenPipeError:
                    continue


_CLOCK_SOURCE = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile int64_t *offset;

__attribute__((constructor)) static void attach(void) {
    const char *path = getenv("EDGE_SER_TEST_CLOCK");
    int file = path ? open(path, O_RDONLY) : -1;
    if (file < 0) return;
    void *page = mmap(NULL, 8, PROT_READ, MAP_SHARED, file, 0);
    close(file);
    if (page != MAP_FAILED) offset = page;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    int result = (int)syscall(SYS_clock_gettime, clock, now);
    if (result == 0 && offset && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        now->tv_sec += *offset;
    return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    struct timespec exact;
    (void)zone;
    if (clock_gettime(CLOCK_REALTIME, &exact)) return -1;
    now->tv_sec = exact.tv_sec;
    now->tv_usec = exact.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *where) {
    struct timespec exact;
    clock_gettime(CLOCK_REALTIME, &exact);
    if (where) *where = exact.tv_sec;
    return exact.tv_sec;
}
"""


class WallClock:
    """A wall clock that a test sets, for processes started with its `environment`.

    A small library in front of the C library adds an offset to what the system says of
    CLOCK_REALTIME; every other clock stays as it is, as when somebody sets the machine's time.

    Args:
        folder: for the library and the offset.
    """

    def __init__(self, folder: Path) -> None:
        compiler = shutil.which("cc")
        assert compiler is not None, "no C compiler: sudo apt install gcc libc6-dev"
        source, library = folder / "clock.c", folder / "clock.so"
        source.write_text(_CLOCK_SOURCE)
        subprocess.run(
            [compiler, "-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", library, source],
            check=True,
        )
        self._offset = folder / "clock.offset"
        self.set(0)
        self.environment = {
            "LD_PRELOAD": str(library),
            "EDGE_SER_TEST_CLOCK": str(self._offset),
        }

    def set(self, seconds: int) -> None:
        """Move it by so much from the system's."""
        with self._offset.open("r+b" if self._offset.exists() else "w+b") as file:
            file.write(struct.pack("=q", seconds))


def speech_file(path: Path, seconds: float, rate: int = 16_000) -> Path:
    """A WAV file of synthetic speech, repeated as often as needed."""
    base = synthetic_speech(10.0, seed=5)
    samples = np.resize(base, round(seconds * 16_000))
    soundfile.write(path, samples, rate)
    return path


def contiguous(readings: Sequence[dict[str, Any]], hop_samples: int) -> bool:
    """Whether each ends a hop after the one before it, the last one at most a hop."""
    ends = [reading["end_sample"] for reading in readings]
    *steps, last = [later - earlier for earlier, later in itertools.pairwise(ends)] or [hop_samples]
    return all(step == hop_samples for step in steps) and 0 < last <= hop_samples


def sections(readings: Sequence[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Readings between two gaps: a window that shares no sample with the one before begins one."""
    found: list[list[dict[str, Any]]] = []
    end = 0
    for reading in readings:
        if reading["start_sample"] >= end:
            found.append([])
        found[-1].append(reading)
        end = reading["end_sample"]
    return found
