"""The relay delivers every message at least once, in the order of each holder, whatever fails or dies in between."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Engine as Database
from sqlalchemy import create_engine

from loyalty import Engine, MemoryStore
from loyalty.engine.relay import relay, relay_once
from loyalty.ledger.outbox import Message
from loyalty.ledger.sql import SqlStore, sqlite_engine
from loyalty.ledger.store import Store

from .scenes import PROGRAMME, deal, instant

ROOT = Path(__file__).parents[2]

#: A process that posts nothing, tells messages by adding lines to a file, and is killed while it tells.
DIES = """\
import os, signal, sys
from sqlalchemy import create_engine
from loyalty.engine.relay import relay_once
from loyalty.ledger.sql import SqlStore

url, path, last = sys.argv[1], sys.argv[2], int(sys.argv[3])
told = 0

def deliver(message):
    global told
    with open(path, "a", encoding="utf-8") as file:
        file.write(message.event["id"] + "\\n")
    told += 1
    if told == last:
        os.kill(os.getpid(), signal.SIGKILL)

relay_once(SqlStore(create_engine(url)), deliver, batch=10)
"""


def fill(store: Store, count: int, partners: int = 3, first: int = 0) -> None:
    """Submit deals, one a transaction, for partners in turn."""
    engine = Engine(PROGRAMME, store, clock=lambda: instant("2027-01-01"), messages="points.earned")
    for number in range(first, first + count):
        at = instant("2026-02-01") + number * 60_000_000
        engine.submit(deal(f"D-{number}", PROGRAMME.calendar.local(at).isoformat(), 1, partner=f"p{number % partners}"))


def ids(messages: list[Message]) -> list[str]:
    """Give their ids."""
    return [message.event["id"] for message in messages]


def left_in(store: Store) -> list[Message]:
    """Give what is still to be told."""
    with store.transaction(read_only=True) as book:
        return list(book.messages(100_000))


def test_all_is_delivered_once_where_nothing_fails(store: Store) -> None:
    """In order, in batches, and then there is nothing left."""
    fill(store, 25)
    expected, heard = left_in(store), list[Message]()
    assert relay_once(store, heard.append, batch=10) == len(expected) == 25
    assert ids(heard) == ids(expected)
    assert left_in(store) == []
    assert relay_once(store, heard.append) == 0


def test_what_cannot_be_delivered_stays_with_all_behind_it(store: Store) -> None:
    """An error of the receiver ends the pass: what arrived is taken out, and the next pass begins with what did not."""
    fill(store, 5)
    expected, heard = ids(left_in(store)), list[str]()

    def deliver(message: Message) -> None:
        if len(heard) == 3:
            raise ConnectionError("nobody answers")
        heard.append(message.event["id"])

    with pytest.raises(ConnectionError):
        relay_once(store, deliver)
    assert ids(left_in(store)) == expected[3:]
    rest = list[Message]()
    relay_once(store, rest.append)
    assert [*heard, *ids(rest)] == expected


def test_a_receiver_may_act_on_what_it_hears(store: Store) -> None:
    """Messages are delivered outside of any transaction, so that the receiver can use the same book."""
    engine = Engine(
        PROGRAMME, store, clock=lambda: instant("2026-03-01"), messages=["points.earned", "points.redeemed"]
    )
    engine.submit(deal("D-1", "2026-02-03", 100))
    topics = []

    def spend(message: Message) -> None:
        topics.append(message.topic)
        said = message.event
        if (message.topic, said["data"]["rule"], said["data"]["currency"]) == ("points.earned", "deal-base", "points"):
            engine.redeem(said["subject"], "points", 10, key=said["id"])

    relay_once(store, spend)
    assert topics[-1] == "points.redeemed"
    assert left_in(store) == []


@pytest.fixture(params=["file", "server"])
def database_url(request: pytest.FixtureRequest) -> str:
    """Where another process finds a book with tables."""
    if request.param == "file":
        return f"sqlite:///{request.getfixturevalue('book_file')}"
    url = request.getfixturevalue("postgresql_book").url
    return str(url.render_as_string(hide_password=False))


def test_a_relay_that_is_killed_between_telling_and_taking_out(database_url: str, tmp_path: Path) -> None:
    """SIGKILL after a delivery, again and again: every message arrives, some twice, first times in order."""
    database, path = create_engine(database_url), tmp_path / "told"
    store = SqlStore(database)
    fill(store, 80)
    expected = ids(left_in(store))
    for last in (7, 13, 22, 31, 10_000):
        run = subprocess.run(
            [sys.executable, "-c", DIES, database_url, str(path), str(last)], cwd=ROOT, check=False, timeout=60
        )
        assert run.returncode == (0 if last == 10_000 else -signal.SIGKILL)
    told = path.read_text(encoding="utf-8").split()
    assert list(dict.fromkeys(told)) == expected
    assert len(told) > len(expected)
    assert left_in(store) == []
    database.dispose()


def test_a_loop_tries_again_until_it_arrives(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    """A receiver that is away for a while gets everything, in order, when it is back; the log says that it was away."""
    fill(store, 4)
    expected, heard, away = ids(left_in(store)), list[str](), [2]
    stop = threading.Event()

    def deliver(message: Message) -> None:
        if away[0]:
            away[0] -= 1
            raise ConnectionError("nobody answers")
        heard.append(message.event["id"])
        if len(heard) == len(expected):
            stop.set()

    relay(store, deliver, poll_seconds=0.05, longest_pause_seconds=0.05, stop=stop)
    assert heard == expected
    assert caplog.text.count("nobody answers") >= 2
    assert left_in(store) == []


def test_a_loop_that_is_stopped_leaves_the_rest(store: Store) -> None:
    """The message that is being delivered is finished and taken out; those behind it wait for the next relay."""
    fill(store, 6)
    expected, heard, stop = ids(left_in(store)), list[str](), threading.Event()

    def deliver(message: Message) -> None:
        heard.append(message.event["id"])
        if len(heard) == 2:
            stop.set()

    relay(store, deliver, stop=stop)
    assert heard == expected[:2]
    assert ids(left_in(store)) == expected[2:]


@contextmanager
def relaying(stores: list[Store], deliver: Callable[[Message], None], poll_seconds: float) -> Iterator[None]:
    """Have a relay run for each store in a thread of its own."""
    stop = threading.Event()
    threads = [
        threading.Thread(target=relay, args=(store, deliver), kwargs={"poll_seconds": poll_seconds, "stop": stop})
        for store in stores
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(30)
        assert not any(thread.is_alive() for thread in threads)


def until(condition: Callable[[], bool], seconds: float = 30) -> float:
    """Wait for something, and give how long it took."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds
        time.sleep(0.01)
    return time.monotonic() - began


