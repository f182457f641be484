"""The soak: its parts on known signals, the judgement, and the real stream over hours of audio."""

from __future__ import annotations

import dataclasses
import json
import os
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from conftest import synthetic_speech
from numpy.typing import NDArray

from edge_ser import SAMPLE_RATE
from edge_ser.bench.machine import Machine
from edge_ser.bench.soak.ledger import Ledger
from edge_ser.bench.soak.material import RATES, endless, find_files
from edge_ser.bench.soak.resources import FEWEST_SAMPLES, Growth, Resources, growth, resources_of
from edge_ser.bench.soak.run import SHORTEST_HOURS, SoakOptions, run_soak
from edge_ser.bench.soak.source import GRID, EndlessAudio, Tape
from edge_ser.bench.soak.spot_checks import (
    Stretch,
    Window,
    comparable,
    largest_difference,
    read_stretch,
)
from edge_ser.bench.soak.verdict import Counts, Soak, as_markdown, as_text
from edge_ser.bundle import open_bundle
from edge_ser.cli import main
from edge_ser.errors import EdgeSerError, InputError
from edge_ser.frontend.numpy_frontend import causal_log_mel
from edge_ser.runtime import load_engine
from edge_ser.runtime.host import BACKBONE, HostEngine

COUNTS = Counts(
    given=57_600_000,
    analysed=57_600_000,
    expected=7_198,
    readings=7_198,
    json_rows=7_198,
    csv_rows=7_198,
    osc_messages=7_000,
    pages=40,
    skipped=0,
    dropped=0,
    lost=0,
    failures=0,
    outages=1,
)


def a_soak(**changes: Any) -> Soak:
    """One that meets every gate, some fields changed."""
    steady = [Resources(hour / 10, 100_000_000, 12, 8) for hour in range(40)]
    soak = Soak(
        hours=4.0,
        took_seconds=60.0,
        model="wav2small",
        engine="litert 2.3.0",
        detector="Silero",
        machine=Machine("a processor", 2, 0.1, "Linux x86_64", "3.11"),
        material="synthetic",
        warm_up_hours=1.0,
        counts=COUNTS,
        growth=Growth(10_000.0, 20_000.0, 30),
        samples=steady,
        compared=32,
        difference=3e-8,
    )
    return dataclasses.replace(soak, **changes)


def heard(source: EndlessAudio) -> NDArray[np.float32]:
    """All that a source gives."""
    blocks = []
    while (block := source.read()) is not None:
        assert len(block) > 0
        blocks.append(block)
    return np.concatenate(blocks)


def endless_audio(folder: Path, seconds: float, **settings: Any) -> EndlessAudio:
    """Of seed 1; no check and no outage unless they are asked for."""
    chosen = {"check_seconds": 1e6, "outage_seconds": 1e6, **settings}
    return EndlessAudio(endless(1), seconds=seconds, tapes=folder, seed=1, **chosen)


def test_material_is_varied_bounded_and_repeatable() -> None:
    passages = list(islice(endless(3), 60))
    assert {passage.rate for passage in passages} == set(RATES)
    blocks = [passage.read(4_000) for passage in passages]
    assert all(block.dtype == np.float32 and np.abs(block).max() <= 1 for block in blocks)
    assert any(np.count_nonzero(np.abs(block) == 1) > 10 for block in blocks)
    assert any(not block.any() for block in blocks)
    again = [passage.read(4_000) for passage in islice(endless(3), 60)]
    assert all(np.array_equal(a, b) for a, b in zip(blocks, again, strict=True))


def test_files_are_among_the_material_and_closed_after_it(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "talk.flac", synthetic_speech(0.5), 22_050)
    files = find_files([tmp_path])
    before = len(os.listdir("/proc/self/fd"))
    source = EndlessAudio(
        endless(1, files), 60.0, tmp_path, check_seconds=1e6, outage_seconds=1e6, seed=1
    )
    with source:
        assert len(heard(source)) == 60 * SAMPLE_RATE
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_folder_without_audio_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no audio files"):
        find_files([tmp_path])


def test_a_tape_holds_what_was_given_last(tmp_path: Path) -> None:
    tape = Tape(seconds=2.0)
    signal = np.arange(100_000, dtype=np.float32)
    for at in range(0, len(signal), 7_000):
        tape.write(signal[at : at + 7_000])
    tape.save(tmp_path)
    (path,) = tmp_path.glob("*.f32")
    stretch = read_stretch(path)
    assert (stretch.begun, stretch.end) == (0, len(signal))
    assert stretch.start % GRID == 0 and len(stretch.samples) > 31_900
    assert np.array_equal(stretch.samples, signal[stretch.start :])


def test_a_cut_tape_begins_at_the_cut(tmp_path: Path) -> None:
    tape = Tape(seconds=2.0)
    tape.write(np.ones(12_345, np.float32))
    tape.cut()
    tape.write(np.full(10, 2.0, np.float32))
    tape.save(tmp_path)
    stretch = read_stretch(next(tmp_path.glob("*.f32")))
    assert (stretch.begun, stretch.start, stretch.end) == (12_345, 12_345, 12_355)
    assert np.array_equal(stretch.samples, np.full(10, 2.0, np.float32))


