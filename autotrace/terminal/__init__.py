"""What is drawn in a terminal: the list of runs, a run as a waterfall, one span, a job's summary.

Everything takes plain values and a ``Paper`` to write on, and knows neither the store nor the
commands. What comes out of a span is made safe before it is printed: see
``autotrace.terminal.text``.
"""

from __future__ import annotations
