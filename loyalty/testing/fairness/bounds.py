"""
What a programme declares as a bound is kept: caps hold, landings are soft, nothing expires early, late is not less.

* Caps hold: what one rule (or campaign) pays for one key of a cap is never above its amount. Histories without refunds
  are looked at, since a refund gives headroom back.
* Soft landing: without refunds and manual tiers, a tier falls at most one step at a time where the landing is
  ``one_tier_down``, never below the floor, and never where nothing is reviewed.
* No early expiry: no lot's day is before the last usable day that its currency declares, and nothing expires before it.
* Late never harms: an event that is submitted after all others leaves no holder with less than on time.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from loyalty.core.calendar import PERIOD_MONTHS, Duration, Period, format_day
from loyalty.core.events import TIER_OVERRIDE, Event
from loyalty.core.holders import Holder
from loyalty.engine import Engine
from loyalty.ledger.memory import MemoryStore
from loyalty.programme import boundaries
from loyalty.programme.model import Programme, Role
from loyalty.rules.declaration import Cap, KeyPart, Subject
from loyalty.testing.fairness.actions import horizon_day
from loyalty.testing.fairness.scenes import later, telling_events
from loyalty.testing.laws import Bench, Counterexample, Law, Lead
from loyalty.testing.outcomes import Effect, write_amount
from loyalty.tiers.declaration import Landing

_EPOCH = date(1970, 1, 1)


def probe_caps(bench: Bench, lead: Lead) -> Iterator[Counterexample]:
    """Add up what each capped rule and campaign paid for each key."""
    programme = bench.programme
    plain = tuple(event for event in lead.events if _role(programme, event) in (Role.NONE, Role.FOLLOWS))
    events = {event.identity: event for event in plain}
    effects = [effect for effect in bench.settle(plain).awards if effect.cause in events and effect.amount > 0]
    for label, cap, rules in _caps(programme):
        used: dict[object, int] = {}
        for effect in effects:
            if effect.rule in rules and effect.currency == cap.currency and effect.cause:
                key = _key(programme, cap, events[effect.cause], effect, label)
                used[key] = used.get(key, 0) + effect.amount
        for amount in (amount for amount in used.values() if amount > cap.amount):
            yield Counterexample(
                law="caps_hold",
                claim=f"{label} paid {write_amount(programme, cap.currency, amount)}"
                f" where at most {write_amount(programme, cap.currency, cap.amount)} are declared",
                second=plain, rules=((label, write_amount(programme, cap.currency, amount)),),
            )  # fmt: skip


def _caps(programme: Programme) -> Iterator[tuple[str, Cap, set[str]]]:
    for rule in programme.rules:
        yield from ((rule.name, cap, {rule.name}) for cap in rule.caps)
    for campaign in programme.campaigns.values():
        members: set[str] = {rule.name for rule in programme.rules if rule.campaign == campaign.name}
        yield from ((campaign.name, cap, members) for cap in campaign.caps)


def _key(programme: Programme, cap: Cap, event: Event, effect: Effect, label: str) -> object:
    if cap.per_event:
        return label, effect.holder, event.identity, effect.rule
    return label, effect.holder, tuple(_part(programme, part, event) for part in cap.per)


def _part(programme: Programme, part: KeyPart, event: Event) -> object:
    if part is Subject.PARTNER:
        return event.partner
    if part is Subject.PERSON:
        return event.person
    if isinstance(part, Period):
        return period_start(programme, part, programme.calendar.day_of(event.occurred_at))
    assert isinstance(part, str)
    spec = programme.events[event.kind].fields.get(part)
    return event.fields.get(part, spec.default if spec else None)


def period_start(programme: Programme, period: Period, day: int) -> int:
    """Give the first day of the calendar period that a day lies in."""
    if period is Period.DAY:
        return day
    local = _EPOCH + timedelta(days=day)
    if period is Period.WEEK:
        return day - local.weekday()
    months = PERIOD_MONTHS[period]
    number = local.year * 12 + local.month - 1
    first = number - (number - (programme.year_starts_month - 1)) % months
    return (date(first // 12, first % 12 + 1, 1) - _EPOCH).days


def probe_landing(bench: Bench, lead: Lead) -> Iterator[Counterexample]:
    """Look at every fall of a tier."""
    programme = bench.programme
    ladder, review = programme.ladder, programme.ladder.review
    plain = tuple(e for e in lead.events if _role(programme, e) not in (None, Role.REFUNDS))
    floor = next((n for n, tier in enumerate(ladder.tiers) if review and tier.name == review.floor), 0)
    outcome = bench.settle(plain, until_day=horizon_day(programme, Lead(plain)))
    for partner in sorted({event.partner for event in plain}):
        place = 0
        for day, next_place in outcome.tier_steps(Holder.partner(partner)):
            one_down = review is not None and review.landing is Landing.ONE_TIER_DOWN
            if next_place < place and (review is None or next_place < floor or (one_down and next_place < place - 1)):
                yield Counterexample(
                    law="soft_landing",
                    claim=f"{partner} falls from {ladder.tiers[place].name} to {ladder.tiers[next_place].name}"
                    f" on {format_day(day)}, which is not the declared landing",
                    second=plain,
                )  # fmt: skip
            place = next_place


def probe_expiry(bench: Bench, lead: Lead) -> Iterator[Counterexample]:
    """Look at each award's lot, and at when lots are gone."""
    programme = bench.programme
    if not lead.events:
        return
    last = programme.calendar.day_of(max(event.occurred_at for event in lead.events))
    outcome = bench.settle(lead.events, until_day=last + boundaries.longest_memory_days(programme))
    instants = {event.identity: event.occurred_at for event in lead.events}
    for entry in outcome.settlement.entries:
        today = programme.calendar.day_of(entry.effective_at)
        # An entry is a sequence of transfers: each second posting says where what the first one gave went.
        for source, target in zip(entry.postings[::2], entry.postings[1::2], strict=True):
            posting = source if target.lot_day is None else target
            currency = programme.currencies.get(posting.asset)
            if currency is None or posting.lot_day is None or currency.expires is None:
                continue
            early = posting.rule == "@expiry" and today < posting.lot_day
            if source.account.name == "issued" and posting.cause in instants and (posting.rule or "@")[0] != "@":
                earned = programme.calendar.day_of(entry.effective_at)
                matured = any(p.account.name == "pending" and p.amount < 0 for p in entry.postings)
                early = early or (not matured and posting.lot_day <= _plus(earned, currency.expires.after))
            if early:
                yield Counterexample(
                    law="no_early_expiry",
                    claim=f"{write_amount(programme, posting.asset, abs(posting.amount))} of {posting.account.path}"
                    f" are gone at the start of {format_day(posting.lot_day)}, looked at on {format_day(today)},"
                    f" although they last {currency.expires.after}",
                    second=lead.events, rules=((posting.rule or "", format_day(posting.lot_day)),),
                )  # fmt: skip


