"""Joins a run's journals into finished spans, in one pass, holding no more than what is open.

A span's start waits until its end is met; both are then taken apart, column by column, some
thousand spans at a time. What comes later still (rows that were fetched, events) is merged if its
span has not been handed on yet, and handed on as late fields if it has.
"""

from __future__ import annotations

import gc
import time
from dataclasses import dataclass, field
from typing import Any

from autotrace.collector.gate import Gate, Refused
from autotrace.collector.journals import (
    Facts,
    Journals,
    Process,
    integer,
    number_or_none,
    span_number,
    survey,
    text,
    texts,
)
from autotrace.collector.pairs import Pairs, Record, Sites
from autotrace.collector.reading import Left, ProcessReader
from autotrace.collector.verdict import (
    SCOPE,
    UNFINISHED,
    exit_code,
    last_exit,
    process_attributes,
    process_name,
    root_attributes,
    state_of,
    status_message,
)
from autotrace.journal.format import (
    END,
    STATUS_ERROR,
)
from autotrace.spans import Attributes, Event, Run
from autotrace.store.columns import (
    BLOCK_ROWS,
    ERROR,
    BlockTaker,
    Site,
    clean_attributes,
    clean_text,
)

UNFINISHED_NAMED = 100
"""How many of the spans that were under way a run names."""

_LATEST = (1 << 63) - 1


class NothingToJoin(Exception):
    """The folder holds no journal of a run that could be read; the text says what was found."""


@dataclass(slots=True)
class Joined:
    """A run that has been joined, and about each of its processes what no span holds."""

    run: Run
    processes: list[dict[str, Any]] = field(default_factory=list)


def join(
    folder: str, taker: BlockTaker, running: bool = False, without_spans: bool = False
) -> Joined:
    """Join all journals of the live folder ``folder`` and hand the spans to ``taker``.

    With ``running`` the run is still under way: what is open is not an error yet. ``without_spans``
    leaves the processes' journals unread, but for who they are: only they themselves are counted
    then. A journal that cannot be read, or not to its end, is named in the run's faults; the rest
    is kept. Raises NothingToJoin, JournalError where the folder belongs to somebody else, OSError
    where it is gone, and whatever ``taker`` raises.
    """
    enabled = gc.isenabled()
    # All that is made here lives for one chunk, and there are no cycles: searching for some is lost
    # time.
    gc.disable()
    try:
        return _Join(survey(folder), taker, running, without_spans).join()
    except Refused as refused:
        raise refused.error from None
    finally:
        if enabled:
            gc.enable()


