"""Every text is there in every language, with the same placeholders; plurals and numbers are those of CLDR."""

from __future__ import annotations

import ast
import re
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from string import Formatter

import pytest
from babel import Locale
from babel.numbers import format_decimal

import loyalty
from loyalty import UsageError
from loyalty.core.amounts import Rounding
from loyalty.core.calendar import Period
from loyalty.explaining.languages import ENGLISH, LANGUAGES, RUSSIAN, Language, language
from loyalty.explaining.said import Amount, Day, Noun, Number, said
from loyalty.rules.declaration import Subject
from loyalty.settlement.commands import VERBS
from loyalty.settlement.layout import OWN_LABELS, REVISION
from loyalty.settlement.trace import REASONS, STEPS

ROOM = Path(loyalty.__file__).parent

#: Steps whose text is not under their own name, and those that are told by what they lead to.
_ELSEWHERE = {"skip": "skip.when", "cap": "cap.cuts", "gift_written_off": "written_off", "from_now": "from_now"}


def placeholders(text: str) -> set[str]:
    """Give the names that a template asks for."""
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


def test_every_language_has_every_text_with_the_same_placeholders() -> None:
    """A text that one language lacks, or that forgets a value, is found here and not by a partner."""
    for other in LANGUAGES.values():
        assert other.texts.keys() == ENGLISH.texts.keys()
        assert other.nouns.keys() == ENGLISH.nouns.keys()
        wrong = {key for key, text in other.texts.items() if placeholders(text) != placeholders(ENGLISH.texts[key])}
        assert not wrong, other.code
        assert all("other" in forms for forms in other.nouns.values())
        assert all(text == text.strip(" ") or key.startswith(("join.", "usable", "values")) for key, text in
                   other.texts.items())  # fmt: skip


@pytest.mark.parametrize("name", STEPS)
def test_every_recorded_step_has_a_text(name: str) -> None:
    """So that whoever adds a record adds what it says, in all languages."""
    assert _ELSEWHERE.get(name, name) in ENGLISH.texts


def test_every_label_reason_rounding_period_subject_and_command_has_a_text() -> None:
    """What texts are made of is complete as well."""
    keys = {key.removeprefix("skip.").partition(".")[0] for key in ENGLISH.texts if key.startswith("skip.")}
    assert set(REASONS) <= keys
    assert {f"label.{name.removeprefix('@')}" for name in (*OWN_LABELS, REVISION)} <= ENGLISH.texts.keys()
    assert {f"rounded.{one.value}" for one in Rounding} <= ENGLISH.texts.keys()
    assert {f"key.{one.value}" for one in (*Period, *Subject)} <= ENGLISH.texts.keys()
    assert {f"asked.{kind}" for kind in VERBS} <= ENGLISH.texts.keys()
    assert {f"{one.value}{behind}" for one in Period for behind in ("", ".of")} <= ENGLISH.nouns.keys()


def test_every_key_that_is_said_is_there() -> None:
    """The literal keys of ``said(...)`` in the package are keys of the catalogue, with the values that they need."""
    found = 0
    # What differs between two programmes has a catalogue of its own.
    rooms = [path for path in ROOM.glob("explaining/*.py") if path.stem != "differences"]
    for path in [*rooms, ROOM / "cli" / "explaining.py"]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("said", "tell"):
                (key, *_) = node.args
                if isinstance(key, ast.Constant):
                    given = {keyword.arg for keyword in node.keywords}
                    if None not in given:
                        assert given == placeholders(ENGLISH.texts[str(key.value)]), (path.name, key.value)
                    found += 1
    assert found > 60


def test_a_language_that_is_not_there_names_those_that_are() -> None:
    """Wrong use, in one sentence."""
    with pytest.raises(UsageError, match="'de'; explanations are told in en and ru"):
        language("de")


@pytest.mark.parametrize("one", LANGUAGES.values(), ids=LANGUAGES.keys())
def test_plurals_are_those_of_cldr(one: Language) -> None:
    """Babel brings the rules of the Unicode consortium; ours are written out so that hosts need no locale data."""
    rule = Locale.parse(one.code).plural_form
    assert all(one.plural(count) == rule(count) for count in range(2_000))
    assert rule(Decimal("1.50")) == one.of_decimals
    assert set(rule.tags) | {"other"} >= {category for forms in one.nouns.values() for category in forms}


@pytest.mark.parametrize("one", LANGUAGES.values(), ids=LANGUAGES.keys())
@pytest.mark.parametrize("minor", [0, 1, -1, 99, 100, 12_345, 999_999, 1_234_567_890, -98_765_432])
def test_numbers_are_grouped_as_cldr_groups_them(one: Language, minor: int) -> None:
    """Thousands and decimals, of whole and of cents."""
    number = Decimal(minor) / 100
    assert one.tell(Amount(minor, 2)) == format_decimal(number, "#,##0.00", locale=one.code)
    assert one.tell(Amount(minor)) == format_decimal(minor, "#,##0", locale=one.code)


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "0 баллов"), (1, "1 балл"), (2, "2 балла"), (4, "4 балла"), (5, "5 баллов"), (11, "11 баллов"),
     (12, "12 баллов"), (21, "21 балл"), (22, "22 балла"), (25, "25 баллов"), (111, "111 баллов"),
     (1_001, "1 001 балл"), (-3, "-3 балла")],
)  # fmt: skip
def test_points_are_counted_in_russian(count: int, words: str) -> None:
    """1 балл, 2 балла, 5 баллов, where the unit is nothing but points."""
    assert RUSSIAN.tell(Amount(count, 0, "points")).replace("\N{NO-BREAK SPACE}", " ") == words


def test_amounts_that_are_not_just_points_keep_their_unit() -> None:
    """Money has its code, another currency the name that the programme gives it; decimals are of points, too."""
    assert RUSSIAN.tell(Amount(150, 2, "points")) == "1,50\N{NO-BREAK SPACE}балла"
    assert RUSSIAN.tell(Amount(5, 0, "status")) == "5\N{NO-BREAK SPACE}status"
    assert (ENGLISH.tell(Amount(1, 0, "points")), ENGLISH.tell(Amount(2, 0, "points"))) == ("1 point", "2 points")
    assert ENGLISH.tell(Amount(123_456, 2, "EUR")) == "1,234.56 EUR"


def test_days_factors_and_words_are_written_as_the_language_does() -> None:
    """A day, a factor of few digits and one of many, and a noun behind a number."""
    assert (ENGLISH.tell(Day(20_454)), RUSSIAN.tell(Day(20_454))) == ("2026-01-01", "01.01.2026")
    assert (ENGLISH.tell(Number(Fraction(5, 4))), RUSSIAN.tell(Number(Fraction(5, 4)))) == ("1.25", "1,25")
    assert ENGLISH.tell(Number(Fraction(1, 3))) == "1/3"
    assert [RUSSIAN.tell(Noun("month.of", count)) for count in (2, 21)] == ["месяцев", "месяца"]
    assert [RUSSIAN.tell(Noun("week", count)) for count in (1, 3, 5)] == ["неделя", "недели", "недель"]
    streak = said("skip.streak", run=2, length=3, periods=Noun("month.of", 3))
    assert RUSSIAN.tell(streak) == "не применяется: серия не завершена, 2 из 3 месяцев подряд"


def test_russian_texts_are_russian() -> None:
    """No English word is left in them but what stands in placeholders and the names of the language itself."""
    names = {"keep"}
    for key, text in RUSSIAN.texts.items():
        words = set(re.findall(r"[A-Za-z]{2,}", re.sub(r"\{[^}]*\}", "", text)))
        assert words <= names, key
