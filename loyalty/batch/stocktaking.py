"""The source of what is asked of a holder besides the step: where it stands at the end, and its progress."""

from __future__ import annotations

from loyalty.batch.response import write_progress
from loyalty.core.holders import Layer
from loyalty.settlement.layout import Layout
from loyalty.settlement.texts import Texts
from loyalty.settlement.writer import Writer


def asking_source(layout: Layout, texts: Texts) -> str:
    """Give the source of ``take_stock(s, m, o)`` and ``progress(s, m, day)``."""
    w = Writer(traced=False)
    _write_take_stock(w, layout)
    if layout.layer is Layer.PARTNER:
        write_progress(w, layout, texts)
    else:
        with w.block("def progress(s, m, day)"):
            w.line("return 0")
    return w.text


def _write_take_stock(w: Writer, layout: Layout) -> None:
    """Write how balances, badges and the tier at the end go into the holder's rows."""
    with w.block("def take_stock(s, m, o)"):
        for c in layout.currency.values():
            w.line(f"cell = (o.now.holder * CURRENCIES + {c}) * 9")
            w.line(f"o.cells[cell + 5] = stock(m, o, {c}, {c}, False)")
            tables = [len(layout.currency) + i for i, (other, _) in enumerate(layout.pending) if other == c]
            pending = " + ".join(f"stock(m, o, {c}, {table}, True)" for table in tables) or "0"
            w.line(f"o.cells[cell + 6] = {pending}")
            w.line(f"o.cells[cell + 7] = stock_held(s, m, o, {c})")
            w.line(f"o.cells[cell + 8] = m.arrears[{c}]")
        for number in range(len(layout.names.assets) - layout.names.badge_asset):
            w.line(f"o.badges[o.now.holder * BADGES + {number}] = s.b{number}")
        w.line("o.tiers[o.now.holder] = s.effective")
    w.line("")
