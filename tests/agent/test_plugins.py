"""Instrumentations that other packages bring: found by their entry points, remembered, and harmless where broken."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path
from typing import Any

import pytest

from autotrace.agent import plugins

GROUP = "[autotrace.instrumentations]"


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "lib" / "site-packages"
    folder.mkdir(parents=True)
    others = [path for path in sys.path if not path.endswith("-packages")]
    monkeypatch.setattr(sys, "path", [*others, str(folder)])
    return folder


def install(folder: Path, name: str, text: str | bytes) -> None:
    info = folder / name
    info.mkdir()
    content = text if isinstance(text, bytes) else text.encode()
    (info / "entry_points.txt").write_bytes(content)
    os.utime(folder, ns=(1, (folder.stat().st_mtime_ns + 1_000_000_000)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"{GROUP}\nredis = acme.redis\n", {"redis": "acme.redis"}),
        (f"[console_scripts]\na = b:c\n{GROUP}\nx=y.z\n[other]\nq = r\n", {"x": "y.z"}),
        (f"{GROUP}\r\n x = y [extra]\r\n", {"x": "y"}),
        (f"{GROUP}\n# a = b\n= c\nd =\ne\n\nf = g", {"f": "g"}),
        (f"{GROUP}\na = b\n{GROUP}\nc = d\n", {"a": "b", "c": "d"}),
        ("[console_scripts]\nautotrace.instrumentations = x\n", {}),
        (b"\xff\xfe" + f"\n{GROUP}\na = b\n".encode(), {"a": "b"}),
        ("", {}),
    ],
)
def test_entry_points_are_read(text: str | bytes, expected: dict[str, str], packages: Path) -> None:
    install(packages, "acme-1.0.dist-info", text)
    assert plugins.third_party() == expected


def test_found_in_all_folders_of_packages_and_nowhere_else(
    packages: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    system = tmp_path / "python3" / "dist-packages"
    other = tmp_path / "src"
    for folder in (system, other):
        folder.mkdir(parents=True)
    install(packages, "a-1.dist-info", f"{GROUP}\na = one\n")
    install(system, "b.egg-info", f"{GROUP}\nb = two\n")
    install(other, "c-1.dist-info", f"{GROUP}\nc = three\n")
    (packages / "d-1.dist-info").mkdir()
    (packages / "e-1.dist-info").write_text("a file")
    path: list[Any] = [*sys.path, str(system), str(other), "", str(tmp_path / "gone"), None]
    monkeypatch.setattr(sys, "path", [*path, str(tmp_path / "gone" / "site-packages"), packages])
    assert plugins.third_party() == {"a": "one", "b": "two"}


def cached(home: Path) -> list[Path]:
    return sorted((home / "cache").iterdir())


def test_what_was_found_is_remembered_until_something_is_installed(
    packages: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(packages, "a-1.dist-info", f"{GROUP}\na = one\n")
    assert plugins.third_party() == {"a": "one"}
    [file] = cached(home)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in (home, home / "cache")} == {0o700}
    scan = plugins._scan
    with monkeypatch.context() as changed:
        changed.setattr(plugins, "_scan", lambda folder: pytest.fail("it was looked through"))
        assert plugins.third_party() == {"a": "one"}
    assert plugins._scan is scan
    install(packages, "b-1.dist-info", f"{GROUP}\nb = two\n")
    assert plugins.third_party() == {"a": "one", "b": "two"}
    assert len(cached(home)) == 1


@pytest.mark.parametrize("content", [b"", b"ATPLUG\r\n", b"ATPLUG\r\nrubbish" * 9, b"\0" * 4096])
def test_a_broken_memory_is_looked_past_and_made_anew(
    content: bytes, packages: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(packages, "a-1.dist-info", f"{GROUP}\na = one\n")
    plugins.third_party()
    [file] = cached(home)
    good = file.read_bytes()
    file.write_bytes(content)
    assert plugins.third_party() == {"a": "one"}
    assert file.read_bytes() == good


@pytest.mark.parametrize("how", ["writable by all", "a link", "foreign"])
def test_a_memory_that_another_could_have_written_is_not_believed(
    how: str, packages: Path, home: Path, tmp_path: Path
) -> None:
    install(packages, "a-1.dist-info", f"{GROUP}\na = evil\n")
    plugins.third_party()
    [file] = cached(home)
    stamp = packages.stat().st_mtime_ns
    (packages / "a-1.dist-info" / "entry_points.txt").write_text(f"{GROUP}\na = good\n")
    assert packages.stat().st_mtime_ns == stamp
    assert plugins.third_party() == {"a": "evil"}, "it is believed as long as it is ours"
    if how == "writable by all":
        file.chmod(0o666)
    elif how == "a link":
        file.rename(tmp_path / "elsewhere")
        file.symlink_to(tmp_path / "elsewhere")
    elif os.geteuid() == 0:
        os.chown(file, 12345, 12345)
    else:
        pytest.skip("only root can give a file away")
    assert plugins.third_party() == {"a": "good"}


def test_without_a_place_to_remember_it_works_all_the_same(
    packages: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTOTRACE_HOME", "/dev/null/nowhere")
    install(packages, "a-1.dist-info", f"{GROUP}\na = one\n")
    assert plugins.third_party() == {"a": "one"}


def test_one_that_cannot_be_loaded_is_noted_and_the_library_works(
    trace: Any, tmp_path: Path
) -> None:
    folder = tmp_path / "site-packages"
    folder.mkdir()
    install(
        folder,
        "acme-1.dist-info",
        f"{GROUP}\ncolorsys = acme_missing\nbisect = acme_broken\nsqlite3 = acme_sqlite\n",
    )
    (folder / "acme_broken.py").write_text("raise SystemError('broken')\n")
    (folder / "acme_sqlite.py").write_text("print('in place of ours')\n")
    traced = trace(
        "import sys\n"
        "sys.modules.pop('bisect', None)\n"
        "import bisect, colorsys, sqlite3\n"
        "print(colorsys.rgb_to_hsv(0, 0, 0), bisect.bisect([1, 2], 1))\n",
        env={"PYTHONPATH": f"{Path(__file__).resolve().parents[2]}:{folder}"},
        faults=True,
    )
    assert traced.stdout == "in place of ours\n(0.0, 0.0, 0) 1\n", traced.stderr
    assert sorted(place for place, _ in traced.faults) == [
        "instrumentation of bisect",
        "instrumentation of colorsys",
    ]
