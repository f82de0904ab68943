"""
What the expression language accepts, what it proves, and what its generated source looks like.
"""

from __future__ import annotations

from typing import Any, Final

import pytest

from loyalty.core.amounts import Rounding, divide
from loyalty.errors import Place
from loyalty.rules.expressions import (
    BOOL,
    INT,
    STRING,
    Expression,
    Interval,
    Symbol,
    Type,
    compile_expression,
    emit,
    evaluate,
    helpers,
    money_type,
    names_in,
    points_type,
    to_cel,
)
from loyalty.rules.expressions.tree import Choice

EUR: Final = money_type("EUR")
SCOPE: Final = {
    "event.amount": Symbol(EUR, Interval(0, 5_000_000_000), code="e.f_amount"),
    "event.seats": Symbol(INT, Interval(-5, 500), code="e.f_seats"),
    "event.registered": Symbol(BOOL, code="e.f_registered"),
    "event.level": Symbol(STRING, code="e.f_level", values=("associate", "expert")),
    "person.level": Symbol(STRING, code="p.f_level", values=("associate", "expert")),
    "event.track": Symbol(STRING, code="e.f_track"),
    "event.discount": Symbol(INT, Interval(0, 100), code="e.f_discount", present="e.p_discount"),
    "status": Symbol(points_type("status"), Interval(0, 10**6), code="s.status"),
    "credits": Symbol(points_type("credits"), Interval(0, 10**6), code="s.credits"),
    "edge": Symbol(INT, code="s.edge"),
}


def compiled(source: str, expects: Type | None = None) -> Expression:
    """Compile with the names above; credits have two decimal places."""
    place = Place("p.yaml", 1, 1)
    return compile_expression(source, SCOPE, expects=expects, place=place, scales={"EUR": 2, "JPY": 0, "credits": 2})


def python(source: str) -> str:
    """Give the generated source; every text has the code 7 or, as free text, 8."""
    return emit(compiled(source), lambda name, _text: 8 if name == "event.track" else 7)


@pytest.mark.parametrize(
    ("source", "type", "lo", "hi"),
    [
        ("event.amount + money('1 EUR')", EUR, 100, 5_000_000_100),
        ("event.amount - event.amount", EUR, -5_000_000_000, 5_000_000_000),
        ("event.amount * 3", EUR, 0, 15_000_000_000),
        ("3 * event.amount", EUR, 0, 15_000_000_000),
        ("event.amount / 100", EUR, 0, 50_000_000),
        ("event.amount / money('100 EUR')", INT, 0, 500_000),
        ("event.amount % money('100 EUR')", EUR, 0, 9_999),
        ("-event.amount", EUR, -5_000_000_000, 0),
        ("money('1_000.50 EUR')", EUR, 100_050, 100_050),
        ("money('-3 EUR')", EUR, -300, -300),
        ("money('7 JPY')", money_type("JPY"), 7, 7),
        ("status + 5", points_type("status"), 5, 1_000_005),
        ("status / 2", points_type("status"), 0, 500_000),
        ("status % 10", points_type("status"), 0, 9),
        ("credits + 5", points_type("credits"), 500, 1_000_500),
        ("min(event.seats, 10)", INT, -5, 10),
        ("max(event.seats, 10, 3)", INT, 10, 500),
        ("event.seats > 0 ? event.seats : 1", INT, 1, 500),
        ("event.seats * event.seats", INT, -2500, 250_000),
        ("event.seats % 7", INT, -5, 6),
        ("mul_div(event.amount, 3, 100, 'half_even')", EUR, 0, 150_000_000),
        ("mul_div(event.amount, 1, money('100 EUR'), 'down')", INT, 0, 500_000),
        ("mul_div(money('10 EUR'), event.seats, 3, 'up')", EUR, -1667, 166_667),
        ("edge / 2", INT, -(2**62), 2**62 - 1),
    ],
)
def test_type_and_range(source: str, type: Type, lo: int, hi: int) -> None:
    """Arithmetic has the type that its units give, and the range that its operands allow."""
    expression = compiled(source)
    assert (expression.type, expression.interval) == (type, Interval(lo, hi))


