"""
Awards: what a rule pays, read in the units of the currency paid and of the measure that it is of.

A rate is kept as whole numbers: so many minor units of the currency for each so many minor units of the measure.
"""

from __future__ import annotations

import re
from fractions import Fraction
from math import lcm

from attrs import frozen

from loyalty.core.amounts import parse_decimal
from loyalty.programme.building.draft import Draft
from loyalty.programme.building.tables import field_values, value_of
from loyalty.programme.model import Currency, EventKind, FieldType
from loyalty.programme.nodes import Node, Scalar
from loyalty.programme.sections import Item, Section
from loyalty.programme.units import split_money
from loyalty.rules.declaration import Award, Band, BandMode, Bands, ByField, ByTier, Fixed, Rate
from loyalty.rules.expressions import Expression, TypeKind

_PER = re.compile(r"(.*\S)\s+per\s+(\S.*)")

_NUMBER = r"\d[\d_.,]*(?:\s*[A-Z]{3})?"
#: Two amounts with another word than `per` between them, or a stroke.
_NEARLY_PER = re.compile(rf"({_NUMBER})\s*(?:/|(?![A-Z]{{3}}\b)[^\W\d_]+)\s*({_NUMBER})")


@frozen
class Measure:
    """What rates are of: its unit of money (or "" for a plain number), its digits, and its range."""

    unit: str
    scale: int
    lowest: int
    highest: int

    @classmethod
    def of(cls, expression: Expression, draft: Draft) -> Measure:
        """Describe the measure that an expression gives."""
        interval = expression.interval
        assert interval is not None
        unit = expression.type.unit if expression.type.is_amount else ""
        return cls(
            unit if expression.type.kind is TypeKind.MONEY else "", draft.scales.get(unit, 0), interval.lo, interval.hi
        )


