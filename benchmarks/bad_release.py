"""A bad release is published by hand: until the alarm rings, and until the last function serves the one before again.

    make up WATCH=1
    python -m benchmarks.bad_release

The release that serves gets a ranker whose scores have the other sign, which orders the worst first; its gate is
overruled (`vitrine release publish --force`). Shoppers search meanwhile. The local watch looks every minute instead of
every hour, so a period is a minute; functions look at the pointer as seldom as they do on AWS. When the alarm has rung,
`vitrine release rollback` takes the release back. Judged queries are Icecat's.
"""

import argparse
import asyncio
import itertools
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.judgments import read_judgments
from benchmarks.queries import queries_from_titles
from benchmarks.results_file import read_arguments, write_results
from benchmarks.spoiled_rankers import flip, spoil, with_ranker
from benchmarks.watching import SEARCH, Seen, Shoppers, Watcher, beside, searches_for, until
from functions.aws.quality_store import QualityStore
from infra.stage import Stage, stages
from local.cloud import KEYS, STAGE, reach
from local.first_answer import warm
from local.folders import PROJECT, LocalFolder
from local.function_settings import change_settings
from local.start import DEFAULT_PORT
from local.state import LocalState
from relevance.release import open_release
from relevance.release_files import read_manifest

PER_SECOND = 20
LOOKS_BEFORE = 4
"""That the watch takes before anything is wrong: one to know what is usual, the rest to say so."""
AFTER_SECONDS = 180
PATIENCE_SECONDS = 600
ALARM = "RelevanceFell"
POINTER_SECONDS = Stage(name="any").pointer_seconds
SEARCHING = ("assemble_results", "preprocess_query", "rerank")
OTHERS: tuple[tuple[str, Mapping[str, Any]], ...] = (
    ("/1/analyze", {"query": "wireless mouse"}),
    ("/1/rerank", {"query": "wireless mouse", "candidates": [{"objectID": "a", "title": "Mouse"}]}),
)


def flipped(release: Path, work: Path) -> Path:
    """The same release with its ranker's sign turned round, as its manifest says."""
    ranker_id = f"{read_manifest(release).ranker_id}-flipped"
    ranker = spoil(shutil.copytree(release / "ranker", work / "ranker"), flip, ranker_id)
    return with_ranker(release, ranker, work / f"{release.name}-flipped")


def look_as_seldom(seconds: float) -> None:
    """Have every function that serves look at the pointer every so many seconds; they begin anew."""
    for folder in SEARCHING:
        change_settings(folder, POINTER_SECONDS=str(seconds))


async def vitrine(seen: Seen, *arguments: str) -> float:
    """Run the command line; returns when it began. Raises RuntimeError if it fails."""
    at_s = seen.tell("told", f"vitrine {' '.join(arguments[:2])}", "begins").at_s
    command = [sys.executable, "-m", "cli.main", *arguments]
    process = await asyncio.create_subprocess_exec(*command, cwd=PROJECT, stdout=asyncio.subprocess.PIPE)
    said, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)}: {said.decode()}")
    seen.tell("told", f"vitrine {' '.join(arguments[:2])}", "done")
    return at_s


async def measure(address: str, state: LocalState, queries: Iterator[str], bad: Path) -> dict[str, Any]:
    """Publish, wait, roll back, wait."""
    seen = Seen()
    shoppers, watcher = Shoppers(address, seen), Watcher(state, seen)
    others = itertools.cycle(OTHERS)
    async with beside(
        watcher.look_on(),
        shoppers.send(searches_for(queries), PER_SECOND),
        shoppers.send(lambda: next(others), 2.0),
    ):
        await until(lambda: len(seen.looks) >= LOOKS_BEFORE, "the watch's first looks", PATIENCE_SECONDS)
        published_s = await vitrine(seen, "release", "publish", str(bad), "--force", "--reason", "a benchmark")

        def rung() -> float | None:
            return seen.first("alarm", ALARM, "ALARM", published_s)

        await until(lambda: rung() is not None, f"the alarm {ALARM}", PATIENCE_SECONDS)
        rolled_s = await vitrine(seen, "release", "rollback", "--reason", "the alarm rang")
        await until(lambda: seen.first("alarm", ALARM, "OK", rolled_s) is not None, "its end", PATIENCE_SECONDS)
        await asyncio.sleep(max(0.0, rolled_s + AFTER_SECONDS - seen.now()))
    by_bad = [one for one in seen.answers if one.release == bad.name]
    begun, ended = (None if not by_bad else fold(one.at_s for one in by_bad) for fold in (min, max))
    looks_bad = [one for one in seen.looks if one.release == bad.name and one.at_s > published_s]
    before = [one.ndcg10 for one in seen.looks if one.at_s <= published_s and one.ndcg10 is not None]
    ring_s = seen.first("alarm", ALARM, "ALARM", published_s)
    return {
        "per_second": PER_SECOND,
        "pointer_seconds": POINTER_SECONDS,
        "period_seconds": 60,
        "published_s": published_s,
        "first_answer_of_it_s": begun,
        "alarm_s": ring_s,
        "alarm_after_publication_s": None if ring_s is None else round(ring_s - published_s, 1),
        "looks_at_it_until_the_alarm": sum(one.at_s < (ring_s or 0) for one in looks_bad),
        "rolled_back_s": rolled_s,
        "last_answer_of_it_s": ended,
        "rollback_took_s": None if ended is None else round(ended - rolled_s, 1),
        "ndcg10_before": before[-1] if before else None,
        "ndcg10_of_it": min((one.ndcg10 for one in looks_bad if one.ndcg10 is not None), default=None),
        "routes": sorted({one.path for one in by_bad}),
        "search": SEARCH,
        **seen.as_json(),
    }


def main() -> int:
    """Measure, print, write `bad_release.json`; ends with 1 if a search failed."""
    given = read_arguments(__doc__, argparse.ArgumentParser(formatter_class=argparse.RawDescriptionHelpFormatter))
    folder = LocalFolder.from_environment()
    state = LocalState.read(folder.state_file)
    if not (state.published and state.running("alarms")):
        print("no local cloud that watches itself is running: `make up WATCH=1` starts one", file=sys.stderr)
        return 1
    reach(state)
    os.environ["AWS_ENDPOINT_URL_SAGEMAKER"] = f"http://127.0.0.1:{state.pipelines_port}"
    given.release = folder.releases / state.published
    QualityStore(state.outputs["ReleaseBucket"]).put_judgments(read_judgments(given.data))
    address = f"http://127.0.0.1:{os.environ.get('PORT', DEFAULT_PORT)}"
    look_as_seldom(POINTER_SECONDS)
    warm(address, KEYS["search"][0], state.published)
    release = open_release(given.release)
    titles = [record["title"] for record in release.index.records(np.arange(release.manifest.products))]
    queries = itertools.cycle(queries_from_titles(titles, 5000, seed=1))
    try:
        with tempfile.TemporaryDirectory(dir=folder.root) as work:
            bad = flipped(given.release, Path(work))
            figures = asyncio.run(measure(address, state, queries, bad))
    finally:
        look_as_seldom(stages(folder.releases)[STAGE].pointer_seconds)
    print(write_results("bad_release", given, figures))
    return int(bool(figures["failed"]))


if __name__ == "__main__":
    sys.exit(main())
