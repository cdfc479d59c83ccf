"""Us beside ourselves and beside jobs that change the ground under us: everything joins, nothing is lost."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

WAYS = ("runner", "switched on")


@pytest.mark.parametrize("way", WAYS)
def test_installed_and_bootstrap_together_are_one(user: Any, way: str) -> None:
    root = Path(__file__).resolve().parents[2]
    user.file("job.py", "import sqlite3\nsqlite3.connect(':memory:').execute('SELECT 1')\n")
    done = user.traced(way, user.python, "job.py", env={"PYTHONPATH": str(root)})
    assert (done.returncode, done.stderr) == (0, "")
    shown = user.the_run()
    assert [span["name"] for span in shown.spans] == ["job", "connect", "SELECT"]


@pytest.mark.parametrize("way", WAYS)
def test_a_runner_in_a_traced_job_is_a_run_of_the_same_trace(user: Any, way: str) -> None:
    user.file("inner.py", "import sqlite3\nsqlite3.connect(':memory:').execute('SELECT 1')\n")
    runner = str(Path(user.python).parent / "autotrace-run")
    user.file(
        "outer.py",
        "import subprocess, sys, autotrace\nwith autotrace.span('begins another'):\n"
        f"    sys.exit(subprocess.run([{runner!r}, '-q', sys.executable, 'inner.py']).returncode)\n",
    )
    done = user.traced(way, user.python, "outer.py")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    runs = {run["job"]: run for run in user.runs()}
    assert sorted(runs) == ["inner", "outer"]
    assert runs["inner"]["trace_id"] == runs["outer"]["trace_id"]
    inner, outer = user.show(runs["inner"]["run"]), user.show(runs["outer"]["run"])
    assert [span["name"] for span in inner.spans] == ["inner", "connect", "SELECT"]
    assert [span["name"] for span in outer.spans] == ["outer", "begins another"]
    assert inner.root["parent_id"] in outer.by_id


CHANGES = {
    "environment emptied": "os.environ.clear()",
    "home renamed": "os.environ['AUTOTRACE_HOME'] = '/nowhere'",
    "switched off in the middle": "os.environ['AUTOTRACE_ENABLED'] = '0'",
    "another folder": "os.chdir('/')",
    "mask": "os.umask(0o777)",
    "no files": "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))",
    "all descriptors closed": "os.closerange(0, 4096)",
    "descriptors used again": "os.closerange(3, 4096); kept = [os.open('/dev/null', 0) for _ in range(60)]",
    "a session of its own": "os.fork() and os._exit(3); os.setsid()",
    "no limit of files": "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))",
    "modules thrown away": "[sys.modules.pop(name) for name in list(sys.modules) if name.startswith('autotrace')]",
    "signals": "import signal; [signal.signal(number, signal.SIG_IGN) for number in (1, 2, 15, 17)]",
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("change", CHANGES)
def test_a_job_that_changes_its_surroundings(user: Any, change: str, way: str) -> None:
    user.file(
        "job.py",
        "import os, sqlite3, sys\ndb = sqlite3.connect(':memory:')\ndb.execute('SELECT 1')\n"
        f"{CHANGES[change]}\n"
        "for _ in range(50): db.execute('SELECT 2')\n"
        "os._exit(3) if len(sys.argv) > 1 else sys.exit(3)\n",
    )
    for arguments in ([], ["at once"]):
        bare = user.do([user.python, "job.py", *arguments])
        done = user.traced(way, user.python, "job.py", *arguments)
        assert (done.returncode, done.stdout, done.stderr) == (
            bare.returncode,
            bare.stdout,
            bare.stderr,
        )
        assert done.returncode == 3
    user.collected()
    for run in user.runs():
        assert run["dropped"] == 0
        shown = user.show(run["run"])
        # An agent whose modules are gone need not go on; the job must.
        assert len(shown.named("SELECT")) == 51 or change == "modules thrown away"
        assert (run["state"], run["exit_code"]) in (("failed", 3), ("ok", None), ("lost", None))
        if way == "runner":
            assert run["exit_code"] == 3


@pytest.mark.parametrize("way", WAYS)
def test_a_job_that_gives_up_its_rights(user: Any, way: str) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give up rights")
    user.file(
        "job.py",
        "import os, sqlite3, sys\ndb = sqlite3.connect(':memory:')\ndb.execute('SELECT 1')\n"
        "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "for _ in range(50): db.execute('SELECT 2')\n"
        "if os.fork() == 0:\n    db.execute('SELECT 3'); os._exit(0)\n"
        "os.wait()\nprint('job'); sys.exit(3)\n",
    )
    done = user.traced(way, user.python, "job.py")
    assert (done.returncode, done.stdout, done.stderr) == (3, "job\n", "")
    shown = user.the_run()
    # The child of another user may write nothing into the run's folder; the job itself goes on.
    assert len(shown.named("SELECT")) >= 51


DAEMON = """
import os, sqlite3, sys, time
db = sqlite3.connect(":memory:")
db.execute("SELECT 'before'")
if os.fork():
    os._exit(0)
os.setsid()
if os.fork():
    os._exit(0)
os.chdir("/")
os.umask(0)
os.closerange(0, 4096)
for number in range(3):
    os.open("/dev/null", os.O_RDWR)
while not os.path.exists(sys.argv[1]):
    time.sleep(.01)
for _ in range(40):
    db.execute("SELECT 'daemon'")
os.close(os.open(sys.argv[1] + ".done", os.O_CREAT | os.O_WRONLY))
"""


@pytest.mark.parametrize("way", WAYS)
def test_nothing_of_a_daemon_is_lost(user: Any, way: str, tmp_path: Path) -> None:
    go = tmp_path / "go"
    user.file("daemon.py", DAEMON)
    if way == "runner":
        done = user.run("-q", user.python, "daemon.py", go)
    else:
        done = user.do([user.python, "daemon.py", go], env={"AUTOTRACE_ENABLED": "1"})
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    go.touch()
    end = time.monotonic() + 60
    while not Path(f"{go}.done").exists():
        assert time.monotonic() < end
        time.sleep(0.01)
    user.collected()
    shown = user.the_run()
    assert shown.run["job"] == "daemon"
    assert len(shown.named("SELECT")) == 41
    processes = [span for span in shown.spans if span["scope"] == "autotrace.process"]
    assert len(processes) == 3
    calls = [span for span in shown.named("SELECT") if span["pid"] != shown.root["pid"]]
    assert len(calls) == 40
    assert len({span["pid"] for span in calls}) == 1
    for call in calls[:1]:
        assert len(shown.way(call)) == 3, "the daemon is the child of a child of the job"
