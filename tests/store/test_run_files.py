"""Run files: what goes in comes out, and what was damaged is never taken for the truth."""

from __future__ import annotations

import json
import os
import random
import stat
import zlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autotrace.spans import Event, Span
from autotrace.store import runfile
from autotrace.store.columns import BLOCK_ROWS, Block, LateFields, Site, add_spans, in_order
from autotrace.store.encoding import encode_block, encode_sites
from autotrace.store.errors import DamagedRun, NewerVersion
from autotrace.store.records import run_to_plain
from autotrace.store.runfile import RunFile, RunWriter
from tests.store.samples import a_run, by_id, some_spans, span_lists

quick = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def write(path: Path, spans: list[Span], late: list[LateFields] | None = None) -> bytes:
    with RunWriter(str(path)) as writer:
        add_spans(spans, writer)
        writer.late(late or [])
        writer.finish(a_run(), [{"pid": 4711, "threads": [[0, 4711, "MainThread"]]}])
    return path.read_bytes()


@quick
@given(spans=span_lists)
def test_spans_come_out_as_they_went_in(tmp_path: Path, spans: list[Span]) -> None:
    path = tmp_path / "a.run"
    write(path, spans)
    with RunFile(str(path)) as file:
        assert file.spans() == in_order(list(spans))
        assert file.whole
        expected = a_run(
            spans=len(spans), errors=sum(span.status_code == "error" for span in spans)
        )
        assert file.run == expected
        assert file.processes == [{"pid": 4711, "threads": [[0, 4711, "MainThread"]]}]


def test_many_spans_in_many_blocks(tmp_path: Path) -> None:
    spans = some_spans(3 * BLOCK_ROWS + 5)
    write(tmp_path / "a.run", spans)
    with RunFile(str(tmp_path / "a.run")) as file:
        assert sum(1 for _ in file.blocks()) >= 3
        assert file.spans() == spans


def test_each_block_can_be_read_by_itself(tmp_path: Path) -> None:
    spans = some_spans(3 * BLOCK_ROWS)
    write(tmp_path / "a.run", spans)
    with RunFile(str(tmp_path / "a.run")) as file:
        blocks = file.blocks()
        first = next(blocks).spans(file.sites)
        assert first == spans[: len(first)]
        assert 0 < len(first) < len(spans)


def test_rich_spans_make_smaller_blocks(tmp_path: Path) -> None:
    spans = some_spans(6000)
    for span in spans:
        span.attributes = {f"stripe.response.{number}": "x" for number in range(64)}
    write(tmp_path / "a.run", spans)
    with RunFile(str(tmp_path / "a.run")) as file:
        assert max(len(block) for block in file.blocks()) <= 4096
        assert file.spans() == spans


def test_a_plain_sql_span_takes_little_room(tmp_path: Path) -> None:
    data = write(tmp_path / "a.run", some_spans(20_000))
    assert len(data) / 20_000 < 70


def test_sites_are_kept_once(tmp_path: Path) -> None:
    with RunWriter(str(tmp_path / "a.run")) as writer:
        site = Site("SELECT t", "client", "pymysql", {"db.query.text": "SELECT 1"})
        assert writer.site(site) == writer.site(site._replace(attributes=dict(site.attributes)))
        # 1, 1.0 and True are equal to Python, and not to somebody who reads them.
        numbers = {writer.site(site._replace(attributes={"n": n})) for n in (1, 1.0, True)}
        assert len(numbers) == 3


def test_what_came_late_is_merged(tmp_path: Path) -> None:
    spans = some_spans(20)
    late = [
        LateFields(int(spans[4].span_id, 16), {"rows": 5}, []),
        LateFields(int(spans[4].span_id, 16), {"db.system.name": "mariadb"}, []),
        LateFields(int(spans[5].span_id, 16), {}, [Event("log", 8, {"message": "late"})]),
        LateFields(12345, {"of": "nobody"}, []),
    ]
    write(tmp_path / "a.run", spans, late)
    with RunFile(str(tmp_path / "a.run")) as file:
        found = file.spans()
        assert file.whole
    spans[4].attributes |= {"rows": 5, "db.system.name": "mariadb"}
    spans[5].events.append(Event("log", 8, {"message": "late"}))
    assert found == spans


