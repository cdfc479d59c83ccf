"""PyMySQL: a span for each statement, batch and procedure, each commit and rollback, and each connection made.

`Cursor.execute` is where statements meet: DictCursor and SSCursor inherit it, `executemany` ends in it.
"""

from __future__ import annotations

from autotrace.agent import around, plain, sql, suppressed

statement = sql("mysql")
batch = sql("mysql", suppress="pymysql")
connecting = plain("connect", "client", **{"db.system.name": "mysql"})

UNKNOWN = 0xFFFF_FFFF_FFFF_FFFF
"""What an unbuffered cursor says of its rows before they are fetched."""


def where(connection):
    """Address, port and namespace of a connection."""
    database = connection.db
    if type(database) is bytes:
        database = database.decode("utf-8", "replace")
    if connection.unix_socket:
        return connection.unix_socket, None, database
    return connection.host, connection.port, database


def finish(cursor):
    """Write down how many rows an unbuffered cursor gave out."""
    span = cursor.__dict__.pop("_at_span", None)
    if span is not None:
        span.rows(cursor.rownumber)


def executed(span, rows, cursor, query, args=None):
    """Say how many rows there are, or keep the span until they have been fetched."""
    if cursor.description is None:
        span.affected_rows(rows)
    elif rows == UNKNOWN:
        cursor._at_span = span
    else:
        span.returned_rows(rows)


@around("pymysql.cursors:Cursor.execute", after=executed)
def execute(cursor, query, args=None):
    if suppressed("pymysql"):
        return None
    if "_at_span" in cursor.__dict__:
        finish(cursor)
    return statement(query, where(cursor.connection), args)


@around("pymysql.cursors:Cursor.executemany")
def executemany(cursor, query, args):
    if not args:
        yield None
        return
    span = batch(query, where(cursor.connection), True)
    if type(args) in (list, tuple):
        span["db.operation.batch.size"] = len(args)
    span.affected_rows((yield span))


@around("pymysql.cursors:Cursor.callproc")
def callproc(cursor, procname, args=()):
    return statement(f"CALL {procname}", where(cursor.connection), args)


@around("pymysql.cursors:SSCursor.close", "pymysql.cursors:SSCursor.__del__")
def close(cursor):
    finish(cursor)
    yield None


@around("pymysql.connections:Connection.connect")
def connect(connection, sock=None):
    address, port, database = where(connection)
    yield connecting(
        {"server.address": address, "server.port": port, "db.namespace": database or None}
    )


@around("pymysql.connections:Connection.begin")
def begin(connection):
    return statement("BEGIN", where(connection), None)


@around("pymysql.connections:Connection.commit")
def commit(connection):
    return statement("COMMIT", where(connection), None)


@around("pymysql.connections:Connection.rollback")
def rollback(connection):
    return statement("ROLLBACK", where(connection), None)
