"""The pages of the documentation, taken apart: code blocks, links, headings, command lines."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

PAGES = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")]
)

COMMANDS = ("autotrace", "autotrace-run")

_FENCE = re.compile(r"^( *)(```+)(\w*)\n(.*?)^\1\2 *$", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"(?:^|\n)\n((?: {4}.*\n?)+)")
_MARK = re.compile(r"<!-- (\w+)(?:: (\S+))? -->\s*$")
_WORD = r"(?:\d+|\*)(?:[-/,]\d+)*"
_CRON = re.compile(rf"(?:{_WORD} +){{5}}")
_BEFORE = re.compile(r"(?:timeout \S+|sudo -u \S+|nohup|\w+=\S*|- )\s*")


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, and the file that it is, where a comment says so."""

    page: Path
    line: int
    language: str
    text: str
    file: str

    def __str__(self) -> str:
        return f"{name_of(self.page)}:{self.line}"


def name_of(page: Path) -> str:
    """Name a page in a test's id."""
    return str(page.relative_to(ROOT))


@cache
def text_of(page: Path) -> str:
    """Read a page."""
    return page.read_text(encoding="utf-8")


@cache
def blocks(page: Path) -> list[Block]:
    """Find a page's fenced blocks."""
    text = text_of(page)
    found = []
    for match in _FENCE.finditer(text):
        indent, _, language, body = match.groups()
        mark = _MARK.search(text[: match.start()])
        lines = [line.removeprefix(indent) for line in body.splitlines()]
        found.append(
            Block(
                page,
                text.count("\n", 0, match.start()) + 1,
                language,
                "\n".join(lines) + "\n",
                mark.group(2) if mark and mark.group(1) == "file" else "",
            )
        )
    return found


def all_blocks(*languages: str) -> list[Block]:
    """Find all blocks of these languages."""
    return [block for page in PAGES for block in blocks(page) if block.language in languages]


def prose(page: Path) -> str:
    """A page's text without its fenced blocks."""
    return _FENCE.sub("", text_of(page))


def links(page: Path) -> list[str]:
    """The targets of a page's links."""
    text = re.sub(r"`[^`\n]*`", "", prose(page))
    return re.findall(r"\]\(<?([^)\s>]+)>?\)", text)


def anchors(page: Path) -> set[str]:
    """What the headings of a page are called in links."""
    found = set()
    for heading in re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE):
        plain = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").lower()
        found.add(re.sub(r"[^\w\- ]", "", plain).strip().replace(" ", "-"))
    return found


def inline(page: Path) -> list[str]:
    """What a page has in backticks."""
    return re.findall(r"`([^`\n]+)`", prose(page))


def command_lines(page: Path) -> list[list[str]]:
    """The words of each command of ours that a page gives, from the program's name on."""
    lines: list[str] = []
    for block in blocks(page):
        if block.language in ("sh", "crontab", "ini", "dockerfile"):
            lines += block.text.replace("\\\n", " ").splitlines()
        elif block.language == "text":
            lines += re.findall(r"^\$ (.*)$", block.text, re.MULTILINE)
    for match in _INDENTED.finditer(prose(page)):
        lines += match.group(1).splitlines()
    lines += [text for text in inline(page) if not set(text) & set("…[")]
    found = [words_of(line.strip()) for line in lines]
    return [words for words in found if words and not _is_mention(words)]


def _is_mention(words: list[str]) -> bool:
    """Say whether a command or option is named and no more, as in "`autotrace export` writes …"."""
    return words in ([words[0]], ["autotrace", "export"], ["autotrace", "run"]) or (
        words[0] == "autotrace-run" and words[-1].startswith("-")
    )


def words_of(line: str) -> list[str]:
    """The words of a command line of ours, or nothing where it is none."""
    line = _CRON.sub("", line, count=1) if _CRON.match(line) else line
    line = line.removeprefix("$ ").removeprefix("ExecStart=")
    if line.startswith("ENTRYPOINT "):
        words = json.loads(line.removeprefix("ENTRYPOINT "))
    else:
        while match := _BEFORE.match(line):
            line = line[match.end() :]
        if not re.match(r"(?:\S*/bin/)?autotrace(?:-run)?(?:\s|$)", line):
            return []
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        words = []
        for word in lexer:
            if set(word) <= set("|&;<>"):
                break
            words.append(word)
    return words if Path(words[0]).name in COMMANDS else []
