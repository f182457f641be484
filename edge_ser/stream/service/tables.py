"""Nested tables of plain values against nested dataclasses: what a user gave, checked key by key.

The dataclasses' type hints are the schema, their own checks the limits. A table may be partial:
what it lacks can come from elsewhere before the dataclass is built.
Non-goals: untrusted JSON (edge_ser/bundle/decode.py refuses more and suggests nothing), and
types that no option has.
"""

from __future__ import annotations

import dataclasses
import difflib
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from edge_ser.errors import InputError
from edge_ser.stream.durations import DURATION, parse_duration

T = TypeVar("T")

_LARGEST_WHOLE = 2**53
"""Beyond it no option makes sense, and a float would round."""

_SHOWN = 60
"""Characters of a value that a message quotes."""


class Incomplete(InputError):
    """A key without a default is missing."""


@dataclass(frozen=True)
class Origin:
    """Where values come from.

    Attributes:
        folder: that relative paths start from.
        name: of the file, for messages; "" for the command line.
    """

    folder: Path
    name: str = ""

    def place(self, where: str) -> str:
        """`where`, with the file's name before it if there is a file."""
        return f"{self.name}: {where}" if self.name else where


def understand(kind: type[Any], table: Mapping[str, Any], origin: Origin) -> dict[str, Any]:
    """The given keys of a table with their values as `kind` wants them.

    Whole numbers become floats, texts become paths and durations, and `false` becomes None where
    an option can be left out; nothing else is changed.

    Args:
        kind: a dataclass.
        table: of plain values; keys may be missing.
        origin: of the values.

    Returns:
        A dictionary with the keys of `table`; nested tables are dictionaries too.

    Raises:
        InputError: an unknown key or a wrong type, with its place and what is possible.
    """
    return _Reader(kind, origin).table(kind, table, "")


def build(kind: type[T], values: Mapping[str, Any]) -> T:
    """The dataclass of what `understand` gave.

    Raises:
        Incomplete: a key is missing.
        InputError: a value lies outside of its limits.
    """
    return _build(kind, values, "")


def key_paths(kind: type[Any], prefix: str = "") -> Iterator[str]:
    """Every key of a schema with the tables it lies in, e.g. "output.mqtt.host"."""
    for name, hint in _hints(kind).items():
        nested = _dataclass_in(hint)
        if nested is None:
            yield prefix + name
        else:
            yield from key_paths(nested, f"{prefix}{name}.")


