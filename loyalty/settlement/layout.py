"""
Where everything of one layer stands: indexes of wallets, bucket tables, metrics, keys and parameters.

The layout is made once for a programme and a layer. The generated step, the encoder of events and the state are all
read off it, so that they cannot disagree.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from attrs import Factory, define, evolve, field, frozen

from loyalty.core.calendar import NEVER, Period
from loyalty.core.events import FieldValue
from loyalty.core.holders import Layer
from loyalty.programme.model import BadgesOnRefund, EventKind, Expiry, Programme, Role, TierOnRefund
from loyalty.programme.revisions import currencies_of, revisions_of, tiers_of
from loyalty.rules.declaration import ByField, Cap, Grandfather, KeyPart, OnEnd, Pending, Rule, Subject
from loyalty.settlement.grandfathering import paying_versions
from loyalty.settlement.merging import aligned, lower_tiers, same_declaration, stand_ins, united
from loyalty.settlement.trace import rule_names
from loyalty.tiers.declaration import Measure, Metric, WindowKind

#: The clock's and the commands' reasons, which stand beside the rules' names in postings.
EXPIRY, ACTIVATION, REVIEW, GRACE, OVERRIDE, PROMOTION = (
    "@expiry", "@activation", "@review", "@grace", "@override", "@promotion",
)  # fmt: skip
REDEEM, HOLD, CAPTURE, RELEASE, REVERSE, ADJUST, OPEN, TRANSFER, CLOSE = (
    "@redeem", "@hold", "@capture", "@release", "@reverse", "@adjust", "@open", "@transfer", "@close",
)  # fmt: skip
REVISION = "@revision"
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
        """List the rules, currencies, tiers and badges of all revisions, each name once, in their declared order."""
        revisions = revisions_of(programme)
        badges = [badge.name for one in revisions for badge in one.badges]
        labels = tuple(
            dict.fromkeys(
                (
                    *(rule.name for one in revisions for rule in one.rules),
                    *_OWN_LABELS,
                    *(f"@badge.{name}" for name in badges),
                    *(f"@allotment.{allotment.name}" for one in revisions for allotment in one.allotments),
                    *(f"@tier.{tier.name}" for one in revisions for tier in one.ladder.tiers if tier.gift),
                    *((REVISION,) if programme.earlier else ()),
                )
            )
        )
        currencies = sorted(currencies_of(programme))
        tiers = [f"tier.{name}" for name in tiers_of(programme)]
        return cls(
            labels,
            (*currencies, *tiers, *dict.fromkeys(f"badge.{name}" for name in badges)),
            {label: code for code, label in enumerate(labels)},
            len(currencies),
            len(currencies) + len(tiers),
        )

    def level(self, tier: str) -> int:
        """Give the level of a tier in the one order of all revisions."""
        return self.assets.index(f"tier.{tier}") - self.tier_asset

    def badge(self, name: str) -> int:
        """Give the number of a badge among those of all revisions."""
        return self.assets.index(f"badge.{name}") - self.badge_asset


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
        currencies: Those of all revisions, of each of which it is remembered what was paid.
    """

    index: int
    of: str
    number: int
    label: str
    amounts: Mapping[str, int]
    currencies: tuple[str, ...]


