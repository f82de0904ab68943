"""What refunds take back, the laws that a programme is exempt from, and its examples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from loyalty.core.holders import Holder
from loyalty.errors import EventRejected
from loyalty.programme.admission import read_event
from loyalty.programme.building.draft import Draft
from loyalty.programme.model import (
    BadgesOnRefund,
    CapsOnRefund,
    EventKind,
    Example,
    Expected,
    FieldType,
    Given,
    Programme,
    RefundPolicy,
    Role,
    TierOnRefund,
)
from loyalty.programme.nodes import Scalar
from loyalty.programme.notes import did_you_mean
from loyalty.programme.revisions import kind_of, revisions_of
from loyalty.programme.sections import Item, Section
from loyalty.rules.declaration import Campaign, Rule

#: Whom an example speaks of where it names nobody.
DEFAULT_PARTNER = "p1"

_ACCOUNTS = ("available", "pending", "arrears", "held")
_BUILT_IN = ("void", "tier.override")


def build_refunds(
    draft: Draft, rules: Sequence[Rule] | None, campaigns: Mapping[str, Campaign]
) -> dict[str, RefundPolicy]:
    """
    Read the policy of each refunding kind, and of ending kinds that have one; a refund without one has the defaults.

    Args:
        rules: All rules, or None where not all of them could be read.
    """
    policies = {
        kind.name: RefundPolicy(kind=kind.name, clawback={}, place=kind.place)
        for kind in draft.kinds.values()
        if kind.role is Role.REFUNDS
    }
    for key, section in draft.root.get("refunds") or ():
        kind = draft.kind(key)
        if kind is None or section is None:
            continue
        if kind.name in draft.unrelated:
            continue
        if kind.role not in (Role.REFUNDS, Role.ENDS):
            refunding = list(policies)
            draft.notes.add(
                "not-a-refund", key, f"events of {kind.name} refund nothing",
                did_you_mean(key.text, refunding, "refunding kinds") if refunding
                else f"declare a kind with `refunds: {kind.name}`",
            )  # fmt: skip
            continue
        if kind.role is Role.ENDS:
            _note_beyond_standing(section, kind, draft)
        elif rules is not None:
            _note_nothing_to_refund(key, section, kind, rules, campaigns, draft)
        _note_nothing_to_look_at(section, draft)
        clawback = {}
        for name, item in section.others.items() if kind.role is Role.REFUNDS else ():
            if draft.currency(section.names[name]) is not None and item is not None:
                clawback[name] = item.value
        policies[kind.name] = RefundPolicy(
            kind=kind.name,
            clawback=clawback,
            tier=section.value("tier", TierOnRefund.KEEP_TO_PERIOD_END),
            badges=section.value("badges", BadgesOnRefund.KEEP),
            caps=section.value("caps", CapsOnRefund.REVERSE),
            within=section.value("within"),
            place=key.place,
        )
    return policies


def _note_beyond_standing(section: Section, kind: EventKind, draft: Draft) -> None:
    """Note what the block of an ending kind says of awards, which each rule decides for itself."""
    for name in [*section.others, *(name for name in ("caps", "within") if section.has(name))]:
        draft.notes.add(
            "not-a-refund", section.names[name],
            f"events of {kind.name} end and refund nothing; what becomes of an award is its rule's `on_end`",
            "leave it out, and write `on_end: reverse` in the rules whose awards are taken back",
        )  # fmt: skip


def _note_nothing_to_refund(
    key: Scalar,
    section: Section,
    kind: EventKind,
    rules: Sequence[Rule],
    campaigns: Mapping[str, Campaign],
    draft: Draft,
) -> None:
    """Note a policy of what no rule gives, or of caps that no rule has."""
    earning = [rule for rule in rules if rule.on == kind.origin_kind]
    if not earning:
        draft.notes.add(
            "nothing-to-refund", key, f"no rule earns on {kind.origin_kind}, so that there is nothing to take back",
            "remove the policy, or add the rule",
        )  # fmt: skip
        return
    caps = [cap for rule in earning for cap in rule.caps]
    caps += [cap for rule in earning if rule.campaign in campaigns for cap in campaigns[str(rule.campaign)].caps]
    whole = not any(rule.campaign and rule.campaign not in campaigns for rule in earning)
    if section.value("caps") is CapsOnRefund.KEEP and whole and all(cap.per_event for cap in caps):
        draft.notes.add(
            "no-effect", section.at("caps"), f"no rule on {kind.origin_kind} has a cap whose headroom could be kept",
            "leave `caps` out, or add a cap",
        )  # fmt: skip


def _note_nothing_to_look_at(section: Section, draft: Draft) -> None:
    """Note a policy that has nothing to revoke or to take back."""
    badges: list[Section] = draft.root.get("badges") or []
    policy = section.value("badges", BadgesOnRefund.KEEP)
    if policy is not BadgesOnRefund.KEEP and draft.all_read("badges", naming="badge"):
        if not badges:
            draft.notes.add(
                "no-effect", section.at("badges"), "no badge is declared that could be revoked",
                "leave `badges` out, or declare a badge",
            )  # fmt: skip
        elif policy is BadgesOnRefund.RE_EVALUATE_AND_TAKE_BACK and not any(badge.has("give") for badge in badges):
            draft.notes.add(
                "no-effect", section.at("badges"), "nothing comes with the badges that could be taken back",
                "write `re_evaluate`, or `give` something with a badge",
            )  # fmt: skip
    tiers: Section | None = draft.root.get("tiers")
    ladder: list[Section] = (tiers.get("ladder") if tiers is not None else None) or []
    takes_back = section.value("tier") is TierOnRefund.RE_EVALUATE_AND_TAKE_BACK
    all_read = draft.all_read("tiers", "ladder", naming="tier") and draft.all_read("allotments", naming="allot")
    if takes_back and all_read and not draft.root.get("allotments") and not any(tier.has("gift") for tier in ladder):
        draft.notes.add(
            "no-effect", section.at("tier"), "no tier has a gift, and nothing is allotted, that could be taken back",
            "write `re_evaluate`, or give a tier a `gift`",
        )  # fmt: skip


def build_fairness(draft: Draft) -> dict[str, str]:
    """Read the laws opted out of, with the reasons."""
    exempt = {}
    for key, section in draft.root.get("fairness") or ():
        reason: Item[str] | None = section.get("except") if section is not None else None
        if reason is not None and not reason.value.strip():
            draft.notes.add("missing-value", reason.node, "an exemption needs a reason", "say why in a sentence")
        elif reason is not None:
            exempt[key.text] = reason.value.strip()
    return exempt


def build_examples(draft: Draft, programme: Programme) -> tuple[Example, ...]:
    """Read the examples; their events must be ones that the programme takes."""
    examples = []
    for number, section in enumerate(draft.root.get("examples") or (), start=1):
        given = [
            _redeemed(item, draft) if item.has("redeem") else _given(item, index, draft, programme)
            for index, item in enumerate(section.get("given") or (), start=1)
        ]
        expected = [_expected(item, draft) for item in section.get("expect") or ()]
        examples.append(
            Example(
                name=section.value("name", f"example {number}"),
                given=tuple(part for part in given if part is not None),
                expect=tuple(part for part in expected if part is not None),
                place=section.node.place,
            )
        )
    return tuple(examples)


def _given(section: Section, index: int, draft: Draft, programme: Programme) -> Given | None:
    on: Item[str] | None = section.get("on")
    if on is None or section.get("at") is None:
        return None
    if on.value not in _BUILT_IN and draft.kind_ever(on.node) is None:
        return None
    raw: dict[str, Any] = {"id": f"e{index}", "partner": DEFAULT_PARTNER, "on": on.value}
    raw.update({name: section.value(name) for name in section.values if name != "on"})
    kind = draft.kinds.get(on.value) or kind_of(programme, on.value)
    for name, item in section.others.items():
        spec = kind.fields.get(name) if kind is not None else None
        if item is None:
            return None
        is_text = spec is None or spec.type in (FieldType.TEXT, FieldType.ONE_OF)
        raw[name] = item.value if is_text else item.node.plain
    try:
        read_event(programme, raw)
    except EventRejected as error:
        for reason in error.reasons:
            if _told_elsewhere(reason, section, kind, draft):
                continue
            why, _, fix = reason.partition("; ")
            draft.notes.add("bad-event", _place_of(reason, section), why, fix, got=_got(reason, section))
        return None
    return Given(raw=raw, place=section.node.place)


def _told_elsewhere(reason: str, section: Section, kind: EventKind | None, draft: Draft) -> bool:
    """Whether a reason comes of what could not be read of the event's kind, or of the event itself."""
    name = reason.split(":", 1)[0]
    if section.has_strays and name not in section.names:
        return True
    if kind is None:
        return name == "tier" and not draft.all_read("tiers", "ladder", naming="tier")
    return (name == "of" and kind.name in draft.unrelated) or (
        name in section.others and draft.is_unread(kind.name, name)
    )


