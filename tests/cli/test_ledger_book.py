"""``loyalty ledger advance``, ``statement`` and ``relay`` on a book in a database."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from sqlalchemy import URL

from loyalty import Engine, loads, read_event
from loyalty.engine.messages import Messages
from loyalty.ledger.sql import SqlStore, create_tables, sqlite_engine
from tests.cli.conftest import ROOT, Call

PROGRAMME = """\
language: 1
programme: {id: portal, title: Portal, starts: 2026-01-01, timezone: Europe/Berlin}
currencies:
  points: {expires: {after: 2 months}}
  mdf: {unit: EUR}
events:
  deal.won: {amount: {type: money, unit: EUR, max: 1000000.00}}
earn:
  - rule: deal-base
    on: deal.won
    of: event.amount
    give: {partner: {points: 1 per 10 EUR, mdf: 1 %}}
    pending: {points: 10 days}
"""


@pytest.fixture
def programme_file(tmp_path: Path) -> Path:
    """The programme, as a file."""
    path = tmp_path / "programme.yaml"
    path.write_text(PROGRAMME, encoding="utf-8")
    return path


@pytest.fixture
def book_file(tmp_path: Path) -> Path:
    """A book with three deals, the last of which was late; its messages wait."""
    return make_book(tmp_path / "portal.db", PROGRAMME)


def make_book(path: Path, text: str) -> Path:
    """Make the book of a programme."""
    engine = sqlite_engine(path)
    create_tables(engine)
    programme = loads(text)
    clock = [programme.calendar.parse_instant_us(f"2026-03-{day}T12:00") for day in ("01", "20")]
    settler = Engine(programme, SqlStore(engine), clock=lambda: clock[0], messages=Messages(topics=["points"]))
    for id, at in (("D-1", "2026-02-01T10:00"), ("D-3", "2026-02-20T10:00"), ("D-2", "2026-02-05T10:00")):
        if id == "D-2":
            clock.pop(0)
        settler.submit(
            read_event(programme, {"id": id, "on": "deal.won", "at": at, "partner": "acme", "amount": "1000.00 EUR"})
        )
    engine.dispose()
    return path


STANDING = """\
metrics:
  earned: {earned: points, window: calendar_year}
  sold: {sum: event.amount, of: deal.won, window: {trailing: 30 days}}
tiers:
  base: {multiplier: 1}
  ladder:
    - {tier: silver, multiplier: 1, needs: [earned >= 250]}
  promote: at_once
  review: {every: calendar_year, grace: 30 days, landing: one_tier_down}