class Strange:
    def __repr__(self) -> str:
        return "<\udcff strange>"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("caf\udce9", "caf?"),
        (None, None),
        (2**63 - 1, 2**63 - 1),
        (2**70, hex(2**70)),
        pytest.param(10**5000, hex(10**5000)[:1024], id="huge"),
        ((1, 2), [1, 2]),
        ([1, "a", None], ["1", "a"]),
        ([[1]], ["[1]"]),
        ({"a": 1}, "{'a': 1}"),
        (b"\xff", "b'\\xff'"),
        (Strange(), "<? strange>"),
        ([], []),
        (["\ud800"], ["?"]),
        (float("inf"), float("inf")),
    ],
)
def test_unsound_values_become_sound_ones(tmp_path: Path, value: object, expected: object) -> None:
    spans = some_spans(4)
    spans[2].attributes = {"before": 1, "odd": value, "after": "x"}  # type: ignore[dict-item]
    spans[3].attributes = {"before": 2, "odd": 5, "after": "y"}
    spans[3].events = [Event("e\ud800", 5, {"odd": value})]  # type: ignore[dict-item]
    write(tmp_path / "a.run", spans)
    kept = {} if expected is None else {"odd": expected}
    with RunFile(str(tmp_path / "a.run")) as file:
        found = file.spans()
    assert found[2].attributes == {"before": 1, **kept, "after": "x"}
    assert next(iter(found[2].attributes)) == "before"
    assert found[3].attributes == {"before": 2, "odd": 5, "after": "y"}
    assert found[3].events == [Event("e?", 5, kept)]  # type: ignore[arg-type]


