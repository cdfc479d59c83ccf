"""The public names: what they write when autotrace is on, and that they are nothing when it is off."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
SECRET = "sk_live_51HsecretHsecretHsecret"
CARD = "4242 4242 4242 4242"


def tree(traced: Any) -> Any:
    """The spans' names, each with those below it."""
    assert traced.returncode == 0, traced.stderr
    assert all(span.ended for span in traced.spans)

    def below(spans: Any) -> Any:
        return [[span.name, *below(span.children)] for span in spans]

    return below(traced.roots())


def test_a_block_is_a_span(trace: Any) -> None:
    traced = trace(
        "import autotrace\n"
        "with autotrace.span('update user', user_id=7, plan='pro') as span:\n"
        "    assert span\n"
        "    assert autotrace.current_span().span_id == span.span_id\n"
        "    with autotrace.span('inner'):\n"
        "        pass\n"
        "    span['done'] = True\n"
        "    span.add_fields(ratio=0.5, tags=['a', 'b'])\n"
        "    span.add_event('charged', amount=12, password='x')\n"
        "print(span.span_id)\n"
        "assert not autotrace.current_span()\n"
        "assert autotrace.current_span().span_id == ''\n"
    )
    assert tree(traced) == [["update user", ["inner"]]]
    span, _ = traced.spans
    assert (span.scope, span.kind, span.status) == ("autotrace", "internal", "unset")
    assert span.fields.pop("code.file.path").endswith("job.py")
    assert span.fields == {
        "user_id": 7,
        "plan": "pro",
        "done": True,
        "ratio": 0.5,
        "tags": ["a", "b"],
        "tags.count": 2,
        "code.function.name": "<module>",
        "code.line.number": 2,
    }
    assert span.events == [("charged", {"amount": 12, "password": "[redacted]"})]
    assert traced.stdout.strip() == f"{traced.process['prefix'] << 32 | 1:016x}"


DECORATED = """
import asyncio, functools, inspect, pickle, autotrace

@autotrace.span("plain", kind="sync")
def plain(a, /, b=2, *, c: int = 3) -> tuple:
    "what it does"
    return a, b, c

@autotrace.span("async")
async def later(x):
    await asyncio.sleep(0)
    return plain(x)

@autotrace.span("deep")
def deep(n):
    return n and deep(n - 1)

class Job:
    @autotrace.span("method")
    def method(self): return self
    @autotrace.span("class outside")
    @classmethod
    def outside(cls): return cls
    @classmethod
    @autotrace.span("class inside")
    def inside(cls): return cls
    @staticmethod
    @autotrace.span("static inside")
    def static_inside(x): return x
    @autotrace.span("static outside")
    @staticmethod
    def static_outside(x): return x
    @property
    @autotrace.span("property")
    def value(self): return 5

def retrying(function):
    @functools.wraps(function)
    def again(*args): return function(*args)
    return again

@autotrace.span("outer")
@retrying
@autotrace.span("inner")
@autotrace.span("innermost")
def stacked(x): return x

assert plain(1) == (1, 2, 3) and plain(1, 4, c=5) == (1, 4, 5)
assert str(inspect.signature(plain)) == "(a, /, b=2, *, c: int = 3) -> tuple"
assert (plain.__name__, plain.__doc__, plain.__module__) == ("plain", "what it does", "__main__")
assert pickle.loads(pickle.dumps(plain)) is plain
assert inspect.iscoroutinefunction(later) and asyncio.run(later(1)) == (1, 2, 3)
assert deep(2) == 0
job = Job()
assert job.method() is job and Job.method(job) is job
assert Job.outside() is Job and job.inside() is Job
assert Job.static_inside(1) == job.static_inside(1) == Job.static_outside(1) == job.static_outside(1) == 1
assert job.value == 5
assert stacked(3) == 3
bound = autotrace.span("bound")(job.method)
assert bound() is job
try:
    plain()
except TypeError as error:
    assert "plain() missing 1 required positional argument: 'a'" in str(error), error
else:
    raise AssertionError
print("done")
"""


def test_a_function_is_a_span_each_time(trace: Any) -> None:
    traced = trace(DECORATED)
    assert traced.stdout == "done\n", traced.stderr
    assert tree(traced) == [
        ["plain"],
        ["plain"],
        ["async", ["plain"]],
        ["deep", ["deep", ["deep"]]],
        ["method"],
        ["method"],
        ["class outside"],
        ["class inside"],
        *[["static inside"]] * 2,
        *[["static outside"]] * 2,
        ["property"],
        ["outer", ["inner", ["innermost"]]],
        ["bound", ["method"]],
    ]
    assert traced.named("plain")[0].fields["kind"] == "sync"
    # Where the arguments are wrong there was no call.
    assert {span.status for span in traced.spans} == {"unset"}


