"""`edge-ser stream`: from the command line to options; the work is in edge_ser/stream.

What the command line gives and what a `--config` file says merge key by key.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from edge_ser.cli.failures import expected_failure
from edge_ser.cli.stream_arguments import add_arguments
from edge_ser.errors import InputError

if TYPE_CHECKING:
    from edge_ser.stream.options import StreamOptions

__all__ = ["EXAMPLES", "add_arguments", "run"]

EXAMPLES = """\
  edge-ser stream --mic                          the default microphone, live view; Ctrl-C stops
  edge-ser stream --list-devices
  edge-ser stream --mic --device usb --json | jq .valence
  edge-ser stream --mic --web                    a page on http://127.0.0.1:8765
  edge-ser stream --mic --mqtt homeassistant.local --mqtt-user pi --mqtt-password-file ~/.mqtt
  edge-ser stream --mic --on "arousal > 0.65 for 3s" --exec "aplay /home/pi/calm.wav"
  edge-ser stream --mic --duration 60 --record heard.wav
  edge-ser stream --file talk.wav --json         as fast as the machine can
  arecord -t raw -f S16_LE -r 16000 -c 1 | edge-ser stream --pcm --realtime
  edge-ser stream --rtp 127.0.0.1:5004           another program or box is the microphone
  edge-ser stream --example-config > stream.toml; edge-ser stream --config stream.toml

exit codes: 0 ended, also by Ctrl-C or SIGTERM; 2 unusable option or file; 3 something is
not installed; 4 bundle refused; 5 the microphone failed. Pages: docs/STREAMING.md (readings),
CAPTURE.md, CONFIDENCE.md, EVENTS.md, OUTPUTS.md, WEB.md, SERVICE.md, PRIVACY.md
"""

_RAW = ("pcm", "rtp", "udp", "websocket")
"""Sources of samples whose rate and channels nothing else tells, or not always."""


def run(args: argparse.Namespace) -> int:
    """Run the verb."""
    given = vars(args)
    if given.get("list_devices"):
        from edge_ser.stream.capture.select import list_devices

        print(list_devices())
        return 0
    from edge_ser.stream.service.config import example_config, load_config, merged

    if given.get("example_config"):
        print(example_config(), end="")
        return 0
    config = load_config(given["config"]) if "config" in given else {}
    options = merged(config, _nested(given, config))
    if given.get("check_config"):
        from edge_ser.stream.service.check import check_options

        check_options(options)
        print("the options can be used")
        return 0
    return _run_logged(options)


def _run_logged(options: StreamOptions) -> int:
    """Run it; what ends it early goes into the log, in whatever form that has."""
    from edge_ser.stream.run import run_stream

    try:
        run_stream(options)
    except Exception as error:
        failure = expected_failure("stream", error)
        if failure is None:
            raise
        details = {"hint": failure.hint, "exit_code": failure.exit_code}
        logging.getLogger(__name__).error("%s", failure, extra=details)
        return failure.exit_code
    return 0


def _nested(given: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
    """{"model.hop": 1} -> {"model": {"hop": 1}}, of what belongs to the options."""
    nested: dict[str, Any] = {}
    for path, value in _spelled_out(given, config).items():
        *tables, key = path.split(".")
        table = nested
        for name in tables:
            table = table.setdefault(name, {})
        table[key] = value
    return nested


def _spelled_out(given: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
    """Options that mean several keys, or another one by context."""
    own = {"list_devices", "example_config", "config", "check_config", "rate", "channels", "mqtt"}
    options = {path: value for path, value in given.items() if path not in own}
    table = "input.samples" if _takes_raw_samples(given, config) else "input"
    for name in ("rate", "channels"):
        if name in given:
            options[f"{table}.{name}"] = _whole(given[name])
    if "mqtt" in given:
        host, _, port = given["mqtt"].rpartition(":")
        if host and port.isdecimal() and not host.endswith(":"):
            options |= {"output.mqtt.host": host.strip("[]"), "output.mqtt.port": int(port)}
        else:
            options["output.mqtt.host"] = given["mqtt"]
    elif any(path.startswith("output.mqtt.") for path in given) and "config" not in given:
        raise InputError("--mqtt-... options need a broker", "add --mqtt HOST")
    return options


def _takes_raw_samples(given: Mapping[str, Any], config: Mapping[str, Any]) -> bool:
    """Whether the source is one of raw samples; one on the command line takes the file's place."""
    from edge_ser.stream.service.config import SOURCES

    named = {source for source in SOURCES if f"input.{source}" in given}
    if not named:
        named = {source for source in SOURCES if config.get("input", {}).get(source)}
    return not named.isdisjoint(_RAW)


def _whole(number: float) -> float | int:
    return int(number) if float(number).is_integer() else number
