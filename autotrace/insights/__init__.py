"""What a run shows by itself: where its time went, what it did again and again, what was not seen.

One implementation for everything that looks at a run (the terminal, the summary at a job's end, the
web page): plain functions from spans to plain values, on the standard library alone.
"""

from __future__ import annotations

from autotrace.insights.describe import Remark, label, remarks
from autotrace.insights.folding import Group, fold
from autotrace.insights.gaps import Gap, gaps
from autotrace.insights.operations import Operation, operations
from autotrace.insights.overview import Overview, overview
from autotrace.insights.repeats import Repeat, repeats
from autotrace.insights.selftime import self_times
from autotrace.insights.tree import Tree

__all__ = [
    "Gap",
    "Group",
    "Operation",
    "Overview",
    "Remark",
    "Repeat",
    "Tree",
    "fold",
    "gaps",
    "label",
    "operations",
    "overview",
    "remarks",
    "repeats",
    "self_times",
]
