import numpy as np
import pytest

from relevance.metrics import (
    dcg,
    judged_only,
    judged_share,
    ndcg,
    paired_bootstrap,
    precision,
    ratings_of,
    recall,
    reciprocal_rank,
)

UNJUDGED = np.nan


def ratings(*values):
    return np.array(values, dtype=np.float64)


def test_ratings_follow_the_products_and_say_what_nobody_judged():
    np.testing.assert_array_equal(ratings_of(["b", "x", "a"], {"a": 0, "b": 3}), [3, np.nan, 0])


def test_gain_is_two_to_the_rating_less_one_and_shrinks_with_the_rank():
    assert dcg(ratings(3, 2, 0, 1), k=10) == pytest.approx(7 + 3 / np.log2(3) + 1 / np.log2(5))


def test_places_after_k_gain_nothing():
    assert dcg(ratings(0, 1, 3), k=2) == pytest.approx(1 / np.log2(3))


def test_the_best_order_has_ndcg_1_and_the_reverse_less():
    judged = ratings(0, 1, 3)

    assert ndcg(ratings(3, 1, 0), judged) == pytest.approx(1)
    assert ndcg(ratings(0, 1, 3), judged) == pytest.approx((1 / np.log2(3) + 7 / 2) / (7 + 1 / np.log2(3)))


def test_a_relevant_product_that_was_not_found_lowers_ndcg():
    assert ndcg(ratings(3), judged=ratings(3, 3)) == pytest.approx(1 / (1 + 1 / np.log2(3)))


def test_an_unjudged_product_counts_as_bad_in_one_counting_and_not_at_all_in_the_other():
    answer, judged = ratings(UNJUDGED, 3), ratings(3)

    assert ndcg(answer, judged) == pytest.approx(1 / np.log2(3))
    assert ndcg(judged_only(answer), judged) == pytest.approx(1)


def test_only_the_first_hundred_are_condensed():
    answer = np.concatenate([np.full(99, UNJUDGED), ratings(2, 3)])

    np.testing.assert_array_equal(judged_only(answer), [2])


def test_a_query_without_a_good_product_has_no_ndcg():
    with pytest.raises(ValueError, match="none of 2 judged products"):
        ndcg(ratings(0, 0), judged=ratings(0, 0))


def test_an_empty_answer_has_ndcg_0():
    assert ndcg(ratings(), judged=ratings(1)) == 0


def test_no_places_at_all_is_refused():
    with pytest.raises(ValueError, match="k is 0"):
        dcg(ratings(1), k=0)


def test_the_judged_share_is_of_ten_places_whether_filled_or_not():
    assert judged_share(ratings(0, UNJUDGED, 3)) == pytest.approx(0.2)


def test_recall_counts_products_rated_2_or_more():
    assert recall(ratings(3, 1, UNJUDGED), judged=ratings(3, 2, 1, 0)) == pytest.approx(0.5)


def test_recall_ends_at_k():
    assert recall(ratings(0, 3), judged=ratings(3), k=1) == 0


def test_recall_of_nothing_is_not_a_number():
    assert np.isnan(recall(ratings(1), judged=ratings(1)))


def test_precision_is_of_k_places():
    assert precision(ratings(3, UNJUDGED, 1, 2), k=10) == pytest.approx(0.2)


@pytest.mark.parametrize(("answer", "expected"), [((0, UNJUDGED, 2), 1 / 3), ((3,), 1), ((1, 1), 0), ((), 0)])
def test_reciprocal_rank_is_of_the_first_relevant_product(answer, expected):
    assert reciprocal_rank(ratings(*answer)) == pytest.approx(expected)


def test_a_constant_difference_has_an_interval_without_width():
    difference = paired_bootstrap([0.5, 0.7, 0.9], [0.4, 0.6, 0.8], seed=1, resamples=100)

    assert (difference.mean, difference.low, difference.high) == pytest.approx((0.1, 0.1, 0.1))
    assert difference.excludes_zero


def test_equal_engines_differ_by_an_interval_around_zero():
    difference = paired_bootstrap([0.0, 1.0] * 50, [1.0, 0.0] * 50, seed=1)

    assert difference.mean == 0
    assert not difference.excludes_zero
    # The mean of 100 values of +-1 has a standard error of 0.1.
    assert (difference.low, difference.high) == pytest.approx((-0.196, 0.196), abs=0.02)


def test_the_same_seed_gives_the_same_interval():
    values = np.linspace(0, 1, 20)

    assert paired_bootstrap(values, values**2, seed=3) == paired_bootstrap(values, values**2, seed=3)


@pytest.mark.parametrize(("a", "b"), [([1.0], [1.0, 2.0]), ([], []), ([np.nan], [1.0])])
def test_what_cannot_be_compared_is_refused(a, b):
    with pytest.raises(ValueError, match="quer"):
        paired_bootstrap(a, b, seed=1)
