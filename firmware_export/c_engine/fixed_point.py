"""The front-end's tables in fixed point, for cores without a floating-point unit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_ser.bundle.manifest import Quantisation
from edge_ser.frontend.spec import FrontEndSpec
from firmware_export.c_engine.tables import FrontEndTables

LOG2_STEPS = 64
"""Straight lines between 64 points: error below 5e-5 octaves, .00014 dB."""

_FULL_SCALE = 32_768.0
_Q16, _Q30, _Q32 = 2.0**16, 2.0**30, 2.0**32
_MEL_WEIGHT_BITS = 24


@dataclass(frozen=True)
class FixedTables:
    """What es_frontend_fixed.c reads.

    Attributes:
        window: (n_fft,) Q16, at most 65535.
        turns: (n_fft / 2 + 1, 2) Q30.
        mel_weights: flat, at most 24 bits, scaled by 2^mel_bits.
        mel_bits: see there; may be above 24, the weights are small.
        log2: (LOG2_STEPS + 1,) Q16 logarithm of the mantissa, the last entry 65535.
        codes_per_octave: Q16.
        code_offset: Q32.
        log_floor: Q16 octaves.
        level_eps: Q16 of squared 16-bit samples.
    """

    window: NDArray[np.int64]
    turns: NDArray[np.int64]
    mel_weights: NDArray[np.int64]
    mel_bits: int
    log2: NDArray[np.int64]
    codes_per_octave: int
    code_offset: int
    log_floor: int
    level_eps: int

    def macros(self) -> dict[str, int | str]:
        """Scalars for es_model.h."""
        return {
            "ES_MEL_BITS": self.mel_bits,
            "ES_LOG2_STEPS": len(self.log2) - 1,
            "ES_CODES_PER_OCTAVE_Q16": self.codes_per_octave,
            "ES_CODE_OFFSET_Q32": f"INT64_C({self.code_offset})",
            "ES_LOG_FLOOR_Q16": f"({self.log_floor})",
            "ES_LEVEL_EPS_Q16": f"UINT64_C({self.level_eps})",
        }


def fixed_tables(spec: FrontEndSpec, code: Quantisation, tables: FrontEndTables) -> FixedTables:
    """Round a front-end's tables."""
    largest = float(tables.mel_weights.max())
    mel_bits = int(np.floor(_MEL_WEIGHT_BITS - np.log2(largest)))
    points = np.arange(LOG2_STEPS + 1) / LOG2_STEPS
    step = spec.std_db * code.scale
    return FixedTables(
        window=np.minimum(np.rint(tables.window * _Q16), 65_535).astype(np.int64),
        turns=np.rint(tables.turns * _Q30).astype(np.int64),
        mel_weights=np.rint(tables.mel_weights * 2.0**mel_bits).astype(np.int64),
        mel_bits=mel_bits,
        log2=np.minimum(np.rint(np.log2(1 + points) * _Q16), 65_535).astype(np.int64),
        codes_per_octave=round(10 * np.log10(2.0) / step * _Q16),
        code_offset=round(-spec.mean_db / step * _Q32),
        log_floor=round(float(np.log2(spec.log_floor)) * _Q16),
        level_eps=round(spec.level_eps * _FULL_SCALE**2 * _Q16),
    )
