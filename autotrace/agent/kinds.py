"""What an SQL, an HTTP and an API span is: the names, kinds and fields that all instrumentations share.

Each function here is called once in an instrumentation's file and makes the function that its hooks call:

    statement = sql("mysql")

Names and fields are OpenTelemetry's semantic conventions (https://opentelemetry.io/docs/specs/semconv/).
"""

from __future__ import annotations

import sys
from _thread import get_ident
from sys import _getframe

from autotrace.agent import callers
from autotrace.agent.callers import caller, code_fields, is_own
from autotrace.agent.tracer import SITES, Site, Span, current

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Place = tuple[Any, ...]

STATEMENT_CHARACTERS = 4096
"""A statement longer than this is not remembered by its text."""
DESCRIBED = 1000
"""Statements whose description is remembered."""

_described: dict[tuple[str, bool, str], tuple[str, str, str, str]] = {}


def scope_of(depth: int = 2) -> str:
    """The instrumentation that calls: its file's name."""
    name: str = _getframe(depth).f_globals.get("__name__", "")
    return name.rsplit(".", 1)[-1]


def describe(query: str, parameterised: bool, system: str) -> tuple[str, str, str, str]:
    """A statement's text without literals, its summary, operation and collection; remembered."""
    key = (query, parameterised, system)
    known = _described.get(key)
    if known is None:
        from autotrace.agent import sqltext
        from autotrace.agent.switch import redactor

        known = sqltext.describe(query, parameterised, system, redactor())
        if len(query) <= STATEMENT_CHARACTERS:
            if len(_described) >= DESCRIBED:
                _described.clear()
            _described[key] = known
    return known


def sql(system: str, suppress: str = "", scope: str = "") -> Callable[..., Span]:
    """Make the function that makes a span for a statement.

    `system` is a `db.system.name` (`mysql`, `sqlite`, `postgresql`); `suppress` is what such a span says all of
    (see `suppressed`). The function takes the statement (str or bytes), where it goes (`(address, port,
    namespace)`, with None for what there is not), the parameters that are passed beside it (True for those of a
    batch), and how many frames above it the search for the user's own code begins. It returns an unstarted `Span`.
    """
    scope = scope or scope_of()
    # By caller first: programs have few places, each with few statements.
    sites: dict[tuple[Any, ...], Site] = {}
    by_text: dict[tuple[Any, ...], Site] = {}
    files = callers.files

    def statement(query: Any, place: Place, parameters: Any, depth: int = 2) -> Span:
        parameterised = parameters is not None and (
            type(parameters) not in _CONTAINERS or len(parameters) > 0
        )
        # `caller`, in place.
        frame: Any = _getframe(depth)
        while frame is not None:
            filename = frame.f_code.co_filename
            own = files.get(filename)
            if own is None:
                own = is_own(filename)
            if own:
                break
            frame = frame.f_back
        if extras or keep_parameters:
            span = first(query, place, parameterised, frame, _here(frame))
            _add_extras(span, parameters if keep_parameters and parameterised else None)
            return span
        if frame is None:
            key: tuple[Any, ...] = (query, place, parameterised)
        else:
            key = (query, place, parameterised, id(frame.f_code), frame.f_lasti)
        try:
            return Span(sites[key])
        except Exception:  # new, or a statement that can't be hashed or compared
            return first(query, place, parameterised, frame, key[3:])

    def first(
        query: Any, place: Place, parameterised: bool, frame: Any, here: tuple[int, ...]
    ) -> Span:
        raw = as_text(query)
        text, summary, operation, collection = describe(raw, parameterised, system)
        name = summary or operation or system
        known = (text, place, *here)
        site = by_text.get(known)
        if site is None:
            fields = {"db.system.name": system}
            address, port, namespace = place
            for field, value in (
                ("db.query.text", text),
                ("db.query.summary", summary),
                ("db.operation.name", operation),
                ("db.collection.name", collection),
                ("db.namespace", namespace),
                ("server.address", address),
                ("server.port", port),
            ):
                if value:
                    fields[field] = value
            if frame is not None:
                fields.update(code_fields(frame))
            if len(by_text) >= SITES:
                # Beyond the limit a span says it all itself, under one site.
                bare = by_text.get(())
                if bare is None:
                    bare = by_text[()] = Site(
                        system, "client", scope, {"db.system.name": system}, suppress
                    )
                fields["autotrace.name"] = name
                return Span(bare, fields)
            # The code object is kept since its id is part of the key.
            keep = None if frame is None else frame.f_code
            site = by_text[known] = Site(name, "client", scope, fields, suppress, keep)
        if raw is query and len(raw) <= STATEMENT_CHARACTERS:
            if len(sites) >= 2 * SITES:
                sites.clear()
            asked = (query, place, parameterised, *here)
            sites[asked] = site
        return Span(site)

    return statement


