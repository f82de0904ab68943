"""
The language of the programme file as one table: every key, what it holds, and a sentence about it.

The loader reads by this table and the JSON Schema is derived from it. What the values mean together (names that must
be known, units that must agree, bounds that must hold) is checked in :mod:`loyalty.programme.building`.
"""

from __future__ import annotations

from typing import Final

from loyalty.core.amounts import Rounding
from loyalty.core.calendar import Period
from loyalty.core.holders import Layer
from loyalty.programme.model import Clawback, FieldType, TierOnRefund
from loyalty.programme.scalars import (
    ANY_LENGTH,
    DAY,
    FLAG,
    LENGTH,
    MONEY,
    UNIT_NAME,
    Choice,
    Expr,
    Name,
    Number,
    Text,
    Whole,
    choice_of,
)
from loyalty.programme.shapes import ByNode, Fields, Key, ListOf, MapOf, Named, Shape, Tagged
from loyalty.rules.declaration import BandMode, OnEnd, Take
from loyalty.rules.expressions import KEYWORDS, RESERVED
from loyalty.tiers.declaration import Landing, Promote

#: The version of the language that this library reads.
LANGUAGE_VERSION: Final = 1

#: The laws that a programme can be exempt from, with a reason.
LAWS: Final = (
    "anonymity",
    "equal_treatment",
    "monotonicity",
    "no_split_gain",
    "no_merge_gain",
    "no_refund_gain",
    "caps_hold",
    "no_cliff",
    "soft_landing",
    "late_never_harms",
    "no_early_expiry",
)

_WORDS: Final = frozenset(KEYWORDS) | frozenset(RESERVED)
_IDENTIFIER: Final = r"[A-Za-z][A-Za-z0-9_]*"
_LABEL: Final = r"[A-Za-z0-9][A-Za-z0-9_.-]*"
_DECIMAL: Final = r"\d[\d_]*(\.\d+)?"
_AMOUNT: Final = rf"{_DECIMAL}(\s*[A-Z]{{3}})?"

CURRENCY: Final = Name(
    "the name of a currency",
    _IDENTIFIER,
    _WORDS | {"at", "partner", "person", "tier", "badges", "within", "event", "per", "by_tier"},
)
KIND: Final = Name("a kind of event such as deal.won", r"[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z0-9_]+)*")
NEW_KIND: Final = Name(KIND.what, KIND.pattern, frozenset({"void", "tier.override"}))
FIELD: Final = Name(
    "the name of a field",
    _IDENTIFIER,
    _WORDS | {"on", "at", "id", "source", "partner", "person", "of", "kind", "occurred_at", "redeem"},
)
METRIC: Final = Name(
    "the name of a metric", _IDENTIFIER, _WORDS | {"event", "tier", "min", "max", "money", "mul_div", "has"}
)
LABEL: Final = Name("a name", _LABEL)
TIER: Final = Name("the name of a tier", _LABEL)
NEW_TIER: Final = Name(TIER.what, _LABEL, frozenset({"base"}))
VALUE: Final = Name("a value", r"\S(.*\S)?", frozenset({"by", "else"}))

EXPRESSION: Final = Expr()
AMOUNT: Final = Text("an amount such as 500 or 30.00 EUR", rf"^\s*{_AMOUNT}\s*$")
AWARD_TEXT: Final = Text(
    "an award such as 500, 30.00 EUR, 1 per 100 EUR or 3 %", rf"^\s*{_AMOUNT}(\s*%|\s+per\s+{_AMOUNT})?\s*$"
)
ROUNDING: Final = choice_of("a rounding", Rounding)
LAYER: Final = Choice("the holder", {"partner": Layer.PARTNER, "person": Layer.PERSON})
_DAYS_OFF: Final = {f"end_of_{period.value}": period for period in Period if period is not Period.DAY}
_PERIODS: Final = {period.value: period for period in Period}
_CALENDARS: Final = {f"calendar_{period.value}": period for period in list(Period)[2:]}

