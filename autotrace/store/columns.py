"""Spans in columns: how finished spans travel from the journals to a run file and back.

A :class:`Block` is some thousands of spans, one array for each field that every span has, and one
table of values for each set of attribute names that occurs. What is the same for all spans of one
place in the code (name, kind, scope, constant attributes) is a :class:`Site`, kept once for a run
and referred to by number. No object is made for a span until somebody wants to look at it.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from operator import attrgetter, eq
from typing import NamedTuple, Protocol, cast

from autotrace.spans import Attributes, Event, Span, SpanKind, StatusCode, Value

BLOCK_ROWS = 8192
"""How many spans a block holds before it is handed on."""

BLOCK_VALUES = 131_072
"""How many attribute values a block holds at the most, so that rich spans stay in bounds."""

STATUS_CODES: tuple[StatusCode, ...] = ("unset", "ok", "error")
ERROR = 2

KINDS: tuple[SpanKind, ...] = ("internal", "client", "server", "producer", "consumer")

_SCALARS = frozenset((str, int, float, bool))
_INT64_MAX = (1 << 63) - 1


class Site(NamedTuple):
    """What all spans of one call site share."""

    name: str
    kind: SpanKind
    scope: str
    attributes: Attributes


class LateFields(NamedTuple):
    """What became known about a span after its block had been handed on."""

    span_id: int
    attributes: Attributes
    events: list[Event]


class Table(NamedTuple):
    """The attributes of all spans of a block that have the same names, one list for each name."""

    keys: tuple[str, ...]
    columns: list[list[Value]]


class BlockTaker(Protocol):
    """Who takes finished spans as they come: a run file being written, a reader in memory."""

    def site(self, site: Site) -> int:
        """Return the number under which ``site`` is known from now on; the same for equal sites."""

    def block(self, block: Block) -> None:
        """Take a block whose site numbers came from :meth:`site`."""

    def late(self, late: Sequence[LateFields]) -> None:
        """Take what was learnt about spans of earlier blocks."""


@dataclass(slots=True)
class Block:
    """Some thousands of finished spans, row by row in the order of their end.

    Every array has one element for each span: ``ids`` and ``parents`` (u64; parent 0 is none),
    ``starts`` (i64, nanoseconds since the epoch), ``durations`` (i64, nanoseconds), ``sites``
    (u32), ``pids`` (u32), ``threads`` (u32), ``statuses`` (u8, index into STATUS_CODES) and
    ``shapes`` (u32): 0 for a span without attributes of its own, else n for the next row of
    ``tables[n - 1]``. ``messages`` and ``events`` are by row, for the few spans that have them.
    """

    ids: array[int] = field(default_factory=lambda: array("Q"))
    parents: array[int] = field(default_factory=lambda: array("Q"))
    starts: array[int] = field(default_factory=lambda: array("q"))
    durations: array[int] = field(default_factory=lambda: array("q"))
    sites: array[int] = field(default_factory=lambda: array("I"))
    pids: array[int] = field(default_factory=lambda: array("I"))
    threads: array[int] = field(default_factory=lambda: array("I"))
    statuses: array[int] = field(default_factory=lambda: array("B"))
    shapes: array[int] = field(default_factory=lambda: array("I"))
    tables: list[Table] = field(default_factory=list)
    messages: dict[int, str] = field(default_factory=dict)
    events: dict[int, list[Event]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.ids)

    def errors(self) -> int:
        """Return how many of the spans ended in an error."""
        return self.statuses.tobytes().count(ERROR)

    def own_attributes(self) -> list[Attributes | None]:
        """Return each span's attributes without those of its site, None where it has none."""
        rows = [zip(*table.columns) for table in self.tables]
        keys = [table.keys for table in self.tables]
        return [
            dict(zip(keys[shape - 1], next(rows[shape - 1]))) if shape else None
            for shape in self.shapes
        ]

    def spans(self, sites: Sequence[Site]) -> list[Span]:
        """Return the spans as objects; ``sites`` are the run's sites in the order of their numbers.

        Raises IndexError when a span refers to a site that is not there.
        """
        rows = [zip(*table.columns) for table in self.tables]
        keys = [table.keys for table in self.tables]
        spans: list[Span] = []
        append = spans.append
        codes = STATUS_CODES
        for span_id, parent, start, duration, number, pid, thread, status, shape in zip(
            hex_ids(self.ids),
            hex_ids(self.parents),
            self.starts,
            self.durations,
            self.sites,
            self.pids,
            self.threads,
            self.statuses,
            self.shapes,
        ):
            name, kind, scope, constant = sites[number]
            attributes = constant.copy()
            if shape:
                attributes.update(zip(keys[shape - 1], next(rows[shape - 1])))
            append(
                Span(
                    span_id,
                    None if parent == _NO_PARENT else parent,
                    name,
                    kind,
                    start,
                    duration,
                    codes[status],
                    "",
                    scope,
                    attributes,
                    [],
                    pid,
                    thread,
                )
            )
        for row, message in self.messages.items():
            spans[row].status_message = message
        for row, events in self.events.items():
            spans[row].events = events
        return spans


