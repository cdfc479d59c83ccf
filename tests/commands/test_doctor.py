"""`autotrace doctor`."""

from __future__ import annotations

import json
import os
import sqlite3
import sys
from pathlib import Path
from typing import Any

import pytest
from made_runs import Maker

from autotrace.store import Store


def test_all_is_well(autotrace: Any, runs: list[Maker]) -> None:
    said = autotrace("doctor")
    assert (said.returncode, said.stderr) == (0, "")
    assert "✓ nothing is wrong" in said.stdout
    assert "3 runs" in said.stdout
    assert "sqlite3" in said.stdout


def test_what_is_installed_is_hooked(autotrace: Any, home: Path) -> None:
    found = json.loads(autotrace("doctor", "--json").stdout)
    libraries = {library["module"]: library for library in found["python"]["libraries"]}
    assert libraries["sqlite3"]["state"] == "traced"
    assert libraries["sqlite3"]["hooked"] > 0
    assert libraries["sqlite3"]["version"].startswith("of Python 3.")
    assert found["problems"] == []
    assert found["store"] == {"home": str(home), "exists": False}, "no run is no problem"


def test_a_hook_whose_target_is_gone(autotrace: Any, tmp_path: Path) -> None:
    # A pymysql that has nothing of what is hooked.
    package = tmp_path / "lib/pymysql"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("print('noise on stdout')")
    (package / "cursors.py").write_text("class Cursor:\n    def execute(self): pass")
    (package / "connections.py").write_text("")
    path = str(tmp_path / "lib")
    said = autotrace("doctor", "--json", env={"PYTHONPATH": path})
    assert said.returncode == 1
    found = json.loads(said.stdout)
    (library,) = [entry for entry in found["python"]["libraries"] if entry["module"] == "pymysql"]
    assert library["state"] == "in part"
    assert "pymysql.cursors:Cursor.executemany" in library["missing"]
    assert any("pymysql" in problem for problem in found["problems"])


def test_a_library_that_cannot_be_imported(autotrace: Any, tmp_path: Path) -> None:
    package = tmp_path / "lib"
    package.mkdir()
    (package / "pymysql.py").write_text("raise RuntimeError('broken \\x1b[2J')")
    path = str(package)
    said = autotrace("doctor", env={"PYTHONPATH": path})
    assert said.returncode == 1
    assert "RuntimeError: broken ␛[2J" in " ".join(said.stdout.split())


def test_modules_switched_off(autotrace: Any) -> None:
    found = json.loads(autotrace("doctor", "--json", env={"AUTOTRACE_DISABLE": "sqlite3"}).stdout)
    states = {entry["module"]: entry["state"] for entry in found["python"]["libraries"]}
    assert states["sqlite3"] == "switched off"


def test_a_wrong_configuration_is_named(autotrace: Any, tmp_path: Path) -> None:
    (tmp_path / "autotrace.toml").write_text("quite = true\n")
    said = autotrace("doctor")
    assert said.returncode == 1
    assert f"{tmp_path}/autotrace.toml" in said.stdout.replace("\n", "").replace(" " * 13, "")
    assert "quiet" in said.stdout


def test_switched_on_where_it_is_not_installed(autotrace: Any, interpreters: Any) -> None:
    other = next(python for python in interpreters if python.version[:2] >= (3, 10))
    said = autotrace(
        "doctor", "--json", "--python", str(other.path), env={"AUTOTRACE_ENABLED": "1"}
    )
    found = json.loads(said.stdout)
    if not found["switched_on"]["installed"]:
        assert any("not installed" in problem for problem in found["problems"])
    assert found["python"]["executable"] == str(other.path)


def test_an_interpreter_that_is_too_old(autotrace: Any, interpreters: Any) -> None:
    old = [python for python in interpreters if python.version[:2] < (3, 10)]
    if not old:
        pytest.skip("there is no old interpreter here")
    said = autotrace("doctor", "--python", str(old[0].path))
    assert said.returncode == 1
    assert "is not supported" in said.stdout


@pytest.mark.parametrize("python", ["/nowhere/python3", "/bin/true", "/etc/passwd"])
def test_what_is_no_interpreter(autotrace: Any, python: str) -> None:
    said = autotrace("doctor", "--python", python)
    assert (said.returncode, said.stdout) == (1, "")
    assert python in said.stderr
    assert "--python" in said.stderr


def test_a_run_whose_file_is_gone(autotrace: Any, home: Path, runs: list[Maker]) -> None:
    with Store(home) as store:
        path = store.path_of(runs[1].run)
    assert path is not None
    os.unlink(path)
    said = autotrace("doctor")
    assert said.returncode == 1
    assert "7f4b00" in said.stdout


def test_a_store_of_a_newer_version(autotrace: Any, home: Path, runs: list[Maker]) -> None:
    connection = sqlite3.connect(home / "catalog.db")
    connection.execute("PRAGMA user_version = 9999")
    connection.commit()
    connection.close()
    said = autotrace("doctor")
    assert said.returncode == 1
    assert "newer" in said.stdout
    assert "python" in said.stdout, "all else is told as well"
    assert sys.version.split()[0] in said.stdout
