"""Self time, the table of operations, and what it costs to make."""

from __future__ import annotations

import time

from made_runs import MS, Maker, killed_job, large

from autotrace.insights import Tree, overview, self_times


def own_ms(made: Maker) -> dict[str, float]:
    tree = Tree(made.spans, made.run.root_span_id)
    return {span.name: own / MS for span, own in zip(tree.spans, self_times(tree))}


def test_children_side_by_side_are_taken_off_once() -> None:
    made = Maker(ms=100)
    made.span("a", 10, 40)
    made.span("b", 20, 40)
    made.span("c", 30, 10)
    assert own_ms(made) == {"sync_job": 50, "a": 40, "b": 40, "c": 10}


def test_what_reaches_outside_its_parent_is_not_taken_off() -> None:
    made = Maker(ms=100)
    parent = made.span("parent", 10, 20)
    made.span("outlives", 25, 50, parent)
    made.span("elsewhere", 80, 5, parent)
    assert own_ms(made)["parent"] == 15


def test_the_table_says_where_the_time_went() -> None:
    facts = overview(killed_job().run, killed_job().spans)
    table = {entry.label: entry for entry in facts.operations}
    assert facts.operations[0].label == "stripe.invoices.create"
    queries = table["SELECT customers"]
    assert (queries.calls, queries.self_ns, queries.mean_ns) == (140, 140 * MS, MS)
    calls = table["stripe.customers.update"]
    assert (calls.calls, calls.errors, calls.slowest_ns) == (14, 1, 113 * MS)
    assert table["POST api.stripe.com"].calls == 14, "a method's name alone says nothing"
    assert facts.not_traced_ns == (10_000 - 12 - 3000 - 3000) * MS
    assert "sync_job" not in table


def test_shares_of_spans_side_by_side_stay_below_one() -> None:
    made = Maker(ms=100)
    for number in range(4):
        made.span(f"worker {number}", 0, 100)
    facts = overview(made.run, made.spans)
    assert [facts.share(entry.self_ns) for entry in facts.operations] == [0.25] * 4


def test_two_hundred_thousand_spans_are_quick() -> None:
    made = large(200_000)
    before = time.process_time()
    overview(made.run, made.spans)
    # Some 0.35 s on the machine it was written on; the bound leaves room for busy and slower ones.
    assert time.process_time() - before < 1.5
