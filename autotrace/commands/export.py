"""`autotrace export`: a run in a format that other tools read."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Iterator
from typing import TextIO

from autotrace.commands.dispatch import Failure
from autotrace.commands.opening import load

_EXTENSIONS = {
    ".chrome.json": "chrome",
    ".perfetto.json": "chrome",
    ".trace.json": "chrome",
    ".trace": "chrome",
    ".otlp": "otlp",
    ".json": "otlp",
}


class ExportCommand:
    """Export a run in a format that other tools read.

    Formats: otlp is OpenTelemetry's OTLP/JSON, chrome the trace events of Chrome, to be opened in
    https://ui.perfetto.dev or speedscope. Without --format the file's name decides: .json is otlp,
    .trace.json, .chrome.json and .perfetto.json are chrome. A further .gz compresses.
    """

    def prepare_parser(self, parser: argparse.ArgumentParser) -> None:
        """Add the command's arguments to ``parser``."""
        parser.add_argument(
            "run_id", metavar="RUN", nargs="?", default="", help="the latest by default"
        )
        parser.add_argument(
            "-o",
            "--output",
            metavar="FILE",
            required=True,
            help="where to write it; - is standard output",
        )
        parser.add_argument("--format", choices=("otlp", "chrome"), help="the format of the file")

    def run(self, arguments: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
        """Write the file; return the exit code."""
        path: str = arguments.output
        kind = arguments.format or ("otlp" if path == "-" else _format_of(path))
        if not kind:
            parser.error(
                f"{path!r} does not say which format is meant: add --format otlp or chrome"
            )
        data = load(arguments.run_id)
        from autotrace.sinks import chrome, otlp_json

        write = chrome.write if kind == "chrome" else otlp_json.write
        if path == "-":
            write(data.run, data.spans, sys.stdout)
            return 0
        with _replacing(path) as stream:
            write(data.run, data.spans, stream)
        return 0


def _format_of(path: str) -> str:
    """Return the format that a file's name stands for, empty where it does not say."""
    name = path.lower().removesuffix(".gz")
    return next((kind for end, kind in _EXTENSIONS.items() if name.endswith(end)), "")


@contextlib.contextmanager
def _replacing(path: str) -> Iterator[TextIO]:
    """Open a text file to write that takes its place only when it is whole."""
    aside = f"{path}.{os.getpid()}.part"
    special = os.path.exists(path) and not os.path.isfile(path)
    try:
        with _open(path if special else aside, compress=path.lower().endswith(".gz")) as stream:
            yield stream
        if not special:
            os.replace(aside, path)
    except OSError as error:
        raise Failure(
            f"{path} could not be written ({error.strerror}). Name another file with -o."
        ) from error
    finally:
        with contextlib.suppress(OSError):
            os.unlink(aside)


def _open(path: str, *, compress: bool) -> TextIO:
    """Open ``path`` to write text."""
    if compress:
        import gzip

        return gzip.open(path, "wt", encoding="utf-8", compresslevel=6)
    return open(path, "w", encoding="utf-8")
