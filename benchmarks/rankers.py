"""Ways to train a ranker, side by side: on derived queries that were not trained on, and by people's ratings.

    python -m benchmarks.rankers --teacher <what train_teacher wrote>

All learn from the same lists of candidates. People's ratings are read here alone, and only to compare: the anchor's
weights are chosen on nine tenths of the rated queries and measured on the last tenth, ten times over.
"""

import argparse
import json
import logging
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.judgments import Judgments, read_judgments, usable
from benchmarks.relevance import SEED
from benchmarks.results_file import read_arguments, write_results
from models.ranker import ANCHOR, READ_FEATURES, Ranker
from relevance.arrays import Matrix, Vector
from relevance.catalogue import read_catalogue
from relevance.features import FEATURE_NAMES
from relevance.metrics import paired_bootstrap
from relevance.quality import DEPTH, Quality, quality
from relevance.release import Release, open_release
from relevance.search import RERANK_LIMIT
from sagemaker_jobs.build_release import ARTEFACTS
from sagemaker_jobs.folders import PROJECT
from sagemaker_jobs.train_ranker import (
    Group,
    Score,
    Training,
    candidates,
    derived_groups,
    mean_ndcg,
    scoring,
    split,
    teacher_of,
    train,
)

QUERIES = 1500
RANGES: Mapping[str, tuple[float, float]] = {"coverage": (0, 10), "brand_named": (0, 4)}
"""Between what the anchor's weights are drawn, beside 10 for `fused`."""
LIKENESS: Mapping[str, tuple[float, float]] = {"likeness": (0, 6)}
SETTINGS = 400
BEST_SHARE = 0.05
"""The weights chosen are the mean of this share of the settings drawn: the very best one is best by chance."""
FOLDS, ROUNDS = 10, 10

_FUSED = FEATURE_NAMES.index("fused")
_READ = [FEATURE_NAMES.index(name) for name in READ_FEATURES]


class Rated:
    """The judged queries, with the features of what a search would order anew."""

    def __init__(self, release: Release, judgments: Judgments) -> None:
        self._judgments = judgments
        self._found = {query: candidates(release, query, limit=max(RERANK_LIMIT, DEPTH)) for query in judgments}
        self._ids = {
            query: [record["objectID"] for record in release.index.records(rows)]
            for query, (rows, _) in self._found.items()
        }

    @property
    def queries(self) -> list[str]:
        """In the file's order."""
        return list(self._judgments)

    def quality(self, query: str, score: Score) -> Quality:
        """Of one query's first hundred, ordered by a score."""
        ids, features = self._ids[query], self._found[query][1]
        order = np.argsort(-score(features), kind="stable").tolist()
        return quality([ids[place] for place in order], dict(self._judgments[query]))

    def figures(self, score: Score) -> NDArray[np.float64]:
        """Shape (queries, 2): nDCG@10 with unjudged products as bad, and over judged products only."""
        found = [self.quality(query, score) for query in self._judgments]
        return np.array([(one.ndcg, one.ndcg_judged) for one in found])


def cross_validated_anchor(rated: Rated, ranges: Mapping[str, tuple[float, float]]) -> dict[str, Any]:
    """Choose the anchor's weights on some queries and measure them on the others; and choose them on all."""
    generator = np.random.default_rng(SEED)
    low, high = np.array(list(ranges.values())).T
    settings = low + (high - low) * generator.random((SETTINGS, len(ranges)))
    columns = [FEATURE_NAMES.index(name) for name in ranges]

    def weighed(weights: NDArray[np.float64]) -> Score:
        return lambda features: (10 * features[:, _FUSED] + features[:, columns] @ weights).astype(np.float32)

    def chosen(queries: NDArray[np.int64]) -> NDArray[np.float64]:
        best = np.argsort(-found[:, queries].mean(axis=(1, 2)))[: round(BEST_SHARE * SETTINGS)]
        weights: NDArray[np.float64] = settings[best].mean(axis=0)
        return weights

    found = np.stack([rated.figures(weighed(weights)) for weights in settings])  # (settings, queries, 2)
    queries = np.arange(found.shape[1])
    held_out = np.zeros((ROUNDS, len(queries), 2))
    for number in range(ROUNDS):
        for fold in np.array_split(generator.permutation(queries), FOLDS):
            score = weighed(chosen(np.setdiff1d(queries, fold)))
            for query in fold:
                one = rated.quality(rated.queries[query], score)
                held_out[number, query] = one.ndcg, one.ndcg_judged
    weights = dict(zip(ranges, chosen(queries).round(2).tolist(), strict=True))
    return {"weights": {"fused": 10.0} | weights} | _against(held_out.mean(axis=0), rated.figures(retrievers))


