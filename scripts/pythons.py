"""Finds the Python interpreters of this machine, on PATH and in pyenv's folder.

As a command it prints them, oldest first: one line each, the version and the path.
"""

from __future__ import annotations

import glob
import json
import os
import subprocess
import sys
from typing import NamedTuple

SUPPORTED = ((3, 10), (3, 14))
"""The oldest and the newest version that autotrace traces."""

_ASK = (
    "import sys, platform, json; print(json.dumps([list(sys.version_info[:3]),"
    " platform.python_implementation(), bool(getattr(sys, '_is_gil_enabled', bool)()),"
    " getattr(sys, '_base_executable', sys.executable)]))"
)


class Python(NamedTuple):
    """One interpreter."""

    version: tuple[int, int]
    path: str

    @property
    def name(self) -> str:
        """The version as it is written, such as "3.12"."""
        return f"{self.version[0]}.{self.version[1]}"

    @property
    def supported(self) -> bool:
        """Whether autotrace traces programs that it runs."""
        return SUPPORTED[0] <= self.version <= SUPPORTED[1]


def find() -> list[Python]:
    """All CPython versions of this machine, oldest first, one interpreter for each minor version.

    Interpreters that do not start are left out, and so are other implementations and builds without
    the GIL.
    """
    found: dict[tuple[int, int], Python] = {}
    tried = set()
    for candidate in _candidates():
        real = os.path.realpath(candidate)
        if real in tried or not os.access(candidate, os.X_OK):
            continue
        tried.add(real)
        python = _identify(candidate)
        if python:
            found.setdefault(python.version, python)
    return sorted(found.values())


def supported() -> list[Python]:
    """Those of `find` that autotrace supports; at least the running one.

    Raises:
        RuntimeError: When there is none.
    """
    pythons = [python for python in find() if python.supported]
    if not pythons:
        raise RuntimeError(
            "no Python 3.10 to 3.14 was found on PATH or under pyenv; install one (Debian: python3)"
        )
    return pythons


def link(folder: str, pythons: list[Python]) -> None:
    """Make `folder` hold a link python3.N to each of `pythons`, for tools that look on PATH."""
    os.makedirs(folder, exist_ok=True)
    for python in pythons:
        path = os.path.join(folder, f"python{python.name}")
        if os.path.lexists(path):
            if os.readlink(path) == python.path:
                continue
            os.unlink(path)
        os.symlink(python.path, path)


def _candidates() -> list[str]:
    own = getattr(sys, "_base_executable", sys.executable)
    roots = {os.environ.get("PYENV_ROOT", ""), os.path.expanduser("~/.pyenv")} - {""}
    names = ["python3", "python2.7", *(f"python3.{minor}" for minor in range(6, 20))]
    paths = [own]
    for root in sorted(roots):
        paths += sorted(glob.glob(f"{glob.escape(root)}/versions/*/bin/python"))
    for folder in os.get_exec_path():
        if not folder.endswith("/shims"):
            paths += [f"{folder}/{name}" for name in names]
    return paths


def _identify(path: str) -> Python | None:
    try:
        answer = subprocess.run(  # -I came with Python 3.4
            [path, "-E", "-s", "-c", _ASK], capture_output=True, timeout=30, check=True
        )
        version, implementation, gil, base = json.loads(answer.stdout)
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    if implementation != "CPython" or (tuple(version) >= (3, 13, 0) and not gil):
        return None
    # An environment's interpreter stands for the one that it was made from.
    return Python((version[0], version[1]), base or path)


if __name__ == "__main__":
    for each in find():
        print(each.name, each.path)
