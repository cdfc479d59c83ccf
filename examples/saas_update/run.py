"""Run a command against stand-ins of Stripe, Intercom and Salesforce, with a database ready to use.

    python run.py                                  the example job under autotrace-run
    python run.py python sync_job.py               the job as it is
    DATABASE_URL=mysql+pymysql://… python run.py   on MySQL or MariaDB instead of SQLite

Everything listens on 127.0.0.1 and is gone when the command ends. The exit code is the command's.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import accounts
import trials
from models import Base, Invoice, PhoneOrderCard, Subscription, User
from sqlalchemy import create_engine
from sqlalchemy.orm import Session
from vendors import (
    IntercomStandIn,
    Proxy,
    SalesforceStandIn,
    StandIn,
    StripeStandIn,
    make_certificates,
)

HERE = Path(__file__).resolve().parent
INSTANCE = "northwind-boards.my.salesforce.com"
SALESFORCE_HOSTS = ["login.salesforce.com", INSTANCE]


def fill_database(url: str) -> None:
    """Make the example's own tables at ``url``, anew if they were there, and fill them."""
    engine = create_engine(url)
    Base.metadata.drop_all(engine)
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        for person in trials.PEOPLE:
            session.add(
                User(
                    id=person.id,
                    email=person.email,
                    name=person.name,
                    company=person.company,
                    country=person.country,
                    plan=person.plan,
                    trial_ends=person.trial_ends,
                    stripe_customer_id=person.customer,
                )
            )
        session.flush()
        for person in trials.PEOPLE:
            session.add(
                Subscription(
                    user_id=person.id,
                    stripe_subscription_id=f"sub_Sync{person.id:04d}",
                    seats=person.seats,
                )
            )
            for number in range(person.id % 4):
                session.add(
                    Invoice(
                        user_id=person.id,
                        number=f"2025-{person.id:03d}-{number + 1}",
                        cents=2900 * person.seats,
                        status="open" if number == 2 else "paid",
                    )
                )
        for user_id, number in trials.CARDS.items():
            session.add(PhoneOrderCard(user_id=user_id, number=number, expires="2029-08"))
        session.commit()
    engine.dispose()


def stripe_stand_in(latency: float) -> StripeStandIn:
    """Stripe with our customers, a busy database once and an error of its own once."""
    stripe = StripeStandIn(accounts.STRIPE_API_KEY, declining=trials.DECLINING, latency=latency)
    for person in trials.PEOPLE:
        if person.plan != "cancelled":
            stripe.add_customer(person.customer, email=person.email, name=person.name)
        if person.plan == "trial" and person.days_left >= 0:
            stripe.add_subscription(
                f"sub_Sync{person.id:04d}", person.customer, person.seats_at_stripe
            )
    stripe.fail("POST", "/v1/subscriptions/.*", 500, on=[2])
    stripe.fail(
        "POST",
        "/v1/customers/.*",
        429,
        on=[8],
        headers={"Stripe-Should-Retry": "true"},
        code="lock_timeout",
        message="This object cannot be accessed right now because another API request is using it.",
    )
    return stripe


def intercom_stand_in(latency: float) -> IntercomStandIn:
    """Intercom with most of our users, which finds us too fast once."""
    intercom = IntercomStandIn(accounts.INTERCOM_TOKEN, latency=latency)
    intercom.add_tag("vip")
    intercom.add_tag("trial ends soon")
    for person in trials.PEOPLE:
        if person.id not in trials.UNKNOWN_TO_INTERCOM:
            intercom.add_contact(person.email, name=person.name, external_id=str(person.id))
    intercom.fail("PUT", "/contacts/.*", 429, on=[3])
    return intercom


def salesforce_stand_in(latency: float, tls: object) -> SalesforceStandIn:
    """Salesforce with most users as leads: slow to query, away once, its session soon over."""
    salesforce = SalesforceStandIn(
        username=accounts.SALESFORCE_USERNAME,
        password=accounts.SALESFORCE_PASSWORD,
        security_token=accounts.SALESFORCE_SECURITY_TOKEN,
        sessions=accounts.SALESFORCE_SESSIONS,
        instance=INSTANCE,
        page_size=6,
        latency=latency,
        tls=tls,
    )
    for person in trials.PEOPLE:
        if person.id not in trials.UNKNOWN_TO_SALESFORCE:
            first, _, last = person.name.partition(" ")
            salesforce.add(
                "Lead",
                FirstName=first,
                LastName=last,
                Email=person.email,
                Company=person.company,
                Country=person.country,
                Status="Open",
                LeadSource="Product trial",
                External_Id__c=str(person.id),
            )
    salesforce.fail("GET", ".*/query/?", None, delay=0.35)
    salesforce.fail("PATCH", ".*/sobjects/Lead/.*", 503, on=[3])
    salesforce.fail("PATCH", ".*/sobjects/Lead/.*", 401, on=[8])
    return salesforce


