"""sqlite3: every statement once, with its rows, and a module that can't be told from the untraced one."""

from __future__ import annotations

import re
from typing import Any

import pytest
from traced_process import without_our_frames

SETUP = """
import sqlite3
db = sqlite3.connect(':memory:')
db.execute('CREATE TABLE trials (id INTEGER PRIMARY KEY, email TEXT, plan TEXT)')
db.executemany('INSERT INTO trials (email, plan) VALUES (?, ?)', [(f'u{n}@example.com', 'pro') for n in range(20)])
db.commit()
"""


def statements(traced: Any) -> list[tuple[str, Any]]:
    return [
        (span.fields.get("db.query.text", span.name), span.fields.get("db.response.returned_rows"))
        for span in traced.roots()
    ]


def test_fields_of_a_statement(trace: Any) -> None:
    traced = trace(
        SETUP
        + "def find(plan):\n    return db.execute('SELECT * FROM trials WHERE plan = ?', (plan,)).fetchall()\n"
        "find('pro')\n"
    )
    connect, create, insert, commit, select = traced.of("sqlite3")
    assert connect.fields["db.namespace"] == ":memory:"
    assert create.name.startswith("CREATE")
    assert insert.fields["db.operation.batch.size"] == 20
    assert insert.fields["db.response.affected_rows"] == 20
    assert commit.name == "COMMIT"
    assert select.name == "SELECT trials"
    assert select.kind == "client"
    assert select.status == "unset"
    fields = dict(select.fields)
    assert fields.pop("code.file.path").endswith("job.py")
    assert fields == {
        "db.system.name": "sqlite",
        "db.namespace": ":memory:",
        "db.query.text": "SELECT * FROM trials WHERE plan = ?",
        "db.query.summary": "SELECT trials",
        "db.operation.name": "SELECT",
        "db.collection.name": "trials",
        "db.response.returned_rows": 20,
        "code.function.name": "find",
        "code.line.number": 8,
    }
    assert all(span.ended and span.duration > 0 for span in traced.spans)


ROWS = {
    "fetchall": ("db.execute(q).fetchall()", 20),
    "iteration": ("[row for row in db.execute(q)]", 20),
    "list": ("list(db.execute(q))", 20),
    "fetchone once": ("db.execute(q).fetchone()", 1),
    "fetchone to the end": ("c = db.execute(q)\nwhile c.fetchone(): pass", 20),
    "fetchmany": ("c = db.execute(q)\nc.fetchmany(7)\nc.fetchmany(7)\nc.close()", 14),
    "fetchmany to the end": ("c = db.execute(q)\nwhile c.fetchmany(7): pass", 20),
    "next": ("c = db.execute(q)\nnext(c)\nnext(c)\ndel c", 2),
    "broken off": ("for n, row in enumerate(db.execute(q)):\n    if n == 4: break", 5),
    "mixed": ("c = db.execute(q)\nc.fetchone()\nnext(c)\nc.fetchmany(3)\nc.fetchall()", 20),
    "no row": ("db.execute(q + ' WHERE id < 0').fetchall()", 0),
    "cursor": ("c = db.cursor()\nc.execute(q)\nc.fetchall()", 20),
    "cursor used again": ("c = db.cursor()\nc.execute(q)\nc.fetchone()\nc.execute('SELECT 1')", 1),
    "kept until the end": ("kept = db.execute(q)\nkept.fetchone()\nimport sys\nsys.exit()", 1),
}


@pytest.mark.parametrize("way", ROWS)
def test_rows_are_those_really_fetched(way: str, trace: Any) -> None:
    code, expected = ROWS[way]
    traced = trace(SETUP + "q = 'SELECT * FROM trials'\n" + code)
    assert traced.returncode == 0, traced.stderr
    [select] = [span for span in traced.of("sqlite3") if span.name == "SELECT trials"]
    assert select.fields["db.response.returned_rows"] == expected


