"""The JSON interface is what its page says."""

from __future__ import annotations

import io
import json
import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_runs import START, Maker

from autotrace.sinks.plain_json import VERSION, write_run, write_runs

PAGE = Path(__file__).resolve().parents[2] / "docs/reference/json.md"

RUN_KEYS = [
    "run", "trace_id", "job", "command", "state", "exit_code", "signal", "started", "duration_ns",
    "spans", "errors", "dropped", "cpu_ns", "max_rss_bytes",
]  # fmt: skip
SPAN_KEYS = [
    "span_id", "parent_id", "name", "kind", "start_ns", "duration_ns", "status", "scope",
    "attributes", "events", "pid",
]  # fmt: skip


def documented() -> tuple[list[str], list[str]]:
    """The keys in the two tables of the page."""
    runs, spans = PAGE.read_text(encoding="utf-8").split("## `autotrace show --json [RUN]`")
    row = re.compile(r"^\| `(\w+)` \|", re.MULTILINE)
    return row.findall(runs), row.findall(spans)


def test_the_keys_are_those_of_the_interface(autotrace: Any, runs: list[Maker]) -> None:
    listed = json.loads(autotrace("list", "--json").stdout)
    assert [list(run) for run in listed] == [RUN_KEYS] * 3
    whole = json.loads(autotrace("show", "--json").stdout)
    assert list(whole) == ["run", "spans"]
    assert whole["run"] == listed[0]
    assert all(list(span) == SPAN_KEYS for span in whole["spans"])
    assert all(list(span["status"]) == ["code", "message"] for span in whole["spans"])
    (event,) = [event for span in whole["spans"] for event in span["events"]]
    assert list(event) == ["name", "time_ns", "attributes"]


def test_the_page_describes_every_key() -> None:
    assert documented() == (RUN_KEYS, SPAN_KEYS)
    assert f"version {VERSION}" in PAGE.read_text(encoding="utf-8").splitlines()[0]


def test_the_examples_of_the_page_are_json_of_that_shape() -> None:
    runs, whole = map(
        json.loads, re.findall(r"```json\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    )
    assert [list(run) for run in runs] == [RUN_KEYS]
    assert set(whole["run"]) <= set(RUN_KEYS)
    assert [list(span) for span in whole["spans"]] == [SPAN_KEYS]


def test_values(autotrace: Any, runs: list[Maker]) -> None:
    run = json.loads(autotrace("list", "--json").stdout)[0]
    assert run["command"] == ["python", "sync_job.py", "--all customers"]
    assert (run["state"], run["exit_code"], run["signal"]) == ("killed", None, "SIGKILL")
    started = datetime.fromisoformat(run["started"])
    assert started.utcoffset() == timedelta(0)
    assert started.timestamp() == START / 1e9
    spans = json.loads(autotrace("show", "--json").stdout)["spans"]
    unfinished = [span for span in spans if span["attributes"].get("autotrace.unfinished") is True]
    assert [span["name"] for span in unfinished] == ["update_invoices", "stripe.invoices.create"]
    assert [span["start_ns"] for span in spans] == sorted(span["start_ns"] for span in spans)


@given(st.text(), st.floats(), st.integers())
def test_whatever_is_in_a_span_stays_json(text: str, number: float, whole: int) -> None:
    made = Maker()
    made.span(text, 1, 1, error=text, a=text, b=number, c=[number], d=whole)
    stream = io.StringIO()
    write_run(made.run, made.spans, stream)
    assert stream.getvalue().isascii()
    read = json.loads(stream.getvalue(), parse_constant=pytest.fail)["spans"][1]
    assert read["name"] == text
    assert float(read["attributes"]["b"]) == number or number != number
    assert read["attributes"]["d"] == whole


@pytest.mark.parametrize("started", [-(10**30), 0, 10**30])
def test_impossible_dates_are_no_error(started: int) -> None:
    made = Maker()
    made.run.started_ns = started
    stream = io.StringIO()
    write_runs([made.run], stream)
    assert datetime.fromisoformat(json.loads(stream.getvalue())[0]["started"])
