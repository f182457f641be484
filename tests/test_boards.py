"""The C engine's boards: table, builds, probe client and set-up here; emulated boards (device)."""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import struct
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from c_fixtures import Build
from numpy.typing import NDArray

from device_tests import build, instructions, launch, probe, toolchains
from device_tests.boards import BOARDS, CHANNELS, Board, find_board
from device_tests.cached import default_cache
from device_tests.probe import Probe, Reading
from device_tests.pseudo_terminal import uart_as_serial_port
from device_tests.set_up import set_up
from edge_ser.bundle import open_bundle
from edge_ser.errors import EnvironmentMissing, GateFailed, InputError
from firmware_export.c_engine import write_sources
from firmware_export.c_engine.demo_clip import demo_clip_source
from firmware_export.targets import find_target
from firmware_export.toolchains import COMPILERS

HOST = BOARDS["host"]
BARE = [board for board in BOARDS.values() if board.bare]
EMULATED = [board for board in BOARDS.values() if board.emulator]
STRICT = ("-O2", "-Werror")

emulated = pytest.mark.parametrize("board", EMULATED, ids=lambda board: board.name)
bare = pytest.mark.parametrize("board", BARE, ids=lambda board: board.name)

Pcm = NDArray[np.int16]


def quiet(_: str) -> None:
    """Nobody reads what a test's set-up says."""


def require(board: Board) -> None:
    """Skip, by name, what this machine cannot run."""
    missing = " ".join(toolchains.missing_packages([board]))
    if missing:
        pytest.skip(f"{board.name} needs: sudo apt-get install {missing}")


