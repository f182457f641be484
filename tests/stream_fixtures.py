"""Stand-ins for the model and for PortAudio, and a private PulseAudio as a real microphone."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_ser import DIMENSIONS
from edge_ser.stream.analysis.inference import InlineInference
from edge_ser.stream.analysis.window_analyser import WindowAnalyser
from edge_ser.stream.analysis.windows import WindowScheduler
from edge_ser.stream.protocols import Analyser, Sink
from edge_ser.stream.reading import Event, Meter, Reading, StreamInfo, Summary

INFO = StreamInfo(
    model="wav2small",
    engine="fake",
    engine_version="1.0",
    artefact="model.int8.tflite",
    source="USB microphone",
    source_rate=48_000,
    window_seconds=5.0,
    hop_seconds=0.5,
    live=True,
)

ALSA_PLUGIN = "*/alsa-lib/libasound_module_pcm_pulse.so"


@dataclass
class FakeEngine:
    """A model whose answer identifies its samples: (rms, first, last)."""

    name: str = "fake"
    version: str = "1.0"
    artefact: str = "model.int8.tflite"
    before: Callable[[], None] = lambda: None

    def predict(self, audio: NDArray[np.float32]) -> NDArray[np.float32]:
        """(samples,) -> (3,)."""
        self.before()
        rms = np.sqrt(np.mean(np.square(audio, dtype=np.float64)))
        return np.array([rms, audio[0], audio[-1]], dtype=np.float32)


def window_analyser(window: float, hop: float, engine: FakeEngine | None = None) -> WindowAnalyser:
    """Windows through the fake model, at once."""
    return WindowAnalyser(WindowScheduler(window, hop), InlineInference(engine or FakeEngine()))


@dataclass
class KeepingSink(Sink):
    """Keeps everything it is told."""

    name = "keeping"

    infos: list[StreamInfo] = field(default_factory=list)
    meters: list[Meter] = field(default_factory=list)
    readings: list[Reading] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    summaries: list[Summary] = field(default_factory=list)

    def start(self, info: StreamInfo) -> None:
        """Keep."""
        self.infos.append(info)

    def meter(self, meter: Meter) -> None:
        """Keep."""
        self.meters.append(meter)

    def reading(self, reading: Reading) -> None:
        """Keep."""
        self.readings.append(reading)

    def event(self, event: Event) -> None:
        """Keep."""
        self.events.append(event)

    def finish(self, summary: Summary) -> None:
        """Keep."""
        self.summaries.append(summary)


def sample_reading(**changes: Any) -> Reading:
    """A plausible reading, some fields changed."""
    values: dict[str, Any] = {
        "time": 1_800_000_000.25,
        "state": "speech",
        **{f"{name}_confidence": None for name in DIMENSIONS},
        **{f"{name}_change": None for name in DIMENSIONS},
        "speech_share": None,
        "reconnects": 0,
        "gaps": 0,
        "invalid": 0,
        "start_sample": 0,
        "end_sample": 80_000,
        "t": 5.0,
        "arousal": 0.62,
        "dominance": 0.55,
        "valence": 0.41,
        "partial": False,
        "level_dbfs": -23.4,
        "clipped": 0,
        "dropped": 0,
        "overflows": 0,
        "skipped": 0,
        "inference_ms": 6.0,
    }
    return Reading(**{**values, **changes})


class PortAudioError(Exception):
    """As sounddevice's: (text, code, (host API, host code, host text))."""


