"""The hand-off to TFLite-Micro: same bits as LiteRT's reference, measured arena, usable C."""

from __future__ import annotations

import ctypes
import filecmp
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from c_fixtures import FLAGS, Build, compiler
from conftest import synthetic_speech
from numpy.typing import NDArray

from device_tests.observed_engine import ObservedEngine
from edge_ser.bundle import Bundle, open_bundle
from edge_ser.errors import EnvironmentMissing, GateFailed, InputError
from edge_ser.runtime.c import declare, to_pcm
from edge_ser.runtime.tables import read_tables
from firmware_export import tflite_file
from firmware_export.tflite_frames import BlockPlan, reference_interpreter, with_frames
from firmware_export.tflm import interpreter, write_tflm
from firmware_export.tflm.arena_table import arena_table
from firmware_export.tflm.comparison import compare, golden_blocks
from firmware_export.tflm.interpreter import measure_arena
from firmware_export.tflm.model_source import interface_of
from firmware_export.tflm.resolver import add_methods, resolver_header

BACKBONE = "backbone.int8.tflite"
FRAMES = 274
"""Log-mel rows per run: 0.5 s and twelve rows of context on either side."""

_MODEL = ctypes.CFUNCTYPE(
    ctypes.c_bool,
    ctypes.POINTER(ctypes.c_int8),
    ctypes.POINTER(ctypes.c_int8),
    ctypes.POINTER(ctypes.c_int8),
)


@pytest.fixture(scope="module")
def bundle(exported_bundle: Path) -> Iterator[Bundle]:
    with open_bundle(exported_bundle) as opened:
        yield opened


@pytest.fixture(scope="module")
def content(bundle: Bundle) -> bytes:
    """The backbone for blocks of half a second."""
    return with_frames(bundle.read(BACKBONE), FRAMES)


