"""The convolution kernels of microcontrollers give the plain kernel's bits.

On random layers; the whole backbone on every board: test_c_devices.py. Linux programs run what
Cortex-A cores have of M3 and M4, bare boards the rest.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from c_fixtures import STRICT
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from device_tests.boards import BOARDS
from edge_ser.bundle import open_bundle
from firmware_export.c_engine import SourceOptions, write_sources

PROGRAM = Path(__file__).parent / "c" / "conv_rows.c"
BARE_MAIN = PROGRAM.with_name("conv_rows_bare.c")
LAYERS, BARE_SEEDS = 60, 6

HOST = ("cc",)
THUMB = ("arm-linux-gnueabihf-gcc", "-mthumb", "-mcpu=cortex-a7", "-mfpu=vfpv4", "-static")
QEMU = ("qemu-arm", "-cpu", "cortex-a7")
device = pytest.mark.device
KERNELS = [
    pytest.param("plain", HOST, (), "portable", id="portable in C"),
    pytest.param("plain", THUMB, QEMU, "portable", id="portable on M3", marks=device),
    pytest.param("dsp", THUMB, QEMU, "dsp", id="dsp", marks=device),
]
"""Layout, compiler, emulator, the kernel that this has to give."""


def allow_long_runs(header: Path) -> None:
    """Random layers are wider than the model's."""
    text = header.read_text()
    longest = next(line for line in text.splitlines() if "define ES_LONGEST_RUN" in line)
    header.write_text(text.replace(longest, "#define ES_LONGEST_RUN 512"))


def build(sources: Path, name: str, compiler: tuple[str, ...], *flags: str) -> Path:
    program = sources / name
    files = ("src/kernels/es_conv.c", str(PROGRAM))
    command = [*compiler, *STRICT, "-O2", *flags, "-Iinclude", "-Isrc", *files, "-o", str(program)]
    subprocess.run(command, cwd=sources, check=True)
    return program


def rows_of(command: list[str], seed: int) -> list[str]:
    words = [*command, str(seed), str(LAYERS)]
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout.split()


@pytest.mark.parametrize(("layout", "compiler", "emulator", "kernel"), KERNELS)
def test_a_kernel_gives_the_plain_ones_bits(
    exported_bundle: Path,
    tmp_path: Path,
    layout: str,
    compiler: tuple[str, ...],
    emulator: tuple[str, ...],
    kernel: str,
) -> None:
    for program in (*HOST, compiler[0], *emulator[:1]):
        if shutil.which(program) is None:
            pytest.skip(f"no {program}")
    with open_bundle(exported_bundle) as bundle:
        write_sources(bundle, tmp_path, SourceOptions(layout=layout))
    allow_long_runs(tmp_path / "src" / "es_model.h")
    plain = build(tmp_path, "plain", HOST, "-DES_KERNEL_PLAIN")
    fast = build(tmp_path, "fast", compiler)

    @settings(
        max_examples=8,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    @given(seed=st.integers(0, 2**32))
    def check(seed: int) -> None:
        name, *rows = rows_of([*emulator, str(fast)], seed)
        assert name == kernel
        assert rows == rows_of([str(plain)], seed)[1:]

    check()


def build_bare(sources: Path, core: str, board_name: str) -> Path:
    """conv_rows.c for a core, on a board, with newlib's printf through semihosting."""
    board = BOARDS[board_name]
    command = ["arm-none-eabi-gcc", *STRICT, "-O2", *BOARDS[core].flags]
    command += ["-Iinclude", "-Isrc", "-Idevice"]
    renamed = ["-Dmain=conv_rows", "-c", str(PROGRAM)]
    subprocess.run([*command, *renamed, "-o", "conv_rows.o"], cwd=sources, check=True)
    numbers = [f"-DSEEDS={BARE_SEEDS}", f"-DCOUNT={LAYERS}"]
    files = [*(f"device/{name}" for name in board.sources), "src/kernels/es_conv.c"]
    link = ["--specs=rdimon.specs", "-nostartfiles", "-Ldevice", "-T", f"device/{board.script}"]
    link += ["-Wl,--defsym=end=es_free_start", "-Wl,--defsym=es_stack_size=16K", "-Wl,-n"]
    built = [*numbers, *files, str(BARE_MAIN), "conv_rows.o", *link, "-o", "bare"]
    subprocess.run([*command, *built], cwd=sources, check=True)
    return sources / "bare"


@pytest.mark.device
@pytest.mark.parametrize(
    ("core", "board_name", "layout", "kernel"),
    [
        ("cortex-m0plus", "cortex-m3", "plain", "portable"),
        ("cortex-m4", "cortex-m4", "dsp", "dsp"),
        ("cortex-m55", "cortex-m55", "helium", "helium"),
    ],
)
def test_a_bare_kernel_gives_the_plain_ones_bits(
    exported_bundle: Path, tmp_path: Path, core: str, board_name: str, layout: str, kernel: str
) -> None:
    emulator = BOARDS[board_name].emulator
    for program in (*HOST, "arm-none-eabi-gcc", emulator[0]):
        if shutil.which(program) is None:
            pytest.skip(f"no {program}")
    with open_bundle(exported_bundle) as bundle:
        write_sources(bundle, tmp_path, SourceOptions(layout=layout))
    allow_long_runs(tmp_path / "src" / "es_model.h")
    plain = build(tmp_path, "plain", HOST, "-DES_KERNEL_PLAIN")
    bare = build_bare(tmp_path, core, board_name)
    semihosting = ("-semihosting-config", "enable=on,target=native", "-serial", "none")
    command = [*emulator, *semihosting, "-kernel", str(bare)]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    wanted = [row for seed in range(BARE_SEEDS) for row in rows_of([str(plain)], seed)[1:]]
    assert said.count(kernel) == BARE_SEEDS
    assert [word for word in said if word != kernel] == wanted
