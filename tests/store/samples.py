"""Runs and spans for the tests of store and collector."""

from __future__ import annotations

import os
import pickle
import random
import traceback
from collections.abc import Callable
from typing import Any, TypeVar

from hypothesis import strategies as st

from autotrace.spans import Event, Run, Span

DAY_NS = 86_400 * 1_000_000_000
START_NS = 1_763_000_000_000_000_000
NOBODY = 65_534

Result = TypeVar("Result")


def a_run(run: str = "7f3a9c000001", **changes: Any) -> Run:
    """A run as the collector would describe it."""
    fields: dict[str, Any] = {
        "run": run,
        "trace_id": "ab" * 16,
        "root_span_id": "12" * 8,
        "job": "sync_job",
        "command": ["python", "sync_job.py", "--all"],
        "state": "failed",
        "started_ns": START_NS,
        "duration_ns": 4_200_000_000,
        "exit_code": 3,
        "faults": [("stripe:request", "KeyError: 'id'")],
        "fault_count": 1,
        "unfinished": [("update_stripe", 31_400_000_000)],
        "cpu_ns": 1_000_000,
        "host": "worker-1",
        "cwd": "/srv/café",
        "pid": 4711,
    }
    return Run(**{**fields, **changes})


def some_spans(count: int, seed: int = 7) -> list[Span]:
    """A root and SQL statements below it, in the order of their start, as most jobs make them."""
    choose = random.Random(seed)
    prefix = 0xDEADBEEF << 32
    root = f"{prefix:016x}"
    now = START_NS
    spans = [Span(root, None, "sync_job", "internal", now, 10**15, pid=4711)]
    for number in range(1, count):
        now += choose.randrange(3_000, 400_000)
        table = f"t{number % 20}"
        spans.append(
            Span(
                f"{prefix | number:016x}",
                root,
                f"SELECT {table}",
                "client",
                now,
                choose.randrange(40_000, 400_000),
                scope="pymysql",
                attributes={
                    "db.system.name": "mysql",
                    "db.query.text": f"SELECT * FROM {table} WHERE id = %s",
                    "db.response.returned_rows": choose.randrange(40),
                },
                pid=4711,
                thread=number % 3,
            )
        )
        if number % 50 == 0:
            spans[-1].status_code = "error"
            spans[-1].status_message = "Lost connection"
            spans[-1].events = [Event("exception", now + 5, {"exception.type": "OperationalError"})]
    return spans


texts = st.text(max_size=20)
scalars = st.one_of(
    texts, st.booleans(), st.integers(-(2**63) + 1, 2**63 - 1), st.floats(allow_nan=False)
)
values = st.one_of(
    scalars,
    st.lists(texts, max_size=3),
    st.lists(st.booleans(), max_size=3),
    st.lists(st.integers(-(2**63) + 1, 2**63 - 1), max_size=3),
    st.lists(st.floats(allow_nan=False), max_size=3),
)
attributes = st.dictionaries(texts, values, max_size=5)
times = st.integers(0, 2**62)
events = st.lists(st.builds(Event, texts, times, attributes), max_size=2)
span_ids = st.integers(1, 2**64 - 1).map(lambda number: f"{number:016x}")
spans = st.builds(
    Span,
    span_ids,
    st.none() | span_ids,
    texts,
    st.sampled_from(["internal", "client", "server", "producer", "consumer"]),
    times,
    times,
    st.sampled_from(["unset", "ok", "error"]),
    texts,
    texts,
    attributes,
    events,
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**16 - 1),
)
span_lists = st.lists(spans, max_size=30, unique_by=lambda span: span.span_id)


def by_id(spans: list[Span]) -> dict[str, Span]:
    """The spans under their ids."""
    return {span.span_id: span for span in spans}


def in_child(work: Callable[[], Result], user: int | None = None) -> Result:
    """Run ``work`` in a forked child, as another user where root can; return what it returned."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        answer: tuple[bool, Any]
        try:
            os.close(reading)
            if user is not None and os.geteuid() == 0:
                os.setgroups([])
                os.setegid(user)
                os.seteuid(user)
            answer = (True, work())
        except BaseException:
            answer = (False, traceback.format_exc())
        try:
            with os.fdopen(writing, "wb") as pipe:
                pickle.dump(answer, pipe)
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        data = pipe.read()
    os.waitpid(pid, 0)
    fine, result = pickle.loads(data)
    assert fine, result
    return result  # type: ignore[no-any-return]
