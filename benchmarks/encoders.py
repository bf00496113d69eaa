"""How much better the trained encoder finds products than the network it began with, and how near its students come.

    python -m benchmarks.encoders --run .local/training/runs/<run>

One run of the training (`make train CONFIG=icecat`) gives the encoders; people's ratings on Icecat, which no model saw,
judge them. Each encoder alone ranks the whole catalogue by cosine: the first network with its own vectors of products,
the others with those of the large encoder.
"""

import argparse
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.judgments import Judgments, read_judgments, usable
from benchmarks.results_file import add_circumstances, write_results
from models.text_encoder import TextEncoder, original_folder
from relevance.arrays import Matrix
from relevance.encoder import QUERY_TOKENS
from relevance.encoder import TextEncoder as OnnxTextEncoder
from relevance.metrics import ndcg, paired_bootstrap, ratings_of
from relevance.product_text import PRODUCT_TOKENS, embedding_text
from relevance.quality import Quality, mean_quality, quality
from sagemaker_jobs.dataset import Dataset
from sagemaker_jobs.distil import top_overlap
from sagemaker_jobs.job import say
from sagemaker_jobs.product_vectors import ProductVectors
from sagemaker_jobs.unlabelled_queries import unlabelled_queries

SEED = 20261122
UNLABELLED = 5000
UNLABELLED_SEED = 99
"""Other queries than those that any job drew to learn from or to choose by."""
COMPARISONS = (("trained", "zero-shot"), ("student", "trained"), ("compressed", "trained"))
FIGURES = ("ndcg", "ndcg_judged", "ndcg_all_judged")


def main() -> int:
    """Measure, print, write `encoders.json`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, required=True, metavar="DIR", help="one run's folder, its steps in it")
    add_circumstances(parser)
    given = parser.parse_args()
    dataset = Dataset(result(given.run, "prepare"))
    judgments = usable(read_judgments(given.data))
    spaces = encoded(given.run, dataset, list(judgments))
    ids = [product.product_id for product in dataset.products]
    answers = {name: answered(queries, products, ids, judgments) for name, (queries, products) in spaces.items()}
    figures: dict[str, Any] = {
        "queries": len(judgments),
        "products": len(ids),
        "engines": {
            name: mean_quality([one for one, _ in found]) | {"ndcg_all_judged": _mean([all_ for _, all_ in found])}
            for name, found in answers.items()
        },
        "differences": [
            {"better": better, "than": than, "figure": figure}
            | asdict(paired_bootstrap(_values(answers[better], figure), _values(answers[than], figure), SEED))
            for better, than in COMPARISONS
            for figure in FIGURES
        ],
        "overlap": overlaps(given.run, dataset),
    }
    for name, means in figures["engines"].items():
        print(f"{name:11}", "  ".join(f"{figure} {value:.3f}" for figure, value in means.items()))
    for entry in figures["differences"]:
        compared = f"{entry['better']} - {entry['than']}"
        print(f"{compared:22} {entry['figure']:16} {entry['mean']:+.3f} [{entry['low']:+.3f}, {entry['high']:+.3f}]")
    for name, value in figures["overlap"].items():
        print(f"{name:34} {value:.4f}" if isinstance(value, float) else f"{name:34} {value}")
    print(write_results("encoders", given, figures))
    return 0


def result(run: Path, step: str) -> Path:
    """Where a run keeps what one of its steps made."""
    return run / step / "result"


def encoded(run: Path, dataset: Dataset, queries: list[str]) -> dict[str, tuple[Matrix, Matrix]]:
    """Each encoder's vectors of queries, shape (q, d), and the vectors of products they are compared with, (n, d)."""
    original = TextEncoder.load(original_folder(), attention="sdpa")
    texts = [embedding_text(product) for product in dataset.products]
    say("the first network reads the catalogue")
    zero_shot = original.encode(texts, max_tokens=PRODUCT_TOKENS, progress=say)
    products = ProductVectors.read(result(run, "embed")).vectors
    found = {"zero-shot": (original.encode(queries, max_tokens=QUERY_TOKENS, exact=True), zero_shot)}
    for name, vectors in _of_run(run, queries).items():
        found[name] = (vectors, products)
    return found


def overlaps(run: Path, dataset: Dataset) -> dict[str, float | int]:
    """The share of the ten nearest products that each small encoder's queries agree on with the large one's."""
    queries = unlabelled_queries(dataset.products, UNLABELLED, seed=UNLABELLED_SEED)
    products = ProductVectors.read(result(run, "embed")).vectors
    vectors = _of_run(run, queries)
    return {"unlabelled_queries": len(queries)} | {
        f"{name}_top10_overlap": round(top_overlap(vectors[name], vectors["trained"], products, 10), 4)
        for name in ("student", "compressed")
    }


def _of_run(run: Path, queries: list[str]) -> dict[str, Matrix]:
    """The vectors of queries by the large encoder, by its student, and by what a function serves."""
    found = {}
    for name, step in (("trained", "train_encoder"), ("student", "distil")):
        encoder = TextEncoder.load(result(run, step), attention="sdpa")
        found[name] = encoder.encode(queries, max_tokens=QUERY_TOKENS, prefix=encoder.query_prefix, exact=True)
    found["compressed"] = OnnxTextEncoder.load(result(run, "compress")).encode_batch(queries, max_tokens=QUERY_TOKENS)
    return found


def answered(queries: Matrix, products: Matrix, ids: list[str], judgments: Judgments) -> list[tuple[Quality, float]]:
    """Of each query, how good the nearest products are, and nDCG@10 over all its judged products, in any place."""
    found = []
    for vector, ratings in zip(queries, judgments.values(), strict=True):
        ordered = [ids[row] for row in np.argsort(-(products @ vector), kind="stable")]
        judged = ratings_of([one for one in ordered if one in ratings], ratings)
        found.append((quality(ordered, dict(ratings)), ndcg(judged, judged)))
    return found


def _values(answers: list[tuple[Quality, float]], figure: str) -> list[float]:
    return [all_ if figure == "ndcg_all_judged" else getattr(one, figure) for one, all_ in answers]


def _mean(values: list[float]) -> float:
    return round(float(np.mean(values)), 4)


if __name__ == "__main__":
    sys.exit(main())
