"""Prints what all test sessions came to, from the JUnit reports in the folder that is given."""

from __future__ import annotations

import sys
from pathlib import Path
from xml.etree import ElementTree


def total(folder: Path) -> str:
    """The counts of all reports in `folder`, added up, on one line."""
    passed = failed = skipped = 0
    for report in sorted(folder.glob("*.xml")):
        for suite in ElementTree.parse(report).iter("testsuite"):
            count = {
                name: int(suite.get(name, "0"))
                for name in ("tests", "failures", "errors", "skipped")
            }
            failed += count["failures"] + count["errors"]
            skipped += count["skipped"]
            passed += count["tests"] - count["failures"] - count["errors"] - count["skipped"]
    return f"{passed} passed, {failed} failed, {skipped} skipped"


if __name__ == "__main__":
    print(total(Path(sys.argv[1])))
