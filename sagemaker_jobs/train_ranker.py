"""Train the ranker that ships with the repository, on queries derived from a catalogue; no person's rating is read.

    python -m sagemaker_jobs.train_ranker --catalogue <folder with products.jsonl> --output models/artefacts/ranker

A release without a ranker is built first, so that candidates and features come from the code that serves. Two cores
need about two minutes for 20,000 products. What a data set's pages gained with shoppers is learnt beside them. With
`--loss listwise` or `mse` and `--teacher`, the folder that train_teacher wrote, the ranker learns the teacher's scores
instead of the labels, of queries without any label too.
"""

import argparse
import copy
import importlib.metadata
import json
import logging
import platform
import shutil
import sys
import warnings
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.cross_encoder import CrossEncoder
from models.ranker import Explanation, Ranker
from relevance.arrays import Matrix, Rows, Vector
from relevance.contracts.models import Lineage, RankerManifest
from relevance.contracts.products import Product
from relevance.contracts.stages import PreprocessRequest
from relevance.errors import VitrineError
from relevance.features import FEATURE_NAMES, feature_matrix
from relevance.onnx_scorer import OnnxScorer
from relevance.product_text import embedding_text
from relevance.release import Release
from relevance.release_files import file_entry
from relevance.search import understand
from relevance.text import words
from sagemaker_jobs.build_release import ARTEFACTS
from sagemaker_jobs.candidates_release import candidates_release, catalogue_in, held_back
from sagemaker_jobs.dataset import QUERIES as QUERIES_FILE
from sagemaker_jobs.dataset import Dataset
from sagemaker_jobs.derive_queries import CatalogueFacts, DerivedQuery, derive_queries
from sagemaker_jobs.folders import channel, model_folder, optional_channel
from sagemaker_jobs.job import git_commit, measured, run, say

QUERIES = 3000
CANDIDATES = 200
"""Of each query: twice what a search orders anew, so that a longer list of another engine is no news either."""
LEXICAL_SHARE_OF_QUERIES = 0.25
"""How many queries are also asked without a vector, so that the lexical rung keeps a sane order."""
TAUGHT_FIRST, TAUGHT_OTHERS = 24, 12
"""Of each query's candidates, what a teacher scores: the first, and some of the others by chance. It is slow."""
LEAST_GROUPS = 20
DEPTH = 10
GOLDEN_ROWS = 16
WIDEST_GAP = 0.05
"""How much better a ranker may order what it learnt from than what it did not, in nDCG@10; more is over-fitted."""

Score = Callable[[Matrix], Vector]
Loss = Literal["labels", "listwise", "mse"]
"""What is learnt: the shares of gain in a list, the shares that the teacher's scores give, or those scores."""
Teacher = Callable[[str, NDArray[np.int64]], Vector]
"""A query and rows of the catalogue, shape (n,), to a score of each, shape (n,)."""


@dataclass(frozen=True)
class Group:
    """The candidates of one query on one rung."""

    text: str
    lexical: bool
    features: Matrix
    """Shape (n, f)."""
    gains: Vector | None
    """Shape (n,), at least 0: 2^(3 * relevance) - 1, as a rating from 0 to 3 would gain; None where nothing says."""
    taught: Vector | None = None
    """Shape (n,): the teacher's scores."""


@dataclass(frozen=True)
class Epoch:
    """How well the ranker orders what it learns from, and what it does not: mean nDCG@10, in [0, 1]."""

    number: int
    learnt: float
    held_out: float