_NO_PARENT = "0" * 16


def hex_ids(ids: array[int]) -> list[str]:
    """Return 64-bit numbers as 16 hex digits each."""
    swapped = array("Q", ids)
    if _LITTLE:
        swapped.byteswap()
    text = swapped.tobytes().hex()
    return [text[at : at + 16] for at in range(0, len(text), 16)]


_LITTLE = array("H", (1,)).tobytes()[0] == 1


class BlockBuilder:
    """Gathers spans column by column and hands them on in blocks.

    ``taker`` gets each block when it is full and the last one at :meth:`flush`. Whatever is given,
    what is handed on is sound: attribute values are scalars or flat lists of scalars, text is valid
    Unicode, numbers fit their columns.
    """

    def __init__(self, taker: BlockTaker) -> None:
        self._taker = taker
        self._block = Block()
        self._shapes: dict[tuple[str, ...], int] = {}
        self._values: list[list[Value]] = []
        self._count = 0

    def extend(
        self,
        ids: Sequence[int],
        parents: Sequence[int],
        starts: Sequence[int],
        durations: Sequence[int],
        sites: Sequence[int],
        statuses: Sequence[int],
        threads: Sequence[int],
        pid: int,
        attributes: Iterable[Attributes | None],
        messages: Mapping[int, str],
        events: Mapping[int, list[Event]],
    ) -> None:
        """Add spans of process ``pid``; ``messages`` and ``events`` go by position in ``ids``."""
        block = self._block
        base = len(block)
        count = len(ids)
        _extend(block.ids, ids, 0, (1 << 64) - 1)
        _extend(block.parents, parents, 0, (1 << 64) - 1)
        _extend(block.starts, starts, -_INT64_MAX, _INT64_MAX)
        if count and min(durations) < 0:
            durations = [max(0, duration) for duration in durations]
        _extend(block.durations, durations, 0, _INT64_MAX)
        block.sites.extend(sites)
        _extend(block.pids, [pid] * count, 0, (1 << 32) - 1)
        _extend(block.threads, threads, 0, (1 << 32) - 1)
        block.statuses.extend(statuses)
        shapes = self._shapes
        values = self._values
        numbers: list[int] = []
        number_of = numbers.append
        total = 0
        for own in attributes:
            if not own:
                number_of(0)
                continue
            keys = tuple(own)
            shape = shapes.get(keys)
            if shape is None:
                shapes[keys] = shape = len(shapes) + 1
                values.append([])
            number_of(shape)
            values[shape - 1].extend(own.values())
            total += len(keys)
        block.shapes.extend(numbers)
        for row, message in messages.items():
            block.messages[base + row] = clean_text(message)
        for row, items in events.items():
            block.events[base + row] = [clean_event(event) for event in items]
        self._count += total
        if len(block) >= BLOCK_ROWS or self._count >= BLOCK_VALUES:
            self.flush()

    def flush(self) -> None:
        """Hand on what has been gathered, if anything."""
        block = self._block
        if not len(block):
            return
        tables = [
            Table(keys, [values[at :: len(keys)] for at in range(len(keys))])
            for keys, values in zip(self._shapes, self._values)
        ]
        if not all(map(_sound, tables)):
            block.tables = tables
            tables = _clean_tables(block)
        block.tables = tables
        self._block = Block()
        self._shapes = {}
        self._values = []
        self._count = 0
        self._taker.block(block)


