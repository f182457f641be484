"""The language of rules, and when a rule begins and ends."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from stream_fixtures import sample_reading

from edge_ser.errors import InputError
from edge_ser.stream.meaning.rule_grammar import (
    LONGEST_TEXT,
    QUANTITIES,
    Comparison,
    ParsedRule,
    parse_rule,
)
from edge_ser.stream.meaning.rules import PAUSE_SECONDS, Rule, check_known, check_names
from edge_ser.stream.options import RuleOptions
from edge_ser.stream.reading import Event, Reading

HOP = 0.5
SILENCE: dict[str, Any] = {
    "state": "no speech",
    "arousal": None,
    "dominance": None,
    "valence": None,
    "speech_share": 0.0,
}


def a_reading(step: int, value: float | None, **changes: Any) -> Reading:
    """At `step` hops; `value` is the arousal, None is a window without speech."""
    known = SILENCE if value is None else {"arousal": value, "speech_share": 1.0}
    return sample_reading(**{"t": step * HOP, "time": 1e9 + step * HOP, **known, **changes})


def events(text: str, values: list[float | None]) -> list[tuple[float, bool]]:
    """(t, active) of the events that a rule gives for a reading per hop."""
    rule = Rule(RuleOptions(text))
    given = (rule.update(a_reading(step, value)) for step, value in enumerate(values))
    return [(event.t, event.active) for event in given if event is not None]


# --- the language ---


def test_a_full_rule_is_understood() -> None:
    rule = parse_rule(
        "Arousal > .65 and speech>=0.5 or valence_change < -0.2 "
        "at most every 5m for 1500ms hysteresis 5e-2"
    )
    assert rule == ParsedRule(
        alternatives=(
            (Comparison("arousal", ">", 0.65), Comparison("speech", ">=", 0.5)),
            (Comparison("valence_change", "<", -0.2),),
        ),
        hold=1.5,
        hysteresis=0.05,
        period=300.0,
    )
    assert str(rule) == (
        "arousal > 0.65 and speech >= 0.5 or valence_change < -0.2 "
        "for 1.5s hysteresis 0.05 at most every 5m"
    )


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("", 1, "expected a quantity, but the rule ends there"),
        ("arousel > 0.6", 1, "did you mean arousal?"),
        ("arousal = 0.6", 9, "expected one of >= <= > <, not '='"),
        ("arousal > high", 11, "expected a threshold for arousal, a number, not 'high'"),
        ("arousal > 65", 11, "expected a threshold for arousal within -1..2, not '65'"),
        ("level > 0.5", 9, "expected a threshold for level within -120..0"),
        ("arousal > 1e999", 11, "within -1..2"),
        ("arousal > 0.6 fro 3s", 15, "not 'fro'"),
        ("arousal > 0.6 valence < 0.3", 15, '"and", "or", "for"'),
        ("arousal > 0.6 and", 18, "expected a quantity, but the rule ends there"),
        ("arousal > 0.6 for", 18, "a duration, a number, but the rule ends there"),
        ("arousal > 0.6 for 3", 20, "expected a unit of time"),
        ("arousal > 0.6 for 3 days", 21, "expected a unit of time"),
        ("arousal > 0.6 for -3s", 19, "a duration within 0.."),
        ("arousal > 0.6 for 25h", 19, "a duration of 24h at most"),
        ("arousal > 0.6 for 3s for 4s", 22, '"for" only once'),
        ("arousal > 0.6 at least every 3s", 18, '"at most every"'),
        ("arousal > 0.6 hysteresis -1", 26, "a margin within 0..100"),
        ("speech > 0.02 hysteresis 0.05", 15, "at most 0.02, or 'speech > 0.02' could never end"),
        ("level < -3 hysteresis 4", 12, "at most 3, or 'level < -3' could never end"),
        ("level > -30 and arousal > 0.6 hysteresis 1", 31, "a margin of its own"),
        ("(arousal > 0.6)", 1, "expected a quantity, not '(arousal'"),
        ("arousal > 0.6; rm -rf /", 14, "not ';'"),
    ],
)
def test_errors_point_at_the_place_and_show_the_way(text: str, place: int, words: str) -> None:
    with pytest.raises(InputError) as refused:
        parse_rule(text)
    message = f"{refused.value} {refused.value.hint}"
    assert words in message
    assert f"character {place}:" in message
    assert refused.value.hint


@pytest.mark.parametrize("text", ["arousal > 0.6\n", "arousal\x1b[2J > 1", "\ud800 > 1", "\u202e"])
def test_control_characters_are_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(InputError) as refused:
        parse_rule(text)
    assert str(refused.value).isprintable()


def test_a_very_long_rule_is_refused_without_being_repeated() -> None:
    with pytest.raises(InputError) as refused:
        parse_rule("arousal > 0.5 and " * LONGEST_TEXT)
    assert len(str(refused.value)) < 100


@settings(deadline=None)
@given(st.text(max_size=100))
@example("arousal > 0.6 for İ")
@example("arousal > ٣")
def test_hostile_text_is_understood_or_refused_with_a_hint(text: str) -> None:
    try:
        parse_rule(text)
    except InputError as refused:
        assert refused.hint
        assert str(refused).isprintable()


@settings(deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [*QUANTITIES, ">", "<=", "0.5", "-3", "and", "or", "for", "3s", "at", "most", "every"]
        ),
        max_size=12,
    ).map(" ".join)
)
def test_words_of_the_language_in_any_order_give_a_rule_or_a_refusal(text: str) -> None:
    try:
        rule = parse_rule(text)
    except InputError:
        return
    assert parse_rule(str(rule)) == rule


@st.composite
def comparisons(draw: st.DrawFn) -> Comparison:
    """Any that the language can say."""
    name = draw(st.sampled_from(list(QUANTITIES)))
    quantity = QUANTITIES[name]
    threshold = draw(st.floats(quantity.low, quantity.high)) + 0.0
    return Comparison(name, draw(st.sampled_from([">", ">=", "<", "<="])), threshold)


@st.composite
def rules(draw: st.DrawFn) -> ParsedRule:
    """Any that the language can say."""
    group = st.lists(comparisons(), min_size=1, max_size=3).map(tuple)
    alternatives = draw(st.lists(group, min_size=1, max_size=3).map(tuple))
    duration = st.one_of(st.floats(0, 86_400), st.integers(0, 86_400).map(float))
    every = [comparison for group in alternatives for comparison in group]
    margins: st.SearchStrategy[float | None] = st.none()
    if len({comparison.quantity.scale for comparison in every}) == 1:
        margins |= st.floats(0, min(100.0, *(comparison.room for comparison in every)))
    return ParsedRule(alternatives, draw(duration), draw(margins), draw(duration))


@settings(deadline=None)
@given(rules())
def test_parsing_is_the_inverse_of_formatting(rule: ParsedRule) -> None:
    if len(str(rule)) <= LONGEST_TEXT:
        assert parse_rule(str(rule)) == rule


# --- beginning and ending ---


def test_a_rule_begins_after_its_duration_and_ends_beyond_the_margin() -> None:
    values: list[float | None] = [0.5, 0.7, 0.7, 0.66, 0.7, 0.64, 0.63, 0.61, 0.66]
    # Met from 0.5 s on, for 1.5 s at 2.0 s; 0.64 and 0.63 are within the margin of 0.03.
    assert events("arousal > 0.65 for 1.5s", values) == [(2.0, True), (3.5, False)]


def test_an_event_says_what_happened() -> None:
    rule = Rule(RuleOptions(" arousal > 0.65 for 1s ", name="excited"))
    begun = [rule.update(a_reading(step, 0.7)) for step in range(3)][-1]
    ended = [rule.update(a_reading(step, value)) for step, value in ((3, 0.8), (4, 0.3))][-1]
    assert begun == Event("arousal > 0.65 for 1s", "excited", True, 1e9 + 1.0, 1.0, 0.7, 0.0)
    assert ended == Event("arousal > 0.65 for 1s", "excited", False, 1e9 + 2.0, 2.0, 0.3, 1.0)
    assert Rule(RuleOptions("arousal > 0.65")).name == "arousal > 0.65"


def test_one_reading_below_the_threshold_starts_the_wait_over() -> None:
    assert events("arousal > 0.65 for 1s", [0.7, 0.7, 0.64, 0.7, 0.7, 0.7]) == [(2.5, True)]


def test_without_a_duration_the_first_reading_decides() -> None:
    assert events("arousal < 0.3", [0.29, 0.32, 0.34, 0.32, 0.29]) == [
        *((0.0, True), (1.0, False), (2.0, True))
    ]


@pytest.mark.parametrize(
    ("operator", "begins", "ends"),
    [(">", 0.51, 0.5), (">=", 0.5, 0.49), ("<", 0.49, 0.5), ("<=", 0.5, 0.51)],
)
def test_without_a_margin_the_end_is_the_opposite(
    operator: str, begins: float, ends: float
) -> None:
    text = f"arousal {operator} 0.5 hysteresis 0"
    assert events(text, [ends, begins, ends]) == [(0.5, True), (1.0, False)]


@settings(deadline=None)
@given(
    st.sampled_from([">", ">=", "<", "<="]),
    st.floats(0.2, 0.8),
    st.floats(0.001, 0.2),
    st.booleans(),
    st.lists(st.floats(0.001, 0.999), min_size=1, max_size=50),
)
def test_within_the_margin_nothing_ever_changes(
    operator: str, threshold: float, margin: float, active: bool, places: list[float]
) -> None:
    away = -1 if operator.startswith(">") else 1
    band: list[float | None] = [threshold + away * margin * place for place in places]
    first = threshold - away * 0.1 if active else threshold + away * (margin + 0.1)
    seen = events(f"arousal {operator} {threshold!r} hysteresis {margin!r}", [first, *band])
    assert seen == ([(0.0, True)] if active else [])


@settings(deadline=None)
@given(st.lists(st.none() | st.floats(0, 1), max_size=80), st.sampled_from([0.0, 1.0, 2.5]))
def test_events_alternate_and_beginnings_keep_their_distance(
    values: list[float | None], period: float
) -> None:
    seen = events(f"arousal > 0.5 for 500ms at most every {period}s", values)
    assert [active for _, active in seen] == [index % 2 == 0 for index in range(len(seen))]
    begun = [t for t, active in seen if active]
    assert all(later - earlier >= period for earlier, later in pairwise(begun))


def test_at_most_every_holds_a_beginning_back() -> None:
    flicker: list[float | None] = [0.7, 0.3] * 8
    seen = events("arousal > 0.6 at most every 3s", flicker)
    assert [t for t, active in seen if active] == [0.0, 3.0, 6.0]
    # It begins as soon as it may if it is still met.
    held: list[float | None] = [0.7, 0.3, *[0.7] * 10]
    assert events("arousal > 0.6 at most every 3s", held) == [(0, True), (0.5, False), (3, True)]


# --- what is not known ---


def test_a_pause_in_the_speech_does_not_count_and_does_not_break() -> None:
    # Met for 1 s, a pause of 2 s, met again: the reading after the pause counts no time.
    values = [0.7, 0.7, 0.7, None, None, None, None, 0.7, 0.7, 0.7]
    assert events("arousal > 0.65 for 2s", values) == [(4.5, True)]


def test_a_long_pause_starts_the_wait_over_and_ends_what_holds() -> None:
    pause: list[float | None] = [None] * (round(PAUSE_SECONDS / HOP) + 1)
    values = [0.7, 0.7, 0.7, *pause, 0.7, 0.7, 0.7]
    assert events("arousal > 0.65 for 1.5s", values) == []
    lapsed, again = 1.0 + PAUSE_SECONDS + HOP, (len(values) - 1) * HOP
    assert events("arousal > 0.65 for 1s", values) == [(1.0, True), (lapsed, False), (again, True)]


def test_the_end_by_silence_has_no_value() -> None:
    rule = Rule(RuleOptions("arousal > 0.65"))
    rule.update(a_reading(0, 0.7))
    seen = [rule.update(a_reading(step, None)) for step in range(1, 12)]
    ended = next(event for event in seen if event is not None)
    assert (ended.active, ended.value, ended.held_seconds) == (False, None, 5.5)


def test_an_abstention_is_like_a_pause_but_its_confidence_counts() -> None:
    unsure: dict[str, Any] = {"state": "uncertain", "arousal_confidence": 0.1}
    event = Rule(RuleOptions("arousal_confidence < 0.2")).update(a_reading(0, None, **unsure))
    assert event is not None and event.value == 0.1
    assert Rule(RuleOptions("arousal > 0.2")).update(a_reading(0, None, **unsure)) is None


def test_or_is_met_by_what_is_known_and_and_needs_both() -> None:
    assert events("arousal > 0.7 or speech < 0.1", [None]) == [(0.0, True)]
    assert events("arousal > 0.7 and speech < 0.1", [None]) == []
    assert events("arousal > 0.7 and speech > 0.9", [None, 0.8]) == [(0.5, True)]


def test_and_binds_before_or() -> None:
    assert events("speech > 0.9 and arousal > 0.9 or arousal < 0.1", [0.5, 0.05]) == [(0.5, True)]


def test_an_alternative_within_its_margin_does_not_keep_a_rule_that_it_did_not_begin() -> None:
    rule = Rule(RuleOptions("arousal > 0.7 or valence < 0.3"))
    begun = rule.update(a_reading(0, 0.8, valence=0.5))
    assert begun is not None and begun.active
    ended = rule.update(a_reading(1, 0.2, valence=0.32))
    assert ended is not None and not ended.active


def test_what_was_met_before_a_silence_does_not_count_in_a_rule_that_silence_begins() -> None:
    rule = Rule(RuleOptions("arousal > 0.7 and valence > 0.9 or speech < 0.1"))
    assert rule.update(a_reading(0, 0.8)) is None
    begun = rule.update(a_reading(1, None))
    assert begun is not None and begun.active
    # 0.68 is within the margin of 0.7, but 0.7 was not passed since the rule began.
    ended = rule.update(a_reading(2, 0.68, valence=0.95))
    assert ended is not None and not ended.active


def test_a_change_is_unknown_until_the_baseline_is_learned() -> None:
    rule = Rule(RuleOptions("arousal_change > 0.2"))
    assert rule.update(a_reading(0, 0.9)) is None
    assert rule.update(a_reading(1, 0.9, arousal_change=0.3)) is not None


def test_a_value_that_is_no_number_is_unknown() -> None:
    assert events("arousal > 0.5", [float("nan")]) == []


def test_a_rule_names_what_it_compares() -> None:
    rule = Rule(RuleOptions("speech > 0.5 and arousal > 0.7 or arousal < 0.1"))
    assert rule.quantities == {"arousal", "speech"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("speech > 0.5", "--vad on"),
        ("arousal > 0.5 and valence_confidence > 0.5", "confidence parameters"),
        ("dominance_change > 0.1 or level > -30", "--baseline 10m"),
    ],
)
def test_a_rule_about_what_is_never_known_is_refused(text: str, words: str) -> None:
    rules = [Rule(RuleOptions("arousal > 0.6")), Rule(RuleOptions(text))]
    check_known(rules, detector=True, confidence=True, baseline=True)
    with pytest.raises(InputError) as refused:
        check_known(rules, detector=False, confidence=False, baseline=False)
    assert words in refused.value.hint


def test_two_rules_of_one_name_are_refused() -> None:
    check_names([RuleOptions("arousal > 0.6"), RuleOptions("arousal > 0.6", name="other")])
    with pytest.raises(InputError, match="two rules are called 'loud'"):
        check_names(
            [RuleOptions("level > -9", name="loud"), RuleOptions("speech > 0", name="loud")]
        )


def test_the_end_of_the_stream_ends_what_holds_and_nothing_else() -> None:
    rule = Rule(RuleOptions("arousal > 0.65", name="excited"))
    assert rule.finish(2e9) is None
    rule.update(a_reading(0, 0.7))
    rule.update(a_reading(3, 0.7))
    assert rule.finish(2e9) == Event("arousal > 0.65", "excited", False, 2e9, 1.5, None, 1.5)
    assert rule.finish(2e9) is None


# --- gaps and clocks ---


def test_a_reconnected_microphone_starts_the_wait_over() -> None:
    rule = Rule(RuleOptions("arousal > 0.65 for 1s"))
    seen = [rule.update(a_reading(step, 0.7, gaps=int(step >= 2))) for step in range(5)]
    assert [event is not None for event in seen] == [False, False, False, False, True]


def test_skipped_windows_count_while_they_are_few() -> None:
    def begins(step: int) -> bool:
        rule = Rule(RuleOptions("arousal > 0.65 for 2s"))
        rule.update(a_reading(0, 0.7))
        return rule.update(a_reading(step, 0.7)) is not None

    assert begins(4)
    assert not begins(round(PAUSE_SECONDS / HOP) + 1)


def test_a_clock_that_jumps_changes_nothing() -> None:
    rule = Rule(RuleOptions("arousal > 0.65 for 1s at most every 1h"))
    times = [1e9, 1e9 + 86_400, 1e9 - 86_400, 1e9, 1e9]
    seen = [rule.update(a_reading(step, 0.7, time=time)) for step, time in enumerate(times)]
    assert [event is not None for event in seen] == [False, False, True, False, False]


@pytest.mark.parametrize("hop", [0.05, 0.1, 0.3])
def test_hops_that_do_not_add_up_exactly_do_not_delay(hop: float) -> None:
    rule = Rule(RuleOptions("arousal > 0.65 for 3s"))
    steps = round(3 / hop)
    for step in range(steps):
        assert rule.update(a_reading(0, 0.7, t=7 + step * hop)) is None
    assert rule.update(a_reading(0, 0.7, t=7 + steps * hop)) is not None


def test_level_has_a_margin_in_decibels_and_needs_no_speech() -> None:
    rule = Rule(RuleOptions("level > -30"))
    levels = [-40.0, -29.0, -32.9, -33.0]
    seen = [
        rule.update(a_reading(step, None, level_dbfs=level)) for step, level in enumerate(levels)
    ]
    assert [event and event.active for event in seen] == [None, True, None, False]


def test_a_default_margin_never_keeps_a_rule_for_ever() -> None:
    rule = Rule(RuleOptions("speech > 0.02"))
    assert rule.update(a_reading(0, 0.5)) is not None
    ended = rule.update(a_reading(1, None))
    assert ended is not None and not ended.active
