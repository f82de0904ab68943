"""A book that is settled again must come to what it posted; whatever was forged with all its digests shows then."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine as Database
from sqlalchemy import text

from loyalty import Engine, MemoryStore, StoreError, load
from loyalty.engine.replaying import Replayed, replay_book
from loyalty.ledger.entries import Account, Entry, EntryKind, Posting
from loyalty.ledger.sql import SqlStore, keeping
from loyalty.ledger.store import Store, replacing_step, version_step
from loyalty.sources import read_events
from tests.ledger.tampering import hash_again, id_of, seal, seal_again, unguard

from .conftest import OpenBook, open_database
from .scenes import ACME, BIRCH, PROGRAMME, deal, happened, instant, refund, void

EXAMPLES = Path(__file__).parents[2] / "examples" / "acme"


def live(store: Store) -> Engine:
    """Live through a year: deals, a person's points, a late deal, a refund, a void, a redemption, a hold, the clock."""
    engine = Engine(PROGRAMME, store, clock=lambda: instant("2026-09-01"))
    for event in (
        deal("D-1", "2026-01-10", 300, person="ann"),
        deal("D-2", "2026-02-01", 200),
        happened("C-1", "certification.passed", "2026-02-03", track="sales", person="ann"),
        deal("D-4", "2026-04-01", 100, partner="birch", person="bob"),
        refund("R-1", "2026-04-05", "D-1", 50),
        deal("D-3", "2026-03-01", 80),
    ):
        engine.submit(event)
    engine.redeem(ACME, "points", 40, key="gift", at="2026-04-10")
    engine.hold(ACME, "points", 30, key="hold", at="2026-04-11")
    engine.submit(void("V-1", "2026-04-12", "D-2"))
    engine.submit(refund("R-9", "2026-04-12", "D-unknown"))
    engine.advance("2026-08-15")
    return engine


def again(store: Store, jobs: int = 1) -> tuple[str, ...]:
    """Replay, and give the findings."""
    return replay_book(PROGRAMME, store, jobs=jobs).findings


def test_a_book_of_every_kind_of_entry_is_what_settling_again_says(store: Store) -> None:
    """Corrections, commands and the clock included, in each backend."""
    live(store)
    with store.transaction() as book:
        assert {entry.kind for entry in book.entries()} == set(EntryKind)
    replayed = replay_book(PROGRAMME, store)
    assert replayed == Replayed(holders=4, items=13, findings=())


def test_the_demo_is_what_settling_again_says(open_book: OpenBook, monkeypatch: pytest.MonkeyPatch) -> None:
    """The demo's history, and however many processes share the work."""
    monkeypatch.setattr(keeping, "_AT_FIRST", 2)
    monkeypatch.setattr(keeping, "_SMALL", 0)
    programme = load(EXAMPLES / "programme.yaml")
    store = open_book()
    engine = Engine(programme, store)
    assert len(list(engine.submit_many(read_events(EXAMPLES / "history.jsonl", programme).events))) > 200
    engine.advance("2027-03-01")
    alone = replay_book(programme, store)
    assert alone.findings == ()
    assert alone.items > 200
    assert replay_book(programme, store, jobs=2) == alone


def test_a_book_of_other_rules_is_refused_by_name(store: Store) -> None:
    """No finding is made of a book that was settled under another revision; the file's and the book's are named."""
    live(store)
    demo = load(EXAMPLES / "programme.yaml")
    with pytest.raises(StoreError, match=f"settled under revision {PROGRAMME.revision}, and .* is revision "):
        replay_book(demo, store)
    assert replay_book(demo, MemoryStore()) == Replayed(holders=0, items=0, findings=())


