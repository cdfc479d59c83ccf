"""Tell on which line of a TOML text each key stands, which the standard library's parser does not.

It reads only text that the parser has accepted, and only as much of it as keys and brackets need.
"""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Path = tuple[str | int, ...]

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_SCALAR = re.compile(r"[^,\]}#\n\r]*")
_STRING = re.compile(
    r'"""(?:[^"\\]|\\.|"{1,2}(?!"))*"{3,5}'
    r"|'''(?:[^']|'{1,2}(?!'))*'{3,5}"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'",
    re.DOTALL,
)
_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))")
_ESCAPED = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", "e": "\x1b"}


class _Lost(Exception):
    """The text is not understood."""


def key_lines(text: str, document: dict[str, Any]) -> dict[Path, int]:
    """Map the path of each key and list entry in ``document`` to its line in ``text``, from 1.

    ``document`` is what the parser made of ``text``. The path of an entry of a list ends in its
    place, an int. A table's line is that of its first mention. Where the keys found are not exactly
    those of the document, the result is empty: better no line than a wrong one.
    """
    text = text.replace("\r\n", "\n")
    scanner = _Scanner(text)
    try:
        scanner.document()
        wanted: set[Path] = set()
        _paths(document, (), wanted)
    except (_Lost, RecursionError, ValueError, OverflowError):
        return {}
    return scanner.lines if scanner.lines.keys() == wanted else {}


def _paths(value: Any, path: Path, into: set[Path]) -> None:
    """Collect the paths of all keys and list entries below a value."""
    entries: Any = ()
    if isinstance(value, dict):
        entries = value.items()
    elif isinstance(value, list):
        entries = enumerate(value)
    for key, below in entries:
        into.add((*path, key))
        _paths(below, (*path, key), into)


class _Scanner:
    """Walks once through a text of TOML and notes the lines of the keys."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self.lines: dict[Path, int] = {}
        self._counted = 0
        self._line = 1
        self._lengths: dict[Path, int] = {}

    def document(self) -> None:
        """Read headings and assignments up to the end."""
        table: Path = ()
        while True:
            self._skip(_BLANK)
            if self.position == len(self.text):
                return
            if self._takes("[["):
                table = self._heading(listed=True)
                self._expect("]]")
            elif self._takes("["):
                table = self._heading(listed=False)
                self._expect("]")
            else:
                self._assignment(table)

    def _heading(self, *, listed: bool) -> Path:
        """Read the keys of a heading; those before the last mean the last entry of a list."""
        line = self._here()
        keys = self._keys()
        path: Path = ()
        for key in keys[:-1]:
            path = self._entered(self._note((*path, key), line))
        path = self._note((*path, keys[-1]), line)
        if listed:
            place = self._lengths.get(path, 0)
            self._lengths[path] = place + 1
            path = self._note((*path, place), line)
        return path

    def _entered(self, path: Path) -> Path:
        """Give the table that a key means where it may stand for a list of tables: its last one."""
        length = self._lengths.get(path)
        return path if length is None else (*path, length - 1)

    def _assignment(self, table: Path) -> None:
        """Read ``key = value`` or ``a.b.c = value`` of a table."""
        self._skip(_SPACE)
        line = self._here()
        path = table
        for key in self._keys():
            path = self._note((*path, key), line)
        self._expect("=")
        self._skip(_SPACE)
        self._value(path)

    def _value(self, path: Path) -> None:
        """Pass over a value, noting what is inside lists and inline tables."""
        if self._takes("["):
            place = 0
            while not self._closes("]"):
                self._note((*path, place), self._here())
                self._value((*path, place))
                place += 1
                self._comma()
        elif self._takes("{"):
            while not self._closes("}"):
                self._assignment(path)
                self._comma()
        elif self.text[self.position : self.position + 1] in ('"', "'"):
            self._string()
        elif not self._skip(_SCALAR):
            raise _Lost

    def _closes(self, bracket: str) -> bool:
        """Pass over blanks; say whether a list or table ends here."""
        self._skip(_BLANK)
        if self.position == len(self.text):
            raise _Lost
        return self._takes(bracket)

    def _comma(self) -> None:
        """Pass over the comma after an entry, if there is one."""
        self._skip(_BLANK)
        self._takes(",")

    def _keys(self) -> list[str]:
        """Read a key and those that follow it after dots."""
        keys = []
        while True:
            self._skip(_SPACE)
            keys.append(self._key())
            self._skip(_SPACE)
            if not self._takes("."):
                return keys

    def _key(self) -> str:
        """Read one key, bare or quoted."""
        quote = self.text[self.position : self.position + 1]
        if quote in ('"', "'") and quote:
            inside = self._string()[1:-1]
            return _ESCAPE.sub(_unescape, inside) if quote == '"' else inside
        bare = self._skip(_BARE)
        if not bare:
            raise _Lost
        return bare

    def _string(self) -> str:
        """Pass over a string of any of the four kinds, and give it with its quotes."""
        string = self._skip(_STRING)
        if not string:
            raise _Lost
        return string

    def _skip(self, pattern: re.Pattern[str]) -> str:
        """Pass over what a pattern matches here, and give it; "" where it does not match."""
        match = pattern.match(self.text, self.position)
        if match is None:
            return ""
        self.position = match.end()
        return match.group()

    def _takes(self, mark: str) -> bool:
        """Pass over a mark if it stands here."""
        if self.text.startswith(mark, self.position):
            self.position += len(mark)
            return True
        return False

    def _expect(self, mark: str) -> None:
        """Pass over a mark that must stand here, blanks before it."""
        self._skip(_SPACE)
        if not self._takes(mark):
            raise _Lost

    def _note(self, path: Path, line: int) -> Path:
        """Remember the line of a path that was not seen before; give the path."""
        self.lines.setdefault(path, line)
        return path

    def _here(self) -> int:
        """Give the line of the present position."""
        self._line += self.text.count("\n", self._counted, self.position)
        self._counted = self.position
        return self._line


def _unescape(match: re.Match[str]) -> str:
    """Give the character that an escape in a quoted key stands for."""
    short, long, letter = match.groups()
    if letter is None:
        return chr(int(short or long, 16))
    return _ESCAPED.get(letter, letter)
