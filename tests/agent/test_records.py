"""Warnings, log records and uncaught exceptions become events, as many as there is room for, and nothing else changes."""

from __future__ import annotations

import sys
from typing import Any

import pytest

SECRET = "sk_live_51HsecretHsecretHsecret"


def events(traced: Any, name: str) -> list[dict[str, Any]]:
    """The fields of all events of this name, those of spans after the process's own."""
    assert traced.returncode == 0, traced.stderr
    found = [*traced.events, *(event for span in traced.spans for event in span.events)]
    return [fields for each, fields in found if each == name]


# Warnings.


def test_a_warning_that_is_shown_is_an_event_of_the_span_under_way(trace: Any) -> None:
    traced = trace(
        "import autotrace, warnings\n"
        "def old():\n"
        "    warnings.warn('old', DeprecationWarning, stacklevel=2)\n"
        "warnings.simplefilter('always')\n"
        "with autotrace.span('step'):\n"
        "    old()\n"
        f"warnings.warn('key {SECRET}')\n"
    )
    [span] = traced.spans
    [(name, fields)] = span.events
    assert name == "warning"
    assert fields["warning.category"] == "DeprecationWarning"
    assert fields["warning.message"] == "old"
    assert fields["code.file.path"].endswith("job.py")
    assert fields["code.line.number"] == 6
    [(name, fields)] = traced.events
    assert SECRET not in str(fields)
    assert fields["warning.category"] == "UserWarning"
    assert "job.py:6: DeprecationWarning: old" in traced.stderr


UNSHOWN = {
    "filtered": "warnings.simplefilter('ignore')\nwarnings.warn('x')",
    "the second time": (
        "warnings.simplefilter('ignore', UserWarning)\nfor _ in range(3): warnings.warn('x')"
    ),
    "collected": (
        "with warnings.catch_warnings(record=True) as caught:\n"
        "    warnings.simplefilter('always')\n"
        "    warnings.warn('x')\n"
        "assert len(caught) == 1 and str(caught[0].message) == 'x'"
    ),
    "raised": (
        "warnings.simplefilter('error')\ntry:\n    warnings.warn('x')\nexcept UserWarning:\n    pass"
    ),
}


@pytest.mark.parametrize("how", UNSHOWN)
def test_a_warning_that_is_not_shown_is_no_event(how: str, trace: Any) -> None:
    traced = trace(f"import warnings\n{UNSHOWN[how]}\n")
    assert events(traced, "warning") == []
    assert traced.stderr == ""


def test_warnings_of_a_filter_that_shows_once_are_one_event(trace: Any) -> None:
    traced = trace("import warnings\nfor _ in range(5):\n    warnings.warn('once')\n")
    assert len(events(traced, "warning")) == 1


def test_after_collecting_warnings_they_are_events_again(trace: Any) -> None:
    traced = trace(
        "import warnings\nwith warnings.catch_warnings(record=True):\n    warnings.warn('unseen')\n"
        "warnings.warn('seen')\n"
    )
    assert [fields["warning.message"] for fields in events(traced, "warning")] == ["seen"]


def test_a_programs_own_way_to_show_warnings_still_works(trace: Any) -> None:
    traced = trace(
        "import warnings\n"
        "warnings.showwarning = lambda message, *rest: print('mine:', message)\n"
        "warnings.warn('careful')\n"
    )
    assert traced.stdout == "mine: careful\n"
    assert len(events(traced, "warning")) == 1


def test_a_warning_that_is_logged_is_one_event(trace: Any) -> None:
    code = "import logging, warnings\nlogging.captureWarnings(True)\nwarnings.warn('careful')\n"
    traced = trace(code)
    assert len(events(traced, "log")) == 1
    assert events(traced, "warning") == []
    quiet = trace(code, config='[capture]\nlogs = "error"\n')
    assert events(quiet, "log") == []
    assert len(events(quiet, "warning")) == 1


def test_warnings_can_be_switched_off(trace: Any) -> None:
    traced = trace("import warnings\nwarnings.warn('x')", config="[capture]\nwarnings = false\n")
    assert events(traced, "warning") == []
    assert "UserWarning: x" in traced.stderr


# Log records.

LEVELS = """
import autotrace, logging
log = logging.getLogger("acme.sync")
log.setLevel(logging.DEBUG)
log.addHandler(logging.NullHandler())
with autotrace.span("step"):
    for level in ("debug", "info", "warning", "error", "critical"):
        getattr(log, level)("it is %s", level)
    log.log(35, "between")
"""


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("", ["WARNING", "ERROR", "CRITICAL", "Level 35"]),
        ("debug", ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL", "Level 35"]),
        ("error", ["ERROR", "CRITICAL"]),
        ("off", []),
    ],
)
def test_records_from_a_level_on_are_events(setting: str, expected: list[str], trace: Any) -> None:
    traced = trace(LEVELS, config=f'[capture]\nlogs = "{setting}"\n' if setting else "")
    found = events(traced, "log")
    assert [fields["log.severity"] for fields in found] == expected
    assert traced.events == []
    if not setting:
        assert found[0] == {
            "log.severity": "WARNING",
            "log.message": "it is warning",
            "log.logger": "acme.sync",
            "code.file.path": found[0]["code.file.path"],
            "code.line.number": 8,
        }
        assert found[0]["code.file.path"].endswith("job.py")


