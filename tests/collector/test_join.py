"""Joining: what a run's journals say is what the spans say, however the processes ended."""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autotrace.collector import join as joining
from autotrace.collector import reading
from autotrace.collector.join import NothingToJoin, join
from autotrace.journal.format import HEADER_BYTES, SITE, UPDATE
from autotrace.journal.reader import JournalError
from autotrace.spans import Event, Span
from autotrace.store.columns import Block, SpanCollector, in_order
from autotrace.store.runfile import RunFile, RunWriter
from tests.collector.live_folders import (
    MONO,
    MS,
    PID,
    ROOT,
    RUN_ID,
    SHIFT,
    TRACE,
    WALL,
    Live,
    a_simple_run,
    named,
)


def test_a_run_of_one_process(home: Path) -> None:
    live = Live(home)
    live.run()
    journal = live.process(prefix=0xAA)
    journal.thread(0, "MainThread")
    outer = journal.site("update_stripe", **{"code.function.name": "update_stripe"})
    inner = journal.site("POST", **{"http.request.method": "POST"})
    journal.start(1, outer, MONO + 30 * MS, fields={"customer": "cus_9"})
    journal.start(2, inner, MONO + 31 * MS, parent=1, thread=1)
    journal.end(2, 5 * MS, status=1, fields={"http.response.status_code": 200})
    journal.end(1, 9 * MS, fields={"customers": 1})
    journal.exit(MONO + 50 * MS)
    live.result(MONO + 60 * MS)
    joined, spans = live.joined()

    run = joined.run
    assert (run.run, run.trace_id, run.root_span_id) == (RUN_ID, TRACE, ROOT)
    assert (run.job, run.command, run.state) == ("sync_job", ["python", "sync_job.py"], "ok")
    assert (run.started_ns, run.duration_ns) == (WALL, 60 * MS)
    assert (run.exit_code, run.signal, run.parent_id) == (0, None, None)
    assert (run.spans, run.errors, run.dropped) == (3, 0, 0)
    assert (run.cpu_ns, run.max_rss_bytes, run.out_of_memory) == (123, 456, False)
    assert (run.cwd, run.user, run.python, run.pid) == ("/srv", "cron", "3.11.7", PID)
    assert (run.fault_count, run.faults, run.unfinished) == (0, [], [])
    assert joined.processes == [
        {
            "pid": PID,
            "span_id": ROOT,
            "prefix": "000000aa",
            "threads": [[0, 9000, "MainThread"]],
        }
    ]

    root, update, post = spans
    assert (root.span_id, root.parent_id, root.name) == (ROOT, None, "sync_job")
    assert (root.kind, root.scope, root.status_code) == ("internal", "autotrace.process", "unset")
    assert (root.start_ns, root.duration_ns, root.pid) == (WALL, 60 * MS, PID)
    assert root.attributes["process.exit.code"] == 0
    assert root.attributes["process.runtime.version"] == "3.11.7"
    assert root.attributes["process.command_args"] == ["python", "sync_job.py"]
    assert "autotrace.unfinished" not in root.attributes
    assert update == Span(
        "000000aa00000001",
        ROOT,
        "update_stripe",
        "client",
        WALL + 30 * MS,
        9 * MS,
        scope="pymysql",
        attributes={"code.function.name": "update_stripe", "customer": "cus_9", "customers": 1},
        pid=PID,
    )
    assert post == Span(
        "000000aa00000002",
        "000000aa00000001",
        "POST",
        "client",
        WALL + 31 * MS,
        5 * MS,
        "ok",
        scope="pymysql",
        attributes={"http.request.method": "POST", "http.response.status_code": 200},
        pid=PID,
        thread=1,
    )


