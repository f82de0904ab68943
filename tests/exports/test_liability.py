"""Cohorts of lots: every point of every month is somewhere, and the sums are those of the accounts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from fractions import Fraction

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from loyalty import Holder, MemoryStore, settle
from loyalty.core.calendar import NEVER, parse_day
from loyalty.exports import Cohort, Liability, liability, opened_in
from loyalty.exports.cohorts import PARTS
from loyalty.ledger.entries import LOT_ACCOUNTS, Account, Entry
from loyalty.ledger.store import Lot
from loyalty.simulation.months import month_of, month_text
from tests.exports.books import acme, commanded, commanded_entries, history, late_entries, simulated
from tests.ledger.journals import ARREARS, AVAILABLE, HELD, ISSUED, PENDING, REDEEMED, entry, leg

LAST_DAY = parse_day("2027-12-31")
JANUARY, FEBRUARY, MARCH = (2026 * 12 + number for number in range(3))
EXPIRED, TRANSFERRED, FORFEITED, ADJUSTED = (
    Account(None, name) for name in ("expired", "transferred", "forfeited", "adjusted")
)
BETA = Account(Holder.partner("beta"), "available")
DAY, NEXT = parse_day("2026-12-01"), parse_day("2027-12-01")


def month_of_instant(instant: int) -> int:
    """Give the month of an instant in the demo's zone."""
    return month_of(acme().calendar.day_of(instant))


def balances(entries: Iterable[Entry], until_day: int) -> Counter[tuple[str, str]]:
    """Sum the accounts of all holders, and the programme's, through a day."""
    end = acme().calendar.day_start_us(until_day + 1)
    sums: Counter[tuple[str, str]] = Counter()
    for one in entries:
        if one.effective_at < end:
            for posting in one.postings:
                sums[posting.asset, posting.account.name] += posting.amount
    return sums


@pytest.mark.parametrize("until", ["2025-02-10", "2025-06-30", "2025-12-31", "2026-10-01", "2027-12-31"])
@pytest.mark.parametrize("book", [simulated, late_entries], ids=["in order", "late"])
def test_sums_are_those_of_the_accounts(book: object, until: str) -> None:
    """At every day: what is open, used and expired of all cohorts is what the accounts hold."""
    entries: Sequence[Entry] = book()  # type: ignore[operator]
    found = liability(entries, acme(), until_day=parse_day(until))
    sums = balances(entries, parse_day(until))
    totals = {total.currency.name: total for total in found.totals()}
    assert totals
    for name in ("points", "mdf", "licences"):
        total = totals.get(name) or Cohort(currency=acme().currencies[name], month=None)
        owed = found.arrears.get(name, 0)
        assert (total.pending, total.available, total.held) == tuple(
            sums[name, account] for account in ("pending", "available", "held")
        )
        assert (total.used, total.expired, owed) == (
            sums[name, "redeemed"], sums[name, "expired"], -sums[name, "arrears"],
        )  # fmt: skip
        assert total.granted - total.clawed_back - total.repaid == -sums[name, "issued"] + owed


def test_what_is_open_is_what_the_lots_of_each_month_have_left() -> None:
    """In a history without late events the cohorts are the lots of the book, by the month in which they were earned."""
    store = MemoryStore()
    expected: Counter[tuple[str, str, int]] = Counter()
    with store.transaction() as book:
        for one in simulated():
            book.post([one])
        for holder in {posting.account.owner for one in simulated() for posting in one.postings} - {None}:
            for name in LOT_ACCOUNTS:
                for currency in ("points", "mdf", "licences"):
                    lots: Sequence[Lot] = book.lots(Account(holder, name), currency)
                    for lot in lots:
                        expected[currency, name, month_of_instant(lot.earned_at)] += lot.remaining
    found: Counter[tuple[str, str, int]] = Counter()
    for cohort in liability(simulated(), acme(), until_day=LAST_DAY).cohorts:
        for name in LOT_ACCOUNTS:
            found[cohort.currency.name, name, cohort.month or 0] += getattr(cohort, name)
    assert +found == +expected
    assert len(+found) > 20


