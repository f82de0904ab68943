"""
What is wanted of a figure, as one writes it.

>>> target = read_target("cost <= 2 % of revenue")
>>> target.figure, target.sign, target.amount, target.share_of
('cost', '<=', Fraction(1, 50), 'revenue')
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Final

from attrs import frozen

from loyalty.core.amounts import parse_decimal
from loyalty.errors import LoyaltyError

_TARGET: Final = re.compile(
    r"(?P<figure>[\w.-]+)\s*(?P<sign><=|>=|=)\s*(?P<number>-?[\d_.]+)\s*(?P<percent>%)?\s*(?P<unit>[A-Za-z][\w-]*)?"
    r"(?:\s+of\s+(?P<whole>[\w.-]+))?"
)


class TargetError(LoyaltyError):
    """A target that cannot be read, or of a figure that there is none of."""

    code = "target"


@frozen
class Target:
    """
    What is wanted of a figure.

    Args:
        sign: ``=`` for the nearest, ``<=`` for the nearest that is not above, ``>=`` for the nearest that is not below.
        amount: In the figure's unit; a share where *share_of* names another figure.
        unit: What was written behind the number, or "".
    """

    text: str
    figure: str
    sign: str
    amount: Fraction
    share_of: str | None = None
    unit: str = ""


def read_target(text: str) -> Target:
    """
    Read ``cost = 2 % of revenue``, ``points.issued <= 1000000``, ``tiers.gold >= 20``, ``breakage = 15 %``.

    Raises:
        TargetError: not of that form.
    """
    match = _TARGET.fullmatch(text.strip())
    try:
        if match is None:
            raise ValueError
        amount = parse_decimal(match["number"].replace("_", ""))
    except ValueError:
        raise TargetError(
            f"got {text!r}; write a figure, =, <= or >=, and what is wanted: cost = 2 % of revenue, "
            "points.issued <= 1000000, tiers.gold >= 20"
        ) from None
    whole, unit = match["whole"], match["unit"] or ""
    if unit == "of":
        raise TargetError(f"got {text!r}; after `of` stands the name of a figure, such as revenue")
    if whole is not None and not match["percent"] and unit:
        raise TargetError(f"got {text!r}; a share of {whole} has no unit: write 2 % of {whole}")
    return Target(
        text.strip(), match["figure"], match["sign"], amount / 100 if match["percent"] else amount, whole, unit
    )
