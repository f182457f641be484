"""Numbers and arrays as C99 source text; equal values give equal text."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

_LINE = 96


def float_literal(value: float) -> str:
    """A float32 that reads back as the same bits.

    Examples:
        >>> float_literal(0.1), float_literal(3.0)
        ('0.1f', '3.0f')
    """
    text = np.format_float_scientific if 0 < abs(value) < 1e-4 or abs(value) >= 1e9 else None
    rounded = np.float32(value)
    if text is not None:
        return f"{text(rounded, unique=True, trim='0')}f"
    return f"{np.format_float_positional(rounded, unique=True, trim='0')}f"


def floats(values: Iterable[float]) -> list[str]:
    """Literals of many."""
    return [float_literal(float(value)) for value in values]


def integers(values: Iterable[int]) -> list[str]:
    """Literals of many; the most negative int32 has none of its own in C."""
    return ["(-2147483647 - 1)" if v == -(1 << 31) else str(int(v)) for v in values]


def array(declaration: str, literals: list[str]) -> str:
    """`declaration` = { literals }, wrapped."""
    lines, line = [], ""
    for literal in literals:
        piece = f"{literal}, "
        if len(line) + len(piece) > _LINE:
            lines.append(line.rstrip())
            line = ""
        line += piece
    lines.append(line.rstrip())
    body = "\n".join(f"    {text}" for text in lines if text)
    return f"{declaration} = {{\n{body}\n}};\n"
