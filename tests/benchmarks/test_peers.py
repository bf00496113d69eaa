import io
import json

import pytest

from benchmarks.peers.engine import BASELINE, ENTRIES, entry
from benchmarks.peers.reciprocal_rank import fuse
from benchmarks.peers.serve import serve
from benchmarks.tables import peers_table

RESULTS = {
    "date": "2026-11-22",
    "code": "abc",
    "machine": {"processor": "A chip", "cores": 2, "python": "3.11.7"},
    "release": {"products": 19406},
    "judged_queries": 54,
    "packages": {"bm25s": "0.3.16"},
    "engines": [
        {
            "name": "bm25s",
            "title": "BM25, bm25s",
            "start_seconds": 0.62,
            "build_seconds": 6.6,
            "queries": 2000,
            "p50_ms": 0.5,
            "p99_ms": 1.25,
            "loaded_mib": 1067,
            "used_mib": 1068,
            "ndcg": 0.8,
            "ndcg_judged": 0.85,
            "judged": 0.7,
            "recall": 0.9,
        },
        {
            "name": "vitrine_front_door",
            "title": "Vitrine, in the handler",
            "start_seconds": 2.0,
            "build_seconds": 60.0,
            "queries": 2000,
            "p50_ms": 7.0,
            "p99_ms": 12.0,
        },
    ],
    "differences": [
        {"better": "bm25s", "than": "tantivy", "figure": "ndcg", "mean": 0.01, "low": -0.02, "high": 0.04},
    ],
}


class Slow:
    """Knows three products, and says that a search spent a minute outside it."""

    outside_ms = 60_000.0

    def search(self, query, k):
        return [f"{query} {place}" for place in range(3)][:k]


def test_an_engine_says_that_it_is_ready_and_answers_each_query_of_a_line():
    answered = io.StringIO()

    serve(Slow(), io.StringIO('{"queries": ["mouse", "pad"], "k": 2}\n'), answered)

    ready, answers = map(json.loads, answered.getvalue().splitlines())
    assert ready == {"ready": True}
    assert [answer["ids"] for answer in answers["answers"]] == [["mouse 0", "mouse 1"], ["pad 0", "pad 1"]]


def test_time_spent_outside_an_engine_is_not_counted():
    answered = io.StringIO()

    serve(Slow(), io.StringIO('{"queries": ["mouse"], "k": 2}\n'), answered)

    (answer,) = json.loads(answered.getvalue().splitlines()[1])["answers"]
    assert answer["ms"] < -50_000


def test_a_product_of_both_orders_comes_before_the_first_of_one():
    assert fuse([["a", "b"], ["c", "b"]]) == ["b", "a", "c"]


def test_every_engine_stands_behind_those_whose_files_it_reads():
    names = [each.name for each in ENTRIES]

    assert BASELINE in names
    assert all(names.index(needed) < names.index(each.name) for each in ENTRIES for needed in each.builds_on)


def test_an_unknown_engine_is_refused_with_those_there_are():
    with pytest.raises(ValueError, match=r"engine 'solr': expected one of bm25, bm25_fields, bm25s"):
        entry("solr")


def test_the_table_shows_relevance_with_its_interval_and_cost():
    table = peers_table(RESULTS)

    assert "| BM25, bm25s | 0.800 | +0.010 (-0.020 to +0.040) | 0.850 | - | 0.700 | 0.900 |" in table
    assert "| BM25, bm25s | 0.50 | 1.25 | 2,000 | 1,067 | 1,068 | 0.6 | 7 |" in table
    assert "54 judged queries; distinct queries timed. bm25s 0.3.16. Icecat, 19,406 products; 2026-11-22" in table


def test_an_engine_that_only_answers_pages_has_no_relevance_and_no_memory():
    table = peers_table(RESULTS)

    assert table.count("Vitrine, in the handler") == 1
    assert "| Vitrine, in the handler | 7.00 | 12.00 | 2,000 | - | - | 2.0 | 60 |" in table
