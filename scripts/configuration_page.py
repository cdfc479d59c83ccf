"""Write `docs/reference/configuration.md` from the table of settings.

Run it as `python scripts/configuration_page.py` after each change of the table.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/reference/configuration.md"
sys.path.insert(0, str(ROOT))

from autotrace.command_line import TOOL_PATTERNS, TOOLS  # noqa: E402
from autotrace.config import OTHER_VARIABLES, SETTINGS, Setting  # noqa: E402
from autotrace.config_values import show_size  # noqa: E402

HEAD = """\
# Configuration

Every setting has a default, so that none is needed.
[How to configure a job](../how-to/configure.md) shows the common ones at work; this page lists all.
It is made from the table in `autotrace/config.py` by `scripts/configuration_page.py`.

## Where settings come from

1. The defaults.
2. One file: the first `autotrace.toml`, or `pyproject.toml` with a table `[tool.autotrace]`, in
   the script's folder and those above it, then in the working directory and those above it. The
   search ends at your home folder or the root. `AUTOTRACE_CONFIG` names a file instead. In
   `pyproject.toml` all names begin with `tool.autotrace`: `[tool.autotrace.capture]`.
3. Environment variables.

The later wins, except that

- lists add up: a name in the file and one in the environment both hold;
- what either of them switches off is off: `enabled = false` in a file holds under
  `AUTOTRACE_ENABLED=1`, and a library that one of them leaves alone is left alone;
- `AUTOTRACE_CAPTURE_REQUEST` and `AUTOTRACE_CAPTURE_RESPONSE` replace the file's levels for single
  libraries too.

An empty variable counts as not set; `AUTOTRACE_ENABLED=` alone means off. In variables, lists are
separated by commas, and true and false may be written 1, yes, on and 0, no, off.

A setting that is wrong is left out and named with file and line, and the job runs all the same with
all the others:

    /srv/jobs/autotrace.toml:7: unknown key `modules.reqests`; did you mean `requests`?

`autotrace-run` and `autotrace doctor` show these lines; without the runner the job writes them to
stderr.

A file that another user owns is not used if it lies in a folder that everybody can write, such as
`/tmp`. Where Python is 3.10 and the package `tomli` is not installed, files cannot be read, and the
environment alone counts. What a file says is kept in `cache/` below `AUTOTRACE_HOME` until the file
changes, since reading TOML would cost each start some 30 ms.

## Settings
"""

TYPES = {
    "switch": "true or false",
    "text": "text",
    "names": "list of texts",
    "patterns": "list of regular expressions",
    "modules": "table of true or false",
}


def page() -> str:
    """Give the text of the page."""
    parts = [HEAD]
    section = None
    for setting in SETTINGS:
        heading = setting.name.partition(".")[0] if "." in setting.name else ""
        if setting.kind == "modules":
            heading = "modules"
        if heading != section:
            section = heading
            parts.append(f"### `[{heading}]`\n" if heading else "### At the top\n")
        parts.append(_entry(setting))
    parts.append("## Other variables\n")
    parts.append("| variable | meaning |\n| --- | --- |")
    parts += [f"| `{name}` | {text} |" for name, text in OTHER_VARIABLES]
    parts.append("\n## Commands that are left alone\n")
    parts.append(
        "Where `AUTOTRACE_ENABLED=1` is set for all, these are not traced unless `ignore.keep`\n"
        "names them. Under `autotrace-run` they are.\n"
    )
    names = sorted(TOOLS | set(TOOL_PATTERNS), key=lambda name: (name.lower(), name))
    parts.append(", ".join(f"`{name}`" for name in names))
    return "\n".join(parts) + "\n"


def _entry(setting: Setting) -> str:
    """Give the part about one setting."""
    facts = [_type(setting), f"default {_default(setting)}"]
    if setting.variable:
        facts.append(f"`{setting.variable}`")
    return f"#### `{setting.name}`\n\n{' · '.join(facts)}\n\n{setting.help}\n"


def _type(setting: Setting) -> str:
    """Say what a setting may be."""
    if setting.choices:
        return " or ".join(f'`"{choice}"`' for choice in setting.choices)
    if setting.kind == "count":
        return f"whole number from {setting.least:,} to {setting.most:,}"
    if setting.kind == "size":
        least, most = show_size(setting.least), show_size(setting.most)
        return f'bytes, or a text such as `"64 KiB"`, from {least} to {most}'
    return TYPES[setting.kind]


def _default(setting: Setting) -> str:
    """Write a default as the file would."""
    value = setting.default
    if setting.kind == "modules":
        return "all"
    if setting.kind == "levels":
        return f"that of `{setting.name.replace('<module>.', '')}`"
    if setting.kind == "size" and isinstance(value, int):
        return f'`"{show_size(value)}"`'
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, int):
        return f"`{value:_}`" if value >= 10_000 else f"`{value}`"
    return f'`"{value}"`' if isinstance(value, str) and value else "none"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