def test_cohorts_do_not_know_in_which_order_events_came() -> None:
    """A book full of corrections has the cohorts of one that was settled in order, month by month."""
    settled = settle(acme(), history()[:200], until_day=LAST_DAY).entries
    assert len(late_entries()) > len(settled)
    for until in ("2025-09-30", "2026-03-31", "2026-12-31", "2027-12-31"):
        late = liability(late_entries(), acme(), until_day=parse_day(until))
        assert late == liability(settled, acme(), until_day=parse_day(until)), until


def test_what_was_not_known_yet_is_left_out() -> None:
    """By the instant of recording."""
    entries = [evolve(one, recorded_at=number) for number, one in enumerate(simulated())]
    half = liability(entries, acme(), until_day=LAST_DAY, recorded_at=499)
    assert half == liability(entries[:500], acme(), until_day=LAST_DAY)
    assert half != liability(entries, acme(), until_day=LAST_DAY)


def at(day: str) -> int:
    """Give noon of a day."""
    return acme().calendar.parse_instant_us(f"{day}T12:00")


def moved(
    day: str, giver: Account, getter: Account, amount: int, lot_day: int = DAY, to_day: int | None = None, **why: str
) -> Entry:
    """Move points from one account to another; ``to_day`` is the expiry day where they go, if it is another one."""
    reason = {"cause": f"{day}{giver.path}", "rule": "r", **why}
    first = lot_day if giver.name in LOT_ACCOUNTS else None
    second = (lot_day if to_day is None else to_day) if getter.name in LOT_ACCOUNTS else None
    return entry(f"{day}{giver.path}{getter.path}{amount}", leg(giver, -amount, first, **reason),
                 leg(getter, amount, second, **reason), at=at(day))  # fmt: skip


def cohorts(*entries: Entry, until: str = "2027-12-31") -> dict[int, dict[str, int]]:
    """Give the parts of each month of points that are not 0."""
    found: Liability = liability(entries, acme(), until_day=parse_day(until))
    return {
        cohort.month or 0: {name: getattr(cohort, name) for name in PARTS if getattr(cohort, name)}
        for cohort in found.cohorts
    }


def test_the_oldest_cohort_of_an_expiry_day_is_used_first() -> None:
    """And a hold carries its cohort along."""
    assert cohorts(
        moved("2026-01-05", ISSUED, AVAILABLE, 10),
        moved("2026-02-05", ISSUED, PENDING, 10),
        moved("2026-02-10", PENDING, AVAILABLE, 10),
        moved("2026-03-05", AVAILABLE, HELD, 12),
        moved("2026-03-06", HELD, REDEEMED, 11),
    ) == {
        JANUARY: {"granted": 10, "used": 10},
        FEBRUARY: {"granted": 10, "available": 8, "held": 1, "used": 1},
    }


def test_points_come_back_to_the_month_that_they_are_of() -> None:
    """A reversed redemption gives back what it took last; with another expiry day it finds its month all the same."""
    history = [
        moved("2026-01-05", ISSUED, AVAILABLE, 10),
        moved("2026-02-05", ISSUED, AVAILABLE, 10),
        moved("2026-03-05", AVAILABLE, REDEEMED, 15),
    ]
    back = moved("2026-03-09", REDEEMED, AVAILABLE, 7, rule="@reverse")
    expected = {
        JANUARY: {"granted": 10, "available": 2, "used": 8},
        FEBRUARY: {"granted": 10, "available": 10},
    }
    assert cohorts(*history, back) == expected
    assert cohorts(*history, moved("2026-03-09", REDEEMED, AVAILABLE, 7, to_day=NEXT, rule="@reverse")) == {
        JANUARY: {"granted": 10, "available": 2, "used": 8},
        FEBRUARY: {"granted": 10, "available": 10},
    }


