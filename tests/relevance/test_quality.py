import pytest

from relevance.quality import mean_quality, quality


def test_an_answer_is_judged_in_both_countings():
    found = quality(["unknown", "good"], {"good": 3.0, "missed": 2.0, "bad": 0.0})

    best = 7 + 3 / 1.5849625  # log2(3)
    assert found.ndcg == pytest.approx((7 / 1.5849625) / best)
    assert found.ndcg_judged == pytest.approx(7 / best)
    assert (found.judged, found.recall, found.reciprocal_rank, found.precision) == (0.1, 0.5, 0.5, 0.1)


def test_products_after_the_hundredth_do_not_count():
    found = quality([*(f"unknown {rank}" for rank in range(100)), "good"], {"good": 3.0})

    assert (found.ndcg, found.ndcg_judged, found.recall) == (0, 0, 0)


def test_a_judged_product_after_the_hundredth_counts_where_places_do_not():
    ranked = [f"unknown {rank}" for rank in range(150)]

    before = quality([*ranked[:60], "good", *ranked[60:]], {"good": 3.0, "bad": 0.0})
    behind = quality([*ranked[:110], "bad", "good"], {"good": 3.0, "bad": 0.0})

    assert before.ndcg_known == before.ndcg_judged == 1.0
    assert (behind.ndcg_judged, behind.ndcg_known) == (0.0, pytest.approx(1 / 1.5849625))


def test_f1_weighs_what_was_found_against_what_was_shown():
    found = quality(["good", "bad", "fair"], {"good": 3.0, "fair": 1.0, "missed": 2.0, "bad": 0.0})

    assert found.f1 == pytest.approx(2 * 0.1 * 0.5 / (0.1 + 0.5))  # one of ten places, one of two relevant products


def test_what_counts_as_relevant_can_be_said():
    found = quality(["fair"], {"fair": 1.0, "good": 3.0}, relevant_from=1.0)

    assert (found.recall, found.precision) == (0.5, 0.1)


def test_queries_without_a_relevant_product_do_not_count_in_the_mean_recall():
    means = mean_quality([quality(["fair"], {"fair": 1.0}), quality(["good"], {"good": 3.0})])

    assert means["recall"] == 1.0
    assert means["f1"] == pytest.approx(2 * 0.1 / 1.1, abs=1e-4)
    assert means["ndcg"] == 1.0
