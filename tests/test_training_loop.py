"""The training loop: a killed run ends with the weights of an uninterrupted one."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins import MixedPrecision
from numpy.random import Generator
from safetensors import safe_open
from torch import Tensor, nn

from edge_ser.errors import InputError
from edge_ser.metrics import ccc
from edge_ser.training.curves import plot_curve
from edge_ser.training.loop import Schedule, train
from edge_ser.training.losses import ccc_l1_loss, ccc_loss
from edge_ser.training.processes import start_processes

pytestmark = pytest.mark.usefixtures("one_thread")

_TOO_HIGH = 2.0**40


class Killed(Exception):
    """Stands for kill -9 between two steps."""


def _model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 3))


def _run(
    folder: Path, steps: int, die_at: int | None = None, fabric: Fabric | None = None
) -> nn.Module:
    model, calls = _model(), 0
    predict = fabric.setup_module(model) if fabric else model

    def loss_of(random: Generator) -> Tensor:
        nonlocal calls
        calls += 1
        if die_at is not None and calls > die_at:
            raise Killed
        x = torch.from_numpy(random.standard_normal((16, 4)).astype(np.float32))
        return ccc_l1_loss(predict(x), x[:, :3])

    train(model, loss_of, Schedule(steps, batch=16), seed=5, folder=folder, fabric=fabric)
    return model


def test_resumed_equals_uninterrupted(tmp_path: Path) -> None:
    whole = _run(tmp_path / "whole", 250).state_dict()
    with pytest.raises(Killed):
        _run(tmp_path / "cut", 250, die_at=170)
    resumed = _run(tmp_path / "cut", 250).state_dict()
    for name, value in whole.items():
        assert torch.equal(value, resumed[name]), name


def _half_precision() -> Fabric:
    """A loss scale so high that the first steps overflow, and that grows soon after."""
    scaler = torch.amp.GradScaler("cpu", init_scale=_TOO_HIGH, growth_interval=60)
    return Fabric(accelerator="cpu", devices=1, plugins=MixedPrecision("16-mixed", "cpu", scaler))


def _loss_scale(folder: Path) -> float:
    with safe_open(folder / "state.safetensors", "pt") as file:
        return float(json.loads(file.metadata()["loss_scale"])["scale"])


def test_the_loss_scale_of_half_precision_is_resumed_too(tmp_path: Path) -> None:
    whole = _run(tmp_path / "whole", 250, fabric=_half_precision()).state_dict()
    with pytest.raises(Killed):
        _run(tmp_path / "cut", 250, die_at=170, fabric=_half_precision())
    scale_when_cut = _loss_scale(tmp_path / "cut")
    resumed = _run(tmp_path / "cut", 250, fabric=_half_precision()).state_dict()
    for name, value in whole.items():
        assert torch.equal(value, resumed[name]), name
    assert scale_when_cut < _TOO_HIGH  # steps overflowed and were skipped, those of a fresh scale
    assert _loss_scale(tmp_path / "cut") == _loss_scale(tmp_path / "whole")


def test_processes_that_see_other_folders_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fabric = start_processes()
    monkeypatch.setattr(fabric, "broadcast", lambda start: 100)  # what the first one says
    with pytest.raises(InputError, match=r"finds step 0 in .*, the first one another") as refusal:
        _run(tmp_path, 250, die_at=0, fabric=fabric)
    assert "same work folder" in refusal.value.hint


def test_a_curve_that_a_kill_left_half_written_does_not_count(tmp_path: Path) -> None:
    with pytest.raises(Killed):
        _run(tmp_path, 250, die_at=170)
    (tmp_path / "curve.partial").write_text("step,lo")
    _run(tmp_path, 250)
    assert len((tmp_path / "curve.csv").read_text().splitlines()) == 4


def test_the_curve_has_one_row_per_save_and_a_picture(tmp_path: Path) -> None:
    with pytest.raises(Killed):
        _run(tmp_path, 250, die_at=170)
    _run(tmp_path, 250)
    with (tmp_path / "curve.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["step"]) for row in rows] == [100, 200, 250]
    assert float(rows[-1]["loss"]) < float(rows[0]["loss"])
    assert plot_curve(tmp_path / "curve.csv").read_bytes().startswith(b"\x89PNG")


def test_a_finished_run_is_loaded_without_a_step(tmp_path: Path) -> None:
    first = _run(tmp_path, 100).state_dict()
    again = _run(tmp_path, 100, die_at=0).state_dict()
    assert all(torch.equal(first[name], again[name]) for name in first)


def test_the_schedule_warms_up_and_ends_at_zero() -> None:
    schedule = Schedule(100, learning_rate=1.0)
    rates = [schedule.rate(step) for step in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == pytest.approx(1.0)
    assert rates[-1] < 1e-3


def test_the_loss_is_one_minus_the_ccc() -> None:
    random = np.random.default_rng(0)
    truth, guess = random.random((50, 3)), random.random((50, 3))
    expected = np.mean([1 - ccc(truth[:, i], guess[:, i]) for i in range(3)])
    loss = ccc_loss(torch.tensor(guess), torch.tensor(truth))
    assert float(loss) == pytest.approx(float(expected), abs=1e-6)
    assert float(ccc_l1_loss(torch.tensor(truth), torch.tensor(truth))) == pytest.approx(
        0, abs=1e-6
    )
