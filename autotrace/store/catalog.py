"""The catalog: one row for each finished run, in SQLite, so that a list needs to open no run file.

The run files are what counts; the catalog can be made from them again. So a catalog that is damaged
is set aside and made anew, and where none can be kept (a home that may not be written to) a list is
made in memory.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar
from urllib.parse import quote

from autotrace.spans import Run
from autotrace.store.errors import DamagedRun, NewerVersion, StoreError
from autotrace.store.layout import CATALOG, RUNS, run_files
from autotrace.store.records import NAMES, run_from_plain, run_to_plain
from autotrace.store.runfile import RunFile

VERSION = 1
"""The schema's version, kept in `PRAGMA user_version`."""

BUSY_SECONDS = 10.0
"""How long a statement waits for another process's transaction."""

_SCHEMA = """
CREATE TABLE runs (
    run TEXT PRIMARY KEY,
    trace_id TEXT NOT NULL,
    root_span_id TEXT NOT NULL,
    job TEXT NOT NULL,
    command TEXT NOT NULL,
    state TEXT NOT NULL,
    started_ns INTEGER NOT NULL,
    duration_ns INTEGER NOT NULL,
    exit_code INTEGER,
    signal TEXT,
    parent_id TEXT,
    spans INTEGER NOT NULL,
    errors INTEGER NOT NULL,
    dropped INTEGER NOT NULL,
    cpu_ns INTEGER,
    max_rss_bytes INTEGER,
    out_of_memory INTEGER NOT NULL,
    cwd TEXT NOT NULL,
    host TEXT NOT NULL,
    user TEXT NOT NULL,
    python TEXT NOT NULL,
    pid INTEGER NOT NULL,
    fault_count INTEGER NOT NULL,
    faults TEXT NOT NULL,
    unfinished TEXT NOT NULL,
    bytes INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX runs_by_start ON runs (started_ns);
CREATE INDEX runs_by_job ON runs (job, started_ns);
"""

_JSON = frozenset(("command", "faults", "unfinished"))
_COLUMNS = (*NAMES, "bytes")
_SELECT = f"SELECT {', '.join(NAMES)} FROM runs"
_INSERT = (
    f"INSERT OR REPLACE INTO runs ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"
)

Result = TypeVar("Result")


