"""JSON lines, text lines and the live view."""

from __future__ import annotations

import dataclasses
import io
import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stream_fixtures import INFO, sample_reading

from edge_ser.stream.reading import Delivery, Event, Meter, StreamInfo, Summary
from edge_ser.stream.sinks.bars import bar, sparkline
from edge_ser.stream.sinks.json_lines import SCHEMA_VERSION, JsonLines
from edge_ser.stream.sinks.terminal import Terminal
from edge_ser.stream.sinks.terminal_line import Line, length
from edge_ser.stream.sinks.terminal_view import HEIGHT, ViewState, render
from edge_ser.stream.sinks.text_lines import TextLines, text_line

SUMMARY = Summary(
    seconds=42.1,
    windows=83,
    partial=9,
    speech=60,
    uncertain=3,
    skipped=1,
    clipped=2,
    dropped=3,
    overflows=4,
    reconnects=5,
    gaps=6,
    invalid=7,
    median_ms=6.1,
    slowest_ms=9.0,
    deliveries=(Delivery("stdout", 83, 0, 0, 0), Delivery("mqtt", 70, 13, 1, 0, "refused")),
)

EVENT = Event("arousal > 0.6 for 3s", "loud", True, 1_800_000_000.25, 5.0, 0.62, 0.0)


def a_meter(
    seconds: float = 42.0,
    level: float = -23.0,
    dropped: int = 0,
    recording: bool = False,
    connected: bool = True,
    speech: float | None = None,
    deliveries: tuple[Delivery, ...] = (),
) -> Meter:
    """A plausible meter."""
    return Meter(
        seconds=seconds,
        uptime=seconds,
        connected=connected,
        level_dbfs=level,
        peak_dbfs=min(level + 12, 0.0) if level > -120 else level,
        speech=speech,
        clipped=0,
        dropped=dropped,
        overflows=0,
        reconnects=0,
        gaps=0,
        invalid=0,
        skipped=0,
        recording=recording,
        deliveries=deliveries,
    )


def text_of(lines: list[Line]) -> str:
    """Without styles."""
    return "\n".join("".join(text for text, _ in line) for line in lines)


def test_json_lines_follow_the_documented_schema() -> None:
    output = io.StringIO()
    sink = JsonLines(output)
    sink.start(INFO)
    sink.meter(a_meter())
    sink.reading(sample_reading(skipped=2, valence_confidence=0.9))
    sink.reading(sample_reading(state="no speech", arousal=None, dominance=None, valence=None))
    sink.event(EVENT)
    sink.finish(SUMMARY)
    line, quiet, event = map(json.loads, output.getvalue().splitlines())
    assert line == {
        "schema": SCHEMA_VERSION,
        "type": "reading",
        "time": "2027-01-15T08:00:00.250Z",
        "t": 5.0,
        "start_sample": 0,
        "end_sample": 80_000,
        "state": "speech",
        "arousal": 0.62,
        "dominance": 0.55,
        "valence": 0.41,
        "arousal_confidence": None,
        "dominance_confidence": None,
        "valence_confidence": 0.9,
        "arousal_change": None,
        "dominance_change": None,
        "valence_change": None,
        "speech_share": None,
        "partial": False,
        "level_dbfs": -23.4,
        "clipped": 0,
        "dropped": 0,
        "overflows": 0,
        "reconnects": 0,
        "gaps": 0,
        "invalid": 0,
        "skipped": 2,
        "inference_ms": 6.0,
        "engine": "fake",
        "engine_version": "1.0",
        "artefact": "model.int8.tflite",
        "model": "wav2small",
    }
    assert (quiet["state"], quiet["arousal"]) == ("no speech", None)
    assert event == {
        "schema": SCHEMA_VERSION,
        "type": "event",
        "time": "2027-01-15T08:00:00.250Z",
        "t": 5.0,
        "rule": "arousal > 0.6 for 3s",
        "name": "loud",
        "active": True,
        "value": 0.62,
        "held_seconds": 0.0,
    }


def test_every_json_field_is_documented(repository: Path) -> None:
    output = io.StringIO()
    sink = JsonLines(output)
    sink.start(INFO)
    sink.reading(sample_reading())
    sink.event(EVENT)
    documented = (repository / "docs" / "STREAMING.md").read_text()
    for line in output.getvalue().splitlines():
        for name in json.loads(line):
            assert f"`{name}`" in documented


