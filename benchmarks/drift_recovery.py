"""A shop opens a department, shoppers begin to ask for it, and nobody does anything: drift, alarm, training, release.

    python -m benchmarks.drift_recovery [--minutes 60]

starts a local cloud of its own (`make up WATCH=1` in another folder, on another port) with a part of Icecat: 2,000
products that have nothing to do with printing. The release has the models that ship, and a baseline. Then 1,000
products of printing come into the catalogue through the API, four in ten searches are for them, and people judge
queries about them; from there on this program only looks on. The stage's watch finds that searches are no longer what
the release was made for; the alarm asks for a training, which starts from the catalogue as it is by then; what the gate
lets through is published. It ends when relevance and drift are back, or after `--minutes`.

The shoppers are made up: their queries are derived from the products by the job that derives them for training, and the
judgments are what such a query was derived for. The watch looks every minute, and what on AWS is an hour is a minute
here. The training is `CONFIG=small`: all of its steps, minutes long. No person approves on a laptop; the gate decides.
"""

import argparse
import asyncio
import itertools
import json
import os
import random
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from benchmarks.results_file import add_circumstances, write_results
from benchmarks.watching import Look, Seen, Shoppers, Watcher, beside, searches_for, until
from functions.aws.quality_store import QualityStore
from local.cloud import KEYS, reach
from local.folders import PROJECT, TOOLS, LocalFolder
from local.release import INDEX_NAME
from local.state import LocalState
from relevance.drift import LARGE_CHANGE
from relevance.errors import VitrineError
from relevance.judgments import Judgments
from relevance.release_files import MANIFEST, read_manifest
from sagemaker_jobs.catalogues.icecat import FILE as PRODUCTS
from sagemaker_jobs.dataset import Dataset

FOLDER = TOOLS / "drift-recovery"
PORT = "8208"
CONFIGURATION = "small"
OLD, NEW = 2000, 1000
"""Products; together no more than the configuration trains on."""
DEPARTMENT = frozenset({"toner", "cartridge", "ink", "inkjet", "laserjet", "printer", "drum"})
"""Words of a title; a product with one of them is of the new department."""
QUERIES = 8000
JUDGED = {"old": 60, "new": 40}
SHARE = 0.4
"""Of the searches, those for the department once it is open."""
PER_SECOND = 5
CALM_LOOKS = 4
"""Before anything changes, with searches enough to be compared."""
BACK_LOOKS = 3
"""In a row, of the new release, that say that all is well."""
BATCH = 100
SEED = 20261127


@dataclass(frozen=True)
class Asked:
    """What may be asked, and what answers it."""

    text: str
    ratings: Mapping[str, float]
    """Product id -> 1 to 3."""


def choose(lines: Sequence[Mapping[str, Any]]) -> tuple[list[Mapping[str, Any]], list[Mapping[str, Any]]]:
    """Products of before, and those of the department, evenly across the catalogue."""

    def printing(product: Mapping[str, Any]) -> bool:
        return not DEPARTMENT.isdisjoint(str(product["title"]).lower().split())

    old, new = ([line for line in lines if printing(line) is wanted] for wanted in (False, True))
    return evenly(old, OLD), evenly(new, NEW)


