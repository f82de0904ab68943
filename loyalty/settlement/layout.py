"""
Where everything of one layer stands: indexes of wallets, bucket tables, metrics, keys and parameters.

The layout is made once for a programme and a layer. The generated step, the encoder of events and the state are all
read off it, so that they cannot disagree.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from attrs import Factory, define, field, frozen

from loyalty.core.calendar import NEVER, Period
from loyalty.core.holders import Layer
from loyalty.programme.model import BadgesOnRefund, EventKind, Programme, Role, TierOnRefund
from loyalty.rules.declaration import ByField, Cap, KeyPart, OnEnd, Pending, Rule, Subject
from loyalty.settlement.trace import currency_names, rule_names
from loyalty.tiers.declaration import Measure, Metric, WindowKind

#: The clock's and the commands' reasons, which stand beside the rules' names in postings.
EXPIRY, ACTIVATION, REVIEW, GRACE, OVERRIDE, PROMOTION = (
    "@expiry", "@activation", "@review", "@grace", "@override", "@promotion",
)  # fmt: skip
REDEEM, HOLD, CAPTURE, RELEASE, REVERSE, ADJUST, OPEN, TRANSFER, CLOSE = (
    "@redeem", "@hold", "@capture", "@release", "@reverse", "@adjust", "@open", "@transfer", "@close",
)  # fmt: skip
_OWN_LABELS = (
    EXPIRY, ACTIVATION, REVIEW, GRACE, OVERRIDE, PROMOTION,
    REDEEM, HOLD, CAPTURE, RELEASE, REVERSE, ADJUST, OPEN, TRANSFER, CLOSE,
)  # fmt: skip

#: Codes of the items of a history that no programme declares: what commands do, and a tier by hand.
OVERRIDE_ITEM, DRAW_ITEM, PAY_IN_ITEM, CARRY_ITEM, GIVE_BACK_ITEM, CLOSE_ITEM = -1, -2, -3, -4, -5, -6


@frozen
class Names:
    """The names behind the whole numbers of the step's output, shared by all layers of a programme."""

    labels: tuple[str, ...]
    assets: tuple[str, ...]
    label_code: dict[str, int] = field(eq=False)
    tier_asset: int
    badge_asset: int

    @classmethod
    def of(cls, programme: Programme) -> Names:
        """List the programme's rules, currencies, tiers and badges in their declared order."""
        labels = (
            *(rule.name for rule in programme.rules),
            *_OWN_LABELS,
            *(f"@badge.{badge.name}" for badge in programme.badges),
            *(f"@allotment.{allotment.name}" for allotment in programme.allotments),
            *(f"@tier.{tier.name}" for tier in programme.ladder.tiers if tier.gift),
        )  # fmt: skip
        tiers = [f"tier.{tier.name}" for tier in programme.ladder.tiers]
        badges = [f"badge.{badge.name}" for badge in programme.badges]
        count = len(programme.currencies)
        return cls(
            labels,
            (*programme.currencies, *tiers, *badges),
            {label: code for code, label in enumerate(labels)},
            count,
            count + len(tiers),
        )


@frozen
class Key:
    """One keyed table of a holder: the parts that make its key; what has none is a pair of the holder's scalars."""

    index: int
    parts: tuple[KeyPart, ...]

    def at(self, column: str) -> str:
        """Give the source that reads column ``a`` or ``b`` at the key of the event or row ``e``."""
        return f"m.keys[{self.index}][e.k{self.index}].{column}" if self.parts else f"s.c{self.index}_{column}"


@frozen
class Leg:
    """One award of a rule: what a reversal must find again."""

    code: int
    rule: Rule
    currency: str


@frozen
class Gift:
    """
    What comes with a tier or a badge, and can be taken back.

    Args:
        of: ``tier`` or ``badge``.
        number: The level of the tier, or the badge's number.
        label: Under which it is paid.
        amounts: Minor units by currency.
    """

    index: int
    of: str
    number: int
    label: str
    amounts: dict[str, int]


