"""A run as Chrome's trace events."""

from __future__ import annotations

import io
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from made_runs import MS, START, Maker, killed_job

from autotrace.insights import Tree
from autotrace.sinks import chrome
from autotrace.spans import Span


def events(made: Maker) -> list[dict[str, Any]]:
    stream = io.StringIO()
    chrome.write(made.run, made.spans, stream)
    found: list[dict[str, Any]] = json.loads(stream.getvalue())["traceEvents"]
    return found


def test_every_span_is_a_complete_event() -> None:
    made = killed_job()
    found = {event["args"]["span_id"]: event for event in events(made) if event["ph"] == "X"}
    assert len(found) == len(made.spans)
    span = next(span for span in made.spans if span.events)
    event = found[span.span_id]
    assert event["name"] == "stripe.customers.update"
    assert event["ts"] == (span.start_ns - START) / 1000
    assert event["dur"] == span.duration_ns / 1000
    assert event["args"]["stripe.object_id"] == "cus_4"
    assert event["args"]["status_message"] == "Your card was declined."
    (instant,) = [event for event in events(made) if event["ph"] == "i"]
    assert (instant["name"], instant["tid"]) == ("exception", event["tid"])


def test_processes_and_threads_are_named() -> None:
    made = Maker()
    made.span("worker.py", 100, 50, scope="autotrace.process", pid=4200)
    made.span("in a thread", 100, 50, thread=2)
    names = {
        (event["name"], event["pid"]): event["args"]["name"]
        for event in events(made)
        if event["ph"] == "M" and event["name"] == "process_name"
    }
    assert names == {("process_name", 4123): "sync_job", ("process_name", 4200): "worker.py"}
    threads = [event["args"]["name"] for event in events(made) if event["name"] == "thread_name"]
    assert sorted(threads) == ["main", "main", "thread 2"]


def test_tasks_side_by_side_have_tracks_of_their_own() -> None:
    made = Maker(ms=100)
    made.span("a", 10, 40)
    made.span("b", 20, 40)
    made.span("c", 70, 10)
    tracks = {event["name"]: event["tid"] for event in events(made) if event["ph"] == "X"}
    assert tracks["a"] != tracks["b"]
    assert tracks["c"] == tracks["a"] == tracks["sync_job"]


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=20))
def test_events_of_a_track_are_nested(intervals: list[tuple[int, int]]) -> None:
    made = Maker(ms=100)
    for start, length in intervals:
        made.span("x", start, length)
    tree = Tree(made.spans, made.run.root_span_id)
    tracks: dict[int, list[tuple[int, int]]] = {}
    for index, track in enumerate(chrome.lay_out(tree)):
        tracks.setdefault(track, []).append((tree.starts[index], tree.ends[index]))
    for members in tracks.values():
        for start, end in members:
            for other_start, other_end in members:
                crossing = start < other_start < end < other_end
                assert not crossing


def test_more_at_once_than_there_are_tracks() -> None:
    made = Maker(ms=1000)
    for number in range(chrome.MOST_TRACKS + 20):
        made.span("x", number, 500)
    tracks = chrome.lay_out(Tree(made.spans, made.run.root_span_id))
    assert max(tracks) == chrome.MOST_TRACKS


def test_an_empty_run_is_a_whole_document() -> None:
    made = Maker()
    made.spans = []
    assert events(made) == []
    made.spans = [Span("1" * 16, "2" * 16, "x", "internal", START - 5 * MS, -3)]
    assert [event["dur"] for event in events(made) if event["ph"] == "X"] == [0]
