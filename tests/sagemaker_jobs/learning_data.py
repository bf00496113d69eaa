"""A data set of the made-up shop, as `prepare` would write it: kinds are asked for, and products of the kind answer."""

import hashlib
import json
from pathlib import Path

import numpy as np

from relevance.contracts.training import PairLine, QueryLine, Split
from sagemaker_jobs.dataset import BASKETS, IMPRESSIONS, PAIRS, PRODUCTS, QUERIES, REPORT, Dataset, jsonl
from sagemaker_jobs.product_vectors import ProductVectors, VectorsManifest
from tests.sagemaker_jobs.derived_shop import BRANDS, COLOURS, KINDS, made_up_shop


def a_dataset(folder: Path, *, sizes: int = 1) -> Dataset:
    """Queries "brand kind" and "colour kind"; every fifth one is to validate on, every fifth one to test on."""
    products = made_up_shop(sizes)
    folder.mkdir(parents=True, exist_ok=True)
    queries, pairs = [], []
    for number, (kind, word) in enumerate((kind, word) for kind in KINDS for word in (*BRANDS, *COLOURS)):
        split: Split = {3: "validation", 4: "test"}.get(number % 5, "train")  # type: ignore[assignment]
        text = f"{word.lower()} {kind}"
        queries.append(
            QueryLine(query_id=f"q{number}", text=text, split=split, origin="derived", segment="tail", asked=1)
        )
        for product in products:
            of_kind = product.title.split()[2:-2] == kind.split()
            right = of_kind and (product.brand == word or product.attributes["colour"] == word.title())
            if right or of_kind:
                pairs.append(
                    PairLine(
                        query_id=f"q{number}",
                        product_id=product.product_id,
                        relevance=1.0 if right else 0.0,
                        weight=1.0,
                        kind="derived" if right else "hard_negative",
                    )
                )
    lines = "".join(json.dumps(product.record()) + "\n" for product in products)
    (folder / PRODUCTS).write_text(lines)
    (folder / QUERIES).write_text("".join(jsonl(queries)))
    (folder / PAIRS).write_text("".join(jsonl(pairs)))
    (folder / IMPRESSIONS).write_text("")
    (folder / BASKETS).write_text("")
    (folder / REPORT).write_text(
        json.dumps({"source": "a made-up shop", "sha256": hashlib.sha256(lines.encode()).hexdigest()})
    )
    return Dataset(folder)


def some_vectors(dataset: Dataset, folder: Path, *, space: str = "large", dimension: int = 32) -> Path:
    """Unit vectors by chance, in the files that `embed` writes."""
    vectors = np.random.default_rng(0).standard_normal((len(dataset.products), dimension)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    manifest = VectorsManifest(
        encoder_id=space,
        space=space,
        dimension=dimension,
        products=len(vectors),
        data_sha256=dataset.report["sha256"],
    )
    ProductVectors(manifest, vectors).write(folder)
    return folder
