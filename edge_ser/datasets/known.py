"""The public datasets that `edge-ser data get` knows, and how their tables are called.

Table and scheme names are those of the published conversion scripts
(github.com/audeering/datasets, folders `datasets/emodb` and `datasets/crema-d`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from edge_ser.errors import InputError


@dataclass(frozen=True)
class KnownDataset:
    """A dataset in audformat.

    Attributes:
        name: what audb calls it.
        title: for cards.
        version: taken unless another is asked for.
        licence: SPDX identifier.
        licence_url: its text.
        permits: what the licence allows a model's maker, in a sentence.
        size: clips, speakers, language, for people.
        emotion_tables: patterns of whole table names, newest layout first; the tables that match
            the first pattern which matches any hold the emotion that the speaker acted.
        vote_tables: modality -> pattern of the tables with the listeners' votes.
        media: pattern of the files that are speech.
    """

    name: str
    title: str
    version: str
    licence: str
    licence_url: str
    permits: str
    size: str
    emotion_tables: tuple[str, ...]
    vote_tables: dict[str, str] = field(default_factory=dict)
    media: str = ""

    def matching(self, tables: list[str]) -> list[str]:
        """The tables that hold the acted emotion; empty when the layout is unknown."""
        for pattern in self.emotion_tables:
            found = [table for table in tables if re.fullmatch(pattern, table)]
            if found:
                return found
        return []


KNOWN: dict[str, KnownDataset] = {
    "emodb": KnownDataset(
        name="emodb",
        title="EMO-DB (Berlin Database of Emotional Speech)",
        version="1.4.1",
        licence="CC0-1.0",
        licence_url="https://creativecommons.org/publicdomain/zero/1.0/",
        permits="no conditions; a model that is shipped may be trained on it",
        size="535 clips, 10 speakers, German (2.0.0: 816 clips)",
        emotion_tables=("emotion",),
        media=r"wav/.*",
    ),
    "crema-d": KnownDataset(
        name="crema-d",
        title="CREMA-D (Crowd-sourced Emotional Multimodal Actors Dataset)",
        version="1.3.0",
        licence="ODbL-1.0",
        licence_url="https://opendatacommons.org/licenses/odbl/1-0/",
        permits=(
            "commercial use, also training a shipped model, with attribution; what is produced "
            "from it carries a notice that names it (section 4.3); altered databases stay ODbL"
        ),
        size="7442 clips (7441 with sound), 91 speakers, English",
        emotion_tables=(
            r"emotion\.categories\.desired\.(train|dev|test)",
            r"emotion\.desired\.(train|dev|test)",
            "emotion",
        ),
        vote_tables={
            "voice": r"emotion\.categories\.(train|dev|test)\.votes",
            "face": r"emotion\.categories\.face\.(train|dev|test)\.votes",
            "multimodal": r"emotion\.categories\.multimodal\.(train|dev|test)\.votes",
        },
    ),
}


def known_dataset(name: str) -> KnownDataset:
    """The dataset of a name.

    Raises:
        InputError: a name that is not known.
    """
    if name not in KNOWN:
        raise InputError(
            f"no dataset {name!r}",
            f"known: {', '.join(KNOWN)}; for other audio with a table: edge-ser data import --help",
        )
    return KNOWN[name]
