"""The system packages that the project uses, and a check of which are missing.

One table for `make` (which only says what to install: it never needs root) and for CI (which
installs them first). Debian and Ubuntu names.

    python3 .ci/system_packages.py            prints what is missing and the command to install it
    python3 .ci/system_packages.py --list     prints the names of the missing ones, for apt-get
"""

from __future__ import annotations

import argparse
import ctypes.util
import shutil
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class SystemPackage:
    """A Debian package, how to see that it is there, and what lacks without it.

    Attributes:
        name: for apt.
        purpose: what stays undone without it.
        programs: commands it provides, all needed.
        library: shared library it provides, as `ldconfig` knows it.
        file_pattern: a file it provides, below /usr.
    """

    name: str
    purpose: str
    programs: tuple[str, ...] = ()
    library: str = ""
    file_pattern: str = ""

    def present(self) -> bool:
        """True if what the package provides is found, from whatever source."""
        programs = all(shutil.which(program) for program in self.programs)
        library = not self.library or ctypes.util.find_library(self.library) is not None
        file = not self.file_pattern or any(Path("/usr").glob(self.file_pattern))
        return programs and library and file


PACKAGES = (
    SystemPackage("libportaudio2", "microphones (edge-ser stream --mic)", library="portaudio"),
    SystemPackage(
        "qemu-user",
        "the device tests (Linux processes of other processors)",
        programs=("qemu-aarch64", "qemu-arm"),
    ),
    SystemPackage(
        "debian-archive-keyring",
        "the device tests (Debian's signing keys; Ubuntu lacks them)",
        file_pattern="share/keyrings/debian-archive-keyring.*",
    ),
    SystemPackage("dpkg", "the device tests (unpacking arm64 packages)", programs=("dpkg-deb",)),
    SystemPackage("gcc", "the C engine", programs=("cc",)),
    SystemPackage("libc6-dev", "the C engine", file_pattern="include/stdio.h"),
    SystemPackage("make", "the C hand-off of a bundle", programs=("make",)),
    SystemPackage("cmake", "the C hand-off's CMake project", programs=("cmake",)),
    SystemPackage("g++", "the C hand-off's Arduino example", programs=("c++",)),
    SystemPackage("gcc-arm-none-eabi", "the C engine on Cortex-M", programs=("arm-none-eabi-gcc",)),
    SystemPackage(
        "libnewlib-arm-none-eabi",
        "the C engine on Cortex-M (its C library)",
        file_pattern="lib/arm-none-eabi/lib/libc.a",
    ),
    SystemPackage(
        "gcc-riscv64-unknown-elf", "the C engine on rv32imc", programs=("riscv64-unknown-elf-gcc",)
    ),
    SystemPackage(
        "gcc-aarch64-linux-gnu", "the C engine on aarch64", programs=("aarch64-linux-gnu-gcc",)
    ),
    SystemPackage(
        "libc6-dev-arm64-cross",
        "the C engine on aarch64 (its C library)",
        file_pattern="aarch64-linux-gnu/lib/libc.a",
    ),
    SystemPackage(
        "gcc-arm-linux-gnueabihf", "the C engine on armv7", programs=("arm-linux-gnueabihf-gcc",)
    ),
    SystemPackage(
        "libc6-dev-armhf-cross",
        "the C engine on armv7 (its C library)",
        file_pattern="arm-linux-gnueabihf/lib/libc.a",
    ),
    SystemPackage(
        "qemu-system-arm", "the device tests (Cortex-M boards)", programs=("qemu-system-arm",)
    ),
    SystemPackage(
        "qemu-system-misc",
        "the device tests (RISC-V board; newer releases: qemu-system-riscv)",
        programs=("qemu-system-riscv32",),
    ),
    SystemPackage(
        "nodejs", "the device tests (Cortex-M0+, emulated in JavaScript)", programs=("node",)
    ),
    SystemPackage(
        "npm", "the device tests (fetching that emulator), the browser target", programs=("npm",)
    ),
    SystemPackage(
        "openssh-client", "the device tests (real devices)", programs=("ssh", "ssh-keygen")
    ),
    SystemPackage(
        "openssh-server",
        "the tests over ssh (installing it also starts this system's own ssh server)",
        file_pattern="sbin/sshd",
    ),
    SystemPackage("clang", "the C engine's fuzzing and sanitizers", programs=("clang",)),
    SystemPackage(
        "libclang-rt-dev",
        "the C engine's fuzzing (clang's libraries for it)",
        file_pattern="lib/llvm-*/lib/clang/*/lib/linux/libclang_rt.fuzzer-*.a",
    ),
    SystemPackage("cppcheck", "the C engine's static analysis", programs=("cppcheck",)),
    SystemPackage("chromium", "the tests of the web pages", programs=("chromium",)),
    SystemPackage("mosquitto", "the MQTT tests (a broker)", file_pattern="sbin/mosquitto"),
    SystemPackage("openssl", "the MQTT tests (certificates)", programs=("openssl",)),
    SystemPackage("systemd", "the tests of the service units", programs=("systemd-analyze",)),
    SystemPackage("strace", "the privacy test (what a stream writes)", programs=("strace",)),
    SystemPackage("pulseaudio", "the microphone test (a virtual one)", programs=("pulseaudio",)),
    SystemPackage(
        "pulseaudio-utils", "the microphone test (playing into it)", programs=("pactl", "paplay")
    ),
    SystemPackage(
        "libasound2-plugins",
        "the microphone test (ALSA through PulseAudio)",
        file_pattern="lib/*/alsa-lib/libasound_module_pcm_pulse.so",
    ),
)


def missing_packages() -> list[SystemPackage]:
    """What is provided neither by apt nor otherwise; the rest is left alone, whatever its source
    (a Node.js from elsewhere conflicts with Debian's npm)."""
    return [package for package in PACKAGES if not package.present()]


def report_missing() -> str:
    """One line per missing package and the apt command for all of them; empty if none is."""
    missing = missing_packages()
    if not missing:
        return ""
    lines = ["System packages that are not installed (tests that need them are skipped by name):"]
    lines += [f"  {package.name:<24} {package.purpose}" for package in missing]
    names = " ".join(package.name for package in missing)
    return "\n".join([*lines, f"To install them:  sudo apt-get install {names}"])


def main() -> None:
    """Print the report or, with --list, the names."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--list", action="store_true", help="print their names, for apt-get")
    if parser.parse_args().list:
        print(" ".join(package.name for package in missing_packages()))
    else:
        print(report_missing() or "System packages: all installed.")


if __name__ == "__main__":
    main()
