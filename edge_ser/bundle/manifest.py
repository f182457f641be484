"""The manifest of a bundle: the contract between exporter and device.

It says what each file is and what its bytes hash to; the runtime believes it before it
loads a model. Hashes detect damage, not an attacker who rewrites them too: authenticity is
the hash of the whole archive, obtained elsewhere. Nothing here reads a file.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath
from typing import Any, Literal

from edge_ser import DIMENSIONS, SAMPLE_RATE
from edge_ser.bundle.decode import decode, parse_json
from edge_ser.bundle.golden_key import GoldenKey
from edge_ser.errors import BundleRefused
from edge_ser.frontend.spec import FrontEndSpec

SCHEMA_VERSION = 1
MANIFEST_NAME = "manifest.json"
BACKBONE_TABLES = "backbone.json"
MAX_MANIFEST_BYTES = 4_000_000
MAX_BUNDLE_BYTES = 128_000_000
MAX_FILES = 1_000

_COMPONENT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,99}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_MAX_FFT, _MAX_MELS, _MAX_WINDOW_SECONDS = 4_096, 256, 60.0


@dataclass(frozen=True)
class FileEntry:
    """Hex SHA-256 and size in bytes of one file."""

    sha256: str
    bytes: int

    def __post_init__(self) -> None:
        _check_sha256(self.sha256)
        _check(0 <= self.bytes <= MAX_BUNDLE_BYTES, f"a file cannot have {self.bytes} bytes")


@dataclass(frozen=True)
class StudentInfo:
    """The network in the bundle.

    Attributes:
        name: of the student, e.g. "wav2small".
        parameters: with the front-end's weights.
        macs_per_5s: multiply-accumulates for 80,000 samples.
        time_stride: log-mel frames per backbone output frame.
        receptive_radius: log-mel frames on either side that reach one output frame; None where
            all do (squeeze-excite), and then no part of the bundle computes in blocks.
        checkpoint_sha256: of the weights it was exported from.
    """

    name: str
    parameters: int
    macs_per_5s: int
    time_stride: int
    receptive_radius: int | None
    checkpoint_sha256: str

    def __post_init__(self) -> None:
        _check_sha256(self.checkpoint_sha256)
        _check(
            self.parameters > 0 and self.macs_per_5s > 0 and self.time_stride > 0,
            "student figures must be positive",
        )
        _check((self.receptive_radius or 0) >= 0, "the receptive radius cannot be negative")


@dataclass(frozen=True)
class TensorInfo:
    """One input or output; a dimension is a size, or a name where it is free."""

    name: str
    shape: tuple[int | str, ...]
    dtype: Literal["float32", "int8"]

    def __post_init__(self) -> None:
        sizes = [size for size in self.shape if isinstance(size, int)]
        _check(all(size > 0 for size in sizes), f"tensor {self.name!r} has an empty dimension")


@dataclass(frozen=True)
class Quantisation:
    """real = scale * (stored - zero_point)."""

    scale: float
    zero_point: int

    def __post_init__(self) -> None:
        _check(self.scale > 0, "a quantisation scale must be positive")
        _check(-128 <= self.zero_point <= 255, "a zero point must fit eight bits")


@dataclass(frozen=True)
class ModelInfo:
    """What an artefact takes and gives.

    Attributes:
        inputs, outputs: in the order of the file.
        input_kind: "waveform" (16 kHz mono) or "log-mel".
        fixed_samples: the only clip length it takes, or None for any.
        quantisation: parameters of its quantised inputs and outputs, by tensor name.
    """

    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]
    input_kind: Literal["waveform", "log-mel"]
    fixed_samples: int | None
    quantisation: dict[str, Quantisation]

    def __post_init__(self) -> None:
        _check(bool(self.inputs and self.outputs), "a model needs inputs and outputs")
        longest = _MAX_WINDOW_SECONDS * SAMPLE_RATE
        _check(
            self.fixed_samples is None or 0 < self.fixed_samples <= longest,
            f"a model cannot take clips of {self.fixed_samples} samples",
        )


@dataclass(frozen=True)
class Golden:
    """Clips with the values that each engine must give for them.

    Attributes:
        clips: clip name -> path of a 16-bit mono WAV in the bundle.
        expected: key (see `GoldenKey`) -> every clip's name -> (arousal, dominance, valence).
        tolerance: key -> largest allowed absolute difference.
    """

    clips: dict[str, str]
    expected: dict[str, dict[str, tuple[float, float, float]]]
    tolerance: dict[str, float]

    def __post_init__(self) -> None:
        _check(
            set(self.expected) == set(self.tolerance),
            "golden values and tolerances name different engines",
        )
        for key, values in self.expected.items():
            unknown = sorted(set(values) - set(self.clips))
            _check(not unknown, f"golden values of {key!r} name unknown clips {unknown[:3]}")
            missing = sorted(set(self.clips) - set(values))
            _check(not missing, f"golden values of {key!r} lack the clips {missing[:3]}")
            _check(bool(values), f"golden values of {key!r} are of no clip at all")
        _check(
            all(0 <= tolerance <= 1 for tolerance in self.tolerance.values()),
            "golden tolerances must lie in 0..1",
        )


@dataclass(frozen=True)
class Teacher:
    """Whose labels the student learnt."""

    id: str
    licence: str
    weights_sha256: str

    def __post_init__(self) -> None:
        _check_sha256(self.weights_sha256)


@dataclass(frozen=True)
class DataSource:
    """A corpus that went into the weights."""

    name: str
    licence: str
    use: str
    url: str | None = None


@dataclass(frozen=True)
class CalibrationInfo:
    """Where the int8 ranges come from: number of clips, hash of the cache, how and which audio."""

    clips: int
    sha256: str
    method: str
    source: str

    def __post_init__(self) -> None:
        _check_sha256(self.sha256)
        _check(self.clips >= 0, "the number of calibration clips cannot be negative")


@dataclass(frozen=True)
class Figure:
    """A number with its provenance."""

    value: float
    unit: str
    kind: Literal["measured", "derived", "estimate"]
    how: str


@dataclass(frozen=True)
class CEngineInfo:
    """The C engine in a bundle's `c/`.

    Attributes:
        layout: of its weights, e.g. "plain" or "dsp".
        kernels: compiled into the library beside it; None where only sources are in the bundle.
        frontend: which one is compiled unless a build says otherwise.
        compiler, flags: of that library: optimisation and processor.
        window_seconds, block_seconds, first_seconds: a reading covers a window and comes with
            each block, first after that long.
        readings: golden clip -> (arousal, dominance, valence) when the clip has ended, from a
            fresh engine with its running level; the same bits on every machine.
    """

    layout: str
    kernels: str | None
    frontend: Literal["float", "fixed"]
    compiler: str | None
    flags: tuple[str, ...]
    window_seconds: float
    block_seconds: float
    first_seconds: float
    readings: dict[str, tuple[float, float, float]]

    def __post_init__(self) -> None:
        _check(
            0 < self.block_seconds <= self.window_seconds <= _MAX_WINDOW_SECONDS,
            f"the C engine needs 0 < block <= window <= {_MAX_WINDOW_SECONDS:g} s",
        )


@dataclass(frozen=True)
class Manifest:
    """Everything a device must know before it loads a model.

    Attributes:
        schema: `SCHEMA_VERSION`.
        name: of the student.
        target: of the export, e.g. "rpi".
        version: edge-ser's, of the exporter.
        sample_rate: Hz, 16,000.
        dimensions: ("arousal", "dominance", "valence").
        output_range: where outputs usually lie; they are not clipped to it.
        clipped: False.
        window_seconds, hop_seconds: defaults of a stream.
        frontend: the log-mel.
        student: the network.
        files: relative POSIX path -> hash and size, every file but the manifest.
        models: artefact file name -> its tensors.
        golden: input clips and expected outputs.
        teacher, training_data, attribution: provenance and licences.
        calibration: of the int8 ranges.
        drift: summary of the drift report; free-form.
        memory: figures, e.g. {"arena": ...}.
        tools: package -> version used by the exporter.
        c_engine: the C engine in `c/`, if the bundle has one.
    """

    schema: int
    name: str
    target: str
    version: str
    sample_rate: int
    dimensions: tuple[str, str, str]
    output_range: tuple[float, float]
    clipped: bool
    window_seconds: float
    hop_seconds: float
    frontend: FrontEndSpec
    student: StudentInfo
    files: dict[str, FileEntry]
    models: dict[str, ModelInfo]
    golden: Golden
    teacher: Teacher
    training_data: tuple[DataSource, ...]
    attribution: tuple[Any, ...]
    calibration: CalibrationInfo
    drift: dict[str, Any]
    memory: dict[str, Figure]
    tools: dict[str, str]
    c_engine: CEngineInfo | None = None

    def __post_init__(self) -> None:
        _check_schema(self.schema)
        _check(bool(_COMPONENT.fullmatch(self.name)), f"unusable student name {self.name!r:.80}")
        _check(bool(_COMPONENT.fullmatch(self.target)), f"unusable target {self.target!r:.80}")
        self._check_signal()
        self._check_frontend()
        check_paths(self.files)
        self._check_references()

    def _check_signal(self) -> None:
        _check(
            self.sample_rate == SAMPLE_RATE == self.frontend.sample_rate,
            f"the sample rate must be {SAMPLE_RATE} Hz",
        )
        _check(self.dimensions == DIMENSIONS, f"outputs must be {', '.join(DIMENSIONS)}")
        _check(not self.clipped, "outputs that are clipped are not supported")
        _check(self.output_range[0] < self.output_range[1], "the output range is empty")
        _check(
            0 < self.hop_seconds <= self.window_seconds <= _MAX_WINDOW_SECONDS,
            f"a stream needs 0 < hop <= window <= {_MAX_WINDOW_SECONDS:g} s",
        )

    def _check_frontend(self) -> None:
        spec = self.frontend
        _check(
            spec.n_fft <= _MAX_FFT and spec.n_mels <= _MAX_MELS,
            f"a front-end of {spec.n_fft} points and {spec.n_mels} bands is beyond this version",
        )

    def _check_references(self) -> None:
        listed = set(self.files)
        for needed in [*self.models, *self.golden.clips.values()]:
            _check(needed in listed, f"{needed!r:.80} is used but not listed under files")
        if self.c_engine is not None:
            unknown = sorted(set(self.c_engine.readings) - set(self.golden.clips))
            _check(not unknown, f"readings of the C engine name unknown clips {unknown[:3]}")
        for key in self.golden.expected:
            artefact = GoldenKey.parse(key).artefact
            _check(artefact in self.models, f"golden values for the unknown model {artefact!r:.80}")

    @classmethod
    def from_json(cls, text: str) -> Manifest:
        """Parse and validate.

        Raises:
            BundleRefused: not JSON, another schema version, or any field out of its range.
        """
        values = parse_json(text, MANIFEST_NAME)
        if not isinstance(values, dict):
            raise BundleRefused(f"{MANIFEST_NAME} is not a JSON object")
        # First, so that a later version is named as such, not as a list of odd keys.
        _check_schema(values.get("schema"))
        return decode(cls, values, MANIFEST_NAME)

    def to_json(self) -> str:
        """Sorted, indented JSON; equal manifests give equal text."""
        values = asdict(self)
        if self.c_engine is None:
            del values["c_engine"]  # readers older than the field refuse keys that they do not know
        text = json.dumps(values, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
        return text + "\n"


def check_paths(paths: dict[str, FileEntry]) -> None:
    """Plain relative POSIX paths, few and small enough, none the parent of another.

    Raises:
        BundleRefused: a path could leave the bundle, clash with another, or is the manifest's.
    """
    _check(len(paths) <= MAX_FILES, f"{len(paths)} files; at most {MAX_FILES} are supported")
    total = sum(entry.bytes for entry in paths.values())
    _check(total <= MAX_BUNDLE_BYTES, f"{total} bytes in all; at most {MAX_BUNDLE_BYTES}")
    for path in paths:
        plain = len(path) <= 200 and all(_COMPONENT.fullmatch(c) for c in path.split("/"))
        _check(plain, f"{path!r:.80} is not a plain relative path")
    folded = {path.lower() for path in paths} | {MANIFEST_NAME}
    _check(len(folded) == len(paths) + 1, "two files differ only in case, or one is the manifest")
    for path in folded:
        parents = {str(parent) for parent in PurePosixPath(path).parents}
        _check(not parents & folded, f"{path!r:.80} lies below a file")


def _check_schema(schema: Any) -> None:
    if type(schema) is int and schema > SCHEMA_VERSION:
        raise BundleRefused(
            f"the bundle has manifest schema {schema}, newer than this edge-ser reads",
            f"this version reads schema {SCHEMA_VERSION}: upgrade edge-ser, or export again",
        )
    _check(
        type(schema) is int and schema == SCHEMA_VERSION,
        f"{MANIFEST_NAME} has schema {schema!r:.80}; this version reads {SCHEMA_VERSION}",
    )


def _check_sha256(value: str) -> None:
    _check(bool(_SHA256.fullmatch(value)), f"{value!r:.80} is not a hex SHA-256")


def _check(holds: bool, message: str) -> None:
    if not holds:
        raise BundleRefused(message, "copy the bundle again, or export it again")
