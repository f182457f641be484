"""Several processes train what one trains, and a killed run goes on as if nothing had happened."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import psutil
import pytest
import torch
from safetensors.torch import load_file
from test_labelling import LoudnessTeacher
from two_processes import run

from edge_ser.audio.corpus import read_corpus
from edge_ser.checkpoint import read_card
from edge_ser.cli import main
from edge_ser.errors import EdgeSerError, InputError
from edge_ser.labelling.label import label
from edge_ser.labelling.store import LabelStore
from edge_ser.training.batch_norm import SharedBatchNorm2d
from edge_ser.training.processes import (
    check_shares,
    gathered,
    lost_processes_named,
    own_share,
    start_processes,
)

pytestmark = pytest.mark.usefixtures("one_thread")

_PATIENCE = 240.0
"""Seconds after which a process counts as hung."""

_TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
_HERE = Path(__file__).parent


def _member(world_size: int, rank: int) -> Any:
    return SimpleNamespace(world_size=world_size, global_rank=rank)


def test_the_shares_are_the_batch() -> None:
    batch = np.arange(12)
    shares = [own_share(_member(3, rank), batch) for rank in range(3)]
    assert np.array_equal(np.concatenate(shares), batch)
    assert {len(share) for share in shares} == {4}
    check_shares(_member(3, 0), 12)
    with pytest.raises(InputError, match="batch of 32 cannot be shared evenly by 3") as refusal:
        check_shares(_member(3, 0), 32)
    assert "multiple of 3" in refusal.value.hint


def test_one_process_gathers_itself() -> None:
    own = torch.arange(6.0).reshape(2, 3).requires_grad_()
    everyones = gathered(start_processes(), own)
    assert everyones.shape == (1, 2, 3)
    everyones.sum().backward()
    assert torch.equal(own.grad, torch.ones(2, 3))  # type: ignore[arg-type]


def test_shared_batch_norm_of_one_share_is_batch_norm() -> None:
    torch.manual_seed(0)
    norm = torch.nn.BatchNorm2d(4).double()
    torch.nn.init.normal_(norm.weight)
    shared = SharedBatchNorm2d(norm, lambda own: own[None]).double()
    x = torch.randn(3, 4, 5, 6, dtype=torch.float64) * 3 + 7
    for _ in range(2):
        inputs = [x.clone().requires_grad_() for _ in range(2)]
        outputs = [layer(given) for layer, given in zip((norm, shared), inputs, strict=True)]
        for output in outputs:
            (output**3).sum().backward()
        assert torch.allclose(outputs[0], outputs[1], atol=1e-12)
        assert torch.allclose(inputs[0].grad, inputs[1].grad, atol=1e-9)  # type: ignore[arg-type]
    for name, value in norm.state_dict().items():
        assert torch.allclose(value, shared.state_dict()[name], atol=1e-12), name
    norm.eval(), shared.eval()
    assert torch.allclose(norm(x), shared(x), atol=1e-12)


def test_shared_batch_norm_keeps_the_type_of_its_input() -> None:
    shared = SharedBatchNorm2d(torch.nn.BatchNorm2d(4), lambda own: own[None])
    assert shared(torch.randn(2, 4, 3, 3, dtype=torch.bfloat16)).dtype == torch.bfloat16


def test_devices_and_precisions_that_are_not_here_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match="no CUDA GPU"):
        start_processes("cuda")
    with pytest.raises(InputError, match="16-mixed is for GPUs only"):
        start_processes("auto", "16-mixed")
    assert start_processes("auto", "bf16-mixed").device == torch.device("cpu")


def test_the_command_refuses_to_compile_for_a_cpu(
    tiny_corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["distill", "--audio", str(tiny_corpus), "--out", str(tmp_path / "x.safetensors")]
    arguments += ["--work", str(tmp_path / "work"), "--device", "cpu", "--compile"]
    assert main(arguments) == 2
    assert "--compile is for GPUs only" in capsys.readouterr().err
    assert not (tmp_path / "work").exists()


def test_a_lost_process_is_told_from_other_errors() -> None:
    with (
        pytest.raises(EdgeSerError, match="process 0 of 2 stops: another one has ended"),
        lost_processes_named(_member(2, 0)),
    ):
        raise RuntimeError("[third_party/gloo/gloo/transport/tcp/pair.cc:553] Connection closed")
    with pytest.raises(RuntimeError, match="shapes"), lost_processes_named(_member(2, 0)):
        raise RuntimeError("shapes do not match")


def test_training_asks_no_network_and_leaves_no_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("somebody phones home")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    run(tmp_path / "there", "bf16-mixed", 2)
    assert list((tmp_path / "here").iterdir()) == []
    names = {path.name for path in (tmp_path / "there").iterdir()}
    assert names == {"state.safetensors", "curve.csv", "weights.safetensors"}
    assert "Precision" not in capfd.readouterr().err


@pytest.mark.slow
def test_a_compiled_student_learns_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compile_whole = torch.nn.Module.compile
    traced = []

    def trace_only(module: torch.nn.Module) -> None:  # a GPU's code generator is not here
        traced.append(module)
        compile_whole(module, backend="eager")

    monkeypatch.setattr(torch.nn.Module, "compile", trace_only)
    plain = run(tmp_path / "plain", "32", 3)
    assert not traced
    compiled = run(tmp_path / "compiled", "32", 3, compiled=True)
    assert len(traced) == 1
    assert _furthest(plain, compiled) == 0


def _torchrun(*words: object) -> None:
    command = [*_TORCHRUN, *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE, env=_env())
    assert done.returncode == 0, done.stderr


def _env(**more: object) -> dict[str, str]:
    path = os.pathsep.join([str(_HERE.parent), str(_HERE)])
    return {**os.environ, "PYTHONPATH": path, **{name: str(value) for name, value in more.items()}}


def _furthest(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> float:
    assert first.keys() == second.keys()
    distances = (float((first[name] - second[name]).abs().max()) for name in first)
    return max(distances)


@pytest.mark.slow
def test_two_processes_train_what_one_trains(
    tmp_path: Path, figure: Callable[[str, Any], None]
) -> None:
    steps = 20
    alone = run(tmp_path / "alone", "64-true", steps)
    distance = {}
    for norm in ("shared", "own"):
        folder = tmp_path / norm
        _torchrun(_HERE / "two_processes.py", folder, "64-true", steps, norm)
        distance[norm] = _furthest(alone, load_file(folder / "weights.safetensors"))
        figure(f"largest difference of a weight, batch norm {norm}", f"{distance[norm]:.1e}")
    assert distance["shared"] < 1e-8  # of the order of rounding: it is the same computation
    assert distance["own"] > 1e-3  # each its own statistics: it is another one


@pytest.mark.slow
def test_one_step_in_single_precision_differs_by_rounding(
    tmp_path: Path, figure: Callable[[str, Any], None]
) -> None:
    alone = run(tmp_path / "alone", "32", 1)
    _torchrun(_HERE / "two_processes.py", tmp_path / "two", "32", 1, "shared")
    together = load_file(tmp_path / "two" / "weights.safetensors")
    differences = torch.cat(
        [(alone[name].double() - together[name].double()).abs().flatten() for name in alone]
    )
    share = float((differences < 1e-5).double().mean())
    figure("share of weights within 1e-5 after one step of 4e-3", f"{share:.4f}")
    assert share > 0.98  # Adam turns the sign of a gradient that is only rounding into a step


@pytest.fixture(scope="module")
def label_store(tiny_corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a teacher says of the tiny corpus."""
    store = tmp_path_factory.mktemp("labels") / "store"
    label(read_corpus(tiny_corpus), LoudnessTeacher(), LabelStore(store))
    return store


