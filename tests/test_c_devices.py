"""The C engine on boards: vectors, answers, reports; emulated ones are marked `device`."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from conftest import REPOSITORY, synthetic_speech
from numpy.typing import NDArray

from device_tests import tflm_host, toolchains
from device_tests.boards import BOARDS, find_board
from device_tests.c_checks import FULL, SLOW, BoardReport, make_task, plan_for, run_board
from device_tests.cached import default_cache
from device_tests.markdown import as_markdown
from device_tests.record import record
from device_tests.rows import board_row, figures
from device_tests.session import Session, Settings, chosen, run_session
from device_tests.ssh_connection import SshOptions
from device_tests.vectors import clip_vectors, short_vectors
from edge_ser.audio.corpus import read_corpus
from edge_ser.audio.files import read_audio
from edge_ser.bundle import open_bundle
from edge_ser.cli import main
from edge_ser.errors import InputError

EMULATED = [name for name in BOARDS if BOARDS[name].emulator]
SMALL = dataclasses.replace(FULL, vectors=27, clips=1, clip_seconds=0.5, burst_units=1)


@pytest.fixture(scope="module")
def cache() -> Path:
    return Path(os.environ.get("EDGE_SER_DEVICE_CACHE") or default_cache())


@pytest.fixture(scope="module")
def speech() -> list[NDArray[np.float32]]:
    """Recordings of several speakers, or synthetic speech where there are none."""
    folder = Path(os.environ.get("EDGE_SER_DATA", REPOSITORY.parent / "shared" / "data"))
    if not (folder / "emodb").is_dir():
        return [synthetic_speech(5.0, seed) for seed in range(10)]
    clips = read_corpus(folder / "emodb")
    return [read_audio(clip.path) for clip in clips[:: max(1, len(clips) // 40)]]


def report_of(**changes: object) -> BoardReport:
    """A board's report as it might be."""
    report = BoardReport(
        board="cortex-m4",
        title="Cortex-M4",
        target="cortex-m4",
        emulator="qemu-system-arm 7.2",
        compiler="gcc 12",
        kernels="dsp",
        frontend="float",
        vectors=207,
        clips=2,
        failures=(),
        float_difference=0.004,
        buffer=25_000,
        stack=1_500,
        static=30_000,
        flash=95_000,
        instructions=80_000_000,
    )
    return dataclasses.replace(report, **changes)  # type: ignore[arg-type]


# Vectors


def test_there_are_vectors_of_every_kind(speech: list[NDArray[np.float32]]) -> None:
    vectors = short_vectors(speech, FULL.vectors)
    assert len(vectors) == len({vector.name for vector in vectors}) >= 200
    assert all(160 <= len(vector.pcm) <= 4_000 for vector in vectors)
    kinds = {vector.name.rsplit(" ", 1)[0] for vector in vectors}
    assert {"silence", "full-scale square", "clipping", "impulse", "white noise"} <= kinds
    assert any(vector.chunk % 2 for vector in vectors) and {v.chunk for v in vectors} >= {1, 512}
    by_kind = {kind: [v.pcm for v in vectors if v.name.startswith(kind)] for kind in kinds}
    assert not any(pcm.any() for pcm in by_kind["silence"])
    assert all(set(np.unique(pcm)) <= {-32_768, 32_767} for pcm in by_kind["full-scale square"])
    assert all(np.count_nonzero(pcm) == 1 for pcm in by_kind["impulse"])
    assert any(np.abs(pcm.astype(int)).max() >= 32_767 for pcm in by_kind["clipping"])
    assert any(vector.level is None for vector in vectors)
    assert any(vector.level is not None for vector in vectors)


def test_the_seed_decides_the_vectors(speech: list[NDArray[np.float32]]) -> None:
    one, same, other = (short_vectors(speech, 20, seed) for seed in (0, 0, 1))
    assert all(np.array_equal(a.pcm, b.pcm) for a, b in zip(one, same, strict=True))
    assert not all(np.array_equal(a.pcm, b.pcm) for a, b in zip(one, other, strict=True))


def test_no_speech_no_vectors() -> None:
    with pytest.raises(InputError, match="half a second"):
        short_vectors([np.zeros(100, np.float32)], 10)


def test_clips_have_their_own_level() -> None:
    (clip,) = clip_vectors([synthetic_speech(1.0, seed=1)], 1, 2.0)
    assert len(clip.pcm) == 32_000 and clip.level is not None
    assert clip.level[1] == pytest.approx((clip.pcm / 32_768).var())