class AwardReader:
    """Reads the awards of one rule in one currency."""

    def __init__(
        self, draft: Draft, kind: EventKind, currency: Currency, measure: Measure | None, measure_told: bool
    ) -> None:
        self.draft, self.notes = draft, draft.notes
        self.kind, self.currency, self.measure = kind, currency, measure
        #: Whether the lack of a measure needs no finding: `of` was written but not readable, or it was noted.
        self.measure_told = measure_told

    def read(self, read: Item[str] | Section) -> Award | None:
        """Give the award, or None where a finding was noted."""
        if isinstance(read, Item) or read.has("rate"):
            return self.simple(read)
        if read.has("bands"):
            return self.bands(read)
        if read.has("by_tier"):
            return self.by_tier(read)
        return self.by_field(read)

    def simple(self, read: Item[str] | Section | None) -> Fixed | Rate | None:
        """Read a fixed amount or a rate, with bounds or without."""
        if read is None:
            return None
        if isinstance(read, Item):
            text = read.value.strip()
            if text.endswith("%"):
                return self.percent(read.node, text)
            if match := _PER.fullmatch(text):
                return self.rate(read.node, match[1], match[2])
            if match := _NEARLY_PER.fullmatch(text):
                why = "a rate is written with `per` between two amounts"
                self.notes.add("bad-amount", read.node, why, f"write {match[1]} per {match[2]}")
                return None
            amount = self.draft.minor_units(
                read.node, text, self.currency.scale, self.currency.unit, self.currency.name
            )
            return self.fixed(read.node, amount)
        return self.bounded(read)

    def fixed(self, node: Scalar, amount: int | None) -> Fixed | None:
        if amount is not None and amount < 0:
            self.notes.add("out-of-range", node, "an award is not below 0", "what takes points back is a refund")
            return None
        return None if amount is None else Fixed(amount=amount, place=node.place)

    def bounded(self, section: Section) -> Fixed | Rate | None:
        rate = self.simple(section.get("rate"))
        if rate is None:
            return None
        if isinstance(rate, Fixed):
            self.notes.add("bad-rate", section.at("rate"), "a fixed award needs no bounds", "write 1 per 100, or 3 %")
            return None
        bounds: dict[str, int | None] = {}
        for name in ("at_least", "at_most"):
            item: Item[str] | None = section.get(name)
            bounds[name] = self.draft.amount(item, self.currency) if item is not None else None
        at_least, at_most = bounds["at_least"], bounds["at_most"]
        if at_least is not None and at_most is not None and at_most < at_least:
            self.notes.add("bad-range", section.at("at_most"), "at_most is below at_least", "exchange the two")
        return Rate(amount=rate.amount, per=rate.per, at_least=at_least, at_most=at_most, place=section.node.place)

    def percent(self, node: Scalar, text: str) -> Rate | None:
        number = self.decimal(node, text[:-1])
        measure = self.measured(node)
        if number is None or measure is None:
            return None
        if measure.unit != (self.currency.unit or ""):
            self.notes.add(
                "wrong-unit", node,
                f"a percentage is paid in what it is of: the measure is in {measure.unit or 'plain numbers'}, "
                f"{self.currency.name} in {self.currency.unit or 'points'}",
                f"write for example 1 per 100{' ' + measure.unit if measure.unit else ''}",
            )  # fmt: skip
            return None
        return self.ratio(number, Fraction(100), measure, node)

    def rate(self, node: Scalar, amount_text: str, per_text: str) -> Rate | None:
        amount = self.number(node, amount_text, self.currency.unit or "", self.currency.name)
        measure = self.measured(node)
        if measure is None:
            return None
        per = self.number(node, per_text, measure.unit, "the measure")
        if amount is None or per is None:
            return None
        if per <= 0:
            self.notes.add("zero-divisor", node, "an award per 0 cannot be computed", "write what it is per: 1 per 100")
            return None
        return self.ratio(amount, per, measure, node)

    def ratio(self, amount: Fraction, per: Fraction, measure: Measure, node: Scalar) -> Rate | None:
        """Give the rate in minor units on both sides, with the digits that both units have left out."""
        if amount < 0:
            self.notes.add("out-of-range", node, "an award is not below 0", "what takes points back is a refund")
            return None
        digits = self.currency.scale - measure.scale
        amount *= 10 ** max(0, digits)
        per *= 10 ** max(0, -digits)
        factor = lcm(amount.denominator, per.denominator)
        return Rate(amount=int(amount * factor), per=int(per * factor), place=node.place)

    def number(self, node: Scalar, text: str, unit: str, name: str) -> Fraction | None:
        """Read a number with its unit, which an amount of money must have."""
        if not text[-1:].isalpha():
            number = self.decimal(node, text)
            # The currency's own unit may be left out; what a rate is per must say it.
            if number is not None and unit and name == "the measure" and number:
                self.notes.add("wrong-unit", node, f"{name} is in {unit}", f"write {text} {unit}")
                return None
            return number
        try:
            value, written = split_money(text)
        except ValueError as error:
            self.notes.add("bad-amount", node, str(error).split("; ")[0], "write for example 1 per 100 EUR")
            return None
        if written != unit:
            why = f"{name} is in {unit}" if unit else f"{name} is a plain number without a unit"
            number_text = text[: -len(written)].strip()
            self.notes.add(
                "wrong-unit", node, why, f"write {number_text}{' ' + unit if unit else ''} instead of {text}"
            )
            return None
        return value

    def decimal(self, node: Scalar, text: str) -> Fraction | None:
        try:
            return parse_decimal(text)
        except ValueError as error:
            self.notes.add("bad-amount", node, str(error), "write for example 500, 1 per 100 EUR or 3 %")
            return None

    def measured(self, node: Scalar) -> Measure | None:
        if self.measure is None and not self.measure_told:
            self.measure_told = True
            numbers = [f for f in self.kind.fields.values() if f.type in (FieldType.MONEY, FieldType.INT)]
            name = numbers[0].name if numbers else "FIELD"
            self.notes.add(
                "missing-measure", node, "a rate is of a measure, and the rule names none",
                f"add `of: event.{name}` to the rule, or write a fixed amount",
            )  # fmt: skip
        return self.measure

    def bands(self, section: Section) -> Bands | None:
        mode: BandMode | None = section.value("bands")
        bands: list[Band] = []
        starts: list[int | None] = []
        steps: list[Section] = section.get("steps") or []
        for step in steps:
            start = self.start(step.get("from"))
            starts.append(start)
            award = self.simple(step.get("give"))
            if start is not None and bands and start <= bands[-1].start:
                self.notes.add(
                    "bands-order",
                    step.at("from"),
                    "each band starts above the one before it",
                    "sort the bands by `from`",
                )
            if mode is BandMode.MARGINAL and award is not None and self.has_no_slice(award):
                self.notes.add(
                    "marginal-fixed", step.at("give"), "a marginal band pays for its slice of the measure, at a rate",
                    "write a rate such as 1 per 100 EUR, or `bands: whole_slab`",
                )  # fmt: skip
            if start is not None and self.measure is not None and start > self.measure.highest:
                self.notes.add(
                    "unreachable-band", step.at("from"), "the measure never gets as far, by the fields' own `max`",
                    "remove the band, or raise `max`",
                )  # fmt: skip
            if start is not None and award is not None:
                if mode is BandMode.MARGINAL and isinstance(award, Fixed):
                    # A slice that gives nothing is a slice at the rate 0.
                    award = Rate(amount=0, per=1, place=award.place)
                bands.append(Band(start=start, award=award))
        if starts and starts[0]:
            self.notes.add("bands-order", steps[0].at("from"), "the first band starts at 0", "add a band from 0")
        if not bands or len(bands) < len(steps) or mode is None or not self.needs_measure(section.node):
            return None
        return Bands(mode=mode, bands=tuple(bands), place=section.node.place)

    def has_no_slice(self, award: Fixed | Rate) -> bool:
        return (isinstance(award, Fixed) and award.amount > 0) or (
            isinstance(award, Rate) and (award.at_least is not None or award.at_most is not None)
        )

    def start(self, item: Item[str] | None) -> int | None:
        if item is None or self.measure is None:
            return None
        text = item.value.strip()
        if self.measure.unit and not text[-1:].isalpha() and text != "0":
            self.notes.add(
                "wrong-unit", item.node, f"the measure is in {self.measure.unit}", f"write {text} {self.measure.unit}"
            )
            return None
        return self.draft.minor_units(item.node, text, self.measure.scale, self.measure.unit or None, "the measure")

    def needs_measure(self, node: Node) -> bool:
        if self.measure is None and not self.measure_told:
            self.measure_told = True
            self.notes.add(
                "missing-measure",
                node,
                "bands are of a measure, and the rule names none",
                "add `of: event.FIELD` to the rule",
            )
        return self.measure is not None

    def by_tier(self, section: Section) -> ByTier | None:
        awards: dict[str, Fixed | Rate] = {}
        for key, read in section.get("by_tier") or ():
            name, award = self.draft.tier(key), self.simple(read)
            if name is not None and award is not None:
                awards[name] = award
        return ByTier(awards=awards, place=section.node.place) if awards else None

    def by_field(self, section: Section) -> ByField | None:
        table: dict[str | bool, Fixed | Rate] = {}
        spec_values = field_values(section, self.kind, self.draft)
        otherwise = self.simple(section.get("else"))
        for name, read in section.others.items():
            value = value_of(name, section, spec_values, self.draft) if spec_values is not None else None
            award = self.simple(read)
            if value is not None and award is not None:
                table[value] = award
        if spec_values is None:
            return None
        if not section.has("else"):
            # A line that could not be read may be the one that seems to be missing.
            unclear = len(table) < len(section.others)
            missing = [
                str(value).lower() if value in (True, False) else value for value in spec_values if value not in table
            ]
            if missing and unclear:
                return None
            if missing:
                self.notes.add(
                    "missing-key",
                    section.node,
                    f"it says nothing about {missing[0]}",
                    "add `else:` with an award, or 0",
                )
                return None
            otherwise = Fixed(amount=0, place=section.node.place)
        if otherwise is None:
            return None
        return ByField(
            field=section.value("by").removeprefix("event."),
            awards=table,
            otherwise=otherwise,
            place=section.node.place,
        )
