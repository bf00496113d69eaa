"""A quality report for people to read."""

from collections.abc import Iterator

from relevance.contracts.quality import DriftFound, JudgedQuery, QualityReport, RelevanceFound
from relevance.drift import LARGE_CHANGE, SOME_CHANGE

_WORTH_NAMING = 0.1
"""Of nDCG@10."""
_MOST_NAMED = 10
_NOT_COMPARED = {
    "no baseline": "The live release carries no baseline: nothing says what its traffic should be like.",
    "not enough searches": "Too few searches, or too few different ones, to say anything.",
    "not read": "The log of searches could not be read; look at the function's own log.",
}
_NOT_MEASURED = "No judged query was asked: `vitrine judgments put FILE` puts some, or look at the function's own log."


def as_markdown(report: QualityReport) -> str:
    """The whole report as a page."""
    window = report.window
    lines = [
        f"# Quality, {window.begins_at:%Y-%m-%d %H:%M} to {window.ends_at:%Y-%m-%d %H:%M} UTC",
        "",
        f"Release {report.release or 'none is live'}; {window.searches:,} searches in the window that can be compared.",
        "",
        "## Relevance",
        "",
        *(_relevance(report.relevance) if report.relevance else [_NOT_MEASURED]),
        "",
        "## What shoppers ask, beside what the release was made for",
        "",
        *_drift(report.drift),
    ]
    return "\n".join(lines) + "\n"


def _relevance(found: RelevanceFound) -> Iterator[str]:
    yield f"{found.queries:,} judged queries asked over the API, {found.answered_share:.1%} answered."
    yield ""
    yield "| figure | value |"
    yield "| --- | --- |"
    shares = {
        "nDCG@10, unjudged products as bad": found.ndcg10,
        "nDCG@10, judged products alone": found.ndcg10_judged,
        "judged part of the first ten": found.judged_share,
        "without a hit": found.zero_hit_share,
        "had to do without something": found.degraded_share,
    }
    for name, share in shares.items():
        yield f"| {name} | {'-' if share is None else f'{share:.4f}'} |"
    for name, milliseconds in (("p50", found.p50_ms), ("p99", found.p99_ms)):
        yield f"| {name}, over the network | {'-' if milliseconds is None else f'{milliseconds:.0f} ms'} |"
    if found.change is not None:
        yield ""
        yield f"nDCG@10 is {found.change:+.4f} from what it was in the looks before, a week at most."
        yield from (f"- {one.query}: {one.ndcg10:.2f}, usually {one.usual:.2f}" for one in _fallen(found))


def _fallen(found: RelevanceFound) -> list[JudgedQuery]:
    """The queries that lost most."""
    lost = {
        one.query: one.usual - one.ndcg10
        for one in found.by_query
        if one.usual is not None and one.ndcg10 is not None and one.usual - one.ndcg10 >= _WORTH_NAMING
    }
    return sorted((one for one in found.by_query if one.query in lost), key=lambda one: -lost[one.query])[:_MOST_NAMED]


def _drift(found: DriftFound) -> Iterator[str]:
    if found.outcome != "compared":
        yield _NOT_COMPARED[found.outcome]
        return
    if found.baseline_origin == "derived":
        yield "The baseline is of queries drawn from the catalogue: that shoppers ask otherwise is to be expected."
        yield ""
    if found.moved:
        yield from (f"- {one.said}" for one in found.moved)
    else:
        yield "Nothing moved enough to be worth a look."
    yield ""
    yield f"Stability index beyond chance: up to {SOME_CHANGE} nothing to speak of, from {LARGE_CHANGE} large."
    yield ""
    yield "| | index | by chance | beyond | distance | p | mean | before |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- |"
    for one in sorted(found.compared, key=lambda one: -one.beyond_chance):
        numbers = [one.distance, one.likelihood, one.mean, one.mean_before]
        rest = " | ".join("-" if number is None else f"{number:.3g}" for number in numbers)
        index = f"{one.stability_index:.3f} | {one.by_chance:.3f} | {one.beyond_chance:.3f}"
        yield f"| {one.name} | {index} | {rest} |"
