"""`autotrace list`: the recent runs."""

from __future__ import annotations

import argparse
import fnmatch
import sys
from typing import get_args

from autotrace.commands.opening import open_store
from autotrace.commands.values import positive
from autotrace.spans import Run, State
from autotrace.store import Store


class ListCommand:
    """List the recent runs, the latest first.

    `autotrace` without a command does the same. Runs that are under way are among them.
    """

    def prepare_parser(self, parser: argparse.ArgumentParser) -> None:
        """Add the command's arguments to ``parser``."""
        parser.add_argument(
            "-n", metavar="N", type=positive, default=20, help="at most N runs (20)"
        )
        parser.add_argument(
            "--job", metavar="NAME", help="only runs of this job; * and ? are patterns"
        )
        parser.add_argument(
            "--state", choices=get_args(State), help="only runs in this state", metavar="STATE"
        )
        parser.add_argument(
            "--json",
            action="store_true",
            help="print an array of runs as JSON (docs/reference/json.md)",
        )

    def run(self, arguments: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
        """Print the runs; return the exit code."""
        with open_store() as store:
            # One more than asked for tells whether there are older ones.
            runs = _matching(store, arguments.n + 1, arguments.job, arguments.state)
        more = len(runs) > arguments.n
        del runs[arguments.n :]
        if arguments.json:
            from autotrace.sinks.plain_json import write_runs

            write_runs(runs, sys.stdout)
            return 0
        if not runs:
            sys.stdout.write(_nothing(arguments.job, arguments.state))
            return 0
        from autotrace.terminal.paper import Paper
        from autotrace.terminal.runs import draw_runs

        paper = Paper(sys.stdout)
        draw_runs(paper, runs)
        if more:
            paper.line()
            paper.line(("older ones: ", "dim"), (f"autotrace list -n {arguments.n * 5}", "link"))
        return 0


def _matching(store: Store, limit: int, job: str | None, state: str | None) -> list[Run]:
    """Return the latest runs whose job matches a name or pattern."""
    if job is None or not set(job) & set("*?["):
        return store.runs(limit=limit, job=job, state=state)
    return [run for run in store.runs(state=state) if fnmatch.fnmatchcase(run.job, job)][:limit]


def _nothing(job: str | None, state: str | None) -> str:
    """Return what to say when there is no run to list."""
    if job is None and state is None:
        return "There are no runs yet. Trace one with `autotrace-run python your_job.py`.\n"
    what = " ".join(word for word in (state, f"run of {job}" if job else "run") if word)
    return f"There is no {what}. `autotrace list` shows all runs.\n"
