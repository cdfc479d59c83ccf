"""The summary at a job's end: what happened, where the time went, and what to type next.

It is printed by the process that waited for the job, so it must cost next to nothing: the standard
library alone, and one pass over the spans.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TextIO

from autotrace.insights.operations import Operation
from autotrace.insights.overview import Overview, overview
from autotrace.spans import Run, Span
from autotrace.terminal.losses import draw_inside, draw_losses
from autotrace.terminal.paper import Paper, Piece
from autotrace.terminal.text import clean, crop, pad, pad_left, width
from autotrace.terminal.units import count, duration, percent
from autotrace.terminal.words import STATE_STYLES, short, standing

MOST_ROWS = 8
"""So many operations are listed at the most, apart from those with errors."""

_NOT_TRACED = (
    "not traced (your own code, or a library we don't know)",
    "not traced (your own code)",
    "not traced",
)

_HEADS = ("self time", "share", "calls", "mean", "slowest", "errors")


def print_summary(
    run: Run,
    spans: Sequence[Span] | Overview,
    file: TextIO | None = None,
    *,
    paper: Paper | None = None,
) -> None:
    """Print the summary of ``run`` to ``file`` (standard error by default).

    ``spans`` are the run's spans in any order, or its overview where that is there already.
    Nothing is raised when the stream is closed or full: a summary is never worth an error.
    """
    paper = paper or Paper(file or sys.stderr)
    facts = spans if isinstance(spans, Overview) else overview(run, spans)
    page = paper.aside()
    page.flowing(*_headline(run), indent="  ")
    draw_inside(page, run)
    page.line()
    if facts.operations:
        _draw_table(page, facts)
        page.line()
    if draw_losses(page, run):
        page.line()
    if not facts.operations and run.spans <= 1:
        page.line("  no call of a known library was seen")
        page.line()
        page.flowing(
            "  ", ("autotrace doctor", "link"), (" says what is traced, and why not", "dim")
        )
    else:
        page.line("  ", (f"autotrace show {short(run.run)}", "link"))
    try:
        # In one piece, so that another process writing to the same stream cannot break into the
        # table.
        paper.write(page.text())
        paper.stream.flush()
    except (OSError, ValueError):
        return


def _headline(run: Run) -> list[Piece]:
    """Return the first line: the job, how it ended, how much was seen."""
    line: list[Piece] = [
        ("autotrace", "dim"),
        "  ",
        (clean(run.job), "bold"),
        "   ",
        (standing(run), STATE_STYLES[run.state]),
        f"   {count(run.spans, 'span')}{',' if run.errors else ''}",
    ]
    if run.errors:
        line.append((f" {count(run.errors, 'error')}", "error"))
    line.append(f"   run {short(run.run)}")
    return line


def _chosen(operations: list[Operation]) -> list[Operation]:
    """Return the operations to list: those with the most self time, and those with errors."""
    if len(operations) <= MOST_ROWS + 1:
        return operations
    rows = operations[:MOST_ROWS]
    rows += sorted(
        (row for row in operations[MOST_ROWS:] if row.errors), key=lambda row: -row.errors
    )[:3]
    return rows


def _draw_table(paper: Paper, facts: Overview) -> None:
    """Print the table of operations."""
    rows = _rows(facts)
    shown = [0, 1, 2, 3, 4, 5]
    if paper.width < 80:
        shown = [0, 1, 2, 5] if paper.width >= 50 else [0, 2]
    if not any(row.figures[5] for row in rows) and 5 in shown:
        shown.remove(5)
    widths = {at: max(width(_HEADS[at]), *(width(row.figures[at]) for row in rows)) for at in shown}
    gap = "   " if paper.width >= 80 else "  "
    left = 2 + sum(widths.values()) + len(gap) * len(shown)
    room = max(paper.width - left, 8)
    noted = max((width(row.name) for row in rows if row.note), default=0)
    heads = "".join(pad_left(_HEADS[at], widths[at]) + gap for at in shown)
    paper.line(("  " + heads + "operation", "dim"))
    for row in rows:
        line: list[Piece] = ["  "]
        for at in shown:
            line.append((pad_left(row.figures[at], widths[at]), "error" if at == 5 else row.style))
            line.append(gap)
        name = row.name
        for shorter in row.shorter:
            if width(name) > room:
                name = shorter
        if row.note and noted + 3 + width(row.note) <= room:
            paper.line(*line, pad(name, noted) + "   ", (row.note, "warning"))
            continue
        paper.line(*line, (crop(name, room), row.style))
        if row.note:
            note = row.note if width(row.note) <= room else crop(row.note, paper.width - 4)
            paper.line(" " * min(left, paper.width - width(note)), (note, "warning"))


@dataclass(slots=True)
class _Row:
    """A line of the table: its figures as text, the operation, what to say about it.

    ``shorter`` are other texts for the operation where it does not fit, each shorter than the last.
    """

    figures: list[str]
    name: str
    note: str = ""
    style: str = ""
    shorter: tuple[str, ...] = ()


def _rows(facts: Overview) -> list[_Row]:
    """Return the lines of the table."""
    chosen = _chosen(facts.operations)
    rows: list[_Row] = []
    for row in chosen:
        repeat = facts.repeat_of(row)
        figures = [
            duration(row.self_ns),
            percent(facts.share(row.self_ns)),
            f"{row.calls:,}",
            duration(row.mean_ns),
            duration(max(row.slowest_ns, 0)),
            f"{row.errors:,}" if row.errors else "",
        ]
        rows.append(_Row(figures, clean(row.label), clean(repeat.sentence()) if repeat else ""))
    listed = {id(row) for row in chosen}
    others = [row for row in facts.operations if id(row) not in listed]
    if others:
        own = sum(row.self_ns for row in others)
        calls = sum(row.calls for row in others)
        figures = [duration(own), percent(facts.share(own)), f"{calls:,}", "", "", ""]
        rows.append(_Row(figures, count(len(others), "other operation"), style="dim"))
    not_traced = facts.not_traced_ns
    figures = [duration(not_traced), percent(facts.share(not_traced)), "", "", "", ""]
    rows.append(_Row(figures, _NOT_TRACED[0], style="dim", shorter=_NOT_TRACED[1:]))
    return rows
