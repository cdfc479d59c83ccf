"""What was left behind is completed, and what is somebody's is left alone."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from autotrace.collector import recover as recovering
from autotrace.collector.lock import acquire
from autotrace.collector.processes import stat
from autotrace.collector.recover import is_left_behind, recover
from autotrace.spans import Run
from autotrace.store import Store
from autotrace.store.runfile import RunFile
from tests.collector.live_folders import (
    MONO,
    MS,
    PID,
    RUN_ID,
    Live,
    a_simple_run,
    boot,
)
from tests.store.samples import NOBODY, a_run, in_child


def ticks(pid: int) -> int:
    found = stat(pid)
    assert found is not None
    return found.ticks


def aged(path: Path, seconds: float) -> None:
    os.utime(path, (time.time() - seconds,) * 2)


def test_where_nothing_is_nothing_is_made(home: Path) -> None:
    assert recover(str(home)) == recovering.Recovered()
    assert not home.exists()
    (home / "live").mkdir(parents=True)
    assert recover(str(home)) == recovering.Recovered()
    assert os.listdir(home) == ["live"]


def test_runs_without_a_collector_are_completed(home: Path) -> None:
    a_simple_run(home)
    lost = Live(home, "7f3a9c0b12d5")
    lost.run()
    journal = lost.process()
    journal.start(1, journal.site("POST"), MONO + 50 * MS)
    done = recover(str(home))
    assert [(run.run, run.state) for run in done.runs] == [
        (RUN_ID, "ok"),
        ("7f3a9c0b12d5", "lost"),
    ]
    assert done.messages == []
    with Store(home) as store:
        (lost_run,) = store.runs(state="lost")
        assert lost_run.unfinished == [("POST", 0)]
        # The last that was heard of anybody is the start of what was under way.
        assert lost_run.duration_ns == 50 * MS
        assert store.usage().left_behind == []
    assert os.listdir(home / "live") == []


def test_a_running_process_is_left_alone(home: Path) -> None:
    live = a_simple_run(home, pid=os.getpid(), ticks=ticks(os.getpid()))
    assert recover(str(home)).runs == []
    assert live.path.exists()
    assert not is_left_behind(str(live.path))
    with Store(home) as store:
        assert [run.state for run in store.runs()] == ["running"]
        assert len(store.load("7f").spans) == 5
        assert (store.usage().running, store.usage().left_behind) == (1, [])


def test_the_pid_alone_does_not_count(home: Path) -> None:
    live = a_simple_run(home, pid=os.getpid(), ticks=ticks(os.getpid()) - 1)
    assert is_left_behind(str(live.path))
    other = a_simple_run(
        home, "7f3a9c0b12d5", pid=os.getpid(), ticks=ticks(os.getpid()), boot="another boot"
    )
    assert is_left_behind(str(other.path))
    assert len(recover(str(home)).runs) == 2


def test_one_living_child_is_enough(home: Path) -> None:
    live = a_simple_run(home)
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        live.process(0xBB, child.pid, ticks=ticks(child.pid))
        assert not is_left_behind(str(live.path))
        assert recover(str(home)).runs == []
    finally:
        child.communicate()
    assert is_left_behind(str(live.path))
    assert len(recover(str(home)).runs) == 1


def test_a_process_killed_before_its_first_word(home: Path) -> None:
    live = Live(home)
    live.run()
    me = live.process(pid=os.getpid())
    # Nothing but the header: no start time, so that the age of the file has to tell.
    content = me.path.read_bytes()[:4096]
    me.path.write_bytes(content)
    assert not is_left_behind(str(live.path))
    aged(me.path, 90 * 86_400)
    assert is_left_behind(str(live.path))


def test_who_holds_the_lock_collects(home: Path) -> None:
    live = a_simple_run(home)
    aged(live.path, 100)
    with acquire(str(live.path)):  # type: ignore[union-attr]
        assert recover(str(home)).runs == []
        assert not is_left_behind(str(live.path))
    assert len(recover(str(home)).runs) == 1


def test_a_collector_that_is_about_to_begin_is_not_overtaken(home: Path) -> None:
    live = Live(home)
    assert not is_left_behind(str(live.path))
    # It must not even find its lock file made by somebody else.
    assert os.listdir(live.path) == []
    live.run(collector_pid=os.getpid(), wall=time.time_ns())
    assert not is_left_behind(str(live.path))
    assert recover(str(home)) == recovering.Recovered()
    assert os.listdir(live.path) == ["run.journal"]


def test_a_collector_whose_pid_is_somebody_elses_now(home: Path) -> None:
    live = Live(home)
    live.run(collector_pid=os.getpid(), wall=time.time_ns() - 90 * 86_400 * 10**9)
    assert is_left_behind(str(live.path))
    assert [run.state for run in recover(str(home)).runs] == ["lost"]


def test_an_empty_folder_goes_after_a_while(home: Path) -> None:
    live = Live(home)
    (live.path / "config").touch()
    (live.path / "collector.lock").touch()
    aged(live.path, recovering.YOUNG_S / 2)
    assert recover(str(home)) == recovering.Recovered()
    assert live.path.exists()
    aged(live.path, recovering.YOUNG_S * 2)
    assert recover(str(home)) == recovering.Recovered()
    assert not live.path.exists()


def test_runs_of_other_hosts_are_given_time(home: Path) -> None:
    assert socket.gethostname() != "elsewhere"
    live = a_simple_run(home, host="elsewhere")
    assert not is_left_behind(str(live.path))
    aged(live.path / f"{PID}.journal", recovering.SILENT_S + 10)
    assert is_left_behind(str(live.path))


def test_what_is_no_runs_folder_is_left_alone(home: Path, tmp_path: Path) -> None:
    live = home / "live"
    live.mkdir(parents=True)
    (live / "notes").mkdir()
    (live / "notes" / "a.journal").write_text("mine")
    (live / "abcdefabcdef").write_text("a file")
    (live / "..secret").mkdir()
    target = tmp_path / "target"
    target.mkdir()
    (live / "123456123456").symlink_to(target)
    (live / ".drained-654321").symlink_to(target)
    done = recover(str(home))
    assert done.runs == []
    (message,) = done.messages
    assert "123456123456 is a symbolic link" in message
    assert len(os.listdir(live)) == 5
    assert target.exists()


def test_runs_of_other_users_are_left_to_them(home: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs the right to give files away")
    live = a_simple_run(home)
    os.chown(live.path, 65534, 65534)
    done = recover(str(home))
    assert done.runs == []
    assert "belongs to user 65534" in done.messages[0]
    assert live.path.exists()
    with Store(home) as store:
        assert store.runs() == []


def test_what_cannot_be_read_is_told_of_and_the_rest_goes_on(home: Path) -> None:
    broken = Live(home, "000000000000")
    broken.put("5.journal", b"rubbish" * 1000)
    aged(broken.path, 2 * recovering.YOUNG_S)
    shared = a_simple_run(home, "000000000001")
    shared.path.chmod(0o777)
    a_simple_run(home, "000000000002")
    done = recover(str(home))
    assert [run.run for run in done.runs] == ["000000000002"]
    assert len(done.messages) == 2
    assert "Run 000000000000 was left behind and stays so for now" in done.messages[0]
    assert "it is not a journal" in done.messages[0]
    assert "other users may write to it" in done.messages[1]
    with Store(home) as store:
        assert [run.run for run in store.runs()] == ["000000000002"]


@pytest.fixture
def reachable() -> Iterator[Path]:
    """A folder that other users can reach, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def test_a_run_left_behind_where_nothing_can_be_written(reachable: Path) -> None:
    home = reachable / "home"
    live = a_simple_run(home)
    if os.geteuid() == 0:
        os.chown(live.path, NOBODY, NOBODY)
        for path in live.path.iterdir():
            os.chown(path, NOBODY, NOBODY)
        for folder in (home, home / "live"):
            folder.chmod(0o755)
    live.path.chmod(0o500)

    def look() -> tuple[bool, str, int, list[str]]:
        with Store(home) as store:
            (run,) = store.runs()
            spans = len(store.load(run.run).spans)
            return is_left_behind(str(live.path)), run.state, spans, recover(str(home)).messages

    try:
        behind, state, spans, messages = in_child(look, user=NOBODY)
    finally:
        live.path.chmod(0o700)
    assert (behind, state, spans) == (True, "ok", 4)
    assert "Permission denied" in messages[0]


