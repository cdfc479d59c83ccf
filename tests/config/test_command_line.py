"""What a process runs, its job's name, and which commands are left alone."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from autotrace.command_line import job_name, script_folder, target
from autotrace.config import Config, ignored

PYTHON = "/usr/bin/python3.11"


@pytest.mark.parametrize(
    ("words", "kind", "what"),
    [
        ([], "stdin", ""),
        (["-"], "stdin", ""),
        (["-i"], "stdin", ""),
        (["-", "x.py"], "stdin", ""),
        (["sync.py", "-m", "pip"], "script", "sync.py"),
        (["-u", "sync.py"], "script", "sync.py"),
        (["--", "sync.py"], "script", "sync.py"),
        (["-X", "dev", "-W", "error", "sync.py"], "script", "sync.py"),
        (["-Xdev", "-Werror", "sync.py"], "script", "sync.py"),
        (["-uX", "dev", "sync.py"], "script", "sync.py"),
        (["--check-hash-based-pycs", "always", "sync.py"], "script", "sync.py"),
        (["-m", "billing.sync", "-x"], "module", "billing.sync"),
        (["-Im", "billing.sync"], "module", "billing.sync"),
        (["-mbilling.sync"], "module", "billing.sync"),
        (["-c", "print()", "a"], "code", "print()"),
        (["-uc", "print()"], "code", "print()"),
        (["-cprint()"], "code", "print()"),
        (["-m"], "module", ""),
    ],
)
def test_target(words: list[str], kind: str, what: str) -> None:
    assert target([PYTHON, *words], PYTHON) == (kind, what)


def test_target_agrees_with_python(tmp_path: Path) -> None:
    script = tmp_path / "sync.py"
    script.write_text(
        "import sys, json; print(json.dumps([sys.orig_argv, sys.argv, sys.executable]))"
    )
    for options in (["-u"], ["-X", "utf8", "-Wignore"], ["-sE"], ["--"]):
        ran = subprocess.run(
            [sys.executable, *options, str(script), "-c", "x"], stdout=subprocess.PIPE, check=True
        )
        original, argv, executable = json.loads(ran.stdout)
        assert target(original, executable) == ("script", str(script))
        assert target(argv, executable) == ("script", str(script))


def test_target_of_what_the_program_sees() -> None:
    assert target(["/opt/jobs/sync.py", "-v"], PYTHON) == ("script", "/opt/jobs/sync.py")
    assert target(["python_tool"], PYTHON) == ("script", "python_tool")
    assert target([""], PYTHON) == ("stdin", "")
    assert target(["-c"], PYTHON) == ("code", "")
    assert target(["-m"], PYTHON) == ("module", "")


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (["/opt/jobs/sync_job.py"], "sync_job"),
        (["/usr/bin/sync-job"], "sync-job"),
        (["v1.2"], "v1.2"),
        (["app.pyz"], "app"),
        (["/opt/app/__main__.py"], "app"),
        (["/opt/app/"], "app"),
        ([".py"], ".py"),
        (["-m", "billing.sync"], "billing.sync"),
        (["-c", "x"], "python"),
        ([], "python"),
    ],
)
def test_job_name(words: list[str], name: str) -> None:
    assert job_name([PYTHON, *words], PYTHON) == name


def test_script_folder(tmp_path: Path) -> None:
    real = tmp_path / "real"
    real.mkdir()
    (real / "sync.py").touch()
    (tmp_path / "link.py").symlink_to(real / "sync.py")
    assert script_folder([PYTHON, str(tmp_path / "link.py")], PYTHON) == str(real)
    assert script_folder([PYTHON, str(real)], PYTHON) == str(real)
    assert script_folder([PYTHON, "-m", "x"], PYTHON) == ""


@pytest.mark.parametrize(
    "words",
    [
        ["/venv/bin/pip", "install", "x"],
        ["/venv/bin/pip3.11", "install"],
        ["-m", "pip", "install"],
        ["-Im", "pip"],
        ["-m", "pip._internal"],
        ["/usr/lib/python3/dist-packages/pip/__main__.py"],
        ["/venv/bin/pytest"],
        ["-m", "pytest", "-n2"],
        ["-u", "-c", "import sys;exec(eval(sys.stdin.readline()))"],
        [
            "-c",
            "from multiprocessing.spawn import spawn_main; spawn_main(3)",
            "--multiprocessing-fork",
        ],
        ["-m", "venv", "x"],
        ["/venv/bin/ipython"],
        ["-m", "ipykernel_launcher"],
        ["/venv/bin/jupyter-lab"],
        ["/venv/bin/autotrace", "list"],
    ],
)
def test_tools_are_left_alone(words: list[str]) -> None:
    assert ignored(Config(), [PYTHON, *words], PYTHON)


@pytest.mark.parametrize(
    "words",
    [
        ["/opt/jobs/sync_job.py"],
        ["pip_report.py"],
        ["coverage.py"],
        ["pipeline"],
        ["-m", "pipeline"],
        ["-c", "import pip"],
        ["-"],
        [],
    ],
)
def test_jobs_are_not(words: list[str]) -> None:
    assert not ignored(Config(), [PYTHON, *words], PYTHON)


def test_commands_of_the_user() -> None:
    config = Config(ignore_commands=frozenset(["sync_job", "manage.py", "billing", "tmp_*"]))
    for words in (
        ["sync_job.py"],
        ["/bin/sync_job"],
        ["manage.py", "x"],
        ["-m", "billing.sync"],
        ["tmp_1.py"],
        ["/bin/pip"],
    ):
        assert ignored(config, [PYTHON, *words], PYTHON), words
    assert not ignored(config, [PYTHON, "manage"], PYTHON)


def test_keep_wins() -> None:
    config = Config(ignore_commands=frozenset(["a"]), ignore_keep=frozenset(["pytest", "a"]))
    assert not ignored(config, [PYTHON, "-m", "pytest"], PYTHON)
    assert not ignored(config, [PYTHON, "a.py"], PYTHON)
    assert ignored(config, [PYTHON, "-m", "pip"], PYTHON)
