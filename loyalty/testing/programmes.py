"""
Random valid programmes: every feature of the language can come, alone and together, and shrinks away where it can.

Programmes are drawn as text and go through the loader like any other, so that a counterexample is a file.
"""

from __future__ import annotations

import re
from typing import Any, TypeAlias

from attrs import evolve
from hypothesis import strategies as st

from loyalty.errors import ProgrammeError
from loyalty.programme.loading import loads
from loyalty.programme.model import Programme
from loyalty.testing.currency_texts import currencies, expiries_of
from loyalty.testing.rule_texts import PERIODS, WINDOWS, Shape, conditions, durations, rules, threshold

Section: TypeAlias = dict[str, Any]

#: What comes with a tier or a badge.
_GIFTS: tuple[Section, ...] = ({"points": 5}, {"points": 100}, {"mdf": "3.00", "points": 7}, {"status": 4})

#: What a refund may do to a tier or badges besides keeping them; the second only where something came with them.
_LOOKS = ("re_evaluate", "re_evaluate_and_take_back")

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.%/-]*( [A-Za-z0-9_.%/-]+)*\Z")


def programmes() -> st.SearchStrategy[Programme]:
    """Draw checked programmes."""
    return programme_texts().map(loads)


def programme_texts() -> st.SearchStrategy[str]:
    """Draw programme files; the few that the loader's lints refuse (a tier out of reach) are drawn again."""
    return _declarations().map(write_yaml).filter(_is_valid)


def _is_valid(text: str) -> bool:
    return loaded(text) is not None


def loaded(text: str, before: Programme | None = None) -> Programme | None:
    """Load a drawn file, after the revision before it where there is one; None where the loader refuses it."""
    try:
        return loads(text, before=before)
    except ProgrammeError:
        return None


def write_yaml(value: Any, indent: str = "") -> str:
    """
    Write nested mappings, lists and texts as YAML, every doubtful text in quotes.

    >>> print(write_yaml({"earn": [{"rule": "r", "when": "a && b"}]}), end="")
    earn:
      - rule: r
        when: "a && b"
    """
    lines = []
    for name, item in value.items():
        key = name if _PLAIN.match(name) else f'"{name}"'
        if isinstance(item, dict) and item:
            lines.append(f"{indent}{key}:\n{write_yaml(item, indent + '  ')}")
        elif isinstance(item, list) and item and isinstance(item[0], dict):
            lines.append(f"{indent}{key}:\n")
            for one in item:
                block = write_yaml(one, indent + "    ")
                lines.append(f"{indent}  - {block[len(indent) + 4 :]}")
        elif isinstance(item, list):
            lines.append(f"{indent}{key}: [{', '.join(map(_scalar, item))}]\n")
        else:
            lines.append(f"{indent}{key}: {_scalar(item)}\n")
    return "".join(lines)


def _scalar(item: Any) -> str:
    if isinstance(item, dict):
        return "{}"
    text = str(item).lower() if isinstance(item, bool) else str(item)
    return text if _PLAIN.match(text) else '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


@st.composite
def _declarations(draw: st.DrawFn) -> Section:
    shape = draw(_shapes())
    file: Section = {"language": 1, "programme": draw(_frames()), "currencies": draw(currencies(shape.tiers))}
    shape = evolve(shape, expiries=expiries_of(file["currencies"]))
    if draw(st.booleans()):
        file["limits"] = {"events_per_holder": 1000}
    file["events"] = draw(kinds(shape))
    file |= draw(sections(shape))
    return {name: section for name, section in file.items() if section or name == "earn"}


