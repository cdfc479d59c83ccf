"""How a job ended: exit code or signal, what it used, and ending the same way oneself."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass

from autotrace.collector import processes

PIDFD_GET_INFO = 0xC040FF0B
"""``_IOWR(0xFF, 11, struct pidfd_info)`` of linux/pidfd.h; where it is numbered otherwise, it is
refused.
"""

PIDFD_INFO_EXIT = 1 << 3
"""Bit of the mask: ``exit_code`` is given (Linux 6.15 and later, once the process was waited
for).
"""

_PIDFD_INFO = struct.Struct("<QQ11Ii")
"""mask, cgroup id, pid, tgid, ppid, eight user and group ids, exit code (a wait status)"""

PATIENCE_S = 2.0
"""How long to wait for a zombie's parent, where its status is only to be had after that."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of a process: a RESULT record without its times.

    ``exit_code`` or ``signal`` (a name such as ``SIGKILL``) is set, or neither where it could not
    be learned. ``cpu_ns`` is user and system time together, of the process and the children it
    waited for; ``out_of_memory`` says that the kernel killed something of the job's group for want
    of memory.
    """

    exit_code: int | None = None
    signal: str | None = None
    cpu_ns: int | None = None
    max_rss_bytes: int | None = None
    out_of_memory: bool = False

    def record(self, wall: int, mono: int) -> dict[str, object]:
        """Return the tail of a RESULT record for an end at that time, by both clocks (ns)."""
        return {
            "wall": wall,
            "mono": mono,
            "exit_code": self.exit_code,
            "signal": self.signal,
            "cpu_ns": self.cpu_ns,
            "max_rss_bytes": self.max_rss_bytes,
            "oom": self.out_of_memory,
        }


def signal_name(number: int) -> str:
    """Name a signal: ``SIGTERM``, ``SIGRTMIN+2``, ``SIG99`` for one without a name."""
    import signal

    try:
        return signal.Signals(number).name
    except ValueError:
        first = getattr(signal, "SIGRTMIN", None)
        if first is not None and number > first:
            return f"SIGRTMIN+{number - first}"
        return f"SIG{number}"


def from_wait_status(
    status: int | None,
    cpu_ns: int | None = None,
    max_rss_bytes: int | None = None,
    out_of_memory: bool = False,
) -> Outcome:
    """Make an outcome of a wait status (see `os.waitpid`), None where it is not known."""
    code: int | None = None
    name: str | None = None
    if status is not None:
        if os.WIFSIGNALED(status):
            name = signal_name(os.WTERMSIG(status))
        else:
            code = os.WEXITSTATUS(status)
    return Outcome(code, name, cpu_ns, max_rss_bytes, out_of_memory and name == "SIGKILL")


def rss_bytes(ru_maxrss: int) -> int:
    """Turn `ru_maxrss` into bytes: Linux counts in KiB, macOS in bytes."""
    import sys

    return ru_maxrss if sys.platform == "darwin" else ru_maxrss * 1024


def status_of(handle: int | None, pid: int, ticks: int) -> tuple[int | None, int | None]:
    """Learn wait status and CPU time (ns) of a process that has ended and is somebody else's child.

    ``handle`` is its pidfd or None. Either value is None where it cannot be learned. While the
    process is a zombie, ``/proc`` shows both; after its parent has waited for it, a pidfd still
    knows the status.
    """
    now = processes.stat(pid)
    cpu_ns: int | None = None
    if now is not None and now.state in "ZX" and ticks in (0, now.ticks):
        cpu_ns = now.cpu_ns
        if now.wait_status is not None:
            return now.wait_status, cpu_ns
        if handle is not None:
            _wait_until_reaped(handle)
    return (None if handle is None else exit_info(handle)), cpu_ns


def exit_info(handle: int) -> int | None:
    """Ask a pidfd for the wait status of its process; None where the kernel has or gives none."""
    import fcntl

    buffer = bytearray(_PIDFD_INFO.size)
    _PIDFD_INFO.pack_into(buffer, 0, PIDFD_INFO_EXIT, *[0] * 13)
    try:
        fcntl.ioctl(handle, PIDFD_GET_INFO, buffer)
    except OSError:
        return None
    mask, *_, status = _PIDFD_INFO.unpack(buffer)
    return int(status) if mask & PIDFD_INFO_EXIT else None


def _wait_until_reaped(handle: int) -> None:
    import select

    # Not POLLIN, which a zombie has all the time; a hang-up always counts.
    poll = select.poll()
    poll.register(handle, 0)
    poll.poll(int(PATIENCE_S * 1000))
