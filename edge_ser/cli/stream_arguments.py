"""The options of `edge-ser stream`.

Each stores under its path in `edge_ser.stream.options.StreamOptions`, e.g. "output.csv", and only
if it is given: so a `--config` file and the command line merge key by key.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's options."""
    parser.argument_default = argparse.SUPPRESS
    _add_input(parser.add_argument_group("where audio comes from (one of)"))
    _add_source_settings(parser.add_argument_group("how it is taken"))
    model = parser.add_argument_group("the model")
    _add_model(model)
    _add_windows(model)
    _add_meaning(parser.add_argument_group("what a value is worth"))
    _add_rules(parser.add_argument_group("events (docs/EVENTS.md)"))
    receivers = parser.add_argument_group("who receives readings; all can run at once")
    _add_outputs(receivers)
    _add_network_outputs(receivers)
    _add_service(parser.add_argument_group("running it"))


def _add_input(group: Any) -> None:
    source = group.add_mutually_exclusive_group()
    source.add_argument(
        "--mic", dest="input.mic", action="store_true", help="listen to a microphone"
    )
    source.add_argument("--file", dest="input.file", metavar="AUDIO", help="analyse an audio file")
    source.add_argument(
        "--pcm", dest="input.pcm", action="store_true", help="raw samples from standard input"
    )
    source.add_argument(
        "--rtp", dest="input.rtp", metavar="HOST:PORT", help="listen for RTP (SRTP beyond loopback)"
    )
    source.add_argument(
        "--udp", dest="input.udp", metavar="HOST:PORT", help="listen for raw samples, loopback only"
    )
    source.add_argument(
        "--websocket",
        dest="input.websocket",
        metavar="HOST:PORT",
        help="listen for a WebSocket that sends samples",
    )
    source.add_argument(
        "--list-devices", dest="list_devices", action="store_true", help="show the microphones"
    )
    source.add_argument(
        "--example-config",
        dest="example_config",
        action="store_true",
        help="print a configuration file with every key",
    )


def _add_source_settings(group: Any) -> None:
    group.add_argument(
        "--device",
        dest="input.device",
        metavar="INDEX|NAME",
        help="microphone: its number, or part of its name",
    )
    group.add_argument(
        "--rate",
        dest="rate",
        type=float,
        metavar="HZ",
        help="of the microphone or of raw samples (default: the device's; 16000)",
    )
    group.add_argument("--channels", dest="channels", type=int, metavar="N", help="likewise")
    group.add_argument(
        "--format",
        dest="input.samples.format",
        metavar="FORMAT",
        help="of raw samples: s16le (default), s16be, s24le, s32le, f32le",
    )
    group.add_argument(
        "--key-file",
        dest="input.key_file",
        metavar="FILE",
        help="holds the SRTP key or the WebSocket's token, readable by you only",
    )
    group.add_argument(
        "--no-reconnect",
        dest="input.reconnect",
        action="store_false",
        help="end when the microphone vanishes, rather than wait for it",
    )
    group.add_argument(
        "--realtime",
        dest="input.realtime",
        action="store_true",
        help="with --file: at the pace of the recording; with --pcm: never let the sender wait",
    )


def _add_model(group: Any) -> None:
    group.add_argument(
        "--bundle",
        dest="model.bundle",
        metavar="PATH",
        help="folder or .tar.gz (the package has one)",
    )
    group.add_argument(
        "--expect-sha256",
        dest="model.expect_sha256",
        metavar="HEX",
        help="refuse a .tar.gz with another SHA-256",
    )
    group.add_argument(
        "--engine",
        dest="model.engine",
        metavar="NAME",
        help="litert, tflite-runtime, onnxruntime or c",
    )
    group.add_argument(
        "--artefact", dest="model.artefact", metavar="FILE", help="a model file of the bundle"
    )
    group.add_argument(
        "--threads", dest="model.threads", type=int, metavar="N", help="of the model (default 1)"
    )


def _add_windows(group: Any) -> None:
    group.add_argument(
        "--window",
        dest="model.window",
        metavar="SECONDS",
        help="length of the window (bundle: 5)",
    )
    group.add_argument(
        "--hop", dest="model.hop", metavar="SECONDS", help="time between readings (bundle: 0.5)"
    )
    group.add_argument(
        "--level",
        dest="model.level",
        choices=("running", "window"),
        help="running (default): each sample is computed once; window: each window whole, with "
        "its own level, as `evaluate` does with a file",
    )


