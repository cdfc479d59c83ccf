"""autotrace-run's own words: options, messages, and the job unharmed when we are in trouble."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from autotrace.commands.run import WrongUsage, job_of, parse

ROOT = Path(__file__).resolve().parents[2]
CODE = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from autotrace.commands.run import main
sys.exit(main())
"""
RUNNER = [sys.executable, "-I", "-c", CODE]


def run(*words: str, **options: Any) -> subprocess.CompletedProcess[str]:
    settings: dict[str, Any] = {"capture_output": True, "text": True, "check": False, "timeout": 60}
    return subprocess.run([*RUNNER, *words], **{**settings, **options})


def runs(home: Path) -> list[Any]:
    from autotrace.store import Store

    with Store(str(home)) as store:
        return list(store.runs(limit=100))


def test_options() -> None:
    options = parse(["-q", "--job", "nightly", "--config=x.toml", "--exec", "--", "-q", "--job"])
    assert options.quiet
    assert options.becomes
    assert (options.job, options.config) == ("nightly", "x.toml")
    assert options.command == ["-q", "--job"]
    assert parse(["python", "-q", "--job"]).command == ["python", "-q", "--job"]
    assert parse(["--job=a=b", "x"]).job == "a=b"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "which command"),
        (["-q"], "which command"),
        (["--job"], "--job needs a value"),
        (["--job=", "x"], "must not be empty"),
        (["--jbo", "x", "y"], "did you mean --job"),
        (["--quiet=1", "x"], "takes no value"),
        (["-x", "y"], "no option -x"),
    ],
)
def test_wrong_usage(words: list[str], said: str) -> None:
    with pytest.raises(WrongUsage, match=said):
        parse(words)
    ended = run(*words)
    assert ended.returncode == 2
    assert said in ended.stderr
    assert "--help" in ended.stderr
    assert ended.stdout == ""


def test_help_and_version() -> None:
    import autotrace

    ended = run("--help")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "--exec" in ended.stdout
    ended = run("--version")
    assert (ended.returncode, ended.stdout) == (0, f"autotrace {autotrace.__version__}\n")


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (["sh", "/jobs/nightly.sh"], "nightly"),
        (["/bin/bash", "-e", "load", "x"], "load"),
        (["sh", "-c", "python x.py"], ""),
        (["./nightly.sh"], "nightly"),
        (["python", "x.py"], ""),
        (["env", "python", "x.py"], ""),
    ],
)
def test_job_of(command: list[str], name: str) -> None:
    assert job_of(command) == name


def one_line(ended: subprocess.CompletedProcess[str], *words: str) -> None:
    (line,) = ended.stderr.splitlines()
    assert line.startswith("autotrace: ")
    for word in words:
        assert word in line


def test_no_such_command(home: Path) -> None:
    ended = run("no-such-command")
    assert ended.returncode == 127
    one_line(ended, "no-such-command", "no such command")
    assert run("./no/such").returncode == 127
    assert run("").returncode == 127
    assert not home.exists()


def test_not_executable(tmp_path: Path, home: Path) -> None:
    script = tmp_path / "script"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o644)
    ended = run(str(script))
    assert ended.returncode == 126
    one_line(ended, str(script), "chmod")
    ended = run(str(tmp_path))
    assert ended.returncode == 126
    one_line(ended, str(tmp_path), "folder")
    assert not home.exists()


def test_found_but_cannot_run(tmp_path: Path, home: Path) -> None:
    script = tmp_path / "script"
    script.write_text("#!/no/such/interpreter\n")
    script.chmod(0o755)
    for options in ([], ["--exec"]):
        ended = run(*options, str(script))
        assert ended.returncode == 127
        one_line(ended, str(script), "/no/such/interpreter")
    script.write_bytes(b"\x7fELF" + bytes(60))
    ended = run(str(script))
    assert ended.returncode == 126
    one_line(ended, str(script), "cannot be executed")
    assert [*home.joinpath("live").iterdir()] == []
    assert runs(home) == []


def test_script_without_an_interpreter_line(tmp_path: Path, home: Path) -> None:
    script = tmp_path / "script"
    script.write_text("echo $0 $1; exit 6\n")
    script.chmod(0o755)
    ended = run("-q", str(script), "one")
    assert (ended.returncode, ended.stdout) == (6, f"{script} one\n")


def test_path_is_searched_as_a_shell_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    (first / "tool").write_text("not executable")
    (first / "other").mkdir()
    (second / "tool").write_text("#!/bin/sh\necho second")
    (second / "tool").chmod(0o755)
    monkeypatch.setenv("PATH", f"{first}:{second}:{os.environ['PATH']}")
    assert run("-q", "tool").stdout == "second\n"
    assert run("-q", "other").returncode == 127
    monkeypatch.chdir(second)
    monkeypatch.setenv("PATH", f":{os.environ['PATH']}")
    assert run("-q", "tool").stdout == "second\n"


