"""Tiers with their ladder and review, badges, and allotments by tier."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import Any

from attrs import evolve

from loyalty.core.calendar import Duration, Period
from loyalty.core.holders import Layer
from loyalty.errors import Place
from loyalty.gamification.declaration import Badge
from loyalty.mdf.declaration import Allotment
from loyalty.programme.building.draft import Draft
from loyalty.programme.building.scopes import Bounds, foreign_names, metric_symbols
from loyalty.programme.building.truth import can_hold
from loyalty.programme.nodes import Mapping
from loyalty.programme.sections import Item, Section
from loyalty.rules.expressions import BOOL, Expression, Scope
from loyalty.tiers.declaration import Ladder, Landing, Needs, Promote, Review, Tier

_DAYS_OF_PERIOD = {Period.WEEK: 7, Period.MONTH: 28, Period.QUARTER: 90, Period.HALF_YEAR: 181, Period.YEAR: 365}
_MONTHS_OF_PERIOD = {Period.MONTH: 1, Period.QUARTER: 3, Period.HALF_YEAR: 6, Period.YEAR: 12}


def build_tiers(draft: Draft) -> None:
    """Read what rules and totals need of the tiers before the ladder's conditions are known: names, factors, gifts."""
    section: Section | None = draft.root.get("tiers")
    base = section.get("base") if section is not None else None
    draft.tiers["base"] = Tier(
        name="base",
        multiplier=base.value("multiplier", Fraction(1)) if base is not None else Fraction(1),
        needs=None,
        place=base.node.place if base is not None else Place(draft.notes.file),
    )
    seen: dict[str, Place] = {}
    for step in (section.get("ladder") if section is not None else None) or ():
        name: Item[str] | None = step.get("tier")
        if name is not None and not draft.duplicate(name, seen, "a tier"):
            multiplier = step.value("multiplier", Fraction(1))
            draft.tiers[name.value] = Tier(
                name=name.value,
                multiplier=multiplier,
                needs=None,
                gift=fixed_amounts(step, "gift", draft),
                place=step.node.place,
            )
    draft.tier_names = tuple(draft.tiers)


def build_ladder(draft: Draft, bounds: Bounds | None) -> Ladder:
    """Read the ladder's conditions and its review."""
    section: Section | None = draft.root.get("tiers")
    if section is None:
        return Ladder(tiers=tuple(draft.tiers.values()), place=Place(draft.notes.file))
    scope = metric_symbols(draft, [Layer.PARTNER], bounds)
    tiers = [draft.tiers["base"]]
    steps: list[tuple[Section, Tier]] = []
    #: The last tier whose multiplier could be read.
    below = tiers[0] if _multiplier_read(section.get("base"), section.has("base")) else None
    for step in section.get("ladder") or ():
        name: Item[str] | None = step.get("tier")
        needs = _needs(step.get("needs"), scope, Layer.PARTNER, draft)
        if name is None:
            continue
        tier = evolve(draft.tiers[name.value], needs=needs)
        _note_unreachable(needs, f"the tier {name.value}", "unreachable-tier", draft)
        readable = _multiplier_read(step, True)
        if readable and below is not None and tier.multiplier < below.multiplier and not _exempt("monotonicity", draft):
            draft.notes.add(
                "multiplier-falls", step.at("multiplier"),
                f"it is below that of {below.name}, so that a promotion would lower what is earned",
                "raise it, or exempt the programme from `monotonicity` with a reason",
                got=None if step.has("multiplier") else "a multiplier of 1",
            )  # fmt: skip
        below = tier if readable else below
        tiers.append(tier)
        steps.append((step, tier))
    _note_gifts_by_hand(steps, draft)
    promote: Promote = section.value("promote", Promote.AT_ONCE)
    review = _review(section.get("review"), draft)
    if promote is Promote.AT_REVIEW and not section.has("review"):
        draft.notes.add(
            "missing-key", section.at("promote"), "promotion at the review needs a `review`",
            "add for example `review: {every: calendar_year}`",
        )  # fmt: skip
    return Ladder(tiers=tuple(tiers), promote=promote, review=review, place=section.node.place)


def build_badges(draft: Draft, bounds: Bounds | None) -> tuple[Badge, ...]:
    """Read the badges."""
    seen: dict[str, Place] = {}
    badges = []
    for section in draft.root.get("badges") or ():
        if not section.is_clear("holder"):
            continue
        name: Item[str] | None = section.get("badge")
        layer: Layer = section.value("holder", Layer.PARTNER)
        needs = _needs(section.get("needs"), metric_symbols(draft, [layer], bounds), layer, draft)
        give = fixed_amounts(section, "give", draft)
        if name is None or draft.duplicate(name, seen, "a badge") or needs is None:
            continue
        _note_unreachable(needs, f"the badge {name.value}", "unreachable-badge", draft)
        badges.append(Badge(name=name.value, layer=layer, needs=needs, give=give, place=section.node.place))
    return tuple(badges)


def fixed_amounts(section: Section, name: str, draft: Draft) -> dict[str, int]:
    """Read the fixed amounts that come with a badge or a tier."""
    gifts = {}
    for key, item in section.get(name) or ():
        currency = draft.currency(key)
        amount = draft.amount(item, currency) if currency is not None and item is not None else None
        if amount is not None:
            gifts[key.text] = _not_negative(amount, item, draft)
    return gifts


