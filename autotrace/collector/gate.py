"""The gate through which finished spans leave: they are counted, and refusals told apart."""

from __future__ import annotations

from collections.abc import Sequence

from autotrace.store.columns import Block, BlockTaker, LateFields


class Refused(Exception):
    """The taker failed: that is no fault of the journal that was being read."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


class Gate:
    """Stands before a taker, and tells its failures from those of journals.

    ``spans`` and ``errors`` are how many went through. Raises Refused where the taker raises.
    """

    def __init__(self, taker: BlockTaker) -> None:
        self._taker = taker
        self.site = taker.site
        self.spans = 0
        self.errors = 0

    def block(self, block: Block) -> None:
        """Let a block through."""
        self.spans += len(block)
        self.errors += block.errors()
        try:
            self._taker.block(block)
        except Exception as error:
            raise Refused(error) from error

    def late(self, late: Sequence[LateFields]) -> None:
        """Let through what was learnt late."""
        try:
            self._taker.late(late)
        except Exception as error:
            raise Refused(error) from error
