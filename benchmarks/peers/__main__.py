"""Measure every engine, one after the other, each in a process of its own with one thread; write `peers.json`.

    make compare

An engine is built once and kept in `.local/compare` until its program, its packages or the products change; the
seconds it took are kept with it.
"""

import hashlib
import json
import shutil
import sys
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.judgments import Judgments, read_judgments, usable
from benchmarks.latency import QUERIES, SEED, WARM_UP
from benchmarks.peers.engine import BASELINE, ENTRIES, Entry
from benchmarks.peers.process import HERE, Answer, build, running
from benchmarks.peers.vitrine import release_in
from benchmarks.queries import queries_from_titles
from benchmarks.results_file import read_arguments, write_results
from local.folders import TOOLS
from relevance.catalogue import read_catalogue
from relevance.metrics import paired_bootstrap
from relevance.quality import DEPTH, Quality, quality
from sagemaker_jobs.catalogues import icecat

STARTS = 3
"""The middle one is given."""
PAGE = 20
FIGURES = ("ndcg", "ndcg_judged")
OURS, FUSION = "vitrine", "fusion"
PACKAGES = ("bm25s", "faiss-cpu", "lightgbm", "sentence-transformers", "tantivy", "torch")


def build_seconds(each: Entry, built: Path, products: Path) -> float:
    """Build an engine unless what lies there is what would be built; the seconds that its own files took."""
    if not each.own_files:
        return 0.0
    folder, kept = built / each.name, built / f"{each.name}.json"
    module = HERE / (each.module if each.module.endswith(".mjs") else f"{each.module}.py")
    sources = (products, HERE / "requirements.txt", HERE / "package.json", module)
    fingerprint = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()
    if kept.is_file() and (last := json.loads(kept.read_text()))["fingerprint"] == fingerprint:
        return float(last["seconds"])
    shutil.rmtree(folder, ignore_errors=True)
    seconds = build(each.name, folder, products)
    kept.write_text(json.dumps({"fingerprint": fingerprint, "seconds": seconds}))
    return seconds


def measure(
    each: Entry, built: Path, judgments: Judgments, warm_up: Sequence[str], queries: Sequence[str]
) -> tuple[dict[str, Any], list[Quality]]:
    """One engine's figures, and its quality query by query; none of an engine that answers a page alone."""
    folder = built / each.name
    starts = []
    for _ in range(STARTS - 1):
        with running(each.name, folder) as engine:
            starts.append(engine.start_seconds)
    with running(each.name, folder) as engine:
        starts.append(engine.start_seconds)
        loaded_mib = engine.memory_mib()
        judged = [] if each.page_alone else engine.ask(list(judgments), DEPTH)
        engine.ask(warm_up, PAGE)
        timed = engine.ask(queries[: each.queries], PAGE)
        used_mib = engine.memory_mib()
    found = [quality(answer.ids, dict(ratings)) for answer, ratings in zip(judged, judgments.values(), strict=False)]
    figures: dict[str, Any] = {
        "name": each.name,
        "title": each.title,
        "start_seconds": round(float(np.median(starts)), 2),
    }
    figures |= latency(timed)
    if found:
        figures |= {"loaded_mib": round(loaded_mib), "used_mib": round(used_mib)} | means(found)
    return figures, found


def latency(answers: Sequence[Answer]) -> dict[str, Any]:
    """How many queries were timed, and p50 and p99 in ms."""
    p50, p99 = np.percentile([answer.ms for answer in answers], [50, 99])
    return {"queries": len(answers), "p50_ms": round(float(p50), 3), "p99_ms": round(float(p99), 3)}


def means(found: Sequence[Quality]) -> dict[str, float]:
    """Each figure of quality, over all queries."""
    rows = [asdict(each) for each in found]
    return {name: round(float(np.nanmean([row[name] for row in rows])), 4) for name in rows[0]}


def differences(found: dict[str, list[Quality]], than: str = BASELINE) -> list[dict[str, Any]]:
    """Each engine against one of them, in both countings, with its interval."""
    return [
        {"better": name, "than": than, "figure": figure}
        | asdict(
            paired_bootstrap(
                [getattr(each, figure) for each in answers],
                [getattr(each, figure) for each in found[than]],
                SEED,
            )
        )
        for name, answers in found.items()
        if name != than and answers
        for figure in FIGURES
    ]


def _prepared(given: Namespace, built: Path) -> Path:
    """Icecat as every engine reads it."""
    built.mkdir(parents=True, exist_ok=True)
    path = built / "products.jsonl"
    products = read_catalogue(icecat.lines(given.data)).products
    lines = (product.model_dump_json(by_alias=True, exclude_none=True) for product in products)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def main() -> int:
    """Build, measure, print, write."""
    given = read_arguments(__doc__)
    built = TOOLS / "compare"
    products = _prepared(given, built)
    seconds = {}
    for each in ENTRIES:
        print(f"building {each.title}", flush=True)
        seconds[each.name] = build_seconds(each, built, products)
    # What was measured is what was built here, not the local cloud's release.
    given.release = release_in(built / "vitrine")
    with products.open(encoding="utf-8") as lines:
        titles = [json.loads(line)["title"] for line in lines]
    asked = queries_from_titles(titles, QUERIES + WARM_UP, seed=SEED)
    judgments = usable(read_judgments(given.data))
    # Not asked before: the judged ones are not among those that are timed.
    timed = [query for query in asked[WARM_UP:] if query not in judgments]
    engines, found = [], {}
    for each in ENTRIES:
        figures, found[each.name] = measure(each, built, judgments, asked[:WARM_UP], timed)
        figures["build_seconds"] = round(sum(seconds[name] for name in (each.name, *each.builds_on)), 1)
        print(json.dumps(figures), flush=True)
        engines.append(figures)
    node = json.loads((HERE / "package.json").read_text())["dependencies"]
    results = {
        "judged_queries": len(judgments),
        "packages": {name: version(name) for name in PACKAGES} | node,
        "engines": engines,
        "differences": differences(found),
        "against_fusion": differences({name: found[name] for name in (OURS, FUSION)}, FUSION),
        "by_query": {
            query: {name: round(answers[place].ndcg, 4) for name, answers in found.items() if answers}
            for place, query in enumerate(judgments)
        },
    }
    print(write_results("peers", given, results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
