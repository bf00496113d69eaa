import numpy as np
import pytest

from relevance.errors import VitrineError
from sagemaker_jobs.product_vectors import ABOUT, VECTORS, ProductVectors, VectorsManifest

SHA256 = "0" * 64


def some_vectors(n=3, d=4, **fields):
    about = {"encoder_id": "large", "space": "large", "dimension": d, "products": n, "data_sha256": SHA256} | fields
    return ProductVectors(VectorsManifest.model_validate(about), np.eye(n, d, dtype=np.float32))


def test_what_was_written_is_read(tmp_path):
    some_vectors().write(tmp_path)

    read = ProductVectors.read(tmp_path)

    assert read.manifest.space == "large"
    np.testing.assert_array_equal(read.vectors, np.eye(3, 4, dtype=np.float32))


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.eye(2, 4, dtype=np.float32), r"is \(2, 4\) of float32, expected \(3, 4\)"),
        (np.eye(3, 4), "of float64"),
        (2 * np.eye(3, 4, dtype=np.float32), "3 rows are not of length 1, such as row 0, 2.0"),
        (np.eye(3, 4, dtype=np.float32) * np.float32("nan"), "not of length 1, such as row 0, nan"),
    ],
)
def test_an_array_that_is_not_what_is_said_of_it_is_refused(tmp_path, array, said):
    some_vectors().write(tmp_path)
    np.save(tmp_path / VECTORS, array)

    with pytest.raises(VitrineError, match=said):
        ProductVectors.read(tmp_path)


@pytest.mark.parametrize("name", [VECTORS, ABOUT])
def test_a_file_cut_in_half_is_refused(tmp_path, name):
    some_vectors().write(tmp_path)
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[: len(content) // 2])

    with pytest.raises(VitrineError, match="vectors in"):
        ProductVectors.read(tmp_path)


def test_vectors_that_are_no_directions_are_not_written(tmp_path):
    zeros = ProductVectors(some_vectors().manifest, np.zeros((3, 4), dtype=np.float32))

    with pytest.raises(VitrineError, match="not of length 1"):
        zeros.write(tmp_path)

    assert not (tmp_path / ABOUT).exists()
