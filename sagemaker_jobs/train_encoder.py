"""Train the large text encoder, two towers of one network: queries near the products that answer them.

    python -m sagemaker_jobs.train_encoder --dataset <what prepare wrote> --output <folder>
    torchrun --nproc-per-node 8 -m sagemaker_jobs.train_encoder ...      on several GPUs, and machines

It starts from any encoder of Hugging Face's (`--base` a folder or a name; by default all-MiniLM-L6-v2), from the parent
release's among them. Every product of a batch is a wrong answer to the other queries of the batch unless the data say
otherwise, and so are the hard negatives that `prepare` found. The weights that are written lie between those that
training began with and those that it ended with (`--keep`): what the original knows of words that this shop's queries
never used would be lost else.

Writes what `TextEncoder.save` writes, and `history.json`. Ends with 0, or with 1 and the cause.
"""

import argparse
import copy
import json
import math
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from models.contrastive import Chunk, Contrast, Perturbed, backward
from models.precision import reduced_precision
from models.text_encoder import TextEncoder, original_folder
from relevance.contracts.models import Lineage, TorchEncoderManifest
from relevance.errors import VitrineError
from relevance.metrics import ndcg
from relevance.product_text import PRODUCT_TOKENS, embedding_text
from sagemaker_jobs.checkpoints import Checkpoints
from sagemaker_jobs.dataset import Dataset
from sagemaker_jobs.fitting import Course, Fitted, fit
from sagemaker_jobs.folders import channel, checkpoint_folder, model_folder, optional_channel
from sagemaker_jobs.job import git_commit, measured, replace_file, run, say
from sagemaker_jobs.processes import device, processes, rank, use_threads, world
from sagemaker_jobs.query_noise import noisy

QUERY_TOKENS = 32
ANSWERS = 0.8
"""Relevance, in [0, 1], from which a product is taught as an answer."""
LEAST_QUERIES, LEAST_PRODUCTS = 4, 2
QUESTIONS, STRANGERS, COMPARED = 200, 500, 30
"""At most how many validation queries are asked, among how many products of the whole catalogue, and how many of its
own pairs each: an evaluation reads all of them."""
HISTORY = "history.json"


@dataclass(frozen=True)
class Training:
    """How the encoder learns."""

    epochs: float = 1.0
    """Over the queries, each with `products_a_query` of its products."""
    batch: int = 64
    """Queries whose products are each other's negatives, over all processes."""
    chunk: int = 16
    """Texts of like length that are read at once."""
    at_once: float = 5e9
    """Weights times texts of a batch up to which one process reads a batch at once; beyond it texts are read twice, and
    memory holds a chunk."""
    products_a_query: int = 2
    hard_negatives: int = 1
    """Of each query in a batch."""
    learning_rate: float = 2e-5
    """The highest; it grows over a tenth of the steps, then falls to nought."""
    weight_decay: float = 0.01
    temperature: float = 0.05
    noise: float = 0.3
    """In [0, 1]: how many of the queries are read with a typo, without a word, or in another order."""
    adversarial: float = 0.0
    """How far word embeddings are shifted against the loss for a second look at each batch; 0 for one look."""
    matryoshka: bool = False
    """Whether the first half and the first quarter of a vector must do alone, too."""
    keep: float = 0.5
    """In [0, 1]: the share of the weights that stays what it was before training."""
    evaluations: int = 4
    seed: int = 1
    threads: int = 0
    """0: one for each core of the machine."""


@dataclass(frozen=True)
class Lesson:
    """What one query is taught with; products by row."""

    text: str
    answers: NDArray[np.int64]
    weights: NDArray[np.float64]
    """Of the answers, as the data set has them."""
    wrong: NDArray[np.int64]
    """Hard negatives, perhaps none."""
    known: frozenset[int]
    """All products of which the data set says that they answer it in part: no negatives of it."""
    weight: float
    """How often it is drawn beside the others: the root of how often it was asked, so that the most frequent queries do
    not fill every batch."""


@dataclass(frozen=True)
class Question:
    """A validation query, and the products among which it must find its own."""

    text: str
    rows: NDArray[np.int64]
    ratings: NDArray[np.float64]
    """Of these, 3 for a perfect answer."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the job; returns the exit status."""
    return run("train_encoder", _job, arguments)


