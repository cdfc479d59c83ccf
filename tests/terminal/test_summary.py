"""The summary at a job's end."""

from __future__ import annotations

import io
import subprocess
import sys
import time

import pytest
from made_runs import Maker, killed_job, large

from autotrace.insights import overview
from autotrace.terminal.paper import Paper
from autotrace.terminal.summary import print_summary
from autotrace.terminal.text import width


def summary(made: Maker, columns: int = 120, colour: bool = False) -> str:
    stream = io.StringIO()
    print_summary(made.run, made.spans, paper=Paper(stream, columns=columns, colour=colour))
    return stream.getvalue()


def test_it_tells_the_story_of_a_killed_job() -> None:
    text = summary(killed_job())
    first, second, *rest = text.splitlines()
    assert "sync_job" in first
    assert "killed by SIGKILL after 10 s" in first
    assert "run 7f3a9c" in first
    assert "was inside   update_invoices › stripe.invoices.create (open for 2.9 s)" in second
    (query,) = [line for line in rest if "SELECT customers" in line]
    assert "same query 10 times for each push_customer" in query
    assert query.split()[:4] == ["140", "ms", "1%", "140"]
    (traced,) = [line for line in rest if "not traced" in line]
    assert traced.split()[:3] == ["4", "s", "40%"]
    assert text.rstrip().endswith("autotrace show 7f3a9c")


def test_drops_and_own_errors_are_told() -> None:
    made = killed_job()
    assert "not kept" not in summary(made)
    made.run.dropped = 12
    made.run.fault_count = 3
    made.run.faults = [("stripe:customers.update", "TypeError: \x1b[2Jno\n  a.py:3 in call")]
    text = summary(made)
    assert "12 spans not kept" in text
    assert "3 errors inside autotrace's own instrumentations" in text
    assert "    stripe:customers.update: TypeError: ␛[2Jno\n      a.py:3 in call\n" in text


@pytest.mark.parametrize(
    ("state", "code", "signal", "said"),
    [
        ("ok", 0, None, "finished in 1 s"),
        ("warning", 0, None, "finished in 1 s, with errors"),
        ("failed", 3, None, "failed with exit code 3 after 1 s"),
        ("failed", None, None, "failed after 1 s"),
        ("killed", None, "SIGTERM", "killed by SIGTERM after 1 s"),
        ("lost", None, None, "lost after 1 s"),
        ("running", None, None, "running for 1 s"),
    ],
)
def test_states(state: str, code: int | None, signal: str | None, said: str) -> None:
    made = Maker()
    made.run.state, made.run.exit_code, made.run.signal = state, code, signal  # type: ignore[assignment]
    assert said in summary(made).splitlines()[0]


def test_out_of_memory_is_said() -> None:
    made = Maker()
    made.run.state, made.run.signal, made.run.out_of_memory = "killed", "SIGKILL", True
    assert "out of memory" in summary(made).splitlines()[0]


def test_a_job_in_which_nothing_was_seen_is_sent_to_doctor() -> None:
    assert "autotrace doctor" in summary(Maker().counted())


@pytest.mark.parametrize("columns", [40, 60, 80, 100, 200])
def test_lines_keep_to_the_width(columns: int) -> None:
    made = killed_job()
    made.span("日本語の名前" * 30, 9000, 900)
    made.span("x" * 300, 9100, 300)
    assert max(map(width, summary(made.counted(), columns).splitlines())) <= columns


def test_many_operations_are_cut_but_never_those_with_errors() -> None:
    made = Maker(ms=100_000)
    for number in range(60):
        made.span(f"operation {number}", number * 100, 90 - number)
    made.span("tiny failure", 7000, 0.001, error="no")
    lines = summary(made.counted()).splitlines()
    assert len(lines) < 20
    assert any("tiny failure" in line for line in lines)
    assert any("other operations" in line for line in lines)


def test_colour_only_where_wanted() -> None:
    assert "\x1b[" not in summary(killed_job())
    coloured = summary(killed_job(), colour=True)
    assert "\x1b[31mkilled by SIGKILL" in coloured


def test_a_stream_that_cannot_take_it_is_no_error() -> None:
    closed = io.StringIO()
    closed.close()
    made = killed_job()
    print_summary(made.run, made.spans, file=closed)
    narrow = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    print_summary(made.run, overview(made.run, made.spans), file=narrow)
    narrow.seek(0)
    assert "update_invoices > stripe.invoices.create" in narrow.read()


def test_it_is_quick_with_many_spans() -> None:
    made = large(200_000)
    before = time.process_time()
    print_summary(made.run, made.spans, file=io.StringIO())
    assert time.process_time() - before < 1.5


def test_it_imports_nothing_heavy() -> None:
    code = (
        "import sys; before = set(sys.modules); import autotrace.terminal.summary; "
        "heavy = {'rich', 'argparse', 'json', 'sqlite3', 'shutil', 'logging'}; "
        "print(sorted(heavy & (set(sys.modules) - before)))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"
