"""Random earning rules, for the programmes that :mod:`loyalty.testing.programmes` draws."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from attrs import field, frozen
from hypothesis import strategies as st

Section: TypeAlias = dict[str, Any]

#: Durations, with about how many days they have.
DAYS = {"30 days": 30, "1 day": 1, "1 month": 31, "2 weeks": 14, "12 months": 365, "1 year": 365, "400 days": 400}


PERIODS = ("day", "week", "month", "quarter", "half_year", "year")

WINDOWS = (
    "lifetime", "calendar_year", "calendar_month", "calendar_quarter", "anniversary_year", "trailing 30 days",
    "trailing 12 months", "calendar_half_year",
)  # fmt: skip


@frozen(kw_only=True)
class Shape:
    """What a drawn programme has, so that its parts name only what is there."""

    metrics: dict[str, Section]
    tiers: tuple[str, ...]
    campaigns: tuple[str, ...]
    groups: tuple[str, ...]
    refunds: bool
    part: bool
    paid: bool
    ends: bool
    rich_deal: bool
    expiries: Mapping[str, str] = field(factory=dict)


def durations() -> st.SearchStrategy[str]:
    """Draw durations that count days."""
    return st.sampled_from(list(DAYS))


def _pending_times(shape: Shape, currency: str) -> st.SearchStrategy[str]:
    """Draw durations within the currency's expiry."""
    longest = shape.expiries.get(currency)
    return st.sampled_from([text for text in DAYS if longest is None or DAYS[text] < DAYS[longest] - 3])


def threshold(metric: Section, name: str, least: int) -> str:
    """Write that a metric has reached a number, in its unit; there are only two tracks and two levels."""
    if metric.get("distinct") in ("track", "level"):
        least = min(least, 2)
    money = "sum" in metric or metric.get("balance") == "mdf"
    return f'{name} >= money("{least} EUR")' if money else f"{name} >= {least}"


@st.composite
def rules(draw: st.DrawFn, shape: Shape) -> list[Section]:
    """Draw the earning rules of a programme, one at the least."""
    return [draw(_rules(shape, place)) for place in range(draw(st.integers(1, 4)))]


@st.composite
def conditions(draw: st.DrawFn, shape: Shape, kind: str, *, metrics: bool = True) -> str:
    """Draw a condition over what an event of the kind and its holder have."""
    options = []
    if kind == "deal.won":
        options += [
            'event.amount >= money("100 EUR")',
            'event.amount % money("0.02 EUR") == money("0 EUR")',
            'event.amount < money("1000.00 EUR")',
        ]
        if shape.rich_deal:
            options += [
                "event.registered", 'event.product != "core"', 'event.product in ["core", "cloud"]',
                "event.seats > 1 || event.registered", 'has(event.region) && event.region == "a"', "!event.registered",
                'event.registered ? event.seats >= 2 : event.amount > money("10 EUR")',
            ]  # fmt: skip
    elif kind == "certification.passed":
        options += ['event.level == "expert"', 'event.track == "sales"']
    if metrics:
        options += [threshold(metric, name, 2) for name, metric in shape.metrics.items() if "holder" not in metric]
        options += [f'tier.name == "{shape.tiers[0]}"', "tier.level >= 1"] if shape.tiers else []
    if not options:
        return "true"
    first = draw(st.sampled_from(options))
    others = [option for option in options if option != first]
    if others and draw(st.integers(0, 3)) == 3:
        return f"{first} {draw(st.sampled_from(('&&', '||')))} !({draw(st.sampled_from(others))})"
    return first


@st.composite
def _rules(draw: st.DrawFn, shape: Shape, place: int) -> Section:
    kinds = ["deal.won", "deal.won", "certification.passed"] + (["deal.paid"] if shape.paid else [])
    kind = draw(st.sampled_from(kinds))
    is_deal = kind == "deal.won"
    rule: Section = {"rule": f"rule-{place}", "on": kind}
    layers = draw(st.sampled_from((("partner",), ("partner", "person"), ("person",))))
    if draw(st.booleans()):
        rule["when"] = draw(conditions(shape, kind, metrics="person" not in layers))
    if is_deal:
        measures = ["event.amount", "event.amount / 2"] + (["event.seats * 100"] if shape.rich_deal else [])
        rule["of"] = draw(st.sampled_from(measures))
    unit = "" if rule.get("of", "").startswith("event.seats") else " EUR"
    give: Section = {}
    for layer in layers:
        currencies = draw(
            st.sampled_from((("points",), ("points", "status"), ("mdf",), ("status",), ("points", "mdf")))
        )
        give[layer] = {currency: draw(_awards(shape, kind, currency, unit)) for currency in currencies}
    rule["give"] = give
    paid = sorted({currency for given in give.values() for currency in given})
    _bounds(draw, shape, rule, kind, paid, layers)
    _order(draw, shape, rule, paid)
    if draw(st.integers(0, 2)) == 2:
        rule["multiply"] = {paid[0]: draw(_multipliers(shape, kind))}
    if draw(st.booleans()):
        roundings = st.sampled_from(("up", "down", "half_up", "half_even"))
        rule["round"] = (
            draw(roundings) if draw(st.booleans()) else {"rate": draw(roundings), "multiply": draw(roundings)}
        )
    if shape.expiries.get(paid[0]) != "1 day" and draw(st.booleans()):
        until = shape.paid and is_deal and draw(st.booleans())
        rule["pending"] = {paid[0]: {"until": "deal.paid"} if until else draw(_pending_times(shape, paid[0]))}
    if kind == "certification.passed" and shape.ends and draw(st.booleans()):
        rule["on_end"] = draw(st.sampled_from(("keep", "reverse")))
    return rule


