"""How good a release is, beside the live one: every figure of it, and what the gate says to them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

import numpy as np

from relevance.contracts.products import Product
from relevance.contracts.training import PairLine, QueryLine, Verdict
from relevance.curves import average_precision, cross_validated_f1, roc_auc, thresholds
from relevance.errors import VitrineError
from relevance.exposure import Exposure, brands, exposure, price_bands
from relevance.judgments import Judgments
from relevance.metrics import Difference, paired_bootstrap
from relevance.objectives import Figure, Needed, cost_gb_seconds, verdict
from relevance.quality import FIRST, Quality, mean_quality, quality
from relevance.release import Release
from sagemaker_jobs.answers import Answer, answering, searching
from sagemaker_jobs.dataset import Dataset
from sagemaker_jobs.search_times import search_times, slowdown

MOST_QUERIES = 1000
"""Of the test split, drawn at random where there are more."""
TIMED = 150
"""Queries whose searches are timed."""
NEWEST = 0.1
"""The part of the products with a date, in [0, 1], that counts as new."""
_BEST_RATING = 3.0
_POINTS = 200
"""Of a curve, at most."""
TAIL, NEW = "tail", "new products"
TEST, JUDGED = "test queries", "judged queries"

Say = Callable[[str], None]


@dataclass(frozen=True)
class Question:
    """A query with the ratings of products for it."""

    text: str
    ratings: Mapping[str, float]
    """Product id -> 0 to 3, at least one above 0."""
    relevant_from: float
    segments: tuple[str, ...] = ()
    known_alone: bool = False
    """Count only products that were rated: what nobody was shown, or nobody judged, is not therefore bad."""

    @property
    def relevant(self) -> list[str]:
        """Ids of the relevant products."""
        return [product_id for product_id, rating in self.ratings.items() if rating >= self.relevant_from]

    @property
    def looked_for(self) -> frozenset[str]:
        """Ids of what an answer must be read for: where only rated products count, all that add to nDCG."""
        return frozenset(name for name, rating in self.ratings.items() if rating > 0 and self.known_alone)

    def ndcg(self, found: Quality) -> float:
        """The figure that counts for this query."""
        return found.ndcg_known if self.known_alone else found.ndcg


@dataclass(frozen=True)
class Asked:
    """One release's answers to a list of questions."""

    questions: Sequence[Question]
    answers: Sequence[Answer]

    @cached_property
    def qualities(self) -> list[Quality]:
        """Of each answer."""
        return [
            quality(answer.product_ids, question.ratings, relevant_from=question.relevant_from)
            for question, answer in zip(self.questions, self.answers, strict=True)
        ]

    @cached_property
    def ndcgs(self) -> list[float]:
        """What counts of each answer."""
        return [question.ndcg(found) for question, found in zip(self.questions, self.qualities, strict=True)]

    def of(self, segment: str) -> "Asked":
        """The questions of one segment alone."""
        kept = [at for at, question in enumerate(self.questions) if segment in question.segments]
        return Asked([self.questions[at] for at in kept], [self.answers[at] for at in kept])

    def without(self, product_ids: frozenset[str]) -> "Asked":
        """The questions that none of these products answers; all of them where that leaves none."""
        kept = [at for at, question in enumerate(self.questions) if product_ids.isdisjoint(question.relevant)]
        return Asked([self.questions[at] for at in kept], [self.answers[at] for at in kept]) if kept else self

    def exposure(self, group_of: Sequence[Mapping[str, str]]) -> Exposure:
        """What groups of products get and deserve; see `relevance.exposure`."""
        return exposure(
            [answer.product_ids for answer in self.answers],
            [question.ratings for question in self.questions],
            group_of,
        )

    def price_bands(self, prices: Mapping[str, int]) -> list[dict[str, str]]:
        """For each question, the bands of the products that are judged, or shown first."""
        return [
            price_bands(prices, question.relevant, {*question.ratings, *answer.product_ids[:FIRST]})
            for question, answer in zip(self.questions, self.answers, strict=True)
        ]


@dataclass
class Evaluation:
    """All that was found; `figures` is what `evaluation.json` says."""

    verdict: Verdict
    figures: dict[str, Any] = field(default_factory=dict)


