"""The example's run as autotrace keeps it, against what stand-ins and database have seen of it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pymysql
import pytest
from accounts import SECRETS
from sqlalchemy.engine import make_url

AUTOTRACE = Path(sys.executable).parent / "autotrace"
STATEMENTS = Path(__file__).with_name("statements.py")

OPERATIONS = {
    "stripe.subscriptions.list": 3,
    "stripe.customers.update": 14,
    "stripe.payment_methods.create": 3,
    "stripe.payment_methods.attach": 3,
    "stripe.subscriptions.update": 3,
    "stripe.payment_intents.create": 3,
}
"""What the job asks of Stripe, in calls; repeated attempts belong to one call."""

STRIPE_STATUSES = {200: 27, 400: 1, 402: 1, 429: 1, 500: 1}

Span = dict[str, Any]


@dataclass
class Traced:
    """A run of the example under autotrace, and the same without."""

    outcome: Any
    untraced: Any
    statements: list[str]
    home: Path
    run: dict[str, Any]
    spans: list[Span]

    def operations(self, name: str) -> list[Span]:
        """The spans of one name, in the order of their start."""
        return [span for span in self.spans if span["name"] == name]

    def children(self, span: Span) -> list[Span]:
        """The spans directly below one."""
        return [other for other in self.spans if other["parent_id"] == span["span_id"]]


def autotrace(home: Path, *arguments: str) -> str:
    done = subprocess.run(
        [str(AUTOTRACE), *arguments],
        env={**os.environ, "AUTOTRACE_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def traced(run_example, job, tmp_path_factory) -> Traced:
    folder = tmp_path_factory.mktemp("traced")
    home = folder / "home"
    outcome = run_example(folder, env={"AUTOTRACE_HOME": str(home)})
    assert outcome.code == 0, outcome.stderr
    shown = json.loads(autotrace(home, "show", "--json"))
    file = folder / "statements"
    untraced = run_example(folder, "python", str(STATEMENTS), str(file), job)
    statements = [json.loads(line) for line in file.read_text().splitlines()]
    return Traced(outcome, untraced, statements, home, shown["run"], shown["spans"])


def test_the_program_cannot_tell(traced):
    assert traced.outcome.stdout == traced.untraced.stdout
    assert traced.outcome.code == traced.untraced.code == 0
    # The vendors' view: the same requests in the same order, with the same answers.
    assert traced.outcome.requests == traced.untraced.requests
    # On stderr, the summary of the run comes after all that the program wrote itself.
    assert traced.outcome.stderr.startswith(traced.untraced.stderr)
    assert traced.outcome.stderr != traced.untraced.stderr


def test_all_spans_are_below_one_root(traced):
    known = {span["span_id"] for span in traced.spans}
    assert len(known) == len(traced.spans)
    (root,) = [span for span in traced.spans if span["parent_id"] is None]
    assert root["name"] == "sync_job"
    assert all(span["parent_id"] in known for span in traced.spans if span is not root)
    for span in traced.spans:
        assert span["start_ns"] >= root["start_ns"]
        assert span["start_ns"] + span["duration_ns"] <= root["start_ns"] + root["duration_ns"]
    assert not any("autotrace.unfinished" in span["attributes"] for span in traced.spans)


def test_the_run_is_told_as_it_was(traced):
    run = traced.run
    assert (run["job"], run["exit_code"], run["signal"]) == ("sync_job", 0, None)
    assert (run["spans"], run["dropped"]) == (len(traced.spans), 0)
    # The job ends well, and some of its calls did not.
    assert run["state"] == "warning"
    assert run["errors"] == sum(s["status"]["code"] == "error" for s in traced.spans) > 0
    assert "errors inside autotrace" not in traced.outcome.stderr
    (listed,) = json.loads(autotrace(traced.home, "list", "--json"))
    assert listed["run"] == run["run"]


def test_every_sql_statement_is_there_once(traced):
    spans = sorted(
        (span for span in traced.spans if "db.query.text" in span["attributes"]),
        key=lambda span: span["start_ns"],
    )
    texts = [span["attributes"]["db.query.text"] for span in spans]
    sent = [text for text in traced.statements if not transaction(text)]
    ours = [text for text in texts if not transaction(text)]
    assert len(sent) == len(ours) > 150
    for theirs, text in zip(sent, ours):
        assert matches(text, theirs), f"{text!r} is not {theirs!r}"
    commits = sum(text.upper().startswith("COMMIT") for text in traced.statements)
    assert len(traced.operations("COMMIT")) == commits == 45


def transaction(text: str) -> bool:
    return text.split()[0].upper() in ("BEGIN", "COMMIT", "ROLLBACK")


def matches(text: str, sent: str) -> bool:
    """Whether a span's text is what SQLite got, of which it shows the values."""
    pattern = r"\s+".join(re.escape(word) for word in text.split()).replace(r"\?", ".*")
    return re.fullmatch(pattern, " ".join(sent.split()), re.DOTALL) is not None


