import json
import shutil
from time import perf_counter

import numpy as np
import pytest

from relevance.contracts.stages import PreprocessRequest
from relevance.errors import ReleaseRefused
from relevance.frequent_queries import ABOUT, KEYS, MOST_FREQUENT, VECTORS, FrequentQueries
from relevance.release import open_release
from relevance.search import understand
from relevance.understanding import read_query
from sagemaker_jobs.build_release import build_release
from tests.builders import some_products, write_linear_ranker
from tests.sagemaker_jobs.training_results import (
    a_query,
    random_directions,
    write_dataset,
    write_encoder,
    write_vectors,
)


def of(*queries, seed=1):
    return dict(zip(queries, random_directions(len(queries), 16, seed), strict=True))


def test_each_query_finds_its_own_vector(tmp_path):
    vectors = of("red shoes", "laptop 15inch", "café", "跑步鞋")
    FrequentQueries.write(tmp_path, vectors, "large")

    frequent = FrequentQueries.open(tmp_path)

    assert len(frequent) == 4
    for query, vector in vectors.items():
        np.testing.assert_allclose(frequent.vector_of(query), vector, atol=1e-3)
    assert np.linalg.norm(frequent.vector_of("café")) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("query", ["", "red shoe", "shoes red", "red shoes "])
def test_another_query_finds_none(tmp_path, query):
    FrequentQueries.write(tmp_path, of("red shoes"), "large")

    assert FrequentQueries.open(tmp_path).vector_of(query) is None


def test_what_was_typed_is_in_none_of_the_files(tmp_path):
    FrequentQueries.write(tmp_path, of("shoes for anna"), "large")

    assert not any(b"anna" in path.read_bytes() for path in tmp_path.iterdir())


def test_a_folder_without_any_is_none(tmp_path):
    assert FrequentQueries.open(tmp_path) is None


def test_most_queries_are_found_in_microseconds(tmp_path):
    queries = [f"query number {number}" for number in range(MOST_FREQUENT)]
    FrequentQueries.write(tmp_path, dict(zip(queries, random_directions(len(queries), 8), strict=True)), "large")
    frequent = FrequentQueries.open(tmp_path)

    fastest = min(_took(frequent, query) for query in queries[:200])

    assert fastest < 50e-6


def _took(frequent, query):
    begun = perf_counter()
    assert frequent.vector_of(query) is not None
    return perf_counter() - begun


def test_too_many_are_refused(tmp_path):
    vector = np.ones(1, dtype=np.float32)

    with pytest.raises(ValueError, match="20,001 frequent queries: expected 1 to 20,000"):
        FrequentQueries.write(tmp_path, dict.fromkeys(map(str, range(MOST_FREQUENT + 1)), vector), "large")


@pytest.mark.parametrize("length", [0.5, 2.0, np.nan])
def test_a_vector_of_another_length_is_refused(tmp_path, length):
    with pytest.raises(ValueError, match=r"frequent query 1: its vector has length .*, expected 1"):
        FrequentQueries.write(tmp_path, {"a": np.array([1.0, 0.0]), "b": np.array([length, 0.0])}, "large")


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / KEYS).unlink(),
        lambda folder: (folder / VECTORS).write_bytes((folder / VECTORS).read_bytes()[:-8]),
        lambda folder: (folder / ABOUT).write_text("{}"),
        lambda folder: np.save(folder / KEYS, np.load(folder / KEYS)[::-1]),
        lambda folder: np.save(folder / KEYS, np.load(folder / KEYS)[1:]),
        lambda folder: np.save(folder / VECTORS, np.load(folder / VECTORS)[:, 1:]),
    ],
    ids=["no keys", "cut vectors", "nothing said", "keys that fall", "a key less", "a dimension less"],
)
def test_files_that_do_not_fit_are_refused(tmp_path, damage):
    FrequentQueries.write(tmp_path, of("a", "b", "c"), "large")
    damage(tmp_path)

    with pytest.raises(ReleaseRefused, match="frequent queries in"):
        FrequentQueries.open(tmp_path)


@pytest.fixture
def trained(tmp_path):
    """What the jobs before a build wrote, with two frequent queries."""
    dataset = write_dataset(tmp_path / "dataset", some_products(), {a_query("kettle"): {"kettle": 1.0}})
    write_encoder(tmp_path / "models" / "encoder", space="large")
    write_vectors(tmp_path / "vectors", dataset, tmp_path / "models" / "encoder")
    write_linear_ranker(tmp_path / "models" / "ranker", {"fused": 1.0})
    queries = dict(zip(("electric kettle", "laptop 14inch"), random_directions(2, 384), strict=True))
    FrequentQueries.write(tmp_path / "vectors", queries, "large")
    return tmp_path


def built(trained):
    return build_release(
        some_products(),
        trained / "models",
        trained / "releases",
        described="a test's",
        say=lambda _: None,
        vectors=trained / "vectors",
    )


def rung_of(release, query):
    return understand(PreprocessRequest(query_id="0" * 32, query=query), release).rung


def test_a_release_answers_frequent_queries_from_its_cache_however_they_are_typed(trained):
    release = open_release(built(trained))

    assert release.manifest.frequent_queries == 2
    assert [rung_of(release, query) for query in ("Electric  Kettle", "electric kettel", "LAPTOP 14″")] == ["cache"] * 3
    assert rung_of(release, "kettle, electric") == "lambda"


def test_the_cached_vector_is_the_large_models(trained):
    release = open_release(built(trained))

    understood = understand(PreprocessRequest(query_id="0" * 32, query="electric kettle"), release)

    large = random_directions(2, 384)[0]
    assert understood.vector @ large > 0.999
    assert release.encoder.encode("electric kettle") @ large < 0.5


def test_other_frequent_queries_make_another_release(trained):
    first = built(trained)
    FrequentQueries.write(trained / "vectors", {"lamp": random_directions(1, 384)[0]}, "large")

    second = built(trained)

    assert first != second
    assert rung_of(open_release(second), "electric kettle") == "lambda"


@pytest.mark.parametrize(
    ("space", "dimension", "said"),
    [("larger", 384, "space of frequent queries large, its files larger"), ("large", 8, "dimension of .* 384, .* 8")],
)
def test_frequent_queries_of_another_model_leave_no_release(trained, space, dimension, said):
    FrequentQueries.write(trained / "vectors", {"lamp": random_directions(1, dimension)[0]}, space)

    with pytest.raises(ReleaseRefused, match=said):
        built(trained)


def test_a_manifest_that_promises_more_frequent_queries_is_refused(trained):
    folder = built(trained)
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | {"frequent_queries": 3}))

    with pytest.raises(ReleaseRefused, match="manifest says number of frequent queries 3, its files 2"):
        open_release(folder)


def test_a_release_of_before_there_were_any_still_opens(release_folder, tmp_path):
    folder = shutil.copytree(release_folder, tmp_path / release_folder.name)
    manifest = json.loads((folder / "manifest.json").read_text())
    del manifest["frequent_queries"]
    (folder / "manifest.json").write_text(json.dumps(manifest))

    assert open_release(folder).frequent_queries is None


def test_the_key_is_what_a_query_is_normalised_to():
    assert read_query("Laptop  14″").normalised == "laptop 14inch"
