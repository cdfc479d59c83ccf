"""The tests' MariaDB server: one for each run, a database for each test."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import mariadb_server
import pytest

SCRIPT = mariadb_server.__file__


def test_a_test_gets_an_empty_database(mariadb: str) -> None:
    sqlalchemy = pytest.importorskip("sqlalchemy")
    engine = sqlalchemy.create_engine(mariadb)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SHOW TABLES").all() == []
        assert (
            connection.exec_driver_sql("SELECT DATABASE()").scalar() == mariadb.rpartition("/")[2]
        )
    engine.dispose()


@pytest.mark.skipif(bool(mariadb_server.available()), reason="MariaDB is not installed")
def test_the_command_gives_the_url_passes_the_exit_code_on_and_stops_the_server(
    tmp_path: Path,
) -> None:
    show = f"import os, sys; print(os.environ[{mariadb_server.VARIABLE!r}]); sys.exit(7)"
    done = subprocess.run(
        [sys.executable, SCRIPT, str(tmp_path / "db"), sys.executable, "-c", show],
        stdout=subprocess.PIPE,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 7
    assert done.stdout.startswith("mysql+pymysql://")
    assert not (tmp_path / "db" / "data" / "server.pid").exists()


def test_a_program_that_is_missing_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mariadb_server, "_FOLDERS", ())
    monkeypatch.setitem(os.environ, "PATH", str(tmp_path))
    with pytest.raises(mariadb_server.ServerError, match=r"mariadbd and .* not found"):
        mariadb_server.start(str(tmp_path / "db"))