REFUSED = """
import autotrace, contextlib
mark = autotrace.span("refused")
def generator():
    with autotrace.span("inside"):
        yield 1
        yield 2
async def agen():
    yield 1
class Thing:
    pass
given = [generator, agen, Thing, 5, None, property(lambda self: 1)]
for each in given:
    assert mark(each) is each, each
assert list(mark(generator)()) == [1, 2]
assert isinstance(mark(Thing)(), Thing)

@contextlib.contextmanager
def step(name):
    with autotrace.span(name):
        yield

with step("managed"):
    pass
print("done")
"""


def test_what_cannot_be_wrapped_is_left_as_it_is_and_noted(trace: Any) -> None:
    traced = trace(REFUSED, faults=True)
    assert traced.stdout == "done\n", traced.stderr
    assert tree(traced) == [["inside"], ["managed"]]
    assert traced.fault_count == 8
    assert "generator function" in traced.faults[0][1]


def test_exceptions_end_spans_as_failed_and_pass(trace: Any) -> None:
    traced = trace(
        "import autotrace\n"
        "@autotrace.span('function')\n"
        "def work():\n"
        f"    raise ValueError('with {SECRET}')\n"
        "try:\n"
        "    with autotrace.span('block'):\n"
        "        work()\n"
        "except ValueError as error:\n"
        "    import traceback, sys\n"
        "    names = [frame.name for frame in traceback.extract_tb(error.__traceback__)]\n"
        "    assert names[-1] == 'work' and names[0] == '<module>'\n"
        "    assert sys.version_info < (3, 11) or len(names) == 2, names\n"
        "else:\n"
        "    raise AssertionError\n"
        "with autotrace.span('handled'):\n"
        "    try:\n"
        "        1 / 0\n"
        "    except ZeroDivisionError:\n"
        "        pass\n"
        "assert not autotrace.current_span()\n"
    )
    block, function, handled = traced.spans
    assert tree(traced) == [["block", ["function"]], ["handled"]]
    assert [span.status for span in traced.spans] == ["error", "error", "unset"]
    assert block.fields["error.type"] == function.fields["error.type"] == "ValueError"
    assert SECRET not in str([span.fields for span in traced.spans] + [function.events])
    assert (len(block.events), len(function.events), len(handled.events)) == (0, 1, 0)


@pytest.mark.parametrize(
    ("leaving", "status"),
    [
        ("sys.exit()", "unset"),
        ("sys.exit(0)", "unset"),
        ("sys.exit(None)", "unset"),
        ("sys.exit(3)", "error"),
        ("sys.exit('sorry')", "error"),
        ("raise KeyboardInterrupt", "error"),
        ("raise GeneratorExit", "unset"),
    ],
)
def test_an_orderly_exit_is_no_error(leaving: str, status: str, trace: Any) -> None:
    traced = trace(
        "import autotrace, sys\n"
        "@autotrace.span('function')\n"
        f"def leave(): {leaving}\n"
        "try:\n"
        "    with autotrace.span('block'): leave()\n"
        "except BaseException: pass\n"
    )
    assert [(span.status, span.ended) for span in traced.spans] == [(status, True)] * 2


SHARED = """
import asyncio, threading, time, autotrace
step = autotrace.span("step")
def recurse(n):
    with step:
        if n: recurse(n - 1)
recurse(2)
assert not autotrace.current_span()
barrier = threading.Barrier(2)
def work(first):
    with autotrace.span("thread"):
        if first: barrier.wait()
        with step:
            if not first: barrier.wait(); barrier.wait()
        if first: barrier.wait()
        with autotrace.span("after"): pass
threads = [threading.Thread(target=work, args=(first,)) for first in (True, False)]
for each in threads: each.start()
for each in threads: each.join()
async def task(pause):
    with step:
        await asyncio.sleep(pause)
    assert not autotrace.current_span()
async def main():
    await asyncio.gather(task(0.03), task(0.01), task(0.02))
asyncio.run(main())
"""


def test_one_object_may_be_entered_again_before_it_is_left(trace: Any) -> None:
    traced = trace(SHARED)
    assert tree(traced) == [
        ["step", ["step", ["step"]]],
        ["thread", ["step"], ["after"]],
        ["thread", ["step"], ["after"]],
        *[["step"]] * 3,
    ]
    assert len({round(span.duration / 1e7) for span in traced.roots()[-3:]}) > 1