def test_what_was_under_way_is_closed_and_named(home: Path) -> None:
    live = Live(home)
    live.run()
    journal = live.process()
    step, call, done = journal.site("update_stripe"), journal.site("POST"), journal.site("SELECT")
    journal.start(1, step, MONO + 100 * MS, fields={"customer": "cus_9"})
    journal.start(2, done, MONO + 110 * MS, parent=1)
    journal.end(2, MS)
    journal.start(3, call, MONO + 120 * MS, parent=1)
    journal.writer.update(3, {"url.full": "https://api.stripe.com"})
    journal.writer.event(3, MONO + 125 * MS, "log", {"log.message": "slow"})
    live.result(MONO + 500 * MS, exit_code=None, signal="SIGKILL", oom=True)
    joined, spans = live.joined()
    run = joined.run
    assert (run.state, run.signal, run.exit_code) == ("killed", "SIGKILL", None)
    assert run.out_of_memory
    assert run.unfinished == [("update_stripe", 400 * MS), ("POST", 380 * MS)]
    post = named(spans, "POST")
    assert (post.status_code, post.duration_ns) == ("error", 380 * MS)
    assert post.attributes == {"autotrace.unfinished": True, "url.full": "https://api.stripe.com"}
    assert post.events == [Event("log", WALL + 125 * MS, {"log.message": "slow"})]
    assert named(spans, "update_stripe").attributes["customer"] == "cus_9"
    assert named(spans, "SELECT").status_code == "unset"
    root = named(spans, "sync_job")
    assert (root.status_code, root.status_message) == ("error", "killed by SIGKILL (out of memory)")
    assert "autotrace.unfinished" not in root.attributes
    assert run.errors == 3


def test_while_it_runs_nothing_is_an_error_yet(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joining.time, "monotonic_ns", lambda: MONO + 900 * MS)
    live = Live(home)
    live.run()
    journal = live.process()
    journal.start(1, journal.site("POST"), MONO + 100 * MS)
    joined, spans = live.joined(running=True)
    assert (joined.run.state, joined.run.errors) == ("running", 0)
    assert joined.run.duration_ns == 900 * MS
    assert joined.run.unfinished == [("POST", 800 * MS)]
    assert [span.status_code for span in spans] == ["unset", "unset"]
    assert all(span.attributes["autotrace.unfinished"] is True for span in spans)


