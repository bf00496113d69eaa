"""What the ranker sees of a query and a product: one implementation, for training and for serving.

Change what a feature means and its name must change too: a ranker names the features it was trained on and is
refused when they differ.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from relevance.arrays import Matrix, Rows, Vector
from relevance.bm25 import saturated_counts
from relevance.contracts.stages import UnderstoodQuery
from relevance.fusion import fused_scores
from relevance.index.ragged import Ragged
from relevance.index.retrieval import SEARCHED_TOGETHER, SERVED
from relevance.index.table import CatalogueScale, ProductTable
from relevance.index.tokens import matches
from relevance.product_text import TEXT_FIELDS
from relevance.text import is_number

_TITLE = TEXT_FIELDS.index("title")
_BRAND = TEXT_FIELDS.index("brand")
_DESCRIPTION = TEXT_FIELDS.index("description")
# Shape (f, 2): which text fields the lexical index reads as one.
_TOGETHER = np.array([[field in parts for parts in SEARCHED_TOGETHER.values()] for field in TEXT_FIELDS], np.float32)
_SEARCH_WEIGHTS = np.array([SERVED.field_weights[field] for field in SEARCHED_TOGETHER], dtype=np.float32)

FEATURE_NAMES = (
    *(f"{field}_bm25" for field in TEXT_FIELDS),
    "bm25",
    "bm25_of_best",
    "title_coverage",
    "coverage",
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
    "price_position",
    "release_position",
    "query_length",
)
"""The columns of `feature_matrix`, in order."""


@dataclass(frozen=True)
class Candidates:
    """Products proposed for one query, in the retriever's order."""

    table: ProductTable
    cosines: Vector | None
    """Shape (n,), in [-1, 1]: with the query's vector; None when there is none."""

    def __len__(self) -> int:
        return len(self.table)


def feature_matrix(query: UnderstoodQuery, candidates: Candidates, scale: CatalogueScale) -> Matrix:
    """Features of each candidate for the query.

    Returns:
        Shape (n, len(FEATURE_NAMES)), float32, finite:

        - `<field>_bm25`: BM25 of the query in that text field alone; `bm25`: in the fields that retrieval searches,
          weighted as there; `bm25_of_best`: over the best candidate's, in [0, 1].
        - `title_coverage`, `coverage`: share of the query's tokens (by idf) in the title, in any field; in [0, 1].
        - `title_share`: share of the title's tokens that the query names; in [0, 1].
        - `title_pairs`: share of the query's neighbouring tokens that are neighbours in the title; in [0, 1].
        - `title_first`: 1 / place (from 1) of the first matching token of the title, else 0.
        - `title_length`, `description_length`, `query_length`: ln(1 + tokens).
        - `numbers_found`, `numbers_missing`: how many of the query's tokens with digits the product has, has not.
        - `brand_named`: share of the brand's tokens that the query holds; `brand_conflict`: 1 if the query names a
          brand that the product is not of.
        - `cosine`; `cosine_of_best`: minus the best candidate's, at most 0; both 0 and `vector_missing` 1 without one.
        - `fused`: relevance.fusion.fused_scores over these candidates; in [0, 1].
        - `price_position`, `release_position`: quantile in the catalogue, 0.5 if unknown; in [0, 1].
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
    searched = saturated_counts(counts @ _TOGETHER, lengths @ _TOGETHER, scale.mean_lengths @ _TOGETHER)
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

    cosines = candidates.cosines
    columns = (
        *field_bm25.T,
        bm25,
        bm25 / max(float(bm25.max()), 1e-9),
        weights @ found[:, :, _TITLE] / total_weight,
        weights @ found_anywhere / total_weight,
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
        fused_scores(bm25, cosines, lexical_share=SERVED.lexical_share),
        scale.position("price_cents", candidates.table.price_cents),
        scale.position("released_days", candidates.table.released_days),
        np.full(count, np.log1p(len(query.tokens))),
    )
    return np.stack(columns, axis=1).astype(np.float32)


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
