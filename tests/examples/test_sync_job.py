"""The example's job as its owner runs it, and the runner that gives it surroundings."""

from __future__ import annotations

import socket
import sqlite3
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

PRINTED = """\
2026-03-02: 14 users on trial
Intercom   1 failed, 13 updated
Salesforce 1 failed, 13 updated
Stripe     2 charged, 1 declined, 1 failed, 10 updated
"""

WARNED = """\
WARNING sync_job: intercom: user 4 not updated: email is invalid
WARNING sync_job: salesforce: user 4 refused: INVALID_EMAIL_ADDRESS
WARNING sync_job: stripe: user 4 not updated: Invalid email address: marta.kowalska@@biuro.example
WARNING sync_job: stripe: user 11: Your card has insufficient funds. (card_declined)
"""


def statuses(requests: list[dict[str, Any]], vendor: str) -> Counter[int]:
    return Counter(r["status"] for r in requests if r["vendor"] == vendor)


def test_it_does_what_it_always_does(run_example, job, tmp_path):
    database = tmp_path / "northwind.db"
    outcome = run_example(tmp_path, "python", job, env={"DATABASE_URL": f"sqlite:///{database}"})
    assert (outcome.code, outcome.stdout, outcome.stderr) == (0, PRINTED, WARNED)
    assert statuses(outcome.requests, "Intercom") == {200: 24, 400: 1, 429: 1}
    assert statuses(outcome.requests, "Salesforce") == {
        200: 5,
        201: 7,
        204: 11,
        400: 1,
        401: 1,
        503: 1,
    }
    assert statuses(outcome.requests, "Stripe") == {200: 27, 400: 1, 402: 1, 429: 1, 500: 1}
    with sqlite3.connect(database) as connection:
        kept = connection.execute(
            "SELECT vendor, outcome, count(*) FROM northwind_sync_results GROUP BY 1, 2"
        ).fetchall()
        cards = connection.execute(
            "SELECT count(number), count(payment_method) FROM northwind_phone_order_cards"
        ).fetchone()
    connection.close()
    assert sorted(kept) == [
        ("intercom", "failed", 1),
        ("intercom", "updated", 13),
        ("salesforce", "failed", 1),
        ("salesforce", "updated", 13),
        ("stripe", "charged", 2),
        ("stripe", "declined", 1),
        ("stripe", "failed", 1),
        ("stripe", "updated", 10),
    ]
    assert cards == (0, 3)


def test_nothing_in_the_job_knows_of_tracing(job):
    for name in ("sync_job.py", "models.py", "settings.py"):
        source = Path(job).with_name(name).read_text().lower()
        assert "trace" not in source.replace("traceback", "")
        assert "span" not in source


def test_all_is_gone_when_the_command_ends(run_example, tmp_path):
    show = "import os; print(os.environ['STRIPE_API_BASE'], os.environ['REQUESTS_CA_BUNDLE'])"
    outcome = run_example(tmp_path, "python", "-c", show)
    address, bundle = outcome.stdout.split()
    assert not Path(bundle).parent.exists()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((urlsplit(address).hostname, urlsplit(address).port)).close()


@pytest.mark.parametrize(
    ("ending", "code"),
    [("sys.exit(3)", 3), ("os.kill(os.getpid(), 9)", 137), ("os.kill(os.getpid(), 15)", 143)],
)
def test_the_commands_end_is_the_runners(run_example, tmp_path, ending, code):
    outcome = run_example(tmp_path, "python", "-c", f"import os, sys; {ending}")
    assert outcome.code == code


def test_a_command_that_does_not_exist_is_named(run_example, tmp_path):
    outcome = run_example(tmp_path, "no-such-command")
    assert outcome.code == 127
    assert "no-such-command: command not found" in outcome.stderr


def test_a_signal_to_the_runner_reaches_the_command(run_example, tmp_path):
    # The command signals the runner, its parent, and waits to be signalled itself.
    code = """
import os, signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(5))
os.kill(os.getppid(), signal.SIGTERM)
signal.pause()
"""
    script = tmp_path / "waits.py"
    script.write_text(code)
    assert run_example(tmp_path, "python", str(script), timeout=30).code == 5


def test_the_database_can_be_prepared_twice(run_example, tmp_path):
    url = f"sqlite:///{tmp_path / 'northwind.db'}"
    for _ in range(2):
        assert run_example(tmp_path, "python", "-c", "pass", env={"DATABASE_URL": url}).code == 0
