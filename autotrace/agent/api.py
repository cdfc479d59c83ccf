"""The names for those who want to say more: `autotrace.span`, `autotrace.add_fields`, `autotrace.current_span`.

All of them do next to nothing while autotrace is off, and never raise.
"""

from __future__ import annotations

from autotrace.agent import tracer
from autotrace.agent.callers import caller
from autotrace.agent.kinds import site_here
from autotrace.agent.tracer import Site, Span, fault

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Any, TypeVar

    Function = TypeVar("Function", bound=Callable[..., Any])

_sites: dict[str, dict[tuple[int, int], Site]] = {}
NAMES = 1000
"""Names of spans that are remembered; spans of further names are written all the same."""


class span:  # noqa: N801 - it is used like a function
    """A span around a block or a function of the user's own.

    As a context manager:

        with autotrace.span("update user", user_id=user.id) as span:
            span["plan"] = "pro"

    and as a decorator of plain functions and of coroutine functions:

        @autotrace.span("nightly export")
        def export(): ...

    `name` should be one of few: what differs from call to call belongs into the fields, whose values are strings,
    numbers, booleans or lists of these (anything else is flattened and redacted as request bodies are).
    """

    __slots__ = ("_fields", "_name", "_span")

    def __init__(self, name: str, /, **fields: Any) -> None:
        self._name = name
        self._fields = fields
        self._span: Span | None = None

    def __enter__(self) -> CurrentSpan:
        """Begin the span; what it gives takes further fields by `[name] = value`."""
        if tracer._on:
            try:
                self._span = _begin(self._name, self._fields, 2)
            except Exception as error:
                fault("autotrace.span", error)
        return CurrentSpan(self._span)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the span, as failed where the block raised."""
        begun, self._span = self._span, None
        _end(begun, error)

    def __call__(self, function: Function) -> Function:
        """Wrap a function so that each of its calls is such a span."""
        from autotrace.agent.instrument import wrap

        name, fields = self._name, self._fields

        def hook(*args: Any, **kwargs: Any) -> Any:
            begun = _make(name, fields, 3)
            yield begun

        try:
            wrapped: Function = wrap(function, hook, "autotrace")
        except Exception as error:
            fault("autotrace.span", error)
            return function
        return wrapped


def _make(name: str, fields: dict[str, Any], depth: int) -> Span:
    sites = _sites.get(name)
    if sites is None:
        sites = {}
        if len(_sites) < NAMES:
            _sites[name] = sites
    made = Span(site_here(sites, str(name), "internal", "autotrace", {}, "", caller(depth)))
    if fields:
        _set(made, fields)
    return made


def _begin(name: str, fields: dict[str, Any], depth: int) -> Span:
    made = _make(name, fields, depth + 1)
    made.begin()
    return made


def _end(begun: Span | None, error: BaseException | None) -> None:
    if begun is None:
        return
    try:
        if error is not None:
            begun.fail(error)
        begun.end()
    except Exception as own:
        fault("autotrace.span", own)


def _set(target: Span, fields: dict[str, Any]) -> None:
    from autotrace.agent.fields import flatten
    from autotrace.agent.switch import redactor

    redact = redactor()
    flat: dict[str, Any] = {}
    for name, value in fields.items():
        if isinstance(value, (str, int, float, bool)):
            flat[name] = redact.value(name, value)
        else:
            flatten(name, value, flat)
    target.update(flat)


class CurrentSpan:
    """A span that is under way, or nothing where there is none: it takes fields and events and never raises."""

    __slots__ = ("_span",)

    def __init__(self, span: Span | None) -> None:
        self._span = span

    def __bool__(self) -> bool:
        """Whether there is a span."""
        return self._span is not None

    def __setitem__(self, name: str, value: Any) -> None:
        """Set a field."""
        self.add_fields(**{name: value})

    def add_fields(self, /, **fields: Any) -> None:
        """Set several fields."""
        if self._span is None:
            return
        try:
            _set(self._span, fields)
        except Exception as error:
            fault("autotrace.add_fields", error)

    def add_event(self, name: str, /, **fields: Any) -> None:
        """Note something that happens now."""
        if self._span is None:
            return
        try:
            from autotrace.agent.switch import redactor

            redact = redactor()
            self._span.event(
                str(name), {key: redact.value(key, value) for key, value in fields.items()}
            )
        except Exception as error:
            fault("autotrace.add_event", error)

    @property
    def span_id(self) -> str:
        """The id as other systems see it, 16 hex digits; "" where there is no span."""
        return "" if self._span is None else self._span.span_id


def current_span() -> CurrentSpan:
    """The span that is under way in this context; falsy where there is none."""
    return CurrentSpan(tracer._get_current() if tracer._on else None)


def add_fields(**fields: Any) -> None:
    """Set fields of the span that is under way; of the job's own where none is."""
    if not tracer._on:
        return
    begun = tracer._get_current()
    if begun is not None:
        CurrentSpan(begun).add_fields(**fields)
        return
    try:
        from autotrace.agent.switch import redactor

        redact = redactor()
        for name, value in fields.items():
            tracer.process_field(name, redact.value(name, value))
    except Exception as error:
        fault("autotrace.add_fields", error)