def test_the_source_keeps_on_tape_what_it_gave(tmp_path: Path) -> None:
    source = endless_audio(tmp_path, 90.0, check_seconds=40.0, outage_seconds=50.0)
    signal = heard(source)
    assert len(signal) == source.given == 90 * SAMPLE_RATE
    assert source.counters.reconnects == source.counters.gaps == 1
    stretches = [read_stretch(path) for path in tmp_path.glob("*.f32")]
    assert len(stretches) == 2
    assert sorted(stretch.begun > 0 for stretch in stretches) == [False, True]
    for stretch in stretches:
        assert np.array_equal(stretch.samples, signal[stretch.start : stretch.end])


def reading(end: int, start: int = 0, state: str = "speech") -> dict[str, Any]:
    """The fields that the ledger looks at."""
    values = dict.fromkeys(("arousal", "dominance", "valence"), 0.5)
    return {"start_sample": start, "end_sample": end, "state": state, **values}


def test_a_ledger_without_a_hole() -> None:
    ledger = Ledger(0.5)
    for end in range(16_000, 80_001, 8_000):
        ledger.enter(reading(end))
    ledger.finish(given=84_000)
    assert (ledger.readings, ledger.missing) == (9, 0)


def test_a_ledger_finds_holes_late_beginnings_and_early_ends() -> None:
    hole, late, early = Ledger(0.5), Ledger(0.5), Ledger(0.5)
    for end in (16_000, 24_000, 48_000):
        hole.enter(reading(end))
    late.enter(reading(32_000))
    early.enter(reading(16_000))
    early.finish(given=16_000 + 3 * 8_000 + 2_000)
    assert (hole.missing, late.missing, early.missing) == (2, 2, 3)


def test_a_ledger_knows_an_outage() -> None:
    ledger = Ledger(0.5)
    for end in (16_000, 24_000):
        ledger.enter(reading(end))
    for end in (40_500 + 16_000, 40_500 + 24_000):
        ledger.enter(reading(end, start=40_500))
    ledger.finish(given=64_500)
    # Between 24,000 and the cut two readings were due.
    assert (ledger.readings, ledger.missing) == (4, 1)


def test_growth_is_what_the_line_says_or_the_ends_do() -> None:
    flat = [Resources(hour, 100 + (hour < 1) * -50, 1, 1) for hour in np.linspace(0, 10, 200)]
    assert growth(flat, 1.0).worst == pytest.approx(0.0, abs=1e-6)
    leak = [Resources(hour, int(1e6 * hour), 1, 1) for hour in np.linspace(0, 10, 200)]
    assert growth(leak, 1.0).fitted == pytest.approx(9e6, rel=0.01)
    step = [Resources(hour, 5_000_000 * (hour > 8), 1, 1) for hour in np.linspace(0, 10, 200)]
    assert growth(step, 1.0).risen == 5_000_000
    with pytest.raises(ValueError, match="cannot show growth"):
        growth(flat[: FEWEST_SAMPLES - 1], 0.0)


def test_resources_are_those_of_the_process() -> None:
    found = resources_of(os.getpid(), 1.5)
    assert found.hours == 1.5
    assert found.resident > 20_000_000 and found.threads >= 1 and found.descriptors >= 3
    with pytest.raises(OSError):
        resources_of(2**22 + 1, 0.0)


@pytest.fixture(scope="module")
def reference(exported_bundle: Path) -> HostEngine:
    """The backbone on its own."""
    with open_bundle(exported_bundle) as bundle:
        engine = load_engine(bundle, artefact=BACKBONE)
    assert isinstance(engine, HostEngine)
    return engine


def test_an_offline_pass_finds_a_wrong_reading(reference: HostEngine) -> None:
    signal = synthetic_speech(8.0, seed=4)
    rows = causal_log_mel(signal, reference.tables.frontend)
    values = reference.predict_log_mel(rows).astype(np.float64)
    whole = Window(0, len(signal), values)
    stretch = Stretch(0, 0, signal)
    assert largest_difference(reference, stretch, [whole]) < 1e-6
    wrong = dataclasses.replace(whole, values=values + np.array([0, 2e-5, 0]))
    assert largest_difference(reference, stretch, [wrong]) == pytest.approx(2e-5, rel=0.01)
    assert largest_difference(reference, stretch, []) == 0.0


