"""A reader that is too slow: what is dropped is counted, and nothing spans the hole."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge_ser.stream.capture.intake import RING_SECONDS, Intake

RATE = 16_000
RING = round(RATE * RING_SECONDS)


def numbered(start: int, count: int) -> NDArray[np.float32]:
    """Mono frames that carry their own number; exact in float32 below 2^24."""
    return np.arange(start, start + count, dtype=np.float32)[:, None] / np.float32(2**24)


def drained(intake: Intake) -> list[tuple[int, NDArray[np.float32]]]:
    """Blocks that wait, each with the gaps before it."""
    blocks, idle = [], 0
    while idle < 2:  # one empty block may only be the end of a segment
        block = intake.read()
        assert block is not None
        idle = 0 if len(block) else idle + 1
        if len(block):
            blocks.append((intake.counters.gaps, block))
    return blocks


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 90_000), st.booleans()), min_size=1, max_size=12),
)
def test_between_two_gaps_no_frame_is_missing(steps: list[tuple[int, bool]]) -> None:
    intake = Intake(RATE)
    intake.begin(RATE)
    given_frames, blocks = 0, []
    for count, read in steps:
        intake.write(numbered(given_frames, count))
        given_frames += count
        if read:
            blocks += drained(intake)
    blocks += drained(intake)
    by_gap: dict[int, list[NDArray[np.float32]]] = {}
    for gap, block in blocks:
        by_gap.setdefault(gap, []).append(block)
    kept = 0
    for parts in by_gap.values():
        numbers = np.rint(np.concatenate(parts) * 2**24).astype(int)
        assert np.all(np.diff(numbers) == 1)
        kept += len(numbers)
    assert kept + intake.counters.dropped == given_frames
    assert intake.counters.reconnects == 0


def test_what_follows_a_full_ring_is_a_new_segment_once_it_was_read() -> None:
    intake = Intake(RATE)
    intake.begin(RATE)
    intake.write(numbered(0, RING + 100))
    intake.write(numbered(RING + 100, 50))
    assert intake.counters.dropped == 150
    before = np.concatenate([block for _, block in drained(intake)])
    assert len(before) == RING and intake.counters.gaps == 0
    intake.write(numbered(RING + 150, 10))
    ((gaps, after),) = drained(intake)
    assert (gaps, len(after)) == (1, 10)
    assert intake.counters.dropped == 150
