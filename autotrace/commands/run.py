"""Run a command and trace the Python jobs in it.

Usage: autotrace-run [options] COMMAND [ARGUMENT…]

The command runs as if it had been started directly: same terminal, files, signals and exit status.
Its run is kept, and a summary printed on stderr at its end. `autotrace show` shows it.

Options:
  -q, --quiet       no summary at the end
  --job NAME        call the job NAME, instead of after its script
  --config FILE     use this configuration file, instead of looking for one
  --exec            become the command instead of waiting for it: same process id, no summary
  --                the command begins here
  -h, --help        show this help and exit
  --version         show the version and exit

Exit status: the command's own. 127 where there is no such command, 126 where it may not be
executed, 2 for wrong options.
"""

# Until the command is started, each import is paid by the job: only what it takes to start it.
from __future__ import annotations

import os
import sys

from autotrace.collector import launch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import TextIO

    from autotrace.collector.folder import RunFolder
    from autotrace.collector.oom import OutOfMemory
    from autotrace.collector.supervise import Ended
    from autotrace.config import Config
    from autotrace.spans import Run, Span

USAGE = 2

NEEDED_AT_THE_END = (
    "typing",
    "dataclasses",
    "autotrace.journal.reader",
    "shutil",
    "sqlite3",
    "json",
    "autotrace.spans",
    "autotrace.store.columns",
    "autotrace.store",
    "autotrace.collector.processes",
    "autotrace.collector.join",
    "autotrace.collector.finish",
    "autotrace.insights.overview",
    "autotrace.terminal.summary",
)
"""Imported one by one while the job runs, where there is a second processor for it, so that its
end is quick.
"""

MOST_SUMMARISED_SPANS = 250_000
MOST_SUMMARISED_BYTES = 32 << 20
"""A summary holds all spans of a run at once, about 1 KB each; beyond this there is none."""


class Options:
    """What was asked for; ``becomes`` is ``--exec``, ``job`` and ``config`` may be ""."""

    __slots__ = ("becomes", "command", "config", "job", "quiet")

    def __init__(self) -> None:
        """Begin with the defaults."""
        self.quiet = False
        self.job = ""
        self.config = ""
        self.becomes = False
        self.command: list[str] = []


class WrongUsage(Exception):
    """The options cannot be understood; the text says why."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that ``argv`` (by default `sys.argv[1:]`) names; return its exit code.

    Ends this process by the signal that ended the command. With ``--exec`` it does not return.
    """
    words = sys.argv[1:] if argv is None else list(argv)
    if words[:1] in (["-h"], ["--help"]):
        _print(sys.stdout, (__doc__ or "").rstrip())
        return 0
    if words[:1] == ["--version"]:
        import autotrace

        _print(sys.stdout, f"autotrace {autotrace.__version__}")
        return 0
    try:
        options = parse(words)
    except WrongUsage as error:
        _print(
            sys.stderr,
            f"autotrace-run: {error}\nType `autotrace-run --help` for what there is.",
        )
        return USAGE
    environment = launch.environment()
    try:
        program = launch.find(options.command[0], environment)
        return _Job(options, program, environment).run()
    except launch.CannotRun as error:
        say(str(error))
        return error.status


def parse(words: Sequence[str]) -> Options:
    """Take the options apart, up to the first word that is none or ``--``; raise `WrongUsage`."""
    options = Options()
    at = 0
    while at < len(words):
        word = words[at]
        if word == "--":
            at += 1
            break
        if not word.startswith("-") or word == "-":
            break
        at += 1
        name, equals, value = word.partition("=")
        if name in ("--job", "--config"):
            if not equals:
                if at == len(words):
                    raise WrongUsage(f"{name} needs a value, as in `{name} VALUE COMMAND`")
                value = words[at]
                at += 1
            if not value:
                raise WrongUsage(f"{name} must not be empty")
            setattr(options, name[2:], value)
        elif word in ("-q", "--quiet"):
            options.quiet = True
        elif word == "--exec":
            options.becomes = True
        elif equals and name in ("--quiet", "--exec"):
            raise WrongUsage(f"{name} takes no value")
        else:
            raise WrongUsage(_unknown(name))
    options.command = list(words[at:])
    if not options.command:
        raise WrongUsage("which command? For example: autotrace-run python job.py")
    return options


