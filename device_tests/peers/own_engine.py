"""The C engine on the peers' networks: its backbone alone, checked to the bit, counted.

Row by row, as it streams, with the padding of an offline pass at both ends.
"""

from __future__ import annotations

import shutil
import tempfile
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from device_tests.boards import BOARDS
from device_tests.build import Program, build
from device_tests.peers.counted import run_counted
from device_tests.peers.workloads import Workload
from device_tests.versions import compiler_version
from edge_ser import __version__
from edge_ser.bench.c_engine import ENGINE, Row
from edge_ser.bundle import Bundle
from edge_ser.errors import GateFailed, InputError
from edge_ser.runtime.tables import BackboneTables, Head, read_tables
from firmware_export.c_engine.c_text import array, integers
from firmware_export.c_engine.graph import Graph, Layer, Padding, read_chain, read_graph
from firmware_export.c_engine.layout import LAYOUTS
from firmware_export.c_engine.model_source import Window, model_source
from firmware_export.c_engine.write import SOURCES
from firmware_export.targets import find_target

CORES = ("cortex-m4", "cortex-m55", "cortex-a53", "cortex-a76")

_MAIN = Path(__file__).parent / "board" / "es_own.c"


def measure_own(
    workload: Workload,
    bundle: Bundle,
    core: str,
    cache: Path,
    say: Callable[[str], None] = print,
) -> Row:
    """Instructions per inference, outputs compared with the reference to the bit.

    Args:
        workload: what to run; a network without heads gets two that pass its rows on.
        bundle: open; its front-end and head fill the tables that are not used.
        core: a board.
        cache: folder for everything that is made once.
        say: told before something slow.

    Raises:
        EnvironmentMissing: the compiler or the emulator is not installed.
        GateFailed: it does not compile, crashes, or gives other outputs.
    """
    board = BOARDS[core]
    target = find_target(board.target)
    if target.c is None:
        raise InputError(f"the target {target.name} gets no C engine", "choose another core")
    graph, tables = _network(workload, read_tables(bundle))
    with tempfile.TemporaryDirectory(prefix="edge-ser-own-") as scratch:
        folder = Path(scratch)
        _write(folder, workload, graph, tables, target.c.layout)
        program = build(board, folder, cache, _MAIN.name, "", (target.c.optimise,), say)
    kernels, counts = _run(program, workload, cache, say)
    how = f"{compiler_version(board, cache)} {target.c.optimise} {' '.join(board.flags)}"
    return Row(
        engine=ENGINE,
        version=__version__,
        variant=kernels,
        work=workload.name,
        core=core,
        instructions=min(counts),
        spread=max(counts) - min(counts),
        largest_step=0,
        how=f"{how}, {board.emulator[0]}",
    )


def _network(workload: Workload, tables: BackboneTables) -> tuple[Graph, BackboneTables]:
    """The engine's graph of a workload, and tables whose head has its width."""
    if len(workload.expected) == 2:
        return read_graph(workload.content, workload.name), tables
    layers = read_chain(workload.content, workload.name)
    last = layers[-1]
    width = last.channels_out * last.bands_out
    head = Head(False, last.channels_out, last.bands_out, np.zeros((3, width)), np.zeros(3))
    graph = Graph(layers, _passing(last, 1), _passing(last, last.bands_out))
    return graph, replace(tables, head=head)


def _passing(last: Layer, stride: int) -> Layer:
    """A head that passes every `stride`-th band of the last row on."""
    return Layer(
        name="passing",
        kind="max-pool",
        kernel=(1, 1),
        stride=(1, stride),
        padding=Padding(),
        bands_in=last.bands_out,
        channels_in=last.channels_out,
        bands_out=last.bands_out // stride,
        channels_out=last.channels_out,
        zero_in=last.zero_out,
        zero_out=last.zero_out,
        low=-128,
        high=127,
    )


def _write(
    folder: Path, workload: Workload, graph: Graph, tables: BackboneTables, layout: str
) -> None:
    shutil.copytree(SOURCES, folder, dirs_exist_ok=True)
    made = model_source(
        graph,
        tables,
        LAYOUTS[layout],
        False,
        Window.whole_signal(),
        __version__,
        "0" * 64,
    )
    (folder / "src" / "es_model.h").write_text(made.header)
    (folder / "src" / "es_model.c").write_text(made.source)
    shutil.copy(_MAIN, folder / "device")
    (folder / "device" / "own_input.h").write_text(_input_header(workload, graph))


def _input_header(workload: Workload, graph: Graph) -> str:
    sizes: dict[str, Any] = {
        "OWN_ROWS": workload.codes.shape[1],
        "OWN_FRAMES": workload.expected[0].shape[1],
        "OWN_VALUES": graph.values.bands_out * graph.values.channels_out,
        "OWN_SCORES": graph.scores.bands_out * graph.scores.channels_out,
    }
    lines = "\n".join(f"#define {name} {size}" for name, size in sizes.items())
    codes = array("static const int8_t own_input[]", integers(workload.codes.reshape(-1).tolist()))
    return f'#include <stdint.h>\n\n#include "edge_ser.h"\n\n{lines}\n\n{codes}'


def _run(
    program: Program, workload: Workload, cache: Path, say: Callable[[str], None]
) -> tuple[str, list[int]]:
    """Name of the kernels, and the counts of each inference."""
    said, counts = run_counted(program, cache, "the engine", say)
    values, scores, kernels = said.split()
    wanted = [zlib.crc32(np.ascontiguousarray(part).tobytes()) for part in workload.expected]
    found = [int(values, 16), int(scores, 16)][: len(wanted)]
    if found != wanted:
        raise GateFailed(
            f"the engine gives other outputs on {program.board.name} than LiteRT's reference "
            f"kernels ({workload.name})",
            "run `edge-ser device-test` on that board, which says where",
        )
    return kernels, counts
