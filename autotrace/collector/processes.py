"""Which of a run's processes are still there, and waiting until they are not.

A process is named by pid and start time together, as pids are given again.
"""

from __future__ import annotations

import contextlib
import os
import select
import time
from collections.abc import Iterator
from dataclasses import dataclass

from autotrace.journal.format import PROCESS
from autotrace.journal.reader import Journal, JournalError

LONGEST_PAUSE_S = 2.0
"""Between two looks where the kernel cannot tell us of a process's end."""


@dataclass(frozen=True, slots=True)
class Stat:
    """A process as ``/proc/<pid>/stat`` shows it, a zombie included.

    ``ticks`` is its start in clock ticks since boot, ``cpu_ns`` the CPU time of it and of the
    children that it has waited for. ``wait_status`` is that of a zombie (as `os.waitpid` gives it),
    None for others and where the kernel does not show it.
    """

    state: str
    ppid: int
    ticks: int
    cpu_ns: int
    wait_status: int | None


def stat(pid: int) -> Stat | None:
    """Return what the kernel says of process ``pid``; None where it is gone or has no /proc."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            content = file.read()
    except OSError:
        return None
    fields = content[content.rfind(b")") + 2 :].split()
    if len(fields) < 50:
        return None
    state = fields[0].decode("ascii", "replace")
    tick_ns = 1_000_000_000 // (os.sysconf("SC_CLK_TCK") or 100)
    # To those who may not look into the process, all its addresses are shown as 0, and so is its
    # status.
    status = int(fields[49]) if state in "ZX" and _may_look(pid) else None
    return Stat(
        state=state,
        ppid=int(fields[1]),
        ticks=int(fields[19]),
        cpu_ns=sum(map(int, fields[11:15])) * tick_ns,
        wait_status=status,
    )


def _may_look(pid: int) -> bool:
    try:
        return os.stat(f"/proc/{pid}").st_uid == os.geteuid() or os.geteuid() == 0
    except OSError:
        return False


def start_ticks(pid: int) -> int:
    """Return when process ``pid`` was started, in clock ticks since boot; 0 where it is gone."""
    found = stat(pid)
    return 0 if found is None else found.ticks


def is_alive(pid: int, ticks: int) -> bool:
    """Say whether the process that had ``pid`` and started at ``ticks`` (0: unknown) still runs.

    A zombie does not.
    """
    now = stat(pid)
    if now is None:
        if os.path.exists("/proc/self/stat"):
            return False
        return _answers(pid)
    return now.state not in "ZX" and ticks in (0, now.ticks)


def _answers(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def writers(folder: str) -> Iterator[tuple[int, int]]:
    """Yield pid and start ticks of each process that has a journal in ``folder``, dead or alive."""
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return
    for name in names:
        first, _, rest = name.partition(".")
        if not first.isdigit() or not rest.endswith("journal"):
            continue
        try:
            with Journal(os.path.join(folder, name)) as journal:
                record = next(journal.records(), None)
                ticks = 0
                if record is not None and record[0] == PROCESS:
                    ticks = record[1].get("ticks", 0)
                yield journal.pid, ticks if isinstance(ticks, int) else 0
        except (JournalError, OSError):
            continue


def survivors(folder: str, without: int = 0) -> list[tuple[int, int]]:
    """Return pid and start ticks of the run's processes that still run, except ``without``."""
    known = set(writers(folder))
    return [
        (pid, ticks)
        for pid, ticks in sorted(known | set(_forked(folder, known)))
        if pid not in (without, os.getpid()) and is_alive(pid, ticks)
    ]


def _forked(folder: str, known: set[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yield pid and start ticks of forked children that have not come to a journal of their own.

    They still have their parent's mapped. A parent that forks and ends at once, as daemons do, is
    gone before that, and nothing else tells of the child.
    """
    began = min((ticks for _, ticks in known), default=0)
    if not began:
        return
    place = (os.path.realpath(folder) + "/").encode()
    pids = {pid for pid, _ in known}
    for _ in range(3):
        vanished = False
        try:
            found = [int(name) for name in os.listdir("/proc") if name.isdigit()]
        except OSError:
            return
        for pid in found:
            now = stat(pid)
            if now is None:
                # It may have had a child that was not there yet when the list was made.
                vanished = True
            elif now.ticks >= began and pid not in pids and _maps(pid, place):
                pids.add(pid)
                yield pid, now.ticks
        if not vanished:
            return


def _maps(pid: int, place: bytes) -> bool:
    """Say whether a process has a file below ``place`` mapped for writing."""
    try:
        with open(f"/proc/{pid}/maps", "rb") as file:
            return any(b" rw-s " in line and place in line for line in file)
    except OSError:
        return False


def wait_for_all(folder: str, seconds: float | None, without: int = 0) -> bool:
    """Wait until no process of the run still runs; say whether that is so.

    ``seconds`` is how long at the most, None for ever; process ``without`` does not count.

    Processes that begin meanwhile are waited for as well.
    """
    end = None if seconds is None else time.monotonic() + seconds
    while True:
        left = survivors(folder, without)
        if not left:
            return True
        rest = None if end is None else end - time.monotonic()
        if rest is not None and rest <= 0:
            return False
        wait_for_one(left[0][0], left[0][1], rest)


def wait_for_one(pid: int, ticks: int, seconds: float | None) -> None:
    """Wait until a process has ended, ``seconds`` at the most (None: for ever)."""
    end = None if seconds is None else time.monotonic() + seconds
    handle = open_process(pid, ticks)
    if handle is not None:
        try:
            ended(handle, seconds)
        finally:
            os.close(handle)
        return
    pause = 0.01
    while is_alive(pid, ticks):
        rest = pause if end is None else min(pause, end - time.monotonic())
        if rest <= 0:
            return
        time.sleep(rest)
        pause = min(2 * pause, LONGEST_PAUSE_S)


def open_process(pid: int, ticks: int) -> int | None:
    """Open a handle (pidfd) of a process; None where the kernel has none or the process is gone."""
    if not hasattr(os, "pidfd_open"):
        return None
    try:
        handle = os.pidfd_open(pid)
    except OSError:
        return None
    # Opened first and looked at then, so that it is certainly this one.
    if not is_alive(pid, ticks):
        with contextlib.suppress(OSError):
            os.close(handle)
        return None
    return handle


def ended(handle: int, seconds: float | None) -> bool:
    """Wait until the process of a handle has ended; say whether it has.

    ``seconds`` is how long at the most, None for ever.
    """
    poll = select.poll()
    poll.register(handle, select.POLLIN)
    return bool(poll.poll(None if seconds is None else max(0, int(seconds * 1000 + 0.5))))
