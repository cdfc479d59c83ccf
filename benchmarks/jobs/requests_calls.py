"""A small document from a loopback server: python requests_calls.py REPORT CALLS URL."""

import sys

import clock
import requests


def main() -> None:
    """Measure ``Session.get`` of text and of JSON, and ``requests.get``, a connection each."""
    calls, url = int(sys.argv[2]), sys.argv[3]
    session = requests.Session()

    def text(times: int) -> None:
        for _ in range(times):
            session.get(f"{url}/report.txt")

    def document(times: int) -> None:
        for _ in range(times):
            session.get(f"{url}/v1/customers/cus_1")

    def opened(times: int) -> None:
        for _ in range(times):
            requests.get(f"{url}/report.txt")

    clock.write(
        session_get=clock.cpu_microseconds(text, calls),
        session_get_json=clock.cpu_microseconds(document, calls),
        get=clock.cpu_microseconds(opened, calls // 2),
    )
    session.close()


if __name__ == "__main__":
    main()
