"""
Entries in passing: each is hashed from its rows as they were stored, and everything that hangs on it is looked at.

Entries, postings, lots and allocations all lie in order of the entry, so that four pages of rows are gone through side
by side: whatever belongs to nothing is met on the way, and nothing is looked up but the names of accounts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from attrs import define
from sqlalchemy import Select, bindparam, select

from loyalty.ledger.entries import EntryKind
from loyalty.ledger.hashing import HASH_VERSIONS, hash_fields, version_for
from loyalty.ledger.sql.auditing.reading import Findings, Reader, shown_day
from loyalty.ledger.sql.auditing.runs import Runs
from loyalty.ledger.sql.posting import LOT_BITS
from loyalty.ledger.sql.statements import Compiler

#: What an entry may be.
_KINDS: Final = frozenset(kind.value for kind in EntryKind)

_NO_LEG: Final[tuple[Any, ...]] = ()

#: Stands behind the last row of a page.
_END: Final = 1 << 62


@define(eq=False)
class EntriesAudit:
    """
    What going through entries came to.

    Attributes:
        findings: What is wrong, in order of the entries.
        runs: The running balances of the postings.
        entries: How many entries of the book there were.
    """

    findings: Findings
    runs: Runs
    entries: int = 0


def audit_entries(reader: Reader, runs: Runs, after: int, until: int) -> EntriesAudit:
    """
    Go through the entries whose ids are above *after* and at most *until*, with all that has such an entry's id.

    Args:
        runs: Where the running balances are added up.
    """
    audit = EntriesAudit(Findings(), runs)
    passing = _Passing(reader, audit)
    place = after
    for entries in reader.pages(_entries, after, until):
        last = entries[-1][0]
        passing.page(entries, place, last)
        place = last
    # What has the id of an entry behind the last one belongs to none.
    passing.page((), place, until)
    return audit


class _Passing:
    def __init__(self, reader: Reader, audit: EntriesAudit) -> None:
        self._reader = reader
        self._audit = audit

    def page(self, entries: Sequence[Any], after: int, until: int) -> None:
        """Go through a page of entries and whatever has an id above *after* and at most *until*."""
        reader, audit = self._reader, self._audit
        runner, find = reader.runner, audit.findings.add
        span = {"after": after, "until": until}
        postings = [*runner.plain(_postings, **span), (_END,)]
        lot_span = {"after": (after + 1 << LOT_BITS) - 1, "until": (until + 1 << LOT_BITS) - 1}
        lots = [*runner.plain(_lots, **lot_span), (_END << LOT_BITS,)]
        allocations = [*runner.plain(_allocations, **span), (_END,)]
        accounts = reader.accounts({row[2] for row in postings[:-1]})
        assets, book, add_run = reader.assets(), reader.book_id, audit.runs.add
        p = n = a = 0
        for row in entries:
            (id, book_id, key, kind, cause, effective_at, recorded_at, revision, corrects, explanation, digest,
             version, booked_day) = row  # fmt: skip
            while postings[p][0] < id:
                self._orphan_posting(postings[p])
                p += 1
            while lots[n][0] >> LOT_BITS < id:
                self._orphan_lot(lots[n])
                n += 1
            while allocations[a][0] < id:
                self._orphan_allocation(allocations[a])
                a += 1
            first, first_lot, first_allocation = p, n, a
            while lots[n][0] >> LOT_BITS == id:
                n += 1
            while allocations[a][0] == id:
                a += 1
            if book_id != book:
                while postings[p][0] == id:
                    p += 1
                continue
            audit.entries += 1
            fields: list[Any] = [key, kind, cause, effective_at, recorded_at, revision, corrects, explanation]
            total, asset, is_mixed, with_lots, lot_leg = 0, None, False, 0, _NO_LEG
            leg = postings[p]
            while leg[0] == id:
                _, seq, account_id, asset_id, amount, lot_day, rule, why, balance_after, leg_version = leg
                account = accounts[account_id]
                path = None if account is None else account.path
                fields += (path, assets.get(asset_id), amount, lot_day, rule, why)
                total += amount
                if asset_id != asset:
                    is_mixed, asset = asset is not None, asset_id
                if lot_day is not None:
                    with_lots, lot_leg = with_lots + 1, leg
                if seq != p - first:
                    find(f"entry {key} has no posting {p - first}, but one {seq}")
                if account is None or account.book_id != book:
                    find(f"posting {seq} of entry {key} is to an account {account_id} that the book does not have")
                elif account.is_holders:
                    add_run(account_id, asset_id, amount, balance_after, leg_version)
                elif balance_after is not None or leg_version is not None:
                    find(
                        f"posting {seq} of entry {key} says that {account.path} stood at {balance_after} "
                        f"{reader.asset(asset_id)}, but no balance of the programme's is kept"
                    )
                p += 1
                leg = postings[p]
            if p == first:
                find(f"entry {key} has no postings")
            elif total or is_mixed:
                for of, left in _sums(postings[first:p]):
                    find(f"entry {key} is out of balance by {left} {reader.asset(of)}")
            if version not in HASH_VERSIONS:
                find(f"entry {key} has a digest of encoding {version}, which is not known")
            elif version != version_for(booked_day) or hash_fields(fields, booked_day) != digest:
                find(f"entry {key} is not what was posted: its digest is another one's")
            if kind not in _KINDS:
                find(f"entry {key} is stored as of a kind {kind!r}, which no entry can be")
            if with_lots or n > first_lot or a > first_allocation:
                if with_lots == 1 == n - first_lot and a == first_allocation:
                    # An award makes one lot, of one posting, as a whole and now.
                    _, *of_lot, earned_at, amount, remaining = lots[first_lot]
                    of_leg = [lot_leg[1], lot_leg[2], lot_leg[3], lot_leg[5]]
                    if of_lot == of_leg and earned_at == effective_at and 0 <= remaining <= amount == lot_leg[4]:
                        continue
                legs = postings[first:p]
                self._lots(key, effective_at, legs, lots[first_lot:n], allocations[first_allocation:a])
        for row in postings[p:-1]:
            self._orphan_posting(row)
        for row in lots[n:-1]:
            self._orphan_lot(row)
        for row in allocations[a:-1]:
            self._orphan_allocation(row)

    def _lots(
        self, key: str, effective_at: int, legs: Sequence[Any], lots: Sequence[Any], allocations: Sequence[Any]
    ) -> None:
        """Compare an entry's lots and allocations with its postings."""
        due = {leg[1]: leg[4] for leg in legs if leg[5] is not None}
        # What was moved keeps the instant at which it was earned.
        earned = {effective_at, *(row[7] for row in allocations)}
        for row in allocations:
            self._allocation(row, key, legs, due)
        for row in lots:
            self._lot(row, key, legs, due, earned)
        for seq, left in due.items():
            if left:
                leg = next(leg for leg in legs if leg[1] == seq)
                what = "lots" if leg[4] > 0 else "allocations"
                self._audit.findings.add(
                    f"the {what} of posting {seq} of entry {key} to {self._reader.path(leg[2])} sum to "
                    f"{abs(leg[4] - left)} {self._reader.asset(leg[3])}, not {abs(leg[4])}"
                )

    def _allocation(self, row: Any, key: str, legs: Sequence[Any], due: dict[int, int]) -> None:
        _, seq, _, amount, account_id, asset_id, expires_day, _ = row
        leg = legs[seq] if 0 <= seq < len(legs) else None
        if leg is None or leg[4] >= 0 or leg[2:4] != (account_id, asset_id) or leg[5] != expires_day:
            whose = "a lot that there is not" if account_id is None else f"a lot of {self._reader.path(account_id)}"
            self._audit.findings.add(
                f"an allocation of entry {key} takes {amount} of {whose} for posting {seq}, which does not debit that"
            )
        else:
            due[leg[1]] = due.get(leg[1], 0) + amount

    def _lot(self, row: Any, key: str, legs: Sequence[Any], due: dict[int, int], earned: set[int | None]) -> None:
        id, seq, account_id, asset_id, expires_day, earned_at, amount, remaining = row
        find = self._audit.findings.add
        leg = legs[seq] if 0 <= seq < len(legs) else None
        if leg is None or leg[4] <= 0 or leg[2:4] != (account_id, asset_id) or leg[5] != expires_day:
            find(
                f"lot {id & (1 << LOT_BITS) - 1} of entry {key}, of {amount} that expire on {shown_day(expires_day)}, "
                f"says that posting {seq} made it, which does not credit that to {self._reader.path(account_id)}"
            )
        else:
            due[leg[1]] = due.get(leg[1], 0) - amount
        if earned_at not in earned:
            path = self._reader.path(account_id)
            find(f"a lot of {path} from entry {key} says that it was earned at an instant that is not its own")
        if not 0 <= remaining <= amount:
            find(
                f"a lot of {self._reader.path(account_id)} from entry {key} has {remaining} of {amount} "
                f"{self._reader.asset(asset_id)} left"
            )

    def _orphan_posting(self, row: Any) -> None:
        account = self._reader.accounts([row[2]])[row[2]]
        if account is None or account.book_id == self._reader.book_id:
            if account is not None and account.is_holders:
                self._audit.runs.add(row[2], row[3], row[4], row[8], row[9])
            self._audit.findings.add(
                f"a posting of {row[4]} {self._reader.asset(row[3])} to {self._reader.path(row[2])} belongs to no "
                f"entry: one is missing {self._reader.between(row[0])}"
            )

    def _orphan_lot(self, row: Any) -> None:
        if self._is_ours(row[2]):
            self._audit.findings.add(
                f"a lot of {row[6]} {self._reader.asset(row[3])} of {self._reader.path(row[2])} belongs to no entry: "
                f"one is missing {self._reader.between(row[0] >> LOT_BITS)}"
            )

    def _orphan_allocation(self, row: Any) -> None:
        if row[4] is None or self._is_ours(row[4]):
            self._audit.findings.add(
                f"an allocation of {row[3]} belongs to no entry: one is missing {self._reader.between(row[0])}"
            )

    def _is_ours(self, account_id: int) -> bool:
        account = self._reader.accounts([account_id])[account_id]
        return account is None or account.book_id == self._reader.book_id


