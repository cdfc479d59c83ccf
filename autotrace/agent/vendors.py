"""What an operation of a SaaS API is: a vendor's file is a table of facts with little code.

It calls `api` once, with what is peculiar to the vendor, and its hooks around the SDK's funnel then
say what is asked and what came back:

    stripe = api("stripe", lambda: OPERATIONS, secrets=("number",), headers={"Request-Id": …})

    @around("stripe._api_requestor:_APIRequestor.request")
    def request(requestor, method, url, params=None, …):
        operation, ids = stripe.find(method, url)
        span = stripe.call(operation)
        stripe.request(span, params)
        response = yield span
        stripe.answered(span, response.code, response.headers)
        stripe.response(span, response.data)

One operation is one span, however many HTTP requests it takes: those are spans below it, without
bodies.
"""

from __future__ import annotations

from autotrace.agent.callers import caller
from autotrace.agent.kinds import scope_of, site_here
from autotrace.agent.tracer import Site, Span

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from autotrace.agent.redact import Redactor

OPERATIONS = 2000
"""Operations of one vendor that are told apart; further ones are called by their verb alone."""
IDS = 10
"""Ids of a list's items that are kept."""
NODES = 5000
"""Values of a payload that are kept in full at most."""
DEPTH = 12
"""How deep a payload that is kept in full is followed."""

_EFFECTS = {"GET": "read", "HEAD": "read", "DELETE": "delete", "PUT": "update", "PATCH": "update"}
_EFFECT_WORDS = {
    "list": "read",
    "retrieve": "read",
    "get": "read",
    "search": "read",
    "find": "read",
    "create": "create",
    "delete": "delete",
    "send": "send",
}


class Operation:
    """Something that an API can do: its span's name, its effect, and the fields that are constant.

    `effect` is one of read, create, update, delete, send (somebody gets a message) and charge
    (somebody pays). `parameters` are the names of the path's parameters, if it was found by its
    path.
    """

    __slots__ = ("effect", "fields", "name", "parameters", "sites")

    def __init__(
        self,
        name: str,
        effect: str,
        fields: dict[str, Any] | None = None,
        parameters: tuple[str, ...] = (),
    ) -> None:
        self.name = name
        self.effect = effect
        self.fields = {**(fields or {}), "autotrace.effect": effect}
        self.parameters = parameters
        self.sites: dict[tuple[int, int], Site] = {}


def effect_of(verb: str, name: str) -> str:
    """What an operation does by its HTTP verb and its own name (`create`, `send_invoice`)."""
    known = _EFFECTS.get(verb)
    return known or _EFFECT_WORDS.get(name.partition("_")[0], "update")


