"""What may not go to a microcontroller: weight-only, hybrid, float and unknown operators."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch
from torch import nn

from edge_ser.errors import InputError
from edge_ser.runtime.quiet import native_stderr_hidden
from firmware_export import tflite_file, tflite_float
from firmware_export.tflite_admission import admit
from firmware_export.tflite_frames import reference_interpreter
from firmware_export.tflm.resolver import ADD_METHODS

Recipe = Literal["float", "weight-only", "dynamic"]
Make = Callable[[Recipe], Path]


class Net(nn.Module):
    """Two convolutions in TFLite's layout: (1, 8, 6, 1) -> (1, 8, 6, 2)."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 2, 3, padding=1)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.layers(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        return result


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory) -> Make:
    """Quantise `Net` with the converters' own quantiser."""
    folder = tmp_path_factory.mktemp("nets")
    plain = tflite_file.serialise(tflite_float.convert(Net(), torch.zeros(1, 8, 6, 1)))

    def build(recipe: Recipe) -> Path:
        path = folder / f"{recipe}.tflite"
        path.write_bytes(plain if recipe == "float" else quantised(plain, recipe))
        return path

    return build


def quantised(content: bytes, recipe: Recipe) -> bytes:
    from ai_edge_quantizer import qtyping, quantizer

    worker = quantizer.Quantizer(content)
    kinds = {"weight-only": worker.add_weight_only_config, "dynamic": worker.add_dynamic_config}
    for operator in ("CONV_2D", "DEPTHWISE_CONV_2D"):
        kinds[recipe](regex=".*", operation_name=qtyping.TFLOperationName(operator), num_bits=8)
    return bytes(worker.quantize(enable_progress_report=False).quantized_model)


def test_the_exported_backbone_is_admitted(exported_bundle: Path) -> None:
    model = admit(exported_bundle / "backbone.int8.tflite", ADD_METHODS, "TFLite-Micro")
    assert set(tflite_file.operator_names(model)) == {"CONV_2D", "PAD", "MAX_POOL_2D"}


def test_weight_only_is_refused_by_tensor(make: Make) -> None:
    path = make("weight-only")
    assert "DEQUANTIZE" in tflite_file.operator_names(tflite_file.load(path))
    with pytest.raises(InputError) as caught:
        admit(path, {*ADD_METHODS, "DEQUANTIZE"}, "TFLite-Micro")
    message = str(caught.value)
    assert message.startswith("weight-only.tflite is a weight-only model: ")
    assert "Conv2d" in message and "silently return garbage" in message
    assert "static int8" in caught.value.hint


def test_the_garbage_is_real(make: Make) -> None:
    """Why it is refused: TFLite-Micro takes the file without a word and computes nonsense."""
    tflm = pytest.importorskip("tflite_micro")
    content = make("weight-only").read_bytes()
    signal = np.random.default_rng(0).standard_normal((1, 8, 6, 1)).astype(np.float32)
    lite = reference_interpreter(content)
    lite.allocate_tensors()
    lite.set_tensor(lite.get_input_details()[0]["index"], signal)
    lite.invoke()
    truth = lite.get_tensor(lite.get_output_details()[0]["index"])
    with native_stderr_hidden():
        micro: Any = tflm.runtime.Interpreter.from_bytes(content, arena_size=1_000_000)
        micro.set_input(signal, 0)
        micro.invoke()
        found = micro.get_output(0)
    assert np.abs(truth).max() > 0.1
    assert not np.allclose(found, truth, atol=0.1)


def test_integer_weights_on_float_activations_are_refused(make: Make) -> None:
    with pytest.raises(InputError, match=r"integer weights on float activations .*CONV_2D"):
        admit(make("dynamic"), {*ADD_METHODS, "RESHAPE"}, "TFLite-Micro")


def test_a_float_model_is_refused(make: Make) -> None:
    with pytest.raises(InputError, match="activations that are not int8") as caught:
        admit(make("float"), {*ADD_METHODS, "RESHAPE"}, "an Ethos-U")
    assert "an Ethos-U" in str(caught.value)


def test_unknown_operators_are_named(make: Make) -> None:
    with pytest.raises(InputError, match=r"a chip has no .*CONV_2D.*, which float\.tflite uses"):
        admit(make("float"), ("PAD",), "a chip")


def test_an_operator_newer_than_the_schema_is_named(exported_bundle: Path, tmp_path: Path) -> None:
    model = tflite_file.load(exported_bundle / "backbone.int8.tflite")
    model.operatorCodes[0].builtinCode = 9_999
    path = tmp_path / "new.tflite"
    path.write_bytes(tflite_file.serialise(model))
    with pytest.raises(InputError, match="TFLite-Micro has no operator 9999"):
        admit(path, ADD_METHODS, "TFLite-Micro")


def test_operators_of_old_files_are_read(exported_bundle: Path) -> None:
    """Before schema 3a an operator's number was in a field of one byte."""
    model = tflite_file.load(exported_bundle / "backbone.int8.tflite")
    before = tflite_file.operator_names(model)
    for code in model.operatorCodes:
        code.deprecatedBuiltinCode, code.builtinCode = code.builtinCode, 0
    assert tflite_file.operator_names(model) == before


@pytest.mark.parametrize("damage", ["text", "cut", "scrambled"])
def test_what_is_no_model_is_refused(damage: str, exported_bundle: Path, tmp_path: Path) -> None:
    content = (exported_bundle / "backbone.int8.tflite").read_bytes()
    path = tmp_path / "broken.tflite"
    path.write_bytes(
        {
            "text": b"hello, I am no model at all",
            "cut": content[:3_000],
            "scrambled": content[:8] + bytes(reversed(content[8:600])) + content[600:],
        }[damage]
    )
    with pytest.raises(InputError, match=r"broken\.tflite is (not|a damaged) "):
        admit(path, ADD_METHODS, "TFLite-Micro")
