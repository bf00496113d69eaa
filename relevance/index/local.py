"""The index of a shop that fits in a function: files of a release, memory-mapped."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from relevance.arrays import Mask, Matrix, Rows, Vector, mapped
from relevance.completion import Completions, products_named
from relevance.contracts.products import Product
from relevance.contracts.settings import IndexSettings
from relevance.contracts.stages import UnderstoodQuery
from relevance.features import Candidates
from relevance.filters import Condition
from relevance.fusion import fused_scores
from relevance.index.browsing import browsing_order
from relevance.index.facets import FacetColumns, FacetCount
from relevance.index.lexical import LexicalIndex, LexicalWriter
from relevance.index.port import Retrieved
from relevance.index.postings import Postings
from relevance.index.records import ProductRecords
from relevance.index.retrieval import SERVED, Retrieval
from relevance.index.table import CatalogueScale, ProductTable
from relevance.index.vectors import VectorIndex
from relevance.product_text import tokens_of_words, words_of_products
from relevance.sorting import Sort
from relevance.spelling import Spelling, products_by_word
from relevance.synonyms import Synonyms
from relevance.understanding import BrandNames

_CHUNK = 10_000
_BROWSING = "browsing.npy"
_SETTINGS = "settings.json"


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
        self._postings = Postings.open(index, len(self._records))
        self._browsed_order: Rows = mapped(index / _BROWSING)
        self.settings = IndexSettings.model_validate_json((index / _SETTINGS).read_bytes())
        self.scale = CatalogueScale.open(index)
        self.brands = BrandNames.of(json.loads((index / "brands.json").read_text()))
        self.spelling = Spelling.open(index)
        self.completions = Completions.open(index)
        self.synonyms = Synonyms.open(index)
        self.facet_names = self._facets.names

    @staticmethod
    def build(
        products: Sequence[Product],
        vectors: Matrix | None,
        release: Path,
        settings: IndexSettings | None = None,
        say: Callable[[str], object] = lambda _: None,
    ) -> None:
        """Write `index/` and `products/` into a release's folder.

        Args:
            products: At least one; their order gives the row numbers.
            vectors: Shape (len(products), d), rows of unit length; None for a release without vectors.
            release: An existing folder without these two in it.
            settings: The shop's; written into the index.
            say: Told how far it is.
        """
        settings = settings or IndexSettings()
        index = release / "index"
        for folder in (index / "lexical", release / "products"):
            folder.mkdir(parents=True)
        _write_texts(products, index, say)
        if vectors is not None:
            say("indexing: vectors")
            VectorIndex.build(vectors, index / "vectors.faiss")
        say("indexing: facets and records")
        FacetColumns.build(products, index, tuple(facet.name for facet in settings.facets))
        np.save(index / _BROWSING, browsing_order(products, settings.ranking))
        (index / _SETTINGS).write_text(settings.model_dump_json(by_alias=True, exclude_none=True))
        brands = list(dict.fromkeys(product.brand for product in products if product.brand))
        (index / "brands.json").write_text(json.dumps(brands))
        ProductRecords.write(products, release / "products")

    @property
    def dimension(self) -> int | None:
        """Length of the product vectors; None where the release has none."""
        return None if self._vectors is None else self._vectors.dimension

    def __len__(self) -> int:
        return len(self._records)

    def document_frequencies(self, tokens: Sequence[str]) -> Vector:
        """See `ProductIndex`."""
        return self._lexical.document_frequencies(tokens)

    def frequencies_beside(self, tokens: Sequence[str], others: Sequence[str]) -> Vector:
        """See `ProductIndex`."""
        return self._lexical.frequencies_beside(tokens, others)

    def retrieve(
        self,
        query: UnderstoodQuery,
        limit: int,
        condition: Condition | None = None,
        *,
        members: bool = False,
        sort: Sort | None = None,
        strict: bool = True,
    ) -> Retrieved:
        """See `ProductIndex`."""
        allowed = None if condition is None else self._facets.mask(condition)
        if not query.tokens:
            return self._browsed(limit, allowed, sort)
        holding = self._holding(query)
        matched, bm25 = self._matches(query, self._retrieval.lexical_limit, holding, allowed)
        by_meaning = self._near(query, allowed)
        added = by_meaning[np.isin(by_meaning, matched, assume_unique=True, invert=True)]
        rows = np.concatenate((matched, added))
        scores = np.concatenate((bm25, np.zeros(len(added), dtype=np.float32)))
        cosines = self._cosines(query, rows)
        fused = fused_scores(scores, cosines, lexical_share=self._retrieval.lexical_share)
        best = np.argsort(-fused, kind="stable")
        if allowed is not None:
            holding &= allowed
        holding[by_meaning] = True
        count = int(np.count_nonzero(holding))
        whole = np.flatnonzero(holding) if members or sort is not None else None
        if sort is None or whole is None:
            nearest = None if cosines is None or not len(rows) else float(cosines.max())
            return Retrieved(rows[best[:limit]], fused[best[:limit]], count, whole, best_cosine=nearest)
        relevant = self._relevant(query, rows[best], fused[best], allowed) if strict else whole
        ordered = self._sorted(relevant, sort, limit)
        return Retrieved(ordered, np.zeros(len(ordered), dtype=np.float32), count, relevant, len(relevant))

    def facets(
        self, rows: Rows, names: Sequence[str], limit: int, *, alphabetical: bool = False
    ) -> dict[str, FacetCount]:
        """See `ProductIndex`."""
        return self._facets.count(names, rows, limit, alphabetical=alphabetical)

    def candidates(self, query: UnderstoodQuery, rows: Rows) -> Candidates:
        """See `ProductIndex`."""
        vectors = None if self._vectors is None or query.vector is None else self._vectors.take(rows)
        return Candidates(self._table.take(rows), vectors)

    def records(self, rows: Rows) -> list[dict[str, Any]]:
        """See `ProductIndex`."""
        return self._records.read(rows)

    def rows(self, product_ids: Sequence[str]) -> Rows:
        """See `ProductIndex`."""
        return self._records.rows(product_ids)

    def _browsed(self, limit: int, allowed: Mask | None, sort: Sort | None) -> Retrieved:
        """All products that a condition lets through, in the shop's order unless sorted otherwise."""
        rows = self._browsed_order if allowed is None else self._browsed_order[allowed[self._browsed_order]]
        shown = rows[:limit] if sort is None else self._sorted(rows, sort, limit)
        return Retrieved(shown, np.zeros(len(shown), dtype=np.float32), len(rows), rows)

    def _relevant(self, query: UnderstoodQuery, rows: Rows, fused: Vector, allowed: Mask | None) -> Rows:
        """What may be sorted: the products that hold every word of the query, else those nearly as good as the best."""
        complete, _ = self._lexical.search(query, self._retrieval.field_weights, len(self), every=True)
        if allowed is not None:
            complete = complete[allowed[complete]]
        return complete if len(complete) else rows[fused >= self._retrieval.sorted_share * fused.max(initial=0.0)]

    def _sorted(self, rows: Rows, sort: Sort, limit: int) -> Rows:
        """The first `limit` rows by a column; what is equal, or has no value, stays in the order given."""
        values = getattr(self._table, sort.column)[rows]
        keys = np.where(np.isnan(values), np.inf, -values if sort.descending else values)
        if 0 < limit < len(rows):  # most need not be sorted
            first = np.flatnonzero(keys <= np.partition(keys, limit - 1)[limit - 1])
            rows, keys = rows[first], keys[first]
        return rows[np.argsort(keys, kind="stable")][:limit]

    def _holding(self, query: UnderstoodQuery) -> Mask:
        """Which products hold any of a query's tokens, or what may stand in its place."""
        others = [other.tokens for alternatives in query.alternatives for other in alternatives]
        holding = self._postings.holding((*query.tokens, *(tokens[0] for tokens in others if len(tokens) == 1)))
        for phrase in {tokens for tokens in others if len(tokens) > 1}:
            holding[self._lexical.holding(phrase)] = True
        return holding

    def _matches(self, query: UnderstoodQuery, limit: int, holding: Mask, allowed: Mask | None) -> tuple[Rows, Vector]:
        """Rows and scores of the word matches, best first, at most `limit`."""
        weights = self._retrieval.field_weights
        if allowed is None:
            return self._lexical.search(query, weights, limit)
        within = holding & allowed
        reachable, kept_in_all = int(np.count_nonzero(holding)), int(np.count_nonzero(within))
        wanted = min(limit, kept_in_all)
        # As deep as it takes if what is allowed lies evenly among the best; deeper until it does.
        depth = limit * reachable // max(kept_in_all, 1) + limit
        while True:
            if kept_in_all < depth:  # looking at each takes less than going so deep
                few = np.flatnonzero(within)
                scores = self._lexical.scores(query, weights, self._table.texts(few), self.scale.mean_lengths)
                if scores is not None:
                    best = np.lexsort((few, -scores))[:limit]
                    return few[best], scores[best]
            rows, scores = self._lexical.search(query, weights, min(depth, reachable))
            kept = np.flatnonzero(allowed[rows])[:limit]
            if len(kept) >= wanted or depth >= reachable:
                return rows[kept], scores[kept]
            depth *= 4

    def _near(self, query: UnderstoodQuery, allowed: Mask | None) -> Rows:
        if self._vectors is None or query.vector is None:
            return np.empty(0, dtype=np.int64)
        retrieval = self._retrieval
        return self._vectors.search(query.vector, retrieval.dense_limit, floor=retrieval.cosine_floor, allowed=allowed)

    def _cosines(self, query: UnderstoodQuery, rows: Rows) -> Vector | None:
        if self._vectors is None or query.vector is None:
            return None
        return self._vectors.cosines(query.vector, rows)


def _write_texts(products: Sequence[Product], index: Path, say: Callable[[str], object]) -> None:
    """Everything that is made of products' texts: in chunks, since their words take ten times the room of the index."""
    spoken_by, named_by = Counter[str](), Counter[str]()
    lexical = LexicalWriter(index / "lexical", len(products))
    tables = []
    for start in range(0, len(products), _CHUNK):
        chunk = products[start : start + _CHUNK]
        spoken = words_of_products(chunk)
        spoken_by.update(products_by_word(spoken))
        named_by.update(products_named(spoken))
        texts = [tokens_of_words(fields) for fields in spoken]
        lexical.add(texts)
        tables.append(ProductTable.of(chunk, texts))
        say(f"indexing: the text of {start + len(chunk):,} of {len(products):,} products")
    lexical.close()
    Spelling.counted(spoken_by).save(index)
    Completions(named_by).save(index)
    table = tables[0].joined(*tables[1:])
    table.save(index)
    say("indexing: which products hold a token")
    Postings.build(table.tokens, len(products), index)
    CatalogueScale.of(table).save(index)
