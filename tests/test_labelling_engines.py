"""Engines: equal rows wherever the work is done, killed workers, runs at the same time."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import psutil
import pytest
from numpy.typing import NDArray

from edge_ser.audio.corpus import read_corpus
from edge_ser.cli import main
from edge_ser.errors import EnvironmentMissing, GateFailed
from edge_ser.labelling.answer import Outcome, Task
from edge_ser.labelling.label import label
from edge_ser.labelling.local_engine import LocalEngine
from edge_ser.labelling.ray_engine import RayEngine
from edge_ser.labelling.store import LabelStore
from edge_ser.teachers import Teacher, TeacherChoice


class PidTeacher:
    """Answers with the audio's statistics and writes down which process answered."""

    id, licence, weights_sha256 = "pid", "CC0-1.0", "c" * 64

    def __init__(self, folder: Path, seconds: float = 0.0) -> None:
        self.folder, self.seconds = folder, seconds

    def predict(self, audio: NDArray[np.float32]) -> NDArray[np.float32]:
        (self.folder / f"{os.getpid()}").touch()
        time.sleep(self.seconds)
        return np.array([np.abs(audio).max(), audio.std(), len(audio) / 16_000], np.float32)

    def predict_batch(self, audio: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.stack([self.predict(row) for row in audio])


class LoadPidTeacher:
    """Picklable loader."""

    def __init__(self, folder: Path, seconds: float = 0.0) -> None:
        self.folder, self.seconds = folder, seconds

    def __call__(self) -> Teacher:
        return PidTeacher(self.folder, self.seconds)


def _values(store: LabelStore) -> dict[str, tuple[float, float, float]]:
    return {row.audio_sha256: row.adv for row in store.rows()}


def _pids(folder: Path) -> set[int]:
    return {int(file.name) for file in folder.iterdir()}


@pytest.mark.slow
def test_processes_give_the_rows_of_one(tiny_corpus: Path, tmp_path: Path) -> None:
    clips = read_corpus(tiny_corpus)
    choice = TeacherChoice()
    one, two = LabelStore(tmp_path / "one"), LabelStore(tmp_path / "two")
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        label(clips, choice.load(), one)
    finally:
        torch.set_num_threads(threads)
    result = label(clips, choice.load(), two, LocalEngine(choice.load, 2))
    assert (result.labelled, result.known) == (20, 0)
    assert _values(one) == _values(two)  # to the last bit


@pytest.mark.slow
def test_a_killed_process_ends_the_run_and_keeps_what_was_done(
    tiny_corpus: Path, tmp_path: Path
) -> None:
    clips, store = read_corpus(tiny_corpus), LabelStore(tmp_path / "store")
    pids = tmp_path / "pids"
    pids.mkdir()
    load = LoadPidTeacher(pids, 0.2)
    engine = LocalEngine(load, 2)

    def killing(tasks: object) -> Iterator[object]:
        for number, outcome in enumerate(engine(tasks)):  # type: ignore[arg-type]
            yield outcome
            if number == 4:
                os.kill(min(_pids(pids) - {os.getpid()}), signal.SIGKILL)

    with pytest.raises(GateFailed, match="ended") as failure:
        label(clips, load(), store, killing)  # type: ignore[arg-type]
    assert "run the same command again" in str(failure.value.hint)
    kept = len(_values(store))
    assert 5 <= kept < 20
    again = label(clips, load(), store, LocalEngine(load, 2))
    assert (again.labelled, again.known) == (20 - kept, kept)


@pytest.mark.slow
def test_ray_gives_the_same_rows_and_survives_a_killed_worker(
    tiny_corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))  # workers import the teacher
    clips = read_corpus(tiny_corpus)
    pids = tmp_path / "pids"
    pids.mkdir()
    load = LoadPidTeacher(pids, 0.3)
    plain = LabelStore(tmp_path / "plain")
    label(clips, LoadPidTeacher(tmp_path / "pids")(), plain)
    (pids / str(os.getpid())).unlink()
    killer = _kill_first_of(pids)
    ray_store = LabelStore(tmp_path / "ray")
    heard_on: set[str] = set()
    engine = RayEngine(load, 2)

    def watched(tasks: Sequence[Task]) -> Iterator[Outcome]:
        for outcome in engine(tasks):
            heard_on.update(_listening("ray", "raylet", "gcs_server"))
            yield outcome

    result = label(clips, load(), ray_store, watched)
    assert heard_on and all(ipaddress.ip_address(ip).is_loopback for ip in heard_on), heard_on
    assert killer.wait(timeout=60) == 0, "no worker was killed"
    assert result.labelled == 20
    assert len(_pids(pids)) >= 2  # the dead one, and who did its work
    assert _values(ray_store) == _values(plain)
    second = label(clips, load(), ray_store, RayEngine(load, 2))
    assert (second.labelled, second.known) == (0, 20)


