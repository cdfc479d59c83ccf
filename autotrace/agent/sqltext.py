"""What may be said of an SQL statement: its text without literals, and a summary of few variants.

Runs inside the job on whatever the program gives a driver, so it never raises and looks at a
bounded head of a statement only. The same text means different things to MySQL, PostgreSQL and
SQLite (backslashes, ``#``, ``$$``, nested comments); where it is not known which of them reads it,
everything is masked that is a literal to any of them. The summary follows OpenTelemetry's
database conventions (https://opentelemetry.io/docs/specs/semconv/database/database-spans/).
"""

from __future__ import annotations

from autotrace.agent.redact import Redactor, plain, type_mark
from autotrace.agent.sqlsummary import summarise

TYPE_CHECKING = False
if TYPE_CHECKING:
    from re import Match, Pattern
    from typing import Any

TEXT_LIMIT = 2_048
"""Characters of a statement's text that are kept."""

CUT = "…(cut)"
"""The end of a text that was cut; always the same, so that similar statements stay together."""

_HEAD = 4_096
_LONG_HEAD = 16_384

_IDENTIFIER_LIMIT = 64

_PREFIXES = frozenset("eExXnNbB")

Span = tuple[int, int, str]

_MYSQL, _POSTGRESQL, _SQLITE, _UNESCAPED = "mysql", "postgresql", "sqlite", "mysql-unescaped"
_READINGS: dict[str, tuple[str, ...]] = {
    "mysql": (_MYSQL,),
    "mariadb": (_MYSQL,),
    "postgresql": (_POSTGRESQL,),
    "cockroachdb": (_POSTGRESQL,),
    "sqlite": (_SQLITE,),
}
_ALL = (_MYSQL, _POSTGRESQL, _SQLITE)

_patterns: dict[tuple[str, bool], Pattern[str]] = {}
_others: dict[str, Pattern[str]] = {}
_redactor: list[Redactor] = []


def describe(
    query: object, parameterised: bool, system: str = "", redact: Redactor | None = None
) -> tuple[str, str, str, str]:
    """Text, summary, operation and collection of a statement, as ``db.query.text`` and so on.

    ``query`` is str or bytes; anything else is named by its type. ``parameterised`` says that
    values were passed beside the statement: its literals then stay, except those that look like a
    secret or stand where a password does; else each literal becomes ``?``. Comments are dropped,
    lists of placeholders collapsed, and the text ends in ``…(cut)`` where it was longer than 2,048
    characters.

    ``system`` is a ``db.system.name`` such as ``mysql``; without it everything is masked that is a
    literal in any dialect. ``redact`` finds secrets in the literals that stay.

    The summary is like ``SELECT songs artists``, at most 255 characters; operation and collection
    are those of the outermost statement. All three are empty where the text is no SQL. Never
    raises; a text that could not be read is ``<unreadable>``.
    """
    try:
        return _describe(query, parameterised, system, redact)
    except Exception:
        return "<unreadable>", "", "", ""


def _describe(
    query: Any, parameterised: bool, system: str, redact: Redactor | None
) -> tuple[str, str, str, str]:
    head = plain(query, _HEAD + 1)
    if not head:
        return ("" if _is_text(query) else type_mark(query)), "", "", ""
    cut = len(head) > _HEAD
    head = head[:_HEAD]
    spans = _spans(head, system, parameterised, cut)
    masked = _masked(head, spans)
    summary, operation, collection = summarise(masked)
    if cut and summary == operation and operation.upper() == "SELECT":
        # A list of columns longer than the head: the table comes after it.
        more = plain(query, _LONG_HEAD)
        found = summarise(_masked(more, _spans(more, system, parameterised, True)))
        summary, operation, collection = found
    if parameterised:
        masked = _unmasked(head, spans, redact)
    text = _without_passwords(masked.strip())
    if "," in text and _listed(text):
        text = _collapsed(text, cut)
    if cut or len(text) > TEXT_LIMIT:
        text = text[: TEXT_LIMIT - len(CUT)].rstrip("… ") + CUT
    if not text.isascii():
        text = text.encode("utf-8", "replace").decode()
    return text, summary, operation, collection


