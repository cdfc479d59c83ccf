"""Stripe: a span for each operation, with the fields of its request and of its response.

`request` of the requestor is where the services of StripeClient and the older classes
(stripe.Customer) meet; `request_stream` is beside it, and `raw_request` of the client passes by
both. They return what the API answered, or raise its error, after all retries: those are HTTP spans
below.

Only what the SDK has parsed already is looked at. Streams and files are never read, and neither are
properties of the SDK's objects.
"""

from __future__ import annotations

from autotrace.agent import around, loaded
from autotrace.agent.vendors import api

stripe = api(
    "stripe",
    operations=lambda: OPERATIONS,
    effects={
        "charges.capture": "charge",
        "charges.create": "charge",
        "invoices.create_preview": "read",
        "invoices.pay": "charge",
        "oauth.token": "create",
        "payment_intents.capture": "charge",
        "payment_intents.confirm": "charge",
        "terminal.readers.confirm_payment_intent": "charge",
        "terminal.readers.process_payment_intent": "charge",
    },
    secrets=(
        "number",
        # Whoever has the address sees, or does, what the page is for.
        "authenticate_url",
        "hosted_instructions_url",
        "hosted_invoice_url",
        "hosted_regulatory_receipt_url",
        "hosted_verification_url",
        "hosted_voucher_url",
        "image_url_png",
        "image_url_svg",
        "invoice_pdf",
        "mobile_auth_url",
        "pdf",
        "receipt_url",
        "url",
        "personal_id_number",
        "ssn_last_4",
    ),
    headers={
        "Request-Id": "stripe.request_id",
        "Stripe-Version": "stripe.api_version",
        "Idempotency-Key": "stripe.idempotency_key",
        "Idempotent-Replayed": "stripe.idempotent_replayed",
    },
    error_headers={
        "Retry-After": "stripe.retry_after",
        "Stripe-Rate-Limited-Reason": "stripe.rate_limited_reason",
        "Stripe-Should-Retry": "stripe.should_retry",
    },
)

OAUTH = ("code",)
"""What is secret when an account is connected, and an error's code or the like everywhere else."""
NUMBERED = ("number",)
"""Invoices, credit notes and quotes have a number that is no card's."""
OPEN = ("url",)
"""The addresses of webhook endpoints and of products are the program's own."""

KEY_TYPES = frozenset(("ek", "pk", "rk", "sk"))
KEY_MODES = frozenset(("live", "test"))
PLAIN = frozenset((bool, bytes, dict, float, int, list, str, tuple, type(None)))
ERRORS = ("type", "code", "param", "decline_code", "network_decline_code", "advice_code", "charge")
OPTIONS = frozenset(
    (
        "api_key",
        "base",
        "content_type",
        "headers",
        "idempotency_key",
        "max_network_retries",
        "stripe_account",
        "stripe_context",
        "stripe_version",
        "usage",
    )
)
"""What `raw_request` takes beside the parameters."""


def names(operation):
    """The names that are secret for this operation alone, and those that are not."""
    name = operation.name
    if name.startswith(("stripe.invoices.", "stripe.credit_notes.", "stripe.quotes.")):
        return (), NUMBERED
    if name == "stripe.oauth.token":
        return OAUTH, ()
    if name.startswith(("stripe.webhook_endpoints.", "stripe.products.")):
        return (), OPEN
    return (), ()


def by_options(method, url, params, given, own):
    """A span for a call with these options, of a client that has options of its own."""
    return begin(
        method,
        url,
        params,
        # The SDK looks at the same in the same order before each request.
        given.get("api_key") or own.api_key,
        given.get("stripe_version") or own.stripe_version,
        given.get("stripe_account") or own.stripe_account,
        given.get("stripe_context") or getattr(own, "stripe_context", None),
        given.get("idempotency_key"),
    )


def begin(method, url, params, key, version, account, context, idempotency_key):
    """A span for a call, with all that is known before it; and the operation that it is."""
    verb = str.upper(method)
    path, _, query = url.partition("?")
    if "://" in path:
        path = "/" + path.split("://", 1)[1].partition("/")[2]
    operation, ids = stripe.find(verb, path)
    fields = {}
    if ids:
        if operation.effect != "create":
            fields["stripe.object_id"] = ids[-1][:255]
        if len(ids) > 1:
            for name, value in zip(operation.parameters, ids):
                fields[f"stripe.path.{name}"] = value[:255]
    if type(key) is str:
        kind, _, rest = key.partition("_")
        if kind in KEY_TYPES:
            fields["stripe.key.type"] = kind
            mode = rest.partition("_")[0]
            if mode in KEY_MODES:
                fields["stripe.key.mode"] = mode
    for name, value in (
        ("stripe.api_version", version),
        ("stripe.account", account),
        ("stripe.context", context),
        ("stripe.idempotency_key", idempotency_key),
    ):
        if type(value) is str and value:
            fields[name] = value[:255]
    span = stripe.call(operation, fields)
    if query:
        params = {**from_query(query), **params} if isinstance(params, dict) else from_query(query)
    if params:
        if operation.name == "stripe.payment_intents.create" and params.get("confirm") in (
            True,
            "true",
        ):
            span["autotrace.effect"] = "charge"
        stripe.request(span, by_id(params), *names(operation))
    return span, operation


def from_query(query):
    """The parameters in the address of a further page."""
    from urllib.parse import parse_qsl

    return dict(parse_qsl(query, max_num_fields=100))


def by_id(params):
    """The parameters with ids in place of objects, as they are sent, and without a file."""
    if type(params) is not dict:
        return params
    changed: dict[str, object] = {}
    for name, value in params.items():
        if name == "file":
            changed[name] = f"<{type(value).__name__}>"
        elif type(value) not in PLAIN:
            module = loaded("stripe._stripe_object") or loaded("stripe.stripe_object")
            if module is not None and issubclass(type(value), module.StripeObject):
                data = value if isinstance(value, dict) else vars(value).get("_data")
                changed[name] = data.get("id") if data else None
    return {**params, **changed} if changed else params


def answered(span, operation, result):
    """Note what came back."""
    if type(result) is tuple:  # up to 7: with the key that was used
        result = result[0]
    held = getattr(result, "__dict__", None)
    if held is None:  # an answer that is JSON but no object
        return
    last = held.get("_last_response")
    if last is not None:
        held = vars(last)
    stripe.answered(span, held.get("code"), held.get("headers"))
    data = held.get("data")
    if not isinstance(data, dict):
        return
    body = held.get("body")
    size = len(body) if isinstance(body, (str, bytes)) else 0
    kind = data.get("object")
    if type(kind) is str:
        span["stripe.object"] = kind[:255]
    items = data.get("data")
    if isinstance(items, list) and (kind in ("list", "search_result") or "next_page_url" in data):
        more = data.get("has_more", bool(data.get("next_page_url")))
        stripe.listed(span, items, more, size)
        return
    identifier = data.get("id")
    if type(identifier) is str and (operation.effect == "create" or not operation.parameters):
        span["stripe.object_id"] = identifier[:255]
    stripe.response(span, data, size, *names(operation))


