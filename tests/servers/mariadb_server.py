"""A MariaDB server of the tests' own: its data in a given folder, on a free loopback port.

It runs as the current user. A server that the machine runs itself is neither used nor touched. As
a command:

    python tests/servers/mariadb_server.py FOLDER COMMAND…

runs COMMAND with AUTOTRACE_TEST_MARIADB set to the URL of a server started for it, stops the
server, and ends with the command's exit code. With --check alone it ends with 1 when no server can
be started on this machine.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from typing import NamedTuple

VARIABLE = "AUTOTRACE_TEST_MARIADB"
USER = "tester"
PASSWORD = "tester-Passw0rd"

_FOLDERS = ("/usr/sbin", "/usr/local/sbin", "/usr/libexec", "/usr/local/libexec")
_START_SECONDS = 60
_STOP_SECONDS = 20


class ServerError(Exception):
    """The server could not be set up or started; the text says why."""


class Server(NamedTuple):
    """A running server."""

    pid: int
    port: int
    folder: str

    @property
    def url(self) -> str:
        """Where it is, as SQLAlchemy writes it: a user who may do everything, and no database."""
        return f"mysql+pymysql://{USER}:{PASSWORD}@127.0.0.1:{self.port}/"


def available() -> str:
    """Why no server can be started on this machine, or "" when one can."""
    needed = ("mariadbd", "mariadb-install-db", "my_print_defaults")
    missing = [name for name in needed if not _program(name)]
    return (
        f"{' and '.join(missing)} not found (Debian: mariadb-server-core, mariadb-client-core)"
        if missing
        else ""
    )


def start(folder: str) -> Server:
    """Start a server whose data lie in `folder`, which is made, or used again if it was made here.

    Raises:
        ServerError: With the end of the server's log, when it does not come up.
    """
    reason = available()
    if reason:
        raise ServerError(reason)
    folder = os.path.abspath(folder)
    data = os.path.join(folder, "data")
    if not os.path.exists(os.path.join(folder, "installed")):
        _install(folder, data)
    # Another process may take the port in between: then the server ends at once, and the next
    # port is tried.
    for _ in range(5):
        server = _try_start(folder, data)
        if server:
            return server
    raise ServerError(f"MariaDB does not start; its log ends with:\n{_tail(folder)}")


def stop(pid: int) -> None:
    """End the server with process id `pid`, and wait until it has gone."""
    for number, seconds in ((signal.SIGTERM, _STOP_SECONDS), (signal.SIGKILL, 5)):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if not _alive(pid):
                return
            time.sleep(0.05)


def _install(folder: str, data: str) -> None:
    shutil.rmtree(data, ignore_errors=True)
    os.makedirs(data, mode=0o700)
    os.makedirs(os.path.join(folder, "tmp"), mode=0o700, exist_ok=True)
    command = [
        _program("mariadb-install-db"),
        "--no-defaults",
        f"--datadir={data}",
        # Two servers at once meet in /tmp: the names of temporary tables are not unique there.
        f"--tmpdir={folder}/tmp",
        f"--user={getpass.getuser()}",
        "--auth-root-authentication-method=normal",
        "--skip-test-db",
        "--skip-name-resolve",
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        raise ServerError(f"mariadb-install-db failed:\n{done.stdout[-1000:]}{done.stderr[-1000:]}")
    with open(os.path.join(folder, "grants.sql"), "w", encoding="ascii") as file:
        file.write(
            f"CREATE OR REPLACE USER {USER}@'127.0.0.1' IDENTIFIED BY '{PASSWORD}';\n"
            f"GRANT ALL ON *.* TO {USER}@'127.0.0.1' WITH GRANT OPTION;\n"
            # It has no password, and other users of the machine reach the port too.
            "ALTER USER root@localhost ACCOUNT LOCK;\n"
        )
    with open(os.path.join(folder, "installed"), "w", encoding="ascii"):
        pass


def _try_start(folder: str, data: str) -> Server | None:
    port = _free_port()
    command = [
        _program("mariadbd"),
        "--no-defaults",
        f"--datadir={data}",
        # Two servers at once meet in /tmp: the names of temporary tables are not unique there.
        f"--tmpdir={folder}/tmp",
        f"--user={getpass.getuser()}",
        f"--port={port}",
        "--bind-address=127.0.0.1",
        # Both relative to the data folder: the whole path of a socket may be 107 bytes long.
        "--socket=server.sock",
        "--pid-file=server.pid",
        f"--init-file={folder}/grants.sql",
        "--skip-name-resolve",
        "--innodb-buffer-pool-size=32M",
        "--innodb-flush-log-at-trx-commit=0",
        "--skip-innodb-doublewrite",
        "--character-set-server=utf8mb4",
        "--max-connections=100",
    ]
    with open(os.path.join(folder, "server.log"), "ab") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        if _greets(port):
            return Server(process.pid, port, folder)
        time.sleep(0.05)
    if process.poll() is None:
        stop(process.pid)
    return None


def _greets(port: int) -> bool:
    """Whether a MySQL server answers there, which it does once the init file has been run."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
            greeting = connection.recv(64)
    except OSError:
        return False
    # Four bytes of packet header, then the protocol's version (an error packet has 255 here).
    return len(greeting) > 5 and greeting[4] == 10


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def _program(name: str) -> str:
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), *_FOLDERS))
    return shutil.which(name, path=path) or ""


def _alive(pid: int) -> bool:
    with contextlib.suppress(ChildProcessError):
        return os.waitpid(pid, os.WNOHANG)[0] == 0
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _tail(folder: str) -> str:
    try:
        with open(os.path.join(folder, "server.log"), encoding="utf-8", errors="replace") as file:
            return file.read()[-2000:]
    except OSError as error:
        return str(error)


def main(arguments: list[str]) -> int:
    """Run a command with a server; see the module's docstring."""
    if arguments == ["--check"]:
        reason = available()
        print(reason or "a server can be started")
        return bool(reason)
    if len(arguments) < 2:
        print("usage: mariadb_server.py FOLDER COMMAND…", file=sys.stderr)
        return 2
    folder, *command = arguments
    try:
        server = start(folder)
    except ServerError as error:
        print(f"the tests' MariaDB server: {error}", file=sys.stderr)
        return 1
    # The terminal's Ctrl-C reaches the command as well; the server must be stopped all the same.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        return subprocess.run(
            command, env={**os.environ, VARIABLE: server.url}, check=False
        ).returncode
    except KeyboardInterrupt:
        return 130
    finally:
        stop(server.pid)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
