"""
What is wrong with an expression: each kind of finding, with the place and the carets that a writer sees.
"""

from __future__ import annotations

from typing import Final

import pytest

from loyalty.errors import Finding, Place, ProgrammeError
from loyalty.rules.expressions import (
    BOOL,
    INT,
    STRING,
    Interval,
    Symbol,
    Type,
    compile_expression,
    money_type,
    points_type,
)

SCOPE: Final = {
    "event.amount": Symbol(money_type("EUR"), Interval(0, 5_000_000_000)),
    "event.fee": Symbol(money_type("USD"), Interval(0, 10**6)),
    "event.seats": Symbol(INT, Interval(0, 500)),
    "event.level": Symbol(STRING, values=("associate", "expert")),
    "event.track": Symbol(STRING),
    "event.discount": Symbol(INT, Interval(0, 100), present="e.has_discount"),
    "tier.level": Symbol(STRING, values=("base", "gold")),
    "status": Symbol(points_type("status"), Interval(0, 10**6)),
    "points": Symbol(points_type("points"), Interval(0, 10**6)),
    "counter": Symbol(INT),
    "big": Symbol(INT, Interval(0, 10**10)),
    "flag": Symbol(BOOL),
}


def findings(source: str, expects: Type | None = None, place: Place | None = None) -> tuple[Finding, ...]:
    """Compile what must be refused, and give what was found."""
    with pytest.raises(ProgrammeError) as caught:
        compile_expression(
            source, SCOPE, expects=expects, place=place or Place("p.yaml", 1, 1), scales={"EUR": 2, "USD": 2}
        )
    return caught.value.findings


