"""Where a holder stands: tier, badges, metrics and room under caps, at one instant by what was known at another."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from random import Random

import pytest
from attrs import evolve

from loyalty import Engine, Event, Holder, MemoryStore, Programme, UsageError, load, loads, settle
from loyalty.core.events import VOID
from loyalty.engine.receipts import Standing, TierChange
from loyalty.ledger.store import Store
from loyalty.programme.revisions import in_force
from tests.auditor.auditing import audit
from tests.auditor.metrics import metrics
from tests.settlement.histories import history
from tests.settlement.lived_histories import Life

from .conftest import OpenBook
from .scenes import ACME, ANN, BIRCH, PROGRAMME, SCENES, deal, grants_in, happened, instant, refund, void

FOLDER = Path(__file__).parents[1] / "settlement" / "programmes"
NAMES = (
    "anniversaries",
    "certifications",
    "chains",
    "closings",
    "commands",
    "metrics",
    "recognition",
    "refunds",
    "tiers",
)


def engine_at(store: Store, now: str) -> tuple[Engine, list[str]]:
    """An engine whose clock shows what the list holds."""
    shown = [now]
    return Engine(PROGRAMME, store, clock=lambda: instant(shown[0])), shown


def told(engine: Engine, *, known_at: str | None = None) -> list[tuple[str, str, str, str | None]]:
    """Give acme's changes of tier with the local minute."""
    local = engine.programme.calendar.local
    return [
        (local(one.at).strftime("%Y-%m-%d %H:%M"), one.tier, one.rule, one.cause)
        for one in engine.tiers_over_time(ACME, known_at=known_at)
    ]


def test_a_standing_says_all_of_it(store: Store) -> None:
    """Tier and badge with their instants, the next review, each metric with its days, and the room under the cap."""
    engine, _ = engine_at(store, "2026-05-20T12:00")
    engine.submit(deal("D-1", "2026-02-03T10:00", 150))
    engine.submit(deal("D-2", "2026-05-04T09:00", 60))
    now = engine.standing("partner:acme")
    assert isinstance(now, Standing)
    assert (now.tier, now.earned_tier, now.tier_since) == ("gold", "gold", instant("2026-05-04T09:00"))
    assert now.badges == {"starter": instant("2026-02-03T10:00")}
    assert (now.next_review, now.grace_ends, now.by_hand_through) == (date(2027, 1, 1), None, None)
    (status,) = now.metrics.values()
    assert (status.metric.name, status.value) == ("year_status", 21)
    assert (status.first_day, status.last_day) == (date(2026, 1, 1), date(2026, 12, 31))
    (room,) = now.caps
    assert (room.rule, room.used, room.left, room.key) == ("deal-base", 60, 940, {})
    assert (room.first_day, room.last_day) == (date(2026, 4, 1), date(2026, 6, 30))
    before = engine.standing(ACME, "2026-03-31")
    assert (before.tier, before.tier_since, before.metrics["year_status"].value) == ("base", None, 15)
    assert [one.used for one in before.caps] == [150]


def test_what_was_believed_then(store: Store) -> None:
    """A late deal brings gold from its day; what the engine said before it came can still be asked."""
    engine, shown = engine_at(store, "2026-03-01T12:00")
    engine.submit(deal("D-2", "2026-02-10T10:00", 150))
    believed = engine.standing(ACME)
    shown[0] = "2026-03-09T12:00"
    engine.submit(deal("D-1", "2026-02-03T10:00", 100))
    known = engine.standing(ACME, instant("2026-03-01T12:00"), known_at="2026-03-08")
    assert (known.tier, known.metrics, known.badges) == (believed.tier, believed.metrics, believed.badges)
    assert (known.tier, engine.standing(ACME, "2026-02-10").tier) == ("base", "gold")
    assert engine.standing(ACME, "2026-02-09").tier == "base"
    assert told(engine) == [("2026-02-10 10:00", "gold", "@promotion", "/D-2")]
    assert told(engine, known_at="2026-03-08") == []


