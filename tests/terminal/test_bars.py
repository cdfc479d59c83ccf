"""Bars stand where and as long as their spans were."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from autotrace.terminal.bars import Axis
from autotrace.terminal.text import width
from autotrace.terminal.units import duration

Intervals = list[tuple[int, int]]

intervals = st.lists(st.tuples(st.integers(-50, 1500), st.integers(-50, 1500)), max_size=8)


@given(st.integers(1, 60), intervals, intervals)
def test_a_bar_always_fits(columns: int, spans: Intervals, below: Intervals) -> None:
    axis = Axis(0, 1000, columns)
    assert len(axis.bar(spans, below)) == columns
    assert bool(axis.bar(spans).strip()) == bool(spans), "even the shortest span is seen"


@given(st.integers(1, 60), st.integers(-50, 1500), st.integers(-50, 1500))
def test_the_quick_way_draws_the_same(columns: int, start: int, end: int) -> None:
    axis = Axis(0, 1000, columns)
    nothing = [(3, 3)]
    assert axis.bar([(start, end)]) == axis.bar([(start, end)], nothing)


def test_half_columns() -> None:
    axis = Axis(0, 100, 10)
    assert axis.bar([(0, 100)]) == "━" * 10
    assert axis.bar([(5, 25)]) == "╺━╸       "
    assert axis.bar([(99, 100)]) == "         ╺"
    assert axis.bar([(50, 50)]) == "     ╸    "


def test_thin_where_it_waited() -> None:
    axis = Axis(0, 100, 10)
    assert axis.bar([(0, 100)], [(20, 80)]) == "━━──────━━"
    assert axis.bar([(0, 100)], [(25, 75)]) == "━━╾────╼━━"
    assert Axis(0, 100, 10, unicode=False).bar([(0, 100)], [(20, 80)]) == "==------=="


@given(st.integers(1, 10**18), st.integers(1, 150))
def test_labels_fit_and_the_last_is_the_whole(length: int, columns: int) -> None:
    labels = Axis(0, length, columns).labels()
    assert width(labels) == columns
    whole = duration(length)
    assert labels.strip() == "" if columns < len(whole) else labels.endswith(whole)


def test_labels_are_round() -> None:
    assert Axis(0, 10_100_000_000, 50).labels().split("  ")[0] == "0"
    assert "2 s" in Axis(0, 10_100_000_000, 60).labels()
    assert "1m 00s" in Axis(0, 200 * 10**9, 40).labels()