@pytest.mark.parametrize(
    "source",
    [
        "event.seats != 0 && 10 / event.seats > 2",
        "0 != event.seats && 10 / event.seats > 2",
        "!(event.seats == 0) && 10 / event.seats > 2",
        "event.seats == 0 || 10 / event.seats > 2",
        "event.seats <= 0 || 10 / event.seats > 2",
        "event.seats > 0 ? 10 / event.seats > 2 : false",
        "event.seats == 0 ? false : 10 / event.seats > 2",
        "event.seats in [1, 2, 3] && 10 / event.seats > 2",
        "!(event.seats in [0]) && 10 / event.seats > 2",
        "event.seats > 0 && event.registered && 10 % event.seats == 0",
        "event.registered && event.seats > 3 && (event.level == 'expert' || 10 / event.seats > 2)",
        "(event.seats < 0 || event.seats > 0) && 10 / event.seats > 2",
        "!(event.seats >= 0 && event.seats <= 0) && 10 / event.seats > 2",
        "(event.registered ? event.seats > 0 : event.seats < 0) && 10 / event.seats > 2",
        "(event.seats > 0) == true && 10 / event.seats > 2",
        "event.seats > 1 && 10 / (event.seats - 1) > 2",
        "event.seats - 1 != 0 && 10 / (event.seats - 1) > 2",
        "event.amount > money('0 EUR') && money('10 EUR') / event.amount > 2",
        "max(event.seats, 1) > 0 && 10 / max(event.seats, 1) > 2",
        "edge < 100 && edge > -100 && edge * edge < 50",
        "edge != 9223372036854775807 && edge + 1 > 0",
        "has(event.discount) && event.discount > 3",
        "!has(event.discount) || event.discount > 3",
        "has(event.discount) ? event.discount > 3 : true",
        "!(has(event.discount) && event.registered) || event.discount > 3",
        "has(event.discount) && event.discount != 0 && 100 / event.discount > 2",
    ],
)
def test_guards_are_understood(source: str) -> None:
    """A guard before a division, a sum or an optional name is proof enough, in all its usual spellings."""
    assert compiled(source, BOOL).type == BOOL


