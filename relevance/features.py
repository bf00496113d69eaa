"""What the ranker sees of a query and a product: one implementation, for training and for serving.

Change what a feature means and its name must change too: a ranker names the features it was trained on and is
refused when they differ.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from relevance.arrays import Matrix, Rows, Vector
from relevance.bm25 import K1, saturated_counts
from relevance.contracts.stages import UnderstoodQuery
from relevance.fusion import fused_scores
from relevance.index.ragged import Ragged
from relevance.index.retrieval import SEARCHED_TOGETHER, SERVED, TOGETHER
from relevance.index.table import COLUMNS, CatalogueScale, ProductTable
from relevance.index.tokens import matches
from relevance.product_text import TEXT_FIELDS
from relevance.text import is_number

_TITLE = TEXT_FIELDS.index("title")
_ATTRIBUTES = TEXT_FIELDS.index("attributes")
_BRAND = TEXT_FIELDS.index("brand")
_DESCRIPTION = TEXT_FIELDS.index("description")
_FIRST = 5
"""How many of the best candidates say what kind of thing is wanted."""
_SEARCH_WEIGHTS = np.array([SERVED.field_weights[field] for field in SEARCHED_TOGETHER], dtype=np.float32)

FEATURE_NAMES = (
    *(f"{field}_bm25" for field in TEXT_FIELDS),
    "bm25",
    "bm25_of_best",
    "bm25_of_possible",
    "title_coverage",
    "description_coverage",
    "attributes_coverage",
    "coverage",
    "complete",
    "rarest_missing",
    "title_share",
    "title_pairs",
    "title_first",
    "title_length",
    "description_length",
    "numbers_found",
    "numbers_missing",
    "brand_named",
    "brand_conflict",
    "cosine",
    "cosine_of_best",
    "vector_missing",
    "fused",
    "likeness",
    "likeness_of_best",
    "price_position",
    "release_position",
    "rating_position",
    "rating_count_position",
    "in_stock",
    "query_length",
)
"""The columns of `feature_matrix`, in order."""


@dataclass(frozen=True)
class Candidates:
    """Products proposed for one query, in the retriever's order."""

    table: ProductTable
    vectors: Matrix | None
    """Shape (n, d), rows of length 1 (0 for a product without one); None when the query has none."""

    def __len__(self) -> int:
        return len(self.table)


