"""Makes the virtual environment that `make` works in; a second run with nothing new is instant.

Uses the standard library only, because it runs before anything is installed. It never needs
root: it names missing system packages and leaves installing them to the user. The project is
installed in editable form, so that edits take effect without another set-up; a changed
pyproject.toml or constraints.txt triggers one.

    python3 .ci/setup_environment.py VENV [pip arguments ...]
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from system_packages import report_missing

REPOSITORY = Path(__file__).resolve().parents[1]
OLDEST_PYTHON = (3, 11)
CPU_GIGABYTES = 4.0
CUDA_GIGABYTES = 10.0


class SetUpError(Exception):
    """Set-up cannot go on; the message says why and what to do."""


def fingerprint(pip_arguments: list[str]) -> str:
    """Hash of everything that decides what gets installed."""
    digest = hashlib.sha256()
    for name in ("pyproject.toml", "constraints.txt"):
        digest.update((REPOSITORY / name).read_bytes())
    digest.update(repr((sys.version_info[:2], str(REPOSITORY), pip_arguments)).encode())
    return digest.hexdigest()


def require_python() -> None:
    """Refuse an interpreter that is too old or cannot make virtual environments."""
    running = ".".join(map(str, sys.version_info[:2]))
    if sys.version_info < OLDEST_PYTHON:
        oldest = ".".join(map(str, OLDEST_PYTHON))
        raise SetUpError(
            f"Python {running} is too old: edge-ser needs {oldest} or newer.\n"
            f"Install one and name it:  make PYTHON=python{oldest} ..."
        )
    if not all(importlib.util.find_spec(name) for name in ("venv", "ensurepip")):
        raise SetUpError(
            f"Python {running} here cannot make virtual environments.\n"
            f"Install its module:  sudo apt-get install python{running}-venv"
        )


def create(environment: Path) -> Path:
    """Make the environment unless it is there; returns its Python."""
    python = environment / "bin" / "python"
    if not python.exists():
        print(f"Creating {environment} with Python {sys.version.split()[0]}", flush=True)
        subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    return python


def needed_gigabytes(python: Path, pip_arguments: list[str]) -> float:
    """Disk the installation takes, which depends on the build of torch pip would choose."""
    constraints = str(REPOSITORY / "constraints.txt")
    command = [str(python), "-m", "pip", "install", "--quiet", "--dry-run", "--no-deps"]
    command += ["--ignore-installed", "--report", "-", "-c", constraints, *pip_arguments, "torch"]
    answer = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if answer.returncode != 0:
        raise SetUpError("pip cannot find torch; its message is above. Is there a network?")
    metadata = json.loads(answer.stdout)["install"][0]["metadata"]
    requirements = " ".join(metadata.get("requires_dist", []))
    print(f"pip chooses torch {metadata['version']}", flush=True)
    return CUDA_GIGABYTES if "nvidia" in requirements or "cuda" in requirements else CPU_GIGABYTES


def require_disk(environment: Path, gigabytes: float) -> None:
    """Refuse to start an installation that would fill the disk."""
    free = shutil.disk_usage(environment).free / 1e9
    if free >= gigabytes:
        return
    message = f"{environment} needs about {gigabytes:g} GB, and {free:.1f} GB are free."
    if gigabytes == CUDA_GIGABYTES:
        message += (
            "\nMost of that is the CUDA build of torch. The CPU build suffices (about "
            f"{CPU_GIGABYTES:g} GB in all):\nmake PIP_ARGS='--index-url ADDRESS "
            "--extra-index-url YOUR_USUAL_INDEX' ..., where ADDRESS is PyTorch's CPU wheel "
            "index (see the install selector on pytorch.org)."
        )
    raise SetUpError(message)


def install(python: Path, pip_arguments: list[str]) -> None:
    """Install the project with everything it needs, at the tested versions."""
    command = [str(python), "-m", "pip", "install", "-c", str(REPOSITORY / "constraints.txt")]
    command += [*pip_arguments, "--editable", f"{REPOSITORY}[all]"]
    print(shlex.join(command), flush=True)
    if subprocess.run(command).returncode != 0:
        raise SetUpError("pip failed; its message is above.")


def set_up(environment: Path, pip_arguments: list[str]) -> None:
    """Bring the environment up to date with pyproject.toml and constraints.txt."""
    stamp = environment / ".edge-ser-set-up"
    wanted = fingerprint(pip_arguments)
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    require_python()
    python = create(environment)
    stamp.unlink(missing_ok=True)
    require_disk(environment, needed_gigabytes(python, pip_arguments))
    install(python, pip_arguments)
    print(report_missing() or "System packages: all installed.", flush=True)
    stamp.write_text(wanted)


def main() -> int:
    """Command line: the environment's folder, then arguments for pip."""
    try:
        set_up(Path(sys.argv[1]).absolute(), sys.argv[2:])
    except SetUpError as error:
        print(f"\nset-up: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
