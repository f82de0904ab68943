"""The earning rules, their campaigns and groups."""

from __future__ import annotations

from typing import Any

from attrs import evolve, field, mutable

from loyalty.core.holders import Layer
from loyalty.errors import Place
from loyalty.programme.building.awards import AwardReader, Measure
from loyalty.programme.building.bounds import TooLarge, largest_award, largest_of_rule, largest_product
from loyalty.programme.building.draft import Draft
from loyalty.programme.building.frame import build_validity
from loyalty.programme.building.keys import is_given, read_caps, read_cooldown, read_key
from loyalty.programme.building.scopes import (
    Bounds,
    event_symbols,
    foreign_names,
    measured_symbols,
    metric_symbols,
    tier_symbols,
)
from loyalty.programme.building.tables import read_multiplier
from loyalty.programme.model import EventKind, Role
from loyalty.programme.nodes import Mapping
from loyalty.programme.sections import Item, Section
from loyalty.rules.declaration import (
    Award,
    Campaign,
    Grandfather,
    Group,
    Multiplier,
    OnEnd,
    Pending,
    Roundings,
    Rule,
    Streak,
    Take,
)
from loyalty.rules.expressions import BOOL


@mutable
class RuleDraft:
    """
    A rule that is built but for its condition.

    Args:
        gives_all: Whether all that it gives could be read; if not, nothing is said about what it does not give.
        most: For each layer and currency, the most that it can pay at one event.
    """

    rule: Rule
    section: Section
    kind: EventKind
    gives_all: bool
    most: dict[tuple[Layer, str], int] = field(factory=dict)


def build_campaigns(draft: Draft) -> dict[str, Campaign]:
    """Read the campaigns; the fields in their caps' keys are checked with the rules."""
    campaigns = {}
    for key, section in draft.root.get("campaigns") or ():
        if section is not None:
            caps = tuple(cap for part in section.get("cap") or () for cap in read_caps(part, None, draft))
            valid = build_validity(section.get("valid"), draft)
            campaigns[key.text] = Campaign(name=key.text, valid=valid, caps=caps, place=key.place)
    return campaigns


def build_groups(draft: Draft) -> dict[str, Group]:
    """Read the stacking groups."""
    groups = {}
    for key, read in draft.root.get("groups") or ():
        if isinstance(read, Item):
            groups[key.text] = Group(name=key.text, take=read.value, place=key.place)
        elif read is not None and read.get("take") is not None:
            by: Item[str] | None = read.get("by")
            if read.has("by") and (by is None or draft.currency(by.node) is None):
                # What was to be compared is not known, and was reported.
                continue
            if by is not None and read.value("take") is not Take.BEST:
                draft.notes.add(
                    "conflicting-keys", read.names["by"], "only `best` compares a currency", "leave `by` out"
                )
            groups[key.text] = Group(
                name=key.text, take=read.value("take"), by=by.value if by is not None else None, place=key.place
            )
    return groups


def build_rules(draft: Draft) -> list[RuleDraft]:
    """Read the rules but for their conditions, which need the bounds of what all rules together pay."""
    seen: dict[str, Place] = {}
    rules = []
    for section in draft.root.get("earn") or ():
        name: Item[str] | None = section.get("rule")
        if name is not None:
            draft.duplicate(name, seen, "a rule")
        built = _rule(section, draft)
        if built is not None:
            rules.append(built)
    return rules


def finish_rules(drafts: list[RuleDraft], bounds: Bounds | None, draft: Draft) -> list[Rule]:
    """Add the conditions, and sort the rules into the order in which they are looked at."""
    rules = []
    for built in drafts:
        item: Item[str] | None = built.section.get("when")
        rule = built.rule
        # What is grandfathered can be read in later revisions, of which nothing is proven yet.
        proven = None if rule.grandfather else bounds
        if item is not None and not foreign_names(item, draft, rule.give):
            scope = {
                **event_symbols(built.kind),
                **(metric_symbols(draft, rule.give or list(Layer), proven) if len(rule.give) < 2 else {}),
                **tier_symbols(draft),
            }
            rule = evolve(rule, when=draft.expression(item, scope, BOOL, built.kind))
        rules.append(rule)
    return sorted(rules, key=lambda rule: (rule.phase, rule.priority, rule.name))


