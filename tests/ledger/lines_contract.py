"""
What reading a wallet line by line must give in every store, compared with summing its entries by hand.

A backend's test derives the class and gives the ``store`` fixture.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from attrs import evolve

from loyalty.core.holders import Holder
from loyalty.ledger.entries import Account, Entry, Posting
from loyalty.ledger.lines import Line, Lines
from loyalty.ledger.store import Store, Transaction

from .journals import ACME, ARREARS, AVAILABLE, ISSUED, PENDING, REDEEMED, ZOE, entry, leg

FAR = 2**62

#: Entry key, account, amount, effective and recorded instant: what a line says about a posting.
Said = tuple[str, str, int, int, int]


def draw_journal(seed: int, count: int) -> Iterator[Entry]:
    """Draw entries of two holders, some of which come late and some recorded by a clock that goes back."""
    chance = random.Random(seed)
    available: Counter[int] = Counter()
    for number in range(count):
        known = 10 * number + chance.randint(-15, 15)
        at = known - chance.choice([0, 0, 0, 40, 400])
        key, amount, day = f"e{number}", chance.randint(1, 50), chance.randint(100, 104)
        kind = chance.randrange(5)
        legs: tuple[Posting, ...]
        if kind == 0 and available[day] >= amount:
            legs = (leg(AVAILABLE, -amount, day), leg(REDEEMED, amount))
            available[day] -= amount
        elif kind == 1:
            legs = (leg(ISSUED, -amount), leg(PENDING, amount, day))
        elif kind == 2:
            legs = (leg(ARREARS, -amount), leg(ISSUED, amount), leg(ISSUED, -3), leg(AVAILABLE, 3, day))
            available[day] += 3
        elif kind == 3:
            zoe = Account(ZOE, "available")
            legs = (leg(ISSUED, -amount), leg(zoe, amount, day), leg(ISSUED, -2, None, "status"),
                    leg(AVAILABLE, 2, day, "status"))  # fmt: skip
        else:
            legs = (leg(ISSUED, -amount), leg(AVAILABLE, amount, day, rule="deal-base", cause=f"crm/{number}"))
            available[day] += amount
        yield entry(key, *legs, at=at, recorded_at=known)


def said(line: Line) -> Said:
    """Give what a line says about its posting."""
    return (line.entry_key, line.account, line.amount, line.effective_at, line.recorded_at)


def by_hand(book: Transaction, holder: Holder, asset: str) -> list[Said]:
    """Give the postings to a wallet in the order of posting."""
    return [
        (one.key, posting.account.name, posting.amount, one.effective_at, one.recorded_at)
        for one in book.entries(holder=holder)
        for posting in one.postings
        if posting.account.owner == holder and posting.asset == asset
    ]


def without_zeros(balances: Any) -> dict[str, int]:
    """Leave out accounts that hold nothing."""
    return {name: amount for name, amount in balances.items() if amount}


def require_run(page: Lines[Any], *, newest_first: bool = False) -> None:
    """See that the balances of a page run from its opening to its closing ones."""
    balances = dict(page.opening)
    for line in reversed(page.lines) if newest_first else page.lines:
        balances[line.account] = balances.get(line.account, 0) + line.amount
        assert balances[line.account] == line.balance
    assert without_zeros(balances) == without_zeros(page.closing)


@pytest.fixture
def filled(store: Store) -> Store:
    """A book with a few hundred entries, posted in several transactions."""
    journal = list(draw_journal(7, 240))
    for start in range(0, len(journal), 50):
        with store.transaction() as book:
            book.post(journal[start : start + 50])
    return store


class LinesContract:
    """Pages join without a gap, whatever their size, and their balances run."""

    @pytest.mark.parametrize("limit", [1, 7, 1000])
    @pytest.mark.parametrize("newest_first", [False, True])
    def test_pages_in_the_order_of_posting(self, filled: Store, limit: int, newest_first: bool) -> None:
        """All postings come once, in the order of posting or against it, each with its running balance."""
        with filled.transaction(read_only=True) as book:
            for holder, asset in ((ACME, "points"), (ACME, "status"), (ZOE, "points")):
                after, found, before = None, [], {}
                while True:
                    page = book.lines_as_posted(holder, asset, after=after, limit=limit, newest_first=newest_first)
                    require_run(page, newest_first=newest_first)
                    if found:
                        inner = page.closing if newest_first else page.opening
                        assert without_zeros(inner) == without_zeros(before)
                    found += page.lines
                    before = page.opening if newest_first else page.closing
                    after = page.next
                    if after is None:
                        break
                expected = by_hand(book, holder, asset)
                assert [said(line) for line in found] == (expected[::-1] if newest_first else expected)
                present = {name: amount for (name, what), amount in book.balances(holder).items() if what == asset}
                if not newest_first:
                    assert without_zeros(before) == present

    def test_a_page_stays_the_same_when_more_is_posted(self, filled: Store) -> None:
        """What comes later, late events included, changes nothing that was read in the order of posting."""
        with filled.transaction() as book:
            before = book.lines_as_posted(ACME, "points", after=None, limit=40)
            book.post([evolve(one, key=f"later-{one.key}") for one in draw_journal(8, 30)])
            assert book.lines_as_posted(ACME, "points", after=None, limit=40) == before

    @pytest.mark.parametrize("recorded_at", [-FAR, 400, 1200, FAR])
    @pytest.mark.parametrize("limit", [7, 1000])
    def test_pages_in_the_order_of_effect(self, filled: Store, recorded_at: int, limit: int) -> None:
        """By what was known, each line stands where it counts, and the balances are those of both time axes."""
        with filled.transaction(read_only=True) as book:
            expected = sorted(
                (row for row in by_hand(book, ACME, "points") if row[4] <= recorded_at), key=lambda row: row[3]
            )
            for first, until in ((-FAR, FAR), (300, 900), (901, 900)):
                place, found = (first, -1, -1), []
                while True:
                    page = book.lines_as_effective(
                        ACME, "points", after=place, until=until, recorded_at=recorded_at, limit=limit
                    )
                    require_run(page)
                    if not found:
                        at_start = book.balances_at(ACME, effective_at=first - 1, recorded_at=recorded_at)
                        assert without_zeros(page.opening) == {
                            name: amount for (name, asset), amount in at_start.items() if asset == "points"
                        }
                    found += page.lines
                    if page.next is None:
                        break
                    place = page.next
                assert [said(line) for line in found] == [row for row in expected if first <= row[3] <= until]

    def test_a_wallet_that_is_not_there_has_no_lines(self, filled: Store) -> None:
        """An unknown holder, an unknown asset and a wallet without postings read as empty."""
        nobody = Holder.partner("nobody")
        with filled.transaction(read_only=True) as book:
            for holder, asset in ((nobody, "points"), (ACME, "miles"), (ZOE, "status")):
                empty = Lines((), {}, {}, None)
                assert book.lines_as_posted(holder, asset, after=None, limit=5) == empty
                assert book.lines_as_posted(holder, asset, after=None, limit=5, newest_first=True) == empty
                place = (-FAR, -1, -1)
                assert book.lines_as_effective(holder, asset, after=place, until=FAR, recorded_at=FAR, limit=5) == empty

    def test_what_came_to_a_standing_and_went(self, filled: Store) -> None:
        """Tiers and badges come in the order of posting, those of this holder alone, and no points among them."""
        theirs, programme = Account(ACME, "standing"), Account(None, "standing")
        moves = [("badge.b", 1, "@badge.b", 50), ("tier.gold", 1, "@promotion", 40), ("tier.gold", -1, "@grace", 900)]
        with filled.transaction() as book:
            for number, (asset, amount, rule, at) in enumerate(moves):
                cause = None if amount < 0 else f"crm/s{number}"
                legs = (leg(programme, -amount, None, asset), leg(theirs, amount, None, asset))
                why = {"rule": rule} | ({"cause": cause} if cause else {})
                book.post([entry(f"s{number}", *(evolve(one, **why) for one in legs), at=at)])
        with filled.transaction(read_only=True) as book:
            found = book.standing_lines(ACME)
            assert [(one.asset, one.amount, one.rule, one.effective_at) for one in found] == moves
            assert [one.cause for one in found] == ["crm/s0", "crm/s1", None]
            assert not book.standing_lines(ZOE)
            assert not book.standing_lines(Holder.partner("nobody"))

    def test_open_lots_of_all_holders_by_day(self, filled: Store) -> None:
        """The lots of a range of days are those of each wallet, with the instants of the entries that made them."""
        with filled.transaction(read_only=True) as book:
            effective = {one.key: one.effective_at for one in book.entries()}
            expected = [
                (lot, effective[lot.entry_key])
                for holder, asset in ((ACME, "points"), (ACME, "status"), (ZOE, "points"))
                for lot in book.lots(Account(holder, "available"), asset)
                if 101 <= lot.expires_day <= 103
            ]
            found = list(book.open_lots("available", first_day=101, last_day=103))
            assert len(expected) > 20
            assert Counter(found) == Counter(expected)

    @pytest.mark.parametrize("recorded_at", [None, 400, 1200])
    def test_lots_by_day_at_an_instant(self, filled: Store, recorded_at: int | None) -> None:
        """What expires when, on both time axes, is what the postings to each day come to; now it is the lots'."""
        with filled.transaction(read_only=True) as book:
            sums: Counter[tuple[str, int | None]] = Counter()
            for one in book.entries(holder=ACME):
                if one.effective_at <= 900 and (recorded_at is None or one.recorded_at <= recorded_at):
                    for posting in one.postings:
                        if posting.account == AVAILABLE:
                            sums[posting.asset, posting.lot_day] += posting.amount
            at = book.lot_days(ACME, "available", effective_at=900, recorded_at=recorded_at)
            assert at == {key: amount for key, amount in sums.items() if amount}
            now: Counter[tuple[str, int]] = Counter()
            for lot in book.lots(AVAILABLE, "points"):
                now["points", lot.expires_day] += lot.remaining
            latest = book.lot_days(ACME, "available", effective_at=FAR)
            assert latest == book.lot_days(ACME, "available")
            assert {key: amount for key, amount in latest.items() if key[0] == "points"} == now
