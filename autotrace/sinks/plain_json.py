"""Runs and spans as plain JSON: what ``autotrace list --json`` and ``show --json`` print.

This is an interface that others build on, version 1, described in docs/reference/json.md. Keys may
be added to it; none is taken away or given another meaning without a new version.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from datetime import datetime, timedelta, timezone
from typing import Any, TextIO

from autotrace.spans import Event, Run, Span

VERSION = 1
"""The version of the interface."""

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def run_object(run: Run) -> dict[str, Any]:
    """Return a run as a JSON object."""
    return {
        "run": run.run,
        "trace_id": run.trace_id,
        "job": run.job,
        "command": run.command,
        "state": run.state,
        "exit_code": run.exit_code,
        "signal": run.signal,
        "started": _timestamp(run.started_ns),
        "duration_ns": run.duration_ns,
        "spans": run.spans,
        "errors": run.errors,
        "dropped": run.dropped,
        "cpu_ns": run.cpu_ns,
        "max_rss_bytes": run.max_rss_bytes,
    }


def span_object(span: Span) -> dict[str, Any]:
    """Return a span as a JSON object."""
    return {
        "span_id": span.span_id,
        "parent_id": span.parent_id,
        "name": span.name,
        "kind": span.kind,
        "start_ns": span.start_ns,
        "duration_ns": span.duration_ns,
        "status": {"code": span.status_code, "message": span.status_message},
        "scope": span.scope,
        "attributes": span.attributes,
        "events": [_event_object(event) for event in span.events],
        "pid": span.pid,
    }


def write_runs(runs: Iterable[Run], stream: TextIO) -> None:
    """Write runs as a JSON array, one on each line."""
    _write_array((run_object(run) for run in runs), stream, "")
    stream.write("\n")


def write_run(run: Run, spans: Iterable[Span], stream: TextIO) -> None:
    """Write a run with its spans as one JSON object, a span on each line."""
    stream.write('{"run": ' + encode(run_object(run)) + ',\n "spans": ')
    _write_array((span_object(span) for span in spans), stream, " ")
    stream.write("}\n")


def encode(value: object) -> str:
    """Return ``value`` as JSON in ASCII.

    Numbers that JSON has no word for become strings: ``NaN``, ``Infinity``, ``-Infinity``.
    """
    try:
        return json.dumps(value, allow_nan=False)
    except ValueError:
        return json.dumps(_finite(value), allow_nan=False)


def _write_array(values: Iterable[dict[str, Any]], stream: TextIO, indent: str) -> None:
    """Write an array without ever holding it all."""
    before = "["
    for value in values:
        stream.write(f"{before}\n{indent} {encode(value)}")
        before = ","
    stream.write("[]" if before == "[" else f"\n{indent}]")


def _event_object(event: Event) -> dict[str, Any]:
    """Return an event as a JSON object."""
    return {"name": event.name, "time_ns": event.time_ns, "attributes": event.attributes}


def _timestamp(ns: int) -> str:
    """Return a moment by ISO 8601 in UTC, to the microsecond."""
    try:
        return (_EPOCH + timedelta(microseconds=ns // 1000)).isoformat(timespec="microseconds")
    except OverflowError:
        return _EPOCH.isoformat(timespec="microseconds")


def _finite(value: object) -> object:
    """Return ``value`` with its infinite numbers as strings."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return value
