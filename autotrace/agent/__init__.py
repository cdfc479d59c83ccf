"""The part of autotrace that lives inside the job: small, quick, silent.

The names below are what instrumentations are written with; see `docs/how-to/write-an-instrumentation.md`.
"""

from __future__ import annotations

from autotrace.agent.callers import hide
from autotrace.agent.instrument import around, is_hooked, replace
from autotrace.agent.kinds import loaded, place_text, plain, saying, sql, suppressed
from autotrace.agent.tracer import Span, current, fault, on

__all__ = [
    "Span",
    "around",
    "current",
    "fault",
    "hide",
    "is_hooked",
    "loaded",
    "on",
    "place_text",
    "plain",
    "replace",
    "saying",
    "sql",
    "suppressed",
]
