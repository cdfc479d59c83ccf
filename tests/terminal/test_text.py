"""What a traced program put into its spans cannot reach the terminal as a command."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotrace.terminal.text import clean, crop, pad, width, wrap

wild = st.text(st.characters() | st.sampled_from("\x00\x07\x1b\x7f\x9b\u202e\ud800日🙂\u0301 \t\n"))


def obeyed(char: str) -> bool:
    """Whether a terminal may do something else with a character than show it."""
    return (
        unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") or char in "\u202e\u2066\u200f\u200b"
    )


@given(wild)
def test_nothing_is_left_that_a_terminal_obeys(text: str) -> None:
    assert not any(map(obeyed, clean(text)))
    assert not any(obeyed(char) for char in clean(text, lines=True) if char != "\n")


@given(wild, st.integers(0, 20))
def test_what_is_cropped_fits(text: str, columns: int) -> None:
    text = clean(text)
    cropped = crop(text, columns)
    assert width(cropped) <= columns
    assert cropped == text or width(text) > columns
    assert width(pad(cropped, columns)) == columns


@given(wild, st.integers(2, 20))
def test_what_is_wrapped_fits_and_keeps_every_word(text: str, columns: int) -> None:
    text = clean(text)
    lines = wrap(text, columns)
    assert all(width(line) <= columns for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")


@pytest.mark.parametrize(
    ("given_text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "␛[31mred␛[0m"),
        ("title\x1b]0;pwned\x07", "title␛]0;pwned␇"),
        ("\x9b2J", "\\x9b2J"),
        ("abc\u202edef", "abc\\u202edef"),
        ("SELECT *\n  FROM\tt", "SELECT * FROM t"),
        ("\ud800", "\ufffd"),
        ("日本", "日本"),
    ],
)
def test_what_is_shown_instead(given_text: str, shown: str) -> None:
    assert clean(given_text) == shown


def test_a_tower_of_marks_is_torn_down() -> None:
    assert len(clean("a" + "\u0301" * 500)) < 10


def test_wide_characters_count_two() -> None:
    assert width("日本e\u0301") == 5
    assert crop("日本語", 5) == "日本…"
    assert crop("日本語", 4) == "日…"
