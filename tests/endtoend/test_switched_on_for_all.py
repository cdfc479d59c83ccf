"""AUTOTRACE_ENABLED=1 for a whole machine: jobs in every shape are traced, tools are not, and nobody notices."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

CODE = "import sqlite3; sqlite3.connect(':memory:').execute('SELECT 1'); print('job')"


def test_tools_are_left_alone(user: Any) -> None:
    user.file("test_it.py", "def test_it():\n    assert True\n")
    for command in (
        ["-m", "pip", "--version"],
        ["-m", "venv", "--without-pip", "environment"],
        ["-m", "pytest", "-q", "-p", "no:cacheprovider", "test_it.py"],
        ["-m", "unittest", "-q", "test_it"],
        ["-m", "json.tool", "--help"],
        [Path(user.python).parent / "pytest", "-q", "-p", "no:cacheprovider", "test_it.py"],
        [Path(user.python).parent / "autotrace", "list"],
    ):
        bare = user.do([user.python, *command])
        done = user.switched_on(user.python, *command)
        assert (done.returncode, "autotrace:" in done.stderr) == (bare.returncode, False), command
    assert user.runs() == []


def test_what_they_run_can_be_asked_for(user: Any) -> None:
    user.file("test_it.py", "def test_it():\n    import sqlite3\n    sqlite3.connect(':memory:')\n")
    command = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "test_it.py"]
    done = user.switched_on(user.python, *command, env={"AUTOTRACE_IGNORE_KEEP": "pytest"})
    assert done.returncode == 0
    assert [run["job"] for run in user.runs()] == ["pytest"]
    assert user.run("-q", user.python, *command).returncode == 0
    assert [run["job"] for run in user.runs()] == ["pytest", "pytest"]


SHAPES = {
    "-c": (["-c", CODE], "python"),
    "-m": (["-m", "billing.sync"], "billing.sync"),
    "package": (["-m", "billing"], "billing"),
    "folder": (["billing"], "billing"),
    "zipapp": (["app.pyz"], "app"),
    "stdin": ([], "python"),
    "dash": (["-", "argument"], "python"),
    "unicode": (["a folder/tâche ☃.py"], "tâche ☃"),
    "no ending": (["nightly"], "nightly"),
}


@pytest.mark.parametrize("way", ["runner", "switched on"])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_job_has_many_shapes(user: Any, shape: str, way: str) -> None:
    command, name = SHAPES[shape]
    for path in ("billing/sync.py", "billing/__main__.py", "a folder/tâche ☃.py", "nightly"):
        user.file(path, CODE + "\n")
    user.file("billing/__init__.py", "")
    if shape == "zipapp":
        user.do([user.python, "-m", "zipapp", "billing", "-o", "app.pyz"])
    given = {"input": CODE + "\n"} if name == "python" and shape != "-c" else {}
    done = user.traced(way, user.python, *command, **given)
    assert (done.returncode, done.stdout, done.stderr) == (0, "job\n", "")
    shown = user.the_run()
    assert (shown.run["job"], shown.root["name"]) == (name, name)
    assert sorted(shown.below(shown.root)) == ["SELECT", "connect"]


LIBRARIES = """
import http.server, logging, sqlite3, threading, sys
import requests, httpx, urllib3, sqlalchemy
import autotrace

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")
    def log_message(self, *arguments): pass

with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}/"
    with requests.Session() as session: session.get(url).close()
    with httpx.Client(trust_env=False) as client: client.get(url)
    with urllib3.PoolManager() as pool: pool.request("GET", url)
    server.shutdown()
    thread.join()
db = sqlite3.connect(":memory:")
with autotrace.span("work"):
    db.execute("SELECT 1").fetchall()
db.close()
engine = sqlalchemy.create_engine("sqlite://")
with engine.connect() as connection:
    connection.execute(sqlalchemy.text("SELECT 2")).all()
engine.dispose()
print("job", len(sys.argv))
sys.exit(3)
"""

OPTIONS = [
    ["-I"],
    ["-E"],
    ["-s"],
    ["-O"],
    ["-u"],
    ["-X", "utf8"],
    ["-X", "frozen_modules=off"],
    ["-W", "error", "-b"],
    ["-W", "error", "-bb", "-X", "dev"],
]


@pytest.mark.parametrize("options", OPTIONS, ids=" ".join)
def test_no_option_of_the_interpreter_makes_us_speak(user: Any, options: list[str]) -> None:
    user.file("job.py", LIBRARIES)
    off = user.do([user.python, *options, "job.py"])
    on = user.switched_on(user.python, *options, "job.py")
    assert (on.returncode, on.stdout, on.stderr) == (off.returncode, off.stdout, off.stderr)
    assert (on.returncode, on.stdout) == (3, "job 1\n"), off.stderr
    shown = user.the_run()
    assert shown.run["state"] == "failed"
    assert shown.below(shown.root).count("GET") == 3
    assert shown.below(shown.one("work")) == ["SELECT"]


def test_without_site_there_is_no_agent(user: Any) -> None:
    user.file("job.py", "print('job')\n")
    done = user.switched_on(user.python, "-S", "job.py")
    assert (done.returncode, done.stdout, done.stderr) == (0, "job\n", "")
    assert user.runs() == []
    done = user.run("-q", user.python, "-S", "job.py")
    assert (done.returncode, done.stdout, done.stderr) == (0, "job\n", "")
    assert user.the_run().run["spans"] == 1


def test_the_times_of_imports_are_printed_as_ever(user: Any) -> None:
    user.file("job.py", "print('job')\n")
    done = user.switched_on(user.python, "-X", "importtime", "job.py")
    assert (done.returncode, done.stdout) == (0, "job\n")
    assert {line.partition(":")[0] for line in done.stderr.splitlines()} == {"import time"}
    assert len(user.runs()) == 1


def test_warnings_as_errors_in_our_own_commands(user: Any) -> None:
    user.file("job.py", LIBRARIES)
    strict = {"PYTHONWARNINGS": "error", "PYTHONDEVMODE": "1"}
    done = user.run("-q", sys.executable, "job.py", env=strict)
    assert (done.returncode, done.stderr) == (3, "")
    for words in (["list"], ["show"], ["export", "-o", "x.json"], ["prune", "--keep", "5"]):
        done = user.autotrace(*words, env=strict)
        assert (done.returncode, done.stderr) == (0, "")
