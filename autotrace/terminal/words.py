"""How a run stands, in words: shared by the list, the waterfall's header and the summary."""

from __future__ import annotations

from autotrace.spans import Run
from autotrace.terminal.text import clean
from autotrace.terminal.units import duration

STATE_STYLES = {
    "running": "link",
    "ok": "good",
    "warning": "warning",
    "failed": "error",
    "killed": "error",
    "lost": "warning",
}

STATE_MARKS = {"running": "●", "ok": "✓", "warning": "!", "failed": "✗", "killed": "✗", "lost": "?"}


def short(run_id: str) -> str:
    """Return the beginning of a run's id that people are shown, six digits."""
    return run_id[:6]


def shorts(run_ids: list[str]) -> dict[str, str]:
    """Return for each id its shortest beginning of at least six digits that no other one shares."""
    length = 6
    while length < 12 and len({run_id[:length] for run_id in run_ids}) < len(set(run_ids)):
        length += 1
    return {run_id: run_id[:length] for run_id in run_ids}


def standing(run: Run) -> str:
    """Return how a run stands and how long it took: ``killed by SIGKILL after 4m 12s``."""
    took = duration(run.duration_ns)
    if run.state == "running":
        return f"running for {took}"
    if run.state == "ok":
        return f"finished in {took}"
    if run.state == "warning":
        return f"finished in {took}, with errors"
    if run.state == "killed":
        by = f" by {clean(run.signal)}" if run.signal else ""
        memory = " (out of memory)" if run.out_of_memory else ""
        return f"killed{by}{memory} after {took}"
    if run.state == "failed":
        code = f" with exit code {run.exit_code}" if run.exit_code else ""
        return f"failed{code} after {took}"
    return f"lost after {took}: nobody saw how it ended"


def ending(run: Run) -> str:
    """Return an exit code or signal, a dash where there is none."""
    if run.signal:
        return clean(run.signal)
    return "-" if run.exit_code is None else str(run.exit_code)


def quoted(word: str) -> str:
    """Return a word of a command line as a shell would take it."""
    if word and all(char.isalnum() or char in "@%+=:,./-_" for char in word):
        return word
    return "'" + word.replace("'", "'\"'\"'") + "'"
