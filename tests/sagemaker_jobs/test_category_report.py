import numpy as np
import pytest

from sagemaker_jobs.category_report import (
    LEAST_BELIEVED,
    WANTED_PRECISION,
    accuracy,
    believed,
    believed_from,
    calibration_error,
    confusion,
    lower_end,
    macro_f1,
    scores_by_label,
)

RIGHT = np.array([0, 0, 0, 1, 1, 2])
TAKEN = np.array([0, 0, 1, 1, 0, 0])
HOME, LAMPS, FANS = ("Home",), ("Home", "Lamps"), ("Home", "Fans")


def test_precision_recall_and_f1_are_those_counted_by_hand():
    scores = scores_by_label(RIGHT, TAKEN)

    assert (scores[0].precision, scores[0].recall, scores[0].support) == (0.5, pytest.approx(2 / 3), 3)
    assert (scores[1].precision, scores[1].recall, scores[1].f1) == (0.5, 0.5, 0.5)
    assert (scores[2].precision, scores[2].recall, scores[2].f1) == (0.0, 0.0, 0.0)
    assert accuracy(RIGHT, TAKEN) == 0.5
    assert macro_f1(RIGHT, TAKEN) == pytest.approx((4 / 7 + 0.5 + 0) / 3)


def test_confusion_counts_who_is_taken_for_whom():
    counted = confusion([LAMPS, LAMPS, LAMPS, FANS], [LAMPS, FANS, LAMPS, FANS])

    assert [(*map(tuple, (each["category"], each["taken_for"])), each["products"]) for each in counted] == [
        (FANS, FANS, 1),
        (LAMPS, FANS, 1),
        (LAMPS, LAMPS, 2),
    ]


def test_a_broader_category_that_holds_the_right_one_is_right():
    found = believed([LAMPS, LAMPS, FANS, FANS], [(LAMPS, 0.9), (HOME, 0.8), (LAMPS, 0.9), None])

    assert found["all"] == {"coverage": 0.75, "precision": pytest.approx(2 / 3)}
    assert found["narrowest"] == {"coverage": 0.5, "precision": 0.5}
    assert found["broader"] == {"coverage": 0.25, "precision": 1.0}


def test_probabilities_that_come_true_have_no_calibration_error():
    probabilities = np.tile(np.array([[0.75, 0.25]], dtype=np.float32), (4, 1))

    assert calibration_error(probabilities, np.array([0, 0, 0, 1])) == pytest.approx(0)
    assert calibration_error(probabilities, np.array([1, 1, 1, 1])) == pytest.approx(0.75)


def alone(count):
    """Families of one product each."""
    return [str(number) for number in range(count)]


def test_categories_are_believed_from_where_they_are_right_often_enough():
    probability = np.linspace(1, 0.5, 100).astype(np.float32)
    hit = np.arange(100) < 60  # the surest sixty are right, the others wrong

    threshold = believed_from(probability, hit, alone(100))

    kept = int((probability >= threshold).sum())
    assert kept > 60
    assert lower_end(60 / kept, kept) >= WANTED_PRECISION > lower_end(60 / (kept + 1), kept + 1)


def test_the_threshold_lies_between_the_last_that_is_believed_and_the_next():
    probability = np.array([0.9] * 40 + [0.7] * 40, dtype=np.float32)
    hit = np.array([True] * 40 + [False] * 40)

    assert believed_from(probability, hit, alone(80)) == pytest.approx(0.8)
    assert believed_from(probability[:40], hit[:40], alone(40)) == pytest.approx((0.9 + LEAST_BELIEVED) / 2)


def test_a_few_lucky_ones_are_not_believed():
    assert believed_from(np.ones(20, dtype=np.float32), np.ones(20, dtype=bool), alone(20)) is None


def test_a_thousand_sizes_of_one_thing_count_once():
    probability = np.ones(1000, dtype=np.float32)

    assert believed_from(probability, np.ones(1000, dtype=bool), ["desk lamp"] * 1000) is None
    assert believed_from(probability[:30], np.ones(30, dtype=bool), alone(30)) is not None
    wrong_once = np.append(np.ones(100, dtype=bool), np.zeros(900, dtype=bool))
    assert believed_from(probability, wrong_once, [*alone(100), *["desk lamp"] * 900]) is not None


def test_what_is_less_likely_than_not_is_never_believed():
    probability = np.linspace(0.6, 0.1, 100).astype(np.float32)

    assert believed_from(probability, np.ones(100, dtype=bool), alone(100)) == LEAST_BELIEVED


def test_equal_probabilities_are_believed_together_or_not_at_all():
    hit = np.concatenate([np.ones(60, dtype=bool), np.zeros(60, dtype=bool)])

    assert believed_from(np.full(120, 0.5, dtype=np.float32), hit, alone(120)) is None
