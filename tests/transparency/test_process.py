"""A traced process beside an untraced one, point by point: what a program can see of itself is the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]

DOCUMENTED = {
    "AUTOTRACE_ENABLED",
    "AUTOTRACE_RUN",
    "AUTOTRACE_CONFIG",
    "TRACEPARENT",
    "AUTOTRACE_HOME",
}

LOOK = """
import gc, json, os, resource, signal, sys, threading
def fds():
    found = {}
    for name in os.listdir('/proc/self/fd'):
        try: found[int(name)] = os.readlink('/proc/self/fd/' + name)
        except OSError: pass
    return sorted(number for number in found if number < 10)
def outcome(call):
    try: return repr(call())
    except Exception as error: return type(error).__name__
seen = {
    'environ': dict(os.environ), 'path': sys.path, 'argv': sys.argv, 'orig_argv': sys.orig_argv,
    'threads': [thread.name for thread in threading.enumerate()], 'native threads': len(os.listdir('/proc/self/task')),
    'low descriptors': fds(), 'children': outcome(os.wait), 'wait3': outcome(lambda: os.waitpid(-1, os.WNOHANG)),
    'excepthook': sys.excepthook is sys.__excepthook__, 'threading hook': threading.excepthook is threading.__excepthook__,
    'displayhook': sys.displayhook is sys.__displayhook__, 'unraisable': sys.unraisablehook is sys.__unraisablehook__,
    'signals': {name.name: str(signal.getsignal(name)) for name in signal.valid_signals() if isinstance(name, signal.Signals)},
    'mask': sorted(map(int, signal.pthread_sigmask(signal.SIG_BLOCK, []))), 'timer': signal.getitimer(signal.ITIMER_REAL),
    'gc': [gc.isenabled(), gc.get_threshold(), gc.callbacks], 'recursion': sys.getrecursionlimit(),
    'switch': sys.getswitchinterval(), 'trace': [str(sys.gettrace()), str(sys.getprofile())], 'flags': str(sys.flags),
    'umask': os.umask(0o22), 'cwd': os.getcwd(), 'group': os.getpgrp() == os.getpgid(os.getppid()), 'session': os.getsid(0) == os.getsid(os.getppid()),
    'limits': [resource.getrlimit(getattr(resource, name)) for name in dir(resource) if name.startswith('RLIMIT_')],
    'nice': os.nice(0), 'stdio': [type(s).__name__ + str(s.encoding) + str(s.line_buffering) for s in (sys.stdin, sys.stdout, sys.stderr)],
    'main': sorted(name for name in vars(sys.modules['__main__']) if name.startswith('__')),
    'sitecustomize': outcome(lambda: __import__('sitecustomize')), 'usercustomize': outcome(lambda: __import__('usercustomize')),
    'path hooks': len(sys.path_hooks), 'builtins': sorted(vars(__import__('builtins'))),
    'warnings': [str(f) for f in __import__('warnings').filters], 'locale': __import__('locale').setlocale(0),
    'stdin': sys.stdin.read(), 'int digits': sys.get_int_max_str_digits() if hasattr(sys, 'get_int_max_str_digits') else 0,
}
print(json.dumps(seen, default=str))
sys.stderr.write('to stderr\\n')
sys.exit(7)
"""

WAYS = ["bare", "switched on", "autotrace-run", "autotrace-run --exec"]


def run(way: str, folder: Path, code: str, **more: str) -> subprocess.CompletedProcess[str]:
    (folder / "job.py").write_text(code)
    command = [sys.executable, "job.py", "one", "two"]
    env = {**os.environ, **more}
    if way == "switched on":
        env |= {"AUTOTRACE_ENABLED": "1", "PYTHONPATH": str(ROOT)}
    elif way.startswith("autotrace-run"):
        start = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from autotrace.commands.run import main; sys.exit(main())"
        options = ["-q"] if way == "autotrace-run" else ["--exec"]
        command = [sys.executable, "-c", start, *options, *command]
    return subprocess.run(
        command,
        cwd=folder,
        env=env,
        input="typed",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


def differences(bare: dict[str, Any], traced: dict[str, Any]) -> dict[str, Any]:
    return {
        name: (bare[name], traced[name])
        for name in bare
        if name != "environ" and bare[name] != traced[name]
    }


@pytest.mark.parametrize("way", WAYS[1:])
def test_a_process_sees_of_itself_what_it_saw(way: str, folder: Path) -> None:
    bare, traced = run("bare", folder, LOOK), run(way, folder, LOOK)
    assert (
        (traced.returncode, traced.stderr) == (bare.returncode, bare.stderr) == (7, "to stderr\n")
    )
    before, after = json.loads(bare.stdout), json.loads(traced.stdout)
    assert differences(before, after) == {}
    more = {
        name: value
        for name, value in after["environ"].items()
        if before["environ"].get(name) != value
    }
    assert set(more) <= DOCUMENTED
    assert {"AUTOTRACE_RUN", "TRACEPARENT"} <= set(more), "it was not traced at all"
    assert set(before["environ"]) <= set(after["environ"])


@pytest.mark.parametrize("way", WAYS[1:])
def test_the_users_own_path_and_sitecustomize_stay(way: str, folder: Path) -> None:
    own = folder / "own"
    own.mkdir()
    (own / "sitecustomize.py").write_text("import builtins\nbuiltins.own = 'mine'\n")
    code = (
        "import json, os, sys\nimport sitecustomize\n"
        "print(json.dumps([own, sys.path, os.environ['PYTHONPATH'], sitecustomize.__file__]))\n"
    )
    bare = run("bare", folder, code, PYTHONPATH=str(own))
    if way == "switched on":
        (folder / "job.py").write_text(code)
        traced = subprocess.run(
            [sys.executable, "job.py"],
            cwd=folder,
            env={**os.environ, "AUTOTRACE_ENABLED": "1", "PYTHONPATH": f"{ROOT}:{own}"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    else:
        traced = run(way, folder, code, PYTHONPATH=str(own))
    assert traced.returncode == 0, traced.stderr
    assert json.loads(traced.stdout) == json.loads(bare.stdout)


ENDINGS = {
    "falls off the end": "print('done')",
    "exit code": "import sys\nsys.exit(3)",
    "exit text": "import sys\nsys.exit('sorry')",
    "exception": "def work():\n    raise ValueError('no')\nwork()",
    "chained exception": "try:\n    1 / 0\nexcept ZeroDivisionError as error:\n    raise KeyError('x') from error",
    "exception group": "import sys\nif sys.version_info >= (3, 11):\n    raise ExceptionGroup('two', [ValueError(1), KeyError(2)])",
    "syntax error": "def broken(:\n",
    "keyboard interrupt": "raise KeyboardInterrupt",
    "_exit": "import os\nos._exit(9)",
    "abort": "import os\nos.abort()",
    "killed": "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)",
    "terminated": "import os, signal\nos.kill(os.getpid(), signal.SIGTERM)",
    "own handler": "import os, signal, sys\nsignal.signal(signal.SIGTERM, lambda *a: sys.exit(5))\nos.kill(os.getpid(), signal.SIGTERM)",
    "atexit": "import atexit\natexit.register(print, 'bye')\nraise SystemExit(4)",
    "failing atexit": "import atexit\natexit.register(lambda: 1 / 0)",
    "thread": "import threading\ndef work():\n    raise ValueError('in a thread')\nt = threading.Thread(target=work, name='worker')\nt.start()\nt.join()",
    "excepthook": "import sys\nsys.excepthook = lambda *a: print('mine', a[0].__name__)\nraise ValueError",
    "closed stderr": "import os\nos.close(2)\nraise ValueError('unseen')",
    "unraisable": "class C:\n    def __del__(self):\n        raise ValueError('del')\nC()",
    "warnings": "import warnings\ndef old():\n    warnings.warn('old', DeprecationWarning, stacklevel=2)\nwarnings.simplefilter('always')\nold()",
    "logging": "import logging\nlogging.basicConfig(format='%(filename)s:%(lineno)d %(funcName)s %(message)s')\ndef f():\n    logging.warning('careful %d', 5)\n    try:\n        1 / 0\n    except ZeroDivisionError:\n        logging.exception('oh')\n    logging.error('bad %d', 'x')\nf()",
    "fork": "import os, sys\npid = os.fork()\nif pid == 0:\n    print('child', flush=True)\n    os._exit(3)\nprint(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))",
    "recursion": "def deep():\n    deep()\ntry:\n    deep()\nexcept RecursionError as error:\n    print(error)",
}


@pytest.mark.parametrize("way", WAYS[1:3])
@pytest.mark.parametrize("ending", ENDINGS)
def test_it_ends_as_it_ended(ending: str, way: str, folder: Path) -> None:
    bare, traced = run("bare", folder, ENDINGS[ending]), run(way, folder, ENDINGS[ending])
    assert traced.returncode == bare.returncode
    assert traced.stdout == bare.stdout
    assert _steady(traced.stderr) == _steady(bare.stderr)


def _steady(text: str) -> str:
    """Without what differs from process to process."""
    import re

    return re.sub(r"0x[0-9a-f]+|Thread-\d+", "…", text)
