"""Switches the agent on in a process: configuration, journal, import hooks, exit."""

from __future__ import annotations

import os
import sys
from time import clock_gettime_ns, monotonic_ns, process_time_ns, time_ns

import autotrace
from autotrace import command_line
from autotrace import config as settings
from autotrace.agent import tracer
from autotrace.journal.format import EXIT, PROCESS, STATE_EXITED
from autotrace.journal.writer import Writer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from autotrace.agent.redact import Redactor
    from autotrace.config import Config

config: Config
"""The settings of this process, once it is switched on."""

SECONDS_FOR_COMPANION = 10.0
"""How long a container's job waits at its end until its run is collected: all else dies with it."""

folder = ""
"""The run's folder of journals."""
trace_id = ""
_made_run = False
_redactor: Redactor | None = None


def redactor() -> Redactor:
    """What takes secrets out of texts and fields, made when it is first needed."""
    global _redactor
    if _redactor is None:
        from autotrace.agent.redact import Redactor

        _redactor = Redactor(
            keys=config.redact_keys,
            patterns=config.redact_patterns,
            keep=config.redact_keep,
            emails=config.redact_emails,
            headers=config.redact_headers,
        )
    return _redactor


def switch_on() -> None:
    """Begin to trace this process. Raises OSError where no journal can be written."""
    global config, folder, trace_id, _made_run
    arguments = sys.orig_argv
    given = os.environ.get("AUTOTRACE_RUN", "")
    folder_of_script = command_line.script_folder(arguments, sys.executable)
    config = settings.load(folder_of_script, _working_directory(), os.environ)
    if not config.enabled:
        return
    given = given.rstrip("/")  # with one, a link would be followed
    joined = bool(given) and _is_ours(given)
    if not joined and settings.ignored(config, arguments, sys.executable):
        return
    if command_line.job_name(arguments, sys.executable) in ("autotrace", "autotrace-run"):
        return
    trace, parent = incoming(os.environ.get("TRACEPARENT", ""))
    if joined:
        folder = given
    else:
        folder = _make_run(settings.home())
        _made_run = True
        trace = trace or os.urandom(16).hex()
    trace_id = trace
    before = {name: os.environ.get(name) for name in ("AUTOTRACE_RUN", "TRACEPARENT")}
    writer = None
    try:
        writer = open_journal()
        _describe(writer, arguments, parent)
        if _made_run:
            from autotrace.agent import companion

            root = f"{writer.prefix << 32:016x}"
            os.environ["AUTOTRACE_RUN"] = folder
            os.environ["TRACEPARENT"] = f"00-{trace_id}-{root}-01"
            companion.start(folder, sys.executable)
            for problem in config.problems[:5]:
                _say(problem)
    except BaseException:
        if writer is not None:
            os.unlink(writer.path)
        if _made_run:
            _unmake_run(before)
        raise
    tracer.attach(writer)
    tracer.new_thread()

    import atexit

    from autotrace.agent import callers, hooks

    _apply_capture()
    # A checkout's lie outside the package, where they would pass for the user's own code.
    for place in hooks.folders():
        callers.exclude(place)
    hooks.install(config)
    # The first to be registered is the last to run: after all that the program does at its exit.
    atexit.register(_at_exit)
    os.register_at_fork(after_in_child=_in_child)


def _apply_capture() -> None:
    """Hand the settings to those who look at them at each call."""
    from autotrace.agent import callers, kinds, records

    kinds.keep_parameters = config.capture_sql_parameters
    callers.keep_location = config.capture_code_location
    records.level = settings.LOG_LEVELS[config.capture_logs]
    records.warnings_wanted = config.capture_warnings


def _say(text: str) -> None:
    from autotrace.startup import say

    say(text)


def _working_directory() -> str:
    try:
        return os.getcwd()
    except OSError:  # it was deleted
        return ""


def incoming(traceparent: str) -> tuple[str, str]:
    """Trace id and parent span id of a `traceparent` (https://www.w3.org/TR/trace-context/), "" where it is none."""
    parts = traceparent.strip().split("-")
    if len(parts) < 4 or len(parts[0]) != 2 or parts[0] == "ff" or len(parts[3]) != 2:
        return "", ""
    if parts[0] == "00" and len(parts) != 4:
        return "", ""
    trace, parent = parts[1], parts[2]
    digits = "0123456789abcdef"
    if len(trace) != 32 or len(parent) != 16 or trace.strip("0") == "" or parent.strip("0") == "":
        return "", ""
    if (parts[0] + trace + parent + parts[3]).strip(digits):
        return "", ""
    return trace, parent


def _is_ours(path: str) -> bool:
    """Whether the run's folder that the environment names is there and private to this user."""
    try:
        status = os.lstat(path)
    except OSError:
        return False
    return (
        os.path.isabs(path)
        and status.st_mode & 0o170000 == 0o040000
        and status.st_uid == os.geteuid()
        and not status.st_mode & 0o022
    )


