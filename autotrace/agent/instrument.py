"""The engine around a library's functions: it calls them, times them, and swallows an instrumentation's own mistakes.

An instrumentation is a file of hooks:

    @around("pymysql.cursors:Cursor.execute")
    def execute(cursor, query, args=None):
        span = statement(query, …)      # before the call; None: no span for this one
        rows = yield span               # the call happens here
        span["db.response.returned_rows"] = rows

A hook takes what the function takes. What it yields is begun before the call and ended after it, also when the call
raises; the same hook serves a coroutine function. It can neither forget to call, nor call twice, nor change the
result, nor eat the exception: the engine alone does that.

Where each microsecond counts a hook may be a plain function that returns the span, with `after` as a second one:

    @around("pymysql.cursors:Cursor.execute", after=executed)
    def execute(cursor, query, args=None):
        return statement(query, …)

    def executed(span, rows, cursor, query, args=None): …
"""

from __future__ import annotations

import sys

from autotrace.agent import tracer
from autotrace.agent.callers import HIDDEN, hide
from autotrace.agent.tracer import Span, fault
from autotrace.journal.format import STATUS_MASK

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from types import CodeType
    from typing import Any

    Hook = Callable[..., "Generator[Span | None, Any, None]"]

CO_VARARGS = 0x04
CO_VARKEYWORDS = 0x08
CO_GENERATOR = 0x20
CO_COROUTINE = 0x80
CO_ASYNC_GENERATOR = 0x200

targets: dict[str, list[Target]] = {}
"""What is to be wrapped once the module of that name has been imported."""


class Target:
    """A function to wrap: `path` within `module`, the hook, and how it went.

    `state` is "waiting", "hooked", "missing" (the module has no such thing) or "failed".
    """

    __slots__ = ("after", "hook", "module", "optional", "path", "replace", "scope", "state")

    def __init__(
        self,
        target: str,
        scope: str,
        hook: Any,
        optional: bool,
        replace: bool = False,
        after: Any = None,
    ) -> None:
        self.after = after
        self.module, _, self.path = target.partition(":")
        self.scope = scope
        self.hook = hook
        self.optional = optional
        self.replace = replace
        self.state = "waiting"


def around(
    *names: str, optional: bool = False, after: Callable[..., None] | None = None
) -> Callable[[Hook], Hook]:
    """Wrap the functions named `module:Class.method` or `module:function` with the decorated hook.

    `after` is for a hook that is no generator: called as `after(span, result, *arguments)` before the span's end.

    Where a module does not have it, that is reported by `autotrace doctor`, unless `optional` (another version's).
    """
    scope = _scope()

    def register(hook: Hook) -> Hook:
        for name in names:
            target = Target(name, scope, hook, optional, after=after)
            targets.setdefault(target.module, []).append(target)
        return hook

    return register


def replace(name: str, optional: bool = False) -> Callable[[Any], Any]:
    """Put what the decorated function makes of `module:attribute` in its place.

    For what `around` can't wrap: types written in C, of which it makes a subclass. The function is given the
    original and returns the replacement (or the original, to leave it).
    """
    scope = _scope()

    def register(make: Any) -> Any:
        target = Target(name, scope, make, optional, replace=True)
        targets.setdefault(target.module, []).append(target)
        return make

    return register


def _scope() -> str:
    name: str = sys._getframe(2).f_globals.get("__name__", "")
    return name.rsplit(".", 1)[-1]


def is_hooked(name: str) -> bool:
    """Whether something in a module of this name (or, for a driver's, in its package) was wrapped."""
    package = name.partition(".")[0]
    known = _hooked.get(package)
    if known is None:
        known = _hooked[package] = any(
            target.state == "hooked"
            for module, waiting in targets.items()
            if module.partition(".")[0] == package
            for target in waiting
        )
    return known


_hooked: dict[str, bool] = {}


def apply(module: Any, name: str) -> None:
    """Wrap all that is waiting for module `name`, which has been imported. Never raises."""
    for target in targets.get(name, ()):
        try:
            _apply(module, target)
        except Exception as error:
            target.state = "failed"
            fault(f"{target.module}:{target.path}", error)