@contextlib.contextmanager
def surroundings(scratch: Path, latency: float) -> Iterator[tuple[dict[str, str], list[StandIn]]]:
    """All that the job needs, up and filled: its environment variables, and the stand-ins."""
    certificates = make_certificates(scratch, SALESFORCE_HOSTS)
    stripe = stripe_stand_in(latency)
    intercom = intercom_stand_in(latency)
    salesforce = salesforce_stand_in(latency, certificates.server)
    database = os.environ.get("DATABASE_URL") or f"sqlite:///{scratch / 'northwind.db'}"
    fill_database(database)
    with contextlib.ExitStack() as running:
        for vendor in (intercom, salesforce, stripe):
            running.enter_context(vendor)
        proxy = running.enter_context(Proxy(dict.fromkeys(SALESFORCE_HOSTS, salesforce.port)))
        settings = {
            "DATABASE_URL": database,
            "SYNC_DATE": trials.TODAY.isoformat(),
            "STRIPE_API_KEY": accounts.STRIPE_API_KEY,
            "STRIPE_API_BASE": stripe.url,
            "INTERCOM_TOKEN": accounts.INTERCOM_TOKEN,
            "INTERCOM_API_BASE": intercom.url,
            "SALESFORCE_USERNAME": accounts.SALESFORCE_USERNAME,
            "SALESFORCE_PASSWORD": accounts.SALESFORCE_PASSWORD,
            "SALESFORCE_SECURITY_TOKEN": accounts.SALESFORCE_SECURITY_TOKEN,
            "HTTPS_PROXY": proxy.url,
            "REQUESTS_CA_BUNDLE": str(certificates.authority),
        }
        yield settings, [intercom, salesforce, stripe]


def environment(settings: dict[str, str]) -> dict[str, str]:
    """Ours with ``settings``, our interpreter's commands first, and no other proxy."""
    kept = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    return {**kept, "PATH": path, **settings}


def default_command() -> list[str]:
    """The example job under the ``autotrace-run`` that is installed beside our interpreter."""
    runner = Path(sys.executable).parent / "autotrace-run"
    if not runner.exists():
        raise SystemExit(
            f"run.py: there is no autotrace-run beside {sys.executable}.\n"
            "Install autotrace into this environment, or name a command: run.py python sync_job.py"
        )
    return [str(runner), sys.executable, str(HERE / "sync_job.py")]


def run(command: list[str], variables: dict[str, str]) -> int:
    """Run ``command`` to its end, handing signals on; its exit code, or 128 + its signal."""
    program = shutil.which(command[0], path=variables["PATH"])
    if program is None:
        print(f"run.py: {command[0]}: command not found", file=sys.stderr)
        return 127
    started: list[subprocess.Popen[bytes]] = []
    early: list[int] = []

    def hand_on(number: int, _: object) -> None:
        if started:
            started[0].send_signal(number)
        else:
            early.append(number)

    # Ctrl-C reaches the command by itself, since it is in our process group: we wait for its end.
    signal.signal(signal.SIGINT, lambda *_: None)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, hand_on)
    child = subprocess.Popen([program, *command[1:]], env=variables)
    started.append(child)
    for number in early:
        child.send_signal(number)
    code = child.wait()
    return code if code >= 0 else 128 - code


def main() -> int:
    """Read the command line, run the command in its surroundings, and give its exit code."""
    parser = argparse.ArgumentParser(
        description="Run a command against stand-ins of Stripe, Intercom and Salesforce.",
        epilog="Without a command it runs the example job under autotrace-run.",
    )
    parser.add_argument("--latency", type=float, default=0.004, metavar="SECONDS")
    parser.add_argument(
        "--requests", type=Path, metavar="FILE", help="write what the stand-ins received"
    )
    parser.add_argument("command", nargs=argparse.REMAINDER)
    chosen = parser.parse_args()
    command = chosen.command[1:] if chosen.command[:1] == ["--"] else chosen.command
    command = command or default_command()
    with (
        tempfile.TemporaryDirectory(prefix="saas_update-") as scratch,
        surroundings(Path(scratch), chosen.latency) as (settings, vendors),
    ):
        code = run(command, environment(settings))
        if chosen.requests is not None:
            write_requests(chosen.requests, vendors)
    return code


def write_requests(file: Path, vendors: list[StandIn]) -> None:
    """One line for each request that a stand-in received: vendor, method, path and status."""
    with file.open("w") as lines:
        for vendor in vendors:
            for received in vendor.requests:
                line = {
                    "vendor": vendor.name,
                    "method": received.method,
                    "path": received.path,
                    "status": received.status,
                }
                lines.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    sys.exit(main())
