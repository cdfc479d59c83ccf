"""The list of runs: one line each, the latest first."""

from __future__ import annotations

import time
from collections.abc import Sequence

from autotrace.spans import Run
from autotrace.terminal.paper import Paper, Piece
from autotrace.terminal.text import clean, crop, pad, pad_left, width
from autotrace.terminal.units import ago, duration, moment
from autotrace.terminal.words import STATE_MARKS, STATE_STYLES, ending, quoted, shorts

# Columns in their order, each with the paper's width from which on there is room for it.
_COLUMNS = (
    ("run", 0),
    ("state", 0),
    ("job", 0),
    ("started", 90),
    ("", 0),
    ("took", 46),
    ("spans", 64),
    ("errors", 72),
    ("exit", 56),
    ("command", 110),
)
_RIGHT = frozenset(("took", "spans", "errors", "", "exit"))


def draw_runs(paper: Paper, runs: Sequence[Run], *, now_ns: int | None = None) -> None:
    """Print ``runs`` as a table; ``now_ns`` is when "ago" counts from (now by default)."""
    now = time.time_ns() if now_ns is None else now_ns
    names = shorts([run.run for run in runs])
    shown = [title for title, least in _COLUMNS if paper.width >= least]
    if not any(run.errors for run in runs) and "errors" in shown:
        shown.remove("errors")
    rows = [_cells(run, names[run.run], now) for run in runs]
    widths = {title: max(width(title), *(width(row[title]) for row in rows)) for title in shown}
    gap = 3 if paper.width >= 90 else 2
    _fit(shown, widths, gap, paper.width)
    heads = [_placed(title, title, widths[title]) for title in shown]
    paper.line((crop((" " * gap).join(heads).rstrip(), paper.width), "dim"))
    for run, row in zip(runs, rows):
        line: list[Piece] = []
        for title in shown:
            text = _placed(title, crop(row[title], widths[title]), widths[title])
            line += [(text, _style(title, run)), " " * gap]
        paper.line(*line)


def _fit(shown: list[str], widths: dict[str, int], gap: int, columns: int) -> None:
    """Take out of ``shown`` and ``widths`` what ``columns`` have no room for."""

    def excess() -> int:
        return max(_total(shown, widths, gap) - columns, 0)

    widths["job"] = min(widths["job"], 48)
    if "command" in shown and widths["command"] - excess() >= 16:
        widths["command"] -= excess()
    for title in ("command", "started"):
        if title in shown and excess():
            shown.remove(title)
    for least, title in ((16, "spans"), (12, "")):
        widths["job"] = max(widths["job"] - excess(), min(widths["job"], least))
        if title in shown and excess():
            shown.remove(title)
    widths["job"] = max(widths["job"] - excess(), min(widths["job"], 8))


def _total(shown: list[str], widths: dict[str, int], gap: int) -> int:
    """Return how wide the table is."""
    return sum(widths[title] for title in shown) + gap * (len(shown) - 1)


def _cells(run: Run, name: str, now: int) -> dict[str, str]:
    """Return what stands in each column for a run."""
    return {
        "run": name,
        "state": f"{STATE_MARKS[run.state]} {run.state}",
        "job": clean(run.job),
        "started": moment(run.started_ns),
        "": ago(run.started_ns, now),
        "took": duration(run.duration_ns),
        "spans": f"{run.spans:,}",
        "errors": f"{run.errors:,}" if run.errors else "",
        "exit": ending(run),
        "command": clean(" ".join(quoted(word) for word in run.command)),
    }


def _placed(title: str, text: str, columns: int) -> str:
    """Return a cell's text filled up to its column: numbers stand on the right."""
    return pad_left(text, columns) if title in _RIGHT else pad(text, columns)


def _style(title: str, run: Run) -> str:
    """Return the style of a cell."""
    if title == "state":
        return STATE_STYLES[run.state]
    if title == "job":
        return "bold"
    if title == "errors":
        return "error"
    if title == "exit" and (run.exit_code or run.signal):
        return "error"
    return "dim" if title in ("started", "", "command") else ""
