"""
Everything that a report says, in each language: sentences, headings, numbers, months and days.

>>> english, russian = texts("en"), texts("ru")
>>> english.number(Decimal("-1234567.50")), english.percent(Fraction(1, 3))
('−1,234,567.50', '33.3 %')
>>> english.count("partner", 1), russian.count("partner", 2), russian.count("partner", 12)
('1 partner', '2\\xa0партнёра', '12\\xa0партнёров')
>>> english.month(2026 * 12), russian.month(2026 * 12)
('Jan 2026', 'янв. 2026')
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Final

from attrs import evolve, frozen

from loyalty.core.amounts import Rounding, divide
from loyalty.explaining import languages
from loyalty.explaining.languages import Language
from loyalty.explaining.said import Day, Noun, Said, Value, said
from loyalty.simulation.report import texts_en, texts_ru

#: Names of so many letters are taken for abbreviations, such as mdf.
_ABBREVIATION: Final = 3

_MINUS: Final = "\N{MINUS SIGN}"

#: What a sentence is filled with: texts as they are, numbers as the language writes them.
Filling = Value | Decimal


@frozen
class Texts:
    """
    One language.

    Args:
        language: Its sentences, plurals, digits and days.
        months: The short names of the months.
    """

    language: Language
    months: tuple[str, ...]

    @property
    def code(self) -> str:
        """As in BCP 47, ``en``."""
        return self.language.code

    def say(self, key: str, /, **values: Filling) -> str:
        """Give a sentence with its values filled in."""
        return self.language.texts[key].format(**{name: self.tell(value) for name, value in values.items()})

    def tell(self, value: Filling) -> str:
        """Write a value; what is a text already stays as it is."""
        return self.number(value) if isinstance(value, (int, Decimal)) else self.language.tell(value)

    def has(self, key: str) -> bool:
        """Tell whether there is a sentence of this key."""
        return key in self.language.texts

    def heading(self, column: str) -> str:
        """Give the heading of a column: as it is where it is in words, else its own sentence, else its name."""
        if " " in column:
            return column
        if column.startswith("cost_") and not self.has(f"column.{column}"):
            return self.say("column.cost", unit=column.removeprefix("cost_"))
        key = f"column.{column}"
        return self.say(key) if self.has(key) else column.replace("_", " ").capitalize()

    def named(self, currency: str) -> str:
        """Write a currency's name as a heading begins: abbreviations in capitals, points in the language's word."""
        if self.has(f"currency.{currency}"):
            return self.say(f"currency.{currency}")
        return currency.upper() if len(currency) <= _ABBREVIATION else currency[:1].upper() + currency[1:]

    def tier(self, name: str) -> str:
        """Write the name of a tier, which is the programme's own but for what stands for none."""
        return self.say(f"tier.{name}") if self.has(f"tier.{name}") else name

    def number(self, value: Decimal | int) -> str:
        """Write a number with every digit that it has, thousands set apart, and a true minus sign."""
        written = f"{value:,f}" if isinstance(value, Decimal) else f"{value:,d}"
        whole, point, digits = written.replace("-", _MINUS).partition(".")
        return whole.replace(",", self.language.group) + (self.language.point + digits if point else "")

    def percent(self, value: Fraction, digits: int = 1) -> str:
        """Write a share in percent, rounded half to even."""
        rounded = divide(value.numerator * 10 ** (2 + digits), value.denominator, Rounding.HALF_EVEN)
        return f"{self.number(Decimal(rounded).scaleb(-digits))}{self.language.gap}%"

    def count(self, noun: str, count: int) -> str:
        """Write how many of something there are."""
        return self.tell(counted(noun, count))

    def mean_count(self, noun: str, count: Fraction) -> str:
        """
        Write how many there are in the mean: with one digit after the point where it is not whole.

        >>> texts("en").mean_count("partner", Fraction(25, 2)), texts("ru").mean_count("partner", Fraction(25, 2))
        ('12.5 partners', '12,5\\xa0партнёра')
        """
        if count.denominator == 1:
            return self.count(noun, int(count))
        # After a fraction stands what stands after two.
        return self.tell(said("counted", number=self.tenths(count), noun=Noun(noun, 2)))

    def tenths(self, value: Fraction) -> str:
        """Write a number with one digit after the point, rounded half to even."""
        return self.number(Decimal(divide(value.numerator * 10, value.denominator, Rounding.HALF_EVEN)).scaleb(-1))

    def mean(self, value: Fraction) -> str:
        """Write a mean of what is counted: with one digit after the point where it is not whole."""
        return self.number(int(value)) if value.denominator == 1 else self.tenths(value)

    def money(self, value: Fraction, unit: str) -> str:
        """Write an amount of money: to the cent, and from ten thousand on in whole units, rounded half to even."""
        return f"{self.rounded(value)}{self.language.gap}{unit}"

    def rounded(self, value: Fraction) -> str:
        """Write a number with two digits after the point, or with none where it is large."""
        digits = 0 if abs(value) >= 10_000 else 2
        scaled = divide(value.numerator * 10**digits, value.denominator, Rounding.HALF_EVEN)
        return self.number(Decimal(scaled).scaleb(-digits) if digits else scaled)

    def short(self, value: float) -> str:
        """
        Write an axis label in few characters.

        >>> [texts("en").short(value) for value in (0, 950, 12_500, -3_000_000)]
        ['0', '950', '12.5k', '−3M']
        """
        for size, letter in ((1e9, "giga"), (1e6, "mega"), (1e3, "kilo")):
            if abs(value) >= size:
                return self._plain(value / size) + self.say(f"short.{letter}")
        return self._plain(value)

    def _plain(self, value: float) -> str:
        return f"{value:.6g}".replace("-", _MINUS).replace(".", self.language.point)

    def month(self, month: int) -> str:
        """Write a month with its year."""
        return f"{self.months[month % 12]} {month // 12}"

    def day(self, day: int) -> str:
        """Write a day."""
        return self.language.tell(Day(day))


def counted(noun: str, count: int) -> Said:
    """Say how many of something there are, in no language yet."""
    return said("counted", number=count, noun=Noun(noun, count))


def texts(code: str) -> Texts:
    """
    Give the texts of a language.

    Raises:
        UsageError: there are none in it.
    """
    languages.language(code)
    return TEXTS[code]


def _texts(base: Language, sentences: Mapping[str, str], nouns: Mapping[str, Mapping[str, str]], months: str) -> Texts:
    own = evolve(base, texts=sentences, nouns={**base.nouns, **nouns})
    return Texts(own, tuple(months.split()))


ENGLISH: Final = _texts(
    languages.ENGLISH, texts_en.TEXTS, texts_en.NOUNS, "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec"
)
RUSSIAN: Final = _texts(
    languages.RUSSIAN, texts_ru.TEXTS, texts_ru.NOUNS,
    "янв. февр. март апр. май июнь июль авг. сент. окт. нояб. дек.",
)  # fmt: skip
TEXTS: Final[Mapping[str, Texts]] = {one.code: one for one in (ENGLISH, RUSSIAN)}