def failed(span, error):
    """Note what Stripe says of an error, if it is Stripe's."""
    held = vars(error)
    stripe.answered(span, held.get("http_status"), held.get("headers"), failed=True)
    body = held.get("json_body")
    said = body.get("error") if isinstance(body, dict) else None
    if isinstance(said, dict):
        found = {name: said.get(name) for name in ERRORS}
        for name in ("payment_intent", "setup_intent", "payment_method", "source"):
            inner = said.get(name)
            if isinstance(inner, dict):
                found[name] = inner.get("id")
    elif isinstance(said, str):  # OAuth
        found = {"type": said}
    else:
        found = {"code": held.get("code"), "param": held.get("param")}
    stripe.error(span, found)


def conversation(span, operation):
    """The part of a hook that is the same for all: yields the span, and notes how it went."""
    try:
        result = yield span
    except BaseException as error:
        failed(span, error)
        raise
    answered(span, operation, result)


@around(
    "stripe._api_requestor:_APIRequestor.request",
    "stripe._api_requestor:_APIRequestor.request_async",
    "stripe._api_requestor:_APIRequestor.request_stream",
    "stripe._api_requestor:_APIRequestor.request_stream_async",
    optional=True,
)
def request(requestor, method, url, params=None, options=None, **others):
    """From 8 on; the async ones from 9."""
    span, operation = by_options(method, url, params, options or {}, requestor._options)
    yield from conversation(span, operation)


@around(
    "stripe._stripe_client:StripeClient.raw_request",
    "stripe._stripe_client:StripeClient.raw_request_async",
    optional=True,
)
def raw_request(client, method_, url_, **params):
    """From 11 on."""
    sent = {name: value for name, value in params.items() if name not in OPTIONS}
    span, operation = by_options(method_, url_, sent, params, client._requestor._options)
    yield from conversation(span, operation)


@around(
    "stripe._api_requestor:APIRequestor.request",
    "stripe._api_requestor:APIRequestor.request_stream",
    "stripe.api_requestor:APIRequestor.request",
    "stripe.api_requestor:APIRequestor.request_stream",
    optional=True,
)
def old_request(requestor, method, url, params=None, headers=None, **others):
    """Up to 7."""
    package = loaded("stripe")
    span, operation = begin(
        method,
        url,
        params,
        requestor.api_key or getattr(package, "api_key", None),
        requestor.api_version,
        requestor.stripe_account,
        None,
        headers.get("Idempotency-Key") if headers else None,
    )
    yield from conversation(span, operation)


