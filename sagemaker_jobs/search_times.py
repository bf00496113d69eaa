"""How long searches take with one release beside another, so that their ratio counts and not the machine."""

import gc
from collections.abc import Callable, Mapping, Sequence
from time import perf_counter_ns

import numpy as np
from numpy.typing import NDArray

from relevance.metrics import Difference

PASSES = 5


def search_times(
    searches: Mapping[str, Callable[[str], object]], queries: Sequence[str], passes: int = PASSES
) -> dict[str, NDArray[np.float64]]:
    """By name, the time of each query in ms: shape (len(queries),), the shortest of several passes.

    The searches take turns query by query, and in turn who begins: what else the machine does hits all alike, and what
    interrupts one pass is gone in the next.
    """
    took = {name: np.full(len(queries), np.inf) for name in searches}
    gc.collect()
    for number in range(passes):
        for place, query in enumerate(queries):
            turns = list(searches.items())
            for name, call in turns if (number + place) % 2 else reversed(turns):
                start = perf_counter_ns()
                call(query)
                took[name][place] = min(took[name][place], (perf_counter_ns() - start) / 1e6)
    return took


def slowdown(
    ours: NDArray[np.float64], theirs: NDArray[np.float64], percentile: float, seed: int, resamples: int = 1000
) -> Difference:
    """Our percentile over theirs, with the interval that holds the ratio with 95% confidence.

    Queries are drawn with replacement, each with both its times: a single query that something interrupted in every
    pass is then no slow release. `mean` is the ratio as found.
    """
    drawn = np.random.default_rng(seed).integers(len(ours), size=(resamples, len(ours)))
    ratios = np.percentile(ours[drawn], percentile, axis=1) / np.percentile(theirs[drawn], percentile, axis=1)
    low, high = np.percentile(ratios, [2.5, 97.5])
    return Difference(
        float(np.percentile(ours, percentile) / np.percentile(theirs, percentile)), float(low), float(high)
    )
