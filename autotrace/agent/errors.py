"""An exception as fields: its type, its message, its traceback, redacted and bounded."""

from __future__ import annotations

from autotrace.agent.callers import HIDDEN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, TracebackType
    from typing import Any

FRAMES = 50
MESSAGE_CHARACTERS = 1024
CAUSES = 5

_own = __file__.rsplit("agent", 1)[0]


def type_name(error: BaseException) -> str:
    """The exception's type as OpenTelemetry's `error.type` wants it: with its module, unless built in."""
    kind = type(error)
    if kind.__module__ in ("builtins", "__main__"):
        return kind.__qualname__
    return f"{kind.__module__}.{kind.__qualname__}"


def message(error: BaseException) -> str:
    """`str(error)`, redacted and at most 1,024 characters long; never raises."""
    from autotrace.agent.switch import redactor

    try:
        text = str(error)
    except Exception:  # the program's own __str__
        return "<its text could not be had>"
    return redactor().text(text, MESSAGE_CHARACTERS)


def _own_frame(code: CodeType) -> bool:
    name = code.co_filename
    return name == HIDDEN or name.startswith(_own)


def stacktrace(error: BaseException) -> str:
    """The traceback as Python prints it, without source lines (which may hold secrets) and without our frames."""
    parts: list[str] = []
    seen: set[int] = set()
    following: BaseException | None = error
    joint = ""
    while following is not None and id(following) not in seen and len(seen) < CAUSES:
        error = following
        seen.add(id(error))
        parts.append(_one(error) + joint)
        if error.__cause__ is not None:
            following = error.__cause__
            joint = "\n\nThe above exception was the direct cause of the following exception:\n"
        elif error.__context__ is not None and not error.__suppress_context__:
            following = error.__context__
            joint = "\n\nDuring handling of the above exception, another exception occurred:\n"
        else:
            break
    parts.reverse()
    return "\n".join(parts)


def _one(error: BaseException) -> str:
    frames = []
    trace: TracebackType | None = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        if not _own_frame(code):
            frames.append(f'  File "{code.co_filename}", line {trace.tb_lineno}, in {code.co_name}')
        trace = trace.tb_next
    if len(frames) > FRAMES:
        half = FRAMES // 2
        frames[half:-half] = [f"  … {len(frames) - FRAMES} more frames"]
    return "\n".join(
        ["Traceback (most recent call last):", *frames, f"{type_name(error)}: {message(error)}"]
    )


def exception_fields(error: BaseException) -> dict[str, Any]:
    """`exception.type`, `exception.message` and `exception.stacktrace` of OpenTelemetry's conventions."""
    try:
        return {
            "exception.type": type_name(error),
            "exception.message": message(error),
            "exception.stacktrace": stacktrace(error),
        }
    except Exception:  # hostile classes: what is left is the bare fact
        return {"exception.type": "unknown", "exception.message": "", "exception.stacktrace": ""}
