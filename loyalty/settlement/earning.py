"""
The source of one kind of event that earns: its rules in order, stacking, and what they add up to.
"""

from __future__ import annotations

from loyalty.rules.declaration import Group, Rule, Take
from loyalty.settlement.awards import award_uses_measure, write_measure
from loyalty.settlement.conditions import applying
from loyalty.settlement.counting import write_count
from loyalty.settlement.layout import Layout
from loyalty.settlement.paying import (
    award_name,
    award_names,
    maturity_source,
    write_awards,
    write_payment,
)
from loyalty.settlement.texts import Texts
from loyalty.settlement.trace import REASON_CODE
from loyalty.settlement.tracking import write_row
from loyalty.settlement.windows import count_now, metric_names, read_into_locals
from loyalty.settlement.writer import Writer


def write_earning(w: Writer, layout: Layout, kind: str, texts: Texts, *, if_done: str = "") -> None:
    """
    Write what an event ``e`` of the kind earns and counts, as part of the step.

    Args:
        if_done: The source of whether it did anything to the event that it speaks of, without which it earns nothing.
    """
    rules = layout.rules.get(kind, [])
    counted = layout.metrics_counting(kind)
    with w.hoisting("tier", layout.tier(layout.tier_before)):
        _read_metrics(w, layout, rules)
        if layout.tracked(kind):
            write_row(w, layout, kind, rules)
        if not rules and not counted:
            return
        within = f"day >= {layout.parameter('programme starts', layout.programme.first_day)}"
        if layout.programme.last_day is not None:
            within += f" and day <= {layout.parameter('programme ends', layout.programme.last_day)}"
        if if_done:
            within = f"{if_done} and {within}"
        with w.block(f"if {within}"):
            _write_paying(w, layout, rules, texts)
            for index, metric in counted:
                write_count(w, layout, kind, index, metric, texts)
        if w.traced:
            with w.block(f"elif {if_done}" if if_done else "else"):
                w.trace("outside", "day")


def _read_metrics(w: Writer, layout: Layout, rules: list[Rule]) -> None:
    """Read the metrics that the rules ask for, as the revision of each declares them."""
    read: set[str] = set()
    for home in dict.fromkeys(layout.home(rule) for rule in rules):
        parts = (part for rule in rules if layout.home(rule) is home for part in (rule.when, rule.of))
        names = {name for name in metric_names(home, *parts) if home.local(home.own[name]) not in read}
        read |= set(read_into_locals(w, home, names, "day").values())


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
            w.line(f"matures_{index} = {maturity_source(layout, pending.duration, 'day')}")
    shared = _shared_measure(layout, rules)
    if shared is not None:
        home = layout.home(shared)
        write_measure(w, home, shared, texts.under(home))
    for unit in _stacked(layout, rules):
        _write_unit(w, layout, unit, texts, measured=shared is not None)
    for index, _, pending in pendings:
        with w.block(f"if wait_{index} > 0"):
            w.line(f"add_bucket(m, {len(layout.currency) + index}, day, wait_{index})")
            if pending.duration:
                w.line(f"matures_{index} = {maturity_source(layout, pending.duration, 'day')}")
                with w.block(f"if matures_{index} < s.next_due"):
                    w.line(f"s.next_due = matures_{index}")
    for currency in currencies:
        c = layout.currency[currency]
        with w.block(f"if credit_{c} > 0"):
            w.line(f"add_bucket(m, {c}, lot_{c}, credit_{c})")
        metrics = layout.earned_metrics(currency)
        if not metrics and not layout.expires(currency):
            continue
        with w.block(f"if earned_{c} > 0"):
            if layout.expires(currency):
                with w.block(f"if lot_{c} < s.next_due"):
                    w.line(f"s.next_due = lot_{c}")
            for index, metric in metrics:
                count_now(w, layout, index, metric, f"earned_{c}")


def _shared_measure(layout: Layout, rules: list[Rule]) -> Rule | None:
    """Give a rule whose measure is that of all rules that need one, so that it is computed once an event."""
    measured = [rule for rule in rules if award_uses_measure(rule, layout)]
    # What two revisions write alike they may mean by other metrics and tiers.
    measures = {(layout.home(rule).suffix, str(rule.of and rule.of.source)) for rule in measured}
    return measured[0] if len(measures) == 1 else None


def _stacked(layout: Layout, rules: list[Rule]) -> list[tuple[Group | None, list[Rule]]]:
    """Put the rules of a group that chooses together, at the place of its first."""
    units: list[tuple[Group | None, list[Rule]]] = []
    for rule in rules:
        group = _group(layout, rule)
        if group is None or group.take is Take.ALL:
            units.append((None, [rule]))
            continue
        known = next((members for other, members in units if other is not None and other.name == group.name), None)
        if known is None:
            units.append((group, [rule]))
        else:
            known.append(rule)
    return units


def _group(layout: Layout, rule: Rule) -> Group | None:
    """Give the rule's group as the revision of the day declares it, or else the rule's own."""
    if rule.group is None:
        return None
    return layout.programme.groups.get(rule.group) or layout.home(rule).programme.groups.get(rule.group)


def _write_unit(
    w: Writer, layout: Layout, unit: tuple[Group | None, list[Rule]], texts: Texts, *, measured: bool
) -> None:
    group, rules = unit
    if group is None:
        with applying(w, layout, rules[0], texts):
            write_awards(w, layout, rules[0], texts, measured=measured)
            write_payment(w, layout, rules[0])
        return
    w.line("winner = -1")
    if group.take is Take.BEST:
        w.line("most = -1")
    for place, rule in enumerate(rules):
        with applying(w, layout, rule, texts):
            write_awards(w, layout, rule, texts, measured=measured)
            if group.take is Take.FIRST:
                paid = " or ".join(f"{variable} > 0" for variable in award_names(layout, rule))
                with w.block(f"if winner < 0 and ({paid})"):
                    w.line(f"winner = {place}")
            else:
                by = str(group.by)
                value = award_name(layout, rule, by) if by in rule.give[layout.layer] else "0"
                with w.block(f"if {value} > most"):
                    w.line(f"most = {value}")
                    w.line(f"winner = {place}")
            w.trace("candidate", layout.rule_number(rule), *award_names(layout, rule))
    for place, rule in enumerate(rules):
        with w.block(f"if winner == {place}"):
            write_payment(w, layout, rule)
        if w.traced:
            with w.block(f"elif winner >= 0 and tried_{layout.tag(rule)}"):
                winner = f"({''.join(f'{layout.rule_number(other)}, ' for other in rules)})[winner]"
                w.trace("skip", layout.rule_number(rule), REASON_CODE["outbid"], winner)