# Which operation a request is: guessed from its verb and path it would be wrong for one in twenty.
# Made by scripts/stripe_operations.py.
OPERATIONS = """
POST /oauth/deauthorize oauth.deauthorize
POST /oauth/token oauth.token
GET /v1/account accounts.retrieve_current
POST /v1/account_links account_links.create
POST /v1/account_sessions account_sessions.create
GET /v1/accounts accounts.list
POST /v1/accounts accounts.create
DELETE /v1/accounts/{account} accounts.delete
GET /v1/accounts/{account} accounts.retrieve
POST /v1/accounts/{account} accounts.update
GET /v1/accounts/{account}/capabilities accounts.capabilities.list
GET /v1/accounts/{account}/capabilities/{capability} accounts.capabilities.retrieve
POST /v1/accounts/{account}/capabilities/{capability} accounts.capabilities.update
GET /v1/accounts/{account}/external_accounts accounts.external_accounts.list
POST /v1/accounts/{account}/external_accounts accounts.external_accounts.create
DELETE /v1/accounts/{account}/external_accounts/{id} accounts.external_accounts.delete
GET /v1/accounts/{account}/external_accounts/{id} accounts.external_accounts.retrieve
POST /v1/accounts/{account}/external_accounts/{id} accounts.external_accounts.update
POST /v1/accounts/{account}/login_links accounts.login_links.create
GET /v1/accounts/{account}/persons accounts.persons.list
POST /v1/accounts/{account}/persons accounts.persons.create
DELETE /v1/accounts/{account}/persons/{person} accounts.persons.delete
GET /v1/accounts/{account}/persons/{person} accounts.persons.retrieve
POST /v1/accounts/{account}/persons/{person} accounts.persons.update
POST /v1/accounts/{account}/reject accounts.reject
POST /v1/accounts/{account}/unreject accounts.unreject
GET /v1/apple_pay/domains apple_pay_domains.list
POST /v1/apple_pay/domains apple_pay_domains.create
DELETE /v1/apple_pay/domains/{domain} apple_pay_domains.delete
GET /v1/apple_pay/domains/{domain} apple_pay_domains.retrieve
GET /v1/application_fees application_fees.list
GET /v1/application_fees/{fee}/refunds/{id} application_fees.refunds.retrieve
POST /v1/application_fees/{fee}/refunds/{id} application_fees.refunds.update
GET /v1/application_fees/{id} application_fees.retrieve
GET /v1/application_fees/{id}/refunds application_fees.refunds.list
POST /v1/application_fees/{id}/refunds application_fees.refunds.create
GET /v1/apps/installs apps.installs.list
POST /v1/apps/installs apps.installs.create
GET /v1/apps/installs/{id} apps.installs.retrieve
POST /v1/apps/installs/{id} apps.installs.update
POST /v1/apps/installs/{id}/uninstall apps.installs.uninstall
GET /v1/apps/secrets apps.secrets.list
POST /v1/apps/secrets apps.secrets.create
POST /v1/apps/secrets/delete apps.secrets.delete_where
GET /v1/apps/secrets/find apps.secrets.find
GET /v1/balance balance.retrieve
GET /v1/balance_settings balance_settings.retrieve
POST /v1/balance_settings balance_settings.update
GET /v1/balance_transactions balance_transactions.list
GET /v1/balance_transactions/{id} balance_transactions.retrieve
GET /v1/billing/alerts billing.alerts.list
POST /v1/billing/alerts billing.alerts.create
GET /v1/billing/alerts/{id} billing.alerts.retrieve
POST /v1/billing/alerts/{id}/activate billing.alerts.activate
POST /v1/billing/alerts/{id}/archive billing.alerts.archive
POST /v1/billing/alerts/{id}/deactivate billing.alerts.deactivate
GET /v1/billing/credit_balance_summary billing.credit_balance_summary.retrieve
GET /v1/billing/credit_balance_transactions billing.credit_balance_transactions.list
GET /v1/billing/credit_balance_transactions/{id} billing.credit_balance_transactions.retrieve
GET /v1/billing/credit_grants billing.credit_grants.list
POST /v1/billing/credit_grants billing.credit_grants.create
GET /v1/billing/credit_grants/{id} billing.credit_grants.retrieve
POST /v1/billing/credit_grants/{id} billing.credit_grants.update
POST /v1/billing/credit_grants/{id}/expire billing.credit_grants.expire
POST /v1/billing/credit_grants/{id}/void billing.credit_grants.void_grant
GET /v1/billing/feedback_options billing.feedback_options.list
POST /v1/billing/feedback_options billing.feedback_options.create
GET /v1/billing/feedback_options/{id} billing.feedback_options.retrieve
POST /v1/billing/feedback_options/{id} billing.feedback_options.update
POST /v1/billing/feedback_options/{id}/deactivate billing.feedback_options.deactivate
POST /v1/billing/meter_event_adjustments billing.meter_event_adjustments.create
POST /v1/billing/meter_events billing.meter_events.create
GET /v1/billing/meters billing.meters.list
POST /v1/billing/meters billing.meters.create
GET /v1/billing/meters/{id} billing.meters.retrieve
POST /v1/billing/meters/{id} billing.meters.update
POST /v1/billing/meters/{id}/deactivate billing.meters.deactivate
GET /v1/billing/meters/{id}/event_summaries billing.meters.event_summaries.list
POST /v1/billing/meters/{id}/reactivate billing.meters.reactivate
GET /v1/billing_portal/configurations billing_portal.configurations.list
POST /v1/billing_portal/configurations billing_portal.configurations.create
GET /v1/billing_portal/configurations/{configuration} billing_portal.configurations.retrieve
POST /v1/billing_portal/configurations/{configuration} billing_portal.configurations.update
POST /v1/billing_portal/sessions billing_portal.sessions.create
GET /v1/charges charges.list
POST /v1/charges charges.create
GET /v1/charges/search charges.search
GET /v1/charges/{charge} charges.retrieve
POST /v1/charges/{charge} charges.update
POST /v1/charges/{charge}/capture charges.capture
GET /v1/checkout/sessions checkout.sessions.list
POST /v1/checkout/sessions checkout.sessions.create
GET /v1/checkout/sessions/{session} checkout.sessions.retrieve
POST /v1/checkout/sessions/{session} checkout.sessions.update
POST /v1/checkout/sessions/{session}/expire checkout.sessions.expire
GET /v1/checkout/sessions/{session}/line_items checkout.sessions.line_items.list
GET /v1/climate/orders climate.orders.list
POST /v1/climate/orders climate.orders.create
GET /v1/climate/orders/{order} climate.orders.retrieve
POST /v1/climate/orders/{order} climate.orders.update
POST /v1/climate/orders/{order}/cancel climate.orders.cancel
GET /v1/climate/products climate.products.list
GET /v1/climate/products/{product} climate.products.retrieve
GET /v1/climate/suppliers climate.suppliers.list
GET /v1/climate/suppliers/{supplier} climate.suppliers.retrieve
GET /v1/confirmation_tokens/{confirmation_token} confirmation_tokens.retrieve
GET /v1/country_specs country_specs.list
GET /v1/country_specs/{country} country_specs.retrieve
GET /v1/coupons coupons.list
POST /v1/coupons coupons.create
DELETE /v1/coupons/{coupon} coupons.delete
GET /v1/coupons/{coupon} coupons.retrieve
POST /v1/coupons/{coupon} coupons.update
GET /v1/credit_notes credit_notes.list
POST /v1/credit_notes credit_notes.create
GET /v1/credit_notes/preview credit_notes.preview
GET /v1/credit_notes/preview/lines credit_notes.preview_lines.list
GET /v1/credit_notes/{credit_note}/lines credit_notes.line_items.list
GET /v1/credit_notes/{id} credit_notes.retrieve
POST /v1/credit_notes/{id} credit_notes.update
POST /v1/credit_notes/{id}/void credit_notes.void_credit_note
POST /v1/customer_sessions customer_sessions.create
GET /v1/customers customers.list
POST /v1/customers customers.create
GET /v1/customers/search customers.search
DELETE /v1/customers/{customer} customers.delete
GET /v1/customers/{customer} customers.retrieve
POST /v1/customers/{customer} customers.update
GET /v1/customers/{customer}/balance_transactions customers.balance_transactions.list
POST /v1/customers/{customer}/balance_transactions customers.balance_transactions.create
GET /v1/customers/{customer}/balance_transactions/{transaction} customers.balance_transactions.retrieve
POST /v1/customers/{customer}/balance_transactions/{transaction} customers.balance_transactions.update
GET /v1/customers/{customer}/cash_balance customers.cash_balance.retrieve
POST /v1/customers/{customer}/cash_balance customers.cash_balance.update
GET /v1/customers/{customer}/cash_balance_transactions customers.cash_balance_transactions.list
GET /v1/customers/{customer}/cash_balance_transactions/{transaction} customers.cash_balance_transactions.retrieve
DELETE /v1/customers/{customer}/discount customers.delete_discount
POST /v1/customers/{customer}/funding_instructions customers.funding_instructions.create
GET /v1/customers/{customer}/payment_methods customers.payment_methods.list
GET /v1/customers/{customer}/payment_methods/{payment_method} customers.payment_methods.retrieve
GET /v1/customers/{customer}/sources customers.payment_sources.list
POST /v1/customers/{customer}/sources customers.payment_sources.create
DELETE /v1/customers/{customer}/sources/{id} customers.payment_sources.delete
GET /v1/customers/{customer}/sources/{id} customers.payment_sources.retrieve
POST /v1/customers/{customer}/sources/{id} customers.payment_sources.update
POST /v1/customers/{customer}/sources/{id}/verify customers.payment_sources.verify
GET /v1/customers/{customer}/tax_ids customers.tax_ids.list
POST /v1/customers/{customer}/tax_ids customers.tax_ids.create
DELETE /v1/customers/{customer}/tax_ids/{id} customers.tax_ids.delete
GET /v1/customers/{customer}/tax_ids/{id} customers.tax_ids.retrieve
GET /v1/disputes disputes.list
GET /v1/disputes/{dispute} disputes.retrieve
POST /v1/disputes/{dispute} disputes.update
POST /v1/disputes/{dispute}/close disputes.close
GET /v1/entitlements/active_entitlements entitlements.active_entitlements.list
GET /v1/entitlements/active_entitlements/{id} entitlements.active_entitlements.retrieve
GET /v1/entitlements/features entitlements.features.list
POST /v1/entitlements/features entitlements.features.create
GET /v1/entitlements/features/{id} entitlements.features.retrieve
POST /v1/entitlements/features/{id} entitlements.features.update
POST /v1/ephemeral_keys ephemeral_keys.create
DELETE /v1/ephemeral_keys/{key} ephemeral_keys.delete
GET /v1/events events.list
GET /v1/events/{id} events.retrieve
GET /v1/exchange_rates exchange_rates.list
GET /v1/exchange_rates/{rate_id} exchange_rates.retrieve
GET /v1/file_links file_links.list
POST /v1/file_links file_links.create
GET /v1/file_links/{link} file_links.retrieve
POST /v1/file_links/{link} file_links.update
GET /v1/files files.list
POST /v1/files files.create
GET /v1/files/{file} files.retrieve
GET /v1/financial_connections/accounts financial_connections.accounts.list
GET /v1/financial_connections/accounts/{account} financial_connections.accounts.retrieve
POST /v1/financial_connections/accounts/{account}/disconnect financial_connections.accounts.disconnect
GET /v1/financial_connections/accounts/{account}/owners financial_connections.accounts.owners.list
POST /v1/financial_connections/accounts/{account}/refresh financial_connections.accounts.refresh
POST /v1/financial_connections/accounts/{account}/subscribe financial_connections.accounts.subscribe
POST /v1/financial_connections/accounts/{account}/unsubscribe financial_connections.accounts.unsubscribe
POST /v1/financial_connections/sessions financial_connections.sessions.create
GET /v1/financial_connections/sessions/{session} financial_connections.sessions.retrieve
GET /v1/financial_connections/transactions financial_connections.transactions.list
GET /v1/financial_connections/transactions/{transaction} financial_connections.transactions.retrieve
GET /v1/forwarding/requests forwarding.requests.list
POST /v1/forwarding/requests forwarding.requests.create
GET /v1/forwarding/requests/{id} forwarding.requests.retrieve
GET /v1/identity/verification_reports identity.verification_reports.list
GET /v1/identity/verification_reports/{report} identity.verification_reports.retrieve
GET /v1/identity/verification_sessions identity.verification_sessions.list
POST /v1/identity/verification_sessions identity.verification_sessions.create
GET /v1/identity/verification_sessions/{session} identity.verification_sessions.retrieve
POST /v1/identity/verification_sessions/{session} identity.verification_sessions.update
POST /v1/identity/verification_sessions/{session}/cancel identity.verification_sessions.cancel
POST /v1/identity/verification_sessions/{session}/redact identity.verification_sessions.redact
GET /v1/invoice_payments invoice_payments.list
GET /v1/invoice_payments/{invoice_payment} invoice_payments.retrieve
GET /v1/invoice_rendering_templates invoice_rendering_templates.list
GET /v1/invoice_rendering_templates/{template} invoice_rendering_templates.retrieve
POST /v1/invoice_rendering_templates/{template}/archive invoice_rendering_templates.archive
POST /v1/invoice_rendering_templates/{template}/unarchive invoice_rendering_templates.unarchive
GET /v1/invoiceitems invoice_items.list
POST /v1/invoiceitems invoice_items.create
DELETE /v1/invoiceitems/{invoiceitem} invoice_items.delete
GET /v1/invoiceitems/{invoiceitem} invoice_items.retrieve
POST /v1/invoiceitems/{invoiceitem} invoice_items.update
GET /v1/invoices invoices.list
POST /v1/invoices invoices.create
POST /v1/invoices/create_preview invoices.create_preview
GET /v1/invoices/search invoices.search
GET /v1/invoices/upcoming invoices.upcoming
GET /v1/invoices/upcoming/lines invoices.upcoming_lines.list
DELETE /v1/invoices/{invoice} invoices.delete
GET /v1/invoices/{invoice} invoices.retrieve
POST /v1/invoices/{invoice} invoices.update
POST /v1/invoices/{invoice}/add_lines invoices.add_lines
POST /v1/invoices/{invoice}/attach_payment invoices.attach_payment
POST /v1/invoices/{invoice}/finalize invoices.finalize_invoice
GET /v1/invoices/{invoice}/lines invoices.line_items.list
POST /v1/invoices/{invoice}/lines/{line_item_id} invoices.line_items.update
POST /v1/invoices/{invoice}/mark_uncollectible invoices.mark_uncollectible
POST /v1/invoices/{invoice}/pay invoices.pay
POST /v1/invoices/{invoice}/remove_lines invoices.remove_lines
POST /v1/invoices/{invoice}/send invoices.send_invoice
POST /v1/invoices/{invoice}/update_lines invoices.update_lines
POST /v1/invoices/{invoice}/void invoices.void_invoice
GET /v1/issuing/authorizations issuing.authorizations.list
GET /v1/issuing/authorizations/{authorization} issuing.authorizations.retrieve
POST /v1/issuing/authorizations/{authorization} issuing.authorizations.update
POST /v1/issuing/authorizations/{authorization}/approve issuing.authorizations.approve
POST /v1/issuing/authorizations/{authorization}/decline issuing.authorizations.decline
GET /v1/issuing/cardholders issuing.cardholders.list
POST /v1/issuing/cardholders issuing.cardholders.create
GET /v1/issuing/cardholders/{cardholder} issuing.cardholders.retrieve
POST /v1/issuing/cardholders/{cardholder} issuing.cardholders.update
GET /v1/issuing/cards issuing.cards.list
POST /v1/issuing/cards issuing.cards.create
GET /v1/issuing/cards/{card} issuing.cards.retrieve
POST /v1/issuing/cards/{card} issuing.cards.update
GET /v1/issuing/disputes issuing.disputes.list
POST /v1/issuing/disputes issuing.disputes.create
GET /v1/issuing/disputes/{dispute} issuing.disputes.retrieve
POST /v1/issuing/disputes/{dispute} issuing.disputes.update
POST /v1/issuing/disputes/{dispute}/submit issuing.disputes.submit
GET /v1/issuing/personalization_designs issuing.personalization_designs.list
POST /v1/issuing/personalization_designs issuing.personalization_designs.create
GET /v1/issuing/personalization_designs/{personalization_design} issuing.personalization_designs.retrieve
POST /v1/issuing/personalization_designs/{personalization_design} issuing.personalization_designs.update
GET /v1/issuing/physical_bundles issuing.physical_bundles.list
GET /v1/issuing/physical_bundles/{physical_bundle} issuing.physical_bundles.retrieve
GET /v1/issuing/tokens issuing.tokens.list
GET /v1/issuing/tokens/{token} issuing.tokens.retrieve
POST /v1/issuing/tokens/{token} issuing.tokens.update
GET /v1/issuing/transactions issuing.transactions.list
GET /v1/issuing/transactions/{transaction} issuing.transactions.retrieve
POST /v1/issuing/transactions/{transaction} issuing.transactions.update
GET /v1/mandates/{mandate} mandates.retrieve
GET /v1/payment_attempt_records payment_attempt_records.list
GET /v1/payment_attempt_records/{id} payment_attempt_records.retrieve
GET /v1/payment_intents payment_intents.list
POST /v1/payment_intents payment_intents.create
GET /v1/payment_intents/search payment_intents.search
GET /v1/payment_intents/{intent} payment_intents.retrieve
POST /v1/payment_intents/{intent} payment_intents.update
GET /v1/payment_intents/{intent}/amount_details_line_items payment_intents.amount_details_line_items.list
POST /v1/payment_intents/{intent}/apply_customer_balance payment_intents.apply_customer_balance
POST /v1/payment_intents/{intent}/cancel payment_intents.cancel
POST /v1/payment_intents/{intent}/capture payment_intents.capture
POST /v1/payment_intents/{intent}/confirm payment_intents.confirm
POST /v1/payment_intents/{intent}/increment_authorization payment_intents.increment_authorization
POST /v1/payment_intents/{intent}/verify_microdeposits payment_intents.verify_microdeposits
GET /v1/payment_links payment_links.list
POST /v1/payment_links payment_links.create
GET /v1/payment_links/{payment_link} payment_links.retrieve
POST /v1/payment_links/{payment_link} payment_links.update
GET /v1/payment_links/{payment_link}/line_items payment_links.line_items.list
GET /v1/payment_method_configurations payment_method_configurations.list
POST /v1/payment_method_configurations payment_method_configurations.create
GET /v1/payment_method_configurations/{configuration} payment_method_configurations.retrieve
POST /v1/payment_method_configurations/{configuration} payment_method_configurations.update
GET /v1/payment_method_domains payment_method_domains.list
POST /v1/payment_method_domains payment_method_domains.create
GET /v1/payment_method_domains/{payment_method_domain} payment_method_domains.retrieve
POST /v1/payment_method_domains/{payment_method_domain} payment_method_domains.update
POST /v1/payment_method_domains/{payment_method_domain}/validate payment_method_domains.validate
GET /v1/payment_methods payment_methods.list
POST /v1/payment_methods payment_methods.create
GET /v1/payment_methods/{payment_method} payment_methods.retrieve
POST /v1/payment_methods/{payment_method} payment_methods.update
POST /v1/payment_methods/{payment_method}/attach payment_methods.attach
POST /v1/payment_methods/{payment_method}/detach payment_methods.detach
GET /v1/payment_records payment_records.list
POST /v1/payment_records/report_payment payment_records.report_payment
GET /v1/payment_records/{id} payment_records.retrieve
POST /v1/payment_records/{id}/report_payment_attempt payment_records.report_payment_attempt
POST /v1/payment_records/{id}/report_payment_attempt_canceled payment_records.report_payment_attempt_canceled
POST /v1/payment_records/{id}/report_payment_attempt_failed payment_records.report_payment_attempt_failed
POST /v1/payment_records/{id}/report_payment_attempt_guaranteed payment_records.report_payment_attempt_guaranteed
POST /v1/payment_records/{id}/report_payment_attempt_informational payment_records.report_payment_attempt_informational
POST /v1/payment_records/{id}/report_refund payment_records.report_refund
GET /v1/payouts payouts.list
POST /v1/payouts payouts.create
GET /v1/payouts/{payout} payouts.retrieve
POST /v1/payouts/{payout} payouts.update
POST /v1/payouts/{payout}/cancel payouts.cancel
POST /v1/payouts/{payout}/reverse payouts.reverse
GET /v1/plans plans.list
POST /v1/plans plans.create
DELETE /v1/plans/{plan} plans.delete
GET /v1/plans/{plan} plans.retrieve
POST /v1/plans/{plan} plans.update
GET /v1/prices prices.list
POST /v1/prices prices.create
GET /v1/prices/search prices.search
GET /v1/prices/{price} prices.retrieve
POST /v1/prices/{price} prices.update
GET /v1/product_catalog/trial_offers product_catalog.trial_offers.list
POST /v1/product_catalog/trial_offers product_catalog.trial_offers.create
GET /v1/product_catalog/trial_offers/{id} product_catalog.trial_offers.retrieve
POST /v1/product_catalog/trial_offers/{id} product_catalog.trial_offers.update
GET /v1/products products.list
POST /v1/products products.create
GET /v1/products/search products.search
DELETE /v1/products/{id} products.delete
GET /v1/products/{id} products.retrieve
POST /v1/products/{id} products.update
GET /v1/products/{product}/features products.features.list
POST /v1/products/{product}/features products.features.create
DELETE /v1/products/{product}/features/{id} products.features.delete
GET /v1/products/{product}/features/{id} products.features.retrieve
GET /v1/promotion_codes promotion_codes.list
POST /v1/promotion_codes promotion_codes.create
GET /v1/promotion_codes/{promotion_code} promotion_codes.retrieve
POST /v1/promotion_codes/{promotion_code} promotion_codes.update
GET /v1/quotes quotes.list
POST /v1/quotes quotes.create
GET /v1/quotes/{quote} quotes.retrieve
POST /v1/quotes/{quote} quotes.update
POST /v1/quotes/{quote}/accept quotes.accept
POST /v1/quotes/{quote}/cancel quotes.cancel
GET /v1/quotes/{quote}/computed_upfront_line_items quotes.computed_upfront_line_items.list
POST /v1/quotes/{quote}/finalize quotes.finalize_quote
GET /v1/quotes/{quote}/line_items quotes.line_items.list
GET /v1/quotes/{quote}/pdf quotes.pdf
GET /v1/radar/early_fraud_warnings radar.early_fraud_warnings.list
GET /v1/radar/early_fraud_warnings/{early_fraud_warning} radar.early_fraud_warnings.retrieve
POST /v1/radar/payment_evaluations radar.payment_evaluations.create
GET /v1/radar/value_list_items radar.value_list_items.list
POST /v1/radar/value_list_items radar.value_list_items.create
DELETE /v1/radar/value_list_items/{item} radar.value_list_items.delete
GET /v1/radar/value_list_items/{item} radar.value_list_items.retrieve
GET /v1/radar/value_lists radar.value_lists.list
POST /v1/radar/value_lists radar.value_lists.create
DELETE /v1/radar/value_lists/{value_list} radar.value_lists.delete
GET /v1/radar/value_lists/{value_list} radar.value_lists.retrieve
POST /v1/radar/value_lists/{value_list} radar.value_lists.update
GET /v1/refunds refunds.list
POST /v1/refunds refunds.create
GET /v1/refunds/{refund} refunds.retrieve
POST /v1/refunds/{refund} refunds.update
POST /v1/refunds/{refund}/cancel refunds.cancel
GET /v1/reporting/report_runs reporting.report_runs.list
POST /v1/reporting/report_runs reporting.report_runs.create
GET /v1/reporting/report_runs/{report_run} reporting.report_runs.retrieve
GET /v1/reporting/report_types reporting.report_types.list
GET /v1/reporting/report_types/{report_type} reporting.report_types.retrieve
GET /v1/reviews reviews.list
GET /v1/reviews/{review} reviews.retrieve
POST /v1/reviews/{review}/approve reviews.approve
GET /v1/setup_attempts setup_attempts.list
GET /v1/setup_intents setup_intents.list
POST /v1/setup_intents setup_intents.create
GET /v1/setup_intents/{intent} setup_intents.retrieve
POST /v1/setup_intents/{intent} setup_intents.update
POST /v1/setup_intents/{intent}/cancel setup_intents.cancel
POST /v1/setup_intents/{intent}/confirm setup_intents.confirm
POST /v1/setup_intents/{intent}/verify_microdeposits setup_intents.verify_microdeposits
GET /v1/shipping_rates shipping_rates.list
POST /v1/shipping_rates shipping_rates.create
GET /v1/shipping_rates/{shipping_rate_token} shipping_rates.retrieve
POST /v1/shipping_rates/{shipping_rate_token} shipping_rates.update
GET /v1/sigma/scheduled_query_runs sigma.scheduled_query_runs.list
GET /v1/sigma/scheduled_query_runs/{scheduled_query_run} sigma.scheduled_query_runs.retrieve
POST /v1/sources sources.create
GET /v1/sources/{source} sources.retrieve
POST /v1/sources/{source} sources.update
GET /v1/sources/{source}/source_transactions sources.transactions.list
POST /v1/sources/{source}/verify sources.verify
GET /v1/subscription_items subscription_items.list
POST /v1/subscription_items subscription_items.create
DELETE /v1/subscription_items/{item} subscription_items.delete
GET /v1/subscription_items/{item} subscription_items.retrieve
POST /v1/subscription_items/{item} subscription_items.update
GET /v1/subscription_items/{subscription_item}/usage_record_summaries subscription_items.usage_record_summaries.list
POST /v1/subscription_items/{subscription_item}/usage_records subscription_items.usage_records.create
GET /v1/subscription_schedules subscription_schedules.list
POST /v1/subscription_schedules subscription_schedules.create
GET /v1/subscription_schedules/{schedule} subscription_schedules.retrieve
POST /v1/subscription_schedules/{schedule} subscription_schedules.update
POST /v1/subscription_schedules/{schedule}/cancel subscription_schedules.cancel
POST /v1/subscription_schedules/{schedule}/release subscription_schedules.release
GET /v1/subscriptions subscriptions.list
POST /v1/subscriptions subscriptions.create
GET /v1/subscriptions/search subscriptions.search
DELETE /v1/subscriptions/{subscription_exposed_id} subscriptions.cancel
GET /v1/subscriptions/{subscription_exposed_id} subscriptions.retrieve
POST /v1/subscriptions/{subscription_exposed_id} subscriptions.update
DELETE /v1/subscriptions/{subscription_exposed_id}/discount subscriptions.delete_discount
POST /v1/subscriptions/{subscription}/migrate subscriptions.migrate
POST /v1/subscriptions/{subscription}/pause subscriptions.pause
POST /v1/subscriptions/{subscription}/resume subscriptions.resume
GET /v1/tax/associations/find tax.associations.find
POST /v1/tax/calculations tax.calculations.create
GET /v1/tax/calculations/{calculation} tax.calculations.retrieve
GET /v1/tax/calculations/{calculation}/line_items tax.calculations.line_items.list
GET /v1/tax/locations tax.locations.list
POST /v1/tax/locations tax.locations.create
GET /v1/tax/locations/{location} tax.locations.retrieve
GET /v1/tax/registrations tax.registrations.list
POST /v1/tax/registrations tax.registrations.create
GET /v1/tax/registrations/{id} tax.registrations.retrieve
POST /v1/tax/registrations/{id} tax.registrations.update
GET /v1/tax/settings tax.settings.retrieve
POST /v1/tax/settings tax.settings.update
POST /v1/tax/transactions/create_from_calculation tax.transactions.create_from_calculation
POST /v1/tax/transactions/create_reversal tax.transactions.create_reversal
GET /v1/tax/transactions/{transaction} tax.transactions.retrieve
GET /v1/tax/transactions/{transaction}/line_items tax.transactions.line_items.list
GET /v1/tax_codes tax_codes.list
GET /v1/tax_codes/{id} tax_codes.retrieve
GET /v1/tax_ids tax_ids.list
POST /v1/tax_ids tax_ids.create
DELETE /v1/tax_ids/{id} tax_ids.delete
GET /v1/tax_ids/{id} tax_ids.retrieve
GET /v1/tax_rates tax_rates.list
POST /v1/tax_rates tax_rates.create
GET /v1/tax_rates/{tax_rate} tax_rates.retrieve
POST /v1/tax_rates/{tax_rate} tax_rates.update
GET /v1/terminal/configurations terminal.configurations.list
POST /v1/terminal/configurations terminal.configurations.create
DELETE /v1/terminal/configurations/{configuration} terminal.configurations.delete
GET /v1/terminal/configurations/{configuration} terminal.configurations.retrieve
POST /v1/terminal/configurations/{configuration} terminal.configurations.update
POST /v1/terminal/connection_tokens terminal.connection_tokens.create
GET /v1/terminal/locations terminal.locations.list
POST /v1/terminal/locations terminal.locations.create
DELETE /v1/terminal/locations/{location} terminal.locations.delete
GET /v1/terminal/locations/{location} terminal.locations.retrieve
POST /v1/terminal/locations/{location} terminal.locations.update
POST /v1/terminal/onboarding_links terminal.onboarding_links.create
GET /v1/terminal/readers terminal.readers.list
POST /v1/terminal/readers terminal.readers.create
DELETE /v1/terminal/readers/{reader} terminal.readers.delete
GET /v1/terminal/readers/{reader} terminal.readers.retrieve
POST /v1/terminal/readers/{reader} terminal.readers.update
POST /v1/terminal/readers/{reader}/cancel_action terminal.readers.cancel_action
POST /v1/terminal/readers/{reader}/collect_inputs terminal.readers.collect_inputs
POST /v1/terminal/readers/{reader}/collect_payment_method terminal.readers.collect_payment_method
POST /v1/terminal/readers/{reader}/confirm_payment_intent terminal.readers.confirm_payment_intent
POST /v1/terminal/readers/{reader}/process_payment_intent terminal.readers.process_payment_intent
POST /v1/terminal/readers/{reader}/process_setup_intent terminal.readers.process_setup_intent
POST /v1/terminal/readers/{reader}/refund_payment terminal.readers.refund_payment
POST /v1/terminal/readers/{reader}/set_reader_display terminal.readers.set_reader_display
POST /v1/test_helpers/confirmation_tokens test_helpers.confirmation_tokens.create
POST /v1/test_helpers/customers/{customer}/fund_cash_balance test_helpers.customers.fund_cash_balance
POST /v1/test_helpers/issuing/authorizations test_helpers.issuing.authorizations.create
POST /v1/test_helpers/issuing/authorizations/{authorization}/capture test_helpers.issuing.authorizations.capture
POST /v1/test_helpers/issuing/authorizations/{authorization}/expire test_helpers.issuing.authorizations.expire
POST /v1/test_helpers/issuing/authorizations/{authorization}/finalize_amount test_helpers.issuing.authorizations.finalize_amount
POST /v1/test_helpers/issuing/authorizations/{authorization}/fraud_challenges/respond test_helpers.issuing.authorizations.respond
POST /v1/test_helpers/issuing/authorizations/{authorization}/increment test_helpers.issuing.authorizations.increment
POST /v1/test_helpers/issuing/authorizations/{authorization}/reverse test_helpers.issuing.authorizations.reverse
POST /v1/test_helpers/issuing/cards/{card}/shipping/deliver test_helpers.issuing.cards.deliver_card
POST /v1/test_helpers/issuing/cards/{card}/shipping/fail test_helpers.issuing.cards.fail_card
POST /v1/test_helpers/issuing/cards/{card}/shipping/return test_helpers.issuing.cards.return_card
POST /v1/test_helpers/issuing/cards/{card}/shipping/ship test_helpers.issuing.cards.ship_card
POST /v1/test_helpers/issuing/cards/{card}/shipping/submit test_helpers.issuing.cards.submit_card
POST /v1/test_helpers/issuing/personalization_designs/{personalization_design}/activate test_helpers.issuing.personalization_designs.activate
POST /v1/test_helpers/issuing/personalization_designs/{personalization_design}/deactivate test_helpers.issuing.personalization_designs.deactivate
POST /v1/test_helpers/issuing/personalization_designs/{personalization_design}/reject test_helpers.issuing.personalization_designs.reject
POST /v1/test_helpers/issuing/transactions/create_force_capture test_helpers.issuing.transactions.create_force_capture
POST /v1/test_helpers/issuing/transactions/create_unlinked_refund test_helpers.issuing.transactions.create_unlinked_refund
POST /v1/test_helpers/issuing/transactions/{transaction}/refund test_helpers.issuing.transactions.refund
POST /v1/test_helpers/refunds/{refund}/expire test_helpers.refunds.expire
POST /v1/test_helpers/terminal/readers/{reader}/present_payment_method test_helpers.terminal.readers.present_payment_method
POST /v1/test_helpers/terminal/readers/{reader}/succeed_input_collection test_helpers.terminal.readers.succeed_input_collection
POST /v1/test_helpers/terminal/readers/{reader}/timeout_input_collection test_helpers.terminal.readers.timeout_input_collection
GET /v1/test_helpers/test_clocks test_helpers.test_clocks.list
POST /v1/test_helpers/test_clocks test_helpers.test_clocks.create
DELETE /v1/test_helpers/test_clocks/{test_clock} test_helpers.test_clocks.delete
GET /v1/test_helpers/test_clocks/{test_clock} test_helpers.test_clocks.retrieve
POST /v1/test_helpers/test_clocks/{test_clock}/advance test_helpers.test_clocks.advance
POST /v1/test_helpers/treasury/inbound_transfers/{id}/fail test_helpers.treasury.inbound_transfers.fail
POST /v1/test_helpers/treasury/inbound_transfers/{id}/return test_helpers.treasury.inbound_transfers.return_inbound_transfer
POST /v1/test_helpers/treasury/inbound_transfers/{id}/succeed test_helpers.treasury.inbound_transfers.succeed
POST /v1/test_helpers/treasury/outbound_payments/{id} test_helpers.treasury.outbound_payments.update
POST /v1/test_helpers/treasury/outbound_payments/{id}/fail test_helpers.treasury.outbound_payments.fail
POST /v1/test_helpers/treasury/outbound_payments/{id}/post test_helpers.treasury.outbound_payments.post
POST /v1/test_helpers/treasury/outbound_payments/{id}/return test_helpers.treasury.outbound_payments.return_outbound_payment
POST /v1/test_helpers/treasury/outbound_transfers/{outbound_transfer} test_helpers.treasury.outbound_transfers.update
POST /v1/test_helpers/treasury/outbound_transfers/{outbound_transfer}/fail test_helpers.treasury.outbound_transfers.fail
POST /v1/test_helpers/treasury/outbound_transfers/{outbound_transfer}/post test_helpers.treasury.outbound_transfers.post
POST /v1/test_helpers/treasury/outbound_transfers/{outbound_transfer}/return test_helpers.treasury.outbound_transfers.return_outbound_transfer
POST /v1/test_helpers/treasury/received_credits test_helpers.treasury.received_credits.create
POST /v1/test_helpers/treasury/received_debits test_helpers.treasury.received_debits.create
GET /v1/three_d_secure/authentications three_d_secure.authentications.list
POST /v1/three_d_secure/authentications three_d_secure.authentications.create
GET /v1/three_d_secure/authentications/{authentication} three_d_secure.authentications.retrieve
POST /v1/three_d_secure/authentications/{authentication}/cancel three_d_secure.authentications.cancel
POST /v1/three_d_secure/authentications/{authentication}/submit three_d_secure.authentications.submit
POST /v1/tokens tokens.create
GET /v1/tokens/{token} tokens.retrieve
GET /v1/topups topups.list
POST /v1/topups topups.create
GET /v1/topups/{topup} topups.retrieve
POST /v1/topups/{topup} topups.update
POST /v1/topups/{topup}/cancel topups.cancel
GET /v1/transfers transfers.list
POST /v1/transfers transfers.create
GET /v1/transfers/{id}/reversals transfers.reversals.list
POST /v1/transfers/{id}/reversals transfers.reversals.create
GET /v1/transfers/{transfer} transfers.retrieve
POST /v1/transfers/{transfer} transfers.update
GET /v1/transfers/{transfer}/reversals/{id} transfers.reversals.retrieve
POST /v1/transfers/{transfer}/reversals/{id} transfers.reversals.update
GET /v1/treasury/credit_reversals treasury.credit_reversals.list
POST /v1/treasury/credit_reversals treasury.credit_reversals.create
GET /v1/treasury/credit_reversals/{credit_reversal} treasury.credit_reversals.retrieve
GET /v1/treasury/debit_reversals treasury.debit_reversals.list
POST /v1/treasury/debit_reversals treasury.debit_reversals.create
GET /v1/treasury/debit_reversals/{debit_reversal} treasury.debit_reversals.retrieve
GET /v1/treasury/financial_accounts treasury.financial_accounts.list
POST /v1/treasury/financial_accounts treasury.financial_accounts.create
GET /v1/treasury/financial_accounts/{financial_account} treasury.financial_accounts.retrieve
POST /v1/treasury/financial_accounts/{financial_account} treasury.financial_accounts.update
POST /v1/treasury/financial_accounts/{financial_account}/close treasury.financial_accounts.close
GET /v1/treasury/financial_accounts/{financial_account}/features treasury.financial_accounts.features.retrieve
POST /v1/treasury/financial_accounts/{financial_account}/features treasury.financial_accounts.features.update
GET /v1/treasury/inbound_transfers treasury.inbound_transfers.list
POST /v1/treasury/inbound_transfers treasury.inbound_transfers.create
GET /v1/treasury/inbound_transfers/{id} treasury.inbound_transfers.retrieve
POST /v1/treasury/inbound_transfers/{inbound_transfer}/cancel treasury.inbound_transfers.cancel
GET /v1/treasury/outbound_payments treasury.outbound_payments.list
POST /v1/treasury/outbound_payments treasury.outbound_payments.create
GET /v1/treasury/outbound_payments/{id} treasury.outbound_payments.retrieve
POST /v1/treasury/outbound_payments/{id}/cancel treasury.outbound_payments.cancel
GET /v1/treasury/outbound_transfers treasury.outbound_transfers.list
POST /v1/treasury/outbound_transfers treasury.outbound_transfers.create
GET /v1/treasury/outbound_transfers/{outbound_transfer} treasury.outbound_transfers.retrieve
POST /v1/treasury/outbound_transfers/{outbound_transfer}/cancel treasury.outbound_transfers.cancel
GET /v1/treasury/received_credits treasury.received_credits.list
GET /v1/treasury/received_credits/{id} treasury.received_credits.retrieve
GET /v1/treasury/received_debits treasury.received_debits.list
GET /v1/treasury/received_debits/{id} treasury.received_debits.retrieve
GET /v1/treasury/transaction_entries treasury.transaction_entries.list
GET /v1/treasury/transaction_entries/{id} treasury.transaction_entries.retrieve
GET /v1/treasury/transactions treasury.transactions.list
GET /v1/treasury/transactions/{id} treasury.transactions.retrieve
GET /v1/webhook_endpoints webhook_endpoints.list
POST /v1/webhook_endpoints webhook_endpoints.create
DELETE /v1/webhook_endpoints/{webhook_endpoint} webhook_endpoints.delete
GET /v1/webhook_endpoints/{webhook_endpoint} webhook_endpoints.retrieve
POST /v1/webhook_endpoints/{webhook_endpoint} webhook_endpoints.update
POST /v2/billing/meter_event_adjustments v2.billing.meter_event_adjustments.create
POST /v2/billing/meter_event_session v2.billing.meter_event_session.create
POST /v2/billing/meter_event_stream v2.billing.meter_event_stream.create
POST /v2/billing/meter_events v2.billing.meter_events.create
GET /v2/commerce/product_catalog/imports v2.commerce.product_catalog.imports.list
POST /v2/commerce/product_catalog/imports v2.commerce.product_catalog.imports.create
GET /v2/commerce/product_catalog/imports/{id} v2.commerce.product_catalog.imports.retrieve
POST /v2/core/account_links v2.core.account_links.create
POST /v2/core/account_tokens v2.core.account_tokens.create
GET /v2/core/account_tokens/{id} v2.core.account_tokens.retrieve
GET /v2/core/accounts v2.core.accounts.list
POST /v2/core/accounts v2.core.accounts.create
POST /v2/core/accounts/{account_id}/person_tokens v2.core.accounts.person_tokens.create
GET /v2/core/accounts/{account_id}/person_tokens/{id} v2.core.accounts.person_tokens.retrieve
GET /v2/core/accounts/{account_id}/persons v2.core.accounts.persons.list
POST /v2/core/accounts/{account_id}/persons v2.core.accounts.persons.create
DELETE /v2/core/accounts/{account_id}/persons/{id} v2.core.accounts.persons.delete
GET /v2/core/accounts/{account_id}/persons/{id} v2.core.accounts.persons.retrieve
POST /v2/core/accounts/{account_id}/persons/{id} v2.core.accounts.persons.update
GET /v2/core/accounts/{id} v2.core.accounts.retrieve
POST /v2/core/accounts/{id} v2.core.accounts.update
POST /v2/core/accounts/{id}/close v2.core.accounts.close
GET /v2/core/event_destinations v2.core.event_destinations.list
POST /v2/core/event_destinations v2.core.event_destinations.create
DELETE /v2/core/event_destinations/{id} v2.core.event_destinations.delete
GET /v2/core/event_destinations/{id} v2.core.event_destinations.retrieve
POST /v2/core/event_destinations/{id} v2.core.event_destinations.update
POST /v2/core/event_destinations/{id}/disable v2.core.event_destinations.disable
POST /v2/core/event_destinations/{id}/enable v2.core.event_destinations.enable
POST /v2/core/event_destinations/{id}/ping v2.core.event_destinations.ping
GET /v2/core/events v2.core.events.list
GET /v2/core/events/{id} v2.core.events.retrieve
GET /v2/core/vault/gb_bank_accounts v2.core.vault.gb_bank_accounts.list
POST /v2/core/vault/gb_bank_accounts v2.core.vault.gb_bank_accounts.create
GET /v2/core/vault/gb_bank_accounts/{id} v2.core.vault.gb_bank_accounts.retrieve
POST /v2/core/vault/gb_bank_accounts/{id}/archive v2.core.vault.gb_bank_accounts.archive
POST /v2/core/vault/gb_bank_accounts/{id}/unarchive v2.core.vault.gb_bank_accounts.unarchive
GET /v2/core/vault/us_bank_accounts v2.core.vault.us_bank_accounts.list
POST /v2/core/vault/us_bank_accounts v2.core.vault.us_bank_accounts.create
GET /v2/core/vault/us_bank_accounts/{id} v2.core.vault.us_bank_accounts.retrieve
POST /v2/core/vault/us_bank_accounts/{id} v2.core.vault.us_bank_accounts.update
POST /v2/core/vault/us_bank_accounts/{id}/archive v2.core.vault.us_bank_accounts.archive
POST /v2/core/vault/us_bank_accounts/{id}/confirm_microdeposits v2.core.vault.us_bank_accounts.confirm_microdeposits
POST /v2/core/vault/us_bank_accounts/{id}/send_microdeposits v2.core.vault.us_bank_accounts.send_microdeposits
POST /v2/core/vault/us_bank_accounts/{id}/unarchive v2.core.vault.us_bank_accounts.unarchive
GET /v2/money_management/adjustments v2.money_management.adjustments.list
GET /v2/money_management/adjustments/{id} v2.money_management.adjustments.retrieve
GET /v2/money_management/financial_accounts v2.money_management.financial_accounts.list
GET /v2/money_management/financial_accounts/{id} v2.money_management.financial_accounts.retrieve
POST /v2/money_management/financial_accounts/{id} v2.money_management.financial_accounts.update
GET /v2/money_management/financial_addresses v2.money_management.financial_addresses.list
POST /v2/money_management/financial_addresses v2.money_management.financial_addresses.create
GET /v2/money_management/financial_addresses/{id} v2.money_management.financial_addresses.retrieve
GET /v2/money_management/inbound_transfers v2.money_management.inbound_transfers.list
POST /v2/money_management/inbound_transfers v2.money_management.inbound_transfers.create
GET /v2/money_management/inbound_transfers/{id} v2.money_management.inbound_transfers.retrieve
GET /v2/money_management/outbound_payments v2.money_management.outbound_payments.list
POST /v2/money_management/outbound_payments v2.money_management.outbound_payments.create
GET /v2/money_management/outbound_payments/{id} v2.money_management.outbound_payments.retrieve
POST /v2/money_management/outbound_payments/{id}/cancel v2.money_management.outbound_payments.cancel
GET /v2/money_management/outbound_setup_intents v2.money_management.outbound_setup_intents.list
POST /v2/money_management/outbound_setup_intents v2.money_management.outbound_setup_intents.create
GET /v2/money_management/outbound_setup_intents/{id} v2.money_management.outbound_setup_intents.retrieve
POST /v2/money_management/outbound_setup_intents/{id} v2.money_management.outbound_setup_intents.update
POST /v2/money_management/outbound_setup_intents/{id}/cancel v2.money_management.outbound_setup_intents.cancel
GET /v2/money_management/payout_intents v2.money_management.payout_intents.list
POST /v2/money_management/payout_intents v2.money_management.payout_intents.create
GET /v2/money_management/payout_intents/{id} v2.money_management.payout_intents.retrieve
POST /v2/money_management/payout_intents/{id} v2.money_management.payout_intents.update
POST /v2/money_management/payout_intents/{id}/cancel v2.money_management.payout_intents.cancel
POST /v2/money_management/payout_intents/{id}/confirm v2.money_management.payout_intents.confirm
POST /v2/money_management/payout_intents/{id}/refresh_fx_quote v2.money_management.payout_intents.refresh_fx_quote
POST /v2/money_management/payout_intents/{id}/refresh_recipient_verification v2.money_management.payout_intents.refresh_recipient_verification
GET /v2/money_management/payout_methods v2.money_management.payout_methods.list
GET /v2/money_management/payout_methods/{id} v2.money_management.payout_methods.retrieve
POST /v2/money_management/payout_methods/{id}/archive v2.money_management.payout_methods.archive
POST /v2/money_management/payout_methods/{id}/unarchive v2.money_management.payout_methods.unarchive
GET /v2/money_management/payout_methods_bank_account_spec v2.money_management.payout_methods_bank_account_spec.retrieve
GET /v2/money_management/received_credits v2.money_management.received_credits.list
GET /v2/money_management/received_credits/{id} v2.money_management.received_credits.retrieve
POST /v2/money_management/recipient_verifications v2.money_management.recipient_verifications.create
GET /v2/money_management/recipient_verifications/{id} v2.money_management.recipient_verifications.retrieve
POST /v2/money_management/recipient_verifications/{id}/acknowledge v2.money_management.recipient_verifications.acknowledge
POST /v2/money_management/test_helpers/financial_addresses/{id}/credit v2.money_management.test_helpers.financial_addresses.credit
GET /v2/money_management/transaction_entries v2.money_management.transaction_entries.list
GET /v2/money_management/transaction_entries/{id} v2.money_management.transaction_entries.retrieve
GET /v2/money_management/transactions v2.money_management.transactions.list
GET /v2/money_management/transactions/{id} v2.money_management.transactions.retrieve
POST /v2/money_management/transactions/{id} v2.money_management.transactions.update
POST /v2/money_management/transactions/{id}/refresh_regulatory_receipt v2.money_management.transactions.refresh_regulatory_receipt
POST /v2/test_helpers/money_management/recipient_verifications v2.test_helpers.money_management.recipient_verifications
"""  # noqa: E501
