"""The language of rules, e.g. "arousal > 0.65 for 3s at most every 5m": text to values and back.

    rule        = condition ["for" DURATION] ["hysteresis" NUMBER] ["at most every" DURATION]
    condition   = all { "or" all }
    all         = comparison { "and" comparison }        so "and" binds before "or"
    comparison  = QUANTITY ( ">" | ">=" | "<" | "<=" ) NUMBER
    DURATION    = NUMBER ( "ms" | "s" | "m" | "h" )

The parts after the condition come in any order, each once; capital letters make no difference.
What a rule does with readings is in `rules.py`. Non-goals: brackets, arithmetic, several events
in one rule.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import NoReturn

from edge_ser import DIMENSIONS
from edge_ser.errors import InputError
from edge_ser.stream.capture.level import FLOOR_DBFS
from edge_ser.stream.durations import UNITS

LONGEST_TEXT = 500
LONGEST_SECONDS = 86_400.0
EXAMPLE = '"arousal > 0.65 for 3s", "valence < 0.3 and speech > 0.5 for 10s at most every 5m"'

_OPERATORS = (">=", "<=", ">", "<")
_TOKEN = re.compile(
    r"(?P<number>[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[-+]?[0-9]+)?)"
    r"|(?P<word>[a-z_]+)"
    r"|(?P<operator>[<>]=?)"
)


@dataclass(frozen=True)
class Quantity:
    """What can be compared.

    Attributes:
        field: of the reading.
        low, high: thresholds that make sense; a value can lie a little outside of -1..2.
        margin: by which the value must come back, unless the rule says otherwise.
        scale: what the margin is measured in; a rule's own margin fits one scale only.
    """

    field: str
    low: float
    high: float
    margin: float = 0.03
    scale: str = "share"


QUANTITIES = {
    **{name: Quantity(name, -1, 2) for name in DIMENSIONS},
    **{f"{name}_change": Quantity(f"{name}_change", -2, 2) for name in DIMENSIONS},
    **{f"{name}_confidence": Quantity(f"{name}_confidence", 0, 1) for name in DIMENSIONS},
    "speech": Quantity("speech_share", 0, 1),
    "level": Quantity("level_dbfs", FLOOR_DBFS, 0, 3.0, "dB"),
}
"""By the name that rules use."""


@dataclass(frozen=True)
class Comparison:
    """One quantity against a threshold; `operator` is one of > >= < <=."""

    name: str
    operator: str
    threshold: float

    def __str__(self) -> str:
        return f"{self.name} {self.operator} {_shown(self.threshold)}"

    @property
    def quantity(self) -> Quantity:
        """What is compared."""
        return QUANTITIES[self.name]

    @property
    def room(self) -> float:
        """How far a value can come back from the threshold before its range ends."""
        if self.operator.startswith(">"):
            return self.threshold - self.quantity.low
        return self.quantity.high - self.threshold


@dataclass(frozen=True)
class ParsedRule:
    """A rule's meaning; `str` gives a text that parses to the same.

    Attributes:
        alternatives: the rule is met if all comparisons of at least one of them are.
        hold: seconds that it must be met before it begins.
        hysteresis: by which values must come back before it ends; None: each quantity's own.
        period: seconds between two beginnings at least.
    """

    alternatives: tuple[tuple[Comparison, ...], ...]
    hold: float = 0.0
    hysteresis: float | None = None
    period: float = 0.0

    @property
    def comparisons(self) -> tuple[Comparison, ...]:
        """All of them, in the order of the text."""
        return tuple(comparison for group in self.alternatives for comparison in group)

    def margin(self, comparison: Comparison) -> float:
        """By which the value must come back; a default one shrinks where a range is narrow."""
        if self.hysteresis is not None:
            return self.hysteresis
        return min(comparison.quantity.margin, comparison.room / 2)

    def __str__(self) -> str:
        text = " or ".join(" and ".join(map(str, group)) for group in self.alternatives)
        if self.hold:
            text += f" for {_duration(self.hold)}"
        if self.hysteresis is not None:
            text += f" hysteresis {_shown(self.hysteresis)}"
        if self.period:
            text += f" at most every {_duration(self.period)}"
        return text


def parse_rule(text: str) -> ParsedRule:
    """Understand a rule.

    Raises:
        InputError: the text is no rule; the message points at the place.

    Examples:
        >>> str(parse_rule("Arousal>.65 for 3000ms"))
        'arousal > 0.65 for 3s'
    """
    return _Parser(text).rule()


@dataclass(frozen=True)
class _Token:
    """A piece of the text; kind "end" stands behind the last one, "other" fits nothing."""

    kind: str
    text: str
    at: int


class _Parser:
    """Recursive descent; `_next` is the token that is looked at."""

    def __init__(self, text: str) -> None:
        if len(text) > LONGEST_TEXT:
            raise InputError(
                f"a rule of {len(text)} characters is too long",
                f"at most {LONGEST_TEXT}; several rules can run at once",
            )
        if not text.isprintable():
            raise InputError(
                f"the rule {text!a} holds characters that cannot be printed",
                f"examples: {EXAMPLE}",
            )
        self._text = text
        self._tokens = _split(text)
        self._index = 0

    def rule(self) -> ParsedRule:
        """All of the text."""
        alternatives = [self._all()]
        while self._take("or"):
            alternatives.append(self._all())
        hold = period = 0.0
        hysteresis: float | None = None
        given: set[str] = set()
        while self._next.kind != "end":
            at = self._next.at
            part = self._option(given)
            if part == "for":
                hold = self._duration()
            elif part == "hysteresis":
                hysteresis = self._number("a margin", 0, 100)
                self._check_margin(hysteresis, alternatives, at)
            else:
                period = self._duration()
        return ParsedRule(tuple(alternatives), hold, hysteresis, period)

    @property
    def _next(self) -> _Token:
        return self._tokens[self._index]

    def _take(self, word: str) -> bool:
        """Step over this word if it is the next one."""
        found = self._next.kind == "word" and self._next.text == word
        self._index += found
        return found

    def _all(self) -> tuple[Comparison, ...]:
        comparisons = [self._comparison()]
        while self._take("and"):
            comparisons.append(self._comparison())
        return tuple(comparisons)

    def _comparison(self) -> Comparison:
        name = self._next.text
        if name not in QUANTITIES:
            close = difflib.get_close_matches(name, QUANTITIES, 1)
            guess = f" (did you mean {close[0]}?)" if close else ""
            self._refuse("a quantity" + guess, f"one of {', '.join(QUANTITIES)}")
        self._index += 1
        operator = self._next.text
        if operator not in _OPERATORS:
            self._refuse(f"one of {' '.join(_OPERATORS)}")
        self._index += 1
        quantity = QUANTITIES[name]
        threshold = self._number(f"a threshold for {name}", quantity.low, quantity.high)
        return Comparison(name, operator, threshold)

    def _option(self, given: set[str]) -> str:
        """Step over the word or words that begin a part behind the condition."""
        begun = self._next
        if self._take("at"):
            if not (self._take("most") and self._take("every")):
                self._refuse('"at most every" and a duration')
            part = "at most every"
        elif self._take("for") or self._take("hysteresis"):
            part = begun.text
        else:
            self._refuse('"and", "or", "for", "hysteresis", "at most every" or the end')
        if part in given:
            self._refuse(f'"{part}" only once', at=begun.at)
        given.add(part)
        return part

    def _number(self, what: str, low: float, high: float) -> float:
        token = self._next
        if token.kind != "number":
            self._refuse(f"{what}, a number")
        value = float(token.text)
        if not low <= value <= high:
            self._refuse(f"{what} within {low:g}..{high:g}")
        self._index += 1
        return value + 0.0  # -0 is 0

    def _duration(self) -> float:
        begun = self._next
        count = self._number("a duration", 0, LONGEST_SECONDS * 1000)
        if self._next.text not in UNITS:
            self._refuse("a unit of time", f"one of {', '.join(UNITS)}, e.g. 3s or 500ms")
        seconds = count * UNITS[self._next.text]
        if seconds > LONGEST_SECONDS:
            self._refuse("a duration of 24h at most", at=begun.at)
        self._index += 1
        return seconds

    def _check_margin(
        self, margin: float, alternatives: list[tuple[Comparison, ...]], at: int
    ) -> None:
        comparisons = [comparison for group in alternatives for comparison in group]
        if len({comparison.quantity.scale for comparison in comparisons}) > 1:
            self._refuse(
                "no hysteresis in a rule that compares both the level and something else",
                "each then has a margin of its own: 3 dB and 0.03",
                at,
            )
        for comparison in comparisons:
            if margin > comparison.room:
                self._refuse(
                    f"a hysteresis of at most {comparison.room:g}, or {str(comparison)!r} could "
                    "never end",
                    at=at,
                )

    def _refuse(self, expected: str, hint: str = "", at: int | None = None) -> NoReturn:
        """Say what was expected where, and what stands there."""
        place = self._next.at if at is None else at
        found = self._text[place:].split(maxsplit=1)
        there = f"not {found[0]!r}" if found else "but the rule ends there"
        raise InputError(
            f"the rule {self._text!r}, character {place + 1}: expected {expected}, {there}",
            hint or f"examples: {EXAMPLE}",
        )


def _split(text: str) -> list[_Token]:
    lowered = text.lower()
    tokens, at = [], 0
    while at < len(text):
        match = _TOKEN.match(lowered, at)
        if lowered[at].isspace():
            at += 1
        elif match is None:
            tokens.append(_Token("other", lowered[at], at))
            at += 1
        else:
            tokens.append(_Token(match.lastgroup or "other", match.group(), at))
            at = match.end()
    return [*tokens, _Token("end", "", len(text))]


def _shown(number: float) -> str:
    """Shortest text that reads as the same number."""
    return repr(number).removesuffix(".0")


def _duration(seconds: float) -> str:
    for unit in ("h", "m"):
        if seconds % UNITS[unit] == 0:
            return f"{_shown(seconds / UNITS[unit])}{unit}"
    return f"{_shown(seconds)}s"