# Boards


def test_this_machine_answers_to_the_bit(
    exported_bundle: Path, cache: Path, speech: list[NDArray[np.float32]]
) -> None:
    host = find_board("host")
    with open_bundle(exported_bundle) as bundle:
        task = make_task(bundle, host, SMALL, speech)
        report = run_board(host, bundle, task, SMALL, cache)
    assert report.passed and report.vectors == 27 and report.clips == 1
    assert report.float_difference is not None and report.float_difference < 0.03
    assert report.instructions is None and report.emulator == ""


def test_a_board_that_computes_something_else_fails(
    exported_bundle: Path, cache: Path, speech: list[NDArray[np.float32]]
) -> None:
    host = find_board("host")
    changes = (
        {"outputs_crc": 1},
        {"codes_crc": 1, "outputs_crc": 1},
        {"bits": (1, 2, 3)},
        {"rows": 7},
    )
    with open_bundle(exported_bundle) as bundle:
        task = make_task(bundle, host, SMALL, speech)
        wrong = [
            dataclasses.replace(each, reading=dataclasses.replace(each.reading, **change))  # type: ignore[arg-type]
            for each, change in zip(task.short, changes, strict=False)
        ]
        report = run_board(host, bundle, dataclasses.replace(task, short=wrong), SMALL, cache)
    assert not report.passed
    said = " / ".join(report.failures)
    for part in (
        "backbone gives other outputs",
        "front-end gives other codes",
        "arousal",
        "frames",
    ):
        assert part in said


