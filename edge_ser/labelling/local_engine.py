"""Worker processes on this machine, each with its own teacher."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context

from edge_ser.errors import GateFailed
from edge_ser.labelling.answer import LoadTeacher, Outcome, Task, answer, use_one_thread
from edge_ser.teachers import Teacher


@dataclass(frozen=True)
class LocalEngine:
    """Implements `answer.Engine`.

    Attributes:
        load: makes a worker's teacher.
        jobs: processes.
    """

    load: LoadTeacher
    jobs: int

    def __call__(self, tasks: Sequence[Task]) -> Iterator[Outcome]:
        """Outcomes as they come.

        Raises:
            GateFailed: a worker was killed; what was given before stays labelled.
        """
        # Fork would copy a process whose libraries already hold threads; spawn is safe.
        pool = ProcessPoolExecutor(
            min(self.jobs, len(tasks)), get_context("spawn"), _start, (self.load,)
        )
        with pool:
            futures = [pool.submit(_answer, task) for task in tasks]
            try:
                for future in as_completed(futures):
                    yield future.result()
            except BrokenProcessPool as error:
                raise GateFailed(
                    "a labelling process ended (killed, or out of memory)",
                    "run the same command again: it goes on where this one stopped; fewer "
                    "--jobs take less memory",
                ) from error
            finally:
                pool.shutdown(wait=False, cancel_futures=True)


_teacher: Teacher


def _start(load: LoadTeacher) -> None:
    global _teacher
    use_one_thread()
    _teacher = load()


def _answer(task: Task) -> Outcome:
    return answer(task, _teacher)
