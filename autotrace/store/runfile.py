r"""A run file: one finished run, compressed in blocks that can be read one by one; immutable.

Format 1, little endian:

    magic `ATRUN\r\n\0` (8) | u32 version | u32 0
    sections: tag (4) | u32 rows | u32 stored bytes | u32 raw bytes | u32 crc32 | bytes (zlib)
    u64 offset of the META section | magic `ATRUNEND` (8)

The checksum covers the section's head before it and its stored bytes. Sections:

    SITE  sites, numbered from 0 throughout the file; they come before a block that uses them
    SPAN  one block of spans (see autotrace.store.encoding)
    LATE  attributes and events that became known after their spans' block had been written
    META  the last: the run, its processes, and tag, offset and rows of every other section

A file that is cut short can be read up to the cut, one that is damaged somewhere but for the
damaged sections; a reader says so, and never returns what a checksum does not vouch for.
"""

from __future__ import annotations

import contextlib
import os
import struct
import zlib
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

from autotrace.spans import Run, Span
from autotrace.store.columns import (
    Block,
    LateFields,
    Site,
    apply_late,
    in_order,
    number_site,
)
from autotrace.store.encoding import (
    decode_block,
    decode_late,
    decode_sites,
    dump,
    encode_block,
    encode_late,
    encode_sites,
    parse,
)
from autotrace.store.errors import DamagedRun, NewerVersion, StoreError
from autotrace.store.layout import ASIDE_SUFFIX, sync_folder
from autotrace.store.records import run_from_plain, run_to_plain

MAGIC = b"ATRUN\r\n\0"
END_MAGIC = b"ATRUNEND"
VERSION = 1

SITE = b"SITE"
SPAN = b"SPAN"
LATE = b"LATE"
META = b"META"

_HEADER = struct.Struct("<8sII")
_SECTION = struct.Struct("<4sIII")
_CRC = struct.Struct("<I")
_TRAILER = struct.Struct("<Q8s")
_HEAD_BYTES = _SECTION.size + _CRC.size

LARGEST_SECTION = 1 << 30
"""Raw bytes of one section at the most: a file from elsewhere must not claim all memory."""

_LEVEL = 1

_WHAT_TO_DO = "Restore it from a backup, or delete it."