FIELDS = """
import autotrace, datetime, decimal, enum, uuid
class Color(enum.IntEnum):
    RED = 1
class Text(str):
    def __str__(self): raise RuntimeError
    __repr__ = __hash__ = __str__
class Bad:
    def __getattr__(self, name): raise RuntimeError(name)
    def __str__(self): raise RuntimeError
    __repr__ = __str__
loop = []
loop.append(loop)
with autotrace.span("fields") as span:
    span["none"] = None
    span["enum"] = Color.RED
    span["text"] = Text("text")
    span["bad"] = Bad()
    span["loop"] = loop
    span["nan"] = float("nan")
    span["huge"] = 10 ** 40
    span["bytes"] = b"abc"
    span["long"] = "x" * 10_000_000
    span["when"] = datetime.date(2026, 1, 2)
    span["uuid"] = uuid.UUID(int=5)
    span["decimal"] = decimal.Decimal("1.50")
    span["user"] = {"id": 3, "email": "a@example.com", "password": "pw", "deep": {"a": {"b": {"c": 1}}}}
    span["dotted.name"] = 1
    span["lone \\ud800"] = "lone \\ud800"
    span["n" * 5000] = 1
    span[5] = "a number for a name"
    span[None] = "nothing for a name"
    span[Text("odd")] = 1
    span["type"] = type
    span["many"] = list(range(100_000))
    span.add_event("event", many=list(range(100_000)), bad=Bad(), user={"id": 1})
    autotrace.add_fields(late=Bad(), plan="pro")
print("done")
"""


def test_values_of_all_kinds_become_plain_ones(trace: Any) -> None:
    traced = trace(FIELDS)
    assert traced.stdout == "done\n", traced.stderr
    [span] = traced.spans
    fields = span.fields
    assert "none" not in fields
    assert fields["enum"] == 1
    assert fields["text"] == "text"
    assert fields["bad"] == "<Bad>"
    assert fields["nan"] == "NaN"
    assert fields["huge"] == str(10**40)
    assert fields["bytes"] == "abc"
    assert fields["when"] == "2026-01-02"
    assert fields["uuid"].endswith("0005")
    assert fields["decimal"] == "1.50"
    assert (fields["user.id"], fields["user.email"]) == (3, "a@example.com")
    assert fields["user.password"] == "[redacted]"
    assert fields["dotted.name"] == 1
    assert fields["odd"] == 1
    assert fields["<int>"] == "a number for a name"
    assert fields["plan"] == "pro"
    assert fields["many.count"] == 100_000
    assert len(fields["long"]) < 1100
    assert max(map(len, fields)) < 300
    for value in fields.values():
        assert type(value) in (str, int, float, bool, list)
    [(_, event)] = span.events
    assert event["many.count"] == 100_000
    assert event["user.id"] == 1


def test_secrets_are_masked_wherever_they_are_put(trace: Any) -> None:
    traced = trace(
        "import autotrace\n"
        f"with autotrace.span('charge {SECRET}', api_key='hunter2', card='{CARD}') as span:\n"
        f"    span['password'] = {{'nested': 'hunter2'}}\n"
        f"    span['token'] = ['hunter2']\n"
        f"    span['note'] = 'Bearer {SECRET}'\n"
        f"    span.add_event('{SECRET}', secret='hunter2', header={{'authorization': 'hunter2'}})\n"
        f"autotrace.add_fields(session_token='hunter2', card='{CARD}', has_token=True)\n"
        f"@autotrace.span('{SECRET}', password='hunter2')\n"
        "def work(): pass\n"
        "work()\n",
        config='[redact]\nkeys = ["card"]\n',
    )
    text = str([(s.name, s.fields, s.events) for s in traced.spans] + [traced.fields])
    for secret in ("hunter2", "51Hsecret", CARD):
        assert secret not in text
    assert traced.fields["session_token"] == "[redacted]"
    assert traced.spans[0].fields["password"] == "[redacted]"


def test_outside_of_any_span_fields_are_the_jobs(trace: Any) -> None:
    traced = trace(
        "import autotrace\n"
        "autotrace.add_fields(customers=12, plan={'id': 'pro'}, names=['a'])\n"
        "autotrace.add_fields(customers=13)\n"
        "span = autotrace.current_span()\n"
        "span['lost'] = 1\n"
        "span.add_event('lost')\n"
    )
    assert traced.fields == {"customers": 13, "plan.id": "pro", "names": ["a"], "names.count": 1}
    assert traced.events == []


