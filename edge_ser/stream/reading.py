"""The values that a stream hands to its sinks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["speech", "no speech", "uncertain"]
"""Of a window: values are given; too little speech in it; the model abstains."""


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
        level: "running" (incremental inference) or "window" (each window computed whole).
        detector: voice-activity detector; "" when every window counts as speech.
        recording: file that receives the samples; "" when nothing is stored.
        rules: the user's rules, as written.
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
    level: str = "running"
    detector: str = ""
    recording: str = ""
    rules: tuple[str, ...] = ()


@dataclass(frozen=True)
class Reading:
    """One analysed window.

    Attributes:
        time: seconds since 1970, UTC, of the computer's clock; may jump when that is set.
        start_sample, end_sample: the window within the 16 kHz signal that the model hears,
            end exclusive.
        t: end of the window in seconds of received audio.
        state: whether the values are there, and why not.
        arousal, dominance, valence: about 0..1, not clipped, smoothed if that was asked for;
            None unless `state` is "speech".
        arousal_confidence, dominance_confidence, valence_confidence: 0..1, None when no
            confidence is computed; given with "uncertain" too.
        arousal_change, dominance_change, valence_change: against the personal baseline; None
            without one, and until it has been learned.
        speech_share: of the window, 0..1; None without a detector.
        partial: the window is shorter than asked for, because the stream is young, had a gap, or
            has ended.
        level_dbfs: level of the newest hop, `20 log10(rms)`; a full-scale sine has -3.
        dropped, overflows, clipped, reconnects, gaps, invalid: totals so far, see
            `CaptureCounters`.
        skipped: windows not analysed so far because inference was slower than the hop.
        inference_ms: time the model took for this window.
    """

    time: float
    start_sample: int
    end_sample: int
    t: float
    state: State
    arousal: float | None
    dominance: float | None
    valence: float | None
    arousal_confidence: float | None
    dominance_confidence: float | None
    valence_confidence: float | None
    arousal_change: float | None
    dominance_change: float | None
    valence_change: float | None
    speech_share: float | None
    partial: bool
    level_dbfs: float
    clipped: int
    dropped: int
    overflows: int
    reconnects: int
    gaps: int
    invalid: int
    skipped: int
    inference_ms: float


@dataclass(frozen=True)
class Event:
    """A rule that has begun or ceased to hold.

    Attributes:
        rule: as the user wrote it, e.g. "arousal > 0.65 for 3s".
        name: the user's short name for it; the rule itself when there is none.
        active: True when it begins to hold, False when it ends.
        time, t: as in `Reading`, of the reading that decided it.
        value: of the rule's first comparison, at that moment; None if the values were not given.
        held_seconds: of audio that it held, 0 when it begins.
    """

    rule: str
    name: str
    active: bool
    time: float
    t: float
    value: float | None
    held_seconds: float


@dataclass(frozen=True)
class Delivery:
    """How one sink fares.

    Attributes:
        sink: its name.
        sent: readings and events that it has passed on.
        lost: that it will never get, because its queue was full or it refused them.
        failures: times it raised.
        waiting: for it, or in it.
        error: the last failure in words; "" when the last call went well and nothing hinders it.
        essential: the stream ends when it fails.
    """

    sink: str
    sent: int
    lost: int
    failures: int
    waiting: int
    error: str = ""
    essential: bool = False


@dataclass(frozen=True)
class Meter:
    """State of the stream between readings: all that a dashboard or a monitor shows.

    Attributes:
        seconds: audio received.
        uptime: seconds since the stream began, of a clock that never jumps.
        connected: whether the source can deliver at this moment.
        level_dbfs: level of the newest block.
        peak_dbfs: its largest sample.
        speech: probability of speech in the newest frame, 0..1; None without a detector.
        clipped, dropped, overflows, reconnects, gaps, invalid, skipped: totals so far.
        recording: whether samples are being stored at this moment.
        deliveries: of every sink.
    """

    seconds: float
    uptime: float
    connected: bool
    level_dbfs: float
    peak_dbfs: float
    speech: float | None
    clipped: int
    dropped: int
    overflows: int
    reconnects: int
    gaps: int
    invalid: int
    skipped: int
    recording: bool
    deliveries: tuple[Delivery, ...] = ()


@dataclass(frozen=True)
class Summary:
    """Totals of a finished stream.

    Attributes:
        seconds: audio received.
        windows: windows analysed; `partial` of them were shorter than asked for.
        speech, uncertain: windows with values; windows that the model abstained from.
        skipped, clipped, dropped, overflows, reconnects, gaps, invalid: as in `Reading`.
        median_ms, slowest_ms: inference time per window; 0 without windows.
        deliveries: of every sink.
    """

    seconds: float
    windows: int
    partial: int
    speech: int
    uncertain: int
    skipped: int
    clipped: int
    dropped: int
    overflows: int
    reconnects: int
    gaps: int
    invalid: int
    median_ms: float
    slowest_ms: float
    deliveries: tuple[Delivery, ...] = ()

    def sentence(self) -> str:
        """One line for people."""
        text = (
            f"{self.windows} window{'s' * (self.windows != 1)} ({self.partial} partial, "
            f"{self.speech} with speech) over {self.seconds:.1f} s of audio; "
            f"{self.skipped} skipped, {self.dropped} samples dropped, "
            f"{self.overflows} overflows, {self.clipped} clipped samples, "
            f"{self.reconnects} reconnects, {self.gaps} gaps, {self.invalid} invalid"
        )
        if self.windows:
            text += f"; inference median {self.median_ms:.1f} ms, slowest {self.slowest_ms:.1f} ms"
        undelivered = [f"{d.sink} lost {d.lost}" for d in self.deliveries if d.lost]
        return "; ".join([text, *undelivered])


def lost(state: Reading | Meter) -> list[str]:
    """What has gone wrong so far, in words, e.g. ["dropped 120", "clipped 3"]; often nothing."""
    counts = {
        "dropped": state.dropped,
        "overflows": state.overflows,
        "reconnects": state.reconnects,
        "gaps": state.gaps,
        "invalid": state.invalid,
        "skipped": state.skipped,
        "clipped": state.clipped,
    }
    return [f"{name} {count}" for name, count in counts.items() if count]
