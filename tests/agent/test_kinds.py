"""What an SQL span says, of statements of all kinds, and that what is remembered of them is bounded."""

from __future__ import annotations

from typing import Any

import pytest

DRIVER = """
import sys
from autotrace.agent import kinds, sql
def run(statement, query, place=(None, None, None), parameters=None):
    span = statement(query, place, parameters, 2)
    span.begin()
    span.end()
def kib(): return int(open('/proc/self/status').read().partition('RssAnon:')[2].split()[0])
statement = sql("mysql", scope="mysql")
"""


def spans(traced: Any) -> list[Any]:
    assert traced.returncode == 0, traced.stderr
    assert all(span.ended for span in traced.spans)
    return list(traced.spans)


def test_a_statement_says_what_it_is_and_where_it_goes(trace: Any) -> None:
    [full, bare, masked] = spans(
        trace(
            DRIVER
            + "run(statement, 'SELECT * FROM trials WHERE id = %s', ('db', 3306, 'crm'), (5,))\n"
            "run(statement, 'COMMIT')\n"
            "run(statement, \"UPDATE users SET name = 'Ada' WHERE id = 5\", (None, 0, ''), ())\n"
        )
    )
    assert (full.name, full.kind, full.scope) == ("SELECT trials", "client", "mysql")
    place = {name: full.fields.pop(name) for name in [*full.fields] if name.startswith("code.")}
    assert place["code.line.number"] == 10
    assert full.fields == {
        "db.system.name": "mysql",
        "db.query.text": "SELECT * FROM trials WHERE id = %s",
        "db.query.summary": "SELECT trials",
        "db.operation.name": "SELECT",
        "db.collection.name": "trials",
        "db.namespace": "crm",
        "server.address": "db",
        "server.port": 3306,
    }
    for span in (bare, masked):
        for name in ("db.namespace", "server.address", "server.port"):
            assert name not in span.fields
    assert bare.name == "COMMIT"
    assert "Ada" not in str(masked.fields)
    assert "5" not in masked.fields["db.query.text"]


def test_the_dialect_decides_what_is_a_literal(trace: Any) -> None:
    [mysql, other] = spans(
        trace(
            DRIVER + "query = 'SELECT \"name\" FROM t'\n"
            "run(statement, query)\n"
            "run(sql('postgresql', scope='pg'), query)\n"
        )
    )
    # To one it is a text, to the other a column.
    assert '"name"' not in mysql.fields["db.query.text"]
    assert '"name"' in other.fields["db.query.text"]


def test_secrets_of_the_configuration_are_found_in_parameterised_statements(trace: Any) -> None:
    [span] = spans(
        trace(
            DRIVER
            + "run(statement, \"SELECT * FROM t WHERE pin = 'PIN-12345' AND id = %s\", (None,) * 3, (1,))",
            config='[redact]\npatterns = ["PIN-[0-9]+"]\n',
        )
    )
    assert "12345" not in span.fields["db.query.text"]


HOSTILE = """
class Text(str):
    def _no(self, *_): raise RuntimeError("not to be called")
    __hash__ = __eq__ = __str__ = __getitem__ = __len__ = __repr__ = encode = lower = startswith = _no
class Unhashable(str):
    __hash__ = None
class Raw(bytes):
    def _no(self, *_): raise RuntimeError("not to be called")
    __getitem__ = decode = __str__ = _no
class Composed:
    def __str__(self): raise RuntimeError("not to be called")
    __repr__ = __str__
for query in (
    b"SELECT * FROM a", bytearray(b"SELECT * FROM b"), "SELECT * FROM c", Text("SELECT * FROM d"),
    Unhashable("SELECT * FROM e"), Raw(b"SELECT * FROM f"), Composed(), None, 5, "", " ",
    b"SELECT '\\xff\\xfe' FROM g", "SELECT '\\ud800' FROM h", "SELECT \\0 FROM i",
    "SELECT * FROM j WHERE x IN (" + ",".join(map(str, range(500_000))) + ")",
    b"SELECT * FROM k WHERE x = '" + b"x" * 5_000_000 + b"'",
    "(" * 100_000, "'" * 99_999, "/*" * 50_000,
):
    for _ in range(2):
        run(statement, query)
print("done")
"""


def test_statements_of_all_kinds_are_taken_and_nothing_of_theirs_is_called(trace: Any) -> None:
    traced = trace(DRIVER + HOSTILE)
    found = spans(traced)
    assert traced.stdout == "done\n"
    assert [span.name for span in found[::2]] == [span.name for span in found[1::2]]
    named = [span.fields.get("db.collection.name") for span in found[::2]]
    assert named[:6] == list("abcdef")
    assert named[11:16] == list("ghijk")
    assert [span.name for span in found[12:18:2]] == ["mysql"] * 3
    assert found[12].fields["db.query.text"] == "<Composed>"
    for span in found:
        assert len(span.fields.get("db.query.text", "")) < 2200
        assert len(span.name) <= 255


