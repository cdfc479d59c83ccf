"""Statistics over the rounds, and the Markdown table that the documentation quotes."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from statistics import median

from benchmarks.cases import Row


def typical(row: Row, way: str) -> float:
    """The median over the rounds, for ``added`` rows of the differences to bare in each round."""
    values = row.values[way]
    if row.added and way != "bare":
        values = [value - bare for value, bare in zip(values, row.values["bare"], strict=True)]
    return median(values)


def lowest(row: Row, way: str) -> float:
    """The least over the rounds, for ``added`` rows less the bare program's least.

    Noise only ever adds, so this says what the work itself costs.
    """
    least = min(row.values[way])
    return least - min(row.values["bare"]) if row.added and way != "bare" else least


def number(value: float, digits: int) -> str:
    """``value`` with thousands separated; never "-0"."""
    return f"{round(value, digits) + 0.0:,.{digits}f}"


def cell(row: Row, way: str, statistic: Callable[[Row, str], float]) -> str:
    """One field of the table: the value, and for another agent how many times autotrace's it is."""
    if way not in row.values:
        return "–"
    value = statistic(row, way)
    sign = "+" if row.added and way != "bare" and value > 0 else ""
    text = sign + number(value, row.digits)
    if way == "autotrace":
        return f"**{text}**"
    if row.added and way != "bare" and "autotrace" in row.values:
        ours = statistic(row, "autotrace")
        if ours >= 10**-row.digits and value > ours:
            text += f" ({value / ours:,.0f}×)"
    return text


def table(rows: list[Row], titles: dict[str, str], statistic: Callable[[Row, str], float]) -> str:
    """The rows as Markdown; ``titles`` names the columns by way."""
    head = ["", *titles.values()]
    budgeted = "autotrace" in titles
    if budgeted:
        head.append("budget")
    lines = ["| " + " | ".join(head) + " |", "| --- " + "| ---: " * (len(head) - 1) + "|"]
    for row in rows:
        if not row.values:
            continue
        unit = f", {row.unit}" if row.unit else ""
        fields = [row.title + unit, *(cell(row, way, statistic) for way in titles)]
        if budgeted:
            sign = "≥" if row.at_least else "≤"
            limit = f"{sign} {row.budget:,g}" if row.budget is not None else ""
            fields.append(limit)
        lines.append("| " + " | ".join(fields) + " |")
    return "\n".join(lines)


def misses(rows: list[Row]) -> list[str]:
    """A line for each budget that autotrace does not meet."""
    lines = []
    for row in rows:
        if row.budget is None or "autotrace" not in row.values:
            continue
        value = typical(row, "autotrace")
        met = value >= row.budget if row.at_least else round(value, row.digits) <= row.budget
        if not met:
            got = f"{number(value, row.digits)} {row.unit}".strip()
            lines.append(f"{row.key}: {got}, budget {row.budget:g}")
    return lines


def machine() -> dict[str, str]:
    """What the figures were taken on."""
    model = platform.machine()
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            model = next(line.split(":")[1].strip() for line in file if "model name" in line)
    except (OSError, StopIteration):
        pass
    return {
        "processor": model,
        "cores": str(os.cpu_count()),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }
