"""The command line as a user has it: real processes, a store of the test's own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Protocol

import pytest
from made_runs import START, Maker, killed_job

from autotrace.store import Store

ROOT = Path(__file__).resolve().parents[2]

# PYTHONPATH would not do: the checkout's own sitecustomize.py takes its folder off the path again.
CODE = (
    f"import sys; sys.path.insert(0, {str(ROOT)!r}); "
    "from autotrace.commands import main; sys.exit(main())"
)


class Autotrace(Protocol):
    """See `autotrace`."""

    def __call__(
        self, *arguments: str, env: dict[str, str] | None = None, text: str = ""
    ) -> subprocess.CompletedProcess[str]: ...


@pytest.fixture
def environ(home: Path) -> dict[str, str]:
    """The environment in which the commands are run."""
    return {**os.environ, "COLUMNS": "120", "TZ": "UTC"}


@pytest.fixture
def command() -> list[str]:
    """The words that start `autotrace`, to which arguments are added."""
    return [sys.executable, "-c", CODE]


@pytest.fixture
def autotrace(command: list[str], environ: dict[str, str], tmp_path: Path) -> Autotrace:
    """Runs `autotrace` with arguments in a process of its own; output is text."""

    def run(
        *arguments: str, env: dict[str, str] | None = None, text: str = ""
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*command, *arguments],
            env={**environ, **(env or {})},
            cwd=tmp_path,
            input=text,
            capture_output=True,
            encoding="utf-8",
            timeout=120,
            check=False,
        )

    return run


@pytest.fixture
def runs(home: Path) -> list[Maker]:
    """Three runs in the store, the latest first: killed, failed, well."""
    killed = killed_job()
    failed = Maker("7f4b00000002", job="import_csv")
    failed.run.state, failed.run.exit_code = "failed", 3
    failed.span("parse", 10, 900, error="no such column")
    well = Maker("81aa00000003", job="sync_job")
    well.query("SELECT trials", 10, 5)
    made = [killed, failed.counted(), well.counted()]
    with Store(home) as store:
        for number, maker in enumerate(made):
            for span in maker.spans:
                span.start_ns -= number * 3600 * 10**9
            maker.run.started_ns = START - number * 3600 * 10**9
            store.write(maker.run, maker.spans)
    return made
