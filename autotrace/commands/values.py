"""Values on the command line that are more than words and numbers: durations, ages, sizes."""

from __future__ import annotations

import argparse
import re

_NUMBER = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-zµμ]*)\s*", re.IGNORECASE)

_DURATIONS = {"ns": 1, "us": 10**3, "µs": 10**3, "μs": 10**3, "ms": 10**6, "s": 10**9}
_DURATIONS |= {"m": 60 * 10**9, "min": 60 * 10**9, "h": 3600 * 10**9}

_AGES = {"m": 1 / 1440, "min": 1 / 1440, "h": 1 / 24, "d": 1.0, "w": 7.0, "y": 365.0}

_SIZES = {"": 1, "b": 1}
for _power, _letter in enumerate("kmgt", 1):
    _SIZES[_letter] = _SIZES[f"{_letter}b"] = 1000**_power
    _SIZES[f"{_letter}ib"] = 1024**_power


def duration_ns(text: str) -> int:
    """Return the nanoseconds of ``10ms``, ``1.5s``, ``2m``; for argparse's ``type``."""
    return round(_read(text, _DURATIONS, "a duration such as 10ms, 1.5s or 2m"))


def age_days(text: str) -> float:
    """Return the days of ``30d``, ``12h``, ``2w``; for argparse's ``type``."""
    return _read(text, _AGES, "an age such as 30d, 12h or 2w")


def size_bytes(text: str) -> int:
    """Return the bytes of ``1GB``, ``500MiB``; for argparse's ``type``."""
    return round(_read(text, _SIZES, "a size such as 500MB, 1GB or 1GiB"))


def whole(text: str) -> int:
    """Return a whole number from 0; for argparse's ``type``."""
    if not text.isascii() or not text.isdigit() or len(text) > 15:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0")
    return int(text)


def positive(text: str) -> int:
    """Return a whole number from 1; for argparse's ``type``."""
    number = whole(text)
    if not number:
        raise argparse.ArgumentTypeError("there must be at least 1")
    return number


def _read(text: str, units: dict[str, int] | dict[str, float], wanted: str) -> float:
    """Return a number times its unit."""
    match = _NUMBER.fullmatch(text)
    unit = match.group(2).lower() if match else ""
    if match is None or (unit not in units and float(match.group(1))):
        raise argparse.ArgumentTypeError(f"{text!r} is not {wanted}")
    return float(match.group(1)) * units.get(unit, 0)
