"""The journal as a format: what is written is read back, and what is damaged is never taken for something else."""

from __future__ import annotations

import marshal
import os
import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autotrace.journal import format as f
from autotrace.journal.reader import Journal, JournalError, read
from autotrace.journal.writer import Writer

LIMIT = 64 << 20

scalars = st.one_of(
    st.text(max_size=50),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
)
fields = st.dictionaries(st.text(max_size=30), st.one_of(scalars, st.lists(scalars, max_size=5)))
u32 = st.integers(0, 2**32 - 1)
i64 = st.integers(-(2**63), 2**63 - 1)


def start(
    writer: Writer, thread: int, site: int, seq: int, parent: int, time: int, more: Any
) -> bool:
    tail = b"" if more is None else marshal.dumps(more, f.MARSHAL_VERSION)
    return writer.append(
        f.START_HEAD.pack(f.START_BYTES + len(tail), f.START, 0, thread, site, seq, parent, time)
        + tail
    )


def end(writer: Writer, status: int, seq: int, duration: int, more: Any) -> bool:
    tail = b"" if more is None else marshal.dumps(more, f.MARSHAL_VERSION)
    return writer.append(
        f.END_HEAD.pack(f.END_BYTES + len(tail), f.END, status, 0, seq, duration) + tail
    )


records = st.one_of(
    st.tuples(st.just(f.START), st.integers(0, 65535), u32, u32, u32, i64, st.none() | fields),
    st.tuples(st.just(f.END), st.integers(0, 2), u32, i64, st.none() | fields),
    st.tuples(st.just(f.UPDATE), u32, fields),
    st.tuples(st.just(f.ROWS), u32, st.integers(0, 2**63 - 1)),
    st.tuples(st.just(f.EVENT), u32, i64, st.text(max_size=20), fields),
    st.tuples(
        st.just(f.SITE), u32, st.text(max_size=20), st.just("client"), st.text(max_size=9), fields
    ),
    st.tuples(st.just(f.PROCESS), fields),
    st.tuples(st.just(f.FAULT), st.text(max_size=20), st.text(max_size=200)),
)


def write(writer: Writer, record: tuple[Any, ...]) -> None:
    kind, *rest = record
    if kind == f.START:
        assert start(writer, *rest)
    elif kind == f.END:
        assert end(writer, *rest)
    elif kind == f.UPDATE:
        assert writer.update(*rest)
    elif kind == f.ROWS:
        assert writer.rows(*rest)
    elif kind == f.EVENT:
        assert writer.event(*rest)
    elif kind == f.SITE:
        assert writer.site(rest[0], tuple(rest[1:]))
    elif kind == f.FAULT:
        assert writer.value(f.FAULT, tuple(rest))
    else:
        assert writer.value(kind, rest[0])


@pytest.fixture
def path(tmp_path: Path) -> str:
    folder = tmp_path / "run"
    folder.mkdir(mode=0o700)
    return str(folder / "1.journal")


def close(writer: Writer) -> None:
    os.close(writer.fd)


@given(written=st.lists(records, max_size=30))
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_all_that_is_written_is_read_back(written: list[tuple[Any, ...]], path: str) -> None:
    if os.path.exists(path):
        os.unlink(path)
    writer = Writer(path, 7, LIMIT)
    for record in written:
        write(writer, record)
    close(writer)
    assert list(read(path)) == written


def sample(path: str, spans: int = 20) -> list[tuple[Any, ...]]:
    writer = Writer(path, 7, LIMIT)
    writer.site(1, ("SELECT t", "client", "sqlite3", {"db.query.text": "SELECT * FROM t"}))
    for seq in range(1, spans + 1):
        start(writer, 0, 1, seq, 0, seq * 1000, None if seq % 3 else {"n": seq})
        end(writer, 0, seq, 500, None if seq % 2 else {"rows": seq})
    close(writer)
    return list(read(path))


def test_cut_at_every_byte_all_whole_records_before_are_read(path: str) -> None:
    whole = sample(path)
    with Journal(path) as journal:
        list(journal.records())
        used = journal.end
    data = Path(path).read_bytes()[:used]
    cut = Path(path).with_name("2.journal")
    lengths = []
    for size in range(f.HEADER_BYTES, used + 1):
        cut.write_bytes(data[:size])
        cut.chmod(0o600)
        found = list(read(str(cut)))
        assert found == whole[: len(found)]
        lengths.append(len(found))
    assert lengths == sorted(lengths)
    assert lengths[0] == 0
    assert lengths[-1] == len(whole)


