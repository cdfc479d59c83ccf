"""What an interpreter runs when autotrace is switched on; `autotrace.pth`, `autotrace.start` and the bootstrap call it.

Whatever goes wrong here leaves the program as it would have been, with one line on stderr.
"""

from __future__ import annotations

import os
import sys

OLDEST = (3, 10)
NEWEST = (3, 14)


def activate() -> None:
    """Switch the agent on in this process, once, if AUTOTRACE_ENABLED says so. Never raises."""
    global _done
    if _done:
        return
    _done = True
    try:
        from autotrace.config import enabled

        if not enabled(os.environ):
            return
        refusal = _refusal()
        if refusal:
            say(f"{refusal}; this program runs untraced")
            return
        from autotrace.agent.switch import switch_on

        switch_on()
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        say(
            f"the run cannot be kept, {where}{error.strerror or error}; this program runs untraced"
            " (AUTOTRACE_HOME may name another folder)"
        )
    except Exception as error:
        say(f"could not start ({type(error).__name__}: {error}); this program runs untraced")


_done = False


def _refusal() -> str:
    """Why this interpreter can't be traced, or ""."""
    version = sys.version_info[:2]
    if sys.implementation.name != "cpython":
        return f"{sys.implementation.name} is not supported, only CPython is"
    if not OLDEST <= version <= NEWEST:
        return f"Python {version[0]}.{version[1]} is not supported, only 3.10 to 3.14 are"
    if not getattr(sys, "_is_gil_enabled", lambda: True)():
        return "the free-threaded build of Python is not supported"
    if sys.platform not in ("linux", "darwin"):
        return f"{sys.platform} is not supported, only Linux and macOS are"
    return ""


def say(text: str) -> None:
    """Write one line to stderr, past whatever the program has made of `sys.stderr`. Never raises."""
    try:
        os.write(2, f"autotrace: {text}\n".encode("utf-8", "replace"))
    except OSError:
        pass
