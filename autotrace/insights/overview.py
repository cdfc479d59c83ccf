"""A run's overview: all that its summary says, computed at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from autotrace.insights.operations import Operation, operations
from autotrace.insights.repeats import Repeat, repeats
from autotrace.insights.selftime import self_times
from autotrace.insights.tree import Tree
from autotrace.spans import Run, Span


@dataclass(slots=True)
class Overview:
    """Where a run's time went.

    ``operations`` come with the most self time first. ``not_traced_ns`` is the job's own self time:
    its own code, or libraries that are not known. ``whole_ns`` is what shares are shares of: the
    run's duration or, where spans ran side by side, the sum of all self times. Times in
    nanoseconds.
    """

    operations: list[Operation] = field(default_factory=list)
    repeats: list[Repeat] = field(default_factory=list)
    not_traced_ns: int = 0
    whole_ns: int = 1

    def repeat_of(self, operation: Operation) -> Repeat | None:
        """Return the costliest repeat among an operation's calls, ``None`` if nothing repeats."""
        for repeat in self.repeats:
            if repeat.label == operation.label:
                return repeat
        return None

    def share(self, time_ns: int) -> float:
        """Return which part of the whole ``time_ns`` is, from 0 to 1."""
        return min(time_ns / self.whole_ns, 1.0)


def overview(run: Run, spans: Sequence[Span]) -> Overview:
    """Compute the overview of ``run`` from its spans, in any order and any condition."""
    tree = Tree(spans, run.root_span_id)
    return overview_of(run, tree, self_times(tree))


def overview_of(run: Run, tree: Tree, own: list[int]) -> Overview:
    """Compute the overview from a tree and its self times, for who has those already."""
    table = operations(tree, own)
    not_traced = own[tree.root] if tree.root >= 0 else 0
    busy = not_traced + sum(entry.self_ns for entry in table)
    return Overview(
        operations=table,
        repeats=repeats(tree),
        not_traced_ns=not_traced,
        whole_ns=max(run.duration_ns, busy, 1),
    )
