"""A finished span and a run as everything beside the job sees them: plain values, no behaviour.

The names follow OpenTelemetry's data model (https://opentelemetry.io/docs/specs/otel/trace/api/).
Times are integers in nanoseconds; a point in time counts from the Unix epoch.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, Union

Value = Union[str, bool, int, float, "list[str]", "list[bool]", "list[int]", "list[float]"]
"""What an attribute may hold: a scalar or a flat list of scalars of one type."""

Attributes = dict[str, Value]

State = Literal["running", "ok", "warning", "failed", "killed", "lost"]
"""How a run stands: ``lost`` is one whose process and collector both vanished without a word."""

StatusCode = Literal["unset", "ok", "error"]

SpanKind = Literal["internal", "client", "server", "producer", "consumer"]


@dataclass(slots=True)
class Event:
    """Something that happened at one moment inside a span (an exception, a warning, a log record)."""

    name: str
    time_ns: int
    attributes: Attributes = field(default_factory=dict)


@dataclass(slots=True)
class Span:
    """One operation of a run, from its start to its end.

    ``span_id`` and ``parent_id`` are 16 hex digits; ``parent_id`` is ``None`` for the run's root
    unless the job was started by another traced program. ``scope`` names the instrumentation that
    made the span (``pymysql``, ``stripe``), ``thread`` numbers the threads of process ``pid`` from 0.
    """

    span_id: str
    parent_id: str | None
    name: str
    kind: SpanKind
    start_ns: int
    duration_ns: int
    status_code: StatusCode = "unset"
    status_message: str = ""
    scope: str = ""
    attributes: Attributes = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    pid: int = 0
    thread: int = 0


@dataclass(slots=True)
class Run:
    """One execution of a job: what the list of runs shows, without its spans.

    ``signal`` is a name such as ``SIGKILL``; ``exit_code`` and ``signal`` are ``None`` where they could
    not be known. ``dropped`` counts spans that were not kept; ``faults`` are errors inside
    autotrace's own instrumentations that were swallowed, as ``(place, text)``, and ``fault_count`` is
    how many there were. ``unfinished`` names the spans that were under way when the run ended,
    outermost first, with how long each had been open (nanoseconds).
    """

    run: str
    trace_id: str
    root_span_id: str
    job: str
    command: list[str]
    state: State
    started_ns: int
    duration_ns: int
    exit_code: int | None = None
    signal: str | None = None
    parent_id: str | None = None
    spans: int = 0
    errors: int = 0
    dropped: int = 0
    cpu_ns: int | None = None
    max_rss_bytes: int | None = None
    out_of_memory: bool = False
    cwd: str = ""
    host: str = ""
    user: str = ""
    python: str = ""
    pid: int = 0
    fault_count: int = 0
    faults: list[tuple[str, str]] = field(default_factory=list)
    unfinished: list[tuple[str, int]] = field(default_factory=list)
