"""Finds the instrumentation of a library at the moment the library is first imported.

The registry is the folder: `instrumentations/requests.py` is loaded when a module named `requests` is, no matter
who imports it, and before that module runs; each module that a hook names is wrapped as soon as it has been
executed. A library that is never imported costs one dictionary look-up for each import.
"""

from __future__ import annotations

import os
import sys

from autotrace.agent import tracer
from autotrace.agent.instrument import apply, targets
from autotrace.agent.plugins import third_party
from autotrace.agent.tracer import fault, process_fields

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from autotrace.config import Config

_package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def folders() -> list[str]:
    """Where the instrumentations lie: in the package, or in a checkout beside it."""
    inside = f"{_package}/instrumentations"
    beside = f"{os.path.dirname(_package)}/instrumentations"
    if os.path.exists(f"{os.path.dirname(_package)}/pyproject.toml") and os.path.isdir(beside):
        return [beside]
    return [inside]


def available() -> list[str]:
    """The modules that there is an instrumentation for, by name."""
    names: set[str] = set()
    for folder in folders():
        try:
            entries = os.listdir(folder)
        except OSError:
            continue
        names.update(entry[:-3] for entry in entries if entry.endswith(".py"))
    names.discard("__init__")
    return sorted(names)


_libraries: set[str] = set()
"""Those whose instrumentation was loaded."""


class Finder:
    """A meta path finder that finds nothing itself: it looks on as the others do."""

    __slots__ = ("_busy", "waiting")

    def __init__(self, names: list[str]) -> None:
        self.waiting: dict[str, str | None] = dict.fromkeys(names)
        self._busy: set[str] = set()

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """See `importlib.abc.MetaPathFinder.find_spec`; None for all modules that no hook is about."""
        if name not in self.waiting and name not in targets:
            return None
        if name == "threading":
            tracer.several_threads = True
        if name in self._busy:
            return None
        self._busy.add(name)
        try:
            self.load(name)
            if name not in targets:
                return None
            spec = _real_spec(self, name, path, target)
            if spec is not None and spec.loader is not None:
                _watch(spec, name)
            return spec
        finally:
            self._busy.discard(name)

    def load(self, name: str) -> None:
        """Load the instrumentation of module `name`, if there is one and it is not loaded yet. Never raises."""
        if name not in self.waiting:
            return
        source = self.waiting.pop(name) or f"autotrace.instrumentations.{name}"
        # So that the library itself is waited for too, for its version, where no hook is in that very module.
        targets.setdefault(name, [])
        _libraries.add(name)
        try:
            __import__(source)
        except Exception as error:
            fault(f"instrumentation of {name}", error)


def _real_spec(own: Finder, name: str, path: Any, target: Any) -> Any:
    for finder in list(sys.meta_path):
        find = getattr(finder, "find_spec", None)
        if finder is own or find is None:
            continue
        spec = find(name, path, target)
        if spec is not None:
            return spec
    return None


def note_version(module: Any, name: str) -> None:
    """Write down which version of a library is traced, if `module` is the library itself and says so. Never raises."""
    try:
        if name not in _libraries:
            return
        said = vars(module)
        version = said.get("__version__") or said.get("VERSION") or said.get("sqlite_version")
        if type(version) is str:
            process_fields({f"autotrace.library.{name}": version[:50]})
    except Exception as error:
        fault(f"version of {name}", error)


def _watch(spec: Any, name: str) -> None:
    """Have the hooks of `name` applied right after its loader has executed it.

    The loader stays the very object that it is, so that all that asks a module for its loader gets what it expects.
    """
    loader = spec.loader
    execute = getattr(loader, "exec_module", None)
    if execute is None:
        return

    def exec_module(module: Any) -> None:
        try:
            del loader.exec_module
        except AttributeError:
            pass
        execute(module)
        apply(module, name)
        note_version(module, name)

    try:
        if type(loader) is not type and getattr(loader, "name", None) == name:
            loader.exec_module = exec_module
            return
    except (AttributeError, TypeError):
        pass
    # One loader for many modules (zipimport, built-in ones): it must not be changed for the others.
    spec.loader = _Loader(loader, name)


class _Loader:
    """Hands everything on to another loader, and applies the hooks after execution."""

    def __init__(self, loader: Any, name: str) -> None:
        self._loader = loader
        self._name = name

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def create_module(self, spec: Any) -> Any:
        return self._loader.create_module(spec)

    def exec_module(self, module: Any) -> None:
        spec = getattr(module, "__spec__", None)
        if spec is not None:
            spec.loader = self._loader
        module.__loader__ = self._loader
        self._loader.exec_module(module)
        apply(module, self._name)
        note_version(module, self._name)


def install(config: Config) -> Finder:
    """Begin to watch imports; what is imported already is wrapped at once."""
    finder = Finder([name for name in available() if config.traces(name)])
    for name, source in third_party().items():
        if config.traces(name):
            finder.waiting[name] = source
    # Registers the hooks of `warnings`, `logging` and `threading`.
    import autotrace.agent.records  # noqa: F401

    tracer.several_threads = "threading" in sys.modules
    sys.meta_path.insert(0, finder)
    for name in list(finder.waiting):
        if name in sys.modules:
            finder.load(name)
    for name in list(targets):
        module = sys.modules.get(name)
        if module is not None:
            apply(module, name)
            note_version(module, name)
    return finder
