"""
What YAML makes of a line that it cannot read, and how that line is read as it was meant.

Most such lines hold an expression that should stand in quotes. Each trap has a code, says what YAML read, and gives
the line that was meant, with which reading goes on: the rest of the file is checked all the same.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from attrs import frozen

if TYPE_CHECKING:
    from ruamel.yaml.error import MarkedYAMLError

#: What stands for a value that could not be read and was reported.
BROKEN: Final = "~reported~"

#: Indentation and dashes, a key, and the value of one line of block style.
LINE: Final = re.compile(
    r"""(?P<lead>\s*(?:-\s+)*)(?P<key>(?:[\w.@/-]+|"[^"]*"|'[^']*')\s*:\s+)?(?P<value>\S.*?)(?P<rest>\s*)\Z"""
)
_NO_SPACE: Final = re.compile(r"(\s*(?:-\s+)*[\w.-]+:)(\S.*)\Z")
_CONTINUES: Final = re.compile(r"\s*(&&|\|\||==|!=|<=|>=|[?+*/%<>)\]])")
_SIGNS: Final = {
    "!": "for the name of a type, not for `not`",
    "&": "for the name of an anchor",
    "*": "for an alias, the name of an anchor",
    "|": "for a block of text that begins on the next line",
    ">": "for a block of text that begins on the next line",
    "?": "for a key of several lines",
    "-": "for an item of a list",
    "%": "for itself",
    "@": "for itself",
    "`": "for itself",
}


@frozen
class Trap:
    """
    One fault of syntax.

    Args:
        line, column: Where it stands, counted from 0.
        mended: The line to go on with, or None where reading must stop.
    """

    code: str
    line: int
    column: int
    why: str
    fix: str
    mended: str | None = None


def explain(error: MarkedYAMLError, lines: list[str]) -> Trap:
    """Say what went wrong at a line, and how to go on."""
    problem = str(error.problem or error.context or "")
    mark = error.problem_mark or error.context_mark
    if mark is None or "could not find expected ':'" in problem or "unexpected end of stream" in problem:
        mark = error.context_mark or mark
    if mark is None:
        return Trap("yaml-syntax", 0, 0, f"it is no YAML: {problem}", "write plain text in UTF-8")
    at = min(mark.line, len(lines) - 1)
    line, column = lines[at], mark.column
    if "'\\t'" in problem or "\t" in line[: len(line) - len(line.lstrip())]:
        return Trap(
            "yaml-tab", at, column, "YAML does not allow tabs in indentation", "indent with spaces",
            _aligned(lines, at),
        )  # fmt: skip
    if "another document" in problem:
        fix = "remove the line `---`, or move the rest to a file of its own"
        return Trap("yaml-document", at, column, "one file holds one programme", fix)
    return (
        _sign(line, at)
        or _indentation(problem, lines, at, column)
        or _colon(problem, line, at, column)
        or _flow(problem, line, at, column)
        or _quote(problem, line, at, column)
        or Trap(
            "yaml-syntax",
            at,
            column,
            f"it is no YAML here: {problem}",
            "look for a quote or bracket left open, or the indentation",
            _quoted(line),
        )
    )


def _sign(line: str, at: int) -> Trap | None:
    """A value that begins with a sign that YAML takes for itself, or a line that goes on with one."""
    match = LINE.match(line)
    if match is None:
        return None
    value, column = match["value"], match.start("value")
    if not match["key"] and "-" not in match["lead"] and _CONTINUES.match(value):
        return Trap(
            "yaml-comment", at, column,
            "the text has ended before this line: a comment ends it, and so does a line that is not indented deeper",
            "move the comment to a line above the key, and indent the expression deeper than the key", "",
        )  # fmt: skip
    if value[0] not in _SIGNS or (value[0] == "-" and not match["key"]):
        return None
    code = {"!": "yaml-tag", "&": "yaml-anchor"}.get(value[0], "yaml-sign")
    why = f"YAML takes a leading {value[0]} {_SIGNS[value[0]]}"
    return Trap(code, at, column, why, f"put the expression in quotes: {quote(value)}", _quoted(line))


