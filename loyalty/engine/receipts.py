"""What the engine gives back: receipts of events and commands, statements and their pages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date

from attrs import field, frozen

from loyalty.core.holders import Holder
from loyalty.explaining.steps import Explanation
from loyalty.ledger.entries import Entry
from loyalty.ledger.lines import Line
from loyalty.settlement.reading import CapRoom, MetricValue


@frozen
class Receipt:
    """
    What became of an event or a command.

    Attributes:
        identity: The event's identity, or the command's key.
        entries: The entries that it caused, those that correct earlier ones included.
        waiting: True while the event does nothing because the one that it speaks of is not known.
        counts_from: UTC microseconds: the instant at which an event counts that came too late for its own, else None.
    """

    identity: str
    entries: tuple[Entry, ...]
    waiting: bool
    _explain: Callable[[Receipt], Explanation]
    counts_from: int | None = field(default=None, kw_only=True)

    def explain(self) -> Explanation:
        """Say why: rule, inputs, multiplier, cap, rounding, posting, and the rules that did not apply."""
        return self._explain(self)


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
class Standing:
    """
    Where a holder stands at an instant.

    Attributes:
        holder: Whose.
        at: UTC microseconds.
        known_at: By what was recorded at or before it, UTC microseconds; None for all that is known.
        tier: The name of the tier in force, or None for a person: tiers are the partner's.
        tier_since: UTC microseconds from which it is; None where it never was another.
        earned_tier: The tier that stands beneath one set by hand; the tier in force where none is.
        by_hand_through: The last day of a tier set by hand, or None.
        grace_ends: The day at whose start a grace is over, and the holder lands if it still misses; or None.
        next_review: The day at whose start its standing is looked at next, or None.
        badges: The badges held, each with the instant from which it is.
        metrics: The value of each metric by its name, with the days of its window.
        caps: The room under each cap that was declared, in the present period.
    """

    holder: Holder
    at: int
    known_at: int | None
    tier: str | None
    tier_since: int | None
    earned_tier: str | None
    by_hand_through: date | None
    grace_ends: date | None
    next_review: date | None
    badges: Mapping[str, int]
    metrics: Mapping[str, MetricValue]
    caps: tuple[CapRoom, ...]


@frozen
class TierChange:
    """
    A change of the tier in force.

    Attributes:
        at: UTC microseconds from which it counts.
        tier: The name of the tier that is in force from then on.
        rule: Why: ``@promotion``, ``@review``, ``@grace``, ``@override``, or the rule of a refund.
        cause: The identity of the event, or None for the clock.
    """

    at: int
    tier: str
    rule: str
    cause: str | None


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
