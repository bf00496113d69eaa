import pytest

from benchmarks.relevance import quality


def test_an_answer_is_judged_in_both_countings():
    found = quality(["unknown", "good"], {"good": 3.0, "missed": 2.0, "bad": 0.0})

    best = 7 + 3 / 1.5849625  # log2(3)
    assert found.ndcg == pytest.approx((7 / 1.5849625) / best)
    assert found.ndcg_judged == pytest.approx(7 / best)
    assert (found.judged, found.recall, found.reciprocal_rank, found.precision) == (0.1, 0.5, 0.5, 0.1)


def test_products_after_the_hundredth_do_not_count():
    found = quality([*(f"unknown {rank}" for rank in range(100)), "good"], {"good": 3.0})

    assert (found.ndcg, found.ndcg_judged, found.recall) == (0, 0, 0)
