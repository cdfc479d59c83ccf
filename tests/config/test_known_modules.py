"""The names of libraries that a configuration is checked against."""

from __future__ import annotations

from autotrace.config_file import known_modules


def test_the_registry_is_the_folder() -> None:
    names = known_modules()
    assert "sqlite3" in names
    assert names == sorted(names)
    assert not any(name.startswith("_") for name in names)
