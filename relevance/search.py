"""One search: understand, retrieve, rerank, assemble. Where stages 1 and 3 run is the caller's choice of `Stages`."""

import math
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

import numpy as np

from relevance.arrays import Matrix, Rows, Vector
from relevance.bm25 import inverse_document_frequencies
from relevance.compounds import compounds, ends_in_compound, split
from relevance.contracts.api import PAGING_DEPTH, FacetStats, SearchParameters, SearchResponse
from relevance.contracts.rungs import Degradation
from relevance.contracts.search_stages import SearchStage
from relevance.contracts.settings import IndexSettings
from relevance.contracts.stages import (
    PreprocessRequest,
    RerankRequest,
    RerankResponse,
    UnderstoodQuery,
)
from relevance.errors import ModelFailed, ReleaseRefused
from relevance.features import FEATURE_NAMES, feature_matrix
from relevance.filters import Condition, both
from relevance.highlighting import Highlighter, Tags
from relevance.index.facets import FacetCount
from relevance.index.port import ProductIndex
from relevance.index.retrieval import SEARCHED_TOGETHER
from relevance.last_word import LastWord
from relevance.parameters import condition_of
from relevance.query_profile import QueryProfile, profile
from relevance.query_vectors import WITHOUT_ENDPOINT, QueryVectors
from relevance.ranking import rerank
from relevance.release import Release
from relevance.sorting import Sort
from relevance.text import words
from relevance.understanding import MAX_QUERY_CHARACTERS, MAX_QUERY_TOKENS, read_query

RERANK_LIMIT = 100
"""How many products of the fused order the ranker orders anew; later pages follow the fused order."""

HIGHLIGHTED = SEARCHED_TOGETHER["text"]
"""What is highlighted unless a search says otherwise; attributes would make most of an answer's bytes."""


class Stages(Protocol):
    """The two stages that may run elsewhere; their answers are the same wherever they do."""

    def understand(self, request: PreprocessRequest) -> UnderstoodQuery:
        """Stage 1; never fails: what is missing is named in the answer's `degraded`."""

    def rerank(self, request: RerankRequest) -> tuple[RerankResponse, tuple[Degradation, ...]]:
        """Stage 3 and what it had to do without; raises ModelFailed when there is no ranker, or it gives no answer."""


class InProcess:
    """Both stages here, with one open release; queries' vectors may come from elsewhere."""

    def __init__(self, release: Release, vectors: QueryVectors = WITHOUT_ENDPOINT) -> None:
        self._release = release
        self._vectors = vectors

    def understand(self, request: PreprocessRequest) -> UnderstoodQuery:
        """See `Stages`."""
        return understand(request, self._release, self._vectors)

    def rerank(self, request: RerankRequest) -> tuple[RerankResponse, tuple[Degradation, ...]]:
        """See `Stages`."""
        return rerank_rows(request, self._release), ()


def understand(
    request: PreprocessRequest, release: Release, vectors: QueryVectors = WITHOUT_ENDPOINT
) -> UnderstoodQuery:
    """Stage 1: the spelling, tokens, what may stand in their place, the brand that is named, the query's vector."""
    index = release.index
    typed = read_query(request.query)
    unfinished = request.complete and not ends_in_compound(words(typed.normalised), index)
    ending = LastWord.of(typed.query, index) if unfinished else None
    corrected = _corrected(typed.query, release, ending) if request.typo_tolerance else None
    read = typed if corrected is None else read_query(corrected)
    if ending is not None and ending.completed is not None:
        read = read_query(read.normalised.removesuffix(ending.typed) + ending.completed)
    frequencies = index.document_frequencies(read.tokens)
    alternatives = compounds(words(read.normalised), read.tokens, frequencies, index)
    if request.synonyms:
        for others, more in zip(alternatives, index.synonyms.of(read.tokens), strict=True):
            others.extend(more)
    if ending is not None and ending.token in read.tokens:
        alternatives[read.tokens.index(ending.token)].extend(ending.alternatives)
    found = index.brands.named_in(read.tokens)
    brand, brand_tokens = found or (None, ())
    understood = UnderstoodQuery(
        query_id=request.query_id,
        release=release.release_id,
        query=typed.query,
        cut=typed.cut,
        normalised=typed.normalised,
        corrected=corrected,
        tokens=read.tokens,
        weights=tuple(inverse_document_frequencies(frequencies, index.scale.products).tolist()),
        alternatives=tuple(map(tuple, alternatives)) if any(alternatives) else (),
        unfinished=ending and ending.typed,
        brand=brand,
        brand_tokens=brand_tokens,
    )
    if not read.tokens:
        return understood
    query = vectors.vector_of(read, release)
    return understood.model_copy(update={"vector": query.vector, "rung": query.rung, "degraded": query.degraded})


