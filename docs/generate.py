"""Write the reference pages that are made from the code.

Run it as `python docs/generate.py` after each change of a command or setting. With `--check` it
writes nothing, names the pages that are out of date, and ends with 1 if there is one.
"""

from __future__ import annotations

import argparse
import inspect
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
REFERENCE = ROOT / "docs/reference"
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

import configuration_page  # noqa: E402

from autotrace.commands import run  # noqa: E402
from autotrace.commands.dispatch import COMMANDS, load_command  # noqa: E402

HEAD = """\
# Commands

This page is made from the commands' own help by `docs/generate.py`.

`autotrace` alone is `autotrace list`, and `autotrace run` is `autotrace-run`. RUN is the beginning
of a run's id, as short as it is unique; without it the latest run is meant. Before anything else,
each command but `doctor` completes the runs that a killed collector or a reboot left behind.

Exit codes: 0 fine, 1 something went wrong (said on standard error), 2 wrong usage. `autotrace-run`
ends as the job does.

Output is coloured where it goes to a terminal. `NO_COLOR` switches that off, `FORCE_COLOR=1` on,
and `COLUMNS` sets the width. What a traced program put into its spans cannot reach the terminal as
a command: control characters are shown, not sent.
"""


def commands_page() -> str:
    """Give the text of the page about the commands."""
    parts = [HEAD, f"## `autotrace-run`\n\n```text\n{(run.__doc__ or '').strip()}\n```\n"]
    for name in COMMANDS:
        command = load_command(name)
        parser = argparse.ArgumentParser(prog=f"autotrace {name}", add_help=False)
        command.prepare_parser(parser)
        parts.append(f"## `{_usage(parser)}`\n")
        parts.append((inspect.getdoc(type(command)) or "") + "\n")
        parts.append("| argument | meaning |\n| --- | --- |")
        for action in parser._actions:
            parts.append(f"| {_spelling(action)} | {_meaning(action)} |")
        parts.append("")
    return "\n".join(parts)


def _usage(parser: argparse.ArgumentParser) -> str:
    """Give a command's usage in a few words."""
    words = [parser.prog]
    for action in parser._actions:
        if not action.option_strings:
            words.append(f"[{action.metavar}]" if action.nargs == "?" else str(action.metavar))
        elif action.required:
            words.append(f"{action.option_strings[0]} {action.metavar}")
    return " ".join([*words, "[options]"])


def _spelling(action: argparse.Action) -> str:
    """Give the ways to write an argument."""
    names = ", ".join(f"`{name}`" for name in action.option_strings) or f"`{action.metavar}`"
    if action.option_strings and action.nargs != 0:
        value = str(action.metavar or "|".join(map(str, action.choices or ())))
        names += f" `[{value}]`" if action.nargs == "?" else f" `{value}`"
    return names.replace("|", "\\|")


def _meaning(action: argparse.Action) -> str:
    """Give what an argument means, with its choices."""
    text = str(action.help or "")
    if action.choices and action.metavar:
        text += ": " + ", ".join(f"`{choice}`" for choice in action.choices)
    return text.replace("|", "\\|")


PAGES: dict[Path, Callable[[], str]] = {
    REFERENCE / "commands.md": commands_page,
    configuration_page.PAGE: configuration_page.page,
}
"""Each page that is made, with what makes it."""


def main() -> int:
    """Write the pages, or check them; give the exit code."""
    stale = [
        path
        for path, make in PAGES.items()
        if not path.exists() or path.read_text(encoding="utf-8") != make()
    ]
    if "--check" in sys.argv[1:]:
        for path in stale:
            sys.stderr.write(f"{path.relative_to(ROOT)} is out of date: python docs/generate.py\n")
        return 1 if stale else 0
    for path in stale:
        path.write_text(PAGES[path](), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
