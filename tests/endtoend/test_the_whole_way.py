"""From an unmodified script to its waterfall: every span there once, at its place, and the end as it was."""

from __future__ import annotations

import json
import signal
from datetime import datetime
from typing import Any

import pytest

WAYS = ("runner", "switched on")

RUN_KEYS = [
    "run",
    "trace_id",
    "job",
    "command",
    "state",
    "exit_code",
    "signal",
    "started",
    "duration_ns",
    "spans",
    "errors",
    "dropped",
    "cpu_ns",
    "max_rss_bytes",
]
SPAN_KEYS = [
    "span_id",
    "parent_id",
    "name",
    "kind",
    "start_ns",
    "duration_ns",
    "status",
    "scope",
    "attributes",
    "events",
    "pid",
]

JOB = """
import http.server, logging, os, sqlite3, subprocess, sys, threading, warnings
import requests
import autotrace


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = b'{"status": "fine"}'
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


def in_thread():
    with autotrace.span("in thread"):
        sqlite3.connect(":memory:").execute("SELECT 'thread'")


def main():
    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    db = sqlite3.connect("trials.db")
    db.execute("CREATE TABLE trials (name)")
    with autotrace.span("outer", number=1):
        db.executemany("INSERT INTO trials VALUES (?)", [("a",), ("b",)])
        with autotrace.span("inner"):
            requests.get(f"http://127.0.0.1:{server.server_port}/status?page=2")
            warnings.warn("careful")
            logging.warning("logged %d", 5)
            try:
                with autotrace.span("fails"):
                    raise ValueError("no such customer")
            except ValueError:
                pass
        thread = threading.Thread(target=in_thread)
        thread.start()
        thread.join()
        child = os.fork()
        if child == 0:
            sqlite3.connect(":memory:").execute("SELECT 'fork'")
            os._exit(0)
        os.waitpid(child, 0)
        assert db.execute("SELECT name FROM trials").fetchall() == [("a",), ("b",)]
    subprocess.run([sys.executable, "-c", CHILD], check=True)
    server.shutdown()
    print("done", os.getpid(), child)


CHILD = "import sqlite3; sqlite3.connect(':memory:').execute('SELECT 1 AS child')"
main()
"""