KEY_PART: Final = Name(
    "partner, person, event.FIELD or a period",
    rf"partner|person|event|event\.{_IDENTIFIER}|{'|'.join(_PERIODS)}",
)
PLAIN_PART: Final = Name("partner, person or the name of a field", _IDENTIFIER)
FIELD_PATH: Final = Name("event.FIELD", rf"event\.{_IDENTIFIER}")

VALID: Final = Fields(
    "valid",
    {"from": Key(DAY, "The first day."), "through": Key(DAY, "The last day, included.")},
)

_RATE: Final = Fields(
    "an award with bounds",
    {
        "rate": Key(AWARD_TEXT, "So much for each so much: 1 per 100 EUR, or 3 %.", required=True),
        "at_least": Key(AMOUNT, "Not less than this, where the measure is above 0; before multiplying."),
        "at_most": Key(AMOUNT, "Not more than this; before multiplying."),
    },
)
SIMPLE_AWARD: Final = ByNode("an award", AWARD_TEXT, _RATE)
BY_TIER: Final = Fields(
    "an award by tier",
    {"by_tier": Key(MapOf("by_tier", TIER, SIMPLE_AWARD), "The award of each tier, `base` included.", required=True)},
)
BY_FIELD: Final = Fields(
    "an award by field",
    {
        "by": Key(FIELD_PATH, "A one_of or bool field of the event.", required=True),
        "else": Key(SIMPLE_AWARD, "The award for values not named."),
    },
    others=SIMPLE_AWARD,
    other_names=VALUE,
)
AWARD: Final = ByNode(
    "an award",
    AWARD_TEXT,
    Tagged(
        "an award",
        {
            "rate": _RATE,
            "bands": Fields(
                "a table of bands",
                {
                    "bands": Key(choice_of("the mode of bands", BandMode), "Whole slab or marginal.", required=True),
                    "steps": Key(
                        ListOf(
                            "steps",
                            Fields(
                                "a band",
                                {
                                    "from": Key(AMOUNT, "Where the band starts, included.", required=True),
                                    "give": Key(SIMPLE_AWARD, "What it gives.", required=True),
                                },
                            ),
                        ),
                        "The bands, lowest first; the first starts at 0.",
                        required=True,
                    ),
                },
            ),
            "by_tier": BY_TIER,
            "by": BY_FIELD,
        },
    ),
)

_FACTOR: Final = Number("a factor such as 1.25")
MULTIPLIER: Final = ByNode(
    "a multiplier",
    Text("a factor such as 1.25, or tier.multiplier", rf"^\s*({_DECIMAL}|tier\.multiplier)\s*$"),
    Fields(
        "a multiplier by field",
        {
            "by": Key(FIELD_PATH, "A one_of or bool field of the event.", required=True),
            "else": Key(_FACTOR, "The factor for values not named, 1 where left out."),
        },
        others=_FACTOR,
        other_names=VALUE,
    ),
)

KEY_PARTS: Final = ListOf("a key", KEY_PART, or_one=True)
CAP: Final = Fields(
    "a cap",
    {"per": Key(KEY_PARTS, "For each of these, and at most one period, or `event` for each award alone.")},
    others=AMOUNT,
    other_names=CURRENCY,
)
CAPS: Final = ListOf("caps", CAP, or_one=True)

PROGRAMME: Final = Fields(
    "programme",
    {
        "id": Key(LABEL, "The programme's own name, which never changes.", required=True),
        "starts": Key(DAY, "The first day on which events earn.", required=True),
        "ends": Key(DAY, "The last day on which events earn."),
        "timezone": Key(Text("an IANA time zone such as Europe/Berlin"), "The zone whose days count.", required=True),
        "title": Key(Text("a title"), "For people."),
        "year_starts": Key(Whole("a month from 1 to 12", 1, 12), "The month that quarters and years are counted from."),
    },
)

