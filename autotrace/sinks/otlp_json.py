"""A run as OTLP/JSON, the file format of OpenTelemetry's collector and its friends.

By https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding: one ``TracesData`` object, ids
in hex, 64-bit numbers as strings, enumerations as numbers, keys in lowerCamelCase. There is a
resource for each process of the run, and in it a scope for each instrumentation.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TextIO

from autotrace.sinks.plain_json import encode
from autotrace.spans import Attributes, Run, Span

_KINDS = {"internal": 1, "server": 2, "client": 3, "producer": 4, "consumer": 5}
_STATUSES = {"unset": 0, "ok": 1, "error": 2}
_SMALLEST, _LARGEST = -(2**63), 2**63 - 1


def write(run: Run, spans: Sequence[Span], stream: TextIO) -> None:
    """Write ``run`` with its ``spans`` to ``stream`` as one JSON object, a span on each line."""
    processes: dict[int, dict[str, list[Span]]] = {}
    for span in spans:
        processes.setdefault(span.pid, {}).setdefault(span.scope, []).append(span)
    stream.write('{"resourceSpans": [')
    for number, (pid, scopes) in enumerate(processes.items()):
        stream.write(",\n" if number else "\n")
        resource = {"attributes": key_values(resource_attributes(run, pid))}
        stream.write(f' {{"resource": {encode(resource)},\n  "scopeSpans": [')
        for place, (scope, members) in enumerate(scopes.items()):
            stream.write(",\n" if place else "\n")
            stream.write(f'   {{"scope": {encode({"name": scope or "autotrace"})}, "spans": [\n')
            _write_spans(run.trace_id, members, stream)
            stream.write("\n   ]}")
        stream.write("\n  ]}")
    stream.write("\n]}\n")


def resource_attributes(run: Run, pid: int) -> Attributes:
    """Return what is true of all spans that process ``pid`` of ``run`` made."""
    found: Attributes = {"service.name": run.job, "service.instance.id": run.run}
    if run.host:
        found["host.name"] = run.host
    if pid:
        found["process.pid"] = pid
    if pid == run.pid or not pid:
        if run.command:
            found["process.command_args"] = list(run.command)
        if run.user:
            found["process.owner"] = run.user
        if run.cwd:
            found["process.working_directory"] = run.cwd
        if run.python:
            found["process.runtime.name"] = "cpython"
            found["process.runtime.version"] = run.python
    found["telemetry.sdk.name"] = "autotrace"
    found["telemetry.sdk.language"] = "python"
    return found


def span_object(span: Span, trace_id: str) -> dict[str, Any]:
    """Return a span as OTLP/JSON has it."""
    start = max(span.start_ns, 0)
    found: dict[str, Any] = {"traceId": trace_id, "spanId": span.span_id}
    if span.parent_id:
        found["parentSpanId"] = span.parent_id
    found |= {
        "name": span.name,
        "kind": _KINDS.get(span.kind, 0),
        "startTimeUnixNano": str(start),
        "endTimeUnixNano": str(start + max(span.duration_ns, 0)),
        "attributes": key_values(span.attributes | {"thread.id": span.thread}),
    }
    if span.events:
        found["events"] = [
            {
                "timeUnixNano": str(max(event.time_ns, 0)),
                "name": event.name,
                "attributes": key_values(event.attributes),
            }
            for event in span.events
        ]
    status: dict[str, Any] = {}
    if span.status_code != "unset":
        status["code"] = _STATUSES[span.status_code]
    if span.status_message:
        status["message"] = span.status_message
    found["status"] = status
    return found


def key_values(attributes: Attributes) -> list[dict[str, Any]]:
    """Return attributes as a list of OTLP's ``KeyValue`` objects."""
    return [{"key": key, "value": _any_value(value)} for key, value in attributes.items()]


def _any_value(value: object) -> dict[str, Any]:
    """Return a value as OTLP's ``AnyValue``; whole numbers beyond 64 bits become text."""
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue" if _SMALLEST <= value <= _LARGEST else "stringValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    if isinstance(value, list):
        return {"arrayValue": {"values": [_any_value(item) for item in value]}}
    return {"stringValue": str(value)}


def _write_spans(trace_id: str, spans: Iterable[Span], stream: TextIO) -> None:
    """Write spans with commas between them."""
    before = "    "
    for span in spans:
        stream.write(before + encode(span_object(span, trace_id)))
        before = ",\n    "
