"""
The source that differs from revision to revision, each part under the days on which its revision is in force.

With one revision nothing stands around it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby

from loyalty.settlement.layout import Layout, Leg
from loyalty.settlement.writer import Writer


def by_revision(w: Writer, layout: Layout, day: str, write: Callable[[Layout], None]) -> None:
    """Write what each revision does, under the revision that is in force on *day*."""
    first, *later = layout.views
    if not later:
        write(first)
        return
    head = "if"
    for view in reversed(later):
        with w.block(f"{head} {day} >= {view.begins}"):
            write(view)
        head = "elif"
    with w.block("else"):
        write(first)


def by_home(w: Writer, layout: Layout, legs: Sequence[Leg], write: Callable[[Layout, Sequence[Leg]], None]) -> None:
    """Write what is done for leg ``g``, one of *legs*, under the revision whose rule paid it."""
    groups = [(home, list(own)) for home, own in groupby(legs, key=lambda leg: layout.home(leg.rule))]
    if len(groups) == 1:
        write(*groups[0])
        return
    head = "if"
    for home, own in groups:
        # The legs of a revision are numbered before those of the next.
        with w.block(f"{head} g.code <= {own[-1].code}"):
            write(home, own)
        head = "elif"
