"""Which file configures a job, who wins, what is kept for the next start, and who is believed."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from autotrace import config as settings
from autotrace import config_file, config_search
from autotrace.config import Config, load

NOBODY = 65534


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder of a user whose home is ``tmp_path``."""
    folder = tmp_path / "work/project/jobs"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"HOME": str(tmp_path), "AUTOTRACE_HOME": str(tmp_path / "home")}


def write(path: Path, text: str, age: float = 60) -> Path:
    """Write a file that was changed `age` seconds ago."""
    path.write_text(text)
    then = time.time() - age
    os.utime(path, (then, then))
    return path


def rewrite_unnoticed(path: Path) -> None:
    """Change a file in its place, its size and its time of change left as they were."""
    status = path.stat()
    path.write_text("job = 'y'")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def kept(environ: dict[str, str]) -> list[Path]:
    return sorted(Path(environ["AUTOTRACE_HOME"]).glob("cache/*"))


@contextmanager
def unprivileged() -> Iterator[None]:
    """Without the rights of root, before whom no file is unreadable."""
    if os.geteuid():
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


class TestWhichFile:
    def test_none(self, project: Path, environ: dict[str, str]) -> None:
        config = load(str(project), str(project.parent), environ)
        assert config == Config()
        assert config.problems == []
        assert not (Path(environ["AUTOTRACE_HOME"])).exists()

    @pytest.mark.parametrize("where", ["", "work", "work/project", "work/project/jobs"])
    def test_upward_from_the_script(
        self, project: Path, environ: dict[str, str], tmp_path: Path, where: str
    ) -> None:
        path = write(tmp_path / where / "autotrace.toml", "job = 'here'")
        config = load(str(project), None, environ)
        assert config.job == "here"
        assert config.source == str(path)

    def test_not_above_the_home_folder(self, project: Path, tmp_path: Path) -> None:
        write(tmp_path / "autotrace.toml", "job = 'here'")
        assert load(str(project), "", {"HOME": str(tmp_path / "work")}).job == ""

    def test_the_nearest_wins(self, project: Path, environ: dict[str, str]) -> None:
        write(project.parent / "autotrace.toml", "job = 'far'\nquiet = true")
        write(project / "pyproject.toml", "[tool.autotrace]\njob = 'near'")
        assert load(str(project), None, environ) == Config(
            job="near", source=str(project / "pyproject.toml")
        )

    def test_our_own_file_wins_in_one_folder(self, project: Path, environ: dict[str, str]) -> None:
        write(project / "autotrace.toml", "job = 'own'")
        write(project / "pyproject.toml", "[tool.autotrace]\njob = 'shared'")
        assert load(str(project), None, environ).job == "own"

    def test_the_script_wins_over_the_working_directory(
        self, project: Path, environ: dict[str, str], tmp_path: Path
    ) -> None:
        other = tmp_path / "other"
        other.mkdir()
        write(other / "autotrace.toml", "job = 'other'")
        assert load(str(project), str(other), environ).job == "other"
        write(project / "autotrace.toml", "job = 'script'")
        assert load(str(project), str(other), environ).job == "script"

    @pytest.mark.parametrize(
        "text",
        [
            "[project]\nname = 'x'",
            "dependencies = ['autotrace-agent']",
            "# [tool.autotrace]\n",
            "[tool.autotracer]\njob = 'x'",
            "[tool.black]",
        ],
    )
    def test_a_pyproject_without_our_table_is_passed_over(
        self, project: Path, environ: dict[str, str], text: str
    ) -> None:
        write(project / "pyproject.toml", text)
        write(project.parent / "autotrace.toml", "job = 'above'")
        assert load(str(project), None, environ).job == "above"

    @pytest.mark.parametrize(
        "text",
        [
            "[tool.autotrace]\njob = 'x'",
            "[project]\n# [tool.autotrace]\n  [tool.autotrace ] # x\njob = 'x'",
            "[tool.autotrace.modules]\n[tool.autotrace]\njob = 'x'",
        ],
    )
    def test_a_pyproject_with_our_table(
        self, project: Path, environ: dict[str, str], text: str
    ) -> None:
        write(project / "pyproject.toml", text)
        assert load(str(project), None, environ).job == "x"

    def test_folders_of_those_names(self, project: Path, environ: dict[str, str]) -> None:
        (project / "pyproject.toml").mkdir()
        write(project.parent / "autotrace.toml", "job = 'above'")
        config = load(str(project), None, environ)
        assert (config.job, config.problems) == ("above", [])
        (project / "autotrace.toml").mkdir()
        config = load(str(project), None, environ)
        assert config.job == ""
        assert config.problems == [
            f"{project}/autotrace.toml: is a folder, so there are no settings in it"
        ]

    def test_a_link_that_leads_nowhere(self, project: Path, environ: dict[str, str]) -> None:
        (project / "autotrace.toml").symlink_to(project / "gone")
        assert load(str(project), None, environ) == Config()

    def test_folders_that_are_gone(
        self, project: Path, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(project)
        project.rmdir()
        config = load("relative", str(project), environ)
        assert config == Config()

    def test_candidates_up_to_the_root(self) -> None:
        assert settings.candidates("/", None, {"HOME": "/nowhere"}) == []
        assert settings.candidates("/usr/bin", "//", {"HOME": "/"}) == []


class TestWhoWins:
    def test_the_environment_over_the_file(self, project: Path, environ: dict[str, str]) -> None:
        write(
            project / "autotrace.toml",
            """
            job = "file"
            quiet = true
            [modules]
            redis = false
            [capture.stripe]
            request = "full"
            response = "full"
            [redact]
            keys = ["a"]
            """,
        )
        environ |= {
            "AUTOTRACE_JOB": "environment",
            "AUTOTRACE_QUIET": "0",
            "AUTOTRACE_DISABLE": "boto3",
            "AUTOTRACE_CAPTURE_REQUEST": "none",
            "AUTOTRACE_REDACT_KEYS": "b",
        }
        config = load(str(project), None, environ)
        assert config.job == "environment"
        assert not config.quiet
        assert config.modules_off == {"redis", "boto3"}
        assert config.capture("stripe") == ("none", "full")
        assert config.redact_keys == {"a", "b"}

    def test_off_in_either_is_off(self, project: Path, environ: dict[str, str]) -> None:
        write(project / "autotrace.toml", "enabled = false")
        assert not load(str(project), None, {**environ, "AUTOTRACE_ENABLED": "1"}).enabled
        write(project / "autotrace.toml", "enabled = true")
        assert not load(str(project), None, {**environ, "AUTOTRACE_ENABLED": "0"}).enabled
        assert load(str(project), None, {**environ, "AUTOTRACE_ENABLED": "1"}).enabled

    def test_a_wrong_variable_leaves_the_file_its_say(
        self, project: Path, environ: dict[str, str]
    ) -> None:
        write(project / "autotrace.toml", "capture.logs = 'error'")
        config = load(str(project), None, {**environ, "AUTOTRACE_CAPTURE_LOGS": "loud"})
        assert config.capture_logs == "error"
        assert len(config.problems) == 1


class TestGivenFile:
    def test_resolved(self, project: Path, environ: dict[str, str], tmp_path: Path) -> None:
        write(project / "autotrace.toml", "job = 'found'")
        resolved = tmp_path / "config"
        resolved.write_bytes(Config(job="given", quiet=True, source="/s").dump())
        environ |= {"AUTOTRACE_CONFIG": str(resolved), "AUTOTRACE_CAPTURE_LOGS": "off"}
        config = load(str(project), None, environ)
        assert config == Config(job="given", quiet=True, capture_logs="off", source="/s")
        assert config.problems == []

    def test_toml(self, project: Path, environ: dict[str, str], tmp_path: Path) -> None:
        write(project / "autotrace.toml", "job = 'found'")
        path = write(tmp_path / "other.toml", "job = 'given'\nquiet = 3")
        config = load(str(project), None, {**environ, "AUTOTRACE_CONFIG": "~/other.toml"})
        assert (config.job, config.source) == ("given", str(path))
        assert config.problems == [f"{path}:2: `quiet` must be true or false, not 3"]

    def test_toml_that_is_missing_is_not_replaced(
        self, project: Path, environ: dict[str, str]
    ) -> None:
        write(project / "autotrace.toml", "job = 'found'")
        config = load(str(project), None, {**environ, "AUTOTRACE_CONFIG": "/nowhere/x.toml"})
        assert config == Config()
        assert config.problems == [
            "AUTOTRACE_CONFIG: /nowhere/x.toml: cannot be read (No such file or directory),"
            " so its settings are not used"
        ]

    @pytest.mark.parametrize(
        ("spoil", "told"),
        [
            (lambda path: path.unlink(), "there is no such file"),
            (lambda path: path.write_bytes(b"x"), "neither made by autotrace-run nor named *.toml"),
            (lambda path: path.write_bytes(path.read_bytes()[:-1]), "damaged"),
            (lambda path: path.chmod(0o622), "could be written by another user"),
            (lambda path: path.parent.chmod(0o770), "its folder could be written by another user"),
            (lambda path: (path.unlink(), path.mkdir()), "no regular file"),
            (lambda path: (path.unlink(), os.mkfifo(path)), "no regular file"),
            (lambda path: (path.rename(f"{path}2"), path.symlink_to(f"{path}2")), "cannot be read"),
            (lambda path: path.write_bytes(b"x" * (2 << 20)), "too large"),
        ],
    )
    def test_what_cannot_be_believed_is_not_used(
        self, project: Path, environ: dict[str, str], tmp_path: Path, spoil: object, told: str
    ) -> None:
        write(project / "autotrace.toml", "job = 'found'")
        folder = tmp_path / "live"
        folder.mkdir()
        path = folder / "config"
        path.write_bytes(Config(job="given").dump())
        spoil(path)  # type: ignore[operator]
        config = load(str(project), None, {**environ, "AUTOTRACE_CONFIG": str(path)})
        assert config.job == "found"
        assert len(config.problems) == 1
        assert config.problems[0].startswith(f"AUTOTRACE_CONFIG: {path}: ")
        assert told in config.problems[0]

    def test_another_users_file(
        self, environ: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = tmp_path / "config"
        path.write_bytes(Config(job="given").dump())
        monkeypatch.setattr(os, "geteuid", lambda: NOBODY - 1)
        config = load(None, None, {**environ, "AUTOTRACE_CONFIG": str(path)})
        assert config.job == ""
        assert "another user" in config.problems[0]


class TestRights:
    def test_unreadable(self, project: Path, environ: dict[str, str]) -> None:
        config_file.check("x", b"")  # what is imported later must be so before rights are given up
        path = write(project / "autotrace.toml", "job = 'x'")
        path.chmod(0)
        with unprivileged():
            config = Config()
            config_search.take_first(config, [str(path)], environ)
        assert config == Config()
        assert config.problems == [
            f"{path}: cannot be read (Permission denied), so its settings are not used"
        ]

    def test_another_users_file_where_everybody_writes(
        self, project: Path, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = write(project / "autotrace.toml", "job = 'planted'")
        real = os.fstat
        monkeypatch.setattr(os, "geteuid", lambda: NOBODY - 1)

        def stranger(descriptor: int) -> os.stat_result:
            fields = list(real(descriptor))
            fields[4] = NOBODY
            return os.stat_result(fields)

        monkeypatch.setattr(os, "fstat", stranger)
        assert load(str(project), None, environ).job == "planted"
        project.chmod(0o1777)
        config = load(str(project), None, environ)
        assert config.job == ""
        assert config.problems == [
            f"{path}: not used: it belongs to another user, in a folder that everybody can write"
        ]


class TestCache:
    @pytest.fixture
    def reads(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        """The files that were read as TOML."""
        read: list[str] = []
        real = config_file.check

        def check(path: str, data: bytes) -> object:
            read.append(path)
            return real(path, data)

        monkeypatch.setattr(config_file, "check", check)
        return read

    TEXT = """
    job = "x"
    enabled = false
    nope = 1
    modules.redis = false
    capture.stripe.request = "full"
    redact.patterns = ["a+", "("]
    redact.keys = ["k"]
    limits.spans = 7
    """

    def test_the_second_start_reads_no_toml(
        self, project: Path, environ: dict[str, str], reads: list[str]
    ) -> None:
        path = write(project / "autotrace.toml", self.TEXT)
        first = load(str(project), None, environ)
        second = load(str(project), None, environ)
        assert reads == [str(path)]
        assert second == first
        assert second.problems == first.problems
        assert len(first.problems) == 2
        assert first.redact_patterns == ("a+",)

    def test_what_is_kept_is_private(self, project: Path, environ: dict[str, str]) -> None:
        write(project / "autotrace.toml", self.TEXT)
        load(str(project), None, environ)
        (path,) = kept(environ)
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.parent.stat().st_mode & 0o777 == 0o700
        assert path.parent.parent.stat().st_mode & 0o777 == 0o700

    def test_one_for_each_file(self, project: Path, environ: dict[str, str]) -> None:
        for folder in (project, project.parent):
            write(folder / "autotrace.toml", f"job = '{folder.name}'")
        for _ in range(2):
            for folder in (project, project.parent):
                assert load(str(folder), None, environ).job == folder.name
        assert len(kept(environ)) == 2

    @pytest.mark.parametrize(
        "change",
        [
            lambda path: write(path, "job = 'yy'"),
            lambda path: write(path, "job = 'y'", age=30),
            lambda path: (path.unlink(), write(path, "job = 'y'")),
            rewrite_unnoticed,
        ],
        ids=["size", "time", "replaced", "same size and time"],
    )
    def test_a_changed_file_is_read_again(
        self, project: Path, environ: dict[str, str], reads: list[str], change: object
    ) -> None:
        path = write(project / "autotrace.toml", "job = 'x'")
        load(str(project), None, environ)
        assert load(str(project), None, environ).job == "x"
        change(path)  # type: ignore[operator]
        assert load(str(project), None, environ).job.startswith("y")
        assert len(reads) == 2

    def test_a_file_that_was_changed_just_now_may_change_again(
        self, project: Path, environ: dict[str, str], reads: list[str]
    ) -> None:
        write(project / "autotrace.toml", "job = 'x'", age=0)
        load(str(project), None, environ)
        load(str(project), None, environ)
        assert len(reads) == 2
        assert kept(environ) == []

    def test_other_code_of_ours_reads_again(
        self,
        project: Path,
        environ: dict[str, str],
        reads: list[str],
        monkeypatch: pytest.MonkeyPatch,
        tmp_path: Path,
    ) -> None:
        write(project / "autotrace.toml", "job = 'x'")
        load(str(project), None, environ)
        monkeypatch.setattr(config_search, "__file__", str(tmp_path / "config_search.py"))
        load(str(project), None, environ)
        assert len(reads) == 2

    @pytest.mark.parametrize(
        "spoil",
        [
            lambda path: path.write_bytes(b""),
            lambda path: path.write_bytes(path.read_bytes()[:-1]),
            lambda path: path.write_bytes(Config(job="evil").dump()),
            lambda path: path.chmod(0o666),
            lambda path: path.parent.chmod(0o777),
            lambda path: (path.rename(f"{path}2"), path.symlink_to(f"{path}2")),
        ],
    )
    def test_what_cannot_be_believed_is_read_again(
        self, project: Path, environ: dict[str, str], reads: list[str], spoil: object
    ) -> None:
        write(project / "autotrace.toml", "job = 'x'")
        load(str(project), None, environ)
        spoil(kept(environ)[0])  # type: ignore[operator]
        config = load(str(project), None, environ)
        assert (config.job, config.problems) == ("x", [])
        assert len(reads) == 2

    @pytest.mark.parametrize(
        "value",
        [
            None,
            ((), {}, []),
            ("stamp", [], []),
            ("stamp", {"job": 3}, []),
            ("stamp", {"nope": 3}, []),
            ("stamp", {}, {}),
        ],
    )
    def test_kept_values_of_another_shape(
        self,
        project: Path,
        environ: dict[str, str],
        value: tuple[object, ...] | None,
    ) -> None:
        path = write(project / "autotrace.toml", "job = 'x'")
        load(str(project), None, environ)
        stamp = config_search._stamp(str(path), path.stat())
        if value and value[0] == "stamp":
            value = (stamp, *value[1:])
        kept(environ)[0].write_bytes(settings.pack(b"ATCACHE\n", value))
        config = load(str(project), None, environ)
        assert (config.job, config.problems) == ("x", [])

    def test_it_is_done_without_where_nothing_can_be_written(
        self, project: Path, environ: dict[str, str]
    ) -> None:
        write(project / "autotrace.toml", "job = 'x'")
        Path(environ["AUTOTRACE_HOME"]).write_text("in the way")
        config = load(str(project), None, environ)
        assert (config.job, config.problems) == ("x", [])

    def test_a_full_disk_leaves_nothing_half_written(
        self, project: Path, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write(project / "autotrace.toml", "job = 'x'")
        monkeypatch.setattr(os, "write", lambda descriptor, data: len(data) // 2)
        assert load(str(project), None, environ).job == "x"
        assert kept(environ) == []


def test_a_fault_of_ours_is_a_problem_and_no_more(
    project: Path, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(project / "autotrace.toml", "job = 'x'")

    def broken(*_: object) -> None:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr(config_search, "first", broken)
    config = load(str(project), None, {**environ, "AUTOTRACE_QUIET": "1"})
    assert config == Config(quiet=True)
    assert config.problems == ["the configuration could not be read: ZeroDivisionError: oops"]


def test_python_without_a_reader_of_toml(
    project: Path, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    write(project / "autotrace.toml", "job = 'x'")
    monkeypatch.setitem(sys.modules, "autotrace.config_file", None)
    config = load(str(project), None, {**environ, "AUTOTRACE_QUIET": "1"})
    assert config == Config(quiet=True)
    assert len(config.problems) == 1
    assert "cannot read TOML without the package tomli" in config.problems[0]
    assert kept(environ) == []
