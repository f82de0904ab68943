"""
The types of the expression language, and what a programme declares about each name.

Money of two units, or points of two currencies, are different types: they never mix by accident.

>>> str(money_type("EUR")), str(points_type("status"))
('money in EUR', 'points of status')
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final, TypeAlias

from attrs import field, frozen

INT64_MIN: Final = -(2**63)
INT64_MAX: Final = 2**63 - 1


class TypeKind(Enum):
    """The kinds of value; money and points have a unit beside."""

    INT = "int"
    BOOL = "bool"
    STRING = "string"
    LIST = "list"
    MONEY = "money"
    POINTS = "points"


@frozen
class Type:
    """
    The type of an expression.

    Args:
        kind: The kind of value.
        unit: The unit of money, the currency of points, else "".
        element: The kind of a list's elements; None for an empty list and for all that is no list.
    """

    kind: TypeKind
    unit: str = ""
    element: TypeKind | None = None

    @property
    def is_number(self) -> bool:
        """Whether values are whole numbers inside: int, money in minor units, points."""
        return self.kind in (TypeKind.INT, TypeKind.MONEY, TypeKind.POINTS)

    @property
    def is_amount(self) -> bool:
        """Whether values are money or points."""
        return self.kind in (TypeKind.MONEY, TypeKind.POINTS)

    def __str__(self) -> str:
        if self.kind is TypeKind.MONEY:
            return f"money in {self.unit}"
        if self.kind is TypeKind.POINTS:
            return f"points of {self.unit}"
        return str(self.kind.value)


INT: Final = Type(TypeKind.INT)
BOOL: Final = Type(TypeKind.BOOL)
STRING: Final = Type(TypeKind.STRING)


def money_type(unit: str) -> Type:
    """Give the type of amounts of money in one unit, for example EUR."""
    return Type(TypeKind.MONEY, unit)


def points_type(currency: str) -> Type:
    """Give the type of points of one declared currency."""
    return Type(TypeKind.POINTS, currency)


def _holds_a_value(interval: Interval, _attribute: object, hi: int) -> None:
    if interval.lo > hi:
        raise ValueError(f"interval from {interval.lo} to {hi} is empty; write the smaller bound first")


@frozen
class Interval:
    """Every whole number from *lo* to *hi*, both included; money is in minor units."""

    lo: int
    hi: int = field(validator=_holds_a_value)

    def __contains__(self, value: int) -> bool:
        return self.lo <= value <= self.hi


#: What 64-bit integers can hold.
INT64: Final = Interval(INT64_MIN, INT64_MAX)


@frozen
class Symbol:
    """
    What a programme declares about a name.

    Args:
        type: The type of what it reads.
        interval: The declared range of an int, money or points; None is all of 64 bits.
        code: Python source that reads it in the generated step, for example ``e.f_amount``.
        present: Python source, truthy where an optional value is there; "" means that it always is.
        values: The texts that a ``one_of`` may hold, or None.
        doc: One sentence for people.
    """

    type: Type
    interval: Interval | None = None
    code: str = ""
    present: str = ""
    values: tuple[str, ...] | None = None
    doc: str = ""

    @property
    def optional(self) -> bool:
        """Whether the value can be absent."""
        return bool(self.present)


#: The declared names of an expression, dotted: ``event.amount``, ``tier.level``, ``year_status``.
Scope: TypeAlias = Mapping[str, Symbol]