def _indentation(problem: str, lines: list[str], at: int, column: int) -> Trap | None:
    """A key that is indented unlike its neighbours."""
    match = LINE.match(lines[at])
    if match is None or not match["key"] or column > match.end("key"):
        return None
    if "mapping values are not allowed" not in problem and "<block mapping start>" not in problem:
        return None
    return Trap(
        "yaml-indentation", at, match.end("lead"), "the key is indented unlike the keys that it belongs to",
        "give all keys of one mapping the same indentation", _aligned(lines, at),
    )  # fmt: skip


def _aligned(lines: list[str], at: int) -> str:
    """Give a line with the indentation of the line before it that says something."""
    before = next((line for line in reversed(lines[:at]) if line.strip() and not line.lstrip().startswith("#")), "")
    lead = LINE.match(before)
    return " " * (lead.end("lead") if lead else 0) + lines[at].lstrip()


def _colon(problem: str, line: str, at: int, column: int) -> Trap | None:
    if "could not find expected ':'" in problem:
        match = _NO_SPACE.match(line)
        if match is None:
            return None
        fix = f"write `{match[1].strip()} {match[2]}`"
        return Trap(
            "yaml-colon", at, match.end(1), "YAML needs a space after the colon of a key", fix, f"{match[1]} {match[2]}"
        )
    if "mapping values are not allowed" not in problem:
        return None
    value = _value(line)
    if "?" in value:
        why = "YAML takes `: ` for a key and its value, so that `a ? b : c` must be quoted"
        return Trap("yaml-colon", at, column, why, f"write {quote(value)}", _quoted(line))
    why = "YAML takes `: ` for a key and its value, and no key can stand here"
    fix = f"quote a text that holds `: `, as {quote(value)}, or mend the indentation"
    return Trap("yaml-colon", at, column, why, fix, _quoted(line))


def _flow(problem: str, line: str, at: int, column: int) -> Trap | None:
    if "expected ',' or" not in problem:
        return None
    return Trap(
        "yaml-flow-list", at, column,
        "inside [...] and {...} YAML takes commas, brackets and colons as its own, also those of an expression",
        "write the list as a block, one item a line with `- `, or put each expression in quotes", _quoted(line),
    )  # fmt: skip


def _quote(problem: str, line: str, at: int, column: int) -> Trap | None:
    value = _value(line)
    if "unexpected end of stream" in problem and column < len(line):
        return Trap(
            "yaml-quote", at, column, f"the quote {line[column]} that opens here is never closed", "close it",
            _quoted(line),
        )  # fmt: skip
    if "but found" in problem and value[:1] in ("'", '"', "[", "{"):
        return Trap(
            "yaml-quote", at, column,
            "a text that begins with a quote or a bracket ends for YAML where that is closed, and more follows",
            f"quote the whole text: {quote(value)}", _quoted(line, even_lists=True),
        )  # fmt: skip
    return None


def quote(text: str) -> str:
    """Write a text in single quotes, as YAML reads it back."""
    return "'" + text.replace("'", "''") + "'"


def _value(line: str) -> str:
    match = LINE.match(line)
    return (match["value"] if match else line).strip()


def _quoted(line: str, *, even_lists: bool = False) -> str | None:
    """Quote the value of a line, or take it out where it is a list or mapping; None where neither is safe."""
    match = LINE.match(line)
    if match is None or not (match["key"] or "-" in match["lead"]):
        return None
    value = match["value"]
    whole = value[0] + value[-1] in ("{}", "[]")
    if value[0] in "[{" and (whole or not even_lists):
        if any(value.count(opening) != value.count(closing) for opening, closing in ("[]", "{}")):
            return None
        return f"{match['lead']}{match['key'] or ''}{BROKEN}"
    return f"{match['lead']}{match['key'] or ''}{quote(value)}"
