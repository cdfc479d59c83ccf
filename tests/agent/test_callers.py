"""Where a call was made: the user's own line, whatever lies between it and the library."""

from __future__ import annotations

import os
import sys
import types
import zipfile
from pathlib import Path
from typing import Any

import pytest

from autotrace.agent import callers

LIBRARIES = [
    os.__file__,
    os.path.join(os.path.dirname(os.__file__), "json", "decoder.py"),
    f"{sys.prefix}/lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages/x.py",
    "/elsewhere/venv/lib/python3.9/site-packages/requests/api.py",
    "/usr/lib/python3/dist-packages/requests/api.py",
    callers.__file__,
    callers.HIDDEN,
    "<frozen importlib._bootstrap>",
    "<string>",
    "<ipython-input-1>",
    "<attrs generated init x>",
]
OWN = [
    "/app/sync_job.py",
    "sync_job.py",
    "./x.py",
    "/app/lib/python/mine.py",
    "app.zip/__main__.py",
    "",
]


def test_what_is_the_users_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(callers, "files", {callers.HIDDEN: False})
    monkeypatch.setitem(sys.modules, "__main__", types.SimpleNamespace(__file__="/app/job.py"))
    for name in LIBRARIES:
        if name != callers.HIDDEN:
            assert not callers.is_own(name), name
    for name in OWN:
        assert callers.is_own(name), name
        assert callers.files[name] is True


def test_a_folder_can_be_excluded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(callers, "_libraries", callers._libraries)
    monkeypatch.setattr(callers, "files", {})
    callers.exclude("/checkout/instrumentations/")
    assert not callers.is_own("/checkout/instrumentations/redis.py")
    assert callers.is_own("/checkout/instrumentations_of_mine/redis.py")


def test_no_more_files_are_remembered_than_there_is_room_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(callers, "files", {})
    monkeypatch.setattr(callers, "FILES", 3)
    for number in range(10):
        assert callers.is_own(f"/app/{number}.py")
    assert len(callers.files) == 3


def test_the_search_ends_in_deep_stacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(callers, "files", {__file__: False})

    def deep(levels: int) -> Any:
        return deep(levels - 1) if levels else callers.caller(0)

    assert deep(callers.DEPTH + 10) is None


def places(traced: Any) -> list[tuple[str, int, str]]:
    """Function, line and file of each statement."""
    assert traced.returncode == 0, traced.stderr
    return [
        (
            span.fields["code.function.name"].rpartition(".<locals>.")[2],
            span.fields["code.line.number"],
            os.path.basename(span.fields["code.file.path"]),
        )
        for span in traced.spans
        if span.name != "connect" and "code.line.number" in span.fields
    ]


SCRIPT = """\
import asyncio, autotrace, concurrent.futures, contextlib, functools, sqlite3, threading
db = sqlite3.connect(":memory:", check_same_thread=False)
def query(): return db.execute("SELECT 1")
def several():
    db.execute(
        "SELECT 2",
    )
    for _ in range(2):
        db.execute("SELECT 3"); db.execute("SELECT 4")
query()
several()
(lambda: db.execute("SELECT 5"))()
[db.execute("SELECT 6") for _ in (1,)]
list(db.execute("SELECT 7") for _ in (1,))
list(map(db.execute, ["SELECT 8"]))
exec('db.execute("SELECT 9")')
eval(compile('db.execute("SELECT 10")', "made.py", "eval"))
def decorate(function):
    @functools.wraps(function)
    def inner(*args):
        return function(*args)
    return inner
@decorate
@functools.lru_cache
def decorated(): db.execute("SELECT 11")
decorated()
thread = threading.Thread(target=lambda: db.execute("SELECT 12"))
thread.start(); thread.join()
thread = threading.Thread(target=db.execute, args=("SELECT 13",))
thread.start(); thread.join()
with concurrent.futures.ThreadPoolExecutor(1) as pool:
    pool.submit(query).result()
async def main():
    await asyncio.sleep(0)
    db.execute("SELECT 14")
    await asyncio.get_running_loop().run_in_executor(None, query)
asyncio.run(main())
class Model:
    @property
    def rows(self): return db.execute("SELECT 15")
    class Inner:
        def rows(self):
            db.execute("SELECT 16")
Model().rows
Model.Inner().rows()
functools.partial(db.execute, "SELECT 17")()
@contextlib.contextmanager
def managed():
    db.execute("SELECT 18")
    yield
with managed(): pass
"""


