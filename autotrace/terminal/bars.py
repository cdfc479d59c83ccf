"""Bars on a time axis, drawn with half a column's resolution.

A bar is thick where its span worked itself and thin where it waited for what is below it, so that
the eye finds the place where the time went without reading a number.
"""

from __future__ import annotations

from collections.abc import Iterable

from autotrace.terminal.units import duration

# Indexed by what the left and the right half of a column hold: 0 nothing, 1 thin, 2 thick.
_GLYPHS = ((" ", "╶", "╺"), ("╴", "─", "╼"), ("╸", "╾", "━"))
_PLAIN = ((" ", "-", "="), ("-", "-", "="), ("=", "=", "="))

_STEPS_S = (
    1,
    2,
    5,
    10,
    15,
    30,
    60,
    120,
    300,
    600,
    900,
    1800,
    3600,
    7200,
    14400,
    21600,
    43200,
    86400,
)


class Axis:
    """A stretch of time laid over a number of columns.

    ``start`` and ``end`` are nanoseconds since the epoch, ``columns`` is at least 1.
    """

    __slots__ = ("columns", "end", "scale", "start", "unicode")

    def __init__(self, start: int, end: int, columns: int, *, unicode: bool = True) -> None:
        """Lay the time from ``start`` to ``end`` over ``columns`` columns."""
        self.start = start
        self.end = max(end, start + 1)
        self.columns = max(columns, 1)
        self.unicode = unicode
        self.scale = self.columns * 2 / (self.end - self.start)

    def bar(self, spans: Iterable[tuple[int, int]], below: Iterable[tuple[int, int]] = ()) -> str:
        """Draw intervals as one bar, ``columns`` wide.

        ``spans`` are the ``(start, end)`` of what the bar stands for, ``below`` those of what ran
        below it. The shortest span still shows as half a column; what lies outside the axis is
        drawn at its edge.
        """
        spans, below = list(spans), list(below)
        if len(spans) == 1 and not below:
            return self._simple(*spans[0])
        halves = self.columns * 2
        drawn = bytearray(halves)
        own = [0.0] * halves
        busy = [0.0] * halves
        for start, end in spans:
            left, right = self._place(start), self._place(max(start, end))
            first, last = round(left), round(right)
            if last > first:
                drawn[first:last] = b"\x01" * (last - first)
            else:
                drawn[min(int(left), halves - 1)] = 1
            _add(own, left, right, 1.0)
            _add(busy, left, right, 1.0)
        for start, end in below:
            if end <= start:
                continue
            _add(own, self._place(start), self._place(end), -1.0)
        levels = [
            (2 if own[at] * 2 > busy[at] or not busy[at] else 1) if drawn[at] else 0
            for at in range(halves)
        ]
        glyphs = _GLYPHS if self.unicode else _PLAIN
        return "".join(glyphs[levels[at]][levels[at + 1]] for at in range(0, halves, 2))

    def _simple(self, start: int, end: int) -> str:
        """Draw one interval with nothing below it: what most bars are, so it has to be quick."""
        left, right = self._place(start), self._place(max(start, end))
        first, last = round(left), round(right)
        if last <= first:
            first = min(int(left), self.columns * 2 - 1)
            last = first + 1
        glyphs = _GLYPHS if self.unicode else _PLAIN
        text = " " * (first // 2)
        if first % 2:
            text += glyphs[0][2]
            first += 1
        text += glyphs[2][2] * ((last - first) // 2)
        if (last - first) % 2:
            text += glyphs[2][0]
        return text.ljust(self.columns)

    def _place(self, moment: int) -> float:
        """Return where a moment lies, in half columns from the left."""
        return min(max((moment - self.start) * self.scale, 0.0), self.columns * 2.0)

    def labels(self) -> str:
        """Return the line of times over the bars, ``columns`` wide."""
        length = self.end - self.start
        whole = duration(length)
        if self.columns < len(whole) + 2:
            return whole.rjust(self.columns) if self.columns >= len(whole) else " " * self.columns
        step = self._step(length)
        line = [" "] * self.columns
        last = self.columns - len(whole)
        at = 0
        while True:
            text = duration(at) if at else "0"
            column = round(at * self.scale / 2)
            if column + len(text) + 2 > last:
                break
            line[column : column + len(text)] = text
            at += step
        line[last:] = whole
        return "".join(line)

    def _step(self, length: int) -> int:
        """Return the nanoseconds between two labels: round, and with room between them."""
        least = 10 * 2 / self.scale
        power = 1
        while power * 10 <= least and power < 1_000_000_000:
            power *= 10
        if power < 1_000_000_000:
            for factor in (1, 2, 5, 10):
                if power * factor >= least:
                    return power * factor
        for seconds in _STEPS_S:
            if seconds * 1_000_000_000 >= least:
                return seconds * 1_000_000_000
        day = 86_400_000_000_000
        return day * max(1, round(length / day / 4))


def _add(levels: list[float], left: float, right: float, amount: float) -> None:
    """Add ``amount`` to each half column, for its part between ``left`` and ``right``."""
    first, last = int(left), int(right)
    if first == last:
        if first < len(levels):
            levels[first] += (right - left) * amount
        return
    levels[first] += (first + 1 - left) * amount
    for at in range(first + 1, last):
        levels[at] += amount
    if last < len(levels):
        levels[last] += (right - last) * amount