@define(eq=False)
class Layout:
    """
    Indexes of one layer; made by :func:`layout_of`.

    A programme with several revisions has a view for each beside the whole: the same indexes, with the revision's
    own rules and declarations. With one revision the whole is its only view.

    Args:
        programme: What is declared: by all revisions together, or by the view's own.
        rules: For each kind, the rules that events of the revision's days can be paid by.
        own: The names of the metrics that the revision's expressions read, with their indexes.
        counted: The indexes of the metrics that count events of the revision's days.
        begins: The first day of a view; the first view begins with time.
        ends: The first day of the next view, NEVER for the last.
        suffix: Stands behind the names of the functions that each revision has.
        levels: The levels of the view's tiers among those of all revisions.
        currencies: The revision's own currencies, in the order of names.
        places: For each tier of all revisions, its place in the view's ladder or that of the nearest lower one there.
        first_rule: The number of the revision's first rule in traces.
        homes: The view that a rule's expressions, tiers and campaign are of, by the object that the rule is.
        guards: What must hold for a rule besides its conditions, by the object that it is: see ``grandfather``.
    """

    programme: Programme
    layer: Layer
    names: Names
    rules: dict[str, list[Rule]]
    metrics: list[Metric]
    own: dict[str, int] = Factory(dict)
    counted: frozenset[int] = frozenset()
    begins: int = 0
    ends: int = NEVER
    suffix: str = ""
    levels: tuple[int, ...] = ()
    places: tuple[int, ...] = ()
    currencies: tuple[str, ...] = ()
    first_rule: int = 0
    views: list[Layout] = Factory(list)
    homes: dict[int, Layout] = Factory(dict)
    guards: dict[int, str] = Factory(dict)
    tracked_kinds: set[str] = Factory(set)
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
    #: Those of tiers always, those of badges where a refund can revoke a badge; then what each is in the revision.
    gifts: list[Gift] = Factory(list)
    own_gifts: list[Gift] = Factory(list)
    #: By kind, what is read of fields that some revision of the kind does not have.
    stand_ins: dict[str, dict[str, FieldValue]] = Factory(dict)
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

    def home(self, rule: Rule) -> Layout:
        """Give the view of the revision that declares the rule as it is."""
        return self.homes.get(id(rule), self)

    def rule_number(self, rule: Rule) -> int:
        """Give the number under which records of why name the rule, behind those of earlier revisions."""
        home = self.home(rule)
        return home.first_rule + rule_names(home.programme).index(rule.name)

    def currency_number(self, currency: str) -> int:
        """Give the number under which records of why name the currency, among those of all revisions."""
        return self.currency[currency]

    def tag(self, rule: Rule) -> str:
        """Give what tells the local variables of the rule from those of others, and of its other versions."""
        return f"{self.code(rule)}{self.home(rule).suffix}"

    def local(self, index: int) -> str:
        """Give the local variable that a metric is read into."""
        name, _, number = self.metrics[index].name.partition("@")
        return f"metric{number}_{name}"

    def tier(self, source: str) -> str:
        """Give the source of the place in this ladder of a tier among those of all revisions."""
        return source if _counts_up(self.places) else f"{self.places}[{source}]"

    @property
    def reads_origin(self) -> bool:
        """Whether the first event of the chain that an event belongs to says under which revision a rule pays."""
        rules = (rule for view in self.views for rule in view.programme.rules)
        return len(self.views) > 1 and any(rule.grandfather is Grandfather.ORIGIN for rule in rules)

    @property
    def allotments(self) -> list[str]:
        """The names of the allotments of all revisions, each once."""
        return list(dict.fromkeys(allotment.name for view in self.views for allotment in view.programme.allotments))

    @property
    def tier_before(self) -> str:
        """The source of the partner's tier before the event's instant, among those of all revisions."""
        return "s.before" if self.layer is Layer.PARTNER else "e.tier"

    @property
    def is_whole_ladder(self) -> bool:
        """Whether the revision has all tiers that any has."""
        return _counts_up(self.levels) and len(self.levels) == len(self.places)

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
        caps = _named(rule.caps, "cap", rule.name)
        if rule.campaign:
            shared = self.home(rule).programme.campaigns[rule.campaign].caps
            caps += _named(shared, "campaign", rule.campaign)
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
        return kind in self.tracked_kinds

    def scalars(self) -> dict[str, int]:
        """Give the scalars that this layer adds to a holder's, with what they are before the first event."""
        changes = len(self.views) > 1 and self.layer is Layer.PARTNER
        return {
            **({"next_revision": NEVER, "closed": 0} if changes else {}),
            **{f"t{i}": 0 for i in range(len(self.metrics))},
            **{f"q{i}": -1 for i in range(len(self.metrics))},
            **{f"b{i}": 0 for i in range(len(self.names.assets) - self.names.badge_asset)},
            **{f"n{i}": NEVER for i in range(len(self.allotments))},
            **{f"c{key.index}_{column}": 0 for key in self.keys if not key.parts for column in "ab"},
            **self._gift_scalars(),
        }

    def _gift_scalars(self) -> dict[str, int]:
        """Give what is remembered of gifts and allotments: the day of each or -1, and amounts with their lots."""
        found: dict[str, int] = {"closed": 0} if self.tier_gifts else {}
        for gift in self.gifts:
            found[f"gift{gift.index}"] = -1
            for currency in gift.currencies:
                c = self.currency[currency]
                found |= {f"gift{gift.index}_{c}": 0, f"gift{gift.index}_{c}_lot": 0}
        for i in range(len(self.allotments) if self.takes_back_gifts else 0):
            found |= {f"allotted{i}": 0, f"allotted{i}_day": 0, f"allotted{i}_lot": 0}
        return found

    @property
    def tier_gifts(self) -> list[Gift]:
        """Give the gifts of tiers, the lowest first."""
        return sorted((gift for gift in self.gifts if gift.of == "tier"), key=lambda gift: gift.number)

    def badge_gift(self, number: int) -> Gift | None:
        """Give what can have come with a badge, where a refund can revoke badges."""
        return next((gift for gift in self.gifts if (gift.of, gift.number) == ("badge", number)), None)

    def own_gift(self, gift: Gift) -> Gift | None:
        """Give what a gift is in the revision, or None."""
        return next((own for own in self.own_gifts if own.index == gift.index), None)

    def lot_source(self, currency: str, day: str) -> str:
        """Give the source of the expiry day of what is earned on *day*."""
        declared = self.expiries(currency)
        if not any(declared):
            return "NEVER"
        expires = declared[0]
        if len(declared) == 1 and expires and expires.after.days and expires.at_end_of is None:
            return f"{day} + {self.parameter(f'{currency}: usable days', expires.after.days + 1)}"
        return f"lot_day(m, {self.currency[currency]}, {day})"

    def matures_first(self, c: int, pending: Pending) -> bool:
        """Tell whether what is pending in this way always matures before it can expire."""
        declared = [expires for expires in self.expiries(self.names.assets[c]) if expires]
        if not declared:
            return True
        if pending.duration is None:
            return False
        shortest = min(expires.after.days or 28 * expires.after.months for expires in declared)
        longest = pending.duration.days or 31 * pending.duration.months
        return longest <= shortest

    def expires_in_order(self, currency: str) -> bool:
        """Tell whether what is earned later never expires sooner: no revision has changed the expiry."""
        return len(self.expiries(currency)) == 1

    def expiries(self, currency: str) -> list[Expiry | None]:
        """Give how points of the currency expire: what any revision says, each once."""
        return list(dict.fromkeys(view.programme.currencies[currency].expires for view in self.views))

    def expires(self, currency: str) -> bool:
        """Tell whether points of the currency expire in any revision."""
        return any(self.expiries(currency))

    def part_field(self, kind: str) -> str | None:
        """Give the field of the kind that refunds take parts of, or None."""
        return next((k.part for k in self.kinds_about(kind, Role.REFUNDS) if k.part), None)

    def metrics_of(self, kind: str) -> list[tuple[int, Metric]]:
        """Give the metrics that count events of the kind."""
        return [(i, metric) for i, metric in enumerate(self.metrics) if metric.kind == kind]

    def metrics_counting(self, kind: str) -> list[tuple[int, Metric]]:
        """Give the metrics that count events of the kind on the days of the revision."""
        return [(i, metric) for i, metric in self.metrics_of(kind) if i in self.counted]

    def earned_metrics(self, currency: str) -> list[tuple[int, Metric]]:
        """Give the metrics of what was earned of a currency."""
        return [
            (i, metric)
            for i, metric in enumerate(self.metrics)
            if metric.measure is Measure.EARNED and metric.currency == currency
        ]


