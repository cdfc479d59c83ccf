"""What a measured program writes down about itself: a JSON file named by its first argument."""

import json
import sys
import time
from collections.abc import Callable


def cpu_microseconds(repeat: Callable[[int], None], calls: int) -> float:
    """CPU of this process, all its threads, for each of ``calls`` calls, in microseconds.

    ``repeat(n)`` makes the call n times. A tenth of the calls warms up first and is not counted.
    """
    repeat(max(calls // 10, 50))
    before = time.process_time_ns()
    repeat(calls)
    return (time.process_time_ns() - before) / calls / 1000


def write(**figures: float) -> None:
    """Write ``figures`` as the program's last act before its ordinary end."""
    with open(sys.argv[1], "w", encoding="ascii") as file:
        json.dump(figures, file)
