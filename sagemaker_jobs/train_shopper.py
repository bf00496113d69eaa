"""Train the shopper model: what shoppers buy next that is new to them, from what they bought before.

    python -m sagemaker_jobs.train_shopper --dataset <what prepare wrote> --vectors <what embed wrote> --output <folder>

Three parts are learnt, and added up as `relevance.recommenders` says: which products speak for each other, from who
bought both and from how alike their texts are (EASE with side information); what sells better of late than before; and
a network that reads a shopper's purchases in their order and gives a vector in the products' space. How much each part
counts is chosen on the last days of the purchases, after learning from the days before; then all is learnt once more
from everything.

Writes `shopper.npz` and `manifest.json`, which `relevance.recommenders` reads, `report.json` (what was tried on the
last days, other recommenders beside it) and `history.json`. A shop without purchases gets a `report.json` that says so,
and nothing else. Ends with 0, or with 1 and the cause.
"""

import argparse
import copy
import io
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from hashlib import sha256
from importlib.metadata import version
from itertools import product
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from models.purchases import PurchaseLog, Questions, found_next
from models.recommenders import ease, item_knn, linear, popularity, shoppers_of_products
from models.shopper import Lessons, ShopperNetwork, histories_of, lessons_of, loss_of, padded
from relevance.arrays import Matrix, Rows, Vector
from relevance.contracts.models import Lineage, ShopperManifest
from relevance.errors import VitrineError
from relevance.progress import pace
from relevance.recommenders import ARRAYS, LEAST_SAID, MANIFEST, NextPurchases
from relevance.release_files import file_entry
from sagemaker_jobs.checkpoints import Checkpoints
from sagemaker_jobs.dataset import BASKETS, REPORT, Dataset
from sagemaker_jobs.folders import channel, checkpoint_folder, model_folder
from sagemaker_jobs.job import git_commit, measured, replace_file, run, say, seed_everything
from sagemaker_jobs.processes import use_threads
from sagemaker_jobs.product_vectors import ProductVectors

HISTORY = "history.json"
K = 20
LEAST_SHARE = 1e-5
"""Added to a product's share of the purchases, so that the trend of one that stopped selling is a number."""
FACT_HALF_LIVES_DAYS = (7.0, 21.0)
_LONGEST_GRADIENT = 5.0


@dataclass(frozen=True)
class Training:
    """How the model learns."""

    epochs: int = 10
    """At most, over the shoppers, each at every cut: it ends with the one that is best on the last days."""
    batch: int = 128
    learning_rate: float = 3e-3
    """The highest; it grows over a tenth of the steps, then falls to nought."""
    weight_decay: float = 0.05
    width: int = 64
    """Of the behaviour part of a vector."""
    dropout: float = 0.3
    horizon_days: int = 60
    """How long after a cut counts as next."""
    every_days: int = 14
    """Between two cuts."""
    examples: int = 15_000
    """At most how many an epoch reads; a shopper at a cut is one."""
    products: int = 5_000
    """At most, those that most shoppers bought: the table of products that speak for each other is the inverse of a
    matrix of so many rows, and each of its settings takes seconds for 5,000 and a minute for 10,000."""
    validation_days: int = 62
    """At the end, to choose weights on; at most a quarter of all days."""
    neighbours: int = 300
    """How many products each one speaks for, or against."""
    seed: int = 1


@dataclass(frozen=True)
class Blend:
    """How the parts are learnt and added up: what is chosen on the validation days."""

    regularisation: float = 400.0
    text_weight: float = 30.0
    trend_half_life_days: float = 7.0
    trend_weight: float = 0.5
    sequence_weight: float = 0.0


GRIDS: Sequence[dict[str, Sequence[float]]] = (
    {"regularisation": (200.0, 400.0, 800.0), "text_weight": (0.0, 10.0, 30.0, 100.0)},
    {"trend_half_life_days": (7.0, 14.0, 30.0), "trend_weight": (0.0, 0.25, 0.5, 0.75, 1.0)},
    {"sequence_weight": (0.0, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0)},
)
"""What is tried, one grid after the other, each from the best so far."""


@dataclass(frozen=True)
class Tried:
    """What the validation days say."""

    blend: Blend
    recall: float
    """Of the blend, at K, in [0, 1]."""
    settings: list[dict[str, float]]
    """Every setting that was tried, with its recall."""
    others: dict[str, float]
    """Other recommenders' recall at K."""
    epochs: int
    """After how many the network was best; what learns from all days stops there."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the job; returns the exit status."""
    return run("train_shopper", _job, arguments)


