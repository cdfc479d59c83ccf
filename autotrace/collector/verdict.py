"""What a run's records say together: how it ended, and what its processes' own spans carry."""

from __future__ import annotations

import os

from autotrace.collector.journals import (
    Facts,
    Journals,
    Process,
    integer,
    number_or_none,
    text,
    texts,
)
from autotrace.journal.format import STATE_EXITED
from autotrace.spans import Attributes, State
from autotrace.store.columns import clean_attributes

SCOPE = "autotrace.process"
"""The scope of the spans that stand for processes, the run's root among them."""

UNFINISHED = "autotrace.unfinished"
"""The attribute of spans that were under way when their process ended."""


def state_of(journals: Journals, errors: int) -> State:
    """Return how the run ended; ``errors`` is how many of its spans are errors.

    What the collector saw counts most (a signal, an exit code), then what the process itself wrote
    at its orderly end. A process that a collector saw vanish without a word was killed; one that
    nobody saw end is lost.
    """
    result = journals.result
    if text(result, "signal"):
        return "killed"
    code = exit_code(journals)
    last = last_exit(journals)
    if code is None and last is None:
        return "killed" if result else "lost"
    if code or (code is None and last is not None and last.get("exception")):
        return "failed"
    return "warning" if errors else "ok"


def exit_code(journals: Journals) -> int | None:
    """Return the job's exit code where the collector, or else the process itself, knew it."""
    code = number_or_none(journals.result, "exit_code")
    return number_or_none(last_exit(journals) or {}, "exit_code") if code is None else code


def last_exit(journals: Journals) -> Facts | None:
    """Return the EXIT record of the job's process; of several programs after exec, the last one's.

    None where it did not come to an orderly end.
    """
    roots = [process for process in journals.processes if process.is_root]
    if not roots:
        return None
    last = roots[-1]
    if last.exit is None and last.state == STATE_EXITED:
        return {}
    return last.exit


def status_message(journals: Journals) -> str:
    """Return in a few words why the job failed; "" where it did not, or nobody knows."""
    signal = text(journals.result, "signal")
    if signal:
        memory = journals.result.get("oom") is True
        return f"killed by {signal}" + (" (out of memory)" if memory else "")
    exception = text(last_exit(journals) or {}, "exception")
    code = exit_code(journals)
    if exception:
        return exception
    return f"exit code {code}" if code else ""


def process_name(process: Process) -> str:
    """Return what a process other than the job's own is called: its job, script or program."""
    job = text(process.facts, "job")
    if job:
        return job
    words = texts(process.facts, "argv")
    program = os.path.basename(words[0]) if words else ""
    return program or f"process {process.pid}"


def process_attributes(process: Process) -> Attributes:
    """Return what a process's PROCESS and EXIT records say, under OpenTelemetry's names."""
    facts = process.facts
    attributes: Attributes = {"process.pid": process.pid}
    _number(attributes, facts, "process.parent_pid", "ppid")
    _texts(attributes, facts, "process.command_args", "argv")
    for name, fact in (
        ("process.executable.path", "executable"),
        ("process.working_directory", "cwd"),
        ("process.owner", "user"),
        ("process.runtime.name", "implementation"),
        ("process.runtime.version", "python"),
        ("host.name", "host"),
        ("autotrace.version", "agent"),
    ):
        if text(facts, fact):
            attributes[name] = text(facts, fact)
    if process.exit is not None:
        _costs(attributes, process.exit)
        if text(process.exit, "exception"):
            attributes["error.type"] = text(process.exit, "exception")
    return clean_attributes(attributes)


def root_attributes(journals: Journals) -> Attributes:
    """Return what is known of the job: its own process, what was started, how that ended."""
    attributes: Attributes = {}
    for process in journals.processes:
        if process.is_root:
            for name, value in process_attributes(process).items():
                attributes.setdefault(name, value)
    run = journals.run
    _texts(attributes, run, "process.command_args", "command")
    if integer(run, "pid"):
        attributes.setdefault("process.pid", integer(run, "pid"))
    for name, fact in (
        ("process.working_directory", "cwd"),
        ("process.owner", "user"),
        ("host.name", "host"),
    ):
        if text(run, fact):
            attributes.setdefault(name, text(run, fact))
    _costs(attributes, last_exit(journals) or {})
    result = journals.result
    _costs(attributes, result)
    code = exit_code(journals)
    if code is not None:
        attributes["process.exit.code"] = code
    if text(result, "signal"):
        attributes["process.exit.signal"] = text(result, "signal")
    if result.get("oom") is True:
        attributes["process.exit.out_of_memory"] = True
    return clean_attributes(attributes)


def _texts(attributes: Attributes, facts: Facts, name: str, fact: str) -> None:
    words = texts(facts, fact)
    if words:
        attributes[name] = words


def _costs(attributes: Attributes, facts: Facts) -> None:
    _number(attributes, facts, "process.cpu.time_ns", "cpu_ns")
    _number(attributes, facts, "process.memory.max_rss_bytes", "max_rss_bytes")


def _number(attributes: Attributes, facts: Facts, name: str, fact: str) -> None:
    value = number_or_none(facts, fact)
    if value is not None:
        attributes[name] = value
