"""What the measured programs talk to, all on 127.0.0.1: span sinks that count, and an HTTP server.

    python sinks.py spans|silent|website

prints the port that it listens on and serves until its standard input closes.

``spans`` is an OTLP/HTTP receiver and a Datadog agent in one: it accepts everything, keeps it as it
came, and counts the spans when ``GET /count`` asks (which also empties it), so that counting does
not compete with the program that is measured. ``silent`` accepts connections and never answers.
``website`` keeps the connection and answers every request with a small document: JSON, or plain
text where the path ends in ``.txt``.
"""

from __future__ import annotations

import gzip
import json
import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

DOCUMENT = b'{"id": "cus_1", "object": "customer", "email": "ada@example.com", "balance": 0}'


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """The protobuf varint at ``at`` and where the next field begins."""
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return value, at
        shift += 7


def _messages(data: bytes, start: int, end: int, wanted: int) -> list[tuple[int, int]]:
    """Where the length-delimited fields numbered ``wanted`` lie in ``data[start:end]``."""
    found = []
    while start < end:
        key, start = _varint(data, start)
        kind = key & 7
        if kind == 0:
            _, start = _varint(data, start)
        elif kind == 1:
            start += 8
        elif kind == 5:
            start += 4
        elif kind == 2:
            length, start = _varint(data, start)
            if key >> 3 == wanted:
                found.append((start, start + length))
            start += length
        else:
            raise ValueError(f"protobuf wire type {kind} at byte {start}")
    return found


def count_otlp(body: bytes) -> int:
    """Spans in an ExportTraceServiceRequest: resource_spans (1), scope_spans (2), spans (2)."""
    return sum(
        len(_messages(body, *scope, 2))
        for resource in _messages(body, 0, len(body), 1)
        for scope in _messages(body, *resource, 2)
    )


