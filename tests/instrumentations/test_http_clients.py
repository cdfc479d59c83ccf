"""requests, urllib3 and httpx against a real server: one span for each attempt that the server has seen, and no more."""

from __future__ import annotations

import importlib.util
import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from traced_process import without_our_frames


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    seen: list[str]
    failures: dict[str, int]

    def answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        path = self.path.partition("?")[0]
        type(self).seen.append(f"{self.command} {path}")
        status, more, answer = (
            200,
            {},
            {"id": "obj_1", "status": "active", "api_key": "sk_live_51HsecretHsecret"},
        )
        if path == "/redirect":
            status, more = 302, {"Location": "/landing"}
        elif path == "/digest" and "Authorization" not in self.headers:
            status = 401
            more = {"WWW-Authenticate": 'Digest realm="r", nonce="n", qop="auth", algorithm=MD5'}
        elif path.startswith("/flaky"):
            left = type(self).failures.setdefault(path, 2)
            if left:
                type(self).failures[path] -= 1
                status = 503
        elif path == "/missing":
            status = 404
        elif path == "/echo":
            answer = {"got": len(body)}
        data = json.dumps(answer).encode()
        self.send_response(status)
        for name, value in more.items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_PURGE = answer  # noqa: N815

    def log_message(self, *args: Any) -> None:
        pass


class Server:
    def __init__(self) -> None:
        self.seen: list[str] = []
        handler = type("OwnHandler", (Handler,), {"seen": self.seen, "failures": {}})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.port = self._server.server_port
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.stop()


def attempts(traced: Any, *scopes: str) -> list[str]:
    """The HTTP spans as the server would list them."""
    found = []
    for span in traced.spans:
        if span.scope in ("requests", "urllib3", "httpx"):
            assert not scopes or span.scope in scopes, span
            path = "/" + span.fields["url.full"].partition("://")[2].partition("/")[2]
            method = span.fields.get(
                "http.request.method_original", span.fields["http.request.method"]
            )
            found.append(f"{method} {path.partition('?')[0]}")
    return found


