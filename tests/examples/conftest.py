"""Runs the example's runner as its user would, in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pytest

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "saas_update"
if str(EXAMPLE) not in sys.path:
    sys.path.append(str(EXAMPLE))


@dataclass
class Outcome:
    """How a run of the example ended, and what the stand-ins had received by then."""

    code: int
    stdout: str
    stderr: str
    requests: list[dict[str, Any]]


class RunExample(Protocol):
    """See `run_example`."""

    def __call__(
        self,
        folder: Path,
        *command: str,
        env: dict[str, str] | None = ...,
        timeout: float = ...,
    ) -> Outcome: ...


@pytest.fixture(scope="session")
def run_example() -> RunExample:
    """Runs ``run.py COMMAND…`` in ``folder``, without any delay of the stand-ins.

    ``env`` is added to our environment, of which nothing concerns autotrace.
    """
    for needed in ("stripe", "intercom", "simple_salesforce", "sqlalchemy", "pymysql"):
        pytest.importorskip(needed)

    def run(
        folder: Path, *command: str, env: dict[str, str] | None = None, timeout: float = 120
    ) -> Outcome:
        folder.mkdir(exist_ok=True)
        seen = folder / "requests.jsonl"
        arguments = [sys.executable, str(EXAMPLE / "run.py"), "--latency=0", f"--requests={seen}"]
        ours = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("AUTOTRACE_", "OTEL_", "DATABASE_URL", "TRACEPARENT"))
        }
        done = subprocess.run(
            [*arguments, *command],
            env={**ours, **(env or {})},
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        lines = seen.read_text().splitlines() if seen.exists() else []
        return Outcome(done.returncode, done.stdout, done.stderr, [json.loads(x) for x in lines])

    return run


@pytest.fixture(scope="session")
def job() -> str:
    """The path of the example's job."""
    return str(EXAMPLE / "sync_job.py")
