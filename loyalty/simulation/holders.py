"""
Where all holders of a run ended, as columns: what hundreds of thousands of them need no object each for.

A column is a buffer of 64-bit integers: of numpy where a batch filled it, of the standard library's ``array`` where
entries were read. Names are texts, or Arrow's where a batch gave them. Reading a row makes one
:class:`HolderResult`; whatever is asked of all holders at once is asked of columns.

>>> from array import array
>>> points = {"points": Currency(name="points", worth=Fraction(1, 100), worth_unit="EUR")}
>>> table = Holders(currencies=points, ladder=("base", "gold"), names=("acme", "zeta", "mia"), partners=2,
...     standings=array("q", (1, 0, -1)), badges={}, figures={("points", "available"): array("q", (500, 0, 20))})
>>> len(table), table[0].tier, table[0].worth, table[2].holder.layer.name
(3, 'gold', {'EUR': Fraction(5, 1)}, 'PERSON')
>>> table.worth("EUR", slice(0, 2))
([500, 0], 100)
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from math import lcm
from typing import Any, Protocol, overload

from attrs import field, frozen

from loyalty.core.holders import Holder, Layer
from loyalty.programme.model import Currency
from loyalty.simulation.flows import FIGURES, STANDING, Flows, worth_of


class Ints(Protocol):
    """A column of 64-bit integers: an ``array`` or an array of numpy."""

    def __len__(self) -> int: ...
    def __getitem__(self, index: Any, /) -> Any: ...
    def tolist(self) -> Any: ...


@frozen(kw_only=True)
class HolderResult:
    """Where one holder stood in the end; ``worth`` is by unit of money, in major units, exact."""

    holder: Holder
    tier: str | None
    badges: tuple[str, ...]
    currencies: Mapping[str, Flows] = field(hash=False)
    worth: Mapping[str, Fraction] = field(hash=False)


@frozen(kw_only=True, eq=False)
class Holders(Sequence[HolderResult]):
    """
    The holders of a run, partners before persons, each layer in the order of names.

    Args:
        currencies: By name, in the order of the programme.
        names: Texts, or a string array of Arrow.
        partners: So many rows, the first, are partners.
        standings: The place of each partner's tier in the ladder; -1 for persons.
        badges: By badge, 1 for each holder who has it, else 0.
        figures: By currency and figure of :class:`Flows`, minor units; a column that is not there is 0 throughout.
    """

    currencies: Mapping[str, Currency]
    ladder: tuple[str, ...]
    names: Any
    partners: int
    standings: Ints
    badges: Mapping[str, Ints]
    figures: Mapping[tuple[str, str], Ints]

    def __len__(self) -> int:
        return len(self.names)

    @overload
    def __getitem__(self, index: int) -> HolderResult: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[HolderResult]: ...
    def __getitem__(self, index: int | slice) -> HolderResult | Sequence[HolderResult]:
        if isinstance(index, slice):
            return [self._row(row) for row in range(*index.indices(len(self)))]
        return self._row(range(len(self))[index])

    def __iter__(self) -> Iterator[HolderResult]:
        return (self._row(row) for row in range(len(self)))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Holders):
            return NotImplemented
        return len(self) == len(other) and all(one == two for one, two in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]

    @property
    def persons(self) -> int:
        """How many of the holders are persons."""
        return len(self) - self.partners

    def layer(self, layer: Layer) -> slice:
        """Give the rows of one layer."""
        return slice(0, self.partners) if layer is Layer.PARTNER else slice(self.partners, len(self))

    def column(self, currency: str, figure: str, rows: slice = slice(None)) -> list[int]:
        """
        Give one figure of a currency, for each holder in order, minor units.

        Args:
            figure: A field of :class:`Flows`, or ``earned`` or ``outstanding``.
            rows: Of which holders; all if left out.
        """
        if figure == "earned":
            pairs = zip(self.column(currency, "issued", rows), self.column(currency, "reversed", rows), strict=True)
            return [issued - taken for issued, taken in pairs]
        if figure == "outstanding":
            parts = (self.column(currency, name, rows) for name in STANDING)
            return [available + pending + held - owed for available, pending, held, owed in zip(*parts, strict=True)]
        found = self.figures.get((currency, figure))
        if found is None:
            return [0] * len(range(*rows.indices(len(self))))
        return list(found[rows].tolist())

    @property
    def units(self) -> tuple[str, ...]:
        """The units of money in which holders have worth, in the order of their names."""
        units = (worth_of(currency)[0] for name, currency in self.currencies.items() if self._moved(name))
        return tuple(sorted({unit for unit in units if unit is not None}))

    def worth(self, unit: str, rows: slice = slice(None)) -> tuple[list[int], int]:
        """
        Give what is outstanding or was redeemed, in its declared worth.

        Args:
            unit: Of money; currencies of another worth do not count.
            rows: Of which holders; all if left out.

        Returns:
            The numerators in major units, one for each holder, and the denominator that all share.
        """
        values = {name: worth_of(currency) for name, currency in self.currencies.items()}
        counted = {name: value for name, (of, value) in values.items() if of == unit and value}
        denominator = lcm(*(value.denominator for value in counted.values()))
        sums = [0] * len(range(*rows.indices(len(self))))
        for name, value in counted.items():
            factor = value.numerator * (denominator // value.denominator)
            columns = (self.column(name, "outstanding", rows), self.column(name, "redeemed", rows))
            sums = [total + factor * (has + used) for total, has, used in zip(sums, *columns, strict=True)]
        return sums, denominator

    def name(self, row: int) -> str:
        """Give the id of the holder of a row."""
        found = self.names[row]
        return found if isinstance(found, str) else str(found.as_py())

    def _moved(self, currency: str) -> bool:
        return any(any(self.column(currency, figure)) for figure in FIGURES if (currency, figure) in self.figures)

    def _row(self, row: int) -> HolderResult:
        holder = Holder(Layer.PARTNER if row < self.partners else Layer.PERSON, self.name(row))
        currencies, worth = {}, dict[str, Fraction]()
        for name, currency in self.currencies.items():
            cells = {key: int(self.figures[name, key][row]) for key in FIGURES if (name, key) in self.figures}
            if not any(cells.values()):
                continue
            flows = currencies[name] = Flows(**cells)
            unit, value = worth_of(currency)
            if unit is not None and value:
                worth[unit] = worth.get(unit, Fraction(0)) + value * (flows.outstanding + flows.redeemed)
        return HolderResult(
            holder=holder,
            tier=self.ladder[int(self.standings[row])] if row < self.partners else None,
            badges=tuple(sorted(name for name, held in self.badges.items() if held[row])),
            currencies=currencies,
            worth=worth,
        )


def ints(values: Iterator[int] | Sequence[int]) -> Ints:
    """Give a column of the standard library, where numpy may not be installed."""
    return array("q", values)