def test_many_statements_of_one_place_cost_bounded_memory_and_each_is_kept(trace: Any) -> None:
    traced = trace(
        DRIVER + "for number in range(3000): run(statement, f'SELECT * FROM t{number}')\n"
        "before = kib()\n"
        "for number in range(3000, 23_000): run(statement, f'SELECT * FROM t{number}')\n"
        "print(kib() - before, len(__import__('autotrace.agent.tracer').agent.tracer._site_records))\n"
    )
    found = spans(traced)
    grown, sites = map(int, traced.stdout.split())
    assert [span.fields["db.collection.name"] for span in found] == [f"t{n}" for n in range(23_000)]
    assert {span.name for span in found[-3:]} == {"SELECT t22997", "SELECT t22998", "SELECT t22999"}
    assert found[-1].fields["code.line.number"] == 12
    assert found[-1].fields["db.system.name"] == "mysql"
    assert sites <= 2001
    assert grown < 2048, "KiB for 20,000 statements"


def test_statements_that_differ_in_literals_alone_are_one_site(trace: Any) -> None:
    traced = trace(
        DRIVER + "for number in range(10_000):\n"
        "    run(statement, f\"SELECT * FROM t WHERE a = {number} AND b = 'x{number}'\")\n"
        "print(len(__import__('autotrace.agent.tracer').agent.tracer._site_records))\n"
    )
    assert len({span.fields["db.query.text"] for span in spans(traced)}) == 1
    assert int(traced.stdout) == 1


def test_many_places_are_bounded_too(trace: Any) -> None:
    traced = trace(
        DRIVER + "from autotrace.agent import plain, tracer\n"
        "made = plain('step', scope_name='x')\n"
        "code = 'run(statement, \"SELECT 1\")\\nspan = made(None, 1)\\nspan.begin(); span.end()'\n"
        "for number in range(2500):\n"
        "    exec(compile(code, f'/app/{number}.py', 'exec'))\n"
        "print(len(tracer._site_records))\n"
    )
    found = spans(traced)
    assert len(found) == 5000
    assert int(traced.stdout) <= 4003
    assert {span.name for span in found} == {"SELECT", "step"}
    first = [span.fields["code.file.path"] for span in found[:100:2]]
    assert first == [f"/app/{number}.py" for number in range(50)]
    # A statement says its place even then, in its own record.
    assert found[-2].fields["code.file.path"] == "/app/2499.py"


PARAMETERS = """
import datetime, decimal
class Bad:
    def __str__(self): raise RuntimeError
    __repr__ = __str__
q = "SELECT * FROM t WHERE a = %s"
for parameters in (
    ("ada@example.com", 5, None), [b"x", datetime.date(2026, 1, 2)], {"id": 7, "password": "hunter2"},
    True, None, (), "ab", 5, (Bad(),), tuple(range(1000)), ("4242424242424242", "sk_live_51HsecretHsecret"),
    [(1, 2), (3, 4)], ("x" * 1_000_000,),
):
    run(statement, q, ("db", None, None), parameters)
"""


def test_parameters_are_kept_only_when_asked_for_and_redacted(trace: Any) -> None:
    prefix = "db.query.parameter"
    for span in spans(trace(DRIVER + PARAMETERS)):
        assert not [name for name in span.fields if name.startswith(prefix)]
    kept = [
        {name: value for name, value in span.fields.items() if name.startswith(prefix)}
        for span in spans(trace(DRIVER + PARAMETERS, config="[capture]\nsql_parameters = true\n"))
    ]
    assert kept[0] == {f"{prefix}.0": "ada@example.com", f"{prefix}.1": 5}
    assert kept[1] == {f"{prefix}.0": "x", f"{prefix}.1": "2026-01-02"}
    assert kept[2] == {f"{prefix}.id": 7, f"{prefix}.password": "[redacted]"}
    assert kept[3:6] == [{}, {}, {}]
    assert kept[6:8] == [{prefix: "ab"}, {prefix: 5}]
    assert kept[8] == {f"{prefix}.0": "<Bad>"}
    assert len(kept[9]) == 64
    assert "4242" not in str(kept[10])
    assert "51Hsecret" not in str(kept[10])
    assert len(kept[12][f"{prefix}.0"]) < 1100


def test_what_a_layer_above_says_is_this_threads_and_ends_with_it(trace: Any) -> None:
    traced = trace(
        DRIVER + "import threading\n"
        "with kinds.saying({'orm.entity': 'User'}):\n"
        "    run(statement, 'SELECT 1')\n"
        "    with kinds.saying({'orm.lazy': True}):\n"
        "        run(statement, 'SELECT 2')\n"
        "        thread = threading.Thread(target=run, args=(statement, 'SELECT 3'))\n"
        "        thread.start(); thread.join()\n"
        "    run(statement, 'SELECT 4')\n"
        "run(statement, 'SELECT 5')\n"
        "assert not kinds.extras\n"
    )
    said = [(s.fields.get("orm.entity"), s.fields.get("orm.lazy")) for s in spans(traced)]
    user = ("User", None)
    assert said == [user, ("User", True), (None, None), user, (None, None)]


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("/var/data/app.db", "/var/data/app.db"),
        (":memory:", ":memory:"),
        ("file:app.db?mode=ro", "file:app.db?mode=ro"),
        ("x" * 300, "x" * 255),
    ],
)
def test_places_are_short_and_hold_no_secrets(given: str, shown: str, trace: Any) -> None:
    code = f"from autotrace.agent import place_text\nprint(place_text({given!r}))\n"
    assert trace(code).stdout.strip() == shown
    secret = "from autotrace.agent import place_text\nprint(place_text('mysql://u:hunter2@db/x?key=sk_live_51HsecretHsecret'))"
    if given == ":memory:":
        assert "hunter2" not in trace(secret).stdout
        assert "51Hsecret" not in trace(secret).stdout