def evenly(lines: Sequence[Mapping[str, Any]], count: int) -> list[Mapping[str, Any]]:
    """So many of them, at even steps."""
    return [lines[number * len(lines) // count] for number in range(count)]


def job(name: str, *options: object) -> None:
    """Run one of the training's jobs."""
    subprocess.run([sys.executable, "-m", f"sagemaker_jobs.{name}", *map(str, options)], check=True, cwd=PROJECT)


def derived(folder: Path, products: Path) -> list[Asked]:
    """Queries for all of the products, as the job derives them that makes data sets, with what answers them."""
    job("prepare_catalogue", "--catalogue", products, "--output", folder / "catalogue")
    job("prepare", "--catalogue", folder / "catalogue", "--output", folder / "dataset", "--queries", QUERIES)
    dataset = Dataset(folder / "dataset")
    ratings: defaultdict[str, dict[str, float]] = defaultdict(dict)
    for pair in dataset.pairs:
        if rating := round(3 * pair.relevance):
            ratings[pair.query_id][pair.product_id] = float(rating)
    found = [Asked(query.text, ratings[query.query_id]) for query in dataset.queries if ratings[query.query_id]]
    random.Random(SEED).shuffle(found)
    return found


def give_baseline(folder: Path, release: Path) -> None:
    """Publish the release that serves once more, with what its catalogue's shoppers may ask."""
    job("prepare_catalogue", "--catalogue", FOLDER / "before.jsonl", "--output", folder / "catalogue-before")
    job("prepare", "--catalogue", folder / "catalogue-before", "--output", folder / "dataset-before", "--queries", 1200)
    named = folder / "named" / f"{release.name}-with-baseline"
    shutil.rmtree(folder / "named", ignore_errors=True)
    shutil.copytree(release, named)
    manifest = read_manifest(named).model_copy(update={"release_id": named.name})
    (named / MANIFEST).write_text(manifest.model_dump_json(), encoding="utf-8")
    output = folder / "with-baseline"
    job("baseline", "--release", named, "--dataset", folder / "dataset-before", "--output", output)
    publishing = [sys.executable, "-m", "cli.main", "release", "publish", str(output / named.name)]
    subprocess.run([*publishing, "--reason", "with a baseline"], check=True, cwd=PROJECT)


async def fill(address: str, products: Sequence[Mapping[str, Any]]) -> None:
    """Write products into the catalogue, as a shop's own program does."""
    headers = {"X-Algolia-API-Key": KEYS["admin"][0]}
    async with aiohttp.ClientSession(address, headers=headers) as session:
        for start in range(0, len(products), BATCH):
            part = products[start : start + BATCH]
            requests = [{"action": "addObject", "body": dict(product)} for product in part]
            async with session.post(f"/1/indexes/{INDEX_NAME}/batch", json={"requests": requests}) as answer:
                answer.raise_for_status()


def judgments_of(asked: Sequence[Asked], count: int) -> Judgments:
    """The first so many, with their ratings."""
    return {one.text: one.ratings for one in asked[:count]}


def trained(seen: Seen) -> str | None:
    """The newest release that a training published."""
    moves = [one.state.partition(" by ") for one in seen.events if one.kind == "release"]
    return next((release for release, _, by in reversed(moves) if by == "approval"), None)


def well(look: Look, release: str | None, relevance: float) -> bool:
    """Whether a look at a release says that relevance and drift are back."""
    if look.release != release or look.ndcg10 is None or look.query_drift is None:
        return False
    return look.ndcg10 >= relevance and look.query_drift <= LARGE_CHANGE


async def measure(
    address: str,
    state: LocalState,
    asked: Mapping[str, Sequence[Asked]],
    new: Sequence[Mapping[str, Any]],
    minutes: float,
) -> dict[str, Any]:
    """Wait, change what shoppers ask, look on."""
    seen = Seen()
    shoppers, watcher = Shoppers(address, seen), Watcher(state, seen)
    store = QualityStore(state.outputs["ReleaseBucket"])
    drawn = random.Random(SEED)
    kinds = {kind: itertools.cycle(queries) for kind, queries in asked.items()}
    share = 0.0
    queries = (next(kinds["new" if drawn.random() < share else "old"]).text for _ in itertools.count())

    old_judgments = judgments_of(asked["old"], JUDGED["old"])
    store.put_judgments(old_judgments)
    async with beside(watcher.look_on(), shoppers.send(searches_for(queries), PER_SECOND)):

        def compared() -> list[Look]:
            return [one for one in seen.looks if one.query_drift is not None]

        await until(lambda: len(compared()) >= CALM_LOOKS, "looks at it", 60 * minutes)
        before = compared()[-1]
        changed_s = seen.tell("told", "the department", "opens").at_s
        await fill(address, new)
        store.put_judgments({**old_judgments, **judgments_of(asked["new"], JUDGED["new"])})
        share = SHARE
        relevance = (before.ndcg10 or 0.0) - 0.02

        def back() -> bool:
            last = seen.looks[-BACK_LOOKS:]
            return trained(seen) is not None and all(well(look, trained(seen), relevance) for look in last)

        try:
            await until(back, "relevance and drift to be back", 60 * minutes)
            ended = "back"
        except VitrineError as error:
            ended = str(error)
    told = {"changed_s": changed_s, "ended": ended}
    return told | figures_of(seen, changed_s) | seen.as_json()


def figures_of(seen: Seen, changed_s: float) -> dict[str, Any]:
    """How long each step took, from the change on."""

    def after(kind: str, says: str) -> float | None:
        found = (one.at_s for one in seen.events if one.kind == kind and says in one.state and one.at_s > changed_s)
        return next((round(at_s - changed_s) for at_s in found), None)

    rang = seen.first("alarm", "QueriesDrifted", "ALARM", changed_s)
    over = None if rang is None else seen.first("alarm", "QueriesDrifted", "OK", rang)
    later = [one for one in seen.looks if one.at_s > changed_s and one.ndcg10 is not None]
    earlier = [one for one in seen.looks if one.at_s <= changed_s and one.ndcg10 is not None]
    return {
        "per_second": PER_SECOND,
        "period_seconds": 60,
        "products": {"before": OLD, "added": NEW},
        "share_of_searches": SHARE,
        "judged_queries": JUDGED,
        "alarm_after_s": None if rang is None else round(rang - changed_s),
        "training_after_s": after("training", "Executing"),
        "release_after_s": after("release", "by approval"),
        "alarm_over_after_s": None if over is None else round(over - changed_s),
        "ndcg10_before": earlier[-1].ndcg10 if earlier else None,
        "ndcg10_least": min((one.ndcg10 for one in later if one.ndcg10 is not None), default=None),
        "ndcg10_at_the_end": later[-1].ndcg10 if later else None,
        "drift_most": max((one.query_drift for one in later if one.query_drift is not None), default=None),
        "drift_at_the_end": later[-1].query_drift if later else None,
    }


def main() -> int:
    """Run it, print, write `drift_recovery.json`; ends with 1 if relevance did not come back by itself."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60, help="of patience with each part; default: 60")
    add_circumstances(parser)
    given = parser.parse_args()
    os.environ |= {"VITRINE_LOCAL_FOLDER": str(FOLDER), "PORT": PORT, "WATCH": "1", "CONFIG": CONFIGURATION}
    os.environ["CATALOGUE"] = str(FOLDER / "before.jsonl")
    work = FOLDER / "shop"
    work.mkdir(parents=True, exist_ok=True)
    prepared = work / "icecat"
    job("prepare_catalogue", "--shop", "icecat", "--data", given.data, "--output", prepared)
    with (prepared / "products.jsonl").open(encoding="utf-8") as stream:
        lines = [json.loads(line) for line in stream]
    old, new = choose(lines)
    for file, products in ((FOLDER / "before.jsonl", old), (FOLDER / "all.jsonl", [*old, *new])):
        file.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in products), encoding="utf-8")
    added = {line["objectID"] for line in new}
    everything = derived(work, FOLDER / "all.jsonl")
    asked = {
        "old": [one for one in everything if added.isdisjoint(one.ratings)],
        "new": [one for one in everything if added.issuperset(one.ratings)],
    }
    print({kind: len(queries) for kind, queries in asked.items()}, flush=True)
    subprocess.run([sys.executable, "-m", "local.start"], check=True, cwd=PROJECT)
    try:
        state = LocalState.read(LocalFolder.from_environment().state_file)
        reach(state)
        os.environ["AWS_ENDPOINT_URL_SAGEMAKER"] = f"http://127.0.0.1:{state.pipelines_port}"
        give_baseline(work, LocalFolder.from_environment().releases / state.published)
        figures = asyncio.run(measure(f"http://127.0.0.1:{PORT}", state, asked, new, given.minutes))
    finally:
        subprocess.run([sys.executable, "-m", "local.down"], check=True, cwd=PROJECT)
    print(write_results("drift_recovery", given, figures, data=[PRODUCTS]))
    return int(figures["ended"] != "back")


if __name__ == "__main__":
    sys.exit(main())