def _make_run(home: str) -> str:
    """Make the folder of a new run: `<home>/live/<run>`."""
    make_folder(home)
    make_folder(f"{home}/live")
    path = f"{home}/live/{os.urandom(6).hex()}"
    os.mkdir(path, 0o700)
    return path


def make_folder(path: str) -> None:
    """Make a folder for this user alone, and those above it as usual, unless it is there. Raises OSError."""
    try:
        try:
            os.mkdir(path, 0o700)
        except FileNotFoundError:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            os.mkdir(path, 0o700)
    except FileExistsError:
        pass


def _unmake_run(before: dict[str, str | None]) -> None:
    """Leave no trace of a run that could not be begun."""
    for name, value in before.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    try:
        os.rmdir(folder)
    except OSError:  # a companion has put its lock there: the next collector takes the folder away
        pass


def open_journal() -> Writer:
    """Make this process's journal in the run's folder. Raises OSError."""
    prefix = 0
    while not prefix:
        prefix = int.from_bytes(os.urandom(4), "little")
    name = f"{folder}/{os.getpid()}"
    path = f"{name}.journal"
    number = 1
    while True:
        try:
            return Writer(path, prefix, config.limits_journal_size)
        except (
            FileExistsError
        ):  # an earlier program of this pid: exec, or the number came round again
            number += 1
            path = f"{name}.{number}.journal"


def _describe(writer: Writer, arguments: list[str], parent: str) -> None:
    # Together: what lies between the two readings is the error of every time of this process.
    wall, mono = time_ns(), monotonic_ns()
    from autotrace.agent.redact_command import redact_command

    writer.value(
        PROCESS,
        {
            "pid": os.getpid(),
            "ppid": os.getppid(),
            "argv": redact_command(arguments),
            "executable": sys.executable or "",
            "cwd": _working_directory(),
            "python": ".".join(map(str, sys.version_info[:3])),
            "implementation": sys.implementation.name,
            "host": os.uname().nodename,
            "uid": os.getuid(),
            "user": os.environ.get("LOGNAME") or os.environ.get("USER") or "",
            "wall": wall,
            "mono": mono,
            "began": _began(mono),
            "trace_id": trace_id,
            "parent": parent,
            "prefix": writer.prefix,
            "boot": _read("/proc/sys/kernel/random/boot_id").strip(),
            "ticks": _ticks(),
            "agent": autotrace.__version__,
            "job": config.job or command_line.job_name(arguments, sys.executable),
            "root": _made_run,
            "run": os.path.basename(folder),
        },
    )


def _read(path: str) -> str:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            return os.read(fd, 4096).decode("ascii", "replace")
        finally:
            os.close(fd)
    except OSError:  # no /proc here
        return ""


def _ticks() -> int:
    """When this process started, in clock ticks since the boot: with the pid it names a process for good."""
    stat = _read("/proc/self/stat")
    fields = stat[stat.rfind(")") + 2 :].split()
    return int(fields[19]) if len(fields) > 19 else 0


def _began(mono: int) -> int:
    """The monotonic time at which the process started: earlier than this by the interpreter's own start."""
    try:
        since_boot = clock_gettime_ns(7)  # CLOCK_BOOTTIME, what the kernel's figure counts in
        began = _ticks() * (1_000_000_000 // os.sysconf("SC_CLK_TCK"))
        age = since_boot - began
    except (OSError, ValueError):
        return mono
    return mono - age if 0 <= age < 10_000_000_000 else mono


def _in_child() -> None:
    """A forked child: the journal is its parent's, so it begins one of its own."""
    try:
        if not tracer.on():
            return
        span = tracer.current_here()
        seq = span.seq if span is not None and span.generation != tracer.DROPPED else 0
        cause = f"{tracer.journal().prefix << 32 | seq:016x}"
        global _made_run
        _made_run = False
        try:
            writer = open_journal()
            _describe(writer, sys.orig_argv, cause)
        except OSError:
            tracer.detach()
            return
        tracer.attach(writer)
        tracer.new_thread()
        from autotrace.agent import records

        records.restart()
    except Exception:  # the child must live, whatever happened to us
        tracer.detach()


def _at_exit() -> None:
    """The orderly end: what the process knows of it. The collector learns of all other ends from outside."""
    try:
        error: BaseException | None = getattr(sys, "last_exc", None) or getattr(
            sys, "last_value", None
        )
        name: Any = None
        if isinstance(error, BaseException):
            from autotrace.agent.errors import exception_fields

            fields = exception_fields(error)
            name = fields["exception.type"]
            tracer.process_event("exception", fields)
        from autotrace.agent import records

        records.finish()
        tracer.journal().value(
            EXIT, {"mono": monotonic_ns(), "exception": name, "cpu_ns": process_time_ns()}
        )
        tracer.journal().state(STATE_EXITED)
        if _made_run:
            from autotrace.agent import companion

            if companion.must_wait():
                companion.wait(folder, SECONDS_FOR_COMPANION)
    except Exception as own:
        tracer.fault("exit", own)
