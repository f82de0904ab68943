"""
Entries and postings: the balanced whole and its legs.

An entry that does not balance cannot be built. Amounts are whole minor units; a credit to an account is positive.

>>> acme = Holder.partner("acme")
>>> entry = Entry(key="event:/D-1", kind=EntryKind.EVENT, cause="/D-1", effective_at=0, recorded_at=0, revision="r1",
...     postings=(Posting(Account(None, "issued"), "points", -10, rule="deal-base", cause="/D-1"),
...               Posting(Account(acme, "available"), "points", 10, lot_day=20_000, rule="deal-base", cause="/D-1")))
>>> entry.postings[1].account.path
'partner:acme/available'
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from enum import Enum
from functools import lru_cache
from typing import Any, Final

from attrs import define, field, frozen

from loyalty.core.amounts import MAX_AMOUNT
from loyalty.core.holders import Holder
from loyalty.errors import LedgerError

#: The wallet's accounts that keep lots: what is in them expires.
LOT_ACCOUNTS = frozenset({"pending", "available", "held"})

#: A holder's accounts, with the sign that their balance may have: 1 for never below zero, -1 for never above.
HOLDER_ACCOUNTS: Mapping[str, int] = {"pending": 1, "available": 1, "held": 1, "arrears": -1, "standing": 1}

#: The programme's accounts, the other side of every entry.
PROGRAMME_ACCOUNTS = frozenset({
    "issued", "redeemed", "expired", "standing",
    "adjusted", "transferred", "opening", "forfeited", "written_off",
})  # fmt: skip


#: What the cause of corrections begins with that a migration to other revisions posted, and no late event.
MIGRATION: Final = "migration:"


class EntryKind(Enum):
    """What caused an entry: a fact, the clock, a decision, or a fact that came late and changed what was posted."""

    EVENT = "event"
    TIMER = "timer"
    COMMAND = "command"
    CORRECTION = "correction"


@frozen(order=True, cache_hash=True)
class Account:
    """
    One side of a wallet or of the programme.

    Attributes:
        owner: Whose; None for the programme.
        name: Which account.
        path: The account's name in the journal, for example ``partner:acme/available``.
    """

    owner: Holder | None
    name: str
    path: str = field(init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        known = PROGRAMME_ACCOUNTS if self.owner is None else HOLDER_ACCOUNTS
        if self.name not in known:
            raise LedgerError(f"no account {self.name!r}; known are {', '.join(sorted(known))}")

    @path.default
    def _write_path(self) -> str:
        return f"{'programme' if self.owner is None else self.owner}/{self.name}"

    @classmethod
    @lru_cache(maxsize=1 << 18)
    def of(cls, owner: Holder | None, name: str) -> Account:
        """Give an account; one that is asked for often is one object, which is found by it faster."""
        return cls(owner, name)

    @classmethod
    def parse(cls, path: str) -> Account:
        """Read what :attr:`path` wrote."""
        owner, _, name = path.rpartition("/")
        return cls.of(None if owner == "programme" else Holder.parse(owner), name)


@define(eq=False, repr=False)
class _OpenPosting:
    """What a posting holds, while it is made: a frozen object takes four times as long to fill."""

    account: Account
    asset: str
    amount: int
    lot_day: int | None = None
    rule: str | None = None
    cause: str | None = None


@frozen
class Posting(_OpenPosting):
    """
    One leg of an entry.

    Args:
        account: Whose balance it changes.
        asset: A currency's name, or ``tier.NAME`` and ``badge.NAME`` for standing held as one unit.
        amount: Minor units, not 0; positive adds to the account.
        lot_day: The day at whose start the points expire (``calendar.NEVER`` for none); None on accounts without lots.
        rule: The rule that caused it, or ``@expiry``, ``@activation``, ``@review`` and the like for the clock's.
        cause: The identity of the event or the key of the command that it stands for; None for the clock's.
            In a correction this is the corrected cause, while the entry's own cause is the late event.
    """

    def __attrs_post_init__(self) -> None:
        if type(self.amount) is not int or self.amount == 0 or abs(self.amount) > MAX_AMOUNT:
            raise LedgerError(
                f"a posting to {self.account.path} of {self.amount!r} {self.asset}: "
                f"write a whole number of minor units, not 0, at most {MAX_AMOUNT} either way"
            )
        if (self.lot_day is not None) != (self.account.owner is not None and self.account.name in LOT_ACCOUNTS):
            raise LedgerError(
                f"a posting to {self.account.path}: lots stand on {', '.join(sorted(LOT_ACCOUNTS))} alone"
            )


@define(eq=False, repr=False)
class _OpenEntry:
    """What an entry holds, while it is made, as for postings."""

    key: str
    kind: EntryKind
    cause: str | None
    effective_at: int
    recorded_at: int
    revision: str
    postings: tuple[Posting, ...]
    corrects: str | None = None
    explanation: Mapping[str, Any] = field(factory=dict, hash=False)
    booked_day: int | None = None


@frozen(kw_only=True)
class Entry(_OpenEntry):
    """
    Postings that balance in every asset.

    Args:
        key: The idempotency key, unique in the book.
        kind: What caused it.
        cause: The identity of the causing event or the key of the command; None for the clock.
        effective_at: UTC microseconds: the instant from which it counts.
        recorded_at: UTC microseconds: when the book came to know it.
        revision: The identity of the programme revision that it was settled under.
        postings: One leg each, in the order of settlement.
        corrects: The key of the entry that this one corrects, or None.
        explanation: Codes and numbers that answer why later, as plain JSON types.
        booked_day: The day under which other accounting systems have it, where that is not its effective day: the
            book was locked through that when the entry was recorded.
    """

    def __attrs_post_init__(self) -> None:
        if not self.postings:
            raise LedgerError(f"entry {self.key} has no postings; post nothing instead of an empty entry")
        first, *others = self.postings
        if len(others) == 1 and others[0].asset == first.asset and others[0].amount == -first.amount:
            return
        sums: dict[str, int] = defaultdict(int)
        for posting in self.postings:
            sums[posting.asset] += posting.amount
        wrong = {asset: total for asset, total in sums.items() if total}
        if wrong:
            raise LedgerError(
                f"entry {self.key} is out of balance by "
                + ", ".join(f"{total} {asset}" for asset, total in sorted(wrong.items()))
                + "; every asset must sum to 0"
            )


def sound_transfer(
    source: Account,
    target: Account,
    asset: str,
    amount: int,
    source_lot: int | None,
    target_lot: int | None,
    rule: str,
    cause: str | None,
) -> tuple[Posting, Posting]:
    """
    Give the two postings of a transfer between accounts whose lots are known to be named as they must.

    Args:
        amount: Minor units, above 0.
        source_lot, target_lot: The expiry day where the account keeps lots, else None.
    """
    if not 0 < amount <= MAX_AMOUNT:
        # Posting says what is wrong with it.
        return (
            Posting(source, asset, -amount, source_lot, rule, cause),
            Posting(target, asset, amount, target_lot, rule, cause),
        )
    debit: Any = _OpenPosting(source, asset, -amount, source_lot, rule, cause)
    credit: Any = _OpenPosting(target, asset, amount, target_lot, rule, cause)
    debit.__class__ = credit.__class__ = Posting
    return debit, credit


def sound_entry(
    key: str,
    kind: EntryKind,
    cause: str | None,
    effective_at: int,
    recorded_at: int,
    revision: str,
    postings: tuple[Posting, ...],
    corrects: str | None,
    explanation: Mapping[str, Any],
) -> Entry:
    """Give an entry of transfers, some at least, which balance by how they are made."""
    entry: Any = _OpenEntry(
        key, kind, cause, effective_at, recorded_at, revision, postings, corrects, explanation, None
    )
    entry.__class__ = Entry
    made: Entry = entry
    return made
