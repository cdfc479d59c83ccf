"""Joins a run's journals into finished spans, in one pass, holding no more than what is open.

A span's start waits until its end is met; both are then taken apart, column by column, some
thousand spans at a time. What comes later still (rows that were fetched, events) is merged if its
span has not been handed on yet, and handed on as late fields if it has.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import repeat
from operator import add
from typing import Any

from autotrace.collector.journals import (
    Journals,
    Process,
    holds_more,
    integer,
    number_or_none,
    span_number,
    survey,
    text,
    texts,
)
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
    EVENT,
    EXIT,
    FAULT,
    ROWS,
    SITE,
    START,
    STATE_EXITED,
    STATUS_ERROR,
    THREAD,
    UPDATE,
)
from autotrace.journal.reader import Journal, JournalError
from autotrace.spans import Attributes, Event, Run
from autotrace.store.columns import (
    ERROR,
    Block,
    BlockBuilder,
    BlockTaker,
    LateFields,
    Site,
    clean_attributes,
    clean_event,
    clean_text,
)

CHUNK = 2048
"""Spans that are taken apart together."""

UNFINISHED_NAMED = 100
"""How many of the spans that were under way a run names."""

STATUS_MESSAGE = "autotrace.status_message"
"""The field in which the agent writes the message of a span's status."""

SPAN_NAME = "autotrace.name"
"""The field in which the agent writes a span's name where that is not its site's."""

RETURNED_ROWS = "db.response.returned_rows"
"""The field that a ROWS record stands for."""

_FAULT_PLACES = 100

_LATEST = (1 << 63) - 1

Record = tuple[Any, ...]
Fields = dict[str, Any]


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
    except _Refused as refused:
        raise refused.error from None
    finally:
        if enabled:
            gc.enable()


class _Refused(Exception):
    """The taker failed: that is no fault of the journal that was being read."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


class _Counter:
    """Stands before the taker, counts, and tells its errors from those of journals."""

    def __init__(self, taker: BlockTaker) -> None:
        self._taker = taker
        self.site = taker.site
        self.spans = 0
        self.errors = 0

    def block(self, block: Block) -> None:
        self.spans += len(block)
        self.errors += block.errors()
        try:
            self._taker.block(block)
        except Exception as error:
            raise _Refused(error) from error

    def late(self, late: Sequence[LateFields]) -> None:
        try:
            self._taker.late(late)
        except Exception as error:
            raise _Refused(error) from error


@dataclass(slots=True)
class _Sites:
    """The sites of one process by its journal's numbers, and what the taker numbers them."""

    numbers: dict[int, int] = field(default_factory=dict)
    sites: dict[int, Site] = field(default_factory=dict)

    def name_of(self, start: Record) -> str:
        """Return the name of the span that a START record begins."""
        fields = start[6]
        if type(fields) is dict and SPAN_NAME in fields:
            return str(fields[SPAN_NAME])
        return self.sites.get(start[2], _LOST_SITE).name


@dataclass(slots=True)
class _Open:
    """What one process left behind when its journal ended."""

    process: Process
    spans: list[Record]
    fields: dict[int, Fields]
    events: dict[int, list[Event]]
    sites: _Sites
    last: int


