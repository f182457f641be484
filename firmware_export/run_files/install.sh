#!/usr/bin/env bash
# Installs edge-ser from this bundle into a virtual environment of your own and checks that the
# model gives the right numbers here. Needs no root, except for --install-system-packages.
set -euo pipefail

usage() {
  cat <<'USAGE'
usage: bash run/install.sh [options]

  --prefix DIR                where to install (default ~/.local/share/edge-ser)
  --install-system-packages   let apt-get install what is missing (asks sudo)
  --wheels DIR                no network: take the packages of requirements.txt from DIR
  --service                   also start a user service that listens from now on
  --help

PYTHON=python3.12 bash run/install.sh chooses the interpreter (3.11, 3.12 or 3.13).
exit codes: 0 installed, 2 wrong option, 3 this system cannot run it, 4 the bundle is damaged
USAGE
}

fail() { # fail CODE MESSAGE...
  local code=$1
  shift
  printf 'install.sh: %s\n' "$@" >&2
  exit "$code"
}

run_folder=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
bundle=$(dirname "$run_folder")
prefix=${XDG_DATA_HOME:-$HOME/.local/share}/edge-ser
install_system_packages=false
service=false
wheels=

while [[ $# -gt 0 ]]; do
  case $1 in
    --prefix | --wheels)
      [[ -n ${2:-} ]] || fail 2 "$1 needs a folder"
      [[ $1 == --prefix ]] && prefix=$2 || wheels=$2
      shift
      ;;
    --install-system-packages) install_system_packages=true ;;
    --service) service=true ;;
    --help)
      usage
      exit 0
      ;;
    *)
      usage >&2
      fail 2 "unknown option $1"
      ;;
  esac
  shift
done
[[ -z $wheels || -d $wheels ]] || fail 2 "no folder $wheels"
prefix=$(realpath -m "$prefix")

# A 64-bit kernel under a 32-bit Raspberry Pi OS says aarch64, so the word size is asked as well.
refuse_32_bit() {
  local machine bits
  machine=$(uname -m)
  bits=$(getconf LONG_BIT)
  if [[ $machine == arm* || ($machine == aarch64 && $bits == 32) ]]; then
    fail 3 "this is a 32-bit operating system (kernel $machine, programs $bits-bit)." \
      "The runtime exists for 64-bit systems only. On a Raspberry Pi 3, 4, 5, 400, 500 or Zero 2 W," \
      "use 'Raspberry Pi OS (64-bit)': choose it in Raspberry Pi Imager and write the card again." \
      "A Raspberry Pi 1, 2 (before v1.2), Zero or Zero W cannot run a 64-bit system; without Python" \
      "it can: export with --target rpi-zero (rpi-armv7 for a 2) and run its c/prebuilt/edge-ser-live."
  fi
}

check_target() {
  local machine target wanted
  machine=$(uname -m)
  target=$("$python" -c 'import json, sys; print(json.load(open(sys.argv[1]))["target"])' \
    "$bundle/manifest.json") || fail 4 "$bundle/manifest.json is missing or unreadable."
  case $target in
    rpi) wanted=aarch64 ;;
    linux-x86_64) wanted=x86_64 ;;
    *) fail 4 "this installer does not know the bundle's target '$target'." ;;
  esac
  [[ $machine == "$wanted" ]] ||
    fail 3 "this bundle is for $target ($wanted), and this machine is $machine." \
      "Export one for it on your workstation: edge-ser export --target ..."
}

python_works() {
  "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null
}

find_python() {
  local candidate
  for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
    if python_works "$candidate"; then
      command -v "$candidate"
      return
    fi
  done
  fail 3 "no Python 3.11, 3.12 or 3.13 found (python3 is $(python3 --version 2>&1 || true))." \
    "Raspberry Pi OS Bookworm (3.11) and Trixie (3.13) have one; an older system needs an upgrade."
}

missing_packages() {
  "$python" -c 'import ensurepip, venv' 2>/dev/null || echo python3-venv
  "$python" -c 'import ctypes.util, sys; sys.exit(not ctypes.util.find_library("portaudio"))' ||
    echo libportaudio2
}

