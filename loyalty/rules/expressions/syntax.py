"""
What the parser gives: the shape of an expression, before names and types are looked at.
"""

from __future__ import annotations

from attrs import frozen

from loyalty.rules.expressions.source import Span


@frozen
class Syntax:
    """A part of the expression and where it stands."""

    span: Span

    @property
    def children(self) -> tuple[Syntax, ...]:
        """The parts that it is made of."""
        return ()


@frozen
class IntSyntax(Syntax):
    """A whole number, its minus sign included."""

    value: int


@frozen
class StringSyntax(Syntax):
    """A string literal."""

    value: str


@frozen
class BoolSyntax(Syntax):
    """``true`` or ``false``."""

    value: bool


@frozen
class ListSyntax(Syntax):
    """``[a, b]``."""

    items: tuple[Syntax, ...]

    @property
    def children(self) -> tuple[Syntax, ...]:
        return self.items


@frozen
class NameSyntax(Syntax):
    """A dotted name."""

    name: str


@frozen
class CallSyntax(Syntax):
    """``function(arguments)``; *function_span* is the part before the parenthesis."""

    function: str
    function_span: Span
    arguments: tuple[Syntax, ...]

    @property
    def children(self) -> tuple[Syntax, ...]:
        return self.arguments


@frozen
class UnarySyntax(Syntax):
    """``!a`` or ``-a``."""

    sign: str
    operand: Syntax

    @property
    def children(self) -> tuple[Syntax, ...]:
        return (self.operand,)


@frozen
class BinarySyntax(Syntax):
    """``a sign b``; *sign_span* is where the sign stands."""

    sign: str
    sign_span: Span
    left: Syntax
    right: Syntax

    @property
    def children(self) -> tuple[Syntax, ...]:
        return (self.left, self.right)


@frozen
class LogicSyntax(Syntax):
    """``a && b && c`` or ``a || b || c``: one chain is one node, so that long conditions stay shallow."""

    sign: str
    operands: tuple[Syntax, ...]

    @property
    def children(self) -> tuple[Syntax, ...]:
        return self.operands


@frozen
class ChoiceSyntax(Syntax):
    """``condition ? then : otherwise``."""

    sign_span: Span
    condition: Syntax
    then: Syntax
    otherwise: Syntax

    @property
    def children(self) -> tuple[Syntax, ...]:
        return (self.condition, self.then, self.otherwise)
