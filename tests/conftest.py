"""What tests of all folders share: a store of their own, a MariaDB server, other interpreters."""

from __future__ import annotations

import fcntl
import functools
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import hypothesis
import mariadb_server
import pytest
import pythons
import traced_process

ROOT = Path(__file__).resolve().parents[1]

os.environ.setdefault("HYPOTHESIS_STORAGE_DIRECTORY", str(ROOT / ".scratch/cache/hypothesis"))
# The machine's load is no property of the code: examples may take their time. CI repeats itself.
hypothesis.settings.register_profile(
    "autotrace", deadline=None, derandomize=bool(os.environ.get("CI"))
)
hypothesis.settings.load_profile("autotrace")

OURS = ("AUTOTRACE_", "OTEL_")
"""Settings of the developer's shell that must not reach what is tested."""


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test reads or writes the developer's own store, or is itself traced."""
    for name in [*os.environ]:
        if name.startswith(OURS) and name != mariadb_server.VARIABLE:
            monkeypatch.delenv(name)
    for name in ("TRACEPARENT", "TRACESTATE", "PYTHONPATH", "PYTHONSTARTUP", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AUTOTRACE_HOME", str(tmp_path / "home"))


@pytest.fixture
def home(_own_environment: None) -> Path:
    """The folder that AUTOTRACE_HOME names in this test and all it starts; not made yet."""
    return Path(os.environ["AUTOTRACE_HOME"])


class RunPython(Protocol):
    """See `run_python`."""

    def __call__(
        self,
        code: str | list[str],
        env: dict[str, str | None] | None = None,
        python: str | Path = ...,
        **options: Any,
    ) -> subprocess.CompletedProcess[str]: ...


@pytest.fixture
def run_python(tmp_path: Path) -> RunPython:
    """Runs code, or `[script or option, …]`, in an interpreter of its own, in an empty folder.

    `env` is added to the environment (None removes a variable); other keywords go to
    `subprocess.run`. Output is text. The exit code is not checked.
    """

    def run(
        code: str | list[str],
        env: dict[str, str | None] | None = None,
        python: str | Path = sys.executable,
        **options: Any,
    ) -> subprocess.CompletedProcess[str]:
        folder = tmp_path / "cwd"
        folder.mkdir(exist_ok=True)
        given = {**os.environ, **(env or {})}
        arguments = ["-c", code] if isinstance(code, str) else code
        settings: dict[str, Any] = {
            "cwd": folder,
            "env": {name: value for name, value in given.items() if value is not None},
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
            "stdin": subprocess.DEVNULL,
            "text": True,
            "timeout": 120,
            "check": False,
        }
        return subprocess.run([str(python), *arguments], **{**settings, **options})

    return run


class Trace(Protocol):
    """See `traced_process.trace`, which is called with a folder of the test's own."""

    def __call__(
        self,
        code: str | list[str],
        *,
        python: str = ...,
        env: dict[str, str] | None = None,
        config: str = "",
        faults: bool = False,
        **options: Any,
    ) -> traced_process.Traced: ...


@pytest.fixture
def trace(tmp_path: Path) -> Trace:
    """Runs a script under the agent alone, and gives what its journals say."""
    return functools.partial(traced_process.trace, tmp_path)


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all workers of this test run share, for what is costly to make."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "shared"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def mariadb_server_url(shared_folder: Path) -> str:
    """The URL of this test run's MariaDB server, without a database; started when nobody has."""
    given = os.environ.get(mariadb_server.VARIABLE)
    if given:
        return given
    reason = mariadb_server.available()
    if reason:
        pytest.skip(reason)
    note = shared_folder / "mariadb.url"
    with open(shared_folder / "mariadb.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not note.exists():
            server = mariadb_server.start(str(shared_folder / "mariadb"))
            (shared_folder / "mariadb.pid").write_text(str(server.pid))
            note.write_text(server.url)
    return note.read_text()


@pytest.fixture
def mariadb(mariadb_server_url: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of an empty database of this test's own.

    It reads mysql+pymysql://user:password@127.0.0.1:port/database.
    """
    pymysql = pytest.importorskip("pymysql")
    sqlalchemy = pytest.importorskip("sqlalchemy")
    url = sqlalchemy.engine.make_url(mariadb_server_url)
    database = f"t{os.getpid()}_{abs(hash(request.node.nodeid)) % 10**10}"
    connection = pymysql.connect(
        host=url.host, port=url.port, user=url.username, password=url.password, autocommit=True
    )
    with connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE OR REPLACE DATABASE {database}")
        yield f"{mariadb_server_url}{database}"
        connection.ping()
        cursor.execute(f"DROP DATABASE {database}")


@pytest.fixture(scope="session")
def interpreters() -> list[pythons.Python]:
    """All CPython versions of this machine, oldest first, unsupported ones included."""
    return pythons.find()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Stop the server that a worker has started, once all of them have ended."""
    if hasattr(session.config, "workerinput"):
        return
    factory = getattr(session.config, "_tmp_path_factory", None)
    if factory is None or factory._basetemp is None:
        return
    note = factory.getbasetemp() / "shared" / "mariadb.pid"
    if note.exists():
        mariadb_server.stop(int(note.read_text()))
        note.unlink()
