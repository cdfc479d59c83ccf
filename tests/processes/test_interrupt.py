"""Ctrl-C while the run is being kept: the prompt comes back, and nothing is lost."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]

SLOW_SINK = f"""
import sys, time
sys.path.insert(0, {str(ROOT)!r})
from autotrace.commands.run import main
from autotrace.store import Store
def take(self, run, file):
    print("taking", flush=True)
    time.sleep(60)
Store.take = take
sys.exit(main())
"""


def test_interrupted_while_the_run_is_kept(
    start: Callable[..., Any], runs: Any, home: Path, look: Any
) -> None:
    job = start([sys.executable, "-I", "-c", SLOW_SINK, "sh", "-c", "exit 3"], bufsize=0)
    assert job.stdout.readline() == b"taking\n"
    # A hang-up is no reason to stop: the terminal is gone, and the run is to be kept all the same.
    os.kill(job.pid, signal.SIGHUP)
    os.kill(job.pid, signal.SIGINT)
    assert job.wait(30) == 3
    assert b"interrupted" in job.stderr.read()
    from autotrace.collector.recover import recover

    assert len(recover(str(home)).runs) == 1
    assert [run.exit_code for run in runs()] == [3]