@st.composite
def sections(draw: st.DrawFn, shape: Shape) -> Section:
    """
    Draw what stands behind the events of a file: metrics, rules, tiers and all else.

    Args:
        shape: What the file has so far; its metrics are drawn where it has none, and it gets no tiers where nothing
            can be asked of a partner.
    """
    file: Section = {}
    metrics = shape.metrics or {f"m{place}": draw(metric_of(shape)) for place in range(draw(st.integers(0, 3)))}
    if shape.tiers and all("holder" in metric for metric in metrics.values()):
        shape = evolve(shape, tiers=())
    shape = evolve(shape, metrics=metrics)
    file["metrics"] = metrics
    if shape.campaigns:
        file["campaigns"] = {name: draw(_campaigns(shape)) for name in shape.campaigns}
    if shape.groups:
        file["groups"] = {name: draw(_groups()) for name in shape.groups}
    file["earn"] = draw(rules(shape))
    _drop_idle_caps(file)
    _count_where_nothing_is_given(file)
    if shape.tiers:
        file["tiers"] = draw(_ladders(shape))
    if draw(st.booleans()):
        file["badges"] = [
            draw(_badges(shape, place)) for place in range(draw(st.integers(1, 2))) if shape.metrics
        ]  # fmt: skip
    if draw(st.booleans()):
        file["allotments"] = [draw(_allotments(shape))]
    file["refunds"] = draw(_blocks(shape, file))
    if draw(st.booleans()):
        file["exchange"] = {"USD": [{"from": "2020-01-01", "rate": "0.9 EUR"}]}
    return file


@st.composite
def _shapes(draw: st.DrawFn) -> Shape:
    tiers = ("silver", "gold", "platinum")[: draw(st.integers(0, 3))]
    return Shape(
        metrics={},
        tiers=tiers,
        campaigns=("spring",) if draw(st.booleans()) else (),
        groups=("group",) if draw(st.booleans()) else (),
        refunds=draw(st.booleans()),
        part=draw(st.booleans()),
        paid=draw(st.booleans()),
        ends=draw(st.booleans()),
        rich_deal=draw(st.booleans()),
    )


@st.composite
def _frames(draw: st.DrawFn) -> Section:
    frame: Section = {
        "id": "generated",
        "starts": draw(st.sampled_from(("2024-01-01", "2024-02-29", "2023-10-15"))),
        "timezone": draw(st.sampled_from(("UTC", "Europe/Berlin", "America/New_York", "Africa/Cairo"))),
    }
    if draw(st.booleans()):
        frame["year_starts"] = draw(st.sampled_from((2, 4, 7, 12)))
    if draw(st.integers(0, 3)) == 3:
        frame["ends"] = draw(st.sampled_from(("2024-12-31", "2025-06-30")))
    return frame


@st.composite
def kinds(draw: st.DrawFn, shape: Shape) -> Section:
    """Draw the kinds of event."""
    amount: Section = {"type": "money", "unit": "EUR", "max": draw(st.sampled_from(("5000.00", "1000000.00")))}
    if draw(st.integers(0, 5)) == 5:
        amount["min"] = "1.00"
    deal: Section = {"amount": amount}
    if shape.rich_deal:
        deal |= {
            "seats": {"type": "int", "max": 100, "default": 1},
            "product": {"one_of": ["core", "cloud", "other"]},
            "registered": {"type": "bool", "default": False},
            "region": {"type": "text", "optional": True},
        }
    kinds: Section = {"deal.won": deal}
    if shape.refunds:
        kinds["deal.refunded"] = {"refunds": "deal.won"}
        if shape.part:
            kinds["deal.refunded"]["amount"] = {"type": "money", "unit": "EUR", "max": "1000000.00", "optional": True}
    if shape.paid:
        kinds["deal.paid"] = {"follows": "deal.won"}
    certified: Section = {
        "track": {"one_of": ["sales", "technical"]},
        "level": {"one_of": ["associate", "expert"]},
    }
    kinds["certification.passed"] = certified
    if shape.ends:
        by = draw(st.sampled_from((["person", "track"], ["track", "level"], ["partner", "person", "track", "level"])))
        kinds["certification.expired"] = {"ends": "certification.passed", "by": by, **certified}
    return kinds