def _job(arguments: Sequence[str] | None) -> None:
    given = _parser().parse_args(arguments)
    dataset = Dataset(given.dataset or channel("dataset"))
    output = given.output or model_folder()
    base = optional_channel("base") or given.base or original_folder()
    training = Training(**{field.name: getattr(given, field.name) for field in fields(Training)})
    with processes():
        manifest = train_encoder(
            dataset,
            base,
            output,
            training,
            checkpoints=given.checkpoints or checkpoint_folder(),
            dimension=given.dimension,
            query_prefix=given.query_prefix,
            product_prefix=given.product_prefix,
        )
        if manifest:
            say(f"{manifest.encoder_id}: {manifest.metrics}")


def train_encoder(
    dataset: Dataset,
    base: Path | str,
    output: Path,
    training: Training,
    *,
    checkpoints: Path | None = None,
    dimension: int | None = None,
    query_prefix: str | None = None,
    product_prefix: str | None = None,
) -> TorchEncoderManifest | None:
    """Train, and save the encoder in `output`, which is not touched before.

    Args:
        dataset: Queries of the splits train and validation, with pairs.
        base: A folder or a name of an encoder, as `TextEncoder.load` reads it.
        output: Created if it is not there.
        training: How it learns.
        checkpoints: Where the state is kept after each evaluation; None for nowhere.
        dimension: Of a vector; None for the base's own.
        query_prefix: Written before each query; None for the base's own, or nothing.
        product_prefix: Written before each product's text; None for the base's own, or nothing.

    Returns:
        The manifest; None in a process that is not the first of several.

    Raises:
        VitrineError: If the data are too few, `base` is no encoder, the checkpoint is damaged or of another training,
            or the loss is no number any more.
    """
    torch.manual_seed(training.seed)
    use_threads(training.threads)
    lessons, questions = lessons_of(dataset), questions_of(dataset, training.seed)
    encoder = TextEncoder.load(base, dimension=dimension, attention="sdpa").to(device())
    encoder.query_prefix = encoder.query_prefix if query_prefix is None else query_prefix
    encoder.product_prefix = encoder.product_prefix if product_prefix is None else product_prefix
    original = copy.deepcopy(encoder.state_dict())
    texts = [encoder.product_prefix + embedding_text(product) for product in dataset.products]
    parameters: dict[str, str | int | float | bool] = {
        **asdict(training),
        "base": encoder.encoder_id,
        "dimension": encoder.dimension,
        "query_prefix": encoder.query_prefix,
        "product_prefix": encoder.product_prefix,
    }
    kept = Checkpoints(checkpoints, {"data": dataset.report["sha256"], **parameters})
    say(f"{len(lessons):,} queries to learn from, {len(questions)} to validate on, {encoder.encoder_id}")
    metrics = {"validation:ndcg10_before": evaluate(encoder, texts, questions)}
    say(f"before training: nDCG@10 {metrics['validation:ndcg10_before']:.4f}")
    fitted = _fit(encoder, texts, lessons, questions, training, kept)
    metrics["validation:ndcg10_trained"] = evaluate(encoder, texts, questions)
    encoder.load_state_dict(between(original, encoder.state_dict(), training.keep))
    metrics["validation:ndcg10"] = evaluate(encoder, texts, questions)
    measured("validation:ndcg10", metrics["validation:ndcg10"])
    metrics["train:queries_per_second"] = fitted.queries_per_second
    if rank() > 0:
        return None
    manifest = encoder.save(
        output,
        name="encoder",
        derived_from=encoder.encoder_id,
        licence="Apache-2.0" if base == original_folder() else "that of the network it was trained from",
        metrics=metrics,
        lineage=Lineage(
            data_sha256=dataset.report["sha256"],
            git_commit=git_commit(),
            parameters=parameters,
            seed=training.seed,
            parent=encoder.encoder_id,
        ),
    )
    replace_file(output / HISTORY, (json.dumps(fitted.history, indent=1) + "\n").encode())
    kept.forget()
    return manifest


