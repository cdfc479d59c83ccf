"""Live folders as jobs leave them, written with the journal's own writer."""

from __future__ import annotations

import itertools
import os
import socket
from collections.abc import Sequence
from marshal import dumps
from pathlib import Path
from typing import Any

from autotrace.collector.join import Joined, join
from autotrace.journal.format import (
    END,
    END_BYTES,
    END_HEAD,
    EXIT,
    FAULT,
    MARSHAL_VERSION,
    PROCESS,
    RESULT,
    RUN,
    START,
    START_BYTES,
    START_HEAD,
    STATE_EXITED,
    THREAD,
)
from autotrace.journal.writer import Writer
from autotrace.spans import Span
from autotrace.store.columns import SpanCollector

RUN_ID = "7f3a9c0b12d4"
TRACE = "ab" * 16
ROOT = "c0ffee0000000001"
PID = 4711
MONO = 5_000_000_000_000
WALL = 1_763_000_000_000_000_000
SHIFT = WALL - MONO
MS = 1_000_000
LIMIT = 64 << 20

GONE_TICKS = 1
"""A start time that no process of this machine has had since its boot."""


def boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


class Journal:
    """One process's journal being written; times are monotonic nanoseconds."""

    def __init__(self, path: Path, prefix: int) -> None:
        self.path = path
        self.prefix = prefix
        self.writer = Writer(str(path), prefix, LIMIT)
        self.sites = itertools.count(1)

    def close(self) -> None:
        """Give the descriptor back; what was written stays."""
        os.close(self.writer.fd)

    def site(self, name: str, **fields: Any) -> int:
        number = next(self.sites)
        self.writer.site(number, (name, "client", "pymysql", fields))
        return number

    def start(
        self,
        seq: int,
        site: int,
        at: int,
        parent: int = 0,
        fields: dict[str, Any] | None = None,
        thread: int = 0,
    ) -> None:
        tail = dumps(fields, MARSHAL_VERSION) if fields else b""
        head = START_HEAD.pack(START_BYTES + len(tail), START, 0, thread, site, seq, parent, at)
        assert self.writer.append(head + tail)

    def end(
        self, seq: int, duration: int, status: int = 0, fields: dict[str, Any] | None = None
    ) -> None:
        tail = dumps(fields, MARSHAL_VERSION) if fields else b""
        head = END_HEAD.pack(END_BYTES + len(tail), END, status, 0, seq, duration)
        assert self.writer.append(head + tail)

    def exit(self, at: int, exception: str | None = None, **more: Any) -> None:
        self.writer.value(EXIT, {"mono": at, "exception": exception, "cpu_ns": 7, **more})
        self.writer.state(STATE_EXITED)

    def thread(self, number: int, name: str) -> None:
        self.writer.value(THREAD, (140_000 + number, 9_000 + number, name), number)

    def fault(self, place: str, what: str) -> None:
        self.writer.fault()
        self.writer.value(FAULT, (place, what))


class Live:
    """A live folder."""

    def __init__(self, home: Path, run: str = RUN_ID) -> None:
        self.path = home / "live" / run
        home.mkdir(mode=0o700, exist_ok=True)
        (home / "live").mkdir(mode=0o700, exist_ok=True)
        self.path.mkdir(mode=0o700)
        self.collector: Writer | None = None

    def run(self, **changes: Any) -> None:
        """The collector's RUN record."""
        facts = {
            "run": self.path.name,
            "trace_id": TRACE,
            "root_span_id": ROOT,
            "parent": "",
            "job": "sync_job",
            "command": ["python", "sync_job.py"],
            "cwd": "/srv",
            "host": socket.gethostname(),
            "user": "cron",
            "wall": WALL,
            "mono": MONO,
            "pid": PID,
        }
        self._write(RUN, {**facts, **changes})

    def result(self, at: int, **changes: Any) -> None:
        """The collector's RESULT record."""
        facts = {
            "wall": at + SHIFT,
            "mono": at,
            "exit_code": 0,
            "signal": None,
            "cpu_ns": 123,
            "max_rss_bytes": 456,
            "oom": False,
        }
        self._write(RESULT, {**facts, **changes})

    def _write(self, kind: int, facts: dict[str, Any]) -> None:
        if self.collector is None:
            self.collector = Writer(str(self.path / "run.journal"), 1, LIMIT)
            os.close(self.collector.fd)
        self.collector.value(kind, facts)

    def put(self, name: str, content: bytes) -> None:
        """A file with that content."""
        path = self.path / name
        path.write_bytes(content)
        path.chmod(0o600)

    def process(
        self, prefix: int = 0xAA, pid: int = PID, name: str = "", **changes: Any
    ) -> Journal:
        """A process's journal, its PROCESS record written."""
        journal = Journal(self.path / (name or f"{pid}.journal"), prefix)
        facts = {
            "pid": pid,
            "ppid": 1,
            "argv": ["python", "sync_job.py"],
            "executable": "/usr/bin/python3",
            "cwd": "/srv",
            "python": "3.11.7",
            "implementation": "cpython",
            "host": socket.gethostname(),
            "user": "cron",
            "wall": WALL + 20 * MS,
            "mono": MONO + 20 * MS,
            "began": MONO + 5 * MS,
            "trace_id": TRACE,
            "parent": ROOT,
            "prefix": prefix,
            "boot": boot(),
            "ticks": GONE_TICKS,
            "agent": "0.1",
            "job": "sync_job",
            "root": False,
            "run": self.path.name,
        }
        facts.update(changes)
        # The pid that counts is the one that the writer saw; here nobody is who they say.
        with open(journal.path, "r+b") as file:
            file.seek(12)
            file.write(pid.to_bytes(4, "little"))
        journal.writer.value(PROCESS, facts)
        return journal

    def joined(self, running: bool = False) -> tuple[Joined, list[Span]]:
        """The run and its spans in order."""
        taker = SpanCollector()
        joined = join(str(self.path), taker, running)
        return joined, taker.finish()


def named(spans: Sequence[Span], name: str) -> Span:
    """The one span of that name."""
    (found,) = [span for span in spans if span.name == name]
    return found


def a_simple_run(home: Path, run: str = RUN_ID, statements: int = 3, **process: Any) -> Live:
    """A job that went well and whose process is gone."""
    live = Live(home, run)
    live.run()
    journal = live.process(**process)
    select = journal.site("SELECT users", **{"db.system.name": "mysql"})
    for seq in range(1, statements + 1):
        journal.start(seq, select, MONO + (30 + seq) * MS)
        journal.end(seq, MS // 2, fields={"db.response.returned_rows": seq})
    journal.exit(MONO + 1000 * MS)
    journal.close()
    live.result(MONO + 1010 * MS)
    return live
