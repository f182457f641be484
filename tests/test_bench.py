"""The benchmark's bookkeeping, and a short run on a real bundle; no figure of time is asserted."""

from __future__ import annotations

import dataclasses
import json
import platform
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_ser.bench import candidates as candidates_module
from edge_ser.bench.candidates import Candidate, bench_audio, find_candidates
from edge_ser.bench.footprint import memory_status
from edge_ser.bench.latency import WARM_UP, Timing, interleaved, summarise
from edge_ser.bench.machine import Machine, describe_machine
from edge_ser.bench.memory import Footprint, footprint
from edge_ser.bench.report import BenchReport, as_markdown, as_text
from edge_ser.bundle import open_bundle
from edge_ser.cli import main
from edge_ser.errors import EdgeSerError
from edge_ser.runtime.availability import ENGINE_ORDER, EngineStatus, engine_status
from edge_ser.runtime.host import BACKBONE

MEGABYTE = 1_000_000


def candidate(name: str, engine: str = "litert") -> Candidate:
    return Candidate(name, engine, f"{name}.file", "1.0")


def memory_of(beyond: int) -> Footprint:
    return Footprint(
        floor=40 * MEGABYTE,
        after_load=45 * MEGABYTE,
        after_runs=46 * MEGABYTE,
        peak=40 * MEGABYTE + beyond,
        beyond_floor=beyond,
        library_pages=MEGABYTE,
        peak_counter_reset=True,
        import_seconds=0.1,
        load_seconds=0.1,
        first_run_seconds=0.1,
    )


def report(int8_ms: float, float_ms: float, torch_ms: float, beyond: int) -> BenchReport:
    timings = {
        "torch eager": torch_ms,
        "float ONNX": float_ms,
        "int8 TFLite": int8_ms,
        "backbone + host": int8_ms + 2,
    }
    return BenchReport(
        title="wav2small for rpi",
        bundle_sha256="ab" * 32,
        machine=Machine("a processor", 2, 0.1, "Linux", "3.11"),
        threads=1,
        seconds=5.0,
        candidates=tuple(candidate(name) for name in timings),
        timings={name: Timing(value, value, value, 10) for name, value in timings.items()},
        footprints={
            "int8 TFLite": memory_of(30 * MEGABYTE),
            "backbone + host": memory_of(beyond),
        },
        files={"model.int8.tflite": 111_984},
        parameters=72_477,
        macs_per_5s=388_264_500,
        absent=("tflite-runtime is not installed",),
    )


def test_every_model_runs_every_round_and_the_order_rotates() -> None:
    calls: list[str] = []
    ticks: list[int] = []

    def model(name: str) -> object:
        return lambda audio: calls.append(name)

    timings = interleaved(
        {name: model(name) for name in "abc"},  # type: ignore[misc]
        np.zeros(16, np.float32),
        3,
        lambda: ticks.append(1),
    )
    assert "".join(calls[3 * WARM_UP :]) == "abcbcacab"
    assert len(ticks) == 3
    assert {timing.runs for timing in timings.values()} == {3}


def test_percentiles_by_hand() -> None:
    timing = summarise([index / 1000 for index in range(1, 12)])
    assert timing.p50_ms == pytest.approx(6.0)
    assert timing.p90_ms == pytest.approx(10.0)
    assert timing.min_ms == pytest.approx(1.0)


def test_targets_met_and_missed() -> None:
    good = report(6, 13, 36, 8 * MEGABYTE).targets()
    assert [target.met for target in good] == [True, True, True]
    assert [round(target.value, 2) for target in good] == [2.17, 6.0, 8.0]
    bad = report(6, 11, 29, 10 * MEGABYTE).targets()
    assert [target.met for target in bad] == [False, False, False]


def test_each_target_names_the_path_it_is_for() -> None:
    names = [target.what for target in report(6, 13, 36, MEGABYTE).targets()]
    assert names == [
        "int8 TFLite faster than float ONNX",
        "int8 TFLite faster than torch eager",
        "backbone + host, memory beyond the floor",
    ]


def test_both_paths_are_shown_by_every_measure() -> None:
    page = as_markdown(report(6, 13, 36, 8 * MEGABYTE), "edge-ser bench")
    assert "| int8 TFLite | 2.17x | 6.00x | 30.0 | 1.0 | 70.0 |" in page
    assert "| backbone + host | 1.62x | 4.50x | 8.0 | 1.0 | 48.0 |" in page


def test_targets_that_cannot_be_judged_are_absent() -> None:
    part = dataclasses.replace(report(6, 13, 36, MEGABYTE), footprints={})
    assert len(part.targets()) == 2
    assert "| int8 TFLite | 2.17x | 6.00x | – | – | – |" in as_markdown(part, "edge-ser bench")
    assert part.speedup("int8 TFLite", "nothing") is None


