"""Stripe's SDK against a stand-in and stub clients: one span for each operation, and no secret in any."""

from __future__ import annotations

import ast
import importlib.metadata
import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from traced_process import without_our_frames

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "saas_update"
if str(EXAMPLE) not in sys.path:
    sys.path.append(str(EXAMPLE))

import vendors  # noqa: E402  the example's folder has just been put on the path
from vendors import stripe_objects  # noqa: E402

pytest.importorskip("stripe")
MAJOR = int(importlib.metadata.version("stripe").partition(".")[0])
KEY = "sk_test_4eC39HqLyjWDarjtT1zdp7dc"

# Where the names were before 6.
COMPAT = """import stripe
if not hasattr(stripe, 'CardError'):
    stripe.HTTPClient = stripe.http_client.HTTPClient
    stripe.CardError, stripe.RateLimitError = stripe.error.CardError, stripe.error.RateLimitError
"""

SETUP = """
stripe.api_key = {key!r}
stripe.api_base = {url!r}
stripe.max_network_retries = 2
"""

STUB = (
    COMPAT
    + """
import io, json
class Stub(stripe.HTTPClient):
    name = 'stub'
    def __init__(self, body, code=200, **headers):
        super().__init__()
        self.answer = body if isinstance(body, str) else json.dumps(body), code, headers
    def request(self, method, url, headers, post_data=None):
        return self.answer
    def request_stream(self, method, url, headers, post_data=None):
        return io.BytesIO(b'%PDF of the quote'), 200, self.answer[2]
    def close(self): pass
stripe.api_key = 'rk_live_4eC39HqLyjWDarjtT1zdp7dc'
def answer(body, code=200, **headers):
    stripe.default_http_client = Stub(body, code, **headers)
"""
)


@pytest.fixture
def stand_in() -> Iterator[vendors.StripeStandIn]:
    with vendors.StripeStandIn(KEY, declining=frozenset({"cus_poor"})) as api:
        api.add_customer("cus_1SyncA", email="ann@example.com")
        api.add_customer("cus_1SyncB", email="bob@example.com")
        api.add_customer("cus_poor", email="carl@example.com")
        yield api


@pytest.fixture
def run(trace: Any, stand_in: vendors.StripeStandIn) -> Any:
    """Runs code that has `stripe` ready for the stand-in."""

    def run(code: str, **options: Any) -> Any:
        return trace(COMPAT + SETUP.format(key=KEY, url=stand_in.url) + code, **options)

    return run


def only(traced: Any) -> Any:
    """The single operation of a run that went well."""
    assert traced.returncode == 0, traced.stderr
    [span] = traced.of("stripe")
    return span


def without(fields: dict[str, Any], *prefixes: str) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if not name.startswith(prefixes)}


def test_fields_of_an_operation(run: Any) -> None:
    span = only(
        run(
            "def push():\n"
            "    customer = stripe.Customer.modify('cus_1SyncA', name='Ann', metadata={'plan': 'pro'},"
            " expand=['sources'], idempotency_key='once', stripe_account='acct_1Sync')\n"
            "    assert customer.name == 'Ann'\n"
            "push()\n"
        )
    )
    assert (span.name, span.kind, span.status) == ("stripe.customers.update", "client", "unset")
    fields = without(span.fields, "stripe.response.", "code.")
    assert fields.pop("http.response.body.size") > 300
    assert fields.pop("stripe.request_id").startswith("req_")
    assert fields.pop("stripe.api_version")
    assert fields == {
        "autotrace.effect": "update",
        "http.request.method": "POST",
        "http.response.status_code": 200,
        "stripe.account": "acct_1Sync",
        "stripe.idempotency_key": "once",
        "stripe.key.mode": "test",
        "stripe.key.type": "sk",
        "stripe.object": "customer",
        "stripe.object_id": "cus_1SyncA",
        "stripe.params.expand": ["sources"],
        "stripe.params.expand.count": 1,
        "stripe.params.metadata.plan": "pro",
        "stripe.params.name": "Ann",
        "url.template": "/v1/customers/{customer}",
    }
    assert span.fields["stripe.response.id"] == "cus_1SyncA"
    assert span.fields["stripe.response.email"] == "ann@example.com"
    assert span.fields["stripe.response.livemode"] is False
    assert span.fields["code.function.name"] == "push"
    assert span.fields["code.line.number"] == 10


