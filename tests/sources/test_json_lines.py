"""JSON Lines: exact numbers, nested names, and lines that are no JSON."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from loyalty.errors import SourceError
from loyalty.programme.model import Programme
from loyalty.sources import loads_mapping, read_events

Write = Callable[[str, str | bytes], Path]


def test_numbers_are_exact_and_null_is_absent(programme: Programme, write: Write) -> None:
    """A fraction is a decimal from the first moment."""
    line = (
        '{"on": "deal.won", "at": "2026-02-03", "id": 7, "partner": "acme", "amount": 70368744177.66, "person": null}'
    )
    with pytest.raises(SourceError, match=r"70368744177\.66"):
        read_events(write("a.jsonl", line), programme)  # More than the declared maximum, and not one cent off.
    (event,) = read_events(write("a.jsonl", line.replace("70368744177.66", "4503.85")), programme).events
    assert (event.id, event.person, event.fields["amount"]) == ("7", None, 450_385)


def test_nested_values_are_columns_with_dots(programme: Programme, write: Write) -> None:
    """A mapping reaches into objects."""
    mapping = loads_mapping(
        """\
source: shop
rows:
  - on: deal.won
    where: {status.name: won}
    id: "{id}"
    at: {column: closed, format: unix_milliseconds}
    partner: {column: account.id}
    fields: {amount: {column: sum.value, unit: {column: sum.unit}}}
""",
        programme,
    )
    line = (
        '{"id": 1, "status": {"name": "won"}, "closed": 1770129000123, "account": {"id": "acme"},'
        ' "sum": {"value": 12.5, "unit": "EUR"}}'
    )
    (event,) = read_events(write("a.jsonl", line), programme, mapping).events
    assert (event.partner, event.fields["amount"], event.occurred_at) == ("acme", 1_250, 1_770_129_000_123_000)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "no JSON"),
        ("[1]", "no JSON object"),
        ('{"id": 1, "id": 2}', "comes twice"),
        ('{"id": NaN}', "no number"),
        ('{"on": "lead.registered", "at": "2026-02-03", "id": ["x"], "partner": "acme"}', "no text"),
        ("[" * 100_000, "no JSON"),
    ],
)
def test_a_line_that_cannot_be_read_says_why(programme: Programme, write: Write, line: str, reason: str) -> None:
    """Blank lines are none, and the number is that of the line in the file."""
    reading = read_events(write("a.jsonl", f"\n{line}\n"), programme, skip_bad_rows=True)
    assert [bad.line for bad in reading.bad] == [2]
    assert reason in reading.bad[0].reasons[0]


def test_a_condition_on_a_key_that_no_line_has_is_refused(programme: Programme, write: Write) -> None:
    """Otherwise a slip of the pen would filter the whole file in silence."""
    mapping = loads_mapping(
        """\
source: shop
rows:
  - {on: lead.registered, where: {stage: won}, id: "{id}", at: {column: at}, partner: {column: partner}}
""",
        programme,
    )
    with pytest.raises(SourceError, match="write 'stages'"):
        read_events(write("a.jsonl", '{"id": 1, "stages": "won"}'), programme, mapping)