def test_summary_and_quiet(home: Path) -> None:
    ended = run(sys.executable, "-c", "print('hello')")
    assert (ended.returncode, ended.stdout) == (0, "hello\n")
    assert "autotrace" in ended.stderr
    assert "run " in ended.stderr
    for words, env in (
        (["-q"], {}),
        (["--quiet"], {}),
        ([], {"AUTOTRACE_QUIET": "1"}),
    ):
        ended = run(*words, sys.executable, "-c", "pass", env={**os.environ, **env})
        assert (ended.returncode, ended.stderr) == (0, "")
    assert len(runs(home)) == 4


def test_no_summary_of_a_run_too_large_for_one(home: Path) -> None:
    few = CODE.replace(
        "sys.exit", "import autotrace.commands.run as r; r.MOST_SUMMARISED_SPANS = 0\nsys.exit"
    )
    ended = subprocess.run(
        [sys.executable, "-I", "-c", few, "true"], capture_output=True, text=True, check=True
    )
    (found,) = runs(home)
    one_line(ended, "1 spans", f"autotrace show {found.run[:6]}")


def test_job_name(home: Path, tmp_path: Path) -> None:
    script = tmp_path / "sync_job.py"
    script.write_text("pass\n")
    shell = tmp_path / "nightly.sh"
    shell.write_text(f"{sys.executable} {script}\n")
    run(sys.executable, str(script))
    run("--job", "mine", sys.executable, str(script))
    run("sh", str(shell))
    assert [run.job for run in runs(home)] == ["nightly", "mine", "sync_job"]


def test_shell_script_is_one_run(home: Path, tmp_path: Path) -> None:
    code = "import sqlite3; sqlite3.connect(':memory:').execute('select 1')"
    shell = tmp_path / "nightly.sh"
    shell.write_text(f'{sys.executable} -c "{code}"\n{sys.executable} -c "{code}"\n')
    assert run("-q", "sh", str(shell)).returncode == 0
    from autotrace.store import Store

    with Store(str(home)) as store:
        (found,) = store.runs()
        spans = store.load(found.run).spans
    (root,) = [span for span in spans if span.parent_id is None]
    processes = [span for span in spans if span.parent_id == root.span_id]
    assert len(processes) == 2
    for process in processes:
        assert [span for span in spans if span.parent_id == process.span_id]


def test_trace_is_continued(home: Path) -> None:
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    command = ["-q", "sh", "-c", "echo $TRACEPARENT"]
    ended = run(*command, env={**os.environ, "TRACEPARENT": parent})
    version, trace, root, flags = ended.stdout.strip().split("-")
    assert (version, trace, flags) == ("00", "0af7651916cd43dd8448eb211c80319c", "01")
    (found,) = runs(home)
    assert (found.trace_id, found.root_span_id) == (trace, root)
    assert found.parent_id == "b7ad6b7169203331"


@pytest.mark.parametrize(
    "forged",
    [
        "",
        "x",
        "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
        "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-extra",
        "00-../../../../../../../../../../x-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
    ],
)
def test_forged_trace_is_ignored(forged: str) -> None:
    from autotrace.collector.launch import incoming_trace

    assert incoming_trace({b"TRACEPARENT": forged.encode()}) == ("", "")


def test_secrets_on_the_command_line_are_not_kept(home: Path) -> None:
    run("-q", "true", "--password", "hunter2hunter2", "--api-key=abcdefghijkl")
    (found,) = runs(home)
    assert "hunter2hunter2" not in str(found.command)
    assert "abcdefghijkl" not in str(found.command)


def test_everything_is_private(home: Path) -> None:
    old = os.umask(0)
    try:
        run("-q", sys.executable, "-c", "pass")
    finally:
        os.umask(old)
    for folder, names, files in os.walk(home):
        for name in (*names, *files):
            mode = stat.S_IMODE(os.lstat(os.path.join(folder, name)).st_mode)
            assert mode & 0o077 == 0, (folder, name, oct(mode))
    assert stat.S_IMODE(home.stat().st_mode) == 0o700


