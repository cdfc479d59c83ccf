"""Spans: which is whose parent, in threads, tasks, generators and copied contexts; what a journal gets of them."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from autotrace.agent import tracer


def tree(traced: Any) -> Any:
    """The spans' names, each with those below it, in the order of their starts."""
    assert traced.returncode == 0, traced.stderr
    assert all(span.ended for span in traced.spans)

    def below(spans: Any) -> Any:
        return [[span.name, *below(span.children)] for span in spans]

    return below(traced.roots())


def test_a_thread_begins_outside_of_any_span(trace: Any) -> None:
    traced = trace(
        "import threading, autotrace\n"
        "def work():\n"
        "    assert not autotrace.current_span()\n"
        "    with autotrace.span('work'):\n"
        "        with autotrace.span('below'): pass\n"
        "with autotrace.span('main'):\n"
        "    threads = [threading.Thread(target=work) for _ in range(8)]\n"
        "    for thread in threads: thread.start()\n"
        "    for thread in threads: thread.join()\n"
        "    with autotrace.span('after'): pass\n"
    )
    assert sorted(tree(traced)) == [["main", ["after"]], *[["work", ["below"]]] * 8]
    assert {span.thread for span in traced.named("main") + traced.named("after")} == {0}
    for work in traced.named("work"):
        assert work.thread == work.children[0].thread != 0


def test_each_thread_is_named_also_where_the_kernel_gives_an_ident_again(trace: Any) -> None:
    traced = trace(
        "import threading, autotrace\n"
        "def work(): autotrace.span('work').__enter__().__class__\n"
        "def work():\n"
        "    with autotrace.span('work'): pass\n"
        "for number in range(20):\n"
        "    thread = threading.Thread(target=work, name=f'worker {number}')\n"
        "    thread.start(); thread.join()\n"
        "from autotrace.agent import tracer\n"
        "print(len(tracer._threads))\n"
    )
    assert len({span.thread for span in traced.spans}) == 20
    assert int(traced.stdout) <= 20


ASYNC = """
import asyncio, autotrace
async def leaf(name, pause):
    with autotrace.span(name):
        await asyncio.sleep(pause)
        with autotrace.span(name + " end"): pass
async def main():
    with autotrace.span("main"):
        await asyncio.gather(leaf("a", 0.03), leaf("b", 0.01), leaf("c", 0.02))
        task = asyncio.create_task(leaf("outlives", 0.05))
        await asyncio.sleep(0)
    with autotrace.span("second"):
        await task
    assert not autotrace.current_span()
asyncio.run(main())
"""


def test_tasks_have_the_span_in_which_they_were_made_above_them(trace: Any) -> None:
    [main, second] = tree(trace(ASYNC))
    assert main[0] == "main"
    assert sorted(main[1:]) == [
        ["a", ["a end"]],
        ["b", ["b end"]],
        ["c", ["c end"]],
        ["outlives", ["outlives end"]],
    ]
    assert second == ["second"]


GENERATORS = """
import autotrace, contextlib
def numbers(name):
    with autotrace.span(name):
        yield 1
        yield 2
def mark(name):
    with autotrace.span(name): pass
a, b = numbers("a"), numbers("b")
next(a); next(b)
list(a)          # ended out of order: the one that began first
mark("between")
list(b)
mark("after")
with autotrace.span("outer"):
    left = numbers("left")
    next(left)
mark("outer is over")
left.close()
mark("last")
abandoned = numbers("abandoned")
next(abandoned)
del abandoned
mark("end")
assert not autotrace.current_span(), autotrace.current_span().span_id
"""


def test_generators_that_are_suspended_in_a_span(trace: Any) -> None:
    traced = trace(GENERATORS)
    assert traced.returncode == 0, traced.stderr
    assert all(span.ended for span in traced.spans)
    assert {span.status for span in traced.spans} == {"unset"}
    parents = {span.name: span.parent and span.parent.name for span in traced.spans}
    # While a generator is suspended in its block, its span goes on being the current one.
    assert parents["b"] == "a"
    assert parents["left"] == "outer"
    for name in ("a", "outer", "abandoned", "after", "last", "end", "outer is over"):
        assert parents[name] is None, (name, parents)


CONTEXTS = """
import autotrace, contextvars, threading
from autotrace.agent import tracer
def mark(name):
    with autotrace.span(name): pass
with autotrace.span("outer"):
    copied = contextvars.copy_context()
    open_one = autotrace.span("left open")
    open_one.__enter__()
copied.run(mark, "in a copy")
def end_elsewhere():
    open_one.__exit__(None, None, None)
    mark("elsewhere")
thread = threading.Thread(target=contextvars.Context().run, args=(end_elsewhere,))
thread.start(); thread.join()
def begin(span): span.__enter__()
def finish(span):
    span.__exit__(None, None, None)
    assert not autotrace.current_span()
here, there = contextvars.Context(), contextvars.Context()
moving = autotrace.span("moving")
here.run(begin, moving)
there.run(finish, moving)
contextvars.Context().run(mark, "clean")
"""


