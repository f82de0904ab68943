"""
Random later revisions of generated programmes: numbers, rules, tiers, windows and calendars change, come and go.

:func:`chains` draws programmes of several revisions; :func:`later_revisions` draws one more revision of a programme
that was drawn here or by :mod:`loyalty.testing.programmes`.
"""

from __future__ import annotations

import re
from copy import deepcopy
from typing import Any

from attrs import evolve
from hypothesis import strategies as st

from loyalty.core.calendar import format_day
from loyalty.programme.model import Programme
from loyalty.programme.nodes import Mapping, Node, Sequence
from loyalty.programme.notes import Notes
from loyalty.programme.yaml_reading import read_yaml
from loyalty.testing.currency_texts import currencies, expiries_of
from loyalty.testing.programmes import Section, kinds, loaded, metric_of, programmes, sections, write_yaml
from loyalty.testing.rule_texts import Shape

#: What every revision has alike of a currency.
_KEPT = ("unit", "scale", "spendable")

#: All tiers that any revision has, lowest first.
_TIERS = ("bronze", "silver", "gold", "platinum")

#: Sections of which a revision mostly takes over what still has a meaning.
_TAKEN_OVER = ("tiers", "badges", "campaigns", "groups", "allotments", "refunds", "exchange")

_NAME = re.compile(r"[A-Za-z_][\w.-]*")


def chains(revisions: int = 2) -> st.SearchStrategy[Programme]:
    """Draw programmes of so many revisions; what is drawn is the last of them, and knows those before it."""
    drawn = programmes()
    for _ in range(revisions - 1):
        drawn = drawn.flatmap(later_revisions)
    return drawn


def later_revisions(before: Programme) -> st.SearchStrategy[Programme]:
    """
    Draw one more revision of a generated programme, in force from a day within two years of the one before it.

    Args:
        before: A programme that :func:`loyalty.testing.programmes` or this function drew.
    """
    drawn = _later_files(before).map(lambda file: loaded(write_yaml(file), before))
    return drawn.filter(lambda programme: programme is not None).map(_present)


def _present(programme: Programme | None) -> Programme:
    assert programme is not None
    return programme


@st.composite
def _later_files(draw: st.DrawFn, before: Programme) -> Section:
    node = read_yaml(before.source, Notes(before.source, before.file))
    assert node is not None
    old: Section = _values(node)
    file: Section = {name: deepcopy(old[name]) for name in ("language", "programme", "limits") if name in old}
    day = max(before.from_day, before.first_day) + draw(st.sampled_from((1, 17, 31, 60, 91, 180, 366, 700)))
    file["revision"] = {"from": format_day(day)}
    if draw(st.integers(0, 5)) == 5:
        file["programme"]["ends"] = format_day(day + 200)
    shape = draw(_shapes_after(_shape_of(old)))
    file["currencies"] = draw(_currencies(old["currencies"], shape))
    shape = evolve(shape, expiries=expiries_of(file["currencies"]))
    file["events"] = draw(_events(old["events"], shape))
    shape = evolve(shape, metrics=draw(_metrics(old.get("metrics", {}), shape)))
    new = draw(sections(shape))
    gone = set(_TIERS) - set(shape.tiers)
    gone |= {name for name, metric in old.get("metrics", {}).items() if new["metrics"].get(name) != metric}
    gone |= {name for name in ("deal.paid", "deal.refunded", "certification.expired") if name not in file["events"]}
    for name in _TAKEN_OVER:
        has_meaning = not gone & _names_in(old.get(name)) and (name != "tiers" or _shape_of(old).tiers == shape.tiers)
        if name in old and has_meaning and draw(st.integers(0, 2)) > 0:
            new[name] = deepcopy(old[name])
    new["earn"] = draw(_rules(old["earn"], new, gone))
    file |= new
    return {name: section for name, section in file.items() if section or name == "earn"}


@st.composite
def _shapes_after(draw: st.DrawFn, shape: Shape) -> Shape:
    """Draw what a revision has beside what it had: tiers and kinds come and go."""
    if draw(st.integers(0, 2)) == 2:
        tiers = draw(st.sets(st.sampled_from(_TIERS), max_size=3))
        shape = evolve(shape, tiers=tuple(tier for tier in _TIERS if tier in tiers))
    refunds, paid, ends = (draw(st.integers(0, 7)) == 7 for _ in range(3))
    return evolve(
        shape,
        refunds=shape.refunds != refunds,
        paid=shape.paid != paid,
        ends=shape.ends != ends,
        rich_deal=shape.rich_deal or draw(st.integers(0, 5)) == 5,
        campaigns=("spring",) if draw(st.booleans()) else (),
        groups=("group",) if draw(st.booleans()) else (),
    )


