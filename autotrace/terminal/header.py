"""What stands over a run's waterfall: how it ended, what it was, what it used."""

from __future__ import annotations

import time

from autotrace.insights.overview import Overview
from autotrace.spans import Run
from autotrace.terminal.losses import draw_inside, draw_losses
from autotrace.terminal.paper import Paper, Piece
from autotrace.terminal.text import clean, width, wrap
from autotrace.terminal.units import ago, count, duration, moment, percent, size
from autotrace.terminal.words import STATE_MARKS, STATE_STYLES, quoted, short, standing


def draw_header(paper: Paper, run: Run, facts: Overview, *, now_ns: int | None = None) -> None:
    """Print the lines about ``run``; ``now_ns`` is when "ago" counts from (now by default)."""
    style = STATE_STYLES[run.state]
    head: list[Piece] = [
        (clean(run.job), "bold"),
        "   ",
        (f"{STATE_MARKS[run.state]} {standing(run)}", style),
        f"   {count(run.spans, 'span')}{',' if run.errors else ''}",
    ]
    if run.errors:
        head.append((f" {count(run.errors, 'error')}", "error"))
    head.append((f"   run {short(run.run)}", "dim"))
    paper.flowing(*head, indent="  ")
    if run.command:
        command = " ".join(quoted(word) for word in run.command)
        for line in wrap(clean(command), paper.width - 2)[:3]:
            paper.line("  ", line)
    now = time.time_ns() if now_ns is None else now_ns
    place = f"{run.user}@{run.host}" if run.user and run.host else run.host or run.user
    if run.cwd:
        place = f"{place}:{run.cwd}" if place else run.cwd
    facts_line = [f"{moment(run.started_ns)} ({ago(run.started_ns, now)})", clean(place)]
    if run.pid:
        facts_line.append(f"pid {run.pid}")
    if run.python:
        facts_line.append(f"Python {clean(run.python)}")
    _draw_facts(paper, facts_line)
    used: list[str] = []
    if run.cpu_ns is not None:
        part = f" ({percent(run.cpu_ns / run.duration_ns)})" if run.duration_ns > 0 else ""
        used.append(f"cpu {duration(run.cpu_ns)}{part}")
    if run.max_rss_bytes:
        used.append(f"peak memory {size(run.max_rss_bytes)}")
    if facts.operations:
        part = percent(facts.share(facts.not_traced_ns))
        used.append(f"not traced {duration(facts.not_traced_ns)} ({part})")
    _draw_facts(paper, used)
    draw_inside(paper, run)
    draw_losses(paper, run)


def _draw_facts(paper: Paper, facts: list[str]) -> None:
    """Print short facts with dots between them, in as many lines as they need."""
    line = ""
    for fact in facts:
        if not fact:
            continue
        joined = f"{line} · {fact}" if line else fact
        if line and width(joined) > paper.width - 2:
            paper.line("  ", (line, "dim"))
            joined = fact
        line = joined
    if line:
        for part in wrap(line, paper.width - 2):
            paper.line("  ", (part, "dim"))