def feature_matrix(query: UnderstoodQuery, candidates: Candidates, scale: CatalogueScale) -> Matrix:
    """Features of each candidate for the query.

    Returns:
        Shape (n, len(FEATURE_NAMES)), float32, finite:

        - `<field>_bm25`: BM25 of the query in that text field alone; `bm25`: in the fields that retrieval searches,
          weighted as there; `bm25_of_best`: over the best candidate's; `bm25_of_possible`: over what a text can reach
          that says every token for ever; both in [0, 1].
        - `title_coverage`, `description_coverage`, `attributes_coverage`, `coverage`: share of the query's tokens (by
          idf) in that field, in any field; in [0, 1]. `complete`: 1 if it is all of them. `rarest_missing`: the share
          that the rarest token has that is in no field; in [0, 1].
        - `title_share`: share of the title's tokens that the query names; in [0, 1].
        - `title_pairs`: share of the query's neighbouring tokens that are neighbours in the title; in [0, 1].
        - `title_first`: 1 / place (from 1) of the first matching token of the title, else 0.
        - `title_length`, `description_length`, `query_length`: ln(1 + tokens).
        - `numbers_found`, `numbers_missing`: how many of the query's tokens with digits the product has, has not.
        - `brand_named`: share of the brand's tokens that the query holds; `brand_conflict`: 1 if the query names a
          brand that the product is not of.
        - `cosine`; `cosine_of_best`: minus the best candidate's, at most 0; both 0 and `vector_missing` 1 without one.
        - `fused`: relevance.fusion.fused_scores over these candidates; in [0, 1].
        - `likeness`: cosine with the mean vector of the best five by `fused`, which says what kind of thing the query
          brings up; `likeness_of_best`: minus the greatest; both 0 without vectors.
        - `price_position`, `release_position`, `rating_position`, `rating_count_position`: quantile in the catalogue,
          0.5 if unknown; in [0, 1]. `in_stock`: 0 if it is known not to be, else 1.
    """
    count, fields = len(candidates), len(TEXT_FIELDS)
    if not count:
        return np.empty((0, len(FEATURE_NAMES)), dtype=np.float32)
    tokens = candidates.table.tokens
    weights = np.array(query.weights, dtype=np.float32)
    lengths = tokens.lengths.reshape(count, fields).astype(np.float32)

    held = matches(query, tokens)  # (m, total)
    which, where = np.nonzero(held)
    text = tokens.owners(where)
    flat_counts = np.zeros((len(weights), count * fields), dtype=np.float32)
    np.add.at(flat_counts, (which, text), 1.0)
    counts = flat_counts.reshape(len(weights), count, fields)

    field_bm25 = np.tensordot(weights, saturated_counts(counts, lengths, scale.mean_lengths), axes=1)  # (n, f)
    searched = saturated_counts(counts @ TOGETHER, lengths @ TOGETHER, scale.mean_lengths @ TOGETHER)
    bm25 = np.tensordot(weights, searched, axes=1) @ _SEARCH_WEIGHTS
    found: NDArray[np.bool_] = np.greater(counts, 0)
    found_anywhere = np.any(found, axis=2)  # (m, n)
    total_weight = max(float(weights.sum()), 1e-9)
    title_length = np.maximum(lengths[:, _TITLE], 1)
    in_title = counts[:, :, _TITLE].sum(axis=0)

    numbers = np.array([is_number(token) for token in query.tokens], dtype=bool)
    numbers_found = found_anywhere[numbers].sum(axis=0)
    brand_length = lengths[:, _BRAND]
    brand_named = np.minimum(counts[:, :, _BRAND].sum(axis=0) / np.maximum(brand_length, 1), 1)
    of_brand = np.array([token in query.brand_tokens for token in query.tokens], dtype=bool)
    brand_conflict = ~found[of_brand, :, _BRAND].all(axis=0) if of_brand.any() else np.zeros(count)

    covered = weights @ found.reshape(len(weights), count * fields) / total_weight
    coverage = covered.reshape(count, fields)
    missing = ~found_anywhere * weights[:, np.newaxis]
    vectors = candidates.vectors
    cosines = None if vectors is None or query.vector is None else vectors @ query.vector
    fused = fused_scores(bm25, cosines, lexical_share=SERVED.lexical_share)
    likeness = np.zeros(count) if cosines is None or vectors is None else _likeness(vectors, fused)
    columns = (
        *field_bm25.T,
        bm25,
        bm25 / max(float(bm25.max()), 1e-9),
        bm25 / (total_weight * (K1 + 1) * float(_SEARCH_WEIGHTS.sum())),
        coverage[:, _TITLE],
        coverage[:, _DESCRIPTION],
        coverage[:, _ATTRIBUTES],
        weights @ found_anywhere / total_weight,
        found_anywhere.all(axis=0),
        missing.max(axis=0, initial=0) / total_weight,
        np.minimum(in_title / title_length, 1),
        _neighbours(held, tokens, count, fields),
        _first_place(text, where, tokens.offsets, count, fields),
        np.log1p(lengths[:, _TITLE]),
        np.log1p(lengths[:, _DESCRIPTION]),
        numbers_found,
        numbers.sum() - numbers_found,
        brand_named,
        brand_conflict,
        np.zeros(count) if cosines is None else cosines,
        np.zeros(count) if cosines is None else cosines - cosines.max(),
        np.full(count, cosines is None),
        fused,
        likeness,
        likeness - likeness.max(),
        *(scale.position(name, getattr(candidates.table, name)) for name in COLUMNS if name != "in_stock"),
        candidates.table.in_stock != 0,
        np.full(count, np.log1p(len(query.tokens))),
    )
    return np.stack(columns, axis=1).astype(np.float32)


def _likeness(vectors: Matrix, fused: Vector) -> Vector:
    """Shape (n,), in [-1, 1]: cosine with the mean of the best candidates, each as much as its fused score."""
    best = np.argsort(-fused, kind="stable")[:_FIRST]
    centre = fused[best] @ vectors[best]
    likeness: Vector = vectors @ (centre / max(float(np.linalg.norm(centre)), 1e-9))
    return likeness


def _neighbours(held: NDArray[np.bool_], tokens: Ragged, count: int, fields: int) -> Vector:
    """Shape (n,): share of the query's neighbouring token pairs that stand side by side in the title."""
    pairs = len(held) - 1
    if pairs < 1:
        return np.zeros(count, dtype=np.float32)
    which, where = np.nonzero(held[:-1, :-1] & held[1:, 1:])
    text = tokens.owners(where)
    inside = (where + 1 < tokens.offsets[text + 1]) & (text % fields == _TITLE)
    seen = np.zeros((pairs, count), dtype=np.float32)
    seen[which[inside], text[inside] // fields] = 1.0
    share: Vector = seen.mean(axis=0)
    return share


def _first_place(text: Rows, where: Rows, offsets: NDArray[np.int64], count: int, fields: int) -> Vector:
    """Shape (n,): 1 / place of the first matching title token; 0 where none matches."""
    first = np.zeros(count, dtype=np.float32)
    in_title = text % fields == _TITLE
    titles = text[in_title]
    np.maximum.at(first, titles // fields, (1.0 / (where[in_title] - offsets[titles] + 1)).astype(np.float32))
    return first