_CONTAINERS = frozenset((tuple, list, dict))

keep_parameters = False
"""Whether the parameters of statements are kept; set from the configuration."""


def _here(frame: Any) -> tuple[int, ...]:
    return () if frame is None else (id(frame.f_code), frame.f_lasti)


extras: dict[int, dict[str, Any]] = {}
"""By thread: what a layer above the driver has to say of the statement that is about to be run (its ORM entity)."""


class saying:  # noqa: N801 - it is used like a function
    """While it lasts, statements of this thread have these fields as well, besides those of contexts around it."""

    __slots__ = ("_before", "_fields", "_thread")

    def __init__(self, fields: dict[str, Any]) -> None:
        self._fields = fields

    def __enter__(self) -> None:
        self._thread = get_ident()
        self._before = extras.get(self._thread)
        extras[self._thread] = {**(self._before or {}), **self._fields}

    def __exit__(self, *exc: object) -> None:
        if self._before is None:
            extras.pop(self._thread, None)
        else:
            extras[self._thread] = self._before


def _add_extras(span: Span, parameters: Any) -> None:
    said = extras.get(get_ident())
    if said:
        span.update(said)
    if parameters is None or parameters is True:
        return
    from autotrace.agent.fields import flatten

    if type(parameters) in (list, tuple):
        parameters = {str(number): value for number, value in enumerate(parameters[:64])}
    fields: dict[str, Any] = {}
    flatten("db.query.parameter", parameters, fields)
    span.update(fields)


def place_text(text: str) -> str:
    """The name of a place (a database's path or URI) without secrets, at most 255 characters."""
    if "://" in text or "?" in text or "@" in text:
        from autotrace.agent.switch import redactor

        text = redactor().url(text[:4096])
    return text[:255]


def as_text(query: Any) -> str:
    """A statement as text, without calling anything of the user's: str, bytes, or its type's name."""
    if isinstance(query, str):
        return str.__str__(query)
    start = slice(0, STATEMENT_CHARACTERS)
    if isinstance(query, bytes):
        return bytes.__getitem__(query, start).decode("utf-8", "replace")
    if isinstance(query, bytearray):
        return bytearray.__getitem__(query, start).decode("utf-8", "replace")
    return f"<{type(query).__name__}>"


def plain(
    name: str, kind: str = "internal", suppress: str = "", **fields: Any
) -> Callable[..., Span]:
    """Make the function that makes spans of one fixed name, by place of call.

    The function takes fields that differ from call to call (a dict or None), and returns an unstarted `Span`.
    """
    scope = scope_of()
    sites: dict[tuple[int, int], Site] = {}

    def make(more: dict[str, Any] | None = None, depth: int = 2) -> Span:
        if more is not None:
            more = {name: value for name, value in more.items() if value is not None}
        return Span(site_here(sites, name, kind, scope, fields, suppress, caller(depth)), more)

    return make


def site_here(
    sites: dict[tuple[int, int], Site],
    name: str,
    kind: str,
    scope: str,
    fields: dict[str, Any],
    suppress: str,
    frame: Any,
) -> Site:
    """The site of this name and of the place that `frame` is at, made when it is first asked for."""
    key = (0, 0) if frame is None else (id(frame.f_code), frame.f_lasti)
    site = sites.get(key)
    if site is None:
        if len(sites) >= SITES:
            key, frame = (0, 0), None
            site = sites.get(key)
            if site is not None:
                return site
        constant = dict(fields)
        if frame is not None:
            constant.update(code_fields(frame))
        site = Site(name, kind, scope, constant, suppress, None if frame is None else frame.f_code)
        sites[key] = site
    return site


def suppressed(what: str) -> bool:
    """Whether the current span says all that a span of this kind would say below it (`http` under `http`)."""
    span = current()
    return span is not None and span.site.suppress == what


def loaded(name: str) -> Any:
    """A module if the program has imported it, else None."""
    return sys.modules.get(name)
