"""all-MiniLM-L6-v2 as it comes, by sentence-transformers on the processor, with an exact faiss index of its vectors."""

import json
from collections.abc import Sequence
from pathlib import Path

import faiss
import numpy as np
import torch
from sentence_transformers import SentenceTransformer

from models.text_encoder import original_folder
from relevance.arrays import Vector
from relevance.contracts.products import Product


def build(products: Sequence[Product], folder: Path) -> None:
    """Encode title, brand and description of every product: minutes."""
    texts = [f"{product.title}. {product.brand}. {product.description}" for product in products]
    vectors = _model().encode(texts, batch_size=64, normalize_embeddings=True, show_progress_bar=True)
    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(np.asarray(vectors, dtype=np.float32))
    faiss.write_index(index, str(folder / "vectors.faiss"))
    (folder / "ids.json").write_text(json.dumps([product.product_id for product in products]), encoding="utf-8")


def ready(folder: Path) -> "MiniLm":
    """Load the model and the vectors."""
    return MiniLm(folder)


class MiniLm:
    """Meaning alone."""

    outside_ms = 0.0

    def __init__(self, folder: Path) -> None:
        """`folder` as `build` wrote it."""
        faiss.omp_set_num_threads(1)
        self.ids: list[str] = json.loads((folder / "ids.json").read_text(encoding="utf-8"))
        self.index = faiss.read_index(str(folder / "vectors.faiss"))
        self._model = _model()

    def encode(self, query: str) -> Vector:
        """Shape (d,), of length 1."""
        return np.asarray(self._model.encode(query, normalize_embeddings=True, show_progress_bar=False))

    def search(self, query: str, k: int) -> list[str]:
        """At most k product ids, best first."""
        _, rows = self.index.search(self.encode(query)[np.newaxis], k)
        return [self.ids[row] for row in rows[0] if row >= 0]


def _model() -> SentenceTransformer:
    torch.set_num_threads(1)
    return SentenceTransformer(str(original_folder()), device="cpu")
