"""The folder `c/`: every build system's files around one tree, what is built, what the README says.

Here with this machine's compiler; tests marked `device` use every target's own compiler and run
what comes out under qemu.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from bundle_fixtures import entries, stand_in_manifest, write_manifest
from numpy.typing import NDArray

from device_tests.boards import BOARDS
from device_tests.cached import default_cache
from device_tests.toolchains import emulator_call
from edge_ser.bundle import open_bundle, pack
from edge_ser.bundle.golden import read_clip
from edge_ser.bundle.manifest import CEngineInfo, Manifest
from edge_ser.errors import BundleRefused, EnvironmentMissing
from edge_ser.runtime.c import to_pcm
from firmware_export.c_handoff import CHandoff, binaries, write_c
from firmware_export.c_handoff.build_files import LIVE
from firmware_export.c_handoff.readings import HostEngine
from firmware_export.c_handoff.stack import read_call_graph
from firmware_export.c_handoff.tree import demo_samples
from firmware_export.target import CBuild, Target
from firmware_export.targets import TARGETS
from firmware_export.toolchains import find_compiler, run_compiler

HOST = dataclasses.replace(TARGETS["linux-x86_64"], c=CBuild("host", (), "simd"))
"""This machine, whatever it is: as a Linux target, with its own compiler."""

_QUICK = ("linux-x86_64", "cortex-m4", "rv32imc")
WITH_C = [target for target in TARGETS.values() if target.c]
QUICK_WITH_C = [
    pytest.param(t, id=t.name, marks=() if t.name in _QUICK else pytest.mark.slow) for t in WITH_C
]
FIRMWARE = [target for target in WITH_C if target.demo]
RUN = {
    "linux-x86_64": [],
    "rpi": ["qemu-aarch64", "-cpu", "cortex-a53"],
    "rpi-armv7": ["qemu-arm", "-cpu", "cortex-a7"],
    "rpi-zero": ["qemu-arm", "-cpu", "arm1176"],
}
"""Linux target -> command before a program of it."""


@dataclasses.dataclass(frozen=True)
class Written:
    """A hand-off on disk."""

    target: Target
    folder: Path
    made: CHandoff

    def engine(self) -> HostEngine:
        """Its sources, built for this machine."""
        files = sorted((self.folder / "src").rglob("*.c"))
        return HostEngine(self.folder, [file.relative_to(self.folder) for file in files])


Write = Callable[..., Written]

DEMO_LINE = r"^    (\d+\.\d{3} s  arousal .*)$"
"""Of a README: what the demo is to print."""


@pytest.fixture(scope="session")
def write(exported_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Write:
    """Write the hand-off of a target; equal requests share one, which is not to be changed."""
    known: dict[tuple[str, bool, str], Written] = {}

    def make(target: Target, with_binaries: bool = False, copy: str = "") -> Written:
        assert target.c
        key = (target.name + target.c.compiler, with_binaries, copy)
        if key not in known:
            root = tmp_path_factory.mktemp(f"handoff-{target.name}")
            shutil.copytree(exported_bundle / "golden", root / "golden")
            with open_bundle(exported_bundle) as bundle:
                made = write_c(bundle, root, target, with_binaries)
            known[key] = Written(target, root / "c", made)
        return known[key]

    return make


@pytest.fixture(scope="session")
def clip(exported_bundle: Path) -> NDArray[np.int16]:
    """The 5 s that the README shows readings of."""
    with open_bundle(exported_bundle) as bundle:
        return to_pcm(read_clip(bundle, "excited-speech"))


def live(program: Path, sound: bytes, *options: str) -> subprocess.CompletedProcess[bytes]:
    """Run edge-ser-live on this machine."""
    return subprocess.run([program, *options], input=sound, capture_output=True, timeout=60)


def assert_reads_as(lines: list[bytes], engine: HostEngine, pcm: NDArray[np.int16]) -> None:
    """JSON lines against the same engine through ctypes: every bit and every time."""
    found = [json.loads(line) for line in lines]
    wanted = engine.listen(pcm)
    assert [line["t"] for line in found] == pytest.approx([w.seconds for w in wanted], abs=6e-4)
    for line, reading in zip(found, wanted, strict=True):
        adv = np.array([line[name] for name in ("arousal", "dominance", "valence")], np.float32)
        assert adv.tolist() == list(reading.adv)
    assert len(found) > 1 or len(pcm) < 16_000


# What is written


@pytest.mark.parametrize("target", QUICK_WITH_C)
def test_one_tree_serves_every_build_system(target: Target, write: Write) -> None:
    folder = write(target).folder
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert names >= {
        *("README.md", "CMakeLists.txt", "toolchain.cmake", "Makefile"),
        *("library.properties", "library.json", "idf_component.yml"),
        *("include/edge_ser.h", "src/edge_ser.h", "src/es_model.c", "device/es_probe.c"),
        "examples/Readings/Readings.ino",
    }
    bodies = [path.read_bytes() for path in folder.rglob("*.[ch]")]
    assert len(set(bodies)) == len(bodies), "a source lies there twice"
    assert not re.search(r"@\{\w+\}", "".join(p.read_text() for p in folder.glob("*.*")))


@pytest.mark.parametrize("target", QUICK_WITH_C)
def test_the_device_folder_holds_what_the_target_can_use(target: Target, write: Write) -> None:
    names = {path.name for path in (write(target).folder / "device").iterdir()}
    assert ("edge_ser_live.c" in names) == target.linux
    assert ("es_demo.c" in names) == bool(target.demo)
    starts = {name for name in names if name.startswith("es_start_")}
    scripts = {name for name in names if name.endswith(".ld")}
    if target.demo:
        assert starts <= set(target.demo.sources) and len(starts) == 1
        assert scripts == {target.demo.script, "es_sections.ld"}
    else:
        assert not starts and not scripts


def test_the_target_decides_layout_and_front_end(write: Write) -> None:
    for name, dsp, fixed in (("cortex-m4", 1, 0), ("cortex-m3", 0, 1), ("rv32imc", 0, 1)):
        written = write(TARGETS[name])
        header = (written.folder / "src/es_model.h").read_text()
        assert f"#define ES_LAYOUT_DSP {dsp}\n" in header
        assert f"#define ES_FRONTEND_FIXED {fixed}\n" in header
        assert written.made.info.frontend == ("fixed" if fixed else "float")


def test_arduino_metadata_follows_the_library_specification(write: Write) -> None:
    """Required keys, name and category as the specification (rev. 2.2) has them."""
    text = (write(HOST).folder / "library.properties").read_text()
    values = dict(line.split("=", 1) for line in text.splitlines())
    required = "name version author maintainer sentence paragraph category url architectures"
    assert set(values) >= set(required.split())
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9 _.-]*", values["name"])
    assert re.fullmatch(r"\d+\.\d+\.\d+", values["version"])
    assert values["category"] == "Data Processing"
    assert (write(HOST).folder / "src" / values["includes"]).is_file()


def test_platformio_metadata(write: Write) -> None:
    values = json.loads((write(HOST).folder / "library.json").read_text())
    assert {"name", "version", "description", "license", "frameworks", "platforms"} <= set(values)
    assert values["build"]["flags"] == ["-ffp-contract=off"]
    assert (write(HOST).folder / "include" / values["headers"]).is_file()


def test_esp_idf_metadata(write: Write) -> None:
    yaml = pytest.importorskip("yaml", reason="PyYAML comes with the export's packages")
    values = yaml.safe_load((write(HOST).folder / "idf_component.yml").read_text())
    assert values["license"] == "Apache-2.0" and re.fullmatch(r"[\d.]+", values["version"])
    assert set(values) <= {"version", "description", "license", "files"}


# The README


def test_the_readmes_example_compiles(write: Write, tmp_path: Path) -> None:
    folder = write(HOST).folder
    (code,) = re.findall(r"```c\n(.*?)```", (folder / "README.md").read_text(), re.S)
    assert code.count("\n") <= 21
    (tmp_path / "example.c").write_text(
        "#include <stddef.h>\n#include <stdint.h>\n"
        "size_t read_microphone(int16_t *into, size_t capacity);\n"
        f"void use(float arousal, float dominance, float valence);\n{code}"
    )
    command = ["cc", "-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror"]
    run_compiler([*command, f"-I{folder}/include", "-c", "example.c"], tmp_path)


def check_readme(written: Written) -> None:
    """Readings, sizes and commands of this hand-off are in it."""
    readme = (written.folder / "README.md").read_text()
    made, target = written.made, written.target
    for name, adv in made.info.readings.items():
        assert f"| {name} | " + " | ".join(f"{value:.6f}" for value in adv) in readme
    for figure in made.memory.values():
        assert f"{figure.value:,.0f} bytes" in readme
    assert f"for {target.title}" in readme.splitlines()[0]
    assert "5 s in blocks of 0.5 s" in readme
    assert ("make run" in readme) == bool(target.demo and target.demo.emulator)
    prose = [line for line in readme.splitlines() if not line.startswith(("|", "    "))]
    assert max(map(len, prose)) <= 120


def test_sources_alone_say_that_they_are_alone(write: Write) -> None:
    written = write(TARGETS["cortex-m4"])
    check_readme(written)
    assert (written.folder / "README.md").read_text().count("exported without binaries") == 3
    assert not (written.folder / "prebuilt").exists()
    info = written.made.info
    assert (info.kernels, info.compiler, info.readings, written.made.memory) == (None, None, {}, {})


def test_readings_are_those_of_a_fresh_engine(
    write: Write, clip: NDArray[np.int16], exported_bundle: Path
) -> None:
    written = write(HOST, with_binaries=True)
    info = written.made.info
    with open_bundle(exported_bundle) as bundle:
        assert set(info.readings) == set(bundle.manifest.golden.clips)
    assert info.readings["excited-speech"] == written.engine().listen(clip)[-1].adv
    check_readme(written)


# Built with this machine's compiler


@pytest.fixture(scope="session")
def host(write: Write) -> Written:
    """Library and program built here by the Makefile."""
    return write(HOST, with_binaries=True)


def test_make_builds_the_library_and_the_program(host: Written) -> None:
    prebuilt = host.folder / "prebuilt"
    assert {path.name for path in prebuilt.iterdir()} == {"libedge_ser.a", LIVE}
    assert not (host.folder / "build").exists()
    assert host.made.info.kernels and host.made.info.compiler
    assert "c_flash" not in host.made.memory
    size = host.made.memory["c_buffer"].value
    assert 10_000 < size <= 64_000
    words = -(-round(size) // 8)
    assert f"memory[{words}]" in (host.folder / "examples/Readings/Readings.ino").read_text()


@pytest.mark.parametrize("chunk", [1, 7, 319, 4_096, 160_000])
def test_live_reads_what_the_engine_reads_however_the_pipe_cuts(
    host: Written, clip: NDArray[np.int16], chunk: int
) -> None:
    short = clip if chunk > 1 else clip[:20_000]
    sound = short.astype("<i2").tobytes()
    with subprocess.Popen(
        [host.folder / "prebuilt" / LIVE], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as program:
        assert program.stdin and program.stdout
        for start in range(0, len(sound), chunk):
            program.stdin.write(sound[start : start + chunk])
            program.stdin.flush()
        program.stdin.close()
        lines = program.stdout.read().splitlines()
        assert program.wait(60) == 0
    assert_reads_as(lines, host.engine(), short)


def test_live_flushes_each_line(host: Written, clip: NDArray[np.int16]) -> None:
    with subprocess.Popen(
        [host.folder / "prebuilt" / LIVE], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as program:
        assert program.stdin and program.stdout
        program.stdin.write(clip[:17_000].astype("<i2").tobytes())
        program.stdin.flush()
        first = json.loads(program.stdout.readline())  # would wait for ever
        program.stdin.close()
    assert first["partial"] is True and 1.0 <= first["t"] <= 1.07


def test_live_ends_with_what_came_since_the_last_block(
    host: Written, clip: NDArray[np.int16]
) -> None:
    program = host.folder / "prebuilt" / LIVE
    done = live(program, clip[:18_000].astype("<i2").tobytes() + b"\x7f")  # half a sample
    assert done.returncode == 0 and done.stderr == b""
    assert_reads_as(done.stdout.splitlines(), host.engine(), clip[:18_000])
    assert json.loads(done.stdout.splitlines()[-1])["t"] == 1.125


def test_live_is_partial_until_a_window_has_been_heard(
    host: Written, clip: NDArray[np.int16]
) -> None:
    twice = np.concatenate([clip, clip]).astype("<i2").tobytes()
    lines = live(host.folder / "prebuilt" / LIVE, twice).stdout.splitlines()
    partial = [json.loads(line)["partial"] for line in lines]
    assert partial == [True] * 8 + [False] * (len(partial) - 8)


def test_live_speaks_the_streams_schema(host: Written, clip: NDArray[np.int16]) -> None:
    """Fields as those of `edge-ser stream --json`, and no others of that name."""
    from edge_ser.stream.reading import Reading
    from edge_ser.stream.sinks.json_lines import SCHEMA_VERSION

    lines = live(host.folder / "prebuilt" / LIVE, clip.astype("<i2").tobytes()).stdout
    line = json.loads(lines.splitlines()[0])
    known = {field.name for field in dataclasses.fields(Reading)} | {"schema", "type", "engine"}
    assert set(line) <= known | {"engine_version", "model_sha256"}
    assert (line["schema"], line["type"], line["engine"]) == (SCHEMA_VERSION, "reading", "c")
    assert line["state"] == "speech"


def test_live_explains_what_it_cannot_read(host: Written, exported_bundle: Path) -> None:
    program = host.folder / "prebuilt" / LIVE
    wav = next((exported_bundle / "golden").glob("*.wav")).read_bytes()
    for sound, code, words in (
        (wav, 2, b"leave out its header"),
        (b"", 1, b"before there was anything"),
        (b"\x00\x01\x02", 1, b"before there was anything"),
    ):
        done = live(program, sound)
        assert (done.returncode, done.stdout) == (code, b"")
        assert words in done.stderr


def test_live_compiles_without_warnings(host: Written) -> None:
    flags = ["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror"]
    command = ["cc", *flags, "-fsyntax-only", "-Iinclude", "-Isrc", "device/edge_ser_live.c"]
    assert run_compiler(command, host.folder) == ""


def test_live_options(host: Written) -> None:
    program = host.folder / "prebuilt" / LIVE
    assert live(program, b"", "--help").stdout.startswith(b"usage: edge-ser-live")
    version = live(program, b"", "--version").stdout.decode()
    assert re.fullmatch(r"edge-ser-live [\d.]+, kernels \S+, model [0-9a-f]{64}\n", version)
    unknown = live(program, b"", "--fast")
    assert unknown.returncode == 2 and b"unknown option --fast" in unknown.stderr
    with Path("/dev/full").open("wb") as full:
        sound = np.zeros(20_000, np.int16).tobytes()
        done = subprocess.run([program], input=sound, stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 1 and b"cannot be written" in done.stderr


def test_equal_inputs_give_equal_bytes_in_another_folder(host: Written, write: Write) -> None:
    again = write(HOST, with_binaries=True, copy="again")
    assert again.folder != host.folder
    assert contents(again.folder) == contents(host.folder)
    assert not [n for n, data in contents(host.folder).items() if bytes(host.folder) in data]


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_a_receivers_make_gives_the_same_bytes(host: Written, tmp_path: Path) -> None:
    copy = shutil.copytree(host.folder, tmp_path / "received")
    subprocess.run(["make", "-s"], cwd=copy, check=True)
    for name in ("libedge_ser.a", LIVE):
        assert (copy / "build" / name).read_bytes() == (copy / "prebuilt" / name).read_bytes()


@pytest.mark.skipif(not shutil.which("cmake"), reason="cmake is not installed")
def test_cmake_builds_it_alone_and_inside_another_project(
    host: Written, clip: NDArray[np.int16], tmp_path: Path
) -> None:
    cmake(host.folder, tmp_path / "alone")
    done = live(tmp_path / "alone" / LIVE, clip.astype("<i2").tobytes())
    assert_reads_as(done.stdout.splitlines(), host.engine(), clip)

    application = tmp_path / "application"
    application.mkdir()
    (application / "main.c").write_text(
        '#include "edge_ser.h"\nint main(void) { return edge_ser_get_buffer_size() == 0; }\n'
    )
    (application / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.16)\nproject(application C)\n"
        f"add_subdirectory({host.folder} engine)\n"
        "add_executable(application main.c)\n"
        "target_link_libraries(application PRIVATE edge_ser)\n"
    )
    cmake(application, tmp_path / "inside")
    subprocess.run([tmp_path / "inside" / "application"], check=True)
    assert not (tmp_path / "inside" / "engine" / LIVE).exists()


def cmake(source: Path, build: Path, *options: str) -> None:
    """Configure and build; warnings of the configuration fail. `python3` is this one, for zig."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    configure = ["cmake", "-S", str(source), "-B", str(build), "-Werror=dev", *options]
    for words in (configure, ["cmake", "--build", str(build)]):
        done = subprocess.run(
            words, capture_output=True, text=True, env={**os.environ, "PATH": path}
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "CMake Warning" not in done.stderr


@pytest.mark.skipif(not shutil.which("cmake"), reason="cmake is not installed")
def test_esp_idf_would_build_the_same_library(host: Written, tmp_path: Path) -> None:
    """Its toolchain is not to be had here: its one function is, as its manual describes it."""
    (tmp_path / "CMakeLists.txt").write_text(
        """\
cmake_minimum_required(VERSION 3.16)
project(firmware C)
function(idf_component_register)
  cmake_parse_arguments(given "" "" "SRCS;INCLUDE_DIRS;PRIV_INCLUDE_DIRS" ${ARGN})
  if(given_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "unknown: ${given_UNPARSED_ARGUMENTS}")
  endif()
  set(COMPONENT_LIB engine PARENT_SCOPE)
  add_library(engine STATIC ${given_SRCS})
  target_include_directories(engine PUBLIC ${given_INCLUDE_DIRS} PRIVATE ${given_PRIV_INCLUDE_DIRS})
endfunction()
set(ESP_PLATFORM ON)
"""
        f"add_subdirectory({host.folder} engine)\n"
    )
    cmake(tmp_path, tmp_path / "build")
    flags = (tmp_path / "build/engine/CMakeFiles/engine.dir/flags.make").read_text()
    assert "-ffp-contract=off" in flags and f"{host.folder}/include" in flags
    listed = run_compiler(["ar", "t", tmp_path / "build/engine/libengine.a"], tmp_path).split()
    assert {name.removesuffix(".o") for name in listed} == {
        path.name for path in (host.folder / "src").rglob("*.c")
    }


ARDUINO = """\
#include <stddef.h>
#include <stdint.h>
struct Port {
    void begin(unsigned long);
    size_t readBytes(char *into, size_t count);
    void print(char);
    void print(double, int);
    void println(const char *);
    void println(double, int);
};
extern Port Serial;
void delay(unsigned long);
"""


@pytest.mark.skipif(not shutil.which("c++"), reason="c++ is not installed")
def test_arduino_would_compile_everything_below_src(host: Written, tmp_path: Path) -> None:
    """What its builder does: every file of src/ by itself, only src/ searched, no flags of ours."""
    sources = sorted((host.folder / "src").rglob("*.c"))
    for index, source in enumerate(sources):
        flags = ["-std=gnu11", "-Os", "-w", f"-I{host.folder}/src", "-c", str(source)]
        run_compiler(["cc", *flags, "-o", f"{index}.o"], tmp_path)
    (tmp_path / "Arduino.h").write_text(ARDUINO)
    sketch = host.folder / "examples/Readings/Readings.ino"
    flags = ["-std=gnu++17", "-Wall", "-Werror", "-include", "Arduino.h", f"-I{host.folder}/src"]
    run_compiler(["c++", *flags, "-x", "c++", "-c", str(sketch), "-o", "sketch.o"], tmp_path)


def test_a_build_without_our_flags_gives_the_same_bits(
    host: Written, clip: NDArray[np.int16], tmp_path: Path
) -> None:
    """Arduino passes no -ffp-contract=off, and GCC would fuse where the processor can."""
    fused = (
        [] if subprocess.run(["cc", "-mfma", "-xc", "-E", "/dev/null"]).returncode else ["-mfma"]
    )
    files = [*(host.folder / "src").rglob("*.c"), host.folder / "device/edge_ser_live.c"]
    folders = [f"-I{host.folder}/{name}" for name in ("include", "src")]
    run_compiler(["cc", "-std=gnu11", "-O2", *fused, *folders, *files, "-o", LIVE], tmp_path)
    done = live(tmp_path / LIVE, clip.astype("<i2").tobytes())
    assert_reads_as(done.stdout.splitlines(), host.engine(), clip)


# Failing well


def test_a_missing_compiler_is_named_before_any_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(EnvironmentMissing, match="library for cortex-m4") as caught:
        binaries.require_toolchain(TARGETS["cortex-m4"])
    for missing in ("the compiler arm-none-eabi", "a C compiler for this machine", "make"):
        assert missing in str(caught.value)
    for package in ("gcc-arm-none-eabi", "libc6-dev", "make", "--without-binaries"):
        assert package in caught.value.hint


def test_a_target_without_c_needs_no_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    binaries.require_toolchain(TARGETS["android"])


def test_a_compiler_that_fails_is_quoted(tmp_path: Path) -> None:
    (tmp_path / "broken.c").write_text("int main(void) { return nothing; }\n")
    with pytest.raises(EnvironmentMissing, match="nothing") as caught:
        run_compiler([*find_compiler("host").compile, "-c", "broken.c"], tmp_path)
    assert "broken.c" in caught.value.hint


CALLS = """\
node: { title: "edge_ser_push" label: "edge_ser_push|a.c:1:1|100 bytes (static)" }
node: { title: "a.c:small" label: "small|a.c:2:2|8 bytes (static)" }
node: { title: "memcpy" label: "__builtin_memcpy|<built-in>" shape : ellipse }
node: { title: "a.c:pointed_at" label: "pointed_at|a.c:3:3|40 bytes (dynamic,bounded)" }
edge: { sourcename: "edge_ser_push" targetname: "a.c:small" label: "a.c:9:1" }
edge: { sourcename: "edge_ser_push" targetname: "memcpy" }
edge: { sourcename: "a.c:small" targetname: "__indirect_call" label: "a.c:9:2" }
edge: { sourcename: "a.c:pointed_at" targetname: "__indirect_call" label: "a.c:9:3" }
"""


def test_the_deepest_stack_goes_through_pointers_and_ends_at_cycles() -> None:
    assert read_call_graph([CALLS]).deepest() == 100 + 8 + 40
    other = 'node: { title: "edge_ser_finish" label: "f|b.c:1:1|500 bytes (static)" }\n'
    assert read_call_graph([CALLS, other]).deepest() == 500


# The manifest


def test_the_manifest_keeps_what_is_said_of_the_engine(
    host: Written, exported_bundle: Path
) -> None:
    with open_bundle(exported_bundle) as bundle:
        plain = dataclasses.replace(bundle.manifest, c_engine=None)
    full = dataclasses.replace(plain, c_engine=host.made.info)
    assert Manifest.from_json(full.to_json()) == full
    assert Manifest.from_json(plain.to_json()) == plain
    assert "c_engine" not in json.loads(plain.to_json())


def test_readings_of_unknown_clips_are_refused(host: Written, exported_bundle: Path) -> None:
    info: CEngineInfo = dataclasses.replace(host.made.info, readings={"other": (0.0, 0.0, 0.0)})
    with open_bundle(exported_bundle) as bundle, pytest.raises(BundleRefused, match="unknown clip"):
        dataclasses.replace(bundle.manifest, c_engine=info)


def test_the_program_can_be_started_from_the_unpacked_archive(
    stand_in: Path, tmp_path: Path
) -> None:
    program = stand_in / "c" / "prebuilt" / LIVE
    program.parent.mkdir(parents=True)
    program.write_bytes(b"#!/bin/sh\n")
    write_manifest(stand_in, stand_in_manifest(entries(stand_in)))
    pack(stand_in, tmp_path / "bundle.tar.gz")
    with tarfile.open(tmp_path / "bundle.tar.gz") as archive:
        modes = {Path(member.name).name: member.mode for member in archive}
    assert modes[LIVE] == modes["install.sh"] == 0o755
    assert modes["tone.wav"] == 0o644


# With every target's compiler, under qemu


@pytest.mark.device
@pytest.mark.parametrize("target", FIRMWARE, ids=lambda target: target.name)
def test_firmware_fits_its_gates(target: Target, write: Write) -> None:
    written = write(target, with_binaries=True)
    memory = written.made.memory
    check_readme(written)
    assert memory["c_flash"].value <= 128_000
    assert memory["c_buffer"].value <= 64_000
    assert target.name in memory["c_flash"].how


@pytest.mark.device
@pytest.mark.parametrize(
    "target", [t for t in FIRMWARE if t.demo and t.demo.emulator], ids=lambda target: target.name
)
def test_the_readmes_commands_work_on_the_bundle_alone(
    target: Target, write: Write, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(write(target, with_binaries=True).folder, tmp_path / "received"))
    stack = write(target, with_binaries=True).made.memory["c_stack"].value
    readme = (folder / "README.md").read_text()
    commands = re.findall(r"^    ((?:make|qemu).*)$", readme, re.M)
    assert [command.split()[0] for command in commands] == ["make", target.demo.emulator[0]]  # type: ignore[union-attr]
    expected = re.findall(DEMO_LINE, readme, re.M)
    assert len(expected) == 4
    for command in commands:
        done = subprocess.run(
            command.split(), cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
        printed = [line for line in done.stdout.splitlines() if " s  arousal " in line]
        assert printed == expected
        (used,) = re.findall(r"RAM: \d+ bytes and (\d+) of stack", done.stdout)
        assert abs(int(used) - stack) <= 400  # what the demo itself puts on it
    image = "edge-ser-demo.elf"
    assert (folder / "build" / image).read_bytes() == (folder / "prebuilt" / image).read_bytes()


@pytest.mark.device
def test_the_demo_of_the_chip_without_a_qemu_prints_what_its_readme_says(write: Write) -> None:
    written = write(TARGETS["cortex-m0plus"], with_binaries=True)
    command = emulator_call(BOARDS["cortex-m0plus"], default_cache())
    program = written.folder / "prebuilt/edge-ser-demo.elf"
    done = subprocess.run(
        [*command, str(program)], stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    expected = re.findall(DEMO_LINE, (written.folder / "README.md").read_text(), re.M)
    assert len(expected) == 4
    assert [line for line in done.stdout.splitlines() if " s  arousal " in line] == expected


@pytest.mark.device
@pytest.mark.parametrize("name", RUN)
def test_live_of_every_linux_target_gives_the_same_bits(
    name: str, write: Write, clip: NDArray[np.int16]
) -> None:
    written = write(TARGETS[name], with_binaries=True)
    program = written.folder / "prebuilt" / LIVE
    sound = clip.astype("<i2").tobytes()
    done = subprocess.run([*RUN[name], program], input=sound, capture_output=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert_reads_as(done.stdout.splitlines(), written.engine(), clip)
    again = write(TARGETS[name], with_binaries=True, copy="again")
    assert contents(again.folder) == contents(written.folder)
    assert str(Path.home()).encode() not in program.read_bytes()


@pytest.mark.device
@pytest.mark.skipif(not shutil.which("cmake"), reason="cmake is not installed")
@pytest.mark.parametrize("target", WITH_C, ids=lambda target: target.name)
def test_cmake_builds_it_with_the_targets_compiler(
    target: Target, write: Write, tmp_path: Path
) -> None:
    folder = write(target).folder
    cmake(folder, tmp_path / "build", f"-DCMAKE_TOOLCHAIN_FILE={folder}/toolchain.cmake")
    assert (tmp_path / "build/libedge_ser.a").stat().st_size > 50_000
    program = LIVE if target.linux else "edge-ser-demo.elf"
    assert (tmp_path / "build" / program).stat().st_size > 50_000


@pytest.mark.device
def test_the_demo_listens_to_the_sound_that_the_readme_names(
    write: Write, exported_bundle: Path
) -> None:
    target = TARGETS["cortex-m4"]
    with open_bundle(exported_bundle) as bundle:
        samples = demo_samples(bundle, target)
    source = (write(target).folder / "device/es_demo_clip.c").read_text()
    assert f"es_demo_clip_samples = {len(samples)};" in source
