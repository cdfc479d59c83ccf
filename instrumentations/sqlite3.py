"""sqlite3: a span for each statement, each commit and rollback, and each connection made.

Its classes are written in C, where nothing can be wrapped: `sqlite3.Connection` and `sqlite3.Cursor` become
subclasses under the same names, so that `type(connection) is sqlite3.Connection` and `Connection.backup` hold.
Rows are counted as the program fetches them, whichever way it does.
"""

from __future__ import annotations

import os
import sys

from autotrace.agent import fault, hide, on, place_text, plain, replace, sql

statement = sql("sqlite")
connecting = plain("connect", "client", **{"db.system.name": "sqlite"})

ASKS_ITSELF = sys.version_info < (3, 11)
"""`Connection.execute` calls the connection's own `cursor` method; later Pythons don't."""

CALLBACKS = (
    "create_aggregate",
    "create_collation",
    "create_function",
    "create_window_function",
    "set_authorizer",
    "set_progress_handler",
    "set_trace_callback",
)


def leave(cursor):
    """The last statement's result is done with, perhaps before its end: write down the rows that were fetched."""
    if cursor._at_rows:
        finish(cursor)
    else:
        cursor._at_span = None


def finish(cursor):
    """The last statement's result is at its end: write down how many rows of it were fetched."""
    span, cursor._at_span = cursor._at_span, None
    if span is not None:
        rows, cursor._at_rows = cursor._at_rows, 0
        span.rows(rows)


def cursor_class(base):
    """Make the subclass of the C cursor."""
    base_execute, base_executemany = base.execute, base.executemany
    base_executescript, base_close = base.executescript, base.close
    base_fetchone, base_fetchmany, base_fetchall = base.fetchone, base.fetchmany, base.fetchall
    base_next = base.__next__

    class Cursor(base):
        __slots__ = ("_at_rows", "_at_span")

        def execute(self, sql, parameters=(), /):
            if not on():
                return base_execute(self, sql, parameters)
            span = None
            try:
                if getattr(self, "_at_span", None) is not None:
                    leave(self)
                self._at_span, self._at_rows = None, 0
                connection = self.connection
                span = statement(sql, connection._at_place, parameters)
                if connection._at_calls:
                    span.begin()
                else:
                    span.begin_leaf()
            except Exception as error:
                fault("sqlite3:Cursor.execute", error)
            try:
                base_execute(self, sql, parameters)
            except BaseException as error:
                failed(span, error)
                error.__traceback__ = error.__traceback__.tb_next
                raise
            if span is not None:
                if self.description is not None:
                    self._at_span = span
                else:
                    span.affected_rows(self.rowcount)
                span.end()
            return self

        def executemany(self, sql, seq_of_parameters, /):
            try:
                return whole(
                    self, base_executemany, sql, seq_of_parameters, (sql, seq_of_parameters)
                )
            except BaseException as error:
                error.__traceback__ = error.__traceback__.tb_next
                raise

        def executescript(self, sql_script, /):
            try:
                return whole(self, base_executescript, sql_script, None, (sql_script,))
            except BaseException as error:
                error.__traceback__ = error.__traceback__.tb_next
                raise

        def fetchone(self):
            try:
                row = base_fetchone(self)
            except BaseException as error:
                error.__traceback__ = error.__traceback__.tb_next
                raise
            try:
                if row is not None:
                    self._at_rows += 1
                elif self._at_span is not None:
                    finish(self)
            except AttributeError:  # executed while autotrace was off
                self._at_span, self._at_rows = None, 0
            return row

        def __next__(self):
            try:
                row = base_next(self)
            except BaseException as error:
                if getattr(self, "_at_span", None) is not None:
                    finish(self)
                error.__traceback__ = error.__traceback__.tb_next
                raise
            try:
                self._at_rows += 1
            except AttributeError:
                self._at_span, self._at_rows = None, 0
            return row

        def fetchmany(self, *args, **kwargs):
            try:
                rows = base_fetchmany(self, *args, **kwargs)
            except BaseException as error:
                error.__traceback__ = error.__traceback__.tb_next
                raise
            if getattr(self, "_at_span", None) is not None:
                self._at_rows += len(rows)
                if not rows:
                    finish(self)
            return rows

        def fetchall(self):
            try:
                rows = base_fetchall(self)
            except BaseException as error:
                error.__traceback__ = error.__traceback__.tb_next
                raise
            if getattr(self, "_at_span", None) is not None:
                self._at_rows += len(rows)
                finish(self)
            return rows

        def close(self):
            if getattr(self, "_at_span", None) is not None:
                leave(self)
            try:
                return base_close(self)
            except BaseException as error:
                error.__traceback__ = error.__traceback__.tb_next
                raise

        def __del__(self, leave=leave):
            if getattr(self, "_at_span", None) is not None:
                try:
                    leave(self)
                except Exception:  # the interpreter is being taken down
                    pass

    return dress(Cursor, base)


