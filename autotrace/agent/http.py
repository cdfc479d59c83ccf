"""What an HTTP span is, for all clients: one span for each attempt, from the request to the end of the body.

A client's call may take several attempts: redirects, authentication, retries. Each is a span of its own, named by
its method, beside the others. `Exchange` holds what is under way within one call of the program's.
"""

from __future__ import annotations

from _contextvars import ContextVar
from sys import _getframe
from time import monotonic_ns

from autotrace.agent import callers
from autotrace.agent.callers import code_fields, is_own
from autotrace.agent.kinds import scope_of
from autotrace.agent.tracer import SITES, Site, Span, current

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

METHODS = frozenset(
    ("CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE")
)
"""Methods that are known; the others are `_OTHER`, as the conventions have it."""

DEFAULT_PORTS = {"http": 80, "https": 443}
URLS = 1000
"""URLs whose redacted form is remembered."""

CONTENT_TYPES = 200
"""Content types whose answer is remembered."""

_redacted: dict[str, str] = {}
_origins: dict[str, tuple[str, int] | None] = {}

exchange: ContextVar[Exchange | None] = ContextVar("autotrace_http_exchange", default=None)


def redacted_url(url: str) -> str:
    """A URL without its secrets; remembered."""
    known = _redacted.get(url)
    if known is None:
        from autotrace.agent.switch import redactor

        known = redactor().url(url)
        if len(_redacted) >= URLS:
            _redacted.clear()
        if len(url) <= 1024:
            _redacted[url] = known
    return known


def origin(url: str) -> tuple[str, int] | None:
    """Host and port of a URL; None where calls to it are not to be traced, or where it is not a URL."""
    start = url.find("://")
    if start < 0:
        return None
    stop = len(url)
    for mark in "/?#":
        found = url.find(mark, start + 3, stop)
        if found >= 0:
            stop = found
    key = url[:stop]
    try:
        return _origins[key]
    except KeyError:
        pass
    host = key[start + 3 :].rpartition("@")[2]
    port = DEFAULT_PORTS.get(key[:start].lower(), 0)
    bare, colon, digits = host.rpartition(":")
    if colon and digits.isdigit() and not bare.endswith(":"):
        host, port = bare, int(digits[:6])
    host = host.strip("[]").lower()[:255]
    from autotrace.agent.switch import config

    result = None if config.ignores_host(host, port) else (host, port)
    if len(_origins) >= URLS:
        _origins.clear()
    _origins[key] = result
    return result


def http() -> Callable[..., Span | None]:
    """Make the function that makes a client's HTTP spans.

    It takes method and URL (str) and gives an unstarted `Span`; None where the host is not to be traced.
    """
    scope = scope_of()
    sites: dict[tuple[Any, ...], Site] = {}
    files = callers.files

    def request(method: Any, url: str, depth: int = 2) -> Span | None:
        where = origin(url)
        if where is None:
            return None
        above = current()
        if above is not None and above.site.suppress == "body":
            # An API's operation: how often it was tried is its to say.
            above.note = (above.note or 0) + 1
        frame: Any = _getframe(depth)
        while frame is not None:
            filename = frame.f_code.co_filename
            own = files.get(filename)
            if own is None:
                own = is_own(filename)
            if own:
                break
            frame = frame.f_back
        key: tuple[Any, ...] = (method, where)
        if frame is not None:
            key = (method, where, id(frame.f_code), frame.f_lasti)
        site = sites.get(key)
        if site is None:
            site = new_site(method, where, frame, key)
        fields: dict[str, Any] = {"url.full": redacted_url(url)}
        if site.keep is None:  # one site for all that there was no room for
            fields["server.address"], fields["server.port"] = where
            if site.name == "HTTP":
                fields["http.request.method_original"] = str(method).upper()[:20]
        return Span(site, fields)

    def new_site(method: Any, where: tuple[str, int], frame: Any, key: tuple[Any, ...]) -> Site:
        name = str(method).upper()[:20]
        known = name in METHODS
        if len(sites) >= SITES:
            frame, key, where = None, (name if known else "",), ("", 0)
            if key in sites:
                return sites[key]
        fields: dict[str, Any] = {"http.request.method": name if known else "_OTHER"}
        if not known:
            fields["http.request.method_original"] = name
        if where[0]:
            fields["server.address"] = where[0]
        if where[1]:
            fields["server.port"] = where[1]
        if frame is not None:
            fields.update(code_fields(frame))
        keep = None if frame is None else frame.f_code
        site = sites[key] = Site(name if known else "HTTP", "client", scope, fields, "http", keep)
        return site

    return request


