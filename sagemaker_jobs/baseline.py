"""What a release is asked and what it finds for it, counted before it serves: its watch compares shoppers with that.

    python -m sagemaker_jobs.baseline --release DIR --dataset DIR --output DIR

asks the release what its shoppers asked, or else queries drawn from its catalogue, and writes the same release with
`baseline/baseline.json` and `baseline/topics.npy` in it to `<output>/<release_id>/`. `evaluate` does the same with the
release that it judges; this is for one that has no baseline yet. Ends with 0, or with 1 and the cause.
"""

import argparse
import shutil
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import numpy as np

from relevance.arrays import Vector
from relevance.contracts.api import SearchParameters
from relevance.contracts.baseline import BASELINE_FILE, Baseline, Topic
from relevance.contracts.stages import PreprocessRequest, UnderstoodQuery
from relevance.contracts.training import QueryLine
from relevance.errors import VitrineError
from relevance.query_profile import QueryProfile
from relevance.release import Release, open_release
from relevance.search import InProcess, search
from relevance.topics import BASELINE, Topics, described
from relevance.traffic import KINDS, NUMBERS, histogram, kinds, weighed
from relevance.traffic_drift import LEAST_SEARCHES
from sagemaker_jobs.dataset import Dataset
from sagemaker_jobs.derived_lessons import derive_texts
from sagemaker_jobs.folders import channel, model_folder
from sagemaker_jobs.job import run, say
from sagemaker_jobs.query_lines import sorted_words
from sagemaker_jobs.release_copies import copied, release_in

MOST_QUERIES = 3000
"""That are asked; of more, so many searches are drawn as shoppers would make them."""
MOST_TOPICS = 30
"""As many as `relevance.drift` compares one by one."""
LEAST_QUERIES_OF_A_TOPIC = 10
"""On average; with fewer, a topic would be one query."""
_TITLES = 5
"""Of the products found for a query that describe what it is about."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class Made:
    """A baseline and its topics, before they are part of a release."""

    baseline: Baseline
    topics: Topics | None

    def write(self, release: Path) -> None:
        """Put both into a release's folder; its manifest does not know of them yet."""
        folder = release / BASELINE
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        content = self.baseline.model_dump_json() + "\n"
        (folder / BASELINE_FILE).write_text(content, encoding="utf-8")
        if self.topics is not None:
            self.topics.save(folder)


@dataclass(frozen=True)
class _Chosen:
    """What is asked."""

    queries: Sequence[tuple[str, int]]
    """Texts and how often each was asked."""
    origin: Literal["log", "derived"]
    fresh: bool = False
    """Whether nothing of the release was made with them."""


@dataclass(frozen=True)
class _Asked:
    profile: QueryProfile
    vector: Vector | None
    titles: tuple[str, ...]
    count: int