def test_each_http_attempt_is_a_child_without_the_body(run: Any) -> None:
    span = only(run("stripe.Customer.modify('cus_1SyncA', name='Ann')"))
    [attempt] = span.children
    assert (attempt.name, attempt.scope) == ("POST", "requests")
    assert attempt.fields["http.response.status_code"] == 200
    assert not [name for name in attempt.fields if "body" in name]
    assert "http.request.resend_count" not in span.fields


@pytest.mark.parametrize("status", [500, 503, 409, 0])
def test_retries_are_children_and_counted(
    run: Any, stand_in: vendors.StripeStandIn, status: int
) -> None:
    stand_in.fail("POST", "/v1/customers/.*", on=[1, 2], status=status)
    span = only(
        run("stripe.HTTPClient.INITIAL_DELAY = 0\nstripe.Customer.modify('cus_1SyncA', name='Ann')")
    )
    assert span.status == "unset"
    assert span.fields["http.request.resend_count"] == 2
    assert [child.status for child in span.children] == ["error", "error", "unset"]
    assert span.fields["http.response.status_code"] == 200


WAYS = {
    "module": "stripe.Customer.modify('cus_1SyncA', name='Ann')",
    "object": "c = stripe.Customer.construct_from({'id': 'cus_1SyncA'}, stripe.api_key)\n"
    "c.name = 'Ann'\nc.save()",
    "client": "client.customers.update('cus_1SyncA', params={'name': 'Ann'})",
    "client v1": "client.v1.customers.update('cus_1SyncA', params={'name': 'Ann'})",
    "raw": "client.raw_request('post', '/v1/customers/cus_1SyncA', name='Ann')",
    "async module": "asyncio.run(stripe.Customer.modify_async('cus_1SyncA', name='Ann'))",
    "async client": "asyncio.run(client.customers.update_async('cus_1SyncA', params={'name': 'Ann'}))",
    "async raw": "asyncio.run(client.raw_request_async('post', '/v1/customers/cus_1SyncA', name='Ann'))",
}


@pytest.mark.parametrize("way", WAYS)
def test_one_name_for_every_way_to_call(way: str, run: Any, stand_in: Any) -> None:
    needs = {
        "client": 8,
        "client v1": 13,
        "raw": 12,
        "async raw": 12,
        "async module": 9,
        "async client": 9,
    }
    if needs.get(way, 0) > MAJOR:
        pytest.skip(f"not in stripe {MAJOR}")
    if "async" in way and importlib.util.find_spec("httpx") is None:
        pytest.skip("needs httpx")
    made = f"stripe.StripeClient({KEY!r}, base_addresses={{'api': {stand_in.url!r}}})"
    code = WAYS[way].replace("client.", f"{made}.")
    traced = run(f"import asyncio, warnings\nwarnings.simplefilter('ignore')\n{code}")
    span = only(traced)
    assert span.name == "stripe.customers.update"
    assert span.fields["stripe.object_id"] == "cus_1SyncA"
    assert span.fields["stripe.params.name"] == "Ann"
    assert span.fields["stripe.response.name"] == "Ann"
    assert span.fields["stripe.key.mode"] == "test"
    assert span.fields["autotrace.effect"] == "update"
    [attempt] = span.children
    assert attempt.scope == ("httpx" if "async" in way else "requests")


def test_lists_searches_and_further_pages(run: Any) -> None:
    traced = run(
        "ids = [each.id for each in stripe.Customer.list(limit=2).auto_paging_iter()]\n"
        "assert ids == ['cus_1SyncA', 'cus_1SyncB', 'cus_poor'], ids\n"
        "found = stripe.Customer.search(query=\"email:'bob@example.com'\")\n"
        "assert len(found.data) == 1\n"
    )
    assert traced.returncode == 0, traced.stderr
    first, second, search = traced.of("stripe")
    assert [span.name for span in (first, second, search)] == [
        "stripe.customers.list",
        "stripe.customers.list",
        "stripe.customers.search",
    ]
    assert without(first.fields, "code.", "http.", "stripe.key.", "stripe.api", "stripe.req") == {
        "autotrace.effect": "read",
        "stripe.list.count": 2,
        "stripe.list.has_more": True,
        "stripe.list.ids": ["cus_1SyncA", "cus_1SyncB"],
        "stripe.object": "list",
        "stripe.params.limit": 2,
        "url.template": "/v1/customers",
    }
    assert second.fields["stripe.params.starting_after"] == "cus_1SyncB"
    assert second.fields["stripe.list.has_more"] is False
    assert search.fields["stripe.params.query"] == "email:'bob@example.com'"
    assert search.fields["stripe.list.ids"] == ["cus_1SyncB"]
    assert search.fields["autotrace.effect"] == "read"


