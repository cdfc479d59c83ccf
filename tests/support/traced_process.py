"""Runs code in a process of its own under the agent, and gives what its journals say: no collector in between."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from autotrace.journal import format as f
from autotrace.journal.reader import Journal

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Seen:
    """A span as its journal has it. `parent` is None below the process itself; `ended` False while under way."""

    name: str
    kind: str
    scope: str
    fields: dict[str, Any]
    start: int
    thread: int
    parent: Seen | None = None
    ended: bool = False
    duration: int = 0
    status: str = "unset"
    events: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    children: list[Seen] = field(default_factory=list)

    def __repr__(self) -> str:
        return f"<{self.scope}:{self.name} {self.fields}>"


@dataclass
class Journalled:
    """What one process wrote."""

    process: dict[str, Any]
    spans: list[Seen]
    events: list[tuple[str, dict[str, Any]]]
    fields: dict[str, Any]
    faults: list[tuple[str, str]]
    fault_count: int
    dropped: int
    exit: dict[str, Any] | None

    def roots(self) -> list[Seen]:
        """The spans right below the process."""
        return [span for span in self.spans if span.parent is None]

    def named(self, name: str) -> list[Seen]:
        """The spans of this name."""
        return [span for span in self.spans if span.name == name]

    def of(self, scope: str) -> list[Seen]:
        """The spans that this instrumentation made."""
        return [span for span in self.spans if span.scope == scope]


@dataclass
class Traced:
    """A finished process: its output, and what it wrote (its children's journals after its own)."""

    returncode: int
    stdout: str
    stderr: str
    journals: list[Journalled]

    def __getattr__(self, name: str) -> Any:
        if not self.journals:
            raise AssertionError(f"nothing was traced: {self.stderr}")
        return getattr(self.journals[0], name)


def without_our_frames(text: str) -> str:
    """Output with tracebacks as they are without us: before 3.11 a wrapper's frame can't be taken out."""
    if sys.version_info >= (3, 11):
        return text
    return "".join(
        line for line in text.splitlines(keepends=True) if 'File "<autotrace ' not in line
    )


def journalled(path: str) -> Journalled:
    """Read one journal."""
    sites: dict[int, tuple[str, str, str, dict[str, Any]]] = {}
    spans: dict[int, Seen] = {}
    result = Journalled({}, [], [], {}, [], 0, 0, None)
    with Journal(path) as journal:
        for kind, *rest in journal.records():
            if kind == f.SITE:
                sites[rest[0]] = tuple(rest[1:])  # type: ignore[assignment]
            elif kind == f.START:
                thread, site, seq, parent, time, fields = rest
                name, span_kind, scope, constant = sites[site]
                fields = {**constant, **(fields or {})}
                name = fields.pop("autotrace.name", name)
                span = Seen(name, span_kind, scope, fields, time, thread, spans.get(parent))
                assert parent == 0 or parent in spans, "a parent that is not there"
                assert seq not in spans, "two spans of one number"
                spans[seq] = span
                result.spans.append(span)
                if span.parent is not None:
                    span.parent.children.append(span)
            elif kind == f.END:
                status, seq, duration, fields = rest
                span = spans[seq]
                assert not span.ended, f"{span} ended twice"
                span.ended, span.duration = True, duration
                span.status = ("unset", "ok", "error")[status]
                span.fields.update(fields or {})
            elif kind == f.UPDATE:
                (spans[rest[0]].fields if rest[0] else result.fields).update(rest[1])
            elif kind == f.ROWS:
                spans[rest[0]].fields["db.response.returned_rows"] = rest[1]
            elif kind == f.EVENT:
                (spans[rest[0]].events if rest[0] else result.events).append((rest[2], rest[3]))
            elif kind == f.PROCESS:
                result.process = rest[0]
            elif kind == f.FAULT:
                result.faults.append((rest[0], rest[1]))
            elif kind == f.EXIT:
                result.exit = rest[0]
        assert not journal.torn
        result.fault_count, result.dropped = journal.faults, journal.dropped
    return result


def trace(
    folder: Path,
    code: str | list[str],
    *,
    python: str = sys.executable,
    env: dict[str, str] | None = None,
    config: str = "",
    faults: bool = False,
    **options: Any,
) -> Traced:
    """Run a script of this text (or an interpreter's arguments) under the agent, with `folder` as its scratch.

    Fails where the agent swallowed an error, unless `faults`. `config` is the text of an `autotrace.toml`.
    """
    work = folder / "work"
    work.mkdir(parents=True, exist_ok=True)
    if config:
        (work / "autotrace.toml").write_text(config)
    run = folder / "live" / os.urandom(6).hex()
    run.mkdir(parents=True, mode=0o700)
    arguments = code
    if isinstance(code, str):
        (work / "job.py").write_text(code)
        arguments = ["job.py"]
    environment = {
        **os.environ,
        "AUTOTRACE_ENABLED": "1",
        "AUTOTRACE_RUN": str(run),
        "TRACEPARENT": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "PYTHONPATH": str(ROOT),
        **(env or {}),
    }
    done = subprocess.run(
        [python, *arguments],
        cwd=work,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        **{"timeout": 120, **options},
    )
    journals = [
        journalled(str(path))
        for path in sorted(run.glob("*.journal"), key=lambda p: p.stat().st_ctime_ns)
    ]
    journals.sort(key=lambda each: each.process.get("mono", 0))
    if not faults:
        for each in journals:
            assert not each.faults, each.faults
    return Traced(done.returncode, done.stdout, done.stderr, journals)
