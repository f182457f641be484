"""Bundles on a device over ssh: addresses, every way a connection fails, and whole tests against a
real sshd on loopback. What stands for the device is this machine with another PATH.
"""

from __future__ import annotations

import dataclasses
import json
import os
import shlex
import shutil
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bundle_fixtures import change_manifest
from ssh_server import SSHD, Server, start_server

from device_tests import c_checks, ssh_probe
from device_tests.cached import default_cache
from device_tests.probe import start_probe
from device_tests.ssh_address import SshAddress, parse_address
from device_tests.ssh_connection import SshOptions, connect
from device_tests.ssh_device import SshSettings, run_over_ssh
from device_tests.ssh_live import PROGRAM
from device_tests.ssh_machine import RemoteMachine, board_for, check_target, describe, flags_for
from device_tests.ssh_report import latency_lines, machine_line
from edge_ser import __version__
from edge_ser.bundle import open_bundle
from edge_ser.errors import (
    BundleRefused,
    EdgeSerError,
    EnvironmentMissing,
    GateFailed,
    InputError,
)
from firmware_export.c_handoff import write_c
from firmware_export.run_files import ReadmeValues, write_run_files
from firmware_export.targets import find_target
from firmware_export.wheel import write_wheel

needs_sshd = pytest.mark.skipif(
    SSHD is None or shutil.which("ssh") is None,
    reason="ssh needs: sudo apt-get install openssh-server openssh-client",
)

FEW = c_checks.Plan(vectors=9, longest=0.02, clips=1, clip_seconds=0.5)
"""As the full plan, in a second."""


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A device with the system's programs and no edge-ser."""
    with start_server(tmp_path_factory.mktemp("device") / "ssh") as running:
        yield running


@pytest.fixture
def device(tmp_path: Path) -> Iterator[Server]:
    """The same, for one test that changes it."""
    with start_server(tmp_path / "ssh") as running:
        yield running


@pytest.fixture
def bare_device(tmp_path: Path) -> Iterator[Server]:
    """A device without Python and without a compiler."""
    with start_server(tmp_path / "ssh", bare=True) as running:
        yield running


@pytest.fixture
def linux_bundle(bundle_copy: Path) -> Path:
    """The real bundle as if exported for this machine."""
    change_manifest(bundle_copy, lambda manifest: manifest.update(target="linux-x86_64"))
    return bundle_copy


def settings(server: Server, **more: Any) -> SshSettings:
    return SshSettings(default_cache(), server.options, rounds=1, say=lambda line: None, **more)


def real_edge_ser(server: Server, repository: Path) -> None:
    """This very edge-ser, as a command of the device."""
    server.provide("edge-ser", f'PYTHONPATH={repository} exec {sys.executable} -m edge_ser "$@"')


def stand_in(server: Server, answer: dict[str, Any], code: int = 0) -> None:
    """An edge-ser of this version that answers the same to every `verify`, and cannot `bench`."""
    (server.home / "answer.json").write_text(json.dumps(answer))
    server.provide(
        "edge-ser",
        f"""case $1 in
  --version) echo "edge-ser {__version__}" ;;
  verify) cat {server.home}/answer.json; exit {code} ;;
  *) echo "no model runs" >&2; exit 1 ;;
esac""",
    )


def golden(passed: bool = True) -> dict[str, Any]:
    check = {
        "engine": "litert",
        "version": "2.3.0",
        "artefact": "backbone.int8.tflite",
        "clips": 6,
        "largest": 0.5,
        "tolerance": 0.005,
        "passed": passed,
    }
    return {"checks": [check], "skipped": {"onnxruntime": "it is not installed"}}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ssh://pi", SshAddress("pi")),
        ("ssh://pi@raspberrypi.local", SshAddress("raspberrypi.local", "pi")),
        ("ssh://pi@10.0.0.7:2222/var/tmp/", SshAddress("10.0.0.7", "pi", 2222, "/var/tmp")),
        ("ssh://pi@[fe80::1%25eth0]:22", SshAddress("fe80::1%25eth0", "pi", 22)),
        ("ssh://MyPi/a%20folder", SshAddress("MyPi", folder="/a folder")),
    ],
)
def test_addresses(text: str, expected: SshAddress) -> None:
    assert parse_address(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "ssh://",
        "pi@raspberrypi",
        "http://pi",
        "ssh://-oProxyCommand=x",
        "ssh://-l@pi",
        "ssh://@pi",
        "ssh://pi:many",
        "ssh://pi:99999",
        "ssh://pi?x=1",
        "ssh://pi/a%0Afolder",
        "ssh://a b",
    ],
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_address(text)
    assert "ssh://user@host" in caught.value.hint


