"""The collector's own record of a run, ``run.journal``: RUN at its beginning, RESULT at its end.

The same format as a process's journal, written with plain writes: two records need no mapping, and
what two collectors one after the other write stands in one file.
"""

from __future__ import annotations

import marshal
import os
from zlib import crc32

from autotrace.journal.format import (
    CRC,
    HEADER,
    HEADER_BYTES,
    MAGIC,
    MARSHAL_VERSION,
    RECORD_HEAD,
    SEGMENT_BYTES,
    VERSION,
)

RUN_JOURNAL = "run.journal"


def add(folder: str, kind: int, value: dict[str, object]) -> None:
    """Add a record (RUN or RESULT) to the run's journal, which is made where it is missing.

    To be called by who holds the run's lock. Raises OSError, and JournalError where the file that
    stands there is none of ours.
    """
    path = f"{folder}/{RUN_JOURNAL}"
    body = marshal.dumps(value, MARSHAL_VERSION)
    head = RECORD_HEAD.pack(RECORD_HEAD.size + len(body) + CRC.size, kind, 0, 0) + body
    data = head + CRC.pack(crc32(head))
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        end = _end(path)
        fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    else:
        prefix = int.from_bytes(os.urandom(4), "little") or 1
        header = HEADER.pack(MAGIC, VERSION, os.getpid(), SEGMENT_BYTES, prefix)
        data = header + bytes(HEADER_BYTES - len(header)) + data
        end = 0
    try:
        while data:
            written = os.pwrite(fd, data, end)
            end += written
            data = data[written:]
    finally:
        os.close(fd)


def has(folder: str, kind: int) -> bool:
    """Say whether the run's journal has a record of ``kind``."""
    from autotrace.journal.reader import Journal, JournalError

    try:
        with Journal(f"{folder}/{RUN_JOURNAL}") as journal:
            return any(record[0] == kind for record in journal.records())
    except (OSError, JournalError):
        return False


def _end(path: str) -> int:
    """Return where the next record belongs: behind the last whole one."""
    from autotrace.journal.reader import Journal

    with Journal(path) as journal:
        for _ in journal.records():
            pass
        return journal.end
