"""`autotrace prune`."""

from __future__ import annotations

import json
import os
import pty
import subprocess
from typing import Any

import pytest
from made_runs import Maker


def kept(autotrace: Any) -> list[str]:
    return [run["run"] for run in json.loads(autotrace("list", "--json").stdout)]


def test_the_latest_are_kept(autotrace: Any, runs: list[Maker]) -> None:
    said = autotrace("prune", "--keep", "2")
    assert said.returncode == 0
    assert said.stdout.startswith("1 run (")
    assert said.stdout.endswith("deleted\n")
    assert kept(autotrace) == ["7f3a9c21d004", "7f4b00000002"]


def test_a_dry_run_deletes_nothing(autotrace: Any, runs: list[Maker]) -> None:
    said = autotrace("prune", "--keep", "0", "--dry-run")
    assert said.stdout.startswith("3 runs (")
    assert "would be deleted" in said.stdout
    assert len(kept(autotrace)) == 3


def test_age_and_size(autotrace: Any, runs: list[Maker]) -> None:
    assert "no run is beyond" in autotrace("prune", "--older-than", "9999w").stdout
    assert "no run is beyond" in autotrace("prune", "--max-size", "1GB").stdout
    assert autotrace("prune", "--max-size", "0").stdout.startswith("3 runs (")
    assert kept(autotrace) == []


def test_older_than(autotrace: Any, runs: list[Maker]) -> None:
    assert autotrace("prune", "--older-than", "0d").stdout.startswith("3 runs (")


def test_wrong_usage(autotrace: Any, runs: list[Maker]) -> None:
    for arguments in (
        [],
        ["--dry-run"],
        ["--older-than", "30"],
        ["--older-than", "month"],
        ["--max-size", "big"],
        ["--keep", "-1"],
    ):
        assert autotrace("prune", *arguments).returncode == 2
    assert len(kept(autotrace)) == 3


@pytest.mark.parametrize(("answer", "left"), [("y", 0), ("n", 3), ("", 3)])
def test_in_a_terminal_it_asks(
    autotrace: Any,
    command: list[str],
    environ: dict[str, str],
    runs: list[Maker],
    answer: str,
    left: int,
) -> None:
    controller, terminal = pty.openpty()
    process = subprocess.Popen(
        [*command, "prune", "--keep", "0"],
        env=environ,
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
    )
    os.close(terminal)
    os.write(controller, f"{answer}\n".encode())
    assert process.wait(60) == 0
    said = os.read(controller, 4096).decode()
    os.close(controller)
    assert "Delete 3 runs (" in said
    assert len(kept(autotrace)) == left
