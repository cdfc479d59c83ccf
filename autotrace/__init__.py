"""autotrace: every database query, HTTP call and SaaS call of a Python job as a span, with no code change.

For those who want to say more than the agent sees by itself:

- `autotrace.span(name, **fields)`: a span around a block or a function,
- `autotrace.add_fields(**fields)`: fields of the span that is under way,
- `autotrace.current_span()`: that span.

They do next to nothing while autotrace is off. They are loaded when they are first used, since this module is
imported at the start of every traced process.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from autotrace.agent.api import CurrentSpan, add_fields, current_span, span

__version__ = "0.1.0"

__all__ = ["CurrentSpan", "__version__", "add_fields", "current_span", "span"]


def __getattr__(name: str) -> object:
    if name in ("CurrentSpan", "add_fields", "current_span", "span"):
        from autotrace.agent import api

        value: object = getattr(api, name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
