"""What only the tables can be asked: whether what they keep twice, or with a digest, still agrees."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, bindparam, cast, func, literal_column, or_, select

from loyalty.ledger.lots import lot_finding
from loyalty.ledger.sql.facts import to_recorded
from loyalty.ledger.sql.journal import entry_of_lot, summed
from loyalty.ledger.sql.names import Names
from loyalty.ledger.sql.posting import LOT_BITS
from loyalty.ledger.sql.rows import BIG
from loyalty.ledger.sql.statements import Compiler, Runner

#: How many events are read at a time.
_PAGE = 500


class Audit:
    """The part of a transaction that looks for rows that were changed behind the library's back."""

    runner: Runner
    names: Names

    def write(self) -> None:
        """Write everything that waits; the transaction does it."""
        raise NotImplementedError

    def audit(self) -> Iterator[str]:
        """
        Compare rows with each other and events with their digests; give one sentence for each finding.

        Looked at: the body, identity and origin of each event, by its digest; of each lot, that debits took what is
        not left of it; that the lots of a credit and the allocations of a
        debit sum to its posting, within the account, asset and day that it names; and of each holder's balance, that
        the amounts after each posting run from 0 in order and end at the present version.
        """
        self.write()
        yield from self._events()
        book = self.names.book_id
        for row in self.runner.rows(_wrong_lots, book=book):
            yield lot_finding(row.path, row.key, row.asset, row.amount, row.remaining, row.taken)
        for writer, what in ((_wrong_credits, "lots"), (_wrong_debits, "allocations")):
            for row in self.runner.rows(writer, book=book):
                yield (
                    f"the {what} of posting {row.seq} of entry {row.key} to {row.path} sum to {row.total or 0} "
                    f"{row.asset}, not {abs(row.amount)}"
                )
        for row in self.runner.rows(_wrong_runs, book=book):
            yield (
                f"posting {row.seq} of entry {row.key} says that {row.path} stood at {row.balance_after} {row.asset} "
                f"(version {row.version}), but its postings run to {row.run} (version {row.place})"
            )
        for row in self.runner.rows(_wrong_versions, book=book):
            yield f"{row.path} is kept in version {row.version} of {row.asset}, but has {row.postings} postings"

    def _events(self) -> Iterator[str]:
        after = 0
        while rows := self.runner.rows(_events, book=self.names.book_id, after=after, size=_PAGE):
            after = rows[-1].id
            for row in rows:
                try:
                    event = to_recorded(row).event
                    whole = (event.identity, event.origin, event.body_hash())
                except (ValueError, TypeError) as error:
                    yield f"event {row.identity} cannot be read: {error}"
                    continue
                if whole != (row.identity, row.origin, row.body_hash):
                    yield f"event {row.identity} is not what was accepted: its digest is another one's"


def _events(compiler: Compiler) -> Select[Any]:
    event = compiler.schema.event
    return (
        select(event)
        # Adding 0 keeps the planner from an index of the book, for which it would sort every event for each page.
        .where(event.c.book_id + literal_column("0") == bindparam("book"), event.c.id > bindparam("after"))
        .order_by(event.c.id)
        .limit(bindparam("size"))
    )


def _wrong_lots(compiler: Compiler) -> Select[Any]:
    schema = compiler.schema
    account, allocation, asset, entry, lot = (
        schema.account,
        schema.lot_allocation,
        schema.asset,
        schema.entry,
        schema.lot,
    )
    consumed = (
        select(allocation.c.lot_id, summed(allocation.c.amount).label("taken"))
        .group_by(allocation.c.lot_id)
        .subquery("consumed")
    )
    taken: ColumnElement[int] = func.coalesce(consumed.c.taken, literal_column("0"))
    return (
        select(account.c.path, asset.c.name.label("asset"), entry.c.key, lot.c.amount, lot.c.remaining)
        .add_columns(taken.label("taken"))
        .select_from(lot)
        .join(account, account.c.id == lot.c.account_id)
        .join(asset, asset.c.id == lot.c.asset_id)
        .join(entry, entry.c.id == entry_of_lot(lot.c.id))
        .outerjoin(consumed, consumed.c.lot_id == lot.c.id)
        .where(account.c.book_id == bindparam("book"), taken != lot.c.amount - lot.c.remaining)
        .order_by(lot.c.id)
    )


