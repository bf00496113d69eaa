import numpy as np
import pytest

from relevance.curves import average_precision, cross_validated_f1, roc_auc, thresholds

SCORES = np.array([0.9, 0.8, 0.7, 0.6, 0.5])
RELEVANT = np.array([True, False, True, False, False])


def test_every_threshold_is_counted():
    at = thresholds(SCORES, RELEVANT)

    assert at.recall.tolist() == [0.5, 0.5, 1, 1, 1]
    assert at.precision.tolist() == pytest.approx([1, 1 / 2, 2 / 3, 2 / 4, 2 / 5])
    assert at.false_positive_rate.tolist() == pytest.approx([0, 1 / 3, 1 / 3, 2 / 3, 1])
    assert at.f1.tolist() == pytest.approx([2 / 3, 2 / 4, 4 / 5, 4 / 6, 4 / 7])


def test_the_areas_are_those_counted_by_hand():
    at = thresholds(SCORES, RELEVANT)

    assert roc_auc(at) == pytest.approx(5 / 6)  # of six pairs of a relevant and another product, five in order
    assert average_precision(at) == pytest.approx((1 + 2 / 3) / 2)


def test_scores_that_say_nothing_are_worth_a_half():
    at = thresholds(np.zeros(5), RELEVANT)

    assert roc_auc(at) == 0.5
    assert average_precision(at) == pytest.approx(2 / 5)


def test_the_wrong_way_round_is_worth_nothing():
    assert roc_auc(thresholds(np.array([0.1, 0.2, 0.9]), np.array([True, True, False]))) == 0


def test_what_was_not_found_comes_last():
    at = thresholds(np.array([-np.inf, 0.3, -np.inf]), np.array([True, True, False]))

    assert roc_auc(at) == 0.75  # one pair in order, one tied


@pytest.mark.parametrize(
    ("scores", "relevant", "said"),
    [
        ([0.1, 0.2], [True, True], "all 2 labels are the same"),
        ([0.1, 0.2], [False, False], "all 2 labels are the same"),
        ([0.1, np.nan], [True, False], "no NaN"),
        ([0.1], [True, False], "expected as many"),
    ],
)
def test_what_cannot_be_told_apart_is_refused(scores, relevant, said):
    with pytest.raises(ValueError, match=said):
        thresholds(np.array(scores), np.array(relevant))


def test_a_threshold_is_chosen_by_the_queries_that_it_is_not_counted_on():
    scores = np.array([0.9, 0.1, 0.8, 0.2, 0.3, 0.25])
    relevant = np.array([True, False, True, False, True, False])
    queries = np.array([0, 0, 1, 1, 2, 2])

    # Best without the first or the second query: .3, without the third: .8, which misses that one's relevant product.
    assert cross_validated_f1(scores, relevant, queries) == pytest.approx(2 * 2 / (2 + 3))
    assert thresholds(scores, relevant).f1.max() == 1


def test_one_query_leaves_nothing_to_choose_a_threshold_by():
    assert np.isnan(cross_validated_f1(SCORES, RELEVANT, np.zeros(5, dtype=np.int64)))