class FakePortAudio(ModuleType):
    """A `sounddevice` that plays what a test puts into it.

    Attributes:
        devices: as `sounddevice.query_devices()` gives them.
        refused: rate -> error that opening at this rate raises; None stands for any rate.
        refuse: asked with the settings of every opening; the error to raise, or None.
        on_initialize: called when PortAudio is started again; may change `devices` or raise.
        signal: (frames, channels) delivered at once when a stream starts.
        overflow_blocks: how many of the delivered blocks report an input overflow.
        streams: the opened streams, oldest first.
    """

    BLOCK = 512
    PortAudioError = PortAudioError

    def __init__(self) -> None:
        super().__init__("sounddevice")
        self.devices: list[dict[str, Any]] = [
            device(0, "HDMI output", inputs=0),
            device(1, "USB Audio: - (hw:1,0)", inputs=1, rate=48_000.0),
            device(2, "pulse", inputs=32, rate=44_100.0),
        ]
        self.default = SimpleNamespace(device=[1, 0])
        self.refused: dict[float | None, PortAudioError] = {}
        self.refuse: Callable[[dict[str, Any]], PortAudioError | None] = lambda _: None
        self.refused_start: PortAudioError | None = None
        self.on_initialize: Callable[[], None] = lambda: None
        self.initialized = True
        self.signal: NDArray[np.float32] = np.zeros((0, 1), dtype=np.float32)
        self.overflow_blocks = 0
        self.vanish_after_signal = False
        self.streams: list[Any] = []

    def query_devices(self) -> list[dict[str, Any]]:
        """All devices."""
        return self.devices

    def query_hostapis(self) -> tuple[dict[str, Any], ...]:
        """One host API."""
        return ({"name": "ALSA", "default_input_device": 1},)

    def _terminate(self) -> None:
        """As sounddevice's: an error if PortAudio does not run."""
        if not self.initialized:
            raise PortAudioError("PortAudio not initialized", -10000)
        assert all(stream.closed for stream in self.streams)
        self.initialized = False

    def _initialize(self) -> None:
        """PortAudio looks for devices."""
        self.on_initialize()
        self.initialized = True

    def InputStream(self, **settings: Any) -> Any:
        """Open a stream, unless the test refuses it."""
        for rate in (settings["samplerate"], None):
            if rate in self.refused:
                raise self.refused[rate]
        refusal = self.refuse(settings)
        if refusal is not None:
            raise refusal
        stream = FakeInputStream(self, settings)
        self.streams.append(stream)
        return stream


class FakeInputStream:
    """Delivers the module's signal through the callback when it is started."""

    def __init__(self, module: FakePortAudio, settings: dict[str, Any]) -> None:
        self.module = module
        self.settings = settings
        self.closed = False

    def start(self) -> None:
        """Deliver the signal in blocks."""
        if self.module.refused_start is not None:
            raise self.module.refused_start
        for number, at in enumerate(range(0, len(self.module.signal), FakePortAudio.BLOCK)):
            block = self._in_format(self.module.signal[at : at + FakePortAudio.BLOCK])
            status = SimpleNamespace(input_overflow=number < self.module.overflow_blocks)
            self.settings["callback"](block, len(block), None, status)
        if self.module.vanish_after_signal:
            self.settings["finished_callback"]()

    def close(self) -> None:
        """Remember it."""
        self.closed = True

    def _in_format(self, block: NDArray[np.float32]) -> NDArray[Any]:
        """As the sample format that was asked for."""
        dtype = np.dtype(self.settings["dtype"])
        if dtype == np.float32:
            return block
        info = np.iinfo(dtype)
        return np.clip(block * -float(info.min), info.min, info.max).astype(dtype)


def device(index: int, name: str, inputs: int, rate: float = 48_000.0) -> dict[str, Any]:
    """A row of `sounddevice.query_devices()`."""
    return {
        "index": index,
        "name": name,
        "hostapi": 0,
        "max_input_channels": inputs,
        "default_samplerate": rate,
    }


@pytest.fixture
def fake_portaudio(monkeypatch: pytest.MonkeyPatch) -> FakePortAudio:
    """`import sounddevice` gives the stand-in."""
    fake = FakePortAudio()
    monkeypatch.setitem(sys.modules, "sounddevice", fake)
    return fake