class _Reader:
    """`understand` for one schema and one origin."""

    def __init__(self, schema: type[Any], origin: Origin) -> None:
        self._schema = schema
        self._origin = origin

    def table(self, kind: type[Any], table: Any, where: str) -> dict[str, Any]:
        if not isinstance(table, Mapping):
            self._refuse(where, table, f"a table: [{where}]")
        hints = _hints(kind)
        for key in table:
            if key not in hints:
                self._refuse_key(kind, key, where)
        return {key: self._value(hints[key], table[key], _join(where, key)) for key in table}

    def _value(self, hint: Any, value: Any, where: str) -> Any:
        origin, arguments = typing.get_origin(hint), typing.get_args(hint)
        if origin in (typing.Union, types.UnionType):
            (kind,) = (kind for kind in arguments if kind is not types.NoneType)
            return None if value is False or value is None else self._value(kind, value, where)
        if origin is typing.Annotated:
            return self._duration(value, where) if DURATION in arguments else value
        if origin is typing.Literal:
            return self._choice(arguments, value, where)
        if origin is tuple:
            return self._list(arguments[0], value, where)
        if dataclasses.is_dataclass(hint) and isinstance(hint, type):
            return self.table(hint, value, where)
        return self._plain(hint, value, where)

    def _plain(self, kind: Any, value: Any, where: str) -> Any:
        if kind is bool:
            return value if type(value) is bool else self._refuse(where, value, "true or false")
        if kind is int:
            return self._whole(value, where)
        if kind is float:
            return self._number(value, where, "a number")
        return self._path(value, where) if kind is Path else self._text(value, where)

    def _list(self, kind: Any, value: Any, where: str) -> tuple[Any, ...]:
        if not isinstance(value, list | tuple):
            tables = dataclasses.is_dataclass(kind)
            self._refuse(where, value, f"tables: [[{where}]]" if tables else "a list: [...]")
        items = [self._value(kind, item, f"{where}[{n}]") for n, item in enumerate(value)]
        if not (dataclasses.is_dataclass(kind) and isinstance(kind, type)):
            return tuple(items)
        return tuple(self._item(kind, item, f"{where}[{n}]") for n, item in enumerate(items))

    def _item(self, kind: type[Any], values: Mapping[str, Any], where: str) -> Any:
        """An item of a list is complete: nothing can add a key to it later."""
        try:
            return _build(kind, values, where)
        except InputError as error:
            raise InputError(self._origin.place(str(error)), error.hint) from error

    def _choice(self, choices: tuple[Any, ...], value: Any, where: str) -> Any:
        if type(value) is str and value in choices:
            return value
        self._refuse(where, value, " or ".join(f'"{choice}"' for choice in choices))

    def _duration(self, value: Any, where: str) -> float:
        if type(value) is not str:
            return self._number(value, where, 'a time: a number of seconds, or a text like "10m"')
        try:
            return parse_duration(value)
        except InputError as error:
            raise InputError(self._origin.place(f"{where}: {error}"), error.hint) from error

    def _whole(self, value: Any, where: str) -> int:
        if type(value) is not int or abs(value) > _LARGEST_WHOLE:
            self._refuse(where, value, "a whole number")
        return value

    def _number(self, value: Any, where: str, expected: str) -> float:
        # Not a number and infinity fail this comparison too.
        if type(value) not in (int, float) or not abs(value) <= _LARGEST_WHOLE:
            self._refuse(where, value, expected)
        return float(value)

    def _text(self, value: Any, where: str) -> str:
        if type(value) is not str:
            self._refuse(where, value, "a text, in quotes")
        if not value.isprintable():
            # A terminal would obey control codes, and a log would be torn apart by line ends.
            self._refuse(where, value, "text without control characters")
        return value

    def _path(self, value: Any, where: str) -> Path:
        if isinstance(value, Path):
            return value
        path = Path(self._text(value, where))
        try:
            return self._origin.folder / path.expanduser()
        except RuntimeError:
            return self._refuse(where, value, "a path; that user's home folder is not known")

    def _refuse(self, where: str, value: Any, expected: str) -> NoReturn:
        raise InputError(self._origin.place(f"{where} is {_quoted(value)}, but must be {expected}"))

    def _refuse_key(self, kind: type[Any], key: Any, where: str) -> NoReturn:
        place = f"the table [{where}]" if where else "the top level"
        message = f"{place} has the unknown key {_quoted(key)}"
        raise InputError(self._origin.place(message), self._suggestion(kind, str(key), where))

    def _suggestion(self, kind: type[Any], key: str, where: str) -> str:
        """A key of the same table that looks alike, else the same key of another table."""
        hints = _hints(kind)
        alike = difflib.get_close_matches(key, hints, n=1)
        if alike:
            return f"did you mean {_join(where, alike[0])}?"
        elsewhere = [path for path in key_paths(self._schema) if path.split(".")[-1] == key]
        if elsewhere:
            return f"did you mean {' or '.join(elsewhere)}?"
        return f"possible here: {', '.join(hints)}"


def _build(kind: type[T], values: Mapping[str, Any], where: str) -> T:
    hints = _hints(kind)
    nested = {name: _dataclass_in(hints[name]) for name in values}
    arguments = {
        name: _build(inner, value, _join(where, name))
        if (inner := nested[name]) is not None and isinstance(value, Mapping)
        else value
        for name, value in values.items()
    }
    missing = [name for name in _required(kind) if name not in arguments]
    if missing:
        place = f"the table [{where}]" if where else "the configuration"
        raise Incomplete(f"{place} lacks the key {missing[0]!r}")
    return kind(**arguments)


def _hints(kind: type[Any]) -> dict[str, Any]:
    return typing.get_type_hints(kind, include_extras=True)


def _required(kind: Any) -> list[str]:
    missing = dataclasses.MISSING
    return [
        field.name
        for field in dataclasses.fields(kind)
        if field.default is missing and field.default_factory is missing
    ]


def _dataclass_in(hint: Any) -> type[Any] | None:
    """The dataclass of a hint that is one, is one or None, or is a tuple of them."""
    for kind in (hint, *typing.get_args(hint)):
        if dataclasses.is_dataclass(kind) and isinstance(kind, type):
            return kind
    return None


def _join(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key


def _quoted(value: Any) -> str:
    """A value as far as a message can show it; ASCII, so that it cannot disturb a terminal."""
    try:
        text = ascii(value)
    except ValueError:  # a whole number with more digits than Python writes out
        return "a number of thousands of digits"
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."
