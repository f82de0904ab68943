"""
Charts of results as inline SVG, drawn by matplotlib where it is installed.

The same results give the same bytes: no dates, no random ids. Text stays text, so that it can be read aloud, searched
and printed. Colours are names of the page's style sheet (``var(--c1)`` and so on), so that one picture suits light and
dark screens; matplotlib, which knows no such names, draws in stand-ins that are replaced afterwards.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from html import escape
from typing import Any, Final

from attrs import frozen

from loyalty.simulation.results import Results
from loyalty.simulation.tables import amount, share
from loyalty.simulation.texts import Texts

_INK: Final = "#010203"
_GRID: Final = "#020301"
_PAPER: Final = "#030102"
_COLOURS: Final = tuple(f"#0102{number:02x}" for number in range(0x10, 0x18))

#: What the page's style sheet calls each stand-in.
_NAMES: Final[Mapping[str, str]] = {
    _INK: "currentColor",
    _GRID: "var(--grid)",
    _PAPER: "var(--card)",
    **{colour: f"var(--c{number})" for number, colour in enumerate(_COLOURS, start=1)},
}

_STYLE: Final[Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "loyalty",
    "text.parse_math": False,
    "font.family": "sans-serif",
    "font.size": 10.5,
    "text.color": _INK,
    "axes.labelcolor": _INK,
    "axes.edgecolor": _GRID,
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "grid.color": _GRID,
    "grid.linewidth": 0.8,
    "xtick.color": _GRID,
    "xtick.labelcolor": _INK,
    "ytick.color": _GRID,
    "ytick.labelcolor": _INK,
    "ytick.major.size": 0,
    "legend.frameon": False,
    "path.simplify": True,
}
_SIZE_INCHES: Final = (5.0, 3.0)
_BAR: Final = 0.82


@frozen
class Chart:
    """A picture with its title and the sentence that stands for it where it cannot be seen."""

    name: str
    title: str
    description: str
    svg: str


def charts(results: Results, texts: Texts) -> tuple[Chart, ...] | None:
    """Draw every chart that the results have data for; None where matplotlib is not installed."""
    try:
        import matplotlib as mpl
    except ImportError:
        return None
    if not results.months:
        return ()
    with mpl.rc_context(_STYLE):
        pen = _Pen(results, texts)
        drawn = [chart for name in results.main_points for chart in (pen.flows(name), pen.balance(name))]
        if len(results.ladder) > 1:
            drawn.append(pen.tiers())
        drawn.extend(pen.funds(name) for name in results.money)
        drawn.append(pen.lorenz())
    return tuple(chart for chart in drawn if chart is not None)


class _Pen:
    """Draws the charts of one set of results."""

    def __init__(self, results: Results, texts: Texts) -> None:
        self.results = results
        self.texts = texts
        self.places = range(len(results.months))

    def flows(self, name: str) -> Chart | None:
        """Bars above the line for what was issued, below it for what was used up."""
        total = self.results.totals(name)
        if not total.issued:
            return None
        rows = [self.results.flows[month, name] for month in self.results.months]
        series = [("issued", [self._major(name, row.issued) for row in rows], _COLOURS[0])]
        for position, label in enumerate(("redeemed", "expired", "reversed")):
            if any(getattr(row, label) for row in rows):
                values = [-self._major(name, getattr(row, label)) for row in rows]
                series.append((label, values, _COLOURS[(2, 3, 5)[position]]))

        def draw(axes: Any) -> None:
            depth = [0.0] * len(rows)
            for label, values, colour in series:
                stacked = [0.0] * len(rows) if label == "issued" else depth
                axes.bar(self.places, values, _BAR, stacked, color=colour, label=self.texts.say(f"series.{label}"))
                if label != "issued":
                    depth = [below + value for below, value in zip(depth, values, strict=True)]
            axes.axhline(0, color=_INK, linewidth=0.8)
            self._months(axes)

        numbers = {label: self._number(name, getattr(total, label)) for label in
                   ("issued", "redeemed", "expired", "reversed")}  # fmt: skip
        return self._chart("flows", draw, {"currency": self.texts.named(name)}, numbers, key=name)

    def balance(self, name: str) -> Chart | None:
        """Areas for what holders have and wait for, a line for what they owe."""
        total = self.results.totals(name)
        if not total.issued:
            return None
        rows = [self.results.flows[month, name] for month in self.results.months]
        labels = [label for label in ("available", "pending") if any(getattr(row, label) for row in rows)]

        def draw(axes: Any) -> None:
            if labels:
                axes.stackplot(
                    self.places, *([self._major(name, getattr(row, label)) for row in rows] for label in labels),
                    labels=[self.texts.say(f"series.{label}") for label in labels], colors=[_COLOURS[0], _COLOURS[1]],
                )  # fmt: skip
            if any(row.arrears for row in rows):
                owed = [self._major(name, row.arrears) for row in rows]
                axes.plot(self.places, owed, color=_COLOURS[3], linewidth=2, label=self.texts.say("series.arrears"))
            axes.set_ylim(bottom=0)
            self._months(axes)

        numbers = {label: self._number(name, getattr(total, label)) for label in ("available", "pending", "arrears")}
        return self._chart("balance", draw, {"currency": self.texts.named(name)}, numbers, key=name)

    def tiers(self) -> Chart | None:
        """Stacked bars of partners, the base at the bottom."""
        rows = [self.results.tiers[month] for month in self.results.months]

        def draw(axes: Any) -> None:
            self._stacked(axes, self.results.ladder, [[row[tier] for row in rows] for tier in self.results.ladder])

        last = ", ".join(f"{self.texts.number(rows[-1][tier])} {tier}" for tier in self.results.ladder)
        return self._chart("tiers", draw, {}, {"tiers": last})

    def funds(self, name: str) -> Chart | None:
        """Stacked bars of what was accrued less reversals, by tier."""
        found = {tier for _, currency, tier in self.results.funds if currency == name}
        names = [tier for tier in self.results.ladder if tier in found] + sorted(found - set(self.results.ladder))
        if not names:
            return None
        months = self.results.months
        cells = [[self.results.funds.get((month, name, tier), (0, 0)) for month in months] for tier in names]
        series = [[self._major(name, given - taken) for given, taken in row] for row in cells]

        def draw(axes: Any) -> None:
            order = [self.results.ladder.index(tier) if tier in self.results.ladder else -1 for tier in names]
            self._stacked(axes, names, series, order)

        total = self.results.totals(name)
        unit = self.results.currencies[name].unit
        accrued = self._number(name, total.issued - total.reversed)
        title = {"currency": self.texts.named(name), "unit": unit}
        return self._chart("funds", draw, title, {"accrued": accrued, "unit": unit}, key=name)

    def lorenz(self) -> Chart | None:
        """A Lorenz curve for each currency in which partners earned."""
        spreads = {
            name: spread for name, spread in self.results.concentration.items()
            if spread.total and (name in self.results.main_points or name in self.results.money)
        }  # fmt: skip
        if not spreads:
            return None

        def draw(axes: Any) -> None:
            axes.plot([0, 100], [0, 100], color=_INK, linewidth=1, linestyle=(0, (4, 3)),
                      label=self.texts.say("lorenz.even"))  # fmt: skip
            for colour, (name, spread) in zip(_COLOURS, spreads.items(), strict=False):
                across = [100 * place / spread.partners for place, _ in spread.points]
                axes.plot(across, [100 * held / spread.total for _, held in spread.points], color=colour,
                          linewidth=2.2, label=name)  # fmt: skip
            axes.set(xlim=(0, 100), ylim=(0, 100), xlabel=self.texts.say("axis.partners"),
                     ylabel=self.texts.say("axis.amount"))  # fmt: skip
            axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0f} %")
            axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0f} %")

        ginis = "; ".join(
            self.texts.say("lorenz.gini", currency=name, gini=self.texts.number(Decimal(round(share(spread.gini), 2))))
            for name, spread in spreads.items()
        )
        return self._chart("lorenz", draw, {}, {"ginis": ginis})

    def _stacked(
        self, axes: Any, names: Sequence[str], series: Sequence[Sequence[float]], order: Sequence[int] | None = None
    ) -> None:
        base = [0.0] * len(self.places)
        for position, (name, values) in enumerate(zip(names, series, strict=True)):
            step = order[position] if order is not None else position
            axes.bar(self.places, values, _BAR, base, color=tier_colour(step), label=name)
            base = [below + value for below, value in zip(base, values, strict=True)]
        self._months(axes)

    def _months(self, axes: Any) -> None:
        months = self.results.months
        step = next(step for step in (1, 2, 3, 6, 12, 24, 60, 120, 1200) if len(months) / step <= 8)
        ticks = [place for place in self.places if months[place] % step == 0] or [0]
        labels = []
        for position, place in enumerate(ticks):
            month = months[place]
            year = f"\n{month // 12}" if position == 0 or month % 12 < step else ""
            labels.append(self.texts.months[month % 12] + year)
        axes.set_xticks(ticks, labels)
        axes.set_xlim(-0.6, len(months) - 0.4)
        axes.yaxis.set_major_formatter(lambda value, _: short_number(value))

    def _chart(
        self, name: str, draw: Callable[[Any], None], title: Mapping[str, Any], description: Mapping[str, Any],
        key: str = "",
    ) -> Chart:  # fmt: skip
        from matplotlib.figure import Figure

        figure = Figure(figsize=_SIZE_INCHES, layout="constrained", facecolor="none")
        axes = figure.add_subplot()
        draw(axes)
        entries = len(axes.get_legend_handles_labels()[0])
        figure.legend(loc="outside upper left", ncols=min(entries, 4), handlelength=1.0, handleheight=0.9,
                      columnspacing=1.2, borderpad=0, borderaxespad=0)  # fmt: skip
        file = io.StringIO()
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
        identity = re.sub(r"[^\w-]", "-", f"chart-{name}" + (f"-{key}" if key else ""))
        heading = self.texts.say(f"chart.{name}", **title)
        told = self.texts.say(f"chart.{name}.desc", **description)
        return Chart(identity, heading, told, _inline(file.getvalue(), identity, heading, told))

    def _major(self, name: str, minor_units: int) -> float:
        return float(minor_units / 10 ** self.results.currencies[name].scale)

    def _number(self, name: str, minor_units: int) -> str:
        return self.texts.number(amount(self.results, name, minor_units))


def tier_colour(step: int) -> str:
    """Give the stand-in for a tier's colour: grey for the base, then one after another."""
    return _COLOURS[7] if step == 0 else _COLOURS[(step - 1) % 7]


