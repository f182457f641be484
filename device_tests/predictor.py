"""A device as a predictor of clips: the bundle runs there, one clip after the other.

Emulated systems run a Python runtime of the bundle; boards, serial ports and real devices over
ssh run its C engine, with each clip's own level, as all engines do offline. The program starts
once and stays: a corpus is hundreds of clips.
"""

from __future__ import annotations

import select
import struct
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from device_tests import listener, tflm_host, wheels
from device_tests.boards import Board, find_board
from device_tests.c_checks import build_probe, options_for, plan_for
from device_tests.devices import DEVICES, find_device
from device_tests.emulator import own_environment, python_command
from device_tests.host_tools import require_host_tools
from device_tests.launch import run_command
from device_tests.probe import Probe, open_serial, start_probe
from device_tests.session import SERIAL, SSH, Settings
from device_tests.ssh_address import parse_address
from device_tests.ssh_connection import connect
from device_tests.ssh_device import remote_folder
from device_tests.ssh_machine import board_for, check_target, describe
from device_tests.ssh_probe import put_probe, remote_probe
from device_tests.sysroot import prepare
from edge_ser import SAMPLE_RATE
from edge_ser.bundle import Bundle, open_bundle
from edge_ser.errors import GateFailed, InputError
from edge_ser.runtime.c import to_pcm
from edge_ser.runtime.engine import check_audio
from firmware_export.c_engine import SourceOptions

