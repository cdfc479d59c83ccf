"""Signals reach the job as they would without autotrace-run, once; stops are shared."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from typing import Any

import pytest

RECORD = r"""
import os, signal, sys, time
names = sys.argv[1].split(",")
def note(number, frame):
    os.write(1, signal.Signals(number).name.encode() + b"\n")
    if number == signal.SIGTERM:
        os._exit(7)
for name in names:
    signal.signal(getattr(signal, name), note)
os.write(1, b"ready %d\n" % os.getpid())
while True:
    time.sleep(60)
"""

FORWARDED = [
    "SIGHUP",
    "SIGINT",
    "SIGQUIT",
    "SIGTRAP",
    "SIGABRT",
    "SIGBUS",
    "SIGFPE",
    "SIGUSR1",
    "SIGSEGV",
    "SIGUSR2",
    "SIGPIPE",
    "SIGALRM",
    "SIGTERM",
    "SIGTSTP",
    "SIGTTIN",
    "SIGTTOU",
    "SIGURG",
    "SIGXCPU",
    "SIGXFSZ",
    "SIGVTALRM",
    "SIGPROF",
    "SIGWINCH",
    "SIGIO",
    "SIGPWR",
    "SIGSYS",
    "SIGILL",
]


def lines_until(stream: Any, wanted: bytes, seconds: float = 30) -> list[bytes]:
    """Read lines from a pipe until `wanted` is the beginning of one."""
    found = []
    end = time.monotonic() + seconds
    while True:
        assert select.select([stream], [], [], max(0, end - time.monotonic()))[0], found
        line = stream.readline()
        assert line, found
        found.append(line.strip())
        if line.startswith(wanted):
            return found


def test_each_signal_is_handed_on_once(
    runner: list[str], start: Callable[..., Any], runs: Any, look: Any
) -> None:
    job = start([*runner, "-q", sys.executable, "-c", RECORD, ",".join(FORWARDED)], bufsize=0)
    lines_until(job.stdout, b"ready")
    for name in FORWARDED:
        if name == "SIGTERM":
            continue
        os.kill(job.pid, getattr(signal, name))
        assert lines_until(job.stdout, b"SIG") == [name.encode()]
    os.kill(job.pid, signal.SIGTERM)
    assert job.stdout.read() == b"SIGTERM\n"
    assert job.wait(30) == 7
    assert job.stderr.read() == b""
    assert [run.exit_code for run in runs()] == [7]


def test_deadly_signal_to_the_runner(
    runner: list[str], start: Callable[..., Any], runs: Any
) -> None:
    for name in ("SIGTERM", "SIGHUP", "SIGUSR1", "SIGALRM"):
        job = start([*runner, "-q", "sh", "-c", "echo ready; exec sleep 60"], bufsize=0)
        lines_until(job.stdout, b"ready")
        os.kill(job.pid, getattr(signal, name))
        assert job.wait(30) == -getattr(signal, name)
    assert {run.signal for run in runs()} == {"SIGTERM", "SIGHUP", "SIGUSR1", "SIGALRM"}


def test_signal_before_the_job_runs_is_not_lost(
    runner: list[str], start: Callable[..., Any]
) -> None:
    for delay in (0.0, 0.005, 0.01, 0.02, 0.03, 0.05):
        job = start([*runner, "-q", "sleep", "60"])
        time.sleep(delay)
        os.kill(job.pid, signal.SIGTERM)
        assert job.wait(30) == -signal.SIGTERM


def test_killed_runner_leaves_the_job_running(
    runner: list[str], start: Callable[..., Any], look: Any, runs: Any, home: Any
) -> None:
    code = """
import os, time
print(os.getpid(), flush=True)
input()
time.sleep(.2)
print("done", flush=True)
"""
    job = start([*runner, "-q", sys.executable, "-c", code], stdin=subprocess.PIPE, bufsize=0)
    pid = int(job.stdout.readline())
    os.kill(job.pid, signal.SIGKILL)
    assert job.wait(30) == -signal.SIGKILL
    time.sleep(0.1)
    assert look.state(pid) in ("S", "R")
    (run,) = runs()
    assert run.state == "running"
    job.stdin.write(b"\n")
    assert job.stdout.readline() == b"done\n"
    look.until(lambda: look.state(pid) == "")
    from autotrace.collector.recover import recover

    assert [run.run for run in recover(str(home)).runs] == [run.run]
    assert [(run.run, run.state) for run in runs()] == [(run.run, "ok")]


def test_group_signal_from_inside_reaches_the_job_once(
    runner: list[str], start: Callable[..., Any]
) -> None:
    code = r"""