def _corrected(query: str, release: Release, ending: LastWord | None) -> str | None:
    """A word that the encoder has met often is right, though this catalogue has no such product: helmet, not telnet.

    So is one that products write as two: powerbank.
    """
    knows = release.encoder.knows if release.encoder else lambda _: False
    return release.index.spelling.corrected(
        query,
        lambda word: (ending is not None and word == ending.typed) or knows(word) or bool(split(word, release.index)),
    )


def query_warnings(understood: UnderstoodQuery) -> list[str]:
    """What the caller should know of how a query was read."""
    if not understood.cut:
        return []
    return [f"query: only its first {MAX_QUERY_CHARACTERS} characters and {MAX_QUERY_TOKENS} words were searched for"]


def rerank_rows(request: RerankRequest, release: Release) -> RerankResponse:
    """Stage 3 for products of an open release.

    Raises:
        ReleaseRefused: If the request speaks of rows of another release than the open one.
        ModelFailed: If the release has no ranker, or it gives no answer.
    """
    if request.release != release.release_id:
        raise ReleaseRefused(f"candidates are of release {request.release}, open is {release.release_id}")
    if release.scorer is None:
        raise ModelFailed(f"release {release.release_id} has no ranker")
    candidates = release.index.candidates(request.understood, np.array(request.rows, dtype=np.int64))
    order, scores = rerank(request.understood, candidates, release.index.scale, release.scorer)
    return RerankResponse(
        query_id=request.query_id,
        release=release.release_id,
        ranker=release.scorer.ranker_id,
        order=tuple(order.tolist()),
        scores=tuple(scores.tolist()),
    )


def preprocess_request(query_id: str, parameters: SearchParameters, settings: IndexSettings) -> PreprocessRequest:
    """What stage 1 is asked for one search; what the caller leaves open is as the shop has set it."""
    asked = "typo_tolerance" in parameters.model_fields_set
    return PreprocessRequest(
        query_id=query_id,
        query=parameters.query,
        typo_tolerance=parameters.corrects_typos if asked else settings.typo_tolerance is not False,
        complete=parameters.query_type != "prefixNone",
        synonyms=parameters.synonyms,
    )


def search(
    parameters: SearchParameters,
    release: Release,
    stages: Stages,
    *,
    query_id: str,
    index_name: str,
    sealed: Condition | None = None,
    sort: Sort | None = None,
    profiled: Callable[[QueryProfile], object] = lambda _: None,
    passed: Callable[[SearchStage], object] = lambda _: None,
) -> SearchResponse:
    """One page of the answer to a query; `processing_time_ms` is 0 and left to the caller, who has a clock.

    `sealed` holds beside the request's own filters, whatever those say; `sort` is the order of a replica. `profiled` is
    told of a search that can be compared with others: one with words, by relevance, for its first page. `passed` is
    told of each stage that lies behind the search; the last one, assembling, ends when this returns.
    """
    index = release.index
    understood = stages.understand(preprocess_request(query_id, parameters, index.settings))
    degraded: list[Degradation] = list(understood.degraded)
    if understood.release != release.release_id:
        raise ReleaseRefused(f"the query was read by release {understood.release}, open is {release.release_id}")
    passed("understand")

    condition = both(sealed, condition_of(parameters))
    retrieved = index.retrieve(
        understood,
        PAGING_DEPTH,
        condition,
        members=bool(parameters.facets),
        sort=sort,
        strict=parameters.relevancy_strictness > 0,
    )
    passed("retrieve")
    rows = retrieved.rows
    scores: dict[int, float] = {}
    if understood.tokens and sort is None:
        head = rows[:RERANK_LIMIT]
        try:
            answer, lost = stages.rerank(
                RerankRequest(
                    query_id=query_id,
                    release=release.release_id,
                    understood=understood,
                    rows=tuple(head.tolist()),
                )
            )
            degraded.extend(lost)
            rows = np.concatenate((head[np.array(answer.order, dtype=np.int64)], rows[RERANK_LIMIT:]))
            scores = dict(zip(head.tolist(), answer.scores, strict=True))
        except ModelFailed:
            degraded.append("ranker")
        passed("rerank")

    start, length = _window(parameters)
    if understood.tokens and sort is None and start == 0:
        products = index.scale.products
        profiled(
            profile(understood, retrieved, scores, release.topics, products=products, filtered=condition is not None)
        )
    shown = rows[start : start + length]
    highlighter = _highlighter(parameters, understood)
    highlighted = HIGHLIGHTED if parameters.attributes_to_highlight is None else parameters.attributes_to_highlight
    hits = [
        _retrieved(record, parameters.attributes_to_retrieve)
        | highlighter.results(record, highlighted, parameters.attributes_to_snippet)
        for record in (_shown(record, index.settings) for record in index.records(shown))
    ]
    if parameters.get_ranking_info:
        head = retrieved.rows[: RERANK_LIMIT if sort is None else 0]
        _explain(hits, shown, understood, release, head, scores)
    facets, warnings = _facets(parameters, index, retrieved.members)
    shown_count = retrieved.count if retrieved.sorted_count is None else retrieved.sorted_count
    reachable = min(shown_count, PAGING_DEPTH)
    warnings.extend(query_warnings(understood))
    return SearchResponse(
        hits=hits,
        nb_hits=retrieved.count,
        nb_sorted_hits=retrieved.sorted_count,
        applied_relevancy_strictness=None if retrieved.sorted_count is None else parameters.relevancy_strictness,
        page=parameters.page,
        nb_pages=math.ceil(reachable / parameters.hits_per_page) if parameters.hits_per_page else 0,
        hits_per_page=parameters.hits_per_page,
        facets=None if facets is None else {name: count.counts for name, count in facets.items()},
        facets_stats=None
        if facets is None
        else {name: _stats(count.numbers) for name, count in facets.items() if count.numbers},
        query=parameters.query,
        corrected_query=understood.corrected,
        params=parameters.written,
        query_id=query_id,
        processing_time_ms=0,
        index=index_name,
        release=release.release_id,
        rung=understood.rung,
        degraded=tuple(dict.fromkeys(degraded)),
        warnings=tuple(warnings),
        offset=parameters.offset,
        length=parameters.length,
    )


