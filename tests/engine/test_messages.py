"""Messages say what entries did: valid CloudEvents, nothing twice, nothing left out, the same however posted."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from random import Random
from typing import Any

import pytest
from attrs import define, field
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from loyalty import Engine, Event, Holder, LoyaltyError, MemoryStore, Programme, UsageError, load, loads
from loyalty.engine.messages import MOVES, TOPICS, Messages
from loyalty.ledger.entries import HOLDER_ACCOUNTS
from loyalty.ledger.outbox import Message
from loyalty.ledger.store import Store
from tests.settlement.histories import history

from . import wallets
from .scenes import ACME, ANN, PROGRAMME, balances_in, deal, happened, instant, refund, void
from .test_commands_any import Host, live

ROOT = Path(__file__).parents[2]
PROGRAMMES = [
    PROGRAMME,
    load(ROOT / "tests" / "settlement" / "programmes" / "commands.yaml"),
    load(ROOT / "tests" / "programme" / "full.yaml"),
]


def messages_in(store: Store) -> list[Message]:
    """Give everything that waits to be told."""
    with store.transaction(read_only=True) as book:
        return list(book.messages(1_000_000))


def told_by(store: Store) -> list[tuple[str, str, dict[str, Any]]]:
    """Give topic, subject and data of everything that waits to be told."""
    return [(message.topic, message.event["subject"], message.event["data"]) for message in messages_in(store)]


def new_engine(store: Store, messages: Any = True, programme: Programme = PROGRAMME) -> Engine:
    """An engine that tells, whose clock stands still."""
    return Engine(programme, store, clock=lambda: instant("2027-01-01"), messages=messages)


@define
class Listener:
    """Somebody who hears messages and nothing else."""

    balances: Counter[tuple[str, str, str]] = field(factory=Counter)
    tiers: dict[str, str] = field(factory=dict)
    badges: Counter[tuple[str, str]] = field(factory=Counter)
    ids: set[str] = field(factory=set)

    def hear(self, messages: Iterable[Message], base: str) -> None:
        """Take messages in, in order."""
        for message in messages:
            event = message.event
            assert message.topic == event["type"]
            assert message.topic in TOPICS
            assert event["id"] not in self.ids, event
            self.ids.add(event["id"])
            subject, data = event["subject"], event["data"]
            if message.topic == "tier.changed":
                assert data["from"] == self.tiers.get(subject, base), event
                self.tiers[subject] = data["to"]
            elif message.topic.startswith("badge."):
                self.badges[subject, data["badge"]] += 1 if message.topic == "badge.earned" else -1
            elif not message.topic.endswith(".expiring"):
                assert data["amount"] > 0
                assert sum(lot["amount"] for lot in data["lots"]) in (0, data["amount"])
                for account, amount in ((data["from"], -data["amount"]), (data["to"], data["amount"])):
                    if account in HOLDER_ACCOUNTS:
                        self.balances[subject, account, data["currency"]] += amount

    def knows(self, base: str) -> dict[tuple[str, str, str], int]:
        """Give what it holds for true, as the book would say it."""
        standing = {(subject, "standing", f"tier.{name}"): 1 for subject, name in self.tiers.items() if name != base}
        standing |= {(subject, "standing", f"badge.{name}"): held for (subject, name), held in self.badges.items()}
        return {key: amount for key, amount in {**self.balances, **standing}.items() if amount}


def assert_listener_knows(store: Store, programme: Programme) -> Listener:
    """Compare the sum of all messages with the balances of the book."""
    listener, base = Listener(), programme.ladder.tiers[0].name
    listener.hear(messages_in(store), base)
    assert listener.knows(base) == {
        (str(holder), *key): amount for (holder, *key), amount in balances_in(store).items()
    }
    return listener


def test_an_event_and_its_message(store: Store) -> None:
    """A deal's award is told whole: who, what, how much, until when, why."""
    new_engine(store, "points").submit(deal("D-1", "2026-02-03T10:00", 100))
    earned, status, gift = [message.event for message in messages_in(store) if message.event["subject"] == str(ACME)]
    at = {"effective_at": "2026-02-03T09:00:00Z", "recorded_at": "2026-12-31T23:00:00Z"}
    assert earned == {
        "specversion": "1.0",
        "id": "event:/D-1#0",
        "source": "/programmes/scenes",
        "type": "points.earned",
        "subject": "partner:acme",
        "time": "2026-02-03T09:00:00Z",
        "datacontenttype": "application/json",
        "data": {
            "currency": "points", "amount": 100, "scale": 0, "from": "issued", "to": "available",
            "lots": [{"amount": 100, "last_usable_day": "2026-08-03"}],
            "entry": "event:/D-1", "kind": "event", "cause": "/D-1", "rule": "deal-base", **at,
        },
    }  # fmt: skip
    assert (status["data"]["currency"], status["data"]["amount"]) == ("status", 10)
    assert (gift["data"]["rule"], gift["data"]["amount"], gift["id"]) == ("@badge.starter", 7, "event:/D-1#3")