def _rule(section: Section, draft: Draft) -> RuleDraft | None:
    on: Item[str] | None = section.get("on")
    kind = draft.kind(on.node) if on is not None else None
    if on is None or kind is None:
        return None
    measure = _measure(section, kind, draft)
    give = _give(section, kind, measure, draft)
    named = {key for layer in _layers(section) for key in _given_names(section, layer)}
    gives_all = (
        bool(give) and _all_read(section.get("give")) and named == {name for awards in give.values() for name in awards}
    )
    if not named or not named <= set(draft.declared["currencies"]):
        named.update(draft.declared["currencies"])
    length = section.get("cooldown")
    group, campaign = (_reference(word, section, draft) for word in ("group", "campaign"))
    rule = Rule(
        name=section.value("rule", "?"),
        on=kind.name,
        give=give,
        of=measure[0],
        multiply=_multiply(section, kind, named, draft),
        round=_roundings(section.get("round")),
        caps=tuple(cap for part in section.get("cap") or () for cap in read_caps(part, (kind, named), draft)),
        once_per=read_key(section.get("once_per"), kind, draft, event_allowed=False)
        if section.has("once_per")
        else None,
        cooldown=read_cooldown(length, kind, draft) if length is not None else None,
        valid=build_validity(section.get("valid"), draft),
        campaign=campaign,
        group=group,
        phase=section.value("phase", 0),
        priority=section.value("priority", 0),
        pending=_pending(section, kind, named, draft),
        streak=_streak(section.get("streak")),
        on_end=section.value("on_end", OnEnd.KEEP),
        grandfather=section.value("grandfather"),
        place=section.node.place,
    )
    if (
        rule.on_end is OnEnd.REVERSE
        and not draft.unrelated
        and not any(other.role is Role.ENDS and other.origin_kind == kind.name for other in draft.kinds.values())
    ):
        draft.notes.add(
            "never-ends", section.at("on_end"), f"no kind of event ends {kind.name}",
            "leave `on_end` out, or declare a kind with `ends`",
        )  # fmt: skip
    if (
        rule.grandfather is Grandfather.ORIGIN
        and kind.name not in draft.unrelated
        and kind.role not in (Role.FOLLOWS, Role.REFUNDS)
    ):
        draft.notes.add(
            "no-origin", section.at("grandfather"), f"events of {kind.name} speak of no other",
            "write `grandfather: joined`, or leave it out",
        )  # fmt: skip
    built = RuleDraft(rule, section, kind, gives_all)
    _prove(built, measure[1], draft)
    return built


def _layers(section: Section) -> list[Layer]:
    give: Section | None = section.get("give")
    return [layer for layer in Layer if give is not None and give.has(layer.name.lower())]


def _all_read(give: Section) -> bool:
    """Whether every holder and every currency that a rule gives to could be read."""
    maps = [(give.get(name), node) for name, node in give.node.by_name.items()]
    return not give.has_strays and all(
        isinstance(node, Mapping) and len(read) == len(node.entries) for read, node in maps
    )


def _given_names(section: Section, layer: Layer) -> list[str]:
    return [key.text for key, _ in section.get("give").get(layer.name.lower()) or ()]


def _measure(section: Section, kind: EventKind, draft: Draft) -> tuple[Any, Measure | None]:
    item: Item[str] | None = section.get("of")
    layers = _layers(section)
    if item is None or foreign_names(item, draft, layers or list(Layer)):
        return None, None
    scope = {
        **measured_symbols(kind, draft),
        **(metric_symbols(draft, layers or list(Layer)) if len(layers) < 2 else {}),
        **tier_symbols(draft),
    }
    expression = draft.expression(item, scope, None, kind)
    if expression is None:
        return None, None
    if expression.interval is None:
        draft.notes.add(
            "wrong-result-type", item.node, f"a measure is a number or an amount, and this is a {expression.type}",
            "write for example event.amount",
        )  # fmt: skip
        return None, None
    return expression, Measure.of(expression, draft)


