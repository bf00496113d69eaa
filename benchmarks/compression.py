"""What each way to compress the encoder saves and costs, in one run: size, time, nearness to the large encoder.

    python -m benchmarks.compression --dataset <what prepare wrote of Icecat> --kept DIR

all-MiniLM-L6-v2 is the large encoder, and its own student, so that nothing but the compression differs. What is made is
kept in a folder and not made again, so that a run may be cut, or end after so many minutes, and another goes on where
it was; the figures are always measured anew, the times of all ways side by side. People's ratings are read to compare,
and by no way to compress.
"""

import argparse
import math
import pickle
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.judgments import read_judgments, usable
from benchmarks.results_file import add_circumstances, write_results
from models.text_encoder import TextEncoder, original_folder
from relevance.arrays import Matrix
from relevance.encoder import QUERY_TOKENS
from relevance.onnx_session import open_session
from relevance.product_text import PRODUCT_TOKENS, embedding_text
from relevance.quality import mean_quality, quality
from relevance.wordpiece import WordPiece
from sagemaker_jobs.compress import (
    UNCOMPRESSED,
    Compression,
    Material,
    Way,
    compressed,
    measure,
    read_material,
    servable,
    write,
)
from sagemaker_jobs.dataset import Dataset
from sagemaker_jobs.distil import DEPTH
from sagemaker_jobs.job import say
from sagemaker_jobs.onnx_encoder import vectors_of
from sagemaker_jobs.product_vectors import ProductVectors, VectorsManifest

LEARNING = Compression(queries=8000, steps=300, seed=1, threads=1)

BOTH_SIDES = ("int8, smoothed", "int8, learnt")
"""Ways of which all products are encoded, too."""
BOTH_SIDES_QUERIES = 2000

WAYS: tuple[Way, ...] = (
    UNCOMPRESSED,
    Way("int8", smoothed=False, rows=False),
    Way("int8, smoothed, one scale for each table", rows=False),
    Way("int8, smoothed"),
    Way("int8, learnt", learnt=True),
    Way("3/4 of neurons, int8, learnt", neurons=0.75, learnt=True),
    Way("5/6 of layers, int8, learnt", layers=5 / 6, learnt=True),
    Way("3/4 of heads, int8, learnt", heads=0.75, learnt=True),
    Way("1/2 of layers, int8, learnt", layers=0.5, learnt=True),
    Way("1/2 of neurons, int8, learnt", neurons=0.5, learnt=True),
    Way("3/4 of neurons, fp32, learnt", neurons=0.75, eight_bits=False, learnt=True),
    Way("5/6 of layers, fp32, learnt", layers=5 / 6, eight_bits=False, learnt=True),
    Way("3/4 of heads, fp32, learnt", heads=0.75, eight_bits=False, learnt=True),
)


def main() -> int:
    """Make, measure, print, write `compression.json`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", type=Path, required=True, metavar="DIR", help="what prepare wrote of Icecat")
    parser.add_argument("--kept", type=Path, required=True, metavar="DIR", help="where what is made is kept")
    parser.add_argument("--minutes", type=float, default=math.inf, help="after so many nothing new is begun")
    add_circumstances(parser)
    given = parser.parse_args()
    ends = time.monotonic() + 60 * given.minutes
    torch.set_num_threads(LEARNING.threads)
    given.kept.mkdir(parents=True, exist_ok=True)
    dataset = Dataset(given.dataset)
    large = TextEncoder.load(original_folder())
    wordpiece = servable(large, large)
    material = material_of(dataset, large, wordpiece, given.kept)
    files = {way.name: kept_file(given.kept, way) for way in WAYS}
    texts = [wordpiece.encode(embedding_text(product), max_tokens=PRODUCT_TOKENS) for product in dataset.products]
    for way in WAYS:
        if not files[way.name].is_file() and time.monotonic() < ends:
            make(way, large, material, files[way.name])
        if way.name in BOTH_SIDES and time.monotonic() < ends:
            encode_products(files[way.name], wordpiece, texts)
    files = {name: file for name, file in files.items() if file.is_file()}
    tried, _ = measure(files, wordpiece, material)
    judged = rated(files, wordpiece, dataset, material, given.data)
    first = tried[0]
    figures: dict[str, Any] = {
        "products": len(dataset.products),
        "queries": len(material.held_out),
        "queries_both": min(BOTH_SIDES_QUERIES, len(material.held_out)),
        "judged_queries": judged.pop("queries"),
        "learning": asdict(LEARNING),
        "steps": [
            asdict(way)
            | {
                "smaller": round(first.megabytes / way.megabytes, 2),
                "faster": round(first.p50_ms / way.p50_ms, 2),
                "overlap10_both": overlap_of_both(files[way.name], wordpiece, material),
                "dense": judged[way.name],
            }
            for way in tried
        ],
    }
    for step in figures["steps"]:
        print(step)
    print(write_results("compression", given, figures))
    return 0


def product_vectors(dataset: Dataset, large: TextEncoder, kept: Path) -> ProductVectors:
    """The large encoder's, in single precision."""
    folder = kept / "vectors"
    if not (folder / "vectors.json").is_file():
        texts = [embedding_text(product) for product in dataset.products]
        vectors = large.encode(texts, max_tokens=PRODUCT_TOKENS, exact=True, progress=say)
        about = VectorsManifest(
            encoder_id=large.encoder_id,
            space=large.space,
            dimension=large.dimension,
            products=len(texts),
            data_sha256=dataset.report["sha256"],
        )
        ProductVectors(about, vectors).write(folder)
    return ProductVectors.read(folder)


