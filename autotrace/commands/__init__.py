"""The subcommands of ``autotrace``: one file each, its class's docstring the help text.

A command is a class with ``prepare_parser(parser)``, which adds its arguments, and
``run(arguments, parser) -> int``, which does the work and returns the exit code. Only the file of
the command that was typed is imported, and by it only what that command needs; nothing at all is
imported here, as ``autotrace-run`` comes through here on its way to start the job.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``autotrace`` with the arguments ``argv`` (``sys.argv[1:]`` by default).

    Returns the exit code: 0 fine, 1 our error, 2 wrong usage.
    """
    from autotrace.commands.dispatch import main as run

    return run(argv)