class Runs:
    """`distill` on the tiny corpus in work folders of its own."""

    def __init__(self, corpus: Path, store: Path, folder: Path) -> None:
        self.corpus, self.store, self.folder = corpus, store, folder

    def words(self, name: str) -> list[str]:
        """The command's arguments; `name` is that of the results and of the work folder."""
        return [
            "-m", "edge_ser", "distill", "--student", "wav2small-17k",
            "--audio", str(self.corpus), "--labels", str(self.store), "--held-out", "tiny/03",
            "--work", str(self.folder / name), "--out", str(self.out(name)), "--device", "cpu",
            "--items", "60", "--seconds", "0.5", "--steps", "180", "--batch", "4", "--jobs", "1",
        ]  # fmt: skip

    def out(self, name: str) -> Path:
        """The student that the command writes."""
        return self.folder / f"{name}.safetensors"

    def has_saved(self, name: str) -> bool:
        """Whether a state lies in the work folder."""
        return any((self.folder / name).glob("*/state.safetensors"))


@pytest.fixture
def runs(tiny_corpus: Path, label_store: Path, tmp_path: Path) -> Runs:
    """Runs in an empty folder."""
    return Runs(tiny_corpus, label_store, tmp_path)


@contextmanager
def _started(command: list[str], **env: object) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=_env(**env)
    )
    try:
        yield process
    finally:
        for child in psutil.Process(process.pid).children() if process.poll() is None else []:
            child.kill()
        process.kill()
        process.communicate()


