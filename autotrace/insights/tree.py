"""The spans of a run as a tree of numbers, whatever state they are in.

Spans arrive in any order, some without their parent (it was dropped, or its process died before it
wrote), and in a damaged run even in circles. Everything here answers all the same: each span has
one place in the tree and is met once on the way down from the roots.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import attrgetter, lt

from autotrace.spans import Span

_START = attrgetter("start_ns")


class Tree:
    """Spans in the order of their starts, each with the position of its parent.

    A position is an index into ``spans``; -1 stands for "none".

    ``spans``: the spans sorted by start (a list of their own, the caller's is left alone).
    ``starts``, ``ends``: nanoseconds since the epoch; an end is never before its start.
    ``parents``: the position of each span's parent, -1 for a root.
    ``root``: the position of the job's own span, -1 where it is missing.
    ``roots``: positions without a parent. With a job span it is the only one: spans whose parent is
    unknown hang under it, and their positions are in ``orphans``.
    """

    __slots__ = ("_children", "ends", "orphans", "parents", "root", "roots", "spans", "starts")

    def __init__(self, spans: Sequence[Span], root_span_id: str = "") -> None:
        """Sort and join ``spans``; ``root_span_id`` is the run's (16 hex digits), "" if not known.

        Never raises, whatever the spans look like.
        """
        self.spans: list[Span] = sorted(spans, key=_START)
        self.starts: list[int] = [span.start_ns for span in self.spans]
        self.ends: list[int] = [
            span.start_ns + span.duration_ns if span.duration_ns > 0 else span.start_ns
            for span in self.spans
        ]
        position = {span.span_id: index for index, span in enumerate(self.spans)}
        find = position.get
        self.parents: list[int] = [find(span.parent_id, -1) for span in self.spans]  # type: ignore[arg-type]
        self.root = position.get(root_span_id, -1)
        if self.root < 0:
            self.root = self._only_candidate()
        if self.root >= 0:
            self.parents[self.root] = -1
        self._break_circles()
        self.orphans: set[int] = set()
        self.roots: list[int] = self._adopt_orphans()
        self._children: dict[int, list[int]] | None = None

    def _only_candidate(self) -> int:
        """Return the one span that says it has no parent, -1 where none or several say so."""
        tops = [index for index, span in enumerate(self.spans) if span.parent_id is None]
        return tops[0] if len(tops) == 1 else -1

    def _break_circles(self) -> None:
        """Cut each circle of parents open at its earliest span, which becomes parentless."""
        parents = self.parents
        # A parent that stands before its child cannot close a circle, so only the others are
        # walked.
        if all(map(lt, parents, range(len(parents)))):
            return
        suspects = [index for index, parent in enumerate(parents) if parent >= index]
        seen = bytearray(len(parents))
        for suspect in suspects:
            path: list[int] = []
            here = suspect
            while here >= 0 and not seen[here]:
                seen[here] = 1
                path.append(here)
                here = parents[here]
            if here >= 0 and seen[here] == 1:
                parents[min(path[path.index(here) :])] = -1
            for index in path:
                seen[index] = 2

    def _adopt_orphans(self) -> list[int]:
        """Hang the parentless under the job's span, where there is one, and return the roots."""
        if self.root >= 0 and self.parents.count(-1) == 1:
            return [self.root]
        tops = [index for index, parent in enumerate(self.parents) if parent < 0]
        if self.root < 0:
            return tops
        for index in tops:
            if index != self.root:
                self.parents[index] = self.root
                self.orphans.add(index)
        return [self.root]

    @property
    def children(self) -> dict[int, list[int]]:
        """Positions of the children of each position that has any, in the order of their starts."""
        if self._children is None:
            children: dict[int, list[int]] = {}
            for index, parent in enumerate(self.parents):
                if parent >= 0:
                    if parent in children:
                        children[parent].append(index)
                    else:
                        children[parent] = [index]
            self._children = children
        return self._children

    def ancestors(self, index: int) -> Iterator[int]:
        """Yield the positions above ``index``, the nearest first, up to a root."""
        parent = self.parents[index]
        while parent >= 0:
            yield parent
            parent = self.parents[parent]

    def downward(self) -> list[int]:
        """Return every position once, each after its parent."""
        if all(map(lt, self.parents, range(len(self.parents)))):
            return list(range(len(self.parents)))
        order = list(self.roots)
        children = self.children
        for index in order:
            order.extend(children.get(index, ()))
        return order

    def sums(self, own: Sequence[int]) -> list[int]:
        """Add up a figure over each span and all that is below it.

        ``own`` has a number for each position; the answer has the sum for each position.
        """
        total = list(own)
        parents = self.parents
        for index in reversed(self.downward()):
            parent = parents[index]
            if parent >= 0:
                total[parent] += total[index]
        return total

    def bounds(self, started_ns: int = 0, duration_ns: int = 0) -> tuple[int, int]:
        """Return the time that the run takes up, as ``(start, end)`` in nanoseconds.

        The job's own span says when it starts (a span that claims to be earlier has a wrong clock);
        without one, ``started_ns`` and ``duration_ns`` of the run do, and without those the
        earliest span. The end is the latest one of all. The end is always after the start.
        """
        if self.root >= 0:
            start = self.starts[self.root]
        elif started_ns > 0:
            start = started_ns
        else:
            start = min(self.starts, default=0)
        end = max(self.ends, default=start)
        if started_ns > 0:
            end = max(end, started_ns + duration_ns)
        return start, max(end, start + 1)
