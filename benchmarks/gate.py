"""Whether the gate lets good releases through and stops bad ones, on a real catalogue.

    python -m benchmarks.gate --dataset <what prepare wrote> [--candidates <releases of whole trainings> ...]

The live release is made of the models that ship. Honest candidates are that release with the ranker trained again, each
time with another seed: other derived queries, another split of them, other first weights; and, where they are named,
releases that whole trainings made. Bad ones break one thing each.
"""

import argparse
import json
import logging
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np

from benchmarks.judgments import read_judgments, usable
from benchmarks.results_file import add_circumstances, write_results
from benchmarks.spoiled_rankers import Change, bloat, favour, flip, labour, spoil, with_ranker
from relevance.arrays import Matrix
from relevance.contracts.models import EncoderManifest
from relevance.contracts.products import Product
from relevance.contracts.training import Verdict
from relevance.encoder import TextEncoder
from relevance.judgments import Judgments
from relevance.product_text import PRODUCT_TOKENS, embedding_text
from relevance.release import Release, open_release
from relevance.release_files import MANIFEST
from sagemaker_jobs.build_release import ARTEFACTS, build_release
from sagemaker_jobs.candidates_release import candidates_release, held_back
from sagemaker_jobs.dataset import Dataset
from sagemaker_jobs.derive_queries import derive_queries
from sagemaker_jobs.evaluation import JUDGED, TEST, evaluate
from sagemaker_jobs.folders import PROJECT
from sagemaker_jobs.known_vectors import encode_unknown
from sagemaker_jobs.product_vectors import ProductVectors, VectorsManifest
from sagemaker_jobs.release_copies import release_in
from sagemaker_jobs.train_ranker import QUERIES, Group, Training, build_groups, train_on

SEEDS = 10
SEED = 20261122
FAVOUR = 10.0
"""How much of a favoured feature is added to a ranker's scores: as much as the fused score counts."""
KNOWN = PROJECT / ".local" / "vectors"
ENCODER, RANKER = ARTEFACTS / "encoder", ARTEFACTS / "ranker"


@dataclass(frozen=True)
class Candidate:
    """A release to be held against the live one."""

    name: str
    honest: bool
    folder: Path
    stopped_by: frozenset[str] = frozenset()
    """Of a bad one: the objectives of which one, at least, must miss."""


@dataclass(frozen=True)
class Shop:
    """What all candidates are made of."""

    dataset: Dataset
    vectors: Path
    work: Path

    def with_ranker(self, name: str, ranker: Path) -> Path:
        """The live release with another ranker; all other files are shared."""
        target = self.work / "releases" / name / f"{self.live.name}-{name.replace(' ', '-')}"
        return with_ranker(self.live, ranker, target)

    @cached_property
    def live(self) -> Path:
        """The release that all others are held against."""
        return self.release("live", RANKER)

    def release(self, name: str, ranker: Path, **changed: Any) -> Path:
        """A release of these products with the encoder that ships; `changed`: `vectors` or `products`."""
        models = self.work / "models" / name
        shutil.copytree(ENCODER, models / "encoder")
        shutil.copytree(ranker, models / "ranker")
        products: Sequence[Product] = changed.get("products", self.dataset.products)
        return build_release(
            products,
            models,
            self.work / "releases" / name,
            described=self.dataset.report["source"],
            say=lambda _: None,
            vectors=changed.get("vectors", self.vectors),
        )

    def spoiled(self, name: str, change: Change) -> Path:
        """The ranker that ships, changed."""
        return spoil(shutil.copytree(RANKER, self.work / "spoiled" / name), change, name)


def known_vectors(dataset: Dataset, known: Path) -> Matrix:
    """Shape (n, d): the products' vectors by the encoder that ships."""
    encoder = TextEncoder.load(ENCODER, threads=2)
    texts = [embedding_text(product) for product in dataset.products]
    return encode_unknown(
        texts, known / f"{encoder.encoder_id}.npz", lambda some: encoder.encode_batch(some, max_tokens=PRODUCT_TOKENS)
    )


