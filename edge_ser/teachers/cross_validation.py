"""The training runs behind the default teacher: folds, final networks, baseline, seeds.

Speaker-disjoint throughout. Every run is resumable and single-threaded; several go in
parallel.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path

import torch
from tqdm import tqdm

from edge_ser.audio.bank import Bank, open_bank
from edge_ser.audio.corpus import Clip
from edge_ser.teachers.cnn import BASELINE, MEMBERS, CnnConfig, EmotionCnn
from edge_ser.teachers.cnn_training import train_cnn
from edge_ser.teachers.emodb import FOLDS, labels_without
from edge_ser.training.loop import Schedule, load_model_state
from edge_ser.work_folder import bind

FINAL: tuple[str, ...] = ()
"""Held-out speakers of the networks that ship: none."""


@dataclass(frozen=True)
class Run:
    """One network to train.

    Attributes:
        config: its architecture.
        role: "baseline" or "member0", "member1", ...
        held_out: speakers it must not hear.
        seed: of initialisation, batches and dropout.
    """

    config: CnnConfig
    role: str
    held_out: tuple[str, ...]
    seed: int

    def folder(self, work: Path) -> Path:
        """Where it keeps its state."""
        scope = "without-" + "-".join(self.held_out) if self.held_out else "final"
        return work / scope / f"{self.role}-seed{self.seed}"


def teacher_runs(held_out: tuple[str, ...], seed: int, with_baseline: bool = True) -> list[Run]:
    """The networks of one teacher; each has its own seed.

    The baseline is one of them: in the speaker folds of EMO-DB it orders dominance better than
    the larger networks do, and the mean of all keeps both strengths. Without it (the ablation of
    the model card) the teacher is the larger networks alone.
    """
    members = [
        Run(config, f"member{index}", held_out, seed * len(MEMBERS) + index)
        for index, config in enumerate(MEMBERS)
    ]
    return [*members, baseline_run(held_out, seed)] if with_baseline else members


def baseline_run(held_out: tuple[str, ...], seed: int = 0) -> Run:
    """The network to beat, trained the same way."""
    return Run(BASELINE, "baseline", held_out, seed)


def all_runs(seeds: int, folds: bool, with_baseline: bool = True) -> list[Run]:
    """Everything the card reports: final networks first, since they are what ships."""
    runs = teacher_runs(FINAL, 0, with_baseline)
    if folds:
        for held_out in FOLDS:
            runs += teacher_runs(held_out, 0, with_baseline)
        for seed in range(1, seeds):
            runs += teacher_runs(FOLDS[0], seed, with_baseline)
        if not with_baseline:  # it is still what the teacher is compared with
            runs += [baseline_run(held_out) for held_out in (FINAL, *FOLDS)]
    return runs


def train_all(
    runs: Sequence[Run],
    bank: Bank,
    clips: Sequence[Clip],
    schedule: Schedule,
    work: Path,
    jobs: int,
) -> None:
    """Train what is not yet trained, `jobs` networks at a time, with a progress bar.

    The first network that fails ends the rest: those under way stop at their end, the others
    are not begun.

    Raises:
        InputError: `work` holds networks of other settings.
    """
    # Fork would copy a process whose libraries already hold threads; spawn is safe.
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        futures = [pool.submit(_train_one, run, bank.folder, clips, schedule, work) for run in runs]
        for future in tqdm(as_completed(futures), total=len(futures), desc="networks", unit="run"):
            if future.exception():
                pool.shutdown(wait=False, cancel_futures=True)
            future.result()


def _train_one(
    run: Run, bank_folder: Path, clips: Sequence[Clip], schedule: Schedule, work: Path
) -> None:
    torch.set_num_threads(1)
    labels = labels_without(clips, run.held_out)
    bind_run(run, schedule, work)
    train_cnn(run.config, open_bank(bank_folder), labels, schedule, run.seed, run.folder(work))


def bind_run(run: Run, schedule: Schedule, work: Path) -> None:
    """Bind a network's folder to its settings, so that no run resumes one of other settings.

    Raises:
        InputError: the folder holds a network of other settings.
    """
    bind(
        run.folder(work),
        "run.json",
        {**asdict(schedule), "config": run.config.to_dict(), "seed": run.seed},
    )


def load_run(run: Run, work: Path) -> EmotionCnn:
    """A network that `train_all` has finished."""
    model = EmotionCnn(run.config)
    model.load_state_dict(load_model_state(run.folder(work)))
    return model.eval()
