"""Events in columns are what the same events are one by one: admitted, known by identity, and in settlement order."""

from __future__ import annotations

import pyarrow as pa
import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from loyalty.batch.placing import first_instants, place
from loyalty.batch.running import run
from loyalty.batch.tables import EventTable
from loyalty.core.events import Event
from loyalty.errors import EventConflict, EventRejected, Finding, SourceError
from loyalty.programme.admission import admit
from loyalty.programme.model import Programme
from loyalty.settlement.history import place_events
from loyalty.testing import chains, histories, programmes
from tests.batch.columns import arrow_of


def placed_one_by_one(programme: Programme, events: list[Event]) -> list[tuple[str, int, int, str, str | None]]:
    """Give where events stand, as the core has them."""
    return [
        (
            item.event.identity,
            item.instant,
            item.first_instant,
            item.holders[0].id,
            item.holders[1].id if len(item.holders) > 1 else None,
        )
        for item in place_events(programme, [admit(programme, event) for event in events])
    ]


def placed_in_columns(table: EventTable) -> list[tuple[str, int, int, str, str | None]]:
    """Give where rows stand."""
    placing = place(table)
    began = first_instants(table, placing)
    return [
        (
            table.identity(row),
            int(placing.instant[row]),
            int(began[row]),
            table.partners[int(placing.partner[row])].as_py(),
            table.persons[int(placing.person[row])].as_py() if placing.person[row] >= 0 else None,
        )
        for row in placing.rows.tolist()
    ]


@given(st.data())
def test_rows_stand_where_their_events_do(data: st.DataObject) -> None:
    """Voids, what waits, ties of an instant and chains of events are placed as one by one."""
    programme = data.draw(st.one_of(programmes(), chains()))
    events = data.draw(histories(programme, max_events=12, partners=3))
    expected = placed_one_by_one(programme, events)
    assert placed_in_columns(EventTable.from_events(programme, events)) == expected
    arrow = arrow_of(programme, events, decimals=data.draw(st.booleans()), coded=data.draw(st.booleans()))
    assert placed_in_columns(EventTable.from_arrow(programme, arrow)) == expected


@given(st.data())
def test_arrow_and_events_say_the_same(data: st.DataObject) -> None:
    """Reading Arrow, writing it and reading it again loses nothing of any event, defaults included."""
    programme = data.draw(st.one_of(programmes(), chains()))
    events = data.draw(histories(programme, max_events=12, partners=3))
    admitted = [admit(programme, event) for event in events]
    table = EventTable.from_arrow(programme, arrow_of(programme, events, coded=data.draw(st.booleans())))
    assert table.to_events() == admitted
    assert EventTable.from_arrow(programme, table.to_arrow()).to_events() == admitted
    assert EventTable.from_events(programme, events).to_events() == admitted


@given(st.data())
def test_any_cut_into_batches_gives_the_same_table(data: st.DataObject) -> None:
    """Batches of any length, with dictionaries of their own, are one table."""
    programme = data.draw(programmes())
    events = data.draw(histories(programme, max_events=12, partners=3))
    arrow = arrow_of(programme, events, coded=True)
    cut = data.draw(st.integers(0, len(events)))
    parts = [arrow.slice(0, cut), arrow.slice(cut)]
    batches = [batch for part in parts for batch in part.unify_dictionaries().to_batches(max_chunksize=3)]
    stream = pa.RecordBatchReader.from_batches(arrow.schema, batches)
    table = EventTable.from_arrow(programme, stream)
    assert table.to_events() == EventTable.from_arrow(programme, arrow).to_events()
    halves = [EventTable.from_arrow(programme, part) for part in parts]
    together = EventTable.concat(halves)
    assert together.to_events() == table.to_events()
    assert placed_in_columns(together) == placed_in_columns(table)


@given(st.data())
def test_what_concerns_some_partners_can_be_taken_alone(data: st.DataObject) -> None:
    """The rows of a partner are those that reach it, whatever partner they name, with the voids of them."""
    programme = data.draw(programmes())
    events = data.draw(histories(programme, max_events=12, partners=3))
    table = EventTable.from_events(programme, events)
    expected = [place for place in placed_in_columns(table) if place[3] in ("acme", "cedar")]
    assert placed_in_columns(table.take(["acme", "cedar"])) == expected


