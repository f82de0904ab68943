"""
From a history to a scenario: what is estimated, from how many observations, and what cannot be.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from math import exp, log, sqrt
from typing import Final

import numpy as np
from attrs import evolve, frozen

from loyalty.batch.tables import EventTable
from loyalty.core.holders import Layer
from loyalty.programme.model import EventKind, FieldType, Role
from loyalty.simulation.behaviour import EVEN_SEASON, Activity, Arrival, Churn, Consequence, Noise, Scenario, Segment
from loyalty.simulation.defaults import default_per
from loyalty.simulation.distributions import Choice, Distribution
from loyalty.simulation.draws import Floats
from loyalty.simulation.fitting.following import Following, as_fraction, following, held_months, keys_of
from loyalty.simulation.fitting.history import History
from loyalty.simulation.fitting.presence import Presence, presence_of
from loyalty.simulation.fitting.rates import Market, fit_market, month_noise, size_sigma
from loyalty.simulation.fitting.segments import Groups, given_groups, groups_by_size, persons_range
from loyalty.simulation.fitting.values import FieldFit, fit_field
from loyalty.simulation.fitting.wishes import WishFit, fit_wishes

#: A factor is taken for another than 1 where its logarithm is so many standard errors away from 0.
_SURE: Final = 3.0

#: Fewer turns than this say nothing of how partners go quiet or come back.
_FEW_TURNS: Final = 5.0

_ROUNDS: Final = 5

#: Of what people do, so much names them.
_NAMED: Final = 0.95


@frozen(eq=False)
class KindFit:
    """What was estimated of one kind that stands for itself."""

    kind: EventKind
    per: Layer
    count: int
    market: Market
    noise: float
    factors: Mapping[str, float]
    fields: Mapping[str, FieldFit]
    following: tuple[Following, ...]
    names_person: bool


@frozen(eq=False)
class Fit:
    """
    A fitted scenario, with what it was fitted to.

    Attributes:
        scenario: To be drawn from, or written by :func:`loyalty.simulation.fitting.writing.scenario_text`.
        persons_factor: How many people there are taken to be for each that was seen.
    """

    scenario: Scenario
    history: History
    groups: Groups
    presence: Presence
    kinds: tuple[KindFit, ...]
    wishes: tuple[WishFit, ...]
    persons_factor: float


def fit_scenario(
    events: EventTable,
    *,
    first_day: int | None = None,
    last_day: int | None = None,
    segments: int | Mapping[str, str] | None = None,
    name: str = "Fitted",
) -> Fit:
    """
    Estimate the scenario that a history may have come from.

    Args:
        events: What happened, of all partners that did anything.
        first_day, last_day: Between which the history is whole; those of the first and last event if left out.
        segments: The segment of each partner by its name, or into how many to split partners by size; three, or
            fewer where partners are few, if left out.
        name: Of the scenario.

    Raises:
        UsageError: there are no events, or a partner has no segment.
    """
    history = History(events, first_day, last_day)
    kinds = [
        kind for kind in history.programme.events.values()
        if kind.role is Role.NONE and len(history.of_kind(kind.name))
    ]  # fmt: skip
    counts = {kind.name: history.counts(kind.name) for kind in kinds}
    seen, factor = history.persons_seen()
    total = np.sum(list(counts.values()), axis=0) if counts else np.zeros((len(history.names), history.months))
    persons: Floats = seen.astype(np.float64) * factor
    presence = presence_of(total, history.coverage)
    there = presence.active * history.coverage
    per = _whose(history, kinds, counts, there, persons)
    own = [counts[kind.name] for kind in kinds if per[kind.name] is Layer.PARTNER] or [total]
    by_partner = np.sum(own, axis=0)
    if isinstance(segments, Mapping):
        groups = given_groups(history.names, segments)
    else:
        groups = groups_by_size(_sizes(by_partner, there), segments)
    presence = presence_of(total, history.coverage, groups.of)
    there = presence.active * history.coverage
    size = _sizes(by_partner, there, groups)

    amounts = _amounts(history, groups, kinds)
    scale = np.array([amounts[name] for name in groups.names])[groups.of][history.place]
    fits = []
    for kind in kinds:
        exposure = there * (persons if per[kind.name] is Layer.PERSON else size)[:, np.newaxis]
        fits.append(_fit_kind(history, groups, kind, per[kind.name], counts[kind.name], exposure, there, scale))
    wishes = fit_wishes(history, there, persons)
    scenario = Scenario(
        name=name,
        segments=tuple(_segments(groups, presence, by_partner, there, persons, amounts, fits)),
        activities=tuple(_activity(each) for each in fits),
        wishes=tuple(each.wish for each in wishes),
        assumptions=(),
    )
    return Fit(scenario, history, groups, presence, tuple(fits), tuple(wishes), factor)


def _whose(
    history: History, kinds: list[EventKind], counts: Mapping[str, Floats], there: Floats, persons: Floats
) -> dict[str, Layer]:
    """
    Tell whose rate that of each kind is: the person's where the number of people tells better how much a partner does
    of it than all else that the partner does.
    """
    everyone = np.maximum(persons, 0.5)
    per = {}
    for kind in kinds:
        named = history.events.person[history.rows[history.of_kind(kind.name)]] >= 0
        others = [counts[other.name] for other in kinds if other is not kind]
        if not persons.any() or named.mean() < _NAMED:
            per[kind.name] = Layer.PARTNER
        elif not others:
            per[kind.name] = default_per(kind, history.programme)
        else:
            done = counts[kind.name]
            size = _sizes(np.sum(others, axis=0), there)
            by_size, by_person = (_likelihood(done, there, each) for each in (size, everyone))
            per[kind.name] = Layer.PERSON if by_person > by_size else Layer.PARTNER
    return per


def _likelihood(counts: Floats, there: Floats, exposure: Floats) -> float:
    """Give how well an exposure tells the counts of partners apart, as a logarithm, up to what all have in common."""
    looked = np.maximum(there.sum(axis=1) * exposure, 1e-9)
    done = counts.sum(axis=1)
    return float((done * np.log(looked / looked.sum())).sum())


def _sizes(counts: Floats, there: Floats, groups: Groups | None = None) -> Floats:
    """Give the size of each partner, 1 on average: what it did against what was expected, drawn to the mean."""
    months = counts.sum(axis=0) / np.maximum(there.sum(axis=0), 1e-9)
    expected = there * months / max(float(months.mean()), 1e-12)
    done, looked = counts.sum(axis=1), expected.sum(axis=1)
    of = groups.of if groups is not None else np.zeros(len(counts), dtype=np.intp)
    size = np.empty(len(counts))
    for group in np.unique(of):
        own = np.flatnonzero(of == group)
        mean = done[own].sum() / max(looked[own].sum(), 1e-9)
        sigma = max(size_sigma(counts[own], expected[own]), 0.05)
        strength = 1 / (exp(sigma**2) - 1)
        size[own] = (done[own] + strength) / (looked[own] + strength / max(mean, 1e-9))
    weights = looked / max(looked.sum(), 1e-9)
    return np.maximum(size / max(float((size * weights).sum()), 1e-12), 1e-9)


def _fit_kind(
    history: History, groups: Groups, kind: EventKind, per: Layer, counts: Floats, exposure: Floats, there: Floats,
    scale: Floats,
) -> KindFit:  # fmt: skip
    fields = {
        name: fitted
        for name, spec in kind.fields.items()
        if (fitted := fit_field(history, kind, spec, scale)) is not None
    }
    ends = next(
        (other for other in history.programme.events.values()
         if other.role is Role.ENDS and other.origin_kind == kind.name), None,
    )  # fmt: skip
    if ends is not None:
        exposure, weights = _while_free(history, ends, exposure, there)
        fields |= {name: _reweighted(history, kind, fields[name], weights) for name in ends.by if name in fields}
    market = fit_market(counts.sum(axis=0), exposure.sum(axis=0), history.first_month)
    expected = exposure * market.factors
    noise = month_noise(counts, there * market.factors if per is Layer.PARTNER else expected)
    factors = {}
    for place, segment in enumerate(groups.names):
        own = groups.of == place
        happened, looked = counts[own].sum(), expected[own].sum()
        far = log(max(happened, 0.5) / max(looked, 1e-9))
        factors[segment] = exp(far) if abs(far) * sqrt(max(happened, 0.5)) > _SURE else 1.0
    follows = tuple(
        following(history, other)
        for other in history.programme.events.values()
        if other.role is not Role.NONE and other.origin_kind == kind.name
    )
    named = bool((history.events.person[history.rows[history.of_kind(kind.name)]] >= 0).mean() > 0.5)
    return KindFit(kind, per, int(counts.sum()), market, noise, factors, fields, follows, named)


def _while_free(history: History, ends: EventKind, exposure: Floats, there: Floats) -> tuple[Floats, Floats]:
    """
    Give the exposure of people who do not hold what they would pass: such an event is left out when it is drawn.

    What a certificate is of, such as its track, is drawn by weights; those that are held are out of the draw. So each
    event stands for more of those that were left out, the more often what it is of is held: that is given as well.
    """
    rows = history.rows[history.of_kind(ends.origin_kind or "")]
    if not len(rows):
        return exposure, np.ones(0)
    # What a certificate is of, without whose it is.
    of = keys_of(history, evolve(ends, by=tuple(part for part in ends.by if isinstance(part, str))), rows, own=False)
    times = np.bincount(of).astype(np.float64)
    weights = times / times.sum()
    open_to = float(exposure.sum())
    free = exposure
    for _ in range(_ROUNDS):
        by_month, by_key = held_months(history, ends, weights, of)
        # A partner's people are there or not with it; what is held in quiet months keeps nobody from passing.
        free = np.clip(exposure - by_month * there / np.maximum(history.coverage, 1e-9), 0, None)
        rates = times / np.maximum(open_to - by_key, 0.05 * open_to)
        weights = rates / rates.sum()
    return free, (weights / times)[of]


def _reweighted(history: History, kind: EventKind, fitted: FieldFit, weights: Floats) -> FieldFit:
    """Weigh the values of a field by what each event stands for."""
    if not isinstance(fitted.distribution, Choice):
        return fitted
    column = history.events.values[fitted.spec.name][history.rows[history.of_kind(kind.name)]]
    texts = history.events.texts.get(fitted.spec.name)
    said = [int(value) if texts is None else texts.index(value).as_py() for value in fitted.distribution.values]
    shares = [float(weights[column == code].sum()) for code in said]
    parts = tuple(max(round(1000 * share / max(sum(shares), 1e-12)), 1) for share in shares)
    return evolve(fitted, distribution=Choice(fitted.distribution.values, parts))


def _amounts(history: History, groups: Groups, kinds: list[EventKind]) -> dict[str, float]:
    """Give how many times larger the money of each segment is than that of all, on the scale of logarithms."""
    logs, places = [], []
    for kind in kinds:
        for spec in kind.fields.values():
            values, rows = history.values(kind.name, spec.name)
            above = values > 0
            if spec.type is FieldType.MONEY and above.sum() > 1:
                own = np.log(values[above])
                logs.append(own - own.mean())
                places.append(rows[above])
    factors = dict.fromkeys(groups.names, 1.0)
    if not logs or len(groups.names) == 1:
        return factors
    far, group = np.concatenate(logs), groups.of[history.place[np.concatenate(places)]]
    for place, name in enumerate(groups.names):
        own = far[group == place]
        if len(own) > 1 and abs(own.mean()) > _SURE * own.std() / sqrt(len(own)):
            factors[name] = exp(float(own.mean()))
    return factors


def _segments(
    groups: Groups, presence: Presence, counts: Floats, there: Floats, persons: Floats,
    amounts: Mapping[str, float], fits: list[KindFit],
) -> list[Segment]:  # fmt: skip
    months = counts.sum(axis=0) / np.maximum(there.sum(axis=0), 1e-9)
    overall = counts.sum() / max(there.sum(), 1e-9)
    shares = _shares(np.bincount(groups.of, minlength=len(groups.names)))
    arrival, churn = _arrival(presence), _churn(presence)
    segments = []
    for place, name in enumerate(groups.names):
        own = groups.of == place
        mean = counts[own].sum() / max(there[own].sum(), 1e-9) / max(overall, 1e-12)
        sigma = size_sigma(counts[own], there[own] * months)
        segments.append(
            Segment(
                name=name,
                share=shares[place],
                persons=persons_range(persons[own]),
                size_median=as_fraction(max(mean, 1e-3) * exp(-(sigma**2) / 2), 3),
                size_sigma=as_fraction(sigma, 3),
                rates={
                    each.kind.name: as_fraction(each.factors[name], 3) for each in fits if each.factors[name] != 1.0
                },
                amounts=as_fraction(amounts[name], 3),
                arrival=arrival,
                churn=churn,
            )
        )
    return segments


def _shares(numbers: np.ndarray[tuple[int], np.dtype[np.intp]]) -> list[Fraction]:
    """Give shares in hundredths of a percent that sum to 1; what rounding leaves goes to the largest."""
    parts = [int(number) * 10_000 // int(numbers.sum()) for number in numbers]
    parts[int(np.argmax(numbers))] += 10_000 - sum(parts)
    return [Fraction(part, 10_000) for part in parts]


def _arrival(presence: Presence) -> Arrival:
    """Give the even arrival with the share that was there from the start, and the mean month of the others."""
    months = np.arange(len(presence.arrivals))
    later = float(presence.arrivals[1:].sum())
    if later * len(presence.active) < _FEW_TURNS:
        return Arrival()
    mean = float((months * presence.arrivals)[1:].sum() / later)
    return Arrival(at_start=as_fraction(1 - later, 3), within=min(max(round(2 * mean - 1), 1), 120))


def _churn(presence: Presence) -> Churn:
    if presence.turned_quiet < _FEW_TURNS:
        return Churn()
    comeback = as_fraction(presence.comeback) if presence.came_back >= _FEW_TURNS else Fraction(0)
    return Churn(quiet=as_fraction(presence.quiet), comeback=comeback)


def _activity(fit: KindFit) -> Activity:
    season = EVEN_SEASON
    if fit.market.season is not None:
        season = tuple(as_fraction(float(factor), 3) for factor in fit.market.season)
    fields: dict[str, Distribution] = {name: each.distribution for name, each in fit.fields.items()}
    return Activity(
        kind=fit.kind.name,
        rate=as_fraction(fit.market.rate, 5),
        per=fit.per,
        names_person=fit.names_person,
        season=season,
        growth=as_fraction(fit.market.growth, 3),
        noise=Noise(month=as_fraction(fit.noise, 2), market=as_fraction(fit.market.noise, 2)),
        fields=fields,
        then=tuple(
            Consequence(kind=each.kind.name, chance=as_fraction(each.chance, 4), after=each.after,
                        partial=as_fraction(each.partial, 3))
            for each in fit.following
            if each.after is not None
        ),
    )  # fmt: skip
