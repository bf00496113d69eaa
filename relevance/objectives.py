"""The list of limits that a release must keep: the gate, alarms and benchmarks all read this one.

`docs/decisions/0012-gate.md` says where each limit comes from.
"""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal

from relevance.contracts.training import Check, Verdict
from relevance.metrics import Difference

Needed = Literal["live release", "judgments", "tail queries", "brands", "prices"]
"""What may honestly be absent; an objective that needs it is then passed over."""

_UNITS = {"ms": " ms", "MB": " MB", "GB-seconds": " GB-seconds"}
"""What is said behind a figure; of the others the description says what they are."""

FUNCTION_MEMORY_MIB = 1769
"""Of the function that searches: AWS gives one whole processor at this size."""


@dataclass(frozen=True)
class Objective:
    """One limit."""

    name: str
    description: str
    """What is measured, as the subject of a sentence."""
    unit: str
    direction: Literal["at least", "at most"]
    limit: float
    needs: tuple[Needed, ...] = ()

    def holds(self, value: float) -> bool:
        """Whether a value keeps the limit; NaN never does."""
        return value >= self.limit if self.direction == "at least" else value <= self.limit


@dataclass(frozen=True)
class Figure:
    """What was measured for one objective."""

    value: float
    said: str = ""
    """What else there is to know of it, such as an interval."""

    @classmethod
    def worst_case(cls, difference: Difference, queries: int) -> "Figure":
        """The lower end of the interval of "candidate less live": how much worse it may well be."""
        interval = f"{difference.low:+.4f} to {difference.high:+.4f}"
        return cls(difference.low, f"{difference.mean:+.4f} on average over {queries:,} queries, 95% within {interval}")


OBJECTIVES: tuple[Objective, ...] = (
    Objective("relevance", "mean nDCG@10 of the test queries", "nDCG@10", "at least", 0.30),
    Objective(
        "relevance_against_live",
        "the difference in nDCG@10 from the live release, at the lower end of its interval",
        "nDCG@10",
        "at least",
        -0.02,
        ("live release",),
    ),
    Objective(
        "tail_relevance",
        "mean nDCG@10 of the test queries that are asked most rarely",
        "nDCG@10",
        "at least",
        0.20,
        ("tail queries",),
    ),
    Objective(
        "tail_relevance_against_live",
        "the tail queries' difference in nDCG@10 from the live release, at the lower end of its interval",
        "nDCG@10",
        "at least",
        -0.03,
        ("tail queries", "live release"),
    ),
    Objective(
        "judged_relevance_against_live",
        "the difference in nDCG@10 by people's ratings from the live release, at the lower end of its interval",
        "nDCG@10",
        "at least",
        -0.05,
        ("judgments", "live release"),
    ),
    Objective(
        "brand_exposure",
        "the part of the first ten's attention that brands get beyond their products' relevance, or lack",
        "share",
        "at most",
        0.30,
        ("brands",),
    ),
    Objective(
        "brand_exposure_against_live",
        "the attention beyond its products' relevance that one brand has gained since the live release",
        "share",
        "at most",
        0.03,
        ("brands", "live release"),
    ),
    Objective(
        "price_exposure",
        "the part of the first ten's attention that bands of prices get beyond their products' relevance, or lack",
        "share",
        "at most",
        0.20,
        ("prices",),
    ),
    Objective(
        "price_exposure_against_live",
        "the attention beyond its products' relevance that one band of prices has gained since the live release",
        "share",
        "at most",
        0.03,
        ("prices", "live release"),
    ),
    Objective("answered", "the part of searches that every model of the release answered", "share", "at least", 1.0),
    Objective("latency_p50", "the median time of a search", "ms", "at most", 20.0),
    Objective("latency_p99", "the time that one search in a hundred exceeds", "ms", "at most", 60.0),
    Objective(
        "latency_p50_against_live",
        "the median time of a search over the live release's in the same minute, at the lower end of its interval",
        "ratio",
        "at most",
        1.25,
        ("live release",),
    ),
    Objective(
        "latency_p99_against_live",
        "the time that one search in a hundred exceeds, over the live release's, at the lower end of its interval",
        "ratio",
        "at most",
        1.5,
        ("live release",),
    ),
    Objective("encoder_size", "the size of the query encoder", "MB", "at most", 24.0),
    Objective("ranker_size", "the size of the ranker", "MB", "at most", 0.5),
    Objective("release_size", "the size of the release", "MB", "at most", 240.0),
    Objective(
        "cost",
        f"the cost of a million searches in a function of {FUNCTION_MEMORY_MIB:,} MiB",
        "GB-seconds",
        "at most",
        40_000.0,
    ),
)
"""In the order in which a verdict lists them."""


def objective(name: str) -> Objective:
    """The objective of that name; raises KeyError without one."""
    return {one.name: one for one in OBJECTIVES}[name]


def cost_gb_seconds(mean_ms: float, memory_mib: int = FUNCTION_MEMORY_MIB) -> float:
    """What AWS bills for a million warm searches, in GB-seconds; rounding up to whole ms adds half of one on average.

    >>> cost_gb_seconds(9.5, memory_mib=1024)
    10000.0
    """
    return 1_000_000 * memory_mib / 1024 * (mean_ms + 0.5) / 1000


def verdict(
    measured: Mapping[str, Figure], *, absent: Collection[Needed] = (), against: str | None, data: str
) -> Verdict:
    """Hold what was measured against every objective.

    Args:
        measured: By the objective's name. What is missing, or no number, misses.
        absent: What there was none of: objectives that need it pass, and say so.
        against: The live release's id; None where there is none.
        data: What was measured on, in words.

    Raises:
        ValueError: If something was measured that is no objective: its limit would go unseen.
    """
    unknown = measured.keys() - {one.name for one in OBJECTIVES}
    if unknown:
        raise ValueError(f"no objective is called {', '.join(sorted(unknown))}")
    checks = tuple(_check(one, measured.get(one.name), absent) for one in OBJECTIVES)
    return Verdict(passed=all(check.passed for check in checks), checks=checks, against=against, data=data)


def _check(one: Objective, figure: Figure | None, absent: Collection[Needed]) -> Check:
    lacking = [needed for needed in one.needs if needed in absent]
    found = None if figure is None or not math.isfinite(figure.value) else figure.value
    if lacking:
        found, passed, reason = None, True, f"Passed over: no {lacking[0]} to measure {one.description} by."
    elif found is None:
        passed, reason = False, f"Could not be measured: {one.description}."
    else:
        passed = one.holds(found)
        beside = f" ({figure.said})" if figure is not None and figure.said else ""
        reason = (
            f"{'Kept' if passed else 'Missed'}: {one.description} is {found:.4g}{_UNITS.get(one.unit, '')}{beside}; "
            f"{one.direction} {one.limit:g} is asked for."
        )
    return Check(objective=one.name, found=found, limit=one.limit, unit=one.unit, passed=passed, reason=reason)