def test_every_message_is_a_cloud_event(store: Store) -> None:
    """The CloudEvents SDK reads every message, and writes back what it read."""
    engine = new_engine(store, Messages(expiring_days=30, source="https://partners.example/points"))
    engine.submit(deal("D-1", "2026-02-03T10:00", 300, person="ann"))
    engine.submit(happened("C-1", "certification.passed", "2026-02-04", person="ann", track="Überblick"))
    engine.redeem("partner:acme", "points", 20, key="order 7/ü", at=instant("2026-02-05"))
    engine.advance("2027-03-01")
    engine.submit(refund("R-1", "2026-02-20", "D-1"))
    messages = messages_in(store)
    assert len(messages) > 15
    for message in messages:
        parsed = JSONFormat().read(CloudEvent, message.body)
        assert parsed.get_specversion() == "1.0"
        assert parsed.get_time().utcoffset().total_seconds() == 0
        assert (parsed.get_type(), parsed.get_source()) == (message.topic, "https://partners.example/points")
        assert json.loads(JSONFormat().write(parsed)) == message.event


@pytest.mark.parametrize("seed", range(60))
def test_messages_add_up_to_the_book(seed: int) -> None:
    """Whoever adds up all messages has each balance, tier and badge, through late events, voids and all commands."""
    rng = Random(seed)
    programme = PROGRAMMES[seed % len(PROGRAMMES)]
    store = MemoryStore()

    class Telling(Host):
        def restart(self) -> None:
            self.engine = Engine(
                self.programme, self.store, clock=lambda: self.now, messages=Messages(expiring_days=20)
            )

    host = Telling(programme, store, rng)
    live(host, history(programme, rng, size=14).events)
    listener = assert_listener_knows(store, programme)
    host.engine.advance(programme.calendar.day_of(host.now) + 400)
    again = assert_listener_knows(store, programme)
    assert listener.ids <= again.ids


