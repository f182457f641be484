"""Vela on the backbone: everything on the NPU, figures labelled as estimates, clear refusals."""

from __future__ import annotations

import csv
import filecmp
import importlib.metadata
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_ser.bundle import Bundle, open_bundle
from edge_ser.errors import EnvironmentMissing, GateFailed, InputError
from firmware_export import ethos_u, tflite_file
from firmware_export.ethos_u import U55, U65, U85, Unit, compile_backbone, write_ethos_u
from firmware_export.tflite_file import schema
from firmware_export.tflite_frames import with_frames

UNITS = [pytest.param(unit, id=unit.accelerator) for unit in (U55, U65, U85)]
FRAMES = 274


@pytest.fixture(scope="module")
def bundle(exported_bundle: Path) -> Iterator[Bundle]:
    with open_bundle(exported_bundle) as opened:
        yield opened


@pytest.fixture(scope="module")
def content(bundle: Bundle) -> bytes:
    return with_frames(bundle.read("backbone.int8.tflite"), FRAMES)


@pytest.mark.parametrize("unit", UNITS)
def test_the_whole_backbone_is_one_command_stream(
    unit: Unit, bundle: Bundle, tmp_path: Path
) -> None:
    write_ethos_u(bundle, tmp_path, unit)
    model = tflite_file.load(tmp_path / "backbone.vela.tflite")
    assert tflite_file.operator_names(model) == ["CUSTOM"]
    assert [code.customCode for code in model.operatorCodes] == [b"ethos-u"]
    graph = model.subgraphs[0]
    shapes = {
        tflite_file.text(graph.tensors[index].name): [int(n) for n in graph.tensors[index].shape]
        for index in (*graph.inputs, *graph.outputs)
    }
    output = [1, FRAMES // 2, 1, 169]
    assert shapes == {"log_mel": [1, FRAMES, 26, 1], "values": output, "scores": output}


@pytest.mark.parametrize("unit", UNITS)
def test_figures_are_estimates_of_that_table(unit: Unit, bundle: Bundle, tmp_path: Path) -> None:
    figures = write_ethos_u(bundle, tmp_path, unit)
    assert {figure.kind for figure in figures.values()} == {"estimate"}
    (row,) = csv.DictReader((tmp_path / "vela-summary.csv").read_text().splitlines())
    assert figures["ethos_u_cycles"].value == float(row["cycles_total"]) > 100_000
    assert figures["ethos_u_sram"].value == 1024 * float(row["sram_memory_used"])
    assert figures["ethos_u_flash"].value == 1024 * float(row["off_chip_flash_memory_used"])
    assert figures["ethos_u_sram"].unit == "byte" and figures["ethos_u_cycles"].unit == "cycle"
    how = figures["ethos_u_cycles"].how
    assert unit.accelerator in how and "274 log-mel rows per run" in how
    assert importlib.metadata.version("ethos-u-vela") in how


def test_named_writers_differ_in_the_unit(bundle: Bundle, tmp_path: Path) -> None:
    writers = (ethos_u.write_u55, ethos_u.write_u65, ethos_u.write_u85)
    found = [write(bundle, tmp_path / write.__name__) for write in writers]
    titles = [re.search(r"ethos-u\d\d", figures["ethos_u_cycles"].how) for figures in found]
    assert [title and title[0] for title in titles] == ["ethos-u55", "ethos-u65", "ethos-u85"]


def test_c_around_it_reserves_more_than_vela_asks(bundle: Bundle, tmp_path: Path) -> None:
    figures = write_ethos_u(bundle, tmp_path, U55)
    header = (tmp_path / "src" / "es_tflm_model.h").read_text()
    reserved = int(re.findall(r"#define ES_TFLM_ARENA_BYTES (\d+)", header)[0])
    assert reserved == figures["ethos_u_sram"].value + 16_384
    assert "estimate" in header
    resolver = (tmp_path / "src" / "es_tflm_resolver.h").read_text()
    assert re.findall(r"resolver\.(\w+)\(\)", resolver) == ["AddEthosU"]
    array = (tmp_path / "src" / "es_tflm_model.cc").read_text()
    data = re.findall(r"= \{(.*?)\};", array, re.DOTALL)[0]
    stored = np.array([int(number) for number in data.split(",") if number.strip()], np.uint8)
    assert stored.tobytes() == (tmp_path / "backbone.vela.tflite").read_bytes()
    assert (tmp_path / "include" / "edge_ser.h").is_file()


def test_readme_never_claims_a_measurement(bundle: Bundle, tmp_path: Path) -> None:
    figures = write_ethos_u(bundle, tmp_path, U85)
    readme = (tmp_path / "README.md").read_text()
    assert f"| cycles per run | {figures['ethos_u_cycles'].value:,} |" in readme
    assert "**Nothing here was measured**" in readme and "$" not in readme


def test_equal_bundles_give_equal_bytes(bundle: Bundle, tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_ethos_u(bundle, tmp_path / name, U65)
    names = [
        str(path.relative_to(tmp_path / "one"))
        for path in sorted((tmp_path / "one").rglob("*"))
        if path.is_file()
    ]
    assert len(names) > 20
    _, differing, lacking = filecmp.cmpfiles(
        tmp_path / "one", tmp_path / "two", names, shallow=False
    )
    assert (differing, lacking) == ([], [])


def test_an_operator_left_to_the_processor_fails(content: bytes) -> None:
    """The NPU pools over at most 256 rows; Vela leaves the rest alone and says nothing."""
    model = tflite_file.parse(content)
    for node in model.subgraphs[0].operators:
        if isinstance(node.builtinOptions, schema.Pool2DOptionsT):
            node.builtinOptions.filterHeight = 300
    with pytest.raises(GateFailed, match="the processor would have to run MAX_POOL_2D"):
        compile_backbone(tflite_file.serialise(model), U55)


def test_float_models_are_refused(bundle: Bundle) -> None:
    with pytest.raises(InputError, match="an Ethos-U55 has no"):
        compile_backbone(bundle.read("model.int8.tflite"), U55)


def test_without_vela_the_export_says_so(
    bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", absent)
    with pytest.raises(EnvironmentMissing, match="Vela, the compiler") as caught:
        write_ethos_u(bundle, tmp_path / "u55", U55)
    assert "edge-ser[ethos-u]" in caught.value.hint
    assert not (tmp_path / "u55").exists()


def test_a_failing_vela_is_quoted(content: bytes) -> None:
    odd: Any = Unit("Ethos-U55", "ethos-u55-128", "No_Such_System")
    with pytest.raises(EnvironmentMissing, match="Vela failed with code") as caught:
        compile_backbone(content, odd)
    assert "No_Such_System" in str(caught.value)