def test_contexts_that_are_copied_and_spans_that_end_in_another(trace: Any) -> None:
    traced = trace(CONTEXTS)
    assert traced.returncode == 0, traced.stderr
    assert all(span.ended for span in traced.spans)
    parents = {span.name: span.parent and span.parent.name for span in traced.spans}
    assert parents == {
        "outer": None,
        "left open": "outer",
        "in a copy": "outer",
        "elsewhere": None,
        "moving": None,
        "clean": None,
    }


DIRECT = """
from autotrace.agent.tracer import Site, Span, process_event, process_fields
site = Site("step", "client", "test", {"constant": 1, "none": None, "odd": object()})
class Text(str): pass
class Number(int): pass
"""


def test_fields_events_status_and_what_comes_late(trace: Any) -> None:
    traced = trace(
        DIRECT + "span = Span(site, {'at start': 1, 'list': [1, 'a'], 'mixed': [1, object()]})\n"
        "span.begin()\n"
        "span['text'] = Text('text')\n"
        "span['number'] = Number(5)\n"
        "span['dict'] = {'a': 1}\n"
        "span['none'] = None\n"
        "span['bytes'] = b'x'\n"
        "span['complex'] = 1j\n"
        "span.update({'tuple': (1, 2), 'nested': [[1]]})\n"
        "span.event('one', {'a': 1, 'odd': object()})\n"
        "span.set_error('503', 'no service')\n"
        "span.end()\n"
        "span.end()\n"
        "span.event('late', {})\n"
        "span.late({'rows': 5, 'odd': {}})\n"
        "span.rows(70_000)\n"
        "process_event('of the process', {'a': 1})\n"
        "process_fields({'b': 2})\n"
    )
    [span] = traced.spans
    assert span.status == "error"
    assert span.fields == {
        "constant": 1,
        "odd": "<dict>",
        "at start": 1,
        "list": [1, "a"],
        "mixed": [1, "<object>"],
        "text": "text",
        "number": 5,
        "dict": "<dict>",
        "bytes": "<bytes>",
        "complex": "<complex>",
        "tuple": [1, 2],
        "nested": ["<list>"],
        "error.type": "503",
        "autotrace.status_message": "no service",
        "rows": 5,
        "db.response.returned_rows": 70_000,
    }
    assert span.events == [("one", {"a": 1, "odd": "<object>"}), ("late", {})]
    assert traced.events == [("of the process", {"a": 1})]
    assert traced.fields == {"b": 2}


def test_rows_are_counted_in_the_end_record_or_beside_it(trace: Any) -> None:
    traced = trace(
        DIRECT + "for rows in (0, 7, 65_535, 65_536, -1, None, 1.5, True):\n"
        "    for method in ('returned_rows', 'affected_rows'):\n"
        "        span = Span(site)\n"
        "        span.begin_leaf()\n"
        "        getattr(span, method)(rows)\n"
        "        span.end()\n"
    )
    found = [
        (
            span.fields.get("db.response.returned_rows"),
            span.fields.get("db.response.affected_rows"),
        )
        for span in traced.spans
    ]
    known = [0, 7, 65_535, 65_536]
    expected = [pair for rows in known for pair in ((rows, None), (None, rows))]
    assert found == [*expected, *[(None, None)] * 8]


def test_a_leaf_is_nobodys_parent_and_a_restart_is_a_sibling(trace: Any) -> None:
    traced = trace(
        DIRECT + "import autotrace, time\n"
        "with autotrace.span('outer'):\n"
        "    span = Span(site)\n"
        "    span.begin_leaf()\n"
        "    with autotrace.span('beside'): pass\n"
        "    span.end()\n"
        "    span = Span(site, {'try': 0})\n"
        "    span.begin()\n"
        "    ended = time.monotonic_ns()\n"
        "    time.sleep(0.02)\n"
        "    span.set_error('x')\n"
        "    span.restart(ended, {'try': 1})\n"
        "    with autotrace.span('below'): pass\n"
        "    span.end()\n"
    )
    assert tree(traced) == [["outer", ["step"], ["beside"], ["step"], ["step", ["below"]]]]
    first, second = traced.named("step")[1:]
    assert (first.status, first.fields["try"], first.fields["error.type"]) == ("error", 0, "x")
    assert (second.status, second.fields["try"]) == ("unset", 1)
    assert "error.type" not in second.fields
    assert first.duration < 20_000_000
    assert second.start - first.start - first.duration >= 20_000_000


