"""The list of runs."""

from __future__ import annotations

import dataclasses
import io

import pytest
from made_runs import START, Maker

from autotrace.spans import Run
from autotrace.terminal.paper import Paper
from autotrace.terminal.runs import draw_runs
from autotrace.terminal.text import width

HOUR = 3600 * 1_000_000_000


def runs() -> list[Run]:
    made = Maker().run
    return [
        dataclasses.replace(made, run="8f3a9c000001", state="running", exit_code=None),
        dataclasses.replace(made, run="8f3a9c000002", state="failed", exit_code=3, errors=2),
        dataclasses.replace(
            made,
            run="8f3a9d000003",
            state="killed",
            exit_code=None,
            signal="SIGKILL",
            started_ns=START - HOUR,
            job="nightly_export_\x1b[31m日本" + "x" * 80,
        ),
    ]


def drawn(columns: int, some: list[Run]) -> list[str]:
    stream = io.StringIO()
    draw_runs(Paper(stream, columns=columns), some, now_ns=START + 2 * HOUR)
    return stream.getvalue().splitlines()


def test_a_line_for_each_run() -> None:
    head, running, failed, killed = drawn(160, runs())
    assert head.split()[:3] == ["run", "state", "job"]
    assert "● running" in running
    assert "2 h ago" in running
    assert "✗ failed" in failed
    assert failed.split()[failed.split().index("ago") + 4 :][:2] == ["2", "3"]
    assert "SIGKILL" in killed
    assert "3 h ago" in killed


def test_ids_are_as_long_as_it_takes() -> None:
    names = [line.split()[0] for line in drawn(120, runs())[1:]]
    assert len(set(names)) == 3
    assert all(run.run.startswith(name) for run, name in zip(runs(), names))
    assert [line.split()[0] for line in drawn(120, runs()[1:])[1:]] == ["8f3a9c", "8f3a9d"]


@pytest.mark.parametrize("columns", [40, 50, 60, 75, 100, 160])
def test_lines_keep_to_the_width(columns: int) -> None:
    lines = drawn(columns, runs())
    assert max(map(width, lines)) <= columns
    assert "\x1b" not in "".join(lines)
    assert "killed" in lines[3]


def test_the_job_s_name_goes_before_the_date() -> None:
    named = dataclasses.replace(Maker().run, job="nightly_export_to_the_warehouse")
    (_, line) = drawn(90, [named])
    assert "nightly_export_to_the_warehouse" in line


@pytest.mark.parametrize("columns", range(90, 100))
def test_a_short_name_takes_no_room_from_the_last_column(columns: int) -> None:
    failed = dataclasses.replace(Maker().run, job="sync", state="failed", exit_code=1, errors=1)
    (head, _) = drawn(columns, [failed])
    assert head.split()[-1] == "exit"
