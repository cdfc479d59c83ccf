"""Intercom's REST API: contacts and tags, cursors, rate-limit headers, error lists.

https://developers.intercom.com/docs/references/rest-api/api.intercom.io
"""

from __future__ import annotations

import re
import time
from typing import Any, ClassVar

from .server import Received, Reply, StandIn, route

Fields = dict[str, Any]

CREATED = 1772409600
WORKSPACE = "nw7a0r2d"


class IntercomStandIn(StandIn):
    """A workspace, reached with ``token``. Fault details: the error's ``code`` and ``message``."""

    name: ClassVar[str] = "Intercom"

    def __init__(self, token: str, *, limit: int = 1000, **options: Any) -> None:
        super().__init__(**options)
        self.token = token
        self.limit = limit
        self.contacts: dict[str, Fields] = {}
        self.tags: dict[str, Fields] = {}
        self._answered = 0

    def add_contact(self, email: str, **fields: Any) -> Fields:
        """Put a contact into the workspace before the job runs."""
        made = _contact(f"65f0c0de{len(self.contacts) + 1:016x}", email)
        made.update(fields)
        self.contacts[made["id"]] = made
        return made

    def add_tag(self, name: str) -> Fields:
        """Put a tag into the workspace."""
        tag = {"type": "tag", "id": str(7522900 + len(self.tags) + 1), "name": name}
        self.tags[tag["id"]] = tag
        return tag

    def refuse(self, request: Received) -> Reply | None:
        """A wrong token is refused."""
        if request.headers.get("authorization") != f"Bearer {self.token}":
            return self.error(401, request)
        return None

    def error(self, status: int, request: Received, **details: Any) -> Reply:
        """An error list with one error; codes are those of the API reference."""
        usual = {
            401: ("unauthorized", "Access Token Invalid"),
            404: ("not_found", "The requested resource was not found"),
            429: ("rate_limit_exceeded", "Exceeded rate limit of 1000 in 10_seconds"),
            500: ("server_error", "Internal server error"),
            503: ("service_unavailable", "Sorry, the API service is temporarily unavailable"),
        }
        code, message = usual.get(status, ("parameter_invalid", "A parameter is invalid"))
        body = {
            "type": "error.list",
            "request_id": self._request_id(self._answered + 1),
            "errors": [{"code": code, "message": message, **details}],
        }
        return Reply(status, body)

    def finish(self, request: Received, reply: Reply) -> None:
        """Add the request id and how much of the rate limit is left."""
        self._answered += 1
        # A client waits until the reset, which is a whole second in Unix time. It must not lie in
        # the past when the client reads it: then the client would wait for much longer.
        reset = int(time.time() + 0.2) + 1
        left = 0 if reply.status == 429 else max(self.limit - self._answered, 0)
        reply.headers.update(
            {
                "X-Request-Id": self._request_id(self._answered),
                "X-RateLimit-Limit": str(self.limit),
                "X-RateLimit-Remaining": str(left),
                "X-RateLimit-Reset": str(reset),
                "Intercom-Version": request.headers.get("intercom-version", "2.14"),
                "X-Intercom-Version": "d5f4a9c0",
            }
        )

    @route("GET", "/contacts")
    def list_contacts(self, request: Received) -> Reply:
        """All contacts, page by page."""
        size = int(request.query.get("per_page", 50))
        return self._page(list(self.contacts.values()), size, request.query.get("starting_after"))

    @route("POST", "/contacts/search")
    def search(self, request: Received) -> Reply:
        """Contacts that match a filter, or filters joined by AND or OR."""
        found = [c for c in self.contacts.values() if _matches(c, request.data.get("query") or {})]
        paging = request.data.get("pagination") or {}
        return self._page(found, int(paging.get("per_page", 50)), paging.get("starting_after"))

    @route("POST", "/contacts")
    def create(self, request: Received) -> Reply:
        """Make a contact; its email must be one and must be new."""
        wanted = dict(request.data)
        email = wanted.pop("email", None)
        refused = self._invalid(email, request)
        if refused is not None:
            return refused
        known = next((c for c in self.contacts.values() if c["email"] == email), None)
        if known is not None:
            message = f"A contact matching those details already exists with id={known['id']}"
            return self.error(409, request, code="conflict", message=message)
        return Reply(200, self._change(self.add_contact(email), wanted))

    @route("GET", "/contacts/{id}")
    def find(self, request: Received) -> Reply:
        """One contact by its id."""
        contact = self.contacts.get(request.params["id"])
        return self._nobody(request) if contact is None else Reply(200, contact)

    @route("PUT", "/contacts/{id}")
    def update(self, request: Received) -> Reply:
        """Change a contact; custom attributes are merged."""
        contact = self.contacts.get(request.params["id"])
        if contact is None:
            return self._nobody(request)
        refused = self._invalid(request.data.get("email", contact["email"]), request)
        return refused or Reply(200, self._change(contact, request.data))

    @route("DELETE", "/contacts/{id}")
    def delete(self, request: Received) -> Reply:
        """Delete a contact."""
        contact = self.contacts.pop(request.params["id"], None)
        if contact is None:
            return self._nobody(request)
        return Reply(200, {"type": "contact", "id": contact["id"], "deleted": True})

    @route("POST", "/contacts/{id}/tags")
    def tag_contact(self, request: Received) -> Reply:
        """Put a tag on a contact."""
        contact = self.contacts.get(request.params["id"])
        tag = self.tags.get(str(request.data.get("id")))
        if contact is None:
            return self._nobody(request)
        if tag is None:
            return self.error(404, request, code="not_found", message="Resource Not Found")
        if all(kept["id"] != tag["id"] for kept in contact["tags"]["data"]):
            contact["tags"]["data"].append({**tag, "url": f"/tags/{tag['id']}"})
            contact["tags"]["total_count"] += 1
        return Reply(
            200, {**tag, "applied_at": CREATED, "applied_by": {"type": "admin", "id": "1"}}
        )

    @route("GET", "/tags")
    def list_tags(self, request: Received) -> Reply:
        """All tags of the workspace."""
        return Reply(200, {"type": "list", "data": list(self.tags.values())})

    @route("POST", "/tags")
    def create_tag(self, request: Received) -> Reply:
        """Make a tag, or give the one that has this name."""
        name = request.data["name"]
        known = next((tag for tag in self.tags.values() if tag["name"] == name), None)
        return Reply(200, known or self.add_tag(name))

    def _page(self, found: list[Fields], size: int, after: str | None) -> Reply:
        start = int(after or 0)
        pages: Fields = {
            "type": "pages",
            "page": start // size + 1,
            "per_page": size,
            "total_pages": -(-len(found) // size),
        }
        if start + size < len(found):
            pages["next"] = {
                "page": pages["page"] + 1,
                "per_page": size,
                "starting_after": str(start + size),
            }
        body = {
            "type": "list",
            "data": found[start : start + size],
            "total_count": len(found),
            "pages": pages,
        }
        return Reply(200, body)

    def _invalid(self, email: str | None, request: Received) -> Reply | None:
        if re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", email or ""):
            return None
        return self.error(400, request, code="parameter_invalid", message="email is invalid")

    def _nobody(self, request: Received) -> Reply:
        return self.error(404, request, code="not_found", message="User Not Found")

    @staticmethod
    def _change(contact: Fields, wanted: Fields) -> Fields:
        attributes = {**contact["custom_attributes"], **(wanted.get("custom_attributes") or {})}
        contact.update(wanted, custom_attributes=attributes, updated_at=CREATED)
        return contact

    @staticmethod
    def _request_id(number: int) -> str:
        return f"000{number:04d}inter3com5id"


def _contact(identifier: str, email: str) -> Fields:
    def several(kind: str) -> Fields:
        return {
            "type": "list",
            "data": [],
            "url": f"/contacts/{identifier}/{kind}",
            "total_count": 0,
            "has_more": False,
        }

    return {
        "type": "contact",
        "id": identifier,
        "workspace_id": WORKSPACE,
        "external_id": None,
        "role": "user",
        "email": email,
        "phone": None,
        "name": None,
        "avatar": None,
        "owner_id": None,
        "social_profiles": {"type": "list", "data": []},
        "has_hard_bounced": False,
        "marked_email_as_spam": False,
        "unsubscribed_from_emails": False,
        "created_at": CREATED,
        "updated_at": CREATED,
        "signed_up_at": CREATED,
        "last_seen_at": None,
        "last_replied_at": None,
        "last_contacted_at": None,
        "last_email_opened_at": None,
        "last_email_clicked_at": None,
        "language_override": None,
        "browser": None,
        "browser_version": None,
        "browser_language": None,
        "os": None,
        "location": {
            "type": "location",
            "country": None,
            "region": None,
            "city": None,
            "country_code": None,
            "continent_code": None,
        },
        "custom_attributes": {},
        "tags": several("tags"),
        "notes": several("notes"),
        "companies": several("companies"),
        "opted_out_subscription_types": several("subscriptions"),
        "opted_in_subscription_types": several("subscriptions"),
        "utm_campaign": None,
        "utm_medium": None,
        "utm_source": None,
        "referrer": None,
    }


def _matches(contact: Fields, query: Fields) -> bool:
    operator, value = query.get("operator"), query.get("value")
    if operator in ("AND", "OR"):
        parts = [_matches(contact, part) for part in value or []]
        return all(parts) if operator == "AND" else any(parts)
    place: Any = contact
    for step in str(query.get("field", "")).split("."):
        place = place.get(step) if isinstance(place, dict) else None
    if operator == "IN":
        return place in (value or [])
    return {
        "=": lambda: place == value,
        "!=": lambda: place != value,
        "~": lambda: str(value) in str(place),
    }.get(str(operator), lambda: False)()
