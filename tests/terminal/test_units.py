"""Numbers as people read them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotrace.terminal.units import ago, count, duration, moment, offset, percent, size

S = 1_000_000_000


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "0 s"),
        (7, "7 ns"),
        (840_000, "840 µs"),
        (999_499, "999 µs"),
        (999_600, "1 ms"),
        (3_200_000, "3.2 ms"),
        (125 * 10**6, "125 ms"),
        (999_600_000, "1 s"),
        (31_400_000_000, "31.4 s"),
        (59_960_000_000, "1m 00s"),
        (151 * S, "2m 31s"),
        (3599 * S + S // 2 + 1, "1h 00m"),
        (7500 * S, "2h 05m"),
        (100 * 3600 * S, "4d 04h"),
        (-S, "-1 s"),
    ],
)
def test_durations(ns: int, text: str) -> None:
    assert duration(ns) == text


@given(st.integers(0, 10**17))
def test_durations_stay_short(ns: int) -> None:
    assert len(duration(ns)) <= 9


def test_sizes() -> None:
    assert [size(number) for number in (0, 1023, 1536, 54 << 20, 3 << 40)] == [
        "0 B",
        "1023 B",
        "1.5 KiB",
        "54 MiB",
        "3 TiB",
    ]


def test_parts_moments_and_counts() -> None:
    assert [percent(part) for part in (0, 0.001, 0.17, 1)] == ["0%", "<1%", "17%", "100%"]
    assert count(1, "span") == "1 span"
    assert count(18402, "span") == "18,402 spans"
    assert offset(6_012_345_678) == "6.012 s"
    now = 1_780_000_000 * S
    steps = (0, 12, 300, 7200, 200_000)
    assert [ago(now - seconds * S, now) for seconds in steps] == [
        "now",
        "12 s ago",
        "5 min ago",
        "2 h ago",
        "2 days ago",
    ]
    assert ago(now + 60 * S, now) == "in the future"
    assert moment(now, exact=True).endswith(".000")
    assert moment(10**30) == "unknown"
