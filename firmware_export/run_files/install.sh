#!/usr/bin/env bash
# Installs edge-ser from this bundle into a virtual environment and checks that the model gives the
# right numbers here. Needs no root, except for --install-system-packages and --system-service.
set -euo pipefail

usage() {
  cat <<'USAGE'
usage: bash run/install.sh [options]

  --prefix DIR                where to install (default ~/.local/share/edge-ser; with
                              --system-service /opt/edge-ser)
  --install-system-packages   let apt-get install what is missing (asks sudo)
  --wheels DIR                no network: take the packages of requirements.txt from DIR
  --service                   also start a user service that listens from now on
  --system-service            instead for the whole computer, from its start, in a sandbox (sudo)
  --config FILE               the service's stream.toml, checked before it starts (default: one
                              that listens and shows a page on this computer only)
  --help

PYTHON=python3.12 bash run/install.sh chooses the interpreter (3.11, 3.12 or 3.13). With DESTDIR
set, a system service is written below it and not started, as for a package or an image.
exit codes: 0 installed, 2 wrong option, 3 this system cannot run it, 4 the bundle is damaged,
5 installed, but the service does not start
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
prefix=
install_system_packages=false
service=none # or user, or system
wheels=
config=
destdir=

while [[ $# -gt 0 ]]; do
  case $1 in
    --prefix | --wheels)
      [[ -n ${2:-} ]] || fail 2 "$1 needs a folder"
      [[ $1 == --prefix ]] && prefix=$2 || wheels=$2
      shift
      ;;
    --config)
      [[ -n ${2:-} ]] || fail 2 "--config needs a file"
      config=$2
      shift
      ;;
    --install-system-packages) install_system_packages=true ;;
    --service | --system-service)
      [[ $service == none ]] || fail 2 "one of --service and --system-service, once"
      [[ $1 == --service ]] && service=user || service=system
      ;;
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
[[ -z $config || -f $config ]] || fail 2 "no file $config"
[[ -z $config || $service != none ]] || fail 2 "--config is for --service or --system-service"
[[ -z $config ]] || config=$(realpath "$config")
if [[ $service == system ]]; then
  prefix=$(realpath -m "${prefix:-/opt/edge-ser}")
  destdir=${DESTDIR:-}
else
  prefix=$(realpath -m "${prefix:-${XDG_DATA_HOME:-$HOME/.local/share}/edge-ser}")
fi
home=$destdir$prefix # where the installation lies while this script works on it

