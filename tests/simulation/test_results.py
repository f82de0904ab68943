"""Results: what entries amount to, counted again here in another way."""

from __future__ import annotations

import tracemalloc
from collections import Counter
from collections.abc import Callable
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty.core.calendar import parse_day
from loyalty.core.holders import Holder, Layer
from loyalty.ledger.entries import Account, Entry, EntryKind, Posting
from loyalty.ledger.transfers import transfers
from loyalty.programme.model import Programme
from loyalty.settlement.trace import REASON_CODE, STEP_CODE, currency_names, rule_names, stored
from loyalty.simulation.collecting import Collector, collect
from loyalty.simulation.concentration import Concentration
from loyalty.simulation.flows import Flows
from loyalty.simulation.results import PERSONS

Book = Callable[..., list[Entry]]
ACME = Holder.partner("acme")


def _entry(programme: Programme, day: str, *legs: tuple[str, str, int, str], key: str | None = None) -> Entry:
    postings = []
    for path, asset, amount, rule in legs:
        account = Account.parse(path)
        lot = 30_000 if account.owner and account.name in ("pending", "available") else None
        postings.append(Posting(account, asset, amount, lot_day=lot, rule=rule, cause="/E"))
    at = programme.calendar.day_start_us(parse_day(day))
    return Entry(key=key or day, kind=EntryKind.EVENT, cause="/E", effective_at=at, recorded_at=at, revision="r",
                 postings=tuple(postings))  # fmt: skip


def _life(programme: Programme) -> list[Entry]:
    """One of everything that can happen to points."""
    pending, available, arrears = "partner:acme/pending", "partner:acme/available", "partner:acme/arrears"
    standing = "partner:acme/standing"
    return [
        _entry(programme, "2026-01-05", ("programme/issued", "points", -100, "deal"), (pending, "points", 100, "deal"),
               ("programme/issued", "mdf", -3000, "fund"), (available, "mdf", 3000, "fund")),
        _entry(programme, "2026-02-01", (pending, "points", -100, "deal"), (available, "points", 100, "deal")),
        _entry(programme, "2026-02-02", ("programme/standing", "tier.silver", -1, "@promotion"),
               (standing, "tier.silver", 1, "@promotion"), ("programme/standing", "badge.club", -1, "@badge.club"),
               (standing, "badge.club", 1, "@badge.club")),
        _entry(programme, "2026-02-03", (available, "points", -60, "@redeem"),
               ("programme/redeemed", "points", 60, "@redeem")),
        _entry(programme, "2026-02-04", ("programme/issued", "mdf", -500, "fund"), (available, "mdf", 500, "fund")),
        _entry(programme, "2026-04-01", (available, "points", -10, "@expiry"),
               ("programme/expired", "points", 10, "@expiry")),
        _entry(programme, "2026-04-02", (available, "points", -30, "deal"), ("programme/issued", "points", 30, "deal"),
               (arrears, "points", -20, "deal"), ("programme/issued", "points", 20, "deal"),
               ("programme/expired", "points", -10, "deal"), ("programme/issued", "points", 10, "deal")),
        _entry(programme, "2026-05-01", (standing, "tier.silver", -1, "@review"),
               ("programme/standing", "tier.silver", 1, "@review")),
    ]  # fmt: skip


def test_each_movement_is_counted_where_it_belongs(programme: Programme) -> None:
    """Issued, activated, redeemed, expired net of what was put back, reversed, and the balances at each month's end."""
    results = collect(_life(programme), programme)
    january, february, march, april = (results.flows[2026 * 12 + month, "points"] for month in range(4))
    assert january == Flows(issued=100, pending=100)
    assert february == Flows(activated=100, redeemed=60, available=40)
    assert march == Flows(available=40)
    assert april == Flows(expired=0, reversed=60, arrears=20)
    assert results.totals("points") == Flows(issued=100, activated=100, redeemed=60, reversed=60, arrears=20)
    assert (results.entries, results.postings) == (8, 24)


