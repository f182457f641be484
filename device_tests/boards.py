"""The machines that the C engine is compiled for and runs on here: bare boards and Linux cores.

A table, no mechanism: how each is compiled, linked and emulated; what it shares with its export
target comes from there. All are emulated but `host`.
Emulation shows values and counts instructions; it says nothing of speed.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from edge_ser.errors import InputError
from firmware_export.targets import TARGETS


@dataclass(frozen=True)
class Board:
    """One machine.

    Attributes:
        name: as given to `--device`.
        title: for people.
        target: the export target that it runs.
        compiler: a key of `toolchains.COMPILERS`.
        flags: which processor, for the compiler.
        emulator: command that runs a program whose path follows; empty: it runs here.
        sources: start-up code and what else the machine needs, in the sources' `device` folder.
        script: linker script there; empty for Linux.
        uart: source of the UART's driver there; empty for Linux.
        uart_address: of the UART.
        transports: how programs can talk to the host, keys of `CHANNELS` where qemu emulates the
            whole board; the preferred one first.
    """

    name: str
    title: str
    target: str
    compiler: str
    flags: tuple[str, ...]
    emulator: tuple[str, ...]
    sources: tuple[str, ...]
    script: str = ""
    uart: str = ""
    uart_address: int = 0
    transports: tuple[str, ...] = ("stdio",)

    @property
    def bare(self) -> bool:
        """True without an operating system."""
        return bool(self.script)


_POSIX = ("es_board_posix.c",)

_HEADLESS = ("-display", "none", "-monitor", "none")
_SEMIHOSTING = ("-semihosting-config", "enable=on,target=native")

CHANNELS: dict[str, tuple[str, ...]] = {
    "files": (*_SEMIHOSTING, "-serial", "none"),
    "uart": (*_SEMIHOSTING, "-serial", "stdio"),
    "console": (
        *("-chardev", "stdio,id=console", "-serial", "none"),
        *("-semihosting-config", "enable=on,target=native,chardev=console"),
    ),
}
"""Arguments that connect a transport to qemu's standard input and output.

"files" and "console" are semihosting; only the first can also read. With "uart" it is used for
the program's end alone.
"""


def _bare(
    name: str,
    title: str,
    uart: str,
    uart_address: int,
    emulator: tuple[str, ...] = (),
    transports: tuple[str, ...] = tuple(CHANNELS),
) -> Board:
    """A board that runs what its target is built as; qemu's command too unless told otherwise."""
    target = TARGETS[name]
    assert target.c is not None and target.demo is not None
    return Board(
        name=name,
        title=title,
        target=name,
        compiler=target.c.compiler,
        flags=target.c.flags,
        emulator=emulator or (*target.demo.emulator, *_HEADLESS),
        sources=target.demo.sources,
        script=target.demo.script,
        uart=uart,
        uart_address=uart_address,
        transports=transports,
    )


def _linux(
    name: str, title: str, target: str, compiler: str, flags: tuple[str, ...], *emulator: str
) -> Board:
    return Board(name, title, target, compiler, flags, emulator, _POSIX)


_AARCH64 = "aarch64-linux-gnu"
_CMSDK = "es_transport_cmsdk.c"

BOARDS: dict[str, Board] = {
    board.name: board
    for board in (
        _bare(
            "cortex-m0plus",
            "Cortex-M0+, RP2040 (rp2040js)",
            "es_transport_pl011.c",
            0x40034000,
            emulator=("rp2040js",),
            transports=("uart",),
        ),
        _bare("cortex-m3", "Cortex-M3, MPS2 AN385 (qemu)", _CMSDK, 0x40004000),
        _bare("cortex-m4", "Cortex-M4 with FPU, MPS2 AN386 (qemu)", _CMSDK, 0x40004000),
        _bare("cortex-m7", "Cortex-M7, MPS2 AN500 (qemu)", _CMSDK, 0x40004000),
        _bare("cortex-m33", "Cortex-M33, MPS2 AN505 (qemu)", _CMSDK, 0x50200000),
        _bare("cortex-m55", "Cortex-M55 with MVE, MPS3 AN547 (qemu)", _CMSDK, 0x59303000),
        _bare(
            "rv32imc",
            "RISC-V rv32imc (ESP32-C3 class), virt (qemu)",
            "es_transport_ns16550.c",
            0x10000000,
        ),
        _linux(
            "cortex-a53",
            "Cortex-A53, Raspberry Pi Zero 2 and 3, 64 bit (qemu)",
            "rpi",
            _AARCH64,
            ("-mcpu=cortex-a53",),
            *("qemu-aarch64", "-cpu", "cortex-a53"),
        ),
        _linux(
            "cortex-a72",
            "Cortex-A72, Raspberry Pi 4, 64 bit (qemu)",
            "rpi",
            _AARCH64,
            ("-mcpu=cortex-a72",),
            *("qemu-aarch64", "-cpu", "cortex-a72"),
        ),
        _linux(
            "cortex-a76",
            "Cortex-A76, Raspberry Pi 5, 64 bit (qemu)",
            "rpi",
            _AARCH64,
            ("-mcpu=cortex-a76",),
            *("qemu-aarch64", "-cpu", "cortex-a76"),
        ),
        _linux(
            "armv7",
            "Cortex-A7, 32 bit with NEON (qemu)",
            "rpi-armv7",
            "arm-linux-gnueabihf",
            ("-mcpu=cortex-a7", "-mfpu=neon-vfpv4", "-mfloat-abi=hard"),
            *("qemu-arm", "-cpu", "cortex-a7"),
        ),
        _linux(
            "armv6",
            "ARM1176, Raspberry Pi Zero and 1 (qemu)",
            "rpi-zero",
            "zig",
            ("-target", "arm-linux-musleabihf", "-mcpu=arm1176jzf_s"),
            *("qemu-arm", "-cpu", "arm1176"),
        ),
        _linux("host", "this machine, not emulated", "linux-x86_64", "host", ("-march=native",)),
    )
}


def find_board(name: str) -> Board:
    """The board of that name.

    Raises:
        InputError: unknown; the nearest known name is suggested.
    """
    if name in BOARDS:
        return BOARDS[name]
    near = difflib.get_close_matches(name, BOARDS, n=1, cutoff=0.4)
    question = f"did you mean {near[0]!r}? " if near else ""
    raise InputError(f"no board called {name!r}", f"{question}known boards: {', '.join(BOARDS)}")
