"""BM25 over weighted text fields, by tantivy."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Self

import numpy as np
import tantivy

from relevance.arrays import Rows, Vector
from relevance.index.retrieval import SEARCHED_TOGETHER
from relevance.product_text import TEXT_FIELDS, AnalysedText

_SMALLEST_HEAP_BYTES = 128 << 20
_HEAP_BYTES_PER_PRODUCT = 4096


def _schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    for field in SEARCHED_TOGETHER:
        # The text is analysed before it comes here, so that index, query and features agree on what a token is.
        builder.add_text_field(field, stored=False, tokenizer_name="whitespace", index_option="position")
    return builder.build()


class LexicalIndex:
    """An open index in one segment, in which a document's number is the product's row."""

    def __init__(self, index: tantivy.Index) -> None:
        self._schema = index.schema
        self._searcher = index.searcher()

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Memory-map the index that `build` wrote."""
        return cls(tantivy.Index.open(str(folder)))

    @staticmethod
    def build(texts: Sequence[AnalysedText], folder: Path) -> None:
        """Write the index of products' texts into an existing, empty folder; row numbers follow their order."""
        index = tantivy.Index(_schema(), path=str(folder))
        # One thread and a heap for everything: one segment, in the order of the products.
        heap_bytes = min(max(_SMALLEST_HEAP_BYTES, _HEAP_BYTES_PER_PRODUCT * len(texts)), 4_000_000_000)
        writer = index.writer(heap_size=heap_bytes, num_threads=1)
        for text in texts:
            document = tantivy.Document()
            tokens_of = dict(zip(TEXT_FIELDS, text, strict=True))
            for field, parts in SEARCHED_TOGETHER.items():
                document.add_text(field, " ".join(token for part in parts for token in tokens_of[part]))
            writer.add_document(document)
        writer.commit()
        writer.wait_merging_threads()
        index.reload()
        segments = index.searcher().num_segments
        if segments > 1:
            raise RuntimeError(f"the lexical index of {len(texts)} products came out in {segments} segments, not 1")

    def search(
        self, tokens: Iterable[str], weights: Mapping[str, float], limit: int, *, every: bool = False
    ) -> tuple[Rows, Vector, int]:
        """Products that hold any of the tokens, or `every` one, best weighted sum of their fields' BM25 first.

        Returns:
            Rows, shape (k,), k <= limit; their scores, shape (k,), above 0; and how many products match in all.
        """
        query = self._query(tokens, weights, every)
        result = self._searcher.search(query, limit=max(limit, 1), count=True)
        hits = result.hits[:limit]
        rows = np.fromiter((address.doc for _, address in hits), dtype=np.int64, count=len(hits))
        scores = np.fromiter((score for score, _ in hits), dtype=np.float32, count=len(hits))
        return rows, scores, int(result.count)  # type: ignore[attr-defined]  # the stub forgets it

    def document_frequencies(self, tokens: Sequence[str]) -> Vector:
        """Shape (len(tokens),): in how many products each token stands, by the field that has most."""
        return np.array(
            [max(self._searcher.doc_freq(field, token) for field in SEARCHED_TOGETHER) for token in tokens],
            dtype=np.float32,
        )

    def _query(self, tokens: Iterable[str], weights: Mapping[str, float], every: bool) -> tantivy.Query:
        occurs = tantivy.Occur.Must if every else tantivy.Occur.Should
        clauses = [(occurs, self._token(token, weights)) for token in dict.fromkeys(tokens)]
        return tantivy.Query.boolean_query(clauses) if clauses else tantivy.Query.empty_query()

    def _token(self, token: str, weights: Mapping[str, float]) -> tantivy.Query:
        """A token in any of the fields."""
        terms = [
            tantivy.Query.boost_query(tantivy.Query.term_query(self._schema, field, token), weight)
            for field, weight in weights.items()
        ]
        return tantivy.Query.boolean_query([(tantivy.Occur.Should, term) for term in terms])
