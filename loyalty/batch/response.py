"""
What incentives change: events that happen more often the nearer their partner is to the next tier.

Whether a row happens is decided when its turn comes, from its own draw and the partner's progress then, so that a base
and its variants share all draws and any cut into parts gives the same result.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from attrs import frozen

from loyalty.batch.tables import Ints, kinds_of
from loyalty.programme.model import Programme
from loyalty.rules.expressions import Expression
from loyalty.rules.expressions.tree import Comparison, Name, Node
from loyalty.settlement.layout import Layout
from loyalty.settlement.texts import Texts
from loyalty.settlement.versions import by_revision
from loyalty.settlement.windows import month_of_day, read_into_locals
from loyalty.settlement.writer import Writer
from loyalty.tiers.declaration import Needs

#: One, in millionths.
WHOLE: Final = 1_000_000


@frozen(eq=False)
class Response:
    """
    How rows with a draw respond to the way that is left to the next tier.

    A row whose draw is ``chance`` happens where ``chance * (10**6 + e) < 10**6 * 10**6 + e * progress``: always at the
    next tier's door, and with the probability 1 / (1 + e) far from it. A generator draws (1 + e) times the rate.

    Args:
        elasticity: e by kind of :func:`~loyalty.batch.tables.kinds_of`, millionths; 0 for kinds that do not respond.
    """

    elasticity: Ints

    @classmethod
    def of(cls, programme: Programme, elasticity: dict[str, int]) -> Response:
        """Make a response from millionths by the name of the kind."""
        return cls(np.array([elasticity.get(name, 0) for name in kinds_of(programme)], np.int32))


def share(value: int, threshold: int) -> int:
    """Give how much of a threshold is reached, millionths, whole at most; it runs under numba too."""
    if value >= threshold:
        return 1_000_000
    if value <= 0:
        return 0
    # The product has to fit in 64 bits.
    if threshold > 9_000_000_000_000:
        return value // (threshold // 1_000_000)
    return value * 1_000_000 // threshold


def write_progress(w: Writer, layout: Layout, texts: Texts) -> None:
    """Write ``progress(s, m, day)``: how near the partner is to the next tier, millionths."""
    with w.block("def progress(s, m, day)"):
        w.line("p = m.p")
        with w.block("if s.anchor < 0"):
            w.line("return 0")
        with month_of_day(w):
            by_revision(w, layout, "day", lambda view: _write_progress(w, view, texts.under(view)))
        w.line("return 0")
    w.line("")


def _write_progress(w: Writer, layout: Layout, texts: Texts) -> None:
    tiers = layout.programme.ladder.tiers
    names = {name for tier in tiers if tier.needs for name in _names(tier.needs)}
    values = read_into_locals(w, layout, names, "day")
    w.line(f"place = {layout.tier('s.tier')}")
    for place, tier in enumerate(tiers[1:]):
        if tier.needs is not None:
            with w.block(f"if place == {place}"):
                w.line(f"return {_needs_share(layout, tier.needs, values, texts)}")


def _needs_share(layout: Layout, needs: Needs, values: dict[str, str], texts: Texts) -> str:
    parts = [
        _needs_share(layout, part, values, texts) if isinstance(part, Needs) else _share(layout, part, values, texts)
        for part in needs.parts
    ]
    if len(parts) == 1:
        return parts[0]
    return f"{'min' if needs.every else 'max'}({', '.join(parts)})"


def _share(layout: Layout, part: Expression, values: dict[str, str], texts: Texts) -> str:
    """Give the source of the share of a threshold; a condition of another form is met or not."""
    tree = part.tree
    if isinstance(tree, Comparison) and tree.sign in (">=", ">") and isinstance(tree.left, Name):
        threshold = _constant(tree.right)
        if threshold is not None:
            needed = layout.number("next tier", threshold + (tree.sign == ">"))
            return f"share({values[tree.left.name]}, {needed})"
    return f"({WHOLE} if {texts.source(part, rename=values)} else 0)"


def _constant(node: Node) -> int | None:
    value = getattr(node, "value", None)
    return value if type(value) is int else None


def _names(needs: Needs) -> set[str]:
    return {name for part in needs.parts for name in (part.names if isinstance(part, Expression) else _names(part))}
