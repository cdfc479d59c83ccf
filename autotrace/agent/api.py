"""The names for those who want to say more: `autotrace.span`, `autotrace.add_fields`, `autotrace.current_span`.

All of them do next to nothing while autotrace is off, and never raise.
"""

from __future__ import annotations

from autotrace.agent import tracer
from autotrace.agent.callers import caller, code_fields
from autotrace.agent.tracer import SITES, Site, Span, fault

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Any, TypeVar

    Function = TypeVar("Function", bound=Callable[..., Any])

NAME_CHARACTERS = 255

_sites: dict[tuple[str, int, int], Site] = {}
_further: list[Site] = []


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

    __slots__ = ("_begun", "_fields", "_name")

    def __init__(self, name: str, /, **fields: Any) -> None:
        self._name = name
        self._fields = fields
        # One object may be entered again before it is left: by recursion, by threads, by tasks.
        self._begun: list[Span] = []

    def __enter__(self) -> CurrentSpan:
        """Begin the span; what it gives takes further fields by `[name] = value`."""
        if not tracer._on:
            return CurrentSpan(None)
        begun = None
        try:
            made = _make(self._name, self._fields, 2)
            made.begin()
            begun = made
            self._begun.append(made)
        except Exception as error:
            fault("autotrace.span", error)
        return CurrentSpan(begun)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the span, as failed where the block raised."""
        if not self._begun:
            return
        try:
            begun = _left(self._begun)
            try:
                if error is not None:
                    begun.fail(error)
            finally:
                begun.end()
        except Exception as own:
            fault("autotrace.span", own)

    def __call__(self, function: Function) -> Function:
        """Wrap a function so that each of its calls is such a span.

        What can't be wrapped (a class, a generator function) is returned as it is, and noted in the run's summary.
        """
        name, fields = self._name, self._fields

        def hook(*args: Any, **kwargs: Any) -> Any:
            yield _make(name, fields, 3)

        try:
            wrapped: Function = _wrapped(function, hook)
        except Exception as error:
            fault("autotrace.span", error)
            return function
        return wrapped


def _left(begun: list[Span]) -> Span:
    """Take out of `begun` the span whose block is being left: the innermost of this context."""
    if len(begun) > 1:
        above = tracer.current()
        while above is not None:
            if above in begun:
                begun.remove(above)
                return above
            above = above.parent
    return begun.pop()


def _wrapped(function: Any, hook: Any) -> Any:
    from autotrace.agent.instrument import wrap

    kind = type(function)
    if kind is staticmethod or kind is classmethod:
        return kind(_wrapped(function.__func__, hook))
    if isinstance(function, type) or not callable(function):
        raise TypeError(f"{kind.__name__} {function!r:.100} can't be wrapped by autotrace.span()")
    method = getattr(function, "__func__", None)
    if method is not None:
        return kind(_wrapped(method, hook), function.__self__)
    return wrap(function, hook, "autotrace", once=False)


def _make(name: Any, fields: dict[str, Any], depth: int) -> Span:
    name = _text(name)
    frame = caller(depth)
    key = (name, 0, 0) if frame is None else (name, id(frame.f_code), frame.f_lasti)
    site = _sites.get(key)
    if site is None:
        site = _new_site(name, frame, key)
    made = Span(site)
    if site.name != name:
        made["autotrace.name"] = _shown(name)
    if fields:
        made.update(_plain(fields))
    return made


def _new_site(name: str, frame: Any, key: tuple[str, int, int]) -> Site:
    if len(name) > NAME_CHARACTERS or len(_sites) >= SITES:
        # Names that differ from call to call: spans of one site that say theirs themselves.
        if not _further:
            _further.append(Site("span", "internal", "autotrace", {}))
        return _further[0]
    shown = _shown(name)
    # The code object is kept since its id is part of the key.
    constant, keep = ({}, None) if frame is None else (code_fields(frame), frame.f_code)
    site = Site(shown, "internal", "autotrace", constant, "", keep)
    site.name = name
    _sites[key] = site
    return site


def _text(name: Any) -> str:
    """What is given as a name, as a plain str, without calling anything of the user's."""
    if type(name) is str:
        return name
    return str.__str__(name) if isinstance(name, str) else f"<{type(name).__name__}>"


def _shown(name: str) -> str:
    from autotrace.agent.switch import redactor

    return redactor().text(name, NAME_CHARACTERS)


def _plain(fields: dict[str, Any]) -> dict[str, Any]:
    """Fields as they may be kept: flat, redacted, bounded."""
    from autotrace.agent.fields import flatten
    from autotrace.agent.secret_patterns import MASK
    from autotrace.agent.switch import redactor

    redact = redactor()
    flat: dict[str, Any] = {}
    for name, value in fields.items():
        name = _text(name)
        if len(name) > NAME_CHARACTERS:
            name = redact.text(name, NAME_CHARACTERS)
        if type(value) is bool:
            flat[name] = value
        elif value is None:
            pass
        elif redact.secret_key(name):
            flat[name] = MASK
        elif type(value) is str:
            flat[name] = redact.text(value, 1024)
        else:
            flatten(name, value, flat, redact=redact)
    return flat


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
        if self._span is not None:
            self._set({_text(name): value})

    def add_fields(self, /, **fields: Any) -> None:
        """Set several fields."""
        self._set(fields)

    def _set(self, fields: dict[str, Any]) -> None:
        target = self._span
        if target is None:
            return
        try:
            if target.token is None:  # it has ended
                target.late(_plain(fields))
            else:
                target.update(_plain(fields))
        except Exception as error:
            fault("autotrace.add_fields", error)

    def add_event(self, name: str, /, **fields: Any) -> None:
        """Note something that happens now."""
        if self._span is None:
            return
        try:
            self._span.event(_shown(_text(name)), _plain(fields))
        except Exception as error:
            fault("autotrace.add_event", error)

    @property
    def span_id(self) -> str:
        """The id as other systems see it, 16 hex digits; "" where there is no span."""
        return "" if self._span is None else self._span.span_id


def current_span() -> CurrentSpan:
    """The span that is under way in this context; falsy where there is none."""
    return CurrentSpan(tracer.current_here() if tracer._on else None)


def add_fields(**fields: Any) -> None:
    """Set fields of the span that is under way; of the job's own where none is."""
    if not tracer._on:
        return
    begun = tracer.current_here()
    if begun is not None:
        CurrentSpan(begun)._set(fields)
        return
    try:
        tracer.process_fields(_plain(fields))
    except Exception as error:
        fault("autotrace.add_fields", error)
