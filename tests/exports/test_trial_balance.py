"""The trial balance is the sums of postings, and its columns agree."""

from __future__ import annotations

from loyalty import MemoryStore
from loyalty.core.calendar import parse_day
from loyalty.exports import TrialRow, trial_balance
from tests.exports.books import acme, late, late_entries, simulated
from tests.ledger.journals import earn, redeem


def test_it_is_what_the_store_keeps() -> None:
    """By holder, it has the balances of the store, and no others."""
    with late().transaction(read_only=True) as transaction:
        summed = trial_balance(transaction.entries(), by_holder=True)
        kept = transaction.trial_balance()
    assert {(row.account, row.asset): row.balance for row in summed.rows} == dict(kept)
    assert summed.rows


def test_debits_are_credits_in_every_asset() -> None:
    """In a book of balanced entries."""
    totals = trial_balance(simulated()).totals()
    assert {"points", "status", "mdf", "tier.gold"} <= totals.keys()
    assert all(debit == credit > 0 for debit, credit in totals.values())


def test_kinds_of_accounts_are_the_sums_of_their_holders() -> None:
    """All partners in one row, all persons in another, and the programme's accounts as they are."""
    sums: dict[tuple[str, str], int] = {}
    for row in trial_balance(simulated(), by_holder=True).rows:
        owner, _, name = row.account.rpartition("/")
        key = (f"{owner.partition(':')[0]}/{name}", row.asset)
        sums[key] = sums.get(key, 0) + row.balance
    assert {(row.account, row.asset): row.balance for row in trial_balance(simulated()).rows} == sums


def test_it_stands_at_a_day_as_the_book_knew_it_at_an_instant() -> None:
    """Each holder's balances are those that the store gives for the same two instants."""
    effective_at = acme().calendar.day_start_us(parse_day("2026-03-01")) - 1
    entries = late_entries()
    for recorded_at in (None, entries[0].recorded_at - 1):
        summed = trial_balance(entries, effective_at=effective_at, recorded_at=recorded_at, by_holder=True)
        found = {
            (row.account, row.asset): row.balance for row in summed.rows if not row.account.startswith("programme")
        }
        expected = {}
        with late().transaction(read_only=True) as book:
            for holder in book.holders():
                at = book.balances_at(holder, effective_at=effective_at, recorded_at=recorded_at)
                expected |= {(f"{holder}/{name}", asset): amount for (name, asset), amount in at.items()}
        assert found == expected
        assert bool(found) is (recorded_at is None)


def test_two_times_by_hand() -> None:
    """A redemption that counts from day 5 and was known on day 9."""
    store = MemoryStore()
    with store.transaction() as book:
        book.post([earn("a", 10, at=1), redeem("b", 4, at=5)])
        entries = list(book.entries())
    assert trial_balance(entries, effective_at=4).rows == (
        TrialRow("partner/available", "points", 0, 10),
        TrialRow("programme/issued", "points", 10, 0),
    )
    assert trial_balance(entries, effective_at=5).totals() == {"points": (10, 10)}
    assert trial_balance(entries, recorded_at=0).rows == ()
