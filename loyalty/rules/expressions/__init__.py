"""
The expression language of a programme: CEL's syntax and semantics in a subset in which nothing can fail.

An expression is read and checked once. From then on no value within the declared ranges makes it divide by zero,
leave 64 bits, read what is absent or mix two units.

>>> from loyalty.errors import Place
>>> scope = {"event.amount": Symbol(money_type("EUR"), Interval(0, 10**10), code="e.f_amount"),
...          "event.registered": Symbol(BOOL, code="e.f_registered")}
>>> when = compile_expression('event.amount >= money("1000 EUR") && event.registered', scope,
...                           expects=BOOL, place=Place("acme.yaml", 40, 11), scales={"EUR": 2})
>>> emit(when, lambda name, text: 0)
'e.f_amount >= 100000 and e.f_registered != 0'
>>> evaluate(when, {"event.amount": 250_000, "event.registered": True})
True

Source: the Common Expression Language, google/cel-spec; ``min``, ``max``, ``money`` and ``mul_div`` are extensions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from attrs import frozen

from loyalty.errors import Place, ProgrammeError
from loyalty.rules.expressions.checker import check
from loyalty.rules.expressions.emitter import emit_node
from loyalty.rules.expressions.interpreter import Value, evaluate_node
from loyalty.rules.expressions.parser import parse
from loyalty.rules.expressions.reports import Report
from loyalty.rules.expressions.scanner import KEYWORDS, RESERVED
from loyalty.rules.expressions.source import ExpressionFault, SourceText
from loyalty.rules.expressions.standard import cel_name, cel_presence_name, to_cel_node
from loyalty.rules.expressions.syntax import NameSyntax, Syntax
from loyalty.rules.expressions.tree import Has, Name, Node, walk
from loyalty.rules.expressions.types import (
    BOOL,
    INT,
    STRING,
    Interval,
    Scope,
    Symbol,
    Type,
    TypeKind,
    money_type,
    points_type,
)

__all__ = [
    "BOOL",
    "INT",
    "KEYWORDS",
    "RESERVED",
    "STRING",
    "Expression",
    "Interval",
    "Scope",
    "Symbol",
    "Type",
    "TypeKind",
    "cel_name",
    "cel_presence_name",
    "compile_expression",
    "emit",
    "evaluate",
    "money_type",
    "names_in",
    "points_type",
    "to_cel",
]


@frozen
class Expression:
    """
    A checked expression.

    Attributes:
        source: As written.
        place: Where its first character stands.
        type: What it gives.
        interval: The proven range of a number; None for bools, strings and lists.
        names: Every name that it reads or asks about.
        tree: The typed tree.
    """

    source: str
    place: Place
    type: Type
    interval: Interval | None
    names: frozenset[str]
    tree: Node


def compile_expression(
    source: str, scope: Scope, *, expects: Type | None, place: Place, scales: Mapping[str, int]
) -> Expression:
    """
    Read and check an expression.

    Args:
        source: The text; lines after the first are indented in the file as the first is.
        scope: The declared names.
        expects: The type that is needed, or None for any.
        place: Where the first character stands in the programme file.
        scales: Decimal places of each unit of money, and of points that have any.

    Returns:
        An expression that no value within the declared ranges can make fail.

    Raises:
        ProgrammeError: everything that is wrong with it; what is no CEL at all ends at the first finding.
    """
    text = SourceText(source, place)
    report = Report(text, scope, scales)
    try:
        tree = check(parse(text), report, expects)
    except ExpressionFault as fault:
        raise ProgrammeError([fault.finding]) from None
    if report.findings:
        raise ProgrammeError(report.findings)
    interval = Interval(tree.range.lo, tree.range.hi) if tree.range else None
    names = frozenset(node.name for node in walk(tree) if isinstance(node, (Name, Has)))
    return Expression(source, place, tree.type, interval, names, tree)


def emit(
    expression: Expression,
    intern: Callable[[str, str], int],
    *,
    rename: Mapping[str, str] | None = None,
    number: Callable[[int], str] | None = None,
) -> str:
    """
    Give the Python source of an expression; it runs unchanged as plain Python and under numba.

    It may call ``trunc_div``, ``trunc_mod`` and ``mul_div`` of :mod:`loyalty.rules.expressions.helpers`.

    Args:
        expression: A checked expression.
        intern: Gives the code of a text, for the dotted name that it is compared with.
        rename: Python source for names that are read elsewhere than their symbol says.
        number: Gives the source of a number that stands in the expression; by default it is written out.
    """
    return emit_node(expression.tree, intern, rename or {}, number)


def evaluate(expression: Expression, values: Mapping[str, Value]) -> int | str | bool:
    """
    Compute an expression slowly, apart from what :func:`emit` gives: an oracle for tests and auditors.

    Args:
        expression: A checked expression.
        values: The value of each dotted name: money in minor units, texts as they are, None where absent.

    Raises:
        KeyError: a name is absent that is always there.
        OverflowError: a value lies so far outside its declared range that 64 bits do not suffice.
    """
    return evaluate_node(expression.tree, values)


def to_cel(expression: Expression) -> str:
    """
    Give the same expression in pure CEL, over the variables of :func:`cel_name` and :func:`cel_presence_name`.

    Amounts are whole numbers of minor units; ``min``, ``max`` and ``mul_div`` are written out, and repeat their
    operands.
    """
    return to_cel_node(expression.tree)


def names_in(source: str) -> list[str]:
    """
    Give the dotted names in a text, in the order of first use; nothing where it is no expression.

    >>> names_in("event.amount > limit && has(event.person)")
    ['event.amount', 'limit', 'event.person']
    """
    try:
        tree = parse(SourceText(source, Place()))
    except ExpressionFault:
        return []
    return list(dict.fromkeys(_names(tree)))


def _names(tree: Syntax) -> list[str]:
    own = [tree.name] if isinstance(tree, NameSyntax) else []
    return own + [name for child in tree.children for name in _names(child)]
