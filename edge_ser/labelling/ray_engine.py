"""Ray Data: the same labelling on a cluster, or on a local one that is started for the run."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from edge_ser.errors import EnvironmentMissing
from edge_ser.labelling.answer import LoadTeacher, Outcome, Task, answer, use_one_thread
from edge_ser.labelling.store import LabelRow

_OBJECT_STORE_BYTES = 100_000_000
_TASKS_PER_BATCH = 4
_SECONDS_TO_CONNECT = 10.0


@dataclass(frozen=True)
class RayEngine:
    """Implements `answer.Engine` with actors that each hold a teacher.

    A killed actor is started again, and its batch answered anew. Files must be readable under
    the same path on every machine of the cluster.

    Attributes:
        load: makes an actor's teacher.
        jobs: actors.
        address: of a running cluster ("auto", HOST:PORT); None starts one in this machine.
    """

    load: LoadTeacher
    jobs: int
    address: str | None = None

    def __call__(self, tasks: Sequence[Task]) -> Iterator[Outcome]:
        """Outcomes as they come.

        Raises:
            EnvironmentMissing: Ray is not installed, or the cluster cannot be reached.
        """
        ray = _ray(local=self.address is None)
        owned = not ray.is_initialized()
        if owned:
            _connect(ray, self.address, self.jobs)
        try:
            yield from self._outcomes(ray, tasks)
        finally:
            if owned:
                ray.shutdown()

    def _outcomes(self, ray: Any, tasks: Sequence[Task]) -> Iterator[Outcome]:
        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        context.print_on_execution_start = False
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        # Blocks are cut here: `repartition` would need a processor that the actors hold.
        dataset = ray.data.from_items(
            [asdict(task) for task in tasks],
            override_num_blocks=max(1, -(-len(tasks) // _TASKS_PER_BATCH)),
        )
        answers = dataset.map_batches(
            _Worker,
            fn_constructor_args=(self.load,),
            batch_size=_TASKS_PER_BATCH,
            compute=ray.data.ActorPoolStrategy(size=self.jobs),
            num_cpus=1,
        )
        for row in answers.iter_rows():
            yield _outcome(row)


class _Worker:
    """An actor: one teacher, many batches."""

    def __init__(self, load: LoadTeacher) -> None:
        use_one_thread()
        self._teacher = load()

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[Any]]:
        rows = zip(*(batch[name].tolist() for name in _TASK), strict=True)
        tasks = [Task(**dict(zip(_TASK, row, strict=True))) for row in rows]
        return _columns([answer(task, self._teacher) for task in tasks])


_TASK = tuple(field.name for field in fields(Task))
_VALUES = ("duration", "arousal", "dominance", "valence")
_WORDS = ("teacher_id", "teacher_sha256", "teacher_licence")


def _columns(outcomes: Sequence[Outcome]) -> dict[str, list[Any]]:
    """Outcomes as a table of plain values; NaN and "" where there is no row."""
    rows = [outcome.row for outcome in outcomes]
    table: dict[str, list[Any]] = {
        name: [getattr(outcome.task, name) for outcome in outcomes] for name in _TASK
    }
    table["reason"] = [outcome.reason for outcome in outcomes]
    table |= {name: [getattr(row, name, float("nan")) for row in rows] for name in _VALUES}
    return table | {name: [getattr(row, name, "") for row in rows] for name in _WORDS}


def _outcome(row: dict[str, Any]) -> Outcome:
    """Inverse of `_columns`, for one row."""
    task = Task(**{name: row[name] for name in _TASK})
    if row["reason"]:
        return Outcome(task, reason=row["reason"])
    values: dict[str, Any] = {name: float(row[name]) for name in _VALUES}
    words: dict[str, Any] = {name: str(row[name]) for name in _WORDS}
    return Outcome(task, LabelRow(task.audio_sha256, task.path, **values, **words))


def _ray(local: bool) -> Any:
    # Read at import: nothing about this machine is reported, nothing is printed.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if local:
        # The node is 127.0.0.1 then and its servers listen there only; Ray would otherwise open
        # ports without a password on all interfaces.
        os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise EnvironmentMissing(
            "--engine ray needs Ray, which is not installed", "pip install 'edge-ser[ray]'"
        ) from error
    return ray


def _connect(ray: Any, address: str | None, jobs: int) -> None:
    quiet = {"log_to_driver": False, "logging_level": logging.ERROR, "configure_logging": True}
    try:
        if address:
            _check_reachable(address)
            ray.init(address=address, **quiet)
        else:
            ray.init(
                num_cpus=jobs + 1,  # one for Ray Data's own tasks
                include_dashboard=False,
                object_store_memory=_OBJECT_STORE_BYTES,
                **quiet,
            )
    except (OSError, ValueError, RuntimeError) as error:
        raise EnvironmentMissing(
            f"Ray cannot be started or reached: {error}",
            "without --ray-address a local one is started; `ray status` shows a running one",
        ) from error


def _check_reachable(address: str) -> None:
    """Ask first: Ray itself would try for minutes.

    Raises:
        OSError: nobody listens there.
    """
    host, _, port = address.rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host, int(port)), _SECONDS_TO_CONNECT).close()
