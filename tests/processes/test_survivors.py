"""Processes that the job leaves running: nobody waits for them, and nothing of them is lost."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

DAEMON = """
import os, sqlite3, sys, time
db = sqlite3.connect(":memory:")
print(os.getpid(), flush=True)
for fd in (0, 1, 2):
    os.close(fd)
while not os.path.exists(sys.argv[1]):
    time.sleep(.01)
for _ in range(5):
    db.execute("select 1")
"""


def test_daemon_is_part_of_its_run(
    runner: list[str], runs: Any, home: Path, look: Any, tmp_path: Path
) -> None:
    go, script = tmp_path / "go", tmp_path / "daemon.py"
    script.write_text(DAEMON)
    shell = f"{sys.executable} {script} {go} & sleep .5; exit 3"
    began = time.monotonic()
    ended = subprocess.run(
        [*runner, "sh", "-c", shell], capture_output=True, text=True, check=False, timeout=60
    )
    assert time.monotonic() - began < 20
    assert ended.returncode == 3
    assert "failed with exit code 3" in ended.stderr
    daemon = int(ended.stdout)
    assert look.state(daemon) == "S"
    (run,) = runs()
    assert run.state in ("running", "failed")
    (collector,) = look.until(
        lambda: [pid for pid in look.find("collector/detached.py") if pid in look.find(str(home))]
    )
    go.touch()
    look.until(lambda: not [*home.joinpath("live").iterdir()])
    look.until(lambda: look.state(collector) == "")
    (run,) = runs()
    assert (run.state, run.exit_code) == ("failed", 3)
    assert run.spans == 1 + 1 + 1 + 5
    assert run.duration_ns < 10e9


def test_those_that_end_with_the_job_are_waited_for(
    runner: list[str], runs: Any, home: Path
) -> None:
    code = """
import multiprocessing, sqlite3
def work(n):
    sqlite3.connect(":memory:").execute("select 1")
if __name__ == "__main__":
    context = multiprocessing.get_context("spawn")
    with context.Pool(2) as pool:
        pool.map(work, range(4), 1)
"""
    script = home.parent / "job.py"
    script.write_text(code)
    ended = subprocess.run([*runner, "-q", sys.executable, str(script)], check=False, timeout=60)
    assert ended.returncode == 0
    assert [*home.joinpath("live").iterdir()] == []
    assert [run.state for run in runs()] == ["ok"]


def test_python_that_starts_after_its_run_is_a_run_of_its_own(
    runner: list[str], runs: Any, home: Path, look: Any, tmp_path: Path
) -> None:
    go, done = tmp_path / "go", tmp_path / "done"
    later = f"while [ ! -e {go} ]; do sleep .05; done; {sys.executable} -c pass; touch {done}"
    shell = f"({later}) >/dev/null 2>{tmp_path}/errors & exit 0"
    assert subprocess.run([*runner, "-q", "sh", "-c", shell], check=False).returncode == 0
    (first,) = runs()
    go.touch()
    look.until(done.exists)
    look.until(lambda: not [*home.joinpath("live").iterdir()])
    second, again = look.until(lambda: len(runs()) == 2 and runs())
    assert again.run == first.run
    assert second.trace_id == first.trace_id
    assert (tmp_path / "errors").read_text() == ""


def test_what_others_left_behind_is_taken_in(
    runner: list[str], runs: Any, home: Path, look: Any
) -> None:
    job = subprocess.Popen([*runner, "-q", "sh", "-c", "sleep .5; kill -9 $PPID; exit 0"])
    assert job.wait(30) == -9
    look.until(lambda: not look.find("kill -9 $PPID"))
    assert len([*home.joinpath("live").iterdir()]) == 1
    assert subprocess.run([*runner, "-q", "true"], check=False).returncode == 0
    look.until(lambda: not [*home.joinpath("live").iterdir()])
    assert sorted(run.state for run in runs()) == ["lost", "ok"]


def test_runner_inside_a_traced_job(runner: list[str], runs: Any, look: Any) -> None:
    inner = [*runner, "-q", "--job", "inner", "true"]
    code = f"import subprocess; raise SystemExit(subprocess.run({inner!r}).returncode)"
    outer = [*runner, "-q", "--job", "outer", sys.executable, "-c", code]
    assert subprocess.run(outer, check=False).returncode == 0
    found = {run.job: run for run in runs()}
    assert set(found) == {"inner", "outer"}
    assert found["inner"].trace_id == found["outer"].trace_id
    assert found["inner"].parent_id
