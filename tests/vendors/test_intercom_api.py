"""The Intercom stand-in with Intercom's own SDK."""

from __future__ import annotations

from typing import Any

import pytest

intercom = pytest.importorskip("intercom")
ApiError = pytest.importorskip("intercom.core.api_error").ApiError


@pytest.fixture
def client(intercom_api: Any) -> Any:
    return intercom.Intercom(token="token-right", base_url=intercom_api.url)


def with_role(role: str) -> Any:
    return intercom.SingleFilterSearchRequest(field="role", operator="=", value=role)


def test_a_contact_is_made_changed_and_read(client):
    request = intercom.CreateContactRequestWithEmail(
        email="a@example.com", name="Ines", custom_attributes={"seats": 4}
    )
    made = client.contacts.create(request=request)
    client.contacts.update(made.id, custom_attributes={"plan": "team"})
    read = client.contacts.find(made.id)
    assert (read.email, read.name) == ("a@example.com", "Ines")
    assert read.custom_attributes == {"seats": 4, "plan": "team"}


def test_a_contact_exists_once(client, intercom_api):
    known = intercom_api.add_contact("a@example.com")
    request = intercom.CreateContactRequestWithEmail(email="a@example.com")
    with pytest.raises(ApiError) as refused:
        client.contacts.create(request=request)
    assert refused.value.status_code == 409
    assert known["id"] in refused.value.body["errors"][0]["message"]


def test_an_invalid_email_is_refused_with_an_error_list(client, intercom_api):
    known = intercom_api.add_contact("a@example.com")
    with pytest.raises(ApiError) as refused:
        client.contacts.update(known["id"], email="a@@example.com")
    body = refused.value.body
    assert (refused.value.status_code, body["type"]) == (400, "error.list")
    assert body["errors"] == [{"code": "parameter_invalid", "message": "email is invalid"}]
    assert body["request_id"] == refused.value.headers["x-request-id"]


def test_nobody_is_not_found(client):
    with pytest.raises(ApiError) as refused:
        client.contacts.find("none")
    assert refused.value.status_code == 404


def test_a_wrong_token_is_refused(intercom_api):
    client = intercom.Intercom(token="token-wrong", base_url=intercom_api.url)
    with pytest.raises(ApiError) as refused:
        client.tags.list()
    assert refused.value.status_code == 401
    assert refused.value.body.errors[0].code == "unauthorized"


def test_the_sdk_repeats_after_a_rate_limit(client, intercom_api):
    known = intercom_api.add_contact("a@example.com")
    intercom_api.fail("PUT", "/contacts/.*", 429)
    options = {"max_retries": 3}
    updated = client.contacts.update(known["id"], name="Ines", request_options=options)
    assert updated.name == "Ines"
    assert [r.status for r in intercom_api.requests] == [429, 200]


def test_without_retries_a_rate_limit_is_an_error(client, intercom_api):
    intercom_api.fail("GET", "/tags", 429)
    with pytest.raises(ApiError) as refused:
        client.tags.list()
    assert refused.value.status_code == 429
    assert refused.value.headers["x-ratelimit-remaining"] == "0"


def test_search_comes_in_pages(client, intercom_api):
    for number in range(5):
        intercom_api.add_contact(f"{number}@example.com")
    intercom_api.add_contact("lead@example.com", role="lead")
    emails, cursor = [], None
    while True:
        page = client.contacts.search(
            query=with_role("user"),
            pagination=intercom.StartingAfterPaging(per_page=2, starting_after=cursor),
        ).response
        emails += [contact.email for contact in page.data]
        if page.pages.next is None:
            break
        cursor = page.pages.next.starting_after
    assert emails == [f"{number}@example.com" for number in range(5)]
    assert page.total_count == 5


def test_filters_are_joined(client, intercom_api):
    intercom_api.add_contact("a@example.com", name="Ines")
    intercom_api.add_contact("b@example.com", name="Jonas")
    query = intercom.MultipleFilterSearchRequest(
        operator="AND",
        value=[
            intercom.SingleFilterSearchRequest(field="name", operator="=", value="Jonas"),
            intercom.SingleFilterSearchRequest(field="email", operator="~", value="b@"),
        ],
    )
    assert [c.email for c in client.contacts.search(query=query)] == ["b@example.com"]


def test_lists_come_in_pages_by_themselves(client, intercom_api):
    for number in range(5):
        intercom_api.add_contact(f"{number}@example.com")
    assert len(list(client.contacts.list(per_page=2))) == 5
    assert len(intercom_api.requests) == 3


def test_a_tag_is_put_on_a_contact(client, intercom_api):
    known = intercom_api.add_contact("a@example.com")
    tag = intercom_api.add_tag("vip")
    assert [t.name for t in client.tags.list().data] == ["vip"]
    assert client.tags.tag_contact(known["id"], tag_id=tag["id"]).name == "vip"
    assert client.contacts.find(known["id"]).tags.total_count == 1
    with pytest.raises(ApiError) as refused:
        client.tags.tag_contact(known["id"], tag_id="0")
    assert refused.value.status_code == 404


def test_a_contact_is_deleted(client, intercom_api):
    known = intercom_api.add_contact("a@example.com")
    assert client.contacts.delete(known["id"]).deleted
    assert intercom_api.contacts == {}
