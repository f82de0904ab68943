"""
Syntax to typed tree: names, types, and the proof that no evaluation can fail.

Source: CEL's overloads (google/cel-spec), narrowed to the total subset.
"""

from __future__ import annotations

from attrs import evolve

from loyalty.rules.expressions.narrowing import Facts, narrow
from loyalty.rules.expressions.operations import arithmetic, call, negate
from loyalty.rules.expressions.ranges import Range
from loyalty.rules.expressions.reports import UNKNOWN, Report
from loyalty.rules.expressions.syntax import (
    BinarySyntax,
    BoolSyntax,
    CallSyntax,
    ChoiceSyntax,
    IntSyntax,
    ListSyntax,
    LogicSyntax,
    NameSyntax,
    StringSyntax,
    Syntax,
    UnarySyntax,
)
from loyalty.rules.expressions.texts import check_texts
from loyalty.rules.expressions.tree import (
    Broken,
    Choice,
    Comparison,
    Has,
    ListLiteral,
    Literal,
    Logic,
    Membership,
    Name,
    Node,
    Unary,
    truth,
)
from loyalty.rules.expressions.types import BOOL, INT, INT64, STRING, Symbol, Type, TypeKind


def check(syntax: Syntax, report: Report, expects: Type | None) -> Node:
    """
    Give the typed tree; what is wrong stands in the *report*, and the tree then counts for nothing.

    Args:
        syntax: What the parser gave.
        report: Takes the findings; knows the names and the units.
        expects: The type that the place needs, or None for any.
    """
    node = _Checker(report).check(syntax, Facts())
    if expects is not None:
        node = adapt(report, node, expects)
        if not isinstance(node, Broken) and node.type != expects:
            fix = "write a condition, for example with `>=`" if expects == BOOL else f"write a value that is {expects}"
            got = f"an expression of {node.type}"
            report.add("wrong-result-type", syntax.span, f"this place needs {expects}", fix, got=got)
    return node


def adapt(report: Report, node: Node, type: Type) -> Node:
    """Let a number that is written out stand for that many points, where points are wanted."""
    if type.kind is not TypeKind.POINTS or type == UNKNOWN:
        return node
    if isinstance(node, ListLiteral):
        items = tuple(adapt(report, item, type) for item in node.items)
        literals = tuple(item for item in items if isinstance(item, Literal))
        kind = TypeKind.POINTS if literals and literals[0].type == type else node.type.element
        unit = type.unit if kind is TypeKind.POINTS else ""
        return evolve(node, items=literals, type=Type(TypeKind.LIST, unit, kind))
    if isinstance(node, Literal) and node.type == INT and isinstance(node.value, int):
        value = node.value * 10 ** report.scale_of(type)
        if value not in INT64:
            return report.overflow(node.span, node, Range(value, value), type, ())
        return evolve(node, value=value, type=type, range=Range(value, value))
    return node