def _is_text(query: object) -> bool:
    return issubclass(type(query), (str, bytes, bytearray))


def _spans(text: str, system: str, parameterised: bool, cut: bool) -> list[Span]:
    """What is no plain SQL in ``text``: ``(start, end, kind)`` in order.

    ``kind`` is ``?`` for a literal, a blank for a comment, ``"`` for a quoted name.
    """
    readings = _READINGS.get(system)
    if readings is None:
        readings = _ALL if _ambiguous(text) else (_MYSQL,)
    elif readings == (_MYSQL,) and ("\\'" in text or '\\"' in text):
        # With NO_BACKSLASH_ESCAPES the string ends there.
        readings = (_MYSQL, _UNESCAPED)
    numbers = not parameterised
    if len(readings) == 1:
        return _read(text, readings[0], numbers, system)[0]
    found = [_read(text, reading, numbers, system) for reading in readings]
    if not cut:
        # Who wrote the statement had a reading in mind in which every literal ends.
        closed = [read for read in found if not read[1]]
        found = closed or found
    return _union([spans for spans, _ in found])


def _ambiguous(text: str) -> bool:
    return "\\" in text or "#" in text or "$" in text or "/*" in text or "--" in text


def _read(text: str, reading: str, numbers: bool, system: str) -> tuple[list[Span], bool]:
    """The spans of one reading, and whether the last of them is still open at the text's end."""
    pattern = _patterns.get((reading, numbers))
    if pattern is None:
        pattern = _patterns[reading, numbers] = _compile(reading, numbers)
    spans: list[Span] = []
    found = None
    for found in pattern.finditer(text):
        start, end = found.span()
        first = text[start]
        if first == "'":
            if start and text[start - 1] in _PREFIXES and not _in_word(text, start - 1):
                start -= 1
            spans.append((start, end, "?"))
        elif first == '"' or first == "`":
            named = _is_name(text, start, end, system, spans)
            spans.append((start, end, '"' if named else "?"))
        elif first in "-/#":
            if reading == _POSTGRESQL and first == "/" and "/*" in text[start + 2 : end]:
                # A comment in a comment: where the outer one ends is not worth finding.
                spans.append((start, len(text), "?"))
                return spans, False
            spans.append((start, end, " "))
        else:
            spans.append((start, end, "?"))
    # Only the groups without a name stand for the end of the text.
    return spans, found is not None and found.lastindex is not None and found.lastgroup is None


def _in_word(text: str, at: int) -> bool:
    before = text[at - 1 : at]
    return bool(before) and (before.isalnum() or before in "_$")


def _is_name(text: str, start: int, end: int, system: str, before: list[Span]) -> bool:
    """Whether what stands in double quotes or backticks is a name and not a literal.

    ``before`` are the spans up to there.
    """
    inner = text[start + 1 : end - 1]
    if (
        end - start < 3
        or text[end - 1] != text[start]
        or end - start > _IDENTIFIER_LIMIT + 2
        or "'" in inner
        or '"' in inner
        or "\\" in inner
        or not inner.isprintable()
    ):
        return False
    if text[start] == "`" or system in ("postgresql", "cockroachdb"):
        return True
    if text[start - 1 : start] == "." or text[end : end + 1] == ".":
        return True
    if system in ("mysql", "mariadb"):
        return False
    code = _code_before(text, start, before)
    words = code.split()
    if not words or words[-1].upper() not in ("FROM", "JOIN", "INTO", "UPDATE", "TABLE"):
        return False
    # TRIM(x FROM "literal") and its like.
    opened = code.rfind("(")
    return opened < code.rfind(")") or not code[:opened].rstrip().upper().endswith(_TAKES_FROM)


_TAKES_FROM = ("TRIM", "SUBSTRING", "SUBSTR", "EXTRACT", "OVERLAY", "POSITION")


def _code_before(text: str, start: int, before: list[Span]) -> str:
    """Some of the statement before ``start``, without literals, comments and quoted names."""
    parts = []
    end = start
    for span in before[:-9:-1]:
        parts.append(text[max(span[1], end - 200) : end])
        end = span[0]
    parts.append(text[max(0, end - 200) : end] if len(before) < 8 else "")
    return " ".join(reversed(parts))


