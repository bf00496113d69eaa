"""Make the vectors of a catalogue's products, and of what it is asked most often, with the large encoder, in shards, on
a GPU or a processor.

    python -m sagemaker_jobs.embed --dataset <what prepare wrote> --encoder <what train_encoder wrote> --output <folder>

Writes `vectors.npy`, float32 of shape (n, d) with rows of length 1 in the order of the products, and `vectors.json`,
which says whose they are; and where shoppers asked some queries again and again, those of `relevance.frequent_queries`.
Shards that were made before an interruption are not made again. Ends with 0, or with 1 and the cause.
"""

import argparse
import hashlib
import io
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from torch import distributed as dist

from models.text_encoder import TextEncoder
from relevance.arrays import Matrix
from relevance.contracts.training import QueryLine
from relevance.encoder import QUERY_TOKENS
from relevance.errors import VitrineError
from relevance.frequent_queries import MOST_FREQUENT, FrequentQueries
from relevance.product_text import PRODUCT_TOKENS, embedding_text
from relevance.progress import pace
from relevance.understanding import read_query
from sagemaker_jobs.dataset import Dataset
from sagemaker_jobs.folders import channel, checkpoint_folder, model_folder
from sagemaker_jobs.job import measured, replace_file, run, say
from sagemaker_jobs.processes import device, processes, rank, use_threads, world
from sagemaker_jobs.product_vectors import ProductVectors, VectorsManifest

SHARD = 2048
"""Products that are encoded before the next are kept."""
ASKED_AT_LEAST = 2
"""How often, of a query whose vector is made beforehand."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the job; returns the exit status."""
    return run("embed", _job, arguments)


def _job(arguments: Sequence[str] | None) -> None:
    given = _parser().parse_args(arguments)
    dataset = Dataset(given.dataset or channel("dataset"))
    encoder_folder = given.encoder or channel("encoder")
    output = given.output or model_folder()
    use_threads(given.threads)
    with processes():
        encoder = TextEncoder.load(encoder_folder, attention="sdpa").to(device())
        vectors = embed(dataset, encoder, given.checkpoints or checkpoint_folder())
        if vectors is not None:
            manifest = VectorsManifest(
                encoder_id=encoder.encoder_id,
                space=encoder.space,
                dimension=encoder.dimension,
                products=len(vectors),
                data_sha256=dataset.report["sha256"],
            )
            ProductVectors(manifest, vectors).write(output)
            write_frequent_queries(most_asked(dataset.queries), encoder, output)


def embed(dataset: Dataset, encoder: TextEncoder, kept: Path | None = None) -> Matrix | None:
    """The vectors of all products, shape (n, d); None in a process that is not the first of several.

    Args:
        dataset: Its products are read.
        encoder: On the device that it shall run on.
        kept: Where finished shards wait for the others; None for nowhere.

    Raises:
        VitrineError: If there is no product, or a vector is no number.
    """
    texts = [embedding_text(product) for product in dataset.products]
    if not texts:
        raise VitrineError(f"{dataset.folder} holds no product: there is nothing to make vectors of")
    begun = time.monotonic()
    found: dict[int, Matrix] = {}
    for number, begin in enumerate(range(0, len(texts), SHARD)):
        if number % world() == rank():
            found[begin] = _shard(texts[begin : begin + SHARD], encoder, kept)
            say(f"products: {pace(min(begin + SHARD, len(texts)), len(texts), time.monotonic() - begun)}")
    measured("embed:products_per_second", len(texts) / max(time.monotonic() - begun, 1e-9))
    if world() > 1:
        everyones: list[dict[int, Matrix]] = [{}] * world()
        dist.gather_object(found, everyones if rank() == 0 else None)
        found = {begin: shard for one in everyones for begin, shard in one.items()}
    if rank() > 0:
        return None
    vectors = np.concatenate([found[begin] for begin in sorted(found)])
    if not np.isfinite(vectors).all():
        bad = int(np.flatnonzero(~np.isfinite(vectors).all(axis=1))[0])
        raise VitrineError(f"{encoder.encoder_id}: the vector of {dataset.products[bad].product_id} is no number")
    return vectors


def most_asked(queries: Sequence[QueryLine], most: int = MOST_FREQUENT) -> dict[str, str]:
    """Normalised -> as it is typed: what shoppers asked ASKED_AT_LEAST times or more, the most frequent first.

    Derived queries are left out: nobody asked them. Of two that read the same, the more frequent spelling stays.
    """
    found: dict[str, str] = {}
    for query in sorted(queries, key=lambda query: -query.asked):
        if query.origin == "log" and query.asked >= ASKED_AT_LEAST:
            read = read_query(query.text)
            found.setdefault(read.normalised, read.query)
    return dict(list(found.items())[:most])


def write_frequent_queries(queries: Mapping[str, str], encoder: TextEncoder, output: Path) -> None:
    """Their vectors, by what `most_asked` found; nothing where it found nothing."""
    if not queries:
        say("no query was asked again and again: none has its vector made beforehand")
        return
    vectors = encoder.encode(
        list(queries.values()), max_tokens=QUERY_TOKENS, prefix=encoder.query_prefix, progress=say, exact=True
    )
    FrequentQueries.write(output, dict(zip(queries, vectors, strict=True)), encoder.space)
    say(f"{len(queries):,} frequent queries have their vectors made beforehand")


def _shard(texts: Sequence[str], encoder: TextEncoder, kept: Path | None) -> Matrix:
    """One shard's vectors, from the folder of those that are kept if they are there."""
    digest = hashlib.sha256("\n".join((encoder.encoder_id, *texts)).encode()).hexdigest()[:24]
    file = kept / f"{digest}.npy" if kept else None
    if file and file.is_file():
        try:
            made: Matrix = np.load(file)
            if made.shape == (len(texts), encoder.dimension):
                return made
        except (OSError, ValueError, EOFError):
            say(f"{file.name} is damaged: made again")
    made = encoder.encode(texts, max_tokens=PRODUCT_TOKENS, prefix=encoder.product_prefix)
    if file:
        content = io.BytesIO()
        np.save(content, made)
        replace_file(file, content.getvalue())
    return made


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sagemaker_jobs.embed", description=__doc__)
    parser.add_argument("--dataset", type=Path, metavar="DIR", help="default: $SM_CHANNEL_DATASET")
    parser.add_argument("--encoder", type=Path, metavar="DIR", help="default: $SM_CHANNEL_ENCODER")
    parser.add_argument("--output", type=Path, metavar="DIR", help="default: $SM_MODEL_DIR")
    parser.add_argument("--checkpoints", type=Path, metavar="DIR", help="default: $SM_CHECKPOINT_DIR, or none are kept")
    parser.add_argument("--threads", type=int, default=0, help="0: one for each core")
    return parser


if __name__ == "__main__":
    sys.exit(main())
