"""A span in a few words."""

from __future__ import annotations

from made_runs import Maker

from autotrace.insights import fold, label, remarks
from autotrace.insights.tree import Tree
from autotrace.spans import Span


def words(span: Span) -> list[str]:
    return [remark.text for remark in remarks(span)]


def test_a_query_says_its_rows_and_text() -> None:
    made = Maker()
    span = made.query("SELECT trials", 0, 1, db__response__returned_rows=1)
    assert words(span) == ["1 row", "SELECT * FROM trials"]
    changed = made.query("UPDATE trials", 0, 1, db__response__affected_rows=1200)
    assert words(changed)[0] == "1,200 affected"


def test_a_request_says_where_it_went_and_what_came_back() -> None:
    made = Maker()
    span = made.request("GET", "https://api.example.com/v1/x?token=1", 0, 1)
    assert label(span) == "GET api.example.com"
    assert words(span) == ["/v1/x", "200"]
    again = made.request(
        "POST",
        "https://api.example.com/v1/y",
        0,
        1,
        http__response__status_code=503,
        http__request__resend_count=2,
        error="503",
        error__type="503",
    )
    assert [remark.role for remark in remarks(again)] == ["object", "bad", "count"]
    assert words(again) == ["/v1/y", "503", "retry 2"], "the code is not said twice"


def test_an_sdk_s_call_says_whom_it_was_about() -> None:
    made = Maker()
    span = made.span(
        "stripe.customers.update",
        0,
        1,
        scope="stripe",
        error="declined",
        kind="client",
        stripe__request_id="req_1",
        stripe__object_id="cus_9s6X",
        error__type="stripe.CardError",
        http__response__status_code=402,
    )
    assert words(span) == ["CardError: declined", "cus_9s6X", "402"]
    contact = made.span("intercom.contacts.get", 0, 1, intercom__contact__id="64f", thread__id=1)
    assert words(contact) == ["64f"]


def test_a_message_that_begins_with_its_type_is_not_said_twice() -> None:
    made = Maker()
    span = made.span("x", 0, 1, error="CardError: declined", error__type="stripe.CardError")
    assert words(span) == ["CardError: declined"]


def test_what_failed_is_not_folded_with_what_did_not() -> None:
    made = Maker()
    for number in range(12):
        made.span("step", number, 1, error="no" if number % 4 == 0 else None)
    groups = fold(tree := Tree(made.spans, made.run.root_span_id), [tree.root])
    assert [(group.error, len(group.members)) for group in groups] == [
        (True, 1),
        (False, 9),
        (True, 1),
        (True, 1),
    ]


def test_what_is_under_way_stands_for_itself() -> None:
    made = Maker()
    for number in range(8):
        made.span("step", number, 1, **({"autotrace__unfinished": True} if number > 5 else {}))
    tree = Tree(made.spans, made.run.root_span_id)
    assert [len(group.members) for group in fold(tree, [tree.root])] == [6, 1, 1]
