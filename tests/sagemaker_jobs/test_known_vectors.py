import numpy as np
import pytest

from sagemaker_jobs.known_vectors import encode_unknown


class Lengths:
    """Encodes a text as its length, and remembers what it was asked."""

    def __init__(self):
        self.asked = []

    def __call__(self, texts):
        self.asked.append(texts)
        return np.array([[len(text), 1.0] for text in texts], dtype=np.float32)


@pytest.fixture
def encode():
    return Lengths()


def test_only_texts_that_are_new_are_encoded(tmp_path, encode):
    file = tmp_path / "vectors" / "encoder.npz"
    encode_unknown(["a", "bb", "ccc"], file, encode)

    vectors = encode_unknown(["ccc", "dddd", "a"], file, encode)

    assert encode.asked == [["a", "bb", "ccc"], ["dddd"]]
    np.testing.assert_array_equal(vectors[:, 0], [3, 4, 1])


def test_texts_that_are_all_known_are_not_encoded_at_all(tmp_path, encode):
    encode_unknown(["a", "bb"], tmp_path / "encoder.npz", encode)

    encode_unknown(["bb"], tmp_path / "encoder.npz", encode)

    assert len(encode.asked) == 1


def test_equal_texts_are_encoded_once(tmp_path, encode):
    vectors = encode_unknown(["a", "a"], tmp_path / "encoder.npz", encode)

    assert encode.asked == [["a"]]
    assert vectors.shape == (2, 2)


@pytest.mark.parametrize("content", [b"", b"no vectors", b"PK\x03\x04 half"])
def test_a_file_that_cannot_be_read_is_replaced(tmp_path, encode, content):
    file = tmp_path / "encoder.npz"
    file.write_bytes(content)

    encode_unknown(["a"], file, encode)
    encode_unknown(["a"], file, encode)

    assert encode.asked == [["a"]]
