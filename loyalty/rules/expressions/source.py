"""
Where things stand: an expression's text, a part of it, and the same part in the programme file.

>>> text = SourceText("a +\\n  b", Place("p.yaml", 7, 12))
>>> print(text.place_of(Span(6, 7)))
p.yaml:8:14
>>> print(text.excerpt(Span(6, 7)))
  b
  ^
"""

from __future__ import annotations

from attrs import frozen

from loyalty.errors import Finding, Place


@frozen
class Span:
    """A part of the text: offsets of its first character and of the one after its last."""

    start: int
    end: int

    def to(self, other: Span) -> Span:
        """Give the part from the start of this one to the end of the *other*."""
        return Span(self.start, max(self.end, other.end))


class ExpressionFault(Exception):
    """What stops the reading of one expression; the compiler turns it into a ProgrammeError."""

    def __init__(self, finding: Finding) -> None:
        self.finding = finding
        super().__init__(str(finding))


@frozen
class SourceText:
    """
    The text of an expression and the place of its first character.

    A text of several lines comes from a YAML block, all lines of which share the indentation of the first.
    """

    text: str
    place: Place

    def slice(self, span: Span) -> str:
        """Give the text of a part."""
        return self.text[span.start : span.end]

    def place_of(self, span: Span) -> Place:
        """Give the line and column in the file at which a part starts."""
        if not self.place.line:
            return self.place
        lines_before = self.text.count("\n", 0, span.start)
        column = span.start - self._line_start(span.start)
        return Place(self.place.file, self.place.line + lines_before, max(self.place.column, 1) + column)

    def excerpt(self, span: Span) -> str:
        """Give the line on which a part starts, with carets under the part."""
        start = self._line_start(span.start)
        end = self.text.find("\n", start)
        line = self.text[start : end if end >= 0 else len(self.text)]
        # Tabs are kept in the padding, so that the carets stand under the part whatever a tab's width is.
        padding = "".join("\t" if char == "\t" else " " for char in line[: span.start - start])
        width = min(span.end, start + len(line)) - span.start
        return f"{line}\n{padding}{'^' * max(width, 1)}"

    def finding(self, code: str, span: Span, why: str, fix: str, got: str | None = None) -> Finding:
        """Make a finding about a part of this text; *got* is that part unless given."""
        return Finding(
            code, self.place_of(span), got or f"`{self.slice(span)}`", why, fix=fix, excerpt=self.excerpt(span)
        )

    def fault(self, code: str, span: Span, why: str, fix: str, got: str | None = None) -> ExpressionFault:
        """Make the same finding as an exception that stops the reading."""
        return ExpressionFault(self.finding(code, span, why, fix, got))

    def _line_start(self, offset: int) -> int:
        return self.text.rfind("\n", 0, offset) + 1
