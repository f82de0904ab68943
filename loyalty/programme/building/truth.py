"""Whether a condition can ever hold, by the ranges of what it compares; "maybe" counts as yes."""

from __future__ import annotations

from loyalty.rules.expressions import Expression
from loyalty.rules.expressions.tree import Comparison, Literal, Logic, Node, Unary


def can_hold(expression: Expression) -> bool:
    """Whether the declared ranges let a condition be true."""
    return _can_be(expression.tree, True)


def _can_be(node: Node, wanted: bool) -> bool:
    if isinstance(node, Literal):
        return node.value is wanted
    if isinstance(node, Unary) and node.sign == "!":
        return _can_be(node.operand, not wanted)
    if isinstance(node, Logic):
        needs_all = (node.sign == "&&") == wanted
        return (all if needs_all else any)(_can_be(operand, wanted) for operand in node.operands)
    if isinstance(node, Comparison):
        return _comparison_can_be(node, wanted)
    return True


def _comparison_can_be(node: Comparison, wanted: bool) -> bool:
    if node.left.range is None or node.right.range is None:
        return True
    sign = node.sign if wanted else {"<": ">=", ">=": "<", ">": "<=", "<=": ">", "==": "!=", "!=": "=="}[node.sign]
    a, b = node.left.range, node.right.range
    return {
        "<": a.lo < b.hi,
        "<=": a.lo <= b.hi,
        ">": a.hi > b.lo,
        ">=": a.hi >= b.lo,
        "==": a.lo <= b.hi and b.lo <= a.hi,
        "!=": not (a.lo == a.hi == b.lo == b.hi),
    }[sign]