class Paths:
    """Finds operations by verb and path, in a table that is read when it is first needed.

    Each of its lines reads

        GET /v1/customers/{customer} customers.retrieve

    A path that it hasn't got is named by what its segments look like.
    """

    __slots__ = ("_effects", "_found", "_table", "_tree", "_vendor", "_words")

    def __init__(
        self, vendor: str, table: Callable[[], str] | None, effects: Mapping[str, str]
    ) -> None:
        self._table = table
        self._vendor = vendor
        self._effects = effects
        self._tree: dict[str, Any] | None = None
        self._words: set[str] = set()
        self._found: dict[tuple[str, str], Operation] = {}

    def find(self, verb: str, path: str) -> tuple[Operation, list[str]]:
        """The operation, and the values of its path's parameters."""
        tree = self._tree
        if tree is None:
            tree = self._read()
        segments = path.strip("/").split("/")
        values: list[str] = []
        node = _walk(tree, segments, 0, values)
        found = None if node is None else node.get(" " + verb)
        if node is None or found is None:
            return self._guess(verb, segments)
        if type(found) is tuple:
            found = node[" " + verb] = self._operation(verb, *found)
        return found, values

    def _read(self) -> dict[str, Any]:
        tree: dict[str, Any] = {}
        for line in self._table().splitlines() if self._table is not None else ():
            verb, _, rest = line.partition(" ")
            path, _, name = rest.partition(" ")
            if not name:
                continue
            node = tree
            for segment in path.strip("/").split("/"):
                if segment[:1] == "{":
                    segment = "{}"
                else:
                    self._words.add(segment)
                node = node.setdefault(segment, {})
            # A segment never begins with a space.
            node[" " + verb] = (path, name)
        self._tree = tree
        return tree

    def _operation(self, verb: str, path: str, name: str) -> Operation:
        effect = self._effects.get(name) or effect_of(verb, name.rpartition(".")[2])
        return Operation(
            f"{self._vendor}.{name}",
            effect,
            {"http.request.method": verb, "url.template": path},
            tuple(part[1:-1] for part in path.split("/") if part[:1] == "{"),
        )

    def _guess(self, verb: str, segments: list[str]) -> tuple[Operation, list[str]]:
        """An operation that the table hasn't got: of a newer API, or removed from it."""
        names: list[str] = []
        template: list[str] = []
        values: list[str] = []
        for segment in segments:
            if segment in self._words or _is_word(segment):
                template.append(segment)
                names.append(segment)
            else:
                template.append("{id}")
                values.append(segment)
        shape = "/" + "/".join(template)
        known = self._found.get((verb, shape))
        if known is None and len(self._found) >= OPERATIONS:
            shape, names, template = "", [], []
            known = self._found.get((verb, shape))
        if known is None:
            if names and names[0] == "v1":
                del names[0]
            last_is_id = bool(template) and template[-1] == "{id}"
            if verb == "DELETE":
                names.append("delete")
            elif verb == "GET":
                names.append("retrieve" if last_is_id else "list")
            elif last_is_id:
                names.append("update")
            elif "{id}" not in template[-2:]:
                names.append("create")
            # What is left is an action on an object, `/v1/orders/{id}/cancel`, which names itself.
            if not shape:
                names = ["call"]
            known = self._operation(verb, shape, ".".join(names))
            self._found[verb, shape] = known
        return known, values


def _walk(node: dict[str, Any], segments: list[str], at: int, values: list[str]) -> Any:
    """The node of a path below this one; a word of the table goes before a parameter."""
    while at < len(segments):
        segment = segments[at]
        at += 1
        word = node.get(segment)
        parameter = node.get("{}")
        if word is None:
            if parameter is None or not segment:
                return None
            values.append(segment)
            node = parameter
        elif parameter is None:
            node = word
        else:
            size = len(values)
            found = _walk(word, segments, at, values)
            if found is not None:
                return found
            del values[size:]
            values.append(segment)
            node = parameter
    # A path that is only the beginning of others is no operation.
    return node if any(key[:1] == " " for key in node) else None


def _is_word(segment: str) -> bool:
    """Whether a segment looks like a name and not like an id."""
    return (
        len(segment) <= 40
        and segment.isascii()
        and segment.replace("_", "").isalnum()
        and segment == segment.lower()
        and (segment[:1] == "v" or not any(char.isdigit() for char in segment))
        and len(segment) > 1
    )


def api(
    vendor: str,
    operations: Callable[[], str] | None = None,
    effects: Mapping[str, str] | None = None,
    secrets: tuple[str, ...] = (),
    headers: Mapping[str, str] | None = None,
    error_headers: Mapping[str, str] | None = None,
) -> Api:
    """Make what a vendor's hooks make their spans with.

    `vendor` is the first part of every name (`stripe`); its capture levels are those that are
    configured for the calling file. `operations` gives the table for `find`, as `Paths` reads it;
    `effects` are those that an operation's verb and name do not tell, by the name in the table.
    `secrets` are field names that are secret with this vendor besides those that always are.
    `headers` of an answer are kept as the fields named, and of a failure `error_headers` too.
    """
    return Api(
        vendor,
        scope_of(),
        Paths(vendor, operations, effects or {}),
        secrets,
        tuple((headers or {}).items()),
        tuple((error_headers or {}).items()),
    )