def _job(arguments: Sequence[str] | None) -> None:
    given = _parser().parse_args(arguments)
    training = Training(**{field.name: getattr(given, field.name) for field in fields(Training)})
    dataset = Dataset(given.dataset or channel("dataset"))
    vectors_folder = given.vectors or channel("vectors")
    output = given.output or model_folder()
    use_threads(given.threads)
    seed_everything(training.seed)
    if not dataset.baskets:
        why = f"{dataset.folder / BASKETS} is empty: nobody bought anything yet, so there is nothing to learn"
        say(why)
        replace_file(output / REPORT, json.dumps({"learnt": False, "why": why}, indent=1).encode() + b"\n")
        return
    vectors = ProductVectors.read(vectors_folder)
    data_sha256 = dataset.report["sha256"]
    if vectors.manifest.data_sha256 != data_sha256:
        raise VitrineError(
            f"the vectors in {vectors_folder} were made of the data set {vectors.manifest.data_sha256[:12]}, "
            f"{dataset.folder} holds {data_sha256[:12]}"
        )
    log = _log(dataset, training.products)
    texts = vectors.vectors[[dataset.row_of[product_id] for product_id in log.product_ids]]
    checkpoints = Checkpoints(
        given.checkpoints or checkpoint_folder(),
        {"data": data_sha256, "vectors": vectors.manifest.encoder_id, **asdict(training)},
    )
    tried, history = choose(log, texts, training, checkpoints)
    model, more = learn(log, texts, training, tried, checkpoints)
    lineage = Lineage(
        data_sha256=data_sha256,
        git_commit=git_commit(),
        parameters=asdict(training) | asdict(tried.blend),
        seed=training.seed,
    )
    _write(output, model, tried, [*history, *more], vectors, lineage, dataset.report["source"])
    checkpoints.forget()


def choose(
    log: PurchaseLog, texts: Matrix, training: Training, checkpoints: Checkpoints | None = None
) -> tuple[Tried, list[dict[str, float]]]:
    """Learn from all days but the last, and choose on these how the parts are added up.

    Args:
        log: All purchases that may be looked at.
        texts: Vectors of its products, shape (n, d).
        training: How the parts are learnt.
        checkpoints: Of the whole training.

    Returns:
        What was tried, and the network's curve.

    Raises:
        VitrineError: If there is too little to choose on, or the training diverges.
    """
    checkpoints = checkpoints or Checkpoints(None, {})
    state = checkpoints.last()
    if state is not None and state["tried"] is not None:
        told = dict(state["tried"])
        return Tried(**{**told, "blend": Blend(**told["blend"])}), state["chosen"]
    questions = validation_questions(log, training)
    known = _rows_of(questions.past, log)
    say(f"{len(questions.shoppers):,} shoppers bought something new in the last {log.end - questions.cut} days")
    network, history = train_network(
        questions.past, questions.cut, texts[known], training, checkpoints=checkpoints, questions=questions
    )
    epochs = 1 + int(np.argmax([point[f"recall{K}"] for point in history]))
    tried = _tried(questions, texts[known], network, epochs)
    measured(f"validation:recall{K}", tried.recall)
    checkpoints.keep({"tried": asdict(tried), "chosen": history, "epoch": 0})
    return tried, history


