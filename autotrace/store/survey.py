"""How the store stands: what it takes, what was left behind, whether all belongs together."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field

from autotrace.store.catalog import Catalog, runs_on_disk
from autotrace.store.errors import StoreError
from autotrace.store.layout import CATALOG, LIVE, RUNS, live_folders, run_files, size_below
from autotrace.store.runfile import RunFile


@dataclass(slots=True)
class Usage:
    """What the store takes. Bytes are those allocated on the disk.

    ``runs`` counts finished runs, ``running`` those under way, ``left_behind`` are the paths of
    live folders that nobody collects and whose processes are gone.
    """

    home: str
    runs: int = 0
    running: int = 0
    run_bytes: int = 0
    live_bytes: int = 0
    catalog_bytes: int = 0
    left_behind: list[str] = field(default_factory=list)

    @property
    def bytes(self) -> int:
        """All together."""
        return self.run_bytes + self.live_bytes + self.catalog_bytes


@dataclass(slots=True)
class Check:
    """What does not belong together.

    ``unlisted`` are run ids that have a file and no row, ``missing`` those that have a row and no
    file, ``damaged`` sentences about files that cannot be read or only in part.
    """

    unlisted: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        """Whether there is nothing to say."""
        return not (self.unlisted or self.missing or self.damaged)


def usage(home: str, catalog: Catalog, left_behind: Sequence[str]) -> Usage:
    """Measure the store at ``home``; ``left_behind`` are the live folders nobody cares for."""
    folders = list(live_folders(home))
    catalog_bytes = 0
    try:
        with os.scandir(home) as entries:
            for entry in entries:
                if entry.name.startswith(CATALOG) and entry.is_file(follow_symlinks=False):
                    catalog_bytes += entry.stat().st_blocks * 512
    except OSError:
        pass
    return Usage(
        home=home,
        runs=catalog.count(),
        running=len(set(folders) - set(left_behind)),
        run_bytes=size_below(os.path.join(home, RUNS)),
        live_bytes=size_below(os.path.join(home, LIVE)),
        catalog_bytes=catalog_bytes,
        left_behind=list(left_behind),
    )


def check(home: str, catalog: Catalog, repair: bool = False, thorough: bool = False) -> Check:
    """Compare catalog and run files; ``thorough`` reads every span of every file.

    With ``repair`` files without a row are listed again, and rows without a file taken away. Raises
    StoreError where that cannot be written.
    """
    found = Check()
    on_disk = {run.run: (run, size) for run, size in runs_on_disk(home, found.damaged)}
    listed = {run for run, _, _ in catalog.sizes()}
    found.unlisted = sorted(on_disk.keys() - listed)
    names = _names(home)
    found.missing = sorted(listed - names)
    if thorough:
        for path in run_files(home):
            try:
                with RunFile(path) as file:
                    # A file whose last section is lost has been told of above.
                    known = len(file.notes)
                    for _ in file.blocks():
                        pass
                    file.late()
                    found.damaged += file.notes[known:]
            except (StoreError, OSError):
                continue
    if repair:
        for run in found.unlisted:
            catalog.add(*on_disk[run])
        catalog.remove(found.missing)
    return found


def _names(home: str) -> set[str]:
    return {os.path.basename(path).partition(".")[0] for path in run_files(home)}