class _Checker:
    """One walk over the syntax, from left to right, with what guards have established."""

    def __init__(self, report: Report) -> None:
        self.report = report

    def check(self, syntax: Syntax, facts: Facts) -> Node:
        match syntax:
            case IntSyntax():
                return Literal(span=syntax.span, type=INT, value=syntax.value, range=Range(syntax.value, syntax.value))
            case StringSyntax():
                return Literal(span=syntax.span, type=STRING, value=syntax.value)
            case BoolSyntax():
                return truth(syntax.value, syntax.span)
            case NameSyntax():
                return self.name(syntax, facts)
            case ListSyntax():
                return self.list_of(syntax, facts)
            case UnarySyntax():
                return self.unary(syntax, facts)
            case LogicSyntax():
                return self.logic(syntax, facts)
            case ChoiceSyntax():
                return self.choice(syntax, facts)
            case CallSyntax(function="has"):
                return self.has(syntax)
            case CallSyntax():
                return self.call(syntax, facts)
            case BinarySyntax(sign="in"):
                return self.membership(syntax, facts)
            case BinarySyntax(sign="==" | "!=" | "<" | "<=" | ">" | ">="):
                return self.comparison(syntax, facts)
            case BinarySyntax():
                left, right = self.check(syntax.left, facts), self.check(syntax.right, facts)
                if syntax.sign not in ("*", "/"):
                    left, right = self.alike(left, right)
                node = arithmetic(self.report, syntax.sign, syntax.sign_span, left, right, syntax.span)
                return facts.refine(node)
        raise AssertionError(f"the parser gave {syntax!r}")

    def alike(self, left: Node, right: Node) -> tuple[Node, Node]:
        return adapt(self.report, left, right.type), adapt(self.report, right, left.type)

    def symbol(self, syntax: NameSyntax) -> Symbol | None:
        return self.report.scope.get(syntax.name)

    def name(self, syntax: NameSyntax, facts: Facts) -> Node:
        symbol = self.symbol(syntax)
        if symbol is None:
            return self.report.unknown_name(syntax.name, syntax.span)
        if symbol.optional and syntax.name not in facts.present:
            return self.report.broken(
                "unguarded-optional",
                syntax.span,
                "it is optional, and can be absent where this is computed",
                f"write has({syntax.name}) && ... before it, has({syntax.name}) ? {syntax.name} : a default, "
                "or declare a `default`",
                span=syntax.span,
                type=symbol.type,
            )
        range = None
        if symbol.type.is_number:
            declared = symbol.interval or INT64
            range = Range(declared.lo, declared.hi)
        node = Name(span=syntax.span, type=symbol.type, range=range, name=syntax.name, symbol=symbol)
        return facts.refine(node)

    def has(self, syntax: CallSyntax) -> Node:
        if len(syntax.arguments) != 1 or not isinstance(syntax.arguments[0], NameSyntax):
            return self.report.broken(
                "wrong-arguments",
                syntax.span,
                "has() asks whether one declared name has a value",
                "write has(event.person)",
                span=syntax.span,
                type=BOOL,
            )
        argument = syntax.arguments[0]
        symbol = self.symbol(argument)
        if symbol is None:
            return evolve(self.report.unknown_name(argument.name, argument.span), type=BOOL)
        return Has(span=syntax.span, type=BOOL, name=argument.name, symbol=symbol)

    def list_of(self, syntax: ListSyntax, facts: Facts) -> Node:
        items: list[Literal] = []
        for item in syntax.items:
            node = self.check(item, facts)
            if isinstance(node, Broken):
                return Broken(span=syntax.span, type=UNKNOWN)
            if not isinstance(node, Literal):
                return self.report.broken(
                    "list-of-literals",
                    item.span,
                    "lists hold literals only: numbers, strings, true, false and money(...)",
                    "write `x == a || x == b` instead of `x in [a, b]`",
                    span=syntax.span,
                )
            if items and node.type != items[0].type:
                return self.report.mismatch(",", item.span, items[0], node)
            items.append(node)
        type = items[0].type if items else None
        unit, element = (type.unit, type.kind) if type else ("", None)
        return ListLiteral(span=syntax.span, type=Type(TypeKind.LIST, unit, element), items=tuple(items))

    def unary(self, syntax: UnarySyntax, facts: Facts) -> Node:
        operand = self.check(syntax.operand, facts)
        if syntax.sign == "-":
            return facts.refine(negate(self.report, operand, syntax.span))
        if not self.condition(operand, "`!`"):
            return Broken(span=syntax.span, type=BOOL)
        return Unary(span=syntax.span, type=BOOL, sign="!", operand=operand)

    def logic(self, syntax: LogicSyntax, facts: Facts) -> Node:
        operands: list[Node] = []
        sound = True
        for part in syntax.operands:
            operand = self.check(part, facts)
            sound &= self.condition(operand, f"`{syntax.sign}`")
            operands.append(operand)
            # What follows is computed only where this one did not decide the whole.
            facts = narrow(facts, operand, syntax.sign == "&&")
        if not sound:
            return Broken(span=syntax.span, type=BOOL)
        return Logic(span=syntax.span, type=BOOL, sign=syntax.sign, operands=tuple(operands))

    def condition(self, node: Node, user: str) -> bool:
        if not isinstance(node, Broken) and node.type != BOOL:
            self.report.add(
                "wrong-type",
                node.span,
                f"{user} takes conditions, and this is {node.type}",
                "compare it, for example with `!= 0`" if node.type == INT else "compare it, for example with `==`",
            )
        return not isinstance(node, Broken) and node.type == BOOL

    def choice(self, syntax: ChoiceSyntax, facts: Facts) -> Node:
        condition = self.check(syntax.condition, facts)
        sound = self.condition(condition, "`?`")
        then = self.check(syntax.then, narrow(facts, condition, True))
        otherwise = self.check(syntax.otherwise, narrow(facts, condition, False))
        then, otherwise = self.alike(then, otherwise)
        known = [node.type for node in (then, otherwise) if node.type != UNKNOWN]
        if len(known) == 2 and known[0] != known[1]:
            return self.report.mismatch(":", syntax.sign_span, then, otherwise)
        type = known[0] if known else UNKNOWN
        if not sound or isinstance(then, Broken) or isinstance(otherwise, Broken):
            return Broken(span=syntax.span, type=type)
        if type.kind is TypeKind.LIST:
            return self.report.broken(
                "unsupported-feature",
                syntax.sign_span,
                "a list is written where it is used",
                "write `c ? x in [a] : x in [b]`",
                span=syntax.span,
                got="a choice between lists",
            )
        range = then.range.join(otherwise.range) if then.range and otherwise.range else None
        node: Node = Choice(
            span=syntax.span, type=type, range=range, condition=condition, then=then, otherwise=otherwise
        )
        node = facts.refine(node)
        return node if check_texts(self.report, node) else Broken(span=syntax.span, type=type)

    def comparison(self, syntax: BinarySyntax, facts: Facts) -> Node:
        left, right = self.alike(self.check(syntax.left, facts), self.check(syntax.right, facts))
        broken = Broken(span=syntax.span, type=BOOL)
        if UNKNOWN in (left.type, right.type):
            return broken
        if isinstance(left, ListLiteral) and isinstance(right, ListLiteral):
            return self.list_comparison(syntax, left, right)
        if left.type != right.type:
            return self.report.mismatch(syntax.sign, syntax.sign_span, left, right, type=BOOL)
        if syntax.sign not in ("==", "!=") and not left.type.is_number:
            return self.unordered(syntax, left.type)
        if isinstance(left, Broken) or isinstance(right, Broken) or not check_texts(self.report, left, right):
            return broken
        return Comparison(span=syntax.span, type=BOOL, sign=syntax.sign, left=left, right=right)

    def unordered(self, syntax: BinarySyntax, type: Type) -> Node:
        return self.report.broken(
            "unsupported-feature",
            syntax.sign_span,
            f"{type} values have `==`, `!=` and `in` only in this subset of CEL",
            "compare with `==` or `in`",
            span=syntax.span,
            type=BOOL,
            got=f"`{syntax.sign}` between two values of type {type}",
        )

    def list_comparison(self, syntax: BinarySyntax, left: ListLiteral, right: ListLiteral) -> Node:
        if syntax.sign not in ("==", "!="):
            return self.unordered(syntax, left.type)
        if left.items and right.items and left.type != right.type:
            return self.report.mismatch(syntax.sign, syntax.sign_span, left, right, type=BOOL)
        equal = [item.value for item in left.items] == [item.value for item in right.items]
        return truth(equal == (syntax.sign == "=="), syntax.span)

    def membership(self, syntax: BinarySyntax, facts: Facts) -> Node:
        item, items = self.check(syntax.left, facts), self.check(syntax.right, facts)
        if UNKNOWN in (items.type, item.type):
            return Broken(span=syntax.span, type=BOOL)
        items = adapt(self.report, items, item.type)
        if not isinstance(items, ListLiteral):
            return self.report.broken(
                "wrong-type",
                syntax.right.span,
                f"`in` looks into a list of literals, and this is {items.type}",
                "write `x in [a, b]`",
                span=syntax.span,
                type=BOOL,
            )
        if items.items and items.items[0].type != item.type:
            return self.report.mismatch("in", syntax.sign_span, item, items.items[0], type=BOOL)
        if isinstance(item, ListLiteral):
            return self.unordered(syntax, item.type)
        if isinstance(item, Broken) or not check_texts(self.report, item, items):
            return Broken(span=syntax.span, type=BOOL)
        return Membership(span=syntax.span, type=BOOL, item=item, items=items)

    def call(self, syntax: CallSyntax, facts: Facts) -> Node:
        arguments = [self.check(argument, facts) for argument in syntax.arguments]
        if syntax.function in ("min", "max"):
            for type in {argument.type for argument in arguments if argument.type.kind is TypeKind.POINTS}:
                arguments = [adapt(self.report, argument, type) for argument in arguments]
        return facts.refine(call(self.report, syntax, arguments))