def test_rows_are_counted(traced):
    def texts_of(table: str) -> list[Span]:
        return traced.operations(f"SELECT {table}")

    trial, *others = texts_of("northwind_users")
    assert trial["attributes"]["db.response.returned_rows"] == 14
    assert {span["attributes"]["db.response.returned_rows"] for span in others} == {1}
    invoices = texts_of("northwind_invoices")
    # Users have none, one, two or three invoices, in turn.
    assert {s["attributes"]["db.response.returned_rows"] for s in invoices} == {0, 1, 2, 3}
    inserts = traced.operations("INSERT northwind_sync_results")
    assert [s["attributes"]["db.response.affected_rows"] for s in inserts] == [1] * 42


def test_every_http_attempt_is_there_once(traced):
    seen = Counter((r["method"], r["path"], r["status"]) for r in traced.outcome.requests)
    ours = Counter(
        (
            span["attributes"]["http.request.method"],
            urlsplit(span["attributes"]["url.full"]).path,
            span["attributes"]["http.response.status_code"],
        )
        for span in traced.spans
        if "url.full" in span["attributes"]
    )
    assert ours == seen


def test_every_stripe_operation_is_there_once_with_its_attempts_below(traced):
    spans = [span for span in traced.spans if span["name"].startswith("stripe.")]
    assert Counter(span["name"] for span in spans) == OPERATIONS
    attempts: defaultdict[str, list[int]] = defaultdict(list)
    for span in spans:
        for attempt in traced.children(span):
            assert "url.full" in attempt["attributes"]
            attempts[span["name"]].append(attempt["attributes"]["http.response.status_code"])
            assert traced.children(attempt) == []
    statuses = Counter(status for of_one in attempts.values() for status in of_one)
    assert statuses == STRIPE_STATUSES
    # What was repeated is one operation that went well, with two attempts.
    assert sorted(attempts["stripe.subscriptions.update"]) == [200, 200, 200, 500]
    assert sorted(attempts["stripe.customers.update"]) == [200] * 13 + [400, 429]
    for name, wrong in (("stripe.subscriptions.update", 500), ("stripe.customers.update", 429)):
        repeated = [s for s in traced.operations(name) if len(traced.children(s)) == 2]
        assert [s["status"]["code"] for s in repeated] == ["unset"]
        first, second = traced.children(repeated[0])
        assert first["attributes"]["http.response.status_code"] == wrong
        assert first["start_ns"] < second["start_ns"]


def test_stripe_spans_have_the_fields_of_request_and_response(traced):
    first = traced.operations("stripe.customers.update")[0]["attributes"]
    assert first["stripe.object_id"] == "cus_Sync0001Qk7Lm2"
    assert first["stripe.params.email"] == "ines@caldeira-tiles.example"
    assert first["stripe.params.metadata.seats"] == "4"
    assert first["stripe.response.id"] == "cus_Sync0001Qk7Lm2"
    assert first["stripe.request_id"].startswith("req_")
    assert first["code.function.name"] == "update_stripe_customer"
    paid = traced.operations("stripe.payment_intents.create")[0]["attributes"]
    assert (paid["stripe.params.amount"], paid["stripe.params.currency"]) == (34800, "eur")
    assert (paid["stripe.response.status"], paid["stripe.response.amount"]) == ("succeeded", 34800)
    assert paid["stripe.idempotency_key"] == "first-month-2-2026-03-02"
    pages = [s["attributes"] for s in traced.operations("stripe.subscriptions.list")]
    assert [p["stripe.list.count"] for p in pages] == [5, 5, 4]
    assert [p["stripe.list.has_more"] for p in pages] == [True, True, False]


def test_stripe_errors_say_what_stripe_said(traced):
    (declined,) = [
        span
        for span in traced.operations("stripe.payment_intents.create")
        if span["status"]["code"] == "error"
    ]
    attributes = declined["attributes"]
    assert attributes["stripe.error.type"] == "card_error"
    assert attributes["stripe.error.code"] == "card_declined"
    assert attributes["stripe.error.decline_code"] == "insufficient_funds"
    (refused,) = [
        span
        for span in traced.operations("stripe.customers.update")
        if span["status"]["code"] == "error"
    ]
    assert refused["attributes"]["stripe.error.code"] == "email_invalid"
    assert refused["attributes"]["stripe.error.param"] == "email"
    assert refused["attributes"]["stripe.object_id"] == "cus_Sync0004Qk7Lm2"


def test_warnings_of_the_job_are_events(traced):
    messages = [
        event["attributes"].get("log.message", "")
        for span in traced.spans
        for event in span["events"]
        if event["name"] == "log"
    ]
    said = [line.partition("sync_job: ")[2] for line in traced.untraced.stderr.splitlines()]
    assert messages == said


