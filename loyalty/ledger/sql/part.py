"""What every part of a transaction on tables works with."""

from __future__ import annotations

from abc import ABC, abstractmethod


class Part(ABC):
    """A part of :class:`~loyalty.ledger.sql.transaction.SqlTransaction`, which knows what waits in all of them."""

    @abstractmethod
    def write(self) -> None:
        """Write everything that waits to be written."""
