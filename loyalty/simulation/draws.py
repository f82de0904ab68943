"""
Random draws that never depend on how the work was cut.

Every draw has a key of 64 bits made of what it is for: the seed, a partner, a kind of event, a month, a number, a
purpose. The draw is the key itself, mixed once more, so that any part of a population can be drawn alone, in any
order, on any machine, many keys in one go. Keys are the states of SplitMix64, whose output for a state is its mixing
function (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).

Floats are used for drawing alone: whatever leaves this module is a whole number or one of the declared values.

>>> import numpy as np
>>> partners = Keys.of_names(7, ["P-000001", "P-000002"])
>>> alone = Keys.of_names(7, ["P-000002"])
>>> bool(alone.on("deal.won").share()[0] == partners.on("deal.won").share()[1])
True
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any, Final, TypeAlias

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from loyalty.core.events import FieldValue
from loyalty.simulation.distributions import Choice, Constant, Distribution, LogNormal, OfLabel, Quantiles, Uniform

Floats: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int64]
Words: TypeAlias = NDArray[np.uint64]

#: What SplitMix64 adds from one state to the next: 2**64 divided by the golden ratio, made odd.
_STEP: Final = np.uint64(0x9E3779B97F4A7C15)

#: A Poisson draw of a mean above this is made of several, so that exp(-mean) stays far from 0.
_LARGEST_MEAN: Final = 32.0

#: So many events no single Poisson draw of the largest mean has; the sum of chances is then 1 but for rounding.
_MOST_EVENTS: Final = 200


@frozen(eq=False)
class Keys:
    """Keys of many draws, each a word of 64 bits; their methods give as many draws, or keys for narrower purposes."""

    words: Words

    @classmethod
    def of_names(cls, seed: int, names: Iterable[str]) -> Keys:
        """Give the keys of named things, such as partners, under a seed, which is any whole number."""
        text = str(seed).encode() + b"\x1f"
        words = b"".join(hashlib.blake2b(text + name.encode(), digest_size=8).digest() for name in names)
        return cls(np.frombuffer(words, dtype="<u8").astype(np.uint64, copy=False))

    def __len__(self) -> int:
        return len(self.words)

    def __getitem__(self, rows: Any) -> Keys:
        return Keys(self.words[rows])

    def on(self, purpose: str) -> Keys:
        """Give the keys of one purpose."""
        return Keys(_mixed(self.words ^ _word(purpose)))

    def at(self, numbers: NDArray[Any]) -> Keys:
        """Give the keys of numbered things, one number >= 0 for each key; one key may stand for all numbers."""
        return Keys(_mixed(self.words + _STEP * (np.asarray(numbers).astype(np.uint64) + np.uint64(1))))

    def share(self) -> Floats:
        """Draw numbers in [0, 1)."""
        return (self.words >> np.uint64(11)).astype(np.float64) * 2.0**-53

    def happens(self, chance: float | Floats) -> NDArray[np.bool_]:
        """Draw whether something of this chance happens."""
        return self.share() < chance

    def uniform(self, lowest: int | Integers, highest: int | Integers) -> Integers:
        """Draw whole numbers, both ends included, each as likely as the others."""
        return lowest + (self.share() * (np.asarray(highest) - lowest + 1)).astype(np.int64)

    def normal(self) -> Floats:
        """Draw from the normal distribution of mean 0 and deviation 1, by the method of Box and Muller."""
        # The two halves of a word are the two uniform draws; the tails end at 6.66 deviations.
        radius = ((self.words >> np.uint64(32)).astype(np.float64) + 1.0) * 2.0**-32
        angle = (self.words & np.uint64(0xFFFFFFFF)).astype(np.float64) * (2.0**-31 * np.pi)
        drawn: Floats = np.sqrt(-2.0 * np.log(radius)) * np.cos(angle)
        return drawn

    def count(self, mean: Floats) -> Integers:
        """Draw how often something happens that happens *mean* times on average (Poisson)."""
        large = np.flatnonzero(mean > _LARGEST_MEAN)
        count = _poisson(self.share(), np.minimum(mean, _LARGEST_MEAN))
        if len(large):
            pieces = np.ceil(mean[large] / _LARGEST_MEAN).astype(np.int64)
            owner = np.repeat(np.arange(len(large)), pieces)
            drawn = _poisson(self[large][owner].at(ranks(pieces)).share(), (mean[large] / pieces)[owner])
            count[large] = np.bincount(owner, weights=drawn, minlength=len(large)).astype(np.int64)
        return count


def ranks(counts: Integers) -> Integers:
    """
    Number the members of groups of these sizes, each group from 0.

    >>> ranks(np.array([2, 0, 3])).tolist()
    [0, 1, 0, 1, 2]
    """
    ends = np.cumsum(counts)
    return np.arange(ends[-1] if len(ends) else 0, dtype=np.int64) - np.repeat(ends - counts, counts)


def lognormal(keys: Keys, median: float | Floats, sigma: float | Floats) -> Floats:
    """Draw from the lognormal distribution of this median and this standard deviation of the logarithm."""
    drawn: Floats = median * np.exp(sigma * keys.normal())
    return drawn


def noise(keys: Keys, sigma: float) -> Floats:
    """Draw factors whose mean is 1, lognormal with this standard deviation of the logarithm."""
    return lognormal(keys, float(np.exp(-sigma * sigma / 2)), sigma)


def weighted(keys: Keys, weights: Sequence[float]) -> Integers:
    """Draw the place of one of several things, by weights that are not all 0."""
    sums = np.cumsum(np.asarray(weights, dtype=np.float64))
    drawn: Integers = np.searchsorted(sums, keys.share() * sums[-1], side="right")
    return np.minimum(drawn, _last_place(weights))


def sample(
    distribution: Distribution, keys: Keys, code: Callable[[FieldValue], int], scale: float | Floats = 1.0
) -> Integers:
    """
    Draw what a field holds, one value for each key, as the whole numbers of a table of events.

    Args:
        code: Gives the number that stands for a declared value.
        scale: A factor on amounts that are drawn lognormally or by quantiles.
    """
    match distribution:
        case Constant(value):
            return np.full(len(keys), code(value), dtype=np.int64)
        case Uniform(lowest, highest):
            return keys.uniform(lowest, highest)
        case Choice(values, weights):
            return np.array([code(value) for value in values], dtype=np.int64)[weighted(keys, weights)]
        case LogNormal(median, sigma, lowest, highest):
            return _whole(lognormal(keys, median * scale, float(sigma)), lowest, highest)
        case Quantiles(points, lowest, highest):
            return _whole(_between(keys.share(), points) * scale, lowest, highest)
        case OfLabel(label):
            raise ValueError(f"the label {label} is the partner's and not drawn")


def _between(share: Floats, points: tuple[tuple[float, int], ...]) -> Floats:
    """Give the value at each share: even on the scale of logarithms where both ends of a piece are above 0."""
    shares = np.array([place for place, _ in points])
    values = np.array([value for _, value in points], dtype=np.float64)
    plain = np.interp(share, shares, values)
    if values[-1] <= 0:
        return plain
    logs = np.log(np.maximum(values, 1e-300))
    piece = np.clip(np.searchsorted(shares, share, side="right") - 1, 0, len(shares) - 2)
    return np.where(values[piece] > 0, np.exp(np.interp(share, shares, logs)), plain)


def _whole(drawn: Floats, lowest: int, highest: int) -> Integers:
    """Round to whole minor units within what the field may hold; floats hold whole numbers up to 2**53."""
    return np.clip(np.floor(np.minimum(drawn, 2.0**53) + 0.5).astype(np.int64), lowest, highest)


def _last_place(weights: Sequence[float]) -> int:
    """Give the last place that has a weight; rounding must not reach beyond it."""
    return max(place for place, weight in enumerate(weights) if weight)


def _poisson(share: Floats, mean: Floats) -> Integers:
    """Invert the distribution: the count is the first of which the sum of chances exceeds the share."""
    count = np.zeros(len(share), dtype=np.int64)
    chance = np.exp(-mean)
    live = np.flatnonzero(share >= chance)
    share, mean, chance = share[live], mean[live], chance[live]
    total, number = chance.copy(), 0
    while len(live) and number < _MOST_EVENTS:
        number += 1
        count[live] = number
        chance = chance * mean / number
        total = total + chance
        more = share >= total
        live, share, mean, chance, total = live[more], share[more], mean[more], chance[more], total[more]
    return count


def _mixed(words: Words) -> Words:
    """Mix words in place: each bit of a result depends on every bit of its word."""
    words ^= words >> np.uint64(30)
    words *= np.uint64(0xBF58476D1CE4E5B9)
    words ^= words >> np.uint64(27)
    words *= np.uint64(0x94D049BB133111EB)
    words ^= words >> np.uint64(31)
    return words


@cache
def _word(purpose: str) -> np.uint64:
    return np.uint64(int.from_bytes(hashlib.blake2b(purpose.encode(), digest_size=8).digest(), "little"))
