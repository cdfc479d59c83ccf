"""The Stripe stand-in with Stripe's own SDK."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

stripe = pytest.importorskip("stripe")


@pytest.fixture
def client(stripe_api: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(stripe.HTTPClient, "INITIAL_DELAY", 0.01)
    monkeypatch.setattr(stripe.HTTPClient, "MAX_DELAY", 0.01)
    return client_with(stripe_api, "sk_test_right")


def client_with(stripe_api: Any, key: str) -> Any:
    return stripe.StripeClient(key, base_addresses={"api": stripe_api.url}, max_network_retries=2)


def test_a_customer_is_updated_and_read_again(client, stripe_api):
    stripe_api.add_customer("cus_1", email="old@example.com")
    client.v1.customers.update("cus_1", {"email": "new@example.com", "metadata": {"seats": "4"}})
    client.v1.customers.update("cus_1", {"metadata": {"plan": "team"}})
    read = client.v1.customers.retrieve("cus_1")
    assert read.email == "new@example.com"
    assert (read.metadata["seats"], read.metadata["plan"]) == ("4", "team")
    assert read.last_response.request_id == "req_0003AbCdEfGhIj"


def test_the_older_way_to_call_works_too(stripe_api, monkeypatch):
    monkeypatch.setattr(stripe, "api_base", stripe_api.url)
    monkeypatch.setattr(stripe, "api_key", "sk_test_right")
    stripe_api.add_customer("cus_1")
    assert stripe.Customer.modify("cus_1", name="Ines").name == "Ines"
    assert stripe.Customer.create(email="a@example.com").id.startswith("cus_")


def test_async_calls_work(client, stripe_api):
    pytest.importorskip("httpx")
    stripe_api.add_customer("cus_1")
    found = asyncio.run(client.v1.customers.retrieve_async("cus_1"))
    assert found.id == "cus_1"


def test_an_invalid_email_is_refused(client, stripe_api):
    stripe_api.add_customer("cus_1")
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.customers.update("cus_1", {"email": "a@@example.com"})
    assert (refused.value.http_status, refused.value.code, refused.value.param) == (
        400,
        "email_invalid",
        "email",
    )
    assert refused.value.request_id == "req_0001AbCdEfGhIj"


def test_an_unknown_parameter_is_refused(client, stripe_api):
    stripe_api.add_customer("cus_1")
    with pytest.raises(stripe.InvalidRequestError, match="unknown parameter: nam"):
        client.v1.customers.update("cus_1", {"nam": "Ines"})


def test_a_customer_who_does_not_exist_is_missing(client):
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.customers.retrieve("cus_none")
    assert (refused.value.http_status, refused.value.code) == (404, "resource_missing")


def test_a_wrong_key_is_refused_and_not_shown_whole(stripe_api):
    with pytest.raises(stripe.AuthenticationError) as refused:
        client_with(stripe_api, "sk_test_wrong_and_long_key").v1.customers.list()
    assert "wrong_and_long" not in str(refused.value)


def test_a_payment_succeeds(client, stripe_api):
    stripe_api.add_customer("cus_1")
    paid = client.v1.payment_intents.create(
        {"amount": 2900, "currency": "eur", "customer": "cus_1", "confirm": True}
    )
    assert (paid.status, paid.amount_received, paid.currency) == ("succeeded", 2900, "eur")
    assert paid.client_secret.startswith(f"{paid.id}_secret_")


def test_a_card_without_funds_is_declined(client, stripe_api):
    stripe_api.add_customer("cus_poor")
    with pytest.raises(stripe.CardError) as declined:
        client.v1.payment_intents.create(
            {"amount": 2900, "currency": "eur", "customer": "cus_poor", "confirm": True}
        )
    error = declined.value.error
    assert (error.code, error.decline_code) == ("card_declined", "insufficient_funds")
    assert error.payment_intent.status == "requires_payment_method"


def test_a_card_is_kept_by_its_last_digits_only(client, stripe_api):
    stripe_api.add_customer("cus_1")
    method = client.v1.payment_methods.create(
        {
            "type": "card",
            "card": {"number": "4242424242424242", "exp_month": 8, "exp_year": 2029},
        }
    )
    attached = client.v1.payment_methods.attach(method.id, {"customer": "cus_1"})
    assert (attached.customer, attached.card.last4, attached.card.exp_year) == (
        "cus_1",
        "4242",
        2029,
    )
    assert "4242424242424242" not in str(stripe_api.store)


def test_a_wrong_card_number_is_an_error_of_the_card(client):
    with pytest.raises(stripe.CardError) as refused:
        client.v1.payment_methods.create(
            {
                "type": "card",
                "card": {"number": "4242424242424241", "exp_month": 8, "exp_year": 2029},
            }
        )
    assert (refused.value.code, refused.value.param) == ("incorrect_number", "number")


@pytest.mark.parametrize("status", [500, 503, 409, 0])
def test_what_may_pass_is_repeated_with_the_same_idempotency_key(client, stripe_api, status):
    stripe_api.add_customer("cus_1")
    stripe_api.fail("POST", "/v1/customers/cus_1", status, on=[1, 2])
    assert client.v1.customers.update("cus_1", {"name": "Ines"}).name == "Ines"
    assert [r.status for r in stripe_api.requests] == [status, status, 200]
    assert len({r.headers["idempotency-key"] for r in stripe_api.requests}) == 1


def test_too_many_failures_are_an_error(client, stripe_api):
    stripe_api.fail("GET", "/v1/customers", 500, on=[1, 2, 3])
    with pytest.raises(stripe.APIError):
        client.v1.customers.list()
    assert len(stripe_api.requests) == 3


def test_a_rate_limit_is_repeated_only_when_stripe_says_so(client, stripe_api):
    stripe_api.fail("GET", "/v1/customers", 429)
    with pytest.raises(stripe.RateLimitError):
        client.v1.customers.list()
    assert len(stripe_api.requests) == 1
    stripe_api.fail("GET", "/v1/invoices", 429, headers={"Stripe-Should-Retry": "true"})
    assert client.v1.invoices.list().data == []


def test_lists_come_in_pages(client, stripe_api):
    for number in range(7):
        stripe_api.add_subscription(f"sub_{number}", f"cus_{number}", number + 1)
    listed = client.v1.subscriptions.list({"status": "trialing", "limit": 3})
    assert listed.has_more
    assert [s.id for s in listed.auto_paging_iter()] == [f"sub_{n}" for n in range(7)]
    assert len(stripe_api.requests) == 3


def test_search_comes_in_pages(client, stripe_api):
    for number in range(5):
        stripe_api.add_customer(f"cus_{number}", name="Twin")
    stripe_api.add_customer("cus_other", name="Other")
    found = client.v1.customers.search({"query": "name:'Twin'", "limit": 2})
    assert [c.id for c in found.auto_paging_iter()] == [f"cus_{n}" for n in range(5)]
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.customers.search({"query": "nonsense"})


def test_an_object_can_be_expanded(client, stripe_api):
    stripe_api.add_customer("cus_1", email="a@example.com")
    stripe_api.add_subscription("sub_1", "cus_1", 3)
    plain = client.v1.subscriptions.retrieve("sub_1")
    expanded = client.v1.subscriptions.retrieve("sub_1", {"expand": ["customer"]})
    assert (plain.customer, expanded.customer.email) == ("cus_1", "a@example.com")
    assert plain["items"]["data"][0]["quantity"] == 3


def test_the_same_idempotency_key_does_not_charge_twice(client, stripe_api):
    stripe_api.add_customer("cus_1")
    order = {"amount": 2900, "currency": "eur", "customer": "cus_1", "confirm": True}
    first, second = (
        client.v1.payment_intents.create(order, {"idempotency_key": "once"}) for _ in range(2)
    )
    assert first.id == second.id
    assert second.last_response.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.last_response.headers
    assert len(stripe_api.store["payment_intents"]) == 1


def test_invoices_and_deletions(client, stripe_api):
    stripe_api.add_customer("cus_1")
    made = client.v1.invoices.create({"customer": "cus_1", "description": "March"})
    assert (made.object, made.status, made.description) == ("invoice", "draft", "March")
    assert client.v1.customers.delete("cus_1").deleted
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.invoices.create({"customer": "cus_1"})
