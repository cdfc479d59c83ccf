"""urllib3: a span for each attempt, retries and redirects of the pool included.

Under a span of requests (or of any client that says all by itself) it makes no span of its own: there it only tells
the attempts apart, since retries happen in this layer and nowhere above.
"""

from __future__ import annotations

from autotrace.agent import around, current, suppressed
from autotrace.agent.http import Attempts, answered, body, http

request_span = http()

DEFAULT_PORTS = {"http": 80, "https": 443}


def full_url(pool, url):
    """The whole URL of a request to this pool."""
    if "://" in url:
        return url
    port = "" if pool.port in (None, DEFAULT_PORTS.get(pool.scheme)) else f":{pool.port}"
    host = f"[{pool.host}]" if ":" in pool.host else pool.host
    return f"{pool.scheme}://{host}{port}{url}"


@around("urllib3.connectionpool:HTTPConnectionPool.urlopen")
def urlopen(pool, method, url, data=None, headers=None, *args, **kwargs):
    if suppressed("http"):
        yield None
        return
    span = request_span(method, full_url(pool, url))
    if span is not None:
        body(span, "request", content_type(headers), data)
    response = yield span
    if span is not None:
        answered(span, response.status)
        # Only what was read ahead, as it is by default.
        body(span, "response", content_type(response.headers), getattr(response, "_body", None))


def content_type(headers):
    """The content type, from headers of any kind of mapping."""
    if headers is None:
        return None
    return headers.get("content-type") or headers.get("Content-Type")


@around("urllib3.connectionpool:HTTPConnectionPool._make_request")
def make_request(pool, conn, method, url, *args, **kwargs):
    span = current()
    if span is None or span.site.suppress != "http":
        yield None
        return
    attempts = span.note
    if attempts is None:
        attempts = span.note = Attempts()
    else:
        attempts.again(span, full_url(pool, url))
    try:
        response = yield None
    except BaseException as error:
        attempts.tried(None, error)
        raise
    attempts.tried(response.status, None)