@pytest.mark.parametrize(
    ("condition", "then", "otherwise"),
    [
        ("event.seats < 10", (-5, 9), (10, 500)),
        ("event.seats <= 10", (-5, 10), (11, 500)),
        ("event.seats > 10", (11, 500), (-5, 10)),
        ("event.seats >= 10", (10, 500), (-5, 9)),
        ("10 > event.seats", (-5, 9), (10, 500)),
        ("10 >= event.seats", (-5, 10), (11, 500)),
        ("10 < event.seats", (11, 500), (-5, 10)),
        ("10 <= event.seats", (10, 500), (-5, 9)),
        ("event.seats == 10", (10, 10), (-5, 500)),
        ("event.seats == 500", (500, 500), (-5, 499)),
        ("event.seats != -5", (-4, 500), (-5, -5)),
        ("event.seats in [3, 8]", (3, 8), (-5, 500)),
        ("event.seats in [-5, -4, 500]", (-5, 500), (-3, 499)),
        ("event.seats > 3 && event.seats < 8", (4, 7), (-5, 500)),
        ("event.seats < 3 || event.seats == 8", (-5, 8), (3, 500)),
        ("event.seats > 3 || event.registered", (-5, 500), (-5, 3)),
        ("event.seats > 600", (-5, 500), (-5, 500)),
        ("event.seats < max(event.seats, 7)", (-5, 499), (7, 500)),
    ],
)
def test_ranges_on_both_sides_of_a_condition(condition: str, then: tuple[int, int], otherwise: tuple[int, int]) -> None:
    """A condition narrows a name to exactly what it says, and its opposite to the rest."""
    tree = compiled(f"{condition} ? event.seats : event.seats").tree
    assert isinstance(tree, Choice)
    found = [(part.bounds.lo, part.bounds.hi) for part in (tree.then, tree.otherwise)]
    assert found == [then, otherwise]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("event.amount >= money('1000 EUR') && event.registered", "e.f_amount >= 100000 and e.f_registered != 0"),
        ("event.amount / money('100 EUR')", "e.f_amount // 10000"),
        ("event.seats / 2", "trunc_div(e.f_seats, 2)"),
        ("event.seats % 2", "trunc_mod(e.f_seats, 2)"),
        ("event.seats >= 0 ? event.seats / 2 : 0", "e.f_seats // 2 if e.f_seats >= 0 else 0"),
        ("event.level == 'expert'", "e.f_level == 7"),
        ("event.level == person.level", "e.f_level == p.f_level"),
        ("event.track in ['a', 'b']", "e.f_track == 8 or e.f_track == 8"),
        ("event.track in []", "False"),
        ("'a' == 'a'", "True"),
        ("!event.registered", "not e.f_registered != 0"),
        ("(event.registered ? 'a' : 'b') == 'a'", "(0 if e.f_registered != 0 else 1) == 0"),
        ("event.seats == 1 == event.registered", "(e.f_seats == 1) == (e.f_registered != 0)"),
        ("has(event.discount) ? event.discount : 0", "e.f_discount if e.p_discount != 0 else 0"),
        ("has(event.seats)", "True"),
        ("min(event.seats, 3)", "min(e.f_seats, 3)"),
        ("mul_div(event.seats, 3, 7, 'up')", "mul_div(e.f_seats, 3, 7, 1)"),
        ("event.seats - (event.seats - 1)", "e.f_seats - (e.f_seats - 1)"),
        ("-(-event.seats)", "-(-e.f_seats)"),
        ("-9223372036854775808 < edge", "-9223372036854775807 - 1 < s.edge"),
    ],
)
def test_generated_source(source: str, expected: str) -> None:
    """Generated source is short, has no call where ``//`` is proven right, and no chained comparison."""
    assert python(source) == expected


def test_names_can_be_read_elsewhere() -> None:
    """A refund reads the fields of the deal it refunds; what binds loosely gets parentheses."""
    expression = compiled("event.amount * 2 > money('1 EUR')")
    assert emit(expression, lambda *_: 0, rename={"event.amount": "a + b"}) == "(a + b) * 2 > 100"


def test_texts_are_interned_beside_the_name_that_they_meet() -> None:
    """The host is asked for each text with the dotted name whose codes it takes."""
    asked: list[tuple[str, str]] = []

    def intern(name: str, text: str) -> int:
        asked.append((name, text))
        return len(asked)

    emit(compiled("'expert' == event.level || event.track in ['x', 'y']"), intern)
    assert asked == [("event.level", "expert"), ("event.track", "x"), ("event.track", "y")]


def test_names_are_reported_with_those_only_asked_about() -> None:
    """An expression names everything that it reads, has() included; the quick reader gives the same."""
    source = "has(event.discount) && event.seats > 3 && event.seats < 9"
    assert compiled(source).names == {"event.discount", "event.seats"}
    assert names_in(source) == ["event.discount", "event.seats"]
    assert names_in("event. >") == []


def test_points_are_written_as_plain_numbers() -> None:
    """A written number beside points stands for that many points, in the decimal places of their currency."""
    assert python("status >= 2000") == "s.status >= 2000"
    assert python("credits >= 20") == "s.credits >= 2000"
    assert python("credits in [1, 2]") == "s.credits == 100 or s.credits == 200"
    assert compiled("500", points_type("status")).interval == Interval(500, 500)


def test_pure_cel_has_plain_names_and_minor_units() -> None:
    """For other implementations amounts are whole numbers, and min() is written out."""
    assert to_cel(compiled("event.amount >= money('1 EUR')")) == "(event_amount >= 100)"
    assert to_cel(compiled("min(event.seats, 3)")) == "(3 < event_seats ? 3 : event_seats)"
    assert to_cel(compiled("has(event.discount)")) == "has_event_discount"


