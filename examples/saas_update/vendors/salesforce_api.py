"""Salesforce: login by SOAP and OAuth, REST queries with pages, records, sessions that expire.

https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/
"""

from __future__ import annotations

import re
from html import unescape
from typing import Any, ClassVar
from urllib.parse import parse_qsl

from .salesforce_soql import SoqlError, select
from .server import Received, Reply, StandIn, route

Record = dict[str, Any]

DATA = "/services/data/v{version}"
PREFIXES = {"Lead": "00Q", "Contact": "003", "Task": "00T", "Account": "001"}


class SalesforceStandIn(StandIn):
    """An organisation whose user logs in with the given words.

    ``sessions`` are the session ids given out by one login after the other (the last one for ever);
    ``instance`` is the host that a login sends its client to, ``None`` the one that was asked.
    ``page_size`` records come in one answer of a query. Fault details: ``errorCode``, ``message``,
    ``fields``. A planned status 401 expires the session, so that the client has to log in again.
    """

    name: ClassVar[str] = "Salesforce"
    fields: ClassVar[dict[str, list[str]]] = {
        "Lead": [
            "FirstName",
            "LastName",
            "Email",
            "Company",
            "Country",
            "Status",
            "LeadSource",
            "NumberOfEmployees",
            "Description",
            "External_Id__c",
            "Trial_Ends__c",
            "Seats__c",
        ],
        "Task": ["WhoId", "Subject", "Status", "Priority", "ActivityDate", "Description"],
        "Contact": ["FirstName", "LastName", "Email", "External_Id__c"],
        "Account": ["Name", "External_Id__c"],
    }

    def __init__(
        self,
        *,
        username: str,
        password: str,
        security_token: str,
        sessions: list[str],
        consumer_key: str = "",
        consumer_secret: str = "",
        instance: str | None = None,
        page_size: int = 200,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.username = username
        self.password = password
        self.security_token = security_token
        self.consumer = (consumer_key, consumer_secret)
        self.sessions = list(sessions)
        self.instance = instance
        self.page_size = page_size
        self.records: dict[str, dict[str, Record]] = {name: {} for name in self.fields}
        self.logins = 0
        self._session: str | None = None
        self._cursors: dict[str, tuple[str, list[Record], str]] = {}
        self._made = 0
        self._used = 17

    def add(self, sobject: str, **fields: Any) -> Record:
        """Put a record into the organisation before the job runs."""
        self._made += 1
        identifier = f"{PREFIXES[sobject]}Qy{self._made:010d}AAC"
        empty = dict.fromkeys(self.fields[sobject])
        record = {
            "Id": identifier,
            "IsDeleted": False,
            **empty,
            "CreatedDate": "2026-03-02T00:00:00.000+0000",
            "LastModifiedDate": "2026-03-02T00:00:00.000+0000",
            **fields,
        }
        self.records[sobject][identifier] = record
        return record

    def open_session(self) -> str:
        """Log in by other means than the API: a session for clients that bring one along."""
        self._session = self.sessions[min(self.logins, len(self.sessions) - 1)]
        self.logins += 1
        return self._session

    def refuse(self, request: Received) -> Reply | None:
        """A session that is not the open one is refused."""
        if not request.path.startswith("/services/data/"):
            return None
        self._used += 1
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        return None if given == self._session else self.error(401, request)

    def error(self, status: int, request: Received, **details: Any) -> Reply:
        """An array with one error; a 401 ends the session."""
        usual = {
            401: ("INVALID_SESSION_ID", "Session expired or invalid"),
            403: ("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."),
            404: ("NOT_FOUND", "The requested resource does not exist"),
            405: ("METHOD_NOT_ALLOWED", f"HTTP Method '{request.method}' not allowed."),
            500: ("UNKNOWN_EXCEPTION", "An unexpected error occurred."),
            503: ("SERVER_UNAVAILABLE", "We are down for maintenance. Please try again."),
        }
        if status == 401:
            self._session = None
        code, message = usual.get(status, ("MALFORMED_REQUEST", "The request is malformed"))
        return Reply(status, [{"message": message, "errorCode": code, **details}])

    def finish(self, request: Received, reply: Reply) -> None:
        """Add how much of the day's limit is used, and a cookie as browsers get it."""
        if request.path.startswith("/services/data/"):
            reply.headers["Sforce-Limit-Info"] = f"api-usage={self._used}/100000"
        reply.headers["X-SFDC-Request-Id"] = f"TID:{len(self.requests):08d}ab"
        reply.headers["Strict-Transport-Security"] = "max-age=63072000; includeSubDomains"
        reply.headers["Set-Cookie"] = "BrowserId=Xq1exampleBrowserId; path=/; Secure; HttpOnly"

    @route("POST", "/services/Soap/u/{version}")
    def soap_login(self, request: Received) -> Reply:
        """Log in with user name, password and security token."""
        text = request.body.decode()
        said = {key: unescape(value) for key, value in re.findall(r"<\w+:(\w+)>([^<]+)</", text)}
        given = (said.get("username"), said.get("password"))
        if given != (self.username, self.password + self.security_token):
            return Reply(500, _SOAP_FAULT, content_type="text/xml; charset=UTF-8")
        host = self.instance or request.headers["host"]
        body = _SOAP_LOGIN.format(
            server=f"https://{host}/services/Soap/u/{request.params['version']}/00Dxx0000001gEr",
            session=self.open_session(),
            user=self.username,
        )
        return Reply(200, body.encode(), content_type="text/xml; charset=UTF-8")

    @route("POST", "/services/oauth2/token")
    def oauth_token(self, request: Received) -> Reply:
        """The OAuth flow with a user's password, for connected apps."""
        form = dict(parse_qsl(request.body.decode(), keep_blank_values=True))
        given = tuple(form.get(k) for k in ("client_id", "client_secret", "username", "password"))
        if given != (*self.consumer, self.username, self.password):
            body = {"error": "invalid_grant", "error_description": "authentication failure"}
            return Reply(400, body)
        host = self.instance or request.headers["host"]
        return Reply(
            200,
            {
                "access_token": self.open_session(),
                "instance_url": f"https://{host}",
                "id": f"https://{host}/id/00Dxx0000001gErEAI/005xx000001SwiUAAS",
                "token_type": "Bearer",
                "issued_at": "1772409600000",
                "signature": "JYlbJcKuY4cGQHmzGiyn8L5dU4Fa0ExampleSignature=",
            },
        )

    @route("GET", f"{DATA}/query")
    @route("GET", f"{DATA}/query/")
    def query(self, request: Received) -> Reply:
        """The first page of a SOQL query."""
        try:
            sobject, found = select(request.query.get("q", ""), self.records)
        except SoqlError as refused:
            return self.error(400, request, errorCode=refused.code, message=str(refused))
        cursor = f"01g{len(self._cursors) + 1:015d}"
        base = request.path.rstrip("/")
        self._cursors[cursor] = (sobject, found, base)
        return self._page(cursor, 0)

    @route("GET", f"{DATA}/query/{{cursor}}")
    def query_more(self, request: Received) -> Reply:
        """A later page; the cursor is ``<query>-<first record>``."""
        cursor, _, start = request.params["cursor"].rpartition("-")
        if cursor not in self._cursors:
            return self.error(
                400, request, errorCode="INVALID_QUERY_LOCATOR", message="invalid query locator"
            )
        return self._page(cursor, int(start))

    @route("GET", f"{DATA}/limits/")
    def limits(self, request: Received) -> Reply:
        """What the organisation may still do today."""
        return Reply(200, {"DailyApiRequests": {"Max": 100000, "Remaining": 100000 - self._used}})

    @route("POST", f"{DATA}/sobjects/{{sobject}}")
    @route("POST", f"{DATA}/sobjects/{{sobject}}/")
    def create(self, request: Received) -> Reply:
        """Make a record."""
        refused = self._invalid(request)
        if refused is not None:
            return refused
        record = self.add(request.params["sobject"], **request.data)
        return Reply(201, {"id": record["Id"], "success": True, "errors": []})

    @route("GET", f"{DATA}/sobjects/{{sobject}}/{{id}}")
    def get(self, request: Received) -> Reply:
        """One record with all its fields."""
        record = self._record(request)
        if record is None:
            return self.error(404, request)
        return Reply(200, self._shown(request.params["sobject"], record, request))

    @route("PATCH", f"{DATA}/sobjects/{{sobject}}/{{id}}")
    def update(self, request: Received) -> Reply:
        """Change a record."""
        record = self._record(request)
        if record is None:
            return self.error(404, request)
        refused = self._invalid(request)
        if refused is None:
            record.update(request.data)
        return refused or Reply(204)

    @route("DELETE", f"{DATA}/sobjects/{{sobject}}/{{id}}")
    def delete(self, request: Received) -> Reply:
        """Delete a record."""
        if self._record(request) is None:
            return self.error(404, request)
        del self.records[request.params["sobject"]][request.params["id"]]
        return Reply(204)

    @route("PATCH", f"{DATA}/sobjects/{{sobject}}/{{field}}/{{value}}")
    def upsert(self, request: Received) -> Reply:
        """Change the record whose external id is ``value``, or make it."""
        refused = self._invalid(request)
        if refused is not None:
            return refused
        sobject, field, value = (request.params[k] for k in ("sobject", "field", "value"))
        known = next((r for r in self.records[sobject].values() if r.get(field) == value), None)
        if known is not None:
            known.update(request.data)
            return Reply(200, {"id": known["Id"], "success": True, "errors": [], "created": False})
        made = self.add(sobject, **{**request.data, field: value})
        return Reply(201, {"id": made["Id"], "success": True, "errors": [], "created": True})

    def _page(self, cursor: str, start: int) -> Reply:
        sobject, found, base = self._cursors[cursor]
        end = start + self.page_size
        body: Record = {"totalSize": len(found), "done": end >= len(found)}
        if not body["done"]:
            body["nextRecordsUrl"] = f"{base}/{cursor}-{end}"
        body["records"] = [
            {"attributes": {"type": sobject, "url": f"{base}/{record.get('Id', '')}"}, **record}
            for record in found[start:end]
        ]
        return Reply(200, body)

    def _record(self, request: Received) -> Record | None:
        return self.records.get(request.params["sobject"], {}).get(request.params["id"])

    @staticmethod
    def _shown(sobject: str, record: Record, request: Received) -> Record:
        return {"attributes": {"type": sobject, "url": request.path}, **record}

    def _invalid(self, request: Received) -> Reply | None:
        sobject = request.params["sobject"]
        known = self.fields.get(sobject)
        if known is None:
            return self.error(404, request)
        unknown = next((field for field in request.data if field not in known), None)
        if unknown is not None:
            message = f"No such column '{unknown}' on sobject of type {sobject}"
            return self.error(400, request, errorCode="INVALID_FIELD", message=message)
        email = request.data.get("Email")
        if email is None or re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", email):
            return None
        return self.error(
            400,
            request,
            errorCode="INVALID_EMAIL_ADDRESS",
            message=f"Email: invalid email address: {email}",
            fields=["Email"],
        )


_SOAP_LOGIN = """<?xml version="1.0" encoding="UTF-8"?>\
<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" \
xmlns="urn:partner.soap.sforce.com" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">\
<soapenv:Body><loginResponse><result><metadataServerUrl>{server}</metadataServerUrl>\
<passwordExpired>false</passwordExpired><sandbox>false</sandbox><serverUrl>{server}</serverUrl>\
<sessionId>{session}</sessionId><userId>005xx000001SwiUAAS</userId><userInfo>\
<organizationId>00Dxx0000001gErEAI</organizationId>\
<organizationName>Northwind Boards</organizationName>\
<sessionSecondsValid>7200</sessionSecondsValid><userEmail>{user}</userEmail>\
<userFullName>Trial Sync</userFullName></userInfo></result></loginResponse></soapenv:Body>\
</soapenv:Envelope>"""

_SOAP_FAULT = b"""<?xml version="1.0" encoding="UTF-8"?>\
<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" \
xmlns:sf="urn:fault.partner.soap.sforce.com" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">\
<soapenv:Body><soapenv:Fault><faultcode>sf:INVALID_LOGIN</faultcode>\
<faultstring>INVALID_LOGIN: \
Invalid username, password, security token; or user locked out.</faultstring>\
<detail><sf:LoginFault xsi:type="sf:LoginFault"><sf:exceptionCode>INVALID_LOGIN</sf:exceptionCode>\
<sf:exceptionMessage>\
Invalid username, password, security token; or user locked out.</sf:exceptionMessage>\
</sf:LoginFault></detail></soapenv:Fault></soapenv:Body></soapenv:Envelope>"""