def test_each_statement_once_whichever_way_it_is_run(trace: Any) -> None:
    traced = trace(
        SETUP
        + """
cursor = db.cursor()
assert cursor.execute('SELECT 1') is cursor
cursor.executemany('UPDATE trials SET plan = ? WHERE id = ?', [('free', 1), ('free', 2)])
db.executescript('DELETE FROM trials WHERE id = 3; DELETE FROM trials WHERE id = 4;')
with db:
    db.execute("UPDATE trials SET plan = 'x' WHERE id > 10")
try:
    with db:
        db.execute('INSERT INTO trials (email) VALUES (?)', ('a',))
        raise KeyError
except KeyError:
    pass
db.commit()
db.rollback()
db.close()
"""
    )
    assert traced.returncode == 0, traced.stderr
    texts = [text for text, _ in statements(traced)][4:]
    assert texts == [
        "SELECT ?",
        "UPDATE trials SET plan = ? WHERE id = ?",
        "DELETE FROM trials WHERE id = ?; DELETE FROM trials WHERE id = ?;",
        "UPDATE trials SET plan = ? WHERE id > ?",
        "COMMIT",
        "INSERT INTO trials (email) VALUES (?)",
        "ROLLBACK",
    ]
    updates = [span for span in traced.of("sqlite3") if span.name == "UPDATE trials"]
    assert [span.fields["db.response.affected_rows"] for span in updates] == [2, 10]


def test_literals_are_masked_and_parameters_kept_only_when_asked_for(trace: Any) -> None:
    code = SETUP + (
        "db.execute(\"SELECT * FROM trials WHERE email = 'secret@example.com' AND id = 4711\")\n"
        "db.execute('SELECT * FROM trials WHERE email = ?', ('hidden@example.com',))\n"
    )
    plain = trace(code)
    texts = " ".join(str(span.fields) for span in plain.spans)
    assert "secret@example.com" not in texts
    assert "4711" not in texts
    assert "hidden@example.com" not in texts
    asked = trace(code, config="[capture]\nsql_parameters = true\n")
    assert [
        span.fields["db.query.parameter.0"]
        for span in asked.spans
        if "db.query.parameter.0" in span.fields
    ] == ["hidden@example.com"]


def test_an_error_is_noted_and_passes_as_it_was(trace: Any) -> None:
    code = SETUP + (
        "import traceback\n"
        "def ask():\n    db.execute('SELECT * FROM nowhere')\n"
        "try:\n    ask()\n"
        "except sqlite3.OperationalError as error:\n    print(traceback.format_exc(), error.args)\n"
        "next(iter([]), None)\n"
        "db.execute('SELECT no_such_column FROM trials')\n"
    )
    traced, bare = trace(code), trace(code, env={"AUTOTRACE_ENABLED": "0"})
    assert without_our_frames(traced.stdout) == bare.stdout
    assert without_our_frames(traced.stderr) == bare.stderr
    assert traced.returncode == bare.returncode == 1
    failed = [span for span in traced.of("sqlite3") if span.status == "error"]
    assert [span.fields["error.type"] for span in failed] == ["sqlite3.OperationalError"] * 2
    name, fields = failed[0].events[0]
    assert name == "exception"
    assert fields["exception.message"] == "no such table: nowhere"
    assert (
        "in ask" not in fields["exception.stacktrace"] or "job.py" in fields["exception.stacktrace"]
    )
    assert traced.exit["exception"] == "sqlite3.OperationalError"