def test_lines_are_right_whatever_lies_between(trace: Any) -> None:
    traced = trace(SCRIPT)
    found = places(traced)
    assert {file for _, _, file in found} == {"job.py", "made.py"}
    inner = sys.version_info >= (3, 11)
    comprehension = "<module>" if sys.version_info >= (3, 12) else "<listcomp>"
    expected = [
        ("query", 3),
        ("several", 5),
        *[("several", 9)] * 4,
        ("<lambda>", 12),
        (comprehension, 13),
        ("<genexpr>", 14),
        ("<module>", 15),
        ("<module>", 16),
        ("<module>", 1),
        ("decorated", 25),
        ("<lambda>", 27),
        ("query", 3),
        ("main", 35),
        ("query", 3),
        ("Model.rows" if inner else "rows", 40),
        ("Model.Inner.rows" if inner else "rows", 43),
        ("<module>", 46),
        ("managed", 49),
    ]
    # What a thread of the library's alone calls has no place in the user's code.
    assert [(name, line) for name, line, _ in found] == expected


def test_a_call_without_any_frame_of_the_users_has_no_place(trace: Any) -> None:
    traced = trace(
        "import sqlite3, threading\n"
        "db = sqlite3.connect(':memory:', check_same_thread=False)\n"
        "thread = threading.Thread(target=db.execute, args=('SELECT 13',))\n"
        "thread.start()\nthread.join()\n"
    )
    [span] = traced.named("SELECT")
    assert not [name for name in span.fields if name.startswith("code.")]


QUERY = "import sqlite3\n\nsqlite3.connect(':memory:').execute('SELECT 1')\n"


@pytest.mark.parametrize("how", ["-c", "stdin", "zip", "-m", "package", "installed"])
def test_however_the_program_is_started(how: str, trace: Any, tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    arguments, file = ["-c", QUERY], "<string>"
    if how == "stdin":
        (work / "script").write_text(QUERY)
        # The fixture gives an empty standard input: the script takes its place.
        start = "import os, sys\nos.dup2(os.open('script', 0), 0)\nos.execv(sys.executable, ['py'])"
        arguments, file = ["-c", start], "<stdin>"
    elif how == "zip":
        with zipfile.ZipFile(work / "app.zip", "w") as archive:
            archive.writestr("__main__.py", "import inside\n")
            archive.writestr("inside.py", QUERY)
        arguments, file = ["app.zip"], "inside.py"
    elif how == "-m":
        (work / "tool.py").write_text(QUERY)
        arguments, file = ["-m", "tool"], "tool.py"
    elif how == "package":
        (work / "acme").mkdir()
        (work / "acme" / "__init__.py").write_text("")
        (work / "acme" / "sync.py").write_text(f"def run():\n    pass\n{QUERY}")
        arguments, file = ["-c", "import acme.sync"], "sync.py"
    elif how == "installed":
        packages = work / "venv" / "site-packages"
        packages.mkdir(parents=True)
        (packages / "vendor.py").write_text(QUERY)
        (work / "job.py").write_text(
            "import sys\nsys.path.insert(0, 'venv/site-packages')\n\n\nimport vendor\n"
        )
        arguments, file = ["job.py"], "job.py"
    traced = trace(arguments)
    lines = {"package": 5, "installed": 5}
    last = traced.journals[-1]
    found = [span for span in last.spans if span.name == "SELECT"]
    assert [
        (span.fields["code.line.number"], os.path.basename(span.fields["code.file.path"]))
        for span in found
    ] == [(lines.get(how, 3), file)]


def test_the_place_can_be_left_out(trace: Any) -> None:
    traced = trace(
        "import autotrace, sqlite3\n"
        "with autotrace.span('step'):\n"
        "    sqlite3.connect(':memory:').execute('SELECT 1')\n",
        config="[capture]\ncode_location = false\n",
    )
    assert [span.name for span in traced.spans] == ["step", "connect", "SELECT"]
    for span in traced.spans:
        assert not [name for name in span.fields if name.startswith("code.")]
