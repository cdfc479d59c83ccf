"""The tree answers whatever the spans look like."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from made_runs import MS, START, Maker

from autotrace.insights import Tree, fold, gaps, overview, self_times
from autotrace.spans import Run, Span

IDS = [f"{number:016x}" for number in range(6)]

odd_spans = st.lists(
    st.builds(
        Span,
        span_id=st.sampled_from(IDS),
        parent_id=st.one_of(st.none(), st.sampled_from(IDS), st.just("feedfeedfeedfeed")),
        name=st.sampled_from(["", "a", "GET", "x" * 300, "日本 \x1b[31m", "\ud800"]),
        kind=st.sampled_from(["internal", "client"]),
        start_ns=st.integers(-5, 20) | st.just(START),
        duration_ns=st.integers(-5, 20),
        status_code=st.sampled_from(["unset", "ok", "error"]),
        attributes=st.dictionaries(
            st.sampled_from(
                ["db.query.text", "http.request.method", "url.full", "autotrace.unfinished"]
            ),
            st.sampled_from(["GET", "SELECT 1", True, 3]),
        ),
    ),
    max_size=12,
)


@given(odd_spans, st.sampled_from([*IDS, ""]))
def test_every_span_has_one_place(spans: list[Span], root: str) -> None:
    tree = Tree(spans, root)
    assert len(tree.spans) == len(spans)
    assert sorted(tree.downward()) == list(range(len(spans)))
    seen = set()
    for index in tree.downward():
        assert tree.parents[index] in seen | {-1}, "a parent comes before its children"
        seen.add(index)
    assert sorted(tree.roots) == [at for at, parent in enumerate(tree.parents) if parent < 0]
    sizes = tree.sums([1] * len(spans))
    assert sum(sizes[root] for root in tree.roots) == len(spans)
    start, end = tree.bounds()
    assert end > start


@given(odd_spans, st.sampled_from([*IDS, ""]))
def test_self_time_is_what_the_gaps_add_up_to(spans: list[Span], root: str) -> None:
    tree = Tree(spans, root)
    for index, own in enumerate(self_times(tree)):
        assert 0 <= own <= tree.ends[index] - tree.starts[index]
        assert own == sum(gap.duration_ns for gap in gaps(tree, index))


@given(odd_spans, st.sampled_from([*IDS, ""]))
def test_operations_count_each_span_but_the_job_once(spans: list[Span], root: str) -> None:
    run = Run("7f3a9c21d004", "0" * 32, root, "job", [], "ok", 0, 10)
    tree = Tree(spans, root)
    facts = overview(run, spans)
    assert sum(entry.calls for entry in facts.operations) == len(spans) - (tree.root >= 0)
    assert facts.not_traced_ns + sum(entry.self_ns for entry in facts.operations) == sum(
        self_times(tree)
    )
    assert all(0 <= facts.share(entry.self_ns) <= 1 for entry in facts.operations)


@given(odd_spans, st.sampled_from([*IDS, ""]), st.integers(0, 4))
def test_folding_loses_nothing(spans: list[Span], root: str, at: int) -> None:
    tree = Tree(spans, root)
    for index in range(len(spans)):
        groups = fold(tree, [index], at=at)
        members = [member for group in groups for member in group.members]
        assert sorted(members) == tree.children.get(index, [])
        firsts = [group.members[0] for group in groups]
        assert firsts == sorted(firsts)
        for group in groups:
            assert {tree.spans[member].status_code == "error" for member in group.members} == {
                group.error
            }
            assert group.slowest in group.members


def test_orphans_hang_under_the_job() -> None:
    made = Maker()
    lost = made.span("lost", 10, 5, "00000000deadbeef")
    tree = Tree(made.spans, made.run.root_span_id)
    here = tree.spans.index(lost)
    assert tree.parents[here] == tree.root
    assert tree.orphans == {here}


def test_a_circle_is_cut_at_its_earliest_span() -> None:
    made = Maker()
    first = made.span("first", 10, 50)
    second = made.span("second", 20, 20, first)
    first.parent_id = second.span_id
    tree = Tree(made.spans, made.run.root_span_id)
    assert [tree.spans[at].name for at in tree.downward()] == ["sync_job", "first", "second"]


def test_the_caller_keeps_the_order_of_its_spans() -> None:
    made = Maker()
    made.span("late", 20, 5)
    made.span("early", 10, 5)
    spans = list(reversed(made.spans))
    tree = Tree(spans, made.run.root_span_id)
    assert [span.name for span in tree.spans] == ["sync_job", "early", "late"]
    assert spans == list(reversed(made.spans))


def test_the_axis_ends_with_the_last_span_and_begins_with_the_job() -> None:
    made = Maker(ms=100)
    made.span("wrong clock", -5000, 1)
    made.span("outlives the job", 90, 60)
    tree = Tree(made.spans, made.run.root_span_id)
    assert tree.bounds() == (START, START + 150 * MS)
