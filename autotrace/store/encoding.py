"""What the sections of a run file hold: blocks, sites and late fields as bytes, and back.

Fixed columns are stored as byte planes (all lowest bytes, then all second ones, …), since
neighbours differ in their low bytes alone and what stays the same compresses to nothing. Everything
that has structure is JSON: a run file may come from somebody else, and JSON can hold data only.
"""

from __future__ import annotations

import json
import sys
from array import array
from collections.abc import Sequence
from typing import Any, cast

from autotrace.spans import Attributes, Event
from autotrace.store.columns import KINDS, STATUS_CODES, Block, LateFields, Site, Table

COLUMNS = (
    ("ids", "Q"),
    ("parents", "Q"),
    ("starts", "q"),
    ("durations", "q"),
    ("sites", "I"),
    ("pids", "I"),
    ("threads", "I"),
    ("statuses", "B"),
    ("shapes", "I"),
)
"""The fixed columns in their order: names of Block, type codes of `array`."""

ROW_BYTES = 8 * 4 + 4 * 4 + 1

_VALUES = frozenset((str, int, float, bool, list))

_BIG_ENDIAN = sys.byteorder == "big"

_encode_json = json.JSONEncoder(
    ensure_ascii=False, check_circular=False, separators=(",", ":")
).encode


def dump(value: object) -> bytes:
    """Return ``value`` as JSON in UTF-8."""
    return _encode_json(value).encode()


def parse(data: bytes) -> Any:
    """Return what the JSON in ``data`` says; raise ValueError where it is none."""
    try:
        return json.loads(data)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def encode_block(block: Block) -> bytes:
    """Return the content of a section with the spans of ``block``."""
    parts = []
    for name, _ in COLUMNS:
        column: array[int] = getattr(block, name)
        if _BIG_ENDIAN:
            column = array(column.typecode, column)
            column.byteswap()
        data = column.tobytes()
        size = column.itemsize
        if size == 1:
            parts.append(data)
        else:
            parts += [data[plane::size] for plane in range(size)]
    parts.append(
        dump(
            {
                "tables": [[table.keys, table.columns] for table in block.tables],
                "messages": list(block.messages.items()),
                "events": [
                    [row, [_plain_event(event) for event in events]]
                    for row, events in block.events.items()
                ],
            }
        )
    )
    return b"".join(parts)


def decode_block(data: bytes, rows: int) -> Block:
    """Return the block of ``rows`` spans in ``data``; raise ValueError where it is unsound."""
    block = Block()
    at = 0
    if len(data) < rows * ROW_BYTES:
        raise ValueError("it is shorter than its columns")
    for name, code in COLUMNS:
        column: array[int] = array(code)
        size = column.itemsize
        if size == 1:
            column.frombytes(data[at : at + rows])
        else:
            raw = bytearray(rows * size)
            for plane in range(size):
                raw[plane::size] = data[at + plane * rows : at + (plane + 1) * rows]
            column.frombytes(bytes(raw))
            if _BIG_ENDIAN:
                column.byteswap()
        setattr(block, name, column)
        at += rows * size
    rest = parse(data[at:])
    try:
        block.tables = [Table(tuple(keys), columns) for keys, columns in rest["tables"]]
        block.messages = {int(row): str(text) for row, text in rest["messages"]}
        block.events = {int(row): [_event(item) for item in items] for row, items in rest["events"]}
    except (TypeError, KeyError) as error:
        raise ValueError(f"its structure is not as expected ({error})") from None
    _check(block, rows)
    return block


def _check(block: Block, rows: int) -> None:
    """Refuse what no writer of ours makes; a checksum proves only that somebody computed one."""
    used = [0] * (len(block.tables) + 1)
    try:
        for shape in block.shapes:
            used[shape] += 1
    except IndexError:
        raise ValueError("a span refers to attributes that are not there") from None
    for table, count in zip(block.tables, used[1:]):
        if (
            not table.keys
            or len(table.keys) != len(table.columns)
            or not all(type(key) is str for key in table.keys)
            or not all(type(column) is list and len(column) == count for column in table.columns)
        ):
            raise ValueError("its tables do not fit its spans")
        for column in table.columns:
            kinds = set(map(type, column))
            if not kinds <= _VALUES:
                raise ValueError("an attribute's value is neither a scalar nor a list")
    if rows and max(block.statuses) >= len(STATUS_CODES):
        raise ValueError("a span has a status that does not exist")
    if any(not 0 <= row < rows for row in (*block.messages, *block.events)):
        raise ValueError("something belongs to a span that is not there")


def encode_sites(sites: Sequence[Site]) -> bytes:
    """Return the content of a section with ``sites``."""
    return dump([[site.name, site.kind, site.scope, site.attributes] for site in sites])


def decode_sites(data: bytes) -> list[Site]:
    """Return the sites that ``data`` holds; raise ValueError where it is unsound."""
    sites = []
    for item in _items(data):
        try:
            name, kind, scope, attributes = item
        except (TypeError, ValueError):
            raise ValueError("a site's structure is not as expected") from None
        if kind not in KINDS or type(name) is not str or type(scope) is not str:
            raise ValueError("a site's structure is not as expected")
        sites.append(Site(name, kind, scope, _attributes(attributes)))
    return sites


def encode_late(late: Sequence[LateFields]) -> bytes:
    """Return the content of a section with what became known late."""
    return dump(
        [
            [entry.span_id, entry.attributes, [_plain_event(event) for event in entry.events]]
            for entry in late
        ]
    )


def decode_late(data: bytes) -> list[LateFields]:
    """Return the late fields that ``data`` holds; raise ValueError where it is unsound."""
    late = []
    for item in _items(data):
        try:
            span_id, attributes, events = item
            own = [_event(event) for event in events]
            late.append(LateFields(int(span_id), _attributes(attributes), own))
        except TypeError:
            raise ValueError("a late field's structure is not as expected") from None
    return late


def _items(data: bytes) -> list[Any]:
    items = parse(data)
    if type(items) is not list:
        raise ValueError("its structure is not as expected")
    return items


def _attributes(value: object) -> Attributes:
    if type(value) is not dict or not set(map(type, value.values())) <= _VALUES:
        raise ValueError("attributes are not as expected")
    return cast("Attributes", value)


def _plain_event(event: Event) -> list[object]:
    return [event.name, event.time_ns, event.attributes]


def _event(item: Any) -> Event:
    name, time_ns, attributes = item
    if type(name) is not str or type(time_ns) is not int:
        raise ValueError("an event's structure is not as expected")
    return Event(name, time_ns, _attributes(attributes))
