"""Which weights fuse words and meaning best: every setting of a grid on the judged queries, chosen by cross-validation.

A setting that is chosen on queries and praised on the same queries is praised too much. So each query is answered with
the setting that was best on the nine tenths of the queries that it is not among.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import product
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from benchmarks.judgments import Judgments, read_judgments, usable
from benchmarks.relevance import SEED, textbook_bm25
from benchmarks.results_file import read_arguments, write_results
from relevance.contracts.stages import PreprocessRequest
from relevance.index.local import LocalIndex
from relevance.index.retrieval import SERVED, Retrieval
from relevance.metrics import paired_bootstrap
from relevance.quality import DEPTH, quality
from relevance.release import Release, open_release
from relevance.search import understand

LEXICAL_SHARES = (0.3, 0.4, 0.5, 0.6, 0.7)
ATTRIBUTE_WEIGHTS = (0.05, 0.1, 0.25, 0.5)
COSINE_FLOORS = (0.25, -1.0, 0.4)
FOLDS = 10


def settings() -> list[Retrieval]:
    """What serves, then the grid; of two that are equally good the earlier is chosen."""
    grid = [
        Retrieval(field_weights={"text": 1.0, "attributes": weight}, lexical_share=share, cosine_floor=floor)
        for share, weight, floor in product(LEXICAL_SHARES, ATTRIBUTE_WEIGHTS, COSINE_FLOORS)
    ]
    return [SERVED, *(setting for setting in grid if setting != SERVED)]


def measure_settings(release: Release, folder: Path, judgments: Judgments) -> NDArray[np.float64]:
    """nDCG@10 in both countings of every setting and query; shape (settings, queries, 2)."""
    understood = [understand(PreprocessRequest(query_id="0" * 32, query=query), release) for query in judgments]
    found = np.empty((len(settings()), len(judgments), 2))
    for number, setting in enumerate(settings()):
        index = LocalIndex(folder, setting)
        for place, (read, ratings) in enumerate(zip(understood, judgments.values(), strict=True)):
            rows = index.retrieve(read, DEPTH).rows
            answer = quality([record["objectID"] for record in index.records(rows)], dict(ratings))
            found[number, place] = answer.ndcg, answer.ndcg_judged
    return found


def cross_validated(found: NDArray[np.float64], *, folds: int, seed: int) -> tuple[NDArray[np.float64], list[int]]:
    """Each query's figures with the setting that was best on the queries of the other folds.

    Args:
        found: Shape (settings, queries, countings); a setting is as good as the mean over queries and countings.
        folds: At least 2, at most the number of queries.
        seed: Decides which queries share a fold.

    Returns:
        Shape (queries, countings), and the setting chosen for each fold.
    """
    answers = np.empty(found.shape[1:])
    chosen = []
    for held_out in _folds(found.shape[1], folds, seed):
        others = np.setdiff1d(np.arange(found.shape[1]), held_out)
        best = int(found[:, others].mean(axis=(1, 2)).argmax())
        answers[held_out] = found[best, held_out]
        chosen.append(best)
    return answers, chosen


def _folds(queries: int, folds: int, seed: int) -> Iterator[NDArray[np.int64]]:
    yield from np.array_split(np.random.default_rng(seed).permutation(queries), folds)


def compare(found: NDArray[np.float64], baseline: NDArray[np.float64]) -> dict[str, Any]:
    """The setting in use, the best one in hindsight, and the cross-validated choice, each against BM25."""
    answers, chosen = cross_validated(found, folds=FOLDS, seed=SEED)
    hindsight = int(found.mean(axis=(1, 2)).argmax())
    compared = {
        "in use": found[0],
        "chosen by cross-validation": answers,
        "best in hindsight": found[hindsight],
    }
    return {
        "settings": len(settings()),
        "in_use": _named(SERVED),
        "chosen": [_named(settings()[number]) for number in chosen],
        "hindsight": _named(settings()[hindsight]),
        "compared": [
            {"what": what, "figure": figure, "value": round(float(values[:, column].mean()), 4)}
            | asdict(paired_bootstrap(_list(values[:, column]), _list(baseline[:, column]), SEED))
            for what, values in compared.items()
            for column, figure in enumerate(("ndcg", "ndcg_judged"))
        ],
    }


def _named(setting: Retrieval) -> Mapping[str, float]:
    return {
        "lexical_share": setting.lexical_share,
        "attribute_weight": setting.field_weights["attributes"],
        "cosine_floor": setting.cosine_floor,
    }


def _list(values: NDArray[np.float64]) -> Sequence[float]:
    return cast(list[float], values.tolist())


def main() -> int:
    """Measure, print, write `retrieval.json`."""
    given = read_arguments(__doc__)
    release = open_release(given.release)
    judgments = usable(read_judgments(given.data))
    ask = textbook_bm25(release)
    by_words = [quality(ask(query), dict(ratings)) for query, ratings in judgments.items()]
    baseline = np.array([(answer.ndcg, answer.ndcg_judged) for answer in by_words])
    figures = compare(measure_settings(release, given.release, judgments), baseline)
    for entry in figures["compared"]:
        interval = f"{entry['mean']:+.3f} [{entry['low']:+.3f}, {entry['high']:+.3f}]"
        print(f"{entry['what']:28} {entry['figure']:12} {entry['value']:.3f}  against BM25 {interval}")
    print("chosen:", *figures["chosen"], "hindsight:", figures["hindsight"], sep="\n  ")
    print(write_results("retrieval", given, {"queries": len(judgments)} | figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
