"""Where a call was made: the nearest frame that is the user's own code.

The user's own is what lies neither in the standard library, nor among installed packages, nor in autotrace.
A file is judged once.
"""

from __future__ import annotations

import sys
from sys import _getframe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, FrameType
    from typing import Any

HIDDEN = "<autotrace importlib._bootstrap>"
"""The file name of code of ours that stands between the user's and a library's.

`warnings` (for `stacklevel`) and `logging` (for the caller) pass over frames whose file name has `importlib` and
`_bootstrap` in it, as they pass over the import system's own: so both go on naming the place that they named
without us.
"""

files: dict[str, bool] = {HIDDEN: False}
"""Whether a file's code is the user's own, of the files seen so far."""
_package = __file__.rsplit("agent", 1)[0]

DEPTH = 150
"""Frames that are looked at, at the most."""
FILES = 20_000
"""Files whose answer is remembered."""


def _library_folders() -> tuple[str, ...]:
    """Folders whose code is not the user's."""
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    found = [_package]
    for prefix in (sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix):
        for library in ("lib", "lib64"):
            found.append(f"{prefix}/{library}/{version}/")
    return tuple(dict.fromkeys(found))


_libraries = _library_folders()


def exclude(folder: str) -> None:
    """Take one more folder as not the user's (a checkout's `instrumentations/`)."""
    global _libraries
    _libraries = (*_libraries, folder.rstrip("/") + "/")


def is_own(filename: str) -> bool:
    """Whether code of this file is the user's own."""
    if filename.startswith("<"):
        # `python -c` and a script on standard input; generated code bears such names too, but it seldom calls out.
        own = filename == "<stdin>" or (
            filename == "<string>" and not hasattr(sys.modules.get("__main__"), "__file__")
        )
    else:
        own = not (
            filename.startswith(_libraries)
            or "/site-packages/" in filename
            or "/dist-packages/" in filename
        )
    if len(files) < FILES:
        files[filename] = own
    return own


def caller(depth: int) -> FrameType | None:
    """The nearest frame of the user's own code, from `depth` frames above this function's caller on."""
    frame: FrameType | None = _getframe(depth + 1)
    left = DEPTH
    while frame is not None and left:
        name = frame.f_code.co_filename
        own = files.get(name)
        if own is None:
            own = is_own(name)
        if own:
            return frame
        frame = frame.f_back
        left -= 1
    return None


keep_location = True
"""Whether the place of a call is kept; set from the configuration."""


def code_fields(frame: FrameType) -> dict[str, Any]:
    """`code.function.name`, `code.file.path` and `code.line.number` of a frame; nothing where they are not wanted."""
    if not keep_location:
        return {}
    code: CodeType = frame.f_code
    name = getattr(code, "co_qualname", code.co_name)
    module = frame.f_globals.get("__name__")
    if type(module) is str and module != "__main__" and name != "<module>":
        name = f"{module}.{name}"
    return {
        "code.function.name": name,
        "code.file.path": code.co_filename,
        "code.line.number": frame.f_lineno or 0,
    }


def hide(function: Any) -> Any:
    """Give a function of ours the file name that `warnings` and `logging` pass over."""
    function.__code__ = function.__code__.replace(co_filename=HIDDEN)
    return function