def test_fields_after_the_end_arrive_as_well(trace: Any) -> None:
    traced = trace(
        "import autotrace\n"
        "with autotrace.span('step', a=1) as span: pass\n"
        "span['b'] = 2\n"
        "span.add_fields(password='x')\n"
    )
    [span] = traced.spans
    assert (span.fields["a"], span.fields["b"], span.fields["password"]) == (1, 2, "[redacted]")


def test_names_that_differ_each_time_cost_no_memory_and_are_kept(trace: Any) -> None:
    traced = trace(
        "import autotrace\n"
        "def kib(): return int(open('/proc/self/status').read().partition('RssAnon:')[2].split()[0])\n"
        "for number in range(5000):\n"
        "    with autotrace.span(f'user {number}'): pass\n"
        "before = kib()\n"
        "for number in range(5000, 15_000):\n"
        "    with autotrace.span(f'user {number} ' + 'x' * 200): pass\n"
        "print(kib() - before)\n"
        "with autotrace.span('n' * 100_000): pass\n"
        "with autotrace.span(5): pass\n"
        "with autotrace.span(None): pass\n"
    )
    names = [span.name for span in traced.spans]
    assert names[:5000] == [f"user {number}" for number in range(5000)]
    assert len(set(names[5000:15_000])) == 10_000
    assert len(names[15_000]) < 300
    assert names[15_001:] == ["<int>", "<NoneType>"]
    assert int(traced.stdout) < 1500, "KiB for 10,000 names"


# Off.

# Where it is off, the folder of this checkout's sitecustomize leaves the path.
FIND = f"import sys\nsys.path.append({str(ROOT)!r})\n"

OFF = """
import sys, time
before = set(sys.modules)
import autotrace
assert not autotrace.current_span() and autotrace.current_span().span_id == ""
class Bad:
    def __str__(self): raise RuntimeError
with autotrace.span("block", bad=Bad()) as span:
    assert not span and not autotrace.current_span()
    span["a"] = Bad()
    span[5] = Bad()
    span.add_fields(a=1)
    span.add_event("e", a=Bad())
    autotrace.add_fields(bad=Bad())
@autotrace.span("function")
def work(x): return x
assert work(5) == 5
try:
    with autotrace.span("failing"): raise KeyError("mine")
except KeyError: pass
more = {name for name in set(sys.modules) - before if not name.startswith("autotrace")}
ours = {name for name in sys.modules if name.startswith("autotrace.")}
import json, timeit
def block():
    with autotrace.span("x", a=1): pass
times = {}
for name, call in {"bare": lambda: None, "block": block, "function": lambda: work(1),
                   "fields": lambda: autotrace.add_fields(a=1), "current": autotrace.current_span}.items():
    times[name] = min(timeit.repeat(call, number=2000, repeat=5)) / 2000 * 1e6
print(json.dumps([sorted(more), sorted(ours), times]))
"""


@pytest.mark.parametrize("setting", ["", "0"])
def test_off_they_do_nothing_and_next_to_nothing_is_imported(
    setting: str, tmp_path: Path, run_python: Any
) -> None:
    done = run_python(f"{FIND}{OFF}", {"AUTOTRACE_ENABLED": setting})
    assert (done.returncode, done.stderr) == (0, "")
    more, ours, times = json.loads(done.stdout)
    assert set(more) <= {"_struct", "mmap", "zlib", "_contextvars", "itertools", "__future__"}
    for name in ("autotrace.journal.writer", "autotrace.agent.switch", "autotrace.agent.redact"):
        assert name not in ours
    # Microseconds; the machine may be busy.
    assert max(times.values()) < 25, times


def test_off_and_on_a_program_behaves_the_same(trace: Any) -> None:
    code = FIND + DECORATED + REFUSED
    on, off = trace(code, faults=True), trace(code, env={"AUTOTRACE_ENABLED": "0"})
    assert (on.returncode, on.stdout, on.stderr) == (off.returncode, off.stdout, off.stderr)
    assert off.stdout == "done\ndone\n"


def test_the_names_are_the_documented_ones() -> None:
    code = "import autotrace; print(autotrace.__all__, [getattr(autotrace, n) for n in autotrace.__all__])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    with pytest.raises(subprocess.CalledProcessError):
        subprocess.run(
            [sys.executable, "-c", "import autotrace; autotrace.nothing"],
            cwd=ROOT,
            capture_output=True,
            check=True,
        )