def connection_class(base, cursor_type):
    """Make the subclass of the C connection."""
    base_init, base_cursor = base.__init__, base.cursor
    base_commit, base_rollback, base_exit = base.commit, base.rollback, base.__exit__
    run = cursor_type.execute

    class Connection(base):
        __slots__ = ("_at_calls", "_at_place")

        def __init__(self, *args, **kwargs):
            span = None
            self._at_calls = False
            try:
                database = args[0] if args else kwargs.get("database", "")
                if isinstance(database, (str, bytes, os.PathLike)):
                    self._at_place = (None, None, place_text(os.fsdecode(database)))
                else:  # sqlite3 will say what it thinks of it
                    self._at_place = (None, None, None)
                if on():
                    span = connecting({"db.namespace": self._at_place[2]})
                    span.begin()
            except Exception as error:
                self._at_place = (None, None, None)
                fault("sqlite3:Connection", error)
            try:
                base_init(self, *args, **kwargs)
            except BaseException as error:
                failed(span, error)
                error.__traceback__ = error.__traceback__.tb_next
                raise
            if span is not None:
                span.end()

        def cursor(self, *args, **kwargs):
            try:
                if not args and not kwargs:
                    return base_cursor(self, cursor_type)
                return base_cursor(self, *args, **kwargs)
            except BaseException as error:
                error.__traceback__ = error.__traceback__.tb_next
                raise

        def execute(self, sql, parameters=(), /):
            try:
                if not ASKS_ITSELF:
                    return run(base_cursor(self, cursor_type), sql, parameters)
                cursor = self.cursor()
                if type(cursor) is cursor_type:
                    return run(cursor, sql, parameters)
                return cursor.execute(sql, parameters)
            except BaseException as error:
                error.__traceback__ = error.__traceback__.tb_next
                raise

        def executemany(self, sql, parameters, /):
            try:
                return fresh(self).executemany(sql, parameters)
            except BaseException as error:
                error.__traceback__ = error.__traceback__.tb_next
                raise

        def executescript(self, sql_script, /):
            try:
                return fresh(self).executescript(sql_script)
            except BaseException as error:
                error.__traceback__ = error.__traceback__.tb_next
                raise

        def commit(self):
            try:
                return ending(self, "COMMIT", base_commit)
            except BaseException as error:
                error.__traceback__ = error.__traceback__.tb_next
                raise

        def rollback(self):
            try:
                return ending(self, "ROLLBACK", base_rollback)
            except BaseException as error:
                error.__traceback__ = error.__traceback__.tb_next
                raise

        def __exit__(self, kind, value, trace, /):
            word = "COMMIT" if kind is None and value is None and trace is None else "ROLLBACK"
            try:
                return ending(self, word, base_exit, kind, value, trace)
            except BaseException as error:
                error.__traceback__ = error.__traceback__.tb_next
                raise

    for name in CALLBACKS:
        if hasattr(base, name):
            setattr(Connection, name, calling(name, getattr(base, name)))

    def fresh(connection):
        if ASKS_ITSELF:
            return connection.cursor()
        return base_cursor(connection, cursor_type)

    return dress(Connection, base)