class _Settings:
    """What the configuration says of one vendor's payloads: it does not change in a process."""

    __slots__ = ("attributes", "depth", "flatten", "levels", "size")

    def __init__(self, scope: str) -> None:
        from autotrace.agent.fields import flatten
        from autotrace.agent.switch import config

        self.flatten = flatten
        self.levels = config.capture(scope)
        self.attributes = config.limits_payload_attributes
        self.depth = config.limits_payload_depth
        self.size = config.limits_payload_size


class Api:
    """One vendor's API; see `api`. What is told after a call may be told of no span."""

    __slots__ = (
        "_error_headers",
        "_headers",
        "_known",
        "_named",
        "_params",
        "_paths",
        "_redactors",
        "_response",
        "_scope",
        "_secrets",
        "_vendor",
    )

    def __init__(
        self,
        vendor: str,
        scope: str,
        paths: Paths,
        secrets: tuple[str, ...],
        headers: tuple[tuple[str, str], ...],
        error_headers: tuple[tuple[str, str], ...],
    ) -> None:
        self._vendor = vendor
        self._params = f"{vendor}.params"
        self._response = f"{vendor}.response"
        self._scope = scope
        self._known: _Settings | None = None
        self._paths = paths
        self._secrets = secrets
        self._headers = headers
        self._error_headers = error_headers
        self._named: dict[str, Operation] = {}
        self._redactors: dict[tuple[tuple[str, ...], tuple[str, ...]], Redactor] = {}

    def find(self, verb: str, path: str) -> tuple[Operation, list[str]]:
        """The operation with this verb (in capitals) and path, and its parameters' values."""
        return self._paths.find(verb, path)

    def named(self, name: str, effect: str) -> Operation:
        """The operation of this name (`contacts.create`), where functions say more than paths."""
        known = self._named.get(name)
        if known is None:
            if len(self._named) >= OPERATIONS:
                name, effect = "call", "update"
            known = self._named[name] = Operation(f"{self._vendor}.{name}", effect)
        return known

    def call(self, operation: Operation, fields: dict[str, Any] | None = None) -> Span:
        """An unstarted span for one call of this operation, made where the user's code is."""
        return Span(
            site_here(
                operation.sites,
                operation.name,
                "client",
                self._scope,
                operation.fields,
                "body",
                caller(1),
            ),
            fields,
        )

    def _settings(self) -> _Settings:
        known = self._known
        if known is None:
            known = self._known = _Settings(self._scope)
        return known

    def redactor(self, secrets: tuple[str, ...] = (), keep: tuple[str, ...] = ()) -> Redactor:
        """What finds this vendor's secrets; `secrets` and `keep` are names for some operations."""
        known = self._redactors.get((secrets, keep))
        if known is None:
            from autotrace.agent.switch import redactor

            known = redactor().extended((*self._secrets, *secrets), keep)
            self._redactors[secrets, keep] = known
        return known

    def request(
        self,
        span: Span,
        payload: Any,
        secrets: tuple[str, ...] = (),
        keep: tuple[str, ...] = (),
    ) -> None:
        """Keep what is sent, as far as is wanted: `<vendor>.params.*`, before the span begins.

        `payload` is looked into as `fields.flatten` does: files and generators are not read.
        """
        level = self._settings().levels[0]
        if payload and level != "none":
            self._keep(span, self._params, payload, secrets, keep)
            if level == "full":
                self._keep_whole(span, f"{self._vendor}.request.body", payload, secrets, keep)

    def response(
        self,
        span: Span | None,
        payload: Any,
        size: int = 0,
        secrets: tuple[str, ...] = (),
        keep: tuple[str, ...] = (),
    ) -> None:
        """Keep what came back, as far as is wanted: `<vendor>.response.*`.

        `size` is the body's, if it is known: of a large one nothing else is kept.
        """
        if span is None:
            return
        if size:
            span["http.response.body.size"] = size
        settings = self._settings()
        level = settings.levels[1]
        if level == "none" or size > settings.size:
            return
        self._keep(span, self._response, payload, secrets, keep)
        if level == "full":
            self._keep_whole(span, f"{self._vendor}.response.body", payload, secrets, keep)

    def listed(
        self, span: Span | None, items: Any, more: Any = None, size: int = 0, ids: bool = True
    ) -> None:
        """Note a page of objects: how many, whether there are more, and the first ids."""
        if span is None or not isinstance(items, list):
            return
        span[f"{self._vendor}.list.count"] = len(items)
        if type(more) is bool:
            span[f"{self._vendor}.list.has_more"] = more
        if size:
            span["http.response.body.size"] = size
        settings = self._settings()
        level = settings.levels[1]
        if not ids or level == "none":
            return
        found = [item.get("id") for item in items[:IDS] if isinstance(item, dict)]
        kept = [each for each in found if type(each) is str]
        if kept:
            text = self.redactor().text
            span[f"{self._vendor}.list.ids"] = [text(each, 256) for each in kept]
        if level == "full" and size <= settings.size:
            self._keep_whole(span, f"{self._vendor}.response.body", items, (), ())

    def answered(self, span: Span | None, status: Any, headers: Any, failed: bool = False) -> None:
        """Note the final answer: status code, the headers that matter, how many attempts."""
        if span is None:
            return
        if isinstance(status, int):
            span["http.response.status_code"] = int(status)
        if headers is not None:
            self._keep_headers(span, headers, self._headers)
            if failed:
                self._keep_headers(span, headers, self._error_headers)
        attempts = span.note
        if type(attempts) is int and attempts > 1:
            span["http.request.resend_count"] = attempts - 1

    def error(self, span: Span | None, fields: Mapping[str, Any]) -> None:
        """Note what the vendor says of a failure: `<vendor>.error.*`, scalars only."""
        if span is None:
            return
        redact = self.redactor()
        for name, value in fields.items():
            if type(value) is str:
                if value:
                    span[f"{self._vendor}.error.{name}"] = redact.text(value, 256)
            elif type(value) is int or type(value) is bool:
                span[f"{self._vendor}.error.{name}"] = value

    def _keep_headers(self, span: Span, headers: Any, wanted: tuple[tuple[str, str], ...]) -> None:
        redact = self.redactor().text
        get = headers.get
        plain = type(headers) is dict
        for name, field in wanted:
            value = get(name)
            if value is None and plain:  # the others know no case
                value = get(name.lower())
            if type(value) is str and value:
                span[field] = redact(value, 256)

    def _keep(
        self,
        span: Span,
        prefix: str,
        payload: Any,
        secrets: tuple[str, ...],
        keep: tuple[str, ...],
    ) -> None:
        settings = self._settings()
        found: dict[str, Any] = {}
        settings.flatten(
            prefix,
            payload,
            found,
            settings.attributes,
            settings.depth,
            self.redactor(secrets, keep),
        )
        span.update(found)

    def _keep_whole(
        self, span: Span, field: str, payload: Any, secrets: tuple[str, ...], keep: tuple[str, ...]
    ) -> None:
        """The whole payload as JSON, without its secrets."""
        from json import dumps

        left = [NODES]
        text = dumps(_whole("", payload, self.redactor(secrets, keep), DEPTH, left))
        if len(text) <= self._settings().size and left[0] > 0:
            span[field] = text


def _whole(name: str, value: Any, redact: Redactor, depth: int, left: list[int]) -> Any:
    """A copy of a payload of plain values alone, secrets masked; `left` counts down the values."""
    left[0] -= 1
    if left[0] <= 0:
        return None
    kind = type(value)
    if issubclass(kind, dict) and depth:
        if name and redact.secret_key(name):
            return redact.value(name, "…")
        return {
            redact.text(key, 256): _whole(key, held, redact, depth - 1, left)
            for key, held in dict.items(value)
            if type(key) is str
        }
    if issubclass(kind, (list, tuple)) and depth:
        # Each item goes by the list's name and is as secret.
        items = list.__iter__(value) if issubclass(kind, list) else tuple.__iter__(value)
        return [_whole(name, held, redact, depth - 1, left) for held in items]
    return redact.value(name, value)
