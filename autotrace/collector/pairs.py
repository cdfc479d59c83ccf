"""Starts and ends that belong together, turned into columns of finished spans."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import repeat
from operator import add
from typing import Any

from autotrace.collector.gate import Gate
from autotrace.collector.journals import Process
from autotrace.journal.format import STATUS_ERROR
from autotrace.spans import Event
from autotrace.store.columns import BlockBuilder, Site

Record = tuple[Any, ...]
"""A record as `autotrace.journal.reader` gives it."""

Fields = dict[str, Any]

STATUS_MESSAGE = "autotrace.status_message"
"""The field in which the agent writes the message of a span's status."""

SPAN_NAME = "autotrace.name"
"""The field in which the agent writes a span's name where that is not its site's."""


LOST_SITE = Site("?", "internal", "", {})
"""Stands for a site whose record was lost."""


@dataclass(slots=True)
class Sites:
    """The sites of one process by its journal's numbers, and what the taker numbers them."""

    numbers: dict[int, int] = field(default_factory=dict)
    sites: dict[int, Site] = field(default_factory=dict)

    def name_of(self, start: Record) -> str:
        """Return the name of the span that a START record begins."""
        fields = start[6]
        if type(fields) is dict and SPAN_NAME in fields:
            return str(fields[SPAN_NAME])
        return self.sites.get(start[2], LOST_SITE).name


class Pairs:
    """Turns pairs of records into blocks that go through ``gate``.

    ``shift`` is what has to be added to a monotonic time to make it nanoseconds since the epoch.
    """

    def __init__(self, gate: Gate, shift: int) -> None:
        self.gate = gate
        self.shift = shift
        self.builder = BlockBuilder(gate)

    def add(
        self,
        process: Process,
        starts: Sequence[Record],
        ends: Sequence[Record],
        known: Sites,
        updates: dict[int, Fields],
        events: dict[int, list[Event]],
    ) -> int:
        """Turn START records and the END records that belong to them into columns.

        ``known`` are the process's sites. What ``updates`` and ``events``, both by the spans'
        numbers, have for these spans is taken out of them. Returns the time (monotonic) of the last
        end.
        """
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
        shift = self.shift
        numbers = known.numbers
        try:
            site_numbers = [numbers[site] for site in sites]
        except KeyError:
            lost = self.gate.site(LOST_SITE)
            site_numbers = [numbers.get(site, lost) for site in sites]
        for row in [row for row, one in enumerate(fields) if one and SPAN_NAME in one]:
            own_fields = fields[row] = dict(fields[row] or ())
            site = known.sites.get(sites[row], LOST_SITE)
            name = str(own_fields.pop(SPAN_NAME))
            site_numbers[row] = self.gate.site(site._replace(name=name))
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
        return int(max(map(add, times, durations)))


_FIELDS = frozenset((dict, type(None)))


def _merge(first: Fields | None, last: Fields | None, more: Fields | None) -> Fields | None:
    merged = {**first} if first else {}
    if last:
        merged.update(last)
    if more:
        merged.update(more)
    return merged
