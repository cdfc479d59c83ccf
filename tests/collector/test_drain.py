"""Draining: every run reaches every sink once, whatever happens on the way."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from autotrace.collector import drain as draining
from autotrace.collector.drain import Busy, NotTaken, drain
from autotrace.collector.join import NothingToJoin
from autotrace.collector.lock import acquire
from autotrace.collector.recover import recover
from autotrace.spans import Run
from autotrace.store import Store, StoreError
from autotrace.store.catalog import Catalog
from autotrace.store.runfile import RunFile, RunWriter
from tests.collector.live_folders import MONO, MS, RUN_ID, Live, a_simple_run
from tests.store.samples import in_child


def live_names(home: Path) -> list[str]:
    return os.listdir(home / "live")


def test_a_run_goes_from_its_journals_to_the_store(home: Path) -> None:
    live = a_simple_run(home)
    _, expected = live.joined()
    with Store(home) as store:
        run = drain(str(live.path), [store])
        assert store.runs() == [run]
        data = store.load(RUN_ID)
    assert (run.run, run.state, run.spans) == (RUN_ID, "ok", 4)
    assert data.run == run
    assert data.spans == expected
    assert live_names(home) == []


class Memory:
    """A sink that keeps what it is given, or refuses."""

    def __init__(self, name: str, refusals: int = 0) -> None:
        self.name = name
        self.refusals = refusals
        self.taken: list[tuple[Run, int]] = []

    def take(self, run: Run, file: RunFile) -> None:
        if self.refusals:
            self.refusals -= 1
            raise ConnectionError("nobody answers")
        self.taken.append((run, len(file.spans())))


def test_each_sink_takes_it_once(home: Path) -> None:
    live = a_simple_run(home)
    far, near = Memory("far", refusals=2), Memory("near")
    inodes: set[int] = set()
    with Store(home) as store:
        for _ in range(2):
            with pytest.raises(NotTaken, match="far: ConnectionError: nobody answers") as caught:
                drain(str(live.path), [store, far, near])
            assert caught.value.run.run == RUN_ID
            assert [sink for sink, _ in caught.value.reasons] == ["far"]
            # It is joined once, however often a sink refuses.
            inodes.add((live.path / draining.FINISHED).stat().st_ino)
            assert len(inodes) == 1
            # Whoever looks meanwhile finds it once, as the finished run that it is.
            assert [run.state for run in store.runs()] == ["ok"]
            assert len(store.load(RUN_ID).spans) == 4
        run = drain(str(live.path), [store, far, near])
    assert far.taken == near.taken == [(run, 4)]
    assert live_names(home) == []


def test_while_somebody_else_collects_it_is_left_alone(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = a_simple_run(home)
    sink = Memory("memory")
    with acquire(str(live.path)) as lock:  # type: ignore[union-attr]
        monkeypatch.setattr("autotrace.collector.lock._PAUSE_S", 0.001)
        monkeypatch.setattr(draining, "acquire", lambda folder: acquire(folder, 0.02))
        with pytest.raises(Busy, match=f"Run {RUN_ID} is collected by another process"):
            drain(str(live.path), [sink])
        drain(str(live.path), [sink], lock)
    assert len(sink.taken) == 1
    with pytest.raises(Busy):
        drain(str(live.path), [sink])


def test_a_short_look_by_another_does_not_turn_a_collector_away(home: Path) -> None:
    live = a_simple_run(home)
    pid = os.fork()
    if pid == 0:
        lock = acquire(str(live.path))
        (live.path / "locked").touch()
        time.sleep(0.2)
        assert lock is not None
        lock.release()
        os._exit(0)
    while not (live.path / "locked").exists():
        time.sleep(0.005)
    lock = acquire(str(live.path))
    assert lock is not None
    os.waitpid(pid, 0)


def test_who_waits_for_a_folder_that_goes_gets_nothing(home: Path) -> None:
    live = a_simple_run(home)
    got = []
    with acquire(str(live.path)):  # type: ignore[union-attr]
        waiting = threading.Thread(target=lambda: got.append(acquire(str(live.path), 10)))
        waiting.start()
        time.sleep(0.05)
        live.path.rename(live.path.with_name(".drained-1"))
    waiting.join()
    assert got == [None]


def test_a_folder_without_a_run_stays(home: Path) -> None:
    live = Live(home)
    with pytest.raises(NothingToJoin):
        drain(str(live.path), [Memory("memory")])
    assert os.listdir(live.path) == ["collector.lock"]


def test_a_folder_that_is_not_named_like_a_run_is_refused(home: Path) -> None:
    live = a_simple_run(home)
    other = live.path.with_name("My Run")
    live.path.rename(other)
    with pytest.raises(StoreError, match="is not named like a run"):
        drain(str(other), [Memory("memory")])
    assert sorted(os.listdir(other)) == ["4711.journal", "collector.lock", "run.journal"]


def test_a_full_disk_keeps_the_journals(home: Path) -> None:
    live = a_simple_run(home, statements=20_000)

    def fail() -> str:
        # Python ignores SIGXFSZ, so the limit is an error like that of a full disk, for root too.
        resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))
        with pytest.raises(OSError, match="File too large") as caught:
            drain(str(live.path), [Memory("memory")])
        return str(caught.value)

    in_child(fail)
    assert sorted(os.listdir(live.path)) == ["4711.journal", "collector.lock", "run.journal"]
    with Store(home) as store:
        assert drain(str(live.path), [store]).spans == 20_001


def test_a_joined_file_that_was_cut_is_joined_again(home: Path) -> None:
    live = a_simple_run(home)
    (live.path / draining.FINISHED).write_bytes(b"ATRUN\r\n\0half of it")
    sink = Memory("memory")
    drain(str(live.path), [sink])
    assert sink.taken[0][1] == 4


def die(*_: Any, **__: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def before(owner: object, name: str) -> Callable[[], None]:
    """Replaces a function so that its call kills the process."""

    def patch() -> None:
        setattr(owner, name, die)

    return patch


def after(owner: object, name: str) -> Callable[[], None]:
    """Replaces a function so that the process is killed when it has been done."""

    def patch() -> None:
        original = getattr(owner, name)

        def then_die(*arguments: Any, **options: Any) -> None:
            original(*arguments, **options)
            die()

        setattr(owner, name, then_die)

    return patch


def while_deleting() -> None:
    original = shutil.rmtree

    def half(path: str, **options: Any) -> None:
        os.unlink(os.path.join(path, "run.journal"))
        die()
        original(path)

    shutil.rmtree = half  # type: ignore[assignment]


@pytest.mark.parametrize(
    "moment",
    [
        pytest.param(before(RunWriter, "block"), id="before the first block"),
        pytest.param(after(RunWriter, "block"), id="after the first block"),
        pytest.param(before(RunWriter, "finish"), id="before the description"),
        pytest.param(before(os, "fsync"), id="before it is synced"),
        pytest.param(before(os, "rename"), id="before it has its name"),
        pytest.param(after(RunWriter, "finish"), id="joined"),
        pytest.param(before(os, "link"), id="before it is in the store"),
        pytest.param(after(os, "link"), id="in the store under another name"),
        pytest.param(before(Catalog, "add"), id="in the store and not in the catalog"),
        pytest.param(after(Catalog, "add"), id="in the catalog"),
        pytest.param(before(draining, "discard"), id="taken"),
        pytest.param(before(shutil, "rmtree"), id="renamed"),
        pytest.param(while_deleting, id="half deleted"),
        pytest.param(after(draining, "discard"), id="deleted"),
    ],
)
def test_killed_at_any_moment_it_is_completed_once(home: Path, moment: Callable[[], None]) -> None:
    live = a_simple_run(home)
    _, expected = live.joined()
    pid = os.fork()
    if pid == 0:
        try:
            moment()
            with Store(home) as store:
                drain(str(live.path), [store])
        finally:
            os._exit(99)
    _, status = os.waitpid(pid, 0)
    assert os.WIFSIGNALED(status), os.WEXITSTATUS(status)

    done = recover(str(home))
    assert done.messages == []
    with Store(home) as store:
        (run,) = store.runs()
        data = store.load(RUN_ID)
        assert data.spans == expected
        assert data.run == run
        assert (run.state, run.spans, data.notes) == ("ok", 4, [])
        assert store.check(thorough=True).sound
        assert store.notes == []
    assert live_names(home) == []
    assert recover(str(home)).runs == []
    (folder,) = (home / "runs").iterdir()
    assert [name for name in os.listdir(folder) if not name.startswith(".")] == [f"{RUN_ID}.run"]


def test_two_collectors_at_once_make_one_run(home: Path) -> None:
    runs = [f"00000000000{number}" for number in range(6)]
    for run in runs:
        a_simple_run(home, run)
    pids = []
    for _ in range(3):
        pid = os.fork()
        if pid == 0:
            done = recover(str(home))
            os._exit(len(done.runs) if not done.messages else 100)
        pids.append(pid)
    counts = [os.WEXITSTATUS(os.waitpid(pid, 0)[1]) for pid in pids]
    assert sum(counts) == 6, counts
    with Store(home) as store:
        assert sorted(run.run for run in store.runs()) == runs
        assert all(len(store.load(run).spans) == 4 for run in runs)
    assert live_names(home) == []


def test_a_run_drained_twice_is_kept_as_it_was(home: Path) -> None:
    live = a_simple_run(home)
    copy = home / "copy"
    shutil.copytree(live.path, copy)
    with Store(home) as store:
        first = drain(str(live.path), [store])
        copy.rename(live.path)
        again = Live.__new__(Live)
        again.path = live.path
        path = store.path_of(first)
        assert path is not None
        inode = os.stat(path).st_ino
        assert drain(str(live.path), [store]) == first
        assert os.stat(path).st_ino == inode
        assert store.runs() == [first]


def test_a_sink_sees_the_run_in_blocks(home: Path) -> None:
    live = a_simple_run(home, statements=9000)
    seen: list[int] = []

    class Blocks:
        name = "blocks"

        def take(self, run: Run, file: RunFile) -> None:
            for block in file.blocks():
                seen.append(len(block))
                assert len(block.spans(file.sites)) == len(block)

    run = drain(str(live.path), [Blocks()])
    assert sum(seen) == run.spans == 9001
    assert len(seen) > 1
    assert run.started_ns + run.duration_ns > MONO + MS