class _Listening(InProcess):
    """Keeps what the last query was understood as: its vector is nobody else's business."""

    last: UnderstoodQuery

    def understand(self, request: PreprocessRequest) -> UnderstoodQuery:
        self.last = super().understand(request)
        return self.last


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the job; returns the exit status."""
    return run("baseline", _job, arguments)


def _job(arguments: Sequence[str] | None) -> None:
    given = _parser().parse_args(arguments)
    release = release_in(given.release or channel("release"))
    made = make_baseline(open_release(release), Dataset(given.dataset or channel("dataset")), seed=given.seed, say=say)
    if made is None:
        raise VitrineError(f"{given.dataset}: no query of the train and validation splits has a word in it")
    print(copied(release, given.output or model_folder(), adding=made.write))


def make_baseline(release: Release, dataset: Dataset, *, seed: int, say: Say) -> Made | None:
    """Ask a release what its data set's shoppers ask, and count; None where the data set has no query to ask.

    Args:
        release: Open; it need not have a baseline.
        dataset: Of its train and validation splits shoppers' queries are asked, where there are enough: they are asked
            again. Else queries are drawn from its catalogue, other ones than it holds, as what a model learnt from lies
            nearer together than what it never saw; topics are learnt from one half, and the other half is counted.
        seed: Of what is drawn: queries where there are too many, and the topics' first centres.
        say: Told what is going on.
    """
    chosen = _chosen(dataset, seed)
    say(f"asking the release {len(chosen.queries):,} queries for its baseline")
    asked = list(_ask(release, chosen.queries))
    if not asked:
        return None
    half = len(asked) // 2 if chosen.fresh else 0
    topics = _topics(asked[half:], seed)
    asked = asked[:half] or asked
    profiles = [_about(one, topics) for one in asked]
    counts = Counter[QueryProfile]()
    for profile, one in zip(profiles, asked, strict=True):
        counts[profile] += one.count
    counted = weighed(counts)
    by_topic = kinds(counted, "topic")
    words = _words(profiles, asked)
    numbers = {name: histogram(counted, name) for name in NUMBERS}
    baseline = Baseline(
        made_at=datetime.now(UTC).replace(microsecond=0),
        data_sha256=dataset.report["sha256"],
        origin=chosen.origin,
        queries=len(asked),
        searches=sum(one.weight for one in counted),
        topics=tuple(
            Topic(words=words.get(number, ()), count=by_topic.get(str(number), 0))
            for number in range(0 if topics is None else len(topics))
        ),
        numbers={name: found for name, found in numbers.items() if found is not None},
        kinds={name: found for name in KINDS if (found := kinds(counted, name))},
    )
    return Made(baseline, topics)


def _chosen(dataset: Dataset, seed: int) -> _Chosen:
    known = [query for query in dataset.queries if query.split != "test"]
    logged = [query for query in known if query.origin == "log"]
    if sum(query.asked for query in logged) >= LEAST_SEARCHES:
        return _Chosen(_drawn(logged, seed), "log")
    held = frozenset(sorted_words(query.text) for query in dataset.queries)
    fresh = derive_texts(dataset.products, MOST_QUERIES, seed=seed, asked=held) if known else []
    if len(fresh) >= 2 * LEAST_SEARCHES:
        return _Chosen([(text, 1) for text in fresh], "derived", fresh=True)
    return _Chosen(_drawn([query for query in known if query.origin == "derived"], seed), "derived")


def _drawn(queries: Sequence[QueryLine], seed: int) -> list[tuple[str, int]]:
    """Texts and how often each was asked."""
    if len(queries) <= MOST_QUERIES:
        return [(query.text, query.asked) for query in queries]
    asked = np.array([query.asked for query in queries], dtype=np.float64)
    drawn = np.random.default_rng(seed).multinomial(MOST_QUERIES, asked / asked.sum())
    return [(queries[at].text, int(drawn[at])) for at in np.flatnonzero(drawn).tolist()]


def _ask(release: Release, chosen: Sequence[tuple[str, int]]) -> Iterator[_Asked]:
    """Each query as the first page of a shop asks it; one without a word in it is passed over."""
    stages = _Listening(release)
    for text, count in chosen:
        profiles: list[QueryProfile] = []
        answer = search(
            SearchParameters(
                query=text, hits_per_page=_TITLES, attributes_to_retrieve=["title"], attributes_to_highlight=[]
            ),
            release,
            stages,
            query_id="0" * 32,
            index_name="products",
            profiled=profiles.append,
        )
        for profile in profiles:
            titles = tuple(str(hit["title"]) for hit in answer.hits)
            yield _Asked(profile, stages.last.vector, titles, count)


def _topics(asked: Sequence[_Asked], seed: int) -> Topics | None:
    with_vector = [one for one in asked if one.vector is not None]
    if not with_vector:
        return None
    return Topics.learn(
        np.stack([one.vector for one in with_vector if one.vector is not None]),
        np.array([one.count for one in with_vector], dtype=np.float32),
        max(1, min(MOST_TOPICS, len(with_vector) // LEAST_QUERIES_OF_A_TOPIC)),
        seed,
    )


def _about(one: _Asked, topics: Topics | None) -> QueryProfile:
    """The profile as the front door will log it once the release knows its topics."""
    if topics is None or one.vector is None:
        return one.profile.model_copy(update={"topic": None, "nearness": None})
    topic, nearness = topics.nearest(one.vector)
    return one.profile.model_copy(update={"topic": topic, "nearness": round(nearness, 4)})


def _words(profiles: Sequence[QueryProfile], asked: Sequence[_Asked]) -> dict[int, tuple[str, ...]]:
    titles: dict[int, dict[str, None]] = defaultdict(dict)
    for profile, one in zip(profiles, asked, strict=True):
        if profile.topic is not None:
            titles[profile.topic] |= dict.fromkeys(one.titles)
    return described({topic: list(found) for topic, found in titles.items()})


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sagemaker_jobs.baseline",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    for name in ("release", "dataset"):
        parser.add_argument(f"--{name}", type=Path, metavar="DIR", help=f"default: $SM_CHANNEL_{name.upper()}")
    parser.add_argument("--output", type=Path, metavar="DIR", help="default: $SM_MODEL_DIR")
    parser.add_argument("--seed", type=int, default=1, help="of all that is drawn (default: 1)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