#: The source, the stable code, the part under the carets, and a phrase of why or of the fix.
KINDS: Final = [
    ("", "empty-expression", "", "write an expression"),
    ("  // only a remark", "empty-expression", " ", "nothing to compute"),
    ("flag # x", "unexpected-character", "#", "outside a string"),
    ("event.seats = 3", "unexpected-character", "=", "`==`"),
    ("flag & flag", "unexpected-character", "&", "`&&`"),
    ("flag | flag", "unexpected-character", "|", "`||`"),
    ("event.track == “x”", "unexpected-character", "“", "straight quotes"),
    ("event.track == 'x", "unterminated-string", "'x", "closing '"),
    ("event.track == 'x\n'", "unterminated-string", "'x", "same line"),
    ("event.track == '\\q'", "bad-escape", "\\q", "raw string"),
    ("event.track == '\\ud800'", "bad-escape", "\\ud800", "D800"),
    ("event.track == '\\U00110000'", "bad-escape", "\\U00110000", "10FFFF"),
    ("event.seats > 1_000", "syntax-error", "1_000", "write 1000"),
    ("event.seats > 3 and flag", "syntax-error", "and", "`&&`"),
    ("not flag", "syntax-error", "flag", "ends before it"),
    ("flag ||", "syntax-error", "", "value must stand here"),
    ("(flag", "syntax-error", "", "not closed"),
    ("flag)", "syntax-error", ")", "ends before it"),
    ("event.seats in [1, 2", "syntax-error", "", "`,` or `]`"),
    ("min(1, 2,)", "syntax-error", ",", "remove the comma"),
    ("flag ? 1", "syntax-error", "", "write `:`"),
    ("flag ? flag ? 1 : 2 : 3", "syntax-error", "?", "(b ? x : y)"),
    ("-!flag", "syntax-error", "!", "value must stand here"),
    ("event.in", "syntax-error", "in", "rest of a name"),
    ("in [1]", "syntax-error", "in", "before `in`"),
    ("event.seats > 9223372036854775808", "integer-too-large", "9223372036854775808", "64 bits"),
    ("-9223372036854775809", "integer-too-large", "9223372036854775809", "64 bits"),
    ("0xfffffffffffffffff", "integer-too-large", "0xfffffffffffffffff", "64 bits"),
    ("while > 3", "reserved-word", "while", "reserves"),
    ("namespace", "reserved-word", "namespace", "reserves"),
    ("1.5 > 1", "unsupported-feature", "1.5", "floating point"),
    ("1e3 > 1", "unsupported-feature", "1e3", "floating point"),
    (".5 > 1", "unsupported-feature", ".5", "floating point"),
    ("1u > 1", "unsupported-feature", "1u", "unsigned"),
    ("b'x' == b'x'", "unsupported-feature", "b'", "bytes"),
    ("event.track == null", "unsupported-feature", "null", "has(name)"),
    ("event.track.matches('a')", "unsupported-feature", "matches", "whole strings"),
    ("event.track.startsWith('a')", "unsupported-feature", "startsWith", "one_of"),
    ("[1, 2].map(x, x * 2)", "unsupported-feature", "map", "subset"),
    ("[1, 2].exists(x, x == 2)", "unsupported-feature", "exists", "subset"),
    ("[1, 2][0] == 1", "unsupported-feature", "[", "in [a, b]"),
    ("{'a': 1}", "unsupported-feature", "{", "declared names"),
    ("Thing{a: 1}", "unsupported-feature", "{", "declared names"),
    (".event.seats > 1", "unsupported-feature", ".", "whole dotted name"),
    ("event.`seats`", "unsupported-feature", "`", "back quotes"),
    ("(1).x", "unsupported-feature", "x", "dotted name"),
    ("size(event.track) > 1", "unsupported-feature", "size", "functions are"),
    ("timestamp('2026-01-01T00:00:00Z') == 1", "unsupported-feature", "timestamp", "functions are"),
    ("duration('1h') == 1", "unsupported-feature", "duration", "functions are"),
    ("'a' + event.track == 'ab'", "unsupported-feature", "'a'", "numbers and amounts"),
    ("event.track < 'b'", "unsupported-feature", "<", "`in` only"),
    ("flag < true", "unsupported-feature", "<", "`in` only"),
    ("[1] < [2]", "unsupported-feature", "<", "`in` only"),
    ("[1] in []", "unsupported-feature", "in", "only"),
    ("flag ? [1] : [2]", "unsupported-feature", "?", "where it is used"),
    ("event.amuont > money('1 EUR')", "unknown-name", "event.amuont", "write event.amount"),
    ("event > 1", "unknown-name", "event", "group of fields"),
    ("counterr > 1", "unknown-name", "counterr", "write counter"),
    ("has(event.discuont)", "unknown-name", "event.discuont", "write event.discount"),
    ("mim(1, 2) > 1", "unknown-function", "mim", "write min(...)"),
    ("points('3') > 1", "unknown-function", "points", "number alone"),
    ("!event.seats", "wrong-type", "event.seats", "takes conditions"),
    ("flag && event.seats", "wrong-type", "event.seats", "`!= 0`"),
    ("event.track || flag", "wrong-type", "event.track", "takes conditions"),
    ("event.seats ? 1 : 2", "wrong-type", "event.seats", "takes conditions"),
    ("-flag", "wrong-type", "flag", "write `!`"),
    ("flag + 1", "wrong-type", "flag", "numbers and amounts"),
    ("event.amount * event.amount > money('1 EUR')", "wrong-type", "*", "no amount"),
    ("10 / event.amount > 1", "wrong-type", "/", "no unit"),
    ("event.seats in event.track", "wrong-type", "event.track", "list of literals"),
    ("min(flag, true)", "wrong-type", "flag", "numbers and amounts"),
    ("mul_div(flag, 1, 2, 'down')", "wrong-type", "flag", "numbers and amounts"),
    ("mul_div(event.amount, event.amount, 2, 'down')", "wrong-type", "mul_div", "no unit"),
    ("event.amount >= 1000", "mixed-types", ">=", 'write money("1000 EUR")'),
    ("1000 < event.amount", "mixed-types", "<", 'write money("1000 EUR")'),
    ("event.track == 3", "mixed-types", "==", "quotes"),
    ("status > event.seats", "mixed-types", ">", "same currency"),
    ("flag == 1", "mixed-types", "==", "same type"),
    ("event.seats in ['a']", "mixed-types", "in", "same type"),
    ("event.seats in [1, 'a']", "mixed-types", "'a'", "same type"),
    ("flag ? 1 : 'a'", "mixed-types", "?", "same type"),
    ("min(1, event.amount) > money('1 EUR')", "mixed-types", "event.amount", "money("),
    ("[1] == ['a']", "mixed-types", "==", "same type"),
    ("event.amount + event.fee > money('1 EUR')", "mixed-units", "+", "one unit"),
    ("event.amount > event.fee", "mixed-units", ">", "no rate"),
    ("status > points", "mixed-units", ">", "one unit"),
    ("event.seats in [1, event.seats]", "list-of-literals", "event.seats", "x == a || x == b"),
    ("big * big > 0", "possible-overflow", "*", "smaller `max` for big (now 10000000000)"),
    ("counter + 1 > 0", "possible-overflow", "+", "counter (it declares none)"),
    ("-counter > 0", "possible-overflow", "-counter", "9223372036854775808"),
    ("-(-9223372036854775808) > 0", "possible-overflow", "-(-9223372036854775808", "64 bits"),
    ("5000000000 * 5000000000 > 0", "possible-overflow", "*", "write smaller numbers"),
    ("counter % -1 > 0", "possible-overflow", "%", "64 bits"),
    ("mul_div(big, big, 10, 'down') > 0", "possible-overflow", "mul_div", "smaller `max`"),
    ("event.amount * 10000000000 > money('1 EUR')", "possible-overflow", "*", "now 50000000.00 EUR"),
    ("money('99999999999999999999 EUR') > event.amount", "possible-overflow", "'99999999999999999999 EUR'", "64"),
    ("10 / event.seats > 1", "possible-zero-division", "event.seats", "event.seats != 0"),
    ("10 % (event.seats - 1) > 1", "possible-zero-division", "event.seats - 1", "-1 to 499"),
    ("event.amount / event.amount > 1", "possible-zero-division", "event.amount", 'money("0 EUR")'),
    ("1 / 0 > 1", "possible-zero-division", "0", "it is 0"),
    ("mul_div(1, 2, event.seats, 'up') > 1", "possible-zero-division", "event.seats", "can be 0"),
    ("10 / event.seats > 1 && event.seats != 0", "possible-zero-division", "event.seats", "guard"),
    ("event.discount > 3", "unguarded-optional", "event.discount", "has(event.discount) && ..."),
    ("has(event.discount) || event.discount > 3", "unguarded-optional", "event.discount", "`default`"),
    ("has(event.discount) ? 1 : event.discount", "unguarded-optional", "event.discount", "absent"),
    ("event.level == 'exprt'", "unknown-value", "'exprt'", 'write "expert"'),
    ("'exprt' == event.level", "unknown-value", "'exprt'", 'write "expert"'),
    ("event.level in ['expert', 'x']", "unknown-value", "'x'", "declared values"),
    ("(flag ? event.level : 'none') == 'expert'", "unknown-value", "'none'", "one of associate, expert"),
    ("event.level == event.track", "incomparable-texts", "event.track", "same `one_of`"),
    ("event.level == tier.level", "incomparable-texts", "tier.level", "same `one_of`"),
    ("event.amount > money('1 GBP')", "unknown-unit", "'1 GBP'", "EUR, USD"),
    ("event.amount > money('1 eur')", "unknown-unit", "'1 eur'", 'money("1 EUR")'),
    ("event.amount > money('1.005 EUR')", "bad-amount", "'1.005 EUR'", "2 decimal places"),
    ("event.amount > money('1,5 EUR')", "bad-amount", "'1,5 EUR'", "plain decimal"),
    ("event.amount > money(5)", "wrong-arguments", "money(5)", 'money("1000 EUR")'),
    ("min(1) > 0", "wrong-arguments", "min(1)", "two values"),
    ("has(event.discount, flag)", "wrong-arguments", "has(event.discount, flag)", "one declared name"),
    ("has(1)", "wrong-arguments", "has(1)", "one declared name"),
    ("mul_div(1, 2, 3) > 0", "wrong-arguments", "mul_div(1, 2, 3)", "rounding"),
    ("mul_div(1, 2, 3, 'nearest') > 0", "unknown-rounding", "'nearest'", "half_even"),
    ("(" * 41 + "1" + ")" * 41, "too-deep", "(", "40"),
    ("1" + " + 1" * 41, "too-deep", "+", "40"),
]


