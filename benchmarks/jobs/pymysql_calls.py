"""A row read by primary key over TCP.

python pymysql_calls.py REPORT CALLS HOST PORT USER PASSWORD
"""

import sys

import clock
import pymysql

QUERY = "SELECT name, email FROM customers WHERE id = %s"


def main() -> None:
    """Measure ``cursor.execute`` (PyMySQL reads the whole result in it), and with fetchall."""
    calls = int(sys.argv[2])
    host, port, user, password = sys.argv[3:7]
    connection = pymysql.connect(host=host, port=int(port), user=user, password=password)
    cursor = connection.cursor()
    cursor.execute("CREATE DATABASE IF NOT EXISTS benchmark")
    connection.select_db("benchmark")
    cursor.execute("DROP TABLE IF EXISTS customers")
    cursor.execute(
        "CREATE TABLE customers (id INT PRIMARY KEY, name VARCHAR(50), email VARCHAR(50))"
    )
    rows = [(number, f"name {number}", f"{number}@example.com") for number in range(100)]
    cursor.executemany("INSERT INTO customers VALUES (%s, %s, %s)", rows)
    connection.commit()

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
    connection.close()


if __name__ == "__main__":
    main()