def evaluate(
    candidate: Release, live: Release | None, dataset: Dataset, judgments: Judgments, *, seed: int, say: Say
) -> Evaluation:
    """Measure a release, and hold it against the live one and the list of objectives.

    Args:
        candidate, live: Open releases that remember no query.
        dataset: Its test split is asked.
        judgments: People's ratings; empty where there are none.
        seed: Of what is drawn: queries where there are too many, and the bootstrap's resamples.
        say: Told what is going on.

    Raises:
        VitrineError: If no test query has a relevant product: nothing can be said of the release then.
    """
    releases = {"candidate": candidate} | ({"live": live} if live else {})
    fresh = new_products(dataset.products, _ids(live) if live else None)
    lists = {TEST: questions_of(dataset, fresh, seed), JUDGED: judged_questions(judgments)}
    if not lists[TEST]:
        raise VitrineError(f"{dataset.folder}: no query of the test split has a relevant product to look for")
    asked: dict[str, dict[str, Asked]] = {}
    for name, release in releases.items():
        ask = answering(release)
        for data, questions in lists.items():
            if questions:
                say(f"asking the {name} release {len(questions):,} {data}")
                answers = [ask(question.text, question.looked_for) for question in questions]
                asked.setdefault(data, {})[name] = Asked(questions, answers)

    absent: set[Needed] = set()
    measured: dict[str, Figure] = {}
    figures: dict[str, Any] = {"candidate": candidate.release_id, "live": live and live.release_id}
    figures["quality"] = {data: _compared(found, seed) for data, found in asked.items()}
    figures["segments"] = {
        segment: _compared({name: one.of(segment) for name, one in asked[TEST].items()}, seed)
        for segment in sorted({segment for question in lists[TEST] for segment in question.segments})
    }
    if live is None:
        absent.add("live release")
    _relevance(figures, measured, absent)
    unknown = frozenset(dataset.row_of) - _ids(live) if live else frozenset()
    _exposure(figures, measured, absent, asked[TEST], dataset.products, unknown)
    say(f"timing {min(TIMED, len(lists[TEST])):,} searches of each release")
    _times(figures, measured, releases, lists[TEST], seed)
    _sizes(figures, measured, candidate)
    lost = [answer for found in asked.values() for answer in found["candidate"].answers]
    measured["answered"] = Figure(sum(not answer.lost for answer in lost) / len(lost))
    figures["curves"] = _curves(asked)
    figures["by_query"] = _by_query(asked)

    said = f"{len(lists[TEST]):,} test queries of {dataset.report['source']}"
    if judgments:
        said += f", {len(lists[JUDGED]):,} queries with people's ratings"
    decided = verdict(measured, absent=absent, against=live.release_id if live else None, data=said)
    figures["data"] = said
    figures["verdict"] = decided.model_dump(mode="json")
    return Evaluation(decided, figures)


def questions_of(dataset: Dataset, fresh: frozenset[str], seed: int) -> list[Question]:
    """The test split's queries that have a relevant product, at most MOST_QUERIES.

    A query's segments are how often it is asked, where it comes from, its language, and whether one of its relevant
    products is new. What shoppers were never shown says nothing about a logged query, so there only known pairs count;
    a derived query's products are all known.
    """
    pairs = dataset.pairs_by_query()
    questions = [_question(query, pairs[query.query_id], fresh) for query in dataset.queries_of("test")]
    usable = [question for question in questions if any(rating > 0 for rating in question.ratings.values())]
    if len(usable) > MOST_QUERIES:
        kept = np.random.default_rng(seed).permutation(len(usable))[:MOST_QUERIES]
        usable = [usable[at] for at in sorted(kept.tolist())]
    return usable


def _question(query: QueryLine, pairs: Sequence[PairLine], fresh: frozenset[str]) -> Question:
    ratings: dict[str, float] = {}
    for pair in pairs:
        ratings[pair.product_id] = max(ratings.get(pair.product_id, 0.0), _BEST_RATING * pair.relevance)
    segments: list[str] = [query.segment, query.origin]
    if query.language:
        segments.append(f"language {query.language}")
    if any(rating >= _BEST_RATING / 2 and product_id in fresh for product_id, rating in ratings.items()):
        segments.append(NEW)
    return Question(query.text, ratings, _BEST_RATING / 2, tuple(segments), known_alone=query.origin == "log")


