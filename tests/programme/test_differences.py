"""What differs between two programmes is found whatever it is, and has words in each language."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from enum import Enum
from fractions import Fraction
from pathlib import Path
from typing import Any, get_args

import pytest
from attrs import evolve, fields, has, resolve_types

from loyalty import Programme, loads
from loyalty.core.calendar import Calendar, Unit
from loyalty.core.holders import Layer
from loyalty.errors import Place
from loyalty.explaining import differences_en, differences_ru
from loyalty.explaining.differences import LANGUAGES, SECTIONS, WHOLE, Told, tell_differences
from loyalty.programme.differences import PARTS, UNCOMPARED, differences, name_of, options_of
from loyalty.programme.model import Example, Expected, FieldType, Given
from loyalty.programme.revision import form_of
from loyalty.rules.declaration import Band, BandMode, Multiplier
from loyalty.rules.expressions import Expression
from loyalty.tiers.declaration import Window, WindowKind

TEXT = (Path(__file__).parent / "full.yaml").read_text(encoding="utf-8")
FULL = loads(TEXT)

#: Values that stand inside of others, which have words as a whole.
INSIDE = {Expression, Calendar, Place, Example, Expected, Given}


def told(old: str, new: str, lang: str = "en") -> list[str]:
    """Say what changed where one piece of the text is another, each line with what it is about."""
    assert TEXT.count(old) == 1
    after = loads(TEXT.replace(old, new))
    return lines(tell_differences(differences(FULL, after), FULL, after), lang)


def lines(found: tuple[Told, ...], lang: str = "en") -> list[str]:
    """Write differences, each with what it is about."""
    tell = LANGUAGES[lang].tell
    return [
        f"{one.section}: {f'{tell(one.thing)}: ' if one.thing else ''}{tell(text)}"
        for one in found
        for text in (one.text, *one.details)
    ]


def classes(cls: Any, seen: dict[Any, None]) -> None:
    """Collect the classes and enumerations that a type of the model is made of."""
    for part in get_args(cls):
        classes(part, seen)
    if not isinstance(cls, type) or cls in seen or cls in INSIDE:
        return
    if issubclass(cls, Enum):
        seen[cls] = None
    elif has(cls):
        seen[cls] = None
        resolve_types(cls)
        for option in fields(cls):
            classes(option.type, seen)


MODEL: dict[Any, None] = {}
classes(Programme, MODEL)


def test_the_model_was_walked() -> None:
    """The walk sees the classes of every room, and the enumerations in them."""
    names = {cls.__name__ for cls in MODEL}
    assert {
        "Programme",
        "Rule",
        "Rate",
        "Cap",
        "Tier",
        "Review",
        "Badge",
        "Allotment",
        "EventKind",
        "Clawback",
    } <= names


@pytest.mark.parametrize("texts", [differences_en.TEXTS, differences_ru.TEXTS], ids=["en", "ru"])
def test_each_option_of_the_model_has_words(texts: Mapping[str, str]) -> None:
    """
    No option can come without words: whoever adds one to the model gives it a text in each language.

    Classes that are said whole have words for their options together; that these differ is tested below.
    """
    missing = [
        f"{cls.__name__}.{option.name}"
        for cls in MODEL
        if has(cls) and cls not in WHOLE and cls is not Band
        for option in options_of(cls)
        if option.type not in PARTS and f"{cls.__name__}.{option.name}" not in texts
    ]
    assert missing == []


@pytest.mark.parametrize("texts", [differences_en.TEXTS, differences_ru.TEXTS], ids=["en", "ru"])
def test_each_value_of_an_option_has_words(texts: Mapping[str, str]) -> None:
    """Every member of every enumeration has a text, but those that are a part of other words."""
    parts = {Unit, WindowKind, BandMode}
    missing = [
        f"{cls.__name__}.{member.name}"
        for cls in MODEL
        if issubclass(cls, Enum) and cls not in parts
        for member in cls
        if f"{cls.__name__}.{member.name}" not in texts
    ]
    assert missing == []
    assert {f"window.{kind.name}" for kind in WindowKind} | {f"bands.{mode.name}" for mode in BandMode} <= set(texts)


def test_both_languages_say_the_same() -> None:
    """Texts have the same keys, with the same placeholders, and nouns the same names."""

    def asked(texts: Mapping[str, str]) -> dict[str, set[str]]:
        return {key: set(re.findall(r"{(\w+)}", text)) for key, text in texts.items()}

    assert asked(differences_en.TEXTS) == asked(differences_ru.TEXTS)
    assert differences_en.NOUNS.keys() == differences_ru.NOUNS.keys()
    assert {f"section.{name}" for name in SECTIONS} <= set(differences_en.TEXTS)


def unused(value: Any) -> set[str]:
    """Give the options of a value that mean nothing beside the ones that it has."""
    if isinstance(value, Multiplier) and value.field is None:
        return {"field", "table", "otherwise"} | ({"by_tier"} if value.constant else {"constant"})
    if isinstance(value, Window) and value.kind in (WindowKind.ANNIVERSARY, WindowKind.NOW):
        return {"kind"}
    return {"constant", "by_tier"} if isinstance(value, Multiplier) else set()


def variants(value: Any, currencies: tuple[str, ...]) -> Iterator[Any]:
    """Give values that differ from this one in one leaf."""
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, Layer):
        yield Layer.PARTNER if value is Layer.PERSON else Layer.PERSON
    elif isinstance(value, int):
        yield value + 1
    elif isinstance(value, Enum):
        members = list(type(value))
        yield members[(members.index(value) + 1) % len(members)]
    elif isinstance(value, Fraction):
        yield value + 1
    elif isinstance(value, str):
        yield currencies[currencies.index(value) - 1] if value in currencies else f"{value}x"
    elif isinstance(value, Expression):
        yield evolve(value, source=f"!({value.source})")
    elif isinstance(value, Calendar):
        yield Calendar.of("UTC")
    elif isinstance(value, tuple) and value:
        if len(value) > 1:
            yield value[:-1]
            yield (*value[1:], value[0])
        for place, item in enumerate(value):
            yield from ((*value[:place], other, *value[place + 1 :]) for other in variants(item, currencies))
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield {name: other for name, other in value.items() if name != key}
            yield from ({**value, key: other} for other in variants(item, currencies))
    elif has(type(value)):
        for option in fields(type(value)):
            own = getattr(value, option.name)
            if option.name not in UNCOMPARED | unused(value) and own != name_of(value):
                for other in variants(own, currencies):
                    yield evolve(value, **{option.name: other})
                if option.default is None and own is not None and not isinstance(value, Window | Multiplier):
                    yield evolve(value, **{option.name: None})


def is_another_order(one: tuple[Any, ...], other: tuple[Any, ...]) -> bool:
    """Tell whether two lists of things differ in nothing but their order."""
    names, others = [name_of(item) for item in one], [name_of(item) for item in other]
    return names != others and sorted(map(str, names)) == sorted(map(str, others))


def test_whatever_changes_is_found_and_told() -> None:
    """
    Each leaf of a programme with every feature in turn: it is found, told in each language, and told apart.

    What it says of postings is what the digest of the revision says. The order of rules, which has no meaning, is left
    alone, and so are examples, of which only the number is told.
    """
    count, form = 0, form_of(FULL)
    for option in options_of(Programme):
        value = getattr(FULL, option.name)
        for other in variants(value, tuple(FULL.currencies)):
            if option.name == "rules" and is_another_order(value, other):
                continue
            changed = evolve(FULL, **{option.name: other})
            found = differences(FULL, changed)
            assert found, (option.name, other)
            assert any(one.posts for one in found) == (form != form_of(changed))
            both = tell_differences(found, FULL, changed)
            if option.name != "examples":
                for lang, tongue in LANGUAGES.items():
                    assert lines(both, lang)
                    for one in both:
                        sides = one.text.values
                        while "text" in sides:
                            sides = sides["text"].values  # type: ignore[union-attr]
                        if "before" in sides:
                            assert tongue.tell(sides["before"]) != tongue.tell(sides["after"]), lines(both, lang)
            count += 1
    assert count > 800


def test_programmes_that_are_the_same_have_no_differences() -> None:
    """Comments and the order of keys are nothing; words for people are told as words."""
    assert told("# A programme with every feature", "# Another comment") == []
    [one] = differences(FULL, loads(TEXT.replace("title: Every feature", "title: All of it")))
    assert not one.posts


@pytest.mark.parametrize(
    ("old", "new", "english", "russian"),
    [
        (
            "1 per 100 EUR, status", "2 per 100 EUR, status",
            "rules: rule deal-base: gives the partner points: 1 point per 100.00 EUR → 2 points per 100.00 EUR",
            "rules: правило deal-base: начисляет (партнёр, points): 1 балл за каждые 100,00 EUR → 2 балла за каждые "
            "100,00 EUR",
        ),
        (
            "{points: 20000, per: [partner, quarter]}", "{points: 30000, per: [partner, quarter]}",
            "rules: rule deal-base: cap: 20,000 points per partner, quarter → 30,000 points per partner, quarter",
            "rules: правило deal-base: лимит: 20 000 баллов на партнёра в квартал → 30 000 баллов на партнёра в "
            "квартал",
        ),
        (
            "- certified_people >= 2", "- certified_people >= 3",
            "tiers: tier gold: needs: certified_people >= 2 → certified_people >= 3",
            "tiers: уровень gold: требования: certified_people >= 2 → certified_people >= 3",
        ),
        (
            "grace: 90 days", "grace: 2 months",
            "tiers: grace: 90 days → 2 months", "tiers: отсрочка: 90 дней → 2 месяца",
        ),
        (
            "{after: 24 months, at: end_of_month}", "{after: 24 months}",
            "currencies: currency points: expires after: 24 months, to the end of the month → 24 months",
            "currencies: валюта points: срок действия: 24 месяца, до конца периода: месяц → 24 месяца",
        ),
        (
            "    cooldown: {for: 12 hours, per: [event.region]}\n", "",
            "rules: rule seats: cooldown: 12 hours per region → none",
            "rules: правило seats: пауза: 12 часов по полю region → нет",
        ),
        (
            "  ends: 2029-12-31\n", "", "programme: last day: 2029-12-31 → open",
            "programme: последний день: 31.12.2029 → не задан",
        ),
        (
            "within: 180 days", "within: 90 days",
            "refunds: refund deal.refunded: horizon: 180 days → 90 days",
            "refunds: возврат deal.refunded: срок возврата: 180 дней → 90 дней",
        ),
        (
            "limits: {events_per_holder: 10000}\n",
            "limits: {events_per_holder: 10000}\naccept_late: {within: 30 days, else: from_now}\n",
            "programme: late events: taken at any time → taken within 30 days, later ones count from when they came",
            "programme: поздние события: принимаются всегда → принимаются в течение срока: 30 дней, более поздние "
            "учитываются с момента поступления",
        ),
        (
            "hours: {type: int, max: 40}", "hours: {type: int, max: 50}",
            "events: event training.attended: field hours: most: 40 → 50",
            "events: событие training.attended: поле hours: не больше: 40 → 50",
        ),
    ],
)  # fmt: skip
def test_what_a_manager_reads(old: str, new: str, english: str, russian: str) -> None:
    """Rates, caps, needs, dates and the rest stand in words, in each language."""
    assert told(old, new) == [english]
    assert [line.replace("\N{NO-BREAK SPACE}", " ") for line in told(old, new, "ru")] == [russian]


def test_a_new_rule_says_what_it_does_and_a_tier_that_moves_is_told() -> None:
    """What is new is told option by option; what is gone by its name; the order of tiers has a meaning."""
    new = "  - rule: paid-more\n    on: deal.paid\n    give: {partner: {points: 3}}\n    cooldown: 7 days\n\n"
    assert told("  - rule: paid\n", f"{new}  - rule: paid\n") == [
        "rules: rule paid-more: new",
        "rules: rule paid-more: on: deal.paid",
        "rules: rule paid-more: gives the partner points: 3 points",
        "rules: rule paid-more: cooldown: 7 days",
    ]
    tiers = FULL.ladder.tiers
    moved = evolve(FULL, ladder=evolve(FULL.ladder, tiers=(tiers[0], tiers[2], tiers[1], tiers[3])))
    assert lines(tell_differences(differences(FULL, moved), FULL, moved)) == [
        "tiers: tiers, in another order: base, silver, gold, invited → base, gold, silver, invited"]  # fmt: skip
    after = evolve(FULL, rules=tuple(rule for rule in FULL.rules if rule.name != "paid"))
    assert lines(tell_differences(differences(FULL, after), FULL, after)) == ["rules: rule paid: removed"]


def test_a_list_that_begins_or_ends_is_told_entry_by_entry() -> None:
    """The first rate of exchange and the first cap come from none, and nothing else is told of them."""
    rule = next(rule for rule in FULL.rules if rule.caps)
    bare = evolve(
        FULL, exchange=(), rules=tuple(evolve(one, caps=()) if one is rule else one for one in FULL.rules)
    )  # fmt: skip
    count = len(FULL.exchange) + len(rule.caps)
    added = lines(tell_differences(differences(bare, FULL), bare, FULL))
    removed = lines(tell_differences(differences(FULL, bare), FULL, bare))
    assert len(added) == len(removed) == count
    assert all(": none → " in line and not line.endswith("none") for line in added)
    assert all(line.endswith(" → none") and "none →" not in line for line in removed)


def test_needs_that_become_alternatives_are_told_whole() -> None:
    """Neither side reads as if nothing were needed; one need alone is told as itself."""
    old, need = "any: [my_points >= 1000, my_trainings >= 3]", "my_points >= 1000"
    [line] = told(old, old.replace("any", "all"))
    said = "needs: any of (my_points >= 1000; my_trainings >= 3) → "
    assert line.endswith(f"{said}all of (my_points >= 1000; my_trainings >= 3)")
    [line] = told(old, f"all: [{need}]")
    assert line.endswith(f"{said}{need}")


def test_a_revision_that_goes_on_where_the_other_ends_has_no_other_past() -> None:
    """The revisions before are told only where what happened earlier would settle otherwise."""
    second = evolve(FULL, revision="2", from_day=21_000, earlier=(FULL,))
    assert [one.option for one in differences(FULL, second)] == [("Programme", "from_day")]
    third = evolve(FULL, revision="3", from_day=22_000, earlier=(evolve(FULL, revision="0"), second))
    assert ("Programme", "earlier") in [one.option for one in differences(second, third)]


def test_fields_types_are_told() -> None:
    """A field that becomes one of some values says all that changed of it."""
    found = told("region: {type: text, optional: true}", "region: {one_of: [north, south], optional: true}")
    assert found == [
        f"events: event deal.won: field region: type: {FieldType.TEXT.value} → one of some values",
        "events: event deal.won: field region: values: none → north, south",
    ]