class _Join:
    def __init__(
        self, journals: Journals, taker: BlockTaker, running: bool, without_spans: bool
    ) -> None:
        self.journals = journals
        self.without_spans = without_spans
        self.running = running
        self.last = 0
        self.began = 0
        self.gate = Gate(taker)
        self.pairs = Pairs(self.gate, self._set_clock())
        self.left: list[Left] = []

    def join(self) -> Joined:
        journals = self.journals
        if not journals.processes and "wall" not in journals.run:
            raise NothingToJoin(
                "; ".join(f"{place}: {reason}" for place, reason in journals.faults)
                or "there is no journal in it"
            )
        for process in journals.processes:
            if self.without_spans:
                left = Left(process, [], {}, {}, Sites(), integer(process.facts, "mono"))
            else:
                left = ProcessReader(process, journals, self.pairs, self.running).read()
            self.left.append(left)
            self.last = max(self.last, left.last)
        self.last = max(self.last, integer(journals.result, "mono"))
        if self.running:
            self.last = max(self.last, time.monotonic_ns())
        open_spans = self._close_spans()
        # The state needs to know of errors, and the root's own span of the state.
        self._close_processes()
        self.pairs.builder.flush()
        state = state_of(journals, self.gate.errors)
        end = self._root_end()
        run = Run(
            run=journals.run_id,
            trace_id=self._trace_id(),
            root_span_id=text(journals.run, "root_span_id"),
            job=self._job(),
            command=self._fact_texts("command", "argv"),
            state="running" if self.running else state,
            started_ns=min(max(self.began + self.pairs.shift, 0), _LATEST),
            duration_ns=min(max(0, end - self.began), _LATEST),
        )
        self._add_root(run, end)
        self.pairs.builder.flush()
        self._describe(run, open_spans)
        return Joined(run, [self._about(process) for process in journals.processes])

    def _set_clock(self) -> int:
        """Find the one pair of clock readings that all times follow from; return the difference."""
        processes = self.journals.processes
        clocks = [
            facts
            for facts in (self.journals.run, *(process.facts for process in processes))
            if number_or_none(facts, "wall") is not None
            and number_or_none(facts, "mono") is not None
        ]
        clocks.sort(key=lambda facts: integer(facts, "mono"))
        first = clocks[0] if clocks else {"wall": 0, "mono": 0}
        self.last = max((integer(facts, "mono") for facts in clocks), default=0)
        # The collector may have come before the job's own process, or be its child.
        begins = [integer(first, "mono")]
        for process in processes:
            if process.is_root and "mono" in process.facts:
                begins.append(integer(process.facts, "began", integer(process.facts, "mono")))
        self.began = min(begins)
        return integer(first, "wall") - integer(first, "mono")

    def _root_end(self) -> int:
        ended = number_or_none(self.journals.result, "mono")
        if ended is None:
            ended = number_or_none(last_exit(self.journals) or {}, "mono")
        return self.last if ended is None or self.running else ended

    def _end_of(self, left: Left) -> int:
        """Return when the process ended (monotonic), or when anybody was last heard of."""
        process = left.process
        if process.is_root:
            return self._root_end()
        if process.exit is not None:
            return integer(process.exit, "mono", left.last)
        if self.running or left.spans:
            return self.last
        # It vanished with nothing under way, as workers do that are no longer needed.
        return left.last

    def _close_spans(self) -> list[tuple[int, str, int]]:
        """End what was under way; return start, name and nanoseconds of each, outermost first."""
        found = []
        for left in self.left:
            if not left.spans:
                continue
            end = self._end_of(left)
            ends: list[Record] = []
            for start in left.spans:
                open_ns = max(0, end - start[5])
                found.append((start[5], left.sites.name_of(start), open_ns))
                status = 0 if self.running else STATUS_ERROR
                ends.append((END, status, start[3], open_ns, {UNFINISHED: True}))
            for at in range(0, len(ends), BLOCK_ROWS):
                self.pairs.add(
                    left.process,
                    left.spans[at : at + BLOCK_ROWS],
                    ends[at : at + BLOCK_ROWS],
                    left.sites,
                    left.fields,
                    left.events,
                )
        found.sort(key=lambda item: item[0])
        return found

    def _close_processes(self) -> None:
        """Make the spans that stand for the processes other than the job's own."""
        for left in self.left:
            process = left.process
            if process.is_root:
                continue
            end = self._end_of(left)
            began = integer(process.facts, "began", integer(process.facts, "mono", end))
            attributes = process_attributes(process)
            attributes.update(clean_attributes(left.fields.pop(0, {})))
            exception = text(process.exit or {}, "exception")
            status, message = (ERROR, exception) if exception else (0, "")
            if left.spans and process.exit is None:
                attributes[UNFINISHED] = True
                if not self.running:
                    status = ERROR
            self._add(
                process.span_id,
                process.parent_id,
                process_name(process),
                began,
                max(0, end - began),
                status,
                message,
                process.pid,
                attributes,
                left.events.pop(0, []),
            )

    def _add_root(self, run: Run, end: int) -> None:
        journals = self.journals
        attributes = root_attributes(journals)
        events = []
        for left in self.left:
            if left.process.is_root:
                attributes.update(clean_attributes(left.fields.pop(0, {})))
                events += left.events.pop(0, [])
        if run.state in ("running", "lost") or (run.state == "killed" and not journals.result):
            attributes[UNFINISHED] = True
        failed = run.state in ("failed", "killed", "lost")
        self._add(
            span_number(run.root_span_id),
            span_number(self._parent()),
            run.job,
            self.began,
            max(0, end - self.began),
            ERROR if failed else 0,
            status_message(journals) if failed else "",
            integer(attributes, "process.pid"),
            attributes,
            events,
        )

    def _add(
        self,
        span_id: int,
        parent_id: int,
        name: str,
        began: int,
        duration: int,
        status: int,
        message: str,
        pid: int,
        attributes: Attributes,
        events: list[Event],
    ) -> None:
        site = self.gate.site(Site(name, "internal", SCOPE, {}))
        self.pairs.builder.extend(
            [span_id],
            [parent_id],
            [began + self.pairs.shift],
            [duration],
            [site],
            [status],
            [0],
            pid,
            [attributes],
            {0: message} if message else {},
            {0: events} if events else {},
        )

    def _describe(self, run: Run, open_spans: list[tuple[int, str, int]]) -> None:
        journals = self.journals
        result = journals.result
        last = last_exit(journals) or {}
        run.spans = self.gate.spans
        run.errors = self.gate.errors
        run.exit_code = exit_code(journals)
        run.signal = text(result, "signal") or None
        run.parent_id = self._parent() or None
        run.dropped = sum(process.dropped for process in journals.processes)
        run.cpu_ns = integer(result, "cpu_ns", integer(last, "cpu_ns", -1))
        run.max_rss_bytes = integer(result, "max_rss_bytes", integer(last, "max_rss_bytes", -1))
        run.cpu_ns = None if run.cpu_ns < 0 else run.cpu_ns
        run.max_rss_bytes = None if run.max_rss_bytes < 0 else run.max_rss_bytes
        run.out_of_memory = result.get("oom") is True
        run.cwd = self._fact("cwd")
        run.host = self._fact("host")
        run.user = self._fact("user")
        run.python = self._fact("python")
        run.pid = integer(journals.run, "pid") or next(
            (process.pid for process in journals.processes if process.is_root), 0
        )
        run.fault_count = journals.fault_count + sum(
            process.faults for process in journals.processes
        )
        run.faults = [(clean_text(place), clean_text(what)) for place, what in journals.faults]
        run.unfinished = [
            (clean_text(name), open_ns) for _, name, open_ns in open_spans[:UNFINISHED_NAMED]
        ]

    def _facts(self) -> list[Facts]:
        """All records that may describe the job, the most telling first."""
        processes = self.journals.processes
        roots = [process.facts for process in processes if process.is_root]
        return [self.journals.run, *roots, *(process.facts for process in processes)]

    def _fact(self, name: str) -> str:
        return clean_text(next(filter(None, (text(facts, name) for facts in self._facts())), ""))

    def _fact_texts(self, *names: str) -> list[str]:
        for facts in self._facts():
            for name in names:
                words = texts(facts, name)
                if words:
                    return [clean_text(word) for word in words]
        return []

    def _job(self) -> str:
        """The job's name, as the collector or else its own process says."""
        roots = [process.facts for process in self.journals.processes if process.is_root]
        for facts in (self.journals.run, *roots):
            if text(facts, "job"):
                return clean_text(text(facts, "job"))
        command = self._fact_texts("command", "argv")
        return command[0].rpartition("/")[2] if command else self.journals.run_id

    def _trace_id(self) -> str:
        found = self._fact("trace_id")
        # A run that nobody could name the trace of is a trace of its own.
        return found if len(found) == 32 else (self.journals.run_id * 6)[:32]

    def _parent(self) -> str:
        """The id of the span outside of this run that started it, "" where there is none."""
        parent = text(self.journals.run, "parent")
        if not parent and "wall" not in self.journals.run:
            for process in self.journals.processes:
                if process.facts.get("root") is True:
                    parent = text(process.facts, "parent")
                    break
        return parent if span_number(parent) else ""

    def _about(self, process: Process) -> dict[str, Any]:
        return {
            "pid": process.pid,
            "span_id": f"{process.span_id:016x}",
            "prefix": f"{process.prefix:08x}",
            "threads": process.threads,
        }
