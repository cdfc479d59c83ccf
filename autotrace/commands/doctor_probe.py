"""What `autotrace doctor` runs inside the interpreter that it looks at; prints JSON to its stdout.

It is read and executed with ``PYTHON -c`` by path, so that the interpreter need not have autotrace:
``package`` is the folder of the autotrace that asks, and that one is loaded. Nothing is traced
here.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import site
import sys
from typing import Any


def probe(package: str, off: list[str]) -> dict[str, Any]:
    """Return what this interpreter is, how autotrace would start in it, and what it would trace.

    ``package`` is the folder of the package autotrace, ``off`` are modules not to be traced.
    """
    answer: dict[str, Any] = {
        "executable": sys.executable,
        "version": ".".join(map(str, sys.version_info[:3])),
        "prefix": sys.prefix,
    }
    answer["startup_files"] = _startup_files()
    own = importlib.util.find_spec("autotrace")
    answer["package"] = os.path.dirname(own.origin) if own and own.origin else None
    _load(package)
    from autotrace.startup import _refusal

    answer["refusal"] = _refusal()
    answer["libraries"] = [] if answer["refusal"] else _libraries(set(off))
    return answer


def _startup_files() -> list[str]:
    """Return the paths of the files by which autotrace starts with this interpreter."""
    folders = [*site.getsitepackages(), site.getusersitepackages()]
    folders += [entry for entry in sys.path if entry.endswith(("site-packages", "dist-packages"))]
    found = []
    for folder in dict.fromkeys(folders):
        for name in ("autotrace.pth", "autotrace.start"):
            path = os.path.join(folder, name)
            if os.path.isfile(path):
                found.append(path)
    return found


def _load(package: str) -> None:
    """Import the autotrace that asks, in place of one that is installed here."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "autotrace"]:
        del sys.modules[name]
    spec = importlib.util.spec_from_file_location(
        "autotrace", os.path.join(package, "__init__.py"), submodule_search_locations=[package]
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["autotrace"] = module
    spec.loader.exec_module(module)


def _libraries(off: set[str]) -> list[dict[str, Any]]:
    """Return each instrumentation with its library: installed or not, hooked or not."""
    from autotrace.agent import hooks, plugins

    sources = {name: f"autotrace.instrumentations.{name}" for name in hooks.available()}
    for name, source in plugins.third_party().items():
        sources[name] = source
    packages = importlib.metadata.packages_distributions()
    return [
        _library(name, source, packages, name in off) for name, source in sorted(sources.items())
    ]


def _library(name: str, source: str, packages: Any, off: bool) -> dict[str, Any]:
    """Return what can be said of the library ``name``, whose hooks are in the module ``source``."""
    answer: dict[str, Any] = {
        "module": name,
        "instrumentation": source,
        "version": None,
        "state": "traced",
        "hooked": 0,
        "missing": [],
        "problem": "",
    }
    try:
        found = importlib.util.find_spec(name)
    except Exception as error:
        found = None
        answer["problem"] = f"{type(error).__name__}: {error}"
    if found is None:
        answer["state"] = "not installed"
        return answer
    answer["version"] = _version(name, packages)
    if off:
        answer["state"] = "switched off"
        return answer
    try:
        _hook(name, source, answer)
    except Exception as error:
        answer["problem"] = f"{type(error).__name__}: {error}"
    if answer["problem"] or answer["missing"]:
        answer["state"] = "in part" if answer["hooked"] else "failed"
    return answer


def _version(name: str, packages: Any) -> str | None:
    """Return the version of the distribution that brings the module ``name``."""
    if name in sys.stdlib_module_names:
        return f"of Python {'.'.join(map(str, sys.version_info[:3]))}"
    for distribution in packages.get(name, ()):
        return str(importlib.metadata.version(distribution))
    return None


def _hook(name: str, source: str, answer: dict[str, Any]) -> None:
    """Import the library and apply the hooks to it; count what was found and name what was not."""
    from autotrace.agent import instrument

    before = {id(target) for waiting in instrument.targets.values() for target in waiting}
    __import__(source)
    __import__(name)
    for module, waiting in list(instrument.targets.items()):
        new = [target for target in waiting if id(target) not in before]
        if not new:
            continue
        try:
            __import__(module)
        except ImportError as error:
            if not all(target.optional for target in new):
                answer["problem"] = f"{module} could not be imported: {error}"
            continue
        instrument.apply(sys.modules[module], module)
        for target in new:
            if target.state == "hooked":
                answer["hooked"] += 1
            elif not target.optional:
                answer["missing"].append(f"{target.module}:{target.path}")


# The file is executed as text: `package` and `off` are put into its namespace by who does so.
if __name__ == "__main__":
    _out = os.dup(1)
    # What a library prints while it is imported must not get between the braces.
    os.dup2(2, 1)
    _text = json.dumps(probe(globals()["package"], globals()["off"]))
    os.write(_out, _text.encode())