def test_interpreter_refuses_what_is_absent() -> None:
    """A name that is always there must be given; an optional one may be None."""
    with pytest.raises(KeyError, match=r"event\.seats has no value"):
        evaluate(compiled("event.seats > 3"), {})
    assert evaluate(compiled("has(event.discount)"), {"event.discount": None}) is False


def test_interpreter_refuses_to_leave_64_bits() -> None:
    """A value outside its declared range cannot pass unnoticed beyond 64 bits."""
    with pytest.raises(OverflowError, match="leaves 64 bits"):
        evaluate(compiled("event.seats * 2 > 3"), {"event.seats": 2**63})


def test_deep_expressions_are_accepted_as_cel_demands() -> None:
    """32 parentheses, 24 chained choices, 32 conditions and 24 signs are what CEL asks every reader to take."""
    choices = "event.registered ? 1 : " * 24 + "2"
    for source in (
        "(" * 32 + "7" + ")" * 32,
        choices,
        " && ".join(["true"] * 99),
        "1" + " + 1" * 40,
        "!" * 32 + "true",
    ):
        assert eval(python(source).replace("e.f_registered", "1")) in (7, 1, True, 41)


@pytest.mark.parametrize("rounding", Rounding)
def test_mul_div_rounds_as_amounts_do(rounding: Rounding) -> None:
    """The helper of generated source rounds as every other division of the library, whatever the signs."""
    for product in range(-25, 26):
        for divisor in (-7, -4, -1, 1, 2, 4, 5, 10):
            expected = divide(product if divisor > 0 else -product, abs(divisor), rounding)
            assert helpers.mul_div(product, 1, divisor, helpers.MODES[rounding]) == expected


#: Sources whose Python is compiled by numba as well; together they use every construct over numbers.
KERNEL: Final = [
    "event.seats / 7",
    "event.seats % 7",
    "event.seats / -7 + event.seats % -7",
    "event.seats != 0 ? 1000 / event.seats : -1",
    "event.seats > 0 ? 1000 % event.seats : event.seats",
    "mul_div(event.seats, 5, 10, 'half_even') + mul_div(event.seats, 5, -10, 'half_up')",
    "mul_div(edge / 4, 2, 9, 'up') + mul_div(event.seats, 1, 3, 'down')",
    "min(event.seats, 3, -event.seats) - max(event.seats, edge / 8)",
    "event.seats in [1, 2, -3] || event.registered && !(edge == 9223372036854775807) ? 1 : 0",
    "has(event.discount) && event.discount > 3 ? event.discount : -9223372036854775808",
    "(event.registered == (event.seats > 3)) != (edge >= 0) ? 1 : 2",
    "edge / 3",
    "edge % 10",
    "mul_div(edge, 1, 9223372036854775807, 'half_even')",
]


def test_numba_agrees_with_plain_python() -> None:
    """The generated source gives the same integers compiled for 64 bits as in plain Python, at the edges too."""
    numba = pytest.importorskip("numba", reason="the simulation extra is not installed")
    body = "".join(f"    out[{index}] = {python(source)}\n" for index, source in enumerate(KERNEL))
    for owner in ("e.f_", "e.p_", "s."):
        body = body.replace(owner, owner.replace(".", "_"))
    text = f"def kernel(e_f_seats, e_f_registered, e_f_discount, e_p_discount, s_edge, out):\n{body}"
    plain: dict[str, Any] = dict(vars(helpers))
    exec(text, plain)
    fast: dict[str, Any] = {name: numba.njit(plain[name]) for name in ("trunc_div", "trunc_mod", "mul_div")}
    exec(text, fast)
    kernel = numba.njit(fast["kernel"])
    numpy = pytest.importorskip("numpy")
    for seats in (-5, -1, 0, 1, 3, 7, 499, 500):
        for edge in (-(2**63), -(2**63) + 1, -1, 0, 5, 2**63 - 1):
            arguments = (seats, seats % 2, abs(seats) % 8, seats % 3, edge)
            exact: list[int] = [0] * len(KERNEL)
            plain["kernel"](*arguments, exact)
            wide = numpy.zeros(len(KERNEL), dtype=numpy.int64)
            kernel(*arguments, wide)
            assert wide.tolist() == exact