def _plus(day: int, duration: Duration) -> int:
    if duration.days:
        return day + duration.days
    local = _EPOCH + timedelta(days=day)
    number = local.year * 12 + local.month - 1 + duration.months
    following = date(number // 12 + (number % 12 == 11), (number + 1) % 12 + 1, 1)
    last = (following - timedelta(days=1)).day
    return (date(number // 12, number % 12 + 1, min(local.day, last)) - _EPOCH).days


def probe_late(bench: Bench, lead: Lead) -> Iterator[Counterexample]:
    """Submit each event last, after the clock has run on."""
    programme = bench.programme
    in_order = sorted(lead.events, key=lambda event: event.key)
    if not in_order:
        return
    until = programme.calendar.day_of(in_order[-1].occurred_at) + 40
    on_time = _ends(programme, in_order, (), until)
    for place, event in enumerate(in_order):
        late = _ends(programme, (*in_order[:place], *in_order[place + 1 :]), (event,), until)
        for key in {**on_time, **late}:
            if late.get(key, 0) < on_time.get(key, 0):
                holder, account, asset = key
                yield Counterexample(
                    law="late_never_harms",
                    claim=f"submitted late, {event.id} leaves {holder} with {late.get(key, 0)} {account} {asset}"
                    f" instead of {on_time.get(key, 0)} (minor units)",
                    second=lead.events,
                )  # fmt: skip
                return


def _ends(
    programme: Programme, events: tuple[Event, ...] | list[Event], late: tuple[Event, ...], until: int
) -> dict[tuple[Holder, str, str], int]:
    engine = Engine(programme, MemoryStore())
    for event in events:
        engine.submit(event)
    engine.advance(until)
    for event in late:
        engine.submit(event)
    with engine.store.transaction() as book:
        return {
            (holder, account, asset): amount
            for holder in book.holders()
            for (account, asset), amount in book.balances(holder).items()
        }


def _role(programme: Programme, event: Event) -> Role | None:
    kind = programme.events.get(event.kind)
    return kind.role if kind else None


def repeated(bench: Bench) -> Iterator[Lead]:
    """Each telling event once, and three times on three days."""
    programme = bench.programme
    for lead in telling_events(bench):
        yield lead
    for lead in telling_events(bench):
        again = (later(programme, lead, days, f"e-{6 + days}").events[-1:] for days in (1, 2))
        yield Lead((*lead.events, *(event for events in again for event in events)))


def rising(bench: Bench) -> Iterator[Lead]:
    """Histories of one partner that reach tiers by what they did, and then stop."""
    for lead in repeated(bench):
        yield Lead(tuple(event for event in lead.events if event.kind != TIER_OVERRIDE))


def pairs(bench: Bench) -> Iterator[Lead]:
    """Telling events, each after another one."""
    telling = telling_events(bench, limit=5)
    for first in telling:
        for second in telling:
            yield Lead((*first.events, *later(bench.programme, second, 20, "e-9").events))


CAPS_HOLD = Law(
    name="caps_hold", statement="No cap is ever exceeded.", probe=probe_caps, leads=repeated
)  # fmt: skip
SOFT_LANDING = Law(
    name="soft_landing", statement="A review never drops a tier further than declared.",
    probe=probe_landing, leads=rising
)  # fmt: skip
NO_EARLY_EXPIRY = Law(
    name="no_early_expiry", statement="Nothing expires before its last usable day.", probe=probe_expiry, leads=repeated
)  # fmt: skip
LATE_NEVER_HARMS = Law(
    name="late_never_harms", statement="An event submitted late ends as on time.", probe=probe_late, leads=pairs
)  # fmt: skip