def test_a_password_is_refused_and_not_repeated() -> None:
    with pytest.raises(InputError, match="must not hold a password") as caught:
        parse_address("ssh://pi:raspberry@pi.local")
    assert "raspberry" not in f"{caught.value} {caught.value.hint}"
    assert "ssh-copy-id" in caught.value.hint


def test_addresses_are_written_as_they_are_read() -> None:
    for text in ("ssh://pi@pi.local:2222/var/tmp", "ssh://MyPi", "ssh://pi@[fe80::1]:22"):
        assert str(parse_address(text)) == text


def fails_to_connect(address: SshAddress, options: SshOptions) -> EdgeSerError:
    with pytest.raises(EdgeSerError) as caught, connect(address, options):
        pass
    return caught.value


@needs_sshd
def test_nobody_listens(server: Server) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        error = fails_to_connect(
            SshAddress("127.0.0.1", port=unused.getsockname()[1]), server.options
        )
    assert isinstance(error, InputError)
    assert "no ssh server answers" in str(error) and "raspi-config" in error.hint


@needs_sshd
def test_no_such_host(server: Server) -> None:
    error = fails_to_connect(SshAddress("nowhere.invalid"), server.options)
    assert "there is no host called nowhere.invalid" in str(error)


@needs_sshd
def test_a_server_that_says_nothing(server: Server) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = SshAddress("127.0.0.1", port=silent.getsockname()[1])
        options = SshOptions(config=Path("none"), connect_seconds=1)
        error = fails_to_connect(address, options)
    assert "127.0.0.1 cannot be reached" in str(error)


@needs_sshd
def test_a_key_that_is_not_let_in(server: Server) -> None:
    options = SshOptions(server.folder / "stranger", server.options.known_hosts, Path("none"))
    error = fails_to_connect(server.address(), options)
    assert "does not let this user in" in str(error) and "ssh-copy-id" in error.hint


@needs_sshd
@pytest.mark.parametrize(
    ("known", "message", "hint"),
    [
        ("no_hosts", "the key of 127.0.0.1 is not known here", "compare the fingerprint"),
        ("changed_hosts", "127.0.0.1 has another key than before", "ssh-keygen -R"),
    ],
)
def test_host_keys(server: Server, known: str, message: str, hint: str) -> None:
    options = SshOptions(server.folder / "id", server.folder / known, Path("none"))
    error = fails_to_connect(server.address(), options)
    assert message in str(error) and hint in error.hint


def test_a_key_file_that_is_not_there(tmp_path: Path) -> None:
    error = fails_to_connect(SshAddress("pi"), SshOptions(identity=tmp_path / "absent"))
    assert isinstance(error, InputError) and "absent" in str(error)


def test_without_ssh_its_package_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    error = fails_to_connect(SshAddress("pi"), SshOptions())
    assert isinstance(error, EnvironmentMissing) and "openssh-client" in error.hint


@needs_sshd
def test_commands_their_arguments_and_a_talkative_login(device: Server, tmp_path: Path) -> None:
    (device.home / ".bashrc").write_text("echo welcome to this device\n")
    odd = "a 'quoted' $(word); \"and\" more\\"
    payload = bytes(range(256)) * 999
    (tmp_path / "payload").write_bytes(payload)
    with connect(device.address(), device.options) as connection:
        printed = connection.succeed('printf "%s|" "$@"', odd, "", doing="a test")
        connection.send(tmp_path / "payload", f"{device.temporary}/there", "copying")
    assert printed == f"{odd}||"
    assert (device.temporary / "there").read_bytes() == payload


@needs_sshd
def test_a_full_disk_is_named(server: Server, tmp_path: Path) -> None:
    (tmp_path / "payload").write_bytes(b"x" * 100)
    full = pytest.raises(EnvironmentMissing, match="no space left for copying")
    with connect(server.address(), server.options) as connection, full as caught:
        connection.send(tmp_path / "payload", "/dev/full", "copying")
    assert "ssh://user@host/folder" in caught.value.hint


@needs_sshd
def test_a_command_that_does_not_end(server: Server) -> None:
    late = pytest.raises(GateFailed, match=r"waiting on 127\.0\.0\.1 was not done within 0\.5 s")
    with connect(server.address(), server.options) as connection, late:
        connection.run("exec sleep 5", doing="waiting", limit_seconds=0.5)


