"""How many more are to be expected: a negative binomial of what is left to come, from what past days gave.

Working time brings facts at a rate, in bursts: their variance is some multiple, the *spread*, of their mean. With one
spread for any stretch of time this is the negative binomial that adds up over stretches. A spread of 1 is a Poisson.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from functools import lru_cache

from msgspec import Struct

LEAST_DAYS, LEAST_FACTS = 10, 5
"""Of less than two weeks' work, or of fewer facts, no rate is told."""
HALF_LIFE_DAYS = 30
"""A day that long ago weighs half as much as yesterday: rates drift, and reps learn."""
_POISSON_BELOW = 1.0001
"""A negative binomial this close to a Poisson differs in no place that is shown, but loses digits in ``lgamma``."""
_NEGLIGIBLE = 1e-10
"""Beside the greatest term of a sum: six places are shown."""


class Worked(Struct, frozen=True):
    """A past day: how many days ago, facts, and working hours."""

    age: int
    facts: int
    hours: float


class Rate(Struct, frozen=True):
    """Facts a working hour, the variance of their number over its mean (1 or more), and the hours that it rests on."""

    hourly: float
    spread: float
    hours: float


def rate_of(days: Iterable[Worked]) -> Rate | None:
    """The recent rate of a KPI's facts; None with too little evidence.

    days: the latest first. Evidence begins after the first day that gave anything: before it nobody may have counted,
    and the time from one fact on tells as much as any. Days without working time tell nothing.
    """
    known = list(days)
    while known and not known[-1].facts:
        known.pop()
    worked = [day for day in known[:-1] if day.hours > 0]
    if len(worked) < LEAST_DAYS or sum(day.facts for day in worked) < LEAST_FACTS:
        return None
    weights = [0.5 ** (day.age / HALF_LIFE_DAYS) for day in worked]
    hours = sum(w * day.hours for w, day in zip(weights, worked, strict=True))
    squared = sum(w * w * day.hours for w, day in zip(weights, worked, strict=True))
    hourly = sum(w * day.facts for w, day in zip(weights, worked, strict=True)) / hours
    deviation = sum(
        w * (day.facts - hourly * day.hours) ** 2 / (hourly * day.hours) for w, day in zip(weights, worked, strict=True)
    )
    freedom = sum(weights) - squared / hours
    return Rate(hourly, max(1.0, deviation / freedom), hours * hours / squared)


def at_most(facts: int, rate: Rate, hours: float) -> float:
    """The probability that so many hours of work bring at most so many facts.

    The spread is greater the longer they are beside the hours that the rate rests on: it may be another in truth.
    """
    return 0.0 if facts < 0 else cumulated(facts, rate.hourly * hours, rate.spread * (1 + hours / rate.hours))


@lru_cache(maxsize=65_536)
def cumulated(facts: int, mean: float, spread: float) -> float:
    """P(N <= facts) of a negative binomial by its mean and the variance over it; a Poisson where that is 1.

    Summed from where it is asked outwards, away from the mean: a few standard deviations of terms.
    """
    if mean <= 0:
        return 1.0
    model = _Model.of(mean, spread)
    if facts < mean:
        return min(1.0, math.fsum(model.downwards(facts)))
    return max(0.0, 1.0 - math.fsum(model.upwards(facts + 1)))


class _Model(Struct, frozen=True):
    """Size and share of a negative binomial; a size of infinity is a Poisson."""

    mean: float
    size: float = math.inf
    share: float = 0.0

    @classmethod
    def of(cls, mean: float, spread: float) -> _Model:
        return cls(mean) if spread < _POISSON_BELOW else cls(mean, mean / (spread - 1), (spread - 1) / spread)

    def downwards(self, place: int) -> Iterator[float]:
        """Probabilities of a number below the mean and of each before it, while they matter."""
        first = term = self._probability(place)
        while term > _NEGLIGIBLE * first:
            yield term
            if not place:
                return
            term *= place / self._step(place - 1)
            place -= 1

    def upwards(self, place: int) -> Iterator[float]:
        """Probabilities of a number above the mean and of each after it, while they matter."""
        first = term = self._probability(place)
        while term > _NEGLIGIBLE * first:
            yield term
            term *= self._step(place) / (place + 1)
            place += 1

    def _step(self, place: int) -> float:
        """P(place + 1) / P(place), times place + 1."""
        return self.mean if self.size == math.inf else (self.size + place) * self.share

    def _probability(self, facts: int) -> float:
        if self.size == math.inf:
            return math.exp(facts * math.log(self.mean) - self.mean - math.lgamma(facts + 1))
        ways = math.lgamma(self.size + facts) - math.lgamma(self.size) - math.lgamma(facts + 1)
        return math.exp(ways + self.size * math.log1p(-self.share) + facts * math.log(self.share))
