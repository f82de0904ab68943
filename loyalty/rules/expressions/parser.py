"""
Tokens to syntax, with CEL's precedence and associativity.

Source: the grammar of the language definition in google/cel-spec.

>>> from loyalty.errors import Place
>>> tree = parse(SourceText("1 + 2 * 3 < 9", Place()))
>>> tree.sign, tree.left.sign, tree.left.right.sign
('<', '+', '*')
"""

from __future__ import annotations

from typing import Final, NoReturn

from loyalty.rules.expressions.scanner import KEYWORDS, RESERVED, Token, TokenKind, integer_too_large, scan
from loyalty.rules.expressions.source import SourceText, Span
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
from loyalty.rules.expressions.types import INT64_MAX

#: How deep parentheses, calls and choices may nest: CEL asks for 32, the rest of the compiler is recursive.
MAX_NESTING: Final = 40

#: How many arithmetic signs one chain may have: CEL asks for 24.
MAX_CHAIN: Final = 40

_RELATIONS: Final = ("==", "!=", "<", "<=", ">", ">=", "in")
_LEVELS: Final = (_RELATIONS, ("+", "-"), ("*", "/", "%"))

#: How many levels the whole may have, chains counted: Python's own compiler gives up at 200 parentheses.
MAX_HEIGHT: Final = 80

#: Words of other languages, and what CEL writes.
_FOREIGN: Final = {
    "and": "write `&&`",
    "or": "write `||`",
    "not": "write `!`",
    "is": "write `==`",
    "if": "write `condition ? value : other`",
    "else": "write `condition ? value : other`",
    "between": "write `a <= x && x <= b`",
}


def parse(source: SourceText) -> Syntax:
    """
    Read one whole expression.

    Raises:
        ExpressionFault: the first thing that is no CEL, or that the subset leaves out.
    """
    tree = _Parser(source).whole()
    _hold_height(source, tree, MAX_HEIGHT)
    return tree


