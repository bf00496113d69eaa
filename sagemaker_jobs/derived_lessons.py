"""What can be learnt from a catalogue that nobody has searched yet: queries drawn from it, and who answers them.

Half of the queries are made of titles' words (`derive_queries`), half describe in other words (`describe_queries`).
Besides the products that answer a query, those are kept that look as if they did: they hold its words, or are what its
answers' neighbours are, but break a part of it.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from relevance.arrays import Rows, Vector
from relevance.contracts.products import Product
from relevance.contracts.training import PairKind, PairLine, QueryLine, Split
from relevance.product_text import embedding_text
from relevance.progress import pace
from relevance.text import analyse
from sagemaker_jobs.derive_queries import CatalogueFacts, DerivedQuery, derive_queries, rows_of
from sagemaker_jobs.describe_queries import DescribedQuery, StatedFacts, describe_queries
from sagemaker_jobs.product_neighbours import product_neighbours
from sagemaker_jobs.query_lines import SHARES, query_id, segments_of, sorted_words

RIGHT, WRONG = 0.5, 0.25
"""Relevance, in [0, 1]: a product from the one up answers a query, one below the other does not."""
RIGHT_KEPT, RIGHT_KEPT_TO_MEASURE = 100, 1000
"""At most so many right products of a query to learn from, and of one to measure on: there, one that is missing would
count as wrong."""
HARD_KEPT = 30
"""Half of them for their words, half for their neighbours, as far as there are both."""
BROADEST = 0.2
"""In [0, 1]: a query that more of the catalogue answers tells nothing apart."""
DESCRIBED = 0.5
"""In [0, 1]: part of the queries that describe in other words than titles."""
_NEIGHBOURS_OF = 10
"""Right products whose neighbours are looked at."""
_SAID_EVERY = 2000


@dataclass(frozen=True)
class DerivedLessons:
    """Queries with their pairs, both in the order drawn."""

    queries: Sequence[QueryLine]
    pairs: Sequence[PairLine]


@dataclass(frozen=True)
class _Drawn:
    text: str
    words: str
    """Its tokens; of two queries with the same ones, one is kept."""
    pattern: str
    kind: str
    """What kind of product it asks for: no kind is in two splits."""
    relevance: Callable[[], Vector]


@dataclass(frozen=True)
class _Answered:
    query: _Drawn
    right: Rows
    relevance: Vector
    """Of `right`."""
    hard: Rows
    breadth: int
    """How many products are right, kept or not."""


def derive_lessons(
    products: Sequence[Product],
    count: int,
    *,
    seed: int,
    asked: frozenset[str] = frozenset(),
    say: Callable[[str], None],
) -> DerivedLessons:
    """Draw queries from a catalogue and look up which products answer them.

    Kinds of products are told by words and attributes alone: the encoder's vectors cost ten times the time, and find
    nine in ten of the same kinds.

    Args:
        products: Of one catalogue.
        count: At most how many queries; a small catalogue gives fewer.
        seed: Of all that is drawn.
        asked: `sorted_words` of queries that shoppers typed: those are not derived again.
        say: Told what is going on.
    """
    if not products or not count:
        return DerivedLessons((), ())
    say("finding kinds of products")
    facts = _facts(products)
    neighbours = facts.neighbours
    say(f"{len(facts.types):,} kinds, {len(facts.lines):,} lines; drawing queries")
    drawn = _drawn(facts, count, seed, asked)
    generator = np.random.default_rng(seed)
    words = _Words(products)
    answered: list[_Answered] = []
    begun = time.monotonic()
    for number, query in enumerate(drawn, start=1):
        relevance = query.relevance()
        right = np.flatnonzero(relevance >= RIGHT)
        if 0 < len(right) <= max(BROADEST * len(products), 1):
            right = right[np.lexsort((generator.random(len(right)), -relevance[right]))]
            hard = _hard(query, relevance, right, words, neighbours)
            answered.append(
                _Answered(
                    query, right[:RIGHT_KEPT_TO_MEASURE], relevance[right[:RIGHT_KEPT_TO_MEASURE]], hard, len(right)
                )
            )
        if number % _SAID_EVERY == 0 or number == len(drawn):
            say(f"who answers them: {pace(number, len(drawn), time.monotonic() - begun)}")
    return _lines(products, answered, seed)


def derive_texts(products: Sequence[Product], count: int, *, seed: int, asked: frozenset[str]) -> list[str]:
    """Queries like those of `derive_lessons`, without their answers, in the order drawn.

    Args:
        products: Of one catalogue; at least one.
        count: At most how many queries.
        seed: Of all that is drawn.
        asked: `sorted_words` of queries that are not wanted.
    """
    return [query.text for query in _drawn(_facts(products), count, seed, asked)]


def _facts(products: Sequence[Product]) -> CatalogueFacts:
    return CatalogueFacts(products, product_neighbours(products, np.zeros((len(products), 0), dtype=np.float32)))


def _drawn(facts: CatalogueFacts, count: int, seed: int, asked: frozenset[str]) -> list[_Drawn]:
    """Queries of both sorts in turn, each text once."""
    stated = StatedFacts(facts)
    described = describe_queries(stated, round(DESCRIBED * count), seed=seed)
    of_titles = derive_queries(facts, count - len(described), seed=seed)
    found: dict[str, _Drawn] = {}
    everything: list[DerivedQuery | DescribedQuery] = [*of_titles, *described]
    for at in np.random.default_rng(seed).permutation(len(everything)):
        query = everything[at]
        words = sorted_words(query.text)
        if words and words not in asked and words not in found:
            look_up = (
                partial(facts.relevance, query) if isinstance(query, DerivedQuery) else partial(stated.relevance, query)
            )
            found[words] = _Drawn(query.text, words, query.pattern, _kind(query, facts), look_up)
    return list(found.values())


def _kind(query: DerivedQuery | DescribedQuery, facts: CatalogueFacts) -> str:
    """What a query asks for: "printer" of a laser printer and of a printer, a shelf, a brand, or the one product whose
    words it has."""
    if query.type:
        return query.type[-1]
    if isinstance(query, DescribedQuery):
        return (analyse(query.category[-1]) or [""])[-1] if query.category else f"product {query.source}"
    if query.line:
        return f"brand {facts.lines[query.line]}"
    return f"brand {query.brand}" if query.brand else f"product {query.source}"


class _Words:
    """Which products hold a query's words, the rarer the better."""

    def __init__(self, products: Sequence[Product]) -> None:
        self._count = len(products)
        texts = [embedding_text(product) for product in products]
        self._rows = rows_of([set(analyse(text)) for text in texts])
        _, self.text_of = np.unique(texts, return_inverse=True)
        """Shape (n,): the number of each product's text; products that read alike have one number."""

    def scores(self, tokens: Sequence[str]) -> Vector:
        """Shape (n,): the sum of the inverse document frequencies of the tokens that each product holds."""
        found = np.zeros(self._count, dtype=np.float32)
        for token in dict.fromkeys(tokens):
            rows = self._rows.get(token)
            if rows is not None:
                found[rows] += math.log(1 + self._count / len(rows))
        return found


