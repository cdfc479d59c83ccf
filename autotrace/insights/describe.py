"""A span in a few words: the name that it is grouped under, and what is worth knowing beside it."""

from __future__ import annotations

from typing import Literal, NamedTuple

from autotrace.spans import Attributes, Span

Role = Literal["object", "status", "bad", "count", "text", "error"]


class Remark(NamedTuple):
    """One thing worth knowing about a span.

    ``role`` says what it is, for whoever colours it: ``object`` (whom or what the call was about),
    ``status`` (an answer's code, a good one), ``bad`` (an answer's code, a bad one), ``count``
    (rows, retries, events), ``error`` (what went wrong), ``text`` (a statement, a command line).
    """

    role: Role
    text: str


UNFINISHED = "autotrace.unfinished"
"""The attribute that is true on a span which was under way when its process ended."""

PROCESS_SCOPE = "autotrace.process"
"""The scope of a span that stands for a whole process."""

METHODS = frozenset(
    (
        "GET",
        "POST",
        "PUT",
        "PATCH",
        "DELETE",
        "HEAD",
        "OPTIONS",
        "CONNECT",
        "TRACE",
        "QUERY",
        "HTTP",
    )
)
"""Span names that only say the method of a request."""

# Attributes of these families end in "id" without being the thing that a call was about.
_NOT_OBJECTS = frozenset(
    [
        "autotrace",
        "client",
        "code",
        "db",
        "error",
        "exception",
        "host",
        "http",
        "network",
        "os",
        "peer",
        "process",
        "server",
        "service",
        "session",
        "telemetry",
        "thread",
        "url",
        "user_agent",
    ]
)


def label(span: Span) -> str:
    """Return the name under which alike spans are counted together.

    It is the span's name; one that is only an HTTP method gets the server's name beside it, as a
    ``GET`` of one server has nothing in common with that of another, and one of a process says so,
    as its name may be that of the job.
    """
    name = span.name
    if span.scope == PROCESS_SCOPE:
        return f"{name} (process)"
    if name in METHODS:
        server = span.attributes.get("server.address")
        if server:
            return f"{name} {server}"
    return name


def unfinished(span: Span) -> bool:
    """Say whether the span was still under way when its process ended (or is, in a running job)."""
    return span.attributes.get(UNFINISHED) is True


def remarks(span: Span) -> list[Remark]:
    """Return what is worth knowing about ``span`` beside its name, the most telling first.

    The texts are as they were recorded: whoever prints them makes them safe for a terminal.
    """
    fields = span.attributes
    found: list[Remark] = []
    if "db.system.name" in fields or "db.query.text" in fields:
        _database(span, found)
    elif "http.request.method" in fields or "url.full" in fields:
        _objects(fields, found)
        _http(span, found)
    elif span.scope == PROCESS_SCOPE:
        _process(span, found)
    else:
        _objects(fields, found)
        _status(fields, found)
        model = fields.get("gen_ai.request.model") or fields.get("messaging.destination.name")
        if model:
            found.append(Remark("object", str(model)))
    if span.status_code == "error":
        wrong = error(span)
        if wrong and not any(remark.text == wrong for remark in found):
            found.insert(0, Remark("error", wrong))
    others = sum(1 for event in span.events if event.name != "exception")
    if others:
        found.append(Remark("count", f"{others} event{'s' if others > 1 else ''}"))
    found.sort(key=_lowest)
    return found


def error(span: Span) -> str:
    """Return what went wrong in ``span`` in one line: the type of the error and its message.

    Empty where nothing is known but that it failed.
    """
    kind = str(span.attributes.get("error.type") or "")
    message = span.status_message.strip()
    if unfinished(span):
        return message or "unfinished"
    if not message:
        return kind
    short = kind.rpartition(".")[2]
    if not kind or message.startswith((kind, short)):
        return message
    return f"{short}: {message}"


def _lowest(remark: Remark) -> int:
    """Order remarks: what went wrong comes first and long texts come last."""
    return {"error": 0, "text": 2}.get(remark.role, 1)


def _database(span: Span, found: list[Remark]) -> None:
    """Add how many rows a statement gave or changed, and its text unless the name is all of it."""
    fields = span.attributes
    rows = fields.get("db.response.returned_rows")
    if isinstance(rows, int):
        found.append(Remark("count", f"{rows:,} row{'' if rows == 1 else 's'}"))
    for key in ("db.response.affected_rows", "db.affected_rows"):
        changed = fields.get(key)
        if isinstance(changed, int) and (changed or rows is None):
            found.append(Remark("count", f"{changed:,} affected"))
            break
    batch = fields.get("db.operation.batch.size")
    if isinstance(batch, int):
        found.append(Remark("count", f"batch of {batch:,}"))
    text = fields.get("db.query.text")
    if text and str(text).lower() != span.name.lower():
        found.append(Remark("text", str(text)))


def _http(span: Span, found: list[Remark]) -> None:
    """Add where a request went (without what the label says), and the answer's code."""
    fields = span.attributes
    where = fields.get("url.template") or fields.get("url.full") or fields.get("url.path")
    if where:
        address = str(where).partition("://")[2] or str(where)
        server = str(fields.get("server.address") or "")
        if span.name in METHODS and server and address.startswith(server):
            address = address[len(server) :] or "/"
        elif span.name.endswith(str(where)):
            address = ""
        address = address.partition("?")[0]
        if address:
            found.append(Remark("object", address))
    _status(fields, found)
    again = fields.get("http.request.resend_count")
    if isinstance(again, int) and again > 0:
        found.append(Remark("count", f"retry {again}"))


def _status(fields: Attributes, found: list[Remark]) -> None:
    """Add the code of an HTTP answer."""
    status = fields.get("http.response.status_code")
    if isinstance(status, int):
        found.append(Remark("bad" if status >= 400 else "status", str(status)))


def _objects(fields: Attributes, found: list[Remark]) -> None:
    """Add the first id that says whom or what a vendor's call was about, or its type of object."""
    kind = fields.get("salesforce.sobject")
    if kind:
        found.append(Remark("object", str(kind)))
    for key, value in fields.items():
        if not key.endswith((".object_id", ".id")) or "request" in key or ".response." in key:
            continue
        if key.partition(".")[0] in _NOT_OBJECTS or isinstance(value, (list, bool)):
            continue
        found.append(Remark("object", str(value)))
        return


def _process(span: Span, found: list[Remark]) -> None:
    """Add a process's command line and, where its message does not say so, how it ended."""
    fields = span.attributes
    code = fields.get("process.exit.code")
    if isinstance(code, int) and code and not span.status_message:
        found.append(Remark("bad", f"exit {code}"))
    arguments = fields.get("process.command_args")
    line = " ".join(map(str, arguments)) if isinstance(arguments, list) else ""
    line = line or str(fields.get("process.command_line") or "")
    if line:
        found.append(Remark("text", line))
