"""Reads a journal, whole or as far as it was written, also while its process still writes it."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from marshal import loads
from typing import Any
from zlib import crc32

from autotrace.journal.format import (
    COUNT_AFFECTED,
    COUNT_RETURNED,
    CRC,
    DROPPED_OFFSET,
    END,
    END_BYTES,
    END_HEAD,
    EVENT,
    FAULT,
    FAULTS_OFFSET,
    HEADER,
    HEADER_BYTES,
    LARGEST_RECORD,
    MAGIC,
    PAD,
    RECORD_HEAD,
    ROWS,
    SEGMENT_BYTES,
    SEQ_HEAD,
    SITE,
    SMALLEST_RECORD,
    START,
    START_BYTES,
    START_HEAD,
    STATE_OFFSET,
    STATUS_MASK,
    THREAD,
    UPDATE,
    VERSION,
)


class JournalError(Exception):
    """A file that is not a journal, or one that must not be read; `reason` says why and what to do."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


def check_private(path: str, status: os.stat_result) -> None:
    """Refuse what another user owns or may write: its content would be run through `marshal`.

    Raises JournalError.
    """
    if status.st_uid != os.geteuid():
        raise JournalError(
            path, f"it belongs to user {status.st_uid}; only your own journals are read"
        )
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise JournalError(path, "other users may write to it; take that right away (chmod go-w)")


