"""Lines of styled text, and fitting them into a width; styles are names, not colours."""

from __future__ import annotations

Segment = tuple[str, str]
"""(text, style name); style "" is plain."""

Line = list[Segment]


def length(line: Line) -> int:
    """Characters of a line."""
    return sum(len(text) for text, _ in line)


def fitted(line: Line, width: int) -> Line:
    """At most `width` characters of a line."""
    kept: Line = []
    for text, style in line:
        kept.append((text[: width - length(kept)], style))
    return kept


def spread(left: Line, right: Line, width: int) -> Line:
    """One at the left edge, one at the right; the left one gives way."""
    left = fitted(left, width - length(right) - 2)
    return [*left, (" " * (width - length(left) - length(right)), ""), *right]


def plain(text: str, unicode: bool) -> str:
    """Without control characters, which a device name could smuggle into the terminal."""
    printable = "".join(character if character.isprintable() else "?" for character in text)
    return printable if unicode else printable.encode("ascii", "replace").decode()
