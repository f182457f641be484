"""The peers of the C engine: what they are measured on, that they compute it, what is counted."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.metadata
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from device_tests import toolchains
from device_tests.boards import BOARDS
from device_tests.cached import default_cache
from device_tests.devices import DEVICES
from device_tests.emulator import Output
from device_tests.host_tools import missing_packages
from device_tests.peers import bakenn_boards, linux_runtimes, measure, own_engine
from device_tests.peers.bakenn_boards import measure_bakenn
from device_tests.peers.conv_model import MACS, conv_model
from device_tests.peers.linux_runtimes import Core, measure_runtime, prepare_core
from device_tests.peers.qdq import qdq_model
from device_tests.peers.tflite_parts import chain_parts, input_name
from device_tests.peers.workloads import Workload, backbone_workload, conv_workload
from device_tests.sysroot import Sysroot
from edge_ser.bench.c_engine import CMSIS_NN, XNNPACK
from edge_ser.bundle import Bundle, open_bundle
from edge_ser.errors import EnvironmentMissing, GateFailed, InputError
from firmware_export import tflite_file
from firmware_export.tflite_file import schema
from firmware_export.tflite_frames import reference_interpreter

CONV_SHA256 = "abf0f9fc"

_MISSING = sorted(
    {
        *missing_packages(DEVICES["rpi-aarch64"]),
        *toolchains.missing_packages(BOARDS[core] for core in bakenn_boards.CORES),
    }
)
device = [
    pytest.mark.device,
    pytest.mark.skipif(
        bool(_MISSING), reason=f"counting needs: sudo apt-get install {' '.join(_MISSING)}"
    ),
]


@pytest.fixture(scope="module")
def bundle(exported_bundle: Path) -> Iterator[Bundle]:
    with open_bundle(exported_bundle) as opened:
        yield opened


@pytest.fixture(scope="module")
def backbone(bundle: Bundle) -> Workload:
    return backbone_workload(bundle)


@pytest.fixture(scope="module")
def convolutions() -> Workload:
    return conv_workload()


@pytest.fixture(params=["backbone", "convolutions"])
def workload(request: pytest.FixtureRequest) -> Workload:
    found: Workload = request.getfixturevalue(request.param)
    return found


@pytest.fixture(scope="session")
def cache() -> Path:
    return Path(os.environ.get("EDGE_SER_DEVICE_CACHE") or default_cache())


def lite(content: bytes, codes: NDArray[np.int8]) -> NDArray[np.int8]:
    """The only output of a TFLite file under the reference kernels."""
    reference = reference_interpreter(content)
    reference.allocate_tensors()
    reference.set_tensor(reference.get_input_details()[0]["index"], codes)
    reference.invoke()
    (output,) = reference.get_output_details()
    found: NDArray[np.int8] = reference.get_tensor(output["index"])
    return found


def test_conv_model_is_what_its_docstring_says(convolutions: Workload) -> None:
    content = conv_model()
    assert content == convolutions.content == conv_model()
    assert hashlib.sha256(content).hexdigest()[:8] == CONV_SHA256
    model = tflite_file.parse(content)
    assert tflite_file.operator_names(model) == ["CONV_2D"] * 7
    shapes = [tuple(model.subgraphs[0].tensors[i].shape) for i in (0, 3)]
    assert shapes == [(1, 45, 26, 1), (1, 45, 26, 13)]
    assert convolutions.macs == MACS == 10_814_310


def test_no_layer_of_the_conv_model_is_dead(convolutions: Workload) -> None:
    """Codes that are all zero or all saturated would flatter kernels that skip them."""
    for name in [*(f"conv{layer}" for layer in range(6)), "output"]:
        codes = convolutions.activation(name)
        assert 0.1 < np.mean(codes > -128) < 0.9, name
        assert np.mean(codes == 127) < 0.1, name


def test_backbone_is_one_second_of_speech(backbone: Workload, bundle: Bundle) -> None:
    assert backbone.codes.shape == (1, 500, 26, 1)
    assert [output.shape for output in backbone.expected] == [(1, 250, 1, 169)] * 2
    assert backbone.macs == 75_120_500
    assert backbone.codes.std() > 20
    in_five_seconds = bundle.manifest.student.macs_per_5s
    assert 5 * backbone.macs == pytest.approx(in_five_seconds, rel=0.05)


def test_parts_compute_what_the_whole_does(workload: Workload) -> None:
    parts = chain_parts(workload.content)
    assert len(parts) == len(workload.expected)
    operators = []
    for part, expected in zip(parts, workload.expected, strict=True):
        name = input_name(part)
        first = name == input_name(workload.content)
        codes = workload.codes if first else workload.activation(name)
        np.testing.assert_array_equal(lite(part, codes), expected)
        operators += tflite_file.operator_names(tflite_file.parse(part))
    whole = tflite_file.operator_names(tflite_file.parse(workload.content))
    assert sorted(operators) == sorted(whole)


def test_parts_have_the_versions_of_int8_kernels(backbone: Workload) -> None:
    first, second = map(tflite_file.parse, chain_parts(backbone.content))
    assert tflite_file.operator_versions(first) == {"CONV_2D": 3, "PAD": 2, "MAX_POOL_2D": 2}
    assert tflite_file.operator_versions(second) == {"CONV_2D": 3}


@pytest.mark.parametrize("unsigned", [False, True], ids=["int8", "uint8"])
def test_qdq_model_is_the_same_network(workload: Workload, unsigned: bool) -> None:
    """On this machine: rounding apart, and nothing is left in float but what ORT fuses away."""
    import onnxruntime

    content = qdq_model(workload.content, unsigned)
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    codes = np.ascontiguousarray(workload.codes.transpose(0, 3, 1, 2))
    shift = 128 if unsigned else 0
    fed = (codes.astype(np.int16) + shift).astype(np.uint8) if unsigned else codes
    results = session.run(None, {session.get_inputs()[0].name: fed})
    for found, expected in zip(results, workload.expected, strict=True):
        assert found.dtype == (np.uint8 if unsigned else np.int8)
        steps = np.abs(found.transpose(0, 2, 3, 1).astype(np.int16) - shift - expected)
        assert steps.mean() < 0.5
    kinds = {node.op_type for node in onnx.load_from_string(content).graph.node}
    assert kinds <= {"Conv", "Relu", "MaxPool", "QuantizeLinear", "DequantizeLinear"}


def test_qdq_of_an_unknown_operator_is_refused(convolutions: Workload) -> None:
    model = tflite_file.parse(convolutions.content)
    code = model.operatorCodes[0]
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.LOGISTIC
    with pytest.raises(InputError, match="the QDQ converter has no LOGISTIC"):
        qdq_model(tflite_file.serialise(model), unsigned=False)


def test_without_bakenn_its_rows_are_absent(
    bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What can be measured still is: here nothing, because Linux cores fail too."""

    def absent(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    def no_system(*_: Any) -> Core:
        raise EnvironmentMissing("there is no qemu", "install it")

    monkeypatch.setattr(toolchains, "require", lambda boards: None)
    monkeypatch.setattr(importlib.metadata, "version", absent)
    monkeypatch.setattr(linux_runtimes, "prepare_core", no_system)
    monkeypatch.setattr(own_engine, "measure_own", no_system)
    found = measure.measure_all(bundle, tmp_path, say=lambda line: None)
    assert found.rows == ()
    assert found.absent == (
        *(f"C engine on {core}: there is no qemu (install it)" for core in own_engine.CORES),
        "bakenn on cortex-m4: bakenn is not installed (pip install 'edge-ser[peers]')",
        "bakenn on cortex-m55: bakenn is not installed (pip install 'edge-ser[peers]')",
        "LiteRT and ONNX Runtime on cortex-a53: there is no qemu (install it)",
        "LiteRT and ONNX Runtime on cortex-a76: there is no qemu (install it)",
    )
    assert [work.macs for work in found.works] == [MACS, 75_120_500]


class FakeGuest:
    """In the place of the emulated Python: writes outputs, pretends counts."""

    def __init__(self, outputs: list[NDArray[np.int8]], totals: list[int]) -> None:
        self.outputs, self.totals = outputs, totals
        self.runs: list[int] = []

    def __call__(self, device: Any, sysroot: Any, arguments: Any, counter: Any) -> Output:
        self.runs.append(int(arguments[3]))
        counter.file.write_text(f"total {self.totals.pop(0)}\n")
        np.savez(arguments[-1], *self.outputs)
        return Output(0, "9.9\n", "")


@pytest.fixture
def no_core(tmp_path: Path) -> Core:
    return Core(DEVICES["rpi-aarch64"], Sysroot(tmp_path, tmp_path), tmp_path)


def fake(monkeypatch: pytest.MonkeyPatch, guest: FakeGuest) -> None:
    monkeypatch.setattr(linux_runtimes, "run_python", guest)
    monkeypatch.setattr(linux_runtimes, "qemu_version", lambda device: "0")


def test_start_up_is_taken_off(
    convolutions: Workload, no_core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    guest = FakeGuest(convolutions.expected, [1_900, 1_000, 1_001, 1_960, 1_800, 1_840])
    fake(monkeypatch, guest)
    row = measure_runtime(convolutions, no_core, "litert", XNNPACK)
    assert guest.runs == [1, 1, 1, 9, 9, 9]
    assert (row.instructions, row.spread, row.largest_step) == (100, 20, 0)
    assert (row.engine, row.version, row.work) == ("LiteRT", "9.9", "conv-10.8M")


def test_a_peer_that_computes_something_else_is_not_measured(
    convolutions: Workload, no_core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = [np.roll(output, 1, axis=1) for output in convolutions.expected]
    fake(monkeypatch, FakeGuest(wrong, [1_000] * 3 + [1_800] * 3))
    with pytest.raises(GateFailed, match="steps from LiteRT's reference kernels on average"):
        measure_runtime(convolutions, no_core, "litert", XNNPACK)


class TestOnEmulatedCores:
    """The real things. Bounds are wide: compilers and runtimes change, magnitudes do not."""

    pytestmark = device

    @pytest.mark.parametrize(
        ("core", "variant", "low", "high"),
        [
            ("cortex-m4", CMSIS_NN, 25e6, 40e6),
            ("cortex-m55", CMSIS_NN, 7e6, 13e6),
            ("cortex-m4", "portable", 80e6, 180e6),
        ],
    )
    def test_bakenn(
        self,
        core: str,
        variant: str,
        low: float,
        high: float,
        convolutions: Workload,
        cache: Path,
    ) -> None:
        row = measure_bakenn(convolutions, core, variant, cache)
        assert (row.engine, row.core, row.variant) == ("bakenn", core, variant)
        assert low < row.instructions < high
        assert (row.spread, row.largest_step) == (0, 0)
        assert row == measure_bakenn(convolutions, core, variant, cache)

    @pytest.mark.parametrize("core", bakenn_boards.CORES)
    def test_bakenn_runs_the_backbone_in_parts(
        self, core: str, backbone: Workload, convolutions: Workload, cache: Path
    ) -> None:
        row = measure_bakenn(backbone, core, CMSIS_NN, cache)
        small = measure_bakenn(convolutions, core, CMSIS_NN, cache)
        ratio = row.instructions / small.instructions
        assert ratio == pytest.approx(backbone.macs / convolutions.macs, rel=0.2)

    def test_other_outputs_are_noticed_on_a_board(
        self, convolutions: Workload, cache: Path
    ) -> None:
        spoilt = dataclasses.replace(convolutions)
        expected = [output.copy() for output in convolutions.expected]
        expected[0][0, 0, 0, 0] ^= 1
        spoilt.__dict__["expected"] = expected
        with pytest.raises(GateFailed, match="gives other outputs on cortex-m4"):
            measure_bakenn(spoilt, "cortex-m4", CMSIS_NN, cache)

    @pytest.mark.parametrize(
        ("core", "low", "high"), [("cortex-a53", 4e6, 8e6), ("cortex-a76", 1.4e6, 3.2e6)]
    )
    def test_litert(
        self,
        core: str,
        low: float,
        high: float,
        convolutions: Workload,
        bundle: Bundle,
        cache: Path,
    ) -> None:
        prepared = prepare_core(core, "litert", bundle, cache)
        row = measure_runtime(convolutions, prepared, "litert", XNNPACK)
        assert low < row.instructions < high
        assert row.spread < 0.02 * row.instructions
        assert row.version == bundle.manifest.tools.get("ai-edge-litert", row.version)

    def test_onnx_runtime(self, convolutions: Workload, bundle: Bundle, cache: Path) -> None:
        prepared = prepare_core("cortex-a76", "onnxruntime", bundle, cache)
        variant = linux_runtimes.VARIANTS["onnxruntime"][0]
        row = measure_runtime(convolutions, prepared, "onnxruntime", variant)
        assert 3e6 < row.instructions < 8e6

    def test_each_core_says_what_it_is(self, bundle: Bundle, cache: Path) -> None:
        """LiteRT picks other kernels on an A53 that calls itself an A72."""
        for core, (_, part) in linux_runtimes.CORES.items():
            root = prepare_core(core, "litert", bundle, cache).sysroot.root
            assert f"CPU part\t: {part}" in (root / "proc" / "cpuinfo").read_text()
            assert (root / "usr" / "bin" / "python3.11").exists()
