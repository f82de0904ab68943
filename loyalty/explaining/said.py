"""
What an explanation says, in no language yet: the key of a text, and the values that stand in it.

A step is said once and told in any language; two that say the same are equal.

>>> told = said("expired", amount=Amount(250, 2, "EUR"), last=Day(20_454))
>>> told.values["amount"].minor
250
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from attrs import field, frozen


@frozen
class Amount:
    """Minor units of a currency or of a unit of money; a plain number has the unit ""."""

    minor: int
    scale: int = 0
    unit: str = ""


@frozen
class Day:
    """A local day, counted from 1970-01-01."""

    number: int


@frozen
class Moment:
    """A local time of a day, ``hh:mm``."""

    day: Day
    time: str


@frozen
class Number:
    """An exact number: a factor, a percentage."""

    value: Fraction


@frozen
class Noun:
    """A word of the catalogue in the form that stands behind a whole number."""

    key: str
    count: int


@frozen
class Listed:
    """Several values, joined by the catalogue's text of this key."""

    items: tuple[Value, ...]
    by: str


@frozen
class Said:
    """The text of a key, with values by the names of its placeholders."""

    key: str
    values: Mapping[str, Value] = field(factory=dict, hash=False)


#: What may stand in a text: names and expressions of the programme are strings, and are the same in all languages.
Value = str | int | Amount | Day | Moment | Number | Noun | Listed | Said


def said(key: str, /, **values: Value) -> Said:
    """Say the text of a key with these values."""
    return Said(key, values)
