"""Which files of a corpus can be decoded, found out before long work depends on all of them."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from tqdm import tqdm

from edge_ser.audio.corpus import Clip
from edge_ser.audio.files import read_audio
from edge_ser.errors import InputError

_LISTED = 10


def only_readable(clips: Sequence[Clip], quiet: bool = False) -> list[Clip]:
    """The clips whose files can be decoded whole; the others are listed on standard error.

    Args:
        clips: each file is read.
        quiet: no list and no progress bar, e.g. because another process shows them.
    """
    good: list[Clip] = []
    failures: list[str] = []
    for clip in tqdm(clips, desc="checking audio", unit="clip", disable=quiet):
        try:
            read_audio(clip.path)
        except (InputError, OSError) as error:
            failures.append(str(error))
        else:
            good.append(clip)
    if failures and not quiet:
        print(f"{len(failures)} of {len(clips)} files are left out:", file=sys.stderr)
        for failure in failures[:_LISTED]:
            print(f"  {failure}", file=sys.stderr)
        if len(failures) > _LISTED:
            print(f"  and {len(failures) - _LISTED} more", file=sys.stderr)
    return good
