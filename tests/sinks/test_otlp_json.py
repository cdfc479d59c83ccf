"""A run as OTLP/JSON."""

from __future__ import annotations

import io
import json
import math
import re
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from made_runs import START, Maker, killed_job

from autotrace.sinks import otlp_json
from autotrace.spans import Run, Span


def exported(run: Run, spans: list[Span]) -> dict[str, Any]:
    stream = io.StringIO()
    otlp_json.write(run, spans, stream)
    document: dict[str, Any] = json.loads(stream.getvalue(), parse_constant=lambda name: 1 / 0)
    return document


def spans_of(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        span
        for resource in document["resourceSpans"]
        for scope in resource["scopeSpans"]
        for span in scope["spans"]
    ]


def plain(value: dict[str, Any]) -> object:
    """What an AnyValue means."""
    ((kind, content),) = value.items()
    if kind == "intValue":
        assert isinstance(content, str), "64-bit numbers are strings"
        return int(content)
    if kind == "arrayValue":
        return [plain(item) for item in content["values"]]
    if kind == "doubleValue" and isinstance(content, str):
        return float(content)
    return content


def test_all_spans_arrive_with_all_they_have() -> None:
    made = killed_job()
    found = {span["spanId"]: span for span in spans_of(exported(made.run, made.spans))}
    assert len(found) == len(made.spans)
    for span in made.spans:
        sent = found[span.span_id]
        assert sent["traceId"] == made.run.trace_id
        assert sent.get("parentSpanId") == span.parent_id
        assert sent["startTimeUnixNano"] == str(span.start_ns)
        assert sent["endTimeUnixNano"] == str(span.start_ns + span.duration_ns)
        assert sent["kind"] == {"internal": 1, "client": 3}[span.kind]
        assert sent["status"].get("code", 0) == {"unset": 0, "error": 2}[span.status_code]
        attributes = {pair["key"]: plain(pair["value"]) for pair in sent["attributes"]}
        assert span.attributes.items() <= attributes.items()
        assert [event["name"] for event in sent.get("events", [])] == [
            event.name for event in span.events
        ]


def test_a_resource_for_each_process_and_a_scope_for_each_instrumentation() -> None:
    made = killed_job()
    made.span("worker.py", 100, 50, scope="autotrace.process", pid=4200)
    resources = exported(made.run, made.spans)["resourceSpans"]
    described = [
        {pair["key"]: plain(pair["value"]) for pair in resource["resource"]["attributes"]}
        for resource in resources
    ]
    assert [resource["process.pid"] for resource in described] == [4123, 4200]
    assert {resource["service.name"] for resource in described} == {"sync_job"}
    assert described[0]["process.command_args"] == made.run.command
    assert "process.command_args" not in described[1]
    scopes = {scope["scope"]["name"] for scope in resources[0]["scopeSpans"]}
    assert {"pymysql", "stripe", "requests"} <= scopes


values = st.one_of(
    st.text(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.lists(st.text(), max_size=3),
    st.lists(st.floats(), max_size=3),
)


@given(st.dictionaries(st.text(max_size=5), values, max_size=4))
def test_every_value_survives(attributes: dict[str, Any]) -> None:
    made = Maker()
    made.root.attributes = attributes
    (span,) = spans_of(exported(made.run, made.spans))
    sent = {pair["key"]: plain(pair["value"]) for pair in span["attributes"]}
    for key, value in attributes.items():
        if isinstance(value, int) and not -(2**63) <= value < 2**63:
            assert sent[key] == str(value)
        elif isinstance(value, float) and math.isnan(value):
            assert math.isnan(sent[key])  # type: ignore[arg-type]
        else:
            assert repr(sent[key]).replace("nan", "NaN") == repr(value).replace("nan", "NaN")


def test_an_empty_run_and_times_before_the_epoch() -> None:
    made = Maker()
    assert exported(made.run, [])["resourceSpans"] == []
    made.root.start_ns = -5
    made.root.duration_ns = -7
    (span,) = spans_of(exported(made.run, made.spans))
    assert (span["startTimeUnixNano"], span["endTimeUnixNano"]) == ("0", "0")


def test_keys_are_those_of_the_protocol() -> None:
    stream = io.StringIO()
    made = killed_job()
    otlp_json.write(made.run, made.spans, stream)
    keys = set(re.findall(r'"(\w+)":', stream.getvalue()))
    assert keys == {
        "resourceSpans", "resource", "attributes", "key", "value", "scopeSpans", "scope", "name",
        "spans", "traceId", "spanId", "parentSpanId", "kind", "startTimeUnixNano",
        "endTimeUnixNano", "status", "code", "message", "events", "timeUnixNano", "stringValue",
        "intValue", "boolValue", "arrayValue", "values",
    }  # fmt: skip
    assert str(START) in stream.getvalue()
