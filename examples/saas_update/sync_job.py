"""Every hour: tell Intercom, Salesforce and Stripe who is on trial.

    python sync_job.py

Settings come from the environment, see settings.py.
"""

import logging
import sys
from collections import Counter

import requests
import settings
import stripe
from intercom import (
    CreateContactRequestWithEmail,
    Intercom,
    SingleFilterSearchRequest,
    StartingAfterPaging,
)
from intercom.core.api_error import ApiError
from models import SyncResult, User
from requests.adapters import HTTPAdapter
from simple_salesforce import Salesforce
from simple_salesforce.exceptions import SalesforceError, SalesforceMalformedRequest
from sqlalchemy import create_engine, select
from sqlalchemy.orm import Session
from urllib3.util import Retry

log = logging.getLogger("sync_job")


def users_on_trial(session):
    """Everybody whose trial has not ended before today."""
    query = (
        select(User)
        .where(User.plan == "trial", User.trial_ends >= settings.TODAY)
        .order_by(User.id)
    )
    return session.execute(query).scalars().all()


def seats(user):
    """How many people the user pays for, or will."""
    return sum(subscription.seats for subscription in user.subscriptions)


def unpaid_cents(user):
    """What is still open from before the move to Stripe."""
    return sum(invoice.cents for invoice in user.invoices if invoice.status == "open")


def days_left(user):
    """Whole days of trial after today; 0 on the last day."""
    return (user.trial_ends - settings.TODAY).days


def remember(session, user, vendor, outcome, detail=None):
    """Keep how it went, so that support can look it up."""
    session.add(SyncResult(user_id=user.id, vendor=vendor, outcome=outcome, detail=detail))
    session.commit()
    return outcome


# Intercom


def intercom_contacts(client):
    """All contacts that are users, by their email."""
    contacts = {}
    cursor = None
    while True:
        page = client.contacts.search(
            query=SingleFilterSearchRequest(field="role", operator="=", value="user"),
            pagination=StartingAfterPaging(per_page=5, starting_after=cursor),
        ).response
        contacts.update({contact.email: contact for contact in page.data})
        if page.pages is None or page.pages.next is None:
            return contacts
        cursor = page.pages.next.starting_after


def update_intercom_contact(client, user, contact, tag):
    """Bring one contact up to date, or make it."""
    attributes = {
        "plan": user.plan,
        "seats": seats(user),
        "unpaid_cents": unpaid_cents(user),
        "trial_days_left": days_left(user),
    }
    options = {"max_retries": 4}
    if contact is None:
        request = CreateContactRequestWithEmail(
            email=user.email, name=user.name, custom_attributes=attributes
        )
        contact = client.contacts.create(request=request, request_options=options)
    else:
        client.contacts.update(
            contact.id,
            email=user.email,
            name=user.name,
            custom_attributes=attributes,
            request_options=options,
        )
    if days_left(user) <= 3:
        client.tags.tag_contact(contact.id, tag_id=tag.id, request_options=options)


def update_intercom(session, users):
    """Tell support who is on trial. Returns how many users had which outcome."""
    client = Intercom(token=settings.INTERCOM_TOKEN, base_url=settings.INTERCOM_API_BASE)
    tag = next(tag for tag in client.tags.list().data if tag.name == "trial ends soon")
    contacts = intercom_contacts(client)
    outcomes = Counter()
    for user in users:
        try:
            update_intercom_contact(client, user, contacts.get(user.email), tag)
        except ApiError as error:
            reason = error.body["errors"][0]["message"]
            log.warning("intercom: user %d not updated: %s", user.id, reason)
            outcomes[remember(session, user, "intercom", "failed", reason)] += 1
        else:
            outcomes[remember(session, user, "intercom", "updated")] += 1
    return outcomes


# Salesforce


def connect_to_salesforce():
    """Log in; requests that find Salesforce unavailable are sent again."""
    http = requests.Session()
    retry = Retry(total=3, backoff_factor=0.1, status_forcelist=[502, 503], allowed_methods=None)
    http.mount("https://", HTTPAdapter(max_retries=retry))
    return Salesforce(
        username=settings.SALESFORCE_USERNAME,
        password=settings.SALESFORCE_PASSWORD,
        security_token=settings.SALESFORCE_SECURITY_TOKEN,
        domain=settings.SALESFORCE_DOMAIN,
        session=http,
    )


def update_salesforce_lead(salesforce, user, lead):
    """Bring one lead up to date, or make it; have somebody call when the trial is ending."""
    fields = {
        "Email": user.email,
        "Company": user.company,
        "Status": "Trial",
        "Seats__c": seats(user),
        "Trial_Ends__c": user.trial_ends.isoformat(),
    }
    if lead is None:
        first, _, last = user.name.partition(" ")
        fields.update(FirstName=first, LastName=last, Country=user.country)
        salesforce.Lead.upsert(f"External_Id__c/{user.id}", fields)
        return
    salesforce.Lead.update(lead["Id"], fields)
    if days_left(user) <= 1:
        salesforce.Task.create(
            {
                "WhoId": lead["Id"],
                "Subject": f"Call: trial of {user.company} ends {user.trial_ends}",
                "Priority": "High" if seats(user) >= 10 else "Normal",
                "Status": "Not Started",
            }
        )


