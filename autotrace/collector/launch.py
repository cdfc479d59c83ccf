"""Starting the command as if it had been started directly, but for what it is given besides.

All of it happens before the job runs, so that each millisecond here is the job's: built-in modules
alone.
"""

from __future__ import annotations

import errno
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal as _signal
    from collections.abc import Sequence

    Environment = dict[bytes, bytes]
else:
    import _signal

NOT_FOUND = 127
NOT_EXECUTABLE = 126

_COERCED = (b"C.UTF-8", b"C.utf8", b"UTF-8")
"""What an interpreter sets LC_CTYPE to in the plain C locale (PEP 538)."""

_CHANGED_BY_PYTHON = ("SIGPIPE", "SIGXFSZ", "SIGXFZ")
"""Signals that an interpreter ignores from its start on, whatever it was given."""

_HANDS_ON_IGNORED = frozenset(
    (
        b"ash",
        b"bash",
        b"busybox",
        b"dash",
        b"init",
        b"ksh",
        b"mksh",
        b"runsv",
        b"sh",
        b"systemd",
        b"zsh",
    )
)
"""Programs whose children ignore the signals that they ignore themselves; others set them back."""


class CannotRun(Exception):
    """The command cannot be run; ``status`` is what a shell would return, the text says why."""

    def __init__(self, status: int, reason: str) -> None:
        """Take both as they are."""
        super().__init__(reason)
        self.status = status


def environment() -> Environment:
    """Return this process's environment without what its interpreter has added."""
    given = dict(os.environb)
    if given.get(b"LC_CTYPE") in _COERCED:
        try:
            with open("/proc/self/environ", "rb", buffering=0) as file:
                original = file.read()
        except OSError:
            return given
        if not original.startswith(b"LC_CTYPE=") and b"\0LC_CTYPE=" not in original:
            del given[b"LC_CTYPE"]
    return given


def trace_environment(
    given: Environment, folder: str, trace_id: str, root_span_id: str, config: str
) -> Environment:
    """Return the environment of a traced job: ``given``, and what its processes need to know.

    ``folder`` is the run's folder, ``config`` the path of its settings; both ids are hex digits.
    """
    result = dict(given)
    result[b"AUTOTRACE_ENABLED"] = b"1"
    result[b"AUTOTRACE_RUN"] = os.fsencode(folder)
    result[b"AUTOTRACE_CONFIG"] = os.fsencode(config)
    result[b"TRACEPARENT"] = f"00-{trace_id}-{root_span_id}-01".encode()
    bootstrap = os.fsencode(bootstrap_folder())
    if bootstrap:
        path = [entry for entry in given.get(b"PYTHONPATH", b"").split(b":") if entry != bootstrap]
        result[b"PYTHONPATH"] = b":".join([bootstrap, *path] if any(path) else [bootstrap])
    return result


def bootstrap_folder() -> str:
    """Return the folder whose `sitecustomize` switches autotrace on where it is not installed.

    That is ``bootstrap`` in the installed package, in a checkout the folder above it; "" without
    either.
    """
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    for folder in (f"{package}/bootstrap", os.path.dirname(package)):
        if os.path.isfile(f"{folder}/sitecustomize.py"):
            return folder
    return ""


def incoming_trace(environment: Environment) -> tuple[str, str]:
    """Return trace id and parent's span id of a valid TRACEPARENT; "" twice where there is none.

    See https://www.w3.org/TR/trace-context/#traceparent-header.
    """
    parts = environment.get(b"TRACEPARENT", b"").decode("ascii", "replace").strip().split("-")
    if len(parts) < 4 or [len(part) for part in parts[:4]] != [2, 32, 16, 2]:
        return "", ""
    version, trace, parent, _ = parts[:4]
    if version == "ff" or (version == "00" and len(parts) > 4):
        return "", ""
    if (
        "".join(parts[:4]).strip("0123456789abcdef")
        or not trace.strip("0")
        or not parent.strip("0")
    ):
        return "", ""
    return trace, parent


def new_id(size: int) -> str:
    """Return a random id of ``size`` bytes as hex digits, never all zero."""
    while True:
        value = os.urandom(size)
        if any(value):
            return value.hex()


def find(command: str, environment: Environment) -> bytes:
    """Return the path of the program that a shell would run for ``command``; raise `CannotRun`."""
    name = os.fsencode(command)
    if b"/" in name:
        candidates = [name]
    else:
        search = environment.get(b"PATH", os.fsencode(os.defpath))
        candidates = [
            os.path.join(folder, name) if folder else name for folder in search.split(b":")
        ]
        if not name:
            candidates = []
    refused = b""
    for path in candidates:
        if os.path.isdir(path):
            refused = refused or (path if b"/" in name else b"")
        elif os.access(path, os.X_OK):
            return path if b"/" in path else b"./" + path
        elif os.path.exists(path):
            refused = refused or path
    if not refused:
        place = "" if b"/" in name else " on PATH"
        raise CannotRun(NOT_FOUND, f"{command}: there is no such command{place}")
    shown = os.fsdecode(refused)
    if os.path.isdir(refused):
        raise CannotRun(NOT_EXECUTABLE, f"{shown}: it is a folder")
    raise CannotRun(NOT_EXECUTABLE, f"{shown}: you may not execute it (chmod +x would allow it)")


