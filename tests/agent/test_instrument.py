"""The engine: what it wraps can't be told from the original, and no mistake of a hook reaches the program."""

from __future__ import annotations

import asyncio
import functools
import inspect
import pickle
import sys
import traceback
import types
import warnings
from typing import Any

import pytest

from autotrace.agent import instrument, tracer
from autotrace.agent.instrument import wrap


class Recorder:
    """Stands for a span: it notes what the engine does with it."""

    status = 0

    def __init__(self) -> None:
        self.did: list[str] = []

    def begin(self) -> None:
        self.did.append("begin")

    def end(self) -> None:
        self.did.append("end")

    def fail(self, error: BaseException) -> None:
        self.did.append(f"fail {type(error).__name__}")


@pytest.fixture(autouse=True)
def faults(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, BaseException]]:
    found: list[tuple[str, BaseException]] = []
    monkeypatch.setattr(tracer, "_on", True)
    monkeypatch.setattr(instrument, "fault", lambda place, error: found.append((place, error)))
    return found


def plain_hook(span: Any) -> Any:
    def hook(*args: Any, **kwargs: Any) -> Any:
        yield span

    return hook


def documented(
    a: int, b: str = "x", /, c: float = 1.5, *more: int, d: bool = True, **rest: str
) -> str:
    """What it does."""
    return f"{a} {b} {c} {more} {d} {rest}"


SHAPES = [
    lambda: None,
    lambda a: a,
    lambda a, /: a,
    lambda a, b=2, /, c=3: (a, b, c),
    lambda *args: args,
    lambda **kwargs: kwargs,
    lambda *, a, b=1: (a, b),
    lambda a, *args, b, c=4, **kwargs: (a, args, b, c, kwargs),
    lambda a=[], *, b={}: (a, b),
    documented,
]


@pytest.mark.parametrize("function", SHAPES)
def test_introspection_is_as_before(function: Any) -> None:
    wrapped = wrap(function, plain_hook(None), "test")
    assert inspect.signature(wrapped) == inspect.signature(function)
    assert inspect.getfullargspec(wrapped) == inspect.getfullargspec(function)
    assert inspect.signature(wrapped, follow_wrapped=False) == inspect.signature(function)
    assert wrapped.__defaults__ == function.__defaults__
    assert wrapped.__kwdefaults__ == function.__kwdefaults__
    assert wrapped.__annotations__ == function.__annotations__
    for name in ("__name__", "__qualname__", "__module__", "__doc__"):
        assert getattr(wrapped, name) == getattr(function, name)
    assert type(wrapped) is type(function)
    assert inspect.getsource(wrapped) == inspect.getsource(function)
    assert repr(wrapped).partition(" at ")[0] == repr(function).partition(" at ")[0]
    named = function.__code__.co_argcount
    assert wrapped.__code__.co_varnames[:named] == function.__code__.co_varnames[:named]


CALLS: list[tuple[tuple[Any, ...], dict[str, Any]]] = [
    ((), {}),
    ((1,), {}),
    ((1, 2), {}),
    ((1, 2, 3), {}),
    ((), {"a": 1}),
    ((1,), {"b": 2}),
    ((1, 2), {"b": 3, "z": 4}),
    ((), {"a": 1, "b": 2}),
]


def outcome(function: Any, args: Any, kwargs: Any) -> Any:
    try:
        return function(*args, **kwargs)
    except TypeError as error:
        return str(error)


@pytest.mark.parametrize("function", SHAPES)
@pytest.mark.parametrize("call", CALLS)
def test_calls_give_what_they_gave_and_fail_as_they_failed(function: Any, call: Any) -> None:
    wrapped = wrap(function, plain_hook(None), "test")
    assert outcome(wrapped, *call) == outcome(function, *call)


def test_the_span_is_around_the_call() -> None:
    span = Recorder()
    seen = []

    def hook(x: int) -> Any:
        seen.append(("before", x))
        result = yield span
        seen.append(("after", result))

    def double(x: int) -> int:
        span.did.append("call")
        return 2 * x

    assert wrap(double, hook, "test")(4) == 8
    assert span.did == ["begin", "call", "end"]
    assert seen == [("before", 4), ("after", 8)]


def test_an_exception_passes_as_it_was_and_ends_the_span() -> None:
    span = Recorder()
    error = ValueError("no")
    cause = KeyError("why")
    error.__cause__ = cause

    def fails() -> None:
        raise error

    with pytest.raises(ValueError, match="no") as caught:
        wrap(fails, plain_hook(span), "test")()
    assert caught.value is error
    assert error.__cause__ is cause
    assert error.__context__ is None
    assert span.did == ["begin", "fail ValueError", "end"]


def frames(call: Any) -> list[str]:
    try:
        call()
    except Exception as error:
        found = traceback.extract_tb(error.__traceback__)
        if sys.version_info < (
            3,
            11,
        ):  # there a raise brings back the traceback that the handler came by
            found = [frame for frame in found if not frame.filename.startswith("<autotrace ")]
        return [frame.name for frame in found]
    raise AssertionError("nothing was raised")