_FORGERIES: dict[str, tuple[tuple[str, ...], str]] = {
    "an award": (
        (
            f"UPDATE loyalty_posting SET amount = amount - 7 WHERE seq = 0 AND entry_id = {id_of('event:/D-4')}",
            f"UPDATE loyalty_posting SET amount = amount + 7 WHERE seq = 1 AND entry_id = {id_of('event:/D-4')}",
        ),
        "entry event:/D-4 moves 107 points of partner:birch from programme/issued to available by deal-base; settled "
        "again it moves 100",
    ),
    "a rule": (
        (f"UPDATE loyalty_posting SET rule = 'gift' WHERE seq < 2 AND entry_id = {id_of('event:/D-4')}",),
        "entry event:/D-4 moves",
    ),
    "an expiry": (
        (f"UPDATE loyalty_posting SET lot_day = lot_day + 1 WHERE seq = 1 AND entry_id = {id_of('event:/D-4')}",),
        "entry event:/D-4 moves",
    ),
    "the instant": (
        ("UPDATE loyalty_entry SET effective_at = effective_at + 1 WHERE key = 'event:/D-4'",),
        "entry event:/D-4 moves",
    ),
    "what a correction took back": (
        (
            "UPDATE loyalty_posting SET rule = 'forged' WHERE entry_id IN (SELECT id FROM loyalty_entry WHERE kind = "
            "'correction')",
        ),
        "entry event:/D-2 moves 250 points of partner:acme from programme/issued to available by deal-base; settled "
        "again it moves 0",
    ),
    "an event's amount": (
        ("UPDATE loyalty_event SET fields_json = replace(fields_json, '10000', '20000') WHERE identity = '/D-4'",),
        "entry event:/D-4 moves",
    ),
    "an event that is no longer there": (
        (
            "DELETE FROM loyalty_delivery WHERE event_id = (SELECT id FROM loyalty_event WHERE identity = '/D-4')",
            "DELETE FROM loyalty_event WHERE identity = '/D-4'",
        ),
        "settled again it moves 0",
    ),
    "an event that nobody received": (
        ("UPDATE loyalty_event SET origin = NULL, kind = 'lead.registered' WHERE identity = '/R-9'",),
        "event /R-9 is in nobody's history; settled again it would reach a holder",
    ),
    "a decision": (
        ("UPDATE loyalty_grant SET amount = 41 WHERE key = 'gift'",),
        "entry command:gift moves",
    ),
    "a decision that is no longer there": (
        ("DELETE FROM loyalty_grant WHERE key = 'gift'",),
        "entry command:gift moves",
    ),
    "what an event brought a person": (
        ("UPDATE loyalty_delivery SET inputs = '{\"tier\":1}' WHERE inputs = '{\"tier\":0}'",),
        "event /D-1 brings {'tier': 1} to person:ann; settled again it brings {'tier': 0} from partner:acme",
    ),
    "a history that cannot be": (
        ("UPDATE loyalty_event SET kind = 'deal.unheard' WHERE identity = '/D-4'",),
        "the history of partner:birch cannot be settled again: KeyError",
    ),
}


@pytest.mark.parametrize(("forgery", "finding"), _FORGERIES.values(), ids=_FORGERIES)
@pytest.mark.parametrize("where", ["file", "server"])
def test_a_forgery_that_no_digest_shows_is_named(
    where: str, forgery: tuple[str, ...], finding: str, request: pytest.FixtureRequest
) -> None:
    """Whatever is changed together with every digest and seal is found by settling again, which names the entry."""
    database: Database = (
        open_database(request.getfixturevalue("book_file"))
        if where == "file"
        else request.getfixturevalue("postgresql_book")
    )
    store = SqlStore(database)
    live(store)
    if where == "server":
        seal(database)
    assert again(store) == ()
    with database.begin() as connection:
        unguard(connection)
        for statement in forgery:
            assert connection.exec_driver_sql(statement).rowcount
        for (key,) in connection.execute(text("SELECT key FROM loyalty_entry")).all():
            hash_again(connection, key)
        seal_again(connection)
    with store.transaction(read_only=True) as book:
        chain = [sentence for sentence in book.verify().findings if sentence.startswith(("entry", "seal"))]
        assert not any("digest" in sentence or "seal" in sentence for sentence in chain), chain
    findings = again(store)
    assert any(finding in sentence for sentence in findings), findings
    database.dispose()