def _add_meaning(group: Any) -> None:
    group.add_argument(
        "--vad",
        dest="meaning.vad",
        choices=("auto", "on", "off"),
        help="voice activity: auto (default) if it is installed, off reads every window",
    )
    group.add_argument(
        "--min-speech",
        dest="meaning.min_speech",
        type=float,
        metavar="SHARE",
        help="of a window, below which it is `no speech`",
    )
    group.add_argument(
        "--min-confidence",
        dest="meaning.min_confidence",
        type=float,
        metavar="0..1",
        help="abstain (`uncertain`) below it; off by default",
    )
    group.add_argument(
        "--no-confidence",
        dest="meaning.confidence",
        action="store_false",
        help="compute no confidence",
    )
    group.add_argument(
        "--smooth", dest="meaning.smooth", metavar="TIME", help="time constant, e.g. 2s"
    )
    group.add_argument(
        "--baseline",
        dest="meaning.baseline",
        metavar="TIME",
        help="speech to learn the speaker's own level from, e.g. 10m; adds *_change",
    )


class _Rule(argparse.Action):
    """`--on` begins a rule; `--exec`, `--webhook` and so on belong to the rule before them."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        rules = [*getattr(namespace, "rules", [])]
        if option_string == "--on":
            rules.append({"when": values})
        elif not rules:
            parser.error(f"{option_string} belongs behind the --on that sets it off")
        else:
            key = str(option_string).lstrip("-").replace("-", "_")
            rules[-1] = {**rules[-1], key: values}
        namespace.rules = rules


def _add_rules(group: Any) -> None:
    for option, metavar, text in (
        ("--on", "RULE", 'e.g. "arousal > 0.65 for 3s"; may be repeated'),
        ("--exec", "COMMAND", "run this, without a shell, at the events of the --on before it"),
        ("--webhook", "URL", "POST them there as JSON"),
        ("--webhook-file", "FILE", "holds the URL, where that is a secret; readable by you only"),
        ("--name", "NAME", "call them so"),
    ):
        group.add_argument(option, dest="rules", action=_Rule, metavar=metavar, help=text)


def _add_outputs(group: Any) -> None:
    stdout = group.add_mutually_exclusive_group()
    for option, value, text in (
        ("--json", "json", "JSON lines on standard output"),
        ("--text", "text", "lines of text, also on a terminal"),
        ("--quiet", "none", "nothing on standard output"),
    ):
        stdout.add_argument(
            option, dest="output.stdout", action="store_const", const=value, help=text
        )
    group.add_argument(
        "--json-file", dest="output.json_file", metavar="FILE", help="append JSON lines"
    )
    group.add_argument("--csv", dest="output.csv", metavar="FILE", help="append a table")
    group.add_argument(
        "--record",
        dest="output.record",
        metavar="FILE.wav",
        help="store what the model hears in a new file, 10 minutes at most; off by default",
    )


def _add_network_outputs(group: Any) -> None:
    group.add_argument(
        "--web",
        dest="output.web.listen",
        nargs="?",
        const="127.0.0.1:8765",
        metavar="HOST:PORT",
        help="a page, /health and /metrics (default 127.0.0.1:8765)",
    )
    group.add_argument(
        "--web-token-file",
        dest="output.web.token_file",
        metavar="FILE",
        help="holds the token that anything but loopback needs",
    )
    group.add_argument("--mqtt", dest="mqtt", metavar="HOST[:PORT]", help="an MQTT broker")
    group.add_argument("--mqtt-user", dest="output.mqtt.user", metavar="NAME")
    group.add_argument(
        "--mqtt-password-file",
        dest="output.mqtt.password_file",
        metavar="FILE",
        help="readable by you only; more keys of MQTT: docs/OUTPUTS.md",
    )
    group.add_argument(
        "--mqtt-tls", dest="output.mqtt.tls", action="store_true", help="with the system's CAs"
    )
    group.add_argument(
        "--mqtt-topic", dest="output.mqtt.topic", metavar="TOPIC", help="(default edge-ser)"
    )
    group.add_argument(
        "--osc", dest="output.osc", metavar="HOST:PORT", help="Open Sound Control over UDP"
    )


def _add_service(group: Any) -> None:
    group.add_argument(
        "--duration", dest="duration", metavar="TIME", help="stop after so much audio, e.g. 10m"
    )
    group.add_argument(
        "--config",
        dest="config",
        type=Path,
        metavar="FILE.toml",
        help="options from a file; those given here win",
    )
    group.add_argument(
        "--check-config",
        dest="check_config",
        action="store_true",
        help="only say what is wrong with the options, the file and what they name",
    )
    group.add_argument(
        "--log-format", dest="log.format", choices=("text", "json"), help="of standard error"
    )
    group.add_argument(
        "--log-level", dest="log.level", choices=("debug", "info", "warning", "error")
    )
