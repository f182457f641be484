"""The only place where the log-mel is defined.

Torch, numpy, ONNX, TFLite and C implement this specification; none may add to it.
The definition, for a clip `x` of N samples at `sample_rate`:

1. level: `x = (x - mean(x)) / sqrt(var(x) + level_eps)` over the whole clip
   (wav2vec2's prenorm, as in Wav2Small, arXiv 2408.13920);
2. `n_fft - hop` zeros before the first sample, so that every hop of samples completes
   exactly one frame: T = N // hop, and a stream needs no look-ahead;
3. periodic window, real DFT, squared magnitude: `n_fft // 2 + 1` bins;
4. `n_mels` triangular bands (Slaney's mel scale and area normalisation, librosa's default);
5. `10 * log10(max(power, log_floor))` in dB;
6. `(dB - mean_db) / std_db`, one constant pair for all bands.

A stream cannot know the level of a whole clip, and a level that moves with every window would
change every input of the network. It replaces step 1 by a causal one, frame by frame:

1c. with each hop t = 1, 2, ... its mean m and mean square q enter running means with the share
    1 / min(t, level_hops): `mean += share * (m - mean)`, `square += share * (q - square)`. The
    frame that ends with this hop is `(x - mean) / sqrt(max(0, square - mean^2) + level_eps)`.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, fields
from typing import Any

from edge_ser.errors import InputError

_STREAM_ONLY = "level_seconds"


@dataclass(frozen=True)
class FrontEndSpec:
    """Parameters of the front-end; the defaults are Wav2Small's.

    Attributes:
        sample_rate: Hz.
        n_fft: samples per DFT frame, also the window's length.
        hop: samples between frames.
        window: "hann" (periodic).
        n_mels: mel bands.
        fmin, fmax: Hz, edges of the lowest and highest band.
        level: "clip" (zero mean, unit variance over the clip).
        level_eps: added to the variance.
        log_floor: smallest power before the logarithm; bounds the int8 range, because the
            lowest band of a 64-point DFT is empty and would sit at -100 dB with 1e-10.
        mean_db, std_db: constants of the final normalisation, in dB.
        level_seconds: time constant of a stream's running level.
    """

    sample_rate: int = 16_000
    n_fft: int = 64
    hop: int = 32
    window: str = "hann"
    n_mels: int = 26
    fmin: float = 0.0
    fmax: float = 8_000.0
    level: str = "clip"
    level_eps: float = 1e-7
    log_floor: float = 1e-6
    mean_db: float = -30.0
    std_db: float = 20.0
    level_seconds: float = 3.0

    def __post_init__(self) -> None:
        if self.window != "hann" or self.level != "clip":
            raise InputError(
                f"front-end with window {self.window!r} and level {self.level!r} is not known",
                "this version implements window 'hann' and level 'clip'",
            )
        if not 0 < self.hop <= self.n_fft or self.n_mels < 1:
            raise InputError(f"front-end needs 0 < hop <= n_fft and n_mels >= 1, not {self}")
        if not 0 <= self.fmin < self.fmax <= self.sample_rate / 2:
            raise InputError("front-end needs 0 <= fmin < fmax <= sample_rate / 2")
        if not (self.log_floor > 0 and self.std_db > 0 and self.level_eps > 0):
            raise InputError("front-end needs positive log_floor, std_db and level_eps")
        if not 0 < self.level_seconds <= 3_600:
            raise InputError("front-end needs level_seconds above 0, at most 3600")

    @property
    def bins(self) -> int:
        """DFT bins per frame."""
        return self.n_fft // 2 + 1

    @property
    def left_pad(self) -> int:
        """Zeros before the first sample."""
        return self.n_fft - self.hop

    @property
    def level_hops(self) -> int:
        """Hops that a stream's running level averages over."""
        return max(1, round(self.level_seconds * self.sample_rate / self.hop))

    def frames(self, samples: int) -> int:
        """Frames of a clip.

        Raises:
            InputError: the clip is shorter than one hop.

        Examples:
            >>> FrontEndSpec().frames(80_000)
            2500
        """
        if samples < self.hop:
            raise InputError(
                f"audio of {samples} samples is shorter than one frame step of {self.hop}",
                f"give at least {self.hop} samples at {self.sample_rate} Hz; 0.5 s is useful",
            )
        return samples // self.hop

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> FrontEndSpec:
        """Inverse of `to_dict`.

        Files of version 0.1 have no `level_seconds`: it decides nothing about clips.

        Raises:
            InputError: a key is missing or unknown.
        """
        names = {field.name for field in fields(cls)}
        if set(values) | {_STREAM_ONLY} != names:
            odd = sorted((set(values) | {_STREAM_ONLY}) ^ names)
            raise InputError(f"front-end spec has missing or unknown keys: {', '.join(odd)}")
        return cls(**values)

    def sha256(self) -> str:
        """Fingerprint that binds calibration caches and label stores to this definition.

        Of what decides a clip's log-mel: the stream's time constant is not part of it.
        """
        decisive = {key: value for key, value in asdict(self).items() if key != _STREAM_ONLY}
        text = json.dumps(decisive, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()
