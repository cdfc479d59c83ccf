"""Repeats: one and the same query or request, sent again and again where one would have done.

The classic is N+1: a list is read, and then one query for each of its entries.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Literal

from autotrace.insights.describe import label
from autotrace.insights.tree import Tree
from autotrace.spans import Attributes

LEAST_IN_ONE = 5
"""So often must a query run inside one and the same span to be called repeated."""

LEAST_OWNERS = 10
"""So many alike spans must each run a query once to be called a loop around it."""


@dataclass(slots=True)
class Repeat:
    """A query (or GET request) that was sent repeatedly, word for word the same.

    ``label`` is its operation's, ``text`` the statement or address, ``calls`` how often it was
    sent in all and ``total_ns`` how long that took. ``owner`` is the label of the spans that sent
    it (of the two commonest where they differ), empty where it was the job itself; ``owners`` is
    how many they are.
    """

    what: Literal["query", "request"]
    label: str
    text: str
    calls: int
    total_ns: int
    owner: str
    owners: int

    @property
    def each(self) -> float:
        """How often the query ran in each span that sent it, on the average."""
        return self.calls / self.owners

    def sentence(self) -> str:
        """Return the finding in words: ``same query 13.4 times for each update_customer``."""
        if self.owners > 1 and self.each < 1.05:
            return f"same {self.what} once for each of {self.owners:,} {self.owner}"
        if self.owners > 1:
            times = f"{self.each:.1f}".removesuffix(".0")
            return f"same {self.what} {times} times for each {self.owner}"
        where = f" in {self.owner}" if self.owner else ""
        return f"same {self.what} {self.calls:,} times{where}"


def repeats(tree: Tree) -> list[Repeat]:
    """Return what was sent repeatedly, the one that took the longest first.

    The sender of a query is the nearest span above it that is not itself a call to the outside, so
    that an ORM's or SDK's own span between the two does not hide the loop. Statements count as the
    same when their text is; as literals are masked when they are recorded, only values differ.
    """
    spans = tree.spans
    parents = tree.parents
    texts = [_sent(span.attributes) for span in spans]
    often = {text for text, calls in Counter(texts).items() if text and calls >= LEAST_IN_ONE}
    senders: dict[str, dict[int, int]] = {text: {} for text in often}
    example: dict[str, int] = {}
    time = dict.fromkeys(often, 0)
    for index, text in enumerate(texts):
        if text not in often:
            continue
        owner = parents[index]
        while owner >= 0 and spans[owner].kind == "client":
            owner = parents[owner]
        counts = senders[text]
        counts[owner] = counts.get(owner, 0) + 1
        time[text] += spans[index].duration_ns
        example.setdefault(text, index)
    found: list[Repeat] = []
    for text, counts in senders.items():
        calls = sum(counts.values())
        sample = spans[example[text]]
        callers = _owners(tree, counts)
        looped = max(counts.values()) >= LEAST_IN_ONE and calls / len(counts) >= 2
        if not looped:
            # One reading query in each of many alike spans is the same loop, one level higher.
            reads = (
                "db.query.text" not in sample.attributes or text.lstrip()[:6].upper() == "SELECT"
            )
            if not reads or len(counts) < LEAST_OWNERS or not callers:
                continue
        found.append(
            Repeat(
                what="query" if "db.query.text" in sample.attributes else "request",
                label=label(sample),
                text=text,
                calls=calls,
                total_ns=max(time[text], 0),
                owner=callers,
                owners=len(counts),
            )
        )
    found.sort(key=lambda repeat: (-repeat.total_ns, -repeat.calls, repeat.text))
    return found


def _sent(fields: Attributes) -> str:
    """Return the statement or address that a span sent, empty where it is of no interest here."""
    text = fields.get("db.query.text")
    if text is None:
        if fields.get("http.request.method") != "GET":
            return ""
        text = fields.get("url.full")
    return text if isinstance(text, str) else ""


def _owners(tree: Tree, counts: dict[int, int]) -> str:
    """Return the labels of the senders, the commonest first; empty where it is the job alone."""
    names = Counter(
        "" if owner < 0 or owner == tree.root else label(tree.spans[owner]) for owner in counts
    )
    if len(names) == 1:
        return next(iter(names))
    known = [name or tree.spans[tree.root].name for name, _ in names.most_common(3)]
    return ", ".join(known[:2]) + (" …" if len(known) > 2 else "")