@needs_sshd
def test_an_account_that_runs_no_commands(device: Server) -> None:
    (device.home / ".bashrc").write_text("echo This account is not available; exit 1\n")
    refused = pytest.raises(InputError, match="runs no commands")
    with connect(device.address(), device.options) as connection, refused as caught:
        connection.run("true", doing="a test")
    assert "not available" in str(caught.value)


@needs_sshd
def test_what_the_machine_is(server: Server) -> None:
    with connect(server.address(), server.options) as connection:
        machine = describe(connection)
    assert machine.system.startswith("Linux ") and machine.cores >= 1
    assert machine.memory_bytes > 100_000_000
    assert machine.machine in machine_line(machine)


def pi(machine: str, *features: str) -> RemoteMachine:
    return RemoteMachine(
        "Raspberry Pi", f"Linux 6.6 {machine}", machine, features, 4, 10**9, 0.0, "3.11.2", ""
    )


@pytest.mark.parametrize(
    ("machine", "board"),
    [
        (pi("aarch64", "asimd"), "cortex-a53"),
        (pi("aarch64", "asimd", "asimddp"), "cortex-a76"),
        (pi("armv7l", "neon", "vfpv4"), "armv7"),
        (pi("armv7l", "vfpv3"), "armv6"),
        (pi("armv6l"), "armv6"),
        (pi("x86_64"), "host"),
        (pi("riscv64"), ""),
    ],
)
def test_the_build_that_suits_a_machine(machine: RemoteMachine, board: str) -> None:
    assert board_for(machine) == board


