"""
The language of the programme file as one table: every key, what it holds, and a sentence about it.

The loader reads by this table and the JSON Schema is derived from it. What the values mean together (names that must
be known, units that must agree, bounds that must hold) is checked in :mod:`loyalty.programme.building`.
"""

from __future__ import annotations

from typing import Final

from loyalty.programme.language_of_examples import EXAMPLE
from loyalty.programme.language_of_rules import CAMPAIGN, GROUP, RULE
from loyalty.programme.language_of_standing import ALLOTMENT, BADGE, TIERS
from loyalty.programme.model import (
    BadgesOnRefund,
    CapsOnRefund,
    Clawback,
    FieldType,
    Returns,
    TierOnRefund,
    TooLate,
    TransferGroup,
)
from loyalty.programme.scalars import (
    DAY,
    FLAG,
    LENGTH,
    MONEY,
    SPAN,
    UNIT_NAME,
    Choice,
    Number,
    Text,
    Whole,
    choice_of,
)
from loyalty.programme.shapes import ByNode, Fields, Key, ListOf, MapOf
from loyalty.programme.vocabulary import (
    AMOUNT,
    CALENDARS,
    CURRENCY,
    DAYS_OF_EXPIRY,
    EXPRESSION,
    FIELD,
    KIND,
    LABEL,
    LAYER,
    METRIC,
    NEW_KIND,
    PLAIN_PART,
    ROUNDING,
    TIER,
    VALUE,
)

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

REVISION: Final = Fields(
    "revision",
    {
        "from": Key(DAY, "The first day on which this file is in force.", required=True),
        "after": Key(Text("the file of the revision before this one"), "The revision before: a path beside this file."),
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
                        Choice("the day of expiry", {"exact": None, **DAYS_OF_EXPIRY}), "Moved to the end of a period."
                    ),
                },
            ),
            "When a lot expires.",
        ),
        "returns": Key(
            ByNode(
                "returns",
                Choice("returns", {member.value: member for member in (Returns.EXPIRED, Returns.REISSUE)}),
                Fields("returns", {"grace": Key(LENGTH, "Usable so long from their return.", required=True)}),
            ),
            "What becomes of points that come back from a hold or a reversal after their expiry day; expired unless "
            "written.",
        ),
        "transfer": Key(
            choice_of("transfer", TransferGroup), "Between whose wallets points may move; nobody's unless written."
        ),
        "arrears": Key(
            Fields(
                "arrears",
                {
                    "limit": Key(
                        ByNode("a limit", AMOUNT, MapOf("a limit by tier", TIER, AMOUNT)),
                        "The most that a clawback may leave owed; what is beyond it is written off.",
                        required=True,
                    )
                },
            ),
            "How much may be owed; without it, all that a clawback could not take.",
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
    Choice("a window", {w: w for w in ("lifetime", "now", *CALENDARS, "anniversary_year")}),
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


_CLAWBACKS: Final = {**{member.value: member for member in Clawback}, "reverse": Clawback.ARREARS}
REFUND: Final = Fields(
    "a refund policy",
    {
        "tier": Key(choice_of("what a refund does to the tier", TierOnRefund), "keep_to_period_end unless written."),
        "badges": Key(choice_of("what a refund does to badges", BadgesOnRefund), "keep unless written."),
        "caps": Key(choice_of("what a refund does to caps", CapsOnRefund), "reverse unless written: headroom returns."),
        "within": Key(LENGTH, "Refunds later than this do nothing."),
    },
    others=Choice("a clawback policy", _CLAWBACKS),
    other_names=CURRENCY,
)

ACCEPT_LATE: Final = Fields(
    "accept_late",
    {
        "within": Key(SPAN, "Events at most so late are settled where they belong.", required=True),
        "else": Key(
            choice_of("what becomes of a later event", TooLate),
            "reject refuses later ones, which is meant unless written; from_now has them count from when they came.",
        ),
    },
)

ACCEPT_EARLY: Final = Fields(
    "accept_early",
    {"within": Key(SPAN, "Events dated later than so long from now are refused.", required=True)},
)

FILE: Final = Fields(
    "the programme file",
    {
        "language": Key(Whole("the version of the language", 1, 1_000_000), "The language version: 1.", required=True),
        "programme": Key(PROGRAMME, "What the programme is, when it runs, and in which zone.", required=True),
        "revision": Key(REVISION, "From when this file is in force, and after which other one."),
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
        "refunds": Key(
            MapOf("refunds", KIND, REFUND),
            "What each refunding kind takes back, and what an ending kind does to tier and badges.",
        ),
        "accept_late": Key(ACCEPT_LATE, "How late events may come; at any time unless written."),
        "accept_early": Key(ACCEPT_EARLY, "How far ahead events may be dated; as far as you like unless written."),
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
