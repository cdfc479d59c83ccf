"""Runs made by hand, for tests of all that looks at runs."""

from __future__ import annotations

from typing import Any

from autotrace.spans import Event, Run, Span

MS = 1_000_000
START = 1_780_000_000 * 1_000_000_000


class Maker:
    """Makes a run: `span` adds one, times in milliseconds since the run's start."""

    def __init__(self, run: str = "7f3a9c21d004", job: str = "sync_job", ms: float = 1000) -> None:
        self.run = Run(
            run=run,
            trace_id="0af7651916cd43dd8448eb211c80319c",
            root_span_id="00000000000000ff",
            job=job,
            command=["python", "sync_job.py", "--all customers"],
            state="ok",
            started_ns=START,
            duration_ns=int(ms * MS),
            exit_code=0,
            cpu_ns=120 * MS,
            max_rss_bytes=54 << 20,
            cwd="/srv/jobs",
            host="worker-3",
            user="cron",
            python="3.11.7",
            pid=4123,
        )
        self.root = Span(
            self.run.root_span_id, None, job, "internal", START, int(ms * MS), pid=4123
        )
        self.spans = [self.root]

    def counted(self) -> Maker:
        """Set the run's counts to what was made; return the maker."""
        self.run.spans = len(self.spans)
        self.run.errors = sum(span.status_code == "error" for span in self.spans)
        return self

    def span(
        self,
        name: str,
        start: float,
        ms: float,
        parent: Span | str | None = None,
        *,
        kind: Any = "internal",
        scope: str = "autotrace.function",
        error: str | None = None,
        pid: int = 4123,
        thread: int = 0,
        events: list[Event] | None = None,
        **attributes: Any,
    ) -> Span:
        """Add a span below `parent` (the root by default); `__` in an attribute's name is a dot."""
        above = self.root if parent is None else parent
        made = Span(
            span_id=f"5f3a11c2{len(self.spans) + 1:08x}",
            parent_id=above if isinstance(above, str) else above.span_id,
            name=name,
            kind=kind,
            start_ns=START + int(start * MS),
            duration_ns=int(ms * MS),
            status_code="unset" if error is None else "error",
            status_message=error or "",
            scope=scope,
            attributes={key.replace("__", "."): value for key, value in attributes.items()},
            events=events or [],
            pid=pid,
            thread=thread,
        )
        self.spans.append(made)
        return made

    def query(
        self, name: str, start: float, ms: float, parent: Span | None = None, **attributes: Any
    ) -> Span:
        """Add a span of a database call."""
        table = name.partition(" ")[2]
        fields = {"db__system__name": "mysql", "db__query__text": f"SELECT * FROM {table}"}
        fields |= attributes
        return self.span(name, start, ms, parent, kind="client", scope="pymysql", **fields)

    def request(
        self,
        method: str,
        url: str,
        start: float,
        ms: float,
        parent: Span | None = None,
        **more: Any,
    ) -> Span:
        """Add a span of an HTTP call."""
        fields = {
            "http__request__method": method,
            "url__full": url,
            "server__address": url.partition("://")[2].partition("/")[0],
            "http__response__status_code": 200,
        } | more
        return self.span(method, start, ms, parent, kind="client", scope="requests", **fields)


def killed_job() -> Maker:
    """A job with all that a run may have: loops, errors, a call under way when it was killed."""
    made = Maker(ms=10_000)
    made.query("SELECT trials", 10, 12, db__response__returned_rows=14)
    stripe = made.span("update_stripe", 100, 3000)
    for number in range(14):
        at = 100 + number * 200
        step = made.span("push_customer", at, 190, stripe)
        for query in range(10):
            made.query("SELECT customers", at + query * 2, 1, step)
        failed = number == 4
        call = made.span(
            "stripe.customers.update",
            at + 30,
            100 + number,
            step,
            kind="client",
            scope="stripe",
            error="Your card was declined." if failed else None,
            events=[
                Event(
                    "exception",
                    START + int((at + 130) * MS),
                    {
                        "exception.type": "stripe.CardError",
                        "exception.stacktrace": (
                            'Traceback (most recent call last):\n  File "sync_job.py", line 61\n'
                            "stripe.CardError: Your card was declined."
                        ),
                    },
                )
            ]
            if failed
            else None,
            stripe__object_id=f"cus_{number}",
            **({"error__type": "stripe.CardError"} if failed else {}),
        )
        made.request(
            "POST",
            f"https://api.stripe.com/v1/customers/cus_{number}?expand=all",
            at + 31,
            98,
            call,
            http__response__status_code=402 if failed else 200,
        )
    last = made.span("update_invoices", 7000, 3000, error="", autotrace__unfinished=True)
    made.span(
        "stripe.invoices.create",
        7100,
        2900,
        last,
        kind="client",
        scope="stripe",
        error="",
        autotrace__unfinished=True,
    )
    made.run.state = "killed"
    made.run.signal = "SIGKILL"
    made.run.exit_code = None
    made.run.unfinished = [
        ("sync_job", 10_000 * MS),
        ("update_invoices", 3000 * MS),
        ("stripe.invoices.create", 2900 * MS),
    ]
    return made.counted()


def large(number: int) -> Maker:
    """A run of `number` spans: steps of fifteen, in each of them ten queries and five requests."""
    made = Maker(ms=number / 100)
    step = made.root
    for index in range(number - 1):
        at = index / 100
        if index % 16 == 0:
            step = made.span("push_customer", at, 0.15)
        elif index % 3:
            made.query("SELECT customers", at, 0.009, step)
        else:
            made.request("GET", f"https://api.example.com/v1/{index}", at, 0.009, step)
    return made.counted()