V2 = ("cx16", "lahf_lm", "popcnt", "sse4_1", "sse4_2", "ssse3")
V3 = ("abm", "avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "movbe", "xsave")


@pytest.mark.parametrize(
    ("machine", "flags"),
    [
        (pi("x86_64"), ()),
        (pi("x86_64", *V2), ("-march=x86-64-v2",)),
        (pi("x86_64", *V2, *V3), ("-march=x86-64-v3",)),
        (pi("aarch64", "asimd"), ()),
    ],
)
def test_what_a_processor_has_is_used(machine: RemoteMachine, flags: tuple[str, ...]) -> None:
    assert flags_for(machine) == flags


@pytest.mark.parametrize(
    ("machine", "target"),
    [("aarch64", "rpi"), ("armv7l", "rpi-armv7"), ("armv7l", "rpi-zero"), ("armv6l", "rpi-zero")],
)
def test_machines_and_their_targets(machine: str, target: str) -> None:
    check_target("pi", pi(machine), target)


@pytest.mark.parametrize(
    ("machine", "target", "message", "hint"),
    [
        ("armv7l", "rpi", r"for rpi \(aarch64\), and pi is armv7l", "--target rpi-armv7"),
        ("armv6l", "rpi-armv7", "pi is armv6l", "--target rpi-zero"),
        ("x86_64", "cortex-m4", "for cortex-m4, and pi is x86_64", "--target linux-x86_64"),
        ("riscv64", "rpi", "pi is riscv64", "no target is of that kind"),
    ],
)
def test_a_bundle_for_another_machine(machine: str, target: str, message: str, hint: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        check_target("pi", pi(machine), target)
    assert hint in caught.value.hint


@needs_sshd
def test_a_32_bit_system_under_a_64_bit_kernel(device: Server) -> None:
    device.provide("uname", "case $1 in -s) echo Linux ;; -m) echo aarch64 ;; *) echo 6.6 ;; esac")
    device.provide("getconf", "echo 32")
    with connect(device.address(), device.options) as connection:
        assert describe(connection).machine == "armv7l"


@needs_sshd
def test_another_system_than_linux(device: Server) -> None:
    device.provide("uname", "echo Darwin")
    refused = pytest.raises(InputError, match="runs Darwin")
    with connect(device.address(), device.options) as connection, refused:
        describe(connection)


@needs_sshd
def test_golden_clips_on_the_devices_own_edge_ser(device: Server, linux_bundle: Path) -> None:
    stand_in(device, golden())
    report = run_over_ssh(device.address(), linux_bundle, settings(device, c_engine=False))
    assert report.passed and report.board is None
    (check,) = report.checks
    assert (check.engine, check.cases, check.largest) == ("litert", 6, 0.5)
    assert report.edge_ser == f"{__version__}, found there"
    assert report.skipped["onnxruntime"] == "it is not installed"
    assert "no model runs" in report.skipped["latency"]
    assert device.leftovers == []


@needs_sshd
def test_wrong_values_on_the_device_are_a_failure(device: Server, linux_bundle: Path) -> None:
    stand_in(device, golden(passed=False), code=1)
    report = run_over_ssh(device.address(), linux_bundle, settings(device, c_engine=False))
    assert not report.passed and report.to_dict()["passed"] is False


@needs_sshd
@pytest.mark.parametrize(
    ("code", "kind"),
    [(2, InputError), (3, EnvironmentMissing), (4, BundleRefused), (9, GateFailed)],
)
def test_a_refusal_of_the_devices_edge_ser(
    device: Server, linux_bundle: Path, code: int, kind: type[EdgeSerError]
) -> None:
    stand_in(device, {"verified": False, "error": "it is not right", "hint": "mend it"}, code)
    with pytest.raises(kind, match=r"127\.0\.0\.1: it is not right") as caught:
        run_over_ssh(device.address(), linux_bundle, settings(device, c_engine=False))
    assert caught.value.hint == "mend it"
    assert device.leftovers == []


@needs_sshd
def test_a_crash_of_the_devices_edge_ser(device: Server, linux_bundle: Path) -> None:
    stand_in(device, golden())
    (device.home / "answer.json").write_text("Traceback")
    with pytest.raises(GateFailed, match="edge-ser verify gave no result"):
        run_over_ssh(device.address(), linux_bundle, settings(device, c_engine=False))


@needs_sshd
def test_a_connection_that_breaks_off(device: Server, linux_bundle: Path) -> None:
    """The server's process of this connection ends; the folder is removed over another one."""
    device.provide(
        "edge-ser",
        f"[ $1 = --version ] && echo edge-ser {__version__} || exec kill -9 $PPID",
    )
    with pytest.raises(GateFailed, match="edge-ser verify broke off"):
        run_over_ssh(device.address(), linux_bundle, settings(device))
    assert device.leftovers == []


@needs_sshd
def test_a_connection_that_is_gone_does_not_come_back(device: Server) -> None:
    with connect(device.address(), device.options) as connection:
        (device.folder / "authorized_keys").unlink()
        with pytest.raises(GateFailed, match="the end broke off"):
            connection.run("kill -9 $PPID; sleep 5", doing="the end")
        with pytest.raises(GateFailed, match=r"a test broke off .*Permission denied"):
            connection.run("true", doing="a test")


@needs_sshd
def test_the_folder_of_the_address_is_used_and_left_empty(
    device: Server, linux_bundle: Path
) -> None:
    folder = device.home / "another disk"
    folder.mkdir()
    script = f'[ $1 = --version ] && echo edge-ser {__version__} || ls "{folder}"'
    device.provide("edge-ser", script)
    with pytest.raises(GateFailed, match=r"edge-ser verify gave no result .*: edge-ser-\w{8}$"):
        run_over_ssh(device.address(str(folder)), linux_bundle, settings(device))
    assert not any(folder.iterdir())


@needs_sshd
def test_a_folder_that_is_not_there(device: Server, linux_bundle: Path) -> None:
    with pytest.raises(InputError, match="No such file or directory") as caught:
        run_over_ssh(device.address("/no/such/folder"), linux_bundle, settings(device))
    assert "name another folder" in caught.value.hint


@needs_sshd
def test_a_bundle_for_another_machine_is_refused_before_it_is_copied(
    device: Server, bundle_copy: Path
) -> None:
    change_manifest(bundle_copy, lambda manifest: manifest.update(target="rpi-zero"))
    with pytest.raises(InputError, match="the bundle is for rpi-zero"):
        run_over_ssh(device.address(), bundle_copy, settings(device))
    assert device.leftovers == []


def add_installer(bundle: Path, script: str) -> None:
    """Give a bundle an installer of its own."""
    (bundle / "run").mkdir()
    (bundle / "run" / "install.sh").write_text(script)
    change_manifest(bundle, lambda manifest: manifest["files"].update({"run/install.sh": {}}))


@needs_sshd
def test_installing_from_the_bundle(device: Server, linux_bundle: Path) -> None:
    """The installer gets a prefix and a home inside the test's folder, and may fail to verify."""
    stand_in(device, golden())
    (device.path / "edge-ser").rename(device.path / "hidden")
    installer = f"""set -e
[ "$1" = --prefix ]
mkdir -p "$2/venv/bin" "$HOME/.local/bin"
case $HOME in {device.temporary}/edge-ser-*/home) ;; *) echo "home is $HOME" >&2; exit 9 ;; esac
[ "$PIP_CACHE_DIR" = {device.home}/.cache/pip ]
cp {device.path}/hidden "$2/venv/bin/edge-ser"
exit 1
"""
    add_installer(linux_bundle, installer)
    report = run_over_ssh(device.address(), linux_bundle, settings(device, c_engine=False))
    assert report.passed and report.edge_ser == f"{__version__}, installed from the bundle"
    assert device.leftovers == []
    assert not (device.home / ".local").exists()


@needs_sshd
@pytest.mark.parametrize(
    ("script", "kind", "message"),
    [
        (
            "printf 'install.sh: too old.\\ninstall.sh: upgrade\\n' >&2; exit 3",
            EnvironmentMissing,
            "too old",
        ),
        ("echo 'install.sh: damaged' >&2; exit 4", BundleRefused, "damaged"),
        ("echo 'no network' >&2; exit 1", GateFailed, "no network"),
        ("echo 'No space left on device' >&2; exit 1", EnvironmentMissing, "no space left"),
    ],
)
def test_an_installer_that_gives_up(
    device: Server, linux_bundle: Path, script: str, kind: type[EdgeSerError], message: str
) -> None:
    add_installer(linux_bundle, script)
    with pytest.raises(kind, match=message):
        run_over_ssh(device.address(), linux_bundle, settings(device))
    assert device.leftovers == []


@needs_sshd
def test_an_edge_ser_of_another_version_is_not_used(device: Server, linux_bundle: Path) -> None:
    device.provide("edge-ser", "echo edge-ser 0.0.1")
    with pytest.raises(EnvironmentMissing, match=r"only edge-ser 0\.0\.1") as caught:
        run_over_ssh(device.address(), linux_bundle, settings(device, engines=("litert",)))
    assert "--without-run" in caught.value.hint


@needs_sshd
def test_a_device_without_python(bare_device: Server, linux_bundle: Path) -> None:
    with pytest.raises(EnvironmentMissing, match="no python3 to install one") as caught:
        run_over_ssh(
            bare_device.address(), linux_bundle, settings(bare_device, engines=("litert",))
        )
    assert "apt-get install python3" in caught.value.hint


@needs_sshd
def test_where_nothing_runs_every_reason_is_said(bare_device: Server, linux_bundle: Path) -> None:
    with pytest.raises(EnvironmentMissing, match="nothing of this bundle can run") as caught:
        run_over_ssh(bare_device.address(), linux_bundle, settings(bare_device, c_engine=False))
    assert "no python3" in str(caught.value) and "edge-ser-live" in str(caught.value)


@needs_sshd
def test_the_c_engine_without_anything_there(
    bare_device: Server, linux_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No Python, no compiler: the probe brings everything along."""
    monkeypatch.setattr(ssh_probe, "FULL", FEW)
    report = run_over_ssh(bare_device.address(), linux_bundle, settings(bare_device))
    assert report.passed and report.checks == () and report.edge_ser == ""
    assert "no python3" in report.skipped["Python runtimes"]
    board = report.board
    assert board is not None and (board.vectors, board.clips) == (9, 1)
    assert board.failures == () and board.board == "host"
    assert board.speed is not None and board.speed > 0
    assert board.instructions is None
    (row,) = report.rows
    assert row.device == f"{report.name}-c" and row.exact and row.emulator == ""
    assert bare_device.leftovers == []


@needs_sshd
@pytest.mark.slow
def test_the_c_engine_is_compiled_there_where_it_cannot_be_here(
    device: Server, linux_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_compiler(*_: object) -> None:
        raise EnvironmentMissing("no compiler for it here", "install one")

    monkeypatch.setattr(ssh_probe, "FULL", FEW)
    monkeypatch.setattr(ssh_probe, "build_probe", no_compiler)
    (device.home / ".bashrc").write_text("echo welcome\n")
    report = run_over_ssh(device.address(), linux_bundle, settings(device))
    assert report.board is not None and report.board.passed
    assert report.board.compiler.endswith("(there)")


@needs_sshd
@pytest.mark.slow
def test_a_folder_without_execution(
    device: Server, linux_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ssh_probe, "FULL", FEW)
    device.provide("chmod", "true")
    with pytest.raises(EnvironmentMissing, match="does not execute programs in that folder"):
        run_over_ssh(device.address(), linux_bundle, settings(device))


@needs_sshd
@pytest.mark.slow
def test_a_probe_with_other_arithmetic_is_a_failure(
    device: Server, linux_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def expect_something_else(*words: Any) -> c_checks.Task:
        task = c_checks.make_task(*words)
        reading = dataclasses.replace(task.short[0].reading, outputs_crc=1)
        first = dataclasses.replace(task.short[0], reading=reading)
        return dataclasses.replace(task, short=[first, *task.short[1:]])

    monkeypatch.setattr(ssh_probe, "FULL", FEW)
    monkeypatch.setattr(ssh_probe, "make_task", expect_something_else)
    report = run_over_ssh(device.address(), linux_bundle, settings(device))
    assert report.board is not None and len(report.board.failures) == 1
    assert not report.passed


def with_program(bundle: Path) -> None:
    """Give a bundle the C engine's folder, its program and what that must answer."""
    target = find_target("linux-x86_64")
    with open_bundle(bundle) as opened:
        made = write_c(opened, bundle, target, with_binaries=True)
    values = dataclasses.asdict(made.info)
    change_manifest(
        bundle,
        lambda manifest: manifest.update(c_engine=values, files={**manifest["files"], PROGRAM: {}}),
    )


@needs_sshd
@pytest.mark.slow
def test_the_program_in_the_bundle(bare_device: Server, linux_bundle: Path) -> None:
    with_program(linux_bundle)
    wanted = settings(bare_device, c_engine=False)
    report = run_over_ssh(bare_device.address(), linux_bundle, wanted)
    (check,) = report.checks
    assert check.passed and check.largest == 0.0 and check.artefact == PROGRAM
    assert check.cases >= 3 and check.version == __version__

    def spoil(manifest: dict[str, Any]) -> None:
        readings = manifest["c_engine"]["readings"]
        name = sorted(readings)[0]
        readings[name][0] = float(np.nextafter(np.float32(readings[name][0]), np.float32(2)))

    change_manifest(linux_bundle, spoil)
    report = run_over_ssh(bare_device.address(), linux_bundle, wanted)
    assert not report.passed and 0 < (report.checks[0].largest or 0) < 1e-6


@needs_sshd
@pytest.mark.slow
def test_everything_on_a_device_with_this_edge_ser(
    device: Server, linux_bundle: Path, repository: Path
) -> None:
    pytest.importorskip("ai_edge_litert.interpreter")
    real_edge_ser(device, repository)
    report = run_over_ssh(device.address(), linux_bundle, settings(device))
    assert report.passed, report.to_dict()
    assert {"litert", "onnxruntime", "c"} <= {check.engine for check in report.checks}
    assert report.board is not None and report.board.vectors >= 200
    assert report.bench is not None and report.bench["timings"]["backbone + host"]["runs"] == 1
    assert any("backbone + host: p50 " in line for line in latency_lines(report))
    values = json.loads(json.dumps(report.to_dict()))
    assert values["machine"]["memory_bytes"] > 0 and values["board"]["passed"]
    assert device.leftovers == []


@needs_sshd
@pytest.mark.slow
def test_a_device_installs_the_real_wheel_from_the_bundle(
    device: Server, linux_bundle: Path
) -> None:
    """The runtimes come from the package index, as on a real device."""
    notes = ReadmeValues("wav2small", "linux-x86_64", __version__, {}, "", "", [])
    write_run_files(linux_bundle / "run", notes)
    write_wheel(linux_bundle / "run")
    python = Path(sys.base_prefix, "bin", f"python3.{sys.version_info.minor}")
    device.provide("python3", f'exec {python} "$@"')
    for name, value in os.environ.items():
        if name.startswith("PIP_"):
            (device.home / ".bashrc").open("a").write(f"export {name}={shlex.quote(value)}\n")
    change_manifest(
        linux_bundle,
        lambda manifest: manifest["files"].update(
            {f"run/{path.name}": {} for path in (linux_bundle / "run").iterdir()}
        ),
    )
    report = run_over_ssh(device.address(), linux_bundle, settings(device, c_engine=False))
    assert report.passed and report.edge_ser == f"{__version__}, installed from the bundle"
    assert {check.engine for check in report.checks} == {"litert"}
    assert report.bench is not None and set(report.bench["timings"]) == {
        "int8 TFLite",
        "backbone + host",
    }
    assert device.leftovers == []


def test_a_login_that_never_starts_the_probe() -> None:
    command = ["sh", "-c", "echo welcome; echo nobody may log in >&2; exit 7"]
    with (
        start_probe(command, limit_seconds=10.0) as probe,
        pytest.raises(GateFailed, match="ended with code 7: nobody may log in"),
    ):
        probe.skip_to("a line that does not come")