class _Parser:
    """Recursive descent over the tokens of one text."""

    def __init__(self, source: SourceText) -> None:
        self.source = source
        self.tokens = scan(source)
        self.position = 0
        self.depth = 0

    def whole(self) -> Syntax:
        if self.at_end():
            raise self.source.fault(
                "empty-expression", Span(0, 0), "there is nothing to compute", "write an expression", got="nothing"
            )
        tree = self.expression()
        if not self.at_end():
            self.unexpected("the expression ends before it", "join the parts with a sign such as `&&`, or remove it")
        return tree

    @property
    def token(self) -> Token:
        return self.tokens[self.position]

    def next(self) -> Token:
        token = self.token
        self.position += 1
        return token

    def at(self, *signs: str) -> bool:
        # `in` is a word and all other operators are signs; a string that reads alike is neither.
        return self.token.kind in (TokenKind.SIGN, TokenKind.NAME) and self.token.text in signs

    def at_end(self) -> bool:
        return self.token.kind is TokenKind.END

    def expect(self, sign: str, opened: Token) -> Token:
        if not self.at(sign):
            self.unexpected(f"`{opened.text}` before it is not closed", f"write `{sign}` here")
        return self.next()

    def unexpected(self, why: str, fix: str) -> NoReturn:
        token = self.token
        got = "the end of the expression" if token.kind is TokenKind.END else f"`{token.text}`"
        if token.kind is TokenKind.NAME:
            fix = _FOREIGN.get(token.text, fix)
        raise self.source.fault("syntax-error", token.span, why, fix, got)

    def expression(self) -> Syntax:
        self.depth += 1
        if self.depth > MAX_NESTING:
            raise self.source.fault(
                "too-deep",
                self.token.span,
                f"parentheses, calls and choices nest more than {MAX_NESTING} deep",
                "split the rule into several",
            )
        tree = self.logic("||")
        if self.at("?"):
            tree = self.choice(tree)
        self.depth -= 1
        return tree

    def choice(self, condition: Syntax) -> Syntax:
        mark = self.next()
        then = self.logic("||")
        if self.at("?"):
            self.unexpected(
                "CEL takes no choice between `?` and `:` without parentheses", "write `a ? (b ? x : y) : z`"
            )
        self.expect(":", mark)
        otherwise = self.expression()
        return ChoiceSyntax(condition.span.to(otherwise.span), mark.span, condition, then, otherwise)

    def logic(self, sign: str) -> Syntax:
        operands = [self.logic("&&") if sign == "||" else self.binary(0)]
        while self.at(sign):
            self.next()
            operands.append(self.logic("&&") if sign == "||" else self.binary(0))
        if len(operands) == 1:
            return operands[0]
        return LogicSyntax(operands[0].span.to(operands[-1].span), sign, tuple(operands))

    def binary(self, level: int) -> Syntax:
        if level == len(_LEVELS):
            return self.unary()
        left = self.binary(level + 1)
        length = 0
        while self.at(*_LEVELS[level]):
            sign = self.next()
            length += 1
            if length > MAX_CHAIN:
                raise self.source.fault(
                    "too-deep", sign.span, f"one chain has more than {MAX_CHAIN} signs", "split it into several rules"
                )
            right = self.binary(level + 1)
            left = BinarySyntax(left.span.to(right.span), sign.text, sign.span, left, right)
        return left

    def unary(self) -> Syntax:
        signs: list[Token] = []
        first = self.token.text
        while self.at("-", "!") and self.token.text == first:
            signs.append(self.next())
        if len(signs) > MAX_CHAIN:
            raise self.source.fault(
                "too-deep", signs[0].span, f"one chain has more than {MAX_CHAIN} signs", "remove pairs of them"
            )
        operand = self.member(signs)
        for sign in reversed(signs):
            operand = UnarySyntax(sign.span.to(operand.span), sign.text, operand)
        return operand

    def member(self, signs: list[Token]) -> Syntax:
        tree = self.primary(signs)
        while self.at(".", "[", "{"):
            if self.at("["):
                self.unsupported(self.token.span, "indexing `[...]`", "write `x in [a, b]` to look into a list")
            if self.at("{"):
                self.unsupported(self.token.span, "message construction `{...}`", "write declared names and literals")
            self.next()
            selector = self.next()
            if selector.kind is not TokenKind.NAME or selector.text in KEYWORDS:
                self.position -= 1
                self.unexpected("a dot is followed by the rest of a name", "write a declared name: event.amount")
            if self.at("("):
                self.unsupported_method(selector)
            if not isinstance(tree, NameSyntax):
                self.unsupported(
                    selector.span, "selecting a field of a value", "write the dotted name of a declared field"
                )
            tree = NameSyntax(tree.span.to(selector.span), f"{tree.name}.{selector.text}")
        return tree

    def primary(self, signs: list[Token]) -> Syntax:
        token = self.next()
        if token.kind is TokenKind.INT:
            return self.whole_number(token, signs)
        if token.kind is TokenKind.STRING:
            return StringSyntax(token.span, token.string)
        if token.kind is TokenKind.NAME:
            return self.name(token)
        if token.text == "(":
            tree = self.expression()
            self.expect(")", token)
            return tree
        if token.text == "[":
            items = self.items("]", token)
            return ListSyntax(token.span.to(self.tokens[self.position - 1].span), items)
        if token.text == "{":
            self.unsupported(token.span, "maps `{...}`", "write conditions on declared names")
        if token.text == ".":
            self.unsupported(token.span, "a leading dot", "write the whole dotted name: event.amount")
        if token.text == "-" and signs:
            # `!-1` is grammatical in CEL, since the minus belongs to the literal; no type admits it.
            number = self.next()
            if number.kind is TokenKind.INT:
                return IntSyntax(token.span.to(number.span), -number.number)
            self.position -= 1
        self.position -= 1
        return self.unexpected("a value must stand here", "write a name, a number, a string or a parenthesis")

    def whole_number(self, token: Token, signs: list[Token]) -> Syntax:
        if signs and signs[-1].text == "-":
            # The minus is part of the literal, or the smallest number could not be written.
            minus = signs.pop()
            return IntSyntax(minus.span.to(token.span), -token.number)
        if token.number > INT64_MAX:
            raise integer_too_large(self.source, token.span)
        return IntSyntax(token.span, token.number)

    def name(self, token: Token) -> Syntax:
        if token.text in ("true", "false"):
            return BoolSyntax(token.span, token.text == "true")
        if token.text == "null":
            self.unsupported(token.span, "null", "write has(name) to ask whether a value is there")
        if token.text in RESERVED:
            raise self.source.fault(
                "reserved-word",
                token.span,
                "CEL reserves this word",
                _FOREIGN.get(token.text, "give the name another spelling"),
            )
        if token.text == "in":
            self.position -= 1
            self.unexpected("a value must stand before `in`", "write `x in [a, b]`")
        if self.at("("):
            opened = self.next()
            arguments = self.items(")", opened)
            span = token.span.to(self.tokens[self.position - 1].span)
            return CallSyntax(span, token.text, token.span, arguments)
        return NameSyntax(token.span, token.text)

    def items(self, closing: str, opened: Token) -> tuple[Syntax, ...]:
        items: list[Syntax] = []
        while not self.at(closing):
            items.append(self.expression())
            if self.at(","):
                comma = self.next()
                if self.at(closing) and closing == ")":
                    raise self.source.fault("syntax-error", comma.span, "an argument must follow", "remove the comma")
            elif not self.at(closing):
                self.unexpected(f"`{opened.text}` before it is not closed", f"write `,` or `{closing}` here")
        self.next()
        return tuple(items)

    def unsupported_method(self, selector: Token) -> NoReturn:
        macros = ("all", "exists", "exists_one", "existsOne", "filter", "map", "transformList", "transformMap")
        kind = "macro" if selector.text in macros else "method"
        fix = {
            "matches": 'compare whole strings: x == "a" or x in ["a", "b"]',
            "contains": "write `x in [a, b]`",
            "startsWith": "declare a field with `one_of` and compare whole strings",
            "endsWith": "declare a field with `one_of` and compare whole strings",
        }.get(selector.text, "write the condition with comparisons, `in`, `&&` and `||`")
        self.unsupported(selector.span, f"the {kind} `{selector.text}`", fix)

    def unsupported(self, span: Span, feature: str, fix: str) -> NoReturn:
        raise self.source.fault(
            "unsupported-feature",
            span,
            "it is CEL, but outside the subset in which no expression can fail",
            fix,
            got=feature,
        )


def _hold_height(source: SourceText, tree: Syntax, levels: int) -> None:
    if levels == 0:
        raise source.fault(
            "too-deep", tree.span, f"it stands more than {MAX_HEIGHT} levels deep", "split the rule into several"
        )
    for child in tree.children:
        _hold_height(source, child, levels - 1)
