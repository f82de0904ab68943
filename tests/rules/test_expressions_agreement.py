"""
Three evaluations of one expression agree: the generated source, our interpreter, and Google's implementation of CEL.

The expressions are drawn as text, so that the reader is under test as well. Some are refused, for a divisor that can
be 0 or a number that can be too large; nothing else may be wrong with them.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from loyalty.core.amounts import format_minor_units
from loyalty.errors import Finding, Place, ProgrammeError
from loyalty.rules.expressions import (
    BOOL,
    INT,
    STRING,
    Expression,
    Interval,
    Symbol,
    Type,
    TypeKind,
    cel_name,
    cel_presence_name,
    compile_expression,
    emit,
    evaluate,
    helpers,
    money_type,
    points_type,
    to_cel,
)

EUR, STATUS = money_type("EUR"), points_type("status")
LEVELS = ("associate", "expert", "master")
EDGE = Interval(-(2**63), 2**63 - 1)


def declared(name: str, type: Type, *bounds: int, optional: bool = False, **more: Any) -> Symbol:
    """Declare a name that the generated source reads from a plain variable."""
    code = cel_name(name)
    interval = Interval(*bounds) if bounds else None
    return Symbol(type, interval, code=code, present=f"has_{code}" if optional else "", **more)


SCOPE = {
    name: declared(name, *rest, **more)  # type: ignore[arg-type]
    for name, rest, more in (
        ("event.amount", (EUR, 0, 10**9), {}),
        ("event.margin", (EUR, -500, 500), {}),
        ("event.count", (INT, 0, 50), {}),
        ("event.delta", (INT, -7, 7), {}),
        ("tier.rank", (INT, 1, 5), {}),
        ("wide", (INT, -(2**40), 2**40), {}),
        ("edge", (INT, EDGE.lo, EDGE.hi), {}),
        ("event.bonus", (INT, -3, 9), {"optional": True}),
        ("year_status", (STATUS, 0, 10**6), {}),
        ("event.level", (STRING,), {"values": LEVELS}),
        ("tier.level", (STRING,), {"values": LEVELS}),
        ("event.track", (STRING,), {}),
        ("event.registered", (BOOL,), {}),
        ("event.strategic", (BOOL,), {"optional": True}),
    )
}
TRACKS = ("sales", "tech", 'übung "x"')
REFUSALS = {"possible-overflow", "possible-zero-division"}
_CENTS = 'money("0.07 EUR")'
_WORDS = {"int": INT, "bool": BOOL, "string": STRING, "eur": EUR, "status": STATUS}


@st.composite
def sources(draw: st.DrawFn, kind: str, depth: int, seen: frozenset[str] = frozenset()) -> str:
    """Draw the text of a well-typed expression; *seen* are the optional names that a guard has established."""

    def part(of: str, more: frozenset[str] = frozenset()) -> str:
        return draw(sources(of, depth - 1, seen | more))

    def one(*options: str) -> str:
        return draw(st.sampled_from(options))

    # Free texts stay out of the drawn strings, for they do not share their codes with declared ones.
    leaves = [name for name in SCOPE if SCOPE[name].type == _WORDS[kind] and name != "event.track"]
    readable = [name for name in leaves if not SCOPE[name].optional or name in seen]
    if depth == 0 or draw(st.integers(0, 5)) == 0:
        return draw(st.one_of(st.sampled_from(readable), _literals(kind)))
    if draw(st.integers(0, 6)) == 0:
        optional = one("event.bonus", "event.strategic")
        # Of two numbers alone nobody could say that they are points.
        other = "year_status" if kind == "status" else part(kind)
        return one(
            f"(has({optional}) ? {part(kind, frozenset([optional]))} : {other})",
            f"({part('bool')} ? {part(kind)} : {other})",
        )
    if kind == "bool":
        return _condition(draw, part, one)
    if kind == "string":
        return f"({part('bool')} ? event.level : {one('tier.level', *(repr(level) for level in LEVELS))})"
    return _number(draw, kind, part, one)


def _condition(draw: st.DrawFn, part: Any, one: Any) -> str:
    shape = draw(st.integers(0, 8))
    number = one("int", "eur", "status")
    if shape <= 1:
        return f"({part('bool')} {one('&&', '||')} {part('bool')})"
    if shape == 2:
        return f"!({part('bool')})"
    if shape == 3:
        listed = ", ".join(draw(st.lists(_literals(number), max_size=3)))
        # A number alone cannot be both the item and points, so that a name gives the type.
        item = {"int": part("int"), "eur": part("eur"), "status": "year_status"}[number]
        return f"{item} in [{listed}]" if draw(st.booleans()) else f"({item}) in [{listed}]"
    if shape == 4:
        text = one("event.level", "tier.level", "(event.registered ? event.level : tier.level)")
        return one(
            f"{text} {one('==', '!=')} {one('tier.level', *map(repr, LEVELS))}",
            f"event.track {one('==', '!=')} {one('event.track', *map(_quoted, TRACKS))}",
            f"{text} in [{', '.join(draw(st.lists(st.sampled_from([repr(x) for x in LEVELS]), max_size=3)))}]",
            f"(event.registered ? 'a' : 'b') {one('==', '!=')} 'a'",
        )
    if shape == 5:
        optional = one("event.bonus", "event.strategic")
        guarded = part("bool", frozenset([optional]))
        return one(f"(has({optional}) && {guarded})", f"(!has({optional}) || {guarded})")
    if shape == 6:
        divisor = one("event.delta", "event.count", "wide", "edge")
        limit = draw(st.integers(-2, 2))
        return one(
            f"({divisor} != 0 && {part('int')} / {divisor} {one('<', '>=')} {limit})",
            f"({divisor} == 0 || {part('int')} % {divisor} {one('<', '>=')} {limit})",
            f"({divisor} > 0 && {divisor} < 40 && {part('int')} / {divisor} == {limit})",
            f"(!({divisor} <= 1 || edge == {limit}) && {part('int')} % ({divisor} - 1) != edge)",
        )
    if shape == 7:
        return f"({part('bool')}) {one('==', '!=')} ({part('bool')})"
    left = part(number) if number != "status" else "year_status"
    return f"{left} {one('==', '!=', '<', '<=', '>', '>=')} {part(number)}"


def _number(draw: st.DrawFn, kind: str, part: Any, one: Any) -> str:
    shape = draw(st.integers(0, 8))
    unit = "year_status" if kind == "status" else part(kind)
    if shape <= 1:
        return f"({unit} {one('+', '-')} {part(kind)})"
    if shape == 2:
        factor = draw(st.integers(-9, 9))
        return one(f"({unit}) * {factor}", f"{factor} * ({unit})")
    if shape == 3:
        divisor = draw(st.integers(-9, 9).filter(bool))
        return f"({unit}) {one('/', '/' if kind != 'int' else '%')} {one(str(divisor), 'tier.rank')}"
    if shape == 4:
        return f"{one('min', 'max')}({unit}, {part(kind)}{draw(st.sampled_from(['', ', ' + part(kind)]))})"
    if shape == 5:
        rounding = one("down", "up", "half_up", "half_even")
        divisor = one("3", "-4", "10", "tier.rank", "-tier.rank", "(event.delta == 0 ? 2 : event.delta)")
        return f'mul_div({unit}, {part("int")}, {divisor}, "{rounding}")'
    if shape == 6:
        return f"-({unit})"
    if shape == 7 and kind == "int":
        return one(
            f"({part('eur')}) / {one(_CENTS, f'max(event.amount, {_CENTS})')}",
            f"(event.delta < 0 || event.delta > 0 ? {part('int')} / event.delta : {part('int')})",
            f"(event.delta in [1, 2, 3] ? {part('int')} % event.delta : 0)",
        )
    return f"({unit}) % {_positive(kind)}"


def _positive(kind: str) -> str:
    return {"int": "11", "eur": 'money("0.13 EUR")', "status": "17"}[kind]


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '\\"') + '"'


def _literals(kind: str) -> st.SearchStrategy[str]:
    if kind == "bool":
        return st.sampled_from(["true", "false"])
    if kind == "string":
        return st.sampled_from([_quoted(level) for level in LEVELS])
    if kind == "eur":
        return st.integers(-500, 500).map(lambda cents: f'money("{format_minor_units(cents, 2)} EUR")')
    numbers = st.integers(-60, 60).map(str)
    return numbers if kind == "status" else st.one_of(numbers, st.sampled_from(["0x1F", "-0x10", "1099511627776"]))


@st.composite
def values(draw: st.DrawFn) -> dict[str, int | str | bool | None]:
    """Draw a value within its declaration for each name; optional ones can be absent."""
    drawn: dict[str, int | str | bool | None] = {}
    for name, symbol in SCOPE.items():
        if symbol.optional and draw(st.booleans()):
            drawn[name] = None
        elif symbol.interval:
            lo, hi = symbol.interval.lo, symbol.interval.hi
            drawn[name] = draw(st.one_of(st.integers(lo, hi), st.sampled_from([lo, hi])))
        elif symbol.type == BOOL:
            drawn[name] = draw(st.booleans())
        else:
            drawn[name] = draw(st.sampled_from(symbol.values or TRACKS))
    return drawn


class Codes:
    """Texts as the codes that a host keeps for them: shared by names with the same values."""

    def __init__(self) -> None:
        self.known: dict[tuple[object, str], int] = {}

    def intern(self, name: str, text: str) -> int:
        """Give the code of a text beside a name."""
        symbol = SCOPE[name]
        return self.known.setdefault((symbol.values or name, text), len(self.known))


def run(expression: Expression, given_values: dict[str, int | str | bool | None]) -> int | bool:
    """Run the generated source on coded values; what is absent reads as 0, as it does in flat state."""
    codes = Codes()
    variables: dict[str, Any] = {name: getattr(helpers, name) for name in ("trunc_div", "trunc_mod", "mul_div")}
    for name, value in given_values.items():
        coded = codes.intern(name, value) if isinstance(value, str) else int(value or 0)
        variables[cel_name(name)] = coded
        variables[f"has_{cel_name(name)}"] = int(value is not None)
    result = eval(emit(expression, codes.intern), variables)
    assert isinstance(result, bool) == (expression.type == BOOL)
    return result  # type: ignore[no-any-return]


def google(expression: Expression, given_values: dict[str, int | str | bool | None]) -> int | bool:
    """Evaluate the pure CEL of an expression with Google's implementation."""
    cel = pytest.importorskip("cel_expr_python.cel", reason="the oracle is installed for development only")
    kinds = {TypeKind.BOOL: cel.Type.BOOL, TypeKind.STRING: cel.Type.STRING}
    variables = {cel_name(name): kinds.get(symbol.type.kind, cel.Type.INT) for name, symbol in SCOPE.items()}
    present = {cel_presence_name(name): cel.Type.BOOL for name in SCOPE}
    program = cel.NewEnv(variables=variables | present).compile(to_cel(expression))
    data = {cel_name(name): value for name, value in given_values.items() if value is not None}
    data |= {cel_presence_name(name): value is not None for name, value in given_values.items()}
    return program.eval(data=data).value()  # type: ignore[no-any-return]


