"""A run as a waterfall."""

from __future__ import annotations

import io
import re
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_runs import START, Maker, killed_job, large

from autotrace.spans import Run, Span
from autotrace.terminal.one_span import find_span
from autotrace.terminal.paper import Paper
from autotrace.terminal.plan import MOST_SIBLINGS, Options
from autotrace.terminal.text import width
from autotrace.terminal.units import duration
from autotrace.terminal.waterfall import draw_waterfall

BARS = "━─╸╺╴╶╾╼"


def drawn(
    made: Maker,
    columns: int = 120,
    fields: tuple[str, ...] = (),
    colour: bool = False,
    **options: Any,
) -> str:
    stream = io.StringIO()
    paper = Paper(stream, columns=columns, colour=colour)
    draw_waterfall(paper, made.run, made.spans, Options(**options), fields=fields, now_ns=START)
    return stream.getvalue()


def tree(text: str) -> list[str]:
    """The lines of the tree alone."""
    return [line for line in text.splitlines() if set(line) & set(BARS + "├└") and "·" not in line]


def line_of(text: str, name: str) -> str:
    return next(line for line in tree(text) if name in line)


def test_the_head_says_what_the_run_was() -> None:
    head = drawn(killed_job()).split("\n\n")[0]
    for fact in (
        "sync_job",
        "killed by SIGKILL after 10 s",
        "python sync_job.py '--all customers'",
        "cron@worker-3:/srv/jobs",
        "pid 4123",
        "Python 3.11.7",
        "cpu 120 ms (1%)",
        "peak memory 54 MiB",
        "not traced 4 s (40%)",
        "was inside   update_invoices › stripe.invoices.create (open for 2.9 s)",
        "run 7f3a9c",
    ):
        assert fact in head


def test_loops_are_folded_and_failures_are_not() -> None:
    text = drawn(killed_job(), 160)
    assert "push_customer ×14  max 190 ms" in line_of(text, "push_customer")
    assert "SELECT customers ×140  max 1 ms  SELECT * FROM customers" in text
    assert "stripe.customers.update ×13" in text
    (failed,) = [line for line in tree(text) if "CardError: Your card was declined." in line]
    assert "cus_4" in failed
    assert "unfinished" in line_of(text, "stripe.invoices.create")
    assert "same query 10 times for each push_customer" in text
    assert "--expand" in text


def test_bars_stand_on_one_axis() -> None:
    made = Maker(ms=1000)
    first = made.span("first half", 0, 500)
    made.span("second half", 500, 500)
    made.span("inside", 100, 300, first)
    text = drawn(made, 100)
    columns = {
        name: [at for at, char in enumerate(line_of(text, name)) if char in BARS]
        for name in ("sync_job  ", "first", "second", "inside")
    }
    whole = columns["sync_job  "]
    assert columns["first"][0] == whole[0]
    assert columns["second"][-1] == whole[-1]
    assert abs(columns["second"][0] - columns["first"][-1]) <= 1
    assert set(columns["inside"]) < set(columns["first"])


def test_expand_shows_every_span() -> None:
    made = killed_job()
    text = drawn(made, expand=True)
    assert len(tree(text)) == len(made.spans)
    assert "×" not in text


def test_depth() -> None:
    text = drawn(killed_job(), depth=1)
    assert {line.split()[1] for line in tree(text)[1:]} == {
        "SELECT",
        "update_stripe",
        "update_invoices",
    }
    assert "+182 below" in line_of(text, "update_stripe")
    assert len(tree(drawn(killed_job(), depth=0))) == 1


def test_least_duration_leaves_out_the_short_ones() -> None:
    text = drawn(killed_job(), least_ns=150_000_000)
    assert "SELECT" not in "".join(tree(text))
    assert "push_customer ×14" in text
    assert re.search(r"1\d\d spans left out", text)


def test_errors_alone() -> None:
    names = [line.strip("│├└ ").split()[0] for line in tree(drawn(killed_job(), errors=True))]
    assert names == [
        "sync_job",
        "update_stripe",
        "push_customer",
        "stripe.customers.update",
        "update_invoices",
        "stripe.invoices.create",
    ]


def test_fields_below_their_spans() -> None:
    text = drawn(killed_job(), fields=("stripe.*",), errors=True)
    assert "stripe.object_id  cus_4" in text
    assert "db.query.text" not in text
    assert "SELECT * FROM customers" in drawn(killed_job(), 160, fields=("*",), expand=True)


@pytest.mark.parametrize("columns", [40, 60, 80, 100, 160, 300])
@pytest.mark.parametrize("options", [{}, {"expand": True}, {"errors": True}])
def test_lines_keep_to_the_width(columns: int, options: dict[str, Any]) -> None:
    made = killed_job()
    made.span("日本語の名前" * 30, 9000, 900)
    made.span("n" * 300, 9100, 300, error="e" * 500)
    text = drawn(made.counted(), columns, fields=("*",), **options)
    assert max(map(width, text.splitlines())) <= columns


def test_a_hundred_thousand_spans_fit_on_a_page() -> None:
    made = large(100_000)
    before = time.process_time()
    text = drawn(made)
    assert time.process_time() - before < 3
    assert len(text.splitlines()) < 30
    assert "push_customer ×6,250" in text


