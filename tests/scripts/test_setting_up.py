"""What the two commands of the README do where something is missing or in the way."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Protocol

import pytest
import pythons
import total

ROOT = Path(__file__).resolve().parents[2]


class Bash(Protocol):
    """See `bash`."""

    def __call__(
        self, code: str, env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]: ...


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A folder that holds all the programs there are, for the shell code that is tested."""
    folder = tmp_path / "programs"
    folder.mkdir()
    for name in (
        "bash",
        "basename",
        "cat",
        "cut",
        "dirname",
        "env",
        "id",
        "mkdir",
        "mv",
        "rm",
        "tail",
    ):
        path = shutil.which(name)
        assert path, name
        (folder / name).symlink_to(path)
    return folder


@pytest.fixture
def bash(tmp_path: Path, programs: Path) -> Bash:
    """Runs shell code as a script of a checkout would, with the functions of environment.sh."""
    scripts = tmp_path / "checkout" / "scripts"
    scripts.mkdir(parents=True)
    shutil.copy(ROOT / "scripts" / "environment.sh", scripts)

    def run(code: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        script = scripts / "try"
        script.write_text(f'source "$(dirname "${{BASH_SOURCE[0]}}")/environment.sh"\n{code}\n')
        given = {"PATH": str(programs), "HOME": str(tmp_path), **(env or {})}
        return subprocess.run(
            ["bash", str(script)],
            env=given,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


def program(folder: Path, name: str, code: str) -> None:
    path = folder / name
    path.unlink(missing_ok=True)
    path.write_text(f"#!{shutil.which('bash')}\n{code}\n")
    path.chmod(0o755)


def test_without_a_python_it_says_what_to_install(bash: Bash) -> None:
    done = bash("find_python")
    assert done.returncode == 1
    assert "no Python 3.10 to 3.14 was found" in done.stderr
    assert "apt-get install python3 python3-pip" in done.stderr


def test_a_python_that_is_too_old_is_passed_over(bash: Bash, programs: Path) -> None:
    program(programs, "python3", "exit 1")
    (programs / "python3.13").symlink_to(sys.executable)
    assert bash("find_python").stdout.strip() == str(programs / "python3.13")


def test_where_venv_is_missing_virtualenv_is_fetched(
    bash: Bash, programs: Path, tmp_path: Path
) -> None:
    program(
        programs,
        "python3",
        """case "$*" in
            "-m venv "*) mkdir -p "$3"; echo "ensurepip is not available"; exit 1;;
            "-m pip --version") ;;
            "-m pip install "*--target*virtualenv) ;;
            "-m virtualenv "*) mkdir -p "$3"; echo "$PYTHONPATH" > "$3/made";;
            -c*) echo python3;;
            *) exit 9;;
        esac""",
    )
    done = bash('make_environment "$scratch/new"')
    assert done.returncode == 0, done.stderr
    scratch = tmp_path / "checkout" / ".scratch"
    assert (scratch / "new" / "made").read_text().strip() == str(scratch / "virtualenv")


def test_without_venv_and_pip_it_says_what_to_install(bash: Bash, programs: Path) -> None:
    program(programs, "python3", '[ "$1" = -c ] && echo python3')
    done = bash('make_environment "$scratch/new"')
    assert done.returncode == 1
    assert "apt-get install python3-venv" in done.stderr


def test_an_ordinary_user_without_sudo_is_told_what_to_install(bash: Bash, programs: Path) -> None:
    program(programs, "apt-get", "echo called; exit 9")
    program(programs, "id", "echo 1000")
    done = bash("debian_packages one two")
    assert (done.returncode, done.stdout) == (1, "")
    assert "As root: apt-get install one two" in done.stderr


def test_an_ordinary_user_with_sudo_installs_with_it(
    bash: Bash, programs: Path, tmp_path: Path
) -> None:
    program(programs, "apt-get", f'echo "$SUDO_SAYS $*" >> {tmp_path}/calls')
    program(programs, "id", "echo 1000")
    program(programs, "sudo", '[ "$1" = -n ] && shift; [ "$1" = true ] || SUDO_SAYS=yes exec "$@"')
    program(programs, "true", "exit 0")
    done = bash("debian_packages one two")
    assert done.returncode == 0, done.stderr
    calls = (tmp_path / "calls").read_text().splitlines()
    # The variable set by the stand-in shows that both went through it.
    assert calls == ["yes update", "yes install -y --no-install-recommends one two"]


def test_a_hiccup_of_the_network_is_sat_out(bash: Bash, programs: Path, tmp_path: Path) -> None:
    program(programs, "sleep", "exit 0")
    program(
        programs,
        "fetch",
        f"echo x >> {tmp_path}/n; mapfile -t n < {tmp_path}/n; [ ${{#n[@]}} = 3 ]",
    )
    done = bash("from_network fetching fetch; echo on it goes")
    assert (done.returncode, done.stdout) == (0, "on it goes\n")
    assert done.stderr.count("trying again") == 2


def test_a_network_that_is_down_is_said_to_be(bash: Bash, programs: Path) -> None:
    program(programs, "sleep", "exit 0")
    program(programs, "fetch", "echo the reason; exit 1")
    done = bash("from_network fetching fetch; echo on it goes")
    assert (done.returncode, done.stdout) == (1, "")
    assert "the reason" in done.stderr
    assert "check the network" in done.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_scratch_folder_of_somebody_else_is_named(bash: Bash, tmp_path: Path) -> None:
    (tmp_path / "checkout" / ".scratch").mkdir(mode=0o500)
    done = bash("echo on it goes")
    assert (done.returncode, done.stdout) == (1, "")
    assert "cannot write to" in done.stderr


def test_settings_of_the_caller_s_shell_do_not_reach_what_is_set_up(bash: Bash) -> None:
    given = {"AUTOTRACE_ENABLED": "1", "PYTHONPATH": "/nowhere", "PIP_FIND_LINKS": "/wheels"}
    done = bash('echo "${AUTOTRACE_ENABLED-} ${PYTHONPATH-} $PIP_FIND_LINKS"', given)
    assert done.stdout.split() == ["/wheels"]


def test_reports_are_added_up(tmp_path: Path) -> None:
    for name, counts in {"a": (10, 1, 2, 3), "b": (5, 0, 0, 0)}.items():
        tests, failures, errors, skipped = counts
        (tmp_path / f"{name}.xml").write_text(
            f'<testsuites><testsuite tests="{tests}" failures="{failures}" errors="{errors}"'
            f' skipped="{skipped}"/></testsuites>'
        )
    assert total.total(tmp_path) == "9 passed, 3 failed, 3 skipped"
    assert total.total(tmp_path / "none") == "0 passed, 0 failed, 0 skipped"


def answer(version: list[int], implementation: str = "CPython", gil: bool = True) -> str:
    return f"echo '{json.dumps([version, implementation, gil, ''])}'"


def test_interpreters_are_found_in_pyenv_and_on_path_and_only_those_that_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = ".".join(map(str, sys.version_info[:2]))
    too_old_for_isolation = '[[ "$*" == *-I* ]] && exit 2\n'
    for name, code in {
        "versions/2.7.18": too_old_for_isolation + answer([2, 7, 18], gil=False),
        "versions/3.14.1": answer([3, 14, 1]),
        "versions/3.15.0t": answer([3, 15, 0], gil=False),
        "versions/pypy3": answer([3, 10, 1], "PyPy"),
        "versions/broken": "exit 1",
    }.items():
        folder = tmp_path / name / "bin"
        folder.mkdir(parents=True)
        program(folder, "python", code)
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path / "nowhere"))
    found = {python.name: python.path for python in pythons.find()}
    assert set(found) == {"2.7", own, "3.14"} if own != "3.14" else {"2.7", "3.14"}
    assert [python.name for python in pythons.supported()] == sorted({own, "3.14"})
    pythons.link(str(tmp_path / "links"), pythons.supported())
    assert os.readlink(tmp_path / "links" / "python3.14") == found["3.14"]