def judged_questions(judgments: Judgments) -> list[Question]:
    """Ratings were pooled from other engines' answers, so only products that were rated count."""
    return [Question(query, ratings, relevant_from=2.0, known_alone=True) for query, ratings in judgments.items()]


def new_products(products: Sequence[Product], known: frozenset[str] | None) -> frozenset[str]:
    """Ids of the products that the live release does not know, and of the tenth that was released last.

    Args:
        products: Of the catalogue.
        known: What the live release sells; None where there is none.
    """
    dates: dict[str, datetime] = {
        product.product_id: product.released_at for product in products if product.released_at is not None
    }
    latest = sorted(set(dates.values()))
    since = sorted(dates.values())[int(len(dates) * (1 - NEWEST))] if len(latest) > 1 else None
    released = {product_id for product_id, date in dates.items() if since is not None and date >= since}
    added = set() if known is None else {product.product_id for product in products} - known
    return frozenset(released | added)


def _ids(release: Release) -> frozenset[str]:
    records = release.index.records(np.arange(release.manifest.products))
    return frozenset(record["objectID"] for record in records)


def _compared(found: Mapping[str, Asked], seed: int) -> dict[str, Any]:
    """Means of each release, and how far the candidate is from the live one, query by query."""
    compared: dict[str, Any] = {"queries": len(found["candidate"].questions)}
    for name, asked in found.items():
        compared[name] = {"ndcg10": float(np.mean(asked.ndcgs))} | mean_quality(asked.qualities)
    if "live" in found:
        compared["difference"] = asdict(paired_bootstrap(found["candidate"].ndcgs, found["live"].ndcgs, seed))
    return compared


def _relevance(figures: Mapping[str, Any], measured: dict[str, Figure], absent: set[Needed]) -> None:
    tables = {
        "relevance": figures["quality"][TEST],
        "tail_relevance": figures["segments"].get(TAIL),
        "judged_relevance": figures["quality"].get(JUDGED),
    }
    if tables["tail_relevance"] is None:
        absent.add("tail queries")
    if tables["judged_relevance"] is None:
        absent.add("judgments")
    for name, table in tables.items():
        if table is None:
            continue
        if name != "judged_relevance":
            measured[name] = Figure(table["candidate"]["ndcg10"], f"over {table['queries']:,} queries")
        if "difference" in table:
            measured[f"{name}_against_live"] = Figure.worst_case(Difference(**table["difference"]), table["queries"])


def _exposure(
    figures: dict[str, Any],
    measured: dict[str, Figure],
    absent: set[Needed],
    asked: Mapping[str, Asked],
    products: Sequence[Product],
    unknown: frozenset[str],
) -> None:
    """The candidate's over all questions; against the live release over those that both could answer.

    A brand of which the live release has no product yet gains whatever it is shown.
    """
    figures["exposure"] = {}
    of_brand = brands(products)
    prices = {product.product_id: cents for product in products if (cents := product.price_cents) is not None}
    grouped: tuple[tuple[str, Needed, Callable[[Asked], list[dict[str, str]]]], ...] = (
        ("brand_exposure", "brands", lambda one: [of_brand] * len(one.questions)),
        ("price_exposure", "prices", lambda one: one.price_bands(prices)),
    )
    for name, needed, groups_of in grouped:
        if len({group for of_query in groups_of(asked["candidate"]) for group in of_query.values()}) < 2:
            absent.add(needed)
            continue
        try:
            found = {release: one.exposure(groups_of(one)) for release, one in asked.items()}
            known = {release: one.without(unknown) for release, one in asked.items() if "live" in asked}
            both = {release: one.exposure(groups_of(one)) for release, one in known.items()}
        except ValueError:  # a release that shows nothing: the figure is missing, and the check misses
            continue
        favoured = found["candidate"].most_favoured()
        most = favoured[0]
        said = (
            f"most above it stands {most['group']}: {most['attention']:.3f} of attention, {most['merit']:.3f} of merit"
        )
        measured[name] = Figure(found["candidate"].unfairness, said)
        figures["exposure"][name] = {release: one.unfairness for release, one in found.items()} | {
            "most_favoured": favoured
        }
        if both:
            most_gained, gain = both["candidate"].most_gained(both["live"])
            measured[f"{name}_against_live"] = Figure(gain, most_gained)


