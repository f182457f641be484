"""What the user of a stream may choose: the same fields on the command line and in a TOML file.

The dataclasses are the schema of `--config` (docs/SERVICE.md): a field is a key, a nested
dataclass a table. Each checks its own values; what only shows when something is opened (a device,
a broker) is checked there. None means: the default, or not wanted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from edge_ser.errors import InputError
from edge_ser.runtime.incremental.windows import (
    LONGEST_SECONDS,
    SHORTEST_HOP_SECONDS,
    SHORTEST_WINDOW_SECONDS,
)
from edge_ser.stream.durations import Seconds

PcmFormat = Literal["s16le", "s16be", "s24le", "s32le", "f32le"]
"""Raw samples: signed or float, bits, byte order."""

Output = Literal["auto", "text", "json", "dashboard", "none"]
"""What standard output gets; auto: a dashboard for a live source on a terminal, else text."""


def _between(name: str, value: float | None, low: float, high: float, unit: str = "") -> None:
    """A number of the user's, refused by name when it lies outside."""
    if value is not None and not low <= value <= high:
        raise InputError(f"{name} of {value:g}{unit} is not supported", f"use {low:g} to {high:g}")


@dataclass(frozen=True)
class PcmInput:
    """How raw samples are to be understood.

    Attributes:
        rate: samples per second, 4,000 to 384,000.
        channels: interleaved, 1 to 32; their mean is heard.
        format: of one sample.
    """

    rate: int = 16_000
    channels: int = 1
    format: PcmFormat = "s16le"

    def __post_init__(self) -> None:
        _between("a PCM rate", self.rate, 4_000, 384_000, " Hz")
        _between("a number of PCM channels", self.channels, 1, 32)


@dataclass(frozen=True)
class InputOptions:
    """Where audio comes from: exactly one of `mic`, `file`, `pcm`, `rtp`, `udp`, `websocket`.

    Attributes:
        mic: a microphone, through PortAudio.
        device: its number or part of its name; None is the system's default.
        rate, channels: to open the microphone with; None takes what it prefers.
        reconnect: wait for a microphone that has vanished; False ends with exit code 5.
        file: an audio file; `realtime` plays it at its own pace.
        pcm: raw samples from standard input, as `samples` says.
        rtp, udp, websocket: "HOST:PORT" to listen on for audio from the network.
        samples: format of `pcm`, `udp` and, where the payload type does not say it, `rtp`.
        key_file: holds the SRTP key (rtp) or the token (websocket); needed beyond loopback.
    """

    mic: bool = False
    device: str | None = None
    rate: float | None = None
    channels: int | None = None
    reconnect: bool = True
    file: Path | None = None
    realtime: bool = False
    pcm: bool = False
    rtp: str | None = None
    udp: str | None = None
    websocket: str | None = None
    samples: PcmInput = PcmInput()
    key_file: Path | None = None

    def __post_init__(self) -> None:
        named = [self.mic, self.file, self.pcm, self.rtp, self.udp, self.websocket]
        if sum(value is not None and value is not False for value in named) != 1:
            raise InputError(
                "one source of audio must be named, and only one",
                "--mic, --file AUDIO, --pcm, --rtp HOST:PORT, --udp HOST:PORT or "
                "--websocket HOST:PORT",
            )
        _between("a microphone rate", self.rate, 4_000, 384_000, " Hz")
        _between("a number of microphone channels", self.channels, 1, 32)

    @property
    def live(self) -> bool:
        """Whether the audio cannot wait, see `Source.live`."""
        return self.realtime or not (self.pcm or self.file is not None)


@dataclass(frozen=True)
class ModelOptions:
    """What computes.

    Attributes:
        bundle: folder or .tar.gz; None is the one inside the package.
        expect_sha256: of a .tar.gz; another one is refused.
        engine, artefact: None takes the first engine that is installed, and its int8 model.
        threads: of the model, 1 to 64.
        window, hop: seconds, 0.5 to 60 and 0.05 to 60; None takes the bundle's.
        level: "running" hears each sample once (exact, cheap); "window" computes every window
            whole with its own level, as a file of that length would be.
    """

    bundle: Path | None = None
    expect_sha256: str | None = None
    engine: str | None = None
    artefact: str | None = None
    threads: int = 1
    window: Seconds | None = None
    hop: Seconds | None = None
    level: Literal["running", "window"] = "running"

    def __post_init__(self) -> None:
        _between("a number of threads", self.threads, 1, 64)
        _between("a window", self.window, SHORTEST_WINDOW_SECONDS, LONGEST_SECONDS, " s")
        _between("a hop", self.hop, SHORTEST_HOP_SECONDS, LONGEST_SECONDS, " s")


