"""
The languages that explanations are told in: their texts, plurals, numbers, amounts and days.

>>> from loyalty.explaining.said import Amount, Day, said
>>> english, russian = language("en"), language("ru")
>>> english.tell(Amount(123456, 2, "EUR")), russian.tell(Amount(123456, 2, "EUR"))
('1,234.56 EUR', '1\\xa0234,56\\xa0EUR')
>>> [russian.tell(Amount(count, 0, "points")) for count in (1, 2, 5, 21)]
['1\\xa0балл', '2\\xa0балла', '5\\xa0баллов', '21\\xa0балл']
>>> english.tell(Day(20_454)), russian.tell(Day(20_454))
('2026-01-01', '01.01.2026')
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from fractions import Fraction
from typing import Final

from attrs import frozen

from loyalty.core.amounts import format_minor_units
from loyalty.errors import UsageError
from loyalty.explaining import texts_en, texts_ru
from loyalty.explaining.said import Amount, Day, Listed, Moment, Noun, Number, Said, Value

#: Names of currencies that mean nothing but points, and have a word of their own in each language.
_GENERIC: Final = {"points": "points", "point": "points"}


@frozen
class Language:
    """
    One language.

    Args:
        code: As in BCP 47, ``en``.
        texts: Templates by key.
        nouns: The forms of words by key, then by plural category.
        group: What sets thousands apart.
        point: What stands before the decimals.
        gap: What stands between a number and its unit.
        days: How days are written, for ``strftime``.
        plural: Gives the plural category (of CLDR) of a whole number.
        of_decimals: The plural category of a number that is written with decimals.
    """

    code: str
    texts: Mapping[str, str]
    nouns: Mapping[str, Mapping[str, str]]
    group: str
    point: str
    gap: str
    days: str
    plural: Callable[[int], str]
    of_decimals: str = "other"

    def tell(self, value: Value) -> str:
        """Write a value in this language."""
        if isinstance(value, Said):
            return self.texts[value.key].format(**{name: self.tell(part) for name, part in value.values.items()})
        if isinstance(value, Amount):
            return self._amount(value)
        if isinstance(value, Day):
            return (_EPOCH + timedelta(days=value.number)).strftime(self.days)
        if isinstance(value, Moment):
            return f"{self.tell(value.day)} {value.time}"
        if isinstance(value, Number):
            return self._number(value.value)
        if isinstance(value, Noun):
            return self._form(value.key, value.count, 0)
        if isinstance(value, Listed):
            return self.texts[value.by].join(self.tell(item) for item in value.items)
        return self._grouped(value, 0) if type(value) is int else str(value)

    def _amount(self, amount: Amount) -> str:
        number = self._grouped(amount.minor, amount.scale)
        generic = _GENERIC.get(amount.unit)
        unit = amount.unit if generic is None else self._form(generic, amount.minor, amount.scale)
        return f"{number}{self.gap}{unit}" if unit else number

    def _number(self, value: Fraction) -> str:
        """Write a fraction as a decimal where it is one of few digits."""
        for digits in range(7):
            if 10**digits % value.denominator == 0:
                return self._grouped(value.numerator * 10**digits // value.denominator, digits)
        return f"{value.numerator}/{value.denominator}"

    def _grouped(self, minor: int, scale: int) -> str:
        whole, _, decimals = format_minor_units(abs(minor), scale).partition(".")
        number = f"{int(whole):,}".replace(",", self.group)
        return f"{'-' if minor < 0 else ''}{number}{self.point + decimals if decimals else ''}"

    def _form(self, noun: str, count: int, scale: int) -> str:
        forms = self.nouns[noun]
        category = self.of_decimals if scale else self.plural(abs(count))
        return forms.get(category, forms["other"])


def language(code: str) -> Language:
    """
    Give the language of a code.

    Raises:
        UsageError: there are no texts in it.
    """
    if code not in LANGUAGES:
        raise UsageError(f"got language {code!r}; explanations are told in {' and '.join(LANGUAGES)}")
    return LANGUAGES[code]


def _plural_of_english(count: int) -> str:
    return "one" if count == 1 else "other"


def _plural_of_russian(count: int) -> str:
    last, two = count % 10, count % 100
    if last == 1 and two != 11:
        return "one"
    return "few" if 2 <= last <= 4 and not 12 <= two <= 14 else "many"


_EPOCH: Final = date(1970, 1, 1)

#: English writes days as ISO 8601 does, which reads the same on both sides of the Atlantic.
ENGLISH: Final = Language(
    "en", texts_en.TEXTS, texts_en.NOUNS, group=",", point=".", gap=" ", days="%Y-%m-%d", plural=_plural_of_english
)
RUSSIAN: Final = Language(
    "ru", texts_ru.TEXTS, texts_ru.NOUNS, group="\N{NO-BREAK SPACE}", point=",", gap="\N{NO-BREAK SPACE}",
    days="%d.%m.%Y", plural=_plural_of_russian,
)  # fmt: skip
LANGUAGES: Final[Mapping[str, Language]] = {one.code: one for one in (ENGLISH, RUSSIAN)}
