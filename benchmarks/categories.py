"""How well a product's category is told from its text, on catalogues that say it, and what flatters such figures.

    python -m benchmarks.categories --catalogue build/icecat

Complete Journey's products have a department and a category, and titles that name it; here their titles are a kind and
a size alone, unless the row says otherwise. Its own README calls the data simulated from real patterns. Icecat has no
category: what stands in for one is the kind that a title names, as derived queries have it, or the attribute
`product_type` of those that state it; the words that name it are struck out of title and description, or left in.

A measured product's other sizes, colours and brands are held out with it, unless the row says otherwise.
"""

import argparse
import json
import logging
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import code_version, describe_machine, sha256_of
from benchmarks.results_file import add_circumstances
from relevance.arrays import Matrix, Vector
from relevance.catalogue import read_catalogue
from relevance.contracts.models import Lineage
from relevance.contracts.products import Product
from relevance.contracts.training import PairLine, QueryLine
from relevance.encoder import TextEncoder
from relevance.product_text import PRODUCT_TOKENS, embedding_text
from relevance.text import analyse, tokens_of, words
from sagemaker_jobs import categorise, dataset
from sagemaker_jobs.build_release import ARTEFACTS
from sagemaker_jobs.catalogues import complete_journey
from sagemaker_jobs.category_report import accuracy, believed, macro_f1
from sagemaker_jobs.dataset import Dataset, jsonl
from sagemaker_jobs.derive_queries import CatalogueFacts, Phrase, derive_queries
from sagemaker_jobs.folders import PROJECT
from sagemaker_jobs.product_neighbours import product_neighbours
from sagemaker_jobs.product_vectors import ProductVectors, VectorsManifest

SEED = 1
QUERIES = 1500
MASKED = 0.1
"""In [0, 1]: the share of products whose category is taken away, to see what is filled in."""
_ANSWERS_KEPT = 200
_FREQUENT_VALUE = 20
"""Products with a word as an attribute's whole value, from which that word is a value and no kind: black, original."""


@dataclass(frozen=True)
class Catalogue:
    """Products with categories, and what they stand for."""

    what: str
    products: Sequence[Product]
    facts: CatalogueFacts | None = None
    """Of the same products, for queries to be derived from; None asks no query."""