"""


def words(text: str) -> str:
    """Take columns as they come."""
    return " ".join(text.split())


def test_a_standing_is_told_on_both_axes(call: Call, tmp_path: Path) -> None:
    """Tier, metrics with their days and the changes; what was believed before the late deal came can be asked for."""
    path = tmp_path / "tiers.yaml"
    path.write_text(PROGRAMME + STANDING, encoding="utf-8")
    book_file = make_book(tmp_path / "tiers.db", PROGRAMME + STANDING)
    asked = ("ledger", "standing", path, "partner:acme", "--db", book_file)
    result = call(*asked, "--at", "2026-03-05")
    assert result.exit_code == 0, result.output
    shown = words(result.stdout)
    assert "tier silver since 2026-02-20 10:00 next review at the start of 2027-01-01" in shown
    assert "earned 300 points 2026-01-01 2026-12-31" in shown
    assert "sold 2,000.00 EUR 2026-02-04 2026-03-05" in shown
    assert "2026-02-20 10:00 silver @promotion /D-3" in shown
    known = json.loads(call(*asked, "--at", "2026-03-05", "--known-at", "2026-03-01", "--json").stdout)
    assert (known["tier"], known["tier_since"], known["changes"]) == ("base", None, [])
    assert known["metrics"]["earned"]["value"] == "200"
    wrong = call(*asked[:3], "acme", "--db", book_file)
    assert wrong.exit_code == 2


def test_a_statement_says_what_is_there_and_why(call: Call, programme_file: Path, book_file: Path) -> None:
    """Balances with what is due, all expiries, and the last lines in the order of posting, with balances."""
    result = call("ledger", "statement", programme_file, "partner:acme", "--db", book_file, "--at", "2026-03-05")
    assert result.exit_code == 0, result.output
    shown = words(result.stdout)
    assert "Portal: partner:acme at 2026-03-05 23:59:59" in shown
    assert "points 0 300 0 0 mdf 0.00 30.00 0.00 0.00" in shown
    assert "2026-04-01 points 100 2026-04-02 00:00:00" in shown
    assert "2026-04-20 points 100 2026-04-21 00:00:00" in shown
    assert "2026-02-05 10:00 2026-03-20 12:00 event:/D-2 deal-base pending 100 200 2026-04-05" in shown
    assert shown.index("event:/D-2") < shown.index("event:/D-3")


def test_a_statement_by_what_was_known(call: Call, programme_file: Path, book_file: Path) -> None:
    """Before the late deal was known, it is neither in the balances nor in the lines."""
    arguments = ("ledger", "statement", programme_file, "partner:acme", "--db", book_file, "--json")
    known = json.loads(call(*arguments, "--at", "2026-03-01", "--known-at", "2026-03-02").stdout)
    now = json.loads(call(*arguments, "--at", "2026-03-01").stdout)
    assert known["balances"]["mdf"]["available"] == "20.00"
    assert now["balances"]["mdf"]["available"] == "30.00"
    assert [line["entry"] for line in known["lines"]["mdf"]["lines"]] == ["event:/D-1", "event:/D-3"]
    assert known["lines"]["mdf"]["closing"] == {"available": "20.00"}


@pytest.mark.parametrize("options", [(), ("--at", "2026-12-31")])
def test_the_last_lines_of_many(call: Call, programme_file: Path, book_file: Path, options: tuple[str, ...]) -> None:
    """Fewer lines than there are begin with an opening balance, so that the page adds up."""
    arguments = ("ledger", "statement", programme_file, "partner:acme", "--db", book_file, "--json", *options)
    page = json.loads(call(*arguments, "--lines", "1", "--currency", "mdf").stdout)["lines"]
    assert list(page) == ["mdf"]
    last = "event:/D-3" if options else "event:/D-2"
    assert [line["entry"] for line in page["mdf"]["lines"]] == [last]
    assert (page["mdf"]["opening"], page["mdf"]["closing"]) == ({"available": "20.00"}, {"available": "30.00"})


def test_advance_posts_what_is_due_once(call: Call, programme_file: Path, book_file: Path) -> None:
    """It says what it posted, by rule; a second call has nothing to do, and messages wait where that was asked for."""
    arguments = ("ledger", "advance", programme_file, "--db", book_file, "--until")
    first = call(*arguments, "2026-03-25", "--messages", "--expiring-days", "10")
    assert first.exit_code == 0, first.output
    assert words(first.stdout).startswith("Book main is advanced through 2026-03-25: 1 entry rule transfers")
    assert words(first.stdout).endswith("@activation 1")
    assert call(*arguments, "2026-03-25").stdout == "Book main was advanced through 2026-03-25 before; nothing to do.\n"
    document = json.loads(call(*arguments, "2026-04-30", "--json").stdout)
    assert (document["advanced_through_before"], document["transfers"]) == ("2026-03-25", {"@expiry": 3})
    told = call("ledger", "relay", "--db", book_file, "--once").stdout.splitlines()
    assert {json.loads(line)["type"] for line in told} == {"points.pending", "points.activated", "points.expiring"}


def test_a_day_to_come_is_not_meant(call: Call, programme_file: Path, book_file: Path) -> None:
    """A mistyped year would expire everybody's points; it takes a word to do that."""
    arguments = ("ledger", "advance", programme_file, "--db", book_file, "--until", "2062-03-25")
    refused = call(*arguments)
    assert (refused.exit_code, "has not come yet" in refused.stderr) == (2, True)
    assert call(*arguments, "--future").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("statement", "{programme}", "acme", "--db", "{db}"), "write partner:ID or person:ID"),
        (("statement", "{programme}", "partner:acme", "--db", "{db}", "--currency", "miles"), "points, mdf"),
        (("statement", "{programme}", "partner:acme", "--db", "nowhere.db"), "does not exist"),
        (("advance", "{programme}", "--db", "{db}", "--expiring-days", "3"), "give --messages"),
        (("relay", "--db", "{db}", "--to", "ftp://x"), "write https://"),
        (("relay", "--db", "{db}", "--to", "http://x", "--header", "secret"), "a name, a colon and a value"),
        (("relay", "--db", "{db}", "--once", "--header", "X: y"), "say with --to where they go"),
        (("init", "--db", ""), "--db is empty"),
    ],
)
def test_wrong_use_says_what_to_do(
    call: Call, programme_file: Path, book_file: Path, arguments: tuple[str, ...], said: str
) -> None:
    """Exit code 2, and a hint."""
    given = [argument.format(programme=programme_file, db=book_file) for argument in arguments]
    result = call("ledger", *given)
    assert (result.exit_code, said in result.stderr) == (2, True), result.output


