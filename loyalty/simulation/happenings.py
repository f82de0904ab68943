"""
What happens to some partners: one activity at a time, with all that follows from it, drawn as arrays.

The count of each partner's each month is drawn first, then each event from a key of its own.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from loyalty.batch.tables import MISSING
from loyalty.rules.declaration import Subject
from loyalty.simulation.behaviour import Scenario
from loyalty.simulation.draws import Integers, Keys, noise, ranks
from loyalty.simulation.partners import Partners
from loyalty.simulation.plans import ActivityPlan, FollowerPlan
from loyalty.simulation.rows import Rows
from loyalty.simulation.span import SECOND_US, Span

_MILLIONTHS: Final = 1_000_000

#: Seconds from the start of a simulation are fewer: a century has 2**31.6.
_SECONDS_BITS: Final = 33


def draw_activity(
    plan: ActivityPlan,
    scenario: Scenario,
    partners: Partners,
    present: NDArray[np.bool_],
    span: Span,
    seed: int,
    part: range,
) -> list[Rows]:
    """
    Draw one activity of some partners, and what follows from it.

    Args:
        present: In which months each partner does something.
        part: The months that are wanted, the first of the simulation being 0.

    Returns:
        The activity's own events, by partner and month, then those of each consequence.
    """
    # A certificate that was passed before the part may be in force in it.
    first = 0 if plan.held_by is not None else part.start
    events, keys, day = _events(plan, scenario, partners, present, span, seed, range(first, part.stop))
    followers = [_followers(follower, events, keys, day, partners, span) for follower in plan.followers]
    wanted = events.at >= span.start_us
    if plan.held_by is not None:
        wanted &= _free(plan, events, followers, wanted, span)
    wanted &= events.month >= span.first_month + part.start
    kept = np.flatnonzero(wanted)
    place = np.full(len(events), -1, dtype=np.int64)
    place[kept] = np.arange(len(kept))
    own = events.take(kept)
    return [own, *(_kept(each, place, own, span) for each in followers)]


def _events(
    plan: ActivityPlan,
    scenario: Scenario,
    partners: Partners,
    present: NDArray[np.bool_],
    span: Span,
    seed: int,
    part: range,
) -> tuple[Rows, Keys, Integers]:
    """Draw an activity's own events; give them with their keys and days."""
    activity, count = plan.activity, len(part)
    months = np.arange(part.start, part.stop)
    cells = Keys(partners.keys.on(plan.kind.name).words[:, np.newaxis]).at(span.first_month + months[np.newaxis])
    flat = Keys(cells.words.reshape(-1))
    mean = plan.monthly(scenario, partners)[:, np.newaxis] * plan.market(seed, span)[months] * present[:, months]
    mean = mean.reshape(-1)
    if activity.noise.month:
        mean *= noise(flat.on("noise"), float(activity.noise.month))
    counts = flat.on("count").count(mean)
    cell = np.repeat(np.arange(len(flat)), counts)
    number = ranks(counts)
    keys = flat[cell].at(number)
    partner, month = cell // count, months[cell % count] if count else cell
    day = span.day_in(month, keys.on("day"))
    person = np.full(len(keys), -1, dtype=np.int64)
    if plan.names_person:
        persons = partners.persons[partner]
        person = np.where(persons > 0, keys.on("person").uniform(0, np.maximum(persons, 1) - 1), -1)
    scale = np.array([float(each.amounts) for each in scenario.segments])[partners.segment[partner]]
    events = Rows(
        kind=plan.number,
        names=(plan.kind.name, ""),
        partner=partner,
        person=person,
        at=span.instant_on(day, keys.on("second")),
        month=span.first_month + month,
        number=number,
        values={field.name: field.draw(keys, partners, partner, scale) for field in plan.fields},
        chance=keys.on("response").uniform(0, _MILLIONTHS - 1) if plan.elasticity else None,
    )
    return events, keys, day