def texts(value: Any) -> Iterator[str]:
    """All names and values within a piece of JSON."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner)
    elif value is not None:
        yield str(value)


def assert_kept_no_secret(home: Path, secrets: list[str]) -> None:
    """Search the files of a store, byte for byte, for secrets; and for something that is none."""
    files = [path for path in home.rglob("*") if path.is_file()]
    assert files
    for path in files:
        content = path.read_bytes()
        leaked = [secret for secret in secrets if secret.encode() in content]
        assert not leaked, f"{path} holds {leaked}"


def test_no_secret_is_kept(traced):
    assert_kept_no_secret(traced.home, SECRETS)
    for arguments in (("show", "--json"), ("show", "--fields", "--expand", "--rows", "0")):
        shown = autotrace(traced.home, *arguments)
        assert "ines@caldeira-tiles.example" in shown
        assert not [secret for secret in SECRETS if secret in shown]
    otlp = traced.home.parent / "otlp.json"
    autotrace(traced.home, "export", traced.run["run"], "-o", str(otlp))
    assert "ines@caldeira-tiles.example" in otlp.read_text()
    assert not [secret for secret in SECRETS if secret in otlp.read_text()]
    found = "\n".join(texts([traced.run, traced.spans]))
    assert "cus_Sync0001Qk7Lm2" in found
    assert not [secret for secret in SECRETS if secret in found]
    assert not [secret for secret in SECRETS if secret in traced.outcome.stderr]


def test_no_secret_is_written_in_the_first_place(run_example, job, tmp_path):
    """The journal as the job leaves it, which nobody has collected."""
    home = tmp_path / "home"
    live = home / "live" / "0123456789ab"
    live.mkdir(parents=True, mode=0o700)
    for folder in (home, live.parent):
        folder.chmod(0o700)
    env = {"AUTOTRACE_HOME": str(home)}
    switched_on = f"AUTOTRACE_RUN={live}"
    outcome = run_example(
        tmp_path, "env", "AUTOTRACE_ENABLED=1", switched_on, "python", job, env=env
    )
    assert outcome.code == 0, outcome.stderr
    (journal,) = live.glob("*.journal")
    # What is no secret stands there as it was: so would a secret.
    assert b"ines@caldeira-tiles.example" in journal.read_bytes()
    assert_kept_no_secret(home, SECRETS)


def test_on_mariadb_every_statement_is_there_once(run_example, job, mariadb, traced, tmp_path):
    """The server's own log of one traced run, against its spans."""
    url = make_url(mariadb)
    home = tmp_path / "home"
    with ServerLog(url) as log:
        outcome = run_example(
            tmp_path,
            str(AUTOTRACE.with_name("autotrace-run")),
            "-q",
            "python",
            job,
            env={"DATABASE_URL": mariadb, "AUTOTRACE_HOME": str(home)},
        )
        sent = log.of_the_last_connection()
    assert (outcome.code, outcome.stdout, outcome.stderr) == (
        0,
        traced.untraced.stdout,
        traced.untraced.stderr,
    )
    assert outcome.requests == traced.untraced.requests
    # What the driver itself sends to open a connection is part of connecting.
    assert [words(text) for text in sent[:2]] == ["SET NAMES utf8mb4", "SET AUTOCOMMIT"]
    shown = json.loads(autotrace(home, "show", "--json"))["spans"]
    spans = [
        span["attributes"]
        for span in sorted(shown, key=lambda span: span["start_ns"])
        if "db.query.text" in span["attributes"]
    ]
    assert [words(span["db.query.text"]) for span in spans] == [words(text) for text in sent[2:]]
    assert {span["db.system.name"] for span in spans} <= {"mysql", "mariadb"}
    selects = [s["attributes"] for s in shown if s["name"] == "SELECT northwind_users"]
    assert selects[0]["db.response.returned_rows"] == 14
    assert_kept_no_secret(home, [*SECRETS, url.password])


def words(text: str) -> str:
    """The first words of a statement, up to its first value."""
    return " ".join(re.split(r"[?'%(=]|\b\d", text)[0].split())


class ServerLog:
    """Has a MariaDB server write down what it is sent, and gives the part of one connection."""

    def __init__(self, url: Any) -> None:
        self.url = url

    def __enter__(self) -> ServerLog:
        self.connection = pymysql.connect(
            host=self.url.host,
            port=self.url.port,
            user=self.url.username,
            password=self.url.password,
            autocommit=True,
        )
        self.execute("SET GLOBAL log_output = 'TABLE'")
        self.execute("SET GLOBAL general_log = ON")
        return self

    def __exit__(self, *_: object) -> None:
        self.execute("SET GLOBAL general_log = OFF")
        self.connection.close()

    def execute(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        with self.connection.cursor() as cursor:
            cursor.execute(statement, values)
            return list(cursor.fetchall())

    def of_the_last_connection(self) -> list[str]:
        """What the connection that was last made to our database has sent."""
        ((thread,),) = self.execute(
            "SELECT thread_id FROM mysql.general_log WHERE command_type = 'Connect' "
            "AND argument LIKE %s ORDER BY event_time DESC, thread_id DESC LIMIT 1",
            f"% on {self.url.database} %",
        )
        rows = self.execute(
            "SELECT argument FROM mysql.general_log WHERE thread_id = %s "
            "AND command_type = 'Query'",
            thread,
        )
        return [text.decode() if isinstance(text, bytes) else text for (text,) in rows]
