"""What a Python process was started to do, read from its command line.

Asked before the program's first line runs, when `sys.argv` is not yet what the program will see;
so it reads the interpreter's own command line, `sys.orig_argv`.
"""

from __future__ import annotations

import os

from autotrace.config import matches

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from autotrace.config import Config

TOOLS = frozenset(
    (
        "autotrace",
        "autotrace-run",
        # installers and environments
        "conda",
        "ensurepip",
        "hatch",
        "mamba",
        "pdm",
        "pip",
        "pipenv",
        "pipx",
        "poetry",
        "pyproject-build",
        "pyproject_hooks",
        "twine",
        "uv",
        "uvx",
        "venv",
        "virtualenv",
        # test runners; "execnet" is a worker of pytest-xdist
        "execnet",
        "nose2",
        "nox",
        "py.test",
        "pytest",
        "tox",
        "unittest",
        # checkers and editors' servers
        "black",
        "compileall",
        "coverage",
        "dmypy",
        "flake8",
        "isort",
        "jedi-language-server",
        "mypy",
        "pre-commit",
        "pre_commit",
        "json",
        "py_compile",
        "pylint",
        "pylsp",
        "pyright",
        "ruff",
        "sysconfig",
        "timeit",
        # shells, notebooks, debuggers
        "bpython",
        "debugpy",
        "idle",
        "idlelib",
        "ipykernel",
        "ipykernel_launcher",
        "IPython",
        "ipython",
        "jupyter",
        "pdb",
        "ptpython",
        # a child that multiprocessing spawned, where the parent was not traced
        "multiprocessing",
    )
)
"""Commands that nobody means to trace when AUTOTRACE_ENABLED is set for all: their own names."""

TOOL_PATTERNS = ("idle3*", "ipython3*", "jupyter-*", "pip3*", "pytest-3*")

_XDIST_WORKER = "import sys;exec(eval(sys.stdin.readline()))"


def target(argv: Sequence[str], executable: str) -> tuple[str, str]:
    """Tell what the interpreter runs, as a pair.

    ``("script", path)``, ``("module", dotted name)``, ``("code", text)`` or ``("stdin", "")``.
    ``argv`` is the whole command line, interpreter first (`sys.orig_argv`), or that of the script
    (`sys.argv`); ``executable`` is the interpreter's path.
    """
    words = list(argv)
    if words and _is_interpreter(words[0], executable):
        del words[0]
    elif words and words[0] in ("-c", "-m"):
        # `sys.argv` has only the mark of what ran, not the code or the module
        return ("code" if words[0] == "-c" else "module", "")
    elif not words or not words[0]:
        return ("stdin", "")
    position = 0
    while position < len(words):
        word = words[position]
        position += 1
        following = words[position] if position < len(words) else ""
        if word == "-":
            break
        if word == "--":
            return ("script", following) if following else ("stdin", "")
        if word == "--check-hash-based-pycs":
            position += 1
        elif not word.startswith("-"):
            return ("script", word)
        elif not word.startswith("--"):
            for place, letter in enumerate(word[1:], 2):
                if letter in "cm":
                    return ("code" if letter == "c" else "module", word[place:] or following)
                if letter in "WX":
                    position += not word[place:]
                    break
    return ("stdin", "")


def job_name(argv: Sequence[str], executable: str) -> str:
    """Name a job after its script (``sync_job``) or module (``billing.sync``), else ``python``."""
    kind, what = target(argv, executable)
    if kind == "module":
        return what or "python"
    if kind == "script":
        name = _script_name(what)
        stem, dot, ending = name.rpartition(".")
        return stem if stem and dot and ending in ("py", "pyw", "pyz", "pyc", "exe") else name
    return "python"


def script_folder(argv: Sequence[str], executable: str) -> str:
    """Give the folder of the script that is run, links followed; "" where none is run."""
    kind, what = target(argv, executable)
    if kind != "script":
        return ""
    try:
        path = os.path.realpath(what)
    except (OSError, ValueError):
        return ""
    return path if os.path.isdir(path) else os.path.dirname(path)


def is_ignored(config: Config, argv: Sequence[str], executable: str) -> bool:
    """Say whether a command is one of ``TOOLS`` or of `ignore.commands`, and not in `ignore.keep`.

    A tool is known by its whole name, so that your own ``coverage.py`` is no tool; the names that a
    user gives are those of the script with or without its ending, or of the module or its package.
    """
    kind, what = target(argv, executable)
    if kind == "module":
        package = what.partition(".")[0]
        own = names = [what, package]
    elif kind == "script":
        name = _script_name(what)
        own, names = [name], [name, job_name(argv, executable)]
    elif kind == "code" and what == _XDIST_WORKER:
        own = names = ["execnet"]
    elif kind == "code" and what.startswith("from multiprocessing."):
        own = names = ["multiprocessing"]
    else:
        return False
    if _any_matches(config.ignore_keep, names):
        return False
    return (
        not TOOLS.isdisjoint(own)
        or _any_matches(TOOL_PATTERNS, own)
        or _any_matches(config.ignore_commands, names)
    )


def _any_matches(patterns: Sequence[str] | frozenset[str], names: Sequence[str]) -> bool:
    """Say whether any of the names is any pattern's."""
    return any(matches(pattern, name) for pattern in patterns for name in names)


def _is_interpreter(word: str, executable: str) -> bool:
    """Say whether the first word of a command line is the interpreter's own name."""
    name = os.path.basename(word)
    return name == os.path.basename(executable) or (
        name.startswith("python") and not name[6:].strip("0123456789.td")
    )


def _script_name(path: str) -> str:
    """Give a script's name; a folder's or archive's ``__main__.py`` is called after that."""
    path = path.rstrip("/") or path
    folder, name = os.path.split(path)
    if name == "__main__.py" and os.path.basename(folder):
        name = os.path.basename(folder)
    return name
