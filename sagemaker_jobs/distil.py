"""Distil a small student encoder out of the large one, into the large one's vector space.

    python -m sagemaker_jobs.distil --dataset <prepare's> --encoder <train_encoder's> --vectors <embed's> --output DIR

A student reads queries as typed, queries with slips, words out of the catalogue and products' texts, and learns two
things of each: the vector that the large encoder gives it, and how near that is to each product. One index of the large
encoder's vectors then serves both. A student of the large one's kind begins with some of its layers, any other with
all-MiniLM-L6-v2, which a function can serve.

Writes what `TextEncoder.save` writes, with the large encoder's space, and `history.json`. Ends with 0, or with 1 and
the cause.
"""

import argparse
import copy
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from models.precision import reduced_precision
from models.text_encoder import TextEncoder, original_folder
from relevance.arrays import Matrix
from relevance.contracts.models import Lineage, TorchEncoderManifest
from relevance.errors import VitrineError
from relevance.product_text import PRODUCT_TOKENS, embedding_text
from relevance.wordpiece import WordPiece
from sagemaker_jobs.checkpoints import Checkpoints
from sagemaker_jobs.dataset import Dataset
from sagemaker_jobs.fitting import Course, Fitted, fit
from sagemaker_jobs.folders import channel, checkpoint_folder, model_folder
from sagemaker_jobs.job import git_commit, measured, replace_file, run, say
from sagemaker_jobs.processes import device, use_threads
from sagemaker_jobs.product_vectors import ProductVectors
from sagemaker_jobs.query_noise import noisy
from sagemaker_jobs.unlabelled_queries import unlabelled_queries

QUERY_TOKENS = 32
HELD_OUT = 5000
"""Unlabelled queries on which student and large encoder are compared."""
DEPTH = 10
COMPARED_PRODUCTS = 20_000
"""At most so many products' nearness is learnt: drawn by chance from a larger catalogue."""
HISTORY = "history.json"


@dataclass(frozen=True)
class Training:
    """How the student learns."""

    layers: int = 0
    """Of the student; 0: as many as the network that it begins with."""
    epochs: float = 1.0
    """Over the unlabelled queries."""
    queries: int = 60_000
    """Unlabelled queries to learn from, at most."""
    batch: int = 128
    product_batch: int = 24
    """Products' texts read beside a batch of queries."""
    learning_rate: float = 1e-4
    """The highest; it grows over a twentieth of the steps, then falls to nought."""
    weight_decay: float = 0.01
    temperature: float = 0.03
    """Above 0: cosines are divided by it before they become the shares of nearness that are learnt."""
    noise: float = 0.15
    """In [0, 1]: how many of the queries are read with a slip; what the large encoder makes of the slip is learnt."""
    evaluations: int = 4
    seed: int = 1
    threads: int = 0
    """0: one for each core of the machine."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the job; returns the exit status."""
    return run("distil", _job, arguments)


def _job(arguments: Sequence[str] | None) -> None:
    given = _parser().parse_args(arguments)
    training = Training(**{field.name: getattr(given, field.name) for field in fields(Training)})
    manifest = distil(
        Dataset(given.dataset or channel("dataset")),
        given.encoder or channel("encoder"),
        given.vectors or channel("vectors"),
        given.output or model_folder(),
        training,
        student=given.student,
        checkpoints=given.checkpoints or checkpoint_folder(),
    )
    say(f"{manifest.encoder_id}: {manifest.metrics}")


