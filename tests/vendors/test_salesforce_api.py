"""The Salesforce stand-in with simple-salesforce."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry
from vendors import Proxy

simple_salesforce = pytest.importorskip("simple_salesforce")
exceptions = pytest.importorskip("simple_salesforce.exceptions")


@pytest.fixture
def salesforce(salesforce_api: Any) -> Any:
    """A client that brings a session along."""
    return simple_salesforce.Salesforce(
        instance_url=salesforce_api.url, session_id=salesforce_api.open_session()
    )


@pytest.fixture
def through_login(salesforce_api: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes clients that log in at Salesforce's own host name, through the proxy."""
    with Proxy({"login.salesforce.com": salesforce_api.port}) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        salesforce_api.instance = "login.salesforce.com"
        words = {"username": "user@example.com", "password": "pass<&>word"}
        yield lambda **given: simple_salesforce.Salesforce(**{**words, **given})


def test_a_record_is_made_changed_read_and_deleted(salesforce):
    made = salesforce.Lead.create({"LastName": "Caldeira", "Email": "a@example.com"})
    assert (made["success"], made["errors"]) == (True, [])
    assert salesforce.Lead.update(made["id"], {"Company": "Tiles"}) == 204
    read = salesforce.Lead.get(made["id"])
    assert (read["Company"], read["attributes"]["type"]) == ("Tiles", "Lead")
    assert salesforce.Lead.delete(made["id"]) == 204
    with pytest.raises(exceptions.SalesforceResourceNotFound):
        salesforce.Lead.get(made["id"])


def test_upsert_makes_and_changes(salesforce, salesforce_api):
    fields = {"LastName": "Caldeira"}
    assert salesforce.Lead.upsert("External_Id__c/7", fields) == 201
    assert salesforce.Lead.upsert("External_Id__c/7", {"Company": "Tiles"}) == 200
    (lead,) = salesforce_api.records["Lead"].values()
    assert (lead["LastName"], lead["Company"], lead["External_Id__c"]) == ("Caldeira", "Tiles", "7")


def test_a_query_comes_in_pages(salesforce, salesforce_api):
    for number in range(5):
        salesforce_api.add("Lead", LastName=f"L{number}", Status="Open")
    salesforce_api.add("Lead", LastName="Done", Status="Closed")
    query = "SELECT Id, LastName FROM Lead WHERE Status = 'Open' ORDER BY LastName"
    first = salesforce.query(query)
    assert (first["totalSize"], first["done"], len(first["records"])) == (5, False, 2)
    assert [r["LastName"] for r in salesforce.query_all_iter(query)] == [
        f"L{number}" for number in range(5)
    ]
    assert len(salesforce_api.requests) == 4
    assert salesforce.api_usage["api-usage"].total == 100000


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("SELEC Id FROM Lead", "MALFORMED_QUERY"),
        ("SELECT Nonsense FROM Lead", "INVALID_FIELD"),
        ("SELECT Id FROM Nonsense", "INVALID_TYPE"),
    ],
)
def test_a_bad_query_is_refused(salesforce, salesforce_api, query, code):
    salesforce_api.add("Lead", LastName="L")
    with pytest.raises(exceptions.SalesforceMalformedRequest) as refused:
        salesforce.query(query)
    assert refused.value.content[0]["errorCode"] == code


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ("LastName IN ('a', 'c')", ["a", "c"]),
        ("Seats__c >= 2 AND Seats__c < 3", ["b"]),
        ("Company = null", ["a", "b", "c"]),
        ("LastName != 'a' LIMIT 1", ["b"]),
    ],
)
def test_conditions(salesforce, salesforce_api, condition, found):
    for seats, name in enumerate("abc", start=1):
        salesforce_api.add("Lead", LastName=name, Seats__c=seats)
    answer = salesforce.query_all(f"SELECT LastName FROM Lead WHERE {condition}")
    assert [r["LastName"] for r in answer["records"]] == found


def test_an_invalid_email_is_refused(salesforce):
    with pytest.raises(exceptions.SalesforceMalformedRequest) as refused:
        salesforce.Lead.create({"LastName": "L", "Email": "a@@example.com"})
    (error,) = refused.value.content
    assert (error["errorCode"], error["fields"]) == ("INVALID_EMAIL_ADDRESS", ["Email"])


def test_a_session_that_was_brought_along_expires_for_good(salesforce, salesforce_api):
    salesforce_api.fail("GET", ".*/limits/", 401)
    with pytest.raises(exceptions.SalesforceExpiredSession):
        salesforce.limits()


def test_a_503_is_repeated_below_the_sdk(salesforce_api):
    http = requests.Session()
    retry = Retry(total=2, status_forcelist=[503], allowed_methods=None)
    http.mount("https://", HTTPAdapter(max_retries=retry))
    salesforce = simple_salesforce.Salesforce(
        instance_url=salesforce_api.url, session_id=salesforce_api.open_session(), session=http
    )
    salesforce_api.fail("POST", ".*/Lead/", 503)
    assert salesforce.Lead.create({"LastName": "L"})["success"]
    assert [r.status for r in salesforce_api.requests] == [503, 201]


def test_login_with_a_security_token(through_login, salesforce_api):
    salesforce = through_login(security_token="token")
    assert salesforce.session_id == "00D!first"
    assert salesforce.limits()["DailyApiRequests"]["Max"] == 100000


def test_login_with_a_connected_app(through_login):
    salesforce = through_login(consumer_key="key", consumer_secret="consumer-secret")
    assert salesforce.query_all("SELECT Id FROM Lead")["records"] == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"password": "wrong", "security_token": "token"},
        {"security_token": "wrong"},
        {"consumer_key": "key", "consumer_secret": "wrong"},
    ],
)
def test_a_wrong_login_is_refused(through_login, wrong):
    with pytest.raises(exceptions.SalesforceAuthenticationFailed):
        through_login(**wrong)


def test_an_expired_session_is_opened_anew_by_the_sdk(through_login, salesforce_api):
    salesforce = through_login(security_token="token")
    salesforce_api.fail("POST", ".*/sobjects/Lead/", 401)
    assert salesforce.Lead.create({"LastName": "L"})["success"]
    assert salesforce.session_id == "00D!second"
    paths = [(r.path.rsplit("/", 2)[1], r.status) for r in salesforce_api.requests]
    assert paths == [("u", 200), ("Lead", 401), ("u", 200), ("Lead", 201)]


def test_the_proxy_leads_nowhere_else():
    with Proxy({}) as proxy, pytest.raises(requests.exceptions.ProxyError):
        requests.get("https://example.com", proxies={"https": proxy.url})
    assert proxy.refused == ["CONNECT example.com:443 HTTP/1.0"] or proxy.refused == [
        "CONNECT example.com:443 HTTP/1.1"
    ]
