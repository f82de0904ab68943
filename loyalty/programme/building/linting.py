"""Findings that need several parts of the file at once."""

from __future__ import annotations

from attrs import evolve

from loyalty.core.calendar import Duration
from loyalty.programme.building.draft import Draft
from loyalty.programme.building.rules import RuleDraft
from loyalty.programme.building.truth import can_hold
from loyalty.programme.model import Expiry
from loyalty.rules.declaration import Campaign, Group, Rule, Take


def lint(
    draft: Draft, drafts: list[RuleDraft], rules: list[Rule], campaigns: dict[str, Campaign], groups: dict[str, Group]
) -> dict[str, Group]:
    """Note what does not go together; gives the groups, with the currency that `best` compares filled in."""
    if all_rules_known(draft, drafts):
        _campaign_caps(draft, drafts, campaigns)
    _expiry_before_maturity(draft, drafts)
    _unused_rates(draft)
    _never_true(draft, rules)
    return {name: _with_currency(group, draft, drafts) for name, group in groups.items()}


def _unused_rates(draft: Draft) -> None:
    """Note exchange rates into a unit that no field takes; while a field is unread, it might be that one."""
    if any(draft.unread_fields.values()) or not draft.names_read("events"):
        return
    units = {spec.unit for kind in draft.kinds.values() for spec in kind.fields.values() if spec.unit}
    for key, sections in draft.root.get("exchange") or ():
        for section in sections or ():
            rate = section.value("rate")
            if rate is not None and rate[1] not in {*units, key.text}:
                draft.notes.add(
                    "bad-rate",
                    section.at("rate"),
                    f"no field of an event is in {rate[1]}, so that nothing could be converted into it",
                    f"write the rate in {' or '.join(sorted(units))}" if units else "remove the rate",
                )


def all_rules_known(draft: Draft, drafts: list[RuleDraft]) -> bool:
    """Whether all that rules give could be read: if not, nothing can be said about what no rule does."""
    rules_read = draft.all_read("earn") and len(drafts) == len(draft.root.get("earn") or ())
    return rules_read and all(built.gives_all for built in drafts)


def _with_currency(group: Group, draft: Draft, drafts: list[RuleDraft]) -> Group:
    members = [built.rule for built in drafts if built.rule.group == group.name]
    all_known = all_rules_known(draft, drafts) and all(
        built.rule.group in draft.declared["groups"] or not built.section.has("group") for built in drafts
    )
    if group.take is not Take.BEST or not all_known:
        return group
    given = [{name for awards in rule.give.values() for name in awards} for rule in members]
    if group.by is None:
        if given and len(given[0]) == 1 and all(names == given[0] for names in given):
            return evolve(group, by=next(iter(given[0])))
        if given or not members:
            draft.notes.add(
                "missing-key", group.place, "its rules do not all give one and the same currency, so `best` of what?",
                "write {take: best, by: CURRENCY}", got=f"`{group.name}`",
            )  # fmt: skip
        return group
    for rule, names in zip(members, given, strict=True):
        if group.by not in names and names:
            draft.notes.add(
                "not-given", rule.place, f"the group {group.name} compares {group.by}, and the rule does not give it",
                f"give {group.by}, or take the rule out of the group", got=f"rule {rule.name}",
            )  # fmt: skip
    return group


def _campaign_caps(draft: Draft, drafts: list[RuleDraft], campaigns: dict[str, Campaign]) -> None:
    # A rule of which it is not clear to which campaign it belongs may be the one that gives.
    all_known = all(
        built.rule.campaign in campaigns or not (built.section.has("campaign") or built.section.has_strays)
        for built in drafts
    )
    for campaign in campaigns.values():
        members = [built for built in drafts if built.rule.campaign == campaign.name]
        given = {name for built in members for awards in built.rule.give.values() for name in awards}
        for cap in campaign.caps:
            if all_known and cap.currency not in given:
                draft.notes.add(
                    "not-given", cap.place, f"no rule of the campaign gives {cap.currency}, so that nothing is capped",
                    f"add `campaign: {campaign.name}` to the rules that it has", got=f"`{cap.currency}`",
                )  # fmt: skip
            for built in members:
                strange = (part for part in cap.per if isinstance(part, str) and part not in built.kind.fields)
                for part in strange:
                    if not draft.is_unread(built.kind.name, part):
                        draft.notes.add(
                            "unknown-field", cap.place,
                            f"{built.kind.name}, the kind of rule {built.rule.name}, has no field `{part}`",
                            "name a field that all kinds of the campaign's rules have", got=f"event.{part}",
                        )  # fmt: skip


def _expiry_before_maturity(draft: Draft, drafts: list[RuleDraft]) -> None:
    for built in drafts:
        for key, _ in built.section.get("pending") or ():
            pending = built.rule.pending.get(key.text)
            currency = draft.currencies.get(key.text)
            if pending is None or pending.duration is None or currency is None or currency.expires is None:
                continue
            if _longest_days(pending.duration) >= _shortest_days(currency.expires):
                draft.notes.add(
                    "expires-pending", key, f"{key.text} expire after {currency.expires.after} from earning, "
                    f"and would still be pending then, for {pending.duration}",
                    "write a shorter pending time, or a longer expiry",
                )  # fmt: skip


def _never_true(draft: Draft, rules: list[Rule]) -> None:
    for rule in rules:
        if rule.when is not None and not can_hold(rule.when):
            draft.notes.add(
                "never-true", rule.when.place, "the rule can never pay, by the declared bounds",
                "mend the condition, or the fields' `min` and `max`", got=f"`{rule.when.source}`",
            )  # fmt: skip


def _longest_days(length: Duration) -> int:
    return length.days or length.months * 31


def _shortest_days(expiry: Expiry) -> int:
    # The end of a period comes on the same day or later; a month has 28 days or more.
    return expiry.after.days or length_in_days(expiry.after.months)


def length_in_days(months: int) -> int:
    """Give the fewest days that so many months have."""
    return months * 365 // 12 - 2 if months > 1 else 28
