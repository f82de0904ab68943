"""
Typed tree to Python source, which gives the same integers as plain Python and under numba.

Conditions come out as bools, numbers as ints, strings as interned codes. Quotients use ``//`` where both sides are
proven positive and :mod:`~loyalty.rules.expressions.helpers` elsewhere, since ``//`` goes toward minus infinity.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from loyalty.rules.expressions.helpers import MODES
from loyalty.rules.expressions.tree import (
    Arithmetic,
    Choice,
    Comparison,
    Extreme,
    Has,
    ListLiteral,
    Literal,
    Logic,
    Membership,
    MulDiv,
    Name,
    Node,
    Unary,
    text_names,
)
from loyalty.rules.expressions.types import INT64_MIN, TypeKind

# Python's precedence of what is emitted; a part that binds no tighter than its place needs gets parentheses.
_CHOICE, _OR, _AND, _NOT, _COMPARISON, _SUM, _PRODUCT, _MINUS, _ATOM = range(9)


def emit_node(
    tree: Node,
    intern: Callable[[str, str], int],
    rename: Mapping[str, str],
    number: Callable[[int], str] | None = None,
) -> str:
    """
    Give the Python source of a tree.

    Args:
        tree: What the checker gave.
        intern: Gives the code of a text, for the dotted name that it is compared with.
        rename: Python source for names that are read elsewhere than their symbol says.
        number: Gives the source of a number that stands in the expression, as an index or a name.
    """
    return _Emitter(intern, rename, number).at(tree, _CHOICE, "")


class _Emitter:
    """One walk; *anchor* is the name whose codes the strings of a part take."""

    def __init__(
        self, intern: Callable[[str, str], int], rename: Mapping[str, str], apart: Callable[[int], str] | None
    ) -> None:
        self.intern, self.rename, self.apart = intern, rename, apart
        self.unnamed: dict[str, int] = {}

    def at(self, node: Node, place: int, anchor: str = "") -> str:
        source, binding = self.source(node, anchor)
        return source if binding >= place else f"({source})"

    def source(self, node: Node, anchor: str) -> tuple[str, int]:
        match node:
            case Literal():
                return self.literal(node, anchor)
            case ListLiteral():
                inside = "".join(f"{self.at(item, _CHOICE)}, " for item in node.items)
                return f"({inside.rstrip()})", _ATOM
            case Name():
                return self.name(node)
            case Has():
                # What is there may be told by any number that is not 0, while a condition has to be a bool.
                present = self.read(node.symbol.present)
                return (f"{present} != 0", _COMPARISON) if node.symbol.optional else ("True", _ATOM)
            case Unary(sign="!"):
                return f"not {self.at(node.operand, _NOT)}", _NOT
            case Unary():
                return f"-{self.at(node.operand, _ATOM)}", _MINUS
            case Logic():
                word, binding = ("and", _AND) if node.sign == "&&" else ("or", _OR)
                return f" {word} ".join(self.at(part, binding + 1) for part in node.operands), binding
            case Choice():
                anchor = anchor or self.anchor(node)
                then, otherwise = self.at(node.then, _OR, anchor), self.at(node.otherwise, _CHOICE, anchor)
                return f"{then} if {self.at(node.condition, _OR)} else {otherwise}", _CHOICE
            case Comparison():
                anchor = self.anchor(node.left, node.right)
                left, right = self.at(node.left, _SUM, anchor), self.at(node.right, _SUM, anchor)
                return self.compared(node, left, right)
            case Membership():
                return self.membership(node)
            case Arithmetic():
                return self.arithmetic(node)
            case Extreme():
                return f"{node.function}({', '.join(self.at(part, _CHOICE) for part in node.operands)})", _ATOM
            case MulDiv():
                parts = ", ".join(self.at(part, _CHOICE) for part in (node.left, node.right, node.divisor))
                return f"mul_div({parts}, {MODES[node.rounding]})", _ATOM
        raise AssertionError(f"the checker gave {node!r}")

    def literal(self, node: Literal, anchor: str) -> tuple[str, int]:
        if isinstance(node.value, str):
            # A string that meets no name is compared with strings of this expression only: any codes do.
            code = self.intern(anchor, node.value) if anchor else self.unnamed.setdefault(node.value, len(self.unnamed))
            return self.number(code)
        if isinstance(node.value, bool):
            return str(node.value), _ATOM
        return self.number(node.value) if self.apart is None else (self.apart(node.value), _ATOM)

    def number(self, value: int) -> tuple[str, int]:
        if value == INT64_MIN:
            # Its absolute value does not fit in 64 bits, and source has no negative literals.
            return f"{value + 1} - 1", _SUM
        return str(value), _ATOM if value >= 0 else _MINUS

    def name(self, node: Name) -> tuple[str, int]:
        code = self.read(self.rename.get(node.name, node.symbol.code))
        return (f"{code} != 0", _COMPARISON) if node.type.kind is TypeKind.BOOL else (code, _ATOM)

    def read(self, code: str) -> str:
        # A path such as `e.f_amount` stands alone; whatever else a host gives may bind loosely.
        return code if code.replace(".", "a").isidentifier() else f"({code})"

    def anchor(self, *nodes: Node) -> str:
        names = [name for node in nodes for name in text_names(node)]
        return names[0].name if names else ""

    def compared(self, node: Comparison, left: str, right: str) -> tuple[str, int]:
        if isinstance(node.left, Literal) and isinstance(node.right, Literal) and isinstance(node.left.value, str):
            return str((node.left.value == node.right.value) == (node.sign == "==")), _ATOM
        return f"{left} {node.sign} {right}", _COMPARISON

    def membership(self, node: Membership) -> tuple[str, int]:
        if not node.items.items:
            return "False", _ATOM
        anchor = self.anchor(node.item)
        item = self.at(node.item, _SUM, anchor)
        # numba and Python agree on a chain of comparisons; a tuple of literals they type differently.
        tests = [f"{item} == {self.at(literal, _SUM, anchor)}" for literal in node.items.items]
        return " or ".join(tests), _OR if len(tests) > 1 else _COMPARISON

    def arithmetic(self, node: Arithmetic) -> tuple[str, int]:
        if node.sign in ("/", "%"):
            if node.left.bounds.lo < 0 or node.right.bounds.lo <= 0:
                helper = "trunc_div" if node.sign == "/" else "trunc_mod"
                return f"{helper}({self.at(node.left, _CHOICE)}, {self.at(node.right, _CHOICE)})", _ATOM
            sign, binding = ("//" if node.sign == "/" else "%"), _PRODUCT
        else:
            sign, binding = node.sign, _PRODUCT if node.sign == "*" else _SUM
        return f"{self.at(node.left, binding)} {sign} {self.at(node.right, binding + 1)}", binding
