"""Trying each installed runtime on a bundle, in a process of its own."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import edge_ser
from edge_ser.bundle import open_bundle
from edge_ser.doctor.finding import BOTH, Finding
from edge_ser.errors import EdgeSerError
from edge_ser.models import shipped
from edge_ser.runtime.availability import ENGINE_ORDER, EngineStatus, installed_version

_SECONDS = 120
_OTHER_CHIP = "the wheel needs instructions that this processor lacks; try another runtime"
_REPLACE = "reinstall it, or use another runtime"

Ask = Callable[[str, Path], subprocess.CompletedProcess[str]]


def model_finding(bundle_path: Path | None) -> Finding:
    """Is the bundle present and intact? None: the one that ships with the package."""
    name = "shipped bundle" if bundle_path is None else str(bundle_path)
    try:
        with open_bundle(bundle_path or shipped("bundle")) as bundle:
            manifest = bundle.manifest
    except EdgeSerError as error:
        hint = error.hint or "reinstall edge-ser"
        return Finding("model", name, "fault", str(error), hint, BOTH)
    return Finding("model", name, "ok", f"{manifest.name} for {manifest.target}", needed_for=BOTH)


def ask_child(engine: str, bundle: Path) -> subprocess.CompletedProcess[str]:
    """Run `probe` on one engine; a crash of the runtime ends the child only."""
    command = [sys.executable, "-m", "edge_ser.doctor.probe", engine, str(bundle.resolve())]
    package_parent = Path(edge_ser.__file__).resolve().parents[1]
    return subprocess.run(
        command, cwd=package_parent, capture_output=True, text=True, timeout=_SECONDS
    )


def runtime_findings(bundle: Path | None, ask: Ask = ask_child) -> list[Finding]:
    """Every engine: absent, broken, or seen to work on a bundle.

    Args:
        bundle: to try them with; None when there is none, and then nothing is known to work.
        ask: runs the probe.
    """
    return [_finding(name, bundle, ask) for name in ENGINE_ORDER]


def _finding(name: str, bundle: Path | None, ask: Ask) -> Finding:
    status = installed_version(name)
    if not status.version:
        return Finding("runtimes", name, "absent", "not installed", status.hint)
    if not status.available:
        return Finding("runtimes", name, "fault", status.reason, status.hint)
    if bundle is None:
        return Finding(
            "runtimes", name, "warning", f"{status.version}, not tried: there is no bundle"
        )
    try:
        done = ask(name, bundle)
    except (OSError, subprocess.TimeoutExpired) as error:
        detail = f"{status.version} could not be tried: {error}"
        return Finding("runtimes", name, "fault", detail, _REPLACE)
    return _judge(status, done)


def _judge(status: EngineStatus, done: subprocess.CompletedProcess[str]) -> Finding:
    if done.returncode < 0:
        name = signal.Signals(-done.returncode).name
        hint = _OTHER_CHIP if name == "SIGILL" else _REPLACE
        return Finding(
            "runtimes", status.name, "fault", f"{status.version} crashes with {name}", hint
        )
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        detail = f"{status.version} fails: {reason}"
        return Finding("runtimes", status.name, "fault", detail, _REPLACE)
    answer = json.loads(done.stdout.strip().splitlines()[-1])
    if not answer["finite"]:
        detail = f"{status.version} gives values that are not numbers"
        return Finding("runtimes", status.name, "fault", detail, "use another runtime")
    detail = (
        f"{status.version}, tried: {answer['artefact']} took {answer['milliseconds']:.0f} ms "
        f"for {answer['seconds_of_audio']:g} s of audio (first run)"
    )
    return Finding("runtimes", status.name, "ok", detail)
