"""The .pth file: AUTOTRACE_ENABLED in an interpreter that has autotrace installed."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import pythons
    from conftest import RunPython, Workshop

ROOT = Path(__file__).resolve().parents[2]
KINDS = ("wheel", "editable")
TRACED = "import sys; print('autotrace.agent.tracer' in sys.modules)"


def journals(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*.journal"))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("option", ["-u", "-I", "-E", "-P"])
def test_one_variable_switches_it_on(
    workshop: Workshop,
    kind: str,
    option: str,
    python: pythons.Python,
    run_python: RunPython,
    run_folder: Path,
    switched_on: dict[str, str | None],
) -> None:
    if option == "-P" and python.version < (3, 11):
        pytest.skip("-P came with Python 3.11")
    environment = workshop.environment(kind, python)
    done = run_python([option, "-c", TRACED], switched_on, environment.python)
    assert (done.returncode, done.stdout, done.stderr) == (0, "True\n", "")
    assert len(journals(run_folder)) == 1


@pytest.mark.parametrize("value", [None, "", "0", "false", "no", "off", "OFF", " False "])
def test_off_is_off(
    workshop: Workshop, value: str | None, python: pythons.Python, run_python: RunPython
) -> None:
    environment = workshop.environment("wheel", python)
    show = "import sys; print([name for name in sys.modules if name.startswith('autotrace')])"
    done = run_python(show, {"AUTOTRACE_ENABLED": value}, environment.python)
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_off_costs_one_look_at_the_environment(
    workshop: Workshop, python: pythons.Python, run_python: RunPython
) -> None:
    show = "import sys; print(sorted(sys.modules))"
    with_it = run_python(show, python=workshop.environment("wheel", python).python)
    # Any .pth file makes newer Pythons load a codec.
    other = workshop.environment("empty-other-pth", python)
    (other.site_packages / "other.pth").write_text("import os\n")
    without = run_python(show, python=other.python)
    assert with_it.stdout == without.stdout

    looks = """
import os
class Counting(dict):
    looks = []
    def get(self, *arguments):
        self.looks.append(arguments)
        return dict.get(self, *arguments)
os.environ = Counting()
with open(PTH) as file:
    (line,) = file.read().splitlines()
exec(line)
print([look[0] for look in Counting.looks])
"""
    done = run_python(looks.replace("PTH", repr(str(ROOT / "autotrace.pth"))), python=python.path)
    assert (done.stdout, done.stderr) == ("['AUTOTRACE_ENABLED']\n", "")


def test_without_site_nothing_happens(
    workshop: Workshop,
    python: pythons.Python,
    run_python: RunPython,
    run_folder: Path,
    switched_on: dict[str, str | None],
) -> None:
    environment = workshop.environment("wheel", python)
    done = run_python(["-S", "-c", TRACED], switched_on, environment.python)
    assert (done.stdout, done.stderr, journals(run_folder)) == ("False\n", "", [])


BROKEN = {
    "nothing there": {},
    "not ours": {"autotrace.py": "name = 'somebody else'\n"},
    "fails": {"autotrace/__init__.py": "raise RuntimeError('two\\nlines')\n"},
    "half copied": {
        "autotrace/__init__.py": "",
        "autotrace/startup.py": "def activate():\n    import autotrace.missing\n",
    },
    "not Python": {"autotrace/__init__.py": "", "autotrace/startup.py": "def activate(:\n"},
}


@pytest.mark.parametrize("files", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_install_leaves_the_program_untouched(
    workshop: Workshop,
    files: dict[str, str],
    python: pythons.Python,
    run_python: RunPython,
    request: pytest.FixtureRequest,
) -> None:
    environment = workshop.environment(
        f"empty-{request.node.callspec.id.replace(' ', '-')}", python
    )
    shutil.copy(ROOT / "autotrace.pth", environment.site_packages)
    for name, content in files.items():
        path = environment.site_packages / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)
    job = "import sys; print('job'); sys.exit(3)"
    done = run_python(job, {"AUTOTRACE_ENABLED": "1"}, environment.python)
    assert (done.returncode, done.stdout) == (3, "job\n")
    (line,) = done.stderr.splitlines()
    assert line.startswith("autotrace: could not start (")
    assert line.endswith("this program runs untraced")
