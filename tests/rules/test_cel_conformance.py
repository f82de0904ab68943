"""
The conformance cases of CEL's specification, run where a checkout of it is given.

Set ``LOYALTY_CEL_SPEC`` to a checkout of google/cel-spec. A case that the subset refuses counts for its reason, which
has to be one of those listed; a case whose evaluation is an error must be refused.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from pathlib import Path
from typing import Any, Final

import pytest

from loyalty.errors import Finding, Place, ProgrammeError
from loyalty.rules.expressions import (
    BOOL,
    INT,
    STRING,
    Expression,
    Symbol,
    Type,
    TypeKind,
    compile_expression,
    emit,
    evaluate,
    helpers,
)

#: How many cases must run to an equal value in each file; a reader that skips all would otherwise pass.
LEAST_RUN: Final = {
    "basic": 21,
    "integer_math": 30,
    "comparisons": 41,
    "logic": 12,
    "parse": 80,
    "lists": 4,
    "plumbing": 2,
}

#: Why a case lies outside the subset, by the code of the finding.
REASONS: Final = {
    "unsupported-feature": "a feature of CEL that the subset leaves out",
    "unknown-function": "a function that the subset does not have",
    "unknown-name": "a name that the case leaves undeclared",
    "mixed-types": "two types, which CEL meets while running",
    "wrong-type": "an operand of the wrong type, which CEL meets while running",
    "list-of-literals": "a list with computed elements",
    "possible-zero-division": "a divisor that can be 0, also where CEL absorbs the error",
    "possible-overflow": "a number beyond 64 bits, an error in CEL",
    "integer-too-large": "a literal beyond 64 bits, an error in CEL",
}

SCALARS: Final = {"int64_value": int, "bool_value": bool, "string_value": str}
TYPES: Final = {"INT64": INT, "BOOL": BOOL, "STRING": STRING}


@pytest.mark.parametrize("file", LEAST_RUN)
def test_every_case_of_the_subset_agrees(file: str) -> None:
    """Each case gives the value that the specification states, or is refused for a listed reason."""
    root = os.environ.get("LOYALTY_CEL_SPEC")
    if not root:
        pytest.skip("LOYALTY_CEL_SPEC names no checkout of google/cel-spec")
    text = (Path(root) / "tests" / "simple" / "testdata" / f"{file}.textproto").read_text(encoding="utf-8")
    outcomes = Counter(
        run_case(case) for section in read_textproto(text)["section"] for case in section.get("test", ())
    )
    print(f"{file}: {dict(outcomes)}")
    assert outcomes["equal"] >= LEAST_RUN[file], outcomes


def run_case(case: dict[str, list[Any]]) -> str:
    """Run one case; give ``equal`` or the reason for which it lies outside the subset."""
    source, name = case["expr"][0], case["name"][0]
    scope = declared(case)
    if scope is None:
        return "a variable of a type that the subset does not have"
    findings: tuple[Finding, ...] = ()
    try:
        expression = compile_expression(source, scope, expects=None, place=Place(name, 1, 1), scales={})
    except ProgrammeError as error:
        findings = error.findings
    if findings:
        assert findings[0].code in REASONS, f"{name}: {findings[0]}"
        return REASONS[findings[0].code]
    assert "eval_error" not in case, f"{name}: {source} is an error in CEL, but was accepted"
    if expression.type.kind is TypeKind.LIST:
        return "a list as the result"
    expected = scalar(case["value"][0]) if "value" in case else True
    values = {entry["key"][0]: scalar(entry["value"][0]["value"][0]) for entry in case.get("bindings", ())}
    assert evaluate(expression, values) == expected, f"{name}: {source}"
    assert generated(expression, values) == expected, f"{name}: {source}"
    return "equal"


def declared(case: dict[str, list[Any]]) -> dict[str, Symbol] | None:
    """Give the declared variables, or None where one has a type that the subset does not have."""
    scope: dict[str, Symbol] = {}
    for entry in case.get("type_env", ()):
        type = entry["ident"][0]["type"][0].get("primitive", [""])[0] if "ident" in entry else ""
        if type not in TYPES:
            return None
        name = entry["name"][0]
        scope[name] = Symbol(TYPES[type], code=f"values[{name!r}]")
    return scope


def generated(expression: Expression, values: dict[str, Any]) -> Any:
    """Run the generated source; strings are numbered in the order in which they are met."""
    texts: list[str] = []

    def intern(_name: str, text: str) -> int:
        if text not in texts:
            texts.append(text)
        return texts.index(text)

    coded = {name: intern(name, value) if isinstance(value, str) else value for name, value in values.items()}
    # A string as the result has the codes of its one name, or the order in which its literals are met.
    result = eval(emit(expression, intern), {"values": coded, **vars(helpers)})
    return evaluate(expression, values) if expression.type == STRING else result


def scalar(value: dict[str, list[Any]]) -> int | bool | str:
    """Give the one value of a message of CEL's values."""
    ((kind, (written,)),) = value.items()
    return written == "true" if SCALARS[kind] is bool else SCALARS[kind](written)


