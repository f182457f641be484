"""The table of instructions: what is judged, how it prints, what stands in the JSON."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from edge_ser.bench.c_engine import (
    CMSIS_NN,
    ENGINE,
    GOALS,
    XNNPACK,
    CBench,
    Row,
    Work,
    as_markdown,
    as_text,
)

CONV = Work("conv", "seven convolutions", 10_000_000)


def row(engine: str, variant: str, core: str, instructions: int, work: str = "conv") -> Row:
    return Row(engine, "1.0", variant, work, core, instructions, 0, 0, "by hand")


PEERS = (
    row("LiteRT", XNNPACK, "cortex-a76", 2_000_000),
    row("bakenn", CMSIS_NN, "cortex-m4", 30_000_000),
    row("bakenn", "portable", "cortex-m4", 120_000_000),
    row("LiteRT", "without delegate", "cortex-a76", 1_000_000),
)


@pytest.mark.parametrize(
    ("ours", "met"), [(29_999_999, True), (30_000_000, True), (30_000_001, False)]
)
def test_at_or_under_the_peer(ours: int, met: bool) -> None:
    bench = CBench((CONV,), (*PEERS, row(ENGINE, "dsp", "cortex-m4", ours)))
    (judgement,) = bench.judgements()
    assert (judgement.ours, judgement.allowed, judgement.met) == (ours, 30_000_000, met)
    assert str(judgement).endswith("met" if met else "MISSED")


@pytest.mark.parametrize(("ours", "met"), [(3_000_000, True), (3_000_001, False)])
def test_within_one_and_a_half_times(ours: int, met: bool) -> None:
    """Of LiteRT as it comes, not of a variant that nobody gets by default."""
    bench = CBench((CONV,), (*PEERS, row(ENGINE, "neon-dot", "cortex-a76", ours)))
    (judgement,) = bench.judgements()
    assert judgement.allowed == 3_000_000 and judgement.met is met
    assert "at most 1.5 x LiteRT (XNNPACK, the default) = 3.00 M" in str(judgement)


def test_the_engine_is_judged_by_its_best_kernels() -> None:
    ours = [row(ENGINE, "plain", "cortex-m4", 50_000_000), row(ENGINE, "dsp", "cortex-m4", 25)]
    (judgement,) = CBench((CONV,), (*PEERS, *ours)).judgements()
    assert judgement.ours == 25


def test_each_work_is_judged_by_itself() -> None:
    other = Work("backbone", "a backbone", 75_000_000)
    rows = (
        *PEERS,
        row(ENGINE, "dsp", "cortex-m4", 10_000_000),
        row(ENGINE, "dsp", "cortex-m4", 99_000_000, "backbone"),
        row("bakenn", CMSIS_NN, "cortex-m4", 90_000_000, "backbone"),
    )
    judged = CBench((CONV, other), rows).judgements()
    assert [(j.work, j.met) for j in judged] == [("conv", True), ("backbone", False)]


def test_nothing_is_judged_without_both_sides() -> None:
    assert CBench((CONV,), PEERS).judgements() == []
    ours = tuple(row(ENGINE, "any", goal.core, 1) for goal in GOALS)
    assert CBench((CONV,), ours).judgements() == []


def test_text_groups_cores_and_puts_the_fewest_first() -> None:
    bench = CBench((CONV,), PEERS, ("peers on cortex-a53: there is no qemu",))
    lines = as_text(bench).splitlines()
    assert lines[0] == "seven convolutions: 10.00 MMAC"
    cores = [line.split()[0] for line in lines[3:7]]
    assert cores == ["cortex-m4", "cortex-m4", "cortex-a76", "cortex-a76"]
    assert [float(line.split()[-3]) for line in lines[3:7]] == [30, 120, 1, 2]
    assert lines[3].split()[-2] == "3.00"
    assert lines[-1] == "  left out: peers on cortex-a53: there is no qemu"
    assert len({len(line) for line in lines[2:7]}) == 1


def test_markdown_has_every_row() -> None:
    bench = CBench((CONV,), (*PEERS, row(ENGINE, "dsp", "cortex-m4", 31_000_000)))
    text = as_markdown(bench)
    table = [line for line in text.splitlines() if line.startswith("|")]
    assert len(table) == 2 + 5
    assert {line.count("|") for line in table} == {7}
    assert "| cortex-m4 | edge-ser C 1.0 | dsp | 31.00 | 3.10 | 0 |" in table
    assert "- conv on cortex-m4: 31.00 M, at most bakenn (CMSIS-NN) = 30.00 M: MISSED" in text


def test_json_is_the_whole_truth() -> None:
    bench = CBench((CONV,), (*PEERS, row(ENGINE, "dsp", "cortex-m4", 31_000_000)), ("x",))
    found = json.loads(json.dumps(bench.to_dict()))
    assert (found["schema"], found["kind"]) == (1, "c-bench")
    parts = {"schema", "kind", "works", "rows", "absent", "streaming", "goals", "note"}
    assert set(found) == parts
    again = CBench(
        tuple(Work(**work) for work in found["works"]),
        tuple(Row(**values) for values in found["rows"]),
        tuple(found["absent"]),
    )
    assert again == bench
    (goal,) = found["goals"]
    assert goal["met"] is False and goal["goal"]["core"] == "cortex-m4"


def test_a_missed_goal_is_not_met_by_rounding() -> None:
    """1.5 times an odd count is cut, not rounded up."""
    peer = replace(PEERS[0], instructions=2_000_001)
    bench = CBench((CONV,), (peer, row(ENGINE, "neon-dot", "cortex-a76", 3_000_002)))
    (judgement,) = bench.judgements()
    assert judgement.allowed == 3_000_001 and not judgement.met