def calling(name, call):
    """A method that gives SQLite a function of the program's: from then on a statement may have spans below it."""

    def register(self, *args, **kwargs):
        self._at_calls = True
        try:
            return call(self, *args, **kwargs)
        except BaseException as error:
            error.__traceback__ = error.__traceback__.tb_next
            raise

    register.__name__ = name
    register.__wrapped__ = call
    return register


@hide
def whole(cursor, call, query, parameters, arguments):
    """`executemany` and `executescript`: a span for all of it."""
    span = None
    try:
        if on():
            if getattr(cursor, "_at_span", None) is not None:
                leave(cursor)
            cursor._at_span, cursor._at_rows = None, 0
            passed = None if parameters is None else True
            span = statement(query, cursor.connection._at_place, passed, 3)
            if call.__name__ == "executemany" and type(parameters) in (list, tuple):
                span["db.operation.batch.size"] = len(parameters)
            span.begin()
    except Exception as error:
        fault("sqlite3:Cursor.executemany", error)
    try:
        result = call(cursor, *arguments)
    except BaseException as error:
        failed(span, error)
        error.__traceback__ = error.__traceback__.tb_next
        raise
    if span is not None:
        span.affected_rows(cursor.rowcount)
        span.end()
    return result


@hide
def ending(connection, word, call, *arguments):
    """A commit or rollback; without a transaction it does nothing, and there is no span."""
    span = None
    try:
        under_way = on() and connection.in_transaction
    except Exception:  # a closed connection: the call will say so
        under_way = False
    try:
        if under_way:
            span = statement(word, connection._at_place, None, 3)
            span.begin()
    except Exception as error:
        fault("sqlite3:Connection.commit", error)
    try:
        result = call(connection, *arguments)
    except BaseException as error:
        failed(span, error)
        error.__traceback__ = error.__traceback__.tb_next
        raise
    if span is not None:
        span.end()
    return result


def failed(span, error):
    """The call raised: note it."""
    if span is not None:
        try:
            span.fail(error)
            span.end()
        except Exception as own:
            fault("sqlite3:error", own)


def dress(made, base):
    """Make the subclass look like what it stands for."""
    made.__name__ = base.__name__
    made.__qualname__ = base.__qualname__
    made.__module__ = base.__module__
    made.__doc__ = base.__doc__
    for name, method in vars(made).items():
        if callable(method) and hasattr(method, "__code__"):
            hide(method)
        if callable(method) and name in vars(base):
            method.__doc__ = vars(base)[name].__doc__
            method.__qualname__ = f"{base.__qualname__}.{name}"
            method.__module__ = base.__module__
    return made


@replace("sqlite3.dbapi2:Cursor")
def cursor(base):
    """The cursor."""
    return cursor_class(base)


@replace("sqlite3.dbapi2:Connection")
def connection(base):
    """The connection; made after the cursor, which it hands out."""
    module = sys.modules["sqlite3.dbapi2"]
    return connection_class(base, module.Cursor)


@replace("sqlite3.dbapi2:connect")
def connect(base):
    """`connect`: the same, with our connection as the default factory."""
    factory = sys.modules["sqlite3.dbapi2"].Connection

    @hide
    def connect(*args, **kwargs):
        # The factory may also stand sixth by position.
        if len(args) < 6 and "factory" not in kwargs:
            kwargs["factory"] = factory
        try:
            return base(*args, **kwargs)
        except BaseException as error:
            error.__traceback__ = error.__traceback__.tb_next
            raise

    connect.__doc__ = base.__doc__
    connect.__module__ = base.__module__
    connect.__qualname__ = base.__qualname__
    connect.__wrapped__ = base
    # It is pickled by that name.
    sys.modules["_sqlite3"].connect = connect
    return connect


@replace("sqlite3:Cursor")
@replace("sqlite3:Connection")
@replace("sqlite3:connect")
def exported(base):
    """The package's names are copies of those of `dbapi2`, made before ours came to be."""
    return getattr(sys.modules["sqlite3.dbapi2"], base.__name__)
