"""What is measured: each case runs every way in turn, round after round, and yields its rows."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field

import mariadb_server

from benchmarks import agents
from benchmarks.agents import SWITCHED_ON, Bench, Outcome, Way


@dataclass
class Row:
    """One row of the table: a value for each way and round.

    ``added`` rows are shown as the difference to the bare program of the same round; the others as
    they are. ``budget`` is the most that autotrace may add (for ``at_least`` rows: the least that
    must be there).
    """

    key: str
    title: str
    unit: str
    digits: int = 1
    added: bool = True
    budget: float | None = None
    at_least: bool = False
    values: dict[str, list[float]] = field(default_factory=dict)

    def take(self, way: str, value: float) -> None:
        """Note one round's value."""
        self.values.setdefault(way, []).append(value)


FULL = 200_000
"""Spans of the case ``spans``."""


@dataclass
class Plan:
    """How much is measured: rounds of each case, and repetitions within a program.

    ``slow_rounds`` is for the cases in which a run takes tens of seconds.
    """

    rounds: int = 9
    slow_rounds: int = 3
    sqlite3_calls: int = 20_000
    pymysql_calls: int = 4_000
    requests_calls: int = 1_500
    spans: int = FULL


QUICK = Plan(
    rounds=2,
    slow_rounds=1,
    sqlite3_calls=2_000,
    pymysql_calls=500,
    requests_calls=200,
    spans=10_000,
)

Runner = Callable[[Way], Outcome]


def rounds(name: str, ways: list[Way], count: int, once: Runner) -> list[dict[str, Outcome]]:
    """Run ``once`` for every way, ``count`` times over: A B C D, A B C D, …; a round each.

    One more round comes first, uncounted: it fills the page cache and writes the ``.pyc`` files.
    """
    done = []
    for number in range(count + 1):
        if sys.stderr.isatty():
            print(f"\r{name}: round {number} of {count} ", end="", file=sys.stderr, flush=True)
        outcomes = {way.key: once(way) for way in ways}
        if number:
            done.append(outcomes)
    if sys.stderr.isatty():
        print(file=sys.stderr)
    return done


def start(bench: Bench, ways: list[Way], plan: Plan) -> list[Row]:
    """The start of an empty script."""
    both = [*ways, SWITCHED_ON] if any(way.key == "autotrace" for way in ways) else ways
    cpu = Row("start.cpu", "start of an empty script: CPU in the job", "ms", budget=10)
    enabled = Row("start.enabled", "… switched on by AUTOTRACE_ENABLED=1", "ms", budget=10)
    beside = Row("start.beside", "… CPU beside the job", "ms", added=False)
    command = Row("start.command", "… until the command returns", "ms")
    for outcomes in rounds("start", both, plan.rounds, lambda way: bench.run(way, "empty")):
        for way, outcome in outcomes.items():
            if way == SWITCHED_ON.key:
                enabled.take("autotrace", outcome.cpu * 1000)
                continue
            cpu.take(way, outcome.cpu * 1000)
            command.take(way, outcome.command * 1000)
            if way == "bare":
                enabled.take(way, outcome.cpu * 1000)
            else:
                beside.take(way, outcome.beside * 1000)
    return [cpu, *([enabled] if "autotrace" in enabled.values else []), beside, command]


def _calls(
    name: str, bench: Bench, ways: list[Way], plan: Plan, rows: dict[str, Row], *arguments: object
) -> list[Row]:
    """Microseconds for each call, as ``jobs/<name>_calls.py`` measures them around its loops."""
    job = f"{name}_calls"
    for outcomes in rounds(name, ways, plan.rounds, lambda way: bench.run(way, job, *arguments)):
        for way, outcome in outcomes.items():
            for figure, row in rows.items():
                row.take(way, outcome.figures[figure])
    return list(rows.values())


def sqlite3(bench: Bench, ways: list[Way], plan: Plan) -> list[Row]:
    """A statement in memory."""
    rows = {
        "execute": Row("sqlite3.execute", "sqlite3 `execute`", "µs", 2, budget=3),
        "execute_and_fetch": Row("sqlite3.fetch", "sqlite3 `execute`, `fetchall`", "µs", 2),
    }
    return _calls("sqlite3", bench, ways, plan, rows, plan.sqlite3_calls)


