"""The convolution kernels of NEON and x86 give the plain kernel's bits."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from c_fixtures import STRICT
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge_ser.bundle import open_bundle
from firmware_export.c_engine import SourceOptions, write_sources

PROGRAM = Path(__file__).parent / "c" / "conv_rows.c"
PLAIN = "-DES_KERNEL_PLAIN"
LAYERS = 60

HOST, AARCH64, ARMV7 = ("cc",), ("aarch64-linux-gnu-gcc",), ("arm-linux-gnueabihf-gcc",)
KERNELS = [
    ("sse4.1", HOST, ("-msse4.1",), (), "sse4_1"),
    ("avx2", HOST, ("-mavx2",), (), "avx2"),
    ("vnni", HOST, ("-mavx512vnni",), (), "avx512_vnni"),
    ("neon", AARCH64, ("-mcpu=cortex-a53",), ("qemu-aarch64", "-cpu", "cortex-a53"), ""),
    (
        "neon-dot",
        AARCH64,
        ("-march=armv8.2-a+dotprod",),
        ("qemu-aarch64", "-cpu", "cortex-a76"),
        "",
    ),
    (
        "neon",
        ARMV7,
        ("-mcpu=cortex-a7", "-mfpu=neon-vfpv4"),
        ("qemu-arm", "-cpu", "cortex-a7"),
        "",
    ),
]
"""Name, compiler, its flags, emulator, what /proc/cpuinfo must have."""


@pytest.fixture(scope="module")
def sources(exported_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("simd")
    with open_bundle(exported_bundle) as bundle:
        write_sources(bundle, folder, SourceOptions(layout="simd"))
    return folder


def build(sources: Path, name: str, compiler: tuple[str, ...], flags: tuple[str, ...]) -> Path:
    program = sources / name
    files = ("src/kernels/es_conv.c", str(PROGRAM))
    command = [*compiler, *STRICT, "-O2", *flags, "-Iinclude", "-Isrc", *files, "-o", str(program)]
    subprocess.run(command, cwd=sources, check=True)
    return program


def has(feature: str) -> bool:
    """Whether this processor can run it."""
    cpuinfo = Path("/proc/cpuinfo")
    return cpuinfo.is_file() and feature in cpuinfo.read_text().split()


@pytest.mark.parametrize(
    ("name", "compiler", "flags", "emulator", "feature"),
    KERNELS,
    ids=[f"{name} {compiler[0]}" for name, compiler, *_ in KERNELS],
)
def test_a_kernel_gives_the_plain_ones_bits(
    sources: Path,
    name: str,
    compiler: tuple[str, ...],
    flags: tuple[str, ...],
    emulator: tuple[str, ...],
    feature: str,
) -> None:
    for program in (*HOST, *compiler, *emulator[:1]):
        if shutil.which(program) is None:
            pytest.skip(f"no {program}")
    if feature and not has(feature):
        pytest.skip(f"this processor has no {feature}")
    static = ("-static",) if emulator else ()
    plain = build(sources, "plain", HOST, (PLAIN,))
    fast = build(sources, f"{name}-{compiler[0]}", compiler, (*flags, *static))

    @settings(
        max_examples=8,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    @given(seed=st.integers(0, 2**32))
    def check(seed: int) -> None:
        kernel, *rows = rows_of([*emulator, str(fast)], seed)
        assert kernel == name
        assert rows == rows_of([str(plain)], seed)[1:]

    check()


def rows_of(command: list[str], seed: int) -> list[str]:
    words = [*command, str(seed), str(LAYERS)]
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout.split()


def test_seeds_make_different_layers(sources: Path) -> None:
    plain = str(build(sources, "plain", HOST, (PLAIN,)))
    first, second = rows_of([plain], 1), rows_of([plain], 2)
    assert first[0] == "plain" and len(set(first)) > LAYERS // 2 and first != second
