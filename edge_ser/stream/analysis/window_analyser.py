"""Every window computed whole, with its own level, as a file of that length would be.

Dearer than the incremental analyser by the overlap of the windows; for models that only come as
one file, and for comparing.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from edge_ser.stream.analysis.inference import Inference, Scored
from edge_ser.stream.analysis.windows import WindowScheduler
from edge_ser.stream.protocols import Analysed


class WindowAnalyser:
    """An `Analyser` on an engine that takes clips.

    Args:
        scheduler: which samples each window covers.
        inference: computes them, at once or on a thread that skips to the newest.
    """

    def __init__(self, scheduler: WindowScheduler, inference: Inference) -> None:
        self._scheduler = scheduler
        self._inference = inference

    @property
    def skipped(self) -> int:
        """See `Analyser.skipped`."""
        return self._inference.skipped

    def feed(self, samples: NDArray[np.float32]) -> list[Analysed]:
        """See `Analyser.feed`."""
        for window in self._scheduler.feed(samples):
            self._inference.submit(window)
        return [_analysed(scored) for scored in self._inference.collect()]

    def finish(self) -> list[Analysed]:
        """See `Analyser.finish`."""
        return self._submit_rest(self._inference.finish)

    def reset(self) -> list[Analysed]:
        """See `Analyser.reset`."""
        due = self._submit_rest(self._inference.settle)
        self._scheduler.reset()
        return due

    def _submit_rest(self, then: Callable[[], list[Scored]]) -> list[Analysed]:
        rest = self._scheduler.flush()
        if rest is not None:
            self._inference.submit(rest)
        return [_analysed(scored) for scored in then()]


def _analysed(scored: Scored) -> Analysed:
    window = scored.window
    return Analysed(window.start, window.end, scored.values, window.partial, scored.seconds)
