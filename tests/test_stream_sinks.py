"""JSON lines, text lines and the live view."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stream_fixtures import INFO, sample_reading

from edge_ser.stream.reading import Meter, StreamInfo, Summary
from edge_ser.stream.sinks.bars import bar, sparkline
from edge_ser.stream.sinks.json_lines import SCHEMA_VERSION, JsonLines
from edge_ser.stream.sinks.terminal import Terminal
from edge_ser.stream.sinks.terminal_view import HEIGHT, Line, ViewState, length, render
from edge_ser.stream.sinks.text_lines import text_line

SUMMARY = Summary(
    seconds=42.1,
    windows=83,
    partial=9,
    skipped=1,
    clipped=2,
    dropped=3,
    overflows=4,
    median_ms=6.1,
    slowest_ms=9.0,
)


def a_meter(
    seconds: float = 42.0, level: float = -23.0, dropped: int = 0, recording: bool = False
) -> Meter:
    """A plausible meter."""
    return Meter(
        seconds=seconds,
        level_dbfs=level,
        peak_dbfs=min(level + 12, 0.0) if level > -120 else level,
        clipped=0,
        dropped=dropped,
        overflows=0,
        skipped=0,
        recording=recording,
    )


def text_of(lines: list[Line]) -> str:
    """Without styles."""
    return "\n".join("".join(text for text, _ in line) for line in lines)


def test_json_lines_follow_the_documented_schema() -> None:
    output = io.StringIO()
    sink = JsonLines(output)
    sink.start(INFO)
    sink.meter(a_meter())
    sink.reading(sample_reading(skipped=2))
    sink.finish(SUMMARY)
    (line,) = output.getvalue().splitlines()
    assert json.loads(line) == {
        "schema": SCHEMA_VERSION,
        "t": 5.0,
        "start_sample": 0,
        "end_sample": 80_000,
        "arousal": 0.62,
        "dominance": 0.55,
        "valence": 0.41,
        "partial": False,
        "level_dbfs": -23.4,
        "clipped": 0,
        "dropped": 0,
        "overflows": 0,
        "skipped": 2,
        "inference_ms": 6.0,
        "engine": "fake",
        "engine_version": "1.0",
        "artefact": "model.int8.tflite",
        "model": "wav2small",
    }


def test_every_json_field_is_documented(repository: Path) -> None:
    output = io.StringIO()
    sink = JsonLines(output)
    sink.start(INFO)
    sink.reading(sample_reading())
    documented = (repository / "docs" / "STREAMING.md").read_text()
    for name in json.loads(output.getvalue()):
        assert f"`{name}`" in documented


def test_text_lines_name_only_what_was_lost() -> None:
    clean = text_line(sample_reading())
    words = " ".join(clean.split())
    assert words == "5.0 s arousal 0.620 dominance 0.550 valence 0.410 level -23.4 dB"
    assert text_line(sample_reading(partial=True, dropped=12, skipped=3)).endswith(
        "  partial  dropped 12  skipped 3"
    )


def test_summary_sentence() -> None:
    assert SUMMARY.sentence() == (
        "83 windows (9 partial) over 42.1 s of audio; 1 skipped, 3 samples dropped, 4 overflows, "
        "2 clipped samples; inference median 6.1 ms, slowest 9.0 ms"
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
)
def test_the_view_fits_any_terminal(
    columns: int,
    rows: int,
    unicode: bool,
    source: str,
    level: float,
    values: tuple[float, float, float],
    heard: bool,
) -> None:
    info = StreamInfo(**{**INFO.__dict__, "source": source})
    state = ViewState(info)
    if heard:
        arousal, dominance, valence = values
        state.add(sample_reading(arousal=arousal, dominance=dominance, valence=valence))
        state.meter = a_meter(level=level, dropped=10**9)
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
    assert "A 0.62  D 0.55  V 0.41" in text_of(render(state, 40, 24, True))
    assert "A 0.62  D 0.55  V 0.41" in text_of(render(state, 80, 5, True))


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
