"""The part of the language table about standing: conditions, tiers, badges and allotments by tier."""

from __future__ import annotations

from typing import Final

from loyalty.core.calendar import Period
from loyalty.programme.scalars import LENGTH, Choice, choice_of
from loyalty.programme.shapes import ByNode, Fields, Key, ListOf, MapOf, Named, Shape, Tagged
from loyalty.programme.vocabulary import (
    AMOUNT,
    CALENDARS,
    CURRENCY,
    EXPRESSION,
    FACTOR,
    LABEL,
    LAYER,
    NEW_TIER,
    TIER,
)
from loyalty.tiers.declaration import Landing, Promote


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
            Fields("base", {"multiplier": Key(FACTOR, "What tier.multiplier stands for; 1 unless written.")}),
            "Everybody below the ladder.",
        ),
        "ladder": Key(
            ListOf(
                "the ladder",
                Fields(
                    "a tier",
                    {
                        "tier": Key(NEW_TIER, "Its name.", required=True),
                        "multiplier": Key(FACTOR, "What tier.multiplier stands for; 1 unless written."),
                        "needs": Key(NEEDS, "Conditions over the partner's metrics.", required=True),
                        "gift": Key(
                            MapOf("what comes with a tier", CURRENCY, AMOUNT),
                            "Fixed amounts that come with it when it is first reached.",
                        ),
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
                        Choice("a review's period", {**CALENDARS, "anniversary_year": None}),
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
