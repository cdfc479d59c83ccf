"""The folder of a new run, ``<home>/live/<run>``, locked from its first moment.

Needed before the job is started: built-in modules alone.
"""

from __future__ import annotations

import os

LOCK = "collector.lock"
"""The file that is locked (`flock`, exclusive) for as long as somebody collects the run."""

CONFIG = "config"
"""The file with the run's settings, as `Config.dump` makes it."""


class RunFolder:
    """A run's folder.

    ``path`` is absolute, ``run`` the run's id, ``lock`` the descriptor that holds the lock.
    """

    __slots__ = ("lock", "path", "run")

    def __init__(self, path: str, run: str, lock: int) -> None:
        """Take the three values as they are."""
        self.path = path
        self.run = run
        self.lock = lock


def make(home: str, config: bytes) -> RunFolder:
    """Make the folder of a new run below ``home``, with its lock held and its settings in it.

    All that had to be made is private to the user. Raises OSError where that is not possible, or
    where the folder above belongs to somebody else or may be written by others.
    """
    live = os.path.join(home, "live")
    _make_private(live)
    status = os.lstat(live)
    if status.st_mode & 0o170000 != 0o040000:
        raise NotADirectoryError(20, "it is not a folder", live)
    if status.st_uid != os.geteuid():
        raise PermissionError(1, f"it belongs to user {status.st_uid}", live)
    if status.st_mode & 0o022:
        raise PermissionError(1, "other users may write to it (chmod go-w would change that)", live)
    run = os.urandom(6).hex()
    path = f"{live}/{run}"
    os.mkdir(path, 0o700)
    lock = -1
    try:
        lock = _lock(f"{path}/{LOCK}")
        _write(f"{path}/{CONFIG}", config)
    except BaseException:
        discard(RunFolder(path, run, lock))
        raise
    return RunFolder(path, run, lock)


def discard(folder: RunFolder) -> None:
    """Delete a folder in which nothing has happened yet, and give its lock back. Never raises."""
    try:
        for name in os.listdir(folder.path):
            os.unlink(f"{folder.path}/{name}")
        os.rmdir(folder.path)
    except OSError:
        pass
    release(folder)


def release(folder: RunFolder) -> None:
    """Give the lock back: who comes next may collect the run."""
    if folder.lock >= 0:
        os.close(folder.lock)
        folder.lock = -1


def _make_private(path: str) -> None:
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        return
    except FileNotFoundError:
        parent = os.path.dirname(path)
        if parent == path:
            raise
        _make_private(parent)
        try:
            os.mkdir(path, 0o700)
        except FileExistsError:  # another job, at the same moment
            return


def _lock(path: str) -> int:
    import fcntl

    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # a file system without locks: nobody else can take it either
        pass
    return fd


def _write(path: str, content: bytes) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        if os.write(fd, content) != len(content):
            raise OSError(28, "No space left on device", path)
    finally:
        os.close(fd)
