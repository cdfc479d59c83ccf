"""A home, a configuration or a disk that cannot be used: one clear line, and the job as it would have been."""

from __future__ import annotations

import os
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

WAYS = ("runner", "switched on")

JOB = "import sqlite3, sys\nsqlite3.connect(':memory:').execute('SELECT 1')\nprint('job')\nsys.exit(3)\n"


@pytest.fixture
def job(user: Any) -> str:
    user.file("job.py", JOB)
    return "job.py"


@pytest.fixture
def bound() -> list[str]:
    """The words before a command that make file permissions count for it, whoever runs the tests."""
    if os.geteuid() != 0:
        return []
    words = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]
    if subprocess.run([*words, "true"], capture_output=True, check=False).returncode:
        pytest.skip("root is above permissions here, and setpriv cannot help it")
    return words


def try_it(
    user: Any, way: str, bound: list[str], env: dict[str, str | None] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the job in one of the ways; it must be unharmed."""
    runner = [Path(user.python).parent / "autotrace-run", "-q"] if way == "runner" else []
    switch = {} if way == "runner" else {"AUTOTRACE_ENABLED": "1"}
    done: subprocess.CompletedProcess[str] = user.do(
        [*bound, *runner, user.python, "job.py"], env={**switch, **(env or {})}
    )
    assert (done.returncode, done.stdout) == (3, "job\n"), done.stderr
    return done


CONFIGURATIONS = {
    "no TOML": ("job =\n", ":1", "not TOML", "no setting in it is used"),
    "unknown key": ('\njbo = "x"\n', ":2", "unknown key `jbo`", "did you mean `job`?"),
    "wrong type": ('quiet = "no"\n', ":1", "`quiet` must be true or false", '"no"'),
    "out of range": ("[limits]\nspans = 0\n", ":2", "`limits.spans` must be from 1", "not 0"),
    "unknown library": ("[modules]\nreqests = false\n", ":2", "reqests", "did you mean `requests`"),
    "not text": (b"\xff\xfe\x00\x00", "", "autotrace.toml", "no setting in it is used"),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("wrong", CONFIGURATIONS)
def test_a_wrong_configuration(user: Any, job: str, say: Any, wrong: str, way: str) -> None:
    text, line, *words = CONFIGURATIONS[wrong]
    path = user.folder / "autotrace.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    say(try_it(user, way, []), f"{path}{line}", *words)
    user.collected()
    assert user.the_run().run["spans"] == 3


@pytest.mark.parametrize("way", WAYS)
def test_a_configuration_that_may_not_be_read(
    user: Any, job: str, say: Any, bound: list[str], way: str
) -> None:
    path = user.file("autotrace.toml", 'job = "named"\n', 0o000)
    say(try_it(user, way, bound), str(path), "cannot be read (Permission denied)", "not used")
    user.collected()
    assert user.the_run().run["job"] == "job"


@pytest.mark.parametrize("way", WAYS)
def test_a_configuration_named_by_a_variable_that_is_not_there(
    user: Any, job: str, say: Any, way: str
) -> None:
    env = {"AUTOTRACE_CONFIG": str(user.folder / "none.toml")}
    say(try_it(user, way, [], env), "AUTOTRACE_CONFIG", "none.toml")
    user.collected()
    assert len(user.runs()) == 1


def spoil(home: Path, how: str) -> None:
    """Make a home of which nothing good can come."""
    if how == "in a file":
        home.parent.write_text("")
        return
    home.parent.mkdir()
    if how == "a file":
        home.write_text("")
        return
    home.mkdir(mode=0o700)
    if how == "live is read-only":
        (home / "live").mkdir(mode=0o500)
    else:
        (home / "runs").mkdir(mode=0o700)
        home.chmod(0o000 if how == "no rights" else 0o500)


REASONS = {
    "a file": "Not a directory",
    "in a file": "Not a directory",
    "no rights": "Permission denied",
    "read-only": "Permission denied",
    "live is read-only": "Permission denied",
    "not to be made": "No such file or directory",
}


@pytest.mark.parametrize("how", REASONS)
def test_a_home_that_cannot_be_used(
    user: Any, job: str, say: Any, bound: list[str], how: str, tmp_path: Path
) -> None:
    home = tmp_path / "below" / "home"
    if how == "not to be made":
        home = Path("/proc/none")
    else:
        spoil(home, how)
    env: dict[str, str | None] = {"AUTOTRACE_HOME": str(home)}
    try:
        for way in WAYS:
            done = try_it(user, way, bound, env)
            where = home.parent if how == "in a file" else home
            say(done, str(where), REASONS[how], "runs untraced", "AUTOTRACE_HOME")
        if how != "not to be made":
            doctor = user.do([*bound, Path(user.python).parent / "autotrace", "doctor"], env=env)
            problems = " ".join(doctor.stdout.split()).partition("✗ 1 problem")[2]
            assert doctor.returncode == 1, doctor.stdout
            assert "set AUTOTRACE_HOME to a folder of your own" in problems
        for words in (["list"], ["show"], ["export", "-o", "x.json"], ["prune", "--keep", "1"]):
            done = user.do([*bound, Path(user.python).parent / "autotrace", *words], env=env)
            assert "Traceback" not in done.stderr, done.stderr
            assert done.returncode in ((0, 1) if words[0] in ("list", "prune") else (1,))
            if how == "no rights":
                assert "Permission denied" in done.stderr, (words, done.stdout, done.stderr)
    finally:
        if home.is_dir():
            subprocess.run(["chmod", "-R", "u+rwX", str(home)], check=True)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 3 MiB, where it may be mounted."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=3m,mode=700", "none", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(disk: Path) -> None:
    """Leave no byte on a disk that is known to be small."""
    assert os.statvfs(disk).f_blocks * os.statvfs(disk).f_frsize <= 4 << 20
    with open(disk / "ballast", "ab", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass


def test_a_full_disk(user: Any, job: str, say: Any, small_disk: Path) -> None:
    env: dict[str, str | None] = {"AUTOTRACE_HOME": str(small_disk / "home")}
    user.environ |= env
    user.home = small_disk / "home"
    user.file(
        "large.py",
        "import autotrace, os\nfor _ in range(200):\n"
        "    with autotrace.span('large', data=os.urandom(500).hex()): pass\nos._exit(3)\n",
    )
    for _ in range(3):
        assert user.run("-q", user.python, "large.py").returncode == 3
    fill(small_disk)
    for way in WAYS:
        done = try_it(user, way, [])
        say(done, "No space left on device", "runs untraced", "AUTOTRACE_HOME")
    assert len(user.runs()) == 3
    assert user.show().run["state"] == "failed"
    done = user.autotrace("export", "-o", small_disk / "x.json")
    assert done.returncode == 1
    say(done, str(small_disk / "x.json"), "No space left on device", "-o")
    done = user.autotrace("doctor")
    assert (done.returncode, "full" in done.stdout) == (1, True)
    # The one command that makes room works where there is none.
    done = user.autotrace("prune", "--keep", "1")
    assert done.returncode == 0, done.stderr
    assert [run["state"] for run in user.runs()] == ["failed"]


def test_a_disk_that_fills_up_under_the_job(user: Any, small_disk: Path) -> None:
    user.environ["AUTOTRACE_HOME"] = str(small_disk / "home")
    user.home = small_disk / "home"
    user.file(
        "job.py",
        "import sqlite3, sys\nexecute = sqlite3.connect(':memory:').execute\n"
        "for n in range(100_000): execute('SELECT 1')\nprint('job')\nsys.exit(3)\n",
    )
    done = user.run(user.python, "job.py")
    assert (done.returncode, done.stdout) == (3, "job\n")
    assert "Traceback" not in done.stderr
    subprocess.run(["mount", "-o", "remount,size=16m", str(small_disk)], check=True)
    (run,) = user.runs()
    assert run["spans"] + run["dropped"] == 100_002
    assert run["dropped"] > 0


def test_a_home_of_a_relative_name(user: Any, job: str) -> None:
    for way in WAYS:
        done = try_it(user, way, [], {"AUTOTRACE_HOME": "runs here"})
        assert done.stderr == ""
    user.home = user.folder / "runs here"
    user.environ["AUTOTRACE_HOME"] = "runs here"
    user.collected()
    assert len(user.runs()) == 2
    moves = user.file("moves.py", "import os, sqlite3\nos.chdir('/')\n" + JOB)
    for way in WAYS:
        assert user.traced(way, user.python, moves).returncode == 3
    assert [run["spans"] for run in user.runs()] == [3] * 4
    assert not Path("/runs here").exists()


@pytest.mark.parametrize("way", WAYS)
def test_no_home_at_all(user: Any, job: str, way: str, tmp_path: Path) -> None:
    """As in a container or under cron: no HOME, nothing that says where; the user's entry decides."""
    del user.environ["AUTOTRACE_HOME"]
    own = tmp_path / "own"
    done = try_it(user, way, [], {"HOME": str(own), "XDG_DATA_HOME": None})
    assert done.stderr == ""
    user.home = own / ".local/share/autotrace"
    user.collected()
    assert len([*user.home.rglob("*.run")]) == 1
    done = try_it(
        user, way, [], {"HOME": None, "XDG_DATA_HOME": str(tmp_path / "data"), "USER": None}
    )
    assert done.stderr == ""
    user.home = tmp_path / "data/autotrace"
    user.collected()
    assert len([*user.home.rglob("*.run")]) == 1


@pytest.mark.parametrize("way", WAYS)
def test_a_users_folder_that_cannot_be_written(user: Any, job: str, say: Any, way: str) -> None:
    del user.environ["AUTOTRACE_HOME"]
    done = try_it(user, way, [], {"HOME": "/proc/nowhere", "XDG_DATA_HOME": None})
    say(done, "/proc/nowhere", "runs untraced", "AUTOTRACE_HOME")


CATALOGS = {"garbage": b"nonsense" * 700, "cut": b"SQLite format 3\0" + bytes(40), "empty": b""}


@pytest.mark.parametrize("how", CATALOGS)
def test_a_damaged_catalog(user: Any, job: str, how: str) -> None:
    for _ in range(2):
        try_it(user, "runner", [])
    (user.home / "catalog.db").write_bytes(CATALOGS[how])
    for side in ("catalog.db-wal", "catalog.db-shm"):
        (user.home / side).unlink(missing_ok=True)
    done = try_it(user, "runner", [])
    assert "Traceback" not in done.stderr
    said = user.autotrace("list", "--json")
    assert said.returncode == 0
    assert len(user.runs()) == 3
    assert [*user.home.glob("catalog.db.corrupt-1")] or how == "empty"


@pytest.mark.parametrize("way", WAYS)
def test_a_catalog_that_another_process_holds_for_seconds(user: Any, job: str, way: str) -> None:
    try_it(user, "runner", [])
    holder = sqlite3.connect(user.home / "catalog.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    try:
        if way == "runner":
            process = user.start(
                [Path(user.python).parent / "autotrace-run", "-q", user.python, job]
            )
        else:
            process = user.start([user.python, job], env={"AUTOTRACE_ENABLED": "1"})
        listed = user.autotrace("list", "--json")
        assert (listed.returncode, listed.stderr) == (0, "")
        import time

        time.sleep(2)
    finally:
        holder.execute("ROLLBACK")
        holder.close()
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (3, "job\n", "")
    user.collected()
    assert len(user.runs()) == 2


@pytest.mark.parametrize("way", WAYS)
def test_a_store_of_a_newer_version(user: Any, job: str, say: Any, way: str) -> None:
    try_it(user, "runner", [])
    with sqlite3.connect(user.home / "catalog.db") as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    before = (user.home / "catalog.db").read_bytes()
    done = try_it(user, way, [])
    if way == "runner":
        said = say(done, "newer", "its journals stay", "next autotrace command")
        assert "Traceback" not in said
    else:
        assert done.stderr == ""
    for words in (["list"], ["show"], ["export", "-o", "x.json"], ["prune", "--keep", "1"]):
        done = user.autotrace(*words)
        assert done.returncode == 1
        last = done.stderr.splitlines()[-1]
        assert "newer autotrace" in last
        assert "Upgrade autotrace, or set AUTOTRACE_HOME" in last
    assert (user.home / "catalog.db").read_bytes() == before
    # A newer autotrace finds what the older one has left.
    with sqlite3.connect(user.home / "catalog.db") as connection:
        connection.execute("PRAGMA user_version = 1")
    connection.close()
    assert user.autotrace("list").returncode == 0
    user.collected()
    assert len(user.runs()) == 2