def test_tflite_micro_gives_the_same_outputs(
    exported_bundle: Path, speech: list[NDArray[np.float32]], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("tflite_micro", reason="no tflite-micro: pip install 'edge-ser[tflm]'")
    with open_bundle(exported_bundle) as bundle:
        report = tflm_host.run_tflm(bundle, SMALL, speech)
        assert report.passed and report.vectors == 27, report.failures
        right = tflm_host.interpreter.run
        monkeypatch.setattr(
            tflm_host.interpreter, "run", lambda *words: [part ^ 1 for part in right(*words)]
        )
        wrong = tflm_host.run_tflm(bundle, SMALL, speech)
    assert not wrong.passed and "other outputs" in wrong.failures[0]


@pytest.mark.device
@pytest.mark.parametrize("name", EMULATED)
def test_every_board_answers_to_the_bit(
    name: str, exported_bundle: Path, cache: Path, speech: list[NDArray[np.float32]]
) -> None:
    board = find_board(name)
    missing = toolchains.missing_packages([board])
    if missing:
        pytest.skip(f"{name} needs: sudo apt-get install {' '.join(missing)}")
    plan = plan_for(board)
    with open_bundle(exported_bundle) as bundle:
        task = make_task(bundle, board, plan, speech)
        report = run_board(board, bundle, task, plan, cache)
    assert report.passed, report.failures
    assert report.vectors == plan.vectors and report.clips == plan.clips
    assert report.instructions is not None and report.instructions > 1_000_000
    assert report.buffer <= 64_000
    if board.bare:
        assert report.flash is not None and report.flash <= 128_000
        assert 0 < report.stack < 8_000
        assert report.buffer < report.static <= 64_000
    assert report.float_difference is not None and report.float_difference < 0.03


def test_a_slow_emulator_gets_a_stated_subset() -> None:
    assert plan_for(find_board("cortex-m0plus")) == SLOW
    assert plan_for(find_board("cortex-m4")) == FULL
    assert SLOW.vectors >= 3 * 9


# Sessions


def settings(cache: Path, speech: Sequence[NDArray[np.float32]] = ()) -> Settings:
    return Settings(
        (), cache, None, tuple(speech), None, "cortex-m4", 115_200, SshOptions(), lambda _: None
    )


def test_names_are_checked_before_any_work(exported_bundle: Path) -> None:
    with open_bundle(exported_bundle) as bundle:
        with pytest.raises(InputError, match="no board called 'cortex-m5'"):
            chosen(["host", "cortex-m5"], bundle)
        with pytest.raises(InputError, match="no device called 'rpi-arch64'"):
            chosen(["rpi-arch64"], bundle)
        with pytest.raises(InputError, match="ssh"):
            chosen(["ssh://"], bundle)
        everything = chosen(["all"], bundle)
        assert set(BOARDS) <= set(everything) and "rpi-aarch64" in everything
        assert set(chosen([], bundle)) >= {"rpi-aarch64", "cortex-a53", "cortex-a76"}
        assert chosen(["serial:/dev/ttyACM0", "host"], bundle) == ["serial:/dev/ttyACM0", "host"]


def test_a_session_reports_every_device(exported_bundle: Path, cache: Path) -> None:
    session = run_session(["host"], exported_bundle, settings(cache))
    assert session.passed and len(session.boards) == 1 and not session.systems
    values = json.loads(json.dumps(session.to_dict()))
    assert values["schema"] == 2 and values["boards"][0]["vectors"] >= 200
    page = as_markdown(session, "edge-ser device-test --device host", "golden clips")
    assert "| `host` |" in page and "| yes |" in page


def test_the_other_front_end_can_be_asked_for(exported_bundle: Path, cache: Path) -> None:
    fixed = dataclasses.replace(settings(cache), fixed_point=True)
    (board,) = run_session(["host"], exported_bundle, fixed).boards
    assert board.passed and board.frontend == "fixed"


def test_nothing_tested_is_not_passed() -> None:
    assert not Session({}).passed
    assert not Session({}, (), (report_of(failures=("x",)),)).passed


def test_a_serial_port_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("serial", reason="no pyserial: pip install 'edge-ser[devices]'")
    assert main(["device-test", "--device", "serial:/dev/not-there"]) == 2
    assert "/dev/not-there cannot be opened" in capsys.readouterr().err


def test_list_names_boards_and_systems(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["device-test", "--list"]) == 0
    printed = capsys.readouterr().out
    assert all(f"{name} " in printed for name in (*BOARDS, "rpi-aarch64", "serial:PORT"))


# Recording


def test_figures_go_into_report_and_manifest(bundle_copy: Path) -> None:
    archive, sha256 = record(bundle_copy, [board_row(report_of())])
    with open_bundle(archive, sha256) as bundle:
        memory = bundle.manifest.memory
        assert memory["device.cortex-m4.flash"].value == 95_000
        assert memory["device.cortex-m4.instructions_per_second"].kind == "measured"
        assert "cortex-m4" in memory["device.cortex-m4.stack"].how
        assert bundle.manifest.drift["devices"]["cortex-m4"] == {"passed": True, "exact": True}
        written = json.loads(bundle.read("drift.json"))
        assert written["devices"][0]["device"] == "cortex-m4"
        page = bundle.read("drift.html").decode()
    assert page.count("<h2>Devices</h2>") == 1 and "to the bit" in page and "80.0" in page


def test_a_second_recording_replaces_the_first(bundle_copy: Path) -> None:
    record(bundle_copy, [board_row(report_of())])
    worse = report_of(flash=None, failures=("impulse 4: the backbone gives other outputs",))
    record(bundle_copy, [board_row(worse)])
    with open_bundle(bundle_copy) as bundle:
        assert "device.cortex-m4.flash" not in bundle.manifest.memory
        assert bundle.manifest.drift["devices"]["cortex-m4"]["passed"] is False
        page = bundle.read("drift.html").decode()
    assert page.count("<h2>Devices</h2>") == 1 and "differs" in page


def test_recording_twice_gives_the_same_bytes(bundle_copy: Path) -> None:
    hashes = {record(bundle_copy, [board_row(report_of())])[1] for _ in range(2)}
    assert len(hashes) == 1


def test_an_archive_or_a_bundle_without_report_cannot_be_recorded_into(bundle_copy: Path) -> None:
    archive, _ = record(bundle_copy, [board_row(report_of())])
    with pytest.raises(InputError, match="not the folder of a bundle"):
        record(archive, [board_row(report_of())])
    page = bundle_copy / "drift.html"
    page.write_text(page.read_text().replace("How to read this", "Nothing"))
    from bundle_fixtures import change_manifest

    change_manifest(bundle_copy, lambda values: None)
    with pytest.raises(InputError, match="not a drift report"):
        record(bundle_copy, [board_row(report_of())])


@pytest.mark.parametrize("words", [[], ["bundle.tar.gz"]])
def test_what_cannot_be_recorded_into_is_refused_before_any_work(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = [str(tmp_path / word) for word in words]
    assert main(["device-test", *bundle, "--device", "host", "--record"]) == 2
    said = capsys.readouterr()
    assert "--record" in said.err or "not the folder of a bundle" in said.err
    assert "vectors" not in said.err + said.out


def test_unknown_figures_are_left_out() -> None:
    known = figures(board_row(report_of(stack=0, static=0, instructions=None)))
    assert set(known) == {"device.cortex-m4.flash"}
