"""The command line as a whole: help, errors, pipes, terminals, and how quick it is."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
from pathlib import Path
from typing import Any

import pytest
from made_runs import Maker, large

import autotrace as package
from autotrace.commands import main
from autotrace.commands.dispatch import COMMANDS, load_command
from autotrace.store import Store

ROOT = Path(__file__).resolve().parents[2]


def test_help_names_every_command(autotrace: Any) -> None:
    said = autotrace("--help")
    assert said.returncode == 0
    for name in COMMANDS:
        assert f"\n    {name} " in said.stdout
        own = autotrace(name, "--help")
        assert own.returncode == 0
        assert (type(load_command(name)).__doc__ or "").splitlines()[0] in own.stdout


def test_version(autotrace: Any) -> None:
    assert autotrace("--version").stdout == f"autotrace {package.__version__}\n"


@pytest.mark.parametrize(
    ("word", "said"),
    [("lst", "autotrace list"), ("7f3a9c", "autotrace show 7f3a9c"), ("zzz", "autotrace --help")],
)
def test_a_command_that_does_not_exist(autotrace: Any, word: str, said: str) -> None:
    answer = autotrace(word)
    assert (answer.returncode, answer.stdout) == (2, "")
    assert said in answer.stderr


def test_main_returns_and_never_exits(
    capsys: pytest.CaptureFixture[str], home: Path, runs: list[Maker]
) -> None:
    assert main(["list", "--json"]) == 0
    assert main(["list", "--wrong"]) == 2
    assert main(["show", "zz"]) == 1
    assert main(["--help"]) == 0
    assert "usage: autotrace" in capsys.readouterr().out


def test_a_reader_that_has_seen_enough_is_no_error(
    command: list[str], environ: dict[str, str], home: Path
) -> None:
    made = large(5000)
    with Store(home) as store:
        store.write(made.run, made.spans)
    process = subprocess.Popen(
        [*command, "show", "--json"],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.read(10)
    process.stdout.close()
    said = process.stderr.read()
    process.stderr.close()
    assert process.wait(60) == 0
    assert said == b""


def test_an_interrupt_is_quiet(
    command: list[str], environ: dict[str, str], home: Path, tmp_path: Path
) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    made = large(100)
    with Store(home) as store:
        store.write(made.run, made.spans)
    # Opening a pipe that nobody reads waits for ever.
    process = subprocess.Popen(
        [*command, "export", "-o", str(fifo), "--format", "otlp"],
        env=environ,
        stderr=subprocess.PIPE,
    )
    assert process.stderr is not None
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(2)
    process.send_signal(signal.SIGINT)
    said = process.stderr.read()
    process.stderr.close()
    assert process.wait(60) == 130
    assert said == b""


def test_a_home_that_is_no_folder(autotrace: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    said = autotrace("list", env={"AUTOTRACE_HOME": str(tmp_path / "file")})
    assert said.returncode == 1
    assert "AUTOTRACE_HOME" in said.stderr


def in_terminal(command: list[str], environ: dict[str, str], columns: int, *arguments: str) -> str:
    """What a command prints in a terminal of so many columns."""
    controller, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    environ = {name: value for name, value in environ.items() if name != "COLUMNS"}
    process = subprocess.Popen(
        [*command, *arguments],
        env={**environ, "TERM": "xterm-256color"},
        stdin=subprocess.DEVNULL,
        stdout=terminal,
        stderr=terminal,
    )
    os.close(terminal)
    parts = []
    while True:
        try:
            part = os.read(controller, 65536)
        except OSError:  # the other side is closed
            break
        if not part:
            break
        parts.append(part)
    os.close(controller)
    assert process.wait(60) == 0
    return b"".join(parts).decode()


def test_a_terminal_s_width_and_colours(
    command: list[str], environ: dict[str, str], runs: list[Maker]
) -> None:
    wide = in_terminal(command, environ, 150, "show")
    narrow = in_terminal(command, environ, 50, "show")
    assert "\x1b[31m" in wide
    assert len(narrow.splitlines()) >= len(wide.splitlines())
    environ["NO_COLOR"] = "1"
    plain = in_terminal(command, environ, 50, "show")
    assert "\x1b" not in plain
    assert max(map(len, plain.splitlines())) <= 50
    assert (
        max(map(len, in_terminal(command, {**environ, "NO_COLOR": "1"}, 150, "show").splitlines()))
        > 100
    )


def test_an_old_terminal_s_encoding(autotrace: Any, runs: list[Maker]) -> None:
    said = autotrace("show", env={"PYTHONIOENCODING": "ascii"})
    assert said.returncode == 0
    assert said.stdout.isascii()
    assert "push_customer x14" in said.stdout


def test_listing_imports_only_what_it_needs(environ: dict[str, str], runs: list[Maker]) -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); "
        "from autotrace.commands import main; main(['list']); "
        "heavy = {'rich', 'subprocess', 'asyncio', 'logging', 'socket', 'unittest', "
        "'autotrace.commands.show', 'autotrace.commands.doctor', 'autotrace.collector.recover'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    said = subprocess.run(
        [sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True
    )
    assert said.stdout.splitlines()[-1] == "[]"


def test_the_runner_passes_without_imports(environ: dict[str, str]) -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); import autotrace.commands; "
        "print('argparse' in sys.modules)"
    )
    said = subprocess.run(
        [sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True
    )
    assert said.stdout.strip() == "False"