@st.composite
def metric_of(draw: st.DrawFn, shape: Shape) -> Section:
    """Draw a metric."""
    measure = draw(st.sampled_from(("earned", "count", "sum", "distinct", "balance", "in_force")))
    metric: Section = {}
    if measure == "earned":
        metric["earned"] = draw(st.sampled_from(("points", "status")))
    elif measure == "balance":
        metric |= {"balance": draw(st.sampled_from(("points", "mdf"))), "window": "now"}
    elif measure == "count":
        metric["count"] = draw(st.sampled_from(("deal.won", "certification.passed")))
    elif measure == "sum":
        metric |= {"sum": draw(st.sampled_from(("event.amount", "event.amount / 2"))), "of": "deal.won"}
    elif measure == "distinct":
        of = draw(st.sampled_from(("certification.passed", "deal.won")))
        metric |= {"distinct": "person" if of == "deal.won" or draw(st.booleans()) else "track", "of": of}
    else:
        counted = {"count": "certification.passed"}
        distinct = {"distinct": draw(st.sampled_from(("track", "level"))), "of": "certification.passed"}
        metric |= draw(st.sampled_from((counted, distinct)))
        if shape.ends:
            metric["while"] = "not_ended"
    if measure in ("count", "sum", "distinct", "in_force") and draw(st.integers(0, 3)) == 3:
        metric["when"] = draw(conditions(shape, metric.get("of") or metric["count"], metrics=False))
    if "window" not in metric:
        metric["window"] = "now" if "while" in metric else draw(st.sampled_from(WINDOWS))
    if isinstance(metric["window"], str) and metric["window"].startswith("trailing "):
        metric["window"] = {"trailing": metric["window"].removeprefix("trailing ")}
    if draw(st.integers(0, 3)) == 3:
        metric["holder"] = "person"
    return metric


@st.composite
def _campaigns(draw: st.DrawFn, shape: Shape) -> Section:
    del shape
    campaign: Section = {
        "valid": {"from": "2024-02-29", "through": draw(st.sampled_from(("2024-03-31", "2025-02-28")))}
    }
    if draw(st.booleans()):
        campaign["cap"] = {"points": draw(st.sampled_from((30, 7)))}
    return campaign


@st.composite
def _groups(draw: st.DrawFn) -> Section:
    take = draw(st.sampled_from(("all", "first", "best")))
    return {"take": take, **({"by": "points"} if take == "best" else {})}


@st.composite
def _ladders(draw: st.DrawFn, shape: Shape) -> Section:
    partner_metrics = [name for name, metric in shape.metrics.items() if "holder" not in metric]
    ladder = []
    for place, tier in enumerate(shape.tiers):
        parts = [
            draw(_thresholds(shape, draw(st.sampled_from(partner_metrics)), place + 1))
            for _ in range(draw(st.integers(1, 2)))
        ]
        step: Section = {
            "tier": tier,
            "multiplier": ("1.25", "1.5", "3")[place],
            "needs": parts if draw(st.booleans()) else {draw(st.sampled_from(("any", "all"))): parts},
        }
        if draw(st.booleans()):
            step["gift"] = draw(st.sampled_from(_GIFTS))
        ladder.append(step)
    tiers: Section = {"base": {"multiplier": draw(st.sampled_from(("1", "0.5")))}, "ladder": ladder}
    if draw(st.booleans()):
        tiers["promote"] = "at_review"
    if draw(st.booleans()) or tiers.get("promote"):
        review: Section = {
            "every": draw(
                st.sampled_from(
                    ("calendar_year", "calendar_quarter", "calendar_month", "calendar_half_year", "anniversary_year")
                )
            )
        }
        if draw(st.booleans()):
            long = review["every"].endswith("year") and review["every"] != "calendar_half_year"
            review["grace"] = draw(
                st.sampled_from(("20 days", "90 days", "11 months") if long else ("20 days", "3 weeks"))
            )
        if draw(st.booleans()):
            review["landing"] = draw(st.sampled_from(("one_tier_down", "by_score")))
        if draw(st.integers(0, 3)) == 3:
            review["floor"] = shape.tiers[0]
        tiers["review"] = review
    return tiers


