import pytest

from relevance.contracts.quality import JudgedQuery
from relevance.usual_relevance import REMEMBERED_LOOKS, beside_usual, mean_change


def after(*looks):
    """What is said after looks that found so much for one query; None where it was not answered."""
    said = ()
    for found in looks:
        said = beside_usual({} if found is None else {"hub": found}, said)
    (one,) = said
    return one


def test_at_a_first_look_nothing_is_usual():
    assert after(0.8) == JudgedQuery(query="hub", ndcg10=0.8)
    assert mean_change([after(0.8)]) is None


def test_usual_is_the_mean_of_the_looks_before():
    one = after(0.8, 0.6, 0.4, 0.1)

    assert (one.usual, one.looks, one.ndcg10) == (0.6, 3, 0.1)
    assert mean_change([one]) == -0.5


def test_a_look_that_failed_changes_nothing_of_what_is_known():
    assert after(0.8, 0.6, None, 0.4) == after(0.8, 0.6, 0.4)
    assert mean_change([after(0.8, None)]) is None


def test_a_query_that_is_new_does_not_count_as_a_change():
    before = [after(0.8, 0.8)]

    said = beside_usual({"hub": 0.7, "mouse": 0.0}, before)

    assert mean_change(said) == pytest.approx(-0.1)


def test_what_lasts_becomes_usual_in_weeks():
    fell = after(*[0.9] * 500, *[0.5] * 24)
    later = after(*[0.9] * 500, *[0.5] * 5 * REMEMBERED_LOOKS)

    assert fell.looks == REMEMBERED_LOOKS
    assert mean_change([fell]) < -0.3  # a day later it still shows
    assert mean_change([later]) == pytest.approx(0, abs=0.01)