def write_vectors(folder: Path, vectors: Matrix, dataset: Dataset) -> Path:
    """As `embed` writes them."""
    encoder = EncoderManifest.model_validate_json((ENCODER / MANIFEST).read_bytes())
    manifest = VectorsManifest(
        encoder_id=encoder.encoder_id,
        space=encoder.own_space,
        dimension=vectors.shape[1],
        products=len(vectors),
        data_sha256=dataset.report["sha256"],
    )
    ProductVectors(manifest, vectors).write(folder)
    return folder


def honest(shop: Shop, seeds: Sequence[int], queries: int) -> Iterator[Candidate]:
    """The ranker trained again with each seed, and at the end once more on labels that are in disorder."""
    dataset, source = shop.dataset, shop.dataset.report["source"]
    kept_back = held_back(dataset.folder)
    learn_from: list[Group] = []
    products = dataset.products
    with candidates_release(products, ENCODER, source=source, say=lambda _: None, vectors=shop.vectors) as made:
        release, facts = made
        for seed in seeds:
            begun = monotonic()
            derived = [query for query in derive_queries(facts, queries, seed=seed) if query.text not in kept_back]
            learn_from = build_groups(release, facts, derived, seed=seed)
            ranker = _trained(shop, f"seed {seed}", learn_from, Training(seed=seed))
            print(f"ranker of seed {seed} trained in {monotonic() - begun:.0f} s", file=sys.stderr)
            yield Candidate(f"seed {seed}", True, shop.with_ranker(f"seed {seed}", ranker))
    generator = np.random.default_rng(SEED)
    disordered = [
        replace(group, gains=generator.permutation(group.gains)) for group in learn_from if group.gains is not None
    ]
    ranker = _trained(shop, "disorder", disordered, Training(seed=SEED, anchor=0.0, patience=20))
    yield Candidate(
        "labels in disorder, no anchor",
        False,
        shop.with_ranker("disorder", ranker),
        frozenset({"relevance_against_live", "tail_relevance_against_live"}),
    )


def _trained(shop: Shop, name: str, groups: Sequence[Group], training: Training) -> Path:
    output = shop.work / "rankers" / name
    train_on(
        groups,
        output,
        products=len(shop.dataset.products),
        source=shop.dataset.report["source"],
        training=training,
        lineage=None,
    )
    return output


def bad(shop: Shop) -> Iterator[Candidate]:
    """Releases with one thing broken, and what must say so."""
    worse = frozenset({"relevance_against_live"})
    vectors = ProductVectors.read(shop.vectors).vectors
    generator = np.random.default_rng(SEED)
    noise = generator.standard_normal(vectors.shape).astype(np.float32)
    noise /= np.linalg.norm(noise, axis=1, keepdims=True)
    disordered = generator.permutation(vectors)
    yield Candidate("ranker flipped", False, shop.with_ranker("flipped", shop.spoiled("flipped", flip)), worse)
    for name, changed in (("vectors of noise", noise), ("vectors in disorder", disordered)):
        folder = write_vectors(shop.work / "vectors" / name, changed, shop.dataset)
        yield Candidate(name, False, shop.release(name, RANKER, vectors=folder), worse)
    brands = [product.brand for product in shop.dataset.products if product.brand]
    largest = max(set(brands), key=brands.count)
    rated = [
        product.model_copy(update={"rating": 5.0 if product.brand == largest else 2.0, "rating_count": 10})
        for product in shop.dataset.products
    ]
    yield Candidate(
        "ranker favours one brand",
        False,
        shop.release("brand", shop.spoiled("brand", favour("rating_position", FAVOUR)), products=rated),
        frozenset({"brand_exposure", "brand_exposure_against_live"}),
    )
    yield Candidate(
        "ranker favours high prices",
        False,
        shop.with_ranker("price", shop.spoiled("price", favour("price_position", FAVOUR))),
        frozenset({"price_exposure", "price_exposure_against_live"}),
    )
    for name, change, objective in (
        ("ranker bloated", bloat, "ranker_size"),
        ("ranker slow", labour, "latency_p50_against_live"),
    ):
        yield Candidate(name, False, shop.with_ranker(name, shop.spoiled(name, change)), frozenset({objective}))