@pytest.mark.parametrize("handles", [False, True])
def test_no_frame_of_ours_is_in_a_traceback(handles: bool) -> None:
    def inner() -> None:
        raise ValueError("no")

    def outer() -> None:
        inner()

    def hook() -> Any:
        if not handles:
            yield Recorder()
            return
        try:
            yield Recorder()
        except ValueError:
            raise

    bare = frames(outer)
    inner_bare = inner
    inner = wrap(inner_bare, hook, "test")
    assert frames(outer) == bare
    assert frames(wrap(outer, hook, "test")) == bare


@pytest.mark.parametrize("handles", ["swallows", "replaces", "reads"])
def test_a_hook_can_neither_eat_nor_change_an_exception(
    handles: str, faults: list[tuple[str, BaseException]]
) -> None:
    def hook() -> Any:
        try:
            yield Recorder()
        except ValueError as error:
            if handles == "swallows":
                return
            if handles == "replaces":
                raise KeyError("mine") from error
            raise

    def fails() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no") as caught:
        wrap(fails, hook, "test")()
    assert caught.value.__context__ is None
    assert [type(error) for _, error in faults] == ([KeyError] if handles == "replaces" else [])


def bad_before(*args: Any) -> Any:
    raise RuntimeError("before")
    yield


def bad_after(*args: Any) -> Any:
    yield Recorder()
    raise RuntimeError("after")


def bad_span(*args: Any) -> Any:
    yield "no span"


def bad_twice(*args: Any) -> Any:
    yield Recorder()
    yield Recorder()


def bad_plain(*args: Any) -> Any:
    return "no span"


def bad_plain_before(*args: Any) -> Any:
    raise RuntimeError("before")


def bad_arguments() -> Any:
    yield Recorder()


@pytest.mark.parametrize(
    "hook", [bad_before, bad_after, bad_span, bad_plain, bad_plain_before, bad_arguments]
)
def test_a_hooks_mistake_is_swallowed_and_the_call_made_once(
    hook: Any, faults: list[tuple[str, BaseException]]
) -> None:
    calls = []

    def work(x: int) -> int:
        calls.append(x)
        return x + 1

    assert wrap(work, hook, "test")(1) == 2
    assert calls == [1]
    assert len(faults) >= 1
    assert faults[0][0].startswith("test:")


def test_a_hook_that_yields_twice_does_no_harm() -> None:
    assert wrap(lambda x: x, bad_twice, "test")(5) == 5


def test_when_off_nothing_of_the_hook_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracer, "_on", False)
    assert wrap(lambda x: x, bad_before, "test")(5) == 5


def test_coroutine_functions_stay_such() -> None:
    span = Recorder()

    async def work(x: int) -> int:
        await asyncio.sleep(0)
        span.did.append("call")
        if x < 0:
            raise ValueError("no")
        return x

    wrapped = wrap(work, plain_hook(span), "test")
    assert inspect.iscoroutinefunction(wrapped)
    assert asyncio.run(wrapped(3)) == 3
    assert span.did == ["begin", "call", "end"]
    with pytest.raises(ValueError, match="no"):
        asyncio.run(wrapped(-1))


def test_a_cancelled_coroutine_ends_its_span() -> None:
    span = Recorder()

    async def work() -> None:
        await asyncio.sleep(60)

    async def main() -> None:
        task = asyncio.ensure_future(wrap(work, plain_hook(span), "test")())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert span.did == ["begin", "fail CancelledError", "end"]


def test_generators_are_refused() -> None:
    def work() -> Any:
        yield 1

    with pytest.raises(TypeError, match="generator"):
        wrap(work, plain_hook(None), "test")


def test_methods_of_all_kinds_are_wrapped_in_place() -> None:
    module = types.ModuleType("fake")

    class Thing:
        def method(self, x: int) -> Any:
            return self, x

        @staticmethod
        def static(x: int) -> int:
            return x

        @classmethod
        def of_class(cls, x: int) -> Any:
            return cls, x

        def __private(self) -> int:
            return 7

        def call_private(self) -> int:
            return self.__private()

    class Heir(Thing):
        pass

    module.Thing = Thing  # type: ignore[attr-defined]
    seen = []

    def hook(*args: Any) -> Any:
        seen.append(args[-1])
        yield None

    for path in ("Thing.method", "Thing.static", "Thing.of_class", "Thing.__private"):
        instrument._apply(module, instrument.Target(f"fake:{path}", "test", hook, False))
    heir = Heir()
    assert heir.method(1) == (heir, 1)
    assert Heir.static(2) == 2
    assert Heir.of_class(3) == (Heir, 3)
    assert heir.call_private() == 7
    assert isinstance(vars(Thing)["static"], staticmethod)
    assert isinstance(vars(Thing)["of_class"], classmethod)
    assert seen == [1, 2, 3, heir]