def _extend(column: array[int], values: Sequence[int], lowest: int, highest: int) -> None:
    at = len(column)
    try:
        column.extend(values)
    except OverflowError:
        # The array may have taken a part of the values before the one that does not fit.
        del column[at:]
        column.extend([min(max(value, lowest), highest) for value in values])


def _sound(table: Table) -> bool:
    """Tell whether all names and values of ``table`` are what the format allows."""
    keys, columns = table
    if any(type(key) is not str for key in keys) or not _is_unicode(keys):
        return False
    for column in columns:
        kinds = set(map(type, column))
        if kinds == {str}:
            if not _is_unicode(cast("list[str]", column)):
                return False
        elif not kinds <= {int, float, bool}:
            for value in column:
                if type(value) is str:
                    if not _is_unicode((value,)):
                        return False
                elif type(value) is list:
                    if not _sound_list(value):
                        return False
                elif type(value) not in _SCALARS:
                    return False
        if kinds == {int}:
            # For most columns there are, this is all: it is done without a step of Python's own.
            numbers = cast("list[int]", column)
            if min(numbers) < -_INT64_MAX or max(numbers) > _INT64_MAX:
                return False
        elif int in kinds and not _fits(column):
            return False
    return True


def _sound_list(items: Sequence[object]) -> bool:
    kinds = set(map(type, items))
    if len(kinds) > 1 or not kinds <= _SCALARS:
        return False
    if str in kinds:
        return _is_unicode(cast("Sequence[str]", items))
    return int not in kinds or _fits(items)


def _fits(items: Sequence[object]) -> bool:
    return all(-_INT64_MAX <= item <= _INT64_MAX for item in items if type(item) is int)


def _is_unicode(texts: Sequence[str]) -> bool:
    """Tell whether no lone surrogate is among ``texts``: it could be neither printed nor sent."""
    try:
        "".join(texts).encode()
    except UnicodeEncodeError:
        return False
    return True


def _clean_tables(block: Block) -> list[Table]:
    """Rebuild the attributes of ``block`` one span at a time, replacing what is not sound."""
    own = block.own_attributes()
    shapes: dict[tuple[str, ...], int] = {}
    values: list[list[list[Value]]] = []
    for row, attributes in enumerate(own):
        cleaned = clean_attributes(attributes) if attributes else {}
        if not cleaned:
            block.shapes[row] = 0
            continue
        keys = tuple(cleaned)
        if keys not in shapes:
            shapes[keys] = len(shapes) + 1
            values.append([[] for _ in keys])
        block.shapes[row] = shapes[keys]
        for column, value in zip(values[shapes[keys] - 1], cleaned.values()):
            column.append(value)
    return [Table(keys, columns) for keys, columns in zip(shapes, values)]


def clean_text(text: object) -> str:
    """Return ``text`` as valid Unicode: lone surrogates become question marks."""
    if type(text) is not str:
        text = str(text)
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def clean_value(value: object) -> Value | None:
    """Return ``value`` as what an attribute may hold, or None where nothing is to be kept."""
    if value is None:
        return None
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, bool) or type(value) is float:
        return value
    if isinstance(value, int):
        return int(value) if -_INT64_MAX <= value <= _INT64_MAX else hex(value)[:1024]
    if isinstance(value, (list, tuple)):
        items = [clean_value(item) for item in value if item is not None]
        if _sound_list(items):
            return cast("list[str]", items)
        return [item if isinstance(item, str) else clean_text(repr(item)) for item in items]
    return clean_text(repr(value))[:1024]


def clean_attributes(attributes: Mapping[str, object]) -> Attributes:
    """Return ``attributes`` with text as names and only what an attribute may hold as values."""
    cleaned: Attributes = {}
    for key, value in attributes.items():
        sound = clean_value(value)
        if sound is not None:
            cleaned[clean_text(key)] = sound
    return cleaned


def clean_event(event: Event) -> Event:
    """Return ``event`` with nothing in it that the format does not allow."""
    time_ns = event.time_ns if -_INT64_MAX <= event.time_ns <= _INT64_MAX else 0
    return Event(clean_text(event.name), time_ns, clean_attributes(event.attributes))


