"""Stripe's API v1: customers, subscriptions, invoices, payment methods and payment intents.

https://docs.stripe.com/api — form bodies with brackets, list objects with cursors, search, errors
with type, code, param and decline_code, idempotent POSTs, a Request-Id on every answer.
"""

from __future__ import annotations

import copy
import re
from typing import Any, ClassVar
from urllib.parse import parse_qsl

from . import stripe_objects as objects
from .server import Received, Reply, StandIn, route

Fields = dict[str, Any]


class StripeStandIn(StandIn):
    """Stripe with an account of its own, reached with ``api_key``.

    ``declining`` holds the ids of customers whose cards have no funds. Fault details: ``code``,
    ``message``, ``type`` of the error.
    """

    name: ClassVar[str] = "Stripe"
    _collections: ClassVar[dict[str, str]] = {
        "customers": "customer",
        "subscriptions": "subscription",
        "invoices": "invoice",
        "payment_methods": "payment_method",
        "payment_intents": "payment_intent",
    }

    def __init__(
        self, api_key: str, *, declining: frozenset[str] = frozenset(), **options: Any
    ) -> None:
        super().__init__(**options)
        self.api_key = api_key
        self.declining = declining
        self.store: dict[str, dict[str, Fields]] = {name: {} for name in self._collections}
        self._made = 0
        self._answered = 0
        self._replays: dict[str, tuple[Reply, str]] = {}

    def add_customer(self, identifier: str, **fields: Any) -> Fields:
        """Put a customer into the account before the job runs."""
        return self._keep("customers", objects.customer(identifier, **fields))

    def add_subscription(
        self, identifier: str, customer: str, quantity: int, **fields: Any
    ) -> Fields:
        """Put a subscription on trial into the account."""
        made = objects.subscription(identifier, customer, quantity, **fields)
        return self._keep("subscriptions", made)

    def refuse(self, request: Received) -> Reply | None:
        """A wrong key is refused; a POST with a key that was seen gets its first answer again."""
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        if given != self.api_key:
            shown = f"{given[:8]}{'*' * 12}{given[-4:]}"
            return self.error(401, request, code=None, message=f"Invalid API Key provided: {shown}")
        request.data = _nested(parse_qsl(request.body.decode(), keep_blank_values=True))
        replay = self._replays.get(self._replay_key(request))
        if replay is None:
            return None
        reply = copy.deepcopy(replay[0])
        reply.headers.update({"Idempotent-Replayed": "true", "Original-Request": replay[1]})
        return reply

    def finish(self, request: Received, reply: Reply) -> None:
        """Add the request id, and keep the answer for whoever repeats an idempotent POST."""
        self._answered += 1
        identifier = f"req_{self._answered:04d}AbCdEfGhIj"
        first = reply.headers.get("Original-Request") is None
        reply.headers.update(
            {
                "Request-Id": identifier,
                "Stripe-Version": request.headers.get("stripe-version", "2025-09-30.clover"),
                "Cache-Control": "no-cache, no-store",
                "Access-Control-Allow-Origin": "*",
            }
        )
        if "idempotency-key" in request.headers:
            reply.headers["Idempotency-Key"] = request.headers["idempotency-key"]
            if first and (reply.status < 400 or reply.status == 402):
                self._replays[self._replay_key(request)] = (copy.deepcopy(reply), identifier)

    def error(self, status: int, request: Received, **details: Any) -> Reply:
        """One error object; types and codes are those of the API reference."""
        kind = {402: "card_error", 500: "api_error", 502: "api_error", 503: "api_error"}
        code = {404: "resource_missing", 409: "idempotency_key_in_use", 429: "rate_limit"}
        words = {
            404: f"Unrecognized request URL ({request.method}: {request.path}).",
            429: "Request rate limit exceeded.",
            500: "An unknown error occurred",
            503: "The server is temporarily unable to handle the request.",
        }
        fields: Fields = {
            "code": code.get(status),
            "message": words.get(status, "Something was wrong with the request."),
            "type": kind.get(status, "invalid_request_error"),
            **details,
        }
        if fields["code"]:
            fields["doc_url"] = f"https://stripe.com/docs/error-codes/{fields['code']}"
        fields["request_log_url"] = "https://dashboard.stripe.com/acct_1SyncExample/test/logs"
        return Reply(status, {"error": {k: v for k, v in fields.items() if v is not None}})

    @route("GET", "/v1/{collection}")
    def list_objects(self, request: Received) -> Reply:
        """A page of objects after ``starting_after`` that match the plain filters."""
        found = [o for o in self._all(request) if self._wanted(o, request.query)]
        after = request.query.get("starting_after")
        if after:
            place = next((i for i, o in enumerate(found) if o["id"] == after), len(found))
            found = found[place + 1 :]
        limit = int(request.query.get("limit", 10))
        data = [self._expanded(o, request) for o in found[:limit]]
        more = len(found) > limit
        return Reply(200, {"object": "list", "data": data, "has_more": more, "url": request.path})

    @route("GET", "/v1/{collection}/search")
    def search(self, request: Received) -> Reply:
        """Search with ``field:'value'`` clauses joined by AND; pages are numbered."""
        clauses = dict(re.findall(r"([\w.]+):['\"]([^'\"]*)['\"]", request.query.get("query", "")))
        if not clauses:
            return self.error(
                400, request, param="query", message="We were unable to parse your search query."
            )
        found = [o for o in self._all(request) if self._wanted(o, clauses)]
        limit = int(request.query.get("limit", 10))
        start = int(request.query.get("page") or 0)
        more = len(found) > start + limit
        body = {
            "object": "search_result",
            "data": found[start : start + limit],
            "has_more": more,
            "next_page": str(start + limit) if more else None,
            "url": request.path,
        }
        return Reply(200, body)

    @route("GET", "/v1/{collection}/{id}")
    def retrieve(self, request: Received) -> Reply:
        """One object by its id."""
        found = self._find(request)
        return found if isinstance(found, Reply) else Reply(200, self._expanded(found, request))

    @route("POST", "/v1/customers")
    def create_customer(self, request: Received) -> Reply:
        """Make a customer; its email is checked."""
        made = objects.customer(self._identifier("cus"))
        return self._apply("customers", made, request)

    @route("POST", "/v1/customers/{id}")
    @route("POST", "/v1/subscriptions/{id}")
    @route("POST", "/v1/payment_methods/{id}")
    @route("POST", "/v1/invoices/{id}")
    def update(self, request: Received) -> Reply:
        """Change an object's fields; metadata is merged, as Stripe does."""
        found = self._find(request)
        if isinstance(found, Reply):
            return found
        return self._apply(request.path.split("/")[2], found, request)

    @route("DELETE", "/v1/customers/{id}")
    def delete_customer(self, request: Received) -> Reply:
        """Delete a customer for good."""
        found = self._find(request)
        if isinstance(found, Reply):
            return found
        del self.store["customers"][found["id"]]
        return Reply(200, {"id": found["id"], "object": "customer", "deleted": True})

    @route("DELETE", "/v1/subscriptions/{id}")
    def cancel_subscription(self, request: Received) -> Reply:
        """Cancel a subscription at once."""
        found = self._find(request)
        if isinstance(found, Reply):
            return found
        found.update(status="canceled", canceled_at=objects.CREATED, ended_at=objects.CREATED)
        return Reply(200, found)

    @route("POST", "/v1/invoices")
    def create_invoice(self, request: Received) -> Reply:
        """Make a draft invoice for a customer."""
        customer = request.data.get("customer")
        if customer not in self.store["customers"]:
            return self._missing("customer", str(customer), request, param="customer")
        made = objects.invoice(self._identifier("in"), customer, 2900)
        return self._apply("invoices", made, request)

    @route("POST", "/v1/payment_methods")
    def create_payment_method(self, request: Received) -> Reply:
        """Keep a card. A number that fails the Luhn check is refused."""
        card = request.data.pop("card", {})
        if not _luhn(str(card.get("number", ""))):
            return self.error(
                402,
                request,
                code="incorrect_number",
                message="Your card number is incorrect.",
                param="number",
            )
        made = objects.payment_method(self._identifier("pm"), card)
        return self._apply("payment_methods", made, request)

    @route("POST", "/v1/payment_methods/{id}/attach")
    def attach(self, request: Received) -> Reply:
        """Attach a card to a customer."""
        found = self._find(request)
        if isinstance(found, Reply):
            return found
        return self._apply("payment_methods", found, request)

    @route("POST", "/v1/payment_intents")
    def create_payment_intent(self, request: Received) -> Reply:
        """Make a payment and, with ``confirm``, take it."""
        wanted = request.data
        if not str(wanted.get("amount", "")).isdigit():
            return self.error(
                400,
                request,
                code="parameter_missing",
                param="amount",
                message="Missing required param: amount.",
            )
        made = objects.payment_intent(self._identifier("pi"), int(wanted.pop("amount")))
        confirm = wanted.pop("confirm", "false") == "true"
        wanted.pop("off_session", None)
        reply = self._apply("payment_intents", made, request)
        return self._confirm(made, request) if confirm and reply.status == 200 else reply

    @route("POST", "/v1/payment_intents/{id}/confirm")
    def confirm_payment_intent(self, request: Received) -> Reply:
        """Take a payment that was made before."""
        found = self._find(request)
        return found if isinstance(found, Reply) else self._confirm(found, request)

    def _confirm(self, intent: Fields, request: Received) -> Reply:
        charge = self._identifier("ch")
        intent["latest_charge"] = charge
        if intent["customer"] not in self.declining:
            intent.update(status="succeeded", amount_received=intent["amount"])
            return Reply(200, intent)
        error = {
            "advice_code": "try_again_later",
            "charge": charge,
            "code": "card_declined",
            "decline_code": "insufficient_funds",
            "message": "Your card has insufficient funds.",
            "type": "card_error",
        }
        intent["last_payment_error"] = dict(error)
        return self.error(402, request, **error, payment_intent=copy.deepcopy(intent))

    def _apply(self, collection: str, target: Fields, request: Received) -> Reply:
        wanted: Fields = dict(request.data or {})
        wanted.pop("expand", None)
        email = wanted.get("email")
        if email is not None and not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", email):
            return self.error(
                400,
                request,
                code="email_invalid",
                message=f"Invalid email address: {email}",
                param="email",
            )
        unknown = next((key for key in wanted if key not in target and key != "coupon"), None)
        if unknown is not None:
            return self.error(
                400,
                request,
                code="parameter_unknown",
                message=f"Received unknown parameter: {unknown}",
                param=unknown,
            )
        target["metadata"] = {**target["metadata"], **wanted.pop("metadata", {})}
        target.update({key: _typed(value, target[key]) for key, value in wanted.items()})
        return Reply(200, self._keep(collection, target))

    def _keep(self, collection: str, made: Fields) -> Fields:
        self.store[collection][made["id"]] = made
        return made

    def _all(self, request: Received) -> list[Fields]:
        return list(self.store.get(request.params["collection"], {}).values())

    def _find(self, request: Received) -> Fields | Reply:
        collection = request.params.get("collection") or request.path.split("/")[2]
        if collection not in self.store:
            return self.error(404, request, code=None)
        identifier = request.params["id"]
        found = self.store[collection].get(identifier)
        if found is None:
            return self._missing(self._collections[collection], identifier, request)
        return found

    def _missing(self, kind: str, identifier: str, request: Received, param: str = "id") -> Reply:
        return self.error(404, request, message=f"No such {kind}: '{identifier}'", param=param)

    def _expanded(self, found: Fields, request: Received) -> Fields:
        paths = [v for k, v in request.query.items() if k.startswith("expand[")]
        shown = dict(found)
        if any(path in ("customer", "data.customer") for path in paths):
            shown["customer"] = self.store["customers"].get(shown["customer"], shown["customer"])
        return shown

    @staticmethod
    def _wanted(found: Fields, filters: dict[str, str]) -> bool:
        ours = {k: v for k, v in filters.items() if k in ("customer", "email", "name", "status")}
        return all(found.get(key) == value or value == "all" for key, value in ours.items())

    def _identifier(self, prefix: str) -> str:
        self._made += 1
        return f"{prefix}_1Sync{self._made:06d}"

    @staticmethod
    def _replay_key(request: Received) -> str:
        return f"{request.path} {request.headers.get('idempotency-key', '')}"


def _nested(pairs: list[tuple[str, str]]) -> Fields:
    """``a[b][0]=c`` as ``{"a": {"b": {"0": "c"}}}``: Stripe's way to put objects into a form."""
    root: Fields = {}
    for key, value in pairs:
        steps = [step.rstrip("]") for step in key.split("[")]
        place = root
        for step in steps[:-1]:
            place = place.setdefault(step, {})
        place[steps[-1]] = value
    return root


def _typed(value: Any, like: Any) -> Any:
    """A form's text as the type that the field has already."""
    if isinstance(like, bool):
        return value == "true"
    if isinstance(like, int) and str(value).lstrip("-").isdigit():
        return int(value)
    if isinstance(like, dict) and isinstance(value, dict):
        return {**like, **value}
    if value == "":
        return None
    return value


def _luhn(number: str) -> bool:
    if not number.isdigit() or len(number) < 12:
        return False
    digits = [int(d) for d in reversed(number)]
    doubled = [sum(divmod(2 * d, 10)) for d in digits[1::2]]
    return (sum(digits[0::2]) + sum(doubled)) % 10 == 0