@define
class Layout:
    """Indexes of one layer; made by :func:`layout_of`."""

    programme: Programme
    layer: Layer
    names: Names
    rules: dict[str, list[Rule]]
    metrics: list[Metric]
    currency: dict[str, int] = Factory(dict)
    pending: list[tuple[int, Pending]] = Factory(list)
    bucket_count: int = 0
    trailing: dict[str, int] = Factory(dict)
    expired: dict[str, int] = Factory(dict)
    keys: list[Key] = Factory(list)
    keys_of_kind: dict[str, list[Key]] = Factory(dict)
    legs: list[Leg] = Factory(list)
    parameters: list[int] = Factory(list)
    legend: list[str] = Factory(list)
    row_fields: dict[str, set[str]] = Factory(dict)
    #: Those of tiers always, those of badges where a refund can revoke a badge.
    gifts: list[Gift] = Factory(list)
    revokes_badges: bool = False
    takes_back_gifts: bool = False
    _named_keys: dict[object, Key] = Factory(dict)

    def kind_code(self, kind: str) -> int:
        """Give the number of a kind of event, by which the step tells kinds apart."""
        return list(self.programme.events).index(kind)

    def label(self, name: str) -> int:
        """Give the number of a label that stands beside the rules' names."""
        return self.names.label_code[name]

    def code(self, rule: Rule) -> int:
        """Give the number under which postings name the rule."""
        return self.label(rule.name)

    def rule_number(self, rule: Rule) -> int:
        """Give the number under which records of why name the rule."""
        return rule_names(self.programme).index(rule.name)

    def currency_number(self, currency: str) -> int:
        """Give the number under which records of why name the currency."""
        return currency_names(self.programme).index(currency)

    def parameter(self, name: str, value: int) -> str:
        """Add a number of the declaration to the parameter vector, and give the source that reads it."""
        self.parameters.append(value)
        self.legend.append(name)
        return f"p[{len(self.parameters) - 1}]"

    def key(self, name: object, kinds: Iterable[str], parts: Iterable[KeyPart]) -> Key:
        """Give the key table of this name, made at its first use; its slot is encoded for events of *kinds*."""
        found = self._named_keys.get(name)
        own = Subject.PARTNER if self.layer is Layer.PARTNER else Subject.PERSON
        if found is None:
            found = Key(len(self.keys), tuple(part for part in parts if part is not own))
            self.keys.append(found)
            self._named_keys[name] = found
        for kind in kinds:
            listed = self.keys_of_kind.setdefault(kind, [])
            if found.parts and found not in listed:
                listed.append(found)
        return found

    def caps_of(self, rule: Rule, currency: str) -> Iterator[tuple[Cap, Key | None]]:
        """
        Give the caps that bound the rule's awards of a currency, each with its key table; None for a cap per event.

        The period is kept in the table's row, so it is no part of the key.
        """
        caps: list[tuple[Cap, object]] = [(cap, ("cap", rule.name, i)) for i, cap in enumerate(rule.caps)]
        if rule.campaign:
            shared = self.programme.campaigns[rule.campaign].caps
            caps += [(cap, ("campaign", rule.campaign, i)) for i, cap in enumerate(shared)]
        for cap, name in caps:
            if cap.currency == currency:
                parts = [part for part in cap.per if not isinstance(part, Period)]
                yield cap, None if cap.per_event else self.key(name, [rule.on], parts)

    def row_keys(self, kind: str) -> list[Key]:
        """Give the keys whose slots a reversal needs again: those of the caps on awards of the kind."""
        keys: list[Key] = []
        for rule in self.rules.get(kind, []):
            for currency in rule.give[self.layer]:
                keys += [key for _, key in self.caps_of(rule, currency) if key and key.parts and key not in keys]
        return keys

    def pending_bucket(self, currency: str, pending: Pending) -> int:
        """Give the bucket table of what is pending in this way, by the day of earning."""
        entry = (self.currency[currency], pending)
        return len(self.currency) + self.pending.index(entry)

    def kinds_about(self, kind: str, role: Role) -> list[EventKind]:
        """Give the kinds that stand in this role to *kind*."""
        return [k for k in self.programme.events.values() if k.role is role and k.origin_kind == kind]

    def tracked(self, kind: str) -> bool:
        """Tell whether events of the kind leave a row that later events can refer to."""
        rules = self.rules.get(kind, [])
        return (
            bool(self.kinds_about(kind, Role.REFUNDS))
            or (bool(self.kinds_about(kind, Role.ENDS)) and any(rule.on_end is OnEnd.REVERSE for rule in rules))
            or any(pending.until_kind for rule in rules for pending in rule.pending.values())
        )

    def scalars(self) -> dict[str, int]:
        """Give the scalars that this layer adds to a holder's, with what they are before the first event."""
        return {
            **{f"t{i}": 0 for i in range(len(self.metrics))},
            **{f"q{i}": -1 for i in range(len(self.metrics))},
            **{f"b{i}": 0 for i in range(len(self.programme.badges))},
            **{f"n{i}": NEVER for i in range(len(self.programme.allotments))},
            **{f"c{key.index}_{column}": 0 for key in self.keys if not key.parts for column in "ab"},
            **self._gift_scalars(),
        }

    def _gift_scalars(self) -> dict[str, int]:
        """Give what is remembered of gifts and allotments: the day of each or -1, and amounts with their lots."""
        found: dict[str, int] = {"closed": 0} if self.tier_gifts else {}
        for gift in self.gifts:
            found[f"gift{gift.index}"] = -1
            for currency in gift.amounts:
                c = self.currency[currency]
                found |= {f"gift{gift.index}_{c}": 0, f"gift{gift.index}_{c}_lot": 0}
        for i in range(len(self.programme.allotments) if self.takes_back_gifts else 0):
            found |= {f"allotted{i}": 0, f"allotted{i}_day": 0, f"allotted{i}_lot": 0}
        return found

    @property
    def tier_gifts(self) -> list[Gift]:
        """Give the gifts of tiers, the lowest first."""
        return sorted((gift for gift in self.gifts if gift.of == "tier"), key=lambda gift: gift.number)

    def badge_gift(self, number: int) -> Gift | None:
        """Give what comes with a badge, where a refund can revoke badges."""
        return next((gift for gift in self.gifts if (gift.of, gift.number) == ("badge", number)), None)

    def lot_source(self, currency: str, day: str) -> str:
        """Give the source of the expiry day of what is earned on *day*."""
        expires = self.programme.currencies[currency].expires
        if expires is None:
            return "NEVER"
        if expires.after.days and expires.at_end_of is None:
            return f"{day} + {self.parameter(f'{currency}: usable days', expires.after.days + 1)}"
        return f"lot_day(m, {self.currency[currency]}, {day})"

    def matures_first(self, c: int, pending: Pending) -> bool:
        """Tell whether what is pending in this way always matures before it can expire."""
        expires = self.programme.currencies[self.names.assets[c]].expires
        if expires is None:
            return True
        if pending.duration is None:
            return False
        shortest = expires.after.days or 28 * expires.after.months
        longest = pending.duration.days or 31 * pending.duration.months
        return longest <= shortest

    def part_field(self, kind: str) -> str | None:
        """Give the field of the kind that refunds take parts of, or None."""
        return next((k.part for k in self.kinds_about(kind, Role.REFUNDS) if k.part), None)

    def metrics_of(self, kind: str) -> list[tuple[int, Metric]]:
        """Give the metrics that count events of the kind."""
        return [(i, metric) for i, metric in enumerate(self.metrics) if metric.kind == kind]

    def earned_metrics(self, currency: str) -> list[tuple[int, Metric]]:
        """Give the metrics of what was earned of a currency."""
        return [
            (i, metric)
            for i, metric in enumerate(self.metrics)
            if metric.measure is Measure.EARNED and metric.currency == currency
        ]


