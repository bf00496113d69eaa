"""The first 100 of textbook BM25 and of MiniLM, fused by reciprocal rank."""

from collections.abc import Sequence
from pathlib import Path

from benchmarks.peers.bm25_text import TextbookBm25
from benchmarks.peers.engine import DEPTH
from benchmarks.peers.minilm import MiniLm
from benchmarks.peers.reciprocal_rank import fuse
from relevance.contracts.products import Product


def build(products: Sequence[Product], folder: Path) -> None:
    """Nothing of its own."""


def ready(folder: Path) -> "Fusion":
    """Open both engines, whose folders lie beside this one."""
    return Fusion(TextbookBm25(folder.parent / "bm25"), MiniLm(folder.parent / "minilm"))


class Fusion:
    """Words and meaning."""

    outside_ms = 0.0

    def __init__(self, words: TextbookBm25, meaning: MiniLm) -> None:
        """Both over the same products."""
        self._words, self._meaning = words, meaning

    def search(self, query: str, k: int) -> list[str]:
        """At most k product ids, best first."""
        return fuse([self._words.search(query, DEPTH), self._meaning.search(query, DEPTH)])[:k]