def test_commands_have_their_topics() -> None:
    """Holds, adjustments, transfers, reversals, arrears and closings are told by names of their own."""
    store = MemoryStore()
    engine = Engine(wallets.PROGRAMME, store, clock=lambda: wallets.instant("2026-12-01"), messages=True)
    engine.submit(wallets.deal("D-1", "2026-02-03", 100, person="ann"))
    engine.hold("partner:acme", "points", 30, key="h", at=wallets.instant("2026-02-04"))
    engine.capture("h", 10, key="c", at=wallets.instant("2026-02-05"))
    engine.release("h", key="r", at=wallets.instant("2026-02-06"))
    day = wallets.instant("2026-02-07")
    engine.adjust("partner:acme", "graced", 5, key="a+", reason="sorry", actor="zoe", at=day)
    engine.adjust("partner:acme", "graced", -3, key="a-", reason="oops", actor="zoe", at=day)
    engine.transfer("partner:acme", "partner:birch", "graced", 40, key="t", at=day)
    engine.redeem("partner:acme", "points", 50, key="o", at=day)
    engine.reverse("o", 20, key="x", at=wallets.instant("2026-02-08"))
    engine.submit(wallets.refund("R-1", "2026-02-09", "D-1"))
    commands = [
        (topic, subject, data["amount"], data["currency"])
        for topic, subject, data in told_by(store)
        if data["kind"] == "command"
    ]
    assert commands == [
        ("hold.placed", "partner:acme", 30, "points"),
        ("hold.captured", "partner:acme", 10, "points"),
        ("hold.released", "partner:acme", 20, "points"),
        ("points.credited", "partner:acme", 5, "graced"),
        ("points.debited", "partner:acme", 3, "graced"),
        ("points.sent", "partner:acme", 40, "graced"),
        ("points.received", "partner:birch", 40, "graced"),
        ("points.redeemed", "partner:acme", 50, "points"),
        ("points.restored", "partner:acme", 20, "points"),
    ]
    refunded = [
        (topic, data["amount"], data["from"], data["to"])
        for topic, subject, data in told_by(store)
        if data["cause"] == "/R-1" and data["currency"] == "points" and subject == "partner:acme"
    ]
    assert refunded == [("points.reversed", 60, "available", "issued"), ("arrears.owed", 40, "arrears", "issued")]


def test_money_is_named_as_such() -> None:
    """A currency of money has topics of its own, and its amounts come with unit and scale."""
    funds = loads("""\
language: 1
programme: {id: funds, starts: 2026-01-01, timezone: Europe/Berlin}
currencies:
  mdf: {unit: EUR, expires: {after: 1 year}}
events:
  deal.won: {amount: {type: money, unit: EUR, max: 1000000.00}}
earn:
  - rule: fund
    on: deal.won
    of: event.amount
    give: {partner: {mdf: 3 %}}
""")
    store = MemoryStore()
    engine = Engine(funds, store, messages=Messages(expiring_days=90))
    engine.submit(deal("D-1", "2026-02-03", 1000, funds))
    engine.advance("2026-02-04")
    engine.advance("2027-03-01")
    said = [(topic, data["currency"], data["amount"], data["scale"], data["unit"]) for topic, _, data in told_by(store)]
    money = ("mdf", 3000, 2, "EUR")
    assert said == [("mdf.accrued", *money), ("mdf.expiring", *money), ("mdf.expired", *money)]


def test_a_late_event_tells_its_difference(store: Store) -> None:
    """A correction names what it corrects and why, and a tier that only moved in the past is not told again."""
    engine = new_engine(store)
    engine.submit(deal("D-2", "2026-03-01", 300))
    assert [data["to"] for topic, _, data in told_by(store) if topic == "tier.changed"] == ["gold"]
    before = len(messages_in(store))
    engine.submit(deal("D-1", "2026-02-01", 300))
    late = told_by(store)[before:]
    assert not [data for topic, _, data in late if topic == "tier.changed"]
    corrected = [
        (topic, data["amount"], data["cause"], data["because_of"], data["effective_at"])
        for topic, _, data in late
        if data["kind"] == "correction"
    ]
    # Under gold the second deal earns a quarter more, and the badge's gift came with the first.
    assert corrected == [
        ("points.earned", 75, "/D-2", "/D-1", "2026-02-28T23:00:00Z"),
        ("points.reversed", 7, "/D-2", "/D-1", "2026-02-28T23:00:00Z"),
    ]
    engine.submit(void("V-1", "2026-04-01", "D-1"))
    engine.submit(void("V-2", "2026-04-02", "D-2"))
    assert [(data["from"], data["to"]) for topic, _, data in told_by(store) if topic == "tier.changed"] == [
        ("base", "gold"), ("gold", "base")]  # fmt: skip
    assert Counter(topic for topic, _, _ in told_by(store) if topic.startswith("badge.")) == {
        "badge.earned": 1, "badge.lost": 1}  # fmt: skip
    assert_listener_knows(store, PROGRAMME)