def test_what_expired_and_comes_back_for_a_grace_is_of_its_month() -> None:
    """It expires and returns within one entry, with a later expiry day; another month's expiry is not touched."""
    old = [moved("2026-01-05", ISSUED, AVAILABLE, 3, NEXT), moved("2026-01-06", AVAILABLE, EXPIRED, 3, NEXT)]
    given = [moved("2026-02-05", ISSUED, AVAILABLE, 10), moved("2026-02-06", AVAILABLE, REDEEMED, 10)]
    why = {"rule": "@reverse", "cause": "command:R"}
    back = entry(
        "R",
        leg(REDEEMED, -4, **why), leg(AVAILABLE, 4, DAY, **why),
        leg(AVAILABLE, -4, DAY, **why), leg(EXPIRED, 4, **why),
        leg(EXPIRED, -4, **why), leg(AVAILABLE, 4, NEXT + 9, **why),
        at=at("2026-12-05"),
    )  # fmt: skip
    assert cohorts(*old, *given, back) == {
        JANUARY: {"granted": 3, "expired": 3},
        FEBRUARY: {"granted": 10, "available": 4, "used": 6},
    }


def test_a_transfer_between_holders_carries_the_month_along() -> None:
    """Nothing is granted by it, and two transfers of one instant keep apart."""
    gamma = Account(Holder.partner("gamma"), "available")
    delta = Account(Holder.partner("delta"), "available")
    both = [
        entry(key, *[
            posting
            for giver, getter in ((source, TRANSFERRED), (TRANSFERRED, target))
            for posting in (
                leg(giver, -5, DAY if giver.owner else None, rule="@transfer", cause=key),
                leg(getter, 5, DAY if getter.owner else None, rule="@transfer", cause=key),
            )
        ], at=at("2026-03-01"))
        for key, source, target in (("one", AVAILABLE, BETA), ("two", gamma, delta))
    ]  # fmt: skip
    assert cohorts(
        moved("2026-01-05", ISSUED, AVAILABLE, 10),
        moved("2026-02-05", ISSUED, gamma, 10),
        *both,
        moved("2026-03-02", BETA, REDEEMED, 5),
        moved("2026-03-03", delta, EXPIRED, 5),
    ) == {
        JANUARY: {"granted": 10, "available": 5, "used": 5},
        FEBRUARY: {"granted": 10, "available": 5, "expired": 5},
    }


def test_each_way_out_has_a_column_of_its_own() -> None:
    """Clawed back, adjusted, taken for arrears, forfeited; a credit by hand is granted."""
    found = liability(
        [
            moved("2026-01-05", ISSUED, AVAILABLE, 20),
            moved("2026-02-05", AVAILABLE, ISSUED, 1),
            moved("2026-02-06", AVAILABLE, ADJUSTED, 2),
            entry("debt", leg(ARREARS, -3), leg(ISSUED, 3), at=at("2026-02-07")),
            moved("2026-02-08", AVAILABLE, ARREARS, 3),
            moved("2026-02-09", AVAILABLE, FORFEITED, 4),
            moved("2026-03-01", ADJUSTED, AVAILABLE, 5, rule="@adjust"),
            entry("more debt", leg(ARREARS, -6), leg(REDEEMED, 6), at=at("2026-03-02")),
        ],
        acme(),
        until_day=LAST_DAY,
    )
    currency = acme().currencies["points"]
    assert found.cohorts == (
        Cohort(currency=currency, month=JANUARY, granted=20, available=10, clawed_back=1, adjusted=2, repaid=3,
               forfeited=4),
        Cohort(currency=currency, month=MARCH, granted=5, available=5),
    )  # fmt: skip
    assert found.arrears == {"points": 6}
    assert found.cohorts[0].breakage == Fraction(4, 14)
    assert found.cohorts[0].worth == Fraction(10, 100)
    assert found.totals() == (
        Cohort(currency=currency, month=None, granted=25, available=15, clawed_back=1, adjusted=2, repaid=3,
               forfeited=4),
    )  # fmt: skip


def test_nothing_is_owed_for_status_and_a_cohort_of_nothing_has_no_breakage() -> None:
    """Status points are measured and never spent."""
    assert "status" in {posting.asset for one in simulated() for posting in one.postings}
    found = liability(simulated(), acme(), until_day=LAST_DAY)
    assert {cohort.currency.name for cohort in found.cohorts} == {"points", "mdf", "licences"}
    assert Cohort(currency=acme().currencies["points"], month=1).breakage is None
    assert Cohort(currency=acme().currencies["licences"], month=1, granted=1, available=1).worth is None