@pytest.fixture(scope="session")
def tree(exported_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The C engine of the real bundle, with a short demo clip."""
    folder = tmp_path_factory.mktemp("boards") / "sources"
    with open_bundle(exported_bundle) as bundle:
        write_sources(bundle, folder)
    (folder / "device" / "es_demo_clip.c").write_text(demo_clip_source(clip(1.6)))
    return folder


@pytest.fixture(scope="session")
def cache() -> Path:
    """What is slow to make stays between test runs."""
    return Path(os.environ.get("EDGE_SER_DEVICE_CACHE") or default_cache())


@pytest.fixture(scope="session")
def host_program(tree: Path, cache: Path) -> build.Program:
    require(HOST)
    return build.build(HOST, tree, cache, options=STRICT, say=quiet)


@pytest.fixture
def host(host_program: build.Program, cache: Path) -> Iterator[Probe]:
    """The probe as a process of this machine."""
    with probe.start_probe(launch.run_command(host_program, cache), 30) as device:
        yield device


def clip(seconds: float) -> Pcm:
    """Noise that swells: not silent, not stationary."""
    random = np.random.default_rng(11)
    count = round(seconds * 16_000)
    swell = np.sin(np.arange(count) / 900) ** 2
    return (6_000 * swell * random.standard_normal(count)).astype(np.int16)


def run_clip(device: Probe, samples: Pcm, chunk: int = 512) -> Reading:
    device.reset()
    device.push(samples, chunk)
    return device.finish()


# The table


def test_unknown_board_is_named_and_the_nearest_suggested() -> None:
    with pytest.raises(InputError, match="no board called 'cortex-m5'") as caught:
        find_board("cortex-m5")
    assert "did you mean 'cortex-m55'" in caught.value.hint


def test_every_board_has_what_its_sources_folder_must_hold(tree: Path) -> None:
    for board in BOARDS.values():
        named = [*board.sources, *filter(None, [board.uart, board.script])]
        assert [name for name in named if not (tree / "device" / name).is_file()] == []
        assert board.compiler in COMPILERS
        assert board.transports == ("stdio",) or {*board.transports} <= {*CHANNELS}


@bare
def test_boards_are_built_as_their_targets_are(board: Board) -> None:
    target = find_target(board.target)
    assert target.c is not None and board.name in target.emulated
    assert (target.c.compiler, target.c.flags) == (board.compiler, board.flags)
    if target.demo is not None:
        assert (target.demo.sources, target.demo.script) == (board.sources, board.script)


def test_the_packages_that_boards_need_are_those_that_ci_installs(
    repository: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    needed = toolchains.missing_packages(BOARDS.values())
    assert {"gcc-arm-none-eabi", "qemu-system-arm", "qemu-user", "nodejs"} <= set(needed)
    listed = subprocess.run(
        [sys.executable, str(repository / ".ci" / "system_packages.py"), "--list"],
        capture_output=True,
        text=True,
        check=True,
    )
    compilers = {name for compiler in COMPILERS.values() for name in compiler.packages}
    everything = (repository / ".ci" / "system_packages.py").read_text()
    assert set(needed) - compilers <= set(listed.stdout.split())
    assert [name for name in compilers if f'"{name}"' not in everything] == []


def test_pins_are_those_of_the_constraints(repository: Path) -> None:
    assert toolchains.ZIG in (repository / "constraints.txt").read_text().splitlines()


def test_missing_programs_are_named_with_their_packages(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EnvironmentMissing) as caught:
        set_up(["cortex-m4", "rv32imc", "cortex-m0plus"], tmp_path / "cache", quiet)
    for name in ("gcc-riscv64-unknown-elf", "qemu-system-misc", "npm", "gcc-arm-none-eabi"):
        assert name in caught.value.hint
    assert "sudo apt-get install" in caught.value.hint
    assert not (tmp_path / "cache").exists()


def test_zig_is_fetched_into_the_cache_where_the_environment_has_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands: list[list[str]] = []
    monkeypatch.setattr(toolchains, "run_tool", lambda words: commands.append(list(words)))
    monkeypatch.setattr("firmware_export.toolchains.importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr("device_tests.toolchains.find_spec", lambda name: object())
    monkeypatch.setattr(toolchains, "require", lambda boards: None)
    call = toolchains.compiler_call(BOARDS["armv6"], tmp_path, quiet)
    assert call.command == (str(tmp_path / "ziglang-0.17.1" / "ziglang" / "zig"), "cc")
    assert call.environment["ZIG_GLOBAL_CACHE_DIR"].startswith(str(tmp_path))
    (command,) = commands
    assert command[-1] == toolchains.ZIG and "--target" in command


# Builds


def test_equal_sources_are_compiled_once(tree: Path, cache: Path) -> None:
    require(HOST)
    said: list[str] = []
    first = build.build(HOST, tree, cache, options=STRICT, say=quiet)
    second = build.build(HOST, tree, cache, options=STRICT, say=said.append)
    assert first == second and said == []


def test_other_flags_give_another_program(tree: Path, tmp_path: Path) -> None:
    require(HOST)
    say = quiet
    plain = build.build(HOST, tree, tmp_path, options=STRICT, say=say)
    fixed = build.build(HOST, tree, tmp_path, options=(*STRICT, "-DES_FRONTEND_FIXED=1"), say=say)
    assert plain.path != fixed.path
    with probe.start_probe(launch.run_command(fixed, tmp_path), 30) as device:
        assert device.hello().frontend == "fixed"


def test_sources_that_do_not_compile_fail_with_the_compilers_words(
    tree: Path, tmp_path: Path
) -> None:
    require(HOST)
    broken = tmp_path / "broken"
    shutil.copytree(tree, broken)
    (broken / "src" / "es_broken.c").write_text("int es_broken(void) { return nothing; }\n")
    with pytest.raises(GateFailed, match="'nothing' undeclared"):
        build.build(HOST, broken, tmp_path / "cache", options=STRICT, say=quiet)
    assert list((tmp_path / "cache" / "programs").iterdir()) == []


def test_a_folder_without_an_engine_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no engine"):
        build.build(HOST, tmp_path, tmp_path / "cache", say=quiet)


def test_a_transport_that_the_board_lacks_is_refused(tree: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="host has no transport 'uart'") as caught:
        build.compile_flags(HOST, build.PROBE, "uart", (), [])
    assert "stdio" in caught.value.hint


# The probe, compiled for this machine


def test_the_device_says_what_it_is(host: Probe, exported_bundle: Path, build_c: Build) -> None:
    hello = host.hello()
    with open_bundle(exported_bundle) as bundle:
        model = bundle.manifest.files["backbone.int8.tflite"].sha256
    assert hello.model_sha256 == model
    library = build_c().library
    assert hello.buffer_bytes == library.edge_ser_get_buffer_size()
    assert hello.frontend == "float" and hello.kernels


def test_the_device_reports_every_code_and_bit_of_the_engine(host: Probe, build_c: Build) -> None:
    samples = clip(1.3)
    engine = build_c()
    engine.restart()
    engine.push(samples)
    engine.finish()
    outputs = b"".join(
        row.tobytes() for pair in zip(engine.values, engine.scores, strict=True) for row in pair
    )
    result = engine.result()
    values = struct.pack("<3f", result.arousal, result.dominance, result.valence)
    expected = Reading(
        bool(result.ready),
        struct.unpack("<3I", values),
        len(engine.values),
        zlib.crc32(b"".join(row.tobytes() for row in engine.codes)),
        zlib.crc32(outputs),
    )
    assert expected.ready and expected.rows > 100
    assert run_clip(host, samples) == expected
    assert run_clip(host, samples).values == tuple(struct.unpack("<3f", values))


@pytest.mark.parametrize("chunk", [1, 31, 500])
def test_chunks_do_not_matter(host: Probe, chunk: int) -> None:
    samples = clip(0.4)
    whole = run_clip(host, samples)
    assert run_clip(host, samples, chunk) == whole


def test_reset_forgets_the_signal_and_the_level(host: Probe) -> None:
    samples = clip(0.3)
    first = run_clip(host, samples)
    host.reset()
    host.set_level(0.0, 0.25)
    host.push(samples)
    assert host.finish().codes_crc != first.codes_crc
    assert run_clip(host, samples) == first


def test_a_burst_is_the_last_chunk_again_and_again(host: Probe) -> None:
    samples = clip(1.0)[-500:]
    host.reset()
    for _ in range(33):
        host.push(samples)
    pushed = host.read()
    host.reset()
    host.push(samples)
    host.burst(2)
    burst = host.read()
    assert pushed.ready and burst.bits == pushed.bits
    assert burst.rows < pushed.rows  # observers rest during a burst


def test_what_the_device_refuses_is_a_failed_gate_and_it_goes_on(host: Probe) -> None:
    with pytest.raises(GateFailed, match="refused B: push a chunk first"):
        host.burst(1)
    with pytest.raises(GateFailed, match="at most 512 samples"):
        host.push(clip(0.1), chunk=513)
    with pytest.raises(GateFailed, match="refused Z: unknown command"):
        host._ask(b"Z")
    assert host.hello().buffer_bytes > 0


def test_the_end_is_orderly(host: Probe) -> None:
    host.exit()


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("exit 3", r"closed the connection when asked H; its program ended with code 3"),
        ("echo no flash >&2; head -c1 >&2; exit 1", "ended with code 1: no flash / H"),
        ("sleep 60", r"did not answer H within 0\.5 s"),
        ("echo H edge-ser 1", "answered H with 'H edge-ser 1'"),
        ("echo E not enough memory; exit 1", "refused H: not enough memory"),
        ("echo H other 1 2 3 4 5", "no edge-ser probe: it said 'other'"),
        ("echo H edge-ser 1 2 3 4 many", "'many' instead of a number"),
    ],
)
def test_a_device_that_dies_hangs_or_talks_nonsense_is_a_failed_gate(
    script: str, message: str
) -> None:
    with (
        probe.start_probe(["sh", "-c", script], 0.5) as device,
        pytest.raises(GateFailed, match=message),
    ):
        device.hello()


def test_digits_that_are_none_are_a_failed_gate() -> None:
    script = "echo Q 1 0 0 zz 1 0 0"
    with (
        probe.start_probe(["sh", "-c", script], 5) as device,
        pytest.raises(GateFailed, match="'zz' instead of 8 digits"),
    ):
        device.read()


def test_a_serial_port_that_is_not_there(tmp_path: Path) -> None:
    pytest.importorskip("serial", reason="pyserial is not installed: edge-ser[devices]")
    with (
        pytest.raises(InputError, match="cannot be opened") as caught,
        probe.open_serial(str(tmp_path / "ttyACM0")),
    ):
        pass
    assert "dialout" in caught.value.hint


def test_crc_is_zlibs(tree: Path, tmp_path: Path) -> None:
    require(HOST)
    library = tmp_path / "crc.so"
    source = tree / "device" / "es_crc32.c"
    subprocess.run(["cc", "-shared", "-fPIC", str(source), "-o", str(library)], check=True)
    crc32 = ctypes.CDLL(str(library)).es_crc32
    crc32.restype = ctypes.c_uint32
    crc32.argtypes = (ctypes.c_uint32, ctypes.c_char_p, ctypes.c_size_t)
    text = bytes(range(256)) * 3
    assert crc32(crc32(0, text[:99], 99), text[99:], len(text) - 99) == zlib.crc32(text)


def test_demo_prints_the_engines_readings(tree: Path, cache: Path, build_c: Build) -> None:
    require(HOST)
    demo = build.build(HOST, tree, cache, "es_demo.c", options=STRICT, say=quiet)
    engine = build_c()
    engine.restart()
    engine.push(clip(1.6))
    engine.finish()
    last = "  ".join(
        f"{name} {value:.3f}"
        for name, value in zip(("arousal", "dominance", "valence"), engine.adv(), strict=True)
    )
    lines = run_demo(demo, cache)
    assert lines[0].startswith("edge-ser ")
    assert lines[-1] == f"1.600 s  {last}"
    assert len(lines) == 4  # the first reading after 1 s, one at 1.5 s, the end


def run_demo(demo: build.Program, cache: Path) -> list[str]:
    """Lines that a demo prints on its board."""
    done = subprocess.run(
        launch.run_command(demo, cache, say=quiet),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


# Instruction counts


def test_counts_are_read_with_their_functions(tmp_path: Path) -> None:
    file = tmp_path / "counts"
    file.write_text("total 30\nsmall 10\nlarge function 20\ntotal 5\n")
    first, second = instructions.read_counts(file)
    assert first.total == 30 and list(first.functions) == ["large function", "small"]
    assert second == instructions.Count(5)


@pytest.mark.parametrize("text", ["total\n", "total many\n", "main 3\n"])
def test_counts_that_are_none_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "counts").write_text(text)
    with pytest.raises(GateFailed, match="no instruction counts"):
        instructions.read_counts(tmp_path / "counts")


def test_this_machine_counts_no_instructions(host_program: build.Program, tmp_path: Path) -> None:
    counter = instructions.Counter(tmp_path / "counts", tmp_path)
    with pytest.raises(InputError, match="in emulators only"):
        launch.run_command(host_program, tmp_path, counter)


# Emulated boards

LOOP = """\
#include "es_board.h"
#include "es_measure.h"

#if defined(__riscv)
#define STEP "addi %0, %0, -1\\n bnez %0, 1b" : "+r"
#elif defined(__aarch64__)
#define STEP "subs %0, %0, #1\\n b.ne 1b" : "+r"
#else
#define STEP ".syntax unified\\n subs %0, %0, #1\\n bne 1b" : "+l"
#endif

static void __attribute__((noinline)) loop(size_t count)
{
    es_measure_begin();
    __asm__ volatile("1: " STEP(count) : : "cc");
    es_measure_end();
}

int main(void)
{
    loop(1000);
    loop(1000);
    loop(51000);
    return 0;
}
"""

FAULT = "int main(void)\n{\n    __builtin_trap();\n}\n"

OVERFLOW = """\
static volatile int depth;

static int deeper(int level)
{
    volatile char room[256];
    room[level & 255] = (char)level;
    depth = level;
    return deeper(level + 1) + room[0];
}

int main(void)
{
    return deeper(0);
}
"""


def with_program(tree: Path, folder: Path, name: str, text: str) -> Path:
    """The engine's sources with one program more."""
    shutil.copytree(tree, folder)
    (folder / "device" / name).write_text(text)
    return folder


def run_alone(program: build.Program, cache: Path) -> int:
    """Exit code of a program that asks nothing."""
    command = launch.run_command(program, cache, say=quiet)
    return subprocess.run(command, stdin=subprocess.DEVNULL, timeout=120).returncode


@pytest.mark.device
@emulated
def test_every_board_gives_the_bits_of_this_machine(
    board: Board, tree: Path, cache: Path, host: Probe
) -> None:
    require(board)
    samples = clip(0.25)
    expected = run_clip(host, samples)
    program = build.build(board, tree, cache, options=STRICT, say=quiet)
    with probe.start_probe(launch.run_command(program, cache, say=quiet), 300) as device:
        assert device.hello().model_sha256 == host.hello().model_sha256
        assert run_clip(device, samples) == expected
        assert run_clip(device, samples, 37) == expected
        memory, hello = device.memory(), device.hello()
        device.exit()
    if board.bare:
        assert 100 < memory.stack_peak < 8 * 1024
        assert hello.buffer_bytes + 1024 <= memory.static < 64 * 1024
        flash = build.flash_bytes(program)
        assert flash is not None and 50_000 < flash < 128 * 1024
    else:
        assert build.flash_bytes(program) is None


@pytest.mark.device
@pytest.mark.parametrize(
    "name", [board.name for board in BARE if board.transports == tuple(CHANNELS)]
)
def test_uart_as_a_serial_port(name: str, tree: Path, cache: Path, host: Probe) -> None:
    pytest.importorskip("serial", reason="pyserial is not installed: edge-ser[devices]")
    board = BOARDS[name]
    require(board)
    program = build.build(board, tree, cache, transport="uart", options=STRICT, say=quiet)
    samples = clip(0.1)
    with (
        uart_as_serial_port(launch.run_command(program, cache)) as path,
        probe.open_serial(path, limit_seconds=60) as device,
    ):
        assert run_clip(device, samples) == run_clip(host, samples)
        device.exit()


@pytest.mark.device
@bare
def test_demo_prints_the_same_lines_on_every_board(
    board: Board, tree: Path, cache: Path, tmp_path: Path
) -> None:
    """With the fixed-point front-end, which is the faster one on cores without an FPU."""
    require(board)
    options = (*STRICT, "-DES_FRONTEND_FIXED=1")
    if board.emulator == (toolchains.RP2040JS,):  # slow: less than a block, one reading
        short = demo_clip_source(clip(0.1))
        tree = with_program(tree, tmp_path / "sources", "es_demo_clip.c", short)
    here = build.build(HOST, tree, cache, "es_demo.c", options=options, say=quiet)
    transport = board.transports[-1]
    there = build.build(board, tree, cache, "es_demo.c", transport, options, quiet)
    *lines, memory = run_demo(there, cache)
    assert lines[1:] == run_demo(here, cache)[1:] != []
    assert re.fullmatch(r"RAM: \d+ bytes and \d+ of stack", memory)


@pytest.mark.device
@emulated
def test_a_known_loop_has_the_known_number_of_instructions(
    board: Board,
    tree: Path,
    cache: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two instructions a turn: the counts of 1000 and 51000 turns differ by 100000 exactly."""
    require(board)
    monkeypatch.setitem(build.AROUND, "es_loop.c", ("es_measure.c",))
    sources = with_program(tree, tmp_path / "sources", "es_loop.c", LOOP)
    program = build.build(board, sources, cache, "es_loop.c", options=STRICT, say=quiet)
    runs = []
    for name in ("first", "second"):
        counter = instructions.Counter(tmp_path / name, cache)
        command = launch.run_command(program, cache, counter, quiet)
        done = subprocess.run(command, stdin=subprocess.DEVNULL, timeout=120)
        assert done.returncode == 0
        runs.append([count.total for count in instructions.read_counts(tmp_path / name)])
    short, again, long = runs[0]
    assert short == again and long - short == 100_000
    assert 2_000 < short < 2_010
    assert runs[0] == runs[1]


@pytest.mark.device
def test_instructions_of_a_burst_are_repeatable_and_told_by_function(
    tree: Path, cache: Path, tmp_path: Path
) -> None:
    board = BOARDS["cortex-m4"]
    require(board)
    program = build.build(board, tree, cache, options=STRICT, say=quiet)
    counts = []
    for name in ("first", "second"):
        counter = instructions.Counter(tmp_path / name, cache, profile=True)
        with probe.start_probe(launch.run_command(program, cache, counter, quiet), 120) as device:
            device.push(clip(0.02), 160)
            device.burst(1)
            device.exit()
        counts += instructions.read_counts(tmp_path / name)
    assert counts[0] == counts[1]
    assert sum(counts[0].functions.values()) == pytest.approx(counts[0].total, abs=20)
    assert "edge_ser_push" in counts[0].functions


@pytest.mark.device
@bare
def test_a_fault_ends_the_emulator(
    board: Board, tree: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    require(board)
    monkeypatch.setitem(build.AROUND, "es_fault.c", ())
    sources = with_program(tree, tmp_path / "sources", "es_fault.c", FAULT)
    program = build.build(board, sources, tmp_path, "es_fault.c", options=STRICT, say=quiet)
    assert run_alone(program, cache) == 70


@pytest.mark.device
def test_a_stack_that_overflows_is_a_fault(
    tree: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    board = BOARDS["cortex-m4"]
    require(board)
    monkeypatch.setitem(build.AROUND, "es_overflow.c", ())
    sources = with_program(tree, tmp_path / "sources", "es_overflow.c", OVERFLOW)
    options = ("-O0", "-Wno-infinite-recursion")
    program = build.build(board, sources, tmp_path, "es_overflow.c", options=options, say=quiet)
    assert run_alone(program, cache) == 70


@pytest.mark.device
def test_set_up_needs_one_call_and_no_network_afterwards(tmp_path: Path, tree: Path) -> None:
    names = ["cortex-m0plus", "cortex-m4"]
    for name in names:
        require(BOARDS[name])
    said: list[str] = []
    set_up(names, tmp_path, said.append)
    assert any("rp2040js" in line for line in said)
    before = sorted(path.name for path in tmp_path.iterdir())
    set_up(names, tmp_path, said.append)
    counter = instructions.Counter(tmp_path / "counts", tmp_path)
    for name in names:
        program = build.build(BOARDS[name], tree, tmp_path, options=STRICT, say=quiet)
        launch.run_command(program, tmp_path, counter)
    after = sorted(path.name for path in tmp_path.iterdir())
    assert after == sorted([*before, "programs"])
