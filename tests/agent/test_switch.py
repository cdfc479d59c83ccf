"""Switching on: what a process takes from its environment, what it says of itself, and how it goes on in children."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from autotrace import startup
from autotrace.agent import switch

ROOT = Path(__file__).resolve().parents[2]
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"

hexadecimal = st.text("0123456789abcdef")


def digits(size: int) -> st.SearchStrategy[str]:
    return st.text("0123456789abcdef", min_size=size, max_size=size)


@given(trace=digits(32), parent=digits(16), flags=digits(2))
@example(trace="0" * 32, parent=PARENT, flags="01")
@example(trace=TRACE, parent="0" * 16, flags="01")
def test_a_valid_traceparent_is_taken_over(trace: str, parent: str, flags: str) -> None:
    expected = (trace, parent) if trace.strip("0") and parent.strip("0") else ("", "")
    assert switch.incoming(f"00-{trace}-{parent}-{flags}") == expected
    # A version that is not known yet may say more, past another dash.
    assert switch.incoming(f"01-{trace}-{parent}-{flags}") == expected
    assert switch.incoming(f"cc-{trace}-{parent}-{flags}-what-the-future-says") == expected
    for wrong in (
        f"ff-{trace}-{parent}-{flags}",
        f"00-{trace}-{parent}-{flags}-more",
        f"00-{trace}-{parent}-{flags}-",
        f"0-{trace}-{parent}-{flags}",
        f"00-{trace}-{parent}",
        f"00-{trace}-{parent}-{flags}0",
        f"00-{trace[1:]}-{parent}-{flags}",
        f"00-{trace}-{parent}0-{flags}",
        f"0g-{trace}-{parent}-{flags}",
        f"00-{trace}-{parent}-0x",
        f"00-g{trace[1:]}-{parent}-{flags}",
        f"00-{trace[:9]}G{trace[10:]}-{parent}-{flags}",
        f"00-{trace}-{parent[:-1]}١-{flags}",
        f"00_{trace}_{parent}_{flags}",
    ):
        assert switch.incoming(wrong) == ("", ""), wrong


@given(st.one_of(st.text(), st.lists(hexadecimal).map("-".join)))
@example("00-" + TRACE.upper() + "-" + PARENT + "-01")
def test_anything_else_is_no_traceparent_and_never_raises(text: str) -> None:
    trace, parent = switch.incoming(text)
    assert (trace, parent) == ("", "") or (len(trace), len(parent)) == (32, 16)
    assert trace == trace.lower()


# What AUTOTRACE_RUN may name.


def alone(
    folder: Path, code: str, env: dict[str, str] | None = None, **options: Any
) -> subprocess.CompletedProcess[str]:
    """Run a script that makes its own run, and wait until its companion has taken that away."""
    work = folder / "work"
    work.mkdir(exist_ok=True)
    (work / "job.py").write_text(code)
    given = {**os.environ, "AUTOTRACE_ENABLED": "1", "PYTHONPATH": str(ROOT), **(env or {})}
    done = subprocess.run(
        [sys.executable, "job.py"],
        cwd=work,
        env=given,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        **options,
    )
    live = Path(given["AUTOTRACE_HOME"]) / "live"
    end = time.monotonic() + 30
    try:
        while any(live.iterdir()) and time.monotonic() < end:
            time.sleep(0.02)
    except OSError:  # there is none
        pass
    return done


SAY_RUN = """
import os, stat
run = os.environ["AUTOTRACE_RUN"]
home = os.environ["AUTOTRACE_HOME"]
print(run)
print(os.environ["TRACEPARENT"])
for path in (home, home + "/live", run):
    print(oct(stat.S_IMODE(os.stat(path).st_mode)))
for name in os.listdir(run):
    print(oct(stat.S_IMODE(os.stat(f"{run}/{name}").st_mode)))
