"""The catalog: shared by processes, made anew when damaged, and no obstacle to reading."""

from __future__ import annotations

import contextlib
import os
import random
import resource
import shutil
import sqlite3
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from autotrace.store import NewerVersion, Store, StoreError, catalog
from tests.store.samples import NOBODY, START_NS, a_run, in_child, some_spans

ROOT = Path(__file__).parents[2]


def filled(home: Path, runs: int = 3) -> list[str]:
    with Store(home) as store:
        for number in range(runs):
            store.write(a_run(f"{number:012x}", started_ns=START_NS + number), some_spans(10))
        return [run.run for run in store.runs()]


@pytest.mark.parametrize("damage", ["noise", "cut", "emptied", "zeroed", "other"])
def test_a_damaged_catalog_is_set_aside_and_made_anew(home: Path, damage: str) -> None:
    runs = filled(home)
    path = home / "catalog.db"
    content = bytearray(path.read_bytes())
    if damage == "noise":
        content = bytearray(random.Random(1).randbytes(len(content)))
    elif damage == "cut":
        del content[5000:]
    elif damage == "emptied":
        content.clear()
    elif damage == "zeroed":
        content[4096:] = bytes(len(content) - 4096)
    else:
        content = bytearray(b"This is a note to myself.\n")
    path.write_bytes(content)
    with Store(home) as store:
        assert [run.run for run in store.runs()] == runs
        assert len(store.load(runs[0]).spans) == 10
        store.write(a_run("ffffffffffff"), [])
        assert len(store.runs()) == 4
        if damage != "emptied":
            assert "set aside as" in store.notes[0]
            assert "catalog.db.corrupt-1" in store.notes[0]
            assert (home / "catalog.db.corrupt-1").read_bytes()[:20] == bytes(content)[:20]
    with Store(home) as store:
        assert len(store.runs()) == 4
        assert store.notes == []


def test_what_another_process_has_mended_already_is_not_set_aside(home: Path) -> None:
    filled(home)
    with Store(home) as store:
        assert store.catalog._set_aside()
        assert store.notes == []
    assert not list(home.glob("*.corrupt-*"))


def test_each_damaged_catalog_is_kept(home: Path) -> None:
    filled(home)
    for number in (1, 2, 3):
        (home / "catalog.db").write_bytes(b"nonsense %d" % number * 50)
        with Store(home) as store:
            assert len(store.runs()) == 3
    kept = sorted(path.name for path in home.glob("catalog.db.corrupt-?"))
    assert kept == ["catalog.db.corrupt-1", "catalog.db.corrupt-2", "catalog.db.corrupt-3"]


def test_damage_that_shows_while_it_is_open_is_mended(home: Path) -> None:
    filled(home)
    with Store(home) as store:
        assert len(store.runs()) == 3
        # Behind its back, as a failing disk would do it.
        with open(home / "catalog.db", "r+b") as file:
            file.write(os.urandom(os.path.getsize(home / "catalog.db")))
        for side in home.glob("catalog.db-*"):
            side.unlink()
        store.catalog._connection.close()
        store.catalog._connection = sqlite3.connect(
            home / "catalog.db", isolation_level=None, check_same_thread=False
        )
        assert len(store.runs()) == 3
        assert "set aside" in store.notes[0]


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TABLE runs",
        "ALTER TABLE runs DROP COLUMN host",
        "UPDATE runs SET command = 'no JSON'",
        "UPDATE runs SET state = 'splendid' WHERE run = '000000000001'",
    ],
)
def test_a_catalog_somebody_meddled_with_is_made_anew(home: Path, statement: str) -> None:
    filled(home)
    with contextlib.closing(sqlite3.connect(home / "catalog.db")) as connection:
        if "DROP COLUMN" in statement and sqlite3.sqlite_version_info < (3, 35):
            pytest.skip("this SQLite cannot drop columns")
        connection.execute(statement)
        connection.commit()
    with Store(home) as store:
        assert len(store.runs()) == 3
        assert "set aside" in store.notes[0]


def test_a_random_change_never_makes_it_unusable(home: Path) -> None:
    filled(home, 8)
    pristine = (home / "catalog.db").read_bytes()
    choose = random.Random(4)
    for _ in range(25):
        content = bytearray(pristine)
        at = choose.randrange(len(content))
        content[at : at + 8] = choose.randbytes(8)
        (home / "catalog.db").write_bytes(content)
        try:
            with Store(home) as store:
                for run in store.runs():
                    assert run.command
                store.write(a_run("ffffffffffff"), [])
        except NewerVersion:
            assert 60 - 8 <= at < 64
        for path in home.glob("catalog.db?*"):
            path.unlink()