def test_numbers_that_do_not_fit_are_cut(tmp_path: Path) -> None:
    spans = some_spans(3)
    spans[1].start_ns, spans[1].duration_ns, spans[2].duration_ns = 2**80, 2**80, -5
    write(tmp_path / "a.run", spans)
    with RunFile(str(tmp_path / "a.run")) as file:
        found = by_id(file.spans())
    assert found[spans[1].span_id].start_ns == found[spans[1].span_id].duration_ns == 2**63 - 1
    assert found[spans[2].span_id].duration_ns == 0
    assert found[spans[2].span_id].start_ns == spans[2].start_ns


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, list[Span], list[Span]]:
    """A run file of several blocks; its spans, and the same without what came late."""
    spans = some_spans(3 * BLOCK_ROWS)[:: BLOCK_ROWS // 40]
    blocks = [spans[:40], spans[40:80], spans[80:]]
    path = tmp_path_factory.mktemp("sample") / "a.run"
    with RunWriter(str(path)) as writer:
        for block in blocks:
            add_spans(block, writer)
        writer.late([LateFields(int(spans[3].span_id, 16), {"rows": 5}, [])])
        writer.finish(a_run(), [])
    with RunFile(str(path)) as file:
        merged = file.spans()
    assert merged != spans
    return path.read_bytes(), merged, spans


def assert_nothing_wrong(path: Path, sample: tuple[bytes, list[Span], list[Span]]) -> None:
    """Whatever can still be read is as it was written, and what cannot is spoken of."""
    _, merged, plain = sample
    whole, early = by_id(merged), by_id(plain)
    try:
        with RunFile(str(path)) as file:
            found = file.spans()
            if file.run is not None:
                assert file.run == a_run(spans=len(merged), errors=file.run.errors)
            if file.whole:
                assert found == merged
            else:
                assert file.notes
                assert str(path) in file.notes[0]
            for span in found:
                assert span in (whole[span.span_id], early[span.span_id])
    except (DamagedRun, NewerVersion) as error:
        assert str(path) in str(error)  # noqa: PT017 - either way is fine


@quick
@given(data=st.data())
def test_damage_anywhere_is_noticed(
    tmp_path: Path, sample: tuple[bytes, list[Span], list[Span]], data: st.DataObject
) -> None:
    content = bytearray(sample[0])
    at = data.draw(st.integers(0, len(content) - 1))
    for byte in data.draw(st.binary(min_size=1, max_size=40)):
        content[at % len(content)] = byte
        at += 1
    path = tmp_path / "a.run"
    path.write_bytes(content)
    assert_nothing_wrong(path, sample)


def test_every_single_bit_of_the_frame_counts(
    tmp_path: Path, sample: tuple[bytes, list[Span], list[Span]]
) -> None:
    content = sample[0]
    path = tmp_path / "a.run"
    choose = random.Random(3)
    frame = [*range(40), *range(len(content) - 40, len(content))]
    for at in frame + choose.sample(range(len(content)), 60):
        damaged = bytearray(content)
        damaged[at] ^= 1 << choose.randrange(8)
        path.write_bytes(damaged)
        try:
            with RunFile(str(path)) as file:
                file.spans()
                assert not file.whole, at
        except (DamagedRun, NewerVersion):
            pass
        assert_nothing_wrong(path, sample)


def test_a_file_that_is_cut_is_read_up_to_the_cut(
    tmp_path: Path, sample: tuple[bytes, list[Span], list[Span]]
) -> None:
    path = tmp_path / "a.run"
    most = 0
    for size in range(0, len(sample[0]), 131):
        path.write_bytes(sample[0][:size])
        assert_nothing_wrong(path, sample)
        if size > 16:
            with RunFile(str(path)) as file:
                found = len(file.spans())
                assert found >= most
                assert "cut short" in file.notes[0]
                most = found
    assert most == len(sample[1])


def test_damage_in_one_block_spares_the_others(
    tmp_path: Path, sample: tuple[bytes, list[Span], list[Span]]
) -> None:
    content = bytearray(sample[0])
    at = content.index(b"SPAN", content.index(b"SPAN") + 4) + 60
    content[at] ^= 0xFF
    path = tmp_path / "a.run"
    path.write_bytes(content)
    with RunFile(str(path)) as file:
        assert len(file.spans()) == len(sample[1]) - 40
        assert file.notes == [
            f"{path} is damaged: 40 of its spans could not be read. Restore it from a backup, or "
            "delete it."
        ]


@pytest.mark.parametrize("content", [b"", b"x", b"SQLite format 3\0" + bytes(100), bytes(5000)])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.run"
    path.write_bytes(content)
    with pytest.raises(DamagedRun, match=r"a\.run is not a run file.*Restore it from a backup"):
        RunFile(str(path))


def test_a_newer_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.run"
    content = bytearray(write(path, some_spans(5)))
    content[8] = runfile.VERSION + 1
    path.write_bytes(content)
    with pytest.raises(NewerVersion, match=r"has version 2 .* reads up to 1. Upgrade autotrace"):
        RunFile(str(path))


def forged(path: Path, sections: list[tuple[bytes, int, bytes, int | None]], meta: object) -> None:
    """A file with right checksums and whatever content somebody may have thought of."""
    content = runfile._HEADER.pack(runfile.MAGIC, 1, 0)
    index = []
    offset = 0
    for tag, rows, raw, claimed in [*sections, (b"META", 1, b"", None)]:
        if tag == b"META":
            given = dict(meta) if isinstance(meta, dict) else meta
            if isinstance(given, dict):
                given.setdefault("sections", index)
            raw = json.dumps(given).encode()
        offset = len(content)
        stored = zlib.compress(raw)
        head = runfile._SECTION.pack(
            tag, rows, len(stored), len(raw) if claimed is None else claimed
        )
        index.append((tag.decode(), offset, rows))
        content += head + zlib.crc32(stored, zlib.crc32(head)).to_bytes(4, "little") + stored
    path.write_bytes(content + runfile._TRAILER.pack(offset, runfile.END_MAGIC))


def a_block(**changes: object) -> bytes:
    block = Block()
    for name, value in (("ids", 5), ("parents", 0), ("starts", 9), ("durations", 1), ("sites", 0)):
        getattr(block, name).append(value)
    for name in ("pids", "threads", "statuses", "shapes"):
        getattr(block, name).append(0)
    for name, value in changes.items():
        getattr(block, name)[0] = value
    return encode_block(block)


SITES = encode_sites([Site("a", "client", "b", {})])
META = {"run": run_to_plain(a_run()), "processes": []}


def test_the_forger_can_also_forge_something_sound(tmp_path: Path) -> None:
    path = tmp_path / "a.run"
    forged(path, [(b"SITE", 1, SITES, None), (b"SPAN", 1, a_block(), None)], META)
    with RunFile(str(path)) as file:
        assert [span.span_id for span in file.spans()] == [f"{5:016x}"]
        assert file.whole


BLOCK_JSON = b'{"tables":[],"messages":[],"events":[]}'


@pytest.mark.parametrize(
    "section",
    [
        (b"SPAN", 1, a_block(), 1 << 29),
        (b"SPAN", 1, a_block(), 3),
        (b"SPAN", 1, b"", None),
        (b"SPAN", 1_000_000, a_block(), None),
        (b"SPAN", 1, a_block(sites=7), None),
        (b"SPAN", 1, a_block(statuses=3), None),
        (b"SPAN", 1, a_block(shapes=1), None),
        (b"SPAN", 1, a_block()[: -len(BLOCK_JSON)] + b"[]", None),
        (b"SPAN", 1, a_block()[: -len(BLOCK_JSON)] + b"[" * 100_000, None),
        (b"SPAN", 1, a_block()[: -len(BLOCK_JSON)] + b'{"tables":5}', None),
        (b"SPAN", 1, a_block().replace(b'"tables":[]', b'"tables":[[["a"],[[1]]]]'), None),
        (b"SPAN", 1, a_block().replace(b'"tables":[]', b'"tables":[[[],[]]]'), None),
        (b"SPAN", 1, a_block().replace(b'"messages":[]', b'"messages":[[9,"x"]]'), None),
        (b"SPAN", 1, a_block().replace(b'"messages":[]', b'"messages":[["x","x"]]'), None),
        (b"SPAN", 1, a_block().replace(b'"events":[]', b'"events":[[0,[[1,2,3]]]]'), None),
        (b"SPAN", 1, a_block().replace(b'"events":[]', b'"events":[[0,[["n",1,{"a":{}}]]]]'), None),
        (b"SITE", 1, b"{}", None),
        (b"SITE", 2, SITES, None),
        (b"SITE", 1, b'[["a","unheard of","b",{}]]', None),
        (b"SITE", 1, b'[["a","client","b",{"x":{}}]]', None),
        (b"SITE", 1, b'[["a","client"]]', None),
        (b"LATE", 1, b"[[1,2]]", None),
        (b"LATE", 1, b"5", None),
    ],
)
def test_forged_sections_are_left_out_with_a_note(
    tmp_path: Path, section: tuple[bytes, int, bytes, int | None]
) -> None:
    path = tmp_path / "a.run"
    sound = (b"SPAN", 1, a_block(ids=77), None)
    sections = [(b"SITE", 1, SITES, None), sound, section]
    if section[0] == b"SITE":
        sections.append((b"SPAN", 1, a_block(sites=1), None))
    forged(path, sections, META)
    with RunFile(str(path)) as file:
        assert [span.span_id for span in file.spans()] == [f"{77:016x}"]
        assert str(path) in file.notes[0]


@pytest.mark.parametrize(
    "meta",
    [
        5,
        {},
        {"run": 5, "processes": []},
        {"run": {"run": "x"}, "processes": []},
        {"run": {**META["run"], "started_ns": "soon"}, "processes": []},
        {"run": {**META["run"], "started_ns": 1 << 70}, "processes": []},
        {"run": {**META["run"], "state": "splendid"}, "processes": []},
        {"run": {**META["run"], "faults": [["a"]]}, "processes": []},
        {**META, "processes": 5},
        {**META, "sections": [["SPAN", "x", 1]]},
        {**META, "sections": [5]},
    ],
)
def test_forged_descriptions_are_not_believed(tmp_path: Path, meta: object) -> None:
    path = tmp_path / "a.run"
    forged(path, [(b"SITE", 1, SITES, None), (b"SPAN", 1, a_block(), None)], meta)
    with RunFile(str(path)) as file:
        assert len(file.spans()) == 1
        assert not file.whole


def test_sections_beyond_the_file_are_lost(tmp_path: Path) -> None:
    path = tmp_path / "a.run"
    forged(path, [], {**META, "sections": [["SPAN", 1 << 60, 3], ["SPAN", -5, 4]]})
    with RunFile(str(path)) as file:
        assert file.spans() == []
        assert "7 of its spans" in file.notes[0]


def test_nothing_is_seen_of_a_file_until_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.run"
    with RunWriter(str(path)) as writer:
        add_spans(some_spans(50), writer)
        assert not path.exists()
    assert list(tmp_path.iterdir()) == []
    write(path, some_spans(5))
    assert list(tmp_path.iterdir()) == [path]
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600


def test_it_is_on_the_disk_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.run"
    done = []

    def note(descriptor: int) -> None:
        is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        done.append(("folder" if is_folder else "file", path.exists()))

    monkeypatch.setattr(os, "fsync", note)
    write(path, some_spans(5))
    assert done == [("file", False), ("folder", True)]
