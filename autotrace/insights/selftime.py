"""Self time: how long a span worked itself, with nothing of its own under way below it."""

from __future__ import annotations

from autotrace.insights.tree import Tree


def self_times(tree: Tree) -> list[int]:
    """Return the self time of each position of ``tree``, in nanoseconds, never negative.

    It is the duration less the *union* of the children's intervals, so that children which ran side
    by side are taken off once, and what of a child reaches outside its parent is not taken off.
    """
    starts = tree.starts
    ends = tree.ends
    own = [end - start for start, end in zip(starts, ends)]
    # How far each span is covered by the children met so far: they come in the order of their
    # starts.
    reach = list(starts)
    for parent, start, end in zip(tree.parents, starts, ends):
        if parent < 0:
            continue
        covered = reach[parent]
        if end <= covered:
            continue
        # Not min() and max(): calling them costs more than all else in this loop.
        limit = ends[parent]
        if end > limit:
            end = limit
        if start < covered:
            start = covered
        if end > start:
            own[parent] -= end - start
            reach[parent] = end
    return own
