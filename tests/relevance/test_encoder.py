import json
import shutil
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from relevance.contracts.models import EncoderManifest
from relevance.encoder import QUERY_TOKENS, TextEncoder
from relevance.errors import ReleaseRefused

ARTEFACT = Path(__file__).parents[2] / "models" / "artefacts" / "encoder"
GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "encoder.json").read_text(encoding="utf-8"))
LEAST_COSINE = 0.985
"""To the original; the least of 19,906 texts was .989, on a processor with VNNI."""


@pytest.fixture(scope="module")
def encoder() -> TextEncoder:
    return TextEncoder.load(ARTEFACT)


@pytest.mark.parametrize("row", GOLDEN, ids=lambda row: row["text"][:20] or "empty")
def test_a_vector_is_near_the_originals(encoder, row):
    assert encoder.encode(row["text"]) @ np.array(row["vector"]) >= LEAST_COSINE


def test_vectors_have_length_one(encoder):
    vectors = encoder.encode_batch(["usb hub", "", "toner"], max_tokens=16)

    assert vectors.shape == (3, encoder.dimension)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, rtol=1e-5)


def test_like_meanings_are_nearer_than_unlike_ones(encoder):
    notebook, laptop, stapler = encoder.encode_batch(["notebook computer", "laptop", "stapler"], max_tokens=16)

    assert notebook @ laptop > notebook @ stapler


def test_a_texts_vector_does_not_depend_on_its_neighbours(encoder):
    texts = [row["text"] for row in GOLDEN]

    together = TextEncoder.load(ARTEFACT, threads=2).encode_batch(texts, max_tokens=QUERY_TOKENS)

    np.testing.assert_array_equal(together, [encoder.encode(text) for text in texts])


def test_no_texts_give_no_vectors(encoder):
    assert encoder.encode_batch([], max_tokens=16).shape == (0, encoder.dimension)


def test_a_pasted_page_costs_no_more_than_a_long_query(encoder):
    page = "toner " * 10_000

    np.testing.assert_array_equal(encoder.encode(page), encoder.encode("toner " * QUERY_TOKENS))


@pytest.mark.parametrize("max_tokens", [1, 257])
def test_lengths_the_model_was_not_made_for_are_refused(encoder, max_tokens):
    with pytest.raises(ValueError, match=f"{max_tokens}: expected 2 to 256"):
        encoder.encode_batch(["toner"], max_tokens=max_tokens)


def test_the_manifest_tells_the_files_that_lie_there():
    manifest = EncoderManifest.model_validate_json((ARTEFACT / "manifest.json").read_bytes())

    for name, entry in manifest.files.items():
        content = (ARTEFACT / name).read_bytes()
        assert (sha256(content).hexdigest(), len(content)) == (entry.sha256, entry.size_bytes)
    assert manifest.files["model.onnx"].sha256[:12] in manifest.encoder_id
    assert sum(entry.size_bytes for entry in manifest.files.values()) <= 24_000_000


@pytest.fixture
def broken_copy(tmp_path):
    for name in ("model.onnx", "vocab.txt", "manifest.json"):
        shutil.copy(ARTEFACT / name, tmp_path / name)
    return tmp_path


def test_another_dimension_than_the_manifests_is_refused_with_both(broken_copy):
    manifest = json.loads((broken_copy / "manifest.json").read_text())
    (broken_copy / "manifest.json").write_text(json.dumps(manifest | {"dimension": 512}))

    with pytest.raises(ReleaseRefused, match="384 dimensions, its manifest 512"):
        TextEncoder.load(broken_copy)


@pytest.mark.parametrize("name", ["manifest.json", "vocab.txt", "model.onnx"])
def test_a_missing_file_is_refused_by_name(broken_copy, name):
    (broken_copy / name).unlink()

    with pytest.raises(ReleaseRefused, match=name):
        TextEncoder.load(broken_copy)


def test_a_vocabulary_without_its_special_tokens_is_refused(broken_copy):
    (broken_copy / "vocab.txt").write_text("ink\njet\n")

    with pytest.raises(ReleaseRefused, match=r"UNK"):
        TextEncoder.load(broken_copy)


def test_a_query_that_is_asked_again_is_not_encoded_again(encoder):
    first = encoder.encode("usb hub")

    assert encoder.encode("USB  hub") is first
    assert not first.flags.writeable
    assert TextEncoder.load(ARTEFACT, remembered=0).encode("usb hub") is not first
