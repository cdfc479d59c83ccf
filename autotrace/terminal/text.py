"""Text that is safe to print and known in its width, whatever a traced program put into it."""

from __future__ import annotations

import re
import unicodedata

_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
_SPACES = re.compile(r"\s+")
# Combining marks without end on one letter (a prank, or a broken decoder) climb over other lines.
_MARKS = re.compile(
    "([\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff]{3})[\u0300-\u036f]+"
)


def clean(text: str, *, lines: bool = False) -> str:
    r"""Return ``text`` with nothing in it that a terminal would obey.

    Control characters (escape sequences with them), invisible marks of direction and lone
    surrogates are shown as what they are: ESC as ``␛``, others as ``\x9b`` or ``\u202e``. White
    space becomes a single blank; with ``lines``, line breaks and indentation stay as they are.
    """
    if lines:
        parts = text.replace("\r\n", "\n").split("\n")
        return "\n".join(_neutral(part.replace("\t", "    ")) for part in parts)
    if text.isascii() and text.isprintable() and "  " not in text:
        return text
    return _neutral(_SPACES.sub(" ", text).strip())


def _neutral(text: str) -> str:
    """Replace what is not safe in one line."""
    if text.isprintable():
        return text if text.isascii() else _MARKS.sub(r"\1", text)
    return _MARKS.sub(r"\1", _UNSAFE.sub(_name, text))


def _name(match: re.Match[str]) -> str:
    """Return how an unsafe character is shown."""
    code = ord(match.group())
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "\u2421"
    if 0xD800 <= code <= 0xDFFF:
        return "\ufffd"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def width(text: str) -> int:
    """Return how many columns ``text`` takes up in a terminal."""
    if text.isascii():
        return len(text)
    return sum(map(_columns, text))


def _columns(char: str) -> int:
    """Return the columns of one character: 2 if wide, 0 if drawn onto the one before."""
    if char < "\u0300":
        return 1
    if unicodedata.east_asian_width(char) in "WF":
        return 2
    return 0 if unicodedata.category(char) in ("Mn", "Me", "Cf") else 1


def crop(text: str, columns: int, *, ellipsis: str = "…") -> str:
    """Return ``text`` cut to at most ``columns``, with ``ellipsis`` where something is missing."""
    if text.isascii() and len(text) <= columns:
        return text
    if width(text) <= columns:
        return text
    room = columns - len(ellipsis)
    if room < 0:
        return ""
    if text.isascii():
        return text[:room] + ellipsis
    used = 0
    for index, char in enumerate(text):
        used += _columns(char)
        if used > room:
            return text[:index] + ellipsis
    return text


def pad(text: str, columns: int) -> str:
    """Return ``text`` filled up with blanks on its right to ``columns`` columns."""
    return text + " " * (columns - width(text))


def pad_left(text: str, columns: int) -> str:
    """Return ``text`` filled up with blanks on its left to ``columns`` columns."""
    return " " * (columns - width(text)) + text


def wrap(text: str, columns: int) -> list[str]:
    """Return ``text`` in lines of at most ``columns``, broken at blanks where that is possible."""
    columns = max(columns, 1)
    lines: list[str] = []
    rest = text
    while width(rest) > columns:
        head = crop(rest, columns, ellipsis="") or rest[:1]
        blank = head.rfind(" ")
        if blank > columns // 2 and not rest[len(head) :].startswith(" "):
            head = head[:blank]
        lines.append(head.rstrip())
        rest = rest[len(head) :].lstrip(" ")
    lines.append(rest)
    return lines