def _wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + _PATIENCE
    while not condition():
        assert time.monotonic() < end, "nothing was saved in time"
        time.sleep(0.01)


@pytest.mark.slow
def test_a_killed_process_goes_on_to_the_same_weights(runs: Runs) -> None:
    with _started([sys.executable, *runs.words("cut")]) as process:
        _wait_until(lambda: runs.has_saved("cut"))
        process.send_signal(signal.SIGKILL)
        assert process.wait(_PATIENCE) == -signal.SIGKILL
    assert not runs.out("cut").exists()
    for name in ("cut", "whole"):
        subprocess.run([sys.executable, *runs.words(name)], check=True, timeout=_PATIENCE)
    assert runs.out("cut").read_bytes() == runs.out("whole").read_bytes()


@pytest.mark.slow
def test_when_one_of_two_is_killed_the_run_ends_and_goes_on_to_the_same_weights(
    runs: Runs,
) -> None:
    with _started([*_TORCHRUN, *runs.words("cut")]) as launcher:
        _wait_until(lambda: runs.has_saved("cut"))
        _worker(launcher.pid, rank="1").kill()
        _, said = launcher.communicate(timeout=_PATIENCE)
    assert launcher.returncode != 0
    assert "rank      : 1" in said
    assert "SIGKILL" in said
    assert not runs.out("cut").exists()
    for name in ("cut", "whole"):
        _torchrun(*runs.words(name))
    assert runs.out("cut").read_bytes() == runs.out("whole").read_bytes()
    card = read_card(runs.out("cut"))
    assert card["command"].startswith("torchrun --nproc-per-node 2 -m edge_ser distill --student")


def _worker(launcher: int, rank: str) -> psutil.Process:
    workers = psutil.Process(launcher).children()
    return next(worker for worker in workers if worker.environ().get("RANK") == rank)


@pytest.mark.slow
def test_a_survivor_says_that_the_other_process_has_ended(runs: Runs) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    common = {
        "TORCHELASTIC_RUN_ID": "test", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port,
        "WORLD_SIZE": 2, "LOCAL_WORLD_SIZE": 2, "GROUP_WORLD_SIZE": 1, "GROUP_RANK": 0,
    }  # fmt: skip
    command = [sys.executable, *runs.words("cut")]
    with (
        _started(command, **common, RANK=0, LOCAL_RANK=0) as first,
        _started(command, **common, RANK=1, LOCAL_RANK=1) as second,
    ):
        _wait_until(lambda: runs.has_saved("cut"))
        second.kill()
        _, said = first.communicate(timeout=60)
    assert first.returncode == 1
    assert "process 0 of 2 stops: another one has ended" in said
    assert "the same command goes on from the last saved step" in said
    assert "Traceback" not in said