LIMITS: Final = Fields(
    "limits",
    {
        "events_per_holder": Key(
            Whole("the number of events of one holder", 1, 100_000_000),
            "More are refused; up to it, overflow is proven impossible.",
        )
    },
)

CURRENCY_FIELDS: Final = Fields(
    "a currency",
    {
        "unit": Key(UNIT_NAME, "The unit of money, where the currency is money."),
        "scale": Key(Whole("the digits after the point", 0, 6), "Digits after the point, 0 unless written."),
        "worth": Key(MONEY, "The value of one, for reports and fairness."),
        "spendable": Key(FLAG, "false for status points, which are only measured."),
        "expires": Key(
            Fields(
                "expires",
                {
                    "after": Key(LENGTH, "From earning, not from maturity.", required=True),
                    "at": Key(
                        Choice("the day of expiry", {"exact": None, **_DAYS_OFF}), "Moved to the end of a period."
                    ),
                },
            ),
            "When a lot expires.",
        ),
    },
)

EXCHANGE_RATE: Final = Fields(
    "an exchange rate",
    {
        "from": Key(DAY, "The first day of the rate.", required=True),
        "rate": Key(MONEY, "What one major unit is worth.", required=True),
        "round": Key(ROUNDING, "How a converted amount becomes minor units; half_even unless written."),
    },
)

FIELD_FIELDS: Final = Fields(
    "a field",
    {
        "type": Key(choice_of("the type of a field", FieldType), "money, int, bool, text or one_of."),
        "unit": Key(UNIT_NAME, "The unit of a money field."),
        "max": Key(Number("the largest value", negative=True), "The largest value, of money and int."),
        "min": Key(Number("the smallest value", negative=True), "The smallest value, 0 unless written."),
        "one_of": Key(ListOf("one_of", VALUE), "The values that the field may have."),
        "default": Key(Text("a value"), "Stands in where the event leaves the field out."),
        "optional": Key(FLAG, "Whether it may be absent; ask has(event.FIELD) first."),
    },
)

EVENT_KIND: Final = Fields(
    "a kind of event",
    {
        "refunds": Key(KIND, "It gives back events of that kind."),
        "part": Key(FIELD, "The field that says how much is refunded; `amount` unless written."),
        "ends": Key(KIND, "It ends events of that kind, such as certifications."),
        "by": Key(ListOf("by", PLAIN_PART, or_one=True), "What tells which of them ends."),
        "follows": Key(KIND, "It follows one event of that kind, as a payment follows a deal."),
    },
    others=ByNode("a field", Choice("the type of a field", {t.value: t for t in FieldType}), FIELD_FIELDS),
    other_names=FIELD,
)

WINDOW: Final = ByNode(
    "a window",
    Choice("a window", {w: w for w in ("lifetime", "now", *_CALENDARS, "anniversary_year")}),
    Fields("a window", {"trailing": Key(LENGTH, "So long, up to the day that is looked at.", required=True)}),
)

METRIC_FIELDS: Final = Fields(
    "a metric",
    {
        "earned": Key(CURRENCY, "What was earned of a currency."),
        "count": Key(KIND, "How many events of a kind."),
        "sum": Key(EXPRESSION, "An expression added up over events of the kind `of`."),
        "distinct": Key(PLAIN_PART, "How many different persons, partners or values of a field, over the kind `of`."),
        "balance": Key(CURRENCY, "What is available of a currency now."),
        "of": Key(KIND, "The kind of event that sum and distinct are of."),
        "window": Key(WINDOW, "Over which days."),
        "when": Key(EXPRESSION, "Counts an event only where this holds."),
        "while": Key(Choice("while", {"not_ended": True}), "Counts certifications in force only."),
        "holder": Key(LAYER, "Whose number it is; the partner's unless written."),
    },
    one_of=("earned", "count", "sum", "distinct", "balance"),
)

