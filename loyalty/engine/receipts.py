"""What the engine gives back: receipts of events and commands, statements and their pages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date

from attrs import frozen

from loyalty.core.holders import Holder
from loyalty.ledger.entries import Entry
from loyalty.ledger.lines import Line
from loyalty.settlement.trace import Explanation


@frozen
class Receipt:
    """
    What became of an event or a command.

    Attributes:
        identity: The event's identity, or the command's key.
        entries: The entries that it caused, those that correct earlier ones included.
        waiting: True while the event does nothing because the one that it speaks of is not known.
    """

    identity: str
    entries: tuple[Entry, ...]
    waiting: bool
    _explain: Callable[[], Explanation]

    def explain(self) -> Explanation:
        """Say why: rule, inputs, multiplier, cap, rounding, posting, and the rules that did not apply."""
        return self._explain()


@frozen
class Statement:
    """
    A holder's wallets at an instant.

    Attributes:
        holder: Whose.
        at: UTC microseconds.
        balances: Minor units by (account name, asset); zeros are left out.
        expiries: For each currency the (expiry day, minor units) of what is available, soonest first; the last
            usable day is the day before.
        tier: The name of the tier in force.
        badges: The badges held.
    """

    holder: Holder
    at: int
    balances: Mapping[tuple[str, str], int]
    expiries: Mapping[str, tuple[tuple[int, int], ...]]
    tier: str
    badges: tuple[str, ...]


@frozen
class Expiry:
    """
    Available points that share a last day.

    Attributes:
        currency: Which.
        amount: Minor units.
        last_usable_day: The local date through which they can be used.
        expires_at: UTC microseconds: the start of the day after, when they are gone.
    """

    currency: str
    amount: int
    last_usable_day: date
    expires_at: int


@frozen
class Page:
    """
    Some lines of a wallet that follow each other.

    Attributes:
        holder: Whose.
        currency: Which wallet.
        lines: Each posting with the balance of its account after it.
        opening: Minor units of each account, by name, before the earliest line; zeros are left out.
        closing: The same after the latest line.
        next: What to give as *after* for the page behind this one, or None where there is none.
    """

    holder: Holder
    currency: str
    lines: tuple[Line, ...]
    opening: Mapping[str, int]
    closing: Mapping[str, int]
    next: str | None