def _followers(plan: FollowerPlan, events: Rows, keys: Keys, day: Integers, partners: Partners, span: Span) -> Rows:
    """Draw one consequence of all events."""
    keys = keys.on(f"then {plan.kind.name}")
    origin = np.flatnonzero(keys.on("chance").happens(plan.chance))
    keys, partner = keys[origin], events.partner[origin]
    later = span.later(day[origin], plan.after, keys.on("after"))
    values = {each.name: each.draw(keys, partners, partner, np.ones(len(origin))) for each in plan.fields}
    missing = np.full(len(origin), MISSING, dtype=np.int64)
    for name in plan.copied:
        values[name] = events.values[name][origin] if name in events.values else missing
    if plan.kind.part is not None and plan.kind.part in events.values:
        whole = events.values[plan.kind.part][origin]
        drawn = keys.on("part").uniform(whole // 10, whole * 9 // 10)
        partial = keys.on("partial").happens(plan.partial) & (whole > 1)
        values[plan.kind.part] = np.where(partial, np.maximum(drawn, 1), missing)
    return Rows(
        kind=plan.number,
        names=(events.names[0], plan.kind.name),
        partner=partner,
        person=events.person[origin],
        at=np.maximum(span.instant_on(later, keys.on("second")), events.at[origin] + SECOND_US),
        month=events.month[origin],
        number=events.number[origin],
        values=values,
        origin=events,
        of=origin,
        speaks=plan.speaks,
    )


def _kept(rows: Rows, place: Integers, origin: Rows, span: Span) -> Rows:
    """Leave out what comes after the end or follows from what is left out, and name the origins by their new rows."""
    assert rows.of is not None
    kept = rows.take(np.flatnonzero((place[rows.of] >= 0) & (rows.at < span.end_us)))
    assert kept.of is not None
    return kept.after(origin, place[kept.of])


def _free(
    plan: ActivityPlan, events: Rows, followers: list[Rows], wanted: NDArray[np.bool_], span: Span
) -> NDArray[np.bool_]:
    """
    Tell which events find nothing in force: whoever holds a certificate does not pass it again before it ends.

    What is in force is told apart by what its end names, such as the person and the track.
    """
    ends = np.full(len(events), 2**62, dtype=np.int64)
    for each in followers:
        if not each.speaks and each.of is not None:
            np.minimum.at(ends, each.of, each.at)
    rows = np.flatnonzero(wanted)
    group = _groups(plan, events, rows)
    last = (1 << _SECONDS_BITS) - 1
    begins = (events.at[rows] - span.start_us) // SECOND_US
    until = np.minimum((ends[rows] - span.start_us) // SECOND_US, last)
    key = (group << _SECONDS_BITS) + begins
    order = np.argsort(key, kind="stable")
    key, group, until = key[order], group[order], until[order]
    # From each event it is known which is the first of its group that may follow: so all groups go on in step.
    following = np.searchsorted(key, (group << _SECONDS_BITS) + until)
    free = np.zeros(len(events), dtype=np.bool_)
    current = np.flatnonzero(np.diff(group, prepend=-1))
    while len(current):
        free[rows[order[current]]] = True
        next_one = following[current]
        known = next_one < len(key)
        current, next_one = current[known], next_one[known]
        current = next_one[group[next_one] == group[current]]
    return free


def _groups(plan: ActivityPlan, events: Rows, rows: Integers) -> Integers:
    """Number what is told apart, without gaps."""
    group = np.zeros(len(rows), dtype=np.int64)
    for part in plan.held_by or ():
        if part is Subject.PARTNER:
            column = events.partner[rows]
        elif part is Subject.PERSON:
            column = (events.partner[rows] << 32) + events.person[rows]
        else:
            column = events.values[str(part)][rows] if str(part) in events.values else np.zeros_like(group)
        codes = np.unique(column, return_inverse=True)[1]
        group = np.unique(group * (codes.max(initial=0) + 1) + codes, return_inverse=True)[1]
    return group
