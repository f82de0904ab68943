"""The words of the programme file: names, amounts, keys and periods, as shapes that many places share."""

from __future__ import annotations

from typing import Final

from attrs import evolve

from loyalty.core.amounts import Rounding
from loyalty.core.calendar import Period
from loyalty.core.holders import Layer
from loyalty.programme.scalars import (
    Choice,
    Expr,
    Name,
    Number,
    Text,
    choice_of,
)
from loyalty.rules.expressions import KEYWORDS, RESERVED

WORDS: Final = frozenset(KEYWORDS) | frozenset(RESERVED)
IDENTIFIER: Final = r"[A-Za-z][A-Za-z0-9_]*"
LABEL_PATTERN: Final = r"[A-Za-z0-9][A-Za-z0-9_.-]*"
DECIMAL: Final = r"\d[\d_]*(\.\d+)?"
AMOUNT_PATTERN: Final = rf"{DECIMAL}(\s*[A-Z]{{3}})?"

CURRENCY: Final = Name(
    "the name of a currency",
    IDENTIFIER,
    WORDS | {"at", "partner", "person", "tier", "badges", "caps", "within", "event", "per", "by_tier"},
)
KIND: Final = Name(
    "a kind of event such as deal.won",
    r"[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z0-9_]+)*",
    words="words of letters, digits and _ joined by points, a letter first: deal.won",
)
NEW_KIND: Final = evolve(KIND, reserved=frozenset({"void", "tier.override"}))
FIELD: Final = Name(
    "the name of a field",
    IDENTIFIER,
    WORDS | {"on", "at", "id", "source", "partner", "person", "of", "kind", "occurred_at", "redeem"},
)
METRIC: Final = Name(
    "the name of a metric", IDENTIFIER, WORDS | {"event", "tier", "min", "max", "money", "mul_div", "has"}
)
_LABEL_WORDS: Final = "letters, digits, and _ . - after the first"
LABEL: Final = Name("a name", LABEL_PATTERN, words=_LABEL_WORDS)
TIER: Final = Name("the name of a tier", LABEL_PATTERN, words=_LABEL_WORDS)
NEW_TIER: Final = Name(TIER.what, LABEL_PATTERN, frozenset({"base"}), words=_LABEL_WORDS)
VALUE: Final = Name("a value", r"\S(.*\S)?", frozenset({"by", "else"}), words="a text that is not empty")

EXPRESSION: Final = Expr()
AMOUNT: Final = Text("an amount such as 500 or 30.00 EUR", rf"^\s*{AMOUNT_PATTERN}\s*$")
AWARD_TEXT: Final = Text(
    "an award such as 500, 30.00 EUR, 1 per 100 EUR or 3 %",
    rf"^\s*{AMOUNT_PATTERN}(\s*%|\s+per\s+{AMOUNT_PATTERN})?\s*$",
)
ROUNDING: Final = choice_of("a rounding", Rounding)
LAYER: Final = Choice("the holder", {"partner": Layer.PARTNER, "person": Layer.PERSON})
DAYS_OF_EXPIRY: Final = {f"end_of_{period.value}": period for period in Period if period is not Period.DAY}
PERIODS: Final = {period.value: period for period in Period}
CALENDARS: Final = {f"calendar_{period.value}": period for period in list(Period)[2:]}

KEY_PART: Final = Name(
    "partner, person, event.FIELD or a period",
    rf"partner|person|event|event\.{IDENTIFIER}|{'|'.join(PERIODS)}",
    words=f"partner, person, event, event.FIELD, or one of {', '.join(PERIODS)}",
)
PLAIN_PART: Final = Name("partner, person or the name of a field", IDENTIFIER)
FIELD_PATH: Final = Name("event.FIELD", rf"event\.{IDENTIFIER}", words="event. and the name of a field")

FACTOR: Final = Number("a factor such as 1.25")
