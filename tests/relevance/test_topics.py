import numpy as np
import pytest

from relevance.topics import Topics, described


def around(*centres, each=20, seed=1):
    """Vectors near each of some directions, of length 1, and which direction each belongs to."""
    generator = np.random.default_rng(seed)
    vectors = np.repeat(np.array(centres, dtype=np.float32), each, axis=0)
    vectors = vectors + generator.normal(0, 0.05, vectors.shape).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.repeat(np.arange(len(centres)), each)


def test_directions_that_lie_apart_become_topics_of_their_own():
    vectors, belongs = around((1, 0, 0), (0, 1, 0), (0, 0, 1))

    topics = Topics.learn(vectors, np.ones(len(vectors)), 3, seed=1)

    found = topics.nearest_of(vectors)
    assert len({(one, other) for one, other in zip(belongs.tolist(), found.tolist(), strict=True)}) == 3
    np.testing.assert_allclose(np.linalg.norm(topics.centres, axis=1), 1, atol=1e-3)


def test_there_are_no_more_topics_than_different_vectors():
    vectors = np.repeat(np.eye(2, dtype=np.float32), 5, axis=0)

    assert len(Topics.learn(vectors, np.ones(10), 30, seed=1)) == 2


def test_what_is_asked_often_pulls_the_centre_towards_it():
    vectors = np.array([[1, 0], [0, 1]], dtype=np.float32)

    (centre,) = Topics.learn(vectors, np.array([3.0, 1.0]), 1, seed=1).centres

    np.testing.assert_allclose(centre, np.array([3, 1]) / np.sqrt(10), atol=1e-3)


def test_a_topic_is_told_with_how_near_its_centre_is():
    topics = Topics(np.eye(2, dtype=np.float32))

    topic, nearness = topics.nearest(np.array([0.6, 0.8], dtype=np.float32))

    assert topic == 1
    assert nearness == pytest.approx(0.8)


def test_saved_topics_are_the_same_ones(tmp_path):
    vectors, _ = around((1, 0, 0), (0, 1, 0))
    topics = Topics.learn(vectors, np.ones(len(vectors)), 2, seed=1)
    topics.save(tmp_path)

    np.testing.assert_array_equal(Topics.open(tmp_path).centres, topics.centres)


def test_words_that_stand_everywhere_and_numbers_describe_nothing():
    found = described({0: ["black lamp 20 w"] * 3, 1: ["black kettle 20 w"] * 3})

    assert found == {0: ("lamp",), 1: ("kettle",)}
