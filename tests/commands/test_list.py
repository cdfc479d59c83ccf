"""`autotrace list`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from made_runs import Maker

pytestmark = pytest.mark.usefixtures("home")


def test_no_command_lists_the_runs(autotrace: Any, runs: list[Maker]) -> None:
    said = autotrace()
    assert (said.returncode, said.stderr) == (0, "")
    assert said.stdout == autotrace("list").stdout
    lines = said.stdout.splitlines()[1:]
    assert [line.split()[0] for line in lines] == ["7f3a9c", "7f4b00", "81aa00"]
    assert "SIGKILL" in lines[0]
    assert "failed" in lines[1]
    assert "\x1b" not in said.stdout


def test_options_without_a_command(autotrace: Any, runs: list[Maker]) -> None:
    assert len(json.loads(autotrace("--json").stdout)) == 3
    assert len(json.loads(autotrace("-n", "1", "--json").stdout)) == 1


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (["--job", "sync_job"], ["7f3a9c21d004", "81aa00000003"]),
        (["--job", "import*"], ["7f4b00000002"]),
        (["--job", "nothing"], []),
        (["--state", "failed"], ["7f4b00000002"]),
        (["--state", "failed", "--job", "sync*"], []),
        (["-n", "2"], ["7f3a9c21d004", "7f4b00000002"]),
    ],
)
def test_choosing(
    autotrace: Any, runs: list[Maker], arguments: list[str], found: list[str]
) -> None:
    said = autotrace("list", "--json", *arguments)
    assert [run["run"] for run in json.loads(said.stdout)] == found


def test_older_ones_are_pointed_to(autotrace: Any, runs: list[Maker]) -> None:
    assert "autotrace list -n 10" in autotrace("list", "-n", "2").stdout
    assert "older" not in autotrace("list", "-n", "3").stdout


def test_nothing_to_list_says_how_to_begin(autotrace: Any, home: Path) -> None:
    said = autotrace()
    assert said.returncode == 0
    assert "autotrace-run python your_job.py" in said.stdout
    assert json.loads(autotrace("list", "--json").stdout) == []
    assert "no failed run" in autotrace("list", "--state", "failed").stdout


def test_wrong_usage(autotrace: Any) -> None:
    for arguments in (["-n", "0"], ["-n", "x"], ["--state", "well"], ["--jo", "x"], ["extra"]):
        said = autotrace("list", *arguments)
        assert said.returncode == 2
        assert "autotrace list --help" in said.stderr or "autotrace --help" in said.stderr
        assert said.stdout == ""