@pytest.fixture
def fake_model(monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    """`edge-ser stream` gets a `FakeEngine` and no detector, whatever the bundle."""
    from edge_ser.stream import run
    from edge_ser.stream.assemble import Model
    from edge_ser.stream.meaning.interpret import Interpreter
    from edge_ser.stream.meaning.track import SoundTrack
    from edge_ser.stream.options import ModelOptions

    engine = FakeEngine()

    def model(options: ModelOptions, *_: object) -> Model:
        window, hop = options.window or 5.0, options.hop or 0.5
        analyser: Analyser = window_analyser(window, hop, engine)
        return Model(analyser, engine.name, engine.version, engine.artefact, window, hop)

    class FakeBundle:
        def __enter__(self) -> Any:
            return SimpleNamespace(manifest=SimpleNamespace(name="wav2small"))

        def __exit__(self, *_: object) -> None: ...

    monkeypatch.setattr(run, "open_bundle", lambda *_: FakeBundle())
    monkeypatch.setattr(run, "shipped", Path)
    monkeypatch.setattr(run, "model_of", model)
    monkeypatch.setattr(run, "interpreter_of", lambda *_: Interpreter(SoundTrack(None)))
    return engine


class LoopbackSound:
    """A sound system whose microphone hears what is played into it; started by `plug_in`.

    Attributes:
        environment: for subprocesses that should use it.
    """

    def __init__(self, environment: dict[str, str]) -> None:
        self.environment = environment
        self._daemon: subprocess.Popen[bytes] | None = None

    def plug_in(self) -> None:
        """Start the sound system, or start it again; returns when it takes commands."""
        runtime = self.environment["XDG_RUNTIME_DIR"]
        # A server that was killed leaves its socket behind, which the next one would not replace.
        Path(runtime, "native").unlink(missing_ok=True)
        self._daemon = subprocess.Popen(
            [
                *("pulseaudio", "-n", "--daemonize=no", "--use-pid-file=no"),
                *("--exit-idle-time=-1", "--disable-shm=yes", "--realtime=no"),
                *("--high-priority=no", "--log-target=stderr"),
                *("-L", f"module-native-protocol-unix socket={runtime}/native auth-anonymous=1"),
                *("-L", "module-null-sink sink_name=loopback rate=48000 channels=2"),
            ],
            env=self.environment,
            stderr=subprocess.PIPE,
        )
        _wait_for_daemon(self._daemon, self.environment)

    def unplug(self) -> None:
        """The sound system dies, as when a device is pulled out."""
        if self._daemon is not None:
            self._daemon.kill()
            self._daemon.communicate(timeout=10)
            self._daemon = None

    def play(self, path: Path) -> subprocess.Popen[bytes]:
        """Start playing a file."""
        return subprocess.Popen(["paplay", str(path)], env=self.environment)


@pytest.fixture
def loopback_sound(tmp_path: Path) -> Iterator[LoopbackSound]:
    """A private PulseAudio: null sink, its monitor as default microphone, ALSA on top of it."""
    missing = [name for name in ("pulseaudio", "paplay", "pactl") if shutil.which(name) is None]
    if not any(Path("/usr/lib").glob(ALSA_PLUGIN)):
        missing.append("ALSA plugin for PulseAudio")
    if missing:
        pytest.skip(
            f"no {', '.join(missing)} for a loopback microphone: sudo apt install pulseaudio "
            "pulseaudio-utils libportaudio2 libasound2-plugins"
        )
    runtime = tmp_path / "runtime"
    runtime.mkdir(mode=0o700)
    (tmp_path / ".asoundrc").write_text(
        "pcm.!default { type pulse }\nctl.!default { type pulse }\n"
    )
    kept = {
        name: os.environ[name]
        for name in ("PATH", "PYTHONPATH", "LANG", "LC_ALL")
        if name in os.environ
    }
    environment = {
        **kept,
        "HOME": str(tmp_path),
        "XDG_RUNTIME_DIR": str(runtime),
        "PULSE_SERVER": f"unix:{runtime}/native",
    }
    sound = LoopbackSound(environment)
    try:
        sound.plug_in()
        yield sound
    finally:
        sound.unplug()


def _wait_for_daemon(daemon: subprocess.Popen[bytes], environment: dict[str, str]) -> None:
    """Until it takes commands; its own words if it never does."""
    command = ["pactl", "set-default-source", "loopback.monitor"]
    for _ in range(100):
        if subprocess.run(command, env=environment, capture_output=True).returncode == 0:
            return
        if daemon.poll() is not None:
            break
        time.sleep(0.1)
    daemon.terminate()
    words = daemon.communicate(timeout=10)[1].decode(errors="replace")
    pytest.fail(f"the private PulseAudio does not answer: {words[-1000:]}")
