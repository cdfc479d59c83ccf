"""SQLAlchemy over drivers with and without an instrumentation: every statement once, and what only the ORM knows."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("sqlalchemy")

MODELS = """
import sys
import sqlalchemy as sa
from sqlalchemy import orm
Base = orm.declarative_base()
class User(Base):
    __tablename__ = 'users'
    id = sa.Column(sa.Integer, primary_key=True)
    email = sa.Column(sa.String(80))
    invoices = orm.relationship('Invoice')
class Invoice(Base):
    __tablename__ = 'invoices'
    id = sa.Column(sa.Integer, primary_key=True)
    user_id = sa.Column(sa.ForeignKey('users.id'))
    amount = sa.Column(sa.Integer)
"""

WORK = """
Base.metadata.create_all(engine)
with orm.Session(engine) as session:
    session.add_all([User(email=f'u{n}@example.com', invoices=[Invoice(amount=5), Invoice(amount=7)]) for n in range(3)])
    session.commit()
statements = []
sa.event.listen(engine, 'before_cursor_execute', lambda c, cursor, statement, *a: statements.append(statement))
def total(user):
    return sum(invoice.amount for invoice in user.invoices)
with orm.Session(engine) as session:
    users = session.query(User).order_by(User.id).all()
    print([total(user) for user in users])
    session.execute(sa.text('SELECT count(*) FROM invoices WHERE amount > :least'), {'least': 6}).scalar()
print(len(statements))
"""


def selects(traced: Any) -> list[Any]:
    return [span for span in traced.spans if span.fields.get("db.operation.name") == "SELECT"]


def check(traced: Any) -> None:
    assert traced.returncode == 0, traced.stderr
    assert traced.stdout.splitlines()[0] == "[12, 12, 12]"
    of_tables = [
        s for s in selects(traced) if s.fields.get("db.collection.name") in ("users", "invoices")
    ]
    assert len(of_tables) == int(traced.stdout.splitlines()[1]) == 5
    users, *lazy, count = of_tables
    assert users.fields["sqlalchemy.entity"] == "User"
    assert users.fields["db.response.returned_rows"] == 3
    assert [span.fields["sqlalchemy.entity"] for span in lazy] == ["Invoice"] * 3
    assert [span.fields["sqlalchemy.lazy_load"] for span in lazy] == ["User.invoices"] * 3
    assert {span.fields["code.function.name"] for span in lazy} <= {
        "total",
        "<genexpr>",
        "total.<locals>.<genexpr>",
    }
    assert "sqlalchemy.entity" not in count.fields
    [flush] = traced.named("sqlalchemy.flush")
    assert flush.fields["sqlalchemy.flush.new"] == 9
    assert {span.fields["db.operation.name"] for span in flush.children} == {"INSERT"}


def test_over_sqlite(trace: Any) -> None:
    check(trace(MODELS + "engine = sa.create_engine('sqlite://')\n" + WORK))


def test_over_mariadb(trace: Any, mariadb: str) -> None:
    check(trace(MODELS + f"engine = sa.create_engine({mariadb!r})\n" + WORK))


def test_over_a_driver_that_is_switched_off_the_span_is_made_here(trace: Any) -> None:
    traced = trace(
        MODELS + "engine = sa.create_engine('sqlite://')\n" + WORK,
        config="[modules]\nsqlite3 = false\n",
    )
    assert traced.returncode == 0, traced.stderr
    assert {span.scope for span in traced.spans} == {"sqlalchemy"}
    users, *lazy, _ = [
        s for s in selects(traced) if s.fields.get("db.collection.name") in ("users", "invoices")
    ]
    assert users.name == "SELECT users"
    assert users.kind == "client"
    assert users.fields["db.system.name"] == "sqlite"
    assert [span.fields["sqlalchemy.lazy_load"] for span in lazy] == ["User.invoices"] * 3
    inserts = [s for s in traced.spans if s.fields.get("db.operation.name") == "INSERT"]
    assert inserts


def test_a_wait_for_the_pool_is_a_span(trace: Any) -> None:
    traced = trace(
        """
import threading, time
import sqlalchemy as sa
from sqlalchemy.pool import QueuePool
engine = sa.create_engine('sqlite:///file.db', poolclass=QueuePool, pool_size=1, max_overflow=0)
held = engine.connect()
threading.Timer(0.3, held.close).start()
with engine.connect() as connection:
    connection.execute(sa.text('SELECT 1'))
"""
    )
    assert traced.returncode == 0, traced.stderr
    [wait] = traced.named("sqlalchemy.pool.wait")
    assert wait.duration > 200_000_000
    assert wait.fields["sqlalchemy.pool.size"] == 1


def test_errors_are_noted_once_by_the_driver(trace: Any) -> None:
    code = (
        MODELS + "engine = sa.create_engine('sqlite://')\n"
        "with engine.connect() as connection:\n"
        "    try:\n        connection.execute(sa.text('SELECT * FROM nowhere'))\n"
        "    except sa.exc.OperationalError as error:\n        print(type(error.orig), error.statement)\n"
    )
    traced, bare = trace(code), trace(code, env={"AUTOTRACE_ENABLED": "0"})
    assert traced.stdout == bare.stdout
    failed = [span for span in traced.spans if span.status == "error"]
    assert [span.fields["error.type"] for span in failed] == ["sqlite3.OperationalError"]


def test_versions_of_what_is_traced_are_fields_of_the_process(trace: Any) -> None:
    import sqlite3

    import sqlalchemy

    traced = trace("import logging, sqlalchemy, sqlite3, sqlite3.dbapi2")
    assert traced.fields == {
        "autotrace.library.sqlalchemy": sqlalchemy.__version__,
        "autotrace.library.sqlite3": sqlite3.sqlite_version,
    }
