"""A small table in memory, read by primary key: python sqlite3_calls.py REPORT CALLS."""

import sqlite3
import sys

import clock

QUERY = "SELECT name, email FROM customers WHERE id = ?"


def customers() -> sqlite3.Connection:
    """A database in memory with 100 customers."""
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT, email TEXT)")
    rows = [(number, f"name {number}", f"{number}@example.com") for number in range(100)]
    connection.executemany("INSERT INTO customers VALUES (?, ?, ?)", rows)
    connection.commit()
    return connection


def main() -> None:
    """Measure ``cursor.execute`` alone, and with the rows fetched."""
    calls = int(sys.argv[2])
    cursor = customers().cursor()

    def execute(times: int) -> None:
        for number in range(times):
            cursor.execute(QUERY, (number % 100,))

    def execute_and_fetch(times: int) -> None:
        for number in range(times):
            cursor.execute(QUERY, (number % 100,))
            cursor.fetchall()

    clock.write(
        execute=clock.cpu_microseconds(execute, calls),
        execute_and_fetch=clock.cpu_microseconds(execute_and_fetch, calls),
    )


if __name__ == "__main__":
    main()
