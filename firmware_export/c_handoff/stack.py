"""How deep the engine's stack can get, from GCC's call graph with frame sizes; nothing is run.

The longest chain of calls from any public function. A call through a pointer counts as one to
whatever nobody calls by name. What the compiler brings along (memcpy, software floats) has no
known frames and is not counted.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

CALL_GRAPH_FLAG = "-fcallgraph-info=su"
"""Makes GCC write a `.ci` file beside each object."""

_NODE = re.compile(r'^node: \{ title: "([^"]+)" label: "[^"]*?(\d+) bytes \((\w+)', re.M)
_EDGE = re.compile(r'^edge: \{ sourcename: "([^"]+)" targetname: "([^"]+)"', re.M)
_INDIRECT = "__indirect_call"
_API = "edge_ser_"


@dataclass(frozen=True)
class CallGraph:
    """Of all files together.

    Attributes:
        frames: function -> bytes of its frame.
        calls: function -> those it calls.
    """

    frames: dict[str, int]
    calls: dict[str, set[str]]

    def deepest(self) -> int:
        """Bytes of the longest chain from a public function."""
        called = {callee for callees in self.calls.values() for callee in callees}
        roots = {name for name in self.frames if name.startswith(_API)}
        pointed_at = set(self.frames) - called - roots
        return max(self._depth(root, pointed_at, frozenset()) for root in roots)

    def _depth(self, name: str, pointed_at: set[str], above: frozenset[str]) -> int:
        if name in above:
            return 0  # observers are for tests; without them nothing calls what called it
        callees = pointed_at if name == _INDIRECT else self.calls[name]
        below = (self._depth(callee, pointed_at, above | {name}) for callee in callees)
        return self.frames.get(name, 0) + max(below, default=0)


def read_call_graph(texts: Iterable[str]) -> CallGraph:
    """Join the `.ci` files that GCC wrote, one for each source."""
    frames: dict[str, int] = {}
    calls: dict[str, set[str]] = defaultdict(set)
    for text in texts:
        frames |= {name: int(size) for name, size, _ in _NODE.findall(text)}
        for caller, callee in _EDGE.findall(text):
            calls[caller].add(callee)
    return CallGraph(frames, calls)