def _union(readings: list[list[Span]]) -> list[Span]:
    """Spans that cover whatever any of the readings covers."""
    merged: list[Span] = []
    for start, end, kind in sorted(span for spans in readings for span in spans):
        if not merged or start >= merged[-1][1]:
            merged.append((start, end, kind))
        elif (start, end, kind) != merged[-1]:
            last = merged[-1]
            merged[-1] = (last[0], max(last[1], end), "?")
    return merged


def _masked(text: str, spans: list[Span]) -> str:
    parts = []
    done = 0
    for start, end, kind in spans:
        if kind != '"':
            parts.append(text[done:start])
            parts.append(kind)
            done = end
    parts.append(text[done:])
    return "".join(parts)


def _unmasked(text: str, spans: list[Span], redact: Redactor | None) -> str:
    """``text`` without its comments and with those literals masked that may be secrets."""
    if not spans:
        return text
    low = text.lower()
    wary = any(word in low for word in _SECRET_WORDS)
    every = wary and low.lstrip("( \t\r\n").startswith(_STATEMENTS_WITH_SECRETS)
    parts = []
    done = 0
    for start, end, kind in spans:
        if kind == "?":
            if not every and not (wary and _secret_before(low, start)):
                if redact is None:
                    redact = _own_redactor()
                literal = text[start:end]
                shown = redact.text(literal, end - start + 64)
                if shown == literal:
                    continue
                kind = shown
        elif kind == '"':
            continue
        parts.append(text[done:start])
        parts.append(kind)
        done = end
    parts.append(text[done:])
    return "".join(parts)


def _own_redactor() -> Redactor:
    if not _redactor:
        _redactor.append(Redactor())
    return _redactor[0]


_STATEMENTS_WITH_SECRETS = (
    "create",
    "alter",
    "set",
    "grant",
    "pragma",
    "attach",
    "change",
    "start",
    "copy",
    "unload",
    "export",
    "import",
    "backup",
    "restore",
    "open",
)
_SECRET_WORDS = (
    "password",
    "passwd",
    "passphrase",
    "identified",
    "secret",
    "credential",
    "key",
    "token",
    "auth",
    "subscription",
    "connection",
    "user mapping",
    "options",
)
_SECRET_ENDS = (
    "password",
    "passwd",
    "passphrase",
    "pwd",
    "secret",
    "token",
    "apikey",
    "api_key",
    "private_key",
    "access_key",
    "secret_key",
    "identified by",
    "identified as",
)


def _secret_before(low: str, start: int) -> bool:
    before = low[max(0, start - 60) : start].rstrip(" \t\r\n=(<>!:`\"'")
    for operator in (" like", " ilike", " in", " rlike", " regexp", " is", " not"):
        before = before.removesuffix(operator).rstrip(' `"')
    return before.endswith(_SECRET_ENDS)


def _without_passwords(text: str) -> str:
    """``text`` without passwords that stand there without quotes."""
    low = text.lower()
    if low.startswith("find"):
        # The search terms of Salesforce's SOSL stand in braces.
        text = _other(r"\{[^}]*\}?").sub("{?}", text)
    if "identified" in low:
        text = _other(
            r"(?i)(\bidentified\s+(?:with\s+\S+\s+)?(?:by|as)\s+(?:values\s+|password\s+)?)"
            r"(?!\?|%|password\b|values\b)[^\s,;()]+"
        ).sub(r"\1?", text)
    if "pragma" in low:
        text = _other(
            r"(?i)(\bpragma\s+(?:\w{1,64}\s*\.\s*)?(?:hex|text)?(?:re)?key\b\s*[=(]?\s*)[^;)]+"
        ).sub(r"\1?", text)
    if "password" in low:
        text = _other(
            r"(?i)^(\s*(?:create|alter)\s[^;]{0,1000}?\bpassword\s*=?\s*)"
            r"(?!\?|%|=|null\b|expire\b|default\b|hash\b|never\b|require\b|history\b|reuse\b)"
            r"[^\s,;()]+"
        ).sub(r"\1?", text)
    return text