CAMPAIGN: Final = Fields(
    "a campaign",
    {"valid": Key(VALID, "The campaign's days."), "cap": Key(CAPS, "Caps that its rules share.")},
)

TAKE: Final = choice_of("which rules of a group pay", Take)
GROUP: Final = ByNode(
    "a group",
    TAKE,
    Fields(
        "a group",
        {
            "take": Key(TAKE, "all, first or best.", required=True),
            "by": Key(CURRENCY, "The currency that `best` compares."),
        },
    ),
)

RULE: Final = Fields(
    "a rule",
    {
        "rule": Key(LABEL, "Its name.", required=True),
        "on": Key(KIND, "The kind of event that it looks at.", required=True),
        "when": Key(EXPRESSION, "Pays only where this holds."),
        "of": Key(EXPRESSION, "The measure that rates and bands are of."),
        "give": Key(
            Fields(
                "give",
                {
                    "partner": Key(MapOf("what the partner gets", CURRENCY, AWARD), "To the partner."),
                    "person": Key(MapOf("what the person gets", CURRENCY, AWARD), "To the event's person."),
                },
            ),
            "What is paid, by holder and currency.",
            required=True,
        ),
        "multiply": Key(
            MapOf("multiply", CURRENCY, ListOf("multipliers", MULTIPLIER, or_one=True)),
            "Factors on the rounded award.",
        ),
        "round": Key(
            ByNode(
                "a rounding",
                ROUNDING,
                Fields("round", {"rate": Key(ROUNDING, "Of the rate."), "multiply": Key(ROUNDING, "Of multiplying.")}),
            ),
            "The roundings; down unless written.",
        ),
        "cap": Key(CAPS, "Bounds for each paid holder."),
        "once_per": Key(ListOf("once_per", KEY_PART, or_one=True, at_least=0), "Once for each of these; [] is once."),
        "cooldown": Key(
            ByNode(
                "a cooldown",
                ANY_LENGTH,
                Fields(
                    "a cooldown",
                    {
                        "for": Key(ANY_LENGTH, "Its length.", required=True),
                        "per": Key(KEY_PARTS, "For each of these on its own."),
                    },
                ),
            ),
            "No second award within this time.",
        ),
        "valid": Key(VALID, "The rule's days."),
        "campaign": Key(LABEL, "The campaign that it belongs to."),
        "group": Key(LABEL, "The stacking group that it belongs to."),
        "phase": Key(Whole("a phase", -1000, 1000), "Rules are looked at by phase, priority, name; 0 unless written."),
        "priority": Key(Whole("a priority", -1_000_000, 1_000_000), "Lower first; 0 unless written."),
        "pending": Key(
            MapOf(
                "pending",
                CURRENCY,
                ByNode(
                    "a pending time",
                    LENGTH,
                    Fields("pending", {"until": Key(KIND, "A kind that follows the rule's kind.", required=True)}),
                ),
            ),
            "How long, or until what, an award stays pending.",
        ),
        "streak": Key(
            Fields(
                "a streak",
                {
                    "every": Key(
                        Choice("a period", _PERIODS), "The periods that must follow each other.", required=True
                    ),
                    "length": Key(Whole("the number of periods", 2, 10_000), "How many.", required=True),
                    "repeat": Key(FLAG, "Whether a streak that runs on pays again after as many."),
                },
            ),
            "Pays only when periods in a row had a qualifying event.",
        ),
        "on_end": Key(choice_of("on_end", OnEnd), "What happens when the certification ends; keep unless written."),
    },
)


def _joined_fields() -> Shape:
    return DEFINITIONS["conditions"]


_JOINED: Final = Named("conditions", _joined_fields)
_PARTS: Final = ListOf(
    "conditions", ByNode("a condition", EXPRESSION, Tagged("a condition", {"all": _JOINED, "any": _JOINED}, EXPRESSION))
)
#: Shapes that contain themselves, by the name under which the schema has them.
DEFINITIONS: Final[dict[str, Shape]] = {}
DEFINITIONS["conditions"] = Fields(
    "conditions",
    {"all": Key(_PARTS, "All must hold."), "any": Key(_PARTS, "One must hold.")},
    one_of=("all", "any"),
)
NEEDS: Final = ByNode("conditions", EXPRESSION, _JOINED, sequence=_PARTS)