def test_a_post_wakes_the_relay_on_postgresql(postgresql_book: Database) -> None:
    """With a rest of ten minutes between looks, messages arrive at once all the same."""
    heard = list[Message]()
    poster = SqlStore(create_engine(postgresql_book.url))
    fill(poster, 1)
    with relaying([SqlStore(postgresql_book)], heard.append, poll_seconds=600):
        until(lambda: len(heard) >= 1)
        time.sleep(1)
        for number in range(1, 4):
            known = len(heard)
            fill(poster, 1, first=number)
            assert until(lambda known=known: len(heard) > known) < 3  # type: ignore[misc]


def test_several_relays_and_writers_on_postgresql(postgresql_book: Database) -> None:
    """Three relays and three writers: nothing is lost, nothing told twice, and each holder's order is kept."""
    url = postgresql_book.url
    heard, lock = list[str](), threading.Lock()

    def deliver(message: Message) -> None:
        with lock:
            heard.append(message.event["id"])

    writers = [
        threading.Thread(target=fill, args=(SqlStore(create_engine(url)), 30, 1, 1000 * number)) for number in range(3)
    ]
    fill(SqlStore(postgresql_book), 1, 1)
    with relaying([SqlStore(create_engine(url)) for _ in range(3)], deliver, poll_seconds=0.2):
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join(60)
        until(lambda: not left_in(SqlStore(postgresql_book)))
    assert set(Counter(heard).values()) == {1}
    with SqlStore(postgresql_book).transaction() as book:
        posted = [entry.key for entry in book.entries()]
    assert list(dict.fromkeys(id.partition("#")[0] for id in heard)) == posted


def test_two_relays_of_a_file_tell_all_of_it_in_order(book_file: Path) -> None:
    """On SQLite both tell what they read: each message arrives, and first times are in order."""
    fill(SqlStore(sqlite_engine(book_file)), 40)
    expected = ids(left_in(SqlStore(sqlite_engine(book_file))))
    heard, lock = list[str](), threading.Lock()

    def deliver(message: Message) -> None:
        with lock:
            heard.append(message.event["id"])
        time.sleep(0.001)

    stores: list[Store] = [SqlStore(sqlite_engine(book_file)) for _ in range(2)]
    with relaying(stores, deliver, poll_seconds=0.05):
        until(lambda: not left_in(SqlStore(sqlite_engine(book_file))))
    assert list(dict.fromkeys(heard)) == expected


def test_a_relay_in_memory_has_its_turn_alone() -> None:
    """While one tells, another that asks tells nothing."""
    store, inner = MemoryStore(), list[int]()
    fill(store, 2)
    relay_once(store, lambda _message: inner.append(relay_once(store, print)))
    assert set(inner) == {0}
    assert left_in(store) == []


def test_bodies_are_sent_as_they_are(store: Store) -> None:
    """What the receiver gets is the JSON text itself, so that it can be signed or compared."""
    fill(store, 1)
    heard = list[Message]()
    relay_once(store, heard.append)
    assert all(json.loads(message.body) == message.event for message in heard)
    assert os.linesep not in heard[0].body
