"""The operations of a run: alike spans counted together, with the time they took themselves."""

from __future__ import annotations

from dataclasses import dataclass

from autotrace.insights.describe import METHODS, PROCESS_SCOPE, label
from autotrace.insights.selftime import self_times
from autotrace.insights.tree import Tree


@dataclass(slots=True)
class Operation:
    """All spans of a run that have the same label.

    ``self_ns`` is the time in which such a span worked itself, ``total_ns`` with all that was
    below, ``slowest_ns`` the longest single one and ``slowest`` its span id; ``errors`` counts
    those whose status is an error. Times in nanoseconds.
    """

    label: str
    scope: str
    kind: str
    calls: int = 0
    self_ns: int = 0
    total_ns: int = 0
    slowest_ns: int = -1
    slowest: str = ""
    errors: int = 0

    @property
    def mean_ns(self) -> int:
        """The mean duration of a call, in nanoseconds."""
        return self.total_ns // self.calls if self.calls else 0


def operations(tree: Tree, own: list[int] | None = None) -> list[Operation]:
    """Return the operations of a run, the one with the most self time first.

    ``own`` are the self times of ``tree``'s positions where the caller has them already. The job's
    own span is not among them: its self time is the time not traced.
    """
    if own is None:
        own = self_times(tree)
    table: dict[str, Operation] = {}
    find = table.get
    starts, ends, root = tree.starts, tree.ends, tree.root
    for index, span in enumerate(tree.spans):
        if index == root:
            continue
        name = span.name
        if name in METHODS or span.scope == PROCESS_SCOPE:
            name = label(span)
        entry = find(name)
        if entry is None:
            entry = table[name] = Operation(name, span.scope, span.kind)
        duration = ends[index] - starts[index]
        entry.calls += 1
        entry.self_ns += own[index]
        entry.total_ns += duration
        if duration > entry.slowest_ns:
            entry.slowest_ns = duration
            entry.slowest = span.span_id
        if span.status_code == "error":
            entry.errors += 1
    return sorted(table.values(), key=lambda entry: (-entry.self_ns, -entry.calls, entry.label))
