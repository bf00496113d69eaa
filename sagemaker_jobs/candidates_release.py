"""A catalogue to learn on, and a release of it: candidates and features come out of it by the code that serves."""

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np

from relevance.catalogue import read_catalogue
from relevance.contracts.products import Product
from relevance.index.vectors import VectorIndex
from relevance.release import Release, open_release
from sagemaker_jobs.build_release import build_release
from sagemaker_jobs.dataset import QUERIES, Dataset
from sagemaker_jobs.derive_queries import CatalogueFacts
from sagemaker_jobs.product_neighbours import product_neighbours


def catalogue_in(folder: Path) -> tuple[Sequence[Product], str]:
    """The products of a prepared catalogue's folder, and where they come from, in words."""
    with (folder / "products.jsonl").open("rb") as file:
        products = read_catalogue(file).products
    report = folder / "report.json"
    return products, json.loads(report.read_text())["source"] if report.exists() else "a catalogue"


@contextmanager
def candidates_release(
    products: Sequence[Product],
    encoder: Path,
    *,
    source: str,
    say: Callable[[str], None],
    threads: int = 2,
    vectors: Path | None = None,
) -> Iterator[tuple[Release, CatalogueFacts]]:
    """A release without a ranker, and what is known of its products; its folder is gone after the block.

    Its queries are all encoded by the encoder: no vector of a frequent query is taken from the large one.

    Args:
        products: Of one catalogue.
        encoder: An encoder's folder.
        source: The catalogue in words.
        say: Told what is going on.
        threads: How many products are encoded at once.
        vectors: The products' vectors, as `embed` writes them; None: made by the encoder.

    Raises:
        CatalogueError: If there are no products.
        ReleaseRefused: If the vectors are not of the encoder's space.
    """
    with tempfile.TemporaryDirectory() as scratch:
        models = Path(scratch) / "models"
        shutil.copytree(encoder, models / "encoder")
        folder = build_release(
            products, models, Path(scratch), described=source, say=say, threads=threads, vectors=vectors
        )
        indexed = VectorIndex.open(folder / "index" / "vectors.faiss").take(np.arange(len(products)))
        release = replace(open_release(folder), frequent_queries=None)
        yield release, CatalogueFacts(products, product_neighbours(products, indexed))


def held_back(folder: Path) -> frozenset[str]:
    """The queries that a data set keeps to validate and to test on, which a job that derives its own must not learn
    from; none in the folder of a catalogue alone."""
    if not (folder / QUERIES).is_file():
        return frozenset()
    return frozenset(query.text for query in Dataset(folder).queries if query.split != "train")