def test_lots_that_a_replay_chose_again_are_no_message() -> None:
    """A redemption that a late event moved to other lots has moved nothing between accounts."""
    store = MemoryStore()
    engine = new_engine(store, "points.redeemed")
    engine.submit(deal("D-2", "2026-03-01", 100))
    engine.redeem("partner:acme", "points", 50, key="o", at=instant("2026-03-02"))
    engine.submit(deal("D-1", "2026-02-01", 100))
    assert [(data["amount"], data["lots"]) for _, _, data in told_by(store)] == [
        (50, [{"amount": 50, "last_usable_day": "2026-09-01"}])]  # fmt: skip
    with store.transaction() as book:
        corrections = [entry for entry in book.entries() if entry.cause == "/D-1" and entry.kind.value == "correction"]
        assert any(leg.rule == "@redeem" for entry in corrections for leg in entry.postings)


def test_topics_can_be_chosen_and_keep_their_ids() -> None:
    """A host that wants some topics gets those, under the ids that they have among all."""
    everything, some, none = MemoryStore(), MemoryStore(), MemoryStore()
    for store, messages in ((everything, True), (some, ["tier", "points.pending"]), (none, False)):
        engine = new_engine(store, messages)
        engine.submit(deal("D-1", "2026-02-03", 300))
        engine.submit(happened("C-1", "certification.passed", "2026-02-04", person="ann", track="a"))
    chosen = messages_in(some)
    assert {message.topic for message in chosen} == {"tier.changed", "points.pending"}
    assert [message.body for message in chosen] == [
        message.body for message in messages_in(everything) if message.topic in {"tier.changed", "points.pending"}
    ]
    assert messages_in(none) == []


@pytest.mark.parametrize(
    "options", [{"topics": "point"}, {"topics": ["points.spent"]}, {"expiring_days": 0}, {"expiring_days": 1.5}]
)
def test_what_cannot_be_told_is_refused(options: dict[str, Any]) -> None:
    """An unknown topic and days that are none are said at once, with what there is."""
    with pytest.raises(UsageError, match=r"points\.earned|above 0"):
        Messages(**options)


def test_a_refused_event_tells_nothing(store: Store) -> None:
    """Message and entry stand or fall together: a command without points leaves no message, nor does a retry."""
    engine = new_engine(store)
    engine.submit(deal("D-1", "2026-02-03"))
    before = messages_in(store)
    engine.submit(deal("D-1", "2026-02-03"))
    with pytest.raises(LoyaltyError):
        engine.redeem("partner:acme", "points", 5000, key="o", at=instant("2026-02-04"))
    with pytest.raises(LoyaltyError):
        engine.submit(deal("D-1", "2026-02-03", 7))
    assert messages_in(store) == before


def test_many_at_once_tell_what_one_by_one_tells(store: Store) -> None:
    """Events of one transaction have the messages that they have alone, in the same order."""
    events = [deal(f"D-{number}", f"2026-02-{number:02}", 40 * number, person="ann") for number in range(1, 20)]
    events += [refund("R-1", "2026-03-01", "D-3"), void("V-1", "2026-03-02", "D-4"), deal("D-0", "2026-01-05")]
    alone = MemoryStore()
    for event in events:
        new_engine(alone).submit(event)
    list(new_engine(store).submit_many(events, chunk=7))
    assert [message.body for message in messages_in(store)] == [message.body for message in messages_in(alone)]


def deals_of_a_year(seed: int) -> list[Event]:
    """Draw a year of deals and certifications."""
    rng = Random(seed)
    events = []
    for number in range(25):
        at = f"2026-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}T{rng.randint(0, 23):02}:30"
        kind = rng.randrange(3)
        if kind:
            events.append(deal(f"D-{number}", at, rng.randint(1, 200), person="ann" if kind == 1 else None))
        else:
            events.append(happened(f"C-{number}", "certification.passed", at, person="ann", track=str(number)))
    return sorted(events, key=lambda event: event.key)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("notice_days", [1, 30, 400])
