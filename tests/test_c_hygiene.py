"""The C engine under compilers, sanitizers, a fuzzer and a static analyser."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from c_fixtures import STRICT

from edge_ser.bundle import open_bundle
from firmware_export.c_engine import SourceOptions, write_sources

FUZZ = Path(__file__).parent / "c" / "fuzz_push.c"
SANITIZERS = "-fsanitize=address,undefined"
VARIANTS = [
    pytest.param("simd", (), id="simd"),
    pytest.param("dsp", (), id="dsp-layout"),
    pytest.param("plain", ("-DES_FRONTEND_FIXED=1",), id="plain-fixed"),
]


def program(name: str, package: str) -> str:
    """A program's path; skips without it."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"no {name}: sudo apt-get install {package}")
    return found


def written(bundle: Path, folder: Path, layout: str) -> list[str]:
    with open_bundle(bundle) as opened:
        files = write_sources(opened, folder, SourceOptions(layout=layout))
    return [str(path) for path in files]


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
@pytest.mark.parametrize("level", ["-O0", "-O3"])
@pytest.mark.parametrize(("layout", "defines"), VARIANTS)
def test_no_compiler_warns(
    exported_bundle: Path,
    tmp_path: Path,
    compiler: str,
    level: str,
    layout: str,
    defines: tuple[str, ...],
) -> None:
    files = written(exported_bundle, tmp_path, layout)
    command = [program(compiler, compiler), *STRICT, level, *defines, "-Iinclude", "-Isrc"]
    done = subprocess.run([*command, "-c", *files], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0 and not done.stderr, done.stderr


def test_the_header_is_good_cpp(exported_bundle: Path, tmp_path: Path) -> None:
    written(exported_bundle, tmp_path, "simd")
    source = tmp_path / "use.cpp"
    source.write_text('#include "edge_ser.h"\nint main() { return edge_ser_version() == nullptr; }')
    command = [program("g++", "g++"), "-std=c++11", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]
    subprocess.run([*command, "-Iinclude", "-c", str(source)], cwd=tmp_path, check=True)


@pytest.mark.parametrize(("layout", "defines"), VARIANTS)
def test_sanitizers_find_nothing_in_random_calls(
    exported_bundle: Path, tmp_path: Path, layout: str, defines: tuple[str, ...]
) -> None:
    files = written(exported_bundle, tmp_path, layout)
    command = [program("gcc", "gcc"), *STRICT, "-O1", "-g", SANITIZERS, "-DFUZZ_REPLAY", *defines]
    command += ["-fno-sanitize-recover=all", "-Iinclude", "-Isrc", str(FUZZ), *files]
    subprocess.run([*command, "-o", "replay"], cwd=tmp_path, check=True)
    calls = np.random.default_rng(3).integers(0, 256, 8_192).astype(np.uint8)
    done = subprocess.run([tmp_path / "replay"], input=calls.tobytes(), capture_output=True)
    assert done.returncode == 0, done.stderr.decode()[-2_000:]


@pytest.mark.slow
@pytest.mark.parametrize(("layout", "defines"), VARIANTS)
def test_a_fuzzer_finds_nothing(
    exported_bundle: Path, tmp_path: Path, layout: str, defines: tuple[str, ...]
) -> None:
    files = written(exported_bundle, tmp_path, layout)
    if not any(Path("/usr").glob("lib/llvm-*/lib/clang/*/lib/linux/libclang_rt.fuzzer-*.a")):
        pytest.skip("no fuzzing library of clang: sudo apt-get install libclang-rt-dev")
    command = [program("clang", "clang"), "-std=c99", "-O1", "-g", *defines]
    command += [f"{SANITIZERS},fuzzer", "-fno-sanitize-recover=all", "-Iinclude", "-Isrc"]
    subprocess.run([*command, str(FUZZ), *files, "-o", "fuzz"], cwd=tmp_path, check=True)
    limits = ["-max_total_time=30", "-max_len=256", "-seed=1", "-timeout=60"]
    done = subprocess.run([tmp_path / "fuzz", *limits], cwd=tmp_path, capture_output=True)
    said = done.stderr.decode(errors="replace")
    assert done.returncode == 0, said[-3_000:]
    assert "Done" in said and "stat::" not in said.splitlines()[-1]


@pytest.mark.parametrize(("layout", "defines"), VARIANTS)
def test_cppcheck_finds_nothing(
    exported_bundle: Path, tmp_path: Path, layout: str, defines: tuple[str, ...]
) -> None:
    files = written(exported_bundle, tmp_path, layout)
    # The tables are numbers only, and tens of thousands of them take minutes.
    code = [name for name in files if not name.endswith("es_model.c")]
    command = [program("cppcheck", "cppcheck"), "--std=c99", "--quiet", "--error-exitcode=1"]
    command += ["--enable=warning,performance,portability", "-D__GNUC__=12", *defines]
    # Right shifts of negative numbers are arithmetic, as every compiler for these cores has them.
    command += ["--suppress=shiftTooManyBitsSigned", "--suppress=missingIncludeSystem"]
    command += ["-Iinclude", "-Isrc", *code]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_library_asks_the_system_for_nothing(exported_bundle: Path, tmp_path: Path) -> None:
    files = written(exported_bundle, tmp_path, "simd")
    command = [program("gcc", "gcc"), "-std=c99", "-O2", "-ffp-contract=off", "-Iinclude", "-Isrc"]
    subprocess.run([*command, "-c", *files], cwd=tmp_path, check=True)
    nm = [program("nm", "binutils"), "--undefined-only", "--format=posix"]
    objects = [str(path) for path in tmp_path.glob("*.o")]
    listed = subprocess.run([*nm, *objects], capture_output=True, text=True, check=True).stdout
    names = {line.split()[0] for line in listed.splitlines() if " U" in line}
    outside = {name for name in names if not name.startswith(("es_", "edge_ser", "_GLOBAL_"))}
    assert outside <= {"memcpy", "memset", "memmove", "__stack_chk_fail"}, outside


def test_nothing_in_the_library_can_be_written(exported_bundle: Path, tmp_path: Path) -> None:
    """No .data and no .bss: all state is in the caller's buffer."""
    files = written(exported_bundle, tmp_path, "simd")
    command = [program("gcc", "gcc"), "-std=c99", "-O2", "-fno-pic", "-Iinclude", "-Isrc", "-c"]
    subprocess.run([*command, *files], cwd=tmp_path, check=True)
    size = [program("size", "binutils"), "-A", *(str(path) for path in tmp_path.glob("*.o"))]
    listed = subprocess.run(size, capture_output=True, text=True, check=True).stdout
    written_to = [
        line
        for line in listed.splitlines()
        if line.startswith((".data", ".bss"))
        and int(line.split()[1]) > 0
        # A table of pointers needs relocation where code moves; it is never written after that.
        and not line.startswith(".data.rel.ro")
    ]
    assert not written_to, written_to


def test_equal_bundles_give_equal_sources(exported_bundle: Path, tmp_path: Path) -> None:
    for name in ("one", "other"):
        written(exported_bundle, tmp_path / name, "dsp")
    files = sorted(path for path in (tmp_path / "one").rglob("*") if path.is_file())
    assert files
    for path in files:
        other = tmp_path / "other" / path.relative_to(tmp_path / "one")
        assert path.read_bytes() == other.read_bytes(), path
