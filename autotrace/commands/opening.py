"""The store as every command opens it: what earlier jobs left behind is taken in first."""

from __future__ import annotations

import os
import sys

from autotrace import config
from autotrace.commands.dispatch import Failure
from autotrace.spans import Run
from autotrace.store import RunData, Store
from autotrace.store.layout import LIVE


def open_store() -> Store:
    """Return the store of this user; what it had to do by itself is told on standard error.

    Raises StoreError where it cannot be used at all.
    """
    home = config.home()
    if _has_live_runs(home):
        # What completes runs is heavier than most commands: imported where there may be work for
        # it.
        from autotrace.collector.recover import recover

        _tell(recover(home).messages)
    store = Store(home)
    _tell(store.notes)
    return store


def _has_live_runs(home: str) -> bool:
    """Say whether there is a run that has not been collected yet."""
    try:
        with os.scandir(os.path.join(home, LIVE)) as entries:
            return next(entries, None) is not None
    except OSError:
        return False


def load(prefix: str) -> RunData:
    """Return the run whose id begins with ``prefix``, the latest one without it, with its spans.

    What could not be read of it is told on standard error. Raises StoreError.
    """
    with open_store() as store:
        data = store.load(find(store, prefix).run)
    _tell(data.notes)
    return data


def find(store: Store, prefix: str) -> Run:
    """Return the run whose id begins with ``prefix``, the latest one without it.

    Raises StoreError, and Failure where ``prefix`` cannot be a run's id.
    """
    if prefix and not set(prefix.lower()) <= set("0123456789abcdef"):
        raise Failure(
            f"{prefix!r} is no run id: those are hex digits. `autotrace list` shows them."
        )
    return store.find(prefix)


def _tell(notes: list[str]) -> None:
    """Print sentences for a person on standard error."""
    for note in notes:
        sys.stderr.write(f"autotrace: {note}\n")
