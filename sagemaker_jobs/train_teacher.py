"""Train the ranker's teacher, a cross-encoder, on queries derived from a catalogue; no person's rating is read.

    python -m sagemaker_jobs.train_teacher --catalogue <folder with products.jsonl> --output <folder>

A release without a ranker is built first, so that what the teacher learns to tell apart is what a search finds. It
takes about 20 minutes on one thread for 20,000 products and ships with nothing: its folder has 90 MB.
"""

import argparse
import math
import sys
import time
from collections.abc import Callable, Sequence, Set
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from models.cross_encoder import CrossEncoder, CrossEncoderManifest
from models.precision import reduced_precision
from models.text_encoder import original_folder
from relevance.arrays import Rows, Vector
from relevance.contracts.products import Product
from relevance.contracts.stages import PreprocessRequest
from relevance.errors import VitrineError
from relevance.metrics import ndcg
from relevance.pairs import Pair
from relevance.product_text import embedding_text
from relevance.progress import pace
from relevance.release import Release
from relevance.release_files import file_entry
from relevance.search import RERANK_LIMIT, understand
from sagemaker_jobs.build_release import ARTEFACTS
from sagemaker_jobs.candidates_release import candidates_release, catalogue_in, held_back
from sagemaker_jobs.checkpoints import NONE_KEPT, Checkpoints
from sagemaker_jobs.derive_queries import CatalogueFacts, DerivedQuery, derive_queries
from sagemaker_jobs.fitting import Course, fit
from sagemaker_jobs.folders import channel, checkpoint_folder, model_folder, optional_channel
from sagemaker_jobs.job import measured, run, say

QUERIES = 7000
LEAST_QUERIES = 20
RIGHT, WRONG = 0.8, 0.25
"""Relevance, in [0, 1]: a product from the one up answers a query, one below the other does not."""
RIGHT_KEPT, STRANGERS_KEPT = 200, 20
"""How many of a query's right products, and of any products at all, it can be taught with."""
EVALUATED = 40
"""How many of the retrieved products an evaluation orders."""


@dataclass(frozen=True)
class Training:
    """How the teacher learns."""

    epochs: float = 1.0
    queries_per_step: int = 8
    candidates: int = 7
    """At most how many products of one query a step compares."""
    learning_rate: float = 5e-5
    """The highest; it grows for `warm_up_steps`, then falls to a fiftieth."""
    warm_up_steps: int = 100
    weight_decay: float = 0.01
    held_out: int = 100
    """Queries that are not learnt from, if that is no more than a fifth of all."""
    evaluations: int = 5
    """How many times, evenly spaced, the queries held out are ordered."""
    patience: int = 2
    """Evaluations without a better order before it stops."""
    seed: int = 1
    threads: int = 1
    """Another number adds up in another order, and makes another teacher."""


@dataclass(frozen=True)
class Graded:
    """Products, and how well each answers one query."""

    rows: Rows
    """Shape (n,)."""
    relevance: Vector
    """Shape (n,), in [0, 1]."""

    @classmethod
    def of(cls, rows: Rows, relevance: Vector) -> "Graded":
        """`relevance` of the whole catalogue, of which only that of `rows` is kept."""
        return cls(rows, relevance[rows])

    def between(self, low: float, high: float) -> "Graded":
        """Those of a relevance from `low` up and below `high`."""
        chosen = (self.relevance >= low) & (self.relevance < high)
        return Graded(self.rows[chosen], self.relevance[chosen])


@dataclass(frozen=True)
class Lesson:
    """What one query can be taught with."""

    query: DerivedQuery
    retrieved: Graded
    """In the fused order, best first."""
    right: Graded
    """Some of all the products that answer it, retrieved or not."""
    strangers: Graded
    """Drawn from the whole catalogue."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the job; returns the exit status."""
    return run("train_teacher", _job, arguments)


def _job(arguments: Sequence[str] | None) -> None:
    given = _parser().parse_args(arguments)
    folder = given.catalogue or channel("catalogue")
    products, source = catalogue_in(folder)
    manifest = train_teacher(
        products,
        given.encoder or channel("encoder", ARTEFACTS / "encoder"),
        given.base or optional_channel("base") or original_folder(),
        given.output or model_folder(),
        source=source,
        queries=given.queries,
        training=Training(seed=given.seed, threads=given.threads),
        checkpoints=given.checkpoints or checkpoint_folder(),
        without=held_back(folder),
    )
    for name, value in manifest.metrics.items():
        measured(f"derived:{name}", value)


