"""Hands a run to the sinks, once and whole, and only then lets go of its journals.

The journals are joined into a run file inside the live folder; each sink takes the run from there.
A sink that has taken it is noted, so that another one's trouble does not make it take it twice.
When all have, the folder is renamed and deleted: at no moment can half of it be taken for the
whole.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Sequence
from typing import Protocol

from autotrace.collector.join import join
from autotrace.collector.lock import CollectorLock, acquire
from autotrace.spans import Run
from autotrace.store.errors import StoreError
from autotrace.store.layout import RUN_ID
from autotrace.store.runfile import RunFile, RunWriter

FINISHED = "finished.run"
"""The joined run inside its live folder, until every sink has taken it."""

TAKEN = "taken-"
"""Begins the name of the empty files that say which sink has taken the run."""

DRAINED = ".drained-"
"""Begins the name of folders that are only waiting to be deleted."""


class Sink(Protocol):
    """Where finished runs go. The local store is one.

    Sinks are told apart by ``name``, which therefore never changes: letters, digits and hyphens.
    """

    @property
    def name(self) -> str:
        """What the sink is called in file names and messages."""

    def take(self, run: Run, file: RunFile) -> None:
        """Take a finished run from the file that holds it; raise if that cannot be done now.

        ``file`` gives it in blocks or as spans, and stays only until all sinks have it. To be given
        the same run again must do no harm: the collector may have died just after this returned.
        """


class Busy(Exception):
    """Somebody else is collecting the run."""


class NotTaken(Exception):
    """Some sinks could not take the run; it stays where it is, and will be offered again.

    ``run`` is the run, ``reasons`` has (sink, what it said) for each of those sinks.
    """

    def __init__(self, run: Run, reasons: list[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{sink}: {reason}" for sink, reason in reasons))
        self.run = run
        self.reasons = reasons


def drain(folder: str, sinks: Sequence[Sink], lock: CollectorLock | None = None) -> Run:
    """Join the run in the live folder ``folder``, hand it to all ``sinks``, and delete the folder.

    ``lock`` is the folder's lock where the caller holds it already, and stays the caller's to
    release. Returns the run. Doing this again after it was interrupted at any point completes it;
    nothing is kept twice.

    Raises Busy where somebody else collects the run, NotTaken where a sink could not take it, and
    NothingToJoin, JournalError or OSError where the folder holds no run that can be read.
    """
    folder = os.path.abspath(folder)
    with contextlib.ExitStack() as held:
        if lock is None:
            own = acquire(folder)
            if own is None:
                raise Busy(f"Run {os.path.basename(folder)} is collected by another process.")
            held.enter_context(own)
        path = os.path.join(folder, FINISHED)
        run = _finished(path) or _join(folder, path)
        reasons = []
        with RunFile(path) as file:
            for sink in sinks:
                note = os.path.join(folder, TAKEN + sink.name)
                if len(sinks) > 1 and os.path.lexists(note):
                    continue
                try:
                    sink.take(run, file)
                except Exception as error:
                    reasons.append((sink.name, _reason(error)))
                else:
                    if len(sinks) > 1:
                        os.close(os.open(note, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
        if reasons:
            raise NotTaken(run, reasons)
        discard(folder)
    return run


def discard(folder: str) -> None:
    """Delete a live folder that is needed no more: at once, as far as anybody can see.

    Raises OSError where not even its name can be changed.
    """
    parent, name = os.path.split(folder)
    doomed = os.path.join(parent, f"{DRAINED}{name}.{os.getpid()}")
    with contextlib.suppress(FileNotFoundError):
        os.rename(folder, doomed)
    shutil.rmtree(doomed, ignore_errors=True)


def _join(folder: str, path: str) -> Run:
    with RunWriter(path) as writer:
        joined = join(folder, writer)
        if not RUN_ID.fullmatch(joined.run.run):
            raise StoreError(f"{folder} is not named like a run, so it is no run's folder.")
        writer.finish(joined.run, joined.processes)
    return joined.run


def _finished(path: str) -> Run | None:
    """Return the run that an earlier attempt has joined already."""
    if not os.path.lexists(path):
        return None
    try:
        with RunFile(path) as file:
            return file.run if file.whole else None
    except (StoreError, OSError):
        return None


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, StoreError) else f"{type(error).__name__}: {error}"