def _window(parameters: SearchParameters) -> tuple[int, int]:
    """Where the page starts in the order, and how many hits it has; `offset` and `length` go before `page`."""
    if parameters.offset is None and parameters.length is None:
        return parameters.page * parameters.hits_per_page, parameters.hits_per_page
    length = parameters.hits_per_page if parameters.length is None else parameters.length
    return parameters.offset or 0, length


def _shown(record: dict[str, Any], settings: IndexSettings) -> dict[str, Any]:
    """A record without what the shop never shows."""
    for hidden in settings.unretrievable_attributes or ():
        *parents, name = hidden.split(".")
        holder: Any = record
        for parent in parents:
            holder = holder.get(parent) if isinstance(holder, dict) else None
        if isinstance(holder, dict):
            holder.pop(name, None)
    return record


def _retrieved(record: dict[str, Any], wanted: list[str]) -> dict[str, Any]:
    if "*" in wanted:
        return record
    return {name: value for name, value in record.items() if name in wanted or name == "objectID"}


def _highlighter(parameters: SearchParameters, understood: UnderstoodQuery) -> Highlighter:
    stands_for = {
        other: token
        for token, alternatives in zip(understood.tokens, understood.alternatives, strict=False)
        for alternative in alternatives
        for other in alternative.tokens
    }
    return Highlighter(
        understood.corrected or understood.query,
        understood.tokens,
        Tags(parameters.highlight_pre_tag, parameters.highlight_post_tag, parameters.snippet_ellipsis_text),
        alternatives=stands_for,
        unfinished=understood.unfinished,
    )


def _explain(
    hits: list[dict[str, Any]],
    shown: Rows,
    understood: UnderstoodQuery,
    release: Release,
    head: Rows,
    scores: dict[int, float],
) -> None:
    """Add `_rankingInfo` to each hit: features among the candidates, the score, and what each feature adds to it."""
    place = {row: number for number, row in enumerate(head.tolist())}
    features: Matrix = feature_matrix(understood, release.index.candidates(understood, head), release.index.scale)
    contributions: Matrix | None = None
    if scores and release.scorer is not None:
        with suppress(ModelFailed):  # a ranker that does not explain itself, such as another code's
            contributions = release.scorer.contributions(features)
    for hit, row in zip(hits, shown.tolist(), strict=True):
        at = place.get(row) if understood.tokens else None
        hit["_rankingInfo"] = {
            "fusedRank": None if at is None else at + 1,
            "score": None if at is None else scores.get(row),
            "features": {} if at is None else _named(features[at]),
            "contributions": {} if at is None or contributions is None else _named(contributions[at], adding=True),
        }


def _named(values: Vector, *, adding: bool = False) -> dict[str, float]:
    """By feature; of what features add, only those that add anything."""
    named = zip(FEATURE_NAMES, map(float, values), strict=True)
    return {name: value for name, value in named if value or not adding}


def _facets(
    parameters: SearchParameters, index: ProductIndex, members: Rows | None
) -> tuple[dict[str, FacetCount] | None, list[str]]:
    if members is None or not parameters.facets:
        return None, []
    counted = [name for name in index.facet_names if name not in index.settings.uncounted_facets]
    wanted = list(dict.fromkeys(counted if "*" in parameters.facets else parameters.facets))
    known = [name for name in wanted if name in counted]
    warnings = [f"facets: {name} is no facet of this index" for name in wanted if name not in known]
    alphabetical = parameters.sort_facet_values_by == "alpha"
    return index.facets(members, known, parameters.max_values_per_facet, alphabetical=alphabetical), warnings


def _stats(numbers: tuple[float, float, float, float]) -> FacetStats:
    lowest, highest, mean, total = numbers
    return FacetStats(min=lowest, max=highest, avg=mean, sum=total)