def judged(candidate: Candidate, live: Release, shop: Shop, judgments: Judgments) -> dict[str, Any]:
    """What the gate says of a candidate, and the figures that decide most."""
    release = open_release(candidate.folder, remembered=0)
    found = evaluate(release, live, shop.dataset, judgments, seed=SEED, say=lambda _: None)
    quality = found.figures["quality"]
    return {
        "name": candidate.name,
        "honest": candidate.honest,
        "passed": found.verdict.passed,
        "missed": _missed(found.verdict),
        "right": found.verdict.passed
        if candidate.honest
        else not candidate.stopped_by.isdisjoint(_missed(found.verdict)),
        "ndcg10": quality[TEST]["candidate"]["ndcg10"],
        "difference": quality[TEST]["difference"],
        "judged_difference": quality[JUDGED]["difference"] if JUDGED in quality else None,
        "checks": {check.objective: check.found for check in found.verdict.checks},
    }


def _missed(verdict: Verdict) -> list[str]:
    return [check.objective for check in verdict.checks if not check.passed]


def _line(entry: dict[str, Any]) -> str:
    difference = entry["difference"]
    interval = f"{difference['mean']:+.4f} ({difference['low']:+.4f} to {difference['high']:+.4f})"
    decided = "passed" if entry["passed"] else "missed " + ", ".join(entry["missed"])
    return f"{'' if entry['right'] else 'WRONG: '}{entry['name']:32} {entry['ndcg10']:.4f} {interval}  {decided}"


def main() -> int:
    """Measure, print, write `gate.json`; ends with 1 if fewer than nine in ten honest ones pass, or a bad one does."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", type=Path, required=True, metavar="DIR", help="what prepare wrote")
    parser.add_argument(
        "--candidates",
        type=Path,
        nargs="*",
        default=[],
        metavar="DIR",
        help="releases, or what export or evaluate wrote",
    )
    parser.add_argument("--seeds", type=int, default=SEEDS, help="how many rankers are trained again")
    parser.add_argument("--first-seed", type=int, default=1, help="of the first of them")
    parser.add_argument("--queries", type=int, default=QUERIES, help="derived for each of them, at most")
    parser.add_argument("--known", type=Path, default=KNOWN, metavar="DIR", help="keeps the products' vectors")
    add_circumstances(parser)
    given = parser.parse_args()
    logging.getLogger().setLevel(logging.ERROR)  # torch's exporter talks at length
    seeds = range(given.first_seed, given.first_seed + given.seeds)
    dataset, judgments = Dataset(given.dataset), usable(read_judgments(given.data))
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        shop = Shop(
            dataset, write_vectors(work / "vectors" / "made", known_vectors(dataset, given.known), dataset), work
        )
        given.release = shop.live
        live = open_release(given.release, remembered=0)
        entries = []
        whole = (Candidate(folder.name, True, release_in(folder)) for folder in given.candidates)
        for candidates in (whole, bad(shop), honest(shop, seeds, given.queries)):
            for candidate in candidates:
                entries.append(judged(candidate, live, shop, judgments))
                print(_line(entries[-1]), flush=True)
        right = {kind: [entry["right"] for entry in entries if entry["honest"] == kind] for kind in (True, False)}
        figures = {
            "queries": len(dataset.queries_of("test")),
            "judged_queries": len(judgments),
            "queries_learnt_from": given.queries,
            "honest": {"candidates": len(right[True]), "passed": sum(right[True])},
            "bad": {"candidates": len(right[False]), "stopped": sum(right[False])},
            "entries": entries,
        }
        print(json.dumps({kind: figures[kind] for kind in ("honest", "bad")}))
        print(write_results("gate", given, figures))
    return 0 if sum(right[True]) >= 0.9 * len(right[True]) and all(right[False]) else 1


if __name__ == "__main__":
    sys.exit(main())
