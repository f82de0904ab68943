"""What funds declare beyond accrual by deals, which earning rules say."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import field, frozen

from loyalty.core.calendar import Period
from loyalty.errors import Place


@frozen(kw_only=True)
class Allotment:
    """
    A fixed amount by tier at the start of each calendar period after the partner's first event.

    Args:
        amounts: Minor units of ``currency`` by tier name, ``base`` included; tiers not named get the next lower one's.
    """

    name: str
    every: Period
    currency: str
    amounts: Mapping[str, int]
    place: Place = field(eq=False, factory=Place)
