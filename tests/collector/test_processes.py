"""Which processes of a run are still there: those that write, and those that have not come to it yet."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from autotrace.collector.processes import survivors

ROOT = Path(__file__).resolve().parents[2]

FORKS = f"""
import os, sys, time
sys.path.insert(0, {str(ROOT)!r})
from autotrace.collector.processes import start_ticks
from autotrace.journal.format import PROCESS
from autotrace.journal.writer import Writer
pid = os.getpid()
writer = Writer(f"{{sys.argv[1]}}/{{pid}}.journal", 7, 1 << 30)
writer.value(PROCESS, {{"pid": pid, "ticks": start_ticks(pid)}})
child = os.fork()
if child == 0:
    if sys.argv[2:]:
        os.closerange(0, 4096)
        os.setsid()
    time.sleep(60)
    os._exit(0)
print(child, flush=True)
os._exit(0)
"""


@pytest.mark.parametrize("more", [[], ["as a daemon"]])
def test_a_child_that_has_only_just_been_forked_counts(tmp_path: Path, more: list[str]) -> None:
    folder = tmp_path / "0123456789ab"
    folder.mkdir(mode=0o700)
    started = subprocess.Popen(
        [sys.executable, "-c", FORKS, str(folder), *more], stdout=subprocess.PIPE, text=True
    )
    assert started.stdout is not None
    child = int(started.stdout.readline())
    try:
        assert started.wait(30) == 0
        assert [pid for pid, _ in survivors(str(folder))] == [child]
        assert survivors(str(folder), without=child) == []
    finally:
        os.kill(child, signal.SIGKILL)
        started.stdout.close()
    while os.path.exists(f"/proc/{child}") and survivors(str(folder)):
        pass
    assert survivors(str(folder)) == []