def test_created_and_deleted_objects(run: Any) -> None:
    traced = run(
        "made = stripe.Customer.create(email='new@example.com')\n"
        "assert stripe.Customer.delete(made.id).deleted\n"
    )
    assert traced.returncode == 0, traced.stderr
    create, delete = traced.of("stripe")
    assert create.fields["autotrace.effect"] == "create"
    assert create.fields["stripe.object_id"] == delete.fields["stripe.object_id"]
    assert delete.name == "stripe.customers.delete"
    assert delete.fields["autotrace.effect"] == "delete"
    assert delete.fields["stripe.response.deleted"] is True


def test_a_declined_card(run: Any) -> None:
    code = """
import traceback
def charge():
    stripe.PaymentIntent.create(amount=900, currency='eur', customer='cus_poor', confirm='true')
try:
    charge()
except stripe.CardError as error:
    print(error.code, error.http_status, error.error.decline_code)
    print(''.join(traceback.format_tb(error.__traceback__)))
    print(error.__context__, error.__cause__)
"""
    traced, bare = run(code), run(code, env={"AUTOTRACE_ENABLED": "0"})
    assert without_our_frames(traced.stdout) == bare.stdout
    span = only(traced)
    assert (span.name, span.status) == ("stripe.payment_intents.create", "error")
    assert span.fields["autotrace.effect"] == "charge"
    assert span.fields["error.type"].endswith("CardError")
    assert span.fields["autotrace.status_message"].endswith("Your card has insufficient funds.")
    assert span.fields["http.response.status_code"] == 402
    assert span.fields["stripe.request_id"].startswith("req_")
    errors = {name: value for name, value in span.fields.items() if "stripe.error." in name}
    assert errors.pop("stripe.error.payment_intent").startswith("pi_")
    assert errors.pop("stripe.error.charge").startswith("ch_")
    assert errors == {
        "stripe.error.type": "card_error",
        "stripe.error.code": "card_declined",
        "stripe.error.decline_code": "insufficient_funds",
        "stripe.error.advice_code": "try_again_later",
    }
    assert not [name for name in span.fields if name.startswith("stripe.response.")]


