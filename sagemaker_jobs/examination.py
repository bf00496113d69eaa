"""How likely a product is looked at, place by place: the propensities that correct clicks for where products stood.

The position-based model says that a product is clicked if it is looked at, which depends on its place alone, and if it
attracts, which depends on query and product alone. Where the same product stood in different places for the same query,
because the ranking changed or products came and went, the difference of its click rates tells the difference of the
places: *intervention harvesting* (Agarwal, Zaitsev, Wang, Li, Najork and Joachims, WSDM 2019, "Estimating Position Bias
without Intrusive Interventions", the estimator AllPairs). The likelihood is maximised by the expectation-maximisation
of Wang, Golbandi, Bendersky, Metzler and Najork (WSDM 2018, "Position Bias Estimation for Unbiased Learning to Rank in
Personal Search"). Nobody's page has to be shuffled for it, and no model of relevance is needed.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

DEEPEST = 50
"""Places beyond are taken for as likely to be looked at as this one."""
MOST_WEIGHT = 10.0
"""The highest inverse propensity that anything counts with: one click far below must not outweigh a page of them
(Strehl, Langford, Li and Kakade, NIPS 2010, on capping)."""
LEAST_SHOWN = 100
"""Times that products of both places were shown, before what they tell of the two is believed."""
LEAST_CLICKED = 20
ASSUMED_FALL = 1.0
"""Exponent of place^-e where a log cannot tell: the one of Joachims, Swaminathan and Schnabel (WSDM 2017)."""
_ROUNDS, _TOLERANCE = 2000, 1e-7

Place = int
"""1 is the first."""

Harvest = Mapping[tuple[Place, Place], tuple[float, float, float]]
"""By two places, the weight of the products that stood in both, and of it what was clicked in each."""


@dataclass(frozen=True)
class Examination:
    """How likely a shopper looks at each place, against the first."""

    propensities: NDArray[np.float64]
    """Shape (DEEPEST,), in (0, 1]; that of the first place is 1."""
    measured: tuple[Place, ...]
    """Places that the log told; the others follow a power of their place that was fitted to these."""
    fall: float
    """The power's exponent e in place^-e."""

    def of(self, place: Place) -> float:
        """The propensity of a place, in (0, 1]."""
        return float(self.propensities[min(place, len(self.propensities)) - 1])

    def weight(self, place: Place) -> float:
        """Inverse propensity of a place, at most MOST_WEIGHT."""
        return min(1 / self.of(place), MOST_WEIGHT)


@dataclass(frozen=True)
class Standing:
    """What came of one product of one query in one place."""

    query: str
    product_id: str
    place: Place
    shown: int
    clicked: int


def estimate_examination(standings: Iterable[Standing]) -> Examination:
    """Propensities out of a log; without enough clicks in different places, the ones that are assumed.

    Args:
        standings: Of each query, product and place once.
    """
    harvested = _harvest(standings)
    if not harvested:
        places = np.arange(1, DEEPEST + 1, dtype=np.float64)
        return Examination(places**-ASSUMED_FALL, (), ASSUMED_FALL)
    known = _maximise(harvested)
    known = {place: value / known[1] for place, value in known.items()}
    fall = _fitted_fall(known, harvested)
    curve = np.array([known.get(place, place**-fall) for place in range(1, DEEPEST + 1)])
    return Examination(np.clip(curve, 1e-3, 1.0), tuple(sorted(known)), fall)


def _harvest(standings: Iterable[Standing]) -> Harvest:
    """What products that stood in several places tell of these.

    A product counts alike in both places, or its attraction would pass for theirs. How much it counts is free: by the
    harmonic mean of how often it stood in each, the variance is least.
    """
    by_pair: dict[tuple[str, str], dict[Place, list[int]]] = defaultdict(dict)
    for standing in standings:
        if standing.place <= DEEPEST:
            by_pair[standing.query, standing.product_id][standing.place] = [standing.shown, standing.clicked]
    tallies: dict[tuple[Place, Place], list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0])
    for places in by_pair.values():
        ordered = sorted(places.items())
        for at, (first, (shown, clicked)) in enumerate(ordered):
            for second, (also_shown, also_clicked) in ordered[at + 1 :]:
                weight = 2 * shown * also_shown / (shown + also_shown)
                tally = tallies[first, second]
                tally[0] += weight
                tally[1] += weight * clicked / shown
                tally[2] += weight * also_clicked / also_shown
    kept = {
        places: (shown, clicked, also_clicked)
        for places, (shown, clicked, also_clicked) in tallies.items()
        if shown >= LEAST_SHOWN and clicked + also_clicked >= LEAST_CLICKED
    }
    return _joined_to_the_first(kept)


def _joined_to_the_first(harvested: Harvest) -> Harvest:
    """Without the places that no chain of comparisons joins to the first: their scale is unknown."""
    joined, before = {1}, 0
    while len(joined) > before:
        before = len(joined)
        for first, second in harvested:
            if first in joined or second in joined:
                joined |= {first, second}
    return {places: tally for places, tally in harvested.items() if places[0] in joined}


def _maximise(harvested: Harvest) -> dict[Place, float]:
    """The likeliest propensities, up to a common factor, by expectation-maximisation.

    Each two places have an attraction of their own: the mean one of the products that stood in both.
    """
    places = sorted({place for both in harvested for place in both})
    number = {place: at for at, place in enumerate(places)}
    pairs = np.array([[number[first], number[second]] for first, second in harvested])
    shown = np.array([tally[0] for tally in harvested.values()])[:, None]
    clicked = np.array([tally[1:] for tally in harvested.values()])
    passed = shown - clicked
    propensity = np.linspace(0.9, 0.5, len(places))
    attraction = np.full((len(pairs), 1), 0.5)
    for _ in range(_ROUNDS):
        before = propensity
        looked = propensity[pairs]
        unclicked = np.maximum(1 - looked * attraction, 1e-12)
        # what was not clicked was looked at and did not attract, or was not looked at and would have, or neither
        looked_at = clicked + passed * looked * (1 - attraction) / unclicked
        attracted = clicked + passed * attraction * (1 - looked) / unclicked
        totals = np.bincount(pairs.ravel(), weights=looked_at.ravel(), minlength=len(places))
        counts = np.bincount(pairs.ravel(), weights=np.repeat(shown, 2), minlength=len(places))
        propensity = totals / counts
        attraction = attracted.sum(axis=1, keepdims=True) / (2 * shown)
        if np.abs(propensity / propensity[0] - before / before[0]).max() < _TOLERANCE:
            break
    return {place: float(max(propensity[number[place]], 1e-6)) for place in places}


def _fitted_fall(known: dict[Place, float], harvested: Harvest) -> float:
    """The exponent e with which place^-e comes nearest to the known propensities, in logarithms, by weight shown."""
    shown = dict.fromkeys(known, 0.0)
    for (first, second), tally in harvested.items():
        shown[first] += tally[0]
        shown[second] += tally[0]
    deeper = [place for place in known if place > 1]
    logs = np.log(np.array(deeper, dtype=np.float64))
    weights = np.array([shown[place] for place in deeper])
    values = np.log(np.array([known[place] for place in deeper]))
    return float(np.clip(-(weights * logs * values).sum() / (weights * logs * logs).sum(), 0.0, 3.0))
