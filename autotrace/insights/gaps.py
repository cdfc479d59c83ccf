"""Gaps: the stretches of a span in which nothing below it was under way."""

from __future__ import annotations

from dataclasses import dataclass

from autotrace.insights.tree import Tree


@dataclass(slots=True, frozen=True)
class Gap:
    """A stretch of time inside a span that none of its children covers.

    Nanoseconds since the epoch. ``before`` and ``after`` are the positions of the children on its
    two sides, -1 where the span's own start or end is there.
    """

    start_ns: int
    end_ns: int
    before: int
    after: int

    @property
    def duration_ns(self) -> int:
        """How long the gap is, in nanoseconds."""
        return self.end_ns - self.start_ns


def gaps(tree: Tree, index: int, least_ns: int = 1) -> list[Gap]:
    """Return the gaps of the span at position ``index`` of at least ``least_ns``, in order.

    A span without children is one gap. Their durations add up to the self time when ``least_ns``
    is 1.
    """
    least_ns = max(least_ns, 1)
    here = tree.starts[index]
    limit = tree.ends[index]
    before = -1
    found: list[Gap] = []
    for child in tree.children.get(index, ()):
        start = min(tree.starts[child], limit)
        if start - here >= least_ns:
            found.append(Gap(here, start, before, child))
        end = min(tree.ends[child], limit)
        if end > here:
            here = end
            before = child
        elif before < 0:
            before = child
    if limit - here >= least_ns:
        found.append(Gap(here, limit, before, -1))
    return found
