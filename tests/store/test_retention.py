"""What is deleted, what stays, and whether catalog and files still belong together."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from autotrace.store import Store, StoreError, retention
from tests.store.samples import DAY_NS, START_NS, a_run, some_spans


def fill(store: Store, days: int = 4, each: int = 3) -> list[str]:
    """``each`` runs on each of ``days`` days, the latest first."""
    runs = []
    for number in range(days * each):
        run = a_run(f"{number:012x}", started_ns=START_NS + number // each * DAY_NS + number % each)
        store.write(run, some_spans(50))
        runs.append(run.run)
    return runs[::-1]


def days(home: Path) -> list[str]:
    return sorted(os.listdir(home / "runs"))


def test_runs_before_a_time_go_and_their_days_with_them(home: Path) -> None:
    with Store(home) as store:
        runs = fill(store)
        limit = START_NS + 2 * DAY_NS
        would = store.prune(before_ns=limit, dry_run=True)
        assert len(store.runs()) == 12
        done = store.prune(before_ns=limit)
        assert done.runs == would.runs == runs[6:]
        assert done.bytes == would.bytes > 1000
        assert [run.run for run in store.runs()] == runs[:6]
        assert days(home) == ["2025-11-15", "2025-11-16"]
        assert store.check(thorough=True).sound


def test_only_so_many_runs_stay(home: Path) -> None:
    with Store(home) as store:
        runs = fill(store)
        assert store.prune(max_runs=4).runs == runs[4:]
        assert [run.run for run in store.runs()] == runs[:4]
        assert days(home) == ["2025-11-15", "2025-11-16"]
        assert sorted(os.listdir(home / "runs" / "2025-11-15")) == [f"{runs[3]}.run"]
        assert store.prune(max_runs=4).runs == []


def test_only_so_many_bytes_stay(home: Path) -> None:
    with Store(home) as store:
        runs = fill(store)
        size = os.path.getsize(store.path_of(store.find(runs[0])) or "")
        done = store.prune(max_bytes=5 * size + size // 2)
        assert done.runs == runs[5:]
        assert store.prune(max_bytes=0).runs == runs[:5]
        assert store.runs() == []
        assert days(home) == []


def test_no_run_older_than_a_deleted_one_stays(home: Path) -> None:
    with Store(home) as store:
        for number, spans in enumerate((1, 4_000, 1)):
            store.write(a_run(f"{number:012x}", started_ns=START_NS + number), some_spans(spans))
        # The newest fits, the middle one does not: the oldest would fit, but would leave a hole.
        assert store.prune(max_bytes=5_000).runs == ["000000000001", "000000000000"]


def test_all_limits_count(home: Path) -> None:
    with Store(home) as store:
        runs = fill(store)
        assert store.prune(before_ns=START_NS + DAY_NS, max_runs=10).runs == runs[9:]
        assert store.prune().runs == []


def test_runs_are_deleted_by_id(home: Path) -> None:
    with Store(home) as store:
        runs = fill(store, days=1)
        assert store.delete([runs[1], "ffffffffffff", runs[1], "../../x"]).runs == [runs[1]]
        assert [run.run for run in store.runs()] == [runs[0], runs[2]]
        assert store.delete(runs).runs == [runs[0], runs[2]]
        assert days(home) == []


def test_what_belongs_to_a_run_goes_with_it(home: Path) -> None:
    with Store(home) as store:
        runs = fill(store, days=1)
        folder = home / "runs" / "2025-11-13"
        (folder / f"{runs[0]}.payloads").write_bytes(bytes(100))
        (folder / "notes.txt").write_text("kept: nobody knows what it is")
        store.delete(runs)
        assert os.listdir(folder) == ["notes.txt"]


def test_what_dead_processes_left_goes(home: Path) -> None:
    with Store(home) as store:
        runs = fill(store, days=1)
        folder = home / "runs" / "2025-11-13"
        for name, age in (("old", 2 * retention.ASIDE_SECONDS), ("new", 5)):
            path = folder / f".{name}.run.1.tmp"
            path.write_bytes(bytes(10))
            os.utime(path, (time.time() - age,) * 2)
        (home / "runs" / ".2025-11-12.77.tmp").mkdir()
        (home / "runs" / "2025-11-11").mkdir()
        os.unlink(folder / f"{runs[1]}.run")
        done = store.prune(max_runs=100)
        assert done.runs == [runs[1]]
        assert [run.run for run in store.runs()] == [runs[0], runs[2]]
        assert sorted(os.listdir(folder)) == [".new.run.1.tmp", f"{runs[2]}.run", f"{runs[0]}.run"]
        assert days(home) == ["2025-11-13"]


def test_a_deletion_that_is_refused_is_told_of(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: str, *args: object, **options: object) -> None:
        raise PermissionError(13, "Permission denied", path)

    with Store(home) as store:
        runs = fill(store, days=1)
        monkeypatch.setattr(os, "unlink", refuse)
        with pytest.raises(StoreError, match=r"\.run could not be deleted \(Permission denied\)"):
            store.delete(runs[:1])
        assert len(store.runs()) == 3


def test_check_finds_what_does_not_belong_together(home: Path) -> None:
    with Store(home) as store:
        runs = fill(store, days=1)
        folder = home / "runs" / "2025-11-13"
        assert store.check(thorough=True).sound
        store.catalog.remove([runs[0]])
        os.unlink(folder / f"{runs[1]}.run")
        damaged = folder / f"{runs[2]}.run"
        content = bytearray(damaged.read_bytes())
        content[content.index(b"SPAN") + 50] ^= 1
        damaged.write_bytes(content)
        found = store.check()
        assert (found.unlisted, found.missing, found.damaged) == ([runs[0]], [runs[1]], [])
        found = store.check(repair=True, thorough=True)
        assert len(found.damaged) == 1
        assert "50 of its spans" in found.damaged[0]
        assert not found.sound
        assert [run.run for run in store.runs()] == [runs[0], runs[2]]
        assert store.check().sound


def test_usage_adds_up(home: Path) -> None:
    with Store(home) as store:
        assert store.usage().runs == 0
        fill(store)
        found = store.usage()
        assert (found.runs, found.running, found.left_behind) == (12, 0, [])
        assert found.run_bytes >= 12 * 4096
        assert found.catalog_bytes > 4096
        assert found.bytes == found.run_bytes + found.catalog_bytes