@pytest.mark.parametrize(
    ("identity", "at", "verified", "settled"),
    [
        ("/D-1", "2026-02-03", "event /D-1 count from 2026-02-02T23:00:00Z, but it counts from 2026-01-09", ""),
        ("/R-1", "2026-01-05", "", "event /R-1 is kept in the history of partner:acme as counting from instant"),
        ("/R-1", "2026-01-06", "event /R-1 count from 2026-01-05T23:00:00Z, but it counts from 2026-01-04", "/R-1 is"),
        ("/V-1", "2026-04-12", "event /V-1 count from 2026-04-11T22:00:00Z, but it counts from 2026-01-31", "/V-1 is"),
    ],
)
def test_another_instant_in_a_history_is_named(
    book_file: Path, identity: str, at: str, verified: str, settled: str
) -> None:
    """An event that counts from elsewhere in a history is found by verify; which end of a chain, by settling again."""
    database = open_database(book_file)
    store = SqlStore(database)
    engine = Engine(PROGRAMME, store)
    for event in (
        deal("D-1", "2026-01-10", 300, person="ann"),
        # A refund that says that it came before its deal counts from where the deal does.
        refund("R-1", "2026-01-05", "D-1", 50),
        deal("D-2", "2026-02-01", 200),
        refund("R-2", "2026-02-05", "D-2", 50),
        void("V-1", "2026-04-12", "D-2"),
        void("V-2", "2026-04-13", "R-2"),
        void("V-3", "2026-04-14", "V-2"),
    ):
        engine.submit(event)
    assert (store.verify().findings, again(store)) == ((), ())
    with database.begin() as connection:
        unguard(connection)
        where = f"event_id = (SELECT id FROM loyalty_event WHERE identity = '{identity}')"
        connection.exec_driver_sql(f"UPDATE loyalty_delivery SET at = {instant(at)} WHERE {where}")
    for finding, findings in ((verified, store.verify().findings), (settled, again(store))):
        assert any(finding in sentence for sentence in findings) if finding else findings == ()
    database.dispose()


def test_what_moves_nothing_of_a_holders_is_named(book_file: Path) -> None:
    """An entry between two accounts of the programme comes of no event, and balances nowhere but in itself."""
    store = SqlStore(open_database(book_file))
    live(store)
    with store.transaction() as book:
        legs = [Posting(Account(None, name), "points", amount) for name, amount in (("issued", -5), ("redeemed", 5))]
        at = instant("2026-05-01")
        book.post([Entry(key="loot", kind=EntryKind.COMMAND, cause="loot", effective_at=at, recorded_at=at,
                         revision=PROGRAMME.revision, postings=tuple(legs))])  # fmt: skip
    assert store.verify().findings == ()
    assert again(store) == ("entry loot moves something that is no holder's",)


def test_an_entry_that_comes_of_nothing_is_named(store: Store) -> None:
    """Points that somebody posted by hand are in no history."""
    live(store)
    birch = Account(BIRCH, "available")
    at = instant("2026-05-01")
    legs = (Posting(Account(None, "issued"), "points", -5), Posting(birch, "points", 5, lot_day=21_000))
    with store.transaction() as book:
        book.post([Entry(key="loot", kind=EntryKind.COMMAND, cause="loot", effective_at=at, recorded_at=at,
                         revision=PROGRAMME.revision, postings=legs)])  # fmt: skip
    assert again(store) == (
        "entry loot moves 5 points of partner:birch from programme/issued to available by no rule; settled again it "
        "moves 0",
    )


def test_replaced_inputs_keep_a_version_true() -> None:
    """A holder's version says what the history holds, however often what an event brings was replaced."""
    version = version_step("/D-1", "{}") + version_step("gift")
    before = "{}"
    for tier in range(5):
        after = f'{{"tier":{tier}}}'
        step = replacing_step("/D-1", after, before)
        assert step > 0
        version, before = version + step, after
    assert version % (1 << 41) == (version_step("/D-1", before) + version_step("gift")) % (1 << 41)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM loyalty_event WHERE identity = '/D-1'",
        "UPDATE loyalty_event SET fields_json = '5' WHERE identity = '/D-1'",
        "UPDATE loyalty_delivery SET inputs = 'x'",
        "UPDATE loyalty_delivery SET event_id = event_id + 100",
    ],
)
def test_histories_that_do_not_join_are_a_finding(book_file: Path, statement: str) -> None:
    """Whatever rows were taken out or spoilt, the answer is a sentence and no error of ours."""
    database = open_database(book_file)
    store = SqlStore(database)
    engine = Engine(PROGRAMME, store)
    engine.submit(deal("D-1", "2026-02-03", person="ann"))
    engine.submit(deal("D-2", "2026-02-04", person="ann"))
    with database.begin() as connection:
        unguard(connection)
        connection.exec_driver_sql(statement)
    assert replay_book(PROGRAMME, SqlStore(database)).findings
    database.dispose()
