"""Numbers as people read them: durations, sizes, moments."""

from __future__ import annotations

import time


def duration(ns: int) -> str:
    """Return nanoseconds as ``840 µs``, ``3.2 ms``, ``31.4 s``, ``4m 12s`` or ``2h 05m``."""
    if ns < 0:
        return "-" + duration(-ns)
    if ns < 1_000:
        return f"{ns} ns" if ns else "0 s"
    if ns < 999_500:
        return _short(ns / 1e3, "µs")
    if ns < 999_500_000:
        return _short(ns / 1e6, "ms")
    if ns < 59_950_000_000:
        return _short(ns / 1e9, "s")
    seconds = round(ns / 1e9)
    if seconds < 3_600:
        return f"{seconds // 60}m {seconds % 60:02d}s"
    minutes = round(ns / 60e9)
    if minutes < 24 * 60:
        return f"{minutes // 60}h {minutes % 60:02d}m"
    hours = round(ns / 3_600e9)
    return f"{hours // 24}d {hours % 24:02d}h"


def _short(number: float, unit: str) -> str:
    """Return a number below 1000 with one decimal where that says something."""
    text = f"{number:.0f}" if number >= 99.95 else f"{number:.1f}".removesuffix(".0")
    return f"{text} {unit}"


def size(number: int) -> str:
    """Return a number of bytes such as ``54 MiB``."""
    amount = float(number)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(amount) < 1023.5:
            return _short(amount, unit) if unit != "B" else f"{number} B"
        amount /= 1024
    return _short(amount, "TiB") if amount < 999 else f"{amount:,.0f} TiB"


def percent(part: float) -> str:
    """Return a part from 0 to 1 such as ``17%``; what is more than nothing is at least ``<1%``."""
    if 0 < part < 0.005:
        return "<1%"
    return f"{part * 100:.0f}%"


def count(number: int, one: str, many: str = "") -> str:
    """Return a number with its noun: ``1 span``, ``18,402 spans``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def moment(ns: int, *, exact: bool = False) -> str:
    """Return a point in time as local date and time, ``2026-07-02 03:00:01``.

    ``exact`` adds the milliseconds.
    """
    try:
        text = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(ns // 1_000_000_000))
    except (ValueError, OverflowError, OSError):
        return "unknown"
    return f"{text}.{ns // 1_000_000 % 1000:03d}" if exact else text


def offset(ns: int) -> str:
    """Return a distance on the time axis in seconds, to the millisecond: ``6.012 s``."""
    return f"{ns / 1e9:,.3f} s"


def ago(ns: int, now_ns: int) -> str:
    """Return how long before ``now_ns`` a moment was: ``12 s ago``, ``2 days ago``."""
    seconds = (now_ns - ns) // 1_000_000_000
    if seconds < -1:
        return "in the future"
    if seconds < 1:
        return "now"
    if seconds < 60:
        return f"{seconds} s ago"
    if seconds < 3_600:
        return f"{seconds // 60} min ago"
    if seconds < 48 * 3_600:
        return f"{seconds // 3_600} h ago"
    return f"{seconds // 86_400} days ago"
