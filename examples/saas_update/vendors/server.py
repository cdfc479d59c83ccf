"""What all stand-ins share: an HTTP/1.1 server, routes, faults to order, a record of requests."""

from __future__ import annotations

import json
import re
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qsl, unquote, urlsplit


@dataclass
class Received:
    """One request as it came in, and how it was answered.

    ``params`` are the path's named parts, ``query`` the query string's pairs, ``data`` the parsed
    body (a mapping for forms and JSON objects, ``None`` where there was none). ``status`` is 0
    while the request is being answered and where the connection was dropped instead.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    query: dict[str, str] = field(default_factory=dict)
    params: dict[str, str] = field(default_factory=dict)
    data: Any = None
    status: int = 0


@dataclass
class Reply:
    """An answer: ``body`` is sent as JSON unless it is already bytes; ``None`` sends none."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json"


@dataclass
class Fault:
    """A misfortune for chosen requests, counted from 1 among those that match method and path.

    ``path`` is a regular expression for the whole path. ``status`` 0 closes the connection without
    an answer; ``None`` answers as usual, after ``delay`` seconds. ``details`` go to the vendor's
    error body.
    """

    method: str
    path: str
    on: Iterable[int]
    status: int | None
    delay: float = 0.0
    headers: dict[str, str] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)
    seen: int = 0


Handler = Callable[[Any, Received], Reply]


def route(method: str, template: str) -> Callable[[Handler], Handler]:
    """Mark a method as the one that answers ``method`` on a path such as ``/v1/things/{id}``."""

    def mark(handler: Handler) -> Handler:
        routes = getattr(handler, "routes", [])
        routes.append((method, template))
        handler.routes = routes  # type: ignore[attr-defined]
        return handler

    return mark


class StandIn:
    """A vendor's server on a free port of 127.0.0.1; subclasses add its routes and manners.

    ``latency`` seconds pass before each answer. ``tls`` is a ready server-side context, or ``None``
    for plain HTTP. ``requests`` holds everything received since the start, in order of arrival.
    """

    name: ClassVar[str] = "stand-in"
    _routes: ClassVar[list[tuple[str, re.Pattern[str], str]]]

    def __init_subclass__(cls) -> None:
        cls._routes = []
        for attribute in [name for base in reversed(cls.__mro__) for name in vars(base)]:
            for method, template in getattr(getattr(cls, attribute), "routes", ()):
                pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", template)
                cls._routes.append((method, re.compile(pattern), attribute))

    def __init__(self, *, latency: float = 0.0, tls: ssl.SSLContext | None = None) -> None:
        self.latency = latency
        self.requests: list[Received] = []
        self.lock = threading.RLock()
        self._faults: list[Fault] = []
        self._tls = tls
        self._server: ThreadingHTTPServer | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> StandIn:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def port(self) -> int:
        """The port that it listens on; only between ``start`` and ``stop``."""
        if self._server is None:
            raise RuntimeError(f"the {self.name} stand-in is not running: call start() first")
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """The base address, without a slash at its end."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Listen on a free port and answer in threads of its own."""
        self._server = _Server(("127.0.0.1", 0), _Conversation)
        self._server.stand_in = self  # type: ignore[attr-defined]
        self._server.tls = self._tls  # type: ignore[attr-defined]
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Stop listening. Harmless when it does not run."""
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()
            self._server = self._thread = None

    def fail(
        self,
        method: str,
        path: str,
        status: int | None,
        *,
        on: Iterable[int] = (1,),
        delay: float = 0.0,
        headers: dict[str, str] | None = None,
        **details: Any,
    ) -> None:
        """Plan a :class:`Fault`: the ``on``-th matching requests get ``status``."""
        self._faults.append(Fault(method, path, tuple(on), status, delay, headers or {}, details))

    def answer(self, request: Received) -> Reply | None:
        """The reply to a request; ``None`` closes the connection without one."""
        with self.lock:
            self.requests.append(request)
            fault = self._fault(request)
        time.sleep(self.latency + (fault.delay if fault else 0.0))
        with self.lock:
            if fault is not None and fault.status == 0:
                return None
            if fault is not None and fault.status is not None:
                reply = self.error(fault.status, request, **fault.details)
                reply.headers.update(fault.headers)
            else:
                reply = self.refuse(request) or self._route(request)
            self.finish(request, reply)
        request.status = reply.status
        return reply

    def error(self, status: int, request: Received, **details: Any) -> Reply:
        """An error in the vendor's shape; the default is a bare JSON object."""
        return Reply(status, {"error": details or {"status": status}})

    def refuse(self, request: Received) -> Reply | None:
        """A reply for requests without proper credentials; ``None`` lets the request in."""
        return None

    def finish(self, request: Received, reply: Reply) -> None:
        """Add what the vendor adds to every answer (request id, limits, version)."""

    def _fault(self, request: Received) -> Fault | None:
        found = None
        for fault in self._faults:
            if fault.method == request.method and re.fullmatch(fault.path, request.path):
                fault.seen += 1
                if fault.seen in fault.on:
                    found = found or fault
        return found

    def _route(self, request: Received) -> Reply:
        known = False
        for method, pattern, attribute in self._routes:
            match = pattern.fullmatch(request.path)
            if match is None:
                continue
            known = True
            if method == request.method:
                request.params = {key: unquote(value) for key, value in match.groupdict().items()}
                return getattr(self, attribute)(request)
        return self.error(405 if known else 404, request)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    tls: ssl.SSLContext | None = None

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Shake hands in the connection's own thread, so that a slow client holds up nobody."""
        if self.tls is None:
            super().finish_request(request, client_address)
            return
        with self.tls.wrap_socket(request, server_side=True) as secured:
            super().finish_request(secured, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news."""


class _Conversation(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def handle_one_request(self) -> None:
        self.raw_requestline = self.rfile.readline(65537)
        if not self.raw_requestline or not self.parse_request():
            self.close_connection = True
            return
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = urlsplit(self.path)
        headers = {key.lower(): value for key, value in self.headers.items()}
        request = Received(self.command, parts.path, headers, body)
        request.query = dict(parse_qsl(parts.query, keep_blank_values=True))
        if body and "json" in headers.get("content-type", ""):
            request.data = json.loads(body)
        reply = self.server.stand_in.answer(request)  # type: ignore[attr-defined]
        if reply is None:
            self.close_connection = True
            return
        self._send(reply)

    def _send(self, reply: Reply) -> None:
        body = reply.body
        payload = body if isinstance(body, bytes) else b"" if body is None else _json(body)
        self.send_response(reply.status)
        for key, value in reply.headers.items():
            self.send_header(key, value)
        if payload:
            self.send_header("Content-Type", reply.content_type)
        if reply.status != 204:
            self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(payload)
        self.wfile.flush()

    def log_message(self, *_: object) -> None:
        """Keep the terminal for the job that is being run."""


def _json(body: Any) -> bytes:
    return json.dumps(body, indent=2).encode()
