"""The first message of a WebSocket sender: what it sends, and its token if it has to show one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, get_args

from edge_ser.errors import InputError
from edge_ser.stream.options import PcmFormat, PcmInput

EXAMPLE = '{"rate": 48000, "channels": 1, "format": "s16le"}'


@dataclass(frozen=True)
class Hello:
    """As the sender said.

    Attributes:
        samples: what follows.
        token: None if there was none.
    """

    samples: PcmInput
    token: str | None


def read_hello(message: str | bytes, default: PcmInput) -> Hello:
    """The message, checked; what it leaves out is as in `default`, what it adds is ignored.

    Raises:
        InputError: it is not a JSON object, or a field cannot be used.
    """
    if isinstance(message, bytes):
        raise InputError("the first message is binary", f"begin with text such as {EXAMPLE}")
    try:
        fields = json.loads(message)
    except (ValueError, RecursionError) as error:
        raise InputError("the first message is not JSON", f"begin with {EXAMPLE}") from error
    if not isinstance(fields, dict):
        raise InputError("the first message is not a JSON object", f"begin with {EXAMPLE}")
    samples = PcmInput(
        rate=_whole_number(fields, "rate", default.rate),
        channels=_whole_number(fields, "channels", default.channels),
        format=_sample_format(fields.get("format", default.format)),
    )
    token = fields.get("token")
    return Hello(samples, token if isinstance(token, str) else None)


def _whole_number(fields: dict[str, Any], name: str, default: int) -> int:
    value = fields.get(name, default)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    # Some languages write 48000.0. The bound refuses numbers that no float could hold.
    if not is_number or not 0 <= value < 2**31 or value != value // 1:
        raise InputError(f"{name} is not a whole number", f"e.g. {EXAMPLE}")
    return int(value)


def _sample_format(value: object) -> PcmFormat:
    for known in get_args(PcmFormat):
        if value == known:
            return known  # type: ignore[no-any-return]
    raise InputError("format is not known", f"one of {', '.join(get_args(PcmFormat))}")
