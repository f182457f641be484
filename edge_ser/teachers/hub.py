"""Downloading a published teacher from the Hugging Face hub, at one commit, without telemetry."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from edge_ser.errors import EnvironmentMissing, InputError
from edge_ser.runtime.quiet import native_stderr_hidden
from edge_ser.teachers.published import PUBLISHED, how_to_get

FILES = ("config.json", "preprocessor_config.json", "README.md", "*.safetensors*")
"""What a teacher consists of. Pickled weights and the repository's Python code stay there."""

_COMMIT = re.compile(r"[0-9a-f]{40}")


def import_transformers() -> None:
    """Import Hugging Face's libraries with their usage reports switched off.

    Raises:
        EnvironmentMissing: they are not installed.
    """
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    try:
        with native_stderr_hidden():  # torchao names libraries that nobody needs
            from huggingface_hub import constants
            from transformers import Wav2Vec2Model, WavLMModel  # noqa: F401
    except ImportError as error:
        raise EnvironmentMissing(
            f"published teachers need transformers and huggingface_hub: {error}",
            "pip install 'edge-ser[teachers]'",
        ) from error
    constants.HF_HUB_DISABLE_TELEMETRY = True  # in case another module imported it before


def download(repository: str, revision: str | None) -> Path:
    """Folder of the repository's files at a commit, from the cache if they are there.

    `HF_HUB_OFFLINE=1` forbids the network, `HF_HOME` moves the cache.

    Args:
        repository: OWNER/NAME.
        revision: full commit; None for the pinned one of a published teacher.

    Raises:
        InputError: not a commit, no network, or no such repository or commit.
    """
    import_transformers()
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    published = {teacher.repository: teacher for teacher in PUBLISHED}.get(repository)
    commit = _full_commit(repository, revision or (published.revision if published else None))
    # Its bases: the error of whichever library this version speaks HTTP with.
    failures: tuple[Any, ...] = (*HfHubHTTPError.__bases__, HFValidationError, OSError)
    try:
        return Path(snapshot_download(repository, revision=commit, allow_patterns=list(FILES)))
    except failures as error:
        raise InputError(
            f"{repository} at commit {commit} is neither in the cache nor can it be "
            f"downloaded: {_first_line(error)}",
            how_to_get(published) if published else "check the name, the commit and the network",
        ) from error


def _full_commit(repository: str, revision: str | None) -> str:
    """`revision` itself if it is a full commit: a branch or tag may hold other weights tomorrow."""
    if revision is None:
        raise InputError(
            f"{repository} is neither a file or folder here nor a repository with a pinned commit",
            "a repository of the hub needs its full commit: --revision COMMIT",
        )
    if not _COMMIT.fullmatch(revision):
        raise InputError(
            f"--revision {revision!r} pins nothing",
            "give the full commit of the repository, 40 hexadecimal digits",
        )
    return revision


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
