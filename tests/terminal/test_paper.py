"""Width, colour and characters of what is drawn on."""

from __future__ import annotations

import io

import pytest

from autotrace.terminal.paper import Paper


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("environ", "terminal", "coloured"),
    [
        ({"TERM": "xterm"}, True, True),
        ({"TERM": "xterm"}, False, False),
        ({"TERM": "xterm", "NO_COLOR": "1"}, True, False),
        ({"TERM": "xterm", "NO_COLOR": ""}, True, True),
        ({"TERM": "dumb"}, True, False),
        ({"FORCE_COLOR": "1"}, False, True),
        ({"FORCE_COLOR": "0"}, False, False),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False, False),
    ],
)
def test_colour(environ: dict[str, str], terminal: bool, coloured: bool) -> None:
    stream = Terminal() if terminal else io.StringIO()
    assert Paper(stream, environ=environ).colour is coloured


@pytest.mark.parametrize(
    ("columns", "width"), [("77", 77), ("8", 40), ("", 100), ("x", 100), ("-5", 100)]
)
def test_width(columns: str, width: int) -> None:
    assert Paper(io.StringIO(), environ={"COLUMNS": columns}).width == width


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8"])
def test_every_encoding_takes_everything(encoding: str) -> None:
    raw = io.BytesIO()
    paper = Paper(io.TextIOWrapper(raw, encoding=encoding))
    paper.line("├ ×14 ━╸ 日本 µ …", ("✗", "error"))
    paper.stream.flush()
    assert raw.getvalue().decode(encoding).count("\n") == 1
    assert paper.unicode is (encoding == "utf-8")


def test_flowing_breaks_between_pieces() -> None:
    stream = io.StringIO()
    paper = Paper(stream, columns=40)
    paper.flowing("a" * 30, "   ", ("b" * 20, "error"), "   c")
    assert stream.getvalue() == f"{'a' * 30}\n    {'b' * 20}   c\n"