def validation_questions(log: PurchaseLog, training: Training) -> Questions:
    """What was bought on the last days, to choose on.

    Raises:
        VitrineError: If nobody who had bought before bought anything new.
    """
    all_days = log.end - int(log.days[0])
    days = min(training.validation_days, all_days // 4)
    questions = Questions.at(log, log.end - days)
    if not len(questions.shoppers):
        raise VitrineError(
            f"in the last {days} of {all_days} days no shopper of before bought a product of before that was new to "
            f"them: there is nothing to choose on, expected purchases over more days"
        )
    return questions


def learn(
    log: PurchaseLog, texts: Matrix, training: Training, tried: Tried, checkpoints: Checkpoints | None = None
) -> tuple[NextPurchases, list[dict[str, float]]]:
    """Learn all parts from all purchases, for the day after the last.

    Args:
        log: All purchases that may be looked at.
        texts: Vectors of its products, shape (n, d).
        training: How the parts are learnt.
        tried: What `choose` found.
        checkpoints: Of the whole training.

    Returns:
        The model, and the network's curve.

    Raises:
        VitrineError: If the training diverges.
    """
    network, history = train_network(log, log.end, texts, training, epochs=tried.epochs, checkpoints=checkpoints)
    blend = tried.blend
    weights = ease(log.bought, regularisation=blend.regularisation, texts=texts, text_weight=blend.text_weight)
    return assembled(log, weights, network, training, blend), history


def assembled(
    log: PurchaseLog, weights: Matrix, network: ShopperNetwork, training: Training, blend: Blend
) -> NextPurchases:
    """The parts as one model that needs no torch; of what is said for other products the strongest is kept."""
    kept = min(training.neighbours, len(weights) - 1)
    strongest = np.argpartition(-np.abs(weights), kept - 1, axis=1)[:, :kept]
    return NextPurchases(
        product_ids=log.product_ids,
        neighbours=strongest.astype(np.int32),
        neighbour_weights=np.take_along_axis(weights, strongest, axis=1),
        trend=trend_of(log, log.end, blend.trend_half_life_days),
        late_shoppers=shoppers_of_products(log, log.end, blend.trend_half_life_days),
        trend_weight=blend.trend_weight,
        sequence_weight=blend.sequence_weight,
        **network.arrays(facts_of(log, log.end)),
    )


def trend_of(past: PurchaseLog, cut: int, half_life_days: float) -> Vector:
    """The logarithm of each product's share of the late purchases over its share of all: shape (n,)."""
    late, ever = (shoppers_of_products(past, cut, days) for days in (half_life_days, None))
    shares = [counts / max(float(counts.sum()), 1.0) + LEAST_SHARE for counts in (late, ever)]
    trend: Vector = np.log(shares[0] / shares[1]).astype(np.float32)
    return trend


def facts_of(past: PurchaseLog, cut: int) -> NDArray[np.float32]:
    """What the network is told of each product at a cut, shape (n, 3): how many bought it, and its trends."""
    ever = np.log1p(shoppers_of_products(past, cut))
    return np.stack([ever, *(trend_of(past, cut, days) for days in FACT_HALF_LIVES_DAYS)], axis=1).astype(np.float32)


def network_scores(network: ShopperNetwork, past: PurchaseLog, cut: int, shoppers: Rows) -> Matrix:
    """Of the sequence part, shape (s, n)."""
    last, facts = past.last_bought(cut), torch.from_numpy(facts_of(past, cut))
    found = np.zeros((len(shoppers), len(past.product_ids)), dtype=np.float32)
    network.eval()
    with torch.no_grad():
        for begin in range(0, len(shoppers), 256):
            histories = histories_of(last, shoppers[begin : begin + 256])
            found[begin : begin + 256] = network(*padded(histories), facts[None]).numpy()
    return found


def _tried(questions: Questions, texts: Matrix, network: ShopperNetwork, epochs: int) -> Tried:
    past, cut = questions.past, questions.cut
    bought = past.bought[questions.shoppers]
    sequence = network_scores(network, past, cut, questions.shoppers)
    said: dict[tuple[float, float], Matrix] = {}

    def scores(blend: Blend) -> Matrix:
        key = (blend.regularisation, blend.text_weight)
        if key not in said:
            said.clear()
            weights = ease(past.bought, regularisation=key[0], texts=texts, text_weight=key[1])
            said[key] = np.log(np.maximum(bought @ weights, LEAST_SAID))
        trend = blend.trend_weight * trend_of(past, cut, blend.trend_half_life_days)
        added: Matrix = said[key] + trend + blend.sequence_weight * sequence
        return added

    best, best_recall, settings = Blend(), -1.0, []
    for grid in GRIDS:
        begun = best
        for values in product(*grid.values()):
            blend = replace(begun, **dict(zip(grid, values, strict=True)))
            recall = _recall(questions, scores(blend))
            settings.append(asdict(blend) | {f"recall{K}": round(recall, 5)})
            if recall > best_recall:
                best, best_recall = blend, recall
        say(f"best on the last days so far: recall@{K} {best_recall:.4f} with {asdict(best)}")
    plain = ease(past.bought, regularisation=best.regularisation)
    others = {
        "popularity": popularity(past, cut),
        "popularity of late": popularity(past, cut, best.trend_half_life_days),
        "item-kNN": linear(past.bought, item_knn(past.bought, neighbours=200, shrinkage=20)),
        "EASE": linear(past.bought, plain),
        "the network alone": lambda rows: sequence[np.searchsorted(questions.shoppers, rows)],
    }
    recalls = {name: round(float(found_next(score, questions, K).recall.mean()), 5) for name, score in others.items()}
    return Tried(best, best_recall, settings, recalls, epochs)


def _recall(questions: Questions, scores: Matrix) -> float:
    """Mean over shoppers, from the scores of all of them."""
    return float(found_next(lambda rows: scores[np.searchsorted(questions.shoppers, rows)], questions, K).recall.mean())


def train_network(
    log: PurchaseLog,
    end: int,
    texts: Matrix,
    training: Training,
    *,
    epochs: int | None = None,
    checkpoints: Checkpoints | None = None,
    questions: Questions | None = None,
) -> tuple[ShopperNetwork, list[dict[str, float]]]:
    """Fit the sequence part to a log.

    Args:
        log: To learn from.
        end: The day after the last that is learnt from.
        texts: Vectors of the log's products, shape (n, d).
        training: How it learns.
        epochs: Where it ends, if that is before the last of `training`.
        checkpoints: Of the whole training.
        questions: Asked after each epoch; the weights that answered them best are kept.

    Returns:
        The network, and its curve.

    Raises:
        VitrineError: If there is no order of purchases to learn, or the training diverges.
    """
    checkpoints = checkpoints or Checkpoints(None, {})
    torch.manual_seed(training.seed)
    phase = "chosen on the last days" if questions else "all days"
    lessons = _lessons(log, end, training)
    if not lessons.examples:
        raise VitrineError("no shopper bought something new at a later time: there is no order of purchases to learn")
    network = ShopperNetwork(texts, width=training.width, facts=lessons.facts.shape[2], dropout=training.dropout)
    read = min(len(lessons.examples), training.examples)
    a_epoch = -(-read // training.batch)
    steps = a_epoch * training.epochs
    warm_up = max(1, steps // 10)
    optimiser = torch.optim.AdamW(network.parameters(), lr=training.learning_rate, weight_decay=training.weight_decay)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: min(1, (step + 1) / warm_up) * max(0.0, 1 - step / steps)
    )
    history: list[dict[str, float]] = []
    best, first = None, 1
    state = checkpoints.last() or {"tried": None, "chosen": [], "epoch": 0}
    if state["epoch"]:
        network.load_state_dict(state["network"])
        optimiser.load_state_dict(state["optimiser"])
        schedule.load_state_dict(state["schedule"])
        history, best, first = state["history"], state["best"], state["epoch"] + 1
        say(f"going on from epoch {state['epoch']} of {training.epochs} ({phase})")
    say(
        f"{len(lessons.examples):,} examples of {len(log.shopper_ids):,} shoppers and {len(texts):,} products ({phase})"
    )
    begun = time.monotonic()
    last = epochs or training.epochs
    for epoch in range(first, last + 1):
        # what is drawn depends on the seed and the epoch alone, so that going on draws the same
        torch.manual_seed(training.seed * 100_003 + epoch)
        order = np.random.default_rng((training.seed, epoch)).permutation(len(lessons.examples))[:read].tolist()
        network.train()
        losses = 0.0
        for begin in range(0, len(order), training.batch):
            loss = loss_of(network, lessons, order[begin : begin + training.batch])
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(network.parameters(), _LONGEST_GRADIENT)
            optimiser.step()
            schedule.step()
            losses += loss.item()
        point = {"epoch": float(epoch), "loss": losses / a_epoch}
        measured("train:loss", point["loss"], epoch=epoch)
        if questions is not None:
            scores = network_scores(network, log, end, questions.shoppers)
            point[f"recall{K}"] = _recall(questions, scores)
            if not history or point[f"recall{K}"] > max(other[f"recall{K}"] for other in history):
                best = copy.deepcopy(network.state_dict())
        history.append(point)
        say(f"epochs: {pace(epoch - first + 1, last - first + 1, time.monotonic() - begun)}")
        checkpoints.keep(
            {
                "tried": state["tried"],
                "chosen": state["chosen"],
                "epoch": epoch,
                "history": history,
                "network": network.state_dict(),
                "best": best,
                "optimiser": optimiser.state_dict(),
                "schedule": schedule.state_dict(),
            }
        )
    if best is not None:
        network.load_state_dict(best)
    network.eval()
    return network, history


def _lessons(log: PurchaseLog, end: int, training: Training) -> Lessons:
    """Cuts back from the end, so that the latest ones lie as near to it as may be."""
    first = int(log.days[0])
    latest = max(1, min(training.every_days, (end - first) // 4))
    cuts = list(range(end - latest, first, -max(1, min(training.every_days, (end - first) // 8))))[::-1]
    facts = np.stack([facts_of(log, cut) for cut in cuts])
    return lessons_of(log, cuts=cuts, horizon_days=training.horizon_days, facts=facts)


def _rows_of(past: PurchaseLog, log: PurchaseLog) -> Rows:
    row_of = {product_id: row for row, product_id in enumerate(log.product_ids)}
    return np.array([row_of[product_id] for product_id in past.product_ids], dtype=np.int64)


def _log(dataset: Dataset, most_products: int) -> PurchaseLog:
    for number, basket in enumerate(dataset.baskets, start=1):
        for product_id in basket.product_ids:
            if product_id not in dataset.row_of:
                raise VitrineError(
                    f"{dataset.folder / BASKETS}, line {number}: product {product_id!r} is not in the catalogue"
                )
    log = PurchaseLog.of(dataset.baskets)
    if len(log.product_ids) < 2 or len(log.shopper_ids) < 2:
        raise VitrineError(
            f"{dataset.folder / BASKETS}: {len(log.shopper_ids)} shoppers bought {len(log.product_ids)} products, "
            f"expected at least 2 of each: nothing can be told from what one bought to what another buys"
        )
    if len(log.product_ids) > most_products:
        bought_by = shoppers_of_products(log, log.end)
        most = np.argsort(-bought_by, kind="stable")[:most_products]
        say(f"{len(log.product_ids):,} products were bought: the {most_products:,} that most shoppers bought are kept")
        log = log.of_products(log.product_ids[row] for row in most.tolist())
    return log


def _write(
    output: Path,
    model: NextPurchases,
    tried: Tried,
    history: list[dict[str, float]],
    vectors: ProductVectors,
    lineage: Lineage,
    source: str,
) -> None:
    content = io.BytesIO()
    np.savez(content, **model.arrays())  # type: ignore[arg-type]
    replace_file(output / ARRAYS, content.getvalue())
    report = {"learnt": True, **asdict(tried)}
    replace_file(output / REPORT, json.dumps(report, indent=1).encode() + b"\n")
    replace_file(output / HISTORY, json.dumps(history, indent=1).encode() + b"\n")
    metrics = {f"recall{K}": tried.recall} | {f"recall{K}.{name}": value for name, value in tried.others.items()}
    manifest = ShopperManifest(
        shopper_model_id=f"shopper-{sha256(content.getvalue()).hexdigest()[:12]}",
        space=vectors.manifest.space,
        dimension=vectors.manifest.dimension,
        behaviour_dimension=model.reading.shape[1],
        products=len(model.product_ids),
        files={ARRAYS: file_entry(output / ARRAYS)},
        metrics={name: round(value, 5) for name, value in metrics.items()},
        metrics_data=f"{source}: what was bought on the last days and new to the shopper, learnt from the days before",
        lineage=lineage,
        made_at=datetime.now(UTC),
        versions={package: version(package) for package in ("numpy", "scipy", "torch")},
    )
    replace_file(output / MANIFEST, manifest.model_dump_json(indent=1).encode() + b"\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sagemaker_jobs.train_shopper",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--dataset", type=Path, metavar="DIR", help="default: $SM_CHANNEL_DATASET")
    parser.add_argument("--vectors", type=Path, metavar="DIR", help="default: $SM_CHANNEL_VECTORS")
    parser.add_argument("--output", type=Path, metavar="DIR", help="default: $SM_MODEL_DIR")
    parser.add_argument("--checkpoints", type=Path, metavar="DIR", help="default: $SM_CHECKPOINT_DIR, or none are kept")
    parser.add_argument("--threads", type=int, default=1, help="0: one for each core; another number, another model")
    for field in fields(Training):
        name = "--" + field.name.replace("_", "-")
        parser.add_argument(name, type=type(field.default), default=field.default, help=f"default: {field.default}")
    return parser


if __name__ == "__main__":
    sys.exit(main())
