"""The store: finished runs at rest, those under way beside them, and how they are found again."""

from __future__ import annotations

import contextlib
import gc
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from autotrace.spans import Run, Span
from autotrace.store import live, retention, survey
from autotrace.store.catalog import Catalog
from autotrace.store.columns import add_spans
from autotrace.store.errors import (
    AmbiguousRun,
    DamagedRun,
    RunNotFound,
    StoreError,
)
from autotrace.store.layout import (
    ASIDE_SUFFIX,
    find_run_file,
    make_folder,
    run_path,
    sync_folder,
)
from autotrace.store.runfile import RunFile, RunWriter


@dataclass(slots=True)
class RunData:
    """A run, its spans in the order of their start, and notes on what could not be read."""

    run: Run
    spans: list[Span]
    notes: list[str] = field(default_factory=list)


class Store:
    """The runs kept below ``home``, which is made (0700) where it is missing and may be.

    A home that cannot be written to can still be read; what writes then raises StoreError.
    ``notes`` holds sentences for a person about what the store had to do by itself, such as making
    the catalog anew. Can be used by several threads, and by any number of processes at once. A
    context manager.

    Raises StoreError where there is no way to use it, NewerVersion where a newer autotrace made it.
    """

    name = "store"
    """What this sink is called in messages."""

    def __init__(self, home: str | os.PathLike[str]) -> None:
        self.home = os.path.abspath(os.fspath(home))
        with contextlib.suppress(OSError):
            make_folder(self.home)
        if os.path.lexists(self.home) and not os.path.isdir(self.home):
            raise StoreError(
                f"{self.home} is not a folder, so nothing can be kept in it. Remove it, or set "
                "AUTOTRACE_HOME to a folder of your own."
            )
        self.catalog = Catalog(self.home)

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Give all files back."""
        self.catalog.close()

    @property
    def notes(self) -> list[str]:
        """What the store had to do by itself, in sentences for a person."""
        return self.catalog.notes

    @property
    def why_readonly(self) -> str:
        """Empty, or a sentence that says why nothing can be written."""
        return self.catalog.why_readonly

    def runs(
        self, limit: int | None = None, job: str | None = None, state: str | None = None
    ) -> list[Run]:
        """Return the runs, the one that started last first; ``running`` are those under way.

        ``limit`` is how many at most, ``job`` the name of the job, ``state`` one of the states of a
        run; None is no restriction.
        """
        found = self.catalog.runs(limit, job, state)
        listed = {run.run for run in found}
        for run in live.look_at_all(self.home):
            if (
                run.run not in listed
                and job in (None, run.job)
                and state in (None, run.state)
                and not self._is_finished(run.run)
            ):
                found.append(run)
        found.sort(key=lambda run: run.started_ns, reverse=True)
        return found if limit is None else found[:limit]

    def find(self, prefix: str = "") -> Run:
        """Return the one run whose id begins with ``prefix``; without one the latest run.

        Raises RunNotFound and AmbiguousRun, whose texts say what could be typed instead.
        """
        prefix = prefix.strip().lower()
        if not prefix:
            latest = self.runs(limit=1)
            if not latest:
                raise RunNotFound(
                    "There are no runs yet. Trace one with `autotrace-run python your_job.py`."
                )
            return latest[0]
        found: list[Run] = []
        if set(prefix) <= set("0123456789abcdef"):
            found = self.catalog.starting_with(prefix)
            finished = {run.run for run in found}
            for run in live.look_at_all(self.home, prefix):
                if run.run not in finished and not self._is_finished(run.run):
                    found.append(run)
        if not found:
            raise RunNotFound(f"No run begins with {prefix!r}. `autotrace list` shows them.")
        if len(found) > 1:
            exact = [run for run in found if run.run == prefix]
            if not exact:
                some = ", ".join(f"{run.run} ({run.job})" for run in found[:5])
                raise AmbiguousRun(
                    f"More than one run begins with {prefix!r}: {some}"
                    f"{', …' if len(found) > 5 else ''}. Type a digit more."
                )
            found = exact
        return found[0]

    def load(self, run_id: str) -> RunData:
        """Return the run whose id is, or begins with, ``run_id``, with all of its spans.

        A run that is under way is read from its journals, as far as it has come. Of a damaged file
        what is whole is returned, with a note. Raises RunNotFound, AmbiguousRun, NewerVersion,
        DamagedRun where nothing can be read, and StoreError.
        """
        run = self.find(run_id)
        path = self.path_of(run)
        if path is None:
            with _no_collection():
                data = live.load(self.home, run.run)
            if data is not None:
                return RunData(*data)
            # It may have been finished between the two looks.
            path = self.path_of(run)
        if path is None:
            raise StoreError(
                f"Run {run.run} is listed, but its file is gone. `autotrace doctor` tells what is "
                "missing; `autotrace prune` takes such runs off the list."
            )
        try:
            with RunFile(path) as file, _no_collection():
                spans = file.spans()
                if not spans and file.notes:
                    raise DamagedRun(file.notes[0])
                return RunData(file.run or run, spans, file.notes)
        except OSError as error:
            raise StoreError(
                f"{path} could not be read ({error.strerror}). Look at its permissions and its "
                "disk."
            ) from error

    def path_of(self, run: Run) -> str | None:
        """Return the path of a finished run's file, None where there is none."""
        with contextlib.suppress(ValueError):
            path = run_path(self.home, run.run, run.started_ns)
            if os.path.isfile(path):
                return path
        return find_run_file(self.home, run.run)

    def write(self, run: Run, spans: Iterable[Span]) -> str:
        """Keep a finished run with its spans, in place of one of the same id; return its path.

        ``run.spans`` and ``run.errors`` are set to what was written. Raises StoreError.
        """
        with self._writing(run) as path, RunWriter(path) as writer:
            add_spans(spans, writer)
            size = writer.finish(run)
            self.catalog.add(run, size)
        return path

    def take(self, run: Run, file: RunFile) -> None:
        """Keep a finished run that lies in a run file elsewhere. Taking it again changes nothing.

        ``file`` stays where it is. Raises StoreError.
        """
        with self._writing(run) as path:
            if not _is_whole(path):
                _copy(file.path, path)
            self.catalog.add(run, os.path.getsize(path))

    def delete(self, runs: Sequence[str]) -> retention.Pruned:
        """Delete these finished runs (full ids); return what went. Raises StoreError."""
        return retention.delete(self.home, self.catalog, runs)

    def prune(
        self,
        before_ns: int | None = None,
        max_bytes: int | None = None,
        max_runs: int | None = None,
        dry_run: bool = False,
    ) -> retention.Pruned:
        """Delete the oldest finished runs until all limits are kept; None is no limit.

        ``before_ns``: runs that started before this time (nanoseconds since the epoch) go.
        ``max_bytes``: so much may the run files take. ``max_runs``: so many may stay. With
        ``dry_run`` nothing is deleted, the answer is the same. Raises StoreError.
        """
        return retention.prune(self.home, self.catalog, before_ns, max_bytes, max_runs, dry_run)

    def usage(self) -> survey.Usage:
        """Return what the store takes, and what was left behind in it."""
        return survey.usage(self.home, self.catalog, live.left_behind(self.home))

    def check(self, repair: bool = False, thorough: bool = False) -> survey.Check:
        """Compare catalog and run files; ``thorough`` reads every span of every file.

        With ``repair`` files that are not listed are listed, and runs whose file is gone no more.
        Raises StoreError where that cannot be written.
        """
        return survey.check(self.home, self.catalog, repair, thorough)

    @contextlib.contextmanager
    def _writing(self, run: Run) -> Iterator[str]:
        if self.why_readonly:
            raise StoreError(self.why_readonly)
        try:
            path = run_path(self.home, run.run, run.started_ns)
        except ValueError:
            raise StoreError(
                f"A run cannot be kept under the name {run.run!r}: ids are hex digits."
            ) from None
        try:
            make_folder(os.path.dirname(path))
            yield path
        except OSError as error:
            raise StoreError(
                f"Run {run.run} could not be kept below {self.home} ({error.strerror}). Make room "
                "or change the permissions, then try again."
            ) from error

    def _is_finished(self, run: str) -> bool:
        return any(found.run == run for found in self.catalog.starting_with(run, 1))


