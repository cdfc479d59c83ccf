"""A run as a waterfall: the tree of its spans, each with its bar on one time axis.

sync_job                                        ━━━─────────────────────────    10.1 s
├ SELECT trials  14 rows  SELECT id, email …    ╸                                12 ms
└ update_stripe                                    ╺━──────────────━              2 s
└ push_stripe ×13  max 243 ms                     ━──────────────              1.8 s
"""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from dataclasses import dataclass

from autotrace.insights.describe import Remark, remarks, unfinished
from autotrace.insights.folding import Group
from autotrace.insights.overview import Overview, overview_of
from autotrace.insights.selftime import self_times
from autotrace.insights.tree import Tree
from autotrace.spans import Run, Span
from autotrace.terminal.bars import Axis
from autotrace.terminal.fields import draw_fields
from autotrace.terminal.header import draw_header
from autotrace.terminal.paper import Paper, Piece
from autotrace.terminal.plan import Options, Plan, Row, plan
from autotrace.terminal.text import clean, crop, pad_left, width, wrap
from autotrace.terminal.units import count, duration
from autotrace.terminal.words import short

_REMARK_STYLES = {
    "object": "object",
    "status": "good",
    "bad": "error",
    "count": "dim",
    "text": "dim",
    "error": "error",
}


@dataclass(slots=True)
class Line:
    """A line of the waterfall as far as it does not depend on the paper's width.

    ``guides`` are the tree's branches, ``label`` the name with ``×14`` where folded; ``remarks``
    what is said beside it; ``row`` is ``None`` for a line that only counts what was left out.
    """

    guides: str
    label: str
    style: str
    remarks: list[tuple[str, str]]
    row: Row | None
    time: str


def draw_waterfall(
    paper: Paper,
    run: Run,
    spans: Sequence[Span],
    options: Options,
    *,
    fields: Sequence[str] = (),
    now_ns: int | None = None,
) -> None:
    """Print ``run`` with its spans.

    ``fields`` are patterns of attribute names (``stripe.*``); what matches is printed below each
    span. ``now_ns`` is the time that "ago" counts from.
    """
    tree = Tree(spans, run.root_span_id)
    facts = overview_of(run, tree, self_times(tree))
    draw_header(paper, run, facts, now_ns=now_ns)
    if not tree.spans:
        paper.line()
        paper.line("  ", ("no span was recorded in this run", "dim"))
        return
    paper.line()
    lines = plan(tree, options)
    bounds = tree.bounds(run.started_ns, run.duration_ns)
    _draw_tree(paper, tree, _lines(tree, lines, run.state == "running"), fields, bounds)
    _draw_findings(paper, facts)
    _draw_hints(paper, run, lines, options)


def handle(position: int) -> str:
    """Return what a span is called on the page, such as ``@17``: its place in the tree, from 1."""
    return f"@{position + 1}"


def _lines(tree: Tree, lines: Plan, running: bool) -> list[Line]:
    """Return the lines of the tree from top to bottom."""
    found: list[Line] = []
    # What is still to come, the next one last: rows with their guides and those of what is below
    # them.
    waiting: list[Line | tuple[Row, str, str]] = [(row, "", "") for row in reversed(lines.roots)]
    while waiting:
        item = waiting.pop()
        if isinstance(item, Line):
            found.append(item)
            continue
        row, guides, further = item
        found.append(_line(tree, row, guides, running))
        if row.rest_kinds:
            text = f"… {count(row.rest_kinds, 'more line')} ({count(row.rest_spans, 'span')})"
            waiting.append(Line(further + "└ ", text, "dim", [], None, duration(row.rest_ns)))
        for number, child in enumerate(reversed(row.rows)):
            last = number == 0 and not row.rest_kinds
            waiting.append(
                (child, further + ("└ " if last else "├ "), further + ("  " if last else "│ "))
            )
    return found


def _line(tree: Tree, row: Row, guides: str, running: bool) -> Line:
    """Return the line of one row."""
    group = row.group
    span = tree.spans[group.slowest]
    open_still = unfinished(span)
    # The job is a process as well, but that goes without saying.
    label = clean(span.name if group.slowest == tree.root else group.label) or "(no name)"
    style = "bold" if not guides else ""
    if group.error or open_still:
        style = "link" if open_still and running else "error"
    said: list[tuple[str, str]] = []
    if group.folded:
        label += f" ×{len(group.members):,}"
        said.append(
            (f"max {duration(tree.ends[group.slowest] - tree.starts[group.slowest])}", "dim")
        )
        said += [_styled(remark) for remark in _shared(tree, group)]
    else:
        if open_still:
            said.append(("under way", "link") if running else ("unfinished", "error"))
        said += [
            _styled(remark)
            for remark in remarks(span)
            if not (open_still and remark == ("error", "unfinished"))
            # What there is to say of the job stands in the header.
            and (group.slowest != tree.root or remark.role == "count")
        ]
        if group.slowest in tree.orphans:
            said.append(("(its parent is missing)", "dim"))
    if row.closed:
        said.append((f"+{row.closed:,} below", "dim"))
    return Line(guides, label, style, said, row, duration(group.total_ns))


def _styled(remark: Remark) -> tuple[str, str]:
    """Return a remark's text, safe to print, with the name of its style."""
    return clean(remark.text), _REMARK_STYLES[remark.role]