@pytest.mark.parametrize(("source", "code", "under", "phrase"), KINDS)
def test_each_kind_of_finding(source: str, code: str, under: str, phrase: str) -> None:
    """A finding has its stable code, carets under the part that is meant, and says what to do."""
    (finding,) = findings(source)
    assert finding.code == code
    line, carets = finding.excerpt.split("\n")
    start = carets.index("^")
    assert line[start : start + carets.count("^")] == under
    assert finding.place.column == start + 1
    assert phrase in f"{finding.got} {finding.why} {finding.fix}"
    assert finding.why
    assert finding.fix


def test_all_type_errors_are_found_at_once() -> None:
    """Mistakes that do not depend on each other are reported together, in the order of the text."""
    found = findings("event.amount >= 1000 && event.foo == 1 || 1 / event.seats > 0 && flag == 3")
    assert [finding.code for finding in found] == [
        "mixed-types",
        "unknown-name",
        "possible-zero-division",
        "mixed-types",
    ]


def test_one_mistake_is_not_reported_twice() -> None:
    """What contains a mistake is silent about it, and a mistake seen from two sides is one finding."""
    assert len(findings("(event.foo + 1) * 2 > 3")) == 1
    assert len(findings("counter + 1 + 1 + 1 > 3")) == 1
    assert len(findings("(flag ? event.level : 'none') == 'none'")) == 1


