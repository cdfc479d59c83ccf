"""Commands typed wrong, runs that are not there or broken, terminals of every kind: a clear line, never a traceback."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

JOB = """
import sqlite3, autotrace
db = sqlite3.connect(":memory:")
with autotrace.span("aktualisiere Kundin ☃", name="Zoë 日本"):
    for _ in range(20):
        db.execute("SELECT 'é'")
for n in range(30):
    with autotrace.span("step %d" % n):
        pass
"""


@pytest.fixture
def kept(user: Any) -> Any:
    """A user with one run in the store, whose names are not ASCII."""
    user.file("jöb.py", JOB)
    assert user.run("-q", user.python, "jöb.py").returncode == 0
    return user


def test_commands_that_cannot_be_run(user: Any, say: Any) -> None:
    plain = user.file("plain.sh", "#!/bin/sh\n")
    for command, status, words in (
        (["no-such-command", "x"], 127, ("no-such-command", "no such command")),
        ([user.folder / "none"], 127, (str(user.folder / "none"),)),
        ([""], 127, ()),
        ([plain], 126, (str(plain), "chmod")),
        ([user.folder], 126, (str(user.folder), "folder")),
    ):
        done = user.run(*command)
        assert (done.returncode, done.stdout) == (status, "")
        say(done, *words)
    assert user.runs() == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["autotrace-run"], "which command?"),
        (["autotrace-run", "--jbo", "x", "true"], "did you mean --job?"),
        (["autotrace-run", "--job"], "--job needs a value"),
        (["autotrace", "shwo"], "did you mean `autotrace show`?"),
        (["autotrace", "show", "--nothing"], "--nothing"),
        (["autotrace", "list", "-n", "0"], "-n"),
        (["autotrace", "list", "--state", "sad"], "--state"),
        (["autotrace", "show", "--min", "soon"], "--min"),
        (["autotrace", "export"], "-o"),
        (["autotrace", "prune"], "--keep"),
        (["autotrace", "prune", "--older-than", "long"], "--older-than"),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, list) else "",
)
def test_wrong_usage(user: Any, words: list[str], said: str) -> None:
    done = user.do([Path(user.python).parent / words[0], *words[1:]])
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert "--help" in done.stderr
    assert len(done.stderr.splitlines()) <= 3


def test_runs_and_spans_that_are_not_there(kept: Any, say: Any) -> None:
    (run,) = kept.runs()
    unknown = "0" if run["run"][0] != "0" else "1"
    for words in (["show"], ["export", "-o", "x.json"]):
        done = kept.autotrace(*words, unknown)
        assert done.returncode == 1
        say(done, f"No run begins with '{unknown}'", "autotrace list")
        done = kept.autotrace(*words, "sync_job")
        assert done.returncode == 1
        say(done, "'sync_job' is no run id", "autotrace list")
    for wanted in ("@9999", "@0", "@", "ffffffffffffffff", "zz", ""):
        done = kept.autotrace("show", "--span", wanted)
        if wanted == "":
            assert "Traceback" not in done.stderr
            continue
        assert (done.returncode, done.stdout) == (1, "")
        say(done, f"autotrace show {run['run'][:6]}")


def test_a_prefix_of_two_runs(kept: Any, say: Any) -> None:
    # Ids begin with one of 16 digits.
    loop = f"for n in $(seq 16); do {Path(kept.python).parent}/autotrace-run -q true; done"
    assert kept.do(["sh", "-c", loop]).returncode == 0
    firsts = [run["run"][0] for run in kept.runs()]
    (twice, *_) = [first for first in firsts if firsts.count(first) > 1]
    done = kept.autotrace("show", twice)
    assert done.returncode == 1
    say(done, f"More than one run begins with '{twice}'", "Type a digit more")


def test_an_export_that_cannot_be_written(kept: Any, say: Any) -> None:
    for path in ("/proc/none/x.json", kept.folder / "no/such/x.json", kept.folder):
        done = kept.autotrace("export", "-o", path, "--format", "otlp")
        assert done.returncode == 1
        say(done, str(path), "-o")
    done = kept.autotrace("export", "-o", "/dev/full", "--format", "otlp")
    assert done.returncode == 1
    say(done, "/dev/full", "No space left")
    assert sorted(path.name for path in kept.folder.iterdir()) == ["jöb.py"]


def run_file(user: Any) -> Path:
    (path,) = user.home.rglob("*.run")
    return Path(path)


@pytest.mark.parametrize("damage", ["garbage", "empty", "cut", "flipped", "newer", "gone"])
def test_a_run_file_that_cannot_be_read(kept: Any, damage: str) -> None:
    path = run_file(kept)
    content = path.read_bytes()
    if damage == "garbage":
        path.write_bytes(b"nonsense" * 200)
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "cut":
        path.write_bytes(content[: len(content) // 2])
    elif damage == "flipped":
        middle = len(content) // 2
        path.write_bytes(content[:middle] + bytes([content[middle] ^ 0xFF]) + content[middle + 1 :])
    elif damage == "newer":
        at = content.index((1).to_bytes(4, "little"))
        path.write_bytes(content[:at] + (99).to_bytes(4, "little") + content[at + 4 :])
    else:
        path.unlink()
    for words in (["show"], ["show", "--json"], ["export", "-o", "x.json"]):
        done = kept.autotrace(*words)
        assert "Traceback" not in done.stderr
        assert done.stderr.startswith("autotrace: ")
        if done.returncode == 0:
            assert damage in ("cut", "flipped"), "nothing was said of what is missing"
        else:
            assert done.returncode == 1
            assert done.stdout == ""
            assert path.stem in done.stderr
        if damage == "newer":
            assert "version 99" in done.stderr
            assert "Upgrade autotrace" in done.stderr
    assert kept.autotrace("list").returncode == 0
    assert kept.autotrace("prune", "--keep", "0").returncode in (0, 2)


def test_a_reader_that_stops_reading(kept: Any) -> None:
    bin_ = Path(kept.python).parent
    for words in ("show --expand", "list", "show --json", "doctor", "export -o - --format otlp"):
        done = kept.do(
            ["bash", "-c", f"set -o pipefail; {bin_}/autotrace {words} | head -c 1; exit $?"]
        )
        assert (done.returncode, done.stderr) == (0, ""), words


def test_streams_that_are_closed(kept: Any) -> None:
    bin_ = Path(kept.python).parent
    for words in ("list", "show", "show --json", "--help", "--version", "prune --keep 5"):
        for closed in (">&-", "2>&-", "<&-", ">&- 2>&- <&-", ">/dev/full"):
            done = kept.do(["sh", "-c", f"{bin_}/autotrace {words} {closed}"])
            assert "Traceback" not in done.stderr, (words, closed, done.stderr)
            assert "Exception ignored" not in done.stderr, (words, closed, done.stderr)
            assert done.returncode == (1 if closed == ">/dev/full" else 0), (words, closed)
            if closed == ">/dev/full":
                assert done.stderr.endswith(
                    "autotrace: The output could not be written (No space left on device).\n"
                )
    for closed in (">&-", "2>&-", "<&-", ">&- 2>&- <&-"):
        done = kept.do(["sh", "-c", f"{bin_}/autotrace-run sh -c 'exit 3' {closed}"])
        assert done.returncode == 3
        assert "Traceback" not in done.stderr


TERMINALS: dict[str, dict[str, str | None]] = {
    "no TERM": {"TERM": None, "COLUMNS": None},
    "dumb": {"TERM": "dumb"},
    "narrow": {"COLUMNS": "10"},
    "one column": {"COLUMNS": "1"},
    "no columns": {"COLUMNS": "0"},
    "wrong columns": {"COLUMNS": "many"},
    "wide": {"COLUMNS": "100000"},
    "C": {"LANG": "C", "LC_ALL": "C"},
    "old C": {"LC_ALL": "POSIX", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
    "ASCII": {"PYTHONIOENCODING": "ascii"},
    "Latin": {"PYTHONIOENCODING": "latin-1"},
    "strict ASCII": {"PYTHONIOENCODING": "ascii:strict"},
    "colours": {"FORCE_COLOR": "1"},
    "warnings are errors": {"PYTHONWARNINGS": "error", "PYTHONDEVMODE": "1"},
}


@pytest.mark.parametrize("terminal", TERMINALS)
def test_every_terminal(kept: Any, terminal: str) -> None:
    env = TERMINALS[terminal]
    for words in (["list"], ["show", "--expand", "--fields"], ["show", "--span", "@2"]):
        done = kept.autotrace(*words, env=env)
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        assert len(done.stdout.splitlines()) >= 2
        if "ASCII" in terminal or terminal == "old C":
            assert done.stdout.isascii()
    done = kept.autotrace("show", "--json", env=env)
    assert done.stdout.isascii()
    assert json.loads(done.stdout)["spans"][2]["attributes"]["name"] == "Zoë 日本"
    done = kept.run(kept.python, "jöb.py", env=env)
    assert done.returncode == 0
    assert re.search(r"finished in [\d.]+ ", " ".join(done.stderr.split())), done.stderr
    assert "Traceback" not in done.stderr
    done = kept.autotrace("show", "0", "--json", env=env)
    assert "Traceback" not in done.stderr


def test_runs_that_vanish_while_they_are_looked_at(
    user: Any, background: list[subprocess.Popen[Any]]
) -> None:
    for _ in range(3):
        assert user.run("-q", "true").returncode == 0
    bin_ = Path(user.python).parent
    loop = f"for n in 1 2 3 4 5; do {bin_}/autotrace-run -q true; {bin_}/autotrace prune --keep 1 -y; done"
    background.append(user.start(["sh", "-c", loop]))
    end = time.monotonic() + 60
    while background[0].poll() is None and time.monotonic() < end:
        done = user.autotrace("show")
        assert "Traceback" not in done.stderr, done.stderr
        assert done.returncode == 0 or "autotrace" in done.stderr
    _, said = background[0].communicate(timeout=60)
    assert "Traceback" not in said
    assert len(user.runs()) == 1


def test_a_working_directory_that_is_gone(user: Any) -> None:
    user.file("job.py", "import sqlite3\nsqlite3.connect(':memory:').execute('SELECT 1')\n")
    gone = user.folder / "gone"
    bin_ = Path(user.python).parent
    for command in (
        f"{bin_}/autotrace-run -q {user.python} {user.folder}/job.py",
        f"AUTOTRACE_ENABLED=1 {user.python} {user.folder}/job.py",
        f"{bin_}/autotrace list",
        f"{bin_}/autotrace doctor",
    ):
        gone.mkdir()
        done = user.do(["sh", "-c", f"cd {gone} && rmdir {gone} && {command}"])
        assert done.returncode == 0, (command, done.stderr)
        assert "Traceback" not in done.stderr
        user.collected()
    assert [run["spans"] for run in user.runs()] == [3, 3]


def test_what_doctor_leaves_is_private(user: Any) -> None:
    assert user.autotrace("doctor").returncode == 0
    for path in [user.home, *user.home.rglob("*")] if user.home.exists() else []:
        assert os.lstat(path).st_mode & 0o077 == 0, path
