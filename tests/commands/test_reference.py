"""The reference of the commands is up to date."""

from __future__ import annotations

import runpy
from pathlib import Path

from autotrace.commands.dispatch import COMMANDS

ROOT = Path(__file__).resolve().parents[2]
GENERATE = runpy.run_path(str(ROOT / "docs/generate.py"), run_name="generate")


def test_the_page_is_that_of_these_commands() -> None:
    page = (ROOT / "docs/reference/commands.md").read_text(encoding="utf-8")
    assert page == GENERATE["commands_page"](), "run python docs/generate.py"
    for name in COMMANDS:
        assert f"## `autotrace {name} " in page