def _shared(tree: Tree, group: Group) -> list[Remark]:
    """Return what can be said of all members of a group: their error, or their one statement."""
    slowest = tree.spans[group.slowest]
    if group.error:
        return [remark for remark in remarks(slowest) if remark.role in ("error", "bad")]
    text = slowest.attributes.get("db.query.text")
    if text and all(
        tree.spans[at].attributes.get("db.query.text") == text for at in group.members[:500]
    ):
        return [Remark("text", str(text))]
    return []


def _draw_tree(
    paper: Paper, tree: Tree, lines: list[Line], fields: Sequence[str], bounds: tuple[int, int]
) -> None:
    """Print the lines with their bars, as wide as the paper."""
    times = max(5, *(width(line.time) for line in lines))
    last = max((line.row.group.slowest for line in lines if line.row), default=0)
    digits = len(handle(last)) if paper.width >= 80 else 0
    right = times + 2 + (digits + 2 if digits else 0)
    natural = max(
        len(line.guides) + width(line.label) + sum(2 + width(text) for text, _ in line.remarks)
        for line in lines
    )
    least = 8 if paper.width < 60 else paper.width * 3 // 10
    names = min(natural, paper.width - right - least - 2)
    axis = Axis(
        bounds[0], bounds[1], min(paper.width - right - names - 2, 120), unicode=paper.unicode
    )
    paper.line(" " * (names + 2), (axis.labels(), "dim"))
    for line in lines:
        pieces, left = _name_pieces(line, names)
        pieces.append(" " * (left + 2))
        if line.row is None:
            pieces.append(" " * axis.columns)
        else:
            pieces += _bar(tree, axis, line)
        pieces.append(
            ("  " + pad_left(line.time, times), line.style if line.style != "bold" else "")
        )
        if line.row and digits:
            pieces += ["  ", (handle(line.row.group.slowest).rjust(digits), "dim")]
        paper.line(*pieces)
        if fields and line.row:
            _draw_matching(paper, tree.spans[line.row.group.slowest], fields, len(line.guides) + 4)


def _name_pieces(line: Line, columns: int) -> tuple[list[Piece], int]:
    """Return guides, name and remarks, as many as fit into ``columns``, and the columns left."""
    guides = line.guides
    if len(guides) > columns // 2 and len(guides) + width(line.label) > columns:
        # Deeper than the page is wide: the branches next to the name are the ones that help.
        guides = "…" + guides[len(guides) - columns // 2 + 1 :]
    label = crop(line.label, columns - len(guides))
    pieces: list[Piece] = [(guides, "dim"), (label, line.style)]
    room = columns - len(guides) - width(label)
    for text, style in line.remarks:
        wide = width(text)
        if wide + 2 > room:
            if room < 10:
                break
            text = crop(text, room - 2)
            wide = width(text)
        pieces += ["  ", (text, style)]
        room -= wide + 2
    return pieces, room


def _bar(tree: Tree, axis: Axis, line: Line) -> list[Piece]:
    """Return the bar of a line, coloured by what kind of work it is, or by what became of it."""
    assert line.row is not None
    group = line.row.group
    starts, ends, children = tree.starts, tree.ends, tree.children
    drawn = axis.bar(
        ((starts[at], ends[at]) for at in group.members),
        (
            (max(starts[child], starts[at]), min(ends[child], ends[at]))
            for at in group.members
            for child in children.get(at, ())
            if starts[child] < ends[at]
        ),
    )
    span = tree.spans[group.slowest]
    if line.style in ("error", "link"):
        style = line.style
    elif "db.system.name" in span.attributes:
        style = "database"
    elif span.kind in ("producer", "consumer"):
        style = "messaging"
    elif span.kind == "client":
        style = "client"
    else:
        style = "internal"
    return [(drawn, style)]


def _draw_matching(paper: Paper, span: Span, patterns: Sequence[str], indent: int) -> None:
    """Print those attributes of a span whose names match one of the patterns."""
    matching = {
        key: value
        for key, value in span.attributes.items()
        if any(fnmatch.fnmatchcase(key, pattern) for pattern in patterns)
    }
    draw_fields(paper, matching, indent=min(indent, paper.width // 3), most_lines=8)


def _draw_findings(paper: Paper, facts: Overview) -> None:
    """Print what was sent again and again."""
    if not facts.repeats:
        return
    paper.line()
    for repeat in facts.repeats[:3]:
        paper.flowing(
            "  ",
            (clean(repeat.sentence()), "warning"),
            f"   {clean(repeat.label)}",
            (f"   {duration(repeat.total_ns)} in {count(repeat.calls, 'call')}", "dim"),
        )


def _draw_hints(paper: Paper, run: Run, lines: Plan, options: Options) -> None:
    """Print what was left out, and how to see it."""
    notes: list[str] = []
    if lines.filtered:
        notes.append(f"{count(lines.filtered, 'span')} left out by --min or --errors")
    if lines.closed:
        way = "--depth" if options.depth is not None else "--expand or --rows 0"
        notes.append(f"{count(lines.closed, 'span')} not shown ({way} shows more)")
    elif lines.folded:
        notes.append("alike siblings are folded (--expand shows each)")
    if not notes:
        return
    paper.line()
    for note in notes:
        for part in wrap(note, paper.width - 2):
            paper.line("  ", (part, "dim"))
    for part in wrap(
        f"autotrace show {short(run.run)} --span @1 shows all fields of one span", paper.width - 2
    ):
        paper.line("  ", (part, "dim"))
