"""
Exact fractions as decimals: for tables, and for whoever reads them.
"""

from __future__ import annotations

from decimal import Context, Decimal
from fractions import Fraction
from typing import Final

from loyalty.core.amounts import Rounding, divide, format_minor_units

#: More digits than any sum has, whatever context the host has set.
EXACT: Final = Context(prec=60)

#: Digits after the point of shares and coefficients.
_SHARE_DIGITS: Final = 6


def share(value: Fraction) -> Decimal:
    """Give a share with six digits, rounded half to even; the exact fraction stays in the results."""
    millionths = divide(value.numerator * 10**_SHARE_DIGITS, value.denominator, Rounding.HALF_EVEN)
    return Decimal(millionths).scaleb(-_SHARE_DIGITS, EXACT)


def exact_decimal(value: Fraction) -> Decimal:
    """
    Give a fraction as a decimal, exact where it has at most 18 digits after the point, which all declared worths have.

    >>> str(exact_decimal(Fraction(201, 8)))
    '25.125'
    """
    digits = next((digits for digits in range(19) if 10**digits % value.denominator == 0), 18)
    return Decimal(
        format_minor_units(divide(value.numerator * 10**digits, value.denominator, Rounding.HALF_EVEN), digits)
    )
