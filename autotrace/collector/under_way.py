"""Runs that are still under way, as a list, a waterfall or a live page sees them."""

from __future__ import annotations

from collections.abc import Sequence

from autotrace.collector.join import NothingToJoin, join
from autotrace.collector.journals import Process, survey, used_segments
from autotrace.collector.recover import is_left_behind
from autotrace.journal.format import (
    END,
    EVENT,
    HEADER_BYTES,
    ROWS,
    SEGMENT_BYTES,
    START,
    UPDATE,
)
from autotrace.journal.reader import Journal, JournalError
from autotrace.spans import Run, Span
from autotrace.store.columns import Block, LateFields, Site, SpanCollector

SMALL_SEGMENTS = 2
"""Runs whose journals fill no more segments than this are counted exactly when they are listed."""


class _Nobody:
    """Takes blocks and forgets them."""

    def site(self, site: Site) -> int:
        return 0

    def block(self, block: Block) -> None:
        pass

    def late(self, late: Sequence[LateFields]) -> None:
        pass


def look(folder: str) -> Run | None:
    """Return what can be said quickly about the run in a live folder; None where there is none.

    Of a large run the spans are not read: ``spans`` is then what its processes have begun so far,
    and ``errors`` and ``unfinished`` say nothing.
    """
    try:
        found = survey(folder)
        running = not is_left_behind(folder)
        segments = {process.path: used_segments(process.path) for process in found.processes}
        if not running or sum(segments.values()) <= SMALL_SEGMENTS:
            return join(folder, _Nobody(), running).run
        run = join(folder, _Nobody(), running, without_spans=True).run
        run.spans += sum(_begun(process, segments[process.path]) for process in found.processes)
        return run
    except (NothingToJoin, JournalError, OSError):
        return None


def load_live(folder: str) -> tuple[Run, list[Span], list[str]] | None:
    """Return the run in a live folder, its spans so far, and notes; None where there is none."""
    taker = SpanCollector()
    try:
        joined = join(folder, taker, running=not is_left_behind(folder))
    except (NothingToJoin, JournalError, OSError):
        return None
    return joined.run, taker.finish(), []


def _begun(process: Process, segments: int) -> int:
    """Return how many spans the process has begun: they are numbered, so the last one's number."""
    last = 0
    begin = HEADER_BYTES + max(0, segments - 1) * SEGMENT_BYTES
    try:
        with Journal(process.path) as journal:
            for record in journal.records(begin):
                if record[0] == START:
                    last = max(last, record[3])
                elif record[0] == END:
                    last = max(last, record[2])
                elif record[0] in (EVENT, UPDATE, ROWS):
                    last = max(last, record[1])
    except (JournalError, OSError):
        return last
    return last