def _is_whole(path: str) -> bool:
    try:
        with RunFile(path) as file:
            return file.whole
    except (StoreError, OSError):
        return False


def _copy(source: str, path: str) -> None:
    """Put the finished file ``source`` at ``path`` too, at once and whole. Raises OSError."""
    folder, name = os.path.split(path)
    aside = os.path.join(folder, f".{name}.{os.getpid()}{ASIDE_SUFFIX}")
    with contextlib.suppress(FileNotFoundError):
        os.unlink(aside)
    try:
        try:
            # The file never changes again, so one set of blocks can have both names.
            os.link(source, aside)
        except OSError:
            _copy_bytes(source, aside)
        os.rename(aside, path)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(aside)
        raise
    # Where both names are one file already, rename leaves the first: that is the standard's rule.
    with contextlib.suppress(OSError):
        os.unlink(aside)
    sync_folder(folder)


def _copy_bytes(source: str, target: str) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    with open(source, "rb") as reader, os.fdopen(os.open(target, flags, 0o600), "wb") as writer:
        shutil.copyfileobj(reader, writer, 1 << 20)
        writer.flush()
        os.fsync(writer.fileno())


@contextlib.contextmanager
def _no_collection() -> Iterator[None]:
    """Keep the garbage collector from searching, again and again, what is only just being made."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
