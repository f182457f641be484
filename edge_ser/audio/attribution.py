"""Credits that travel with everything learned from audio under CC BY.

The two noise sets behind the shipped models are credited as sets and clip by clip; of other
audio, the clips whose `notes` name a BY licence are listed as their manifest describes them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

from edge_ser.audio.corpus import Clip

CREDITS = {
    "ESC-10": 'ESC-10: K. J. Piczak, "ESC: Dataset for Environmental Sound Classification", '
    "2015, https://github.com/karolpiczak/ESC-50; clips from freesound.org",
    "Speech Commands": 'Speech Commands background noise: P. Warden, "Speech Commands: A Dataset '
    'for Limited-Vocabulary Speech Recognition", 2018, CC BY 4.0',
}
"""How the `notes` of a clip begin -> the credit of its data set."""

_ESC10_FILE = re.compile(r"esc10_\d-(\d+)-[A-Z]")


def attributions(clips: Sequence[Clip]) -> list[str]:
    """The data sets' credits, then one line for each clip whose licence asks for attribution."""
    asking = [clip for clip in clips if "BY" in clip.fields.get("notes", "")]
    sets = [
        credit
        for start, credit in CREDITS.items()
        if any(clip.fields["notes"].startswith(start) for clip in asking)
    ]
    return [*sets, *map(_line, asking)]


def _line(clip: Clip) -> str:
    line = f"{clip.name}: {clip.fields.get('emotion_raw', '')}; {clip.fields['notes']}"
    source = _ESC10_FILE.fullmatch(PurePosixPath(clip.name).stem)
    if source and clip.fields["notes"].startswith("ESC-10"):
        line += f"; https://freesound.org/s/{source[1]}/"
    return line