@dataclass(frozen=True)
class Training:
    """How the ranker learns."""

    loss: Loss = "labels"
    sharpness: float = 3.0
    """By what the teacher's scores are multiplied before they are learnt, or made into shares."""
    epochs: int = 20
    patience: int = 4
    """Epochs without a better validation before it stops."""
    groups_per_step: int = 16
    learning_rate: float = 2e-3
    weight_decay: float = 1e-2
    anchor: float = 2.0
    """What a correction of the anchor costs: this times its variance among a query's candidates."""
    validation_share: float = 0.2
    """Of the queries, in (0, 1)."""
    seed: int = 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the job; returns the exit status."""
    return run("train_ranker", _job, arguments)


def _job(arguments: Sequence[str] | None) -> None:
    given = _parser().parse_args(arguments)
    logging.getLogger().setLevel(logging.ERROR)  # the exporter talks at length
    folder = given.catalogue or channel("catalogue")
    output = given.output or model_folder()
    teacher = given.teacher or optional_channel("teacher")
    products, source = catalogue_in(folder)
    if not products:
        raise VitrineError(f"{folder / 'products.jsonl'} holds no product")
    training = Training(seed=given.seed, loss=given.loss)
    if training.loss != "labels" and teacher is None:
        raise VitrineError(f"--loss {training.loss} learns from a teacher: name the folder that train_teacher wrote")
    manifest = train_and_export(
        products,
        given.encoder or channel("encoder", ARTEFACTS / "encoder"),
        output,
        source=source,
        queries=given.queries,
        training=training,
        teacher=teacher_of(teacher, products) if teacher and training.loss != "labels" else None,
        vectors=given.vectors or optional_channel("vectors"),
        dataset=Dataset(folder) if (folder / QUERIES_FILE).is_file() else None,
    )
    for name, wanted in (("golden.json", given.golden), ("report.json", given.report)):
        if wanted:
            shutil.copy(output / name, wanted)
    (output / "golden.json").unlink()
    for name, value in manifest.metrics.items():
        measured(f"derived:{name}", value)
    measured("validation:ndcg10", manifest.metrics["derived_ndcg10_held_out"])


def train_and_export(
    products: Sequence[Product],
    encoder: Path,
    output: Path,
    *,
    source: str,
    queries: int,
    training: Training,
    teacher: Teacher | None = None,
    vectors: Path | None = None,
    dataset: Dataset | None = None,
) -> RankerManifest:
    """Derive queries, train, and write the model, `manifest.json`, `golden.json`, `report.json` and `history.json`.

    Args:
        products: Of one catalogue.
        encoder: An encoder's folder; the release that is trained on uses it.
        output: Created if it is not there; its card, licence and notice are written by hand.
        source: The catalogue in words.
        queries: At most how many are derived.
        training: How the ranker learns.
        teacher: Whose scores are learnt; half as many queries without labels are asked besides.
        vectors: The products' vectors, as `embed` writes them; None: made by the encoder.
        dataset: Whose pages shown to shoppers are learnt from, and whose queries to validate and test on are not.

    Raises:
        VitrineError: If the catalogue is too small to derive queries from.
    """
    groups = derived_groups(
        products,
        encoder,
        queries=queries,
        seed=training.seed,
        source=source,
        teacher=teacher,
        vectors=vectors,
        dataset=dataset,
    )
    lineage = None
    if dataset is not None:
        lineage = Lineage(
            data_sha256=dataset.report["sha256"],
            git_commit=git_commit(),
            parameters={**asdict(training), "queries": queries},
            seed=training.seed,
        )
    return train_on(groups, output, products=len(products), source=source, training=training, lineage=lineage)


def train_on(
    groups: Sequence[Group], output: Path, *, products: int, source: str, training: Training, lineage: Lineage | None
) -> RankerManifest:
    """Train on lists of candidates that are there already, and write what `train_and_export` does.

    Raises:
        VitrineError: If they are too few.
    """
    learning, validation = split(groups, training)
    if len(groups) < LEAST_GROUPS or not validation:
        raise VitrineError(f"{products} products gave {len(groups)} usable queries: too few to train on")
    say(f"training on {len(learning)} lists of candidates, validating on {len(validation)}")
    torch.manual_seed(training.seed)
    ranker, history = train(Ranker(FEATURE_NAMES), learning, validation, training)
    linear, _ = train(Ranker(FEATURE_NAMES, crosses=0), learning, validation, training)
    anchor = Ranker(FEATURE_NAMES)
    orders = {"fused": fused, "anchor": scoring(anchor), "linear": scoring(linear), "reranked": scoring(ranker)}
    metrics: dict[str, float] = {}
    for rung, lexical in (("lambda", False), ("lexical", True)):
        of_rung = [group for group in validation if group.lexical == lexical]
        if of_rung:
            metrics |= {
                f"derived_ndcg10_{rung}.{name}": round(mean_ndcg(score, of_rung), 4) for name, score in orders.items()
            }
    metrics["derived_ndcg10_learnt"] = round(mean_ndcg(orders["reranked"], learning), 4)
    metrics["derived_ndcg10_held_out"] = round(mean_ndcg(orders["reranked"], validation), 4)
    gap = metrics["derived_ndcg10_learnt"] - metrics["derived_ndcg10_held_out"]
    say(f"what it learnt is ordered {gap:+.3f} better than what it did not")
    if gap > WIDEST_GAP:
        say(f"that is more than {WIDEST_GAP:.2f}: over-fitted; take more queries or a larger anchor")
    manifest = _export(
        ranker,
        validation[0].features[:GOLDEN_ROWS],
        output,
        metrics=metrics,
        source=source,
        data=f"{len({group.text for group in validation})} derived queries not trained on, of {source} "
        f"({products:,} products)",
        seed=training.seed,
        lineage=lineage,
    )
    report = {"training": asdict(training), "over_fitted": gap > WIDEST_GAP, "epochs": [asdict(one) for one in history]}
    (output / "report.json").write_text(json.dumps(report, indent=1) + "\n")
    curve = [{"epoch": one.number, "ndcg10": one.held_out, "ndcg10_learnt": one.learnt} for one in history]
    (output / "history.json").write_text(json.dumps(curve, indent=1) + "\n")
    return manifest


def derived_groups(
    products: Sequence[Product],
    encoder: Path,
    *,
    queries: int,
    seed: int,
    source: str,
    teacher: Teacher | None = None,
    vectors: Path | None = None,
    dataset: Dataset | None = None,
) -> list[Group]:
    """Ask a release without a ranker queries derived from its catalogue; see `train_and_export`."""
    kept_back = held_back(dataset.folder) if dataset else frozenset()
    with candidates_release(products, encoder, source=source, say=say, vectors=vectors) as (release, facts):
        say("deriving queries")
        derived = [query for query in derive_queries(facts, queries, seed=seed) if query.text not in kept_back]
        groups = build_groups(release, facts, derived, seed=seed, teacher=teacher)
        if teacher:
            groups += unlabelled_groups(release, products, queries // 2, seed=seed, teacher=teacher)
        if dataset:
            groups += shown_groups(release, dataset)
        return groups


def build_groups(
    release: Release,
    facts: CatalogueFacts,
    queries: Sequence[DerivedQuery],
    *,
    seed: int,
    teacher: Teacher | None = None,
) -> list[Group]:
    """Retrieve candidates and compute their features as a search does, and look up what each is worth.

    Queries whose candidates are all right, or all wrong, teach no order and are left out.
    """
    generator = np.random.default_rng(seed)
    groups: list[Group] = []
    for number, query in enumerate(queries, start=1):
        relevance = facts.relevance(query)
        for lexical in (False, True) if generator.random() < LEXICAL_SHARE_OF_QUERIES else (False,):
            rows, features = candidates(release, query.text, lexical=lexical)
            if teacher:
                rows, features = _some(rows, features, generator)
            worth = relevance[rows]
            if len(rows) and worth.max() >= 0.5 > worth.min():
                taught = teacher(query.text, rows) if teacher else None
                groups.append(Group(query.text, lexical, features, np.exp2(3 * worth) - 1, taught))
        if number % 500 == 0:
            say(f"candidates of {number:,} of {len(queries):,} queries")
    return groups


def shown_groups(release: Release, dataset: Dataset) -> list[Group]:
    """The pages that shoppers were shown for the queries of the split train: what each product gained, corrected for
    its place, over all pages of one query."""
    gained: dict[str, defaultdict[int, float]] = {}
    texts = {query.query_id: query.text for query in dataset.queries_of("train")}
    for page in dataset.impressions:
        if page.query_id in texts:
            of_query = gained.setdefault(page.query_id, defaultdict(float))
            for product_id, gain, weight in zip(page.product_ids, page.gains, page.weights, strict=True):
                if product_id in dataset.row_of:  # not every product shown then is sold now
                    of_query[dataset.row_of[product_id]] += gain * weight
    groups = []
    for query_id, of_query in gained.items():
        rows, gains = np.array(list(of_query), dtype=np.int64), np.array(list(of_query.values()), dtype=np.float32)
        if len(rows) and gains.max() > 0 and gains.min() < gains.max():
            understood = understand(PreprocessRequest(query_id="0" * 32, query=texts[query_id]), release)
            features = feature_matrix(understood, release.index.candidates(understood, rows), release.index.scale)
            groups.append(Group(texts[query_id], False, features, gains))
    return groups


def unlabelled_groups(
    release: Release, products: Sequence[Product], count: int, *, seed: int, teacher: Teacher
) -> list[Group]:
    """Candidates of words that stand side by side in a product's text: nothing but the teacher says what is right."""
    generator = np.random.default_rng(seed)
    groups: list[Group] = []
    for row in generator.integers(len(products), size=count).tolist():
        spoken = words(f"{products[row].title} {products[row].description}")
        start, length = int(generator.integers(len(spoken))), int(generator.integers(1, 4))
        text = " ".join(spoken[start : start + length])
        rows, features = _some(*candidates(release, text), generator)
        if len(rows) > 1:
            groups.append(Group(text, False, features, None, teacher(text, rows)))
    return groups


