import json

import numpy as np
import pytest

from benchmarks.resampled import COSINES, resampled_records, sources, turned, write_resampled
from relevance.catalogue import read_catalogue
from relevance.product_text import embedding_text
from relevance.text import words
from sagemaker_jobs.known_vectors import encode_unknown


@pytest.fixture(scope="module")
def records():
    """40 lamps, each with a model number, some with a price."""
    colours = ("red", "blue", "green", "white", "black")
    return [
        {
            "objectID": f"p{number}",
            "title": f"Desk lamp {colours[number % 5]} with dimmer and cable LX{100 + number}",
            "description": "Warm light for the office, steel and glass",
            "attributes": {"colour": colours[number % 5], "weight": 100.0 + number, "dimmable": True},
        }
        | ({"price": 10.0 + number} if number % 2 else {})
        for number in range(40)
    ]


@pytest.fixture(scope="module")
def vectors():
    made = np.random.default_rng(1).standard_normal((40, 16)).astype(np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


def test_real_products_come_first_as_they_are_and_every_id_is_there_once(records):
    made = list(resampled_records(records, sources(500, len(records))))

    assert made[:40] == records
    assert len({record["objectID"] for record in made}) == len(made) == 500


def test_copies_are_products_whose_words_and_numbers_differ_from_the_original(records):
    of = sources(500, len(records))
    made = list(resampled_records(records, of))

    read = read_catalogue(json.dumps(record) for record in made)

    assert (len(read.products), read.refused) == (500, ())
    changed = [record["title"] != records[source]["title"] for record, source in zip(made[40:], of[40:], strict=True)]
    assert np.mean(changed) > 0.5
    weights = {record["attributes"].get("weight") for record in made}
    assert len(weights - {record["attributes"]["weight"] for record in records}) > 10


def test_the_vocabulary_grows_with_the_catalogue(records):
    of = sources(500, len(records))

    sizes = [
        len({word for record in list(resampled_records(records, of[:count])) for word in words(record["title"])})
        for count in (40, 200, 500)
    ]

    assert sizes[0] < sizes[1] < sizes[2]


def test_the_same_catalogue_comes_out_every_time(records):
    of = sources(80, len(records))

    assert list(resampled_records(records, of)) == list(resampled_records(records, sources(80, len(records))))


def test_copies_vectors_are_of_unit_length_and_near_the_originals(vectors):
    rows = np.random.default_rng(2).integers(40, size=300)

    made = turned(vectors, rows)

    cosines = (made * vectors[rows]).sum(axis=1)
    np.testing.assert_allclose(np.linalg.norm(made, axis=1), 1, rtol=1e-5)
    assert COSINES[0] - 0.15 < cosines.min() < cosines.max() < COSINES[1] + 0.05
    assert np.mean(cosines) == pytest.approx(np.mean(COSINES), abs=0.05)


def test_a_release_can_be_built_of_what_is_written_without_encoding_a_text(records, vectors, tmp_path):
    write_resampled(records, vectors, 100, tmp_path, tmp_path / "known.npz")

    def refuse(texts):
        raise AssertionError(f"{len(texts)} texts would be encoded")

    products = read_catalogue((tmp_path / "products.jsonl").read_bytes().splitlines()).products
    found = encode_unknown([embedding_text(product) for product in products], tmp_path / "known.npz", refuse)

    assert found.shape == (100, 16)
    np.testing.assert_array_equal(found[:40], vectors)
    assert "for load only" in json.loads((tmp_path / "report.json").read_text())["source"]
