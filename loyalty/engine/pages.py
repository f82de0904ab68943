"""
Places in a wallet's lines as text, so that a host can hand the next page's to a browser and get it back.

>>> write_place("posted", {"available": 812, "pending": 40})
'posted/available=812/pending=40'
>>> read_place("posted", "posted/available=812/pending=40")
{'available': 812, 'pending': 40}
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from loyalty.errors import UsageError

_PART = re.compile(r"([a-z_]+)=(-?[0-9]{1,19})")


def write_place(order: str, numbers: Mapping[str, int]) -> str:
    """Write a place in an order as text."""
    return "/".join([order, *(f"{name}={number}" for name, number in numbers.items())])


def read_place(order: str, text: object) -> dict[str, int]:
    """
    Read what :func:`write_place` wrote.

    Raises:
        UsageError: it is something else, or a place in another order.
    """
    parts = text.split("/") if isinstance(text, str) else []
    found = [_PART.fullmatch(part) for part in parts[1:]]
    if parts[:1] != [order] or not all(found):
        raise UsageError(
            f"got {text!r} for the place of a page; give what `next` of the page before says, to the same method with "
            "the same arguments"
        )
    return {match[1]: int(match[2]) for match in found if match}