def test_a_hundred_thousand_names_fit_as_well() -> None:
    made = Maker(ms=100_000)
    for number in range(20_000):
        step = made.span(f"step {number}", number * 5, 4)
        for call in range(4):
            made.span(f"call {number} {call}", number * 5 + call, 1, step)
    text = drawn(made.counted())
    assert len(tree(text)) <= 200
    assert "more lines" in text
    assert re.search(r"[\d,]+ spans not shown \(--expand or --rows 0", text)
    assert len(tree(drawn(made, rows=50))) <= 50
    assert len([line for line in tree(text) if " step " in line]) <= MOST_SIBLINGS


def test_the_failure_among_many_is_shown() -> None:
    made = Maker(ms=100_000)
    for number in range(5000):
        step = made.span(f"step {number}", number * 20, 19)
        made.span("call", number * 20, 1, step, error="the needle" if number == 3333 else None)
    assert "the needle" in drawn(made.counted())


def test_deep_recursion_is_drawn() -> None:
    made = Maker(ms=5000)
    above = made.root
    for number in range(3000):
        above = made.span(f"f{number}", number, 5000 - number, above)
    text = drawn(made.counted(), 80, rows=0)
    assert len(tree(text)) == 3001
    assert max(map(width, text.splitlines())) <= 80
    assert "f2999" in text


def test_what_a_program_wrote_is_only_shown() -> None:
    made = Maker(job="evil\x1b]0;title\x07")
    made.run.command = ["evil\x1b[2J"]
    made.span("name\x1b[31m\r\n\x9b", 1, 5, error="message\x1b[0m", db__query__text="a\x1b[1mb")
    text = drawn(made.counted(), fields=("*",))
    assert not set(text) & {"\x1b", "\x07", "\x9b", "\r"}


def test_each_line_ends_with_what_its_span_is_called() -> None:
    made = killed_job()
    lines = tree(drawn(made, 160, expand=True, rows=0))
    assert len({line.split()[-1] for line in lines}) == len(made.spans)
    for line in lines:
        span = find_span(made.spans, line.split()[-1])
        assert line.strip("│├└ ").startswith(span.name)
        assert duration(span.duration_ns) in line


def test_what_the_header_says_of_the_job_is_not_said_again() -> None:
    made = Maker()
    made.root.status_code, made.root.status_message = "error", "exit code 3"
    made.root.scope = "autotrace.process"
    made.root.attributes = {"process.exit.code": 3, "process.command_args": ["python", "x.py"]}
    assert "exit" not in tree(drawn(made))[0]
    child = made.span("x", 1, 5, scope="autotrace.process", error="exit code 3")
    child.attributes = dict(made.root.attributes)
    assert "sync_job (process)" not in drawn(made)
    assert "x (process)  exit code 3  python x.py" in drawn(made, 160)


def test_errors_are_red_and_nothing_is_coloured_when_piped() -> None:
    assert "\x1b" not in drawn(killed_job())
    text = drawn(killed_job(), 160, colour=True)
    assert re.search(r"\x1b\[31mstripe\.customers\.update\x1b\[0m", text)


def test_a_run_under_way() -> None:
    made = killed_job()
    made.run.state, made.run.signal = "running", None
    text = drawn(made)
    assert "● running for 10 s" in text
    assert "is inside   update_invoices" in text
    assert "under way" in line_of(text, "stripe.invoices.create")
    assert "unfinished" not in text


odd = st.lists(
    st.builds(
        Span,
        span_id=st.sampled_from([f"{number:016x}" for number in range(6)]),
        parent_id=st.none() | st.sampled_from([f"{number:016x}" for number in range(7)]),
        name=st.text(max_size=5) | st.sampled_from(["x" * 300, "日本" * 50]),
        kind=st.sampled_from(["internal", "client", "producer"]),
        start_ns=st.integers(-5, 20) | st.just(START),
        duration_ns=st.integers(-5, 20) | st.just(10**17),
        status_code=st.sampled_from(["unset", "ok", "error"]),
        status_message=st.text(max_size=5),
        attributes=st.dictionaries(
            st.sampled_from(["db.query.text", "url.full", "x.id", "autotrace.unfinished"]),
            st.text(max_size=5) | st.booleans() | st.floats() | st.lists(st.integers(), max_size=3),
        ),
    ),
    max_size=10,
)


@given(odd, st.sampled_from([40, 61, 130]), st.booleans(), st.booleans(), st.integers(0, 3))
def test_odd_runs_are_drawn(
    spans: list[Span], columns: int, expand: bool, errors: bool, rows: int
) -> None:
    run = Run("7f3a9c21d004", "0" * 32, f"{0:016x}", "job", [], "ok", 0, 0)
    stream = io.StringIO()
    options = Options(expand=expand, errors=errors, rows=rows)
    draw_waterfall(Paper(stream, columns=columns), run, spans, options, fields=["*"])
    text = stream.getvalue()
    assert max(map(width, text.splitlines())) <= columns
    text.encode()


def test_short_names_keep_their_branches() -> None:
    made = Maker(job="g")
    made.span("y", 0, 5, parent=made.span("x", 0, 10))
    lines = tree(drawn(made.counted()))
    assert lines[1].startswith("└ x ")
    assert lines[2].startswith("  └ y ")
