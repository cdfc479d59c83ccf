"""Secrets given away by the name before them: ``password=…``, ``"token": "…"``, ``<pin>…``.

Handles what error messages, bodies and command lines hold: query strings, JSON and Python literals
(also quoted inside a string), YAML and headers, XML elements, command line options.
"""

from __future__ import annotations

from autotrace.agent.secret_names import NAME_LIMIT, SCHEMES
from autotrace.agent.secret_patterns import MASK, compiled

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

# Pieces of which every secret name has one. Where one stands, the name around it is looked at.
_STEMS = (
    "pass",
    "pwd",
    "secret",
    "token",
    "key",
    "auth",
    "cookie",
    "credential",
    "sess",
    "cvc",
    "cvv",
    "csc",
    "ssn",
    "code",
    "number",
    "signature",
    "jwt",
    "otp",
    "pin",
    "iban",
    "card",
    "connection",
    "security",
    "bearer",
)

# The rest of the name, and what separates it from its value.
_TAIL = (
    r"([A-Za-z0-9_.$-]{0,32})"
    r"(\\{0,4}[\"'`]?(?:\]|%5[Dd])?\s{0,4}(?:=>|:=|=|:|%3[AaDd])|(?:\s[^<>\n]{0,120})?>(?=[^<\s]|\s*<!\[CDATA)"
    r"|[ ](?=[^\s=:-]))"
)
_PLACEHOLDERS = ("?", "%s", "%(", "$1", "$2", "$3", "$4", "$5", "$6", "$7", "$8", "$9")
_CLOSING = {"[": "]", "{": "}", "(": ")"}
_HARMLESS = frozenset(("true", "false", "null", "none", "nil", "undefined", "on", "off"))
_STRING_PREFIXES = frozenset("bBrRuUN")
_BARE_STOPS = frozenset(" \t\r\n,;&\"'<>)}]")
_COOKIE_STOPS = frozenset("\r\n\"'<>")


def mask_pairs(text: str, is_secret: Callable[[str], bool], more: Iterable[str] = ()) -> str:
    """``text`` with the values masked that follow a name for which ``is_secret`` is true.

    ``more`` are pieces of further names, in lower case. Linear in the length of the text.
    """
    low = text.lower()
    if len(low) != len(text):
        # Some capital letters become two small ones; only ASCII matters here.
        low = text.encode("ascii", "replace").decode().lower()
    places: set[int] = set()
    for stem in (*_STEMS, *more):
        at = low.find(stem)
        while at >= 0:
            places.add(at + len(stem))
            at = low.find(stem, at + len(stem))
    if not places:
        return text
    tail = compiled(_TAIL)
    parts: list[str] = []
    done = 0
    for place in sorted(places):
        if place <= done:
            continue
        found = tail.match(text, place)
        if found is None:
            continue
        separator = found[2]
        end_of_name = found.end(1)
        start = place
        floor = max(done, place - NAME_LIMIT)
        while start > floor and (text[start - 1].isalnum() or text[start - 1] in "_-.$"):
            start -= 1
        name = text[start:end_of_name]
        if separator == " " and not name.startswith("--"):
            continue
        if not is_secret(name.lstrip("-")):
            continue
        begin, end = _value(text, found.end(), separator, name)
        if end > begin:
            parts.append(text[done:begin])
            parts.append(MASK)
            done = end
        else:
            # What stands there already is a mask, a placeholder or nothing.
            done_before = max(done, min(end, len(text)))
            parts.append(text[done:done_before])
            done = done_before
    if not parts:
        return text
    parts.append(text[done:])
    return "".join(parts)


def _value(text: str, at: int, separator: str, name: str) -> tuple[int, int]:
    """Where the value of a secret name begins and ends; both the same when there is none."""
    if separator[-1:] == ">" and separator[-2:] != "=>":
        end = text.find("</", at)
        end = len(text) if end < 0 else end
        return (end, end) if text[at:end] == MASK else (at, end)
    blanks = at
    while at < len(text) and at < blanks + 64 and text[at] in " \t\r\n+":
        at += 1
    if text.startswith(MASK, at):
        return at + len(MASK), at + len(MASK)
    if at >= len(text) or text.startswith("…(", at):
        return at, at
    return _quoted(text, at) or _nested(text, at) or _bare(text, at, name)


def _quoted(text: str, at: int) -> tuple[int, int] | None:
    """The inside of quotes, which may be escaped as those of JSON within JSON are."""
    start = at
    while at < start + 3 and text[at : at + 1] in _STRING_PREFIXES:
        at += 1
    slashes = at
    while text[at : at + 1] == "\\" and at < slashes + 8:
        at += 1
    quote = text[at : at + 1]
    if not quote or quote not in "\"'`":
        return None
    escapes = at - slashes
    begin = end = at + 1
    while True:
        end = text.find(quote, end)
        if end < 0:
            return begin, len(text)
        back = end
        while back > begin and text[back - 1] == "\\":
            back -= 1
        behind = end - back
        if (behind % 2 == 0) if not escapes else behind <= escapes:
            close = back if escapes else end
            return (close, close) if text[begin:close] in ("", MASK) else (begin, close)
        end += 1


def _nested(text: str, at: int) -> tuple[int, int] | None:
    """A list or an object, brackets and all."""
    opening = text[at]
    closing = _CLOSING.get(opening)
    if closing is None:
        return None
    depth = 0
    for found in compiled(rf"[\{opening}\{closing}]").finditer(text, at):
        if found[0] == opening:
            depth += 1
        else:
            depth -= 1
            if depth == 0:
                end = found.end()
                return (end, end) if not text[at + 1 : end - 1].strip() else (at, end)
    return at, len(text)


def _bare(text: str, at: int, name: str) -> tuple[int, int]:
    """A value without quotes, after its authentication scheme if it has one."""
    low = name.lower()
    if low.endswith(("cookie", "cookies")):
        end = _until(text, at, _COOKIE_STOPS)
    else:
        end = _until(text, at, _BARE_STOPS)
        if end < len(text) and text[end] == " " and text[at:end].lower() in SCHEMES:
            at = end + 1
            if text.startswith(MASK, at):
                return at + len(MASK), at + len(MASK)
            end = _until(text, at, _BARE_STOPS)
    held = text[at:end]
    if held.startswith(_PLACEHOLDERS) or held.rstrip(".").lower() in _HARMLESS:
        return end, end
    return at, end


def _until(text: str, at: int, stops: frozenset[str]) -> int:
    size = len(text)
    while at < size:
        char = text[at]
        if char in stops:
            break
        if char == "%" and text[at + 1 : at + 3].lower() in ("26", "22", "0a"):
            break
        at += 1
    return at