def test_what_the_program_filters_out_is_no_event(trace: Any) -> None:
    traced = trace(
        "import logging\n"
        "log = logging.getLogger('a')\n"
        "log.error('below its level') if log.setLevel(60) else log.error('below its level')\n"
        "other = logging.getLogger('b')\n"
        "other.addFilter(lambda record: 'noise' not in record.msg)\n"
        "other.error('noise')\n"
        "other.error('signal')\n"
        "other.disabled = True\n"
        "other.error('disabled')\n"
        "logging.disable(logging.CRITICAL)\n"
        "logging.error('all disabled')\n"
    )
    assert [fields["log.message"] for fields in events(traced, "log")] == ["signal"]
    assert traced.stderr == "signal\n"


@pytest.mark.skipif(sys.version_info < (3, 12), reason="filters could not replace records")
def test_a_record_that_a_filter_replaced_is_the_one_that_is_kept(trace: Any) -> None:
    traced = trace(
        "import copy, logging\n"
        "def hide(record):\n"
        "    record = copy.copy(record)\n"
        "    record.msg, record.args = 'hidden', ()\n"
        "    return record\n"
        "logging.getLogger().addFilter(hide)\n"
        "logging.error('shown')\n"
    )
    assert [fields["log.message"] for fields in events(traced, "log")] == ["hidden"]


def test_a_record_with_many_handlers_is_one_event(trace: Any) -> None:
    traced = trace(
        "import logging, sys\n"
        "for _ in range(3):\n"
        "    logging.getLogger().addHandler(logging.StreamHandler(sys.stdout))\n"
        "logging.getLogger('a').addHandler(logging.StreamHandler(sys.stdout))\n"
        "logging.getLogger('a').error('x')\n"
    )
    assert len(events(traced, "log")) == 1
    assert traced.stdout == "x\n" * 4


def test_an_exception_in_a_record_comes_with_its_traceback(trace: Any) -> None:
    traced = trace(
        "import logging\n"
        "def work():\n"
        f"    raise ValueError('token={SECRET}')\n"
        "try:\n"
        "    work()\n"
        "except ValueError:\n"
        "    logging.exception('failed')\n"
        "logging.error('none', exc_info=True)\n"
        "logging.getLogger().handle(logging.makeLogRecord(\n"
        "    {'levelno': 40, 'levelname': 'ERROR', 'msg': 'odd', 'exc_info': (None, None, None)}))\n"
    )
    failed, none, odd = events(traced, "log")
    assert failed["exception.type"] == "ValueError"
    assert "in work" in failed["exception.stacktrace"]
    assert SECRET not in str(failed)
    assert "exception.type" not in none
    assert "exception.type" not in odd


HOSTILE = """
import logging
class Bad:
    def __str__(self): raise RuntimeError("no text")
    __repr__ = __str__
class Text(str):
    def __str__(self): raise RuntimeError("no text")
    def __len__(self): raise RuntimeError("no length")
    def __getitem__(self, at): raise RuntimeError("no part")
class Quiet(logging.Handler):
    def handle(self, record): pass
logging.getLogger().addHandler(Quiet())
logging.error(Bad())
logging.error("%s", Bad())
logging.error("%d", "not a number")
logging.error("%s %s", "too few")
logging.error(Text("text"))
logging.error(None)
logging.error(b"bytes")
logging.error("x" * 10_000_000)
logging.error("lone \\ud800 surrogate")
logging.error("last")
print("done")
"""


def test_hostile_messages_are_survived(trace: Any) -> None:
    traced = trace(HOSTILE, faults=True)
    assert traced.stdout == "done\n"
    assert traced.stderr == ""
    messages = [fields["log.message"] for fields in events(traced, "log")]
    assert len(messages) == 10
    assert messages[0] == "<Bad> (RuntimeError in its arguments)"
    assert messages[2] == "%d (TypeError in its arguments)"
    assert messages[-1] == "last"
    assert max(map(len, messages)) < 1100
    assert traced.fault_count == 0


def test_secrets_of_messages_are_masked_however_long_they_are(trace: Any) -> None:
    traced = trace(
        f"import logging\nlogging.error('key {SECRET} used')\n"
        f"logging.error('%s{SECRET}', 'x' * 1010)\nlogging.error('%s%s', 'x' * 4085, '{SECRET}')\n"
    )
    first, *long = (fields["log.message"] for fields in events(traced, "log"))
    assert first.startswith("key ")
    assert first.endswith(" used")
    for message in (first, *long):
        assert "51H" not in message
    assert len(long) == 2


