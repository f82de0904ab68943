"""
The same expression in pure CEL, for other implementations of the language.

Amounts become whole numbers of minor units, and the functions that CEL does not have are written out.
"""

from __future__ import annotations

from loyalty.core.amounts import Rounding
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
)


def cel_name(name: str) -> str:
    """
    Give the plain variable that stands for a dotted name.

    >>> cel_name("event.amount")
    'event_amount'
    """
    return name.replace(".", "_")


def cel_presence_name(name: str) -> str:
    """
    Give the bool variable that stands for ``has(name)``; CEL's own ``has`` asks for fields of messages only.

    >>> cel_presence_name("event.person")
    'has_event_person'
    """
    return f"has_{cel_name(name)}"


def to_cel_node(node: Node) -> str:
    """Give the CEL source of a tree; every part that is no single word has parentheses."""
    match node:
        case Literal():
            return _literal(node.value)
        case ListLiteral():
            return f"[{', '.join(to_cel_node(item) for item in node.items)}]"
        case Name():
            return cel_name(node.name)
        case Has():
            return cel_presence_name(node.name) if node.symbol.optional else "true"
        case Unary():
            return f"({node.sign}({to_cel_node(node.operand)}))"
        case Logic():
            return f"({f' {node.sign} '.join(to_cel_node(operand) for operand in node.operands)})"
        case Choice():
            return _choose(to_cel_node(node.condition), to_cel_node(node.then), to_cel_node(node.otherwise))
        case Comparison() | Arithmetic():
            return f"({to_cel_node(node.left)} {node.sign} {to_cel_node(node.right)})"
        case Membership():
            return f"({to_cel_node(node.item)} in {to_cel_node(node.items)})"
        case Extreme():
            return _extreme(node)
        case MulDiv():
            return _mul_div(node)
    raise AssertionError(f"the checker gave {node!r}")


def _literal(value: int | str | bool) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    # Everything but letters and digits is written as a code point, so that no escape can be misread.
    return '"' + "".join(c if c.isascii() and c.isalnum() else f"\\U{ord(c):08x}" for c in value) + '"'


def _choose(condition: str, then: str, otherwise: str) -> str:
    return f"({condition} ? {then} : {otherwise})"


def _extreme(node: Extreme) -> str:
    sign = "<" if node.function == "min" else ">"
    chosen = to_cel_node(node.operands[0])
    for operand in node.operands[1:]:
        other = to_cel_node(operand)
        chosen = _choose(f"{other} {sign} {chosen}", other, chosen)
    return chosen


def _mul_div(node: MulDiv) -> str:
    product = f"({to_cel_node(node.left)} * {to_cel_node(node.right)})"
    divisor = to_cel_node(node.divisor)
    quotient, rest = f"({product} / {divisor})", f"({product} % {divisor})"
    if node.rounding is Rounding.DOWN:
        return quotient
    away = f"({quotient} + {_choose(f'({product} < 0) == ({divisor} < 0)', '1', '-1')})"
    if node.rounding is Rounding.UP:
        return _choose(f"{rest} == 0", quotient, away)
    # Both are compared as negative numbers, since the smallest of 64 bits has no positive counterpart.
    part = _choose(f"{rest} < 0", rest, f"-{rest}")
    other = f"({_choose(f'{divisor} < 0', divisor, f'-({divisor})')} - {part})"
    if node.rounding is Rounding.HALF_UP:
        return _choose(f"{part} <= {other}", away, quotient)
    odd = f"({quotient} % 2 != 0)"
    return _choose(f"{part} < {other} || ({part} == {other} && {odd})", away, quotient)
