import pytest
from pydantic import ValidationError

from relevance.contracts.baseline import Histogram
from relevance.query_profile import QueryProfile
from relevance.traffic import Weighed, histogram
from relevance.traffic_log import MOST_SEARCHES, log_query, logged_searches

LINE = '{"message":"searched","release":"r-1","rung":"lambda","hits":3,"tokens":2,"took_ms":4.2}'


def a_profile(**fields):
    return QueryProfile.model_validate({"tokens": 2, "hits": 3, "rung": "lambda"} | fields)


def of(*values, weights=None):
    return [
        Weighed(a_profile(hits=value), weight)
        for value, weight in zip(values, weights or [1.0] * len(values), strict=True)
    ]


def test_few_values_are_counted_one_by_one_and_what_is_beyond_them_apart():
    before = histogram(of(1, 1, 2, 5), "hits")

    assert before.counts == (0, 2, 1, 1, 0)
    assert histogram(of(0, 1, 6), "hits", before.edges).counts == (1, 1, 0, 0, 1)


def test_many_values_fall_evenly_into_bins():
    counted = histogram(of(*range(1000)), "hits")

    assert max(counted.counts) <= 51
    assert sum(counted.counts) == 1000
    assert counted.mean == 499.5


def test_a_search_counts_as_often_as_it_weighs():
    assert histogram(of(1, 2, weights=[3.0, 1.0]), "hits").counts == (0, 3, 1, 0)


def test_where_no_search_says_a_number_there_is_nothing_to_count():
    assert histogram([Weighed(a_profile(), 1.0)], "cosine") is None


def test_what_a_filter_took_away_is_not_counted_among_what_was_found():
    assert histogram([Weighed(a_profile(filtered=True), 1.0)], "hits") is None


@pytest.mark.parametrize(("edges", "counts"), [((1.0,), (1.0,)), ((2.0, 1.0), (1.0, 1.0, 1.0))])
def test_a_histogram_that_does_not_fit_is_refused(edges, counts):
    with pytest.raises(ValidationError, match=r"expected one count more|do not ascend"):
        Histogram(edges=edges, counts=counts, mean=0)


def test_lines_of_the_log_are_read_as_searches():
    assert logged_searches([LINE], "r-1") == [a_profile()]


@pytest.mark.parametrize(
    "line",
    [
        "START RequestId: 1",
        "[1]",
        LINE.replace("r-1", "r-2"),
        LINE.replace('"tokens":2,', ""),
        LINE.replace("searched", "release swapped"),
        LINE.replace('"hits":3', '"hits":"many"'),
    ],
)
def test_any_other_line_is_passed_over(line):
    assert logged_searches([line], "r-1") == []


def test_the_log_is_asked_for_one_release_and_no_more_rows_than_it_gives():
    asked = log_query("20261122T1200.1-abc")

    assert r"/20261122T1200\.1-abc/" in asked
    assert asked.endswith(f"limit {MOST_SEARCHES}")
