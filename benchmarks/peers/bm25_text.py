"""Textbook BM25, the baseline: title, brand and description as one text of English stems, in tantivy."""

from collections.abc import Sequence
from pathlib import Path

import tantivy

from relevance.contracts.products import Product


def build(products: Sequence[Product], folder: Path) -> None:
    """Write the index."""
    builder = tantivy.SchemaBuilder()
    builder.add_text_field("id", stored=True, tokenizer_name="raw")
    builder.add_text_field("text", tokenizer_name="en_stem")
    index = tantivy.Index(builder.build(), path=str(folder))
    writer = index.writer(num_threads=1)
    for product in products:
        text = f"{product.title} {product.description} {product.brand}"
        writer.add_document(tantivy.Document(id=product.product_id, text=text))
    writer.commit()
    writer.wait_merging_threads()


def ready(folder: Path) -> "TextbookBm25":
    """Open the index."""
    return TextbookBm25(folder)


class TextbookBm25:
    """Words in one text."""

    outside_ms = 0.0

    def __init__(self, folder: Path) -> None:
        """`folder` as `build` wrote it."""
        self._index = tantivy.Index.open(str(folder))
        self._searcher = self._index.searcher()

    def search(self, query: str, k: int) -> list[str]:
        """At most k product ids, best first."""
        parsed, _ = self._index.parse_query_lenient(query, ["text"])
        hits = self._searcher.search(parsed, k).hits
        return [self._searcher.doc(address)["id"][0] for _, address in hits]
