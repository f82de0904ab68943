"""
The source of one kind of event that earns: conditions, awards, caps, stacking, payment, and what metrics count of it.

Conditions are tested in one fixed order, and the traced variant records the first that fails, or each step of the
award that is paid.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from loyalty.core.calendar import Duration
from loyalty.core.holders import Layer
from loyalty.programme.model import Programme, Role
from loyalty.rules.declaration import Cap, Group, OnEnd, Rule, Take
from loyalty.rules.expressions import Expression, emit
from loyalty.settlement.awards import award_uses_measure, write_award
from loyalty.settlement.layout import Key, Layout
from loyalty.settlement.windows import (
    count_distinct,
    count_now,
    metric_names,
    period_source,
    read_into_locals,
)
from loyalty.settlement.writer import Writer
from loyalty.tiers.declaration import Measure, Metric


class Texts:
    """
    Whole numbers for the texts that expressions compare with, for each kind of event.

    A one_of value has its place in the declared list, a tier's name its level; a text that no expression names has
    none.
    """

    def __init__(self, programme: Programme) -> None:
        tiers = {tier.name: level for level, tier in enumerate(programme.ladder.tiers)}
        self._codes: dict[str, dict[str, dict[str, int]]] = {
            kind.name: {
                "tier.name": tiers,
                **{
                    f"event.{spec.name}": {value: place for place, value in enumerate(spec.values)}
                    for spec in kind.fields.values()
                },
            }
            for kind in programme.events.values()
        }

    def codes(self, kind: str, name: str) -> dict[str, int]:
        """Give the codes of the texts that *name* is compared with in events of *kind*."""
        return self._codes.setdefault(kind, {}).setdefault(name, {})

    def source(self, expression: Expression, kind: str = "", rename: Mapping[str, str] | None = None) -> str:
        """Give the Python source of an expression over events of *kind*."""

        def intern(name: str, text: str) -> int:
            known = self.codes(kind, name)
            return known.setdefault(text, len(known))

        return emit(expression, intern, rename=rename)


def write_earning(w: Writer, layout: Layout, kind: str, texts: Texts) -> None:
    """Write what an event ``e`` of the kind earns and counts, as part of the step."""
    rules = layout.rules.get(kind, [])
    counted = layout.metrics_of(kind)
    with w.hoisting("tier", "s.before" if layout.layer is Layer.PARTNER else "e.tier"):
        read_into_locals(w, layout, metric_names(layout, *(part for r in rules for part in (r.when, r.of))), "day")
        if layout.tracked(kind):
            _write_row(w, layout, kind, rules)
        if not rules and not counted:
            return
        within = f"day >= {layout.parameter('programme starts', layout.programme.first_day)}"
        if layout.programme.last_day is not None:
            within += f" and day <= {layout.parameter('programme ends', layout.programme.last_day)}"
        with w.block(f"if {within}"):
            _write_paying(w, layout, rules, texts)
            for index, metric in counted:
                _write_count(w, layout, kind, index, metric, texts)
        if w.traced:
            with w.block("else"):
                w.trace("outside", "day")


def _write_paying(w: Writer, layout: Layout, rules: list[Rule], texts: Texts) -> None:
    """Write all rules, then what they add up to in wallets, pending and metrics."""
    currencies = sorted({c for rule in rules for c in rule.give[layout.layer]}, key=layout.currency.__getitem__)
    pendings = [
        (index, c, pending)
        for index, (c, pending) in enumerate(layout.pending)
        if any(
            layout.currency[name] == c and waiting == pending
            for rule in rules
            for name, waiting in rule.pending.items()
        )
    ]
    for currency in currencies:
        c = layout.currency[currency]
        w.line(f"earned_{c} = credit_{c} = 0")
        w.line(f"lot_{c} = {layout.lot_source(currency, 'day')}")
    for index, _, pending in pendings:
        w.line(f"wait_{index} = 0")
        if pending.duration and (w.traced or layout.tracked(rules[0].on)):
            w.line(f"matures_{index} = {_maturity(pending.duration)}")
    shared = _shared_measure(layout, rules)
    if shared is not None:
        write_measure(w, layout, shared, texts)
    for unit in _stacked(layout, rules):
        _write_unit(w, layout, unit, texts, measured=shared is not None)
    for index, _, pending in pendings:
        with w.block(f"if wait_{index} > 0"):
            w.line(f"add_bucket(m, {len(layout.currency) + index}, day, wait_{index})")
            if pending.duration:
                w.line(f"matures_{index} = {_maturity(pending.duration)}")
                with w.block(f"if matures_{index} < s.next_due"):
                    w.line(f"s.next_due = matures_{index}")
    for currency in currencies:
        c = layout.currency[currency]
        with w.block(f"if credit_{c} > 0"):
            w.line(f"add_bucket(m, {c}, lot_{c}, credit_{c})")
        metrics = layout.earned_metrics(currency)
        if not metrics and layout.programme.currencies[currency].expires is None:
            continue
        with w.block(f"if earned_{c} > 0"):
            if layout.programme.currencies[currency].expires:
                with w.block(f"if lot_{c} < s.next_due"):
                    w.line(f"s.next_due = lot_{c}")
            for index, metric in metrics:
                count_now(w, layout, index, metric, f"earned_{c}")


def _maturity(length: Duration) -> str:
    return f"day + {length.days}" if length.days else f"add_months(m, day, {length.months})"


def mangle(kind: str) -> str:
    """Give the kind as part of a Python name; kinds that differ stay different."""
    return "".join(c if c.isalnum() else "_" if c == "." else f"_{ord(c):x}_" for c in kind)


def write_measure(w: Writer, layout: Layout, rule: Rule, texts: Texts, rename: Mapping[str, str] | None = None) -> None:
    """Write the measure of the rule into ``of``, where an award of this layer needs it."""
    if rule.of is not None and award_uses_measure(rule, layout):
        w.line(f"of = {texts.source(rule.of, rule.on, rename)}")


def _shared_measure(layout: Layout, rules: list[Rule]) -> Rule | None:
    """Give a rule whose measure is that of all rules that need one, so that it is computed once an event."""
    measured = [rule for rule in rules if award_uses_measure(rule, layout)]
    return measured[0] if measured and len({str(rule.of and rule.of.source) for rule in measured}) == 1 else None


def rule_code(layout: Layout, rule: Rule) -> int:
    """Give the number under which postings and traces name the rule."""
    return layout.names.label_code[rule.name]


def _write_row(w: Writer, layout: Layout, kind: str, rules: list[Rule]) -> None:
    """Record what a refund, an end or a follow-up of this event will need."""
    w.line("row = s.row_count")
    w.line("room(m.rows, row)")
    w.line("s.row_count = row + 1")
    w.line("r = m.rows[row]")
    w.line("r.day = day")
    w.line("r.tier = tier")
    w.line("r.first_leg = s.leg_count")
    w.line("r.end_leg = s.leg_count")
    w.line("r.refunded = 0")
    w.line("r.whole = 0")
    w.line("r.counted = 0")
    w.line("r.previous = -1")
    part = layout.part_field(kind)
    w.line(f"r.part = e.f_{part}" if part else "r.part = 1")
    for attribute in row_attributes(layout, kind):
        w.line(f"r.{attribute} = {attribute if attribute.startswith('metric_') else f'e.{attribute}'}")
    for key in layout.row_keys(kind):
        w.line(f"r.k{key.index} = e.k{key.index}")
    if any(rule.on_end is OnEnd.REVERSE for rule in rules):
        key = chain_key(layout, kind)
        w.line(f"r.previous = {key.at('a')} - 1")
        w.line(f"{key.at('a')} = row + 1")


def row_attributes(layout: Layout, kind: str) -> list[str]:
    """Give the attributes of a row that keep what expressions read of the event."""
    attributes = []
    for name in sorted(layout.row_fields[kind]):
        if name == "event.person":
            attributes.append("has_person")
        elif name.startswith("event."):
            field = name.removeprefix("event.")
            attributes.append(f"f_{field}")
            if not layout.programme.events[kind].fields[field].required:
                attributes.append(f"p_{field}")
        elif not name.startswith("tier."):
            attributes.append(f"metric_{name}")
    return attributes


def _stacked(layout: Layout, rules: list[Rule]) -> list[tuple[Group | None, list[Rule]]]:
    """Put the rules of a group that chooses together, at the place of its first."""
    units: list[tuple[Group | None, list[Rule]]] = []
    for rule in rules:
        group = layout.programme.groups.get(rule.group) if rule.group else None
        if group is None or group.take is Take.ALL:
            units.append((None, [rule]))
            continue
        known = next((members for other, members in units if other is group), None)
        if known is None:
            units.append((group, [rule]))
        else:
            known.append(rule)
    return units


def _write_unit(
    w: Writer, layout: Layout, unit: tuple[Group | None, list[Rule]], texts: Texts, *, measured: bool
) -> None:
    group, rules = unit
    if group is None:
        with _applying(w, layout, rules[0], texts):
            _write_awards(w, layout, rules[0], texts, measured=measured)
            _write_payment(w, layout, rules[0])
        return
    w.line("winner = -1")
    if group.take is Take.BEST:
        w.line("most = -1")
    for place, rule in enumerate(rules):
        with _applying(w, layout, rule, texts):
            _write_awards(w, layout, rule, texts, measured=measured)
            if group.take is Take.FIRST:
                paid = " or ".join(f"{variable} > 0" for variable in _award_names(layout, rule))
                with w.block(f"if winner < 0 and ({paid})"):
                    w.line(f"winner = {place}")
            else:
                by = str(group.by)
                value = _award_name(layout, rule, by) if by in rule.give[layout.layer] else "0"
                with w.block(f"if {value} > most"):
                    w.line(f"most = {value}")
                    w.line(f"winner = {place}")
            w.trace("candidate", rule_code(layout, rule), *_award_names(layout, rule))
    for place, rule in enumerate(rules):
        with w.block(f"if winner == {place}"):
            _write_payment(w, layout, rule)
        if w.traced:
            with w.block(f"elif winner >= 0 and tried_{rule_code(layout, rule)}"):
                w.trace("skip", rule_code(layout, rule), "'outbid'", "winner")


@contextmanager
def _applying(w: Writer, layout: Layout, rule: Rule, texts: Texts) -> Iterator[None]:
    """Write the conditions of the rule around what it does, in their order, each with its reason where it fails."""
    code = rule_code(layout, rule)
    reasons: list[tuple[object, ...]] = []
    if w.traced:
        w.line(f"tried_{code} = False")

    def require(condition: str, *reason: str) -> None:
        reasons.append(reason)
        w.open(f"if {condition}")

    campaign = layout.programme.campaigns[rule.campaign] if rule.campaign else None
    for what, valid in (("'validity'", rule.valid), ("'campaign'", campaign and campaign.valid)):
        if valid and valid.first_day is not None:
            bound = layout.parameter(f"{rule.name}: from", valid.first_day)
            require(f"day >= {bound}", what, bound)
        if valid and valid.last_day is not None:
            bound = layout.parameter(f"{rule.name}: through", valid.last_day)
            require(f"day <= {bound}", what, bound)
    if rule.when is not None:
        require(texts.source(rule.when, rule.on), "'when'")
    if rule.once_per is not None:
        once = layout.key(("once", rule.name), [rule.on], rule.once_per)
        require(f"{once.at('a')} == 0", "'once_per'")
    if rule.cooldown is not None:
        rest = layout.key(("cooldown", rule.name), [rule.on], rule.cooldown.per)
        over = rest.at("a")
        require(f"{'e.instant' if rule.cooldown.length.hours else 'day'} >= {over}", "'cooldown'", over)
    if rule.streak is not None:
        _write_streak(w, layout, rule)
        require(f"complete_{code}", "'streak'", _streak_key(layout, rule).at("b"))
    if w.traced:
        w.line(f"tried_{code} = True")
    yield
    for reason in reversed(reasons):
        w.close()
        if w.traced:
            with w.block("else"):
                w.trace("skip", code, *reason)


def _streak_key(layout: Layout, rule: Rule) -> Key:
    return layout.key(("streak", rule.name), [rule.on], ())


def _write_streak(w: Writer, layout: Layout, rule: Rule) -> None:
    if rule.streak is None:
        return
    code = rule_code(layout, rule)
    period, run = (_streak_key(layout, rule).at(column) for column in "ab")
    now = period_source(layout, rule.streak.every, "day")
    w.line(f"complete_{code} = False")
    with w.block(f"if {period} != {now} + 1"):
        w.line(f"{run} = {run} + 1 if {period} == {now} else 1")
        w.line(f"{period} = {now} + 1")
        length = layout.parameter(f"{rule.name}: streak length", rule.streak.length)
        w.line(f"complete_{code} = {run} {f'% {length} == 0' if rule.streak.repeat else f'== {length}'}")


def _award_name(layout: Layout, rule: Rule, currency: str) -> str:
    return f"a{rule_code(layout, rule)}_{layout.currency[currency]}"


def _award_names(layout: Layout, rule: Rule) -> list[str]:
    return [_award_name(layout, rule, currency) for currency in rule.give[layout.layer]]


def _write_awards(w: Writer, layout: Layout, rule: Rule, texts: Texts, *, measured: bool) -> None:
    code = rule_code(layout, rule)
    if not measured:
        write_measure(w, layout, rule, texts)
    for currency in rule.give[layout.layer]:
        name = _award_name(layout, rule, currency)
        c = layout.currency[currency]
        write_award(w, layout, rule, currency, name, code)
        for place, (cap, key) in enumerate(layout.caps_of(rule, currency)):
            limit = layout.parameter(f"{rule.name}: cap", cap.amount)
            if key is None:
                head = limit
            else:
                head = f"left_{name}_{place}"
                _write_new_period(w, layout, cap, key)
                w.line(f"{head} = {limit} - {key.at('b')}")
            if w.traced:
                w.line(f"before = {name}")
            with w.block(f"if {name} > {head}"):
                # Headroom can be below zero only after a cap was lowered; such a cap gives nothing.
                w.line(f"{name} = {head} if {head} > 0 else 0")
            w.trace("cap", code, c, place, limit, f"{limit} - {head}", "before", name)


def _write_new_period(w: Writer, layout: Layout, cap: Cap, key: Key) -> None:
    """Write how what the cap's key used is forgotten when ``day`` lies in a new period."""
    if cap.period is not None:
        now = period_source(layout, cap.period, "day")
        with w.block(f"if {key.at('a')} != {now}"):
            w.line(f"{key.at('a')} = {now}")
            w.line(f"{key.at('b')} = 0")


