"""
What follows from what: refunds, ends and settlements, with their chance and delay.

An event close to the end of a history has not had the time for everything that may follow from it. So the chance is
that of Kaplan and Meier: at each delay it is looked at only by those events that were watched so long.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Final

import numpy as np
from attrs import frozen

from loyalty.core.calendar import FIRST_DAY, Unit, month_tables
from loyalty.programme.model import EventKind, Role
from loyalty.rules.declaration import Subject
from loyalty.simulation.behaviour import Delay
from loyalty.simulation.draws import Floats, Integers
from loyalty.simulation.fitting.history import History
from loyalty.simulation.months import month_starts

#: Delays are taken as evenly spread from the first to the last where they differ by less from that.
_EVEN: Final = 0.05


@frozen(eq=False)
class Following:
    """
    Estimated consequences of one kind.

    Attributes:
        kind: What follows.
        origins, count: How many events it could follow, and how many it did.
        chance: That it follows at all, as far as the history reaches.
        after: The delay; None where nothing followed.
        partial: Of those that followed, the share that is of a part.
        days: The observed delays in days.
        longest: The longest time that any origin was watched, days.
    """

    kind: EventKind
    origins: int
    count: int
    chance: float
    after: Delay | None
    partial: float
    days: Integers
    longest: int


def following(history: History, kind: EventKind) -> Following:
    """Estimate what follows from the events of its origin kind."""
    origin_rows = history.rows[history.of_kind(kind.origin_kind or "")]
    first = first_followers(history, kind)
    followed = first >= 0
    start = history.day[origin_rows]
    days = history.day[first[followed]] - start[followed]
    horizon = history.last_day - start
    chance, weights = _kaplan_meier(days, horizon[~followed])
    partial = 0.0
    if kind.part is not None and followed.any():
        values, _ = history.values(kind.name, kind.part)
        partial = min(len(values) / max(len(history.of_kind(kind.name)), 1), 1.0)
    return Following(
        kind=kind,
        origins=len(origin_rows),
        count=int(followed.sum()),
        chance=chance,
        after=_delay(start[followed], days, weights) if followed.any() else None,
        partial=partial,
        days=days,
        longest=int(horizon.max(initial=0)),
    )


def first_followers(history: History, kind: EventKind) -> Integers:
    """Give for each event of the origin kind, in the order of rows, the row of what first follows from it, or -1."""
    events = history.events
    origins = history.rows[history.of_kind(kind.origin_kind or "")]
    followers = history.rows[history.of_kind(kind.name)]
    found = np.full(len(origins), -1, dtype=np.int64)
    if not len(origins) or not len(followers):
        return found
    if kind.role is Role.ENDS:
        groups = keys_of(history, kind, np.concatenate([origins, followers]))
        begun, ended = groups[: len(origins)], groups[len(origins) :]
        # Seconds since the history began, behind the number of the group: the next end of the group is the next one.
        start = int(events.at[history.rows].min())
        key = (ended << 33) + (events.at[followers] - start) // 1_000_000
        order = np.argsort(key, kind="stable")
        key = key[order]
        own = (begun << 33) + (events.at[origins] - start) // 1_000_000
        place = np.searchsorted(key, own, side="right")
        known = np.flatnonzero(place < len(key))
        same = known[ended[order[place[known]]] == begun[known]]
        found[same] = followers[order[place[same]]]
        return found
    if events.of is None:
        return found
    by_time = followers[np.argsort(events.at[followers], kind="stable")]
    of = events.of[by_time].astype(np.int64)
    place_of = np.full(len(events), -1, dtype=np.int64)
    place_of[origins] = np.arange(len(origins))
    # Written from the last to the first, so that the first stays.
    linked = (of >= 0) & (place_of[np.maximum(of, 0)] >= 0)
    by_time, of = by_time[linked][::-1], of[linked][::-1]
    found[place_of[of]] = by_time
    return found


def keys_of(history: History, kind: EventKind, rows: Integers, *, own: bool = True) -> Integers:
    """Number what an ending kind tells apart: the fields that it ends by, and with *own* whose they are."""
    events = history.events
    group = np.zeros(len(rows), dtype=np.int64)
    for part in (Subject.PARTNER, *kind.by) if own else kind.by:
        if part is Subject.PARTNER:
            column = events.partner[rows].astype(np.int64)
        elif part is Subject.PERSON:
            column = events.person[rows].astype(np.int64)
        else:
            column = events.values[str(part)][rows].astype(np.int64) if str(part) in events.values else group * 0
        codes = np.unique(column, return_inverse=True)[1]
        group = np.unique(group * (int(codes.max(initial=0)) + 1) + codes, return_inverse=True)[1]
    return group


def _kaplan_meier(days: Integers, watched: Integers) -> tuple[float, Floats]:
    """
    Give the chance that something follows, and for each observed delay the weight that stands for those unseen.

    Args:
        days: Delays of what followed.
        watched: How long the others were watched, days.
    """
    if not len(days):
        return 0.0, np.zeros(0)
    times, at = np.unique(days, return_inverse=True)
    happened = np.bincount(at)
    days_sorted, watched_sorted = np.sort(days), np.sort(watched)
    at_risk = len(days) - np.searchsorted(days_sorted, times) + len(watched) - np.searchsorted(watched_sorted, times)
    survival = np.cumprod(1 - happened / at_risk)
    steps = -np.diff(survival, prepend=1.0)
    return float(1 - survival[-1]), (steps / happened)[at]


def _delay(start: Integers, days: Integers, weights: Floats) -> Delay:
    """Give the delay that is drawn evenly: in months where it mostly falls on the same day of a month, else in days."""
    month_of_day, first_days = (np.array(table) for table in month_tables())
    end = start + days
    first = month_of_day[start - FIRST_DAY], month_of_day[end - FIRST_DAY]
    base = int(month_of_day[0])
    begins = [first_days[month - base] for month in first]
    lengths = first_days[first[1] - base + 1] - begins[1]
    same = (end - begins[1]) == np.minimum(start - begins[0], lengths - 1)
    months = first[1] - first[0]
    if same.mean() > 0.9 and months[same].min() >= 1:
        return Delay(lowest=int(months[same].min()), highest=int(months[same].max()), unit=Unit.MONTHS)
    lowest, highest = int(days.min()), int(days.max())
    order = np.argsort(days, kind="stable")
    share = np.cumsum(weights[order]) / weights.sum()
    even = (days[order] - lowest + 1) / (highest - lowest + 1)
    if np.abs(share - even).max() > _EVEN + 1 / np.sqrt(len(days)):
        lowest, highest = (int(days[order][np.searchsorted(share, part)]) for part in (0.02, 0.98))
    return Delay(lowest=max(lowest, 0), highest=max(highest, lowest, 0))


def held_months(history: History, kind: EventKind, weights: Floats, keys: Integers) -> tuple[Floats, Floats]:
    """
    Give for how long certificates were in force, which is when their people do not pass them again.

    Args:
        kind: What ends them.
        weights: By key, how likely a certificate is of it.
        keys: The key of each certificate, in the order of rows.

    Returns:
        By partner and month the sum of weights of what is in force, in months; by key how many months it was.
    """
    rows = history.rows[history.of_kind(kind.origin_kind or "")]
    places = history.place[history.of_kind(kind.origin_kind or "")]
    ends = first_followers(history, kind)
    begin = history.day[rows]
    end = np.where(ends >= 0, history.day[np.maximum(ends, 0)], history.last_day + 1)
    starts = np.array(month_starts(history.first_day, history.months))
    by_month = np.zeros((len(history.names), history.months))
    by_key = np.zeros(len(weights))
    for month in range(history.months):
        first, after = max(starts[month], history.first_day), min(starts[month + 1], history.last_day + 1)
        overlap = np.clip(np.minimum(end, after) - np.maximum(begin, first), 0, None) / (
            starts[month + 1] - starts[month]
        )
        by_month[:, month] = np.bincount(places, weights=overlap * weights[keys], minlength=len(history.names))
        by_key += np.bincount(keys, weights=overlap, minlength=len(weights))
    return by_month, by_key


def as_fraction(value: float, digits: int = 4) -> Fraction:
    """Give a float with so many digits after the point, exactly."""
    return Fraction(round(value * 10**digits), 10**digits)
