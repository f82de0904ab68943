"""A wallet's lines from a book in memory, where all of a holder's entries are looked through."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from attrs import evolve

from loyalty.core.holders import Holder
from loyalty.ledger.book import Book
from loyalty.ledger.entries import Account
from loyalty.ledger.lines import (
    EffectivePlace,
    Line,
    Lines,
    PostedPlace,
    StandingLine,
    effective_page,
    line_of,
    posted_page,
)

if TYPE_CHECKING:
    from loyalty.ledger.store import Lot


class MemoryLines:
    """The part of a transaction in memory that reads wallets line by line."""

    book: Book

    def lines_as_posted(
        self, holder: Holder, asset: str, *, after: PostedPlace | None, limit: int, newest_first: bool = False
    ) -> Lines[PostedPlace]:
        """Give lines in the order of posting, or against it."""
        lines = list(self._lines(holder, asset))
        place = dict(Counter(line.account for line in lines) if newest_first else {}) if after is None else after
        at_place = {line.account: line.balance for line in lines if line.number == place.get(line.account, 0)}
        if newest_first:
            kept = [line for line in reversed(lines) if line.number <= place.get(line.account, 0)]
        else:
            kept = [line for line in lines if line.number > place.get(line.account, 0)]
        return posted_page(kept, place, at_place, limit, newest_first=newest_first)

    def lines_as_effective(
        self, holder: Holder, asset: str, *, after: EffectivePlace, until: int, recorded_at: int, limit: int
    ) -> Lines[EffectivePlace]:
        """Give lines in the order of effect, by what was recorded at or before an instant."""
        known = [line for line in self._lines(holder, asset) if line.recorded_at <= recorded_at]
        balances: Counter[str] = Counter()
        opening: dict[str, int] = {}
        kept = []
        for line in sorted(known, key=lambda line: line.effective_place):
            if line.effective_place <= after:
                opening[line.account] = balances[line.account] = balances[line.account] + line.amount
            elif line.effective_at <= until:
                balances[line.account] += line.amount
                kept.append(evolve(line, balance=balances[line.account]))
        return effective_page(kept, opening, limit)

    def standing_lines(self, holder: Holder) -> Sequence[StandingLine]:
        """Give what came to the holder's standing and what went, in the order of posting."""
        wallet = self.book.wallets.get(holder)
        return tuple(
            StandingLine(
                asset=posting.asset, amount=posting.amount, rule=posting.rule, cause=posting.cause,
                effective_at=entry.effective_at,
            )
            for entry in (wallet.entries if wallet else ())
            for posting in entry.postings
            if posting.account.name == "standing" and posting.account.owner == holder
        )  # fmt: skip

    def open_lots(
        self, name: str, *, first_day: int, last_day: int, holders: Collection[Holder] | None = None
    ) -> Iterator[tuple[Lot, int]]:
        """Give the lots with something left that expire on days of a range, of all or of some, with their instants."""
        owners = self.book.wallets if holders is None else self.book.wallets.keys() & holders
        for owner in sorted(owner for owner in owners if owner is not None):
            for account_name, asset in sorted(self.book.wallets[owner].buckets):
                if account_name == name:
                    for lot in self.book.open_lots(Account(owner, name), asset):
                        if first_day <= lot.expires_day <= last_day:
                            yield lot.to_lot(), self.book.by_key[lot.entry_key].effective_at

    def lot_days(
        self, holder: Holder, name: str, *, effective_at: int | None = None, recorded_at: int | None = None
    ) -> Mapping[tuple[str, int], int]:
        """Give what an account's lots come to by (asset, expiry day), now or from postings as for ``balances_at``."""
        wallet = self.book.wallets.get(holder)
        if wallet is None:
            return {}
        sums: Counter[tuple[str, int]] = Counter()
        if effective_at is None:
            for (account_name, asset), buckets in wallet.buckets.items():
                if account_name == name:
                    sums.update({(asset, day): bucket.open_amount for day, bucket in buckets.items()})
            return {key: amount for key, amount in sums.items() if amount}
        for entry in wallet.entries:
            if entry.effective_at > effective_at or (recorded_at is not None and entry.recorded_at > recorded_at):
                continue
            for posting in entry.postings:
                if posting.account.owner == holder and posting.account.name == name and posting.lot_day is not None:
                    sums[posting.asset, posting.lot_day] += posting.amount
        return {key: amount for key, amount in sums.items() if amount}

    def _lines(self, holder: Holder, asset: str) -> Iterator[Line]:
        balances: Counter[str] = Counter()
        numbers: Counter[str] = Counter()
        wallet = self.book.wallets.get(holder)
        for row, entry in enumerate(wallet.entries if wallet else ()):
            for seq, posting in enumerate(entry.postings):
                account = posting.account
                if account.owner == holder and posting.asset == asset:
                    balances[account.name] += posting.amount
                    numbers[account.name] += 1
                    yield line_of(
                        entry, posting, balance=balances[account.name], number=numbers[account.name], place=(row, seq)
                    )
