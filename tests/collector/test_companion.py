"""The companion: there for a job that nobody waits for, invisible to it, and gone soon after it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from autotrace.agent import companion as agent_side
from autotrace.collector import companion as own_side
from autotrace.collector import folder as folders
from autotrace.collector.lock import LOCK_FILE

ROOT = Path(__file__).resolve().parents[2]


def start(code: str, **options: Any) -> subprocess.Popen[str]:
    """Start a job that switches itself on, as an installed autotrace does."""
    env = {**os.environ, "AUTOTRACE_ENABLED": "1", "PYTHONPATH": str(ROOT)}
    settings: dict[str, Any] = {
        "stdin": subprocess.PIPE,
        "stdout": subprocess.PIPE,
        "stderr": subprocess.PIPE,
        "text": True,
        "env": env,
    }
    return subprocess.Popen([sys.executable, "-c", code], **{**settings, **options})


def wait_until(condition: Any, seconds: float = 30) -> Any:
    end = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        assert time.monotonic() < end
        time.sleep(0.01)


def runs(home: Path) -> list[Any]:
    from autotrace.store import Store

    with Store(str(home)) as store:
        return list(store.runs(limit=100))


def companions(home: Path) -> list[int]:
    """The pids of the companions that work below `home`."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if any(word.endswith(b"collector/detached.py") for word in words) and any(
            word.startswith(os.fsencode(home)) for word in words
        ):
            found.append(int(path.parent.name))
    return found


def collected(home: Path) -> list[Any]:
    """All runs, once nobody collects any more."""
    wait_until(lambda: not companions(home) and not [*home.joinpath("live").iterdir()])
    return runs(home)


def test_both_sides_agree() -> None:
    assert agent_side.LOCK_FD == own_side.LOCK_FD
    assert agent_side.PROCESS_FD == own_side.PROCESS_FD
    assert agent_side.NO_RUN == own_side.NO_RUN
    assert agent_side.LOCK == folders.LOCK == LOCK_FILE


ENDINGS = {
    "fine": ("pass", 0, "ok"),
    "sys.exit": ("import sys; sys.exit(3)", 3, "failed"),
    "uncaught": ("1/0", 1, "failed"),
    "os._exit": ("import os; os._exit(4)", 4, "failed"),
    "abort": ("import os; os.abort()", -signal.SIGABRT, "killed"),
    "kill": ("import os; os.kill(os.getpid(), 9)", -signal.SIGKILL, "killed"),
    "term": ("import os; os.kill(os.getpid(), 15)", -signal.SIGTERM, "killed"),
    "exec": ("import os; os.execvp('sh', ['sh', '-c', 'exit 5'])", 5, "failed"),
}


@pytest.mark.parametrize("name", ENDINGS)
def test_end_is_known(name: str, home: Path) -> None:
    code, expected, state = ENDINGS[name]
    job = start(f"import sqlite3; sqlite3.connect(':memory:').execute('select 1')\n{code}")
    _, errors = job.communicate(timeout=60)
    assert job.returncode == expected
    assert "autotrace" not in errors
    (run,) = collected(home)
    assert run.state == state
    if expected < 0:
        assert run.signal == signal.Signals(-expected).name
    elif own_side_knows_codes():
        assert run.exit_code == expected
    assert run.spans == 3


def own_side_knows_codes() -> bool:
    """Whether this kernel tells of the end of another's child; a zombie may be gone too soon."""
    version = tuple(int(part) for part in os.uname().release.split(".")[:2])
    return version >= (6, 15) and hasattr(os, "pidfd_open")


def test_job_cannot_tell(home: Path) -> None:
    code = """
import os, signal, threading
try:
    os.wait()
except ChildProcessError:
    print("no children")
print(threading.active_count())
print(sorted(int(fd) for fd in os.listdir("/proc/self/fd") if int(fd) < 10))
"""
    bare = subprocess.run(
        [sys.executable, "-c", code],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    )
    job = start(code, stdin=subprocess.DEVNULL)
    output, errors = job.communicate(timeout=60)
    assert (output, errors) == (bare.stdout, bare.stderr)
    assert output.startswith("no children")
    assert len(collected(home)) == 1


