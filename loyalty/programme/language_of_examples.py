"""The part of the language table about examples: what is given, and what must then be so."""

from __future__ import annotations

from typing import Final

from loyalty.programme.scalars import DAY, Name, Text
from loyalty.programme.shapes import ByNode, Fields, Key, ListOf, MapOf, Tagged
from loyalty.programme.vocabulary import AMOUNT, CURRENCY, IDENTIFIER, KIND, LABEL, TIER

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
            other_names=Name("the name of a field", IDENTIFIER),
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