def material_of(dataset: Dataset, large: TextEncoder, wordpiece: WordPiece, kept: Path) -> Material:
    """What is learnt from and measured on, with the large encoder's vectors."""
    file = kept / "material.pickle"
    if not file.is_file():
        material = read_material(dataset, large, wordpiece, product_vectors(dataset, large, kept), LEARNING)
        file.write_bytes(pickle.dumps(material))
    found: Material = pickle.loads(file.read_bytes())
    return found


def kept_file(kept: Path, way: Way) -> Path:
    """Where the file of one way is kept."""
    return kept / f"{''.join(letter if letter.isalnum() else '-' for letter in way.name)}.onnx"


def make(way: Way, large: TextEncoder, material: Material, file: Path) -> None:
    """Write the file of one way, whole or not at all."""
    print(way.name, flush=True)
    unfinished = file.with_name(f"unfinished-{file.name}")
    write(compressed(large, way, material, LEARNING), way, unfinished)
    unfinished.replace(file)


def encode_products(file: Path, wordpiece: WordPiece, texts: Sequence[Sequence[int]]) -> None:
    """Keep the vectors that a compressed encoder gives all products, unless they are kept already."""
    known = file.with_suffix(".products.npy")
    if not known.is_file():
        print(f"{file.stem}: products", flush=True)
        np.save(known, vectors_of(open_session(file, optimised=True), wordpiece, texts))


def overlap_of_both(file: Path, wordpiece: WordPiece, material: Material) -> float | None:
    """In [0, 1]: the overlap where products, too, have the compressed encoder's vectors; None where they have not."""
    known = file.with_suffix(".products.npy")
    if not known.is_file():
        return None
    ours = vectors_of(open_session(file, optimised=True), wordpiece, material.held_out[:BOTH_SIDES_QUERIES])
    theirs = material.wanted[:BOTH_SIDES_QUERIES]
    nearest = _nearest(ours, np.load(known)), _nearest(theirs, material.products)
    shared = sum(len(np.intersect1d(*both)) for both in zip(*nearest, strict=True))
    return round(shared / (len(theirs) * DEPTH), 4)


def _nearest(queries: Matrix, products: Matrix) -> list[Any]:
    found: list[Any] = []
    for begin in range(0, len(queries), 512):
        scores = queries[begin : begin + 512] @ products.T
        found.extend(np.argpartition(-scores, DEPTH - 1, axis=1)[:, :DEPTH])
    return found


def rated(
    files: Mapping[str, Path], wordpiece: WordPiece, dataset: Dataset, material: Material, data: Path
) -> dict[str, Any]:
    """By people's ratings: mean figures of each way's order of the large encoder's products, and how many queries."""
    judgments = usable(read_judgments(data))
    ids = [product.product_id for product in dataset.products]
    asked = [wordpiece.encode(query, max_tokens=QUERY_TOKENS) for query in judgments]
    found: dict[str, Any] = {"queries": len(judgments)}
    for name, file in files.items():
        vectors = vectors_of(open_session(file, optimised=True), wordpiece, asked)
        orders = [np.argsort(-(material.products @ vector), kind="stable").tolist() for vector in vectors]
        means = mean_quality(
            [
                quality([ids[row] for row in order], dict(ratings))
                for order, ratings in zip(orders, judgments.values(), strict=True)
            ]
        )
        found[name] = {figure: round(means[figure], 4) for figure in ("ndcg", "ndcg_judged")}
    return found


if __name__ == "__main__":
    sys.exit(main())
