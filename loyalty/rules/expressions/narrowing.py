"""
What a condition says about the names in it, so that the guarded part need not fear what the guard excludes.

In ``a != 0 && x / a > 2`` the right side runs only where *a* is not 0. A fact about ``a - 1`` helps where the same
``a - 1`` is computed again; nothing is concluded from it about *a*.

Source: flow typing and interval analysis (Cousot and Cousot, 1977), without loops.
"""

from __future__ import annotations

from collections.abc import Mapping

from attrs import evolve, field, frozen

from loyalty.rules.expressions.ranges import Range
from loyalty.rules.expressions.tree import (
    Choice,
    Comparison,
    Has,
    Literal,
    Logic,
    Membership,
    Node,
    Unary,
    key,
)
from loyalty.rules.expressions.types import INT64_MAX, INT64_MIN

_OPPOSITE = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
_MIRRORED = {"==": "==", "!=": "!=", "<": ">", ">": "<", "<=": ">=", ">=": "<="}


@frozen
class Facts:
    """What is known at one place: narrower ranges by :func:`~.tree.key`, and optional names that are there."""

    ranges: Mapping[str, Range] = field(factory=dict)
    present: frozenset[str] = frozenset()

    def refine(self, node: Node) -> Node:
        """Give the node with the narrower range that is known of it, if any."""
        if node.range is None or isinstance(node, Literal):
            return node
        known = self.ranges.get(key(node))
        if known is None:
            return node
        met = node.range.meet(known.lo, known.hi)
        return evolve(node, range=met.without_zero() if known.nonzero else met)

    def join(self, other: Facts) -> Facts:
        """Give what is known when either of the two holds."""
        shared = self.ranges.keys() & other.ranges.keys()
        ranges = {name: self.ranges[name].join(other.ranges[name]) for name in shared}
        return Facts(ranges, self.present & other.present)


def narrow(facts: Facts, condition: Node, outcome: bool) -> Facts:
    """
    Give the facts that hold where *condition* came out as *outcome*.

    Args:
        facts: What is known before.
        condition: A checked condition, whose nodes carry their ranges.
        outcome: Which side of it is looked at.
    """
    match condition:
        case Unary(sign="!"):
            return narrow(facts, condition.operand, not outcome)
        case Logic():
            return _narrow_logic(facts, condition, outcome)
        case Has() if outcome:
            return evolve(facts, present=facts.present | {condition.name})
        case Choice():
            then = narrow(narrow(facts, condition.condition, True), condition.then, outcome)
            return then.join(narrow(narrow(facts, condition.condition, False), condition.otherwise, outcome))
        case Comparison() if condition.left.type.is_number:
            sign = condition.sign if outcome else _OPPOSITE[condition.sign]
            facts = _compare(facts, condition.left, sign, condition.right)
            return _compare(facts, condition.right, _MIRRORED[sign], condition.left)
        case Comparison(sign="==" | "!=") if isinstance(condition.right, Literal):
            # A condition compared with true or false, which people write out of habit.
            equal = (condition.sign == "==") == outcome
            if isinstance(condition.right.value, bool):
                return narrow(facts, condition.left, condition.right.value == equal)
        case Membership() if condition.item.type.is_number:
            return _narrow_membership(facts, condition, outcome)
    return facts


def _narrow_logic(facts: Facts, condition: Logic, outcome: bool) -> Facts:
    all_hold = (condition.sign == "&&") == outcome
    if all_hold:
        for operand in condition.operands:
            facts = narrow(facts, operand, outcome)
        return facts
    # The chain stopped at one operand: those before it came out the other way.
    passed, joined = facts, None
    for operand in condition.operands:
        stopped = narrow(passed, operand, outcome)
        joined = stopped if joined is None else joined.join(stopped)
        passed = narrow(passed, operand, not outcome)
    return joined or facts


def _compare(facts: Facts, node: Node, sign: str, other: Node) -> Facts:
    if isinstance(node, Literal):
        return facts
    part = key(node)
    known, bounds = facts.ranges.get(part, node.bounds), other.bounds
    match sign:
        case "==":
            known = known.meet(bounds.lo, bounds.hi)
            if not bounds.has_zero:
                known = known.without_zero()
        case "<":
            known = known.meet(INT64_MIN, bounds.hi - 1)
        case "<=":
            known = known.meet(INT64_MIN, bounds.hi)
        case ">":
            known = known.meet(bounds.lo + 1, INT64_MAX)
        case ">=":
            known = known.meet(bounds.lo, INT64_MAX)
        case "!=" if bounds.lo == bounds.hi:
            known = _without(known, bounds.lo)
    return evolve(facts, ranges={**facts.ranges, part: known})


def _without(known: Range, value: int) -> Range:
    if value == 0:
        return known.without_zero()
    if known.lo == value:
        return known.meet(value + 1, INT64_MAX)
    if known.hi == value:
        return known.meet(INT64_MIN, value - 1)
    return known


def _narrow_membership(facts: Facts, condition: Membership, outcome: bool) -> Facts:
    part = key(condition.item)
    known = facts.ranges.get(part, condition.item.bounds)
    values = [item.value for item in condition.items.items if isinstance(item.value, int)]
    if outcome and values:
        known = known.meet(min(values), max(values))
        if 0 not in values:
            known = known.without_zero()
    elif not outcome:
        for value in sorted(values):
            known = _without(known, value)
    return evolve(facts, ranges={**facts.ranges, part: known})