class Catalog:
    """The catalog of the store at ``home``, opened for writing where that is possible.

    ``notes`` grows by a sentence for a person whenever the catalog had to help itself.
    ``why_readonly`` is empty, or says why nothing can be written; ``full`` is whether that is for
    want of room, which deleting runs makes. Usable from several threads. Raises NewerVersion and
    StoreError.
    """

    def __init__(self, home: str) -> None:
        self.home = home
        self.path = os.path.join(home, CATALOG)
        self.notes: list[str] = []
        self.why_readonly = ""
        self.full = False
        self._inode = (0, 0)
        self._lock = threading.RLock()
        self._connection = self._open()

    def close(self) -> None:
        """Give the file back."""
        with self._lock:
            self._connection.close()

    def add(self, run: Run, size: int) -> None:
        """List ``run``, whose file has ``size`` bytes, in place of what was listed under its id."""
        row = _row(run, size)

        def insert(connection: sqlite3.Connection) -> None:
            connection.execute(_INSERT, row)

        with self._lock:
            self._write(insert)
            if self._replaced():
                # Another process set the catalog aside meanwhile: what was added went with it.
                self._reopen()
                self._write(insert)

    def remove(self, runs: list[str]) -> None:
        """Take these runs off the list; what is not on it is passed over."""

        def delete(connection: sqlite3.Connection) -> None:
            connection.executemany("DELETE FROM runs WHERE run = ?", [(run,) for run in runs])

        if self.full:  # there may be room by now
            with self._lock:
                self._reopen()
        self._write(delete)

    def runs(
        self, limit: int | None = None, job: str | None = None, state: str | None = None
    ) -> list[Run]:
        """Return the runs that are listed, the one that started last first."""
        where = []
        values: list[object] = []
        for column, value in (("job", job), ("state", state)):
            if value is not None:
                where.append(f"{column} = ?")
                values.append(value)
        query = _SELECT + (f" WHERE {' AND '.join(where)}" if where else "")
        query += " ORDER BY started_ns DESC, run LIMIT ?"
        values.append(-1 if limit is None else limit)
        return self._read_runs(query, values)

    def starting_with(self, prefix: str, limit: int = 10) -> list[Run]:
        """Return the runs whose id begins with ``prefix`` (hex digits), at most ``limit``."""
        query = f"{_SELECT} WHERE run >= ? AND run < ? ORDER BY run LIMIT ?"
        return self._read_runs(query, [prefix, prefix + "g", limit])

    def sizes(self) -> list[tuple[str, int, int]]:
        """Return run id, start (ns since the epoch) and bytes of every run, the latest first."""
        query = "SELECT run, started_ns, bytes FROM runs ORDER BY started_ns DESC, run"
        return [(str(run), int(start), int(size)) for run, start, size in self._read(query, [])]

    def count(self) -> int:
        """Return how many runs are listed."""
        return int(self._read("SELECT count(*) FROM runs", [])[0][0])

    def _read_runs(self, query: str, values: list[Any]) -> list[Run]:
        return self._try(lambda connection: list(map(_run, connection.execute(query, values))))

    def _read(self, query: str, values: list[Any]) -> list[tuple[Any, ...]]:
        return self._try(lambda connection: connection.execute(query, values).fetchall())

    def _write(self, work: Callable[[sqlite3.Connection], None]) -> None:
        if self.why_readonly:
            raise StoreError(self.why_readonly)

        def transaction(connection: sqlite3.Connection) -> None:
            connection.execute("BEGIN IMMEDIATE")
            try:
                work(connection)
                connection.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
                raise

        self._try(transaction)

    def _try(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        with self._lock:
            try:
                return work(self._connection)
            except sqlite3.DatabaseError as error:
                if not _damaged(error):
                    raise StoreError(_explain(self.path, error)) from error
            self._connection.close()
            self._set_aside()
            self._reopen()
            try:
                return work(self._connection)
            except sqlite3.DatabaseError as error:
                raise StoreError(_explain(self.path, error)) from error

    def _reopen(self) -> None:
        with contextlib.suppress(sqlite3.Error):
            self._connection.close()
        self.why_readonly, self.full = "", False
        self._connection = self._open()

    def _replaced(self) -> bool:
        try:
            return not self.why_readonly and _identity(self.path) != self._inode
        except OSError:
            return True

    def _open(self) -> sqlite3.Connection:
        try:
            return self._open_for_writing()
        except NewerVersion:
            raise
        except OSError as error:
            self.why_readonly = (
                f"Nothing can be written below {self.home} ({error.strerror}). Change its "
                "permissions, or set AUTOTRACE_HOME to a folder of your own."
            )
        except sqlite3.DatabaseError as error:
            if _damaged(error) and self._set_aside():
                return self._open_for_writing()
            self.why_readonly = _explain(self.path, error)
            self.full = _no_room(self.path, error)
        return self._open_for_reading()

    def _open_for_writing(self) -> sqlite3.Connection:
        # SQLite would create it readable for all; its side files take over the mode of the main
        # one.
        os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
        self._inode = _identity(self.path)
        connection = _connect(_uri(self.path, "rw"))
        try:
            if self._version(connection) == 0:
                self._create(connection)
            connection.execute(_SELECT + " LIMIT 1").fetchall()
        except BaseException:
            connection.close()
            raise
        return connection

    def _version(self, connection: sqlite3.Connection) -> int:
        version = int(connection.execute("PRAGMA user_version").fetchone()[0])
        if version > VERSION:
            raise NewerVersion(
                f"{self.path} was made by a newer autotrace (version {version} of the catalog, "
                f"this one reads up to {VERSION}). Upgrade autotrace, or set AUTOTRACE_HOME to "
                "another folder."
            )
        return version

    def _create(self, connection: sqlite3.Connection) -> None:
        _use_wal(connection)
        connection.execute("BEGIN IMMEDIATE")
        try:
            if self._version(connection) == 0:
                for statement in _SCHEMA.split(";"):
                    if statement.strip():
                        connection.execute(statement)
                self._fill(connection)
                connection.execute(f"PRAGMA user_version = {VERSION}")
            connection.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            raise

    def _fill(self, connection: sqlite3.Connection) -> int:
        rows = [_row(run, size) for run, size in runs_on_disk(self.home, self.notes)]
        connection.executemany(_INSERT, rows)
        return len(rows)

    def _open_for_reading(self) -> sqlite3.Connection:
        modes = ["ro"]
        try:
            pending = os.path.getsize(self.path + "-wal") > 0
        except OSError:
            pending = False
        if not pending:
            # Without side files the main one is all there is, and nobody can be writing to it from
            # here.
            modes.append("ro&immutable=1")
        for mode in modes:
            connection = None
            try:
                connection = _connect(_uri(self.path, mode))
                if self._version(connection) == VERSION:
                    connection.execute(_SELECT + " LIMIT 1").fetchall()
                    return connection
            except NewerVersion:
                if connection is not None:
                    connection.close()
                raise
            except sqlite3.DatabaseError:
                pass
            if connection is not None:
                connection.close()
        self._look_into_runs()
        connection = _connect(":memory:")
        for statement in _SCHEMA.split(";"):
            connection.execute(statement)
        self._fill(connection)
        return connection

    def _look_into_runs(self) -> None:
        """Raise StoreError where there may be runs that this user may not see: none is not many."""
        try:
            os.scandir(os.path.join(self.home, RUNS)).close()
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            raise StoreError(
                f"{self.home} may not be read ({error.strerror}). Change its permissions, or set "
                "AUTOTRACE_HOME to a folder of your own."
            ) from error

    def _set_aside(self) -> bool:
        """Rename a damaged catalog, once where several processes find it so; tell if it is gone."""
        try:
            with _alone(self.path + ".lock"):
                if self._is_sound():
                    return True
                number = 1
                while os.path.lexists(f"{self.path}.corrupt-{number}"):
                    number += 1
                aside = f"{self.path}.corrupt-{number}"
                os.rename(self.path, aside)
                for side in ("-wal", "-shm"):
                    with contextlib.suppress(FileNotFoundError):
                        os.rename(self.path + side, aside + side)
                self._open_for_writing().close()
        except OSError:
            return False
        self.notes.append(
            f"The catalog was damaged: it was set aside as {aside} and made again from the run "
            "files. You may delete it."
        )
        return True

    def _is_sound(self) -> bool:
        connection = None
        try:
            connection = _connect(_uri(self.path, "rw"))
            rows = connection.execute("PRAGMA quick_check(1)").fetchall()
            for row in connection.execute(_SELECT):
                _run(row)
            return rows == [("ok",)]
        except sqlite3.DatabaseError:
            return False
        finally:
            if connection is not None:
                connection.close()


def runs_on_disk(home: str, notes: list[str]) -> Iterator[tuple[Run, int]]:
    """Yield each run with a readable file and the file's bytes; ``notes`` gets the others."""
    for path in run_files(home):
        try:
            with RunFile(path) as file:
                if file.run is None:
                    notes += file.notes
                elif file.run.run != os.path.basename(path).partition(".")[0]:
                    notes.append(f"{path} holds run {file.run.run}: a file is named after its run.")
                else:
                    yield file.run, file.size
        except (DamagedRun, NewerVersion) as error:
            notes.append(str(error))
        except OSError as error:
            notes.append(f"{path} could not be read ({error.strerror}).")


def _connect(uri: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        uri,
        timeout=BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
        uri=uri.startswith("file:"),
    )
    try:
        # A row that a power cut takes away comes back from its run file, which is synced.
        connection.execute("PRAGMA synchronous = NORMAL")
    except BaseException:
        # Left alone it would stay open, with its locks, until the garbage collector comes by.
        connection.close()
        raise
    return connection


def _uri(path: str, mode: str) -> str:
    return f"file:{quote(os.path.abspath(path))}?mode={mode}"


def _use_wal(connection: sqlite3.Connection) -> None:
    """Let readers and a writer go side by side, where the file system can do that."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL").fetchall()
            return
        except sqlite3.OperationalError as error:
            # This one statement does not wait for others by itself.
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
        time.sleep(0.02)


def _damaged(error: sqlite3.Error) -> bool:
    text = str(error)
    if type(error) is sqlite3.DatabaseError:
        return True
    return isinstance(error, sqlite3.OperationalError) and any(
        sign in text
        for sign in ("no such table", "no such column", "has no column", "Could not decode")
    )


def _explain(path: str, error: sqlite3.Error) -> str:
    text = str(error)
    if "locked" in text or "busy" in text:
        return (
            f"{path} has been in use by another process for more than {BUSY_SECONDS:.0f} seconds. "
            "Try again once that has ended."
        )
    if "readonly" in text or "unable to open" in text:
        return (
            f"{path} may not be written to ({text}). Change its permissions, or set AUTOTRACE_HOME "
            "to a folder of your own."
        )
    if _no_room(path, error):
        return f"{path} could not be written: the disk is full. Make room, `autotrace prune` helps."
    return f"{path} could not be used: {text}."


def _no_room(path: str, error: sqlite3.Error) -> bool:
    text = str(error)
    return "full" in text or ("I/O" in text and _is_full(path))


def _is_full(path: str) -> bool:
    """Tell whether the disk is full: SQLite says so only of some of its files."""
    try:
        status = os.statvfs(path)
    except OSError:
        return False
    return status.f_bavail * status.f_frsize < 1 << 18


def _identity(path: str) -> tuple[int, int]:
    status = os.stat(path)
    return status.st_dev, status.st_ino


@contextlib.contextmanager
def _alone(path: str) -> Iterator[None]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _row(run: Run, size: int) -> list[object]:
    plain = run_to_plain(run)
    return [
        *(json.dumps(plain[name]) if name in _JSON else plain[name] for name in NAMES),
        size,
    ]


def _run(row: tuple[Any, ...]) -> Run:
    plain = dict(zip(NAMES, row))
    try:
        for name in _JSON:
            plain[name] = json.loads(plain[name])
        plain["out_of_memory"] = bool(plain["out_of_memory"])
        return run_from_plain(plain)
    except (TypeError, ValueError) as error:
        raise sqlite3.DatabaseError(f"a row is not as it was written: {error}") from None
