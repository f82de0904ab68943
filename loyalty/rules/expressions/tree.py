"""
The typed tree: every node knows its type and, for numbers, the proven range of its value.
"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import frozen

from loyalty.core.amounts import Rounding
from loyalty.rules.expressions.ranges import Range
from loyalty.rules.expressions.source import Span
from loyalty.rules.expressions.types import BOOL, STRING, Symbol, Type, TypeKind


@frozen(kw_only=True)
class Node:
    """A typed part of an expression."""

    span: Span
    type: Type
    range: Range | None = None

    @property
    def children(self) -> tuple[Node, ...]:
        """The parts that it is made of."""
        return ()

    @property
    def bounds(self) -> Range:
        """The range of a number; asked only where the checker has seen one."""
        assert self.range is not None
        return self.range


@frozen(kw_only=True)
class Literal(Node):
    """A whole number (money in minor units), a string, ``true`` or ``false``."""

    value: int | str | bool


@frozen(kw_only=True)
class ListLiteral(Node):
    """Literals of one type."""

    items: tuple[Literal, ...]

    @property
    def children(self) -> tuple[Node, ...]:
        return self.items


@frozen(kw_only=True)
class Name(Node):
    """The value of a declared name."""

    name: str
    symbol: Symbol


@frozen(kw_only=True)
class Has(Node):
    """Whether an optional name has a value."""

    name: str
    symbol: Symbol


@frozen(kw_only=True)
class Unary(Node):
    """``!a`` or ``-a``."""

    sign: str
    operand: Node

    @property
    def children(self) -> tuple[Node, ...]:
        return (self.operand,)


@frozen(kw_only=True)
class Arithmetic(Node):
    """``+ - * / %``; quotients and remainders are toward zero."""

    sign: str
    left: Node
    right: Node

    @property
    def children(self) -> tuple[Node, ...]:
        return (self.left, self.right)


@frozen(kw_only=True)
class Comparison(Node):
    """``== != < <= > >=`` on two values of one type."""

    sign: str
    left: Node
    right: Node

    @property
    def children(self) -> tuple[Node, ...]:
        return (self.left, self.right)


@frozen(kw_only=True)
class Membership(Node):
    """``item in [literals]``."""

    item: Node
    items: ListLiteral

    @property
    def children(self) -> tuple[Node, ...]:
        return (self.item, self.items)


@frozen(kw_only=True)
class Logic(Node):
    """A chain of ``&&`` or of ``||``."""

    sign: str
    operands: tuple[Node, ...]

    @property
    def children(self) -> tuple[Node, ...]:
        return self.operands


@frozen(kw_only=True)
class Choice(Node):
    """``condition ? then : otherwise``."""

    condition: Node
    then: Node
    otherwise: Node

    @property
    def children(self) -> tuple[Node, ...]:
        return (self.condition, self.then, self.otherwise)


@frozen(kw_only=True)
class Extreme(Node):
    """``min(...)`` or ``max(...)``."""

    function: str
    operands: tuple[Node, ...]

    @property
    def children(self) -> tuple[Node, ...]:
        return self.operands


@frozen(kw_only=True)
class MulDiv(Node):
    """``mul_div(left, right, divisor, rounding)``: the product is exact, the quotient rounded once."""

    left: Node
    right: Node
    divisor: Node
    rounding: Rounding

    @property
    def children(self) -> tuple[Node, ...]:
        return (self.left, self.right, self.divisor)


@frozen(kw_only=True)
class Broken(Node):
    """What a fault was found in; its type may still be known, its range is not."""


def walk(node: Node) -> Iterator[Node]:
    """Give the node and all its parts, from left to right."""
    yield node
    for child in node.children:
        yield from walk(child)


def key(node: Node) -> str:
    """Give a text that two parts share exactly when they compute the same thing, wherever they stand."""
    match node:
        case Literal():
            return repr(node.value)
        case Name():
            return node.name
        case Has():
            return f"has({node.name})"
        case MulDiv():
            head = node.rounding.value
        case Extreme():
            head = node.function
        case Unary() | Arithmetic() | Comparison() | Logic():
            head = node.sign
        case _:
            head = type(node).__name__
    return f"{head}({', '.join(key(child) for child in node.children)})"


def text_names(node: Node) -> list[Name]:
    """Give the names whose text can be the value of a string node; its conditions do not count."""
    return [leaf for leaf in _text_leaves(node) if isinstance(leaf, Name)]


def text_literals(node: Node) -> list[Literal]:
    """Give the literals whose text can be the value of a string node, or of a list's element."""
    return [leaf for leaf in _text_leaves(node) if isinstance(leaf, Literal)]


def truth(value: bool, span: Span) -> Literal:
    """Make the node of a condition that is decided already."""
    return Literal(span=span, type=BOOL, value=value)


def _text_leaves(node: Node) -> Iterator[Node]:
    if isinstance(node, Choice):
        yield from _text_leaves(node.then)
        yield from _text_leaves(node.otherwise)
    elif isinstance(node, ListLiteral):
        yield from node.items
    elif node.type == STRING or node.type.kind is TypeKind.STRING:
        yield node
