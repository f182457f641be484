"""The user's rules: when one begins to hold and when it ends.

A rule begins once its condition has been met for its duration; it ends when values have come back
by a margin, so that a value that trembles about its threshold is one event. All times are seconds
of audio: setting the computer's clock changes nothing.

What is not known (no speech, an abstention, a baseline that is still being learned) neither meets
a condition nor breaks it, for `PAUSE_SECONDS`: the duration stands still meanwhile and goes on
afterwards. Then the wait starts over, and a rule that holds ends. "and" and "or" take the unknown
as Kleene's logic does: `speech < 0.1 or arousal > 0.7` is met by silence alone. The table of all
cases is in docs/EVENTS.md. Non-goal: acting on events, which sinks and `actions/` do.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable

from edge_ser.errors import InputError
from edge_ser.stream.meaning.rule_grammar import Comparison, parse_rule
from edge_ser.stream.options import RuleOptions
from edge_ser.stream.reading import Event, Reading

PAUSE_SECONDS = 5.0
"""A pause in the speech, or missing readings, of up to this length break nothing."""

_ROUNDING = 1e-6
"""Seconds: hops of e.g. 0.1 s do not add up exactly."""

_COMPARE = {">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le}


def rule_name(options: RuleOptions) -> str:
    """The user's short name for a rule; its text when there is none."""
    return options.name or options.when.strip()


def check_names(rules: Iterable[RuleOptions]) -> None:
    """Events are told apart by their names.

    Raises:
        InputError: two rules have the same.
    """
    seen: set[str] = set()
    for name in map(rule_name, rules):
        if name in seen:
            raise InputError(
                f"two rules are called {name!r}", "give each a name of its own with --name"
            )
        seen.add(name)


class Rule:
    """One rule of one stream.

    Args:
        options: the rule as the user gave it.

    Raises:
        InputError: its text is no rule.

    Attributes:
        text: the rule, as written.
        name: the user's short name for it; the text when there is none.
        active: whether it holds.
    """

    def __init__(self, options: RuleOptions) -> None:
        self.text = options.when.strip()
        self.name = rule_name(options)
        self.active = False
        self._parsed = parse_rule(self.text)
        self._met_comparisons: set[Comparison] = set()
        self._met_seconds: float | None = None
        self._begun_t = -math.inf
        self._last_t = -math.inf
        self._known_t = -math.inf
        self._gaps = 0

    @property
    def quantities(self) -> frozenset[str]:
        """Names of what it compares, as rules use them."""
        return frozenset(comparison.name for comparison in self._parsed.comparisons)

    def update(self, reading: Reading) -> Event | None:
        """Take the next reading; an event if the rule begins to hold with it, or ends."""
        met = self._met(reading)
        lapsed = met is None and reading.t - self._known_t > PAUSE_SECONDS
        if met is not None:
            self._wait(met, reading)
            self._known_t = reading.t
        elif lapsed:
            self._met_seconds = None
        self._last_t, self._gaps = reading.t, reading.gaps
        if self.active:
            return self._end(reading) if met is False or lapsed else None
        return self._begin(reading) if met and self._due(reading.t) else None

    def finish(self, time: float) -> Event | None:
        """The stream ends: so does the rule, if it holds. Its value is not known any more.

        Args:
            time: seconds since 1970.
        """
        if not self.active:
            return None
        self.active, self._met_seconds = False, None
        held = self._last_t - self._begun_t
        return Event(self.text, self.name, False, time, self._last_t, None, held)

    def _met(self, reading: Reading) -> bool | None:
        """Whether the condition is met; None if that cannot be known."""
        known = {
            comparison: self._judge(comparison, reading) for comparison in self._parsed.comparisons
        }
        # What is unknown stays as it was while the rule holds, and counts as unmet before.
        kept = {c for c in self._met_comparisons if self.active and known[c] is None}
        self._met_comparisons = kept | {c for c, met in known.items() if met}
        return _any(_all(known[c] for c in group) for group in self._parsed.alternatives)

    def _judge(self, comparison: Comparison, reading: Reading) -> bool | None:
        """Against the threshold; one that was met while the rule holds has to come back first."""
        value = getattr(reading, comparison.quantity.field)
        if value is None or math.isnan(value):
            return None
        threshold = comparison.threshold
        if self.active and comparison in self._met_comparisons:
            margin = self._parsed.margin(comparison)
            threshold += -margin if comparison.operator.startswith(">") else margin
        return bool(_COMPARE[comparison.operator](value, threshold))

    def _wait(self, met: bool, reading: Reading) -> None:
        """Count for how long the condition has been met; time that is not known does not count."""
        step = reading.t - self._last_t
        interrupted = reading.gaps != self._gaps or not 0 <= step <= PAUSE_SECONDS
        if not met:
            self._met_seconds = None
        elif self._met_seconds is None or interrupted:
            self._met_seconds = 0.0
        elif self._known_t == self._last_t:
            self._met_seconds += step

    def _due(self, t: float) -> bool:
        waited = self._met_seconds is not None and (
            self._met_seconds >= self._parsed.hold - _ROUNDING
        )
        return waited and t - self._begun_t >= self._parsed.period - _ROUNDING

    def _begin(self, reading: Reading) -> Event:
        self.active, self._begun_t = True, reading.t
        return self._event(reading, 0.0)

    def _end(self, reading: Reading) -> Event:
        self.active, self._met_seconds = False, None
        return self._event(reading, reading.t - self._begun_t)

    def _event(self, reading: Reading, held_seconds: float) -> Event:
        return Event(
            rule=self.text,
            name=self.name,
            active=self.active,
            time=reading.time,
            t=reading.t,
            value=getattr(reading, self._parsed.comparisons[0].quantity.field),
            held_seconds=held_seconds,
        )


def check_known(rules: Iterable[Rule], detector: bool, confidence: bool, baseline: bool) -> None:
    """Refuse rules that would wait for ever, because the stream never knows what they compare.

    Args:
        detector, confidence, baseline: whether the stream has them.

    Raises:
        InputError: a rule compares what it has not.
    """
    for rule in rules:
        for name in sorted(rule.quantities):
            hint = ""
            if name == "speech" and not detector:
                hint = "it needs the voice-activity detector: --vad on"
            elif name.endswith("_confidence") and not confidence:
                hint = "it needs a model with confidence parameters, and confidence switched on"
            elif name.endswith("_change") and not baseline:
                hint = "it needs a personal baseline: --baseline 10m"
            if hint:
                raise InputError(
                    f"the rule {rule.text!r} compares {name}, which is not known", hint
                )


def _all(known: Iterable[bool | None]) -> bool | None:
    values = list(known)
    if False in values:
        return False
    return None if None in values else True


def _any(known: Iterable[bool | None]) -> bool | None:
    values = list(known)
    if True in values:
        return True
    return None if None in values else False