def test_place_is_that_of_the_token_in_the_file() -> None:
    """A line of a block is counted from the place of the first character, and shares its indentation."""
    source = "event.amount >= money('10 EUR') &&\n  event.seats > 'a' &&\n\tevent.foo"
    found = findings(source, BOOL, Place("acme.yaml", 12, 11))
    assert [str(finding.place) for finding in found] == ["acme.yaml:13:25", "acme.yaml:14:12"]
    assert found[0].excerpt == "  event.seats > 'a' &&\n              ^"
    assert found[1].excerpt == "\tevent.foo\n\t^^^^^^^^^"


def test_unknown_place_stays_unknown() -> None:
    """Without a line the file alone is named."""
    (finding,) = findings("flag +", place=Place("x"))
    assert str(finding.place) == "x"


def test_message_reads_as_a_whole() -> None:
    """The text of the error shows place, code, line, carets, reason and remedy."""
    with pytest.raises(ProgrammeError) as caught:
        compile_expression("event.seats >= 'x'", SCOPE, expects=BOOL, place=Place("p.yaml", 3, 9), scales={})
    assert str(caught.value) == (
        "p.yaml:3:21: mixed-types: got int `>=` string\n"
        "  event.seats >= 'x'\n"
        "              ^^\n"
        "  why: both sides must have the same type\n"
        "  fix: write the string in quotes, and compare it with a declared text"
    )


@pytest.mark.parametrize(
    ("source", "expects", "phrase"),
    [
        ("event.seats", BOOL, "write a condition"),
        ("flag", INT, "write a value that is int"),
        ("event.amount", money_type("USD"), "money in USD"),
        ("event.seats", points_type("status"), "points of status"),
    ],
)
def test_result_has_the_expected_type(source: str, expects: Type, phrase: str) -> None:
    """An expression of another type than its place needs is refused, and the place's type is named."""
    (finding,) = findings(source, expects)
    assert finding.code == "wrong-result-type"
    assert phrase in finding.fix


def test_height_is_held_before_python_gives_up() -> None:
    """Chains inside parentheses add up, and are refused before any recursion is too deep."""
    source = "1"
    for _ in range(30):
        source = f"({source}{' + 1' * 5})"
    assert [finding.code for finding in findings(source)] == ["too-deep"]