def _wrong_credits(compiler: Compiler) -> Select[Any]:
    lot, posting = compiler.schema.lot, compiler.schema.posting
    total = (
        select(summed(lot.c.amount))
        .where(
            lot.c.id >= posting.c.entry_id * literal_column(str(1 << LOT_BITS)),
            lot.c.id < (posting.c.entry_id + literal_column("1")) * literal_column(str(1 << LOT_BITS)),
            lot.c.seq == posting.c.seq,
            lot.c.account_id == posting.c.account_id,
            lot.c.asset_id == posting.c.asset_id,
            lot.c.expires_day == posting.c.lot_day,
        )
        .scalar_subquery()
    )
    return _wrong_sums(compiler, total).where(posting.c.amount > literal_column("0"))


def _wrong_debits(compiler: Compiler) -> Select[Any]:
    allocation, lot, posting = compiler.schema.lot_allocation, compiler.schema.lot, compiler.schema.posting
    total = (
        select(summed(allocation.c.amount))
        .join(lot, lot.c.id == allocation.c.lot_id)
        .where(
            allocation.c.entry_id == posting.c.entry_id,
            allocation.c.seq == posting.c.seq,
            lot.c.account_id == posting.c.account_id,
            lot.c.asset_id == posting.c.asset_id,
            lot.c.expires_day == posting.c.lot_day,
        )
        .scalar_subquery()
    )
    return _wrong_sums(compiler, total).where(posting.c.amount < literal_column("0"))


def _wrong_sums(compiler: Compiler, total: ColumnElement[Any]) -> Select[Any]:
    posting = compiler.schema.posting
    return (
        _named_postings(compiler)
        .add_columns(posting.c.amount, total.label("total"))
        .where(posting.c.lot_day.is_not(None), total.is_distinct_from(func.abs(posting.c.amount)))
    )


def _wrong_runs(compiler: Compiler) -> Select[Any]:
    account, posting = compiler.schema.account, compiler.schema.posting
    order: dict[str, Any] = {
        "partition_by": (posting.c.account_id, posting.c.asset_id),
        # Two of one version cannot be; those without any come in order of posting.
        "order_by": (posting.c.version, posting.c.entry_id, posting.c.seq),
    }
    ran = (
        _named_postings(compiler)
        .add_columns(
            posting.c.balance_after,
            posting.c.version,
            account.c.holder_id,
            cast(func.sum(posting.c.amount).over(rows=(None, 0), **order), BIG).label("run"),
            func.row_number().over(**order).label("place"),
        )
        .subquery("ran")
    )
    kept = or_(ran.c.balance_after.is_distinct_from(ran.c.run), ran.c.version.is_distinct_from(ran.c.place))
    # Balances of the programme's own accounts are not kept, so their postings say nothing of them.
    derived = or_(ran.c.balance_after.is_not(None), ran.c.version.is_not(None))
    return select(ran).where(
        or_(and_(ran.c.holder_id.is_not(None), kept), and_(ran.c.holder_id.is_(None), derived)),
    )


def _named_postings(compiler: Compiler) -> Select[Any]:
    schema = compiler.schema
    account, asset, entry, posting = schema.account, schema.asset, schema.entry, schema.posting
    return (
        select(entry.c.key, posting.c.seq, account.c.path, asset.c.name.label("asset"))
        .select_from(posting)
        .join(account, account.c.id == posting.c.account_id)
        .join(asset, asset.c.id == posting.c.asset_id)
        .join(entry, entry.c.id == posting.c.entry_id)
        .where(account.c.book_id == bindparam("book"))
    )


def _wrong_versions(compiler: Compiler) -> Select[Any]:
    schema = compiler.schema
    account, asset, balance, posting = schema.account, schema.asset, schema.balance, schema.posting
    postings = (
        select(func.count())
        .where(posting.c.account_id == balance.c.account_id, posting.c.asset_id == balance.c.asset_id)
        .scalar_subquery()
    )
    return (
        select(account.c.path, asset.c.name.label("asset"), balance.c.version, postings.label("postings"))
        .select_from(balance)
        .join(account, account.c.id == balance.c.account_id)
        .join(asset, asset.c.id == balance.c.asset_id)
        .where(account.c.book_id == bindparam("book"), balance.c.version != postings)
    )
