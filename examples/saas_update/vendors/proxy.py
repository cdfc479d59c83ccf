"""A forward proxy that lets a program reach stand-ins under the vendors' real host names.

It answers ``CONNECT login.salesforce.com:443`` by connecting to a stand-in on loopback, and refuses
every host that it was not told about, so that nothing can leave the machine through it.
"""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading


class Proxy:
    """A proxy on a free port of 127.0.0.1; ``hosts`` maps host names to ports that stand in."""

    def __init__(self, hosts: dict[str, int]) -> None:
        self.hosts = hosts
        self.refused: list[str] = []
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Proxy:
        self._server = _Server(("127.0.0.1", 0), _Tunnel)
        self._server.proxy = self
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()

    @property
    def url(self) -> str:
        """What goes into ``HTTPS_PROXY``."""
        if self._server is None:
            raise RuntimeError("the proxy is not running: use it as a context manager")
        return f"http://127.0.0.1:{self._server.server_address[1]}"


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    proxy: Proxy

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is no news."""


class _Tunnel(socketserver.StreamRequestHandler):
    server: _Server
    rbufsize = 0

    def handle(self) -> None:
        words = self.rfile.readline(65537).decode("latin-1").split()
        while self.rfile.readline(65537).strip():
            pass
        host = words[1].rpartition(":")[0] if len(words) > 1 else ""
        port = self.server.proxy.hosts.get(host) if words[:1] == ["CONNECT"] else None
        if port is None:
            self.server.proxy.refused.append(" ".join(words))
            self.wfile.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
            return
        with socket.create_connection(("127.0.0.1", port)) as upstream:
            upstream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            back = threading.Thread(target=_copy, args=(upstream, self.connection), daemon=True)
            back.start()
            _copy(self.connection, upstream)
            back.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while True:
            # urllib3 leaves Nagle's algorithm on towards a proxy: without a quick
            # acknowledgement each request that comes in two pieces would wait for 40 ms.
            if hasattr(socket, "TCP_QUICKACK"):
                source.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
            chunk = source.recv(65536)
            if not chunk:
                break
            target.sendall(chunk)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