def _place_of(reason: str, section: Section) -> Any:
    """Point at the field that a reason speaks of; reasons begin with its name."""
    name = reason.split(":", 1)[0]
    return section.names.get(name, section.node)


def _got(reason: str, section: Section) -> str:
    name = reason.split(":", 1)[0]
    node = section.node.by_name.get(name)
    return f"{name}: {node.text}" if isinstance(node, Scalar) else f"an event of kind {section.value('on')}"


def _redeemed(section: Section, draft: Draft) -> Given | None:
    amounts: dict[str, int] = {}
    for key, item in section.get("redeem") or ():
        currency = draft.currency_ever(key)
        amount = draft.amount(item, currency) if currency is not None and item is not None else None
        if currency is None or amount is None:
            return None
        if not currency.spendable:
            draft.notes.add("not-spendable", key, f"{key.text} is only measured", "redeem a spendable currency")
        if amount <= 0:
            draft.notes.add("out-of-range", item.node, "what is redeemed is above 0", "write an amount above 0")
        amounts[key.text] = amount
    at = _instant(section.get("at"), draft)
    if not amounts or at is None:
        return None
    raw: dict[str, Any] = {"redeem": amounts, "at": at}
    for name in ("partner", "person"):
        if section.get(name) is not None:
            raw[name] = section.value(name)
    if "person" not in raw:
        raw.setdefault("partner", DEFAULT_PARTNER)
    return Given(raw=raw, place=section.node.place)


