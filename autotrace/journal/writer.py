"""Writes one process's journal, from inside the job: quick, never blocking, never raising.

The file is reserved segment by segment (`posix_fallocate`), so that a full disk is an error that arrives here
and never a SIGBUS in the job, and written through a shared mapping: a record is in the page cache, safe from
the process's death, as soon as one slice assignment is done.

Threads: a record's place is taken and filled without any call or backward jump in between, the only points where
CPython gives the interpreter lock to another thread or runs a signal handler. So no lock is needed, no record
is torn, and a process that is killed leaves no hole before a later record. Only growing takes a lock.

File descriptors: a program may close all of them (daemons do) and open its own under the same numbers. So the
writer's descriptor is checked by device and inode before each use. Before Python 3.13 a mapping also holds a
duplicate which it closes when it dies: mappings are therefore kept until the interpreter's last breath, after
all files of the program are flushed and closed, and the pages of finished segments are given back with `madvise`.
"""

from __future__ import annotations

import os
import sys
from _struct import Struct
from _thread import RLock
from marshal import dumps
from mmap import MAP_SHARED, PROT_READ, PROT_WRITE, mmap
from zlib import crc32

from autotrace.journal.format import (
    DROPPED_OFFSET,
    END_BYTES,
    END_HEAD,
    EVENT,
    FAULTS_OFFSET,
    HEADER,
    HEADER_BYTES,
    LARGEST_RECORD,
    MAGIC,
    MARSHAL_VERSION,
    PAD,
    RECORD_HEAD,
    ROWS,
    SEGMENT_BYTES,
    SEQ_HEAD,
    SITE,
    SMALLEST_RECORD,
    STATE_OFFSET,
    UPDATE,
    VERSION,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

FIRST_WINDOW_SEGMENTS = 16
"""Segments that the first mapping covers; each further one covers twice as many as the one before."""

LARGEST_WINDOW_SEGMENTS = 256

REFUSALS_BETWEEN_TRIES = 1024
"""After the disk or the limit refused a segment, so many records are dropped before it is asked again."""

LOW_DESCRIPTORS = 10
"""Descriptors below this number are left to the program."""

_U64 = Struct("<Q")
_MADV_DONTNEED = 4
_MADV_RANDOM = 1


def open_high(path: str, flags: int) -> int:
    """Open a file (mode 0600) under a descriptor of 10 or more, as programs count on low numbers.

    Raises OSError as `os.open` does.
    """
    fd = os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    taken = []
    try:
        while fd < LOW_DESCRIPTORS:
            taken.append(fd)
            fd = os.dup(fd)
        return fd
    finally:
        for low in taken:
            os.close(low)


class Writer:
    """One process's journal, open for writing.

    `path` must not exist yet. `prefix` (1 … 2³²-1) is the upper half of the process's span ids, `limit` the
    file's size in bytes at the most. Raises OSError if the file can't be made, reserved or mapped; after that
    nothing here raises: what can't be written is counted in `dropped`.

    `regained` is called when, after a refusal, there is room again: before the record that found it is written.

    `position`, `window` and `stop` are the hot path's own: see `append`, whose body the tracer repeats in place.
    """

    __slots__ = (
        "dropped",
        "faults",
        "fd",
        "growing",
        "head",
        "identity",
        "keep",
        "limit",
        "lock",
        "path",
        "position",
        "prefix",
        "refused",
        "regained",
        "stop",
        "window",
        "window_end",
        "window_start",
    )

    def __init__(self, path: str, prefix: int, limit: int) -> None:
        self.path = path
        self.prefix = prefix
        self.limit = limit
        self.dropped = 0
        self.faults = 0
        self.growing = False
        self.refused = 0
        self.regained: Callable[[], object] = int
        self.lock = RLock()
        self.keep: list[mmap] = []
        self.fd = open_high(path, os.O_RDWR | os.O_CREAT | os.O_EXCL)
        try:
            status = os.fstat(self.fd)
            self.identity = (status.st_dev, status.st_ino)
            self._reserve(0, HEADER_BYTES + SEGMENT_BYTES)
            self._map(0, FIRST_WINDOW_SEGMENTS)
        except BaseException:
            os.close(self.fd)
            os.unlink(path)
            raise
        if sys.version_info < (3, 13):
            _immortalise(self.keep)
        self.head = self.window
        self.position = HEADER_BYTES
        self.stop = HEADER_BYTES + SEGMENT_BYTES
        self.head[: HEADER.size] = HEADER.pack(MAGIC, VERSION, os.getpid(), SEGMENT_BYTES, prefix)

    def append(self, body: bytes) -> bool:
        """Add one record: `body` is all of it but the checksum. False if it could not be written."""
        size = len(body) + 4
        record = body + crc32(body).to_bytes(4, "little")
        while size <= LARGEST_RECORD:
            start = self.position
            end = start + size
            if end <= self.stop:
                self.position = end
                self.window[start:end] = record
                return True
            if not self._grow(size):
                break
        return False

    def value(self, kind: int, value: Any, n: int = 0) -> bool:
        """Add a record of `kind` whose tail is `value` (what marshal takes) and that has no other part."""
        tail = dumps(value, MARSHAL_VERSION)
        head = RECORD_HEAD.pack(RECORD_HEAD.size + len(tail) + 4, kind, 0, n)
        return self.append(head + tail)

    def site(self, number: int, value: tuple[str, str, str, dict[str, object]]) -> bool:
        """Add a SITE record: (name, kind, scope, constant fields) under `number`."""
        tail = dumps(value, MARSHAL_VERSION)
        return self.append(SEQ_HEAD.pack(SEQ_HEAD.size + len(tail) + 4, SITE, 0, 0, number) + tail)

    def update(self, seq: int, fields: dict[str, object]) -> bool:
        """Add an UPDATE record: fields of span `seq` that came to be known after its end."""
        tail = dumps(fields, MARSHAL_VERSION)
        return self.append(SEQ_HEAD.pack(SEQ_HEAD.size + len(tail) + 4, UPDATE, 0, 0, seq) + tail)

    def rows(self, seq: int, rows: int) -> bool:
        """Add a ROWS record: so many rows of span `seq`'s result were fetched after its end."""
        return self.append(END_HEAD.pack(END_BYTES, ROWS, 0, 0, seq, rows))

    def event(self, seq: int, time: int, name: str, fields: dict[str, object]) -> bool:
        """Add an EVENT record: something that happened at `time` (monotonic, ns) inside span `seq`."""
        tail = dumps((name, fields), MARSHAL_VERSION)
        return self.append(
            END_HEAD.pack(END_HEAD.size + len(tail) + 4, EVENT, 0, 0, seq, time) + tail
        )

    def drop(self) -> None:
        """Count one span that is not written."""
        self.dropped += 1
        self.head[DROPPED_OFFSET : DROPPED_OFFSET + 8] = _U64.pack(self.dropped)

    def fault(self) -> None:
        """Count one swallowed error."""
        self.faults += 1
        self.head[FAULTS_OFFSET : FAULTS_OFFSET + 8] = _U64.pack(self.faults)

    def state(self, state: int) -> None:
        """Note how far the process came (`STATE_…`)."""
        self.head[STATE_OFFSET : STATE_OFFSET + 8] = _U64.pack(state)

    def _grow(self, size: int) -> bool:
        """Go to the next segment, for a record of `size` bytes. False where there is none to be had."""
        with self.lock:
            if self.position + size <= self.stop:  # another thread was here first
                return True
            if self.growing:  # a signal handler, inside this very method
                return False
            self.refused -= 1
            if self.refused > 0:
                return False
            self.growing = True
            try:
                self._fill_segment()
                self._next_segment()
            except (OSError, ValueError, MemoryError):
                self.refused = REFUSALS_BETWEEN_TRIES
                return False
            finally:
                self.growing = False
            refused, self.refused = self.refused == 0, 0
            if refused:
                self.regained()
            return True

    def _fill_segment(self) -> None:
        rest = self.position
        self.position = self.stop
        size = self.stop - rest
        if size >= SMALLEST_RECORD:
            body = RECORD_HEAD.pack(size, PAD, 0, 0) + bytes(size - SMALLEST_RECORD)
            self.window[rest : self.stop] = body + crc32(body).to_bytes(4, "little")

    def _next_segment(self) -> None:
        begin = self.window_start + self.stop
        if begin + SEGMENT_BYTES > self.limit:
            raise OSError("the journal's limit is reached")
        self._check_descriptor()
        self._reserve(begin, SEGMENT_BYTES)
        if begin < self.window_end:
            self.window.madvise(_MADV_DONTNEED, self.stop - SEGMENT_BYTES, SEGMENT_BYTES)
            self.stop += SEGMENT_BYTES
            return
        self.window.madvise(_MADV_DONTNEED)
        segments = (self.window_end - self.window_start) // SEGMENT_BYTES
        self._map(begin, min(2 * segments, LARGEST_WINDOW_SEGMENTS))
        self.position = 0
        self.stop = SEGMENT_BYTES

    def _check_descriptor(self) -> None:
        try:
            status = os.fstat(self.fd)
            if (status.st_dev, status.st_ino) == self.identity:
                return
        except OSError:
            pass
        fd = open_high(self.path, os.O_RDWR)
        status = os.fstat(fd)
        if (status.st_dev, status.st_ino) != self.identity:
            os.close(fd)
            raise OSError("the journal's file was replaced")
        self.fd = fd

    def _reserve(self, start: int, size: int) -> None:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(self.fd, start, size)
            return
        # macOS has no posix_fallocate: writing zeros takes the blocks just as surely.
        block = bytes(65536)
        for offset in range(start, start + size, len(block)):
            os.pwrite(self.fd, block[: min(len(block), start + size - offset)], offset)

    def _map(self, start: int, segments: int) -> None:
        """Map that many segments from byte `start` on as the window, or as many as there is room for."""
        header = HEADER_BYTES if start == 0 else 0
        while True:
            size = header + segments * SEGMENT_BYTES
            try:
                os.ftruncate(self.fd, start + size)
                window = _map_shared(self.fd, size, start)
                # Else the first touch of a page reads ahead, megabytes of nothing: milliseconds at a job's start.
                window.madvise(_MADV_RANDOM)
                break
            except (OSError, ValueError, MemoryError):
                if segments == 1:
                    raise
                segments = max(1, segments // 4)
        self.keep.append(window)
        self.window = window
        self.window_start = start
        self.window_end = start + size


def _immortalise(windows: list[mmap]) -> None:
    # Fork handlers are among the last things that an interpreter lets go of.
    os.register_at_fork(after_in_child=lambda _windows=windows: None)


def _map_shared(fd: int, size: int, offset: int) -> mmap:
    if sys.version_info >= (3, 13):
        return mmap(fd, size, MAP_SHARED, PROT_READ | PROT_WRITE, offset=offset, trackfd=False)
    # The mapping duplicates the descriptor to the lowest free number: the low ones are taken meanwhile.
    taken = []
    try:
        low = os.dup(fd)
        while low < LOW_DESCRIPTORS:
            taken.append(low)
            low = os.dup(fd)
        taken.append(low)
        os.close(taken.pop())
        return mmap(fd, size, MAP_SHARED, PROT_READ | PROT_WRITE, offset=offset)
    finally:
        for low in taken:
            os.close(low)
