"""`--config stream.toml`: the options of a stream from a file and from the command line.

A table of the file is a dataclass of edge_ser/stream/options.py, a key is one of its fields.
What the command line gives wins, key by key; a list ([[rules]], web.origins) is replaced whole.
Secrets are never in the file: it names the private files that hold them.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edge_ser.errors import InputError
from edge_ser.stream.options import StreamOptions
from edge_ser.stream.service.tables import Incomplete, Origin, build, understand

SOURCES = ("mic", "file", "pcm", "rtp", "udp", "websocket")
"""Keys of [input] of which a stream has exactly one."""

LARGEST_BYTES = 1_000_000
"""Of a file; a full configuration has a few thousand."""

_EXAMPLE = Path(__file__).with_name("example.toml")
_POSITION = re.compile(r"(.*) \(at line (\d+), column (\d+)\)", re.DOTALL)


def load_config(path: Path) -> dict[str, Any]:
    """What a file says, checked as far as it can be without the command line.

    Relative paths in it start from the file's folder, `~` is the user's home.

    Args:
        path: of a TOML file, UTF-8.

    Returns:
        Nested dictionaries with only the keys that the file has: `merged` takes them.

    Raises:
        InputError: unreadable, not TOML (with line and column), an unknown key (with a
            suggestion), a wrong type or a value outside of its limits.
    """
    table = _parsed(_text(path), path)
    values = understand(StreamOptions, table, Origin(path.absolute().parent, str(path)))
    try:
        build(StreamOptions, _with_a_source(values))
    except Incomplete:
        pass  # the command line may add what is missing
    except InputError as error:
        raise InputError(f"{path}: {error}", error.hint) from error
    return values


def merged(config: Mapping[str, Any], command_line: Mapping[str, Any]) -> StreamOptions:
    """The options of a stream.

    Args:
        config: from `load_config`; empty without a file.
        command_line: nested dictionaries with only the keys that the user gave; paths and
            durations as text, relative paths from the working directory.

    Returns:
        The options; what neither gives has its default. A source named on the command line
        takes the place of the file's.

    Raises:
        InputError: a wrong type, a missing key, a value outside of its limits.

    Examples:
        >>> options = merged({"input": {"mic": True}, "log": {"level": "error"}},
        ...                  {"input": {"pcm": True}, "model": {"hop": "250ms"}})
        >>> options.input.pcm, options.input.mic, options.model.hop, options.log.level
        (True, False, 0.25, 'error')
    """
    given = understand(StreamOptions, command_line, Origin(Path()))
    if any(given.get("input", {}).get(source) for source in SOURCES):
        config = _without_source(config)
    return build(StreamOptions, {"input": {}, **_overlaid(config, given)})


def example_config() -> str:
    """A TOML file with every key, its default and what it means; ready to be edited."""
    return _EXAMPLE.read_text(encoding="utf-8")


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(
            f"the configuration {path} cannot be read: {reason}",
            "a first one: edge-ser stream --example-config > stream.toml",
        ) from error
    if len(content) > LARGEST_BYTES:
        raise InputError(f"{path} is no configuration: more than {LARGEST_BYTES:,} bytes")
    try:
        # The mark that some editors put first is no part of TOML.
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise InputError(f"{path}:{line}: not UTF-8 text", "save the file as UTF-8") from error


def _parsed(text: str, path: Path) -> dict[str, Any]:
    try:
        # With a line end, or an error in the last line would have no position.
        return tomllib.loads(text + "\n")
    except tomllib.TOMLDecodeError as error:
        match = _POSITION.fullmatch(str(error))
        words = f"{path}:{match[2]}:{match[3]}: {match[1]}" if match else f"{path}: {error}"
        raise InputError(_printable(words), "the syntax is TOML's: https://toml.io") from error
    except RecursionError as error:
        raise InputError(f"{path} is nested too deeply") from error
    except ValueError as error:
        # tomllib lets Python's own refusals through, e.g. of the date 2026-02-31.
        raise InputError(_printable(f"{path}: {error}")) from error


def _printable(words: str) -> str:
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in words)


def _with_a_source(values: Mapping[str, Any]) -> dict[str, Any]:
    """The same, made complete with a microphone if the command line is left to name a source."""
    source = values.get("input", {})
    if any(source.get(name) for name in SOURCES):
        return dict(values)
    return {**values, "input": {**source, "mic": True}}


def _without_source(config: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in config.get("input", {}).items() if key not in SOURCES}
    return {**config, "input": kept}


def _overlaid(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Tables merged key by key, everything else taken from `above`."""
    both = dict(below)
    for key, value in above.items():
        old = both.get(key)
        nested = isinstance(value, Mapping) and isinstance(old, Mapping)
        both[key] = _overlaid(old, value) if nested else value  # type: ignore[arg-type]
    return both
