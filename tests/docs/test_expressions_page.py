"""Every example of the page on expressions gives the value, or the finding, that stands behind it."""

from __future__ import annotations

import re

import pytest

from loyalty import ProgrammeError, loads
from loyalty.core.amounts import format_minor_units
from loyalty.errors import Place
from loyalty.programme.building.scopes import event_symbols
from loyalty.rules.expressions import INT, STRING, Interval, Symbol, compile_expression, evaluate, points_type
from tests.docs.pages import DOCS, ROOT, blocks_of

PAGE = DOCS / "reference" / "expressions.md"
BLOCKS = list(blocks_of(PAGE))
SCALES = {"EUR": 2, "USD": 2, "stars": 2}
VALUES = {
    "event.amount": 125_000,
    "event.fee": 300,
    "event.budget": 1_000,
    "event.seats": 7,
    "event.registered": True,
    "event.level": "expert",
    "event.region": None,
    "event.discount": None,
    "event.person": "ann",
    "tier.level": 1,
    "tier.name": "silver",
    "year_status": 480,
    "stars_now": 150,
}
EXAMPLES = [
    tuple(part.strip() for part in line.rsplit("//", 1))
    for block in BLOCKS
    if block.language == "cel"
    for line in block.text.splitlines()
]


def scope() -> dict[str, Symbol]:
    """Give the names of the page's programme, and those that the page adds in words."""
    programme = loads(next(block.text for block in BLOCKS if block.file == "programme.yaml"))
    return {
        **event_symbols(programme.events["deal.won"]),
        "tier.level": Symbol(INT, Interval(0, 2), "tier"),
        "tier.name": Symbol(STRING, code="tier", values=("base", "silver", "gold")),
        "year_status": Symbol(INT, Interval(0, 10**9)),
        "stars_now": Symbol(points_type("stars"), Interval(0, 10**9)),
    }


def outcomes(source: str) -> set[str]:
    """Give the value of an expression as people write it, or the codes of its findings."""
    names = scope()
    try:
        expression = compile_expression(source, names, expects=None, place=Place(), scales=SCALES)
    except ProgrammeError as error:
        return {finding.code for finding in error.findings}
    value = evaluate(expression, VALUES)
    if expression.type.is_amount:
        return {f"{format_minor_units(int(value), SCALES[expression.type.unit])} {expression.type.unit}"}
    return {str(value).lower() if isinstance(value, bool) else str(value)}


@pytest.mark.parametrize(("source", "expected"), EXAMPLES, ids=[source for source, _ in EXAMPLES])
def test_example_gives_what_stands_behind_it(source: str, expected: str) -> None:
    assert expected in outcomes(source)


def test_every_finding_of_expressions_is_listed() -> None:
    source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "loyalty/rules/expressions").glob("*.py"))
    called = re.findall(r'(?:broken|fault|add|finding)\(\s*"([a-z]+(?:-[a-z]+)+)"', source)
    listed = set(re.findall(r"`([a-z-]+)`", PAGE.read_text(encoding="utf-8").split("## Findings")[1]))
    assert called
    assert set(called) <= listed, set(called) - listed
