"""How far a window of searches is from the traffic that a release was made for, and what of it moved."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from relevance.contracts.baseline import Baseline
from relevance.contracts.quality import Compared, DriftFound, Moved
from relevance.drift import (
    CERTAIN,
    LEAST_DISTANCE,
    SOME_CHANGE,
    binned_kolmogorov_smirnov,
    chance_of_stability,
    expected_stability,
    population_stability,
)
from relevance.query_profile import QueryProfile
from relevance.traffic import ASKED, NO_TOPIC, Weighed, histogram, kinds, weighed

LEAST_SEARCHES: Final = 200
"""Fewer say nothing: chance alone moves their shares by several parts in a hundred."""
LEAST_SHIFT: Final = 0.02
"""In [0, 1]: by how much a topic's share must differ to be named."""
LEAST_DEVIATIONS: Final = 4.0
"""Standard deviations that the difference must be of; some dozens of topics are looked at, and chance tries each."""
MOST_TOPICS_NAMED: Final = 8


def compare(baseline: Baseline, searches: Sequence[QueryProfile]) -> DriftFound:
    """Hold a window, or an even sample of it, against the baseline of the release that answered it."""
    counted = weighed(Counter(searches))
    if sum(one.weight for one in counted) < LEAST_SEARCHES:
        return DriftFound(outcome="not enough searches", baseline_origin=baseline.origin)
    compared = [*_kinds(baseline, counted), *_numbers(baseline, counted)]
    asked = [one.beyond_chance for one in compared if one.name in ASKED]
    found = [one.beyond_chance for one in compared if one.name not in ASKED]
    moved = sorted(_moved(compared, baseline, counted), key=lambda one: -(one.stability_index or 0))
    return DriftFound(
        outcome="compared",
        baseline_origin=baseline.origin,
        largest_psi=max([*asked, *found], default=0.0),
        query_drift=max(asked, default=0.0),
        score_drift=max(found, default=0.0),
        compared=tuple(compared),
        moved=(*moved, *_moved_topics(baseline, kinds(counted, "topic"))),
    )


def _kinds(baseline: Baseline, counted: Sequence[Weighed]) -> Iterator[Compared]:
    for name, before in baseline.kinds.items():
        now = kinds(counted, name)
        if sum(now.values()) >= LEAST_SEARCHES:
            yield _compared(name, before, now)


def _numbers(baseline: Baseline, counted: Sequence[Weighed]) -> Iterator[Compared]:
    for name, before in baseline.numbers.items():
        now = histogram(counted, name, before.edges)
        if now is None or sum(now.counts) < LEAST_SEARCHES:
            continue
        distance, likelihood = binned_kolmogorov_smirnov(before.counts, now.counts)
        yield _compared(name, _by_bin(before.counts), _by_bin(now.counts)).model_copy(
            update={
                "distance": round(distance, 4),
                "likelihood": likelihood,
                "mean": now.mean,
                "mean_before": before.mean,
            }
        )


def _compared(name: str, before: Mapping[str, float], now: Mapping[str, float]) -> Compared:
    return Compared(
        name=name,
        stability_index=round(population_stability(before, now), 4),
        by_chance=round(chance_of_stability(before, now), 4),
        expected=round(expected_stability(before, now), 4),
    )


def _by_bin(counts: Sequence[float]) -> dict[str, float]:
    return {str(place): count for place, count in enumerate(counts)}


def _moved(compared: Sequence[Compared], baseline: Baseline, counted: Sequence[Weighed]) -> Iterator[Moved]:
    for one in compared:
        certain = one.likelihood is not None and one.likelihood < CERTAIN
        apart = one.distance is not None and one.distance >= LEAST_DISTANCE
        if one.beyond_chance >= SOME_CHANGE or (certain and apart):
            yield Moved(name=one.name, said=_said(one, baseline, counted), stability_index=round(one.beyond_chance, 4))


def _said(one: Compared, baseline: Baseline, counted: Sequence[Weighed]) -> str:
    index = f"{one.beyond_chance:.2f} of the stability index is beyond chance"
    if one.mean is not None and one.mean_before is not None:
        if one.name == "nearness":
            far, far_before = _far(baseline, counted)
            return f"{far:.1%} of searches are near no topic, {far_before:.1%} in the baseline; {index}"
        return f"{one.name}: {one.mean:g} on average, {one.mean_before:g} in the baseline; {index}"
    if one.name == "topic":
        return f"topics: {index}"
    before, now = baseline.kinds[one.name], kinds(counted, one.name)
    value = max({*before, *now}, key=lambda value: abs(_share(now, value) - _share(before, value)))
    return f"{one.name}: {_share(now, value):.1%} {value}, {_share(before, value):.1%} in the baseline; {index}"


def _far(baseline: Baseline, counted: Sequence[Weighed]) -> tuple[float, float]:
    """Shares of the window and the baseline that are no nearer to their topic than a twentieth of the baseline is."""
    before = baseline.numbers["nearness"]
    now = histogram(counted, "nearness", before.edges)
    return (sum(now.counts[:2]) / sum(now.counts) if now else 0.0), sum(before.counts[:2]) / sum(before.counts)


def _moved_topics(baseline: Baseline, now: Mapping[str, float]) -> Sequence[Moved]:
    """Single topics that grew or shrank, the one that moved most first."""
    before = baseline.kinds.get("topic", {})
    searches, searches_before = sum(now.values()), sum(before.values())
    found = []
    for value in {*before, *now}:
        share, share_before = _share(now, value), _share(before, value)
        pooled = (now.get(value, 0) + before.get(value, 0)) / (searches + searches_before)
        deviation = (pooled * (1 - pooled) * (1 / searches + 1 / searches_before)) ** 0.5
        shift = abs(share - share_before)
        if shift >= LEAST_SHIFT and shift >= LEAST_DEVIATIONS * deviation:
            said = f"{share:.1%} of searches are {_called(baseline, value)}, {share_before:.1%} in the baseline"
            found.append(Moved(name="topic", said=said, share=round(share, 4), share_before=round(share_before, 4)))
    most_first = sorted(found, key=lambda one: (-abs((one.share or 0) - (one.share_before or 0)), one.said))
    return most_first[:MOST_TOPICS_NAMED]


def _called(baseline: Baseline, value: str) -> str:
    if value == NO_TOPIC:
        return "without a topic"
    known = int(value) < len(baseline.topics)
    words = baseline.topics[int(value)].words if known else ()
    return f"near '{' '.join(words)}'" if words else f"near topic {value}"


def _share(counts: Mapping[str, float], value: str) -> float:
    return counts.get(value, 0) / max(sum(counts.values()), 1e-9)
