"""How relevant the answers are, by people's ratings on Icecat: words, meaning, both fused, and re-ranked, in one run.

Each engine is asked the usable judged queries and judged by its first 100 products. The judgments were pooled from a
keyword engine, so both countings of nDCG stand side by side with the share of the first ten that was judged at all.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import tantivy

from benchmarks.judgments import Judgments, read_judgments, usable
from benchmarks.results_file import read_arguments, write_results
from relevance.arrays import Rows
from relevance.contracts.stages import PreprocessRequest, UnderstoodQuery
from relevance.index.vectors import VectorIndex
from relevance.metrics import paired_bootstrap
from relevance.quality import DEPTH, Quality, mean_quality, quality
from relevance.release import Release, open_release
from relevance.search import understand
from sagemaker_jobs.answers import answering

SEED = 20261122

Engine = Callable[[str], Sequence[str]]
"""A query -> at most DEPTH product ids, best first."""

COMPARISONS = (("fused", "bm25"), ("reranked", "fused"), ("reranked", "bm25"))
"""Which engine is held against which other, query by query."""


def textbook_bm25(release: Release) -> Engine:
    """The baseline: tantivy's BM25 (k1 1.2, b .75) over title, description and brand as one English text."""
    builder = tantivy.SchemaBuilder()
    builder.add_text_field("text", tokenizer_name="en_stem")
    index = tantivy.Index(builder.build())
    writer = index.writer(num_threads=1)
    rows = np.arange(release.manifest.products)
    records = release.index.records(rows)
    for record in records:
        text = " ".join(record.get(field) or "" for field in ("title", "description", "brand"))
        writer.add_document(tantivy.Document(text=text))
    writer.commit()
    writer.wait_merging_threads()
    index.reload()
    searcher = index.searcher()
    if searcher.num_segments != 1:
        raise RuntimeError(f"{searcher.num_segments} segments: a document's number is no row then")

    def ask(query: str) -> list[str]:
        parsed, _ = index.parse_query_lenient(query, ["text"])
        return [records[address.doc]["objectID"] for _, address in searcher.search(parsed, DEPTH).hits]

    return ask


def engines(release: Release, folder: Path) -> dict[str, Engine]:
    """The baseline, and each stage of one search on its own."""
    answered = answering(release)
    vectors = VectorIndex.open(folder / "index" / "vectors.faiss")

    def understood(query: str) -> UnderstoodQuery:
        return understand(PreprocessRequest(query_id="0" * 32, query=query), release)

    def ids(rows: Rows) -> list[str]:
        return [record["objectID"] for record in release.index.records(rows)]

    def lexical(query: str) -> list[str]:
        without_vector = understood(query).model_copy(update={"vector": None, "rung": "lexical"})
        return ids(release.index.retrieve(without_vector, DEPTH).rows)

    def dense(query: str) -> list[str]:
        vector = understood(query).vector
        assert vector is not None, f"{query!r} has no vector: this release has no encoder"
        return ids(vectors.search(vector, DEPTH, floor=-1.0))

    def fused(query: str) -> list[str]:
        return ids(release.index.retrieve(understood(query), DEPTH).rows)

    def reranked(query: str) -> list[str]:
        answer = answered(query)
        assert not answer.lost, f"{query!r} went without {answer.lost}"
        return list(answer.product_ids)

    asked: dict[str, Engine] = {
        "bm25": textbook_bm25(release),
        "lexical": lexical,
        "dense": dense,
        "fused": fused,
    }
    return asked | ({"reranked": reranked} if release.scorer else {})


def measure(release: Release, folder: Path, judgments: Judgments) -> dict[str, Any]:
    """All engines over all queries: means, differences with intervals, and each query's figures."""
    found = {
        name: {query: quality(ask(query), dict(ratings)) for query, ratings in judgments.items()}
        for name, ask in engines(release, folder).items()
    }
    return {
        "queries": len(judgments),
        "depth": DEPTH,
        "engines": {name: mean_quality(list(answers.values())) for name, answers in found.items()},
        "differences": [
            {"better": better, "than": than, "figure": figure} | asdict(_difference(found, better, than, figure))
            for better, than in COMPARISONS
            if better in found and than in found
            for figure in ("ndcg", "ndcg_judged")
        ],
        "by_query": {query: {name: round(found[name][query].ndcg, 4) for name in found} for query in judgments},
    }


def _difference(found: dict[str, dict[str, Quality]], better: str, than: str, figure: str) -> Any:
    a, b = ([getattr(answer, figure) for answer in found[name].values()] for name in (better, than))
    return paired_bootstrap(a, b, SEED)


def main() -> int:
    """Measure, print, write `relevance.json`."""
    given = read_arguments(__doc__)
    judgments = usable(read_judgments(given.data))
    figures = measure(open_release(given.release), given.release, judgments)
    for name, means in figures["engines"].items():
        print(f"{name:10}", "  ".join(f"{figure} {value:.3f}" for figure, value in means.items()))
    for entry in figures["differences"]:
        compared = f"{entry['better']} - {entry['than']}"
        print(f"{compared:18} {entry['figure']:12} {entry['mean']:+.3f} [{entry['low']:+.3f}, {entry['high']:+.3f}]")
    print(write_results("relevance", given, figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