def test_a_deleted_catalog_is_made_again(home: Path) -> None:
    runs = filled(home)
    for path in home.glob("catalog.db*"):
        path.unlink()
    with Store(home) as store:
        assert [run.run for run in store.runs()] == runs


def test_what_cannot_be_listed_again_is_named(home: Path) -> None:
    filled(home, 4)
    files = sorted((home / "runs" / "2025-11-13").iterdir())
    files[0].write_bytes(b"no run file")
    content = bytearray(files[1].read_bytes())
    content[8] = 3
    files[1].write_bytes(content)
    files[2].rename(files[2].with_name("abcdefabcdef.run"))
    (home / "catalog.db").unlink()
    with Store(home) as store:
        assert [run.run for run in store.runs()] == ["000000000003"]
        notes = "\n".join(store.notes)
        assert "is not a run file" in notes
        assert "has version 3" in notes
        assert "holds run 000000000002" in notes


def test_a_newer_catalog_is_refused_and_left_alone(home: Path) -> None:
    filled(home)
    with contextlib.closing(sqlite3.connect(home / "catalog.db")) as connection:
        connection.execute("PRAGMA user_version = 7")
    before = (home / "catalog.db").read_bytes()
    with pytest.raises(
        NewerVersion, match=r"newer autotrace \(version 7 .* reads up to 1\)\. Upgrade autotrace"
    ):
        Store(home)
    assert (home / "catalog.db").read_bytes() == before


WRITER = """
import sys
from autotrace.store import Store
from tests.store.samples import a_run, some_spans
home, first = sys.argv[1], int(sys.argv[2])
with Store(home) as store:
    for number in range(first, first + 15):
        store.write(a_run(f"{number:012x}"), some_spans(5))
        store.runs(limit=3)
    print(store.notes)
"""