def answered(span: Span, status: Any) -> None:
    """Note a response's status code; from 400 on it is an error, as the conventions have it for clients."""
    if isinstance(status, int):
        span["http.response.status_code"] = int(status)
        if status >= 400:
            span.set_error(str(int(status)))


_SIZES = {"request": "http.request.body.size", "response": "http.response.body.size"}
_content_types: dict[Any, bool] = {}


def has_fields(content_type: Any) -> bool:
    """Whether a body of this content type (str or bytes) is JSON or a form; remembered."""
    if type(content_type) is not str and type(content_type) is not bytes:
        return False
    known = _content_types.get(content_type)
    if known is None:
        text = content_type if isinstance(content_type, str) else content_type.decode("latin-1")
        essence = text[:256].partition(";")[0].strip().lower()
        known = essence.endswith(("/json", "+json", "x-www-form-urlencoded"))
        if len(_content_types) < CONTENT_TYPES:
            _content_types[content_type] = known
    return known


def body(span: Span, side: str, content_type: Any, data: Any) -> None:
    """Keep the fields of a body that is at hand: `side` is "request" or "response", `data` str or bytes.

    JSON and form bodies become `http.<side>.body.<field>`; of others only the size is kept. Nothing is read that
    the program has not read: what is no str and no bytes (a file, a generator) is left alone.
    """
    if type(data) is not bytes and type(data) is not str and type(data) is not bytearray:
        return
    parent = span.parent if span.token is not None else current()
    if parent is not None and parent.site.suppress == "body":
        return
    span[_SIZES[side]] = len(data)
    if not data or not has_fields(content_type):
        return
    from autotrace.agent.switch import config

    if len(data) > config.limits_payload_size:
        return
    if config.capture(span.site.scope)[side == "response"] == "none":
        return
    if isinstance(content_type, bytes):
        content_type = content_type.decode("latin-1")
    from autotrace.agent import fields

    found: dict[str, Any] = {}
    fields.body(f"http.{side}.body", data, content_type, found)
    span.update(found)


class Exchange:
    """One call of the program's, with the attempt that is under way in it.

    An attempt ends when the next one begins, or when the call returns, so that reading the body is part of it.
    """

    __slots__ = ("count", "response", "span", "token")

    def __init__(self) -> None:
        self.span: Span | None = None
        self.response: Any = None
        self.count = 0
        self.token = exchange.set(self)

    def begin(self, span: Span) -> None:
        """End the attempt before, and begin this one."""
        self.finish()
        span.begin()
        self.span = span

    def finish(self) -> None:
        """End the attempt that is under way, if there is one."""
        span, self.span, self.response = self.span, None, None
        if span is not None:
            span.end()

    def failed(self, error: BaseException) -> None:
        """The program's call raised."""
        if self.span is not None:
            self.span.fail(error)

    def close(self) -> None:
        """The program's call returns."""
        self.finish()
        try:
            exchange.reset(self.token)
        except ValueError:  # another context
            exchange.set(None)
        except RuntimeError:  # closed already
            pass


class Attempts:
    """What a connection pool does below a span that another client opened: it may try again by itself.

    `tried` is told how each attempt went. If another follows, the span of the one before ends where that attempt
    did, and the span goes on as a new one beside it, with `http.request.resend_count`.
    """

    __slots__ = ("ended", "error", "resent", "status")

    def __init__(self) -> None:
        self.resent = 0
        self.ended = 0
        self.status: Any = None
        self.error: BaseException | None = None

    def tried(self, status: Any, error: BaseException | None) -> None:
        """An attempt ended, with a status code or with an exception."""
        self.status, self.error, self.ended = status, error, monotonic_ns()

    def again(self, span: Span, url: str) -> None:
        """Another attempt begins under the same span."""
        if not self.ended:
            return
        if self.error is not None:
            span.fail(self.error)
        else:
            answered(span, self.status)
        self.resent += 1
        ended, self.ended, self.error = self.ended, 0, None
        span.restart(
            ended, {"url.full": redacted_url(url), "http.request.resend_count": self.resent}
        )
