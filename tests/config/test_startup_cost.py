"""What a start pays for its configuration, in modules: seconds would depend on the machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from autotrace import config_file

TOML = config_file.tomllib
ROOT = Path(__file__).resolve().parents[2]
CODE = """
import sys
before = set(sys.modules)
sys.path.insert(0, sys.argv[1])
from autotrace import config
imported = set(sys.modules) - before
config.load(sys.argv[2], sys.argv[2], __import__("os").environ)
loaded = set(sys.modules) - before - imported
import json
print(json.dumps([sorted(imported), sorted(loaded)]))
"""
BUILT_IN = {"__future__", "marshal", "pwd", "time", "zlib"}


def modules(folder: Path, **environ: str) -> tuple[set[str], set[str]]:
    """The modules that importing the configuration imports, and those that loading it adds."""
    ran = subprocess.run(
        [sys.executable, "-S", "-c", CODE, str(ROOT), str(folder)],
        env={"HOME": str(folder), "AUTOTRACE_HOME": str(folder / "home"), **environ},
        stdout=subprocess.PIPE,
        check=True,
    )
    imported, loaded = json.loads(ran.stdout)
    return set(imported) - BUILT_IN, set(loaded) - BUILT_IN


# Without `site`, which a real start has always imported, these are not there before.
SITE = {
    "_collections_abc",
    "_stat",
    "abc",
    "_abc",
    "genericpath",
    "os",
    "os.path",
    "posixpath",
    "stat",
    "_sitebuiltins",
}


def test_no_file(tmp_path: Path) -> None:
    imported, loaded = modules(tmp_path, AUTOTRACE_ENABLED="1")
    assert imported - SITE == {"autotrace", "autotrace.config"}
    assert loaded == set()


def test_resolved_by_the_runner(tmp_path: Path) -> None:
    from autotrace.config import Config

    (tmp_path / "config").write_bytes(Config(job="x").dump())
    (tmp_path / "autotrace.toml").touch()
    assert modules(tmp_path, AUTOTRACE_CONFIG=str(tmp_path / "config"))[1] == set()


@pytest.mark.parametrize("name", ["autotrace.toml", "pyproject.toml"])
def test_second_start_with_a_file(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text("[tool.autotrace]\njob = 'x'" if name == "pyproject.toml" else "job = 'x'")
    os.utime(path, (time.time() - 60,) * 2)
    reader = TOML.__name__
    where = str(Path(TOML.__file__).parents[1])
    assert reader in modules(tmp_path, PYTHONPATH=where)[1]
    assert modules(tmp_path, PYTHONPATH=where)[1] == {"autotrace.config_search"}


def test_a_variable(tmp_path: Path) -> None:
    assert modules(tmp_path, AUTOTRACE_DISABLE="redis")[1] == {"autotrace.config_values"}
