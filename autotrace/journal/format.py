"""The journal's format, version 1: the numbers that writer and reader share.

File: a header of 4,096 bytes, then segments of 1 MiB. Little endian throughout.

Header: magic (8) | u32 version | u32 pid | u64 segment size | u64 prefix of the span ids | live counters,
u64 each, at the offsets below. The rest is zero.

Record: u32 length of the whole record (0: nothing here yet) | u8 kind | u8 flags | u16 n | … | u32 crc32 of all
that precedes it. A record never spans two segments: PAD fills a segment's rest, a rest of under 12 bytes stays zero.

| kind    | n      | after it                                | tail (marshal version 2) |
| ------- | ------ | --------------------------------------- | ------------------------ |
| START   | thread | u32 site, u32 seq, u32 parent seq, i64 start | fields, or nothing |
| END     | count  | u32 seq, i64 duration                   | fields, or nothing |
| UPDATE  | 0      | u32 seq                                 | fields |
| ROWS    | 0      | u32 seq, i64 rows                       |  |
| EVENT   | 0      | u32 seq, i64 time                       | (name, fields) |
| SITE    | 0      | u32 site                                | (name, kind, scope, constant fields) |
| THREAD  | thread |                                         | (ident, native id, name) |
| PROCESS, RUN, RESULT, EXIT | 0      |                                         | a dict |
| FAULT   | 0      |                                         | (place, text) |
| PAD     | 0      |                                         |  |

ROWS says how many rows of a statement's result were fetched (`db.response.returned_rows`), after its span's end. Two
names among the fields are reserved: `autotrace.name` is the span's name instead of its site's, and
`autotrace.status_message` is the status's message.

END's flags are the status (0 unset, 1 ok, 2 error) and what `count` counts: 4 rows returned, 8 rows affected, neither:
nothing. ``seq`` numbers the spans of a process from 1; 0 is the process itself. A span's id is ``prefix << 32 | seq``.
Times are CLOCK_MONOTONIC in nanoseconds: it is the same for all processes of a machine and never stepped; PROCESS and
RUN carry ``wall`` and ``mono``, read together.

`marshal` is the fastest of the built-in encodings and, in version 2, the same in every supported Python. It must
never be fed what another user could have written: the reader checks owner and mode first.
"""

from __future__ import annotations

from _struct import Struct

MAGIC = b"ATJRNL\r\n"
VERSION = 1
HEADER_BYTES = 4096
SEGMENT_BYTES = 1 << 20
MARSHAL_VERSION = 2

HEADER = Struct("<8sIIQQ")
"""Magic, version, pid, segment size in bytes, prefix of the span ids."""

DROPPED_OFFSET = 64
"""Spans that were counted and not written (the journal's limit, a full disk)."""
FAULTS_OFFSET = 72
"""Errors inside autotrace that were swallowed."""
STATE_OFFSET = 80
"""How far the process came: one of the states below."""

STATE_RUNNING = 0
STATE_EXITED = 2

START = 1
END = 2
UPDATE = 3
EVENT = 4
SITE = 5
PROCESS = 6
THREAD = 7
RUN = 8
RESULT = 9
EXIT = 10
FAULT = 11
PAD = 12
ROWS = 13

STATUS_UNSET = 0
STATUS_OK = 1
STATUS_ERROR = 2
STATUS_MASK = 3
COUNT_RETURNED = 4
COUNT_AFFECTED = 8

START_HEAD = Struct("<IBBHIIIq")
"""length, kind, flags, thread, site, seq, parent seq, start"""
END_HEAD = Struct("<IBBHIq")
"""length, kind, flags (status and what is counted), count, seq, duration"""
EVENT_HEAD = END_HEAD
"""length, kind, flags, 0, seq, time (EVENT) or number of rows (ROWS)"""
SEQ_HEAD = Struct("<IBBHI")
"""length, kind, flags, 0, seq (UPDATE) or site (SITE)"""
RECORD_HEAD = Struct("<IBBH")
"""length, kind, flags, n: every record begins so"""
CRC = Struct("<I")

START_BYTES = START_HEAD.size + CRC.size
END_BYTES = END_HEAD.size + CRC.size
SMALLEST_RECORD = RECORD_HEAD.size + CRC.size
LARGEST_RECORD = 256 << 10
"""Bytes of one record at the most; a larger one is not written but counted."""