"""


def foreign(folder: Path) -> Path:
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder away")
    os.chown(folder, 12345, 12345)
    return folder


def writable(folder: Path, mode: int) -> Path:
    folder.chmod(mode)
    return folder


def link(folder: Path, end: str) -> str:
    other = folder.parent / "link"
    other.symlink_to(folder)
    return f"{other}{end}"


def a_file(path: Path) -> Path:
    path.touch(0o600)
    return path


WRONG = {
    "foreign": foreign,
    "writable by all": lambda folder: writable(folder, 0o707),
    "writable by the group": lambda folder: writable(folder, 0o770),
    "missing": lambda folder: folder / "gone",
    "a link": lambda folder: link(folder, ""),
    "a link with a slash": lambda folder: link(folder, "/"),
    "a file": lambda folder: a_file(folder.parent / "file"),
    "relative": lambda folder: os.path.relpath(folder, folder.parent / "work"),
    "nothing": lambda folder: "",
    "the root": lambda folder: "/" if os.geteuid() else "//",
}


@pytest.mark.parametrize("what", WRONG)
def test_a_folder_that_is_not_this_users_alone_is_not_written_to(
    what: str, tmp_path: Path, home: Path
) -> None:
    folder = tmp_path / "given"
    folder.mkdir(mode=0o700)
    (tmp_path / "work").mkdir()
    named = WRONG[what](folder)
    done = alone(tmp_path, SAY_RUN, {"AUTOTRACE_RUN": str(named)})
    assert (done.returncode, done.stderr) == (0, "")
    run, parent, *modes = done.stdout.splitlines()
    assert run.startswith(f"{home}/live/")
    assert parent.startswith("00-")
    assert set(modes[:3]) == {"0o700"}
    assert set(modes[3:]) == {"0o600"}
    assert list(folder.iterdir()) == []


def test_a_run_that_is_joined_makes_no_other(trace: Any, home: Path) -> None:
    traced = trace("import os\nprint(os.environ['AUTOTRACE_RUN'], os.environ['TRACEPARENT'])")
    run, parent = traced.stdout.split()
    assert traced.process["run"] == os.path.basename(run)
    assert parent == f"00-{TRACE}-{PARENT}-01"
    assert (traced.process["trace_id"], traced.process["parent"]) == (TRACE, PARENT)
    assert traced.process["root"] is False
    assert not (home / "live").exists()


def test_a_run_of_ones_own_continues_the_trace_that_comes_in(tmp_path: Path) -> None:
    done = alone(tmp_path, SAY_RUN, {"TRACEPARENT": f"00-{TRACE}-{PARENT}-01"})
    version, trace, parent, flags = done.stdout.splitlines()[1].split("-")
    assert (version, trace, flags) == ("00", TRACE, "01")
    assert parent != PARENT


# What can't be written.

SAY_ENVIRONMENT = (
    "import os\nprint(os.environ.get('AUTOTRACE_RUN'), os.environ.get('TRACEPARENT'))\n"
    "import sqlite3\nprint(sqlite3.connect(':memory:').execute('SELECT 42').fetchone())\n"
)


@pytest.mark.parametrize("home", ["/proc/nowhere", "/dev/null/autotrace", "{file}", "{file}/below"])
def test_a_home_that_cannot_be_written_to_is_one_line_and_no_harm(
    home: str, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    env = {"AUTOTRACE_HOME": home.format(file=tmp_path / "file")}
    done = alone(tmp_path, SAY_ENVIRONMENT, env)
    assert done.returncode == 0
    assert done.stdout == "None None\n(42,)\n"
    [line] = done.stderr.splitlines()
    assert line.startswith("autotrace: ")
    assert "this program runs untraced" in line


def small_files() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))


def test_a_full_disk_at_the_start_is_one_line_and_leaves_nothing(
    tmp_path: Path, home: Path
) -> None:
    env = {"TRACEPARENT": f"00-{TRACE}-{PARENT}-01"}
    done = alone(tmp_path, SAY_ENVIRONMENT, env, preexec_fn=small_files)
    assert done.returncode == 0
    assert done.stdout == f"None {env['TRACEPARENT']}\n(42,)\n"
    [line] = done.stderr.splitlines()
    assert "File too large" in line
    assert list((home / "live").iterdir()) == []


def test_a_full_disk_in_a_forked_child_leaves_the_child_untraced(trace: Any) -> None:
    code = (
        "import autotrace, os, resource\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))\n"
        "pid = os.fork()\n"
        "if pid == 0:\n"
        "    with autotrace.span('unseen'):\n"
        "        print('alive', bool(autotrace.current_span()), flush=True)\n"
        "    os._exit(3)\n"
        "print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))\n"
    )
    traced = trace(code)
    assert (traced.stdout, traced.stderr) == ("alive False\n3\n", "")
    assert len(traced.journals) == 1


# What can't be traced.


@pytest.mark.parametrize(
    ("attribute", "value", "says"),
    [
        ("sys.implementation", type(sys.implementation)(name="pypy"), "pypy is not supported"),
        ("sys.version_info", (3, 9, 1), "Python 3.9 is not supported, only 3.10 to 3.14 are"),
        ("sys.version_info", (3, 15, 0), "Python 3.15 is not supported"),
        ("sys._is_gil_enabled", lambda: False, "free-threaded"),
        ("sys.platform", "win32", "win32 is not supported"),
    ],
)
def test_what_is_not_supported_is_refused_in_one_line(
    attribute: str,
    value: Any,
    says: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    assert startup._refusal() == ""
    monkeypatch.setenv("AUTOTRACE_ENABLED", "1")
    monkeypatch.setattr(startup, "_done", False)
    monkeypatch.setattr(switch, "switch_on", lambda: pytest.fail("it was switched on"))
    with monkeypatch.context() as changed:
        changed.setattr(attribute, value, raising=False)
        startup.activate()
    [line] = capfd.readouterr().err.splitlines()
    assert says in line
    assert line.endswith("; this program runs untraced")


def test_activated_twice_it_is_on_once(trace: Any) -> None:
    traced = trace(
        "import sys\n"
        "import autotrace.startup\n"
        "autotrace.startup.activate()\n"
        "autotrace.startup.activate()\n"
        "import autotrace\n"
        "with autotrace.span('one'): pass\n"
        "print(sum(type(each).__name__ == 'Finder' and 'autotrace' in type(each).__module__\n"
        "          for each in sys.meta_path))\n"
    )
    assert traced.stdout == "1\n"
    assert len(traced.journals) == 1
    assert [span.name for span in traced.spans] == ["one"]


# What a process says of itself.


def test_the_process_says_who_it_is(trace: Any) -> None:
    before = time.time_ns()
    traced = trace("import os\nprint(os.getpid(), os.getppid(), os.getcwd())")
    pid, ppid, cwd = traced.stdout.split()
    process = traced.process
    assert (process["pid"], process["ppid"], process["cwd"]) == (int(pid), int(ppid), cwd)
    assert process["argv"] == [sys.executable, "job.py"]
    assert process["job"] == "job"
    assert process["executable"] == sys.executable
    assert process["python"] == ".".join(map(str, sys.version_info[:3]))
    assert process["implementation"] == "cpython"
    assert process["host"] == os.uname().nodename
    assert process["uid"] == os.getuid()
    assert before < process["wall"] < time.time_ns()
    assert process["began"] <= process["mono"] <= time.monotonic_ns()
    assert process["mono"] - process["began"] < 10_000_000_000
    assert process["boot"] == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    assert process["ticks"] > 0


CARD = "4242424242424242"


def test_secrets_of_the_command_line_are_not_kept(trace: Any) -> None:
    arguments = [
        "--password", "hunter2", "--api-key=sk_live_51HsecretHsecret", "mysql://root:pa55w0rd@db/trials",
        "--user", "ada", "--limit=10", f"card={CARD}", "--verbose", "--token", "--dry-run",
    ]  # fmt: skip
    code = f"import sys\nassert sys.argv[1:] == {arguments!r}\n"
    traced = trace(code)
    traced = trace(["job.py", *arguments])
    assert traced.returncode == 0, traced.stderr
    said = traced.process["argv"]
    assert len(said) == len(arguments) + 2
    for secret in ("hunter2", "sk_live", "pa55w0rd", CARD):
        assert secret not in json.dumps(said)
    assert said[2:4] == ["--password", "[redacted]"]
    assert said[6:9] == ["--user", "ada", "--limit=10"]
    assert said[-3:] == ["--verbose", "--token", "--dry-run"]


def test_arguments_that_are_no_text_and_too_many_are_bounded(trace: Any) -> None:
    trace("")
    traced = trace(["job.py", "x" * 50_000, "--password=" + "y" * 5000, *["z"] * 500])
    argv = traced.process["argv"]
    assert len(argv) == 100
    assert max(map(len, argv)) <= 1000
    assert "yyy" not in " ".join(argv)
    undecodable = os.fsdecode(b"caf\xe9")
    assert undecodable in trace(["job.py", undecodable]).process["argv"]


ENDINGS = {
    "end": ("pass", 0, None),
    "exit": ("import sys\nsys.exit()", 0, None),
    "exit code": ("import sys\nsys.exit(3)", 3, None),
    "exit text": ("import sys\nsys.exit('sorry')", 1, None),
    "exception": ("raise ValueError('no')", 1, "ValueError"),
    "own exception": ("class Oh(Exception): pass\nraise Oh", 1, "Oh"),
    "library's exception": ("import json\njson.loads('{')", 1, "json.decoder.JSONDecodeError"),
    "handled": ("try:\n    1 / 0\nexcept ZeroDivisionError:\n    pass", 0, None),
    "keyboard": ("raise KeyboardInterrupt", -2, "KeyboardInterrupt"),
    "hook": (
        "import sys\nsys.excepthook = lambda *_: None\nraise ValueError",
        1,
        "ValueError",
    ),
    "atexit after an exception": (
        "import atexit\natexit.register(print, 'bye')\n1 / 0",
        1,
        "ZeroDivisionError",
    ),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_the_end_is_noted(ending: str, trace: Any) -> None:
    code, status, exception = ENDINGS[ending]
    traced = trace(code)
    assert traced.returncode == status
    assert traced.exit is not None
    assert traced.exit["exception"] == exception
    assert traced.exit["mono"] > traced.process["mono"]
    assert 0 < traced.exit["cpu_ns"] < 60_000_000_000
    assert [name for name, _ in traced.events] == (["exception"] if exception else [])


def test_at_its_end_the_agent_goes_last(trace: Any) -> None:
    traced = trace(
        "import atexit, autotrace\n"
        "def last():\n"
        "    with autotrace.span('at exit'): pass\n"
        "atexit.register(last)\n"
    )
    [span] = traced.named("at exit")
    assert span.ended
    assert traced.exit["mono"] > span.start


def test_an_end_without_farewell_has_no_exit_record(trace: Any) -> None:
    traced = trace("import autotrace, os\nautotrace.span('open').__enter__()\nos._exit(4)")
    assert traced.exit is None
    assert [span.ended for span in traced.spans] == [False]


# Children.

FORK = """
import autotrace, os
def step(name):
    with autotrace.span(name, pid=os.getpid()):
        pass
