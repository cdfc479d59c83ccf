"""The virtual environments of the programs that are compared, made once in the scratch folder."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parent
SOURCES = ("autotrace", "instrumentations", "sitecustomize.py", "autotrace.pth", "autotrace.start")


class SetupError(Exception):
    """An environment could not be made; the text says why and what to do."""


def fingerprint(*names: str) -> str:
    """A digest of files and folders of the checkout: when it changes, they are installed anew."""
    digest = hashlib.sha256(sys.version.encode())
    for name in names:
        path = CHECKOUT / name
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file() and file.suffix != ".pyc":
                digest.update(str(file.relative_to(CHECKOUT)).encode() + file.read_bytes())
    return digest.hexdigest()


def _run(*command: object) -> None:
    """Run an installer; SetupError with its output when it fails."""
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, check=False, text=True
    )
    if done.returncode:
        output = (done.stdout + done.stderr).strip()[-2000:]
        raise SetupError(f"{' '.join(str(part) for part in command)} failed:\n{output}")


def _create(folder: Path) -> None:
    """A new virtual environment of the Python that runs this, by uv where there is one."""
    shutil.rmtree(folder, ignore_errors=True)
    if uv := shutil.which("uv"):
        _run(uv, "venv", "-q", "--seed", "--python", sys.executable, folder)
        return
    try:
        _run(sys.executable, "-m", "venv", folder)
    except SetupError as error:
        raise SetupError(f"{error}\nOn Debian: apt-get install python3-venv") from None


def prepare(name: str, scratch: Path) -> Path:
    """Make sure that the environment ``name`` is there and up to date; its folder.

    ``name`` is the middle of a ``requirements-<name>.txt`` beside this file. ``autotrace`` also
    gets autotrace from this checkout, as a user's ``pip install .`` would. Raises SetupError.
    """
    folder = scratch / "environments" / name
    stamp = folder / "made-from"
    requirements = HERE / f"requirements-{name}.txt"
    wanted = fingerprint(f"benchmarks/{requirements.name}", "benchmarks/requirements-common.txt")
    pip = (folder / "bin" / "python", "-m", "pip", "--disable-pip-version-check", "-q")
    if not stamp.is_file() or stamp.read_text() != wanted:
        print(f"setting up {name} …", file=sys.stderr, flush=True)
        _create(folder)
        _run(*pip, "install", "-r", requirements)
        stamp.write_text(wanted)
    if name == "autotrace":
        built = folder / "built-from"
        source = fingerprint(*SOURCES, "pyproject.toml")
        if not built.is_file() or built.read_text() != source:
            print("installing autotrace from the checkout …", file=sys.stderr, flush=True)
            _run(*pip, "install", "--no-deps", "--force-reinstall", CHECKOUT)
            built.write_text(source)
    return folder


def version(folder: Path, distribution: str) -> str:
    """The installed version of ``distribution`` (as its dist-info folder spells it), or ""."""
    found = sorted(folder.glob(f"lib/python*/site-packages/{distribution}-*.dist-info"))
    return found[0].name[len(distribution) + 1 : -len(".dist-info")] if found else ""