def train_teacher(
    products: Sequence[Product],
    encoder: Path,
    base: Path,
    output: Path,
    *,
    source: str,
    queries: int,
    training: Training,
    checkpoints: Path | None = None,
    without: Set[str] = frozenset(),
) -> CrossEncoderManifest:
    """Derive queries, train, and save the teacher in `output`, which is not touched before.

    Args:
        products: Of one catalogue.
        encoder: The folder of the encoder whose release retrieves the candidates.
        base: The folder of the BERT that the teacher starts from, as `CrossEncoder.from_encoder` reads it.
        output: Created if it is not there.
        source: The catalogue in words.
        queries: At most how many are derived.
        training: How the teacher learns.
        checkpoints: Where the state is kept after each evaluation; None for nowhere.
        without: Queries that must not be learnt from.

    Raises:
        VitrineError: If `base` lacks a file, the catalogue is empty or too small to derive queries from, the
            checkpoint is damaged or of another training, or the training diverges.
    """
    torch.set_num_threads(training.threads)
    torch.manual_seed(training.seed)
    teacher = CrossEncoder.from_encoder(base)  # first, because it fails at once where the rest fails after minutes
    with candidates_release(products, encoder, source=source, say=say, threads=training.threads) as (
        release,
        facts,
    ):
        say("deriving queries")
        derived = [query for query in derive_queries(facts, queries, seed=training.seed) if query.text not in without]
        lessons = build_lessons(release, facts, derived, seed=training.seed)
    learning, held_out = split(lessons, training)
    if len(lessons) < LEAST_QUERIES or not learning or not held_out:
        raise VitrineError(
            f"{len(products):,} products gave {len(lessons)} usable queries of the {queries:,} asked for: "
            f"expected at least {LEAST_QUERIES}, of more than one kind of product, to train on"
        )
    say(f"training on {len(learning):,} queries, {len(held_out):,} held out")
    texts = [embedding_text(product) for product in products]
    fused = [-np.arange(len(lesson.retrieved.rows[:EVALUATED]), dtype=np.float32) for lesson in held_out]
    metrics = {
        "derived_ndcg10.fused": mean_ndcg(fused, held_out),
        "derived_ndcg10.untrained": evaluate(teacher, texts, held_out),
    }
    say(f"before training: nDCG@10 {metrics['derived_ndcg10.untrained']:.4f}")
    kept = Checkpoints(checkpoints, {**asdict(training), "queries": [lesson.query.text for lesson in learning]})
    metrics["derived_ndcg10.teacher"] = train(teacher, texts, learning, held_out, training, kept)
    kept.forget()
    if metrics["derived_ndcg10.teacher"] <= metrics["derived_ndcg10.untrained"]:
        say("the teacher orders products no better than before it was trained: give it more queries")
    return teacher.save(
        output,
        trained_on=f"{len(learning):,} queries derived from {source} ({len(products):,} products); "
        f"metrics over the first {EVALUATED} candidates of {len(held_out)} others, for other kinds of products",
        metrics={name: round(value, 4) for name, value in metrics.items()},
        seed=training.seed,
        derived_from=f"BERT weights with sha256 {file_entry(base / 'model.safetensors').sha256}",
    )


def build_lessons(
    release: Release, facts: CatalogueFacts, queries: Sequence[DerivedQuery], *, seed: int
) -> list[Lesson]:
    """Retrieve each query's candidates as a search does, and look up how well they answer it.

    A query that no product answers, or whose candidates all do, teaches nothing and is left out.
    """
    generator = np.random.default_rng(seed)
    lessons: list[Lesson] = []
    begun = time.monotonic()
    for number, query in enumerate(queries, start=1):
        relevance = facts.relevance(query)
        # A derived query is typed to its end: its last word is no beginning of another.
        request = PreprocessRequest(query_id="0" * 32, query=query.text, complete=False)
        retrieved = Graded.of(release.index.retrieve(understand(request, release), RERANK_LIMIT).rows, relevance)
        right = np.flatnonzero(relevance >= RIGHT)
        if len(right) and len(retrieved.rows) and retrieved.relevance.min() < WRONG:
            right = generator.choice(right, min(RIGHT_KEPT, len(right)), replace=False)
            strangers = generator.integers(len(relevance), size=STRANGERS_KEPT)
            lessons.append(Lesson(query, retrieved, Graded.of(right, relevance), Graded.of(strangers, relevance)))
        if number % 500 == 0 or number == len(queries):
            say(f"candidates of queries: {pace(number, len(queries), time.monotonic() - begun)}")
    return lessons


