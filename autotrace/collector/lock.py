"""The lock of a live folder: whoever collects a run holds it for as long as it does."""

from __future__ import annotations

import fcntl
import os
import time

LOCK_FILE = "collector.lock"

PATIENCE_S = 1.0
"""How long a collector waits for who merely looks whether the folder was left behind."""

_PAUSE_S = 0.005


class CollectorLock:
    """The lock of one live folder, held. Made by :func:`acquire`; a context manager."""

    def __init__(self, folder: str, descriptor: int) -> None:
        self.folder = folder
        self._descriptor = descriptor

    def __enter__(self) -> CollectorLock:
        return self

    def __exit__(self, *exc: object) -> None:
        self.release()

    def release(self) -> None:
        """Let go of the lock; the folder may be gone by now."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def acquire(folder: str, patience_s: float = PATIENCE_S) -> CollectorLock | None:
    """Take the lock of the live folder ``folder``; return None where it is held by somebody else.

    ``patience_s`` is how many seconds to try. None also where the folder is gone: somebody else has
    collected it meanwhile. Raises OSError where the folder may not be written to.
    """
    path = os.path.join(folder, LOCK_FILE)
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except FileNotFoundError:
        return None
    try:
        if _lock(descriptor, patience_s) and _is_at(path, descriptor):
            return CollectorLock(folder, descriptor)
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None


def _lock(descriptor: int, patience_s: float) -> bool:
    deadline = time.monotonic() + patience_s
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            pass
        except OSError:
            # A file system without locks: nobody else can hold this one either.
            return True
        if time.monotonic() >= deadline:
            return False
        time.sleep(_PAUSE_S)


def _is_at(path: str, descriptor: int) -> bool:
    """Tell whether the file is still where it was opened, and did not go before it was locked."""
    try:
        there = os.stat(path, follow_symlinks=False)
    except OSError:
        return False
    ours = os.fstat(descriptor)
    return (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino)
