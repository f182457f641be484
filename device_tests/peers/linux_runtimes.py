"""LiteRT and ONNX Runtime on emulated Linux cores: their real wheels, counted from outside.

Start-up is a Python and a runtime, far more than an inference, so it is taken off: what N + 1
inferences need less what one needs, over N. Both runtimes choose kernels by what the processor
says of itself, so each core gets a system folder with its own /proc/cpuinfo.
"""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from device_tests.cached import key, once
from device_tests.debian_root import write_cpuinfo
from device_tests.devices import DEVICES, Device
from device_tests.emulator import qemu_version, run_python
from device_tests.host_tools import require_host_tools
from device_tests.instructions import Counter, read_counts
from device_tests.peers.qdq import qdq_model
from device_tests.peers.workloads import Workload
from device_tests.sysroot import Sysroot, prepare
from edge_ser.bench.c_engine import XNNPACK, Row
from edge_ser.bundle import Bundle
from edge_ser.errors import GateFailed

CORES = {"cortex-a53": ("0x41", "0xd03"), "cortex-a76": ("0x41", "0xd0b")}
"""Core -> implementer and part, as in /proc/cpuinfo."""

_LITERT = {XNNPACK: "AUTO", "without delegate": "BUILTIN_WITHOUT_DEFAULT_DELEGATES"}
_ONNX = {"QDQ, int8 activations": False, "QDQ, uint8 activations": True}
VARIANTS = {"litert": tuple(_LITERT), "onnxruntime": tuple(_ONNX)}
"""Runtime -> kernels or form of the model."""

_TITLES = {"litert": "LiteRT", "onnxruntime": "ONNX Runtime"}
_SYSTEM = DEVICES["rpi-aarch64"]
_GUEST = Path(__file__).parent / "guest"

RUNS, REPEATS = 8, 3
"""Inferences that the difference is over, and how often both sides of it are counted.

A start varies by some thousand instructions, on a busy machine at times by millions (threads that
wait, Python's compiled files written): the smallest counts are those without."""

MEAN_STEP = 1.0
"""What optimised kernels may be from the reference on average: they round otherwise, layer by
layer. A model that was converted wrongly is tens of steps away."""


@dataclass(frozen=True)
class Core:
    """A core with one runtime's packages."""

    device: Device
    sysroot: Sysroot
    cache: Path


def prepare_core(
    core: str,
    runtime: str,
    bundle: Bundle,
    cache: Path,
    mirror: str | None = None,
    say: Callable[[str], None] = print,
) -> Core:
    """System and packages, from the cache or made now.

    Args:
        core: key of `CORES`.
        runtime: key of `VARIANTS`.
        bundle: its pins decide the packages.
        cache: folder for everything that is made once.
        mirror: address of a Debian archive; None takes the one this system's apt uses.
        say: told before something slow.

    Raises:
        EnvironmentMissing: a program is missing or a download failed.
    """
    require_host_tools(_SYSTEM)
    base = prepare(_SYSTEM, bundle, runtime, cache, mirror, say)
    device = dataclasses.replace(_SYSTEM, name=core, cpu=core, cpuinfo=CORES[core])

    def fill(folder: Path) -> None:
        for path in base.root.iterdir():
            if path.name != "proc":
                (folder / path.name).symlink_to(path)
        write_cpuinfo(device, folder)

    root = once(cache / f"{core}-root-{key(str(base.root), device.cpuinfo)}", fill, say)
    return Core(device, Sysroot(root, base.site), cache)


def measure_runtime(workload: Workload, core: Core, runtime: str, variant: str) -> Row:
    """Instructions per inference, outputs compared with the reference.

    Args:
        workload: what to run.
        core: prepared for that runtime.
        runtime: key of `VARIANTS`.
        variant: one of that runtime's.

    Raises:
        GateFailed: it crashes, or its outputs are further from the reference than rounding goes.
    """
    with tempfile.TemporaryDirectory(prefix="edge-ser-peer-") as scratch:
        run = _Run(workload, core, runtime, variant, Path(scratch))
        run.write()
        one = min(run.count(1) for _ in range(REPEATS))
        more = sorted(run.count(1 + RUNS) for _ in range(REPEATS))
        steps = run.steps()
    if steps.mean() > MEAN_STEP:
        raise GateFailed(
            f"{_TITLES[runtime]} ({variant}) is {steps.mean():.1f} steps from LiteRT's reference "
            "kernels on average",
            "rounding explains less than one: the model was converted wrongly",
        )
    return Row(
        engine=_TITLES[runtime],
        version=run.version,
        variant=variant,
        work=workload.name,
        core=core.device.cpu,
        instructions=round((more[0] - one) / RUNS),
        spread=round((more[-1] - more[0]) / RUNS),
        largest_step=int(steps.max()),
        how=f"one thread, Python {_SYSTEM.python}, {_SYSTEM.family.emulator} "
        f"{qemu_version(_SYSTEM)} -cpu {core.device.cpu}",
    )


class _Run:
    """One runtime on one network; files lie in `scratch`."""

    def __init__(
        self, workload: Workload, core: Core, runtime: str, variant: str, scratch: Path
    ) -> None:
        self._workload, self._core = workload, core
        self._runtime, self._variant = runtime, variant
        self._scratch = scratch
        self.version = ""

    @property
    def _unsigned(self) -> bool:
        return _ONNX.get(self._variant, False)

    def write(self) -> None:
        """Model and input, as the guest's script takes them."""
        codes, content = self._workload.codes, self._workload.content
        if self._runtime == "onnxruntime":
            content = qdq_model(content, self._unsigned)
            codes = np.ascontiguousarray(codes.transpose(0, 3, 1, 2))
        shifted = (codes.astype(np.int16) + 128).astype(np.uint8) if self._unsigned else codes
        self._file("model").write_bytes(content)
        np.save(self._file("input.npy"), shifted)

    def count(self, runs: int) -> int:
        """Instructions of the whole process."""
        counter = Counter(self._file("counts"), self._core.cache, whole=True)
        done = run_python(
            self._core.device, self._core.sysroot, self._arguments(runs), counter=counter
        )
        if done.code != 0:
            said = done.stderr.strip().splitlines()[-1:]
            raise GateFailed(f"{_TITLES[self._runtime]} failed on {self._core.device.cpu}: {said}")
        self.version = done.stdout.strip()
        (count,) = read_counts(counter.file)
        return count.total

    def steps(self) -> NDArray[np.int16]:
        """Distances of the last run's outputs from the reference's, all outputs in a row."""
        with np.load(self._file("output.npz")) as saved:
            found = [self._as_tflite(saved[name]) for name in saved.files]
        pairs = zip(found, self._workload.expected, strict=True)
        return np.concatenate([np.abs(have - want).reshape(-1) for have, want in pairs])

    def _as_tflite(self, codes: NDArray[np.generic]) -> NDArray[np.int16]:
        """Codes in TFLite's layout and signedness."""
        if self._runtime == "onnxruntime":
            codes = codes.transpose(0, 2, 3, 1)
        return codes.astype(np.int16) - (128 if self._unsigned else 0)

    def _arguments(self, runs: int) -> list[str | Path]:
        model, codes, output = (self._file(n) for n in ("model", "input.npy", "output.npz"))
        if self._runtime == "onnxruntime":
            return [_GUEST / "run_onnx.py", model, codes, str(runs), output]
        kernels = _LITERT[self._variant]
        return [_GUEST / "run_litert.py", model, codes, str(runs), kernels, output]

    def _file(self, name: str) -> Path:
        return self._scratch / name
