"""CloudWatch's statistics of some values."""

import math
from collections.abc import Callable, Mapping, Sequence

Values = Sequence[float]

STATISTICS: Mapping[str, Callable[[Values], float]] = {
    "Average": lambda values: math.fsum(values) / len(values),
    "Sum": math.fsum,
    "Minimum": min,
    "Maximum": max,
    "SampleCount": len,
}


def statistic(name: str, values: Values) -> float:
    """One of CloudWatch's statistics of some values; `p99` is the value that 99 in 100 do not exceed.

    >>> statistic("p50", [3.0, 1.0, 2.0])
    2.0
    """
    if name in STATISTICS:
        return float(STATISTICS[name](values))
    share = float(name.removeprefix("p")) / 100
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]
