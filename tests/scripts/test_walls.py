"""The walls between the parts of the house: the contract that holds them, and that all stand."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[2]

CONFIG = """
[tool.importlinter]
root_package = "house"
include_external_packages = true
exclude_type_checking_imports = true
contract_types = ["only: walls.OnlyContract"]

[[tool.importlinter.contracts]]
name = "the wall"
type = "only"
source_modules = SOURCES
may_import = ["house.passage", "house.hall.*", "iniconfig"]
"""

MODULES = ("passage", "passage.deep", "hall", "hall.deep", "kitchen", "agent")


@pytest.fixture
def check(tmp_path: Path) -> Any:
    """Lints a house whose `agent/work.py` has the given text; exit code and output."""

    def run(text: str, sources: str = '["house.agent.*"]') -> tuple[int, str]:
        for name in ("", *MODULES):
            folder = tmp_path / "house" / name.replace(".", "/")
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "__init__.py").touch()
        (tmp_path / "house" / "agent" / "work.py").write_text(text)
        config = tmp_path / "pyproject.toml"
        config.write_text(CONFIG.replace("SOURCES", sources))
        command = "from importlinter.cli import lint_imports_command as run; run()"
        done = subprocess.run(
            [sys.executable, "-c", command, "--config", str(config), "--no-cache"],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT / "scripts")},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
        )
        return done.returncode, done.stdout

    return run


@pytest.mark.parametrize(
    "text",
    [
        "import json, os.path",
        "from house.passage import anything",
        "from house.hall import deep",
        "import house.hall.deep",
        "from house.agent import anything",
        "import iniconfig",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import house.kitchen",
    ],
)
def test_what_is_listed_may_be_imported(check: Any, text: str) -> None:
    code, output = check(text)
    assert code == 0, output


@pytest.mark.parametrize(
    ("text", "imported"),
    [
        ("import house.kitchen", "house.kitchen"),
        ("from house import kitchen", "house.kitchen"),
        ("def late():\n    import house.kitchen", "house.kitchen"),
        ("import house.passage.deep", "house.passage.deep"),
        ("import pytest", "pytest"),
    ],
)
def test_what_is_not_listed_may_not(check: Any, text: str, imported: str) -> None:
    code, output = check(text)
    assert code == 1
    assert f"house.agent.work may not import {imported} (line {len(text.splitlines())})" in output


def test_a_wall_around_nothing_is_a_mistake(check: Any) -> None:
    code, output = check("", '["house.cellar.*"]')
    assert code == 1
    assert "There is no module house.cellar.*" in output


def test_every_part_has_its_wall() -> None:
    with open(ROOT / "pyproject.toml", "rb") as file:
        contracts = tomllib.load(file)["tool"]["importlinter"]["contracts"]
    walled = {name for contract in contracts for name in contract["source_modules"]}
    parts = {
        f"autotrace.{entry.name}.*" if entry.is_dir() else f"autotrace.{entry.stem}"
        for entry in (ROOT / "autotrace").iterdir()
        if entry.suffix == ".py" or (entry / "__init__.py").exists()
    }
    # Commands are the one place where everything may meet.
    assert walled - {"autotrace"} == parts - {"autotrace.commands.*", "autotrace.__init__"}
