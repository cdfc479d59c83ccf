"""Folding: alike siblings shown as one, so that a loop of thousands is read at a glance."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from autotrace.insights.describe import label, unfinished
from autotrace.insights.tree import Tree

FOLD_AT = 4
"""So many alike siblings become one; three attempts of a request still stand for themselves."""


@dataclass(slots=True)
class Group:
    """One line of a drawing: a span, or several alike ones.

    ``members`` are positions in the tree in the order of their starts, ``total_ns`` the sum of
    their durations, ``slowest`` the position of the longest, ``error`` whether their status is an
    error (those that failed are never mixed with those that did not).
    """

    label: str
    members: list[int]
    total_ns: int
    slowest: int
    error: bool

    @property
    def folded(self) -> bool:
        """Whether this stands for more than one span."""
        return len(self.members) > 1


def fold(
    tree: Tree, members: Iterable[int], *, at: int = FOLD_AT, keep: bytearray | None = None
) -> list[Group]:
    """Return the children of ``members`` with the alike ones folded, in the order of first starts.

    ``members`` is one position, or those of a folded group: then the children of all of them are
    taken together, and any two alike ones are folded. ``at`` is how many alike children of a single
    span become one (0: none are, ever). ``keep``, if given, has a byte for each position: those
    with a 0 are left out. A span that was under way at the end always stands for itself.
    """
    parents = list(members)
    children = tree.children
    merged = len(parents) > 1
    alike: dict[tuple[str, bool], list[int]] = {}
    alone: list[int] = []
    for parent in parents:
        for child in children.get(parent, ()):
            if keep is not None and not keep[child]:
                continue
            span = tree.spans[child]
            if unfinished(span):
                alone.append(child)
                continue
            alike.setdefault((label(span), span.status_code == "error"), []).append(child)
    groups = [single(tree, child) for child in alone]
    for (name, error), positions in alike.items():
        if at and len(positions) >= (2 if merged else at):
            positions.sort()
            groups.append(_together(tree, name, positions, error))
        else:
            groups.extend(single(tree, child) for child in positions)
    groups.sort(key=lambda group: group.members[0])
    return groups


def single(tree: Tree, index: int) -> Group:
    """Return the group of the one span at position ``index``."""
    span = tree.spans[index]
    length = tree.ends[index] - tree.starts[index]
    return Group(label(span), [index], length, index, span.status_code == "error")


def _together(tree: Tree, name: str, positions: list[int], error: bool) -> Group:
    """Return the group of several alike spans."""
    starts, ends = tree.starts, tree.ends
    total = 0
    slowest = positions[0]
    longest = -1
    for index in positions:
        length = ends[index] - starts[index]
        total += length
        if length > longest:
            longest = length
            slowest = index
    return Group(name, positions, total, slowest, error)
