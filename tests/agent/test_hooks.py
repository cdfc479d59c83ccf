"""Every order of importing and switching on: a library is traced however it comes to be imported, and imports as ever."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]

QUERY = "sqlite3.connect(':memory:').execute('SELECT 1').fetchall()"

ORDERS = {
    "import": f"import sqlite3\n{QUERY}",
    "from import of connect": "from sqlite3 import connect\nconnect(':memory:').execute('SELECT 1').fetchall()",
    "from import of the class": (
        "from sqlite3 import Connection\nConnection(':memory:').execute('SELECT 1').fetchall()"
    ),
    "from dbapi2": (
        "from sqlite3 import dbapi2\ndbapi2.connect(':memory:').execute('SELECT 1').fetchall()"
    ),
    "import_module": (
        "import importlib\nsqlite3 = importlib.import_module('sqlite3.dbapi2')\n" + QUERY
    ),
    "in a function": f"def work():\n    import sqlite3\n    {QUERY}\nwork()",
    "in a thread": (
        f"import threading\ndef work():\n    import sqlite3\n    {QUERY}\n"
        "thread = threading.Thread(target=work)\nthread.start()\nthread.join()"
    ),
    "after a failed import": (
        f"try:\n    import sqlite3.nothing\nexcept ImportError:\n    pass\nimport sqlite3\n{QUERY}"
    ),
    "by find_spec first": (
        f"import importlib.util\nassert importlib.util.find_spec('sqlite3')\nimport sqlite3\n{QUERY}"
    ),
    "again after removal": (
        "import sys, sqlite3\nfor name in [*sys.modules]:\n"
        f"    if name.startswith('sqlite3'): del sys.modules[name]\nimport sqlite3\n{QUERY}"
    ),
}


@pytest.mark.parametrize("order", ORDERS)
def test_in_every_order_it_is_traced_once(order: str, trace: Any) -> None:
    traced = trace(ORDERS[order])
    assert traced.returncode == 0, traced.stderr
    assert [span.name for span in traced.of("sqlite3")] == ["connect", "SELECT"]


def test_imported_before_the_agent_it_is_traced_all_the_same(trace: Any) -> None:
    code = f"""
import os, sys
from sqlite3 import dbapi2 as sqlite3
sys.path.append({str(ROOT)!r})
os.environ['AUTOTRACE_ENABLED'] = '1'
import autotrace.startup
autotrace.startup.activate()
{QUERY}
"""
    traced = trace(code, env={"AUTOTRACE_ENABLED": "0"})
    assert traced.returncode == 0, traced.stderr
    assert [span.name for span in traced.of("sqlite3")] == ["connect", "SELECT"]


def test_import_statements_behave_as_without_us(trace: Any) -> None:
    code = """
import json, sys
import sqlite3, logging, warnings
import importlib, importlib.util, pkgutil, inspect
found = {}
for module in (sqlite3, sqlite3.dbapi2, logging, warnings):
    spec = module.__spec__
    found[module.__name__] = [
        type(module.__loader__).__name__, spec.loader is module.__loader__, vars(spec.loader).keys() <= {'name', 'path'},
        spec.origin == module.__file__, importlib.util.find_spec(module.__name__) is not None,
        inspect.getsourcefile(module) == module.__file__, repr(module), importlib.reload(module) is module,
    ]
assert pkgutil.get_data('sqlite3', '__init__.py')
print(json.dumps(found))
"""
    traced = trace(code)
    bare = trace(code, env={"AUTOTRACE_ENABLED": "0"})
    assert traced.returncode == 0, traced.stderr
    assert json.loads(traced.stdout) == json.loads(bare.stdout)


def test_modules_that_are_never_imported_cost_nothing(trace: Any) -> None:
    traced = trace(
        "import sys\nprint([name for name in sys.modules if 'instrumentations' in name])"
    )
    assert traced.stdout.strip() == "[]"


LIGHT = """
import sys
print(' '.join(sorted(sys.modules)))
"""


def test_at_startup_only_built_in_modules_are_imported(trace: Any) -> None:
    bare = set(trace(LIGHT, env={"AUTOTRACE_ENABLED": "0"}).stdout.split())
    traced = set(trace(LIGHT).stdout.split())
    more = {name for name in traced - bare if name.partition(".")[0] != "autotrace"}
    allowed = {"_contextvars", "_struct", "mmap", "fcntl", "zlib", "atexit", "itertools", "pwd"}
    assert more <= allowed | {"__future__"}


@pytest.mark.parametrize(
    ("setting", "env"),
    [("[modules]\nsqlite3 = false\n", {}), ("", {"AUTOTRACE_DISABLE": "sqlite3,redis"})],
)
def test_a_module_that_is_switched_off_is_left_as_it_is(
    setting: str, env: dict[str, str], trace: Any
) -> None:
    code = f"import sqlite3, _sqlite3\n{QUERY}\nassert sqlite3.Connection is _sqlite3.Connection"
    traced = trace(code, config=setting, env=env)
    assert traced.returncode == 0, traced.stderr
    assert traced.spans == []


def test_an_instrumentation_that_cannot_be_loaded_is_noted_and_the_import_works(trace: Any) -> None:
    code = """
import sys
class Broken:
    def find_spec(self, name, path=None, target=None):
        if name == 'autotrace.instrumentations.sqlite3':
            raise RuntimeError('broken')
sys.meta_path.insert(0, Broken())
import sqlite3
print(sqlite3.connect(':memory:').execute('SELECT 42').fetchone())
"""
    traced = trace(code, faults=True)
    assert traced.stdout == "(42,)\n"
    assert [place for place, _ in traced.faults] == ["instrumentation of sqlite3"]


def test_other_packages_bring_instrumentations(trace: Any, tmp_path: Path) -> None:
    packages = tmp_path / "lib" / "site-packages"
    (packages / "acme-1.0.dist-info").mkdir(parents=True)
    (packages / "acme-1.0.dist-info" / "entry_points.txt").write_text(
        "[console_scripts]\nx = y:z\n\n[autotrace.instrumentations]\nacme = acme_tracing.hooks\n"
    )
    (packages / "acme.py").write_text("class Client:\n    def call(self, what): return what * 2\n")
    (packages / "acme_tracing").mkdir()
    (packages / "acme_tracing" / "__init__.py").write_text("")
    (packages / "acme_tracing" / "hooks.py").write_text(
        "from autotrace.agent import around, plain\n"
        "calling = plain('acme.call', 'client')\n"
        "@around('acme:Client.call')\n"
        "def call(client, what):\n"
        "    span = calling()\n"
        "    span['acme.result'] = yield span\n"
    )
    for _ in range(2):  # looked through, then remembered
        traced = trace(
            "import acme\nprint(acme.Client().call(21))",
            env={"PYTHONPATH": f"{ROOT}:{packages}"},
        )
        assert traced.stdout == "42\n", traced.stderr
        assert [span.fields["acme.result"] for span in traced.named("acme.call")] == [42]
