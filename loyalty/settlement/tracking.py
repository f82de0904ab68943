"""
What an event leaves for later ones: its row, and the keys under which a certification is in force.

A refund, an end or a follow-up reads the row instead of the event, so the row keeps what expressions read of it.
"""

from __future__ import annotations

from loyalty.programme.model import Role
from loyalty.rules.declaration import OnEnd, Rule
from loyalty.settlement.layout import Key, Layout
from loyalty.settlement.writer import Writer
from loyalty.tiers.declaration import Metric


def write_row(w: Writer, layout: Layout, kind: str, rules: list[Rule]) -> None:
    """Record what a refund, an end or a follow-up of this event will need."""
    w.line("row = s.row_count")
    w.line("room(m.rows, row)")
    w.line("s.row_count = row + 1")
    w.line("r = m.rows[row]")
    w.line("r.day = day")
    w.line(f"r.tier = {layout.tier_before}" if len(layout.views) > 1 else "r.tier = tier")
    w.line("r.first_leg = s.leg_count")
    w.line("r.end_leg = s.leg_count")
    w.line("r.refunded = 0")
    w.line("r.whole = 0")
    w.line("r.counted = 0")
    w.line("r.previous = -1")
    part = layout.part_field(kind)
    w.line(f"r.part = e.f_{part}" if part else "r.part = 1")
    for attribute in row_attributes(layout, kind):
        w.line(f"r.{attribute} = {attribute if attribute.startswith('metric') else f'e.{attribute}'}")
    for key in layout.row_keys(kind):
        w.line(f"r.k{key.index} = e.k{key.index}")
    if any(rule.on_end is OnEnd.REVERSE for rule in rules):
        key = chain_key(layout, kind)
        w.line(f"r.previous = {key.at('a')} - 1")
        w.line(f"{key.at('a')} = row + 1")


def row_attributes(layout: Layout, kind: str) -> list[str]:
    """Give the attributes of a row that keep what expressions read of the event."""
    attributes = []
    for name in sorted(layout.row_fields[kind], key=_declared):
        if name == "event.person":
            attributes += ["has_person", "person"]
        elif name.startswith("event."):
            field = name.removeprefix("event.")
            attributes.append(f"f_{field}")
            if not layout.programme.events[kind].fields[field].required:
                attributes.append(f"p_{field}")
        elif not name.startswith("tier."):
            attributes.append(name)
    return attributes


def _declared(name: str) -> str:
    """Give the declared name of a metric's local variable, or of what an event says."""
    return name if "." in name else name.partition("_")[2]


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
