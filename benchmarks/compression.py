"""What each way to compress the encoder saves and costs, in one run: size, time, nearness to the large encoder.

    python -m benchmarks.compression --dataset <what prepare wrote of Icecat> --kept DIR

all-MiniLM-L6-v2 is the large encoder, and its own student, so that nothing but the compression differs. What is made is
kept in a folder and not made again, so that a run may be cut and goes on where it was; figures are measured when all
of it is there, the times of all ways side by side. People's ratings are read to compare, and by no way to compress.
"""

import argparse
import os
import sys
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

WAYS: tuple[Way, ...] = (
    UNCOMPRESSED,
    Way("int8", smoothed=False, rows=False),
    Way("int8, smoothed, one scale for each table", rows=False),
    Way("int8, smoothed"),
    Way("int8, learnt", learnt=True),
    Way("3/4 of neurons, fp32", neurons=0.75, eight_bits=False, learnt=True),
    Way("3/4 of neurons, int8, learnt", neurons=0.75, learnt=True),
    Way("1/2 of neurons, int8, learnt", neurons=0.5, learnt=True),
    Way("3/4 of heads, fp32", heads=0.75, eight_bits=False, learnt=True),
    Way("3/4 of heads, int8, learnt", heads=0.75, learnt=True),
    Way("5/6 of layers, fp32", layers=5 / 6, eight_bits=False, learnt=True),
    Way("5/6 of layers, int8, learnt", layers=5 / 6, learnt=True),
    Way("1/2 of layers, int8, learnt", layers=0.5, learnt=True),
)


def main() -> int:
    """Make, measure, print, write `compression.json`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", type=Path, required=True, metavar="DIR", help="what prepare wrote of Icecat")
    parser.add_argument("--kept", type=Path, required=True, metavar="DIR", help="where what is made is kept")
    add_circumstances(parser)
    given = parser.parse_args()
    torch.set_num_threads(LEARNING.threads)
    given.kept.mkdir(parents=True, exist_ok=True)
    dataset = Dataset(given.dataset)
    large = TextEncoder.load(original_folder())
    wordpiece = servable(large, large)
    material = read_material(dataset, large, wordpiece, product_vectors(dataset, large, given.kept), LEARNING)
    files = {way.name: made(way, large, material, given.kept) for way in WAYS}
    texts = [wordpiece.encode(embedding_text(product), max_tokens=PRODUCT_TOKENS) for product in dataset.products]
    sides = {way.name: overlap_of_both(files[way.name], wordpiece, material, texts) for way in WAYS if way.eight_bits}
    tried, _ = measure(files, wordpiece, material)
    judged = rated(files, wordpiece, dataset, material, given.data)
    first = tried[0]
    figures: dict[str, Any] = {
        "products": len(dataset.products),
        "queries": len(material.held_out),
        "judged_queries": judged.pop("queries"),
        "learning": asdict(LEARNING),
        "steps": [
            asdict(way)
            | {
                "smaller": round(first.megabytes / way.megabytes, 2),
                "faster": round(first.p50_ms / way.p50_ms, 2),
                "overlap10_both": sides.get(way.name),
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


def made(way: Way, large: TextEncoder, material: Material, kept: Path) -> Path:
    """The file of one way, made now or before."""
    file = kept / f"{''.join(letter if letter.isalnum() else '-' for letter in way.name)}.onnx"
    if not file.is_file():
        print(way.name, flush=True)
        unfinished = file.with_name(f"unfinished-{file.name}")
        write(compressed(large, way, material, LEARNING), way, unfinished)
        unfinished.replace(file)
    return file


def overlap_of_both(file: Path, wordpiece: WordPiece, material: Material, texts: Sequence[Sequence[int]]) -> float:
    """In [0, 1]: the overlap where products, too, have the compressed encoder's vectors."""
    known = file.with_suffix(".products.npy")
    session = open_session(file, threads=os.cpu_count() or 1, optimised=True)
    if not known.is_file():
        print(f"{file.stem}: products", flush=True)
        np.save(known, vectors_of(session, wordpiece, texts))
    nearest = [
        _nearest(vectors_of(session, wordpiece, material.held_out), np.load(known)),
        _nearest(material.wanted, material.products),
    ]
    shared = sum(len(np.intersect1d(ours, theirs)) for ours, theirs in zip(*nearest, strict=True))
    return round(shared / (len(material.held_out) * DEPTH), 4)


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