def _write_payment(w: Writer, layout: Layout, rule: Rule) -> None:
    code = rule_code(layout, rule)
    names = _award_names(layout, rule)
    for currency, name in zip(rule.give[layout.layer], names, strict=True):
        with w.block(f"if {name} > 0"):
            _write_leg(w, layout, rule, currency, name)
        if w.traced:
            with w.block("else"):
                w.trace("nothing", code, layout.currency[currency])
    marks: list[str] = []
    if rule.once_per is not None:
        once = layout.key(("once", rule.name), [rule.on], rule.once_per)
        marks.append(f"{once.at('a')} = 1")
    if rule.cooldown is not None:
        rest = layout.key(("cooldown", rule.name), [rule.on], rule.cooldown.per)
        length = rule.cooldown.length
        if length.hours:
            after = f"e.instant + {layout.parameter(f'{rule.name}: cooldown us', length.hours * 3_600_000_000)}"
        elif length.months:
            after = f"add_months(m, day, {layout.parameter(f'{rule.name}: cooldown months', length.months)})"
        else:
            after = f"day + {layout.parameter(f'{rule.name}: cooldown days', length.days)}"
        marks.append(f"{rest.at('a')} = {after}")
    if marks:
        with w.block("if " + " or ".join(f"{name} > 0" for name in names)):
            for mark in marks:
                w.line(mark)


