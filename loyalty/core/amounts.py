"""
Integer amounts in minor units, and divisions that name their rounding.

>>> divide(7, 2, Rounding.HALF_EVEN)
4
>>> to_minor_units("1000.50", scale=2)
100050
"""

from __future__ import annotations

import re
from enum import Enum
from fractions import Fraction
from typing import Final

#: The largest amount that a posting may carry: SUM() over many rows must not reach 2**63.
MAX_AMOUNT: Final = 2**53

#: What an intermediate of the step may reach: the step also runs on 64-bit integers.
INT64_MAX: Final = 2**63 - 1

_DECIMAL = re.compile(r"[+-]?(\d[\d_]*)(\.\d+)?\Z")


class Rounding(Enum):
    """How a division becomes a whole number. ``DOWN`` is toward zero, ``UP`` away from it."""

    DOWN = "down"
    UP = "up"
    HALF_UP = "half_up"
    HALF_EVEN = "half_even"


def divide(numerator: int, denominator: int, rounding: Rounding) -> int:
    """
    Divide two whole numbers and round as named.

    Args:
        numerator: Any int.
        denominator: An int above 0.
        rounding: How the fraction becomes whole; halves are those of the absolute value.

    Returns:
        The rounded quotient.

    Raises:
        ZeroDivisionError: *denominator* is 0.

    >>> [divide(-5, 2, rounding) for rounding in Rounding]
    [-2, -3, -3, -2]
    """
    quotient, rest = divmod(abs(numerator), denominator)
    if rounding is Rounding.UP:
        quotient += rest > 0
    elif rounding is Rounding.HALF_UP:
        quotient += 2 * rest >= denominator
    elif rounding is Rounding.HALF_EVEN:
        quotient += 2 * rest > denominator or (2 * rest == denominator and quotient % 2 == 1)
    return quotient if numerator >= 0 else -quotient


def parse_decimal(text: str) -> Fraction:
    """
    Read a decimal number exactly; thousands may be set apart by underscores.

    Raises:
        ValueError: *text* is not a plain decimal (exponents, commas and infinities are not).

    >>> parse_decimal("1_000.25")
    Fraction(4001, 4)
    """
    if not _DECIMAL.match(text.strip()):
        raise ValueError(f"{text!r} is not a plain decimal number such as 1000 or 12.50")
    return Fraction(text.strip().replace("_", ""))


def to_minor_units(text: str, scale: int) -> int:
    """
    Read an amount in major units as whole minor units.

    Args:
        text: A plain decimal, for example ``"12.50"``.
        scale: Digits after the point that the unit has, >= 0.

    Raises:
        ValueError: not a decimal, or more digits than the unit has.
    """
    value = parse_decimal(text) * Fraction(10) ** scale
    if value.denominator != 1:
        raise ValueError(f"{text} has more than the {scale} decimal places that its unit has")
    return value.numerator


def format_minor_units(amount: int, scale: int) -> str:
    """
    Write whole minor units in major units, with every digit of the scale.

    >>> format_minor_units(-1205, 2)
    '-12.05'
    """
    if scale == 0:
        return str(amount)
    whole, rest = divmod(abs(amount), 10**scale)
    return f"{'-' if amount < 0 else ''}{whole}.{rest:0{scale}d}"
