"""The paper that everything is drawn on: a stream, its width, its colours and its characters.

Colours are the terminal's own sixteen, so that they suit whatever theme its owner has chosen.
"""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from typing import TextIO

from autotrace.terminal.text import width, wrap

Piece = str | tuple[str, str]
"""A stretch of text: as it is, or with the name of a style."""

_STYLES = {
    "bold": "1",
    "dim": "2",
    "error": "31",
    "error bold": "1;31",
    "warning": "33",
    "good": "32",
    "link": "36",
    "client": "36",
    "database": "34",
    "internal": "32",
    "messaging": "35",
    "object": "36",
}

UNPIPED_WIDTH = 100
"""Columns where the output is no terminal and COLUMNS is not set."""


class Paper:
    """A text stream to draw on.

    ``width``: columns, at least 40. ``colour``: whether styles are shown. ``unicode``: whether the
    stream can take line-drawing characters.
    """

    def __init__(
        self,
        stream: TextIO,
        *,
        colour: bool | None = None,
        columns: int | None = None,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        """Take the measure of ``stream``; ``colour`` and ``columns`` override what is found."""
        self.stream = stream
        self.terminal = _is_terminal(stream)
        self.colour = _wants_colour(self.terminal, environ) if colour is None else colour
        self.width = max(_columns(stream, environ) if columns is None else columns, 40)
        self.encoding: str = getattr(stream, "encoding", None) or "utf-8"
        self.unicode = _can_encode("━╸✗…×µ", self.encoding)
        self._lossless = self.encoding.lower().replace("-", "") == "utf8"

    def line(self, *pieces: Piece) -> None:
        """Write one line; what the stream's encoding lacks is replaced, never an error."""
        self.write(self.render(pieces) + "\n")

    def flowing(self, *pieces: Piece, indent: str = "    ") -> None:
        """Write pieces in one line, or if too long in several that begin with ``indent``.

        A line is broken between two pieces where that is possible.
        """
        line: list[Piece] = []
        used = 0
        blank = True
        for piece in pieces:
            text, style = (piece, "") if isinstance(piece, str) else piece
            if not blank and used + width(text.rstrip()) > self.width:
                self.line(*line)
                line, used, blank = [indent], len(indent), True
            if blank and used:
                text = text.lstrip()
            parts = [text]
            if used + width(text) > self.width:
                parts = wrap(text, self.width - max(used if blank else 0, len(indent)))
            for number, part in enumerate(parts):
                if number:
                    self.line(*line)
                    line, used = [indent], len(indent)
                line.append((part, style))
                used += width(part)
                blank = blank and not part.strip()
        if not blank:
            self.line(*line)

    def aside(self) -> Paper:
        """Return a paper of the same looks that keeps what is written, see ``text``."""
        paper = Paper(io.StringIO(), colour=self.colour, columns=self.width)
        paper.unicode = self.unicode
        return paper

    def text(self) -> str:
        """Return what was written on an aside so far."""
        assert isinstance(self.stream, io.StringIO)
        return self.stream.getvalue()

    def render(self, pieces: tuple[Piece, ...] | list[Piece]) -> str:
        """Return the pieces as one string, with escape sequences where colour is on."""
        parts: list[str] = []
        for piece in pieces:
            if isinstance(piece, str):
                parts.append(piece)
            elif self.colour and piece[1] and piece[0]:
                parts.append(f"\x1b[{_STYLES[piece[1]]}m{piece[0]}\x1b[0m")
            else:
                parts.append(piece[0])
        return "".join(parts).rstrip(" ")

    def write(self, text: str) -> None:
        """Write ``text`` as it is."""
        if not self._lossless:
            if not self.unicode:
                text = text.translate(_PLAIN)
            text = text.encode(self.encoding, "replace").decode(self.encoding)
        self.stream.write(text)


_PLAIN = str.maketrans(
    {
        "×": "x",
        "µ": "u",
        "…": "~",
        "›": ">",
        "·": "-",
        "│": "|",
        "├": "|",
        "└": "`",
        "─": "-",
        "━": "=",
    }
    | {
        "✗": "x",
        "✓": "+",
        "●": "*",
        "?": "?",
        "╸": "=",
        "╺": "=",
        "╴": "-",
        "╶": "-",
        "╾": "=",
        "╼": "=",
    }
)


def _is_terminal(stream: TextIO) -> bool:
    """Say whether somebody looks at the stream."""
    try:
        return stream.isatty()
    except (AttributeError, ValueError):
        return False


def _wants_colour(terminal: bool, environ: Mapping[str, str]) -> bool:
    """Say whether to colour, by https://no-color.org and https://force-color.org."""
    if environ.get("NO_COLOR"):
        return False
    if environ.get("FORCE_COLOR", "0") not in ("", "0"):
        return True
    return terminal and environ.get("TERM", "") not in ("", "dumb")


def _columns(stream: TextIO, environ: Mapping[str, str]) -> int:
    """Return the width of the terminal behind the stream, COLUMNS before all."""
    try:
        wanted = int(environ.get("COLUMNS", ""))
    except ValueError:
        wanted = 0
    if wanted > 0:
        return wanted
    try:
        return os.get_terminal_size(stream.fileno()).columns or UNPIPED_WIDTH
    except (AttributeError, OSError, ValueError):
        return UNPIPED_WIDTH


def _can_encode(text: str, encoding: str) -> bool:
    """Say whether the encoding has all characters of ``text``."""
    try:
        text.encode(encoding)
    except (UnicodeError, LookupError):
        return False
    return True
