"""Whether data are still what they were: pure statistics over two distributions, of training data or of live traffic.

The population stability index (PSI) is the symmetrised Kullback-Leibler divergence of two distributions over the same
bins. Lewis ("An Introduction to Credit Scoring", 1994) and Siddiqi ("Credit Risk Scorecards", 2006) call less than .1
no change to speak of and more than .25 a large one. The index of two samples of one population is not 0 but about
chi-squared with bins - 1 degrees of freedom, times 1/n + 1/m (Yurdakul and Naranjo, "Statistical properties of the
population stability index", Journal of Risk Model Validation 2020), so small samples are held against that as well.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

SOME_CHANGE, LARGE_CHANGE = 0.1, 0.25
"""PSI: from the one up a change is worth a look, from the other up the data are other data."""
COMPARED_BINS = 30
"""The most frequent values of the first distribution are compared one by one, the others together."""
OTHER = "(other)"
"""The bin of all other values."""
LEAST_DISTANCE = 0.1
"""In [0, 1]: the Kolmogorov-Smirnov distance below which a difference is too small to matter, however certain it is."""
CERTAIN = 0.01
"""A p-value below this tells a difference from chance."""
_QUANTILE = 2.326
"""Of the standard normal distribution, at .99."""


def population_stability(before: Mapping[str, float], now: Mapping[str, float]) -> float:
    """PSI of two distributions, 0 where they are the same.

    Args:
        before: Count by value; any total above 0. The values compared are the COMPARED_BINS most frequent of these.
        now: Count by value; those unknown before count as OTHER.

    >>> population_stability({"a": 50, "b": 50}, {"a": 500, "b": 500}) < 0.001
    True
    >>> round(population_stability({"a": 500, "b": 500}, {"a": 250, "b": 750}), 2)
    0.27
    """
    first, second = _binned(before, now)
    # half a case more in each bin: one that is empty on one side would make the index infinite
    shares_before = (first + 0.5) / (first + 0.5).sum()
    shares_now = (second + 0.5) / (second + 0.5).sum()
    return float(((shares_now - shares_before) * np.log(shares_now / shares_before)).sum())


def chance_of_stability(before: Mapping[str, float], now: Mapping[str, float]) -> float:
    """The PSI that 99 in 100 pairs of samples of these sizes stay below if nothing has changed."""
    first, second = _binned(before, now)
    freedom = max(len(first) - 1, 1)
    # Wilson and Hilferty's cube (1931) is within 1% of the chi-squared quantile, and needs no table
    spread = 2 / (9 * freedom)
    quantile = freedom * (1 - spread + _QUANTILE * math.sqrt(spread)) ** 3
    return float(quantile * (1 / max(first.sum(), 1) + 1 / max(second.sum(), 1)))


def expected_stability(before: Mapping[str, float], now: Mapping[str, float]) -> float:
    """The PSI that two samples of these sizes have on average if nothing has changed."""
    first, second = _binned(before, now)
    return float((len(first) - 1) * (1 / max(first.sum(), 1) + 1 / max(second.sum(), 1)))


def kolmogorov_smirnov(
    before: Sequence[float], now: Sequence[float], *, count_before: int, count_now: int
) -> tuple[float, float]:
    """The largest distance of two distribution functions, in [0, 1], and how likely chance makes a larger one.

    Args:
        before: Ascending; a sample, or quantiles at even steps of one.
        now: The same of the other.
        count_before: Size of the sample that `before` stands for, at least 1.
        count_now: Size of the other.

    Returns:
        The distance, and its p-value by Kolmogorov's limit with Stephens' correction for small samples (1970).
    """
    first, second = np.asarray(before, dtype=np.float64), np.asarray(now, dtype=np.float64)
    points = np.concatenate([first, second])
    below_first = np.searchsorted(first, points, side="right") / len(first)
    below_second = np.searchsorted(second, points, side="right") / len(second)
    distance = float(np.abs(below_first - below_second).max())
    return distance, _likelihood(distance, count_before, count_now)


def binned_kolmogorov_smirnov(before: Sequence[float], now: Sequence[float]) -> tuple[float, float]:
    """The same of two samples that were counted in the same ordered bins; no count is negative, neither sum 0.

    What happens inside a bin is not seen: the distance is at most the largest bin's share too small, never too large.

    >>> binned_kolmogorov_smirnov([50, 50], [0, 100])[0]
    0.5
    """
    first, second = np.asarray(before, dtype=np.float64), np.asarray(now, dtype=np.float64)
    distance = float(np.abs(np.cumsum(first) / first.sum() - np.cumsum(second) / second.sum()).max())
    return distance, _likelihood(distance, float(first.sum()), float(second.sum()))


def _likelihood(distance: float, count_before: float, count_now: float) -> float:
    """How likely chance makes a larger distance."""
    effective = math.sqrt(count_before * count_now / (count_before + count_now))
    reach = (effective + 0.12 + 0.11 / effective) * distance
    if reach < 0.2:
        return 1.0  # the series below does not converge there, and the answer is 1 to six places
    terms = np.arange(1, 101)
    series = 2 * ((-1.0) ** (terms - 1) * np.exp(-2 * reach**2 * terms**2)).sum()
    return float(np.clip(series, 0, 1))


def _binned(before: Mapping[str, float], now: Mapping[str, float]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Counts of both over the same bins; the last is OTHER, where either has any."""
    named = sorted((name for name in before if name != OTHER), key=lambda name: (-before[name], name))[:COMPARED_BINS]
    first = [float(before[name]) for name in named]
    second = [float(now.get(name, 0)) for name in named]
    others = (sum(before.values()) - sum(first), sum(now.values()) - sum(second))
    if max(others) > 0:
        first.append(others[0])
        second.append(others[1])
    return np.array(first), np.array(second)