step("before")
with autotrace.span("outer") as outer:
    with autotrace.span("across") as across:
        outer_id = across.span_id
        pid = os.fork()
        if pid == 0:
            assert not autotrace.current_span()
            assert across.span_id == outer_id, "the id of the parent's span"
            autotrace.add_fields(of="the child")
            across["lost"] = True
            step("before")
        step("both")
    step("after")
if pid == 0:
    os._exit(0)
os.waitpid(pid, 0)
print(outer_id)
"""


def test_a_forked_child_has_a_journal_of_its_own_under_the_span_that_forked(trace: Any) -> None:
    traced = trace(FORK)
    assert traced.returncode == 0, traced.stderr
    parent, child = traced.journals
    assert child.process["parent"] == traced.stdout.strip()
    assert child.process["ppid"] == parent.process["pid"]
    assert child.process["prefix"] != parent.process["prefix"]
    assert (child.process["run"], child.process["trace_id"]) == (parent.process["run"], TRACE)
    assert [span.name for span in parent.spans] == ["before", "outer", "across", "both", "after"]
    assert all(span.ended for span in parent.spans)
    # Its parent's spans are not ended a second time, nor are they parents here.
    assert [span.name for span in child.spans] == ["before", "both", "after"]
    assert child.roots() == child.spans
    assert child.fields == {"of": "the child"}
    assert {span.fields["pid"] for span in child.spans} == {child.process["pid"]}
    [across] = parent.named("across")
    assert "lost" not in across.fields
    # Sites of before the fork are known to the child's journal as well.
    assert child.named("before")[0].fields["code.line.number"] == 4
    assert parent.exit is not None
    assert child.exit is None


def test_a_grandchild_hangs_below_the_process_that_forked_it(trace: Any) -> None:
    traced = trace(
        "import autotrace, os\n"
        "with autotrace.span('unrelated'): pass\n"
        "with autotrace.span('outer'):\n"
        "    if os.fork() == 0:\n"
        "        if os.fork() == 0:\n"
        "            os._exit(0)\n"
        "        os.wait()\n"
        "        with autotrace.span('inner'):\n"
        "            if os.fork() == 0:\n"
        "                os._exit(0)\n"
        "            os.wait()\n"
        "        os._exit(0)\n"
        "    os.wait()\n"
    )
    first, child, plain, below = (each.process for each in traced.journals)
    assert child["parent"] == f"{first['prefix'] << 32 | 2:016x}"
    assert plain["parent"] == f"{child['prefix'] << 32:016x}"
    assert below["parent"] == f"{child['prefix'] << 32 | 1:016x}"


def test_fork_in_a_thread_and_in_many(trace: Any) -> None:
    code = """