def layout_of(programme: Programme, layer: Layer, names: Names) -> Layout:
    """Lay out one layer of the programme."""
    whole = united(programme)
    layout = Layout(whole, layer, names, {}, [], currency={name: index for index, name in enumerate(whole.currencies)})
    parts = aligned(programme)
    if len(parts) == 1:
        layout.views.append(layout)
        layout.levels = layout.places = tuple(range(len(whole.ladder.tiers)))
    else:
        layout.views += [_view(layout, parts, place) for place in range(len(parts))]
        for view, one in zip(layout.views, revisions_of(programme), strict=True):
            view.currencies = tuple(sorted(one.currencies))
        layout.stand_ins = {kind: found for kind in whole.events if (found := stand_ins(programme, kind))}
    _list_rules(layout)
    _list_metrics(layout)
    layout.tracked_kinds.update(kind for kind in whole.events if _leaves_row(layout, kind))
    for view in layout.views:
        for rule in (rule for rules in view.rules.values() for rule in rules if layout.home(rule) is view):
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
    _list_gifts(layout)
    taken_back = {leg.currency for leg in layout.legs if layout.tracked(leg.rule.on)} | _gifts_taken_back(layout)
    for name in whole.currencies:
        # What expired is remembered only where a refund or an end can still ask for it.
        if layout.expires(name) and name in taken_back:
            layout.expired[name] = layout.bucket_count
            layout.bucket_count += 1
    for kind in whole.events:
        fields = _fields_read_again(layout, kind)
        for view in layout.views:
            view.row_fields[kind] = fields | _metrics_read_again(view, kind)
    return layout


