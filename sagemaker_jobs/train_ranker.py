"""Train the ranker that ships with the repository, on queries derived from a catalogue; no person's rating is read.

    python -m sagemaker_jobs.train_ranker --catalogue <folder with products.jsonl> --output models/artefacts/ranker

A release without a ranker is built first, so that candidates and features come from the code that serves. Two cores
need about two minutes for 20,000 products.
"""

import argparse
import copy
import hashlib
import importlib.metadata
import json
import logging
import platform
import shutil
import sys
import tempfile
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray

from models.ranker import Ranker
from relevance.arrays import Matrix, Vector
from relevance.catalogue import read_catalogue
from relevance.contracts.models import RankerManifest
from relevance.contracts.products import Product
from relevance.contracts.stages import PreprocessRequest
from relevance.errors import VitrineError
from relevance.features import FEATURE_NAMES, feature_matrix
from relevance.index.vectors import VectorIndex
from relevance.onnx_scorer import OnnxScorer
from relevance.release import Release, open_release
from relevance.release_files import file_entry
from relevance.search import RERANK_LIMIT, understand
from sagemaker_jobs.build_release import ARTEFACTS, build_release
from sagemaker_jobs.derive_queries import CatalogueFacts, DerivedQuery, derive_queries
from sagemaker_jobs.folders import channel, model_folder
from sagemaker_jobs.product_neighbours import product_neighbours

logger = logging.getLogger("train_ranker")

TRAINED, NOT_TRAINED = 0, 1
QUERIES = 3000
LEXICAL_SHARE_OF_QUERIES = 0.25
"""How many queries are also asked without a vector, so that the lexical rung keeps a sane order."""
LEAST_GROUPS = 20
DEPTH = 10
GOLDEN_ROWS = 16

Score = Callable[[Matrix], Vector]


@dataclass(frozen=True)
class Group:
    """The candidates of one query on one rung."""

    query: DerivedQuery
    lexical: bool
    features: Matrix
    """Shape (n, f)."""
    gains: Vector
    """Shape (n,), at least 0: 2^(3 * relevance) - 1, as a rating from 0 to 3 would gain."""


