"""
A programme while it is built: what is known so far, and how names and amounts are looked up in it.

A name that was declared but could not be read is known as a name: what uses it is not reported a second time.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

from attrs import evolve

from loyalty.core.amounts import MAX_AMOUNT, parse_decimal
from loyalty.core.calendar import Calendar
from loyalty.core.holders import Layer
from loyalty.errors import Place, ProgrammeError
from loyalty.programme.language import FILE
from loyalty.programme.model import Currency, EventKind, FieldSpec, Programme
from loyalty.programme.nodes import Mapping, Scalar, Sequence
from loyalty.programme.notes import Notes, did_you_mean
from loyalty.programme.revisions import currency_of, kind_of, revisions_of, tiers_of
from loyalty.programme.sections import Item, Section
from loyalty.programme.units import digits_of, split_money
from loyalty.rules.expressions import Expression, Scope, Type, compile_expression, names_in
from loyalty.tiers.declaration import Metric, Tier

_DEFAULT_EVENTS = 100_000

#: The part of the file that declares what a code calls unknown.
_NAMED_IN = {
    "unknown-currency": "currencies",
    "unknown-kind": "events",
    "unknown-campaign": "campaigns",
    "unknown-group": "groups",
}
_REQUIRED = {name for name, key in FILE.keys.items() if key.required}


class Draft:
    """What is known of a programme while the rest of it is built."""

    def __init__(self, notes: Notes, root: Section, before: Programme | None = None) -> None:
        self.notes = notes
        self.root = root
        #: The revision before this one, where there is one.
        self.before = before
        self.calendar: Calendar | None = None
        self.first_day = 0
        self.last_day: int | None = None
        self.events_per_holder = _DEFAULT_EVENTS
        self.currencies: dict[str, Currency] = {}
        self.kinds: dict[str, EventKind] = {}
        #: Kinds of which it could not be read what they are to another.
        self.unrelated: set[str] = set()
        #: Kinds of which it could not be read which part they refund, or by what they end.
        self.doubtful: set[str] = set()
        #: For each kind, the fields that could not be read; None stands for one whose very name could not.
        self.unread_fields: dict[str, set[str | None]] = {}
        self.metrics: dict[str, Metric] = {}
        self.tiers: dict[str, Tier] = {}
        self.tier_names: tuple[str, ...] = ("base",)
        self.scales: dict[str, int] = {}
        self.declared = {
            part: [key.text for key, _ in root.get(part) or ()]
            for part in ("currencies", "events", "metrics", "campaigns", "groups", "exchange", "refunds")
        }

        #: Codes of unknown names that say nothing, because a name of that part of the file could not be read.
        self.excused = {code for code, part in _NAMED_IN.items() if not self.names_read(part)}

    def names_read(self, part: str) -> bool:
        """Whether every name that a part of the file declares was readable."""
        node, read = self.root.node.by_name.get(part), self.root.get(part)
        if node is None:
            return self.left_out(part)
        return isinstance(node, Mapping) and read is not None and len(read) == len(node.entries)

    def left_out(self, part: str) -> bool:
        """Whether a part of the file was left out on purpose, and not misspelt or forgotten."""
        return not self.root.has(part) and not self.root.has_strays and part not in _REQUIRED

    def is_unread(self, kind: str, field: str) -> bool:
        """Whether a field that a kind does not have may be one that was declared and could not be read."""
        unread = self.unread_fields.get(kind, set())
        known = kind in self.kinds and field in self.kinds[kind].fields
        return field in unread or (None in unread and not known)

    def leave_open(self, kind: str) -> None:
        """Remember that it is not known what a kind is to another, nor which fields it takes over."""
        self.unrelated.add(kind)
        self.unread_fields[kind].add(None)

    def currency(self, name: Scalar) -> Currency | None:
        """Look a currency up; an unknown one is noted."""
        self.known(name, self.declared["currencies"], "unknown-currency", "currencies")
        return self.currencies.get(name.text)

    def currency_ever(self, name: Scalar) -> Currency | None:
        """Look up a currency of this revision or of an earlier one; an unknown one is noted."""
        if name.text not in self.declared["currencies"] and self.before is not None:
            known = currency_of(self.before, name.text)
            if known is not None:
                return known
        return self.currency(name)

    def kind_ever(self, name: Scalar) -> EventKind | None:
        """Look up a kind of this revision or of an earlier one; an unknown one is noted."""
        if name.text not in self.declared["events"] and self.before is not None:
            known = kind_of(self.before, name.text)
            if known is not None:
                return known
        return self.kind(name)

    def tier_ever(self, name: Scalar) -> str | None:
        """Look up a tier of this revision or of an earlier one; an unknown one is noted."""
        if self.before is not None and name.text in tiers_of(self.before):
            return name.text
        return self.tier(name)

    def kind(self, name: Scalar) -> EventKind | None:
        """Look a kind of event up; an unknown one is noted."""
        self.known(name, self.declared["events"], "unknown-kind", "kinds of event")
        return self.kinds.get(name.text)

    def all_read(self, *path: str, naming: str = "") -> bool:
        """
        Whether every item of a list was readable: if not, a name that is missing may stand in another.

        Args:
            naming: The key by which each item has its name, which must have been readable as well.
        """
        section, node = self.root, self.root.node.by_name.get(path[0])
        for name in path[1:]:
            section, node = section.get(path[0]), node.by_name.get(name) if isinstance(node, Mapping) else None
        if node is None:
            return self.left_out(path[0])
        read = section.get(path[-1]) if section is not None else None
        if not isinstance(node, Sequence) or read is None or len(read) != len(node.items):
            return False
        return all(item.get(naming) is not None for item in read) if naming else True

    def tier(self, name: Scalar) -> str | None:
        """Look a tier's name up; an unknown one is noted."""
        if name.text not in self.tier_names and not self.all_read("tiers", "ladder", naming="tier"):
            return None
        return name.text if self.known(name, self.tier_names, "unknown-tier", "tiers") else None

    def known(self, name: Scalar, names: Iterable[str], code: str, what: str) -> bool:
        """Whether a name is among those declared; if not, note it with the nearest one."""
        declared = list(names)
        if name.text in declared:
            return True
        if code in self.excused:
            return False
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

    def expression(
        self, item: Item[str], scope: Scope, expects: Type | None, kind: EventKind | None = None
    ) -> Expression | None:
        """
        Compile an expression where it stands; what is wrong with it is noted.

        One that reads fields of *kind* that could not be read is left out: those were reported.
        """
        source, place = self.notes.expression_source(item.node)
        if kind is not None and any(
            self.is_unread(kind.name, name.removeprefix("event."))
            for name in names_in(source)
            if name.startswith("event.") and name != "event.person"
        ):
            return None
        hint = ""
        if self.notes.comment_after(item.node):
            hint = "YAML takes what stands after ` #` for a comment: put the whole expression in quotes"
        try:
            return compile_expression(source, scope, expects=expects, place=place, scales=self.scales)
        except ProgrammeError as error:
            self.notes.take(error, hint)
            return None

    @property
    def most_events(self) -> int:
        """The most events that one holder can have in this revision and those before it."""
        earlier = revisions_of(self.before) if self.before is not None else ()
        return max([self.events_per_holder, *(one.events_per_holder for one in earlier)])

    def kind_in_history(self, kind: EventKind) -> EventKind:
        """Give a kind with what its fields held in any revision up to this one, which metrics count too."""
        earlier = revisions_of(self.before) if self.before is not None else ()
        kinds = [one.events[kind.name] for one in earlier if kind.name in one.events]
        fields = {
            name: _widened(spec, [other.fields.get(name) for other in kinds]) for name, spec in kind.fields.items()
        }
        return evolve(kind, fields=fields) if kinds else kind

    @property
    def limits_read(self) -> bool:
        """Whether the number of events on which the proofs of size rest is the one that was written."""
        limits = self.root.get("limits")
        if limits is None:
            return not self.root.has("limits")
        return limits.get("events_per_holder") is not None or not limits.has("events_per_holder")

    def duplicate(self, item: Item[str], seen: dict[str, Place], what: str) -> bool:
        """Whether a name was given before; if so, note both places."""
        earlier = seen.setdefault(item.value, item.node.place)
        if earlier is item.node.place:
            return False
        self.notes.add(
            "duplicate-name", item.node, f"{what} of that name stands at {earlier} already", "give it another name"
        )
        return True


def _widened(spec: FieldSpec, others: Iterable[FieldSpec | None]) -> FieldSpec:
    same = [other for other in others if other is not None and other.type is spec.type]
    return evolve(
        spec,
        lowest=min([spec.lowest, *(other.lowest for other in same)]),
        highest=max([spec.highest, *(other.highest for other in same)]),
        values=tuple(dict.fromkeys([*spec.values, *(value for other in same for value in other.values)])),
    )


def layer_words(layers: Iterable[Layer]) -> str:
    """Name layers for people."""
    return " and ".join(f"the {layer.name.lower()}" for layer in layers)
