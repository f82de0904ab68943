"""
What is remembered of one holder: plain lists of what happened, no totals.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import TypeAlias

from attrs import define, field

from loyalty.core.events import FieldValue
from loyalty.core.holders import Holder, Layer
from loyalty.ledger.store import Grant
from loyalty.mdf.declaration import Allotment
from loyalty.rules.declaration import Rule
from tests.auditor.history import Happening

#: A key without its owner: each part with its value.
Key: TypeAlias = frozenset[tuple[Hashable, Hashable]]

#: A key of a named rule or campaign.
OwnedKey: TypeAlias = tuple[Hashable, ...]
Values: TypeAlias = dict[str, FieldValue | None]

BASE = "base"


@define(eq=False)
class Lot:
    """
    Points of one credit.

    Args:
        account: ``pending`` or ``available``.
        matures_day: When the clock makes it available; None where it does not.
    """

    currency: str
    account: str
    remaining: int
    expiry_day: int
    matures_day: int | None = None


@define(eq=False)
class Fact:
    """
    An event that was taken in (21).

    Args:
        values: For each revision, what the names of its expressions stood for just before the event.
        tier: The tier that it was settled with.
        is_counted: Its day lies within the programme's dates, so that it earns and counts (6).
        left: For each field that refunds take parts of, what they left (27).
        nothing_left: Refunded as a whole.
        in_force: No ``ends`` event has ended it (31).
    """

    happening: Happening
    values: list[Values]
    tier: str
    is_counted: bool
    left: dict[str, int] = field(factory=dict)
    nothing_left: bool = False
    in_force: bool = True


@define(eq=False)
class Paid:
    """
    One award that was paid: a rule's, in one currency (27, 28).

    Args:
        place: Of the revision whose rule it is (57).
        caps: The keys of the caps that it used.
    """

    fact: Fact
    rule: Rule
    place: int
    currency: str
    granted: int
    lot: Lot
    until_kind: str | None
    caps: set[OwnedKey]
    reversed: int = 0


@define(eq=False)
class Gift:
    """What came with a tier or a badge, and was not taken back; *rule* is its name (50, 52)."""

    rule: str
    day: int
    lot: Lot
    amount: int


@define(eq=False)
class Allotted:
    """The latest payment of an allotment, and what it was lowered to (51)."""

    allotment: Allotment
    day: int
    lot: Lot
    left: int


@define(eq=False)
class Drawn:
    """
    What a grant took out of the wallet, as far as nothing has carried it on or given it back since (38, 40, 41).

    Args:
        account: Where it went.
        pieces: Expiry day and amount, in the order of taking.
        lacked: What there was not.
    """

    grant: Grant
    account: str
    pieces: list[tuple[int, int]]
    lacked: int

    @property
    def left(self) -> int:
        """What is left of it, what it lacked included."""
        return sum(amount for _, amount in self.pieces) + self.lacked

    def cut(self, amount: int, last: bool = False) -> list[tuple[int, int]]:
        """Take pieces out, at most *amount*, from the first taken on or, if said, from the last."""
        cut = []
        while amount > 0 and self.pieces:
            place = -1 if last else 0
            day, there = self.pieces.pop(place)
            taken = min(there, amount)
            amount -= taken
            cut.append((day, taken))
            if there > taken:
                self.pieces.insert(len(self.pieces) if last else 0, (day, there - taken))
        return cut


@define(eq=False)
class State:
    """A holder as settlement knows it."""

    holder: Holder
    anchor: int | None = None
    clock_day: int | None = None
    facts: list[Fact] = field(factory=list)
    lots: list[Lot] = field(factory=list)
    arrears: dict[str, int] = field(factory=dict)
    expired: list[tuple[str, int, int]] = field(factory=list)  # Currency, expiry day, amount; reversals < 0.
    drawn: dict[str, Drawn] = field(factory=dict)  # By the grant's key, in the order of recording.
    paid_in_from: dict[str, str] = field(factory=dict)  # The account, by the grant's key.
    is_closed: bool = False
    paid: list[Paid] = field(factory=list)
    earned: list[tuple[str, int, int]] = field(factory=list)  # Currency, day, amount; reversals are negative.
    cap_uses: list[tuple[OwnedKey, int]] = field(factory=list)  # What was returned is negative.
    used_once: set[OwnedKey] = field(factory=set)
    last_paid: dict[OwnedKey, tuple[int, int]] = field(factory=dict)  # Day and instant.
    streaks: dict[OwnedKey, tuple[int, int]] = field(factory=dict)  # Last period and length, by rule and period.
    standing: str = BASE
    grace_ends: int | None = None
    manual: tuple[str, int] | None = None  # The tier, and the last day of it.
    tier_before: tuple[int | None, str] = (None, BASE)  # The last instant with an event, and the tier before it.
    badges: set[str] = field(factory=set)
    gifts: list[Gift] = field(factory=list)
    allotted: dict[str, Allotted] = field(factory=dict)  # By the allotment's name.

    @property
    def layer(self) -> Layer:
        """Whether it is a partner or a person."""
        return self.holder.layer

    @property
    def tier(self) -> str:
        """The effective tier: a manual one in force, else the standing (22)."""
        return self.standing if self.manual is None else self.manual[0]

    def fact_of(self, happening: Happening) -> Fact:
        """Give what was taken in of an event."""
        return next(fact for fact in self.facts if fact.happening is happening)
