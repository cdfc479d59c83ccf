"""The journals of one live folder: which processes left them, and what run they belong to."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any

from autotrace.journal.format import (
    EXIT,
    FAULT,
    HEADER_BYTES,
    LARGEST_RECORD,
    PROCESS,
    RESULT,
    RUN,
    SEGMENT_BYTES,
    START,
)
from autotrace.journal.reader import Journal, JournalError, check_private

SUFFIX = ".journal"
RUN_JOURNAL = "run.journal"

FAULTS_NAMED = 200
"""How many faults of a run are named; all are counted."""

_RECORDS_BEFORE_PROCESS = 50_000

_SENSIBLE = 1 << 62
"""Beyond every time in nanoseconds until the year 2116, and every number of bytes."""

Facts = dict[str, Any]


@dataclass(slots=True)
class Process:
    """One process of a run as its journal describes it.

    ``facts`` is its PROCESS record and may be empty, ``exit`` its EXIT record once the journal has
    been read to the end. ``span_id`` and ``parent_id`` are those of the span that stands for it (0:
    none). ``threads`` has (number, native id, name) for each thread that made spans.
    """

    path: str
    pid: int
    prefix: int
    dropped: int
    faults: int
    state: int
    facts: Facts = field(default_factory=dict)
    exit: Facts | None = None
    is_root: bool = False
    span_id: int = 0
    parent_id: int = 0
    threads: list[list[object]] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The journal's file name."""
        return os.path.basename(self.path)


@dataclass(slots=True)
class Journals:
    """All that a live folder holds, but for the spans.

    ``run`` and ``result`` are the collector's RUN and RESULT records (empty where there are none),
    ``processes`` the processes in the order of their start. ``faults`` names what could not be
    read, and instrumentation errors, as (place, text); ``fault_count`` counts them all.
    """

    folder: str
    run: Facts = field(default_factory=dict)
    result: Facts = field(default_factory=dict)
    processes: list[Process] = field(default_factory=list)
    faults: list[tuple[str, str]] = field(default_factory=list)
    fault_count: int = 0
    _places: set[str] = field(default_factory=set)

    @property
    def run_id(self) -> str:
        """The run's id: the folder's name."""
        return os.path.basename(self.folder)

    def fault(self, place: str, text: str) -> None:
        """Count and note something that went wrong in reading."""
        self.fault_count += 1
        if len(self.faults) < FAULTS_NAMED:
            self.faults.append((place, text))

    def swallowed(self, place: str, text: str) -> None:
        """Note an error that the agent has swallowed and counted, once for each place."""
        if place not in self._places and len(self.faults) < FAULTS_NAMED:
            self._places.add(place)
            self.faults.append((place, text))


def integer(facts: Facts, name: str, default: int = 0) -> int:
    """Return a whole number from a record's facts; ``default`` where it is none."""
    value = number_or_none(facts, name)
    return default if value is None else value


def number_or_none(facts: Facts, name: str) -> int | None:
    """Return a whole number from a record's facts; None where there is no sensible one."""
    value = facts.get(name)
    return value if type(value) is int and abs(value) < _SENSIBLE else None


def text(facts: Facts, name: str) -> str:
    """Return a text from a record's facts; "" where it is none."""
    value = facts.get(name)
    return value if type(value) is str else ""


def texts(facts: Facts, name: str) -> list[str]:
    """Return a list of texts from a record's facts; what is no text in it becomes one."""
    value = facts.get(name)
    return [str(item) for item in value] if isinstance(value, (list, tuple)) else []


def span_number(span_id: str) -> int:
    """Return a span id of 16 hex digits as a number; 0 where it is none."""
    try:
        return int(span_id, 16) if len(span_id) == 16 else 0
    except ValueError:
        return 0


def journal_paths(folder: str) -> list[str]:
    """Return the paths of the processes' journals in a live folder. Raises OSError."""
    return [
        os.path.join(folder, name)
        for name in sorted(os.listdir(folder))
        if name.endswith(SUFFIX) and name != RUN_JOURNAL
    ]


