"""What tests on real processes share: starting a command with and without us, and a terminal."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]

CODE = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from autotrace.commands.run import main
sys.exit(main())
"""


@pytest.fixture(autouse=True)
def _checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "")


@pytest.fixture
def runner() -> list[str]:
    """The words that begin a command line of autotrace-run."""
    return [sys.executable, "-I", "-c", CODE]


def wait_until(condition: Callable[[], Any], seconds: float = 30.0, what: str = "") -> Any:
    """Return what `condition` returns as soon as that is true; fail after `seconds`."""
    end = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        assert time.monotonic() < end, what or "it did not happen in time"
        time.sleep(0.01)


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Starts processes in a group of their own; what is left of the groups is killed in the end."""
    started: list[subprocess.Popen[bytes]] = []

    def begin(command: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
        settings: dict[str, Any] = {
            "stdin": subprocess.DEVNULL,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
            "start_new_session": True,
        }
        process = subprocess.Popen(list(command), **{**settings, **options})
        started.append(process)
        return process

    yield begin
    for process in started:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                stream.close()


def state(pid: int) -> str:
    """The state letter of a process, "" where it is gone."""
    try:
        content = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    return content.rpartition(")")[2].split()[0]


def children(pid: int) -> list[int]:
    """The pids of a process's children."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            content = path.read_text()
        except OSError:
            continue
        if content.rpartition(")")[2].split()[1] == str(pid):
            found.append(int(path.parent.name))
    return found


def find(word: str) -> list[int]:
    """The pids of the processes with `word` on their command line."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if word in path.read_text(errors="replace"):
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found


@pytest.fixture
def runs(home: Path) -> Callable[[], list[Any]]:
    """All runs in the store, newest first."""

    def read() -> list[Any]:
        from autotrace.store import Store

        with Store(str(home)) as store:
            return list(store.runs(limit=100))

    return read


@pytest.fixture
def look() -> Any:
    """The functions above that look at processes: `look.until(…)`, `look.state(pid)` and so on."""
    return SimpleNamespace(until=wait_until, state=state, children=children, find=find)
