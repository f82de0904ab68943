"""
Drawing by matplotlib, as SVG that belongs into a page.

The same numbers give the same bytes: no dates, no random ids. Text stays text, so that it can be read aloud, searched
and printed, in whatever script. Colours are names of the page's style sheet (``var(--c1)`` and so on), so that one
picture suits light and dark screens; matplotlib, which knows no such names, draws in stand-ins that are replaced
afterwards.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any, Final

from attrs import frozen

from loyalty.simulation.report.texts import Texts

INK: Final = "#010203"
GRID: Final = "#020301"
PAPER: Final = "#030102"
COLOURS: Final = tuple(f"#0102{number:02x}" for number in range(0x10, 0x18))

#: For lines, which need more contrast than areas.
LINES: Final = tuple(COLOURS[place] for place in (0, 3, 2, 4, 5, 6))

#: Grey, for what is no colour's.
GREY: Final = COLOURS[7]

#: Colours of what is good and bad for a partner.
GAIN: Final = COLOURS[2]
LOSS: Final = COLOURS[5]

#: What the page's style sheet calls each stand-in.
_NAMES: Final[Mapping[str, str]] = {
    INK: "currentColor",
    GRID: "var(--grid)",
    PAPER: "var(--card)",
    **{colour: f"var(--c{number})" for number, colour in enumerate(COLOURS, start=1)},
}

_STYLE: Final[Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "loyalty",
    "text.parse_math": False,
    "axes.unicode_minus": True,
    "font.family": "sans-serif",
    "font.size": 11,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": GRID,
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "xtick.color": GRID,
    "xtick.labelcolor": INK,
    "ytick.color": GRID,
    "ytick.labelcolor": INK,
    "ytick.major.size": 0,
    "legend.frameon": False,
    "path.simplify": True,
}

#: In inches: what stands beside another, and what takes the width of the page.
_SIZE: Final = (5.0, 3.0)
_WIDE: Final = (10.4, 4.0)
BAR: Final = 0.82

#: So many months have a label each at most.
_LABELS: Final = 8

#: How near to a label behind the months one of a month may stand, as a share of the width.
_LAST_LABEL: Final = 0.125


@frozen
class Chart:
    """A picture with its title and the sentence that stands for it where it cannot be seen."""

    name: str
    title: str
    description: str
    svg: str
    is_wide: bool = False


Draw = Callable[[Any], None]


def draw_all(draw: Callable[[], Sequence[Chart | None]]) -> tuple[Chart, ...] | None:
    """Draw charts in the style of reports; None where matplotlib is not installed."""
    try:
        import matplotlib as mpl
    except ImportError:
        return None
    with mpl.rc_context(_STYLE):
        return tuple(chart for chart in draw() if chart is not None)


def draw_chart(
    texts: Texts, name: str, draw: Draw, told: Mapping[str, Any], *, key: str = "", is_wide: bool = False
) -> Chart:
    """
    Draw one chart.

    Args:
        name: Its texts are ``chart.NAME`` and ``chart.NAME.desc``.
        draw: Draws into axes.
        told: What fills the texts.
        key: Tells charts of one name on one page apart.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=_WIDE if is_wide else _SIZE, layout="constrained", facecolor="none")
    axes = figure.add_subplot()
    draw(axes)
    labels = axes.get_legend_handles_labels()[1]
    if labels:
        figure.legend(loc="outside upper left", ncols=_columns(labels, is_wide), handlelength=1.0, handleheight=0.9,
                      columnspacing=1.2, borderpad=0, borderaxespad=0)  # fmt: skip
    file = io.StringIO()
    figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    identity = re.sub(r"[^\w-]", "-", f"chart-{name}" + (f"-{key}" if key else ""))
    heading, description = texts.say(f"chart.{name}", **told), texts.say(f"chart.{name}.desc", **told)
    return Chart(identity, heading, description, _inline(file.getvalue(), identity, heading, description), is_wide)


def _columns(labels: Sequence[str], is_wide: bool) -> int:
    """Give how many labels stand side by side, the longest of them as wide as any, within the width of a chart."""
    room = 120 if is_wide else 56
    return max(1, min(len(labels), room // (max(map(len, labels)) + 5)))


def stacked(axes: Any, places: Sequence[float], series: Sequence[tuple[str, Sequence[float], str]]) -> None:
    """Draw bars on top of each other: (label, values, colour) from below; what is below zero grows downwards."""
    above, below = [0.0] * len(places), [0.0] * len(places)
    for label, values, colour in series:
        base = [high if value >= 0 else low for value, high, low in zip(values, above, below, strict=True)]
        axes.bar(places, values, BAR, base, color=colour, label=label)
        above = [high + max(value, 0) for high, value in zip(above, values, strict=True)]
        below = [low + min(value, 0) for low, value in zip(below, values, strict=True)]
    if any(below):
        axes.axhline(0, color=INK, linewidth=0.8)


def month_axis(
    axes: Any,
    months: Sequence[int],
    texts: Texts,
    *,
    most: int = _LABELS,
    margin: float = 0.6,
    first: str = "",
    last: str = "",
) -> None:
    """
    Label months from left to right, the year where it begins, and write short numbers at the side.

    Args:
        first: What stands at the first place, where that is no month.
        last: What stands behind the last month, where something does.
    """
    step = next(step for step in (1, 2, 3, 6, 12, 24, 60, 120, 1200) if len(months) / step <= most)
    ticks = [place for place, month in enumerate(months) if month % step == 0] or [0]
    if first:
        # A month beside it has no room for its label.
        ticks = [place for place in ticks if place > 1]
    end = len(months) - 1
    if last:
        end += 1
        ticks = [place for place in ticks if end - place > _LAST_LABEL * (end + 2 * margin)]
    labels = []
    for position, place in enumerate(ticks):
        month = months[place]
        year = f"\n{month // 12}" if position == 0 or month % 12 < step else ""
        labels.append(texts.months[month % 12] + year)
    if first:
        ticks, labels = [0, *ticks], [first, *labels]
    if last:
        ticks, labels = [*ticks, end], [*labels, last]
    axes.set_xticks(ticks, labels)
    axes.set_xlim(-margin, end + margin)
    short_numbers(axes.yaxis, texts)


def short_numbers(axis: Any, texts: Texts) -> None:
    """Write the numbers of an axis in few characters."""
    axis.set_major_formatter(lambda value, _: texts.short(value))
    if axis.axis_name == "x" and hasattr(axis.get_major_locator(), "set_params"):
        # Words such as thousands take room, which labels beside each other do not have.
        axis.get_major_locator().set_params(nbins=5)


def percents(axis: Any, texts: Texts) -> None:
    """Write the numbers of an axis, which are hundredths, as percent."""
    axis.set_major_formatter(lambda value, _: f"{texts.short(value)}{texts.language.gap}%")


def tier_colour(step: int) -> str:
    """Give the stand-in for a tier's colour: grey for the base, then one after another."""
    return GREY if step == 0 else COLOURS[(step - 1) % 7]


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
