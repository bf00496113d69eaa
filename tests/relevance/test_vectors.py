import numpy as np
import pytest

from relevance.index.vectors import VectorIndex


@pytest.fixture
def index(tmp_path):
    """Ten vectors in a plane, each turned ten degrees further away from the first."""
    angles = np.linspace(0, np.pi / 2, 10)
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    VectorIndex.build(vectors, tmp_path / "vectors.faiss")
    return VectorIndex.open(tmp_path / "vectors.faiss")


FIRST = np.array([1, 0], dtype=np.float32)


def test_the_nearest_come_first(index):
    assert index.search(FIRST, 4, floor=-1).tolist() == [0, 1, 2, 3]


def test_only_products_that_are_allowed_are_found_and_they_fill_the_limit(index):
    allowed = np.zeros(10, dtype=bool)
    allowed[[1, 4, 6, 9]] = True

    assert index.search(FIRST, 3, floor=-1, allowed=allowed).tolist() == [1, 4, 6]
    assert index.search(FIRST, 10, floor=-1, allowed=allowed).tolist() == [1, 4, 6, 9]
    assert index.search(FIRST, 10, floor=-1, allowed=np.zeros(10, dtype=bool)).tolist() == []


def test_nothing_below_the_floor_is_found(index):
    found = index.search(FIRST, 10, floor=0.7)

    assert found.tolist() == [0, 1, 2, 3, 4]  # cos(40°) = .766, cos(50°) = .643


def test_cosines_are_those_of_the_vectors_kept(index):
    np.testing.assert_allclose(index.cosines(FIRST, np.array([0, 9])), [1, 0], atol=0.01)
    assert index.cosines(FIRST, np.array([], dtype=np.int64)).shape == (0,)


@pytest.fixture(scope="module")
def vectors():
    """2,000 vectors around 50 directions, and one that is all zeros."""
    rng = np.random.default_rng(3)
    made = rng.standard_normal((50, 32))[rng.integers(50, size=2000)] + 0.7 * rng.standard_normal((2000, 32))
    made /= np.linalg.norm(made, axis=1, keepdims=True)
    made[0] = 0
    return made.astype(np.float32)


@pytest.fixture(scope="module")
def flat_and_lists(vectors, tmp_path_factory):
    folder = tmp_path_factory.mktemp("vectors")
    VectorIndex.build(vectors, folder / "flat.faiss")
    VectorIndex.build(vectors, folder / "lists.faiss", lists_from=1000)
    return VectorIndex.open(folder / "flat.faiss"), VectorIndex.open(folder / "lists.faiss")


def test_lists_find_nearly_all_that_a_look_at_every_vector_finds(flat_and_lists, vectors):
    flat, lists = flat_and_lists

    shares = [
        len(np.intersect1d(flat.search(query, 50, floor=-1), lists.search(query, 50, floor=-1))) / 50
        for query in vectors[1:101]
    ]

    assert np.mean(shares) > 0.95


def test_lists_keep_the_same_codes(flat_and_lists, vectors):
    flat, lists = flat_and_lists
    rows = np.array([1999, 0, 7, 7])

    np.testing.assert_array_equal(flat.take(rows), lists.take(rows))
    np.testing.assert_allclose(lists.take(rows), vectors[rows], atol=0.01)
    np.testing.assert_array_equal(flat.cosines(vectors[5], rows), lists.cosines(vectors[5], rows))


@pytest.mark.parametrize("allowed_share", [0.001, 0.02, 0.3])
def test_behind_a_filter_lists_still_find_what_there_is(flat_and_lists, vectors, allowed_share, monkeypatch):
    monkeypatch.setattr("relevance.index.vectors._FEW", 10)
    flat, lists = flat_and_lists
    allowed = np.random.default_rng(5).random(len(vectors)) < allowed_share

    shares = []
    for query in vectors[1:51]:
        expected = flat.search(query, 20, floor=0.1, allowed=allowed)
        found = lists.search(query, 20, floor=0.1, allowed=allowed)
        assert allowed[found].all()
        shares.append(len(np.intersect1d(expected, found)) / len(expected) if len(expected) else 1.0)

    assert np.mean(shares) > 0.95


def test_a_filter_that_lets_nothing_through_finds_nothing_in_lists(flat_and_lists, vectors):
    _, lists = flat_and_lists

    assert lists.search(vectors[1], 5, floor=-1, allowed=np.zeros(len(vectors), dtype=bool)).tolist() == []


def test_vectors_that_are_all_zeros_can_be_laid_in_lists(tmp_path):
    VectorIndex.build(np.zeros((30, 8), dtype=np.float32), tmp_path / "vectors.faiss", lists_from=10)

    index = VectorIndex.open(tmp_path / "vectors.faiss")

    assert (len(index), index.dimension) == (30, 8)
    assert index.search(np.eye(8, dtype=np.float32)[0], 5, floor=0.2).tolist() == []