def test_a_clock_that_runs_daily_and_one_that_jumps_tell_the_same(seed: int, notice_days: int) -> None:
    """After the last event it does not matter how often the clock is advanced, notices of expiry included."""
    told = []
    for step in (1, 7, 1000):
        store = MemoryStore()
        engine = new_engine(store, Messages(expiring_days=notice_days))
        for event in deals_of_a_year(seed):
            engine.submit(event)
        first, last = PROGRAMME.calendar.day_of(instant("2026-12-29")), PROGRAMME.calendar.day_of(instant("2028-01-01"))
        engine.advance(first)
        for day in [*range(first + step, last, step), last]:
            engine.advance(day)
        told.append(sorted((message.event["time"], message.body) for message in messages_in(store)))
    assert told[0] == told[1] == told[2]
    assert any('"points.expiring"' in body for _, body in told[0])


def test_a_notice_comes_once_ahead_of_each_expiry(store: Store) -> None:
    """Thirty days ahead the host hears what will be gone, once, with the last usable day and the instant."""
    engine = new_engine(store, Messages(topics=["points.expiring"], expiring_days=30))
    engine.submit(deal("D-1", "2026-02-03", 100))
    engine.submit(deal("D-2", "2026-02-03T12:00", 50))
    engine.submit(deal("D-3", "2026-02-20", 70))
    engine.redeem("partner:acme", "points", 30, key="o", at=instant("2026-03-01"))
    notice = instant("2026-07-05")
    for day in ("2026-07-04", "2026-07-05", "2026-07-06", "2026-07-20"):
        engine.advance(day)
        notices = [message.event for message in messages_in(store)]
        assert len(notices) == (0 if day == "2026-07-04" else 1)
    assert notices[0]["id"] == "expiring:partner:acme:points:2026-08-04:2026-07-05"
    assert notices[0]["time"] == "2026-07-04T22:00:00Z"
    assert instant("2026-07-05") == notice
    assert notices[0]["data"] == {
        "currency": "points", "amount": 120 + 7, "scale": 0,
        "last_usable_day": "2026-08-03", "expires_at": "2026-08-03T22:00:00Z",
    }  # fmt: skip


def test_points_earned_inside_the_notice_are_noticed_the_next_day(store: Store) -> None:
    """Where the notice is longer than points live, each lot is noticed once, when the clock has passed its earning."""
    engine = new_engine(store, Messages(topics=["points.expiring"], expiring_days=300))
    engine.advance("2026-02-01")
    for number, on in enumerate(("2026-02-03", "2026-02-05")):
        engine.submit(deal(f"D-{number}", f"{on}T10:00", 3))
        engine.advance(on)
        assert len(messages_in(store)) == number
        engine.advance(PROGRAMME.calendar.day_of(instant(on)) + 1)
    assert [message.event["id"].split(":")[4:] for message in messages_in(store)] == [
        ["2026-08-04", "2026-02-04"], ["2026-08-06", "2026-02-06"]]  # fmt: skip


def test_a_book_that_was_never_advanced_does_not_notice_the_past(store: Store) -> None:
    """The first advance over an old history tells of what can still be used, and of nothing that is gone."""
    engine = new_engine(store, Messages(topics=["points.expiring"], expiring_days=30))
    for month in range(1, 8):
        engine.submit(deal(f"D-{month}", f"2026-{month:02}-10", 10 * month))
    engine.advance("2026-12-20")
    assert [message.event["data"]["last_usable_day"] for message in messages_in(store)] == ["2027-01-10"]


def test_every_topic_is_written_down() -> None:
    """The page lists each topic, and no other."""
    page = (ROOT / "docs" / "how-to" / "tell-others.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `")]
    written = {word for row in rows for word in row.replace("`", "").replace(",", "").split()}
    assert {topic for topic in TOPICS if not topic.startswith("mdf.")} - {"mdf"} == {
        word for word in written if not word.startswith("mdf.")
    }
    assert len(MOVES) > 20
    assert Holder.person("ann") == ANN