def _unknown(word: str) -> str:
    from difflib import get_close_matches

    known = ("--quiet", "--job", "--config", "--exec", "--help", "--version")
    near = get_close_matches(word, known, 1)
    hint = f"; did you mean {near[0]}?" if near else ""
    return f"there is no option {word}{hint} (the command's own options come after the command)"


def say(text: str) -> None:
    """Print one line on stderr that says who speaks."""
    _print(sys.stderr, f"autotrace: {text}")


def _print(stream: TextIO | None, text: str) -> None:
    # The stream is None where its descriptor was closed when this process began.
    if stream is None:
        return
    try:
        stream.write(text + "\n")
        stream.flush()
    except (OSError, ValueError):
        return


class _Job:
    """One command on its way through its life."""

    def __init__(self, options: Options, program: bytes, environment: launch.Environment) -> None:
        self.options = options
        self.program = program
        self.environment = environment

    def run(self) -> int:
        """Run the command, traced where that is possible; return its exit code."""
        switched = self.environment.get(b"AUTOTRACE_ENABLED")
        if switched is not None:
            from autotrace.config import enabled

            if not enabled({"AUTOTRACE_ENABLED": os.fsdecode(switched)}):
                self._become(self.environment)
        config = self._configure()
        if not config.enabled:
            self._become_untraced()
        from autotrace.collector import folder
        from autotrace.config import home

        place = "the store"
        try:
            place = home(os.environ)
            run_folder = folder.make(place, config.dump())
        except OSError as error:
            where = error.filename or place
            say(
                f"the run cannot be kept, {where}: {error.strerror}; the command runs untraced"
                " (AUTOTRACE_HOME may name another folder)"
            )
            self._become_untraced()
        return self._run_traced(config, run_folder)

    def _configure(self) -> Config:
        from autotrace.config import load

        if self.options.config:
            self.environment[b"AUTOTRACE_CONFIG"] = os.fsencode(self.options.config)
            os.environ["AUTOTRACE_CONFIG"] = self.options.config
        if self.options.job:
            self.environment[b"AUTOTRACE_JOB"] = os.fsencode(self.options.job)
            os.environ["AUTOTRACE_JOB"] = self.options.job
        try:
            working_folder = os.getcwd()
        except OSError:  # it was deleted
            working_folder = ""
        config = load(self._script_folder(), working_folder, os.environ)
        for problem in config.problems:
            say(problem)
        return config

    def _script_folder(self) -> str:
        from autotrace.command_line import script_folder

        command = self.options.command
        if os.path.basename(command[0]).startswith("python"):
            return script_folder(command, command[0])
        return os.path.dirname(os.path.realpath(command[0])) if "/" in command[0] else ""

    def _become_untraced(self) -> None:
        self.environment[b"AUTOTRACE_ENABLED"] = b"0"
        self._become(self.environment)

    def _become(self, environment: launch.Environment) -> None:
        """Replace this process by the command; raise `launch.CannotRun`."""
        launch.Dispositions().restore()
        try:
            launch.become(self.program, self.options.command, environment)
        except OSError as error:
            raise launch.explain(self.program, error.errno or 0) from None

    def _run_traced(self, config: Config, run_folder: RunFolder) -> int:
        from autotrace.collector.folder import CONFIG, discard

        trace_id, parent = launch.incoming_trace(self.environment)
        trace_id = trace_id or launch.new_id(16)
        root_span_id = launch.new_id(8)
        environment = launch.trace_environment(
            self.environment,
            run_folder.path,
            trace_id,
            root_span_id,
            f"{run_folder.path}/{CONFIG}",
        )
        run: dict[str, object] = {
            "run": run_folder.run,
            "trace_id": trace_id,
            "root_span_id": root_span_id,
            "parent": parent,
        }
        if self.options.becomes:
            _become_collected(self, config, run_folder, run, environment)
        dispositions = launch.Dispositions()
        _stamp(run)
        early = dispositions.pending()
        try:
            pid = launch.spawn(self.program, self.options.command, environment, dispositions)
        except launch.CannotRun:
            discard(run_folder)
            raise
        except OSError as error:
            discard(run_folder)
            raise launch.CannotRun(
                launch.NOT_EXECUTABLE, f"no process could be started: {error.strerror}"
            ) from None
        return _Watch(self.options, config, run_folder, run, pid).until_the_end(early)


