"""Cutting a log-mel into blocks whose kept outputs equal those of one pass over all of it.

Each block carries the receptive field's frames on either side and starts on an even frame,
because the backbone's pool has stride 2. Memory then follows the block, not the clip.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

STRIDE = 2
"""Log-mel frames per output frame, of the backbone's pool."""

BLOCK_FRAMES = 256
"""Frames that a block contributes. Larger ones need more memory, smaller ones repeat more of
the context; `edge-ser bench` shows both costs."""


@dataclass(frozen=True)
class Block:
    """Frames `start` to `stop` go through the backbone; the outputs `kept` of them count."""

    start: int
    stop: int
    kept: slice


def blocks(frames: int, radius: int, size: int = BLOCK_FRAMES) -> Iterator[Block]:
    """The blocks of a log-mel.

    All but the last have the same length, and the last one at most a frame more, so that a
    runtime resizes its tensors once or twice.

    Args:
        frames: in the log-mel, at least 1.
        radius: frames on either side that reach an output (`receptive_radius`).
        size: even.

    Examples:
        >>> [(block.start, block.stop) for block in blocks(600, radius=12)]
        [(0, 280), (244, 524), (320, 600)]
    """
    context = radius + radius % STRIDE
    length = size + 2 * context
    if frames <= length:
        yield Block(0, frames, slice(0, _outputs(frames)))
        return
    last_start = (frames - length) // STRIDE * STRIDE
    for first in range(0, frames, size):
        end = min(first + size, frames)
        start = max(0, min(first - context, last_start))
        stop = frames if end + context >= frames else start + length
        yield Block(start, stop, slice((first - start) // STRIDE, _outputs(end - start)))


def _outputs(frames: int) -> int:
    return -(-frames // STRIDE)
