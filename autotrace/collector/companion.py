"""The companion: collects a run from outside where the job was not started by `autotrace-run`.

It waits until the job's process has ended, learns how as well as it can, writes that down, waits
for what the job left running, and hands the run to the sinks. Nobody hears it: what goes wrong is
left for the next collector, which finds the folder as it was. While it waits it has next to nothing
imported.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from time import monotonic_ns, time_ns

from autotrace.collector import oom, processes

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal as _signal
else:
    import _signal

LOCK_FD = 3
PROCESS_FD = 4
NO_RUN = -1
"""As in `autotrace.agent.companion`, which starts this."""

SHORTEST_LOOK_S = 0.5
LONGEST_LOOK_S = 30.0
"""Between two looks at how much memory the job has; the time doubles from the one to the other."""

EXIT_LOOK_S = 0.02
"""Between two looks whether a container's job is at its end (see
`autotrace.agent.companion.must_wait`).
"""

_DEAF_TO = ("SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM", "SIGPIPE", "SIGUSR1", "SIGUSR2")
"""Whoever stops a service or shuts a machine down signals all processes: this one is done soon
after the job.
"""


def main(arguments: Sequence[str]) -> int:
    """Collect a run, or what others left behind, as `autotrace.agent.companion` says.

    Its words are the folder, the job's pid (0: none to wait for, `NO_RUN`: no run of its own) and
    start time in ticks, and 1 or 0 for: the folder's lock is held under ``LOCK_FD``; the job's
    process is open under ``PROCESS_FD``; the job waits for us at its exit.
    """
    folder, pid, ticks = arguments[0], int(arguments[1]), int(arguments[2])
    has_lock, has_handle, at_exit = (word == "1" for word in arguments[3:6])
    for name in _DEAF_TO:
        _signal.signal(getattr(_signal, name), _signal.SIG_IGN)
    os.umask(0o077)
    if pid != NO_RUN and has_lock:
        watched = Watched(folder, pid, ticks, PROCESS_FD if has_handle else None, at_exit)
        if pid:
            watched.wait()
            _write_result(watched)
        if not at_exit:
            processes.wait_for_all(folder, None, without=pid)
        _drain(folder)
    from autotrace.collector.recover import recover

    recover(os.path.dirname(os.path.dirname(folder)))
    return 0


class Watched:
    """The job's process, seen from outside.

    ``handle`` is its pidfd or None; ``at_exit`` says that its journal tells of its end before it
    has ended. ``peak_rss_bytes`` is the largest amount of memory that it was seen to have had, once
    `wait` has returned.
    """

    def __init__(
        self, folder: str, pid: int, ticks: int, handle: int | None, at_exit: bool
    ) -> None:
        """Begin to watch."""
        self.folder = folder
        self.pid = pid
        self.ticks = ticks
        self.handle = handle
        self.at_exit = at_exit
        self.peak_rss_bytes: int | None = None
        self.memory = oom.OutOfMemory()

    def wait(self) -> None:
        """Return when the process has ended."""
        pause = EXIT_LOOK_S if self.at_exit else SHORTEST_LOOK_S
        while not self._ended_within(pause):
            self._look()
            if self.at_exit:
                if self._says_it_exits():
                    return
            else:
                pause = min(2 * pause, LONGEST_LOOK_S)

    def _ended_within(self, seconds: float) -> bool:
        if self.handle is not None:
            return processes.ended(self.handle, seconds)
        processes.wait_for_one(self.pid, self.ticks, seconds)
        return not processes.is_alive(self.pid, self.ticks)

    def _look(self) -> None:
        try:
            with open(f"/proc/{self.pid}/status", "rb") as file:
                for line in file:
                    if line.startswith(b"VmHWM:"):
                        self.peak_rss_bytes = int(line.split()[1]) * 1024
        except (OSError, ValueError):
            return

    def _says_it_exits(self) -> bool:
        from autotrace.journal.format import STATE_EXITED
        from autotrace.journal.reader import Journal, JournalError

        for name in os.listdir(self.folder):
            if name.split(".")[0] == str(self.pid):
                try:
                    with Journal(f"{self.folder}/{name}") as journal:
                        if journal.state == STATE_EXITED:
                            return True
                except (OSError, JournalError):
                    continue
        return False


def _write_result(watched: Watched) -> None:
    from autotrace.collector import ending, record
    from autotrace.journal.format import RESULT
    from autotrace.journal.reader import JournalError

    wall, mono = time_ns(), monotonic_ns()
    status, cpu_ns = ending.status_of(watched.handle, watched.pid, watched.ticks)
    outcome = ending.from_wait_status(
        status, cpu_ns, watched.peak_rss_bytes, watched.memory.happened()
    )
    try:
        record.add(watched.folder, RESULT, outcome.record(wall, mono))
    except (OSError, JournalError):
        # A full disk. What the processes said of themselves is there all the same.
        return


def _drain(folder: str) -> None:
    from autotrace.collector.drain import drain
    from autotrace.collector.lock import CollectorLock
    from autotrace.store import Store

    home = os.path.dirname(os.path.dirname(folder))
    lock = CollectorLock(folder, LOCK_FD)
    try:
        with Store(home) as store:
            drain(folder, [store], lock)
    except Exception:
        # Nobody would read it here. The folder stays, and the next collector says what is wrong.
        lock.release()
