"""
The findings of one expression: collected, so that the writer sees all of them at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches

from loyalty.core.amounts import format_minor_units
from loyalty.errors import Finding
from loyalty.rules.expressions.ranges import Range
from loyalty.rules.expressions.source import SourceText, Span
from loyalty.rules.expressions.tree import Broken, Literal, Name, Node, walk
from loyalty.rules.expressions.types import INT64_MAX, INT64_MIN, Scope, Type, TypeKind


class Report:
    """What is wrong with one expression, and how values are written in messages."""

    def __init__(self, source: SourceText, scope: Scope, scales: Mapping[str, int]) -> None:
        self.source, self.scope, self.scales = source, scope, scales
        self.findings: list[Finding] = []

    def add(self, code: str, span: Span, why: str, fix: str, *, got: str | None = None) -> None:
        """Note a finding; the same one twice, found from two sides, is one."""
        finding = self.source.finding(code, span, why, fix, got)
        if (code, finding.place) not in [(known.code, known.place) for known in self.findings]:
            self.findings.append(finding)

    def broken(
        self, code: str, at: Span, why: str, fix: str, *, span: Span, type: Type | None = None, got: str | None = None
    ) -> Broken:
        """Note a finding and give the node that stands for what it was found in."""
        self.add(code, at, why, fix, got=got)
        return Broken(span=span, type=type or UNKNOWN)

    def scale_of(self, type: Type) -> int:
        """Give the decimal places in which amounts of a type are written."""
        return self.scales.get(type.unit, 0) if type.is_amount else 0

    def show(self, value: int, type: Type) -> str:
        """Write a number as people write it: money in major units, with its unit."""
        text = format_minor_units(value, self.scale_of(type))
        return f"{text} {type.unit}" if type.is_amount else text

    def show_range(self, range: Range, type: Type) -> str:
        """Write a range as people read it."""
        return f"{self.show(range.lo, type)} to {self.show(range.hi, type)}"

    def mismatch(self, sign: str, at: Span, left: Node, right: Node, *, type: Type | None = None) -> Broken:
        """Note two operands that do not go together, and say what would."""
        got = f"{left.type} `{sign}` {right.type}"
        span = left.span.to(right.span)
        kinds = {left.type.kind, right.type.kind}
        if left.type.is_amount and right.type.is_amount:
            why = f"{left.type} and {right.type} are different types, and no rate between them is declared"
            fix = "use amounts of one unit on both sides; convert before the event reaches the programme"
            return self.broken("mixed-units", at, why, fix, span=span, type=type, got=got)
        why = "both sides must have the same type"
        fix = f"write a {left.type} on the right"
        if kinds == {TypeKind.MONEY, TypeKind.INT}:
            number, amount = (left, right) if left.type.kind is TypeKind.INT else (right, left)
            written = self.source.slice(number.span) if isinstance(number, Literal) else "1000"
            why = "a whole number has no unit"
            fix = f'write money("{written} {amount.type.unit}")'
        elif kinds == {TypeKind.POINTS, TypeKind.INT}:
            why = "only a number that is written out can stand for points"
            fix = "compare with a number, or with a name in the same currency"
        elif TypeKind.STRING in kinds:
            fix = "write the string in quotes, and compare it with a declared text"
        return self.broken("mixed-types", at, why, fix, span=span, type=type, got=got)

    def unknown_name(self, name: str, span: Span) -> Broken:
        """Note a name that is not declared, with the nearest that is."""
        group, dot, _ = name.partition(".")
        members = sorted(known for known in self.scope if known.startswith(f"{group}."))
        near = get_close_matches(name, list(self.scope), n=1, cutoff=0.6)
        why = "no such name is declared here"
        if members and dot:
            why = f"{group} has no such field; declared are {', '.join(members)}"
        elif members:
            why = f"{group} is a group of fields and no value; declared are {', '.join(members)}"
        elif not near:
            why += "; declared are " + (", ".join(sorted(self.scope)) or "none")
        fix = f"write {near[0]}" if near else "declare it, or write a declared name"
        return self.broken("unknown-name", span, why, fix, span=span)

    def overflow(self, at: Span, node: Node, range: Range, type: Type, operands: tuple[Node, ...]) -> Broken:
        """Note a number that may leave 64 bits, with the declarations that let it."""
        bound = range.hi if range.hi > INT64_MAX else range.lo
        names = {leaf.name: leaf for operand in operands for leaf in walk(operand) if isinstance(leaf, Name)}
        numbers = [leaf for leaf in names.values() if leaf.type.is_number]
        numbers.sort(key=lambda leaf: -max(abs(leaf.bounds.lo), abs(leaf.bounds.hi)))
        limits = [self._declared(leaf) for leaf in numbers]
        return self.broken(
            "possible-overflow",
            at,
            f"its value can reach {bound} (minor units where it is an amount), and 64 bits hold "
            f"{INT64_MIN} to {INT64_MAX}",
            "declare a smaller `max` for " + " or ".join(limits) if limits else "write smaller numbers",
            span=node.span,
            type=type,
            got=f"`{self.source.slice(node.span)}`",
        )

    def _declared(self, leaf: Name) -> str:
        interval = leaf.symbol.interval
        if interval is None:
            return f"{leaf.name} (it declares none)"
        largest = max(interval.lo, interval.hi, key=abs)
        return f"{leaf.name} (now {self.show(largest, leaf.type)})"


#: The type of what could not be understood; every check lets it pass, for it was reported already.
UNKNOWN = Type(TypeKind.LIST, "?")
