"""Learn which category a product belongs to from its text, and fill in the categories that are missing.

    python -m sagemaker_jobs.categorise --dataset DIR --vectors DIR --encoder DIR --output DIR

A product's text as the encoder reads it names its categories, and `embed`'s vectors know them; a product without one
has no such text. So what is learnt from are texts without them, encoded anew by the light encoder of the same space.

Writes

    categories.jsonl  for each product without a category that surely has one: `CategoryLine`
    classifier.npz    weights, for `relevance.category_intent.CategoryClassifier`
    confusion.png     which category is taken for which
    report.json       accuracy, macro-F1, each category's precision and recall, the confusion matrix, calibration, how
                      many products get a category at which precision, and what was left out or merged
    manifest.json     `ClassifierManifest`

A catalogue that has no category, or one alone, has nothing to learn from: then there are an empty `categories.jsonl`
and a `report.json` that says so, and the job ends with 0.
"""

import argparse
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from platform import python_version
from typing import Any

import numpy as np

from relevance.arrays import Mask, Matrix, Rows, Vector
from relevance.category_intent import WEIGHTS, CategoryClassifier, CategoryPath, softmax
from relevance.contracts.models import ClassifierManifest, Lineage
from relevance.contracts.products import Product
from relevance.contracts.training import CategoryLine
from relevance.encoder import TextEncoder
from relevance.errors import VitrineError
from relevance.product_text import PRODUCT_TOKENS, embedding_text
from relevance.release_files import MANIFEST, file_entry
from sagemaker_jobs.category_classes import LEAST_FAMILIES, learnt_classes
from sagemaker_jobs.category_report import (
    WANTED_PRECISION,
    accuracy,
    believed,
    believed_from,
    calibration_error,
    confusion,
    macro_f1,
    scores_by_label,
)
from sagemaker_jobs.confusion_plot import confusion_plot
from sagemaker_jobs.dataset import Dataset, jsonl
from sagemaker_jobs.folders import channel, model_folder
from sagemaker_jobs.job import git_commit, measured, replace_file, run, say
from sagemaker_jobs.product_folds import FOLDS, families, family_folds
from sagemaker_jobs.product_vectors import ProductVectors
from sagemaker_jobs.softmax_regression import softmax_regression, temperature_of

CATEGORIES, REPORT, PLOT = "categories.jsonl", "report.json", "confusion.png"
MOST_LEARNT = 20_000
"""Products, drawn at random from a larger catalogue: what more of them add is not worth their time."""
MOST_QUERIES, MOST_COMPARED = 500, 200
"""On which the category of a query is measured, and products whose vectors of both encoders are compared."""
RIGHT = 0.8
"""Relevance, in [0, 1], from which a product answers a query."""
DECAYS = (1e-6, 1e-5)
"""Of the weights; chosen among by macro-F1 across folds, in each catalogue anew."""
UNLEARNT = -1
HELD_OUT = 0
"""The fold that is measured on; the others choose decay, temperature and threshold among themselves."""
_CHUNK = 4096


