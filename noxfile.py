"""All that CI checks, one session each: `nox -l` lists them, `scripts/test` runs them all."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import nox

ROOT = Path(__file__).resolve().parent
SCRATCH = ROOT / ".scratch"
sys.path.insert(0, str(ROOT / "scripts"))

import pythons  # noqa: E402

FOUND = pythons.supported()
OLDEST, NEWEST = FOUND[0].name, FOUND[-1].name

# nox looks for python3.N on PATH only, and finds pyenv's shims there, which run what is chosen.
pythons.link(str(SCRATCH / "pythons"), FOUND)
os.environ["PATH"] = os.pathsep.join((str(SCRATCH / "pythons"), os.environ["PATH"]))
os.environ["UV_PYTHON_DOWNLOADS"] = "never"

nox.needs_version = ">=2025.2.9"
nox.options.envdir = str(SCRATCH / "nox")
nox.options.reuse_venv = "yes"
nox.options.error_on_missing_interpreters = True
nox.options.sessions = [
    "lint",
    "types",
    "walls",
    "libraries",
    *(f"tests-{version}" for version in dict.fromkeys((OLDEST, NEWEST))),
]

OTHER_VERSIONS = {
    "oldest": (
        "httpx==0.23.0",
        "pymysql==1.0.2",
        "requests==2.25.1",
        "sqlalchemy==1.4.0",
        "stripe==8.0.0",
        "urllib3==1.26.0",
    ),
    "middle": (
        "httpx==0.26.0",
        "pymysql==1.1.0",
        "requests==2.31.0",
        "sqlalchemy==1.4.54",
        "stripe==9.12.0",
        "urllib3==2.0.2",
    ),
    "sqlalchemy-2": ("sqlalchemy==2.0.0",),
    "stripe-10": ("stripe==10.12.0",),
    "stripe-12": ("stripe==12.5.1",),
    "stripe-15": ("stripe==15.2.1",),
}
"""The versions that libraries are tested with besides the locked ones, by the name of their report.

The first are the oldest that are supported; where majors differ much, each has its turn.
"""

TESTS = {"httpx": "http_clients", "requests": "http_clients", "urllib3": "http_clients"}
"""Where the tests of a library are not in the file of its name."""


def install_locked(session: nox.Session) -> None:
    """Bring the session's environment to the locked state."""
    session.install("--require-hashes", "-r", "requirements/dev.txt", silent=True)


def install_editable(session: nox.Session) -> None:
    """The locked state, and autotrace linked to the checkout."""
    install_locked(session)
    session.install("--no-deps", "--no-build-isolation", "--editable", ".", silent=True)


def run_pytest(session: nox.Session, name: str, *arguments: str) -> None:
    """Run pytest, its report under `name` among the reports that are counted in the end."""
    report = SCRATCH / "reports" / f"{name}.xml"
    session.run(
        "pytest",
        "-n2",
        f"--junitxml={report}",
        *arguments,
        # Some libraries keep files of their own in the user's folder.
        env={"XDG_CONFIG_HOME": str(SCRATCH / "config")},
    )


@nox.session(python=NEWEST)
def lint(session: nox.Session) -> None:
    """Formatting and style."""
    install_locked(session)
    session.run("ruff", "format", "--check", ".")
    session.run("ruff", "check", ".")


@nox.session(python=NEWEST)
def types(session: nox.Session) -> None:
    """mypy, strict."""
    install_locked(session)
    session.run("mypy")


@nox.session(python=NEWEST)
def walls(session: nox.Session) -> None:
    """Which part may import which, looked at in an installed copy."""
    install_locked(session)
    session.install(
        "--no-deps", "--no-build-isolation", "--force-reinstall", "--no-cache-dir", ".", silent=True
    )
    # In another folder: lint-imports takes the package of the working directory first.
    with session.chdir(session.create_tmp()):
        session.run(
            "lint-imports",
            "--config",
            str(ROOT / "pyproject.toml"),
            "--no-cache",
            env={"PYTHONPATH": str(ROOT / "scripts")},
        )


@nox.session(python=[python.name for python in FOUND])
def tests(session: nox.Session) -> None:
    """All tests; arguments after `--` go to pytest."""
    install_editable(session)
    run_pytest(session, session.name, *session.posargs)


@nox.session(python=OLDEST)
def libraries(session: nox.Session) -> None:
    """The tests of each instrumentation with other versions of its library than the locked one."""
    for name, requirements in OTHER_VERSIONS.items():
        install_editable(session)
        session.install(*requirements, silent=True)
        libraries = [requirement.partition("==")[0] for requirement in requirements]
        tests = sorted({TESTS.get(library, library) for library in libraries})
        run_pytest(session, name, *(f"tests/instrumentations/test_{test}.py" for test in tests))