def layout_of(programme: Programme, layer: Layer, names: Names) -> Layout:
    """Lay out one layer of the programme."""
    rules: dict[str, list[Rule]] = {}
    for rule in sorted(programme.rules, key=lambda rule: (rule.phase, rule.priority, rule.name)):
        if rule.give.get(layer):
            rules.setdefault(rule.on, []).append(rule)
    layout = Layout(
        programme,
        layer,
        names,
        rules,
        [metric for metric in programme.metrics.values() if metric.layer is layer],
        {name: index for index, name in enumerate(programme.currencies)},
    )
    for kind_rules in rules.values():
        for rule in kind_rules:
            for currency in rule.give[layer]:
                layout.legs.append(Leg(len(layout.legs), rule, currency))
                pending = rule.pending.get(currency)
                if pending and (layout.currency[currency], pending) not in layout.pending:
                    layout.pending.append((layout.currency[currency], pending))
    layout.bucket_count = len(layout.currency) + len(layout.pending)
    for metric in layout.metrics:
        if metric.window.kind is WindowKind.TRAILING:
            layout.trailing[metric.name] = layout.bucket_count
            layout.bucket_count += 1
    _lay_out_gifts(layout)
    taken_back = {leg.currency for leg in layout.legs if layout.tracked(leg.rule.on)} | _gifts_taken_back(layout)
    for name, declared in programme.currencies.items():
        # What expired is remembered only where a refund or an end can still ask for it.
        if declared.expires and name in taken_back:
            layout.expired[name] = layout.bucket_count
            layout.bucket_count += 1
    for kind in programme.events:
        layout.row_fields[kind] = _fields_read_again(layout, kind, rules.get(kind, []))
    return layout