import autotrace, os, threading
def work(number):
    with autotrace.span("thread", number=number):
        pid = os.fork()
        if pid == 0:
            with autotrace.span("child", number=number): pass
            os._exit(0)
        os.waitpid(pid, 0)
threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""
    traced = trace(code)
    assert traced.returncode == 0, traced.stderr
    parent, *children = traced.journals
    assert sorted(span.fields["number"] for span in parent.named("thread")) == [*range(6)]
    assert all(span.ended for span in parent.spans)
    assert len(children) == 6
    assert sorted(child.spans[0].fields["number"] for child in children) == [*range(6)]
    assert len({child.process["parent"] for child in children}) == 6


def test_multiprocessing_by_fork(trace: Any) -> None:
    code = """
import multiprocessing, autotrace
def work(number):
    with autotrace.span("work", number=number):
        return number * number
if __name__ == "__main__":
    with autotrace.span("pool"):
        pool = multiprocessing.get_context("fork").Pool(2)
        print(sum(pool.map(work, range(20))))
        pool.close()
        pool.join()
"""
    traced = trace(code)
    assert traced.stdout == "2470\n", traced.stderr
    parent, *children = traced.journals
    assert [span.name for span in parent.spans] == ["pool"]
    done = [span for child in children for span in child.named("work")]
    assert sorted(span.fields["number"] for span in done) == [*range(20)]
    assert len(children) == 2