# python3-venv is indispensable; without libportaudio2 files still work, microphones do not.
check_system_packages() {
  local missing
  missing=$(missing_packages | tr '\n' ' ')
  missing=${missing% }
  [[ -n $missing ]] || return 0
  local command="sudo apt-get install -y $missing"
  if $install_system_packages; then
    echo "$command"
    sudo apt-get update
    # shellcheck disable=SC2086 # a list of package names
    sudo apt-get install -y $missing
  elif [[ $missing == *python3-venv* ]]; then
    fail 3 "missing system packages: $missing" "Install them:  $command" \
      "or let this script do it:  bash run/install.sh --install-system-packages"
  else
    microphone_note="Microphones need one more package:  $command"
  fi
}

# A copy cut short is named as such here, before pip stumbles over it.
check_files() {
  "$python" - "$bundle" <<'PYTHON' || fail 4 "the bundle is damaged or incomplete; copy it again."
import hashlib, json, pathlib, sys

bundle = pathlib.Path(sys.argv[1])
damaged = []
for name, entry in json.loads((bundle / "manifest.json").read_text())["files"].items():
    file = bundle / name
    if not file.is_file() or hashlib.sha256(file.read_bytes()).hexdigest() != entry["sha256"]:
        damaged.append(name)
if damaged:
    sys.exit("install.sh: damaged or missing: " + ", ".join(damaged))
PYTHON
}

# Raspberry Pi OS refuses pip outside of a virtual environment (PEP 668); this is one.
install_packages() {
  local wheel
  wheel=$(find "$run_folder" -maxdepth 1 -name 'edge_ser-*.whl')
  [[ -f $wheel ]] || fail 4 "run/ must hold exactly one edge_ser-*.whl"
  "$python" -m venv --clear "$prefix/venv"
  local source=()
  [[ -z $wheels ]] || source=(--no-index --find-links "$wheels")
  "$prefix/venv/bin/pip" install --disable-pip-version-check --only-binary=:all: "${source[@]}" \
    --requirement "$run_folder/requirements.txt"
  "$prefix/venv/bin/pip" install --disable-pip-version-check --no-index --no-deps "$wheel"
}

install_service() {
  local units=${XDG_CONFIG_HOME:-$HOME/.config}/systemd/user
  mkdir -p "$units"
  "$python" - "$run_folder/edge-ser.service" "$units/edge-ser.service" "$prefix" "$bundle" \
    <<'PYTHON'
import pathlib, sys

template, unit, prefix, bundle = sys.argv[1:]
# A percent sign starts a specifier in a unit file.
text = pathlib.Path(template).read_text()
text = text.replace("@PREFIX@", prefix.replace("%", "%%"))
text = text.replace("@BUNDLE@", bundle.replace("%", "%%"))
pathlib.Path(unit).write_text(text)
PYTHON
  systemctl --user daemon-reload
  systemctl --user enable --now edge-ser.service
  echo "The service runs. Readings:    journalctl --user -u edge-ser -o cat -f"
  echo "Also without anybody logged in: sudo loginctl enable-linger $(id -un)"
}

microphone_note=
refuse_32_bit
python=$(find_python)
check_target
check_files
check_system_packages
install_packages
"$prefix/venv/bin/edge-ser" verify "$bundle"

mkdir -p "$HOME/.local/bin"
ln -sf "$prefix/venv/bin/edge-ser" "$HOME/.local/bin/edge-ser"

echo
echo "Installed. The command is $HOME/.local/bin/edge-ser"
case :$PATH: in
  *:"$HOME/.local/bin":*) ;;
  *) echo "(log in again, so that your shell finds it as 'edge-ser')" ;;
esac
echo "Listen:     edge-ser stream --mic --bundle '$bundle'"
echo "A file:     edge-ser stream --file talk.wav --bundle '$bundle'"
echo "Microphones: edge-ser stream --list-devices"
[[ -z $microphone_note ]] || echo "$microphone_note"
if $service; then
  install_service
else
  echo "As a service from now on: bash run/install.sh --service"
fi