def _list_gifts(layout: Layout) -> None:
    """Find the gifts that are remembered, and what refunds and ends can do to them."""
    policies = [policy for view in layout.views for policy in view.programme.refunds.values()]
    partner = layout.layer is Layer.PARTNER
    badges = [badge for badge in layout.programme.badges if badge.layer is layout.layer]
    revokes_badges = bool(badges) and any(policy.badges is not BadgesOnRefund.KEEP for policy in policies)
    takes_back = partner and any(policy.tier is TierOnRefund.RE_EVALUATE_AND_TAKE_BACK for policy in policies)
    names = [("tier", tier.name) for tier in layout.programme.ladder.tiers if partner]
    names += [("badge", badge.name) for badge in badges if revokes_badges]
    for of, name in names:
        declared = [_gift_in(view, of, name) for view in layout.views]
        currencies = tuple(c for c in layout.currency if any(gift.get(c) for gift in declared))
        number = layout.names.level(name) if of == "tier" else layout.names.badge(name)
        gift = Gift(len(layout.gifts), of, number, f"@{of}.{name}", {}, currencies)
        if currencies:
            layout.gifts.append(gift)
        for view, amounts in zip(layout.views, declared, strict=True):
            if any(amounts.values()):
                view.own_gifts.append(evolve(gift, amounts={c: amounts[c] for c in currencies if amounts.get(c)}))
    for one in (layout, *layout.views):
        one.revokes_badges, one.takes_back_gifts = revokes_badges, takes_back


def _gift_in(view: Layout, of: str, name: str) -> Mapping[str, int]:
    """Give what comes with a tier or a badge in a revision."""
    if of == "tier":
        return next((tier.gift for tier in view.programme.ladder.tiers if tier.name == name), {})
    return next((badge.give for badge in view.programme.badges if badge.name == name), {})


def _gifts_taken_back(layout: Layout) -> set[str]:
    """Give the currencies of gifts and allotments that a refund or an end can take back."""
    policies = (policy for view in layout.views for policy in view.programme.refunds.values())
    badges = any(policy.badges is BadgesOnRefund.RE_EVALUATE_AND_TAKE_BACK for policy in policies)
    found: set[str] = set()
    for gift in layout.gifts:
        if badges if gift.of == "badge" else layout.takes_back_gifts:
            found |= set(gift.currencies)
    if layout.takes_back_gifts:
        found |= {a.currency for view in layout.views for a in view.programme.allotments}
    return found


def _view(layout: Layout, parts: tuple[Programme, ...], place: int) -> Layout:
    """Give a revision's view of the whole: it shares all indexes, and has rules and tiers of its own."""
    part = parts[place]
    tiers = part.ladder.tiers
    return evolve(
        layout,
        programme=part,
        rules={},
        own={},
        begins=part.from_day,
        ends=parts[place + 1].from_day if place + 1 < len(parts) else NEVER,
        suffix=f"_{place + 1}",
        levels=tuple(layout.names.level(tier.name) for tier in tiers),
        places=lower_tiers([tier.name for tier in layout.programme.ladder.tiers], tiers),
        first_rule=sum(len(other.rules) for other in parts[:place]),
        guards={},
        own_gifts=[],
        row_fields={},
    )