class Receiver(BaseHTTPRequestHandler):
    """Takes messages, after it has refused some."""

    def do_POST(self) -> None:
        server: Inbox = self.server  # type: ignore[assignment]
        body = self.rfile.read(int(self.headers["Content-Length"]))
        refused = server.refusals > 0
        server.refusals -= refused
        if not refused:
            server.taken.append((self.headers["Content-Type"], self.headers["X-Key"], json.loads(body)))
        self.send_response(503 if refused else 204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Inbox(HTTPServer):
    """Somebody's server."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Receiver)
        self.refusals = 0
        self.taken: list[tuple[str, str, dict[str, object]]] = []

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.server_port}/events"


@contextmanager
def inbox() -> Iterator[Inbox]:
    """Have a server for a while."""
    server = Inbox()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_messages_are_posted_as_cloud_events(call: Call, book_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With headers of the host's, one from the environment; what is refused stays and is told by the next call."""
    monkeypatch.setenv("LOYALTY_RELAY_HEADER", "X-Key: a b c")
    with inbox() as server:
        server.refusals = 1
        arguments = ("ledger", "relay", "--db", book_file, "--once", "--to", server.url)
        refused = call(*arguments)
        assert (refused.exit_code, "answered 503" in refused.stderr, server.taken) == (1, True, [])
        taken = call(*arguments, "--header", "X-Other: 1")
        assert (taken.exit_code, taken.stderr) == (0, f"{len(server.taken)} messages told.\n")
        kinds = {(kind, key) for kind, key, _ in server.taken}
        assert kinds == {("application/cloudevents+json; charset=utf-8", "a b c")}
        assert [event["id"] for _, _, event in server.taken][:2] == ["event:/D-1#0", "clock:partner:acme:2026-02-11#0"]
        assert call(*arguments).stderr == "0 messages told.\n"


def test_a_receiver_that_is_away(call: Call, book_file: Path) -> None:
    """Nobody listens: the message stays, and the address in the error has no secret of the URL."""
    away = call("ledger", "relay", "--db", book_file, "--once", "--to", "http://user:secret@127.0.0.1:9/x?token=secret")
    assert (away.exit_code, "did not answer" in away.stderr, "secret" in away.stderr) == (1, True, False)
    assert len(call("ledger", "relay", "--db", book_file, "--once").stdout.splitlines()) > 3


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_relay_runs_until_it_is_told_to_end(postgresql_book: object, number: signal.Signals) -> None:
    """As a process on PostgreSQL: it tells what comes, says when a receiver is away, and ends well."""
    url: URL = postgresql_book.url  # type: ignore[attr-defined]
    address = url.render_as_string(hide_password=False)
    programme, store = loads(PROGRAMME), SqlStore(postgresql_book)  # type: ignore[arg-type]
    settler = Engine(programme, store, messages="mdf")
    with inbox() as server:
        server.refusals = 1
        command = [
            sys.executable,
            "-m",
            "loyalty",
            "ledger",
            "relay",
            "--db",
            address,
            "--to",
            server.url,
            "--poll",
            "300",
        ]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as process:
            for count in range(1, 4):
                said = {"on": "deal.won", "at": "2026-02-01", "partner": "a", "amount": "100.00 EUR"}
                settler.submit(read_event(programme, {"id": f"D-{count}", **said}))
                end = time.monotonic() + 30
                while len(server.taken) < count and time.monotonic() < end:
                    time.sleep(0.02)
                assert len(server.taken) == count
            process.send_signal(number)
            _, errors = process.communicate(timeout=30)
        assert process.returncode == 0
        assert "answered 503; message event:/D-1#" in errors
        assert "Traceback" not in errors


@pytest.mark.parametrize("name", ["statement", "standing"])
def test_a_holder_of_whom_nobody_heard_is_no_empty_wallet(
    call: Call, programme_file: Path, book_file: Path, name: str
) -> None:
    """A slip of the pen in a holder's id is told, and does not look like a partner without points."""
    result = call("ledger", name, programme_file, "partner:acne", "--db", book_file)
    assert result.exit_code == 1
    assert "book 'main' knows no partner:acne: no event and no command ever named that holder" in result.stderr
