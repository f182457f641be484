"""The devices a bundle can be exported for: a table, and finding a name in it.

Memory is that of a usual chip of the class, from its data sheet.
"""

from __future__ import annotations

import difflib

from edge_ser.errors import InputError
from firmware_export.target import CBuild, Chip, Demo, Target

FLOAT_ONNX = "model.float.onnx"
INT8_ONNX = "model.int8.onnx"
INT8_TFLITE = "model.int8.tflite"
BACKBONE_TFLITE = "backbone.int8.tflite"
BACKBONE_ONNX = "backbone.int8.onnx"

_KIB, _MIB = 1024, 1024 * 1024

_ALL_RUNTIMES = ("litert", "tflite-runtime", "onnxruntime")

_BARE = ("es_board_bare.c", "es_memory.c", "es_exit_semihosting.c")


def _zig(triple: str, processor: str, layout: str) -> CBuild:
    """musl: a static binary that runs on every distribution, under a permissive licence."""
    return CBuild("zig", ("-target", triple, f"-mcpu={processor}"), layout)


def _cortex_m(core: str, layout: str, chip: Chip, demo: Demo, *floats: str) -> Target:
    return Target(
        name=f"cortex-{core}",
        title=f"Arm Cortex-{core.replace('plus', '+').upper()}",
        c=CBuild(
            "arm-none-eabi",
            ("-mthumb", f"-mcpu=cortex-{core}", *floats),
            layout,
            "float" if floats else "fixed",
        ),
        chip=chip,
        emulated=(f"cortex-{core}",),
        demo=demo,
    )


def _qemu(machine: str, script: str) -> Demo:
    emulator = ("qemu-system-arm", "-M", machine)
    return Demo((*_BARE, "es_start_cortexm.c"), script, emulator, "qemu-system-arm")


_LINUX = (
    Target(
        name="linux-x86_64",
        title="Linux PC or server",
        machine="x86_64",
        engines=_ALL_RUNTIMES,
        installer=True,
        c=_zig("x86_64-linux-musl", "x86_64_v3", "simd"),
        emulated=("host",),
        note="binaries need AVX2 (since 2013); the sources do not, and use VNNI if told to",
    ),
    Target(
        name="rpi",
        title="Raspberry Pi 3, 4, 5, Zero 2 W with a 64-bit OS",
        machine="aarch64",
        engines=_ALL_RUNTIMES,
        installer=True,
        c=_zig("aarch64-linux-musl", "cortex_a53", "simd"),
        emulated=(
            "rpi-aarch64",
            "rpi-aarch64-trixie",
            "cortex-a53",
            "cortex-a72",
            "cortex-a76",
        ),
        note="binaries for every 64-bit Pi; the sources use the Pi 5's dot product if told to",
    ),
    Target(
        name="rpi-armv7",
        title="Raspberry Pi 2, 3, 4 with a 32-bit OS",
        machine="armv7l",
        engines=("tflite-runtime",),
        c=_zig("arm-linux-musleabihf", "cortex_a7", "simd"),
        emulated=("rpi-armv7", "armv7"),
        note="Python only by hand: tflite-runtime 2.14 with Python 3.11 and Debian's numpy",
    ),
    Target(
        name="rpi-zero",
        title="Raspberry Pi Zero, Zero W, 1 (armv6)",
        machine="armv6l",
        c=_zig("arm-linux-musleabihf", "arm1176jzf_s", "plain"),
        emulated=("armv6",),
        note="no Python runtime exists for armv6",
    ),
)

_MICROCONTROLLERS = (
    _cortex_m(
        "m0plus",
        "plain",
        Chip("RP2040 with 2 MiB of external flash", 2 * _MIB, 264 * _KIB),
        # rp2040js, an npm package, runs it in device-test; Debian has no emulator.
        Demo(
            (*_BARE, "es_start_cortexm.c"),
            "es_rp2040.ld",
            transport="es_transport_pl011.c",
            defines=("-DES_UART=0x40034000u",),
        ),
    ),
    _cortex_m(
        "m3",
        "plain",
        Chip("SAM3X8E", 512 * _KIB, 96 * _KIB),
        _qemu("mps2-an385", "es_mps2.ld"),
    ),
    _cortex_m(
        "m4",
        "dsp",
        Chip("nRF52840", 1 * _MIB, 256 * _KIB),
        _qemu("mps2-an386", "es_mps2.ld"),
        *("-mfpu=fpv4-sp-d16", "-mfloat-abi=hard"),
    ),
    # Many M7 have a single-precision FPU only.
    _cortex_m(
        "m7",
        "dsp",
        Chip("STM32H743", 2 * _MIB, 1 * _MIB),
        _qemu("mps2-an500", "es_mps2.ld"),
        *("-mfpu=fpv5-sp-d16", "-mfloat-abi=hard"),
    ),
    _cortex_m(
        "m33",
        "dsp",
        Chip("nRF5340, application core", 1 * _MIB, 512 * _KIB),
        _qemu("mps2-an505", "es_an505.ld"),
        "-mfloat-abi=hard",
    ),
    _cortex_m(
        "m55",
        "helium",
        Chip("MPS3 AN547, tightly coupled memories", 512 * _KIB, 512 * _KIB),
        _qemu("mps3-an547", "es_an547.ld"),
        "-mfloat-abi=hard",
    ),
    Target(
        name="rv32imc",
        title="RISC-V rv32imc, ESP32-C3 class",
        c=CBuild(
            "riscv64-unknown-elf", ("-march=rv32imc", "-mabi=ilp32"), "plain", frontend="fixed"
        ),
        chip=Chip("ESP32-C3, a 1.5 MiB application partition", 3 * _MIB // 2, 400 * _KIB),
        emulated=("rv32imc",),
        demo=Demo(
            (*_BARE, "es_start_riscv.c"),
            "es_riscv_virt.ld",
            ("qemu-system-riscv32", "-M", "virt", "-bios", "none"),
            "qemu-system-misc",
        ),
    ),
)

_MODELS = (
    Target(
        name="tflm",
        title="TFLite-Micro, e.g. on an ESP32-S3",
        chip=Chip("ESP32-S3, a 3 MiB application partition", 3 * _MIB, 512 * _KIB),
        extra="tflm",
        emulated=("tflite-micro",),
        note="verified by its interpreter on the exporting machine, no chip is emulated",
    ),
    *(
        Target(
            name=f"ethos-{unit}",
            title=f"Arm Ethos-{unit.upper()}",
            extra=f"ethos-{unit}",
            note="Vela's figures are estimates; no such unit is emulated here",
        )
        for unit in ("u55", "u65", "u85")
    ),
    Target(name="android", title="Android 8 or later, arm64", extra="android"),
    Target(
        name="browser",
        title="Web browsers with WebAssembly SIMD, online or offline",
        extra="browser",
        tested="Chromium, by this project's tests",
    ),
)

TARGETS: dict[str, Target] = {
    target.name: target for target in (*_LINUX, *_MICROCONTROLLERS, *_MODELS)
}


def find_target(name: str) -> Target:
    """The target of that name.

    Raises:
        InputError: unknown; the nearest known name is suggested.
    """
    if name in TARGETS:
        return TARGETS[name]
    parts = sorted((known for known in TARGETS if name and name in known), key=len)
    near = parts or difflib.get_close_matches(name, TARGETS, n=1, cutoff=0.4)
    question = f"did you mean {near[0]!r}? " if near else ""
    raise InputError(
        f"no target called {name!r}",
        f"{question}known targets: {', '.join(TARGETS)}; `edge-ser export --list-targets`",
    )