def _stamp(run: dict[str, object]) -> None:
    from time import monotonic_ns, time_ns

    # Together: what lies between the two readings is the error of every time of this run.
    run["wall"], run["mono"] = time_ns(), monotonic_ns()


def _become_collected(
    job: _Job,
    config: Config,
    run_folder: RunFolder,
    run: dict[str, object],
    environment: launch.Environment,
) -> None:
    """Start the companion and become the command; raise `launch.CannotRun`."""
    from autotrace.agent import companion
    from autotrace.collector.folder import discard, release

    _stamp(run)
    try:
        _write_run(run_folder, run, job.options, config, os.getpid(), 0)
        if not companion.start(run_folder.path, sys.executable, run_folder.lock):
            raise OSError(2, "no Python interpreter was found for it", sys.executable)
    except Exception as error:
        say(
            f"the companion that collects the run could not be started ({error});"
            " the next autotrace command completes the run"
        )
    release(run_folder)
    try:
        job._become(environment)
    except launch.CannotRun:
        discard(run_folder)
        raise


def _write_run(
    run_folder: RunFolder,
    run: dict[str, object],
    options: Options,
    config: Config,
    pid: int,
    collector_pid: int,
) -> None:
    """Write down what process ``pid`` runs; ``collector_pid`` is 0 where it is not this process."""
    from autotrace.agent.redact import Redactor
    from autotrace.agent.redact_command import redact_command
    from autotrace.collector import record
    from autotrace.collector.processes import start_ticks
    from autotrace.journal.format import RUN

    redactor = Redactor(
        keys=config.redact_keys,
        patterns=config.redact_patterns,
        keep=config.redact_keep,
        emails=config.redact_emails,
        headers=config.redact_headers,
    )
    try:
        working_folder = os.getcwd()
    except OSError:
        working_folder = ""
    run |= {
        "job": config.job or job_of(options.command),
        "command": redact_command(options.command, redactor),
        "cwd": working_folder,
        "host": os.uname().nodename,
        "user": os.environ.get("LOGNAME") or os.environ.get("USER") or _user_name(),
        "pid": pid,
        "ticks": start_ticks(pid),
    }
    if collector_pid:
        run |= {"collector_pid": collector_pid, "collector_ticks": start_ticks(collector_pid)}
    record.add(run_folder.path, RUN, run)


def _user_name() -> str:
    try:
        import pwd

        return pwd.getpwuid(os.getuid()).pw_name
    except (ImportError, KeyError):
        return str(os.getuid())


SHELLS = ("ash", "bash", "dash", "ksh", "mksh", "sh", "zsh")


def job_of(command: Sequence[str]) -> str:
    """Name a job after its command where its own process cannot: a shell's script.

    "" for Python, and for what may well become Python under another name (`env`, `nice`, `uv run`,
    a script with a ``#!`` line): those name themselves by their first traced process.
    """
    name = os.path.basename(command[0])
    if name in SHELLS:
        for word in command[1:]:
            if word.startswith("-c"):
                return ""
            if not word.startswith("-"):
                script = os.path.basename(word)
                return script.removesuffix(".sh")
        return ""
    return name[:-3] if name.endswith(".sh") else ""


