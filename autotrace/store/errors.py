"""What can go wrong with the store, each as an exception whose text can be shown as it is."""

from __future__ import annotations


class StoreError(Exception):
    """The store could not do what was asked; the text says what happened, why, and what to do."""


class RunNotFound(StoreError):
    """No run has an id that begins like this."""


class AmbiguousRun(StoreError):
    """More than one run has an id that begins like this."""


class NewerVersion(StoreError):
    """A file was written by a newer autotrace than this one."""


class DamagedRun(StoreError):
    """A run file cannot be read, wholly or in part."""