class SpanCollector:
    """Takes blocks and keeps them as Span objects, for who reads a run while it is under way."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self._sites: list[Site] = []
        self._numbers: dict[tuple[object, ...], int] = {}
        self._late: list[LateFields] = []

    def site(self, site: Site) -> int:
        """Number a site; see :class:`BlockTaker`."""
        return number_site(site, self._sites, self._numbers)

    def block(self, block: Block) -> None:
        """Keep the block's spans; see :class:`BlockTaker`."""
        self.spans += block.spans(self._sites)

    def late(self, late: Sequence[LateFields]) -> None:
        """Remember what belongs to earlier spans; see :class:`BlockTaker`."""
        self._late += late

    def finish(self) -> list[Span]:
        """Return all spans in the order of their start, late fields merged."""
        apply_late(self.spans, self._late)
        return in_order(self.spans)


def number_site(site: Site, sites: list[Site], numbers: dict[tuple[object, ...], int]) -> int:
    """Return the number of ``site`` in ``sites``, adding it to both when it is new."""
    key = (site.name, site.kind, site.scope, *map(repr, site.attributes.items()))
    number = numbers.get(key)
    if number is None:
        numbers[key] = number = len(sites)
        kind = site.kind if site.kind in KINDS else "internal"
        sites.append(
            Site(
                clean_text(site.name),
                kind,
                clean_text(site.scope),
                clean_attributes(site.attributes),
            )
        )
    return number


def apply_late(spans: Iterable[Span], late: Iterable[LateFields]) -> None:
    """Merge into ``spans`` what became known of them later; what belongs to no span is ignored."""
    entries = list(late)
    if not entries:
        return
    wanted = {f"{entry.span_id:016x}" for entry in entries}
    by_id = {span.span_id: span for span in spans if span.span_id in wanted}
    for entry in entries:
        span = by_id.get(f"{entry.span_id:016x}")
        if span is not None:
            span.attributes.update(entry.attributes)
            span.events = span.events + entry.events


def in_order(spans: list[Span]) -> list[Span]:
    """Sort ``spans`` by start; of those that start at once the longer, then the older first."""
    spans.sort(key=attrgetter("start_ns"))
    starts = [span.start_ns for span in spans]
    if any(map(eq, starts, islice(starts, 1, None))):
        spans.sort(key=lambda span: (span.start_ns, -span.duration_ns, span.span_id))
    return spans


def add_spans(spans: Iterable[Span], taker: BlockTaker) -> tuple[int, int]:
    """Hand ``spans`` to ``taker`` in blocks; return how many there were and how many were errors.

    Raises ValueError when a span's id is not 16 hex digits.
    """
    builder = BlockBuilder(taker)
    count = errors = 0
    batch: list[Span] = []
    for span in spans:
        batch.append(span)
        if len(batch) >= BLOCK_ROWS // 4:
            count, errors = count + len(batch), errors + _add_batch(batch, builder, taker)
            batch = []
    count, errors = count + len(batch), errors + _add_batch(batch, builder, taker)
    builder.flush()
    return count, errors


def _add_batch(batch: list[Span], builder: BlockBuilder, taker: BlockTaker) -> int:
    ranks = {code: rank for rank, code in enumerate(STATUS_CODES)}
    sites: dict[tuple[str, str, str], int] = {}
    errors = 0
    by_pid: dict[int, list[Span]] = {}
    for span in batch:
        by_pid.setdefault(span.pid, []).append(span)
    for pid, group in by_pid.items():
        numbers = []
        for span in group:
            key = (span.name, span.kind, span.scope)
            if key not in sites:
                sites[key] = taker.site(Site(span.name, span.kind, span.scope, {}))
            numbers.append(sites[key])
        statuses = [ranks[span.status_code] for span in group]
        errors += statuses.count(ERROR)
        builder.extend(
            [int(span.span_id, 16) for span in group],
            [int(span.parent_id, 16) if span.parent_id else 0 for span in group],
            [span.start_ns for span in group],
            [span.duration_ns for span in group],
            numbers,
            statuses,
            [span.thread for span in group],
            pid,
            [span.attributes for span in group],
            {row: span.status_message for row, span in enumerate(group) if span.status_message},
            {row: span.events for row, span in enumerate(group) if span.events},
        )
    return errors
