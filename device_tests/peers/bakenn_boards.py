"""Bakenn's generated C on the Cortex-M boards: built with its best flags, checked, counted.

Start-up, linker script, transport and marks are those of our own boards, so that both engines are
counted by the same means. Bakenn knows no Cortex-M55: its Cortex-M4 sources are compiled for it,
and their CMSIS-NN turns to Helium by itself.
"""

from __future__ import annotations

import importlib.metadata
import subprocess
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from device_tests import toolchains
from device_tests.boards import BOARDS, Board
from device_tests.build import Program
from device_tests.cached import key, once
from device_tests.host_tools import run_tool
from device_tests.peers.counted import run_counted
from device_tests.peers.tflite_parts import chain_parts, input_name
from device_tests.peers.workloads import Workload
from edge_ser.bench.c_engine import CMSIS_NN, Row
from edge_ser.errors import EnvironmentMissing, GateFailed
from firmware_export.c_engine.c_text import array
from firmware_export.c_engine.write import SOURCES

CORES = ("cortex-m4", "cortex-m55")
VARIANTS = ("portable", "own SMLAD", CMSIS_NN)

OPTIMISE = "-O3"
"""Fewest instructions with CMSIS-NN of -Os, -O2, -O3, -Ofast and -funroll-loops, on both boards."""

_MAIN = Path(__file__).parent / "board" / "es_peer.c"
_DEVICE = SOURCES / "device"
_AROUND = (
    *("es_measure.c", "es_text.c", "es_crc32.c", "es_transport_semihosting.c"),
    *("es_board_bare.c", "es_exit_semihosting.c", "es_start_cortexm.c"),
)
# Copies are newlib's: bakenn's own file of them serves builds without a C library.
_UNUSED = "bakenn_cmsis_memory.c"


def measure_bakenn(
    workload: Workload,
    core: str,
    variant: str,
    cache: Path,
    say: Callable[[str], None] = print,
) -> Row:
    """Instructions per inference, outputs compared with the reference to the bit.

    A network with several outputs is compiled in parts, since bakenn takes one output only; the
    parts together do each layer once.

    Args:
        workload: what to run.
        core: one of `CORES`.
        variant: one of `VARIANTS`.
        cache: folder for everything that is made once.
        say: told before something slow.

    Raises:
        EnvironmentMissing: bakenn, the compiler or the emulator is not installed.
        GateFailed: it does not compile, crashes, or gives other outputs.
    """
    board = BOARDS[core]
    toolchains.require([board])
    version = _version()
    parts = chain_parts(workload.content)
    measured = [
        _measure_part(part, _input_of(workload, part), expected, board, variant, cache, say)
        for part, expected in zip(parts, workload.expected, strict=True)
    ]
    compiler = f"{board.compiler}-gcc {_compiler(board, cache)}"
    totals = [sum(counts) for counts in zip(*measured, strict=True)]
    return Row(
        engine="bakenn",
        version=version,
        variant=variant,
        work=workload.name,
        core=core,
        instructions=min(totals),
        spread=max(totals) - min(totals),
        largest_step=0,
        how=f"{compiler} {OPTIMISE} {' '.join(board.flags)}, {board.emulator[0]}",
    )


def _version() -> str:
    try:
        return importlib.metadata.version("bakenn")
    except importlib.metadata.PackageNotFoundError as error:
        raise EnvironmentMissing(
            "bakenn is not installed", "pip install 'edge-ser[peers]'"
        ) from error


def _compiler(board: Board, cache: Path) -> str:
    return run_tool([*toolchains.compiler_call(board, cache).command, "-dumpfullversion"]).strip()


def _input_of(workload: Workload, part: bytes) -> NDArray[np.int8]:
    name = input_name(part)
    first = name == input_name(workload.content)
    return workload.codes if first else workload.activation(name)


def _measure_part(
    part: bytes,
    codes: NDArray[np.int8],
    expected: NDArray[np.int8],
    board: Board,
    variant: str,
    cache: Path,
    say: Callable[[str], None],
) -> list[int]:
    """Counts of each inference."""
    program = _build(part, codes, board, variant, cache, say)
    found, counts = run_counted(program, cache, f"bakenn ({variant})", say)
    wanted = f"{zlib.crc32(expected.tobytes()):08x}"
    if found != wanted:
        raise GateFailed(
            f"bakenn ({variant}) gives other outputs on {board.name} than LiteRT's reference "
            f"kernels: CRC {found}, not {wanted}"
        )
    return counts


def _build(
    part: bytes,
    codes: NDArray[np.int8],
    board: Board,
    variant: str,
    cache: Path,
    say: Callable[[str], None],
) -> Program:
    """Generate and compile; equal requests share a folder."""
    call = toolchains.compiler_call(board, cache, say)
    decisive = (
        *(zlib.crc32(part), zlib.crc32(codes.tobytes()), variant, board.flags, OPTIMISE),
        *(_version(), _compiler(board, cache), _MAIN.read_text()),
        *(_DEVICE.joinpath(name).read_text() for name in (*_AROUND, board.script)),
    )
    folder = cache / "programs" / f"{board.name}-bakenn-{key(*decisive)}"

    def fill(scratch: Path) -> None:
        sources, includes = _generate(part, variant, scratch / "generated")
        declaration = "static const int8_t peer_input[]"
        literals = [str(int(code)) for code in codes.reshape(-1)]
        text = f"#include <stdint.h>\n\n{array(declaration, literals)}"
        (scratch / "peer_input.h").write_text(text)
        around = [_DEVICE / name for name in _AROUND]
        command = [*call.command, OPTIMISE, "-std=c11", "-ffunction-sections", "-fdata-sections"]
        command += [*board.flags, "-DES_HOST_FILES", *(f"-I{path}" for path in includes)]
        command += [f"-I{scratch}", f"-I{_DEVICE}", str(_MAIN), *map(str, [*around, *sources])]
        command += ["-nostartfiles", "-Wl,--gc-sections", "-Wl,-n", f"-L{_DEVICE}"]
        command += ["-T", str(_DEVICE / board.script), "-o", str(scratch / "peer.elf")]
        done = subprocess.run(command, capture_output=True, text=True, env=call.environment)
        if done.returncode != 0:
            said = "\n".join(done.stderr.strip().splitlines()[:12])
            raise GateFailed(f"{command[0]} failed on bakenn's sources:\n{said}")

    return Program(board, "files", once(folder, fill, say) / "peer.elf", ())


def _generate(part: bytes, variant: str, folder: Path) -> tuple[list[Path], list[Path]]:
    """Bakenn's C files and folders of headers."""
    import bakenn

    optimised = {"kernel_policy": bakenn.KernelPolicy.STATIC_PRIORITY}
    options: dict[str, dict[str, Any]] = {
        "portable": {},
        "own SMLAD": optimised,
        CMSIS_NN: {**optimised, "enable_cmsis_nn": True},
    }
    try:
        made = bakenn.compile_tflite(
            part,
            folder,
            name="peer",
            backend_options=bakenn.CBackendOptions(target=bakenn.CORTEX_M4, **options[variant]),
        ).artifacts
    except bakenn.BakeNNError as error:
        raise GateFailed(f"bakenn refuses the model: {error}") from error
    sources = [made.model_source, made.weights_source, made.kernels_source, *made.support_sources]
    headers = [folder, *made.support_include_dirs]
    return [Path(path) for path in sources if path.name != _UNUSED], headers
