"""
Facts of CEL that the subset shares, one by one: arithmetic, comparison, logic, choice, lists, precedence, literals.

Each case states its value by hand. It is held against the interpreter, the generated source and, where it is
installed, Google's implementation.
"""

from __future__ import annotations

from typing import Any, Final

import pytest

from loyalty.errors import Place
from loyalty.rules.expressions import (
    BOOL,
    INT,
    STRING,
    Interval,
    Symbol,
    TypeKind,
    compile_expression,
    emit,
    evaluate,
    helpers,
    to_cel,
)

SCOPE: Final = {
    "x": Symbol(INT, Interval(-100, 100), code="x"),
    "y": Symbol(INT, Interval(1, 100), code="y"),
    "b": Symbol(BOOL, code="b"),
    "c": Symbol(BOOL, code="c"),
    "s": Symbol(STRING, code="s", values=("gold", "silver")),
    "o": Symbol(INT, Interval(0, 100), code="o", present="has_o"),
}
HERE: Final = {"x": -7, "y": 2, "b": True, "c": False, "s": "gold", "o": None}
THERE: Final = {"x": 9, "y": 4, "b": False, "c": True, "s": "silver", "o": 5}

#: An expression, and its value in the two settings above.
FACTS: Final[list[tuple[str, int | bool, int | bool]]] = [
    # Literals.
    ("0", 0, 0),
    ("007", 7, 7),
    ("0x1f", 31, 31),
    ("0xABC", 2748, 2748),
    ("-0x10", -16, -16),
    ("9223372036854775807", 2**63 - 1, 2**63 - 1),
    ("-9223372036854775808", -(2**63), -(2**63)),
    ("- 9223372036854775808", -(2**63), -(2**63)),
    ("0x7fffffffffffffff", 2**63 - 1, 2**63 - 1),
    ("true", True, True),
    ("false", False, False),
    # Sums, and how they associate.
    ("x + y", -5, 13),
    ("x - y", -9, 5),
    ("x - y - 1", -10, 4),
    ("x - (y - 1)", -8, 6),
    ("x + -y", -9, 5),
    ("x - -y", -5, 13),
    ("x--y", -5, 13),
    ("1 - 2 + 3", 2, 2),
    ("1 - (2 + 3)", -4, -4),
    # Products bind tighter than sums, and associate to the left.
    ("1 + x * y", -13, 37),
    ("(1 + x) * y", -12, 40),
    ("x * y + 1", -13, 37),
    ("x * (y + 1)", -21, 45),
    ("2 * 3 / 4", 1, 1),
    ("2 * (3 / 4)", 0, 0),
    ("100 / 10 / 2", 5, 5),
    ("100 / (10 / 2)", 20, 20),
    ("100 / 7 % 5", 4, 4),
    ("100 / (7 % 5)", 50, 50),
    ("100 % 7 * 2", 4, 4),
    ("100 % (7 * 2)", 2, 2),
    # Division is toward zero, and the remainder has the sign of the dividend.
    ("x / y", -3, 2),
    ("x % y", -1, 1),
    ("-x / y", 3, -2),
    ("-x % y", 1, -1),
    ("-(x / y)", 3, -2),
    ("x / -y", 3, -2),
    ("x % -y", -1, 1),
    ("7 / 2", 3, 3),
    ("-7 / 2", -3, -3),
    ("7 / -2", -3, -3),
    ("-7 / -2", 3, 3),
    ("7 % 3", 1, 1),
    ("-7 % 3", -1, -1),
    ("7 % -3", 1, 1),
    ("-7 % -3", -1, -1),
    ("1 / 2", 0, 0),
    ("-1 / 2", 0, 0),
    ("-1 % 2", -1, -1),
    ("x / y * y + x % y", -7, 9),
    ("9223372036854775807 % 10", 7, 7),
    ("-9223372036854775808 / 2", -(2**62), -(2**62)),
    ("-9223372036854775808 % 10", -8, -8),
    # Minus signs.
    ("-x", 7, -9),
    ("--x", -7, 9),
    ("---x", 7, -9),
    ("-(-x)", -7, 9),
    ("- 5 % 3", -2, -2),
    ("-(5 % 3)", -2, -2),
    ("-x * -y", -14, 36),
    # Comparisons bind looser than sums.
    ("x < y", True, False),
    ("x <= -7", True, False),
    ("x > y", False, True),
    ("x >= 9", False, True),
    ("x == -7", True, False),
    ("x != -7", False, True),
    ("x + 1 < y * 2", True, False),
    ("x < y + 10", True, True),
    ("1 < 2 == true", True, True),
    ("1 == 1 == true", True, True),
    ("1 == 2 == false", True, True),
    ("x < y == b", True, True),
    ("b == c", False, False),
    ("b != c", True, True),
    ("b == true", True, False),
    ("false != b", True, False),
    ("1 != 2 == (x != y)", True, True),
    # Conditions.
    ("!b", False, True),
    ("!!b", True, False),
    ("!!!b", False, True),
    ("!b == c", True, True),
    ("!(b == c)", True, True),
    ("b && c", False, False),
    ("b || c", True, True),
    ("b && !c", True, False),
    ("!b || c", False, True),
    ("b || c && false", True, False),
    ("(b || c) && false", False, False),
    ("false && b || c", False, True),
    ("false && (b || c)", False, False),
    ("true || b && false", True, True),
    ("b && c || !b && !c", False, False),
    ("b == c || x == y", False, False),
    ("b && x < 0 && y == 2", True, False),
    ("b || x > 0 || y == 2", True, True),
    ("true && true && true && false", False, False),
    ("false || false || false || true", True, True),
    # Choices associate to the right, and bind loosest.
    ("b ? 1 : 2", 1, 2),
    ("b ? 1 : c ? 2 : 3", 1, 2),
    ("c ? 1 : b ? 2 : 3", 2, 1),
    ("(b ? c : b) ? 1 : 2", 2, 2),
    ("b ? (c ? 1 : 2) : 3", 2, 3),
    ("b || c ? 1 : 2", 1, 1),
    ("b && c ? 1 : 2", 2, 2),
    ("x < 0 ? -x : x", 7, 9),
    ("1 + (b ? 1 : 2)", 2, 3),
    ("b ? 1 : 2 + 10", 1, 12),
    ("b ? x : y", -7, 4),
    ("b ? c : b", False, False),
    ("b ? 1 + x : 1 + y * 2", -6, 9),
    ("(b ? 'gold' : 'silver') == s", True, True),
    # Lists.
    ("x in [1, 9]", False, True),
    ("x in [-7]", True, False),
    ("x in []", False, False),
    ("x in [1, 2,]", False, False),
    ("x + 1 in [10, -6]", True, True),
    ("!(x in [9])", True, False),
    ("x in [9] == c", True, True),
    ("x in [9] || b", True, True),
    ("s in ['gold']", True, False),
    ("s in [\"silver\", 'gold']", True, True),
    ("b in [true]", True, False),
    ("b in [true, false]", True, True),
    ("3 in [5, 4, 3]", True, True),
    ("'a' in ['b', 'c']", False, False),
    ("[1, 2] == [1, 2]", True, True),
    ("[1, 2] == [2, 1]", False, False),
    ("[1] != []", True, True),
    ("[] == []", True, True),
    ("x in [9] in [true]", False, True),
    # Strings.
    ("s == 'gold'", True, False),
    ('s != "gold"', False, True),
    ("'abc' == \"abc\"", True, True),
    ("'abc' == 'ABC'", False, False),
    ("'a\\u00e9' == 'a\\xe9'", True, True),
    ("'\\101' == 'A'", True, True),
    ("'\\U0001f431' == '\\U0001F431'", True, True),
    ("r'\\n' == '\\\\n'", True, True),
    ("'''it's''' == \"it's\"", True, True),
    ('"""a\nb""" == "a\\nb"', True, True),
    ("'é' == 'e\\u0301'", False, False),
    ("'\\'' == \"'\"", True, True),
    ("'' == ''", True, True),
    # What may be absent.
    ("has(o)", False, True),
    ("!has(o)", True, False),
    ("has(x)", True, True),
    ("has(o) && o > 3", False, True),
    ("!has(o) || o > 9", True, False),
    ("has(o) ? o : -1", -1, 5),
    ("(has(o) && o > 3) || b", True, True),
    # Space and comments.
    ("x\n+\ty", -5, 13),
    ("x // a remark\n + y", -5, 13),
    ("// first\nx", -7, 9),
    ("x+y*-1", -9, 5),
]