@dataclass(frozen=True)
class Examples:
    """n products with a category, and the c categories that are learnt."""

    products: Sequence[Product]
    classes: Sequence[CategoryPath]
    """The c categories that are learnt."""
    labels: Rows
    """Shape (n,): places in `classes`; UNLEARNT for a product whose category is none of these. Any category that such
    a product is given is wrong, and in a shop there will be more of them."""
    folds: Rows
    """Shape (n,)."""
    families: Sequence[str]
    """Of each product: sizes and colours of one thing have the same."""
    vectors: Matrix
    """Shape (n, d): of the texts without categories."""

    def scores(self, learnt: Mask, asked: Mask, *, decay: float) -> Matrix:
        """What a classifier that learnt from some products says of others: shape (products asked, c)."""
        weights, bias = self.weights(learnt, decay=decay)
        scores: Matrix = self.vectors[asked] @ weights + bias
        return scores

    def weights(self, learnt: Mask, *, decay: float) -> tuple[Matrix, Vector]:
        """Shapes (d, c) and (c,)."""
        used = learnt & self.known
        return softmax_regression(self.vectors[used], self.labels[used], len(self.classes), decay=decay)

    @property
    def known(self) -> Mask:
        """Shape (n,): the products of a category that is learnt."""
        known: Mask = self.labels != UNLEARNT
        return known


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the job; returns the exit status."""
    return run("categorise", _job, arguments)


def _job(arguments: Sequence[str] | None) -> None:
    given = _parser().parse_args(arguments)
    dataset = Dataset(channel("dataset", given.dataset))
    made = ProductVectors.read(channel("vectors", given.vectors))
    sha256 = dataset.report["sha256"]
    if (made.manifest.data_sha256, made.manifest.products) != (sha256, len(dataset.products)):
        raise VitrineError(
            f"the vectors are of {made.manifest.products:,} products of data set {made.manifest.data_sha256[:12]}, "
            f"expected {len(dataset.products):,} of {sha256[:12]}"
        )
    encoder = TextEncoder.load(channel("encoder", given.encoder), threads=os.cpu_count() or 1)
    if (encoder.manifest.own_space, encoder.dimension) != (made.manifest.space, made.manifest.dimension):
        raise VitrineError(
            f"the encoder is of space {encoder.manifest.own_space} ({encoder.dimension} numbers), the vectors of "
            f"{made.manifest.space} ({made.manifest.dimension})"
        )
    output = model_folder(given.output)
    for name in (MANIFEST, WEIGHTS, PLOT):  # of an earlier run: without its manifest it is no result
        (output / name).unlink(missing_ok=True)
    lineage = Lineage(
        data_sha256=sha256,
        git_commit=git_commit(),
        parameters={"most_learnt": MOST_LEARNT, "wanted_precision": WANTED_PRECISION},
        seed=given.seed,
    )
    categorise(dataset, made, encoder, output, lineage=lineage)


def categorise(
    dataset: Dataset, made: ProductVectors, encoder: TextEncoder, output: Path, *, lineage: Lineage
) -> dict[str, Any]:
    """Learn, measure, fill in and write, as the module says; returns the report.

    Args:
        dataset: Its products, and the queries that categories of queries are measured on.
        made: The vectors of these products.
        encoder: In the space of the vectors.
        output: A folder.
        lineage: Whose seed decides what is drawn.
    """
    report: dict[str, Any] = {
        "products": len(dataset.products),
        "without_category": sum(not product.categories for product in dataset.products),
    }
    try:
        examples = examples_of(dataset.products, encoder, report, seed=lineage.seed)
    except NothingToLearn as reason:
        say(f"nothing to learn: {reason}")
        replace_file(output / CATEGORIES, b"")
        report |= {"learnt": False, "reason": str(reason)}
        _write_report(output, report)
        return report
    report["learnt"] = True

    decay, temperature, threshold = _chosen(examples, report)
    held_out = examples.folds == HELD_OUT
    scores = examples.scores(~held_out, held_out, decay=decay)
    weights, bias = examples.weights(np.ones_like(held_out), decay=decay)
    classifier = CategoryClassifier(
        ClassifierManifest(
            classifier_id=f"categories-{lineage.data_sha256[:12]}-{lineage.seed}",
            space=made.manifest.space,
            dimension=made.manifest.dimension,
            categories=tuple(examples.classes),
            temperature=temperature,
            threshold=threshold,
            files={},
            metrics={},
            lineage=lineage,
            made_at=datetime.now(UTC).replace(microsecond=0),
            versions={"python": python_version()} | {name: version(name) for name in ("numpy", "scipy")},
        ),
        weights,
        bias,
    )
    report["held_out"] = _measured_on(examples, held_out, scores, classifier)
    lines = list(_filled_in(dataset.products, made.vectors, classifier))
    report["filled_in"] = len(lines)
    report["light_encoder_cosine"] = _agreement(dataset.products, made.vectors, encoder)
    report["queries"] = queries_measured(dataset, encoder, classifier)
    _write(output, classifier, lines, report, _plot(examples, held_out, scores, report["held_out"]))
    say(f"filled in {len(lines):,} of {report['without_category']:,} missing categories")
    for name in ("accuracy", "macro_f1"):
        measured(f"validation:{name}", report["held_out"][name])
    return report


def text_without_categories(product: Product) -> str:
    """What the encoder reads of a product, as if the shop had not said its category."""
    return embedding_text(product.model_copy(update={"categories": ()}))


class NothingToLearn(Exception):
    """A catalogue has no two categories with enough products to tell apart; no error: most shops' catalogues do."""


