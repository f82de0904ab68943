"""
Units of money: three capitals as in ISO 4217, and how many digits each has after the point.

>>> digits_of("EUR"), digits_of("JPY"), digits_of("KWD")
(2, 0, 3)
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Final

from loyalty.core.amounts import parse_decimal

_WITHOUT_DIGITS: Final = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_WITH_THREE_DIGITS: Final = "BHD IQD JOD KWD LYD OMR TND"

_DIGITS: Final = {
    **dict.fromkeys(_WITHOUT_DIGITS.split(), 0),
    **dict.fromkeys(_WITH_THREE_DIGITS.split(), 3),
    "CLF": 4,
    "UYW": 4,
}

UNIT: Final = re.compile(r"[A-Z]{3}\Z")
_MONEY: Final = re.compile(r"\s*([+-]?[\d_.,]+)\s*([A-Za-z]+)\s*\Z")


def digits_of(unit: str) -> int:
    """Give the digits after the point of a unit, 2 where ISO 4217 does not say otherwise."""
    return _DIGITS.get(unit, 2)


def split_money(text: str) -> tuple[Fraction, str]:
    """
    Read ``1000.00 EUR`` as an exact number of major units and the unit.

    Raises:
        ValueError: not of that form.
    """
    match = _MONEY.match(text)
    if not match or not UNIT.match(match[2]):
        raise ValueError(f"{text!r} is no amount of money; write a decimal and a unit of three capitals: 1000.00 EUR")
    return parse_decimal(match[1]), match[2]