import os, signal, time
seen = []
signal.signal(signal.SIGUSR1, lambda number, frame: seen.append(number))
os.kill(0, signal.SIGUSR1)
time.sleep(.5)
raise SystemExit(len(seen))
"""
    job = start([*runner, "-q", sys.executable, "-c", code])
    assert job.wait(30) == 1, job.stderr.read()


@pytest.mark.parametrize(
    ("setting", "number"),
    [("trap '' INT", 2), ("trap '' HUP", 1), ("trap '' PIPE", 13), ("true", 0)],
)
def test_ignored_signals_stay_ignored(setting: str, number: int, runner: list[str]) -> None:
    script = f'{setting}; "$@"; :'
    show = ["grep", "Sig[BIC]", "/proc/self/status"]
    bare = subprocess.run(["sh", "-c", script, "sh", *show], stdout=subprocess.PIPE, check=True)
    ours = subprocess.run(
        ["sh", "-c", script, "sh", *runner, "-q", *show], stdout=subprocess.PIPE, check=True
    )
    assert ours.stdout == bare.stdout
    ignored = int(bare.stdout.split(b"SigIgn:")[1].split()[0], 16)
    assert not number or ignored >> (number - 1) & 1


def test_job_of_who_ignores_its_children(runner: list[str]) -> None:
    code = (
        "import os, signal, sys; signal.signal(signal.SIGCHLD, signal.SIG_IGN);"
        "os.execvp(sys.argv[1], sys.argv[1:])"
    )
    before = [sys.executable, "-c", code, *runner, "-q"]
    assert subprocess.run([*before, "sh", "-c", "exit 3"], check=False).returncode == 3
    show = ["grep", "SigIgn", "/proc/self/status"]
    ended = subprocess.run([*before, *show], stdout=subprocess.PIPE, check=True)
    assert int(ended.stdout.split()[1], 16) >> (signal.SIGCHLD - 1) & 1


def test_blocked_signals_stay_blocked(runner: list[str]) -> None:
    show = ["grep", "Sig[A-Z]", "/proc/self/status"]
    code = (
        "import os, signal, sys;"
        "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1, signal.SIGTERM]);"
        "os.execvp(sys.argv[1], sys.argv[1:])"
    )
    outputs = [
        subprocess.run(
            [sys.executable, "-c", code, *before, *show], stdout=subprocess.PIPE, check=True
        ).stdout
        for before in ([], [*runner, "-q"])
    ]
    # Both went through an interpreter, which ignores SIGPIPE; ours sets that back.
    assert outputs[0].split(b"SigBlk:")[1].split()[0] == outputs[1].split(b"SigBlk:")[1].split()[0]


def test_alarm_set_before_reaches_the_job(runner: list[str]) -> None:
    code = "import os, signal, sys; signal.alarm(1); os.execvp(sys.argv[1], sys.argv[1:])"
    ended = subprocess.run(
        [sys.executable, "-c", code, *runner, "-q", "sleep", "60"], check=False, timeout=30
    )
    assert ended.returncode == -signal.SIGALRM


class Terminal:
    """A shell-like parent with a terminal: starts commands in its foreground and types keys."""

    def __init__(self) -> None:
        self.master, self.slave = pty.openpty()
        self.output = b""

    def start(self, command: list[str]) -> subprocess.Popen[bytes]:
        def lead() -> None:
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        return subprocess.Popen(
            command, stdin=self.slave, stdout=self.slave, stderr=self.slave, preexec_fn=lead
        )

    def read_until(self, wanted: bytes, seconds: float = 30) -> bytes:
        end = time.monotonic() + seconds
        while wanted not in self.output:
            assert select.select([self.master], [], [], max(0, end - time.monotonic()))[0], (
                self.output
            )
            self.output += os.read(self.master, 4096)
        before, _, self.output = self.output.partition(wanted)
        return before

    def type(self, keys: bytes) -> None:
        os.write(self.master, keys)

    def close(self) -> None:
        os.close(self.master)
        os.close(self.slave)


@pytest.fixture
def terminal() -> Any:
    made = Terminal()
    yield made
    made.close()


COUNT = r"""
import os, signal, time
seen = []
def note(number, frame):
    seen.append(number)
for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGWINCH):
    signal.signal(number, note)
print("ready", flush=True)
end = time.monotonic() + 60
while not seen and time.monotonic() < end:
    time.sleep(.01)