def test_text_lines_name_only_what_was_lost() -> None:
    clean = text_line(sample_reading())
    words = " ".join(clean.split())
    assert words == "5.0 s arousal 0.620 dominance 0.550 valence 0.410 level -23.4 dB"
    assert text_line(sample_reading(partial=True, dropped=12, skipped=3)).endswith(
        "  partial  dropped 12  skipped 3"
    )


def test_text_lines_say_what_there_is_instead_of_values() -> None:
    output = io.StringIO()
    sink = TextLines(output)
    sink.reading(sample_reading(state="no speech", arousal=None, dominance=None, valence=None))
    sink.reading(
        sample_reading(arousal_confidence=0.9, dominance_confidence=0.8, valence_confidence=0.555)
    )
    sink.event(EVENT)
    sink.event(dataclasses.replace(EVENT, active=False, held_seconds=12.5))
    quiet, sure, begins, ends = output.getvalue().splitlines()
    assert " ".join(quiet.split()) == "5.0 s no speech level -23.4 dB"
    assert quiet.index("level") == sure.index("level")
    assert sure.endswith("confidence 0.90 0.80 0.56")
    assert begins.endswith("* loud: begins") and ends.endswith("* loud: ends after 12.5 s")


def test_summary_sentence() -> None:
    assert SUMMARY.sentence() == (
        "83 windows (9 partial, 60 with speech) over 42.1 s of audio; 1 skipped, 3 samples "
        "dropped, 4 overflows, 2 clipped samples, 5 reconnects, 6 gaps, 7 invalid; "
        "inference median 6.1 ms, "
        "slowest 9.0 ms; mqtt lost 13"
    )


@given(st.floats(-1, 2), st.integers(0, 100), st.booleans())
def test_bars_never_outgrow_their_place_and_grow_with_the_value(
    value: float, width: int, unicode: bool
) -> None:
    assert len(bar(value, width, unicode)) <= width
    assert len(bar(value, width, unicode)) <= len(bar(value + 0.1, width, unicode))


@given(st.lists(st.floats(-1, 2), max_size=50), st.integers(0, 40))
def test_sparklines_fill_their_place(values: list[float], width: int) -> None:
    assert len(sparkline(values, width)) == width


@settings(max_examples=200, deadline=None)
@given(
    columns=st.integers(2, 250),
    rows=st.integers(1, 60),
    unicode=st.booleans(),
    source=st.text(max_size=60),
    level=st.floats(-120, 0),
    values=st.tuples(*[st.floats(-0.5, 1.5)] * 3),
    heard=st.booleans(),
    error=st.text(max_size=30),
)
def test_the_view_fits_any_terminal(
    columns: int,
    rows: int,
    unicode: bool,
    source: str,
    level: float,
    values: tuple[float, float, float],
    heard: bool,
    error: str,
) -> None:
    info = StreamInfo(**{**INFO.__dict__, "source": source})
    state = ViewState(info)
    if heard:
        arousal, dominance, valence = values
        state.add(sample_reading(arousal=arousal, dominance=dominance, valence=valence))
        delivery = Delivery("mqtt", 10**9, 10**9, 3, 512, error)
        state.meter = a_meter(level=level, dropped=10**9, speech=0.7, deliveries=(delivery,))
        state.events.append(dataclasses.replace(EVENT, name=error))
    lines = render(state, columns, rows, unicode)
    assert len(lines) in (1, HEIGHT)
    assert len(lines) <= rows
    assert max(length(line) for line in lines) <= columns
    if not unicode:
        assert text_of(lines).isascii()
    assert "\x1b" not in text_of(lines)