def _list_rules(layout: Layout) -> None:
    """List for each view, by kind, the rules that can pay in it: its own, and those that are grandfathered."""
    versions: dict[str, list[tuple[Layout, Rule]]] = {}
    for view in layout.views:
        for rule in view.programme.rules:
            versions.setdefault(rule.name, []).append((view, rule))
            layout.homes[id(rule)] = view
        for known in versions.values():
            for rule, guard in paying_versions(known, view, layout.views):
                if rule.give.get(layout.layer):
                    view.rules.setdefault(rule.on, []).append(rule)
                    view.guards.update({id(rule): guard} if guard else {})
        view.rules = _in_order(view.rules)
    if len(layout.views) > 1:
        for rule in (rule for view in layout.views for rule in view.programme.rules if rule.give.get(layout.layer)):
            layout.rules.setdefault(rule.on, []).append(rule)
        layout.rules = _in_order(layout.rules)


def _in_order(rules: dict[str, list[Rule]]) -> dict[str, list[Rule]]:
    return {
        kind: sorted(listed, key=lambda rule: (rule.phase, rule.priority, rule.name)) for kind, listed in rules.items()
    }


def _list_metrics(layout: Layout) -> None:
    """List the metrics of all revisions, each declaration once, and tell which each revision reads and counts."""
    index: dict[str, int] = {}
    last_read: dict[int, int] = {}
    for place, view in enumerate(layout.views):
        for name, metric in sorted(view.programme.metrics.items()):
            if metric.layer is not layout.layer:
                continue
            known = index.setdefault(same_declaration(metric), len(index))
            others = sum(one.name.partition("@")[0] == name for one in layout.metrics)
            if known == len(layout.metrics):
                layout.metrics.append(evolve(metric, name=f"{name}@{others + 1}") if others else metric)
            else:
                # The bounds of a later revision are the wider ones.
                layout.metrics[known] = evolve(metric, name=layout.metrics[known].name)
            view.own[name] = known
            last_read[known] = place
    for place, view in enumerate(layout.views):
        for rule in (rule for rules in view.rules.values() for rule in rules):
            for name in _names_in(rule) & layout.home(rule).own.keys():
                known = layout.home(rule).own[name]
                last_read[known] = max(place, last_read[known])
    for place, view in enumerate(layout.views):
        view.counted = frozenset(known for known, last in last_read.items() if last >= place)


def _leaves_row(layout: Layout, kind: str) -> bool:
    rules = layout.rules.get(kind, [])
    return (
        bool(layout.kinds_about(kind, Role.REFUNDS))
        or (bool(layout.kinds_about(kind, Role.ENDS)) and any(rule.on_end is OnEnd.REVERSE for rule in rules))
        or any(pending.until_kind for rule in rules for pending in rule.pending.values())
    )


def _fields_read_again(layout: Layout, kind: str) -> set[str]:
    """Give the names of the event and the tier that a refund reads again from the original event's row."""
    names: set[str] = set()
    for rule in layout.rules.get(kind, []):
        if rule.of:
            names |= {name for name in rule.of.names if name not in layout.home(rule).own}
        for award in rule.give[layout.layer].values():
            if isinstance(award, ByField):
                names.add(f"event.{award.field}")
        for factors in rule.multiply.values():
            names |= {f"event.{factor.field}" for factor in factors if factor.field}
    for _, metric in layout.metrics_of(kind):
        if metric.of:
            names |= metric.of.names
    return names


def _metrics_read_again(view: Layout, kind: str) -> set[str]:
    """Give the local variables of the metrics that a refund of an event of the view's days reads again."""
    return {
        view.local(view.home(rule).own[name])
        for rule in view.rules.get(kind, [])
        if rule.of
        for name in rule.of.names & view.home(rule).own.keys()
    }


def _names_in(rule: Rule) -> set[str]:
    return {name for expression in (rule.when, rule.of) if expression for name in expression.names}


def _named(caps: Iterable[Cap], *whose: str) -> list[tuple[Cap, tuple[object, ...]]]:
    """Name the tables of caps by what they count, so that the same cap of another revision goes on from there."""
    named: list[tuple[Cap, tuple[object, ...]]] = []
    for cap in caps:
        counts = (*whose, cap.currency, frozenset(cap.per))
        named.append((cap, (*counts, sum(other[:-1] == counts for _, other in named))))
    return named


def _counts_up(levels: tuple[int, ...]) -> bool:
    return levels == tuple(range(len(levels)))
