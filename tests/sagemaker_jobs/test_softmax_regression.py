import numpy as np
import pytest

from relevance.category_intent import softmax
from sagemaker_jobs.softmax_regression import softmax_regression, temperature_of


def test_labels_that_lie_apart_are_told_apart():
    generator = np.random.default_rng(0)
    labels = np.arange(90) % 3
    vectors = (np.eye(4)[labels] + 0.2 * generator.standard_normal((90, 4))).astype(np.float32)

    weights, bias = softmax_regression(vectors, labels, 3, decay=1e-4)

    assert ((vectors @ weights + bias).argmax(axis=1) == labels).mean() > 0.98


def test_without_a_signal_the_probabilities_are_how_often_labels_occur():
    labels = np.array([0] * 6 + [1] * 3 + [2])

    weights, bias = softmax_regression(np.zeros((10, 2), dtype=np.float32), labels, 3, decay=1e-4)

    np.testing.assert_allclose(softmax(bias[None]), [[0.6, 0.3, 0.1]], atol=1e-3)
    np.testing.assert_array_equal(weights, 0)


def test_more_decay_makes_smaller_weights():
    labels = np.arange(40) % 2
    vectors = np.eye(2, dtype=np.float32)[labels]

    free, held = (softmax_regression(vectors, labels, 2, decay=decay)[0] for decay in (1e-6, 1e-1))

    assert np.abs(held).sum() < np.abs(free).sum()


def test_scores_that_are_too_sure_are_cooled_by_as_much():
    honest = np.log(np.array([[0.7, 0.3]] * 10, dtype=np.float32))
    labels = np.array([0] * 7 + [1] * 3)

    assert temperature_of(3 * honest, labels) == pytest.approx(3, rel=0.01)