def test_only_what_the_stretch_determines_is_compared() -> None:
    windows = {
        end: Window(end - 80_000, end, np.zeros(3)) for end in range(80_000, 3_200_000, 8_000)
    }
    rate = SAMPLE_RATE
    from_start = Stretch(0, 0, np.zeros(20 * rate, np.float32))
    assert [w.end for w in comparable(from_start, windows, 3.0, rate)][-1] == 19 * rate
    later = Stretch(0, rate, np.zeros(180 * rate, np.float32))
    settled = comparable(later, windows, 3.0, rate)
    assert settled and all(window.start >= rate + 120 * rate for window in settled)
    assert comparable(Stretch(0, rate, np.zeros(100 * rate, np.float32)), windows, 3.0, rate) == []


@pytest.mark.parametrize(
    ("gate", "changes"),
    [
        ("samples lost", {"counts": dataclasses.replace(COUNTS, analysed=57_599_999)}),
        ("samples lost", {"counts": dataclasses.replace(COUNTS, dropped=1)}),
        ("readings missing", {"counts": dataclasses.replace(COUNTS, expected=7_199)}),
        ("readings missing", {"counts": dataclasses.replace(COUNTS, skipped=1)}),
        ("lost on the way", {"counts": dataclasses.replace(COUNTS, lost=1)}),
        ("lost on the way", {"counts": dataclasses.replace(COUNTS, failures=1)}),
        ("lost on the way", {"counts": dataclasses.replace(COUNTS, csv_rows=7_197)}),
        ("growth", {"growth": Growth(2_000_000.0, 0.0, 30)}),
        ("growth", {"growth": Growth(0.0, 2_000_001.0, 30)}),
        ("offline", {"difference": 1.1e-5}),
        ("offline", {"compared": 0}),
        ("open files", {"samples": [Resources(h / 5, 1, 10 + h, 8) for h in range(40)]}),
        ("threads", {"samples": [Resources(h / 5, 1, 10, 8 + h) for h in range(40)]}),
    ],
)
def test_every_gate_can_be_missed(gate: str, changes: dict[str, Any]) -> None:
    soak = a_soak(**changes)
    missed = [str(one) for one in soak.gates() if not one.met]
    assert len(missed) == 1 and gate in missed[0] and "MISSED" in missed[0]
    assert not soak.met and "MISSED" in as_markdown(soak)


def test_a_soak_that_meets_its_gates_says_so() -> None:
    soak = a_soak()
    assert soak.met and "MISSED" not in as_text(soak)
    assert json.loads(json.dumps(soak.to_dict(), allow_nan=False))["met"] is True
    assert as_markdown(soak).count("|") == 10


def test_a_short_soak_is_refused(exported_bundle: Path) -> None:
    assert main(["bench", str(exported_bundle), "--soak", "0.01"]) == 2
    assert SHORTEST_HOURS > 0.01


def test_a_stream_that_ends_with_an_error_is_no_soak(exported_bundle: Path) -> None:
    with (
        open_bundle(exported_bundle) as bundle,
        pytest.raises(EdgeSerError, match=r"a hop of 0\.01 s is not supported"),
    ):
        run_soak(bundle, SoakOptions(hours=0.2, hop=0.01), progress=False)


def test_an_engine_without_an_offline_pass_is_refused(exported_bundle: Path) -> None:
    assert main(["bench", str(exported_bundle), "--soak", "0.2", "--engine", "c"]) == 2


@pytest.mark.slow
def test_half_an_hour_of_everything(
    exported_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By its command, with voice activity; memory settles for longer than this lasts."""
    report = tmp_path / "soak.json"
    code = main(["bench", str(exported_bundle), "--soak", "0.5", "--json", str(report)])
    found = json.loads(report.read_text())
    gates = {gate["name"]: gate for gate in found["gates"]}
    growing = gates.pop("growth of resident memory")
    assert all(gate["met"] for gate in gates.values()), gates
    assert code == (0 if growing["met"] else 1)
    assert max(found["growth"]["fitted"], found["growth"]["risen"]) < 5_000_000
    assert found["counts"]["outages"] == 1 and found["compared"] >= 16
    assert found["counts"]["osc_messages"] > 0 and found["counts"]["pages"] > 0
    assert "0.5 h of audio" in capsys.readouterr().out


@pytest.mark.slow
def test_four_hours_with_voice_activity(exported_bundle: Path) -> None:
    """All that a stream runs by default: three hours after the warm-up, every gate."""
    with open_bundle(exported_bundle) as bundle:
        soak = run_soak(bundle, SoakOptions(hours=4.0), progress=False)
    assert soak.met, as_text(soak)
    assert soak.counts.given == 4 * 3_600 * SAMPLE_RATE


@pytest.mark.slow
@pytest.mark.timeout(2_700)
def test_a_day(exported_bundle: Path) -> None:
    """24 h of audio through the analyser, the rules and every sink that needs no broker.

    Without voice activity, which doubles the time; docs/RELIABILITY.md has that soak's figures.
    """
    with open_bundle(exported_bundle) as bundle:
        soak = run_soak(bundle, SoakOptions(hours=24.0, detector=False), progress=False)
    assert soak.met, as_text(soak)
    assert soak.counts.given == 24 * 3_600 * SAMPLE_RATE
    assert soak.compared > 300