def test_every_command_keeps_the_month_of_what_it_moves() -> None:
    """
    Holds, captures, reversals with a grace, transfers, a merging, a closing, and lots of an opening balance.

    Acme opens with 30 of October and 40 of November and redeems 60 of them; of the 45 that come back, 30 are of
    November and 15 of October, and all expire after their grace. Of January's 100, 31 go to what beta owed when it was
    merged.
    """
    programme, store = commanded()
    with store.transaction(read_only=True) as book:
        found = liability(book.entries(), programme, until_day=LAST_DAY, opened=opened_in(book))
        unaware = liability(book.entries(), programme, until_day=LAST_DAY)
    parts = {
        (cohort.currency.name, month_text(cohort.month or 0)): {
            name: getattr(cohort, name) for name in PARTS if getattr(cohort, name)
        }
        for cohort in found.cohorts
    }
    assert parts == {
        ("points", "2025-10"): {"granted": 30, "used": 15, "expired": 15},
        ("points", "2025-11"): {"granted": 40, "expired": 40},
        ("points", "2026-01"): {"granted": 100, "repaid": 31, "expired": 69},
        ("points", "2026-02"): {"granted": 225, "used": 20, "clawed_back": 69, "adjusted": 6, "expired": 130},
        ("points", "2026-06"): {"granted": 50, "forfeited": 50},
        ("miles", "2026-01"): {"granted": 100, "expired": 100},
        ("miles", "2026-02"): {"granted": 200, "clawed_back": 100, "expired": 100},
        ("miles", "2026-06"): {"granted": 50, "forfeited": 50},
    }
    # Whoever does not ask the book for the lots of the opening has them in the month of the import.
    assert unaware.totals() == found.totals()
    assert month_text(unaware.cohorts[0].month or 0) == "2026-01"


@pytest.mark.parametrize("until", ["2026-01-05", "2026-03-02", "2026-05-11", "2026-06-10", "2026-09-15", "2027-12-31"])
def test_sums_hold_through_every_command(until: str) -> None:
    """What is open, used, expired and forfeited at each day is what the accounts hold."""
    found = liability(commanded_entries(), commanded()[0], until_day=parse_day(until))
    sums = balances(commanded_entries(), parse_day(until))
    for total in found.totals():
        name = total.currency.name
        kept = {account: sums[name, account] for account in ("pending", "available", "held", "expired", "forfeited")}
        assert {account: getattr(total, account) for account in kept} == kept
        assert total.used == sums[name, "redeemed"]
        assert sums[name, "transferred"] == 0
        assert found.arrears.get(name, 0) == -sums[name, "arrears"]


ACCOUNTS = [ISSUED, REDEEMED, EXPIRED, PENDING, AVAILABLE, HELD, ARREARS, BETA, FORFEITED, ADJUSTED]
moves = st.tuples(
    st.integers(0, 90), st.sampled_from(ACCOUNTS), st.sampled_from(ACCOUNTS), st.integers(1, 50),
    st.sampled_from([DAY, NEXT, NEVER]), st.sampled_from(["r", "@reverse"]),
).filter(lambda move: move[1] != move[2] and (move[1].owner is not None or move[2].owner is not None))  # fmt: skip


@given(st.lists(moves, max_size=25))
def test_any_journal_keeps_its_sums(drawn: list[tuple[int, Account, Account, int, int, str]]) -> None:
    """Also one that no engine posts, in which more is taken than was there: open sums are those of the accounts."""
    start = parse_day("2026-01-01")
    entries = []
    for number, (day, giver, getter, amount, lot_day, rule) in enumerate(drawn):
        legs = [
            leg(account, signed, lot_day if account.name in LOT_ACCOUNTS else None, rule=rule, cause=str(number % 3))
            for account, signed in ((giver, -amount), (getter, amount))
        ]
        entries.append(entry(str(number), *legs, at=acme().calendar.day_start_us(start + day)))
    found = liability(entries, acme(), until_day=LAST_DAY)
    sums = balances(entries, LAST_DAY)
    for name in LOT_ACCOUNTS:
        assert sum(getattr(cohort, name) for cohort in found.cohorts) == sums["points", name]
    for cohort in found.cohorts:
        assert cohort.granted == sum(getattr(cohort, part) for part in PARTS if part != "granted")