def _listed(text: str) -> bool:
    return (
        "?," in text or "? ," in text or "s," in text or "$" in text or ":" in text or "@" in text
    )


def _collapsed(text: str, cut: bool) -> str:
    """``IN (?, ?, ?)`` as ``IN (?)`` and ``VALUES (?, ?), (?, ?)`` as ``VALUES (?, ?), …``."""
    text = _other(_IN_LIST).sub(_first_of_list, text)
    text = _other(_ROWS).sub(r"\1, …", text)
    if cut:
        # What follows is the row that the end of the head cut, of another length each time.
        rows = text.rfind("), …")
        if rows >= 0 and text[rows + 4 :].strip()[:1] in ("", ","):
            text = text[: rows + 4]
    return text


_PLACEHOLDER = r"(?:\?[0-9]*|%s|%\([^()\s]{1,64}\)s|[$:@][A-Za-z0-9_]{1,64}|[-+]\?)"
_IN_LIST = (
    r"\((?:(?<=[iI][nN]\()|(?<=[iI][nN]\s\())\s*("
    + _PLACEHOLDER
    + r")(?:\s*,\s*"
    + _PLACEHOLDER
    + r")+(?:\s*\)|[\s,]*\Z)"
)
_CELL = (
    r"(?:\?[0-9]*|%s|%\([^()\s]{1,64}\)s|[$:@][A-Za-z0-9_]{1,64}|[-+]\?"
    r"|(?i:null|default|true|false))"
)
_ROW = r"\(\s*" + _CELL + r"(?:\s*,\s*" + _CELL + r")*\s*\)"
_ROWS = r"(" + _ROW + r")(?:\s*,\s*" + _ROW + r")+"


def _first_of_list(found: Match[str]) -> str:
    return f"({found[1]})"


def _other(source: str) -> Pattern[str]:
    pattern = _others.get(source)
    if pattern is None:
        import re

        pattern = _others[source] = re.compile(source)
    return pattern


def _compile(reading: str, numbers: bool) -> Pattern[str]:
    """The pattern of everything that is no plain SQL, as one database reads it.

    Each alternative begins with a character of its own, which lets the search skip quickly to the
    next one; what has to stand before is looked at afterwards.
    """
    import re

    plain_single = r"'[^']*(?:''[^']*)*(?:'|\Z())"
    plain_double = r'"[^"]*(?:""[^"]*)*(?:"|\Z())'
    escaped_single = r"'[^'\\]*(?:(?:''|\\.)[^'\\]*)*(?:'|\\?\Z())"
    escaped_double = r'"[^"\\]*(?:(?:""|\\.)[^"\\]*)*(?:"|\\?\Z())'
    alternatives = [r"`[^`]*(?:``[^`]*)*(?:`|\Z())", r"/\*.*?(?:\*/|\Z())"]
    if reading == _MYSQL:
        alternatives += [escaped_single, escaped_double, r"--(?=[\x00-\x20]|\Z)[^\n]*", r"#[^\n]*"]
    elif reading == _UNESCAPED:
        alternatives += [plain_single, plain_double, r"--(?=[\x00-\x20]|\Z)[^\n]*", r"#[^\n]*"]
    elif reading == _POSTGRESQL:
        # E'…' has escapes; the letter before it is not part of a longer word.
        alternatives += [
            r"'(?<=[eE]')(?<![A-Za-z0-9_$][eE]')" + escaped_single[1:],
            plain_single,
            plain_double,
            r"--[^\n]*",
            r"\$(?<![A-Za-z0-9_$]\$)(?P<tag>(?:[^\W\d]\w*)?)\$.*?(?:\$(?P=tag)\$|\Z())",
        ]
    else:
        alternatives += [plain_single, plain_double, r"--[^\n]*"]
    if numbers:
        alternatives += [
            r"[0-9](?<![A-Za-z0-9_$@?][0-9])(?:(?<!:[0-9])|(?=[0-9]{4}))"
            r"(?:(?<=[0-9])[0-9]{3}-[0-9]{2}-[0-9]{2}(?:T[0-9:.]+(?:Z|[+-][0-9:]+)?)?|[\w.]*)",
        ]
    return re.compile("|".join(alternatives), re.DOTALL)