TIERS: Final = Fields(
    "tiers",
    {
        "base": Key(
            Fields("base", {"multiplier": Key(_FACTOR, "What tier.multiplier stands for; 1 unless written.")}),
            "Everybody below the ladder.",
        ),
        "ladder": Key(
            ListOf(
                "the ladder",
                Fields(
                    "a tier",
                    {
                        "tier": Key(NEW_TIER, "Its name.", required=True),
                        "multiplier": Key(_FACTOR, "What tier.multiplier stands for; 1 unless written."),
                        "needs": Key(NEEDS, "Conditions over the partner's metrics.", required=True),
                    },
                ),
            ),
            "The tiers above base, lowest first.",
            required=True,
        ),
        "promote": Key(choice_of("promote", Promote), "at_once, unless written."),
        "review": Key(
            Fields(
                "review",
                {
                    "every": Key(
                        Choice("a review's period", {**_CALENDARS, "anniversary_year": None}),
                        "When standing is looked at.",
                        required=True,
                    ),
                    "grace": Key(LENGTH, "How long a missed tier is kept."),
                    "landing": Key(
                        ByNode(
                            "a landing",
                            choice_of("a landing", Landing),
                            Fields("a landing", {"floor": Key(TIER, "By score, but not below it.", required=True)}),
                        ),
                        "Where a holder that missed its tier lands; by_score unless written.",
                    ),
                    "floor": Key(TIER, "Nobody lands below it."),
                },
            ),
            "Without it a tier once reached is kept.",
        ),
    },
)

BADGE: Final = Fields(
    "a badge",
    {
        "badge": Key(LABEL, "Its name.", required=True),
        "holder": Key(LAYER, "Who gets it; the partner unless written."),
        "needs": Key(NEEDS, "Conditions over the holder's metrics.", required=True),
        "give": Key(MapOf("what comes with a badge", CURRENCY, AMOUNT), "Fixed amounts that come with it."),
    },
)

ALLOTMENT: Final = Fields(
    "an allotment",
    {
        "allot": Key(LABEL, "Its name.", required=True),
        "every": Key(
            Choice("a period", {period.value: period for period in list(Period)[2:]}),
            "At the start of each.",
            required=True,
        ),
        "give": Key(
            MapOf(
                "what is allotted",
                CURRENCY,
                ByNode(
                    "an allotment",
                    AMOUNT,
                    Fields(
                        "an allotment by tier",
                        {"by_tier": Key(MapOf("by_tier", TIER, AMOUNT), "The amount of each tier.", required=True)},
                    ),
                ),
            ),
            "One currency, with an amount or amounts by tier.",
            required=True,
        ),
    },
)

_CLAWBACKS: Final = {**{member.value: member for member in Clawback}, "reverse": Clawback.ARREARS}
REFUND: Final = Fields(
    "a refund policy",
    {
        "tier": Key(choice_of("what a refund does to the tier", TierOnRefund), "keep_to_period_end unless written."),
        "within": Key(LENGTH, "Refunds later than this do nothing."),
    },
    others=Choice("a clawback policy", _CLAWBACKS),
    other_names=CURRENCY,
)