def test_a_grace_and_a_landing_that_nobody_has_posted_yet(store: Store) -> None:
    """What is due by then is in the answer, with the grace on the way and the landing at its end."""
    engine, shown = engine_at(store, "2028-01-10T12:00")
    engine.submit(deal("D-1", "2026-02-03T10:00", 300))
    now = engine.standing(ACME)
    assert (now.tier, now.grace_ends, now.next_review) == ("gold", date(2028, 1, 31), date(2029, 1, 1))
    assert now.metrics["year_status"].value == 0
    shown[0] = "2028-02-01T12:00"
    landed = engine.standing(ACME)
    assert (landed.tier, landed.grace_ends) == ("base", None)
    changes = [("2026-02-03 10:00", "gold", "@promotion", "/D-1"), ("2028-01-31 00:00", "base", "@grace", None)]
    assert told(engine) == changes
    assert told(engine, known_at="2028-02-05") == changes
    engine.advance("2028-02-01")
    assert told(engine) == changes


def test_a_tier_by_hand_and_what_stands_beneath(store: Store) -> None:
    """The tier in force is the one set by hand, through its last day; the earned one stands beneath."""
    engine, _ = engine_at(store, "2026-03-01T12:00")
    engine.submit(happened("T-1", "tier.override", "2026-02-01T10:00", tier="gold", until="2026-03-31"))
    now = engine.standing(ACME)
    assert (now.tier, now.earned_tier, now.by_hand_through) == ("gold", "base", date(2026, 3, 31))
    later = engine.standing(ACME, "2026-04-01")
    assert (later.tier, later.by_hand_through, later.tier_since) == ("base", None, instant("2026-04-01"))


def test_a_person_has_no_tier(store: Store) -> None:
    """Tiers are the partner's; a person has metrics and badges of its own, and nobody has nothing."""
    engine, _ = engine_at(store, "2026-03-01T12:00")
    engine.submit(deal("D-1", "2026-02-03", 300, person="ann"))
    assert engine.standing(ANN).tier is None
    assert engine.standing(BIRCH).badges == {}
    assert engine.standing(BIRCH).metrics["year_status"].value == 0
    assert engine.tiers_over_time(BIRCH) == ()
    with pytest.raises(UsageError, match="partner:ID"):
        engine.standing("acme")


def test_a_restarted_process_says_the_same(open_book: OpenBook) -> None:
    """Read off the state in memory, or off the recorded history, the standing is one; reading posts nothing."""
    engine = Engine(PROGRAMME, open_book(), clock=lambda: instant("2026-06-01"))
    engine.submit(deal("D-1", "2026-02-03T10:00", 300, person="ann"))
    engine.submit(refund("R-1", "2026-03-01", "D-1", 200))
    engine.submit(deal("D-2", "2026-01-03T10:00", 80))
    engine.submit(void("V-1", "2026-04-01", "D-2"))
    again = Engine(PROGRAMME, open_book(), clock=lambda: instant("2026-06-01"))
    for holder in (ACME, ANN):
        for at in ("2026-01-31", "2026-02-28", "2026-06-01", "2029-01-01"):
            assert again.standing(holder, at) == engine.standing(holder, at)
            known = again.standing(holder, at, known_at="2026-06-01")
            assert known == engine.standing(holder, at, known_at="2026-06-01")
            assert (known.tier, known.metrics, known.badges) == (
                again.standing(holder, at).tier, again.standing(holder, at).metrics, again.standing(holder, at).badges,
            )  # fmt: skip


def test_room_by_key() -> None:
    """A cap for each field has its room for each value under which something was earned in the period."""
    programme = loads(SCENES.replace("per: quarter", "per: [event.region, month]"))
    engine = Engine(programme, MemoryStore(), clock=lambda: instant("2026-02-20"))
    for id, at, region in (("D-1", "2026-01-20", "north"), ("D-2", "2026-02-03", "north"), ("D-3", "2026-02-04", None)):
        said = {} if region is None else {"region": region}
        engine.submit(deal(id, at, 300, programme, **said))
    rooms = engine.standing(ACME).caps
    # The second and the third deal are paid at gold.
    assert [(room.key, room.used, room.left) for room in rooms] == [
        ({"region": "north"}, 375, 625), ({"region": None}, 375, 625)]  # fmt: skip


