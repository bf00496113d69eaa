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
