"""The harness measures what it says: processes, spans that arrive, differences, tables."""

from __future__ import annotations

import importlib
import importlib.util
import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

ROOT = Path(__file__).resolve().parents[2]
BENCHMARKS = ROOT / "benchmarks"


@pytest.fixture
def report(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT))
    return importlib.import_module("benchmarks.report")


@pytest.fixture
def row(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT))
    return importlib.import_module("benchmarks.cases").Row


def load_sinks() -> Any:
    spec = importlib.util.spec_from_file_location("benchmark_sinks", BENCHMARKS / "sinks.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


sinks = load_sinks()


def varint(value: int) -> bytes:
    encoded = b""
    while value > 0x7F:
        encoded += bytes([value & 0x7F | 0x80])
        value >>= 7
    return encoded + bytes([value])


def message(number: int, body: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(body)) + body


def otlp(scopes: list[int]) -> bytes:
    """A request with that many spans in each scope, and other fields between them."""
    span = message(1, b"\x01" * 16) + varint(7 << 3 | 1) + bytes(8) + varint(6 << 3) + varint(3)
    body = message(1, message(2, b"\x02" * 300))
    for count in scopes:
        body += message(2, message(1, b"scope") + message(2, span) * count + message(3, b"url"))
    return message(1, body)


def packed(value: object) -> bytes:
    """The msgpack of `value`, for the types that trace payloads are made of."""
    if value is None:
        return b"\xc0"
    if isinstance(value, bool):
        return b"\xc3" if value else b"\xc2"
    if isinstance(value, int):
        return b"\xcf" + value.to_bytes(8, "big") if value > 127 else bytes([value])
    if isinstance(value, float):
        return b"\xcb" + bytes(8)
    if isinstance(value, str):
        text = value.encode()
        return (bytes([0xA0 | len(text)]) if len(text) < 32 else packed_long(text)) + text
    if isinstance(value, list):
        head = bytes([0x90 | len(value)]) if len(value) < 16 else b"\xdc" + short(value)
        return head + b"".join(map(packed, value))
    assert isinstance(value, dict)
    head = bytes([0x80 | len(value)]) if len(value) < 16 else b"\xde" + short(value)
    return head + b"".join(packed(part) for pair in value.items() for part in pair)


def packed_long(text: bytes) -> bytes:
    return bytes([0xD9, len(text)]) if len(text) < 256 else b"\xda" + short(text)


def short(sized: Any) -> bytes:
    return len(sized).to_bytes(2, "big")


plain = st.none() | st.booleans() | st.integers(0, 2**64 - 1) | st.floats() | st.text(max_size=300)
span = st.dictionaries(
    st.text(max_size=40), plain | st.dictionaries(st.text(max_size=5), plain), max_size=20
)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 40), max_size=5))
def test_otlp_spans_are_counted(scopes: list[int]) -> None:
    assert sinks.count_otlp(otlp(scopes)) == sum(scopes)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(span, max_size=20), max_size=4))
def test_datadog_spans_are_counted(traces: list[list[dict[str, object]]]) -> None:
    expected = sum(map(len, traces))
    assert sinks.count_datadog(packed(traces), "v0.4") == expected
    assert sinks.count_datadog(packed([["a", "b"], traces]), "v0.5") == expected


@pytest.fixture
def sink() -> Iterator[str]:
    process = subprocess.Popen(
        [sys.executable, str(BENCHMARKS / "sinks.py"), "spans"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    process.stdin.close()
    process.stdout.close()
    assert process.wait(10) == 0


def test_the_sink_counts_both_vendors_once(sink: str) -> None:
    for path, body in (
        ("/v1/traces", otlp([3, 4])),
        ("/v0.4/traces", packed([[{"name": "a"}]])),
        ("/v0.4/stats", b"not spans"),
    ):
        request = urllib.request.Request(sink + path, body, method="POST")
        with urllib.request.urlopen(request) as answer:
            assert answer.status == 200
    counts = []
    for _ in range(2):
        with urllib.request.urlopen(sink + "/count") as answer:
            counts.append(json.load(answer)["spans"])
    assert counts == [8, 0]


def reap(report: Path, *command: str) -> dict[str, float]:
    subprocess.run(
        [sys.executable, "-I", "-S", str(BENCHMARKS / "reap.py"), str(report), *command], check=True
    )
    figures: dict[str, float] = json.loads(report.read_text())
    return figures


BURN = "import time\nwhile time.process_time() < {}: pass"


def test_a_process_and_what_it_leaves_behind_are_measured_apart(tmp_path: Path) -> None:
    left = f"subprocess.Popen([sys.executable, '-c', {BURN.format(0.3)!r}])"
    code = f"import subprocess, sys; {left}; sys.exit(3)"
    figures = reap(tmp_path / "report", "--adopt", sys.executable, "-c", code)
    assert figures["exit"] == 3
    assert figures["adopted"] == 1
    assert figures["adopted_cpu_s"] >= 0.3
    assert 0 < figures["cpu_s"] < 0.3
    assert figures["own_cpu_s"] < 0.3


def test_cpu_memory_and_signals_are_measured(tmp_path: Path) -> None:
    code = BURN.format(0.2) + "\nx = b'1' * (100 << 20)\nimport os; os.kill(os.getpid(), 9)"
    figures = reap(tmp_path / "report", sys.executable, "-c", code)
    assert figures["exit"] == -9
    assert figures["cpu_s"] >= 0.2
    assert 100 << 10 < figures["max_rss_kib"] < 200 << 10


def test_differences_are_taken_within_a_round(report: Any, row: Any) -> None:
    values = {
        "bare": [1.0, 10.0, 2.0],
        "autotrace": [3.0, 13.0, 3.0],
        "ddtrace": [21.0, 50.0, 12.0],
    }
    measured = row("x", "the call", "µs", 1, budget=1.5, values=values)
    assert report.typical(measured, "autotrace") == 2.0
    assert report.lowest(measured, "autotrace") == 2.0
    titles = {"bare": "bare", "autotrace": "autotrace", "ddtrace": "ddtrace 4"}
    line = report.table([measured], titles, report.typical).splitlines()[-1]
    assert line == "| the call, µs | 2.0 | **+2.0** | +20.0 (10×) | ≤ 1.5 |"
    assert report.misses([measured]) == ["x: 2.0 µs, budget 1.5"]


def test_what_must_arrive_is_a_least(report: Any, row: Any) -> None:
    kept = row("kept", "kept", "", 0, False, 1000, True, {"autotrace": [1003.0]})
    assert report.misses([kept]) == []
    kept.values["autotrace"] = [999.0]
    assert report.misses([kept]) == ["kept: 999, budget 1000"]


def test_the_command_measures_and_reports(tmp_path: Path) -> None:
    written = tmp_path / "values.json"
    done = subprocess.run(
        [
            *(sys.executable, str(BENCHMARKS / "run.py"), "--here", "--ways", "bare", "--quick"),
            *("--rounds", "1", "--only", "start,sqlite3,requests", "--json", str(written)),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "| sqlite3 `execute`, µs |" in done.stdout
    rows = {row["key"]: row["values"] for row in json.loads(written.read_text())["rows"]}
    assert 0 < rows["sqlite3.execute"]["bare"][0] < 1000
    for key in ("requests.session", "requests.json", "requests.get"):
        assert 0 < rows[key]["bare"][0] < 100_000
    assert rows["start.cpu"]["bare"][0] > 1


def test_a_wrong_case_is_named() -> None:
    done = subprocess.run(
        [sys.executable, str(BENCHMARKS / "run.py"), "--only", "sqlite"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "no case 'sqlite'" in done.stderr