def _sums(legs: Sequence[Any]) -> Iterator[tuple[int, int]]:
    sums: dict[int, int] = {}
    for leg in legs:
        sums[leg[3]] = sums.get(leg[3], 0) + leg[4]
    return ((asset_id, total) for asset_id, total in sums.items() if total)


def _entries(compiler: Compiler) -> Select[Any]:
    entry = compiler.schema.entry
    columns = (
        entry.c.id, entry.c.book_id, entry.c.key, entry.c.kind, entry.c.cause, entry.c.effective_at,
        entry.c.recorded_at, entry.c.revision, entry.c.corrects, entry.c.explanation, entry.c.content_hash,
        entry.c.hash_version, entry.c.booked_day,
    )  # fmt: skip
    return (
        select(*columns)
        .where(entry.c.id > bindparam("after"), entry.c.id <= bindparam("until"))
        .order_by(entry.c.id)
        .limit(bindparam("size"))
    )


def _postings(compiler: Compiler) -> Select[Any]:
    posting = compiler.schema.posting
    return (
        select(posting)
        .where(posting.c.entry_id > bindparam("after"), posting.c.entry_id <= bindparam("until"))
        .order_by(posting.c.entry_id, posting.c.seq)
    )


def _lots(compiler: Compiler) -> Select[Any]:
    lot = compiler.schema.lot
    return (
        select(
            lot.c.id, lot.c.seq, lot.c.account_id, lot.c.asset_id, lot.c.expires_day, lot.c.earned_at, lot.c.amount,
            lot.c.remaining,
        )
        .where(lot.c.id > bindparam("after"), lot.c.id <= bindparam("until"))
        .order_by(lot.c.id)
    )  # fmt: skip


def _allocations(compiler: Compiler) -> Select[Any]:
    allocation, lot = compiler.schema.lot_allocation, compiler.schema.lot
    return (
        select(
            allocation, lot.c.account_id, lot.c.asset_id, lot.c.expires_day, lot.c.earned_at,
        )
        .select_from(allocation)
        .outerjoin(lot, lot.c.id == allocation.c.lot_id)
        .where(allocation.c.entry_id > bindparam("after"), allocation.c.entry_id <= bindparam("until"))
        .order_by(allocation.c.entry_id, allocation.c.seq)
    )  # fmt: skip
