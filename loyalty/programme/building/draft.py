"""
A programme while it is built: what is known so far, and how names and amounts are looked up in it.

A name that was declared but could not be read is known as a name: what uses it is not reported a second time.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

from loyalty.core.amounts import MAX_AMOUNT, parse_decimal
from loyalty.core.calendar import Calendar
from loyalty.core.holders import Layer
from loyalty.errors import Place, ProgrammeError
from loyalty.programme.model import Currency, EventKind
from loyalty.programme.nodes import Mapping, Scalar, Sequence
from loyalty.programme.notes import Notes, did_you_mean
from loyalty.programme.shapes import Item, Section
from loyalty.programme.units import digits_of, split_money
from loyalty.rules.expressions import Expression, Scope, Type, compile_expression
from loyalty.tiers.declaration import Metric, Tier

_DEFAULT_EVENTS = 100_000


class Draft:
    """What is known of a programme while the rest of it is built."""

    def __init__(self, notes: Notes, root: Section) -> None:
        self.notes = notes
        self.root = root
        self.calendar: Calendar | None = None
        self.first_day = 0
        self.last_day: int | None = None
        self.events_per_holder = _DEFAULT_EVENTS
        self.currencies: dict[str, Currency] = {}
        self.kinds: dict[str, EventKind] = {}
        #: Kinds of which it could not be read what they are to another.
        self.unrelated: set[str] = set()
        self.metrics: dict[str, Metric] = {}
        self.tiers: dict[str, Tier] = {}
        self.tier_names: tuple[str, ...] = ("base",)
        self.scales: dict[str, int] = {}
        self.declared = {
            part: [key.text for key, _ in root.get(part) or ()]
            for part in ("currencies", "events", "metrics", "campaigns", "groups", "exchange", "refunds")
        }

    def currency(self, name: Scalar) -> Currency | None:
        """Look a currency up; an unknown one is noted."""
        self.known(name, self.declared["currencies"], "unknown-currency", "currencies")
        return self.currencies.get(name.text)

    def kind(self, name: Scalar) -> EventKind | None:
        """Look a kind of event up; an unknown one is noted."""
        self.known(name, self.declared["events"], "unknown-kind", "kinds of event")
        return self.kinds.get(name.text)

    def all_read(self, *path: str) -> bool:
        """Whether every item of a list was readable: if not, a name that is missing may stand in another."""
        section, node = self.root, self.root.node.by_name.get(path[0])
        for name in path[1:]:
            section, node = section.get(path[0]), node.by_name.get(name) if isinstance(node, Mapping) else None
        if node is None:
            return True
        read = section.get(path[-1]) if section is not None else None
        return isinstance(node, Sequence) and read is not None and len(read) == len(node.items)

    def tier(self, name: Scalar) -> str | None:
        """Look a tier's name up; an unknown one is noted."""
        if name.text not in self.tier_names and not self.all_read("tiers", "ladder"):
            return None
        return name.text if self.known(name, self.tier_names, "unknown-tier", "tiers") else None

    def known(self, name: Scalar, names: Iterable[str], code: str, what: str) -> bool:
        """Whether a name is among those declared; if not, note it with the nearest one."""
        declared = list(names)
        if name.text in declared:
            return True
        self.notes.add(
            code, name, f"no such name is among the {what} declared", did_you_mean(name.text, declared, what)
        )
        return False

    def unit_scale(self, unit: str) -> int:
        """Give the digits of a unit of money, and let expressions know it."""
        return self.scales.setdefault(unit, digits_of(unit))

    def amount(self, item: Item[str], currency: Currency) -> int | None:
        """Read an amount of a currency as minor units; what cannot be read is noted."""
        return self.minor_units(item.node, item.value, currency.scale, currency.unit, currency.name)

    def minor_units(self, node: Scalar, text: str, scale: int, unit: str | None, name: str) -> int | None:
        """Read an amount in major units, its unit written or not, as minor units; faults are noted."""
        shown = f"{text} " if text != node.text else ""
        example = f"30.00 {unit}" if unit else "30"
        try:
            value, written = split_money(text) if text.strip()[-1:].isalpha() else (parse_decimal(text), unit)
        except ValueError as error:
            self.notes.add(
                "bad-amount", node, f"{shown}is no amount of {name}: {str(error).split('; ')[0]}", f"write {example}"
            )
            return None
        if written != unit:
            why = f"{name} is in {unit}" if unit else f"{name} is no money and has no unit"
            self.notes.add("wrong-unit", node, why, f"write {example}")
            return None
        minor = value * Fraction(10) ** scale
        if minor.denominator != 1:
            self.notes.add(
                "bad-amount", node, f"{name} has {scale} digits after the point, and this has more",
                "leave out the digits, or declare a larger `scale`" if not unit else "leave out the digits",
            )  # fmt: skip
            return None
        if not -MAX_AMOUNT < minor.numerator < MAX_AMOUNT:
            self.notes.add("too-large", node, f"amounts stay below {MAX_AMOUNT} minor units", "write a smaller amount")
            return None
        return minor.numerator

    def expression(self, item: Item[str], scope: Scope, expects: Type | None) -> Expression | None:
        """Compile an expression where it stands; what is wrong with it is noted."""
        source, place = self.notes.expression_source(item.node)
        hint = ""
        if self.notes.comment_after(item.node):
            hint = "YAML takes what stands after ` #` for a comment: put the whole expression in quotes"
        try:
            return compile_expression(source, scope, expects=expects, place=place, scales=self.scales)
        except ProgrammeError as error:
            self.notes.take(error, hint)
            return None

    def duplicate(self, item: Item[str], seen: dict[str, Place], what: str) -> bool:
        """Whether a name was given before; if so, note both places."""
        earlier = seen.setdefault(item.value, item.node.place)
        if earlier is item.node.place:
            return False
        self.notes.add(
            "duplicate-name", item.node, f"{what} of that name stands at {earlier} already", "give it another name"
        )
        return True


def layer_words(layers: Iterable[Layer]) -> str:
    """Name layers for people."""
    return " and ".join(f"the {layer.name.lower()}" for layer in layers)