def test_what_is_done_by_hand_is_counted_for_what_it_is(programme: Programme) -> None:
    """Credits and openings are issued, debits go back, forfeits lapse, debts let go never came back, sent is spent."""
    available, arrears = "partner:acme/available", "partner:acme/arrears"
    legs: list[tuple[str, str, int, str]] = [
        ("programme/opening", available, 1000, "@open"),
        ("programme/adjusted", available, 200, "@adjust"),
        (available, "programme/adjusted", 30, "@adjust"),
        (available, "programme/transferred", 500, "@transfer"),
        ("programme/transferred", available, 100, "@transfer"),
        (arrears, "programme/issued", 80, "deal"),
        ("programme/written_off", arrears, 50, "deal"),
        ("programme/written_off", available, 30, "@close"),
        (available, arrears, 30, "@close"),
        (available, "programme/forfeited", 770, "@close"),
    ]
    entries = [
        _entry(programme, "2026-01-05", (source, "points", -amount, rule), (target, "points", amount, rule), key=str(n))
        for n, (source, target, amount, rule) in enumerate(legs)
    ]
    results = collect(entries, programme)
    assert results.totals("points") == Flows(issued=1200, reversed=30, expired=770, redeemed=400)
    assert {row.rule: (row.awards, row.issued, row.reversed) for row in results.rules} == {
        "@open": (1, 1000, 0), "@adjust": (1, 200, 30), "deal": (0, 0, 30), "@close": (0, 0, -30),
    }  # fmt: skip


def test_tiers_are_counted_at_each_months_end_and_the_base_is_the_rest(programme: Programme) -> None:
    """A partner counts from its first posting on, or from the day on which it is known to be active."""
    results = collect(_life(programme), programme, active={"quiet": parse_day("2026-03-10")})
    counts = [tuple(results.tiers[month].values()) for month in results.months]
    assert results.ladder == ("base", "silver", "gold")
    assert counts == [(1, 0, 0), (0, 1, 0), (1, 1, 0), (1, 1, 0), (2, 0, 0)]


def test_funds_are_counted_by_the_tier_at_the_time(programme: Programme) -> None:
    """What accrued before the promotion is the base's."""
    results = collect(_life(programme), programme)
    january, february = 2026 * 12, 2026 * 12 + 1
    assert results.funds == {(january, "mdf", "base"): (3000, 0), (february, "mdf", "silver"): (500, 0)}


def test_holders_have_balances_tier_badges_and_worth(programme: Programme) -> None:
    """Worth is what is outstanding or was redeemed: 60 - 20 points at a cent, and 35 EUR of funds."""
    (acme,) = collect(_life(programme), programme).holders
    assert acme.holder == ACME
    assert (acme.tier, acme.badges) == ("base", ("club",))
    assert acme.worth == {"EUR": Fraction(40, 100) + 35}
    assert acme.currencies["points"].outstanding == -20


def test_rules_have_awards_points_and_what_was_reversed(programme: Programme) -> None:
    """The clock's and the commands' movements are no awards."""
    rows = {(row.rule, row.currency): (row.awards, row.issued, row.reversed) for row in
            collect(_life(programme), programme).rules}  # fmt: skip
    assert rows == {("deal", "points"): (1, 100, 60), ("fund", "mdf"): (2, 3500, 0)}


def test_what_caps_took_is_counted_where_the_engine_recorded_it(programme: Programme) -> None:
    """Cuts of awards that were paid, or cut to nothing, count; those of a group's losers do not."""
    entry = _life(programme)[0]
    c = currency_names(programme).index("points")
    paid = rule_names(programme).index("deal-base")
    other = paid + 1
    cap, skip = STEP_CODE["cap"], STEP_CODE["skip"]
    records = [[cap, paid, c, 0, 500, 460, 70, 40], [cap, paid, c, 1, 500, 480, 40, 20],
               [STEP_CODE["paid"], paid, c, 20, -1, 0, 0],
               [cap, other, c, 0, 9, 9, 5, 0], [skip, other, REASON_CODE["outbid"], paid]]  # fmt: skip
    explained = Entry(key="k", kind=entry.kind, cause=entry.cause, effective_at=entry.effective_at, recorded_at=0,
                      revision="r", postings=(Posting(Account(None, "issued"), "points", -20, rule="deal-base"),
                                              Posting(Account(ACME, "available"), "points", 20, 30_000, "deal-base")),
                      explanation=stored({"partner:acme": ["base", records]}))  # fmt: skip
    (row,) = collect([explained], programme).rules
    assert (row.rule, row.layer, row.cut) == ("deal-base", Layer.PARTNER, 50)