def pymysql(bench: Bench, ways: list[Way], plan: Plan) -> list[Row]:
    """A statement over TCP to MariaDB on this machine."""
    rows = {
        "execute": Row("pymysql.execute", "pymysql `execute`", "µs", budget=4),
        "execute_and_fetch": Row("pymysql.fetch", "pymysql `execute`, `fetchall`", "µs"),
    }
    with tempfile.TemporaryDirectory(dir=bench.scratch) as folder:
        server = mariadb_server.start(folder)
        user, password = mariadb_server.USER, mariadb_server.PASSWORD
        address = ("127.0.0.1", server.port, user, password)
        try:
            return _calls("pymysql", bench, ways, plan, rows, plan.pymysql_calls, *address)
        finally:
            mariadb_server.stop(server.pid)


def requests(bench: Bench, ways: list[Way], plan: Plan) -> list[Row]:
    """A request to an HTTP server on this machine."""
    rows = {
        "session_get": Row("requests.session", "requests `Session.get`", "µs", 0, budget=20),
        "session_get_json": Row("requests.json", "… a JSON answer of 80 bytes", "µs", 0),
        "get": Row("requests.get", "`requests.get`, a connection each", "µs", 0, budget=20),
    }
    with agents.server("website") as port:
        url = f"http://127.0.0.1:{port}"
        return _calls("requests", bench, ways, plan, rows, plan.requests_calls, url)


def spans(bench: Bench, ways: list[Way], plan: Plan) -> list[Row]:
    """Very many spans: the whole process's CPU and memory, and how many of them arrived."""
    many = f"{plan.spans:,} spans"
    # Starting takes part in all of it, so that the budgets hold for the full number alone.
    full = plan.spans >= FULL
    cpu = Row("spans.cpu", f"{many}: CPU in the job", "s", 2, budget=1 if full else None)
    beside = Row(
        "spans.beside", "… CPU beside the job", "s", 2, added=False, budget=2 if full else None
    )
    peak = Row("spans.peak", "… peak RSS", "MiB", budget=4)
    command = Row("spans.command", "… until the command returns", "s", 2)
    arrived = Row("spans.arrived", "… spans that arrived", "", 0, False, plan.spans, True)

    def once(way: Way) -> Outcome:
        return bench.run(way, "many_spans", plan.spans, count=True)

    for outcomes in rounds("spans", ways, plan.slow_rounds, once):
        for way, outcome in outcomes.items():
            cpu.take(way, outcome.cpu)
            peak.take(way, outcome.peak)
            command.take(way, outcome.command)
            if way != "bare":
                beside.take(way, outcome.beside)
                arrived.take(way, outcome.spans)
    return [cpu, beside, peak, command, arrived]


def kill(bench: Bench, ways: list[Way], plan: Plan) -> list[Row]:
    """SIGKILL half a second after the last of a thousand finished spans."""
    survived = Row(
        "kill.survived", "of 1,000 finished spans, kept after SIGKILL", "", 0, False, 1000, True
    )

    def once(way: Way) -> Outcome:
        return bench.run(way, "many_spans", 1000, "kill", exits=-9, count=True)

    traced = [way for way in ways if way.key != "bare"]
    for outcomes in rounds("kill", traced, plan.slow_rounds, once):
        for way, outcome in outcomes.items():
            survived.take(way, outcome.spans)
    return [survived]


def backend(bench: Bench, ways: list[Way], plan: Plan) -> list[Row]:
    """A thousand spans and nobody who takes them: how much later the job ends."""
    down = Row("backend.down", "backend down: seconds added", "s", budget=0)
    silent = Row("backend.silent", "backend silent: seconds added", "s", budget=0)
    with agents.server("silent") as port:
        for row, target in ((down, agents.closed_port()), (silent, port)):

            def once(way: Way, target: int = target) -> Outcome:
                return bench.run(way, "many_spans", 1000, port=target)

            for outcomes in rounds(row.key, ways, plan.slow_rounds, once):
                for way, outcome in outcomes.items():
                    row.take(way, outcome.seconds)
    return [down, silent]


CASES: dict[str, Callable[[Bench, list[Way], Plan], list[Row]]] = {
    "start": start,
    "sqlite3": sqlite3,
    "pymysql": pymysql,
    "requests": requests,
    "spans": spans,
    "kill": kill,
    "backend": backend,
}

SLOW = ("spans", "kill", "backend")
"""Cases that take ``slow_rounds``."""
