"""Run one command and write down what it cost: CPU, peak memory, seconds, how it ended.

    python -I -S reap.py REPORT [--adopt] COMMAND...

The kernel's own figures for one process (``wait4``), taken by a parent so small that it neither
disturbs them nor lifts the child's peak memory (a child's ``ru_maxrss`` begins with its parent's).
``-I -S`` keeps every agent out of this process: neither PYTHONPATH nor a ``.pth`` file is read.

With ``--adopt`` it also becomes the parent of whatever the command leaves behind (a detached
collector), waits for that too and counts it apart. REPORT is a JSON file; the exit status is 0
however the command ended, 127 when it could not be started.
"""

import os
import sys
import time

PR_SET_CHILD_SUBREAPER = 36


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent has gone.

    Raises OSError where the kernel refuses.
    """
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


def cpu_seconds(usage: object) -> float:
    """User and system seconds of a ``resource.struct_rusage``, waited-for children included."""
    return usage.ru_utime + usage.ru_stime  # type: ignore[attr-defined]


def main(argv: list[str]) -> int:
    """Run ``argv[2:]``, wait for it, write the report to ``argv[1]``; returns the exit status."""
    report, command = argv[1], argv[2:]
    adopting = command[:1] == ["--adopt"]
    if adopting:
        command = command[1:]
        adopt_orphans()
    began = time.monotonic()
    try:
        pid = os.posix_spawnp(command[0], command, os.environ)
    except OSError as error:
        print(f"reap: {command[0]} could not be started: {error}", file=sys.stderr)
        return 127
    _, status, usage = os.wait4(pid, 0)
    seconds = time.monotonic() - began
    adopted_cpu, adopted = 0.0, 0
    while adopting:
        try:
            _, _, orphan = os.wait4(-1, 0)
        except ChildProcessError:
            break
        adopted_cpu += cpu_seconds(orphan)
        adopted += 1
    import json
    import resource

    result = {
        "cpu_s": cpu_seconds(usage),
        "seconds": seconds,
        "max_rss_kib": usage.ru_maxrss,
        "exit": os.waitstatus_to_exitcode(status),
        "adopted": adopted,
        "adopted_cpu_s": adopted_cpu,
    }
    with open(report, "w", encoding="ascii") as file:
        own = cpu_seconds(resource.getrusage(resource.RUSAGE_SELF))
        json.dump({**result, "own_cpu_s": own}, file)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv))
