"""The page of spans and fields has what the code makes, and nothing else."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import documentation
from documentation import ROOT

PAGE = ROOT / "docs/reference/spans-and-fields.md"

SOURCES = [
    *(ROOT / "instrumentations").glob("*.py"),
    *(ROOT / "autotrace/agent").glob("*.py"),
    ROOT / "autotrace/collector/verdict.py",
]

FIELD = re.compile(
    r"(?:autotrace|code|db|error|exception|host|http|log|process|server|sqlalchemy|stripe|thread|url"
    r"|user_agent|network|warning)(?:\.[a-z_0-9]+)+"
)

NOT_FIELDS = {
    # Modules and functions.
    "autotrace.add_event",
    "autotrace.add_fields",
    "autotrace.agent.switch",
    "autotrace.span",
    "stripe._stripe_object",
    "stripe.stripe_object",
    # A scope.
    "autotrace.process",
    # What becomes of these is a span's name and its status.
    "autotrace.name",
    "autotrace.status_message",
    # Operations that need something of their own.
    "stripe.oauth.token",
    "stripe.payment_intents.create",
}

PREFIXES = {"db.query.parameter"}
"""What they begin is named on the page."""
AFTER_A_PREFIX = {"autotrace.cut"}

NOT_PATTERNS = {
    "autotrace.instrumentations.{}",
    # On the page it is named after a library.
    "autotrace.library.{}",
}


def strings(tree: ast.AST) -> Iterator[tuple[str, bool]]:
    """Each literal text, and whether it is a template: there, `{}` stands for what is put in."""
    inside: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts = []
            for value in node.values:
                inside.add(id(value))
                whole = isinstance(value, ast.Constant) and isinstance(value.value, str)
                parts.append(value.value if whole else "{}")  # type: ignore[attr-defined]
            yield "".join(parts), True
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in inside
        ):
            yield node.value, False


def in_the_code() -> tuple[set[str], set[str]]:
    """Names of fields and spans, and templates of such, that are in the sources."""
    names, templates = set(), set()
    for path in SOURCES:
        for text, is_template in strings(ast.parse(path.read_text(encoding="utf-8"))):
            if not is_template and FIELD.fullmatch(text) and text not in NOT_FIELDS:
                names.add(text)
            if is_template and re.fullmatch(r"[a-z_.{}]+", text) and _is_field(path, text):
                templates.add(text)
    return names, templates


def _is_field(path: Path, text: str) -> bool:
    begins = text.partition(".")[0]
    if begins == "{}":
        return path.name == "vendors.py"
    return "." in text and bool(FIELD.match(text.replace("{}", "x")))


def on_the_page() -> set[str]:
    """The names in backticks that look like a field's or span's."""
    found = set()
    for text in documentation.inline(PAGE):
        plain = re.sub(r"<\w+>", "x", text)
        if FIELD.fullmatch(plain.removeprefix("x.")) and not text.endswith((".py", ".md")):
            found.add(plain)
    return found


def as_pattern(template: str) -> re.Pattern[str]:
    """What a template may become."""
    vendor = "stripe" if template.startswith("{}") else ""
    rest = template.removeprefix("{}") if vendor else template
    made = vendor + r"[a-z_]+".join(map(re.escape, rest.split("{}")))
    return re.compile(made + r"(?:\.x)?")


def test_all_that_is_made_is_on_the_page() -> None:
    names, templates = in_the_code()
    page = on_the_page()
    assert len(names) > 50
    assert len(templates) > 5
    assert {f"{name}.x" for name in PREFIXES} | {f"x.{name}" for name in AFTER_A_PREFIX} <= page
    assert names - page - PREFIXES - AFTER_A_PREFIX == set()
    for template in templates - NOT_PATTERNS:
        pattern = as_pattern(template)
        assert any(pattern.fullmatch(name) for name in page), template


SPANS = {"stripe.customers.update", "stripe.payment_intents.create"}
SETTINGS = re.compile(r"(?:capture|ignore|limits|redact)\.")


def test_all_that_is_on_the_page_is_made() -> None:
    names, templates = in_the_code()
    patterns = [as_pattern(template) for template in templates]
    known = names | {f"{name}.x" for name in PREFIXES} | {f"x.{name}" for name in AFTER_A_PREFIX}
    for name in on_the_page() - known - SPANS - {"autotrace.process", "autotrace.span"}:
        assert any(pattern.fullmatch(name) for pattern in patterns), name


def test_the_operations_it_names_are_stripe_s() -> None:
    table = (ROOT / "instrumentations/stripe.py").read_text(encoding="utf-8")
    for name in SPANS:
        assert f" {name.removeprefix('stripe.')}\n" in table
        assert f"`{name}`" in documentation.text_of(PAGE)


def test_every_instrumentation_is_on_it() -> None:
    for path in (ROOT / "instrumentations").glob("*.py"):
        assert re.search(
            rf"^## .*\b{path.stem}\b", documentation.text_of(PAGE), re.MULTILINE | re.IGNORECASE
        )
