"""The sound inside the demo firmware, as C."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from firmware_export.c_engine.c_text import array, integers

_TEMPLATE = """\
/* es_demo_clip.c: generated. */
#include "es_demo_clip.h"

const uint32_t es_demo_clip_samples = {count};

{samples}"""


def demo_clip_source(samples: NDArray[np.int16]) -> str:
    """Contents of `device/es_demo_clip.c`.

    Args:
        samples: (n,) int16, 16 kHz, at least one.
    """
    values = array("const int16_t es_demo_clip[]", integers(samples.tolist()))
    return _TEMPLATE.format(count=len(samples), samples=values)