def short_number(value: float) -> str:
    """
    Write an axis label in few characters.

    >>> [short_number(value) for value in (0, 950, 12_500, -3_000_000)]
    ['0', '950', '12.5k', '−3M']
    """
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:g}{letter}".replace("-", "\N{MINUS SIGN}")
    return f"{value:g}".replace("-", "\N{MINUS SIGN}")


def _inline(svg: str, identity: str, title: str, description: str) -> str:
    """Make a part of a page of what matplotlib wrote as a document of its own."""
    body = svg[svg.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>\s*", "", body, flags=re.DOTALL)
    body = re.sub(r"<!--.*?-->\s*", "", body, flags=re.DOTALL)
    used = set(re.findall(r"#([\w-]+)", body))
    body = re.sub(r' id="([^"]*)"', lambda match: match[0] if match[1] in used else "", body)
    # Charts share a page: what one refers to must not be found in another.
    body = re.sub(r'( id="|href="#|url\(#)([\w-]+)', lambda match: f"{match[1]}{identity}-{match[2]}", body)
    for stand_in, name in _NAMES.items():
        body = body.replace(stand_in, name)
    body = re.sub(r"font: ([\d.]+px)[^;\"]*", r"font-size: \1", body)
    box = re.search(r'viewBox="[^"]*"', body)
    assert box is not None
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" {box[0]} role="img" '
        f'aria-labelledby="{identity}-title {identity}-desc">\n'
        f'<title id="{identity}-title">{escape(title)}</title>\n'
        f'<desc id="{identity}-desc">{escape(description)}</desc>\n'
    )
    return head + body[body.index(">") + 1 :].lstrip()