def start(script: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", script, *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_processes_write_at_the_same_time(home: Path) -> None:
    writers = [start(WRITER, str(home), str(100 * number)) for number in range(3)]
    for writer in writers:
        output, _ = writer.communicate(timeout=60)
        assert (writer.returncode, output) == (0, "[]\n")
    with Store(home) as store:
        assert len(store.runs()) == 45
        assert store.check(thorough=True).sound


def test_processes_find_it_damaged_at_the_same_time(home: Path) -> None:
    filled(home)
    (home / "catalog.db").write_bytes(b"garbage" * 1000)
    writers = [start(WRITER, str(home), str(100 + 100 * number)) for number in range(3)]
    for writer in writers:
        output, _ = writer.communicate(timeout=60)
        assert writer.returncode == 0, output
    with Store(home) as store:
        assert len(store.runs()) == 48
    assert len(list(home.glob("catalog.db.corrupt-*"))) == 1


def test_what_was_added_while_another_process_made_it_anew_is_not_lost(home: Path) -> None:
    filled(home)
    with Store(home) as store:
        with Store(home) as other:
            (home / "catalog.db").rename(home / "elsewhere")
            other.catalog._reopen()
        store.write(a_run("ffffffffffff"), [])
        assert store.find("ff").run == "ffffffffffff"
    with Store(home) as store:
        assert len(store.runs()) == 4


def test_a_catalog_that_stays_locked_is_told_of(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(home)
    monkeypatch.setattr(catalog, "BUSY_SECONDS", 0.1)
    with Store(home) as store, contextlib.closing(sqlite3.connect(home / "catalog.db")) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert len(store.runs()) == 3
        with pytest.raises(StoreError, match=r"in use by another process .* Try again"):
            store.write(a_run("ffffffffffff"), [])
        other.rollback()
        store.write(a_run("ffffffffffff"), [])
        assert len(store.runs()) == 4


@pytest.fixture
def readable() -> Iterator[Path]:
    """A filled home, where all can reach it, that is to become readable only."""
    folder = Path(tempfile.mkdtemp())
    home = folder / "home"
    try:
        filled(home)
        folder.chmod(0o755)
        yield home
    finally:
        for path in [folder, *folder.rglob("*")]:
            if path.is_dir():
                path.chmod(0o755)
        shutil.rmtree(folder)


def take_rights_away(home: Path) -> None:
    for path in [*home.rglob("*"), home]:
        path.chmod(0o555 if path.is_dir() else 0o444)


def read_all(home: Path) -> tuple[list[str], int, list[str], str, str]:
    with Store(home) as store:
        refused = ""
        try:
            store.write(a_run("ffffffffffff"), [])
        except StoreError as error:
            refused = str(error)
        runs = [run.run for run in store.runs()]
        return runs, len(store.load(runs[0]).spans), store.notes, store.why_readonly, refused


@pytest.mark.parametrize("how", ["tidy", "in use", "copied", "damaged", "no catalog"])
def test_a_home_without_write_permission_can_be_read(readable: Path, how: str) -> None:
    home = readable
    runs = ["000000000002", "000000000001", "000000000000"]
    keep = None
    if how in ("in use", "copied"):
        keep = Store(home)
        keep.write(a_run("000000000003", started_ns=START_NS + 3), some_spans(10))
        runs.insert(0, "000000000003")
        assert (home / "catalog.db-wal").stat().st_size
        if how == "copied":
            # The last rows are in the log alone, and the index of the log was not copied.
            copied = home.parent / "copied"
            shutil.copytree(home, copied, ignore=shutil.ignore_patterns("*-shm"))
            home = copied
    elif how == "damaged":
        (home / "catalog.db").write_bytes(b"nonsense" * 600)
    elif how == "no catalog":
        (home / "catalog.db").unlink()
    take_rights_away(home)
    found, spans, _, why, refused = in_child(lambda: read_all(home), user=NOBODY)
    assert found == runs
    assert spans == 10
    assert "AUTOTRACE_HOME" in why
    assert refused == why
    assert not list(home.glob("*.corrupt-*"))
    if keep is not None:
        keep.close()


def test_a_home_that_cannot_be_made_is_empty(readable: Path) -> None:
    take_rights_away(readable)

    def look() -> tuple[int, str, str]:
        with Store(readable / "deeper" / "home") as store:
            with pytest.raises(StoreError) as caught:
                store.write(a_run(), [])
            return len(store.runs()), store.why_readonly, str(caught.value)

    count, why, refused = in_child(look, user=NOBODY)
    assert count == 0
    assert why.startswith(f"Nothing can be written below {readable}/deeper/home")
    assert refused == why


def test_a_folder_that_lost_its_rights_is_told_of(readable: Path) -> None:
    # Everything is writable but the folder of run files.
    for path in readable.rglob("*"):
        path.chmod(0o777 if path.is_dir() else 0o666)
    readable.chmod(0o777)
    (readable / "runs" / "2025-11-13").chmod(0o555)

    def write() -> str:
        with Store(readable) as store, pytest.raises(StoreError) as caught:
            store.write(a_run("ffffffffffff"), [])
        return str(caught.value)

    text = in_child(write, user=NOBODY)
    assert "Run ffffffffffff could not be kept" in text
    assert "Permission denied" in text


def test_a_full_disk_leaves_nothing_half_done(home: Path) -> None:
    filled(home)

    def write() -> str:
        # Python ignores SIGXFSZ, so the limit is an error like that of a full disk, for root too.
        resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, 150_000))
        with Store(home) as store, pytest.raises(StoreError) as caught:
            store.write(a_run("ffffffffffff"), some_spans(60_000))
        return str(caught.value)

    text = in_child(write)
    assert "Run ffffffffffff could not be kept" in text
    assert "Make room or change the permissions" in text
    with Store(home) as store:
        assert len(store.runs()) == 3
        assert store.check().sound
    assert not list(home.rglob(".*.tmp"))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 400 KiB, where it may be mounted."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=400k,mode=700", "none", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_disk_that_is_really_full(small_disk: Path) -> None:
    home = small_disk / "home"
    filled(home)
    with Store(home) as store:
        with pytest.raises(StoreError, match="No space left on device"):
            store.write(a_run("ffffffffffff"), some_spans(60_000))
        assert len(store.runs()) == 3
    # With not a byte to spare even the catalog cannot take a row, and says so.
    (small_disk / "ballast").write_bytes(b"")
    with open(small_disk / "ballast", "ab", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(1024))
    with Store(home) as store:
        assert len(store.runs()) == 3
        with pytest.raises(StoreError, match=r"full|No space"):
            store.write(a_run("ffffffffffff"), [])
        assert len(store.load("000000000001").spans) == 10
    (small_disk / "ballast").unlink()
    with Store(home) as store:
        store.write(a_run("ffffffffffff"), [])
        assert len(store.runs()) == 4


def test_the_catalog_is_shared_in_write_ahead_mode(home: Path) -> None:
    filled(home)
    with contextlib.closing(sqlite3.connect(home / "catalog.db")) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)
    assert stat.S_IMODE((home / "catalog.db").stat().st_mode) == 0o600
