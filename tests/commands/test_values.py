"""Durations, ages and sizes on the command line."""

from __future__ import annotations

import argparse
from collections.abc import Callable

import pytest

from autotrace.commands.values import age_days, duration_ns, positive, size_bytes, whole


@pytest.mark.parametrize(
    ("read", "text", "value"),
    [
        (duration_ns, "10ms", 10_000_000),
        (duration_ns, "1.5 s", 1_500_000_000),
        (duration_ns, "200us", 200_000),
        (duration_ns, "200µs", 200_000),
        (duration_ns, "2M", 120 * 10**9),
        (duration_ns, "0", 0),
        (age_days, "30d", 30),
        (age_days, "12h", 0.5),
        (age_days, "2w", 14),
        (size_bytes, "1GB", 10**9),
        (size_bytes, "1.5gib", 3 << 29),
        (size_bytes, "500", 500),
        (whole, "0", 0),
        (positive, "7", 7),
    ],
)
def test_what_is_meant(read: Callable[[str], float], text: str, value: float) -> None:
    assert read(text) == value


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (duration_ns, "10"),
        (duration_ns, "-5ms"),
        (duration_ns, "nan s"),
        (duration_ns, ""),
        (age_days, "30"),
        (age_days, "1 month"),
        (size_bytes, "1 parsec"),
        (whole, "-1"),
        (whole, "²"),
        (whole, "9" * 5000),
        (positive, "0"),
    ],
)
def test_what_is_not_understood(read: Callable[[str], float], text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        read(text)