def lessons_of(dataset: Dataset) -> list[Lesson]:
    """What the queries of the split `train` teach; those without an answer teach nothing.

    Raises:
        VitrineError: If that is too little to learn from.
    """
    pairs = dataset.pairs_by_query()
    found = []
    for query in dataset.queries_of("train"):
        of_query = [(dataset.row_of[pair.product_id], pair) for pair in pairs[query.query_id]]
        answers = [(row, pair.weight) for row, pair in of_query if pair.relevance >= ANSWERS]
        if answers:
            rows, weights = zip(*answers, strict=True)
            found.append(
                Lesson(
                    text=query.text,
                    answers=np.array(rows, dtype=np.int64),
                    weights=np.array(weights, dtype=np.float64),
                    wrong=np.array([row for row, pair in of_query if pair.kind == "hard_negative"], dtype=np.int64),
                    known=frozenset(row for row, pair in of_query if pair.kind != "hard_negative"),
                    weight=math.sqrt(query.asked),
                )
            )
    products = {row for lesson in found for row in lesson.answers.tolist()}
    if len(found) < LEAST_QUERIES or len(products) < LEAST_PRODUCTS:
        raise VitrineError(
            f"{dataset.folder}: {len(found)} queries of the split train have an answer, {len(products)} products in "
            f"all; expected at least {LEAST_QUERIES} and {LEAST_PRODUCTS}: there is nothing to tell apart"
        )
    return found


def questions_of(dataset: Dataset, seed: int) -> list[Question]:
    """The validation queries, each among its own pairs and the same strangers."""
    pairs = dataset.pairs_by_query()
    generator = np.random.default_rng(seed)
    strangers = generator.permutation(len(dataset.products))[:STRANGERS].tolist()
    found = []
    queries = dataset.queries_of("validation")
    for at in generator.permutation(len(queries))[:QUESTIONS].tolist():
        query, rating = queries[at], dict.fromkeys(strangers, 0.0)
        own = pairs[query.query_id]
        some = [own[chosen] for chosen in generator.permutation(len(own))[:COMPARED].tolist()]
        rating |= {dataset.row_of[pair.product_id]: 3 * pair.relevance for pair in some}
        ratings = np.array(list(rating.values()))
        if ratings.max() > 0:
            found.append(Question(query.text, np.array(list(rating), dtype=np.int64), ratings))
    if not found:
        raise VitrineError(
            f"{dataset.folder}: no query of the split validation has an answer: nothing tells how good the encoder is"
        )
    return found


def evaluate(encoder: TextEncoder, texts: Sequence[str], questions: Sequence[Question]) -> float:
    """Mean nDCG@10 of the validation queries, in [0, 1]."""
    rows = np.unique(np.concatenate([question.rows for question in questions]))
    place = {int(row): at for at, row in enumerate(rows)}
    products = encoder.encode([texts[row] for row in rows], max_tokens=PRODUCT_TOKENS)
    queries = encoder.encode([q.text for q in questions], max_tokens=QUERY_TOKENS, prefix=encoder.query_prefix)
    if not (np.isfinite(products).all() and np.isfinite(queries).all()):
        raise VitrineError("vectors are no numbers any more: the training diverges")
    found = []
    for vector, question in zip(queries, questions, strict=True):
        scores = products[[place[int(row)] for row in question.rows]] @ vector
        best = np.lexsort((question.ratings, -scores))  # of equal scores the worse product first
        found.append(ndcg(question.ratings[best], question.ratings))
    return float(np.mean(found))


def between(first: dict[str, Any], last: dict[str, Any], keep: float) -> dict[str, Any]:
    """Weights on the line from `last` (0) to `first` (1).

    Source:
        Wortsman et al., Robust fine-tuning of zero-shot models, CVPR 2022.
    """
    return {
        name: torch.lerp(weight.float(), first[name].float(), keep).to(weight.dtype)
        if weight.is_floating_point()
        else weight
        for name, weight in last.items()
    }


