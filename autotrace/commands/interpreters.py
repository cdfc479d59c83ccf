"""What `autotrace doctor` learns from another interpreter, by asking it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterable
from typing import Any

from autotrace.commands.dispatch import Failure

TIMEOUT_S = 120
"""So long may importing all known libraries take."""

# Python 2 and old Python 3 understand this as well.
_VERSION = (
    "import sys; sys.stdout.write('%s %d.%d.%d' % "
    "((getattr(getattr(sys, 'implementation', None), 'name', 'cpython'),) + sys.version_info[:3]))"
)


def ask(python: str, off: Iterable[str]) -> dict[str, Any]:
    """Return what ``doctor_probe.probe`` finds in the interpreter ``python``.

    ``off`` are the modules not to be traced. An interpreter that is too old or too new for the
    probe gives only its version and a refusal. Raises Failure where it is no Python at all.
    """
    said = _run(python, _VERSION)
    words = said.stdout.split()
    if said.returncode or len(words) != 2:
        raise Failure(
            f"{python} does not seem to be a Python interpreter (exit code {said.returncode}). "
            "Name one with --python, such as /usr/bin/python3."
        )
    implementation, version = words
    if tuple(map(int, version.split(".")[:2])) < (3, 10):
        refusal = f"Python {version} is not supported, only 3.10 to 3.14 are"
        return {
            "executable": python,
            "version": version,
            "startup_files": [],
            "package": None,
            "refusal": refusal,
            "libraries": [],
        }
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "doctor_probe.py")
    code = (
        # `-c` would look into the working directory first, which may hold a requests.py.
        "import sys; sys.path[:] = [entry for entry in sys.path if entry]; "
        f"package = {package!r}; off = {sorted(off)!r}; path = {path!r}; "
        "exec(compile(open(path, encoding='utf-8').read(), path, 'exec'))"
    )
    said = _run(python, code)
    try:
        answer: dict[str, Any] = json.loads(said.stdout)
    except ValueError:
        last = said.stderr.strip().rpartition("\n")[2] or f"exit code {said.returncode}"
        raise Failure(
            f"{implementation} {version} at {python} could not be looked at: {last}. "
            f"Try `{python} -c 'import site'`."
        ) from None
    return answer


def _run(python: str, code: str) -> subprocess.CompletedProcess[str]:
    """Run code in an interpreter, untraced. Raises Failure where it cannot be started."""
    environ = {
        name: value for name, value in os.environ.items() if not name.startswith("AUTOTRACE_")
    }
    home = os.environ.get("AUTOTRACE_HOME")
    if home:
        environ["AUTOTRACE_HOME"] = home
    try:
        return subprocess.run(
            [python, "-c", code],
            env=environ,
            cwd=_working_folder(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=TIMEOUT_S,
            check=False,
        )
    except OSError as error:
        raise Failure(
            f"{python} could not be started ({error.strerror}). Name an interpreter with --python, "
            "such as /usr/bin/python3."
        ) from None
    except subprocess.TimeoutExpired:
        raise Failure(
            f"{python} did not answer within {TIMEOUT_S} seconds. One of its libraries may hang "
            "when it is imported; switch that one off with AUTOTRACE_DISABLE."
        ) from None


def _working_folder() -> str | None:
    """Where to start an interpreter, None for here: where that was deleted, imports fail."""
    try:
        os.getcwd()
    except OSError:
        return "/"
    return None
