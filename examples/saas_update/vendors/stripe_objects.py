"""Stripe's objects as its API returns them: full size, with the fields of the API reference.

https://docs.stripe.com/api — the values that the vendor keeps secret (client secrets, tokens inside
hosted pages' addresses) carry the marks below, so that a test can look for them anywhere.
"""

from __future__ import annotations

from typing import Any

CLIENT_SECRET_MARK = "cl13ntS3cr3tYrI9plQwKx"
HOSTED_PAGE_MARK = "h0st3dP4g3T0k3nZfUvWm"
CREATED = 1772409600

Fields = dict[str, Any]


def customer(identifier: str, **fields: Any) -> Fields:
    """A customer; ``fields`` override what a new one has."""
    return {
        "id": identifier,
        "object": "customer",
        "address": None,
        "balance": 0,
        "created": CREATED,
        "currency": "eur",
        "default_source": None,
        "delinquent": False,
        "description": None,
        "discount": None,
        "email": None,
        "invoice_prefix": identifier[-8:].upper(),
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        "livemode": False,
        "metadata": {},
        "name": None,
        "next_invoice_sequence": 1,
        "phone": None,
        "preferred_locales": [],
        "shipping": None,
        "tax_exempt": "none",
        "test_clock": None,
        **fields,
    }


def price(identifier: str, unit_amount: int) -> Fields:
    """A monthly price of ``unit_amount`` cents."""
    return {
        "id": identifier,
        "object": "price",
        "active": True,
        "billing_scheme": "per_unit",
        "created": CREATED,
        "currency": "eur",
        "custom_unit_amount": None,
        "livemode": False,
        "lookup_key": "team_monthly",
        "metadata": {},
        "nickname": "Team, monthly",
        "product": "prod_SyncTeamPlan",
        "recurring": {
            "interval": "month",
            "interval_count": 1,
            "meter": None,
            "trial_period_days": 14,
            "usage_type": "licensed",
        },
        "tax_behavior": "exclusive",
        "tiers_mode": None,
        "transform_quantity": None,
        "type": "recurring",
        "unit_amount": unit_amount,
        "unit_amount_decimal": str(unit_amount),
    }


def subscription(identifier: str, customer_id: str, quantity: int, **fields: Any) -> Fields:
    """A subscription on trial with one item of ``quantity`` seats."""
    item = {
        "id": f"si_{identifier[4:]}",
        "object": "subscription_item",
        "billing_thresholds": None,
        "created": CREATED,
        "current_period_end": CREATED + 14 * 86400,
        "current_period_start": CREATED,
        "discounts": [],
        "metadata": {},
        "price": price("price_SyncTeamMonthly", 2900),
        "quantity": quantity,
        "subscription": identifier,
        "tax_rates": [],
    }
    return {
        "id": identifier,
        "object": "subscription",
        "application": None,
        "application_fee_percent": None,
        "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None},
        "billing_cycle_anchor": CREATED,
        "billing_cycle_anchor_config": None,
        "cancel_at": None,
        "cancel_at_period_end": False,
        "canceled_at": None,
        "cancellation_details": {"comment": None, "feedback": None, "reason": None},
        "collection_method": "charge_automatically",
        "created": CREATED,
        "currency": "eur",
        "customer": customer_id,
        "days_until_due": None,
        "default_payment_method": None,
        "default_source": None,
        "default_tax_rates": [],
        "description": None,
        "discounts": [],
        "ended_at": None,
        "invoice_settings": {"account_tax_ids": None, "issuer": {"type": "self"}},
        "items": {
            "object": "list",
            "data": [item],
            "has_more": False,
            "total_count": 1,
            "url": f"/v1/subscription_items?subscription={identifier}",
        },
        "latest_invoice": None,
        "livemode": False,
        "metadata": {},
        "next_pending_invoice_item_invoice": None,
        "on_behalf_of": None,
        "pause_collection": None,
        "payment_settings": {
            "payment_method_options": None,
            "payment_method_types": None,
            "save_default_payment_method": "off",
        },
        "pending_invoice_item_interval": None,
        "pending_setup_intent": None,
        "pending_update": None,
        "schedule": None,
        "start_date": CREATED,
        "status": "trialing",
        "test_clock": None,
        "transfer_data": None,
        "trial_end": CREATED + 14 * 86400,
        "trial_settings": {"end_behavior": {"missing_payment_method": "create_invoice"}},
        "trial_start": CREATED,
        **fields,
    }


