"""
What settled entries amount to: totals by month, tier, rule and holder, and how evenly they are spread.

Entries are read once and kept nowhere; what is kept grows with months, rules and holders alone. Every figure is a
whole number of minor units. For each month and currency the books close::

    issued - reversed - expired - redeemed = change of (available + pending + held - arrears)

An entry must come after the earlier ones of its holder for the tier at which funds accrued to be right; nothing else
depends on the order.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from fractions import Fraction

from attrs import field, frozen

from loyalty.core.calendar import FIRST_YEAR, LAST_YEAR, month_tables
from loyalty.core.holders import Holder, Layer
from loyalty.ledger.entries import Entry, Posting
from loyalty.programme.model import Currency, Programme
from loyalty.simulation.concentration import Concentration
from loyalty.simulation.months import month_of
from loyalty.simulation.transfers import transfers

#: The name of the tier below the ladder's first step, and of what is accrued by persons, who have no tier.
PERSONS = "(persons)"

_TIER = "tier."
_BADGE = "badge."


@frozen(kw_only=True)
class Flows:
    """
    What moved, and where it stood in the end, in minor units of one currency; arrears are what is owed, >= 0.

    ``expired`` and ``redeemed`` are net of what was put back; ``reversed`` is all that returned to the programme.
    """

    issued: int = 0
    activated: int = 0
    expired: int = 0
    redeemed: int = 0
    reversed: int = 0
    available: int = 0
    pending: int = 0
    held: int = 0
    arrears: int = 0

    @property
    def earned(self) -> int:
        """What was issued and did not return."""
        return self.issued - self.reversed

    @property
    def outstanding(self) -> int:
        """What holders have or will have: available, pending and held, less arrears."""
        return self.available + self.pending + self.held - self.arrears


@frozen(kw_only=True)
class HolderResult:
    """Where one holder stood in the end; ``worth`` is by unit of money, in major units, exact."""

    holder: Holder
    tier: str | None
    badges: tuple[str, ...]
    currencies: Mapping[str, Flows] = field(hash=False)
    worth: Mapping[str, Fraction] = field(hash=False)


@frozen(kw_only=True)
class RuleResult:
    """What one rule gave to one layer in one currency; ``cut`` is what caps took from it where that was recorded."""

    rule: str
    layer: Layer
    currency: str
    awards: int
    issued: int
    reversed: int
    cut: int | None = None


@frozen(kw_only=True)
class Results:
    """
    Tables of integers; months are counted from January of year 0.

    Args:
        flows: By (month, currency): what moved in the month, and the balances at its end. Every month of the range is
            there for every declared currency.
        tiers: By month, the number of partners in each tier at its end, the base included.
        funds: By (month, money currency, tier): accrued and reversed, by the partner's tier at that time.
        concentration: For each currency, how evenly what partners earned (net of reversals) is spread.
    """

    currencies: Mapping[str, Currency]
    ladder: tuple[str, ...]
    months: tuple[int, ...]
    flows: Mapping[tuple[int, str], Flows]
    tiers: Mapping[int, Mapping[str, int]]
    funds: Mapping[tuple[int, str, str], tuple[int, int]]
    holders: tuple[HolderResult, ...]
    rules: tuple[RuleResult, ...]
    concentration: Mapping[str, Concentration]
    entries: int
    postings: int

    @property
    def money(self) -> tuple[str, ...]:
        """The names of the currencies that are money."""
        return tuple(name for name, currency in self.currencies.items() if currency.unit is not None)

    @property
    def points(self) -> tuple[str, ...]:
        """The names of the currencies that can be spent and are not money."""
        return tuple(name for name, each in self.currencies.items() if each.unit is None and each.spendable)

    def totals(self, currency: str) -> Flows:
        """Give what moved over all months, with the balances at the end of the last."""
        rows = [self.flows[month, currency] for month in self.months]
        moved = {name: sum(getattr(row, name) for row in rows) for name in _MOVED}
        standing = {name: getattr(rows[-1], name) if rows else 0 for name in _STANDING}
        return Flows(**moved, **standing)


_MOVED = ("issued", "activated", "expired", "redeemed", "reversed")
_STANDING = ("available", "pending", "held", "arrears")
_ISSUED, _ACTIVATED, _EXPIRED, _REDEEMED, _REVERSED = range(5)
_BALANCE = {name: 5 + position for position, name in enumerate(_STANDING)}
_CELLS = len(_MOVED) + len(_STANDING)


def collect(
    entries: Iterable[Entry],
    programme: Programme,
    *,
    until_day: int | None = None,
    active: Mapping[str, int] | None = None,
) -> Results:
    """
    Read all entries and give the results.

    Args:
        entries: Settled entries, each holder's in order.
        until_day: The last day that was settled; the tables run to its month at least.
        active: The first day of each partner that took part, so that those without a posting count as well.
    """
    collector = Collector(programme)
    for partner, day in (active or {}).items():
        collector.add_partner(partner, day)
    for entry in entries:
        collector.add(entry)
    return collector.results(until_day=until_day)


class _Wallets:
    """One holder while entries are read."""

    __slots__ = ("badges", "cells", "first_month", "tier")

    def __init__(self) -> None:
        self.cells: dict[str, list[int]] = {}
        self.tier: str | None = None
        self.badges: Counter[str] = Counter()
        self.first_month = 1 << 30


class Collector:
    """Takes entries one at a time, where they come from a stream that is also written elsewhere."""

    def __init__(self, programme: Programme) -> None:
        calendar, first_days = programme.calendar, month_tables()[1]
        self._programme = programme
        self._month_starts = [calendar.day_start_us(day) for day in first_days]
        self._base = programme.ladder.tiers[0].name
        self._money = {name for name, currency in programme.currencies.items() if currency.unit is not None}
        self._cells: dict[tuple[int, str], list[int]] = defaultdict(lambda: [0] * _CELLS)
        self._tier_changes: dict[int, Counter[str]] = defaultdict(Counter)
        self._funds: dict[tuple[int, str, str], list[int]] = defaultdict(lambda: [0, 0])
        self._rules: dict[tuple[str, Layer, str], list[int]] = defaultdict(lambda: [0, 0, 0])
        self._holders: dict[Holder, _Wallets] = defaultdict(_Wallets)
        self.entries = 0
        self.postings = 0

    def add_partner(self, partner: str, day: int) -> None:
        """Take note of a partner who took part from *day* on, whether anything was posted or not."""
        wallets = self._holders[Holder.partner(partner)]
        wallets.first_month = min(wallets.first_month, month_of(day))

    def add(self, entry: Entry) -> None:
        """Take one entry in."""
        month = FIRST_YEAR * 12 + bisect_right(self._month_starts, entry.effective_at) - 1
        self.entries += 1
        self.postings += len(entry.postings)
        for debit, credit, amount in transfers(entry.postings):
            if debit.account.name == "standing":
                self._stand(credit if debit.account.owner is None else debit, month)
            else:
                self._move(month, debit, credit, amount)

    def _move(self, month: int, debit: Posting, credit: Posting, amount: int) -> None:
        asset = debit.asset
        source, target = debit.account, credit.account
        owner = source.owner or target.owner
        rows = [self._cells[month, asset]]
        if owner is not None:
            wallets = self._holders[owner]
            wallets.first_month = min(wallets.first_month, month)
            row = wallets.cells.get(asset)
            if row is None:
                row = wallets.cells[asset] = [0] * _CELLS
            rows.append(row)
        for row in rows:
            if source.owner is not None:
                row[_BALANCE[source.name]] -= amount
                if source.name == "pending" and target.name == "available":
                    row[_ACTIVATED] += amount
            elif source.name == "issued":
                row[_ISSUED] += amount
            else:
                row[_EXPIRED if source.name == "expired" else _REDEEMED] -= amount
            if target.owner is not None:
                row[_BALANCE[target.name]] += amount
                if target.name == "pending" and source.name == "available":
                    row[_ACTIVATED] -= amount
            elif target.name == "issued":
                row[_REVERSED] += amount
            else:
                row[_EXPIRED if target.name == "expired" else _REDEEMED] += amount
        if source.owner is None and source.name == "issued":
            self._give(month, credit, owner, asset, amount)
        if target.owner is None and target.name == "issued":
            self._take(month, debit, owner, asset, amount)

    def _give(self, month: int, posting: Posting, owner: Holder | None, asset: str, amount: int) -> None:
        rule = self._rules[posting.rule or "", owner.layer if owner else Layer.PARTNER, asset]
        rule[0] += 1
        rule[1] += amount
        if asset in self._money:
            self._funds[month, asset, self._tier_of(owner)][0] += amount

    def _take(self, month: int, posting: Posting, owner: Holder | None, asset: str, amount: int) -> None:
        self._rules[posting.rule or "", owner.layer if owner else Layer.PARTNER, asset][2] += amount
        if asset in self._money:
            self._funds[month, asset, self._tier_of(owner)][1] += amount

    def _tier_of(self, owner: Holder | None) -> str:
        if owner is None or owner.layer is not Layer.PARTNER:
            return PERSONS
        return self._holders[owner].tier or self._base

    def _stand(self, posting: Posting, month: int) -> None:
        holder = posting.account.owner
        if holder is None:
            return
        wallets = self._holders[holder]
        wallets.first_month = min(wallets.first_month, month)
        if posting.asset.startswith(_BADGE):
            wallets.badges[posting.asset.removeprefix(_BADGE)] += posting.amount
        elif posting.asset.startswith(_TIER):
            tier = posting.asset.removeprefix(_TIER)
            self._tier_changes[month][tier] += posting.amount
            if posting.amount > 0:
                wallets.tier = tier
            elif wallets.tier == tier:
                wallets.tier = None

    def results(self, *, until_day: int | None = None) -> Results:
        """Give the results of all that was taken in; more may be added afterwards."""
        programme = self._programme
        months = self._months(until_day)
        holders = sorted(self._holders.items())
        return Results(
            currencies=programme.currencies,
            ladder=tuple(tier.name for tier in programme.ladder.tiers),
            months=months,
            flows=self._flows(months),
            tiers=self._tiers(months),
            funds={key: (given, taken) for key, (given, taken) in sorted(self._funds.items())},
            holders=tuple(self._holder(holder, wallets) for holder, wallets in holders),
            rules=tuple(
                RuleResult(rule=rule, layer=layer, currency=asset, awards=awards, issued=issued, reversed=taken)
                for (rule, layer, asset), (awards, issued, taken) in sorted(self._rules.items())
            ),
            concentration={
                name: Concentration.of(
                    row[_ISSUED] - row[_REVERSED] if (row := wallets.cells.get(name)) else 0
                    for holder, wallets in holders
                    if holder.layer is Layer.PARTNER
                )
                for name in programme.currencies
            },
            entries=self.entries,
            postings=self.postings,
        )

    def _months(self, until_day: int | None) -> tuple[int, ...]:
        known = {month for month, _ in self._cells} | set(self._tier_changes)
        known |= {wallets.first_month for wallets in self._holders.values()}
        if until_day is not None:
            known.add(month_of(until_day))
        known = {month for month in known if month < LAST_YEAR * 12}
        return tuple(range(min(known), max(known) + 1)) if known else ()

    def _flows(self, months: tuple[int, ...]) -> dict[tuple[int, str], Flows]:
        flows = {}
        standing = {name: [0] * len(_STANDING) for name in self._programme.currencies}
        for month in months:
            for name, balances in standing.items():
                row = self._cells.get((month, name), [0] * _CELLS)
                balances[:] = [balance + change for balance, change in zip(balances, row[5:], strict=True)]
                flows[month, name] = _as_flows(row[:5] + balances)
        return flows

    def _tiers(self, months: tuple[int, ...]) -> dict[int, dict[str, int]]:
        arrivals = Counter(
            wallets.first_month for holder, wallets in self._holders.items() if holder.layer is Layer.PARTNER
        )
        names = [tier.name for tier in self._programme.ladder.tiers]
        counts, partners, tiers = Counter[str](), 0, {}
        for month in months:
            partners += arrivals[month]
            counts.update(self._tier_changes.get(month, {}))
            row = {name: counts[name] for name in names}
            row[self._base] = partners - sum(counts.values())
            tiers[month] = row
        return tiers

    def _holder(self, holder: Holder, wallets: _Wallets) -> HolderResult:
        currencies = {
            name: _as_flows(wallets.cells[name]) for name in self._programme.currencies if name in wallets.cells
        }
        worth: dict[str, Fraction] = defaultdict(Fraction)
        for name, flows in currencies.items():
            unit, value = worth_of(self._programme.currencies[name])
            if unit is not None and value:
                worth[unit] += value * (flows.outstanding + flows.redeemed)
        is_partner = holder.layer is Layer.PARTNER
        return HolderResult(
            holder=holder,
            tier=(wallets.tier or self._base) if is_partner else None,
            badges=tuple(sorted(name for name, held in wallets.badges.items() if held > 0)),
            currencies=currencies,
            worth=dict(worth),
        )


def worth_of(currency: Currency) -> tuple[str | None, Fraction]:
    """Give the unit of money and the declared value of one minor unit; money without a declared worth is itself."""
    if currency.worth_unit is not None and currency.worth:
        return currency.worth_unit, currency.worth / 10**currency.scale
    if currency.unit is not None:
        return currency.unit, Fraction(1, 10**currency.scale)
    return None, Fraction(0)


def _as_flows(cells: list[int]) -> Flows:
    *others, arrears = cells
    return Flows(**dict(zip((*_MOVED, *_STANDING[:3]), others, strict=True)), arrears=-arrears)