def compiled(source: str, expects: Type) -> Expression:
    """Compile what was drawn; a refusal is no example, and must be one of the two that are allowed."""
    found: list[Finding] = []
    try:
        return compile_expression(source, SCOPE, expects=expects, place=Place("drawn", 1, 1), scales={"EUR": 2})
    except ProgrammeError as error:
        found.extend(error.findings)
    assert {finding.code for finding in found} <= REFUSALS, f"{source}: {found}"
    return reject()


typed_sources = st.sampled_from(["bool", "bool", "int", "eur", "status"]).flatmap(
    lambda kind: st.tuples(sources(kind, 3), st.just(_WORDS[kind]))
)


@given(typed_sources, values())
@settings(deadline=None, suppress_health_check=list(HealthCheck))
def test_three_evaluations_agree(typed: tuple[str, Type], drawn: dict[str, int | str | bool | None]) -> None:
    """Generated source, interpreter and Google's CEL give the same value, which lies in the proven interval."""
    expression = compiled(*typed)
    expected = evaluate(expression, drawn)
    assert run(expression, drawn) == expected
    # What repeats its operands too often is more than Google's reader takes; the other two still have to agree.
    if len(to_cel(expression)) < 90_000:
        assert google(expression, drawn) == expected
    if expression.interval:
        assert expected in expression.interval


@given(typed_sources)
@settings(deadline=None, suppress_health_check=list(HealthCheck))
def test_pure_cel_is_read_back_with_the_same_type(typed: tuple[str, Type]) -> None:
    """What we write as CEL compiles under Google's type checker to the type that we gave it."""
    cel = pytest.importorskip("cel_expr_python.cel", reason="the oracle is installed for development only")
    expression = compiled(*typed)
    kinds = {TypeKind.BOOL: cel.Type.BOOL, TypeKind.STRING: cel.Type.STRING}
    variables = {cel_name(name): kinds.get(symbol.type.kind, cel.Type.INT) for name, symbol in SCOPE.items()}
    present = {cel_presence_name(name): cel.Type.BOOL for name in SCOPE}
    program = cel.NewEnv(variables=variables | present).compile(to_cel(expression))
    assert program.return_type() == kinds.get(expression.type.kind, cel.Type.INT)