_TOKEN = re.compile(
    r"""\s+|\#[^\n]*|[,;]|(?P<sign>[{}:\[\]])|(?P<text>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')|(?P<word>[^\s{}:\[\],;"']+)""",
    re.DOTALL,
)


def read_textproto(text: str) -> dict[str, list[Any]]:
    """
    Read the text form of a protocol buffer: every field holds the list of its values.

    >>> read_textproto('a: 1 b { c: "x" "y" } b: {}')
    {'a': ['1'], 'b': [{'c': ['xy']}, {}]}
    """
    tokens = [(match.lastgroup, match[0]) for match in _TOKEN.finditer(text) if match.lastgroup]
    message, position = _message(tokens, 0)
    assert position == len(tokens)
    return message


def _message(tokens: list[tuple[str | None, str]], position: int) -> tuple[dict[str, list[Any]], int]:
    fields: dict[str, list[Any]] = {}
    while position < len(tokens) and tokens[position][1] != "}":
        name = tokens[position][1]
        position += 1
        if name == "[":
            # The name of an extension or of an embedded type stands in brackets.
            name, position = tokens[position][1], position + 2
        if tokens[position] == ("sign", ":"):
            position += 1
        value: Any
        if tokens[position] == ("sign", "["):
            position += 1
            while tokens[position] != ("sign", "]"):
                value, position = _value(tokens, position)
                fields.setdefault(name, []).append(value)
            position += 1
            continue
        value, position = _value(tokens, position)
        fields.setdefault(name, []).append(value)
    return fields, position


def _value(tokens: list[tuple[str | None, str]], position: int) -> tuple[Any, int]:
    kind, text = tokens[position]
    if text == "{":
        message, position = _message(tokens, position + 1)
        return message, position + 1
    if kind != "text":
        return text, position + 1
    parts = []
    while position < len(tokens) and tokens[position][0] == "text":
        parts.append(_unescape(tokens[position][1][1:-1]))
        position += 1
    return "".join(parts), position


_SIMPLE = dict(zip("abfnrtv", "\a\b\f\n\r\t\v", strict=True))


def _unescape(text: str) -> str:
    def plain(match: re.Match[str]) -> bytes:
        body = match[1]
        if body[0] in "xX":
            return bytes([int(body[1:], 16)])
        if body[0] in "uU" and len(body) > 1:
            return chr(int(body[1:], 16)).encode()
        if body[0].isdigit():
            return bytes([int(body, 8) & 0xFF])
        return _SIMPLE.get(body, body).encode()

    # Escapes name bytes of UTF-8, so that the text is put together as bytes first.
    escape = re.compile(r"\\([xX][0-9a-fA-F]{1,2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{1,3}|.)", re.DOTALL)
    parts, end = [], 0
    for match in escape.finditer(text):
        parts += [text[end : match.start()].encode(), plain(match)]
        end = match.end()
    return b"".join([*parts, text[end:].encode()]).decode("utf-8", errors="replace")


def test_the_reader_of_cases_knows_nested_messages_and_escapes() -> None:
    """The reader of the text form is held by an example of its own, since the cases stand or fall with it."""
    assert read_textproto('a { b: "\\303\\274\\n" c: [1, 2] } # end\na: { t: \'"\' }') == {
        "a": [{"b": ["ü\n"], "c": ["1", "2"]}, {"t": ['"']}]
    }


def test_every_type_that_cases_declare_is_ours() -> None:
    """The primitives of the specification that the subset has are its int, bool and string."""
    assert {type.kind for type in TYPES.values()} == {TypeKind.INT, TypeKind.BOOL, TypeKind.STRING}
    assert all(isinstance(type, Type) for type in TYPES.values())
