"""Stand-ins that run for one test, without any delay."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "saas_update"
if str(EXAMPLE) not in sys.path:
    sys.path.append(str(EXAMPLE))

import vendors  # noqa: E402  the example's folder has just been put on the path


@pytest.fixture
def stripe_api() -> Iterator[vendors.StripeStandIn]:
    stand_in = vendors.StripeStandIn("sk_test_right", declining=frozenset({"cus_poor"}))
    with stand_in:
        yield stand_in


@pytest.fixture
def intercom_api() -> Iterator[vendors.IntercomStandIn]:
    with vendors.IntercomStandIn("token-right") as stand_in:
        yield stand_in


@pytest.fixture
def salesforce_api(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[vendors.SalesforceStandIn]:
    """Salesforce over TLS, trusted by requests."""
    certificates = vendors.make_certificates(tmp_path, ["127.0.0.1", "login.salesforce.com"])
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificates.authority))
    monkeypatch.delenv("HTTPS_PROXY", raising=False)
    monkeypatch.delenv("https_proxy", raising=False)
    stand_in = vendors.SalesforceStandIn(
        username="user@example.com",
        password="pass<&>word",
        security_token="token",
        consumer_key="key",
        consumer_secret="consumer-secret",
        sessions=["00D!first", "00D!second"],
        page_size=2,
        tls=certificates.server,
    )
    with stand_in:
        yield stand_in
