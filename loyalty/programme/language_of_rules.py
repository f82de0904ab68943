"""The part of the language that says what is earned: awards, caps, campaigns, groups and rules."""

from __future__ import annotations

from typing import Final

from loyalty.programme.scalars import (
    ANY_LENGTH,
    DAY,
    FLAG,
    LENGTH,
    Choice,
    Text,
    Whole,
    choice_of,
)
from loyalty.programme.shapes import ByNode, Fields, Key, ListOf, MapOf, Tagged
from loyalty.programme.vocabulary import (
    AMOUNT,
    AWARD_TEXT,
    CURRENCY,
    DECIMAL,
    EXPRESSION,
    FACTOR,
    FIELD_PATH,
    KEY_PART,
    KIND,
    LABEL,
    PERIODS,
    ROUNDING,
    TIER,
    VALUE,
)
from loyalty.rules.declaration import BandMode, Grandfather, OnEnd, Take

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

MULTIPLIER: Final = ByNode(
    "a multiplier",
    Text("a factor such as 1.25, or tier.multiplier", rf"^\s*({DECIMAL}|tier\.multiplier)\s*$"),
    Fields(
        "a multiplier by field",
        {
            "by": Key(FIELD_PATH, "A one_of or bool field of the event.", required=True),
            "else": Key(FACTOR, "The factor for values not named, 1 where left out."),
        },
        others=FACTOR,
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
                        Choice("a period", PERIODS), "The periods that must follow each other.", required=True
                    ),
                    "length": Key(Whole("the number of periods", 2, 10_000), "How many.", required=True),
                    "repeat": Key(FLAG, "Whether a streak that runs on pays again after as many."),
                },
            ),
            "Pays only when periods in a row had a qualifying event.",
        ),
        "on_end": Key(choice_of("on_end", OnEnd), "What happens when the certification ends; keep unless written."),
        "grandfather": Key(
            choice_of("grandfather", Grandfather),
            "The revision of which earlier day pays: of the origin's, or of the holder's first event.",
        ),
    },
)
