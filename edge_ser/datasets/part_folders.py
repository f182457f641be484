"""A split as corpus folders: one manifest for each part, the audio stays where it is."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path, PurePath

from edge_ser.audio.corpus import Clip, corpus_name, licence_of
from edge_ser.datasets.manifest import write_licence, write_manifest


def write_part_folders(
    corpus: Path, clips: Sequence[Clip], parts: Sequence[str], out: Path
) -> list[Path]:
    """Write `out/CORPUS-PART/manifest.csv` for every part; its paths lead to the corpus.

    Args:
        corpus: the divided folder.
        clips, parts: (clips,) as `splits.split` gave them.
        out: made if need be; the corpus must not move relative to it afterwards.

    Returns:
        The folders, every verb's audio folder.
    """
    statement = licence_of(corpus)
    folders = []
    for part in dict.fromkeys(sorted(parts)):
        folder = out / f"{corpus_name(corpus)}-{part}"
        folder.mkdir(parents=True, exist_ok=True)
        way = PurePath(os.path.relpath(corpus.resolve(), folder.resolve())).as_posix()
        rows = [
            {"path": f"{way}/{clip.name}", **clip.fields}
            for clip, its_part in zip(clips, parts, strict=True)
            if its_part == part
        ]
        write_manifest(folder, rows)
        write_licence(folder, statement["name"], statement["licence"])
        folders.append(folder)
    return folders
