"""Completes runs that were left behind: by a killed collector, a reboot, a sink that was not there.

Every command does this first, so where there is nothing to do it costs one look into one folder.
"""

from __future__ import annotations

import os
import shutil
import socket
import stat
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from autotrace.collector.drain import DRAINED, FINISHED, NotTaken, Sink, discard, drain
from autotrace.collector.join import NothingToJoin
from autotrace.collector.journals import Journals, Process, integer, survey, text
from autotrace.collector.lock import LOCK_FILE, CollectorLock, acquire
from autotrace.collector.processes import is_alive
from autotrace.collector.processes import stat as process_stat
from autotrace.journal.reader import JournalError
from autotrace.spans import Run
from autotrace.store import Store
from autotrace.store.errors import StoreError
from autotrace.store.layout import LIVE, RUN_ID

FRESH_S = 2
"""A collector has its folder locked well within so many seconds of making it."""

YOUNG_S = 60
"""A folder without a word in it is left alone for so long: its run may be about to begin."""

SILENT_S = 86_400
"""So many seconds without a word, and a run of another machine or container is given up: its
processes cannot be seen from here."""


@dataclass(slots=True)
class Recovered:
    """What was completed, and sentences for a person about what could not be."""

    runs: list[Run] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)


def recover(home: str, sinks: Sequence[Sink] | None = None) -> Recovered:
    """Complete each run below ``home`` that nobody collects and whose processes are gone.

    ``sinks`` take them; without any the store at ``home`` does. Never raises for what it finds
    there: it says so in the messages, and goes on with the next.
    """
    done = Recovered()
    try:
        with os.scandir(os.path.join(home, LIVE)) as entries:
            names = sorted(entry.name for entry in entries)
    except FileNotFoundError:
        return done
    except OSError as error:
        done.messages.append(
            f"{os.path.join(home, LIVE)} could not be read ({error.strerror}). Look at its "
            "permissions."
        )
        return done
    own: Store | None = None
    try:
        for name in names:
            folder = os.path.join(home, LIVE, name)
            try:
                if name.startswith(DRAINED):
                    _delete(folder)
                    continue
                if not RUN_ID.fullmatch(name) or not _may_touch(folder, done.messages):
                    continue
                lock = _claim(folder)
                if lock is None:
                    continue
                with lock:
                    if sinks is None:
                        sinks = [own := Store(home)]
                    _complete(folder, sinks, lock, done)
            except FileNotFoundError as error:
                if os.path.lexists(folder):
                    done.messages.append(
                        f"Run {name} was left behind and stays so for now: {error}"
                    )
                # Else somebody else has completed it at the same time.
            except (StoreError, OSError, JournalError) as error:
                done.messages.append(f"Run {name} was left behind and stays so for now: {error}")
            except Exception as error:
                done.messages.append(
                    f"Run {name} was left behind and could not be completed "
                    f"({type(error).__name__}: {error}). Its journals are in {folder}."
                )
    finally:
        if own is not None:
            done.messages += own.notes
            own.close()
    return done


def is_left_behind(folder: str) -> bool:
    """Tell whether nobody collects the run in a live folder and its processes are gone."""
    try:
        lock = _claim(folder)
    except JournalError:
        return False
    except OSError:
        # Where its lock cannot be opened, nobody can be holding it either.
        try:
            return _is_abandoned(folder, 0)
        except (OSError, JournalError):
            return False
    if lock is None:
        return False
    lock.release()
    return True


def _claim(folder: str) -> CollectorLock | None:
    """Take the folder's lock if it was left behind; return None where it was not."""
    changed_s = time.time() - os.lstat(folder).st_mtime
    fresh = changed_s < FRESH_S or not os.path.lexists(os.path.join(folder, LOCK_FILE))
    # Its collector may be just about to lock it, and must not find that somebody else has.
    if fresh and not _is_abandoned(folder, changed_s):
        return None
    lock = acquire(folder, patience_s=0)
    if lock is None:
        return None
    try:
        if _is_abandoned(folder, changed_s):
            return lock
    except BaseException:
        lock.release()
        raise
    lock.release()
    return None


def _is_abandoned(folder: str, changed_s: float) -> bool:
    """Tell whether nobody writes to the folder, which was changed so many seconds ago."""
    if os.path.lexists(os.path.join(folder, FINISHED)):
        return True
    found = survey(folder)
    if not found.processes and "wall" not in found.run:
        return changed_s > YOUNG_S
    if _collector_lives(found) or _command_lives(found):
        return False
    return not any(_lives(found, one) for one in found.processes)


def _collector_lives(found: Journals) -> bool:
    """Tell whether the collector is about: it may not have come to locking its folder yet."""
    pid = integer(found.run, "collector_pid")
    if not pid or found.result or text(found.run, "host") not in ("", socket.gethostname()):
        return False
    ticks = integer(found.run, "collector_ticks")
    if not is_alive(pid, ticks):
        return False
    return bool(ticks) or _started_before(pid, integer(found.run, "wall"))


def _command_lives(found: Journals) -> bool:
    """Tell whether the command still runs: a shell, say, that has not come to its Python yet."""
    pid, ticks = integer(found.run, "pid"), integer(found.run, "ticks")
    if not (pid and ticks) or found.result:
        return False
    return text(found.run, "host") in ("", socket.gethostname()) and is_alive(pid, ticks)


def _lives(found: Journals, process: Process) -> bool:
    facts = process.facts
    host = text(facts, "host") or text(found.run, "host")
    if host not in ("", socket.gethostname()):
        return time.time() - os.lstat(process.path).st_mtime < SILENT_S
    boot = text(facts, "boot")
    if boot and boot != _boot():
        return False
    ticks = integer(facts, "ticks")
    if not is_alive(process.pid, ticks):
        return False
    # Without its start time, only a process that is older than its journal can have written it.
    return bool(ticks) or _started_before(process.pid, os.lstat(process.path).st_mtime_ns)


def _started_before(pid: int, wall_ns: int) -> bool:
    """Tell whether process ``pid`` may have started by ``wall_ns`` (since the epoch)."""
    found = process_stat(pid)
    if found is None or not hasattr(time, "CLOCK_BOOTTIME"):
        return True
    age_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME) - found.ticks * (
        1_000_000_000 // os.sysconf("SC_CLK_TCK")
    )
    return time.time_ns() - age_ns <= wall_ns + 1_000_000_000


def _boot() -> str:
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return ""


def _may_touch(folder: str, messages: list[str]) -> bool:
    status = os.lstat(folder)
    if stat.S_ISLNK(status.st_mode):
        messages.append(f"{folder} is a symbolic link, so it is no run's folder; it is left alone.")
        return False
    if not stat.S_ISDIR(status.st_mode):
        return False
    if status.st_uid != os.geteuid():
        messages.append(
            f"{folder} belongs to user {status.st_uid}; only your own runs are collected. That "
            "user's next `autotrace` command does it."
        )
        return False
    return True


def _complete(folder: str, sinks: Sequence[Sink], lock: CollectorLock, done: Recovered) -> None:
    try:
        done.runs.append(drain(folder, sinks, lock))
    except NotTaken as error:
        done.messages.append(
            f"Run {error.run.run} ({error.run.job}) is not stored everywhere yet: {error}"
        )
    except NothingToJoin as error:
        if any(name.endswith(".journal") for name in os.listdir(folder)):
            raise OSError(f"no journal in it can be read ({error}); see {folder}") from None
        # A run that ended before its first word: there is nothing to keep.
        discard(folder)


def _delete(folder: str) -> None:
    if not os.path.islink(folder):
        shutil.rmtree(folder, ignore_errors=True)
