"""What each agent costs the program that it traces: bare, autotrace, OpenTelemetry, ddtrace.

    python benchmarks/run.py                        everything, about half an hour
    python benchmarks/run.py --quick                a look, a few minutes
    python benchmarks/run.py --only start,sqlite3   these cases alone

The environments are made in .scratch/benchmarks/ of this checkout at the first run (packages come
from the package index that pip is configured for); all servers listen on 127.0.0.1 and end with the
command. The ways are interleaved round by round, since on a shared machine two measurements are
comparable only when they were taken next to each other. Prints Markdown; --json keeps every value.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import tempfile
from datetime import datetime, timezone
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(1, str(Path(__file__).resolve().parents[1] / "tests" / "servers"))

import mariadb_server

from benchmarks import agents, cases, environments, report


def listed(text: str, known: list[str], what: str) -> list[str]:
    """The comma-separated names in ``text``, in the order of ``known``; SystemExit for others."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in known:
            raise SystemExit(f"run.py: there is no {what} {name!r}; there are {', '.join(known)}")
    return [name for name in known if name in names]


def arguments(argv: list[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="benchmarks/run.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    ways = [way.key for way in agents.WAYS]
    parser.add_argument("--only", metavar="CASES", help=f"of {', '.join(cases.CASES)}")
    parser.add_argument("--ways", metavar="WAYS", help=f"of {', '.join(ways)}")
    parser.add_argument("--rounds", type=int, metavar="N", help="rounds of every case")
    parser.add_argument("--quick", action="store_true", help="few rounds and few calls")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every value there")
    parser.add_argument(
        "--here",
        action="store_true",
        help="make no environments: run everything with this Python and what it has installed",
    )
    return parser.parse_args(argv)


def main(argv: list[str]) -> int:
    """Measure and print; 1 when something could not be measured."""
    options = arguments(argv)
    names = listed(options.only, list(cases.CASES), "case") if options.only else list(cases.CASES)
    keys = [way.key for way in agents.WAYS]
    wanted = listed(options.ways, keys, "way") if options.ways else keys
    # Everything else is a difference to the bare program.
    ways = [way for way in agents.WAYS if way.key in wanted or way.key == "bare"]
    plan = cases.QUICK if options.quick else cases.Plan()
    if options.rounds:
        plan = dataclasses.replace(plan, rounds=options.rounds, slow_rounds=options.rounds)
    scratch = environments.CHECKOUT / ".scratch" / "benchmarks"
    scratch.mkdir(parents=True, exist_ok=True)
    try:
        if options.here:
            folders = {way.environment: Path(sys.prefix) for way in ways}
        else:
            folders = {
                way.environment: environments.prepare(way.environment, scratch) for way in ways
            }
        rows: list[cases.Row] = []
        with tempfile.TemporaryDirectory(dir=scratch) as runs, agents.server("spans") as sink:
            bench = agents.Bench(folders, Path(runs), sink)
            for name in names:
                rows += cases.CASES[name](bench, ways, plan)
    except KeyboardInterrupt:
        print("run.py: interrupted; what was measured so far:", file=sys.stderr)
    except (mariadb_server.ServerError, environments.SetupError, agents.MeasurementError) as error:
        print(f"run.py: {error}", file=sys.stderr)
        return 1
    titles = {}
    for way in ways:
        version = environments.version(folders[way.environment], way.distribution)
        titles[way.key] = f"{way.title} {version}".strip() if way.distribution else way.title
    machine = report.machine()
    counts = ", ".join(f"{n} {plan.slow_rounds if n in cases.SLOW else plan.rounds}" for n in names)
    print(
        f"{machine['processor']}, {machine['cores']} cores, {machine['system']}, "
        f"Python {machine['python']}. Medians of interleaved rounds ({counts}); "
        "what is signed is added to the bare program.\n"
    )
    print(report.table(rows, titles, report.typical))
    print("\nThe lowest of all rounds:\n")
    print(report.table(rows, titles, report.lowest))
    for miss in report.misses(rows):
        print(f"\nNot within its budget: {miss}", file=sys.stderr)
    if options.json:
        taken = datetime.now(timezone.utc).isoformat(timespec="seconds")
        written = {"taken": taken, "machine": machine, "ways": titles}
        written |= {"plan": dataclasses.asdict(plan), "rows": [dataclasses.asdict(r) for r in rows]}
        options.json.write_text(json.dumps(written, indent=1, ensure_ascii=False) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