def build_allotments(draft: Draft) -> tuple[Allotment, ...]:
    """Read the fixed amounts by tier."""
    seen: dict[str, Place] = {}
    allotments = []
    for section in draft.root.get("allotments") or ():
        name: Item[str] | None = section.get("allot")
        if name is not None:
            draft.duplicate(name, seen, "an allotment")
        given = section.get("give")
        written = section.at("give")
        if given is not None and isinstance(written, Mapping) and len(written.entries) != 1:
            draft.notes.add(
                "one-currency", section.at("give"), "an allotment is of one currency", "write one for each currency"
            )
            continue
        for key, read in given or ():
            amounts = _amounts(key, read, draft)
            if name is not None and section.get("every") is not None and amounts:
                allotments.append(
                    Allotment(
                        name=name.value,
                        every=section.value("every"),
                        currency=key.text,
                        amounts=amounts,
                        place=section.node.place,
                    )
                )
    return tuple(allotments)


def _amounts(key: Any, read: Item[str] | Section | None, draft: Draft) -> dict[str, int]:
    currency = draft.currency(key)
    if currency is None or read is None:
        return {}
    if isinstance(read, Item):
        amount = draft.amount(read, currency)
        return {} if amount is None else {"base": _not_negative(amount, read, draft)}
    amounts = {}
    for tier_key, item in read.get("by_tier") or ():
        tier = draft.tier(tier_key)
        amount = draft.amount(item, currency) if item is not None else None
        if tier is not None and amount is not None:
            amounts[tier] = _not_negative(amount, item, draft)
    return amounts


def _not_negative(amount: int, item: Item[str], draft: Draft) -> int:
    if amount < 0:
        draft.notes.add("out-of-range", item.node, "what is given is not below 0", "write 0 or more")
    return amount


def _needs(read: Any, scope: Scope, layer: Layer, draft: Draft) -> Needs | None:
    if read is None:
        return None
    if isinstance(read, Item):
        read = [read]
    every = isinstance(read, list) or read.has("all")
    items: Iterable[Any] = read if isinstance(read, list) else read.get("all" if every else "any") or ()
    parts: list[Expression | Needs] = []
    broken = False
    for item in items:
        part = _condition(item, scope, layer, draft) if isinstance(item, Item) else _needs(item, scope, layer, draft)
        broken = broken or part is None
        if part is not None:
            parts.append(part)
    return None if broken or not parts else Needs(every=every, parts=tuple(parts))


def _condition(item: Item[str], scope: Scope, layer: Layer, draft: Draft) -> Expression | None:
    return None if foreign_names(item, draft, [layer]) else draft.expression(item, scope, BOOL)


def _note_unreachable(needs: Needs | None, name: str, code: str, draft: Draft) -> None:
    """Note the condition because of which the needs can never be met; ``false`` says so on purpose."""
    condition = _impossible(needs) if needs is not None else None
    if condition is not None and condition.source.strip() != "false":
        draft.notes.add(
            code, condition.place, f"{name} can never be reached, by the declared bounds",
            "lower the threshold; a tier that is given by hand alone needs `false`",
            got=f"`{condition.source}`", width=len(condition.source),
        )  # fmt: skip


def _note_gifts_by_hand(steps: list[tuple[Section, Tier]], draft: Draft) -> None:
    """Note gifts of tiers that nobody rises to or above, since they are given by hand alone."""
    for step, tier in reversed(steps):
        condition = _impossible(tier.needs) if tier.needs is not None else None
        if condition is None or condition.source.strip() != "false":
            return
        if tier.gift:
            draft.notes.add(
                "no-effect", step.at("gift"), f"nobody rises to {tier.name}, and a tier by hand brings no gift",
                "leave `gift` out, or give the tier needs that can be met", got="a gift",
            )  # fmt: skip


def _impossible(needs: Needs) -> Expression | None:
    """Give the first condition that keeps the needs from ever being met, if there is one."""
    blockers = [
        _impossible(part) if isinstance(part, Needs) else None if can_hold(part) else part for part in needs.parts
    ]
    if not needs.every and not all(blockers):
        return None
    return next((blocker for blocker in blockers if blocker is not None), None)


def _multiplier_read(section: Section | None, written: bool) -> bool:
    """Whether a tier's multiplier is the one that was written, or that none was."""
    return not written if section is None else not section.has("multiplier") or section.get("multiplier") is not None


def _exempt(law: str, draft: Draft) -> bool:
    return any(key.text == law for key, _ in draft.root.get("fairness") or ())


def _review(section: Section | None, draft: Draft) -> Review | None:
    if section is None:
        return None
    every: Period | None = section.value("every", Period.YEAR)
    grace: Duration | None = section.value("grace")
    period = every or Period.YEAR
    if grace is not None and (
        grace.days >= _DAYS_OF_PERIOD[period] or grace.months >= _MONTHS_OF_PERIOD.get(period, 1)
    ):
        draft.notes.add(
            "grace-too-long", section.at("grace"), "the next review comes before the grace is over",
            f"write a grace shorter than a {period.value.replace('_', '-')}",
        )  # fmt: skip
    landing = section.get("landing")
    floors = [section.get("floor"), landing.get("floor") if isinstance(landing, Section) else None]
    named = [item for item in floors if item is not None]
    for item in named:
        draft.tier(item.node)
    if len(named) == 2:
        draft.notes.add("conflicting-keys", named[0].node, "`landing` names the floor already", "keep one of the two")
    return Review(
        every=every,
        grace=grace,
        landing=landing.value if isinstance(landing, Item) else Landing.BY_SCORE,
        floor=named[-1].value if named else None,
        place=section.node.place,
    )
