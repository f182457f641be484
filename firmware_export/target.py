"""What the exporter must know of a device; the devices themselves are in targets.py."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

FrontEnd = Literal["float", "fixed"]


@dataclass(frozen=True)
class CBuild:
    """How the C engine is built for a device.

    Attributes:
        compiler: a key of `toolchains.COMPILERS`.
        flags: which processor, for that compiler.
        layout: of the weights, a key of `c_engine.layout.LAYOUTS`.
        frontend: "fixed" for cores without an FPU.
        optimise: level.
    """

    compiler: str
    flags: tuple[str, ...]
    layout: str
    frontend: FrontEnd = "float"
    optimise: str = "-O2"


@dataclass(frozen=True)
class Chip:
    """A usual chip of a class, for what can fit at all.

    Attributes:
        name: with where its flash is.
        flash, ram: bytes.
    """

    name: str
    flash: int
    ram: int


@dataclass(frozen=True)
class Demo:
    """The demo firmware of a bare core: what it is linked from and how an emulator starts it.

    Attributes:
        sources: in the sources' `device` folder, besides the demo itself and its transport.
        script: linker script there.
        emulator: qemu and its board, before further arguments; empty if Debian has no emulator.
        package: Debian package of the emulator.
        transport: source of what carries the demo's text, there.
        defines: arguments for the compiler that the transport needs.
    """

    sources: tuple[str, ...]
    script: str
    emulator: tuple[str, ...] = ()
    package: str = ""
    transport: str = "es_transport_semihosting.c"
    defines: tuple[str, ...] = ()


@dataclass(frozen=True)
class Target:
    """A device.

    Attributes:
        name: as given to `--target`.
        title: for people.
        machine: `uname -m` of its Linux; empty without one.
        engines: Python runtimes that have wheels for it, preferred one first.
        installer: whether the bundle gets `run/`, which installs the first of them.
        c: the C engine's build; None where the bundle carries none.
        chip: what has to suffice; None under an operating system.
        emulated: devices and boards of `device-test` that run it here.
        demo: runnable firmware.
        tested: what else runs it here than `device-test`, for the list.
        extra: a hand-off of its own, a key of `extras.EXTRAS`.
        note: what else a reader of the list should know.
    """

    name: str
    title: str
    machine: str = ""
    engines: tuple[str, ...] = ()
    installer: bool = False
    c: CBuild | None = None
    chip: Chip | None = None
    emulated: tuple[str, ...] = ()
    demo: Demo | None = None
    extra: str = ""
    tested: str = ""
    note: str = ""

    @property
    def linux(self) -> bool:
        """Whether programs run there under Linux."""
        return bool(self.machine)
