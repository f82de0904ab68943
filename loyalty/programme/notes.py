"""
The findings of one file, collected while it is read, and the words that they share.

Reading goes on after a fault: whoever mends a file wants to see everything at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches

from loyalty.errors import Finding, Place, ProgrammeError
from loyalty.programme.nodes import Mapping, Node, Scalar

#: What an expression is said to be that is none.
_ECHOES = frozenset(
    {"syntax-error", "unexpected-character", "unsupported-feature", "unterminated-string", "empty-expression"}
)


class Notes:
    """
    Collects findings about one text.

    Args:
        text: The whole file, for excerpts.
        file: Its name, for places.
    """

    def __init__(self, text: str, file: str) -> None:
        self.file = file
        self.text = text
        self.lines = text.splitlines()
        self.findings: list[Finding] = []
        #: Lines, counted from 0, that are read otherwise than they are written, because YAML could not read them.
        self.mended: set[int] = set()

    def is_another_file(self, node: Node | None, *, expected: str, found: str, fix: str) -> bool:
        """Tell whether a whole file is of another kind, by the key that names it; it is noted once, not at each key."""
        keys = {key.text: key for key, _ in node.entries} if isinstance(node, Mapping) else {}
        is_another = found in keys and expected not in keys
        if is_another:
            self.add("another-file", keys[found], f"it is a {found} file, and a {expected} is expected here", fix)
        return is_another

    def add(
        self, code: str, at: Node | Place, why: str, fix: str = "", *, got: str | None = None, width: int = 0
    ) -> None:
        """
        Note a finding.

        Args:
            at: The node that is meant, or a place.
            got: What stands there; by default the node's own text.
            width: Columns to underline at a place; a node knows its own.
        """
        place = at if isinstance(at, Place) else at.place
        if isinstance(at, Scalar) and at.end_line == at.place.line:
            width = at.end_column - at.place.column
        found = got if got is not None else ("" if isinstance(at, Place) else at.got)
        self.findings.append(Finding(code, place, found, why, fix=fix, excerpt=self.excerpt(place, width)))

    def take(self, error: ProgrammeError, hint: str = "") -> None:
        """Take over the findings of a part, such as an expression, with a *hint* added to what to write."""
        for finding in error.findings:
            fix = f"{finding.fix}; {hint}" if hint and finding.fix else finding.fix or hint
            self.findings.append(Finding(finding.code, finding.place, finding.got, finding.why, fix, finding.excerpt))

    def excerpt(self, place: Place, width: int) -> str:
        """Give the line of a place with carets under what is meant."""
        if not 0 < place.line <= len(self.lines):
            return ""
        line = self.lines[place.line - 1]
        padding = "".join("\t" if char == "\t" else " " for char in line[: place.column - 1])
        return f"{line}\n{padding}{'^' * max(1, min(width, len(line) - place.column + 1))}"

    def expression_source(self, scalar: Scalar) -> tuple[str, Place]:
        """
        Give the text of an expression as it stands in the file, and the place of its first character.

        Texts over several lines are given with their line breaks and an indentation that all lines share, so that
        each part of them has the place that it has in the file.
        """
        place = scalar.place
        if scalar.style in ("'", '"') or (not scalar.style and scalar.end_line == place.line):
            return scalar.text, Place(place.file, place.line, place.column + scalar.inside)
        if scalar.style:
            first, lines = place.line + 1, self.lines[place.line : scalar.end_line - 1]
        else:
            first, lines = place.line, self.lines[place.line - 1 : scalar.end_line]
            lines[-1] = lines[-1][: scalar.end_column - 1]
            lines[0] = " " * (place.column - 1) + lines[0][place.column - 1 :]
        indent = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
        return "\n".join(line[indent:] for line in lines).rstrip(), Place(place.file, first, indent + 1)

    def comment_after(self, scalar: Scalar) -> str:
        """Give the comment that follows on the line on which a plain text ends, or ""."""
        if scalar.style or not 0 < scalar.end_line <= len(self.lines):
            return ""
        rest = self.lines[scalar.end_line - 1][scalar.end_column - 1 :]
        return rest if re.match(r"\s*#", rest) else ""

    def result(self) -> tuple[Finding, ...]:
        """Give the findings in the order of the file, each once."""
        unique = [finding for finding in dict.fromkeys(self.findings) if not self._is_echo(finding)]
        return tuple(sorted(unique, key=lambda finding: (finding.place.line, finding.place.column, finding.code)))

    def _is_echo(self, finding: Finding) -> bool:
        """Whether it says of a line that it is no expression, where it was said already that it is no YAML."""
        return finding.place.line - 1 in self.mended and finding.code in _ECHOES

    def raise_if_any(self) -> None:
        """
        Stop here where anything was found.

        Raises:
            ProgrammeError: with every finding.
        """
        findings = self.result()
        if findings:
            raise ProgrammeError(findings)


def did_you_mean(name: str, known: Iterable[str], what: str = "names") -> str:
    """
    Say which known name may be meant.

    >>> did_you_mean("pionts", ["points", "status"])
    'did you mean `points`?'
    >>> did_you_mean("x", ["points", "status"], "currencies")
    'the currencies are points and status'
    """
    names = list(known)
    near = nearest(name, names)
    if near is not None:
        return f"did you mean `{near}`?"
    if not names:
        return f"no {what} are declared"
    return f"the {what} are {join_words(names)}"


def nearest(name: str, known: Iterable[str]) -> str | None:
    """
    Give the known name that a misspelt one is for, or None.

    >>> nearest("pionts", ["points", "status"])
    'points'
    """
    names = list(known)
    same = [other for other in names if other.lower() == name.lower()]
    return next(iter(get_close_matches(name, names, n=1, cutoff=0.6) or same), None)


def join_words(words: Iterable[str], joint: str = "and") -> str:
    """
    Write an enumeration; long ones are cut.

    >>> join_words(["a", "b", "c"], "or")
    'a, b or c'
    """
    listed = list(words)
    if len(listed) > 12:
        return ", ".join(listed[:12]) + ", …"
    return f" {joint} ".join([", ".join(listed[:-1]), listed[-1]]) if len(listed) > 1 else "".join(listed)
