"""The pages about configuration say what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import configuration_page
import pytest

from autotrace.config import SETTINGS
from autotrace.config_file import check

HOW_TO = Path(__file__).resolve().parents[2] / "docs/how-to/configure.md"


def test_the_page_is_that_of_the_table() -> None:
    assert configuration_page.PAGE.read_text(encoding="utf-8") == configuration_page.page(), (
        "run python scripts/configuration_page.py"
    )


def test_every_setting_is_on_it() -> None:
    for setting in SETTINGS:
        assert f"#### `{setting.name}`\n" in configuration_page.page()


EXAMPLES = re.findall(r"```toml\n(.*?)```", HOW_TO.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("text", EXAMPLES)
def test_every_example_of_the_guide_is_right(text: str) -> None:
    name = "pyproject.toml" if "tool.autotrace" in text else "autotrace.toml"
    layer, problems = check(f"/srv/{name}", text.encode())
    assert layer
    assert problems == []


def test_every_variable_of_the_guide_exists() -> None:
    ours = {setting.variable for setting in SETTINGS}
    ours |= {"AUTOTRACE_HOME", "AUTOTRACE_CONFIG"}
    named = set(re.findall(r"AUTOTRACE_[A-Z_]+", HOW_TO.read_text(encoding="utf-8")))
    assert named <= ours
    assert named
