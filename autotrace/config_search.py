"""Take the settings of the file that configures a job, at little cost.

Reading TOML costs a start some 30 ms, so what a file says is kept in the folder ``cache`` of
autotrace's home, and read from there until the file changes.
"""

from __future__ import annotations

import os
import sys
import time

from autotrace.config import (
    SETTINGS,
    Config,
    ConfigError,
    home,
    pack,
    read_own,
    unpack,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from autotrace.config import Layer

LARGEST_FILE = 1 << 20
"""Bytes of the largest file that is read."""

_MAGIC = b"ATCACHE\n"
_HEADING = b"[tool.autotrace"
_SETTLED = 2.0
"""Seconds after which a change of a file is sure to give it another time."""


def first(paths: Sequence[str], problems: list[str]) -> tuple[str, bytes, os.stat_result] | None:
    """Give the first of some files that configures a job: path, content, status; None if none does.

    An ``autotrace.toml`` does, even one that cannot be read; a ``pyproject.toml`` does if it has a
    table ``[tool.autotrace]``. What cannot be read is noted in ``problems``.
    """
    for path in paths:
        own = not path.endswith("/pyproject.toml")
        if not own and os.path.isdir(path):
            continue
        content = read_file(path, problems)
        if content is None:
            if own:
                return None
        elif (own or _has_table(content[0])) and _trusted(path, content[1], problems):
            return path, *content
    return None


def take_first(config: Config, paths: Sequence[str], environ: Mapping[str, str]) -> None:
    """Lay the settings of the first file that configures a job over those of ``config``."""
    problems: list[str] = []
    found = first(paths, problems)
    for problem in problems:
        config.add_problem(problem)
    if found:
        _take(config, *found, environ)


def take_named(config: Config, path: str, environ: Mapping[str, str]) -> None:
    """Lay the settings of the file ``path`` over those of ``config``."""
    problems: list[str] = []
    path = os.path.abspath(path)
    content = read_file(path, problems)
    for problem in problems:
        config.add_problem(f"AUTOTRACE_CONFIG: {problem}")
    if content:
        _take(config, path, *content, environ)


def read_file(path: str, problems: list[str]) -> tuple[bytes, os.stat_result] | None:
    """Read a configuration file and its status; None and a problem where that cannot be."""
    try:
        # Without O_NONBLOCK a pipe of that name would hold the job forever.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        problems.append(f"{path}: cannot be read ({error.strerror}), so its settings are not used")
        return None
    try:
        status = os.fstat(descriptor)
        kind = status.st_mode & 0o170000
        if kind != 0o100000:
            what = "a folder" if kind == 0o040000 else "no regular file"
            problems.append(f"{path}: is {what}, so there are no settings in it")
            return None
        if status.st_size > LARGEST_FILE:
            problems.append(f"{path}: is larger than 1 MiB, so its settings are not used")
            return None
        return os.read(descriptor, status.st_size + 1), status
    except OSError as error:
        problems.append(f"{path}: cannot be read ({error.strerror}), so its settings are not used")
        return None
    finally:
        os.close(descriptor)


def _has_table(data: bytes) -> bool:
    """Say whether a pyproject.toml has a table that begins with ``[tool.autotrace``."""
    position = data.find(_HEADING)
    while position >= 0:
        line = data.rfind(b"\n", 0, position) + 1
        end = position + len(_HEADING)
        if not data[line:position].strip() and data[end : end + 1] in (b"]", b".", b" ", b"\t"):
            return True
        position = data.find(_HEADING, end)
    return False


def _trusted(path: str, status: os.stat_result, problems: list[str]) -> bool:
    """Say no to another user's file in a folder that everybody can write, such as ``/tmp``."""
    if status.st_uid in (os.geteuid(), 0):
        return True
    if not os.stat(os.path.dirname(path) or "/").st_mode & 0o002:
        return True
    problems.append(
        f"{path}: not used: it belongs to another user, in a folder that everybody can write"
    )
    return False


def _take(
    config: Config, path: str, data: bytes, status: os.stat_result, environ: Mapping[str, str]
) -> None:
    """Lay a file's settings over those of ``config``, from the cache where that is still right."""
    stamp = _stamp(path, status)
    cache = _cache_path(path, environ)
    known = _from_cache(cache, stamp)
    if known is None:
        try:
            if sys.version_info < (3, 11):
                # asked first, so that a job without it does not import all the rest at each start
                import tomli  # type: ignore[import-not-found,unused-ignore]  # noqa: F401
            from autotrace.config_file import check

            known = check(path, data)
        except ImportError as error:
            config.add_problem(
                f"{path}: its settings are not used: Python {sys.version_info[0]}."
                f"{sys.version_info[1]} cannot read TOML without the package tomli ({error})"
            )
            return
        if abs(time.time() - status.st_mtime) > _SETTLED:
            _to_cache(cache, stamp, known)
    layer, problems = known
    config.source = path
    config.take(layer)
    for problem in problems:
        config.add_problem(problem)


def _stamp(path: str, status: os.stat_result) -> tuple[object, ...]:
    """Give what must be the same for a kept result to be right: the file, our own code, Python."""
    ours: list[object] = []
    folder = os.path.dirname(os.path.abspath(__file__))
    for name in ("config.py", "config_values.py", "config_file.py"):
        try:
            code = os.stat(f"{folder}/{name}")
        except OSError:
            continue
        ours += (code.st_mtime_ns, code.st_size, code.st_ino)
    return (
        path,
        status.st_mtime_ns,
        status.st_ctime_ns,
        status.st_size,
        status.st_ino,
        status.st_dev,
        sys.hexversion,
        *ours,
    )


def _cache_path(path: str, environ: Mapping[str, str]) -> str:
    """Give the path of the file that keeps what ``path`` says."""
    from zlib import crc32

    return f"{home(environ)}/cache/config-{crc32(os.fsencode(path)):08x}"


def _from_cache(cache: str, stamp: tuple[object, ...]) -> tuple[Layer, list[str]] | None:
    """Read settings and problems as they were kept; None where they are not there or not right."""
    try:
        value = unpack(_MAGIC, read_own(cache))
    except (OSError, ConfigError):
        return None
    if not isinstance(value, tuple) or len(value) != 3 or value[0] != stamp:
        return None
    layer, problems = value[1:]
    if not isinstance(layer, dict) or not isinstance(problems, list):
        return None
    defaults = {setting.attribute: setting.default for setting in SETTINGS}
    for attribute, setting in layer.items():
        if type(setting) is not type(defaults.get(attribute)):
            return None
    return layer, [str(problem) for problem in problems]


def _to_cache(cache: str, stamp: tuple[object, ...], known: tuple[Layer, list[str]]) -> None:
    """Keep settings and problems for the next start; where that cannot be, it is done without."""
    folder = os.path.dirname(cache)
    aside = f"{cache}.{os.getpid()}"
    try:
        os.makedirs(os.path.dirname(folder), 0o700, exist_ok=True)
        if not os.path.isdir(folder):
            os.mkdir(folder, 0o700)
        blob = pack(_MAGIC, (stamp, *known))
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(aside, flags, 0o600)
    except (OSError, ValueError):
        return
    try:
        try:
            whole = os.write(descriptor, blob) == len(blob)
        finally:
            os.close(descriptor)
        if whole:
            os.rename(aside, cache)
            return
    except OSError:
        pass
    try:
        os.unlink(aside)
    except OSError:
        pass
