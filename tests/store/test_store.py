"""The store: what it keeps, how runs are found again, and what it says when they are not."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from autotrace.store import (
    AmbiguousRun,
    DamagedRun,
    NewerVersion,
    RunNotFound,
    Store,
    StoreError,
)
from autotrace.store.runfile import RunFile
from tests.store.samples import DAY_NS, START_NS, a_run, some_spans


def test_a_run_is_kept_and_loaded(home: Path) -> None:
    run, spans = a_run(), some_spans(300)
    with Store(home) as store:
        path = store.write(run, spans)
        assert path == str(home / "runs" / "2025-11-13" / "7f3a9c000001.run")
        assert (run.spans, run.errors) == (300, 5)
    with Store(home) as store:
        assert store.runs() == [run]
        data = store.load("7f3a9c000001")
    assert data.run == run
    assert data.spans == spans
    assert data.notes == []


def test_everything_is_private(home: Path) -> None:
    os.umask(0o022)
    with Store(home) as store:
        store.write(a_run(), some_spans(3))
    for path in [home, *home.rglob("*")]:
        wanted = 0o700 if path.is_dir() else 0o600
        assert stat.S_IMODE(path.stat().st_mode) == wanted, path


def test_runs_come_latest_first_and_can_be_chosen(home: Path) -> None:
    with Store(home) as store:
        for number in range(6):
            run = a_run(
                f"00000000000{number}",
                started_ns=START_NS + [3, 1, 5, 0, 4, 2][number] * DAY_NS,
                job="even" if number % 2 == 0 else "odd",
                state="ok" if number < 3 else "failed",
            )
            store.write(run, [])
        assert [run.run[-1] for run in store.runs()] == ["2", "4", "0", "5", "1", "3"]
        assert [run.run[-1] for run in store.runs(limit=2)] == ["2", "4"]
        assert [run.run[-1] for run in store.runs(job="odd")] == ["5", "1", "3"]
        assert [run.run[-1] for run in store.runs(state="ok")] == ["2", "0", "1"]
        assert [run.run[-1] for run in store.runs(job="odd", state="failed", limit=1)] == ["5"]
        assert store.runs(job="none") == []
        assert store.find().run == "000000000002"


def test_runs_are_found_by_a_prefix(home: Path) -> None:
    with Store(home) as store:
        for run in ("7f3a9c000001", "7f3a9c000002", "9000000000aa"):
            store.write(a_run(run), [])
        assert store.find("9").run == "9000000000aa"
        assert store.find(" 7F3A9C000002 ").run == "7f3a9c000002"
        with pytest.raises(
            AmbiguousRun,
            match=r"More than one run begins with '7f': 7f3a9c000001 \(sync_job\), 7f3a9c000002",
        ):
            store.find("7f")
        for unknown in ("8", "g", "7f3a9c0000011", "../x", "%", "7f3a9c000001\n7"):
            with pytest.raises(RunNotFound, match="`autotrace list` shows them"):
                store.find(unknown)


def test_an_id_that_begins_another_is_found_all_the_same(home: Path) -> None:
    with Store(home) as store:
        for run in ("7f3a9c", "7f3a9c000002"):
            store.write(a_run(run), [])
        assert store.find("7f3a9c").run == "7f3a9c"


def test_an_empty_store_says_how_to_begin(home: Path) -> None:
    with Store(home) as store:
        assert store.runs() == []
        with pytest.raises(RunNotFound, match=r"autotrace-run python your_job.py"):
            store.find()
        with pytest.raises(RunNotFound):
            store.load("7f")


def test_writing_again_replaces(home: Path) -> None:
    with Store(home) as store:
        store.write(a_run(state="lost"), some_spans(5))
        store.write(a_run(state="ok"), some_spans(9))
        assert [(run.state, run.spans) for run in store.runs()] == [("ok", 9)]
        assert len(store.load("7f").spans) == 9


def test_a_run_from_elsewhere_is_taken_once(home: Path, tmp_path: Path) -> None:
    with Store(tmp_path / "other") as other:
        source = other.write(a_run(), some_spans(40))
    with Store(home) as store, RunFile(source) as file:
        assert file.run is not None
        store.take(file.run, file)
        path = store.path_of(file.run)
        assert path is not None
        before = os.stat(path)
        store.take(file.run, file)
        assert os.stat(path).st_ino == before.st_ino
        assert len(store.runs()) == 1
        assert store.load("7f").spans == some_spans(40)
    assert os.path.exists(source)
    assert os.listdir(os.path.dirname(path)) == ["7f3a9c000001.run"]


def test_a_half_written_file_is_replaced_by_the_whole_one(home: Path, tmp_path: Path) -> None:
    with Store(tmp_path / "other") as other:
        source = other.write(a_run(), some_spans(40))
    with Store(home) as store, RunFile(source) as file:
        assert file.run is not None
        target = home / "runs" / "2025-11-13" / "7f3a9c000001.run"
        target.parent.mkdir(parents=True)
        target.write_bytes(Path(source).read_bytes()[:200])
        store.take(file.run, file)
        assert store.load("7f").spans == some_spans(40)


def test_without_hard_links_the_file_is_copied(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object, **options: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    with Store(tmp_path / "other") as other:
        source = other.write(a_run(), some_spans(40))
    monkeypatch.setattr(os, "link", refuse)
    with Store(home) as store, RunFile(source) as file:
        assert file.run is not None
        store.take(file.run, file)
        assert store.load("7f").spans == some_spans(40)
    assert os.listdir(home / "runs" / "2025-11-13") == ["7f3a9c000001.run"]


@pytest.mark.parametrize("run", ["../../escape", "", "7F3A9C000001", "7f/3a9c", "x" * 12])
def test_only_ids_become_file_names(home: Path, run: str) -> None:
    with Store(home) as store, pytest.raises(StoreError, match="ids are hex digits"):
        store.write(a_run(run), [])


def test_a_file_that_is_gone_is_missed_clearly(home: Path) -> None:
    with Store(home) as store:
        os.unlink(store.write(a_run(), []))
        with pytest.raises(StoreError, match=r"its file is gone. `autotrace doctor`"):
            store.load("7f")


def test_a_file_in_another_day_is_found(home: Path) -> None:
    with Store(home) as store:
        path = Path(store.write(a_run(), some_spans(7)))
        moved = path.parents[1] / "2025-01-01"
        moved.mkdir()
        path.rename(moved / path.name)
        assert store.load("7f").spans == some_spans(7)


def test_a_damaged_file_is_read_as_far_as_possible(home: Path) -> None:
    with Store(home) as store:
        path = Path(store.write(a_run(), some_spans(30_000)))
        path.write_bytes(path.read_bytes()[:-2000])
        data = store.load("7f")
        assert data.run == a_run(spans=30_000, errors=data.run.errors)
        assert 0 < len(data.spans) < 30_000
        assert "cut short or damaged" in data.notes[0]
        path.write_bytes(b"nothing of ours")
        with pytest.raises(DamagedRun, match="Restore it from a backup, or delete it"):
            store.load("7f")


def test_a_file_of_a_newer_version_is_refused(home: Path) -> None:
    with Store(home) as store:
        path = Path(store.write(a_run(), some_spans(3)))
        content = bytearray(path.read_bytes())
        content[8] = 9
        path.write_bytes(content)
        with pytest.raises(NewerVersion, match=r"has version 9 .* Upgrade autotrace"):
            store.load("7f")
        assert [run.run for run in store.runs()] == ["7f3a9c000001"]


def test_an_absurd_start_still_has_a_place(home: Path) -> None:
    with Store(home) as store:
        store.write(a_run(started_ns=2**63 - 1), [])
        store.write(a_run("7f3a9c000002", started_ns=-5), [])
        assert len(store.runs()) == 2
        assert store.load("7f3a9c000001").run.started_ns == 2**63 - 1


def test_text_that_is_no_unicode_is_kept_readable(home: Path) -> None:
    with Store(home) as store:
        store.write(a_run(cwd="caf\udce9", command=["a\udce9"], faults=[("x\ud800", "y")]), [])
        (run,) = store.runs()
        assert (run.cwd, run.command, run.faults) == ("caf?", ["a?"], [("x?", "y")])
        assert store.load("7f").run == run


def test_threads_can_share_a_store(home: Path) -> None:
    errors = []
    with Store(home) as store:

        def work(number: int) -> None:
            try:
                store.write(a_run(f"{number:012x}"), some_spans(20))
                assert store.load(f"{number:012x}").spans == some_spans(20)
            except BaseException as error:
                errors.append(error)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert errors == []
        assert len(store.runs()) == 12


def test_a_home_that_is_no_folder_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("")
    with pytest.raises(StoreError, match=r"is not a folder.*AUTOTRACE_HOME"):
        Store(path)
