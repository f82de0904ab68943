"""
Reading entries into results: once, in one pass, keeping nothing that grows but months, rules and holders.

An entry must come after the earlier ones of its holder for the tier at which funds accrued to be right; nothing else
depends on the order.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any, Final

from loyalty.core.calendar import FIRST_YEAR, LAST_YEAR, month_tables
from loyalty.core.holders import Holder, Layer
from loyalty.ledger.entries import Entry, Posting
from loyalty.ledger.transfers import transfers
from loyalty.programme.model import Programme
from loyalty.programme.revisions import currencies_of, revisions_of, tiers_of
from loyalty.settlement.trace import STEPS, names_of, parts_of
from loyalty.simulation.concentration import Concentration
from loyalty.simulation.months import month_of
from loyalty.simulation.results import (
    MOVED,
    PERSONS,
    STANDING,
    Flows,
    HolderResult,
    Results,
    RuleResult,
    worth_of,
)

_TIER: Final = "tier."
_BADGE: Final = "badge."

#: Where each figure of :class:`Flows` stands in a row of counters.
_ISSUED, _ACTIVATED, _EXPIRED, _REDEEMED, _REVERSED = range(5)
_BALANCE: Final = {name: 5 + position for position, name in enumerate(STANDING)}
_CELLS: Final = len(MOVED) + len(STANDING)


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
        self._revisions = {one.revision: one for one in revisions_of(programme)}
        self._money = {name for name, currency in currencies_of(programme).items() if currency.unit is not None}
        self._cells: dict[tuple[int, str], list[int]] = defaultdict(lambda: [0] * _CELLS)
        self._tier_changes: dict[int, Counter[str]] = defaultdict(Counter)
        self._funds: dict[tuple[int, str, str], list[int]] = defaultdict(lambda: [0, 0])
        self._rules: dict[tuple[str, Layer, str], list[int]] = defaultdict(lambda: [0, 0, 0])
        self._holders: dict[Holder, _Wallets] = defaultdict(_Wallets)
        self._cut: dict[tuple[str, Layer, str], int] = defaultdict(int)
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
        if entry.explanation:
            self._read_cuts(entry.explanation, entry.revision)
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
            rule = self._rules[credit.rule or "", owner.layer if owner else Layer.PARTNER, asset]
            rule[0] += 1
            rule[1] += amount
            if asset in self._money:
                self._funds[month, asset, self._tier_of(owner)][0] += amount
        if target.owner is None and target.name == "issued":
            self._rules[debit.rule or "", owner.layer if owner else Layer.PARTNER, asset][2] += amount
            if asset in self._money:
                self._funds[month, asset, self._tier_of(owner)][1] += amount

    def _read_cuts(self, explanation: Mapping[str, Any], revision: str) -> None:
        """Add up what caps took, where the engine recorded it (the steps are those of the settlement's trace)."""
        for holder, (_, records) in parts_of(explanation).items():
            cut: Counter[tuple[int | str, int | str]] = Counter()
            for code, *numbers in records:
                if STEPS[code] == "cap":
                    rule, currency, _, _, _, before, after = numbers
                    cut[rule, currency] += before - after
                elif STEPS[code] in ("paid", "nothing"):
                    settled_under = self._revisions.get(revision, self._programme)
                    rule, currency = names_of(self._revisions, settled_under, numbers[0], numbers[1])
                    key = (rule, Holder.parse(holder).layer, currency)
                    # What did not win its group was not paid, and so not cut.
                    self._cut[key] += cut.pop((numbers[0], numbers[1]), 0)

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
            currencies=currencies_of(programme),
            ladder=tiers_of(programme),
            months=months,
            flows=self._flows(months),
            tiers=self._tiers(months),
            funds={key: (given, taken) for key, (given, taken) in sorted(self._funds.items())},
            holders=tuple(self._holder(holder, wallets) for holder, wallets in holders),
            rules=tuple(
                RuleResult(
                    rule=key[0],
                    layer=key[1],
                    currency=key[2],
                    awards=awards,
                    issued=issued,
                    reversed=taken,
                    cut=self._cut.get(key),
                )
                for key, (awards, issued, taken) in sorted(self._rules.items())
            ),
            concentration={
                name: Concentration.of(
                    row[_ISSUED] - row[_REVERSED] if (row := wallets.cells.get(name)) else 0
                    for holder, wallets in holders
                    if holder.layer is Layer.PARTNER
                )
                for name in currencies_of(programme)
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
        standing = {name: [0] * len(STANDING) for name in currencies_of(self._programme)}
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
        names = tiers_of(self._programme)
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
            name: _as_flows(wallets.cells[name]) for name in currencies_of(self._programme) if name in wallets.cells
        }
        worth: dict[str, Fraction] = defaultdict(Fraction)
        for name, flows in currencies.items():
            unit, value = worth_of(currencies_of(self._programme)[name])
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


def _as_flows(cells: list[int]) -> Flows:
    *others, arrears = cells
    return Flows(**dict(zip((*MOVED, *STANDING[:3]), others, strict=True)), arrears=-arrears)