@st.composite
def _currencies(draw: st.DrawFn, old: Section, shape: Shape) -> Section:
    """Draw currencies that keep what a currency keeps for ever; how they expire, return and are owed may change."""
    drawn = draw(currencies(shape.tiers))
    if draw(st.booleans()) and not (set(_TIERS) - set(shape.tiers)) & _names_in(old):
        return deepcopy(old)
    kept = {name: {key: value for key, value in section.items() if key in _KEPT} for name, section in old.items()}
    return {
        name: kept[name] | {key: value for key, value in section.items() if key not in _KEPT}
        for name, section in drawn.items()
    }


@st.composite
def _events(draw: st.DrawFn, old: Section, shape: Shape) -> Section:
    """Draw the kinds of a revision: those of before, those that come, and a field with wider or closer bounds."""
    new = draw(kinds(shape))
    events = {name: deepcopy(old.get(name, section)) for name, section in new.items()}
    for name, spec in new["deal.won"].items():
        if name not in events["deal.won"]:
            # Events of before have no such field.
            events["deal.won"][name] = {**spec, "default": "core"} if name == "product" else spec
    if draw(st.integers(0, 3)) == 3:
        events["deal.won"]["amount"]["max"] = draw(st.sampled_from(("5000.00", "1000000.00", "9000000.00")))
    return events


@st.composite
def _metrics(draw: st.DrawFn, old: Section, shape: Shape) -> Section:
    """Draw which metrics stay, become others of the same name, come or go."""
    metrics: Section = {}
    for name in ("m0", "m1", "m2"):
        fate = draw(st.integers(0, 5))
        if name in old and fate > 0 and _has_meaning(old[name], shape):
            metrics[name] = deepcopy(old[name])
        elif fate == 5 or (name in old and fate == 0):
            metrics[name] = draw(metric_of(shape))
    return metrics


@st.composite
def _rules(draw: st.DrawFn, old: list[Section], new: Section, gone: set[str]) -> list[Section]:
    """Draw which rules stay as they were, which become others of the same name, and which go or come."""
    newer = {rule["rule"]: rule for rule in new["earn"]}
    rules = []
    for rule in old:
        fate = draw(st.sampled_from(("same", "same", "other", "gone")))
        other = newer.pop(rule["rule"], None)
        if fate == "same" and not gone & _names_in(rule):
            kept = {key: part for key, part in rule.items() if key not in ("campaign", "group")}
            kept |= {key: rule[key] for key in ("campaign", "group") if rule.get(key) in new.get(f"{key}s", {})}
            rules.append(deepcopy(kept))
        elif fate != "gone" and other is not None:
            rules.append(other)
    if draw(st.booleans()):
        rules += newer.values()
    rules = rules or new["earn"][:1]
    for rule in rules:
        if draw(st.integers(0, 4)) == 4:
            modes = ("joined", "origin") if rule["on"] == "deal.paid" else ("joined",)
            rule["grandfather"] = draw(st.sampled_from(modes))
    return rules


def _has_meaning(metric: Section, shape: Shape) -> bool:
    return shape.ends or "while" not in metric


def _names_in(value: Any) -> set[str]:
    """Give every name that a part of a file mentions."""
    return set(_NAME.findall(str(value)))


def _shape_of(file: Section) -> Shape:
    """Give the shape of a file that was drawn."""
    events = file["events"]
    return Shape(
        metrics={},
        tiers=tuple(tier["tier"] for tier in file.get("tiers", {}).get("ladder", [])),
        campaigns=tuple(file.get("campaigns", {})),
        groups=tuple(file.get("groups", {})),
        refunds="deal.refunded" in events,
        part="amount" in events.get("deal.refunded", {"amount": {}}),
        paid="deal.paid" in events,
        ends="certification.expired" in events,
        rich_deal="seats" in events["deal.won"],
    )


def _values(node: Node) -> Any:
    """Give a file as the texts that it was written with."""
    if isinstance(node, Mapping):
        return {key.text: _values(value) for key, value in node.entries}
    if isinstance(node, Sequence):
        return [_values(item) for item in node.items]
    return node.text
