"""One span with everything that is known about it: place, times, all fields, events, tracebacks."""

from __future__ import annotations

from collections.abc import Sequence

from autotrace.insights.describe import error, unfinished
from autotrace.insights.folding import fold
from autotrace.insights.selftime import self_times
from autotrace.insights.tree import Tree
from autotrace.spans import Attributes, Event, Run, Span
from autotrace.terminal.fields import draw_fields
from autotrace.terminal.paper import Paper, Piece
from autotrace.terminal.text import clean, pad, wrap
from autotrace.terminal.units import count, duration, moment, offset

_STACKS = ("exception.stacktrace", "code.stacktrace")


class SpanNotFound(LookupError):
    """No span has such an id, or several do; the text says what could be typed instead."""


def find_span(spans: Sequence[Span], wanted: str, root_span_id: str = "") -> Span:
    """Return the one span that ``wanted`` means: ``@17``, or the beginning or end of an id in hex.

    ``@17`` is the name that the waterfall gives a span, its place among all of them by their
    starts. Raises SpanNotFound.
    """
    wanted = wanted.strip().lower()
    if wanted.startswith("@"):
        order = Tree(spans, root_span_id).spans
        number = int(wanted[1:]) if wanted[1:].isdecimal() and len(wanted) < 12 else 0
        if not 1 <= number <= len(order):
            raise SpanNotFound(f"There is no span {wanted}: they go from @1 to @{len(order)}.")
        return order[number - 1]
    if not wanted or not set(wanted) <= set("0123456789abcdef"):
        raise SpanNotFound(f"{wanted!r} is no span: it is @ and a number, or an id in hex digits.")
    found = [span for span in spans if span.span_id == wanted]
    found = found or [span for span in spans if span.span_id.startswith(wanted)]
    found = found or [span for span in spans if span.span_id.endswith(wanted)]
    if not found:
        raise SpanNotFound(f"No span's id begins with or ends in {wanted!r}.")
    if len(found) > 1:
        some = ", ".join(f"{span.span_id} ({clean(span.name)})" for span in found[:4])
        more = ", …" if len(found) > 4 else ""
        raise SpanNotFound(f"{count(len(found), 'span')} match {wanted!r}: {some}{more}.")
    return found[0]


def draw_span(paper: Paper, run: Run, spans: Sequence[Span], span: Span) -> None:
    """Print ``span``, which is one of ``spans``, the spans of ``run``."""
    tree = Tree(spans, run.root_span_id)
    here = next(index for index, other in enumerate(tree.spans) if other is span)
    failed = span.status_code == "error" or unfinished(span)
    head: list[Piece] = [(clean(span.name) or "(no name)", "error bold" if failed else "bold")]
    head.append(f"   {duration(max(span.duration_ns, 0))}")
    if failed:
        head.append((f"   ✗ {clean(error(span)) or 'error'}", "error"))
    elif span.status_code == "ok":
        head.append(("   ✓ ok", "good"))
    head.append((f"   span {span.span_id}", "dim"))
    paper.flowing(*head, indent="  ")
    start, _ = tree.bounds(run.started_ns, run.duration_ns)
    own = self_times(tree)[here]
    rows = [
        ("in", " › ".join(reversed([clean(tree.spans[at].name) for at in tree.ancestors(here)]))),
        (
            "begins",
            f"{offset(span.start_ns - start)} into the run, {moment(span.start_ns, exact=True)}",
        ),
        ("own time", duration(own) if own != max(span.duration_ns, 0) else ""),
        ("below", _below(tree, here)),
        ("made by", clean(span.scope)),
        ("kind", span.kind),
        ("process", f"{span.pid}, thread {span.thread}" if span.pid else ""),
    ]
    if here in tree.orphans:
        rows.insert(1, ("parent", f"{clean(span.parent_id or 'none')}, which is not in this run"))
    for name, text in rows:
        if text:
            _draw_pair(paper, name, text, 10)
    if span.attributes:
        paper.line()
        draw_fields(paper, _plain(span.attributes))
    for event in span.events:
        _draw_event(paper, event, start)


def _below(tree: Tree, here: int) -> str:
    """Return in a few words what ran directly below the span at position ``here``."""
    groups = fold(tree, [here], at=2)
    some = [
        clean(group.label) + (f" ×{len(group.members):,}" if group.folded else "")
        for group in groups[:6]
    ]
    return ", ".join(some) + (f", … {len(groups) - 6:,} more" if len(groups) > 6 else "")


def _draw_pair(paper: Paper, name: str, text: str, columns: int) -> None:
    """Print a name and its text, wrapped beside it."""
    for number, part in enumerate(wrap(text, paper.width - columns - 2)):
        paper.line("  ", (pad(name if number == 0 else "", columns), "dim"), part)


def _plain(fields: Attributes) -> Attributes:
    """Return fields without the tracebacks, which are printed line by line."""
    return {key: value for key, value in fields.items() if key not in _STACKS}


def _draw_event(paper: Paper, event: Event, start: int) -> None:
    """Print an event with its fields, a traceback line by line as Python prints it."""
    wrong = event.name == "exception"
    paper.line()
    paper.flowing(
        "  ",
        (clean(event.name), "error bold" if wrong else "bold"),
        (f"   {offset(event.time_ns - start)} into the run", "dim"),
    )
    draw_fields(paper, _plain(event.attributes), indent=4)
    for key in _STACKS:
        stack = event.attributes.get(key)
        if stack:
            paper.line()
            for line in clean(str(stack), lines=True).rstrip("\n").split("\n"):
                told = line.startswith(("Traceback", "  File", "    "))
                paper.line("    ", (line, "" if told else "error"))