Predict = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""(samples,) at 16 kHz -> (3,) A/D/V."""

_ANSWER_BYTES = 12
_FIRMWARE_SECONDS = 5.0
"""Window of the probe firmware, as `SourceOptions` has it."""
_LIMIT_SECONDS = 900.0


@contextmanager
def device_predictor(name: str, path: Path, settings: Settings) -> Iterator[Predict]:
    """What a device answers; it is let go with the context.

    Args:
        name: of a system or board, "ssh://..." or "serial:PORT", as `edge-ser device-test` takes.
        path: the bundle, folder or archive.
        settings: cache, engine of a system (the first given, else the system's first), ssh,
            serial port, front-end of the C engine.

    Raises:
        EnvironmentMissing: a program, package or the network is missing.
        InputError: no such device, or it cannot run this bundle.
        BundleRefused: damaged or unsafe.
        GateFailed: the device died, hangs or answers nonsense.
    """
    with open_bundle(path) as bundle, _device(name, path, bundle, settings) as predict:
        yield predict


def _device(
    name: str, path: Path, bundle: Bundle, settings: Settings
) -> AbstractContextManager[Predict]:
    if name == tflm_host.NAME:
        raise InputError(f"{name} runs the backbone alone, not clips", "take a board or a system")
    if name.startswith(SSH):
        return _over_ssh(name, bundle, settings)
    if name.startswith(SERIAL):
        return _serial(name.removeprefix(SERIAL), settings)
    if name in DEVICES or name.startswith("rpi"):
        return _system(name, path, bundle, settings)
    return _board(name, bundle, settings)


@contextmanager
def _board(name: str, bundle: Bundle, settings: Settings) -> Iterator[Predict]:
    board = find_board(name)
    options = _whole_clip(board, settings)
    program = build_probe(board, bundle, options, settings.cache, settings.say)
    command = run_command(program, settings.cache, say=settings.say)
    with start_probe(command, plan_for(board).limit_seconds) as probe:
        yield heard_by(probe)


@contextmanager
def _serial(port: str, settings: Settings) -> Iterator[Predict]:
    limit = plan_for(find_board(settings.board)).limit_seconds
    with open_serial(port, settings.baud, limit) as probe:
        probe.hello()
        yield heard_by(probe, _FIRMWARE_SECONDS)


@contextmanager
def _over_ssh(name: str, bundle: Bundle, settings: Settings) -> Iterator[Predict]:
    address = parse_address(name)
    with connect(address, settings.ssh) as connection:
        machine = describe(connection)
        check_target(address.host, machine, bundle.manifest.target)
        board_name = board_for(machine)
        if not board_name:
            raise InputError(
                f"the C engine is not built for {machine.machine} here",
                "take a device that it is built for: edge-ser device-test --list",
            )
        board = find_board(board_name)
        options = _whole_clip(board, settings)
        with remote_folder(connection, address.folder, settings.say) as folder:
            program = f"{folder}/probe"
            put_probe(
                *(connection, machine, board, bundle, options),
                *(program, settings.cache, settings.say),
            )
            with remote_probe(connection, program) as probe:
                yield heard_by(probe)


def _whole_clip(board: Board, settings: Settings) -> SourceOptions:
    return replace(options_for(board, settings.fixed_point), window_seconds=None)


def heard_by(probe: Probe, longest_seconds: float | None = None) -> Predict:
    """The C engine behind a probe as a predictor; the arithmetic of `runtime.c.CEngine.predict`.

    Args:
        probe: started.
        longest_seconds: window of an engine that has one; the predictor refuses longer clips,
            whose beginning would not count.
    """

    def predict(audio: NDArray[np.float32]) -> NDArray[np.float32]:
        clip = check_audio(audio).astype(np.float64)
        if longest_seconds is not None and len(clip) > longest_seconds * SAMPLE_RATE:
            raise InputError(
                f"a clip of {len(clip) / SAMPLE_RATE:.1f} s is longer than the firmware's window",
                f"evaluate with --seconds {longest_seconds:g}",
            )
        probe.reset()
        probe.set_level(float(clip.mean()), float(clip.var()))
        probe.push(to_pcm(audio))
        return np.array(probe.finish().values, np.float32)

    return predict


@contextmanager
def _system(name: str, path: Path, bundle: Bundle, settings: Settings) -> Iterator[Predict]:
    device = find_device(name)
    require_host_tools(device)
    target = bundle.manifest.target
    if target != device.target:
        raise InputError(
            f"the bundle is for {target}, and {name} runs {device.target}",
            f"export one for it: edge-ser export --target {device.target}",
        )
    engine = (settings.engines or device.engines)[0]
    if engine not in device.engines:
        raise InputError(f"{name} has no engine {engine!r}", f"it has: {', '.join(device.engines)}")
    sysroot = prepare(device, bundle, engine, settings.cache, settings.mirror, settings.say)
    with tempfile.TemporaryDirectory(prefix="edge-ser-") as scratch:
        wheels.unpack_edge_ser(bundle, Path(scratch))
        words: list[str | Path] = [Path(listener.__file__).resolve(), path.resolve(), engine]
        with listening(python_command(device, sysroot, words, [Path(scratch)])) as predict:
            yield predict


@contextmanager
def listening(command: list[str], limit_seconds: float = _LIMIT_SECONDS) -> Iterator[Predict]:
    """A process that runs `listener`, as a predictor.

    Args:
        command: words that start it.
        limit_seconds: for each clip, the first one's loading included.

    Raises:
        GateFailed: from the predictor: the process ended or hangs.
    """
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
            env=own_environment(), bufsize=0,
        )  # fmt: skip
        assert process.stdin is not None and process.stdout is not None
        stdin, stdout = process.stdin, process.stdout

        def predict(audio: NDArray[np.float32]) -> NDArray[np.float32]:
            clip = check_audio(audio)
            try:
                _write(stdin, struct.pack("<I", len(clip)) + clip.astype("<f4").tobytes())
                answer = _read(stdout, limit_seconds)
            except BrokenPipeError:
                answer = b""
            if len(answer) < _ANSWER_BYTES:
                raise GateFailed(f"the device's process ended{_last_words(errors)}")
            return np.frombuffer(answer, "<f4").astype(np.float32)

        try:
            yield predict
        finally:
            stdin.close()
            process.kill()
            process.wait()
            stdout.close()


def _write(stream: IO[bytes], content: bytes) -> None:
    left = memoryview(content)
    while left:
        left = left[stream.write(left) :]


def _read(stream: IO[bytes], limit_seconds: float) -> bytes:
    """One answer; shorter if the process ended."""
    answer = b""
    while len(answer) < _ANSWER_BYTES:
        if not select.select([stream], [], [], limit_seconds)[0]:
            raise GateFailed(f"the device did not answer a clip within {limit_seconds:g} s")
        piece = stream.read(_ANSWER_BYTES - len(answer))
        if not piece:
            break
        answer += piece
    return answer


def _last_words(errors: IO[bytes]) -> str:
    errors.seek(0)
    lines = errors.read().decode(errors="replace").strip().splitlines()[-3:]
    return ": " + " / ".join(lines) if lines else ""
