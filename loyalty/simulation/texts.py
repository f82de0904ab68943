"""
Everything that a report says, in one table for each language, so that another language is another table.

>>> ENGLISH.number(Decimal("-1234567.50"))
'−1,234,567.50'
>>> ENGLISH.percent(Fraction(1, 3))
'33.3 %'
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Final

from attrs import frozen

from loyalty.core.amounts import Rounding, divide

#: Names of so many letters are taken for abbreviations, such as mdf.
_ABBREVIATION: Final = 3


@frozen(kw_only=True)
class Texts:
    """
    One language.

    Args:
        language: Its tag, for example ``en``.
        thousands: What sets thousands apart.
        point: What stands before decimals.
        months: The short names of the months.
        sentences: By key; ``{name}`` stands for what is filled in.
    """

    language: str
    thousands: str
    point: str
    months: tuple[str, ...]
    sentences: Mapping[str, str]

    def say(self, key: str, **values: object) -> str:
        """Give a sentence with its values filled in."""
        return self.sentences[key].format(**values)

    def heading(self, column: str) -> str:
        """Give the heading of a column: as it is where it is in words, else its own sentence, else its name."""
        if " " in column:
            return column
        if column.startswith("worth_"):
            return self.say("column.worth", unit=column.removeprefix("worth_"))
        return self.sentences.get(f"column.{column}") or column.replace("_", " ").capitalize()

    def named(self, currency: str) -> str:
        """Write a currency's name as a heading begins: abbreviations in capitals."""
        return currency.upper() if len(currency) <= _ABBREVIATION else currency[:1].upper() + currency[1:]

    def number(self, value: Decimal | int) -> str:
        """Write a number with every digit that it has, thousands set apart, and a true minus sign."""
        written = f"{value:,f}" if isinstance(value, Decimal) else f"{value:,d}"
        whole, point, digits = written.replace("-", "\N{MINUS SIGN}").partition(".")
        return whole.replace(",", self.thousands) + (self.point + digits if point else "")

    def percent(self, value: Fraction) -> str:
        """Write a share in percent with one digit, rounded half to even."""
        tenths = divide(value.numerator * 1000, value.denominator, Rounding.HALF_EVEN)
        return f"{self.number(Decimal(tenths).scaleb(-1))} %"

    def month(self, month: int) -> str:
        """Write a month with its year."""
        return f"{self.months[month % 12]} {month // 12}"


ENGLISH = Texts(
    language="en",
    thousands=",",
    point=".",
    months=("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
    sentences={
        "summary": "At a glance",
        "notes": "What to look at",
        "charts": "Over time",
        "tables": "The numbers",
        "assumptions": "Assumptions and parameters",
        "programme": "Programme",
        "revision": "Revision",
        "period": "Period",
        "period.span": "{first} to {last}",
        "period.none": "nothing was posted",
        "books": "Books",
        "books.size": "{entries} entries, {postings} postings",
        "no_charts": "The charts need matplotlib: run {command} and make the report again.",
        "sort_hint": "Select a heading to sort by it.",
        "files": "Every table is beside this report in full as a file of its own.",
        "card.partners": "Partners",
        "card.partners.hint": "and {persons} persons with a wallet",
        "card.issued": "{currency} issued",
        "card.issued.hint": "{redeemed} redeemed · {expired} expired · {reversed} reversed",
        "card.outstanding": "{currency} outstanding",
        "card.outstanding.worth": "worth {worth} {unit}",
        "card.outstanding.hint": "{available} available · {pending} pending",
        "card.accrued": "{currency} accrued, {unit}",
        "card.accrued.hint": "{expired} expired · {reversed} reversed · {available} available",
        "card.tiers": "Partners above {base}",
        "card.tiers.hint": "{tiers}",
        "card.top": "Earned by the top tenth",
        "card.top.hint": "{currency} · Gini coefficient {gini}",
        "note.silent": "These rules never paid: {rules}.",
        "note.arrears": "{holders} holders are in arrears, together by {amount} {currency}.",
        "note.base_only": "No partner ever left the base tier.",
        "note.nothing": "Nothing was posted: no event earned anything.",
        "chart.flows": "{currency}: issued and used up",
        "chart.flows.desc": "Bars by month. In all {issued} issued, {redeemed} redeemed, {expired} expired, "
        "{reversed} reversed.",
        "chart.balance": "{currency}: outstanding at month's end",
        "chart.balance.desc": "Areas by month. In the end {available} available, {pending} pending, "
        "{arrears} in arrears.",
        "chart.tiers": "Partners by tier",
        "chart.tiers.desc": "Stacked bars by month. In the end: {tiers}.",
        "chart.funds": "{currency} accrued by tier, {unit}",
        "chart.funds.desc": "Stacked bars by month, less reversals. In all {accrued} {unit}.",
        "chart.lorenz": "Concentration",
        "chart.lorenz.desc": "Lorenz curves: the share that the partners who earned least have together. {ginis}.",
        "lorenz.gini": "Gini coefficient of {currency}: {gini}",
        "lorenz.even": "all alike",
        "axis.partners": "Partners, from least to most",
        "axis.amount": "Share of what was earned",
        "series.earned": "earned",
        "series.issued": "issued",
        "series.redeemed": "redeemed",
        "series.expired": "expired",
        "series.reversed": "reversed",
        "series.available": "available",
        "series.pending": "pending",
        "series.arrears": "arrears",
        "table.by_month": "{currency} by month",
        "table.tiers": "Partners in each tier at month's end",
        "table.mdf": "Funds by month and tier",
        "table.by_rule": "What each rule gave",
        "table.concentration": "Concentration among partners",
        "table.top_holders": "The {count} partners with the highest worth",
        "column.worth": "Worth, {unit}",
        "column.top_tenth": "Top tenth",
        "column.gini": "Gini",
        "column.cut_by_caps": "Cut by caps",
    },
)