def _give(
    section: Section, kind: EventKind, measure: tuple[Any, Measure | None], draft: Draft
) -> dict[Layer, dict[str, Award]]:
    give: dict[Layer, dict[str, Award]] = {}
    written: Section | None = section.get("give")
    if written is None:
        return give
    if not written.node.entries:
        draft.notes.add(
            "missing-key", written.node, "a rule gives to `partner`, `person` or both",
            "write for example give: {partner: {points: 100}}",
        )  # fmt: skip
    # One finding is enough for a rule that lacks its measure.
    measure_told = section.has("of") or section.has_strays
    for layer in _layers(section):
        awards: dict[str, Award] = {}
        for key, read in written.get(layer.name.lower()) or ():
            currency = draft.currency(key)
            if currency is None or read is None:
                continue
            reader = AwardReader(draft, kind, currency, measure[1], measure_told)
            award = reader.read(read)
            measure_told = reader.measure_told
            if award is not None:
                awards[key.text] = award
        if written.get(layer.name.lower()) == [] and written.at(layer.name.lower()).got == "an empty mapping":
            draft.notes.add("missing-key", written.at(layer.name.lower()), "nothing is given", "name a currency")
        give[layer] = awards
    return give


def _multiply(section: Section, kind: EventKind, named: set[str], draft: Draft) -> dict[str, tuple[Multiplier, ...]]:
    multiply = {}
    for key, reads in section.get("multiply") or ():
        is_given(key, named, draft, "multiplied")
        factors = [read_multiplier(read, kind, draft) for read in reads or ()]
        multiply[key.text] = tuple(factor for factor in factors if factor is not None)
    return multiply


def _roundings(read: Any) -> Roundings:
    if read is None:
        return Roundings()
    if isinstance(read, Item):
        return Roundings(rate=read.value, multiply=read.value)
    defaults = Roundings()
    return Roundings(rate=read.value("rate", defaults.rate), multiply=read.value("multiply", defaults.multiply))


def _pending(section: Section, kind: EventKind, named: set[str], draft: Draft) -> dict[str, Pending]:
    pending = {}
    for key, read in section.get("pending") or ():
        if not is_given(key, named, draft, "pending") or read is None:
            continue
        if isinstance(read, Item):
            pending[key.text] = Pending(duration=read.value)
            continue
        until: Item[str] | None = read.get("until")
        follower = draft.kind(until.node) if until is not None else None
        if until is None or follower is None:
            continue
        if follower.name not in draft.unrelated and (
            follower.role is not Role.FOLLOWS or follower.origin_kind != kind.name
        ):
            draft.notes.add(
                "wrong-follow", until.node, f"events of {follower.name} do not follow {kind.name}",
                f"declare {follower.name} with `follows: {kind.name}`",
            )  # fmt: skip
        pending[key.text] = Pending(until_kind=follower.name)
    return pending


def _streak(section: Section | None) -> Streak | None:
    if section is None or section.get("every") is None or section.get("length") is None:
        return None
    return Streak(
        every=section.value("every"), length=section.value("length"), repeat=bool(section.value("repeat", False))
    )


def _reference(word: str, section: Section, draft: Draft) -> str | None:
    item: Item[str] | None = section.get(word)
    if item is None:
        return None
    draft.known(item.node, draft.declared[word + "s"], f"unknown-{word}", word + "s")
    return item.value


def _prove(built: RuleDraft, measure: Measure | None, draft: Draft) -> None:
    """Find the most that the rule pays at one event, and note what could leave 64 bits."""
    for layer, awards in built.rule.give.items():
        for name, award in awards.items():
            try:
                base = largest_award(award, measure)
                most = largest_product(base, built.rule.multiply.get(name, ()), draft)
            except TooLarge as error:
                draft.notes.add(
                    "possible-overflow", award.place, f"{error}, by the declared bounds",
                    "lower the fields' `max`, or write the rate with smaller numbers",
                    got=f"the award of {name} by rule {built.rule.name}",
                )  # fmt: skip
                continue
            built.most[layer, name] = largest_of_rule(built.rule, name, most)