def _listening(*names: str) -> set[str]:
    """Addresses that processes with such names listen on."""
    found = set()
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.name().startswith(names):
                sockets = process.net_connections("tcp")
                listening = [each for each in sockets if each.status == psutil.CONN_LISTEN]
                found |= {each.laddr.ip.removeprefix("::ffff:") for each in listening}
    return found


def _kill_first_of(folder: Path) -> subprocess.Popen[bytes]:
    """A process that kills the first worker that answers a clip."""
    program = (
        "import os, signal, sys, time\n"
        "for _ in range(1200):\n"
        "    found = os.listdir(sys.argv[1])\n"
        "    if found:\n"
        "        time.sleep(0.4)\n"
        "        os.kill(int(found[0]), signal.SIGKILL)\n"
        "        sys.exit(0)\n"
        "    time.sleep(0.1)\n"
        "sys.exit(1)\n"
    )
    return subprocess.Popen([sys.executable, "-c", program, str(folder)])


def test_a_cluster_that_is_not_there_is_named() -> None:
    engine = RayEngine(LoadPidTeacher(Path()), 1, "127.0.0.1:1")
    with pytest.raises(EnvironmentMissing, match="Ray cannot be started or reached"):
        list(engine([]))


@pytest.mark.slow
def test_two_runs_at_once_count_every_clip_once(tiny_corpus: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    command = [sys.executable, "-m", "edge_ser", "label", str(tiny_corpus), "--store", str(store)]
    runs = [subprocess.Popen([*command, "--jobs", "1"]) for _ in range(2)]
    assert [run.wait(timeout=300) for run in runs] == [0, 0]
    rows = list(LabelStore(store).rows())
    assert len(rows) == len({row.audio_sha256 for row in rows}) == 20
    assert not list(store.glob("*.partial"))


@pytest.mark.slow
def test_a_killed_run_loses_no_part_and_is_continued(tiny_corpus: Path, tmp_path: Path) -> None:
    program = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "import edge_ser.labelling.label as module\n"
        "from edge_ser.audio.corpus import read_corpus\n"
        "from edge_ser.labelling.store import LabelStore\n"
        "from test_labelling import LoudnessTeacher\n"
        "module._ROWS_PER_PART = 4\n"
        "class Dying(LoudnessTeacher):\n"
        "    def predict(self, audio):\n"
        "        if self.calls == 11:\n"
        "            os.kill(os.getpid(), signal.SIGKILL)\n"
        "        return super().predict(audio)\n"
        "module.label(read_corpus(Path(sys.argv[1])), Dying(), LabelStore(Path(sys.argv[2])))\n"
    )
    store = tmp_path / "store"
    tests = str(Path(__file__).parent)
    done = subprocess.run(
        [sys.executable, "-c", program, str(tiny_corpus), str(store)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([tests, str(Path(tests).parent)])},
        capture_output=True,
    )
    assert done.returncode == -signal.SIGKILL
    from test_labelling import LoudnessTeacher

    assert len(_values(LabelStore(store))) == 8
    teacher = LoudnessTeacher()
    result = label(read_corpus(tiny_corpus), teacher, LabelStore(store))
    assert (result.labelled, result.known, teacher.calls) == (12, 8, 12)


def test_status_names_teachers_hours_and_reasons(
    tiny_corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "audio"
    folder.mkdir()
    for clip in read_corpus(tiny_corpus)[:3]:
        (folder / clip.path.name).write_bytes(clip.path.read_bytes())
    (folder / "bad.wav").write_bytes(b"RIFF")
    store = str(tmp_path / "store")
    assert main(["label", str(folder), "--store", store, "--jobs", "1"]) == 0
    assert "3 clips labelled by edge-ser-embedded" in capsys.readouterr().out
    assert main(["label", "--status", "--store", store]) == 0
    text = capsys.readouterr().out
    assert "3 clips" in text
    assert "(Apache-2.0)" in text
    assert "1 files in quarantine" in text
    assert "cannot be read" in text


def test_a_run_that_could_label_nothing_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bad.wav").write_bytes(b"RIFF")
    words = ["label", str(tmp_path), "--store", str(tmp_path / "store"), "--jobs", "1"]
    assert main(words) == 1
    assert "0 clips labelled" in capsys.readouterr().out
    assert main(words) == 1  # quarantined by now


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["label", "--status"], "--status reads a store"),
        (["label", "x", "--store", "s", "--ray-address", "auto"], "add --engine ray"),
    ],
)
def test_options_that_do_not_fit_are_refused(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    assert message in capsys.readouterr().err
