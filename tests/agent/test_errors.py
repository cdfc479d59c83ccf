"""Exceptions as fields: redacted, bounded, without our frames, and whatever the exception's class does."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotrace.agent import errors, switch
from autotrace.agent.callers import HIDDEN
from autotrace.agent.redact import Redactor

SECRET = "sk_live_51HsecretHsecretHsecret"


@pytest.fixture(autouse=True)
def _redactor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(switch, "_redactor", Redactor())


def raised(make: Any) -> BaseException:
    try:
        make()
    except BaseException as error:
        return error
    raise AssertionError("nothing was raised")


def fail(error: BaseException) -> None:
    raise error


def test_the_type_is_named_with_its_module_unless_built_in() -> None:
    class Local(Exception):
        pass

    assert errors.type_name(ValueError()) == "ValueError"
    name = "test_the_type_is_named_with_its_module_unless_built_in.<locals>.Local"
    assert errors.type_name(Local()) == f"{__name__}.{name}"
    Local.__module__ = "__main__"
    assert errors.type_name(Local()) == name


@pytest.mark.parametrize("before", [0, 10, 990, 1000, 1010, 1020, 4000, 4080, 4090, 5000])
def test_messages_are_redacted_before_they_are_cut(before: int) -> None:
    found = errors.message(ValueError("x" * before + " " + SECRET + " " + "y" * 5000))
    assert "51H" not in found
    assert "Hsecret" not in found
    assert len(found) <= 1024
    assert found.endswith(" more)")
    card = errors.message(ValueError("x" * before + " 4242 4242 4242 4242"))
    assert "4242 4242" not in card


@given(st.text())
def test_a_short_message_without_secrets_is_kept_as_it_is(text: str) -> None:
    if "://" in text or any(ord(character) > 0xD7FF for character in text) or len(text) > 5:
        text = text.encode("ascii", "ignore").decode()[:5]
    assert errors.message(ValueError(text)) == text


class Text(str):
    __slots__ = ()

    def __str__(self) -> str:
        raise RuntimeError("no")

    __repr__ = __getitem__ = __len__ = __str__  # type: ignore[assignment]


class NoText(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no")


class WrongText(Exception):
    def __str__(self) -> Any:
        return 5


class OddText(Exception):
    def __str__(self) -> str:
        return Text("odd")


class Meta(type):
    def __getattribute__(cls, name: str) -> Any:
        raise RuntimeError(name)


class NoName(Exception, metaclass=Meta):
    pass


class NoAttributes(Exception):
    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError(name)


@pytest.mark.parametrize(
    ("make", "kind", "message"),
    [
        (NoText, f"{__name__}.NoText", "<its text could not be had>"),
        (WrongText, f"{__name__}.WrongText", "<its text could not be had>"),
        (OddText, f"{__name__}.OddText", "odd"),
        (lambda: NoName("a"), "unknown", ""),
        (lambda: NoAttributes("a"), "unknown", ""),
    ],
)
def test_hostile_classes_are_survived(make: Any, kind: str, message: str) -> None:
    fields = errors.exception_fields(make())
    assert fields["exception.type"] == kind
    assert fields["exception.message"] == message
    assert type(fields["exception.message"]) is str


def test_the_traceback_names_places_and_no_source_lines() -> None:
    def inner() -> None:
        fail(ValueError("no"))  # a source line that may hold secrets

    text = errors.stacktrace(raised(inner))
    lines = text.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[-1] == "ValueError: no"
    assert [line.rpartition(" ")[2] for line in lines[1:-1]] == ["raised", "inner", "fail"]
    assert "source line" not in text
    assert f'File "{__file__}", line ' in lines[1]


def test_frames_of_ours_are_left_out() -> None:
    namespace: dict[str, Any] = {"fail": fail}
    exec(compile("def wrapper():\n    fail(ValueError('x'))\n", HIDDEN, "exec"), namespace)
    text = errors.stacktrace(raised(namespace["wrapper"]))
    assert "wrapper" not in text
    assert text.count("  File ") == 2
    own = raised(lambda: switch.open_journal(1))  # type: ignore[call-arg]
    assert "agent/switch.py" not in errors.stacktrace(own)


def test_causes_and_contexts_come_first_and_are_bounded() -> None:
    def chained(suppress: bool) -> None:
        try:
            try:
                fail(ValueError("one"))
            except ValueError as error:
                raise KeyError("two") from error
        except KeyError:
            if suppress:
                raise IndexError("three") from None
            raise IndexError("three")  # noqa: B904

    text = errors.stacktrace(raised(lambda: chained(False)))
    order = [
        "ValueError: one", "direct cause", "KeyError: 'two'", "During handling", "IndexError: three",
    ]  # fmt: skip
    assert [text.index(part) for part in order] == sorted(text.index(part) for part in order)
    assert "KeyError" not in errors.stacktrace(raised(lambda: chained(True)))

    first = error = ValueError("0")
    for number in range(1, 50):
        error.__cause__ = ValueError(str(number))
        error = error.__cause__  # type: ignore[assignment]
    error.__cause__ = first  # round and round
    assert errors.stacktrace(first).count("Traceback") == errors.CAUSES


def test_a_cause_that_is_itself_ends() -> None:
    error = ValueError("x")
    error.__cause__ = error
    assert errors.stacktrace(error).count("ValueError: x") == 1


def test_deep_tracebacks_keep_their_both_ends() -> None:
    def deep(levels: int) -> None:
        if not levels:
            fail(ValueError(f"deep with {SECRET}"))
        deep(levels - 1)

    text = errors.stacktrace(raised(lambda: deep(300)))
    lines = text.splitlines()
    assert text.count("  File ") == errors.FRAMES
    assert lines[1].endswith("in raised")
    assert lines[-2].endswith("in fail")
    assert "  … 254 more frames" in lines
    assert "Hsecret" not in text
