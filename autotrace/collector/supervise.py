"""Standing between a job and whoever started it: signals go through, stops and the end are shared.

The job is in the same process group and on the same terminal. What the terminal sends (Ctrl-C,
Ctrl-Z, a hang-up) reaches both from the kernel; what somebody sends to this process alone is handed
on.
"""

from __future__ import annotations

import os
from time import monotonic_ns, time_ns

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal as _signal
    from collections.abc import Iterator
    from typing import Any
else:
    import _signal

SI_KERNEL = 0x80
"""`si_code` of what the kernel itself sends, to a whole process group at once."""

_FOR_THE_GROUP = (
    _signal.SIGHUP,
    _signal.SIGINT,
    _signal.SIGQUIT,
    _signal.SIGTSTP,
    _signal.SIGTTIN,
    _signal.SIGTTOU,
    _signal.SIGCONT,
    _signal.SIGWINCH,
)
"""What a terminal sends to all processes in front of it. Others (an alarm set before an `exec`)
are for one alone.
"""

_WAIT_FLAGS = os.WNOHANG | os.WUNTRACED


class Ended:
    """The end of the job, made at that moment.

    ``status`` is its wait status and ``usage`` what it used, as `os.wait4` gives both.

    ``usage`` is None where neither could be learned. ``wall`` and ``mono`` are the time, in
    nanoseconds.
    """

    __slots__ = ("mono", "status", "usage", "wall")

    def __init__(self, status: int, usage: Any) -> None:
        """Take both as they are, and the time."""
        self.wall, self.mono = time_ns(), monotonic_ns()
        self.status = status
        self.usage = usage


class Supervisor:
    """Watches over child ``pid`` until it ends. All signals must be blocked.

    ``early`` are the signals that were pending when the child was started: whoever sent them, the
    child did not get them.
    """

    def __init__(self, pid: int, early: set[int]) -> None:
        """Take both as they are."""
        self.pid = pid
        self.early = early
        self._all = _signal.valid_signals()

    def run(self, chores: Iterator[object]) -> Ended:
        """Return when the child has ended. Between signals, ``chores`` are done one at a time."""
        while True:
            ended = self._reap()
            if ended is not None:
                return ended
            for number, from_kernel, sender in self._received(chores):
                if number != _signal.SIGCHLD:
                    self._hand_on(number, from_kernel, sender)

    def wait_plainly(self) -> Ended:
        """Return when the child has ended, and do nothing else."""
        try:
            _, status, usage = os.wait4(self.pid, 0)
        except ChildProcessError:
            return Ended(0, None)
        return Ended(status, usage)

    def _received(self, chores: Iterator[object]) -> list[tuple[int, bool, int]]:
        """Wait for a signal: its number, whether the kernel sent it, and who else did."""
        if not hasattr(_signal, "sigwaitinfo"):
            return _received_plainly(self._all, chores)
        while True:
            info = _signal.sigtimedwait(self._all, 0)
            if info is not None:
                break
            try:
                next(chores)
            except StopIteration:
                info = _signal.sigwaitinfo(self._all)
                break
            except Exception:
                # It is met again after the job's end, and told then. The job comes first.
                continue
        return [(info.si_signo, info.si_code == SI_KERNEL, info.si_pid)]

    def _reap(self) -> Ended | None:
        """Take note of all children that ended or stopped; return the job's end, if it has.

        There may be others: of a program that became this one by `exec`, or, for process 1,
        orphans.
        """
        while True:
            try:
                pid, status, usage = os.wait4(-1, _WAIT_FLAGS)
            except ChildProcessError:
                return Ended(0, None)
            if pid == 0:
                return None
            if pid != self.pid:
                continue
            if os.WIFSTOPPED(status):
                self._stop_too(os.WSTOPSIG(status))
                continue
            return Ended(status, usage)

    def _hand_on(self, number: int, from_kernel: bool, sender: int) -> None:
        if number in self.early:
            self.early.discard(number)
        elif from_kernel and number in _FOR_THE_GROUP and not _is_for_the_leader(number):
            return
        elif sender == os.getpid() or self._is_of_the_job(sender):
            # `kill 0` in a script means its own group, and has reached the job already.
            return
        elif number == _signal.SIGCONT and not self._is_stopped():
            return
        try:
            os.kill(self.pid, number)
        except OSError:  # a job that runs as somebody else
            return

    def _is_of_the_job(self, pid: int) -> bool:
        """Say whether a process is the job or was started by it, as far as can be seen."""
        for _ in range(64):
            if pid == self.pid:
                return True
            if pid <= 1 or pid == os.getpid():
                return False
            pid = _parent_of(pid)
        return False

    def _is_stopped(self) -> bool:
        fields = _stat(self.pid)
        return not fields or fields[0] in (b"T", b"t")

    def _stop_too(self, number: int) -> None:
        """Stop this process as the job was stopped, so that a shell sees it; return when continued.

        Without a terminal there is no shell that would continue the two together.
        """
        if not _has_terminal() or not self._is_stopped():
            return
        if number != _signal.SIGSTOP:
            if _signal.getsignal(number) is _signal.SIG_IGN:
                number = _signal.SIGSTOP
            else:
                _signal.signal(number, _signal.SIG_DFL)
        # Raised while blocked: with one that is pending already, it makes one stop and not two.
        os.kill(os.getpid(), number)
        _signal.pthread_sigmask(_signal.SIG_UNBLOCK, {number})
        _signal.pthread_sigmask(_signal.SIG_BLOCK, {number})