@given(st.data())
def test_what_is_refused_one_by_one_is_refused_in_columns(data: st.DataObject) -> None:
    """A row is at fault where the event is, and nowhere else."""
    programme = data.draw(st.one_of(programmes(), chains()))
    events = data.draw(histories(programme, max_events=8, partners=3))
    events = [data.draw(_bent(programme, event)) for event in events]
    refused = set()
    for row, event in enumerate(events):
        try:
            admit(programme, event)
        except EventRejected:
            refused.add(row)
    assert _rows_refused(programme, arrow_of(programme, events)) == refused


def _rows_refused(programme: Programme, arrow: pa.Table) -> set[int]:
    rows: set[int] = set()
    findings: tuple[Finding, ...] = ()
    try:
        EventTable.from_arrow(programme, arrow)
    except SourceError as error:
        findings = error.findings
    for finding in findings:
        assert finding.code == "bad-row", finding
        first = finding.got.split(" in row ")[1].split()[0]
        others = finding.got.partition("(")[2].removesuffix(")")
        rows |= {int(first), *(int(row) for row in others.split(", ") if row)}
    return rows


@st.composite
def _bent(draw: st.DrawFn, programme: Programme, event: Event) -> Event:
    """Bend an event now and then so that it may not be taken any more."""
    fields = dict(event.fields)
    bend = draw(st.sampled_from(("", "", "number", "drop", "kind", "of", "at", "partner", "text", "extra", "long")))
    if bend == "number":
        numbers = [name for name, value in fields.items() if type(value) is int]
        if numbers:
            fields[draw(st.sampled_from(numbers))] = draw(st.sampled_from((-1, 0, 10**17)))
    elif bend == "drop" and fields:
        del fields[draw(st.sampled_from(sorted(fields)))]
    elif bend == "kind":
        others = ["deal.win", *(name for one in (programme, *programme.earlier) for name in one.events)]
        return evolve(event, kind=draw(st.sampled_from(others)))
    elif bend == "of":
        return evolve(event, of=None if event.of else "e-0")
    elif bend == "at":
        return evolve(event, occurred_at=draw(st.sampled_from((0, 5 * 10**15))))
    elif bend == "partner":
        return evolve(event, partner="")
    elif bend == "text":
        texts = [name for name, value in fields.items() if isinstance(value, str)]
        if texts:
            fields[draw(st.sampled_from(texts))] = draw(st.sampled_from(("else", "a\0b", "")))
    elif bend == "extra":
        names = {name: spec for kind in programme.events.values() for name, spec in kind.fields.items()}
        name = draw(st.sampled_from(sorted(names)))
        fields.setdefault(name, {"text": "x", "one_of": "x", "bool": True}.get(names[name].type.value, 1))
    elif bend == "long":
        return evolve(event, id=event.id + "x" * 200)
    return evolve(event, fields=fields)


@given(st.data())
def test_a_run_does_not_see_where_its_table_came_from(data: st.DataObject) -> None:
    """Columns that are as narrow as declared settle like those of single events."""
    programme = data.draw(programmes())
    events = data.draw(histories(programme, max_events=8, partners=2))
    days = [programme.calendar.day_of(event.occurred_at) for event in events]
    until_day = max([programme.first_day, *days]) + 40
    digests = {
        run(programme, table, until_day=until_day).digest()
        for table in (
            EventTable.from_events(programme, events),
            EventTable.from_arrow(programme, arrow_of(programme, events)),
        )
    }
    assert len(digests) == 1


def _deal(number: str, amount: int = 10_000) -> Event:
    return Event(
        id=number, kind="deal.won", partner="acme", occurred_at=1_770_000_000_000_000, fields={"amount": amount}
    )


def test_the_same_event_twice_counts_once(example: Programme) -> None:
    """Rows of one identity and one body are one event."""
    table = EventTable.from_arrow(example, arrow_of(example, [_deal("b"), _deal("a"), _deal("b")]))
    assert table.to_events() == [_deal("b"), _deal("a")]


def test_another_body_under_an_identity_is_a_conflict_that_names_both_rows(example: Programme) -> None:
    """Who mends the file finds both rows."""
    events = [_deal("b"), _deal("a"), _deal("b", 5)]
    with pytest.raises(SourceError, match="id in row 2") as caught:
        EventTable.from_arrow(example, arrow_of(example, events))
    assert "/b stands in row 0 with another body" in str(caught.value)
    with pytest.raises(EventConflict):
        EventTable.from_events(example, events)