@st.composite
def _thresholds(draw: st.DrawFn, shape: Shape, name: str, step: int) -> str:
    return threshold(shape.metrics[name], name, draw(st.sampled_from((1, 2, 7, 20))) * step)


@st.composite
def _badges(draw: st.DrawFn, shape: Shape, place: int) -> Section:
    metric = draw(st.sampled_from(sorted(shape.metrics)))
    badge: Section = {"badge": f"badge-{place}", "needs": draw(_thresholds(shape, metric, 1 + place))}
    if "holder" in shape.metrics[metric]:
        badge["holder"] = "person"
    if draw(st.booleans()):
        badge["give"] = draw(st.sampled_from(_GIFTS))
    return badge


@st.composite
def _allotments(draw: st.DrawFn, shape: Shape) -> Section:
    amount: Any = "50.00"
    if draw(st.booleans()) and shape.tiers:
        amount = {"by_tier": {"base": "10.00 EUR", shape.tiers[-1]: "40.00 EUR"}}
    return {"allot": "fund", "every": draw(st.sampled_from(PERIODS[2:])), "give": {"mdf": amount}}


@st.composite
def _blocks(draw: st.DrawFn, shape: Shape, file: Section) -> Section:
    """Draw what refunds take back, and what the end of a certification does to tier and badges."""
    blocks: Section = {}
    if shape.refunds and any(rule["on"] == "deal.won" for rule in file["earn"]) and draw(st.booleans()):
        caps = any(rule["on"] == "deal.won" and "cap" in rule for rule in file["earn"])
        blocks["deal.refunded"] = draw(_refunds()) | draw(_looks(file))
        if caps and draw(st.booleans()):
            blocks["deal.refunded"]["caps"] = draw(st.sampled_from(("keep", "reverse")))
    if shape.ends and draw(st.booleans()):
        blocks["certification.expired"] = draw(_looks(file))
    return {kind: block for kind, block in blocks.items() if block}


@st.composite
def _looks(draw: st.DrawFn, file: Section) -> Section:
    """Draw what becomes of tier and badges; where nothing came with them, nothing is taken back."""
    block: Section = {}
    tiers, badges = file.get("tiers", {}).get("ladder", []), file.get("badges", [])
    gifts = file.get("allotments") or any("gift" in tier for tier in tiers)
    tier = draw(st.sampled_from(("", "keep_to_period_end", *_LOOKS[: 2 if gifts else 1])))
    if tier:
        block["tier"] = tier
    if badges:
        gifts = any("give" in badge for badge in badges)
        block["badges"] = draw(st.sampled_from(("keep", *_LOOKS[: 2 if gifts else 1])))
    return block


@st.composite
def _refunds(draw: st.DrawFn) -> Section:
    policy: Section = {
        currency: draw(st.sampled_from(("arrears", "keep", "pending_only", "within_balance")))
        for currency in ("points", "mdf", "status")
        if draw(st.booleans())
    }
    if draw(st.integers(0, 3)) == 3:
        policy["within"] = draw(durations())
    return policy


def _drop_idle_caps(file: Section) -> None:
    """A campaign caps only what its rules give."""
    for name, campaign in file.get("campaigns", {}).items():
        members = [rule for rule in file["earn"] if rule.get("campaign") == name]
        if not any("points" in given for rule in members for given in rule["give"].values()):
            campaign.pop("cap", None)


def _count_where_nothing_is_given(file: Section) -> None:
    """What no rule gives can be neither earned nor held; such metrics count deals instead."""
    for metric in file["metrics"].values():
        currency, layer = metric.get("earned") or metric.get("balance"), metric.get("holder", "partner")
        if currency and not any(currency in rule["give"].get(layer, {}) for rule in file["earn"]):
            unit = metric.pop("balance", metric.pop("earned", ""))
            counted = {"sum": "event.amount", "of": "deal.won"} if unit == "mdf" else {"count": "deal.won"}
            metric.update({**counted, "window": "lifetime"})
