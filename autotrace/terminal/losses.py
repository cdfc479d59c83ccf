"""What a run was in the middle of when it ended, and what is missing from it."""

from __future__ import annotations

from autotrace.spans import Run
from autotrace.terminal.paper import Paper, Piece
from autotrace.terminal.text import clean, crop, wrap
from autotrace.terminal.units import count, duration

FRAMES = 5
"""Frames of an error of autotrace's own that are shown, the innermost."""


def draw_inside(paper: Paper, run: Run) -> None:
    """Print the calls that were under way when the run ended, or are while it runs."""
    chain = [(clean(name), open_ns) for name, open_ns in run.unfinished]
    if chain and chain[0][0] == clean(run.job):
        del chain[0]
    if not chain:
        return
    names = [name for name, _ in chain]
    if len(names) > 6:
        names[2:-3] = ["…"]
    running = run.state == "running"
    style = "link" if running else "error"
    line: list[Piece] = [(f"  {'is' if running else 'was'} inside   ", "dim")]
    line += [(name if number == 0 else f" › {name}", style) for number, name in enumerate(names)]
    line.append(f" (open for {duration(chain[-1][1])})")
    paper.flowing(*line)


def draw_losses(paper: Paper, run: Run) -> bool:
    """Print what was not kept and which errors of autotrace's own were swallowed.

    Returns whether there was anything to print.
    """
    if run.dropped:
        lost = (
            f"{count(run.dropped, 'span')} not kept: the journal was full or could not be written"
        )
        paper.flowing("  ", (lost, "warning"), indent="  ")
    if run.fault_count:
        faults = f"{count(run.fault_count, 'error')} inside autotrace's own instrumentations"
        paper.flowing("  ", (f"{faults}; the job was not touched by them", "warning"), indent="  ")
        for place, text in run.faults[:3]:
            said, *frames = text.strip().splitlines() or [""]
            for number, part in enumerate(wrap(clean(f"{place}: {said}"), paper.width - 6)[:2]):
                paper.line("    " if number == 0 else "      ", (part, "dim"))
            for frame in frames[-FRAMES:]:
                paper.line("      ", (crop(clean(frame.strip()), paper.width - 6), "dim"))
    return bool(run.dropped or run.fault_count)
