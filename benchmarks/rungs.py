"""What each rung of the ladder that query vectors come from is worth, and what it costs, in one run on Icecat.

    python -m benchmarks.rungs --catalogue <what prepare_catalogue wrote of Icecat> --kept DIR

all-MiniLM-L6-v2 in single precision stands for the large model: it embeds the products and is what cache and endpoint
answer with. The encoder that ships, eight bits of the same network, is its student. The endpoint is an HTTP server on
this machine that knows the vectors beforehand, so that the times are those of asking, without the model's own. Rungs
are timed in turn, query by query. Products' vectors are kept in a folder and not made again.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from time import perf_counter_ns
from typing import Any
from unittest.mock import patch

import numpy as np

from benchmarks.judgments import read_judgments, usable
from benchmarks.results_file import add_circumstances, write_results
from functions.environment import SearchSettings
from functions.query_vectors import query_vectors
from models.text_encoder import TextEncoder as TorchEncoder
from models.text_encoder import original_folder
from relevance.arrays import Matrix, Vector
from relevance.catalogue import read_catalogue
from relevance.contracts.models import EncoderManifest
from relevance.contracts.products import Product
from relevance.contracts.rungs import Rung
from relevance.contracts.stages import PreprocessRequest, UnderstoodQuery
from relevance.encoder import QUERY_TOKENS, TextEncoder
from relevance.frequent_queries import FrequentQueries
from relevance.metrics import paired_bootstrap
from relevance.product_text import PRODUCT_TOKENS, embedding_text
from relevance.quality import DEPTH, Quality, mean_quality, quality
from relevance.query_vectors import WITHOUT_ENDPOINT, QueryVector, QueryVectors
from relevance.release import Release, open_release
from relevance.release_files import MANIFEST
from relevance.search import understand
from relevance.understanding import ReadQuery, read_query
from sagemaker_jobs.answers import answering, searching
from sagemaker_jobs.build_release import ARTEFACTS, build_release
from sagemaker_jobs.job import say
from sagemaker_jobs.known_vectors import encode_unknown
from sagemaker_jobs.product_vectors import ProductVectors, VectorsManifest

SEED = 20261127
DEADLINE_MS = 1000
"""Long: what is measured is how long the endpoint's path takes, not what a deadline does."""
ROUNDS = 5
"""How often each query is asked for its time."""
WARM_UP = 50
ORDERS = ("fused", "reranked")
_QUERY_ID = "0" * 32


class ByWords:
    """Implements `QueryVectors` without any vector."""

    def vector_of(self, query: ReadQuery, release: Release) -> QueryVector:
        """See `QueryVectors`."""
        return QueryVector(None, "lexical")


def main() -> int:
    """Measure, print, write `rungs.json`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--catalogue", type=Path, required=True, metavar="DIR", help="what prepare_catalogue wrote")
    parser.add_argument("--kept", type=Path, required=True, metavar="DIR", help="keeps the products' vectors")
    add_circumstances(parser)
    given = parser.parse_args()
    judgments = usable(read_judgments(given.data))
    large = TorchEncoder.load(original_folder(), attention="sdpa")
    with (given.catalogue / "products.jsonl").open("rb") as file:
        products = read_catalogue(file).products
    with tempfile.TemporaryDirectory() as scratch:
        given.release = a_release(products, list(judgments), large, given.kept, Path(scratch))
        release = forgetful(given.release)
        texts = [asked(query, release) for query in judgments]
        vectors = dict(zip(texts, encoded(large, texts), strict=True))
        with an_endpoint(vectors, large.space) as address, patch.dict(os.environ, asked_at(address)):
            figures = measure(release, judgments)
        print(write_results("rungs", given, figures))
    return 0


def measure(release: Release, judgments: Mapping[str, Mapping[str, float]]) -> dict[str, Any]:
    """Relevance and milliseconds on each rung, and what the ranker adds to the fused order there."""
    without_cache = replace(release, frequent_queries=None)
    ladder = query_vectors(
        SearchSettings(
            release_bucket="none",
            pointer_table="none",
            key_parameter="none",
            endpoint_name="large",
            endpoint_deadline_ms=DEADLINE_MS,
            remembered_queries=0,
        )
    )
    rungs: dict[Rung, tuple[Release, QueryVectors]] = {
        "cache": (release, WITHOUT_ENDPOINT),
        "endpoint": (without_cache, ladder),
        "lambda": (without_cache, WITHOUT_ENDPOINT),
        "lexical": (without_cache, ByWords()),
    }
    found = {rung: answers(rung, *way, judgments) for rung, way in rungs.items()}
    queries = list(judgments) * ROUNDS
    measured = [
        {"rung": rung, "what": what} | times
        for what, calls in (
            ("vector", {rung: partial(a_vector, *way) for rung, way in rungs.items()}),
            ("search", {rung: searching(*way) for rung, way in rungs.items()}),
        )
        for rung, times in side_by_side(calls, queries).items()
    ]
    figures: dict[str, Any] = {
        "queries": len(judgments),
        "depth": DEPTH,
        "rungs": [
            {"rung": rung} | {order: mean_quality(list(answered[order].values())) for order in ORDERS}
            for rung, answered in found.items()
        ],
        "ranker": [
            {"rung": rung, "figure": figure} | asdict(_difference(answered["reranked"], answered["fused"], figure))
            for rung, answered in found.items()
            for figure in ("ndcg", "ndcg_judged")
        ],
        "against_lambda": [
            {"rung": rung, "figure": figure}
            | asdict(_difference(answered["reranked"], found["lambda"]["reranked"], figure))
            for rung, answered in found.items()
            if rung != "lambda"
            for figure in ("ndcg", "ndcg_judged")
        ],
        "measured": measured,
    }
    for part in ("rungs", "ranker", "against_lambda", "measured"):
        for entry in figures[part]:
            print(entry)
    return figures


def a_vector(release: Release, vectors: QueryVectors, query: str) -> None:
    """What a search spends on the vector of a query."""
    vectors.vector_of(read_query(query), release)


def side_by_side(calls: Mapping[Rung, Callable[[str], object]], queries: Sequence[str]) -> dict[Rung, dict[str, float]]:
    """p50 and p99 in ms of each call; every query by all in turn, so that whatever else runs meets them alike."""
    took_ns: dict[Rung, list[int]] = {rung: [] for rung in calls}
    for query in (*queries[:WARM_UP], *queries):
        for rung, call in calls.items():
            begun_ns = perf_counter_ns()
            call(query)
            took_ns[rung].append(perf_counter_ns() - begun_ns)
    found = {}
    for rung, each in took_ns.items():
        p50, p99 = np.percentile(np.array(each[WARM_UP:]) / 1e6, [50, 99])
        found[rung] = {"p50_ms": round(float(p50), 3), "p99_ms": round(float(p99), 3)}
    return found


def answers(
    rung: Rung, release: Release, vectors: QueryVectors, judgments: Mapping[str, Mapping[str, float]]
) -> dict[str, dict[str, Quality]]:
    """By order and query; raises RuntimeError if a query was answered on another rung."""
    reranked = answering(release, vectors)
    found: dict[str, dict[str, Quality]] = {order: {} for order in ORDERS}
    for query, ratings in judgments.items():
        understood = understood_by(query, release, vectors)
        if understood.rung != rung:
            raise RuntimeError(f"{query!r} was answered on rung {understood.rung}, expected {rung}")
        rows = release.index.retrieve(understood, DEPTH).rows
        fused = [record["objectID"] for record in release.index.records(rows)]
        found["fused"][query] = quality(fused, dict(ratings))
        found["reranked"][query] = quality(reranked(query).product_ids, dict(ratings))
    return found


def understood_by(query: str, release: Release, vectors: QueryVectors) -> UnderstoodQuery:
    """Stage 1 of a search."""
    return understand(PreprocessRequest(query_id=_QUERY_ID, query=query), release, vectors)


def asked(query: str, release: Release) -> str:
    """The text that a query's vector is made of, corrected and completed."""
    seen: list[str] = []

    class Seeing:
        def vector_of(self, read: ReadQuery, _: Release) -> QueryVector:
            seen.append(read.query)
            return QueryVector(None, "lexical")

    understood_by(query, release, Seeing())
    return seen[0]


