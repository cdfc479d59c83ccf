"""Runs that are under way: the one place where the store asks the collector.

Such a run is at rest nowhere yet, its journals are all there is of it, and only the collector can
join those. It is imported when a live folder is there, and not before.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from autotrace.spans import Run, Span
from autotrace.store.layout import LIVE, RUN_ID, live_folders


def look_at_all(home: str, prefix: str = "") -> Iterator[Run]:
    """Yield what can be said cheaply about each run under way whose id begins with ``prefix``."""
    for folder in live_folders(home):
        if os.path.basename(folder).startswith(prefix):
            from autotrace.collector.under_way import look

            run = look(folder)
            if run is not None:
                yield run


def load(home: str, run: str) -> tuple[Run, list[Span], list[str]] | None:
    """Return a run under way, its spans so far, and notes; None where it is under way no more."""
    folder = os.path.join(home, LIVE, run)
    if not RUN_ID.fullmatch(run) or not os.path.isdir(folder):
        return None
    from autotrace.collector.under_way import load_live

    return load_live(folder)


def left_behind(home: str) -> list[str]:
    """Return the live folders that nobody collects and whose processes are gone."""
    folders = list(live_folders(home))
    if not folders:
        return []
    from autotrace.collector.recover import is_left_behind

    return [folder for folder in folders if is_left_behind(folder)]
