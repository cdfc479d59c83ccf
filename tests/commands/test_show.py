"""`autotrace show`."""

from __future__ import annotations

import json
from typing import Any

from made_runs import Maker


def test_the_latest_run_by_default(autotrace: Any, runs: list[Maker]) -> None:
    said = autotrace("show")
    assert (said.returncode, said.stderr) == (0, "")
    assert "killed by SIGKILL after 10 s" in said.stdout
    assert "push_customer ×14" in said.stdout
    assert (
        said.stdout == autotrace("show", "7f3").stdout == autotrace("show", "7F3A9C21D004").stdout
    )


def test_other_runs_by_the_beginning_of_their_id(autotrace: Any, runs: list[Maker]) -> None:
    assert "no such column" in autotrace("show", "7f4").stdout


def test_what_cannot_be_found_is_said(autotrace: Any, runs: list[Maker]) -> None:
    for prefix, words in (
        ("7f", "7f3a9c21d004"),
        ("9", "autotrace list"),
        ("job", "autotrace list"),
    ):
        said = autotrace("show", prefix)
        assert (said.returncode, said.stdout) == (1, "")
        assert said.stderr.startswith("autotrace: ")
        assert words in said.stderr


def test_an_empty_store(autotrace: Any) -> None:
    said = autotrace("show")
    assert said.returncode == 1
    assert "autotrace-run" in said.stderr


def test_filters_reach_the_drawing(autotrace: Any, runs: list[Maker]) -> None:
    assert "SELECT" not in autotrace("show", "--min", "150ms").stdout.partition("same query")[0]
    assert "SELECT" not in autotrace("show", "--errors").stdout.partition("same query")[0]
    assert (
        "push_customer" not in autotrace("show", "--depth", "1").stdout.partition("same query")[0]
    )
    assert "×" not in autotrace("show", "--expand").stdout
    assert "stripe.object_id  cus_4" in autotrace("show", "--errors", "--fields", "stripe.*").stdout


def test_fields_before_the_run(autotrace: Any, runs: list[Maker]) -> None:
    said = autotrace("show", "--fields", "7f4")
    assert said.returncode == 0
    assert "import_csv" in said.stdout


def test_one_span(autotrace: Any, runs: list[Maker]) -> None:
    span = next(span for span in runs[0].spans if span.events)
    said = autotrace("show", "--span", span.span_id[-4:])
    assert said.stdout.startswith("stripe.customers.update")
    assert "Traceback (most recent call last):" in said.stdout
    assert autotrace("show", "--span", "@1").stdout.startswith("sync_job")
    missing = autotrace("show", "--span", "dddddd")
    assert missing.returncode == 1
    assert "autotrace show 7f3a9c" in missing.stderr


def test_wrong_usage(autotrace: Any) -> None:
    for arguments in (
        ["--min", "10"],
        ["--min", "soon"],
        ["--depth", "-1"],
        ["--rows", "x"],
        ["--spans"],
    ):
        assert autotrace("show", *arguments).returncode == 2


def test_json_can_be_narrowed(autotrace: Any, runs: list[Maker]) -> None:
    whole = json.loads(autotrace("show", "--json").stdout)
    assert len(whole["spans"]) == len(runs[0].spans)
    errors = json.loads(autotrace("show", "--json", "--errors").stdout)["spans"]
    assert [span["name"] for span in errors if span["status"]["code"] == "error"] == [
        "stripe.customers.update",
        "update_invoices",
        "stripe.invoices.create",
    ]
    top = json.loads(autotrace("show", "--json", "--depth", "1").stdout)["spans"]
    assert {span["parent_id"] for span in top} == {None, runs[0].root.span_id}
    (one,) = json.loads(autotrace("show", "--json", "--span", "0002").stdout)["spans"]
    assert one["name"] == "SELECT trials"
