"""`autotrace export`."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from made_runs import Maker


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("x.json", "resourceSpans"),
        ("x.otlp", "resourceSpans"),
        ("x.trace.json", "traceEvents"),
        ("x.perfetto.json", "traceEvents"),
        ("X.CHROME.JSON", "traceEvents"),
    ],
)
def test_the_name_says_the_format(
    autotrace: Any, runs: list[Maker], tmp_path: Path, name: str, key: str
) -> None:
    said = autotrace("export", "7f3", "-o", name)
    assert (said.returncode, said.stdout, said.stderr) == (0, "", "")
    assert key in json.loads((tmp_path / name).read_text())
    assert [path.name for path in tmp_path.iterdir() if ".part" in path.name] == []


def test_compressed(autotrace: Any, runs: list[Maker], tmp_path: Path) -> None:
    assert autotrace("export", "-o", "x.trace.json.gz").returncode == 0
    with gzip.open(tmp_path / "x.trace.json.gz", "rt") as stream:
        assert "traceEvents" in json.load(stream)


def test_standard_output(autotrace: Any, runs: list[Maker]) -> None:
    assert "resourceSpans" in json.loads(autotrace("export", "-o", "-").stdout)
    chrome = autotrace("export", "7f4", "-o", "-", "--format", "chrome").stdout
    assert json.loads(chrome)["otherData"]["job"] == "import_csv"


def test_wrong_usage(autotrace: Any, runs: list[Maker], tmp_path: Path) -> None:
    for arguments in ([], ["-o", "x.csv"], ["-o", "x.json", "--format", "csv"]):
        said = autotrace("export", *arguments)
        assert said.returncode == 2
    assert "--format otlp or chrome" in autotrace("export", "-o", "x.csv").stderr
    assert autotrace("export", "-o", "x.csv", "--format", "otlp").returncode == 0
    assert (tmp_path / "x.csv").exists()


def test_where_it_cannot_be_written(autotrace: Any, runs: list[Maker], tmp_path: Path) -> None:
    said = autotrace("export", "-o", "missing/x.json")
    assert said.returncode == 1
    assert "missing/x.json could not be written" in said.stderr
    (tmp_path / "x.json").write_text("precious")
    assert autotrace("export", "9999", "-o", "x.json").returncode == 1
    assert (tmp_path / "x.json").read_text() == "precious"


def test_a_device_is_not_replaced(autotrace: Any, runs: list[Maker]) -> None:
    assert autotrace("export", "-o", "/dev/null", "--format", "otlp").returncode == 0
    assert Path("/dev/null").is_char_device()