def distil(
    dataset: Dataset,
    encoder: Path,
    vectors: Path,
    output: Path,
    training: Training,
    *,
    student: Path | None = None,
    checkpoints: Path | None = None,
) -> TorchEncoderManifest:
    """Train a student, and save it in `output`, which is not touched before.

    Args:
        dataset: Its products and the queries of its split train are read.
        encoder: The large encoder's folder.
        vectors: What `embed` wrote of these products with that encoder.
        output: Created if it is not there.
        training: How the student learns.
        student: The folder of the network that it begins with; None: see `a_student`.
        checkpoints: Where the state is kept after each evaluation; None for nowhere.

    Raises:
        VitrineError: If the vectors are another encoder's or of other products, no student of that shape can be made,
            the checkpoint is damaged or of another training, or the loss is no number any more.
    """
    torch.manual_seed(training.seed)
    use_threads(training.threads)
    large = TextEncoder.load(encoder, attention="sdpa").to(device())
    made = ProductVectors.read(vectors)
    if made.manifest.space != large.space or len(made.vectors) != len(dataset.products):
        raise VitrineError(
            f"vectors in {vectors}: {len(made.vectors):,} in the space of {made.manifest.space}, expected "
            f"{len(dataset.products):,} in that of {large.space}"
        )
    learner = a_student(large, training.layers, student).to(device())
    asked = [query.text for query in dataset.queries_of("train")]
    learning = unlabelled_queries(dataset.products, training.queries, seed=training.seed, without=set(asked))
    held_out = unlabelled_queries(dataset.products, HELD_OUT, seed=training.seed + 1, without={*asked, *learning})
    if not held_out:
        raise VitrineError(
            f"{len(dataset.products):,} products gave {len(learning):,} different queries and none beside them to "
            "compare encoders on: expected a larger catalogue, or a smaller --queries"
        )
    texts = [embedding_text(product) for product in dataset.products]
    wanted = large.encode(held_out, max_tokens=QUERY_TOKENS, prefix=large.query_prefix, exact=True)

    def overlap() -> float:
        found = learner.encode(held_out, max_tokens=QUERY_TOKENS, prefix=learner.query_prefix, exact=True)
        return top_overlap(found, wanted, made.vectors, DEPTH)

    parameters: dict[str, str | int | float | bool] = {**asdict(training), "encoder": large.encoder_id}
    kept = Checkpoints(checkpoints, {"data": dataset.report["sha256"], **parameters})
    metrics = {"validation:overlap10_before": overlap()}
    layers = int(learner.network.config.num_hidden_layers)
    say(f"a student of {layers} layers; overlap before training {metrics['validation:overlap10_before']:.4f}")
    compared = np.random.default_rng(training.seed).permutation(len(texts))[:COMPARED_PRODUCTS]
    teaching = _Teaching(large, learner, torch.from_numpy(made.vectors[compared]).to(device()), training)
    fitted = Fitted(best=metrics["validation:overlap10_before"])
    if fitted.best < 1:
        fitted = teaching.run([*asked, *learning], texts, overlap, fitted.best, kept)
    else:
        say("the student is the large encoder itself: there is nothing to teach it")
    metrics["validation:overlap10"] = fitted.best
    measured("validation:overlap10", fitted.best)
    sample = texts[:: max(1, len(texts) // 1000)]
    both = [one.encode(sample, max_tokens=PRODUCT_TOKENS, prefix=one.product_prefix) for one in (learner, large)]
    metrics["validation:product_cosine"] = float(np.mean(np.sum(both[0] * both[1], axis=1)))
    manifest = learner.save(
        output,
        name="student",
        derived_from=large.encoder_id,
        licence="that of the large encoder, and of the network that the student began with",
        metrics=metrics,
        lineage=Lineage(
            data_sha256=dataset.report["sha256"],
            git_commit=git_commit(),
            parameters=parameters,
            seed=training.seed,
            parent=large.encoder_id,
        ),
        space=large.space,
    )
    replace_file(output / HISTORY, (json.dumps(fitted.history, indent=1) + "\n").encode())
    kept.forget()
    return manifest


def a_student(large: TextEncoder, layers: int, begins_with: Path | None = None) -> TextEncoder:
    """The network to be taught: a WordPiece one, whose vectors have as many numbers as the large encoder's.

    Args:
        large: To be learnt from; where it is such a network itself, the student begins as a copy of it.
        layers: Spread evenly over those of the network, its last among them; 0 for all.
        begins_with: Another network to begin with.

    Raises:
        VitrineError: If there are not so many layers, or the vectors have other lengths.
    """
    servable = isinstance(large.tokeniser, WordPiece) and large.dimension == large.network.config.hidden_size
    if begins_with is None and servable:
        student = copy.deepcopy(large)
    else:
        student = TextEncoder.load(begins_with or original_folder(), attention="sdpa")
        student.query_prefix, student.product_prefix = "", ""
    if not isinstance(student.tokeniser, WordPiece):
        raise VitrineError(f"{student.encoder_id} has a tokeniser of its own: functions can only serve WordPiece")
    if student.dimension != large.dimension:
        raise VitrineError(
            f"the student {student.encoder_id} gives vectors of {student.dimension} numbers, the large encoder "
            f"{large.encoder_id} of {large.dimension}: train that one with --dimension {student.dimension}"
        )
    stack: nn.ModuleList = student.network.get_submodule("encoder.layer")  # type: ignore[assignment]
    if not 0 <= layers <= len(stack):
        raise VitrineError(f"--layers {layers}: expected 0 to {len(stack)}, which {student.encoder_id} has")
    if layers:
        chosen = [round((at + 1) * len(stack) / layers) - 1 for at in range(layers)]
        student.network.get_submodule("encoder").layer = nn.ModuleList([stack[at] for at in chosen])
        student.network.config.num_hidden_layers = layers
    student.encoder_id, student.space = "student", large.space
    return student


def top_overlap(queries: Matrix, others: Matrix, products: Matrix, depth: int) -> float:
    """In [0, 1]: the mean share of the nearest `depth` products that two encoders' vectors of the same queries agree
    on.

    Args:
        queries: Shape (q, d), by the one.
        others: Shape (q, d), by the other.
        products: Shape (n, d), of both.
        depth: At most n are compared.
    """
    depth = min(depth, len(products))
    shared = 0
    for begin in range(0, len(queries), 512):
        sides = [vectors[begin : begin + 512] @ products.T for vectors in (queries, others)]
        nearest = [np.argpartition(-scores, depth - 1, axis=1)[:, :depth] for scores in sides]
        shared += sum(len(np.intersect1d(a, b)) for a, b in zip(*nearest, strict=True))
    return shared / (len(queries) * depth)


@dataclass
class _Teaching:
    """A student being taught."""

    large: TextEncoder
    student: TextEncoder
    products: Tensor
    """Shape (m, d)."""
    training: Training

    def run(
        self,
        queries: Sequence[str],
        texts: Sequence[str],
        overlap: Callable[[], float],
        before: float,
        checkpoints: Checkpoints,
    ) -> Fitted:
        """Fit in place; the weights of the best evaluation stay, those it began with (`before`) among them."""
        given = self.training
        steps = max(1, round(given.epochs * len(queries) / given.batch))
        return fit(
            self.student,
            lambda step: self._step(queries, texts, step),
            overlap,
            Course(
                steps=steps,
                queries=given.batch,
                learning_rate=given.learning_rate,
                warm_up=max(1, steps // 20),
                weight_decay=given.weight_decay,
                evaluations=given.evaluations,
                metric="validation:overlap10",
            ),
            checkpoints,
            best_so_far=before,
        )

    def _step(self, queries: Sequence[str], texts: Sequence[str], step: int) -> float:
        """Add one batch's gradient; returns its loss. What is drawn depends on the seed and the step alone.

        loss = mean of 1 - cosine(student, large), of queries and of products
             + cross-entropy(nearness by the large one, nearness by the student), of queries

        Source:
            Hinton et al., Distilling the Knowledge in a Neural Network, 2015, with products for classes.
        """
        generator = np.random.default_rng((self.training.seed, step))
        drawn = [queries[at] for at in generator.integers(len(queries), size=self.training.batch)]
        read = [noisy(text, generator) if generator.random() < self.training.noise else text for text in drawn]
        loss = torch.zeros((), device=device())
        with reduced_precision(device().type):
            student, large = self._both(read, QUERY_TOKENS, self.student.query_prefix, self.large.query_prefix)
            loss = loss + (1 - (student * large).sum(dim=1)).mean()
            shares = torch.softmax(large @ self.products.T / self.training.temperature, dim=1)
            scores = torch.log_softmax(student @ self.products.T / self.training.temperature, dim=1)
            loss = loss + functional.kl_div(scores, shares, reduction="batchmean")
            if self.training.product_batch:
                some = [texts[at] for at in generator.integers(len(texts), size=self.training.product_batch)]
                student, large = self._both(
                    some, PRODUCT_TOKENS, self.student.product_prefix, self.large.product_prefix
                )
                loss = loss + (1 - (student * large).sum(dim=1)).mean()
        loss.backward()  # type: ignore[no-untyped-call]
        return float(loss.item())

    def _both(self, texts: Sequence[str], max_tokens: int, *prefixes: str) -> tuple[Tensor, Tensor]:
        """The student's vectors, and the large encoder's; each of shape (n, d)."""
        mine, its = ([prefix + text for text in texts] for prefix in prefixes)
        with torch.no_grad():
            wanted = self.large(*self.large.tokenised(its, max_tokens=max_tokens))
        return self.student(*self.student.tokenised(mine, max_tokens=max_tokens)), wanted


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sagemaker_jobs.distil", description=__doc__)
    parser.add_argument("--dataset", type=Path, metavar="DIR", help="default: $SM_CHANNEL_DATASET")
    parser.add_argument("--encoder", type=Path, metavar="DIR", help="default: $SM_CHANNEL_ENCODER")
    parser.add_argument("--vectors", type=Path, metavar="DIR", help="default: $SM_CHANNEL_VECTORS")
    parser.add_argument("--student", type=Path, metavar="DIR", help="the network to begin with")
    parser.add_argument("--output", type=Path, metavar="DIR", help="default: $SM_MODEL_DIR")
    parser.add_argument("--checkpoints", type=Path, metavar="DIR", help="default: $SM_CHECKPOINT_DIR, or none are kept")
    for field in fields(Training):
        default: Any = field.default
        name = "--" + field.name.replace("_", "-")
        parser.add_argument(name, type=type(default), default=default, help=f"default: {default}")
    return parser


if __name__ == "__main__":
    sys.exit(main())
