"""What a statement does and to which tables, in a few words: ``INSERT orders SELECT carts``.

Reads a statement whose literals are already masked, in one pass over its words. It is no parser:
it knows after which words a table's name comes, and where such a word means something else.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from re import Pattern

SUMMARY_LIMIT = 255
"""Characters of a summary."""

_PARTS = 64
_NAME_LIMIT = 128

_tokens: list[Pattern[str]] = []

# A name with its parts (a word, or anything in quotes, joined by dots), a placeholder, or one
# character of anything else.
_QUOTED = r"\"[^\"]*\"|`[^`]*`|\[[^\]\[\n]{0,128}\]"
_TOKEN = (
    r"(?:[^\W\d][\w$#@]*|" + _QUOTED + r")(?:\.(?:[\w$#@]+|" + _QUOTED + r"))*"
    r"|%\([^)\n]*\)s|[%:@$]+\w+|[0-9][\w.]*|[^\s\w]"
)

# What a word means where it matters.
(
    _SELECT,
    _WRITE,
    _FROM,
    _JOIN,
    _INTO,
    _USING,
    _CLAUSE,
    _WITH,
    _OPEN,
    _CLOSE,
    _COMMA,
    _END,
    _AS,
) = range(1, 14)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _spelled(words: str) -> list[str]:
    return [form for word in words.split() for form in (word, word.lower(), word.capitalize())]


_MEANING: dict[str, int] = {"(": _OPEN, ")": _CLOSE, ",": _COMMA, ";": _END}
for _meaning, _spellings in (
    (_SELECT, "SELECT"),
    (_WRITE, "INSERT UPDATE DELETE REPLACE MERGE UPSERT"),
    (_FROM, "FROM"),
    (_JOIN, "JOIN STRAIGHT_JOIN"),
    (_INTO, "INTO"),
    (_USING, "USING"),
    (_WITH, "WITH"),
    (_AS, "AS"),
    (
        _CLAUSE,
        "WHERE SET GROUP ORDER LIMIT HAVING ON UNION EXCEPT INTERSECT MINUS VALUES VALUE RETURNING"
        " WINDOW FETCH OFFSET FOR QUALIFY PREWHERE SAMPLE TABLESAMPLE CONNECT START WHEN OUTPUT"
        " LOCK PIVOT UNPIVOT OPTION DEFAULT USE FORCE IGNORE PARTITION PROCEDURE SETTINGS FORMAT",
    ),
):
    _MEANING.update(dict.fromkeys(_spelled(_spellings), _meaning))

# Words between an operation and its table.
_BETWEEN = _words(
    "ONLY LATERAL TABLE TABLES IGNORE LOW_PRIORITY HIGH_PRIORITY DELAYED QUICK OR INTO OVERWRITE"
    " IF NOT EXISTS CONCURRENTLY FROM TOP ABORT FAIL ROLLBACK REPLACE FULL VERBOSE FREEZE"
    " NO_WRITE_TO_BINLOG LOCAL"
)
# Before one of these words UPDATE, DELETE and so on begin a statement.
_STARTERS = frozenset(("", ";", "(", ")", "AS", "BEGIN", "EXPLAIN", "ANALYZE", "PLAN", "{", "}"))
_NO_CTE = frozenset(("ROLLUP", "CUBE", "CHECK", "TIES", "CASCADED", "LOCAL", "NO", "DATA"))

# Operations that are said by themselves; what follows is not looked at.
_ALONE = _words(
    "COMMIT ROLLBACK SAVEPOINT ABORT CHECKPOINT GRANT REVOKE FLUSH RESET KILL FETCH CLOSE DECLARE"
    " PREPARE DEALLOCATE DISCARD UNLOCK ATTACH DETACH COMMENT HANDLER INSTALL UNINSTALL XA PURGE"
    " BINLOG CHANGE STOP VALUES FIND DO EXPORT IMPORT SHUTDOWN LISTEN NOTIFY UNLISTEN MOVE SIGNAL"
    " REASSIGN SECURITY END BACKUP RESTORE UNLOAD PUT GET LIST REMOVE OPEN HELP"
)
# Operations of which the second word is a part.
_PAIRS = _words("START RELEASE LOCK SHOW REFRESH LOAD")
# Operations followed by the name of what they are about, which is no table.
_NAMED = _words("CALL EXEC EXECUTE USE PRAGMA SET")
# Operations followed by the name of a table.
_TABLED = _words(
    "TRUNCATE DESCRIBE DESC ANALYZE OPTIMIZE CHECK REPAIR VACUUM REINDEX COPY TABLE RENAME CLUSTER"
    " MSCK CHECKSUM"
)
_DEFINE = frozenset(("CREATE", "ALTER", "DROP"))
_OBJECTS = _words(
    "TABLE VIEW INDEX DATABASE SCHEMA SEQUENCE FUNCTION PROCEDURE TRIGGER USER ROLE TYPE EXTENSION"
    " EVENT SERVER DOMAIN POLICY RULE TABLESPACE COLLATION LANGUAGE PUBLICATION SUBSCRIPTION"
    " AGGREGATE CAST OPERATOR STATISTICS SECRET STAGE WAREHOUSE MACRO SYNONYM PACKAGE LOGIN"
    " CERTIFICATE CREDENTIAL KEYSPACE DICTIONARY INSTANCE SYSTEM SESSION PROFILE GROUP"
)
_UNNAMED_OBJECTS = _words(
    "USER ROLE LOGIN SERVER SECRET CREDENTIAL CERTIFICATE SUBSCRIPTION CAST OPERATOR SYSTEM SESSION"
    " INSTANCE GROUP PROFILE"
)
_WITH_BODIES = frozenset(("FUNCTION", "PROCEDURE", "TRIGGER", "EVENT", "PACKAGE", "MACRO"))
_TRANSACTION = _words(
    "TRANSACTION TRAN WORK DEFERRED IMMEDIATE EXCLUSIVE CONCURRENT NOT ATOMIC ISOLATION READ"
)

_NOT_IN_NAMES = frozenset("?=<>+-*/|&^~!%:'\\")

_IDLE, _TARGET, _AFTER = range(3)


def summarise(masked: str) -> tuple[str, str, str]:
    """Summary, operation and collection of a statement without literals; empty if it is no SQL.

    Words are given as they are written. The summary has at most 255 characters and is cut between
    words only.
    """
    tokens = _split(masked)
    reader = _Reader(tokens)
    reader.run()
    if not reader.parts:
        # Keywords in mixed case, sElEcT: rare enough to be read a second time.
        raised = [token.upper() if token.upper() in _MEANING else token for token in tokens]
        if raised != tokens:
            reader = _Reader(raised)
            reader.run()
    return _joined(reader.parts), reader.operation, reader.collection


def _split(masked: str) -> list[str]:
    """The words of a statement and its parentheses, commas and semicolons."""
    if '"' in masked or "`" in masked or "[" in masked or "{" in masked or "%(" in masked:
        if not _tokens:
            import re

            _tokens.append(re.compile(_TOKEN))
        return _tokens[0].findall(masked)
    # Without quoted names, which may hold anything, this is ten times as fast.
    return (
        masked.replace("(", " ( ")
        .replace(")", " ) ")
        .replace(",", " , ")
        .replace(";", " ; ")
        .replace("*", " * ")
        .split()
    )


def _joined(parts: list[str]) -> str:
    summary = ""
    for part in parts:
        longer = f"{summary} {part}" if summary else part
        if len(longer) > SUMMARY_LIMIT:
            break
        summary = longer
    return summary


class _Reader:
    """One pass over the words of a statement."""

    __slots__ = (
        "at",
        "collection",
        "collection_depth",
        "ctes",
        "depth",
        "operation",
        "operation_depth",
        "parts",
        "tokens",
    )

    def __init__(self, tokens: list[str]) -> None:
        self.tokens = tokens
        self.at = 0
        self.parts: list[str] = []
        self.operation = ""
        self.collection = ""
        self.depth = 0
        self.operation_depth = self.collection_depth = 1_000_000
        self.ctes: set[str] = set()

    def run(self) -> None:
        """Read all the words, or as many as a summary needs."""
        tokens = self.tokens
        meanings = _MEANING.get
        size = len(tokens)
        state = _IDLE
        query = ""
        stack: list[tuple[int, str]] = []
        with_depth = -1
        cte_name = False
        start = True
        at = 0
        while at < size:
            token = tokens[at]
            at += 1
            meaning = meanings(token)
            if meaning is None:
                if state == _TARGET:
                    state = self._named(token, query)
                elif cte_name and token[0] not in "%:@$?" and token.upper() != "RECURSIVE":
                    if token.upper() not in _NO_CTE:
                        self.ctes.add(_bare(token))
                    cte_name = False
                elif start and (token[0].isalpha() or token[0] == "_"):
                    self.at = at
                    again = self._statement(token)
                    if again is None:
                        return
                    at = self.at
                    start = again
                continue
            if meaning == _OPEN:
                if state == _TARGET:
                    stack.append((_AFTER, query))
                else:
                    if state == _AFTER and query != "INSERT" and self._is_function(at):
                        self.parts.pop()
                    stack.append((state, query))
                    state, query = _IDLE, ""
                if len(stack) > 256:
                    return
                self.depth += 1
            elif meaning == _CLOSE:
                if stack:
                    state, query = stack.pop()
                    self.depth -= 1
            elif meaning == _COMMA:
                if state == _AFTER:
                    state = _TARGET
                elif with_depth == self.depth:
                    cte_name = True
            elif meaning == _SELECT:
                if with_depth == self.depth:
                    with_depth = -1
                self._operation(token)
                state, query, start = _IDLE, "SELECT", False
            elif meaning == _FROM:
                if query and tokens[at - 2].upper() != "DISTINCT":
                    state = _TARGET
            elif meaning == _JOIN:
                if query:
                    state = _TARGET
            elif meaning == _WRITE:
                before = tokens[at - 2].upper() if at > 1 else ""
                following = tokens[at] if at < size else ""
                if following != "(" and (start or before in _STARTERS):
                    if with_depth == self.depth:
                        with_depth = -1
                    self._operation(token)
                    query = token.upper()
                    state, start = _TARGET, False
                    if query in ("REPLACE", "UPSERT"):
                        query = "INSERT"
            elif meaning == _INTO:
                if query in ("INSERT", "MERGE"):
                    state = _TARGET
            elif meaning == _USING:
                if query == "MERGE" or (query == "DELETE" and tokens[at : at + 1] != ["("]):
                    state = _TARGET
                else:
                    state = _IDLE
            elif meaning == _CLAUSE:
                if state == _TARGET and token.upper() in _BETWEEN:
                    continue
                if start:
                    self.at = at
                    again = self._statement(token)
                    if again is None:
                        return
                    at = self.at
                    start = again
                state = _IDLE
            elif meaning == _WITH:
                before = tokens[at - 2].upper() if at > 1 else ""
                if before in _STARTERS:
                    with_depth = self.depth
                    cte_name = True
                    start = False
                else:
                    state = _IDLE
            elif meaning == _END and self.depth == 0:
                state, query, start, with_depth = _IDLE, "", True, -1
            if len(self.parts) > _PARTS:
                return

    def _operation(self, words: str) -> None:
        self.parts.append(words)
        if self.depth < self.operation_depth:
            self.operation = words
            self.operation_depth = self.depth

    def _target(self, token: str, collection: bool) -> bool:
        """Take a name down; false where it can be none."""
        first = token[0]
        if not (first.isalpha() or first in '_"`[') or len(token) > _NAME_LIMIT or "?" in token:
            return False
        self.parts.append(token)
        if collection and self.depth < self.collection_depth:
            self.collection = token
            self.collection_depth = self.depth
        return True

    def _named(self, token: str, query: str) -> int:
        """The state after a word where a table's name was expected."""
        if token.upper() in _BETWEEN:
            return _TARGET
        if _bare(token) in self.ctes:
            return _AFTER
        if token == "*" or not self._target(token, True):
            return _IDLE
        return _IDLE if query in ("INSERT", "MERGE") else _AFTER

    def _is_function(self, at: int) -> bool:
        """Whether the parenthesis just read follows a name that was taken for a table's."""
        before = self.tokens[at - 2] if at > 1 else ""
        if not self.parts or self.parts[-1] != before:
            return False
        if self.collection == before:
            self.collection = ""
            self.collection_depth = 1_000_000
        return True

    def _statement(self, token: str) -> bool | None:
        """A statement's first word: whether the next word begins one too; None to read no more."""
        verb = token.upper()
        if verb == "BEGIN":
            self._operation(token)
            while self._peek() in _TRANSACTION:
                self.at += 1
            return True
        if verb == "EXPLAIN":
            self._operation(token)
            self._skip_options()
            return True
        if verb in _DEFINE:
            return self._definition(token)
        if verb in _ALONE:
            self._operation(token)
        elif verb in _PAIRS:
            following = self._peek()
            wordy = following.isalpha() and len(following) <= 32
            self._operation(f"{token} {self.tokens[self.at]}" if wordy else token)
            if verb in ("LOCK", "REFRESH") or following == "DATA":
                self._find_target(("TABLE", "TABLES", "VIEW"))
        elif verb in _NAMED:
            self._operation(token)
            if self.at < len(self.tokens):
                if verb == "SET" and self._peek() in ("SESSION", "GLOBAL", "LOCAL"):
                    self.at += 1
                if self.at < len(self.tokens):
                    self._target(self.tokens[self.at].partition("=")[0], False)
        elif verb in _TABLED:
            self._operation(token)
            while self._peek() in _BETWEEN or self._peek() in ("ANALYZE", "INDEX"):
                self.at += 1
            if self.at < len(self.tokens):
                self._target(self.tokens[self.at], True)
        else:
            return None
        return self._next_statement()

    def _begins_query(self, word: str) -> bool:
        word = word.upper()
        return word == "SELECT" or (word == "WITH" and self.tokens[self.at - 1].upper() == "AS")

    def _peek(self) -> str:
        return self.tokens[self.at].upper() if self.at < len(self.tokens) else ""

    def _next_statement(self) -> bool:
        """Go to the next semicolon outside parentheses."""
        depth = 0
        while self.at < len(self.tokens):
            token = self.tokens[self.at]
            if token == "(":
                depth += 1
            elif token == ")":
                depth -= 1
            elif token == ";" and depth <= 0:
                break
            self.at += 1
        return True

    def _skip_options(self) -> None:
        """Go past what stands between EXPLAIN and the statement that it explains."""
        depth = 0
        while self.at < len(self.tokens):
            token = self.tokens[self.at]
            if token == "(" and self._following() not in ("SELECT", "WITH", "(", "VALUES", "TABLE"):
                depth += 1
            elif token == ")":
                depth -= 1
            elif depth <= 0 and (
                token == "(" or token.upper() in ("WITH", "SELECT", *_WRITES, "CALL", "CREATE")
            ):
                return
            self.at += 1

    def _following(self) -> str:
        return self.tokens[self.at + 1].upper() if self.at + 1 < len(self.tokens) else ""

    def _find_target(self, after: tuple[str, ...]) -> None:
        """Take the name that comes after one of these words, if any does."""
        for at in range(self.at, min(self.at + 64, len(self.tokens) - 1)):
            if self.tokens[at].upper() in after:
                self.at = at + 1
                while self._peek() in _BETWEEN:
                    self.at += 1
                if self.at < len(self.tokens):
                    self._target(self.tokens[self.at], True)
                return

    def _definition(self, token: str) -> bool | None:
        """CREATE, ALTER and DROP: what kind of thing, and its name."""
        for at in range(self.at, min(self.at + 12, len(self.tokens))):
            kind = self.tokens[at].upper()
            if kind in _OBJECTS:
                break
        else:
            self._operation(token)
            return self._next_statement()
        self._operation(f"{token} {self.tokens[at]}")
        self.at = at + 1
        if kind not in _UNNAMED_OBJECTS:
            while self._peek() in _BETWEEN:
                self.at += 1
            if self.at < len(self.tokens):
                self._target(self.tokens[self.at], kind in ("TABLE", "VIEW"))
        if kind in _WITH_BODIES:
            return None
        if kind in ("TABLE", "VIEW") and token.upper() == "CREATE":
            depth = 0
            while self.at < len(self.tokens):
                word = self.tokens[self.at]
                if word == "(":
                    if depth == 0 and self._following() in ("SELECT", "WITH"):
                        return True
                    depth += 1
                elif word == ")":
                    depth -= 1
                elif depth <= 0 and (word == ";" or self._begins_query(word)):
                    break
                self.at += 1
            return True
        return self._next_statement()


_WRITES = ("INSERT", "UPDATE", "DELETE", "REPLACE", "MERGE")


def _bare(name: str) -> str:
    return name.strip('"`[]').lower()
