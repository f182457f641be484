"""What capture received and what it lost."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class CaptureCounters:
    """Running totals; every field has a single writer thread.

    Attributes:
        frames: sample frames received from the device or file, at its own rate.
        dropped: frames known to be lost: they found the buffer full, or the network lost them.
        overflows: times the audio system reported that it lost input itself
            (PortAudio's input overflow, -9981); it does not say how many samples.
        clipped: samples at or beyond full scale.
        reconnects: times the audio came back after an interruption.
        gaps: places where audio is missing: reconnects, and where frames were dropped because
            nobody took them in time; windows never span one.
        invalid: what was received and is no audio, and so was ignored: malformed or foreign
            packets, samples that are no numbers, the torn frame at the end of a pipe.
    """

    frames: int = 0
    dropped: int = 0
    overflows: int = 0
    clipped: int = 0
    reconnects: int = 0
    gaps: int = 0
    invalid: int = 0