def generated(source: str, values: dict[str, Any]) -> Any:
    """Run the generated source, with texts as their places among the declared values."""
    expression = compile_expression(source, SCOPE, expects=None, place=Place("fact", 1, 1), scales={})
    texts = ("gold", "silver")
    coded = {name: texts.index(value) if isinstance(value, str) else value for name, value in values.items()}
    coded |= {"o": values["o"] or 0, "has_o": values["o"] is not None}
    return eval(emit(expression, lambda _name, text: texts.index(text)), {**vars(helpers), **coded})


@pytest.mark.parametrize(("source", "here", "there"), FACTS)
def test_fact(source: str, here: int | bool, there: int | bool) -> None:
    """The interpreter and the generated source give the value that CEL's definition states."""
    expression = compile_expression(source, SCOPE, expects=None, place=Place("fact", 1, 1), scales={})
    for values, expected in ((HERE, here), (THERE, there)):
        computed = evaluate(expression, values)
        assert (computed, type(computed)) == (expected, type(expected))
        produced = generated(source, values)
        assert (produced, type(produced)) == (expected, type(expected))


def test_facts_hold_in_another_implementation() -> None:
    """Google's implementation gives the stated values, from the source as written where it is plain CEL."""
    cel = pytest.importorskip("cel_expr_python.cel", reason="the oracle is installed for development only")
    kinds = {TypeKind.INT: cel.Type.INT, TypeKind.BOOL: cel.Type.BOOL, TypeKind.STRING: cel.Type.STRING}
    variables = {name: kinds[symbol.type.kind] for name, symbol in SCOPE.items()} | {"has_o": cel.Type.BOOL}
    environment = cel.NewEnv(variables=variables)
    for source, here, there in FACTS:
        expression = compile_expression(source, SCOPE, expects=None, place=Place("fact", 1, 1), scales={})
        plain = to_cel(expression) if "has(" in source else source
        for values, expected in ((HERE, here), (THERE, there)):
            data = {name: value for name, value in values.items() if value is not None}
            data["has_o"] = values["o"] is not None
            assert environment.compile(plain).eval(data=data).value() == expected, source


def test_the_table_is_large_enough() -> None:
    """At least 120 facts are stated, each once."""
    assert len({source for source, _, _ in FACTS}) == len(FACTS) >= 120
