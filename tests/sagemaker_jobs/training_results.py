"""What the jobs of a training hand on, made by hand: a data set, an encoder in a large one's space, vectors."""

import hashlib
import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from relevance.arrays import Matrix
from relevance.contracts.models import EncoderManifest
from relevance.contracts.products import Product
from relevance.contracts.training import PairLine, QueryLine
from relevance.encoder import TextEncoder
from relevance.product_text import PRODUCT_TOKENS, embedding_text
from relevance.release_files import MANIFEST
from sagemaker_jobs import dataset
from sagemaker_jobs.build_release import ARTEFACTS
from sagemaker_jobs.dataset import Dataset, jsonl
from sagemaker_jobs.product_vectors import ProductVectors, VectorsManifest


def a_query(text: str, **fields: object) -> QueryLine:
    """One that was derived, for testing on, asked rarely."""
    given = {"query_id": text, "text": text, "split": "test", "origin": "derived", "segment": "tail", "asked": 1}
    return QueryLine.model_validate(given | fields)


def write_dataset(
    folder: Path, products: Sequence[Product], answers: Mapping[QueryLine, Mapping[str, float]]
) -> Dataset:
    """A data set's folder as `prepare` writes it: queries, and each one's products with their relevance."""
    folder.mkdir(parents=True)
    pairs: Iterable[PairLine] = [
        PairLine(query_id=query.query_id, product_id=product_id, relevance=relevance, weight=1.0, kind="derived")
        for query, products_of_it in answers.items()
        for product_id, relevance in products_of_it.items()
    ]
    lines = {
        dataset.PRODUCTS: (json.dumps(product.record()) + "\n" for product in products),
        dataset.QUERIES: jsonl(answers),
        dataset.PAIRS: jsonl(pairs),
        dataset.IMPRESSIONS: (),
        dataset.BASKETS: (),
    }
    sha256 = hashlib.sha256()
    for name, content in lines.items():
        written = "".join(content).encode()
        sha256.update(written)
        (folder / name).write_bytes(written)
    (folder / dataset.REPORT).write_text(json.dumps({"source": "a made-up shop", "sha256": sha256.hexdigest()}))
    return Dataset(folder)


def write_encoder(folder: Path, *, space: str | None = None) -> Path:
    """The encoder that ships, saying whose space it answers in."""
    shutil.copytree(ARTEFACTS / "encoder", folder)
    manifest = EncoderManifest.model_validate_json((folder / MANIFEST).read_bytes())
    (folder / MANIFEST).write_text(manifest.model_copy(update={"space": space}).model_dump_json())
    return folder


def write_vectors(folder: Path, of: Dataset, encoder: Path, vectors: Matrix | None = None) -> Path:
    """What `embed` writes, in the space of an encoder: its own vectors, or those given."""
    model = TextEncoder.load(encoder)
    if vectors is None:
        texts = [embedding_text(product) for product in of.products]
        vectors = model.encode_batch(texts, max_tokens=PRODUCT_TOKENS)
    manifest = VectorsManifest(
        encoder_id=model.manifest.own_space,
        space=model.manifest.own_space,
        dimension=vectors.shape[1],
        products=len(vectors),
        data_sha256=of.report["sha256"],
    )
    ProductVectors(manifest, vectors).write(folder)
    return folder


def random_directions(n: int, d: int, seed: int = 1) -> Matrix:
    """Shape (n, d), rows of length 1 that mean nothing."""
    drawn = np.random.default_rng(seed).standard_normal((n, d)).astype(np.float32)
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
