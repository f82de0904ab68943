"""
Where everything of one layer stands: indexes of wallets, bucket tables, metrics, keys and parameters.

The layout is made once for a programme and a layer. The generated step, the encoder of events and the state are all
read off it, so that they cannot disagree.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from attrs import Factory, define, field, frozen

from loyalty.core.calendar import NEVER, Period
from loyalty.core.events import FieldValue
from loyalty.core.holders import Layer
from loyalty.programme.model import EventKind, Expiry, Programme, Role
from loyalty.programme.revisions import currencies_of, revisions_of, tiers_of
from loyalty.rules.declaration import Cap, Grandfather, KeyPart, Pending, Rule, Subject
from loyalty.settlement.trace import rule_names
from loyalty.tiers.declaration import Measure, Metric

#: The clock's and the commands' reasons, which stand beside the rules' names in postings.
EXPIRY, ACTIVATION, REVIEW, GRACE, OVERRIDE, PROMOTION = (
    "@expiry", "@activation", "@review", "@grace", "@override", "@promotion",
)  # fmt: skip
REDEEM, HOLD, CAPTURE, RELEASE, REVERSE, ADJUST, OPEN, TRANSFER, CLOSE = (
    "@redeem", "@hold", "@capture", "@release", "@reverse", "@adjust", "@open", "@transfer", "@close",
)  # fmt: skip
REVISION = "@revision"
#: Those of every programme; a programme of several revisions has REVISION too.
OWN_LABELS = (
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
                    *OWN_LABELS,
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
    Indexes of one layer; made by :func:`loyalty.settlement.laying_out.layout_of`.

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
    #: Whether every number of the declaration is a parameter, so that source is the same for all; plain Python reads
    #: one that is written out faster.
    numbers_apart: bool = False
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

    def number(self, name: str, value: int) -> str:
        """Give the source of a number of the declaration: itself, or a parameter where numbers stand apart."""
        return f"m.{self.parameter(name, value)}" if self.numbers_apart else str(value)

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


def _named(caps: Iterable[Cap], *whose: str) -> list[tuple[Cap, tuple[object, ...]]]:
    """Name the tables of caps by what they count, so that the same cap of another revision goes on from there."""
    named: list[tuple[Cap, tuple[object, ...]]] = []
    for cap in caps:
        counts = (*whose, cap.currency, frozenset(cap.per))
        named.append((cap, (*counts, sum(other[:-1] == counts for _, other in named))))
    return named


def _counts_up(levels: tuple[int, ...]) -> bool:
    return levels == tuple(range(len(levels)))
