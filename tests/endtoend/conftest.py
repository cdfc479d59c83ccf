"""autotrace as a user has it: the installed commands, in real processes, a store of the test's own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

BIN = Path(sysconfig.get_path("scripts"))


@dataclass
class Shown:
    """What `autotrace show --json` says of a run, with the ways through its tree."""

    run: dict[str, Any]
    spans: list[dict[str, Any]]
    by_id: dict[str, dict[str, Any]] = field(init=False)

    def __post_init__(self) -> None:
        self.by_id = {span["span_id"]: span for span in self.spans}

    @property
    def root(self) -> dict[str, Any]:
        """The job's own span; there must be one."""
        (root,) = [span for span in self.spans if span["parent_id"] not in self.by_id]
        return root

    def named(self, name: str) -> list[dict[str, Any]]:
        return [span for span in self.spans if span["name"] == name]

    def one(self, name: str) -> dict[str, Any]:
        (span,) = self.named(name)
        return span

    def below(self, parent: dict[str, Any]) -> list[str]:
        """The names of the spans right below one."""
        return [span["name"] for span in self.spans if span["parent_id"] == parent["span_id"]]

    def way(self, span: dict[str, Any]) -> list[str]:
        """The names from below the root down to the span."""
        names = []
        while span is not self.root:
            names.append(span["name"])
            span = self.by_id[span["parent_id"]]
        return names[::-1]

    def events(self, name: str) -> list[dict[str, Any]]:
        """The attributes of all events of this name."""
        found = [event for span in self.spans for event in span["events"]]
        return [event["attributes"] for event in found if event["name"] == name]


class User:
    """A user's shell: a working directory, an environment, and the commands."""

    def __init__(self, folder: Path, home: Path) -> None:
        self.folder = folder
        self.home = home
        self.environ = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("AUTOTRACE_", "PYTHON", "LC_", "LANG", "COLUMNS"))
        }
        self.environ |= {"AUTOTRACE_HOME": str(home), "LANG": "C.UTF-8", "TZ": "UTC"}
        self.python = sys.executable

    def file(self, name: str, text: str, mode: int = 0o644) -> Path:
        """Write a file into the working directory."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)
        return path

    def start(
        self, command: Sequence[Any], env: dict[str, str | None] | None = None, **options: Any
    ) -> subprocess.Popen[str]:
        """Start any command; output is text."""
        given = {**self.environ, **(env or {})}
        settings: dict[str, Any] = {
            "cwd": self.folder,
            "env": {name: value for name, value in given.items() if value is not None},
            "stdin": subprocess.DEVNULL,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
            "encoding": "utf-8",
            "errors": "surrogateescape",
        }
        return subprocess.Popen([str(word) for word in command], **{**settings, **options})

    def do(
        self, command: Sequence[Any], env: dict[str, str | None] | None = None, **options: Any
    ) -> subprocess.CompletedProcess[str]:
        """Run any command to its end."""
        text = options.pop("input", None)
        if text is not None:
            options["stdin"] = subprocess.PIPE
        with self.start(command, env, **options) as process:
            try:
                out, err = process.communicate(text, timeout=100)
            except subprocess.TimeoutExpired:
                process.kill()
                out, err = process.communicate()
                pytest.fail(f"{command} did not end: {out} {err}")
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def run(self, *command: Any, **options: Any) -> subprocess.CompletedProcess[str]:
        """`autotrace-run COMMAND`."""
        return self.do([BIN / "autotrace-run", *command], **options)

    def switched_on(
        self, *command: Any, env: dict[str, str | None] | None = None, **options: Any
    ) -> subprocess.CompletedProcess[str]:
        """`AUTOTRACE_ENABLED=1 COMMAND`, and what its companion does afterwards."""
        done = self.do(command, env={"AUTOTRACE_ENABLED": "1", **(env or {})}, **options)
        self.collected()
        return done

    def traced(self, way: str, *command: Any, **options: Any) -> subprocess.CompletedProcess[str]:
        """Either of the two, the runner without its summary."""
        if way == "runner":
            return self.run("-q", *command, **options)
        return self.switched_on(*command, **options)

    def autotrace(self, *words: Any, **options: Any) -> subprocess.CompletedProcess[str]:
        """`autotrace WORDS`."""
        return self.do([BIN / "autotrace", *words], **options)

    def collected(self, seconds: float = 60.0) -> None:
        """Wait until no run is under way any more."""
        live = self.home / "live"
        end = time.monotonic() + seconds
        while live.is_dir() and [*live.iterdir()]:
            assert time.monotonic() < end, f"not collected: {[*live.rglob('*')]}"
            time.sleep(0.01)

    def runs(self) -> list[dict[str, Any]]:
        """What `autotrace list --json` says."""
        done = self.autotrace("list", "--json", "-n", "100")
        assert (done.returncode, done.stderr) == (0, "")
        found: list[dict[str, Any]] = json.loads(done.stdout)
        return found

    def show(self, run: str = "") -> Shown:
        """What `autotrace show --json` says."""
        done = self.autotrace("show", "--json", *([run] if run else []))
        assert (done.returncode, done.stderr) == (0, "")
        return Shown(**json.loads(done.stdout))

    def the_run(self) -> Shown:
        """The only run of the store, with its spans."""
        (run,) = self.runs()
        shown = self.show(run["run"])
        assert shown.run == run
        return shown


@pytest.fixture
def user(tmp_path: Path, home: Path) -> User:
    """A user with an empty working directory and no runs yet."""
    if not (BIN / "autotrace-run").exists():
        pytest.fail(f"{BIN} has no autotrace-run: install this checkout there (`pip install -e .`)")
    folder = tmp_path / "work"
    folder.mkdir()
    return User(folder, home)


@pytest.fixture
def say() -> Any:
    """`say(done, words…)`: one line of ours on stderr, nothing else, with these words in it."""

    def check(done: subprocess.CompletedProcess[str], *words: str) -> str:
        lines = done.stderr.splitlines()
        assert len(lines) == 1, done.stderr
        assert lines[0].startswith("autotrace"), done.stderr
        for word in words:
            assert word in lines[0], f"{word!r} is not in {lines[0]!r}"
        return lines[0]

    return check


@pytest.fixture
def background() -> Iterator[list[subprocess.Popen[Any]]]:
    """Processes put here are killed when the test is over."""
    processes: list[subprocess.Popen[Any]] = []
    yield processes
    for process in processes:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        process.communicate()