def test_what_comes_after_the_end_is_merged(home: Path) -> None:
    live = Live(home)
    live.run()
    journal = live.process()
    select = journal.site("SELECT", **{"db.system.name": "mysql"})
    count = 3 * reading.CHUNK
    for seq in range(1, count + 1):
        journal.start(seq, select, MONO + seq * MS)
        journal.end(seq, MS, fields={"rows": 0})
        if seq > 3 and seq % 2:
            journal.writer.update(seq, {"rows": seq})
            journal.writer.update(seq, {"again": True})
        if seq > 5 and seq % 1000 == 0:
            # Long after the chunk of that span was passed on.
            journal.writer.update(seq // 1000, {"rows": -1, "late": True})
            journal.writer.event(seq // 1000, MONO, "log", {"seq": seq})
    journal.writer.update(count + 99, {"of": "nobody"})
    joined, spans = live.joined()
    assert joined.run.spans == len(spans) == count + 1
    for seq, span in enumerate(sorted(spans, key=lambda span: span.start_ns)):
        if seq == 0:
            continue
        if seq <= count // 1000:
            assert span.attributes["rows"] == -1
            assert [event.attributes for event in span.events] == [{"seq": seq * 1000}]
        else:
            assert span.attributes["rows"] == (seq if seq % 2 else 0)
        assert ("again" in span.attributes) == (seq > 3 and seq % 2 == 1)
        assert span.attributes["db.system.name"] == "mysql"


def test_rows_are_counted_after_the_end(home: Path) -> None:
    live = Live(home)
    live.run()
    journal = live.process()
    select = journal.site("SELECT")
    for seq in (1, 2, 3, 4):
        journal.start(seq, select, MONO + seq * MS, fields={"n": seq})
    journal.end(1, MS)
    journal.writer.rows(1, 30)
    journal.end(2, MS)
    journal.writer.update(2, {"more": True})
    journal.writer.rows(2, 5)
    journal.writer.rows(2, 6)
    journal.writer.rows(3, 7)
    _, spans = live.joined()
    assert [span.attributes for span in spans[1:]] == [
        {"n": 1, "db.response.returned_rows": 30},
        {"n": 2, "more": True, "db.response.returned_rows": 6},
        {"n": 3, "autotrace.unfinished": True, "db.response.returned_rows": 7},
        {"n": 4, "autotrace.unfinished": True},
    ]


def test_a_span_may_have_a_name_of_its_own(home: Path) -> None:
    live = Live(home)
    live.run()
    journal = live.process()
    site = journal.site("api", constant=1)
    journal.start(1, site, MONO + MS, fields={"autotrace.name": "stripe.customers.update"})
    journal.end(1, MS)
    journal.start(2, site, MONO + 2 * MS)
    journal.end(2, MS, fields={"autotrace.name": "stripe.refunds.create", "id": 5})
    journal.start(3, site, MONO + 3 * MS, fields={"autotrace.name": "stripe.events.list"})
    joined, spans = live.joined()
    assert [span.name for span in spans[1:]] == [
        "stripe.customers.update",
        "stripe.refunds.create",
        "stripe.events.list",
    ]
    assert all(span.attributes.pop("constant") == 1 for span in spans[1:])
    assert spans[1].attributes == {}
    assert spans[2].attributes == {"id": 5}
    assert [name for name, _ in joined.run.unfinished] == ["stripe.events.list"]


def test_status_messages_and_events(home: Path) -> None:
    live = Live(home)
    live.run()
    journal = live.process()
    journal.start(1, journal.site("SELECT"), MONO + MS)
    journal.writer.event(1, MONO + 2 * MS, "exception", {"exception.type": "OperationalError"})
    fields = {"error.type": "OperationalError", "autotrace.status_message": "gone away"}
    journal.end(1, 3 * MS, status=2, fields=fields)
    live.result(MONO + 10 * MS)
    joined, spans = live.joined()
    span = named(spans, "SELECT")
    assert (span.status_code, span.status_message) == ("error", "gone away")
    assert span.attributes == {"error.type": "OperationalError"}
    assert span.events == [
        Event("exception", WALL + 2 * MS, {"exception.type": "OperationalError"})
    ]
    assert (joined.run.state, joined.run.errors) == ("warning", 1)


def test_what_is_said_of_the_process_is_said_of_the_job(home: Path) -> None:
    live = Live(home)
    live.run()
    journal = live.process()
    journal.writer.update(0, {"customers": 12, "process.owner": "me"})
    journal.writer.update(0, {"autotrace.library.pymysql": "1.1.0"})
    journal.writer.event(0, MONO + MS, "warning", {"warning.message": "old"})
    journal.exit(MONO + 9 * MS, "ValueError")
    _, spans = live.joined()
    (root,) = spans
    assert root.attributes["customers"] == 12
    assert root.attributes["process.owner"] == "me"
    assert root.attributes["autotrace.library.pymysql"] == "1.1.0"
    assert root.events == [Event("warning", WALL + MS, {"warning.message": "old"})]
    assert (root.status_code, root.status_message) == ("error", "ValueError")


def test_other_processes_are_spans_of_their_own(home: Path) -> None:
    live = Live(home)
    live.run()
    parent = live.process(prefix=0xAA)
    pool = parent.site("run pool")
    parent.start(1, pool, MONO + 50 * MS)
    # Forked inside span 1, forked outside of any span, and started with the run's TRACEPARENT.
    inside = live.process(
        0xBB, 5001, parent="000000aa00000001", mono=MONO + 60 * MS, began=MONO + 55 * MS
    )
    outside = live.process(0xCC, 5002, parent="000000aa00000000", mono=MONO + 70 * MS)
    started = live.process(0xDD, 5003, parent=ROOT, job="", argv=["/usr/bin/report"])
    for journal in (inside, outside, started):
        journal.start(1, journal.site("SELECT"), MONO + 80 * MS)
        journal.end(1, 2 * MS)
    inside.exit(MONO + 90 * MS, "KeyError")
    outside.exit(MONO + 91 * MS)
    parent.end(1, 60 * MS)
    parent.exit(MONO + 120 * MS)
    live.result(MONO + 130 * MS)
    joined, spans = live.joined()
    by_id = {span.span_id: span for span in spans}
    assert len(by_id) == len(spans) == joined.run.spans == 8
    child = by_id["000000bb00000000"]
    assert child.parent_id == "000000aa00000001"
    assert (child.name, child.scope, child.kind) == ("sync_job", "autotrace.process", "internal")
    assert (child.start_ns, child.duration_ns) == (WALL + 55 * MS, 35 * MS)
    assert (child.status_code, child.status_message) == ("error", "KeyError")
    assert child.attributes["error.type"] == "KeyError"
    assert child.attributes["process.pid"] == child.pid == 5001
    assert by_id["000000bb00000001"].parent_id == "000000bb00000000"
    assert by_id["000000cc00000000"].parent_id == ROOT
    assert by_id["000000cc00000000"].status_code == "unset"
    vanished = by_id["000000dd00000000"]
    assert (vanished.name, vanished.parent_id, vanished.status_code) == ("report", ROOT, "unset")
    assert vanished.start_ns + vanished.duration_ns == WALL + 82 * MS
    assert joined.run.state == "warning"


def test_a_worker_that_died_in_the_middle(home: Path) -> None:
    live = Live(home)
    live.run()
    live.process(prefix=0xAA).exit(MONO + 300 * MS)
    worker = live.process(0xBB, 5001, parent=ROOT)
    worker.start(1, worker.site("POST"), MONO + 80 * MS)
    live.result(MONO + 310 * MS)
    joined, spans = live.joined()
    assert joined.run.state == "warning"
    assert joined.run.unfinished == [("POST", 230 * MS)]
    child = next(span for span in spans if span.pid == 5001 and span.scope == "autotrace.process")
    assert child.attributes["autotrace.unfinished"] is True
    assert child.status_code == "error"
    assert child.start_ns + child.duration_ns == WALL + 310 * MS


def test_a_program_that_became_another_one(home: Path) -> None:
    live = Live(home)
    live.run()
    first = live.process(prefix=0xAA)
    first.start(1, first.site("SELECT"), MONO + 30 * MS)
    first.end(1, MS)
    second = live.process(prefix=0xBB, name=f"{PID}.2.journal", mono=MONO + 200 * MS)
    second.start(1, second.site("UPDATE"), MONO + 230 * MS)
    second.end(1, MS)
    second.exit(MONO + 300 * MS)
    joined, spans = live.joined()
    assert [span.name for span in spans] == ["sync_job", "SELECT", "UPDATE"]
    assert [span.parent_id for span in spans] == [None, ROOT, ROOT]
    assert joined.run.state == "ok"
    assert joined.run.duration_ns == 300 * MS


def test_a_shell_script_with_a_traced_program_in_it(home: Path) -> None:
    live = Live(home)
    live.run(command=["sh", "nightly.sh"], job="nightly", pid=4000)
    journal = live.process(prefix=0xAA, pid=4001, job="sync_job")
    journal.exit(MONO + 40 * MS)
    live.result(MONO + 50 * MS, exit_code=2)
    joined, spans = live.joined()
    assert [(span.name, span.parent_id) for span in spans] == [
        ("nightly", None),
        ("sync_job", ROOT),
    ]
    assert (joined.run.state, joined.run.exit_code, joined.run.pid) == ("failed", 2, 4000)
    assert spans[0].status_message == "exit code 2"
    assert spans[0].attributes["process.command_args"] == ["sh", "nightly.sh"]


def test_a_command_with_no_traced_program_in_it(home: Path) -> None:
    live = Live(home)
    live.run(command=["true"], job="true")
    live.result(MONO + 3 * MS)
    joined, spans = live.joined()
    assert (joined.run.state, joined.run.spans, len(spans)) == ("ok", 1, 1)
    assert joined.run.duration_ns == 3 * MS


def test_a_process_that_made_its_own_run(home: Path) -> None:
    live = Live(home)
    journal = live.process(prefix=0xAA, root=True, parent="", wall=WALL, mono=MONO, began=MONO - MS)
    journal.start(1, journal.site("SELECT"), MONO + MS)
    journal.end(1, MS)
    child = live.process(0xBB, 5001, parent="000000aa00000000", mono=MONO + 5 * MS)
    child.exit(MONO + 7 * MS)
    journal.exit(MONO + 9 * MS)
    joined, spans = live.joined()
    run = joined.run
    assert run.root_span_id == "000000aa00000000"
    assert (run.state, run.exit_code, run.cpu_ns) == ("ok", None, 7)
    assert (run.started_ns, run.duration_ns) == (WALL - MS, 10 * MS)
    assert run.command == ["python", "sync_job.py"]
    assert [span.parent_id for span in spans] == [None, run.root_span_id, run.root_span_id]


def test_a_run_that_somebody_else_started(home: Path) -> None:
    live = Live(home)
    live.run(parent="00f067aa0ba902b7")
    live.result(MONO + MS)
    joined, spans = live.joined()
    assert joined.run.parent_id == spans[0].parent_id == "00f067aa0ba902b7"
    other = Live(home, "7f3a9c0b12d5")
    other.process(root=True, parent="00f067aa0ba902b7").exit(MONO + MS)
    joined, spans = other.joined()
    assert joined.run.parent_id == spans[0].parent_id == "00f067aa0ba902b7"


def test_the_collectors_record_is_lost(home: Path) -> None:
    live = Live(home)
    (live.path / "run.journal").write_bytes(b"rubbish" * 1000)
    (live.path / "run.journal").chmod(0o600)
    journal = live.process(prefix=0xAA)
    journal.start(1, journal.site("SELECT"), MONO + 30 * MS)
    journal.end(1, MS)
    child = live.process(
        0xBB, 5001, parent="000000aa00000001", mono=MONO + 50 * MS, began=MONO + 40 * MS
    )
    child.exit(MONO + 60 * MS)
    journal.exit(MONO + 70 * MS)
    joined, spans = live.joined()
    assert joined.run.root_span_id == ROOT
    assert [span.parent_id for span in spans] == [None, ROOT, "000000aa00000001"]
    assert joined.run.faults[0][0] == "run.journal"
    assert "it is not a journal" in joined.run.faults[0][1]


@pytest.mark.parametrize(
    ("result", "ended", "errors", "expected"),
    [
        ({"exit_code": 0}, {}, 0, ("ok", 0, None)),
        ({"exit_code": 0}, {}, 1, ("warning", 0, None)),
        ({"exit_code": 0}, None, 0, ("ok", 0, None)),
        ({"exit_code": 3}, {}, 0, ("failed", 3, None)),
        ({"exit_code": 1}, {"exception": "ValueError"}, 1, ("failed", 1, None)),
        ({"exit_code": None, "signal": "SIGTERM"}, None, 0, ("killed", None, "SIGTERM")),
        ({"exit_code": None}, None, 0, ("killed", None, None)),
        ({"exit_code": None}, {}, 0, ("ok", None, None)),
        ({"exit_code": None}, {"exception": "ValueError"}, 0, ("failed", None, None)),
        ({"exit_code": None}, {"exit_code": 4}, 0, ("failed", 4, None)),
        (None, {}, 0, ("ok", None, None)),
        (None, {}, 1, ("warning", None, None)),
        (None, {"exception": "ValueError"}, 0, ("failed", None, None)),
        (None, {"exit_code": 2}, 0, ("failed", 2, None)),
        (None, None, 0, ("lost", None, None)),
        (None, None, 1, ("lost", None, None)),
    ],
)
def test_how_a_run_ended(
    home: Path,
    result: dict[str, Any] | None,
    ended: dict[str, Any] | None,
    errors: int,
    expected: tuple[str, int | None, str | None],
) -> None:
    live = Live(home)
    live.run()
    journal = live.process()
    journal.start(1, journal.site("SELECT"), MONO + 30 * MS)
    journal.end(1, MS, status=2 if errors else 0)
    if ended is not None:
        journal.exit(MONO + 40 * MS, **ended)
    if result is not None:
        live.result(MONO + 50 * MS, **result)
    joined, spans = live.joined()
    run = joined.run
    assert (run.state, run.exit_code, run.signal) == expected
    failed = expected[0] in ("failed", "killed", "lost")
    assert spans[0].status_code == ("error" if failed else "unset")
    assert run.errors == errors + failed
    assert ("autotrace.unfinished" in spans[0].attributes) == (expected[0] == "lost")
    length = 50 if result is not None else 40 if ended is not None else 31
    assert run.duration_ns == length * MS


def test_drops_and_faults_are_summed(home: Path) -> None:
    live = Live(home)
    live.run()
    for number in (1, 2):
        journal = live.process(0xAA + number, 5000 + number)
        journal.fault("stripe:request", f"KeyError {number}")
        journal.fault(f"place {number}", "TypeError")
        for _ in range(number):
            journal.writer.drop()
    joined, _ = live.joined()
    assert (joined.run.dropped, joined.run.fault_count) == (3, 4)
    assert joined.run.faults == [
        ("stripe:request", "KeyError 1"),
        ("place 1", "TypeError"),
        ("place 2", "TypeError"),
    ]


def test_journals_that_cannot_be_read_are_named(home: Path) -> None:
    live = a_simple_run(home)
    for number, content in enumerate((b"", b"short", bytes(9000), b"\xff" * 9000)):
        path = live.path / f"{6000 + number}.journal"
        path.write_bytes(content)
        path.chmod(0o600)
    newer = live.process(0xBB, 7000)
    with open(newer.path, "r+b") as file:
        file.seek(8)
        file.write(b"\x09")
    shared = live.process(0xCC, 7001)
    shared.path.chmod(0o666)
    (live.path / "7002.journal").symlink_to(newer.path)
    (live.path / "7003.journal").mkdir()
    (live.path / "notes.txt").write_text("nothing of ours")
    joined, spans = live.joined()
    faults = dict(joined.run.faults)
    assert sorted(faults) == [
        *(f"{number}.journal" for number in (6000, 6001, 6002, 6003, 7000, 7001, 7002, 7003))
    ]
    assert "version is 9" in faults["7000.journal"]
    assert "other users" in faults["7001.journal"]
    assert joined.run.fault_count == 8
    assert (len(spans), joined.run.state) == (4, "ok")


def test_a_journal_of_another_user_is_not_read(home: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs the right to give files away")
    live = a_simple_run(home)
    foreign = live.process(0xBB, 7000)
    os.chown(foreign.path, 65534, 65534)
    joined, spans = live.joined()
    assert "belongs to user 65534" in joined.run.faults[0][1]
    assert len(spans) == 4
    os.chown(live.path, 65534, 65534)
    with pytest.raises(JournalError, match="belongs to user 65534"):
        live.joined()


@pytest.mark.parametrize("files", [{}, {"5.journal": b"rubbish"}, {"collector.lock": b""}])
def test_a_folder_without_a_run(home: Path, files: dict[str, bytes]) -> None:
    live = Live(home)
    for name, content in files.items():
        (live.path / name).write_bytes(content)
        (live.path / name).chmod(0o600)
    with pytest.raises(NothingToJoin, match=r"no journal in it|too short"):
        live.joined()
    with pytest.raises(FileNotFoundError):
        join(str(live.path) + "x", SpanCollector())


def test_records_that_make_no_sense_are_passed_over(home: Path) -> None:
    live = Live(home)
    live.run(wall="noon", mono=None, pid="many", command=5, parent="x", job=None)
    journal = live.process(prefix=0xAA, root=True, ppid="p", argv=7, began="b", job=3, python=2**80)
    head = (UPDATE).to_bytes(1, "little")
    for seq, fields in ((1, ["a"]), (2, 5)):
        tail = dumps_of(fields)
        journal.writer.append(
            (12 + len(tail) + 4).to_bytes(4, "little")
            + head
            + bytes(3)
            + seq.to_bytes(4, "little")
            + tail
        )
    tail = dumps_of(("name", "client"))
    journal.writer.append(
        (12 + len(tail) + 4).to_bytes(4, "little") + bytes([SITE, 0, 0, 0]) + bytes(4) + tail
    )
    journal.start(1, 77, MONO + 30 * MS, fields=["no", "dict"])  # type: ignore[arg-type]
    journal.end(1, -5, status=3, fields=5)  # type: ignore[arg-type]
    journal.end(1, 5)
    journal.end(99, 5)
    journal.start(2, 78, 2**62, parent=2)
    journal.end(2, 2**62)
    journal.writer.value(12 + 50, {"from": "the future"})
    journal.exit(2**90, exception=5)  # type: ignore[arg-type]
    live.result(MONO, exit_code=2**80, signal=5, cpu_ns="much", max_rss_bytes=2**90)
    joined, spans = live.joined()
    assert joined.run.spans == len(spans) == 3
    assert {span.name for span in spans[1:]} | {spans[0].name} >= {"?"}
    assert joined.run.fault_count == len(joined.run.faults) == 3
    with RunWriter(str(home / "a.run")) as writer:
        joined = join(str(live.path), writer)
        writer.finish(joined.run, joined.processes)
    with RunFile(str(home / "a.run")) as file:
        assert len(file.spans()) == 3
        assert file.whole


def dumps_of(value: object) -> bytes:
    from marshal import dumps

    return dumps(value, 2)  # type: ignore[arg-type]


def test_a_text_that_is_no_unicode(home: Path) -> None:
    live = Live(home)
    live.run(cwd="caf\udce9", command=["p\udce9"])
    journal = live.process(job="job\udce9", argv=["x\udce9"])
    journal.thread(0, "thread\udce9")
    journal.fault("place\udce9", "what")
    journal.start(
        1, journal.site("S\udce9", query="\ud800"), MONO + MS, fields={"k\ud800": "v\ud800"}
    )
    journal.end(1, MS, 2, {"autotrace.status_message": "m\ud800"})
    with RunWriter(str(home / "a.run")) as writer:
        joined = join(str(live.path), writer)
        writer.finish(joined.run, joined.processes)
    with RunFile(str(home / "a.run")) as file:
        assert file.whole
        span = file.spans()[1]
        assert file.run == joined.run
    assert (span.name, span.status_message) == ("S?", "m?")
    assert span.attributes == {"query": "?", "k?": "v?"}
    assert (joined.run.cwd, joined.run.command, joined.run.faults[0][0]) == (
        "caf?",
        ["p?"],
        "place?",
    )


class Broken:
    """A taker that cannot take, as with a full disk."""

    def __init__(self, method: str) -> None:
        self.method = method

    def site(self, site: object) -> int:
        return 0

    def block(self, block: Block) -> None:
        if self.method == "block":
            raise OSError(28, "No space left on device")

    def late(self, late: object) -> None:
        if self.method == "late":
            raise OSError(28, "No space left on device")


@pytest.mark.parametrize("method", ["block", "late"])
def test_trouble_of_the_taker_is_no_fault_of_a_journal(home: Path, method: str) -> None:
    live = Live(home)
    live.run()
    journal = live.process()
    select = journal.site("SELECT")
    for seq in range(1, 10_000):
        journal.start(seq, select, MONO)
        journal.end(seq, 1)
    journal.writer.update(1, {"late": True})
    with pytest.raises(OSError, match="No space left"):
        join(str(live.path), Broken(method))


@pytest.fixture(scope="module")
def sound_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, bytes], list[Span]]:
    """The journals of a run, by name, without what is only reserved; and its spans."""
    live = a_simple_run(tmp_path_factory.mktemp("sound"), statements=20)
    content = {
        path.name: path.read_bytes()[: HEADER_BYTES + 3000] for path in live.path.glob("*.journal")
    }
    return content, live.joined()[1]


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_a_damaged_journal_costs_only_what_comes_after(
    home: Path, sound_run: tuple[dict[str, bytes], list[Span]], data: st.DataObject
) -> None:
    live, pristine = Live(home, os.urandom(8).hex()), sound_run[0]
    whole = {span.span_id: span for span in sound_run[1]}
    live.put("run.journal", pristine["run.journal"])
    content = bytearray(pristine[f"{PID}.journal"])
    if data.draw(st.booleans()):
        del content[data.draw(st.integers(0, len(content))) :]
    else:
        at = data.draw(st.integers(0, len(content) - 1))
        for byte in data.draw(st.binary(min_size=1, max_size=16)):
            content[at % len(content)] = byte
            at += 1
    live.put(f"{PID}.journal", bytes(content))
    joined, spans = live.joined()
    for span in spans:
        before = whole.get(span.span_id)
        if before is not None and span.scope == "pymysql":
            unfinished = span.attributes.get("autotrace.unfinished")
            assert unfinished or (span.attributes, span.duration_ns) == (
                before.attributes,
                before.duration_ns,
            )
    assert joined.run.job == "sync_job"
    assert joined.run.spans == len(spans) <= len(whole) + 1


def test_damage_in_the_middle_is_told(home: Path) -> None:
    live = a_simple_run(home, statements=50)
    path = live.path / f"{PID}.journal"
    with open(path, "r+b") as file:
        file.seek(HEADER_BYTES + 1200)
        file.write(b"\xff" * 8)
    joined, spans = live.joined()
    assert 1 < len(spans) < 51
    ((place, what),) = joined.run.faults
    assert place == path.name
    assert what.startswith("it is damaged at byte ")


def test_a_record_that_was_being_written_at_the_end_is_no_damage(home: Path) -> None:
    live = Live(home)
    live.run()
    journal = live.process()
    journal.start(1, journal.site("SELECT"), MONO)
    at = journal.writer.position
    journal.end(1, 5)
    with open(journal.path, "r+b") as file:
        file.seek(at + 10)
        file.write(bytes(20))
    joined, _ = live.joined()
    assert joined.run.faults == []
    assert [name for name, _ in joined.run.unfinished] == ["SELECT"]


calls = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.booleans(),
        st.sampled_from([None, {"a": 1}, {"b": "x", "c": [1, 2]}]),
        st.sampled_from([None, {"d": True}, {"a": 2}]),
        st.sampled_from([None, {"late": 1.5}]),
        st.integers(0, 2),
    ),
    max_size=40,
)


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(calls=calls, chunk=st.integers(1, 7), seed=st.integers(0, 1000))
def test_any_nesting_joins_to_what_was_meant(
    home: Path, calls: list[tuple[Any, ...]], chunk: int, seed: int
) -> None:
    """Against a model of span objects, with chunks so small that all borders occur."""
    live = Live(home, os.urandom(6).hex())
    live.run()
    journals = [live.process(0xA0, PID), live.process(0xB0, 5001)]
    choose = random.Random(seed)
    expected: dict[str, Span] = {}
    open_now: list[list[int]] = [[], []]
    pending: list[tuple[int, int, dict[str, Any]]] = []
    sites = [[journal.site(f"op{number}", n=number) for number in range(4)] for journal in journals]
    seqs = [0, 0]
    now = MONO + 30 * MS

    def finish(which: int) -> None:
        nonlocal now
        seq = open_now[which].pop(choose.randrange(len(open_now[which])))
        span = expected[f"{journals[which].prefix << 32 | seq:016x}"]
        now += 7
        span.duration_ns = now + SHIFT - span.start_ns
        _, _, _, last, late, status = calls_of[which, seq]
        span.attributes |= last or {}
        span.status_code = ("unset", "ok", "error")[status]
        journals[which].end(seq, span.duration_ns, status, last)
        if late:
            pending.append((which, seq, late))

    calls_of = {}
    for call in calls:
        site, second, first, _, _, _ = call
        which = int(second)
        now += 11
        seqs[which] += 1
        seq = seqs[which]
        calls_of[which, seq] = call
        parent = choose.choice([0, *open_now[which]])
        journals[which].start(seq, sites[which][site], now, parent, first, thread=site)
        prefix = journals[which].prefix << 32
        own = ROOT if which == 0 else f"{prefix:016x}"
        expected[f"{prefix | seq:016x}"] = Span(
            f"{prefix | seq:016x}",
            f"{prefix | parent:016x}" if parent else own,
            f"op{site}",
            "client",
            now + SHIFT,
            0,
            scope="pymysql",
            attributes={"n": site, **(first or {})},
            pid=(PID, 5001)[which],
            thread=site,
        )
        open_now[which].append(seq)
        while open_now[which] and choose.random() < 0.5:
            finish(which)
        while pending and choose.random() < 0.3:
            of, number, late = pending.pop(0)
            journals[of].writer.update(number, late)
            expected[f"{journals[of].prefix << 32 | number:016x}"].attributes |= late
    for which in (0, 1):
        while open_now[which]:
            finish(which)
        for of, number, late in pending:
            if of == which:
                journals[of].writer.update(number, late)
                expected[f"{journals[of].prefix << 32 | number:016x}"].attributes |= late
        journals[which].exit(now)
        journals[which].close()
    live.result(now)

    old, reading.CHUNK = reading.CHUNK, chunk
    try:
        joined, spans = live.joined()
        with RunWriter(str(home / "a.run")) as writer:
            again = join(str(live.path), writer)
            writer.finish(again.run, again.processes)
    finally:
        reading.CHUNK = old
    own_spans = [span for span in spans if span.scope == "pymysql"]
    assert own_spans == in_order(list(expected.values()))
    assert joined.run.spans == len(spans) == len(expected) + 2
    assert joined.run.errors == sum(span.status_code == "error" for span in spans)
    with RunFile(str(home / "a.run")) as file:
        assert file.spans() == spans
        assert file.run == joined.run
