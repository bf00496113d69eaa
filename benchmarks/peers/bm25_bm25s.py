"""BM25 by bm25s over title, brand and description as one text, with its English stop words and Snowball stems."""

import json
from collections.abc import Sequence
from pathlib import Path

import bm25s
import numpy as np
import Stemmer

from relevance.contracts.products import Product


def build(products: Sequence[Product], folder: Path) -> None:
    """Write the index."""
    texts = [f"{product.title} {product.brand} {product.description}" for product in products]
    tokens = bm25s.tokenize(texts, stopwords="en", stemmer=Stemmer.Stemmer("english"), show_progress=False)
    retriever = bm25s.BM25()
    retriever.index(tokens, show_progress=False)
    retriever.save(str(folder))
    (folder / "ids.json").write_text(json.dumps([product.product_id for product in products]), encoding="utf-8")


def ready(folder: Path) -> "Bm25s":
    """Open the index."""
    return Bm25s(folder)


class Bm25s:
    """Words in one text."""

    outside_ms = 0.0

    def __init__(self, folder: Path) -> None:
        """`folder` as `build` wrote it."""
        self.ids: list[str] = json.loads((folder / "ids.json").read_text(encoding="utf-8"))
        self._retriever = bm25s.BM25.load(str(folder), mmap=True)
        self._stemmer = Stemmer.Stemmer("english")

    def scored(self, query: str, k: int) -> list[tuple[int, float]]:
        """At most k rows with their scores above 0, best first."""
        tokens = bm25s.tokenize(query, stopwords="en", stemmer=self._stemmer, show_progress=False)
        rows, scores = self._retriever.retrieve(tokens, k=k, n_threads=1, show_progress=False)
        found = np.count_nonzero(scores[0] > 0)
        return list(zip(rows[0][:found].tolist(), scores[0][:found].tolist(), strict=True))

    def search(self, query: str, k: int) -> list[str]:
        """At most k product ids, best first."""
        return [self.ids[row] for row, _ in self.scored(query, k)]
