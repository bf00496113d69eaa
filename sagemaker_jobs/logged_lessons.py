"""What can be learnt from what shoppers did: queries they typed, and how well the products answered that they saw.

How often a product is clicked depends on where it stood. What is learnt from is therefore not its clicks over the times
it was shown, but over the times it was, in expectation, looked at (`examination`): the clicks over expected clicks of
Zhang and Jones (WWW 2007, "Comparing Click Logs and Editorial Labels for Training Query Rewriting"), which is also what
the position-based model's likelihood comes to for one product. It has less variance than weighting each click.

The splits are cut twice, so that nothing leaks: each text belongs to one split, drawn by its own hash, and of a split's
queries only what happened in the split's part of the time is read. What is measured on is later than what is learnt.
"""

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from hashlib import sha256

import numpy as np

from relevance.contracts.training import ImpressionLine, PairKind, PairLine, QueryLine, Split
from sagemaker_jobs.examination import MOST_WEIGHT, Examination, Standing, estimate_examination
from sagemaker_jobs.query_lines import SHARES, query_id, segments_of, sorted_words
from sagemaker_jobs.shopping_log import GAINS, Page

LEAST_LOOKS = 0.5
"""Expected times that a product was looked at before anything is said of it, unless something was done with it."""
PRIOR_LOOKS = 2.0
"""What is known beforehand counts as much as so many looks: what a look at any product of the log comes to."""
RULE_OF_THREE = 3.0
"""Of something that did not happen in n looks, the rate is below this over n, with a certainty of .95 (Hanley and
Lippman-Hand, JAMA 1983)."""
SURELY_WORSE = 0.5
"""In (0, 1): a product nobody acted on is a wrong answer if its rate is surely below this part of the best one's."""
_KINDS: Sequence[tuple[float, PairKind]] = (
    (GAINS["ProductPurchased"], "purchase"),
    (GAINS["ProductAddedToCart"], "cart"),
    (GAINS["ProductClicked"], "click"),
)


@dataclass(frozen=True)
class LoggedLessons:
    """Queries with their pairs and pages; pages in the order of time."""

    queries: Sequence[QueryLine]
    pairs: Sequence[PairLine]
    impressions: Sequence[ImpressionLine]
    examination: Examination
    counts: Mapping[str, int]


@dataclass
class _Seen:
    """What came of one product for one query, or of any for all."""

    looks: float = 0.0
    """Times that it was looked at, expected."""
    unseen: float = 1.0
    """How likely it was never looked at, in [0, 1]."""
    actions: int = 0
    gain: float = 0.0
    best: float = 0.0

    def note(self, gain: float, propensity: float) -> None:
        """One more time that it was shown."""
        self.looks += propensity
        self.unseen *= 1 - propensity
        self.actions += gain > 0
        self.gain += gain
        self.best = max(self.best, gain)


def logged_lessons(pages: Sequence[Page], product_ids: Mapping[str, int]) -> LoggedLessons:
    """Make queries, pairs and impressions of the pages of a log.

    Args:
        pages: In the order of time.
        product_ids: The catalogue's; products that it no longer has are left out, the others keep their places.
    """
    counts: Counter[str] = Counter()
    cuts = _cuts(pages)
    earlier = [page for page in pages if page.at < cuts[0]]
    examination = estimate_examination(_standings(earlier))
    asked = Counter(_same(page.text) for page in pages)
    texts: dict[str, Counter[str]] = defaultdict(Counter)
    of_split: dict[str, list[Page]] = defaultdict(list)
    for page in pages:
        split = split_of(_same(page.text))
        texts[_same(page.text)][page.text] += 1
        if _in_time(page.at, split, cuts):
            of_split[_same(page.text)].append(page)
        else:
            counts["pages outside their split's time"] += 1
    anything = _anything(earlier, examination)
    impressions: list[ImpressionLine] = []
    taught: dict[str, list[PairLine]] = {}
    for same, its_pages in of_split.items():
        # the way it is typed most often; of two, the first in the alphabet
        text = min(texts[same].items(), key=lambda typed: (-typed[1], typed[0]))[0]
        seen, lines = _seen(its_pages, query_id(text), product_ids, examination)
        pairs = _pairs(query_id(text), seen, anything)
        if any(pair.relevance > 0 for pair in pairs):
            taught[text] = pairs
            impressions += lines
        else:
            counts["queries without an action"] += 1
    kept = sorted(taught)
    frequencies = [asked[_same(text)] for text in kept]
    languages = _languages(pages)
    queries = [
        QueryLine(
            query_id=query_id(text),
            text=text,
            split=split_of(_same(text)),
            origin="log",
            segment=segment,
            asked=often,
            language=languages.get(_same(text)),
        )
        for text, often, segment in zip(kept, frequencies, segments_of(frequencies), strict=True)
    ]
    impressions.sort(key=lambda line: (line.at, line.query_id))
    return LoggedLessons(queries, [pair for text in kept for pair in taught[text]], impressions, examination, counts)


