"""`autotrace doctor`: whether autotrace works here, and what it would trace."""

from __future__ import annotations

import argparse
import json
import os
import sys
from typing import Any

from autotrace import config
from autotrace.commands.interpreters import ask
from autotrace.store import Store, StoreError
from autotrace.store.layout import LIVE


class DoctorCommand:
    """Look at everything that tracing needs, and name what is wrong.

    Whether autotrace is switched on and how, which libraries it would trace in which versions,
    which of the functions that it hooks were not found, the configuration, the store and what was
    left behind in it. Libraries are imported for that, in a process of their own.
    """

    def prepare_parser(self, parser: argparse.ArgumentParser) -> None:
        """Add the command's arguments to ``parser``."""
        parser.add_argument(
            "--python",
            metavar="PATH",
            default=sys.executable,
            help="look at this interpreter instead of the one that autotrace runs in",
        )
        parser.add_argument("--json", action="store_true", help="print what was found as JSON")

    def run(self, arguments: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
        """Print what was found; return 1 where something is wrong."""
        found = examine(arguments.python)
        if arguments.json:
            json.dump(found, sys.stdout, indent=1)
            sys.stdout.write("\n")
        else:
            from autotrace.terminal.health import draw_health
            from autotrace.terminal.paper import Paper

            draw_health(Paper(sys.stdout), found)
        return 1 if found["problems"] else 0


def examine(python: str) -> dict[str, Any]:
    """Return all that doctor tells, as plain values; ``problems`` are sentences for a person.

    ``python`` is the path of the interpreter to look at. Raises Failure where it is none.
    """
    problems: list[str] = []
    try:
        working_folder = os.getcwd()
    except OSError:  # it was deleted
        working_folder = ""
    settings = config.load(None, working_folder, os.environ)
    problems += settings.problems
    # First, as what the interpreter finds out about plugins is kept in the same folder.
    store = _store(problems)
    interpreter = ask(python, settings.modules_off)
    if interpreter["refusal"]:
        problems.append(f"{interpreter['refusal']}.")
    for library in interpreter["libraries"]:
        problems += _complaints(library)
    switch = _switch(interpreter, settings)
    if config.enabled(os.environ) and not switch["installed"] and not interpreter["refusal"]:
        problems.append(
            f"AUTOTRACE_ENABLED is set, but autotrace is not installed in {python}, so it does "
            "nothing there. Install it, or start jobs with `autotrace-run`."
        )
    return {
        "version": _own_version(),
        "python": interpreter,
        "switched_on": switch,
        "config": {"file": settings.source or None, "problems": list(settings.problems)},
        "store": store,
        "problems": problems,
    }


def _own_version() -> str:
    """Return autotrace's version."""
    import autotrace

    return autotrace.__version__


def _switch(interpreter: dict[str, Any], settings: config.Config) -> dict[str, Any]:
    """Return by which roads a job would be traced."""
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    places = (os.path.join(package, "bootstrap"), os.path.dirname(package))
    bootstrap = next(
        (place for place in places if os.path.isfile(os.path.join(place, "sitecustomize.py"))), None
    )
    set_here = config.enabled(os.environ)
    supported = not interpreter["refusal"]
    installed = bool(interpreter["startup_files"]) and interpreter["package"] is not None
    return {
        "environment": os.environ.get("AUTOTRACE_ENABLED"),
        "by_environment": supported and installed and set_here and settings.enabled,
        "installed": installed,
        "bootstrap": bootstrap,
        "by_runner": supported and bootstrap is not None and settings.enabled,
        "off_by_config": not settings.enabled
        and (set_here or "AUTOTRACE_ENABLED" not in os.environ),
    }


def _complaints(library: dict[str, Any]) -> list[str]:
    """Return sentences about what of a library is not traced although it should be."""
    name = library["module"] + (f" {library['version']}" if library["version"] else "")
    found = []
    if library["missing"]:
        found.append(
            f"{name} has no {', '.join(library['missing'])}: calls of it are not traced. "
            "This version may be newer than autotrace knows."
        )
    if library["problem"]:
        found.append(f"{name}: {library['problem']}")
    return found


def _store(problems: list[str]) -> dict[str, Any]:
    """Return where the store lies and how it stands; add what is wrong with it to ``problems``."""
    home = config.home()
    answer: dict[str, Any] = {"home": home, "exists": os.path.isdir(home)}
    if not answer["exists"]:
        _try_live(home, problems)
        return answer
    try:
        with Store(home) as store:
            usage = store.usage()
            check = store.check()
            problems += [note for note in (*store.notes, store.why_readonly) if note]
            if not store.why_readonly:
                _try_live(home, problems)
    except StoreError as error:
        problems.append(str(error))
        answer["problem"] = str(error)
        return answer
    answer |= {
        "runs": usage.runs,
        "running": usage.running,
        "bytes": usage.bytes,
        "left_behind": usage.left_behind,
        "unlisted": check.unlisted,
        "missing": check.missing,
        "damaged": check.damaged,
    }
    problems += check.damaged
    if check.missing:
        problems.append(
            f"The files of {len(check.missing)} listed runs are gone: "
            f"{', '.join(run[:6] for run in check.missing[:5])}. "
            "`autotrace prune --older-than 365d` takes them off the list."
        )
    return answer


def _try_live(home: str, problems: list[str]) -> None:
    """Add to ``problems`` why no job could begin a run's folder below ``home``, if so it is."""
    place = os.path.join(home, LIVE)
    while not os.path.lexists(place):
        place = os.path.dirname(place)
    if not os.path.isdir(place):
        why = "is not a folder"
    elif not os.access(place, os.W_OK | os.X_OK):
        why = "may not be written to"
    else:
        return
    problems.append(
        f"No run can be kept in {home}: {place} {why}. Change that, or set AUTOTRACE_HOME to a "
        "folder of your own."
    )
