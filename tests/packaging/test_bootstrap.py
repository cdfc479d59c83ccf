"""The bootstrap folder: a traced interpreter that has no autotrace installed cannot tell."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import pythons
    from conftest import RunPython, Workshop

ROOT = Path(__file__).resolve().parents[2]

SEEN = """
import json, os, subprocess, sys
own = ("AUTOTRACE_ENABLED", "AUTOTRACE_RUN", "TRACEPARENT")
print(json.dumps({
    "path": sys.path,
    "environ": sorted((k, v) for k, v in os.environ.items() if k not in own),
    "sitecustomize": getattr(sys.modules.get("sitecustomize"), "__file__", None),
    "inherited": subprocess.check_output(["/usr/bin/env"]).decode().count("PYTHONPATH="),
    "traced": "autotrace.agent.tracer" in sys.modules,
}))
try:
    import sitecustomize
    print("has one")
except ImportError as error:
    print(type(error).__name__)
"""


def journals(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*.journal"))


@pytest.fixture
def bootstrap(workshop: Workshop, python: pythons.Python) -> str:
    """The folder that `autotrace-run` puts on PYTHONPATH, of an installed wheel."""
    return str(workshop.environment("wheel", python).site_packages / "autotrace" / "bootstrap")


def seen(done: Any) -> tuple[dict[str, Any], str]:
    first, second = done.stdout.splitlines()
    return json.loads(first), second


@pytest.mark.parametrize("own", [None, "", "{tmp}", ":{tmp}::/nowhere", "{tmp}:"])
@pytest.mark.parametrize("enabled", ["1", "0"])
def test_another_environment_sees_what_it_saw_before(
    workshop: Workshop,
    python: pythons.Python,
    bootstrap: str,
    own: str | None,
    enabled: str,
    tmp_path: Path,
    run_python: RunPython,
    run_folder: Path,
    switched_on: dict[str, str | None],
) -> None:
    foreign = workshop.environment("empty", python).python
    own = own.format(tmp=tmp_path) if own else own
    expected, importing = seen(run_python(SEEN, {"PYTHONPATH": own or None}, foreign))
    path = f"{bootstrap}:{own}" if own else bootstrap
    environment = {**switched_on, "AUTOTRACE_ENABLED": enabled, "PYTHONPATH": path}
    done = run_python(SEEN, environment, foreign)
    assert done.stderr == ""
    found, importing_traced = seen(done)
    assert found.pop("traced") is (enabled == "1")
    assert found.pop("inherited") == 1
    del expected["traced"], expected["inherited"]
    assert found == expected
    assert importing_traced == importing
    assert len(journals(run_folder)) == (1 if enabled == "1" else 0)


def test_children_are_traced_too(
    workshop: Workshop,
    python: pythons.Python,
    bootstrap: str,
    run_python: RunPython,
    run_folder: Path,
    switched_on: dict[str, str | None],
) -> None:
    foreign = workshop.environment("empty", python).python
    code = "import subprocess, sys; subprocess.check_call([sys.executable, '-c', ''])"
    done = run_python(code, {**switched_on, "PYTHONPATH": bootstrap}, foreign)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(journals(run_folder)) == 2


def test_in_a_checkout_the_top_folder_is_the_bootstrap(
    workshop: Workshop,
    python: pythons.Python,
    run_python: RunPython,
    run_folder: Path,
    switched_on: dict[str, str | None],
) -> None:
    foreign = workshop.environment("empty", python).python
    code = "import sys, autotrace; print(autotrace.__file__, sys.path)"
    done = run_python(code, {**switched_on, "PYTHONPATH": str(ROOT)}, foreign)
    assert done.stderr == ""
    where, _, path = done.stdout.partition(" ")
    assert Path(where) == ROOT / "autotrace" / "__init__.py"
    assert str(ROOT) not in path
    assert len(journals(run_folder)) == 1


@pytest.mark.parametrize("enabled", ["1", "0"])
@pytest.mark.parametrize("place", ["PYTHONPATH", "site-packages"])
def test_the_next_sitecustomize_runs_once_under_its_own_name(
    workshop: Workshop,
    python: pythons.Python,
    bootstrap: str,
    place: str,
    enabled: str,
    tmp_path: Path,
    run_python: RunPython,
    switched_on: dict[str, str | None],
) -> None:
    foreign = workshop.environment("empty-own-sitecustomize", python)
    folder = tmp_path if place == "PYTHONPATH" else foreign.site_packages
    theirs = folder / "sitecustomize.py"
    theirs.write_text("print('theirs', __name__, __file__)\nvalue = 7\n")
    code = "import sitecustomize as s; print(s.value, s.__file__, s.__spec__.origin)"
    path = f"{bootstrap}:{tmp_path}"
    environment = {**switched_on, "AUTOTRACE_ENABLED": enabled, "PYTHONPATH": path}
    try:
        plain = run_python(code, {"PYTHONPATH": str(tmp_path)}, foreign.python)
        done = run_python(code, environment, foreign.python)
    finally:
        theirs.unlink()
    # Debian's interpreter has a sitecustomize of its own, which comes before site-packages.
    assert (done.stdout, done.stderr) == (plain.stdout, plain.stderr)
    if place == "PYTHONPATH":
        assert done.stdout == f"theirs sitecustomize {theirs}\n7 {theirs} {theirs}\n"


@pytest.mark.parametrize(
    "content",
    ["raise ValueError('theirs')", "import module_that_is_not_there", "raise SystemExit(4)"],
)
def test_an_error_in_theirs_is_reported_as_ever(
    workshop: Workshop,
    python: pythons.Python,
    bootstrap: str,
    content: str,
    tmp_path: Path,
    run_python: RunPython,
    switched_on: dict[str, str | None],
) -> None:
    foreign = workshop.environment("empty", python).python
    (tmp_path / "sitecustomize.py").write_text(content)
    code = "import sys; print('sitecustomize' in sys.modules)"
    plain = run_python(code, {"PYTHONPATH": str(tmp_path)}, foreign)
    traced = run_python(code, {**switched_on, "PYTHONPATH": f"{bootstrap}:{tmp_path}"}, foreign)
    assert traced.returncode == plain.returncode
    assert traced.stdout == plain.stdout
    # A SystemExit this early is a fatal error, and its traceback tells the way through us.
    last = [done.stderr.splitlines()[-1:] for done in (traced, plain)]
    assert last[0] == last[1]
    if "SystemExit" not in content:
        assert traced.stderr == plain.stderr


def test_loaded_twice_is_loaded_once_also_in_two_versions(
    workshop: Workshop,
    python: pythons.Python,
    tmp_path: Path,
    run_python: RunPython,
    run_folder: Path,
    switched_on: dict[str, str | None],
) -> None:
    other = tmp_path / "autotrace"
    shutil.copytree(workshop.environment("wheel", python).site_packages / "autotrace", other)
    init = other / "__init__.py"
    init.write_text(init.read_text() + '\n__version__ = "99.0"\n')
    environment = workshop.environment("wheel", python)
    code = "import autotrace; print(autotrace.__version__)"
    given = {**switched_on, "PYTHONPATH": str(other / "bootstrap")}
    done = run_python(code, given, environment.python)
    assert done.stderr == ""
    assert done.stdout.strip() not in ("", "99.0")
    assert len(journals(run_folder)) == 1

    foreign = workshop.environment("empty", python).python
    assert run_python(code, given, foreign).stdout == "99.0\n"


def unsupported() -> list[Any]:
    import pythons

    found = [each for each in pythons.find() if not each.supported]
    if not found:
        reason = "no unsupported Python on this machine"
        return [pytest.param(None, marks=pytest.mark.skip(reason=reason))]
    return [pytest.param(each, id=each.name) for each in found]


@pytest.mark.parametrize("old", unsupported())
def test_an_unsupported_python_says_so_in_one_line_and_runs_the_program(
    workshop: Workshop,
    old: pythons.Python,
    interpreters: list[pythons.Python],
    tmp_path: Path,
    run_python: RunPython,
    run_folder: Path,
    switched_on: dict[str, str | None],
) -> None:
    newest = [each for each in interpreters if each.supported][-1]
    installed = workshop.environment("wheel", newest).site_packages
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.theirs = 1\n")
    code = "import os, sys; print(os.environ['PYTHONPATH'] + ' %s' % sys.theirs); sys.exit(5)"
    path = f"{installed}/autotrace/bootstrap:{tmp_path}"
    done = run_python(["-B", "-c", code], {**switched_on, "PYTHONPATH": path}, old.path)
    assert done.stderr == (
        f"autotrace: Python {old.name} is not supported, only 3.10 to 3.14 are;"
        " this program runs untraced\n"
    )
    assert (done.returncode, done.stdout) == (5, f"{tmp_path} 1\n")
    assert journals(run_folder) == []

    off = {**switched_on, "AUTOTRACE_ENABLED": "0", "PYTHONPATH": path}
    assert run_python(["-B", "-c", code], off, old.path).stderr == ""


def test_a_bootstrap_without_its_package_leaves_the_program_untouched(
    workshop: Workshop,
    python: pythons.Python,
    tmp_path: Path,
    run_python: RunPython,
    switched_on: dict[str, str | None],
) -> None:
    folder = tmp_path / "autotrace" / "bootstrap"
    folder.mkdir(parents=True)
    shutil.copy(ROOT / "sitecustomize.py", folder)
    foreign = workshop.environment("empty", python).python
    code = "import sys; print('autotrace' in sys.modules); sys.exit(3)"
    done = run_python(code, {**switched_on, "PYTHONPATH": str(folder)}, foreign)
    assert (done.returncode, done.stdout) == (3, "False\n")
    (line,) = done.stderr.splitlines()
    assert line.startswith("autotrace: could not start (FileNotFoundError: ")
