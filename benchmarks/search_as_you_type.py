"""Search as you type: how long a keystroke takes in the handler, and how early the right products stand there.

Time is taken twice: of queries typed letter by letter, each letter a search, where the encoder need not run again when
a letter only confirms what the word was taken for, and the answers to first letters are remembered as they are for a
shop; and of single keystrokes out of as many distinct queries. For
quality, the judged queries lose the last letters of their last word, at least two of which stay; people rated the
products for the whole query.
"""

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.front_door import front_door
from benchmarks.judgments import Judgments, read_judgments, usable
from benchmarks.latency import timed
from benchmarks.queries import queries_from_titles
from benchmarks.results_file import read_arguments, write_results
from functions.environment import SearchSettings
from relevance.contracts.api import SearchParameters
from relevance.quality import quality
from relevance.release import Release, open_release
from relevance.search import InProcess, search

KEYSTROKES = 2000
WARM_UP = 100
SEED = 20261122
REMEMBERED: int = SearchSettings.model_fields["remembered_queries"].default
MOST_MISSING = 4
_LETTERS_LEFT = 2


def keystrokes(queries: Sequence[str], *, seed: int) -> list[str]:
    """What stands in the search box at one moment of typing each query, from its first letter to its last; distinct."""
    rng = np.random.default_rng(seed)
    return list(dict.fromkeys(query[: int(rng.integers(1, len(query) + 1))] for query in queries))


def letter_by_letter(queries: Sequence[str]) -> list[str]:
    """All that stands in the search box while queries are typed, one after the other."""
    return [query[:length] for query in queries for length in range(1, len(query) + 1)]


def early(release: Release, judgments: Judgments) -> list[dict[str, Any]]:
    """nDCG@10 of the judged queries while their last word lacks 0 to MOST_MISSING letters, completed and not."""
    stages = InProcess(release)

    def found(query: str, query_type: Any) -> list[str]:
        asked = SearchParameters(
            query=query, query_type=query_type, hits_per_page=100, attributes_to_retrieve=[], attributes_to_highlight=[]
        )
        answer = search(asked, release, stages, query_id="0" * 32, index_name="products")
        return [hit["objectID"] for hit in answer.hits]

    def means(missing: int, queries: Sequence[str], query_type: str) -> dict[str, float]:
        figures = [
            quality(found(query[: len(query) - missing], query_type), dict(judgments[query])) for query in queries
        ]
        return {
            "ndcg": round(float(np.mean([figure.ndcg for figure in figures])), 4),
            "ndcg_judged": round(float(np.mean([figure.ndcg_judged for figure in figures])), 4),
        }

    measured = []
    for missing in range(MOST_MISSING + 1):
        queries = [query for query in judgments if not missing or len(query.split()[-1]) >= missing + _LETTERS_LEFT]
        measured.append(
            {
                "missing": missing,
                "queries": len(queries),
                "completed": means(missing, queries, "prefixLast"),
                "as_typed": means(missing, queries, "prefixNone"),
            }
        )
    return measured


def main() -> int:
    """Measure, print, write `search_as_you_type.json`."""
    given = read_arguments(__doc__)
    release = open_release(given.release)
    titles = [record["title"] for record in release.index.records(np.arange(release.manifest.products))]
    queries = queries_from_titles(titles, KEYSTROKES + WARM_UP, seed=SEED)
    single = keystrokes(queries, seed=SEED)
    in_a_row = letter_by_letter(queries)[: KEYSTROKES + WARM_UP]
    measured = []
    for what, typed in (("typed letter by letter", in_a_row), ("single keystrokes of distinct queries", single)):
        with front_door(given.release, remembered_queries=REMEMBERED) as ask:
            entry = timed(what, ask, typed[WARM_UP:], warm_up=typed[:WARM_UP])
        measured.append(entry | {"keystrokes": len(typed) - WARM_UP})
        print(f"{what:40} p50 {entry['p50_ms']:6.2f} ms   p99 {entry['p99_ms']:6.2f} ms")
    quality_by_missing = early(release, usable(read_judgments(given.data)))
    for entry in quality_by_missing:
        print(
            f"{entry['missing']} letters missing, {entry['queries']} queries: nDCG@10 "
            f"{entry['completed']['ndcg']:.3f} / {entry['completed']['ndcg_judged']:.3f} completed, "
            f"{entry['as_typed']['ndcg']:.3f} / {entry['as_typed']['ndcg_judged']:.3f} as typed"
        )
    print(write_results("search_as_you_type", given, {"measured": measured, "early": quality_by_missing}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
