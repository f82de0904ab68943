"""
Must-show 5: why, for entries of an older revision, after the programme file has changed and the process restarted,
gives the same steps.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from attrs import evolve

from loyalty import Engine, Event, Holder, Programme, load, loads
from loyalty.engine.answers import Answers
from loyalty.engine.declarations import Declarations, check_declarations
from loyalty.engine.refusing import why_not
from loyalty.errors import StoreError
from loyalty.explaining.languages import LANGUAGES
from loyalty.explaining.steps import Explanation
from loyalty.ledger.store import Store

from .conftest import OpenBook
from .scenes import SCENES, deal, entries_in, happened, refund

#: What changed in the summer: another rate, a rule less, a tier more, another cap, and rules in another order.
LATER = (
    SCENES.replace("points: 1 per 1 EUR", "points: 3 per 1 EUR")
    .replace("cap: {points: 1000, per: quarter}", "cap: {points: 2500, per: quarter}")
    .replace(
        "  - rule: deal-base", "  - {rule: a-thanks, on: deal.won, give: {partner: {points: 1}}}\n  - rule: deal-base"
    )
    .replace("    - tier: gold", "    - {tier: silver, multiplier: 1.1, needs: [year_status >= 10]}\n    - tier: gold")
    + "revision: {from: 2026-07-01, after: first.yaml}\n"
)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """The folder of the programme's files: the first revision, and the one of the summer."""
    (tmp_path / "first.yaml").write_text(SCENES, encoding="utf-8")
    (tmp_path / "later.yaml").write_text(LATER, encoding="utf-8")
    return tmp_path


def spring(programme: Programme) -> list[Event]:
    """Say what happened under the first revision, one event of it late."""
    return [
        deal("D-1", "2026-02-01", 300, programme, person="ann"),
        happened("C-1", "certification.passed", "2026-02-10", programme, person="ann", track="a"),
        deal("D-2", "2026-03-02", 900, programme, person="ann"),
        happened("L-1", "lead.registered", "2026-03-03", programme),
        deal("D-0", "2026-01-20", 400, programme),
        refund("R-1", "2026-04-01", "D-1", 100, programme),
    ]


def answers(engine: Engine) -> dict[str, Explanation]:
    """Ask why, for every entry there is."""
    return {entry.key: engine.why(entry) for entry in entries_in(engine.store)}


def assert_same(told: dict[str, Explanation], again: dict[str, Explanation]) -> None:
    """Compare steps, numbers and sentences in both languages."""
    for key, explanation in told.items():
        assert again[key] == explanation, key
        assert all(again[key].text(code) == explanation.text(code) for code in LANGUAGES)


def book_alone(store: Store) -> dict[str, Explanation]:
    """Have the book answer without any programme."""
    asked = Answers(Declarations())
    with store.transaction(read_only=True) as book:
        return {entry.key: asked.why(book, entry) for entry in book.entries()}


def settled_in_spring(store: Store, programme: Programme) -> dict[str, Explanation]:
    """Settle the first revision's events and commands, and ask."""
    engine = Engine(programme, store)
    engine.submit_all(spring(programme))
    engine.redeem(Holder.partner("acme"), "points", 200, key="order", at="2026-05-01")
    engine.advance("2026-06-30")
    told = answers(engine)
    assert {told[key].of for key in told} == {"event", "clock", "command", "correction"}
    return told


def test_after_a_restart_under_a_file_whose_chain_names_the_first(open_book: OpenBook, files: Path) -> None:
    """What was told in spring is told again in autumn; what came since is told by its own revision."""
    told = settled_in_spring(open_book(), load(files / "first.yaml"))
    later = load(files / "later.yaml")
    engine = Engine(later, open_book())
    assert_same(told, answers(engine))
    engine.submit_all([
        deal("D-9", "2026-08-01", 100, later),
        refund("R-9", "2026-08-02", "D-2", 450, later),
    ])  # fmt: skip
    since = answers(engine)
    assert_same(told, since)
    assert "3 points per 1.00 EUR of 100.00 EUR" in str(since["event:/D-9"])
    assert since["event:/D-9"].revision == later.revision
    # A refund uses the rates of its original's revision, and is told by them.
    assert "what is left would earn 1 point per 1.00 EUR of 450.00 EUR" in str(since["event:/R-9"])
    assert since["event:/R-9"].revision == later.revision
    with engine.store.transaction(read_only=True) as book:
        assert [(one.first_day, one.after) for one in sorted(book.declarations(), key=lambda one: one.first_day)] == [
            (load(files / "first.yaml").from_day, None), (later.from_day, later.earlier[0].revision)]  # fmt: skip
        assert list(check_declarations(book)) == []


def test_after_the_files_are_gone(open_book: OpenBook, files: Path) -> None:
    """Only the book is left, and it answers for both revisions, in both languages, and why not."""
    settled_in_spring(open_book(), load(files / "first.yaml"))
    later = load(files / "later.yaml")
    engine = Engine(later, open_book())
    engine.submit_all([deal("D-9", "2026-08-01", 100, later), refund("R-9", "2026-08-02", "D-2", 450, later)])
    told = answers(engine)
    refused = engine.why_not("/D-2", "certified")
    for file in files.glob("*.yaml"):
        file.unlink()
    store = open_book()
    assert_same(told, book_alone(store))
    with store.transaction(read_only=True) as book:
        assert why_not(Answers(Declarations()), book, "/D-2", "certified") == refused


def test_after_the_file_was_edited_in_place(open_book: OpenBook) -> None:
    """A programme that knows nothing of the first one may not settle, and may ask."""
    told = settled_in_spring(open_book(), loads(SCENES))
    edited = loads(SCENES.replace("1 per 1 EUR", "7 per 1 EUR").replace("deal-base", "deal-other"))
    engine = Engine(edited, open_book())
    assert_same(told, answers(engine))
    assert "1 point per 1.00 EUR of 300.00 EUR" in str(engine.why("/D-1"))
    with pytest.raises(StoreError, match="is settled under revision"):
        engine.submit(deal("D-8", "2026-06-01", 1, edited))


def test_a_programme_that_was_never_written_down_has_to_be_given(open_book: OpenBook) -> None:
    """The book has no text of it, says so, and answers when it is there."""
    programme = evolve(loads(SCENES), source="")
    told = settled_in_spring(open_book(), programme)
    with pytest.raises(StoreError, match="a programme that was built without a file is not kept: give it"):
        book_alone(open_book())
    assert_same(told, answers(Engine(programme, open_book())))
