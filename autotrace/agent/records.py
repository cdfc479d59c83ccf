"""Warnings, log records of level WARNING and above, and exceptions that end a thread: events of the current span."""

from __future__ import annotations

import sys

from autotrace.agent import tracer
from autotrace.agent.instrument import around

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator
    from typing import Any

level = 30
"""Log records from this level on are kept (30 is `logging.WARNING`); set from the configuration."""
warnings_wanted = True
"""Whether warnings are kept; set from the configuration."""
EVENTS = 1000
"""Events of each of these sorts in one process; later ones are counted in the process's own fields."""
MESSAGE_CHARACTERS = 1024

_counts = {"log": 0, "warning": 0}


def _event(sort: str, name: str, fields: dict[str, Any]) -> None:
    _counts[sort] += 1
    if _counts[sort] > EVENTS:
        if _counts[sort] == EVENTS + 1 or _counts[sort] % 1000 == 0:
            tracer.process_field(f"autotrace.{sort}_events_dropped", _counts[sort] - EVENTS)
        return
    span = tracer.current()
    if span is None:
        tracer.process_event(name, fields)
    else:
        span.event(name, fields)


@around("logging:Filterer.filter")
def log_filter(filterer: Any, record: Any) -> Generator[None, Any, None]:
    """Past a logger's level and filters: a record that the program wants to be seen.

    What follows, the handlers, is not wrapped: on wrong arguments logging prints a stack, ours within.
    """
    wanted = yield None
    if wanted and record.levelno >= level and hasattr(filterer, "callHandlers"):
        from autotrace.agent.errors import exception_fields, type_name
        from autotrace.agent.switch import redactor

        try:
            message = record.getMessage()
        except Exception as error:  # wrong arguments: logging itself reports it
            message = f"{record.msg!s} ({type_name(error)} in its arguments)"
        fields = {
            "log.severity": record.levelname,
            "log.message": redactor().text(message[: 4 * MESSAGE_CHARACTERS])[:MESSAGE_CHARACTERS],
            "log.logger": record.name,
            "code.file.path": record.pathname,
            "code.line.number": record.lineno,
        }
        if record.exc_info and record.exc_info[1] is not None:
            fields.update(exception_fields(record.exc_info[1]))
        _event("log", "log", fields)


@around("warnings:_showwarnmsg")
def show_warning(msg: Any) -> Generator[None, Any, None]:
    """Past the filters: a warning that is about to be shown, unless somebody collects it."""
    warnings = sys.modules["warnings"]
    if (
        warnings_wanted
        and getattr(warnings._showwarnmsg_impl, "__name__", "") == "_showwarnmsg_impl"
    ):
        from autotrace.agent.switch import redactor

        text = redactor().text(str(msg.message)[: 4 * MESSAGE_CHARACTERS])
        _event(
            "warning",
            "warning",
            {
                "warning.category": msg.category.__name__,
                "warning.message": text[:MESSAGE_CHARACTERS],
                "code.file.path": msg.filename,
                "code.line.number": msg.lineno,
            },
        )
    yield None


@around("threading:Thread._bootstrap_inner")
def thread(self: Any) -> Generator[None, Any, None]:
    """An exception that ends a thread is shown by the thread's own hook: it is noted on the way there."""
    show = self._invoke_excepthook

    def invoke_excepthook(thread: Any) -> None:
        error = sys.exc_info()[1]
        if error is not None and not isinstance(error, SystemExit):
            from autotrace.agent.errors import exception_fields

            try:
                tracer.process_event("exception", exception_fields(error))
            except Exception as own:
                tracer.fault("threading:exception", own)
        show(thread)

    self._invoke_excepthook = invoke_excepthook
    yield None
