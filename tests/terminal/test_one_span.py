"""One span with everything that is known about it."""

from __future__ import annotations

import io

import pytest
from made_runs import Maker, killed_job

from autotrace.spans import Span
from autotrace.terminal.one_span import SpanNotFound, draw_span, find_span
from autotrace.terminal.paper import Paper
from autotrace.terminal.text import width


def drawn(made: Maker, span: Span, columns: int = 120) -> str:
    stream = io.StringIO()
    draw_span(Paper(stream, columns=columns), made.run, made.spans, span)
    return stream.getvalue()


def failed(made: Maker) -> Span:
    return next(span for span in made.spans if span.events)


def test_place_fields_and_traceback() -> None:
    made = killed_job()
    text = drawn(made, failed(made))
    assert "CardError: Your card was declined." in text.splitlines()[0]
    assert "sync_job › update_stripe › push_customer" in text
    assert "0.930 s into the run" in text
    assert "POST api.stripe.com" in text, "what ran below it"
    assert "stripe.object_id  cus_4" in text
    assert '    Traceback (most recent call last):\n      File "sync_job.py", line 61\n' in text


def test_long_statements_keep_their_lines() -> None:
    made = Maker()
    span = made.query(
        "SELECT trials", 0, 1, db__query__text="SELECT a\n  FROM b\n WHERE c = \x1b[31m"
    )
    lines = drawn(made, span).splitlines()
    at = next(number for number, line in enumerate(lines) if "SELECT a" in line)
    column = lines[at].index("SELECT")
    assert lines[at + 1][column:] == "  FROM b"
    assert lines[at + 2][column:] == " WHERE c = ␛[31m"


@pytest.mark.parametrize("columns", [40, 60, 100])
def test_lines_keep_to_the_width(columns: int) -> None:
    made = killed_job()
    span = made.span("n" * 300, 1, 1, "feed" * 4, **{"k" * 90: "v" * 900, "numbers": [1, 2, 3]})
    assert max(map(width, drawn(made, span, columns).splitlines())) <= columns


def test_an_orphan_says_so() -> None:
    made = Maker()
    assert "feedfeedfeedfeed, which is not in this run" in drawn(
        made, made.span("x", 1, 1, "feed" * 4)
    )


def test_a_span_by_its_place_or_a_part_of_its_id() -> None:
    made = killed_job()
    span = failed(made)
    assert find_span(made.spans, "@1") is made.root
    assert find_span(made.spans, "@2").name == "SELECT trials"
    assert find_span(made.spans, span.span_id.upper()) is span
    assert find_span(made.spans, span.span_id[-4:]) is span
    assert find_span(made.spans, "00000000000000f") is made.root


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ("zz", "is no span"),
        ("dddddd", "No span"),
        ("5f3a", "spans match"),
        ("", "is no span"),
        ("@0", "@1 to @"),
        ("@", "@1 to @"),
        ("@999", "no span @999"),
        ("@²", "@1 to @"),
    ],
)
def test_what_is_wrong_is_said(wanted: str, said: str) -> None:
    with pytest.raises(SpanNotFound, match=said):
        find_span(killed_job().spans, wanted)