def update_salesforce(session, users):
    """Tell sales who is on trial. Returns how many users had which outcome."""
    salesforce = connect_to_salesforce()
    leads = {
        lead["External_Id__c"]: lead
        for lead in salesforce.query_all_iter(
            "SELECT Id, Email, External_Id__c, Status FROM Lead "
            "WHERE LeadSource = 'Product trial' AND Status != 'Closed' ORDER BY External_Id__c"
        )
    }
    outcomes = Counter()
    for user in users:
        try:
            update_salesforce_lead(salesforce, user, leads.get(str(user.id)))
        except SalesforceMalformedRequest as error:
            reason = error.content[0]["errorCode"]
            log.warning("salesforce: user %d refused: %s", user.id, reason)
            outcomes[remember(session, user, "salesforce", "failed", reason)] += 1
        except SalesforceError:
            log.exception("salesforce: user %d", user.id)
            outcomes[remember(session, user, "salesforce", "failed")] += 1
        else:
            outcomes[remember(session, user, "salesforce", "updated")] += 1
    return outcomes


# Stripe


def trialing_subscriptions(client):
    """Stripe's own view of who is on trial, by customer."""
    listed = client.v1.subscriptions.list({"status": "trialing", "limit": 5})
    return {subscription.customer: subscription for subscription in listed.auto_paging_iter()}


def move_cards_to_stripe(client, session, user):
    """Cards given on the phone go to Stripe, and from our database."""
    for card in user.cards:
        if card.number is None:
            continue
        year, month = card.expires.split("-")
        method = client.v1.payment_methods.create(
            {
                "type": "card",
                "card": {"number": card.number, "exp_month": int(month), "exp_year": int(year)},
                "billing_details": {"name": user.name, "email": user.email},
            }
        )
        client.v1.payment_methods.attach(method.id, {"customer": user.stripe_customer_id})
        card.number = None
        card.payment_method = method.id
        session.commit()


def charge_first_month(client, user):
    """The trial ends today: take the first month, once, however often this runs."""
    return client.v1.payment_intents.create(
        {
            "amount": seats(user) * settings.PRICE_PER_SEAT,
            "currency": settings.CURRENCY,
            "customer": user.stripe_customer_id,
            "confirm": True,
            "off_session": True,
            "description": f"First month for {user.company}",
            "receipt_email": user.email,
        },
        {"idempotency_key": f"first-month-{user.id}-{settings.TODAY}"},
    )


def update_stripe_customer(client, session, user, subscription):
    """Bring one customer up to date; returns what happened."""
    client.v1.customers.update(
        user.stripe_customer_id,
        {
            "email": user.email,
            "name": user.name,
            "description": user.company,
            "metadata": {"seats": str(seats(user)), "unpaid_cents": str(unpaid_cents(user))},
        },
    )
    move_cards_to_stripe(client, session, user)
    if subscription is not None and subscription["items"]["data"][0]["quantity"] != seats(user):
        client.v1.subscriptions.update(
            subscription.id, {"metadata": {"seats_changed_to": str(seats(user))}}
        )
    if days_left(user) == 0:
        charge_first_month(client, user)
        return "charged"
    return "updated"


def update_stripe(session, users):
    """Tell billing who is on trial, and charge. Returns how many users had which outcome."""
    client = stripe.StripeClient(
        settings.STRIPE_API_KEY,
        base_addresses={"api": settings.STRIPE_API_BASE},
        max_network_retries=2,
    )
    subscriptions = trialing_subscriptions(client)
    outcomes = Counter()
    for user in users:
        try:
            subscription = subscriptions.get(user.stripe_customer_id)
            outcome = update_stripe_customer(client, session, user, subscription)
        except stripe.CardError as error:
            log.warning("stripe: user %d: %s (%s)", user.id, error.user_message, error.code)
            outcomes[remember(session, user, "stripe", "declined", error.user_message)] += 1
        except stripe.InvalidRequestError as error:
            log.warning("stripe: user %d not updated: %s", user.id, error.user_message)
            outcomes[remember(session, user, "stripe", "failed", error.user_message)] += 1
        else:
            outcomes[remember(session, user, "stripe", outcome)] += 1
    return outcomes


def report(vendor, outcomes):
    """One line for the mail that cron sends."""
    print(f"{vendor:<10}", ", ".join(f"{count} {what}" for what, count in sorted(outcomes.items())))


def main():
    """Run all three; whoever one vendor refuses is for support to look at, not a failure."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    engine = create_engine(settings.DATABASE_URL)
    with Session(engine) as session:
        users = users_on_trial(session)
        print(f"{settings.TODAY}: {len(users)} users on trial")
        report("Intercom", update_intercom(session, users))
        report("Salesforce", update_salesforce(session, users))
        report("Stripe", update_stripe(session, users))
    engine.dispose()
    return 0


if __name__ == "__main__":
    sys.exit(main())
