"""Candidates that a caller's own engine found, ordered by our ranker."""

import numpy as np
from pydantic import ValidationError

from relevance.arrays import Rows
from relevance.complaints import complaints, expectations, shortened
from relevance.contracts.api import RankedCandidate, RerankGivenRequest, RerankGivenResponse
from relevance.contracts.products import Product
from relevance.contracts.rungs import Degradation
from relevance.contracts.stages import PreprocessRequest, UnderstoodQuery
from relevance.errors import BadRequest, ModelFailed
from relevance.features import Candidates
from relevance.index.table import ProductTable
from relevance.product_text import PRODUCT_TOKENS, analyse_products, embedding_text
from relevance.ranking import rerank
from relevance.release import Release
from relevance.search import query_warnings, understand

MAX_ENCODED = 50
"""How many products that the release does not hold are encoded for one request: each costs a few milliseconds."""

_EXPECTED = expectations(Product)


def rerank_given(request: RerankGivenRequest, release: Release, *, query_id: str) -> RerankGivenResponse:
    """Order candidates by id, or by what the caller says of a product that the release does not hold.

    A candidate that is neither known nor described keeps its place at the end, without a score. Without a ranker the
    caller's order stands.

    Raises:
        BadRequest: If a candidate has no objectID, or describes a product that is none; the message says which.
    """
    ids = [_object_id(place, given) for place, given in enumerate(request.candidates)]
    rows = release.index.rows(ids)
    described = {
        place: _product(place, given)
        for place, given in enumerate(request.candidates)
        if rows[place] < 0 and "title" in given
    }
    understood = understand(PreprocessRequest(query_id=query_id, query=request.query, complete=False), release)
    degraded: list[Degradation] = list(understood.degraded)
    warnings = query_warnings(understood)
    if understood.vector is not None and len(described) > MAX_ENCODED:
        understood = understood.model_copy(update={"vector": None, "rung": "lexical"})
        degraded.append("vector")
        warnings.append(
            f"candidates: {len(described)} products are not in the release, more than the {MAX_ENCODED} that are "
            "encoded for one request; all were compared by words alone"
        )
    known = np.flatnonzero(rows >= 0)
    places = np.concatenate((known, np.array(list(described), dtype=np.int64)))
    unknown = sorted(set(range(len(ids))) - set(places.tolist()))
    if unknown:
        named = ", ".join(shortened(ids[place]) for place in unknown[:5])
        warnings.append(f"candidates: {len(unknown)} unknown and without a title, not scored: {named}")

    score_of: dict[int, float] = {}
    order = sorted(places.tolist())
    try:
        if release.scorer is None:
            raise ModelFailed(f"release {release.release_id} has no ranker")
        candidates = _candidates(understood, release, rows[known], list(described.values()), np.argsort(places))
        best_first, scores = rerank(understood, candidates, release.index.scale, release.scorer)
        score_of = dict(zip(order, scores.tolist(), strict=True))
        order = [order[place] for place in best_first.tolist()]
    except ModelFailed:
        degraded.append("ranker")
    return RerankGivenResponse(
        ranked=tuple(RankedCandidate(object_id=ids[place], score=score_of.get(place)) for place in [*order, *unknown]),
        query_id=query_id,
        processing_time_ms=0,
        release=release.release_id,
        rung=understood.rung,
        degraded=tuple(degraded),
        warnings=tuple(warnings),
    )


def _candidates(
    understood: UnderstoodQuery, release: Release, rows: Rows, described: list[Product], order: Rows
) -> Candidates:
    """The known products and then the described ones, put into the caller's order."""
    known = release.index.candidates(understood, rows)
    table = known.table.joined(ProductTable.of(described, analyse_products(described))).take(order)
    if known.vectors is None or release.encoder is None:
        return Candidates(table, None)
    texts = [embedding_text(product) for product in described]
    vectors = release.encoder.encode_batch(texts, max_tokens=PRODUCT_TOKENS)
    return Candidates(table, np.concatenate((known.vectors, vectors))[order])


def _object_id(place: int, given: dict[str, object]) -> str:
    object_id = given.get("objectID")
    if not isinstance(object_id, str) or not object_id:
        raise BadRequest(f"candidates[{place}].objectID is {shortened(object_id)}: expected text, not blank")
    return object_id


def _product(place: int, given: dict[str, object]) -> Product:
    try:
        return Product.model_validate(given, by_alias=True, by_name=False)
    except ValidationError as error:
        said = "; ".join(f"candidates[{place}].{complaint}" for complaint in complaints(error, _EXPECTED))
        raise BadRequest(said) from None