class RememberingEncoder(TextEncoder):
    """Encodes each product text once, however many catalogues hold it."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._met: dict[str, Vector] = {}

    def encode_batch(self, texts: Sequence[str], *, max_tokens: int = PRODUCT_TOKENS) -> Matrix:
        """As TextEncoder; always up to PRODUCT_TOKENS."""
        new = list(dict.fromkeys(text for text in texts if text not in self._met))
        self._met |= dict(zip(new, super().encode_batch(new, max_tokens=PRODUCT_TOKENS), strict=True))
        return np.stack([self._met[text] for text in texts])


def measured(catalogue: Catalogue, encoder: TextEncoder) -> dict[str, Any]:
    """The job on a catalogue of which a tenth lacks its category: its report, and whether what it fills in is right."""
    masked = np.random.default_rng(SEED).random(len(catalogue.products)) < MASKED
    given = [
        product.model_copy(update={"categories": ()}) if mask else product
        for product, mask in zip(catalogue.products, masked, strict=True)
    ]
    texts = [categorise.text_without_categories(product) for product in given]
    lineage = Lineage(data_sha256="0" * 64, git_commit=None, parameters={}, seed=SEED)
    manifest = VectorsManifest(
        encoder_id=encoder.encoder_id,
        space=encoder.encoder_id,
        dimension=encoder.dimension,
        products=len(given),
        data_sha256=lineage.data_sha256,
    )
    vectors = ProductVectors(manifest, encoder.encode_batch(texts, max_tokens=PRODUCT_TOKENS))
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        report = categorise.categorise(
            _written(folder, given, catalogue.facts), vectors, encoder, folder, lineage=lineage
        )
        lines = [json.loads(line) for line in (folder / categorise.CATEGORIES).read_text("utf-8").splitlines()]
    found = {line["product_id"]: (tuple(line["category"]), line["probability"]) for line in lines}
    lacking = [product for product, mask in zip(catalogue.products, masked, strict=True) if mask and product.categories]
    named = ("macro_f1_by_decay", "decay", "temperature", "threshold", "queries")
    left = report["categories"]
    return {
        "what": catalogue.what,
        "products": report["drawn"],
        "categories": left["learnt"],
        "products_merged": sum(each["products"] for each in left["merged"]),
        "products_left_out": sum(each["products"] for each in left["left_out"]),
        "held_out": {name: value for name, value in report["held_out"].items() if not isinstance(value, list)},
        "missing_at_random": {"products": len(lacking)}
        | believed([product.categories for product in lacking], [found.get(each.product_id) for each in lacking]),
    } | {name: report[name] for name in named}


def flattered(products: Sequence[Product], encoder: TextEncoder, *, decay: float) -> list[dict[str, Any]]:
    """What the same classifier seems to be worth when it is measured carelessly; shares in [0, 1]."""
    examples = categorise.examples_of(products, encoder, {}, seed=SEED)
    shuffled = replace(examples, folds=np.random.default_rng(SEED).permutation(examples.folds))
    naming = encoder.encode_batch([embedding_text(product) for product in examples.products], max_tokens=PRODUCT_TOKENS)
    learnt = examples.folds != categorise.HELD_OUT
    asked = ~learnt & examples.known
    right = examples.labels[asked]
    weights, bias = replace(examples, vectors=naming).weights(learnt, decay=decay)
    careless = (shuffled.folds == categorise.HELD_OUT) & shuffled.known
    taken = {
        "learnt and asked without category names, kinds held out": examples.scores(learnt, asked, decay=decay),
        "learnt and asked with category names in the text": naming[asked] @ weights + bias,
        "learnt with category names, asked without": examples.vectors[asked] @ weights + bias,
    }
    found = [(what, right, scores.argmax(axis=1)) for what, scores in taken.items()]
    scores = shuffled.scores(~careless, careless, decay=decay)
    found.append(
        ("products held out at random, other sizes learnt from", shuffled.labels[careless], scores.argmax(axis=1))
    )
    return [{"what": what, "accuracy": accuracy(*sides), "macro_f1": macro_f1(*sides)} for what, *sides in found]


def complete_journey_kinds(products: Sequence[Product]) -> list[Product]:
    """With a kind and a size for a title, which says nothing of department and category but what it is."""
    found = []
    for product in products:
        said = [str(product.attributes[name]) for name in ("type", "size") if name in product.attributes]
        found.append(product.model_copy(update={"title": ", ".join(said) or product.title}))
    return found


def named_kinds(products: Sequence[Product], facts: CatalogueFacts) -> list[Product]:
    """Each with the longest kind for a category that its title surely names; no category where there is none."""
    values = Counter(
        token
        for product in products
        for value in product.attributes.values()
        if isinstance(value, str) and len(analyse(value)) == 1
        for token in analyse(value)
    )
    longest: dict[int, Phrase] = {}
    for phrase in facts.types:
        if all(values[token] < _FREQUENT_VALUE for token in phrase):
            for row in np.flatnonzero(facts.type_match(phrase) == 1).tolist():
                longest[row] = max(longest.get(row, ()), phrase, key=len)
    return [
        product.model_copy(update={"categories": (facts.spoken(longest[row]),) if row in longest else ()})
        for row, product in enumerate(products)
    ]


def stated_kinds(products: Sequence[Product]) -> list[Product]:
    """Each with its attribute `product_type` for a category, in small letters."""
    found = []
    for product in products:
        stated = product.attributes.get("product_type")
        is_word = isinstance(stated, str) and any(map(str.isalpha, stated))
        found.append(product.model_copy(update={"categories": (str(stated).lower(),) if is_word else ()}))
    return found


def struck_out(products: Sequence[Product]) -> list[Product]:
    """Without the words, in title and description, that name their own category."""

    def rest(text: str, naming: set[str]) -> str:
        spoken = words(text)
        return " ".join(word for word, token in zip(spoken, tokens_of(spoken), strict=True) if token not in naming)

    found = []
    for product in products:
        naming = set(analyse(" ".join(product.categories)))
        title, description = rest(product.title, naming), rest(product.description, naming)
        found.append(product.model_copy(update={"title": title or "nothing", "description": description}))
    return found


def main() -> int:
    """Measure, print, write `categories.json`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--catalogue", type=Path, default=PROJECT / "build" / "icecat", metavar="DIR")
    add_circumstances(parser)
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    encoder = RememberingEncoder.load(ARTEFACTS / "encoder", threads=2)
    journey = read_catalogue(complete_journey.lines()).products
    kinds = complete_journey_kinds(journey)
    with (given.catalogue / "products.jsonl").open("rb") as file:
        icecat = read_catalogue(file).products
    named, stated = named_kinds(icecat, _facts(icecat, encoder)), stated_kinds(icecat)
    catalogues = [
        Catalogue("Complete Journey, titles that name the category", journey),
        Catalogue("Complete Journey, titles of kind and size", kinds, _facts(kinds, encoder)),
        Catalogue("Icecat, kinds that titles name, left in", named),
        Catalogue("Icecat, kinds that titles name, struck out", struck_out(named)),
        Catalogue("Icecat, kinds that an attribute states", stated),
        Catalogue("Icecat, kinds that an attribute states, struck out", struck_out(stated)),
    ]
    results = []
    for catalogue in catalogues:
        results.append(measured(catalogue, encoder))
        print(json.dumps(results[-1]))
    careless = flattered(kinds, encoder, decay=results[1]["decay"])
    print(json.dumps(careless, indent=1))
    figures = {
        "date": given.date,
        "code": code_version(PROJECT),
        "machine": describe_machine(),
        "encoder_id": encoder.encoder_id,
        "data_sha256": sha256_of([given.catalogue / "products.jsonl"]),
        "seed": SEED,
        "catalogues": results,
        "flattered": careless,
    }
    given.results.mkdir(parents=True, exist_ok=True)
    path = given.results / "categories.json"
    path.write_text(json.dumps(_rounded(figures), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(path)
    return 0


def _facts(products: Sequence[Product], encoder: TextEncoder) -> CatalogueFacts:
    vectors = encoder.encode_batch([embedding_text(product) for product in products], max_tokens=PRODUCT_TOKENS)
    return CatalogueFacts(products, product_neighbours(products, vectors))


def _written(folder: Path, products: Sequence[Product], facts: CatalogueFacts | None) -> Dataset:
    """A data set as `prepare` writes it, as far as the job reads it; its queries are derived from the facts."""
    queries = derive_queries(facts, QUERIES, seed=SEED) if facts else []
    asked: list[QueryLine] = []
    pairs: list[PairLine] = []
    for number, query in enumerate(queries):
        name = f"q{number}"
        asked.append(QueryLine(query_id=name, text=query.text, split="test", origin="derived", segment="tail", asked=1))
        answers = np.flatnonzero(facts.relevance(query) == 1)[:_ANSWERS_KEPT].tolist() if facts else []
        pairs += [
            PairLine(query_id=name, product_id=products[row].product_id, relevance=1.0, weight=1.0, kind="derived")
            for row in answers
        ]
    for file, lines in (
        (dataset.PRODUCTS, (json.dumps(product.record()) + "\n" for product in products)),
        (dataset.QUERIES, jsonl(asked)),
        (dataset.PAIRS, jsonl(pairs)),
    ):
        (folder / file).write_text("".join(lines), encoding="utf-8")
    return Dataset(folder)


def _rounded(figures: Any) -> Any:
    if isinstance(figures, float):
        return float(f"{figures:.4g}")
    if isinstance(figures, dict):
        return {str(name): _rounded(value) for name, value in figures.items()}
    return [_rounded(each) for each in figures] if isinstance(figures, list) else figures


if __name__ == "__main__":
    sys.exit(main())