def test_what_is_too_large_for_a_record_is_left_out_and_said(trace: Any) -> None:
    traced = trace(
        DIRECT + "span = Span(site, {'a': 'x' * 300_000, 'b': 1})\n"
        "span.begin(); span['c'] = 'y' * 100_000; span.end()\n"
        "span = Span(Site('large', 'client', 'test', {'a': 'x' * 300_000}))\n"
        "span.begin(); span['d'] = list(range(100_000)); span.end()\n"
    )
    first, second = traced.spans
    assert first.fields["autotrace.fields_dropped"] == 2
    assert len(first.fields["c"]) == 100_000
    assert second.name == "large"
    assert second.fields["autotrace.fields_dropped"] == 1
    assert "d" not in second.fields


def test_deep_recursion_leaves_no_span_open(trace: Any) -> None:
    traced = trace(
        "import autotrace\n"
        "def deep():\n"
        "    with autotrace.span('deep'):\n"
        "        deep()\n"
        "@autotrace.span('decorated')\n"
        "def again(): again()\n"
        "for function in (deep, again):\n"
        "    try: function()\n"
        "    except RecursionError: pass\n"
        "    else: raise AssertionError\n"
        "    assert not autotrace.current_span()\n"
        "with autotrace.span('after'): pass\n",
        faults=True,
    )
    assert traced.returncode == 0, traced.stderr
    assert len(traced.named("deep")) > 100
    assert len(traced.named("decorated")) > 100
    assert [span.name for span in traced.spans if not span.ended] == []
    assert traced.named("after")[0].parent is None


def test_a_hundred_thousand_spans_take_no_memory(trace: Any) -> None:
    traced = trace(
        "import autotrace\n"
        "def kib(): return int(open('/proc/self/status').read().partition('VmRSS:')[2].split()[0])\n"
        "def work(number):\n"
        "    for each in range(number):\n"
        "        with autotrace.span('outer', number=each):\n"
        "            with autotrace.span('inner'): pass\n"
        "work(100)\n"
        "before = kib()\n"
        "work(50_000)\n"
        "print(kib() - before)\n"
    )
    assert len(traced.spans) == 100_200
    assert all(span.ended for span in traced.spans)
    assert traced.dropped == 0
    assert [span.fields["number"] for span in traced.named("outer")[-50_000:]] == [*range(50_000)]
    assert int(traced.stdout) <= 4096, "KiB"


def test_an_exception_is_written_with_the_innermost_and_marks_all(trace: Any) -> None:
    traced = trace(
        "import autotrace\n"
        "def fail():\n"
        "    with autotrace.span('c'):\n"
        "        raise ValueError('first')\n"
        "try:\n"
        "    with autotrace.span('a'):\n"
        "        try:\n"
        "            with autotrace.span('b'): fail()\n"
        "        except ValueError as error:\n"
        "            raise KeyError('second') from error\n"
        "except KeyError: pass\n"
    )
    a, b, c = (traced.named(name)[0] for name in "abc")
    assert [span.fields["error.type"] for span in (a, b, c)] == [
        "KeyError",
        "ValueError",
        "ValueError",
    ]
    assert [len(span.events) for span in (a, b, c)] == [1, 0, 1]
    assert c.fields["autotrace.status_message"] == "first"


scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary(), st.just(1j)
)
values = st.one_of(
    scalars, st.lists(st.one_of(scalars, st.just([1])), max_size=4), st.just({"a": 1})
)


@given(st.dictionaries(st.text(), values))
def test_of_any_fields_a_record_holds_plain_values_alone(fields: dict[str, Any]) -> None:
    from marshal import loads

    before = dict(fields)
    held = loads(tracer.tail_of(fields))
    assert fields.keys() == before.keys()
    assert held.keys() == {name for name, value in fields.items() if value is not None} or all(
        value is not None for value in fields.values()
    )
    for name, value in held.items():
        if type(value) is list:
            assert all(type(item) in (str, int, float, bool) for item in value)
        else:
            assert type(value) in (str, int, float, bool)
            if type(fields[name]) is type(value):
                assert fields[name] == value or value != value


def test_swallowed_errors_are_all_counted_and_each_place_written_once(trace: Any) -> None:
    traced = trace(
        "from autotrace.agent import fault\n"
        "class Bad(Exception):\n"
        "    def __str__(self): raise RuntimeError\n"
        "for number in range(300):\n"
        "    try: raise ValueError(number)\n"
        "    except ValueError as error: fault(f'place {number % 150}', error)\n"
        "fault('bad', Bad())\n",
        faults=True,
    )
    assert traced.returncode == 0, traced.stderr
    assert traced.fault_count == 301
    assert len(traced.faults) == 100
    place, text = traced.faults[0]
    assert place == "place 0"
    assert "ValueError: 0" in text
    assert "job.py:5 in <module>" in text
