"""`--check-config`: what the start of a stream would refuse, said at once and without starting it.

The checks are the start's own. Files are read; the bundle is opened and the model loaded, as the
start does it. No microphone, socket or broker is opened, and nothing is created or changed.

Non-goals: whether a microphone or a broker is there and a port is free (the start says so, and
`edge-ser doctor`); whether a whole bundle is sound (`edge-ser verify`); what lies in systemd's
credentials, which exist only while the service runs.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from edge_ser.bundle import open_bundle
from edge_ser.errors import EdgeSerError, InputError
from edge_ser.models import shipped
from edge_ser.stream.access import (
    SHORTEST_SECRET,
    check_binding,
    check_origins,
    read_secret,
    split_address,
)
from edge_ser.stream.actions import actions_for
from edge_ser.stream.assemble import interpreter_of, model_of, rules_of
from edge_ser.stream.capture.select import open_source
from edge_ser.stream.meaning.interpret import Interpreter
from edge_ser.stream.meaning.rules import Rule, check_names
from edge_ser.stream.options import (
    InputOptions,
    MqttOptions,
    OutputOptions,
    RuleOptions,
    StreamOptions,
    WebOptions,
)
from edge_ser.stream.recorder import check_new_recording

_CREDENTIALS = Path("/run/credentials")
"""systemd's: they exist, for the service alone, while it runs."""


class _Problems:
    """What is wrong so far, each with the key that it belongs to."""

    def __init__(self) -> None:
        self.found: list[tuple[str, EdgeSerError]] = []

    @contextmanager
    def of(self, key: str) -> Iterator[None]:
        """What is refused within belongs to `key`; the checks after it go on."""
        try:
            yield
        except EdgeSerError as error:
            self.found.append((key, error))


def check_options(options: StreamOptions) -> None:
    """Look at everything that needs no device and no network.

    Raises:
        InputError: something cannot be used here; the message has one line for each such thing,
            with the key that it belongs to.
    """
    problems = _Problems()
    _check_input(options.input, problems)
    interpreter = _checked_interpreter(options, problems)
    for number, rule in enumerate(options.rules):
        with problems.of(f"rules[{number}]"):
            if interpreter is None:
                Rule(rule)
            else:
                rules_of(replace(options, rules=(rule,)), interpreter)
    _check_receivers(options, problems)
    if problems.found:
        raise InputError(
            "\n".join(
                f"{key}: {error}" + (f" ({error.hint})" if error.hint else "")
                for key, error in problems.found
            )
        )


def check_receivers(options: StreamOptions) -> None:
    """The part that the start does before it opens the source: all who receive readings.

    Raises:
        InputError: a file, an address, a secret or a command cannot be used.
        EnvironmentMissing: a receiver's package is not installed.
    """
    problems = _Problems()
    _check_receivers(options, problems)
    if problems.found:
        raise problems.found[0][1]


def _check_input(options: InputOptions, problems: _Problems) -> None:
    if options.file is not None:
        with problems.of("input.file"), open_source(options):
            pass
    for name in ("rtp", "udp", "websocket"):
        address = getattr(options, name)
        if address is not None:
            with problems.of(f"input.{name}"):
                split_address(address)
                # It listens when it is entered, not before.
                if not _is_credential(options.key_file):
                    open_source(options)


def _checked_interpreter(options: StreamOptions, problems: _Problems) -> Interpreter | None:
    """The interpreter, if bundle and options have one; the model is checked as well."""
    model = options.model
    interpreter = None
    with (
        problems.of("model.bundle"),
        open_bundle(model.bundle or shipped("bundle"), model.expect_sha256) as bundle,
    ):
        with problems.of("model"):
            # Not live: that would start a thread for the model.
            model_of(model, bundle, live=False)
        with problems.of("meaning"):
            interpreter = interpreter_of(options.meaning, bundle)
    return interpreter


def _check_receivers(options: StreamOptions, problems: _Problems) -> None:
    for number, rule in enumerate(options.rules):
        with problems.of(f"rules[{number}]"):
            actions_for([_without_credential(rule)])
    with problems.of("rules"):
        check_names(options.rules)
    _check_files(options.output, problems)
    if options.output.osc is not None:
        from edge_ser.stream.sinks.osc import Osc

        with problems.of("output.osc"):
            Osc(options.output.osc)
    if options.output.web is not None:
        _check_web(options.output.web, problems)
    if options.output.mqtt is not None:
        _check_mqtt(options.output.mqtt, options.rules, problems)


def _check_files(options: OutputOptions, problems: _Problems) -> None:
    from edge_ser.stream.sinks.appended_file import check_appendable
    from edge_ser.stream.sinks.csv_file import HEADER

    if options.json_file is not None:
        with problems.of("output.json_file"):
            _check_writable(options.json_file)
            check_appendable(options.json_file)
    if options.csv is not None:
        with problems.of("output.csv"):
            _check_writable(options.csv)
            check_appendable(options.csv, HEADER)
    if options.record is not None:
        with problems.of("output.record"):
            check_new_recording(options.record)
            _check_writable(options.record)


def _check_web(options: WebOptions, problems: _Problems) -> None:
    with problems.of("output.web.listen"):
        token = None if options.token_file is None else str(options.token_file)
        check_binding(split_address(options.listen)[0], token, "--web")
    with problems.of("output.web.origins"):
        check_origins(options.origins)
    if options.token_file is not None:
        with problems.of("output.web.token_file"):
            _check_secret(options.token_file)


def _check_mqtt(options: MqttOptions, rules: tuple[RuleOptions, ...], problems: _Problems) -> None:
    from edge_ser.stream.sinks.mqtt import Mqtt
    from edge_ser.stream.sinks.mqtt_connection import check_login

    before = len(problems.found)
    if options.password_file is not None:
        with problems.of("output.mqtt.password_file"):
            _check_secret(options.password_file, shortest=1)
    if options.ca_file is not None:
        with problems.of("output.mqtt.ca_file"):
            _check_exists(options.ca_file)
    if len(problems.found) == before:
        with problems.of("output.mqtt"):
            check_login(options)
            # It connects when it is started, not before; the password has been looked at.
            Mqtt(replace(options, password_file=None), rules)


def _is_credential(path: Path | None) -> bool:
    return path is not None and path.is_relative_to(_CREDENTIALS)


def _without_credential(rule: RuleOptions) -> RuleOptions:
    return replace(rule, webhook_file=None) if _is_credential(rule.webhook_file) else rule


def _check_secret(path: Path, shortest: int = SHORTEST_SECRET) -> None:
    if not _is_credential(path):
        read_secret(path, shortest)


def _check_exists(path: Path) -> None:
    if not path.exists():
        raise InputError(f"there is no {path}")


def _check_writable(path: Path) -> None:
    if path.is_dir():
        raise InputError(f"{path} is a folder", "name a file in it")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise InputError(f"{path} cannot be written", "does its folder exist, and is it yours?")
