"""The same query again and again."""

from __future__ import annotations

from made_runs import Maker, killed_job

from autotrace.insights import Repeat, Tree, repeats


def found(made: Maker) -> list[Repeat]:
    return repeats(Tree(made.spans, made.run.root_span_id))


def test_a_query_in_a_loop_over_customers() -> None:
    (repeat,) = found(killed_job())
    assert repeat.sentence() == "same query 10 times for each push_customer"
    assert (repeat.label, repeat.calls, repeat.owners) == ("SELECT customers", 140, 14)


def test_the_mean_is_over_those_that_sent_it() -> None:
    made = Maker()
    for number, times in enumerate((12, 20, 9)):
        step = made.span("push_customer", number * 100, 90)
        for query in range(times):
            made.query("SELECT customers", number * 100 + query, 1, step)
    assert [repeat.sentence() for repeat in found(made)] == [
        "same query 13.7 times for each push_customer"
    ]


def test_an_orm_s_own_span_does_not_hide_the_loop() -> None:
    made = Maker()
    step = made.span("push_customer", 0, 900)
    for query in range(8):
        flush = made.query("flush", query * 10, 5, step, db__query__text=None)
        made.query("SELECT customers", query * 10, 1, flush)
    assert [repeat.sentence() for repeat in found(made)] == ["same query 8 times in push_customer"]


def test_once_in_each_of_many_steps_is_the_same_loop() -> None:
    made = Maker()
    for number in range(30):
        step = made.span("push_customer", number * 10, 9)
        made.query("SELECT customers", number * 10, 1, step)
        made.query("INSERT log", number * 10, 1, step, db__query__text="INSERT INTO log VALUES (?)")
    assert [repeat.sentence() for repeat in found(made)] == [
        "same query once for each of 30 push_customer"
    ]


def test_the_job_itself_has_no_name_to_say() -> None:
    made = Maker()
    for number in range(1204):
        made.query("SELECT customers", number / 2, 0.1)
    assert [repeat.sentence() for repeat in found(made)] == ["same query 1,204 times"]


def test_senders_of_several_names_are_named() -> None:
    made = Maker()
    for number, name in enumerate(("push_a", "push_b", "push_c", "push_a")):
        step = made.span(name, number * 100, 90)
        for query in range(6):
            made.query("SELECT customers", number * 100 + query, 1, step)
    assert [repeat.owner for repeat in found(made)] == ["push_a, push_b …"]


def test_a_few_are_no_repeat_and_neither_are_different_statements() -> None:
    made = Maker()
    for number in range(4):
        made.query("SELECT customers", number, 1)
    for number in range(20):
        made.query("SELECT trials", 10 + number, 1, db__query__text=f"SELECT {number}")
        made.request("POST", "https://api.example.com/v1/x", 100 + number, 1)
    assert found(made) == []


def test_the_same_address_read_again_and_again() -> None:
    made = Maker()
    for number in range(7):
        made.request("GET", "https://api.example.com/v1/plans", number, 1)
    assert [repeat.sentence() for repeat in found(made)] == ["same request 7 times"]
