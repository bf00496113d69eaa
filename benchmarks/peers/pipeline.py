"""The pipeline that most teams write: bm25s and MiniLM find 100 each, LightGBM's LambdaMART orders them by features.

It is trained as Vitrine's ranker is, on queries derived from the catalogue, never on people's ratings.
"""

import json
import re
from collections.abc import Sequence
from pathlib import Path

import lightgbm
import numpy as np

from benchmarks.peers.bm25_bm25s import Bm25s
from benchmarks.peers.engine import DEPTH
from benchmarks.peers.minilm import MiniLm
from relevance.arrays import Matrix
from relevance.contracts.products import Product
from sagemaker_jobs.derive_queries import CatalogueFacts, derive_queries
from sagemaker_jobs.product_neighbours import product_neighbours

FEATURES = (
    "bm25",
    "cosine",
    "bm25 rank",
    "cosine rank",
    "words in title",
    "words in description",
    "brand named",
    "title holds query",
    "numbers in title",
    "title words",
)
_QUERIES = 2000
_VALIDATED = 0.2
"""Of the queries: where boosting stops."""
_SEED = 1
_PARAMETERS = {
    "objective": "lambdarank",
    "metric": "ndcg",
    "eval_at": [10],
    "learning_rate": 0.05,
    "num_leaves": 31,
    "num_threads": 1,
    "seed": _SEED,
    "verbose": -1,
}
_TREES = 500
_PATIENCE = 30


def build(products: Sequence[Product], folder: Path) -> None:
    """Train the re-ranker over the candidates of both engines, whose folders lie beside this one."""
    texts = [(product.title, product.brand, product.description) for product in products]
    (folder / "texts.json").write_text(json.dumps(texts), encoding="utf-8")
    words, meaning = Bm25s(folder.parent / "bm25s"), MiniLm(folder.parent / "minilm")
    candidates = Candidates(words, meaning, texts)
    vectors = meaning.index.reconstruct_n(0, len(products))
    facts = CatalogueFacts(products, product_neighbours(products, vectors))
    groups = []
    for query in derive_queries(facts, _QUERIES, seed=_SEED):
        rows, features = candidates.of(query.text)
        labels = np.rint(3 * facts.relevance(query)[rows]).astype(int)
        if len(rows) and labels.max() > labels.min():
            groups.append((features, labels))
    validated = round(_VALIDATED * len(groups))
    learning = _dataset(groups[validated:])
    ranker = lightgbm.train(
        _PARAMETERS,
        learning,
        num_boost_round=_TREES,
        valid_sets=[_dataset(groups[:validated], learning)],
        callbacks=[lightgbm.early_stopping(_PATIENCE, verbose=False)],
    )
    ranker.save_model(str(folder / "ranker.txt"), num_iteration=ranker.best_iteration)


def _dataset(
    groups: Sequence[tuple[Matrix, np.ndarray]], reference: "lightgbm.Dataset | None" = None
) -> "lightgbm.Dataset":
    return lightgbm.Dataset(
        np.concatenate([features for features, _ in groups]),
        np.concatenate([labels for _, labels in groups]),
        group=[len(labels) for _, labels in groups],
        feature_name=[name.replace(" ", "_") for name in FEATURES],
        reference=reference,
    )


def ready(folder: Path) -> "Pipeline":
    """Open both engines and the re-ranker."""
    texts = json.loads((folder / "texts.json").read_text(encoding="utf-8"))
    candidates = Candidates(Bm25s(folder.parent / "bm25s"), MiniLm(folder.parent / "minilm"), texts)
    return Pipeline(candidates, lightgbm.Booster(model_file=str(folder / "ranker.txt")))


class Candidates:
    """What either engine finds, described by features."""

    def __init__(self, words: Bm25s, meaning: MiniLm, texts: Sequence[tuple[str, str, str]]) -> None:
        """`texts`: title, brand and description of each row."""
        self.ids = words.ids
        self._words, self._meaning, self._texts = words, meaning, texts

    def of(self, query: str) -> tuple[list[int], Matrix]:
        """Rows, and their features: shape (n, len(FEATURES))."""
        lexical = self._words.scored(query, DEPTH)
        vector = self._meaning.encode(query)
        cosines, nearest = self._meaning.index.search(vector[np.newaxis], DEPTH)
        dense = list(zip(nearest[0].tolist(), cosines[0].tolist(), strict=True))
        scores, alike = dict(lexical), dict(dense)
        lexical_ranks = {row: rank for rank, (row, _) in enumerate(lexical, start=1)}
        dense_ranks = {row: rank for rank, (row, _) in enumerate(dense, start=1)}
        rows = list(scores | alike)
        asked = _words(query)
        features = []
        for row in rows:
            title, brand, description = self._texts[row]
            cosine = alike.get(row)
            if cosine is None:
                cosine = float(vector @ self._meaning.index.reconstruct(row))
            features.append(
                [
                    scores.get(row, 0.0),
                    cosine,
                    1 / lexical_ranks.get(row, DEPTH + 1),
                    1 / dense_ranks.get(row, DEPTH + 1),
                    *_overlap(query, asked, title, brand, description),
                ]
            )
        return rows, np.array(features, dtype=np.float32).reshape(len(rows), len(FEATURES))


def _overlap(query: str, asked: set[str], title: str, brand: str, description: str) -> list[float]:
    of_title, of_description = _words(title), _words(description)
    numbers = {word for word in asked if any(letter.isdigit() for letter in word)}
    return [
        len(asked & of_title) / max(1, len(asked)),
        len(asked & of_description) / max(1, len(asked)),
        float(bool(brand) and brand.lower() in query.lower()),
        float(query.lower() in title.lower()),
        len(numbers & of_title) / len(numbers) if numbers else -1.0,
        len(of_title),
    ]


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.lower()))


class Pipeline:
    """Find, describe, order."""

    outside_ms = 0.0

    def __init__(self, candidates: Candidates, ranker: "lightgbm.Booster") -> None:
        """The ranker as trained on such candidates."""
        self._candidates, self._ranker = candidates, ranker

    def search(self, query: str, k: int) -> list[str]:
        """At most k product ids, best first."""
        rows, features = self._candidates.of(query)
        if not rows:
            return []
        order = np.argsort(-np.asarray(self._ranker.predict(features, num_threads=1)), kind="stable")
        return [self._candidates.ids[rows[place]] for place in order[:k]]
