"""
Shapes of single values: what a text of the programme file may say, and how it is read.

>>> from loyalty.errors import Place
>>> from loyalty.programme.nodes import Scalar
>>> notes = Notes("after: 30 dayz", "p.yaml")
>>> LENGTH.read(Scalar("30 dayz", Place("p.yaml", 1, 8)), notes) is None
True
>>> notes.findings[0].code
'bad-value'
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from enum import Enum
from fractions import Fraction
from typing import Any, Final, Generic, TypeVar

from attrs import frozen

from loyalty.core.amounts import MAX_AMOUNT, parse_decimal
from loyalty.core.calendar import Duration, Unit, parse_day
from loyalty.programme.nodes import Mapping as MappingNode
from loyalty.programme.nodes import Node, Scalar, Sequence, shorten
from loyalty.programme.notes import Notes, did_you_mean, join_words
from loyalty.programme.sections import Item
from loyalty.programme.units import UNIT, split_money
from loyalty.programme.yaml_traps import quote

T = TypeVar("T")

_ANY_SCALAR: Final = ["string", "number", "boolean"]

#: A comment that looks like the rest of an expression.
_GOES_ON: Final = re.compile(r"\s*#\s*(&&|\|\||==|!=|<=|>=|[?<>)])")


def as_scalar(node: Node, what: str, notes: Notes, *, empty: bool = False) -> Scalar | None:
    """Give the node where it is a text that says something, else note that it should be."""
    if isinstance(node, Scalar):
        if node.broken:
            return None
        if empty or not node.is_empty:
            return node
    why = f"{what} is expected here"
    if isinstance(node, Scalar) and notes.comment_after(node):
        why += "; YAML takes what stands after ` #` for a comment"
    notes.add("missing-value" if isinstance(node, Scalar) else "wrong-type", node, why, f"write {what}")
    return None


@frozen
class Parsed(Generic[T]):
    """A text that a function reads; what the function raises says what is wrong."""

    what: str
    parse: Callable[[str], T]
    described: Mapping[str, Any]

    def read(self, node: Node, notes: Notes) -> Item[T] | None:
        scalar = as_scalar(node, self.what, notes)
        if scalar is None:
            return None
        try:
            return Item(self.parse(scalar.text), scalar)
        except ValueError as error:
            why = str(error).split("; write ")[0]
            notes.add("bad-value", scalar, why, f"write {self.what}")
            return None

    def schema(self) -> dict[str, Any]:
        return dict(self.described)


@frozen
class Name:
    """A name that the writer gives or uses."""

    what: str
    pattern: str = r"[A-Za-z][A-Za-z0-9_]*"
    reserved: frozenset[str] = frozenset()
    words: str = "letters, digits and _, with a letter first"

    def read(self, node: Node, notes: Notes) -> Item[str] | None:
        scalar = as_scalar(node, self.what, notes)
        if scalar is None:
            return None
        if not re.fullmatch(self.pattern, scalar.text):
            notes.add("bad-name", scalar, f"it cannot be {self.what}", f"write {self.words}")
            return None
        if scalar.text in self.reserved:
            notes.add("reserved-name", scalar, "the language uses this name itself", "choose another name")
            return None
        return Item(scalar.text, scalar)

    def schema(self) -> dict[str, Any]:
        return {"type": _ANY_SCALAR, "pattern": f"^({self.pattern})$"}


@frozen
class Text:
    """Any text; what it says is read where its currency or unit is known, the pattern is for editors."""

    what: str = "a text"
    pattern: str = ""

    def read(self, node: Node, notes: Notes) -> Item[str] | None:
        scalar = as_scalar(node, self.what, notes)
        return None if scalar is None else Item(scalar.text, scalar)

    def schema(self) -> dict[str, Any]:
        return {"type": _ANY_SCALAR, **({"pattern": self.pattern} if self.pattern else {})}


@frozen
class Expr:
    """An expression; it is compiled later, when all names are known."""

    what: str = "an expression"

    def read(self, node: Node, notes: Notes) -> Item[str] | None:
        if isinstance(node, Sequence):
            notes.add(
                "yaml-flow-list",
                node,
                "YAML takes a leading [ for a list",
                "put the expression in quotes",
                got="a list",
            )
            return None
        if isinstance(node, MappingNode):
            key = node.entries[0][0] if node.entries else node
            line = notes.lines[key.place.line - 1] if key.place.line else ""
            notes.add(
                "yaml-colon", key, "YAML takes `: ` for a key and its value, and no expression is left",
                f"put the expression in quotes: {quote(line[key.place.column - 1 :].strip())}", got=node.got,
            )  # fmt: skip
            return None
        scalar = as_scalar(node, self.what, notes)
        if scalar is not None and (comment := notes.comment_after(scalar)) and _GOES_ON.match(comment):
            notes.add(
                "yaml-comment", scalar, f"YAML takes it for a comment and does not read `{shorten(comment)}`",
                "put the whole expression in quotes, or begin the comment with a word",
            )  # fmt: skip
        return None if scalar is None else Item(scalar.text, scalar)

    def schema(self) -> dict[str, Any]:
        return {"type": _ANY_SCALAR}


@frozen
class Choice:
    """One of several words; each stands for a value."""

    what: str
    words: Mapping[str, Any]

    def read(self, node: Node, notes: Notes) -> Item[Any] | None:
        scalar = as_scalar(node, self.what, notes)
        if scalar is None:
            return None
        if scalar.text not in self.words:
            why = f"{self.what} is one of {join_words(self.words, 'or')}"
            notes.add("unknown-word", scalar, why, did_you_mean(scalar.text, self.words, "words"))
            return None
        return Item(self.words[scalar.text], scalar)

    def schema(self) -> dict[str, Any]:
        return {"enum": list(self.words)}


def choice_of(what: str, enum: type[Enum]) -> Choice:
    """Give the choice among the members of an enumeration, written as their values."""
    return Choice(what, {member.value: member for member in enum})


@frozen
class Whole:
    """A whole number within bounds."""

    what: str
    lowest: int
    highest: int

    def read(self, node: Node, notes: Notes) -> Item[int] | None:
        scalar = as_scalar(node, self.what, notes)
        if scalar is None:
            return None
        if not re.fullmatch(r"[+-]?\d[\d_]*", scalar.text):
            fix = "leave out the point and what follows" if re.fullmatch(r"[+-]?[\d_]+\.\d*", scalar.text) else ""
            notes.add("not-whole", scalar, f"{self.what} is a whole number", fix or f"write {self.what}")
            return None
        value = int(scalar.text.replace("_", ""))
        if not self.lowest <= value <= self.highest:
            notes.add(
                "out-of-range", scalar, f"{self.what} lies between {self.lowest} and {self.highest}",
                "write a number within these bounds",
            )  # fmt: skip
            return None
        return Item(value, scalar)

    def schema(self) -> dict[str, Any]:
        return {"type": "integer", "minimum": self.lowest, "maximum": self.highest}


@frozen
class Number:
    """A decimal number, exact, >= 0 unless ``negative``; its unit comes from elsewhere."""

    what: str
    negative: bool = False

    def read(self, node: Node, notes: Notes) -> Item[Fraction] | None:
        scalar = as_scalar(node, self.what, notes)
        if scalar is None:
            return None
        try:
            value = parse_decimal(scalar.text)
        except ValueError as error:
            notes.add("bad-value", scalar, f"{error}", f"write {self.what}, in digits: 1250.00")
            return None
        if abs(value) > MAX_AMOUNT or (value < 0 and not self.negative):
            notes.add(
                "out-of-range", scalar, f"{self.what} lies between 0 and {MAX_AMOUNT}", "write a number within it"
            )
            return None
        return Item(value, scalar)

    def schema(self) -> dict[str, Any]:
        bound: dict[str, Any] = {} if self.negative else {"minimum": 0}
        return {"anyOf": [{"type": "number", **bound}, {"type": "string", "pattern": r"^[+-]?\d[\d_]*(\.\d+)?$"}]}


def _money(text: str) -> tuple[Fraction, str]:
    value, unit = split_money(text)
    if value < 0:
        raise ValueError(f"{text!r} is below 0")
    return value, unit


def _unit(text: str) -> str:
    if not UNIT.match(text):
        raise ValueError(f"{text!r} is no unit of money, which has three capitals")
    return text


def _no_hours(text: str) -> Duration:
    length = Duration.parse(text)
    if length.hours:
        raise ValueError(f"{text!r} is in hours, and this counts whole days")
    if length.days > 365 * 100 or length.months > 1200:
        raise ValueError(f"{text!r} is longer than a hundred years")
    return length


def _span(text: str) -> Duration:
    return Duration(0, Unit.DAYS) if re.fullmatch(r"\s*0\s+days?\s*", text) else _no_hours(text)


def _length(text: str) -> Duration:
    length = Duration.parse(text)
    if length.hours > 24 * 365 * 100:
        raise ValueError(f"{text!r} is longer than a hundred years")
    return length if length.hours else _no_hours(text)


def _flag(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError(f"{shorten(text)!r} is neither true nor false (YAML 1.2 has no yes, no, on or off)")
    return text == "true"


_LENGTH_PATTERN: Final = {"type": "string", "pattern": r"^\s*\d+\s+(day|week|month|year)s?\s*$"}

FLAG: Final = Parsed("true or false", _flag, {"type": "boolean"})
DAY: Final = Parsed("a date such as 2026-02-03", parse_day, {"type": "string", "pattern": r"^\d{4}-\d\d-\d\d$"})
LENGTH: Final = Parsed("a duration such as 30 days or 24 months", _no_hours, _LENGTH_PATTERN)
#: How far two days may lie apart; 0 days says that they are the same.
SPAN: Final = Parsed("a time such as 0 days, 30 days or 24 months", _span, _LENGTH_PATTERN)
ANY_LENGTH: Final = Parsed(
    "a duration such as 12 hours or 30 days",
    _length,
    {"type": "string", "pattern": r"^\s*\d+\s+(hour|day|week|month|year)s?\s*$"},
)
MONEY: Final = Parsed(
    "an amount of money such as 0.01 EUR", _money, {"type": "string", "pattern": r"^\s*\d[\d_]*(\.\d+)?\s*[A-Z]{3}\s*$"}
)
UNIT_NAME: Final = Parsed("a unit of money such as EUR", _unit, {"type": "string", "pattern": "^[A-Z]{3}$"})