def test_cut_within_its_header_it_is_refused_by_name(path: str) -> None:
    sample(path)
    data = Path(path).read_bytes()
    for size in (0, 1, 7, 8, 31, 100, f.HEADER_BYTES - 1):
        Path(path).write_bytes(data[:size])
        with pytest.raises(JournalError, match="too short"):
            Journal(path)


@given(at=st.integers(0, 2000), flipped=st.integers(1, 255))
@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_flipped_byte_never_becomes_another_record(at: int, flipped: int, path: str) -> None:
    if not os.path.exists(path):
        sample(path)
    whole = list(read(path))
    data = bytearray(Path(path).read_bytes()[: f.HEADER_BYTES + 4096])
    data[f.HEADER_BYTES + at] ^= flipped
    broken = Path(path).with_name("broken.journal")
    broken.write_bytes(data)
    broken.chmod(0o600)
    found = list(read(str(broken)))
    assert found == whole[: len(found)]


@given(junk=st.binary(min_size=0, max_size=300))
@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_junk_after_the_header_is_no_record(junk: bytes, path: str) -> None:
    header = f.HEADER.pack(f.MAGIC, f.VERSION, 1, f.SEGMENT_BYTES, 7).ljust(f.HEADER_BYTES, b"\0")
    Path(path).write_bytes(header + junk)
    Path(path).chmod(0o600)
    assert list(read(path)) == []


def test_a_newer_version_is_refused_and_says_what_to_do(path: str) -> None:
    sample(path)
    with open(path, "r+b") as file:
        file.seek(8)
        file.write(struct.pack("<I", f.VERSION + 1))
    with pytest.raises(JournalError, match=f"version is {f.VERSION + 1}.*upgrade autotrace"):
        Journal(path)


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"PK\3\4" + bytes(5000), "not a journal"), (f.MAGIC + bytes(5000), "damaged")],
)
def test_another_file_is_refused(path: str, content: bytes, reason: str) -> None:
    Path(path).write_bytes(content)
    Path(path).chmod(0o600)
    with pytest.raises(JournalError, match=reason):
        Journal(path)


def test_what_others_may_write_is_not_read(path: str) -> None:
    sample(path)
    Path(path).chmod(0o620)
    with pytest.raises(JournalError, match="other users may write"):
        Journal(path)
    Path(path).chmod(0o600)
    Path(path).parent.chmod(0o777)
    with pytest.raises(JournalError, match="other users may write"):
        Journal(path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")
def test_what_another_user_owns_is_not_read(path: str) -> None:
    sample(path)
    os.chown(path, 12345, 12345)
    with pytest.raises(JournalError, match="belongs to user 12345"):
        Journal(path)


def test_links_and_pipes_are_not_followed(path: str) -> None:
    sample(path)
    link = Path(path).with_name("link.journal")
    link.symlink_to(path)
    with pytest.raises(OSError, match="symbolic links"):
        Journal(str(link))
    pipe = Path(path).with_name("pipe.journal")
    os.mkfifo(pipe, 0o600)
    with pytest.raises(JournalError, match="not a regular file"):
        Journal(str(pipe))


def test_kinds_of_a_later_day_are_passed_over(path: str) -> None:
    writer = Writer(path, 7, LIMIT)
    writer.value(200, {"from": "the future"})
    writer.value(f.EXIT, {"mono": 1})
    close(writer)
    kinds = [record[0] for record in read(path)]
    assert f.EXIT in kinds


def test_a_live_journal_is_read_on_from_where_reading_stopped(path: str) -> None:
    writer = Writer(path, 7, LIMIT)
    for seq in range(1, 40_000):
        start(writer, 0, 1, seq, 0, seq, None)
    with Journal(path) as journal:
        first = sum(1 for _ in journal.records())
        assert not journal.torn
        for seq in range(40_000, 45_000):
            start(writer, 0, 1, seq, 0, seq, None)
        second = list(journal.records(journal.end))
    close(writer)
    assert first == 39_999
    assert [record[3] for record in second] == list(range(40_000, 45_000))