def _instant(item: Item[str] | None, draft: Draft) -> str | None:
    if item is None or draft.calendar is None:
        return None
    try:
        draft.calendar.parse_instant_us(item.value)
    except ValueError as error:
        why, _, fix = str(error).partition("; ")
        draft.notes.add("bad-value", item.node, why, fix)
        return None
    return item.value


def _expected(section: Section, draft: Draft) -> Expected | None:
    day: int | None = section.value("at")
    balances: dict[tuple[str, str], int] = {}
    for name, read in section.others.items():
        currency = draft.currency_ever(section.names[name])
        if currency is None or read is None:
            continue
        parts = {"available": read} if isinstance(read, Item) else {a: read.get(a) for a in _ACCOUNTS if read.has(a)}
        for account, item in parts.items():
            amount = draft.amount(item, currency) if item is not None else None
            if amount is not None:
                balances[name, account] = amount
    tier: Item[str] | None = section.get("tier")
    if tier is not None:
        draft.tier_ever(tier.node)
    badges = [item.value for item in section.get("badges") or ()]
    names = [badge.value("badge") for badge in draft.root.get("badges") or () if badge.get("badge") is not None]
    earlier = revisions_of(draft.before) if draft.before is not None else ()
    names += [badge.name for one in earlier for badge in one.badges]
    for item in section.get("badges") or ():
        if draft.all_read("badges", naming="badge"):
            draft.known(item.node, names, "unknown-badge", "badges")
    if section.has("person") and section.has("partner"):
        draft.notes.add(
            "conflicting-keys", section.names["person"], "an expectation is of one holder", "keep one of them"
        )
    if day is None:
        return None
    holder = (
        Holder.person(section.value("person"))
        if section.get("person") is not None
        else Holder.partner(section.value("partner", DEFAULT_PARTNER))
    )
    return Expected(
        holder=str(holder),
        day=day,
        balances=balances,
        tier=tier.value if tier is not None else None,
        badges=tuple(badges),
        place=section.node.place,
    )