def invoice(identifier: str, customer_id: str, total: int, **fields: Any) -> Fields:
    """An invoice of ``total`` cents; its hosted page and its PDF have a token in their address."""
    page = f"https://invoice.stripe.com/i/acct_1SyncExample/test_{HOSTED_PAGE_MARK}{identifier}"
    return {
        "id": identifier,
        "object": "invoice",
        "account_country": "DE",
        "account_name": "Northwind Boards",
        "amount_due": total,
        "amount_paid": 0,
        "amount_remaining": total,
        "attempt_count": 0,
        "attempted": False,
        "auto_advance": False,
        "automatic_tax": {"enabled": False, "liability": None, "status": None},
        "billing_reason": "manual",
        "collection_method": "charge_automatically",
        "created": CREATED,
        "currency": "eur",
        "customer": customer_id,
        "customer_address": None,
        "customer_email": None,
        "customer_name": None,
        "default_payment_method": None,
        "description": None,
        "discounts": [],
        "due_date": None,
        "ending_balance": None,
        "footer": None,
        "hosted_invoice_url": page,
        "invoice_pdf": f"{page}/pdf?s=ap",
        "lines": {
            "object": "list",
            "data": [
                {
                    "id": f"il_{identifier[3:]}",
                    "object": "line_item",
                    "amount": total,
                    "currency": "eur",
                    "description": "Team, monthly",
                    "invoice": identifier,
                    "livemode": False,
                    "metadata": {},
                    "period": {"end": CREATED + 30 * 86400, "start": CREATED},
                    "quantity": 1,
                }
            ],
            "has_more": False,
            "total_count": 1,
            "url": f"/v1/invoices/{identifier}/lines",
        },
        "livemode": False,
        "metadata": {},
        "number": f"NW-{identifier[-4:]}",
        "paid": False,
        "period_end": CREATED,
        "period_start": CREATED,
        "status": "draft",
        "status_transitions": {
            "finalized_at": None,
            "marked_uncollectible_at": None,
            "paid_at": None,
            "voided_at": None,
        },
        "subtotal": total,
        "total": total,
        **fields,
    }


def payment_method(identifier: str, card: Fields, **fields: Any) -> Fields:
    """A card: what Stripe returns of it is the brand, the last four digits and the expiry."""
    number = str(card.get("number", "4242424242424242"))
    return {
        "id": identifier,
        "object": "payment_method",
        "allow_redisplay": "unspecified",
        "billing_details": {
            "address": {
                "city": None,
                "country": None,
                "line1": None,
                "line2": None,
                "postal_code": None,
                "state": None,
            },
            "email": None,
            "name": None,
            "phone": None,
        },
        "card": {
            "brand": "visa" if number.startswith("4") else "mastercard",
            "checks": {
                "address_line1_check": None,
                "address_postal_code_check": None,
                "cvc_check": "pass" if "cvc" in card else None,
            },
            "country": "DE",
            "exp_month": int(card.get("exp_month", 12)),
            "exp_year": int(card.get("exp_year", 2030)),
            "fingerprint": "Xt5EWLLDS7FJjR1c",
            "funding": "credit",
            "generated_from": None,
            "last4": number[-4:],
            "networks": {"available": ["visa"], "preferred": None},
            "three_d_secure_usage": {"supported": True},
            "wallet": None,
        },
        "created": CREATED,
        "customer": None,
        "livemode": False,
        "metadata": {},
        "type": "card",
        **fields,
    }


def payment_intent(identifier: str, amount: int, **fields: Any) -> Fields:
    """A payment of ``amount`` cents; its ``client_secret`` completes it from a browser."""
    return {
        "id": identifier,
        "object": "payment_intent",
        "amount": amount,
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0,
        "application": None,
        "application_fee_amount": None,
        "automatic_payment_methods": {"allow_redirects": "never", "enabled": True},
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": "automatic_async",
        "client_secret": f"{identifier}_secret_{CLIENT_SECRET_MARK}",
        "confirmation_method": "automatic",
        "created": CREATED,
        "currency": "eur",
        "customer": None,
        "description": None,
        "last_payment_error": None,
        "latest_charge": None,
        "livemode": False,
        "metadata": {},
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
        "payment_method_types": ["card"],
        "processing": None,
        "receipt_email": None,
        "review": None,
        "setup_future_usage": None,
        "shipping": None,
        "source": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": None,
        "status": "requires_payment_method",
        "transfer_data": None,
        "transfer_group": None,
        **fields,
    }
