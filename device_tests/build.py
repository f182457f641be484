"""Compiling the C engine and a program around it for a board, into the cache.

Equal sources, flags and compilers give the same folder, so nothing is compiled twice.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from device_tests import toolchains
from device_tests.boards import Board
from device_tests.cached import key, once
from device_tests.host_tools import run_tool
from device_tests.toolchains import Call
from edge_ser.errors import GateFailed, InputError

PROBE = "es_probe.c"
AROUND = {
    PROBE: ("es_text.c", "es_crc32.c", "es_measure.c"),
    "es_own.c": ("es_text.c", "es_crc32.c", "es_measure.c"),
    "es_demo.c": ("es_text.c", "es_demo_clip.c"),
}
"""Programs of the `device` folder and what else each is made of there."""

LANGUAGE = ("-std=c99", "-ffp-contract=off")
WARNINGS = ("-Wall", "-Wextra", "-Wpedantic", "-Wconversion")
FOLDERS = ("-Iinclude", "-Isrc", "-Idevice")
# -ffreestanding because there may be no C library, and device/libc is searched for its header
# then; -fbuiltin because small copies would otherwise become calls.
BARE = (
    *("-ffreestanding", "-fbuiltin", "-nostdlib", "-idirafter", "device/libc"),
    *("-ffunction-sections", "-fdata-sections"),
)
# -n: the image begins with its vector table and not with the file's header.
BARE_LINK = ("-Wl,--gc-sections", "-Wl,-n", "-Ldevice")


@dataclass(frozen=True)
class Program:
    """A compiled program.

    Attributes:
        board: what it runs on.
        transport: how it talks.
        path: ELF file.
        command: that made it, in the folder of the sources.
    """

    board: Board
    transport: str
    path: Path
    command: tuple[str, ...]


def build(
    board: Board,
    sources: Path,
    cache: Path,
    main: str = PROBE,
    transport: str = "",
    options: Sequence[str] = ("-O2",),
    say: Callable[[str], None] = print,
) -> Program:
    """Compile a program.

    Args:
        board: what for.
        sources: folder with include, src and device, as `write_sources` makes it.
        cache: folder for everything that is made once.
        main: program in `device`.
        transport: one of the board's; its preferred one by default.
        options: further flags: optimisation, -D, -Werror.
        say: told before something slow.

    Raises:
        EnvironmentMissing: the compiler is not installed.
        GateFailed: it refused the sources; the message has its first lines.
        InputError: the board has no such transport, or `sources` is not a source tree.
    """
    way = transport or board.transports[0]
    call = toolchains.compiler_call(board, cache, say)
    flags = compile_flags(board, main, way, options, engine_sources(sources))
    command = (*call.command, *flags)
    name = Path(main).stem.removeprefix("es_")
    decisive = key(flags, _version(call), _contents(sources))
    folder = cache / "programs" / f"{board.name}-{name}-{decisive}"
    image = f"{name}.elf"
    once(folder, lambda scratch: _compile(call, command, sources, scratch / image), say)
    return Program(board, way, folder / image, command)


def engine_sources(sources: Path) -> list[str]:
    """C files of the engine, relative to the folder of the sources; sorted.

    Raises:
        InputError: there is none.
    """
    found = sorted(str(path.relative_to(sources)) for path in (sources / "src").rglob("*.c"))
    if not found:
        raise InputError(
            f"{sources} holds no engine (src/*.c)", "write one: firmware_export.c_engine"
        )
    return found


def compile_flags(
    board: Board, main: str, transport: str, options: Sequence[str], engine: Sequence[str]
) -> tuple[str, ...]:
    """Everything between the compiler's name and `-o`.

    Raises:
        InputError: the board has no such transport.
    """
    if transport not in board.transports:
        known = ", ".join(board.transports)
        raise InputError(f"{board.name} has no transport {transport!r}", f"it has: {known}")
    device = (main, *AROUND[main], *board.sources, _transport_source(board, transport))
    files = (*engine, *(f"device/{name}" for name in device))
    flags = (*LANGUAGE, *options, *WARNINGS, *FOLDERS, *board.flags)
    if not board.bare:
        static = ("-static",) if board.emulator else ()
        return (*flags, *files, *static)
    definitions = {"uart": f"-DES_UART={board.uart_address:#x}u", "files": "-DES_HOST_FILES"}
    defined = (definitions[transport],) if transport in definitions else ()
    link = (*BARE_LINK, "-T", f"device/{board.script}", "-lgcc")
    return (*flags, *BARE, *defined, *files, *link)


def _transport_source(board: Board, transport: str) -> str:
    if transport == "uart":
        return board.uart
    return "es_transport_posix.c" if transport == "stdio" else "es_transport_semihosting.c"


def _version(call: Call) -> str:
    return run_tool([*call.command, "--version"], call.environment)


def _contents(sources: Path) -> list[tuple[str, str]]:
    files = (path for name in ("include", "src", "device") for path in (sources / name).rglob("*"))
    return sorted(
        (str(path.relative_to(sources)), path.read_text()) for path in files if path.is_file()
    )


def _compile(call: Call, command: Sequence[str], sources: Path, image: Path) -> None:
    words = [*command, "-o", str(image)]
    done = subprocess.run(words, cwd=sources, env=call.environment, capture_output=True, text=True)
    if done.returncode != 0:
        said = "\n".join(done.stderr.strip().splitlines()[:12])
        raise GateFailed(f"{words[0]} failed with code {done.returncode}:\n{said}")
    (image.parent / "command.txt").write_text(" ".join(command) + "\n")


def flash_bytes(program: Program) -> int | None:
    """Code and constants of the whole image, bytes of flash; None on Linux.

    Raises:
        EnvironmentMissing: the board's binutils do not work.
    """
    if not program.board.bare:
        return None
    sizes = run_tool([f"{program.board.compiler}-size", program.path])
    text, data = sizes.splitlines()[1].split()[:2]
    return int(text) + int(data)