def candidates(release: Release, text: str, *, lexical: bool = False, limit: int = CANDIDATES) -> tuple[Rows, Matrix]:
    """The rows that a search of a text retrieves, best first and at most `limit`, and their features, shape (n, f)."""
    understood = understand(PreprocessRequest(query_id="0" * 32, query=text), release)
    if lexical:
        understood = understood.model_copy(update={"vector": None, "rung": "lexical"})
    rows = release.index.retrieve(understood, limit).rows
    return rows, feature_matrix(understood, release.index.candidates(understood, rows), release.index.scale)


def _some(rows: Rows, features: Matrix, generator: np.random.Generator) -> tuple[Rows, Matrix]:
    others = np.arange(TAUGHT_FIRST, len(rows))
    drawn = generator.choice(others, min(TAUGHT_OTHERS, len(others)), replace=False)
    kept = np.concatenate((np.arange(min(TAUGHT_FIRST, len(rows))), np.sort(drawn))).astype(np.int64)
    return rows[kept], features[kept]


def teacher_of(folder: Path, products: Sequence[Product]) -> Teacher:
    """The cross-encoder that train_teacher wrote, over one catalogue.

    Raises:
        VitrineError: If the folder holds none.
    """
    cross_encoder = CrossEncoder.load(folder)
    texts = [embedding_text(product) for product in products]

    def score(query: str, rows: NDArray[np.int64]) -> Vector:
        return cross_encoder.score_pairs([(query, texts[row]) for row in rows.tolist()])

    return score


