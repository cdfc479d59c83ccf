"""Run a Python program and write each statement that its SQLite databases execute to a file.

    python statements.py FILE PROGRAM

SQLite itself reports them: nothing depends on how the program came to send them. One JSON string
for each line.
"""

import json
import runpy
import sqlite3
import sys

file, program = sys.argv[1:]
sys.argv[:] = [program]
sys.path[0] = program.rpartition("/")[0]
connect = sqlite3.connect


def watched(*arguments, **options):
    """Connect as usual, and have the connection report what it executes."""
    connection = connect(*arguments, **options)
    connection.set_trace_callback(lambda text: print(json.dumps(text), file=lines, flush=True))
    return connection


sqlite3.connect = sqlite3.dbapi2.connect = watched
with open(file, "w") as lines:
    runpy.run_path(program, run_name="__main__")