def test_text_and_markdown_state_figures_and_machine() -> None:
    whole = report(6, 13, 36, 10 * MEGABYTE)
    text = as_text(whole)
    assert "2.17x" in text
    assert "a processor" in text
    assert "MISSED" in text
    page = as_markdown(whole, "edge-ser bench")
    assert page.startswith("# Benchmarks\n")
    assert "| int8 TFLite | litert 1.0 | 6.0 | 6.0 | 6.0 | 1.00x |" in page
    assert "| model.int8.tflite | 112.0 |" in page
    assert "left out: tflite-runtime is not installed" in page


def test_a_busy_machine_is_named() -> None:
    busy = dataclasses.replace(
        report(6, 13, 36, 1), machine=Machine("a processor", 2, 1.5, "Linux", "3.11")
    )
    assert "the machine was busy" in as_text(busy)
    assert "the machine was busy" not in as_text(report(6, 13, 36, 1))
    assert describe_machine().cores >= 1
    assert platform.release() not in describe_machine().system


def test_memory_status_grows_with_memory() -> None:
    before = memory_status()["VmRSS"]
    # Large enough that the allocator asks the kernel for it, whatever it has in reserve.
    block = np.ones(64 * MEGABYTE, np.uint8)
    assert memory_status()["VmRSS"] - before > 50 * MEGABYTE
    assert block[-1] == 1


def test_audio_is_of_the_asked_length(exported_bundle: Path) -> None:
    with open_bundle(exported_bundle) as bundle:
        audio: NDArray[np.float32] = bench_audio(bundle, 2.0)
    assert audio.shape == (32_000,)
    assert audio.dtype == np.float32


@pytest.mark.parametrize(("name", "most"), [("int8 TFLite", 60), ("backbone + host", 9)])
def test_footprint_of_both_int8_paths(exported_bundle: Path, name: str, most: int) -> None:
    """The default path keeps the promised 9 MB; the hybrid holds the whole window."""
    pytest.importorskip("ai_edge_litert.interpreter")
    with open_bundle(exported_bundle) as bundle:
        candidates, _ = find_candidates(bundle, None)
    chosen = next(c for c in candidates if c.name == name and c.engine == "litert")
    memory = footprint(exported_bundle, chosen, None, 1, 5.0)
    assert 20 * MEGABYTE < memory.floor < 150 * MEGABYTE
    assert memory.floor < memory.peak
    assert 1 * MEGABYTE < memory.working < memory.beyond_floor < most * MEGABYTE
    assert memory.beyond_floor == memory.peak - memory.floor


def test_engines_that_run_the_same_file_have_names_of_their_own(
    exported_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    everything = {name: EngineStatus(name, "1.0") for name in ENGINE_ORDER}
    monkeypatch.setattr(candidates_module, "available_engines", lambda: everything)
    with open_bundle(exported_bundle) as bundle:
        candidates, _ = find_candidates(bundle, None)
    names = [candidate.name for candidate in candidates if candidate.artefact == BACKBONE]
    assert names == ["backbone + host", "backbone + host (tflite-runtime)", "backbone + host (c)"]


def test_footprint_of_the_c_engine(exported_bundle: Path) -> None:
    if not engine_status("c").available:
        pytest.skip(engine_status("c").reason)
    engine = Candidate("backbone + host (c)", "c", BACKBONE, "1.0")
    memory = footprint(exported_bundle, engine, None, 1, 1.0)
    assert memory.beyond_floor == memory.peak - memory.floor >= 0


def test_a_failing_process_is_a_sentence(exported_bundle: Path) -> None:
    broken = Candidate("int8 TFLite", "onnxruntime", "nothing.onnx", "1.0")
    pytest.importorskip("onnxruntime")
    with pytest.raises(EdgeSerError, match=r"nothing\.onnx"):
        footprint(exported_bundle, broken, None, 1, 5.0)


def test_verb_writes_json_and_markdown(
    exported_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [tmp_path / "bench.json", tmp_path / "BENCHMARKS.md"]
    words = ["bench", str(exported_bundle), "--rounds", "2", "--seconds", "1", "--no-memory"]
    assert main([*words, "--json", str(files[0]), "--markdown", str(files[1])]) == 0
    values = json.loads(files[0].read_text())
    assert values["macs_per_5s"] > 0
    assert values["footprints"] == {}
    assert all(timing["runs"] == 2 for timing in values["timings"].values())
    assert "--rounds 2" in files[1].read_text()
    assert str(tmp_path) not in files[1].read_text()
    assert "p50 ms" in capsys.readouterr().out


def test_check_fails_where_nothing_can_be_judged(
    exported_bundle: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(BenchReport, "targets", lambda self: [])
    words = ["bench", str(exported_bundle), "--rounds", "1", "--seconds", "0.5", "--no-memory"]
    assert main([*words, "--check"]) == 1
    assert "p50 ms" in capsys.readouterr().out


def test_impossible_request(exported_bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", str(exported_bundle), "--rounds", "0"]) == 2
    assert "cannot be measured" in capsys.readouterr().err