class RunWriter:
    """Writes a run file aside and gives it its name once it is whole; takes blocks as they come.

    ``path`` is where the file is to be. Used as a context manager it leaves nothing behind unless
    :meth:`finish` was reached. Raises OSError where the disk does not take it.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        folder, name = os.path.split(path)
        self._aside = os.path.join(folder, f".{name}.{os.getpid()}{ASIDE_SUFFIX}")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._aside)
        descriptor = os.open(
            self._aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600
        )
        self._file: BinaryIO | None = os.fdopen(descriptor, "wb", buffering=1 << 18)
        self._offset = 0
        self._sections: list[tuple[str, int, int]] = []
        self._sites: list[Site] = []
        self._sites_written = 0
        self._numbers: dict[tuple[object, ...], int] = {}
        self.spans = 0
        self.errors = 0
        self._write(_HEADER.pack(MAGIC, VERSION, 0))

    def __enter__(self) -> RunWriter:
        return self

    def __exit__(self, *exc: object) -> None:
        self.abort()

    def site(self, site: Site) -> int:
        """Number a site; see :class:`autotrace.store.columns.BlockTaker`."""
        return number_site(site, self._sites, self._numbers)

    def block(self, block: Block) -> None:
        """Write a block of spans."""
        if self._sites_written < len(self._sites):
            new = self._sites[self._sites_written :]
            self._section(SITE, len(new), encode_sites(new))
            self._sites_written = len(self._sites)
        self._section(SPAN, len(block), encode_block(block))
        self.spans += len(block)
        self.errors += block.errors()

    def late(self, late: Sequence[LateFields]) -> None:
        """Write what became known about spans of earlier blocks."""
        if late:
            self._section(LATE, len(late), encode_late(late))

    def finish(self, run: Run, processes: Sequence[dict[str, Any]] = ()) -> int:
        """Write the run itself, make all of it durable, and give the file its name.

        ``run.spans`` and ``run.errors`` are set to what was written. ``processes`` says about each
        of the run's processes what no span holds (pid, prefix of its span ids, threads). Returns
        the file's size in bytes. Raises OSError.
        """
        file = self._opened()
        run.spans = self.spans
        run.errors = self.errors
        at = self._offset
        meta = {
            "run": run_to_plain(run),
            "processes": list(processes),
            "sections": self._sections,
        }
        self._section(META, 1, dump(meta))
        self._write(_TRAILER.pack(at, END_MAGIC))
        file.flush()
        os.fsync(file.fileno())
        file.close()
        self._file = None
        try:
            os.rename(self._aside, self.path)
        except OSError:
            with contextlib.suppress(OSError):
                os.unlink(self._aside)
            raise
        sync_folder(os.path.dirname(self.path))
        return self._offset

    def abort(self) -> None:
        """Throw away what was written so far; nothing to do after :meth:`finish`."""
        if self._file is not None:
            file, self._file = self._file, None
            with contextlib.suppress(OSError):
                file.close()
            with contextlib.suppress(OSError):
                os.unlink(self._aside)

    def _opened(self) -> BinaryIO:
        if self._file is None:
            raise ValueError("the run file has been finished or given up")
        return self._file

    def _section(self, tag: bytes, rows: int, raw: bytes) -> None:
        if len(raw) > LARGEST_SECTION:
            raise StoreError(
                f"{self.path}: {len(raw)} bytes in one section are more than the format allows"
            )
        stored = zlib.compress(raw, _LEVEL)
        head = _SECTION.pack(tag, rows, len(stored), len(raw))
        if tag != META:
            self._sections.append((tag.decode(), self._offset, rows))
        self._write(head + _CRC.pack(zlib.crc32(stored, zlib.crc32(head))) + stored)

    def _write(self, data: bytes) -> None:
        self._opened().write(data)
        self._offset += len(data)


class RunFile:
    """A run file opened for reading.

    ``run`` and ``processes`` are what its last section says; ``run`` is None where that was lost.
    ``notes`` says what could not be read, in sentences for a person; it grows while blocks are
    read. A context manager. Raises DamagedRun where it is no run file at all, NewerVersion,
    OSError.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.run: Run | None = None
        self.processes: list[dict[str, Any]] = []
        self.notes: list[str] = []
        self.sites: list[Site] = []
        self._lost = 0
        self._file = open(path, "rb")  # noqa: SIM115 - closed by close(), on failure below
        try:
            self.size = os.fstat(self._file.fileno()).st_size
            self._read_header()
            self._sections = self._read_meta()
            if self._sections is None:
                self.run = None
                self._sections = self._scan()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> RunFile:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the file back."""
        self._file.close()

    @property
    def whole(self) -> bool:
        """Whether nothing was found to be missing, as far as the file has been read."""
        return self.run is not None and not self.notes

    def blocks(self) -> Iterator[Block]:
        """Yield the blocks of spans in the order in which they were written.

        ``sites`` holds at each block all sites that it refers to. A section that is damaged is left
        out, and ``notes`` says so.
        """
        self.sites = []
        self._lost = 0
        missing = False
        for tag, offset, rows in self._sections or ():
            if tag == SITE:
                try:
                    self.sites += self._sites(offset, rows)
                except ValueError:
                    # Their numbers stay taken, so that those after them keep theirs.
                    self.sites += [_LOST_SITE] * rows
                    missing = True
            elif tag == SPAN:
                try:
                    block = decode_block(self._section(offset, SPAN, rows), rows)
                    if rows and max(block.sites) >= len(self.sites):
                        raise ValueError("a span refers to a site that is not there")
                    if missing and any(self.sites[site] is _LOST_SITE for site in block.sites):
                        raise ValueError("a span's site was lost")
                except ValueError:
                    self._lost += rows
                    continue
                yield block
        if self._lost:
            self.notes.append(
                f"{self.path} is damaged: {self._lost:,} of its spans could not be read. "
                f"{_WHAT_TO_DO}"
            )

    def late(self) -> list[LateFields]:
        """Return what became known about spans after their block had been written."""
        late: list[LateFields] = []
        for tag, offset, rows in self._sections or ():
            if tag == LATE:
                try:
                    late += decode_late(self._section(offset, LATE, rows))
                except ValueError:
                    self.notes.append(
                        f"{self.path} is damaged: some fields of up to {rows:,} spans could not "
                        "be read."
                    )
        return late

    def spans(self) -> list[Span]:
        """Return all spans in the order of their start, late fields merged."""
        spans: list[Span] = []
        for block in self.blocks():
            spans += block.spans(self.sites)
        apply_late(spans, self.late())
        return in_order(spans)

    def _sites(self, offset: int, rows: int) -> list[Site]:
        sites = decode_sites(self._section(offset, SITE, rows))
        if len(sites) != rows:
            raise ValueError("it holds another number of sites than it says")
        return sites

    def _read_header(self) -> None:
        header = self._file.read(_HEADER.size)
        if len(header) < _HEADER.size or header[:8] != MAGIC:
            raise DamagedRun(
                f"{self.path} is not a run file, or its beginning is damaged. {_WHAT_TO_DO}"
            )
        _, version, reserved = _HEADER.unpack(header)
        if version > VERSION:
            raise NewerVersion(
                f"{self.path} has version {version} of the format, and this autotrace reads up to "
                f"{VERSION}. Upgrade autotrace to read it."
            )
        if version < 1 or reserved:
            raise DamagedRun(f"The beginning of {self.path} is damaged. {_WHAT_TO_DO}")

    def _read_meta(self) -> list[tuple[bytes, int, int]] | None:
        """Read the last section; return where the others are, None where it cannot be read."""
        if self.size < _HEADER.size + _HEAD_BYTES + _TRAILER.size:
            return None
        self._file.seek(self.size - _TRAILER.size)
        offset, magic = _TRAILER.unpack(self._file.read(_TRAILER.size))
        if magic != END_MAGIC:
            return None
        try:
            meta = parse(self._section(offset, META, 1))
            self.run = run_from_plain(meta["run"])
            self.processes = [dict(process) for process in meta["processes"]]
            return [(str(tag).encode(), int(at), int(rows)) for tag, at, rows in meta["sections"]]
        except (ValueError, TypeError, KeyError):
            return None

    def _scan(self) -> list[tuple[bytes, int, int]]:
        """Find the sections one after the other, up to the first that is not whole."""
        sections = []
        at = _HEADER.size
        while True:
            try:
                tag, rows, stored = self._check(at)
            except ValueError:
                break
            if tag == META:
                with contextlib.suppress(ValueError, TypeError, KeyError):
                    self.run = run_from_plain(parse(self._section(at, META, 1))["run"])
                break
            sections.append((tag, at, rows))
            at += _HEAD_BYTES + stored
        spans = sum(rows for tag, _, rows in sections if tag == SPAN)
        self.notes.append(
            f"{self.path} is cut short or damaged at byte {at:,}: {spans:,} spans before that "
            f"could be read. {_WHAT_TO_DO}"
        )
        return sections

    def _check(self, offset: int) -> tuple[bytes, int, int]:
        """Return tag, rows and stored bytes of a section; raise ValueError if it is not whole."""
        tag, rows, stored, _ = self._stored(offset)
        return tag, rows, len(stored)

    def _stored(self, offset: int) -> tuple[bytes, int, bytes, int]:
        if not _HEADER.size <= offset <= self.size - _HEAD_BYTES:
            raise ValueError("it would lie outside of the file")
        self._file.seek(offset)
        head = self._file.read(_HEAD_BYTES)
        if len(head) < _HEAD_BYTES:
            raise ValueError("its head is cut")
        tag, rows, length, raw = _SECTION.unpack_from(head)
        if length > self.size - offset - _HEAD_BYTES or raw > LARGEST_SECTION:
            raise ValueError("it says that it is larger than it can be")
        stored = self._file.read(length)
        if len(stored) < length:
            raise ValueError("it is cut")
        if zlib.crc32(stored, zlib.crc32(head[: _SECTION.size])) != _CRC.unpack_from(head, 16)[0]:
            raise ValueError("its checksum is wrong")
        return tag, rows, stored, raw

    def _section(self, offset: int, tag: bytes, rows: int) -> bytes:
        """Return a section's raw bytes; raise ValueError where it is not the one that is said."""
        found, count, stored, raw = self._stored(offset)
        if found != tag or count != rows:
            raise ValueError("it is another section than the one that belongs here")
        unpacker = zlib.decompressobj()
        try:
            data = unpacker.decompress(stored, raw + 1)
        except zlib.error as error:
            raise ValueError(str(error)) from None
        if len(data) != raw or not unpacker.eof:
            raise ValueError("it holds another number of bytes than it says")
        return data


_LOST_SITE = Site("", "internal", "", {})
