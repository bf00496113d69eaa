import json

import pytest

from benchmarks.tables import (
    TableUnknown,
    compression_table,
    latency_table,
    main,
    relevance_table,
    scale_table,
    with_tables,
)

MACHINE = {"processor": "A chip", "cores": 2, "python": "3.11.7"}
RESULTS = {
    "date": "2026-11-22",
    "code": "abc",
    "machine": MACHINE,
    "release": {"products": 19406},
    "queries": 54,
    "engines": {"bm25": {"ndcg": 0.8, "ndcg_judged": 0.85, "judged": 0.7, "recall": 0.9}},
    "differences": [
        {"better": "fused", "than": "bm25", "figure": "ndcg", "mean": 0.01, "low": -0.02, "high": 0.0449},
    ],
}


@pytest.fixture
def results(tmp_path):
    (tmp_path / "relevance.json").write_text(json.dumps(RESULTS))
    return tmp_path


def test_a_table_shows_each_figure_and_each_interval():
    table = relevance_table(RESULTS)

    assert "| BM25 (title, description and brand as one text) | 0.800 | 0.850 | 0.700 | 0.900 |" in table
    assert "| fused against BM25 | unjudged as bad | +0.010 | -0.020 to +0.045 |" in table
    assert "54 queries. Icecat, 19,406 products; 2026-11-22" in table


def test_times_of_queries_that_come_again_are_called_a_simulation():
    whole = {"what": "a whole request", "p50_ms": 5.04, "p99_ms": 8.0}
    again = {"searches": 6000, "queries": 20_000, "exponent": 1.0, "most_remembered": 1000, "remembered_share": 0.604}
    results = RESULTS | {"measured": [whole], "repeated": {"what": "again", "p50_ms": 0.44, "p99_ms": 7.0} | again}

    table = latency_table(results)

    assert "| a whole request | 5.0 | 8.0 |\n| again | 0.4 | 7.0 |" in table
    assert "54 distinct queries, none asked before, nothing remembered. The last line is a simulation" in table
    assert "6,000 searches drawn from 20,000 queries by Zipf's law (exponent 1), at most 1,000 remembered" in table
    assert "which answered 60%" in table


def a_size(products, p50_ms):
    figures = dict.fromkeys(("build_seconds", "build_peak_mb", "release_mb", "computed_fetch_seconds", "recall"), 1.0)
    figures |= dict.fromkeys(("open_seconds", "first_search_seconds", "memory_mb", "mapped_mb"), 2.0)
    return figures | {
        "products": products,
        "measured": [{"what": "a whole request", "p50_ms": p50_ms, "p99_ms": 9.0}],
    }


def test_sizes_stand_side_by_side_and_the_resampled_ones_are_called_so():
    table = scale_table(RESULTS | {"sizes": [a_size(19_406, 5.0), a_size(1_000_000, 8.0)], "rounds": 3})

    assert "| products | 19,406 | 1,000,000 |" in table
    assert "| a whole request, p50 / p99 ms | 5.0 / 9.0 | 8.0 / 9.0 |" in table
    assert "| the p50 of that, of the first size's | 1.00x | 1.60x |" in table
    assert "resampled with perturbed text and vectors, for load only" in table


def test_only_what_stands_between_the_markers_changes(results):
    text = "before\n<!-- table:relevance -->\nold\n<!-- /table -->\nafter\n"

    written = with_tables(text, results)

    assert written.startswith("before\n<!-- table:relevance -->\n| ")
    assert written.endswith("<!-- /table -->\nafter\n")
    assert "old" not in written
    assert with_tables(written, results) == written


@pytest.mark.parametrize("name", ["latency", "beauty"])
def test_a_table_without_results_is_refused(results, name):
    with pytest.raises(TableUnknown, match=name):
        with_tables(f"<!-- table:{name} -->\n<!-- /table -->", results)


def test_a_document_without_tables_is_in_order(tmp_path):
    (tmp_path / "README.md").write_text("no tables")

    assert main(["--check", str(tmp_path / "README.md")]) == 0


def test_a_marker_that_nobody_measured_fails_the_check(tmp_path, capsys):
    (tmp_path / "README.md").write_text("<!-- table:beauty -->\n<!-- /table -->")

    assert main(["--check", str(tmp_path / "README.md")]) == 1
    assert "beauty" in capsys.readouterr().err


def test_a_way_to_compress_whose_products_were_not_encoded_has_no_overlap_of_both_sides():
    step = {"name": "int8", "megabytes": 22.84, "smaller": 3.97, "p50_ms": 1.642, "faster": 2.96, "overlap10": 0.9536}
    step |= {"cosine": 0.998, "product_cosine": 0.997, "dense": {"ndcg": 0.8, "ndcg_judged": 0.9}}
    both = [step | {"overlap10_both": 0.92}, step | {"overlap10_both": None}]

    table = compression_table(
        RESULTS | {"products": 19406, "queries": 5000, "queries_both": 2000, "judged_queries": 54, "steps": both}
    )

    assert "| int8 | 22.8 | 4.0x | 1.64 | 3.0x | 0.954 | 0.920 | 0.9980 | 0.9970 | 0.800 / 0.900 |" in table
    assert "| 0.954 | - | 0.9980 |" in table
    assert "5,000 queries (2,000 for both sides) over 19,406 products" in table
