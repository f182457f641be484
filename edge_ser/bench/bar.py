"""A progress bar where tqdm is installed, silence where it is not (a device has only numpy)."""

from __future__ import annotations

from contextlib import AbstractContextManager
from types import TracebackType
from typing import Protocol


class Bar(Protocol):
    """What the benchmark asks of a progress bar."""

    def set_description(self, desc: str) -> None: ...

    def update(self) -> object: ...


class Silent:
    """No bar."""

    def __enter__(self) -> Silent:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Nothing to close."""

    def set_description(self, desc: str) -> None:
        """Nothing to show."""

    def update(self) -> None:
        """Nothing to show."""


def progress_bar(total: int, shown: bool) -> AbstractContextManager[Bar]:
    """A bar of `total` ticks."""
    if not shown:
        return Silent()
    try:
        from tqdm import tqdm
    except ImportError:
        return Silent()
    bar: AbstractContextManager[Bar] = tqdm(total=total, leave=False)
    return bar