def test_what_the_store_did_by_itself_is_told(home: Path) -> None:
    with Store(home) as store:
        store.write(a_run(), [])
    (home / "catalog.db").write_bytes(b"nonsense" * 1000)
    a_simple_run(home, "000000000001")
    done = recover(str(home))
    assert [run.run for run in done.runs] == ["000000000001"]
    assert "set aside" in done.messages[0]


def test_a_surprise_in_one_run_does_not_stop_a_command(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_simple_run(home, "000000000001")
    a_simple_run(home, "000000000002")
    original = recovering.drain

    def surprise(folder: str, *arguments: Any) -> Run:
        if folder.endswith("1"):
            raise KeyError("never thought of")
        return original(folder, *arguments)

    monkeypatch.setattr(recovering, "drain", surprise)
    done = recover(str(home))
    assert [run.run for run in done.runs] == ["000000000002"]
    assert "could not be completed (KeyError: 'never thought of')" in done.messages[0]
    assert str(home / "live" / "000000000001") in done.messages[0]


def test_a_store_that_cannot_be_used_is_told_of(home: Path) -> None:
    a_simple_run(home)
    (home / "runs").write_text("in the way")
    done = recover(str(home))
    assert done.runs == []
    assert "is not stored everywhere yet: store:" in done.messages[0]
    (home / "runs").unlink()
    assert len(recover(str(home)).runs) == 1


def test_sinks_can_be_given(home: Path) -> None:
    a_simple_run(home)
    taken: list[str] = []

    class Sink:
        name = "list"

        def take(self, run: Run, file: RunFile) -> None:
            taken.append(run.run)

    done = recover(str(home), [Sink()])
    assert [run.run for run in done.runs] == taken == [RUN_ID]
    assert not (home / "catalog.db").exists()


def test_what_is_only_waiting_to_be_deleted_goes(home: Path) -> None:
    live = a_simple_run(home)
    live.path.rename(live.path.with_name(".drained-7f3a9c0b12d4.77"))
    assert recover(str(home)) == recovering.Recovered()
    assert os.listdir(home / "live") == []


def test_a_killed_process_and_its_killed_collector(home: Path) -> None:
    """With real processes: a collector with its lock and a job, both killed."""
    live = Live(home)
    live.path.rmdir()
    script = """
import os, sys, time
from pathlib import Path
from autotrace.collector.lock import acquire
from autotrace.collector.processes import stat
from tests.collector.live_folders import Live, MONO, MS
live = Live(Path(sys.argv[1]))
lock = acquire(str(live.path))
job = os.fork()
if job == 0:
    journal = live.process(pid=os.getpid(), ticks=stat(os.getpid()).ticks)
    journal.start(1, journal.site("POST"), MONO + 50 * MS)
    os.write(1, b"ready")
    time.sleep(60)
live.run(pid=job, collector_pid=os.getpid(), wall=time.time_ns())
print(job, flush=True)
time.sleep(60)
"""
    collector = subprocess.Popen(
        [sys.executable, "-c", script, str(home)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert collector.stdout is not None
    said = ""
    while "ready" not in said or "\n" not in said:
        said += collector.stdout.read(1)
    job = int(said.replace("ready", ""))
    assert recover(str(home)) == recovering.Recovered()
    collector.send_signal(signal.SIGKILL)
    collector.wait()
    assert recover(str(home)).runs == []
    os.kill(job, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while not is_left_behind(str(live.path)):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    collector.stdout.close()
    (run,) = recover(str(home)).runs
    assert (run.state, run.pid) == ("lost", job)
    assert [name for name, _ in run.unfinished] == ["POST"]


def test_the_boot_id_is_there() -> None:
    assert recovering._boot() == boot()


def test_a_big_run_under_way_is_listed_quickly(home: Path) -> None:
    me = os.getpid()
    live = Live(home)
    live.run(pid=me)
    journal = live.process(pid=me, ticks=ticks(me))
    select = journal.site("SELECT")
    for seq in range(1, 60_001):
        journal.start(seq, select, MONO + seq)
        journal.end(seq, 5)
    journal.start(60_001, select, MONO + 60_001)
    with Store(home) as store:
        began = time.process_time()
        (run,) = store.runs()
        listed_s = time.process_time() - began
        began = time.process_time()
        assert len(store.load("7f").spans) == 60_002
        loaded_s = time.process_time() - began
    assert (run.state, run.spans) == ("running", 60_002)
    assert listed_s < loaded_s / 2
    shutil.rmtree(live.path)
