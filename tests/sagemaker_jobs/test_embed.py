import json

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from models.text_encoder import TextEncoder  # noqa: E402
from relevance.errors import VitrineError  # noqa: E402
from relevance.frequent_queries import FrequentQueries  # noqa: E402
from relevance.product_text import embedding_text  # noqa: E402
from sagemaker_jobs import embed as job  # noqa: E402
from sagemaker_jobs.dataset import PRODUCTS, Dataset  # noqa: E402
from sagemaker_jobs.embed import embed, main, most_asked  # noqa: E402
from sagemaker_jobs.job import DONE, STOPPED  # noqa: E402
from sagemaker_jobs.product_vectors import ProductVectors  # noqa: E402
from tests.models.tiny_bert import a_tiny_bert  # noqa: E402
from tests.sagemaker_jobs.learning_data import a_dataset  # noqa: E402
from tests.sagemaker_jobs.training_results import a_query, write_dataset  # noqa: E402


@pytest.fixture(scope="module")
def encoder_folder(tmp_path_factory):
    return a_tiny_bert(tmp_path_factory.mktemp("bert"))


@pytest.fixture
def encoder(encoder_folder):
    return TextEncoder.load(encoder_folder)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return a_dataset(tmp_path_factory.mktemp("dataset"))


def test_each_product_gets_the_vector_of_its_text_in_the_catalogues_order(dataset, encoder_folder, tmp_path):
    options = {"dataset": dataset.folder, "encoder": encoder_folder, "output": tmp_path, "threads": 1}

    status = main([part for name, value in options.items() for part in (f"--{name}", str(value))])

    made = ProductVectors.read(tmp_path)
    encoder = TextEncoder.load(encoder_folder)
    alone = encoder.encode([embedding_text(dataset.products[7])], max_tokens=64)[0]
    assert status == DONE
    assert (made.manifest.encoder_id, made.manifest.space) == (encoder.encoder_id, encoder.encoder_id)
    assert len(made.vectors) == len(dataset.products)
    assert made.vectors[7] @ alone > 0.999  # in bfloat16 where the processor can


def test_shards_make_the_same_vectors_as_one(dataset, encoder, monkeypatch):
    whole = embed(dataset, encoder)
    monkeypatch.setattr(job, "SHARD", 7)

    sharded = embed(dataset, encoder)

    assert (np.sum(whole * sharded, axis=1) > 0.999).all()


def test_shards_that_are_kept_are_not_made_again(dataset, encoder, tmp_path, monkeypatch):
    monkeypatch.setattr(job, "SHARD", 40)
    first = embed(dataset, encoder, tmp_path)
    kept = sorted(tmp_path.iterdir())
    kept[0].unlink()
    read = []
    monkeypatch.setattr(encoder, "encode", lambda texts, **how: read.append(len(texts)) or first[: len(texts)])

    embed(dataset, encoder, tmp_path)

    assert len(kept) == 2
    assert len(read) == 1


def test_half_a_shard_is_made_again(dataset, encoder, tmp_path):
    first = embed(dataset, encoder, tmp_path)
    (shard,) = tmp_path.iterdir()
    shard.write_bytes(shard.read_bytes()[:100])

    np.testing.assert_array_equal(embed(dataset, encoder, tmp_path), first)


def test_vectors_that_are_no_numbers_are_named_by_their_product(dataset, encoder, tmp_path):
    with torch.no_grad():
        encoder.network.get_input_embeddings().weight.fill_(float("nan"))

    with pytest.raises(VitrineError, match="the vector of p0 is no number"):
        embed(dataset, encoder)


def test_a_catalogue_without_products_is_refused(encoder_folder, tmp_path, capsys):
    dataset = a_dataset(tmp_path / "data")
    (dataset.folder / PRODUCTS).write_text("")

    status = main(
        ["--dataset", str(dataset.folder), "--encoder", str(encoder_folder), "--output", str(tmp_path / "out")]
    )

    assert status == STOPPED
    assert "holds no product" in json.loads(capsys.readouterr().err.splitlines()[-1])["message"]
    assert not (tmp_path / "out").exists()


def test_a_folder_that_is_no_data_set_is_named(encoder, tmp_path):
    with pytest.raises(VitrineError, match=r"no data set of `prepare`: it has no products\.jsonl"):
        embed(Dataset(tmp_path), encoder)


def a_logged_query(text, asked):
    return a_query(text, origin="log", asked=asked)


def test_the_most_asked_queries_get_vectors_of_the_large_encoder(dataset, encoder_folder, encoder, tmp_path):
    asked = {a_logged_query(text, often): {} for text, often in (("Red Shoes", 9), ("lamp", 2), ("once", 1))}
    written = write_dataset(tmp_path / "data", dataset.products, asked)

    status = main(
        ["--dataset", str(written.folder), "--encoder", str(encoder_folder), "--output", str(tmp_path / "out")]
    )

    frequent = FrequentQueries.open(tmp_path / "out")
    assert status == DONE
    assert (len(frequent), frequent.about.space) == (2, encoder.encoder_id)
    np.testing.assert_allclose(
        frequent.vector_of("red shoes"), encoder.encode(["Red Shoes"], max_tokens=64, exact=True)[0], atol=1e-3
    )


def test_a_shop_without_traffic_has_no_frequent_queries(dataset, encoder_folder, tmp_path):
    main(["--dataset", str(dataset.folder), "--encoder", str(encoder_folder), "--output", str(tmp_path)])

    assert FrequentQueries.open(tmp_path) is None


def test_of_too_many_queries_the_most_asked_are_kept():
    queries = [a_logged_query(f"query {often}", often) for often in (3, 7, 5)]

    assert list(most_asked(queries, 2)) == ["query 7", "query 5"]


def test_of_two_spellings_that_read_the_same_the_more_frequent_one_is_encoded():
    queries = [a_logged_query("laptop 15inch", 3), a_logged_query('Laptop 15"', 8)]

    assert most_asked(queries) == {"laptop 15inch": 'Laptop 15"'}
