"""
The source of what metrics count of one event.
"""

from __future__ import annotations

from loyalty.settlement.layout import Layout
from loyalty.settlement.texts import Texts
from loyalty.settlement.tracking import force_key, value_key
from loyalty.settlement.windows import count_distinct, count_now
from loyalty.settlement.writer import Writer
from loyalty.tiers.declaration import Measure, Metric


def write_count(w: Writer, layout: Layout, kind: str, index: int, metric: Metric, texts: Texts) -> None:
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
