"""Both ONNX files: equal to torch, int8 where intended, ranges from the cache, small."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from conftest import synthetic_speech
from numpy.typing import NDArray

from calibration.affine import affine
from calibration.cache import CalibrationCache
from calibration.observe import observe
from edge_ser.checkpoint import load_student
from edge_ser.errors import InputError
from edge_ser.frontend.spec import FrontEndSpec
from edge_ser.students.catalogue import build_student
from edge_ser.students.student import Student
from edge_ser.students.wav2small import Wav2Small
from firmware_export import onnx_backbone, onnx_float, onnx_int8
from firmware_export.probes import probe_clips

METADATA = {"dimensions": "arousal,dominance,valence", "licence": "Apache-2.0"}
BACKBONE_CONVOLUTIONS = 9
FRONT_END_CONVOLUTIONS = 2


@dataclasses.dataclass(frozen=True)
class Exported:
    """One student and its two files."""

    student: Wav2Small
    cache: CalibrationCache
    float_file: Path
    int8_file: Path
    backbone_file: Path


def cache_of(student: Student) -> CalibrationCache:
    """Ranges over the probe clips, for tests only."""
    frontend = student.config.frontend.sha256()
    return CalibrationCache(observe(student, probe_clips().values()), "", frontend, (), "test", 0)


@pytest.fixture(scope="module", params=["dev_checkpoint", "dev_checkpoint_17k"])
def exported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """Each student with its float and int8 file."""
    student, _ = load_student(request.getfixturevalue(request.param))
    assert isinstance(student, Wav2Small)
    folder, cache = tmp_path_factory.mktemp("onnx"), cache_of(student)
    full, quantised, cut = (folder / f"{name}.onnx" for name in ("float", "int8", "backbone"))
    onnx_float.convert(student, full, METADATA)
    onnx_int8.convert(full, student, cache, quantised, METADATA)
    onnx_backbone.convert(quantised, student, cut, METADATA)
    return Exported(student, cache, full, quantised, cut)


def session(path: Path, optimised: Path | None = None) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    if optimised:
        options.optimized_model_filepath = str(optimised)
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def run(path: Path, audio: NDArray[np.float32]) -> NDArray[np.float32]:
    (values,) = session(path).run(None, {"audio": audio})
    result: NDArray[np.float32] = values
    return result


@pytest.mark.parametrize(
    ("batch", "samples"), [(1, 8_000), (2, 16_001), (3, 24_017), (1, 80_000), (1, 960_000)]
)
def test_float_onnx_equals_torch(exported: Exported, batch: int, samples: int) -> None:
    speech = synthetic_speech(samples / 16_000 + 0.1)[:samples]
    audio = np.stack([np.roll(speech, 997 * row) for row in range(batch)])
    with torch.inference_mode():
        truth = exported.student(torch.from_numpy(audio)).numpy()
    assert np.abs(run(exported.float_file, audio) - truth).max() < 1e-5


def test_float_onnx_keeps_its_precision_with_an_offset(exported: Exported) -> None:
    audio = synthetic_speech(20.0)[None] * np.float32(0.1) + np.float32(0.5)
    exact = build_student("wav2small" if exported.student.config.frame_linear else "wav2small-17k")
    exact.load_state_dict(exported.student.state_dict())
    with torch.inference_mode():
        truth = exact.double().eval()(torch.from_numpy(audio).double()).numpy()
    assert np.abs(run(exported.float_file, audio) - truth).max() < 1e-4


def test_float_file_has_folded_batch_norm_and_dynamic_axes(exported: Exported) -> None:
    model = onnx.load(exported.float_file)
    assert not [n for n in model.graph.node if n.op_type == "BatchNormalization"]
    assert model.opset_import[0].version >= 17
    dims = model.graph.input[0].type.tensor_type.shape.dim
    assert [dim.dim_param for dim in dims] == ["batch", "samples"]


def test_int8_stays_near_the_float_model_on_speech(exported: Exported) -> None:
    # The second-order head squares what the backbone gives, errors included.
    factor = 1 if exported.student.config.frame_linear else 4
    clips = [synthetic_speech(3.0, seed)[None] for seed in range(8)]
    errors = [run(exported.int8_file, c) - run(exported.float_file, c) for c in clips]
    assert np.abs(errors).mean() < 0.004 * factor
    assert np.abs(errors).max() < 0.02 * factor


def test_runtime_uses_int8_kernels_for_every_backbone_convolution(
    exported: Exported, tmp_path: Path
) -> None:
    session(exported.int8_file, tmp_path / "optimised.onnx")
    kinds = [node.op_type for node in onnx.load(tmp_path / "optimised.onnx").graph.node]
    convolutions = [kind for kind in kinds if kind == "QLinearConv"]
    assert len(convolutions) == BACKBONE_CONVOLUTIONS
    assert kinds.count("Conv") == FRONT_END_CONVOLUTIONS
    assert kinds.count("QuantizeLinear") == 1, "activations went back to float in between"


def test_codes_are_those_of_the_cache(exported: Exported) -> None:
    model = onnx.load(exported.int8_file)
    constants = {t.name: onnx.numpy_helper.to_array(t) for t in model.graph.initializer}
    found = {
        node.input[0]: (float(constants[node.input[1]]), int(constants[node.input[2]]))
        for node in model.graph.node
        if node.op_type == "QuantizeLinear" and constants[node.input[2]].dtype == np.uint8
    }
    assert len(found) == len(exported.cache.ranges)
    for path, (low, high) in exported.cache.ranges.items():
        short = path.removeprefix("backbone.trunk.").removeprefix("backbone.projections.")
        scale, zero_point = found[short]
        if path == "backbone.trunk.pool":
            low, high = exported.cache.ranges["backbone.trunk.before.2"]
        assert scale == pytest.approx(affine(low, high).scale, rel=1e-6)
        assert zero_point == affine(low, high).zero_point


def test_weights_are_int8_with_a_scale_per_output_channel(exported: Exported) -> None:
    model = onnx.load(exported.int8_file)
    constants = {t.name: onnx.numpy_helper.to_array(t) for t in model.graph.initializer}
    weights = [n for n in model.graph.node if n.input[0].endswith(".w/i")]
    assert len(weights) == BACKBONE_CONVOLUTIONS
    for node in weights:
        values, scales = constants[node.input[0]], constants[node.input[1]]
        assert values.dtype == np.int8
        assert scales.shape == values.shape[:1]
        assert (np.abs(values.astype(int)).reshape(len(values), -1).max(axis=1) >= 126).all()


def test_sizes_and_metadata(exported: Exported) -> None:
    limit = 115_000 if exported.student.config.frame_linear else 60_000
    assert exported.int8_file.stat().st_size <= limit
    for path in (exported.float_file, exported.int8_file):
        model = onnx.load(path)
        assert {p.key: p.value for p in model.metadata_props} == METADATA
        assert not model.graph.value_info
        assert not any(node.name or node.doc_string for node in model.graph.node)


def test_any_length_and_batch(exported: Exported) -> None:
    one = synthetic_speech(0.5)[None]
    three = np.repeat(one, 3, axis=0)
    assert np.abs(run(exported.int8_file, three) - run(exported.int8_file, one)).max() < 1e-6
    assert np.isfinite(run(exported.int8_file, synthetic_speech(60.0)[None])).all()


def test_quantisation_is_reproducible(exported: Exported, tmp_path: Path) -> None:
    quantised = tmp_path / "int8.onnx"
    onnx_int8.convert(exported.float_file, exported.student, exported.cache, quantised, METADATA)
    assert quantised.read_bytes() == exported.int8_file.read_bytes()


def test_a_cache_without_a_layer_is_refused(exported: Exported, tmp_path: Path) -> None:
    ranges = dict(exported.cache.ranges)
    del ranges["backbone.trunk.after.2"]
    broken = dataclasses.replace(exported.cache, ranges=ranges)
    out = tmp_path / "x.onnx"
    with pytest.raises(InputError, match=r"no range for backbone\.trunk\.after\.2"):
        onnx_int8.convert(exported.float_file, exported.student, broken, out, {})
    assert not out.exists()


def test_a_cache_of_another_front_end_is_refused(exported: Exported, tmp_path: Path) -> None:
    other = dataclasses.replace(exported.cache, frontend_sha256=FrontEndSpec(hop=16).sha256())
    with pytest.raises(InputError, match="another front-end"):
        onnx_int8.convert(exported.float_file, exported.student, other, tmp_path / "x.onnx", {})


# The backbone alone


def inner(path: Path, tensors: dict[str, Any], source: str, values: NDArray[Any]) -> list[Any]:
    """Tensors inside a file: it gets them as outputs."""
    model = onnx.load(path)
    del model.graph.output[:]
    for name, kind in tensors.items():
        model.graph.output.append(onnx.helper.make_tensor_value_info(name, kind, None))
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    loaded = onnxruntime.InferenceSession(model.SerializeToString(), options)
    return list(loaded.run(list(tensors), {source: values}))


def test_the_backbone_computes_what_the_whole_model_does(exported: Exported) -> None:
    """Its rows being those of the whole model: to the bit."""
    names = ("frontend", "values/f", "scores/f")
    tensors = dict.fromkeys(names, onnx.TensorProto.FLOAT)
    audio = synthetic_speech(2.0)[None]
    rows, values, scores = inner(exported.int8_file, tensors, "audio", audio)
    found = session(exported.backbone_file).run(["values", "scores"], {"log_mel": rows})
    assert np.array_equal(found[0], values) and np.array_equal(found[1], scores)
    assert found[0].std() > 0


def test_the_backbone_takes_rows_of_any_length(exported: Exported) -> None:
    loaded = session(exported.backbone_file)
    (source,) = loaded.get_inputs()
    assert (source.name, source.shape) == ("log_mel", [1, 1, "frames", 26])
    shape = list(onnx_backbone.output_shape(exported.student))
    assert [(out.name, out.shape) for out in loaded.get_outputs()] == [
        ("values", shape),
        ("scores", shape),
    ]
    for frames in (1, 2, 149, 1_001):
        values, _ = loaded.run(None, {"log_mel": np.zeros((1, 1, frames, 26), np.float32)})
        assert values.shape == (1, shape[1], -(-frames // 2), shape[3])


def test_the_backbone_has_nothing_of_front_end_and_head(exported: Exported) -> None:
    model = onnx.load(exported.backbone_file)
    kinds = {node.op_type for node in model.graph.node}
    assert kinds == {"Conv", "MaxPool", "QuantizeLinear", "DequantizeLinear"}
    whole = onnx.load(exported.int8_file)
    kept = {tensor.name: tensor for tensor in whole.graph.initializer}
    for tensor in model.graph.initializer:
        assert tensor.raw_data == kept[tensor.name].raw_data
    assert {prop.key: prop.value for prop in model.metadata_props} == METADATA