def _is_for_the_leader(number: int) -> bool:
    """Say whether this is a hang-up, and this process leads the session: then nobody else has it.

    A job that is started directly would be the leader itself.
    """
    return number in (_signal.SIGHUP, _signal.SIGCONT) and os.getsid(0) == os.getpid()


def _received_plainly(
    signals: set[_signal.Signals], chores: Iterator[object]
) -> list[tuple[int, bool, int]]:
    """Do the same where the sender is not told (macOS).

    A terminal is taken to be the sender of the signals that terminals send.
    """
    for _ in chores:
        if _signal.sigpending():
            break
    number = _signal.sigwait(signals)
    of_terminal = (_signal.SIGINT, _signal.SIGQUIT, _signal.SIGTSTP, _signal.SIGWINCH)
    return [(number, number in of_terminal and _has_terminal(), 0)]


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        return False
    return True


def _stat(pid: int) -> list[bytes]:
    """State, parent and so on of a process; empty where it is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb", buffering=0) as file:
            content = file.read()
    except OSError:
        return []
    return content[content.rfind(b")") + 2 :].split()


def _parent_of(pid: int) -> int:
    fields = _stat(pid)
    return int(fields[1]) if len(fields) > 1 else 0


def clear_pending() -> None:
    """Forget the signals that arrived until now: they were the job's, and it has ended."""
    if hasattr(_signal, "sigtimedwait"):
        while _signal.sigtimedwait(_signal.valid_signals(), 0) is not None:
            pass
    else:
        for number in _signal.sigpending():
            _signal.sigwait({number})


class interruptible:  # noqa: N801 - a context manager, used as a word
    """While inside, SIGINT, SIGTERM and SIGQUIT raise KeyboardInterrupt."""

    _signals = (_signal.SIGINT, _signal.SIGTERM, _signal.SIGQUIT)

    def __enter__(self) -> None:
        """Let them through."""
        for number in self._signals:
            _signal.signal(number, _interrupt)
        _signal.pthread_sigmask(_signal.SIG_UNBLOCK, self._signals)

    def __exit__(self, *exc: object) -> None:
        """Block them again."""
        _signal.pthread_sigmask(_signal.SIG_BLOCK, self._signals)


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def end_like(status: int) -> int:
    """End this process by the signal that a wait status names; else return the exit code.

    Returns also where this process cannot be ended by that signal (process 1 of a container): 128
    and the signal.
    """
    if not os.WIFSIGNALED(status):
        return os.WEXITSTATUS(status)
    number = os.WTERMSIG(status)
    import resource

    # One byte: 0 would still start the program that core_pattern may name.
    try:
        hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
        resource.setrlimit(resource.RLIMIT_CORE, (0 if hard == 0 else 1, hard))
    except (OSError, ValueError):
        pass
    try:
        if number not in (_signal.SIGKILL, _signal.SIGSTOP):
            _signal.signal(number, _signal.SIG_DFL)
    except (OSError, ValueError):
        pass
    os.kill(os.getpid(), number)
    _signal.pthread_sigmask(_signal.SIG_UNBLOCK, {number})
    return 128 + number