def _fit(
    encoder: TextEncoder,
    texts: Sequence[str],
    lessons: Sequence[Lesson],
    questions: Sequence[Question],
    training: Training,
    checkpoints: Checkpoints,
) -> Fitted:
    """Fit in place; the last weights stay."""
    batch = min(training.batch, len(lessons)) // world() * world()
    if not batch:
        raise VitrineError(f"a batch of {training.batch} over {world()} processes leaves some without a query")
    steps = max(1, round(training.epochs * len(lessons) * training.products_a_query / batch))
    width = encoder.dimension
    contrast = Contrast(training.temperature, (width, width // 2, width // 4) if training.matryoshka else ())
    return fit(
        encoder,
        lambda step: _step(encoder, texts, lessons, training, contrast, batch, step),
        lambda: evaluate(encoder, texts, questions),
        Course(
            steps=steps,
            queries=batch,
            learning_rate=training.learning_rate,
            warm_up=max(1, steps // 10),
            weight_decay=training.weight_decay,
            evaluations=training.evaluations,
            metric="validation:ndcg10",
        ),
        checkpoints,
    )


def _step(
    encoder: TextEncoder,
    texts: Sequence[str],
    lessons: Sequence[Lesson],
    training: Training,
    contrast: Contrast,
    batch: int,
    step: int,
) -> float:
    """Add one batch's gradient; returns its loss. What is drawn depends on the seed and the step alone, so that every
    process, and a run that goes on from a checkpoint, draws the same."""
    generator = np.random.default_rng((training.seed, step))
    asked = np.array([lesson.weight for lesson in lessons])
    chances = asked / asked.sum()
    drawn = [lessons[at] for at in generator.choice(len(lessons), batch, replace=False, p=chances)]
    queries = [
        noisy(lesson.text, generator) if generator.random() < training.noise else lesson.text for lesson in drawn
    ]
    chosen = [int(generator.integers(len(lesson.answers))) for lesson in drawn]
    own = [int(lesson.answers[at]) for lesson, at in zip(drawn, chosen, strict=True)]
    hard = [row for lesson in drawn for row in _wrong(lesson, training.hard_negatives, len(texts), generator)]
    products = np.array([*own, *hard])
    answers = np.array([[row in lesson.known for row in products.tolist()] for lesson in drawn])
    weights = torch.tensor([lesson.weights[at] for lesson, at in zip(drawn, chosen, strict=True)], dtype=torch.float32)
    share = batch // world()
    mine = slice(rank() * share, (rank() + 1) * share)
    hards = slice(mine.start * training.hard_negatives, mine.stop * training.hard_negatives)
    inputs = (
        _chunks(encoder, [encoder.query_prefix + text for text in queries[mine]], training.chunk, QUERY_TOKENS),
        _chunks(encoder, [texts[row] for row in (*own[mine], *hard[hards])], training.chunk, PRODUCT_TOKENS),
        torch.from_numpy(answers).to(device()),
        weights.to(device()),
        contrast,
    )
    weighty = sum(parameter.numel() for parameter in encoder.parameters()) * (len(queries) + len(products))
    at_once = weighty <= training.at_once
    with reduced_precision(device().type):
        loss = backward(encoder, *inputs, at_once=at_once)
        if training.adversarial:
            with Perturbed(encoder.network.get_input_embeddings(), training.adversarial):
                loss = (loss + backward(encoder, *inputs, at_once=at_once)) / 2
    return loss


def _wrong(lesson: Lesson, count: int, products: int, generator: np.random.Generator) -> list[int]:
    """Hard negatives, and strangers where the data name too few."""
    found: list[int] = generator.permutation(lesson.wrong)[:count].tolist()
    while len(found) < count:
        found.append(int(generator.integers(products)))
    return found


def _chunks(encoder: TextEncoder, texts: Sequence[str], size: int, max_tokens: int) -> list[Chunk]:
    by_length = sorted(range(len(texts)), key=lambda at: len(texts[at]))
    found = []
    for begin in range(0, len(texts), size):
        places = by_length[begin : begin + size]
        token_ids, mask = encoder.tokenised([texts[at] for at in places], max_tokens=max_tokens)
        found.append(Chunk(token_ids, mask, torch.tensor(places, device=device())))
    return found


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sagemaker_jobs.train_encoder", description=__doc__)
    parser.add_argument("--dataset", type=Path, metavar="DIR", help="default: $SM_CHANNEL_DATASET")
    parser.add_argument("--base", metavar="DIR|NAME", help="where $SM_CHANNEL_BASE is empty; default: all-MiniLM-L6-v2")
    parser.add_argument("--output", type=Path, metavar="DIR", help="default: $SM_MODEL_DIR")
    parser.add_argument("--checkpoints", type=Path, metavar="DIR", help="default: $SM_CHECKPOINT_DIR, or none are kept")
    parser.add_argument("--dimension", type=int, help="of a vector: the first so many numbers; default: all")
    parser.add_argument("--query-prefix", help="what the base wants before a query, such as 'query: '")
    parser.add_argument("--product-prefix", help="what it wants before a product's text, such as 'passage: '")
    for field in fields(Training):
        name = "--" + field.name.replace("_", "-")
        default: Any = field.default
        if isinstance(default, bool):
            parser.add_argument(name, action=argparse.BooleanOptionalAction, default=default)
        else:
            parser.add_argument(name, type=type(default), default=default, help=f"default: {default:g}")
    return parser


if __name__ == "__main__":
    sys.exit(main())
