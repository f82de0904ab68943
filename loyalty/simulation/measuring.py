"""
What one run amounts to in figures: cost, revenue, liability, breakage, tiers, evenness, and each currency's flows.

The *cost* of a programme is the worth of what it gave and neither took back nor let expire; it is what holders have
used or still have. *Revenue* is the money of events that speak of no other, less what refunds took back of it. Both are
in the unit of money in which the currencies have their worth; where there are several, further ones stand behind it
with their unit, as ``cost.USD``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import cached_property
from math import lcm
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from loyalty.batch.running import run
from loyalty.batch.tables import EventTable, kinds_of
from loyalty.core.holders import Layer
from loyalty.programme.model import FieldType, Programme, Role
from loyalty.programme.revisions import currencies_of, kind_of, tiers_of
from loyalty.programme.units import digits_of
from loyalty.simulation.comparison import Cliff, Figure
from loyalty.simulation.evenness import gini
from loyalty.simulation.flows import MOVED, STANDING, Flows, worth_of

if TYPE_CHECKING:
    from loyalty.batch.results import Batch

Ints = NDArray[np.integer[Any]]

#: What takes one amount of each holder out of its cells.
_Part: TypeAlias = Callable[[Ints], Ints]

#: The columns of a holder's cells.
CELLS: Final = (*MOVED, *STANDING)
_ISSUED, _EXPIRED, _REDEEMED, _REVERSED = (CELLS.index(name) for name in ("issued", "expired", "redeemed", "reversed"))
_AVAILABLE, _PENDING, _HELD, _ARREARS = (CELLS.index(name) for name in STANDING)

#: The figures of each currency.
_OF_CURRENCY: Final = (*MOVED, "outstanding", "arrears")


class Measures:
    """
    Reads one run.

    Args:
        batch: The run.
        partners: Whom the arrays are of, in this order; those of the run if left out.

    Attributes:
        unit: The unit of money of worth, cost and revenue, or "".
        divisor: What numerators of worth are divided by to be in major units.
        partners: The names of the partners, in the order of all arrays here.
        tiers: Each partner's tier in the end, its place in ``ladder``.
    """

    def __init__(self, batch: Batch, partners: Sequence[str] | None = None) -> None:
        self.batch = batch
        self.programme: Programme = batch.programme
        self.currencies = currencies_of(self.programme)
        self.names = batch.names.assets[: batch.names.tier_asset]
        self.ladder = tiers_of(self.programme)
        worths = {name: worth_of(currency) for name, currency in self.currencies.items()}
        units = tuple(dict.fromkeys(unit for unit, _ in worths.values() if unit is not None))
        self.unit, self.other_units = (units[0], units[1:]) if units else ("", ())
        self._worths = worths
        self.divisor = lcm(*(worth.denominator for _, worth in worths.values()))
        totals = batch.layers[Layer.PARTNER]
        known: list[str] = totals.holders.to_pylist()
        self.partners = known if partners is None else list(partners)
        places = None if self.partners == known else {name: place for place, name in enumerate(known)}
        # Whoever is not in this run did nothing there, which is what a row of zeros says.
        self._rows = None if places is None else np.array([places.get(name, len(known)) for name in self.partners])
        self.cells: Ints = self._taken(totals.cells)
        self.tiers: NDArray[np.integer[Any]] = self._taken(totals.tier)
        self.events: Ints = self._taken(totals.events)

    def over(self, partners: Sequence[str]) -> Measures:
        """Give the same for these partners in this order; one that is not in the run did nothing."""
        return self if partners == self.partners else Measures(self.batch, partners)

    @cached_property
    def revenue(self) -> Ints:
        """Each partner's revenue, minor units of :attr:`unit`."""
        return self._revenue(self.unit)

    @cached_property
    def worth(self) -> Ints:
        """The worth of what each partner got and neither gave back nor let expire: numerators over :attr:`divisor`."""
        return self._worth(self.cells, self.unit, _got)

    @property
    def persons_cost(self) -> Fraction:
        """What persons cost, who are of no partner: the part of the figure ``cost`` that is no partner's."""
        return self._layer_total(Layer.PERSON, self.unit, _got) if self.unit else Fraction(0)

    def worth_with(self, other: Measures) -> tuple[Ints, Ints, int]:
        """Give what partners of both runs got there, and by what both are divided to be in major units."""
        divisor = lcm(self.divisor, other.divisor)
        return self.worth * (divisor // self.divisor), other.worth * (divisor // other.divisor), divisor

    def lapse(self) -> Fraction:
        """Give the share, by worth, of what left the wallets by use or by expiry in the run that expired."""
        expired, used = self._total(self.unit, _lapsed), self._total(self.unit, _column("redeemed"))
        return expired / (expired + used) if expired + used else Fraction(0)

    def given_and_lapsed(self) -> tuple[Fraction, Fraction]:
        """Give the worth of what was granted in the run and not taken back, and of what expired in it."""
        return self._total(self.unit, _given), self._total(self.unit, _lapsed)

    def worth_of(self, currency: str) -> tuple[str | None, Fraction]:
        """Give the unit of a currency's worth, and the worth of one minor unit."""
        return self._worths[currency]

    @property
    def money_scale(self) -> int:
        """How many minor units of :attr:`unit` make one."""
        return 10 ** digits_of(self.unit) if self.unit else 1

    def figures(self) -> dict[str, Figure]:
        """Give every figure by its name, those that people ask for first at the beginning."""
        found: dict[str, Figure] = {}

        def add(name: str, value: Fraction | int, unit: str, *, is_whole: bool = False) -> None:
            found[name] = Figure(name=name, value=Fraction(value), unit=unit, is_whole=is_whole)

        for unit in (self.unit, *self.other_units) if self.unit else ():
            suffix = "" if unit == self.unit else f".{unit}"
            cost, revenue = self._total(unit, _got), Fraction(int(self._revenue(unit).sum()), 10 ** digits_of(unit))
            given, expired = self._total(unit, _given), self._total(unit, _lapsed)
            add(f"cost{suffix}", cost, unit)
            add(f"revenue{suffix}", revenue, unit)
            add(f"cost_per_revenue{suffix}", cost / revenue if revenue else 0, "share")
            add(f"liability{suffix}", self._total(unit, _outstanding), unit)
            add(f"breakage{suffix}", expired / given if given else 0, "share")
        if self.unit:
            add("gini", gini(self.worth), "share")
        add("partners", len(self.partners), "partners")
        add("events", int(self.events.sum()), "events")
        counts = np.bincount(self.tiers, minlength=len(self.ladder))
        if len(self.ladder) > 1:
            add("tiers.above_base", int(counts[1:].sum()), "partners")
        for place, tier in enumerate(self.ladder):
            add(f"tiers.{tier}", int(counts[place]), "partners")
        for name in self.currencies:
            flows = self.flows(name)
            scale = 10 ** self.currencies[name].scale
            for part in _OF_CURRENCY:
                unit = self.currencies[name].unit or name
                add(f"{name}.{part}", Fraction(getattr(flows, part), scale), unit, is_whole=scale == 1)
        return found

    def flows(self, currency: str, chosen: NDArray[np.bool_] | None = None) -> Flows:
        """Give what moved of a currency and where it stands, for all holders or for chosen partners."""
        place = self.names.index(currency)
        if chosen is not None:
            sums = self.cells[chosen, place].sum(axis=0)
        else:
            sums = sum((totals.cells[:, place].sum(axis=0) for totals in self.batch.layers.values()), np.zeros(9, int))
        return Flows(**{name: int(sums[column]) for column, name in enumerate(CELLS)})

    def cliffs(self) -> tuple[Cliff, ...]:
        """Give what each tier's threshold is worth, where enough partners stand on both sides."""
        found = []
        for place in range(1, len(self.ladder)):
            below = self._quarter(place - 1, most=True)
            above = self._quarter(place, most=False)
            rates = [self._rate(chosen) for chosen in (below, above)]
            if len(below) and len(above) and None not in rates:
                found.append(
                    Cliff(
                        tier=self.ladder[place],
                        partners_below=Fraction(len(below)),
                        partners_above=Fraction(len(above)),
                        rate_below=rates[0] or Fraction(0),
                        rate_above=rates[1] or Fraction(0),
                    )
                )
        return tuple(found)

    def parts(self, name: str) -> tuple[NDArray[np.float64], ...] | None:
        """Give what each holder brings to a figure that is a sum over them, by layer, in major units; else None."""
        layers = [totals.cells for totals in self.batch.layers.values()]
        layers[0] = self.cells
        if name in ("cost", "liability") and self.unit:
            part = _got if name == "cost" else _outstanding
            return tuple(self._worth(cells, self.unit, part) / self.divisor for cells in layers)
        currency, _, part_name = name.rpartition(".")
        if currency in self.names and part_name in _OF_CURRENCY:
            place, scale = self.names.index(currency), 10 ** self.currencies[currency].scale
            column = _outstanding if part_name == "outstanding" else _column(part_name)
            return tuple(column(cells[:, place]) / scale for cells in layers)
        return None

    def earned(self, currency: str) -> Ints:
        """Give what each partner earned of a currency and did not give back, minor units."""
        cells = self.cells[:, self.names.index(currency)]
        earned: Ints = cells[:, _ISSUED] - cells[:, _REVERSED]
        return earned

    def _quarter(self, tier: int, *, most: bool) -> NDArray[np.integer[Any]]:
        standing = np.flatnonzero(self.tiers == tier)
        if len(standing) < 4:
            return standing[:0]
        order = standing[np.argsort(self.revenue[standing], kind="stable")]
        count = len(order) // 4
        return order[-count:] if most else order[:count]

    def _rate(self, chosen: NDArray[np.integer[Any]]) -> Fraction | None:
        revenue = int(self.revenue[chosen].sum())
        if revenue <= 0:
            return None
        return Fraction(int(self.worth[chosen].sum()), self.divisor) / Fraction(revenue, self.money_scale)

    def _revenue(self, unit: str) -> Ints:
        """Add up the money of each partner's events, by the kinds that bring any."""
        all_sums = self.batch.layers[Layer.PARTNER].sums
        sums = np.zeros(len(all_sums), np.int64)
        for place, name in enumerate(kinds_of(self.programme)):
            sign = _sign(self.programme, name, unit)
            if sign:
                sums += sign * all_sums[:, place]
        taken: Ints = self._taken(sums)
        return taken

    def _taken(self, column: Any) -> Any:
        """Give the rows of a column that are the partners'."""
        if self._rows is None:
            return column
        return np.concatenate([column, np.zeros((1, *column.shape[1:]), column.dtype)])[self._rows]

    def _worth(self, cells: Ints, unit: str, part: _Part) -> Ints:
        worth: Ints = np.zeros(len(cells), np.int64)
        for place, name in enumerate(self.names):
            of_unit, each = self._worths[name]
            if of_unit == unit:
                worth += part(cells[:, place]) * (each.numerator * (self.divisor // each.denominator))
        return worth

    def _total(self, unit: str, part: _Part) -> Fraction:
        return sum((self._layer_total(layer, unit, part) for layer in self.batch.layers), Fraction(0))

    def _layer_total(self, layer: Layer, unit: str, part: _Part) -> Fraction:
        return Fraction(int(self._worth(self.batch.layers[layer].cells, unit, part).sum()), self.divisor)


def figures_of_nothing(programme: Programme) -> dict[str, Figure]:
    """Give every figure that a run of a programme has, by its name, before anything is drawn: all of them are 0."""
    nothing = run(programme, EventTable.from_events(programme, ()), until_day=programme.first_day, kernel=False)
    return Measures(nothing).figures()


def _sign(programme: Programme, name: str, unit: str) -> int:
    """Tell whether a kind adds to revenue (1), takes from it (-1), or neither (0)."""
    kind = kind_of(programme, name)
    if kind is None:
        return 0
    if kind.role is Role.REFUNDS:
        return -abs(_sign(programme, kind.origin_kind or "", unit))
    if kind.role is not Role.NONE:
        return 0
    money = next((spec for spec in kind.fields.values() if spec.type is FieldType.MONEY), None)
    return int(money is not None and money.unit == unit)


def _column(name: str) -> _Part:
    return lambda cells: cells[:, CELLS.index(name)]


def _got(cells: Ints) -> Ints:
    got: Ints = cells[:, _ISSUED] - cells[:, _REVERSED] - cells[:, _EXPIRED]
    return got


def _given(cells: Ints) -> Ints:
    given: Ints = cells[:, _ISSUED] - cells[:, _REVERSED]
    return given


def _lapsed(cells: Ints) -> Ints:
    lapsed: Ints = cells[:, _EXPIRED]
    return lapsed


def _outstanding(cells: Ints) -> Ints:
    outstanding: Ints = cells[:, _AVAILABLE] + cells[:, _PENDING] + cells[:, _HELD] - cells[:, _ARREARS]
    return outstanding
