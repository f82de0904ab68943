"""
A book as it was known at an instant: what was recorded later is not in it.
"""

from __future__ import annotations

from collections.abc import Sequence

from loyalty.core.holders import Holder
from loyalty.ledger.store import Grant, Received, RecordedEvent, Transaction
from loyalty.settlement.commands import command_of, entry_key_of


class Known:
    """
    The histories of a book by what was recorded at or before an instant.

    It has what :class:`~loyalty.engine.histories.Facts` asks for, and no more: entries, balances and clocks are the
    journal's.

    Args:
        tx: The book as it is now.
        recorded_at: The instant, UTC microseconds.
    """

    def __init__(self, tx: Transaction, recorded_at: int) -> None:
        self._tx = tx
        self._recorded_at = recorded_at

    def find_event(self, identity: str) -> RecordedEvent | None:
        """Give the event of this identity, or None."""
        found = self._tx.find_event(identity)
        return found if found is not None and found.recorded_at <= self._recorded_at else None

    def events_about(self, identity: str) -> Sequence[RecordedEvent]:
        """Give the events whose origin is *identity*, in order of acceptance."""
        return [one for one in self._tx.events_about(identity) if one.recorded_at <= self._recorded_at]

    def received(self, holder: Holder) -> Sequence[Received]:
        """Give the holder's events in order of acceptance; what they brought from other layers is today's."""
        return [one for one in self._tx.received(holder) if one.recorded.recorded_at <= self._recorded_at]

    def grants(self, holder: Holder) -> Sequence[Grant]:
        """Give the holder's decisions, in order of recording."""
        return [grant for grant in self._tx.grants(holder) if self._recorded(grant) <= self._recorded_at]

    def _recorded(self, grant: Grant) -> int:
        """Give when a decision was recorded: with its entry, or when it was taken where it moved nothing."""
        entry = self._tx.find_entry(entry_key_of(command_of(grant)))
        return grant.at if entry is None else entry.recorded_at
