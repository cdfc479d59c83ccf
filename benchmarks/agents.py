"""The ways in which a program is run: bare, and under each agent; and what one run of it cost."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
REAPER = (sys.executable, "-I", "-S", str(HERE / "reap.py"))


@dataclass(frozen=True)
class Way:
    """One way to run a program.

    ``distribution`` is the dist-info name that its version is read from, ``environment`` says which
    of the virtual environments runs the program.
    """

    key: str
    title: str
    environment: str
    distribution: str = ""


WAYS = (
    Way("bare", "bare", "common"),
    Way("autotrace", "autotrace", "autotrace", "autotrace_agent"),
    Way("opentelemetry", "OpenTelemetry", "opentelemetry", "opentelemetry_distro"),
    Way("ddtrace", "ddtrace", "ddtrace", "ddtrace"),
)

SWITCHED_ON = Way("autotrace-enabled", "autotrace", "autotrace")
"""autotrace without its runner: AUTOTRACE_ENABLED=1, the collector a detached companion."""


class MeasurementError(Exception):
    """A program did not end as it should have; the text says which, how, and what it printed."""


@dataclass
class Outcome:
    """What one run cost. CPU in seconds (user and system), memory in MiB, time in seconds.

    ``cpu``, ``peak`` and ``seconds`` are the program's process alone; ``beside`` is the CPU of the
    processes that the agent keeps next to it; ``command`` is how long the whole command took;
    ``figures`` is what the program wrote down itself; ``spans`` and ``dropped`` are what arrived
    and what the agent admits to have lost, where that was asked for.
    """

    cpu: float
    peak: float
    seconds: float
    beside: float
    command: float
    figures: dict[str, float]
    spans: int = 0
    dropped: int = 0


@contextmanager
def server(kind: str) -> Iterator[int]:
    """A process of ``sinks.py`` of that kind; its port. It ends with the block."""
    process = subprocess.Popen(
        [sys.executable, str(HERE / "sinks.py"), kind],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    if not process.stdin or not process.stdout:
        raise MeasurementError(f"sinks.py {kind} has no standard streams")
    try:
        yield int(process.stdout.readline())
    finally:
        process.stdin.close()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


def closed_port() -> int:
    """A port of the loopback interface on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


class Bench:
    """Runs programs of ``jobs/`` in every way.

    ``environments`` gives the folder of each virtual environment by name, ``scratch`` is where runs
    leave their files, ``sink`` the port of a ``sinks.py spans`` process.
    """

    def __init__(self, environments: dict[str, Path], scratch: Path, sink: int) -> None:
        self.environments, self.scratch, self.sink = environments, scratch, sink

    def _variables(self, way: Way, home: Path, port: int) -> dict[str, str]:
        """The environment of a run: a small one of our own and the agent's settings."""
        kept = ("HOME", "LANG", "LC_ALL", "PATH", "TMPDIR", "USER")
        variables = {name: os.environ[name] for name in kept if name in os.environ}
        if way.key == "opentelemetry":
            variables |= {
                "OTEL_SERVICE_NAME": "benchmark",
                "OTEL_TRACES_EXPORTER": "otlp",
                "OTEL_METRICS_EXPORTER": "none",
                "OTEL_LOGS_EXPORTER": "none",
                "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
                "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}",
            }
        elif way.key == "ddtrace":
            variables |= {
                "DD_SERVICE": "benchmark",
                "DD_TRACE_AGENT_URL": f"http://127.0.0.1:{port}",
                "DD_INSTRUMENTATION_TELEMETRY_ENABLED": "false",
                "DD_REMOTE_CONFIGURATION_ENABLED": "false",
                "DD_CRASHTRACKING_ENABLED": "false",
            }
        elif way.key.startswith("autotrace"):
            variables["AUTOTRACE_HOME"] = str(home)
            if way is SWITCHED_ON:
                variables["AUTOTRACE_ENABLED"] = "1"
        return variables

    def _command(self, way: Way, program: list[str], inner: Path) -> list[str]:
        """The program's command line under the agent.

        ``autotrace-run`` stays as the parent, so a second ``reap.py`` between it and the program
        takes the program's own figures; the others replace themselves by the program.
        """
        programs = self.environments[way.environment] / "bin"
        if way.key == "autotrace":
            return [str(programs / "autotrace-run"), "-q", *REAPER, str(inner), *program]
        if way.key == "opentelemetry":
            return [str(programs / "opentelemetry-instrument"), *program]
        if way.key == "ddtrace":
            return [str(programs / "ddtrace-run"), *program]
        return program

    def run(
        self,
        way: Way,
        job: str,
        *arguments: object,
        port: int | None = None,
        exits: int = 0,
        count: bool = False,
    ) -> Outcome:
        """Run ``jobs/<job>.py`` once.

        ``port`` is where spans are sent (the counting sink), ``exits`` the exit status that the
        program ends with (negative: by that signal), ``count`` asks how many spans arrived.
        Raises MeasurementError when it ends in another way.
        """
        folder = Path(tempfile.mkdtemp(prefix=f"{job}-{way.key}-", dir=self.scratch))
        outer, inner, figures = (folder / f"{name}.json" for name in ("outer", "inner", "figures"))
        python = str(self.environments[way.environment] / "bin" / "python")
        program = [python, str(HERE / "jobs" / f"{job}.py"), str(figures), *map(str, arguments)]
        # One store for all runs, as on a machine that has been traced for a while.
        variables = self._variables(way, self.scratch / "home", port or self.sink)
        done = subprocess.run(
            [*REAPER, str(outer), "--adopt", *self._command(way, program, inner)],
            env=variables,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            text=True,
            errors="replace",
        )
        whole = json.loads(outer.read_text()) if outer.is_file() else None
        own = json.loads(inner.read_text()) if inner.is_file() else whole
        if own is None or own["exit"] != exits:
            ended = "was not started" if own is None else f"ended with {own['exit']}"
            raise MeasurementError(f"{job} under {way.key} {ended}:\n{done.stdout[-2000:]}")
        beside = whole["adopted_cpu_s"]
        if own is not whole:
            beside += whole["cpu_s"] - own["cpu_s"] - own["own_cpu_s"]
        outcome = Outcome(
            cpu=own["cpu_s"],
            peak=own["max_rss_kib"] / 1024,
            seconds=own["seconds"],
            beside=beside,
            command=whole["seconds"],
            figures=json.loads(figures.read_text()) if figures.is_file() else {},
        )
        if count:
            outcome.spans, outcome.dropped = self._arrived(way, variables)
        shutil.rmtree(folder)
        return outcome

    def _arrived(self, way: Way, variables: dict[str, str]) -> tuple[int, int]:
        """How many spans of calls came through, and how many the agent says that it lost."""
        if way.key in ("opentelemetry", "ddtrace"):
            # After SIGKILL the last request may still be on its way through the loopback.
            time.sleep(0.3)
            with urllib.request.urlopen(f"http://127.0.0.1:{self.sink}/count") as answer:
                return json.load(answer)["spans"], 0
        if way.key.startswith("autotrace"):
            shown = self._ask(variables, "show", "--json")
            calls = sum(span["kind"] == "client" for span in shown["spans"])
            return calls, shown["run"]["dropped"]
        return 0, 0

    def _ask(self, variables: dict[str, str], *arguments: str) -> Any:
        """What ``autotrace`` prints as JSON for ``arguments``."""
        command = [str(self.environments["autotrace"] / "bin" / "autotrace"), *arguments]
        done = subprocess.run(command, env=variables, capture_output=True, check=False, text=True)
        if done.returncode:
            raise MeasurementError(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
        return json.loads(done.stdout)