def test_the_books_close_for_every_month_and_currency(programme: Programme, book: Book) -> None:
    """Issued less what is gone is the change of what holders have."""
    results = collect(book(20, 9), programme)
    for name in results.currencies:
        before = 0
        for month in results.months:
            row = results.flows[month, name]
            assert row.issued - row.reversed - row.expired - row.redeemed == row.outstanding - before
            before = row.outstanding
        assert before == sum(holder.currencies[name].outstanding for holder in results.holders
                             if name in holder.currencies)  # fmt: skip


def test_entries_of_different_holders_may_come_in_any_order(programme: Programme, book: Book) -> None:
    """By holder or by time, the results are the same."""
    entries = book(10, 6)
    by_time = sorted(entries, key=lambda entry: entry.effective_at)
    assert collect(by_time, programme) == collect(entries, programme)


def test_persons_count_apart_from_partners(programme: Programme, book: Book) -> None:
    """A person has no tier, and no place in the concentration."""
    results = collect(book(5, 3), programme)
    persons = [holder for holder in results.holders if holder.holder.layer is Layer.PERSON]
    assert len(persons) == 5
    assert all(holder.tier is None for holder in persons)
    assert results.concentration["points"].partners == 5
    assert PERSONS not in {tier for _, _, tier in results.funds}


def test_no_entries_are_results_too(programme: Programme) -> None:
    """A history in which nothing was earned has empty tables, not an error."""
    results = collect([], programme)
    assert (results.months, len(results.holders), results.entries) == ((), 0, 0)
    assert results.totals("points") == Flows()
    assert collect([], programme, until_day=parse_day("2026-02-01")).months == (2026 * 12 + 1,)


def test_reading_keeps_no_entries(programme: Programme, book: Book) -> None:
    """A book that is read ten times over takes no more memory than one that is read once."""
    entries = book(20, 12)
    collector = Collector(programme)
    for entry in entries:
        collector.add(entry)
    tracemalloc.start()
    for _ in range(9):
        for entry in entries:
            collector.add(entry)
    grown, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert collector.entries == 10 * len(entries) > 5_000
    # Counters that become larger numbers are all that may grow: less than a reference for each entry.
    assert grown < 4 * 9 * len(entries), grown


@given(st.lists(st.integers(1, 50), min_size=1, max_size=6), st.randoms())
def test_transfers_account_for_every_unit_once(amounts: list[int], random: object) -> None:
    """However the legs are ordered, debits and credits of each account add up to its postings."""
    issued, redeemed = Account(None, "issued"), Account(None, "redeemed")
    legs = [Posting(issued, "points", -amount) for amount in amounts]
    legs += [Posting(redeemed, "points", amount) for amount in amounts]
    random.shuffle(legs)  # type: ignore[attr-defined]
    moved: Counter[str] = Counter()
    for debit, credit, amount in transfers(legs):
        assert amount > 0
        moved[debit.account.name] -= amount
        moved[credit.account.name] += amount
    assert moved == {"issued": -sum(amounts), "redeemed": sum(amounts)}


@given(st.lists(st.integers(0, 10**12), max_size=40))
def test_the_gini_coefficient_is_the_mean_difference(amounts: list[int]) -> None:
    """The formula over sorted amounts equals the definition by all pairs, exactly; the curve ends at the whole."""
    spread = Concentration.of(amounts)
    total = sum(amounts)
    pairs = sum(abs(one - other) for one in amounts for other in amounts)
    assert spread.gini == (Fraction(pairs, 2 * len(amounts) * total) if total else 0)
    assert spread.points[0] == (0, 0)
    assert spread.points[-1] == (len(amounts), total)


@pytest.mark.parametrize(("amounts", "share"), [([1] * 10, Fraction(1, 10)), ([5, 0, 0], 1), ([], 0), ([-3, 3], 1)])
def test_the_share_of_the_top_tenth_is_rounded_up_to_whole_partners(amounts: list[int], share: Fraction) -> None:
    """Of fewer than ten partners the top tenth is one; what is below 0 counts as 0."""
    assert Concentration.of(amounts).top_tenth == share
