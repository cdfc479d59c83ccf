"""A run as a plain JSON object, and back: what a run file's last section and the catalog hold."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, get_args

from autotrace.spans import Run, State
from autotrace.store.columns import clean_text

STATES: tuple[str, ...] = get_args(State)

NAMES: tuple[str, ...] = tuple(field.name for field in dataclasses.fields(Run))
"""The fields of a run in their order."""

_INTEGERS = frozenset(
    ("started_ns", "duration_ns", "spans", "errors", "dropped", "pid", "fault_count")
)
_OPTIONAL_INTEGERS = frozenset(("exit_code", "cpu_ns", "max_rss_bytes"))
_OPTIONAL_TEXTS = frozenset(("signal", "parent_id"))
_LARGEST = (1 << 63) - 1


def run_to_plain(run: Run) -> dict[str, Any]:
    """Return the run's fields as what JSON can hold, its texts as valid Unicode."""
    plain: dict[str, Any] = {}
    for name in NAMES:
        value = getattr(run, name)
        if isinstance(value, str):
            value = clean_text(value)
        elif name == "command":
            value = [clean_text(word) for word in value]
        elif name in ("faults", "unfinished"):
            value = [[clean_text(first), _text_or_int(second)] for first, second in value]
        plain[name] = value
    return plain


def _text_or_int(value: object) -> object:
    return value if type(value) is int else clean_text(value)


def run_from_plain(plain: Mapping[str, Any]) -> Run:
    """Return the run that ``plain`` describes; raise ValueError where it is none.

    Fields that this version does not know are passed over, missing ones that have a default get it.
    """
    values: dict[str, Any] = {}
    for name in NAMES:
        if name in plain:
            value = plain[name]
            if not _fits(name, value):
                raise ValueError(f"the run's {name} cannot be {value!r}"[:200])
            values[name] = value
    for name in ("faults", "unfinished"):
        if name in values:
            values[name] = [(first, second) for first, second in values[name]]
    try:
        return Run(**values)
    except TypeError as error:
        raise ValueError(f"the run is not whole ({error})") from None


def _fits(name: str, value: object) -> bool:
    if name in _INTEGERS:
        return type(value) is int and abs(value) <= _LARGEST
    if name in _OPTIONAL_INTEGERS:
        return value is None or (type(value) is int and abs(value) <= _LARGEST)
    if name in _OPTIONAL_TEXTS:
        return value is None or type(value) is str
    if name == "out_of_memory":
        return type(value) is bool
    if name == "command":
        return type(value) is list and all(type(word) is str for word in value)
    if name in ("faults", "unfinished"):
        second = str if name == "faults" else int
        return type(value) is list and all(
            type(pair) is list
            and len(pair) == 2
            and type(pair[0]) is str
            and type(pair[1]) is second
            for pair in value
        )
    if name == "state":
        return value in STATES
    return type(value) is str
