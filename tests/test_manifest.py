"""The manifest: reproducible text, strict schema, hostile JSON refused and never obeyed."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import pytest
from bundle_fixtures import stand_in_manifest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_ser.bundle.manifest import FileEntry, Manifest
from edge_ser.errors import BundleRefused

FILES = {
    name: FileEntry("a" * 64, 256)
    for name in ("model.int8.tflite", "backbone.int8.tflite", "golden/tone.wav")
}
MANIFEST = stand_in_manifest(FILES)
VALUES: dict[str, Any] = json.loads(MANIFEST.to_json())


def _parse(values: Any) -> Manifest:
    return Manifest.from_json(json.dumps(values))


def _changed(*path: str | int, value: Any) -> dict[str, Any]:
    values = deepcopy(VALUES)
    place: Any = values
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return values


def test_survives_the_round_trip_with_the_same_text() -> None:
    text = MANIFEST.to_json()
    assert Manifest.from_json(text) == MANIFEST
    assert Manifest.from_json(text).to_json() == text


def test_order_of_keys_does_not_matter() -> None:
    assert _parse(dict(reversed(list(VALUES.items())))) == MANIFEST


def test_future_schema_is_named_even_with_unknown_keys() -> None:
    values = {**VALUES, "schema": 2, "brand_new": 1}
    with pytest.raises(BundleRefused, match="newer than this edge-ser") as refusal:
        _parse(values)
    assert "upgrade" in refusal.value.hint


@pytest.mark.parametrize("schema", [0, -1, True, 1.0, "1", None])
def test_other_schemas_are_refused(schema: object) -> None:
    with pytest.raises(BundleRefused, match="schema"):
        _parse({**VALUES, "schema": schema})


@pytest.mark.parametrize("key", sorted(VALUES))
def test_every_key_is_required(key: str) -> None:
    with pytest.raises(BundleRefused):
        _parse({name: value for name, value in VALUES.items() if name != key})


def test_unknown_key_is_refused() -> None:
    with pytest.raises(BundleRefused, match="unknown key 'extra'"):
        _parse({**VALUES, "extra": 1})


@pytest.mark.parametrize(
    "name",
    [
        "/etc/passwd",
        "../evil",
        "golden/../../evil",
        "golden//evil",
        "./evil",
        "golden/",
        "",
        "C:\\evil",
        "a\\b",
        "with space",
        ".hidden",
        "-rf",
        "new\nline",
        "nul\0byte",
        "café",
        "manifest.json",
        "MANIFEST.JSON",
        "Model.int8.tflite",
        "model.int8.tflite/below",
        "x" * 101,
    ],
)
def test_file_names_that_could_leave_or_confuse_are_refused(name: str) -> None:
    files = {**VALUES["files"], name: {"sha256": "b" * 64, "bytes": 1}}
    with pytest.raises(BundleRefused):
        _parse({**VALUES, "files": files})


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("sample_rate",), 44_100, "16000"),
        (("dimensions",), ["valence", "dominance", "arousal"], "arousal, dominance, valence"),
        (("clipped",), True, "clipped"),
        (("clipped",), 0, "bool"),
        (("hop_seconds",), 6.0, "hop"),
        (("hop_seconds",), 0, "hop"),
        (("window_seconds",), 1e9, "window"),
        (("window_seconds",), "5", "float"),
        (("frontend", "n_fft"), 1_000_000_000, "beyond this version"),
        (("frontend", "log_floor"), -1.0, "log_floor"),
        (("frontend", "window"), "kaiser", "kaiser"),
        (("student", "parameters"), -1, "positive"),
        (("student", "checkpoint_sha256"), "0", "SHA-256"),
        (("files", "golden/tone.wav", "bytes"), -1, "bytes"),
        (("files", "golden/tone.wav", "bytes"), 10**12, "bytes"),
        (("files", "golden/tone.wav", "sha256"), "A" * 64, "SHA-256"),
        (("models", "model.int8.tflite", "fixed_samples"), 10**9, "samples"),
        (("models", "model.int8.tflite", "inputs"), [], "inputs"),
        (("models", "model.int8.tflite", "input_kind"), "mfcc", "input_kind"),
        (("models", "backbone.int8.tflite", "quantisation", "log_mel", "scale"), 0.0, "scale"),
        (("golden", "tolerance", "litert/model.int8.tflite"), 9.0, "tolerance"),
        (("golden", "tolerance"), {}, "different engines"),
        (("golden", "clips", "tone"), "golden/other.wav", "not listed"),
        (("golden", "expected", "litert/model.int8.tflite", "nobody"), [0, 0, 0], "unknown clips"),
        (("golden", "expected", "litert/model.int8.tflite", "tone"), [0, 0], "list of 3"),
        (("golden", "expected", "litert/model.int8.tflite"), {}, "lack the clips"),
        (("name",), "../up", "name"),
        (("name",), "\x1b[2J", "text"),
        (("memory", "arena", "kind"), "guessed", "kind"),
    ],
)
def test_values_out_of_range_are_refused(
    path: tuple[str, ...], value: object, message: str
) -> None:
    with pytest.raises(BundleRefused, match=message):
        _parse(_changed(*path, value=value))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "{",
        '{"schema": 1, "schema": 1}',
        '{"schema": NaN}',
        "[" * 100_000,
        '{"schema": 1, "drift": ' + '{"a":' * 5_000 + "1" + "}" * 5_001,
        '{"schema": ' + "9" * 10_000 + "}",
        MANIFEST.to_json().replace("0.5", "1e999", 1),
        MANIFEST.to_json().replace("emodb", "\\ud800", 1),
    ],
)
def test_text_that_is_no_manifest_is_refused(text: str) -> None:
    with pytest.raises(BundleRefused):
        Manifest.from_json(text)


@pytest.mark.parametrize("levels", [40, 400, 900])
def test_deep_nesting_in_a_free_field_is_refused(levels: int) -> None:
    nested: Any = 1
    for _ in range(levels):
        nested = [nested]
    with pytest.raises(BundleRefused, match=r"deeply|JSON"):
        _parse({**VALUES, "drift": {"deep": nested}})


def test_a_very_large_number_is_kept_as_it_is() -> None:
    values = _changed("student", "parameters", value=10**400)
    assert _parse(values).student.parameters == 10**400


ODD_VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.lists(st.integers(), max_size=4),
    st.dictionaries(st.text(max_size=5), st.integers(), max_size=3),
)


def _places(values: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    items: list[tuple[str | int, Any]] = []
    if isinstance(values, dict):
        items = list(values.items())
    elif isinstance(values, list):
        items = list(enumerate(values))
    return [path] * bool(path) + [p for key, item in items for p in _places(item, (*path, key))]


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(_places(VALUES)), ODD_VALUES)
def test_any_mutation_is_refused_or_valid(path: tuple[str | int, ...], value: Any) -> None:
    """Never another exception; and what is accepted can be written and read again."""
    try:
        manifest = _parse(_changed(*path, value=value))
    except BundleRefused:
        return
    assert Manifest.from_json(manifest.to_json()) == manifest


@settings(max_examples=200, deadline=None)
@given(st.integers(0, len(MANIFEST.to_json()) - 1), st.binary(min_size=1, max_size=4))
def test_any_damaged_text_is_refused_or_valid(position: int, junk: bytes) -> None:
    text = MANIFEST.to_json().encode()
    damaged = text[:position] + junk + text[position + len(junk) :]
    try:
        manifest = Manifest.from_json(damaged.decode("utf-8", errors="replace"))
    except BundleRefused:
        return
    assert Manifest.from_json(manifest.to_json()) == manifest
