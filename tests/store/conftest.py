"""What the store's tests share."""

from __future__ import annotations

import os

import pytest


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether something would outlive a power cut is not to be seen here, but it takes its time."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
