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


def _room(sort: str) -> bool:
    """Count an event of this sort, and say whether it is to be kept."""
    _counts[sort] += 1
    dropped = _counts[sort] - EVENTS
    if dropped <= 0:
        return True
    # Now and then, for a process that is killed; `finish` says it exactly.
    if dropped == 1 or dropped % 1000 == 0:
        _say_dropped(sort, dropped)
    return False


def _say_dropped(sort: str, dropped: int) -> None:
    tracer.process_fields({f"autotrace.{sort}_events_dropped": dropped})


def finish() -> None:
    """Write down, at the process's end, how many events there was no room for."""
    for sort, count in _counts.items():
        if count > EVENTS:
            _say_dropped(sort, count - EVENTS)


def restart() -> None:
    """Count anew, in a forked child."""
    for sort in _counts:
        _counts[sort] = 0


def _event(name: str, fields: dict[str, Any]) -> None:
    span = tracer.current_here()
    if span is None:
        tracer.process_event(name, fields)
    else:
        span.event(name, fields)


def _message(record: Any) -> str:
    from autotrace.agent.errors import type_name
    from autotrace.agent.switch import redactor

    try:
        text = record.getMessage()
    except Exception as error:  # wrong arguments: logging itself reports it
        template = record.msg
        text = (
            str.__str__(template) if isinstance(template, str) else f"<{type(template).__name__}>"
        )
        text = f"{text} ({type_name(error)} in its arguments)"
    return redactor().text(text, MESSAGE_CHARACTERS)


@around("logging:Filterer.filter")
def log_filter(filterer: Any, record: Any) -> Generator[None, Any, None]:
    """Past a logger's level and filters: a record that the program wants to be seen.

    What follows, the handlers, is not wrapped: on wrong arguments logging prints a stack, ours within.
    """
    wanted = yield None
    if not wanted or record.levelno < level or not hasattr(filterer, "callHandlers"):
        return
    if hasattr(wanted, "getMessage"):  # from 3.12 on a filter may put another record in its place
        record = wanted
    if not _room("log"):
        return
    fields = {
        "log.severity": record.levelname,
        "log.message": _message(record),
        "log.logger": record.name,
        "code.file.path": record.pathname,
        "code.line.number": record.lineno,
    }
    raised = record.exc_info
    if type(raised) is tuple and len(raised) == 3 and isinstance(raised[1], BaseException):
        from autotrace.agent.errors import exception_fields

        fields.update(exception_fields(raised[1]))
    _event("log", fields)


@around("warnings:_showwarnmsg")
def show_warning(msg: Any) -> Generator[None, Any, None]:
    """Past the filters: a warning that is about to be shown, unless somebody collects it."""
    if warnings_wanted and _is_shown() and _room("warning"):
        from autotrace.agent.switch import redactor

        try:
            text = str(msg.message)
        except Exception:  # the program's own __str__
            text = "<its text could not be had>"
        _event(
            "warning",
            {
                "warning.category": msg.category.__name__,
                "warning.message": redactor().text(text, MESSAGE_CHARACTERS),
                "code.file.path": msg.filename,
                "code.line.number": msg.lineno,
            },
        )
    yield None


def _is_shown() -> bool:
    warnings = sys.modules["warnings"]
    # catch_warnings(record=True) puts a list's `append` here.
    if getattr(warnings._showwarnmsg_impl, "__name__", "") != "_showwarnmsg_impl":
        return False
    # logging.captureWarnings(True) makes a log record of it, which is an event already.
    return level > 30 or getattr(warnings.showwarning, "__module__", "") != "logging"


@around("threading:Thread._bootstrap_inner")
def thread(self: Any) -> Generator[None, Any, None]:
    """An exception that ends a thread is shown by the thread's own hook: it is noted on the way there."""
    tracer.forget_thread()
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
