import numpy as np

from benchmarks.retrieval import cross_validated, settings
from relevance.index.retrieval import SERVED


def test_the_setting_in_use_is_among_those_tried():
    assert settings()[0] == SERVED
    assert settings().count(SERVED) == 1


def test_a_query_is_answered_by_what_was_best_on_the_others():
    found = np.zeros((2, 2, 2))
    found[0, 0] = 1.0  # setting 0 is right on query 0 alone, setting 1 on query 1 alone
    found[1, 1] = 1.0

    answers, chosen = cross_validated(found, folds=2, seed=1)

    assert sorted(chosen) == [0, 1]
    np.testing.assert_array_equal(answers, 0)


def test_a_setting_that_is_best_everywhere_is_chosen_everywhere():
    found = np.stack([np.full((5, 2), 0.2), np.full((5, 2), 0.8)])

    answers, chosen = cross_validated(found, folds=5, seed=1)

    assert chosen == [1] * 5
    np.testing.assert_array_equal(answers, 0.8)
