"""A network of another kind than BERT, with a tokeniser of its own: what a shop may train on AWS."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from tokenizers import Tokenizer, models, pre_tokenizers, processors  # noqa: E402
from transformers import PreTrainedTokenizerFast, XLMRobertaConfig, XLMRobertaModel  # noqa: E402

from models.text_encoder import BroughtTokeniser, TextEncoder  # noqa: E402
from relevance.errors import VitrineError  # noqa: E402

WORDS = ("lamp", "desk", "red", "kettle", "query", ":")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two layers, vectors of 32 numbers."""
    folder = tmp_path_factory.mktemp("xlm-roberta")
    vocabulary = {piece: number for number, piece in enumerate(("<s>", "<pad>", "</s>", "<unk>", *WORDS))}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="<pad>", unk_token="<unk>"
    ).save_pretrained(folder)
    torch.manual_seed(0)
    config = XLMRobertaConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=40,
        pad_token_id=1,
    )
    XLMRobertaModel(config).save_pretrained(folder)
    return folder


def test_its_own_tokeniser_reads_its_texts(folder):
    encoder = TextEncoder.load(folder)

    assert isinstance(encoder.tokeniser, BroughtTokeniser)
    assert encoder.tokeniser.encode("red lamp", max_tokens=8) == [0, 6, 4, 2]
    assert encoder.tokeniser.encode("red lamp desk", max_tokens=4) == [0, 6, 4, 2]


def test_vectors_are_cut_and_have_length_one(folder):
    vectors = TextEncoder.load(folder, dimension=8).encode(["red lamp", "a kettle"], max_tokens=8)

    assert vectors.shape == (2, 8)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)


def test_a_vector_does_not_depend_on_its_batch(folder):
    encoder = TextEncoder.load(folder)
    texts = ["red lamp", "desk lamp red kettle desk lamp", "kettle"]

    together = encoder.encode(texts, max_tokens=16, exact=True)

    for text, vector in zip(texts, together, strict=True):
        np.testing.assert_allclose(encoder.encode([text], max_tokens=16, exact=True)[0], vector, atol=1e-5)


def test_it_is_the_same_after_saving(folder, tmp_path):
    encoder = TextEncoder.load(folder, dimension=16)
    encoder.query_prefix = "query : "

    manifest = encoder.save(tmp_path, name="x", derived_from="y", licence="MIT", metrics={"a": 0.5}, lineage=None)

    again = TextEncoder.load(tmp_path)
    assert (again.encoder_id, again.dimension, again.query_prefix) == (manifest.encoder_id, 16, "query : ")
    np.testing.assert_allclose(
        again.encode(["lamp"], max_tokens=8, exact=True), encoder.encode(["lamp"], max_tokens=8, exact=True), atol=1e-6
    )


def test_weights_that_were_changed_are_refused(folder, tmp_path):
    TextEncoder.load(folder).save(tmp_path, name="x", derived_from="y", licence="MIT", metrics={}, lineage=None)
    with (tmp_path / "model.safetensors").open("ab") as file:
        file.write(b"0")

    with pytest.raises(VitrineError, match=r"model\.safetensors is .*, its manifest says"):
        TextEncoder.load(tmp_path)


def test_a_folder_without_a_network_is_named(tmp_path):
    with pytest.raises(VitrineError, match=r"config\.json is missing"):
        TextEncoder.load(tmp_path)
