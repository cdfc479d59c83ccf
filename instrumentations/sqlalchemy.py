"""SQLAlchemy: what the driver can't know. 1.4, 2.0 and 2.1.

The statement's span is the driver's own, where the driver is instrumented; it gets the ORM entity and, for a lazy
load, the relationship (`User.subscriptions`), which names the culprit of an N+1. Where the driver is not
instrumented, the statement's span is made here. Besides: a span for each flush, and for each wait for a pooled
connection that there was none of.
"""

from __future__ import annotations

from autotrace.agent import around, fault, is_hooked, plain, saying, sql

SYSTEMS = {
    "mysql": "mysql",
    "mariadb": "mariadb",
    "postgresql": "postgresql",
    "sqlite": "sqlite",
    "oracle": "oracle.db",
    "mssql": "microsoft.sql_server",
}
"""Dialect names to `db.system.name`."""

flushing = plain("sqlalchemy.flush")
waiting = plain("sqlalchemy.pool.wait")
statements = {}


def statement(dialect, query, parameters, context):
    """A span for a statement of a driver that has no instrumentation of its own."""
    make = statements.get(dialect.name)
    if make is None:
        make = statements[dialect.name] = sql(
            SYSTEMS.get(dialect.name, dialect.name), scope="sqlalchemy"
        )
    url = context.engine.url if context is not None else None
    place = (None, None, None) if url is None else (url.host, url.port, url.database)
    return make(query, place, parameters, 3)


def entity(context):
    """The name of the ORM class that a statement is about; remembered with the compiled statement."""
    compiled = getattr(context, "compiled", None)
    if compiled is None:
        return None
    known = compiled.__dict__.get("_autotrace_entity", "")
    if known != "":
        return known
    name = None
    state = getattr(compiled, "compile_state", None)
    for found in getattr(state, "_entities", ()):
        mapper = getattr(found, "mapper", None) or getattr(found, "entity_zero", None)
        mapper = getattr(mapper, "mapper", mapper)
        if hasattr(mapper, "class_"):
            name = mapper.class_.__name__
            break
    compiled.__dict__["_autotrace_entity"] = name
    return name


@around(
    "sqlalchemy.engine.default:DefaultDialect.do_execute",
    "sqlalchemy.engine.default:DefaultDialect.do_executemany",
)
def do_execute(dialect, cursor, query, parameters, context=None):
    yield from execution(dialect, cursor, query, parameters, context)


@around("sqlalchemy.engine.default:DefaultDialect.do_execute_no_params")
def do_execute_no_params(dialect, cursor, query, *args):
    yield from execution(dialect, cursor, query, None, args[-1] if args else None)


def execution(dialect, cursor, query, parameters, context):
    """One execution of a statement by the dialect."""
    name = entity(context)
    about = {"sqlalchemy.entity": name} if name else {}
    if not is_hooked(type(cursor).__module__):
        span = statement(dialect, query, parameters, context)
        span.update(about)
        yield span
        if cursor.description is None:
            span.affected_rows(cursor.rowcount)
    elif about:
        with saying(about):
            yield None
    else:
        yield None


@around(
    "sqlalchemy.orm.strategies:LazyLoader._emit_lazyload",
    "sqlalchemy.orm.strategies:_LazyLoader._emit_lazyload",
    optional=True,
)
def lazy_load(loader, *args, **kwargs):
    with saying({"sqlalchemy.lazy_load": f"{loader.parent.class_.__name__}.{loader.key}"}):
        yield None


@around("sqlalchemy.orm.session:Session._flush")
def flush(session, objects=None):
    if not (session._new or session._deleted or session._dirty_states):
        yield None
        return
    yield flushing(
        {
            "sqlalchemy.flush.new": len(session._new),
            "sqlalchemy.flush.deleted": len(session._deleted),
        }
    )


@around("sqlalchemy.pool.impl:QueuePool._do_get")
def checkout(pool):
    try:
        full = pool._max_overflow > -1 and pool._overflow >= pool._max_overflow
        waits = full and pool._pool.empty()
    except AttributeError as error:
        fault("sqlalchemy:QueuePool", error)
        waits = False
    yield waiting({"sqlalchemy.pool.size": pool._pool.maxsize}) if waits else None