def _bounds(draw: st.DrawFn, shape: Shape, rule: Section, kind: str, paid: list[str], layers: tuple[str, ...]) -> None:
    parts = ["person", "partner"] + ([f"event.{'track' if kind == 'certification.passed' else 'product'}"]
                                     if kind == "certification.passed" or (kind == "deal.won" and shape.rich_deal)
                                     else [])  # fmt: skip
    del layers
    if draw(st.booleans()):
        caps = []
        for currency in paid[: draw(st.integers(1, 2))]:
            per: list[str] = draw(st.lists(st.sampled_from(parts), max_size=2, unique=True))
            per += [draw(st.sampled_from(PERIODS))] if draw(st.booleans()) else []
            per = ["event"] if draw(st.integers(0, 3)) == 3 else per
            cap: Section = {currency: draw(st.sampled_from((7, 20, 1)))}
            caps.append({**cap, **({"per": per} if per else {})})
        rule["cap"] = caps
    if draw(st.integers(0, 3)) == 3:
        period = [draw(st.sampled_from(PERIODS))] if draw(st.booleans()) else []
        rule["once_per"] = draw(st.lists(st.sampled_from(parts), min_size=0, max_size=2, unique=True)) + period or [
            parts[0]
        ]
    if draw(st.integers(0, 3)) == 3:
        length = draw(st.one_of(durations(), st.sampled_from(("12 hours", "36 hours"))))
        rule["cooldown"] = {"for": length, "per": [draw(st.sampled_from(parts))]} if draw(st.booleans()) else length
    if draw(st.integers(0, 3)) == 3:
        rule["valid"] = {"from": "2024-02-29", "through": "2024-12-31"}
    if draw(st.integers(0, 3)) == 3:
        rule["streak"] = {"every": draw(st.sampled_from(PERIODS)), "length": 2, "repeat": draw(st.booleans())}


def _order(draw: st.DrawFn, shape: Shape, rule: Section, paid: list[str]) -> None:
    if draw(st.booleans()) and shape.campaigns:
        rule["campaign"] = shape.campaigns[0]
    if shape.groups and "points" in paid and draw(st.booleans()):
        rule["group"] = shape.groups[0]
    if draw(st.integers(0, 2)) == 2:
        rule["priority"] = draw(st.integers(-1, 1))
    if draw(st.integers(0, 2)) == 2:
        rule["phase"] = draw(st.integers(0, 1))


@st.composite
def _awards(draw: st.DrawFn, shape: Shape, kind: str, currency: str, unit: str) -> Any:
    forms = ["fixed"]
    if kind == "deal.won":
        forms += ["rate", "rate", "bounded", "whole_slab", "marginal"]
    forms += ["by_tier"] if shape.tiers else []
    forms += ["by"] if kind == "certification.passed" or (kind == "deal.won" and shape.rich_deal) else []
    form = draw(st.sampled_from(forms))
    simple = _rates(currency, unit) if kind == "deal.won" else st.sampled_from((5, 12, 0))
    if form == "fixed":
        return draw(st.sampled_from((5, 12)))
    if form == "rate":
        return draw(_rates(currency, unit))
    if form == "bounded":
        bounds = draw(st.sampled_from(({"at_least": 2}, {"at_most": 9}, {"at_least": 1, "at_most": 5})))
        return {"rate": draw(_rates(currency, unit)), **bounds}
    if form == "by_tier":
        return {"by_tier": {draw(st.sampled_from(("base", *shape.tiers))): draw(simple), shape.tiers[-1]: draw(simple)}}
    if form == "by":
        field, values = ("event.level", ("associate",)) if kind != "deal.won" else ("event.product", ("core", "cloud"))
        return {"by": field, **{value: draw(simple) for value in values}, "else": draw(simple)}
    steps = [
        {"from": f"{start}{unit}" if start else "0", "give": draw(_rates(currency, unit))} for start in (0, 100, 1000)
    ]
    return {"bands": form, "steps": steps[: draw(st.integers(1, 3))]}


def _rates(currency: str, unit: str) -> st.SearchStrategy[str]:
    rates = [f"1 per 100{unit}", f"3 per 7{unit}", f"0.5 per 10{unit}", f"2 per 1000{unit}"]
    if currency == "mdf" and unit:
        rates += ["3 %", "0.5 %"]
    return st.sampled_from(rates)


@st.composite
def _multipliers(draw: st.DrawFn, shape: Shape, kind: str) -> Any:
    options: list[Any] = ["1.5", "0.1"]
    options += ["tier.multiplier", ["tier.multiplier", "1.1"]] if shape.tiers else []
    if kind == "deal.won" and shape.rich_deal:
        options += [{"by": "event.registered", "true": "2"}, {"by": "event.product", "cloud": "1.2", "else": "0.9"}]
    return draw(st.sampled_from(options))
