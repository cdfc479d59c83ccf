"""What is let go: runs by name, by age, by number or by the room that they take."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from autotrace.store.catalog import Catalog
from autotrace.store.errors import StoreError
from autotrace.store.layout import (
    ASIDE_SUFFIX,
    RUNS,
    day_folders,
    day_of,
    find_run_file,
    run_path,
)

ASIDE_SECONDS = 3600
"""An unfinished file that nobody has written to for so long is left from a process that died."""

_SECOND = 1_000_000_000


@dataclass(slots=True)
class Pruned:
    """What was, or would be, deleted: ids of runs, the latest first, and bytes of files."""

    runs: list[str] = field(default_factory=list)
    bytes: int = 0


def delete(home: str, catalog: Catalog, runs: Sequence[str]) -> Pruned:
    """Delete these finished runs (full ids): whole day folders where nothing else is in them.

    What is not there is passed over. First go the files, then the rows of the catalog, so that
    after a crash in between nothing is forgotten that still takes room. Raises StoreError.
    """
    if catalog.why_readonly and not catalog.full:
        raise StoreError(catalog.why_readonly)
    days: dict[str, set[str]] = {}
    found = []
    started = {run: start for run, start, _ in catalog.sizes()}
    for run in dict.fromkeys(runs):
        path = None
        if run in started:
            with contextlib.suppress(ValueError):
                path = run_path(home, run, started[run])
        if path is None or not os.path.isfile(path):
            path = find_run_file(home, run)
        if path is not None:
            days.setdefault(os.path.dirname(path), set()).add(run)
        if path is not None or run in started:
            found.append(run)
    pruned = Pruned(found)
    try:
        for folder, gone in days.items():
            pruned.bytes += _empty(folder, gone)
    except OSError as error:
        raise StoreError(
            f"{error.filename} could not be deleted ({error.strerror}). Change its permissions, "
            "then try again."
        ) from error
    catalog.remove(found)
    return pruned


def _empty(folder: str, gone: set[str]) -> int:
    """Delete these runs' files from a day folder, and the folder where it holds nothing else."""
    names = os.listdir(folder)
    doomed = [name for name in names if name.partition(".")[0] in gone]
    size = 0
    for name in doomed:
        with contextlib.suppress(OSError):
            size += os.stat(os.path.join(folder, name)).st_size
    if len(doomed) == len(names):
        # Under another name first: a crash in the middle leaves no day that is half there.
        parent, day = os.path.split(folder)
        aside = os.path.join(parent, f".{day}.{os.getpid()}{ASIDE_SUFFIX}")
        os.rename(folder, aside)
        shutil.rmtree(aside)
        return size
    for name in doomed:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(os.path.join(folder, name))
    return size


def prune(
    home: str,
    catalog: Catalog,
    before_ns: int | None = None,
    max_bytes: int | None = None,
    max_runs: int | None = None,
    dry_run: bool = False,
) -> Pruned:
    """Delete the oldest finished runs until all limits are kept; None is no limit.

    ``before_ns``: runs that started before this time (nanoseconds since the epoch) go.
    ``max_bytes``: so much may the run files take. ``max_runs``: so many may stay. Rows whose file
    is gone and what writers that died left behind go as well. With ``dry_run`` nothing is deleted,
    the answer is the same. Raises StoreError.
    """
    doomed = []
    lost = []
    kept = kept_bytes = size_of_doomed = 0
    for run, started, size in catalog.sizes():
        path = run_path(home, run, started)
        if not os.path.isfile(path) and find_run_file(home, run) is None:
            lost.append(run)
        elif (
            (before_ns is not None and started < before_ns)
            or (max_bytes is not None and kept_bytes + size > max_bytes)
            or (max_runs is not None and kept >= max_runs)
        ):
            doomed.append(run)
            size_of_doomed += size
            if max_bytes is not None and kept_bytes + size > max_bytes:
                # From the first that finds no room on all older ones go, however small they are.
                max_bytes = kept_bytes
        else:
            kept += 1
            kept_bytes += size
    if dry_run:
        return Pruned(doomed + lost, size_of_doomed)
    pruned = delete(home, catalog, doomed)
    catalog.remove(lost)
    pruned.runs += lost
    pruned.bytes += _sweep(home)
    return pruned


def _sweep(home: str) -> int:
    """Delete what writers and deleters that died left behind; return its bytes."""
    size = 0
    runs = os.path.join(home, RUNS)
    now = time.time()
    with contextlib.suppress(OSError):
        for name in os.listdir(runs):
            if name.startswith(".") and name.endswith(ASIDE_SUFFIX):
                shutil.rmtree(os.path.join(runs, name), ignore_errors=True)
    today = day_of(time.time_ns())
    for day in day_folders(home):
        folder = os.path.join(runs, day)
        with contextlib.suppress(OSError):
            for name in os.listdir(folder):
                path = os.path.join(folder, name)
                status = os.lstat(path)
                if name.endswith(ASIDE_SUFFIX) and now - status.st_mtime > ASIDE_SECONDS:
                    os.unlink(path)
                    size += status.st_size
            if day != today:
                os.rmdir(folder)
    return size


def age_limit(days: float, now_ns: int | None = None) -> int:
    """Return the point in time (nanoseconds since the epoch) that lies ``days`` back."""
    now = time.time_ns() if now_ns is None else now_ns
    return now - int(days * 86400 * _SECOND)
