"""Telling a kill for want of memory from any other SIGKILL.

The kernel counts the former for each group of processes.
"""

from __future__ import annotations

import os


class OutOfMemory:
    """Whether something of this group was killed for want of memory since this was made."""

    def __init__(self) -> None:
        """Remember how things stand."""
        self._counter = find_counter()
        self._before = read_counter(self._counter)

    def happened(self) -> bool:
        """Say whether it did."""
        return read_counter(self._counter) > self._before


def read_counter(counter: tuple[str, bytes] | None) -> int:
    """Read a counter that `find_counter` found; 0 where there is none or it cannot be read."""
    if counter is None:
        return 0
    path, key = counter
    try:
        with open(path, "rb") as file:
            for line in file:
                name, _, value = line.partition(b" ")
                if name == key:
                    return int(value)
    except (OSError, ValueError):
        return 0
    return 0


def find_counter() -> tuple[str, bytes] | None:
    """Return file and key of the counter of kills that concern this process and what it starts.

    That of its control group (version 2, then 1), else that of the whole machine; None without any.
    """
    for path, key in _candidates():
        if os.access(path, os.R_OK):
            return path, key
    return None


def _candidates() -> list[tuple[str, bytes]]:
    found: list[tuple[str, bytes]] = []
    for kind, folder in _group_folders():
        if kind == "cgroup2":
            found.append((f"{folder}/memory.events", b"oom_kill"))
        else:
            found.append((f"{folder}/memory.oom_control", b"oom_kill"))
    found.append(("/proc/vmstat", b"oom_kill"))
    return found


def _group_folders() -> list[tuple[str, str]]:
    """Kind (``cgroup2``, ``cgroup``) and folder of the groups with this process's memory."""
    try:
        with open("/proc/self/cgroup", encoding="utf-8", errors="surrogateescape") as file:
            groups = [line.rstrip("\n").split(":", 2) for line in file]
        with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
            mounts = [line.rstrip("\n").split(" ") for line in file]
    except OSError:
        return []
    own = {}
    for group in groups:
        if len(group) == 3:
            if group[1] == "":
                own["cgroup2"] = group[2]
            elif "memory" in group[1].split(","):
                own["cgroup"] = group[2]
    folders = []
    for mount in mounts:
        if "-" not in mount:
            continue
        dash = mount.index("-")
        kind = mount[dash + 1]
        if kind not in own or (kind == "cgroup" and "memory" not in mount[-1].split(",")):
            continue
        root, point = mount[3], mount[4]
        group_path = own[kind]
        # In a container, the mount may show only the part of the tree from `root` on.
        below = (
            group_path[len(root) :] if root != "/" and group_path.startswith(root) else group_path
        )
        folders.append((kind, os.path.normpath(f"{point}/{below}")))
    return sorted(folders, key=lambda folder: folder[0] != "cgroup2")
