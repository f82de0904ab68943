"""The languages of reports: every text in each, with the same placeholders, and no text that is never said."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest
from babel import Locale

import loyalty
from loyalty import UsageError
from loyalty.simulation.report.single import _rules_told
from loyalty.simulation.report.texts import ENGLISH, RUSSIAN, TEXTS, Texts, texts
from loyalty.simulation.tables import Column, Table

ROOM = Path(loyalty.__file__).parent

#: What keys are made of where the code puts them together.
_MADE = re.compile(r"""f["']([a-z_.]+)\.\{""")
_SAID = re.compile(r"""["']([a-z_]+(?:\.[a-z_A-Z.]+)?)["']""")


def placeholders(text: str) -> set[str]:
    """Give the names that a template asks for."""
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


def test_every_language_has_every_text_with_the_same_placeholders() -> None:
    """A text that one language lacks, or that forgets a value, is found here and not by a manager."""
    for other in TEXTS.values():
        told, base = other.language.texts, ENGLISH.language.texts
        assert told.keys() == base.keys(), set(told) ^ set(base)
        assert not {key for key in base if placeholders(told[key]) != placeholders(base[key])}, other.code
        assert other.language.nouns.keys() == ENGLISH.language.nouns.keys()
        assert all("other" in forms for forms in other.language.nouns.values())
        assert len(other.months) == 12


def _sources() -> Iterator[str]:
    for folder in ("simulation", "cli"):
        for path in (ROOM / folder).rglob("*.py"):
            if not path.stem.startswith("texts_"):
                yield path.read_text(encoding="utf-8")


def test_no_text_is_there_that_nothing_says() -> None:
    """Each key stands in the code, or begins with what the code makes keys from."""
    code = "\n".join(_sources())
    whole, made = set(_SAID.findall(code)), {f"{prefix}." for prefix in _MADE.findall(code)}
    unsaid = {key for key in ENGLISH.language.texts if key not in whole and not key.startswith(tuple(made))}
    assert not unsaid


def test_texts_in_russian_are_russian() -> None:
    """No English word is left in them but what stands in placeholders and names of products."""
    for key, text in RUSSIAN.language.texts.items():
        words = set(re.findall(r"[A-Za-z]{2,}", re.sub(r"\{[^}]*\}", "", text)))
        assert words <= {"matplotlib"}, key


@pytest.mark.parametrize("one", TEXTS.values(), ids=TEXTS.keys())
def test_numbers_months_and_counts_are_those_of_the_language(one: Texts) -> None:
    """Plural forms are only those that the language has, and each number has its own separators."""
    rule = Locale.parse(one.code).plural_form
    assert set(rule.tags) | {"other"} >= {category for forms in one.language.nouns.values() for category in forms}
    assert one.short(1500.0) == {"en": "1.5k", "ru": "1,5\N{NO-BREAK SPACE}тыс."}[one.code]


def test_a_language_that_is_not_there_names_those_that_are() -> None:
    """Wrong use, in one sentence."""
    with pytest.raises(UsageError, match="'de'"):
        texts("de")


def test_gifts_of_tiers_are_told_in_words() -> None:
    """The table of rules has no name that only files know."""
    table = Table("by_rule", (Column("rule"), Column("layer")), (("@tier.gold", "partner"), ("deal", "person")))
    assert _rules_told(table, ENGLISH).rows == (("gift of tier gold", "partner"), ("deal", "person"))
    assert _rules_told(table, RUSSIAN).rows[0] == ("подарок уровня gold", "партнёр")