def split(groups: Sequence[Group], training: Training) -> tuple[list[Group], list[Group]]:
    """Groups to learn from and labelled ones to validate on; no query is in both."""
    texts = sorted({group.text for group in groups if group.gains is not None})
    generator = np.random.default_rng(training.seed)
    held_out = set(generator.permutation(texts)[: round(training.validation_share * len(texts))].tolist())
    learning = [group for group in groups if group.text not in held_out]
    return learning, [group for group in groups if group.text in held_out and group.gains is not None]


def train(
    ranker: Ranker, learning: Sequence[Group], validation: Sequence[Group], training: Training
) -> tuple[Ranker, list[Epoch]]:
    """Fit to the labels or the teacher, keep the epoch that orders the validation queries best.

    labels, listwise:  loss = cross-entropy(shares, softmax(scores)) + anchor * variance(correction)
    mse:               loss = mean squared difference of centred scores + anchor * variance(correction)

    Source:
        Cao et al., Learning to Rank: From Pairwise Approach to Listwise Approach (ICML 2007), with shares of gain, or
        softmax(sharpness * teacher's scores), for probabilities; the anchor is ours.
    """
    torch.set_num_threads(1)  # several add up in another order each time, and the ranker is too small to gain by them
    generator = np.random.default_rng(training.seed)
    learning = [group for group in learning if (group.gains if training.loss == "labels" else group.taught) is not None]
    features = [torch.from_numpy(group.features) for group in learning]
    targets = [_target(group, training) for group in learning]
    ranker.standardise.fit(torch.cat(features))
    optimiser = torch.optim.AdamW(ranker.parameters(), lr=training.learning_rate, weight_decay=training.weight_decay)
    best, best_weights, best_epoch = mean_ndcg(scoring(ranker), validation), copy.deepcopy(ranker.state_dict()), 0
    history: list[Epoch] = []
    for epoch in range(1, training.epochs + 1):
        for step in np.array_split(
            generator.permutation(len(learning)), max(1, len(learning) // training.groups_per_step)
        ):
            loss = torch.zeros(())
            for at in step:
                correction = ranker.correction(features[at])
                scores = ranker.anchor(features[at]) + correction
                loss = loss + _loss(scores, targets[at], training) + training.anchor * correction.var(correction=0)
            optimiser.zero_grad()
            (loss / len(step)).backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(ranker.parameters(), 1.0)
            optimiser.step()
        labelled = [group for group in learning if group.gains is not None]
        history.append(Epoch(epoch, mean_ndcg(scoring(ranker), labelled), mean_ndcg(scoring(ranker), validation)))
        quality = history[-1].held_out
        say(f"epoch {epoch}: nDCG@{DEPTH} {quality:.4f}, of what it learns from {history[-1].learnt:.4f}")
        if quality > best:
            best, best_weights, best_epoch = quality, copy.deepcopy(ranker.state_dict()), epoch
        elif epoch - best_epoch >= training.patience:
            break
    ranker.load_state_dict(best_weights)
    return ranker, history


def _target(group: Group, training: Training) -> Tensor:
    if training.loss == "labels":
        gains = torch.from_numpy(np.asarray(group.gains))
        return gains / gains.sum()
    taught = training.sharpness * torch.from_numpy(np.asarray(group.taught))
    return torch.softmax(taught, dim=0) if training.loss == "listwise" else taught - taught.mean()


def _loss(scores: Tensor, target: Tensor, training: Training) -> Tensor:
    if training.loss == "mse":
        return (scores - scores.mean() - target).square().mean()
    return -(target * torch.log_softmax(scores, dim=0)).sum()


def scoring(ranker: Ranker) -> Score:
    """The torch module as a function of arrays."""

    def score(features: Matrix) -> Vector:
        with torch.inference_mode():
            return np.asarray(ranker(torch.from_numpy(features)).numpy(), dtype=np.float32)

    return score


def mean_ndcg(score: Score, groups: Sequence[Group]) -> float:
    """Mean nDCG@10 of an order among the candidates, in [0, 1]; NaN without groups."""
    ndcgs = [_ndcg(score(group.features), group.gains) for group in groups if group.gains is not None]
    return float(np.mean(ndcgs)) if ndcgs else float("nan")


def _ndcg(scores: Vector, gains: Vector) -> float:
    first = np.argsort(-scores, kind="stable")[:DEPTH]
    discounts: NDArray[np.float64] = 1 / np.log2(np.arange(2, len(first) + 2))
    best = np.sort(gains)[::-1][:DEPTH]
    return float(gains[first] @ discounts / (best @ discounts))


def fused(features: Matrix) -> Vector:
    """By the fused score among these candidates."""
    return np.asarray(features[:, FEATURE_NAMES.index("fused")], dtype=np.float32)


def _export(
    ranker: Ranker,
    golden: Matrix,
    output: Path,
    *,
    metrics: dict[str, float],
    source: str,
    data: str,
    seed: int,
    lineage: Lineage | None,
) -> RankerManifest:
    output.mkdir(parents=True, exist_ok=True)
    _save_graph(ranker, golden, output / "ranker.onnx", "scores")
    _save_graph(Explanation(ranker), golden, output / "contributions.onnx", "contributions")
    files = {name: file_entry(output / name) for name in ("ranker.onnx", "contributions.onnx")}
    manifest = RankerManifest(
        ranker_id=f"dcn-{files['ranker.onnx'].sha256[:12]}",
        feature_names=FEATURE_NAMES,
        files=files,
        metrics=metrics,
        metrics_data=data,
        seed=seed,
        derived_from=f"queries derived from {source}; candidates and cosines of the encoder beside it",
        licence="that of the catalogue it was trained on",
        lineage=lineage,
        made_at=datetime.now(UTC).replace(microsecond=0),
        versions={"python": platform.python_version()}
        | {name: importlib.metadata.version(name) for name in ("torch", "onnx", "numpy", "faiss-cpu", "tantivy")},
    )
    (output / "manifest.json").write_text(manifest.model_dump_json(indent=2) + "\n", encoding="utf-8")
    golden = np.round(golden, 5)
    scorer, expected = OnnxScorer.load(output), scoring(ranker)(golden)
    found = scorer.score(golden)
    if not np.allclose(found, expected, atol=1e-3):
        raise VitrineError(f"the exported ranker scores {found.tolist()}, the trained one {expected.tolist()}")
    summed = scorer.contributions(golden).sum(axis=1)
    if not np.allclose(summed, expected, atol=1e-3):
        raise VitrineError(f"the contributions add up to {summed.tolist()}, the scores are {expected.tolist()}")
    rows = {"features": golden.tolist(), "scores": expected.tolist()}
    (output / "golden.json").write_text(json.dumps(rows) + "\n", encoding="utf-8")
    return manifest


def _save_graph(module: torch.nn.Module, example: Matrix, path: Path, output_name: str) -> None:
    module.eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own deprecations; the golden scores are the judge of its work
        torch.onnx.export(
            module,
            (torch.from_numpy(example),),
            str(path),
            input_names=["features"],
            output_names=[output_name],
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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sagemaker_jobs.train_ranker", description=__doc__)
    parser.add_argument("--catalogue", type=Path, metavar="DIR", help="default: $SM_CHANNEL_CATALOGUE")
    parser.add_argument("--encoder", type=Path, metavar="DIR", help="default: $SM_CHANNEL_ENCODER, or that which ships")
    parser.add_argument("--vectors", type=Path, metavar="DIR", help="what embed wrote; default: $SM_CHANNEL_VECTORS")
    parser.add_argument("--output", type=Path, metavar="DIR", help="default: $SM_MODEL_DIR")
    parser.add_argument("--queries", type=int, default=QUERIES, help="at most how many are derived")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--teacher", type=Path, metavar="DIR", help="what train_teacher wrote; $SM_CHANNEL_TEACHER")
    parser.add_argument(
        "--loss",
        choices=get_args(Loss),
        default="labels",
        help="what is learnt: labels and what shoppers did, or a teacher's scores, in either of two ways",
    )
    parser.add_argument("--report", type=Path, metavar="FILE", help="also write how well each epoch ordered, as JSON")
    parser.add_argument("--golden", type=Path, metavar="FILE", help="also write features and torch's scores, for tests")
    return parser


if __name__ == "__main__":
    sys.exit(main())
