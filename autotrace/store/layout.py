"""Where everything lies below the home folder, and how files come into being there.

    live/<run>/                   a run under way: see autotrace.journal and autotrace.collector
    runs/<YYYY-MM-DD>/<run>.run   one finished run; the day is the UTC day of its start
    segments/<YYYY-MM-DD>/        kept free for columnar segments of many runs; nothing writes them
    catalog.db                    the list of runs (SQLite)

Folders are 0700 and files 0600: what a job sends and receives is its owner's business alone.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Iterator

LIVE = "live"
RUNS = "runs"
SEGMENTS = "segments"
CATALOG = "catalog.db"
RUN_SUFFIX = ".run"
ASIDE_SUFFIX = ".tmp"

RUN_ID = re.compile(r"[0-9a-f]{6,32}")
"""What a run id may look like; anything else never becomes a part of a path."""

DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def day_of(started_ns: int) -> str:
    """Return the UTC day (``YYYY-MM-DD``) of a point in time given in nanoseconds since the epoch.

    A time that no calendar has (a damaged clock) counts as the first day of the epoch.
    """
    try:
        return time.strftime("%Y-%m-%d", time.gmtime(started_ns // 1_000_000_000))[:10]
    except (OverflowError, ValueError, OSError):
        return "1970-01-01"


def run_path(home: str, run: str, started_ns: int) -> str:
    """Return where the finished run ``run`` belongs; raise ValueError when it is no run id."""
    if not RUN_ID.fullmatch(run):
        raise ValueError(f"{run!r} is not a run id")
    return os.path.join(home, RUNS, day_of(started_ns), run + RUN_SUFFIX)


def make_folder(path: str) -> None:
    """Create ``path`` and what is missing above it, each folder 0700; raise OSError."""
    if os.path.isdir(path):
        return
    parent = os.path.dirname(path)
    if parent and parent != path:
        make_folder(parent)
    with contextlib.suppress(FileExistsError):
        os.mkdir(path, 0o700)
    if not os.path.isdir(path):
        raise NotADirectoryError(20, "Not a directory", path)


def live_folders(home: str) -> Iterator[str]:
    """Yield the path of each real folder below ``live/`` that is named like a run, sorted by name.

    Symbolic links are left out: a run's folder is made by the job's own user and is never one.
    """
    live = os.path.join(home, LIVE)
    try:
        with os.scandir(live) as entries:
            names = sorted(
                entry.name
                for entry in entries
                if RUN_ID.fullmatch(entry.name) and entry.is_dir(follow_symlinks=False)
            )
    except OSError:
        return
    for name in names:
        yield os.path.join(live, name)


def day_folders(home: str) -> list[str]:
    """Return the names of the day folders below ``runs/``, oldest first."""
    try:
        with os.scandir(os.path.join(home, RUNS)) as entries:
            return sorted(
                entry.name
                for entry in entries
                if DAY.fullmatch(entry.name) and entry.is_dir(follow_symlinks=False)
            )
    except OSError:
        return []


def run_files(home: str) -> Iterator[str]:
    """Yield the path of every run file, newest day first."""
    for day in reversed(day_folders(home)):
        folder = os.path.join(home, RUNS, day)
        try:
            names = sorted(os.listdir(folder))
        except OSError:
            continue
        for name in names:
            if name.endswith(RUN_SUFFIX) and RUN_ID.fullmatch(name[: -len(RUN_SUFFIX)]):
                yield os.path.join(folder, name)


def find_run_file(home: str, run: str) -> str | None:
    """Return the path of the file of ``run`` in whatever day folder it lies, or None."""
    if RUN_ID.fullmatch(run):
        for day in reversed(day_folders(home)):
            path = os.path.join(home, RUNS, day, run + RUN_SUFFIX)
            if os.path.isfile(path):
                return path
    return None


def sync_folder(path: str) -> None:
    """Make the names in folder ``path`` durable where the file system can; never raise."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
    except OSError:
        return
    try:
        os.fsync(descriptor)
    except OSError:
        pass
    finally:
        os.close(descriptor)


def size_below(path: str) -> int:
    """Return the bytes that the files below ``path`` take on the disk (allocated, not apparent)."""
    total = 0
    pending = [path]
    while pending:
        try:
            with os.scandir(pending.pop()) as entries:
                for entry in entries:
                    try:
                        if entry.is_dir(follow_symlinks=False):
                            pending.append(entry.path)
                        else:
                            total += entry.stat(follow_symlinks=False).st_blocks * 512
                    except OSError:
                        continue
        except OSError:
            continue
    return total