# Its sandbox hides these folders from the system service.
refuse_hidden() { # refuse_hidden OPTION PATH
  case $2/ in
    /home/* | /root/* | /run/user/* | /tmp/* | /var/tmp/*)
      fail 2 "$1 $2 cannot be seen by a system service; choose a place such as /opt or /etc."
      ;;
  esac
}
if [[ $service == system && -z $destdir ]]; then
  refuse_hidden --prefix "$prefix"
  [[ -z $config ]] || refuse_hidden --config "$config"
fi

as_root() {
  if [[ $EUID -eq 0 ]]; then
    "$@"
  else
    sudo "$@"
  fi
}

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
  "$python" -m venv --clear "$home/venv"
  local source=()
  [[ -z $wheels ]] || source=(--no-index --find-links "$wheels")
  "$home/venv/bin/pip" install --disable-pip-version-check --only-binary=:all: "${source[@]}" \
    --requirement "$run_folder/requirements.txt"
  "$home/venv/bin/pip" install --disable-pip-version-check --no-index --no-deps "$wheel"
}

# A system service's program and models lie in the prefix and belong to root in the end.
take_prefix() {
  if [[ -e $home && ! -d $home/venv && -n $(ls -A "$home") ]]; then
    fail 2 "--prefix $prefix holds something else, which would come to belong to root." \
      "Name a new folder, e.g. $prefix/edge-ser"
  fi
  as_root mkdir -p "$home"
  as_root chown -R "$(id -u):$(id -g)" "$home"
}

give_prefix() {
  rm -rf "$home/bundle"
  cp -R "$bundle" "$home/bundle"
  chmod -R u=rwX,go=rX "$home"
  as_root chown -R root:root "$home"
}

fill_in() { # fill_in TEMPLATE PREFIX CONFIG BUNDLE: the filled-in file on standard output
  "$python" - "$@" <<'PYTHON'
import json, pathlib, sys

template, prefix, config, bundle = sys.argv[1:]
text = pathlib.Path(template).read_text()
if template.endswith(".service"):
    # What a unit file would read as an escape, a specifier or a variable stands for itself.
    for special, written in (("\\", "\\\\"), ('"', '\\"'), ("%", "%%"), ("$", "$$")):
        prefix, config = (word.replace(special, written) for word in (prefix, config))
text = text.replace("@PREFIX@", prefix).replace("@CONFIG@", config)
sys.stdout.write(text.replace('"@BUNDLE@"', json.dumps(bundle, ensure_ascii=False)))
PYTHON
}

# Its owner may have edited an earlier one.
place_config() { # place_config FOLDER BUNDLE [as_root]
  local folder=$1 models=$2
  shift 2
  config=$folder/stream.toml
  if [[ -e $destdir$config ]]; then
    echo "Kept the configuration $config"
    return
  fi
  "$@" mkdir -p "$destdir$folder"
  fill_in "$run_folder/stream.toml" "" "" "$models" | "$@" tee "$destdir$config" >/dev/null
  "$@" chmod u=rw,go=r "$destdir$config"
}

check_config() { # the service's user may read other files than this one, so secrets count later
  "$home/venv/bin/edge-ser" stream --config "$destdir$config" --check-config ||
    fail 2 "$config cannot be used (see above); the service was not started."
}

start_service() { # start_service SYSTEMCTL... ; its words name the journal
  "$@" daemon-reload || fail 5 "no systemd answers here, so the service was not started."
  "$@" enable edge-ser.service
  "$@" restart edge-ser.service ||
    fail 5 "the service does not start; $journal says why."
  echo "The service runs, configured by $config"
  echo "What it says: $journal"
  echo "Its page on this computer, unless you changed that: http://127.0.0.1:8765"
}

install_user_service() {
  local folder=${XDG_CONFIG_HOME:-$HOME/.config}
  mkdir -p "$folder/systemd/user"
  [[ -n $config ]] || place_config "$folder/edge-ser" "$bundle" env
  check_config
  fill_in "$run_folder/edge-ser.service" "$prefix" "$config" "" \
    >"$folder/systemd/user/edge-ser.service"
  journal="journalctl --user -u edge-ser"
  start_service systemctl --user
  echo "Also without anybody logged in: sudo loginctl enable-linger $(id -un)"
}

install_system_service() {
  [[ -n $config ]] || place_config /etc/edge-ser "$prefix/bundle" as_root
  [[ -n $destdir ]] || check_config
  as_root mkdir -p "$destdir/etc/edge-ser/secrets" "$destdir/etc/systemd/system"
  as_root chmod 700 "$destdir/etc/edge-ser/secrets"
  fill_in "$run_folder/edge-ser-system.service" "$prefix" "$config" "" |
    as_root tee "$destdir/etc/systemd/system/edge-ser.service" >/dev/null
  journal="journalctl -u edge-ser"
  [[ -n $destdir ]] || start_service as_root systemctl
}

link_command() { # link_command FOLDER [as_root]
  local folder=$1
  shift
  "$@" mkdir -p "$destdir$folder"
  "$@" ln -sf "$prefix/venv/bin/edge-ser" "$destdir$folder/edge-ser"
  echo
  echo "Installed. The command is $folder/edge-ser"
  case :$PATH: in
    *:"$folder":*) ;;
    *) echo "(log in again, so that your shell finds it as 'edge-ser')" ;;
  esac
}

microphone_note=
refuse_32_bit
python=$(find_python)
check_target
check_files
check_system_packages
[[ $service != system ]] || take_prefix
install_packages
"$home/venv/bin/edge-ser" verify "$bundle"
if [[ $service == system ]]; then
  give_prefix
  link_command /usr/local/bin as_root
else
  link_command "$HOME/.local/bin" env
fi

echo "Listen:     edge-ser stream --mic --bundle '$bundle'"
echo "A file:     edge-ser stream --file talk.wav --bundle '$bundle'"
echo "Microphones: edge-ser stream --list-devices"
[[ -z $microphone_note ]] || echo "$microphone_note"
case $service in
  user) install_user_service ;;
  system) install_system_service ;;
  none) echo "As a service from now on: bash run/install.sh --service (or --system-service)" ;;
esac
