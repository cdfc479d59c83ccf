"""What a configuration file says: each setting checked, each mistake named with its line.

A wrong setting never spoils a right one: it is left out, and a problem says where it stands, what
is wrong, and what was meant most likely. A job imports this only where a file is new or changed.
"""

from __future__ import annotations

import difflib
import os
import re
import sys

from autotrace import config_search
from autotrace.config import (
    OTHER_VARIABLES,
    SETTINGS,
    Config,
    ConfigError,
    Setting,
    candidates,
)
from autotrace.config import load as _load
from autotrace.config_values import accept, accept_item, collect, module_name, show
from autotrace.toml_lines import key_lines

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # type: ignore[import-not-found,unused-ignore]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from autotrace.config import Layer
    from autotrace.toml_lines import Path

_SCALARS = {setting.name: setting for setting in SETTINGS if "<" not in setting.name}
_BY_MODULE = {
    setting.name.rpartition(".")[2]: setting for setting in SETTINGS if "<" in setting.name
}
_SECTIONS = sorted({name.partition(".")[0] for name in _SCALARS if "." in name})
_AT_LINE = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")


def find(script_dir: str | None, cwd: str | None, environ: Mapping[str, str]) -> str | None:
    """Give the path of the file that configures a job started there; None where there is none."""
    found = config_search.first(candidates(script_dir, cwd, environ), [])
    return found[0] if found else None


def load(path: str) -> tuple[Layer, list[str]]:
    """Read one file: its settings (attribute names to values) and its problems. Never raises."""
    problems: list[str] = []
    content = config_search.read_file(path, problems)
    return check(path, content[0]) if content else ({}, problems)


def resolve(
    script_dir: str | None, cwd: str | None, environ: Mapping[str, str]
) -> tuple[Config, list[str]]:
    """Make a job's configuration as `autotrace.config.load` does, and check the environment closer.

    Besides what the job itself would notice, a variable that is nearly one of ours and a library in
    AUTOTRACE_DISABLE that is nearly one we know are problems. The list is the Config's own. Never
    raises.
    """
    config = _load(script_dir, cwd, environ)
    try:
        for problem in _environment_problems(environ):
            config.add_problem(problem)
    except Exception as error:
        config.add_problem(f"the environment could not be checked: {type(error).__name__}: {error}")
    return config, config.problems