@dataclass(frozen=True)
class MeaningOptions:
    """When a value is worth reporting.

    Attributes:
        vad: "on" needs the detector, "auto" uses it if it is installed, "off" reads everything.
        min_speech: share of a window that must be speech, 0..1.
        confidence: whether confidences are computed.
        min_confidence: below it a dimension counts as unsure; with one unsure dimension the
            reading is "uncertain". None never abstains.
        smooth: time constant in seconds of an exponential mean; None reports windows as they are.
        baseline: seconds of speech that the personal baseline is learned from; None: no baseline.
    """

    vad: Literal["auto", "on", "off"] = "auto"
    min_speech: float = 0.3
    confidence: bool = True
    min_confidence: float | None = None
    smooth: Seconds | None = None
    baseline: Seconds | None = None

    def __post_init__(self) -> None:
        _between("a share of speech", self.min_speech, 0, 1)
        _between("a confidence", self.min_confidence, 0, 1)
        _between("a smoothing time constant", self.smooth, 0.05, 3_600, " s")
        _between("a baseline", self.baseline, 10, 86_400, " s")


@dataclass(frozen=True)
class RuleOptions:
    """One rule and what its events set off; every sink hears of them in any case.

    Attributes:
        when: e.g. "arousal > 0.65 for 3s", see docs/EVENTS.md.
        name: short, for messages; None: the rule itself.
        exec: a program and its arguments, started without a shell.
        webhook: an http(s) URL that gets the event as JSON.
        webhook_file: holds that URL, where it is a secret; a private file, see `read_secret`.
    """

    when: str
    name: str | None = None
    exec: str | None = None
    webhook: str | None = None
    webhook_file: Path | None = None

    def __post_init__(self) -> None:
        if self.webhook is not None and self.webhook_file is not None:
            raise InputError(
                f"the rule {self.when!r} has a webhook and a file that holds one", "leave one out"
            )


@dataclass(frozen=True)
class MqttOptions:
    """A broker.

    Attributes:
        host, port: of the broker; `tls` makes 8883 the default port.
        topic: all messages lie below it.
        user: None logs in as nobody.
        password_file: holds the password; never an argument.
        discovery: Home Assistant's prefix, usually "homeassistant"; None announces nothing.
        client: id at the broker; None makes one of the host's name.
        ca_file: certificates to trust in place of the system's.
    """

    host: str
    port: int | None = None
    topic: str = "edge-ser"
    user: str | None = None
    password_file: Path | None = None
    tls: bool = False
    ca_file: Path | None = None
    discovery: str | None = "homeassistant"
    client: str | None = None

    def __post_init__(self) -> None:
        _between("an MQTT port", self.port, 1, 65_535)


@dataclass(frozen=True)
class WebOptions:
    """The page, its WebSocket, `/health` and `/metrics`.

    Attributes:
        listen: "HOST:PORT".
        token_file: holds the token; needed for anything but loopback.
        origins: further origins whose pages may connect, e.g. "https://home.example".
    """

    listen: str = "127.0.0.1:8765"
    token_file: Path | None = None
    origins: tuple[str, ...] = ()


@dataclass(frozen=True)
class OutputOptions:
    """Who receives readings; all of them can run at once.

    Attributes:
        stdout: see `Output`.
        json_file, csv: files that readings are appended to.
        mqtt, web: see there.
        osc: "HOST:PORT" that gets Open Sound Control messages over UDP.
        record: store what the model hears in this new WAV file, 10 minutes at most.
    """

    stdout: Output = "auto"
    json_file: Path | None = None
    csv: Path | None = None
    mqtt: MqttOptions | None = None
    osc: str | None = None
    web: WebOptions | None = None
    record: Path | None = None


@dataclass(frozen=True)
class LogOptions:
    """What goes to standard error.

    Attributes:
        format: "text" for people, "json" for machines, one object per line.
        level: least severity.
    """

    format: Literal["text", "json"] = "text"
    level: Literal["debug", "info", "warning", "error"] = "info"


@dataclass(frozen=True)
class StreamOptions:
    """All of it.

    Attributes:
        duration: stop after so many seconds of audio; None goes on until the source ends.
    """

    input: InputOptions
    model: ModelOptions = ModelOptions()
    meaning: MeaningOptions = MeaningOptions()
    rules: tuple[RuleOptions, ...] = ()
    output: OutputOptions = field(default_factory=OutputOptions)
    log: LogOptions = LogOptions()
    duration: Seconds | None = None

    def __post_init__(self) -> None:
        if self.duration is not None and not SHORTEST_WINDOW_SECONDS <= self.duration < math.inf:
            raise InputError(
                f"a duration of {self.duration:g} s is not a time to stop after",
                f"a model needs at least {SHORTEST_WINDOW_SECONDS:g} s; leave it out to go on "
                "until the end",
            )