def _hard(query: _Drawn, relevance: Vector, right: Rows, words: _Words, neighbours: Rows) -> Rows:
    """Wrong products that hold the query's words or stand beside its answers, hardest first, at most HARD_KEPT.

    One whose text is the text of a right product is no lesson: it differs in what nobody can read.
    """
    wrong = (relevance < WRONG) & ~np.isin(words.text_of, words.text_of[right])
    lexical = np.where(wrong, words.scores(query.words.split()), 0)
    near = np.where(wrong, np.bincount(neighbours[right[:_NEIGHBOURS_OF]].ravel(), minlength=len(relevance)), 0)
    by_words = _first(lexical, HARD_KEPT)
    by_place = _first(near + lexical / (1 + lexical.max()), HARD_KEPT, above=near)
    half = HARD_KEPT // 2
    ordered = [*by_words[:half], *by_place[:half], *by_words[half:], *by_place[half:]]
    return np.array(list(dict.fromkeys(ordered))[:HARD_KEPT], dtype=np.int64)


def _first(scores: Vector, count: int, *, above: Vector | None = None) -> list[int]:
    """The rows with the highest scores, best first, of those above 0; of equal ones the first."""
    rows = np.flatnonzero((scores if above is None else above) > 0)
    first: list[int] = rows[np.argsort(-scores[rows], kind="stable")[:count]].tolist()
    return first


def _lines(products: Sequence[Product], answered: Sequence[_Answered], seed: int) -> DerivedLessons:
    splits = _splits([lesson.query.kind for lesson in answered], seed)
    segments = segments_of([lesson.breadth for lesson in answered])
    queries: list[QueryLine] = []
    pairs: list[PairLine] = []
    for lesson, split, segment in zip(answered, splits, segments, strict=True):
        of_query = query_id(lesson.query.text)
        queries.append(
            QueryLine(
                query_id=of_query,
                text=lesson.query.text,
                split=split,
                origin="derived",
                segment=segment,
                asked=1,
                pattern=lesson.query.pattern,
            )
        )
        kept = RIGHT_KEPT if split == "train" else RIGHT_KEPT_TO_MEASURE
        for row, worth in zip(lesson.right[:kept].tolist(), lesson.relevance[:kept].tolist(), strict=True):
            pairs.append(_pair(of_query, products[row], round(worth, 4), "derived"))
        pairs += [_pair(of_query, products[row], 0.0, "hard_negative") for row in lesson.hard.tolist()]
    return DerivedLessons(queries, pairs)


def _pair(of_query: str, product: Product, relevance: float, kind: PairKind) -> PairLine:
    return PairLine.model_construct(
        query_id=of_query, product_id=product.product_id, relevance=relevance, weight=1.0, kind=kind
    )


def _splits(kinds: Sequence[str], seed: int) -> list[Split]:
    """A split for each query, one for each kind, so that the queries of each split have about their share.

    Drawn by kind, the larger kinds first, each into the split that lacks most of its share.
    """
    generator = np.random.default_rng(seed)
    sizes: dict[str, int] = {}
    for kind in kinds:
        sizes[kind] = sizes.get(kind, 0) + 1
    names = sorted(sizes)
    luck = generator.random(len(names))
    split_of: dict[str, Split] = {}
    filled = dict.fromkeys(SHARES, 0)
    for at in sorted(range(len(names)), key=lambda place: (-sizes[names[place]], luck[place])):
        split = min(SHARES, key=lambda name: filled[name] / SHARES[name])
        split_of[names[at]] = split
        filled[split] += sizes[names[at]]
    return [split_of[kind] for kind in kinds]
