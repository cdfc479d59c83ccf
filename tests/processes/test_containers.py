"""Jobs that are a container's first process, and jobs killed for want of memory."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]

UNSHARE = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]


def can_unshare() -> bool:
    """Whether process name spaces may be made here."""
    if shutil.which("unshare") is None:
        return False
    return subprocess.run([*UNSHARE, "true"], capture_output=True, check=False).returncode == 0


needs_namespaces = pytest.mark.skipif(not can_unshare(), reason="no process name spaces to be had")

QUERY = "import sqlite3; sqlite3.connect(':memory:').execute('select 1')"


@needs_namespaces
def test_runner_as_process_1(runner: list[str], runs: Any) -> None:
    exits, is_killed = f"{QUERY}; raise SystemExit(3)", "import os; os.kill(os.getpid(), 9)"
    for code, status in ((exits, 3), (is_killed, 137)):
        ended = subprocess.run([*UNSHARE, *runner, "-q", sys.executable, "-c", code], check=False)
        # Process 1 cannot end itself by a signal: it returns what a shell would.
        assert ended.returncode == status
    killed, failed = runs()
    assert (killed.state, killed.signal) == ("killed", "SIGKILL")
    assert (failed.state, failed.exit_code, failed.spans) == ("failed", 3, 3)


@needs_namespaces
@pytest.mark.parametrize("before", [[], ["sh", "-c", '"$@"; exit $?', "sh"]])
def test_job_as_process_1(before: list[str], runs: Any, home: Path) -> None:
    env = {**os.environ, "AUTOTRACE_ENABLED": "1", "PYTHONPATH": str(ROOT)}
    command = [*UNSHARE, *before, sys.executable, "-c", f"{QUERY}; raise SystemExit(3)"]
    ended = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (3, "")
    # All of the container is gone: what is stored now was stored before the job's end.
    assert [*home.joinpath("live").iterdir()] == []
    (run,) = runs()
    assert run.spans == 3
    assert run.exit_code in (None, 3)


@needs_namespaces
def test_term_reaches_the_job_of_process_1(
    runner: list[str], start: Callable[..., Any], runs: Any, look: Any
) -> None:
    job = start([*UNSHARE, *runner, "-q", "sh", "-c", "echo ready; exec sleep 60"], bufsize=0)
    assert job.stdout.readline() == b"ready\n"
    (first,) = look.children(job.pid)
    os.kill(first, signal.SIGTERM)
    assert job.wait(30) == 143
    assert [run.signal for run in runs()] == ["SIGTERM"]


@pytest.fixture
def small_group() -> Iterator[Callable[[], None]]:
    """A control group with 64 MiB of memory; what is yielded puts the calling process into it."""
    name = f"autotrace-test-{os.getpid()}"
    for base, limit in (
        (Path("/sys/fs/cgroup"), "memory.max"),
        (Path("/sys/fs/cgroup/memory"), "memory.limit_in_bytes"),
    ):
        group = base / name
        try:
            group.mkdir()
        except OSError:
            continue
        if (group / limit).exists():
            break
        group.rmdir()
    else:
        pytest.skip("no control group with a memory limit is to be had")
    (group / limit).write_text(str(64 << 20))
    swap = group / "memory.swap.max"
    if swap.exists():
        swap.write_text("0")
    yield lambda: group.joinpath("cgroup.procs").write_text("0") and None
    # A companion is in it too, until it has collected.
    patience = time.monotonic() + 30
    while True:
        try:
            group.rmdir()
            return
        except OSError:
            if time.monotonic() > patience:
                raise
            time.sleep(0.1)


GREEDY = QUERY + "\ntaken = []\nwhile True: taken.append(bytearray(b'x' * (1 << 20)))"


def test_killed_for_want_of_memory(
    runner: list[str], small_group: Callable[[], None], runs: Any
) -> None:
    ended = subprocess.run(
        [*runner, "-q", sys.executable, "-c", GREEDY], preexec_fn=small_group, check=False
    )
    assert ended.returncode == -signal.SIGKILL
    (run,) = runs()
    assert (run.state, run.signal, run.spans) == ("killed", "SIGKILL", 3)
    assert run.out_of_memory
    assert run.max_rss_bytes > 32 << 20


def test_killed_for_want_of_memory_without_the_runner(
    small_group: Callable[[], None], runs: Any, home: Path, look: Any
) -> None:
    env = {**os.environ, "AUTOTRACE_ENABLED": "1", "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(
        [sys.executable, "-c", GREEDY], preexec_fn=small_group, env=env, check=False
    )
    assert ended.returncode == -signal.SIGKILL
    look.until(lambda: not [*home.joinpath("live").iterdir()])
    look.until(lambda: not look.find(str(home)))
    (run,) = runs()
    assert (run.state, run.signal, run.spans) == ("killed", "SIGKILL", 3)
    assert run.out_of_memory


def test_other_kills_are_not_blamed_on_memory(runner: list[str], runs: Any) -> None:
    subprocess.run([*runner, "-q", "sh", "-c", "kill -9 $$"], check=False)
    assert not runs()[0].out_of_memory
