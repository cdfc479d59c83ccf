"""httpx: a span for each attempt, redirects and authentication included, until its body is read; sync and async."""

from __future__ import annotations

from autotrace.agent import around
from autotrace.agent.http import Exchange, answered, body, exchange, http

request_span = http()


@around("httpx._client:Client.send", "httpx._client:AsyncClient.send")
def send(client, request, **kwargs):
    if exchange.get() is not None:
        yield None
        return
    held = Exchange()
    try:
        try:
            response = yield None
        except BaseException as error:
            held.failed(error)
            raise
        span = held.span
        if span is not None:
            body(
                span,
                "response",
                response.headers.get("content-type"),
                response.__dict__.get("_content"),
            )
    finally:
        held.close()


@around(
    "httpx._client:Client._send_single_request", "httpx._client:AsyncClient._send_single_request"
)
def send_single_request(client, request, *args, **kwargs):
    span = request_span(request.method, str(request.url))
    held = exchange.get()
    if span is None:
        if held is not None:
            held.finish()
        yield None
        return
    body(span, "request", request.headers.get("content-type"), request.__dict__.get("_content"))
    if held is None:  # older versions come here by other ways too
        response = yield span
    else:
        held.begin(span)
        response = yield None
    answered(span, response.status_code)