def test_beyond_a_thousand_they_are_counted_exactly(trace: Any) -> None:
    traced = trace(
        "import autotrace, logging, warnings\n"
        "logging.getLogger().addHandler(logging.NullHandler())\n"
        "warnings.simplefilter('always')\n"
        "warnings.showwarning = lambda *_: None\n"
        "with autotrace.span('noisy'):\n"
        "    for number in range(2345):\n"
        "        logging.error('%d', number)\n"
        "    for number in range(1001):\n"
        "        warnings.warn(str(number))\n"
    )
    assert [fields["log.message"] for fields in events(traced, "log")] == list(
        map(str, range(1000))
    )
    assert len(events(traced, "warning")) == 1000
    assert traced.fields["autotrace.log_events_dropped"] == 1345
    assert traced.fields["autotrace.warning_events_dropped"] == 1


def test_a_killed_process_knows_roughly_and_a_child_counts_anew(trace: Any) -> None:
    traced = trace(
        "import logging, os\n"
        "logging.getLogger().addHandler(logging.NullHandler())\n"
        "for number in range(2001): logging.error('x')\n"
        "if os.fork() == 0:\n"
        "    for number in range(5): logging.error('y')\n"
        "    os._exit(0)\n"
        "os.wait()\n"
        "os._exit(0)\n"
    )
    parent, child = traced.journals
    assert parent.fields["autotrace.log_events_dropped"] == 1000
    assert len(child.events) == 5
    assert child.fields == {}


# Uncaught exceptions.


def test_an_exception_that_ends_the_program_is_the_processs(trace: Any) -> None:
    traced = trace(
        "import autotrace\n"
        "def work():\n"
        "    with autotrace.span('step'):\n"
        f"        raise ValueError('token={SECRET}')\n"
        "try:\n"
        "    work()\n"
        "except ValueError as error:\n"
        "    raise KeyError('second') from error\n"
    )
    assert traced.returncode == 1
    [(name, fields)] = traced.events
    assert (name, fields["exception.type"]) == ("exception", "KeyError")
    text = fields["exception.stacktrace"]
    assert text.index("ValueError") < text.index("direct cause") < text.index("KeyError: 'second'")
    assert SECRET not in str(fields)
    [span] = traced.spans
    assert (span.status, span.fields["error.type"]) == ("error", "ValueError")


def test_an_exception_that_ends_a_thread_is_noted_and_shown_as_ever(trace: Any) -> None:
    traced = trace(
        "import sys, threading\n"
        "def fails():\n"
        "    raise ValueError('in a thread')\n"
        "def exits():\n"
        "    sys.exit(3)\n"
        "for target in (fails, exits):\n"
        "    thread = threading.Thread(target=target)\n"
        "    thread.start()\n"
        "    thread.join()\n"
        "threading.excepthook = lambda args: print('mine', args.exc_type.__name__, args.thread.name)\n"
        "thread = threading.Thread(target=fails, name='second')\n"
        "thread.start()\n"
        "thread.join()\n"
    )
    assert traced.stdout == "mine ValueError second\n"
    assert traced.stderr.count("ValueError: in a thread") == 1
    assert [fields["exception.type"] for fields in events(traced, "exception")] == [
        "ValueError",
        "ValueError",
    ]
    assert traced.exit["exception"] is None


def test_with_asyncio(trace: Any) -> None:
    traced = trace(
        "import asyncio, autotrace\n"
        "async def fails(name):\n"
        "    with autotrace.span(name):\n"
        "        await asyncio.sleep(0.01)\n"
        "        raise ValueError(name)\n"
        "async def main():\n"
        "    results = await asyncio.gather(fails('a'), fails('b'), return_exceptions=True)\n"
        "    assert len(results) == 2\n"
        "    asyncio.ensure_future(fails('forgotten'))\n"
        "    await asyncio.sleep(0.1)\n"
        "    import gc; gc.collect()\n"
        "    with autotrace.span('main'):\n"
        "        await fails('last')\n"
        "asyncio.run(main())\n"
    )
    assert traced.returncode == 1
    assert traced.exit["exception"] == "ValueError"
    logged = [fields for name, fields in traced.events if name == "log"]
    assert [fields["log.logger"] for fields in logged] == ["asyncio"]
    assert logged[0]["exception.message"] == "forgotten"
    for name in ("a", "b", "forgotten", "last"):
        [span] = traced.named(name)
        assert (span.status, len(span.events)) == ("error", 1)
    [outer] = traced.named("main")
    # The traceback is written once, with the innermost.
    assert (outer.status, outer.events) == ("error", [])
