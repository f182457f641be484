"""Strict decoding of untrusted JSON into frozen dataclasses.

The dataclasses' type hints are the schema. Unknown and missing keys, wrong types and
numbers that are not finite are refused; nothing is coerced but whole numbers to float.
"""

from __future__ import annotations

import dataclasses
import json
import math
import types
import typing
from typing import Any, TypeVar

from edge_ser.errors import BundleRefused, InputError

T = TypeVar("T")

_DEEPEST_FREE_VALUE = 32
"""Levels of lists and objects in fields of type Any."""


def parse_json(text: str, where: str) -> Any:
    """JSON without duplicate keys and without NaN or infinity.

    Raises:
        BundleRefused: anything else; `where` names the file in the message.
    """
    try:
        return json.loads(text, object_pairs_hook=_without_duplicates, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise BundleRefused(f"{where} is not valid JSON: {error}") from error


def decode(kind: type[T], value: Any, where: str) -> T:
    """A value of type `kind`: a dataclass, str, int, float, bool, Literal, tuple, dict or union.

    Args:
        kind: dataclass or type hint; `Any` takes every JSON value.
        value: what the JSON parser gave.
        where: path of the value, for the message.

    Raises:
        BundleRefused: the value does not fit.
    """
    decoded: T = _decode(kind, value, where)
    return decoded


def _decode(kind: Any, value: Any, where: str) -> Any:
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return _decode_dataclass(kind, value, where)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Literal:
        return value if value in arguments else _refuse(where, f"one of {arguments}", value)
    if origin in (typing.Union, types.UnionType):
        return _decode_union(arguments, value, where)
    if origin is tuple:
        return _decode_tuple(arguments, value, where)
    if origin is dict:
        return _decode_dict(arguments[1], value, where)
    return _decode_plain(kind, value, where)


def _decode_dataclass(kind: Any, value: Any, where: str) -> Any:
    if not isinstance(value, dict):
        return _refuse(where, "an object", value)
    hints = typing.get_type_hints(kind)
    unknown = sorted(set(value) - set(hints))
    if unknown:
        raise BundleRefused(f"{where} has the unknown key {unknown[0]!r:.80}")
    optional = {f.name for f in dataclasses.fields(kind) if f.default is not dataclasses.MISSING}
    missing = sorted(set(hints) - set(value) - optional)
    if missing:
        raise BundleRefused(f"{where} lacks the key {missing[0]!r}")
    decoded = {key: _decode(hints[key], value[key], f"{where}.{key}") for key in value}
    try:
        return kind(**decoded)
    except InputError as error:
        raise BundleRefused(f"{where}: {error}", error.hint) from error


def _decode_union(kinds: tuple[Any, ...], value: Any, where: str) -> Any:
    for kind in kinds:
        if kind is type(None):
            if value is None:
                return None
            continue
        try:
            return _decode(kind, value, where)
        except BundleRefused as error:
            refusal = error
    raise refusal


def _decode_tuple(kinds: tuple[Any, ...], value: Any, where: str) -> Any:
    if not isinstance(value, list):
        return _refuse(where, "a list", value)
    if kinds[-1] is Ellipsis:
        kinds = (kinds[0],) * len(value)
    if len(kinds) != len(value):
        return _refuse(where, f"a list of {len(kinds)}", value)
    return tuple(
        _decode(kind, item, f"{where}[{index}]")
        for index, (kind, item) in enumerate(zip(kinds, value, strict=True))
    )


def _decode_dict(kind: Any, value: Any, where: str) -> Any:
    if not isinstance(value, dict):
        return _refuse(where, "an object", value)
    return {
        _decode_plain(str, key, f"a key of {where}"): _decode(kind, item, f"{where}[{key!r:.80}]")
        for key, item in value.items()
    }


def _decode_plain(kind: Any, value: Any, where: str) -> Any:
    if kind is Any:
        return _decode_any(value, where)
    if kind is float and type(value) in (int, float):
        return _finite(value, where)
    if type(value) is not kind:
        return _refuse(where, f"of type {kind.__name__}", value)
    if kind is str and not _is_text(value):
        raise BundleRefused(f"{where} holds characters that are not printable text")
    return value


def _decode_any(value: Any, where: str, depth: int = 0) -> Any:
    if depth > _DEEPEST_FREE_VALUE:
        raise BundleRefused(f"{where} is nested too deeply")
    if isinstance(value, dict):
        keys = [_decode_plain(str, key, f"a key of {where}") for key in value]
        items = [_decode_any(item, where, depth + 1) for item in value.values()]
        return dict(zip(keys, items, strict=True))
    if isinstance(value, list):
        return [_decode_any(item, where, depth + 1) for item in value]
    if value is None:
        return None
    return _decode_plain(type(value), value, where)


def _finite(value: int | float, where: str) -> float:
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    return number if math.isfinite(number) else _refuse(where, "a finite number", value)


def _is_text(value: str) -> bool:
    """No lone surrogates (they cannot be printed) and no control codes (terminals obey them)."""
    return all(character.isprintable() or character in "\n\t" for character in value)


def _refuse(where: str, expected: str, value: Any) -> Any:
    raise BundleRefused(f"{where} is {value!r:.80}, but must be {expected}")


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        raise ValueError("an object repeats a key")
    return values


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON number")