def _apply(module: Any, target: Target) -> None:
    owner = module
    *outer, last = target.path.split(".")
    for part in outer:
        owner = getattr(owner, part, None)
    if last.startswith("__") and not last.endswith("__") and outer:
        last = f"_{outer[-1].lstrip('_')}{last}"
    original = None if owner is None else vars(owner).get(last)
    if original is None:
        target.state = "missing"
        return
    if target.replace:
        replacement = target.hook(original)
    elif isinstance(original, staticmethod):
        replacement = staticmethod(
            wrap(original.__func__, target.hook, target.scope, after=target.after)
        )
    elif isinstance(original, classmethod):
        replacement = classmethod(
            wrap(original.__func__, target.hook, target.scope, after=target.after)
        )
    else:
        replacement = wrap(original, target.hook, target.scope, after=target.after)
    if replacement is not original:
        setattr(owner, last, replacement)
    target.state = "hooked"


def wrap(function: Any, hook: Any, scope: str, once: bool = True, after: Any = None) -> Any:
    """A function that can't be told from `function` and runs the hook around it.

    It is compiled with the same parameters, so that signature, argument errors and introspection stay as they were,
    and so that no tuple and dict of arguments is made for each call. What is wrapped already is returned as it is,
    unless not `once`.
    """
    if once and getattr(function, "__autotrace__", False):
        return function
    code: CodeType | None = getattr(function, "__code__", None)
    flags = code.co_flags if code is not None else 0
    if flags & CO_ASYNC_GENERATOR or (flags & CO_GENERATOR and not flags & CO_COROUTINE):
        raise TypeError("a generator function can't be wrapped by around()")
    where = f"{scope}:{getattr(function, '__qualname__', '?')}"
    if code is None:
        return _proxy(function, hook if _is_generator(hook) else _as_generator(hook, after), where)
    generator = _is_generator(hook)
    made = _compile(code, bool(flags & CO_COROUTINE), generator)
    take = next if generator else after or _nothing
    wrapper = made(function, hook, where, tracer, take, fault, failed, abandon)
    for name in ("__module__", "__name__", "__qualname__", "__doc__"):
        setattr(wrapper, name, getattr(function, name))
    wrapper.__defaults__ = function.__defaults__
    wrapper.__kwdefaults__ = function.__kwdefaults__
    # Annotations are evaluated lazily from 3.14 on: reading them here could raise or import.
    if sys.version_info >= (3, 14):
        wrapper.__annotate__ = function.__annotate__
    else:
        wrapper.__annotations__ = function.__annotations__
    wrapper.__dict__.update(function.__dict__)
    wrapper.__wrapped__ = function
    wrapper.__autotrace__ = True
    return wrapper


