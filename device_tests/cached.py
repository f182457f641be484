"""Folders that are made once and kept in the cache.

Each is named after everything that decides its contents and appears whole or not at all, so
that a set-up cut short is simply done again.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edge_ser.errors import EnvironmentMissing


def default_cache() -> Path:
    """`$XDG_CACHE_HOME/edge-ser/devices`, by default below ~/.cache."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base, "edge-ser", "devices")


def key(*decisive: Any) -> str:
    """A short name for everything that decides a folder's contents."""
    return hashlib.sha256(json.dumps(decisive).encode()).hexdigest()[:12]


def once(folder: Path, fill: Callable[[Path], None], say: Callable[[str], None]) -> Path:
    """Make `folder` by `fill(empty folder)` unless it is there.

    Args:
        folder: in the cache, which is made too.
        fill: must raise if it cannot complete.
        say: told before the work.

    Returns:
        The folder.

    Raises:
        EnvironmentMissing: the cache cannot be written.
    """
    if folder.is_dir():
        return folder
    say(f"setting up {folder} (once)")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=".making-", dir=folder.parent))
    except OSError as error:
        raise EnvironmentMissing(
            f"the cache {folder.parent} cannot be written: {error}", "name another: --cache DIR"
        ) from error
    try:
        fill(scratch)
        scratch.chmod(0o755)
        scratch.rename(folder)
    except OSError:
        # Another process may have finished the same folder meanwhile; its copy is as good.
        if not folder.is_dir():
            raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return folder
