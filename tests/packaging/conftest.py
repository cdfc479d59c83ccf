"""Wheel and editable install of this checkout, each in fresh environments of several Pythons."""

from __future__ import annotations

import fcntl
import functools
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
import pythons

ROOT = Path(__file__).resolve().parents[2]


class Environment(NamedTuple):
    """A virtual environment with autotrace in it."""

    folder: Path
    site_packages: Path

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / "bin" / "python"


def checked(command: list[str | Path], **options: object) -> str:
    """Run a command that must succeed; its standard output."""
    done = subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        **options,  # type: ignore[call-overload]
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    output: str = done.stdout
    return output


class Workshop:
    """Builds and environments of this test run, each made once, by the worker that needs it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def once(self, name: str, make: Callable[[Path], None]) -> Path:
        """The folder `name`, filled by `make` if no worker has done so."""
        done = self.folder / name
        with open(self.folder / f"{name}.lock", "w", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not done.exists():
                unfinished = self.folder / f"{name}.new"
                shutil.rmtree(unfinished, ignore_errors=True)
                unfinished.mkdir()
                make(unfinished)
                unfinished.rename(done)
        return done

    def wheel(self, kind: str) -> Path:
        """The built wheel; `kind` is "wheel" or "editable"."""
        function = {"wheel": "build_wheel", "editable": "build_editable"}[kind]
        build = f"import sys, hatchling.build as b; b.{function}(sys.argv[1])"

        def make(folder: Path) -> None:
            checked([sys.executable, "-c", build, folder], cwd=ROOT)

        (path,) = self.once(f"built-{kind}", make).glob("*.whl")
        return path

    def source_distribution(self) -> Path:
        """The built source distribution."""
        build = "import sys, hatchling.build as b; b.build_sdist(sys.argv[1])"

        def make(folder: Path) -> None:
            checked([sys.executable, "-c", build, folder], cwd=ROOT)

        (path,) = self.once("built-sdist", make).glob("*.tar.gz")
        return path

    def install(self, environment: Path, *what: str | Path) -> None:
        """Install with uv, or with pip where only pip's configuration reaches the registry."""
        options = ["--quiet", *what]
        try:
            checked(["uv", "pip", "install", "--python", environment, *options])
        except AssertionError:
            if importlib.util.find_spec("pip") is None:
                raise
            pip = [sys.executable, "-m", "pip", "--python", environment / "bin" / "python"]
            checked([*pip, "install", *options])

    def environment(self, kind: str, python: pythons.Python) -> Environment:
        """An environment with `kind` installed: "wheel", "editable", or "empty" for nothing.

        Many tests use it; one that changes it takes its own, by another name after "empty-".
        """
        target = self.folder / f"{kind}-{python.name}"

        def make(folder: Path) -> None:
            checked(["uv", "venv", "--quiet", "--python", python.path, target])
            if not kind.startswith("empty"):
                wheel = self.wheel(kind)
                # An editable install imports it at each start; some installers leave it out.
                extra = ["editables"] if kind == "editable" else []
                self.install(target, wheel, *extra)
            (folder / "made").touch()

        self.once(f"{target.name}-made", make)
        (site_packages,) = target.glob("lib/python*/site-packages")
        return Environment(target, site_packages)


@pytest.fixture(scope="session")
def workshop(shared_folder: Path) -> Workshop:
    """Where this test run's builds and environments are made."""
    missing = [name for name in ("uv",) if not shutil.which(name, path=_tools())]
    if missing:
        pytest.skip(f"{' '.join(missing)} not found")
    folder = shared_folder / "packaging"
    folder.mkdir(exist_ok=True)
    return Workshop(folder)


def _tools() -> str:
    return os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", "")))


@pytest.fixture(autouse=True)
def _tools_on_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """The uv of the environment that runs the tests is found, activated or not."""
    monkeypatch.setenv("PATH", _tools())
    monkeypatch.setenv("UV_PYTHON_DOWNLOADS", "never")
    # uv has to find its own configuration, whatever the tested libraries are kept from.
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)


@functools.cache
def oldest_and_newest() -> list[pythons.Python]:
    """The oldest and the newest supported interpreter of this machine; one if they are the same."""
    found = pythons.supported()
    return [found[0], found[-1]] if len(found) > 1 else found


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test that asks for `python` with the oldest and the newest one."""
    if "python" in metafunc.fixturenames:
        metafunc.parametrize("python", oldest_and_newest(), ids=lambda python: python.name)


@pytest.fixture
def run_folder(home: Path) -> Path:
    """A run's folder as `autotrace-run` makes it; a process given it joins that run."""
    folder = home / "live" / "0123456789ab"
    folder.mkdir(mode=0o700, parents=True)
    for each in (home, home / "live"):
        each.chmod(0o700)
    return folder


@pytest.fixture
def switched_on(run_folder: Path) -> dict[str, str | None]:
    """The environment of a process that is to be traced as part of that run."""
    return {
        "AUTOTRACE_ENABLED": "1",
        "AUTOTRACE_RUN": str(run_folder),
        "TRACEPARENT": f"00-{'ab' * 16}-{'cd' * 8}-01",
    }