GIVEN: Final = Tagged(
    "a given event",
    {
        "redeem": Fields(
            "a given redemption",
            {
                "redeem": Key(MapOf("redeem", CURRENCY, AMOUNT), "What is redeemed.", required=True),
                "at": Key(Text("a date or a time"), "When.", required=True),
                "partner": Key(Text("a partner's id"), "Who redeems; p1 unless written."),
                "person": Key(Text("a person's id"), "Who redeems, where it is a person."),
            },
        ),
        "on": Fields(
            "a given event",
            {
                "on": Key(KIND, "Its kind, also void or tier.override.", required=True),
                "at": Key(Text("a date or a time"), "When it happened.", required=True),
                "partner": Key(Text("a partner's id"), "p1 unless written."),
                "person": Key(Text("a person's id"), "The partner's member who acted."),
                "id": Key(Text("an id"), "e1, e2, ... by position unless written."),
                "source": Key(Text("a source"), "The system that it comes from."),
                "of": Key(Text("an id"), "The event that it speaks of."),
            },
            others=Text("the value of a field"),
            other_names=Name("the name of a field", _IDENTIFIER),
        ),
    },
)

EXPECTED: Final = Fields(
    "an expectation",
    {
        "at": Key(DAY, "At the end of this day.", required=True),
        "partner": Key(Text("a partner's id"), "Whose; p1 unless written."),
        "person": Key(Text("a person's id"), "Whose, where it is a person."),
        "tier": Key(TIER, "The tier in force."),
        "badges": Key(ListOf("badges", LABEL, at_least=0), "Badges that the holder has."),
    },
    others=ByNode(
        "a balance",
        AMOUNT,
        Fields(
            "balances",
            {
                "available": Key(AMOUNT, "What can be spent."),
                "pending": Key(AMOUNT, "What is not mature yet."),
                "arrears": Key(AMOUNT, "What is owed, as a number above 0."),
                "held": Key(AMOUNT, "What is reserved."),
            },
        ),
    ),
    other_names=CURRENCY,
)

EXAMPLE: Final = Fields(
    "an example",
    {
        "name": Key(Text("a name"), "For people."),
        "given": Key(ListOf("given", GIVEN, at_least=0), "Events and redemptions.", required=True),
        "expect": Key(ListOf("expect", EXPECTED), "What must then be so.", required=True),
    },
)

FILE: Final = Fields(
    "the programme file",
    {
        "language": Key(Whole("the version of the language", 1, 1_000_000), "The language version: 1.", required=True),
        "programme": Key(PROGRAMME, "What the programme is, when it runs, and in which zone.", required=True),
        "limits": Key(LIMITS, "Bounds that the proofs rest on."),
        "currencies": Key(MapOf("currencies", CURRENCY, CURRENCY_FIELDS), "What is earned.", required=True),
        "exchange": Key(
            MapOf("exchange", UNIT_NAME, ListOf("exchange rates", EXCHANGE_RATE, or_one=True)),
            "Dated rates for amounts in other units.",
        ),
        "events": Key(MapOf("events", NEW_KIND, EVENT_KIND), "The kinds of event with their fields.", required=True),
        "metrics": Key(MapOf("metrics", METRIC, METRIC_FIELDS), "Numbers about a holder."),
        "campaigns": Key(MapOf("campaigns", LABEL, CAMPAIGN), "Rules with dates and caps of their own."),
        "groups": Key(MapOf("groups", LABEL, GROUP), "Which of several rules pay."),
        "earn": Key(ListOf("earn", RULE, at_least=0), "The earning rules.", required=True),
        "tiers": Key(TIERS, "The ladder and how standing is reviewed."),
        "badges": Key(ListOf("badges", BADGE, at_least=0), "Recognitions that are kept."),
        "allotments": Key(ListOf("allotments", ALLOTMENT, at_least=0), "Fixed amounts at the start of periods."),
        "refunds": Key(MapOf("refunds", KIND, REFUND), "What each refunding kind takes back."),
        "fairness": Key(
            MapOf(
                "fairness",
                Choice("a law", {law: law for law in LAWS}),
                Fields("an exemption", {"except": Key(Text("a reason"), "Why.", required=True)}),
            ),
            "Laws that the programme is exempt from.",
        ),
        "examples": Key(ListOf("examples", EXAMPLE, at_least=0), "Given histories and what is expected of them."),
    },
)
