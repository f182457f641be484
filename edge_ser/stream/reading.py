"""The values that a stream hands to its sinks."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class StreamInfo:
    """What runs, known before the first reading.

    Attributes:
        model: student's name, e.g. "wav2small".
        engine, engine_version: runtime that computes, e.g. "litert" "2.3.0".
        artefact: model file inside the bundle.
        source: microphone or file, for people.
        source_rate: its samples per second.
        window_seconds, hop_seconds: length and step of the analysis window.
        live: whether audio arrives at its own pace.
        recording: file that receives the samples; "" when nothing is stored.
    """

    model: str
    engine: str
    engine_version: str
    artefact: str
    source: str
    source_rate: float
    window_seconds: float
    hop_seconds: float
    live: bool
    recording: str = ""


@dataclass(frozen=True)
class Reading:
    """One analysed window.

    Attributes:
        start_sample, end_sample: the window within the 16 kHz signal that the model hears,
            end exclusive.
        t: end of the window in seconds of received audio.
        arousal, dominance, valence: about 0..1, not clipped.
        partial: the window is shorter than asked for, because the stream is young (or the
            whole file is shorter).
        level_dbfs: level of the newest hop, `20 log10(rms)`; a full-scale sine has -3.
        dropped, overflows, clipped: totals so far, see `CaptureCounters`.
        skipped: windows not analysed so far because inference was slower than the hop.
        inference_ms: time the model took for this window.
    """

    start_sample: int
    end_sample: int
    t: float
    arousal: float
    dominance: float
    valence: float
    partial: bool
    level_dbfs: float
    clipped: int
    dropped: int
    overflows: int
    skipped: int
    inference_ms: float


@dataclass(frozen=True)
class Meter:
    """State between readings.

    Attributes:
        seconds: audio received.
        level_dbfs: level of the newest block.
        peak_dbfs: its largest sample.
        clipped, dropped, overflows, skipped: totals so far.
        recording: whether samples are being stored at this moment.
    """

    seconds: float
    level_dbfs: float
    peak_dbfs: float
    clipped: int
    dropped: int
    overflows: int
    skipped: int
    recording: bool


@dataclass(frozen=True)
class Summary:
    """Totals of a finished stream.

    Attributes:
        seconds: audio received.
        windows: windows analysed; `partial` of them were shorter than asked for.
        skipped, clipped, dropped, overflows: as in `Reading`.
        median_ms, slowest_ms: inference time per window; 0 without windows.
    """

    seconds: float
    windows: int
    partial: int
    skipped: int
    clipped: int
    dropped: int
    overflows: int
    median_ms: float
    slowest_ms: float

    def sentence(self) -> str:
        """One line for people."""
        text = (
            f"{self.windows} window{'s' * (self.windows != 1)} ({self.partial} partial) "
            f"over {self.seconds:.1f} s of audio; {self.skipped} skipped, "
            f"{self.dropped} samples dropped, {self.overflows} overflows, "
            f"{self.clipped} clipped samples"
        )
        if self.windows:
            text += f"; inference median {self.median_ms:.1f} ms, slowest {self.slowest_ms:.1f} ms"
        return text


def lost(state: Reading | Meter) -> list[str]:
    """What has gone wrong so far, in words, e.g. ["dropped 120", "clipped 3"]; often nothing."""
    counts = {
        "dropped": state.dropped,
        "overflows": state.overflows,
        "skipped": state.skipped,
        "clipped": state.clipped,
    }
    return [f"{name} {count}" for name, count in counts.items() if count]