def check(path: str, data: bytes) -> tuple[Layer, list[str]]:
    """Check the content of a file: its settings (attribute names to values) and its problems.

    In a file named ``pyproject.toml`` they are those of the table ``[tool.autotrace]``, otherwise
    those of the whole file. Never raises.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        wrong = data[error.start]
        return {}, [f"{path}:{line}: not UTF-8 (byte 0x{wrong:02x}), so no setting in it is used"]
    try:
        document = tomllib.loads(text)
    except Exception as error:
        return {}, [_syntax_problem(path, text, error)]
    prefix: Path = ()
    table: Any = document
    if os.path.basename(path) == "pyproject.toml":
        prefix = ("tool", "autotrace")
        for key in prefix:
            table = table.get(key, {}) if isinstance(table, dict) else {}
    checker = _Checker(path, text, document, prefix)
    try:
        checker.file(table)
    except RecursionError:
        checker.problems.append(f"{path}: tables are nested too deeply")
    return checker.layer, checker.problems


def known_modules() -> list[str]:
    """Name the libraries that are traced: the files of `instrumentations/`."""
    package = os.path.dirname(os.path.abspath(__file__))
    names: set[str] = set()
    for folder in (f"{package}/instrumentations", f"{os.path.dirname(package)}/instrumentations"):
        try:
            entries = os.listdir(folder)
        except OSError:
            continue
        names.update(entry[:-3] for entry in entries if entry.endswith(".py"))
    return sorted(name for name in names if not name.startswith("_"))


def _syntax_problem(path: str, text: str, error: Exception) -> str:
    """Say what keeps a file from being TOML, and where."""
    if isinstance(error, RecursionError):
        return f"{path}: nested too deeply, so no setting in it is used"
    what = str(error)
    where = ""
    match = _AT_LINE.search(what)
    if match:
        what = what[: match.start()]
        where = ":" + (match.group(1) or str(text.rstrip("\n").count("\n") + 1))
    return f"{path}{where}: not TOML, so no setting in it is used: {what[:1].lower()}{what[1:]}"


def _environment_problems(environ: Mapping[str, str]) -> list[str]:
    """Find variables that are nearly ours, and libraries to leave alone that are nearly known."""
    problems = []
    ours = [setting.variable for setting in SETTINGS if setting.variable]
    ours += [name for name, _ in OTHER_VARIABLES]
    for variable in sorted(environ):
        if variable.startswith("AUTOTRACE_") and variable not in ours:
            near = difflib.get_close_matches(variable, ours, 1, 0.8)
            if near:
                problems.append(f"{variable}: unknown variable; did you mean {near[0]}?")
    for name in environ.get("AUTOTRACE_DISABLE", "").split(","):
        near_module = _near_module(module_name(name))
        if near_module:
            problems.append(
                f"AUTOTRACE_DISABLE: unknown library {show(name.strip())};"
                f" did you mean {near_module}?"
            )
    return problems


def _near_module(name: str) -> str:
    """Give the known library that a name was meant for most likely; "" if it is known or like none.

    A name that is like none may be that of an instrumentation installed beside the job only.
    """
    known = known_modules()
    if not name or name in known or name.partition(".")[0] in known:
        return ""
    near = difflib.get_close_matches(name, known, 1, 0.75)
    if not near or name in _third_party():
        return ""
    return near[0]


def _third_party() -> list[str]:
    """Name the libraries for which other distributions bring an instrumentation."""
    from importlib.metadata import entry_points

    return [point.name for point in entry_points(group="autotrace.instrumentations")]


class _Checker:
    """Goes through a file's tables once and collects what is right and what is wrong."""

    def __init__(self, path: str, text: str, document: dict[str, Any], prefix: Path) -> None:
        self.layer: Layer = {}
        self.problems: list[str] = []
        self._path = path
        self._text = text
        self._document = document
        self._prefix = prefix
        self._off: set[str] = set()
        self._lines: dict[Path, int] | None = None

    def file(self, table: object) -> None:
        """Check the outermost table."""
        if not isinstance(table, dict):
            self._problem((), f"must be a table, not {show(table)}")
            return
        for key, value in table.items():
            if key not in _SECTIONS and key != "modules":
                self._entry((key,), value)
            elif not isinstance(value, dict):
                self._problem((key,), f"must be a table, `[{key}]`, not {show(value)}")
            elif key == "modules":
                self._modules((key,), value)
                self.layer["modules_off"] = frozenset(self._off)
            else:
                for inner, below in value.items():
                    self._entry((key, inner), below)

    def _entry(self, keys: tuple[str, ...], value: object) -> None:
        """Check one setting, or the table of one library in ``capture``."""
        setting = _SCALARS.get(".".join(keys)) if all("." not in key for key in keys) else None
        if setting is None:
            if keys[0] == "capture" and isinstance(value, dict):
                self._capture(keys, value)
            else:
                self._unknown(keys, value)
        elif setting.kind in ("names", "patterns") and isinstance(value, list):
            self._list(setting, keys, value)
        else:
            try:
                self.layer[setting.attribute] = accept(setting, value)
            except ConfigError as error:
                self._wrong(setting, keys, value, error)

    def _list(self, setting: Setting, keys: tuple[str, ...], value: Sequence[object]) -> None:
        """Check a list entry by entry: the right ones hold."""
        items = []
        for place, item in enumerate(value):
            try:
                items.append(accept_item(setting, item))
            except ConfigError as error:
                self._problem((*keys, place), str(error))
        self.layer[setting.attribute] = collect(setting, items)

    def _modules(self, keys: tuple[str, ...], table: Mapping[str, object]) -> None:
        """Check ``[modules]``; ``google.cloud = false`` names one library, though TOML nests it."""
        setting = _SCALARS["modules"]
        for key, value in table.items():
            inner = (*keys, key)
            if isinstance(value, dict):
                self._modules(inner, value)
                continue
            name = self._library(inner)
            try:
                if not accept(setting, value):
                    self._off.add(name)
            except ConfigError as error:
                self._problem(inner, str(error))

    def _capture(self, keys: tuple[str, ...], table: Mapping[str, object]) -> None:
        """Check the levels of one library, ``[capture.stripe]``."""
        name = self._library(keys)
        for key, value in table.items():
            setting = _BY_MODULE.get(key)
            inner = (*keys, key)
            if isinstance(value, dict):
                self._capture(inner, value)
            elif setting is None:
                self._unknown(inner, value, sorted(_BY_MODULE))
            else:
                try:
                    level = accept(setting, value)
                except ConfigError as error:
                    self._wrong(setting, inner, value, error)
                else:
                    levels: Any = self.layer.setdefault(setting.attribute, {})
                    levels[name] = level

    def _library(self, keys: tuple[str, ...]) -> str:
        """Give the library that the keys after the first name; nearly a known one is a problem."""
        name = module_name(".".join(keys[1:]))
        near = _near_module(name)
        if near:
            self._unknown(keys, None, [near])
        return name

    def _unknown(
        self, keys: tuple[str, ...], value: object, valid: Sequence[str] | None = None
    ) -> None:
        """Name a key that means nothing, and the nearest that does: there, or in another table."""
        section, key = keys[:-1], keys[-1]
        if valid is None:
            start = "".join(f"{part}." for part in section)
            valid = [name[len(start) :] for name in _SCALARS if name.startswith(start)]
            valid = sorted({name.partition(".")[0] for name in valid})
        near = self._elsewhere(key, 1.0) or difflib.get_close_matches(key, valid, 1)
        near = near or self._elsewhere(key, 0.8)
        if near:
            hint = f"; did you mean `{near[0]}`?"
        elif section == ("capture",) and module_name(key) in known_modules():
            hint = f"; a library has a table, `[capture.{key}]`, with request and response"
        else:
            hint = f"; there are {', '.join(valid)}"
        self._problem(keys, "", f"unknown key {_quoted(keys)}{hint}")

    def _elsewhere(self, key: str, likeness: float) -> list[str]:
        """Give the setting of any table whose name's last part is like a key, from 0 to 1."""
        last = {name.rpartition(".")[2]: name for name in _SCALARS}
        return [last[near] for near in difflib.get_close_matches(key, last, 1, likeness)]

    def _wrong(self, setting: Setting, keys: Path, value: object, error: ConfigError) -> None:
        """Name a value that a setting cannot have, and the nearest that it can."""
        near: list[str] = []
        if isinstance(value, str):
            near = difflib.get_close_matches(value.lower(), setting.choices, 1)
        self._problem(keys, f"{error}; did you mean {near[0]}?" if near else str(error))

    def _problem(self, keys: Path, what: str, text: str = "") -> None:
        """Note a problem, of the value of a key (``what``) or in full (``text``)."""
        if self._lines is None:
            self._lines = key_lines(self._text, self._document)
        line = self._lines.get((*self._prefix, *keys))
        where = f"{self._path}:{line}" if line else self._path
        self.problems.append(f"{where}: {text or _quoted(keys) + ' ' + what}")


def _quoted(keys: Path) -> str:
    """Write a key's path as it may stand in a file; of a list's entry, that of the list."""
    names = [key for key in keys if isinstance(key, str)]
    plain = [key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else show(key) for key in names]
    entry = "an entry of " if len(names) < len(keys) else ""
    return f"{entry}`{'.'.join(plain) or 'tool.autotrace'}`"
