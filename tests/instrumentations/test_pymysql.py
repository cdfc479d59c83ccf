"""PyMySQL on a real MariaDB: every statement once, with its rows; what the server saw is what the trace has."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest
from traced_process import without_our_frames

pytest.importorskip("pymysql")


@pytest.fixture
def setup(mariadb: str) -> str:
    url = urlsplit(mariadb)
    return f"""
import pymysql, pymysql.cursors
def connect(**more):
    return pymysql.connect(host={url.hostname!r}, port={url.port!r}, user={url.username!r},
                           password={url.password or ""!r}, database={url.path[1:]!r}, **more)
db = connect()
cursor = db.cursor()
cursor.execute('CREATE TABLE trials (id INT AUTO_INCREMENT PRIMARY KEY, email VARCHAR(80), plan VARCHAR(20))')
cursor.executemany('INSERT INTO trials (email, plan) VALUES (%s, %s)', [(f'u{{n}}@example.com', 'pro') for n in range(20)])
db.commit()
"""


def test_fields_of_statements(setup: str, mariadb: str, trace: Any) -> None:
    traced = trace(
        setup
        + "def find(plan):\n    cursor.execute('SELECT * FROM trials WHERE plan = %s', (plan,))\n"
        "    return cursor.fetchall()\nassert len(find('pro')) == 20\n"
    )
    assert traced.returncode == 0, traced.stderr
    connect, create, insert, commit, select = traced.roots()
    assert connect.name == "connect"
    assert create.name == "CREATE TABLE trials"
    assert insert.name == "INSERT trials"
    assert insert.fields["db.operation.batch.size"] == 20
    assert insert.fields["db.response.affected_rows"] == 20
    assert insert.children == []
    assert commit.name == "COMMIT"
    url = urlsplit(mariadb)
    fields = dict(select.fields)
    assert fields.pop("code.file.path").endswith("job.py")
    assert fields.pop("code.line.number") > 0
    assert fields == {
        "db.system.name": "mysql",
        "db.namespace": url.path[1:],
        "server.address": url.hostname,
        "server.port": url.port,
        "db.query.text": "SELECT * FROM trials WHERE plan = %s",
        "db.query.summary": "SELECT trials",
        "db.operation.name": "SELECT",
        "db.collection.name": "trials",
        "db.response.returned_rows": 20,
        "code.function.name": "find",
    }


WAYS = {
    "tuple cursor": ("c = db.cursor(); c.execute(q); c.fetchall()", ["SELECT trials"], 20),
    "dict cursor": (
        "c = db.cursor(pymysql.cursors.DictCursor); c.execute(q); c.fetchone()",
        ["SELECT trials"],
        20,
    ),
    "class": (
        "db2 = pymysql.connections.Connection(host=db.host, port=db.port, user=db.user, password=db.password,"
        " database=db.db); c = db2.cursor(); c.execute(q)",
        ["connect", "SELECT trials"],
        20,
    ),
    "unbuffered": (
        "c = db.cursor(pymysql.cursors.SSCursor); c.execute(q); c.fetchmany(7); c.close()",
        ["SELECT trials"],
        7,
    ),
    "unbuffered to the end": (
        "c = db.cursor(pymysql.cursors.SSDictCursor); c.execute(q); rows = [r for r in c]; c.close()",
        ["SELECT trials"],
        20,
    ),
    "batch without values": (
        "cursor.executemany('UPDATE trials SET plan = %s WHERE id = %s', [('a', 1), ('b', 2)]); cursor.execute(q)",
        ["UPDATE trials", "SELECT trials"],
        20,
    ),
    "transaction": (
        "db.begin(); cursor.execute(q); db.rollback()",
        ["BEGIN", "SELECT trials", "ROLLBACK"],
        20,
    ),
    "context managers": (
        "with db.cursor() as c:\n    c.execute(q)\n    c.fetchall()",
        ["SELECT trials"],
        20,
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_each_statement_once_with_its_rows(way: str, setup: str, trace: Any) -> None:
    code, names, rows = WAYS[way]
    traced = trace(setup + "q = 'SELECT * FROM trials'\nmark = len([])\n" + code + "\n")
    assert traced.returncode == 0, traced.stderr
    after = traced.roots()[4:]
    assert [span.name for span in after] == names
    [select] = [span for span in after if span.name == "SELECT trials"]
    assert select.fields["db.response.returned_rows"] == rows
    assert all(span.children == [] for span in traced.roots()[1:] if span.name != "connect")


def test_a_procedure(setup: str, trace: Any) -> None:
    traced = trace(
        setup + "cursor.execute('CREATE PROCEDURE two() SELECT 2')\n"
        "cursor.callproc('two'); assert cursor.fetchall() == ((2,),)\n"
    )
    assert traced.returncode == 0, traced.stderr
    assert traced.roots()[-1].name == "CALL two"


def test_errors_pass_as_they_were(setup: str, trace: Any) -> None:
    code = (
        setup.replace("CREATE TABLE trials", "CREATE TABLE IF NOT EXISTS trials")
        + "def work():\n    cursor.execute('SELECT * FROM nothing_here')\nwork()\n"
    )
    traced, bare = trace(code), trace(code, env={"AUTOTRACE_ENABLED": "0"})
    assert traced.returncode == bare.returncode == 1
    assert without_our_frames(traced.stderr) == bare.stderr
    failed = traced.roots()[-1]
    assert failed.status == "error"
    assert failed.fields["error.type"] == "pymysql.err.ProgrammingError"
    assert traced.exit["exception"] == "pymysql.err.ProgrammingError"


def test_a_refused_connection_is_a_failed_span(trace: Any) -> None:
    traced = trace(
        "import pymysql\n"
        "try:\n    pymysql.connect(host='127.0.0.1', port=1, user='u', password='hunter2')\n"
        "except pymysql.OperationalError:\n    pass\n"
    )
    [connect] = traced.roots()
    assert connect.status == "error"
    assert "hunter2" not in str(connect.fields) + str(connect.events)


def test_literals_are_masked(setup: str, trace: Any) -> None:
    traced = trace(
        setup + "cursor.execute(\"SELECT * FROM trials WHERE email = 'hidden@example.com'\")\n"
    )
    assert traced.roots()[-1].fields["db.query.text"] == "SELECT * FROM trials WHERE email = ?"
    assert "hidden" not in str([span.fields for span in traced.spans])