@pytest.fixture(scope="module")
def handoff(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tflm") / "tflm"
    write_tflm(bundle, folder)
    return folder


def reference(content: bytes, codes: NDArray[np.int8]) -> list[NDArray[np.int8]]:
    """LiteRT's reference kernels over rows in one pass: values and scores, (T', features)."""
    lite = reference_interpreter(content)
    source = lite.get_input_details()[0]["index"]
    lite.resize_tensor_input(source, [1, len(codes), codes.shape[1], 1])
    lite.allocate_tensors()
    lite.set_tensor(source, codes[None, :, :, None])
    lite.invoke()
    results = [lite.get_tensor(detail["index"])[0] for detail in lite.get_output_details()]
    return [result.reshape(len(result), -1) for result in results]


def test_plan_of_half_a_second(bundle: Bundle) -> None:
    plan = BlockPlan.of(read_tables(bundle))
    assert (plan.frames, plan.advance, plan.context, plan.seconds) == (FRAMES, 250, 12, 0.5)
    with pytest.raises(InputError, match="shorter than one output frame"):
        BlockPlan.of(read_tables(bundle), 0.001)


@pytest.mark.parametrize("frames", [24, 75, FRAMES])
def test_fixed_length_is_in_every_shape(bundle: Bundle, frames: int) -> None:
    original = bundle.read(BACKBONE)
    fixed = with_frames(original, frames)
    found = interface_of(tflite_file.parse(fixed))
    assert (found.frames, found.outputs, found.features) == (frames, -(-frames // 2), 169)
    codes = np.random.default_rng(0).integers(-128, 128, (frames, 26)).astype(np.int8)
    for whole, made in zip(reference(original, codes), interpreter_run(fixed, codes), strict=True):
        np.testing.assert_array_equal(whole, made)
    with pytest.raises(InputError, match="cannot take 0 frames"):
        with_frames(original, 0)


def interpreter_run(content: bytes, codes: NDArray[np.int8]) -> list[NDArray[np.int8]]:
    """TFLite-Micro on rows: values and scores, (T', features)."""
    results = interpreter.run(content, codes[None, :, :, None])
    return [result[0].reshape(result.shape[1], -1) for result in results]


def test_golden_speech_gives_the_bits_of_litert(bundle: Bundle, content: bytes) -> None:
    found = compare(content, golden_blocks(bundle, FRAMES))
    assert found.runs >= 40 and found.codes == found.runs * 2 * 137 * 169
    assert found.differing == 0


def test_one_other_bit_fails_the_export(
    bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = interpreter.run
    flipped = False

    def run(content: bytes, codes: NDArray[np.int8]) -> list[NDArray[np.int8]]:
        nonlocal flipped
        results = honest(content, codes)
        if not flipped:
            results[1][0, 3, 0, 5] ^= 1
            flipped = True
        return results

    monkeypatch.setattr(interpreter, "run", run)
    with pytest.raises(GateFailed, match="differs from LiteRT's reference kernels in 1 of"):
        write_tflm(bundle, tmp_path / "tflm")
    assert not (tmp_path / "tflm").exists()


def test_arena_is_what_the_interpreter_needs(content: bytes) -> None:
    """It starts in that much memory, and not in less than its activations."""
    arena = measure_arena(content)
    runtime = sys.modules["tflite_micro"].runtime
    runtime.Interpreter.from_bytes(content, arena_size=arena.total)
    with pytest.raises(RuntimeError):
        runtime.Interpreter.from_bytes(content, arena_size=arena.activations)
    assert arena == measure_arena(content)


def test_arena_grows_with_the_block(bundle: Bundle) -> None:
    rows = {row.frames: row for row in arena_table(bundle)}
    assert list(rows) == [24, 74, 148, FRAMES, 524, 2500]
    totals = [row.arena.total for row in rows.values()]
    assert totals == sorted(totals)
    assert rows[2500].arena.total == pytest.approx(1_762_768, rel=0.01)
    assert rows[FRAMES].arena.total == pytest.approx(200_112, rel=0.01)
    assert rows[FRAMES].advance == 250 and rows[2500].advance == 0


def test_resolver_follows_the_model(content: bytes) -> None:
    model = tflite_file.parse(content)
    methods = add_methods(model, BACKBONE)
    assert methods == ["AddConv2D", "AddMaxPool2D", "AddPad"]
    header = resolver_header(methods)
    assert "MicroMutableOpResolver<3>" in header
    assert re.findall(r"resolver\.(\w+)\(\)", header) == methods
    graph = model.subgraphs[0]
    named = zip(graph.operators, tflite_file.operator_names(model), strict=True)
    graph.operators = [node for node, name in named if name != "PAD"]
    assert add_methods(model, BACKBONE) == ["AddConv2D", "AddMaxPool2D"]


def test_float_front_end_is_refused(bundle: Bundle) -> None:
    hybrid = tflite_file.parse(bundle.read("model.int8.tflite"))
    with pytest.raises(InputError, match=r"TFLite-Micro has no .*, which model\.int8\.tflite uses"):
        add_methods(hybrid, "model.int8.tflite")


def test_figures_say_where_they_come_from(bundle: Bundle, tmp_path: Path) -> None:
    figures = write_tflm(bundle, tmp_path / "tflm")
    assert set(figures) == {"tflm_arena", "tflm_arena_activations", "tflm_model"}
    assert all(figure.kind == "measured" for figure in figures.values())
    assert "274 log-mel rows per run" in figures["tflm_arena"].how
    assert interpreter.version() in figures["tflm_arena"].how
    assert figures["tflm_model"].value == len(with_frames(bundle.read(BACKBONE), FRAMES))


def test_equal_bundles_give_equal_bytes(bundle: Bundle, handoff: Path, tmp_path: Path) -> None:
    write_tflm(bundle, tmp_path / "tflm")
    names = sorted(path.relative_to(handoff) for path in handoff.rglob("*") if path.is_file())
    assert len(names) > 20
    _, differing, lacking = filecmp.cmpfiles(
        handoff, tmp_path / "tflm", [str(name) for name in names], shallow=False
    )
    assert (differing, lacking) == ([], [])


def test_readme_and_header_tell_the_same_numbers(handoff: Path) -> None:
    readme = (handoff / "README.md").read_text()
    header = (handoff / "src" / "es_tflm_model.h").read_text()
    arena = int(re.findall(r"#define ES_TFLM_ARENA_BYTES (\d+)", header)[0])
    assert f"**{arena:,} bytes**" in readme
    assert "| 274 | 0.5 s |" in readme and "| 2500 | (no stream) |" in readme
    assert " 0 of them other than those of" in readme
    assert "$" not in readme


def test_array_holds_the_file_aligned(content: bytes, handoff: Path, tmp_path: Path) -> None:
    cpp = shutil.which("c++")
    if cpp is None:
        pytest.skip("no C++ compiler: sudo apt-get install g++")
    main = tmp_path / "main.cc"
    main.write_text(
        '#include "es_tflm_model.h"\n#include <cstdint>\n#include <cstdio>\n'
        "int main() {\n"
        "  std::fwrite(es_tflm_model, 1, es_tflm_model_size, stdout);\n"
        "  return reinterpret_cast<std::uintptr_t>(es_tflm_model) % 16 == 0 ? 0 : 1;\n}\n"
    )
    source, program = handoff / "src" / "es_tflm_model.cc", tmp_path / "main"
    warnings = ("-std=c++17", "-Wall", "-Wextra", "-Wpedantic", "-Werror")
    command = [cpp, *warnings, f"-I{handoff / 'src'}", str(main), str(source), "-o", str(program)]
    subprocess.run(command, check=True)
    done = subprocess.run([str(program)], capture_output=True)
    assert done.returncode == 0
    assert done.stdout == content


def library_of(handoff: Path, repository: Path, folder: Path) -> Any:
    """The hand-off's C with the test's border in the interpreter's place."""
    tree = Path(shutil.copytree(handoff, folder / "tree"))
    files = [*sorted((tree / "src").glob("*.c")), repository / "tests" / "c" / "tflm_border.c"]
    command = [compiler(), *FLAGS, *map(str, files), "-o", "engine.so"]
    subprocess.run(command, cwd=tree, check=True)
    return declare(ctypes.CDLL(str(tree / "engine.so")))


class OnMicro:
    """The hand-off's engine on this machine: its C around the real interpreter."""

    def __init__(self, library: Any, content: bytes) -> None:
        self.runs = 0
        self.fail = False
        self._content = content
        self._size = interface_of(tflite_file.parse(content))
        self._model = _MODEL(self._run)  # ctypes keeps no reference
        library.set_model.restype = None
        library.set_model.argtypes = (_MODEL,)
        library.set_model(self._model)
        self.engine = ObservedEngine(library)

    def _run(self, rows: Any, values: Any, scores: Any) -> bool:
        size = self._size
        codes = np.ctypeslib.as_array(rows, (size.frames, size.bands))
        for target, result in zip(
            (values, scores), interpreter_run(self._content, codes), strict=True
        ):
            np.ctypeslib.as_array(target, result.shape)[:] = result
        self.runs += 1
        return not self.fail


@pytest.fixture(scope="module")
def make_engine(
    handoff: Path,
    content: bytes,
    repository: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[], OnMicro]:
    library = library_of(handoff, repository, tmp_path_factory.mktemp("border"))
    return lambda: OnMicro(library, content)


@pytest.fixture
def on_micro(make_engine: Callable[[], OnMicro]) -> OnMicro:
    return make_engine()


@pytest.mark.parametrize("rows", [FRAMES, FRAMES + 1, 524, 775, 1100, 1247])
def test_blocks_equal_one_pass_over_the_signal(
    on_micro: OnMicro, bundle: Bundle, rows: int
) -> None:
    """Every output, at block borders and at both ends; an odd last row is left out."""
    engine = on_micro.engine
    pcm = to_pcm(synthetic_speech(rows * 32 / 16_000, seed=rows)[: rows * 32])
    for start in range(0, len(pcm), 999):
        engine.push(pcm[start : start + 999])
    engine.finish()
    assert len(engine.codes) == rows
    even = np.stack(engine.codes)[: rows - rows % 2]
    values, scores = reference(bundle.read(BACKBONE), even)
    np.testing.assert_array_equal(np.stack(engine.values), values)
    np.testing.assert_array_equal(np.stack(engine.scores), scores)


def test_results_are_those_of_the_c_engine(on_micro: OnMicro, build_c: Build) -> None:
    """Same front-end, same backbone to the bit, same head: same floats, block after block."""
    pcm = to_pcm(synthetic_speech(3.2, seed=4))
    alone = build_c()
    for engine in (on_micro.engine, alone):
        engine.push(pcm)
        engine.finish()
    assert on_micro.engine.result().ready and alone.result().ready
    assert on_micro.engine.result().blocks == alone.result().blocks
    np.testing.assert_array_equal(on_micro.engine.adv(), alone.adv())
    assert on_micro.engine.library.edge_ser_kernels() == b"tflite-micro"


def test_shorter_than_a_block_gives_no_result(on_micro: OnMicro) -> None:
    on_micro.engine.push(to_pcm(synthetic_speech(0.54, seed=1)))
    on_micro.engine.finish()
    assert not on_micro.engine.result().ready
    assert on_micro.runs == 0 and not on_micro.engine.values


def test_a_failing_interpreter_gives_no_result(on_micro: OnMicro) -> None:
    on_micro.fail = True
    on_micro.engine.push(to_pcm(synthetic_speech(2.0, seed=1)))
    on_micro.engine.finish()
    assert on_micro.runs >= 3
    assert not on_micro.engine.result().ready and not on_micro.engine.values


def test_engine_fits_the_memory_of_the_readme(on_micro: OnMicro) -> None:
    assert on_micro.engine.library.edge_ser_get_buffer_size() <= 32_768


def test_without_the_package_the_export_says_so(
    bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tflite_micro", None)
    with pytest.raises(EnvironmentMissing, match="interpreter is not installed") as caught:
        write_tflm(bundle, tmp_path / "tflm")
    assert "edge-ser[tflm]" in caught.value.hint
    assert not (tmp_path / "tflm").exists()


def test_an_unknown_report_of_memory_is_noticed(
    content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interpreter, "_native_stderr", lambda call: "arena: plenty\n")
    with pytest.raises(EnvironmentMissing, match="in a form that is not known"):
        measure_arena(content)
