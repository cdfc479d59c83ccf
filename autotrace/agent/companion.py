"""Starts the companion, the process that collects a run that `autotrace-run` does not wait for.

The job must not be able to tell. The companion is the child of a child that is gone again before
`start` returns, so that the job has no more children than before; it has a session of its own, none
of the job's files, and a short environment. From its first moment it holds the lock of the run's
folder and a handle of the job's process, both opened here while the job stands still: there is no
instant at which the run belongs to nobody, and the process that is watched is certainly the right
one.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False

LOCK = "collector.lock"
"""The file in a run's folder that is locked (`flock`, exclusive) for as long as somebody
collects the run.
"""

LOCK_FD = 3
PROCESS_FD = 4
"""The descriptors under which the companion finds its lock and the job's process."""

NO_RUN = -1

_KEPT = frozenset(
    (
        "AUTOTRACE_HOME",
        "DYLD_LIBRARY_PATH",
        "HOME",
        "HTTPS_PROXY",
        "HTTP_PROXY",
        "LD_LIBRARY_PATH",
        "NO_PROXY",
        "REQUESTS_CA_BUNDLE",
        "SSL_CERT_DIR",
        "SSL_CERT_FILE",
        "TMPDIR",
        "TZ",
        "XDG_DATA_HOME",
        "http_proxy",
        "https_proxy",
        "no_proxy",
    )
)
"""Variables that the companion needs to run at all, to find the store, and to reach a backend."""

_WAITS_FOR_NOBODY = ("systemd", "init", "launchd", "upstart", "openrc-init", "runit")
"""First processes of whole machines: they do not end when a job does."""


def start(folder: str, python: str, lock: int = -1, pid: int | None = None) -> bool:
    """Start the companion that collects the run in `folder` once process `pid` has ended.

    `python` is an interpreter, `pid` is this process unless given; 0: there is nothing to wait for
    but the run's other processes; `NO_RUN`: it is not about a run, and the companion takes in what
    others left behind beside the folder. `lock` is a descriptor that holds the folder's lock
    already, -1 where it is to be taken. False where no companion could be started, or another
    collector has the run. Raises OSError where this process cannot fork.
    """
    python = interpreter(python)
    if not python:
        return False
    at_exit = False
    if pid is None:
        pid = os.getpid()
        at_exit = must_wait()
    between = os.fork()
    if between == 0:
        try:
            _detach(folder, python, lock, pid, at_exit)
        finally:
            os._exit(1)
    try:
        return os.waitpid(between, 0)[1] == 0
    except ChildProcessError:  # the program's starter ignores SIGCHLD: the kernel has waited for us
        return True


def interpreter(python: str) -> str:
    """Find a Python to run the companion, "" where there is none.

    In a program that embeds or freezes Python, `sys.executable` is that program, which must not be
    run again.
    """
    import sys

    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    candidates = [python] if os.path.basename(python).lower().startswith("python") else []
    candidates += [f"{prefix}/bin/{version}" for prefix in (sys.prefix, sys.base_prefix)]
    for candidate in candidates:
        if os.path.isabs(candidate) and os.access(candidate, os.X_OK):
            return candidate
    return ""


def _detach(folder: str, python: str, lock: int, pid: int, at_exit: bool) -> None:
    """In the child between: become nobody's, start the companion, and go."""
    import fcntl

    if TYPE_CHECKING:
        from signal import SIGKILL, SIGSTOP, valid_signals
    else:
        from _signal import SIGKILL, SIGSTOP, valid_signals

    os.setsid()
    if lock < 0 and pid != NO_RUN:
        lock = os.open(
            f"{folder}/{LOCK}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600
        )
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        except OSError:  # a file system without locks
            pass
    process = -1
    if pid > 0:
        try:
            process = os.pidfd_open(pid)
        except (AttributeError, OSError):  # macOS, an old kernel
            process = -1
    started = start_ticks(pid) if pid > 0 else 0
    # Out of the way of the numbers that they and the standard streams are given below.
    if lock >= 0:
        lock = fcntl.fcntl(lock, fcntl.F_DUPFD_CLOEXEC, 10)
    if process >= 0:
        process = fcntl.fcntl(process, fcntl.F_DUPFD_CLOEXEC, 10)
    for fd in _open_descriptors():
        if fd not in (lock, process):
            try:
                os.close(fd)
            except OSError:
                continue
    try:
        null = os.open(os.devnull, os.O_RDWR)
    except OSError:  # a container without devices: the companion does without
        null = -1
    if null >= 0:
        for fd in (0, 1, 2):
            os.dup2(null, fd)
            os.set_inheritable(fd, True)  # where it is `null` itself
    if lock >= 0:
        os.dup2(lock, LOCK_FD)
    if process >= 0:
        os.dup2(process, PROCESS_FD)
    os.chdir("/")
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    arguments = [python, "-I", "-S", f"{package}/collector/detached.py", folder]
    arguments += [str(pid), str(started)]
    arguments += [str(int(given)) for given in (lock >= 0, process >= 0, at_exit)]
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in _KEPT or name.startswith("OTEL_")
    }
    os.posix_spawn(
        python,
        arguments,
        kept,
        setsigmask=(),
        setsigdef=valid_signals() - {SIGKILL, SIGSTOP},
    )
    os._exit(0)


def _open_descriptors() -> list[int]:
    for listing in ("/proc/self/fd", "/dev/fd"):
        try:
            return [int(name) for name in os.listdir(listing)]
        except OSError:
            continue
    return list(range(1024))


def start_ticks(pid: int) -> int:
    """When process `pid` was started, in clock ticks since the boot; 0 where that is not known."""
    try:
        fd = os.open(f"/proc/{pid}/stat", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return 0
    try:
        stat = os.read(fd, 4096)
    except OSError:
        return 0
    finally:
        os.close(fd)
    fields = stat[stat.rfind(b")") + 2 :].split()
    return int(fields[19]) if len(fields) > 19 else 0


def must_wait() -> bool:
    """Whether everything else is killed as soon as this process ends: it is a container's job.

    That is process 1 itself, or the child of one that is there for nothing else (``docker run
    --init``, a shell).
    """
    if os.getpid() == 1:
        return True
    if os.getppid() != 1:
        return False
    try:
        fd = os.open("/proc/1/comm", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return os.read(fd, 64).decode("ascii", "replace").strip() not in _WAITS_FOR_NOBODY
    except OSError:
        return False
    finally:
        os.close(fd)


def wait(folder: str, seconds: float) -> bool:
    """Wait until the run in `folder` is collected, or for `seconds` at the most; say whether it is.

    For a job with `must_wait()`, at its very end: the companion takes the journal's state
    (`STATE_EXITED`) for the process's end there, and gives its lock back when it is done.
    """
    import fcntl
    from time import monotonic, sleep

    end = monotonic() + seconds
    pause = 0.002
    while True:
        try:
            fd = os.open(f"{folder}/{LOCK}", os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:  # collected, and the folder deleted
            return True
        try:
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            pass
        except OSError:
            return False
        finally:
            os.close(fd)
        if monotonic() >= end:
            return False
        sleep(pause)
        pause = min(2 * pause, 0.05)
