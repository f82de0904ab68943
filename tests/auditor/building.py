"""
Small programmes and histories for the auditor's own tests, built as values.

The default programme has the currencies ``points``, ``status`` and ``mdf`` without expiry, deals, invoices that follow
them, refunds, and certifications that end; a test replaces what it is about.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from fractions import Fraction
from typing import Any

from attrs import evolve

from loyalty.core.calendar import NEVER, Calendar, Duration, instant_us
from loyalty.core.events import Event, FieldValue
from loyalty.core.holders import Holder, Layer
from loyalty.errors import Place
from loyalty.gamification.declaration import Badge
from loyalty.ledger.store import Grant, GrantedLot
from loyalty.programme.model import (
    BadgesOnRefund,
    CapsOnRefund,
    Clawback,
    Currency,
    EventKind,
    Expiry,
    FieldSpec,
    FieldType,
    Programme,
    RefundPolicy,
    Role,
    TierOnRefund,
)
from loyalty.rules.declaration import Award, Band, BandMode, Bands, Fixed, Rate, Rule, Subject
from loyalty.rules.expressions import (
    BOOL,
    INT,
    STRING,
    Expression,
    Interval,
    Symbol,
    compile_expression,
    money_type,
)
from loyalty.tiers.declaration import Ladder, Measure, Metric, Needs, Promote, Review, Tier, Window, WindowKind

EUR = 100  # Cents.
ACME, ANNA = Holder.partner("acme"), Holder.person("anna")

SCOPE = {
    "event.amount": Symbol(money_type("EUR"), Interval(0, 10**10)),
    "event.level": Symbol(STRING, values=("associate", "expert")),
    "event.person": Symbol(STRING, present="yes"),
    "tier.level": Symbol(INT, Interval(0, 10)),
    "earned": Symbol(INT, Interval(0, 10**10)),
    "certified": Symbol(INT, Interval(0, 10**6)),
    "deals": Symbol(INT, Interval(0, 10**6)),
    "turnover": Symbol(INT, Interval(0, 10**12)),
}

AMOUNT = FieldSpec(name="amount", type=FieldType.MONEY, unit="EUR", highest=10**10)
TEXT = FieldSpec(name="track", type=FieldType.TEXT)
LEVEL = FieldSpec(name="level", type=FieldType.ONE_OF, values=("associate", "expert"))
KINDS = (
    EventKind(name="deal.won", fields={"amount": AMOUNT}),
    EventKind(
        name="deal.refunded", fields={"amount": AMOUNT}, role=Role.REFUNDS, origin_kind="deal.won", part="amount"
    ),
    EventKind(name="invoice.paid", fields={}, role=Role.FOLLOWS, origin_kind="deal.won"),
    EventKind(name="certification.passed", fields={"track": TEXT, "level": LEVEL}),
    EventKind(
        name="certification.expired",
        fields={"track": TEXT, "level": LEVEL},
        role=Role.ENDS,
        origin_kind="certification.passed",
        by=(Subject.PERSON, "track", "level"),
    ),
)


def expression(text: str, more: Mapping[str, Symbol] | None = None) -> Expression:
    """Compile an expression over the names that these tests use, and *more*."""
    return compile_expression(text, {**SCOPE, **(more or {})}, expects=None, place=Place(), scales={"EUR": 2})


def needs(text: str) -> Needs:
    """Need one condition over metrics."""
    condition = compile_expression(text, SCOPE, expects=BOOL, place=Place(), scales={"EUR": 2})
    return Needs(every=True, parts=(condition,))


def rule(name: str = "deal-base", on: str = "deal.won", person: dict[str, Award] | None = None, **said: Any) -> Rule:
    """Give a rule that, unless told otherwise, pays the partner 1 point per 100 EUR of a deal."""
    partner = said.pop("partner", {"points": Rate(amount=1, per=100 * EUR)})
    layers = {Layer.PARTNER: partner, Layer.PERSON: person}
    said.setdefault("of", expression("event.amount") if on == "deal.won" else None)
    return Rule(name=name, on=on, give={layer: give for layer, give in layers.items() if give}, **said)


def bands(mode: BandMode, *steps: tuple[int, int]) -> Bands:
    """Give bands of points per 100 EUR, each from a number of EUR."""
    return Bands(mode=mode, bands=tuple(Band(start=s * EUR, award=Rate(amount=n, per=100 * EUR)) for s, n in steps))


def ladder(
    *tiers: tuple[str, str],
    review: Review | None = None,
    promote: Promote = Promote.AT_ONCE,
    gifts: Mapping[str, Mapping[str, int]] | None = None,
) -> Ladder:
    """Give a ladder of tiers above the base, each with its need; the multiplier grows by a quarter at each."""
    steps = [Tier(name="base", multiplier=Fraction(1), needs=None)]
    for level, (name, need) in enumerate(tiers, start=1):
        gift = (gifts or {}).get(name, {})
        steps.append(Tier(name=name, multiplier=1 + Fraction(level, 4), needs=needs(need), gift=gift))
    return Ladder(tiers=tuple(steps), review=review, promote=promote)


def metric(name: str, measure: Measure, window: Window | None = None, **said: Any) -> Metric:
    """Give a metric of the partner over its lifetime, unless told otherwise."""
    said.setdefault("layer", Layer.PARTNER)
    return Metric(name=name, measure=measure, window=window or Window(kind=WindowKind.LIFETIME), **said)


def programme(*rules: Rule, **said: Any) -> Programme:
    """Give a programme in Berlin from 2020 on; keyword arguments replace parts of it."""
    currencies = said.pop("currencies", {})
    parts: dict[str, Any] = {
        "id": "test",
        "language": 1,
        "revision": "r1",
        "calendar": Calendar.of("Europe/Berlin"),
        "first_day": day("2020-01-01"),
        "events": {kind.name: kind for kind in KINDS},
        "metrics": {},
        "ladder": ladder(),
        "currencies": {name: currencies.get(name, Currency(name=name)) for name in ("points", "status", "mdf")},
        "rules": rules,
        **said,
    }
    for name in ("metrics", "campaigns", "groups"):
        parts[name] = {each.name: each for each in parts.get(name, ())}
    return Programme(**parts)


def points(after: str, at_end_of: Any = None) -> dict[str, Currency]:
    """Let points expire."""
    return {"points": Currency(name="points", expires=Expiry(after=Duration.parse(after), at_end_of=at_end_of))}


def revised(first: Programme, **later: Programme) -> Programme:
    """Put revisions one after the other, each under the date from which it is in force, as in ``_2026_07_01``."""
    chain = [first]
    for begins, revision in later.items():
        from_day = day(begins.strip("_").replace("_", "-"))
        chain.append(evolve(revision, from_day=from_day, earlier=tuple(chain)))
    return chain[-1]


def refunds(
    tier: TierOnRefund = TierOnRefund.KEEP_TO_PERIOD_END,
    within: str = "",
    badges: BadgesOnRefund = BadgesOnRefund.KEEP,
    caps: CapsOnRefund = CapsOnRefund.REVERSE,
    kind: str = "deal.refunded",
    **clawback: Clawback,
) -> dict[str, RefundPolicy]:
    """Declare what refunds of deals do, or another kind."""
    horizon = Duration.parse(within) if within else None
    return {kind: RefundPolicy(kind=kind, clawback=clawback, tier=tier, badges=badges, caps=caps, within=horizon)}


def event(
    kind: str, id: str, at: str, *, person: str | None = None, of: str | None = None, **said: FieldValue
) -> Event:
    """Make an event of acme; a date without a time is noon in Berlin."""
    return Event(id=id, kind=kind, partner="acme", person=person, of=of, occurred_at=instant(at), fields=said)


def won(id: str, at: str, euros: int, **said: Any) -> Event:
    """Make a deal of a number of EUR."""
    return event("deal.won", id, at, amount=euros * EUR, **said)


def refunded(id: str, at: str, of: str, euros: int | None = None) -> Event:
    """Make a refund, of everything that is left unless told otherwise."""
    return event("deal.refunded", id, at, of=of, **({} if euros is None else {"amount": euros * EUR}))


def passed(id: str, at: str, person: str, level: str = "associate", kind: str = "certification.passed") -> Event:
    """Make a certification of a person on the track ``cloud``."""
    return event(kind, id, at, person=person, track="cloud", level=level)


def redeem(key: str, at: str, amount: int) -> Grant:
    """Make a decided redemption of acme's points."""
    return decided("redeem", key, at, amount)