def examples_of(products: Sequence[Product], encoder: TextEncoder, report: dict[str, Any], *, seed: int) -> Examples:
    """The products to learn from, encoded without their categories; what was merged or left out goes to the report.

    Raises:
        NothingToLearn: If there are no two categories with enough products.
    """
    known = [product for product in products if product.categories]
    if len(known) > MOST_LEARNT:
        drawn = np.sort(np.random.default_rng(seed).choice(len(known), MOST_LEARNT, replace=False))
        known = [known[row] for row in drawn]
    paths = [product.categories for product in known]
    family = families(known)
    learnt = learnt_classes(paths, family)
    classes = sorted(set(learnt) - {()})
    report["drawn"] = len(known)
    report["categories"] = {
        "named": len(set(paths)),
        "learnt": len(classes),
        "merged": _counts(path for path, as_one in zip(paths, learnt, strict=True) if as_one and path != as_one),
        "left_out": _counts(path for path, as_one in zip(paths, learnt, strict=True) if not as_one),
    }
    if len(classes) < 2:
        raise NothingToLearn(_reason(known, classes))
    place = {path: label for label, path in enumerate(classes)}
    labels = np.array([place.get(path, UNLEARNT) for path in learnt], dtype=np.int64)
    began = time.monotonic()
    texts = [text_without_categories(product) for product in known]
    vectors = encoder.encode_batch(texts, max_tokens=min(PRODUCT_TOKENS, encoder.manifest.max_tokens))
    say(f"encoded {len(texts):,} products without their categories in {time.monotonic() - began:.0f} s")
    return Examples(known, classes, labels, family_folds(labels, family, seed=seed), family, vectors)


def _reason(known: Sequence[Product], classes: Sequence[CategoryPath]) -> str:
    if not known:
        return "no product has a category"
    least = f"a category needs {LEAST_FAMILIES} different products"
    if not classes:
        return f"no category of the {len(known):,} products that have one is large enough: {least}"
    return f"there is one category alone, {' > '.join(classes[0])}: {least}"


def _chosen(examples: Examples, report: dict[str, Any]) -> tuple[float, float, float | None]:
    """Decay, temperature and threshold, by products that were not learnt from, none of them of the fold held out."""
    tried: dict[float, Matrix] = {}
    rest = examples.folds != HELD_OUT
    for decay in DECAYS:
        tried[decay] = np.zeros((len(examples.labels), len(examples.classes)), dtype=np.float32)
        for fold in range(FOLDS):
            if fold != HELD_OUT:
                asked = examples.folds == fold
                tried[decay][asked] = examples.scores(rest & ~asked, asked, decay=decay)
    learnt = rest & examples.known
    right = examples.labels[learnt]
    f1 = {decay: macro_f1(right, scores[learnt].argmax(axis=1)) for decay, scores in tried.items()}
    best = max(f1, key=lambda decay: f1[decay])
    temperature = temperature_of(tried[best][learnt], right)
    probabilities = softmax(tried[best][rest] / temperature)
    hit = probabilities.argmax(axis=1) == examples.labels[rest]
    threshold = believed_from(
        probabilities.max(axis=1), hit, [examples.families[row] for row in np.flatnonzero(rest).tolist()]
    )
    report |= {"macro_f1_by_decay": f1, "decay": best, "temperature": temperature, "threshold": threshold}
    sure = "no probability" if threshold is None else f"a probability of {threshold:.2f}"
    say(f"{len(examples.classes)} categories, decay {best:g}, temperature {temperature:.2f}; believed from {sure}")
    return best, temperature, threshold


def _measured_on(examples: Examples, held_out: Mask, scores: Matrix, classifier: CategoryClassifier) -> dict[str, Any]:
    """How the classifier without these products fares on them; what is believed, on those of any category."""
    known = examples.known[held_out]
    right, taken = examples.labels[held_out][known], scores[known].argmax(axis=1)
    paths = [examples.products[row].categories for row in np.flatnonzero(held_out).tolist()]
    named, named_taken = ([examples.classes[label] for label in side.tolist()] for side in (right, taken))
    broadest = sorted({path[:1] for path in (*named, *named_taken)})
    broad, broad_taken = (np.array([broadest.index(path[:1]) for path in side]) for side in (named, named_taken))
    probabilities = softmax(scores / classifier.manifest.temperature)
    return {
        "products": len(right),
        "of_other_categories": int((~known).sum()),
        "accuracy": accuracy(right, taken),
        "macro_f1": macro_f1(right, taken),
        "most_frequent": accuracy(
            right, np.full_like(right, np.bincount(examples.labels[~held_out & examples.known]).argmax())
        ),
        "broadest_level": {
            "categories": len(broadest),
            "accuracy": accuracy(broad, broad_taken),
            "macro_f1": macro_f1(broad, broad_taken),
        },
        "calibration_error": calibration_error(probabilities[known], right),
        "calibration_error_before": calibration_error(softmax(scores[known]), right),
        "believed": believed(paths, classifier.narrowest(probabilities)),
        "by_category": [
            {"category": list(examples.classes[label]), **asdict(score)}
            for label, score in scores_by_label(right, taken).items()
        ],
        "confusion": confusion(named, named_taken),
    }