CASES = {
    "requests get": ("requests", "requests.get(url + '/a')"),
    "requests from import": ("requests", "from requests import get\nget(url + '/a')"),
    "requests redirect": ("requests", "requests.get(url + '/redirect')"),
    "requests no redirect": ("requests", "requests.get(url + '/redirect', allow_redirects=False)"),
    "requests digest": (
        "requests",
        "requests.get(url + '/digest', auth=requests.auth.HTTPDigestAuth('u', 'p'))",
    ),
    "requests retries": (
        "requests",
        "from requests.adapters import HTTPAdapter\nfrom urllib3.util import Retry\n"
        "session = requests.Session()\n"
        "session.mount('http://', HTTPAdapter(max_retries=Retry(total=4, status_forcelist=[503], backoff_factor=0)))\n"
        "assert session.get(url + '/flaky').status_code == 200",
    ),
    "requests session": (
        "requests",
        "with requests.Session() as session:\n"
        "    session.post(url + '/echo', json={'a': 1})\n    session.put(url + '/b', data={'c': 'd'})\n"
        "    session.head(url + '/h')\n    session.request('PURGE', url + '/p')",
    ),
    "requests stream": (
        "requests",
        "with requests.get(url + '/s', stream=True) as response:\n"
        "    assert b''.join(response.iter_content(7))",
    ),
    "requests hook": (
        "requests",
        "requests.get(url + '/a', hooks={'response': lambda r, **k: requests.get(url + '/b') and None})",
    ),
    "requests adapter alone": (
        "requests",
        "from requests.adapters import HTTPAdapter\n"
        "HTTPAdapter().send(requests.Request('GET', url + '/a').prepare())",
    ),
    "requests threads": (
        "requests",
        "from concurrent.futures import ThreadPoolExecutor\n"
        "with ThreadPoolExecutor(4) as pool:\n"
        "    list(pool.map(lambda n: requests.get(f'{url}/{n}'), range(20)))",
    ),
    "urllib3": ("urllib3", "urllib3.PoolManager().request('GET', url + '/a')"),
    "urllib3 redirect": ("urllib3", "urllib3.PoolManager().request('GET', url + '/redirect')"),
    "urllib3 retries": (
        "urllib3",
        "urllib3.PoolManager(retries=urllib3.Retry(4, status_forcelist=[503], backoff_factor=0))"
        ".request('GET', url + '/flaky')",
    ),
    "urllib3 pool": (
        "urllib3",
        "pool = urllib3.HTTPConnectionPool('127.0.0.1', int(url.rpartition(':')[2]))\n"
        "pool.urlopen('GET', '/redirect')\npool.request('POST', '/echo', body=b'x')",
    ),
    "httpx": ("httpx", "httpx.get(url + '/a')"),
    "httpx redirect": ("httpx", "httpx.get(url + '/redirect', follow_redirects=True)"),
    "httpx digest": ("httpx", "httpx.get(url + '/digest', auth=httpx.DigestAuth('u', 'p'))"),
    "httpx client": (
        "httpx",
        "with httpx.Client() as client:\n    client.post(url + '/echo', json={'a': 1})\n"
        "    with client.stream('GET', url + '/s') as response:\n        assert response.read()",
    ),
    "httpx async": (
        "httpx",
        "import asyncio\nasync def main():\n    async with httpx.AsyncClient(follow_redirects=True) as client:\n"
        "        await asyncio.gather(*[client.get(f'{url}/{n}') for n in range(10)], client.get(url + '/redirect'))\n"
        "asyncio.run(main())",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_one_span_for_each_request_that_the_server_saw(
    case: str, trace: Any, server: Server
) -> None:
    library, code = CASES[case]
    pytest.importorskip(library)
    traced = trace(f"import {library}\nurl = {server.url!r}\n{code}\n")
    assert traced.returncode == 0, traced.stderr
    assert sorted(attempts(traced, library)) == sorted(server.seen)
    assert all(span.ended and span.duration > 0 for span in traced.spans)
    assert all(span.parent is None for span in traced.of(library)), "attempts are siblings"


@pytest.mark.parametrize("library", ["requests", "urllib3", "httpx"])
def test_fields(library: str, trace: Any, server: Server) -> None:
    pytest.importorskip(library)
    calls = {
        "requests": "requests.post(url, json=payload)",
        "urllib3": "urllib3.PoolManager().request('POST', url, body=json.dumps(payload),"
        " headers={'Content-Type': 'application/json'})",
        "httpx": "httpx.post(url, json=payload)",
    }
    traced = trace(
        f"import json, {library}\n"
        f"url = 'http://user:hunter2@127.0.0.1:{server.port}/echo?token=abcdef123456&page=2'\n"
        "payload = {'email': 'a@example.com', 'password': 'hunter2', 'amount': 4200}\n"
        f"def push():\n    {calls[library]}\npush()\n"
    )
    assert traced.returncode == 0, traced.stderr
    [span] = traced.of(library)
    assert (span.name, span.kind, span.status) == ("POST", "client", "unset")
    fields = span.fields
    assert fields["http.request.method"] == "POST"
    assert fields["server.address"] == "127.0.0.1"
    assert fields["server.port"] == server.port
    assert fields["http.response.status_code"] == 200
    assert fields["http.request.body.email"] == "a@example.com"
    assert fields["http.request.body.amount"] == 4200
    assert fields["http.response.body.got"] > 0
    assert fields["code.function.name"] == "push"
    assert "page=2" in fields["url.full"]
    for secret in ("hunter2", "abcdef123456"):
        assert secret not in str(fields)


@pytest.mark.parametrize("library", ["requests", "urllib3", "httpx"])
def test_errors(library: str, trace: Any, server: Server) -> None:
    pytest.importorskip(library)
    calls = {
        "requests": "requests.get",
        "urllib3": "urllib3.PoolManager(retries=False).request",
        "httpx": "httpx.get",
    }
    first = "'GET', " if library == "urllib3" else ""
    code = (
        f"import {library}\ncall = {calls[library]}\n"
        f"call({first}'{server.url}/missing')\n"
        "def work():\n"
        f"    call({first}'http://127.0.0.1:1/')\n"
        "work()\n"
    )
    traced, bare = trace(code), trace(code, env={"AUTOTRACE_ENABLED": "0"})
    assert traced.returncode == bare.returncode == 1
    assert _without_addresses(without_our_frames(traced.stderr)) == _without_addresses(bare.stderr)
    missing, refused = traced.of(library)
    assert (missing.status, missing.fields["error.type"]) == ("error", "404")
    assert refused.status == "error"
    assert refused.fields["error.type"].startswith(f"{library}.")
    assert [name for name, _ in refused.events] == ["exception"]


def _without_addresses(text: str) -> str:
    return re.sub("0x[0-9a-f]+", "0x", text)


def test_a_retry_names_why_and_says_which_it_is(trace: Any, server: Server) -> None:
    pytest.importorskip("requests")
    traced = trace(
        "import requests\nfrom requests.adapters import HTTPAdapter\nfrom urllib3.util import Retry\n"
        "session = requests.Session()\n"
        "retry = Retry(total=4, status_forcelist=[503], backoff_factor=0.1)\n"
        "session.mount('http://', HTTPAdapter(max_retries=retry))\n"
        f"session.get('{server.url}/flaky')\n"
    )
    first, second, third = traced.of("requests")
    assert [s.fields["http.response.status_code"] for s in (first, second, third)] == [
        503,
        503,
        200,
    ]
    assert [s.fields.get("http.request.resend_count") for s in (first, second, third)] == [
        None,
        1,
        2,
    ]
    assert [s.status for s in (first, second, third)] == ["error", "error", "unset"]
    # The pause between two attempts belongs to neither.
    assert third.start - (second.start + second.duration) > 100_000_000


def test_the_body_is_part_of_the_span(trace: Any) -> None:
    pytest.importorskip("requests")
    code = """
import http.server, threading, time, requests
class Slow(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.send_header('Content-Length', '4'); self.end_headers()
        self.wfile.write(b'ab'); self.wfile.flush(); time.sleep(0.3); self.wfile.write(b'cd')
    def log_message(self, *a): pass
server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Slow)
threading.Thread(target=server.serve_forever, daemon=True).start()
assert requests.get(f'http://127.0.0.1:{server.server_port}/').text == 'abcd'
"""
    [span] = trace(code).of("requests")
    assert span.duration > 300_000_000
    assert span.fields["http.response.body.size"] == 4


def test_what_the_program_did_not_read_is_not_read(trace: Any, server: Server) -> None:
    pytest.importorskip("requests")
    code = f"""
import io, requests
class Counted(io.BytesIO):
    reads = 0
    def read(self, *args):
        Counted.reads += 1
        return super().read(*args)
def parts():
    yield b'a'
    yield b'b'
url = {server.url!r}
requests.post(url + '/echo', data=Counted(b'x' * 10))
print(Counted.reads)
try:
    requests.post(url + '/echo', data=parts(), timeout=0.5)
except requests.RequestException:
    pass
response = requests.get(url + '/s', stream=True)
print(response._content, response.raw.tell())
"""
    traced, bare = trace(code), trace(code, env={"AUTOTRACE_ENABLED": "0"})
    assert traced.stdout == bare.stdout
    assert traced.returncode == 0, traced.stderr


@pytest.mark.parametrize("level", ["none", "fields"])
def test_capture_levels_and_ignored_hosts(level: str, trace: Any, server: Server) -> None:
    pytest.importorskip("requests")
    code = (
        f"import requests\nrequests.post('{server.url}/echo', json={{'email': 'a@example.com'}})\n"
    )
    traced = trace(code, config=f'[capture.requests]\nrequest = "{level}"\n')
    [span] = traced.of("requests")
    assert ("http.request.body.email" in span.fields) == (level == "fields")
    traced = trace(code, config=f'[ignore]\nhosts = ["127.0.0.1:{server.port}"]\n')
    assert traced.returncode == 0
    assert traced.spans == []


def test_responses_mocks_work_as_without_us(trace: Any) -> None:
    pytest.importorskip("responses")
    code = """
import requests, responses
with responses.RequestsMock() as mock:
    mock.get('https://api.example.com/v1/users/5', json={'id': 5, 'name': 'Ann'}, status=200)
    print(requests.get('https://api.example.com/v1/users/5').json())
    print([call.request.url for call in mock.calls])
"""
    traced, bare = trace(code), trace(code, env={"AUTOTRACE_ENABLED": "0"})
    assert traced.stdout == bare.stdout
    [span] = traced.of("requests")
    assert span.fields["http.response.status_code"] == 200
    assert span.fields["http.response.body.name"] == "Ann"


def test_pickled_and_inspected_as_before(trace: Any) -> None:
    names = [name for name in ("requests", "urllib3", "httpx") if importlib.util.find_spec(name)]
    code = """
import inspect, pickle, importlib
def show(path):
    module, _, name = path.partition(':')
    try:
        thing = importlib.import_module(module)
    except ImportError:
        return
    for part in name.split('.'):
        thing = getattr(thing, part)
    print(path, inspect.signature(thing), inspect.iscoroutinefunction(thing), thing.__qualname__, thing.__module__,
          pickle.loads(pickle.dumps(thing)) is thing, inspect.getsourcelines(thing)[1], type(thing).__name__)
for path in ('requests.sessions:Session.send', 'requests.adapters:HTTPAdapter.send',
             'urllib3.connectionpool:HTTPConnectionPool.urlopen', 'urllib3.connectionpool:HTTPConnectionPool._make_request',
             'httpx._client:Client.send', 'httpx._client:AsyncClient.send', 'httpx._client:AsyncClient._send_single_request'):
    show(path)
"""
    assert names
    traced, bare = trace(code), trace(code, env={"AUTOTRACE_ENABLED": "0"})
    assert traced.returncode == 0, traced.stderr
    assert _without_addresses(traced.stdout) == _without_addresses(bare.stdout)