def _write_leg(w: Writer, layout: Layout, rule: Rule, currency: str, name: str) -> None:
    """Write the payment of one award: caps used, credit, and the row that a reversal will read."""
    code = rule_code(layout, rule)
    c = layout.currency[currency]
    for _, key in layout.caps_of(rule, currency):
        if key is None:
            continue
        w.line(f"{key.at('b')} += {name}")
    w.line(f"earned_{c} += {name}")
    pending = rule.pending.get(currency)
    bucket, matures = -1, "0"
    if pending is None:
        w.line(f"put(o, ({code}, {c}, ISSUED, AVAILABLE, {name}, lot_{c}, -1))")
        with w.block(f"if m.arrears[{c}] > 0"):
            w.line(f"credit_{c} += repay(m, o, {code}, {c}, {name}, lot_{c}, -1)")
        with w.block("else"):
            w.line(f"credit_{c} += {name}")
    else:
        bucket = layout.pending_bucket(currency, pending)
        index = bucket - len(layout.currency)
        matures = f"matures_{index}" if pending.duration else "NEVER"
        w.line(f"put(o, ({code}, {c}, ISSUED, PENDING, {name}, lot_{c}, -1))")
        w.line(f"wait_{index} += {name}")
    w.trace("paid", code, c, name, "ISSUED", bucket, f"lot_{c}", matures)
    if layout.tracked(rule.on):
        leg = next(leg for leg in layout.legs if leg.rule is rule and leg.currency == currency)
        w.line("room(m.legs, s.leg_count)")
        w.line("g = m.legs[s.leg_count]")
        w.line("s.leg_count += 1")
        w.line("r.end_leg = s.leg_count")
        w.line(f"g.code = {leg.code}")
        w.line(f"g.granted = {name}")
        w.line("g.reversed = 0")
        w.line(f"g.lot = lot_{c}")
        w.line(f"g.bucket = {bucket}")
        w.line(f"g.waiting = {name if pending and pending.until_kind else 0}")
        w.line(f"g.matures = {matures}")


