"""A command ends in the same way with autotrace-run and without it, and its run says how."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

PYTHON = sys.executable

DEADLY = [
    "SIGHUP",
    "SIGINT",
    "SIGQUIT",
    "SIGILL",
    "SIGTRAP",
    "SIGABRT",
    "SIGBUS",
    "SIGFPE",
    "SIGKILL",
    "SIGUSR1",
    "SIGSEGV",
    "SIGUSR2",
    "SIGPIPE",
    "SIGALRM",
    "SIGTERM",
    "SIGXCPU",
    "SIGXFSZ",
    "SIGVTALRM",
    "SIGPROF",
    "SIGIO",
    "SIGPWR",
    "SIGSYS",
]

ENDINGS: dict[str, tuple[list[str], int]] = {
    "fine": (["true"], 0),
    "false": (["false"], 1),
    "exit code": (["sh", "-c", "exit 3"], 3),
    "largest exit code": (["sh", "-c", "exit 255"], 255),
    "code of a signal": (["sh", "-c", "exit 137"], 137),
    "python": ([PYTHON, "-c", "pass"], 0),
    "sys.exit": ([PYTHON, "-c", "import sys; sys.exit(3)"], 3),
    "sys.exit with a text": ([PYTHON, "-c", "import sys; sys.exit('no')"], 1),
    "uncaught": ([PYTHON, "-c", "1/0"], 1),
    "os._exit": ([PYTHON, "-c", "import os; os._exit(4)"], 4),
    "os.abort": ([PYTHON, "-c", "import os; os.abort()"], -signal.SIGABRT),
    "interrupt": (
        [PYTHON, "-c", "import os, signal; os.kill(os.getpid(), signal.SIGINT)"],
        -signal.SIGINT,
    ),
    "exec": ([PYTHON, "-c", "import os; os.execvp('sh', ['sh', '-c', 'exit 5'])"], 5),
    **{
        name: (["sh", "-c", f"kill -{name[3:]} $$; sleep 60"], -getattr(signal, name))
        for name in DEADLY
    },
    "real-time signal": (
        [PYTHON, "-c", "import os, signal; os.kill(os.getpid(), signal.SIGRTMIN + 3)"],
        -(signal.SIGRTMIN + 3),
    ),
}


@pytest.mark.parametrize("name", ENDINGS)
def test_same_ending(name: str, runner: list[str], runs: Callable[[], list[Any]]) -> None:
    command, expected = ENDINGS[name]
    bare = subprocess.run(command, capture_output=True, check=False)
    ours = subprocess.run([*runner, "-q", *command], capture_output=True, check=False)
    assert bare.returncode == expected
    assert (ours.returncode, ours.stdout) == (bare.returncode, bare.stdout)
    assert ours.stderr == bare.stderr
    (run,) = runs()
    if expected < 0:
        assert run.state == "killed"
        named = "SIGRTMIN+3" if name.startswith("real") else signal.Signals(-expected).name
        assert (run.exit_code, run.signal) == (None, named)
    else:
        assert run.state == ("failed" if expected else "ok")
        assert (run.exit_code, run.signal) == (expected, None)
    assert not run.out_of_memory
    assert run.cpu_ns >= 0
    assert run.max_rss_bytes > 100_000
    assert run.command[0] == os.fspath(command[0])


def test_no_core_dump_of_the_runner(runner: list[str], tmp_path: Any) -> None:
    script = 'ulimit -c unlimited 2>/dev/null; exec "$@"'
    inner = "ulimit -c 0; kill -ABRT $$"
    ended = subprocess.run(
        ["sh", "-c", script, "sh", *runner, "-q", "sh", "-c", inner], cwd=tmp_path, check=False
    )
    assert ended.returncode == -signal.SIGABRT
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == []


def test_untraced_ending_is_the_same(
    runner: list[str], monkeypatch: pytest.MonkeyPatch, home: Any
) -> None:
    monkeypatch.setenv("AUTOTRACE_ENABLED", "0")
    for command, expected in ENDINGS.values():
        ended = subprocess.run([*runner, *command], stderr=subprocess.DEVNULL, check=False)
        assert ended.returncode == expected
    assert not home.exists()


@pytest.mark.parametrize(
    "name", ["fine", "exit code", "uncaught", "os._exit", "SIGKILL", "SIGTERM"]
)
def test_exec_ends_the_same(
    name: str, runner: list[str], runs: Callable[[], list[Any]], home: Any, look: Any
) -> None:
    command, expected = ENDINGS[name]
    ended = subprocess.run([*runner, "--exec", *command], stderr=subprocess.DEVNULL, check=False)
    assert ended.returncode == expected
    look.until(lambda: home.joinpath("live").exists() and not [*home.joinpath("live").iterdir()])
    (run,) = runs()
    if expected < 0:
        assert (run.state, run.signal) == ("killed", signal.Signals(-expected).name)
    else:
        assert (run.state, run.exit_code) == ("failed" if expected else "ok", expected)
