"""A small JSON document from a loopback server: python requests_calls.py REPORT CALLS URL."""

import sys

import clock
import requests


def main() -> None:
    """Measure ``Session.get`` on a kept connection, and ``requests.get``, which opens a new one."""
    calls, url = int(sys.argv[2]), sys.argv[3]
    session = requests.Session()

    def kept(times: int) -> None:
        for _ in range(times):
            session.get(url)

    def opened(times: int) -> None:
        for _ in range(times):
            requests.get(url)

    clock.write(
        session_get=clock.cpu_microseconds(kept, calls),
        get=clock.cpu_microseconds(opened, calls // 2),
    )
    session.close()


if __name__ == "__main__":
    main()
