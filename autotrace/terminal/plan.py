"""Which lines a waterfall has: the folding, the filters, and the bound on its length.

A run may have hundreds of thousands of spans, a person reads a page or two. Alike siblings are
folded first; what is still too much is opened from the costliest on, and the rest is counted, not
shown.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field

from autotrace.insights.describe import unfinished
from autotrace.insights.folding import FOLD_AT, Group, fold, single
from autotrace.insights.tree import Tree


@dataclass(slots=True, frozen=True)
class Options:
    """What is to be seen of a run.

    ``depth``: levels below the job, ``None`` for all. ``least_ns``: spans shorter than this are
    left out unless they have something longer below them. ``errors``: only what failed, and the
    way to it. ``expand``: every span on a line of its own. ``rows``: lines at the most, 0 for no
    limit.
    """

    depth: int | None = None
    least_ns: int = 0
    errors: bool = False
    expand: bool = False
    rows: int = 200


MOST_SIBLINGS = 40
"""So many lines stand at the most under one line, unless all is asked for."""


@dataclass(slots=True)
class Row:
    """One line of the waterfall.

    ``group``: what it stands for. ``rows``: the lines below it. ``closed``: how many spans below it
    are not shown. ``rest_kinds``, ``rest_spans`` and ``rest_ns``: what was left out among ``rows``
    (kinds of alike spans, spans with all below them, nanoseconds).
    """

    group: Group
    depth: int
    rows: list[Row] = field(default_factory=list)
    closed: int = 0
    rest_kinds: int = 0
    rest_spans: int = 0
    rest_ns: int = 0


@dataclass(slots=True)
class Plan:
    """The lines of a waterfall.

    ``roots``: the topmost; ``shown``: how many lines there are in all;
    ``folded``: whether a line stands for several spans; ``closed``: spans that no line stands for;
    ``filtered``: spans that the filters left out.
    """

    roots: list[Row]
    shown: int = 0
    folded: bool = False
    closed: int = 0
    filtered: int = 0


def plan(tree: Tree, options: Options) -> Plan:
    """Decide the lines for a run's ``tree``."""
    keep, filtered = _kept(tree, options)
    limit = 0 if options.expand else options.rows
    at = 0 if options.expand else FOLD_AT
    sizes = tree.sums([1] * len(tree.spans) if keep is None else list(keep))
    wrong = tree.sums([_wrong(span.status_code, unfinished(span)) for span in tree.spans])
    result = Plan([], filtered=filtered)
    tops = [index for index in tree.roots if keep is None or keep[index]]
    if limit and len(tops) > limit:
        # Runs without a job span may have any number of roots.
        result.closed += sum(sizes[index] for index in tops[limit:])
        del tops[limit:]
    result.roots = [Row(single(tree, index), 0) for index in tops]
    result.shown = len(result.roots)
    waiting: list[tuple[int, int, int, Row]] = []
    order = 0

    def wait(row: Row) -> None:
        nonlocal order
        order += 1
        failed = any(wrong[index] for index in row.group.members)
        heapq.heappush(waiting, (-int(failed), -row.group.total_ns, order, row))

    for row in result.roots:
        wait(row)
    while waiting:
        row = heapq.heappop(waiting)[3]
        groups = fold(tree, row.group.members, at=at, keep=keep)
        if not groups:
            continue
        room = min(MOST_SIBLINGS, limit - result.shown) if limit else len(groups)
        if (options.depth is not None and row.depth >= options.depth) or room < min(2, len(groups)):
            row.closed = sum(sizes[index] - 1 for index in row.group.members)
            result.closed += row.closed
            continue
        if len(groups) > room:
            chosen = _most_telling(tree, groups, room - 1, wrong)
            left = [group for group in groups if id(group) not in chosen]
            groups = [group for group in groups if id(group) in chosen]
            row.rest_kinds = len(left)
            row.rest_spans = sum(sizes[index] for group in left for index in group.members)
            row.rest_ns = sum(group.total_ns for group in left)
            result.closed += row.rest_spans
            result.shown += 1
        for group in groups:
            below = Row(group, row.depth + 1)
            row.rows.append(below)
            result.folded = result.folded or group.folded
            wait(below)
        result.shown += len(groups)
    return result


def _wrong(status: str, open_still: bool) -> int:
    """Return 1 for what a reader looks for first: what failed or never ended."""
    return 1 if status == "error" or open_still else 0


def _kept(tree: Tree, options: Options) -> tuple[bytearray | None, int]:
    """Return a byte for each position, 0 where the filters leave it out, and how many those are."""
    if options.least_ns <= 0 and not options.errors:
        return None, 0
    hits = [
        1
        if end - start >= options.least_ns
        and (not options.errors or _wrong(span.status_code, unfinished(span)))
        else 0
        for span, start, end in zip(tree.spans, tree.starts, tree.ends)
    ]
    kept = bytearray(1 if number else 0 for number in tree.sums(hits))
    for root in tree.roots:
        kept[root] = 1
    return kept, kept.count(0)


def _most_telling(tree: Tree, groups: list[Group], number: int, wrong: list[int]) -> set[int]:
    """Return the identities of the groups to show: what went wrong, then what took longest."""

    def weight(group: Group) -> tuple[bool, int]:
        return any(wrong[index] for index in group.members), group.total_ns

    return {id(group) for group in heapq.nlargest(max(number, 1), groups, key=weight)}


def selected(tree: Tree, options: Options) -> list[int]:
    """Return the positions that the filters and the depth of ``options`` leave in, in order."""
    keep, _ = _kept(tree, options)
    levels = [0] * len(tree.spans)
    for index in tree.downward():
        parent = tree.parents[index]
        levels[index] = levels[parent] + 1 if parent >= 0 else 0
    return [
        index
        for index, level in enumerate(levels)
        if (keep is None or keep[index]) and (options.depth is None or level <= options.depth)
    ]