def split(lessons: Sequence[Lesson], training: Training) -> tuple[list[Lesson], list[Lesson]]:
    """Lessons to learn from and to evaluate on; no kind of product that a query names is in both.

    The teacher is to learn how words answer words, not which products are lamps.
    """
    wanted = min(training.held_out, len(lessons) // 5)
    kinds = sorted({_kind(lesson) for lesson in lessons})
    held_out: list[Lesson] = []
    for at in np.random.default_rng(training.seed).permutation(len(kinds)):
        if len(held_out) >= wanted:
            break
        held_out += [lesson for lesson in lessons if _kind(lesson) == kinds[at]]
    kept_back = {_kind(lesson) for lesson in held_out}
    learning = [lesson for lesson in lessons if _kind(lesson) not in kept_back]
    return learning, [lesson for lesson in held_out if _orders_something(lesson)]


def train(
    teacher: CrossEncoder,
    texts: Sequence[str],
    learning: Sequence[Lesson],
    held_out: Sequence[Lesson],
    training: Training,
    checkpoints: Checkpoints = NONE_KEPT,
) -> float:
    """Fit the teacher in place and keep the weights that ordered the queries held out best.

    loss = binary cross-entropy(relevance, logistic(score))
         + cross-entropy(gain / sum of gains, softmax(scores)), gain = 2^(3 * relevance) - 1

    The first makes scores of different queries comparable, the second puts the best products of one query first.

    Args:
        teacher: Trained or not.
        texts: Of all products, by row, as `embedding_text` writes them.
        learning: Queries to learn from.
        held_out: Queries to evaluate on.
        training: How it learns.
        checkpoints: What an interrupted training goes on from.

    Returns:
        The nDCG@10 of the queries held out, in [0, 1].

    Raises:
        VitrineError: If the loss or a score is no number any more.

    Source:
        Cao et al., Learning to Rank: From Pairwise Approach to Listwise Approach (ICML 2007), with gains for
        probabilities.
    """
    steps = max(1, round(training.epochs * len(learning) / training.queries_per_step))
    teacher.train()
    fitted = fit(
        teacher,
        lambda step: _step(teacher, texts, learning, training, step),
        lambda: evaluate(teacher, texts, held_out),
        Course(
            steps=steps,
            queries=training.queries_per_step,
            learning_rate=training.learning_rate,
            warm_up=min(training.warm_up_steps, max(1, steps // 5)),
            lowest=0.02,
            weight_decay=training.weight_decay,
            evaluations=training.evaluations,
            metric="validation:ndcg10",
            patience=training.patience,
        ),
        checkpoints,
        best_so_far=-math.inf,
    )
    teacher.eval()
    return fitted.best


def _step(
    teacher: CrossEncoder, texts: Sequence[str], learning: Sequence[Lesson], training: Training, step: int
) -> float:
    """Add one batch's gradient; returns its loss."""
    generator = np.random.default_rng((training.seed, step))
    taken = _taken(len(learning), training, step)
    lists = [draw_candidates(learning[at], training.candidates, generator) for at in taken]
    pairs = [pair for at, graded in zip(taken, lists, strict=True) for pair in _pairs(learning[at], graded, texts)]
    with reduced_precision():
        scores = teacher(*teacher.tokenised(pairs))
    loss = loss_of(scores, [torch.from_numpy(graded.relevance) for graded in lists])
    loss.backward()  # type: ignore[no-untyped-call]
    return float(loss.item())


def _taken(lessons: int, training: Training, step: int) -> list[int]:
    """Which lessons a step learns from: all of them once before any comes again, in an order that depends on the seed
    and the round alone, so that a training that was interrupted goes on with the same."""
    first = (step - 1) * training.queries_per_step
    return [
        int(np.random.default_rng((training.seed, at // lessons)).permutation(lessons)[at % lessons])
        for at in range(first, first + training.queries_per_step)
    ]


def loss_of(scores: Tensor, relevance: Sequence[Tensor]) -> Tensor:
    """The loss of `train`, a mean over products and queries: a number.

    Args:
        scores: Shape (n,), of the candidates of all lists, one list behind the other.
        relevance: Of each list's candidates, in [0, 1]; each list holds one above 0.
    """
    loss = functional.binary_cross_entropy_with_logits(scores, torch.cat(list(relevance)))
    for of_list, worth in zip(torch.split(scores, [len(worth) for worth in relevance]), relevance, strict=True):
        gains = torch.exp2(3 * worth) - 1
        loss = loss - (gains / gains.sum() * torch.log_softmax(of_list, dim=0)).sum() / len(relevance)
    return loss


def draw_candidates(lesson: Lesson, count: int, generator: np.random.Generator) -> Graded:
    """At most `count` different products to compare: two right ones, one of them retrieved, a middling one, a stranger,
    and for the rest wrong ones, of which those that the fused order puts first come most often.
    """
    chosen: dict[int, float] = {}

    def add(graded: Graded, number: int = 1, *, first_most_often: bool = False) -> None:
        weights = 1 / (10 + np.arange(len(graded.rows))) if first_most_often else np.ones(len(graded.rows))
        number = min(number, len(graded.rows))
        if number > 0:
            for at in generator.choice(len(graded.rows), number, replace=False, p=weights / weights.sum()):
                chosen[int(graded.rows[at])] = float(graded.relevance[at])

    add(lesson.right)
    add(lesson.retrieved.between(RIGHT, np.inf))
    add(lesson.retrieved.between(WRONG, RIGHT))
    add(lesson.strangers)
    add(lesson.retrieved.between(-np.inf, WRONG), count - len(chosen), first_most_often=True)
    return Graded(np.array(list(chosen), dtype=np.int64), np.array(list(chosen.values()), dtype=np.float32))


def evaluate(teacher: CrossEncoder, texts: Sequence[str], lessons: Sequence[Lesson]) -> float:
    """Mean nDCG@10 of the teacher's order among the first EVALUATED candidates of each query, in [0, 1]."""
    lists = [_pairs(lesson, lesson.retrieved, texts)[:EVALUATED] for lesson in lessons]
    scores = teacher.score_pairs([pair for pairs in lists for pair in pairs])
    if not np.isfinite(scores).all():
        raise VitrineError(
            f"{np.count_nonzero(~np.isfinite(scores)):,} of {len(scores):,} scores are no numbers: training diverges"
        )
    ends = np.cumsum([len(pairs) for pairs in lists])
    return mean_ndcg(np.split(scores, ends[:-1]), lessons)


def mean_ndcg(scores: Sequence[Vector], lessons: Sequence[Lesson]) -> float:
    """Mean nDCG@10 of the first candidates of each lesson, ordered by as many scores, in [0, 1].

    Of equal scores the worse product comes first: a teacher that scores all alike knows nothing of the order.
    """
    found = []
    for of_list, lesson in zip(scores, lessons, strict=True):
        ratings = 3.0 * lesson.retrieved.relevance[: len(of_list)].astype(np.float64)
        found.append(ndcg(ratings[np.lexsort((ratings, -of_list))], ratings))
    return float(np.mean(found))


def _pairs(lesson: Lesson, graded: Graded, texts: Sequence[str]) -> list[Pair]:
    return [(lesson.query.text, texts[row]) for row in graded.rows]


def _kind(lesson: Lesson) -> str:
    """What a query asks for: "printer" of a laser printer and of a printer, or the whole query if it names no type."""
    return lesson.query.type[-1] if lesson.query.type else lesson.query.text


def _orders_something(lesson: Lesson) -> bool:
    """Whether the candidates that an evaluation orders are neither all right nor all wrong."""
    relevance = lesson.retrieved.relevance[:EVALUATED]
    return bool(relevance.max() >= 0.5 > relevance.min())


def _from(least: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"{text!r}: expected a whole number from {least} up")
        return int(text)

    return number


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sagemaker_jobs.train_teacher", description=__doc__)
    parser.add_argument("--catalogue", type=Path, metavar="DIR", help="default: $SM_CHANNEL_CATALOGUE")
    parser.add_argument("--encoder", type=Path, metavar="DIR", help="default: $SM_CHANNEL_ENCODER, or that which ships")
    parser.add_argument("--base", type=Path, metavar="DIR", help="the BERT to start from; default: all-MiniLM-L6-v2")
    parser.add_argument("--output", type=Path, metavar="DIR", help="default: $SM_MODEL_DIR")
    parser.add_argument("--checkpoints", type=Path, metavar="DIR", help="default: $SM_CHECKPOINT_DIR, or none are kept")
    parser.add_argument("--queries", type=_from(1), default=QUERIES, help="at most how many are derived")
    parser.add_argument("--seed", type=_from(0), default=1)
    parser.add_argument("--threads", type=_from(1), default=1, help="another number makes another teacher")
    return parser


if __name__ == "__main__":
    sys.exit(main())