def test_companion_holds_nothing_of_the_job(home: Path) -> None:
    job = start("input()")
    (pid,) = wait_until(lambda: companions(home))
    proc = Path(f"/proc/{pid}")
    wait_until(lambda: _ignores(pid, signal.SIGTERM))
    wait_until(lambda: proc.joinpath("stat").read_text().rpartition(")")[2].split()[0] == "S")
    files = {int(path.name): os.readlink(path) for path in proc.joinpath("fd").iterdir()}
    assert [files[number] for number in (0, 1, 2)] == [os.devnull] * 3
    assert files[3].endswith("collector.lock")
    assert "pidfd" in files[4]
    assert not [path for path in files.values() if path.startswith("pipe:")]
    assert os.readlink(proc / "cwd") == "/"
    assert os.getsid(pid) not in (os.getsid(0), os.getsid(job.pid))
    fields = proc.joinpath("stat").read_text().rpartition(")")[2].split()
    assert int(fields[1]) != job.pid
    environment = proc.joinpath("environ").read_bytes()
    assert b"AUTOTRACE_ENABLED" not in environment
    assert b"PYTHONPATH" not in environment
    job.communicate("\n", timeout=60)
    assert [run.state for run in collected(home)] == ["ok"]


def test_output_pipe_is_not_held_open(home: Path) -> None:
    # Whoever reads the job's output to its end, as cron does, must not wait for the companion.
    job = start("import os; os.close(1); os.close(2); import time; time.sleep(3)")
    began = time.monotonic()
    assert job.stdout is not None
    assert job.stdout.read() == ""
    assert time.monotonic() - began < 2.5
    job.communicate(timeout=60)
    collected(home)


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGINT", "SIGUSR1"])
def test_companion_outlives_a_stop_of_everything(name: str, home: Path) -> None:
    job = start("import time; time.sleep(60)")
    (pid,) = wait_until(lambda: companions(home))
    wait_until(lambda: _ignores(pid, getattr(signal, name)))
    os.kill(pid, getattr(signal, name))
    os.kill(job.pid, signal.SIGTERM)
    job.communicate(timeout=60)
    assert [run.signal for run in collected(home)] == ["SIGTERM"]


def _ignores(pid: int, number: int) -> bool:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("SigIgn:"):
            return bool(int(line.split()[1], 16) >> (number - 1) & 1)
    return False


def test_killed_companion_leaves_the_run_to_the_next(home: Path) -> None:
    job = start("input()")
    (pid,) = wait_until(lambda: companions(home))
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not companions(home))
    assert [run.state for run in runs(home)] == ["running"]
    job.communicate("\n", timeout=60)
    assert job.returncode == 0
    next_job = start("pass")
    next_job.communicate(timeout=60)
    wait_until(lambda: not [*home.joinpath("live").iterdir()])
    assert [run.state for run in collected(home)] == ["ok", "ok"]


@pytest.mark.parametrize("ending", ["", "import os; os._exit(0)"])
def test_process_that_outlives_the_job(ending: str, home: Path, tmp_path: Path) -> None:
    go = tmp_path / "go"
    code = f"""
import os, sqlite3, time
db = sqlite3.connect(":memory:")
if os.fork() == 0:
    os.setsid()
    for fd in (0, 1, 2):
        os.close(fd)
    while not os.path.exists({str(go)!r}):
        time.sleep(.01)
    for _ in range(5):
        db.execute("select 1")
    os._exit(0)
{ending}
"""
    job = start(code)
    job.communicate(timeout=60)
    time.sleep(0.5)
    assert len(companions(home)) == 1
    go.touch()
    (run,) = collected(home)
    assert (run.state, run.spans) == ("ok", 1 + 1 + 5 + 1)


def test_wait_at_the_exit(home: Path, tmp_path: Path) -> None:
    folder = folders.make(str(home), b"")
    began = time.monotonic()
    assert not agent_side.wait(folder.path, 0.2)
    assert 0.15 < time.monotonic() - began < 5
    folders.release(folder)
    assert agent_side.wait(folder.path, 5)
    folders.discard(folder)
    assert agent_side.wait(folder.path, 5)


def test_interpreter_is_never_another_program(tmp_path: Path) -> None:
    frozen = tmp_path / "my-app"
    frozen.write_text("#!/bin/sh\n")
    frozen.chmod(0o755)
    found = agent_side.interpreter(str(frozen))
    assert os.path.basename(found).startswith("python")
    assert agent_side.interpreter(sys.executable) == sys.executable
    assert agent_side.interpreter("")


def test_cost_in_the_job(home: Path) -> None:
    code = f"""
import os, sys, time
sys.path.insert(0, {str(ROOT)!r})
from autotrace.agent import companion
best = 1.0
for at in range(7):
    folder = {str(home)!r} + f"/live/{{at:012x}}"
    os.makedirs(folder, 0o700)
    begin = time.process_time()
    assert companion.start(folder, sys.executable)
    best = min(best, time.process_time() - begin)
print(best * 1000)
"""
    ended = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True
    )
    assert float(ended.stdout) < 2
    wait_until(lambda: not companions(home))
