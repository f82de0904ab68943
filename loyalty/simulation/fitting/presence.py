"""
When partners were there: arrival, going quiet and coming back, estimated from months without events.

A partner who did nothing in a month may be quiet, not there yet, or there without luck. Which of them is likely follows
from how much the partner does otherwise: a hidden Markov chain of three states whose counts are Poisson, fitted by the
method of Baum and Welch. The probability of being there is the exposure of all rates.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from loyalty.simulation.draws import Floats

_ROUNDS: Final = 40
_NEAR: Final = 1e-5

#: The states: not come yet, active, quiet.
_LATER, _ACTIVE, _QUIET = range(3)


@frozen(eq=False)
class Presence:
    """
    Estimated presence.

    Attributes:
        active: By partner and month, the probability of being there and not quiet.
        arrivals: By month, the share of partners that came in it.
        arrival_of: By partner and month, the probability of having come in it.
        quiet, comeback: The chances in a month.
        turned_quiet, came_back: How many such turns are expected in the history.
    """

    active: Floats
    arrivals: Floats
    arrival_of: Floats
    quiet: float
    comeback: float
    turned_quiet: float
    came_back: float


def presence_of(counts: Floats, coverage: Floats, groups: NDArray[np.intp] | None = None) -> Presence:
    """
    Estimate presence from how much each partner did in each month.

    Args:
        counts: Events by partner and month.
        coverage: Which part of each month was looked at.
        groups: The group of each partner; partners of one group have a common distribution of size.
    """
    partners, months = counts.shape
    groups = np.zeros(partners, dtype=np.intp) if groups is None else groups
    active = np.ones_like(counts)
    # Before the first event a partner may not have come; until something is known, half of that time is taken.
    first = np.argmax(counts > 0, axis=1)
    active[np.arange(months) < first[:, np.newaxis]] = 0.5
    arrivals = np.full(months, 0.5 / max(months - 1, 1))
    arrivals[0] = 1.0 if months == 1 else 0.5
    quiet, comeback = 0.02, 0.1
    turned = back = 0.0
    posterior, first_month = active, np.zeros_like(counts)
    for _ in range(_ROUNDS):
        rate = _rates(counts, active, coverage, groups)
        emission = _emission(counts, rate)
        posterior, first_month, turned, back, awake, asleep = _smoothed(emission, arrivals, quiet, comeback)
        change = np.abs(posterior - active).max()
        active = posterior
        arrivals = np.maximum(first_month.mean(axis=0), 1e-9)
        arrivals /= arrivals.sum()
        quiet = min(max(turned / max(awake, 1e-9), 1e-6), 0.5)
        comeback = min(max(back / max(asleep, 1e-9), 1e-6), 0.9)
        if change < _NEAR:
            break
    return Presence(active, arrivals, first_month, quiet, comeback, turned, back)


def _rates(counts: Floats, active: Floats, coverage: Floats, groups: NDArray[np.intp]) -> Floats:
    """Give the events expected of each partner in each month while it is there."""
    months = counts.sum(axis=0) / np.maximum((active * coverage).sum(axis=0), 1e-9)
    months = np.maximum(months / max(months.mean(), 1e-12), 1e-6) * coverage
    exposure, total = (active * months).sum(axis=1), counts.sum(axis=1)
    size = np.empty(len(counts))
    for group in np.unique(groups):
        own = np.flatnonzero(groups == group)
        n, e = total[own], exposure[own]
        mean = n.sum() / max(e.sum(), 1e-9)
        spread = ((n - mean * e) ** 2 - n).sum() / max((e**2).sum(), 1e-9)
        # The posterior mean under a gamma distribution of sizes: who did little is not taken to be nothing.
        strength = mean / max(spread / mean, 1e-3) if mean > 0 else 1.0
        size[own] = (n + strength) / (e + strength / max(mean, 1e-9))
    expected: Floats = np.maximum(size[:, np.newaxis] * months, 1e-9)
    return expected


def _emission(counts: Floats, rate: Floats) -> Floats:
    """Give by state the likelihood of each count, up to a factor: Poisson where active, 0 or nothing elsewhere."""
    nothing = (counts == 0).astype(np.float64)
    # Divided by the likelihood of the count itself where there is one, which leaves 1 for the active.
    lively = np.where(counts == 0, np.exp(-rate), 1.0)
    return np.stack([nothing, lively, nothing])


def _smoothed(
    emission: Floats, arrivals: Floats, quiet: float, comeback: float
) -> tuple[Floats, Floats, float, float, float, float]:
    """
    Run the chain forward and backward.

    Returns:
        The probability of being active by partner and month, that of coming in each month, how many turns to quiet and
        back are expected, and how many months they could have happened in.
    """
    _, partners, months = emission.shape
    remaining = np.maximum(1 - np.concatenate([[0.0], np.cumsum(arrivals)[:-1]]), 1e-12)
    hazard = np.clip(arrivals / remaining, 0.0, 1.0)
    forward = np.zeros((3, partners, months))
    scale = np.empty((partners, months))
    forward[_LATER, :, 0], forward[_ACTIVE, :, 0] = 1 - arrivals[0], arrivals[0]
    for month in range(months):
        if month:
            later, active, asleep = forward[:, :, month - 1]
            forward[_LATER, :, month] = later * (1 - hazard[month])
            forward[_ACTIVE, :, month] = later * hazard[month] + active * (1 - quiet) + asleep * comeback
            forward[_QUIET, :, month] = active * quiet + asleep * (1 - comeback)
        forward[:, :, month] *= emission[:, :, month]
        scale[:, month] = np.maximum(forward[:, :, month].sum(axis=0), 1e-300)
        forward[:, :, month] /= scale[:, month]
    backward = np.ones((3, partners))
    active = np.empty((partners, months))
    came = np.zeros((partners, months))
    turned = back = awake = asleep_months = 0.0
    for month in range(months - 1, -1, -1):
        active[:, month] = forward[_ACTIVE, :, month] * backward[_ACTIVE]
        if month == 0:
            came[:, 0] = active[:, 0]
            break
        seen = emission[:, :, month] * backward / scale[:, month]
        before = forward[:, :, month - 1]
        came[:, month] = before[_LATER] * hazard[month] * seen[_ACTIVE]
        turned += float((before[_ACTIVE] * quiet * seen[_QUIET]).sum())
        back += float((before[_QUIET] * comeback * seen[_ACTIVE]).sum())
        backward = np.stack([
            (1 - hazard[month]) * seen[_LATER] + hazard[month] * seen[_ACTIVE],
            (1 - quiet) * seen[_ACTIVE] + quiet * seen[_QUIET],
            comeback * seen[_ACTIVE] + (1 - comeback) * seen[_QUIET],
        ])  # fmt: skip
        awake += float((before[_ACTIVE] * backward[_ACTIVE]).sum())
        asleep_months += float((before[_QUIET] * backward[_QUIET]).sum())
    return active, came, turned, back, awake, asleep_months
