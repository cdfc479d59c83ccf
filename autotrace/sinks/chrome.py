"""A run as Chrome's trace events, for https://ui.perfetto.dev, chrome://tracing and speedscope.

The format wants the events of one track nested: one that begins inside another must end inside it.
Spans of one thread need not (asyncio's tasks interleave), so each thread has as many tracks as it
takes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TextIO

from autotrace.insights.tree import Tree
from autotrace.sinks.plain_json import encode, run_object
from autotrace.spans import Run, Span

MOST_TRACKS = 64
"""So many tracks has a thread at the most; what finds no room is put on the last one."""

_TRACKS_APART = 100
"""Numbers between the first tracks of two threads."""


def write(run: Run, spans: Sequence[Span], stream: TextIO) -> None:
    """Write ``run`` with its ``spans`` to ``stream`` as one JSON object, an event on each line.

    Times are microseconds since the run's start.
    """
    tree = Tree(spans, run.root_span_id)
    origin, _ = tree.bounds(run.started_ns, run.duration_ns)
    tracks = lay_out(tree)
    stream.write('{"displayTimeUnit": "ms",\n "otherData": ')
    stream.write(encode(run_object(run)) + ',\n "traceEvents": [\n')
    events = _names(run, tree, tracks)
    stream.write("  " + ",\n  ".join(map(encode, events)) if events else "")
    before = ",\n  " if events else "  "
    for index, span in enumerate(tree.spans):
        for event in _events(span, tracks[index], origin):
            stream.write(before + encode(event))
            before = ",\n  "
    stream.write("\n ]}\n")


def lay_out(tree: Tree) -> list[int]:
    """Return the track of each position: within a track, spans follow or contain one another.

    A span stays on its parent's track where it can. Tracks are numbered from 1 within a process.
    """
    order = sorted(range(len(tree.spans)), key=lambda at: (tree.starts[at], -tree.ends[at]))
    # For each thread its tracks, and for each track the ends of what is open on it, the inmost
    # last.
    threads: dict[tuple[int, int], list[list[int]]] = {}
    chosen = [0] * len(tree.spans)
    place = [0] * len(tree.spans)
    for index in order:
        span = tree.spans[index]
        open_ends = threads.setdefault((span.pid, span.thread), [])
        start, end = tree.starts[index], tree.ends[index]
        parent = tree.parents[index]
        own = place[parent] if parent >= 0 and tree.spans[parent].thread == span.thread else 0
        for track in (own, *range(len(open_ends) + 1)):
            if track >= len(open_ends):
                if len(open_ends) < MOST_TRACKS:
                    open_ends.append([])
                track = len(open_ends) - 1
                break
            ends = open_ends[track]
            while ends and ends[-1] <= start:
                ends.pop()
            if not ends or end <= ends[-1]:
                break
        open_ends[track].append(end)
        place[index] = track
        chosen[index] = span.thread * _TRACKS_APART + track + 1
    return chosen


def _names(run: Run, tree: Tree, tracks: Sequence[int]) -> list[dict[str, Any]]:
    """Return the events that name processes and tracks."""
    processes: dict[int, str] = {}
    threads: dict[tuple[int, int], str] = {}
    for span, track in zip(tree.spans, tracks):
        if span.pid not in processes or span.scope == "autotrace.process":
            name = span.name if span.scope == "autotrace.process" else run.job
            processes[span.pid] = name if span.pid != run.pid else run.job
        if (span.pid, track) not in threads:
            thread, number = divmod(track - 1, _TRACKS_APART)
            name = f"thread {thread}" if thread else "main"
            threads[span.pid, track] = name + (f", beside {number}" if number else "")
    found = [
        {"ph": "M", "name": "process_name", "pid": pid, "tid": 0, "args": {"name": name}}
        for pid, name in processes.items()
    ]
    found += [
        {"ph": "M", "name": "thread_name", "pid": pid, "tid": track, "args": {"name": name}}
        for (pid, track), name in sorted(threads.items())
    ]
    return found


def _events(span: Span, track: int, origin: int) -> list[dict[str, Any]]:
    """Return a span and what happened in it as trace events."""
    arguments: dict[str, Any] = {"span_id": span.span_id, "parent_id": span.parent_id}
    if span.status_code != "unset":
        arguments["status"] = span.status_code
    if span.status_message:
        arguments["status_message"] = span.status_message
    found: list[dict[str, Any]] = [
        {
            "ph": "X",
            "name": span.name,
            "cat": span.scope or "autotrace",
            "ts": (span.start_ns - origin) / 1000,
            "dur": max(span.duration_ns, 0) / 1000,
            "pid": span.pid,
            "tid": track,
            "args": arguments | span.attributes,
        }
    ]
    if span.status_code == "error":
        found[0]["cname"] = "terrible"
    for event in span.events:
        found.append(
            {
                "ph": "i",
                "s": "t",
                "name": event.name,
                "cat": span.scope or "autotrace",
                "ts": (event.time_ns - origin) / 1000,
                "pid": span.pid,
                "tid": track,
                "args": event.attributes,
            }
        )
    return found