FAILURES = {
    "validation": (
        "stripe.Customer.modify('cus_1SyncA', email='nobody')",
        ("invalid_request_error", "email_invalid", "email", 400),
    ),
    "missing": (
        "stripe.Customer.retrieve('cus_none')",
        ("invalid_request_error", "resource_missing", "id", 404),
    ),
    "authentication": (
        "stripe.api_key = 'sk_live_wrongwrongwrongwrong'\nstripe.Customer.retrieve('cus_1SyncA')",
        ("invalid_request_error", None, None, 401),
    ),
    "no key": ("stripe.api_key = None\nstripe.Customer.retrieve('x')", (None, None, None, None)),
    "no server": (
        "stripe.max_network_retries = 0\nstripe.api_base = 'http://127.0.0.1:9'\n"
        "stripe.Customer.retrieve('cus_1SyncA')",
        (None, None, None, None),
    ),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_what_stripe_says_of_a_failure(failure: str, run: Any) -> None:
    code, (kind, error_code, param, status) = FAILURES[failure]
    traced = run(code)
    assert traced.returncode == 1
    [span] = traced.of("stripe")
    assert span.status == "error"
    assert span.fields.get("stripe.error.type") == kind
    assert span.fields.get("stripe.error.code") == error_code
    assert span.fields.get("stripe.error.param") == param
    assert span.fields.get("http.response.status_code") == status


def test_rate_limit(run: Any, stand_in: vendors.StripeStandIn) -> None:
    headers = {
        "Retry-After": "1",
        "Stripe-Rate-Limited-Reason": "endpoint-rate",
        "Stripe-Should-Retry": "false",
    }
    stand_in.fail("GET", "/v1/customers/.*", on=[1], status=429, headers=headers)
    traced = run(
        "try: stripe.Customer.retrieve('cus_1SyncA')\nexcept stripe.RateLimitError: pass\n"
    )
    span = only(traced)
    assert span.fields["stripe.rate_limited_reason"] == "endpoint-rate"
    assert span.fields["stripe.retry_after"] == "1"
    assert span.fields["http.response.status_code"] == 429
    assert "http.request.resend_count" not in span.fields


def test_an_idempotent_replay_is_told(run: Any) -> None:
    traced = run(
        "for _ in range(2): stripe.Customer.modify('cus_1SyncA', name='A', idempotency_key='k')"
    )
    assert traced.returncode == 0, traced.stderr
    first, second = traced.of("stripe")
    assert "stripe.idempotent_replayed" not in first.fields
    assert second.fields["stripe.idempotent_replayed"] == "true"


CARD = "4242424242424242"
SECRETS = (
    KEY,
    KEY[8:],
    CARD,
    "c1v2c3",
    stripe_objects.CLIENT_SECRET_MARK,
    stripe_objects.HOSTED_PAGE_MARK,
    "110000000",
    "000123456789",
    "ek_test_YWNjdF8xSecret",
    "whsec_Secret1234567890",
    "ac_Secret123456789",
    "sk_live_connectedSecret",
    "filelinkSecret",
    "000-00-0000",
)
PLANTED = f"""
stripe.PaymentMethod.create(
    type='card', card={{'number': '{CARD}', 'cvc': 'c1v2c3', 'exp_month': 12, 'exp_year': 2031}})
intent = stripe.PaymentIntent.create(amount=900, currency='eur', customer='cus_1SyncA', confirm='true')
assert {stripe_objects.CLIENT_SECRET_MARK!r} in intent.client_secret
invoice = stripe.Invoice.create(customer='cus_1SyncA')
assert {stripe_objects.HOSTED_PAGE_MARK!r} in str(invoice)
try: stripe.PaymentIntent.create(amount=900, currency='eur', customer='cus_poor', confirm='true')
except stripe.CardError: pass
"""
ANSWERED = """
answer({'id': 'ephkey_1', 'object': 'ephemeral_key', 'secret': 'ek_test_YWNjdF8xSecret'})
stripe.EphemeralKey.create(customer='cus_1SyncA', stripe_version='2025-09-30.clover')
answer({'id': 'we_1', 'object': 'webhook_endpoint', 'url': 'https://example.com/hook',
        'secret': 'whsec_Secret1234567890'})
stripe.WebhookEndpoint.create(url='https://example.com/hook', enabled_events=['*'])
answer({'access_token': 'sk_live_connectedSecret', 'refresh_token': 'rt_ac_Secret123456789',
        'stripe_user_id': 'acct_1', 'token_type': 'bearer'})
stripe.OAuth.token(grant_type='authorization_code', code='ac_Secret123456789')
answer({'id': 'link_1', 'object': 'file_link', 'url': 'https://files.stripe.com/links/filelinkSecret'})
stripe.FileLink.create(file='file_1')
answer({'id': 'btok_1', 'object': 'token'})
stripe.Token.create(bank_account={'country': 'US', 'currency': 'usd',
    'account_number': '000123456789', 'routing_number': '110000000'})
answer({'id': 'acct_1', 'object': 'account'})
stripe.Account.modify('acct_1', individual={'id_number': '000-00-0000', 'first_name': 'Ann'})
"""


@pytest.mark.parametrize("level", ["fields", "full"])
def test_no_secret_is_kept(level: str, run: Any, trace: Any) -> None:
    config = f'[capture]\nrequest = "{level}"\nresponse = "{level}"\n'
    for traced in (run(PLANTED, config=config), trace(STUB + ANSWERED, config=config)):
        assert traced.returncode == 0, traced.stderr
        assert len(traced.of("stripe")) >= 4
        text = repr([(span.name, span.fields, span.events) for span in traced.spans])
        assert [secret for secret in SECRETS if secret in text] == []
        assert "[redacted]" in text
    kept = {span.name: span.fields for span in traced.of("stripe")}
    assert (
        kept["stripe.webhook_endpoints.create"]["stripe.response.url"] == "https://example.com/hook"
    )
    assert kept["stripe.accounts.update"]["stripe.params.individual.first_name"] == "Ann"
    assert kept["stripe.oauth.token"]["stripe.params.code"] == "[redacted]"
    assert kept["stripe.ephemeral_keys.create"]["stripe.key.type"] == "rk"
    assert kept["stripe.ephemeral_keys.create"]["stripe.key.mode"] == "live"


def test_capture_levels(run: Any) -> None:
    code = "stripe.Customer.modify('cus_1SyncA', name='Ann')\nstripe.Customer.list()\n"
    nothing = run(code, config='[capture.stripe]\nrequest = "none"\nresponse = "none"\n')
    update, listed = nothing.of("stripe")
    payload = ("stripe.params.", "stripe.response.", "stripe.request.", "stripe.list.ids")
    assert without(update.fields, *payload) == update.fields
    assert without(listed.fields, *payload) == listed.fields
    assert update.fields["stripe.object_id"] == "cus_1SyncA"
    assert listed.fields["stripe.list.count"] == 3
    assert not [
        name
        for span in nothing.spans
        for name in span.fields
        if "body." in name and "size" not in name
    ]
    full = run(code, config='[capture.stripe]\nrequest = "full"\nresponse = "full"\n')
    update, listed = full.of("stripe")
    assert ast.literal_eval(update.fields["stripe.request.body"]) == {"name": "Ann"}
    assert '"email": "ann@example.com"' in update.fields["stripe.response.body"]
    assert '"bob@example.com"' in listed.fields["stripe.response.body"]


def test_a_stream_is_left_to_the_program(trace: Any) -> None:
    span = only(
        trace(
            STUB + "answer('', **{'Request-Id': 'req_stream'})\n"
            "assert stripe.Quote.pdf('qt_1').io.read() == b'%PDF of the quote'\n"
        )
    )
    assert span.name == "stripe.quotes.pdf"
    assert span.fields["stripe.request_id"] == "req_stream"
    assert span.fields["http.response.status_code"] == 200
    assert not [name for name in span.fields if name.startswith("stripe.response.")]


def test_a_file_is_not_read(trace: Any) -> None:
    code = (
        STUB
        + """
class File(io.BytesIO):
    touched = []
    def __getattribute__(self, name):
        File.touched.append(name)
        return super().__getattribute__(name)
answer({'id': 'file_1', 'object': 'file', 'purpose': 'dispute_evidence'})
stripe.File.create(purpose='dispute_evidence', file=File(b'contents of the file'))
print(File.touched)
"""
    )
    traced, bare = trace(code), trace(code, env={"AUTOTRACE_ENABLED": "0"})
    assert "read" in bare.stdout
    assert traced.stdout == bare.stdout
    span = only(traced)
    assert span.name == "stripe.files.create"
    assert span.fields["stripe.params.file"] == "<File>"
    assert "contents of the file" not in repr(span.fields)


def test_objects_as_parameters_are_their_ids(trace: Any) -> None:
    span = only(
        trace(
            STUB + "answer({'id': 'sub_1', 'object': 'subscription', 'status': 'active'})\n"
            "customer = stripe.Customer.construct_from({'id': 'cus_7', 'email': 'x@example.com'}, 'k')\n"
            "stripe.Subscription.create(customer=customer, items=[{'price': 'price_1'}])\n"
        )
    )
    assert span.fields["stripe.params.customer"] == "cus_7"
    assert "x@example.com" not in repr(span.fields)
    assert span.fields["stripe.object_id"] == "sub_1"


NAMES = {
    "stripe.Subscription.delete('sub_1')": ("subscriptions.cancel", "delete", "sub_1"),
    "stripe.Subscription.cancel('sub_1')": ("subscriptions.cancel", "delete", "sub_1"),
    "stripe.Customer.create_source('cus_1', source='tok_visa')": (
        "customers.payment_sources.create",
        "create",
        "obj_1",
    ),
    "stripe.Customer.retrieve_source('cus_1', 'card_1')": (
        "customers.payment_sources.retrieve",
        "read",
        "card_1",
    ),
    "stripe.Invoice.send_invoice('in_1')": ("invoices.send_invoice", "send", "in_1"),
    "stripe.Invoice.pay('in_1')": ("invoices.pay", "charge", "in_1"),
    "stripe.PaymentIntent.confirm('pi_1')": ("payment_intents.confirm", "charge", "pi_1"),
    "stripe.PaymentIntent.create(amount=1, currency='eur')": (
        "payment_intents.create",
        "create",
        "obj_1",
    ),
    "stripe.Charge.create(amount=1, currency='eur')": ("charges.create", "charge", "obj_1"),
    "stripe.Refund.create(charge='ch_1')": ("refunds.create", "create", "obj_1"),
    "stripe.checkout.Session.expire('cs_1')": ("checkout.sessions.expire", "update", "cs_1"),
    "stripe.Account.retrieve()": ("accounts.retrieve_current", "read", "obj_1"),
    "stripe.Balance.retrieve()": ("balance.retrieve", "read", "obj_1"),
    "stripe.Event.retrieve('evt_1')": ("events.retrieve", "read", "evt_1"),
}


def test_names_effects_and_ids_of_operations(trace: Any) -> None:
    calls = dict(NAMES)
    if MAJOR > 11:  # gone
        del calls["stripe.Subscription.delete('sub_1')"]
    traced = trace(STUB + "answer({'id': 'obj_1', 'object': 'thing'})\n" + "\n".join(calls))
    assert traced.returncode == 0, traced.stderr
    found = [
        (span.name, span.fields["autotrace.effect"], span.fields.get("stripe.object_id"))
        for span in traced.of("stripe")
    ]
    assert found == [(f"stripe.{name}", effect, held) for name, effect, held in calls.values()]
    nested = next(span for span in traced.spans if "payment_sources.retrieve" in span.name)
    assert nested.fields["stripe.path.customer"] == "cus_1"
    assert nested.fields["url.template"] == "/v1/customers/{customer}/sources/{id}"


def test_version_2_of_the_api(trace: Any, stand_in: Any) -> None:
    if MAJOR < 12:
        pytest.skip("came later")
    traced = trace(
        STUB + "client = stripe.StripeClient('sk_test_x', http_client=Stub("
        "{'data': [{'id': 'evt_1'}], 'next_page_url': '/v2/core/events?page=2'}))\n"
        "client.v2.core.events.list({'object_id': 'cus_1'})\n"
        "client.raw_request('get', '/v2/core/events?page=2')\n"
        "client.raw_request('post', '/v2/core/vault/novelties/nov_1Ab/renew', plan={'name': 'pro'})\n"
    )
    assert traced.returncode == 0, traced.stderr
    listed, page, unknown = traced.of("stripe")
    assert listed.name == page.name == "stripe.v2.core.events.list"
    assert listed.fields["stripe.list.count"] == 1
    assert listed.fields["stripe.list.has_more"] is True
    assert listed.fields["stripe.list.ids"] == ["evt_1"]
    assert page.fields["stripe.params.page"] == "2"
    assert unknown.name == "stripe.v2.core.vault.novelties.renew"
    assert unknown.fields["url.template"] == "/v2/core/vault/novelties/{id}/renew"
    assert unknown.fields["stripe.params.plan.name"] == "pro"


def test_answers_that_are_no_json_and_odd_clients_change_nothing(trace: Any) -> None:
    code = (
        STUB
        + """
def outcome(call):
    try: return type(call()).__name__
    except BaseException as error: return repr(error), error.__context__ is None
for body, status in (('<html>', 502), ('', 200), ('[1]', 200), ('null', 200), ('{"error": "x"}', 400)):
    answer(body, status)
    print(outcome(lambda: stripe.Customer.retrieve('cus_1')))
class Bad(Stub):
    def request(self, *a): raise KeyboardInterrupt
stripe.default_http_client = Bad('')
print(outcome(lambda: stripe.Customer.retrieve('cus_1')))
print(outcome(lambda: stripe.Customer.retrieve(5)), outcome(lambda: stripe.Customer.create(x=object())))
import inspect, sys
requestor = (sys.modules.get('stripe._api_requestor') or sys.modules['stripe.api_requestor'])
owner = getattr(requestor, '_APIRequestor', None) or requestor.APIRequestor
for name in ('request', 'request_stream'):
    function = getattr(owner, name)
    print(inspect.signature(function), function.__qualname__, function.__module__)
"""
    )
    traced, bare = trace(code), trace(code, env={"AUTOTRACE_ENABLED": "0"})
    assert traced.stdout == bare.stdout
    assert traced.returncode == bare.returncode == 0, traced.stderr
    assert all(span.ended for span in traced.spans)


@pytest.mark.skipif(MAJOR < 8, reason="has no services yet")
def test_the_table_knows_every_operation_of_the_installed_sdk() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "stripe_operations.py"), "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert " 0 of them new" in done.stdout, done.stdout + done.stderr
