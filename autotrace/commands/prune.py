"""`autotrace prune`: delete old runs."""

from __future__ import annotations

import argparse
import sys
import time

from autotrace.commands.opening import open_store
from autotrace.commands.values import age_days, size_bytes, whole
from autotrace.store import Pruned

_DAY_NS = 86_400 * 1_000_000_000


class PruneCommand:
    """Delete the oldest runs until all of the given limits are kept.

    Runs that are under way are never deleted. In a terminal it asks first; where its input or
    output is no terminal it does not.
    """

    def prepare_parser(self, parser: argparse.ArgumentParser) -> None:
        """Add the command's arguments to ``parser``."""
        parser.add_argument(
            "--older-than",
            metavar="AGE",
            type=age_days,
            help="delete runs that started longer ago than this, such as 30d, 12h or 2w",
        )
        parser.add_argument("--keep", metavar="N", type=whole, help="keep the N latest runs")
        parser.add_argument(
            "--max-size",
            metavar="SIZE",
            type=size_bytes,
            help="keep what fits into this, such as 500MB or 1GB",
        )
        parser.add_argument("--dry-run", action="store_true", help="only say what would be deleted")
        parser.add_argument("-y", "--yes", action="store_true", help="do not ask")

    def run(self, arguments: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
        """Delete what is to go; return the exit code."""
        limits = (arguments.older_than, arguments.keep, arguments.max_size)
        if all(limit is None for limit in limits):
            parser.error("say which runs may go: --older-than 30d, --keep 100 or --max-size 1GB")
        before = None
        if arguments.older_than is not None:
            before = time.time_ns() - round(arguments.older_than * _DAY_NS)
        with open_store() as store:

            def prune(dry_run: bool) -> Pruned:
                return store.prune(
                    before_ns=before,
                    max_runs=arguments.keep,
                    max_bytes=arguments.max_size,
                    dry_run=dry_run,
                )

            doomed = prune(dry_run=True)
            if arguments.dry_run:
                sys.stdout.write(_sentence("would be deleted", doomed))
                return 0
            asking = not arguments.yes and sys.stdin.isatty() and sys.stdout.isatty()
            if doomed.runs and asking and not _agreed(doomed):
                sys.stdout.write("nothing was deleted\n")
                return 0
            # Also where no run is to go: it sweeps away what unfinished writers left behind.
            sys.stdout.write(_sentence("deleted", prune(dry_run=False)))
        return 0


def _sentence(done: str, pruned: Pruned) -> str:
    """Return what was, or would be, deleted."""
    from autotrace.terminal.units import count, size

    if not pruned.runs:
        return "no run is beyond these limits\n"
    return f"{count(len(pruned.runs), 'run')} ({size(pruned.bytes)}) {done}\n"


def _agreed(doomed: Pruned) -> bool:
    """Ask whether to delete."""
    from autotrace.terminal.units import count, size

    sys.stdout.write(f"Delete {count(len(doomed.runs), 'run')} ({size(doomed.bytes)})? [y/N] ")
    sys.stdout.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")
