"""
A slow evaluation of the tree, apart from the emitter, so that each can be checked by the other.

It works on texts instead of codes, and refuses a number that leaves 64 bits: such a number would be an error of the
interval proof.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from loyalty.core.amounts import divide
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
from loyalty.rules.expressions.types import INT64, TypeKind

#: What a name holds: money in minor units, and None where it is absent.
Value: TypeAlias = int | str | bool | None

_COMPARISONS: Final[Mapping[str, Callable[[int, int], bool]]] = {
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
}


def evaluate_node(node: Node, values: Mapping[str, Value]) -> int | str | bool:
    """
    Compute a tree.

    Args:
        node: What the checker gave.
        values: The value of each name; a missing one is absent.

    Raises:
        KeyError: a name is absent that is always there.
        OverflowError: a number leaves 64 bits, which the checker rules out for values within declared ranges.
    """
    match node:
        case Literal():
            return node.value
        case ListLiteral():
            raise TypeError("a list alone has no value; it stands after `in`")
        case Name():
            return _read(node, values)
        case Has():
            return not node.symbol.optional or values.get(node.name) is not None
        case Unary(sign="!"):
            return not evaluate_node(node.operand, values)
        case Logic(sign="&&"):
            return all(evaluate_node(operand, values) for operand in node.operands)
        case Logic():
            return any(evaluate_node(operand, values) for operand in node.operands)
        case Choice():
            return evaluate_node(node.then if evaluate_node(node.condition, values) else node.otherwise, values)
        case Comparison():
            return _compare(node, values)
        case Membership():
            item = evaluate_node(node.item, values)
            return any(item == literal.value for literal in node.items.items)
        case _:
            return _within_64_bits(_number(node, values), node)


def _number(node: Node, values: Mapping[str, Value]) -> int:
    def number(part: Node) -> int:
        return int(evaluate_node(part, values))

    match node:
        case Unary():
            return -number(node.operand)
        case Extreme():
            numbers = [number(operand) for operand in node.operands]
            return min(numbers) if node.function == "min" else max(numbers)
        case MulDiv():
            product = _within_64_bits(number(node.left) * number(node.right), node)
            divisor = number(node.divisor)
            return divide(product, divisor, node.rounding) if divisor > 0 else divide(-product, -divisor, node.rounding)
        case Arithmetic():
            return _arithmetic(node.sign, number(node.left), number(node.right))
    raise AssertionError(f"the checker gave {node!r}")


def _arithmetic(sign: str, left: int, right: int) -> int:
    match sign:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
    quotient, rest = divmod(abs(left), abs(right))
    if sign == "/":
        return quotient if (left < 0) == (right < 0) else -quotient
    return rest if left >= 0 else -rest


def _compare(node: Comparison, values: Mapping[str, Value]) -> bool:
    left, right = evaluate_node(node.left, values), evaluate_node(node.right, values)
    if node.sign in ("==", "!="):
        return (left == right) == (node.sign == "==")
    return _COMPARISONS[node.sign](int(left), int(right))


def _read(node: Name, values: Mapping[str, Value]) -> int | str | bool:
    value = values.get(node.name)
    if value is None:
        raise KeyError(f"{node.name} has no value; give one of type {node.type}")
    return bool(value) if node.type.kind is TypeKind.BOOL else value


def _within_64_bits(value: int, node: Node) -> int:
    if value not in INT64:
        raise OverflowError(f"{value} leaves 64 bits at offset {node.span.start}")
    return value
