"""Reads one process's journal to its end, in one pass, holding no more than what is open."""

from __future__ import annotations

from dataclasses import dataclass

from autotrace.collector.gate import Refused
from autotrace.collector.journals import Journals, Process, holds_more, integer
from autotrace.collector.pairs import Fields, Pairs, Record, Sites
from autotrace.journal.format import (
    END,
    EVENT,
    EXIT,
    FAULT,
    ROWS,
    SITE,
    START,
    STATE_EXITED,
    THREAD,
    UPDATE,
)
from autotrace.journal.reader import Journal, JournalError
from autotrace.spans import Event
from autotrace.store.columns import LateFields, Site, clean_attributes, clean_event, clean_text

CHUNK = 2048
"""Spans that are turned into columns together."""

RETURNED_ROWS = "db.response.returned_rows"
"""The field that a ROWS record stands for."""


@dataclass(slots=True)
class Left:
    """What one process left open when its journal ended.

    ``spans`` are the START records without an end, ``fields`` and ``events`` what came for them by
    their numbers (0: the process itself), ``last`` the last time (monotonic) that it was heard of.
    """

    process: Process
    spans: list[Record]
    fields: dict[int, Fields]
    events: dict[int, list[Event]]
    sites: Sites
    last: int


class ProcessReader:
    """Reads the journal of one process, handing on the spans that ended.

    What cannot be read is named in the faults of ``journals``. ``running`` says that the process
    may still be writing.
    """

    def __init__(self, process: Process, journals: Journals, pairs: Pairs, running: bool) -> None:
        self.process = process
        self.journals = journals
        self.pairs = pairs
        self.running = running
        self.open: dict[int, Record] = {}
        self.updates: dict[int, Fields] = {}
        self.events: dict[int, list[Event]] = {}
        self.sites = Sites()
        self.starts: list[Record] = []
        self.ends: list[Record] = []
        self.last = integer(process.facts, "mono")

    def read(self) -> Left:
        """Read the journal to its end; return what is left open.

        Raises Refused where the spans are not taken.
        """
        process = self.process
        try:
            with Journal(process.path) as journal:
                self._read_safely(journal)
                self._pass_on()
                if self._is_damaged(journal):
                    self.journals.fault(
                        process.name,
                        f"it is damaged at byte {journal.end:,}; what came after that is lost",
                    )
        except JournalError as error:
            self.journals.fault(process.name, error.reason)
        except OSError as error:
            self.journals.fault(process.name, f"it could not be read: {error.strerror}")
        spans = list(self.open.values())
        last = max([self.last, *(start[5] for start in spans)])
        return Left(process, spans, self.updates, self.events, self.sites, last)

    def _is_damaged(self, journal: Journal) -> bool:
        if not journal.torn or self.running:
            return False
        # One record may be torn where the process was killed while it wrote it.
        return self.process.state == STATE_EXITED or holds_more(self.process.path, journal.end)

    def _read_safely(self, journal: Journal) -> None:
        try:
            self._read(journal)
        except Refused:
            raise
        except Exception as error:
            self.journals.fault(
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
                    self.journals.fault(
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
            event = Event(str(name), moment + self.pairs.shift, dict(fields))
            self.events.setdefault(seq, []).append(event)
        elif kind == SITE:
            _, number, name, span_kind, scope, constant = record
            site = Site(str(name), span_kind, str(scope), dict(constant))
            self.sites.numbers[number] = self.pairs.gate.site(site)
            self.sites.sites[number] = site
        elif kind == EXIT:
            self.process.exit = dict(record[1])
            self.last = max(self.last, integer(self.process.exit, "mono"))
        elif kind == THREAD:
            _, number, _, native, name = record
            self.process.threads.append([number, int(native), clean_text(name)])
        elif kind == FAULT:
            _, place, what = record
            self.journals.swallowed(str(place), str(what))

    def _pass_on(self) -> None:
        """Hand on the spans that ended, and what came late for those handed on before."""
        starts, ends = self.starts, self.ends
        if starts:
            ended = self.pairs.add(
                self.process, starts, ends, self.sites, self.updates, self.events
            )
            self.last = max(self.last, ended)
            starts.clear()
            ends.clear()
        if self.updates or self.events:
            self._pass_on_late()

    def _pass_on_late(self) -> None:
        opened = self.open
        seqs = [seq for seq in {**self.updates, **self.events} if seq and seq not in opened]
        if seqs:
            base = self.process.prefix << 32
            self.pairs.gate.late(
                [
                    LateFields(
                        base | seq,
                        clean_attributes(self.updates.pop(seq, {})),
                        [clean_event(event) for event in self.events.pop(seq, [])],
                    )
                    for seq in seqs
                ]
            )
