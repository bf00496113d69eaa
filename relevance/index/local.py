"""The index of a shop that fits in a function: files of a release, memory-mapped."""

import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from relevance.arrays import Matrix, Rows, Vector
from relevance.bm25 import inverse_document_frequencies
from relevance.contracts.products import Product
from relevance.contracts.stages import UnderstoodQuery
from relevance.features import Candidates
from relevance.fusion import fused_scores
from relevance.index.facets import FacetColumns, FacetCount
from relevance.index.lexical import LexicalIndex
from relevance.index.port import Retrieved
from relevance.index.records import ProductRecords
from relevance.index.retrieval import SERVED, Retrieval
from relevance.index.table import CatalogueScale, ProductTable
from relevance.index.tokens import token_hash
from relevance.index.vectors import VectorIndex
from relevance.product_text import TEXT_FIELDS, analyse_products
from relevance.understanding import BrandNames


class LocalIndex:
    """Implements `ProductIndex` over `index/` and `products/` of a release."""

    def __init__(self, release: Path, retrieval: Retrieval = SERVED) -> None:
        self._retrieval = retrieval
        index = release / "index"
        self._lexical = LexicalIndex.open(index / "lexical")
        vectors = index / "vectors.faiss"
        self._vectors = VectorIndex.open(vectors) if vectors.exists() else None
        self._table = ProductTable.open(index)
        self._facets = FacetColumns.open(index)
        self._records = ProductRecords.open(release / "products")
        self.scale = CatalogueScale.open(index)
        self.brands = BrandNames.of(json.loads((index / "brands.json").read_text()))
        self.facet_names = self._facets.names

    @staticmethod
    def build(products: Sequence[Product], vectors: Matrix | None, release: Path) -> None:
        """Write `index/` and `products/` into a release's folder.

        Args:
            products: At least one; their order gives the row numbers.
            vectors: Shape (len(products), d), rows of unit length; None for a release without vectors.
            release: An existing folder without these two in it.
        """
        index = release / "index"
        for folder in (index / "lexical", release / "products"):
            folder.mkdir(parents=True)
        texts = analyse_products(products)
        LexicalIndex.build(texts, index / "lexical")
        if vectors is not None:
            VectorIndex.build(vectors, index / "vectors.faiss")
        table = ProductTable.of(products, texts)
        table.save(index)
        CatalogueScale.of(table).save(index)
        FacetColumns.build(products, index)
        brands = list(dict.fromkeys(product.brand for product in products if product.brand))
        (index / "brands.json").write_text(json.dumps(brands))
        ProductRecords.write(products, release / "products")

    @property
    def dimension(self) -> int | None:
        """Length of the product vectors; None where the release has none."""
        return None if self._vectors is None else self._vectors.dimension

    def __len__(self) -> int:
        return len(self._records)

    def token_weights(self, tokens: Sequence[str]) -> Vector:
        """See `ProductIndex`."""
        return inverse_document_frequencies(self._lexical.document_frequencies(tokens), len(self))

    def retrieve(self, query: UnderstoodQuery, limit: int) -> Retrieved:
        """See `ProductIndex`."""
        if not query.tokens:
            newest = self._newest_first[:limit]
            return Retrieved(newest, np.zeros(len(newest), dtype=np.float32), len(self))
        matched, bm25, count = self._matches(query, self._retrieval.lexical_limit)
        by_meaning = self._near(query)
        added = by_meaning[~np.isin(by_meaning, matched)]
        rows = np.concatenate((matched, added))
        scores = np.concatenate((bm25, np.zeros(len(added), dtype=np.float32)))
        fused = fused_scores(scores, self._cosines(query, rows), lexical_share=self._retrieval.lexical_share)
        best = np.argsort(-fused, kind="stable")[:limit]
        return Retrieved(rows[best], fused[best], count + self._without_a_word(query, added))

    def facets(self, query: UnderstoodQuery, names: Sequence[str], limit: int) -> dict[str, FacetCount]:
        """See `ProductIndex`."""
        if query.tokens:
            matched, _, _ = self._matches(query, len(self))
            rows = np.union1d(matched, self._near(query))
        else:
            rows = np.arange(len(self))
        return {name: self._facets.count(name, rows, limit) for name in names}

    def candidates(self, query: UnderstoodQuery, rows: Rows) -> Candidates:
        """See `ProductIndex`."""
        return Candidates(self._table.take(rows), self._cosines(query, rows))

    def records(self, rows: Rows) -> list[dict[str, Any]]:
        """See `ProductIndex`."""
        return self._records.read(rows)

    def rows(self, product_ids: Sequence[str]) -> Rows:
        """See `ProductIndex`."""
        return self._records.rows(product_ids)

    @cached_property
    def _newest_first(self) -> Rows:
        """All rows by release date, unknown dates last."""
        return np.argsort(-np.nan_to_num(self._table.released_days, nan=-np.inf), kind="stable")

    def _matches(self, query: UnderstoodQuery, limit: int) -> tuple[Rows, Vector, int]:
        return self._lexical.search(query.tokens, self._retrieval.field_weights, limit)

    def _near(self, query: UnderstoodQuery) -> Rows:
        if self._vectors is None or query.vector is None:
            return np.empty(0, dtype=np.int64)
        return self._vectors.search(query.vector, self._retrieval.dense_limit, floor=self._retrieval.cosine_floor)

    def _cosines(self, query: UnderstoodQuery, rows: Rows) -> Vector | None:
        if self._vectors is None or query.vector is None:
            return None
        return self._vectors.cosines(query.vector, rows)

    def _without_a_word(self, query: UnderstoodQuery, rows: Rows) -> int:
        """How many of these rows hold no word of the query, and so are not in the lexical count."""
        texts = self._table.take(rows).tokens
        hits = np.isin(texts.values, [token_hash(token) for token in query.tokens])
        return len(rows) - len(np.unique(texts.owners[hits] // len(TEXT_FIELDS)))