def programme_of(seed: int) -> Programme:
    """Give one of the test programmes; every third has a later revision with a rule less and, mostly, a tier less."""
    first = load(FOLDER / f"{NAMES[seed % len(NAMES)]}.yaml")
    if seed // len(NAMES) % 3 < 2:
        return first
    tiers = first.ladder.tiers
    kept = tiers[:-1] if len(tiers) > 2 and not (first.ladder.review and first.ladder.review.floor) else tiers
    return evolve(
        first, rules=first.rules[:-1], ladder=evolve(first.ladder, tiers=kept), revision="later",
        from_day=first.first_day + 300, earlier=(first,),
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(60))
def test_a_standing_is_settlement_from_scratch(seed: int) -> None:
    """For drawn histories and instants: tier and badges are those of settlement, metrics those of the slow auditor."""
    rng = Random(seed)
    programme = programme_of(seed)
    life = Life(programme, rng)
    life.engine = Engine(programme, MemoryStore(), clock=lambda: life.now)
    life.go_through(history(programme, rng, 12).events or history(programme, Random(0), 12).events)
    calendar = programme.calendar
    for event in rng.sample(life.events, min(3, len(life.events))):
        at = event.occurred_at + rng.choice((-1, 0, 86_400_000_000 * rng.randrange(400)))
        facts = [fact for fact in life.events if fact.kind == VOID or fact.occurred_at <= at]
        grants = [grant for grant in grants_in(life.engine.store) if grant.at <= at]
        day = calendar.day_of(at)
        settled = settle(programme, facts, grants, until_day=day)
        audited = audit(programme, facts, grants, until_day=day)
        for holder, wallet in audited.wallets.items():
            said = life.engine.standing(holder, at)
            if said.tier is not None:
                # A history ends now, though the standing of a day to come can be asked for.
                assert said.tier == settled.tier(holder)
                days = [(calendar.day_of(one.at), one.tier) for one in life.engine.tiers_over_time(holder)]
                base, until = programme.ladder.tiers[0].name, min(day, calendar.day_of(life.now))
                assert _steps(days, until, base) == _steps(settled.tiers_over_time(holder), until, base)
            held = [asset[6:] for owner, _, asset in settled.balances if owner == holder and asset[:6] == "badge."]
            assert sorted(said.badges) == sorted(held)
            if wallet.state.anchor is not None:
                expected = metrics(in_force(programme, day), wallet.state, day)
                assert {name: one.value for name, one in said.metrics.items()} == expected


def _steps(changes: list[tuple[int, str]], day: int, base: str) -> list[tuple[int, str]]:
    """Give the tier in force at the end of each day before *day* on which it changed."""
    ends = {on: tier for on, tier in changes if on < day}
    return [
        (on, tier) for (on, tier), before in zip(ends.items(), [base, *ends.values()], strict=False) if tier != before
    ]


@pytest.mark.parametrize("seed", range(60))
def test_the_answer_of_then_is_given_again(seed: int) -> None:
    """What a living engine answered at each instant is what it says of that instant when all is known."""
    rng = Random(1000 + seed)
    programme = programme_of(seed)
    life = Answering(programme, rng)
    life.engine = Engine(programme, MemoryStore(), clock=lambda: life.now)
    life.go_through(history(programme, rng, 10).events or history(programme, Random(0), 10).events)
    for (holder, at, known_at), answer in life.answers.items():
        again = life.engine.standing(holder, at, known_at=known_at)
        assert _without_known(again) == _without_known(answer)
    for (holder, known_at), changes in life.changes.items():
        assert life.engine.tiers_over_time(holder, known_at=known_at) == changes


def _without_known(standing: Standing) -> tuple[object, ...]:
    return (
        standing.tier, standing.tier_since, standing.earned_tier, standing.by_hand_through, standing.grace_ends,
        standing.next_review, standing.badges, standing.metrics, standing.caps,
    )  # fmt: skip


class Answering(Life):
    """A life in which the engine is asked after each event where its holders stand."""

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self.answers: dict[tuple[Holder, int, int], Standing] = {}
        self.changes: dict[tuple[Holder, int], tuple[TierChange, ...]] = {}

    def submit(self, event: Event) -> None:
        self.now += 1
        super().submit(event)
        self.ask()

    def command(self) -> None:
        self.now += 1
        try:
            super().command()
        finally:
            self.ask()

    def ask(self) -> None:
        """Ask about the favourite, and about one other now and then, for now and for another instant."""
        for holder in {self.favourite, self.holder()}:
            for at in (self.now, self.now - self.rng.randrange(200) * 86_400_000_000):
                self.answers[holder, at, self.now] = self.engine.standing(holder, at)
            self.changes[holder, self.now] = self.engine.tiers_over_time(holder)