def survey(folder: str) -> Journals:
    """Read who left journals in ``folder`` and what the collector wrote, but no spans.

    A journal that cannot be read is named in ``faults``. Raises JournalError where the folder
    itself must not be read, OSError where it is not there.
    """
    folder = folder.rstrip("/")
    check_private(folder, os.lstat(folder))
    found = Journals(folder)
    run_journal = os.path.join(folder, RUN_JOURNAL)
    if os.path.lexists(run_journal):
        _read_run(run_journal, found)
    for path in journal_paths(folder):
        try:
            with Journal(path) as journal:
                process = Process(
                    path,
                    journal.pid,
                    journal.prefix,
                    journal.dropped,
                    journal.faults,
                    journal.state,
                )
                process.facts = _process_facts(journal)
        except JournalError as error:
            found.fault(os.path.basename(path), error.reason)
        except OSError as error:
            found.fault(os.path.basename(path), f"it could not be read: {error.strerror}")
        else:
            found.processes.append(process)
    found.processes.sort(key=_moment)
    _relate(found)
    return found


def _read_run(path: str, found: Journals) -> None:
    try:
        with Journal(path) as journal:
            found.fault_count += journal.faults
            for record in journal.records():
                if record[0] == RUN:
                    found.run.update(record[1])
                elif record[0] == RESULT:
                    found.result.update(record[1])
                elif record[0] == FAULT:
                    found.swallowed(str(record[1]), str(record[2]))
    except JournalError as error:
        found.fault(RUN_JOURNAL, error.reason)
    except OSError as error:
        found.fault(RUN_JOURNAL, f"it could not be read: {error.strerror}")
    except Exception as error:
        found.fault(RUN_JOURNAL, f"it holds something unexpected: {error!r}")


def _process_facts(journal: Journal) -> Facts:
    try:
        for count, record in enumerate(journal.records()):
            if record[0] == PROCESS:
                return dict(record[1])
            # A forked child may write its sites first; spans come after who it is in any case.
            if record[0] in (START, EXIT) or count > _RECORDS_BEFORE_PROCESS:
                break
    except Exception:
        # Reading it for its spans meets the same and says so.
        return {}
    return {}


def _moment(process: Process) -> tuple[int, str]:
    return integer(process.facts, "mono", (1 << 63) - 1), process.name


def _relate(found: Journals) -> None:
    """Find which process is the job itself, and what span stands for each process."""
    pid = integer(found.run, "pid")
    roots = [
        process
        for process in found.processes
        if process.facts.get("root") is True or (pid and process.pid == pid)
    ]
    if not roots and not found.run and found.processes:
        # What the collector wrote is lost: the first process is most likely the job's.
        roots = found.processes[:1]
    root_id = span_number(text(found.run, "root_span_id"))
    if not root_id and roots:
        first = roots[0]
        root_id = first.prefix << 32
        if first.facts.get("root") is not True:
            root_id = span_number(text(first.facts, "parent")) or root_id
    aliases = {process.prefix << 32 for process in roots}
    for process in found.processes:
        process.is_root = any(process is root for root in roots)
        process.span_id = root_id if process.is_root else process.prefix << 32
        parent = span_number(text(process.facts, "parent"))
        process.parent_id = root_id if parent in aliases or not parent else parent
    found.run.setdefault("root_span_id", f"{root_id:016x}")


def used_segments(path: str) -> int:
    """Return how many segments of the journal at ``path`` have been written to. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        # Only whole segments are reserved, and the last may be followed by some that are not yet.
        count = max(0, os.fstat(descriptor).st_size - HEADER_BYTES) // SEGMENT_BYTES
        low = 0
        while low < count:
            middle = (low + count) // 2
            if os.pread(descriptor, 4, HEADER_BYTES + middle * SEGMENT_BYTES).strip(b"\0"):
                low = middle + 1
            else:
                count = middle
        return low
    finally:
        os.close(descriptor)


def holds_more(path: str, offset: int) -> bool:
    """Tell whether the journal holds anything beyond one record that is torn at ``offset``."""
    with open(path, "rb") as file:
        file.seek(offset + LARGEST_RECORD)
        return bool(file.read(SEGMENT_BYTES).strip(b"\0"))
