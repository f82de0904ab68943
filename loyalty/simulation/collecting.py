"""
Reading entries into results: once, in one pass, keeping nothing that grows but months, rules and holders.

An entry must come after the earlier ones of its holder for the tier at which funds accrued to be right; nothing else
depends on the order.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Final

from loyalty.core.calendar import FIRST_YEAR, LAST_DAY, LAST_YEAR, month_tables
from loyalty.core.holders import Holder, Layer
from loyalty.ledger.entries import Entry, Posting
from loyalty.ledger.transfers import transfers
from loyalty.programme.model import Programme
from loyalty.programme.revisions import currencies_of, revisions_of, tiers_of
from loyalty.settlement.trace import STEPS, names_of, parts_of
from loyalty.simulation.concentration import Concentration
from loyalty.simulation.flows import FIGURES, MOVED, STANDING, Flows
from loyalty.simulation.holders import Holders, Ints, ints
from loyalty.simulation.months import month_of
from loyalty.simulation.results import PERSONS, Results, RuleResult

_TIER: Final = "tier."
_BADGE: Final = "badge."

#: Where each figure of :class:`Flows` stands in a row of counters.
_ISSUED, _ACTIVATED, _EXPIRED, _REDEEMED, _REVERSED = range(5)
_BALANCE: Final = {name: len(MOVED) + position for position, name in enumerate(STANDING)}
_CELLS: Final = len(FIGURES)

#: What comes from an account of the programme adds to one figure; what goes there adds to, or is taken from, another.
_COMES: Final = {
    **dict.fromkeys(("issued", "adjusted", "opening"), (_ISSUED, 1)),
    **dict.fromkeys(("expired", "forfeited"), (_EXPIRED, -1)),
    **dict.fromkeys(("redeemed", "transferred"), (_REDEEMED, -1)),
    "written_off": (_REVERSED, -1),
}
_GOES: Final = {name: (_REVERSED if figure == _ISSUED else figure, 1) for name, (figure, _) in _COMES.items()}


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

    __slots__ = ("badges", "cells", "first_month", "lost", "moved", "tier")

    def __init__(self) -> None:
        self.cells: dict[str, list[int]] = {}
        self.tier: str | None = None
        # The tier that the last movement took, if it did, with its rule: the next one may give another for it.
        self.lost: tuple[int, str, str | None] = (-1, "", None)
        self.moved = 0
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
        self._tier_moves: dict[int, Counter[tuple[str, str]]] = defaultdict(Counter)
        self._expiring: dict[str, Counter[int | None]] = {
            name: Counter() for name, currency in currencies_of(programme).items() if currency.spendable
        }
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
            wallets.moved += 1
            wallets.first_month = min(wallets.first_month, month)
            row = wallets.cells.get(asset)
            if row is None:
                row = wallets.cells[asset] = [0] * _CELLS
            rows.append(row)
        for posting, signed in ((debit, -amount), (credit, amount)):
            if posting.lot_day is not None and asset in self._expiring:
                self._expiring[asset][_month_of_lot(posting.lot_day)] += signed
        for row in rows:
            if source.owner is not None:
                row[_BALANCE[source.name]] -= amount
                if source.name == "pending" and target.name == "available":
                    row[_ACTIVATED] += amount
            if target.owner is not None:
                row[_BALANCE[target.name]] += amount
                if target.name == "pending" and source.name == "available":
                    row[_ACTIVATED] -= amount
        for posting, figures in ((debit, _COMES), (credit, _GOES)):
            if posting.account.owner is None:
                figure, sign = figures[posting.account.name]
                for row in rows:
                    row[figure] += sign * amount
                if figure in (_ISSUED, _REVERSED):
                    other = credit if posting is debit else debit
                    self._count_rule(month, other.rule or "", owner, asset, figure, sign * amount)

    def _count_rule(self, month: int, rule: str, owner: Holder | None, asset: str, figure: int, amount: int) -> None:
        """Add what was issued or reversed to its rule, and, of money, to the tier in force."""
        counts = self._rules[rule, owner.layer if owner else Layer.PARTNER, asset]
        funds = self._funds[month, asset, self._tier_of(owner)] if asset in self._money else [0, 0]
        counts[0] += figure == _ISSUED
        counts[1 + (figure == _REVERSED)] += amount
        funds[figure == _REVERSED] += amount

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
        wallets.moved += 1
        wallets.first_month = min(wallets.first_month, month)
        if posting.asset.startswith(_BADGE):
            wallets.badges[posting.asset.removeprefix(_BADGE)] += posting.amount
        elif posting.asset.startswith(_TIER):
            self._change_tier(wallets, posting, month)

    def _change_tier(self, wallets: _Wallets, posting: Posting, month: int) -> None:
        """Count a move: the old tier is taken and the new one given directly after, where neither is the base."""
        tier, moves = posting.asset.removeprefix(_TIER), self._tier_moves[month]
        if posting.amount < 0:
            wallets.lost = (wallets.moved, tier, posting.rule)
            moves[tier, self._base] += 1
            if wallets.tier == tier:
                wallets.tier = None
            return
        at, before, rule = wallets.lost
        if at + 1 == wallets.moved and rule == posting.rule:
            moves[before, self._base] -= 1
            moves[before, tier] += 1
        else:
            moves[self._base, tier] += 1
        wallets.tier = tier

    def results(self, *, until_day: int | None = None) -> Results:
        """Give the results of all that was taken in; more may be added afterwards."""
        programme = self._programme
        months = self._months(until_day)
        holders = self._table()
        partners = holders.layer(Layer.PARTNER)
        return Results(
            currencies=currencies_of(programme),
            ladder=tiers_of(programme),
            months=months,
            flows=self._flows(months),
            tiers=self._tiers(months),
            tier_moves={
                month: {move: count for move, count in sorted(moves.items()) if count}
                for month, moves in sorted(self._tier_moves.items())
            },
            expiring={
                name: _not_before(by_month, month_of(until_day) if until_day is not None else None)
                for name, by_month in self._expiring.items()
            },
            funds={key: (given, taken) for key, (given, taken) in sorted(self._funds.items())},
            holders=holders,
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
                name: Concentration.of(holders.column(name, "earned", partners)) for name in currencies_of(programme)
            },
            entries=self.entries,
            postings=self.postings,
        )

    def _months(self, until_day: int | None) -> tuple[int, ...]:
        known = {month for month, _ in self._cells} | set(self._tier_moves)
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
            for (before, after), moved in self._tier_moves.get(month, {}).items():
                counts[before] -= moved
                counts[after] += moved
            tiers[month] = {name: counts[name] + (partners if name == self._base else 0) for name in names}
        return tiers

    def _table(self) -> Holders:
        """Give the holders as columns; persons with no figure and no badge did nothing that counts."""
        ladder = {name: place for place, name in enumerate(tiers_of(self._programme))}
        rows = [
            (holder, wallets)
            for holder, wallets in sorted(self._holders.items())
            if holder.layer is Layer.PARTNER or any(map(any, wallets.cells.values())) or any(wallets.badges.values())
        ]
        nothing = [0] * _CELLS
        figures: dict[tuple[str, str], Ints] = {}
        for name in currencies_of(self._programme):
            cells = zip(*(wallets.cells.get(name, nothing) for _, wallets in rows), strict=True)
            for figure, column in zip(FIGURES, cells, strict=False):
                if any(column):
                    figures[name, figure] = ints([-cell for cell in column] if figure == "arrears" else column)
        badges = sorted({badge for _, wallets in rows for badge, held in wallets.badges.items() if held > 0})
        partners = sum(holder.layer is Layer.PARTNER for holder, _ in rows)
        return Holders(
            currencies=currencies_of(self._programme),
            ladder=tuple(ladder),
            names=tuple(holder.id for holder, _ in rows),
            partners=partners,
            standings=ints(
                [ladder[wallets.tier or self._base] for _, wallets in rows[:partners]] + [-1] * (len(rows) - partners)
            ),
            badges={badge: ints([wallets.badges[badge] > 0 for _, wallets in rows]) for badge in badges},
            figures=figures,
        )


def _as_flows(cells: list[int]) -> Flows:
    *others, arrears = cells
    return Flows(**dict(zip(FIGURES, others, strict=False)), arrears=-arrears)


def _not_before(by_month: Mapping[int | None, int], first: int | None) -> dict[int | None, int]:
    """Give what is there by month; what is held does not expire, and goes with the first month after its day."""
    moved: dict[int | None, int] = defaultdict(int)
    for month, amount in by_month.items():
        moved[month if month is None or first is None else max(month, first)] += amount
    return {month: amount for month, amount in moved.items() if amount}


def _month_of_lot(day: int) -> int | None:
    """Give the month in which points of a lot expire, as their posting will count."""
    return None if day >= LAST_DAY else month_of(day)