def _against(figures: NDArray[np.float64], baseline: NDArray[np.float64]) -> dict[str, Any]:
    """Means of both figures, and how far they are above the fused list's."""
    names = ("ndcg", "ndcg_judged")
    return {name: round(float(figures[:, at].mean()), 4) for at, name in enumerate(names)} | {
        f"{name}_above_fused": asdict(paired_bootstrap(figures[:, at].tolist(), baseline[:, at].tolist(), SEED))
        for at, name in enumerate(names)
    }


def lambdamart(learning: Sequence[Group], validation: Sequence[Group], seed: int) -> Score:
    """Boosted trees for lists, by lightgbm, on the features that the network's correction reads."""
    learning, validation = ([group for group in groups if group.gains is not None] for groups in (learning, validation))

    def dataset(groups: Sequence[Group]) -> dict[str, Any]:
        return {
            "X": np.concatenate([group.features[:, _READ] for group in groups]),
            "y": np.concatenate([np.round(np.asarray(group.gains)).astype(int) for group in groups]),
            "group": [len(group.features) for group in groups],
        }

    held_out = dataset(validation)
    model = lightgbm.LGBMRanker(
        n_estimators=300,
        num_leaves=31,
        learning_rate=0.05,
        min_child_samples=50,
        random_state=seed,
        n_jobs=1,
        verbosity=-1,
        deterministic=True,
        label_gain=list(range(8)),
    )
    model.fit(
        **dataset(learning),
        eval_X=held_out["X"],
        eval_y=held_out["y"],
        eval_group=[held_out["group"]],
        eval_at=[10],
        callbacks=[lightgbm.early_stopping(30, verbose=False)],
    )
    return lambda features: np.asarray(model.predict(features[:, _READ]), dtype=np.float32)


def retrievers(features: Matrix) -> Vector:
    """Candidates as they came: the fused list."""
    return -np.arange(len(features), dtype=np.float32)


def rankers(learning: Sequence[Group], validation: Sequence[Group]) -> dict[str, Score]:
    """By name, ways to order candidates: the fused list, the anchor, and what was learnt in each way."""
    taught = any(group.taught is not None for group in learning)
    plain = Training()

    def trained(training: Training, **shape: Any) -> Score:
        torch.manual_seed(training.seed)
        ranker, _ = train(Ranker(FEATURE_NAMES, **shape), learning, validation, training)
        return scoring(ranker)

    found = {
        "retriever's order": retrievers,
        "anchor": scoring(Ranker(FEATURE_NAMES)),
        "anchor + linear, labels": trained(plain, crosses=0),
        "anchor + cross network, labels": trained(plain),
        "the same, all features read": trained(plain, read=FEATURE_NAMES),
        "fused + cross network, labels": trained(plain, anchor={"fused": ANCHOR["fused"]}),
        "LambdaMART, labels": lambdamart(learning, validation, plain.seed),
    }
    if taught:
        found |= {
            "anchor + cross network, teacher, listwise": trained(replace(plain, loss="listwise")),
            "anchor + cross network, teacher, MSE": trained(replace(plain, loss="mse", sharpness=1.5)),
            "teacher freely, MSE, all features": trained(
                replace(plain, loss="mse", sharpness=1.5, anchor=0.0), read=FEATURE_NAMES
            ),
        }
    return found


def main() -> int:
    """Measure, print, write `rankers.json`."""
    parser = argparse.ArgumentParser()
    parser.add_argument(
        "--teacher", type=Path, metavar="DIR", help="what train_teacher wrote; without it none is learnt"
    )
    parser.add_argument("--catalogue", type=Path, default=PROJECT / "build" / "icecat", metavar="DIR")
    parser.add_argument("--queries", type=int, default=QUERIES, help="derived, at most")
    given = read_arguments(__doc__, parser)
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    logging.getLogger("vitrine.job").setLevel(logging.INFO)  # says how far it is
    with (given.catalogue / "products.jsonl").open("rb") as file:
        products = read_catalogue(file).products
    rated = Rated(open_release(given.release), usable(read_judgments(given.data)))
    teacher = teacher_of(given.teacher, products) if given.teacher else None
    groups = derived_groups(
        products, ARTEFACTS / "encoder", queries=given.queries, seed=1, source="Icecat", teacher=teacher
    )
    learning, validation = split(groups, Training())
    baseline = rated.figures(retrievers)
    figures: dict[str, Any] = {
        "queries": len(rated.queries),
        "lists_learnt": len(learning),
        "lists_held_out": len(validation),
        "anchor_chosen": cross_validated_anchor(rated, RANGES),
        "anchor_with_likeness_chosen": cross_validated_anchor(rated, {**RANGES, **LIKENESS}),
        "rankers": {},
    }
    for name, score in rankers(learning, validation).items():
        figures["rankers"][name] = {"derived": round(mean_ndcg(score, validation), 4)} | _against(
            rated.figures(score), baseline
        )
        print(f"{name:45}", json.dumps(figures["rankers"][name]))
    for name in ("anchor_chosen", "anchor_with_likeness_chosen"):
        print(f"{name:45}", json.dumps(figures[name]))
    print(write_results("rankers", given, figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