def encoded(large: TorchEncoder, texts: Sequence[str]) -> Matrix:
    """Shape (n, d), by the large model in single precision."""
    return large.encode(list(texts), max_tokens=QUERY_TOKENS, prefix=large.query_prefix, exact=True)


def a_release(
    products: Sequence[Product], queries: Sequence[str], large: TorchEncoder, kept: Path, scratch: Path
) -> Path:
    """A release in the large model's space, with these queries as its frequent ones; returns its folder."""
    models = scratch / "models"
    for name in ("encoder", "ranker"):
        shutil.copytree(ARTEFACTS / name, models / name)
    manifest = EncoderManifest.model_validate_json((models / "encoder" / MANIFEST).read_bytes())
    in_its_space = manifest.model_copy(update={"space": large.space})
    (models / "encoder" / MANIFEST).write_text(in_its_space.model_dump_json())
    texts = [embedding_text(product) for product in products]
    vectors = encode_unknown(
        texts,
        kept / f"{large.encoder_id}.npz",
        lambda some: large.encode(some, max_tokens=PRODUCT_TOKENS, exact=True, progress=say),
    )
    about = VectorsManifest(
        encoder_id=large.encoder_id,
        space=large.space,
        dimension=large.dimension,
        products=len(vectors),
        data_sha256="0" * 64,
    )
    ProductVectors(about, vectors).write(scratch / "vectors")

    def built(where: str) -> Path:
        return build_release(
            products, models, scratch / where, described="Icecat", say=say, vectors=scratch / "vectors"
        )

    plain = open_release(built("first"))  # to see what each query is corrected and completed to
    frequent = list(dict.fromkeys(asked(query, plain) for query in queries))
    made = {
        read_query(text).normalised: vector for text, vector in zip(frequent, encoded(large, frequent), strict=True)
    }
    FrequentQueries.write(scratch / "vectors", made, large.space)
    return built("second")


def forgetful(folder: Path) -> Release:
    """An open release that remembers no query."""
    return replace(open_release(folder), encoder=TextEncoder.load(folder / "encoder", remembered=0))


@contextmanager
def an_endpoint(vectors: Mapping[str, Vector], space: str) -> Iterator[str]:
    """Answers as the large model's endpoint does, with vectors made beforehand; yields its address."""
    bodies = {
        text: json.dumps({"model_id": space, "space": space, "vectors": [vector.tolist()]}).encode()
        for text, vector in vectors.items()
    }

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # else the end of a body waits 40 ms for a delayed ACK

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            body = bodies[asked["texts"][0]]
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nobody reads a line for each call."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def asked_at(address: str) -> dict[str, str]:
    """The environment in which boto3 calls that address and no other."""
    return {
        "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": address,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }


def _difference(better: Mapping[str, Quality], than: Mapping[str, Quality], figure: str) -> Any:
    a, b = ([getattr(answer, figure) for answer in found.values()] for found in (better, than))
    return paired_bootstrap(a, b, SEED)


if __name__ == "__main__":
    sys.exit(main())