@dataclass(frozen=True)
class Training:
    """How the ranker learns."""

    epochs: int = 20
    patience: int = 4
    """Epochs without a better validation before it stops."""
    groups_per_step: int = 16
    learning_rate: float = 2e-3
    weight_decay: float = 1e-2
    anchor: float = 0.75
    """What a correction of the fused order costs: this times its variance among a query's candidates."""
    validation_share: float = 0.2
    """Of the queries, in (0, 1)."""
    seed: int = 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the job; returns the exit status."""
    given = _parser().parse_args(arguments)
    try:
        folder = given.catalogue or channel("catalogue")
        encoder = (given.models or channel("models", ARTEFACTS)) / "encoder"
        output = given.output or model_folder()
        with (folder / "products.jsonl").open("rb") as file:
            products = read_catalogue(file).products
        report = folder / "report.json"
        source = json.loads(report.read_text())["source"] if report.exists() else "a catalogue"
        manifest = train_and_export(
            products, encoder, output, source=source, queries=given.queries, training=Training(seed=given.seed)
        )
        if given.golden:
            shutil.copy(output / "golden.json", given.golden)
        (output / "golden.json").unlink()
    except (VitrineError, OSError) as error:
        print(f"train_ranker: {error}", file=sys.stderr)
        return NOT_TRAINED
    for name, value in manifest.metrics.items():
        logger.info("%s %.4f", name, value)
    print(output)
    return TRAINED


def train_and_export(
    products: Sequence[Product], encoder: Path, output: Path, *, source: str, queries: int, training: Training
) -> RankerManifest:
    """Derive queries, train, and write `ranker.onnx`, `manifest.json` and `golden.json` into `output`.

    Args:
        products: Of one catalogue.
        encoder: An encoder's folder; the release that is trained on uses it.
        output: Created if it is not there; its card, licence and notice are written by hand.
        source: The catalogue in words.
        queries: At most how many are derived.
        training: How the ranker learns.

    Raises:
        VitrineError: If the catalogue is too small to derive queries from.
    """
    with tempfile.TemporaryDirectory() as scratch:
        models = Path(scratch) / "models"
        shutil.copytree(encoder, models / "encoder")
        folder = build_release(products, models, Path(scratch), described=source, say=logger.info)
        release = open_release(folder)
        logger.info("deriving queries")
        vectors = VectorIndex.open(folder / "index" / "vectors.faiss").take(np.arange(len(products)))
        facts = CatalogueFacts(products, product_neighbours(products, vectors))
        derived = derive_queries(facts, queries, seed=training.seed)
        groups = build_groups(release, facts, derived, seed=training.seed)
    learning, validation = split(groups, training)
    if len(groups) < LEAST_GROUPS or not validation:
        raise VitrineError(f"{len(products)} products gave {len(groups)} usable queries: too few to train on")
    logger.info("training on %d lists of candidates, validating on %d", len(learning), len(validation))
    torch.manual_seed(training.seed)
    ranker = train(Ranker(FEATURE_NAMES), learning, validation, training)
    linear = train(Ranker(FEATURE_NAMES, crosses=0, hidden=0), learning, validation, training)
    orders = {"fused": _fused, "linear": scoring(linear), "reranked": scoring(ranker)}
    metrics: dict[str, float] = {}
    for rung, lexical in (("lambda", False), ("lexical", True)):
        of_rung = [group for group in validation if group.lexical == lexical]
        if of_rung:
            metrics |= {
                f"derived_ndcg10_{rung}.{name}": round(mean_ndcg(score, of_rung), 4) for name, score in orders.items()
            }
    return _export(
        ranker,
        validation[0].features[:GOLDEN_ROWS],
        output,
        metrics=metrics,
        source=source,
        data=f"{len({group.query.text for group in validation})} derived queries not trained on, of {source} "
        f"({len(products):,} products)",
        seed=training.seed,
    )


def build_groups(release: Release, facts: CatalogueFacts, queries: Sequence[DerivedQuery], *, seed: int) -> list[Group]:
    """Retrieve candidates and compute their features as a search does, and look up what each is worth.

    Queries whose candidates are all right, or all wrong, teach no order and are left out.
    """
    generator = np.random.default_rng(seed)
    groups: list[Group] = []
    for number, query in enumerate(queries, start=1):
        relevance = facts.relevance(query)
        understood = understand(PreprocessRequest(query_id="0" * 32, query=query.text), release)
        for lexical in (False, True) if generator.random() < LEXICAL_SHARE_OF_QUERIES else (False,):
            if lexical:
                understood = understood.model_copy(update={"vector": None, "rung": "lexical"})
            rows = release.index.retrieve(understood, RERANK_LIMIT).rows
            worth = relevance[rows]
            if len(rows) and worth.max() >= 0.5 > worth.min():
                features = feature_matrix(understood, release.index.candidates(understood, rows), release.index.scale)
                groups.append(Group(query, lexical, features, np.exp2(3 * worth) - 1))
        if number % 500 == 0:
            logger.info("candidates of %s of %s queries", f"{number:,}", f"{len(queries):,}")
    return groups


def split(groups: Sequence[Group], training: Training) -> tuple[list[Group], list[Group]]:
    """Groups to learn from and to validate on; no query is in both."""
    texts = sorted({group.query.text for group in groups})
    generator = np.random.default_rng(training.seed)
    held_out = set(generator.permutation(texts)[: round(training.validation_share * len(texts))].tolist())
    learning = [group for group in groups if group.query.text not in held_out]
    return learning, [group for group in groups if group.query.text in held_out]


def train(ranker: Ranker, learning: Sequence[Group], validation: Sequence[Group], training: Training) -> Ranker:
    """Fit to the shares of gain in each list, keep the epoch that orders the validation queries best.

    loss = cross-entropy(gain / sum of gains, softmax(scores)) + anchor * variance(correction)

    Source:
        Cao et al., Learning to Rank: From Pairwise Approach to Listwise Approach (ICML 2007), with gains for
        probabilities; the anchor is ours.
    """
    torch.set_num_threads(1)  # several add up in another order each time, and the ranker is too small to gain by them
    generator = np.random.default_rng(training.seed)
    features = [torch.from_numpy(group.features) for group in learning]
    shares = [torch.from_numpy(group.gains / group.gains.sum()) for group in learning]
    ranker.standardise.fit(torch.cat(features))
    optimiser = torch.optim.AdamW(ranker.parameters(), lr=training.learning_rate, weight_decay=training.weight_decay)
    best, best_weights, best_epoch = mean_ndcg(scoring(ranker), validation), copy.deepcopy(ranker.state_dict()), 0
    for epoch in range(1, training.epochs + 1):
        ranker.train()
        for step in np.array_split(
            generator.permutation(len(learning)), max(1, len(learning) // training.groups_per_step)
        ):
            sizes = [len(features[at]) for at in step]
            together = torch.cat([features[at] for at in step])
            corrections = ranker.correction(together)
            scores = ranker.fused(together) + corrections
            loss = torch.zeros(())
            for at, of_list, added in zip(
                step, torch.split(scores, sizes), torch.split(corrections, sizes), strict=True
            ):
                loss = loss - (shares[at] * torch.log_softmax(of_list, dim=0)).sum()
                loss = loss + training.anchor * added.var(correction=0)
            optimiser.zero_grad()
            (loss / len(step)).backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(ranker.parameters(), 1.0)
            optimiser.step()
        quality = mean_ndcg(scoring(ranker), validation)
        logger.info("epoch %d: nDCG@%d %.4f", epoch, DEPTH, quality)
        if quality > best:
            best, best_weights, best_epoch = quality, copy.deepcopy(ranker.state_dict()), epoch
        elif epoch - best_epoch >= training.patience:
            break
    ranker.load_state_dict(best_weights)
    return ranker.eval()


def scoring(ranker: Ranker) -> Score:
    """The torch module as a function of arrays, without dropout."""

    def score(features: Matrix) -> Vector:
        ranker.eval()
        with torch.inference_mode():
            return np.asarray(ranker(torch.from_numpy(features)).numpy(), dtype=np.float32)

    return score


def mean_ndcg(score: Score, groups: Sequence[Group]) -> float:
    """Mean nDCG@10 of an order among the candidates, in [0, 1]; NaN without groups."""
    return float(np.mean([_ndcg(score(group.features), group.gains) for group in groups])) if groups else float("nan")


def _ndcg(scores: Vector, gains: Vector) -> float:
    first = np.argsort(-scores, kind="stable")[:DEPTH]
    discounts: NDArray[np.float64] = 1 / np.log2(np.arange(2, len(first) + 2))
    best = np.sort(gains)[::-1][:DEPTH]
    return float(gains[first] @ discounts / (best @ discounts))


def _fused(features: Matrix) -> Vector:
    return np.asarray(features[:, FEATURE_NAMES.index("fused")], dtype=np.float32)


def _export(
    ranker: Ranker, golden: Matrix, output: Path, *, metrics: dict[str, float], source: str, data: str, seed: int
) -> RankerManifest:
    output.mkdir(parents=True, exist_ok=True)
    path = output / "ranker.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own deprecations; the scores below are the judge of its work
        torch.onnx.export(
            ranker,
            (torch.from_numpy(golden),),
            str(path),
            input_names=["features"],
            output_names=["scores"],
            dynamo=True,
            dynamic_shapes={"features": {0: torch.export.Dim("n")}},
            external_data=False,
            verbose=False,
        )
    graph = onnx.load(path)
    # The exporter notes where each operator came from: paths of the machine it ran on.
    for node in graph.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    del graph.graph.value_info[:]
    onnx.save(graph, path)
    manifest = RankerManifest(
        ranker_id=f"dcn-{hashlib.sha256(path.read_bytes()).hexdigest()[:12]}",
        feature_names=FEATURE_NAMES,
        files={path.name: file_entry(path)},
        metrics=metrics,
        metrics_data=data,
        seed=seed,
        derived_from=f"queries derived from {source}; candidates and cosines of the encoder beside it",
        licence="that of the catalogue it was trained on",
        made_at=datetime.now(UTC).replace(microsecond=0),
        versions={"python": platform.python_version()}
        | {name: importlib.metadata.version(name) for name in ("torch", "onnx", "numpy", "faiss-cpu", "tantivy")},
    )
    (output / "manifest.json").write_text(manifest.model_dump_json(indent=2) + "\n", encoding="utf-8")
    expected = scoring(ranker)(golden)
    found = OnnxScorer.load(output).score(golden)
    if not np.allclose(found, expected, atol=1e-3):
        raise VitrineError(f"the exported ranker scores {found.tolist()}, the trained one {expected.tolist()}")
    rows = {"features": np.round(golden, 5).tolist(), "scores": scoring(ranker)(np.round(golden, 5)).tolist()}
    (output / "golden.json").write_text(json.dumps(rows) + "\n", encoding="utf-8")
    return manifest


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sagemaker_jobs.train_ranker", description=__doc__)
    parser.add_argument("--catalogue", type=Path, metavar="DIR", help="default: $SM_CHANNEL_CATALOGUE")
    parser.add_argument("--models", type=Path, metavar="DIR", help="default: $SM_CHANNEL_MODELS, or those that ship")
    parser.add_argument("--output", type=Path, metavar="DIR", help="default: $SM_MODEL_DIR")
    parser.add_argument("--queries", type=int, default=QUERIES, help="at most how many are derived")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--golden", type=Path, metavar="FILE", help="also write features and torch's scores, for tests")
    return parser


if __name__ == "__main__":
    logging.basicConfig(level=logging.ERROR, format="%(message)s")  # the exporter talks at length
    logger.setLevel(logging.INFO)
    sys.exit(main())
