"""requests: a span for each attempt, redirects and authentication included, until its body is read.

`Session.send` is where every call and every redirect passes; `HTTPAdapter.send` tells how an attempt went, and is
called a second time where an authentication answers a challenge. Retries of the connection pool below are told
by the instrumentation of urllib3.
"""

from __future__ import annotations

from autotrace.agent import around
from autotrace.agent.http import Exchange, answered, body, exchange, http

request_span = http()


def begin(held, request):
    """Begin an attempt with this prepared request."""
    span = request_span(request.method, request.url, 4)
    held.count = 0
    if span is None:
        held.finish()
        return
    if request.body is not None:
        body(span, "request", request.headers.get("content-type"), request.body)
    held.begin(span)


@around("requests.sessions:Session.send")
def send(session, request, **kwargs):
    held = exchange.get()
    if held is not None:  # a redirect
        begin(held, request)
        yield None
        return
    held = Exchange()
    try:
        begin(held, request)
        try:
            response = yield None
        except BaseException as error:
            held.failed(error)
            raise
        span = held.span
        if span is not None:
            if not held.count:  # an adapter that is not requests' own
                answered(span, response.status_code)
            body(span, "response", response.headers.get("content-type"), response._content)
    finally:
        held.close()


@around("requests.adapters:HTTPAdapter.send")
def adapter_send(
    adapter, request, stream=False, timeout=None, verify=True, cert=None, proxies=None
):
    held = exchange.get()
    if held is None:  # without a session
        span = request_span(request.method, request.url)
        response = yield span
        if span is not None:
            answered(span, response.status_code)
        return
    if held.count:
        begin(held, request)
    held.count += 1
    response = yield None
    if held.span is not None:
        answered(held.span, response.status_code)
