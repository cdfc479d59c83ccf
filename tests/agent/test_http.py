"""What an HTTP span says, for every client alike: address, status, bodies, attempts."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotrace import config as settings
from autotrace.agent import http, switch
from autotrace.agent.http import Attempts, Exchange
from autotrace.agent.redact import Redactor
from autotrace.agent.tracer import Site, Span


@pytest.fixture(autouse=True)
def _configured(monkeypatch: pytest.MonkeyPatch) -> None:
    config = settings.load("", "", {"AUTOTRACE_IGNORE_HOSTS": "ignored.example,*.internal,db:81"})
    monkeypatch.setattr(switch, "config", config, raising=False)
    monkeypatch.setattr(switch, "_redactor", Redactor())
    monkeypatch.setattr(http, "_origins", {})
    monkeypatch.setattr(http, "_redacted", {})


@pytest.fixture
def span() -> Iterator[Span]:
    made = Span(Site("GET", "client", "requests", {}, "http"))
    made.begin()
    made.fields = {}
    yield made
    made.end()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://api.example.com/v1?a=b", ("api.example.com", 443)),
        ("http://API.Example.com", ("api.example.com", 80)),
        ("http://api.example.com:8080/x", ("api.example.com", 8080)),
        ("HTTPS://api.example.com?x=/y:1@z", ("api.example.com", 443)),
        ("https://u:p@api.example.com:1/x", ("api.example.com", 1)),
        ("https://u:p@ss@api.example.com/", ("api.example.com", 443)),
        ("http://[::1]:99/x", ("::1", 99)),
        ("http://[2001:db8::1]/x", ("2001:db8::1", 80)),
        ("ws://api.example.com/", ("api.example.com", 0)),
        ("http://api.example.com#x:5", ("api.example.com", 80)),
        ("http://api.example.com:/x", ("api.example.com:", 80)),
        ("http:///x", ("", 80)),
        ("/relative", None),
        ("", None),
        ("mailto:ada@example.com", None),
        ("https://ignored.example/x", None),
        ("https://a.b.internal/x", None),
        ("http://db:81/", None),
        ("http://db:82/", ("db", 82)),
    ],
)
def test_host_and_port_of_a_url(url: str, expected: tuple[str, int] | None) -> None:
    assert http.origin(url) == expected
    assert http.origin(url) == expected, "remembered"


@given(st.text())
def test_any_url_has_an_origin_or_none(text: str) -> None:
    for url in (text, f"http://{text}", f"https://{text}:1/x"):
        found = http.origin(url)
        assert found is None or (len(found[0]) <= 255 and 0 <= found[1] < 1_000_000)


def test_a_url_without_its_secrets_is_remembered_within_bounds() -> None:
    url = "https://ada:hunter2@api.example.com/v1?api_key=hunter2&page=3"
    shown = http.redacted_url(url)
    assert "hunter2" not in shown
    assert "page=3" in shown
    assert http.redacted_url(url) is shown
    for number in range(http.URLS + 10):
        http.redacted_url(f"https://api.example.com/{number}")
        http.origin(f"https://{number}.example.com/")
    assert len(http._redacted) <= http.URLS
    assert len(http._origins) <= http.URLS
    long = "https://api.example.com/?q=" + "x" * 100_000
    assert len(http.redacted_url(long)) < 1100
    assert long not in http._redacted


@pytest.mark.parametrize(
    ("status", "error"),
    [(200, False), (204, False), (302, False), (399, False), (400, True), (404, True), (503, True)],
)
def test_a_status_from_400_on_is_an_error(status: int, error: bool, span: Span) -> None:
    http.answered(span, status)
    assert span.fields is not None
    assert span.fields["http.response.status_code"] == status
    assert (span.fields.get("error.type") == str(status)) is error


def test_a_status_that_is_none_is_left_out(span: Span) -> None:
    for status in (None, "200", b"200", object(), 1.5):
        http.answered(span, status)
    assert span.fields == {}


JSON, FORM = "application/json; charset=utf-8", "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("content_type", "data", "expected"),
    [
        (JSON, b'{"id": "a", "password": "hunter2"}', {"id": "a", "password": "[redacted]"}),
        (JSON.encode(), '{"plan": {"id": 3}}', {"plan.id": 3}),
        ("application/vnd.api+json", bytearray(b'{"a": true}'), {"a": True}),
        (FORM, "a=1&token=hunter2", {"a": "1", "token": "[redacted]"}),
        (JSON, b"no json", {}),
        (JSON, b"\xff\xfe", {}),
        (JSON, b"", {}),
        ("text/plain", b"a=1", {}),
        (None, b"{}", {}),
        (5, b"{}", {}),
    ],
)
def test_bodies_become_fields(content_type: Any, data: Any, expected: Any, span: Span) -> None:
    http.body(span, "request", content_type, data)
    assert span.fields is not None
    assert span.fields.pop("http.request.body.size") == len(data)
    assert span.fields == {f"http.request.body.{name}": value for name, value in expected.items()}


def test_what_the_program_has_not_read_is_not_read(span: Span) -> None:
    def stream() -> Iterator[bytes]:
        pytest.fail("it was read")
        yield b""

    class File:
        def read(self, *_: Any) -> bytes:
            pytest.fail("it was read")

        __len__ = __iter__ = __str__ = read  # type: ignore[assignment]

    class Lazy(bytes):
        def decode(self, *_: Any) -> str:  # type: ignore[override]
            pytest.fail("it was called")

    for data in (stream(), File(), None, 5, Lazy(b"{}"), {"a": 1}):
        http.body(span, "request", JSON, data)
    assert span.fields == {}


def test_large_bodies_and_those_not_wanted_are_their_size_alone(
    span: Span, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = b'{"a": "' + b"x" * 10_000_000 + b'"}'
    http.body(span, "response", JSON, large)
    assert span.fields == {"http.response.body.size": len(large)}
    config = settings.load("", "", {"AUTOTRACE_CAPTURE_RESPONSE": "none"})
    monkeypatch.setattr(switch, "config", config)
    span.fields = {}
    http.body(span, "response", JSON, b'{"a": 1}')
    http.body(span, "request", JSON, b'{"b": 2}')
    assert span.fields == {
        "http.response.body.size": 8,
        "http.request.body.size": 8,
        "http.request.body.b": 2,
    }


def test_below_an_operation_that_says_the_body_it_is_not_said_again() -> None:
    operation = Span(Site("stripe.customers.create", "client", "stripe", {}, "body"))
    operation.begin()
    attempt = Span(Site("POST", "client", "requests", {}, "http"))
    attempt.begin()
    http.body(attempt, "request", JSON, b'{"a": 1}')
    assert attempt.fields is None
    attempt.end()
    operation.end()


def test_content_types_are_remembered_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "_content_types", {})
    for number in range(http.CONTENT_TYPES + 50):
        assert http.has_fields(f"application/json; boundary={number}")
        assert not http.has_fields(f"text/html; {number}")
    assert len(http._content_types) <= http.CONTENT_TYPES


def test_an_exchange_ends_each_attempt_with_the_next() -> None:
    outer = Exchange()
    inner = Exchange()
    assert http.exchange.get() is inner
    first, second = (Span(Site("GET", "client", "x", {}, "http")) for _ in range(2))
    inner.begin(first)
    inner.begin(second)
    assert first.token is None
    assert second.token is not None
    inner.close()
    inner.close()
    assert second.token is None
    assert http.exchange.get() in (outer, None)
    outer.close()
    assert http.exchange.get() is None


SEND = """
import time
from autotrace.agent.http import Attempts, Exchange, http
make = http()
def request(method, url): return make(method, url, 2)
"""


def test_attempts_below_one_span_are_siblings(trace: Any) -> None:
    traced = trace(
        SEND + "attempts = Attempts()\n"
        "url = 'https://api.example.com/x?api_key=hunter2'\n"
        "span = request('GET', url)\n"
        "span.begin()\n"
        "attempts.again(span, url)\n"
        "attempts.tried(503, None)\n"
        "attempts.again(span, url)\n"
        "attempts.tried(None, ConnectionError('refused'))\n"
        "attempts.again(span, url)\n"
        "attempts.again(span, url)\n"
        "span['http.response.status_code'] = 200\n"
        "span.end()\n"
    )
    assert traced.returncode == 0, traced.stderr
    assert [span.name for span in traced.spans] == ["GET"] * 3
    fields = [span.fields for span in traced.spans]
    assert [each.get("error.type") for each in fields] == ["503", "ConnectionError", None]
    assert [each.get("http.request.resend_count") for each in fields] == [None, 1, 2]
    assert [each.get("http.response.status_code") for each in fields] == [503, None, 200]
    assert [span.status for span in traced.spans] == ["error", "error", "unset"]
    for each in fields:
        assert (each["server.address"], each["server.port"]) == ("api.example.com", 443)
        assert each["code.line.number"] == 8
        assert "hunter2" not in str(each)


def test_methods_hosts_and_places_are_bounded(trace: Any) -> None:
    traced = trace(
        SEND + "def send(method, url):\n"
        "    span = request(method, url)\n"
        "    span.begin()\n"
        "    span.end()\n"
        "for method in ('get', 'PURGE', 'x' * 1000, b'GET', None):\n"
        "    send(method, 'https://api.example.com/')\n"
        "for number in range(4000):\n"
        "    send('GET', f'https://{number}.example.com/')\n"
        "send('PURGE', 'https://last.example.com/')\n"
        "from autotrace.agent import tracer\n"
        "print(len(tracer._site_records))\n"
        "assert request('GET', '/relative') is None\n"
    )
    assert traced.returncode == 0, traced.stderr
    assert int(traced.stdout) < 2020
    get, purge, *_ = traced.spans
    assert (get.name, get.fields["http.request.method"]) == ("GET", "GET")
    assert (purge.name, purge.fields["http.request.method"]) == ("HTTP", "_OTHER")
    assert purge.fields["http.request.method_original"] == "PURGE"
    assert len(traced.spans) == 4006
    assert max(len(span.name) for span in traced.spans) <= 20
    # Beyond the bound the address is still said.
    hosts = [span.fields.get("server.address") for span in traced.spans[5:-1]]
    assert hosts == [f"{number}.example.com" for number in range(4000)]
    assert traced.spans[-1].fields["http.request.method_original"] == "PURGE"


def test_an_attempts_end_is_when_it_ended_not_when_the_next_begins() -> None:
    attempts = Attempts()
    attempts.tried(503, None)
    assert 0 < attempts.ended <= time.monotonic_ns()