@pytest.fixture(params=WAYS)
def whole(user: Any, request: pytest.FixtureRequest) -> Any:
    user.file("sync_job.py", JOB)
    done = user.traced(
        request.param, user.python, "-W", "ignore:This process:DeprecationWarning", "sync_job.py"
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines() == [
        f"{user.folder}/sync_job.py:34: UserWarning: careful",
        '  warnings.warn("careful")',
        "WARNING:root:logged 5",
    ]
    word, job, fork = done.stdout.split()
    assert word == "done"
    shown = user.the_run()
    shown.job, shown.fork = int(job), int(fork)
    return shown


def test_a_job_is_one_tree(whole: Any, user: Any) -> None:
    spans = whole.spans
    assert len({span["span_id"] for span in spans}) == len(spans), "a span is there twice"
    root = whole.root
    assert (root["name"], root["parent_id"], root["pid"]) == ("sync_job", None, whole.job)
    outer, inner = whole.one("outer"), whole.one("inner")
    assert whole.way(inner) == ["outer", "inner"]
    assert whole.below(inner) == ["GET", "fails"]
    assert whole.way(whole.one("CREATE TABLE trials")) == ["CREATE TABLE trials"]
    assert [name for name in whole.below(outer) if "process" not in name][:2] == [
        "INSERT trials",
        "inner",
    ]
    assert whole.way(whole.one("SELECT trials")) == ["outer", "SELECT trials"]
    assert whole.one("SELECT trials")["attributes"]["db.response.returned_rows"] == 2

    processes = [span for span in spans if span["scope"] == "autotrace.process"]
    assert len(processes) == 3
    assert {span["pid"] for span in processes} >= {whole.job, whole.fork}
    (forked,) = [span for span in processes if span["pid"] == whole.fork]
    (started,) = [span for span in processes if span["pid"] not in (whole.job, whole.fork)]
    assert forked["parent_id"] == outer["span_id"]
    assert whole.way(started)[:-1] == []
    for process in (forked, started):
        assert whole.below(process) == ["connect", "SELECT"]
        below = [span for span in spans if span["parent_id"] == process["span_id"]]
        assert {span["pid"] for span in below} == {process["pid"]}

    thread = whole.one("in thread")
    assert whole.below(thread) == ["connect", "SELECT"]
    assert thread["pid"] == whole.job
    # 3 processes, 4 of `autotrace.span`, 1 request, and the statements; nothing else, nothing twice.
    assert len(spans) == 3 + 4 + 1 + (1 + 3) + 3 * 2
    assert whole.run["spans"] == len(spans)


def test_the_keys_are_the_documented_ones(whole: Any, user: Any) -> None:
    assert [*whole.run] == RUN_KEYS
    for span in whole.spans:
        assert [*span] == SPAN_KEYS
        assert [*span["status"]] == ["code", "message"]
        for event in span["events"]:
            assert [*event] == ["name", "time_ns", "attributes"]
    run = whole.run
    assert (run["job"], run["state"], run["exit_code"], run["signal"]) == (
        "sync_job",
        "warning",
        0,
        None,
    )
    assert run["command"][-1] == "sync_job.py"
    assert (run["errors"], run["dropped"]) == (1, 0)
    assert run["cpu_ns"] > 0
    assert run["max_rss_bytes"] > 5 << 20
    began = datetime.fromisoformat(run["started"]).timestamp()
    assert abs(began - whole.root["start_ns"] / 1e9) < 0.001


def test_times_fit_into_each_other(whole: Any, user: Any) -> None:
    slack = 1_000_000
    for span in whole.spans:
        assert span["duration_ns"] >= 0
        if span is whole.root:
            continue
        parent = whole.by_id[span["parent_id"]]
        assert span["start_ns"] >= parent["start_ns"] - slack, span["name"]
        end = span["start_ns"] + span["duration_ns"]
        assert end <= parent["start_ns"] + parent["duration_ns"] + slack, span["name"]
        for event in span["events"]:
            assert span["start_ns"] <= event["time_ns"] <= end
    assert whole.root["duration_ns"] == whole.run["duration_ns"]


def test_what_was_logged_warned_and_raised_is_kept(whole: Any, user: Any) -> None:
    inner = whole.one("inner")
    assert [event["name"] for event in inner["events"]] == ["warning", "log"]
    warning, log = (event["attributes"] for event in inner["events"])
    assert (warning["warning.category"], warning["warning.message"]) == ("UserWarning", "careful")
    assert "logged 5" in log.values()
    fails = whole.one("fails")
    assert fails["status"]["code"] == "error"
    (event,) = fails["events"]
    assert event["name"] == "exception"
    assert event["attributes"]["exception.type"] == "ValueError"
    assert event["attributes"]["exception.message"] == "no such customer"
    assert 'sync_job.py", line 38, in main' in event["attributes"]["exception.stacktrace"]
    request = whole.one("GET")["attributes"]
    assert (request["server.address"], request["http.response.status_code"]) == ("127.0.0.1", 200)


def test_every_export_has_every_span(user: Any) -> None:
    user.file("job.py", JOB)
    assert user.run("-q", user.python, "-W", "ignore", "job.py").returncode == 0
    shown = user.the_run()
    for name in ("run.json", "run.trace.json"):
        done = user.autotrace("export", "-o", name)
        assert done.returncode == 0, done.stderr
    otlp = json.loads((user.folder / "run.json").read_text())
    exported = [
        span
        for resource in otlp["resourceSpans"]
        for scope in resource["scopeSpans"]
        for span in scope["spans"]
    ]
    assert sorted(span["spanId"] for span in exported) == sorted(shown.by_id)
    assert {span["traceId"] for span in exported} == {shown.run["trace_id"]}
    chrome = json.loads((user.folder / "run.trace.json").read_text())
    events = chrome["traceEvents"] if isinstance(chrome, dict) else chrome
    assert len([event for event in events if event["ph"] == "X"]) == len(shown.spans)


ENDINGS: dict[str, tuple[str, int, str, int | None, str | None, bool]] = {
    "falls off the end": ("", 0, "ok", 0, None, False),
    "sys.exit": ("sys.exit(3)", 3, "failed", 3, None, False),
    "exception": ("raise KeyError('gone')", 1, "failed", 1, None, False),
    "os._exit": ("os._exit(4)", 4, "failed", 4, None, True),
    "SIGKILL": ("os.kill(os.getpid(), 9)", -9, "killed", None, "SIGKILL", True),
    "SIGTERM": ("os.kill(os.getpid(), 15)", -15, "killed", None, "SIGTERM", True),
    "SIGABRT": ("os.abort()", -6, "killed", None, "SIGABRT", True),
}

ENDING = """
import os, sqlite3, sys
import autotrace
db = sqlite3.connect(":memory:")
for n in range(100):
    db.execute("SELECT 1")
with autotrace.span("update_stripe"):
    with autotrace.span("charge"):
        print("before", flush=True)
        {ending}
print("after")
"""


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("ending", ENDINGS)
def test_however_it_ends_all_is_kept_and_what_was_open_is_named(
    user: Any, ending: str, way: str
) -> None:
    code, status, state, exit_code, name, unfinished = ENDINGS[ending]
    user.file("job.py", ENDING.format(ending=code))
    if way == "runner":
        done = user.run(user.python, "job.py")
        assert done.stderr.count("\nautotrace  job") + done.stderr.startswith("autotrace  job") == 1
        assert ("was inside   update_stripe › charge" in done.stderr) == unfinished
    else:
        done = user.switched_on(user.python, "job.py")
        # Paths may have the name in them.
        assert not any(line.startswith("autotrace") for line in done.stderr.splitlines())
    assert done.returncode == status
    assert done.stdout == ("before\nafter\n" if not code else "before\n")
    shown = user.the_run()
    run = shown.run
    assert (run["state"], run["signal"], run["dropped"]) == (state, name, 0)
    if way == "runner" or ending != "os._exit":
        assert run["exit_code"] == exit_code
    assert run["spans"] == len(shown.spans) == 1 + 1 + 100 + 2
    for each in ("update_stripe", "charge"):
        span = shown.one(each)
        assert span["attributes"].get("autotrace.unfinished", False) is unfinished
        assert (span["status"]["code"] == "error") == (
            unfinished or ending in ("sys.exit", "exception")
        )
    assert shown.way(shown.one("charge")) == ["update_stripe", "charge"]
    others = [span for span in shown.spans if "autotrace.unfinished" in span["attributes"]]
    assert {span["name"] for span in others} - {"job"} == (
        {"update_stripe", "charge"} if unfinished else set()
    )
    if ending == "exception":
        (event,) = [event for event in shown.root["events"] if event["name"] == "exception"]
        assert event["attributes"]["exception.type"] == "KeyError"


def test_a_run_under_way_can_be_looked_at(user: Any, background: list[Any]) -> None:
    user.file(
        "job.py",
        "import sqlite3, sys, autotrace\n"
        "sqlite3.connect(':memory:').execute('SELECT 1')\n"
        "with autotrace.span('waiting'):\n"
        "    print('ready', flush=True)\n"
        "    sys.stdin.read()\n",
    )
    import subprocess

    job = user.start([user.python, "job.py"], env={"AUTOTRACE_ENABLED": "1"}, stdin=subprocess.PIPE)
    background.append(job)
    assert job.stdout.readline() == "ready\n"
    shown = user.show()
    assert (shown.run["state"], shown.run["exit_code"]) == ("running", None)
    (listed,) = user.runs()
    assert (listed["run"], listed["state"]) == (shown.run["run"], "running")
    assert listed["duration_ns"] > shown.run["duration_ns"]
    waiting = shown.one("waiting")
    assert waiting["attributes"]["autotrace.unfinished"] is True
    assert waiting["status"]["code"] != "error"
    drawn = user.autotrace("show")
    assert (drawn.returncode, drawn.stderr) == (0, "")
    assert "running" in drawn.stdout
    assert user.autotrace("export", "-o", "now.json").returncode == 0
    pruned = user.autotrace("prune", "--keep", "0")
    assert pruned.returncode in (0, 2)
    job.communicate("", timeout=60)
    user.collected()
    assert job.returncode == 0
    after = user.the_run()
    assert (after.run["run"], after.run["state"]) == (shown.run["run"], "ok")
    assert "autotrace.unfinished" not in after.one("waiting")["attributes"]


def test_jobs_side_by_side_share_a_store(user: Any, background: list[Any]) -> None:
    user.file(
        "job.py",
        "import sqlite3, sys\ndb = sqlite3.connect(':memory:')\n"
        "for _ in range(500): db.execute('SELECT 1')\n",
    )
    from subprocess import DEVNULL

    quiet = {"stdout": DEVNULL, "stderr": DEVNULL}
    for number in range(6):
        env = {"AUTOTRACE_JOB": f"job-{number}"}
        command = [user.python, "job.py"]
        if number % 2:
            env["AUTOTRACE_ENABLED"] = "1"
        else:
            from pathlib import Path

            command = [str(Path(user.python).parent / "autotrace-run"), *command]
        background.append(user.start(command, env=env, **quiet))
    assert [job.wait(100) for job in background] == [0] * 6
    user.collected()
    runs = user.runs()
    assert sorted(run["job"] for run in runs) == [f"job-{number}" for number in range(6)]
    assert {(run["state"], run["spans"], run["dropped"]) for run in runs} == {("ok", 502, 0)}
    assert len({run["trace_id"] for run in runs}) == 6


def test_of_200_000_calls_none_is_dropped(user: Any) -> None:
    user.file(
        "job.py",
        "import sqlite3\nexecute = sqlite3.connect(':memory:').execute\n"
        "for n in range(200_000): execute('SELECT ?', (n,))\n",
    )
    done = user.run(user.python, "job.py")
    assert done.returncode == 0
    (run,) = user.runs()
    assert (run["spans"], run["dropped"], run["state"]) == (200_002, 0, "ok")
    assert "200,002 spans" in done.stderr
    assert "200,000" in done.stderr
    drawn = user.autotrace("show")
    assert "×200,000" in drawn.stdout


def test_a_signal_from_outside_names_what_was_under_way(user: Any, background: list[Any]) -> None:
    from pathlib import Path

    user.file(
        "job.py",
        "import time, autotrace\n"
        "with autotrace.span('outer'), autotrace.span('sleeps'):\n"
        "    print('ready', flush=True)\n"
        "    time.sleep(60)\n",
    )
    runner = user.start([Path(user.python).parent / "autotrace-run", user.python, "job.py"])
    background.append(runner)
    assert runner.stdout.readline() == "ready\n"
    runner.send_signal(signal.SIGTERM)
    _, said = runner.communicate(timeout=60)
    assert runner.returncode == -signal.SIGTERM
    assert "killed by SIGTERM" in said
    assert "was inside   outer › sleeps" in said
    run = user.the_run().run
    assert (run["state"], run["signal"]) == ("killed", "SIGTERM")