def _filled_in(products: Sequence[Product], vectors: Matrix, classifier: CategoryClassifier) -> Iterator[CategoryLine]:
    rows = [row for row, product in enumerate(products) if not product.categories]
    for start in range(0, len(rows), _CHUNK):
        chunk = rows[start : start + _CHUNK]
        for row, found in zip(chunk, classifier.surely(vectors[chunk]), strict=True):
            if found is not None:
                category, probability = found
                yield CategoryLine(
                    product_id=products[row].product_id, category=category, probability=round(probability, 4)
                )


def _agreement(products: Sequence[Product], vectors: Matrix, encoder: TextEncoder) -> float | None:
    """The mean cosine, in [-1, 1], between what was learnt with and what is filled in with, of the same texts.

    The light encoder made the vectors that were learnt from, the large one those of products without a category.
    """
    rows = [row for row, product in enumerate(products) if not product.categories][:MOST_COMPARED]
    if not rows:
        return None
    texts = [embedding_text(products[row]) for row in rows]
    light = encoder.encode_batch(texts, max_tokens=min(PRODUCT_TOKENS, encoder.manifest.max_tokens))
    return float((light * vectors[rows]).sum(axis=1).mean())


def queries_measured(dataset: Dataset, encoder: TextEncoder, classifier: CategoryClassifier) -> dict[str, Any]:
    """How well the category of a query is told, of queries that were not trained on and whose answers share one.

    A query's category is the one that most of its answers have, where more than half of them do. The classifier has
    learnt from the answers, as it will have in a shop, and from no query.
    """
    path_of = {product.product_id: product.categories for product in dataset.products}
    pairs_of = dataset.pairs_by_query()
    queries: list[str] = []
    right: list[CategoryPath] = []
    for query in dataset.queries:
        pairs = pairs_of[query.query_id] if query.split != "train" else ()
        counted = Counter(path_of[pair.product_id] for pair in pairs if pair.relevance >= RIGHT)
        counted.pop((), None)
        if counted and (top := counted.most_common(1)[0])[1] * 2 > counted.total():
            queries.append(query.text)
            right.append(top[0])
    queries, right = queries[:MOST_QUERIES], right[:MOST_QUERIES]
    if not queries:
        return {"queries": 0}
    vectors = np.stack([encoder.encode(query) for query in queries])
    classes = classifier.manifest.categories
    taken = [classes[place] for place in classifier.probabilities(vectors).argmax(axis=1)]
    hits = [path[: len(found)] == found for path, found in zip(right, taken, strict=True)]
    return {
        "queries": len(queries),
        "accuracy": float(np.mean(hits)),
        "believed": believed(right, classifier.surely(vectors)),
    }


def _counts(paths: Iterable[CategoryPath]) -> list[dict[str, Any]]:
    return [{"category": list(path), "products": count} for path, count in sorted(Counter(paths).items())]


def _plot(examples: Examples, held_out: Mask, scores: Matrix, figures: dict[str, Any]) -> bytes:
    known = examples.known[held_out]
    right = [examples.classes[label] for label in examples.labels[held_out][known]]
    taken = [examples.classes[label] for label in scores[known].argmax(axis=1)]
    title = (
        f"accuracy {figures['accuracy']:.3f}, macro-F1 {figures['macro_f1']:.3f} of {len(examples.classes)} categories"
    )
    return confusion_plot(right, taken, title=title)


def _write(
    output: Path, classifier: CategoryClassifier, lines: Sequence[CategoryLine], report: dict[str, Any], plot: bytes
) -> None:
    replace_file(output / CATEGORIES, "".join(jsonl(lines)).encode())
    replace_file(output / PLOT, plot)
    replace_file(output / WEIGHTS, classifier.packed())
    _write_report(output, report)
    files = {name: file_entry(output / name) for name in (CATEGORIES, PLOT, WEIGHTS, REPORT)}
    metrics = {name: report["held_out"][name] for name in ("accuracy", "macro_f1", "calibration_error")}
    manifest = classifier.manifest.model_copy(update={"files": files, "metrics": metrics})
    replace_file(output / MANIFEST, manifest.model_dump_json(indent=1).encode() + b"\n")


def _write_report(output: Path, report: dict[str, Any]) -> None:
    replace_file(output / REPORT, json.dumps(report, indent=1, ensure_ascii=False).encode() + b"\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sagemaker_jobs.categorise", description=__doc__)
    for name in ("dataset", "vectors", "encoder"):
        parser.add_argument(f"--{name}", type=Path, metavar="DIR", help=f"default: $SM_CHANNEL_{name.upper()}")
    parser.add_argument("--output", type=Path, metavar="DIR", help="default: $SM_MODEL_DIR")
    parser.add_argument("--seed", type=int, default=1, help="of folds, and of the products drawn from many; default: 1")
    return parser


if __name__ == "__main__":
    sys.exit(main())
