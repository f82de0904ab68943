"""
The types and ranges of arithmetic and of the functions.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import Final

from attrs import evolve

from loyalty.core.amounts import Rounding, to_minor_units
from loyalty.rules.expressions import ranges
from loyalty.rules.expressions.ranges import Range
from loyalty.rules.expressions.reports import UNKNOWN, Report
from loyalty.rules.expressions.source import Span
from loyalty.rules.expressions.syntax import CallSyntax
from loyalty.rules.expressions.tree import Arithmetic, Broken, Extreme, Literal, MulDiv, Node, Unary
from loyalty.rules.expressions.types import INT, INT64_MIN, STRING, Type, TypeKind, money_type

_FUNCTIONS: Final = ("has", "max", "min", "money", "mul_div")
_CEL_FUNCTIONS: Final = frozenset(
    (
        "bool",
        "bytes",
        "cel",
        "double",
        "duration",
        "dyn",
        "int",
        "matches",
        "math",
        "optional",
        "size",
        "string",
        "timestamp",
        "type",
        "uint",
    )
)


def negate(report: Report, operand: Node, span: Span) -> Node:
    """Check ``-operand``."""
    if not operand.type.is_number:
        if operand.type == UNKNOWN:
            return Broken(span=span, type=UNKNOWN)
        why = f"only numbers and amounts have a minus sign, and this is {operand.type}"
        fix = "write `!` for not" if operand.type.kind is TypeKind.BOOL else "remove the minus sign"
        return report.broken("wrong-type", operand.span, why, fix, span=span)
    if operand.range is None:
        return Broken(span=span, type=operand.type)
    range = ranges.negate(operand.range)
    node = Unary(span=span, type=operand.type, range=range, sign="-", operand=operand)
    if not range.fits:
        return report.overflow(span, node, range, operand.type, (operand,))
    if isinstance(operand, Literal) and isinstance(operand.value, int):
        return evolve(operand, span=span, value=-operand.value, range=range)
    return node


def arithmetic(report: Report, sign: str, at: Span, left: Node, right: Node, span: Span) -> Node:
    """
    Check ``left sign right``.

    Args:
        report: Takes the findings.
        sign: One of ``+ - * / %``.
        at: Where the sign stands.
        left: The checked left side.
        right: The checked right side.
        span: Where the whole stands.
    """
    if UNKNOWN in (left.type, right.type):
        return Broken(span=span, type=UNKNOWN)
    for side in (left, right):
        if not side.type.is_number:
            what = "joining strings" if side.type == STRING and sign == "+" else f"`{sign}` on {side.type}"
            code = "unsupported-feature" if sign == "+" and side.type.kind is not TypeKind.BOOL else "wrong-type"
            why = f"`{sign}` takes numbers and amounts, and this is {side.type}"
            return report.broken(code, side.span, why, "compute with numbers and amounts only", span=span, got=what)
    type = _result_type(sign, left.type, right.type)
    if type is None:
        return _no_overload(report, sign, at, left, right)
    if left.range is None or right.range is None:
        return Broken(span=span, type=type)
    if sign in ("/", "%") and right.range.has_zero:
        return _zero_division(report, right, span, type)
    range = _range(sign, left.range, right.range)
    node = Arithmetic(span=span, type=type, range=range, sign=sign, left=left, right=right)
    if sign == "%" and left.range.lo == INT64_MIN and right.range.lo <= -1 <= right.range.hi:
        # CEL, and the processor, fail on the remainder of the smallest number by -1.
        range = ranges.divide(left.range, right.range)
    return node if range.fits else report.overflow(at, node, range, type, (left, right))


def call(report: Report, syntax: CallSyntax, arguments: list[Node]) -> Node:
    """Check a call of a function other than ``has``."""
    span = syntax.span
    if syntax.function in ("min", "max"):
        return _extreme(report, syntax, arguments)
    if syntax.function == "money":
        return _money(report, syntax, arguments)
    if syntax.function == "mul_div":
        return _mul_div(report, syntax, arguments)
    if syntax.function == "points":
        why, fix = "a number that is written out stands for points beside points", "write the number alone"
        return report.broken("unknown-function", syntax.function_span, why, fix, span=span)
    if syntax.function in _CEL_FUNCTIONS:
        return report.broken(
            "unsupported-feature",
            syntax.function_span,
            "it is CEL, but outside the subset in which no expression can fail",
            f"the functions are {', '.join(_FUNCTIONS)}",
            span=span,
            got=f"the function `{syntax.function}`",
        )
    near = get_close_matches(syntax.function, _FUNCTIONS, n=1)
    return report.broken(
        "unknown-function",
        syntax.function_span,
        f"the functions are {', '.join(_FUNCTIONS)}",
        f"write {near[0]}(...)" if near else "use one of them",
        span=span,
    )


def _result_type(sign: str, left: Type, right: Type) -> Type | None:
    if sign in ("+", "-", "%"):
        return left if left == right else None
    if sign == "*":
        return left if right == INT else right if left == INT else None
    if right == INT:
        return left
    return INT if left == right else None


def _range(sign: str, left: Range, right: Range) -> Range:
    match sign:
        case "+":
            return ranges.add(left, right)
        case "-":
            return ranges.subtract(left, right)
        case "*":
            return ranges.multiply(left, right)
        case "/":
            return ranges.divide(left, right)
    return ranges.remainder(left, right)


def _no_overload(report: Report, sign: str, at: Span, left: Node, right: Node) -> Node:
    if sign == "*" and left.type == right.type:
        return report.broken(
            "wrong-type",
            at,
            "an amount times an amount is no amount",
            'multiply by a whole number, or write mul_div(a, b, c, "down")',
            span=left.span.to(right.span),
            got=f"{left.type} `*` {right.type}",
        )
    if sign == "/" and left.type == INT:
        return report.broken(
            "wrong-type",
            at,
            "a number divided by an amount has no unit",
            "divide an amount by an amount, or by a whole number",
            span=left.span.to(right.span),
            got=f"{left.type} `/` {right.type}",
        )
    return report.mismatch(sign, at, left, right)


def _zero_division(report: Report, divisor: Node, span: Span, type: Type) -> Node:
    text = report.source.slice(divisor.span)
    assert divisor.range is not None
    if divisor.range.lo == divisor.range.hi:
        why, fix = "it is 0", "divide by another number"
    else:
        why = f"it can be 0: its range is {report.show_range(divisor.range, divisor.type)}"
        zero = f'money("0 {divisor.type.unit}")' if divisor.type.kind is TypeKind.MONEY else "0"
        fix = f"guard it with `{text} != {zero} && ...` or `{text} != {zero} ? ... : ...`, or declare a `min` above 0"
    return report.broken("possible-zero-division", divisor.span, why, fix, span=span, type=type)


def _extreme(report: Report, syntax: CallSyntax, arguments: list[Node]) -> Node:
    function, span = syntax.function, syntax.span
    if len(arguments) < 2:
        why = f"{function}() compares at least two values"
        return report.broken("wrong-arguments", span, why, f"write {function}(a, b)", span=span)
    known = [argument for argument in arguments if argument.type != UNKNOWN]
    for argument in known:
        if not argument.type.is_number:
            why = f"{function}() takes numbers and amounts, and this is {argument.type}"
            return report.broken("wrong-type", argument.span, why, "remove it", span=span)
        if argument.type != known[0].type:
            return report.mismatch(",", argument.span, known[0], argument)
    proven = [argument.range for argument in arguments if argument.range is not None]
    if len(proven) < len(arguments):
        return Broken(span=span, type=known[0].type if known else UNKNOWN)
    range = ranges.smallest(proven) if function == "min" else ranges.largest(proven)
    return Extreme(span=span, type=arguments[0].type, range=range, function=function, operands=tuple(arguments))


def _money(report: Report, syntax: CallSyntax, arguments: list[Node]) -> Node:
    argument = arguments[0] if len(arguments) == 1 else None
    if not isinstance(argument, Literal) or not isinstance(argument.value, str):
        why = "money() takes one string in quotes: an amount, a space, a unit"
        return report.broken("wrong-arguments", syntax.span, why, 'write money("1000 EUR")', span=syntax.span)
    number, _, unit = argument.value.strip().rpartition(" ")
    if unit not in report.scales:
        near = get_close_matches(unit.upper(), list(report.scales), n=1, cutoff=0.5)
        known = ", ".join(sorted(report.scales)) or "none"
        why = f"{unit!r} is no declared unit; declared are {known}"
        fix = f'write money("{number or 1000} {near[0]}")' if near else "write an amount, a space and a declared unit"
        return report.broken("unknown-unit", argument.span, why, fix, span=syntax.span)
    type = money_type(unit)
    try:
        value = to_minor_units(number, report.scales[unit])
    except ValueError as error:
        fix = f'write money("1000 {unit}")'
        return report.broken("bad-amount", argument.span, str(error), fix, span=syntax.span, type=type)
    node = Literal(span=syntax.span, type=type, range=Range(value, value), value=value)
    return node if node.bounds.fits else report.overflow(argument.span, node, node.bounds, type, ())


def _mul_div(report: Report, syntax: CallSyntax, arguments: list[Node]) -> Node:
    span, modes = syntax.span, [rounding.value for rounding in Rounding]
    example = 'write mul_div(a, b, c, "half_even")'
    if len(arguments) != 4:
        why = f"mul_div() takes three numbers and a rounding: {', '.join(modes)}"
        return report.broken("wrong-arguments", span, why, example, span=span)
    left, right, divisor, rounding = arguments
    if not isinstance(rounding, Literal) or rounding.value not in modes:
        why = f"the rounding is one of {', '.join(modes)}, in quotes"
        return report.broken("unknown-rounding", rounding.span, why, example, span=span)
    if any(part.type == UNKNOWN for part in (left, right, divisor)):
        return Broken(span=span, type=UNKNOWN)
    for part in (left, right, divisor):
        if not part.type.is_number:
            why = f"mul_div() takes numbers and amounts, and this is {part.type}"
            return report.broken("wrong-type", part.span, why, example, span=span)
    type = _scaled_type(left.type, right.type, divisor.type)
    if type is None:
        why = f"({left.type} x {right.type}) / {divisor.type} has no unit that the language knows"
        fix = "let the divisor have the type of one factor, or be a whole number beside one whole number"
        return report.broken("wrong-type", syntax.function_span, why, fix, span=span)
    if left.range is None or right.range is None or divisor.range is None:
        return Broken(span=span, type=type)
    if divisor.range.has_zero:
        return _zero_division(report, divisor, span, type)
    range = ranges.scale(left.range, right.range, divisor.range)
    node = MulDiv(
        span=span,
        type=type,
        range=range,
        left=left,
        right=right,
        divisor=divisor,
        rounding=Rounding(rounding.value),
    )
    product = ranges.multiply(left.range, right.range)
    widest = range if product.fits else product
    return node if widest.fits else report.overflow(syntax.function_span, node, widest, type, (left, right))


def _scaled_type(left: Type, right: Type, divisor: Type) -> Type | None:
    if divisor == right:
        return left
    if divisor == left:
        return right
    if divisor == INT:
        return _result_type("*", left, right)
    return None