def _times(
    figures: dict[str, Any],
    measured: dict[str, Figure],
    releases: Mapping[str, Release],
    questions: Sequence[Question],
    seed: int,
) -> None:
    step = max(1, len(questions) // TIMED)
    queries = [question.text for question in questions[::step]][:TIMED]
    took = search_times({name: searching(release) for name, release in releases.items()}, queries)
    figures["latency"] = {"queries": len(queries)}
    for name, times in took.items():
        p50, p99 = np.percentile(times, [50, 99]).tolist()
        figures["latency"][name] = {"p50_ms": p50, "p99_ms": p99, "mean_ms": float(times.mean())}
    ours = figures["latency"]["candidate"]
    for at, percentile in (("p50", 50.0), ("p99", 99.0)):
        measured[f"latency_{at}"] = Figure(ours[f"{at}_ms"], f"{len(queries):,} queries")
        if "live" in took:
            ratio = slowdown(took["candidate"], took["live"], percentile, seed)
            figures["latency"][f"{at}_ratio"] = asdict(ratio)
            live_ms = figures["latency"]["live"][f"{at}_ms"]
            measured[f"latency_{at}_against_live"] = Figure(
                ratio.low, f"{ratio.mean:.3f} as found: {ours[f'{at}_ms']:.2f} ms, live {live_ms:.2f} ms"
            )
    measured["cost"] = Figure(cost_gb_seconds(ours["mean_ms"]), f"{ours['mean_ms']:.2f} ms on average")
    figures["cost_gb_seconds_per_million"] = measured["cost"].value


def _sizes(figures: dict[str, Any], measured: dict[str, Figure], release: Release) -> None:
    files = release.manifest.files
    figures["megabytes"] = {}
    for name, folder in (("encoder_size", "encoder/"), ("ranker_size", "ranker/"), ("release_size", "")):
        megabytes = sum(entry.size_bytes for path, entry in files.items() if path.startswith(folder)) / 1e6
        measured[name] = Figure(megabytes)
        figures["megabytes"][name.removesuffix("_size")] = megabytes


def _curves(asked: Mapping[str, Mapping[str, Asked]]) -> list[dict[str, Any]]:
    """Of each release and list of questions: points of the ROC and precision-recall curves, and figures of the whole.

    Each judged pair is one to be told apart; what is not among the answer's products scores below all that are.
    """
    found = []
    for data, by_release in asked.items():
        for name, one in by_release.items():
            scores, relevant, queries = _pairs(one)
            if relevant.all() or not relevant.any():
                continue
            at = thresholds(scores, relevant)
            kept = np.unique(np.linspace(0, len(at.scores) - 1, _POINTS).astype(int))
            found.append(
                {
                    "data": data,
                    "release": name,
                    "pairs": len(scores),
                    "roc_auc": roc_auc(at),
                    "average_precision": average_precision(at),
                    "f1_cross_validated": cross_validated_f1(scores, relevant, queries),
                    "roc": np.column_stack((at.false_positive_rate, at.recall))[kept].round(4).tolist(),
                    "pr": np.column_stack((at.recall, at.precision))[kept].round(4).tolist(),
                }
            )
    return found


def _pairs(asked: Asked) -> tuple[Any, Any, Any]:
    """Score, label and query of every judged pair; shapes (n,)."""
    scores: list[float] = []
    relevant: list[bool] = []
    queries: list[int] = []
    for number, (question, answer) in enumerate(zip(asked.questions, asked.answers, strict=True)):
        scored = dict(zip(answer.product_ids, answer.scores, strict=True))
        for product_id, rating in question.ratings.items():
            scores.append(scored.get(product_id, -np.inf))
            relevant.append(rating >= question.relevant_from)
            queries.append(number)
    return np.array(scores), np.array(relevant), np.array(queries)


def _by_query(asked: Mapping[str, Mapping[str, Asked]]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for data, by_release in asked.items():
        for place, question in enumerate(by_release["candidate"].questions):
            figures = {name: round(one.ndcgs[place], 4) for name, one in by_release.items()}
            found.append({"data": data, "query": question.text, "segments": list(question.segments), **figures})
    return found


def segments_shown(segments: Iterable[str]) -> list[str]:
    """Segments in the order of a table: by frequency first, then the rest by name."""
    order = ("head", "torso", TAIL)
    return sorted(segments, key=lambda name: (order.index(name) if name in order else len(order), name))
