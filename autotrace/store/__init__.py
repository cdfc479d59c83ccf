"""Runs and spans at rest, and how they are found again.

    with Store(autotrace.config.home()) as store:
        for run in store.runs(limit=20): …
        data = store.load(store.find("7f3a").run)      # data.run, data.spans, data.notes

What it cannot do it says with a StoreError whose text can be shown to a person as it is.
"""

from __future__ import annotations

from autotrace.store.errors import (
    AmbiguousRun,
    DamagedRun,
    NewerVersion,
    RunNotFound,
    StoreError,
)
from autotrace.store.retention import Pruned
from autotrace.store.store import RunData, Store
from autotrace.store.survey import Check, Usage

__all__ = [
    "AmbiguousRun",
    "Check",
    "DamagedRun",
    "NewerVersion",
    "Pruned",
    "RunData",
    "RunNotFound",
    "Store",
    "StoreError",
    "Usage",
]
