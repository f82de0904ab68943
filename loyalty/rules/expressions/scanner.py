"""
Text to tokens, by the lexical rules of CEL; what the subset leaves out is named.

Source: the section "Syntax" of the language definition in google/cel-spec.

>>> from loyalty.errors import Place
>>> [token.kind.name for token in scan(SourceText("event.amount >= 0x10 // minor", Place()))]
['NAME', 'SIGN', 'NAME', 'SIGN', 'INT', 'END']
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Final

from attrs import frozen

from loyalty.rules.expressions.source import SourceText, Span
from loyalty.rules.expressions.types import INT64_MAX

#: Words that CEL keeps for languages that embed it; none can be a name.
RESERVED: Final = frozenset(
    (
        "as",
        "break",
        "const",
        "continue",
        "else",
        "for",
        "function",
        "if",
        "import",
        "let",
        "loop",
        "package",
        "namespace",
        "return",
        "var",
        "void",
        "while",
    )
)

#: Words that CEL itself uses; they cannot even follow a dot.
KEYWORDS: Final = frozenset(("true", "false", "null", "in"))


class TokenKind(Enum):
    """What a token is."""

    INT = "a whole number"
    STRING = "a string"
    NAME = "a name"
    SIGN = "a sign"
    END = "the end of the expression"


@frozen
class Token:
    """A token: its *text* as written, and the value of a number or a string."""

    kind: TokenKind
    text: str
    span: Span
    number: int = 0
    string: str = ""


_SPACE = re.compile(r"(?:[ \t\n\f\r]+|//[^\n]*)+")
_DOUBLE = re.compile(r"\d+\.\d+(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+|\.\d+(?:[eE][+-]?\d+)?")
_INT = re.compile(r"0x[0-9a-fA-F]+|\d+")
_NAME = re.compile(r"[_a-zA-Z][_a-zA-Z0-9]*")
_SIGN = re.compile(r"&&|\|\||==|!=|<=|>=|[-+*/%!<>?:.,()\[\]{}]")
_QUOTE = re.compile(r"""([bB][rR]?|[rR][bB]?)?("{3}|'{3}|"|')""")
_ESCAPE = re.compile(
    r"""\\(?:(?P<plain>[abfnrtv\\?"'`])|[xX](?P<byte>[0-9a-fA-F]{2})|(?P<octal>[0-3][0-7]{2})"""
    r"""|u(?P<short>[0-9a-fA-F]{4})|U(?P<long>[0-9a-fA-F]{8}))"""
)
_PLAIN = dict(zip("abfnrtv", "\a\b\f\n\r\t\v", strict=True))

#: What people write who know another language, and what CEL has for it.
_HABITS: Final = {
    "=": "write `==` to compare",
    "&": "write `&&` for and",
    "|": "write `||` for or",
    ";": "one expression stands alone; join conditions with `&&`",
    "^": "write `a != b` for exclusive or of conditions; powers are written out",
    "“": 'write straight quotes: "gold"',
    "”": 'write straight quotes: "gold"',
    "€": 'write money("1000 EUR")',
    "$": 'write money("1000 USD")',
    "≥": "write `>=`",
    "≤": "write `<=`",
    "≠": "write `!=`",
}


def scan(source: SourceText) -> list[Token]:
    """
    Read the whole text as tokens; the last is :attr:`TokenKind.END`.

    Raises:
        ExpressionFault: a character or a literal that the subset does not have.
    """
    tokens: list[Token] = []
    position, text = 0, source.text
    while True:
        if space := _SPACE.match(text, position):
            position = space.end()
        if position >= len(text):
            tokens.append(Token(TokenKind.END, "", Span(len(text), len(text))))
            return tokens
        token = _token(source, position)
        tokens.append(token)
        position = token.span.end


def _token(source: SourceText, start: int) -> Token:
    text = source.text
    if match := _DOUBLE.match(text, start):
        raise source.fault(
            "unsupported-feature",
            Span(start, match.end()),
            "CEL's double literals are left out: floating point would round amounts",
            'write a whole number, money("12.50 EUR"), or mul_div(a, b, c, "half_even") for a fraction',
            got=f"the double literal `{match[0]}`",
        )
    if match := _INT.match(text, start):
        return _whole_number(source, Span(start, match.end()))
    if match := _QUOTE.match(text, start):
        return _string(source, start, match)
    if match := _NAME.match(text, start):
        return Token(TokenKind.NAME, match[0], Span(start, match.end()))
    if match := _SIGN.match(text, start):
        return Token(TokenKind.SIGN, match[0], Span(start, match.end()))
    if text[start] == "`":
        raise source.fault(
            "unsupported-feature",
            Span(start, start + 1),
            "CEL's quoted selectors are left out",
            "write declared names without back quotes",
            got="a quoted selector",
        )
    char = text[start]
    raise source.fault(
        "unexpected-character",
        Span(start, start + 1),
        "no expression has this character outside a string",
        _HABITS.get(char, "remove it, or put it inside quotes"),
    )


def _whole_number(source: SourceText, span: Span) -> Token:
    text = source.slice(span)
    following = source.text[span.end : span.end + 1]
    if following in ("u", "U"):
        raise source.fault(
            "unsupported-feature",
            Span(span.start, span.end + 1),
            "CEL's unsigned numbers are left out",
            f"write {text}",
            got=f"the uint literal `{text}{following}`",
        )
    if _NAME.match(source.text, span.end):
        wrong = re.compile(r"[_a-zA-Z0-9]+").match(source.text, span.start)
        end = wrong.end() if wrong else span.end + 1
        plain = source.text[span.start : end].replace("_", "")
        raise source.fault(
            "syntax-error",
            Span(span.start, end),
            "a whole number is made of digits only",
            f"write {plain}" if plain.isdigit() else "put a sign between the number and the name",
        )
    number = int(text, 16) if text.startswith("0x") else int(text)
    # One more than the largest is let through, for the parser joins it with a minus sign to the smallest.
    if number > INT64_MAX + 1:
        raise integer_too_large(source, span)
    return Token(TokenKind.INT, text, span, number=number)


def integer_too_large(source: SourceText, span: Span) -> Exception:
    """Make the fault of a literal that 64 bits cannot hold."""
    return source.fault(
        "integer-too-large",
        span,
        f"whole numbers have 64 bits: from {-INT64_MAX - 1} to {INT64_MAX}",
        "write a smaller number",
    )


def _string(source: SourceText, start: int, opening: re.Match[str]) -> Token:
    prefix, quote = (opening[1] or "").lower(), opening[2]
    if "b" in prefix:
        raise source.fault(
            "unsupported-feature",
            Span(start, opening.end()),
            "CEL's bytes are left out",
            "write the string without its prefix b",
            got="a bytes literal",
        )
    text, position, parts = source.text, opening.end(), []
    while not text.startswith(quote, position):
        char = text[position : position + 1]
        if not char or (len(quote) == 1 and char in "\r\n"):
            raise source.fault(
                "unterminated-string",
                Span(start, position),
                f"the string that starts here has no closing {quote}",
                f"close it with {quote} on the same line",
            )
        if char == "\\" and "r" not in prefix:
            char, position = _escape(source, position)
        else:
            position += 1
        parts.append(char)
    end = position + len(quote)
    return Token(TokenKind.STRING, text[start:end], Span(start, end), string="".join(parts))


def _escape(source: SourceText, start: int) -> tuple[str, int]:
    match = _ESCAPE.match(source.text, start)
    if match and match["plain"]:
        return _PLAIN.get(match["plain"], match["plain"]), match.end()
    if match:
        digits, base = (match["octal"], 8) if match["octal"] else (match[0][2:], 16)
        code_point = int(digits, base)
        if code_point <= 0x10FFFF and not 0xD800 <= code_point <= 0xDFFF:
            return chr(code_point), match.end()
    raise source.fault(
        "bad-escape",
        Span(start, match.end() if match else min(start + 2, len(source.text))),
        "CEL knows the escapes \\\\ \\\" \\' \\? \\` \\a \\b \\f \\n \\r \\t \\v \\xHH \\ooo \\uHHHH \\UHHHHHHHH, "
        "and no code points above 10FFFF or between D800 and DFFF",
        'write \\\\ for a backslash, or a raw string: r"..."',
    )
