"""What a command started by autotrace-run is given is what it would have been given without it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

DOCUMENTED = {
    "AUTOTRACE_CONFIG",
    "AUTOTRACE_ENABLED",
    "AUTOTRACE_RUN",
    "PYTHONPATH",
    "TRACEPARENT",
}


def both(
    runner: list[str], command: list[str], **options: Any
) -> list[subprocess.CompletedProcess[bytes]]:
    """Run a command without us and with us."""
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "check": False, **options}
    return [subprocess.run([*before, *command], **options) for before in ([], [*runner, "-q"])]


def test_standard_streams_pass_through(runner: list[str]) -> None:
    content = bytes(range(256)) * 4096
    bare, ours = both(runner, ["cat"], input=content)
    assert ours.stdout == bare.stdout == content
    bare, ours = both(runner, ["sh", "-c", "echo out; echo err >&2"])
    assert (ours.stdout, ours.stderr) == (bare.stdout, bare.stderr) == (b"out\n", b"err\n")


def test_streams_are_the_same_files(runner: list[str], tmp_path: Path) -> None:
    path = tmp_path / "output"
    with path.open("wb") as file:
        bare, ours = both(
            runner,
            ["sh", "-c", "readlink /proc/self/fd/0 /proc/self/fd/2; echo line"],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
        )
    lines = path.read_text().splitlines()
    assert lines[: len(lines) // 2] == lines[len(lines) // 2 :]
    assert bare.returncode == ours.returncode


def test_no_descriptors_leak_and_none_are_lost(runner: list[str], tmp_path: Path) -> None:
    with (tmp_path / "extra").open("wb") as file:
        os.set_inheritable(file.fileno(), True)
        bare, ours = both(
            runner,
            ["ls", "-l", "/proc/self/fd"],
            pass_fds=[file.fileno()],
            stdin=subprocess.DEVNULL,
        )

    def numbers(listing: bytes) -> list[str]:
        return sorted(line.split()[8] for line in listing.decode().splitlines()[1:])

    assert numbers(ours.stdout) == numbers(bare.stdout)
    assert len(numbers(bare.stdout)) == 5, (
        "0, 1, 2, the one handed on, and the folder that is listed"
    )


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_stay_closed(
    closed: str, runner: list[str], tmp_path: Path, runs: Any
) -> None:
    show = ["sh", "-c", f"ls /proc/self/fd > {tmp_path}/$0", "x"]
    for name, before in (("bare", []), ("ours", [*runner])):
        show[-1] = name
        subprocess.run(["sh", "-c", f'"$@" {closed}', "sh", *before, *show], check=False)
    assert (tmp_path / "ours").read_text() == (tmp_path / "bare").read_text()
    assert [run.state for run in runs()] == ["ok"]


def test_environment_has_what_is_documented_and_nothing_else(
    runner: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTHONPATH")
    # In the plain C locale an interpreter changes LC_CTYPE: that must not reach the command.
    for name in ("LC_ALL", "LC_CTYPE", "LANG"):
        monkeypatch.delenv(name, raising=False)
    bare, ours = both(runner, ["env", "-0"])

    def variables(output: bytes) -> dict[str, str]:
        return dict(item.decode().split("=", 1) for item in output.split(b"\0") if item)

    without, given = variables(bare.stdout), variables(ours.stdout)
    assert set(given) - set(without) == DOCUMENTED
    assert {name: given[name] for name in without} == without


def test_process_group_session_and_limits(runner: list[str]) -> None:
    code = (
        "import os, resource; print(os.getpgrp(), os.getsid(0), os.nice(0), os.getcwd(),"
        " os.umask(0), resource.getrlimit(resource.RLIMIT_CORE),"
        " resource.getrlimit(resource.RLIMIT_NOFILE))"
    )
    bare, ours = both(runner, [sys.executable, "-c", code], preexec_fn=lambda: os.umask(0o027))
    assert ours.stdout == bare.stdout
    assert b" 23 " in ours.stdout


def test_arguments_arrive_as_they_are(runner: list[str]) -> None:
    arguments = [b"", b"a b", b"-q", b"--", b"\xff\xfe", "ü".encode(), b"$HOME", b"line\nline"]
    bare, ours = both(runner, [b"printf", b"%s|", *arguments])  # type: ignore[list-item]
    assert ours.stdout == bare.stdout == b"|".join(arguments) + b"|"


def test_nohup(runner: list[str], start: Callable[..., Any], tmp_path: Path) -> None:
    job = start(["nohup", *runner, "-q", "sh", "-c", "kill -HUP $$; exit 5"], cwd=tmp_path)
    assert job.wait(30) == 5


def test_background_pipeline(runner: list[str], runs: Any) -> None:
    script = 'seq 1000 | "$@" -q sort -n | "$@" -q tail -1 & wait'
    ended = subprocess.run(["sh", "-c", script, "sh", *runner], stdout=subprocess.PIPE, check=True)
    assert ended.stdout == b"1000\n"
    assert len(runs()) == 2


def test_writer_into_a_closed_pipe_ends_silently(runner: list[str]) -> None:
    ended = subprocess.run(
        ["bash", "-c", '"$@" -q yes | head -1; exit ${PIPESTATUS[0]}', "bash", *runner],
        capture_output=True,
        check=False,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (141, b"y\n", b"")


def test_children_of_a_job(runner: list[str]) -> None:
    code = """
import os
try:
    os.wait()
except ChildProcessError:
    print("none")
"""
    bare, ours = both(runner, [sys.executable, "-c", code])
    assert ours.stdout == bare.stdout == b"none\n"


def test_orphans_of_who_became_the_runner(runner: list[str]) -> None:
    # The shell's own child is the runner's after exec, and its end is not the job's.
    script = 'sh -c "exit 9" & exec "$@"'
    ended = subprocess.run(
        ["sh", "-c", script, "sh", *runner, "-q", "sh", "-c", "sleep .3; exit 4"], check=False
    )
    assert ended.returncode == 4


def test_parallel_runs(runner: list[str], runs: Any, home: Path) -> None:
    script = "import sqlite3; sqlite3.connect(':memory:').execute('select 1').fetchall()"
    jobs = [
        subprocess.Popen([*runner, "-q", "--job", f"j{at}", sys.executable, "-c", script])
        for at in range(8)
    ]
    assert [job.wait(60) for job in jobs] == [0] * 8
    found = runs()
    assert sorted(run.job for run in found) == [f"j{at}" for at in range(8)]
    assert all(run.state == "ok" and run.spans == 3 for run in found), found
    assert [*home.joinpath("live").iterdir()] == []