def split_of(same: str) -> Split:
    """The split that a query belongs to, whatever else a log holds.

    >>> split_of(sorted_words("lamp")) == split_of(sorted_words("lamps"))
    True
    """
    luck = int.from_bytes(sha256(same.encode()).digest()[:8]) / 2**64
    for split, share in SHARES.items():
        luck -= share
        if luck < 0:
            return split
    return "train"


@lru_cache(maxsize=1 << 20)
def _same(text: str) -> str:
    """What two texts have in common that ask the same; a text without a token stands for itself."""
    return sorted_words(text) or text


def _standings(pages: Sequence[Page]) -> Iterator[Standing]:
    """Of each query, product and place, how often it was shown and acted on."""
    shown: Counter[tuple[str, str, int]] = Counter()
    acted: Counter[tuple[str, str, int]] = Counter()
    for page in pages:
        for place, (product_id, gain) in enumerate(zip(page.product_ids, page.gains, strict=True), page.first_place):
            shown[_same(page.text), product_id, place] += 1
            acted[_same(page.text), product_id, place] += gain > 0
    for (same, product_id, place), times in shown.items():
        yield Standing(same, product_id, place, times, acted[same, product_id, place])


def _cuts(pages: Sequence[Page]) -> list[datetime]:
    """When the part of each split after the first begins; so that each has its share of the pages."""
    if not pages:
        return []
    ends = np.cumsum(list(SHARES.values()))[:-1]
    return [pages[min(int(end * len(pages)), len(pages) - 1)].at for end in ends]


def _in_time(at: datetime, split: Split, cuts: Sequence[datetime]) -> bool:
    return bisect_right(cuts, at) == list(SHARES).index(split)


def _anything(pages: Sequence[Page], examination: Examination) -> _Seen:
    """What all looks of the log came to."""
    seen = _Seen()
    for page in pages:
        for place, gain in enumerate(page.gains, page.first_place):
            seen.note(gain, examination.of(place))
    return seen


def _seen(
    pages: Sequence[Page], of_query: str, product_ids: Mapping[str, int], examination: Examination
) -> tuple[dict[str, _Seen], list[ImpressionLine]]:
    """By product, what came of it; and the pages as lines."""
    seen: dict[str, _Seen] = defaultdict(_Seen)
    lines: list[ImpressionLine] = []
    for page in pages:
        kept = [
            (product_id, gain, place)
            for place, (product_id, gain) in enumerate(zip(page.product_ids, page.gains, strict=True), page.first_place)
            if product_id in product_ids
        ]
        for product_id, gain, place in kept:
            seen[product_id].note(gain, examination.of(place))
        if kept:
            lines.append(
                ImpressionLine(
                    query_id=of_query,
                    at=page.at,
                    product_ids=tuple(product_id for product_id, _, _ in kept),
                    gains=tuple(gain for _, gain, _ in kept),
                    weights=tuple(round(examination.weight(place), 4) for _, _, place in kept),
                )
            )
    return seen, lines


def _pairs(of_query: str, seen: Mapping[str, _Seen], anything: _Seen) -> list[PairLine]:
    """How well each product answers, against the best of the query; best first."""
    if not any(product.actions for product in seen.values()):
        return []
    worth = {
        product_id: (product.gain + PRIOR_LOOKS * anything.gain / anything.looks) / (product.looks + PRIOR_LOOKS)
        for product_id, product in seen.items()
    }
    rates = [
        (product.actions + PRIOR_LOOKS * anything.actions / anything.looks) / (product.looks + PRIOR_LOOKS)
        for product in seen.values()
    ]
    best, best_rate = max(worth.values()), max(rates)
    pairs: list[PairLine] = []
    for product_id in sorted(seen, key=lambda name: (-worth[name], name)):
        product = seen[product_id]
        relevance = worth[product_id] / best
        kind: PairKind = "shown"
        if product.actions:
            kind = next(name for gain, name in _KINDS if product.best >= gain)
        elif SURELY_WORSE * best_rate * product.looks >= RULE_OF_THREE:
            kind, relevance = "hard_negative", 0.0
        elif product.looks < LEAST_LOOKS:
            continue
        # of the products that answer, those far down were seldom looked at, and are seldom in a log at all
        weight = min(1 / max(1 - product.unseen, 1 / MOST_WEIGHT), MOST_WEIGHT)
        pairs.append(
            PairLine(
                query_id=of_query,
                product_id=product_id,
                relevance=round(relevance, 4),
                weight=round(weight, 4),
                kind=kind,
            )
        )
    return pairs


def _languages(pages: Sequence[Page]) -> dict[str, str]:
    """By query, the language in which the storefront searched most often: told, not guessed from two words."""
    told: dict[str, Counter[str]] = defaultdict(Counter)
    for page in pages:
        if page.language:
            told[_same(page.text)][page.language] += 1
    return {same: min(of_text.items(), key=lambda pair: (-pair[1], pair[0]))[0] for same, of_text in told.items()}