TRANSPARENT = """
import inspect, pickle, sqlite3, sys, warnings, weakref, threading
from sqlite3 import dbapi2
def show(*things): print(*things)
def outcome(call):
    try: return call()
    except Exception as error: return type(error).__name__, str(error)
db = sqlite3.connect(':memory:', isolation_level=None)
cursor = db.cursor()
show(type(db) is sqlite3.Connection, type(db) is dbapi2.Connection, isinstance(db, sqlite3.Connection))
show(type(cursor) is sqlite3.Cursor, isinstance(cursor, sqlite3.Cursor), type(db.execute('SELECT 1')) is sqlite3.Cursor)
show(repr(sqlite3.Connection), repr(sqlite3.Cursor), sqlite3.Connection.__name__, sqlite3.Connection.__qualname__, sqlite3.Connection.__module__)
show(repr(db).partition(' at ')[0], repr(cursor).partition(' at ')[0])
show(sqlite3.Connection.__doc__ == sqlite3.Connection.__doc__, sqlite3.connect.__name__, sqlite3.connect.__module__)
show(outcome(lambda: pickle.loads(pickle.dumps(sqlite3.Connection)) is sqlite3.Connection))
show(outcome(lambda: pickle.loads(pickle.dumps(sqlite3.connect)) is sqlite3.connect))
show(outcome(lambda: pickle.dumps(db))[0])
show(outcome(lambda: str(inspect.signature(sqlite3.connect))))
show(outcome(lambda: setattr(db, 'anything', 1))[0] if not isinstance(outcome(lambda: setattr(db, 'anything', 1)), type(None)) else None)
show(hasattr(db, '__dict__'), hasattr(cursor, '__dict__'))
show(iter(cursor) is cursor, cursor.connection is db, weakref.ref(cursor)() is cursor)
other = sqlite3.connect(':memory:')
db.execute('CREATE TABLE t (a, b)'); db.execute('INSERT INTO t VALUES (1, 2), (3, 4)')
db.backup(other)
show(other.execute('SELECT * FROM t').fetchall(), list(db.iterdump()))
db.row_factory = sqlite3.Row
show([tuple(row) for row in db.execute('SELECT * FROM t')], db.execute('SELECT a FROM t').fetchone().keys())
class Mine(sqlite3.Connection):
    def cursor(self, factory=sqlite3.Cursor):
        show('mine'); return super().cursor(factory)
class MyCursor(sqlite3.Cursor):
    def execute(self, *args):
        show('my cursor'); return super().execute(*args)
mine = sqlite3.connect(':memory:', factory=Mine)
show(type(mine).__name__, mine.execute('SELECT 5').fetchall(), mine.cursor(MyCursor).execute('SELECT 6').fetchone())
show(outcome(lambda: sqlite3.connect(':memory:', factory=lambda *a, **k: sqlite3.Connection(*a, **k)).execute('SELECT 7').fetchone()))
show(outcome(lambda: sqlite3.connect()), outcome(lambda: sqlite3.connect(1.5))[0], outcome(lambda: sqlite3.connect('/nonexistent/x')))
show(outcome(lambda: db.execute())[0], outcome(lambda: db.execute(5))[0], outcome(lambda: db.execute('SELECT ?', ()))[0])
show(outcome(lambda: db.cursor(5))[0], outcome(lambda: cursor.execute('SELECT 1', [1])))
show(outcome(lambda: cursor.fetchmany(size=1)), outcome(lambda: next(cursor))[0], cursor.rowcount, cursor.description, cursor.lastrowid)
show(outcome(lambda: sqlite3.Cursor(db).fetchone()), outcome(lambda: next(sqlite3.Cursor(db)))[0])
db.create_function('double', 1, lambda x: 2 * x); show(db.execute('SELECT double(21)').fetchone()[0])
def thread():
    show(outcome(lambda: db.execute('SELECT 1'))[0])
worker = threading.Thread(target=thread); worker.start(); worker.join()
db.close(); show(outcome(lambda: db.execute('SELECT 1')), outcome(lambda: cursor.fetchall()), outcome(lambda: db.commit()))
show(outcome(lambda: cursor.close())); show(outcome(lambda: cursor.execute('SELECT 1')))
import datetime
warnings.simplefilter('always'); other.close(); mine.close()
db = sqlite3.connect(':memory:'); db.execute('SELECT ?', (datetime.date(2026, 1, 1),))
db.close()
"""


def test_a_program_cannot_tell(trace: Any) -> None:
    traced, bare = trace(TRANSPARENT), trace(TRANSPARENT, env={"AUTOTRACE_ENABLED": "0"})
    assert traced.stdout == bare.stdout
    assert re.sub("0x[0-9a-f]+", "0x", traced.stderr) == re.sub("0x[0-9a-f]+", "0x", bare.stderr)
    assert traced.returncode == bare.returncode == 0


def test_statements_without_end_keep_memory_bounded(trace: Any) -> None:
    traced = trace(
        """
import sqlite3
def resident():
    with open('/proc/self/statm') as file:
        return int(file.read().split()[1]) * 4096
db = sqlite3.connect(':memory:')
db.execute('CREATE TABLE t (a)')
for n in range(3000): db.execute(f'SELECT a FROM t WHERE a = {n}').fetchall()
before = resident()
for n in range(30_000):
    db.execute(f'SELECT a AS c{n} FROM t WHERE a = {n}').fetchall()
print((resident() - before) >> 20)
"""
    )
    assert traced.returncode == 0, traced.stderr
    assert int(traced.stdout) <= 4
    selects = [span for span in traced.of("sqlite3") if span.name == "SELECT t"]
    assert len(selects) == 33_000
    assert traced.dropped == 0
