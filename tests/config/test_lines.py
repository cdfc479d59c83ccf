"""Lines of keys in TOML: right, or none at all."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotrace.toml_lines import key_lines

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def lines(text: str) -> dict[tuple[str | int, ...], int]:
    return key_lines(text, tomllib.loads(text))


@pytest.mark.parametrize(
    ("text", "path", "line"),
    [
        ("a = 1", ("a",), 1),
        ("\n# a = 2\na = 1", ("a",), 3),
        ("x = 1\r\n\r\na = 1", ("a",), 3),
        ("[t]\n a = 1", ("t", "a"), 2),
        ("[t]\n a = 1", ("t",), 1),
        ("[ t . u ] # x\n\na = 1", ("t", "u", "a"), 3),
        ("[t.u]\n[t]\na = 1", ("t", "a"), 3),
        ("t.u = 1\nt.v = 2", ("t", "v"), 2),
        ("t.u = 1\nt.v = 2", ("t",), 1),
        ("t . 'u.v' = 1", ("t", "u.v"), 1),
        ('"a\\tb" = 1', ("a\tb",), 1),
        ('"a\\u0041\\U0001F600\\"" = 1', ('aA\U0001f600"',), 1),
        ("'' = 1", ("",), 1),
        ("1.2 = 3", ("1", "2"), 1),
        ("[[t]]\na = 1\n[[t]]\na = 2", ("t", 1, "a"), 4),
        ("[[t]]\n[[t.u]]\n[[t.u]]\nx = 1\n[[t]]\n[[t.u]]\nx = 1", ("t", 1, "u", 0, "x"), 7),
        ("[[t]]\n[t.u]\nx = 1", ("t", 0, "u", "x"), 3),
        ("t = {a = 1, b = {c = 2}}", ("t", "b", "c"), 1),
        ("t = {}\nu = []\na = 1", ("a",), 3),
        ("t = [\n1, # ]\n\n2,\n]", ("t", 1), 4),
        ("t = [\n[1],\n[{a = 1},\n{a = 2}]]", ("t", 1, 1, "a"), 4),
        ('s = """\na = 1\n"""\na = 2', ("a",), 4),
        ("s = '''\n[t]\n'''\na = 2", ("a",), 4),
        ('s = """a"""""\na = 2', ("a",), 2),
        ("s = '''a'''''\na = 2", ("a",), 2),
        ('s = """\\"""\n"""\na = 2', ("a",), 3),
        ('s = "#\\""\na = 2', ("a",), 2),
        ("s = 'a\\'\na = 2", ("a",), 2),
        ("s = 1979-05-27 07:32:00\na = 2", ("a",), 2),
        ("s = 1979-05-27T07:32:00Z # x\na = 2", ("a",), 2),
        ("s = [inf, -nan, 0xff]\na = 2", ("a",), 2),
    ],
)
def test_line(text: str, path: tuple[str | int, ...], line: int) -> None:
    assert lines(text)[path] == line


def test_a_doubt_gives_no_line_at_all() -> None:
    assert key_lines("a = 1\nb = 2", {"a": 1}) == {}
    assert key_lines("a = 1", {"a": 1, "b": 2}) == {}
    assert key_lines("a = ", {"a": 1}) == {}
    assert key_lines("a = [", {"a": []}) == {}
    assert key_lines("= 1", {}) == {}


scalars = st.sampled_from(
    ["1", "true", "-1.5", "1979-05-27", '"x # ] }"', "'= ['", '"""\n\n[no]\nk = 1\n"""', "'''\n'''"]
)


def spread(items: list[str]) -> str:
    return "[\n" + "".join(f"  {item}, # ] x\n\n" for item in items) + "]"


values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3).map(spread)
        | st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]")
    ),
    max_leaves=6,
)
numbers = st.integers(0, 5)


@given(st.data())
def test_the_line_of_every_key_has_that_key(data: st.DataObject) -> None:
    count = 0

    def name() -> str:
        nonlocal count
        count += 1
        style = data.draw(st.sampled_from(["{}", '"{}"', "'{}'"]))
        return str(style.format(f"key-{count}-"))

    def keys() -> str:
        return " . ".join(name() for _ in range(data.draw(st.integers(1, 3))))

    def value() -> str:
        if data.draw(numbers) == 0:
            inside = ", ".join(f"{keys()} = {one_line()}" for _ in range(data.draw(numbers)))
            return "{" + inside + "}"
        return str(data.draw(values))

    def one_line() -> str:
        return str(data.draw(scalars.filter(lambda text: "\n" not in text)))

    parts = []
    for _ in range(data.draw(numbers)):
        blank = data.draw(st.sampled_from(["", "\n", "# key-1- = 1\n", "  \t\n\n"]))
        kind = data.draw(numbers)
        if kind == 0:
            parts.append(f"{blank}[{keys()}]")
        elif kind == 1:
            parts.append(f"{blank}[[ {keys()} ]] # x")
        else:
            parts.append(f"{blank}{keys()} = {value()}")
    text = "\n".join(parts)
    found = lines(text)
    written = text.split("\n")

    def walk(table: Any, path: tuple[str | int, ...]) -> None:
        entries = table.items() if isinstance(table, dict) else enumerate(table)
        for key, below in entries:
            line = written[found[(*path, key)] - 1]
            if isinstance(key, str):
                assert key in line
                assert not line.startswith("#")
            if isinstance(below, (dict, list)):
                walk(below, (*path, key))

    walk(tomllib.loads(text), ())


@given(st.text("[]{}=\"'.,#\n ab1", max_size=40))
def test_whatever_the_parser_takes_is_understood(text: str) -> None:
    try:
        document = tomllib.loads(text)
    except ValueError:
        return
    found = key_lines(text, document)
    assert bool(found) == bool(document)
