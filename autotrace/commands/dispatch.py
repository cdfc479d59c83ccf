"""From the command line to a command, and from what goes wrong to a message and an exit code."""

from __future__ import annotations

import argparse
import errno
import importlib
import inspect
import os
import sys
from collections.abc import Sequence
from typing import NoReturn, Protocol

from autotrace.terminal.paper import Paper

COMMANDS = {
    "list": "ListCommand",
    "show": "ShowCommand",
    "export": "ExportCommand",
    "doctor": "DoctorCommand",
    "prune": "PruneCommand",
}
"""Each subcommand, which is also its module's name, with its class; in the order of the help."""

_DESCRIPTION = """\
Show what background jobs did: runs as waterfalls, with every SQL statement and API call.

Trace a job with `autotrace-run COMMAND…`, then type `autotrace` for the recent runs and
`autotrace show` for the latest as a waterfall. RUN is the beginning of a run's id, as short as it
is unique; without it the latest run is meant."""

_EPILOG = """\
Runs are kept below AUTOTRACE_HOME (default: ~/.local/share/autotrace).
Exit codes: 0 fine, 1 something went wrong, 2 wrong usage."""


class Command(Protocol):
    """What each subcommand is."""

    def prepare_parser(self, parser: argparse.ArgumentParser) -> None:
        """Add the command's arguments to ``parser``."""

    def run(self, arguments: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
        """Do what was asked for; return the exit code. ``parser.error`` tells of wrong usage."""


class Failure(Exception):
    """What could not be done, in a text for a person: what happened, why, what to type next."""


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Lays out help without the import of shutil, which argparse would make for every argument."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=min(Paper(sys.stdout).width, 100) - 2)


class Parser(argparse.ArgumentParser):
    """An argument parser that takes no abbreviations and names the way to the help."""

    def __init__(self, **options: object) -> None:
        options.setdefault("allow_abbrev", False)
        options.setdefault("formatter_class", _Formatter)
        super().__init__(**options)  # type: ignore[arg-type]

    def error(self, message: str) -> NoReturn:
        """End the program with exit code 2, saying what is wrong with the command line."""
        self.exit(2, f"{self.prog}: {message}\nType `{self.prog} --help` for what there is.\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``autotrace`` with the arguments ``argv`` (``sys.argv[1:]`` by default).

    Returns the exit code: 0 fine, 1 our error, 2 wrong usage.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    _replace_closed_streams()
    try:
        try:
            code = _run(words)
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(bool(end.code))
        # What is still buffered may fail to be written, so it is written where that is handled.
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read our output has seen enough. The interpreter must not try to flush it again.
        _silence(sys.stdout)
        code = 0
    except KeyboardInterrupt:
        code = 130
    except Exception as error:
        if isinstance(error, OSError) and _is_of_output(error):
            text: str | None = f"The output could not be written ({error.strerror})."
        else:
            text = _explained(error)
        if text is None:
            raise
        sys.stderr.write(f"autotrace: {text}\n")
        code = 1
    return code


def _run(words: list[str]) -> int:
    """Parse ``words`` and run the command that they name."""
    if words and words[0] == "run":
        from autotrace.commands.run import main as run_main

        return run_main(words[1:])
    if not words or (words[0].startswith("-") and words[0] not in ("-h", "--help", "--version")):
        words = ["list", *words]
    parser = make_parser(only=words[0] if words[0] in COMMANDS else None)
    if words[0] not in COMMANDS and not words[0].startswith("-"):
        parser.error(_unknown(words[0]))
    arguments = parser.parse_args(words)
    command: Command = arguments.command
    return command.run(arguments, arguments.parser)


def _unknown(word: str) -> str:
    """Return what to say about a command that there is not."""
    import difflib

    near = difflib.get_close_matches(word, COMMANDS, 1)
    if near:
        return f"there is no command {word!r}; did you mean `autotrace {near[0]}`?"
    if len(word) >= 3 and set(word.lower()) <= set("0123456789abcdef"):
        return f"there is no command {word!r}; if it is a run, type `autotrace show {word}`."
    return f"there is no command {word!r}."


def make_parser(only: str | None = None) -> Parser:
    """Return the parser of the whole command line; ``only`` with a single command, to be quick."""
    parser = Parser(prog="autotrace", description=_DESCRIPTION, epilog=_EPILOG)
    parser.add_argument("--version", action=_Version, help="print the version and exit")
    below = parser.add_subparsers(
        metavar="COMMAND", title="commands", parser_class=Parser, prog="autotrace"
    )
    below.required = True
    for name in [only] if only else COMMANDS:
        command = load_command(name)
        text = inspect.getdoc(type(command)) or ""
        sub = below.add_parser(
            name, help=_lowered(text.partition("\n")[0].rstrip(".")), description=text
        )
        command.prepare_parser(sub)
        sub.set_defaults(command=command, parser=sub)
    return parser


def load_command(name: str) -> Command:
    """Import and return the subcommand called ``name``, one of ``COMMANDS``."""
    module = importlib.import_module(f"autotrace.commands.{name}")
    command: Command = getattr(module, COMMANDS[name])()
    return command


class _Version(argparse.Action):
    """Prints the version; it is looked up only then, as that means reading package metadata."""

    def __init__(self, option_strings: Sequence[str], dest: str, help: str) -> None:  # noqa: A002
        super().__init__(option_strings, argparse.SUPPRESS, nargs=0, help=help)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        import autotrace

        sys.stdout.write(f"autotrace {autotrace.__version__}\n")
        parser.exit()


def _lowered(text: str) -> str:
    """Return ``text`` with a small first letter, as in a list of commands."""
    return text[:1].lower() + text[1:]


def _replace_closed_streams() -> None:
    """Give input and output a place of their own where they were closed before this began."""
    if sys.stdin is None:
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115


def _is_of_output(error: OSError) -> bool:
    """Say whether output could not be written; if so, what is left of it vanishes."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        _silence(sys.stdout)
        return True
    # What is longer than the buffer leaves nothing behind in it.
    return error.filename is None and error.errno in (errno.ENOSPC, errno.EIO, errno.EDQUOT)


def _silence(stream: object) -> None:
    """Let what is written to ``stream`` from now on vanish."""
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())  # type: ignore[attr-defined]
        os.close(nowhere)
    except (OSError, ValueError, AttributeError):
        return


def _explained(error: Exception) -> str | None:
    """Return what to tell a person about an error, ``None`` where it is a fault of this program."""
    from autotrace.store import StoreError

    if isinstance(error, (Failure, StoreError)):
        return str(error)
    if isinstance(error, OSError):
        what = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        return f"{what}. Type `autotrace doctor` to see how the store stands."
    return None