def _lay_out_gifts(layout: Layout) -> None:
    """Find the gifts that are remembered, and what refunds and ends can do to them."""
    programme, partner = layout.programme, layout.layer is Layer.PARTNER
    policies = programme.refunds.values()
    badges = [badge for badge in programme.badges if badge.layer is layout.layer]
    layout.revokes_badges = bool(badges) and any(policy.badges is not BadgesOnRefund.KEEP for policy in policies)
    layout.takes_back_gifts = partner and any(
        policy.tier is TierOnRefund.RE_EVALUATE_AND_TAKE_BACK for policy in policies
    )
    tiers = enumerate(programme.ladder.tiers) if partner else ()
    given = [("tier", number, tier.name, tier.gift) for number, tier in tiers]
    if layout.revokes_badges:
        given += [("badge", programme.badges.index(badge), badge.name, badge.give) for badge in badges]
    for of, number, name, gift in given:
        amounts = {currency: gift[currency] for currency in layout.currency if gift.get(currency)}
        if amounts:
            layout.gifts.append(Gift(len(layout.gifts), of, number, f"@{of}.{name}", amounts))


def _gifts_taken_back(layout: Layout) -> set[str]:
    """Give the currencies of gifts and allotments that a refund or an end can take back."""
    policies = layout.programme.refunds.values()
    badges = any(policy.badges is BadgesOnRefund.RE_EVALUATE_AND_TAKE_BACK for policy in policies)
    found: set[str] = set()
    for gift in layout.gifts:
        if badges if gift.of == "badge" else layout.takes_back_gifts:
            found |= gift.amounts.keys()
    if layout.takes_back_gifts:
        found |= {allotment.currency for allotment in layout.programme.allotments}
    return found


def _fields_read_again(layout: Layout, kind: str, rules: list[Rule]) -> set[str]:
    """Give the names that a refund reads again from the original event's row."""
    names: set[str] = set()
    for rule in rules:
        if rule.of:
            names |= rule.of.names
        for award in rule.give[layout.layer].values():
            if isinstance(award, ByField):
                names.add(f"event.{award.field}")
        for factors in rule.multiply.values():
            names |= {f"event.{factor.field}" for factor in factors if factor.field}
    for _, metric in layout.metrics_of(kind):
        if metric.of:
            names |= metric.of.names
    return names
