"""Spans inside the job: what is current, how one starts, how it ends.

All of this runs once or more for each traced call of somebody's production program, so it is written for speed:
constant parts of a span are written once, as a site, and the journal's `append` is repeated in place.
"""

from __future__ import annotations

import sys
from _contextvars import ContextVar
from _thread import get_ident
from itertools import count
from marshal import dumps
from time import monotonic_ns
from zlib import crc32

from autotrace.journal.format import (
    COUNT_AFFECTED,
    COUNT_RETURNED,
    END,
    END_BYTES,
    END_HEAD,
    FAULT,
    MARSHAL_VERSION,
    START,
    START_BYTES,
    START_HEAD,
    STATUS_ERROR,
    STATUS_MASK,
    THREAD,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any

    from autotrace.journal.writer import Writer

    Fields = dict[str, Any]

_end_pack = END_HEAD.pack
_start_pack = START_HEAD.pack

SITES = 2000
"""Distinct sites of one instrumentation; later ones are written out in full with each span."""
DROPPED = -1
"""Generation of a span whose start there was no room for: nothing more is written of it."""
LAST_THREAD = 0xFFFF
"""Number of all threads from this one on."""
LARGEST_TAIL = 200_000
"""Bytes of the fields that one record holds at the most."""
FAULT_PLACES = 100
"""Distinct places whose swallowed errors are written down; all are counted."""


class _Nowhere:
    """Stands for the journal while there is none: every record is refused."""

    position = 0
    stop = -1
    prefix = 0
    path = ""
    window: Any = None

    def append(self, body: bytes) -> bool:
        return False

    def drop(self) -> None:
        pass

    def fault(self) -> None:
        pass

    def state(self, state: int) -> None:
        pass

    def value(self, kind: int, value: object, n: int = 0) -> bool:
        return False

    def site(self, number: int, value: object) -> bool:
        return False

    def update(self, seq: int, fields: Fields) -> bool:
        return False

    def rows(self, seq: int, rows: int) -> bool:
        return False

    def event(self, seq: int, time: int, name: str, fields: Fields) -> bool:
        return False


_writer: Writer | _Nowhere = _Nowhere()
_on = False
_generation = 0

_current: ContextVar[Span | None] = ContextVar("autotrace_current_span", default=None)
_get_current = _current.get
_set_current = _current.set
_reset_current = _current.reset

_next_seq = count(1).__next__
_next_site = count(1).__next__
_threads: dict[int, int] = {}
_next_thread = count().__next__
several_threads = False
"""Whether there may be more than one: set when `threading` is imported."""
_site_records: dict[int, tuple[str, str, str, Fields]] = {}
_unwritten: list[int] = []
_fault_places: set[str] = set()
_prefixes: dict[int, int] = {}


class Site:
    """A place that makes alike spans: name, kind, scope and the fields that are the same each time.

    `number` is what a span's start record says instead of all that.
    """

    __slots__ = ("keep", "name", "number", "scope", "suppress")

    def __init__(
        self,
        name: str,
        kind: str,
        scope: str,
        fields: Fields,
        suppress: str = "",
        keep: object = None,
    ) -> None:
        self.name = name
        self.scope = scope
        self.suppress = suppress
        self.keep = keep
        self.number = _next_site()
        constant = plain_fields(fields)
        if len(dumps(constant, MARSHAL_VERSION)) > LARGEST_TAIL:
            constant = {"autotrace.fields_dropped": len(fields)}
        # A forked child has a journal of its own and must be able to write all of them again.
        record = _site_records[self.number] = (name, kind, scope, constant)
        # By the thread that will use it, before it does.
        if not _writer.site(self.number, record):
            _unwritten.append(self.number)


class Span:
    """One operation under way. `span[name] = value` sets a field.

    It is made unstarted; `begin` writes its start, with the fields set so far, and makes it current; `end` writes
    its end with those set since. Whoever begins it ends it, in the same context.
    """

    __slots__ = (
        "__dict__",
        "count",
        "fields",
        "generation",
        "parent",
        "seq",
        "site",
        "start",
        "status",
        "token",
    )

    seq: int
    start: int
    parent: Span | None
    generation: int
    # Seldom set, so they have no slot: what is not set costs nothing.
    error = 0
    note: Any = None

    def __init__(self, site: Site, fields: Fields | None = None) -> None:
        self.site = site
        self.fields = fields
        self.status = self.count = 0
        self.token: Any = None

    def __setitem__(self, name: str, value: Any) -> None:
        if self.fields is None:
            self.fields = {name: value}
        else:
            self.fields[name] = value

    def update(self, fields: Fields) -> None:
        """Set several fields."""
        if fields:
            if self.fields is None:
                self.fields = dict(fields)
            else:
                self.fields.update(fields)

    @property
    def span_id(self) -> str:
        """The id as other systems see it, 16 hex digits."""
        return f"{_prefixes.get(self.generation, 0) << 32 | self.seq:016x}"

    def begin(self) -> None:
        """Write the start and become the current span."""
        parent = self.parent = _get_current()
        self.token = _set_current(self)
        self._write_start(parent)

    def begin_leaf(self) -> None:
        """Write the start, without becoming the current span: for a call that can have no span below it."""
        parent = self.parent = _get_current()
        self.token = False
        self._write_start(parent)

    def _write_start(self, parent: Span | None) -> None:
        seq = self.seq = _next_seq()
        self.generation = _generation
        thread = 0
        if several_threads:
            thread = _threads.get(get_ident(), -1)
            if thread < 0:
                thread = new_thread()
        tail = b""
        if self.fields is not None:
            tail = tail_of(self.fields)
            self.fields = None
        size = START_BYTES + len(tail)
        above = parent.seq if parent is not None and parent.generation == _generation else 0
        start = self.start = monotonic_ns()
        body = _start_pack(size, START, 0, thread, self.site.number, seq, above, start) + tail
        record = body + crc32(body).to_bytes(4, "little")
        # `Writer.append`, in place.
        writer = _writer
        position = writer.position
        end = position + size
        if end <= writer.stop:
            writer.position = end
            writer.window[position:end] = record
            return
        if not _writer.append(body):
            _writer.drop()
            self.generation = DROPPED

    def end(self) -> None:
        """Write the end and make the former current span current again."""
        duration = monotonic_ns() - self.start
        token = self.token
        if token is None:
            return
        self.token = None
        if token is not False:
            if _get_current() is not self:
                self._release()
            try:
                _reset_current(token)
            except (ValueError, RuntimeError):  # another context: a generator resumed elsewhere
                if _get_current() is self:
                    _set_current(self.parent)
        if self.generation != _generation:  # in a forked child the span is its parent's to end
            return
        tail = b"" if self.fields is None else tail_of(self.fields)
        size = END_BYTES + len(tail)
        body = _end_pack(size, END, self.status, self.count, self.seq, duration) + tail
        record = body + crc32(body).to_bytes(4, "little")
        writer = _writer
        position = writer.position
        end = position + size
        if end <= writer.stop:
            writer.position = end
            writer.window[position:end] = record
            return
        _writer.append(body)

    def _release(self) -> None:
        """Spans below that are still open (in suspended generators) must not make this one current again."""
        below: list[Span] = []
        span = _get_current()
        while span is not None and span is not self:
            below.append(span)
            span = span.parent
        if span is self:
            for each in below:
                if each.token is not None:
                    each.token = False

    def restart(self, ended: int, fields: Fields) -> None:
        """End at the monotonic time `ended`, and go on as a new span of the same site beside the old one."""
        if self.generation != _generation:
            return
        tail = tail_of(self.fields) if self.fields else b""
        _writer.append(
            _end_pack(
                END_BYTES + len(tail), END, self.status, self.count, self.seq, ended - self.start
            )
            + tail
        )
        self.status = self.count = self.error = 0
        self.fields = None
        self.seq = _next_seq()
        parent = self.parent
        tail = tail_of(fields)
        self.start = monotonic_ns()
        body = _start_pack(
            START_BYTES + len(tail),
            START,
            0,
            _threads.get(get_ident(), 0),
            self.site.number,
            self.seq,
            parent.seq if parent is not None and parent.generation == _generation else 0,
            self.start,
        )
        if not _writer.append(body + tail):
            _writer.drop()
            self.generation = DROPPED

    def late(self, fields: Fields) -> None:
        """Add fields that came to be known after the end."""
        if self.generation == _generation:
            tail = plain_fields(fields)
            _writer.update(self.seq, tail)

    def returned_rows(self, rows: Any) -> None:
        """Say how many rows the result has, before the end."""
        if type(rows) is int and rows >= 0:
            if rows <= 0xFFFF:
                self.count = rows
                self.status |= COUNT_RETURNED
            else:
                self["db.response.returned_rows"] = rows

    def affected_rows(self, rows: Any) -> None:
        """Say how many rows the statement changed, before the end; less than none is what drivers say for unknown."""
        if type(rows) is int and rows >= 0:
            if rows <= 0xFFFF:
                self.count = rows
                self.status |= COUNT_AFFECTED
            else:
                self["db.response.affected_rows"] = rows

    def rows(self, rows: int) -> None:
        """Say how many rows of the result were fetched after the end."""
        if self.generation == _generation:
            _writer.rows(self.seq, rows)

    def event(self, name: str, fields: Fields) -> None:
        """Note something that happened now."""
        if self.generation == _generation:
            _writer.event(self.seq, monotonic_ns(), name, plain_fields(fields))

    def fail(self, error: BaseException) -> None:
        """Note that the operation ended by this exception: status, `error.type`, and the exception as an event."""
        from autotrace.agent.errors import exception_fields

        kind = type(error)
        if kind is GeneratorExit or (kind is SystemExit and error.args in ((), (0,), (None,))):
            return  # a generator that is closed, a program that ends as it should
        self.status = self.status & ~STATUS_MASK | STATUS_ERROR
        fields = exception_fields(error)
        self["error.type"] = fields["exception.type"]
        self["autotrace.status_message"] = fields["exception.message"]
        # On its way up an exception ends many spans; its traceback is written with the innermost.
        if self.error != id(error):
            self.event("exception", fields)
        if self.parent is not None:
            self.parent.error = id(error)

    def set_error(self, kind: str, message: str = "") -> None:
        """Note that the operation failed without an exception (an HTTP status, an error in a response)."""
        self.status = self.status & ~STATUS_MASK | STATUS_ERROR
        self["error.type"] = kind
        if message:
            self["autotrace.status_message"] = message


def tail_of(fields: Fields) -> bytes:
    """The fields as a record's tail; what is no plain value becomes one first."""
    for value in fields.values():
        if type(value) not in _PLAIN:
            fields = plain_fields(fields)
            break
    tail = dumps(fields, MARSHAL_VERSION)
    if len(tail) > LARGEST_TAIL:
        tail = dumps({"autotrace.fields_dropped": len(fields)}, MARSHAL_VERSION)
    return tail


_PLAIN = frozenset((str, int, float, bool))


def plain_fields(fields: Fields) -> Fields:
    """The same fields with every value one that the journal holds; others become their type's name."""
    result: Fields = {}
    for name, value in fields.items():
        kind = type(value)
        if kind in _PLAIN:
            pass
        elif kind is list or kind is tuple:
            value = [item if type(item) in _PLAIN else f"<{type(item).__name__}>" for item in value]
        elif value is None:
            continue
        elif isinstance(value, str):
            value = str.__str__(value)
        elif isinstance(value, int):
            value = int.__int__(value)
        elif isinstance(value, float):
            value = float.__float__(value)
        else:
            value = f"<{kind.__name__}>"
        result[str.__str__(name)] = value
    return result


def new_thread() -> int:
    """Number the calling thread, and write down which one it is."""
    ident = get_ident()
    number = _threads[ident] = min(_next_thread(), LAST_THREAD)
    if number == LAST_THREAD:
        return number
    name = ""
    threading = sys.modules.get("threading")
    if threading is not None:
        thread = getattr(threading, "_active", {}).get(ident)
        name = str(getattr(thread, "_name", ""))
    try:
        from _thread import get_native_id

        native = get_native_id()
    except ImportError:
        native = 0
    _writer.value(THREAD, (ident, native, name), number)
    return number


def forget_thread() -> None:
    """The calling thread begins: one that has ended may have had the same ident."""
    _threads.pop(get_ident(), None)


def current() -> Span | None:
    """The span that is under way in this context, or None; in a forked child it may be its parent's."""
    return _get_current()


def current_here() -> Span | None:
    """The span of this process that is under way in this context, or None."""
    span = _get_current()
    if span is not None and (span.generation == _generation or span.generation == DROPPED):
        return span
    return None


def on() -> bool:
    """Whether spans are written at all."""
    return _on


def attach(writer: Writer) -> None:
    """Write to this journal from now on: at start, and in a forked child, whose spans begin anew."""
    global _writer, _on, _generation, _next_seq, _next_thread
    _generation += 1  # spans that are under way belong to the journal that they began in
    _next_seq = count(1).__next__
    _threads.clear()
    _next_thread = count().__next__
    _prefixes[_generation] = writer.prefix
    _writer = writer
    _on = True
    writer.regained = _write_sites
    _unwritten[:] = _site_records
    _write_sites()


def _write_sites() -> None:
    """Write the sites that are not in the journal: of another process, or from while the disk was full."""
    while True:
        try:
            number = _unwritten.pop(0)
        except IndexError:  # another thread had the last one
            return
        if not _writer.site(number, _site_records[number]):
            _unwritten.append(number)
            return


def detach() -> None:
    """Write nothing more."""
    global _writer, _on
    _on = False
    _writer = _Nowhere()


def journal() -> Writer | _Nowhere:
    """What is written to at present."""
    return _writer


def fault(place: str, error: BaseException) -> None:
    """Swallow an error of ours: count it, and write it down the first time it happens at that place."""
    try:
        _writer.fault()
        if place in _fault_places or len(_fault_places) >= FAULT_PLACES:
            return
        _fault_places.add(place)
        lines = [f"{type(error).__name__}: {error}"[:500]]
        trace: TracebackType | None = error.__traceback__
        while trace is not None:
            code = trace.tb_frame.f_code
            lines.append(f"  {code.co_filename}:{trace.tb_lineno} in {code.co_name}")
            trace = trace.tb_next
        _writer.value(FAULT, (place, "\n".join(lines[:40])))
    except Exception:  # nothing of ours may reach the program
        pass


def process_fields(fields: Fields) -> None:
    """Set fields of the process's own span (of the job, where the process is the job's)."""
    _writer.update(0, plain_fields(fields))


def process_event(name: str, fields: Fields) -> None:
    """Note something that happened now, outside of any span."""
    _writer.event(0, monotonic_ns(), name, plain_fields(fields))