def test_exec_into_another_python_is_a_second_journal_of_the_same_pid(trace: Any) -> None:
    traced = trace(
        "import autotrace, os, sys\n"
        "with autotrace.span('before'):\n"
        "    os.execv(sys.executable, [sys.executable, '-c',\n"
        "        \"import autotrace\\nwith autotrace.span('after'): pass\\nprint('done')\"])\n"
    )
    assert traced.stdout == "done\n", traced.stderr
    first, second = traced.journals
    assert first.process["pid"] == second.process["pid"]
    assert first.process["prefix"] != second.process["prefix"]
    assert [(span.name, span.ended) for span in first.spans] == [("before", False)]
    assert [(span.name, span.ended) for span in second.spans] == [("after", True)]
    assert (first.exit, second.exit is None) == (None, False)


# Limits.


def test_beyond_the_journals_limit_spans_are_counted(trace: Any) -> None:
    code = """
import autotrace
for number in range(60_000):
    with autotrace.span("many"):
        pass
print("done")
"""
    traced = trace(code, env={"AUTOTRACE_LIMITS_JOURNAL_SIZE": "2 MiB"})
    assert (traced.stdout, traced.stderr) == ("done\n", "")
    assert traced.dropped > 0
    assert traced.dropped + len(traced.spans) == 60_000
    assert len(traced.spans) > 15_000


def test_a_disk_that_has_room_again_is_written_to_again_and_knows_all_names(trace: Any) -> None:
    code = """
import autotrace, errno, os
def fill(name):
    for number in range(20_000):
        with autotrace.span(name):
            pass
def full(*_):
    raise OSError(errno.ENOSPC, "No space left on device")
reserve, os.posix_fallocate = os.posix_fallocate, full
fill("first")
fill("second")
os.posix_fallocate = reserve
fill("second")
"""
    traced = trace(code)
    assert traced.stderr == ""
    assert traced.dropped + len(traced.spans) == 60_000
    assert traced.dropped > 20_000
    # What had no start has no end either, and the site came while nothing could be written.
    assert len(traced.named("second")) > 18_000


@pytest.mark.parametrize("more", [0, 1])
def test_what_has_no_start_in_the_journal_has_no_end_and_no_children_there(
    more: int, trace: Any
) -> None:
    code = f"""
import autotrace, errno, os
from autotrace.journal import writer
writer.REFUSALS_BETWEEN_TRIES = 3
def full(*_):
    raise OSError(errno.ENOSPC, "No space left on device")
reserve = os.posix_fallocate
os.posix_fallocate = full
while not autotrace.agent.tracer.journal().dropped:
    with autotrace.span("fill"): pass
for _ in range({more}):
    with autotrace.span("one more"): pass
for number in range(20):
    with autotrace.span("dropped") as span:
        os.posix_fallocate = reserve
        span.add_event("event")
        with autotrace.span("inner"):
            autotrace.add_fields(number=number)
        autotrace.add_fields(number=number)
    span["late"] = True
"""
    traced = trace(code)
    assert (traced.returncode, traced.stderr) == (0, "")
    assert traced.dropped > 0
    assert traced.fields == {}
    assert traced.spans[-1].name == "inner"
    assert traced.spans[-1].parent.name == "dropped"