class _Join:
    def __init__(
        self, journals: Journals, taker: BlockTaker, running: bool, without_spans: bool
    ) -> None:
        self.journals = journals
        self.without_spans = without_spans
        self.running = running
        self.taker = _Counter(taker)
        self.builder = BlockBuilder(self.taker)
        self.left: list[_Open] = []
        self.last = 0
        self.shift = 0
        self.began = 0
        self.places: set[str] = set()

    def join(self) -> Joined:
        journals = self.journals
        if not journals.processes and "wall" not in journals.run:
            raise NothingToJoin(
                "; ".join(f"{place}: {reason}" for place, reason in journals.faults)
                or "there is no journal in it"
            )
        self._set_clock()
        for process in journals.processes:
            self.left.append(_ProcessJoin(self, process).join())
        self.last = max(self.last, integer(journals.result, "mono"))
        if self.running:
            self.last = max(self.last, time.monotonic_ns())
        open_spans = self._close_spans()
        # The state needs to know of errors, and the root's own span of the state.
        self._close_processes()
        self.builder.flush()
        state = state_of(journals, self.taker.errors)
        end = self._root_end()
        run = Run(
            run=journals.run_id,
            trace_id=self._trace_id(),
            root_span_id=text(journals.run, "root_span_id"),
            job=self._job(),
            command=self._fact_texts("command", "argv"),
            state="running" if self.running else state,
            started_ns=min(max(self.began + self.shift, 0), _LATEST),
            duration_ns=min(max(0, end - self.began), _LATEST),
        )
        self._add_root(run, end)
        self.builder.flush()
        self._describe(run, open_spans)
        return Joined(run, [self._about(process) for process in journals.processes])

    def _set_clock(self) -> None:
        """Find the one pair of clock readings from which all of the run's times follow."""
        processes = self.journals.processes
        clocks = [
            facts
            for facts in (self.journals.run, *(process.facts for process in processes))
            if number_or_none(facts, "wall") is not None
            and number_or_none(facts, "mono") is not None
        ]
        clocks.sort(key=lambda facts: integer(facts, "mono"))
        first = clocks[0] if clocks else {"wall": 0, "mono": 0}
        self.shift = integer(first, "wall") - integer(first, "mono")
        self.last = max((integer(facts, "mono") for facts in clocks), default=0)
        # The collector may have come before the job's own process, or be its child.
        begins = [integer(first, "mono")]
        for process in processes:
            if process.is_root and "mono" in process.facts:
                begins.append(integer(process.facts, "began", integer(process.facts, "mono")))
        self.began = min(begins)

    def _root_end(self) -> int:
        ended = number_or_none(self.journals.result, "mono")
        if ended is None:
            ended = number_or_none(last_exit(self.journals) or {}, "mono")
        return self.last if ended is None or self.running else ended

    def _end_of(self, left: _Open) -> int:
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
            for at in range(0, len(ends), CHUNK):
                self.convert(
                    left.process,
                    left.spans[at : at + CHUNK],
                    ends[at : at + CHUNK],
                    left.sites,
                    left.fields,
                    left.events,
                )
        found.sort(key=lambda item: item[0])
        return found

    def convert(
        self,
        process: Process,
        starts: list[Record],
        ends: list[Record],
        known: _Sites,
        updates: dict[int, Fields],
        events: dict[int, list[Event]],
    ) -> None:
        """Turn pairs of START and END records into columns, with what came for them besides."""
        _, threads, sites, seqs, parents, times, first_fields = zip(*starts)
        _, statuses, _, durations, last_fields = zip(*ends)
        base = process.prefix << 32
        own = process.span_id
        late = [updates.pop(seq, None) for seq in seqs] if updates else repeat(None)
        if not set(map(type, first_fields)) | set(map(type, last_fields)) <= _FIELDS:
            first_fields = tuple([one if type(one) is dict else None for one in first_fields])
            last_fields = tuple([one if type(one) is dict else None for one in last_fields])
        fields = [
            _merge(first, last, more) if first or more else last
            for first, last, more in zip(first_fields, last_fields, late)
        ]
        messages = {}
        if STATUS_ERROR in statuses:
            for row, status in enumerate(statuses):
                own_fields = fields[row]
                if status == STATUS_ERROR and own_fields and STATUS_MESSAGE in own_fields:
                    own_fields = dict(own_fields)
                    messages[row] = str(own_fields.pop(STATUS_MESSAGE))
                    fields[row] = own_fields
        if max(statuses) > STATUS_ERROR:
            statuses = tuple([min(status, STATUS_ERROR) for status in statuses])
        happened = {}
        if events:
            for row, seq in enumerate(seqs):
                if seq in events:
                    happened[row] = events.pop(seq)
        self.last = max(self.last, max(map(add, times, durations)))
        shift = self.shift
        numbers = known.numbers
        try:
            site_numbers = [numbers[site] for site in sites]
        except KeyError:
            lost = self.taker.site(_LOST_SITE)
            site_numbers = [numbers.get(site, lost) for site in sites]
        for row in [row for row, one in enumerate(fields) if one and SPAN_NAME in one]:
            own_fields = fields[row] = dict(fields[row] or ())
            site = known.sites.get(sites[row], _LOST_SITE)
            name = str(own_fields.pop(SPAN_NAME))
            site_numbers[row] = self.taker.site(site._replace(name=name))
        self.builder.extend(
            [base | seq for seq in seqs],
            [base | parent if parent else own for parent in parents],
            [moment + shift for moment in times],
            durations,
            site_numbers,
            statuses,
            threads,
            process.pid,
            fields,
            messages,
            happened,
        )

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
        site = self.taker.site(Site(name, "internal", SCOPE, {}))
        self.builder.extend(
            [span_id],
            [parent_id],
            [began + self.shift],
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
        run.spans = self.taker.spans
        run.errors = self.taker.errors
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

    def _facts(self) -> list[Fields]:
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


class _ProcessJoin:
    """Reads one process's journal."""

    def __init__(self, whole: _Join, process: Process) -> None:
        self.whole = whole
        self.process = process
        self.open: dict[int, Record] = {}
        self.updates: dict[int, Fields] = {}
        self.events: dict[int, list[Event]] = {}
        self.sites = _Sites()
        self.starts: list[Record] = []
        self.ends: list[Record] = []
        self.last = integer(process.facts, "mono")

    def join(self) -> _Open:
        """Read the journal to its end, handing on the spans that ended; return what did not."""
        process = self.process
        journals = self.whole.journals
        try:
            with Journal(process.path) as journal:
                if not self.whole.without_spans:
                    self._read_safely(journal)
                    self._pass_on()
                damaged = journal.torn and not self.whole.running
                if damaged and process.state != STATE_EXITED:
                    # One record may be torn where the process was killed while it wrote it.
                    damaged = holds_more(process.path, journal.end)
                if damaged:
                    journals.fault(
                        process.name,
                        f"it is damaged at byte {journal.end:,}; what came after that is lost",
                    )
        except JournalError as error:
            journals.fault(process.name, error.reason)
        except OSError as error:
            journals.fault(process.name, f"it could not be read: {error.strerror}")
        self.whole.last = max(self.whole.last, self.last)
        return _Open(
            process,
            list(self.open.values()),
            self.updates,
            self.events,
            self.sites,
            self.last,
        )

    def _read_safely(self, journal: Journal) -> None:
        try:
            self._read(journal)
        except _Refused:
            raise
        except Exception as error:
            self.whole.journals.fault(
                self.process.name,
                f"it could not be read beyond byte {journal.end:,} "
                f"({type(error).__name__}: {error})",
            )

    def _read(self, journal: Journal) -> None:
        records = journal.records()
        opened = self.open
        end_of = opened.pop
        starts = self.starts
        ends = self.ends
        updates = self.updates
        for record in records:
            kind = record[0]
            if kind == END:
                start = end_of(record[2], None)
                if start is not None:
                    starts.append(start)
                    ends.append(record)
                    if len(starts) >= CHUNK:
                        self._pass_on()
            elif kind == START:
                opened[record[3]] = record
            elif kind == ROWS:
                _, seq, rows = record
                if seq in updates:
                    updates[seq][RETURNED_ROWS] = rows
                else:
                    updates[seq] = {RETURNED_ROWS: rows}
            else:
                try:
                    self._other(kind, record)
                except (TypeError, ValueError, IndexError) as error:
                    self.whole.journals.fault(
                        self.process.name, f"a record of kind {kind} makes no sense ({error})"
                    )

    def _other(self, kind: int, record: Record) -> None:
        if kind == UPDATE:
            _, seq, fields = record
            if seq in self.updates:
                self.updates[seq].update(fields)
            else:
                self.updates[seq] = dict(fields)
        elif kind == EVENT:
            _, seq, moment, name, fields = record
            self.last = max(self.last, moment)
            event = Event(str(name), moment + self.whole.shift, dict(fields))
            self.events.setdefault(seq, []).append(event)
        elif kind == SITE:
            _, number, name, span_kind, scope, constant = record
            site = Site(str(name), span_kind, str(scope), dict(constant))
            self.sites.numbers[number] = self.whole.taker.site(site)
            self.sites.sites[number] = site
        elif kind == EXIT:
            self.process.exit = dict(record[1])
            self.last = max(self.last, integer(self.process.exit, "mono"))
        elif kind == THREAD:
            _, number, _, native, name = record
            self.process.threads.append([number, int(native), clean_text(name)])
        elif kind == FAULT:
            _, place, what = record
            places = self.whole.places
            if place not in places and len(places) < _FAULT_PLACES:
                places.add(str(place))
                self.whole.journals.faults.append((str(place), str(what)))

    def _pass_on(self) -> None:
        """Hand on the spans that ended, and what came late for those handed on before."""
        starts, ends = self.starts, self.ends
        if starts:
            self.whole.convert(self.process, starts, ends, self.sites, self.updates, self.events)
            moments = map(add, (start[5] for start in starts), (end[3] for end in ends))
            self.last = max(self.last, max(moments))
            starts.clear()
            ends.clear()
        if self.updates or self.events:
            self._pass_on_late()

    def _pass_on_late(self) -> None:
        opened = self.open
        seqs = [seq for seq in {**self.updates, **self.events} if seq and seq not in opened]
        if seqs:
            base = self.process.prefix << 32
            self.whole.taker.late(
                [
                    LateFields(
                        base | seq,
                        clean_attributes(self.updates.pop(seq, {})),
                        [clean_event(event) for event in self.events.pop(seq, [])],
                    )
                    for seq in seqs
                ]
            )


_FIELDS = frozenset((dict, type(None)))

_LOST_SITE = Site("?", "internal", "", {})


def _merge(first: Fields | None, last: Fields | None, more: Fields | None) -> Fields | None:
    merged = {**first} if first else {}
    if last:
        merged.update(last)
    if more:
        merged.update(more)
    return merged
