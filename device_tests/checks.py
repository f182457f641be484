"""What is checked on a device: `verify` and `stream --file`, against the workstation's values.

The arithmetic of neither lives here: the device runs edge-ser itself, with the runtime's real
wheel, and the golden values and the reference stream come from this machine.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from device_tests import wheels
from device_tests.devices import Device
from device_tests.emulator import Output, qemu_version, run_python
from device_tests.host_tools import require_host_tools
from device_tests.sysroot import Sysroot, prepare
from edge_ser import DIMENSIONS
from edge_ser.bundle import Bundle, open_bundle
from edge_ser.bundle.golden import read_clip
from edge_ser.errors import GateFailed, InputError
from edge_ser.runtime.selection import default_artefact
from edge_ser.runtime.verification import HELD_TO, tolerance

REPORT_SCHEMA = 1


@dataclass(frozen=True)
class Check:
    """One comparison.

    Attributes:
        engine, version, artefact: what ran on the device.
        kind: "golden" (the bundle's clips) or "stream" (every reading of a file).
        cases: clips or readings compared.
        largest: largest absolute difference over cases and dimensions; None if not a number.
        tolerance: what is allowed, from the manifest.
        passed: whether every difference is within the tolerance.
    """

    engine: str
    version: str
    artefact: str
    kind: str
    cases: int
    largest: float | None
    tolerance: float
    passed: bool


@dataclass(frozen=True)
class DeviceReport:
    """Everything that was found on one device.

    Attributes:
        device: the table's entry.
        qemu: version of the emulator.
        bundle: name, target and SHA-256.
        checks: in the order they ran.
    """

    device: Device
    qemu: str
    bundle: dict[str, str]
    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """At least one check ran, and all passed."""
        return bool(self.checks) and all(check.passed for check in self.checks)

    def to_json(self) -> str:
        """For `--report`."""
        values: dict[str, Any] = {
            "schema": REPORT_SCHEMA,
            **asdict(self),
            "passed": self.passed,
            "note": "emulated: values are proven, durations mean nothing",
        }
        return json.dumps(values, indent=1, sort_keys=True) + "\n"


def run_bundle(
    device: Device,
    path: Path,
    engines: tuple[str, ...],
    cache: Path,
    mirror: str | None = None,
    audio: Path | None = None,
    say: Callable[[str], None] = print,
) -> DeviceReport:
    """Run a bundle on an emulated device.

    Args:
        device: which.
        path: the bundle, folder or archive.
        engines: runtimes to try, each in packages of its own.
        cache: folder for systems and packages.
        mirror: address of a Debian archive; None takes the one this system's apt uses.
        audio: file to stream; by default the longest golden clip.
        say: told what goes on.

    Raises:
        EnvironmentMissing: a program or the network is missing.
        InputError: the bundle is for another target, or an engine does not exist there.
        BundleRefused: damaged or unsafe.
        GateFailed: the device's process crashed, hung or gave no values.
    """
    require_host_tools(device)
    _check_engines(device, engines)
    checks: list[Check] = []
    with open_bundle(path) as bundle, tempfile.TemporaryDirectory(prefix="edge-ser-") as scratch:
        manifest = bundle.manifest
        if manifest.target != device.target:
            raise InputError(
                f"the bundle is for {manifest.target}, and {device.name} runs {device.target}",
                f"export one for it: edge-ser export --target {device.target}",
            )
        wheels.unpack_edge_ser(bundle, Path(scratch))
        sound = audio or _longest_golden_clip(bundle)
        # All downloads come first: a missing wheel must not cost the runs before it.
        sysroots = {name: prepare(device, bundle, name, cache, mirror, say) for name in engines}
        for engine, sysroot in sysroots.items():
            runner = _Runner(device, sysroot, Path(scratch), path.resolve(), engine, say)
            checks += runner.golden()
            checks.append(runner.stream(sound.resolve(), bundle))
        identity = {"name": manifest.name, "target": manifest.target, "sha256": bundle.sha256}
    return DeviceReport(device, qemu_version(device), identity, tuple(checks))


def _check_engines(device: Device, engines: tuple[str, ...]) -> None:
    unknown = [engine for engine in engines if engine not in device.engines]
    if unknown:
        raise InputError(
            f"{device.name} has no engine {unknown[0]!r}",
            f"it has: {', '.join(device.engines)}",
        )


def _longest_golden_clip(bundle: Bundle) -> Path:
    clips = bundle.manifest.golden.clips
    if not clips:
        raise InputError("the bundle has no golden clip to stream", "name a file with --file")
    longest = max(sorted(clips), key=lambda name: len(read_clip(bundle, name)))
    return bundle.path(clips[longest])


@dataclass(frozen=True)
class _Runner:
    """One runtime on one device: the two things that are done with it."""

    device: Device
    sysroot: Sysroot
    edge_ser: Path
    bundle: Path
    engine: str
    say: Callable[[str], None]

    def golden(self) -> list[Check]:
        """`edge-ser verify` on the device."""
        self.say(f"{self.device.name}: verify with {self.engine}")
        output = self._edge_ser("verify", self.bundle, "--engine", self.engine, "--json")
        report = _parse(output, output.stdout)
        if "checks" not in report:
            raise GateFailed(f"the device refused the bundle: {report.get('error')}")
        return [golden_check(entry) for entry in report["checks"]]

    def stream(self, audio: Path, bundle: Bundle) -> Check:
        """`edge-ser stream --file` on the device and here, reading by reading."""
        self.say(f"{self.device.name}: stream {audio.name} with {self.engine}")
        # Without a detector, so that every window has values to compare.
        options = ["--json", "--vad", "off", "--bundle", str(self.bundle), "--file", str(audio)]
        output = self._edge_ser("stream", *options, "--engine", self.engine)
        there = _readings(output)
        here = _host_readings(options, HELD_TO.get(self.engine, self.engine))
        allowed = tolerance(bundle, self.engine, default_artefact(self.engine))
        return compare_readings(there, here, allowed)

    def _edge_ser(self, *words: str | Path) -> Output:
        return run_python(
            self.device, self.sysroot, ["-m", "edge_ser", *words], paths=[self.edge_ser]
        )


def golden_check(entry: dict[str, Any]) -> Check:
    """One entry of what `edge-ser verify --json` prints."""
    return Check(
        engine=entry["engine"],
        version=entry["version"],
        artefact=entry["artefact"],
        kind="golden",
        cases=entry["clips"],
        largest=entry["largest"],
        tolerance=entry["tolerance"],
        passed=entry["passed"],
    )


def compare_readings(
    there: list[dict[str, Any]], here: list[dict[str, Any]], allowed: float
) -> Check:
    """Readings of the device against those of this machine for the same file.

    Raises:
        GateFailed: not the same windows.
    """
    windows = [[(r["start_sample"], r["end_sample"]) for r in side] for side in (there, here)]
    if windows[0] != windows[1] or not there:
        raise GateFailed(
            f"the device analysed {len(there)} windows, this machine {len(here)}, "
            "and they must be the same ones",
            "is the edge-ser in the bundle's run folder of the same version as this one?",
        )
    pairs = zip(there, here, strict=True)
    differences = [abs(a[name] - b[name]) for a, b in pairs for name in DIMENSIONS]
    largest = max(differences)
    return Check(
        engine=there[0]["engine"],
        version=there[0]["engine_version"],
        artefact=there[0]["artefact"],
        kind="stream",
        cases=len(there),
        largest=largest,
        tolerance=allowed,
        passed=all(difference <= allowed for difference in differences),
    )


def _host_readings(options: list[str], engine: str) -> list[dict[str, Any]]:
    command = [sys.executable, "-m", "edge_ser", "stream", *options, "--engine", engine]
    done = subprocess.run(command, capture_output=True, text=True)
    return _readings(Output(done.returncode, done.stdout, done.stderr), "this machine")


def _readings(output: Output, where: str = "the device") -> list[dict[str, Any]]:
    if output.code != 0:
        raise GateFailed(f"stream failed on {where} with code {output.code}: {_last_words(output)}")
    return [_parse(output, line) for line in output.stdout.splitlines()]


def _parse(output: Output, text: str) -> dict[str, Any]:
    try:
        values: dict[str, Any] = json.loads(text)
    except ValueError as error:
        raise GateFailed(
            f"the device printed no JSON (code {output.code}): {_last_words(output)}"
        ) from error
    return values


def _last_words(output: Output) -> str:
    lines = output.stderr.strip().splitlines() or output.stdout.strip().splitlines()
    return " / ".join(lines[-3:]) or "it printed nothing"