class _MessagePack:
    """Walks msgpack values without building them; only array lengths are of interest."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def _number(self, size: int) -> int:
        self.at += size
        return int.from_bytes(self.data[self.at - size : self.at], "big")

    def array(self) -> int:
        """Enter an array: its length."""
        code = self._number(1)
        if 0x90 <= code <= 0x9F:
            return code & 15
        if code in (0xDC, 0xDD):
            return self._number(2 if code == 0xDC else 4)
        raise ValueError(f"an array was expected at byte {self.at - 1}, not 0x{code:02x}")

    def skip(self, values: int = 1) -> None:
        """Step over whole values."""
        while values:
            values -= 1
            code = self._number(1)
            if code <= 0x7F or code >= 0xE0 or code in (0xC0, 0xC2, 0xC3):
                continue
            if code <= 0x8F:
                values += 2 * (code & 15)
            elif code <= 0x9F:
                values += code & 15
            elif code <= 0xBF:
                self.at += code & 31
            elif code in (0xDC, 0xDD):
                values += self._number(2 if code == 0xDC else 4)
            elif code in (0xDE, 0xDF):
                values += 2 * self._number(2 if code == 0xDE else 4)
            elif code in _LENGTH_BYTES:
                length = self._number(_LENGTH_BYTES[code])
                self.at += length
            elif code in _FIXED_BYTES:
                self.at += _FIXED_BYTES[code]
            else:
                raise ValueError(f"unknown msgpack code 0x{code:02x} at byte {self.at - 1}")


_LENGTH_BYTES = {0xC4: 1, 0xC5: 2, 0xC6: 4, 0xD9: 1, 0xDA: 2, 0xDB: 4}
# Floats, unsigned and signed integers, then the extension types with their type byte.
_FIXED_BYTES = dict(
    zip(
        (0xCA, 0xCB, *range(0xCC, 0xD0), *range(0xD0, 0xD4), *range(0xD4, 0xD9)),
        (4, 8, 1, 2, 4, 8, 1, 2, 4, 8, 2, 3, 5, 9, 17),
        strict=True,
    )
)


def count_datadog(body: bytes, version: str) -> int:
    """Spans in a Datadog trace payload.

    ``version`` is "v0.4" (arrays of spans) or "v0.5" (a table of strings before them).
    """
    reader = _MessagePack(body)
    if version == "v0.5":
        if reader.array() != 2:
            raise ValueError("a v0.5 payload is a pair of strings and traces")
        reader.skip()
    total = 0
    for _ in range(reader.array()):
        spans = reader.array()
        reader.skip(spans)
        total += spans
    return total


class _Handler(BaseHTTPRequestHandler):
    """Both vendors' intake."""

    protocol_version = "HTTP/1.1"
    kept: ClassVar[list[tuple[str, bytes]]] = []

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            parts = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            body = b"".join(parts)
        else:
            length = int(self.headers.get("Content-Length", 0))
            body = self.rfile.read(length)
            if len(body) < length:
                raise EOFError
        return gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body

    def _answer(self, body: bytes, kind: str = "application/json") -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        """``/count``, and Datadog's ``/info``."""
        if self.path == "/count":
            kept, self.kept[:] = list(self.kept), []
            counts = {"spans": 0, "requests": len(kept)}
            for path, body in kept:
                version = path.split("/")[1]
                otlp = path == "/v1/traces"
                counts["spans"] += count_otlp(body) if otlp else count_datadog(body, version)
            self._answer(json.dumps(counts).encode())
        elif self.path == "/info":
            self._answer(b'{"version": "7.60.0", "endpoints": ["/v0.4/traces", "/v0.5/traces"]}')
        else:
            self._answer(b"{}")

    def do_POST(self) -> None:
        """Keep spans, accept and forget the rest."""
        try:
            body = self._body()
        except (EOFError, ValueError):
            # Its sender was killed half-way: no backend would have taken it.
            self.close_connection = True
            return
        if self.path == "/v1/traces":
            self.kept.append((self.path, body))
            self._answer(b"", "application/x-protobuf")
        else:
            if self.path in ("/v0.4/traces", "/v0.5/traces"):
                self.kept.append((self.path, body))
            self._answer(b'{"rate_by_service": {"service:,env:": 1}}')

    def do_PUT(self) -> None:
        """Datadog's client uses PUT for its traces."""
        self.do_POST()

    def log_message(self, *_: object) -> None:
        """Stay quiet: stderr belongs to what is measured."""


class _Server(ThreadingHTTPServer):
    """The intake, unmoved by clients that are gone before their answer."""

    def handle_error(self, request: object, client_address: object) -> None:
        """Only what isn't a connection that was cut deserves a traceback."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


def _talk(connection: socket.socket) -> None:
    """Answer requests without a body on one connection until it closes."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n"
    json_answer = head % (b"application/json", len(DOCUMENT)) + DOCUMENT
    text_answer = head % (b"text/plain", len(DOCUMENT)) + DOCUMENT
    waiting = b""
    with connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while data := connection.recv(65536):
            waiting += data
            while (end := waiting.find(b"\r\n\r\n")) >= 0:
                text = waiting.split(b" ", 2)[1].endswith(b".txt")
                waiting = waiting[end + 4 :]
                connection.sendall(text_answer if text else json_answer)


def _accept(listener: socket.socket, answering: bool) -> None:
    """Take connections for ever; leave them unanswered unless ``answering``."""
    held = []
    while True:
        connection, _ = listener.accept()
        if answering:
            threading.Thread(target=_talk, args=(connection,), daemon=True).start()
        else:
            held.append(connection)


def main(kind: str) -> None:
    """Serve ``kind`` until standard input ends."""
    if kind == "spans":
        server = _Server(("127.0.0.1", 0), _Handler)
        port, loop = server.server_port, server.serve_forever
    elif kind in ("silent", "website"):
        listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        port = listener.getsockname()[1]

        def loop() -> None:
            _accept(listener, kind == "website")
    else:
        raise SystemExit(f"sinks.py: {kind!r} is none of spans, silent, website")
    threading.Thread(target=loop, daemon=True).start()
    print(port, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(sys.argv[1])
