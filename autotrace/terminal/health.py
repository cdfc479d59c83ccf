"""What `autotrace doctor` found, for a person."""

from __future__ import annotations

from typing import Any

from autotrace.terminal.paper import Paper, Piece
from autotrace.terminal.text import clean, pad, width, wrap
from autotrace.terminal.units import count, size

_STATES = {
    "traced": "good",
    "in part": "warning",
    "failed": "error",
    "switched off": "dim",
    "not installed": "dim",
}


def draw_health(paper: Paper, found: dict[str, Any]) -> None:
    """Print ``found``, which is what ``autotrace.commands.doctor.examine`` returns."""
    python, switch, store = found["python"], found["switched_on"], found["store"]
    paper.flowing(("autotrace", "bold"), f" {found['version']}", indent="  ")
    _pair(paper, "python", f"{python['version']}  {python['executable']}")
    if python["refusal"]:
        _pair(paper, "", python["refusal"], "error")
    _draw_switch(paper, switch, python)
    config = found["config"]
    _pair(paper, "config", config["file"] or "no file; defaults and environment")
    _draw_store(paper, store)
    if python["libraries"]:
        paper.line()
        _draw_libraries(paper, python["libraries"])
    paper.line()
    if not found["problems"]:
        paper.line(("✓ nothing is wrong", "good"))
        return
    paper.line((f"✗ {count(len(found['problems']), 'problem')}", "error"))
    for problem in found["problems"]:
        for number, part in enumerate(wrap(clean(problem), paper.width - 4)):
            paper.line("  - " if number == 0 else "    ", part)


def _pair(paper: Paper, name: str, text: str, style: str = "") -> None:
    """Print a name and its text, wrapped beside it."""
    for number, part in enumerate(wrap(clean(text), paper.width - 13)):
        paper.line("  ", (pad(name if number == 0 else "", 11), "dim"), (part, style))


def _draw_switch(paper: Paper, switch: dict[str, Any], python: dict[str, Any]) -> None:
    """Print by which roads a job would be traced."""
    if switch["by_runner"]:
        _pair(paper, "runner", "`autotrace-run COMMAND` traces", "good")
    elif switch["off_by_config"]:
        _pair(paper, "runner", "switched off by the configuration", "warning")
    else:
        _pair(
            paper, "runner", "`autotrace-run COMMAND` does not trace in this interpreter", "error"
        )
    value = switch["environment"]
    here = (
        f"AUTOTRACE_ENABLED={value}" if value is not None else "AUTOTRACE_ENABLED is not set here"
    )
    if not switch["installed"]:
        _pair(
            paper,
            "alone",
            f"not installed in this interpreter, AUTOTRACE_ENABLED=1 alone does nothing ({here})",
        )
    elif switch["by_environment"]:
        _pair(paper, "alone", f"every job of this interpreter is traced ({here})", "good")
    else:
        _pair(paper, "alone", f"installed; AUTOTRACE_ENABLED=1 switches it on ({here})")
    for path in python["startup_files"]:
        _pair(paper, "", path, "dim")


def _draw_store(paper: Paper, store: dict[str, Any]) -> None:
    """Print where runs are kept and how much they take."""
    _pair(paper, "store", store["home"])
    if "runs" in store:
        parts = [count(store["runs"], "run"), size(store["bytes"])]
        if store["running"]:
            parts.append(f"{store['running']} under way")
        if store["left_behind"]:
            left = count(len(store["left_behind"]), "run")
            parts.append(f"{left} left behind (`autotrace` takes them in)")
        _pair(paper, "", " · ".join(parts), "dim")
    elif not store["exists"]:
        _pair(paper, "", "not made yet: the first traced job makes it", "dim")


def _draw_libraries(paper: Paper, libraries: list[dict[str, Any]]) -> None:
    """Print the table of libraries."""
    names = max(10, *(width(clean(library["module"])) for library in libraries))
    versions = max(7, *(width(clean(library["version"] or "")) for library in libraries))
    paper.line(("  " + pad("library", names) + "  " + pad("version", versions) + "  state", "dim"))
    for library in sorted(libraries, key=lambda entry: entry["version"] is None):
        state = library["state"]
        text = state
        if library["hooked"]:
            text += f", {count(library['hooked'], 'hook')}"
        if library["missing"]:
            text += f", {len(library['missing'])} not found"
        line: list[Piece] = ["  ", pad(clean(library["module"]), names), "  "]
        line.append((pad(clean(library["version"] or "-"), versions), "dim"))
        paper.line(*line, "  ", (text, _STATES[state]))