def explain(program: bytes, number: int) -> CannotRun:
    """Say why ``program``, which was found, could not be executed with that error number."""
    shown = os.fsdecode(program)
    if number == errno.ENOENT:
        interpreter = _interpreter_line(program)
        missing = f"its interpreter {interpreter}" if interpreter else "the loader that it asks for"
        return CannotRun(NOT_FOUND, f"{shown}: {missing} does not exist")
    return CannotRun(NOT_EXECUTABLE, f"{shown}: cannot be executed: {os.strerror(number)}")


def _interpreter_line(program: bytes) -> str:
    try:
        with open(program, "rb") as file:
            line = file.readline(256)
    except OSError:
        return ""
    words = line[2:].split()
    return os.fsdecode(words[0]) if line.startswith(b"#!") and words else ""


class Dispositions:
    """What this process was given for its signals, and how a child gets the same.

    To be made before anything else: it blocks all signals, so that none is lost or ends the process
    from then on. ``mask`` is what was blocked before.
    """

    __slots__ = ("_defaults", "_ignore_children", "mask")

    def __init__(self) -> None:
        """Block all signals."""
        self.mask = _signal.pthread_sigmask(_signal.SIG_BLOCK, _signal.valid_signals())
        # With SIGCHLD ignored, as some daemons leave it, the kernel would throw the job's status
        # away.
        self._ignore_children = _signal.getsignal(_signal.SIGCHLD) is _signal.SIG_IGN
        if self._ignore_children:
            _signal.signal(_signal.SIGCHLD, _signal.SIG_DFL)
        ignored = _ignored_by_starter()
        self._defaults = [
            number for number in _numbers(_CHANGED_BY_PYTHON) if not ignored >> (number - 1) & 1
        ]
        if callable(_signal.getsignal(_signal.SIGINT)):
            self._defaults.append(_signal.SIGINT)

    def pending(self) -> set[int]:
        """Return the signals that have arrived since; a child started now does not get them."""
        return set(_signal.sigpending())

    def restore(self) -> None:
        """Give this process back what it was given; to be followed by an `exec`."""
        for number in self._defaults:
            _signal.signal(number, _signal.SIG_DFL)
        if self._ignore_children:
            _signal.signal(_signal.SIGCHLD, _signal.SIG_IGN)
        _signal.pthread_sigmask(_signal.SIG_SETMASK, self.mask)


def _numbers(names: Sequence[str]) -> list[int]:
    return [getattr(_signal, name) for name in names if hasattr(_signal, name)]


def _ignored_by_starter() -> int:
    """Bits of the signals that this process was most probably told to ignore (bit 0: signal 1).

    An interpreter ignores SIGPIPE as its first act, and what it was given is gone. A shell with
    ``trap '' PIPE`` and systemd (IgnoreSIGPIPE=) ignore what they hand on; so the parent is asked.
    """
    try:
        with open(f"/proc/{os.getppid()}/status", "rb", buffering=0) as file:
            lines = file.read().split(b"\n")
    except OSError:
        return 0
    name = ignored = b""
    for line in lines:
        if line.startswith(b"Name:"):
            name = line[5:].strip()
        elif line.startswith(b"SigIgn:"):
            ignored = line[7:].strip()
    try:
        return int(ignored, 16) if name in _HANDS_ON_IGNORED else 0
    except ValueError:
        return 0


def become(program: bytes, command: Sequence[str], environment: Environment) -> None:
    """Replace this process by the command; raise OSError where that is not possible."""
    arguments = [os.fsencode(argument) for argument in command]
    try:
        os.execve(program, arguments, environment)
    except OSError as error:
        if error.errno != errno.ENOEXEC or _is_binary(program):
            raise
    # A script without a #! line: shells and execvp hand it to sh.
    os.execve(b"/bin/sh", [b"/bin/sh", program, *arguments[1:]], environment)


def _is_binary(program: bytes) -> bool:
    """Say whether a file is no script, as shells do: there is a zero byte in its first line."""
    try:
        with open(program, "rb", buffering=0) as file:
            return b"\0" in file.read(256).split(b"\n")[0]
    except OSError:
        return True


def spawn(
    program: bytes, command: Sequence[str], environment: Environment, dispositions: Dispositions
) -> int:
    """Start the command as a child of this process and return its pid once it runs.

    It has this process's group, terminal, files and limits, and the signals as this process was
    given them. Raises `CannotRun`, or OSError where no process can be made.
    """
    # posix_spawn would be a little quicker, but cannot make a child ignore what we do not.
    reading, writing = os.pipe()
    try:
        pid = os.fork()
        if pid == 0:
            _run_child(program, command, environment, dispositions, writing)
        os.close(writing)
        writing = -1
        answer = os.read(reading, 16)
    finally:
        os.close(reading)
        if writing >= 0:
            os.close(writing)
    if answer:
        os.waitpid(pid, 0)
        raise explain(program, int(answer))
    return pid


def _run_child(
    program: bytes,
    command: Sequence[str],
    environment: Environment,
    dispositions: Dispositions,
    writing: int,
) -> None:
    try:
        dispositions.restore()
        become(program, command, environment)
    except OSError as error:
        os.write(writing, str(error.errno).encode())
    except BaseException:
        os.write(writing, str(errno.EINVAL).encode())
    finally:
        os._exit(NOT_FOUND)
