"""Switches autotrace on in interpreters that do not have it installed.

`autotrace-run` puts the folder of this file first on PYTHONPATH, where every interpreter that the
job starts finds it. The program must not be able to tell: the folder is taken off the path again,
and the `sitecustomize` that would have been imported without autotrace is imported after all.

Any Python may come by here, so that the syntax has to be valid in 2.7 and in every 3.x. Nothing may
be imported that the interpreter has not loaded already.
"""

import os
import sys

# Python 2 clears a module that leaves sys.modules while its code still runs, unless it is held.
_self = sys.modules.get(__name__)


def _enabled():
    """Say whether AUTOTRACE_ENABLED switches tracing on."""
    value = os.environ.get("AUTOTRACE_ENABLED", "").strip().lower()
    return value not in ("", "0", "false", "no", "off")


def _leave_path(folder):
    """Take `folder` off `sys.path` and off the PYTHONPATH that the program sees.

    The C environment keeps it: children inherit it from there.
    """
    # `site` has made the entries absolute.
    sys.path[:] = [entry for entry in sys.path if entry != folder]
    sys.path_importer_cache.pop(folder, None)
    entries = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    others = [entry for entry in entries if not entry or os.path.abspath(entry) != folder]
    left = os.pathsep.join(others)
    if sys.version_info[0] == 2:
        seen, key, value = os.environ.data, "PYTHONPATH", left
    else:
        seen, key = os.environ._data, os.environ.encodekey("PYTHONPATH")
        value = os.environ.encodevalue(left)
    if value:
        seen[key] = value
    else:
        seen.pop(key, None)


def _activate(folder):
    """Load the `autotrace` package that this file belongs to, and switch it on."""
    version = sys.version_info[:2]
    if not (3, 10) <= version <= (3, 14):
        _say("Python %d.%d is not supported, only 3.10 to 3.14 are" % version)
    elif "autotrace" not in sys.modules:  # else an installed one came first, through its .pth file
        _load(folder)
        from autotrace.startup import activate

        activate()


def _load(folder):
    """Import `autotrace` from where it lies, without a look at `sys.path`."""
    import _frozen_importlib
    import _frozen_importlib_external

    if os.path.basename(folder) == "bootstrap":
        package = os.path.dirname(folder)
    else:  # in a checkout, this file lies beside the package
        package = os.path.join(folder, "autotrace")
    spec = _frozen_importlib_external.spec_from_file_location(
        "autotrace",
        os.path.join(package, "__init__.py"),
        submodule_search_locations=[package],
    )
    module = _frozen_importlib.module_from_spec(spec)
    sys.modules["autotrace"] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules["autotrace"]
        raise


def _say(text):
    """Write one line to stderr. Never raises."""
    try:
        line = "autotrace: %s; this program runs untraced\n" % text
        os.write(2, line.encode("utf-8", "replace"))
    except Exception:
        pass


# `python -m sitecustomize` and tools that import every file must not start anything.
if __name__ == "sitecustomize":
    try:
        _folder = os.path.dirname(os.path.abspath(__file__))
        _leave_path(_folder)
        if _enabled():
            _activate(_folder)
    except Exception as _error:
        _say("could not start (%s: %s)" % (type(_error).__name__, " ".join(str(_error).split())))
    # The next one on the path takes this one's place. Where there is none, the ImportError goes on
    # to `site`, which expects it, and nothing is left of this module.
    del sys.modules["sitecustomize"]
    import sitecustomize  # noqa: F401
