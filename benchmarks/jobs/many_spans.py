"""COUNT statements one after the other, then an ordinary end, or SIGKILL half a second later.

python many_spans.py REPORT COUNT [kill]
"""

import os
import signal
import sys
import time

import clock
from sqlite3_calls import QUERY, customers


def main() -> None:
    """Execute, note the CPU of the loop, end."""
    count = int(sys.argv[2])
    cursor = customers().cursor()
    before = time.process_time_ns()
    for number in range(count):
        cursor.execute(QUERY, (number % 100,))
    clock.write(loop_cpu_s=(time.process_time_ns() - before) / 1e9)
    if sys.argv[3:] == ["kill"]:
        # Long enough for an exporter that is at work to send what it holds ready.
        time.sleep(0.5)
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main()
