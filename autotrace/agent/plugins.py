"""Instrumentations that other packages bring, through the entry point group `autotrace.instrumentations`.

An entry point's name is the module that is instrumented, its value the module that holds the hooks:

    [project.entry-points."autotrace.instrumentations"]
    redis = "acme_tracing.redis"

`importlib.metadata` would cost a job several times what all else of the start does. So the files are looked
through by hand, once for each state of a folder of packages; what was found is remembered in autotrace's home.
"""

from __future__ import annotations

import os
import sys
from zlib import crc32

from autotrace import config as settings

GROUP = b"[autotrace.instrumentations]"
_MAGIC = b"ATPLUG\r\n"
LARGEST_FILE = 1 << 20


def third_party() -> dict[str, str]:
    """Module names to the modules with their hooks, from all folders of packages on `sys.path`."""
    found: dict[str, str] = {}
    for folder in sys.path:
        if isinstance(folder, str) and folder.endswith(("/site-packages", "/dist-packages")):
            found.update(_of_folder(folder))
    return found


def _of_folder(folder: str) -> dict[str, str]:
    try:
        stamp = os.stat(folder).st_mtime_ns
    except OSError:
        return {}
    cache = f"{settings.home()}/cache"
    path = f"{cache}/plugins-{crc32(folder.encode('utf-8', 'surrogateescape')):08x}"
    try:
        kept = settings.unpack(_MAGIC, settings.read_own(path))
        if isinstance(kept, tuple) and kept[:2] == (folder, stamp):
            return dict(kept[2])
    except (OSError, ValueError, IndexError, TypeError):
        pass
    found = _scan(folder)
    _remember(cache, path, (folder, stamp, found))
    return found


def _scan(folder: str) -> dict[str, str]:
    found: dict[str, str] = {}
    try:
        names = os.listdir(folder)
    except OSError:
        return found
    for name in names:
        if not name.endswith((".dist-info", ".egg-info")):
            continue
        try:
            fd = os.open(f"{folder}/{name}/entry_points.txt", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            text = os.read(fd, LARGEST_FILE)
        except OSError:
            continue
        finally:
            os.close(fd)
        if GROUP in text:
            found.update(_entries(text))
    return found


def _entries(text: bytes) -> dict[str, str]:
    found: dict[str, str] = {}
    inside = False
    for raw in text.decode("utf-8", "replace").splitlines():
        line = raw.strip()
        if line.startswith("["):
            inside = line.encode() == GROUP
        elif inside and "=" in line and not line.startswith("#"):
            name, _, value = line.partition("=")
            module = value.partition("[")[0].strip()
            if name.strip() and module:
                found[name.strip()] = module
    return found


def _remember(cache: str, path: str, value: object) -> None:
    aside = f"{path}.{os.getpid()}"
    try:
        from autotrace.agent.switch import make_folder

        make_folder(settings.home())
        make_folder(cache)
        fd = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            os.write(fd, settings.pack(_MAGIC, value))
        finally:
            os.close(fd)
        os.rename(aside, path)
    except OSError:  # it will be looked through again next time
        pass
