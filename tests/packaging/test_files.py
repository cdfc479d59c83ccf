"""What a wheel and an editable install consist of, and that their commands run."""

from __future__ import annotations

import pkgutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import pythons
    from conftest import RunPython, Workshop

ROOT = Path(__file__).resolve().parents[2]
KINDS = ("wheel", "editable")


def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def text(wheel: Path, ending: str) -> str:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(ending))
        return archive.read(name).decode()


def test_a_wheel_holds_every_file_at_its_place(workshop: Workshop) -> None:
    held = names(workshop.wheel("wheel"))
    instrumentations = {path.name for path in (ROOT / "instrumentations").glob("*.py")}
    assert instrumentations
    assert {f"autotrace/instrumentations/{name}" for name in instrumentations} < held
    assert {
        "autotrace/__init__.py",
        "autotrace/instrumentations/__init__.py",
        "autotrace/bootstrap/sitecustomize.py",
        "autotrace/py.typed",
        "autotrace.pth",
        "autotrace.start",
    } < held


def test_a_wheel_holds_nothing_that_is_not_for_the_user(workshop: Workshop) -> None:
    held = names(workshop.wheel("wheel"))
    outside = {name for name in held if not name.startswith("autotrace/")}
    assert {name for name in outside if ".dist-info/" not in name} == {
        "autotrace.pth",
        "autotrace.start",
    }
    assert not [name for name in held if name.endswith(".pyc") or "/tests/" in name]


def test_an_editable_wheel_holds_the_startup_files_alone(workshop: Workshop) -> None:
    held = {name for name in names(workshop.wheel("editable")) if ".dist-info/" not in name}
    linking = {name for name in held if "editable" in name or name.startswith("_")}
    assert linking
    assert held - linking == {"autotrace.pth", "autotrace.start"}


@pytest.mark.parametrize("kind", KINDS)
def test_metadata(workshop: Workshop, kind: str) -> None:
    metadata = text(workshop.wheel(kind), ".dist-info/METADATA")
    assert "\nName: autotrace-agent\n" in metadata
    assert "\nRequires-Python: >=3.10\n" in metadata
    assert "\nLicense-Expression: Apache-2.0\n" in metadata
    required = [line for line in metadata.splitlines() if line.startswith("Requires-Dist: ")]
    needed = {line.split()[1].partition(">")[0].partition("~")[0] for line in required}
    assert needed - {"editables"} == {"tomli", "wrapt"}
    assert ("editables" in needed) <= (kind == "editable")
    assert any(line.startswith("Requires-Dist: tomli") and "< '3.11'" in line for line in required)
    points = text(workshop.wheel(kind), ".dist-info/entry_points.txt")
    assert "autotrace = autotrace.commands:main" in points
    assert "autotrace-run = autotrace.commands.run:main" in points


def test_a_wheel_made_from_the_source_distribution_is_the_same(
    workshop: Workshop, tmp_path: Path
) -> None:
    subprocess.run(["tar", "-xf", workshop.source_distribution(), "-C", tmp_path], check=True)
    (folder,) = tmp_path.iterdir()
    build = "import sys, hatchling.build as b; print(b.build_wheel(sys.argv[1]))"
    done = subprocess.run(
        [sys.executable, "-c", build, tmp_path],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    assert names(tmp_path / done.stdout.split()[-1]) == names(workshop.wheel("wheel"))


def test_the_start_file_names_what_can_be_called() -> None:
    # As Python 3.15 and newer read it; older ones do not look at it.
    (line,) = (ROOT / "autotrace.start").read_text().splitlines()
    assert callable(pkgutil.resolve_name(line))


def test_the_version_is_the_package_s_own(workshop: Workshop) -> None:
    import autotrace

    assert workshop.wheel("wheel").name.startswith(
        f"autotrace_agent-{autotrace.__version__}-py3-none-any"
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("command", ["autotrace", "autotrace-run"])
def test_commands_run(
    workshop: Workshop, kind: str, command: str, python: pythons.Python, run_python: RunPython
) -> None:
    environment = workshop.environment(kind, python)
    done = run_python(["--help"], python=environment.folder / "bin" / command)
    assert done.returncode == 0, done.stderr
    assert f"usage: {command}" in done.stdout.lower() or command in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize("kind", KINDS)
def test_instrumentations_are_modules_of_the_package(
    workshop: Workshop, kind: str, python: pythons.Python, run_python: RunPython
) -> None:
    environment = workshop.environment(kind, python)
    show = """
import importlib.util, sqlite3
print(importlib.util.find_spec("autotrace.instrumentations.sqlite3").origin)
print(sqlite3.__file__)
print(importlib.util.find_spec("instrumentations"))
"""
    done = run_python(show, python=environment.python)
    found, library, top = done.stdout.splitlines()
    installed = environment.site_packages / "autotrace" / "instrumentations"
    expected = {"wheel": installed, "editable": ROOT / "instrumentations"}[kind]
    assert Path(found) == expected / "sqlite3.py"
    assert Path(library).name == "__init__.py"
    if kind == "wheel":
        assert top == "None"


@pytest.mark.parametrize("kind", KINDS)
def test_an_interpreter_starts_in_silence(
    workshop: Workshop, kind: str, python: pythons.Python, run_python: RunPython
) -> None:
    environment = workshop.environment(kind, python)
    done = run_python("print('job')", python=environment.python)
    assert (done.returncode, done.stdout, done.stderr) == (0, "job\n", "")
