"""What a late event costs: what its holder had since, and nothing of what was before."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from loyalty import Engine, Event, EventRejected, MemoryStore, loads
from loyalty.engine import histories
from loyalty.engine.histories import Histories
from loyalty.ledger.sql import SqlStore, create_tables
from loyalty.ledger.sql.statements import Runner
from loyalty.settlement.holder_run import HolderRun
from loyalty.settlement.saving import save

from .conftest import OpenBook, open_database
from .scenes import ACME, PROGRAMME, SCENES, assert_settled, deal, refund, void

DAY = PROGRAMME.calendar.day_of(deal("D", "2026-12-31").occurred_at)


def history(count: int, first: int = 0) -> list[Event]:
    """Give deals of a partner and a person, four a day, each fifth of them refunded in part the day after."""
    events = []
    for number in range(first, first + count):
        day, hour = number // 4, 6 + number % 4 * 3
        at = f"2026-{1 + day // 28:02}-{1 + day % 28:02}T{hour:02}"
        if number % 5 == 4:
            events.append(refund(f"R-{number}", f"{at}:30", of=f"D-{number - 4}", euros=30))
        else:
            events.append(deal(f"D-{number}", f"{at}:00", 90, person="ann" if number % 2 else "bob"))
    return events


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Count the items that are settled and the rows that are read."""
    counts = {"items": 0, "rows": 0}
    apply, rows = HolderRun.apply, Runner.rows

    def counting_apply(run: HolderRun, *arguments: Any, **options: Any) -> Any:
        counts["items"] += 1
        return apply(run, *arguments, **options)

    def counting_rows(runner: Runner, *arguments: Any, **options: Any) -> Any:
        found = rows(runner, *arguments, **options)
        counts["rows"] += len(found)
        return found

    monkeypatch.setattr(HolderRun, "apply", counting_apply)
    monkeypatch.setattr(Runner, "rows", counting_rows)
    return counts


def costs(engine: Engine, event: Event, counted: dict[str, int]) -> tuple[int, int]:
    """Give how many items an event settles and how many rows it reads."""
    counted.update(items=0, rows=0)
    engine.submit(event)
    return counted["items"], counted["rows"]


@pytest.mark.parametrize("restarted", [False, True], ids=["warm", "restarted"])
def test_a_late_event_costs_the_same_whatever_was_before(
    tmp_path: Path, counted: dict[str, int], restarted: bool
) -> None:
    """Ten days late on 300 events and on 900: as many items are settled again, and as many rows are read."""
    taken = []
    for count in (300, 900):
        database = open_database(tmp_path / f"{count}.db")
        create_tables(database)
        engine = Engine(PROGRAMME, SqlStore(database))
        list(engine.submit_many(history(count)))
        if restarted:
            engine = Engine(PROGRAMME, SqlStore(database))
            # What has come since the state was saved is settled first, whatever comes then.
            engine.submit(deal("N", "2026-12-01", person="ann"))
        day = count // 4 - 10
        at = f"2026-{1 + day // 28:02}-{1 + day % 28:02}T13:00"
        taken.append([costs(engine, deal(f"L-{n}", at, 40, person="ann"), counted) for n in range(3)])
        assert costs(engine, void("V", "2026-12-31", of="L-1"), counted) <= (400, 400)
        database.dispose()
    few, many = taken
    for (items, rows), (items_of_many, rows_of_many) in zip(few, many, strict=True):
        assert items_of_many <= items * 1.3
        assert rows_of_many <= rows * 1.3
        # Twice what came after for the partner and for the person, with what lies between two marks.
        assert items <= 2 * (40 + 40 + 4 * 8)


def test_what_a_holder_had_since_is_found_by_an_index(tmp_path: Path) -> None:
    """SQLite looks for the holder and the instant in the order in which deliveries and decisions lie."""
    database = create_engine(f"sqlite:///{tmp_path / 'book.db'}")
    create_tables(database)
    with database.connect() as connection:
        plans = {
            table: " ".join(
                str(row)
                for row in connection.execute(
                    text(f"EXPLAIN QUERY PLAN SELECT * FROM loyalty_{table} WHERE holder_id = 1 AND at >= 5")
                )
            )
            for table in ("delivery", "grant")
        }
    assert "PRIMARY KEY (holder_id=? AND at>?)" in plans["delivery"]
    assert "INDEX ix_loyalty_grant_holder_id_at (holder_id=? AND at>?)" in plans["grant"]


def settled_from_the_beginning(*_arguments: object) -> None:
    """Stand for what must not happen."""
    pytest.fail("a history was settled from its beginning")


def test_a_refused_late_event_leaves_the_states_as_they_were() -> None:
    """A replay that fails half-way is forgotten, and what follows goes on from the marks."""
    few = loads(SCENES.replace("currencies:", "limits: {events_per_holder: 40}\ncurrencies:", 1))
    engine = Engine(few, MemoryStore())
    events = history(40)
    engine.submit_all(events)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Histories, "fresh_run", settled_from_the_beginning)
        with pytest.raises(EventRejected, match="40 events already"):
            engine.submit(deal("late", "2026-01-08"))
        voided = void("V", "2026-03-01", of="D-31")
        engine.submit(voided)
        engine.redeem(ACME, "points", 7, key="K", at="2026-03-02")
    assert_settled(engine, [*events, voided], DAY)


def test_a_host_that_rolls_a_late_event_back_costs_no_settling_from_the_beginning(
    open_book: OpenBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The state that stayed in memory goes back to a mark before the event, and on from there."""
    store = open_book()
    engine = Engine(PROGRAMME, store)
    events = history(60)
    engine.submit_all(events)
    monkeypatch.setattr(Histories, "fresh_run", settled_from_the_beginning)
    undone = deal("late", "2026-01-09", 500, person="ann")
    with suppress(_Stop), store.transaction():
        engine.submit(undone)
        raise _Stop
    late = deal("late", "2026-01-10", 70, person="bob")
    engine.submit(late)
    engine.submit(deal("next", "2026-05-01"))
    monkeypatch.undo()
    assert_settled(engine, [*events, late, deal("next", "2026-05-01")], DAY)


class _Stop(Exception):
    pass


def test_marks_and_states_that_were_saved_before_a_late_event_are_taken_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process, whose saved state knows nothing of the late event, goes back to a mark of it."""
    database = open_database(tmp_path / "book.db")
    create_tables(database)
    events = history(120)
    first, second = (Engine(PROGRAMME, SqlStore(database)) for _ in range(2))
    first.submit_all(events[:100])
    second.submit_all(events[100:])
    monkeypatch.setattr(Histories, "fresh_run", settled_from_the_beginning)
    late = [deal(f"late-{n}", f"2026-01-{20 + n}", 200, person="ann") for n in range(3)]
    first.submit(late[0])
    second.submit(late[1])
    Engine(PROGRAMME, SqlStore(database)).submit(late[2])
    monkeypatch.undo()
    assert_settled(first, [*events, *late], DAY)
    database.dispose()


def test_a_large_state_is_written_seldom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is saved in all grows with the history, and not with its square."""
    written: list[int] = []

    def counting_save(run: HolderRun) -> str:
        written.append(run.events)
        return save(run)

    monkeypatch.setattr(histories, "save", counting_save)
    database = open_database(tmp_path / "book.db")
    create_tables(database)
    list(Engine(PROGRAMME, SqlStore(database)).submit_many(history(900), chunk=10))
    assert len(written) < 100
    assert sum(written) < 3 * 12 * 900
    database.dispose()