time.sleep(.5)
print("seen", seen, flush=True)
raise SystemExit(len(seen))
"""


@pytest.mark.parametrize(("key", "number"), [(b"\x03", 2), (b"\x1c", 3)])
def test_terminal_keys_arrive_once(
    key: bytes, number: int, terminal: Terminal, runner: list[str], home: Any
) -> None:
    job = terminal.start([*runner, "-q", sys.executable, "-c", COUNT])
    try:
        terminal.read_until(b"ready")
        terminal.type(key)
        terminal.read_until(b"seen [%d]" % number)
        assert job.wait(30) == 1
    finally:
        job.kill()


def test_kill_of_the_runner_on_a_terminal_arrives_once(
    terminal: Terminal, runner: list[str]
) -> None:
    job = terminal.start([*runner, "-q", sys.executable, "-c", COUNT])
    try:
        terminal.read_until(b"ready")
        os.kill(job.pid, signal.SIGINT)
        terminal.read_until(b"seen [2]")
        assert job.wait(30) == 1
    finally:
        job.kill()


def test_ctrl_c_without_a_handler(terminal: Terminal, runner: list[str], runs: Any) -> None:
    job = terminal.start([*runner, "-q", "sh", "-c", "echo ready; exec sleep 60"])
    try:
        terminal.read_until(b"ready")
        terminal.type(b"\x03")
        assert job.wait(30) == -signal.SIGINT
    finally:
        job.kill()
    assert [run.signal for run in runs()] == ["SIGINT"]


def test_hang_up_ends_the_job(runner: list[str], runs: Any) -> None:
    terminal = Terminal()
    job = terminal.start([*runner, "-q", "sh", "-c", "echo ready; exec sleep 60"])
    try:
        terminal.read_until(b"ready")
        terminal.close()
        assert job.wait(30) == -signal.SIGHUP
    finally:
        job.kill()
    assert [run.signal for run in runs()] == ["SIGHUP"]


SHELL = r"""
import os, signal, sys
# What an interactive shell does: a job in a group of its own, in front of the terminal.
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
pid = os.fork()
if pid == 0:
    os.setpgid(0, 0)
    os.tcsetpgrp(0, os.getpid())
    signal.signal(signal.SIGTTOU, signal.SIG_DFL)
    os.execvp(sys.argv[1], sys.argv[1:])
while True:
    _, status = os.waitpid(pid, os.WUNTRACED)
    os.tcsetpgrp(0, os.getpid())
    if not os.WIFSTOPPED(status):
        print("ended", os.waitstatus_to_exitcode(status), flush=True)
        break
    print("stopped", os.WSTOPSIG(status), flush=True)
    sys.stdin.readline()
    os.tcsetpgrp(0, pid)
    os.killpg(pid, signal.SIGCONT)
"""


def test_job_control(terminal: Terminal, runner: list[str], look: Any) -> None:
    code = "import sys\nfor line in sys.stdin: print('got', line.strip(), flush=True)"
    shell = terminal.start(
        [sys.executable, "-c", SHELL, *runner, "-q", sys.executable, "-u", "-c", code]
    )
    try:
        terminal.type(b"one\n")
        terminal.read_until(b"got one")
        (front,) = look.children(shell.pid)
        (job,) = look.children(front)
        for _ in range(2):
            terminal.type(b"\x1a")
            terminal.read_until(b"stopped %d" % signal.SIGTSTP)
            assert (look.state(front), look.state(job)) == ("T", "T")
            terminal.type(b"\n")
            look.until(lambda: look.state(front) == "S" and look.state(job) == "S")
            terminal.type(b"two\n")
            terminal.read_until(b"got two")
        terminal.type(b"\x04")
        terminal.read_until(b"ended 0")
    finally:
        shell.kill()
        shell.wait()


def test_stop_by_name(terminal: Terminal, runner: list[str], look: Any) -> None:
    shell = terminal.start(
        [sys.executable, "-c", SHELL, *runner, "-q", "sh", "-c", "echo ready; sleep 60; :"]
    )
    try:
        terminal.read_until(b"ready")
        (front,) = look.children(shell.pid)
        (job,) = look.children(front)
        os.kill(front, signal.SIGTSTP)
        terminal.read_until(b"stopped %d" % signal.SIGTSTP)
        look.until(lambda: look.state(job) == "T")
        terminal.type(b"\n")
        look.until(lambda: look.state(front) == "S" and look.state(job) == "S")
        os.kill(front, signal.SIGTERM)
        terminal.read_until(b"ended -15")
    finally:
        shell.kill()
        shell.wait()


def test_stop_without_a_terminal(runner: list[str], start: Callable[..., Any], look: Any) -> None:
    job = start(
        [*runner, "-q", sys.executable, "-c", "print('ready', flush=True); input()"],
        stdin=subprocess.PIPE,
        bufsize=0,
    )
    job.stdout.readline()
    (child,) = look.children(job.pid)
    os.kill(child, signal.SIGSTOP)
    look.until(lambda: look.state(child) == "T")
    time.sleep(0.2)
    # Nobody would ever continue it along with the job.
    assert look.state(job.pid) not in ("T", "")
    os.kill(job.pid, signal.SIGCONT)
    look.until(lambda: look.state(child) == "S")
    job.stdin.write(b"\n")
    assert job.wait(30) == 0