def _proxy(function: Any, hook: Hook, where: str) -> Any:
    """What is callable and no Python function (written in C, or an object with `__call__`) behind a proxy.

    It passes for the original in `isinstance`, `repr` and `inspect`, and binds to instances as that does.
    """
    # Costly to import, and seldom needed.
    from wrapt import FunctionWrapper

    call = _compile(None, False, True)

    def around_call(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        before = args if instance is None else (instance, *args)

        def bound_hook(*_: Any, **__: Any) -> Any:
            return hook(*before, **kwargs)

        return call(wrapped, bound_hook, where, tracer, next, fault, failed, abandon)(
            *args, **kwargs
        )

    class Proxy(FunctionWrapper):  # type: ignore[misc, type-arg, unused-ignore]
        def __repr__(self) -> str:
            return repr(self.__wrapped__)

    return Proxy(function, hide(around_call))


_SOURCE = """\
def make(_at_function, _at_hook, _at_where, _at_tracer, _at_next, _at_fault, _at_failed, _at_abandon):
    {kind}def wrapper({parameters}):
        if not _at_tracer._on:
            return {call}
        _at_span = _at_generator = None
        try:
            _at_generator = _at_hook({arguments})
            _at_span = _at_next(_at_generator)
            if _at_span is not None:
                _at_span.begin()
        except Exception as _at_error:
            _at_fault(_at_where, _at_error)
            _at_abandon(_at_span)
            _at_span = _at_generator = None
        try:
            _at_result = {call}
        except BaseException as _at_error:
            _at_failed(_at_generator, _at_span, _at_where, _at_error)
            # Our frame leaves the traceback: the bare raise does not put it back.
            _at_error.__traceback__ = _at_error.__traceback__.tb_next
            raise
        try:
            try:
                if _at_generator is not None:
                    _at_generator.send(_at_result)
            except StopIteration:
                pass
            finally:
                if _at_span is not None:
                    _at_span.end()
        except Exception as _at_error:
            _at_fault(_at_where, _at_error)
        return _at_result
    return wrapper
"""


def abandon(span: Any) -> None:
    """A span that could not be begun: whatever became of it, it must not stay the current one. Never raises."""
    try:
        if type(span) is Span and span.token is not None:
            span.end()
    except Exception as error:
        fault("abandon", error)


_PLAIN_SOURCE = """\
def make(_at_function, _at_hook, _at_where, _at_tracer, _at_after, _at_fault, _at_failed, _at_abandon):
    {kind}def wrapper({parameters}):
        if not _at_tracer._on:
            return {call}
        _at_span = None
        try:
            _at_span = _at_hook({arguments})
            if _at_span is not None:
                _at_span.begin()
        except Exception as _at_error:
            _at_fault(_at_where, _at_error)
            _at_abandon(_at_span)
            _at_span = None
        try:
            _at_result = {call}
        except BaseException as _at_error:
            _at_failed(None, _at_span, _at_where, _at_error)
            _at_error.__traceback__ = _at_error.__traceback__.tb_next
            raise
        if _at_span is not None:
            try:
                try:
                    _at_after(_at_span, _at_result, {arguments})
                finally:
                    _at_span.end()
            except Exception as _at_error:
                _at_fault(_at_where, _at_error)
        return _at_result
    return wrapper
"""


def _nothing(span: Span, result: Any, *args: Any, **kwargs: Any) -> None:
    """There is nothing to do after the call."""


def _as_generator(hook: Any, after: Any) -> Hook:
    """The same hook as a generator."""

    def both(*args: Any, **kwargs: Any) -> Generator[Span | None, Any, None]:
        span = hook(*args, **kwargs)
        result = yield span
        if span is not None and after is not None:
            after(span, result, *args, **kwargs)

    return both


def _is_generator(hook: Any) -> bool:
    """Whether a hook is a generator function; also one that another function of ours has bound."""
    code = getattr(hook, "__code__", None)
    return code is None or bool(code.co_flags & CO_GENERATOR)


def failed(generator: Any, span: Span | None, where: str, error: BaseException) -> None:
    """The wrapped call raised: let the hook see it, note it, end the span. Never raises."""
    trace, context = error.__traceback__, error.__context__
    try:
        if generator is not None:
            generator.throw(error)
    except BaseException as other:
        if other is not error and not isinstance(other, StopIteration):
            fault(where, other)
    # Throwing adds the hook's frames.
    error.__traceback__ = trace
    error.__context__ = context
    try:
        if span is not None:
            try:
                if not span.status & STATUS_MASK:
                    span.fail(error)
            finally:
                span.end()
    except Exception as other:
        fault(where, other)


def _parameters(code: CodeType | None) -> tuple[str, str]:
    """A function's parameter list, and the arguments that hand all of them on."""
    if code is None:
        return "*args, **kwargs", "*args, **kwargs"
    names = list(code.co_varnames)
    positional = names[: code.co_argcount]
    only = names[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
    stars = names[code.co_argcount + code.co_kwonlyargcount :]
    parameters: list[str] = list(positional)
    arguments: list[str] = list(positional)
    if code.co_posonlyargcount:
        parameters.insert(code.co_posonlyargcount, "/")
    if code.co_flags & CO_VARARGS:
        star = f"*{stars.pop(0)}"
        parameters.append(star)
        arguments.append(star)
    elif only:
        parameters.append("*")
    parameters += only
    arguments += [f"{name}={name}" for name in only]
    if code.co_flags & CO_VARKEYWORDS:
        star = f"**{stars.pop(0)}"
        parameters.append(star)
        arguments.append(star)
    return ", ".join(parameters), ", ".join(arguments)


_compiled: dict[tuple[str, bool, bool], Any] = {}


def _compile(code: CodeType | None, is_async: bool, generator: bool) -> Any:
    """The maker of wrappers for functions of this signature, and for hooks that are generators or plain."""
    parameters, arguments = _parameters(code)
    made = _compiled.get((parameters, is_async, generator))
    if made is None:
        call = f"_at_function({arguments})"
        source = (_SOURCE if generator else _PLAIN_SOURCE).format(
            kind="async " if is_async else "",
            parameters=parameters,
            arguments=arguments,
            call=f"await {call}" if is_async else call,
        )
        namespace: dict[str, Any] = {}
        exec(compile(source, HIDDEN, "exec"), namespace)
        made = _compiled[parameters, is_async, generator] = namespace["make"]
    return made
