"""Audio that could not be labelled, with the reason: a file each, so that runs cannot collide."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from uuid import uuid4

from edge_ser.errors import InputError


@dataclass(frozen=True)
class Quarantined:
    """One file: SHA-256 of its bytes, where it was found, and why it could not be labelled."""

    audio_sha256: str
    path: str
    reason: str


class Quarantine:
    """`quarantine/` of a label store; creating the object creates nothing on disk.

    What is in it is not tried again until it is released. A repaired file has other bytes, and
    with them another hash: it is labelled without being released.
    """

    def __init__(self, store: Path) -> None:
        self.folder = store / "quarantine"

    def add(self, entry: Quarantined) -> None:
        """Keep an entry; replaces an earlier one of the same audio."""
        self.folder.mkdir(parents=True, exist_ok=True)
        partial = self.folder / f"writing-{uuid4().hex}.partial"
        partial.write_text(json.dumps(asdict(entry), indent=1) + "\n", encoding="utf-8")
        partial.replace(self._file(entry.audio_sha256))

    def entries(self) -> Iterator[Quarantined]:
        """All of them, in the order of their hashes.

        Raises:
            InputError: an entry that is damaged.
        """
        for file in sorted(self.folder.glob("*.json")):
            try:
                yield Quarantined(**json.loads(file.read_text(encoding="utf-8")))
            except (ValueError, TypeError) as error:
                raise InputError(
                    f"{file} is damaged: {error}", "delete it; the audio is tried again then"
                ) from error

    def hashes(self) -> set[str]:
        """SHA-256 of what is in it, from the files' names."""
        return {file.stem for file in self.folder.glob("*.json")}

    def release(self) -> int:
        """Empty it, so that the next run tries again; how many entries there were."""
        files = list(self.folder.glob("*.json"))
        for file in files:
            file.unlink(missing_ok=True)
        return len(files)

    def _file(self, audio_sha256: str) -> Path:
        return self.folder / f"{audio_sha256}.json"
