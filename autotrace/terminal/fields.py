"""Fields of spans and events in two columns: names on the left, values wrapped on the right."""

from __future__ import annotations

import json
from collections.abc import Mapping

from autotrace.spans import Value
from autotrace.terminal.paper import Paper
from autotrace.terminal.text import clean, crop, pad, width, wrap


def draw_fields(
    paper: Paper, fields: Mapping[str, Value], *, indent: int = 2, most_lines: int = 0
) -> None:
    """Print fields; values of several lines keep their lines.

    ``indent`` is in columns; ``most_lines`` is how many lines a value may take, 0 for no limit.
    """
    names = {key: crop(clean(key) or "(no name)", paper.width - indent) for key in fields}
    widest = max((width(name) for name in names.values()), default=0)
    columns = min(widest, (paper.width - indent) // 2 - 1)
    room = paper.width - indent - columns - 2
    for key, value in fields.items():
        name = names[key]
        lines = [
            part
            for line in clean(shown(value), lines=True).rstrip("\n").split("\n")
            for part in wrap(line, room)
        ]
        if most_lines and len(lines) > most_lines:
            lines[most_lines - 1 :] = ["…"]
        if width(name) > columns:
            paper.line(" " * indent, (name, "object"))
            name = ""
        for number, text in enumerate(lines):
            paper.line(" " * indent, (pad("" if number else name, columns), "object"), "  ", text)


def shown(value: Value) -> str:
    """Return an attribute's value as text: strings as they are, the rest as JSON has it."""
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value, ensure_ascii=False, default=str)
    except (TypeError, ValueError):
        return str(value)
