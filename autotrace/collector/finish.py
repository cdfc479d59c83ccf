"""After the job's end: its outcome is written down, and the run handed to the sinks."""

from __future__ import annotations

import os
from collections.abc import Sequence

from autotrace.collector import ending, processes, record
from autotrace.collector.drain import NotTaken, Sink, drain
from autotrace.collector.folder import RunFolder
from autotrace.collector.join import join
from autotrace.collector.lock import CollectorLock
from autotrace.collector.supervise import Ended
from autotrace.journal.format import RESULT
from autotrace.spans import Run, Span
from autotrace.store.columns import SpanCollector

GRACE_S = 0.5
"""How long processes that the job left running are given to end by themselves.

Many do, at once: a pool's workers and multiprocessing's trackers end because the job did.
"""


def write_result(folder: RunFolder, ended: Ended, out_of_memory: bool) -> None:
    """Write down how the job ended.

    Raises OSError, and JournalError where its file was tampered with.
    """
    usage = ended.usage
    outcome = ending.from_wait_status(
        ended.status if usage is not None else None,
        None if usage is None else int((usage.ru_utime + usage.ru_stime) * 1_000_000_000),
        None if usage is None else ending.rss_bytes(usage.ru_maxrss),
        out_of_memory,
    )
    record.add(folder.path, RESULT, outcome.record(ended.wall, ended.mono))


def is_over(folder: RunFolder) -> bool:
    """Say whether nothing of the run is left running, after a moment of patience."""
    return processes.wait_for_all(folder.path, GRACE_S)


def collect(folder: RunFolder, sinks: Sequence[Sink]) -> tuple[Run, list[str]]:
    """Hand the run to the sinks; return it, and sentences about those that could not take it.

    The lock is given back. Raises what `drain` does.
    """
    lock = CollectorLock(folder.path, folder.lock)
    folder.lock = -1
    try:
        return drain(folder.path, sinks, lock), []
    except NotTaken as error:
        return error.run, [
            f"run {error.run.run} could not be kept for now ({error}); its journals stay in"
            f" {folder.path}, and the next autotrace command tries again"
        ]
    finally:
        lock.release()


def journal_bytes(folder: RunFolder) -> int:
    """Return how many bytes the run's journals take on the disk."""
    total = 0
    with os.scandir(folder.path) as entries:
        for entry in entries:
            total += entry.stat(follow_symlinks=False).st_blocks * 512
    return total


def so_far(folder: RunFolder) -> tuple[Run, list[Span]]:
    """Return a run whose job has ended while processes that it left still run."""
    spans = SpanCollector()
    joined = join(folder.path, spans)
    return joined.run, spans.finish()