def test_a_missing_target_is_named_as_such() -> None:
    module = types.ModuleType("fake")
    for path in ("nothing", "No.thing", "no.such.thing"):
        target = instrument.Target(f"fake:{path}", "test", plain_hook(None), False)
        instrument._apply(module, target)
        assert target.state == "missing"


def test_what_is_wrapped_is_not_wrapped_again() -> None:
    once = wrap(documented, plain_hook(None), "test")
    assert wrap(once, plain_hook(None), "test") is once


pickled = documented


def test_it_is_pickled_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    wrapped = wrap(documented, plain_hook(None), "test")
    monkeypatch.setattr(sys.modules[__name__], "documented", wrapped)
    assert pickle.loads(pickle.dumps(wrapped)) is wrapped


def test_singledispatch_and_partial_take_it() -> None:
    dispatched = functools.singledispatch(wrap(lambda x: "any", plain_hook(None), "test"))
    dispatched.register(int, wrap(lambda x: "int", plain_hook(None), "test"))
    assert dispatched(1) == "int"
    assert dispatched("") == "any"
    assert functools.partial(wrap(documented, plain_hook(None), "test"), 1)("y").startswith("1 y")


def test_warnings_name_the_place_that_they_named(recwarn: pytest.WarningsRecorder) -> None:
    def old(level: int) -> None:
        warnings.warn("old", DeprecationWarning, stacklevel=level)

    def places(function: Any) -> list[tuple[str, int]]:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            for level in (1, 2, 3):
                function(level)
        return [(warning.filename, warning.lineno) for warning in caught]

    wrapped = wrap(old, plain_hook(Recorder()), "test")
    assert places(wrapped) == places(old)


def test_a_program_near_its_recursion_limit_is_unharmed() -> None:
    def deep(n: int) -> int:
        return 0 if n == 0 else 1 + again(n - 1)

    again = wrap(deep, plain_hook(Recorder()), "test")
    limit = sys.getrecursionlimit()
    assert again(limit // 4) == limit // 4
    with pytest.raises(RecursionError):
        again(limit * 2)


def test_what_is_written_in_c_is_wrapped_by_a_proxy() -> None:
    span = Recorder()
    wrapped = wrap(len, plain_hook(span), "test")
    assert wrapped("abc") == 3
    assert span.did == ["begin", "end"]
    assert isinstance(wrapped, types.BuiltinFunctionType)
    assert repr(wrapped) == repr(len)
    assert inspect.signature(wrapped) == inspect.signature(len)
    with pytest.raises(TypeError, match=r"len\(\) takes exactly one argument"):
        wrapped()
    assert span.did[2:] == ["begin", "fail TypeError", "end"]


def test_a_proxy_binds_as_the_original_does() -> None:
    class Adder:
        def __call__(self, x: int) -> int:
            return x + 1

    class Thing:
        add = Adder()
        join = str.join

    seen = []

    def hook(*args: Any) -> Any:
        seen.append(args)
        yield None

    Thing.add = wrap(Thing.add, hook, "test")
    assert Thing().add(1) == 2
    heir = type("Heir", (str,), {"join": wrap(str.join, hook, "test")})(",")
    assert heir.join(["a", "b"]) == "a,b"
    assert seen == [(1,), (heir, ["a", "b"])]


def test_a_plain_hook_and_what_comes_after() -> None:
    span = Recorder()
    seen = []

    def after(*args: Any) -> None:
        seen.append(args)

    def work(x: int, *, y: int = 2) -> int:
        span.did.append("call")
        return x + y

    wrapped = wrap(
        work, lambda x, *, y: span if x else None, "test", after=lambda *a, **k: after(*a, k)
    )
    assert wrapped(5) == 7
    assert span.did == ["begin", "call", "end"]
    assert seen == [(span, 7, 5, {"y": 2})]
    assert wrapped(0) == 2
    assert len(seen) == 1
    assert inspect.signature(wrapped) == inspect.signature(work)


def test_a_mistake_after_a_plain_hook_is_swallowed(
    faults: list[tuple[str, BaseException]],
) -> None:
    span = Recorder()

    def after(*args: Any) -> None:
        raise RuntimeError("after")

    assert wrap(lambda x: x, lambda x: span, "test", after=after)(5) == 5
    assert span.did == ["begin", "end"]
    assert [str(error) for _, error in faults] == ["after"]


def test_an_exception_passes_a_plain_hook_as_it_was() -> None:
    span = Recorder()

    def fails(x: int) -> None:
        raise ValueError("no")

    def bare() -> None:
        fails(1)

    expected = frames(bare)
    wrapped = wrap(fails, lambda x: span, "test")
    assert frames(lambda: wrapped(1))[-1] == expected[-1]
    assert len(frames(lambda: wrapped(1))) == len(expected)
    assert span.did[:3] == ["begin", "fail ValueError", "end"]