def _write_count(w: Writer, layout: Layout, kind: str, index: int, metric: Metric, texts: Texts) -> None:
    """Write what the metric counts of this event."""
    with w.when(texts.source(metric.when, kind) if metric.when else None):
        if layout.tracked(kind):
            w.line(f"r.counted |= {1 << index}")
        if metric.while_not_ended:
            write_in_force(w, layout, kind, index, metric)
        elif metric.measure is Measure.COUNT:
            count_now(w, layout, index, metric, "1")
        elif metric.measure is Measure.SUM and metric.of:
            w.line(f"amount = {texts.source(metric.of, kind)}")
            count_now(w, layout, index, metric, "amount")
        elif metric.measure is Measure.DISTINCT and metric.by:
            key = layout.key(("distinct", metric.name), [kind], [metric.by])
            count_distinct(w, layout, index, metric, key)


def write_in_force(w: Writer, layout: Layout, kind: str, index: int, metric: Metric) -> None:
    """Write how a certification comes into force for a metric that counts while it is not ended."""
    key = force_key(layout, kind, metric)
    with w.block(f"if {key.at('a')} == 0"):
        w.line(f"{key.at('a')} = 1")
        if metric.measure is Measure.DISTINCT:
            holds = value_key(layout, kind, metric).at("a")
            w.line(f"{holds} += 1")
            with w.block(f"if {holds} == 1"):
                w.line(f"s.t{index} += 1")
        else:
            w.line(f"s.t{index} += 1")


def force_key(layout: Layout, kind: str, metric: Metric) -> Key:
    """Give the key table of what is in force for a metric; all kinds that end the same kind share its key."""
    endings = layout.kinds_about(kind, Role.ENDS)
    return layout.key(("force", metric.name), [kind, *(k.name for k in endings)], endings[0].by)


def value_key(layout: Layout, kind: str, metric: Metric) -> Key:
    """Give the key table that counts, for each value of a metric of what is in force, the keys with that value."""
    endings = layout.kinds_about(kind, Role.ENDS)
    return layout.key(("value", metric.name), [kind, *(k.name for k in endings)], [metric.by] if metric.by else [])


def chain_key(layout: Layout, kind: str) -> Key:
    """Give the key table of the newest row in force of a kind that can end."""
    endings = layout.kinds_about(kind, Role.ENDS)
    return layout.key(("ends", kind), [kind, *(k.name for k in endings)], endings[0].by)
