"""
The language of scenario files as one table of shapes, from which the reader and the JSON Schema both come.

>>> chance("4 %"), delay("5..40 days"), growth("-10 %")
(Fraction(1, 25), Delay(lowest=5, highest=40, unit=<Unit.DAYS: 'days'>), Fraction(-1, 10))
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any, Final

from attrs import frozen

from loyalty.core.amounts import parse_decimal
from loyalty.core.calendar import PERIOD_MONTHS, Unit
from loyalty.core.holders import Layer
from loyalty.programme.nodes import Node
from loyalty.programme.notes import Notes
from loyalty.programme.scalars import FLAG, Name, Number, Parsed, Text
from loyalty.programme.scalars import Choice as Word
from loyalty.programme.schema import DIALECT
from loyalty.programme.shapes import ByNode, Fields, Key, ListOf, MapOf
from loyalty.simulation.behaviour import Delay
from loyalty.simulation.distributions import Uniform
from loyalty.simulation.field_draws import bounds

#: Longer than this nobody simulates, and the calendar's tables end.
_MOST_DELAY: Final = {Unit.DAYS: 3660, Unit.WEEKS: 520, Unit.MONTHS: 120, Unit.YEARS: 10}

_MOST_PERSONS: Final = 10_000
_MOST_SIGMA: Final = 5
_MOST_ELASTICITY: Final = 10


def chance(text: str) -> Fraction:
    """
    Read a share of 1, as ``4 %`` or ``0.04``.

    Raises:
        ValueError: not a number, or not from 0 to 1.
    """
    value = _percent(text)
    if not 0 <= value <= 1:
        raise ValueError(f"{text!r} does not lie between 0 % and 100 %")
    return value


def growth(text: str) -> Fraction:
    """
    Read a growth a year, as ``6 %`` or ``-10 %``.

    Raises:
        ValueError: not a number, or not from a loss of 99 % to a growth of 1000 %.
    """
    value = _percent(text)
    if not Fraction(-99, 100) <= value <= 10:
        raise ValueError(f"{text!r} does not lie between -99 % and 1000 %")
    return value


def elasticity(text: str) -> Fraction:
    """
    Read by how much more happens close to the next tier, as ``30 %`` or ``0.3``.

    Raises:
        ValueError: not a number, or not from 0 to 1000 %.
    """
    value = _percent(text)
    if not 0 <= value <= _MOST_ELASTICITY:
        raise ValueError(f"{text!r} does not lie between 0 % and {_MOST_ELASTICITY * 100} %")
    return value


def sigma(text: str) -> Fraction:
    """
    Read the standard deviation of a logarithm, as ``1.1``.

    Raises:
        ValueError: not a number, or not from 0 to 5.
    """
    value = parse_decimal(text)
    if not 0 <= value <= _MOST_SIGMA:
        raise ValueError(f"{text!r} does not lie between 0 and {_MOST_SIGMA}")
    return value


def whole_range(text: str) -> Uniform:
    """
    Read ``3`` or ``1..4``.

    Raises:
        ValueError: not of that form, or above what a partner has people.
    """
    lowest, highest = bounds(text)
    if lowest < 0 or highest > _MOST_PERSONS:
        raise ValueError(f"{text!r} does not lie between 0 and {_MOST_PERSONS}")
    return Uniform(lowest, highest)


def delay(text: str) -> Delay:
    """
    Read ``5..40 days`` or ``24 months``.

    Raises:
        ValueError: not of that form, or longer than ten years.
    """
    match = re.fullmatch(r"\s*([\d_]+(?:\s*\.\.\s*[\d_]+)?)\s+(day|week|month|year)s?\s*", text)
    if not match:
        raise ValueError(f"{text!r} is no such time")
    lowest, highest = bounds(match[1])
    unit = Unit(match[2] + "s")
    if highest > _MOST_DELAY[unit]:
        raise ValueError(f"{text!r} is longer than ten years")
    return Delay(lowest=lowest, highest=highest, unit=unit)


def whole_months(text: str) -> int:
    """
    Read ``18 months`` or ``2 years`` as months.

    Raises:
        ValueError: not of that form, or longer than ten years.
    """
    read = delay(text)
    if read.unit not in (Unit.MONTHS, Unit.YEARS) or read.lowest != read.highest:
        raise ValueError(f"{text!r} is no whole number of months or years")
    return read.highest * (12 if read.unit is Unit.YEARS else 1)


@frozen
class _AsIs:
    """A value whose meaning depends on the programme; it is read later."""

    what: str

    def read(self, node: Node, notes: Notes) -> Node:  # noqa: ARG002
        return node

    def schema(self) -> dict[str, Any]:
        return {}


_NUMBER_OR_TEXT: Final = {"type": ["string", "number"]}
_SHARE: Final = Parsed("a share such as 25 %", chance, _NUMBER_OR_TEXT)
_GROWTH: Final = Parsed("a growth a year such as 6 %", growth, _NUMBER_OR_TEXT)
_ELASTICITY: Final = Parsed("an elasticity such as 30 %", elasticity, _NUMBER_OR_TEXT)
_SIGMA: Final = Parsed("a sigma such as 0.5", sigma, _NUMBER_OR_TEXT)
_RANGE: Final = Parsed("a whole number or a range such as 1..4", whole_range, {"type": ["string", "integer"]})
_DELAY: Final = Parsed("a time such as 5..40 days or 24 months", delay, {"type": "string"})
_MONTHS: Final = Parsed("a time such as 18 months", whole_months, {"type": "string"})
_FACTOR: Final = Number("a factor such as 1.5")
_WORD: Final = Name("a name", r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_KIND: Final = Name("a kind of event such as deal.won", r"\S+")
_LAYERS: Final = {"partner": Layer.PARTNER, "person": Layer.PERSON}
_FIELDS: Final = MapOf("what the fields hold", _WORD, _AsIs("a value, a range, weights or {median, sigma}"))

_CONSEQUENCE: Final = Fields("what may follow", {
    "chance": Key(_SHARE, "That it happens at all.", required=True),
    "after": Key(_DELAY, "How long after its origin.", required=True),
    "partial": Key(_SHARE, "Of a refund: the chance that it is of a part only."),
    "fields": Key(_FIELDS, "What its own fields hold."),
})  # fmt: skip

_NOISE: Final = Fields("noise", {
    "month": Key(_SIGMA, "The sigma of a factor of each partner's each month."),
    "market": Key(_SIGMA, "The sigma of a factor of each month that all partners share."),
})  # fmt: skip

_ACTIVITY: Final = Fields("how often something happens", {
    "rate": Key(_FACTOR, "Events a month, on average.", required=True),
    "per": Key(Word("whose rate it is", _LAYERS), "partner (of size 1) or person; partner if left out."),
    "names_person": Key(FLAG, "Whether the event names one of the partner's people; true if left out."),
    "season": Key(ListOf("the factors of the twelve months", _FACTOR), "January first; all 1 if left out."),
    "growth": Key(_GROWTH, "By how much the rate grows in a year; -10 % is a decline."),
    "noise": Key(ByNode("a sigma, or {month, market}", _SIGMA, _NOISE), "How unevenly events come beyond chance."),
    "fields": Key(_FIELDS, "What its fields hold; those left out follow from the programme."),
    "then": Key(MapOf("what may follow", _KIND, _CONSEQUENCE), "Refunds, ends and follows, by kind."),
})  # fmt: skip

_ARRIVAL: Final = Fields("when partners come", {
    "at_start": Key(_SHARE, "The share that is there from the first day.", required=True),
    "within": Key(_MONTHS, "The others come evenly in these months after the first.", required=True),
})  # fmt: skip

_CHURN: Final = ByNode("a chance a month, or {quiet, comeback}", _SHARE, Fields("how partners go quiet", {
    "quiet": Key(_SHARE, "The chance in a month that an active partner goes quiet.", required=True),
    "comeback": Key(_SHARE, "The chance in a month that a quiet one comes back; 0 if left out."),
}))  # fmt: skip

_LABELS: Final = MapOf("labels", _WORD, _AsIs("a text, or texts by weight"))

_SEGMENT: Final = Fields("a segment", {
    "segment": Key(_WORD, "Its name.", required=True),
    "share": Key(_SHARE, "Of all partners.", required=True),
    "labels": Key(_LABELS, "What else is known of a partner: region: {north: 3, south: 1}."),
    "persons": Key(_RANGE, "How many people a partner has; 1..3 if left out."),
    "size": Key(Fields("the size of a partner", {
        "median": Key(_FACTOR, "Half of the partners are smaller.", required=True),
        "sigma": Key(_SIGMA, "The standard deviation of the logarithm; 0 if left out."),
    }), "It multiplies every rate that is per partner; 1 if left out."),
    "rates": Key(MapOf("factors on rates", _KIND, _FACTOR), "Factors on the rates of kinds in this segment."),
    "amounts": Key(_FACTOR, "A factor on money that is drawn."),
    "arrival": Key(_ARRIVAL, "When its partners come; what stands at the top if left out."),
    "churn": Key(_CHURN, "How its partners go quiet; what stands at the top if left out."),
})  # fmt: skip

_WISH: Final = Fields("how a currency is spent", {
    "share": Key(_SHARE, "The share of what is available then."),
    "amount": Key(_AsIs("an amount, a range or {median, sigma}"), "Granted whole, or not at all."),
    "per": Key(Word("whose wallet it is", _LAYERS), "partner or person; partner if left out."),
    "every": Key(Word("a period", {period.value: period for period in PERIOD_MONTHS}), "month if left out."),
    "rate": Key(_FACTOR, "Wishes a month on any day, instead of `every`."),
    "chance": Key(_SHARE, "That it is wished; 100 % if left out."),
    "after": Key(_DELAY, "How much later it is granted."),
}, one_of=("share", "amount"))  # fmt: skip

_WISHES: Final = ByNode("a share, or a mapping", _SHARE, _WISH)

_INCENTIVE: Final = Fields("a response to incentives", {
    "elasticity": Key(_ELASTICITY, "How much more happens on the point of the next tier.", required=True),
    "because": Key(Text("a sentence"), "Where the number comes from; the report repeats it.", required=True),
})  # fmt: skip

#: A whole scenario file.
SCENARIO: Final = Fields("a scenario", {
    "scenario": Key(Text("the scenario's name"), "Its name.", required=True),
    "assumptions": Key(ListOf("assumptions", Text("a sentence")), "Sentences that the report repeats."),
    "segments": Key(ListOf("segments", _SEGMENT), "Who the partners are.", required=True),
    "arrival": Key(_ARRIVAL, "When partners come; all are there from the start if left out."),
    "churn": Key(_CHURN, "How partners go quiet; none does if left out."),
    "events": Key(MapOf("what happens", _KIND, _ACTIVITY), "What happens, by kind of event.", required=True),
    "redeem": Key(MapOf("what is redeemed", _WORD, _WISHES), "Points that are spent, by currency."),
    "claim": Key(MapOf("what is claimed", _WORD, _WISHES), "Money of funds that is claimed, by currency."),
    "response": Key(MapOf("responses", _KIND, _INCENTIVE), "What the next tier moves partners to do, by kind."),
})  # fmt: skip


def scenario_schema() -> dict[str, Any]:
    """Give the JSON Schema of scenario files, draft 2020-12, as plain JSON types."""
    return {"$schema": DIALECT, "title": "Scenario of a loyalty programme's partners", **SCENARIO.schema()}


def _percent(text: str) -> Fraction:
    number, percent, rest = text.partition("%")
    if rest.strip():
        raise ValueError(f"{text!r} goes on after its %")
    return parse_decimal(number) / (100 if percent else 1)
