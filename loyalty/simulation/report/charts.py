"""
The charts of one run: what was issued and used up, what it costs, what is owed and until when, and how it is spread.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

from loyalty.core.holders import Layer
from loyalty.simulation.decimals import share
from loyalty.simulation.flows import worth_of
from loyalty.simulation.report.drawing import (
    COLOURS,
    GREY,
    INK,
    LINES,
    Chart,
    draw_all,
    draw_chart,
    month_axis,
    percents,
    stacked,
    tier_colour,
)
from loyalty.simulation.report.spread import distribution
from loyalty.simulation.report.texts import Texts
from loyalty.simulation.report.tiers import tier_flows
from loyalty.simulation.results import Results
from loyalty.simulation.tables import amount


def charts(results: Results, texts: Texts) -> tuple[Chart, ...] | None:
    """Draw every chart that the results have data for; None where matplotlib is not installed."""
    return draw_all(lambda: _charts(results, texts) if results.months else ())


def _charts(results: Results, texts: Texts) -> Sequence[Chart | None]:
    pen = _Pen(results, texts)
    units = results.holders.units
    return [
        *(pen.cost(unit) for unit in units),
        *(pen.liability(unit) for unit in units),
        tier_flows(results, texts) if len(results.ladder) > 1 else None,
        *(chart for name in results.main_points for chart in (pen.flows(name), pen.balance(name))),
        *(pen.funds(name) for name in results.money),
        *([pen.earned_worth(unit) for unit in units] or [pen.earned(name) for name in results.main_points]),
        pen.lorenz(),
    ]


class _Pen:
    """Draws the charts of one set of results."""

    def __init__(self, results: Results, texts: Texts) -> None:
        self.results = results
        self.texts = texts
        self.places = range(len(results.months))

    def cost(self, unit: str) -> Chart | None:
        """Bars for the worth of what was given in each month, by currency, and below the line for what expired."""
        series, expired, given = [], [0.0] * len(self.places), Fraction(0)
        gone = Fraction(0)
        for colour, (name, value) in zip(COLOURS, self._valued(unit), strict=False):
            rows = [self.results.flows[month, name] for month in self.results.months]
            values = [float(value * row.earned) for row in rows]
            if any(values):
                series.append((self.texts.named(name), values, colour))
            expired = [total - float(value * row.expired) for total, row in zip(expired, rows, strict=True)]
            total = self.results.totals(name)
            given, gone = given + value * total.earned, gone + value * total.expired
        if not series:
            return None
        if any(expired):
            series.append((self.texts.say("series.expired"), expired, GREY))

        def draw(axes: Any) -> None:
            stacked(axes, self.places, series)
            month_axis(axes, self.results.months, self.texts)

        told = {"unit": unit, "given": self.texts.rounded(given), "expired": self.texts.rounded(gone)}
        return draw_chart(self.texts, "cost", draw, told, key=unit)

    def liability(self, unit: str) -> Chart | None:
        """Bars for the worth of what is outstanding, by the month in which it expires; what never does stands last."""
        found = {name: self.results.expiring[name] for name, _ in self._valued(unit)
                 if any(self.results.expiring.get(name, {}).values())}  # fmt: skip
        dated = [month for cohorts in found.values() for month in cohorts if month is not None]
        if not found:
            return None
        months = range(min(dated), max(dated) + 1) if dated else range(0)
        never = any(None in cohorts for cohorts in found.values())
        shown: list[int | None] = [*months, *([None] if never else [])]
        values = dict(self._valued(unit))
        series = [
            (self.texts.named(name), [float(values[name] * found[name].get(month, 0)) for month in shown], colour)
            for name, colour in zip((name for name, _ in self._valued(unit)), COLOURS, strict=False)
            if name in found
        ]

        def draw(axes: Any) -> None:
            stacked(axes, range(len(shown)), series)
            month_axis(axes, months, self.texts, last=self.texts.say("never") if never else "")

        total = sum((values[name] * amount for name in found for amount in found[name].values()), Fraction(0))
        return draw_chart(self.texts, "liability", draw, {"unit": unit, "total": self.texts.rounded(total)}, key=unit)

    def flows(self, name: str) -> Chart | None:
        """Bars above the line for what was issued, below it for what was used up."""
        total = self.results.totals(name)
        if not total.issued:
            return None
        rows = [self.results.flows[month, name] for month in self.results.months]
        series = [(self.texts.say("series.issued"), [self._major(name, row.issued) for row in rows], COLOURS[0])]
        for position, label in enumerate(("redeemed", "expired", "reversed")):
            if any(getattr(row, label) for row in rows):
                values = [-self._major(name, getattr(row, label)) for row in rows]
                series.append((self.texts.say(f"series.{label}"), values, COLOURS[(2, 3, 5)[position]]))

        def draw(axes: Any) -> None:
            stacked(axes, self.places, series)
            month_axis(axes, self.results.months, self.texts)

        numbers = {label: self._number(name, getattr(total, label)) for label in
                   ("issued", "redeemed", "expired", "reversed")}  # fmt: skip
        return draw_chart(self.texts, "flows", draw, {"currency": self.texts.named(name), **numbers}, key=name)

    def balance(self, name: str) -> Chart | None:
        """Areas for what holders have and wait for, a line for what they owe."""
        total = self.results.totals(name)
        if not total.issued:
            return None
        rows = [self.results.flows[month, name] for month in self.results.months]
        labels = [label for label in ("available", "pending", "held") if any(getattr(row, label) for row in rows)]

        def draw(axes: Any) -> None:
            if labels:
                axes.stackplot(
                    self.places, *([self._major(name, getattr(row, label)) for row in rows] for label in labels),
                    labels=[self.texts.say(f"series.{label}") for label in labels],
                    colors=[COLOURS[0], COLOURS[1], COLOURS[4]][: len(labels)],
                )  # fmt: skip
            if any(row.arrears for row in rows):
                owed = [self._major(name, row.arrears) for row in rows]
                axes.plot(self.places, owed, color=COLOURS[3], linewidth=2, label=self.texts.say("series.arrears"))
            axes.set_ylim(bottom=0)
            month_axis(axes, self.results.months, self.texts)

        numbers = {label: self._number(name, getattr(total, label)) for label in ("available", "pending", "arrears")}
        return draw_chart(self.texts, "balance", draw, {"currency": self.texts.named(name), **numbers}, key=name)

    def funds(self, name: str) -> Chart | None:
        """Stacked bars of what was accrued less reversals, by tier."""
        found = {tier for _, currency, tier in self.results.funds if currency == name}
        names = [tier for tier in self.results.ladder if tier in found] + sorted(found - set(self.results.ladder))
        if not names:
            return None
        ladder, months = self.results.ladder, self.results.months
        series = []
        for tier in names:
            cells = [self.results.funds.get((month, name, tier), (0, 0)) for month in months]
            colour = tier_colour(ladder.index(tier)) if tier in ladder else COLOURS[6]
            series.append((self.texts.tier(tier), [self._major(name, given - taken) for given, taken in cells], colour))

        def draw(axes: Any) -> None:
            stacked(axes, self.places, series)
            month_axis(axes, months, self.texts)

        unit, total = self.results.currencies[name].unit or "", self.results.totals(name)
        told = {"currency": self.texts.named(name), "unit": unit, "accrued": self._number(name, total.earned)}
        return draw_chart(self.texts, "funds", draw, told, key=name)

    def earned_worth(self, unit: str) -> Chart | None:
        """How many partners cost how much, in worth."""
        numerators, denominator = self.results.holders.worth(unit, self.results.holders.layer(Layer.PARTNER))
        return distribution(numerators, denominator, unit, self.texts, key=unit, name="costs")

    def earned(self, name: str) -> Chart | None:
        """How many partners got how much, in a currency without worth."""
        column = self.results.holders.column(name, "earned", self.results.holders.layer(Layer.PARTNER))
        return distribution(column, 10 ** self.results.currencies[name].scale, name, self.texts, key=name)

    def lorenz(self) -> Chart | None:
        """A Lorenz curve for each currency in which partners earned."""
        spreads = {
            name: spread for name, spread in self.results.concentration.items()
            if spread.total and (name in self.results.main_points or name in self.results.money)
        }  # fmt: skip
        if not spreads:
            return None

        def draw(axes: Any) -> None:
            axes.plot([0, 100], [0, 100], color=INK, linewidth=1, linestyle=(0, (4, 3)),
                      label=self.texts.say("lorenz.even"))  # fmt: skip
            for colour, (name, spread) in zip(LINES, spreads.items(), strict=False):
                across = [100 * place / spread.partners for place, _ in spread.points]
                axes.plot(across, [100 * held / spread.total for _, held in spread.points], color=colour,
                          linewidth=2.2, label=self.texts.named(name))  # fmt: skip
            axes.set(xlim=(0, 100), ylim=(0, 100), xlabel=self.texts.say("axis.partners"),
                     ylabel=self.texts.say("axis.amount"))  # fmt: skip
            percents(axes.xaxis, self.texts)
            percents(axes.yaxis, self.texts)

        ginis = ". ".join(
            self.texts.say("lorenz.gini", currency=self.texts.named(name), gini=Decimal(round(share(spread.gini), 2)))
            for name, spread in spreads.items()
        )
        return draw_chart(self.texts, "lorenz", draw, {"ginis": ginis})

    def _valued(self, unit: str) -> list[tuple[str, Fraction]]:
        """The currencies that have worth in a unit of money, with that of one minor unit."""
        values = {name: worth_of(currency) for name, currency in self.results.currencies.items()}
        return [(name, value) for name, (of, value) in values.items() if of == unit and value]

    def _major(self, name: str, minor_units: int) -> float:
        return float(minor_units / 10 ** self.results.currencies[name].scale)

    def _number(self, name: str, minor_units: int) -> str:
        return self.texts.number(amount(self.results, name, minor_units))
