"""Counting the instructions that a guest executes between es_measure_begin and es_measure_end.

qemu loads a plugin of ours, rp2040js is stepped by a script of ours; both count every executed
instruction, so equal runs give equal counts. Instructions are no cycles and no milliseconds.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from device_tests.cached import key, once
from device_tests.host_tools import run_tool
from edge_ser.errors import EnvironmentMissing, GateFailed, InputError

_SOURCE = Path(__file__).parent / "count_instructions.c"
_NEWER_INTERFACE = 9
"""First major version of qemu that refuses plugins of interface 1 and takes those of 2."""


@dataclass(frozen=True)
class Counter:
    """Where counts go.

    Attributes:
        file: written by the emulator, one measurement after the other.
        cache: where the plugin is kept.
        profile: also count for each function (qemu only).
        whole: count the whole program instead, for one without marks (qemu only).
    """

    file: Path
    cache: Path
    profile: bool = False
    whole: bool = False

    def qemu_arguments(self, emulator: Sequence[str]) -> list[str]:
        """Arguments that load the plugin; they come right after the emulator's name.

        Raises:
            InputError: the program runs without an emulator.
            EnvironmentMissing: the plugin cannot be compiled.
        """
        if not emulator:
            raise InputError("instructions can be counted in emulators only", "choose a board")
        library = plugin(emulator[0], self.cache)
        options = [f"{name}=on" for name in ("profile", "whole") if getattr(self, name)]
        return ["-plugin", ",".join([str(library), f"out={self.file}", *options])]


@dataclass(frozen=True)
class Count:
    """One measurement.

    Attributes:
        total: instructions.
        functions: instructions of each function, largest first; empty without profile.
    """

    total: int
    functions: dict[str, int] = field(default_factory=dict)


def plugin(emulator: str, cache: Path, say: Callable[[str], None] = print) -> Path:
    """The plugin for that emulator, compiled on first use.

    Raises:
        EnvironmentMissing: no C compiler, or the emulator does not run.
    """
    interface = 1 if _major_version(emulator) < _NEWER_INTERFACE else 2
    folder = cache / f"count-instructions-{key(_SOURCE.read_text(), interface, os.uname().machine)}"

    def compile_it(scratch: Path) -> None:
        command = ["cc", "-O2", "-fPIC", "-shared", "-fvisibility=hidden"]
        command += [f"-DPLUGIN_VERSION={interface}", str(_SOURCE)]
        run_tool([*command, "-o", str(scratch / "libcount.so")])

    return once(folder, compile_it, say) / "libcount.so"


def _major_version(emulator: str) -> int:
    said = run_tool([emulator, "--version"])
    try:
        return int(said.split("version ")[1].split(".")[0])
    except (IndexError, ValueError) as error:
        raise EnvironmentMissing(f"{emulator} --version says no version: {said[:80]!r}") from error


def read_counts(file: Path) -> list[Count]:
    """The measurements in a counter's file, in the order they were made.

    Raises:
        GateFailed: the file is not there or holds something else.
    """
    counts: list[Count] = []
    try:
        for line in file.read_text().splitlines():
            name, number = line.rsplit(" ", 1)
            if name == "total":
                counts.append(Count(int(number)))
            else:
                counts[-1].functions[name] = int(number)
    except (OSError, ValueError, IndexError) as error:
        raise GateFailed(f"no instruction counts in {file}: {error}") from error
    return [Count(count.total, _largest_first(count.functions)) for count in counts]


def _largest_first(functions: dict[str, int]) -> dict[str, int]:
    return dict(sorted(functions.items(), key=lambda item: -item[1]))
