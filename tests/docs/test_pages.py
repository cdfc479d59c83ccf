"""What the documentation says holds: links, commands, settings, examples of configuration."""

from __future__ import annotations

import contextlib
import io
import os
import re
from pathlib import Path

import documentation
import pytest
from documentation import PAGES, ROOT, Block, all_blocks, anchors, command_lines, name_of

from autotrace.commands import dispatch, run
from autotrace.config import OTHER_VARIABLES, SETTINGS
from autotrace.config_file import check

README = ROOT / "README.md"
INDEX = ROOT / "docs/index.md"
GENERATED = {"docs/reference/configuration.md", "docs/reference/commands.md"}

pages = pytest.mark.parametrize("page", PAGES, ids=name_of)


@pages
def test_links_lead_somewhere(page: Path) -> None:
    for target in documentation.links(page):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, fragment = target.partition("#")
        other = (page.parent / path).resolve() if path else page
        assert other.exists(), target
        assert other.is_relative_to(ROOT), target
        if fragment:
            assert fragment in anchors(other), target


def test_every_page_is_reached_from_the_first() -> None:
    reached, left = set(), [README]
    while left:
        page = left.pop()
        reached.add(page)
        for target in documentation.links(page):
            other = (page.parent / target.partition("#")[0]).resolve()
            if other.suffix == ".md" and other not in reached:
                left.append(other)
    assert set((ROOT / "docs").rglob("*.md")) <= reached
    listed = {(INDEX.parent / link).resolve() for link in documentation.links(INDEX)}
    assert set((ROOT / "docs").rglob("*.md")) - {INDEX} <= listed


LINES = [
    pytest.param(words, id=f"{name_of(page)}-{' '.join(words)}")
    for page in PAGES
    for words in command_lines(page)
]


@pytest.mark.parametrize("words", LINES)
def test_commands_are_understood(words: list[str]) -> None:
    program, *arguments = words
    if Path(program).name == "autotrace-run" or arguments[:1] == ["run"]:
        arguments = arguments[1:] if arguments[:1] == ["run"] else arguments
        if arguments not in (["--help"], ["--version"]):
            assert run.parse(arguments).command
        return
    # As `dispatch` itself goes about it.
    if not arguments or arguments[0] not in (*dispatch.COMMANDS, "--help", "--version"):
        arguments = ["list", *arguments]
    with contextlib.redirect_stdout(io.StringIO()):
        code = 0
        try:
            dispatch.make_parser().parse_args(arguments)
        except SystemExit as end:
            code = end.code
    assert code == 0


def test_there_are_commands_to_check() -> None:
    found = [words for page in PAGES for words in command_lines(page)]
    programs = {Path(words[0]).name for words in found}
    assert programs == {"autotrace", "autotrace-run"}
    used = {words[1] for words in found if words[0] == "autotrace" and len(words) > 1}
    assert used >= set(dispatch.COMMANDS)
    assert documentation.words_of(
        "7 2 * * 1-5  A=1 timeout 5m /opt/x/bin/autotrace-run -q a b"
    ) == [
        "/opt/x/bin/autotrace-run",
        "-q",
        "a",
        "b",
    ]
    assert documentation.words_of("rm -r ~/autotrace") == []


VARIABLES = {setting.variable for setting in SETTINGS} | {name for name, _ in OTHER_VARIABLES}


@pages
def test_variables_exist(page: Path) -> None:
    named = set(re.findall(r"AUTOTRACE_[A-Z_]*[A-Z]", documentation.text_of(page)))
    assert named <= VARIABLES


NAMES = {setting.name for setting in SETTINGS}
SECTIONS = {name.partition(".")[0] for name in NAMES if "." in name}


@pages
def test_settings_exist(page: Path) -> None:
    for text in documentation.inline(page):
        match = re.fullmatch(r"(?:tool\.autotrace\.)?((\w+)\.[\w.]+)(?: = .*)?", text)
        if match and match.group(2) in SECTIONS - {"modules"}:
            assert match.group(1) in NAMES, text


@pytest.mark.parametrize("block", all_blocks("toml"), ids=str)
def test_configuration_is_right(block: Block) -> None:
    packaging = "[project" in block.text or "tool.autotrace" in block.text
    name = "pyproject.toml" if packaging else "autotrace.toml"
    layer, problems = check(f"/srv/{name}", block.text.encode())
    assert problems == []
    assert layer or "[project" in block.text


@pytest.mark.parametrize("block", all_blocks("python"), ids=str)
def test_python_compiles(block: Block) -> None:
    compile(block.text, str(block), "exec")


def test_readme_names_two_commands_that_are_there() -> None:
    text = documentation.text_of(README)
    for name in ("scripts/demo", "scripts/test"):
        assert re.search(rf"^    {name}\b", text, re.MULTILINE)
        assert os.access(ROOT / name, os.X_OK)


WRONG_PROJECT = re.compile(
    r"\b(?:pip3?|pipx|uv|uvx|poetry|pdm)\s+(?:pip\s+)?(?:install|add|run)\s+"
    r"(?:-\S+\s+)*[\"']?autotrace(?![-\w/.])"
)


def test_nobody_is_told_to_install_another_project() -> None:
    assert WRONG_PROJECT.search("pip install --upgrade autotrace")
    assert not WRONG_PROJECT.search("pipx install 'autotrace-agent[all]'")
    folders = ("autotrace", "benchmarks", "docs", "examples", "instrumentations", "scripts")
    files = [path for folder in folders for path in (ROOT / folder).rglob("*") if path.is_file()]
    for path in [*files, *PAGES, ROOT / "pyproject.toml", ROOT / "noxfile.py"]:
        if path.suffix != ".pyc":
            text = path.read_text(encoding="utf-8", errors="replace")
            assert not WRONG_PROJECT.search(text), path


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if name_of(page) not in (*GENERATED, "ARCHITECTURE.md")],
    ids=name_of,
)
def test_lines_are_not_too_long(page: Path) -> None:
    for line in documentation.text_of(page).splitlines():
        if "|" not in line:
            assert len(line) <= 120, line