def test_the_view_says_what_matters() -> None:
    state = ViewState(INFO)
    assert "waiting for the first samples" in text_of(render(state, 80, 24, True))
    state.meter = a_meter(seconds=2.5)
    assert "warming up, 2.5 of 5 s" in text_of(render(state, 80, 24, True))
    state.add(sample_reading())
    state.meter = a_meter(seconds=3_723)
    view = text_of(render(state, 80, 24, True))
    for words in (
        "USB microphone",
        "0.62",
        "0.55",
        "0.41",
        "level dB   -23",
        "1:02:03",
        "nothing lost",
    ):
        assert words in view
    assert view.index("arousal") < view.index("dominance") < view.index("valence")
    assert "wav2small on fake 1.0 · the last 5 s, every 0.5 s" in view
    state.meter = a_meter(dropped=120, recording=True)
    view = text_of(render(state, 80, 24, True))
    assert "dropped 120" in view and "recording" in view and "nothing lost" not in view
    state.meter = a_meter(level=-120)
    assert "digital silence" in text_of(render(state, 80, 24, True))
    state.meter = a_meter(connected=False)
    view = text_of(render(state, 80, 24, True))
    assert "no audio arrives" in view and "● no audio" in view
    assert "A 0.62  D 0.55  V 0.41" in text_of(render(state, 40, 24, True))
    assert "A 0.62  D 0.55  V 0.41" in text_of(render(state, 80, 5, True))


def test_the_view_shows_voice_confidence_sinks_and_news() -> None:
    notes: list[str] = []
    state = ViewState(INFO, notes=notes)
    state.add(sample_reading(arousal_confidence=0.83))
    web, mqtt = Delivery("web", 12, 0, 0, 0), Delivery("mqtt", 9, 3, 2, 0, "refused")
    state.meter = a_meter(speech=0.9, deliveries=(Delivery("stdout", 12, 0, 0, 0), web, mqtt))
    view = text_of(render(state, 80, 24, True))
    assert "0.62 83% " in view and "voice" in view
    assert "web 12  mqtt 9, lost 3 (refused)" in view and "stdout" not in view
    state.events.append(EVENT)
    assert "loud: begins" in text_of(render(state, 80, 24, True))
    notes.append("mqtt failed: refused")
    assert "  mqtt failed: refused" in text_of(render(state, 80, 24, True))
    state.meter = a_meter(speech=0.1)
    assert "voice" not in text_of(render(state, 80, 24, True))
    state.add(sample_reading(state="uncertain", arousal=None, dominance=None, valence=None))
    view = text_of(render(state, 80, 24, True))
    assert "● uncertain" in view and "arousal    …" in view
    assert "uncertain" in text_of(render(state, 40, 24, True))


def drawn(encoding: str, colour: bool, size: tuple[int, int] = (80, 24)) -> list[str]:
    """What a terminal receives: after the start, after a meter, at the end."""
    output = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    sink = Terminal(output, size=size, colour=colour)
    texts, seen = [], 0
    for step in (
        lambda: sink.start(INFO),
        lambda: sink.meter(a_meter()),
        lambda: sink.reading(sample_reading()),
        lambda: sink.finish(SUMMARY),
    ):
        step()
        whole = output.buffer.getvalue().decode(encoding)  # type: ignore[attr-defined]
        texts.append(whole[seen:])
        seen = len(whole)
    return texts


def test_the_terminal_redraws_in_place_and_restores_the_cursor() -> None:
    start, meter, reading, finish = drawn("utf-8", colour=True)
    assert start.startswith("\x1b[?25l")
    assert start.count("\n") == HEIGHT - 1
    for redraw in (meter, reading):
        assert f"\r\x1b[{HEIGHT - 1}A" in redraw
        assert redraw.count("\n") == HEIGHT - 1
    assert "\x1b[38;5;209m" in reading
    assert finish == "\x1b[?25h\n"


def test_without_colour_or_unicode_only_plain_characters_are_drawn() -> None:
    text = "".join(drawn("ascii", colour=False))
    assert text.isascii()
    assert "###" in text
    assert not re.search(r"\x1b\[[0-9;]*m", text)


def test_no_color_is_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    output = io.StringIO()
    Terminal(output, size=(80, 24)).start(INFO)
    assert not re.search(r"\x1b\[[0-9;]*m", output.getvalue())


def test_a_resized_terminal_is_cleared() -> None:
    output = io.StringIO()
    sink = Terminal(output, size=(80, 24), colour=False)
    sink.start(INFO)
    sink._fixed = (60, 24)
    sink.meter(a_meter())
    assert "\x1b[2J\x1b[H" in output.getvalue()
    after = output.getvalue()
    sink.meter(a_meter())
    assert "\x1b[2J" not in output.getvalue()[len(after) :]