class _Watch:
    """The command while it runs, and what comes after it."""

    def __init__(
        self,
        options: Options,
        config: Config,
        run_folder: RunFolder,
        run: dict[str, object],
        pid: int,
    ) -> None:
        self.options = options
        self.config = config
        self.folder = run_folder
        self.run = run
        self.pid = pid
        self.memory: OutOfMemory | None = None
        self.complaint = ""
        self.chores = self._chores()

    def until_the_end(self, early: set[int]) -> int:
        """Stand by until the command has ended, keep its run, and end as it did."""
        from autotrace.collector.supervise import Supervisor, clear_pending, end_like, interruptible

        supervisor = Supervisor(self.pid, early)
        try:
            ended = supervisor.run(self.chores)
        except Exception as error:
            say(
                f"signals are no longer handed on ({type(error).__name__}: {error});"
                " please report it"
            )
            ended = supervisor.wait_plainly()
        clear_pending()
        try:
            with interruptible():
                self._collect(ended)
        except KeyboardInterrupt:
            say(
                f"interrupted while run {self.folder.run} was being kept;"
                " the next autotrace command completes it"
            )
        except Exception as error:
            say(
                f"run {self.folder.run} could not be kept ({type(error).__name__}: {error});"
                f" its journals stay in {self.folder.path}, and the next autotrace command"
                " tries again"
            )
        code = end_like(ended.status)
        # The interpreter's own end would take apart, one by one, all that the process's end gives
        # back at once.
        for stream in (sys.stdout, sys.stderr):
            _print_nothing(stream)
        os._exit(code)

    def _chores(self) -> Iterator[None]:
        """What is to be done while the command runs; between the steps, signals are handed on."""
        from autotrace.collector.oom import OutOfMemory

        self.memory = OutOfMemory()
        yield
        try:
            _write_run(self.folder, self.run, self.options, self.config, self.pid, os.getpid())
        except Exception as error:
            self.complaint = (
                f"the run's own record could not be written ({error});"
                " its processes were traced all the same"
            )
        if (os.cpu_count() or 1) > 1:
            for name in NEEDED_AT_THE_END:
                yield
                __import__(name)

    def _collect(self, ended: Ended) -> None:
        for _ in self.chores:
            pass
        from autotrace.collector import finish
        from autotrace.config import home
        from autotrace.store import Store

        memory = self.memory
        finish.write_result(self.folder, ended, memory is not None and memory.happened())
        quiet = self.options.quiet or self.config.quiet
        if not finish.is_over(self.folder):
            if not quiet:
                if finish.journal_bytes(self.folder) > MOST_SUMMARISED_BYTES:
                    self._refer(self.folder.run, "processes that it left still run")
                else:
                    self._summarise(*finish.so_far(self.folder))
            self._leave_to_companion()
            return
        with Store(home(os.environ)) as store:
            run, complaints = finish.collect(self.folder, [store])
            if not quiet and not complaints:
                if run.spans > MOST_SUMMARISED_SPANS:
                    self._refer(run.run, f"it has {run.spans:,} spans, too many to sum up here")
                else:
                    self._summarise(run, store.load(run.run).spans)
        if self.complaint:
            complaints.append(self.complaint)
        for complaint in complaints:
            say(complaint)
        self._take_in_others()

    def _take_in_others(self) -> None:
        """See to the runs that others left behind, without making anybody wait for it."""
        from autotrace.agent import companion
        from autotrace.collector.recover import is_left_behind
        from autotrace.config import home
        from autotrace.store.layout import live_folders

        for folder in live_folders(home(os.environ)):
            if is_left_behind(folder):
                companion.start(folder, sys.executable, pid=companion.NO_RUN)
                return

    def _summarise(self, run: Run, spans: Sequence[Span]) -> None:
        from autotrace.terminal.summary import print_summary

        print_summary(run, spans, sys.stderr)

    def _refer(self, run: str, why: str) -> None:
        say(f"the run is kept, and {why}; `autotrace show {run[:6]}` shows it")

    def _leave_to_companion(self) -> None:
        from autotrace.agent import companion
        from autotrace.collector.folder import release

        companion.start(self.folder.path, sys.executable, self.folder.lock, pid=0)
        release(self.folder)


def _print_nothing(stream: TextIO | None) -> None:
    try:
        if stream is not None:
            stream.flush()
    except (OSError, ValueError):
        return


if __name__ == "__main__":
    sys.exit(main())