@pytest.mark.parametrize("trouble", ["a file", "no folder", "not private", "link"])
def test_home_that_cannot_be_used(trouble: str, home: Path, tmp_path: Path) -> None:
    env = dict(os.environ)
    if trouble == "a file":
        home.write_text("")
    elif trouble == "no folder":
        env["AUTOTRACE_HOME"] = "/proc/no/such"
    elif trouble == "not private":
        home.joinpath("live").mkdir(parents=True)
        home.joinpath("live").chmod(0o777)
    else:
        home.mkdir()
        home.joinpath("live").symlink_to(tmp_path)
    ended = run(
        sys.executable,
        "-c",
        "import os, sys; print(os.environ.get('AUTOTRACE_RUN')); sys.exit(3)",
        env=env,
    )
    assert (ended.returncode, ended.stdout) == (3, "None\n")
    one_line(ended, "untraced", "AUTOTRACE_HOME")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_home_without_rights(home: Path) -> None:
    home.mkdir(mode=0o755)

    def leave() -> None:
        os.setgid(65534)
        os.setuid(65534)

    ended = subprocess.run(
        ["/bin/sh", "-c", 'exec "$@"', "sh", *RUNNER, "sh", "-c", "exit 3"],
        preexec_fn=leave,
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
    )
    if "Permission denied" in ended.stderr and "python" in ended.stderr:
        pytest.skip("the interpreter may not be used by others here")
    assert ended.returncode == 3
    one_line(ended, "untraced")


def test_full_disk(home: Path) -> None:
    # A limit of the size of files is what a full disk is to a writer.
    ended = subprocess.run(
        ["sh", "-c", 'ulimit -f 0; exec "$@"', "sh", *RUNNER, "sh", "-c", "exit 3"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 3
    one_line(ended, "untraced")
    assert [*home.joinpath("live").iterdir()] == []


def test_store_that_breaks_while_the_job_runs(home: Path) -> None:
    script = f"cd {home}; echo x > runs; rm -f catalog.db; mkdir catalog.db; exit 3"
    ended = run("sh", "-c", script)
    assert ended.returncode == 3
    one_line(ended, "could not be kept", "next autotrace command")
    home.joinpath("runs").unlink()
    home.joinpath("catalog.db").rmdir()
    from autotrace.collector.recover import recover

    (found,) = recover(str(home)).runs
    assert (found.exit_code, found.state) == (3, "failed")


def test_folder_that_vanishes_while_the_job_runs(home: Path) -> None:
    ended = run("sh", "-c", f"rm -rf {home}; exit 3")
    assert ended.returncode == 3
    one_line(ended)


def test_config(tmp_path: Path, home: Path) -> None:
    config = tmp_path / "autotrace.toml"
    config.write_text('job = "named"\nquiet = true\n')
    ended = run("sh", "-c", "exit 0", cwd=tmp_path)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert runs(home)[0].job == "named"
    other = tmp_path / "other.toml"
    other.write_text('job = "other"\nquiet = true\n')
    ended = run("--config", str(other), "true", cwd="/")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert runs(home)[0].job == "other"
    config.write_text('jbo = "named"\nquiet = true\n')
    ended = run("sh", "-c", "exit 4", cwd=tmp_path)
    assert ended.returncode == 4
    one_line(ended, "jbo", "autotrace.toml")
    config.write_text("enabled = false\n")
    ended = run("sh", "-c", "echo ${AUTOTRACE_RUN-none}", cwd=tmp_path)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "none\n", "")
    ended = run("--config", str(tmp_path / "missing.toml"), "sh", "-c", "exit 4", cwd="/")
    assert ended.returncode == 4
    assert "missing.toml" in ended.stderr


def test_same_config_in_the_job(tmp_path: Path, home: Path) -> None:
    (tmp_path / "autotrace.toml").write_text("[modules]\nsqlite3 = false\n")
    code = "import os, sqlite3; os.chdir('/'); sqlite3.connect(':memory:').execute('select 1')"
    assert run("-q", sys.executable, "-c", code, cwd=tmp_path).returncode == 0
    assert runs(home)[0].spans == 1


def test_switched_off(home: Path) -> None:
    for value in ("0", "false", ""):
        ended = run(
            "sh",
            "-c",
            "echo ${AUTOTRACE_RUN-none} ${PYTHONPATH-none}; exit 3",
            env={**os.environ, "AUTOTRACE_ENABLED": value},
        )
        assert (ended.returncode, ended.stdout, ended.stderr) == (3, "none none\n", "")
    assert not home.exists()


def test_what_the_runner_imports_before_the_job_runs() -> None:
    code = f"""
import sys
before = set(sys.modules)
sys.path.insert(0, {str(ROOT)!r})
import os
def fork():
    print(*sorted(set(sys.modules) - before), flush=True)
    os._exit(0)
os.fork = fork
from autotrace.commands.run import main
main(["true"])
"""
    ended = subprocess.run(
        [sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True
    )
    imported = set(ended.stdout.split())
    assert "autotrace.collector.launch" in imported
    heavy = {
        "argparse",
        "collections",
        "contextlib",
        "dataclasses",
        "enum",
        "functools",
        "json",
        "logging",
        "re",
        "rich",
        "shutil",
        "signal",
        "sqlite3",
        "subprocess",
        "threading",
        "tomllib",
        "typing",
    }
    assert not imported & heavy
    assert len(imported) < 20, sorted(imported)