class Journal:
    """One process's journal, opened for reading.

    `pid`, `prefix` (upper half of the span ids), `dropped` (spans counted and not written), `faults`
    (swallowed errors) and `state` (`STATE_…` of the format) come from the header as it stands at opening.
    After `records()` has ended, `end` is the offset at which it stopped, and `torn` says whether something
    stands there that is not a whole record.

    Raises JournalError where the file or its folder is not the user's own, is not a journal, or has a newer
    version; OSError where it can't be opened.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.end = HEADER_BYTES
        self.torn = False
        folder = os.path.dirname(path) or "."
        check_private(folder, os.lstat(folder))
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            status = os.fstat(self._fd)
            if not stat.S_ISREG(status.st_mode):
                raise JournalError(path, "it is not a regular file")
            check_private(path, status)
            self._read_header(os.pread(self._fd, HEADER_BYTES, 0))
        except BaseException:
            os.close(self._fd)
            raise

    def _read_header(self, header: bytes) -> None:
        if len(header) < HEADER_BYTES:
            raise JournalError(self.path, "it is too short for a journal; it may be deleted")
        magic, version, pid, segment, prefix = HEADER.unpack_from(header)
        if magic != MAGIC:
            raise JournalError(self.path, "it is not a journal; it may be deleted")
        if version > VERSION:
            raise JournalError(
                self.path,
                f"its version is {version}, and this autotrace reads up to {VERSION}; "
                "upgrade autotrace to read it",
            )
        if segment != SEGMENT_BYTES or version < 1:
            raise JournalError(self.path, "its header is damaged; nothing in it can be trusted")
        self.pid: int = pid
        self.prefix: int = prefix
        self.dropped = int.from_bytes(header[DROPPED_OFFSET : DROPPED_OFFSET + 8], "little")
        self.faults = int.from_bytes(header[FAULTS_OFFSET : FAULTS_OFFSET + 8], "little")
        self.state = int.from_bytes(header[STATE_OFFSET : STATE_OFFSET + 8], "little")

    def close(self) -> None:
        """Give the file back."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def records(self, offset: int = HEADER_BYTES) -> Iterator[tuple[Any, ...]]:
        """Yield each whole record from byte `offset` on (a former `end`), up to the first that is not whole.

        A record is a tuple that begins with its kind:

        - ``(START, thread, site, seq, parent seq, start, fields or None)``
        - ``(END, status, seq, duration, fields or None)``
        - ``(UPDATE, seq, fields)``
        - ``(ROWS, seq, rows)``
        - ``(EVENT, seq, time, name, fields)``
        - ``(SITE, site, name, kind, scope, constant fields)``
        - ``(THREAD, thread, ident, native id, name)``
        - ``(FAULT, place, text)``
        - ``(PROCESS | RUN | RESULT | EXIT, dict)``

        Times are monotonic nanoseconds. Kinds that this version doesn't know are passed over.
        """
        while True:
            index = (offset - HEADER_BYTES) // SEGMENT_BYTES
            begin = HEADER_BYTES + index * SEGMENT_BYTES
            data = os.pread(self._fd, SEGMENT_BYTES, begin)
            if not data:
                self.end = offset
                return
            position = offset - begin
            while True:
                stop, record = self._record(data, position)
                if record is None:
                    break
                position = stop
                self.end = begin + position
                if record:
                    yield record
            if SEGMENT_BYTES - position >= SMALLEST_RECORD:
                self.end = begin + position
                self.torn = data[position : position + 4] not in (b"\0\0\0\0", b"")
                return
            offset = begin + SEGMENT_BYTES

    @staticmethod
    def _record(
        data: bytes,
        at: int,
        # Bound here since this runs for every record of a run.
        head: Any = RECORD_HEAD.unpack_from,
        start_head: Any = START_HEAD.unpack_from,
        end_head: Any = END_HEAD.unpack_from,
        crc: Any = CRC.unpack_from,
    ) -> tuple[int, tuple[Any, ...] | None]:
        """The record at `at` and where the next begins; None where none is whole, () for one to pass over."""
        if len(data) - at < SMALLEST_RECORD:
            return at, None
        length, kind, flags, n = head(data, at)
        stop = at + length
        if length < SMALLEST_RECORD or stop > len(data):
            return at, None
        if length > LARGEST_RECORD and kind != PAD:
            return at, None
        if crc32(data[at : stop - 4]) != crc(data, stop - 4)[0]:
            return at, None
        try:
            if kind == END:
                _, _, _, _, seq, duration = end_head(data, at)
                fields = None
                if length > END_BYTES:
                    fields = loads(data[at + END_BYTES - 4 : stop - 4])
                if flags > STATUS_MASK:
                    if fields is None:
                        fields = {}
                    if flags & COUNT_RETURNED:
                        fields["db.response.returned_rows"] = n
                    elif flags & COUNT_AFFECTED:
                        fields["db.response.affected_rows"] = n
                return stop, (END, flags & STATUS_MASK, seq, duration, fields)
            if kind == START:
                _, _, _, thread, site, seq, parent, time = start_head(data, at)
                fields = None
                if length > START_BYTES:
                    fields = loads(data[at + START_BYTES - 4 : stop - 4])
                return stop, (START, thread, site, seq, parent, time, fields)
            if kind == PAD:
                return stop, ()
            if kind == ROWS:
                _, _, _, _, seq, rows = end_head(data, at)
                return stop, (ROWS, seq, rows)
            if kind == EVENT:
                _, _, _, _, seq, time = end_head(data, at)
                return stop, (EVENT, seq, time, *loads(data[at + END_BYTES - 4 : stop - 4]))
            if kind in (UPDATE, SITE):
                number = SEQ_HEAD.unpack_from(data, at)[4]
                value = loads(data[at + SEQ_HEAD.size : stop - 4])
                if kind == SITE:
                    return stop, (SITE, number, *value)
                return stop, (UPDATE, number, value)
            value = loads(data[at + RECORD_HEAD.size : stop - 4])
            if kind == THREAD:
                return stop, (THREAD, n, *value)
            if kind == FAULT:
                return stop, (FAULT, *value)
            if isinstance(value, dict):
                return stop, (kind, value)
            return stop, ()
        except (
            ValueError,
            EOFError,
            TypeError,
        ):  # a checksum that fits by chance, or a writer's fault
            return at, None


def read(path: str) -> Iterator[tuple[Any, ...]]:
    """Yield the whole records of the journal at `path` (see `Journal.records`)."""
    with Journal(path) as journal:
        yield from journal.records()
