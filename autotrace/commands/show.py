"""`autotrace show`: one run as a waterfall, or one of its spans."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from autotrace.commands.dispatch import Failure
from autotrace.commands.opening import load
from autotrace.commands.values import duration_ns, whole

if TYPE_CHECKING:
    from autotrace.store import RunData
    from autotrace.terminal.plan import Options


class ShowCommand:
    """Show a run as a waterfall: its spans as a tree, each with its bar on one time axis.

    A bar is thick where a span worked itself and thin where it waited for what is below it. Alike
    siblings are folded into one line: ×14 is how many, the time beside it their sum. What failed is
    red. What stands at the end of a line, such as @17, is what --span takes.
    """

    def prepare_parser(self, parser: argparse.ArgumentParser) -> None:
        """Add the command's arguments to ``parser``."""
        parser.add_argument(
            "run_id", metavar="RUN", nargs="?", default="", help="the latest by default"
        )
        parser.add_argument("--depth", metavar="N", type=whole, help="only N levels below the job")
        parser.add_argument(
            "--min",
            metavar="TIME",
            type=duration_ns,
            default=0,
            help="leave out what took less time, such as 10ms or 1.5s",
        )
        parser.add_argument(
            "--errors", action="store_true", help="only what failed, and the way to it"
        )
        parser.add_argument(
            "--expand", action="store_true", help="each span on a line of its own, nothing folded"
        )
        parser.add_argument(
            "--rows",
            metavar="N",
            type=whole,
            default=200,
            help="at most N lines (200); 0 for no limit",
        )
        parser.add_argument(
            "--fields",
            metavar="NAMES",
            nargs="?",
            const="*",
            help="print the fields below each span: all, or those named ('stripe.*,db.query.text')",
        )
        parser.add_argument(
            "--span",
            metavar="ID",
            help="one span with all its fields and events: @17, or the beginning of its id",
        )
        parser.add_argument(
            "--json",
            action="store_true",
            help="print the run and its spans as JSON (docs/reference/json.md)",
        )

    def run(self, arguments: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
        """Print the run; return the exit code."""
        if arguments.fields and not arguments.run_id and _is_run_id(arguments.fields):
            # `show --fields 7f3a`: names of fields have more than hex digits, ids of runs have not.
            arguments.run_id, arguments.fields = arguments.fields, "*"
        data = load(arguments.run_id)
        from autotrace.terminal.plan import Options

        options = Options(
            depth=arguments.depth,
            least_ns=arguments.min,
            errors=arguments.errors,
            expand=arguments.expand,
            rows=arguments.rows,
        )
        if arguments.json:
            _print_json(data, options, arguments.span)
        elif arguments.span:
            _print_span(data, arguments.span)
        else:
            from autotrace.terminal.paper import Paper
            from autotrace.terminal.waterfall import draw_waterfall

            names = [name.strip() for name in (arguments.fields or "").split(",") if name.strip()]
            draw_waterfall(Paper(sys.stdout), data.run, data.spans, options, fields=names)
        return 0


def _is_run_id(text: str) -> bool:
    """Say whether ``text`` can only be a run's id."""
    return set(text.lower()) <= set("0123456789abcdef")


def _print_span(data: RunData, wanted: str) -> None:
    """Print one span of the run."""
    from autotrace.terminal.one_span import SpanNotFound, draw_span, find_span
    from autotrace.terminal.paper import Paper

    try:
        span = find_span(data.spans, wanted, data.run.root_span_id)
    except SpanNotFound as error:
        raise Failure(f"{error} `autotrace show {data.run.run[:6]}` shows them.") from None
    draw_span(Paper(sys.stdout), data.run, data.spans, span)


def _print_json(data: RunData, options: Options, wanted: str | None) -> None:
    """Print the run and its spans, those that the options leave in."""
    from autotrace.sinks.plain_json import write_run

    spans = data.spans
    if wanted:
        from autotrace.terminal.one_span import SpanNotFound, find_span

        try:
            spans = [find_span(spans, wanted, data.run.root_span_id)]
        except SpanNotFound as error:
            raise Failure(f"{error} `autotrace show {data.run.run[:6]}` shows them.") from None
    elif options.errors or options.least_ns or options.depth is not None:
        from autotrace.insights.tree import Tree
        from autotrace.terminal.plan import selected

        tree = Tree(spans, data.run.root_span_id)
        spans = [tree.spans[index] for index in selected(tree, options)]
    write_run(data.run, spans, sys.stdout)