def decided(kind: str, key: str, at: str, amount: int = 0, *lots: tuple[str, int], **said: Any) -> Grant:
    """
    Make a grant, of acme's points unless told otherwise.

    Args:
        amount: What the lots sum to, where it is 0.
        lots: The date of expiry, or never, and the amount of each lot.
    """
    if "until" in said:
        said["until_day"] = day(said.pop("until"))
    named = tuple(GrantedLot(day(date), instant(at), part) for date, part in lots)
    whole = amount or sum(part for _, part in lots)
    said = {"holder": ACME, "currency": "points", **said}
    return Grant(key=key, kind=kind, amount=whole, at=instant(at), lots=named, **said)


def badge(name: str, need: str, **give: int) -> Badge:
    """Make a badge for partners."""
    return Badge(name=name, layer=Layer.PARTNER, needs=needs(need), give=give)


def fixed(**amounts: int) -> dict[str, Award]:
    """Award fixed amounts."""
    return {currency: Fixed(amount=amount) for currency, amount in amounts.items()}


def instant(text: str) -> int:
    """Read ISO text as UTC microseconds; without an offset it is local, without a time it is noon."""
    calendar = Calendar.of("Europe/Berlin")
    moment = datetime.fromisoformat(text)
    return instant_us(moment) if moment.tzinfo else calendar.parse_instant_us(text if "T" in text else f"{text}T12:00")


def day(text: str) -> int:
    """Read an ISO date as a day number, or ``never``."""
    return NEVER if text == "never" else (date.fromisoformat(text) - date(1970, 1, 1)).days
